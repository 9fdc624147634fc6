//! `/objects`: where any object lies, whatever its type: filed, moved, copied, put in order, found by its path.

use actix_web::{delete, get, post, put, web};
use cartulary_model::ObjectId;
use cartulary_repository::{
    self as repository, LastFolder, NewCopy, ObjectDetail, ObjectMove, Position, Source, Written,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::error::ApiError;
use crate::guarded::Guarded;
use crate::routes::object::{Detail, Page, Summary};
use crate::routes::users::WindowQuery;
use crate::{body, waiting};

/// Which object is asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PathQuery {
    /// The names from the root folder on, each after a `/`, as in `/2024-001/Letters`.
    path: Option<String>,
    /// Instead of a path, the system that it came from, with `sourceId`.
    source_system: Option<String>,
    /// Its id there.
    source_id: Option<String>,
    /// Waits until the office knows this transaction.
    wait_for: Option<String>,
}

/// How an object is taken out of a folder.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UnfilingQuery {
    /// Whether it may lie in no folder afterwards, seen by its creator and administrators only. `false` unless given.
    #[serde(default)]
    unfile: bool,
}

/// Which folder is meant.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FolderChoice {
    /// The folder's id.
    #[schema(value_type = String, format = "uuid")]
    folder: ObjectId,
}

/// A move.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Move {
    /// The id of the folder that it goes to.
    #[schema(value_type = String, format = "uuid")]
    to: ObjectId,
    /// The id of the folder that it leaves; the primary one unless given.
    #[schema(value_type = Option<String>, format = "uuid")]
    from: Option<ObjectId>,
    /// Its name from then on, when it is another.
    name: Option<String>,
}

/// A copy to make.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewObjectCopy {
    /// The id of the folder that it goes to.
    #[schema(value_type = String, format = "uuid")]
    folder: ObjectId,
    /// Its name, when it is another.
    name: Option<String>,
}

/// A copy.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectCopy {
    /// The copy.
    #[serde(flatten)]
    detail: Detail,
    /// How many objects were made; 0 when an earlier request with the same key made them.
    copied_count: u64,
    /// What the caller sees in the folder and may not read, and the copy has not; at most 1,000 are named.
    left_out: Vec<LeftOut>,
}

/// Something that a copy has not.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeftOut {
    /// The object's id.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// Its name.
    name: String,
    /// The permission that the caller has not.
    permission: &'static str,
}

impl From<repository::Copied> for ObjectCopy {
    fn from(copied: repository::Copied) -> Self {
        let left_out = |one: repository::LeftOut| LeftOut { id: one.id, name: one.name, permission: one.permission };
        Self {
            detail: copied.detail.into(),
            copied_count: copied.copied_count,
            left_out: copied.left_out.into_iter().map(left_out).collect(),
        }
    }
}

/// A place in the order of a folder.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Placing {
    /// Where in the order.
    position: Order,
    /// The id of the other object, with `before` and `after`.
    #[schema(value_type = Option<String>, format = "uuid")]
    of: Option<ObjectId>,
    /// The id of the folder; the primary one unless given.
    #[schema(value_type = Option<String>, format = "uuid")]
    folder: Option<ObjectId>,
}

/// A place, to others of a folder.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum Order {
    /// Before all others.
    First,
    /// After all others.
    Last,
    /// Just before another.
    Before,
    /// Just after another.
    After,
}

/// Returns the place that a request says.
///
/// # Errors
/// `invalid` without the other object where one is needed.
pub(crate) fn position_of(order: Order, of: Option<ObjectId>) -> Result<Position, ApiError> {
    let neighbour =
        of.ok_or_else(|| ApiError::invalid("of", "required", "`before` and `after` need the other object's id"));
    Ok(match order {
        Order::First => Position::First,
        Order::Last => Position::Last,
        Order::Before => Position::Before(neighbour?),
        Order::After => Position::After(neighbour?),
    })
}

fn changed(written: Written<ObjectDetail>) -> Answer {
    answer::changed(&written.transaction, written.value.summary.change_token, &Detail::from(written.value))
}

/// Returns the object at a path, or the one that came from another system under an id there.
#[utoipa::path(tag = "objects", params(PathQuery), responses((status = 200, description = "the object", body = Detail),
    (status = 404, description = "there is none, or the caller does not see it")))]
#[get("/objects")]
pub async fn get_object_by_path(guarded: Guarded) -> Answer {
    let query: PathQuery = guarded.query()?;
    waiting::sequenced(&guarded, query.wait_for.as_deref()).await?;
    let detail = match (query.path, Source::of(query.source_system, query.source_id)?) {
        (Some(path), None) => guarded.session().object_by_path(&path).await?,
        (None, Some(source)) => guarded.session().object_by_source(source).await?,
        _ => return Err(ApiError::invalid_query("path", "or `sourceSystem` with `sourceId`: one of the two")),
    };
    answer::object(&guarded, detail.summary.change_token, &Detail::from(detail))
}

/// Returns an object, whatever its type.
#[utoipa::path(tag = "objects", params(("id" = String, Path, description = "the object's id")),
    responses((status = 200, description = "the object", body = Detail)))]
#[get("/objects/{id}")]
pub async fn get_object(guarded: Guarded) -> Answer {
    let detail = guarded.session().object_get(guarded.id()?).await?;
    answer::object(&guarded, detail.summary.change_token, &Detail::from(detail))
}

/// Lists the objects that lie in no folder, the newest first.
#[utoipa::path(tag = "objects", params(WindowQuery),
    responses((status = 200, description = "a window", body = Page<Summary>)))]
#[get("/unfiled")]
pub async fn list_unfiled(guarded: Guarded) -> Answer {
    let query: WindowQuery = guarded.query()?;
    answer::ok(&Page::<Summary>::of(guarded.session().unfiled_list(query.list()?).await?))
}

/// Files a document in a further folder; nothing changes when it lies there already.
#[utoipa::path(tag = "objects",
    params(("id" = String, Path, description = "the object's id"),
        ("folder" = String, Path, description = "the folder's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the object as it is now", body = Detail)))]
#[put("/objects/{id}/parents/{folder}")]
pub async fn update_object_parent(guarded: Guarded) -> Answer {
    let (id, folder) = (guarded.id()?, guarded.segment("folder")?);
    changed(guarded.session().object_file(id, folder, guarded.precondition()?).await?)
}

/// Takes a document out of one of its folders.
#[utoipa::path(tag = "objects",
    params(UnfilingQuery, ("id" = String, Path, description = "the object's id"),
        ("folder" = String, Path, description = "the folder's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the object as it is now", body = Detail)))]
#[delete("/objects/{id}/parents/{folder}")]
pub async fn delete_object_parent(guarded: Guarded) -> Answer {
    let (id, folder) = (guarded.id()?, guarded.segment("folder")?);
    let query: UnfilingQuery = guarded.query()?;
    let last = if query.unfile { LastFolder::Leave } else { LastFolder::Keep };
    changed(guarded.session().object_unfile(id, folder, guarded.precondition()?, last).await?)
}

/// Makes one of an object's folders the primary one, whose access list it follows.
#[utoipa::path(tag = "objects", request_body = FolderChoice,
    params(("id" = String, Path, description = "the object's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the object as it is now", body = Detail)))]
#[put("/objects/{id}/primary-parent")]
pub async fn update_object_primary_parent(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    let form: FolderChoice = body::json(guarded.request(), body).await?;
    changed(guarded.session().object_primary_put(id, form.folder, precondition).await?)
}

/// Moves an object to another folder, gives it another name there, or both.
#[utoipa::path(tag = "objects", request_body = Move,
    params(("id" = String, Path, description = "the object's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the object as it is now", body = Detail),
        (status = 409, description = "`name_taken` with `parameters.proposedName`, `cyclic_move`, `too_deep`, `not_a_folder`")))]
#[post("/objects/{id}/move")]
pub async fn move_object(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    let Move { to, from, name }: Move = body::json(guarded.request(), body).await?;
    changed(guarded.session().object_move(id, precondition, ObjectMove { from, to, name }).await?)
}

/// Copies a document, or a folder with all in it that the caller may read, into a folder. No bytes are copied; the copy
/// begins with version 1.0 and follows the access list of its folder.
#[utoipa::path(tag = "objects", request_body = NewObjectCopy,
    params(("id" = String, Path, description = "the object's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made")),
    responses((status = 201, description = "copied", body = ObjectCopy)))]
#[post("/objects/{id}/copies")]
pub async fn create_object_copy(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, idempotency_key) = (guarded.id()?, guarded.idempotency_key()?);
    let NewObjectCopy { folder, name }: NewObjectCopy = body::json(guarded.request(), body).await?;
    let made = guarded.session().object_copy(id, NewCopy { folder, name, idempotency_key }).await?;
    let summary = &made.value.detail.summary;
    let (token, id) = (summary.change_token, summary.id);
    answer::created(&format!("/api/v1/objects/{id}"), &made.transaction, token, &ObjectCopy::from(made.value))
}

/// Gives an object another place in the order of a folder.
#[utoipa::path(tag = "objects", request_body = Placing,
    params(("id" = String, Path, description = "the object's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the object as it is now", body = Detail)))]
#[put("/objects/{id}/place")]
pub async fn update_object_place(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    let Placing { position, of, folder }: Placing = body::json(guarded.request(), body).await?;
    let position = position_of(position, of)?;
    changed(guarded.session().object_place(id, precondition, folder, position).await?)
}
