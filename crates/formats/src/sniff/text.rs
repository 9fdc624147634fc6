//! Text or not, which kind of text, and in which character encoding.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::Encoding;

/// Names the type and the encoding of text; `None` when the bytes are none.
pub fn by_text(head: &[u8], promised: Option<&'static str>) -> Option<(&'static str, String)> {
    if head.is_empty() {
        return None;
    }
    let charset = guess_charset(head)?;
    let (text, _, _) = charset.decode(head);
    let controls =
        text.chars().take(4096).filter(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\x0c' | '\x1b'));
    // A stray control character does not make a file binary; many do.
    let controls = controls.count();
    if controls > 2 && controls.saturating_mul(50) > text.chars().take(4096).count() {
        return None;
    }
    Some((kind_of_text(&text, promised), charset.name().to_owned()))
}

/// Guesses the character encoding: byte order mark, valid UTF-8, UTF-16 by its zeros, else by statistics.
///
/// `None` when the bytes hold zeros and are therefore no text in any encoding that is known here.
pub fn guess_charset(head: &[u8]) -> Option<&'static Encoding> {
    if let Some(marked) = byte_order_mark(head) {
        return Some(marked);
    }
    if head.contains(&0) {
        return wide_text(head);
    }
    if is_utf8_so_far(head) {
        return Some(encoding_rs::UTF_8);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(head, true);
    Some(detector.guess(None, Utf8Detection::Allow))
}

/// The encoding that a byte order mark names.
pub fn byte_order_mark(head: &[u8]) -> Option<&'static Encoding> {
    Encoding::for_bom(head).map(|(encoding, _)| encoding)
}

/// Valid UTF-8, except that the last character may be cut.
fn is_utf8_so_far(head: &[u8]) -> bool {
    match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

/// UTF-16 without a mark: mostly Latin text, so that every other byte is zero.
fn wide_text(head: &[u8]) -> Option<&'static Encoding> {
    let pairs = head.len() / 2;
    let zeros = |offset: usize| head.iter().skip(offset).step_by(2).filter(|byte| **byte == 0).count();
    let (first, second) = (zeros(0), zeros(1));
    let mostly = |count: usize| count.saturating_mul(10) > pairs.saturating_mul(4);
    match (mostly(first), mostly(second)) {
        (true, false) if second.saturating_mul(20) < pairs => Some(encoding_rs::UTF_16BE),
        (false, true) if first.saturating_mul(20) < pairs => Some(encoding_rs::UTF_16LE),
        _ => None,
    }
}

fn kind_of_text(text: &str, promised: Option<&'static str>) -> &'static str {
    let start = text.trim_start_matches('\u{feff}').trim_start();
    let lower: String = start.chars().take(1024).collect::<String>().to_ascii_lowercase();
    if lower.starts_with("<?xml") || lower.starts_with("<svg") {
        return kind_of_xml(&lower);
    }
    let markup = ["<!doctype html", "<html", "<head", "<body", "<title", "<meta", "<table", "<script", "<!--"];
    if markup.iter().any(|tag| lower.starts_with(tag)) && (lower.contains("<html") || !lower.starts_with("<!--")) {
        return "text/html";
    }
    if lower.starts_with('<') && promised == Some("text/html") {
        return "text/html";
    }
    if lower.starts_with("<!doctype") || (lower.starts_with('<') && promised == Some("application/xml")) {
        return kind_of_xml(&lower);
    }
    if is_mail(start) {
        return "message/rfc822";
    }
    match promised {
        Some(
            named @ ("text/csv"
            | "text/tab-separated-values"
            | "text/markdown"
            | "application/json"
            | "text/css"
            | "text/javascript"),
        ) => named,
        _ => "text/plain",
    }
}

fn kind_of_xml(lower: &str) -> &'static str {
    if lower.contains("<svg") {
        "image/svg+xml"
    } else if lower.contains("<html") || lower.contains("<!doctype html") {
        "application/xhtml+xml"
    } else {
        "application/xml"
    }
}

/// A message begins with header fields; two that every mail has must be among the first lines.
fn is_mail(text: &str) -> bool {
    const FIELDS: &[&str] =
        &["received", "return-path", "from", "to", "date", "subject", "message-id", "mime-version", "delivered-to"];
    let mut known = 0_usize;
    for line in text.lines().take(40) {
        if line.is_empty() {
            break;
        }
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let Some((field, _)) = line.split_once(':') else { return false };
        if field.is_empty() || !field.bytes().all(|b| b.is_ascii_graphic()) {
            return false;
        }
        known = known.saturating_add(usize::from(FIELDS.contains(&field.to_ascii_lowercase().as_str())));
    }
    known >= 3
}
