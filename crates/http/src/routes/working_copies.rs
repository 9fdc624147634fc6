//! `/documents/{id}/working-copy`: check-out, and its end without a version.

use actix_web::{delete, get, post};

use crate::answer::{self, Answer};
use crate::guarded::Guarded;
use crate::routes::object::Detail;

/// Checks a document out: makes its private working copy, of which there is at most one.
///
/// The working copy has an id of its own, under which its title, properties and content are changed as those of a document
/// are, with `PATCH /documents/{id}` and `PUT /documents/{id}/content`. Whoever checked out and holders of `Unlock` see it.
/// Until it is checked in with `POST /documents/{id}/versions`, or cancelled, the document answers `checked_out` to changes.
#[utoipa::path(tag = "documents",
    params(("id" = String, Path, description = "the document's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made")),
    responses((status = 201, description = "the working copy", body = Detail),
        (status = 409, description = "`checked_out`: somebody has it, `by` says who")))]
#[post("/documents/{id}/working-copy")]
pub async fn create_working_copy(guarded: Guarded) -> Answer {
    let id = guarded.id()?;
    let made = guarded.session().document_check_out(id, guarded.idempotency_key()?).await?;
    let (token, copy) = (made.value.summary.change_token, made.value.summary.id);
    answer::created(&format!("/api/v1/documents/{copy}"), &made.transaction, token, &Detail::from(made.value))
}

/// Returns the working copy of a document.
#[utoipa::path(tag = "documents", params(("id" = String, Path, description = "the id of the document, or of the working copy")),
    responses((status = 200, description = "the working copy", body = Detail)))]
#[get("/documents/{id}/working-copy")]
pub async fn get_working_copy(guarded: Guarded) -> Answer {
    let detail = guarded.session().working_copy_get(guarded.id()?).await?;
    answer::object(&guarded, detail.summary.change_token, &Detail::from(detail))
}

/// Cancels a check-out: the working copy is gone, with what was changed in it.
#[utoipa::path(tag = "documents",
    params(("id" = String, Path, description = "the id of the document, or of the working copy"),
        ("If-Match" = String, Header, description = "the ETag that was read, of the working copy")),
    responses((status = 204, description = "the document is not checked out")))]
#[delete("/documents/{id}/working-copy")]
pub async fn delete_working_copy(guarded: Guarded) -> Answer {
    let precondition = guarded.precondition()?;
    let done = guarded.session().check_out_cancel(guarded.id()?, precondition).await?;
    answer::done(&done.transaction)
}
