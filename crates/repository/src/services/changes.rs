//! The change log as its readers may see it, and waiting for what follows from a change.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cartulary_db::Conn;
use cartulary_model::permission::BROWSE;
use cartulary_model::{ObjectId, Timestamp};

use crate::bootstrap::parse_id;
use crate::object::{PrincipalName, WINDOW_ROWS_MAX};
use crate::services::detail::principal_name;
use crate::store::{changes, principals};
use crate::{Repository, RepositoryError, Result, Session};

/// How often a wait looks again on a database with several nodes.
const POLL: Duration = Duration::from_millis(20);

/// How often whoever follows the log looks at most, whatever is written meanwhile: many may follow it.
const GROWTH_PAUSE: Duration = Duration::from_millis(100);
/// How often he looks on a database with several nodes.
const GROWTH_POLL: Duration = Duration::from_millis(500);

/// One committed change.
#[derive(Clone, Debug)]
pub struct ChangeEntry {
    /// Its place in the log.
    pub position: i64,
    /// What happened: the words of [`cartulary_model::ChangeKind`].
    pub kind: String,
    /// The object, for changes of one.
    pub object_id: Option<ObjectId>,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: PrincipalName,
}

impl Session {
    /// Returns up to `limit` changes after a position, of what the caller may browse, and the position to go on from.
    ///
    /// Administrators see audit-only events too.
    ///
    /// # Errors
    /// The database's.
    pub async fn change_list(&self, after: i64, limit: u64) -> Result<(Vec<ChangeEntry>, i64)> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let limit = i64::try_from(limit.min(WINDOW_ROWS_MAX)).unwrap_or(i64::MAX);
        let read = move |conn: &mut Conn| -> Result<(Vec<ChangeEntry>, i64)> {
            let rows = changes::told_after(conn, after, limit)?;
            let next = rows.last().and_then(|row| row.position).unwrap_or(after);
            let scopes: BTreeSet<i64> = rows.iter().filter_map(|row| row.scope_no).collect();
            let visible = session.repository.inner.access.allowing(conn, &session.actor, &scopes, BROWSE, now)?;
            let people = principals::by_nos(conn, &rows.iter().map(|row| row.principal_no).collect())?;
            let mut entries = Vec::new();
            for row in rows {
                let in_sight = row.scope_no.is_some_and(|scope| visible.contains(&scope));
                if !session.actor.is_administrator && (row.audit_only || !in_sight) {
                    continue;
                }
                entries.push(ChangeEntry {
                    position: row.position.unwrap_or_default(),
                    kind: row.kind,
                    object_id: row.object_id.as_deref().map(parse_id).transpose()?,
                    at: Timestamp::from_millis(row.at),
                    by: principal_name(&people, row.principal_no)?,
                });
            }
            Ok((entries, next))
        };
        self.repository.database().read(read).await
    }
}

impl Repository {
    /// Returns the last position of the log.
    ///
    /// # Errors
    /// The database's.
    pub async fn last_position(&self) -> Result<i64> {
        self.database().read_brief(changes::last_position).await
    }

    /// Waits until the log has something after a position; says whether it has, after `at_most` at the latest.
    ///
    /// # Errors
    /// The database's.
    pub async fn wait_log_grown(&self, position: i64, at_most: Duration) -> Result<bool> {
        let deadline = tokio::time::Instant::now() + at_most;
        let mut commits = self.database().commits();
        loop {
            commits.borrow_and_update();
            if self.database().read_brief(changes::last_position).await? > position {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            // Others on the same database do not move the counter, nor does the sequencer by what it numbers later.
            let next_look = if self.is_shared() { GROWTH_POLL } else { left };
            tokio::select! {
                _ = commits.changed() => tokio::time::sleep(GROWTH_PAUSE.min(left)).await,
                () = tokio::time::sleep(next_look.min(left)) => {}
            }
        }
    }

    /// Waits until the sequencer has numbered a transaction, and returns its greatest position.
    ///
    /// # Errors
    /// `NotYetIndexed` when it takes longer than `at_most`; `NotFound`, at once, when the log has no such transaction. A
    /// write answers its id after the commit only, on every database: whoever heard of it finds its rows, numbered or not.
    pub async fn wait_sequenced(&self, transaction: &str, at_most: Duration) -> Result<i64> {
        let deadline = Instant::now() + at_most;
        let id = transaction.to_owned();
        loop {
            let id = id.clone();
            let found = self.database().read(move |conn: &mut Conn| changes::of_transaction(conn, &id)).await?;
            match found {
                None => return Err(RepositoryError::not_found("the transaction")),
                Some((position, false)) => return Ok(position),
                Some((_, true)) => {}
            }
            if Instant::now() >= deadline {
                return Err(RepositoryError::NotYetIndexed);
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Waits until this node's index has passed a transaction.
    ///
    /// # Errors
    /// `NotYetIndexed` when it takes longer than `at_most`; `NotFound` as [`Repository::wait_sequenced`].
    pub async fn wait_indexed(&self, transaction: &str, at_most: Duration) -> Result<()> {
        let deadline = Instant::now() + at_most;
        let position = self.wait_sequenced(transaction, at_most).await?;
        let mut indexed = self.inner.indexed.subscribe();
        self.inner.index_wanted.notify_one();
        let left = deadline.saturating_duration_since(Instant::now());
        let passed = tokio::time::timeout(left, indexed.wait_for(|reached| *reached >= position)).await;
        match passed {
            Ok(Ok(_)) => Ok(()),
            _ => Err(RepositoryError::NotYetIndexed),
        }
    }
}
