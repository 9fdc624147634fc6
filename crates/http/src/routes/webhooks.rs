//! `/webhooks`: changes that the office sends, signed, to an address of the caller's.

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::{delete, get, patch, post, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cartulary_model::{ObjectId, Timestamp};
use cartulary_repository::{self as repository, DeliveryState, DeliveryView, WebhookSecret, WebhookState, WebhookView};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::error::ApiError;
use crate::guarded::Guarded;
use crate::routes::object::Page;
use crate::routes::users::WindowQuery;
use crate::{body, paging};

/// Which changes a webhook tells; what is absent or empty leaves nothing out.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookFilter {
    /// The kinds of change: `created`, `updated`, `moved`, `versioned`, `trashed`, `restored`, `destroyed`, `security`,
    /// `rendition`, `noted` (a tag, comment or annotation came, changed or went).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    kinds: Vec<String>,
    /// The types of the objects, with those that inherit from them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    types: Vec<String>,
    /// The folder in which the objects lie, however deep, or which they left.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    folder: Option<ObjectId>,
}

/// A webhook.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Webhook {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// The login name of the user with whose rights it looks.
    owner: String,
    /// What people call it.
    name: String,
    /// Where it sends.
    url: String,
    /// What it tells.
    filter: WebhookFilter,
    /// `active`; `failing`: what was sent last did not arrive and is tried again; `paused`.
    state: &'static str,
    /// Why it is paused or failing: a stable code, such as `gone`, `owner_locked`, `not_permitted`, `address_refused`,
    /// `too_many_dead`, `answered_error`, `unreachable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// The log that the position is of.
    log: String,
    /// What became of all changes up to here is known.
    position: i64,
    /// How many deliveries were given up.
    dead_count: u64,
    /// When a failing one is tried next, at the earliest.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    next_at: Option<Timestamp>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Another with every change by people.
    change_token: String,
}

/// A webhook with its secret.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretWebhook {
    /// The webhook.
    #[serde(flatten)]
    webhook: Webhook,
    /// What signs it, told this once: `whsec_` and base64. Absent when a repeated request finds the webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// A webhook to make.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewWebhookForm {
    /// What people call it.
    name: String,
    /// Where it sends: `https://…`, at an address of the open network unless the configuration allows others.
    url: String,
    /// What it tells; everything unless given.
    filter: Option<WebhookFilter>,
    /// The position of the log after which it begins, 0 for the beginning; the present end unless given.
    after: Option<i64>,
    /// Whether it waits until `paused` is set to false.
    #[serde(default)]
    paused: bool,
}

/// Changes to a webhook; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WebhookForm {
    /// What people call it.
    name: Option<String>,
    /// Where it sends.
    url: Option<String>,
    /// What it tells, as a whole.
    filter: Option<WebhookFilter>,
    /// Whether it waits. One that goes on begins where it stopped.
    paused: Option<bool>,
}

/// How a try ended.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ping {
    /// The id under which it was sent.
    delivery: String,
    /// Whether it arrived.
    delivered: bool,
    /// Why not: a stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Which deliveries are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeliveryQuery {
    /// `dead`, `pending` or `delivered`; `dead` unless given. Of those that arrived the newest hundred are kept.
    state: Option<String>,
    /// How many rows are answered, 1 to 1,000; 50 unless given.
    limit: Option<u64>,
    /// How many rows are passed over.
    offset: Option<u64>,
    /// Continues a list, instead of an offset.
    cursor: Option<String>,
}

/// A delivery: a stretch of the log.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Its id: what the receiver finds in `webhook-id`.
    id: String,
    /// `changes` or `log_replaced`.
    kind: String,
    /// The position after which its changes stand.
    after: i64,
    /// The position up to which they stand.
    next: i64,
    /// `dead`, `pending` or `delivered`.
    state: &'static str,
    /// How often it was tried.
    attempts: u64,
    /// Why it did not arrive at the last try: a stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// When it was gathered.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it arrived or was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
}

/// How many deliveries are sent again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Replayed {
    /// Their number.
    count: u64,
}

impl From<WebhookFilter> for repository::WebhookFilter {
    fn from(filter: WebhookFilter) -> Self {
        Self { kinds: filter.kinds, types: filter.types, folder: filter.folder }
    }
}

impl From<WebhookView> for Webhook {
    fn from(view: WebhookView) -> Self {
        let state = match view.state {
            WebhookState::Active => "active",
            WebhookState::Failing => "failing",
            WebhookState::Paused => "paused",
        };
        let repository::WebhookFilter { kinds, types, folder } = view.filter;
        Self {
            id: view.id,
            owner: view.owner.name,
            name: view.name,
            url: view.url,
            filter: WebhookFilter { kinds, types, folder },
            state,
            code: view.code,
            detail: view.detail,
            log: view.log,
            position: view.position,
            dead_count: view.dead_count,
            next_at: view.next_at,
            created_at: view.created_at,
            change_token: view.change_token.to_string(),
        }
    }
}

impl From<DeliveryView> for Delivery {
    fn from(view: DeliveryView) -> Self {
        let state = match view.state {
            DeliveryState::Pending => "pending",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Dead => "dead",
        };
        Self {
            id: view.id,
            kind: view.kind,
            after: view.after,
            next: view.next,
            state,
            attempts: view.attempts,
            code: view.code,
            detail: view.detail,
            created_at: view.created_at,
            finished_at: view.finished_at,
        }
    }
}

/// Writes a secret as Standard Webhooks does.
fn written(secret: &WebhookSecret) -> Result<String, ApiError> {
    Ok(format!("whsec_{}", STANDARD.encode(secret.bytes()?)))
}

/// Lists webhooks, oldest first: one's own, for administrators all.
#[utoipa::path(tag = "webhooks", params(WindowQuery), responses((status = 200, description = "a window", body = Page<Webhook>)))]
#[get("/webhooks")]
pub async fn list_webhooks(guarded: Guarded) -> Answer {
    let query: WindowQuery = guarded.query()?;
    answer::ok(&Page::<Webhook>::of(guarded.session().webhook_list(query.window()?).await?))
}

/// Makes a webhook, with the permission `HaveWebhooks` on the root folder. The secret is answered only now.
///
/// Changes of what its owner may see at that moment are sent by `POST`, in order, each at least once, signed as Standard
/// Webhooks says (`webhook-id`, `webhook-timestamp`, `webhook-signature`): `{"type": "changes", "timestamp", "data": {"webhook",
/// "log", "after", "next", "items": […]}}`, the items as in `GET /changes`. After a restore of the office `log_replaced` comes
/// first, with `previousLog` and `after`: what was told of later positions of that log may never have happened. Any 2xx says
/// that it arrived, 410 that no more is wanted; else it is tried again under the same `webhook-id` with growing pauses for a
/// day, and then kept as `dead`.
#[utoipa::path(tag = "webhooks", request_body = NewWebhookForm,
    params(("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made, without the secret")),
    responses((status = 201, description = "made", body = SecretWebhook)))]
#[post("/webhooks")]
pub async fn create_webhook(guarded: Guarded, body: web::Payload) -> Answer {
    let idempotency_key = guarded.idempotency_key()?;
    let form: NewWebhookForm = body::json(guarded.request(), body).await?;
    let new = repository::NewWebhook {
        name: form.name,
        url: form.url,
        filter: form.filter.map(Into::into).unwrap_or_default(),
        after: form.after,
        paused: form.paused,
        idempotency_key,
    };
    let made = guarded.session().webhook_create(new).await?;
    let (view, secret) = made.value;
    let (id, token) = (view.id, view.change_token);
    let secret = secret.as_ref().map(written).transpose()?;
    let body = SecretWebhook { webhook: view.into(), secret };
    let mut response = answer::created(&format!("/api/v1/webhooks/{id}"), &made.transaction, token, &body)?;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Returns a webhook, and how it stands with it.
#[utoipa::path(tag = "webhooks", params(("id" = String, Path, description = "the webhook's id")),
    responses((status = 200, description = "the webhook", body = Webhook)))]
#[get("/webhooks/{id}")]
pub async fn get_webhook(guarded: Guarded) -> Answer {
    let id: String = guarded.segment("id")?;
    let view = guarded.session().webhook_get(&id).await?;
    answer::object(&guarded, view.change_token, &Webhook::from(view))
}

/// Changes a webhook: where it sends, what it tells, whether it waits.
#[utoipa::path(tag = "webhooks", request_body = WebhookForm,
    params(("id" = String, Path, description = "the webhook's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the webhook as it is now", body = Webhook)))]
#[patch("/webhooks/{id}")]
pub async fn update_webhook(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, precondition): (String, _) = (guarded.segment("id")?, guarded.precondition()?);
    let form: WebhookForm = body::json(guarded.request(), body).await?;
    let changes = repository::WebhookChanges {
        name: form.name,
        url: form.url,
        filter: form.filter.map(Into::into),
        paused: form.paused,
    };
    let changed = guarded.session().webhook_update(&id, precondition, changes).await?;
    answer::changed(&changed.transaction, changed.value.change_token, &Webhook::from(changed.value))
}

/// Deletes a webhook, with what is known of its deliveries.
#[utoipa::path(tag = "webhooks",
    params(("id" = String, Path, description = "the webhook's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 204, description = "deleted")))]
#[delete("/webhooks/{id}")]
pub async fn delete_webhook(guarded: Guarded) -> Answer {
    let (id, precondition): (String, _) = (guarded.segment("id")?, guarded.precondition()?);
    answer::done(&guarded.session().webhook_delete(&id, precondition).await?.transaction)
}

/// Gives a webhook another secret, and answers it this once. What is sent from now on is signed by it.
#[utoipa::path(tag = "webhooks",
    params(("id" = String, Path, description = "the webhook's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the webhook, with its secret", body = SecretWebhook)))]
#[post("/webhooks/{id}/secret")]
pub async fn create_webhook_secret(guarded: Guarded) -> Answer {
    let (id, precondition): (String, _) = (guarded.segment("id")?, guarded.precondition()?);
    let changed = guarded.session().webhook_renew_secret(&id, precondition).await?;
    let (view, secret) = changed.value;
    let token = view.change_token;
    let body = SecretWebhook { webhook: view.into(), secret: Some(written(&secret)?) };
    let mut response = answer::changed(&changed.transaction, token, &body)?;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Sends an event `ping` once, now, also from a webhook that is paused, and says whether it arrived.
#[utoipa::path(tag = "webhooks", params(("id" = String, Path, description = "the webhook's id")),
    responses((status = 200, description = "how it ended", body = Ping)))]
#[post("/webhooks/{id}/ping")]
pub async fn create_webhook_ping(guarded: Guarded) -> Answer {
    let id: String = guarded.segment("id")?;
    let ended = guarded.session().webhook_ping(&id).await?;
    let delivered = ended.code.is_none();
    answer::ok(&Ping { delivery: ended.delivery, delivered, code: ended.code, detail: ended.detail })
}

/// Lists the deliveries of a webhook of one state, oldest first; those that were given up unless another is asked for.
#[utoipa::path(tag = "webhooks", params(DeliveryQuery, ("id" = String, Path, description = "the webhook's id")),
    responses((status = 200, description = "a window", body = Page<Delivery>)))]
#[get("/webhooks/{id}/deliveries")]
pub async fn list_webhook_deliveries(guarded: Guarded) -> Answer {
    let (id, query): (String, DeliveryQuery) = (guarded.segment("id")?, guarded.query()?);
    let state = match query.state.as_deref() {
        None | Some("dead") => DeliveryState::Dead,
        Some("pending") => DeliveryState::Pending,
        Some("delivered") => DeliveryState::Delivered,
        Some(_) => return Err(ApiError::invalid_query("state", "is dead, pending or delivered")),
    };
    let window = paging::window(query.limit, query.offset, query.cursor.as_deref())?;
    answer::ok(&Page::<Delivery>::of(guarded.session().webhook_deliveries(&id, state, window).await?))
}

/// Has all deliveries that were given up sent again, in their order, under their ids, before what comes after them.
#[utoipa::path(tag = "webhooks", params(("id" = String, Path, description = "the webhook's id")),
    responses((status = 202, description = "they are sent again", body = Replayed)))]
#[post("/webhooks/{id}/deliveries/replay")]
pub async fn create_webhook_replays(guarded: Guarded) -> Answer {
    let id: String = guarded.segment("id")?;
    let replayed = guarded.session().webhook_replay_dead(&id).await?;
    answer::json(StatusCode::ACCEPTED, &Replayed { count: replayed.value }, |response| {
        response.insert_header((answer::CARTULARY_TRANSACTION, replayed.transaction));
    })
}

/// Has one delivery sent again under its id; one that waits for its next try is tried at once.
#[utoipa::path(tag = "webhooks",
    params(("id" = String, Path, description = "the webhook's id"),
        ("delivery" = String, Path, description = "the delivery's id")),
    responses((status = 202, description = "it is sent again", body = Delivery)))]
#[post("/webhooks/{id}/deliveries/{delivery}/replay")]
pub async fn create_webhook_replay(guarded: Guarded) -> Answer {
    let (id, delivery): (String, String) = (guarded.segment("id")?, guarded.segment("delivery")?);
    let replayed = guarded.session().webhook_replay(&id, &delivery).await?;
    answer::json(StatusCode::ACCEPTED, &Delivery::from(replayed.value), |response| {
        response.insert_header((answer::CARTULARY_TRANSACTION, replayed.transaction));
    })
}
