//! The master keys of a store: a file that only its owner reads.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{KEY, NONCE, TAG};
use crate::error::{BlobError, Result};

/// How a line with a key begins.
const LINE: &str = "cartulary-master-key-1";
/// No key file is longer. *Units*: bytes.
const FILE_MAX: u64 = 64 * 1024;
/// What stands above the first key of a new file.
const ABOUT: &str = "\
# The master key of the stored papers of an office (Cartulary). Whoever has this file and the store can read every paper;
# without it nobody can. Every backup has it, sealed. The last line seals new papers; the lines above only open older ones.
";

/// Names a master key without telling anything of it.
///
/// *Shape*: 16 lower-case hex digits, the first of the SHA-256 of the key and a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub(super) [u8; 8]);

impl KeyId {
    fn of(key: &[u8]) -> Self {
        let digest: [u8; 32] =
            Sha256::new().chain_update(b"cartulary master key id").chain_update(key).finalize().into();
        let [a, b, c, d, e, f, g, h, ..] = digest;
        Self([a, b, c, d, e, f, g, h])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for KeyId {
    type Err = hex::FromHexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut id = [0; 8];
        hex::decode_to_slice(text, &mut id)?;
        Ok(Self(id))
    }
}

/// The keys of a key file: the last one seals, all open.
pub struct MasterKeys {
    all: Vec<(KeyId, LessSafeKey)>,
    newest: KeyId,
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MasterKeys").field("ids", &self.ids()).finish_non_exhaustive()
    }
}

impl MasterKeys {
    /// Reads a key file. Blocks.
    ///
    /// # Errors
    /// [`BlobError::Config`], in words: it is not there, others can read it, or it is no key file.
    pub fn read(path: &Path) -> Result<Self, BlobError> {
        let text = read_text(path)?;
        Self::parse(&text).map_err(|reason| unusable(path, &reason))
    }

    /// Makes a key file with one random key, for its owner only, and returns the key's name. Durable when this returns. Blocks.
    ///
    /// # Errors
    /// [`BlobError::Config`] when something lies there already, or it cannot be written.
    pub fn create(path: &Path) -> Result<KeyId, BlobError> {
        let (id, line) = new_line()?;
        let text = Zeroizing::new(format!("{ABOUT}{}\n", line.as_str()));
        write_new(path, &text).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                unusable(path, "there is one already; a new key is added to it by `key rotate`")
            }
            _ => unusable(path, &format!("it cannot be written ({error})")),
        })?;
        Ok(id)
    }

    /// Adds a random key to a key file, and returns its name: what is stored from then on is sealed with it. The file is
    /// replaced by a whole one. Blocks.
    ///
    /// # Errors
    /// As [`MasterKeys::read`]; [`BlobError::Config`] when it cannot be written.
    pub fn rotate(path: &Path) -> Result<KeyId, BlobError> {
        let old = read_text(path)?;
        Self::parse(&old).map_err(|reason| unusable(path, &reason))?;
        let (id, line) = new_line()?;
        let text = Zeroizing::new(format!("{}\n{}\n", old.trim_end(), line.as_str()));
        replace(path, &text)?;
        Ok(id)
    }

    /// Takes a key that is not the last one out of a key file. The file is replaced by a whole one. Blocks.
    ///
    /// # Errors
    /// As [`MasterKeys::read`]; [`BlobError::Config`] when it has no such key, or it is the one that seals.
    pub fn retire(path: &Path, id: KeyId) -> Result<(), BlobError> {
        let old = read_text(path)?;
        let keys = Self::parse(&old).map_err(|reason| unusable(path, &reason))?;
        if keys.newest == id {
            return Err(unusable(path, &format!("the key {id} is the one that seals; add another one first")));
        }
        if keys.key(id).is_none() {
            return Err(unusable(path, &format!("it has no key {id}")));
        }
        let is_other = |line: &&str| key_of(line).is_none_or(|key| key.is_ok_and(|key| KeyId::of(&*key) != id));
        let mut text = Zeroizing::new(String::with_capacity(old.len() + 1));
        for line in old.lines().filter(is_other) {
            text.push_str(line);
            text.push('\n');
        }
        replace(path, &text)
    }

    /// Returns the names of all keys, the one that seals last.
    pub fn ids(&self) -> Vec<KeyId> {
        self.all.iter().map(|(id, _)| *id).collect()
    }

    /// Returns the name of the key that seals.
    pub const fn newest(&self) -> KeyId {
        self.newest
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut all: Vec<(KeyId, LessSafeKey)> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let Some(key) = key_of(line) else { continue };
            let key = key.map_err(|reason| format!("line {}: {reason}", number + 1))?;
            let id = KeyId::of(&*key);
            if all.iter().any(|(other, _)| *other == id) {
                return Err(format!("it has the key {id} twice"));
            }
            let key = UnboundKey::new(&AES_256_GCM, &*key).map_err(|_| "the key cannot be used".to_owned())?;
            all.push((id, LessSafeKey::new(key)));
        }
        let newest = all.last().map(|(id, _)| *id).ok_or("it has no key")?;
        Ok(Self { all, newest })
    }

    fn key(&self, id: KeyId) -> Option<&LessSafeKey> {
        self.all.iter().find(|(other, _)| *other == id).map(|(_, key)| key)
    }

    /// Wraps a blob's key with the newest master key.
    pub(super) fn wrap(&self, nonce: [u8; NONCE], about: &[u8], key: &[u8; KEY]) -> Result<Vec<u8>> {
        let master = self.key(self.newest).ok_or_else(no_cipher)?;
        // The key itself never lies in memory that is not wiped: it is encrypted where it is wiped.
        let mut wrapped = Zeroizing::new(*key);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = master
            .seal_in_place_separate_tag(nonce, Aad::from(about), wrapped.as_mut_slice())
            .map_err(|_| no_cipher())?;
        Ok([wrapped.as_slice(), tag.as_ref()].concat())
    }

    /// Opens a wrapped key. `None`: this key file has not the master key. An error in the result: the seal was changed.
    pub(super) fn unwrap(
        &self,
        id: KeyId,
        nonce: [u8; NONCE],
        about: &[u8],
        wrapped: &[u8],
    ) -> Option<std::result::Result<Zeroizing<[u8; KEY]>, super::open::Broken>> {
        let master = self.key(id)?;
        let mut key = Zeroizing::new([0; KEY]);
        let opened =
            wrapped.split_at_checked(KEY).filter(|(_, tag)| tag.len() as u64 == TAG).is_some_and(|(bytes, tag)| {
                let nonce = Nonce::assume_unique_for_key(nonce);
                master.open_separate_gather(nonce, Aad::from(about), bytes, tag, key.as_mut_slice()).is_ok()
            });
        Some(if opened { Ok(key) } else { Err(super::open::Broken) })
    }
}

/// Returns the key of a line; nothing of a line without one.
fn key_of(line: &str) -> Option<Result<Zeroizing<[u8; KEY]>, &'static str>> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let mut key = Zeroizing::new([0; KEY]);
    let digits = line.strip_prefix(LINE).map(str::trim);
    let is_read = digits.is_some_and(|digits| hex::decode_to_slice(digits, key.as_mut_slice()).is_ok());
    // What stands there is not repeated: it may be a key that was cut.
    Some(if is_read { Ok(key) } else { Err("it is not the word cartulary-master-key-1 and 64 hex digits") })
}

fn new_line() -> Result<(KeyId, Zeroizing<String>)> {
    let mut key = Zeroizing::new([0; KEY]);
    random(key.as_mut_slice())?;
    let digits = Zeroizing::new(hex::encode(key.as_slice()));
    Ok((KeyId::of(&*key), Zeroizing::new(format!("{LINE} {}", digits.as_str()))))
}

/// Fills with what nobody can guess.
pub(super) fn random(into: &mut [u8]) -> Result<()> {
    aws_lc_rs::rand::fill(into).map_err(|_| no_cipher())
}

/// Says that the library of ciphers refused, which it does only when the machine gives no random bytes.
pub(super) fn no_cipher() -> BlobError {
    BlobError::Io { act: "seal a blob", source: io::Error::other("the machine's cipher or random numbers do not work") }
}

fn unusable(path: &Path, reason: &str) -> BlobError {
    BlobError::Config { setting: "keyFile", reason: format!("the key file `{}`: {reason}", path.display()) }
}

/// Reads a file that only its owner can read.
fn read_text(path: &Path) -> Result<Zeroizing<String>> {
    let read = || -> io::Result<Result<Zeroizing<String>, String>> {
        let file = File::open(path)?;
        let details = file.metadata()?;
        if !details.is_file() {
            return Ok(Err("it is no file".to_owned()));
        }
        let mode = details.mode() & 0o777;
        if mode & 0o077 != 0 {
            let words = format!("others can read or change it (mode {mode:03o}); allow only its owner: chmod 600");
            return Ok(Err(words));
        }
        let mut text = Zeroizing::new(String::new());
        file.take(FILE_MAX).read_to_string(&mut text)?;
        Ok(Ok(text))
    };
    match read() {
        Ok(text) => text.map_err(|reason| unusable(path, &reason)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(unusable(
            path,
            "it is not there. Put it back from where you keep it, or from a backup; only an office that has stored \
                 nothing sealed yet can do with a new one (`cartulary key create`)",
        )),
        Err(error) => Err(unusable(path, &format!("it cannot be read ({error})"))),
    }
}

fn replace(path: &Path, text: &str) -> Result<()> {
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    let written = write_new(&beside, text).and_then(|()| fs::rename(&beside, path)).and_then(|()| sync_folder_of(path));
    written.map_err(|error| {
        let _ = fs::remove_file(&beside);
        unusable(path, &format!("it cannot be written ({error})"))
    })
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    sync_folder_of(path)
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .map_or_else(|| PathBuf::from("."), Path::to_owned);
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn refusal(path: &Path) -> String {
        MasterKeys::read(path).unwrap_err().to_string()
    }

    #[test]
    fn a_new_key_is_for_its_owner_and_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let id = MasterKeys::create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        let keys = MasterKeys::read(&path).unwrap();
        assert_eq!((keys.newest(), keys.ids()), (id, vec![id]));
        assert_eq!(id.to_string().parse::<KeyId>().unwrap(), id);
        let again = MasterKeys::create(&path).unwrap_err().to_string();
        assert!(again.contains("there is one already"), "{again}");
    }

    #[test]
    fn a_rotated_file_opens_with_both_and_seals_with_the_new_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let first = MasterKeys::create(&path).unwrap();
        let second = MasterKeys::rotate(&path).unwrap();
        let keys = MasterKeys::read(&path).unwrap();
        assert_eq!((keys.ids(), keys.newest()), (vec![first, second], second));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        assert!(MasterKeys::retire(&path, second).is_err(), "it seals");
        MasterKeys::retire(&path, first).unwrap();
        assert_eq!(MasterKeys::read(&path).unwrap().ids(), [second]);
        assert!(MasterKeys::retire(&path, first).is_err(), "it is gone");
    }

    #[test]
    fn what_is_no_key_file_is_refused_in_words_without_what_it_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        assert!(refusal(&path).contains("is not there"));
        MasterKeys::create(&path).unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        let key = whole.lines().last().unwrap().to_owned();
        for (text, words) in [
            ("", "no key"),
            ("# nothing\n", "no key"),
            (key.split_at(key.len() - 1).0, "line 1"),
            ("cartulary-master-key-2 00", "line 1"),
            (&format!("{key}\n{key}\n"), "twice"),
        ] {
            fs::write(&path, text).unwrap();
            let refusal = refusal(&path);
            assert!(refusal.contains(words), "{refusal}");
            assert!(!refusal.contains(&key[40..60]), "{refusal}");
        }
        fs::write(&path, &whole).unwrap();
        for mode in [0o640, 0o604, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refusal = refusal(&path);
            assert!(refusal.contains("chmod 600"), "{refusal}");
        }
    }
}
