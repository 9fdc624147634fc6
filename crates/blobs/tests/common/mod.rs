//! What the tests of the blob store share: stores of each kind, and bodies to put into them.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures::{Stream, TryStreamExt, stream};

use cartulary_blobs::{
    BlobReader, BlobStore, FolderSettings, ListedBlob, MasterKeys, S3Config, SecretSource, StorageKey, StoreConfig,
};
use cartulary_model::BlobDigest;

/// A mebibyte.
pub const MIB: usize = 1024 * 1024;

/// The bucket that the S3 tests make and use, each under a prefix of its own.
const BUCKET: &str = "cartulary-test";

/// A kind of store.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Memory,
    Folder,
    S3,
    SealedFolder,
    SealedS3,
}

/// A store of its own for one test.
pub struct Fixture {
    pub store: BlobStore,
    pub folder: tempfile::TempDir,
    pub config: StoreConfig,
}

impl Fixture {
    /// Opens a store; none if there is no S3 to test with.
    pub async fn of(kind: Kind) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let config = match kind {
            Kind::Memory => StoreConfig::Memory,
            Kind::Folder | Kind::SealedFolder => folder_config(&folder),
            Kind::S3 | Kind::SealedS3 => StoreConfig::S3(Box::new(s3_config(&folder)?)),
        };
        let config = match kind {
            Kind::SealedFolder | Kind::SealedS3 => {
                let key_file = folder.path().join("master.key");
                MasterKeys::create(&key_file).unwrap();
                config.with_key_file(key_file)
            }
            Kind::Memory | Kind::Folder | Kind::S3 => config,
        };
        let store = BlobStore::open(&config).await.unwrap();
        Some(Self { store, folder, config })
    }

    /// Opens the same store again, with these master keys or none.
    pub async fn again(&self, key_file: Option<PathBuf>) -> BlobStore {
        BlobStore::open(&self.config.clone().with_key_file(key_file.unwrap_or_default())).await.unwrap()
    }

    /// Returns the file of the master keys.
    pub fn key_file(&self) -> PathBuf {
        self.folder.path().join("master.key")
    }

    pub async fn folder() -> Self {
        Self::of(Kind::Folder).await.unwrap()
    }

    /// Returns the file of a key.
    pub async fn file(&self, key: &StorageKey) -> PathBuf {
        self.folder.path().join("blobs").join(key.to_string())
    }
}

/// Returns the settings of a store in a folder.
pub fn folder_config(folder: &tempfile::TempDir) -> StoreConfig {
    let path = folder.path().join("blobs");
    StoreConfig::Folder(FolderSettings { path, reserve_bytes: 0, ..FolderSettings::default() })
}

/// Returns the settings for the S3 that `CARTULARY_TEST_S3` names; says so when there is none.
pub fn s3_config(folder: &tempfile::TempDir) -> Option<S3Config> {
    let Ok(endpoint) = std::env::var("CARTULARY_TEST_S3") else {
        eprintln!("SKIPPED: no S3 to test with (CARTULARY_TEST_S3; scripts/lib/moto.sh starts one)");
        return None;
    };
    static BUCKET_IS_MADE: OnceLock<()> = OnceLock::new();
    BUCKET_IS_MADE.get_or_init(|| make_bucket(&endpoint));
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let prefix = format!("{}-{}/{}", std::process::id(), since.as_nanos(), next_number());
    Some(S3Config { prefix, ..s3_settings(&endpoint, folder) })
}

/// Returns settings for any endpoint, with keys in files of `folder` or from the environment of the test run.
pub fn s3_settings(endpoint: &str, folder: &tempfile::TempDir) -> S3Config {
    let secret = |variable: &str| {
        let path = folder.path().join(variable);
        std::fs::write(&path, std::env::var(variable).unwrap_or_else(|_| "test".to_owned())).unwrap();
        SecretSource::File(path)
    };
    S3Config {
        endpoint: endpoint.to_owned(),
        bucket: std::env::var("CARTULARY_TEST_S3_BUCKET").unwrap_or_else(|_| BUCKET.to_owned()),
        region: std::env::var("CARTULARY_TEST_S3_REGION").unwrap_or_else(|_| "us-east-1".to_owned()),
        allow_http: true,
        access_key: secret("CARTULARY_TEST_S3_ACCESS_KEY"),
        secret_key: secret("CARTULARY_TEST_S3_SECRET_KEY"),
        part_bytes: 5 * MIB as u64,
        ..S3Config::default()
    }
}

/// Makes the bucket with a bare request, which moto takes; a store that does not has a bucket already.
fn make_bucket(endpoint: &str) {
    let host = endpoint.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).expect("CARTULARY_TEST_S3 answers");
    let request = format!("PUT /{BUCKET} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
}

fn next_number() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// Returns `size` bytes that repeat nowhere nearby and are the same for the same seed.
pub fn bytes_of(size: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(size + 8);
    while bytes.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(size);
    bytes
}

/// Returns a body that comes in chunks of `chunk` bytes.
pub fn body(bytes: &[u8], chunk: usize) -> impl Stream<Item = Result<Bytes, std::io::Error>> + use<> {
    let chunks: Vec<_> = bytes.chunks(chunk.max(1)).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    stream::iter(chunks)
}

/// What was stored.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    pub key: StorageKey,
    pub digest: BlobDigest,
    pub size_bytes: u64,
}

/// Stages and commits `bytes` under the first key of their digest.
pub async fn put(store: &BlobStore, bytes: &[u8]) -> Stored {
    let staged = store.stage(body(bytes, 60_000)).await.unwrap();
    let stored =
        Stored { key: StorageKey::new(staged.digest, 0), digest: staged.digest, size_bytes: staged.size_bytes };
    store.commit(staged, &stored.key).await.unwrap();
    stored
}

/// Reads a whole blob of up to 64 MiB.
pub async fn read(store: &BlobStore, stored: Stored) -> Result<Vec<u8>, cartulary_blobs::BlobError> {
    store.read_to_vec(&stored.key, stored.digest, stored.size_bytes, 64 * MIB as u64).await
}

/// Reads a stream to its end or its error, and returns both.
pub async fn drain(mut reader: BlobReader) -> (Vec<u8>, Option<cartulary_blobs::BlobError>) {
    let mut bytes = Vec::new();
    loop {
        match reader.try_next().await {
            Ok(Some(chunk)) => {
                assert!(chunk.len() <= cartulary_blobs::CHUNK_BYTES);
                bytes.extend_from_slice(&chunk);
            }
            Ok(None) => return (bytes, None),
            Err(error) => return (bytes, Some(error)),
        }
    }
}

/// Returns what lies in the store, sorted by name.
pub async fn listed(store: &BlobStore) -> Vec<ListedBlob> {
    let mut all: Vec<ListedBlob> = store.list().try_collect().await.unwrap();
    all.sort_by(|left, right| left.raw_name.cmp(&right.raw_name));
    all
}
