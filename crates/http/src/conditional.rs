//! Entity tags: `ETag`, `If-Match` and `If-None-Match` (RFC 9110 §13).

use actix_web::http::header::{HeaderMap, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use cartulary_model::BlobDigest;
use cartulary_repository::Precondition;

use crate::error::ApiError;

/// A change token that no object ever has: what cannot match is stale.
const NEVER: i64 = -1;

/// Returns the entity tag of an object with this change token.
pub fn etag(change_token: i64) -> HeaderValue {
    quoted(&change_token.to_string())
}

/// Returns `tag` in quotes.
pub fn quoted(tag: &str) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{tag}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

/// Returns what a change says about the object it was made from.
///
/// # Errors
/// `precondition_required` (428) without `If-Match`; `invalid_header` (400) when it is not readable.
pub fn required(headers: &HeaderMap) -> Result<Precondition, ApiError> {
    Ok(match tag(headers, "send If-Match with the ETag that GET answers for the object")? {
        None => Precondition::Any,
        Some(tag) => token(tag),
    })
}

/// Returns what a change says about the content it was made from: by the tag of the document, or by that of its content,
/// which is the digest of the bytes.
///
/// # Errors
/// As [`required`].
pub fn required_of_content(headers: &HeaderMap) -> Result<Precondition, ApiError> {
    let wanted = "send If-Match with the ETag that GET answers for the document or for its content";
    Ok(match tag(headers, wanted)? {
        None => Precondition::Any,
        Some(tag) => match tag.trim_matches('"').parse::<BlobDigest>() {
            Ok(digest) if !tag.starts_with("W/") => Precondition::Content(digest),
            _ => token(tag),
        },
    })
}

fn token(tag: &str) -> Precondition {
    // A weak tag never matches strongly, and several tags are not from here.
    let token = tag.trim_matches('"').parse::<i64>().ok().filter(|token| *token >= 0);
    Precondition::Token(token.unwrap_or(NEVER))
}

/// Returns the tag of `If-Match`, in its quotes; `None` for `*`. `wanted` says which tag that is.
fn tag<'a>(headers: &'a HeaderMap, wanted: &str) -> Result<Option<&'a str>, ApiError> {
    let value = headers.get(IF_MATCH).ok_or_else(|| ApiError::precondition_required(wanted))?;
    let text = value.to_str().map_err(|_| ApiError::invalid_header("If-Match", "is not text"))?.trim();
    if text == "*" {
        return Ok(None);
    }
    let is_quoted = text.len() >= 2 && text.ends_with('"') && (text.starts_with('"') || text.starts_with("W/\""));
    if !is_quoted {
        return Err(ApiError::invalid_header("If-Match", "is not an entity tag in quotes"));
    }
    Ok(Some(text))
}

/// Says whether the client already has the representation with this tag.
pub fn has_already(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let Ok(etag) = etag.to_str() else { return false };
    let matches = |tag: &str| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == etag
    };
    headers.get_all(IF_NONE_MATCH).filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).any(matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Precondition, &'static str> {
        let mut headers = HeaderMap::new();
        headers.insert(IF_MATCH, HeaderValue::from_str(text).unwrap());
        required(&headers).map_err(|error| error.code())
    }

    #[test]
    fn a_precondition_is_read_or_refused() {
        assert_eq!(of("\"17\""), Ok(Precondition::Token(17)));
        assert_eq!(of("*"), Ok(Precondition::Any));
        for never in ["W/\"17\"", "\"x\"", "\"1\", \"2\"", "\"-1\""] {
            assert_eq!(of(never), Ok(Precondition::Token(NEVER)), "{never}");
        }
        assert_eq!(of("17"), Err("invalid_header"));
        assert_eq!(required(&HeaderMap::new()).map_err(|error| error.code()), Err("precondition_required"));
    }

    #[test]
    fn a_content_is_named_by_its_digest_or_by_its_document() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_MATCH, HeaderValue::from_str(text).unwrap());
            required_of_content(&headers).map_err(|error| error.code())
        };
        let digest = "00".repeat(32);
        assert_eq!(of(&format!("\"{digest}\"")), Ok(Precondition::Content(digest.parse().unwrap())));
        assert_eq!(of("\"17\""), Ok(Precondition::Token(17)));
        assert_eq!(of("*"), Ok(Precondition::Any));
        for never in [format!("W/\"{digest}\""), format!("\"{digest}\", \"17\""), "\"ff\"".to_owned()] {
            assert_eq!(of(&never), Ok(Precondition::Token(NEVER)), "{never}");
        }
    }

    #[test]
    fn a_known_tag_is_recognised() {
        let has = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_str(text).unwrap());
            has_already(&headers, &etag(5))
        };
        assert!(has("\"5\"") && has("W/\"5\"") && has("\"4\", \"5\"") && has("*"));
        assert!(!has("\"6\"") && !has("5"));
    }
}
