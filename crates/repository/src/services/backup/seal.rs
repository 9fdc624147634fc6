//! Sealing: bytes go onto a shelf as age files, for the recovery key alone, and are proved by reading them back.
//!
//! The last word of a name is the SHA-256 of the sealed bytes, so that whoever has the shelf can prove it whole without any key,
//! and years later any age program opens it. *Source*: <https://age-encryption.org/v1>.

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::PathBuf;

use bytes::{Buf, Bytes};
use cartulary_blobs::{BlobError, Shelf};
use futures::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::BackupError;

/// How many chunks wait between who reads and who seals.
const AHEAD: usize = 4;
/// How much is opened at a time. *Units*: bytes.
const OPENED_BYTES: usize = 256 * 1024;
/// How sealed files end.
const ENDING: &str = ".age";

/// A sealed file that is not on the shelf yet.
pub(super) struct Sealed {
    pub path: PathBuf,
    /// The SHA-256 of the sealed bytes, in hex.
    pub sum: String,
    pub size_bytes: u64,
}

impl Sealed {
    /// Returns the name of this file: that of its bytes, and the sum.
    pub(super) fn name(&self, folder: &str, bytes_name: &str) -> String {
        format!("{folder}/{bytes_name}-{}{ENDING}", self.sum)
    }
}

/// Returns what a file's name says: the name of its bytes and the sum; nothing of a file that is none of ours.
pub(super) fn parts_of(name: &str) -> Option<(&str, &str)> {
    let (_, file) = name.rsplit_once('/')?;
    let (bytes_name, sum) = file.strip_suffix(ENDING)?.rsplit_once('-')?;
    (sum.len() == 64).then_some((bytes_name, sum))
}

/// Writes through, and adds up what was written.
struct Summing<W> {
    inner: W,
    sum: Sha256,
    size_bytes: u64,
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.sum.update(bytes.get(..written).unwrap_or_default());
        self.size_bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Seals a stream into a file.
pub(super) async fn seal<E: Into<BackupError>>(
    recipient: &age::x25519::Recipient,
    path: PathBuf,
    mut bytes: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<Sealed, BackupError> {
    let (sender, mut receiver) = mpsc::channel::<Bytes>(AHEAD);
    let (recipient, target) = (recipient.clone(), path.clone());
    let sealing = tokio::task::spawn_blocking(move || -> io::Result<(String, u64)> {
        let file = File::create(&target)?;
        let output = Summing { inner: BufWriter::new(file), sum: Sha256::new(), size_bytes: 0 };
        let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))
            .map_err(io::Error::other)?;
        let mut writer = encryptor.wrap_output(output)?;
        while let Some(chunk) = receiver.blocking_recv() {
            writer.write_all(&chunk)?;
        }
        let mut output = writer.finish()?;
        output.flush()?;
        Ok((hex::encode(output.sum.finalize()), output.size_bytes))
    });
    let mut fed = Ok(());
    while let Some(chunk) = bytes.next().await {
        match chunk {
            Ok(chunk) => {
                if sender.send(chunk).await.is_err() {
                    break;
                }
            }
            Err(error) => {
                fed = Err(error.into());
                break;
            }
        }
    }
    drop(sender);
    let sealed = sealing.await.unwrap_or_else(|error| Err(io::Error::other(error)));
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => BackupError::ShelfFull,
        _ => BackupError::File { path: path.clone(), source },
    };
    let outcome = fed.and_then(|()| sealed.map_err(failed));
    match outcome {
        Ok((sum, size_bytes)) => Ok(Sealed { path, sum, size_bytes }),
        Err(error) => {
            let _ = tokio::fs::remove_file(&path).await;
            Err(error)
        }
    }
}

/// Says whether a sealed file has the sum that its name says, by reading it from the shelf.
pub(super) async fn is_sound(shelf: &Shelf, name: &str, sum: &str) -> Result<bool, BackupError> {
    let mut hasher = Sha256::new();
    let mut bytes = match shelf.get(name).await {
        Err(BlobError::NotFound) => return Ok(false),
        other => other?,
    };
    while let Some(chunk) = bytes.next().await {
        hasher.update(&chunk?);
    }
    Ok(hex::encode(hasher.finalize()) == sum)
}

/// Reads what a channel brings, on a thread that may wait.
struct Channel {
    receiver: mpsc::Receiver<Result<Bytes, BlobError>>,
    chunk: Bytes,
}

impl Read for Channel {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.receiver.blocking_recv() {
                None => return Ok(0),
                Some(chunk) => self.chunk = chunk.map_err(io::Error::other)?,
            }
        }
        let length = self.chunk.len().min(into.len());
        let (target, _) = into.split_at_mut(length);
        self.chunk.copy_to_slice(target);
        Ok(length)
    }
}

/// Opens a sealed file of a shelf; what was changed since it was sealed ends in an error.
pub(super) async fn open(
    shelf: &Shelf,
    name: &str,
    key: &age::x25519::Identity,
) -> Result<impl Stream<Item = io::Result<Bytes>> + Unpin + use<>, BackupError> {
    let mut sealed = shelf.get(name).await?;
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        while let Some(chunk) = sealed.next().await {
            if sender.send(chunk).await.is_err() {
                return;
            }
        }
    });
    let (opened, receiving) = mpsc::channel(AHEAD);
    let key = key.clone();
    tokio::task::spawn_blocking(move || {
        if let Err(error) = open_all(Channel { receiver, chunk: Bytes::new() }, &key, &opened) {
            let _ = opened.blocking_send(Err(error));
        }
    });
    let stream = futures::stream::unfold(receiving, |mut receiving| async move {
        let chunk = receiving.recv().await?;
        Some((chunk, receiving))
    });
    Ok(stream.boxed())
}

fn open_all(sealed: Channel, key: &age::x25519::Identity, opened: &mpsc::Sender<io::Result<Bytes>>) -> io::Result<()> {
    let decryptor = age::Decryptor::new(sealed).map_err(io::Error::other)?;
    let identity = std::iter::once(key as &dyn age::Identity);
    let mut reader = decryptor.decrypt(identity).map_err(io::Error::other)?;
    loop {
        let mut bytes = vec![0; OPENED_BYTES];
        let length = reader.read(&mut bytes)?;
        bytes.truncate(length);
        if length == 0 || opened.blocking_send(Ok(Bytes::from(bytes))).is_err() {
            return Ok(());
        }
    }
}

/// Opens a small sealed file whole.
pub(super) async fn open_small(
    shelf: &Shelf,
    name: &str,
    key: &age::x25519::Identity,
    limit_bytes: usize,
) -> Result<Vec<u8>, BackupError> {
    let damaged = |reason: String| BackupError::Damaged { name: name.to_owned(), reason };
    let mut stream = open(shelf, name, key).await?;
    let mut all = Vec::new();
    while let Some(chunk) = stream.next().await {
        all.extend_from_slice(&chunk.map_err(|error| damaged(error.to_string()))?);
        if all.len() > limit_bytes {
            return Err(damaged("it is larger than such a file can be".to_owned()));
        }
    }
    Ok(all)
}

/// Returns a small file as it lies there; nothing when it is not there.
pub(super) async fn read_small(shelf: &Shelf, name: &str, limit_bytes: usize) -> Result<Option<Vec<u8>>, BackupError> {
    let mut stream = match shelf.get(name).await {
        Err(BlobError::NotFound) => return Ok(None),
        other => other?,
    };
    let mut all = Vec::new();
    while let Some(chunk) = stream.next().await {
        all.extend_from_slice(&chunk?);
        if all.len() > limit_bytes {
            let reason = "it is larger than such a file can be".to_owned();
            return Err(BackupError::Damaged { name: name.to_owned(), reason });
        }
    }
    Ok(Some(all))
}
