//! The folders of an office, made when they are not there.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use cartulary_blobs::{FolderSettings, StoreConfig};
use cartulary_db::Backend;

use crate::configuration::Loaded;

/// Makes the data folder and those in it, for this user only, and syncs the names. The folder of the blobs may lie on a
/// disk that hangs, and is not waited for longer than any call to it.
///
/// # Errors
/// A folder cannot be made; it is named.
pub async fn prepare(loaded: &Loaded) -> anyhow::Result<()> {
    let made = |folders: Vec<PathBuf>| -> anyhow::Result<()> {
        folders.iter().try_for_each(|folder| make(folder).with_context(|| cannot_make(folder)))
    };
    made(own(loaded))?;
    let StoreConfig::Folder(FolderSettings { path, timeout_ms, .. }) = &loaded.configuration.store else {
        return Ok(());
    };
    let (folders, patience) = (vec![path.clone()], Duration::from_millis(*timeout_ms));
    let making = tokio::time::timeout(patience, tokio::task::spawn_blocking(move || made(folders))).await;
    making.with_context(|| format!("the disk of `{}` has not answered for {timeout_ms} ms", path.display()))??
}

/// Says whether [`prepare`] would succeed and what it makes could be written into, and makes nothing.
///
/// # Errors
/// As [`prepare`]; also when a folder that is there may not be written into.
pub fn can_prepare(loaded: &Loaded) -> anyhow::Result<()> {
    let mut folders = own(loaded);
    if let StoreConfig::Folder(FolderSettings { path, .. }) = &loaded.configuration.store {
        folders.push(path.clone());
    }
    for folder in &folders {
        // What exists above a folder that is missing: there the first missing one is made.
        let Some(there) = folder.ancestors().find(|path| path.symlink_metadata().is_ok()) else { continue };
        let words = || if there == folder { cannot_write(folder) } else { cannot_make(folder) };
        if !there.is_dir() {
            return Err(std::io::Error::from(std::io::ErrorKind::NotADirectory)).with_context(|| cannot_make(folder));
        }
        rustix::fs::access(there, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK).with_context(words)?;
    }
    Ok(())
}

fn cannot_make(folder: &Path) -> String {
    format!("cannot make the folder `{}`", folder.display())
}

fn cannot_write(folder: &Path) -> String {
    format!("cannot write into the folder `{}`", folder.display())
}

/// The folders of an office but that of the blobs; each after those it lies in.
fn own(loaded: &Loaded) -> Vec<PathBuf> {
    let (configuration, data) = (&loaded.configuration, &loaded.data);
    let mut folders =
        vec![data.root.clone(), data.config(), configuration.index.path.clone(), configuration.work.path.clone()];
    if configuration.database.backend == Backend::Sqlite {
        folders.extend(configuration.database.sqlite.path.parent().map(Path::to_owned));
    }
    folders
}

/// Makes a folder with those above it; each name is durable when this returns.
fn make(folder: &Path) -> std::io::Result<()> {
    let mut missing: Vec<PathBuf> = Vec::new();
    let mut at = folder;
    while !at.is_dir() {
        missing.push(at.to_owned());
        let Some(parent) = at.parent() else { break };
        at = parent;
    }
    for folder in missing.iter().rev() {
        match std::fs::DirBuilder::new().mode(0o700).create(folder) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            made => made?,
        }
        if let Some(parent) = folder.parent() {
            std::fs::File::open(parent)?.sync_all()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn folders_are_made_for_their_owner_only() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("a/b/c");
        make(&folder).unwrap();
        make(&folder).unwrap();
        let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_file_in_the_way_is_an_error() {
        let base = tempfile::tempdir().unwrap();
        std::fs::write(base.path().join("a"), "").unwrap();
        assert!(make(&base.path().join("a/b")).is_err());
    }
}
