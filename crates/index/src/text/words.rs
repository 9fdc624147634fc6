//! Cuts text into words, and scripts without spaces into overlapping pairs of characters.
//!
//! Every part of the crate that speaks of positions uses this one iterator, so that the postings, the page marks
//! and the highlighter always agree.

use std::ops::Range;

use super::language::Tongue;

/// Characters of a word that are kept; the rest of an over-long word is passed over.
pub(crate) const MAX_WORD_CHARS: usize = 255;

/// In prepared text, the next character says the language of what follows. (Both are Unicode non-characters.)
pub(crate) const LANGUAGE_MARK: char = '\u{FDD0}';
/// In prepared text, a gap that no phrase crosses.
pub(crate) const GAP_MARK: char = '\u{FDD1}';
/// How many positions a gap takes.
const GAP_POSITIONS: u32 = 64;

/// One word, or one pair of characters, of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    /// Where it stands in the text, in bytes.
    pub(crate) range: Range<usize>,
    /// Its position, counted in words.
    pub(crate) position: u32,
    /// What it is.
    pub(crate) kind: WordKind,
    /// Language of the text around it.
    pub(crate) tongue: Tongue,
}

/// What a [`Word`] is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WordKind {
    /// Letters and digits between separators.
    Plain,
    /// Two neighbouring characters of a script without spaces.
    Pair,
    /// The last character of such a run; it stands alone, so that every character begins exactly one word.
    LastOfRun,
    /// A run of one character.
    Single,
}

/// Iterates over the words of a text.
#[derive(Debug, Clone)]
pub(crate) struct Words<'a> {
    text: &'a str,
    at: usize,
    position: u32,
    inside_run: bool,
    tongue: Tongue,
}

impl<'a> Words<'a> {
    /// Starts at the beginning of a text.
    pub(crate) fn new(text: &'a str, tongue: Tongue) -> Self {
        Self { text, at: 0, position: 0, inside_run: false, tongue }
    }

    fn peek(&self, at: usize) -> Option<char> {
        self.text.get(at..).and_then(|rest| rest.chars().next())
    }

    fn plain_end(&self, start: usize) -> usize {
        let bytes = self.text.as_bytes();
        let mut end = start;
        loop {
            while bytes.get(end).is_some_and(u8::is_ascii_alphanumeric) {
                end += 1;
            }
            match self.peek(end) {
                Some(c) if !c.is_ascii() && matches!(class(c), Class::Letter | Class::Joining) => end += c.len_utf8(),
                _ => return end,
            }
        }
    }

    fn emit(&mut self, range: Range<usize>, kind: WordKind) -> Word {
        let word = Word { range, position: self.position, kind, tongue: self.tongue };
        self.position = self.position.saturating_add(1);
        word
    }

    fn dense(&mut self, start: usize, first: char) -> Word {
        let second_at = start + first.len_utf8();
        let was_inside = self.inside_run;
        self.at = second_at;
        match self.peek(second_at) {
            Some(second) if class(second) == Class::Dense => {
                self.inside_run = true;
                self.emit(start..second_at + second.len_utf8(), WordKind::Pair)
            }
            _ => {
                self.inside_run = false;
                let kind = if was_inside { WordKind::LastOfRun } else { WordKind::Single };
                self.emit(start..second_at, kind)
            }
        }
    }
}

impl Iterator for Words<'_> {
    type Item = Word;

    fn next(&mut self) -> Option<Word> {
        loop {
            let start = self.at;
            let c = self.peek(start)?;
            match class(c) {
                Class::Letter => {
                    self.inside_run = false;
                    self.at = self.plain_end(start);
                    return Some(self.emit(start..self.at, WordKind::Plain));
                }
                Class::Dense => return Some(self.dense(start, c)),
                Class::Joining | Class::Separator => {
                    self.inside_run = false;
                    self.at += c.len_utf8();
                }
                Class::Mark => {
                    self.inside_run = false;
                    self.at += c.len_utf8();
                    if c == GAP_MARK {
                        self.position = self.position.saturating_add(GAP_POSITIONS);
                    } else if let Some(mark) = self.peek(self.at) {
                        self.tongue = Tongue::from_mark(mark);
                        self.at += mark.len_utf8();
                    }
                }
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Part of a word.
    Letter,
    /// A character of a script that is written without spaces.
    Dense,
    /// Belongs to a word when it follows one: accents, joiners, direction controls.
    Joining,
    /// Everything else.
    Separator,
    /// One of our own marks.
    Mark,
}

fn class(c: char) -> Class {
    if c.is_ascii() {
        return if c.is_ascii_alphanumeric() { Class::Letter } else { Class::Separator };
    }
    match u32::from(c) {
        0x00AD | 0x061C | 0x200C..=0x200F | 0x202A..=0x202E | 0x2060..=0x2069 | 0xFE00..=0xFE0F | 0xFEFF => {
            Class::Joining
        }
        0xFDD0 | 0xFDD1 => Class::Mark,
        // Thai, Lao, Myanmar and Khmer digits are digits.
        0x0E50..=0x0E59 | 0x0ED0..=0x0ED9 | 0x1040..=0x1049 | 0x17E0..=0x17E9 => Class::Letter,
        0x0E01..=0x0E3A | 0x0E40..=0x0E4E | 0x0E81..=0x0ECF | 0x1000..=0x1039 | 0x1050..=0x109F => Class::Dense,
        0x1780..=0x17D3 | 0x1100..=0x11FF | 0x3005..=0x3007 | 0x3041..=0x30FA | 0x30FC..=0x30FF => Class::Dense,
        0x3131..=0x318E | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xA960..=0xA97C | 0xAC00..=0xD7A3 => Class::Dense,
        0xF900..=0xFAFF | 0xFF66..=0xFF9F | 0x20000..=0x3FFFD => Class::Dense,
        _ if c.is_alphanumeric() => Class::Letter,
        _ if unicode_normalization::char::is_combining_mark(c) => Class::Joining,
        _ => Class::Separator,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &[&str]) {
        let found: Vec<&str> =
            Words::new(text, Tongue::Unknown).map(|word| text.get(word.range).unwrap_or_default()).collect();
        assert_eq!(found, expect, "in {text:?}");
    }

    #[test]
    fn words_are_cut_at_what_is_neither_letter_nor_digit() {
        check("TM/2026/0012, l'office", &["TM", "2026", "0012", "l", "office"]);
        check("scan_0007.pdf", &["scan", "0007", "pdf"]);
        check("", &[]);
        check("?! …", &[]);
    }

    #[test]
    fn accents_and_joiners_stay_inside_the_word() {
        check("de\u{301}po\u{302}t", &["de\u{301}po\u{302}t"]);
        check("كِتَابٌ", &["كِتَابٌ"]);
        check("كتـــاب", &["كتـــاب"]);
    }

    #[test]
    fn chinese_is_cut_into_pairs_and_a_last_character() {
        check("商标注册", &["商标", "标注", "注册", "册"]);
        check("商 A标", &["商", "A", "标"]);
    }

    #[test]
    fn positions_grow_by_one_and_jump_at_a_gap() {
        let text = format!("a b{GAP_MARK}c");
        let positions: Vec<u32> = Words::new(&text, Tongue::Unknown).map(|word| word.position).collect();
        assert_eq!(positions, [0, 1, 66]);
    }

    #[test]
    fn a_language_mark_holds_for_what_follows() {
        let text = format!("a {LANGUAGE_MARK}1b");
        let tongues: Vec<Tongue> = Words::new(&text, Tongue::Unknown).map(|word| word.tongue).collect();
        assert_eq!(tongues, [Tongue::Unknown, Tongue::Known(crate::text::language::Stemmed::French)]);
    }
}
