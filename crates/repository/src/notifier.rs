//! Tells people of changes: reads the log from one place, writes down who is told what, and moves on, in one transaction.
//!
//! Any node may do it: whoever finds the place where he left it moves it on, the other has done nothing. After a restore the
//! place is that of the backup, and nothing since is skipped.

use std::time::Duration;

use cartulary_db::Conn;
use tokio::sync::watch;

use crate::services::{News, news};
use crate::store::{changes, subscriptions};
use crate::{Repository, Result};

/// How often the log is looked at without news.
const IDLE: Duration = Duration::from_secs(1);
/// How long to wait for more after a first change.
const GATHER: Duration = Duration::from_millis(50);
/// How many entries of the log are looked through at once.
const ROWS: i64 = 500;
/// From how many entries on that concern nobody the place is written down.
const PASSED: i64 = 1_000;
/// How much is kept of what one person was told.
const KEPT: i64 = 1_000;
/// For how long it is kept. *Units*: milliseconds.
const KEPT_MS: i64 = 90 * 24 * 3_600_000;

/// What a look at the log brought.
struct Found {
    /// Where the place was: a log and a position.
    place: Option<(String, i64)>,
    /// Where it goes.
    to: i64,
    news: News,
}

/// Tells people of changes until `stop` says so.
pub(crate) async fn run(repository: Repository, mut stop: watch::Receiver<bool>) {
    let mut commits = repository.database().commits();
    loop {
        commits.borrow_and_update();
        let is_more = match repository.tell_once().await {
            Ok(is_more) => is_more,
            Err(error) => {
                crate::repository::log_error("people are told of changes later", &error);
                false
            }
        };
        if *stop.borrow() {
            return;
        }
        if is_more {
            continue;
        }
        tokio::select! {
            _ = stop.changed() => return,
            changed = commits.changed() => {
                let pause = if changed.is_ok() { GATHER } else { IDLE };
                tokio::time::sleep(pause).await;
            }
            () = tokio::time::sleep(IDLE) => {}
        }
    }
}

impl Repository {
    /// Tells people of the next stretch of the log; says whether there may be more.
    async fn tell_once(&self) -> Result<bool> {
        let (repository, now) = (self.clone(), self.clock().now());
        let identity = self.inner.log_identity.clone();
        // What is found by words is true up to what the index has: it goes ahead.
        let indexed = *self.inner.indexed.borrow();
        let look = move |conn: &mut Conn| -> Result<Option<Found>> {
            let place = subscriptions::place(conn)?;
            let log_end = changes::last_position(conn)?;
            let end = log_end.min(indexed);
            let earliest = subscriptions::earliest(conn)?;
            // A place in a log that was replaced is that of a backup: what came after it is told again, as it is now.
            let from = place.as_ref().map_or_else(|| earliest.unwrap_or(end), |(_, position)| *position).min(log_end);
            let Some(earliest) = earliest else {
                let is_far = place.is_none() || end - from >= PASSED;
                return Ok(is_far.then(|| Found { place, to: end, news: News::default() }));
            };
            let from = from.max(earliest.min(end));
            if from >= end {
                return Ok(None);
            }
            let mut rows = changes::after(conn, from, ROWS)?;
            rows.retain(|row| row.position.is_some_and(|position| position <= end));
            let Some(last) = rows.last().and_then(|row| row.position) else { return Ok(None) };
            let found = news(&repository, conn, &rows, now)?;
            Ok(Some(Found { place, to: last, news: found }))
        };
        let Some(Found { place, to, news: found }) = self.database().read(look).await? else { return Ok(false) };
        let write = move |conn: &mut Conn| -> Result<()> {
            if !subscriptions::move_place(conn, place.as_ref(), (&identity, to))? {
                return Ok(());
            }
            let mut owners: Vec<i64> = Vec::new();
            for one in &found.told {
                subscriptions::tell(conn, one)?;
                if !owners.contains(&one.owner_no) {
                    owners.push(one.owner_no);
                }
            }
            for owner in owners {
                subscriptions::keep_newest(conn, owner, KEPT)?;
            }
            if !found.told.is_empty() {
                subscriptions::forget_before(conn, now.plus_millis(-KEPT_MS).as_millis())?;
            }
            for (_, no, scope) in &found.destroyed {
                if let Some(scope) = scope {
                    subscriptions::put_scope(conn, &[*no], *scope)?;
                }
            }
            let gone: Vec<String> = found.destroyed.iter().map(|(id, ..)| id.clone()).collect();
            if gone.is_empty() {
                return Ok(());
            }
            subscriptions::delete_to(conn, &[subscriptions::OBJECT, subscriptions::TREE], &gone)
        };
        self.database().write(write).await?;
        Ok(true)
    }
}
