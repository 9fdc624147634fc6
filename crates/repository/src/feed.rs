//! Keeps the full-text index true: reads the change log from the index's own checkpoint and puts what changed.
//!
//! The checkpoint is kept with the index, in its commit, so that a crash repeats work and never skips any.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use cartulary_db::Conn;
use cartulary_index::Checkpoint;
use serde_json::Value;

use crate::entries::{Put, Target};
use crate::services::ARRANGED_KIND;
use crate::store::changes::{self, ChangeRow};
use crate::store::{arrangements, blobs};
use crate::{Repository, RepositoryError, Result};

/// How many changes are read at a time.
const CHANGES: i64 = 1_000;
/// After so many changes the index commits, however many more there are.
const COMMIT_CHANGES: usize = 20_000;
/// After so long the index commits, however fast changes come.
const COMMIT_AFTER: Duration = Duration::from_secs(2);
/// How long the feed waits for more after a first change, so that one commit of the index serves many.
const GATHER: Duration = Duration::from_millis(100);
/// While changes come, the feed works for one part of the time and rests for so many, unless somebody waits for it: a
/// commit of the index costs many times what the few changes of a moment do.
const REST_PARTS: u32 = 9;
/// How long that rest is at most.
const REST_MAX: Duration = Duration::from_secs(2);
/// How long it waits for news at most; other nodes do not wake it.
const IDLE: Duration = Duration::from_secs(1);
/// After how many turns without news the index rests.
const REST_AFTER: u32 = 5;
/// How many holders of a rendition are read at a time.
const HOLDERS: i64 = 1_000;

/// Feeds the index until `stop` says so.
pub(crate) async fn run(repository: Repository, mut stop: tokio::sync::watch::Receiver<bool>) {
    let mut commits = repository.database().commits();
    let mut idle_turns = 0;
    loop {
        let began = Instant::now();
        let fed = repository.feed_once().await;
        if fed.is_ok()
            && let Ok(mut at) = repository.inner.fed.lock()
        {
            *at = Instant::now();
        }
        match fed {
            Ok(0) => {
                idle_turns += 1;
                if idle_turns == REST_AFTER {
                    rest(&repository).await;
                }
            }
            Ok(_) => {
                idle_turns = 0;
                let pause = began.elapsed().saturating_mul(REST_PARTS).clamp(GATHER, REST_MAX);
                tokio::select! {
                    _ = stop.changed() => return,
                    () = repository.inner.index_wanted.notified() => {}
                    () = tokio::time::sleep(pause) => {}
                }
                continue;
            }
            Err(error) => crate::repository::log_error("the index feed failed and goes on later", &error),
        }
        tokio::select! {
            _ = stop.changed() => return,
            _ = commits.changed() => tokio::select! {
                () = repository.inner.index_wanted.notified() => {}
                () = tokio::time::sleep(GATHER) => {}
            },
            () = tokio::time::sleep(IDLE) => {}
        }
        if *stop.borrow() {
            return;
        }
    }
}

/// Lets the index give back what only writing needs.
async fn rest(repository: &Repository) {
    let index = repository.inner.index.clone();
    if let Err(error) = blocking(move || index.rest()).await {
        crate::repository::log_error("the index found no rest", &error);
    }
}

/// Reads the whole index once after the start, and builds it anew when its files are damaged.
pub(crate) async fn check_files(repository: Repository) {
    let index = repository.inner.index.clone();
    let checked = tokio::task::spawn_blocking(move || index.verify_files()).await;
    let is_damaged = matches!(checked, Ok(Err(cartulary_index::IndexError::Damaged { .. })));
    if !is_damaged {
        return;
    }
    tracing::warn!("the files of the index are damaged: it is built anew");
    if let Err(error) = repository.reindex(|_| {}).await {
        crate::repository::log_error("the index could not be built anew", &error);
    }
}

/// What a batch of changes asks for.
pub(crate) struct Batch {
    pub position: i64,
    pub count: usize,
    /// Objects to look at, each with the position of its newest change.
    pub touched: BTreeMap<i64, i64>,
}

impl Repository {
    /// Brings the index forward by what changed, as far as one commit should go; returns how many changes they were.
    pub(crate) async fn feed_once(&self) -> Result<usize> {
        let _held = self.inner.feeding.lock().await;
        let began = Instant::now();
        let mut position = *self.inner.indexed.borrow();
        let mut count = 0;
        while count < COMMIT_CHANGES && began.elapsed() < COMMIT_AFTER {
            let batch = self.database().read(move |conn: &mut Conn| read_batch(conn, position)).await?;
            let Some(batch) = batch else { break };
            let touched: Vec<(i64, i64)> = batch.touched.into_iter().collect();
            self.put_entries(&Target::Live(self.inner.index.clone()), touched, Put::Newer).await?;
            position = batch.position;
            count += batch.count;
        }
        if count > 0 {
            self.commit_index(position).await?;
        }
        Ok(count)
    }

    async fn commit_index(&self, position: i64) -> Result<()> {
        let checkpoint = Checkpoint { log_identity: self.inner.log_identity.clone(), position };
        let index = self.inner.index.clone();
        blocking(move || index.commit(checkpoint)).await?;
        self.inner.indexed.send_replace(position);
        Ok(())
    }
}

/// Runs work of the index on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::result::Result<T, cartulary_index::IndexError> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await.map_err(RepositoryError::internal)?;
    done.map_err(|error| RepositoryError::Unavailable { what: "the full-text index", source: Some(Box::new(error)) })
}

/// Returns the changes after a position as a batch; nothing when there are none.
pub(crate) fn read_batch(conn: &mut Conn, position: i64) -> Result<Option<Batch>> {
    let rows = changes::after(conn, position, CHANGES)?;
    let Some(last) = rows.last().and_then(|row| row.position) else { return Ok(None) };
    let mut touched = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.audit_only) {
        let at = row.position.unwrap_or_default();
        if let Some(no) = row.object_no {
            touched.insert(no, at);
        }
        for no in holders_of(conn, row)? {
            touched.insert(no, at);
        }
    }
    Ok(Some(Batch { position: last, count: rows.len(), touched }))
}

/// Returns the objects that hold what a rendition was made of.
pub(crate) fn holders_of(conn: &mut Conn, row: &ChangeRow) -> Result<BTreeSet<i64>> {
    let mut holders = BTreeSet::new();
    if row.kind != "rendition" {
        return Ok(holders);
    }
    let detail: Value = serde_json::from_str(&row.detail).unwrap_or_default();
    let Some(digest) = detail.get("digest").and_then(Value::as_str) else { return Ok(holders) };
    holders.extend(arrangements::showing(conn, digest, ARRANGED_KIND)?);
    let mut after = 0;
    loop {
        let page = blobs::holders(conn, digest, after, HOLDERS)?;
        let Some((last, _)) = page.last() else { return Ok(holders) };
        after = last.object_no;
        holders.extend(page.iter().map(|(content, _)| content.object_no));
    }
}
