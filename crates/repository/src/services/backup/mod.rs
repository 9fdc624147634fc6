//! Backups: sealed copies of everything, on a disk, a share or in a bucket, made while the office runs and proved by reading back.
//!
//! What is not on the shelf yet is laid down: first a copy of the database, in parts that are named by their bytes, then the
//! configuration, then every blob; last the manifest, and only with it the backup is one. The office has only the public half of
//! the recovery key: whoever takes the office's machine reads no backup, and whoever finds the disk reads nothing.
//!
//! Must never: write to a folder that is not the shelf it was set up as (a disk that is not plugged in); call a copy good that was
//! not read back; take the room of what people do; delete what a kept backup needs.

mod check;
mod error;
mod manifest;
mod pace;
mod restore;
mod run;
mod seal;
mod setup;
mod target;

use std::path::PathBuf;
use std::sync::Arc;

use cartulary_db::Conn;
use cartulary_model::Timestamp;
use serde::Deserialize;
use serde_json::json;

pub use cartulary_blobs::ShelfConfig;
pub use check::{BackupCheck, BackupLook};
pub use error::BackupError;
pub use restore::{
    BackupPlace, BackupSnapshot, RecoveryKey, RestorePlan, RestoreProgress, RestoreReport, RestoredFile,
};
pub use setup::{NewBackupTarget, RecoverySheet};
pub use target::BackupTarget;

use crate::module::{JobContext, JobError, JobHandler};
use crate::object::{Window, WindowRequest};
use crate::services::folders::window;
use crate::services::health::HealthCheck;
use crate::store::backups::{self, RunRow};
use crate::store::jobs::{self, NewJob};
use crate::{Repository, RepositoryError, Result, Session};

/// The job that makes a backup.
const BACKUP: &str = "core.backup";
const HOUR_MS: i64 = 3_600_000;
/// A verified copy may be so many times older than the target says before somebody should look.
const LATE_TIMES: i64 = 2;

/// What a backup must know of the office beside its database and its blobs.
#[derive(Clone, Debug, Default)]
pub struct BackupSettings {
    /// The folder of the configuration: all of it goes into a backup. Its folder `backup` holds the targets.
    pub config_dir: PathBuf,
    /// Files elsewhere that the configuration names, such as keys.
    pub more_files: Vec<PathBuf>,
    /// The office's name, for people.
    pub office: String,
    /// The program's version.
    pub version: String,
}

impl BackupSettings {
    fn targets(&self) -> target::Targets {
        target::Targets { folder: self.config_dir.join("backup") }
    }
}

/// How far a backup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupState {
    /// Under way, or waiting for its disk.
    Running,
    /// All is there, and was read back.
    Done,
    /// It was given up.
    Failed,
}

impl BackupState {
    /// Returns the stored and answered word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// A backup, as people follow it.
#[derive(Clone, Debug)]
pub struct BackupRun {
    /// Its id.
    pub id: String,
    /// Its target.
    pub target: String,
    /// How far it is.
    pub state: BackupState,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What it is called on the shelf, once it is whole.
    pub snapshot: Option<String>,
    /// How many blobs the office has.
    pub blobs: u64,
    /// How many files were laid down anew.
    pub files_new: u64,
    /// Their sealed bytes.
    pub bytes_new: u64,
    /// What is wrong, or what it waits for.
    pub reason: Option<String>,
}

/// A target, with how it stands.
#[derive(Clone, Debug)]
pub struct BackupStanding {
    /// Its name.
    pub name: String,
    /// Where it is, for a person.
    pub place: String,
    /// How often a backup is begun. *Units*: hours; 0: never by itself.
    pub every_hours: u32,
    /// The last backup that is whole and was read back.
    pub verified: Option<BackupRun>,
    /// The last one that was begun.
    pub last: Option<BackupRun>,
    /// What is wrong with its settings.
    pub fault: Option<String>,
}

#[derive(Deserialize)]
struct Payload {
    target: String,
}

/// Returns the jobs of this file.
pub(crate) fn backup_handlers() -> Vec<JobHandler> {
    vec![JobHandler { kind: BACKUP, run: Arc::new(|context| Box::pin(do_job(context))) }]
}

async fn do_job(context: JobContext) -> std::result::Result<(), JobError> {
    let Payload { target } =
        serde_json::from_value(context.payload).map_err(|error| JobError::Dead(error.to_string()))?;
    match context.repository.backup_now(&target).await {
        Ok(_) => Ok(()),
        Err(error) if error.passes() => Err(JobError::Wait(crate::error_chain(&error))),
        Err(error) => Err(JobError::Dead(crate::error_chain(&error))),
    }
}

impl Session {
    /// Returns all targets of backups and how they stand; of administrators.
    ///
    /// # Errors
    /// `Forbidden`; the database's.
    pub async fn backup_list(&self) -> Result<Vec<BackupStanding>> {
        self.require_administrator()?;
        self.repository.backup_standings().await
    }

    /// Returns a window of the backups of a target, newest first; of administrators.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound`; the database's.
    pub async fn backup_runs(&self, target: &str, request: WindowRequest) -> Result<Window<BackupRun>> {
        self.require_administrator()?;
        self.repository.known_target(target)?;
        let target = target.to_owned();
        let read = move |conn: &mut Conn| -> Result<Window<BackupRun>> {
            let offset = i64::try_from(request.offset).unwrap_or(i64::MAX);
            let limit = i64::try_from(request.limit.min(crate::object::WINDOW_ROWS_MAX)).unwrap_or(i64::MAX);
            let (total, rows) = backups::window(conn, &target, offset, limit)?;
            Ok(window(total.unsigned_abs(), rows.into_iter().map(view).collect(), request))
        };
        self.repository.database().read(read).await
    }

    /// Asks for a backup now; one that waits or is under way is the answer to it. Of administrators.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound`; the database's.
    pub async fn backup_begin(&self, target: &str) -> Result<()> {
        self.require_administrator()?;
        self.repository.known_target(target)?;
        self.repository.backup_later(target).await
    }
}

impl Repository {
    fn known_target(&self, target: &str) -> Result<BackupTarget> {
        let found = self.inner.config.backup.targets().read(target);
        found.map_err(|error| match error {
            BackupError::NoTarget { .. } => RepositoryError::not_found("the target of backups"),
            other => RepositoryError::internal(other),
        })
    }

    async fn backup_later(&self, target: &str) -> Result<()> {
        let new = NewJob {
            kind: BACKUP,
            payload: json!({ "target": target }),
            dedupe_key: Some(format!("{BACKUP}:{target}")),
            priority: 1,
        };
        let now = self.clock().now();
        self.database().write(move |conn| jobs::insert(conn, &new, now, None)).await?;
        self.inner.jobs_wanted.notify_one();
        Ok(())
    }

    /// Asks for the backups that are due.
    pub(crate) async fn backups_due(&self) -> Result<()> {
        let now = self.clock().now().as_millis();
        for standing in self.backup_standings().await? {
            let every_ms = i64::from(standing.every_hours).saturating_mul(HOUR_MS);
            let last = standing.verified.as_ref().map_or(i64::MIN, |run| run.started_at.as_millis());
            if standing.fault.is_none() && every_ms > 0 && now.saturating_sub(last) >= every_ms {
                self.backup_later(&standing.name).await?;
            }
        }
        Ok(())
    }

    /// Returns all targets and how they stand.
    pub(crate) async fn backup_standings(&self) -> Result<Vec<BackupStanding>> {
        let targets = self.inner.config.backup.targets();
        let mut standings = Vec::new();
        for name in targets.names().map_err(RepositoryError::internal)? {
            let asked = name.clone();
            let read = move |conn: &mut Conn| -> Result<_> {
                Ok((backups::last(conn, &asked)?, backups::last_done(conn, &asked)?))
            };
            let (last, verified) = self.database().read(read).await?;
            let (place, every_hours, fault) = match targets.read(&name) {
                Ok(target) => (target.shelf.to_string(), target.every_hours, None),
                Err(error) => (String::new(), 0, Some(crate::error_chain(&error))),
            };
            let (verified, last) = (verified.map(view), last.map(view));
            standings.push(BackupStanding { name, place, every_hours, verified, last, fault });
        }
        Ok(standings)
    }

    /// Returns how old the last verified copy of each target is, in seconds; nothing of one that has none.
    ///
    /// # Errors
    /// The database's.
    pub async fn backup_ages(&self) -> Result<Vec<(String, i64)>> {
        let now = self.clock().now().as_millis();
        let ages = self.backup_standings().await?.into_iter().filter_map(|standing| {
            let age_ms = now - standing.verified?.started_at.as_millis();
            Some((standing.name, age_ms / 1000))
        });
        Ok(ages.collect())
    }

    /// Says how the backups stand, for whoever looks after the office.
    pub(crate) async fn backup_health(&self) -> Result<HealthCheck> {
        let standings = self.backup_standings().await?;
        let now = self.clock().now().as_millis();
        let mut words = Vec::new();
        let mut is_degraded = false;
        for standing in &standings {
            let age_ms = standing.verified.as_ref().map(|run| now - run.started_at.as_millis());
            let allowed_ms = i64::from(standing.every_hours).saturating_mul(HOUR_MS).saturating_mul(LATE_TIMES);
            is_degraded |=
                standing.fault.is_some() || (standing.every_hours > 0 && age_ms.is_none_or(|age| age > allowed_ms));
            words.push(match (&standing.fault, age_ms) {
                (Some(fault), _) => format!("{}: {fault}", standing.name),
                (None, None) => format!("{}: no verified copy yet", standing.name),
                (None, Some(age)) => format!("{}: verified copy of {} h ago", standing.name, age.max(0) / HOUR_MS),
            });
        }
        let reason = if words.is_empty() {
            "none is set up: `cartulary backup setup --to DIR`".to_owned()
        } else {
            words.join("; ")
        };
        Ok(HealthCheck { name: "backup", ok: true, is_degraded, reason })
    }
}

fn view(row: RunRow) -> BackupRun {
    let state = match row.state.as_str() {
        "done" => BackupState::Done,
        "running" => BackupState::Running,
        _ => BackupState::Failed,
    };
    BackupRun {
        id: row.id,
        target: row.target,
        state,
        started_at: Timestamp::from_millis(row.started_at),
        finished_at: row.finished_at.map(Timestamp::from_millis),
        snapshot: row.snapshot,
        blobs: row.blobs.unsigned_abs(),
        files_new: row.files_new.unsigned_abs(),
        bytes_new: row.bytes_new.unsigned_abs(),
        reason: row.reason,
    }
}
