//! Objects that may answer a statement, with what the statement asks of them.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::Conn;
use cartulary_model::permission::{BROWSE, READ_CONTENT};
use cartulary_model::{BaseType, Properties, PropertyKind, Timestamp};
use serde_json::{Value, json};

use super::names::{Bound, Field, Needs, System};
use super::values::Datum;
use crate::store::query::CandidateRow;
use crate::store::relationships::{self, Ends};
use crate::store::{blobs, filing, objects, principals, retention, tags, versions};
use crate::{RepositoryError, Result, Session};

/// How much the small texts of a row take, roughly. *Units*: bytes.
const ROW_BYTES: usize = 300;
/// How much more values take than their text as JSON, roughly.
const PROPERTIES_GROW: usize = 3;

/// One object with what is asked of it.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub row: CandidateRow,
    /// How much it takes, roughly. *Units*: bytes.
    pub size: usize,
    properties: Properties,
    facets: Vec<String>,
    created_by: Option<String>,
    modified_by: Option<String>,
    version: Option<versions::VersionRow>,
    content: Option<blobs::ContentRow>,
    parent: Option<String>,
    series: Option<String>,
    ends: Option<Ends>,
    tags: Vec<String>,
    /// What keeps the version, or the versions of the document.
    kept: Vec<retention::KeptRow>,
}

impl Session {
    /// Reads what is asked of some rows, showing what the caller may see.
    pub(super) fn candidates(
        &self,
        conn: &mut Conn,
        rows: Vec<CandidateRow>,
        needs: Needs,
        now: Timestamp,
    ) -> Result<Vec<Candidate>> {
        let nos: Vec<i64> = rows.iter().map(|row| row.no).collect();
        let mut facets = if needs.has(Needs::FACETS) { objects::facets_among(conn, &nos)? } else { BTreeMap::new() };
        let mut versions = if needs.has(Needs::VERSION) { versions_of(conn, &rows)? } else { BTreeMap::new() };
        let people = match needs.has(Needs::PEOPLE) {
            true => principals::by_nos(conn, &rows.iter().flat_map(|row| [row.created_by, row.modified_by]).collect())?,
            false => BTreeMap::new(),
        };
        let mut contents = match needs.has(Needs::CONTENT) {
            true => self.readable_contents(conn, &rows, now)?,
            false => BTreeMap::new(),
        };
        let mut parents = match needs.has(Needs::PARENT) {
            true => self.visible_parents(conn, &rows, now)?,
            false => BTreeMap::new(),
        };
        let series = match needs.has(Needs::SERIES) {
            true => {
                let series: BTreeSet<i64> = rows.iter().filter_map(|row| row.series_no).collect();
                let live = objects::live_of_series(conn, &series)?;
                live.into_iter().filter_map(|row| Some((row.series_no?, row.id))).collect()
            }
            false => BTreeMap::new(),
        };
        let mut ends = if needs.has(Needs::ENDS) { relationships::ends_of(conn, &nos)? } else { BTreeMap::new() };
        let mut labels: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        if needs.has(Needs::TAGS) {
            for tag in tags::of_objects(conn, &nos, self.actor.no)? {
                labels.entry(tag.object_no).or_default().push(tag.label);
            }
        }
        let kept = if needs.has(Needs::RETENTION) { kept_of(conn, &rows)? } else { BTreeMap::new() };
        let name_of = |no: i64| people.get(&no).map(|person| person.name.clone());
        let catalogue = self.repository.inner.declarations.present(conn)?;
        let mut found = Vec::with_capacity(rows.len());
        for mut row in rows {
            let mut size = size_of::<Candidate>() + row.name.len() + row.title.len() + ROW_BYTES;
            row.state = catalogue.types().state_of(&row.type_id, row.state.as_deref()).map(str::to_owned);
            let properties = match needs.has(Needs::PROPERTIES) {
                // What was read of the text is not kept twice.
                true => {
                    let text = std::mem::take(&mut row.properties);
                    size += text.len().saturating_mul(PROPERTIES_GROW);
                    serde_json::from_str(&text).map_err(RepositoryError::internal)?
                }
                false => Properties::new(),
            };
            found.push(Candidate {
                size,
                properties,
                facets: facets.remove(&row.no).unwrap_or_default(),
                created_by: name_of(row.created_by),
                modified_by: name_of(row.modified_by),
                version: versions.remove(&row.no),
                content: contents.remove(&row.no),
                parent: parents.remove(&row.no),
                series: row.series_no.and_then(|no| series.get(&no).cloned()),
                ends: ends.remove(&row.no),
                tags: labels.remove(&row.no).unwrap_or_default(),
                kept: row.series_no.and_then(|no| kept.get(&no)).map(|all| kept_by(&row, all)).unwrap_or_default(),
                row,
            });
        }
        Ok(found)
    }

    fn readable_contents(
        &self,
        conn: &mut Conn,
        rows: &[CandidateRow],
        now: Timestamp,
    ) -> Result<BTreeMap<i64, blobs::ContentRow>> {
        let scopes: BTreeSet<i64> = rows.iter().map(|row| row.scope_no).collect();
        let readable = self.repository.inner.access.allowing(conn, &self.actor, &scopes, READ_CONTENT, now)?;
        let nos: Vec<i64> = rows.iter().filter(|row| readable.contains(&row.scope_no)).map(|row| row.no).collect();
        blobs::contents_of(conn, &nos)
    }

    /// Returns the ids of the folders that folders lie in, of those that the caller may browse.
    fn visible_parents(&self, conn: &mut Conn, rows: &[CandidateRow], now: Timestamp) -> Result<BTreeMap<i64, String>> {
        let folders: Vec<i64> =
            rows.iter().filter(|row| row.base == BaseType::Folder.as_str()).map(|row| row.no).collect();
        let parents = filing::primary_parents(conn, &folders)?;
        let above = objects::by_nos(conn, &parents.values().copied().collect::<Vec<_>>())?;
        let scopes: BTreeSet<i64> = above.values().map(|row| row.scope_no).collect();
        let visible = self.repository.inner.access.allowing(conn, &self.actor, &scopes, BROWSE, now)?;
        let id_of = |no: &i64| above.get(no).filter(|row| visible.contains(&row.scope_no)).map(|row| row.id.clone());
        Ok(parents.iter().filter_map(|(child, parent)| Some((*child, id_of(parent)?))).collect())
    }
}

impl Candidate {
    /// Returns the values of a column; none where there is no value.
    pub(super) fn values(&self, column: &Bound) -> Vec<Datum> {
        match &column.field {
            Field::System(System::Facets) => self.facets.iter().map(|facet| Datum::text(facet)).collect(),
            Field::System(System::Tags) => self.tags.iter().map(|label| Datum::text(label)).collect(),
            Field::System(system) => self.system(*system).into_iter().collect(),
            Field::Property { path, .. } => {
                let mut found = Vec::new();
                collect(&self.properties, path, &mut |value| found.extend(Datum::of(column.kind, value)));
                found
            }
        }
    }

    /// Says whether a column has a value.
    pub(super) fn has(&self, column: &Bound) -> bool {
        match &column.field {
            Field::Property { path, .. } if column.kind == PropertyKind::Nested => {
                let mut is_there = false;
                collect(&self.properties, path, &mut |_| is_there = true);
                is_there
            }
            _ => !self.values(column).is_empty(),
        }
    }

    /// Returns what is answered of a column.
    pub(super) fn answer(&self, column: &Bound) -> Value {
        match &column.field {
            Field::System(System::Facets) => json!(self.facets),
            Field::System(System::Tags) => json!(self.tags),
            Field::System(system) => self.system(*system).map_or(Value::Null, answered),
            Field::Property { path, .. } => match path.as_slice() {
                [property] => self.properties.get(property).cloned().unwrap_or(Value::Null),
                _ => {
                    let mut found = Vec::new();
                    collect(&self.properties, path, &mut |value| found.push(value.clone()));
                    if column.is_list { Value::Array(found) } else { found.into_iter().next().unwrap_or(Value::Null) }
                }
            },
        }
    }

    fn system(&self, system: System) -> Option<Datum> {
        let row = &self.row;
        match system {
            System::ObjectId => Some(Datum::Text(row.id.clone())),
            System::Name => Some(Datum::text(&row.name)),
            System::Title => Some(Datum::text(&row.title)),
            System::TypeId => Some(Datum::Text(row.type_id.clone())),
            System::BaseTypeId => Some(Datum::Text(row.base.clone())),
            System::Facets | System::Tags => None,
            System::CreatedBy => self.created_by.as_deref().map(Datum::text),
            System::CreatedAt => Some(Datum::Instant(row.created_at)),
            System::ModifiedBy => self.modified_by.as_deref().map(Datum::text),
            System::ModifiedAt => Some(Datum::Instant(row.modified_at)),
            System::ChangeToken => Some(Datum::Text(row.change_token.to_string())),
            System::State => row.state.as_deref().map(Datum::text),
            System::ParentId => self.parent.clone().map(Datum::Text),
            System::SeriesId => self.series.clone().map(Datum::Text),
            System::VersionLabel => {
                self.version.as_ref().map(|one| Datum::Text(format!("{}.{}", one.major, one.minor)))
            }
            System::IsMajorVersion => self.version.as_ref().map(|one| Datum::Bool(one.minor == 0)),
            System::VersionComment => self.version.as_ref().map(|one| Datum::text(&one.comment)),
            System::ContentSize => self.content.as_ref().map(|one| Datum::Int(one.size_bytes)),
            System::ContentMediaType => self.content.as_ref().map(|one| Datum::text(&one.media_type)),
            System::ContentFileName => self.content.as_ref().map(|one| Datum::text(&one.file_name)),
            System::SourceName => row.source_system.clone().map(Datum::Text),
            System::SourceId => row.source_id.clone().map(Datum::Text),
            System::LinkSource => self.ends.as_ref().map(|ends| Datum::Text(ends.source.id.clone())),
            System::LinkTarget => self.ends.as_ref().map(|ends| Datum::Text(ends.target.id.clone())),
            // What has no versions is neither kept nor not.
            System::IsRecord if row.series_no.is_some() => {
                Some(Datum::Bool(self.kept.iter().any(|one| one.record_at.is_some())))
            }
            System::IsHeld if row.series_no.is_some() => Some(Datum::Bool(self.kept.iter().any(|one| one.legal_hold))),
            System::IsRecord | System::IsHeld => None,
            System::RetainUntil => self.kept.iter().filter_map(|one| one.retain_until).max().map(Datum::Instant),
            System::ContentHash => self.content.as_ref().map(|one| Datum::Text(format!("{{sha-256}}{}", one.digest))),
        }
    }
}

/// Returns what keeps the versions of the documents of some rows, by series.
fn kept_of(conn: &mut Conn, rows: &[CandidateRow]) -> Result<BTreeMap<i64, Vec<retention::KeptRow>>> {
    let series: BTreeSet<i64> = rows.iter().filter_map(|row| row.series_no).collect();
    let mut kept: BTreeMap<i64, Vec<retention::KeptRow>> = BTreeMap::new();
    for row in retention::of_series(conn, &series.into_iter().collect::<Vec<_>>())? {
        kept.entry(row.series_no).or_default().push(row);
    }
    Ok(kept)
}

/// Returns what of it is about a row: of a version its own, of a document all.
fn kept_by(row: &CandidateRow, all: &[retention::KeptRow]) -> Vec<retention::KeptRow> {
    let own: Vec<retention::KeptRow> = all.iter().filter(|one| one.object_no == row.no).cloned().collect();
    if own.is_empty() { all.to_vec() } else { own }
}

fn answered(datum: Datum) -> Value {
    match datum {
        Datum::Text(text) => Value::String(text),
        Datum::Int(number) => json!(number),
        Datum::Real(number) => json!(number),
        Datum::Bool(flag) => json!(flag),
        Datum::Instant(at) => Value::String(Timestamp::from_millis(at).to_string()),
    }
}

/// Calls `see` with each value at the end of a path, through the lists on the way.
fn collect(properties: &Properties, path: &[String], see: &mut impl FnMut(&Value)) {
    let Some((first, rest)) = path.split_first() else { return };
    let Some(value) = properties.get(first) else { return };
    let elements = match value {
        Value::Array(elements) => elements.as_slice(),
        one => std::slice::from_ref(one),
    };
    for element in elements {
        match (rest.is_empty(), element) {
            (true, value) => see(value),
            (false, Value::Object(fields)) => collect(fields, rest, see),
            (false, _) => {}
        }
    }
}

/// Returns the version that each row is, or the latest of the document that it is.
fn versions_of(conn: &mut Conn, rows: &[CandidateRow]) -> Result<BTreeMap<i64, versions::VersionRow>> {
    let nos: Vec<i64> = rows.iter().map(|row| row.no).collect();
    let mut found = versions::by_objects(conn, &nos)?;
    let others = || rows.iter().filter(|row| !found.contains_key(&row.no));
    let series: Vec<i64> = others().filter_map(|row| row.series_no).collect();
    let latest = versions::latest(conn, &series)?;
    let latest_nos: Vec<i64> = latest.values().map(|latest| latest.object_no).collect();
    let latest_rows = versions::by_objects(conn, &latest_nos)?;
    let of_live =
        others().filter_map(|row| Some((row.no, latest_rows.get(&latest.get(&row.series_no?)?.object_no)?.clone())));
    let of_live: Vec<(i64, versions::VersionRow)> = of_live.collect();
    found.extend(of_live);
    Ok(found)
}
