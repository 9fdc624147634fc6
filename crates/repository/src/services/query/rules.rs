//! Whether a row keeps the rules of a statement; where a value is missing, that is not known (SQL's third truth).

use std::collections::HashMap;

use super::candidates::Candidate;
use super::names::Bound;
use super::plan::{Place, Rule};
use super::values::Datum;

/// One row: for each table an object, or none where an outer join found none.
pub(super) type Tuple<'a> = [Option<&'a Candidate>];

/// What is known beside the objects: how well texts fit that have what `CONTAINS` wants, and the places.
pub(super) struct Known<'a> {
    pub scores: &'a HashMap<i64, f32>,
    pub scored_table: Option<usize>,
    pub places: &'a [Place],
}

impl Known<'_> {
    /// Returns how well the text of a row fits; 0 where it does not.
    pub(super) fn score(&self, tuple: &Tuple<'_>) -> f32 {
        let scored = self.scored_table.and_then(|table| of_table(tuple, table));
        scored.and_then(|candidate| self.scores.get(&candidate.row.no)).copied().unwrap_or_default()
    }

    /// Says whether a rule is kept; nothing where it cannot be known.
    pub(super) fn holds(&self, rule: &Rule, tuple: &Tuple<'_>) -> Option<bool> {
        match rule {
            Rule::All(rules) => {
                let mut all = Some(true);
                for rule in rules {
                    match self.holds(rule, tuple) {
                        Some(false) => return Some(false),
                        None => all = None,
                        Some(true) => {}
                    }
                }
                all
            }
            Rule::Any(rules) => {
                let mut any = Some(false);
                for rule in rules {
                    match self.holds(rule, tuple) {
                        Some(true) => return Some(true),
                        None => any = None,
                        Some(false) => {}
                    }
                }
                any
            }
            Rule::Not(rule) => self.holds(rule, tuple).map(|holds| !holds),
            Rule::Compare { column, comparison, datum } => {
                first(tuple, column).map(|value| value.compares(*comparison, datum))
            }
            Rule::Among { column, negated, data } => {
                let values = of_table(tuple, column.table)?.values(column);
                let is_one = |value: &Datum| data.iter().any(|datum| datum.equals(value)) != *negated;
                if values.is_empty() { None } else { Some(values.iter().any(is_one)) }
            }
            Rule::Like { column, negated, pattern } => match first(tuple, column)? {
                Datum::Text(text) => Some(pattern.is_match(&text) != *negated),
                _ => None,
            },
            Rule::Missing { column, negated } => {
                let is_there = of_table(tuple, column.table).is_some_and(|candidate| candidate.has(column));
                Some(is_there == *negated)
            }
            Rule::Score { comparison, number } => {
                Some(Datum::Real(f64::from(self.score(tuple))).compares(*comparison, number))
            }
            Rule::Contains(table) => {
                of_table(tuple, *table).map(|candidate| self.scores.contains_key(&candidate.row.no))
            }
            Rule::Lies(place) => {
                let place = self.places.get(*place)?;
                of_table(tuple, place.table).map(|candidate| candidate.row.flags & (1 << place.bit) != 0)
            }
        }
    }
}

fn of_table<'a>(tuple: &Tuple<'a>, table: usize) -> Option<&'a Candidate> {
    tuple.get(table).copied().flatten()
}

/// Returns the value of a column that has at most one.
pub(super) fn first(tuple: &Tuple<'_>, column: &Bound) -> Option<Datum> {
    of_table(tuple, column.table)?.values(column).into_iter().next()
}
