//! Rust text without its comments and literals, and the words in it.

/// Returns `source` with the insides of comments, strings and characters turned to spaces; lines keep their numbers.
///
/// It knows nested comments, raw strings and lifetimes; it is a scanner, not a parser, and need not be more.
pub fn code_only(source: &str) -> String {
    let mut scanner = Scanner { rest: source, out: String::with_capacity(source.len()) };
    while !scanner.rest.is_empty() {
        scanner.step();
    }
    scanner.out
}

/// Says whether `word` stands in `code` as an identifier of its own.
pub fn has_word(code: &str, word: &str) -> bool {
    word_lines(code, word).next().is_some()
}

/// Returns the numbers (from 1) of the lines where `word` stands as an identifier of its own.
pub fn word_lines<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.lines().enumerate().filter(move |(_, line)| line_has_word(line, word)).map(|(index, _)| index + 1)
}

fn line_has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, found)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + found.len()..).and_then(|text| text.chars().next());
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

struct Scanner<'a> {
    rest: &'a str,
    out: String,
}

impl Scanner<'_> {
    fn step(&mut self) {
        if self.rest.starts_with("//") {
            let end = self.rest.find('\n').unwrap_or(self.rest.len());
            self.blank(end);
        } else if self.rest.starts_with("/*") {
            self.blank(block_comment_len(self.rest));
        } else if let Some(len) = raw_string_len(self.rest) {
            let inside_a_name = self.out.ends_with(|c: char| c.is_alphanumeric() || c == '_');
            if inside_a_name { self.copy(1) } else { self.blank(len) }
        } else if self.rest.starts_with('"') {
            self.blank(string_len(self.rest));
        } else if let Some(len) = char_len(self.rest) {
            self.blank(len);
        } else {
            let first = self.rest.chars().next().map_or(1, char::len_utf8);
            self.copy(first);
        }
    }

    fn copy(&mut self, len: usize) {
        let (taken, rest) = self.rest.split_at(len);
        self.out.push_str(taken);
        self.rest = rest;
    }

    fn blank(&mut self, len: usize) {
        let (taken, rest) = self.rest.split_at(len);
        self.out.extend(taken.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        self.rest = rest;
    }
}

fn block_comment_len(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The length of `r"…"`, `r#"…"#`, `br"…"` and so on, when `text` begins with one.
fn raw_string_len(text: &str) -> Option<usize> {
    let after_prefix =
        text.strip_prefix("br").or_else(|| text.strip_prefix("cr")).or_else(|| text.strip_prefix('r'))?;
    let hashes = after_prefix.len() - after_prefix.trim_start_matches('#').len();
    let body = after_prefix.get(hashes..)?.strip_prefix('"')?;
    let closing = format!("\"{}", "#".repeat(hashes));
    let opening_len = text.len() - body.len();
    Some(body.find(&closing).map_or(text.len(), |end| opening_len + end + closing.len()))
}

fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of a character literal at the beginning of `text`; `None` for a lifetime.
fn char_len(text: &str) -> Option<usize> {
    let body = text.strip_prefix('\'')?;
    if let Some(escape) = body.strip_prefix('\\') {
        // What is escaped may itself be a quote, so the search for the end starts behind it.
        let end = escape.char_indices().skip(1).find(|(_, c)| *c == '\'')?.0;
        return Some(2 + end + 1);
    }
    let first = body.chars().next()?;
    body.get(first.len_utf8()..)?.starts_with('\'').then(|| 1 + first.len_utf8() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, kept: &[&str], dropped: &[&str]) {
        let code = code_only(source);
        assert_eq!(code.lines().count(), source.lines().count());
        for word in kept {
            assert!(has_word(&code, word), "{word} is lost in {code}");
        }
        for word in dropped {
            assert!(!has_word(&code, word), "{word} is kept in {code}");
        }
    }

    #[test]
    fn comments_are_dropped() {
        check("a // b\nc /* d /* e */ f\n */ g", &["a", "c", "g"], &["b", "d", "e", "f"]);
    }

    #[test]
    fn strings_and_characters_are_dropped() {
        check(r##"a("b \" c", 'd', '\'', r#"e " f"#, br"g"); h"##, &["a", "h"], &["b", "c", "d", "e", "f", "g"]);
    }

    #[test]
    fn lifetimes_and_names_that_end_in_r_are_kept() {
        check("fn a<'b>(c: &'b str) { for_r\"d\"; e }", &["a", "b", "c", "e"], &["d"]);
    }

    #[test]
    fn a_word_is_not_found_inside_another() {
        assert!(has_word("use diesel::prelude", "diesel"));
        assert!(!has_word("use diesel_migrations::x", "diesel"));
    }
}
