//! A shelf that is a folder.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use rustix::fs::{Advice, fadvise};

use super::ShelfItem;
use crate::CHUNK_BYTES;
use crate::error::{BlobError, Result};

/// Where files are written before they have their names.
const DESK: &str = "unfinished";

/// Runs what may block as long as a disk does.
async fn blocking<T: Send + 'static>(act: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(act).await;
    done.unwrap_or_else(|error| Err(failed("finish", io::Error::other(error))))
}

fn failed(act: &'static str, source: io::Error) -> BlobError {
    match source.kind() {
        ErrorKind::NotFound => BlobError::NotFound,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            BlobError::NoSpace { needed_bytes: None, reserve_bytes: 0, free_bytes: 0 }
        }
        _ => BlobError::Io { act, source },
    }
}

pub(super) async fn desk(root: PathBuf) -> Result<PathBuf> {
    blocking(move || {
        let desk = root.join(DESK);
        match fs::create_dir(&desk) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(failed("make a folder on the shelf", error)),
            _ => Ok(desk),
        }
    })
    .await
}

pub(super) async fn put(root: PathBuf, name: String, file: PathBuf) -> Result<()> {
    blocking(move || {
        let target = root.join(&name);
        let folder = target.parent().unwrap_or(&root).to_owned();
        let act = "lay a file down on the shelf";
        make_folders(&root, &folder).map_err(|error| failed(act, error))?;
        File::open(&file).and_then(|file| file.sync_all()).map_err(|error| failed(act, error))?;
        fs::rename(&file, &target).map_err(|error| failed(act, error))?;
        sync_folder(&folder).map_err(|error| failed(act, error))
    })
    .await
}

/// Makes the folders between the shelf and a file, each durable in its own.
fn make_folders(root: &Path, folder: &Path) -> io::Result<()> {
    if folder == root || folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().unwrap_or(root);
    make_folders(root, above)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(above),
    }
}

/// Syncs a folder; the file systems of some removable disks and shares cannot, and keep names by themselves.
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}

pub(super) async fn get(root: PathBuf, name: String) -> Result<BoxStream<'static, Result<Bytes>>> {
    let act = "read a file on the shelf";
    let file = blocking(move || {
        let file = File::open(root.join(name)).map_err(|error| failed(act, error))?;
        // What was written a moment ago is read from the medium, as far as the system lets go of it.
        let _ = fadvise(&file, 0, None, Advice::DontNeed);
        Ok(file)
    })
    .await?;
    let read = move |mut file: File| async move {
        let chunk = blocking(move || {
            let mut bytes = vec![0; CHUNK_BYTES];
            let length = file.read(&mut bytes).map_err(|error| failed(act, error))?;
            bytes.truncate(length);
            Ok((Bytes::from(bytes), file))
        });
        match chunk.await {
            Ok((bytes, _)) if bytes.is_empty() => None,
            Ok((bytes, file)) => Some((Ok(bytes), Some(file))),
            Err(error) => Some((Err(error), None)),
        }
    };
    let chunks = stream::unfold(Some(file), move |file| async move { read(file?).await });
    Ok(chunks.boxed())
}

pub(super) async fn list(root: PathBuf, folder: String) -> Result<Vec<ShelfItem>> {
    blocking(move || {
        let act = "look through the shelf";
        // A disk that is away is another thing than a folder that is not there yet.
        fs::metadata(&root).map_err(|source| BlobError::Io { act, source })?;
        let entries = match fs::read_dir(root.join(&folder)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(act, error)),
        };
        let mut items = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| failed(act, error))?;
            let data = entry.metadata().map_err(|error| failed(act, error))?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if data.is_file() {
                items.push(ShelfItem { name: format!("{folder}/{name}"), size_bytes: data.len() });
            }
        }
        Ok(items)
    })
    .await
}

pub(super) async fn delete(root: PathBuf, name: String) -> Result<()> {
    blocking(move || match fs::remove_file(root.join(name)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("take a file off the shelf", error)),
        _ => Ok(()),
    })
    .await
}

pub(super) async fn sweep(root: PathBuf) -> Result<()> {
    blocking(move || match fs::remove_dir_all(root.join(DESK)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed("tidy the shelf", error)),
        _ => Ok(()),
    })
    .await
}
