//! One waiting transaction: its closure, its result, and the caller who waits for it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::conn::Conn;
use crate::error::{DbError, panic_text};

/// Where the caller waits for the answer.
pub(crate) type Answer<T, E> = oneshot::Receiver<Result<T, E>>;
/// Where the answer is given to the caller.
pub(crate) type Caller<T, E> = oneshot::Sender<Result<T, E>>;

/// A transaction in the writer's queue, whatever its types.
pub(crate) trait Member: Send {
    /// Tells whether nobody waits for the answer any more.
    fn is_abandoned(&self) -> bool;

    /// Runs the closure and keeps its result; tells whether its rows are to be kept.
    fn run(&mut self, conn: &mut Conn) -> bool;

    /// Tells whether the closure succeeded.
    fn succeeded(&self) -> bool;

    /// Puts `error` in place of the result.
    fn overrule(&mut self, error: DbError);

    /// Gives the caller the result.
    fn answer(self: Box<Self>);
}

/// A closure on its way through the writer.
pub(crate) struct Request<T, E, F> {
    act: F,
    result: Option<Result<T, E>>,
    caller: Caller<T, E>,
}

impl<T, E, F> Request<T, E, F>
where
    F: Fn(&mut Conn) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<DbError> + Send + 'static,
{
    /// Returns the request for the queue and the place where its answer appears.
    pub(crate) fn with_answer(act: F) -> (Box<dyn Member>, Answer<T, E>) {
        let (caller, answer) = oneshot::channel();
        (Self::of(caller, act), answer)
    }

    /// Returns the request of a caller who waits already.
    pub(crate) fn of(caller: Caller<T, E>, act: F) -> Box<dyn Member> {
        Box::new(Self { act, result: None, caller })
    }
}

impl<T, E, F> Member for Request<T, E, F>
where
    F: Fn(&mut Conn) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<DbError> + Send + 'static,
{
    fn is_abandoned(&self) -> bool {
        self.caller.is_closed()
    }

    fn run(&mut self, conn: &mut Conn) -> bool {
        let result = match catch_unwind(AssertUnwindSafe(|| (self.act)(conn))) {
            Ok(result) => result,
            Err(payload) => Err(DbError::Panicked(panic_text(payload.as_ref())).into()),
        };
        let is_kept = result.is_ok();
        self.result = Some(result);
        is_kept
    }

    fn succeeded(&self) -> bool {
        matches!(self.result, Some(Ok(_)))
    }

    fn overrule(&mut self, error: DbError) {
        self.result = Some(Err(error.into()));
    }

    fn answer(self: Box<Self>) {
        let result = self.result.unwrap_or_else(|| Err(DbError::Unavailable("it was not reached".to_owned()).into()));
        // A caller who went away does not want to know.
        let _ = self.caller.send(result);
    }
}
