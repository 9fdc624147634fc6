//! Bodies on their way in: forms in JSON, which are small, and contents, which are streams.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::web::Payload;
use bytes::{Bytes, BytesMut};
use cartulary_repository::{NewContent, RepositoryError};
use futures::stream::LocalBoxStream;
use futures::{Stream, StreamExt, stream};
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::guarded::{Guarded, state_of};
use crate::pace::{Full, Pace, Underway};
use crate::shape;

/// The largest form. *Units*: bytes.
pub const FORM_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// The largest form that is read before it is known who sends it. *Units*: bytes.
pub(crate) const STRANGERS_FORM_BYTES_MAX: u64 = 16 * 1024;

/// Reads the JSON body of a request.
///
/// # Errors
/// `unsupported_media_type`, `payload_too_large`, `request_timeout`, `malformed_json`, or `invalid` when it is JSON of
/// another shape; `too_many_requests` or `unavailable` for a large one when too many bodies are under way.
pub async fn json<T: DeserializeOwned>(request: &HttpRequest, body: Payload) -> Result<T, ApiError> {
    let is_small = announced_length(request.headers()).is_some_and(|length| length <= STRANGERS_FORM_BYTES_MAX);
    let _underway = if is_small { None } else { Some(begin(request)?) };
    json_up_to(request, body, FORM_BYTES_MAX).await
}

/// Reads a body that is JSON-LD, or says that it is JSON.
///
/// # Errors
/// As [`json`].
pub async fn json_ld<T: DeserializeOwned>(request: &HttpRequest, body: Payload) -> Result<T, ApiError> {
    check_unpacked(request.headers())?;
    if !is_json(request.headers()) && !is_media_type(request.headers(), "application/ld+json") {
        return Err(ApiError::unsupported_media_type("application/ld+json"));
    }
    let _underway = begin(request)?;
    let bytes = collect(body, FORM_BYTES_MAX, body_timeout(request)?).await?;
    shape::read(&bytes, "")
}

/// Reads a JSON body of at most `limit_bytes`.
pub(crate) async fn json_up_to<T>(request: &HttpRequest, body: Payload, limit_bytes: u64) -> Result<T, ApiError>
where
    T: DeserializeOwned,
{
    check_unpacked(request.headers())?;
    if !is_json(request.headers()) {
        return Err(ApiError::unsupported_media_type("application/json"));
    }
    let timeout = body_timeout(request)?;
    let bytes = collect(body, limit_bytes, timeout).await?;
    shape::read(&bytes, "")
}

/// Refuses what is packed, of a request or of a part: kept as it came, nobody could read it.
pub(crate) fn check_unpacked(headers: &HeaderMap) -> Result<(), ApiError> {
    let lines = headers.get_all(CONTENT_ENCODING).map(|line| line.to_str().unwrap_or("?"));
    let mut encodings = lines.flat_map(|line| line.split(',')).map(str::trim).filter(|one| !one.is_empty());
    match encodings.find(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
        Some(packed) => Err(ApiError::unsupported_encoding(packed)),
        None => Ok(()),
    }
}

/// Refuses a part that is written in other letters than its bytes, as mail is: a form's parts are not (RFC 7578 §4.7), and
/// kept as it came, nobody could read it.
pub(crate) fn check_plain(headers: &HeaderMap) -> Result<(), ApiError> {
    let lines = headers.get_all("content-transfer-encoding").map(|line| line.to_str().unwrap_or("?").trim());
    let is_plain =
        |one: &str| one.is_empty() || ["binary", "8bit", "7bit"].iter().any(|it| it.eq_ignore_ascii_case(one));
    match lines.into_iter().find(|encoding| !is_plain(encoding)) {
        Some(encoding) => Err(ApiError::unsupported_transfer_encoding(encoding)),
        None => Ok(()),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    is_media_type(headers, "application/json")
}

fn is_media_type(headers: &HeaderMap, wanted: &str) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case(wanted)
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
    #[error("too little arrived for too long")]
    TooSlow,
    #[error("larger than {0} bytes")]
    TooLarge(u64),
    #[error("the connection broke: {0}")]
    Lost(String),
}

impl From<Broken> for ApiError {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::TooSlow => Self::request_timeout(),
            Broken::TooLarge(limit) => Self::payload_too_large(limit),
            Broken::Lost(_) => RepositoryError::Interrupted.into(),
        }
    }
}

/// Takes the raw body of a request as content, chunk by chunk; its name and kind are the caller's to say.
///
/// # Errors
/// `unsupported_media_type`, `payload_too_large`, `request_timeout`, `content_interrupted`, `storage_full`; `too_many_requests` or `unavailable`
/// when too many are under way.
pub async fn stage(guarded: &Guarded, body: Payload) -> Result<NewContent, ApiError> {
    check_unpacked(guarded.headers())?;
    check_plain(guarded.headers())?;
    check_announced_length(guarded)?;
    let (body, watch) = watch(guarded, body)?;
    watch.explain(stage_stream(guarded, body).await)
}

/// Gives the raw body of a request to `taker`, chunk by chunk.
///
/// # Errors
/// As [`stage`].
pub(crate) async fn take_counted<T, F>(
    guarded: &Guarded,
    body: Payload,
    taker: impl FnOnce(Counted<'static>) -> F,
) -> Result<T, ApiError>
where
    F: Future<Output = Result<T, RepositoryError>>,
{
    check_unpacked(guarded.headers())?;
    check_plain(guarded.headers())?;
    check_announced_length(guarded)?;
    let limit = guarded.state()?.config().max_upload_bytes;
    let (body, watch) = watch(guarded, body)?;
    watch.explain(counted(body, limit, taker).await)
}

/// Refuses at once what is announced to be too large.
pub(crate) fn check_announced_length(guarded: &Guarded) -> Result<(), ApiError> {
    let limit = guarded.state()?.config().max_upload_bytes;
    match announced_length(guarded.headers()) {
        Some(length) if limit > 0 && length > limit => Err(ApiError::payload_too_large(limit)),
        _ => Ok(()),
    }
}

fn announced_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A body that is counted and timed. The body belongs to the reader; this says what came between.
pub(crate) struct Watch {
    broken: Rc<RefCell<Option<Broken>>>,
    _underway: Underway,
}

/// A watched body.
pub(crate) type Watched = LocalBoxStream<'static, Result<Bytes, PayloadError>>;

impl Watch {
    /// Returns what the reader of the body made of it, unless the body broke off.
    pub(crate) fn explain<T>(self, outcome: Result<T, ApiError>) -> Result<T, ApiError> {
        match self.broken.take() {
            Some(broken) => Err(broken.into()),
            None => outcome,
        }
    }
}

/// Counts a body among those under way and gives it up when it is too slow.
pub(crate) fn watch(guarded: &Guarded, body: Payload) -> Result<(Watched, Watch), ApiError> {
    let state = guarded.state()?;
    let underway = begin(guarded.request())?;
    let config = state.config();
    let pace = Pace::new(Duration::from_millis(config.body_timeout_ms), config.body_bytes_per_second);
    let broken = Rc::<RefCell<Option<Broken>>>::default();
    let noted = Rc::clone(&broken);
    let watched = stream::unfold(Some((body, pace)), move |rest| {
        let noted = Rc::clone(&noted);
        async move {
            let (mut body, mut pace) = rest?;
            let asked = Instant::now();
            match tokio::time::timeout(pace.patience(), body.next()).await {
                Ok(None) => None,
                Ok(Some(Ok(chunk))) => {
                    pace.came(chunk.len(), asked.elapsed());
                    Some((Ok(chunk), Some((body, pace))))
                }
                Ok(Some(Err(error))) => {
                    *noted.borrow_mut() = Some(Broken::Lost(error.to_string()));
                    Some((Err(error), None))
                }
                Err(_) => {
                    *noted.borrow_mut() = Some(Broken::TooSlow);
                    Some((Err(PayloadError::Incomplete(None)), None))
                }
            }
        }
    });
    // A form asks again after the end.
    Ok((watched.fuse().boxed_local(), Watch { broken, _underway: underway }))
}

/// Counts a body among those under way.
fn begin(request: &HttpRequest) -> Result<Underway, ApiError> {
    let state = state_of(request)?;
    let peer = state.trusted_proxies().peer(request.head(), request.app_config().secure());
    state.bodies().begin(peer.address).map_err(|full| match full {
        Full::Client(most) => ApiError::too_many_bodies(most),
        Full::Office => ApiError::busy(),
    })
}

/// Takes a stream as content; one that grows too long is broken off.
pub(crate) async fn stage_stream<S, E>(guarded: &Guarded, body: S) -> Result<NewContent, ApiError>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::fmt::Display,
{
    let limit = guarded.state()?.config().max_upload_bytes;
    let staged = counted(body, limit, |body| guarded.session().content_stage(body)).await?;
    Ok(NewContent { bytes: staged.into(), file_name: String::new(), file_name_raw: None, media_type: None })
}

/// A stream that is counted.
pub(crate) type Counted<'a> = LocalBoxStream<'a, Result<Bytes, Lost>>;

/// Why a counted stream ends early; what it means is told by [`counted`].
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct Lost(Broken);

/// Gives a stream to `taker`; one that grows longer than `limit` is broken off, 0 is no limit.
pub(crate) async fn counted<'a, S, E, T, F>(
    body: S,
    limit: u64,
    taker: impl FnOnce(Counted<'a>) -> F,
) -> Result<T, ApiError>
where
    S: Stream<Item = Result<Bytes, E>> + 'a,
    E: std::fmt::Display,
    F: Future<Output = Result<T, RepositoryError>>,
{
    let broken = Rc::<RefCell<Option<Broken>>>::default();
    let noted = Rc::clone(&broken);
    let mut taken = 0_u64;
    let body = body.map(move |chunk| {
        let chunk = chunk.map_err(|error| Broken::Lost(error.to_string()));
        taken = taken.saturating_add(chunk.as_ref().map_or(0, |chunk| chunk.len() as u64));
        let chunk = if limit > 0 && taken > limit { Err(Broken::TooLarge(limit)) } else { chunk };
        chunk.inspect_err(|why| *noted.borrow_mut() = Some(why.clone())).map_err(Lost)
    });
    let outcome = taker(body.boxed_local()).await;
    match broken.take() {
        Some(broken) => Err(broken.into()),
        None => Ok(outcome?),
    }
}
