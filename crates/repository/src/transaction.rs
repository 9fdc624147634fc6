//! One transaction of a write: its instant, its actor, and the changes and jobs that belong to it.

use std::collections::BTreeSet;

use cartulary_blobs::{BlobError, StagedBlob, StorageKey};
use cartulary_db::Conn;
use cartulary_model::{ChangeKind, ObjectId, Timestamp};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::sync::OwnedSemaphorePermit;

use crate::services::settle_space;
use crate::store::changes::{self, ChangeRow, NewChangeRow};
use crate::store::jobs::{self, NewJob};
use crate::store::sessions;
use crate::{Repository, RepositoryError, Result, Session, Written, policies};

/// A running write. What it records commits with the rows, or not at all.
pub(crate) struct Tx<'a> {
    /// The connection inside the transaction.
    pub conn: &'a mut Conn,
    /// The instant of the write.
    pub now: Timestamp,
    /// The number of who writes.
    pub actor_no: i64,
    /// The transaction's outward id.
    pub id: &'a str,
    /// Whether it enqueued a job.
    has_jobs: bool,
    /// Whether it recorded a change.
    has_changes: bool,
    /// The objects that it recorded a change of.
    touched: BTreeSet<i64>,
}

/// A change to record.
#[derive(Debug, Default)]
pub(crate) struct Change {
    /// The object, by number and id.
    pub object: Option<(i64, ObjectId)>,
    /// Its series.
    pub series_no: Option<i64>,
    /// Its scope at this time.
    pub scope_no: Option<i64>,
    /// The values before.
    pub before: Option<Value>,
    /// The values after.
    pub after: Option<Value>,
    /// What else belongs to the entry.
    pub detail: Option<Value>,
}

impl Tx<'_> {
    /// Records a change or an event in the log.
    pub(crate) fn record(&mut self, kind: ChangeKind, change: Change) -> Result<()> {
        let before_json = change.before.map(|value| value.to_string());
        let after_json = change.after.map(|value| value.to_string());
        let detail = change.detail.map_or_else(|| "{}".to_owned(), |value| value.to_string());
        let object_id = change.object.map(|(_, id)| id.to_string());
        let mut row = NewChangeRow {
            transaction_id: self.id,
            at: self.now.as_millis(),
            kind: kind.as_str(),
            audit_only: kind.is_audit_only(),
            object_no: change.object.map(|(no, _)| no),
            object_id,
            series_no: change.series_no,
            scope_no: change.scope_no,
            principal_no: self.actor_no,
            before_json,
            after_json,
            detail,
            values_digest: Vec::new(),
        };
        row.values_digest = values_digest(&row);
        self.has_changes = true;
        self.touched.extend(row.object_no);
        changes::insert(self.conn, &row)
    }

    /// Returns the objects that a change was recorded of, since the last time this was asked.
    pub(crate) fn touched(&mut self) -> BTreeSet<i64> {
        std::mem::take(&mut self.touched)
    }

    /// Enqueues a job that runs after the commit.
    pub(crate) fn enqueue(&mut self, job: &NewJob) -> Result<()> {
        self.has_jobs = true;
        jobs::insert(self.conn, job, self.now, Some(self.actor_no))
    }
}

impl Tx<'_> {
    /// Enqueues a job that somebody follows by the id that is returned.
    pub(crate) fn enqueue_followed(&mut self, job: &NewJob) -> Result<String> {
        self.has_jobs = true;
        let id = uuid::Uuid::now_v7().to_string();
        jobs::insert_as(self.conn, id.clone(), job, self.now, Some(self.actor_no))?;
        Ok(id)
    }
}

/// Returns the digest that the chain takes of a row: SHA-256 over its parts, values by their own digests.
fn values_digest(row: &NewChangeRow<'_>) -> Vec<u8> {
    let digest_of = |text: &Option<String>| Sha256::digest(text.as_deref().unwrap_or_default().as_bytes());
    let mut hasher = Sha256::new();
    for part in [row.transaction_id, row.kind, row.object_id.as_deref().unwrap_or_default()] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.update(row.at.to_be_bytes());
    hasher.update(row.principal_no.to_be_bytes());
    hasher.update(digest_of(&row.before_json));
    hasher.update(digest_of(&row.after_json));
    hasher.update(Sha256::digest(row.detail.as_bytes()));
    hasher.finalize().to_vec()
}

/// Says whether a stored row still has the values that its digest was taken of.
pub(crate) fn digest_fits(row: &ChangeRow) -> bool {
    let written = NewChangeRow {
        transaction_id: &row.transaction_id,
        at: row.at,
        kind: &row.kind,
        audit_only: row.audit_only,
        object_no: row.object_no,
        object_id: row.object_id.clone(),
        series_no: None,
        scope_no: row.scope_no,
        principal_no: row.principal_no,
        before_json: row.before_json.clone(),
        after_json: row.after_json.clone(),
        detail: row.detail.clone(),
        values_digest: Vec::new(),
    };
    values_digest(&written) == row.values_digest
}

/// What a transaction leaves behind: its value, whether it enqueued a job, and its outward id.
pub(crate) type Left<T> = (T, bool, String);

impl Repository {
    /// Runs `act` in one transaction on behalf of `actor_no`. It may run more than once: no effects outside SQL.
    pub(crate) async fn transact<T, F>(&self, actor_no: i64, act: F) -> Result<Written<T>>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let left = self.database().write(self.transaction(actor_no, act)).await?;
        Ok(self.written(left))
    }

    /// Returns what runs `act` inside a transaction.
    fn transaction<T, F>(&self, actor_no: i64, act: F) -> impl Fn(&mut Conn) -> Result<Left<T>> + Send + 'static
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let id = uuid::Uuid::now_v7().to_string();
        let clock = self.clock();
        let bound = (!self.inner.policies.is_empty()).then(|| self.clone());
        move |conn| {
            let now = clock.now();
            let mut tx =
                Tx { conn, now, actor_no, id: &id, has_jobs: false, has_changes: false, touched: BTreeSet::new() };
            let value = act(&mut tx)?;
            if let Some(repository) = &bound {
                policies::settle(repository, &mut tx)?;
            }
            let (has_jobs, has_changes) = (tx.has_jobs, tx.has_changes);
            if has_changes {
                settle_space(conn)?;
            }
            // Nobody could wait for a transaction that the log does not know: what was found is true up to the last one.
            let transaction = if has_changes { None } else { changes::last_transaction(conn)? };
            Ok((value, has_jobs, transaction.unwrap_or_else(|| id.clone())))
        }
    }

    /// Lets what a committed transaction asked for begin.
    fn written<T>(&self, (value, has_jobs, transaction): Left<T>) -> Written<T> {
        if has_jobs {
            self.inner.jobs_wanted.notify_one();
        }
        Written { value, transaction }
    }
}

impl Session {
    /// Runs `act` in one transaction on behalf of this session's user.
    pub(crate) async fn transact<T, F>(&self, act: F) -> Result<Written<T>>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let written = self.repository.transact(self.actor.no, self.while_it_holds(act)).await;
        written.map_err(|error| self.as_may_be_told(error))
    }

    /// Stores bytes under a key, and then runs `act` as [`Session::transact`] does; lets go of `slot` in between. The
    /// thread that stored the bytes sends the transaction off.
    pub(crate) async fn store_and_transact<T, F>(
        &self,
        (bytes, key): (StagedBlob, StorageKey),
        slot: Option<OwnedSemaphorePermit>,
        act: F,
    ) -> Result<Written<T>>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let (write, outcome) = self.repository.database().promise_write::<Left<T>, RepositoryError>();
        let act = self.repository.transaction(self.actor.no, self.while_it_holds(act));
        let then = move |stored: std::result::Result<(), BlobError>| {
            drop(slot);
            match stored {
                Ok(()) => write.begin(act),
                Err(error) => write.fail(error.into()),
            }
        };
        let storing = self.repository.blobs().commit_then(bytes, &key, then).await;
        let ended: Result<Left<T>> = storing.ended(outcome).await;
        Ok(self.repository.written(ended.map_err(|error| self.as_may_be_told(error))?))
    }

    /// Keeps to itself how much another user takes.
    fn as_may_be_told(&self, error: RepositoryError) -> RepositoryError {
        match error {
            RepositoryError::QuotaExceeded { mut excess } => {
                excess.is_shown = self.actor.is_administrator || excess.user.id == self.actor.id;
                RepositoryError::QuotaExceeded { excess }
            }
            other => other,
        }
    }

    /// Has `act` refused when the session has ended, or its user is in other groups: a body may have been long on its way.
    fn while_it_holds<T, F>(&self, act: F) -> impl Fn(&mut Tx<'_>) -> Result<T> + Send + 'static
    where
        F: Fn(&mut Tx<'_>) -> Result<T> + Send + 'static,
    {
        let sign_in = self.actor.sign_in;
        move |tx| {
            if let Some(sign_in) = sign_in {
                let epoch = sessions::epoch_held(tx.conn, sign_in.no)?.ok_or(RepositoryError::Unauthenticated)?;
                if epoch != sign_in.epoch {
                    let detail = "your groups changed while this was on its way, and nothing was done: send it again";
                    return Err(RepositoryError::conflict("rights_changed", detail));
                }
            }
            act(tx)
        }
    }
}
