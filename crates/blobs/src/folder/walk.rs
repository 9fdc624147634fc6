//! Walks the folder itself, so that leftovers are seen: staging files, and `<key>#<digits>` of other writers.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use cartulary_model::Timestamp;

use super::{Folder, STAGING, STORED};
use crate::error::{BlobError, Result};
use crate::store::ListedBlob;

/// Lists every file, one directory after the other: in memory is what one directory holds.
pub(crate) fn list(folder: &Folder) -> BoxStream<'static, Result<ListedBlob>> {
    list_below(folder, vec![PathBuf::from(STAGING), PathBuf::from(STORED)])
}

/// Lists what is stored whose digest begins with this byte.
pub(crate) fn list_part(folder: &Folder, first: u8) -> BoxStream<'static, Result<ListedBlob>> {
    list_below(folder, vec![Path::new(STORED).join(format!("{first:02x}"))])
}

fn list_below(folder: &Folder, waiting: Vec<PathBuf>) -> BoxStream<'static, Result<ListedBlob>> {
    stream::try_unfold((folder.clone(), waiting), |(folder, mut waiting)| async move {
        let Some(next) = waiting.pop() else { return Ok(None) };
        let root = Arc::clone(&folder.root);
        let list = move || {
            let files = list_directory(&root, &next, &mut waiting)
                .map_err(|source| BlobError::Io { act: "list the blobs", source })?;
            Ok((waiting, files))
        };
        let (waiting, files) = folder.lane().run_long(list).await?;
        let files = stream::iter(files.into_iter().map(Ok));
        Ok::<_, BlobError>(Some((files, (folder, waiting))))
    })
    .try_flatten()
    .boxed()
}

/// Returns the files of a directory and adds its sub-directories to those that wait.
fn list_directory(root: &Path, relative: &Path, waiting: &mut Vec<PathBuf>) -> io::Result<Vec<ListedBlob>> {
    let mut files = Vec::new();
    let mut folders = Vec::new();
    for entry in fs::read_dir(root.join(relative))? {
        let entry = entry?;
        let name = relative.join(entry.file_name());
        let details = match entry.metadata() {
            Ok(details) => details,
            // Gone since the directory was read.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if details.is_dir() {
            folders.push(name);
            continue;
        }
        let raw_name = name.to_string_lossy().into_owned();
        let modified = timestamp(details.modified()?);
        files.push(ListedBlob { key: raw_name.parse().ok(), raw_name, size_bytes: details.len(), modified });
    }
    // The last one is taken first.
    folders.sort_unstable_by(|left, right| right.cmp(left));
    waiting.append(&mut folders);
    Ok(files)
}

impl Folder {
    /// Removes staging files that were not written to for `older_than`, and returns how many. Blocks.
    pub(crate) fn sweep(&self, older_than: Duration) -> Result<usize> {
        let fault = |source| BlobError::Io { act: "sweep the staging folder", source };
        let now = SystemTime::now();
        let mut swept = 0;
        for entry in fs::read_dir(self.root.join(STAGING)).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            let Ok(details) = entry.metadata() else { continue };
            let age = details.modified().ok().and_then(|modified| now.duration_since(modified).ok());
            let is_old = older_than.is_zero() || age.is_some_and(|age| age >= older_than);
            if details.is_file() && is_old && fs::remove_file(entry.path()).is_ok() {
                swept += 1;
            }
        }
        Ok(swept)
    }
}

/// Returns an instant of the file system in the model's form.
pub(crate) fn timestamp(time: SystemTime) -> Timestamp {
    let millis = match time.duration_since(UNIX_EPOCH) {
        Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis),
    };
    Timestamp::from_millis(millis)
}
