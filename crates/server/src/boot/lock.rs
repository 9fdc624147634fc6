//! The lock on a data folder: two programs never have it open at once.
//!
//! It is a lock of the system on an open file, so that it ends with the process, however that ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Why a data folder could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another program has it open.
    #[error("the data folder `{}` is open in another program{occupant}", folder.display())]
    Occupied {
        /// The data folder.
        folder: PathBuf,
        /// Who has it.
        occupant: Occupant,
    },
    /// The lock's file cannot be used.
    #[error("cannot lock the data folder with `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

/// Who has a data folder open, as far as the lock's file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Occupant {
    /// The process.
    pub pid: Option<u32>,
    /// Where it answers, when it is an office.
    pub address: Option<String>,
}

impl std::fmt::Display for Occupant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.pid, &self.address) {
            (Some(pid), Some(address)) => write!(f, ": process {pid}, an office that answers at {address}"),
            (Some(pid), None) => write!(f, ": process {pid}"),
            _ => Ok(()),
        }
    }
}

/// A locked data folder. It is free again when this is dropped.
#[derive(Debug)]
pub struct DataLock {
    file: File,
}

impl DataLock {
    /// Locks a data folder by its lock file, which is made when it is not there.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn take(path: &Path) -> Result<Self, LockError> {
        let failed = |source| LockError::File { path: path.to_owned(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let folder = path.parent().unwrap_or(path).to_owned();
                return Err(LockError::Occupied { folder, occupant: read_occupant(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let lock = Self { file };
        match lock.write("") {
            // Who has it is told for people's sake: on a full disk the lock holds without, and commands can look what is wrong.
            Err(full) if matches!(full.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {}
            written => written.map_err(failed)?,
        }
        Ok(lock)
    }

    /// Says who has the data folder open, if anybody has.
    pub fn occupant(path: &Path) -> Option<Occupant> {
        let mut file = OpenOptions::new().read(true).open(path).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => Some(read_occupant(&mut file)),
            Ok(()) => {
                let _ = file.unlock();
                None
            }
            Err(TryLockError::Error(_)) => None,
        }
    }

    /// Notes where the office answers.
    pub fn announce(&self, address: &str) {
        if let Err(error) = self.write(address) {
            tracing::warn!(error = %error, "the address could not be noted in the lock's file");
        }
    }

    fn write(&self, address: &str) -> std::io::Result<()> {
        let mut file = &self.file;
        file.rewind()?;
        self.file.set_len(0)?;
        file.write_all(format!("{}\n{address}\n", std::process::id()).as_bytes())
    }
}

impl Drop for DataLock {
    /// Unlocks by word, not by closing: a process that this one is just starting has the open file too, until it has
    /// become its own program.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

fn read_occupant(file: &mut File) -> Occupant {
    let mut text = String::new();
    if file.rewind().is_err() || file.take(1024).read_to_string(&mut text).is_err() {
        return Occupant::default();
    }
    let mut lines = text.lines();
    let pid = lines.next().and_then(|line| line.parse().ok());
    let address = lines.next().filter(|line| !line.is_empty()).map(str::to_owned);
    Occupant { pid, address }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_second_program_is_told_who_has_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cartulary.lock");
        let lock = DataLock::take(&path).unwrap();
        lock.announce("http://127.0.0.1:8480");
        let words = DataLock::take(&path).unwrap_err().to_string();
        assert!(words.contains(&std::process::id().to_string()), "{words}");
        assert!(words.contains("http://127.0.0.1:8480"), "{words}");
        assert_eq!(DataLock::occupant(&path).unwrap().pid, Some(std::process::id()));
        drop(lock);
        assert_eq!(DataLock::occupant(&path), None);
        assert!(DataLock::take(&path).is_ok());
    }

    #[test]
    fn a_folder_is_free_although_a_child_was_started_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cartulary.lock");
        let lock = DataLock::take(&path).unwrap();
        let inherited = lock.file.try_clone().unwrap();
        drop(lock);
        assert_eq!(DataLock::occupant(&path), None);
        drop(inherited);
    }
}
