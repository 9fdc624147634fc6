//! Statements of CMIS QL, answered exactly: from rows and from the index together, of what the caller may see.
//!
//! A statement is planned (names, kinds), then narrowed to candidates by SQL and by the index of texts, and each candidate
//! is looked at here, so that both databases answer the same. Totals count what the caller may see and nothing else.

mod bounds;
mod candidates;
mod joins;
mod names;
mod narrow;
mod plan;
mod rules;
mod values;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use cartulary_db::Conn;
use cartulary_index::SearchRequest;
use cartulary_model::permission::{BROWSE, READ_CONTENT, READ_PROPERTIES};
use cartulary_model::ql::Query;
use cartulary_model::{BaseType, ObjectId, PropertyKind, Timestamp};
use serde_json::Value;

use self::bounds::Bounds;
use self::candidates::Candidate;
use self::names::{Bound, Needs, fault};
use self::narrow::Narrowing;
use self::plan::{Plan, PlannedFrom};
use self::rules::{Known, Tuple, first};
use self::values::SortKey;
use crate::bootstrap::parse_id;
use crate::declarations::Catalogue;
use crate::object::WindowRequest;
use crate::services::folders::cut;
use crate::services::readings::Reading;
use crate::store::query::{CandidateRow, Candidates, Sql};
use crate::{RepositoryError, Result, Session};

/// So many objects are looked at for one statement; one that would need more is refused.
const CANDIDATES_MAX: usize = 1_000_000;
/// So many are read at once.
const PAGE: usize = 2_000;

/// What is asked.
#[derive(Clone, Debug, Default)]
pub struct QueryRequest {
    /// The statement.
    pub statement: String,
    /// Whether each version is asked, instead of the present state of documents.
    pub all_versions: bool,
    /// How many rows are passed over.
    pub offset: u64,
    /// How many rows are answered.
    pub limit: u64,
}

/// What is answered.
#[derive(Clone, Debug)]
pub struct QueryResult {
    /// How many rows there are that the caller may see, exactly.
    pub total: u64,
    /// The columns.
    pub columns: Vec<QueryColumn>,
    /// The rows of the window, each with a value for each column; `null` where there is none.
    pub rows: Vec<Vec<Value>>,
    /// Up to which change what was found in texts is true; nothing when no text was looked at.
    pub indexed_change: Option<i64>,
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryColumn {
    /// What it is called in the answer.
    pub name: String,
    /// The property that it is of, with the fields within; nothing: the score.
    pub property: Option<String>,
    /// The kind of its values.
    pub kind: PropertyKind,
    /// Whether it is a list.
    pub is_list: bool,
}

/// A row that is answered: the numbers of its objects, and what it is ordered by.
struct Hit {
    nos: Vec<Option<i64>>,
    keys: Vec<SortKey>,
    score: f32,
}

impl Hit {
    /// Returns how much it takes, roughly. *Units*: bytes.
    fn size(&self) -> usize {
        let of_keys: usize = self.keys.iter().map(SortKey::size).sum();
        size_of::<Self>() + size_of_val(self.nos.as_slice()) + of_keys
    }
}

/// What is known before the first candidate is looked at.
struct Prepared {
    plan: Plan,
    folders: Vec<Vec<i64>>,
    scores: HashMap<i64, f32>,
    indexed_change: Option<i64>,
    all_versions: bool,
    bounds: Bounds,
}

impl Session {
    /// Answers a statement.
    ///
    /// # Errors
    /// `InvalidStatement` with the place of what is wrong; `Invalid` `too_broad` for one that would have to look at too
    /// much, `too_slow` for one that takes too long; `Unavailable` when the index does not answer, or others' statements
    /// take their time.
    pub async fn query(&self, request: QueryRequest) -> Result<QueryResult> {
        let query = Query::parse(&request.statement)?;
        let (session, now) = (self.clone(), self.repository.clock().now());
        let turn = self.repository.turn_of_statement().await?;
        let read = move |conn: &mut Conn| {
            let result = session.query_in(conn, &query, &request, now);
            drop(turn);
            result
        };
        self.read_noted("query", read).await
    }

    fn query_in(
        &self,
        conn: &mut Conn,
        query: &Query,
        request: &QueryRequest,
        now: Timestamp,
    ) -> Result<(QueryResult, Vec<Reading>)> {
        let catalogue = self.repository.inner.declarations.present(conn)?;
        let prepared = self.prepare(conn, &catalogue, query, request.all_versions, now)?;
        let hits = self.hits_of(conn, &catalogue, &prepared, now)?;
        let total = hits.len() as u64;
        let QueryRequest { offset, limit, .. } = *request;
        let window: Vec<&Hit> = cut(&hits, WindowRequest { offset, limit }).iter().collect();
        let rows = self.answers(conn, &prepared.plan, &window, now)?;
        let columns = prepared.plan.columns.iter().map(|column| QueryColumn {
            name: column.name.clone(),
            property: column.source.as_ref().map(|bound| bound.name.clone()),
            kind: column.source.as_ref().map_or(PropertyKind::Decimal, |bound| bound.kind),
            is_list: column.source.as_ref().is_some_and(|bound| bound.is_list),
        });
        let answered: BTreeSet<i64> = window.iter().flat_map(|hit| hit.nos.iter().copied().flatten()).collect();
        let readings = self.readings_of(conn, &answered.into_iter().collect::<Vec<_>>())?;
        let indexed_change = prepared.indexed_change;
        Ok((QueryResult { total, columns: columns.collect(), rows, indexed_change }, readings))
    }

    /// Plans a statement, finds the folders that it names, and asks the index what it asks of texts.
    fn prepare(
        &self,
        conn: &mut Conn,
        catalogue: &Catalogue,
        query: &Query,
        all_versions: bool,
        now: Timestamp,
    ) -> Result<Prepared> {
        let mut prepared = self.planned(conn, catalogue, query, all_versions, now)?;
        if let Some(contains) = prepared.plan.contains.clone() {
            let inner = &self.repository.inner;
            prepared.indexed_change = Some(*inner.indexed.borrow());
            let reach = self.reach(conn, READ_CONTENT, now)?;
            let asked = SearchRequest { full_text: Some(contains.text), all_versions, ..reach };
            let found = inner.index.scored_objects(&asked).map_err(|error| RepositoryError::Unavailable {
                what: "the full-text index",
                source: Some(Box::new(error)),
            })?;
            // The scopes of versions are not kept in the index: the database says which of them may be read.
            let found = if all_versions { self.readable_texts(conn, &found, now)? } else { found };
            prepared.scores = found.into_iter().collect();
        }
        Ok(prepared)
    }

    /// Returns those of what was found in texts that the caller may read; the best of them has 1.
    fn readable_texts(&self, conn: &mut Conn, found: &[(i64, f32)], now: Timestamp) -> Result<Vec<(i64, f32)>> {
        if found.len() > CANDIDATES_MAX {
            return Err(too_broad());
        }
        let mut readable = Vec::new();
        for page in found.chunks(PAGE) {
            let nos: Vec<i64> = page.iter().map(|(no, _)| *no).collect();
            let scopes: HashMap<i64, i64> = crate::store::objects::scopes_of(conn, &nos)?.into_iter().collect();
            let all: BTreeSet<i64> = scopes.values().copied().collect();
            let allowing = self.repository.inner.access.allowing(conn, &self.actor, &all, READ_CONTENT, now)?;
            readable.extend(page.iter().filter(|(no, _)| scopes.get(no).is_some_and(|scope| allowing.contains(scope))));
        }
        let best = readable.iter().map(|(_, score)| *score).fold(0.0, f32::max);
        if best > 0.0 {
            readable.iter_mut().for_each(|(_, score)| *score /= best);
        }
        Ok(readable)
    }

    /// Plans a statement and finds the folders that it names; what it asks of texts is looked at, and not yet asked.
    fn planned(
        &self,
        conn: &mut Conn,
        catalogue: &Catalogue,
        query: &Query,
        all_versions: bool,
        now: Timestamp,
    ) -> Result<Prepared> {
        let plan = plan::plan(catalogue.types(), query)?;
        let mut folders = Vec::with_capacity(plan.places.len());
        for place in &plan.places {
            let unknown = || fault(place.folder.position, format!("there is no folder `{}`", place.folder.text));
            let id: ObjectId = place.folder.text.parse().map_err(|_| unknown())?;
            let folder = match self.authorised(conn, id, BROWSE, now) {
                Ok(row) if row.base == BaseType::Folder.as_str() => row,
                Ok(_) | Err(RepositoryError::NotFound { .. }) => return Err(unknown().into()),
                Err(other) => return Err(other),
            };
            let mut all = vec![folder.no];
            if place.is_tree {
                all.extend(self.folders_below(conn, &folder, now)?);
            }
            folders.push(all);
        }
        if let Some(contains) = &plan.contains {
            let index = &self.repository.inner.index;
            index.check_full_text(&contains.text).map_err(|detail| fault(contains.position, detail))?;
        }
        let (scores, bounds) = (HashMap::new(), Bounds::of_answer());
        Ok(Prepared { plan, folders, scores, indexed_change: None, all_versions, bounds })
    }

    /// Refuses a statement that [`Session::query`] would refuse.
    pub(crate) fn check_query(&self, conn: &mut Conn, query: &Query, all_versions: bool, now: Timestamp) -> Result<()> {
        let catalogue = self.repository.inner.declarations.present(conn)?;
        self.planned(conn, &catalogue, query, all_versions, now).map(drop)
    }

    /// Returns which of some objects a statement of one table finds.
    ///
    /// # Errors
    /// As [`Session::query_objects`].
    pub(crate) fn query_among(
        &self,
        conn: &mut Conn,
        statement: &str,
        nos: &[i64],
        now: Timestamp,
    ) -> Result<BTreeSet<i64>> {
        let catalogue = self.repository.inner.declarations.present(conn)?;
        let prepared = self.prepare_of_objects(conn, &catalogue, statement, now)?;
        let (known, among) = (prepared.known(), Sql::of("o.no").among_ints(nos.to_vec()));
        let mut found = BTreeSet::new();
        self.each_candidate(conn, &catalogue, &prepared, 0, Some(among), now, &mut |candidate| {
            let is_kept = prepared.plan.rule.as_ref();
            if is_kept.is_none_or(|rule| known.holds(rule, &[Some(&candidate)]) == Some(true)) {
                found.insert(candidate.row.no);
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// Returns the rows that keep all rules, in order.
    fn hits_of(&self, conn: &mut Conn, catalogue: &Catalogue, prepared: &Prepared, now: Timestamp) -> Result<Vec<Hit>> {
        let known = prepared.known();
        let mut hits = Vec::new();
        let mut see = |tuple: &Tuple<'_>| {
            let is_kept = prepared.plan.rule.as_ref().is_none_or(|rule| known.holds(rule, tuple) == Some(true));
            if is_kept {
                let hit = prepared.hit(&known, tuple);
                prepared.bounds.hold(hit.size())?;
                hits.push(hit);
            }
            Ok(())
        };
        match &prepared.plan.from {
            PlannedFrom::Table(table) => {
                self.each_candidate(conn, catalogue, prepared, *table, None, now, &mut |candidate| {
                    see(&[Some(&candidate)])
                })?;
            }
            join @ PlannedFrom::Join { .. } => self.each_joined(conn, catalogue, prepared, join, now, &mut see)?,
        }
        prepared.bounds.go_on()?;
        let order = &prepared.plan.order;
        let is_by_fit = order.is_empty() && prepared.plan.contains.is_some();
        hits.sort_unstable_by(|one, other| {
            let by_columns =
                order.iter().zip(one.keys.iter().zip(&other.keys)).map(|(sort, (key, other_key))| match sort.column {
                    Some(_) => key.order(other_key, sort.descending),
                    None if sort.descending => other.score.total_cmp(&one.score),
                    None => one.score.total_cmp(&other.score),
                });
            let by_columns = by_columns.fold(Ordering::Equal, Ordering::then);
            let by_fit = if is_by_fit { other.score.total_cmp(&one.score) } else { Ordering::Equal };
            by_columns.then(by_fit).then_with(|| one.nos.cmp(&other.nos))
        });
        Ok(hits)
    }

    /// Calls `see` with each object of a table that the caller may see and that may keep the rules; `also` narrows further.
    #[expect(clippy::too_many_arguments, reason = "the state of one statement, which has no better name")]
    fn each_candidate(
        &self,
        conn: &mut Conn,
        catalogue: &Catalogue,
        prepared: &Prepared,
        table: usize,
        also: Option<Sql>,
        now: Timestamp,
        see: &mut impl FnMut(Candidate) -> Result<()>,
    ) -> Result<()> {
        let needs = prepared.plan.needs_of(table);
        let candidates = self.narrowed(conn, catalogue, prepared, table, also)?;
        let most = i64::try_from(CANDIDATES_MAX).unwrap_or(i64::MAX);
        let nos = candidates.numbers(conn, most.saturating_add(1))?;
        if nos.len() > CANDIDATES_MAX {
            return Err(too_broad());
        }
        for page in nos.chunks(PAGE) {
            prepared.bounds.go_on()?;
            let mut rows = candidates.rows(conn, page.to_vec())?;
            let scopes: BTreeSet<i64> = rows.iter().map(|row| row.scope_no).collect();
            let access = &self.repository.inner.access;
            let visible = access.allowing(conn, &self.actor, &scopes, READ_PROPERTIES, now)?;
            let is_relationship = |row: &CandidateRow| row.base == BaseType::Relationship.as_str();
            let links: Vec<i64> = rows.iter().filter(|row| is_relationship(row)).map(|row| row.no).collect();
            let links = self.relationships_in_sight(conn, &links, READ_PROPERTIES, now)?;
            rows.retain(|row| match is_relationship(row) {
                true => links.contains(&row.no),
                false => visible.contains(&row.scope_no),
            });
            for candidate in self.candidates(conn, rows, needs, now)? {
                see(candidate)?;
            }
        }
        Ok(())
    }

    /// Returns how the objects of a table are found.
    fn narrowed(
        &self,
        conn: &mut Conn,
        catalogue: &Catalogue,
        prepared: &Prepared,
        table: usize,
        also: Option<Sql>,
    ) -> Result<Candidates> {
        let narrowing = prepared.narrowing(catalogue);
        let mut all = vec![narrowing.table(table)];
        // What an outer join does not find keeps a row: there, rules are for the whole row only.
        if let Some(rule) = prepared.plan.rule.as_ref().filter(|_| !prepared.plan.from.is_outer(table)) {
            all.extend(narrowing.keeping(conn, rule, table)?);
        }
        all.extend(also);
        let flags = narrowing.flags(table);
        let with_properties = prepared.plan.needs_of(table).has(Needs::PROPERTIES);
        Ok(Candidates { narrow: Sql::joined(all, " AND ").unwrap_or_default(), flags, with_properties })
    }

    /// Reads what is answered of the rows of a window.
    fn answers(&self, conn: &mut Conn, plan: &Plan, window: &[&Hit], now: Timestamp) -> Result<Vec<Vec<Value>>> {
        let mut tables: Vec<BTreeMap<i64, Candidate>> = Vec::with_capacity(plan.tables.len());
        for table in 0..plan.tables.len() {
            let nos: BTreeSet<i64> = window.iter().filter_map(|hit| hit.nos.get(table).copied().flatten()).collect();
            let needs = plan.needs_of_answer(table);
            let with_properties = needs.has(Needs::PROPERTIES);
            let all = Candidates { narrow: Sql::default(), flags: Vec::new(), with_properties };
            let rows = all.rows(conn, nos.into_iter().collect())?;
            let found = self.candidates(conn, rows, needs, now)?;
            tables.push(found.into_iter().map(|candidate| (candidate.row.no, candidate)).collect());
        }
        let answer = |hit: &Hit, column: &Option<Bound>| match column {
            None => serde_json::json!(hit.score),
            Some(bound) => {
                let no = hit.nos.get(bound.table).copied().flatten();
                let candidate = no.and_then(|no| tables.get(bound.table)?.get(&no));
                candidate.map_or(Value::Null, |candidate| candidate.answer(bound))
            }
        };
        let row = |hit: &&Hit| plan.columns.iter().map(|column| answer(hit, &column.source)).collect();
        Ok(window.iter().map(row).collect())
    }

    /// Returns the objects that a statement of one table finds, in order, for acts on each of them.
    ///
    /// # Errors
    /// As [`Session::query`]; `InvalidStatement` for a statement of several tables.
    pub(crate) fn query_objects(&self, conn: &mut Conn, statement: &str, now: Timestamp) -> Result<Vec<ObjectId>> {
        let catalogue = self.repository.inner.declarations.present(conn)?;
        let mut prepared = self.prepare_of_objects(conn, &catalogue, statement, now)?;
        prepared.bounds = Bounds::of_job();
        let hits = self.hits_of(conn, &catalogue, &prepared, now)?;
        let nos: Vec<i64> = hits.iter().filter_map(|hit| hit.nos.first().copied().flatten()).collect();
        let mut ids: HashMap<i64, String> = HashMap::with_capacity(nos.len());
        for page in nos.chunks(PAGE) {
            let rows = crate::store::objects::ids_of(conn, page)?;
            ids.extend(rows);
        }
        nos.iter().filter_map(|no| ids.get(no)).map(|id| parse_id(id)).collect()
    }

    /// Refuses a statement that [`Session::query_objects`] would refuse.
    pub(crate) fn check_query_of_objects(&self, conn: &mut Conn, statement: &str, now: Timestamp) -> Result<()> {
        let catalogue = self.repository.inner.declarations.present(conn)?;
        self.prepare_of_objects(conn, &catalogue, statement, now).map(drop)
    }

    fn prepare_of_objects(
        &self,
        conn: &mut Conn,
        catalogue: &Catalogue,
        statement: &str,
        now: Timestamp,
    ) -> Result<Prepared> {
        let prepared = self.prepare(conn, catalogue, &Query::parse(statement)?, false, now)?;
        if prepared.plan.tables.len() != 1 {
            return Err(fault(0, "what is done to each object is done to those of one table, without a join").into());
        }
        Ok(prepared)
    }
}

impl Prepared {
    fn known(&self) -> Known<'_> {
        let scored_table = self.plan.contains.as_ref().map(|contains| contains.table);
        Known { scores: &self.scores, scored_table, places: &self.plan.places }
    }

    fn narrowing<'a>(&'a self, catalogue: &'a Catalogue) -> Narrowing<'a> {
        Narrowing {
            types: catalogue.types(),
            plan: &self.plan,
            all_versions: self.all_versions,
            folders: &self.folders,
            scores: &self.scores,
            lookups: std::cell::Cell::new(0),
        }
    }

    fn hit(&self, known: &Known<'_>, tuple: &Tuple<'_>) -> Hit {
        let key = |column: &Option<Bound>| SortKey::of(column.as_ref().and_then(|column| first(tuple, column)));
        Hit {
            nos: tuple.iter().map(|candidate| candidate.map(|candidate| candidate.row.no)).collect(),
            keys: self.plan.order.iter().map(|sort| key(&sort.column)).collect(),
            score: known.score(tuple),
        }
    }
}

fn too_broad() -> RepositoryError {
    let detail =
        format!("would look at more than {CANDIDATES_MAX} objects: ask for less, by a property that is indexed");
    RepositoryError::invalid("statement", "too_broad", detail)
}
