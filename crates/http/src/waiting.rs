//! `waitFor`: an answer that knows one's own last write.

use std::time::Duration;

use cartulary_repository::RepositoryError;

use crate::error::ApiError;
use crate::guarded::Guarded;

/// How long an answer waits at most; then `not_yet_indexed` says to ask again.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Waits until lists know the transaction.
///
/// # Errors
/// `not_yet_indexed` (503); `invalid_query` for what is no transaction of this office.
pub async fn sequenced(guarded: &Guarded, transaction: Option<&str>) -> Result<(), ApiError> {
    if let Some(transaction) = checked(transaction)? {
        guarded.session().repository().wait_sequenced(&transaction, WAIT_MAX).await.map_err(refusal)?;
    }
    Ok(())
}

/// Waits until the full-text index knows the transaction.
///
/// # Errors
/// `not_yet_indexed` (503); `invalid_query` for what is no transaction of this office.
pub async fn indexed(guarded: &Guarded, transaction: Option<&str>) -> Result<(), ApiError> {
    if let Some(transaction) = checked(transaction)? {
        guarded.session().repository().wait_indexed(&transaction, WAIT_MAX).await.map_err(refusal)?;
    }
    Ok(())
}

/// Refuses at once what no write ever answered, rather than wait for it.
fn checked(transaction: Option<&str>) -> Result<Option<String>, ApiError> {
    let Some(text) = transaction else { return Ok(None) };
    let id = uuid::Uuid::try_parse(text).map_err(|_| unknown())?;
    Ok(Some(id.to_string()))
}

/// What the log does not know, as from before a restore, or from another office, never comes.
fn refusal(error: RepositoryError) -> ApiError {
    match error {
        RepositoryError::NotFound { .. } => unknown(),
        other => other.into(),
    }
}

fn unknown() -> ApiError {
    ApiError::invalid_query("waitFor", "is what a write of this office answered as `Cartulary-Transaction`")
}
