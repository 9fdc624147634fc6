//! `/collections`: ordered lists of objects that people keep, and their favourites.

use actix_web::{delete, get, patch, post, put, web};
use cartulary_model::{ObjectId, Timestamp};
use cartulary_repository::{self as repository, CollectionChanges, CollectionName, CollectionView, Written};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::{self, Answer};
use crate::body;
use crate::guarded::Guarded;
use crate::routes::object::{Page, Summary};
use crate::routes::objects::{Order, position_of};
use crate::routes::sharing::{NewShare, Share};
use crate::routes::users::WindowQuery;

/// A collection to make.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewCollectionForm {
    /// What people call it: one line of at most 200 characters.
    name: String,
    /// To whom it is shown; at most 100.
    #[serde(default)]
    shares: Vec<NewShare>,
}

/// Changes to a collection; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CollectionForm {
    /// What people call it. Favourites have no name.
    name: Option<String>,
    /// To whom it is shown, all of them.
    shares: Option<Vec<NewShare>>,
}

/// Where an object goes in a collection.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CollectionPlace {
    /// `first`, `last`, `before` or `after`; unless given, a new one goes last, and one that is there stays where it is.
    position: Option<Order>,
    /// With `before` and `after`, the id of another object of the collection.
    #[schema(value_type = Option<String>, format = "uuid")]
    of: Option<ObjectId>,
}

/// A collection.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Collection {
    /// Its id; of favourites that of their owner.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// The login name of the user whose it is.
    owner: String,
    /// What people call it; empty for favourites.
    name: String,
    /// Whether it is somebody's favourites.
    favourites: bool,
    /// Whether the caller may change what is in it.
    writable: bool,
    /// To whom it is shown; for its owner.
    shares: Vec<Share>,
    /// How many objects are in it that the caller may see.
    count: u64,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    modified_at: Timestamp,
    /// Another with every change; `If-Match` takes it in quotes.
    change_token: String,
}

impl From<CollectionView> for Collection {
    fn from(view: CollectionView) -> Self {
        Self {
            id: view.id,
            owner: view.owner.name,
            name: view.name,
            favourites: view.is_favourites,
            writable: view.may_write,
            shares: view.shares.into_iter().map(Share::from).collect(),
            count: view.count,
            created_at: view.created_at,
            modified_at: view.modified_at,
            change_token: view.change_token.to_string(),
        }
    }
}

fn named(guarded: &Guarded) -> Result<CollectionName, crate::ApiError> {
    guarded.segment("id")
}

fn changed(written: Written<CollectionView>) -> Answer {
    answer::changed(&written.transaction, written.value.change_token, &Collection::from(written.value))
}

/// Lists the caller's collections and those that others show to him: his favourites first, then his own, then others'.
#[utoipa::path(tag = "collections", params(WindowQuery), responses((status = 200, description = "a window", body = Page<Collection>)))]
#[get("/collections")]
pub async fn list_collections(guarded: Guarded) -> Answer {
    let query: WindowQuery = guarded.query()?;
    answer::ok(&Page::<Collection>::of(guarded.session().collection_list(query.window()?).await?))
}

/// Makes a collection.
#[utoipa::path(tag = "collections", request_body = NewCollectionForm,
    params(("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made")),
    responses((status = 201, description = "made", body = Collection)))]
#[post("/collections")]
pub async fn create_collection(guarded: Guarded, body: web::Payload) -> Answer {
    let idempotency_key = guarded.idempotency_key()?;
    let NewCollectionForm { name, shares }: NewCollectionForm = body::json(guarded.request(), body).await?;
    let shares = shares.into_iter().map(Into::into).collect();
    let new = repository::NewCollection { name, shares, idempotency_key };
    let made = guarded.session().collection_create(new).await?;
    let (id, token) = (made.value.id, made.value.change_token);
    answer::created(&format!("/api/v1/collections/{id}"), &made.transaction, token, &Collection::from(made.value))
}

/// Returns a collection: one's own, one that is shown to the caller, or by the word `favourites` his favourites.
#[utoipa::path(tag = "collections", params(("id" = String, Path, description = "the collection's id, or `favourites`")),
    responses((status = 200, description = "the collection", body = Collection)))]
#[get("/collections/{id}")]
pub async fn get_collection(guarded: Guarded) -> Answer {
    let view = guarded.session().collection_get(named(&guarded)?).await?;
    answer::object(&guarded, view.change_token, &Collection::from(view))
}

/// Changes the name of a collection, and to whom it is shown: its owner does.
#[utoipa::path(tag = "collections", request_body = CollectionForm,
    params(("id" = String, Path, description = "the collection's id, or `favourites`"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the collection as it is now", body = Collection)))]
#[patch("/collections/{id}")]
pub async fn update_collection(guarded: Guarded, body: web::Payload) -> Answer {
    let (name, precondition) = (named(&guarded)?, guarded.precondition()?);
    let form: CollectionForm = body::json(guarded.request(), body).await?;
    let shares = form.shares.map(|shares| shares.into_iter().map(Into::into).collect());
    let changes = CollectionChanges { name: form.name, shares };
    changed(guarded.session().collection_update(name, precondition, changes).await?)
}

/// Deletes a collection; what is in it stays where it is.
#[utoipa::path(tag = "collections",
    params(("id" = String, Path, description = "the collection's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 204, description = "gone")))]
#[delete("/collections/{id}")]
pub async fn delete_collection(guarded: Guarded) -> Answer {
    let (name, precondition) = (named(&guarded)?, guarded.precondition()?);
    answer::done(&guarded.session().collection_delete(name, precondition).await?.transaction)
}

/// Lists what is in a collection, in its order, of what the caller may see.
#[utoipa::path(tag = "collections",
    params(WindowQuery, ("id" = String, Path, description = "the collection's id, or `favourites`")),
    responses((status = 200, description = "a window", body = Page<Summary>)))]
#[get("/collections/{id}/items")]
pub async fn list_collection_items(guarded: Guarded) -> Answer {
    let (name, query): (CollectionName, WindowQuery) = (named(&guarded)?, guarded.query()?);
    answer::ok(&Page::<Summary>::of(guarded.session().collection_items(name, query.window()?).await?))
}

/// Puts an object into a collection, or gives it another place there.
#[utoipa::path(tag = "collections", request_body = CollectionPlace,
    params(("id" = String, Path, description = "the collection's id, or `favourites`"),
        ("object" = String, Path, description = "the object's id"),
        ("If-Match" = String, Header, description = "the ETag of the collection, or `*`")),
    responses((status = 200, description = "the collection as it is now", body = Collection)))]
#[put("/collections/{id}/items/{object}")]
pub async fn update_collection_item(guarded: Guarded, body: web::Payload) -> Answer {
    let (name, object, precondition) = (named(&guarded)?, guarded.segment("object")?, guarded.precondition()?);
    let CollectionPlace { position, of }: CollectionPlace = body::json(guarded.request(), body).await?;
    let position = position.map(|order| position_of(order, of)).transpose()?;
    changed(guarded.session().collection_put(name, object, precondition, position).await?)
}

/// Takes an object out of a collection.
#[utoipa::path(tag = "collections",
    params(("id" = String, Path, description = "the collection's id, or `favourites`"),
        ("object" = String, Path, description = "the object's id"),
        ("If-Match" = String, Header, description = "the ETag of the collection, or `*`")),
    responses((status = 200, description = "the collection as it is now", body = Collection)))]
#[delete("/collections/{id}/items/{object}")]
pub async fn delete_collection_item(guarded: Guarded) -> Answer {
    let (name, object, precondition) = (named(&guarded)?, guarded.segment("object")?, guarded.precondition()?);
    changed(guarded.session().collection_take(name, object, precondition).await?)
}
