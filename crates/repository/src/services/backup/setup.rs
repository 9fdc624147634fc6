//! Setting a target up: its keys, its shelf, and the sheet of paper that everything hangs on.

use std::path::{Path, PathBuf};

use age::secrecy::ExposeSecret;
use cartulary_blobs::{Shelf, ShelfConfig};
use secrecy::SecretString;

use super::target::{BackupTarget, FORMAT, INSTRUCTION, MARK, Mark, SEALED_KEY, is_name, put_text, read_mark};
use super::{BackupError, BackupSettings};
use crate::Clock;

/// The shortest passphrase. *Units*: characters.
const PASSPHRASE_MIN: usize = 12;
/// How many characters of the key are written together, so that they can be read from paper.
const GROUP: usize = 8;
const GROUPS_A_LINE: usize = 4;

/// A target to set up.
#[derive(Clone, Debug)]
pub struct NewBackupTarget {
    /// Its name: lower-case letters, digits and `-`.
    pub name: String,
    /// Where the shelf shall be.
    pub shelf: ShelfConfig,
    /// How often a backup is begun by itself. *Units*: hours; 0: never.
    pub every_hours: u32,
    /// How fast it may write. *Units*: bytes a second; 0: as fast as it goes.
    pub bytes_per_second: u64,
    /// How many backups are kept.
    pub keep: u32,
    /// Opens the backups beside the recovery key.
    pub passphrase: Option<SecretString>,
}

/// What must be printed and kept: the only thing that opens the backups, but for the passphrase.
#[derive(Debug)]
pub struct RecoverySheet {
    /// The sheet, ready to be printed.
    pub text: String,
    /// The file of the configuration that was written.
    pub target_file: PathBuf,
}

impl BackupSettings {
    /// Sets up a target: makes its keys, marks its shelf, writes its file, and returns the recovery sheet, which is nowhere else.
    ///
    /// # Errors
    /// [`BackupError`]; a shelf that has backups already is not taken.
    pub async fn set_up(&self, new: NewBackupTarget, scratch: &Path) -> Result<RecoverySheet, BackupError> {
        let targets = self.targets();
        if !is_name(&new.name) {
            let reason = "it has up to 40 lower-case letters, digits and `-`".to_owned();
            return Err(BackupError::BadKey { what: "name", reason });
        }
        if targets.read(&new.name).is_ok() {
            return Err(BackupError::TargetThere { name: new.name });
        }
        if let Some(passphrase) = &new.passphrase
            && secrecy::ExposeSecret::expose_secret(passphrase).chars().count() < PASSPHRASE_MIN
        {
            let reason = format!("it has at least {PASSPHRASE_MIN} characters: several words are best");
            return Err(BackupError::BadKey { what: "passphrase", reason });
        }
        make_folder(&new.shelf)?;
        let shelf = Shelf::open(&new.shelf)?;
        if read_mark(&shelf).await?.is_some() {
            return Err(BackupError::OtherShelf { place: new.shelf.to_string() });
        }
        let identity = age::x25519::Identity::generate();
        let key = identity.to_string();
        let target = BackupTarget {
            every_hours: new.every_hours,
            bytes_per_second: new.bytes_per_second,
            keep: new.keep,
            recipient: identity.to_public().to_string(),
            name_key: hex::encode(random_bytes()?),
            shelf: new.shelf,
        };
        if let Some(passphrase) = new.passphrase {
            let sealed = seal_key(key.expose_secret().to_owned(), passphrase).await?;
            put_text(&shelf, scratch, SEALED_KEY, &sealed).await?;
        }
        let instruction = instruction(&target.shelf);
        put_text(&shelf, scratch, INSTRUCTION, instruction.as_bytes()).await?;
        // The mark comes last: without it there is no shelf.
        let mark = Mark { format: FORMAT, recipient: target.recipient.clone() };
        let mark = serde_json::to_vec_pretty(&mark).map_err(crate::RepositoryError::internal)?;
        put_text(&shelf, scratch, MARK, &mark).await?;
        let target_file = targets.write(&new.name, &target)?;
        let text = sheet(&self.office, &new.name, &target, key.expose_secret(), &instruction);
        Ok(RecoverySheet { text, target_file })
    }
}

fn random_bytes() -> Result<[u8; 32], BackupError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(crate::RepositoryError::internal)?;
    Ok(bytes)
}

/// Makes the folder of a shelf; that above it must be there, or a disk that is not plugged in would be written beside.
fn make_folder(shelf: &ShelfConfig) -> Result<(), BackupError> {
    let ShelfConfig::Folder { path } = shelf else { return Ok(()) };
    if !path.is_absolute() {
        let reason = format!("`{}` is not a full path", path.display());
        return Err(BackupError::BadKey { what: "folder", reason });
    }
    match std::fs::create_dir(path) {
        Err(source) if source.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(BackupError::File { path: path.clone(), source })
        }
        _ => Ok(()),
    }
}

async fn seal_key(key: String, passphrase: SecretString) -> Result<Vec<u8>, BackupError> {
    let sealing = tokio::task::spawn_blocking(move || {
        let passphrase = secrecy::ExposeSecret::expose_secret(&passphrase).to_owned();
        age::encrypt(&age::scrypt::Recipient::new(passphrase.into()), key.as_bytes())
    });
    let sealed = sealing.await.map_err(crate::RepositoryError::internal)?;
    Ok(sealed.map_err(crate::RepositoryError::internal)?)
}

/// The page that lies on the shelf, and on the sheet below the key.
fn instruction(shelf: &ShelfConfig) -> String {
    let from = match shelf {
        ShelfConfig::Folder { path } => format!("--from {}", path.display()),
        ShelfConfig::S3(_) => "--s3 FILE".to_owned(),
    };
    let s3 = match shelf {
        ShelfConfig::Folder { .. } => {
            "   The disk may have another place on that machine: name the folder that this page lies in.\n".to_owned()
        }
        ShelfConfig::S3(config) => format!(
            "   FILE says how to reach the store:  endpoint = \"{}\"  bucket = \"{}\"  prefix = \"{}\"\n   \
             accessKey = \"file:/path\"  secretKey = \"file:/path\"\n",
            config.endpoint, config.bucket, config.prefix
        ),
    };
    format!(
        "PUTTING THE OFFICE BACK\n\
         \n\
         1. Put the program `cartulary` on a machine with Linux, of the version that made the backup or a later one.\n\
         2. Connect the disk, the share or the network of the backup.\n\
         3. Type:   cartulary restore {from} --data /srv/office\n\
         {s3}\
         \x20  It asks for the recovery key of the sheet, or for the passphrase. It says how far it is, checks every\n\
         \x20  byte, and ends with \"The office is back\". If it was stopped, type the same again: it goes on.\n\
         4. Type:   cartulary serve --data /srv/office\n\
         \x20  People sign in with the passwords that they had. What came after the backup is not there.\n\
         \n\
         To see whether a backup is good, without touching the office:   cartulary restore-drill {from}\n"
    )
}

fn sheet(office: &str, name: &str, target: &BackupTarget, key: &str, instruction: &str) -> String {
    let characters: Vec<char> = key.chars().collect();
    let groups: Vec<String> = characters.chunks(GROUP).map(|group| group.iter().collect()).collect();
    let lines: Vec<String> = groups.chunks(GROUPS_A_LINE).map(|line| format!("      {}", line.join(" "))).collect();
    format!(
        "CARTULARY · RECOVERY SHEET\n\
         \n\
         Office    {office}\n\
         Backups   {name}: {}\n\
         Made      {}\n\
         \n\
         Print this page now, twice, and keep it away from the office's machine and from the backup's disk: whoever has it\n\
         reads the backups, and without it (or the passphrase, if one was given) nobody does. It is shown this once.\n\
         \n\
         Recovery key (spaces and lines do not count):\n\
         \n\
         {}\n\
         \n\
         {instruction}",
        target.shelf,
        Clock::default().now(),
        lines.join("\n"),
    )
}
