//! Folds a word to what is compared: without case, accents, letter variants, and with Latin digits.

use unicode_normalization::UnicodeNormalization;

use super::words::MAX_WORD_CHARS;

/// Folds a word: compatibility forms, case, accents, Arabic letter variants and the digits of all scripts.
pub(crate) fn fold(word: &str) -> String {
    let mut folded = String::with_capacity(word.len().min(MAX_WORD_CHARS));
    fold_into(word, &mut folded);
    folded
}

/// Folds a short text of several words, as its words are folded for a search, so that two that read alike are one: with
/// one space between words, and without any around them.
pub fn fold_label(label: &str) -> String {
    let words = label.split_whitespace().map(fold).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

/// As [`fold`], into a buffer, which is cleared first.
pub(crate) fn fold_into(word: &str, folded: &mut String) {
    folded.clear();
    if word.is_ascii() {
        folded.extend(word.chars().take(MAX_WORD_CHARS).map(|c| c.to_ascii_lowercase()));
        return;
    }
    let plain = word.chars().take(MAX_WORD_CHARS).nfkd().filter(|c| !is_dropped(*c));
    let mut mapped = String::with_capacity(word.len().min(4 * MAX_WORD_CHARS));
    for c in plain {
        push_folded(c, &mut mapped);
    }
    // Korean syllables and the voiced kana were taken apart above: put them together again.
    folded.extend(mapped.nfc());
}

/// Lowers a word for a stemmer: compatibility forms and case only, and without what is never a letter.
pub(crate) fn lower(word: &str) -> String {
    if word.is_ascii() {
        return word.chars().take(MAX_WORD_CHARS).map(|c| c.to_ascii_lowercase()).collect();
    }
    let kept = word.chars().take(MAX_WORD_CHARS).nfkc().filter(|c| !is_ignorable(*c) && !is_arabic_mark(*c));
    kept.flat_map(char::to_lowercase).collect()
}

/// Other forms under which a folded word is found too: the parts of a code such as `ep2024`, and a number without
/// its leading zeros.
pub(crate) fn parts(folded: &str) -> Vec<&str> {
    const MAX_PARTS: usize = 4;
    let has_digit = folded.bytes().any(|b| b.is_ascii_digit());
    if !has_digit {
        return Vec::new();
    }
    let mut parts = Vec::new();
    let mut start = 0;
    let mut before: Option<bool> = None;
    for (at, c) in folded.char_indices() {
        let digit = c.is_ascii_digit();
        if before.is_some_and(|b| b != digit) {
            parts.extend(folded.get(start..at));
            start = at;
        }
        before = Some(digit);
    }
    parts.extend(folded.get(start..));
    if parts.len() == 1 {
        parts = vec![folded.trim_start_matches('0')];
    } else if parts.len() > MAX_PARTS {
        return Vec::new();
    }
    parts.retain(|part| !part.is_empty() && *part != folded);
    parts
}

fn is_dropped(c: char) -> bool {
    is_ignorable(c)
        || is_arabic_mark(c)
        || matches!(u32::from(c), 0x0300..=0x036F | 0x0483..=0x0487 | 0x0591..=0x05C7 | 0x1AB0..=0x1AFF | 0x1DC0..=0x1DFF | 0x20D0..=0x20F0)
}

fn is_ignorable(c: char) -> bool {
    matches!(u32::from(c),
        0x00AD | 0x061C | 0x0640 | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x2069 | 0xFE00..=0xFE0F | 0xFEFF)
}

fn is_arabic_mark(c: char) -> bool {
    matches!(u32::from(c), 0x0610..=0x061A | 0x064B..=0x065F | 0x0670 | 0x06D6..=0x06DC | 0x06DF..=0x06E8 | 0x06EA..=0x06ED)
}

fn push_folded(c: char, out: &mut String) {
    if let Some(digit) = digit(c) {
        out.push(digit);
        return;
    }
    match c {
        'ß' | 'ẞ' => out.push_str("ss"),
        'æ' | 'Æ' => out.push_str("ae"),
        'œ' | 'Œ' => out.push_str("oe"),
        'ø' | 'Ø' => out.push('o'),
        'đ' | 'Đ' | 'ð' | 'Ð' => out.push('d'),
        'þ' | 'Þ' => out.push_str("th"),
        'ł' | 'Ł' => out.push('l'),
        'ħ' | 'Ħ' => out.push('h'),
        'ı' => out.push('i'),
        'ς' => out.push('σ'),
        // Alef wasla; alef maqsura and the Persian yeh; teh marbuta and its Persian and Urdu likes; the Persian kaf.
        '\u{0671}' => out.push('\u{0627}'),
        '\u{0649}' | '\u{06CC}' | '\u{06D2}' => out.push('\u{064A}'),
        '\u{0629}' | '\u{06C1}' | '\u{06C3}' | '\u{06D5}' | '\u{06BE}' => out.push('\u{0647}'),
        '\u{06A9}' => out.push('\u{0643}'),
        other => out.extend(other.to_lowercase()),
    }
}

/// The Latin digit of a decimal digit of another script.
fn digit(c: char) -> Option<char> {
    const ZEROS: [u32; 12] =
        [0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0E50, 0x0ED0, 0x1040, 0x17E0, 0x0BE6];
    let code = u32::from(c);
    if code < 0x0660 {
        return None;
    }
    let zero = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code))?;
    char::from_digit(code - zero, 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(word: &str, expect: &str) {
        assert_eq!(fold(word), expect, "of {word:?}");
    }

    #[test]
    fn case_and_accents_are_folded() {
        check("Dépôt", "depot");
        check("De\u{301}po\u{302}t", "depot");
        check("STRASSE", "strasse");
        check("Straße", "strasse");
        check("Łódź", "lodz");
        check("İstanbul", "istanbul");
        check("ё", "е");
        check("ﬁle", "file");
        check("ＴＭ２０２６", "tm2026");
    }

    #[test]
    fn arabic_letters_are_folded() {
        check("أحمد", "احمد");
        check("إدارة", "اداره");
        check("آثار", "اثار");
        check("كِتَابٌ", "كتاب");
        check("كتـــاب", "كتاب");
        check("مستشفى", "مستشفي");
        check("مسؤول", "مسوول");
        check("شئون", "شيون");
        check("ﻣﺤﻤﺪ", "محمد");
    }

    #[test]
    fn digits_of_other_scripts_become_latin() {
        check("٢٠٢٦", "2026");
        check("۱۲۳۴", "1234");
    }

    #[test]
    fn korean_and_kana_keep_their_characters() {
        check("상표", "상표");
        check("が", "が");
    }

    #[test]
    fn an_overlong_word_is_cut() {
        assert_eq!(fold(&"x".repeat(1_000_000)).len(), MAX_WORD_CHARS);
        assert_eq!(fold(&"é".repeat(1_000_000)).chars().count(), MAX_WORD_CHARS);
    }

    #[test]
    fn codes_are_found_by_their_parts() {
        assert_eq!(parts("ep2024"), ["ep", "2024"]);
        assert_eq!(parts("0012"), ["12"]);
        assert_eq!(parts("2026"), Vec::<&str>::new());
        assert_eq!(parts("000"), Vec::<&str>::new());
        assert_eq!(parts("mark"), Vec::<&str>::new());
        assert_eq!(parts("a1b2c3"), Vec::<&str>::new());
    }
}
