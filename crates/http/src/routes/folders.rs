//! `/folders`: any folder, whether a dossier or one in it; `root` is the one that all others lie in.

use actix_web::{delete, get, patch, post, web};
use cartulary_model::{BaseType, ObjectId};
use cartulary_repository::Extent;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::answer::{self, Answer};
use crate::body;
use crate::error::ApiError;
use crate::guarded::Guarded;
use crate::routes::documents::{self, NewDocumentForm};
use crate::routes::dossiers::{self, Changes, ContentsQuery, NewDossier, RemovalQuery};
use crate::routes::jobs::{self, Job};
use crate::routes::object::{Detail, Page, Summary};

/// The id that stands for the root folder.
const ROOT: &str = "root";

/// Returns the folder that the path names.
pub(crate) async fn folder(guarded: &Guarded) -> Result<ObjectId, ApiError> {
    if guarded.request().match_info().query("id") == ROOT {
        return Ok(guarded.session().root_folder().await?);
    }
    guarded.id()
}

/// Returns a folder.
#[utoipa::path(tag = "folders", params(("id" = String, Path, description = "the folder's id, or `root`")),
    responses((status = 200, description = "the folder", body = Detail)))]
#[get("/folders/{id}")]
pub async fn get_folder(guarded: Guarded) -> Answer {
    let detail = guarded.session().object_get(folder(&guarded).await?).await?;
    if detail.summary.base != BaseType::Folder {
        return Err(ApiError::not_found("the folder"));
    }
    answer::object(&guarded, detail.summary.change_token, &Detail::from(detail))
}

/// Changes name, title or properties of a folder.
#[utoipa::path(tag = "folders", request_body = Changes,
    params(("id" = String, Path, description = "the folder's id, or `root`"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the folder as it is now", body = Detail)))]
#[patch("/folders/{id}")]
pub async fn update_folder(guarded: Guarded, body: web::Payload) -> Answer {
    let id = folder(&guarded).await?;
    dossiers::update(guarded, id, body, BaseType::Folder).await
}

/// Puts a folder in the trash, with all that lies in it; or destroys it.
#[utoipa::path(tag = "folders",
    params(RemovalQuery, ("id" = String, Path, description = "the folder's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 204, description = "in the trash, or destroyed")))]
#[delete("/folders/{id}")]
pub async fn delete_folder(guarded: Guarded) -> Answer {
    let id = folder(&guarded).await?;
    dossiers::remove(guarded, id, BaseType::Folder).await
}

/// Lists what lies in a folder, in the order of receipt unless another is asked for.
#[utoipa::path(tag = "folders", params(ContentsQuery, ("id" = String, Path, description = "the folder's id, or `root`")),
    responses((status = 200, description = "a window", body = Page<Summary>)))]
#[get("/folders/{id}/contents")]
pub async fn list_folder_contents(guarded: Guarded) -> Answer {
    let id = folder(&guarded).await?;
    dossiers::contents(&guarded, id).await
}

/// Makes a folder in a folder; of the type `folder` unless another is given.
#[utoipa::path(tag = "folders", request_body = NewDossier,
    params(("id" = String, Path, description = "the id of the folder that it will lie in, or `root`"),
        ("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made")),
    responses((status = 201, description = "made", body = Detail)))]
#[post("/folders/{id}/folders")]
pub async fn create_folder(guarded: Guarded, body: web::Payload) -> Answer {
    let parent = folder(&guarded).await?;
    let new = dossiers::new_folder(&guarded, body).await?;
    let made = guarded.session().folder_create(parent, new).await?;
    let (token, id) = (made.value.summary.change_token, made.value.summary.id);
    answer::created(&format!("/api/v1/folders/{id}"), &made.transaction, token, &Detail::from(made.value))
}

/// Files a new document in a folder.
#[utoipa::path(tag = "folders",
    params(("id" = String, Path, description = "the folder's id, or `root`"),
        ("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made")),
    request_body(content = NewDocumentForm, content_type = "multipart/form-data"),
    responses((status = 201, description = "filed", body = Detail)))]
#[post("/folders/{id}/documents")]
pub async fn create_folder_document(guarded: Guarded, body: web::Payload) -> Answer {
    let folder = folder(&guarded).await?;
    documents::create_in(&guarded, folder, body).await
}

/// How a tree is deleted.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deletion {
    /// Whether everything is destroyed, for good; otherwise it goes to the trash.
    #[serde(default)]
    permanent: bool,
}

/// Deletes a folder with all in it that the caller may remove, however much it is; a job does it and reports what stays, and
/// why.
#[utoipa::path(tag = "folders", request_body = Deletion,
    params(("id" = String, Path, description = "the folder's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 202, description = "a job does it: follow it at `Location`; its `progress` has `deletedCount`, \
        `failedCount` and `faults`", body = Job)))]
#[post("/folders/{id}/deletions")]
pub async fn create_folder_deletion(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, precondition) = (folder(&guarded).await?, guarded.precondition()?);
    let Deletion { permanent }: Deletion = body::json(guarded.request(), body).await?;
    let extent = if permanent { Extent::Destroy } else { Extent::Trash };
    jobs::accepted(guarded.session().tree_delete(id, precondition, extent).await?)
}
