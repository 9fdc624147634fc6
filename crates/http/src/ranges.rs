//! A single byte range (RFC 9110 §14), and what it makes of an answer.

use std::ops::Range;

use actix_web::http::header::{HeaderMap, IF_RANGE, RANGE};

/// What of a content is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it (200).
    Whole,
    /// These bytes (206).
    Bytes(Range<u64>),
    /// What was asked for lies outside (416).
    Outside,
}

/// Returns the part of a content of `size_bytes` with the entity tag `etag` (in quotes) that the headers ask for.
///
/// Several ranges, other units and what is not well formed are answered with the whole, as the standard allows; so is
/// a range on condition (`If-Range`) of another tag or of a date, since contents have no date here.
pub fn part(headers: &HeaderMap, size_bytes: u64, etag: &str) -> Part {
    let Some(asked) = headers.get(RANGE).and_then(|value| value.to_str().ok()) else { return Part::Whole };
    let is_for_another = headers.get(IF_RANGE).is_some_and(|condition| condition.as_bytes() != etag.as_bytes());
    if is_for_another {
        return Part::Whole;
    }
    parse(asked, size_bytes).unwrap_or(Part::Whole)
}

fn parse(asked: &str, size_bytes: u64) -> Option<Part> {
    let (unit, spec) = asked.split_once('=')?;
    let is_one_of_bytes = unit.trim().eq_ignore_ascii_case("bytes") && !spec.contains(',');
    if !is_one_of_bytes {
        return None;
    }
    let (first, last) = spec.trim().split_once('-')?;
    if first.is_empty() {
        let length = number(last)?;
        let start = size_bytes.saturating_sub(length);
        return Some(if length == 0 || size_bytes == 0 { Part::Outside } else { Part::Bytes(start..size_bytes) });
    }
    let start = number(first)?;
    let end = if last.is_empty() { size_bytes } else { number(last)?.checked_add(1)?.min(size_bytes) };
    let is_backwards = !last.is_empty() && number(last)? < start;
    if is_backwards {
        return None;
    }
    Some(if start >= size_bytes { Part::Outside } else { Part::Bytes(start..end) })
}

fn number(digits: &str) -> Option<u64> {
    let are_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // A number beyond u64 means "to the end".
    are_digits.then(|| digits.parse().unwrap_or(u64::MAX - 1))
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn of(range: &str) -> Part {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_str(range).unwrap());
        part(&headers, 100, "\"x\"")
    }

    #[test]
    fn a_range_is_cut_to_the_size() {
        assert_eq!(of("bytes=0-9"), Part::Bytes(0..10));
        assert_eq!(of("bytes=90-"), Part::Bytes(90..100));
        assert_eq!(of("bytes=90-99999999999999999999999"), Part::Bytes(90..100));
        assert_eq!(of("Bytes = 5-5"), Part::Bytes(5..6));
        assert_eq!(of("bytes=-10"), Part::Bytes(90..100));
        assert_eq!(of("bytes=-1000"), Part::Bytes(0..100));
    }

    #[test]
    fn a_range_outside_is_said_so() {
        assert_eq!(of("bytes=100-"), Part::Outside);
        assert_eq!(of("bytes=-0"), Part::Outside);
    }

    #[test]
    fn what_is_not_understood_is_the_whole() {
        for odd in ["bytes=0-1,5-6", "pages=1-2", "bytes=9-5", "bytes=a-b", "bytes", "bytes=-", "bytes=+1-2"] {
            assert_eq!(of(odd), Part::Whole, "{odd}");
        }
    }

    #[test]
    fn a_condition_of_another_tag_makes_the_whole() {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_static("bytes=0-1"));
        headers.insert(IF_RANGE, HeaderValue::from_static("\"x\""));
        assert_eq!(part(&headers, 100, "\"x\""), Part::Bytes(0..2));
        assert_eq!(part(&headers, 100, "\"y\""), Part::Whole);
    }
}
