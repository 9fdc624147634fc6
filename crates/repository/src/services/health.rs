//! How the repository feels, with reasons.

use std::time::Duration;

use cartulary_blobs::StoreConfig;
use cartulary_db::Conn;

use crate::store::{changes, jobs};
use crate::{Repository, Result, error_chain};

/// A lag of the index below this many changes is no reason for worry.
const INDEX_LAG_MAX: i64 = 10_000;

/// An index that is behind and took nothing for so long stands still.
const INDEX_STILL: Duration = Duration::from_secs(60);

/// With less room than this the next writes may find the disk of the database full. *Units*: bytes.
const DATABASE_ROOM_BYTES: u64 = 8 * 1024 * 1024;

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// What: `database`, `blobs`, `space`, `index`, `jobs`, `workers`, `sealing`, `backup`.
    pub name: &'static str,
    /// Whether it can be worked with.
    pub ok: bool,
    /// Whether somebody should look at it, though it can be worked with.
    pub is_degraded: bool,
    /// The reason, or a figure, for a person.
    pub reason: String,
}

/// Everything that was looked at.
#[derive(Clone, Debug, Default)]
pub struct Health {
    /// One entry for each.
    pub checks: Vec<HealthCheck>,
}

impl Health {
    /// Says whether the node should be given work.
    pub fn is_ready(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }

    fn push(&mut self, name: &'static str, ok: bool, reason: impl Into<String>) {
        self.checks.push(HealthCheck { name, ok, is_degraded: false, reason: reason.into() });
    }
}

/// Figures for a monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The position of the newest change in the log.
    pub log_position: i64,
    /// The position up to which this node's index is true.
    pub index_position: i64,
    /// How many jobs wait.
    pub jobs_waiting: i64,
    /// How many jobs run, on any node.
    pub jobs_running: i64,
    /// How many jobs were given up.
    pub jobs_dead: i64,
}

impl Repository {
    /// Returns figures for a monitor.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn figures(&self) -> Result<Figures> {
        let read = |conn: &mut Conn| -> Result<_> {
            Ok((changes::last_position(conn)?, jobs::count_open(conn)?, jobs::count_dead(conn)?))
        };
        let (log_position, (jobs_waiting, jobs_running), jobs_dead) = self.database().read(read).await?;
        let index_position = *self.inner.indexed.borrow();
        Ok(Figures { log_position, index_position, jobs_waiting, jobs_running, jobs_dead })
    }

    /// Looks at everything the repository needs.
    pub async fn health(&self) -> Health {
        let mut health = Health::default();
        let database = self.database().clone();
        let read = move |conn: &mut Conn| -> Result<_> {
            Ok((changes::last_position(conn)?, jobs::count_dead(conn)?, database.free_bytes()))
        };
        match self.database().read(read).await {
            Ok((position, dead, free)) => {
                let has_room = free.is_none_or(|free| free >= DATABASE_ROOM_BYTES);
                let takes_writes = self.database().takes_writes();
                let room = match free {
                    _ if !takes_writes => ", and its writer has ended: start the office again".to_owned(),
                    Some(free) if !has_room => format!(", {free} bytes free on its disk: make room"),
                    _ => String::new(),
                };
                health.push("database", has_room && takes_writes, format!("{}{room}", self.inner.database.backend()));
                let lag = position - *self.inner.indexed.borrow();
                let stands_still = lag > 0 && self.inner.fed.lock().is_ok_and(|at| at.elapsed() > INDEX_STILL);
                let still = if stands_still { ", and does not catch up: the log says why" } else { "" };
                health.checks.push(HealthCheck {
                    name: "index",
                    ok: lag <= INDEX_LAG_MAX,
                    is_degraded: stands_still,
                    reason: format!("{} changes behind{still}", lag.max(0)),
                });
                health.push("jobs", true, format!("{dead} given up"));
            }
            Err(error) => health.push("database", false, error_chain(&error)),
        }
        let reserve = match &self.inner.config.store {
            StoreConfig::Folder(settings) => settings.reserve_bytes,
            _ => 0,
        };
        match self.blobs().free_bytes().await {
            Some(free) => health.push("space", free > reserve, format!("{free} bytes free, {reserve} kept in reserve")),
            None => health.push("space", true, "the store does not say"),
        }
        let counters = self.blobs().counters();
        let times = |count: u64, one: &str, many: &str| match count {
            1 => format!("1 {one}"),
            count => format!("{count} {many}"),
        };
        let unavailable = times(counters.unavailable, "time", "times");
        let words = format!("{}, {unavailable} out of reach", times(counters.corrupt, "damaged read", "damaged reads"));
        // The office works on; what was damaged answers `content_damaged` until it is sent again or put back.
        let is_degraded = counters.corrupt > 0;
        let advice = if is_degraded { ", since the start: `cartulary verify` names what is damaged" } else { "" };
        match self.blobs().check_reach().await {
            Ok(()) => {
                let reason = format!("{words}{advice}");
                health.checks.push(HealthCheck { name: "blobs", ok: true, is_degraded, reason });
            }
            Err(error) => health.push("blobs", false, error_chain(&error)),
        }
        let containment = match &self.inner.workers {
            Some(_) => self.inner.containment.get().map_or("not needed yet", String::as_str),
            None => "no workers: texts wait",
        };
        health.push("workers", true, containment);
        match self.sealing_health().await {
            Ok(check) => health.checks.extend(check),
            Err(error) => health.push("sealing", true, error_chain(&error)),
        }
        match self.backup_health().await {
            Ok(check) => health.checks.push(check),
            Err(error) => health.push("backup", true, error_chain(&error)),
        }
        health
    }
}
