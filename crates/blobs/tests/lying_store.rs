//! Stores that are away, slow, or lie: nothing wrong is served, and nobody waits for ever.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use cartulary_blobs::{BlobError, BlobStore, Corruption, S3Config, StorageKey, StoreConfig, VerifyOutcome};
use cartulary_model::BlobDigest;
use common::{body, bytes_of, drain, s3_settings};

/// What the store does with every request.
#[derive(Clone)]
enum Manner {
    /// Answers with these bytes, whatever was asked for.
    Gives(Vec<u8>),
    /// Answers the first request with other bytes than all that follow.
    GivesFirst(Vec<u8>, Vec<u8>),
    /// Promises more bytes than it sends, and hangs up.
    CutsOff(Vec<u8>, usize),
    /// Never answers.
    Hangs,
    /// Answers with this status and text.
    Says(&'static str, &'static str),
}

/// A store on a port of this machine that is not what it seems.
struct LyingStore {
    store: BlobStore,
    requests: Arc<AtomicUsize>,
    _folder: tempfile::TempDir,
}

impl LyingStore {
    async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, manner.clone(), Arc::clone(&counted)));
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let store = open(&endpoint, &folder).await;
        Self { store, requests, _folder: folder }
    }
}

async fn open(endpoint: &str, folder: &tempfile::TempDir) -> BlobStore {
    let config = S3Config {
        connect_timeout_ms: 500,
        request_timeout_ms: 300,
        retries: 2,
        retry_timeout_ms: 2_000,
        ..s3_settings(endpoint, folder)
    };
    BlobStore::open(&StoreConfig::S3(Box::new(config))).await.unwrap()
}

/// Answers the requests of one connection.
async fn answer(mut stream: TcpStream, manner: Manner, requests: Arc<AtomicUsize>) {
    let mut received = Vec::new();
    while !received.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        received.push(byte);
    }
    let is_first = requests.fetch_add(1, Ordering::Relaxed) == 0;
    let head = |status: &str, length: usize| {
        format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nETag: \"etag\"\r\nConnection: close\r\n\
             Last-Modified: Sun, 01 Nov 2026 00:00:00 GMT\r\n\r\n"
        )
    };
    let (head, bytes) = match manner {
        Manner::Gives(bytes) => (head("200 OK", bytes.len()), bytes),
        Manner::GivesFirst(first, others) => {
            let bytes = if is_first { first } else { others };
            (head("200 OK", bytes.len()), bytes)
        }
        Manner::CutsOff(bytes, promised) => (head("200 OK", promised), bytes),
        Manner::Says(status, text) => (head(status, text.len()), text.as_bytes().to_vec()),
        Manner::Hangs => return std::future::pending().await,
    };
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(&bytes).await;
    // Reads what is still coming, so that the answer is not lost with a reset connection.
    let mut rest = [0; 4096];
    while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {}
}

/// Fails when `work` takes far longer than the limits that are set allow.
async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work).await.expect("it waits for ever")
}

struct Asked {
    key: StorageKey,
    digest: BlobDigest,
    size_bytes: u64,
}

fn asked(bytes: &[u8]) -> Asked {
    let digest = BlobDigest::of(bytes);
    Asked { key: StorageKey::new(digest, 0), digest, size_bytes: bytes.len() as u64 }
}

#[tokio::test]
async fn wrong_bytes_of_the_right_length_are_not_served() {
    let right = bytes_of(300_000, 1);
    let mut wrong = right.clone();
    wrong[299_999] ^= 1;
    let lying = LyingStore::start(Manner::Gives(wrong)).await;
    let asked = asked(&right);
    let failed = in_time(lying.store.read(&asked.key, asked.digest, asked.size_bytes, None)).await;
    let (received, error) = match failed {
        Ok(reader) => drain(reader).await,
        Err(error) => (Vec::new(), Some(error)),
    };
    assert!(matches!(error, Some(BlobError::Corrupt { fault: Corruption::Bytes, .. })), "{error:?}");
    assert!(received.len() < right.len());
    assert_eq!(lying.store.counters().corrupt, 1);
    let outcome = lying.store.verify(&asked.key, asked.digest, asked.size_bytes).await.unwrap();
    assert_eq!(outcome, VerifyOutcome::WrongBytes);
}

#[tokio::test]
async fn bytes_that_came_wrong_once_are_asked_for_again() {
    let right = bytes_of(300_000, 1);
    let mut wrong = right.clone();
    wrong[17] ^= 1;
    let lying = LyingStore::start(Manner::GivesFirst(wrong, right.clone())).await;
    let asked = asked(&right);
    let reader = in_time(lying.store.read(&asked.key, asked.digest, asked.size_bytes, None)).await.unwrap();
    assert!(drain(reader).await.0 == right);
    assert_eq!(lying.store.counters().corrupt, 1, "it is told all the same");
}

#[tokio::test]
async fn too_few_bytes_are_not_served() {
    let right = bytes_of(300_000, 2);
    let lying = LyingStore::start(Manner::Gives(right[..1000].to_vec())).await;
    let asked = asked(&right);
    let outcome = in_time(lying.store.verify(&asked.key, asked.digest, asked.size_bytes)).await.unwrap();
    assert_eq!(outcome, VerifyOutcome::WrongLength { expected_bytes: 300_000, found_bytes: 1000 });
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again_and_then_given_up() {
    let right = bytes_of(300_000, 3);
    let lying = LyingStore::start(Manner::CutsOff(right[..1000].to_vec(), right.len())).await;
    let asked = asked(&right);
    let failed = in_time(lying.store.read(&asked.key, asked.digest, asked.size_bytes, None)).await;
    assert!(matches!(failed, Err(BlobError::Unavailable { .. })), "{failed:?}");
    assert!(lying.requests.load(Ordering::Relaxed) > 1);
}

#[tokio::test]
async fn a_store_that_never_answers_is_given_up() {
    let lying = LyingStore::start(Manner::Hangs).await;
    let bytes = bytes_of(1000, 4);
    let asked = asked(&bytes);
    let failed = in_time(lying.store.read(&asked.key, asked.digest, asked.size_bytes, None)).await;
    assert!(matches!(failed, Err(BlobError::Unavailable { .. })), "{failed:?}");
    assert_eq!(lying.requests.load(Ordering::Relaxed), 3, "once, and twice again");
    let staged = lying.store.stage(body(&bytes, 100)).await.unwrap();
    let failed = in_time(lying.store.commit(staged, &asked.key)).await;
    assert!(matches!(failed, Err(BlobError::Unavailable { .. })), "{failed:?}");
    let failed = in_time(lying.store.stage(body(&bytes_of(6 << 20, 5), 100_000))).await;
    assert!(matches!(failed, Err(BlobError::Unavailable { .. })), "{failed:?}");
    assert_eq!(lying.store.counters().unavailable, 3);
}

#[tokio::test]
async fn a_store_that_fails_is_asked_again_and_then_given_up() {
    let lying = LyingStore::start(Manner::Says("503 Slow Down", "<Error><Code>SlowDown</Code></Error>")).await;
    let asked = asked(b"anything");
    let failed = in_time(lying.store.verify(&asked.key, asked.digest, asked.size_bytes)).await;
    assert!(matches!(failed, Err(BlobError::Unavailable { .. })), "{failed:?}");
    assert_eq!(lying.requests.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_missing_bucket_is_a_lost_store_and_not_lost_blobs() {
    let text = "<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message></Error>";
    let lying = LyingStore::start(Manner::Says("404 Not Found", text)).await;
    let asked = asked(b"anything");
    let failed = in_time(lying.store.verify(&asked.key, asked.digest, asked.size_bytes)).await;
    assert!(matches!(failed, Err(BlobError::Unavailable { .. })), "{failed:?}");
}

#[tokio::test]
async fn nobody_at_the_port_is_an_unavailable_store() {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    // The listener is gone by now, and with it whoever would answer.
    let store = open(&format!("http://{port}"), &folder).await;
    let asked = asked(b"anything");
    let failed = in_time(store.read(&asked.key, asked.digest, asked.size_bytes, None)).await;
    let Err(error) = failed else { panic!("somebody answered") };
    assert!(matches!(error, BlobError::Unavailable { .. }), "{error:?}");
    assert!(error.is_temporary());
    assert!(matches!(in_time(store.probe()).await, Err(BlobError::Unavailable { .. })));
    assert!(matches!(in_time(store.delete(&asked.key)).await, Err(BlobError::Unavailable { .. })));
    assert!(matches!(in_time(store.sweep_staging(Duration::ZERO)).await, Err(BlobError::Unavailable { .. })));
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let good = s3_settings("http://127.0.0.1:1", &folder);
    let cases = [
        ("endpoint", S3Config { allow_http: false, ..good.clone() }),
        ("endpoint", S3Config { endpoint: "127.0.0.1:1".to_owned(), ..good.clone() }),
        ("partBytes", S3Config { part_bytes: 1, ..good.clone() }),
        (
            "secretKey",
            S3Config { secret_key: cartulary_blobs::SecretSource::File(folder.path().join("none")), ..good.clone() },
        ),
        (
            "accessKey",
            S3Config { access_key: cartulary_blobs::SecretSource::Env("CARTULARY_NO_SUCH".to_owned()), ..good },
        ),
    ];
    for (expected, config) in cases {
        let refused = BlobStore::open(&StoreConfig::S3(Box::new(config))).await;
        assert!(matches!(refused, Err(BlobError::Config { setting, .. }) if setting == expected), "{expected}");
    }
}
