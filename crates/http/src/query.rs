//! The query of a request: read into a form, or refused with the name of the parameter that cannot be used.

use actix_web::web::Query;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// Reads a query.
///
/// # Errors
/// `invalid_query`, which names the parameter wherever one is to blame.
pub(crate) fn parse<T: DeserializeOwned>(query: &str) -> Result<T, ApiError> {
    let words = match Query::<T>::from_query(query) {
        Ok(query) => return Ok(query.into_inner()),
        Err(error) => words_of(&error.to_string()),
    };
    // The reader does not say where it was: whichever parameter is refused when it stands alone is the one.
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some(error) = Query::<T>::from_query(pair).err() else { continue };
        let (words, name) = (words_of(&error.to_string()), pair.split('=').next().unwrap_or_default());
        if !words.starts_with("missing field") {
            return Err(ApiError::invalid_query(name, &why(name, &words)));
        }
    }
    Err(match quoted(&words) {
        Some(name) if words.starts_with("missing field") => ApiError::invalid_query(name, "is missing"),
        Some(name) if words.starts_with("duplicate field") => ApiError::invalid_query(name, "comes once"),
        _ => ApiError::malformed_query(words),
    })
}

/// Takes off what the framework puts before the words.
fn words_of(error: &str) -> String {
    error.trim_start_matches("Query deserialize error: ").to_owned()
}

fn quoted(words: &str) -> Option<&str> {
    words.split('`').nth(1)
}

/// Says of a parameter what it may be, in words that a person understands.
fn why(name: &str, words: &str) -> String {
    let is_number = ["invalid digit", "number too", "integer from empty", "invalid float"];
    if let Some((_, known)) = words.strip_prefix("unknown field").and_then(|rest| rest.split_once("expected ")) {
        return format!("is not known here: {known} is");
    }
    if is_number.iter().any(|number| words.contains(number)) {
        return match name {
            "limit" => "is between 1 and 1000".to_owned(),
            _ => "is a whole number that is not negative, of a size that a list can have".to_owned(),
        };
    }
    if words.contains("`true` or `false`") {
        "is `true` or `false`".to_owned()
    } else {
        format!("cannot be used: {words}")
    }
}
