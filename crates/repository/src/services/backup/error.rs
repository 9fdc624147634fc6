//! Why a backup, or putting one back, did not succeed; one variant for each thing that a person can do about it.

use std::path::PathBuf;

use cartulary_blobs::BlobError;
use cartulary_db::DbError;

use crate::RepositoryError;

/// Why a backup, or putting one back, did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// There is no target of this name.
    #[error("there is no target of backups called `{name}`; `cartulary backup list` shows them")]
    NoTarget {
        /// The name.
        name: String,
    },
    /// There is a target of this name already.
    #[error("there is a target of backups called `{name}` already: choose another name with --name")]
    TargetThere {
        /// The name.
        name: String,
    },
    /// The file of a target is wrong.
    #[error("the target of backups `{}` cannot be used: {reason}", path.display())]
    BadTarget {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A key is none.
    #[error("the {what} cannot be used: {reason}")]
    BadKey {
        /// Which.
        what: &'static str,
        /// Why not.
        reason: String,
    },
    /// Where the shelf should be there is none: the disk is not plugged in, or the share not connected.
    #[error("{place} has no backups of Cartulary: plug the disk in, or connect the share")]
    NoShelf {
        /// Where.
        place: String,
    },
    /// The shelf is another one.
    #[error("{place} has the backups of another office or another key: plug the right disk in")]
    OtherShelf {
        /// Where.
        place: String,
    },
    /// The shelf has no room.
    #[error("the backup's disk is full: make room, or set up a larger one")]
    ShelfFull,
    /// Nothing was backed up there yet.
    #[error("there is no whole backup on it yet")]
    NoSnapshot,
    /// The backup was made by a newer program.
    #[error("the backup was made by a newer Cartulary: use that version")]
    NewerFormat,
    /// What was read back is not what was written.
    #[error("`{name}` was not read back as it was written: the disk, or the way to it, is not to be trusted")]
    NotReadBack {
        /// The file on the shelf.
        name: String,
    },
    /// A file on the shelf is damaged or missing.
    #[error("`{name}` on the shelf is damaged: {reason}")]
    Damaged {
        /// The file on the shelf.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The key does not open the backup.
    #[error("this key or passphrase does not open the backup: {reason}")]
    WrongKey {
        /// What the lock said.
        reason: String,
    },
    /// The place where a backup shall be put back is not empty.
    #[error("`{}` is not empty: name a folder that is not there yet", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A file of this machine.
    #[error("cannot use the file `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database.
    #[error("the database could not be copied or put back")]
    Database(#[from] DbError),
    /// The shelf, or the store of the office.
    #[error("the shelf of the backups does not serve")]
    Shelf(#[source] BlobError),
    /// The office itself.
    #[error("the office could not go on")]
    Office(#[from] RepositoryError),
}

impl From<BlobError> for BackupError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::NoSpace { .. } => Self::ShelfFull,
            other => Self::Shelf(other),
        }
    }
}

impl From<std::io::Error> for BackupError {
    fn from(source: std::io::Error) -> Self {
        Self::File { path: PathBuf::new(), source }
    }
}

impl BackupError {
    /// Says whether it may succeed later by itself: a disk that is plugged in, a share that comes back, room that is made.
    pub fn passes(&self) -> bool {
        matches!(
            self,
            Self::NoShelf { .. }
                | Self::OtherShelf { .. }
                | Self::ShelfFull
                | Self::Shelf(_)
                | Self::Database(DbError::Unavailable(_) | DbError::Busy(_) | DbError::StorageFull(_))
                | Self::Office(RepositoryError::Unavailable { .. } | RepositoryError::StorageFull)
        )
    }
}
