//! `/objects/{id}/retention`: until when versions are kept, and what they wait for.

use actix_web::{get, post, put, web};
use cartulary_model::{ObjectId, Timestamp};
use cartulary_repository::{self as repository, KeptView, NewRetention, RetentionView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::{self, Answer};
use crate::body;
use crate::error::ApiError;
use crate::guarded::Guarded;

/// An event that a period begins with.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AwaitedEvent {
    /// The event's name.
    event: String,
    /// For how long it is kept from the event on: `P10Y`, `P1Y6M`, `P30D` (ISO 8601).
    period: String,
}

/// What is said of the retention of a document or version; at least one of both.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetentionForm {
    /// Until when it is kept; never earlier than before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    retain_until: Option<Timestamp>,
    /// An event that a period begins with; until it is said, it is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    awaits: Option<AwaitedEvent>,
}

/// That something happened.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetentionEventForm {
    /// The event's name, as the retention says it.
    event: String,
}

/// What keeps a version, or the versions of a document together, in short.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Kept {
    /// Since when it is a record, which goes by a disposition only.
    #[schema(value_type = String, format = DateTime)]
    record_since: Timestamp,
    /// Until when it is kept, of several versions the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    retain_until: Option<Timestamp>,
    /// Whether an event is waited for.
    awaits_event: bool,
    /// Whether it, or one of the versions, is under a legal hold.
    held: bool,
}

impl From<KeptView> for Kept {
    fn from(kept: KeptView) -> Self {
        Self {
            record_since: kept.record_since,
            retain_until: kept.until,
            awaits_event: kept.awaits_event,
            held: kept.is_held,
        }
    }
}

/// A legal hold, by its name.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HoldReference {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// Its name.
    name: String,
}

/// What keeps a version, or the versions of a document together.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Retention {
    /// Since when it is a record, which goes by a disposition only; absent when it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    record_since: Option<Timestamp>,
    /// Until when it is kept, of several versions the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    retain_until: Option<Timestamp>,
    /// What is waited for, of several versions the longest period of each event.
    awaits: Vec<AwaitedEvent>,
    /// Whether it, or one of the versions, is under a legal hold.
    held: bool,
    /// Under which, for those who have `ManageLegalHold`.
    holds: Vec<HoldReference>,
}

impl TryFrom<RetentionForm> for NewRetention {
    type Error = ApiError;

    fn try_from(form: RetentionForm) -> Result<Self, ApiError> {
        let awaits = match form.awaits {
            Some(AwaitedEvent { event, period }) => {
                let period = period.parse();
                let period = period.map_err(|error: cartulary_model::InvalidPeriod| {
                    ApiError::invalid("awaits.period", "invalid_period", error.to_string())
                })?;
                Some(repository::AwaitedEvent { event, period })
            }
            None => None,
        };
        Ok(Self { until: form.retain_until, awaits })
    }
}

impl From<repository::AwaitedEvent> for AwaitedEvent {
    fn from(awaited: repository::AwaitedEvent) -> Self {
        Self { event: awaited.event, period: awaited.period.to_string() }
    }
}

impl From<NewRetention> for RetentionForm {
    fn from(new: NewRetention) -> Self {
        Self { retain_until: new.until, awaits: new.awaits.map(AwaitedEvent::from) }
    }
}

impl From<RetentionView> for Retention {
    fn from(view: RetentionView) -> Self {
        let hold = |hold: repository::HoldName| HoldReference { id: hold.id, name: hold.name };
        Self {
            record_since: view.record_since,
            retain_until: view.until,
            awaits: view.awaits.into_iter().map(AwaitedEvent::from).collect(),
            held: view.is_held,
            holds: view.holds.into_iter().map(hold).collect(),
        }
    }
}

/// Returns what keeps a version, or the versions of a document.
#[utoipa::path(tag = "retention", params(("id" = String, Path, description = "the id of the document, or of a version")),
    responses((status = 200, description = "what keeps it", body = Retention)))]
#[get("/objects/{id}/retention")]
pub async fn get_object_retention(guarded: Guarded) -> Answer {
    let view = guarded.session().retention_get(guarded.id()?).await?;
    answer::object(&guarded, view.change_token, &Retention::from(view))
}

/// Keeps a version, or all versions of a document, until an instant or from an event on; they are records then.
///
/// Nobody shortens a retention. What is kept is not trashed and not destroyed, nor is its content. A document that was
/// changed since its last version gets one with that, so that what is kept is what is there.
#[utoipa::path(tag = "retention", request_body = RetentionForm,
    params(("id" = String, Path, description = "the id of the document, or of a version"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "what keeps it now", body = Retention),
        (status = 409, description = "`retention_shortened`")))]
#[put("/objects/{id}/retention")]
pub async fn update_object_retention(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    let form: RetentionForm = body::json(guarded.request(), body).await?;
    let changed = guarded.session().retention_put(id, precondition, form.try_into()?).await?;
    answer::changed(&changed.transaction, changed.value.change_token, &Retention::from(changed.value))
}

/// Says that an event happened that versions wait for: the period of each begins now.
#[utoipa::path(tag = "retention", request_body = RetentionEventForm,
    params(("id" = String, Path, description = "the id of the document, or of a version"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "what keeps it now", body = Retention),
        (status = 409, description = "`event_not_awaited`")))]
#[post("/objects/{id}/retention-events")]
pub async fn create_object_retention_event(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    let form: RetentionEventForm = body::json(guarded.request(), body).await?;
    let changed = guarded.session().retention_event_say(id, precondition, form.event).await?;
    answer::changed(&changed.transaction, changed.value.change_token, &Retention::from(changed.value))
}
