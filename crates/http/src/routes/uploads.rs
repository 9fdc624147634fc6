//! `/uploads`: contents that come in several requests, as tus 1.0 says (core, creation, creation-with-upload, checksum,
//! expiration, termination).
//!
//! *Source*: <https://tus.io/protocols/resumable-upload>, version 1.0.0.

use std::time::{Duration, SystemTime};

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HttpDate, LOCATION};
use actix_web::{HttpResponse, HttpResponseBuilder, delete, get, options, patch, post, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cartulary_model::{BlobDigest, Name, ObjectId, Timestamp};
use cartulary_repository::{self as repository, Checksum, ChecksumKind, NewUpload, UploadLimits};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::{self, Answer};
use crate::body;
use crate::error::ApiError;
use crate::guarded::Guarded;
use crate::routes::object::Page;
use crate::routes::users::WindowQuery;
use crate::state::AppState;
use crate::upload::as_text;

/// The version of the protocol.
pub(crate) const TUS_VERSION: &str = "1.0.0";
/// Says which version of the protocol is spoken.
pub(crate) const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
const EXTENSIONS: &str = "creation,creation-with-upload,checksum,expiration,termination";
const BYTES: &str = "application/offset+octet-stream";

/// An upload.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Upload {
    /// The upload's id.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// How many bytes it will have.
    length_bytes: u64,
    /// How many of them are here, on disk.
    offset_bytes: u64,
    /// The file's name, as the metadata say.
    file_name: String,
    /// When it was begun.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Until when it is kept.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// Whether it has become a content.
    used: bool,
}

impl From<repository::UploadView> for Upload {
    fn from(view: repository::UploadView) -> Self {
        Self {
            id: view.id,
            length_bytes: view.length_bytes,
            offset_bytes: view.offset_bytes,
            file_name: view.file_name,
            created_at: view.created_at,
            expires_at: view.expires_at,
            used: view.is_used,
        }
    }
}

/// Says what is spoken here: `Tus-Version`, `Tus-Extension`, `Tus-Max-Size`, `Tus-Checksum-Algorithm`.
#[utoipa::path(tag = "uploads", responses((status = 204, description = "in the headers")))]
#[options("/uploads")]
pub async fn get_upload_options(state: web::Data<AppState>) -> Answer {
    let mut response = HttpResponse::NoContent();
    response.insert_header(("tus-version", TUS_VERSION));
    response.insert_header(("tus-extension", EXTENSIONS));
    response.insert_header(("tus-checksum-algorithm", "sha1,sha256"));
    let most = state.config().max_upload_bytes;
    if most > 0 {
        response.insert_header(("tus-max-size", most.to_string()));
    }
    Ok(response.finish())
}

/// Begins an upload.
///
/// `Upload-Metadata` may have `filename`, and `sha256`: the digest in hexadecimal digits. If the caller may read the content
/// of an object that has these bytes, they need not be sent, and `Upload-Offset` says so; otherwise the answer is the same
/// whether the office has such bytes or not. Bytes that come with the request are taken as `PATCH` takes them.
#[utoipa::path(tag = "uploads",
    params(("Tus-Resumable" = String, Header, description = "`1.0.0`"),
        ("Upload-Length" = u64, Header, description = "how many bytes will come"),
        ("Upload-Metadata" = Option<String>, Header, description = "pairs of a key and a value in Base64, with commas between"),
        ("Upload-Checksum" = Option<String>, Header, description = "`sha1` or `sha256`, a space, the sum in Base64")),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream", description = "the first bytes"),
    responses((status = 201, description = "begun; `Location` is where it goes on"),
        (status = 409, description = "`too_many_uploads`"),
        (status = 412, description = "`unsupported_tus_version`"),
        (status = 460, description = "`checksum_mismatch`"),
        (status = 507, description = "`quota_exceeded`, `storage_full`: there is no room for that with what you upload already")))]
#[post("/uploads")]
pub async fn create_upload(guarded: Guarded, body: web::Payload) -> Answer {
    let headers = guarded.headers();
    body::check_unpacked(headers)?;
    check_version(headers)?;
    if headers.contains_key("upload-defer-length") {
        return Err(ApiError::invalid_header("Upload-Defer-Length", "is not taken here: say the length"));
    }
    let length_bytes = number(headers, "upload-length", "Upload-Length")?;
    let (limits, most) = (limits(&guarded)?, guarded.state()?.config().max_upload_bytes);
    if most > 0 && length_bytes > most {
        return Err(ApiError::payload_too_large(most));
    }
    let checksum = checksum(headers)?;
    let metadata = text(headers, "upload-metadata", "Upload-Metadata")?.unwrap_or_default().to_owned();
    let (file_name, digest) = known_metadata(&metadata)?;
    let brings_bytes = is_bytes(headers);
    let new = NewUpload { length_bytes, metadata, file_name, digest };
    let mut made = guarded.session().upload_create(new, limits).await?.value;
    if brings_bytes && made.offset_bytes < length_bytes {
        let id = made.id;
        let taken = take(&guarded, id, 0, body, checksum, limits).await;
        if matches!(&taken, Err(error) if error.status().is_client_error() && error.code() != "content_interrupted") {
            guarded.session().upload_delete(id).await?;
        }
        made = taken?;
    }
    let mut response = progress(StatusCode::CREATED, &made);
    response.insert_header((LOCATION, format!("/api/v1/uploads/{}", made.id)));
    Ok(response.finish())
}

/// Lists the caller's uploads, newest first.
#[utoipa::path(tag = "uploads", params(WindowQuery),
    responses((status = 200, description = "a window", body = Page<Upload>)))]
#[get("/uploads")]
pub async fn list_uploads(guarded: Guarded) -> Answer {
    let query: WindowQuery = guarded.query()?;
    answer::ok(&Page::<Upload>::of(guarded.session().upload_list(query.window()?).await?))
}

/// Returns an upload; `HEAD` says by `Upload-Offset` where to go on.
#[utoipa::path(tag = "uploads", params(("id" = String, Path, description = "the upload's id")),
    responses((status = 200, description = "the upload", body = Upload)))]
#[get("/uploads/{id}")]
pub async fn get_upload(guarded: Guarded) -> Answer {
    let view = guarded.session().upload_get(guarded.id()?).await?;
    let mut response = progress(StatusCode::OK, &view);
    response.insert_header((UPLOAD_LENGTH, view.length_bytes.to_string()));
    if !view.metadata.is_empty() {
        response.insert_header((UPLOAD_METADATA, view.metadata.clone()));
    }
    Ok(response.json(Upload::from(view)))
}

/// Takes bytes from `Upload-Offset` on. The offset that is answered is on disk. What has come when the line breaks is kept,
/// unless `Upload-Checksum` was sent: then all bytes of the request are taken, or none.
#[utoipa::path(tag = "uploads",
    params(("id" = String, Path, description = "the upload's id"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
        ("Upload-Offset" = u64, Header, description = "how many bytes are here"),
        ("Upload-Checksum" = Option<String>, Header, description = "`sha1` or `sha256`, a space, the sum in Base64")),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream", description = "the next bytes"),
    responses((status = 204, description = "taken; `Upload-Offset` says up to where"),
        (status = 409, description = "`upload_offset_mismatch`, `upload_too_long`, `upload_used`"),
        (status = 412, description = "`unsupported_tus_version`"),
        (status = 460, description = "`checksum_mismatch`")))]
#[patch("/uploads/{id}")]
pub async fn update_upload(guarded: Guarded, body: web::Payload) -> Answer {
    append(&guarded, body).await
}

/// Does what the header `X-HTTP-Method-Override` says, for clients that cannot send `PATCH` or `DELETE`.
#[utoipa::path(tag = "uploads",
    params(("id" = String, Path, description = "the upload's id"),
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
        ("X-HTTP-Method-Override" = String, Header, description = "`PATCH` or `DELETE`"),
        ("Upload-Offset" = Option<u64>, Header, description = "how many bytes are here")),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream", description = "the next bytes"),
    responses((status = 204, description = "done")))]
#[post("/uploads/{id}")]
pub async fn update_upload_by_post(guarded: Guarded, body: web::Payload) -> Answer {
    body::check_unpacked(guarded.headers())?;
    match text(guarded.headers(), "x-http-method-override", "X-HTTP-Method-Override")? {
        Some("PATCH") => append(&guarded, body).await,
        Some("DELETE") => remove(&guarded).await,
        _ => Err(ApiError::invalid_header("X-HTTP-Method-Override", "is `PATCH` or `DELETE` here")),
    }
}

/// Ends an upload and forgets its bytes; a content that was made of it stays.
#[utoipa::path(tag = "uploads", params(("id" = String, Path, description = "the upload's id")),
    responses((status = 204, description = "gone")))]
#[delete("/uploads/{id}")]
pub async fn delete_upload(guarded: Guarded) -> Answer {
    remove(&guarded).await
}

async fn remove(guarded: &Guarded) -> Answer {
    let id = guarded.id()?;
    let is_of_other_version = guarded.headers().contains_key(TUS_RESUMABLE);
    if is_of_other_version {
        check_version(guarded.headers())?;
    }
    guarded.session().upload_delete(id).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn append(guarded: &Guarded, body: web::Payload) -> Answer {
    let (id, headers) = (guarded.id()?, guarded.headers());
    body::check_unpacked(headers)?;
    check_version(headers)?;
    if !is_bytes(headers) {
        return Err(ApiError::unsupported_media_type(BYTES));
    }
    let offset = number(headers, "upload-offset", "Upload-Offset")?;
    let checksum = checksum(headers)?;
    let view = take(guarded, id, offset, body, checksum, limits(guarded)?).await?;
    Ok(progress(StatusCode::NO_CONTENT, &view).finish())
}

async fn take(
    guarded: &Guarded,
    id: ObjectId,
    offset: u64,
    body: web::Payload,
    checksum: Option<Checksum>,
    limits: UploadLimits,
) -> Result<repository::UploadView, ApiError> {
    let session = guarded.session();
    let before = session.upload_get(id).await?;
    let announced = guarded.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    let room = before.length_bytes.saturating_sub(offset);
    // Where it goes on somewhere else, that is what is said.
    let is_at_its_place = before.offset_bytes == offset;
    if is_at_its_place && announced.is_some_and(|announced| announced > room) {
        return Err(ApiError::payload_too_large(room));
    }
    body::take_counted(guarded, body, |body| session.upload_append(id, offset, body, checksum, limits)).await
}

fn limits(guarded: &Guarded) -> Result<UploadLimits, ApiError> {
    let config = guarded.state()?.config();
    Ok(UploadLimits {
        max_bytes: config.max_upload_bytes,
        max_open: config.max_open_uploads,
        keep_ms: i64::from(config.upload_keep_hours) * 3_600_000,
    })
}

fn progress(status: StatusCode, view: &repository::UploadView) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response.insert_header((UPLOAD_OFFSET, view.offset_bytes.to_string()));
    response.insert_header((CACHE_CONTROL, "no-store"));
    let millis = u64::try_from(view.expires_at.as_millis()).unwrap_or_default();
    let expires = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis));
    if let Some(expires) = expires {
        response.insert_header((UPLOAD_EXPIRES, HttpDate::from(expires)));
    }
    response
}

fn check_version(headers: &HeaderMap) -> Result<(), ApiError> {
    let is_ours = headers.get(TUS_RESUMABLE).is_some_and(|version| version == TUS_VERSION);
    if is_ours { Ok(()) } else { Err(ApiError::unsupported_tus_version()) }
}

fn is_bytes(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().eq_ignore_ascii_case(BYTES.as_bytes()))
}

fn text<'a>(headers: &'a HeaderMap, name: &str, shown: &str) -> Result<Option<&'a str>, ApiError> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    value.to_str().map(Some).map_err(|_| ApiError::invalid_header(shown, "is not ASCII"))
}

fn number(headers: &HeaderMap, name: &str, shown: &str) -> Result<u64, ApiError> {
    let given = text(headers, name, shown)?.unwrap_or_default();
    let is_number = !given.is_empty() && given.bytes().all(|digit| digit.is_ascii_digit());
    let number = given.parse::<u64>().ok().filter(|number| is_number && i64::try_from(*number).is_ok());
    number.ok_or_else(|| ApiError::invalid_header(shown, "is a number of bytes"))
}

fn checksum(headers: &HeaderMap) -> Result<Option<Checksum>, ApiError> {
    const NAME: &str = "Upload-Checksum";
    let Some(given) = text(headers, "upload-checksum", NAME)? else { return Ok(None) };
    let unreadable = || ApiError::invalid_header(NAME, "is `sha1` or `sha256`, a space, and the sum in Base64");
    let (kind, sum) = given.split_once(' ').ok_or_else(unreadable)?;
    let (kind, length) = match kind {
        "sha1" => (ChecksumKind::Sha1, 20),
        "sha256" => (ChecksumKind::Sha256, 32),
        _ => return Err(unreadable()),
    };
    let value = STANDARD.decode(sum).ok().filter(|sum| sum.len() == length).ok_or_else(unreadable)?;
    Ok(Some(Checksum { kind, value }))
}

/// Returns what is known here of metadata: the file's name and the digest.
fn known_metadata(metadata: &str) -> Result<(String, Option<BlobDigest>), ApiError> {
    const NAME: &str = "Upload-Metadata";
    let (mut file_name, mut digest) = (String::new(), None);
    for pair in metadata.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
        let value = STANDARD.decode(value.trim());
        let value = value.map_err(|_| ApiError::invalid_header(NAME, "has a value that is not Base64"))?;
        match key {
            "filename" => {
                let (text, _) = as_text(value);
                let checked = if text.is_empty() { Ok(()) } else { Name::of_file(&text).map(drop) };
                checked.map_err(|why| ApiError::invalid("filename", "invalid_name", why.to_string()))?;
                file_name = text;
            }
            "sha256" => {
                let text = String::from_utf8_lossy(&value);
                let wrong = |_| ApiError::invalid_header(NAME, "has a `sha256` that is not 64 lower-case hex digits");
                digest = Some(text.parse::<BlobDigest>().map_err(wrong)?);
            }
            _ => {}
        }
    }
    Ok((file_name, digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(metadata: &str) -> Result<(String, bool), &'static str> {
        let read = known_metadata(metadata).map(|(name, digest)| (name, digest.is_some()));
        read.map_err(|refusal| refusal.code())
    }

    #[test]
    fn metadata_say_the_name_and_the_digest() {
        assert_eq!(of(""), Ok((String::new(), false)));
        assert_eq!(of("is_confidential,filename 2YXZhNmB,other eA=="), Ok(("ملف".into(), false)));
        assert_eq!(of("filename QzpcYS5wZGY="), Ok(("a.pdf".into(), false)));
        let digest = STANDARD.encode("0".repeat(64));
        assert_eq!(of(&format!("sha256 {digest}")), Ok((String::new(), true)));
        for wrong in ["filename ???", "sha256 eA==", "x é"] {
            assert_eq!(of(wrong), Err("invalid_header"), "{wrong}");
        }
        assert_eq!(of(&format!("filename {}", STANDARD.encode("a\nb"))), Err("invalid"));
    }
}
