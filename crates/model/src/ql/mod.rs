//! CMIS QL: the one structured query language, for experts, saved searches and bulk actions too.
//!
//! A statement is parsed into a [`Query`] with the place of each name, so that whoever plans it can say where a name is not
//! known. Nothing here knows which types and properties there are.
//!
//! Source: CMIS 1.1 §2.1.14.2, with the extensions of OpenCMIS that clients rely on (`''` in a text, `AS` left out) and `-`
//! in names. Statements are bounded in length, in nesting and in lists, so that none exhausts whoever parses it.

mod ast;
mod contains;
mod like;
mod parser;
mod print;
mod tokens;

pub use ast::{
    Column, Columns, Comparison, Condition, Join, JoinKind, LikePart, Literal, Named, Query, Selected, Sort, Table,
    TableRef, Value,
};
pub use contains::{FullText, Term, WordPart};
pub use like::LikePattern;

use std::fmt;

/// The longest statement. *Units*: bytes.
pub const STATEMENT_BYTES_MAX: usize = 64 * 1024;
/// How deep conditions and joins may stand in parentheses.
pub const NESTING_MAX: usize = 64;
/// The most values of one `IN (…)`, and the most joins, columns and orders of one statement.
pub const LIST_LENGTH_MAX: usize = 1_000;

/// Why a statement is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QlError {
    /// Where, in characters from 0.
    pub position: usize,
    /// What is wrong, for a person.
    pub detail: String,
}

impl fmt::Display for QlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.position + 1, self.detail)
    }
}

impl std::error::Error for QlError {}

impl Query {
    /// Parses a statement.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse(statement: &str) -> Result<Self, QlError> {
        parser::query(statement)
    }
}

#[cfg(test)]
mod tests;
