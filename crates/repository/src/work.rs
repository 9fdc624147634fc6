//! The background of a node: jobs, the index feed, the sequencer of a shared database, and housekeeping.

use std::sync::Arc;
use std::time::Duration;

use cartulary_blobs::StorageKey;
use cartulary_db::Conn;
use cartulary_formats::{FaultCode, FormatsError};
use cartulary_model::ChangeKind;
use serde_json::json;
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::arranging;
use crate::feed;
use crate::module::{JobContext, JobError, JobHandler};
use crate::object::{Fault, TextPage};
use crate::scratch;
use crate::services::{TEXT_KIND, TEXT_PRODUCER, TextJob, count_with_words};
use crate::store::jobs::{self, JobRow};
use crate::store::renditions::{self, Outcome, RenditionKey};
use crate::store::{backups, blobs, bulk, imports, sessions};
use crate::transaction::{Change, Tx};
use crate::{Repository, RepositoryError, Result};

/// For how long a claimed job is this node's. *Units*: milliseconds.
const LEASE_MS: i64 = 60_000;
/// How often leases are renewed.
const RENEW: Duration = Duration::from_secs(20);
/// How often due jobs are looked for without news: those of other nodes, and those whose time has come.
const IDLE: Duration = Duration::from_secs(1);
/// How often a job is begun at most.
const ATTEMPTS_MAX: i32 = 6;
/// The longest pause of a job that waits for room or for a store. *Units*: milliseconds.
const WAIT_MAX_MS: i64 = 60_000;
/// How often the sequencer of a shared database looks for what other nodes committed.
const SEQUENCE: Duration = Duration::from_millis(25);
/// How often the house is kept.
const HOUSEKEEPING: Duration = Duration::from_secs(600);
/// How many of the 256 parts of the blobs are looked through each time: all of them in eleven hours.
const GARBAGE_PARTS: u64 = 4;
/// How many bulk actions are forgotten at once, with what became of each of their objects.
const BULK_ACTIONS_AT_ONCE: i64 = 5;
/// For how long done jobs and remembered requests are kept. *Units*: milliseconds.
const KEEP_MS: i64 = 7 * 24 * 3_600_000;
/// For how long it is known what became of backups. *Units*: milliseconds.
const BACKUP_RUNS_MS: i64 = 400 * 24 * 3_600_000;
/// How many faults of one file are kept.
const FAULTS_MAX: usize = 100;

/// The tasks of a running node.
#[derive(Debug)]
pub struct BackgroundTasks {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl BackgroundTasks {
    /// Stops all tasks: what is under way ends or is put back for later.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a background task ended badly");
            }
        }
    }
}

/// Does work until it is done or the node stops; then it is broken off where it waits, as a crash would, which all of it bears.
async fn until_stopped(mut stop: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        _ = stop.changed() => {}
        () = work => {}
    }
}

impl Repository {
    /// Starts the node's background: without it texts wait, the index stands still and nothing is kept in order.
    pub fn start_background(&self) -> BackgroundTasks {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = vec![
            tokio::spawn(feed::run(self.clone(), stopped.clone())),
            tokio::spawn(run_jobs(self.clone(), stopped.clone())),
            tokio::spawn(crate::webhooks::run(self.clone(), stopped.clone())),
            tokio::spawn(crate::notifier::run(self.clone(), stopped.clone())),
            tokio::spawn(until_stopped(stopped.clone(), keep_house(self.clone()))),
            tokio::spawn(count_old_texts(self.clone(), stopped.clone())),
            tokio::spawn(until_stopped(stopped.clone(), feed::check_files(self.clone()))),
        ];
        if self.is_shared() {
            tasks.push(tokio::spawn(sequence(self.clone(), stopped)));
        }
        BackgroundTasks { stop, tasks }
    }

    /// Numbers all changes that were committed so far, as the background does all the time on a shared database.
    ///
    /// # Errors
    /// The database's.
    pub async fn sequence_now(&self) -> Result<()> {
        while self.is_shared() && self.sequence_once().await? > 0 {}
        Ok(())
    }

    /// Numbers what was committed, on a database where no writer does it by itself.
    pub(crate) async fn sequence_once(&self) -> Result<usize> {
        let identity = self.inner.log_identity.clone();
        self.database()
            .write(move |conn| {
                if !crate::store::changes::has_unnumbered(conn)? {
                    return Ok(0);
                }
                let key = cartulary_db::portable::advisory_key(&identity, "sequencer");
                cartulary_db::portable::lock_in_transaction(conn, key)?;
                crate::sequencer::number_pending(conn)
            })
            .await
    }
}

/// Counts what was never counted, once after the start.
async fn count_old_texts(repository: Repository, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        _ = stop.changed() => {}
        counted = repository.count_old_texts() => {
            if let Err(error) = counted {
                crate::repository::log_error("texts of before are counted after the next start", &error);
            }
        }
    }
}

async fn sequence(repository: Repository, mut stop: watch::Receiver<bool>) {
    let mut commits = repository.database().commits();
    loop {
        if let Err(error) = repository.sequence_once().await {
            crate::repository::log_error("the sequencer failed and goes on later", &error);
        }
        tokio::select! {
            _ = stop.changed() => return,
            _ = commits.changed() => {}
            () = tokio::time::sleep(SEQUENCE) => {}
        }
    }
}

async fn keep_house(repository: Repository) {
    if let Err(error) = repository.seal_later().await {
        crate::repository::log_error("the sealing of older blobs is asked for later", &error);
    }
    loop {
        tokio::time::sleep(HOUSEKEEPING).await;
        if let Err(error) = keep_house_once(&repository).await {
            crate::repository::log_error("housekeeping failed and goes on later", &error);
        }
    }
}

async fn keep_house_once(repository: &Repository) -> Result<()> {
    let now = repository.clock().now();
    let before = now.plus_millis(-KEEP_MS).as_millis();
    repository
        .database()
        .write(move |conn| -> Result<()> {
            sessions::delete_expired(conn, now.as_millis())?;
            jobs::delete_done(conn, before)?;
            bulk::delete_finished(conn, before, BULK_ACTIONS_AT_ONCE)?;
            imports::delete_idempotent(conn, before)?;
            backups::delete_old(conn, now.plus_millis(-BACKUP_RUNS_MS).as_millis())?;
            Ok(())
        })
        .await?;
    repository.expire_uploads().await?;
    repository.seal_daily().await?;
    repository.expire_trash_later().await?;
    repository.expire_exports().await?;
    repository.backups_due().await?;
    repository.seal_later().await?;
    let turn = now.as_millis().unsigned_abs() / HOUSEKEEPING.as_millis() as u64;
    let report = repository.collect_some_garbage(repository.garbage_rules(), turn, GARBAGE_PARTS).await?;
    tracing::info!(
        condemned = report.condemned,
        deleted = report.deleted,
        freed_bytes = report.freed_bytes,
        "garbage was collected"
    );
    let index = repository.inner.index.clone();
    feed::blocking(move || index.rest()).await
}

/// Claims due jobs and runs them, as many at once as the configuration says.
async fn run_jobs(repository: Repository, mut stop: watch::Receiver<bool>) {
    let job_workers = repository.inner.config.job_workers;
    if job_workers == 0 {
        // Whoever set this wants the papers kept and not read, for instance on a node that only answers.
        let _ = stop.wait_for(|stops| *stops).await;
        return;
    }
    // Where nobody else works, what an earlier process had begun is nobody's.
    if !repository.is_shared()
        && let Err(error) = repository.database().write(jobs::release_all).await
    {
        crate::repository::log_error("leases of jobs that an earlier process had end later", &error);
    }
    let owner = uuid::Uuid::now_v7().to_string();
    let slots = Arc::new(Semaphore::new(job_workers));
    let mut running = JoinSet::new();
    let mut renewed = tokio::time::Instant::now();
    loop {
        while running.try_join_next().is_some() {}
        if renewed.elapsed() > RENEW {
            renewed = tokio::time::Instant::now();
            if let Err(error) = renew(&repository, &owner).await {
                crate::repository::log_error("leases of jobs could not be renewed", &error);
            }
        }
        let claimed = claim(&repository, &owner, slots.available_permits()).await.unwrap_or_else(|error| {
            crate::repository::log_error("no jobs could be claimed", &error);
            Vec::new()
        });
        let found = !claimed.is_empty();
        for job in claimed {
            let Ok(permit) = Arc::clone(&slots).acquire_owned().await else { return };
            let (repository, owner) = (repository.clone(), owner.clone());
            running.spawn(async move {
                run_job(&repository, &owner, job).await;
                drop(permit);
            });
        }
        if found {
            continue;
        }
        let is_busy = !running.is_empty();
        tokio::select! {
            _ = stop.changed() => break,
            _ = running.join_next(), if is_busy => {}
            () = repository.inner.jobs_wanted.notified(), if slots.available_permits() > 0 => {}
            () = tokio::time::sleep(IDLE) => {}
        }
    }
    running.abort_all();
    while running.join_next().await.is_some() {}
    let now = repository.clock().now().as_millis();
    if let Err(error) = repository.database().write(move |conn| jobs::release_owned(conn, &owner, now)).await {
        crate::repository::log_error("jobs could not be put back", &error);
    }
}

async fn claim(repository: &Repository, owner: &str, slots: usize) -> Result<Vec<JobRow>> {
    let now = repository.clock().now();
    let limit = i64::try_from(slots).unwrap_or(i64::MAX);
    let is_due = repository.database().read(move |conn: &mut Conn| jobs::is_due(conn, now.as_millis())).await?;
    if slots == 0 || !is_due {
        return Ok(Vec::new());
    }
    let owner = owner.to_owned();
    let until = now.plus_millis(LEASE_MS).as_millis();
    repository
        .database()
        .write(move |conn| {
            jobs::release_expired(conn, now.as_millis())?;
            jobs::claim(conn, &owner, now.as_millis(), until, limit)
        })
        .await
}

async fn renew(repository: &Repository, owner: &str) -> Result<usize> {
    let (owner, until) = (owner.to_owned(), repository.clock().now().plus_millis(LEASE_MS).as_millis());
    repository.database().write(move |conn| jobs::renew(conn, &owner, until)).await
}

async fn run_job(repository: &Repository, owner: &str, job: JobRow) {
    let handler = repository.inner.handlers.iter().find(|handler| handler.kind == job.kind).cloned();
    let outcome = match handler {
        Some(handler) => {
            let context = JobContext {
                repository: repository.clone(),
                job_id: job.id.clone(),
                payload: serde_json::from_str(&job.payload).unwrap_or_default(),
                attempts: job.attempts,
            };
            (handler.run)(context).await
        }
        None => Err(JobError::Dead(format!("nothing here does jobs of the kind `{}`", job.kind))),
    };
    if let Err(error) = &outcome {
        tracing::warn!(job.id = %job.id, job.kind = %job.kind, %error, "a job did not succeed");
    }
    let now = repository.clock().now();
    let owner = owner.to_owned();
    let ended = repository
        .database()
        .write(move |conn| -> Result<()> {
            match &outcome {
                Ok(()) => jobs::finish(conn, job.no, &owner, None, now.as_millis()).map(drop),
                Err(JobError::Retry(reason)) if job.attempts < ATTEMPTS_MAX => {
                    let pause_ms = 1_000_i64 << job.attempts.clamp(0, 12);
                    jobs::retry(conn, job.no, &owner, reason, now.plus_millis(pause_ms).as_millis())
                }
                Err(JobError::Wait(reason)) => {
                    let pause_ms = (1_000_i64 << job.attempts.clamp(0, 12)).min(WAIT_MAX_MS);
                    jobs::retry(conn, job.no, &owner, reason, now.plus_millis(pause_ms).as_millis())
                }
                Err(JobError::Retry(reason) | JobError::Dead(reason)) => {
                    jobs::finish(conn, job.no, &owner, Some(reason), now.as_millis()).map(drop)
                }
            }
        })
        .await;
    if let Err(error) = ended {
        crate::repository::log_error("the end of a job could not be written; it will run again", &error);
    }
}

/// Returns the jobs of the core.
pub(crate) fn core_handlers() -> Vec<JobHandler> {
    let mut handlers = vec![JobHandler { kind: "core.text", run: Arc::new(|context| Box::pin(make_text(context))) }];
    handlers
        .push(JobHandler { kind: "core.arrange", run: Arc::new(|context| Box::pin(arranging::make_file(context))) });
    handlers.extend(crate::services::deletion_handlers());
    handlers.extend(crate::services::bulk_handlers());
    handlers.extend(crate::services::export_handlers());
    handlers.extend(crate::services::backup_handlers());
    handlers.extend(crate::services::sealing::sealing_handlers());
    handlers.extend(crate::services::quota_handlers());
    handlers.extend(crate::services::hand_over_handlers());
    handlers
}

/// Reads the text of a blob in a contained worker and keeps it as a rendition.
async fn make_text(context: JobContext) -> std::result::Result<(), JobError> {
    let repository = context.repository;
    let job: TextJob = serde_json::from_value(context.payload).map_err(|error| JobError::Dead(error.to_string()))?;
    let Some(pool) = &repository.inner.workers else {
        return Err(JobError::Retry("no workers are configured to read files".to_owned()));
    };
    let source = job.digest.to_string();
    let living = {
        let source = source.clone();
        repository.database().read(move |conn: &mut Conn| blobs::living(conn, &source)).await?
    };
    let blob = living.ok_or_else(|| JobError::Dead("the blob is gone".to_owned()))?;
    let key = StorageKey::new(job.digest, blob.generation.unsigned_abs());
    let (path, is_copy) = match repository.blobs().local_path(&key).await {
        Some(path) => (path, false),
        None => (copy_of(&repository, &key, &blob).await?, true),
    };
    let read = pool.extract(path.clone(), Some(&job.media_type), &job.file_name).await;
    if is_copy {
        let _ = tokio::fs::remove_file(&path).await;
    }
    match read {
        Ok(extraction) => keep_text(&repository, &source, extraction).await.map_err(JobError::from),
        Err(FormatsError::Unavailable { reason }) => Err(JobError::Retry(reason)),
        Err(FormatsError::Unreadable { source }) => Err(JobError::Retry(source.to_string())),
        Err(error) => keep_failure(&repository, &source, &error).await.map_err(JobError::from),
    }
}

/// Copies a blob of a remote or sealed store to a file that workers can be given, for this user only.
async fn copy_of(repository: &Repository, key: &StorageKey, blob: &blobs::BlobRow) -> Result<std::path::PathBuf> {
    use futures::StreamExt;
    use tokio::io::AsyncWriteExt;
    let path = scratch::new_copy(&repository.inner.config.work_dir);
    let mut reader = repository.blobs().read(key, key.digest(), blob.size_bytes.unsigned_abs(), None).await?;
    let mut file = scratch::create(&path).await?;
    while let Some(chunk) = reader.next().await {
        file.write_all(&chunk?).await.map_err(RepositoryError::internal)?;
    }
    file.flush().await.map_err(RepositoryError::internal)?;
    Ok(path)
}

async fn keep_text(repository: &Repository, source: &str, extraction: cartulary_formats::Extraction) -> Result<()> {
    let faults = faults_json(&extraction.faults)?;
    let page_count = extraction.page_count.and_then(|count| i32::try_from(count).ok());
    let is_failed = extraction.pages.is_empty() && !extraction.faults.is_empty();
    let pages: Vec<TextPage> = extraction
        .pages
        .into_iter()
        .map(|page| TextPage {
            page_number: page.page_number,
            width: page.width_pt,
            height: page.height_pt,
            text: page.text,
            language: page.language,
        })
        .collect();
    let pages_with_text = Some(count_with_words(&pages));
    let bytes = serde_json::to_vec(&pages).map_err(RepositoryError::internal)?;
    let session = repository.system_session();
    let body = futures::stream::iter([Ok::<_, std::io::Error>(bytes::Bytes::from(bytes))]);
    let staged = session.content_stage(body).await?;
    let source = source.to_owned();
    let state = if is_failed { renditions::FAILED } else { renditions::READY };
    session
        .with_blob(staged, move |tx, blob| {
            let outcome = Outcome { state, blob_no: Some(blob), page_count, pages_with_text, faults: &faults };
            put_outcome(tx, &source, &outcome)
        })
        .await?;
    Ok(())
}

async fn keep_failure(repository: &Repository, source: &str, error: &FormatsError) -> Result<()> {
    let faults = faults_json(&[error.as_fault()])?;
    let source = source.to_owned();
    repository
        .system_session()
        .transact(move |tx| {
            let outcome = Outcome {
                state: renditions::FAILED,
                blob_no: None,
                page_count: None,
                pages_with_text: None,
                faults: &faults,
            };
            put_outcome(tx, &source, &outcome)
        })
        .await?;
    Ok(())
}

fn put_outcome(tx: &mut Tx<'_>, source: &str, outcome: &Outcome<'_>) -> Result<()> {
    let key = RenditionKey { source_digest: source, kind: TEXT_KIND, producer: TEXT_PRODUCER };
    renditions::put_outcome(tx.conn, key, outcome, tx.now.as_millis())?;
    let detail = Some(json!({ "digest": source, "kind": TEXT_KIND, "state": outcome.state }));
    tx.record(ChangeKind::Rendition, Change { detail, ..Change::default() })
}

/// Writes down the faults of the bytes; that of the name is each content's own.
pub(crate) fn faults_json(faults: &[cartulary_formats::Fault]) -> Result<String> {
    let of_bytes = faults.iter().filter(|fault| fault.code != FaultCode::NameDisagrees);
    let kept: Vec<Fault> = of_bytes.take(FAULTS_MAX).cloned().map(Fault::from).collect();
    serde_json::to_string(&kept).map_err(RepositoryError::internal)
}
