//! Encryption at rest: which master keys the blobs need, and the rewriting of those that the newest one has not sealed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use cartulary_blobs::{BlobError, BlobStore, KeyId, Resealed, StorageKey};
use cartulary_db::{Conn, Database};
use cartulary_model::BlobDigest;
use serde::{Deserialize, Serialize};

use super::health::HealthCheck;
use crate::module::{JobContext, JobError, JobHandler};
use crate::repository::BootError;
use crate::store::blobs::{self, Part};
use crate::store::{info, jobs};
use crate::{Repository, RepositoryError, Result, error_chain};

/// The kind of the job that rewrites.
const SEAL: &str = "core.seal";
/// How many blobs are looked at in one read.
const PAGE: i64 = 500;
/// In how many parts the blobs are rewritten, by the first byte of their digest.
const PARTS: u16 = 256;
/// How many blobs that were left a report names.
const LEFT_MAX: usize = 1_000;
/// The fact that says with which master keys blobs may be sealed, oldest first.
const KEYS: &str = "blobKeys";
/// The fact that says how far the rewriting is.
const STANDING: &str = "blobSealing";

/// How far the rewriting is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Standing {
    /// The master key that all are to be sealed with.
    key: String,
    /// So many of the 256 parts are done.
    part: u16,
    /// So many blobs were left in them, because they are damaged or missing.
    left: u64,
}

/// What a rewriting did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealReport {
    /// The master key that seals.
    pub key: String,
    /// Blobs looked at.
    pub blobs: u64,
    /// Blobs rewritten.
    pub rewritten: u64,
    /// Their bytes.
    pub rewritten_bytes: u64,
    /// How many blobs were left as they are.
    pub left_count: u64,
    /// The digests of some of them, each with the reason.
    pub left: Vec<(String, String)>,
}

/// Compares the keys that the store was opened with to those that its blobs need, and notes a new one.
///
/// # Errors
/// [`BootError::Keys`] when one that is needed is not there.
pub(crate) async fn check_keys(database: &Database, store: &BlobStore) -> Result<(), BootError> {
    let given = store.key_ids();
    let needed = database.read(|conn: &mut Conn| known_keys(conn)).await?;
    let missing: Vec<&str> = needed.iter().filter(|id| !has(&given, id)).map(String::as_str).collect();
    if !missing.is_empty() {
        let there = match given.as_slice() {
            [] => "`store.keyFile` names no key file".to_owned(),
            ids => format!("the key file that `store.keyFile` names has {}", list(ids.iter().map(ToString::to_string))),
        };
        let reason = format!(
            "the blobs are sealed with the master key {}, and {there}. Name the right file, or put it back from where you keep it \
             or from a backup",
            missing.join(" and ")
        );
        return Err(BootError::Keys { reason });
    }
    let Some(newest) = given.last().map(ToString::to_string).filter(|id| !needed.contains(id)) else { return Ok(()) };
    database
        .write(move |conn| {
            let mut keys = known_keys(conn)?;
            if !keys.contains(&newest) {
                keys.push(newest.clone());
            }
            info::put(conn, KEYS, &keys.join(" "))
        })
        .await?;
    Ok(())
}

fn has(given: &[KeyId], id: &str) -> bool {
    given.iter().any(|one| one.to_string() == id)
}

fn list(ids: impl Iterator<Item = String>) -> String {
    ids.collect::<Vec<_>>().join(" and ")
}

fn known_keys(conn: &mut Conn) -> Result<Vec<String>> {
    let text = info::get(conn, KEYS)?.unwrap_or_default();
    Ok(text.split_whitespace().map(str::to_owned).collect())
}

/// Notes of an office that was put back that all its blobs are sealed with the newest key, or all plain.
pub(crate) fn begin_anew(conn: &mut Conn, keys: &[KeyId]) -> Result<()> {
    let newest = keys.last().map(ToString::to_string).unwrap_or_default();
    info::put(conn, KEYS, &newest)?;
    let standing = Standing { part: if newest.is_empty() { 0 } else { PARTS }, key: newest, left: 0 };
    put_standing(conn, &standing)
}

fn standing(conn: &mut Conn, key: &str) -> Result<Standing> {
    let text = info::get(conn, STANDING)?.unwrap_or_default();
    let found: Standing = serde_json::from_str(&text).unwrap_or_default();
    Ok(if found.key == key { found } else { Standing { key: key.to_owned(), ..Standing::default() } })
}

fn put_standing(conn: &mut Conn, standing: &Standing) -> Result<()> {
    info::put(conn, STANDING, &serde_json::to_string(standing).map_err(RepositoryError::internal)?)
}

/// Returns the jobs of this file.
pub(crate) fn sealing_handlers() -> Vec<JobHandler> {
    vec![JobHandler { kind: SEAL, run: Arc::new(|context| Box::pin(do_job(context))) }]
}

async fn do_job(context: JobContext) -> std::result::Result<(), JobError> {
    let repository = context.repository;
    if repository.key_to_seal_with().is_none() {
        return Ok(());
    }
    let report = repository.seal_parts(Pace::Gentle, |_| ()).await?;
    for (digest, reason) in &report.left {
        tracing::warn!(blob.digest = %digest, reason, "a blob could not be sealed and stays as it is");
    }
    tracing::info!(rewritten = report.rewritten, left = report.left_count, key = %report.key, "the blobs are sealed");
    Ok(())
}

/// How the rewriting goes about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// As fast as it goes.
    Full,
    /// Resting as long as it works, so that people who work with the office meanwhile notice little.
    Gentle,
}

impl Repository {
    /// Seals every blob that the newest master key has not sealed: those from before there was one, and those of an older one. It
    /// goes on where an earlier one stopped, and may be stopped at any time: each blob is as it was, or sealed.
    ///
    /// # Errors
    /// `Invalid` when the configuration names no key; the database's; the store's. What is damaged or missing is left, and in the
    /// report.
    pub async fn seal_blobs(&self, progress: impl Fn(&SealReport) + Send + Sync) -> Result<SealReport> {
        let Some(key) = self.key_to_seal_with() else {
            return Err(RepositoryError::invalid(
                "store.keyFile",
                "missing",
                "no key file is named there: `cartulary key create` makes one",
            ));
        };
        // Asked for again after the end: everything is looked at once more.
        self.database()
            .write(move |conn| {
                let found = standing(conn, &key)?;
                if found.part >= PARTS {
                    put_standing(conn, &Standing { key: key.clone(), ..Standing::default() })
                } else {
                    Ok(())
                }
            })
            .await?;
        self.seal_parts(Pace::Full, progress).await
    }

    /// Returns the names of the master keys with which blobs are sealed, or may be: none of them can be done without.
    ///
    /// # Errors
    /// The database's.
    pub async fn keys_needed(&self) -> Result<Vec<String>> {
        self.database().read(known_keys).await
    }

    /// Returns the name of the master key that seals; nothing where blobs are stored plain.
    pub fn key_to_seal_with(&self) -> Option<String> {
        self.blobs().key_ids().last().map(ToString::to_string)
    }

    /// Asks for the rewriting, if there is something left to rewrite.
    pub(crate) async fn seal_later(&self) -> Result<()> {
        let Some(key) = self.key_to_seal_with() else { return Ok(()) };
        let is_done = self
            .database()
            .read(move |conn: &mut Conn| Ok::<_, RepositoryError>(standing(conn, &key)?.part >= PARTS))
            .await?;
        if is_done {
            return Ok(());
        }
        let now = self.clock().now();
        let new =
            jobs::NewJob { kind: SEAL, payload: serde_json::json!({}), dedupe_key: Some(SEAL.to_owned()), priority: 0 };
        self.database().write(move |conn| jobs::insert(conn, &new, now, None)).await?;
        self.inner.jobs_wanted.notify_one();
        Ok(())
    }

    async fn seal_parts(&self, pace: Pace, progress: impl Fn(&SealReport) + Send + Sync) -> Result<SealReport> {
        let mut report = SealReport { key: self.key_to_seal_with().unwrap_or_default(), ..SealReport::default() };
        loop {
            let key = report.key.clone();
            let at = self.database().read(move |conn: &mut Conn| standing(conn, &key)).await?;
            let Ok(first) = u8::try_from(at.part) else { break };
            let left_before = report.left_count;
            self.seal_part(Part(first), pace, &mut report, &progress).await?;
            let done = Standing { part: at.part + 1, left: at.left + report.left_count - left_before, ..at };
            self.database()
                .write(move |conn| {
                    put_standing(conn, &done)?;
                    // Nothing is sealed with another key any more.
                    let needs_no_other = done.part == PARTS && done.left == 0;
                    if needs_no_other { info::put(conn, KEYS, &done.key) } else { Ok(()) }
                })
                .await?;
        }
        Ok(report)
    }

    async fn seal_part(
        &self,
        part: Part,
        pace: Pace,
        report: &mut SealReport,
        progress: &(impl Fn(&SealReport) + Send + Sync),
    ) -> Result<()> {
        let mut after = part.begin();
        loop {
            let asked = after.clone();
            let rows =
                self.database().read(move |conn: &mut Conn| blobs::living_of_part(conn, part, &asked, PAGE)).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after.clone_from(&last.digest);
            for row in rows {
                let digest: BlobDigest = row.digest.parse().map_err(RepositoryError::internal)?;
                let (key, size) =
                    (StorageKey::new(digest, row.generation.unsigned_abs()), row.size_bytes.unsigned_abs());
                let began = Instant::now();
                report.blobs += 1;
                match self.blobs().reseal(&key, digest, size).await {
                    Ok(Resealed::WasSealed) => {}
                    Ok(Resealed::Rewritten) => {
                        report.rewritten += 1;
                        report.rewritten_bytes += size;
                        if pace == Pace::Gentle {
                            tokio::time::sleep(began.elapsed()).await;
                        }
                    }
                    Err(error @ (BlobError::NotFound | BlobError::Corrupt { .. } | BlobError::NoKey { .. })) => {
                        report.left_count += 1;
                        if report.left.len() < LEFT_MAX {
                            report.left.push((row.digest, error_chain(&error)));
                        }
                    }
                    Err(error) => return Err(error.into()),
                }
                progress(report);
            }
        }
    }

    /// Says how the blobs are sealed; nothing where they are not.
    pub(crate) async fn sealing_health(&self) -> Result<Option<HealthCheck>> {
        let Some(key) = self.key_to_seal_with() else { return Ok(None) };
        let asked = key.clone();
        let (at, known) = self
            .database()
            .read(move |conn: &mut Conn| Ok::<_, RepositoryError>((standing(conn, &asked)?, known_keys(conn)?)))
            .await?;
        let others: BTreeSet<String> = known.into_iter().filter(|id| *id != key).collect();
        let rest = match (at.part >= PARTS, at.left, others.is_empty()) {
            (false, _, _) => format!("; older ones are rewritten, {} of {PARTS} parts are done", at.part),
            (true, 0, _) => ", and so are all older ones".to_owned(),
            (true, left, true) => format!("; {left} older ones could not be read and were left"),
            (true, left, false) => {
                format!(
                    "; {left} older ones could not be read and were left, some may need {}",
                    list(others.into_iter())
                )
            }
        };
        let reason = format!("new blobs are sealed with the master key {key}{rest}");
        Ok(Some(HealthCheck { name: "sealing", ok: true, is_degraded: false, reason }))
    }
}
