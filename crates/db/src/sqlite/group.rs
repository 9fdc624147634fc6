//! How transactions share one commit: each in a savepoint, all under one `BEGIN IMMEDIATE`, answered after `COMMIT`.
//!
//! SQLite rolls back the whole transaction, not the savepoint, on some failures (no space, input/output, memory,
//! interruption), while diesel goes on counting its depth. So after each member the connection is asked whether the
//! transaction lives; if not, the connection is discarded and the members are run again one by one on a new one.
//! Source: <https://www.sqlite.org/lang_transaction.html> §3, "Response To Errors Within A Transaction".

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::result::{DatabaseErrorKind, Error as DieselError, QueryResult};
use diesel::{RunQueryDsl, SqliteConnection};

use crate::conn::Conn;
use crate::database::BeforeCommit;
use crate::error::{DbError, diesel_error, panic_text};
use crate::prepared::prepared;
use crate::sqlite::hooks::{self, Guard};
use crate::sqlite::member::Member;
use crate::sqlite::writer::{Writer, WriterConnection};

diesel::define_sql_function! {
    /// Returns how many rows this connection has inserted, changed or deleted since it was opened.
    fn total_changes() -> BigInt;
}

/// What a member did to the group.
enum Step {
    /// The transaction goes on, with the member's rows or without them.
    Goes,
    /// The transaction is gone; `expired` when the member's time ran out.
    Lost { expired: bool },
}

/// How a group ended.
enum Ending {
    /// It was committed, and wrote something or not.
    Committed { wrote: bool },
    /// It was undone; the members can be run again one by one.
    Undone(DbError),
    /// Its commit failed, for every member.
    Failed(DbError),
}

impl Writer {
    /// Commits `first`, together with those that wait behind it.
    pub(super) fn serve(&mut self, first: Box<dyn Member>) {
        let again = self.run_group(first, self.settings.max_group);
        for member in again {
            // A group of one is never given back.
            drop(self.run_group(member, 1));
        }
    }

    /// Runs a group of at most `max` members; returns those to be run again one by one.
    fn run_group(&mut self, first: Box<dyn Member>, max: usize) -> Vec<Box<dyn Member>> {
        let before = match self.begin() {
            Ok(before) => before,
            Err(error) => {
                self.discard();
                answer_all(vec![first], Some(&error));
                return Vec::new();
            }
        };
        let started = Instant::now();
        let mut group: Vec<Box<dyn Member>> = Vec::new();
        let mut next = Some(first);
        while let Some(mut member) = next.take() {
            if !member.is_abandoned() {
                match self.run_member(member.as_mut()) {
                    Step::Goes => group.push(member),
                    Step::Lost { expired } => return self.separate(group, member, expired),
                }
            }
            next = self.next_member(group.len(), max, started);
        }
        self.end_group(group, before)
    }

    /// Begins the transaction of a group; returns how many rows the connection had changed before.
    fn begin(&mut self) -> Result<i64, DbError> {
        let connection = self.connection()?;
        let before = on_sqlite(&mut connection.conn, |c| {
            AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE")?;
            diesel::select(total_changes()).get_result(c)
        })?;
        Ok(before)
    }

    /// Runs one member in its savepoint.
    fn run_member(&mut self, member: &mut dyn Member) -> Step {
        let budget = self.settings.budget;
        let Some(WriterConnection { conn, guard }) = self.connection.as_mut() else {
            return Step::Lost { expired: false };
        };
        if on_sqlite(conn, |c| savepoint(c, "SAVEPOINT cartulary_member")).is_err() {
            return Step::Lost { expired: false };
        }
        guard.start_clock(budget);
        member.run(conn);
        let expired = guard.stop_clock();
        let state = on_sqlite(conn, |c| Ok(hooks::group_state(c))).unwrap_or(hooks::GONE);
        if state == hooks::GONE {
            return Step::Lost { expired };
        }
        let Ok(was_balanced) = on_sqlite(conn, close_nested) else {
            return Step::Lost { expired };
        };
        if expired {
            let budget_ms = u64::try_from(budget.as_millis()).unwrap_or(u64::MAX);
            member.overrule(DbError::OverBudget { budget_ms });
        } else if member.succeeded() && !was_balanced {
            member.overrule(DbError::Misuse("left a nested transaction open"));
        } else if member.succeeded() && state == hooks::UNRESOLVED {
            member.overrule(DbError::Query(diesel_error(
                DatabaseErrorKind::ForeignKeyViolation,
                "FOREIGN KEY constraint failed",
            )));
        }
        let ended = on_sqlite(conn, |c| {
            if !member.succeeded() {
                savepoint(c, "ROLLBACK TO cartulary_member")?;
            }
            savepoint(c, "RELEASE cartulary_member")
        });
        match ended {
            Ok(()) => Step::Goes,
            Err(_) => Step::Lost { expired: false },
        }
    }

    /// Discards the connection of a lost group and tells who is to be run again.
    fn separate(
        &mut self,
        mut group: Vec<Box<dyn Member>>,
        mut culprit: Box<dyn Member>,
        expired: bool,
    ) -> Vec<Box<dyn Member>> {
        self.discard();
        tracing::warn!(members = group.len() + 1, expired, "the database ended a transaction; its members run again");
        if expired {
            let budget_ms = u64::try_from(self.settings.budget.as_millis()).unwrap_or(u64::MAX);
            culprit.overrule(DbError::OverBudget { budget_ms });
            culprit.answer();
        } else if group.is_empty() {
            if culprit.succeeded() {
                culprit.overrule(DbError::Misuse("went on after the database had ended the transaction"));
            }
            culprit.answer();
        } else {
            group.push(culprit);
        }
        group
    }

    /// Lets the sequencer number the changes, commits, and only then answers.
    fn end_group(&mut self, group: Vec<Box<dyn Member>>, before: i64) -> Vec<Box<dyn Member>> {
        let has_rows = group.iter().any(|member| member.succeeded());
        match self.finish(has_rows, before) {
            Ending::Committed { wrote } => {
                if wrote {
                    self.settings.commits.send_modify(|count| *count = count.wrapping_add(1));
                }
                answer_all(group, None);
                Vec::new()
            }
            Ending::Undone(error) => {
                self.discard();
                if group.len() > 1 {
                    tracing::warn!(members = group.len(), error = %error, "a group was undone; its members run again");
                    return group;
                }
                answer_all(group, Some(&error));
                Vec::new()
            }
            Ending::Failed(error) => {
                self.discard();
                tracing::error!(members = group.len(), error = %error, "a commit failed");
                answer_all(group, Some(&error));
                Vec::new()
            }
        }
    }

    fn finish(&mut self, has_rows: bool, before: i64) -> Ending {
        let must_fail = take_one(&self.settings.faults.failing_commits);
        let before_commit = self.settings.before_commit.clone();
        let Some(WriterConnection { conn, guard }) = self.connection.as_mut() else {
            return Ending::Undone(DbError::Misuse("lost its connection"));
        };
        if !has_rows {
            return match on_sqlite(conn, AnsiTransactionManager::rollback_transaction) {
                Ok(()) => Ending::Committed { wrote: false },
                // Nothing was to be kept, so nothing is lost; the connection is not used again.
                Err(error) => Ending::Undone(error.into()),
            };
        }
        let wrote = match on_sqlite(conn, |c| diesel::select(total_changes()).get_result::<i64>(c)) {
            Ok(after) => after != before,
            Err(error) => return Ending::Undone(error.into()),
        };
        if wrote && let Err(error) = number(before_commit.as_ref(), conn) {
            return Ending::Undone(error);
        }
        match commit(conn, guard, must_fail) {
            Ok(()) => Ending::Committed { wrote },
            Err(error) => Ending::Failed(error),
        }
    }
}

/// Calls the sequencer; it must leave the transaction as it found it.
fn number(before_commit: Option<&Arc<dyn BeforeCommit>>, conn: &mut Conn) -> Result<(), DbError> {
    let Some(before_commit) = before_commit else {
        return Ok(());
    };
    match catch_unwind(AssertUnwindSafe(|| before_commit.before_commit(conn))) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(error),
        Err(payload) => return Err(DbError::BeforeCommit(panic_text(payload.as_ref()))),
    }
    let state = on_sqlite(conn, |c| Ok(hooks::group_state(c))).unwrap_or(hooks::GONE);
    let was_balanced = on_sqlite(conn, close_nested).unwrap_or(false);
    if state == hooks::ALIVE && was_balanced {
        Ok(())
    } else {
        Err(DbError::BeforeCommit("it did not leave the transaction as it had found it".to_owned()))
    }
}

/// Runs one of the statements around a member, which each group repeats.
fn savepoint(conn: &mut SqliteConnection, sql: &'static str) -> QueryResult<()> {
    prepared(diesel::sql_query(sql)).execute(conn).map(drop)
}

fn commit(conn: &mut Conn, guard: &Guard, must_fail: bool) -> Result<(), DbError> {
    guard.allow_commit(!must_fail);
    let committed = on_sqlite(conn, AnsiTransactionManager::commit_transaction);
    guard.allow_commit(false);
    committed.map_err(DbError::from_commit)
}

/// Undoes nested transactions that a member left open; tells whether there were none.
fn close_nested(conn: &mut SqliteConnection) -> QueryResult<bool> {
    let mut was_balanced = true;
    loop {
        let depth = AnsiTransactionManager::transaction_manager_status_mut(conn).transaction_depth()?;
        match depth.map_or(0, std::num::NonZeroU32::get) {
            0 => return Err(DieselError::NotInTransaction),
            1 => return Ok(was_balanced),
            _ => {
                was_balanced = false;
                AnsiTransactionManager::rollback_transaction(conn)?;
            }
        }
    }
}

/// Runs `act` on the writer's connection, unless a member exchanged it for one to another database.
fn on_sqlite<R>(conn: &mut Conn, act: impl FnOnce(&mut SqliteConnection) -> QueryResult<R>) -> QueryResult<R> {
    match conn {
        Conn::Sqlite(conn) => act(conn),
        #[cfg(feature = "postgres")]
        Conn::Postgres(_) => Err(DieselError::BrokenTransactionManager),
    }
}

fn answer_all(group: Vec<Box<dyn Member>>, error: Option<&DbError>) {
    for mut member in group {
        if let Some(error) = error {
            member.overrule(error.again());
        }
        member.answer();
    }
}

/// Takes one from a count of provoked faults.
fn take_one(count: &std::sync::atomic::AtomicU32) -> bool {
    count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}
