//! `/legal-holds`: named reasons for which versions stay until they are released.

use actix_web::http::StatusCode;
use actix_web::http::header::LOCATION;
use actix_web::{delete, get, post, put, web};
use cartulary_model::{ObjectId, Timestamp};
use cartulary_repository::{self as repository, NewLegalHold};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::{self, Answer};
use crate::body;
use crate::guarded::Guarded;
use crate::routes::object::{Page, Summary};
use crate::routes::users::WindowQuery;

/// A legal hold to make.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewLegalHoldForm {
    /// Its name.
    name: String,
    /// Why.
    reason: String,
}

/// Why a hold is released.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HoldReleaseForm {
    /// Why.
    reason: String,
}

/// A legal hold.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LegalHold {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// Its name.
    name: String,
    /// Why.
    reason: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// By whom.
    created_by: String,
    /// When it was released as a whole; absent while it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    released_at: Option<Timestamp>,
    /// By whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    released_by: Option<String>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    release_reason: Option<String>,
}

impl From<repository::LegalHold> for LegalHold {
    fn from(hold: repository::LegalHold) -> Self {
        let released = hold.released;
        Self {
            id: hold.id,
            name: hold.name,
            reason: hold.reason,
            created_at: hold.created_at,
            created_by: hold.created_by.display_name,
            released_at: released.as_ref().map(|released| released.at),
            released_by: released.as_ref().map(|released| released.by.display_name.clone()),
            release_reason: released.map(|released| released.reason),
        }
    }
}

/// Makes a legal hold; nothing is under it yet. For those who have `ManageLegalHold` somewhere.
#[utoipa::path(tag = "retention", request_body = NewLegalHoldForm,
    params(("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made")),
    responses((status = 201, description = "the hold", body = LegalHold)))]
#[post("/legal-holds")]
pub async fn create_legal_hold(guarded: Guarded, body: web::Payload) -> Answer {
    let idempotency_key = guarded.idempotency_key()?;
    let NewLegalHoldForm { name, reason } = body::json(guarded.request(), body).await?;
    let made = guarded.session().legal_hold_create(NewLegalHold { name, reason, idempotency_key }).await?;
    let location = format!("/api/v1/legal-holds/{}", made.value.id);
    answer::json(StatusCode::CREATED, &LegalHold::from(made.value), |response| {
        response.insert_header((LOCATION, location));
        response.insert_header((answer::CARTULARY_TRANSACTION, made.transaction));
    })
}

/// Lists the legal holds, the newest first, released ones too.
#[utoipa::path(tag = "retention", params(WindowQuery), responses((status = 200, description = "a window", body = Page<LegalHold>)))]
#[get("/legal-holds")]
pub async fn list_legal_holds(guarded: Guarded) -> Answer {
    let query: WindowQuery = guarded.query()?;
    answer::ok(&Page::<LegalHold>::of(guarded.session().legal_hold_list(query.window()?).await?))
}

/// Returns a legal hold.
#[utoipa::path(tag = "retention", params(("id" = String, Path, description = "the hold's id")),
    responses((status = 200, description = "the hold", body = LegalHold)))]
#[get("/legal-holds/{id}")]
pub async fn get_legal_hold(guarded: Guarded) -> Answer {
    answer::ok(&LegalHold::from(guarded.session().legal_hold_get(guarded.id()?).await?))
}

/// Lists the versions under a legal hold, of which the caller manages the holds.
#[utoipa::path(tag = "retention", params(WindowQuery, ("id" = String, Path, description = "the hold's id")),
    responses((status = 200, description = "a window", body = Page<Summary>)))]
#[get("/legal-holds/{id}/objects")]
pub async fn list_held_objects(guarded: Guarded) -> Answer {
    let query: WindowQuery = guarded.query()?;
    let held = guarded.session().held_list(guarded.id()?, query.window()?).await?;
    answer::ok(&Page::<Summary>::of(held))
}

/// Puts a version, or all versions of a document, under a legal hold; those in the trash too.
///
/// A document that was changed since its last version gets one with that. Versions that are made later are not under it.
#[utoipa::path(tag = "retention",
    params(("id" = String, Path, description = "the hold's id"),
        ("object" = String, Path, description = "the id of the document, or of a version")),
    responses((status = 204, description = "it is under the hold")))]
#[put("/legal-holds/{id}/objects/{object}")]
pub async fn update_held_object(guarded: Guarded) -> Answer {
    let done = guarded.session().hold_put(guarded.id()?, guarded.segment("object")?).await?;
    answer::done(&done.transaction)
}

/// Releases a version, or all versions of a document, from a legal hold; other holds stay.
#[utoipa::path(tag = "retention",
    params(("id" = String, Path, description = "the hold's id"),
        ("object" = String, Path, description = "the id of the document, or of a version")),
    responses((status = 204, description = "it is not under this hold")))]
#[delete("/legal-holds/{id}/objects/{object}")]
pub async fn delete_held_object(guarded: Guarded) -> Answer {
    let done = guarded.session().hold_release(guarded.id()?, guarded.segment("object")?).await?;
    answer::done(&done.transaction)
}

/// Releases all that is under a legal hold; nothing comes under it any more.
#[utoipa::path(tag = "retention", request_body = HoldReleaseForm, params(("id" = String, Path, description = "the hold's id")),
    responses((status = 200, description = "the hold", body = LegalHold),
        (status = 409, description = "`hold_released`; `use_bulk_action` for more than 10,000 versions")))]
#[post("/legal-holds/{id}/release")]
pub async fn update_legal_hold_release(guarded: Guarded, body: web::Payload) -> Answer {
    let id = guarded.id()?;
    let HoldReleaseForm { reason } = body::json(guarded.request(), body).await?;
    let released = guarded.session().legal_hold_release(id, reason).await?;
    answer::json(StatusCode::OK, &LegalHold::from(released.value), |response| {
        response.insert_header((answer::CARTULARY_TRANSACTION, released.transaction));
    })
}
