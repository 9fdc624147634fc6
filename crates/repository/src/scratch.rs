//! Files of the work folder: what may be lost at any time, and of sealed blobs must not stay.
//!
//! A contained reader and an import of a bag are given files, so the bytes of a sealed blob lie here unencrypted while they work,
//! for this user only. What a process that ended in the middle has left is removed by the next one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

use crate::{RepositoryError, Result};

/// How the names of copies of blobs begin.
const COPY: &str = "copy-";
/// What else holds contents and goes with who made it: bags that are unpacked or written, copies of the database.
const OTHERS: [&str; 2] = ["bag-", "backup-"];

/// Returns a path for a copy of a blob that nobody else has.
pub(crate) fn new_copy(work_dir: &Path) -> PathBuf {
    work_dir.join(format!("{COPY}{}", Uuid::now_v7()))
}

/// Makes a file for this user only.
pub(crate) async fn create(path: &Path) -> Result<tokio::fs::File> {
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).await.map_err(RepositoryError::internal)
}

/// Removes what an earlier process has left and nobody wrote to for `older_than`. Waits for the disk.
pub(crate) fn sweep(work_dir: &Path, older_than: Duration) {
    for entry in std::fs::read_dir(work_dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_ours =
            name.to_str().is_some_and(|name| [COPY].iter().chain(&OTHERS).any(|start| name.starts_with(start)));
        let Ok(details) = entry.metadata() else { continue };
        let age = details.modified().ok().and_then(|modified| modified.elapsed().ok()).unwrap_or_default();
        if !is_ours || age < older_than {
            continue;
        }
        let path = entry.path();
        let removed = if details.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        if let Err(error) = removed {
            tracing::warn!(path = %path.display(), %error, "what an earlier process left could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[tokio::test]
    async fn copies_are_for_their_owner_and_swept_when_old_enough() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let copy = new_copy(folder.path());
        drop(create(&copy).await.unwrap());
        assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::create_dir(folder.path().join("bag-1")).unwrap();
        std::fs::write(folder.path().join("something"), "else").unwrap();
        sweep(folder.path(), Duration::from_secs(3600));
        assert!(copy.exists());
        sweep(folder.path(), Duration::ZERO);
        let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["something"]);
    }
}
