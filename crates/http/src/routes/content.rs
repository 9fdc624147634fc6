//! `/documents/{id}/content` and `/blobs`: the bytes, out and in.

use std::future::Future;
use std::ops::Range;

use actix_web::body::SizedStream;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderValue,
    IF_MATCH, IF_NONE_MATCH, RANGE,
};
use actix_web::{HttpMessage, HttpResponse, HttpResponseBuilder, get, put, web};
use bytes::BytesMut;
use cartulary_model::{BlobDigest, Name, SlotName};
use cartulary_repository::{Content, NewContent, OpenedContent, RepositoryError, VersionNote};
use futures::StreamExt;
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::{self, Answer};
use crate::envelope::HeadOnly;
use crate::error::ApiError;
use crate::guarded::Guarded;
use crate::ranges::{self, Part};
use crate::routes::object::Detail;
use crate::routes::versions;
use crate::security_headers::CONTENT_POLICY;
use crate::upload::{FileName, as_text, file_name_in};
use crate::{body, conditional, disposition};

/// Contents up to this size are answered in one piece, verified before the first byte goes out. *Units*: bytes.
const ONE_PIECE_MAX: u64 = 256 * 1024;

/// How bytes are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ContentQuery {
    /// `1` or `true` makes a browser keep the file instead of showing it.
    #[serde(default, deserialize_with = "flag")]
    #[param(value_type = Option<String>)]
    download: bool,
}

/// Reads `1` and `true`, `0` and `false`.
fn flag<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(serde::de::Error::custom("is `true` or `false`")),
    }
}

/// What is said of new bytes.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NewContentQuery {
    /// The file's name, percent-encoded, whatever its encoding; at most 500 characters, none of them a control. Unless given,
    /// that of the header `Content-Disposition`; else the former one; else the document's name, or, of an attachment, the
    /// slot's with the ending of the media type.
    file_name: Option<String>,
    /// A whole upload (see `/uploads`) that becomes the content, instead of a body.
    upload: Option<String>,
    /// Why there is a new version.
    #[serde(default)]
    comment: String,
    /// Whether the next major number is taken; short for `version=major`.
    #[serde(default)]
    major: bool,
    /// Which version is made of it: `none`, `minor` or `major`; as the rules of its type say, unless given.
    version: Option<String>,
}

impl NewContentQuery {
    /// Returns what is said of the version.
    pub(crate) fn note(&self) -> Result<VersionNote, ApiError> {
        let increment = versions::increment(self.version.as_deref(), self.major)?;
        Ok(VersionNote { comment: self.comment.clone(), increment })
    }

    /// Returns the file's name that is said, else the former one, else an empty one.
    pub(crate) fn file_name_or(&self, guarded: &Guarded, former: Option<String>) -> Result<FileName, ApiError> {
        let named = self.file_name.as_ref().and_then(|_| file_name(guarded.request().query_string()));
        let named = named.or_else(|| file_name_in(guarded.headers()).map(checked)).transpose()?;
        Ok(named.unwrap_or_else(|| (former.unwrap_or_default(), None)))
    }
}

/// Returns the bytes of a document, or of one version of it.
#[utoipa::path(tag = "documents",
    params(ContentQuery, ("id" = String, Path, description = "the document's id, or a version's"),
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
#[get("/documents/{id}/content")]
pub async fn get_document_content(guarded: Guarded) -> Answer {
    let (id, query): (_, ContentQuery) = (guarded.id()?, guarded.query()?);
    let session = guarded.session();
    send(&guarded, query, || session.content_of(id), |range| session.content_open(id, range)).await
}

/// Returns the bytes with this digest, if the caller may read the content of an object that has them.
#[utoipa::path(tag = "blobs",
    params(ContentQuery, ("hex" = String, Path, description = "the SHA-256: 64 lower-case hex digits"),
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
#[get("/blobs/sha256/{hex}")]
pub async fn get_blob(guarded: Guarded) -> Answer {
    let (digest, query): (BlobDigest, ContentQuery) = (guarded.segment("hex")?, guarded.query()?);
    let session = guarded.session();
    send(&guarded, query, || session.blob_content(digest), |range| session.blob_open(digest, range)).await
}

/// Answers bytes. What decides the answer is asked for first only when something depends on it.
pub(crate) async fn send<L, O>(
    guarded: &Guarded,
    query: ContentQuery,
    look: impl FnOnce() -> L,
    open: impl FnOnce(Option<Range<u64>>) -> O,
) -> Answer
where
    L: Future<Output = Result<Content, RepositoryError>>,
    O: Future<Output = Result<OpenedContent, RepositoryError>>,
{
    let keeps = query.download;
    let headers = guarded.headers();
    let is_head = guarded.request().extensions().contains::<HeadOnly>();
    let is_plain = !is_head && ![RANGE, IF_NONE_MATCH, IF_MATCH].iter().any(|name| headers.contains_key(name));
    if is_plain {
        let opened = open(None).await?;
        return whole(opened, keeps).await;
    }
    let content = look().await?;
    let etag = conditional::quoted(&content.digest.to_string());
    conditional::check_match(headers, &etag)?;
    if conditional::has_already(headers, &etag) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, etag)).finish());
    }
    if is_head {
        return Ok(dressed(StatusCode::OK, &content, keeps)
            .body(SizedStream::new(content.size_bytes, futures::stream::empty::<Result<_, std::io::Error>>())));
    }
    match ranges::part(headers, content.size_bytes, etag.to_str().unwrap_or_default()) {
        Part::Whole => whole(open(None).await?, keeps).await,
        Part::Outside => Err(ApiError::range_not_satisfiable(content.size_bytes)),
        Part::Bytes(range) => {
            let (start, end) = (range.start, range.end);
            let opened = open(Some(range)).await?;
            let mut response = dressed(StatusCode::PARTIAL_CONTENT, &content, keeps);
            let last = end.saturating_sub(1);
            response.insert_header((CONTENT_RANGE, format!("bytes {start}-{last}/{}", content.size_bytes)));
            Ok(response.body(SizedStream::new(end - start, opened.bytes)))
        }
    }
}

async fn whole(opened: OpenedContent, keeps: bool) -> Answer {
    let OpenedContent { content, mut bytes } = opened;
    let mut response = dressed(StatusCode::OK, &content, keeps);
    if content.size_bytes > ONE_PIECE_MAX {
        return Ok(response.body(SizedStream::new(content.size_bytes, bytes)));
    }
    let mut piece = match bytes.next().await {
        Some(first) => first?,
        None => return Ok(response.body(bytes::Bytes::new())),
    };
    if let Some(second) = bytes.next().await {
        let mut all = BytesMut::from(piece.as_ref());
        all.extend_from_slice(&second?);
        while let Some(more) = bytes.next().await {
            all.extend_from_slice(&more?);
        }
        piece = all.freeze();
    }
    Ok(response.body(piece))
}

fn dressed(status: StatusCode, content: &Content, keeps: bool) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    let media_type = HeaderValue::from_str(&content.media_type);
    let media_type = media_type.unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
    let named = if keeps { disposition::attachment } else { disposition::inline };
    response.insert_header((CONTENT_TYPE, media_type));
    response.insert_header((CONTENT_DISPOSITION, named(&content.file_name)));
    response.insert_header((ETAG, conditional::quoted(&content.digest.to_string())));
    response.insert_header((ACCEPT_RANGES, "bytes"));
    response.insert_header((CONTENT_SECURITY_POLICY, CONTENT_POLICY));
    response
}

/// Puts new bytes into a document, as its next version unless the rules of its type or `version` say otherwise, or into a
/// working copy, which makes none. The bytes that it has, under the name that they have, change
/// nothing and make no version, unless `comment` or `major` asks for one.
#[utoipa::path(tag = "documents",
    params(NewContentQuery, ("id" = String, Path, description = "the document's id, or its working copy's"),
        ("If-Match" = String, Header, description = "the ETag that was read, of the document or of its content")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "the bytes"),
    responses((status = 200, description = "the document as it is now", body = Detail)))]
#[put("/documents/{id}/content")]
pub async fn update_document_content(guarded: Guarded, body: web::Payload) -> Answer {
    put_in(&guarded, SlotName::main(), body).await
}

/// Puts new bytes into a slot of a document.
pub(crate) async fn put_in(guarded: &Guarded, slot: SlotName, body: web::Payload) -> Answer {
    let id = guarded.id()?;
    let precondition = guarded.precondition_of_content()?;
    let query: NewContentQuery = guarded.query()?;
    // Said before the bytes are sent, and again by the repository when they are there.
    let former_name = guarded.session().slot_check(id, slot.clone(), precondition.clone()).await?;
    let note = query.note()?;
    let content = match &query.upload {
        Some(id) => taken_upload(guarded, id).await?,
        None => {
            let media_type =
                guarded.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
            NewContent { media_type, ..body::stage(guarded, body).await? }
        }
    };
    let is_named = query.file_name.is_some() || file_name_in(guarded.headers()).is_some();
    let keeps_name_of_upload = !is_named && !content.file_name.is_empty();
    let content = match keeps_name_of_upload {
        true => content,
        false => {
            let (file_name, file_name_raw) = query.file_name_or(guarded, former_name)?;
            NewContent { file_name, file_name_raw, ..content }
        }
    };
    let put = guarded.session().slot_put(id, slot, precondition, content, note).await?;
    answer::changed(&put.transaction, put.value.summary.change_token, &Detail::from(put.value))
}

/// Returns a whole upload of the caller as a content to be.
///
/// # Errors
/// `not_found`; `upload_unfinished`.
pub(crate) async fn taken_upload(guarded: &Guarded, id: &str) -> Result<NewContent, ApiError> {
    let id = id.parse().map_err(|_| ApiError::not_found("the upload"))?;
    Ok(guarded.session().upload_take(id).await?)
}

/// Returns the file's name of a query as text and, when it is not UTF-8, as bytes; nothing when it is empty.
fn file_name(query: &str) -> Option<Result<FileName, ApiError>> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| percent_decode_str(name).eq(*b"fileName"))?;
    let bytes: Vec<u8> = percent_decode_str(&value.replace('+', " ")).collect();
    let named = as_text(bytes);
    (!named.0.is_empty()).then(|| checked(named))
}

fn checked((text, raw): FileName) -> Result<FileName, ApiError> {
    let checked = Name::of_file(&text).map_err(|why| ApiError::invalid("fileName", "invalid_name", why.to_string()));
    checked.map(|_| (text, raw))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_in_a_query_keeps_its_bytes() {
        let read = |query: &str| file_name(query).map(|named| named.map_err(|refusal| refusal.code()));
        assert_eq!(read("major=true&fileName=a+%62.txt"), Some(Ok(("a b.txt".into(), None))));
        assert_eq!(read("file%4eame=x%2F%E9.txt"), Some(Ok(("\u{fffd}.txt".into(), Some(b"\xe9.txt".to_vec())))));
        assert_eq!((read("major=true"), read("fileName="), read("fileName=a%2F")), (None, None, None));
        for refused in ["a%0Ab", "a%0D", "%E2%80%A8", "%00", "..", "%20"] {
            assert_eq!(read(&format!("fileName={refused}")), Some(Err("invalid")), "{refused}");
        }
    }
}
