//! Tries whether a folder can be written, synced, read and listed.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::time::Instant;

use super::{Folder, STAGING, sync_folder};
use crate::error::Result;
use crate::probe::FolderFindings;

impl Folder {
    /// Writes a file durably, reads it, lists it, creates it again, and removes it. Blocks.
    pub(crate) fn probe(&self, content: &[u8]) -> Result<FolderFindings> {
        let path = self.new_staging_path();
        let staging = self.root.join(STAGING);
        let attempt = || -> io::Result<FolderFindings> {
            let mut file = OpenOptions::new().write(true).create_new(true).open(&path)?;
            file.write_all(content)?;
            file.sync_all()?;
            sync_folder(&staging)?;
            let written = Instant::now();
            let read = fs::read(&path)?.into();
            let mut is_listed = false;
            for entry in fs::read_dir(&staging)? {
                is_listed |= entry?.path() == path;
            }
            let again = OpenOptions::new().write(true).create_new(true).open(&path);
            let refuses_second_creation = again.is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists);
            Ok(FolderFindings { written, read, refuses_second_creation, is_listed })
        };
        let outcome = attempt();
        let removed = fs::remove_file(&path);
        let findings = outcome.map_err(|error| self.fault("try the folder of the blobs", error))?;
        removed.map_err(|error| self.fault("try the folder of the blobs", error))?;
        Ok(findings)
    }
}
