//! What may stand in text: no control characters, no invisible marks of direction, no presentation forms.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// Cleans running text: line ends become `\n`; controls and marks of direction go.
pub fn clean_text(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut after_return = false;
    for c in text.chars() {
        match c {
            '\r' => cleaned.push('\n'),
            '\n' if after_return => {}
            '\u{2028}' | '\u{2029}' | '\u{0b}' | '\u{85}' => cleaned.push('\n'),
            c if is_dropped(c) => {}
            c => cleaned.push(c),
        }
        after_return = c == '\r';
    }
    cleaned
}

/// Whether a character has no place in text: controls, marks of direction, byte order marks, non-characters.
pub fn is_dropped(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' => true,
        c => c.is_control(),
    }
}

/// Whether a character is a shape rather than a letter: Arabic and Hebrew presentation forms, Latin ligatures, radicals.
fn is_presentation_form(c: char) -> bool {
    matches!(c, '\u{fb00}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' | '\u{2e80}'..='\u{2fdf}' | '\u{f900}'..='\u{faff}')
}

/// Turns shapes into letters (NFKC, for presentation forms only) and composes the rest (NFC).
///
/// Only for these: NFKC of everything would turn `m²` into `m2` and `№` into `No`, which is not what stands on the paper.
pub fn normalise_glyphs(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    if text.chars().any(is_presentation_form) {
        let mut unfolded = String::with_capacity(text.len());
        for c in text.chars() {
            if is_presentation_form(c) {
                // Isolated vowel marks decompose to a space and the mark; the space is not on the paper.
                unfolded.extend(std::iter::once(c).nfkc().filter(|c| !matches!(c, ' ' | '\u{0640}')));
            } else {
                unfolded.push(c);
            }
        }
        return unfolded.nfc().collect();
    }
    text.nfc().collect()
}

/// Whether a character is a mark that belongs to the letter before it.
pub fn is_mark(c: char) -> bool {
    c >= '\u{300}' && canonical_combining_class(c) != 0 || matches!(c, '\u{fe70}'..='\u{fe7f}' if c != '\u{fe73}')
}
