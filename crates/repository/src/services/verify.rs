//! Proof that rows, blobs, renditions, the change log and the index agree, and repair of the index.

use std::collections::BTreeMap;

use cartulary_blobs::{BlobError, Corruption, StorageKey, VerifyOutcome};
use cartulary_db::Conn;
use cartulary_index::Checkpoint;
use cartulary_model::merkle::{self, Tree};
use cartulary_model::{BaseType, BlobDigest};

use crate::entries::{Put, Target};
use crate::feed;
use crate::sequencer::link;
use crate::store::{acl, blobs, changes, filing, objects, relationships, renditions, seals};
use crate::{Repository, RepositoryError, Result};

/// How many rows are looked at in one read.
const PAGE: i64 = 500;
/// How many faults a report names.
const FAULTS_MAX: usize = 10_000;

/// How thorough a check is.
#[derive(Clone, Copy, Debug)]
pub struct VerifyOptions {
    /// Whether every blob is read and hashed again; otherwise only whether it is there with its length.
    pub rehash: bool,
    /// Whether an index that disagrees is mended.
    pub repair_index: bool,
    /// Whether only the change log is looked through: its values, its chain and its seals.
    pub log_only: bool,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        Self { rehash: true, repair_index: true, log_only: false }
    }
}

/// How far a check is.
#[derive(Clone, Copy, Debug, Default)]
pub struct VerifyProgress {
    /// Blobs looked at.
    pub blobs_checked: u64,
    /// Their bytes.
    pub bytes_checked: u64,
}

/// Something that does not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyFault {
    /// A stable snake_case code.
    pub code: &'static str,
    /// What it is about: a digest, an object's number, a position.
    pub subject: String,
    /// What is wrong, for a person.
    pub detail: String,
}

/// What a check found.
#[derive(Clone, Debug, Default)]
pub struct VerifyReport {
    /// Blobs looked at.
    pub blobs_checked: u64,
    /// Their bytes.
    pub bytes_checked: u64,
    /// Renditions looked at.
    pub renditions_checked: u64,
    /// Changes whose chain was computed again.
    pub changes_checked: u64,
    /// Seals whose root was computed again.
    pub seals_checked: u64,
    /// Objects compared with the index.
    pub objects_checked: u64,
    /// Entries of the index that disagreed and were mended.
    pub index_repaired: u64,
    /// What does not agree; at most 10,000 are named.
    pub faults: Vec<VerifyFault>,
}

impl VerifyReport {
    /// Says whether everything agrees. What was mended in the index is no fault: it is derived.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }

    pub(crate) fn fault(&mut self, code: &'static str, subject: impl Into<String>, detail: impl Into<String>) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(VerifyFault { code, subject: subject.into(), detail: detail.into() });
        }
    }
}

/// What a rebuild of the index did.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReindexReport {
    /// Objects put.
    pub objects: u64,
}

impl Repository {
    /// Checks everything, telling `progress` now and then.
    ///
    /// # Errors
    /// Those that stop the check; what it finds is in the report.
    pub async fn verify(
        &self,
        options: VerifyOptions,
        progress: impl Fn(VerifyProgress) + Send + Sync,
    ) -> Result<VerifyReport> {
        let mut report = VerifyReport::default();
        if options.log_only {
            self.verify_changes(&mut report).await?;
            return Ok(report);
        }
        self.verify_blobs(options, &progress, &mut report).await?;
        self.verify_uploads(&mut report).await?;
        self.verify_renditions(&mut report).await?;
        self.verify_changes(&mut report).await?;
        self.verify_versions(&mut report).await?;
        self.verify_filing(&mut report).await?;
        self.verify_notes(&mut report).await?;
        self.verify_space(&mut report).await?;
        self.verify_index(options, &mut report).await?;
        Ok(report)
    }

    async fn verify_blobs(
        &self,
        options: VerifyOptions,
        progress: &(impl Fn(VerifyProgress) + Send + Sync),
        report: &mut VerifyReport,
    ) -> Result<()> {
        let mut after = 0;
        loop {
            let rows = self.database().read(move |conn: &mut Conn| blobs::page(conn, after, PAGE)).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.no;
            let mut sound = Vec::new();
            for row in rows.into_iter().filter(|row| row.condemned_at.is_none()) {
                let digest: BlobDigest = row.digest.parse().map_err(RepositoryError::internal)?;
                let key = StorageKey::new(digest, row.generation.unsigned_abs());
                let size = row.size_bytes.unsigned_abs();
                let looked_at = if options.rehash {
                    self.blobs().verify(&key, digest, size).await
                } else {
                    self.look_at(&key, digest, size).await
                };
                let outcome = match looked_at {
                    Ok(outcome) => outcome,
                    // One file that cannot be opened; a store that is gone ends the check.
                    Err(BlobError::Io { source, .. }) => {
                        report.fault(
                            "blob_unreadable",
                            row.digest,
                            format!("the stored bytes cannot be read: {source}"),
                        );
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                };
                match outcome {
                    VerifyOutcome::Sound => sound.push(row.no),
                    VerifyOutcome::Missing => report.fault("blob_missing", row.digest, "the store has no such bytes"),
                    VerifyOutcome::WrongLength { .. } => {
                        report.fault("blob_wrong_length", row.digest, "the stored bytes have another length");
                    }
                    VerifyOutcome::WrongBytes => {
                        report.fault("blob_damaged", row.digest, "the stored bytes have another digest");
                    }
                    VerifyOutcome::BrokenSeal => {
                        report.fault(
                            "blob_damaged",
                            row.digest,
                            "its seal is broken: the sealed bytes were changed, or are those of another blob",
                        );
                    }
                    VerifyOutcome::NoKey { master } => {
                        report.fault(
                            "blob_locked",
                            row.digest,
                            format!("the stored bytes are sealed with the master key {master}, which the key file does not have"),
                        );
                    }
                    VerifyOutcome::NoFile => {
                        report.fault(
                            "blob_damaged",
                            row.digest,
                            "what lies in the place of the stored bytes is no file; the same bytes, uploaded again, mend it",
                        );
                    }
                }
                report.blobs_checked += 1;
                // A quick check asks for the length only.
                report.bytes_checked += if options.rehash { size } else { 0 };
            }
            if options.rehash {
                let now = self.clock().now().as_millis();
                self.database().write(move |conn| blobs::put_verified(conn, &sound, now)).await?;
            }
            let (blobs_checked, bytes_checked) = (report.blobs_checked, report.bytes_checked);
            progress(VerifyProgress { blobs_checked, bytes_checked });
        }
    }

    /// Says whether a blob is there with its length, without reading it.
    async fn look_at(
        &self,
        key: &StorageKey,
        digest: BlobDigest,
        size: u64,
    ) -> std::result::Result<VerifyOutcome, BlobError> {
        match self.blobs().read(key, digest, size, Some(0..size.min(1))).await {
            Ok(_) => Ok(VerifyOutcome::Sound),
            Err(BlobError::NotFound) => Ok(VerifyOutcome::Missing),
            Err(BlobError::Corrupt { fault: Corruption::NoFile, .. }) => Ok(VerifyOutcome::NoFile),
            Err(BlobError::Corrupt { fault: Corruption::Seal, .. }) => Ok(VerifyOutcome::BrokenSeal),
            Err(BlobError::NoKey { master, .. }) => Ok(VerifyOutcome::NoKey { master }),
            Err(BlobError::Corrupt { .. }) => Ok(VerifyOutcome::WrongLength { expected_bytes: size, found_bytes: 0 }),
            Err(error) => Err(error),
        }
    }

    async fn verify_renditions(&self, report: &mut VerifyReport) -> Result<()> {
        let mut after = 0;
        loop {
            let rows = self.database().read(move |conn: &mut Conn| renditions::page(conn, after, PAGE)).await?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = last.no;
            for (row, blob) in rows {
                if row.state == renditions::READY && blob.is_none() {
                    report.fault("rendition_without_blob", row.source_digest, "a finished rendition has no bytes");
                }
                report.renditions_checked += 1;
            }
        }
    }

    async fn verify_changes(&self, report: &mut VerifyReport) -> Result<()> {
        let (mut position, mut chain) = (0, vec![0; 32]);
        let mut seal = self.database().read(|conn: &mut Conn| seals::holding(conn, 0)).await?;
        let mut tree = Tree::default();
        loop {
            let rows = self.database().read(move |conn: &mut Conn| changes::after(conn, position, PAGE)).await?;
            if rows.is_empty() {
                if let Some(seal) = seal {
                    report.fault("seal_beyond_log", seal.day, "the log ends before the last entry that was sealed");
                }
                return Ok(());
            }
            for row in rows {
                let at = row.position.unwrap_or_default();
                if at != position + 1 {
                    report.fault("change_gap", at.to_string(), format!("no change stands at {}", position + 1));
                }
                chain = link(&chain, at, &row.values_digest);
                if !crate::transaction::digest_fits(&row) {
                    report.fault("change_altered", at.to_string(), "the values do not fit their digest");
                }
                if row.chain.as_ref() != Some(&chain) {
                    report.fault("change_chain_broken", at.to_string(), "the chain hash does not fit the entry");
                    chain = row.chain.unwrap_or(chain);
                }
                position = at;
                report.changes_checked += 1;
                tree.push(merkle::leaf(&chain));
                if let Some(ends) = seal.take_if(|seal| seal.position == at) {
                    if std::mem::take(&mut tree).root().as_slice() != ends.merkle_root {
                        report.fault("seal_broken", ends.day, "the entries are not those that were sealed");
                    }
                    report.seals_checked += 1;
                    seal = self.database().read(move |conn: &mut Conn| seals::holding(conn, at + 1)).await?;
                }
            }
        }
    }

    /// Looks whether what lies in folders and what lies in the trash agree, and everybody follows the folder that he should.
    async fn verify_filing(&self, report: &mut VerifyReport) -> Result<()> {
        let mut after = 0;
        loop {
            let rows = self.database().read(move |conn: &mut Conn| filing::page(conn, after, PAGE)).await?;
            let Some(last) = rows.last() else { break };
            after = last.no;
            for row in rows {
                let is_gone = row.child_trashed_at.is_some() || row.parent_trashed_at.is_some();
                if row.is_trashed != is_gone {
                    report.fault("filing_differs", row.child_no.to_string(), "a filing and the trash disagree");
                }
                let follows = row.scope_kind == acl::FOLDER && row.child_base != BaseType::Folder.as_str();
                if row.is_primary && !is_gone && follows && row.child_scope != row.parent_scope {
                    let detail = "it follows the access list of a folder that is not its primary one";
                    report.fault("scope_differs", row.child_no.to_string(), detail);
                }
            }
        }
        let read = |conn: &mut Conn| relationships::without_ends(conn, PAGE);
        for no in self.database().read(read).await? {
            report.fault("link_missing", no.to_string(), "a relationship links nothing");
        }
        self.verify_places(report).await?;
        self.verify_policies(report).await
    }

    /// Looks whether the objects that a security policy is about have its mark, and no others.
    async fn verify_policies(&self, report: &mut VerifyReport) -> Result<()> {
        let mut after = 0;
        while !self.inner.policies.is_empty() {
            let (policies, types) = (std::sync::Arc::clone(&self.inner.policies), self.types());
            let now = self.clock().now();
            let read = move |conn: &mut Conn| -> Result<Option<(i64, Vec<i64>)>> {
                let rows = objects::all_live_page(conn, after, PAGE)?;
                let Some(last) = rows.last() else { return Ok(None) };
                let mut wrong = Vec::new();
                for row in &rows {
                    if !policies.are_settled(conn, &types, row, now)? {
                        wrong.push(row.no);
                    }
                }
                Ok(Some((last.no, wrong)))
            };
            let Some((last, wrong)) = self.database().read(read).await? else { break };
            after = last;
            for no in wrong {
                let detail = "a security policy hides it and it has no mark of that, or the other way round";
                report.fault("policy_differs", no.to_string(), detail);
            }
        }
        Ok(())
    }

    /// Looks whether every object lies in one primary folder, or by somebody's wish in none.
    async fn verify_places(&self, report: &mut VerifyReport) -> Result<()> {
        let root = self.inner.root_no;
        let mut after = 0;
        loop {
            let read = move |conn: &mut Conn| -> Result<Option<(i64, Vec<i64>)>> {
                let rows = objects::live_page(conn, after, PAGE)?;
                let Some(last) = rows.last() else { return Ok(None) };
                let nos: Vec<i64> = rows.iter().map(|row| row.no).filter(|no| *no != root).collect();
                let mut counts: BTreeMap<i64, usize> = nos.iter().map(|no| (*no, 0)).collect();
                for filing in filing::filings_of(conn, &nos)?.iter().filter(|one| !one.is_trashed && one.is_primary) {
                    *counts.entry(filing.child_no).or_default() += 1;
                }
                for unfiled in objects::unfiled_of_some(conn, &nos)? {
                    *counts.entry(unfiled.no).or_default() += 1;
                }
                let wrong = counts.into_iter().filter(|(_, count)| *count != 1).map(|(no, _)| no);
                Ok(Some((last.no, wrong.collect())))
            };
            let Some((last, wrong)) = self.database().read(read).await? else { return Ok(()) };
            after = last;
            for no in wrong {
                report.fault(
                    "place_differs",
                    no.to_string(),
                    "it has not one primary folder, nor lies in none by a wish",
                );
            }
        }
    }

    async fn verify_index(&self, options: VerifyOptions, report: &mut VerifyReport) -> Result<()> {
        while self.feed_once().await? > 0 {}
        let index = self.inner.index.clone();
        let indexed =
            tokio::task::spawn_blocking(move || index.object_numbers()).await.map_err(RepositoryError::internal)?;
        let (past, present): (Vec<_>, Vec<_>) = indexed.into_iter().partition(|one| one.past_of.is_some());
        let mut indexed: BTreeMap<i64, i64> = present.into_iter().map(|one| (one.object_no, one.scope)).collect();
        let mut past: BTreeMap<i64, i64> =
            past.into_iter().filter_map(|one| Some((one.object_no, one.past_of?))).collect();
        let reached = *self.inner.indexed.borrow();
        let root = self.inner.root_no;
        let mut wrong = Vec::new();
        let mut after = 0;
        loop {
            let read = move |conn: &mut Conn| -> Result<_> {
                let rows = objects::live_page(conn, after, PAGE)?;
                let missing = Self::versions_without_entries(conn, &rows, &mut past)?;
                Ok((rows, missing, past))
            };
            let (rows, missing, left) = self.database().read(read).await?;
            past = left;
            wrong.extend(missing.into_iter().map(|no| (no, reached)));
            let Some(last) = rows.last() else { break };
            after = last.no;
            for row in rows.iter().filter(|row| row.no != root) {
                if indexed.remove(&row.no) != Some(row.scope_no) {
                    wrong.push((row.no, reached));
                }
                report.objects_checked += 1;
            }
        }
        wrong.extend(indexed.keys().chain(past.keys()).map(|no| (*no, reached)));
        if wrong.is_empty() {
            return Ok(());
        }
        if !options.repair_index {
            for (no, _) in wrong {
                report.fault("index_differs", no.to_string(), "the index and the database disagree on this object");
            }
            return Ok(());
        }
        report.index_repaired = wrong.len() as u64;
        self.repair_index(wrong, reached).await
    }

    async fn repair_index(&self, wrong: Vec<(i64, i64)>, reached: i64) -> Result<()> {
        self.put_entries(&Target::Live(self.inner.index.clone()), wrong, Put::Repair).await?;
        let checkpoint = Checkpoint { log_identity: self.inner.log_identity.clone(), position: reached };
        let index = self.inner.index.clone();
        feed::blocking(move || index.commit(checkpoint)).await
    }

    /// Builds the index anew beside the living one and puts it in its place; searches go on meanwhile.
    ///
    /// # Errors
    /// The database's; the index's; `Unavailable` when another rebuild is running.
    pub async fn reindex(&self, progress: impl Fn(u64) + Send + Sync) -> Result<ReindexReport> {
        let index = self.inner.index.clone();
        let shadow = std::sync::Arc::new(feed::blocking(move || index.start_rebuild()).await?);
        let start = self.database().read(changes::last_position).await?;
        let mut report = ReindexReport::default();
        let mut after = 0;
        loop {
            let rows = self.database().read(move |conn: &mut Conn| objects::live_page(conn, after, 100)).await?;
            let Some(last) = rows.last() else { break };
            after = last.no;
            // The root folder is in no list and no search: `verify` does not count it either.
            report.objects += rows.iter().filter(|row| row.no != self.inner.root_no).count() as u64;
            let target = Target::Shadow(std::sync::Arc::clone(&shadow));
            self.put_entries(&target, rows.iter().map(|row| (row.no, start)).collect(), Put::Newer).await?;
            progress(report.objects);
        }
        self.finish_rebuild(shadow, start).await?;
        Ok(report)
    }

    /// Replays what changed meanwhile, holding the feed still for the last of it, and switches.
    async fn finish_rebuild(&self, shadow: std::sync::Arc<cartulary_index::ShadowIndex>, start: i64) -> Result<()> {
        let held = self.inner.feeding.lock().await;
        let mut position = start;
        loop {
            let batch = self.database().read(move |conn: &mut Conn| feed::read_batch(conn, position)).await?;
            let Some(batch) = batch else { break };
            position = batch.position;
            let target = Target::Shadow(std::sync::Arc::clone(&shadow));
            self.put_entries(&target, batch.touched.into_iter().collect(), Put::Newer).await?;
        }
        let checkpoint = Checkpoint { log_identity: self.inner.log_identity.clone(), position };
        let target = std::sync::Arc::clone(&shadow);
        feed::blocking(move || target.commit(checkpoint)).await?;
        let shadow = std::sync::Arc::try_unwrap(shadow)
            .map_err(|_| RepositoryError::internal("the new index is still in use"))?;
        feed::blocking(move || shadow.switch()).await?;
        self.inner.indexed.send_replace(position);
        drop(held);
        Ok(())
    }
}
