//! Joins: the smaller side is read first, the other one by the values that were found in it where an index helps.

use std::collections::HashMap;
use std::rc::Rc;

use cartulary_db::Conn;
use cartulary_model::Timestamp;
use cartulary_model::ql::JoinKind;

use super::candidates::Candidate;
use super::names::{Bound, Field, System};
use super::plan::PlannedFrom;
use super::rules::Tuple;
use super::values::Datum;
use super::{Prepared, too_broad};
use crate::declarations::Catalogue;
use crate::store::query::Sql;
use crate::{RepositoryError, Result, Session};

/// So many rows a join may have, and so many objects each of its tables.
const ROWS_MAX: usize = 200_000;
/// So many values of one side are looked up in the other; more are not.
const KEYS_MAX: usize = 2_000;

/// After so many rows it is looked whether there is time left.
const ROWS_BETWEEN_LOOKS: usize = 1_000;

/// A row under way: for each table of the statement an object, or none.
type Row = Vec<Option<Rc<Candidate>>>;

/// What one question of a join knows.
struct Joining<'a> {
    session: &'a Session,
    catalogue: &'a Catalogue,
    prepared: &'a Prepared,
    now: Timestamp,
}

impl Session {
    /// Calls `see` with each row of a join.
    pub(super) fn each_joined(
        &self,
        conn: &mut Conn,
        catalogue: &Catalogue,
        prepared: &Prepared,
        join: &PlannedFrom,
        now: Timestamp,
        see: &mut impl FnMut(&Tuple<'_>) -> Result<()>,
    ) -> Result<()> {
        let joining = Joining { session: self, catalogue, prepared, now };
        for row in joining.rows(conn, join, None)? {
            let tuple: Vec<Option<&Candidate>> = row.iter().map(Option::as_deref).collect();
            see(&tuple)?;
        }
        Ok(())
    }
}

impl Joining<'_> {
    /// Returns the rows of a side; `also` narrows one that is a table.
    fn rows(&self, conn: &mut Conn, side: &PlannedFrom, also: Option<Sql>) -> Result<Vec<Row>> {
        match side {
            PlannedFrom::Table(table) => self.of_table(conn, *table, also),
            PlannedFrom::Join { kind, left, right, on } => self.join(conn, *kind, (left, right), on),
        }
    }

    fn of_table(&self, conn: &mut Conn, table: usize, also: Option<Sql>) -> Result<Vec<Row>> {
        let width = self.prepared.plan.tables.len();
        let mut rows = Vec::new();
        self.session.each_candidate(conn, self.catalogue, self.prepared, table, also, self.now, &mut |candidate| {
            if rows.len() == ROWS_MAX {
                return Err(too_many());
            }
            self.prepared.bounds.hold(candidate.size + self.row_bytes())?;
            let mut row: Row = vec![None; width];
            if let Some(place) = row.get_mut(table) {
                *place = Some(Rc::new(candidate));
            }
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }

    fn join(
        &self,
        conn: &mut Conn,
        kind: JoinKind,
        (left, right): (&PlannedFrom, &PlannedFrom),
        on: &(Bound, Bound),
    ) -> Result<Vec<Row>> {
        let is_right_first = kind == JoinKind::Inner && self.size(conn, right)? < self.size(conn, left)?;
        let (lefts, rights) = if is_right_first {
            let rights = self.rows(conn, right, None)?;
            let also = self.matching(conn, left, &on.0, &rights, &on.1)?;
            (self.rows(conn, left, also)?, rights)
        } else {
            let lefts = self.rows(conn, left, None)?;
            let also = self.matching(conn, right, &on.1, &lefts, &on.0)?;
            let rights = self.rows(conn, right, also)?;
            (lefts, rights)
        };
        let mut by_value: HashMap<JoinKey, Vec<&Row>> = HashMap::new();
        for row in &rights {
            if let Some(key) = value(row, &on.1).map(JoinKey::of) {
                by_value.entry(key).or_default().push(row);
            }
        }
        let mut joined: Vec<Row> = Vec::new();
        for (place, row) in lefts.iter().enumerate() {
            if place % ROWS_BETWEEN_LOOKS == 0 {
                self.prepared.bounds.go_on()?;
            }
            let before = joined.len();
            let matching = value(row, &on.0).map(JoinKey::of).and_then(|key| by_value.get(&key));
            match matching {
                Some(matching) => joined.extend(matching.iter().map(|other| together(row, other))),
                None if kind == JoinKind::LeftOuter => joined.push(row.clone()),
                None => {}
            }
            if joined.len() > ROWS_MAX {
                return Err(too_broad());
            }
            self.prepared.bounds.hold((joined.len() - before).saturating_mul(self.row_bytes()))?;
        }
        Ok(joined)
    }

    /// Returns how much a row takes beside its objects, roughly. *Units*: bytes.
    fn row_bytes(&self) -> usize {
        size_of::<Row>() + self.prepared.plan.tables.len() * size_of::<Option<Rc<Candidate>>>()
    }

    /// Returns how many objects would be looked at for a side; of a join, as many as there may be.
    fn size(&self, conn: &mut Conn, side: &PlannedFrom) -> Result<i64> {
        match side {
            PlannedFrom::Table(table) => {
                self.session.narrowed(conn, self.catalogue, self.prepared, *table, None)?.count(conn)
            }
            PlannedFrom::Join { .. } => Ok(i64::MAX),
        }
    }

    /// Narrows a side that is a table to what can be joined with the rows of the other.
    fn matching(
        &self,
        conn: &mut Conn,
        side: &PlannedFrom,
        column: &Bound,
        others: &[Row],
        other_column: &Bound,
    ) -> Result<Option<Sql>> {
        let is_narrow = matches!(column.field, Field::System(System::ObjectId)) || column.index_key().is_some();
        if !matches!(side, PlannedFrom::Table(_)) || !is_narrow {
            return Ok(None);
        }
        let mut keys: Vec<Datum> = others.iter().filter_map(|row| value(row, other_column)).collect();
        if matches!(column.field, Field::System(System::ObjectId)) {
            let mut ids: Vec<String> = keys
                .into_iter()
                .filter_map(|key| match key {
                    Datum::Text(id) => Some(id),
                    _ => None,
                })
                .collect();
            ids.sort_unstable();
            ids.dedup();
            return Ok(Some(Sql::of("o.id").among_texts(ids)));
        }
        keys.dedup();
        if keys.len() > KEYS_MAX {
            return Ok(None);
        }
        if keys.is_empty() {
            return Ok(Some(Sql::of("1 = 0")));
        }
        self.prepared.narrowing(self.catalogue).among(conn, column, &keys)
    }
}

/// A value by which rows are put together: whole and real numbers that are the same are one key.
#[derive(PartialEq, Eq, Hash)]
enum JoinKey {
    Text(String),
    Whole(i64),
    Real(u64),
    Bool(bool),
    Instant(i64),
}

impl JoinKey {
    fn of(datum: Datum) -> Self {
        match datum {
            Datum::Text(text) => Self::Text(text),
            Datum::Int(number) => Self::Whole(number),
            Datum::Real(number) => match as_whole(number) {
                Some(whole) => Self::Whole(whole),
                None => Self::Real(number.to_bits()),
            },
            Datum::Bool(flag) => Self::Bool(flag),
            Datum::Instant(at) => Self::Instant(at),
        }
    }
}

fn as_whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "compared with what it came from")]
    let whole = number as i64;
    Datum::Int(whole).equals(&Datum::Real(number)).then_some(whole)
}

fn value(row: &Row, column: &Bound) -> Option<Datum> {
    row.get(column.table)?.as_ref()?.values(column).into_iter().next()
}

fn together(one: &Row, other: &Row) -> Row {
    one.iter().zip(other).map(|(one, other)| one.clone().or_else(|| other.clone())).collect()
}

fn too_many() -> RepositoryError {
    let detail = format!("joins a table with more than {ROWS_MAX} objects: ask for less of each");
    RepositoryError::invalid("statement", "too_broad", detail)
}
