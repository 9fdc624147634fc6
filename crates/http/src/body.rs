//! Bodies on their way in: forms in JSON, which are small, and contents, which are streams.

use std::cell::RefCell;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::web::Payload;
use bytes::{Bytes, BytesMut};
use cartulary_repository::{NewContent, RepositoryError};
use futures::{Stream, StreamExt, stream};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::error::ApiError;
use crate::guarded::{Guarded, state_of};

/// The largest form. *Units*: bytes.
pub const FORM_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// The largest form that is read before it is known who sends it. *Units*: bytes.
pub(crate) const STRANGERS_FORM_BYTES_MAX: u64 = 16 * 1024;

/// Reads the JSON body of a request.
///
/// # Errors
/// `unsupported_media_type`, `payload_too_large`, `request_timeout`, `malformed_json`, or `invalid` when it is JSON of
/// another shape.
pub async fn json<T: DeserializeOwned>(request: &HttpRequest, body: Payload) -> Result<T, ApiError> {
    json_up_to(request, body, FORM_BYTES_MAX).await
}

/// Reads a JSON body of at most `limit_bytes`.
pub(crate) async fn json_up_to<T>(request: &HttpRequest, body: Payload, limit_bytes: u64) -> Result<T, ApiError>
where
    T: DeserializeOwned,
{
    if !is_json(request.headers()) {
        return Err(ApiError::unsupported_media_type("application/json"));
    }
    let timeout = body_timeout(request)?;
    let bytes = collect(body, limit_bytes, timeout).await?;
    serde_json::from_slice(&bytes).map_err(|error| match error.classify() {
        Category::Data => ApiError::invalid("", "wrong_shape", error.to_string()),
        _ => ApiError::malformed_json(&error),
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/json")
}

fn body_timeout(request: &HttpRequest) -> Result<Duration, ApiError> {
    Ok(Duration::from_millis(state_of(request)?.config().body_timeout_ms))
}

async fn collect(mut body: Payload, limit_bytes: u64, timeout: Duration) -> Result<Bytes, ApiError> {
    let collecting = async {
        let mut bytes = BytesMut::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|_| ApiError::from(RepositoryError::Interrupted))?;
            if (bytes.len() + chunk.len()) as u64 > limit_bytes {
                return Err(ApiError::payload_too_large(limit_bytes));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes.freeze())
    };
    tokio::time::timeout(timeout, collecting).await.map_err(|_| ApiError::request_timeout())?
}

/// Why a stream of content broke off.
#[derive(Clone, Debug, thiserror::Error)]
enum Broken {
    #[error("nothing arrived for too long")]
    StoodStill,
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    #[error("the connection broke: {0}")]
    Lost(String),
}

impl From<Broken> for ApiError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::StoodStill => Self::request_timeout(),
            Broken::TooLarge(limit) => Self::payload_too_large(limit),
            Broken::Lost(_) => RepositoryError::Interrupted.into(),
        }
    }
}

/// Takes the raw body of a request as content, chunk by chunk; its name and kind are the caller's to say.
///
/// # Errors
/// `payload_too_large`, `request_timeout`, `content_interrupted`, `storage_full`.
pub async fn stage(guarded: &Guarded, body: Payload) -> Result<NewContent, ApiError> {
    check_announced_length(guarded)?;
    stage_stream(guarded, body).await
}

/// Refuses at once what is announced to be too large.
pub(crate) fn check_announced_length(guarded: &Guarded) -> Result<(), ApiError> {
    let limit = guarded.state()?.config().max_upload_bytes;
    let announced = guarded.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    match announced {
        Some(length) if limit > 0 && length > limit => Err(ApiError::payload_too_large(limit)),
        _ => Ok(()),
    }
}

/// Takes a stream as content; one that stands still or grows too long is broken off.
pub(crate) async fn stage_stream<S, E>(guarded: &Guarded, body: S) -> Result<NewContent, ApiError>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::fmt::Display,
{
    let config = guarded.state()?.config();
    let (timeout, limit) = (Duration::from_millis(config.body_timeout_ms), config.max_upload_bytes);
    let broken: RefCell<Option<Broken>> = RefCell::default();
    let watched = stream::unfold((body, 0_u64), |(mut body, taken)| {
        let broken = &broken;
        async move {
            let chunk = match tokio::time::timeout(timeout, body.next()).await {
                Ok(None) => return None,
                Ok(Some(Ok(chunk))) => Ok(chunk),
                Ok(Some(Err(error))) => Err(Broken::Lost(error.to_string())),
                Err(_) => Err(Broken::StoodStill),
            };
            let taken = taken.saturating_add(chunk.as_ref().map_or(0, |chunk| chunk.len() as u64));
            let chunk = if limit > 0 && taken > limit { Err(Broken::TooLarge(limit)) } else { chunk };
            if let Err(why) = &chunk {
                *broken.borrow_mut() = Some(why.clone());
            }
            Some((chunk, (body, taken)))
        }
    });
    let staged = guarded.session().content_stage(watched).await;
    match broken.take() {
        Some(broken) => Err(broken.into()),
        None => Ok(NewContent { staged: staged?, file_name: String::new(), file_name_raw: None, media_type: None }),
    }
}
