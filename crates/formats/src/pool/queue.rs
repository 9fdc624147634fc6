//! A queue between async callers and the threads that own workers.

use super::ExtractionRequest;
use crate::error::FormatsError;
use crate::extraction::Extraction;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// One file, and who waits for it.
pub struct Task {
    pub request: ExtractionRequest,
    pub reply: oneshot::Sender<Result<Extraction, FormatsError>>,
}

/// What a thread gets when it asks for work.
pub enum Taken {
    Task(Task),
    Idle,
    Closed,
}

/// Tasks in order of arrival; as many as there are callers waiting.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    tasks: VecDeque<Task>,
    closed: bool,
}

impl Queue {
    /// Adds a task; a closed queue drops it, which its caller notices.
    pub fn push(&self, task: Task) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.closed {
            state.tasks.push_back(task);
            self.changed.notify_one();
        }
    }

    /// Waits for a task, at most so long.
    pub fn take(&self, idle: Duration) -> Taken {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |state: &mut State| state.tasks.is_empty() && !state.closed;
        let (mut state, _) =
            self.changed.wait_timeout_while(state, idle, waiting).unwrap_or_else(PoisonError::into_inner);
        match state.tasks.pop_front() {
            Some(_) if state.closed => Taken::Closed,
            Some(task) => Taken::Task(task),
            None if state.closed => Taken::Closed,
            None => Taken::Idle,
        }
    }

    /// Closes the queue and drops what waits.
    pub fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.closed = true;
        state.tasks.clear();
        self.changed.notify_all();
    }
}
