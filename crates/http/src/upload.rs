//! Uploads as `multipart/form-data` (RFC 7578): a few small fields and one content, in any order.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use actix_multipart::{Field, Multipart, MultipartError};
use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, ContentDisposition, HeaderMap, HeaderValue};
use actix_web::web::Payload;
use bytes::Bytes;
use cartulary_repository::{NewContent, RepositoryError};
use futures::{StreamExt, TryStreamExt};

use crate::body::{FORM_BYTES_MAX, Watched, check_announced_length, check_plain, check_unpacked, stage_stream, watch};
use crate::error::ApiError;
use crate::guarded::Guarded;

/// How many fields a form may have.
const FIELDS_MAX: usize = 32;

const FORM: &[u8] = b"multipart/form-data";

fn is_form(media_type: &[u8]) -> bool {
    media_type.get(..FORM.len()).is_some_and(|essence| essence.eq_ignore_ascii_case(FORM))
}

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
    let is_form = guarded.headers().get(CONTENT_TYPE).is_some_and(|value| is_form(value.as_bytes()));
    if !is_form {
        return Err(ApiError::unsupported_media_type("multipart/form-data"));
    }
    check_unpacked(guarded.headers())?;
    check_announced_length(guarded)?;
    let (body, watch) = watch(guarded, body)?;
    let beginning = Rc::<RefCell<Vec<u8>>>::default();
    let form = parts_of(guarded, noting(body, Rc::clone(&beginning)));
    let taken = take_parts(guarded, form, known).await.map_err(|failure| match failure {
        Failure::Refused(refusal) => refusal,
        Failure::Unreadable(error) => {
            let boundary = guarded.headers().get(CONTENT_TYPE).and_then(|value| boundary_of(value.as_bytes()));
            unreadable(error, boundary.as_deref(), &beginning.borrow())
        }
    });
    watch.explain(taken)
}

/// Why a form was not taken.
enum Failure {
    Refused(ApiError),
    Unreadable(MultipartError),
}

impl From<ApiError> for Failure {
    fn from(refusal: ApiError) -> Self {
        Self::Refused(refusal)
    }
}

/// How much of the beginning of a body is kept, to say what is wrong with it. *Units*: bytes.
const BEGINNING_BYTES: usize = 4_096;

/// Passes a body on, and notes how it begins.
fn noting(body: Watched, beginning: Rc<RefCell<Vec<u8>>>) -> Watched {
    let note = move |chunk: &Bytes| {
        let mut noted = beginning.borrow_mut();
        let room = BEGINNING_BYTES.saturating_sub(noted.len());
        noted.extend_from_slice(chunk.get(..chunk.len().min(room)).unwrap_or_default());
    };
    body.inspect_ok(note).boxed_local()
}

/// Returns the boundary that the media type of a form names.
fn boundary_of(media_type: &[u8]) -> Option<Vec<u8>> {
    raw_parameter(media_type, b"boundary").filter(|boundary| !boundary.is_empty())
}

async fn take_parts(guarded: &Guarded, mut form: Multipart, known: &[&str]) -> Result<Upload, Failure> {
    let mut upload = Upload::default();
    for _ in 0..FIELDS_MAX {
        let Some(field) = form.next().await else { return Ok(upload) };
        let field = field.map_err(Failure::Unreadable)?;
        check_unpacked(field.headers())?;
        check_plain(field.headers())?;
        let Disposition { name, file_name } = disposition_of(&field)?;
        if name == "content" {
            take_content(guarded, field, file_name, &mut upload).await?;
        } else if known.contains(&name.as_str()) {
            take_field(name, field, &mut upload).await?;
        } else {
            let known = known.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ");
            let words = format!("is not a field of this form: `content`, {known} are");
            return Err(ApiError::invalid(&name, "unknown_field", words).into());
        }
    }
    Err(ApiError::malformed_upload(format!("a form has at most {FIELDS_MAX} fields")).into())
}

/// Says in words what is wrong with a form, of which this is the beginning. Whether the connection broke is known
/// elsewhere: here the body came as it was sent.
fn unreadable(error: MultipartError, boundary: Option<&[u8]>, beginning: &[u8]) -> ApiError {
    match error {
        MultipartError::Incomplete | MultipartError::Payload(PayloadError::Incomplete(_) | PayloadError::Io(_)) => {
            if beginning.is_empty() {
                return ApiError::malformed_upload("the body is empty: send the form's parts, each after the boundary");
            }
            match boundary {
                Some(boundary) if is_without(beginning, boundary) => ApiError::malformed_upload(format!(
                    "the body has no part: none of its lines is the boundary `--{}` that `Content-Type` names",
                    String::from_utf8_lossy(boundary)
                )),
                _ => RepositoryError::Interrupted.into(),
            }
        }
        MultipartError::Payload(PayloadError::Overflow) => ApiError::malformed_upload("the head of a part is too long"),
        MultipartError::Payload(_) => ApiError::malformed_upload("the body cannot be read"),
        MultipartError::Parse(_) => ApiError::malformed_upload(
            "the head of a part cannot be read: it is lines such as `Content-Disposition: form-data; name=\"content\"`, then \
             an empty line",
        ),
        MultipartError::BoundaryMissing if boundary.is_none() => {
            ApiError::malformed_upload("`Content-Type` names no boundary: it is `multipart/form-data; boundary=…`")
        }
        MultipartError::BoundaryMissing => {
            ApiError::malformed_upload("the parts are not separated by the boundary that `Content-Type` names")
        }
        MultipartError::ContentTypeParse => {
            ApiError::malformed_upload("`Content-Type` cannot be read: it is `multipart/form-data; boundary=…`")
        }
        MultipartError::Nested => {
            ApiError::malformed_upload("a part is a form of its own: send its parts by themselves")
        }
        other => ApiError::malformed_upload(other),
    }
}

/// Says whether a boundary does not stand in a body that is shorter than what is kept of it.
fn is_without(beginning: &[u8], boundary: &[u8]) -> bool {
    let line = [b"--", boundary].concat();
    beginning.len() < BEGINNING_BYTES && !beginning.windows(line.len()).any(|some| some == line)
}

/// Makes a reader of the parts. The library reads names of UTF-8 only, and refuses the form for any other; as parts of
/// another kind of message it gives them as they are, and what a form asks of them is looked at here.
fn parts_of(guarded: &Guarded, body: Watched) -> Multipart {
    let mut headers = HeaderMap::new();
    if let Some(value) = guarded.headers().get(CONTENT_TYPE) {
        let rest = value.as_bytes().get(FORM.len()..).unwrap_or_default();
        let plain = HeaderValue::from_bytes(&[b"multipart/mixed", rest].concat());
        headers.insert(CONTENT_TYPE, plain.unwrap_or_else(|_| value.clone()));
    }
    Multipart::new(&headers, body)
}

/// A file's name as text and, when it is not UTF-8, as bytes.
pub(crate) type FileName = (String, Option<Vec<u8>>);

/// What a part says of itself.
struct Disposition {
    name: String,
    file_name: FileName,
}

/// Returns the file's name that the headers of a request say, whatever its encoding; nothing when they say none.
pub(crate) fn file_name_in(headers: &HeaderMap) -> Option<FileName> {
    let header = headers.get(CONTENT_DISPOSITION)?;
    let read = ContentDisposition::from_raw(header).ok();
    let extended = read.as_ref().and_then(|read| read.get_filename_ext()).map(|extended| extended.value.clone());
    let name = extended.or_else(|| raw_parameter(header.as_bytes(), b"filename"))?;
    Some(as_text(name)).filter(|(text, _)| !text.is_empty())
}

/// Reads the disposition of a part, whatever the encoding of its names.
fn disposition_of(field: &Field) -> Result<Disposition, ApiError> {
    if let Some(header) = field.content_disposition()
        && let Some(name) = header.get_name()
    {
        let extended = header.get_filename_ext().map(|extended| extended.value.clone());
        let plain = header.get_filename().map(|name| name.as_bytes().to_vec());
        return Ok(Disposition { name: name.to_owned(), file_name: as_text(extended.or(plain).unwrap_or_default()) });
    }
    let header = field.headers().get(CONTENT_DISPOSITION).map(HeaderValue::as_bytes).unwrap_or_default();
    let name = raw_parameter(header, b"name").and_then(|name| String::from_utf8(name).ok());
    let is_form_data = header.get(..9).is_some_and(|kind| kind.eq_ignore_ascii_case(b"form-data"));
    match name.filter(|_| is_form_data) {
        Some(name) => {
            Ok(Disposition { name, file_name: as_text(raw_parameter(header, b"filename").unwrap_or_default()) })
        }
        None => Err(ApiError::malformed_upload(
            "a part does not say which field it is: `Content-Disposition: form-data; name=\"…\"`",
        )),
    }
}

/// Returns the last segment of a name as text and, when it is not UTF-8, as bytes.
pub(crate) fn as_text(name: Vec<u8>) -> FileName {
    match String::from_utf8(name) {
        Ok(text) => (last_segment(&text).to_owned(), None),
        Err(other) => {
            let raw = other.into_bytes();
            let segment = raw.rsplit(|byte| matches!(byte, b'/' | b'\\')).next().unwrap_or_default().to_vec();
            (String::from_utf8_lossy(&segment).into_owned(), Some(segment))
        }
    }
}

/// Finds a parameter of a header whose values need not be UTF-8.
fn raw_parameter(header: &[u8], wanted: &[u8]) -> Option<Vec<u8>> {
    let mut rest = header;
    loop {
        let begin = rest.iter().position(|byte| *byte == b';')? + 1;
        rest = rest.get(begin..)?.trim_ascii_start();
        let equals = rest.iter().position(|byte| *byte == b'=')?;
        let (name, value) = (rest.get(..equals)?.trim_ascii(), rest.get(equals + 1..)?.trim_ascii_start());
        let (value, after) = match value.strip_prefix(b"\"") {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = value.iter().position(|byte| *byte == b';').unwrap_or(value.len());
                (value.get(..end)?.trim_ascii_end().to_vec(), value.get(end..)?)
            }
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after;
    }
}

/// Returns what stands before the closing quote, and what follows it.
fn unquoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let (mut value, mut bytes) = (Vec::new(), text.iter().enumerate());
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Some((value, text.get(at + 1..)?)),
            b'\\' => value.push(*bytes.next()?.1),
            byte => value.push(*byte),
        }
    }
    None
}

async fn take_content(
    guarded: &Guarded,
    field: Field,
    (file_name, file_name_raw): FileName,
    upload: &mut Upload,
) -> Result<(), Failure> {
    if upload.content.is_some() {
        return Err(ApiError::invalid("content", "repeated", "comes once").into());
    }
    let media_type = field.content_type().map(ToString::to_string);
    let content = stage_stream(guarded, field).await?;
    // A browser sends the part of an empty file chooser with an empty name and no bytes.
    let is_empty_chooser = content.bytes.size_bytes == 0 && file_name.is_empty();
    if !is_empty_chooser {
        upload.content = Some(NewContent { file_name, file_name_raw, media_type, ..content });
    }
    Ok(())
}

/// Some browsers send the path of a file.
fn last_segment(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().unwrap_or_default()
}

async fn take_field(name: String, mut field: Field, upload: &mut Upload) -> Result<(), Failure> {
    let limit = usize::try_from(FORM_BYTES_MAX).unwrap_or(usize::MAX);
    let bytes = field.bytes(limit).await;
    let bytes = bytes.map_err(|_| ApiError::payload_too_large(FORM_BYTES_MAX))?.map_err(Failure::Unreadable)?;
    let text = String::from_utf8(bytes.to_vec()).map_err(|_| ApiError::invalid(&name, "not_utf8", "is not UTF-8"))?;
    if upload.fields.contains_key(&name) {
        return Err(ApiError::invalid(&name, "repeated", "comes once").into());
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
    fn parameters_are_found_whatever_their_encoding() {
        let header = b"form-data; filename=\"x/\xe9; name=t\xe9.pdf\" ; NAME=content";
        assert_eq!(raw_parameter(header, b"name").as_deref(), Some(b"content".as_slice()));
        let name = raw_parameter(header, b"filename").unwrap();
        assert_eq!(name, b"x/\xe9; name=t\xe9.pdf");
        assert_eq!(as_text(name), ("\u{fffd}; name=t\u{fffd}.pdf".into(), Some(b"\xe9; name=t\xe9.pdf".to_vec())));
        assert_eq!(raw_parameter(b"form-data; name=\"a\\\"b\\\\\"", b"name").as_deref(), Some(br#"a"b\"#.as_slice()));
        for header in [b"form-data".as_slice(), b"", b";", b"; name", b"form-data; name=\"open", b"a; name=\"x\\"] {
            assert_eq!(raw_parameter(header, b"name"), None, "{header:?}");
        }
    }
}
