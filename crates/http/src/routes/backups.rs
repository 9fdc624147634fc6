//! `/backups`: where sealed copies of the office go, and what became of each.

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, LOCATION};
use actix_web::{get, post};
use cartulary_model::Timestamp;
use cartulary_repository as repository;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::{self, Answer};
use crate::guarded::Guarded;
use crate::routes::object::Page;
use crate::routes::users::WindowQuery;

/// A target of backups; `cartulary backup setup` makes one.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupTarget {
    /// Its name.
    name: String,
    /// Where it is, for a person.
    place: String,
    /// How often a backup is begun, in hours; 0: never by itself.
    every_hours: u32,
    /// The last backup that is whole and was read back.
    #[serde(skip_serializing_if = "Option::is_none")]
    verified: Option<BackupRun>,
    /// The last one that was begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    last: Option<BackupRun>,
    /// What is wrong with its settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
}

/// All targets.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupTargets {
    /// The targets, by name.
    items: Vec<BackupTarget>,
}

/// A backup.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupRun {
    /// Its id.
    id: String,
    /// Its target.
    target: String,
    /// `running`, `done` (whole, and read back) or `failed`.
    state: &'static str,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// What it is called on the shelf, once it is whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<String>,
    /// How many blobs the office has, as far as it has come.
    blobs: u64,
    /// How many files were laid down anew.
    files_new: u64,
    /// Their bytes.
    bytes_new: u64,
    /// What is wrong, or what it waits for.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<repository::BackupRun> for BackupRun {
    fn from(run: repository::BackupRun) -> Self {
        Self {
            id: run.id,
            target: run.target,
            state: run.state.as_str(),
            started_at: run.started_at,
            finished_at: run.finished_at,
            snapshot: run.snapshot,
            blobs: run.blobs,
            files_new: run.files_new,
            bytes_new: run.bytes_new,
            reason: run.reason,
        }
    }
}

impl From<repository::BackupStanding> for BackupTarget {
    fn from(standing: repository::BackupStanding) -> Self {
        Self {
            name: standing.name,
            place: standing.place,
            every_hours: standing.every_hours,
            verified: standing.verified.map(BackupRun::from),
            last: standing.last.map(BackupRun::from),
            fault: standing.fault,
        }
    }
}

/// Lists where backups go and how they stand; for administrators.
#[utoipa::path(tag = "backups", responses((status = 200, description = "all targets", body = BackupTargets)))]
#[get("/backups")]
pub async fn list_backups(guarded: Guarded) -> Answer {
    let standings = guarded.session().backup_list().await?;
    answer::ok(&BackupTargets { items: standings.into_iter().map(BackupTarget::from).collect() })
}

/// A backup that was asked for.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackupAsked {
    /// The target's name.
    target: String,
}

/// Asks for a backup now; where one waits or is under way, that is the answer. For administrators.
#[utoipa::path(tag = "backups", params(("name" = String, Path, description = "the target's name")),
    responses((status = 202, description = "a job makes it; `GET` the same address to follow it", body = BackupAsked)))]
#[post("/backups/{name}/runs")]
pub async fn create_backup_run(guarded: Guarded) -> Answer {
    let name: String = guarded.segment("name")?;
    guarded.session().backup_begin(&name).await?;
    let runs = HeaderValue::from_str(guarded.request().path());
    answer::json(StatusCode::ACCEPTED, &BackupAsked { target: name }, |response| {
        if let Ok(runs) = runs {
            response.insert_header((LOCATION, runs));
        }
    })
}

/// Lists the backups of a target, newest first; for administrators.
#[utoipa::path(tag = "backups", params(WindowQuery, ("name" = String, Path, description = "the target's name")),
    responses((status = 200, description = "a window", body = Page<BackupRun>)))]
#[get("/backups/{name}/runs")]
pub async fn list_backup_runs(guarded: Guarded) -> Answer {
    let (name, query): (String, WindowQuery) = (guarded.segment("name")?, guarded.query()?);
    answer::ok(&Page::<BackupRun>::of(guarded.session().backup_runs(&name, query.window()?).await?))
}
