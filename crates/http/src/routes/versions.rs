//! `/documents/{id}/versions`: the immutable versions of a document, found by name, made, taken again and destroyed.

use actix_web::{delete, get, post, web};
use cartulary_model::VersionIncrement;
use cartulary_repository::{NewVersion, RepositoryError, VersionName};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::answer::{self, Answer};
use crate::body;
use crate::error::ApiError;
use crate::guarded::Guarded;
use crate::routes::object::{Detail, Page, Version};
use crate::routes::users::WindowQuery;

/// A version to make.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewVersionForm {
    /// Why; at most 2,000 characters.
    #[serde(default)]
    comment: String,
    /// Whether the next major number is taken; otherwise the next minor one.
    #[serde(default)]
    major: bool,
    /// The version whose content, title and properties the document takes again: `latest`, `latest-major`, a label such as
    /// `1.0`, or an id. Without it the version is of the document, or the working copy, as it is.
    from: Option<String>,
}

/// Lists the versions of a document, newest first.
#[utoipa::path(tag = "documents", params(WindowQuery, ("id" = String, Path, description = "the document's id")),
    responses((status = 200, description = "a window", body = Page<Version>)))]
#[get("/documents/{id}/versions")]
pub async fn list_document_versions(guarded: Guarded) -> Answer {
    let id = guarded.id()?;
    let query: WindowQuery = guarded.query()?;
    answer::ok(&Page::<Version>::of(guarded.session().version_list(id, query.window()?).await?))
}

/// Returns one version of a document.
#[utoipa::path(tag = "documents",
    params(("id" = String, Path, description = "the document's id"),
        ("version" = String, Path, description = "`latest`, `latest-major`, a label such as `1.0`, or an id")),
    responses((status = 200, description = "the version", body = Detail)))]
#[get("/documents/{id}/versions/{version}")]
pub async fn get_document_version(guarded: Guarded) -> Answer {
    let detail = guarded.session().version_get(guarded.id()?, guarded.segment("version")?).await?;
    answer::object(&guarded, detail.summary.change_token, &Detail::from(detail))
}

/// Makes a version of a document: checks a working copy in, keeps the document as it is, or takes an earlier version again.
///
/// With the id of a working copy it is checked in: the document takes its content, title and properties, and the working
/// copy is gone. With the id of a document that is not checked out the version is of the document as it is or, with
/// `from`, as it was in an earlier version. No byte of content is copied.
#[utoipa::path(tag = "documents", request_body = NewVersionForm,
    params(("id" = String, Path, description = "the id of a document, or of its working copy"),
        ("If-Match" = String, Header, description = "the ETag that was read, of what the id names")),
    responses((status = 201, description = "the version", body = Detail)))]
#[post("/documents/{id}/versions")]
pub async fn create_document_version(guarded: Guarded, body: web::Payload) -> Answer {
    let id = guarded.id()?;
    let precondition = guarded.precondition()?;
    let form: NewVersionForm = body::json(guarded.request(), body).await?;
    let from = form.from.as_deref().map(|text| text.parse::<VersionName>()).transpose();
    let from = from.map_err(|why| ApiError::invalid("from", "not_a_version", why.to_string()))?;
    let new = NewVersion { comment: form.comment, major: form.major, from };
    let made = guarded.session().version_create(id, precondition, new).await?;
    let (token, version) = (made.value.summary.change_token, made.value.summary.id);
    answer::created(&format!("/api/v1/documents/{version}"), &made.transaction, token, &Detail::from(made.value))
}

/// Destroys one version of a document at once.
///
/// Was it the newest one, and the document unchanged since, then the document falls back to the newest that remains. The
/// last version is the document, as in CMIS: deleting it puts the document in the trash, with the version in it.
#[utoipa::path(tag = "documents",
    params(("id" = String, Path, description = "the document's id"),
        ("version" = String, Path, description = "`latest`, `latest-major`, a label such as `1.0`, or an id"),
        ("If-Match" = String, Header, description = "the ETag that was read, of the document")),
    responses((status = 204, description = "destroyed")))]
#[delete("/documents/{id}/versions/{version}")]
pub async fn delete_document_version(guarded: Guarded) -> Answer {
    let (id, name): (_, VersionName) = (guarded.id()?, guarded.segment("version")?);
    let precondition = guarded.precondition()?;
    let done = guarded.session().version_destroy(id, name, precondition).await?;
    answer::done(&done.transaction)
}

/// Returns which version a request asks for; nothing leaves it to the rules of the type.
///
/// # Errors
/// `invalid` for another word.
pub(crate) fn increment(word: Option<&str>, is_major: bool) -> Result<Option<VersionIncrement>, RepositoryError> {
    match word {
        Some("none") => Ok(Some(VersionIncrement::None)),
        Some("minor") => Ok(Some(VersionIncrement::Minor)),
        Some("major") => Ok(Some(VersionIncrement::Major)),
        Some(_) => Err(RepositoryError::invalid("version", "not_a_choice", "is `none`, `minor` or `major`")),
        None => Ok(is_major.then_some(VersionIncrement::Major)),
    }
}
