//! What stands inside `CONTAINS('…')` of a statement, as clauses of the same kind that a person's words become.
//!
//! A word with `*` at its end is the beginning of one, as in the search field. A word with `*` or `?` elsewhere is matched
//! against the words that are there; in a phrase, such words need not follow the others.

use cartulary_model::ql::{FullText, Term as Asked, WordPart};
use tantivy::query::RegexQuery;

use super::parse::{Clause, Piece, Place, clause};
use crate::store::schema::Fields;
use crate::text::fold;

/// The most characters of a word with wildcards in it.
const WILD_CHARACTERS_MAX: usize = 100;
/// The most wildcards of one word: each makes the search among the words dearer.
const WILDCARDS_MAX: usize = 8;

/// One thing to look for.
pub(crate) enum Sought {
    /// Words, one after the other.
    Words(Clause),
    /// A word that a regular expression describes, anywhere.
    Pattern(String),
}

/// Says what cannot be looked for, for a person.
///
/// # Errors
/// The first term that is too costly, or has nothing in it that a text could have.
pub(crate) fn check_full_text(text: &FullText, fields: &Fields) -> Result<(), String> {
    for asked in text.alternatives.iter().flatten() {
        let found = sought(asked)?;
        for one in found {
            if let Sought::Pattern(pattern) = one {
                RegexQuery::from_pattern(&pattern, fields.text)
                    .map_err(|_| "a word with so many wildcards cannot be looked for".to_owned())?;
            }
        }
    }
    Ok(())
}

/// Returns what must all be there for a term.
///
/// # Errors
/// As [`check_full_text`].
pub(crate) fn sought(asked: &Asked) -> Result<Vec<Sought>, String> {
    let is_plain = |word: &Vec<WordPart>| word.iter().all(|part| matches!(part, WordPart::Text(_)));
    let exact = asked.negated || asked.is_phrase;
    let (beginnings, last) = asked.words.split_at(asked.words.len().saturating_sub(1));
    let ends_open = |word: &Vec<WordPart>| matches!(word.as_slice(), [WordPart::Text(_), WordPart::AnyRun]);
    let is_simple = beginnings.iter().all(is_plain) && last.iter().all(|word| is_plain(word) || ends_open(word));
    if is_simple {
        let words: Vec<String> = asked.words.iter().map(|word| literal(word)).collect();
        let mut found = of_text(&words.join(" "), exact)?;
        found.prefix |= last.iter().any(ends_open);
        return Ok(vec![Sought::Words(found)]);
    }
    let mut all = Vec::new();
    for word in &asked.words {
        if is_plain(word) {
            all.push(Sought::Words(of_text(&literal(word), exact)?));
        } else {
            all.extend(patterns(word)?.into_iter().map(Sought::Pattern));
        }
    }
    Ok(all)
}

/// Returns a word without its wildcards.
fn literal(word: &[WordPart]) -> String {
    let text = |part: &WordPart| match part {
        WordPart::Text(text) => text.clone(),
        WordPart::AnyRun | WordPart::AnyOne => String::new(),
    };
    word.iter().map(text).collect()
}

fn of_text(text: &str, exact: bool) -> Result<Clause, String> {
    let piece = Piece { negative: false, place: Place::Anywhere, text, quoted: true };
    let found = clause(&piece).ok_or_else(|| format!("there is no word in `{text}`"))?;
    Ok(Clause { exact, ..found })
}

/// Returns the regular expressions of the words that a word with wildcards consists of: `TM/20*6` is two.
fn patterns(word: &[WordPart]) -> Result<Vec<String>, String> {
    let length: usize =
        word.iter().map(|part| if let WordPart::Text(text) = part { text.chars().count() } else { 1 }).sum();
    let wildcards = word.iter().filter(|part| !matches!(part, WordPart::Text(_))).count();
    if length > WILD_CHARACTERS_MAX || wildcards > WILDCARDS_MAX {
        return Err(format!(
            "a word with wildcards has at most {WILD_CHARACTERS_MAX} characters and {WILDCARDS_MAX} wildcards"
        ));
    }
    let mut found = vec![String::new()];
    let add = |piece: &str, found: &mut Vec<String>| {
        if let Some(last) = found.last_mut() {
            last.push_str(piece);
        }
    };
    for part in word {
        match part {
            WordPart::AnyRun => add(".*", &mut found),
            WordPart::AnyOne => add(".", &mut found),
            WordPart::Text(text) => {
                for (place, run) in text.split(|one: char| !one.is_alphanumeric()).enumerate() {
                    if place > 0 {
                        found.push(String::new());
                    }
                    add(&escaped(&fold::fold(run)), &mut found);
                }
            }
        }
    }
    // A run of wildcards alone describes every word.
    found.retain(|pattern| pattern.chars().any(char::is_alphanumeric));
    if found.is_empty() { Err("a term of wildcards alone finds nothing".to_owned()) } else { Ok(found) }
}

/// Escapes what would mean something to the engine's expressions; letters and digits do not.
fn escaped(text: &str) -> String {
    text.chars().flat_map(|one| if one.is_alphanumeric() { vec![one] } else { vec!['\\', one] }).collect()
}
