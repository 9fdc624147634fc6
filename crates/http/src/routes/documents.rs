//! `/documents`: filing a document in a dossier, reading and changing it, its versions and its text.

use actix_web::{delete, get, patch, post, web};
use cartulary_model::permission::ADD_CHILDREN;
use cartulary_model::{BaseType, InvalidSlotName, ObjectId, Properties, SlotName};
use cartulary_repository::{NewContent, NewDocument, ObjectDetail, Source, TextPages, Written};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::error::ApiError;
use crate::guarded::Guarded;
use crate::routes::content;
use crate::routes::dossiers::{self, Changes, RemovalQuery};
use crate::routes::object::{Detail, Fault};
use crate::shape;
use crate::upload::{self, Upload};

/// A new document, as a form.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[allow(dead_code, reason = "it is the description of a form that is read as a stream")]
pub struct NewDocumentForm {
    /// The name, unique in the dossier; the file's name unless given, then with `(2)` when it is taken.
    name: Option<String>,
    /// What people read; the name unless given.
    title: Option<String>,
    /// The type; `document` unless given.
    r#type: Option<String>,
    /// Its properties, as JSON.
    properties: Option<String>,
    /// The facets to attach, beside those that its type bears: a list of ids, as JSON.
    facets: Option<String>,
    /// The system that it came from, with `sourceId`.
    source_system: Option<String>,
    /// Its id there; no two objects have the same.
    source_id: Option<String>,
    /// A whole upload (see `/uploads`) that becomes the content, instead of the file.
    upload: Option<String>,
    /// The file; without one the document is a placeholder for a paper that was received and not yet scanned.
    #[schema(value_type = Option<String>, format = Binary, content_media_type = "application/octet-stream")]
    content: Option<Vec<u8>>,
}

/// Which pages of a text are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TextQuery {
    /// One page, from 1.
    page: Option<u32>,
    /// All pages from this one on, as far as one answer goes; the first unless given.
    from: Option<u32>,
    /// The slot whose text is meant; that of the main content unless given.
    slot: Option<String>,
}

/// The text of a document.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DocumentText {
    /// `none`, `waiting`, `ready` or `failed`.
    state: &'static str,
    /// The number of pages; 0 when it is not known, or the format has none.
    page_count: u32,
    /// How many pages have words that can be found: 0 of a scan that holds images only. Absent while it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pages_with_text: Option<u32>,
    /// The pages asked for.
    pages: Vec<TextPage>,
    /// The page to ask for with `from` next, when there are more than one answer has (some 1 MiB).
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page: Option<u32>,
    /// What is wrong with the file.
    faults: Vec<Fault>,
}

/// One page of a text.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TextPage {
    /// The page, from 1.
    page_number: u32,
    /// Its width in points (1/72 in), when it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<f32>,
    /// Its height in points.
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<f32>,
    /// The text in logical order.
    text: String,
    /// Its language as ISO 639-1, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
}

const FIELDS: &[&str] = &["name", "title", "type", "properties", "facets", "sourceSystem", "sourceId", "upload"];

/// Files a new document in a dossier.
#[utoipa::path(tag = "documents",
    params(("id" = String, Path, description = "the dossier's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made")),
    request_body(content = NewDocumentForm, content_type = "multipart/form-data"),
    responses((status = 201, description = "filed", body = Detail)))]
#[post("/dossiers/{id}/documents")]
pub async fn create_document(guarded: Guarded, body: web::Payload) -> Answer {
    let dossier = guarded.id()?;
    create_in(&guarded, dossier, body).await
}

/// Makes a document that lies in no folder: its creator and administrators see it, and `GET /unfiled` lists it. It takes
/// `AddChildren` and `RemoveChildren` on the root folder, as if it were made there and taken out.
#[utoipa::path(tag = "documents",
    params(("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made")),
    request_body(content = NewDocumentForm, content_type = "multipart/form-data"),
    responses((status = 201, description = "made", body = Detail)))]
#[post("/documents")]
pub async fn create_unfiled_document(guarded: Guarded, body: web::Payload) -> Answer {
    guarded.session().unfiled_check().await?;
    let new = taken(&guarded, body).await?;
    created(guarded.session().document_create_unfiled(new).await?)
}

/// Files a new document in a folder.
pub(crate) async fn create_in(guarded: &Guarded, folder: ObjectId, body: web::Payload) -> Answer {
    guarded.session().require(folder, ADD_CHILDREN).await?;
    let new = taken(guarded, body).await?;
    created(guarded.session().document_create(folder, new).await?)
}

/// Takes what a document is to be made of.
async fn taken(guarded: &Guarded, body: web::Payload) -> Result<NewDocument, ApiError> {
    let idempotency_key = guarded.idempotency_key()?;
    let mut upload = upload::take(guarded, body, FIELDS).await?;
    if let Some(id) = upload.fields.remove("upload").filter(|id| !id.is_empty()) {
        if upload.content.is_some() {
            return Err(ApiError::invalid("upload", "repeated", "stands instead of the part `content`"));
        }
        upload.content = Some(content::taken_upload(guarded, &id).await?);
    }
    Ok(NewDocument { idempotency_key, ..new_document(upload)? })
}

fn created(made: Written<ObjectDetail>) -> Answer {
    let (token, id) = (made.value.summary.change_token, made.value.summary.id);
    answer::created(&format!("/api/v1/documents/{id}"), &made.transaction, token, &Detail::from(made.value))
}

fn new_document(upload: Upload) -> Result<NewDocument, ApiError> {
    let Upload { mut fields, content } = upload;
    let mut field = |name: &str| fields.remove(name).filter(|text| !text.is_empty());
    let given_name = field("name");
    let rename_when_taken = given_name.is_none();
    let name = given_name.or_else(|| content.as_ref().map(|content| content.file_name.clone())).unwrap_or_default();
    if name.is_empty() {
        let what = match content {
            Some(_) => "the part `content` has no file name: send one with it, or the field `name`",
            None => "send a file with its name as the part `content`, or the field `name` for a paper that is awaited",
        };
        return Err(ApiError::invalid("name", "required", what));
    }
    let properties =
        field("properties").map_or_else(|| Ok(Properties::new()), |text| shape::read(text.as_bytes(), "properties"))?;
    let facets = field("facets").map_or_else(|| Ok(Vec::new()), |text| shape::read(text.as_bytes(), "facets"))?;
    let source = Source::of(field("sourceSystem"), field("sourceId"))?;
    let content = content.map(|content| named(content, &name));
    Ok(NewDocument {
        title: field("title"),
        type_id: field("type"),
        name,
        properties,
        facets,
        source,
        content,
        rename_when_taken,
        idempotency_key: None,
    })
}

/// A file without a name is called like its document.
fn named(content: NewContent, name: &str) -> NewContent {
    if content.file_name.is_empty() { NewContent { file_name: name.to_owned(), ..content } } else { content }
}

/// Returns a document, or one version of it.
#[utoipa::path(tag = "documents", params(("id" = String, Path, description = "the document's id, or a version's")),
    responses((status = 200, description = "the document", body = Detail)))]
#[get("/documents/{id}")]
pub async fn get_document(guarded: Guarded) -> Answer {
    let detail = guarded.session().object_get(guarded.id()?).await?;
    if detail.summary.base != BaseType::Document {
        return Err(ApiError::not_found("the document"));
    }
    answer::object(&guarded, detail.summary.change_token, &Detail::from(detail))
}

/// Changes name, title or properties of a document, or title or properties of a working copy.
#[utoipa::path(tag = "documents", request_body = Changes,
    params(("id" = String, Path, description = "the document's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the document as it is now", body = Detail)))]
#[patch("/documents/{id}")]
pub async fn update_document(guarded: Guarded, body: web::Payload) -> Answer {
    let id = guarded.id()?;
    dossiers::update(guarded, id, body, BaseType::Document).await
}

/// Puts a document in the trash, or destroys it; of a working copy, cancels the check-out.
#[utoipa::path(tag = "documents",
    params(RemovalQuery, ("id" = String, Path, description = "the document's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 204, description = "in the trash, or destroyed")))]
#[delete("/documents/{id}")]
pub async fn delete_document(guarded: Guarded) -> Answer {
    let id = guarded.id()?;
    dossiers::remove(guarded, id, BaseType::Document).await
}

/// Returns the text of a document, as far as it was read; of arranged pages, theirs, in their order.
#[utoipa::path(tag = "documents", params(TextQuery, ("id" = String, Path, description = "the document's id, or a version's")),
    responses((status = 200, description = "the text", body = DocumentText)))]
#[get("/documents/{id}/text")]
pub async fn get_document_text(guarded: Guarded) -> Answer {
    let id = guarded.id()?;
    let query: TextQuery = guarded.query()?;
    let wanted = query.page.map_or(TextPages::From(query.from.unwrap_or(1)), TextPages::One);
    let slot = query.slot.as_deref().unwrap_or(SlotName::MAIN).parse();
    let slot: SlotName = slot.map_err(|why: InvalidSlotName| ApiError::invalid_query("slot", &why.to_string()))?;
    let text = guarded.session().slot_text_get(id, slot, wanted).await?;
    let page = |page: cartulary_repository::TextPage| TextPage {
        page_number: page.page_number,
        width: page.width,
        height: page.height,
        text: page.text,
        language: page.language,
    };
    answer::ok(&DocumentText {
        state: text.summary.state.as_str(),
        page_count: text.summary.page_count.unwrap_or(0),
        pages_with_text: text.summary.pages_with_text,
        pages: text.pages.into_iter().map(page).collect(),
        next_page: text.next_page,
        faults: text.summary.faults.into_iter().map(Fault::from).collect(),
    })
}
