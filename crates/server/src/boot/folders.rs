//! The folders of an office, made when they are not there.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use cartulary_blobs::StoreConfig;
use cartulary_db::Backend;

use crate::configuration::Loaded;

/// Makes the data folder and those in it, for this user only, and syncs the names.
pub fn prepare(loaded: &Loaded) -> anyhow::Result<()> {
    let (configuration, data) = (&loaded.configuration, &loaded.data);
    let mut folders =
        vec![data.root.clone(), data.config(), configuration.index.path.clone(), configuration.work.path.clone()];
    if configuration.database.backend == Backend::Sqlite {
        folders.extend(configuration.database.sqlite.path.parent().map(Path::to_owned));
    }
    if let StoreConfig::Folder { path, .. } = &configuration.store {
        folders.push(path.clone());
    }
    for folder in &folders {
        make(folder).with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    }
    Ok(())
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
