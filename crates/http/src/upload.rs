//! Uploads as `multipart/form-data` (RFC 7578): a few small fields and one content, in any order.

use std::collections::BTreeMap;

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use actix_web::web::Payload;
use cartulary_repository::NewContent;
use futures::StreamExt;

use crate::body::{FORM_BYTES_MAX, check_announced_length, stage_stream, watch};
use crate::error::ApiError;
use crate::guarded::Guarded;

/// How many fields a form may have.
const FIELDS_MAX: usize = 32;

/// A form that was taken whole.
#[derive(Debug, Default)]
pub struct Upload {
    /// The small fields, each once.
    pub fields: BTreeMap<String, String>,
    /// The content, staged.
    pub content: Option<NewContent>,
}

/// Takes a form; its part `content` goes to the store as it comes.
///
/// # Errors
/// `unsupported_media_type`, `malformed_upload`, `payload_too_large`, `request_timeout`, `content_interrupted`,
/// `storage_full`; `too_many_requests` or `unavailable` when too many are under way; `invalid` for a field that is not
/// in `known`, or comes twice.
pub async fn take(guarded: &Guarded, body: Payload, known: &[&str]) -> Result<Upload, ApiError> {
    let is_form =
        guarded.headers().get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"multipart/form-data"));
    if !is_form {
        return Err(ApiError::unsupported_media_type("multipart/form-data"));
    }
    check_announced_length(guarded)?;
    let (body, watch) = watch(guarded, body)?;
    let form = Multipart::new(guarded.headers(), body);
    watch.explain(take_parts(guarded, form, known).await)
}

async fn take_parts(guarded: &Guarded, mut form: Multipart, known: &[&str]) -> Result<Upload, ApiError> {
    let mut upload = Upload::default();
    for _ in 0..FIELDS_MAX {
        let Some(field) = form.next().await else { return Ok(upload) };
        let field = field.map_err(unreadable)?;
        let name = field.name().unwrap_or_default().to_owned();
        if name == "content" {
            take_content(guarded, field, &mut upload).await?;
        } else if known.contains(&name.as_str()) {
            take_field(name, field, &mut upload).await?;
        } else {
            return Err(ApiError::invalid(&name, "unknown_field", "is not a field of this form"));
        }
    }
    Err(ApiError::malformed_upload(format!("a form has at most {FIELDS_MAX} fields")))
}

/// Says what may be wrong with a part whose own head cannot be read.
fn unreadable(error: MultipartError) -> ApiError {
    match error {
        MultipartError::ContentDispositionMissing => ApiError::malformed_upload(
            "a part has no `Content-Disposition` that can be read: field and file names are UTF-8, without line breaks",
        ),
        other => ApiError::malformed_upload(other),
    }
}

async fn take_content(guarded: &Guarded, field: Field, upload: &mut Upload) -> Result<(), ApiError> {
    if upload.content.is_some() {
        return Err(ApiError::invalid("content", "repeated", "comes once"));
    }
    let media_type = field.content_type().map(ToString::to_string);
    let (file_name, file_name_raw) = file_name_of(&field);
    let content = stage_stream(guarded, field).await?;
    // A browser sends the part of an empty file chooser with an empty name and no bytes.
    let is_empty_chooser = content.staged.size_bytes == 0 && file_name.is_empty();
    if !is_empty_chooser {
        upload.content = Some(NewContent { file_name, file_name_raw, media_type, ..content });
    }
    Ok(())
}

/// Returns the name that the sender gives, without folders, as text and, when it is not UTF-8, as bytes.
fn file_name_of(field: &Field) -> (String, Option<Vec<u8>>) {
    let header = field.content_disposition();
    if let Some(extended) = header.and_then(|header| header.get_filename_ext()) {
        let text = String::from_utf8_lossy(&extended.value);
        return (last_segment(&text).to_owned(), None);
    }
    if let Some(name) = header.and_then(|header| header.get_filename()) {
        return (last_segment(name).to_owned(), None);
    }
    let raw = field.headers().get(CONTENT_DISPOSITION).and_then(|value| raw_file_name(value.as_bytes()));
    raw.map_or_else(Default::default, |raw| (String::from_utf8_lossy(&raw).into_owned(), Some(raw)))
}

/// Finds `filename="…"` in a header that is not UTF-8.
fn raw_file_name(header: &[u8]) -> Option<Vec<u8>> {
    const MARK: &[u8] = b"filename=\"";
    let begin = header.windows(MARK.len()).position(|window| window.eq_ignore_ascii_case(MARK))? + MARK.len();
    let rest = header.get(begin..)?;
    let end = rest.iter().position(|byte| *byte == b'"')?;
    let name = rest.get(..end)?;
    let segment = name.rsplit(|byte| matches!(byte, b'/' | b'\\')).next()?;
    Some(segment.to_vec())
}

/// Some browsers send the path of a file.
pub(crate) fn last_segment(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or_default()
}

async fn take_field(name: String, mut field: Field, upload: &mut Upload) -> Result<(), ApiError> {
    let limit = usize::try_from(FORM_BYTES_MAX).unwrap_or(usize::MAX);
    let bytes = field.bytes(limit).await;
    let bytes = bytes.map_err(|_| ApiError::payload_too_large(FORM_BYTES_MAX))?.map_err(ApiError::malformed_upload)?;
    let text = String::from_utf8(bytes.to_vec()).map_err(|_| ApiError::invalid(&name, "not_utf8", "is not UTF-8"))?;
    if upload.fields.contains_key(&name) {
        return Err(ApiError::invalid(&name, "repeated", "comes once"));
    }
    upload.fields.insert(name, text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_loses_its_folders() {
        assert_eq!(last_segment("C:\\papers\\a.pdf"), "a.pdf");
        assert_eq!(last_segment("papers/a.pdf"), "a.pdf");
        assert_eq!(last_segment("a.pdf"), "a.pdf");
    }

    #[test]
    fn a_name_that_is_not_utf8_is_found() {
        let header = b"form-data; name=\"content\"; filename=\"x/\xe9t\xe9.pdf\"";
        assert_eq!(raw_file_name(header), Some(b"\xe9t\xe9.pdf".to_vec()));
        assert_eq!(raw_file_name(b"form-data"), None);
    }
}
