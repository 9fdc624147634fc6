//! How transactions share one commit: all under one `BEGIN IMMEDIATE`, answered after `COMMIT`.
//!
//! Most members succeed, or refuse before they write anything; so a group begins without savepoints. When a member fails
//! and has written, the group is undone and its members run again, each in a savepoint of its own.
//!
//! SQLite rolls back the whole transaction, not the savepoint, on some failures (no space, input/output, memory,
//! interruption), while diesel goes on counting its depth. So after each member the connection is asked whether the
//! transaction lives; if not, the connection is discarded and the members are run again one by one on a new one.
//! Source: <https://www.sqlite.org/lang_transaction.html> §3, "Response To Errors Within A Transaction".

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::result::{DatabaseErrorKind, Error as DieselError, QueryResult};
use diesel::{RunQueryDsl, SqliteConnection};

use crate::conn::Conn;
use crate::database::BeforeCommit;
use crate::error::{DbError, diesel_error, panic_text};
use crate::prepared::verbatim;
use crate::sqlite::hooks::{self, GroupState, Guard};
use crate::sqlite::member::Member;
use crate::sqlite::writer::{Writer, WriterConnection};

/// How a group is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// With whoever waits, and no savepoints.
    Open,
    /// With whoever waits, each in a savepoint.
    Careful,
    /// With the one it has.
    Alone,
}

/// Who of a group is to be run again.
enum Again {
    Nobody,
    /// All of them in one group, each in a savepoint.
    Together(Vec<Box<dyn Member>>),
    /// Each in a group of its own.
    Apart(Vec<Box<dyn Member>>),
}

/// What a member did to the group.
enum Step {
    /// The transaction goes on, with the member's rows or without them.
    Goes,
    /// The member failed, and what it wrote is in the transaction.
    Soiled,
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
        let again = match self.run_group(vec![first], Mode::Open) {
            Again::Together(members) => self.run_group(members, Mode::Careful),
            other => other,
        };
        if let Again::Apart(members) = again {
            for member in members {
                // A group of one has nobody to be run again.
                drop(self.run_group(vec![member], Mode::Alone));
            }
        }
    }

    /// Runs a group that begins with `members`.
    fn run_group(&mut self, members: Vec<Box<dyn Member>>, mode: Mode) -> Again {
        let before = match self.begin() {
            Ok(before) => before,
            Err(error) => {
                self.discard();
                answer_all(members, Some(&error));
                return Again::Nobody;
            }
        };
        let started = Instant::now();
        let mut rows = before;
        let mut group: Vec<Box<dyn Member>> = Vec::with_capacity(members.len());
        let mut members = members.into_iter();
        let mut next = members.next();
        while let Some(mut member) = next.take() {
            if !member.is_abandoned() {
                match self.run_member(member.as_mut(), mode, &mut rows) {
                    Step::Goes => group.push(member),
                    Step::Soiled => return self.undo(group, member),
                    Step::Lost { expired } => {
                        let mut again = self.separate(group, member, expired);
                        again.extend(members);
                        return Again::Apart(again);
                    }
                }
            }
            next = members.next().or_else(|| match mode {
                Mode::Open | Mode::Careful => self.next_member(group.len(), started),
                Mode::Alone => None,
            });
        }
        self.end_group(group, before)
    }

    /// Begins the transaction of a group; returns how many rows the connection had changed before.
    fn begin(&mut self) -> Result<i64, DbError> {
        let connection = self.connection()?;
        let state = on_sqlite(&mut connection.conn, |c| {
            AnsiTransactionManager::begin_transaction_sql(c, "BEGIN IMMEDIATE")?;
            Ok(hooks::group_state(c))
        })?;
        match state {
            GroupState::Alive(rows) => Ok(rows),
            GroupState::Unresolved | GroupState::Gone => Err(DbError::Misuse("began no transaction")),
        }
    }

    /// Runs one member; `rows` is how many rows the connection had changed before, and then how many it has.
    fn run_member(&mut self, member: &mut dyn Member, mode: Mode, rows: &mut i64) -> Step {
        let budget = self.settings.budget;
        let Some(WriterConnection { conn, guard, schema_version }) = self.connection.as_mut() else {
            return Step::Lost { expired: false };
        };
        let has_savepoint = mode == Mode::Careful;
        if has_savepoint && on_sqlite(conn, |c| savepoint(c, "SAVEPOINT cartulary_member")).is_err() {
            return Step::Lost { expired: false };
        }
        guard.start_clock(budget);
        member.run(conn);
        let expired = guard.stop_clock();
        let state = on_sqlite(conn, |c| Ok(hooks::group_state(c))).unwrap_or(GroupState::Gone);
        if state == GroupState::Gone {
            return Step::Lost { expired };
        }
        let Ok(was_balanced) = on_sqlite(conn, close_nested) else {
            return Step::Lost { expired };
        };
        if expired && !has_savepoint {
            // It is not given the same time once more.
            return Step::Lost { expired };
        }
        overrule(member, expired, budget, was_balanced, state);
        if has_savepoint {
            return match on_sqlite(conn, |c| end_savepoint(c, member.succeeded())) {
                Ok(()) => Step::Goes,
                Err(_) => Step::Lost { expired: false },
            };
        }
        let wrote = !matches!(state, GroupState::Alive(now) if now == *rows);
        if !member.succeeded() && (wrote || has_new_schema(conn, schema_version)) {
            return Step::Soiled;
        }
        if let GroupState::Alive(now) = state {
            *rows = now;
        }
        Step::Goes
    }

    /// Undoes the transaction in which `culprit` failed; tells whether its group is to be run again with savepoints.
    fn undo(&mut self, mut group: Vec<Box<dyn Member>>, culprit: Box<dyn Member>) -> Again {
        let undone = match self.connection.as_mut() {
            Some(connection) => on_sqlite(&mut connection.conn, AnsiTransactionManager::rollback_transaction),
            None => Ok(()),
        };
        if undone.is_err() {
            self.discard();
        }
        if group.is_empty() {
            // With the transaction everything is gone that it wrote.
            culprit.answer();
            return Again::Nobody;
        }
        group.push(culprit);
        Again::Together(group)
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
            culprit.overrule(DbError::OverBudget { budget_ms: millis(self.settings.budget) });
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
    fn end_group(&mut self, group: Vec<Box<dyn Member>>, before: i64) -> Again {
        let has_rows = group.iter().any(|member| member.succeeded());
        match self.finish(has_rows, before) {
            Ending::Committed { wrote } => {
                if wrote {
                    self.settings.commits.send_modify(|count| *count = count.wrapping_add(1));
                }
                answer_all(group, None);
                Again::Nobody
            }
            Ending::Undone(error) => {
                self.discard();
                if group.len() > 1 {
                    tracing::warn!(members = group.len(), error = %error, "a group was undone; its members run again");
                    return Again::Apart(group);
                }
                answer_all(group, Some(&error));
                Again::Nobody
            }
            Ending::Failed(error) => {
                self.discard();
                tracing::error!(members = group.len(), error = %error, "a commit failed");
                answer_all(group, Some(&error));
                Again::Nobody
            }
        }
    }

    fn finish(&mut self, has_rows: bool, before: i64) -> Ending {
        let must_fail = take_one(&self.settings.faults.failing_commits);
        let before_commit = self.settings.before_commit.clone();
        let Some(WriterConnection { conn, guard, .. }) = self.connection.as_mut() else {
            return Ending::Undone(DbError::Misuse("lost its connection"));
        };
        if !has_rows {
            return match on_sqlite(conn, AnsiTransactionManager::rollback_transaction) {
                Ok(()) => Ending::Committed { wrote: false },
                // Nothing was to be kept, so nothing is lost; the connection is not used again.
                Err(error) => Ending::Undone(error.into()),
            };
        }
        let state = on_sqlite(conn, |c| Ok(hooks::group_state(c))).unwrap_or(GroupState::Gone);
        let GroupState::Alive(after) = state else {
            return Ending::Undone(DbError::Misuse("lost its transaction"));
        };
        let wrote = after != before;
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
    let state = on_sqlite(conn, |c| Ok(hooks::group_state(c))).unwrap_or(GroupState::Gone);
    let was_balanced = on_sqlite(conn, close_nested).unwrap_or(false);
    if matches!(state, GroupState::Alive(_)) && was_balanced {
        Ok(())
    } else {
        Err(DbError::BeforeCommit("it did not leave the transaction as it had found it".to_owned()))
    }
}

/// Puts an error in place of a result that cannot be kept.
fn overrule(member: &mut dyn Member, expired: bool, budget: Duration, was_balanced: bool, state: GroupState) {
    if expired {
        member.overrule(DbError::OverBudget { budget_ms: millis(budget) });
    } else if member.succeeded() && !was_balanced {
        member.overrule(DbError::Misuse("left a nested transaction open"));
    } else if member.succeeded() && state == GroupState::Unresolved {
        let error = diesel_error(DatabaseErrorKind::ForeignKeyViolation, "FOREIGN KEY constraint failed");
        member.overrule(DbError::Query(error));
    }
}

/// Tells whether the transaction holds another schema than before: changes to it are not counted as rows.
fn has_new_schema(conn: &mut Conn, known: &mut i32) -> bool {
    let Ok(now) = on_sqlite(conn, super::schema_version) else { return true };
    std::mem::replace(known, now) != now
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Keeps what a member wrote since its savepoint, or not.
fn end_savepoint(conn: &mut SqliteConnection, is_kept: bool) -> QueryResult<()> {
    if !is_kept {
        savepoint(conn, "ROLLBACK TO cartulary_member")?;
    }
    savepoint(conn, "RELEASE cartulary_member")
}

/// Runs one of the statements around a member, which each group repeats.
fn savepoint(conn: &mut SqliteConnection, sql: &'static str) -> QueryResult<()> {
    verbatim(sql).execute(conn).map(drop)
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
