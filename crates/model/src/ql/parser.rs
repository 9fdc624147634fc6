//! From words to a statement, by recursive descent: one function for each rule of the grammar.

use super::ast::{
    Column, Columns, Comparison, Condition, Join, JoinKind, LikePart, Literal, Named, Query, Selected, Sort, Table,
    TableRef, Value,
};
use super::contains::FullText;
use super::tokens::{Kind, Token, tokens};
use super::{LIST_LENGTH_MAX, NESTING_MAX, QlError};
use crate::Timestamp;

/// Parses a whole statement.
pub(super) fn query(statement: &str) -> Result<Query, QlError> {
    let mut parser = Parser { tokens: tokens(statement)?, at: 0, depth: 0, contains: 0 };
    let query = parser.query()?;
    parser.expect_end()?;
    Ok(query)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    /// How often `CONTAINS` came: once at most (CMIS 1.1 §2.1.14.2.4.1).
    contains: usize,
}

/// The end, for whoever looks beyond it.
const NOTHING: &Kind = &Kind::End;

impl Parser {
    fn kind(&self) -> &Kind {
        self.ahead(0)
    }

    fn ahead(&self, count: usize) -> &Kind {
        self.tokens.get(self.at + count).map_or(NOTHING, |token| &token.kind)
    }

    fn position(&self) -> usize {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |token| token.position)
    }

    fn next(&mut self) {
        self.at += 1;
    }

    fn fault<T>(&self, detail: impl Into<String>) -> Result<T, QlError> {
        Err(QlError { position: self.position(), detail: detail.into() })
    }

    /// Refuses what stands here, and says what is wanted.
    fn wanted<T>(&self, what: &str) -> Result<T, QlError> {
        let found = match self.kind() {
            Kind::Keyword(word) => format!("`{word}`"),
            Kind::Name(name) => format!("`{name}`"),
            Kind::Text(_) => "a text".to_owned(),
            Kind::Number(number) => format!("`{number}`"),
            Kind::Sign(sign) => format!("`{sign}`"),
            Kind::End => "the end".to_owned(),
        };
        self.fault(format!("{what} is wanted, and {found} stands here"))
    }

    fn takes(&mut self, kind: &Kind) -> bool {
        let is_here = self.kind() == kind;
        if is_here {
            self.next();
        }
        is_here
    }

    fn takes_word(&mut self, word: &'static str) -> bool {
        self.takes(&Kind::Keyword(word))
    }

    fn takes_sign(&mut self, sign: &'static str) -> bool {
        self.takes(&Kind::Sign(sign))
    }

    fn word(&mut self, word: &'static str) -> Result<(), QlError> {
        if self.takes_word(word) { Ok(()) } else { self.wanted(&format!("`{word}`")) }
    }

    fn sign(&mut self, sign: &'static str) -> Result<(), QlError> {
        if self.takes_sign(sign) { Ok(()) } else { self.wanted(&format!("`{sign}`")) }
    }

    fn expect_end(&self) -> Result<(), QlError> {
        if *self.kind() == Kind::End { Ok(()) } else { self.wanted("the end") }
    }

    /// Reads something that stands in parentheses, if there are not too many around it already.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, QlError>) -> Result<T, QlError> {
        if self.depth == NESTING_MAX {
            return self.fault(format!("parentheses stand at most {NESTING_MAX} deep"));
        }
        self.depth += 1;
        let found = read(self);
        self.depth -= 1;
        found
    }

    /// Reads a list with commas between.
    fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T, QlError>) -> Result<Vec<T>, QlError> {
        let mut found = vec![read(self)?];
        while self.takes_sign(",") {
            if found.len() == LIST_LENGTH_MAX {
                return self.fault(format!("a list has at most {LIST_LENGTH_MAX} values"));
            }
            found.push(read(self)?);
        }
        Ok(found)
    }

    fn name(&mut self, what: &str) -> Result<Named, QlError> {
        let position = self.position();
        let Kind::Name(text) = self.kind() else { return self.wanted(what) };
        let text = text.clone();
        self.next();
        Ok(Named { text, position })
    }

    fn query(&mut self) -> Result<Query, QlError> {
        self.word("SELECT")?;
        let columns = if self.takes_sign("*") { Columns::All } else { Columns::These(self.list(Self::selected)?) };
        self.word("FROM")?;
        let from = self.tables()?;
        let filter = if self.takes_word("WHERE") { Some(self.condition()?) } else { None };
        let mut order = Vec::new();
        if self.takes_word("ORDER") {
            self.word("BY")?;
            order = self.list(Self::sort)?;
        }
        Ok(Query { columns, from, filter, order })
    }

    /// Returns a word of the language as a name, for its place.
    fn as_named(&self, word: &str) -> Named {
        Named { text: word.to_owned(), position: self.position() }
    }

    fn selected(&mut self) -> Result<Selected, QlError> {
        let word = self.as_named("SCORE");
        if self.takes_word("SCORE") {
            self.sign("(")?;
            self.sign(")")?;
            return Ok(Selected::Score { word, alias: self.alias()? });
        }
        let is_all_of = *self.ahead(1) == Kind::Sign(".") && *self.ahead(2) == Kind::Sign("*");
        if is_all_of {
            let table = self.name("the name of a table")?;
            self.next();
            self.next();
            return Ok(Selected::AllOf(table));
        }
        let column = self.column()?;
        Ok(Selected::Column { column, alias: self.alias()? })
    }

    fn alias(&mut self) -> Result<Option<Named>, QlError> {
        let is_said = self.takes_word("AS");
        if is_said || matches!(self.kind(), Kind::Name(_)) { self.name("a name").map(Some) } else { Ok(None) }
    }

    fn column(&mut self) -> Result<Column, QlError> {
        let first = self.name("the name of a property")?;
        if !self.takes_sign(".") {
            return Ok(Column { qualifier: None, name: first, fields: Vec::new() });
        }
        let name = self.name("the name of a property")?;
        let mut fields = Vec::new();
        while self.takes_sign(".") {
            if fields.len() == NESTING_MAX {
                return self.fault(format!("fields stand at most {NESTING_MAX} deep"));
            }
            fields.push(self.name("the name of a field")?);
        }
        Ok(Column { qualifier: Some(first), name, fields })
    }

    fn sort(&mut self) -> Result<Sort, QlError> {
        let column = self.column()?;
        let descending = self.takes_word("DESC");
        if !descending {
            self.takes_word("ASC");
        }
        Ok(Sort { column, descending })
    }

    fn tables(&mut self) -> Result<TableRef, QlError> {
        let mut left = self.one_table()?;
        let mut joins = 0;
        loop {
            let kind = if self.takes_word("LEFT") {
                self.takes_word("OUTER");
                JoinKind::LeftOuter
            } else if self.takes_word("INNER") || *self.kind() == Kind::Keyword("JOIN") {
                JoinKind::Inner
            } else {
                return Ok(left);
            };
            self.word("JOIN")?;
            joins += 1;
            if joins > NESTING_MAX {
                return self.fault(format!("at most {NESTING_MAX} tables are joined"));
            }
            let right = self.one_table()?;
            self.word("ON")?;
            let one = self.column()?;
            self.sign("=")?;
            let other = self.column()?;
            left = TableRef::Join(Box::new(Join { kind, left, right, on: (one, other) }));
        }
    }

    fn one_table(&mut self) -> Result<TableRef, QlError> {
        if self.takes_sign("(") {
            let inner = self.deeper(Self::tables)?;
            self.sign(")")?;
            return Ok(inner);
        }
        let name = self.name("the name of a type")?;
        Ok(TableRef::Table(Table { name, alias: self.alias()? }))
    }

    fn condition(&mut self) -> Result<Condition, QlError> {
        let first = self.all_of()?;
        let mut any = vec![first];
        while self.takes_word("OR") {
            any.push(self.all_of()?);
        }
        Ok(one_or(any, Condition::Or))
    }

    fn all_of(&mut self) -> Result<Condition, QlError> {
        let mut all = vec![self.factor()?];
        while self.takes_word("AND") {
            all.push(self.factor()?);
        }
        Ok(one_or(all, Condition::And))
    }

    fn factor(&mut self) -> Result<Condition, QlError> {
        if self.takes_word("NOT") {
            return self.deeper(|parser| Ok(Condition::Not(Box::new(parser.factor()?))));
        }
        if self.takes_sign("(") {
            let inner = self.deeper(Self::condition)?;
            self.sign(")")?;
            return Ok(inner);
        }
        self.predicate()
    }

    fn predicate(&mut self) -> Result<Condition, QlError> {
        match self.kind() {
            Kind::Keyword("CONTAINS") => self.contains(),
            Kind::Keyword("IN_FOLDER") => {
                let (qualifier, folder) = self.place()?;
                Ok(Condition::InFolder { qualifier, folder })
            }
            Kind::Keyword("IN_TREE") => {
                let (qualifier, folder) = self.place()?;
                Ok(Condition::InTree { qualifier, folder })
            }
            Kind::Keyword("ANY") => {
                self.next();
                let column = self.column()?;
                let negated = self.takes_word("NOT");
                self.word("IN")?;
                Ok(Condition::AnyIn { column, negated, literals: self.literals()? })
            }
            Kind::Keyword("SCORE") => {
                let word = self.as_named("SCORE");
                self.next();
                self.sign("(")?;
                self.sign(")")?;
                let comparison = self.comparison()?;
                Ok(Condition::Compare { value: Value::Score(word), comparison, literal: self.literal()? })
            }
            Kind::Name(_) => self.predicate_of_column(),
            Kind::Text(_) | Kind::Number(_) | Kind::Keyword("TIMESTAMP" | "TRUE" | "FALSE") => {
                let literal = self.literal()?;
                self.sign("=")?;
                self.word("ANY")?;
                Ok(Condition::AnyEquals { literal, column: self.column()? })
            }
            _ => self.wanted("a condition"),
        }
    }

    fn predicate_of_column(&mut self) -> Result<Condition, QlError> {
        let column = self.column()?;
        if self.takes_word("IS") {
            let negated = self.takes_word("NOT");
            self.word("NULL")?;
            return Ok(Condition::IsNull { column, negated });
        }
        let negated = self.takes_word("NOT");
        if self.takes_word("IN") {
            return Ok(Condition::In { column, negated, literals: self.literals()? });
        }
        if self.takes_word("LIKE") {
            let (raw, position) = self.text("a pattern")?;
            return Ok(Condition::Like { column, negated, pattern: pattern(&raw, position)? });
        }
        if negated {
            return self.wanted("`IN` or `LIKE`");
        }
        let comparison = self.comparison()?;
        Ok(Condition::Compare { value: Value::Column(column), comparison, literal: self.literal()? })
    }

    fn contains(&mut self) -> Result<Condition, QlError> {
        if self.contains > 0 {
            return self.fault("CONTAINS comes once in a statement");
        }
        self.contains += 1;
        let word = self.as_named("CONTAINS");
        self.next();
        self.sign("(")?;
        let qualifier = self.qualifier()?;
        let (raw, position) = self.text("what to look for, as a text")?;
        self.sign(")")?;
        Ok(Condition::Contains { word, qualifier, text: FullText::parse(&unescaped(&raw, position)?, position)? })
    }

    fn place(&mut self) -> Result<(Option<Named>, Named), QlError> {
        self.next();
        self.sign("(")?;
        let qualifier = self.qualifier()?;
        let (raw, position) = self.text("the id of a folder, as a text")?;
        self.sign(")")?;
        Ok((qualifier, Named { text: unescaped(&raw, position)?, position }))
    }

    fn qualifier(&mut self) -> Result<Option<Named>, QlError> {
        if !matches!(self.kind(), Kind::Name(_)) {
            return Ok(None);
        }
        let name = self.name("the name of a table")?;
        self.sign(",")?;
        Ok(Some(name))
    }

    fn comparison(&mut self) -> Result<Comparison, QlError> {
        let Kind::Sign(sign) = *self.kind() else { return self.wanted("a comparison") };
        let comparison = match sign {
            "=" => Comparison::Equal,
            "<>" => Comparison::NotEqual,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            _ => return self.wanted("a comparison"),
        };
        self.next();
        Ok(comparison)
    }

    fn literals(&mut self) -> Result<Vec<Literal>, QlError> {
        self.sign("(")?;
        let found = self.list(Self::literal)?;
        self.sign(")")?;
        Ok(found)
    }

    /// Takes a text as it was written.
    fn text(&mut self, what: &str) -> Result<(String, usize), QlError> {
        let position = self.position();
        let Kind::Text(raw) = self.kind() else { return self.wanted(what) };
        let raw = raw.clone();
        self.next();
        Ok((raw, position))
    }

    fn literal(&mut self) -> Result<Literal, QlError> {
        if self.takes_word("TRUE") {
            return Ok(Literal::Boolean(true));
        }
        if self.takes_word("FALSE") {
            return Ok(Literal::Boolean(false));
        }
        if self.takes_word("TIMESTAMP") {
            let (raw, position) = self.text("an instant, as a text")?;
            let text = unescaped(&raw, position)?;
            let refused = |_| QlError { position, detail: format!("`{text}` is no instant (ISO 8601)") };
            return Timestamp::parse(&text).map(Literal::Instant).map_err(refused);
        }
        match self.kind() {
            Kind::Text(_) => {
                let (raw, position) = self.text("a text")?;
                unescaped(&raw, position).map(Literal::Text)
            }
            Kind::Number(written) => {
                let found = number(written);
                let Some(literal) = found else { return self.fault(format!("`{written}` is no number that fits")) };
                self.next();
                Ok(literal)
            }
            _ => self.wanted("a value"),
        }
    }
}

fn one_or(mut several: Vec<Condition>, all: fn(Vec<Condition>) -> Condition) -> Condition {
    match several.pop() {
        Some(one) if several.is_empty() => one,
        last => {
            several.extend(last);
            all(several)
        }
    }
}

fn number(written: &str) -> Option<Literal> {
    let is_whole = !written.contains(['.', 'e', 'E']);
    if is_whole {
        return written.parse().ok().map(Literal::Integer);
    }
    written.parse().ok().filter(|number: &f64| number.is_finite()).map(Literal::Decimal)
}

/// Takes the escapes of the statement away.
fn unescaped(raw: &str, position: usize) -> Result<String, QlError> {
    let mut text = String::with_capacity(raw.len());
    for piece in pieces(raw, position)? {
        text.push(match piece {
            Piece::Plain(one) | Piece::Escaped(one) => one,
        });
    }
    Ok(text)
}

/// Reads a pattern of `LIKE`, in which what is escaped stands for itself.
fn pattern(raw: &str, position: usize) -> Result<Vec<LikePart>, QlError> {
    let mut parts: Vec<LikePart> = Vec::new();
    for piece in pieces(raw, position)? {
        let text = match piece {
            Piece::Plain('%') => {
                if parts.last() != Some(&LikePart::AnyRun) {
                    parts.push(LikePart::AnyRun);
                }
                continue;
            }
            Piece::Plain('_') => {
                parts.push(LikePart::AnyOne);
                continue;
            }
            Piece::Plain(one) | Piece::Escaped(one) => one,
        };
        match parts.last_mut() {
            Some(LikePart::Text(before)) => before.push(text),
            _ => parts.push(LikePart::Text(text.into())),
        }
    }
    Ok(parts)
}

enum Piece {
    Plain(char),
    Escaped(char),
}

fn pieces(raw: &str, position: usize) -> Result<Vec<Piece>, QlError> {
    let mut found = Vec::with_capacity(raw.len());
    let mut characters = raw.chars();
    while let Some(one) = characters.next() {
        if one != '\\' {
            found.push(Piece::Plain(one));
            continue;
        }
        match characters.next() {
            Some(escaped @ ('\'' | '\\' | '%' | '_')) => found.push(Piece::Escaped(escaped)),
            _ => {
                let detail = "in a text, a backslash stands before ' \\ % or _".to_owned();
                return Err(QlError { position, detail });
            }
        }
    }
    Ok(found)
}
