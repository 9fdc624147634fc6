//! Bytes that nothing refers to, removed in two steps.

use cartulary_blobs::StorageKey;
use cartulary_db::Conn;
use cartulary_model::BlobDigest;
use futures::StreamExt;

use crate::store::blobs::{self, Part, Unbound};
use crate::{Repository, RepositoryError, Result};

/// How many rows one transaction looks at, condemns or removes.
const BATCH: i64 = 500;
/// In how many parts the blobs are looked through, by the first byte of their digest.
const PARTS: u64 = 256;

/// How long an upload may stand still before its leftovers go. No rule shortens it: an upload that runs has no row yet.
const STAGING_AGE: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// How old is old enough. *Units*: milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct GarbageRules {
    /// Unreferenced bytes younger than this stay.
    pub unreferenced_ms: i64,
    /// Condemned bytes stay for this long.
    pub condemned_ms: i64,
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GarbageReport {
    /// Blobs condemned: nothing refers to them, and nothing new will.
    pub condemned: u64,
    /// Files of the store that no row knew, condemned too.
    pub orphans: u64,
    /// Blobs whose bytes and rows are gone.
    pub deleted: u64,
    /// Their bytes.
    pub freed_bytes: u64,
    /// Leftovers of interrupted uploads that are gone.
    pub staging_swept: u64,
    /// Whether a backup's lease kept everything in place.
    pub is_leased: bool,
}

impl Repository {
    /// Condemns what nothing refers to, and removes what was condemned long ago. `progress` is told after each part of
    /// the blobs, with how many of how many are done.
    ///
    /// An upload that meets a condemned row takes a new storage key, and a reference locks its blob's row: so no bytes
    /// go that anybody still needs. A running lease (of a backup) stops every physical deletion.
    ///
    /// # Errors
    /// The database's; the store's.
    pub async fn collect_garbage(
        &self,
        rules: GarbageRules,
        progress: impl Fn(u64, u64) + Send + Sync,
    ) -> Result<GarbageReport> {
        let mut report = GarbageReport::default();
        for first in 0..=u8::MAX {
            self.condemn_part(Part(first), rules, &mut report).await?;
            progress(u64::from(first) + 1, PARTS);
        }
        self.finish_collection(rules, &mut report).await?;
        Ok(report)
    }

    /// Does the same with the next `count` parts of the blobs, as the clock says which: so that a running office looks
    /// through all it has in the course of some hours, whatever it has, and never through all of it at once.
    ///
    /// # Errors
    /// As [`Repository::collect_garbage`].
    pub(crate) async fn collect_some_garbage(
        &self,
        rules: GarbageRules,
        turn: u64,
        count: u64,
    ) -> Result<GarbageReport> {
        let mut report = GarbageReport::default();
        for number in 0..count.min(PARTS) {
            let first = turn.wrapping_mul(count).wrapping_add(number) % PARTS;
            self.condemn_part(Part(u8::try_from(first).unwrap_or_default()), rules, &mut report).await?;
        }
        self.finish_collection(rules, &mut report).await?;
        Ok(report)
    }

    async fn condemn_part(&self, part: Part, rules: GarbageRules, report: &mut GarbageReport) -> Result<()> {
        report.condemned += self.condemn_unreferenced(part, rules).await?;
        report.orphans += self.condemn_orphans(part, rules).await?;
        Ok(())
    }

    async fn finish_collection(&self, rules: GarbageRules, report: &mut GarbageReport) -> Result<()> {
        self.delete_condemned(rules, report).await?;
        report.staging_swept = self.blobs().sweep_staging(STAGING_AGE).await? as u64;
        Ok(())
    }

    /// Returns the rules of the configuration.
    pub fn garbage_rules(&self) -> GarbageRules {
        let grace = self.inner.config.garbage_grace_ms;
        GarbageRules { unreferenced_ms: grace, condemned_ms: grace }
    }

    async fn condemn_unreferenced(&self, part: Part, rules: GarbageRules) -> Result<u64> {
        let (mut total, mut after) = (0, part.begin());
        loop {
            let before = self.clock().now().plus_millis(-rules.unreferenced_ms).as_millis();
            let look = move |conn: &mut Conn| blobs::unbound(conn, part, &after, before, BATCH);
            let Unbound { nos, last } = self.database().read(look).await?;
            if !nos.is_empty() {
                let now = self.clock().now().as_millis();
                total += self.database().write(move |conn| blobs::condemn(conn, &nos, now)).await? as u64;
            }
            match last {
                Some(last) => after = last,
                None => return Ok(total),
            }
        }
    }

    /// Gives files that no row knows a condemned row: from then on no upload uses their key, and they go like others.
    async fn condemn_orphans(&self, part: Part, rules: GarbageRules) -> Result<u64> {
        let mut total = 0;
        let mut listed = self.blobs().list_part(part.0);
        while let Some(file) = listed.next().await {
            let file = file?;
            let Some(key) = file.key else { continue };
            let now = self.clock().now();
            let age_ms = now.as_millis() - file.modified.as_millis();
            if age_ms < rules.unreferenced_ms {
                continue;
            }
            let (digest, generation) = (key.digest().to_string(), i32::try_from(key.generation()).unwrap_or(i32::MAX));
            let size = i64::try_from(file.size_bytes).unwrap_or(i64::MAX);
            let known = {
                let digest = digest.clone();
                self.database().read(move |conn: &mut Conn| blobs::is_known(conn, &digest, generation)).await?
            };
            if known {
                continue;
            }
            let made = self
                .database()
                .write(move |conn| blobs::insert_condemned(conn, &digest, generation, size, now.as_millis()))
                .await?;
            total += u64::from(made);
        }
        Ok(total)
    }

    async fn delete_condemned(&self, rules: GarbageRules, report: &mut GarbageReport) -> Result<()> {
        loop {
            let now = self.clock().now();
            let before = now.plus_millis(-rules.condemned_ms).as_millis().saturating_add(1);
            let (is_leased, rows) = self
                .database()
                .read(move |conn: &mut Conn| -> Result<_> {
                    Ok((blobs::is_leased(conn, now.as_millis())?, blobs::condemned(conn, before, BATCH)?))
                })
                .await?;
            report.is_leased = is_leased;
            if is_leased || rows.is_empty() {
                return Ok(());
            }
            for row in rows {
                // Of several nodes one goes on: when its row is gone the key is free again, and a late removal would
                // take the bytes of an upload that has just come.
                let seen = row.condemned_at.unwrap_or_default();
                let claimed = self
                    .database()
                    .write(move |conn| blobs::claim_condemned(conn, row.no, seen, now.as_millis()))
                    .await?;
                if !claimed {
                    continue;
                }
                let digest: BlobDigest = row.digest.parse().map_err(RepositoryError::internal)?;
                self.blobs().delete(&StorageKey::new(digest, row.generation.unsigned_abs())).await?;
                self.database().write(move |conn| blobs::delete_condemned(conn, row.no)).await?;
                report.deleted += 1;
                report.freed_bytes += row.size_bytes.unsigned_abs();
            }
        }
    }

    /// Takes or renews a lease that keeps all bytes in place, as a backup does while it copies.
    ///
    /// # Errors
    /// The database's.
    pub async fn lease_blobs(&self, id: &str, holder: &str, for_ms: i64) -> Result<()> {
        let expires_at = self.clock().now().plus_millis(for_ms).as_millis();
        let (id, holder) = (id.to_owned(), holder.to_owned());
        self.database().write(move |conn| blobs::put_lease(conn, &id, &holder, expires_at)).await
    }

    /// Ends a lease.
    ///
    /// # Errors
    /// The database's.
    pub async fn release_blobs(&self, id: &str) -> Result<()> {
        let id = id.to_owned();
        self.database().write(move |conn| blobs::delete_lease(conn, &id)).await
    }
}
