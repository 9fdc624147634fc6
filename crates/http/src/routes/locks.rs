//! `/objects/{id}/lock`: an object that somebody has locked is changed by nobody else.

use actix_web::{delete, get, put, web};
use cartulary_model::Timestamp;
use cartulary_repository::{LockView, NewLock};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::{self, Answer};
use crate::body;
use crate::guarded::Guarded;
use crate::routes::object::Detail;

/// A lock to set.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewLockForm {
    /// When it ends by itself; never unless given.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Why.
    #[serde(default)]
    comment: String,
}

/// A lock.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Lock {
    /// Who has locked it, when the caller may know.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// Whether that is the caller.
    own: bool,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    locked_at: Timestamp,
    /// When it ends by itself; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Why.
    comment: String,
}

impl From<LockView> for Lock {
    fn from(lock: LockView) -> Self {
        Self {
            by: lock.by.map(|by| by.display_name),
            own: lock.is_own,
            locked_at: lock.locked_at,
            expires_at: lock.expires_at,
            comment: lock.comment,
        }
    }
}

/// Returns the lock of an object; 404 when it is not locked.
#[utoipa::path(tag = "objects", params(("id" = String, Path, description = "the object's id")),
    responses((status = 200, description = "the lock", body = Lock)))]
#[get("/objects/{id}/lock")]
pub async fn get_object_lock(guarded: Guarded) -> Answer {
    let (lock, token) = guarded.session().lock_get(guarded.id()?).await?;
    answer::object(&guarded, token, &Lock::from(lock))
}

/// Locks an object: until it is unlocked, nobody else changes, moves or removes it, nor its working copy.
///
/// Whoever has locked it already gives the lock another end. Others answer `locked` (423), and say by whom to those who may
/// read the object.
#[utoipa::path(tag = "objects", request_body = NewLockForm,
    params(("id" = String, Path, description = "the object's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the object as it is now", body = Detail),
        (status = 423, description = "`locked`: somebody else has it, `by` says who")))]
#[put("/objects/{id}/lock")]
pub async fn update_object_lock(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    let NewLockForm { expires_at, comment } = body::json(guarded.request(), body).await?;
    let changed = guarded.session().object_lock(id, precondition, NewLock { expires_at, comment }).await?;
    let token = changed.value.summary.change_token;
    answer::changed(&changed.transaction, token, &Detail::from(changed.value))
}

/// Unlocks an object; the lock of somebody else is broken by those who have `Unlock`.
#[utoipa::path(tag = "objects",
    params(("id" = String, Path, description = "the object's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the object as it is now", body = Detail)))]
#[delete("/objects/{id}/lock")]
pub async fn delete_object_lock(guarded: Guarded) -> Answer {
    let changed = guarded.session().object_unlock(guarded.id()?, guarded.precondition()?).await?;
    let token = changed.value.summary.change_token;
    answer::changed(&changed.transaction, token, &Detail::from(changed.value))
}
