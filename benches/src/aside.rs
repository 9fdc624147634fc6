//! Folders that are no longer wanted: put aside while anything is measured, removed at the end.
//!
//! ext4 without a journal gives the number of a removed file to no other for a minute or more, and looks through all that
//! were removed for each file it makes. After the removal of 5,000 files the next 5,000 cost twice the processor time,
//! on whichever side made them. Source: Linux, fs/ext4/ialloc.c, `recently_deleted`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::report;

/// What the names of folders end in that were put aside.
const ENDING: &str = "-aside";
/// The time of its last change is that of the last removal.
const MARK: &str = "removed";
/// For so long removed files are held against new ones: a minute, and five more in a block that is written meanwhile.
const HELD: Duration = Duration::from_secs(361);

/// Puts a folder aside, if it is there, so that its name is free.
pub fn put(folder: &Path) -> anyhow::Result<()> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut name = folder.file_name().unwrap_or_default().to_owned();
        name.push(format!("-{number}{ENDING}"));
        let target = folder.with_file_name(name);
        if target.exists() {
            continue;
        }
        return match fs::rename(folder, target) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        };
    }
}

/// Removes what was put aside.
pub fn sweep(work: &Path) -> anyhow::Result<()> {
    let aside: Vec<PathBuf> = fs::read_dir(work)?
        .map(|entry| entry.map(|entry| entry.path()))
        .filter(|path| path.as_ref().map_or(true, |path| path.to_string_lossy().ends_with(ENDING)))
        .collect::<io::Result<_>>()?;
    if aside.is_empty() {
        return Ok(());
    }
    for folder in aside {
        fs::remove_dir_all(folder)?;
    }
    fs::write(work.join(MARK), b"")?;
    Ok(())
}

/// Waits until nothing that was removed slows new files.
pub fn rest(work: &Path) -> anyhow::Result<()> {
    rustix::fs::sync();
    let mark = match fs::metadata(work.join(MARK)) {
        Ok(mark) => mark.modified()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let left = HELD.saturating_sub(mark.elapsed().unwrap_or_default());
    if !left.is_zero() {
        report::remark(&format!("waiting {} s: the files of an earlier run were just removed", left.as_secs() + 1));
        std::thread::sleep(left);
    }
    Ok(())
}
