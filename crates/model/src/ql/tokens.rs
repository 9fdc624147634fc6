//! The words of a statement.

use super::{QlError, STATEMENT_BYTES_MAX};

/// A word, with where it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub kind: Kind,
    /// In characters from 0.
    pub position: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A keyword, in capitals.
    Keyword(&'static str),
    /// A name.
    Name(String),
    /// A text as it was written, without the quotes around it.
    Text(String),
    /// A number as it was written.
    Number(String),
    /// `*`, `,`, `.`, `(`, `)` or a comparison.
    Sign(&'static str),
    /// Nothing more.
    End,
}

const KEYWORDS: [&str; 28] = [
    "SELECT",
    "FROM",
    "WHERE",
    "AND",
    "OR",
    "NOT",
    "IN",
    "LIKE",
    "IS",
    "NULL",
    "ANY",
    "JOIN",
    "INNER",
    "LEFT",
    "OUTER",
    "ON",
    "ORDER",
    "BY",
    "ASC",
    "DESC",
    "AS",
    "CONTAINS",
    "IN_FOLDER",
    "IN_TREE",
    "SCORE",
    "TIMESTAMP",
    "TRUE",
    "FALSE",
];

/// The longer ones first.
const SIGNS: [&str; 11] = ["<>", "<=", ">=", "=", "<", ">", "*", ",", ".", "(", ")"];

/// Says whether a name would be read as a keyword.
pub(super) fn keyword(word: &str) -> Option<&'static str> {
    KEYWORDS.into_iter().find(|keyword| keyword.eq_ignore_ascii_case(word))
}

/// Splits a statement into words; the last one is [`Kind::End`].
pub(super) fn tokens(statement: &str) -> Result<Vec<Token>, QlError> {
    if statement.len() > STATEMENT_BYTES_MAX {
        let detail = format!("a statement has at most {STATEMENT_BYTES_MAX} bytes");
        return Err(QlError { position: 0, detail });
    }
    let characters: Vec<char> = statement.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(one) = characters.get(at).copied() {
        if one.is_whitespace() {
            at += 1;
            continue;
        }
        let rest = characters.get(at..).unwrap_or_default();
        let (kind, length) = match one {
            '\'' => text(rest).ok_or_else(|| fault(at, "a text that begins here does not end"))?,
            _ if is_first_of_name(one) => name(rest),
            _ if is_number(rest) => number(rest),
            _ => sign(rest).ok_or_else(|| fault(at, &format!("`{one}` is no part of a statement")))?,
        };
        found.push(Token { kind, position: at });
        at += length;
    }
    found.push(Token { kind: Kind::End, position: characters.len() });
    Ok(found)
}

fn fault(position: usize, detail: &str) -> QlError {
    QlError { position, detail: detail.to_owned() }
}

const fn is_first_of_name(one: char) -> bool {
    one.is_ascii_alphabetic() || one == '_'
}

const fn is_of_name(one: char) -> bool {
    is_first_of_name(one) || one.is_ascii_digit() || matches!(one, ':' | '-')
}

fn name(rest: &[char]) -> (Kind, usize) {
    let word: String = rest.iter().take_while(|one| is_of_name(**one)).collect();
    let length = word.len();
    (keyword(&word).map_or(Kind::Name(word), Kind::Keyword), length)
}

/// Reads a text: what stands between quotes, with `\` before a quote or twice, or the quote twice.
fn text(rest: &[char]) -> Option<(Kind, usize)> {
    let mut raw = String::new();
    let mut at = 1;
    loop {
        match (rest.get(at)?, rest.get(at + 1)) {
            ('\\', Some(next)) => {
                raw.extend(['\\', *next]);
                at += 2;
            }
            ('\'', Some('\'')) => {
                raw.push_str("\\'");
                at += 2;
            }
            ('\'', _) => return Some((Kind::Text(raw), at + 1)),
            (one, _) => {
                raw.push(*one);
                at += 1;
            }
        }
    }
}

/// Says whether a number begins here, with or without a sign, and perhaps with a point.
fn is_number(rest: &[char]) -> bool {
    let unsigned = match rest {
        ['+' | '-', after @ ..] => after,
        all => all,
    };
    matches!(unsigned, [first, ..] if first.is_ascii_digit())
        || matches!(unsigned, ['.', second, ..] if second.is_ascii_digit())
}

fn number(rest: &[char]) -> (Kind, usize) {
    let mut written = String::new();
    let mut has_exponent = false;
    for one in rest {
        let after_exponent = written.ends_with(['e', 'E']);
        let belongs = match one {
            '0'..='9' => true,
            '.' => !has_exponent && !written.contains('.'),
            'e' | 'E' => !has_exponent && written.ends_with(|last: char| last.is_ascii_digit() || last == '.'),
            '+' | '-' => written.is_empty() || after_exponent,
            _ => false,
        };
        if !belongs {
            break;
        }
        has_exponent |= matches!(one, 'e' | 'E');
        written.push(*one);
    }
    let length = written.len();
    (Kind::Number(written), length)
}

fn sign(rest: &[char]) -> Option<(Kind, usize)> {
    let sign = SIGNS.into_iter().find(|sign| sign.chars().zip(rest).filter(|(a, b)| a == *b).count() == sign.len())?;
    Some((Kind::Sign(sign), sign.len()))
}
