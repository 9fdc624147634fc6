//! `/comments` and those of objects: what people say, in threads.

use actix_web::{delete, get, patch, post, web};
use cartulary_model::{ObjectId, Timestamp};
use cartulary_repository::{CommentChanges, CommentView, NewComment};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::guarded::Guarded;
use crate::routes::object::Page;
use crate::{body, paging};

/// A comment to make.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewCommentForm {
    /// What it says: plain text of at most 10,000 characters, of any number of lines.
    text: String,
    /// The id of the comment that it answers.
    #[schema(value_type = Option<String>, format = "uuid")]
    reply_to: Option<ObjectId>,
}

/// Changes to a comment; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CommentForm {
    /// What it says: its author changes it.
    text: Option<String>,
    /// Whether the thread that begins with it is resolved: its author says so, or who may change the object.
    resolved: Option<bool>,
}

/// A comment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Comment {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// The object that it is of.
    #[schema(value_type = String, format = "uuid")]
    object: ObjectId,
    /// The comment that its thread begins with; itself, if it is that.
    #[schema(value_type = String, format = "uuid")]
    thread: ObjectId,
    /// The comment that it answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    reply_to: Option<ObjectId>,
    /// The login name of who says it.
    author: String,
    /// What people read.
    author_name: String,
    /// What it says; absent when it was deleted and has answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Whether its thread is resolved.
    resolved: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When its text was last changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    edited_at: Option<Timestamp>,
    /// Another with every change; `If-Match` takes it in quotes.
    change_token: String,
}

impl From<CommentView> for Comment {
    fn from(view: CommentView) -> Self {
        Self {
            id: view.id,
            object: view.object,
            thread: view.thread,
            reply_to: view.reply_to,
            author: view.by.name,
            author_name: view.by.display_name,
            text: view.text,
            resolved: view.is_resolved,
            created_at: view.at,
            edited_at: view.edited_at,
            change_token: view.change_token.to_string(),
        }
    }
}

/// Which comments are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CommentQuery {
    /// Only those of threads that are resolved, or that are not; all unless given.
    resolved: Option<bool>,
    /// How many rows are answered, 1 to 1,000; 50 unless given.
    limit: Option<u64>,
    /// How many rows are passed over.
    offset: Option<u64>,
    /// Continues a list, instead of an offset.
    cursor: Option<String>,
}

/// Lists what is said of an object, oldest first, for who may read its properties.
#[utoipa::path(tag = "comments", params(CommentQuery, ("id" = String, Path, description = "the object's id")),
    responses((status = 200, description = "a window", body = Page<Comment>)))]
#[get("/objects/{id}/comments")]
pub async fn list_object_comments(guarded: Guarded) -> Answer {
    let (id, query): (ObjectId, CommentQuery) = (guarded.id()?, guarded.query()?);
    let window = paging::window(query.limit, query.offset, query.cursor.as_deref())?;
    answer::ok(&Page::<Comment>::of(guarded.session().comment_list(id, query.resolved, window).await?))
}

/// Says something of an object, or answers what somebody said. It changes neither the object's token nor its versions.
#[utoipa::path(tag = "comments", request_body = NewCommentForm,
    params(("id" = String, Path, description = "the object's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made")),
    responses((status = 201, description = "the comment", body = Comment)))]
#[post("/objects/{id}/comments")]
pub async fn create_object_comment(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, idempotency_key): (ObjectId, _) = (guarded.id()?, guarded.idempotency_key()?);
    let NewCommentForm { text, reply_to }: NewCommentForm = body::json(guarded.request(), body).await?;
    let made = guarded.session().comment_create(id, NewComment { text, reply_to, idempotency_key }).await?;
    let (comment, token) = (made.value.id, made.value.change_token);
    let location = format!("/api/v1/comments/{comment}");
    answer::created(&location, &made.transaction, token, &Comment::from(made.value))
}

/// Returns a comment.
#[utoipa::path(tag = "comments", params(("id" = String, Path, description = "the comment's id")),
    responses((status = 200, description = "the comment", body = Comment)))]
#[get("/comments/{id}")]
pub async fn get_comment(guarded: Guarded) -> Answer {
    let view = guarded.session().comment_get(guarded.id()?).await?;
    answer::object(&guarded, view.change_token, &Comment::from(view))
}

/// Changes what a comment says, or whether its thread is resolved.
#[utoipa::path(tag = "comments", request_body = CommentForm,
    params(("id" = String, Path, description = "the comment's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the comment as it is now", body = Comment)))]
#[patch("/comments/{id}")]
pub async fn update_comment(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    let CommentForm { text, resolved }: CommentForm = body::json(guarded.request(), body).await?;
    let changes = CommentChanges { text, is_resolved: resolved };
    let changed = guarded.session().comment_update(id, precondition, changes).await?;
    answer::changed(&changed.transaction, changed.value.change_token, &Comment::from(changed.value))
}

/// Deletes a comment: its author does, and who may change who may do what with the object. One with answers keeps its place,
/// without its text.
#[utoipa::path(tag = "comments",
    params(("id" = String, Path, description = "the comment's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 204, description = "gone")))]
#[delete("/comments/{id}")]
pub async fn delete_comment(guarded: Guarded) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    answer::done(&guarded.session().comment_delete(id, precondition).await?.transaction)
}
