//! `/documents/{id}/arrangement`: pages in another order, turned, left out, split off, put together.

use std::collections::BTreeSet;

use actix_web::{delete, get, post, put, web};
use cartulary_model::{BlobDigest, ObjectId};
use cartulary_repository::{
    self as repository, ArrangedPage, Faults, PagesToArrange, PagesToSplit, RepositoryError, VersionNote,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::{self, Answer};
use crate::body;
use crate::guarded::Guarded;
use crate::routes::content::{self, ContentQuery};
use crate::routes::contents::RemovedContentQuery;
use crate::routes::object::{Detail, Fault};
use crate::routes::versions;

/// One page.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArrangementPage {
    /// The SHA-256 of the file that it is of.
    #[schema(value_type = String)]
    digest: BlobDigest,
    /// Its number there, from 1.
    page: u32,
    /// By how many degrees it is turned clockwise.
    rotation: u16,
}

/// How the pages of a document are arranged.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Arrangement {
    /// The pages, in order.
    pages: Vec<ArrangementPage>,
    /// Whether somebody arranged them; otherwise they are those of the content.
    arranged: bool,
    /// How far the file of the arranged pages is: `waiting`, `ready` or `failed`; `none` where nobody arranged any.
    state: &'static str,
    /// Why it cannot be made.
    faults: Vec<Fault>,
}

/// One page to arrange, or all pages of another document.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArrangementPart {
    /// The SHA-256 of the file that the page is of: one that the document has, in its content or its arrangement.
    #[schema(value_type = Option<String>)]
    digest: Option<BlobDigest>,
    /// Its number there, from 1.
    page: Option<u32>,
    /// By how many degrees it is turned clockwise: 0, 90, 180 or 270.
    #[serde(default)]
    rotation: u16,
    /// Instead of a page: another document, all of whose pages are put in here, as they are arranged there.
    #[schema(value_type = Option<String>, format = "uuid")]
    document_id: Option<ObjectId>,
}

/// How the pages shall be arranged.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArrangementForm {
    /// The pages, in order; those that are not here are left out.
    pages: Vec<ArrangementPart>,
    /// Why there is a new version.
    #[serde(default)]
    comment: String,
    /// Which version is made of it: `none`, `minor` or `major`; as the rules of its type say, unless given.
    version: Option<String>,
}

/// Pages to split off.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SplitForm {
    /// The places of the pages in the arrangement, from 0; not all of them.
    places: BTreeSet<usize>,
    /// The name of the new document.
    name: String,
    /// The folder that it goes to; that of the document unless given.
    #[schema(value_type = Option<String>, format = "uuid")]
    folder: Option<ObjectId>,
    /// Why the document has a new version.
    #[serde(default)]
    comment: String,
}

fn part_of((place, part): (usize, ArrangementPart)) -> Result<PagesToArrange, RepositoryError> {
    match (part.document_id, part.digest, part.page) {
        (Some(document), None, None) => Ok(PagesToArrange::Document(document)),
        (None, Some(digest), Some(page)) => {
            Ok(PagesToArrange::Own(ArrangedPage { digest, page, rotation: part.rotation }))
        }
        _ => {
            let what = "has `digest` and `page`, or `documentId`";
            Err(RepositoryError::invalid(format!("pages[{place}]"), "required", what))
        }
    }
}

/// Returns how the pages of a document, or of one version of it, are arranged. Of a content that nobody arranged, they are
/// its own, once they are counted.
#[utoipa::path(tag = "documents", params(("id" = String, Path, description = "the document's id, or a version's")),
    responses((status = 200, description = "the pages", body = Arrangement),
        (status = 409, description = "`no_pages`")))]
#[get("/documents/{id}/arrangement")]
pub async fn get_arrangement(guarded: Guarded) -> Answer {
    let found: repository::Arrangement = guarded.session().arrangement_get(guarded.id()?).await?;
    let page = |page: ArrangedPage| ArrangementPage { digest: page.digest, page: page.page, rotation: page.rotation };
    answer::ok(&Arrangement {
        pages: found.pages.into_iter().map(page).collect(),
        arranged: found.is_arranged,
        state: found.state.as_str(),
        faults: found.faults.into_iter().map(Fault::from).collect(),
    })
}

/// Arranges the pages of a document: in another order, turned, some left out, those of another document put in. The files
/// stay as they are; a new version is made as the rules of the type say, and the file of the pages is made a little later.
#[utoipa::path(tag = "documents", request_body = ArrangementForm,
    params(("id" = String, Path, description = "the document's id, or its working copy's"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the document as it is now", body = Detail)))]
#[put("/documents/{id}/arrangement")]
pub async fn update_arrangement(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    let form: ArrangementForm = body::json(guarded.request(), body).await?;
    let mut faults = Faults::default();
    let increment = faults.take(versions::increment(form.version.as_deref(), false))?.flatten();
    let note = VersionNote { comment: form.comment, increment };
    let mut pages = Vec::with_capacity(form.pages.len());
    for part in form.pages.into_iter().enumerate() {
        pages.push(faults.take(part_of(part))?.unwrap_or(PagesToArrange::Unclear));
    }
    let done = guarded.session().arrangement_put(id, precondition, pages, note, faults).await?;
    answer::changed(&done.transaction, done.value.summary.change_token, &Detail::from(done.value))
}

/// Takes the arrangement away: the pages are those of the content again.
#[utoipa::path(tag = "documents",
    params(RemovedContentQuery, ("id" = String, Path, description = "the document's id, or its working copy's"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the document as it is now", body = Detail),
        (status = 409, description = "`no_content`: it has nothing but these pages")))]
#[delete("/documents/{id}/arrangement")]
pub async fn delete_arrangement(guarded: Guarded) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    let query: RemovedContentQuery = guarded.query()?;
    let done = guarded.session().arrangement_delete(id, precondition, query.note()?).await?;
    answer::changed(&done.transaction, done.value.summary.change_token, &Detail::from(done.value))
}

/// Returns the PDF that was made of the arranged pages.
#[utoipa::path(tag = "documents",
    params(ContentQuery, ("id" = String, Path, description = "the document's id, or a version's"),
        ("Range" = Option<String>, Header, description = "one range of bytes"),
        ("If-Match" = Option<String>, Header, description = "the ETag that the file must have"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag that the client has")),
    responses(
        (status = 200, description = "all of it", content_type = "application/pdf"),
        (status = 206, description = "the range", content_type = "application/pdf"),
        (status = 304, description = "the client has it"),
        (status = 409, description = "`arrangement_waiting`, `arrangement_failed`"),
        (status = 412, description = "`stale`: the file is another"),
        (status = 416, description = "`range_not_satisfiable`"),
    ))]
#[get("/documents/{id}/arrangement/content")]
pub async fn get_arrangement_content(guarded: Guarded) -> Answer {
    let (id, query): (_, ContentQuery) = (guarded.id()?, guarded.query()?);
    let session = guarded.session();
    content::send(&guarded, query, || session.arranged_content(id), |range| session.arranged_open(id, range)).await
}

/// Splits pages of a document off to a new one, which has these pages and not the file that they are of.
#[utoipa::path(tag = "documents", request_body = SplitForm,
    params(("id" = String, Path, description = "the document's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 201, description = "the new document", body = Detail)))]
#[post("/documents/{id}/arrangement/splits")]
pub async fn create_arrangement_split(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    let form: SplitForm = body::json(guarded.request(), body).await?;
    let split = PagesToSplit { places: form.places, name: form.name, folder: form.folder };
    let note = VersionNote { comment: form.comment, increment: None };
    let made = guarded.session().document_split(id, precondition, split, note).await?;
    let (token, id) = (made.value.summary.change_token, made.value.summary.id);
    answer::created(&format!("/api/v1/documents/{id}"), &made.transaction, token, &Detail::from(made.value))
}
