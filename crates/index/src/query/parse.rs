//! The simple syntax of the search field. There are no errors in it: what makes no sense is taken literally.
//!
//! ```text
//! words            all of them, in any form of the word
//! "two words"      exactly these, in this order; also “ ” „ “ « »
//! a OR b           either; binds closer than the space
//! -word            without it; also NOT word, -"two words"
//! pref*            what begins so
//! name: title: type:   only there
//! ```

use crate::text::fold;
use crate::text::language::Tongue;
use crate::text::words::{WordKind, Words};

/// Characters of a query that are read.
const MAX_CHARS: usize = 8_192;
/// Clauses that are used.
const MAX_CLAUSES: usize = 64;
/// Words of all clauses together.
const MAX_WORDS: usize = 256;

/// A query, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parsed {
    /// All of these must be met, each by one of its alternatives.
    pub(crate) groups: Vec<Vec<Clause>>,
    /// None of these may be met.
    pub(crate) excluded: Vec<Clause>,
    /// Something was typed, but nothing in it can be searched.
    pub(crate) nothing: bool,
    /// The query was too long, and its end was left out.
    pub(crate) shortened: bool,
}

/// Where a clause looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Place {
    #[default]
    Anywhere,
    Name,
    Title,
    Type,
}

/// One thing to look for: a word, or words that follow each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clause {
    pub(crate) place: Place,
    pub(crate) words: Vec<QueryWord>,
    /// The last word is only the beginning of one.
    pub(crate) prefix: bool,
    /// Other forms of the word do not count.
    pub(crate) exact: bool,
}

/// One word of a clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct QueryWord {
    /// Its place in the clause.
    pub(crate) offset: u32,
    /// As it was typed.
    pub(crate) typed: String,
    pub(crate) folded: String,
}

/// Says whether something was typed in which there is nothing to look for, as in `*` or `((`: it finds nothing.
pub fn is_without_words(text: &str) -> bool {
    parse(text).nothing
}

/// Reads a query.
pub(crate) fn parse(text: &str) -> Parsed {
    let mut reader = Reader::new(text);
    while let Some(piece) = reader.next_piece() {
        reader.take(&piece);
    }
    reader.finish(text)
}

/// A piece between spaces, with the signs before it taken off.
pub(super) struct Piece<'a> {
    pub(super) negative: bool,
    pub(super) place: Place,
    pub(super) text: &'a str,
    pub(super) quoted: bool,
}

struct Reader<'a> {
    rest: &'a str,
    parsed: Parsed,
    words: usize,
    /// The next clause is an alternative to the last one.
    or: bool,
    /// The next clause is excluded.
    not: bool,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        let end = text.char_indices().nth(MAX_CHARS).map_or(text.len(), |(at, _)| at);
        let parsed = Parsed { shortened: end < text.len(), ..Parsed::default() };
        let rest = text.get(..end).unwrap_or_default();
        Self { rest, parsed, words: 0, or: false, not: false }
    }

    fn next_piece(&mut self) -> Option<Piece<'a>> {
        self.rest = self.rest.trim_start_matches(is_space);
        if self.rest.is_empty() {
            return None;
        }
        let negative = match self.rest.strip_prefix(['-', '\u{2212}']) {
            Some(after) if after.starts_with(|c: char| !is_space(c) && c != '-') => {
                self.rest = after;
                true
            }
            _ => false,
        };
        let place = self.take_place();
        if let Some(quoted) = self.take_quoted() {
            return Some(Piece { negative, place, text: quoted, quoted: true });
        }
        let mut end = self.rest.len();
        for (at, c) in self.rest.char_indices().skip(1) {
            if is_space(c) || (closing(c).is_some() && quoted_end(self.rest.get(at..).unwrap_or_default()).is_some()) {
                end = at;
                break;
            }
        }
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(Piece { negative, place, text, quoted: false })
    }

    fn take_place(&mut self) -> Place {
        for (word, place) in [("name:", Place::Name), ("title:", Place::Title), ("type:", Place::Type)] {
            let (Some(start), Some(after)) = (self.rest.get(..word.len()), self.rest.get(word.len()..)) else {
                continue;
            };
            if start.eq_ignore_ascii_case(word) && after.starts_with(|c: char| !is_space(c)) {
                self.rest = after;
                return place;
            }
        }
        Place::Anywhere
    }

    fn take_quoted(&mut self) -> Option<&'a str> {
        let (start, end, after) = quoted_end(self.rest)?;
        let quoted = self.rest.get(start..end)?;
        self.rest = self.rest.get(after..).unwrap_or_default();
        Some(quoted)
    }

    fn take(&mut self, piece: &Piece<'_>) {
        if !piece.quoted && !piece.negative && piece.place == Place::Anywhere {
            let follows = !self.rest.trim_start_matches(is_space).is_empty();
            match piece.text {
                "OR" | "|" | "||" if follows && !self.parsed.groups.is_empty() => {
                    self.or = true;
                    return;
                }
                "AND" | "&&" | "&" if follows && !self.parsed.groups.is_empty() => return,
                "NOT" if follows => {
                    self.not = true;
                    return;
                }
                _ => {}
            }
        }
        let negative = piece.negative || std::mem::take(&mut self.not);
        let alternative = std::mem::take(&mut self.or);
        let Some(clause) = clause(piece) else { return };
        let count = self.parsed.excluded.len() + self.parsed.groups.iter().map(Vec::len).sum::<usize>();
        if count >= MAX_CLAUSES || self.words + clause.words.len() > MAX_WORDS {
            self.parsed.shortened = true;
            return;
        }
        self.words += clause.words.len();
        if negative {
            self.parsed.excluded.push(clause);
        } else {
            match self.parsed.groups.last_mut() {
                Some(last) if alternative => last.push(clause),
                _ => self.parsed.groups.push(vec![clause]),
            }
        }
    }

    fn finish(mut self, text: &str) -> Parsed {
        let nothing_left = self.parsed.groups.is_empty() && self.parsed.excluded.is_empty();
        self.parsed.nothing = nothing_left && !text.trim().is_empty();
        self.parsed
    }
}

/// Cuts a piece into words.
pub(super) fn clause(piece: &Piece<'_>) -> Option<Clause> {
    let text = if piece.quoted { piece.text } else { without_elision(piece.text) };
    let trimmed = text.trim_end_matches(['*', ')', ']', '}', '.', ',', ';', ':', '!', '?']);
    let starred = !piece.quoted && text.get(trimmed.len()..).is_some_and(|end| end.contains('*'));
    let mut words = Vec::new();
    let mut first = None;
    let mut last_stands_alone = false;
    for word in Words::new(text, Tongue::Unknown) {
        let typed = text.get(word.range.clone()).unwrap_or_default();
        // The pairs before it already say this character.
        if word.kind == WordKind::LastOfRun {
            continue;
        }
        let folded = fold::fold(typed);
        if folded.is_empty() {
            continue;
        }
        last_stands_alone = word.kind == WordKind::Single;
        let offset = word.position - *first.get_or_insert(word.position);
        let typed = typed.chars().take(crate::text::words::MAX_WORD_CHARS).collect();
        words.push(QueryWord { offset, typed, folded });
        if words.len() > MAX_WORDS {
            break;
        }
    }
    if words.is_empty() {
        return None;
    }
    // One character of a script without spaces is the beginning of a pair.
    Some(Clause { place: piece.place, words, prefix: starred || last_stands_alone, exact: piece.quoted })
}

/// Takes off a French or Italian article that has grown together with the word: l'office, d’un, qu'elle.
fn without_elision(text: &str) -> &str {
    match text.split_once(['\'', '\u{2019}']) {
        Some((article, word)) if word.starts_with(char::is_alphabetic) => {
            let short = matches!(article.to_lowercase().as_str(), "l" | "d" | "c" | "j" | "m" | "n" | "s" | "t" | "qu");
            if short { word } else { text }
        }
        _ => text,
    }
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '(' | ')' | '\u{3000}')
}

fn closing(opening: char) -> Option<&'static [char]> {
    match opening {
        '"' => Some(&['"']),
        '\u{201C}' => Some(&['\u{201D}', '"']),
        '\u{201E}' => Some(&['\u{201C}', '\u{201D}']),
        '«' => Some(&['»']),
        '\u{300C}' => Some(&['\u{300D}']),
        _ => None,
    }
}

/// Start and end of what is quoted at the beginning of a text, and where the text goes on.
fn quoted_end(text: &str) -> Option<(usize, usize, usize)> {
    let opening = text.chars().next()?;
    let ends = closing(opening)?;
    let start = opening.len_utf8();
    let length = text.get(start..)?.find(ends)?;
    let end = start + length;
    let closing_bytes = text.get(end..)?.chars().next()?.len_utf8();
    Some((start, end, end + closing_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show_clause(clause: &Clause) -> String {
        let words: Vec<&str> = clause.words.iter().map(|word| word.folded.as_str()).collect();
        let place = match clause.place {
            Place::Anywhere => "",
            Place::Name => "name:",
            Place::Title => "title:",
            Place::Type => "type:",
        };
        let quote = if clause.exact { "\"" } else { "" };
        format!("{place}{quote}{}{quote}{}", words.join(" "), if clause.prefix { "*" } else { "" })
    }

    fn check(text: &str, expect: &str) {
        let parsed = parse(text);
        let mut shown: Vec<String> = parsed
            .groups
            .iter()
            .map(|group| group.iter().map(show_clause).collect::<Vec<_>>().join("|"))
            .chain(parsed.excluded.iter().map(|clause| format!("-{}", show_clause(clause))))
            .collect();
        if parsed.nothing {
            shown.push("nothing".to_owned());
        }
        assert_eq!(shown.join(" & "), expect, "of {text:?}");
    }

    #[test]
    fn words_phrases_and_signs() {
        check("Blue Marks", "blue & marks");
        check("\"blue marks\" red", "\"blue marks\" & red");
        check("«dépôt légal» “blue mark” „rot“", "\"depot legal\" & \"blue mark\" & \"rot\"");
        check("blue -red -\"green tea\" NOT grey", "blue & -red & -\"green tea\" & -grey");
        check("a OR b c | d", "a|b & c|d");
        check("regis*", "regis*");
        check("title:blue name:\"a b\" TYPE:letter", "title:blue & name:\"a b\" & type:letter");
        check("TM/2026/0012 PCT/EP2024/012345", "tm 2026 0012 & pct ep2024 012345");
        check("l'office d’enregistrement", "office & enregistrement");
        check("TM/2026/00*", "tm 2026 00*");
        check("(blue marks)", "blue & marks");
    }

    #[test]
    fn what_makes_no_sense_is_literal() {
        check("\"blue marks", "blue & marks");
        check("blue \"", "blue");
        check("OR", "or");
        check("blue OR", "blue & or");
        check("NOT", "not");
        check("- blue", "blue");
        check("--blue", "blue");
        check("title: blue", "title & blue");
        check("12:30 C:\\files", "12 30 & c files");
        check("?! …", "nothing");
        check("\"\"", "nothing");
        check("", "");
        check(" \t\n", "");
        check("*", "nothing");
        check("((((", "nothing");
        check("* OR *", "or");
        check("-blue", "-blue");
        check("\u{0}\u{1}blue\u{7f}mark\u{FFFD}", "blue & mark");
    }

    #[test]
    fn chinese_and_arabic() {
        check("商标注册", "商标 标注 注册");
        check("商", "商*");
        check("علامة تجارية", "علامه & تجاريه");
        check("٢٠٢٦", "2026");
    }

    #[test]
    fn a_huge_query_is_bounded() {
        let parsed = parse(&"term ".repeat(100_000));
        assert!(parsed.shortened);
        assert_eq!(parsed.groups.len(), MAX_CLAUSES);
        let parsed = parse(&"-\"(\"".repeat(100_000));
        assert!(parsed.excluded.len() <= MAX_CLAUSES);
        assert!(parse(&"商".repeat(1_000_000)).shortened);
        assert!(parse(&"x".repeat(100_000_000)).shortened);
    }
}
