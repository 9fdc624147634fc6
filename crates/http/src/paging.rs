//! Windows of lists: `limit` with `offset` or `cursor`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cartulary_repository::{ListPlace, ListRequest, ListStart, WINDOW_ROWS_MAX, WindowRequest};

use crate::error::ApiError;

/// How many rows are answered unless more or fewer are asked for.
pub const LIMIT_DEFAULT: u64 = 50;

/// Returns the window that a request asks for.
///
/// # Errors
/// `invalid_query` (400) for a limit outside 1 to 1,000, a cursor that is not from here, or a cursor and an offset.
pub fn window(limit: Option<u64>, offset: Option<u64>, cursor: Option<&str>) -> Result<WindowRequest, ApiError> {
    match list(limit, offset, cursor)? {
        ListRequest { start: ListStart::Offset(offset), limit } => Ok(WindowRequest { offset, limit }),
        ListRequest { start: ListStart::After(_), .. } => Err(foreign_cursor()),
    }
}

/// Returns the window that a request asks for of a list that knows places: a cursor goes on after the row that was the last,
/// whatever came or went before it.
///
/// # Errors
/// As [`window`].
pub fn list(limit: Option<u64>, offset: Option<u64>, cursor: Option<&str>) -> Result<ListRequest, ApiError> {
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if !(1..=WINDOW_ROWS_MAX).contains(&limit) {
        return Err(ApiError::invalid_query("limit", "is between 1 and 1000"));
    }
    let start = match (offset, cursor) {
        (Some(_), Some(_)) => return Err(ApiError::invalid_query("cursor", "stands instead of an offset")),
        (offset, None) => ListStart::Offset(offset.unwrap_or(0)),
        (None, Some(cursor)) => parse_cursor(cursor).ok_or_else(foreign_cursor)?,
    };
    Ok(ListRequest { start, limit })
}

fn foreign_cursor() -> ApiError {
    ApiError::invalid_query("cursor", "is not one that was answered for this list")
}

/// Returns the cursor that continues at `offset`. It is opaque: what it holds may change.
pub fn cursor(offset: u64) -> String {
    URL_SAFE_NO_PAD.encode(format!("o{offset}"))
}

/// Returns the cursor that continues after a place.
pub fn cursor_after(place: &ListPlace) -> String {
    URL_SAFE_NO_PAD.encode([b"k".as_slice(), &place.to_bytes()].concat())
}

fn parse_cursor(cursor: &str) -> Option<ListStart> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    match bytes.split_first()? {
        (b'o', offset) => std::str::from_utf8(offset).ok()?.parse().ok().map(ListStart::Offset),
        (b'k', place) => ListPlace::from_bytes(place).map(ListStart::After),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(limit: Option<u64>, offset: Option<u64>, cursor: Option<&str>) -> Result<(u64, u64), &'static str> {
        window(limit, offset, cursor).map(|window| (window.offset, window.limit)).map_err(|error| error.code())
    }

    #[test]
    fn a_window_has_defaults_and_bounds() {
        assert_eq!(of(None, None, None), Ok((0, 50)));
        assert_eq!(of(Some(1000), Some(7), None), Ok((7, 1000)));
        assert_eq!(of(Some(0), None, None), Err("invalid_query"));
        assert_eq!(of(Some(1001), None, None), Err("invalid_query"));
    }

    #[test]
    fn a_cursor_continues_where_it_was_made() {
        assert_eq!(of(None, None, Some(&cursor(123))), Ok((123, 50)));
        assert_eq!(of(None, None, Some("???")), Err("invalid_query"));
        assert_eq!(of(None, Some(1), Some(&cursor(1))), Err("invalid_query"));
    }
}
