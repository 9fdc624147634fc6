//! `/subscriptions` and `/notifications`: what a person wants to be told of, and what he was told.

use std::time::Duration;

use actix_web::{delete, get, patch, post, put, web};
use cartulary_model::{ObjectId, Timestamp};
use cartulary_repository::{self as repository, NotificationView, SubscriptionTarget, SubscriptionView};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::error::ApiError;
use crate::following::Reader;
use crate::guarded::Guarded;
use crate::routes::object::Page;
use crate::routes::users::WindowQuery;
use crate::{body, paging};

/// The longest wait for news. *Units*: seconds.
const WAIT_MAX: u64 = 60;

/// What one is told of.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum SubscriptionKind {
    /// One object.
    Object,
    /// A folder, and what lies in it, however deep.
    Tree,
    /// What a saved search finds.
    SavedSearch,
    /// What is in a collection.
    Collection,
}

/// A subscription to make.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewSubscriptionForm {
    /// What the target is.
    kind: SubscriptionKind,
    /// The id of the object, folder, saved search or collection.
    #[schema(value_type = String, format = "uuid")]
    target: ObjectId,
    /// Whether the caller is told of his own changes too. `false` unless given.
    #[serde(default)]
    own_changes: bool,
}

/// Changes to a subscription.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubscriptionForm {
    /// Whether the caller is told of his own changes too.
    own_changes: bool,
}

/// A subscription.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// What the target is.
    kind: SubscriptionKind,
    /// The id of the object, folder, saved search or collection.
    #[schema(value_type = String, format = "uuid")]
    target: ObjectId,
    /// Whether the caller is told of his own changes too.
    own_changes: bool,
    /// When it was made: he is told of what happened since.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Another with every change; `If-Match` takes it in quotes.
    change_token: String,
}

impl From<SubscriptionView> for Subscription {
    fn from(view: SubscriptionView) -> Self {
        let (kind, target) = match view.target {
            SubscriptionTarget::Object(id) => (SubscriptionKind::Object, id),
            SubscriptionTarget::Tree(id) => (SubscriptionKind::Tree, id),
            SubscriptionTarget::SavedSearch(id) => (SubscriptionKind::SavedSearch, id),
            SubscriptionTarget::Collection(id) => (SubscriptionKind::Collection, id),
        };
        Self {
            id: view.id,
            kind,
            target,
            own_changes: view.own_changes,
            created_at: view.created_at,
            change_token: view.change_token.to_string(),
        }
    }
}

/// Something that the caller was told.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notification {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// The subscription that it is of, which may have ended.
    #[schema(value_type = String, format = "uuid")]
    subscription: ObjectId,
    /// What happened, as in `GET /changes`: `created`, `updated`, `moved`, `versioned`, `trashed`, `restored`, `destroyed`,
    /// `noted`; of what a saved search finds also `rendition`, that a text was read.
    kind: String,
    /// To which object.
    #[schema(value_type = String, format = "uuid")]
    object: ObjectId,
    /// What people read of it now; absent when it is no longer there, or is in the trash.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// The login name of who did it.
    by: String,
    /// What people read.
    by_name: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// When the caller read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    read_at: Option<Timestamp>,
}

impl From<NotificationView> for Notification {
    fn from(view: NotificationView) -> Self {
        Self {
            id: view.id,
            subscription: view.subscription,
            kind: view.kind,
            object: view.object,
            title: view.title,
            by: view.by.name,
            by_name: view.by.display_name,
            at: view.at,
            read_at: view.read_at,
        }
    }
}

/// What the caller was told.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Notifications {
    /// The window, the newest first.
    #[serde(flatten)]
    page: Page<Notification>,
    /// How many he has not read.
    unread: u64,
}

/// Which notifications are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NotificationQuery {
    /// Only those that were not read. `false` unless given.
    #[serde(default)]
    unread: bool,
    /// For how many seconds, 60 at most, is waited while nothing is unread; not at all unless given.
    wait: Option<u64>,
    /// How many rows are answered, 1 to 1,000; 50 unless given.
    limit: Option<u64>,
    /// How many rows are passed over.
    offset: Option<u64>,
    /// Continues a list, instead of an offset.
    cursor: Option<String>,
}

/// Whether something was read.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NotificationForm {
    /// Whether it was.
    read: bool,
}

/// How much was read.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotificationsRead {
    /// How many had not been.
    count: u64,
}

/// Lists the caller's subscriptions, oldest first.
#[utoipa::path(tag = "subscriptions", params(WindowQuery), responses((status = 200, description = "a window", body = Page<Subscription>)))]
#[get("/subscriptions")]
pub async fn list_subscriptions(guarded: Guarded) -> Answer {
    let query: WindowQuery = guarded.query()?;
    answer::ok(&Page::<Subscription>::of(guarded.session().subscription_list(query.window()?).await?))
}

/// Subscribes the caller to an object, a folder with all in it, what a saved search finds, or what is in a collection; if he is,
/// that is answered as it is.
///
/// He is told (`GET /notifications`) of changes that he may know of, not of his own unless he says so. What is kept: the newest
/// 1,000, for 90 days.
#[utoipa::path(tag = "subscriptions", request_body = NewSubscriptionForm,
    params(("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made")),
    responses((status = 201, description = "made", body = Subscription)))]
#[post("/subscriptions")]
pub async fn create_subscription(guarded: Guarded, body: web::Payload) -> Answer {
    let idempotency_key = guarded.idempotency_key()?;
    let form: NewSubscriptionForm = body::json(guarded.request(), body).await?;
    let target = match form.kind {
        SubscriptionKind::Object => SubscriptionTarget::Object(form.target),
        SubscriptionKind::Tree => SubscriptionTarget::Tree(form.target),
        SubscriptionKind::SavedSearch => SubscriptionTarget::SavedSearch(form.target),
        SubscriptionKind::Collection => SubscriptionTarget::Collection(form.target),
    };
    let new = repository::NewSubscription { target, own_changes: form.own_changes, idempotency_key };
    let made = guarded.session().subscription_create(new).await?;
    let (id, token) = (made.value.id, made.value.change_token);
    answer::created(&format!("/api/v1/subscriptions/{id}"), &made.transaction, token, &Subscription::from(made.value))
}

/// Returns a subscription of the caller's.
#[utoipa::path(tag = "subscriptions", params(("id" = String, Path, description = "the subscription's id")),
    responses((status = 200, description = "the subscription", body = Subscription)))]
#[get("/subscriptions/{id}")]
pub async fn get_subscription(guarded: Guarded) -> Answer {
    let view = guarded.session().subscription_get(guarded.id()?).await?;
    answer::object(&guarded, view.change_token, &Subscription::from(view))
}

/// Changes whether the caller is told of his own changes.
#[utoipa::path(tag = "subscriptions", request_body = SubscriptionForm,
    params(("id" = String, Path, description = "the subscription's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the subscription as it is now", body = Subscription)))]
#[patch("/subscriptions/{id}")]
pub async fn update_subscription(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    let SubscriptionForm { own_changes }: SubscriptionForm = body::json(guarded.request(), body).await?;
    let changed = guarded.session().subscription_update(id, precondition, own_changes).await?;
    answer::changed(&changed.transaction, changed.value.change_token, &Subscription::from(changed.value))
}

/// Ends a subscription; what the caller was told by it stays.
#[utoipa::path(tag = "subscriptions",
    params(("id" = String, Path, description = "the subscription's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 204, description = "ended")))]
#[delete("/subscriptions/{id}")]
pub async fn delete_subscription(guarded: Guarded) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    answer::done(&guarded.session().subscription_delete(id, precondition).await?.transaction)
}

/// Lists what the caller was told, the newest first: of what he may know of now.
#[utoipa::path(tag = "subscriptions", params(NotificationQuery), responses((status = 200, description = "a window", body = Notifications)))]
#[get("/notifications")]
pub async fn list_notifications(guarded: Guarded) -> Answer {
    let query: NotificationQuery = guarded.query()?;
    let window = paging::window(query.limit, query.offset, query.cursor.as_deref())?;
    let wait = query.wait.unwrap_or(0);
    if wait > WAIT_MAX {
        return Err(ApiError::invalid_query("wait", "is at most 60"));
    }
    if wait > 0 {
        // It counts among those who follow the log.
        let _reader = Reader::begin(&guarded, 0)?;
        let mut closing = guarded.state()?.closing();
        tokio::select! {
            _ = closing.wait_for(|closes| *closes) => {}
            waited = guarded.session().notification_wait(Duration::from_secs(wait)) => waited?,
        }
    }
    let inbox = guarded.session().notification_list(query.unread, window).await?;
    answer::ok(&Notifications { page: Page::of(inbox.window), unread: inbox.unread })
}

/// Says of something that the caller was told that he has read it, or has not.
#[utoipa::path(tag = "subscriptions", request_body = NotificationForm,
    params(("id" = String, Path, description = "the notification's id")),
    responses((status = 204, description = "noted")))]
#[put("/notifications/{id}")]
pub async fn update_notification(guarded: Guarded, body: web::Payload) -> Answer {
    let id = guarded.id()?;
    let NotificationForm { read }: NotificationForm = body::json(guarded.request(), body).await?;
    answer::done(&guarded.session().notification_put_read(id, read).await?.transaction)
}

/// Says of all that the caller was told that he has read it.
#[utoipa::path(tag = "subscriptions", responses((status = 200, description = "noted", body = NotificationsRead)))]
#[post("/notifications/read")]
pub async fn create_notifications_read(guarded: Guarded) -> Answer {
    let read = guarded.session().notification_put_all_read().await?;
    answer::ok(&NotificationsRead { count: read.value })
}
