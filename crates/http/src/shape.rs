//! JSON read into a form, or refused in the words of a person, with the place in it that is wrong.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::error::ApiError;

/// Reads `text` as JSON. `within` is the field that holds it; empty for a body.
///
/// # Errors
/// `malformed_json` for a body that is no JSON; else `invalid`, which names the field.
pub(crate) fn read<T: DeserializeOwned>(text: &[u8], within: &str) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let read: Result<T, _> = serde_path_to_error::deserialize(&mut reader);
    let (path, error) = match read {
        Ok(value) => match reader.end() {
            Ok(()) => return Ok(value),
            Err(error) => (String::new(), error),
        },
        Err(error) => (error.path().to_string(), error.into_inner()),
    };
    if error.classify() != Category::Data {
        return Err(match within {
            "" => ApiError::malformed_json(&error),
            field => ApiError::invalid(field, "wrong_shape", "is not JSON"),
        });
    }
    // The path of the whole is a dot.
    let path = if path == "." { String::new() } else { path };
    let (name, words) = words_of(&error.to_string());
    // Of a field that is not known, the path ends with its name already.
    let name = name.filter(|name| path != *name && !path.ends_with(&format!(".{name}")));
    let parts = [Some(within.to_owned()), Some(path), name];
    let place: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
    Err(ApiError::invalid(&place.join("."), "wrong_shape", words))
}

/// Returns the field that the message names, and what is wrong in words.
fn words_of(message: &str) -> (Option<String>, String) {
    let message = match message.rfind(" at line ") {
        Some(end) => message.get(..end).unwrap_or(message),
        None => message,
    };
    let named = |rest: &str| rest.split('`').nth(1).map(str::to_owned);
    if let Some(rest) = message.strip_prefix("missing field ") {
        return (named(rest), "is missing".to_owned());
    }
    if let Some(rest) = message.strip_prefix("duplicate field ") {
        return (named(rest), "comes once".to_owned());
    }
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let words = match rest.split_once(", expected ") {
            Some((_, known)) => format!("is not known here: {known} is"),
            None => "is not known here".to_owned(),
        };
        return (named(rest), words);
    }
    if let Some((_, known)) = message.split_once(", expected ").filter(|_| message.starts_with("unknown variant ")) {
        return (None, format!("is not known here: {known} is"));
    }
    for kind in ["invalid type: ", "invalid value: ", "invalid length "] {
        if let Some((found, wanted)) = message.strip_prefix(kind).and_then(|rest| rest.split_once(", expected ")) {
            let found = if kind == "invalid length " { "a list" } else { found_kind(found) };
            return (None, format!("is {found}, and {} is wanted", wanted_kind(wanted)));
        }
    }
    if message.starts_with("data did not match") {
        return (None, "has a shape that is not known here".to_owned());
    }
    (None, format!("cannot be used: {message}"))
}

/// Says what was sent, without repeating it.
fn found_kind(found: &str) -> &'static str {
    let kinds = [
        ("string", "a text"),
        ("character", "a text"),
        ("integer `-", "a negative number"),
        ("integer", "a number"),
        ("floating point", "a number with a fraction"),
        ("boolean", "true or false"),
        ("null", "null"),
        ("unit", "null"),
        ("sequence", "a list"),
        ("map", "an object"),
    ];
    kinds.iter().find(|(word, _)| found.starts_with(word)).map_or("something else", |(_, kind)| kind)
}

/// Says what is wanted; names of types are ours, and say nothing to a client.
fn wanted_kind(wanted: &str) -> &'static str {
    let kinds = [
        ("struct ", "an object"),
        ("a map", "an object"),
        ("map", "an object"),
        ("a sequence", "a list"),
        ("a string", "a text"),
        ("string", "a text"),
        ("a borrowed string", "a text"),
        ("a boolean", "true or false"),
        ("u", "a whole number that is not negative"),
        ("i", "a whole number"),
        ("f", "a number"),
        ("a UUID", "an id"),
    ];
    kinds.iter().find(|(word, _)| wanted.starts_with(word)).map_or("something else", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only whether it is read matters")]
    struct Outer {
        name: String,
        #[serde(default)]
        rows: Vec<Inner>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only whether it is read matters")]
    struct Inner {
        size: Option<u64>,
        digest: Option<cartulary_model::BlobDigest>,
    }

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let refused = read::<Outer>(text.as_bytes(), "").unwrap_err();
        assert_eq!(refused.to_string(), expect, "{text}");
    }

    #[test]
    fn a_wrong_shape_names_the_field_and_no_type_of_ours() {
        check("{}", "invalid: `name` is missing");
        check("[1]", "invalid: `[0]` is a number, and a text is wanted");
        check("7", "invalid: the input is a number, and an object is wanted");
        check(r#"{"name":7}"#, "invalid: `name` is a number, and a text is wanted");
        check(r#"{"name":"a","name":"b"}"#, "invalid: `name` comes once");
        check(r#"{"name":"a","colour":1}"#, "invalid: `colour` is not known here: `name` or `rows` is");
        check(
            r#"{"name":"a","rows":[{},{"size":-1}]}"#,
            "invalid: `rows[1].size` is a negative number, and a whole number that is not negative is wanted",
        );
        check(r#"{"name":"a","rows":[[1,2,3]]}"#, "invalid: `rows[0][1]` is a number, and a text is wanted");
        check(
            r#"{"name":"a","rows":[{"digest":"x"}]}"#,
            "invalid: `rows[0].digest` cannot be used: a blob digest is 64 lower-case hex digits",
        );
        check(r#"{"name":"a","rows":{}}"#, "invalid: `rows` is an object, and a list is wanted");
        check(r#"{"name":"a","rows":[{"#, "malformed_json: EOF while parsing an object at line 1 column 21");
    }

    #[test]
    fn a_field_that_holds_json_is_named() {
        let refused = read::<Outer>(b"{", "properties").unwrap_err();
        assert_eq!(refused.to_string(), "invalid: `properties` is not JSON");
        let refused = read::<Outer>(b"{\"rows\":1}", "properties").unwrap_err();
        assert_eq!(refused.to_string(), "invalid: `properties.rows` is a number, and a list is wanted");
    }
}
