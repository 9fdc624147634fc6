//! Words that were parted at the end of a line are joined: on paper they are one word, and nobody looks for half of one.

use std::collections::HashSet;

/// The signs that part a word at the end of a line: the hyphen of keyboards, the hyphen, the soft hyphen.
const HYPHENS: [char; 3] = ['-', '\u{2010}', '\u{ad}'];

/// Joins words that are parted at the end of a line; the rest of the word moves up to its beginning.
///
/// A word is parted when a lower-case letter stands before the hyphen and another begins the next line; an empty line ends a
/// block and joins nothing. The hyphen goes, as with pdftotext, unless it belongs to the word: it is one of several
/// (`state-of-the-` / `art`), a single letter stands before it (`e-` / `mail`), or the page has the same word with its hyphen
/// inside a line (`trade-` / `mark`, and `trade-mark` above).
pub fn join(text: &str) -> String {
    let compounds = compounds_of(text);
    let mut lines: Vec<String> = Vec::new();
    for line in text.split('\n') {
        let mut lower = line.to_owned();
        let has_moved = lines.last_mut().is_some_and(|upper| move_up(upper, &mut lower, &compounds));
        // A line of nothing but the end of a word has moved up whole.
        if !has_moved || !lower.is_empty() {
            lines.push(lower);
        }
    }
    lines.join("\n")
}

/// The words of a text that have a hyphen inside a line, in lower case.
fn compounds_of(text: &str) -> HashSet<String> {
    let words = text.split_whitespace().map(|word| word.trim_matches(|c: char| !c.is_alphanumeric()));
    words.filter(|word| word.contains(['-', '\u{2010}'])).map(comparable).collect()
}

fn comparable(word: &str) -> String {
    word.replace('\u{2010}', "-").to_lowercase()
}

/// Moves the rest of a parted word from the line below to the line above; says whether there was one.
fn move_up(upper: &mut String, lower: &mut String, compounds: &HashSet<String>) -> bool {
    let Some(hyphen) = upper.chars().next_back().filter(|c| HYPHENS.contains(c)) else { return false };
    let begin = upper.trim_end_matches(HYPHENS);
    let first = begin.rsplit(char::is_whitespace).next().unwrap_or_default();
    let rest = lower.split(char::is_whitespace).next().unwrap_or_default().to_owned();
    let is_parted = begin.ends_with(char::is_lowercase) && rest.starts_with(char::is_lowercase);
    if !is_parted || upper.len() - begin.len() != hyphen.len_utf8() {
        return false;
    }
    let second: String = rest.chars().take_while(|c| c.is_alphanumeric() || HYPHENS.contains(c)).collect();
    let bare = first.trim_start_matches(|c: char| !c.is_alphanumeric());
    let keeps_hyphen = hyphen != '\u{ad}'
        && (bare.contains(HYPHENS)
            || second.trim_end_matches(HYPHENS).contains(HYPHENS)
            || bare.chars().count() < 2
            || compounds.contains(&comparable(&format!("{bare}-{second}"))));
    if !keeps_hyphen {
        upper.truncate(begin.len());
    }
    upper.push_str(&rest);
    *lower = lower.get(rest.len()..).unwrap_or_default().trim_start().to_owned();
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, joined: &str) {
        assert_eq!(join(text), joined);
    }

    #[test]
    fn carolina_is_found_though_it_was_parted() {
        check("in North Car-\nolina, 2026\nand so on\n", "in North Carolina,\n2026\nand so on\n");
        check("a soft\u{ad}\nhyphen and a true\u{2010}\none", "a softhyphen\nand a trueone\n".trim_end());
    }

    #[test]
    fn a_line_of_the_words_end_alone_moves_up_whole() {
        check("one inven-\ntion\n\nnext block\n", "one invention\n\nnext block\n");
        check("one in-\nven-\ntion here", "one invention\nhere");
    }

    #[test]
    fn compounds_keep_their_hyphen() {
        check("state-of-the-\nart of it", "state-of-the-art\nof it");
        check("state-\nof-the-art", "state-of-the-art");
        check("an e-\nmail", "an e-mail");
        check("a Trade-Mark, or trade-\nmark, is", "a Trade-Mark, or trade-mark,\nis");
    }

    #[test]
    fn what_is_no_parted_word_stays() {
        for text in [
            "Jean-\nPaul",
            "pages 12-\n14",
            "a dash -\nand more",
            "no --\nmore",
            "block-\n\nother",
            "ACME-\nmark",
            "-\n-",
            "",
            "\n\n",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn arabic_has_no_case_and_parts_no_words() {
        check(
            "\u{643}\u{62a}\u{627}\u{628}-\n\u{62c}\u{62f}\u{64a}\u{62f}",
            "\u{643}\u{62a}\u{627}\u{628}-\n\u{62c}\u{62f}\u{64a}\u{62f}",
        );
    }
}
