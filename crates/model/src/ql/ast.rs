//! What a statement says.

use super::contains::FullText;
use crate::Timestamp;

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// What is answered of each hit.
    pub columns: Columns,
    /// Of what.
    pub from: TableRef,
    /// Of which of them.
    pub filter: Option<Condition>,
    /// In which order; the first counts most.
    pub order: Vec<Sort>,
}

/// A name, with where it stands.
#[derive(Clone, Debug, Eq)]
pub struct Named {
    /// The query name of a type or property, or a correlation name.
    pub text: String,
    /// Where, in characters from 0. It does not count when names are compared.
    pub position: usize,
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// What is answered of each hit.
#[derive(Clone, Debug, PartialEq)]
pub enum Columns {
    /// `*`
    All,
    /// These, in this order.
    These(Vec<Selected>),
}

/// One answered column.
#[derive(Clone, Debug, PartialEq)]
pub enum Selected {
    /// A property.
    Column {
        /// Which.
        column: Column,
        /// What it is called in the answer.
        alias: Option<Named>,
    },
    /// All properties of one table: `d.*`.
    AllOf(Named),
    /// `SCORE()`
    Score {
        /// The word itself, for its place.
        word: Named,
        /// What it is called in the answer.
        alias: Option<Named>,
    },
}

/// A property of a table, or a field of one whose values are nested.
///
/// Of several names with dots between, the first is the qualifier, unless no table is called so: then it is the property,
/// and the others are fields. The grammar cannot tell; whoever knows the tables can.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The table's correlation name, or its own.
    pub qualifier: Option<Named>,
    /// The property's query name.
    pub name: Named,
    /// The field of a nested value, from the outside in (no part of CMIS).
    pub fields: Vec<Named>,
}

/// One or several tables.
#[derive(Clone, Debug, PartialEq)]
pub enum TableRef {
    /// One.
    Table(Table),
    /// Two, joined.
    Join(Box<Join>),
}

/// A type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its query name.
    pub name: Named,
    /// What it is called in the rest of the statement.
    pub alias: Option<Named>,
}

/// Two tables, joined where two properties are equal.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// How.
    pub kind: JoinKind,
    /// The first.
    pub left: TableRef,
    /// The second.
    pub right: TableRef,
    /// One of the two properties.
    pub on: (Column, Column),
}

/// What happens to a row of the first table without a row of the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// It is left out.
    Inner,
    /// It stays, and the second's properties have no value.
    LeftOuter,
}

/// What must hold of a hit.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// All of these; at least two.
    And(Vec<Self>),
    /// One of these; at least two.
    Or(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// A value against a literal.
    Compare {
        /// The value.
        value: Value,
        /// How.
        comparison: Comparison,
        /// With what.
        literal: Literal,
    },
    /// `column [NOT] IN (…)`
    In {
        /// Of which property.
        column: Column,
        /// Whether it must be none of them.
        negated: bool,
        /// The values.
        literals: Vec<Literal>,
    },
    /// `column [NOT] LIKE '…'`
    Like {
        /// Of which property.
        column: Column,
        /// Whether it must not.
        negated: bool,
        /// The pattern.
        pattern: Vec<LikePart>,
    },
    /// `column IS [NOT] NULL`
    IsNull {
        /// Of which property.
        column: Column,
        /// Whether it must have a value.
        negated: bool,
    },
    /// `literal = ANY column`: one of a list's values is this.
    AnyEquals {
        /// The value.
        literal: Literal,
        /// Of which property.
        column: Column,
    },
    /// `ANY column [NOT] IN (…)`: one of a list's values is, or is not, among these.
    AnyIn {
        /// Of which property.
        column: Column,
        /// Whether it must be none of them.
        negated: bool,
        /// The values.
        literals: Vec<Literal>,
    },
    /// `CONTAINS('…')`
    Contains {
        /// The word itself, for its place.
        word: Named,
        /// Of which table.
        qualifier: Option<Named>,
        /// What the text must have.
        text: FullText,
    },
    /// `IN_FOLDER('…')`: a direct child.
    InFolder {
        /// Of which table.
        qualifier: Option<Named>,
        /// The folder's id.
        folder: Named,
    },
    /// `IN_TREE('…')`: at any depth below.
    InTree {
        /// Of which table.
        qualifier: Option<Named>,
        /// The folder's id.
        folder: Named,
    },
}

/// What is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A property.
    Column(Column),
    /// `SCORE()`; the word itself, for its place.
    Score(Named),
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// A value that stands in the statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Decimal(f64),
    /// An instant.
    Instant(Timestamp),
    /// True or false.
    Boolean(bool),
}

/// A piece of a pattern of `LIKE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LikePart {
    /// Just this.
    Text(String),
    /// Any run of characters, an empty one too: `%`.
    AnyRun,
    /// Any one character: `_`.
    AnyOne,
}

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sort {
    /// By which property.
    pub column: Column,
    /// Whether the greatest comes first.
    pub descending: bool,
}
