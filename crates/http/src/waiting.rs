//! `waitFor`: an answer that knows one's own last write.

use std::time::Duration;

use crate::error::ApiError;
use crate::guarded::Guarded;

/// How long an answer waits at most; then `not_yet_indexed` says to ask again.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Waits until lists know the transaction.
///
/// # Errors
/// `not_yet_indexed` (503); `invalid_query` for what can be no transaction.
pub async fn sequenced(guarded: &Guarded, transaction: Option<&str>) -> Result<(), ApiError> {
    if let Some(transaction) = checked(transaction)? {
        guarded.session().repository().wait_sequenced(transaction, WAIT_MAX).await?;
    }
    Ok(())
}

/// Waits until the full-text index knows the transaction.
///
/// # Errors
/// `not_yet_indexed` (503); `invalid_query` for what can be no transaction.
pub async fn indexed(guarded: &Guarded, transaction: Option<&str>) -> Result<(), ApiError> {
    if let Some(transaction) = checked(transaction)? {
        guarded.session().repository().wait_indexed(transaction, WAIT_MAX).await?;
    }
    Ok(())
}

/// Refuses at once what no write ever answered, rather than wait for it.
fn checked(transaction: Option<&str>) -> Result<Option<&str>, ApiError> {
    match transaction {
        Some(text) if uuid::Uuid::try_parse(text).is_err() => {
            Err(ApiError::invalid_query("waitFor", "is what a write answered as `Cartulary-Transaction`"))
        }
        other => Ok(other),
    }
}
