//! Proving a shelf: everything on it is read and compared with the sum in its name. It needs no key.

use cartulary_blobs::Shelf;

use super::manifest::{BLOBS, PARTS, SNAPSHOTS, snapshots};
use super::{BackupError, BackupSettings, seal};

/// What a look through a shelf found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackupCheck {
    /// How many backups there are.
    pub snapshots: u64,
    /// How many files were read.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The names of those that are damaged. They were taken off the shelf, so that the next backup lays them down anew;
    /// of manifests they were left.
    pub damaged: Vec<String>,
}

/// A target, with what lies on its shelf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupLook {
    /// Its name.
    pub name: String,
    /// Where it is, for a person.
    pub place: String,
    /// How often a backup is begun. *Units*: hours; 0: never by itself.
    pub every_hours: u32,
    /// How many backups there are.
    pub snapshots: u64,
    /// The name of the latest.
    pub latest: Option<String>,
    /// Why it cannot be looked at.
    pub fault: Option<String>,
}

impl BackupSettings {
    /// Returns all targets with what lies on their shelves.
    ///
    /// # Errors
    /// [`BackupError::File`] when the configuration cannot be read.
    pub async fn look(&self) -> Result<Vec<BackupLook>, BackupError> {
        let targets = self.targets();
        let mut looks = Vec::new();
        for name in targets.names()? {
            let mut look =
                BackupLook { name, place: String::new(), every_hours: 0, snapshots: 0, latest: None, fault: None };
            let found = match targets.read(&look.name) {
                Ok(target) => {
                    look.place = target.shelf.to_string();
                    look.every_hours = target.every_hours;
                    match target.open().await {
                        Ok(shelf) => snapshots(&shelf).await,
                        Err(error) => Err(error),
                    }
                }
                Err(error) => Err(error),
            };
            match found {
                Ok(names) => {
                    look.snapshots = names.len() as u64;
                    look.latest = names.last().cloned();
                }
                Err(error) => look.fault = Some(crate::error_chain(&error)),
            }
            looks.push(look);
        }
        Ok(looks)
    }

    /// Reads everything on the shelf of a target; `tell` hears how many files were read.
    ///
    /// # Errors
    /// [`BackupError`] when it cannot be read.
    pub async fn check(&self, target: &str, mut tell: impl FnMut(u64)) -> Result<BackupCheck, BackupError> {
        let shelf = self.targets().read(target)?.open().await?;
        let mut check = BackupCheck { snapshots: snapshots(&shelf).await?.len() as u64, ..BackupCheck::default() };
        let blobs = (0..=u8::MAX).map(|first| format!("{BLOBS}/{first:02x}"));
        for folder in [SNAPSHOTS.to_owned(), PARTS.to_owned()].into_iter().chain(blobs) {
            let before = check.files;
            let found = look_through(&shelf, &folder, |files| tell(before + files)).await?;
            check.files += found.files;
            check.bytes += found.bytes;
            check.damaged.extend(found.damaged);
        }
        Ok(check)
    }
}

/// Reads all files of a folder of a shelf.
pub(super) async fn look_through(
    shelf: &Shelf,
    folder: &str,
    mut tell: impl FnMut(u64),
) -> Result<BackupCheck, BackupError> {
    let mut check = BackupCheck::default();
    for item in shelf.list(folder).await? {
        let Some((_, sum)) = seal::parts_of(&item.name) else { continue };
        let is_sound = seal::is_sound(shelf, &item.name, sum).await?;
        check.files += 1;
        check.bytes += item.size_bytes;
        tell(check.files);
        if !is_sound {
            tracing::error!(file = %item.name, "a file of the backup is damaged");
            if folder != SNAPSHOTS {
                shelf.delete(&item.name).await?;
            }
            check.damaged.push(item.name);
        }
    }
    Ok(check)
}
