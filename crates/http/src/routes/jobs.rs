//! `/jobs`: what the office does in the background.

use actix_web::get;
use cartulary_model::Timestamp;
use cartulary_repository::{JobState, JobView, Written};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::error::ApiError;
use crate::guarded::Guarded;
use crate::paging;
use crate::routes::object::Page;

/// Which jobs are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobQuery {
    /// `waiting`, `running`, `done` or `dead`; all unless given.
    state: Option<String>,
    /// How many rows are answered, 1 to 1,000; 50 unless given.
    limit: Option<u64>,
    /// How many rows are passed over.
    offset: Option<u64>,
    /// Continues a list, instead of an offset.
    cursor: Option<String>,
}

/// A job.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// The job's id.
    id: String,
    /// What it does: `owner.verb`.
    kind: String,
    /// `waiting`, `running`, `done` or `dead`.
    state: &'static str,
    /// How often it was begun.
    attempts: u32,
    /// What it says of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    progress: Option<serde_json::Value>,
    /// Why it was given up, or why the last try failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
}

impl From<JobView> for Job {
    fn from(job: JobView) -> Self {
        Self {
            id: job.id,
            kind: job.kind,
            state: job.state.as_str(),
            attempts: job.attempts,
            progress: job.progress,
            reason: job.reason,
            created_at: job.created_at,
            finished_at: job.finished_at,
        }
    }
}

/// Answers 202 with a job that does what was asked for, and where to follow it.
pub(crate) fn accepted(job: Written<JobView>) -> Answer {
    let location = format!("/api/v1/jobs/{}", job.value.id);
    answer::accepted(&location, &job.transaction, &Job::from(job.value))
}

/// Lists jobs, newest first: one's own, for administrators all.
#[utoipa::path(tag = "jobs", params(JobQuery), responses((status = 200, description = "a window", body = Page<Job>)))]
#[get("/jobs")]
pub async fn list_jobs(guarded: Guarded) -> Answer {
    let query: JobQuery = guarded.query()?;
    let window = paging::window(query.limit, query.offset, query.cursor.as_deref())?;
    let unknown = || ApiError::invalid_query("state", "is waiting, running, done or dead");
    let state = query.state.map(|word| JobState::parse(&word).ok_or_else(unknown)).transpose()?;
    answer::ok(&Page::<Job>::of(guarded.session().job_list(state, window).await?))
}

/// Returns a job.
#[utoipa::path(tag = "jobs", params(("id" = String, Path, description = "the job's id")),
    responses((status = 200, description = "the job", body = Job)))]
#[get("/jobs/{id}")]
pub async fn get_job(guarded: Guarded) -> Answer {
    let id: String = guarded.segment("id")?;
    answer::ok(&Job::from(guarded.session().job_get(&id).await?))
}
