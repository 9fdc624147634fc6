//! `/changes`: the change log, of what the caller may see, asked for or sent as it grows.

use std::time::{Duration, Instant};

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get};
use bytes::Bytes;
use cartulary_model::{ObjectId, Timestamp};
use cartulary_repository::ChangeEntry;
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::error::ApiError;
use crate::following::{Look, Reader};
use crate::guarded::Guarded;
use crate::{paging, waiting};

/// How long a request waits for changes at most. *Units*: seconds.
const WAIT_SECONDS_MAX: u64 = 30;
/// How often a stream without changes says that it is there.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How many positions a stream looks at at once.
const EVENTS_AT_ONCE: u64 = 200;
/// How long a stream lasts.
const STREAM_TIME: Duration = Duration::from_secs(3_600);

/// Which changes are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangeQuery {
    /// The position to go on from; 0 is the beginning.
    #[serde(default)]
    after: i64,
    /// How many positions are looked at, 1 to 1,000; 50 unless given.
    limit: Option<u64>,
    /// Waits until the log knows this transaction.
    wait_for: Option<String>,
    /// Where there is nothing after the position: for how long to wait for something, 0 to 30 seconds; not at all unless
    /// given.
    wait: Option<u64>,
    /// The log that the position is of, as it was answered; `log_replaced` (410) when the office was restored since.
    log: Option<String>,
}

/// From where changes are sent.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventQuery {
    /// The position to go on from, 0 is the beginning; the present unless given, or what `Last-Event-ID` says.
    after: Option<i64>,
    /// The log that the position is of.
    log: Option<String>,
}

/// A stretch of the log.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangePage {
    /// The changes, in order. There may be fewer than asked for, and more beyond.
    items: Vec<Change>,
    /// The position to go on from; the same as `after` at the end.
    next: i64,
    /// The log that positions are of: another one after a restore.
    log: String,
}

/// One committed change.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Its place in the log.
    position: i64,
    /// What happened: `created`, `updated`, `moved`, `versioned`, `imported`, `trashed`, `restored`, `destroyed`, `security`,
    /// `rendition`, `noted`. Administrators see what is of the audit trail only, too: `principal`, `declared`, `webhook`,
    /// `retention`, `sealed`, `recovered`, `signed_in`, `sign_in_refused`, `signed_out`, `read`, `exported`.
    kind: String,
    /// The object.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    object_id: Option<ObjectId>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// By whom.
    by: String,
}

impl From<ChangeEntry> for Change {
    fn from(entry: ChangeEntry) -> Self {
        Self {
            position: entry.position,
            kind: entry.kind,
            object_id: entry.object_id,
            at: entry.at,
            by: entry.by.display_name,
        }
    }
}

/// Lists changes after a position, of what the caller may see; waits for some where it is asked to.
#[utoipa::path(tag = "changes", params(ChangeQuery), responses(
    (status = 200, description = "a stretch", body = ChangePage), (status = 410, description = "`log_replaced`")))]
#[get("/changes")]
pub async fn list_changes(guarded: Guarded) -> Answer {
    let query: ChangeQuery = guarded.query()?;
    let window = paging::window(query.limit, None, None)?;
    let log = check_place(&guarded, query.after, query.log.as_deref()).await?;
    let wait = query.wait.unwrap_or_default();
    if wait > WAIT_SECONDS_MAX {
        return Err(ApiError::invalid_query("wait", "is between 0 and 30"));
    }
    waiting::sequenced(&guarded, query.wait_for.as_deref()).await?;
    let (entries, next) = if wait == 0 {
        guarded.session().change_list(query.after, window.limit).await?
    } else {
        let mut reader = Reader::begin(&guarded, query.after)?;
        match reader.look(window.limit, Duration::from_secs(wait)).await? {
            Look::Changes(entries) => (entries, reader.after),
            Look::Closing => (Vec::new(), reader.after),
        }
    };
    answer::ok(&ChangePage { items: entries.into_iter().map(Change::from).collect(), next, log })
}

/// Sends changes as they come, of what the caller may see (server-sent events).
///
/// Each event is called `change`, has a change as its data, and `{log}:{position}` as its id, from which a client goes on by
/// itself (`Last-Event-ID`). An event `position` says now and then up to where the log was looked at. The stream ends when the
/// sign-in ends, the office closes, or after an hour; then come again.
#[utoipa::path(tag = "changes", params(EventQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "the id of the last event that arrived")),
    responses((status = 200, description = "the events", body = String, content_type = "text/event-stream"),
        (status = 410, description = "`log_replaced`")))]
#[get("/changes/events")]
pub async fn list_change_events(guarded: Guarded) -> Answer {
    let query: EventQuery = guarded.query()?;
    let (after, log) = match (last_event(&guarded)?, query.after) {
        (Some((log, position)), _) => (Some(position), Some(log)),
        (None, after) => (after, query.log),
    };
    let log = check_place(&guarded, after.unwrap_or_default(), log.as_deref()).await?;
    let after = match after {
        Some(after) => after,
        None => guarded.session().repository().last_position().await?,
    };
    let reader = Reader::begin(&guarded, after)?;
    let ends = Instant::now() + STREAM_TIME;
    let events = futures::stream::unfold(Some(reader), move |reader| {
        let log = log.clone();
        async move {
            let mut reader = reader.filter(|_| Instant::now() < ends)?;
            let bytes = match reader.look(EVENTS_AT_ONCE, HEARTBEAT).await {
                Ok(Look::Changes(entries)) => events(&log, entries, reader.after),
                // What failed is said by the answer to the next request.
                Ok(Look::Closing) | Err(_) => return None,
            };
            Some((Ok::<_, std::convert::Infallible>(Bytes::from(bytes)), Some(reader)))
        }
    });
    // The first bytes go out at once, so that a client knows that it is connected.
    let hello = futures::stream::once(std::future::ready(Ok(Bytes::from_static(b"retry: 2000\n\n"))));
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        // Proxies that gather answers would hold events back.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(hello.chain(events)))
}

/// Writes events, and up to where the log was looked at.
fn events(log: &str, entries: Vec<ChangeEntry>, reached: i64) -> String {
    let mut text = String::new();
    let mut last = 0;
    for entry in entries {
        last = entry.position;
        let data = serde_json::to_string(&Change::from(entry)).unwrap_or_default();
        text.push_str(&format!("id: {log}:{last}\nevent: change\ndata: {data}\n\n"));
    }
    if last != reached {
        text.push_str(&format!("id: {log}:{reached}\nevent: position\ndata: {{\"position\":{reached}}}\n\n"));
    }
    text
}

/// Refuses a position that is none, or of another log; returns the present one.
async fn check_place(guarded: &Guarded, after: i64, log: Option<&str>) -> Result<String, ApiError> {
    if after < 0 {
        return Err(ApiError::invalid_query("after", "is a position of the log"));
    }
    let repository = guarded.session().repository();
    let present = repository.log_identity();
    let is_other = log.is_some_and(|log| log != present);
    // A log only grows: what lies beyond its end was answered by one that was longer.
    if is_other || (after > 0 && after > repository.last_position().await?) {
        return Err(ApiError::log_replaced(present));
    }
    Ok(present.to_owned())
}

/// Returns what a client says that it saw last.
fn last_event(guarded: &Guarded) -> Result<Option<(String, i64)>, ApiError> {
    let Some(value) = guarded.headers().get("last-event-id") else { return Ok(None) };
    let place = value.to_str().ok().and_then(|text| text.split_once(':'));
    let place = place.and_then(|(log, position)| Some((log.to_owned(), position.parse().ok()?)));
    place.map(Some).ok_or_else(|| ApiError::invalid_header("Last-Event-ID", "is the id of an event of this office"))
}
