//! Jobs, as people follow them.

use cartulary_db::Conn;
use cartulary_model::Timestamp;

use crate::object::{WINDOW_ROWS_MAX, Window, WindowRequest};
use crate::services::folders::window;
use crate::store::jobs::{self, JobRow, NewJob};
use crate::transaction::Tx;
use crate::{RepositoryError, Result, Session};

/// Asks for a job that people follow, and returns it.
pub(crate) fn ask_for(tx: &mut Tx<'_>, new: &NewJob) -> Result<JobView> {
    let id = tx.enqueue_followed(new)?;
    let row = jobs::by_id(tx.conn, &id)?;
    row.map(view).ok_or_else(|| RepositoryError::internal("a job that was just made"))
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Not begun, or to be tried again.
    Waiting,
    /// Under way on some node.
    Running,
    /// Ended well.
    Done,
    /// Given up, with a reason.
    Dead,
}

impl JobState {
    /// Returns the stored and answered word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }

    /// Returns the state with this word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Waiting, Self::Running, Self::Done, Self::Dead].into_iter().find(|state| state.as_str() == word)
    }
}

/// A job.
#[derive(Clone, Debug)]
pub struct JobView {
    /// The outward id.
    pub id: String,
    /// What it does: `owner.verb`.
    pub kind: String,
    /// How far it is.
    pub state: JobState,
    /// How often it was begun.
    pub attempts: u32,
    /// What it says of itself.
    pub progress: Option<serde_json::Value>,
    /// Why it was given up, or why the last try failed.
    pub reason: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

impl Session {
    /// Returns a window of jobs, newest first: one's own, for administrators all.
    ///
    /// # Errors
    /// The database's.
    pub async fn job_list(&self, state: Option<JobState>, request: WindowRequest) -> Result<Window<JobView>> {
        let by = (!self.actor.is_administrator).then_some(self.actor.no);
        let limit = i64::try_from(request.limit.min(WINDOW_ROWS_MAX)).unwrap_or(i64::MAX);
        let read = move |conn: &mut Conn| -> Result<Window<JobView>> {
            let offset = i64::try_from(request.offset).unwrap_or(i64::MAX);
            let (total, rows) = jobs::window(conn, state.map(JobState::as_str), by, offset, limit)?;
            Ok(window(total.unsigned_abs(), rows.into_iter().map(view).collect(), request))
        };
        self.repository.database().read(read).await
    }

    /// Returns one job.
    ///
    /// # Errors
    /// `NotFound`, also for another person's job.
    pub async fn job_get(&self, id: &str) -> Result<JobView> {
        let id = id.to_owned();
        let row = self.repository.database().read(move |conn: &mut Conn| jobs::by_id(conn, &id)).await?;
        let may_see = |row: &JobRow| self.actor.is_administrator || row.created_by == Some(self.actor.no);
        row.filter(may_see).map(view).ok_or_else(|| RepositoryError::not_found("the job"))
    }
}

/// Returns a job as people follow it.
pub(crate) fn view(row: JobRow) -> JobView {
    JobView {
        id: row.id,
        kind: row.kind,
        state: JobState::parse(&row.state).unwrap_or(JobState::Dead),
        attempts: row.attempts.unsigned_abs(),
        progress: row.progress.and_then(|text| serde_json::from_str(&text).ok()),
        reason: row.reason,
        created_at: Timestamp::from_millis(row.created_at),
        finished_at: row.finished_at.map(Timestamp::from_millis),
    }
}
