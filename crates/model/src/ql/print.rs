//! A statement as text again, in one form for all that say the same.

use std::fmt::{self, Display, Formatter};

use super::ast::{
    Column, Columns, Comparison, Condition, JoinKind, LikePart, Literal, Named, Query, Selected, Sort, Table, TableRef,
    Value,
};
use super::contains::{FullText, Term, WordPart};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("SELECT ")?;
        match &self.columns {
            Columns::All => f.write_str("*")?,
            Columns::These(selected) => list(f, selected)?,
        }
        write!(f, " FROM {}", self.from)?;
        if let Some(filter) = &self.filter {
            write!(f, " WHERE {filter}")?;
        }
        if !self.order.is_empty() {
            f.write_str(" ORDER BY ")?;
            list(f, &self.order)?;
        }
        Ok(())
    }
}

fn list(f: &mut Formatter<'_>, items: &[impl Display]) -> fmt::Result {
    for (place, item) in items.iter().enumerate() {
        let comma = if place == 0 { "" } else { ", " };
        write!(f, "{comma}{item}")?;
    }
    Ok(())
}

impl Display for Selected {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let alias = match self {
            Self::Column { column, alias } => {
                write!(f, "{column}")?;
                alias
            }
            Self::Score { alias, .. } => {
                f.write_str("SCORE()")?;
                alias
            }
            Self::AllOf(table) => return write!(f, "{}.*", table.text),
        };
        alias_of(f, alias.as_ref())
    }
}

fn alias_of(f: &mut Formatter<'_>, alias: Option<&Named>) -> fmt::Result {
    alias.map_or(Ok(()), |alias| write!(f, " AS {}", alias.text))
}

impl Display for Column {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(qualifier) = &self.qualifier {
            write!(f, "{}.", qualifier.text)?;
        }
        f.write_str(&self.name.text)?;
        self.fields.iter().try_for_each(|field| write!(f, ".{}", field.text))
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name.text)?;
        alias_of(f, self.alias.as_ref())
    }
}

impl Display for TableRef {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(table) => write!(f, "{table}"),
            Self::Join(join) => {
                let kind = match join.kind {
                    JoinKind::Inner => "JOIN",
                    JoinKind::LeftOuter => "LEFT OUTER JOIN",
                };
                write!(f, "{} {kind} ", join.left)?;
                match &join.right {
                    Self::Table(table) => write!(f, "{table}")?,
                    nested @ Self::Join(_) => write!(f, "({nested})")?,
                }
                write!(f, " ON {} = {}", join.on.0, join.on.1)
            }
        }
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(all) => joined(f, all, " AND "),
            Self::Or(all) => joined(f, all, " OR "),
            Self::Not(one) => write!(f, "NOT ({one})"),
            Self::Compare { value, comparison, literal } => write!(f, "{value} {comparison} {literal}"),
            Self::In { column, negated, literals } => {
                write!(f, "{column} {}IN (", not(*negated))?;
                list(f, literals)?;
                f.write_str(")")
            }
            Self::Like { column, negated, pattern } => {
                write!(f, "{column} {}LIKE '", not(*negated))?;
                pattern.iter().try_for_each(|part| write!(f, "{part}"))?;
                f.write_str("'")
            }
            Self::IsNull { column, negated } => write!(f, "{column} IS {}NULL", not(*negated)),
            Self::AnyEquals { literal, column } => write!(f, "{literal} = ANY {column}"),
            Self::AnyIn { column, negated, literals } => {
                write!(f, "ANY {column} {}IN (", not(*negated))?;
                list(f, literals)?;
                f.write_str(")")
            }
            Self::Contains { qualifier, text, .. } => {
                f.write_str("CONTAINS(")?;
                of_table(f, qualifier.as_ref())?;
                write!(f, "'{}')", escaped(&text.to_string()))
            }
            Self::InFolder { qualifier, folder } => {
                f.write_str("IN_FOLDER(")?;
                of_table(f, qualifier.as_ref())?;
                write!(f, "'{}')", escaped(&folder.text))
            }
            Self::InTree { qualifier, folder } => {
                f.write_str("IN_TREE(")?;
                of_table(f, qualifier.as_ref())?;
                write!(f, "'{}')", escaped(&folder.text))
            }
        }
    }
}

fn joined(f: &mut Formatter<'_>, all: &[Condition], word: &str) -> fmt::Result {
    for (place, one) in all.iter().enumerate() {
        if place > 0 {
            f.write_str(word)?;
        }
        match one {
            Condition::And(_) | Condition::Or(_) => write!(f, "({one})")?,
            _ => write!(f, "{one}")?,
        }
    }
    Ok(())
}

const fn not(negated: bool) -> &'static str {
    if negated { "NOT " } else { "" }
}

fn of_table(f: &mut Formatter<'_>, qualifier: Option<&Named>) -> fmt::Result {
    qualifier.map_or(Ok(()), |qualifier| write!(f, "{}, ", qualifier.text))
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\'', "\\'")
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(column) => write!(f, "{column}"),
            Self::Score(_) => f.write_str("SCORE()"),
        }
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "'{}'", escaped(text)),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Decimal(number) => write!(f, "{number:e}"),
            Self::Instant(at) => write!(f, "TIMESTAMP '{at}'"),
            Self::Boolean(true) => f.write_str("TRUE"),
            Self::Boolean(false) => f.write_str("FALSE"),
        }
    }
}

impl Display for LikePart {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnyRun => f.write_str("%"),
            Self::AnyOne => f.write_str("_"),
            Self::Text(text) => f.write_str(&escaped(text).replace('%', "\\%").replace('_', "\\_")),
        }
    }
}

impl Display for FullText {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (place, terms) in self.alternatives.iter().enumerate() {
            if place > 0 {
                f.write_str(" OR ")?;
            }
            for (place, term) in terms.iter().enumerate() {
                let space = if place == 0 { "" } else { " " };
                write!(f, "{space}{term}")?;
            }
        }
        Ok(())
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let quote = if self.is_phrase { "\"" } else { "" };
        write!(f, "{}{quote}", if self.negated { "-" } else { "" })?;
        for (place, word) in self.words.iter().enumerate() {
            if place > 0 {
                f.write_str(" ")?;
            }
            word.iter().try_for_each(|part| write!(f, "{part}"))?;
        }
        f.write_str(quote)
    }
}

impl Display for WordPart {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnyRun => f.write_str("*"),
            Self::AnyOne => f.write_str("?"),
            Self::Text(text) => text.chars().try_for_each(|one| match one {
                '\'' | '"' | '\\' | '-' | '*' | '?' => write!(f, "\\{one}"),
                other => write!(f, "{other}"),
            }),
        }
    }
}

impl Display for Sort {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.column, if self.descending { " DESC" } else { "" })
    }
}
