//! Full-text search, filtered by what the reader may read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cartulary_db::Conn;
use cartulary_index::{NumberSet, Readable, SearchRequest, Sort};
use cartulary_model::permission::{BROWSE, Permission, READ_CONTENT, READ_PROPERTIES};
use cartulary_model::{BaseType, ObjectId, SlotName, Timestamp};

use crate::object::{ObjectSummary, ParentName, WINDOW_ROWS_MAX};
use crate::services::texts::{TEXT_KIND, TEXT_PRODUCER, place_and_page};
use crate::store::objects::{self, ObjectRow};
use crate::store::{acl, blobs, changes, filing, renditions};
use crate::{RepositoryError, Result, Session};

/// What is searched.
#[derive(Clone, Debug, Default)]
pub struct SearchQuery {
    /// What a person typed, in the forgiving syntax of [`cartulary_index::SearchRequest::text`].
    pub text: String,
    /// Only what lies in this dossier, or in a folder in it.
    pub dossier: Option<ObjectId>,
    /// Only these types.
    pub type_ids: Vec<String>,
    /// Only these media types.
    pub media_types: Vec<String>,
    /// How many hits are passed over.
    pub offset: u64,
    /// How many hits are answered.
    pub limit: u64,
    /// Whether to count by type, media type and year.
    pub facets: bool,
    /// Whether each word need only begin a word, as one types in a filter; without snippets.
    pub names_only: bool,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct SearchResult {
    /// How many objects match that the caller may read, exactly.
    pub total: u64,
    /// The window that was asked for, best first.
    pub hits: Vec<SearchHit>,
    /// The counts, when asked for.
    pub facets: Vec<Facet>,
    /// Up to which change the answer is true.
    pub indexed_change: i64,
    /// How many documents that the caller may read still wait for their text, of the first 500 that wait.
    pub texts_waiting: u64,
    /// Whether something was typed without any word in it, as `*`: then nothing is found.
    pub is_without_words: bool,
}

/// So many documents that wait for their text are counted; more are as good as many.
const TEXTS_WAITING_MAX: u64 = 500;

/// One object that was found.
#[derive(Clone, Debug)]
pub struct SearchHit {
    /// The object.
    pub summary: ObjectSummary,
    /// How well it matches; comparable within one answer only.
    pub score: f32,
    /// The best places in its text.
    pub snippets: Vec<Snippet>,
    /// How many pages have a place; of very many places, of the first ones.
    pub pages_with_hits: u32,
    /// The folder it lies in, when the caller may browse it.
    pub dossier: Option<ParentName>,
}

/// Some text of one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snippet {
    /// The slot of the content that the page is of; absent for the main one.
    pub slot: Option<String>,
    /// The page, from 1.
    pub page_number: u32,
    /// The text in logical order.
    pub fragments: Vec<Fragment>,
}

/// A piece of a snippet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The text.
    pub text: String,
    /// Whether it is what was searched for.
    pub is_hit: bool,
}

/// Counts by one property of what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facet {
    /// `type`, `mediaType` or `year`.
    pub name: &'static str,
    /// The values, most frequent first.
    pub buckets: Vec<Bucket>,
}

/// One value and how often it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The value.
    pub value: String,
    /// What people read.
    pub label: String,
    /// How many objects that were found have it.
    pub count: u64,
}

impl Session {
    /// Searches names, titles, properties and texts, of what the caller may read.
    ///
    /// # Errors
    /// `NotFound` for a dossier that the caller may not know; `Unavailable` when the index does not answer.
    pub async fn search(&self, query: SearchQuery) -> Result<SearchResult> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| {
            let (result, nos) = session.search_in(conn, &query, now)?;
            let readings = session.readings_among(conn, &nos, now)?;
            Ok((result, readings))
        };
        self.read_noted("search", read).await
    }

    /// Returns what is found, and the numbers of the objects that are answered.
    fn search_in(&self, conn: &mut Conn, query: &SearchQuery, now: Timestamp) -> Result<(SearchResult, Vec<i64>)> {
        let request = self.request_of(conn, query, now)?;
        let answer = self.repository.inner.index.search(&request).map_err(unavailable)?;
        let hits = self.hits(conn, &answer.hits, now)?;
        let facets = if query.facets { self.facets(&answer.facets) } else { Vec::new() };
        let indexed_change = answer.checkpoint.map_or(0, |checkpoint| checkpoint.position);
        let is_without_words = cartulary_index::is_without_words(&query.text);
        let texts_waiting = if query.names_only { 0 } else { self.texts_waiting(conn, now)? };
        let nos = answer.hits.iter().map(|hit| hit.object_no).collect();
        let total = answer.total;
        Ok((SearchResult { total, hits, facets, indexed_change, texts_waiting, is_without_words }, nos))
    }

    /// Returns the question to the index that a search comes to, of what the caller may read now.
    fn request_of(&self, conn: &mut Conn, query: &SearchQuery, now: Timestamp) -> Result<SearchRequest> {
        let wanted = if query.names_only { READ_PROPERTIES } else { READ_CONTENT };
        let dossier = match query.dossier {
            Some(id) => Some(self.authorised(conn, id, BROWSE, now)?),
            None => None,
        };
        let folders_below = match &dossier {
            Some(dossier) => self.folders_below(conn, dossier, now)?,
            None => Vec::new(),
        };
        let reach = self.reach(conn, wanted, now)?;
        let text = if query.names_only { as_beginnings(&query.text) } else { query.text.clone() };
        Ok(SearchRequest {
            text,
            dossier_no: dossier.map(|dossier| dossier.no),
            folders_below,
            type_ids: query.type_ids.clone(),
            media_types: query.media_types.clone(),
            limit: usize::try_from(query.limit.min(WINDOW_ROWS_MAX)).unwrap_or(usize::MAX),
            offset: usize::try_from(query.offset).unwrap_or(usize::MAX),
            sort: if query.text.trim().is_empty() { Sort::Modified { descending: true } } else { Sort::Relevance },
            snippets: !query.names_only,
            facets: query.facets,
            ..reach
        })
    }

    /// Returns which of some objects are found.
    pub(crate) fn search_among(
        &self,
        conn: &mut Conn,
        query: &SearchQuery,
        nos: &[i64],
        now: Timestamp,
    ) -> Result<BTreeSet<i64>> {
        let request = self.request_of(conn, query, now)?;
        let found = self.repository.inner.index.matching_objects(&request).map_err(unavailable)?;
        Ok(found.into_iter().filter(|no| nos.contains(no)).collect())
    }

    /// Returns a question to the index of everything on which the caller has `wanted`, as it holds now.
    pub(super) fn reach(&self, conn: &mut Conn, wanted: Permission, now: Timestamp) -> Result<SearchRequest> {
        let inner = &self.repository.inner;
        // The checkpoint is read before the database: what was rescoped since is never judged by its indexed scope.
        let reached = *inner.indexed.borrow();
        let readable = match inner.access.readable_scopes(conn, &self.actor, wanted, now)? {
            Some(scopes) => Readable::Scopes(scopes),
            None => Readable::All,
        };
        let (exclude, also_readable) = self.rescoped(conn, reached, wanted, now)?;
        let (exclude, also_readable) = (Arc::new(exclude), Arc::new(also_readable));
        Ok(SearchRequest { readable, exclude, also_readable, ..SearchRequest::default() })
    }

    /// Returns the folders in a folder and in those in it, as far down as the caller may browse: what else he finds he does
    /// not find to lie there. They are asked for now, so that a folder that was moved takes what lies in it along at once.
    pub(super) fn folders_below(&self, conn: &mut Conn, folder: &ObjectRow, now: Timestamp) -> Result<Vec<i64>> {
        if folder.base != BaseType::Folder.as_str() {
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        let mut fringe = vec![folder.scope_no];
        loop {
            let below = acl::folders_below(conn, &fringe)?.into_iter().collect();
            let seen = self.repository.inner.access.allowing(conn, &self.actor, &below, BROWSE, now)?;
            if seen.is_empty() {
                break;
            }
            fringe = seen.into_iter().collect();
            all.extend_from_slice(&fringe);
        }
        objects::folders_of_scopes(conn, &all)
    }

    /// Counts what the caller may read and no search finds by its words yet: what others wait for is none of its business.
    fn texts_waiting(&self, conn: &mut Conn, now: Timestamp) -> Result<u64> {
        let limit = i64::try_from(TEXTS_WAITING_MAX).unwrap_or(i64::MAX);
        let waiting = renditions::scopes_waiting(conn, TEXT_KIND, TEXT_PRODUCER, limit)?;
        let scopes: BTreeSet<i64> = waiting.iter().copied().collect();
        let readable = self.repository.inner.access.allowing(conn, &self.actor, &scopes, READ_CONTENT, now)?;
        Ok(waiting.iter().filter(|scope| readable.contains(scope)).count() as u64)
    }

    /// Returns the objects whose indexed scope no longer counts, and those of them that may be read all the same.
    fn rescoped(
        &self,
        conn: &mut Conn,
        reached: i64,
        wanted: Permission,
        now: Timestamp,
    ) -> Result<(NumberSet, NumberSet)> {
        let nos: Vec<i64> = changes::rescoped_after(conn, reached)?;
        let rows = objects::by_nos(conn, &nos)?;
        let scopes: BTreeSet<i64> = rows.values().map(|row| row.scope_no).collect();
        let allowing = self.repository.inner.access.allowing(conn, &self.actor, &scopes, wanted, now)?;
        let (mut exclude, mut also_readable) = (NumberSet::default(), NumberSet::default());
        for no in nos {
            exclude.insert(no);
            let is_readable =
                rows.get(&no).is_some_and(|row| row.trashed_at.is_none() && allowing.contains(&row.scope_no));
            if is_readable {
                also_readable.insert(no);
            }
        }
        Ok((exclude, also_readable))
    }

    fn hits(&self, conn: &mut Conn, found: &[cartulary_index::Hit], now: Timestamp) -> Result<Vec<SearchHit>> {
        let nos: Vec<i64> = found.iter().map(|hit| hit.object_no).collect();
        let rows = objects::by_nos(conn, &nos)?;
        let present: Vec<(&cartulary_index::Hit, ObjectRow)> =
            found.iter().filter_map(|hit| Some((hit, rows.get(&hit.object_no)?.clone()))).collect();
        let ordered: Vec<ObjectRow> = present.iter().map(|(_, row)| row.clone()).collect();
        let summaries = self.summaries_of(conn, &ordered, now)?;
        let parents = filing::primary_parents(conn, &nos)?;
        let folder_nos: Vec<i64> = parents.values().copied().collect();
        let folders = objects::by_nos(conn, &folder_nos)?;
        let attachments = attachments_of(conn, found)?;
        let mut hits = Vec::with_capacity(present.len());
        for ((hit, row), summary) in present.into_iter().zip(summaries) {
            let folder = parents.get(&row.no).and_then(|no| folders.get(no));
            let dossier = match folder {
                Some(folder) if self.may_browse(conn, folder, now)? => Some(self.parent_name(folder)?),
                _ => None,
            };
            let attachments = attachments.get(&row.no).map(Vec::as_slice).unwrap_or_default();
            let snippets = hit.snippets.iter().map(|found| snippet(found, attachments)).collect();
            hits.push(SearchHit { summary, score: hit.score, snippets, pages_with_hits: hit.pages_with_hits, dossier });
        }
        Ok(hits)
    }

    fn may_browse(&self, conn: &mut Conn, row: &ObjectRow, now: Timestamp) -> Result<bool> {
        let access = &self.repository.inner.access;
        access.allows(conn, &self.actor, row.scope_no, BROWSE, now)
    }

    fn facets(&self, facets: &cartulary_index::Facets) -> Vec<Facet> {
        let types = self.repository.types();
        let type_label = |id: &str| types.get(id).map_or_else(|| id.to_owned(), |found| found.definition.label.clone());
        let buckets = |counts: &[cartulary_index::FacetCount], label: &dyn Fn(&str) -> String| {
            let bucket = |one: &cartulary_index::FacetCount| Bucket {
                value: one.value.clone(),
                label: label(&one.value),
                count: one.count,
            };
            counts.iter().map(bucket).collect()
        };
        vec![
            Facet { name: "type", buckets: buckets(&facets.types, &type_label) },
            Facet { name: "mediaType", buckets: buckets(&facets.media_types, &str::to_owned) },
            Facet { name: "year", buckets: buckets(&facets.years, &str::to_owned) },
        ]
    }
}

/// Returns the slots of the attachments of what was found in them, in the order in which the index counts them.
fn attachments_of(conn: &mut Conn, found: &[cartulary_index::Hit]) -> Result<BTreeMap<i64, Vec<String>>> {
    let is_of_attachment = |snippet: &cartulary_index::Snippet| place_and_page(snippet.page_number).0 > 0;
    let nos: Vec<i64> =
        found.iter().filter(|hit| hit.snippets.iter().any(is_of_attachment)).map(|hit| hit.object_no).collect();
    if nos.is_empty() {
        return Ok(BTreeMap::new());
    }
    let slots = blobs::slots_of(conn, &nos)?.into_iter();
    Ok(slots.map(|(no, slots)| (no, slots.into_keys().filter(|slot| slot != SlotName::MAIN).collect())).collect())
}

fn snippet(found: &cartulary_index::Snippet, attachments: &[String]) -> Snippet {
    let fragment = |one: &cartulary_index::Fragment| Fragment { text: one.text.clone(), is_hit: one.hit };
    let (place, page_number) = place_and_page(found.page_number);
    let slot = place.checked_sub(1).and_then(|place| attachments.get(place).cloned());
    Snippet { slot, page_number, fragments: found.fragments.iter().map(fragment).collect() }
}

fn unavailable(error: cartulary_index::IndexError) -> RepositoryError {
    RepositoryError::Unavailable { what: "the full-text index", source: Some(Box::new(error)) }
}

fn as_beginnings(text: &str) -> String {
    let words: Vec<String> = text.split_whitespace().map(|word| format!("{}*", word.trim_end_matches('*'))).collect();
    words.join(" ")
}
