//! Writes a bag (RFC 8493), file by file, into a stream of tar or into a folder.
//!
//! What is held in memory does not grow with the bag: lines of the manifests go to files of their own meanwhile. The
//! manifests have SHA-256 and SHA-512, as the RFC advises (§2.4).

use std::path::{Path, PathBuf};

use bytes::Bytes;
use cartulary_model::Timestamp;
use sha2::{Digest, Sha256, Sha512};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::{RepositoryError, Result};

/// A tar archive ends with two empty records, and each file in it begins at a multiple of one.
const RECORD_BYTES: u64 = 512;
/// How much of a file is read at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// Where a bag goes.
pub(crate) enum Sink {
    /// A stream of tar, in which the bag is a folder of this name.
    Tar { name: String, chunks: mpsc::Sender<std::io::Result<Bytes>> },
    /// A folder that is empty.
    Folder(PathBuf),
}

/// A folder that is gone with what holds it.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A list of digests that grows on disk.
struct Manifest {
    path: PathBuf,
    file: tokio::io::BufWriter<tokio::fs::File>,
}

impl Manifest {
    async fn create(path: PathBuf) -> Result<Self> {
        let file = tokio::fs::File::create(&path).await.map_err(RepositoryError::internal)?;
        Ok(Self { path, file: tokio::io::BufWriter::new(file) })
    }

    async fn line(&mut self, digest: &str, path: &str) -> Result<()> {
        // RFC 8493 §2.1.3: what would break a line is encoded. No path here has any of it; other people's manifests may.
        let path = path.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
        self.file.write_all(format!("{digest}  {path}\n").as_bytes()).await.map_err(RepositoryError::internal)
    }
}

/// A bag that is being written.
pub(crate) struct BagWriter {
    sink: Sink,
    scratch: Scratch,
    payload: [Manifest; 2],
    tags: [Manifest; 2],
    payload_bytes: u64,
    payload_count: u64,
    open: Option<OpenFile>,
}

struct OpenFile {
    path: String,
    size_bytes: u64,
    written: u64,
    sha256: Sha256,
    sha512: Sha512,
    file: Option<tokio::fs::File>,
}

impl BagWriter {
    /// Begins a bag; lines of its manifests wait in a folder below `work_dir`.
    pub(crate) async fn begin(sink: Sink, work_dir: &Path) -> Result<Self> {
        let scratch = Scratch(work_dir.join(format!("bag-{}", uuid::Uuid::now_v7())));
        tokio::fs::create_dir_all(&scratch.0).await.map_err(RepositoryError::internal)?;
        let create = async |name: &str| Manifest::create(scratch.0.join(name)).await;
        let payload = [create("manifest-sha256.txt").await?, create("manifest-sha512.txt").await?];
        let tags = [create("tagmanifest-sha256.txt").await?, create("tagmanifest-sha512.txt").await?];
        let mut bag = Self { sink, payload, tags, payload_bytes: 0, payload_count: 0, open: None, scratch };
        bag.whole("bagit.txt", b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n".to_vec()).await?;
        Ok(bag)
    }

    /// Writes a file whose bytes are in memory.
    pub(crate) async fn whole(&mut self, path: &str, bytes: Vec<u8>) -> Result<()> {
        self.start(path, bytes.len() as u64).await?;
        self.chunk(Bytes::from(bytes)).await?;
        self.finish().await
    }

    /// Begins a file of a known length.
    pub(crate) async fn start(&mut self, path: &str, size_bytes: u64) -> Result<()> {
        let file = match &self.sink {
            Sink::Tar { name, .. } => {
                let header = header(&format!("{name}/{path}"), size_bytes)?;
                self.send(header).await?;
                None
            }
            Sink::Folder(folder) => {
                let place = folder.join(path);
                if let Some(parent) = place.parent() {
                    tokio::fs::create_dir_all(parent).await.map_err(RepositoryError::internal)?;
                }
                Some(tokio::fs::File::create_new(&place).await.map_err(RepositoryError::internal)?)
            }
        };
        self.open = Some(OpenFile {
            path: path.to_owned(),
            size_bytes,
            written: 0,
            sha256: Sha256::new(),
            sha512: Sha512::new(),
            file,
        });
        Ok(())
    }

    /// Writes the next bytes of the file that was begun.
    pub(crate) async fn chunk(&mut self, bytes: Bytes) -> Result<()> {
        let Some(open) = &mut self.open else { return Err(RepositoryError::internal("no file of the bag is open")) };
        open.sha256.update(&bytes);
        open.sha512.update(&bytes);
        open.written += bytes.len() as u64;
        match &mut open.file {
            Some(file) => file.write_all(&bytes).await.map_err(RepositoryError::internal),
            None => self.send(bytes).await,
        }
    }

    /// Ends the file that was begun, and lists it.
    pub(crate) async fn finish(&mut self) -> Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        if open.written != open.size_bytes {
            return Err(RepositoryError::internal(format!("`{}` has another length than was said", open.path)));
        }
        if let Some(file) = open.file {
            file.sync_all().await.map_err(RepositoryError::internal)?;
        } else {
            let rest = open.size_bytes.next_multiple_of(RECORD_BYTES) - open.size_bytes;
            if rest > 0 {
                self.send(Bytes::from(vec![0; usize::try_from(rest).unwrap_or(0)])).await?;
            }
        }
        let digests = [hex::encode(open.sha256.finalize()), hex::encode(open.sha512.finalize())];
        let is_payload = open.path.starts_with("data/");
        if is_payload {
            self.payload_bytes += open.size_bytes;
            self.payload_count += 1;
        }
        let manifests = if is_payload { &mut self.payload } else { &mut self.tags };
        for (manifest, digest) in manifests.iter_mut().zip(&digests) {
            manifest.line(digest, &open.path).await?;
        }
        Ok(())
    }

    /// Writes `bag-info.txt` with these lines and the manifests, and ends the bag.
    pub(crate) async fn end(mut self, info: &[(&str, String)], now: Timestamp) -> Result<()> {
        let mut text = String::new();
        let day: String = now.to_string().chars().take(10).collect();
        let agent = format!("cartulary {}", env!("CARGO_PKG_VERSION"));
        let oxum = format!("{}.{}", self.payload_bytes, self.payload_count);
        let own = [("Bag-Software-Agent", agent), ("Bagging-Date", day), ("Payload-Oxum", oxum)];
        for (label, value) in own.iter().chain(info) {
            // A value is one line here: what would begin another is a space.
            text.push_str(&format!("{label}: {}\n", value.replace(['\r', '\n'], " ")));
        }
        self.whole("bag-info.txt", text.into_bytes()).await?;
        for place in 0..self.payload.len() {
            self.manifest(true, place).await?;
        }
        for place in 0..self.tags.len() {
            self.manifest(false, place).await?;
        }
        if let Sink::Tar { .. } = &self.sink {
            self.send(Bytes::from_static(&[0; 1024])).await?;
        }
        tracing::debug!(folder = %self.scratch.0.display(), "a bag was written");
        Ok(())
    }

    /// Writes a manifest that was spooled. A manifest of tags lists no manifest of tags (RFC 8493 §2.2.1).
    async fn manifest(&mut self, is_payload: bool, place: usize) -> Result<()> {
        let manifests = if is_payload { &mut self.payload } else { &mut self.tags };
        let Some(manifest) = manifests.get_mut(place) else { return Ok(()) };
        manifest.file.flush().await.map_err(RepositoryError::internal)?;
        let path = manifest.path.clone();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let mut file = tokio::fs::File::open(&path).await.map_err(RepositoryError::internal)?;
        let size = file.metadata().await.map_err(RepositoryError::internal)?.len();
        self.start(&name, size).await?;
        loop {
            let mut chunk = vec![0; CHUNK_BYTES];
            let count = file.read(&mut chunk).await.map_err(RepositoryError::internal)?;
            if count == 0 {
                break;
            }
            chunk.truncate(count);
            self.chunk(Bytes::from(chunk)).await?;
        }
        if is_payload {
            return self.finish().await;
        }
        // Not listed: the other manifest of tags is written after it.
        let unlisted = Self::unlisted(self.open.take());
        self.pad(unlisted).await
    }

    fn unlisted(open: Option<OpenFile>) -> u64 {
        open.map_or(0, |open| open.size_bytes.next_multiple_of(RECORD_BYTES) - open.size_bytes)
    }

    async fn pad(&mut self, rest: u64) -> Result<()> {
        match &self.sink {
            Sink::Tar { .. } if rest > 0 => self.send(Bytes::from(vec![0; usize::try_from(rest).unwrap_or(0)])).await,
            _ => Ok(()),
        }
    }

    async fn send(&self, bytes: Bytes) -> Result<()> {
        match &self.sink {
            // Whoever takes the stream says himself why he takes no more.
            Sink::Tar { chunks, .. } => chunks.send(Ok(bytes)).await.map_err(|_| RepositoryError::Interrupted),
            Sink::Folder(_) => Ok(()),
        }
    }
}

/// Returns the header of a file in a tar archive (POSIX ustar), the same for the same file whenever it is written.
fn header(path: &str, size_bytes: u64) -> Result<Bytes> {
    let mut header = tar::Header::new_ustar();
    header.set_path(path).map_err(RepositoryError::internal)?;
    header.set_size(size_bytes);
    header.set_mode(0o644);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_entry_type(tar::EntryType::Regular);
    header.set_cksum();
    Ok(Bytes::copy_from_slice(header.as_bytes()))
}
