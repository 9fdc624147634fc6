//! Values of form fields that are not drawn: many programs leave the drawing to the viewer.

use super::strings;
use crate::read::clean;
use hayro_interpret::hayro_syntax::object::{Array, Dict, Name, String as PdfString};
use hayro_interpret::hayro_syntax::page::Page;

/// More fields on a page than this are not looked at.
const MOST_FIELDS: usize = 1_000;
/// A longer value is cut.
const MOST_CHARACTERS: usize = 10_000;

/// Appends the values of text and choice fields that do not stand in the text yet.
pub fn append_missing(page: &Page<'_>, text: &mut String) {
    let Some(annotations) = page.raw().get::<Array<'_>>(b"Annots".as_slice()) else { return };
    let mut missing = Vec::new();
    for annotation in annotations.iter::<Dict<'_>>().take(MOST_FIELDS) {
        let Some(value) = value_of(&annotation) else { continue };
        let known = |line: &str| text.contains(line) || missing.iter().any(|value| value == line);
        if value.lines().any(|line| !line.trim().is_empty() && !known(line.trim())) {
            missing.push(value);
        }
    }
    if !missing.is_empty() && !text.is_empty() {
        text.push('\n');
    }
    for value in missing {
        text.push_str(value.trim());
        text.push('\n');
    }
}

/// The value of a shown text or choice field; its type and value may stand in its parent.
fn value_of(annotation: &Dict<'_>) -> Option<String> {
    let is =
        |key: &[u8], wanted: &[&[u8]]| annotation.get::<Name<'_>>(key).is_some_and(|name| wanted.contains(&&*name));
    if !is(b"Subtype", &[b"Widget"]) || annotation.get::<i32>(b"F".as_slice()).unwrap_or(0) & 0b10 != 0 {
        return None;
    }
    let parent = annotation.get::<Dict<'_>>(b"Parent".as_slice());
    let kind =
        annotation.get::<Name<'_>>(b"FT".as_slice()).or_else(|| parent.as_ref()?.get::<Name<'_>>(b"FT".as_slice()))?;
    if !matches!(&*kind, b"Tx" | b"Ch") {
        return None;
    }
    let value = annotation
        .get::<PdfString<'_>>(b"V".as_slice())
        .or_else(|| parent.as_ref()?.get::<PdfString<'_>>(b"V".as_slice()))?;
    let value = clean::clean_text(&strings::decode(value.as_bytes()));
    let value: String = value.chars().take(MOST_CHARACTERS).collect();
    (!value.trim().is_empty()).then_some(value)
}
