//! `/annotations` and those of documents: marks and notes on pages, as W3C Web Annotations.

use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use actix_web::{HttpResponse, delete, get, post, put, web};
use cartulary_model::{BlobDigest, ObjectId};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::{self, Answer};
use crate::error::ApiError;
use crate::guarded::Guarded;
use crate::routes::annotation_model::{Annotation, AnnotationForm};
use crate::routes::object::Page;
use crate::{body, paging};

/// What one annotation is answered as.
const MEDIA_TYPE: &str = "application/ld+json; profile=\"http://www.w3.org/ns/anno.jsonld\"";

/// Which annotations are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AnnotationQuery {
    /// The SHA-256 of a content of the document, or of a version of it; unless given, of its present contents, or of those of
    /// the version that is named.
    digest: Option<String>,
    /// How many rows are answered, 1 to 1,000; 50 unless given.
    limit: Option<u64>,
    /// How many rows are passed over.
    offset: Option<u64>,
    /// Continues a list, instead of an offset.
    cursor: Option<String>,
}

fn as_json_ld(mut response: HttpResponse) -> HttpResponse {
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
    response
}

/// Lists the annotations on the contents of a document, or of the version whose id is given, oldest first, for who may read
/// the content.
#[utoipa::path(tag = "annotations", params(AnnotationQuery, ("id" = String, Path, description = "the document's or version's id")),
    responses((status = 200, description = "a window", body = Page<Annotation>)))]
#[get("/documents/{id}/annotations")]
pub async fn list_document_annotations(guarded: Guarded) -> Answer {
    let (id, query): (ObjectId, AnnotationQuery) = (guarded.id()?, guarded.query()?);
    let window = paging::window(query.limit, query.offset, query.cursor.as_deref())?;
    let wrong = |_| ApiError::invalid_query("digest", "is a SHA-256 in 64 hexadecimal digits");
    let digest: Option<BlobDigest> = query.digest.as_deref().map(str::parse).transpose().map_err(wrong)?;
    answer::ok(&Page::<Annotation>::of(guarded.session().annotation_list(id, digest, window).await?))
}

/// Annotates a content of a document, or of the version whose id is given.
///
/// The annotation stays with the bytes: it is shown with every version of the document that has them.
#[utoipa::path(tag = "annotations", request_body(content = AnnotationForm, content_type = "application/ld+json"),
    params(("id" = String, Path, description = "the document's or version's id"),
        ("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made")),
    responses((status = 201, description = "the annotation", body = Annotation, content_type = "application/ld+json")))]
#[post("/documents/{id}/annotations")]
pub async fn create_document_annotation(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, idempotency_key): (ObjectId, _) = (guarded.id()?, guarded.idempotency_key()?);
    let form: AnnotationForm = body::json_ld(guarded.request(), body).await?;
    let (content, faults) = form.read()?;
    let made = guarded.session().annotation_create(id, content, idempotency_key, faults).await?;
    let (annotation, token) = (made.value.id, made.value.change_token);
    let location = format!("/api/v1/annotations/{annotation}");
    answer::created(&location, &made.transaction, token, &Annotation::from(made.value)).map(as_json_ld)
}

/// Returns an annotation.
#[utoipa::path(tag = "annotations", params(("id" = String, Path, description = "the annotation's id")),
    responses((status = 200, description = "the annotation", body = Annotation, content_type = "application/ld+json")))]
#[get("/annotations/{id}")]
pub async fn get_annotation(guarded: Guarded) -> Answer {
    let view = guarded.session().annotation_get(guarded.id()?).await?;
    answer::object(&guarded, view.change_token, &Annotation::from(view)).map(as_json_ld)
}

/// Replaces what an annotation says, and where on the same content: its creator does, and who may change who may do what with
/// the document.
#[utoipa::path(tag = "annotations", request_body(content = AnnotationForm, content_type = "application/ld+json"),
    params(("id" = String, Path, description = "the annotation's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "as it is now", body = Annotation, content_type = "application/ld+json")))]
#[put("/annotations/{id}")]
pub async fn update_annotation(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    let form: AnnotationForm = body::json_ld(guarded.request(), body).await?;
    let (content, faults) = form.read()?;
    let changed = guarded.session().annotation_update(id, precondition, content, faults).await?;
    let token = changed.value.change_token;
    answer::changed(&changed.transaction, token, &Annotation::from(changed.value)).map(as_json_ld)
}

/// Deletes an annotation: its creator does, and who may change who may do what with the document.
#[utoipa::path(tag = "annotations",
    params(("id" = String, Path, description = "the annotation's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 204, description = "gone")))]
#[delete("/annotations/{id}")]
pub async fn delete_annotation(guarded: Guarded) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    answer::done(&guarded.session().annotation_delete(id, precondition).await?.transaction)
}
