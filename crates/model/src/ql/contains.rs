//! What stands inside `CONTAINS('…')`: a small language of its own.
//!
//! Source: CMIS 1.1 §2.1.14.2.4.1, over the text after the escapes of the statement are taken away.

use super::QlError;

/// What a text must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullText {
    /// One of these; each wants all of its terms. None is empty.
    pub alternatives: Vec<Vec<Term>>,
}

/// A word or a phrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Whether the text must not have it.
    pub negated: bool,
    /// Its words, one after the other; a single one is a word.
    pub words: Vec<Vec<WordPart>>,
    /// Whether it was written in quotes.
    pub is_phrase: bool,
}

/// A piece of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WordPart {
    /// Just this.
    Text(String),
    /// Any run of characters: `*`.
    AnyRun,
    /// Any one character: `?`.
    AnyOne,
}

impl FullText {
    /// Parses what stands inside; `position` is that of the literal in the statement, which faults are told with.
    pub(super) fn parse(text: &str, position: usize) -> Result<Self, QlError> {
        let fault = |detail: &str| QlError { position, detail: format!("in CONTAINS, {detail}") };
        let mut alternatives = Vec::new();
        let mut terms: Vec<Term> = Vec::new();
        let mut wants_term = false;
        for piece in pieces(text).map_err(fault)? {
            match piece {
                Piece::Or | Piece::And if terms.is_empty() || wants_term => {
                    return Err(fault("AND and OR stand between two terms"));
                }
                Piece::Or => {
                    alternatives.push(std::mem::take(&mut terms));
                    wants_term = true;
                }
                Piece::And => wants_term = true,
                Piece::Term(term) => {
                    terms.push(term);
                    wants_term = false;
                }
            }
        }
        if wants_term {
            return Err(fault("AND and OR stand between two terms"));
        }
        if terms.is_empty() {
            return Err(fault("there is nothing to look for"));
        }
        alternatives.push(terms);
        Ok(Self { alternatives })
    }
}

enum Piece {
    And,
    Or,
    Term(Term),
}

fn pieces(text: &str) -> Result<Vec<Piece>, &'static str> {
    let mut found = Vec::new();
    let mut characters = text.chars().peekable();
    loop {
        while characters.next_if(|one| one.is_whitespace()).is_some() {}
        let Some(first) = characters.peek().copied() else { return Ok(found) };
        let negated = first == '-';
        if negated {
            characters.next();
        }
        let is_phrase = characters.next_if_eq(&'"').is_some();
        let mut raw = String::new();
        let mut is_closed = !is_phrase;
        while let Some(one) = characters.peek().copied() {
            let ends = if is_phrase { one == '"' } else { one.is_whitespace() || one == '"' };
            if ends {
                is_closed = true;
                if is_phrase {
                    characters.next();
                }
                break;
            }
            raw.push(one);
            characters.next();
            if one == '\\' {
                raw.extend(characters.next());
            }
        }
        if !is_closed {
            return Err("a phrase does not end");
        }
        let is_bare = !is_phrase && !negated;
        found.push(match raw.as_str() {
            "AND" if is_bare => Piece::And,
            "OR" if is_bare => Piece::Or,
            _ => Piece::Term(term(negated, is_phrase, &raw)?),
        });
    }
}

fn term(negated: bool, is_phrase: bool, raw: &str) -> Result<Term, &'static str> {
    let mut words = vec![Vec::new()];
    let mut characters = raw.chars();
    while let Some(one) = characters.next() {
        let part = match one {
            '*' => WordPart::AnyRun,
            '?' => WordPart::AnyOne,
            '\\' => match characters.next() {
                Some(escaped @ ('\'' | '"' | '\\' | '-' | '*' | '?')) => WordPart::Text(escaped.into()),
                _ => return Err("a backslash stands before ' \" \\ - * or ?"),
            },
            space if space.is_whitespace() => {
                words.push(Vec::new());
                continue;
            }
            other => WordPart::Text(other.into()),
        };
        let Some(word) = words.last_mut() else { continue };
        match (word.last_mut(), part) {
            (Some(WordPart::Text(before)), WordPart::Text(more)) => before.push_str(&more),
            (Some(WordPart::AnyRun), WordPart::AnyRun) => {}
            (_, part) => word.push(part),
        }
    }
    words.retain(|word| !word.is_empty());
    if words.is_empty() {
        return Err("a term has no word");
    }
    Ok(Term { negated, words, is_phrase })
}
