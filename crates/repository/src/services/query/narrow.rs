//! From rules to SQL that finds what may keep them, by an index where one is declared.
//!
//! What is found is a superset: whoever asked looks at each row again. So nothing need be exact here, and a rule that
//! cannot be narrowed is left out.

use cartulary_db::Conn;
use cartulary_model::ql::Comparison;
use cartulary_model::{PropertyKind, TypeRegistry, nfc, text_key};
use std::cell::Cell;
use std::collections::HashMap;

use super::names::{Bound, Field, Source, System};
use super::plan::{Place, Plan, Rule};
use super::values::Datum;
use crate::Result;
use crate::services::tags::key_of;
use crate::store::objects;
use crate::store::query::{ALL_VERSIONS, PRESENT, Sql};

/// So many hits in texts are told to the database by number; more are looked up afterwards.
const HITS_MAX: usize = 20_000;
/// So many values of a list are bound one by one.
const VALUES_MAX: usize = 2_000;

/// So many times the index of values is asked by one statement; what more would be asked is looked at row by row.
const LOOKUPS_MAX: usize = 64;

/// What narrowing needs to know.
pub(super) struct Narrowing<'a> {
    pub types: &'a TypeRegistry,
    pub plan: &'a Plan,
    pub all_versions: bool,
    /// The folders of each of the plan's places.
    pub folders: &'a [Vec<i64>],
    pub scores: &'a HashMap<i64, f32>,
    /// How many look-ups in the index of values there are already.
    pub lookups: Cell<usize>,
}

impl Narrowing<'_> {
    /// Returns what the objects of a table must be, beside the rules.
    pub(super) fn table(&self, table: usize) -> Sql {
        let versions = Sql::of(if self.all_versions { ALL_VERSIONS } else { PRESENT });
        let Some(planned) = self.plan.tables.get(table) else { return versions };
        let source = match &planned.source {
            Source::Base(base) => {
                let of_base = self.types.iter().filter(|one| one.definition.base == *base);
                Sql::of("o.type_id").among_texts(of_base.map(|one| one.definition.id.clone()).collect())
            }
            Source::Types(types) => Sql::of("o.type_id").among_texts(types.clone()),
            Source::Facets { facets, types } => {
                let attached = Sql::of("o.no IN (SELECT a.object_no FROM object_facet a WHERE a.facet_id")
                    .among_texts(facets.clone())
                    .words(")");
                if types.is_empty() { attached } else { attached.words(" OR o.type_id").among_texts(types.clone()) }
            }
        };
        versions.words(" AND (").then(source).words(")")
    }

    /// Returns what says of each object of a table whether it lies in the places that the statement names.
    pub(super) fn flags(&self, table: usize) -> Vec<Sql> {
        let places = self.plan.places.iter().zip(self.folders).filter(|(place, _)| place.table == table);
        let filed = if self.all_versions {
            "COALESCE((SELECT l.no FROM object l WHERE l.series_no = o.series_no AND l.role = 'live'), o.no)"
        } else {
            "o.no"
        };
        let lies = |(_, folders): (&Place, &Vec<i64>)| {
            Sql::of("EXISTS (SELECT 1 FROM filing f WHERE f.child_no = ")
                .words(filed)
                .words(" AND NOT f.is_trashed AND f.parent_no")
                .among_ints(folders.clone())
                .words(")")
        };
        places.map(lies).collect()
    }

    /// Returns SQL that holds of the object of a table in every row that keeps a rule.
    ///
    /// # Errors
    /// Faults of the database.
    pub(super) fn keeping(&self, conn: &mut Conn, rule: &Rule, table: usize) -> Result<Option<Sql>> {
        match rule {
            Rule::All(rules) => {
                self.each(conn, rules, table).map(|all| Sql::joined(all.into_iter().flatten().collect(), " AND "))
            }
            Rule::Any(rules) => {
                let any: Option<Vec<Sql>> = self.each(conn, &as_lists(rules), table)?.into_iter().collect();
                Ok(any.and_then(|any| Sql::joined(any, " OR ")))
            }
            Rule::Compare { column, comparison, datum } if column.table == table => {
                self.comparing(conn, column, *comparison, datum)
            }
            Rule::Among { column, negated: false, data } if column.table == table => self.among(conn, column, data),
            Rule::Like { column, negated: false, pattern }
                if column.table == table && !pattern.beginning().is_empty() =>
            {
                let least = text_key(pattern.beginning());
                let most = after_all_beginning_with(&least);
                let mut range = Sql::of("v.text_key >= ").bytes(least);
                if let Some(most) = most {
                    range = range.words(" AND v.text_key < ").bytes(most);
                }
                self.having(conn, column, range)
            }
            Rule::Missing { column, negated: true } if column.table == table => {
                self.having(conn, column, Sql::of("1 = 1"))
            }
            Rule::Contains(of) if *of == table && self.scores.len() <= HITS_MAX => {
                let mut nos: Vec<i64> = self.scores.keys().copied().collect();
                nos.sort_unstable();
                Ok(Some(Sql::of("o.no").among_ints(nos)))
            }
            Rule::Lies(place) if !self.all_versions => {
                let of = self.plan.places.get(*place).filter(|place| place.table == table);
                let folders = of.and(self.folders.get(*place)).cloned();
                Ok(folders.map(|folders| {
                    Sql::of("o.no IN (SELECT f.child_no FROM filing f WHERE NOT f.is_trashed AND f.parent_no")
                        .among_ints(folders)
                        .words(")")
                }))
            }
            _ => Ok(None),
        }
    }

    fn each(&self, conn: &mut Conn, rules: &[Rule], table: usize) -> Result<Vec<Option<Sql>>> {
        rules.iter().map(|rule| self.keeping(conn, rule, table)).collect()
    }

    fn comparing(&self, conn: &mut Conn, column: &Bound, comparison: Comparison, datum: &Datum) -> Result<Option<Sql>> {
        if comparison == Comparison::Equal {
            return self.among(conn, column, std::slice::from_ref(datum));
        }
        let Some(sign) = sign(comparison) else { return Ok(None) };
        match (&column.field, datum) {
            (Field::System(System::CreatedAt), Datum::Instant(at)) => {
                Ok(Some(Sql::of("o.created_at").words(sign).int(*at)))
            }
            (Field::System(System::ModifiedAt), Datum::Instant(at)) => {
                Ok(Some(Sql::of("o.modified_at").words(sign).int(*at)))
            }
            (Field::System(_), _) => Ok(None),
            (Field::Property { .. }, datum) => match value(column.kind, datum) {
                Some((words, value)) => self.having(conn, column, Sql::of(words).words(sign).then(value)),
                None => Ok(None),
            },
        }
    }

    /// Narrows to objects of which one value of a column is among some.
    pub(super) fn among(&self, conn: &mut Conn, column: &Bound, data: &[Datum]) -> Result<Option<Sql>> {
        let texts = || -> Vec<String> {
            let text = |datum: &Datum| if let Datum::Text(text) = datum { Some(text.clone()) } else { None };
            data.iter().filter_map(text).collect()
        };
        match &column.field {
            Field::System(System::ObjectId) => Ok(Some(Sql::of("o.id").among_texts(texts()))),
            Field::System(System::Name) => Ok(Some(Sql::of("o.name").among_texts(texts()))),
            Field::System(System::TypeId) => Ok(Some(Sql::of("o.type_id").among_texts(texts()))),
            Field::System(System::BaseTypeId) => Ok(Some(Sql::of("o.base").among_texts(texts()))),
            Field::System(System::SourceName) => Ok(Some(Sql::of("o.source_system").among_texts(texts()))),
            Field::System(System::SourceId) => Ok(Some(Sql::of("o.source_id").among_texts(texts()))),
            Field::System(System::State) => Ok(Some(self.in_state(&texts()))),
            Field::System(System::Facets) => Ok(Some(
                Sql::of("o.no IN (SELECT a.object_no FROM object_facet a WHERE a.facet_id")
                    .among_texts(texts())
                    .words(")"),
            )),
            Field::System(System::LinkSource) => Ok(Some(
                Sql::of(
                    "o.no IN (SELECT r.object_no FROM relationship r JOIN object e ON e.no = r.source_no WHERE e.id",
                )
                .among_texts(texts())
                .words(")"),
            )),
            Field::System(System::LinkTarget) => Ok(Some(
                Sql::of(
                    "o.no IN (SELECT r.object_no FROM relationship r JOIN object e ON e.no = r.target_no WHERE e.id",
                )
                .among_texts(texts())
                .words(")"),
            )),
            Field::System(System::Tags) => Ok(Some(
                Sql::of("o.no IN (SELECT t.object_no FROM tag t WHERE t.label_key")
                    .among_texts(texts().iter().map(|label| key_of(label)).collect())
                    .words(")"),
            )),
            Field::System(_) => Ok(None),
            Field::Property { .. } => {
                if data.len() > VALUES_MAX {
                    return Ok(None);
                }
                let mut any = Vec::with_capacity(data.len());
                for datum in data {
                    let Some((words, value)) = value(column.kind, datum) else { return Ok(None) };
                    any.push(Sql::of(words).words(" = ").then(value));
                }
                match Sql::joined(any, " OR ") {
                    Some(any) => self.having(conn, column, any),
                    None => Ok(None),
                }
            }
        }
    }

    /// Narrows to objects in one of some states; what has none stored is in the first one of its life cycle.
    fn in_state(&self, states: &[String]) -> Sql {
        let first = self.types.iter().filter(|one| {
            one.life_cycle.as_ref().is_some_and(|cycle| states.iter().any(|state| *state == nfc(&cycle.initial)))
        });
        let first = first.map(|one| one.definition.id.clone()).collect();
        let unsaid = Sql::of("o.state IS NULL AND o.type_id").among_texts(first);
        Sql::of("o.state").among_texts(states.to_vec()).words(" OR (").then(unsaid).words(")")
    }

    /// Narrows to objects with an indexed value of a property of which something holds.
    fn having(&self, conn: &mut Conn, column: &Bound, holds: Sql) -> Result<Option<Sql>> {
        // Versions have no values in the index of properties.
        let Some(key) = column.index_key().filter(|_| !self.all_versions) else { return Ok(None) };
        if self.lookups.replace(self.lookups.get() + 1) >= LOOKUPS_MAX {
            return Ok(None);
        }
        let Some(no) = objects::known_property_no(conn, &key)? else { return Ok(Some(Sql::of("1 = 0"))) };
        let sql = Sql::of("o.no IN (SELECT v.object_no FROM property_value v WHERE v.property_no = ").int(no);
        Ok(Some(sql.words(" AND (").then(holds).words("))")))
    }
}

/// Puts together what is compared with one column: `a = 1 OR a = 2` is `a IN (1, 2)`.
fn as_lists(rules: &[Rule]) -> Vec<Rule> {
    let mut lists: Vec<(&Bound, Vec<Datum>)> = Vec::new();
    let mut found = Vec::new();
    for rule in rules {
        let (column, data) = match rule {
            Rule::Compare { column, comparison: Comparison::Equal, datum } => (column, std::slice::from_ref(datum)),
            Rule::Among { column, negated: false, data } => (column, data.as_slice()),
            other => {
                found.push(other.clone());
                continue;
            }
        };
        match lists.iter_mut().find(|(other, _)| (other.table, &other.field) == (column.table, &column.field)) {
            Some((_, list)) => list.extend_from_slice(data),
            None => lists.push((column, data.to_vec())),
        }
    }
    found.extend(lists.into_iter().map(|(column, data)| Rule::Among { column: column.clone(), negated: false, data }));
    found
}

/// Returns the sign of a comparison that an index helps with.
const fn sign(comparison: Comparison) -> Option<&'static str> {
    match comparison {
        Comparison::Equal | Comparison::NotEqual => None,
        // A number that was rounded on its way may be as great.
        Comparison::Less | Comparison::LessOrEqual => Some(" <= "),
        Comparison::Greater | Comparison::GreaterOrEqual => Some(" >= "),
    }
}

/// Returns the column of the index that has values of a kind, and the value to find there; nothing where a value of another
/// kind is compared with.
fn value(kind: PropertyKind, datum: &Datum) -> Option<(&'static str, Sql)> {
    let sql = Sql::default();
    match (kind, datum) {
        (_, Datum::Text(text)) => Some(("v.text_key", sql.bytes(text_key(text)))),
        (PropertyKind::Integer, Datum::Int(number)) => Some(("v.int_value", sql.int(*number))),
        (PropertyKind::Decimal, Datum::Real(number)) => Some(("v.real_value", sql.real(*number))),
        #[expect(clippy::cast_precision_loss, reason = "what is found is looked at again")]
        (PropertyKind::Decimal, Datum::Int(number)) => Some(("v.real_value", sql.real(*number as f64))),
        (PropertyKind::Boolean, Datum::Bool(flag)) => Some(("v.int_value", sql.int(i64::from(*flag)))),
        (PropertyKind::Datetime, Datum::Instant(at)) => Some(("v.instant", sql.int(*at))),
        _ => None,
    }
}

/// Returns the least key that is greater than all that begin with a key; nothing when there is none.
fn after_all_beginning_with(key: &[u8]) -> Option<Vec<u8>> {
    let mut after = key.to_vec();
    while let Some(last) = after.pop() {
        if last < u8::MAX {
            after.push(last + 1);
            return Some(after);
        }
    }
    None
}
