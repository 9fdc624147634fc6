//! `/tags` and the tags of objects: words that people put on them, for everybody or for themselves.

use actix_web::{delete, get, post, web};
use cartulary_model::{ObjectId, Timestamp};
use cartulary_repository::{NewTag, TagUse, TagView};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::body;
use crate::guarded::Guarded;
use crate::paging;
use crate::routes::object::{Page, Summary};

/// How many labels are proposed unless more or fewer are asked for.
const PROPOSED: u64 = 20;

/// A tag to put on an object.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewTagForm {
    /// The word: one line of at most 100 characters. What reads alike (case, accents, forms of Arabic letters) is one tag.
    label: String,
    /// Whether only the caller sees it. `false` unless given: everybody who may read the object's properties.
    #[serde(default)]
    private: bool,
}

/// A tag of an object.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tag {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// The word, as it was written first.
    label: String,
    /// Whether only the caller sees it.
    private: bool,
    /// Who put it.
    created_by: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// `If-Match` takes it in quotes.
    change_token: String,
}

impl From<TagView> for Tag {
    fn from(view: TagView) -> Self {
        Self {
            id: view.id,
            label: view.label,
            private: view.is_private,
            created_by: view.put_by.display_name,
            created_at: view.put_at,
            change_token: view.change_token.to_string(),
        }
    }
}

/// The tags of an object.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tags {
    /// Those that everybody sees and the caller's own, by label.
    items: Vec<Tag>,
}

/// A label that is in use.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TagLabel {
    /// As it is written most.
    label: String,
    /// On how many objects it is that the caller may read.
    count: u64,
}

impl From<TagUse> for TagLabel {
    fn from(found: TagUse) -> Self {
        Self { label: found.label, count: found.count }
    }
}

/// Labels that are in use.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TagLabels {
    /// Those of most objects first.
    items: Vec<TagLabel>,
}

/// Which labels are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TagQuery {
    /// How they begin, whatever the case.
    #[serde(default)]
    q: String,
    /// How many are answered, 1 to 1,000; 20 unless given.
    limit: Option<u64>,
}

/// Which objects are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TaggedQuery {
    /// The label, whatever the case.
    label: String,
    /// How many rows are answered, 1 to 1,000; 50 unless given.
    limit: Option<u64>,
    /// How many rows are passed over.
    offset: Option<u64>,
    /// Continues a list, instead of an offset.
    cursor: Option<String>,
}

/// Lists the tags of an object: those that everybody sees, and the caller's own.
#[utoipa::path(tag = "tags", params(("id" = String, Path, description = "the object's id")),
    responses((status = 200, description = "its tags", body = Tags)))]
#[get("/objects/{id}/tags")]
pub async fn list_object_tags(guarded: Guarded) -> Answer {
    let tags = guarded.session().tag_list(guarded.id()?).await?;
    answer::ok(&Tags { items: tags.into_iter().map(Tag::from).collect() })
}

/// Puts a tag on an object; one that is there already is answered as it is.
///
/// One for everybody needs `WriteProperties`, one of one's own `ReadProperties`. It changes neither the object's token nor its
/// versions.
#[utoipa::path(tag = "tags", request_body = NewTagForm,
    params(("id" = String, Path, description = "the object's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made")),
    responses((status = 201, description = "the tag", body = Tag)))]
#[post("/objects/{id}/tags")]
pub async fn create_object_tag(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, idempotency_key): (ObjectId, _) = (guarded.id()?, guarded.idempotency_key()?);
    let NewTagForm { label, private }: NewTagForm = body::json(guarded.request(), body).await?;
    let put = guarded.session().tag_put(id, NewTag { label, is_private: private, idempotency_key }).await?;
    let (tag, token) = (put.value.id, put.value.change_token);
    let location = format!("/api/v1/objects/{id}/tags/{tag}");
    answer::created(&location, &put.transaction, token, &Tag::from(put.value))
}

/// Takes a tag away from an object.
#[utoipa::path(tag = "tags",
    params(("id" = String, Path, description = "the object's id"), ("tag" = String, Path, description = "the tag's id"),
        ("If-Match" = String, Header, description = "the token of the tag")),
    responses((status = 204, description = "gone")))]
#[delete("/objects/{id}/tags/{tag}")]
pub async fn delete_object_tag(guarded: Guarded) -> Answer {
    let (id, tag, precondition) = (guarded.id()?, guarded.segment("tag")?, guarded.precondition()?);
    answer::done(&guarded.session().tag_remove(id, tag, precondition).await?.transaction)
}

/// Proposes labels that begin with some letters: of tags that the caller sees on objects that he may read, and of no others.
#[utoipa::path(tag = "tags", params(TagQuery), responses((status = 200, description = "labels", body = TagLabels)))]
#[get("/tags")]
pub async fn list_tags(guarded: Guarded) -> Answer {
    let query: TagQuery = guarded.query()?;
    let limit = paging::window(query.limit.or(Some(PROPOSED)), None, None)?.limit;
    let found = guarded.session().tag_suggest(&query.q, limit).await?;
    answer::ok(&TagLabels { items: found.into_iter().map(TagLabel::from).collect() })
}

/// Lists the objects with a tag, of those that the caller may read, the last changed first. In statements it is
/// `'urgent' = ANY cartulary:tags`.
#[utoipa::path(tag = "tags", params(TaggedQuery), responses((status = 200, description = "a window", body = Page<Summary>)))]
#[get("/tags/objects")]
pub async fn list_tagged_objects(guarded: Guarded) -> Answer {
    let query: TaggedQuery = guarded.query()?;
    let window = paging::window(query.limit, query.offset, query.cursor.as_deref())?;
    answer::ok(&Page::<Summary>::of(guarded.session().tagged_list(&query.label, window).await?))
}
