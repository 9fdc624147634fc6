//! `/documents/{id}/contents`: all that a document has, by slots: the main content and attachments.

use actix_web::{delete, get, post, put, web};
use cartulary_model::{InvalidSlotName, SlotName};
use cartulary_repository::{self as repository, ContentToAppend, VersionNote};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::body;
use crate::error::ApiError;
use crate::guarded::Guarded;
use crate::routes::content::{self, ContentQuery, NewContentQuery};
use crate::routes::object::{Content, Detail, Page, TextSummary};
use crate::routes::users::WindowQuery;
use crate::routes::versions;

/// What lies in one slot of a document.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SlotContent {
    /// The slot's name: `content` is the main one, others are attachments.
    slot: String,
    /// The bytes.
    #[serde(flatten)]
    content: Content,
    /// How far their text is.
    text: TextSummary,
}

impl From<repository::SlotContent> for SlotContent {
    fn from(found: repository::SlotContent) -> Self {
        Self { slot: found.slot, content: found.content.into(), text: found.text.into() }
    }
}

/// What is said of a content that is taken away.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RemovedContentQuery {
    /// Why there is a new version.
    #[serde(default)]
    comment: String,
    /// Which version is made of it: `none`, `minor` or `major`; as the rules of its type say, unless given.
    version: Option<String>,
}

impl RemovedContentQuery {
    /// Returns what is said of the version.
    ///
    /// # Errors
    /// `invalid_query`.
    pub(crate) fn note(self) -> Result<VersionNote, ApiError> {
        let increment = versions::increment(self.version.as_deref(), false)?;
        Ok(VersionNote { comment: self.comment, increment })
    }
}

fn slot_of(guarded: &Guarded) -> Result<SlotName, ApiError> {
    guarded.segment("slot")
}

/// Returns the slot of something to put: a name that can be none is said to be none.
fn slot_to_fill(guarded: &Guarded) -> Result<SlotName, ApiError> {
    let name = guarded.request().match_info().query("slot");
    name.parse().map_err(|why: InvalidSlotName| ApiError::invalid("slot", "invalid_slot", why.to_string()))
}

/// Lists the contents of a document, of one version of it or of a working copy: the main one first, then attachments in the
/// order of their slots' names. A placeholder has none.
#[utoipa::path(tag = "documents",
    params(WindowQuery, ("id" = String, Path, description = "the document's id, or a version's")),
    responses((status = 200, description = "a window", body = Page<SlotContent>)))]
#[get("/documents/{id}/contents")]
pub async fn list_document_contents(guarded: Guarded) -> Answer {
    let id = guarded.id()?;
    let query: WindowQuery = guarded.query()?;
    answer::ok(&Page::<SlotContent>::of(guarded.session().slot_list(id, query.window()?).await?))
}

/// Returns the bytes in one slot of a document, or of one version of it.
#[utoipa::path(tag = "documents",
    params(ContentQuery, ("id" = String, Path, description = "the document's id, or a version's"),
        ("slot" = String, Path, description = "the slot's name; `content` is the main one"),
        ("Range" = Option<String>, Header, description = "one range of bytes"),
        ("If-Match" = Option<String>, Header, description = "the ETag that the content must have"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag that the client has")),
    responses(
        (status = 200, description = "all of it", content_type = "application/octet-stream"),
        (status = 206, description = "the range", content_type = "application/octet-stream"),
        (status = 304, description = "the client has it"),
        (status = 412, description = "`stale`: the content is another"),
        (status = 416, description = "`range_not_satisfiable`"),
    ))]
#[get("/documents/{id}/contents/{slot}")]
pub async fn get_document_slot(guarded: Guarded) -> Answer {
    let (id, slot, query): (_, _, ContentQuery) = (guarded.id()?, slot_of(&guarded)?, guarded.query()?);
    let session = guarded.session();
    let look = || session.slot_content_of(id, slot.clone());
    content::send(&guarded, query, look, |range| session.slot_content_open(id, slot.clone(), range)).await
}

/// Puts bytes into a slot of a document, as `PUT /documents/{id}/content` does into the main one. A slot that is not there is
/// made; a document has at most 100.
#[utoipa::path(tag = "documents",
    params(NewContentQuery, ("id" = String, Path, description = "the document's id, or its working copy's"),
        ("slot" = String, Path, description = "1 to 100 ASCII letters, digits, `-`, `_` and `.`; `content` is the main one"),
        ("If-Match" = String, Header, description = "the ETag that was read, of the document or of what lies in the slot")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "the bytes"),
    responses((status = 200, description = "the document as it is now", body = Detail),
        (status = 409, description = "`too_many_contents`")))]
#[put("/documents/{id}/contents/{slot}")]
pub async fn update_document_slot(guarded: Guarded, body: web::Payload) -> Answer {
    let slot = slot_to_fill(&guarded)?;
    content::put_in(&guarded, slot, body).await
}

/// Takes the content out of a slot; versions keep what they have. A document without a main content is a placeholder.
#[utoipa::path(tag = "documents",
    params(RemovedContentQuery, ("id" = String, Path, description = "the document's id, or its working copy's"),
        ("slot" = String, Path, description = "the slot's name; `content` is the main one"),
        ("If-Match" = String, Header, description = "the ETag that was read, of the document or of what lies in the slot")),
    responses((status = 200, description = "the document as it is now", body = Detail)))]
#[delete("/documents/{id}/contents/{slot}")]
pub async fn delete_document_slot(guarded: Guarded) -> Answer {
    let (id, slot) = (guarded.id()?, slot_of(&guarded)?);
    let precondition = guarded.precondition_of_content()?;
    let query: RemovedContentQuery = guarded.query()?;
    let done = guarded.session().slot_delete(id, slot, precondition, query.note()?).await?;
    answer::changed(&done.transaction, done.value.summary.change_token, &Detail::from(done.value))
}

/// Puts bytes behind those that a slot has; of an empty slot they become the content. Sent in several parts, a content makes
/// a version with each unless `version=none` is said, or it is done in a working copy. Parts that come at once with `If-Match: *`
/// are appended one after the other, each whole.
#[utoipa::path(tag = "documents",
    params(NewContentQuery, ("id" = String, Path, description = "the document's id, or its working copy's"),
        ("slot" = String, Path, description = "the slot's name; `content` is the main one"),
        ("If-Match" = String, Header, description = "the ETag that was read, of the document or of what lies in the slot")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "the bytes to append"),
    responses((status = 200, description = "the document as it is now", body = Detail),
        (status = 409, description = "`content_changed`: it was changed while the part came, which was not appended: send it \
            again if it is still wanted")))]
#[post("/documents/{id}/contents/{slot}/parts")]
pub async fn create_document_slot_part(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, slot) = (guarded.id()?, slot_to_fill(&guarded)?);
    let precondition = guarded.precondition_of_content()?;
    let query: NewContentQuery = guarded.query()?;
    let former = guarded.session().slot_check(id, slot.clone(), precondition.clone()).await?;
    let (file_name, _) = query.file_name_or(&guarded, former)?;
    let note = query.note()?;
    let append = |body| {
        let more = ContentToAppend { body, file_name };
        guarded.session().slot_append(id, slot, precondition, more, note)
    };
    let done = body::take_counted(&guarded, body, append).await?;
    answer::changed(&done.transaction, done.value.summary.change_token, &Detail::from(done.value))
}
