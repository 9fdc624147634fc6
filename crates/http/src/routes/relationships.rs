//! `/relationships`: objects that link two others.

use actix_web::{delete, get, patch, post, web};
use cartulary_model::{ObjectId, Properties, Timestamp};
use cartulary_repository::{self as repository, Direction, NewRelationship, ObjectChanges, RelationshipView};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::error::ApiError;
use crate::guarded::Guarded;
use crate::routes::object::Page;
use crate::{body, paging};

/// A relationship to make.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewRelationshipForm {
    /// Its type: one whose base is `relationship`. It says of which types the ends are.
    #[serde(rename = "type")]
    type_id: String,
    /// The id of the object that it goes out from.
    #[schema(value_type = String, format = "uuid")]
    source: ObjectId,
    /// The id of the object that it leads to.
    #[schema(value_type = String, format = "uuid")]
    target: ObjectId,
    /// Its name; the label of its type unless given.
    name: Option<String>,
    /// Its properties.
    #[serde(default)]
    #[schema(value_type = Object)]
    properties: Properties,
    /// The facets to attach.
    #[serde(default)]
    facets: Vec<String>,
}

/// Changes to a relationship; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RelationshipChanges {
    /// Another name.
    name: Option<String>,
    /// Another title.
    title: Option<String>,
    /// Properties to set, or to remove where the value is null.
    #[serde(default)]
    #[schema(value_type = Object)]
    properties: Properties,
    /// All facets to be attached from now on.
    facets: Option<Vec<String>>,
}

/// An end of a relationship.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Related {
    /// The object's id.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// `document`, `folder`, `policy` or `item`.
    base: String,
    /// The type's id.
    #[serde(rename = "type")]
    type_id: String,
    /// The name.
    name: String,
    /// What people read.
    title: String,
}

/// A relationship.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Relationship {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// Its type.
    #[serde(rename = "type")]
    type_id: String,
    /// Its name.
    name: String,
    /// What people read.
    title: String,
    /// What it goes out from.
    source: Related,
    /// What it leads to.
    target: Related,
    /// Its properties, for who may read those of both ends.
    #[schema(value_type = Object)]
    properties: Properties,
    /// The facets that are attached, for the same.
    facets: Vec<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// By whom.
    created_by: String,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    modified_at: Timestamp,
    /// By whom.
    modified_by: String,
    /// Changes with it; `If-Match` takes it in quotes, as it takes the ETag.
    change_token: String,
}

/// Which relationships of an object are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RelationshipQuery {
    /// `source`: those that go out from the object; `target`: those that lead to it; `either`, as unless given.
    direction: Option<String>,
    /// Only those of this type and of those below it.
    #[serde(rename = "type")]
    type_id: Option<String>,
    /// How many rows are answered, 1 to 1,000; 50 unless given.
    limit: Option<u64>,
    /// How many rows are passed over.
    offset: Option<u64>,
    /// Continues a list, instead of an offset.
    cursor: Option<String>,
}

impl From<repository::RelatedObject> for Related {
    fn from(related: repository::RelatedObject) -> Self {
        let repository::RelatedObject { id, base, type_id, name, title } = related;
        Self { id, base, type_id, name, title }
    }
}

impl From<RelationshipView> for Relationship {
    fn from(view: RelationshipView) -> Self {
        Self {
            id: view.summary.id,
            type_id: view.summary.type_id,
            name: view.summary.name,
            title: view.summary.title,
            source: view.source.into(),
            target: view.target.into(),
            properties: view.summary.properties,
            facets: view.facets,
            created_at: view.summary.created_at,
            created_by: view.summary.created_by.display_name,
            modified_at: view.summary.modified_at,
            modified_by: view.summary.modified_by.display_name,
            change_token: view.summary.change_token.to_string(),
        }
    }
}

/// Links two objects, by a relationship of a declared type.
///
/// It lies in no folder. Whoever may see both ends sees it; who may change the source changes it. While an end is in the trash
/// it is not there; it is destroyed with either end.
#[utoipa::path(tag = "relationships", request_body = NewRelationshipForm,
    params(("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made")),
    responses((status = 201, description = "the relationship", body = Relationship)))]
#[post("/relationships")]
pub async fn create_relationship(guarded: Guarded, body: web::Payload) -> Answer {
    let idempotency_key = guarded.idempotency_key()?;
    let form: NewRelationshipForm = body::json(guarded.request(), body).await?;
    let NewRelationshipForm { type_id, source, target, name, properties, facets } = form;
    let new = NewRelationship { type_id, source, target, name, properties, facets, idempotency_key };
    let made = guarded.session().relationship_create(new).await?;
    let (token, id) = (made.value.summary.change_token, made.value.summary.id);
    let location = format!("/api/v1/relationships/{id}");
    answer::created(&location, &made.transaction, token, &Relationship::from(made.value))
}

/// Returns a relationship.
#[utoipa::path(tag = "relationships", params(("id" = String, Path, description = "the relationship's id")),
    responses((status = 200, description = "the relationship", body = Relationship)))]
#[get("/relationships/{id}")]
pub async fn get_relationship(guarded: Guarded) -> Answer {
    let view = guarded.session().relationship_get(guarded.id()?).await?;
    answer::object(&guarded, view.summary.change_token, &Relationship::from(view))
}

/// Changes name, title, properties and facets of a relationship; what it links stays.
#[utoipa::path(tag = "relationships", request_body = RelationshipChanges,
    params(("id" = String, Path, description = "the relationship's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the relationship as it is now", body = Relationship)))]
#[patch("/relationships/{id}")]
pub async fn update_relationship(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    let form: RelationshipChanges = body::json(guarded.request(), body).await?;
    let RelationshipChanges { name, title, properties, facets } = form;
    let changes = ObjectChanges { name, title, properties, facets, ..ObjectChanges::default() };
    let changed = guarded.session().relationship_update(id, precondition, changes).await?;
    answer::changed(&changed.transaction, changed.value.summary.change_token, &Relationship::from(changed.value))
}

/// Destroys a relationship; its ends stay as they are.
#[utoipa::path(tag = "relationships",
    params(("id" = String, Path, description = "the relationship's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 204, description = "gone")))]
#[delete("/relationships/{id}")]
pub async fn delete_relationship(guarded: Guarded) -> Answer {
    let done = guarded.session().relationship_delete(guarded.id()?, guarded.precondition()?).await?;
    answer::done(&done.transaction)
}

/// Lists the relationships of an object whose other end the caller sees, in the order of making.
#[utoipa::path(tag = "relationships",
    params(RelationshipQuery, ("id" = String, Path, description = "the object's id")),
    responses((status = 200, description = "a window", body = Page<Relationship>)))]
#[get("/objects/{id}/relationships")]
pub async fn list_object_relationships(guarded: Guarded) -> Answer {
    let (id, query): (ObjectId, RelationshipQuery) = (guarded.id()?, guarded.query()?);
    let direction = match query.direction.as_deref() {
        Some("source") => Direction::Source,
        Some("target") => Direction::Target,
        None | Some("either") => Direction::Either,
        Some(_) => return Err(ApiError::invalid_query("direction", "is source, target or either")),
    };
    let window = paging::window(query.limit, query.offset, query.cursor.as_deref())?;
    let found = guarded.session().relationship_list(id, direction, query.type_id, window).await?;
    answer::ok(&Page::<Relationship>::of(found))
}
