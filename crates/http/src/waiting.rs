//! `waitFor`: an answer that knows one's own last write.

use std::time::Duration;

use crate::error::ApiError;
use crate::guarded::Guarded;

/// How long an answer waits at most; then `not_yet_indexed` says to ask again.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Waits until lists know the transaction.
///
/// # Errors
/// `not_yet_indexed` (503).
pub async fn sequenced(guarded: &Guarded, transaction: Option<&str>) -> Result<(), ApiError> {
    if let Some(transaction) = transaction {
        guarded.session().repository().wait_sequenced(transaction, WAIT_MAX).await?;
    }
    Ok(())
}

/// Waits until the full-text index knows the transaction.
///
/// # Errors
/// `not_yet_indexed` (503).
pub async fn indexed(guarded: &Guarded, transaction: Option<&str>) -> Result<(), ApiError> {
    if let Some(transaction) = transaction {
        guarded.session().repository().wait_indexed(transaction, WAIT_MAX).await?;
    }
    Ok(())
}
