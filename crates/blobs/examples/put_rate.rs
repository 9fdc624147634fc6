//! Measures how fast small blobs become durable in a folder, against a plain loop that does the same steps and against
//! `object_store`'s own folder store.
//!
//! ```text
//! cargo run -p cartulary-blobs --example put_rate -- FOLDER [FILES] [TASKS]
//! ```
//! Prints files per second of each, in rounds, because a disk's speed changes while one looks.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement run by hand")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use bytes::Bytes;
use futures::future::join_all;
use futures::stream;
use object_store::ObjectStoreExt;
use object_store::local::LocalFileSystem;

use cartulary_blobs::{BlobStore, FolderSettings, StorageKey, StoreConfig};
use cartulary_model::BlobDigest;

const FILE_BYTES: usize = 100_000;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let base = PathBuf::from(arguments.next().unwrap_or_else(|| "put-rate".to_owned()));
    let files: usize = arguments.next().map_or(1000, |text| text.parse().unwrap());
    let tasks: usize = arguments.next().map_or(8, |text| text.parse().unwrap());
    let mut seconds = [0.0; 3];
    for round in 0..6 {
        let folder = base.join(round.to_string());
        let plain = plain_loop(&folder.join("plain"), files, tasks).await;
        let ours = blob_store(&folder.join("ours"), files, tasks).await;
        let theirs = local_file_system(&folder.join("theirs"), files, tasks).await;
        println!("plain loop {plain:6.0}/s   BlobStore {ours:6.0}/s   LocalFileSystem {theirs:6.0}/s");
        for (sum, rate) in seconds.iter_mut().zip([plain, ours, theirs]) {
            *sum += files as f64 / rate;
        }
        fs::remove_dir_all(&folder).unwrap();
    }
    let [plain, ours, theirs] = seconds;
    println!("of the plain loop: BlobStore {:.2}, LocalFileSystem {:.2}", plain / ours, plain / theirs);
}

/// Returns bytes that differ for every number, cheaply: a debug build must not measure how it makes them.
fn content(number: usize) -> Vec<u8> {
    static PATTERN: LazyLock<Vec<u8>> =
        LazyLock::new(|| (0..FILE_BYTES).map(|place| (place * 31 % 251) as u8).collect());
    let mut bytes = PATTERN.clone();
    bytes.splice(0..8, (number as u64).to_le_bytes());
    bytes
}

/// Runs `put` for each number, `tasks` at a time, and returns how many a second.
async fn rate<F, R>(files: usize, tasks: usize, put: F) -> f64
where
    F: Fn(usize) -> R + Clone + Send + 'static,
    R: Future<Output = ()> + Send,
{
    let started = Instant::now();
    let workers = (0..tasks).map(|first| {
        let put = put.clone();
        tokio::spawn(async move {
            for number in (first..files).step_by(tasks) {
                put(number).await;
            }
        })
    });
    for worker in join_all(workers).await {
        worker.unwrap();
    }
    files as f64 / started.elapsed().as_secs_f64()
}

async fn plain_loop(root: &Path, files: usize, tasks: usize) -> f64 {
    for first in 0..256 {
        fs::create_dir_all(root.join(format!("{first:02x}"))).unwrap();
    }
    let root = Arc::new(root.to_owned());
    rate(files, tasks, move |number| {
        let root = Arc::clone(&root);
        async move { tokio::task::spawn_blocking(move || plain_put(&root, number)).await.unwrap() }
    })
    .await
}

fn plain_put(root: &Path, number: usize) {
    let bytes = content(number);
    let name = BlobDigest::of(&bytes).to_string();
    let folder = root.join(name.split_at(2).0);
    fs::write(folder.join(&name), bytes).unwrap();
    fs::File::open(folder.join(&name)).unwrap().sync_all().unwrap();
    fs::File::open(&folder).unwrap().sync_all().unwrap();
}

async fn blob_store(root: &Path, files: usize, tasks: usize) -> f64 {
    let config =
        StoreConfig::Folder(FolderSettings { path: root.to_owned(), reserve_bytes: 0, ..FolderSettings::default() });
    let store = BlobStore::open(&config).await.unwrap();
    rate(files, tasks, move |number| {
        let store = store.clone();
        async move {
            let body = stream::iter([Ok::<_, std::io::Error>(Bytes::from(content(number)))]);
            let staged = store.stage(body).await.unwrap();
            let key = StorageKey::new(staged.digest, 0);
            store.commit(staged, &key).await.unwrap();
        }
    })
    .await
}

async fn local_file_system(root: &Path, files: usize, tasks: usize) -> f64 {
    fs::create_dir_all(root).unwrap();
    let store = Arc::new(LocalFileSystem::new_with_prefix(root).unwrap().with_fsync(true));
    rate(files, tasks, move |number| {
        let store = Arc::clone(&store);
        async move {
            let bytes = content(number);
            let key = StorageKey::new(BlobDigest::of(&bytes), 0).to_string();
            store.put(&key.into(), bytes.into()).await.unwrap();
        }
    })
    .await
}
