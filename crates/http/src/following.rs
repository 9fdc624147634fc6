//! Following the change log: waiting for what comes, for long polls and streams of events.
//!
//! Each look asks again who is there, so that whoever was locked, signed out or taken out of a group sees no more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cartulary_model::ObjectId;
use cartulary_repository::{ChangeEntry, Repository};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::error::ApiError;
use crate::guarded::Guarded;
use crate::state::AppState;

/// How many requests follow the log at once, and how many of one user.
const FOLLOWERS_MAX: usize = 512;
const FOLLOWERS_OF_USER_MAX: usize = 16;

/// Who follows the log.
#[derive(Debug, Default)]
pub(crate) struct Followers {
    by_user: Mutex<HashMap<ObjectId, usize>>,
}

/// One of the requests that follow the log; dropped, it makes room for another.
#[derive(Debug)]
pub(crate) struct Following {
    followers: Arc<Followers>,
    user: ObjectId,
}

impl Followers {
    /// Counts a request that follows the log, unless there are as many as there may be.
    fn begin(self: &Arc<Self>, user: ObjectId) -> Option<Following> {
        let mut by_user = self.by_user.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, own) = (by_user.values().sum::<usize>(), by_user.get(&user).copied().unwrap_or_default());
        if all >= FOLLOWERS_MAX || own >= FOLLOWERS_OF_USER_MAX {
            return None;
        }
        by_user.insert(user, own + 1);
        Some(Following { followers: Arc::clone(self), user })
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let mut by_user = self.followers.by_user.lock().unwrap_or_else(PoisonError::into_inner);
        match by_user.get(&self.user).map_or(0, |count| count.saturating_sub(1)) {
            0 => drop(by_user.remove(&self.user)),
            left => drop(by_user.insert(self.user, left)),
        }
    }
}

/// A place in the log, and who reads on from it.
pub(crate) struct Reader {
    repository: Repository,
    token: String,
    closing: watch::Receiver<bool>,
    /// The position that was read up to.
    pub after: i64,
    _following: Following,
}

/// What a look at the log brought.
pub(crate) enum Look {
    /// These changes, of what the reader may see; perhaps none in the time that was given.
    Changes(Vec<ChangeEntry>),
    /// The office closes.
    Closing,
}

impl Reader {
    /// Begins to read after a position.
    ///
    /// # Errors
    /// `unavailable` when too many follow the log.
    pub(crate) fn begin(guarded: &Guarded, after: i64) -> Result<Self, ApiError> {
        let state: &AppState = guarded.state()?;
        let following = state.followers().begin(guarded.session().actor().id());
        Ok(Self {
            repository: state.repository().clone(),
            token: guarded.token().to_owned(),
            closing: state.closing(),
            after,
            _following: following.ok_or_else(ApiError::too_many_followers)?,
        })
    }

    /// Returns the next changes that the reader may see, waiting for some as long as said.
    ///
    /// # Errors
    /// `unauthenticated` once the sign-in has ended; the database's.
    pub(crate) async fn look(&mut self, limit: u64, at_most: Duration) -> Result<Look, ApiError> {
        let deadline = Instant::now() + at_most;
        loop {
            if *self.closing.borrow() {
                return Ok(Look::Closing);
            }
            let session = self.repository.session_by_token(&self.token).await?.session;
            let (entries, next) = session.change_list(self.after, limit).await?;
            let is_at_end = next == self.after;
            self.after = next;
            if !entries.is_empty() {
                return Ok(Look::Changes(entries));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Look::Changes(Vec::new()));
            }
            if !is_at_end {
                continue;
            }
            tokio::select! {
                _ = self.closing.wait_for(|closes| *closes) => return Ok(Look::Closing),
                grew = self.repository.wait_log_grown(self.after, left) => drop(grew?),
            }
        }
    }
}
