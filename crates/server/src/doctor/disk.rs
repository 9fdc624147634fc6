//! Findings about the disk: room, kind of file system, and how long it takes until bytes are safe.

use std::fs::OpenOptions;
use std::io::{Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cartulary_blobs::{FolderSettings, StoreConfig};
use cartulary_db::Backend;

use super::Finding;
use crate::configuration::Loaded;
use crate::output;

const SYNCS: usize = 40;
const LONGEST_MEASUREMENT: Duration = Duration::from_secs(3);

/// File systems that live on another machine, or in memory: SQLite and the index want neither. (statfs(2), f_type)
const UNFIT: [(i64, &str); 6] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "CIFS"),
    (0xfe53_4d42, "SMB"),
    (0x0102_1994, "tmpfs, which is memory"),
    (0x0102_1997, "9p"),
    (0x00c3_6400, "Ceph"),
];

/// Looks at the disks of the data folder and of the blobs.
pub fn examine(loaded: &Loaded) -> Vec<Finding> {
    let root = nearest_folder(&loaded.data.root);
    let mut findings = vec![file_system(loaded, &root), syncs(&root)];
    let mut reserve = 0;
    let mut places = vec![("free space", root)];
    if let StoreConfig::Folder(FolderSettings { path, reserve_bytes, .. }) = &loaded.configuration.store {
        reserve = *reserve_bytes;
        if !path.starts_with(&loaded.data.root) {
            places.push(("free space for blobs", nearest_folder(path)));
        }
    }
    findings.extend(places.into_iter().map(|(subject, place)| free_space(subject, &place, reserve)));
    findings
}

/// Returns the folder, or the nearest one above it that is there.
pub(super) fn nearest_folder(path: &Path) -> PathBuf {
    path.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

fn file_system(loaded: &Loaded, folder: &Path) -> Finding {
    let Ok(found) = rustix::fs::statfs(folder) else {
        return Finding::weak("file system", "unknown", "nothing by itself");
    };
    let kind = found.f_type;
    let unfit = UNFIT.iter().find(|(number, _)| *number == kind);
    match unfit {
        Some((_, name)) if loaded.configuration.database.backend == Backend::Sqlite => Finding::weak(
            "file system",
            format!("`{}` lies on {name}", folder.display()),
            "SQLite may lose what it acknowledged there; put the data folder on a local disk",
        ),
        Some((_, name)) => {
            Finding::weak("file system", format!("`{}` lies on {name}", folder.display()), "the index is slow there")
        }
        None => Finding::good("file system", format!("`{}` lies on a local disk", folder.display())),
    }
}

fn free_space(subject: &'static str, folder: &Path, reserve_bytes: u64) -> Finding {
    let Ok(found) = rustix::fs::statvfs(folder) else {
        return Finding::weak(subject, "unknown", "nothing by itself");
    };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let words = format!("{} on `{}`", output::bytes(free), folder.display());
    if free <= reserve_bytes {
        return Finding::bad(
            subject,
            words,
            format!("no paper is taken in: {} are kept free for the database", output::bytes(reserve_bytes)),
        );
    }
    if free < reserve_bytes.saturating_mul(3) {
        return Finding::weak(
            subject,
            words,
            format!("little is left above the reserve of {}", output::bytes(reserve_bytes)),
        );
    }
    Finding::good(subject, words)
}

/// Measures how long it takes until a written page is on the disk.
fn syncs(folder: &Path) -> Finding {
    let subject = "sync to disk";
    match measure(folder) {
        Ok(times) => {
            let at = |share: usize| times.get(times.len().saturating_sub(1) * share / 100).copied().unwrap_or_default();
            let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
            let found = format!(
                "p50 {:.2} ms, p95 {:.2} ms (fdatasync of 4 KiB, {} times)",
                milliseconds(at(50)),
                milliseconds(at(95)),
                times.len()
            );
            if at(50) > Duration::from_millis(20) {
                return Finding::weak(
                    subject,
                    found,
                    "every write waits that long; an SSD takes a few milliseconds at most",
                );
            }
            if at(50) < Duration::from_micros(10) {
                return Finding::weak(
                    subject,
                    found,
                    "too quick to be true: this disk may say that bytes are safe when they are not",
                );
            }
            Finding::good(subject, found)
        }
        Err(error) => Finding::bad(
            subject,
            format!("cannot write in `{}`: {error}", folder.display()),
            "the office cannot keep anything there",
        ),
    }
}

fn measure(folder: &Path) -> std::io::Result<Vec<Duration>> {
    let path = folder.join(format!(".cartulary-doctor-{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    let measured = (|| {
        let page = [7_u8; 4096];
        file.write_all(&page)?;
        file.sync_all()?;
        let (begun, mut times) = (Instant::now(), Vec::with_capacity(SYNCS));
        while times.len() < SYNCS && begun.elapsed() < LONGEST_MEASUREMENT {
            file.rewind()?;
            file.write_all(&page)?;
            let before = Instant::now();
            file.sync_data()?;
            times.push(before.elapsed());
        }
        times.sort_unstable();
        Ok(times)
    })();
    std::fs::remove_file(&path)?;
    measured
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::doctor::State;

    #[test]
    fn syncs_are_measured_and_nothing_stays_behind() {
        let folder = tempfile::tempdir().unwrap();
        assert!(syncs(folder.path()).found.contains("p50"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_bad() {
        assert_eq!(syncs(Path::new("/proc")).state, State::Bad);
    }

    #[test]
    fn a_reserve_that_is_not_there_stops_the_office() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(free_space("free space", folder.path(), u64::MAX).state, State::Bad);
        assert_eq!(free_space("free space", folder.path(), 0).state, State::Good);
    }

    #[test]
    fn a_data_folder_that_is_not_there_is_judged_by_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(nearest_folder(&folder.path().join("a/b")), folder.path());
    }
}
