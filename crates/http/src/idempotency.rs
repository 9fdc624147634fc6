//! `Idempotency-Key`: a repeated creation finds what the first one made.

use actix_web::http::header::HeaderMap;

use crate::error::ApiError;

/// The longest key.
const LENGTH_MAX: usize = 255;

/// Returns the key that the client gave, if any.
///
/// # Errors
/// `invalid_header` (400) unless it is 1 to 255 visible ASCII characters.
pub fn key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let text = value.as_bytes();
    let is_key = !text.is_empty() && text.len() <= LENGTH_MAX && text.iter().all(u8::is_ascii_graphic);
    if !is_key {
        return Err(ApiError::invalid_header("Idempotency-Key", "is not 1 to 255 visible ASCII characters"));
    }
    Ok(Some(String::from_utf8_lossy(text).into_owned()))
}
