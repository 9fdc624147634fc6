//! `Content-Disposition` with names in any script (RFC 6266, RFC 8187).

use actix_web::http::header::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What stays as it is in an extended value: `attr-char` of RFC 8187 §3.2.1.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Returns the header that shows the content in the browser, under `file_name` when it is kept.
pub fn inline(file_name: &str) -> HeaderValue {
    header("inline", file_name)
}

/// Returns the header that makes a browser keep the content under `file_name`.
pub fn attachment(file_name: &str) -> HeaderValue {
    header("attachment", file_name)
}

fn header(kind: &str, file_name: &str) -> HeaderValue {
    let shown: String = file_name.chars().filter(|character| !is_dangerous(*character)).collect();
    let plain: String = shown.chars().map(|character| if is_plain(character) { character } else { '_' }).collect();
    let mut text = format!("{kind}; filename=\"{plain}\"");
    if plain != shown {
        text.push_str("; filename*=UTF-8''");
        text.extend(utf8_percent_encode(&shown, ENCODED));
    }
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("attachment"))
}

fn is_plain(character: char) -> bool {
    (character == ' ' || character.is_ascii_graphic()) && !matches!(character, '"' | '\\' | '%')
}

/// Control characters, also those that turn the direction of text so that `gpj.exe` reads `exe.jpg`.
fn is_dangerous(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expect: &str) {
        assert_eq!(attachment(name).to_str().unwrap(), expect);
    }

    #[test]
    fn names_in_any_script_survive() {
        check("plan.pdf", "attachment; filename=\"plan.pdf\"");
        check("a b.pdf", "attachment; filename=\"a b.pdf\"");
        check("عقد.pdf", "attachment; filename=\"___.pdf\"; filename*=UTF-8''%D8%B9%D9%82%D8%AF.pdf");
    }

    #[test]
    fn a_name_cannot_break_out() {
        check("a\".pdf", "attachment; filename=\"a_.pdf\"; filename*=UTF-8''a%22.pdf");
        check("a\r\nSet-Cookie: x", "attachment; filename=\"aSet-Cookie: x\"");
        check("a\u{202e}fdp.exe", "attachment; filename=\"afdp.exe\"");
    }
}
