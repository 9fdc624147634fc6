//! Entity tags: `ETag`, `If-Match` and `If-None-Match` (RFC 9110 §13).

use actix_web::http::header::{HeaderMap, HeaderValue, IF_MATCH, IF_NONE_MATCH};
use cartulary_model::BlobDigest;
use cartulary_repository::Precondition;

use crate::error::ApiError;

/// How much of the digest of an answer stands in its entity tag. *Units*: hexadecimal digits.
const DIGEST_DIGITS: usize = 12;

/// Returns the entity tag of an object's representation: its change token and, behind a dot, a digest of the answer. An
/// answer shows things that change while the object does not, such as how far its text is read; a precondition looks at
/// the token alone.
pub fn etag(change_token: i64, representation: &[u8]) -> HeaderValue {
    let digest = BlobDigest::of(representation).to_string();
    quoted(&format!("{change_token}.{}", digest.get(..DIGEST_DIGITS).unwrap_or(&digest)))
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
    precondition(headers, "send If-Match with the ETag that GET answers for the object", token)
}

/// Returns what a change says about the content it was made from: by the tag of the document, or by that of its content,
/// which is the digest of the bytes.
///
/// # Errors
/// As [`required`].
pub fn required_of_content(headers: &HeaderMap) -> Result<Precondition, ApiError> {
    let wanted = "send If-Match with the ETag that GET answers for the document or for its content";
    precondition(headers, wanted, |opaque| match opaque.parse::<BlobDigest>() {
        Ok(digest) => Some(Precondition::Content(digest)),
        Err(_) => token(opaque),
    })
}

/// Returns what a change says of the state that it was made from: change tokens, digests of contents, or `*`.
pub(crate) fn tags_of_precondition(precondition: &Precondition) -> Vec<String> {
    match precondition {
        Precondition::Token(token) => vec![token.to_string()],
        Precondition::Content(digest) => vec![digest.to_string()],
        Precondition::OneOf(all) => all.iter().flat_map(tags_of_precondition).collect(),
        Precondition::Any => vec!["*".to_owned()],
    }
}

/// Reads the change token that a tag begins with, or that it is. Tags are compared octet by octet (RFC 9110 §8.8.3.2): what
/// was never sent from here, as `+1` or `04`, is no tag of ours, though a number can be read from it.
fn token(opaque: &str) -> Option<Precondition> {
    let (written, digest) = opaque.split_once('.').map_or((opaque, None), |(token, digest)| (token, Some(digest)));
    let is_digest = |digest: &str| {
        digest.len() == DIGEST_DIGITS && digest.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    };
    let token = written.parse::<i64>().ok().filter(|token| *token >= 0 && token.to_string() == written)?;
    digest.is_none_or(is_digest).then_some(Precondition::Token(token))
}

/// Refuses a request for a representation that the client wants only if it has a tag that it named, and that has `etag`
/// (RFC 9110 §13.1.1).
///
/// # Errors
/// `stale` (412); `invalid_header` (400).
pub fn check_match(headers: &HeaderMap, etag: &HeaderValue) -> Result<(), ApiError> {
    let present = etag.to_str().unwrap_or_default();
    let is_present = |tag: &Tag<'_>| !tag.is_weak && present == format!("\"{}\"", tag.opaque);
    match if_match(headers)? {
        Some(Wanted::OneOf(tags)) if !tags.iter().any(is_present) => Err(ApiError::other_content(present)),
        _ => Ok(()),
    }
}

/// Reads `If-Match` of a change. `wanted` says which tag that is; `read` gives what a tag asks for, and nothing for one that
/// is not from here.
fn precondition(
    headers: &HeaderMap,
    wanted: &str,
    read: impl Fn(&str) -> Option<Precondition>,
) -> Result<Precondition, ApiError> {
    let tags = match if_match(headers)? {
        None => return Err(ApiError::precondition_required(wanted)),
        Some(Wanted::Anything) => return Ok(Precondition::Any),
        Some(Wanted::OneOf(tags)) => tags,
    };
    let mut all: Vec<Precondition> =
        tags.iter().filter(|tag| !tag.is_weak).filter_map(|tag| read(tag.opaque)).collect();
    Ok(match all.pop() {
        Some(only) if all.is_empty() => only,
        last => Precondition::OneOf(all.into_iter().chain(last).collect()),
    })
}

/// What `If-Match` asks for.
enum Wanted<'a> {
    /// Whatever is there (`*`).
    Anything,
    /// One of these, of which a weak one never matches; at least one.
    OneOf(Vec<Tag<'a>>),
}

/// Reads `If-Match` (RFC 9110 §13.1.1); `None` without it.
fn if_match(headers: &HeaderMap) -> Result<Option<Wanted<'_>>, ApiError> {
    let unreadable = || ApiError::invalid_header("If-Match", "is neither `*` nor a list of entity tags in quotes");
    let lines: Result<Vec<&str>, _> = headers.get_all(IF_MATCH).map(HeaderValue::to_str).collect();
    let lines = lines.map_err(|_| ApiError::invalid_header("If-Match", "is not text"))?;
    if lines.is_empty() {
        return Ok(None);
    }
    if lines.iter().map(|line| line.trim()).eq(["*"]) {
        return Ok(Some(Wanted::Anything));
    }
    let mut tags = Vec::new();
    for line in lines {
        tags.extend(tags_of(line).ok_or_else(unreadable)?);
    }
    if tags.is_empty() { Err(unreadable()) } else { Ok(Some(Wanted::OneOf(tags))) }
}

/// An entity tag of a list.
struct Tag<'a> {
    is_weak: bool,
    /// What stands in the quotes; a comma may.
    opaque: &'a str,
}

/// Reads a list of entity tags; `None` when something else stands in it.
fn tags_of(line: &str) -> Option<Vec<Tag<'_>>> {
    let mut tags = Vec::new();
    let mut rest = line.trim();
    while !rest.is_empty() {
        // A list may have empty members.
        if let Some(after) = rest.strip_prefix(',') {
            rest = after.trim_start();
            continue;
        }
        let weak = rest.strip_prefix("W/");
        let (opaque, after) = weak.unwrap_or(rest).strip_prefix('"')?.split_once('"')?;
        tags.push(Tag { is_weak: weak.is_some(), opaque });
        rest = after.trim_start();
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
    Some(tags)
}

/// Says whether the client already has the representation with this tag: a weak tag will do (RFC 9110 §13.1.2).
pub fn has_already(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let Some(opaque) = etag.to_str().ok().and_then(|etag| etag.strip_prefix('"')?.strip_suffix('"')) else {
        return false;
    };
    let mut lines = headers.get_all(IF_NONE_MATCH).filter_map(|line| line.to_str().ok());
    lines
        .any(|line| line.trim() == "*" || tags_of(line).is_some_and(|tags| tags.iter().any(|tag| tag.opaque == opaque)))
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
        assert_eq!(of(etag(17, b"{}").to_str().unwrap()), Ok(Precondition::Token(17)));
        assert_eq!(of("*"), Ok(Precondition::Any));
        for never in [
            "W/\"17\"",
            "\"x\"",
            "W/\"1\", \"x\"",
            "\"-1\"",
            "\"1,2\"",
            "\"+1\"",
            "\"004\"",
            "\"-0\"",
            "\"17.\"",
            "\"17.x\"",
        ] {
            assert_eq!(of(never), Ok(Precondition::OneOf(Vec::new())), "{never}");
        }
        let both = Precondition::OneOf(vec![Precondition::Token(1), Precondition::Token(2)]);
        assert_eq!(of("\"1\", \"x\" ,, W/\"3\",\"2\""), Ok(both));
        for unreadable in ["17", "\"17", "\"1\" \"2\"", "\"1\", 2", "*, \"1\"", "", ","] {
            assert_eq!(of(unreadable), Err("invalid_header"), "{unreadable}");
        }
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
        assert_eq!(of(etag(17, b"{}").to_str().unwrap()), Ok(Precondition::Token(17)));
        assert_eq!(of("*"), Ok(Precondition::Any));
        let either = Precondition::OneOf(vec![Precondition::Content(digest.parse().unwrap()), Precondition::Token(17)]);
        assert_eq!(of(&format!("\"{digest}\", \"17\"")), Ok(either));
        for never in [format!("W/\"{digest}\""), "\"ff\"".to_owned()] {
            assert_eq!(of(&never), Ok(Precondition::OneOf(Vec::new())), "{never}");
        }
    }

    #[test]
    fn a_known_tag_is_recognised() {
        let has = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_str(text).unwrap());
            has_already(&headers, &quoted("5"))
        };
        assert!(has("\"5\"") && has("W/\"5\"") && has("\"4\", \"5\"") && has("*"));
        assert!(has("\"a,b\", W/\"5\"") && has("\"5\",, \"6\""));
        assert!(!has("\"6\"") && !has("5") && !has("\"a,\"5\",b\""));
    }
}
