//! What one statement may take of the office: time, memory for what it holds, and a part of the connections that read.

use std::cell::Cell;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use crate::{Repository, RepositoryError, Result};

/// How long somebody's statement is worked at.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a job's statement is worked at.
const JOB: Duration = Duration::from_secs(120);
/// How much a statement holds at once. *Units*: bytes, roughly.
const HELD_MAX: usize = 256 << 20;
/// How long a statement waits for its turn.
const WAIT: Duration = Duration::from_secs(10);

/// What is left to one statement.
#[derive(Debug)]
pub(super) struct Bounds {
    until: Instant,
    time: Duration,
    held: Cell<usize>,
    held_max: usize,
}

impl Bounds {
    /// Returns what a statement may take that somebody waits for.
    pub(super) fn of_answer() -> Self {
        Self::new(ANSWER, HELD_MAX)
    }

    /// Returns what a statement may take that a job answers.
    pub(super) fn of_job() -> Self {
        Self::new(JOB, HELD_MAX)
    }

    fn new(time: Duration, held_max: usize) -> Self {
        Self { until: Instant::now() + time, time, held: Cell::new(0), held_max }
    }

    /// Goes on, unless the time is over.
    ///
    /// # Errors
    /// `Invalid` `too_slow`.
    pub(super) fn go_on(&self) -> Result<()> {
        if Instant::now() < self.until {
            return Ok(());
        }
        let detail = format!(
            "takes longer than {} s and was given up: ask for less, by a property that is indexed, join smaller tables, \
             or order by fewer columns",
            self.time.as_secs()
        );
        Err(RepositoryError::invalid("statement", "too_slow", detail))
    }

    /// Holds some bytes more until the answer.
    ///
    /// # Errors
    /// `Invalid` `too_broad`.
    pub(super) fn hold(&self, bytes: usize) -> Result<()> {
        let held = self.held.get().saturating_add(bytes);
        self.held.set(held);
        if held <= self.held_max {
            return Ok(());
        }
        let detail = format!(
            "would hold more than {} MB until it is answered: ask for less, or order by fewer columns",
            self.held_max >> 20
        );
        Err(RepositoryError::invalid("statement", "too_broad", detail))
    }
}

impl Repository {
    /// Waits until a statement may be worked at: statements take half of the connections that read, and leave the others
    /// to everything else. The turn is given back by dropping it where the work ends.
    ///
    /// # Errors
    /// `Unavailable` when others take their time.
    pub(crate) async fn turn_of_statement(&self) -> Result<OwnedSemaphorePermit> {
        let turns = std::sync::Arc::clone(&self.inner.statements);
        match tokio::time::timeout(WAIT, turns.acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(RepositoryError::Unavailable { what: "the office, busy with other statements,", source: None }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(outcome: Result<()>) -> &'static str {
        match outcome {
            Err(RepositoryError::Invalid { violations }) => violations.first().map_or("none", |one| one.code),
            Err(_) => "another",
            Ok(()) => "none",
        }
    }

    #[test]
    fn a_statement_whose_time_is_over_says_what_to_do() {
        assert_eq!(code(Bounds::new(Duration::ZERO, 1).go_on()), "too_slow");
        assert_eq!(code(Bounds::of_answer().go_on()), "none");
    }

    #[test]
    fn a_statement_that_holds_too_much_is_refused() {
        let bounds = Bounds::new(ANSWER, 100);
        assert_eq!(code(bounds.hold(60)), "none");
        assert_eq!(code(bounds.hold(60)), "too_broad");
        assert_eq!(code(bounds.hold(usize::MAX)), "too_broad");
    }
}
