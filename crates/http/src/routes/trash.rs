//! `/trash`: what was deleted: listed, restored, destroyed.

use actix_web::{delete, get, post, web};
use cartulary_model::{ObjectId, Timestamp};
use cartulary_repository::{self as repository, Restoring};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::guarded::Guarded;
use crate::routes::jobs::{self, Job};
use crate::routes::object::{Detail, Page, Place, Summary};
use crate::{body, paging, waiting};

/// Which window of the trash is asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TrashQuery {
    /// How many rows are answered, 1 to 1,000; 50 unless given.
    limit: Option<u64>,
    /// How many rows are passed over.
    offset: Option<u64>,
    /// Continues a list, instead of an offset.
    cursor: Option<String>,
    /// Waits until the list knows this transaction.
    wait_for: Option<String>,
}

/// Something in the trash.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trashed {
    /// What it is.
    #[serde(flatten)]
    pub summary: Summary,
    /// Changes with the object; `If-Match` takes it in quotes.
    pub change_token: String,
    /// When it was put there.
    #[schema(value_type = String, format = DateTime)]
    pub trashed_at: Timestamp,
    /// By whom.
    pub trashed_by: String,
    /// The folder that it lay in, as far as the caller sees it and it is not in the trash itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<Place>,
}

/// How something comes back.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Restoration {
    /// The id of the folder that it goes to, instead of where it was.
    #[schema(value_type = Option<String>, format = "uuid")]
    folder: Option<ObjectId>,
    /// Its name from then on, when it is another.
    name: Option<String>,
}

impl From<repository::TrashedObject> for Trashed {
    fn from(trashed: repository::TrashedObject) -> Self {
        Self {
            change_token: trashed.summary.change_token.to_string(),
            summary: trashed.summary.into(),
            trashed_at: trashed.trashed_at,
            trashed_by: trashed.trashed_by.display_name,
            parent: trashed.parent.map(Place::from),
        }
    }
}

/// Lists what is in the trash and the caller may take out, the latest first. What went along with a folder is not listed
/// by itself.
#[utoipa::path(tag = "trash", params(TrashQuery), responses((status = 200, description = "a window", body = Page<Trashed>)))]
#[get("/trash")]
pub async fn list_trash(guarded: Guarded) -> Answer {
    let query: TrashQuery = guarded.query()?;
    let window = paging::list(query.limit, query.offset, query.cursor.as_deref())?;
    waiting::sequenced(&guarded, query.wait_for.as_deref()).await?;
    answer::ok(&Page::<Trashed>::of(guarded.session().trash_list(window).await?))
}

/// Returns something in the trash.
#[utoipa::path(tag = "trash", params(("id" = String, Path, description = "the object's id")),
    responses((status = 200, description = "it", body = Trashed)))]
#[get("/trash/{id}")]
pub async fn get_trashed(guarded: Guarded) -> Answer {
    let found = guarded.session().trash_get(guarded.id()?).await?;
    answer::object(&guarded, found.summary.change_token, &Trashed::from(found))
}

/// Takes something out of the trash, with all that went there with it.
#[utoipa::path(tag = "trash", request_body = Restoration, params(("id" = String, Path, description = "the object's id")),
    responses((status = 200, description = "the object as it is now", body = Detail),
        (status = 409, description = "`name_taken` with `parameters.proposedName`; `target_required` when no folder is left \
            that it lay in")))]
#[post("/trash/{id}/restore")]
pub async fn restore_trashed(guarded: Guarded, body: web::Payload) -> Answer {
    let id = guarded.id()?;
    let Restoration { folder, name }: Restoration = body::json(guarded.request(), body).await?;
    let restored = guarded.session().object_restore_to(id, Restoring { folder, name }).await?;
    answer::changed(&restored.transaction, restored.value.summary.change_token, &Detail::from(restored.value))
}

/// Destroys something in the trash, with all that went there with it, for good.
#[utoipa::path(tag = "trash",
    params(("id" = String, Path, description = "the object's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 204, description = "destroyed")))]
#[delete("/trash/{id}")]
pub async fn delete_trashed(guarded: Guarded) -> Answer {
    let done = guarded.session().trash_destroy(guarded.id()?, guarded.precondition()?).await?;
    answer::done(&done.transaction)
}

/// Empties the trash: a job destroys all of it that the caller may destroy, and reports what stays, and why. What is deleted
/// after this request stays.
#[utoipa::path(tag = "trash", responses((status = 202, description = "a job does it: follow it at `Location`", body = Job)))]
#[delete("/trash")]
pub async fn delete_trash(guarded: Guarded) -> Answer {
    jobs::accepted(guarded.session().trash_empty().await?)
}
