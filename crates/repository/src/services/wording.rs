//! What people write in their own words: short labels of one line, and texts of several.

use cartulary_model::{Violation, key, nfc};

use crate::{RepositoryError, Result};

/// Returns a label in its normal form: one line that shows something, of at most `most` characters, with nothing in it that
/// misleads.
///
/// # Errors
/// `Invalid`, which names `field`.
pub(crate) fn label(field: &str, text: &str, most: usize) -> Result<String> {
    // What is far too long is not looked at letter by letter.
    let is_long = text.len() > most.saturating_mul(32) || key::length(text) > most;
    let text = if is_long { String::new() } else { nfc(text.trim()) };
    let violation = if is_long {
        Violation::new(field, "too_long", format!("has at most {most} characters"))
    } else if text.contains('\0') {
        Violation::new(field, "null_character", "contains the character U+0000")
    } else if !text.contains(key::is_visible) {
        Violation::new(field, "blank", "has at least one visible character")
    } else if text.contains(key::is_misleading) {
        let detail =
            "has no line breaks, control characters, invisible characters or characters that turn the direction";
        Violation::new(field, "misleading", detail)
    } else {
        return Ok(text);
    };
    Err(RepositoryError::Invalid { violations: vec![violation] })
}

/// Returns a text in its normal form: any number of lines that show something, of at most `most` characters, with nothing in
/// it that misleads.
///
/// # Errors
/// `Invalid`, which names `field`.
pub(crate) fn text(field: &str, text: &str, most: usize) -> Result<String> {
    let is_long = text.len() > most.saturating_mul(32) || key::length(text) > most;
    let text = if is_long { String::new() } else { nfc(text).replace("\r\n", "\n") };
    let misleads = |one: char| !matches!(one, '\n' | '\t') && key::is_misleading(one);
    let violation = if is_long {
        Violation::new(field, "too_long", format!("has at most {most} characters"))
    } else if text.contains('\0') {
        Violation::new(field, "null_character", "contains the character U+0000")
    } else if !text.contains(key::is_visible) {
        Violation::new(field, "blank", "has at least one visible character")
    } else if text.contains(misleads) {
        let detail = "has no control characters, invisible characters or characters that turn the direction";
        Violation::new(field, "misleading", detail)
    } else {
        return Ok(text);
    };
    Err(RepositoryError::Invalid { violations: vec![violation] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(outcome: Result<String>) -> String {
        match outcome {
            Ok(text) => text,
            Err(RepositoryError::Invalid { violations }) => violations.iter().map(|one| one.code).collect(),
            Err(other) => other.to_string(),
        }
    }

    #[test]
    fn labels_and_texts_show_something_and_do_not_mislead() {
        assert_eq!(code(label("f", " to do ", 10)), "to do");
        assert_eq!(code(label("f", "a\nb", 10)), "misleading");
        assert_eq!(code(label("f", "a\u{202e}b", 10)), "misleading");
        assert_eq!(code(label("f", "a\0", 10)), "null_character");
        assert_eq!(code(label("f", " \u{200b}", 10)), "blank");
        assert_eq!(code(label("f", "12345678901", 10)), "too_long");
        assert_eq!(code(label("f", &"x".repeat(10_000_000), 10)), "too_long");
        assert_eq!(code(text("f", "one\r\n\ttwo", 20)), "one\n\ttwo");
        assert_eq!(code(text("f", "a\u{2066}b", 20)), "misleading");
        assert_eq!(code(text("f", "\n", 20)), "blank");
    }
}
