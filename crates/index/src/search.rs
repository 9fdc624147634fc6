//! Searching: what is asked, what is answered, and how one becomes the other.

use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use cartulary_model::ql::FullText;
use tantivy::query::{AllQuery, BooleanQuery, ConstScoreQuery, Occur, Query, TermQuery, TermSetQuery};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{TantivyError, Term};

use crate::entry::Checkpoint;
use crate::error::IndexError;
use crate::index::FullTextIndex;
use crate::numbers::NumberSet;
use crate::query::collect::{Found, Window};
use crate::query::compile::{Frequencies, compile, compile_statement};
use crate::query::filter::{Filter, FilteredQuery, Readable};
use crate::query::parse::{Parsed, parse};
use crate::query::snippet::{Shown, SnippetMaker};
use crate::query::statement::check_full_text;
use crate::store::schema::Fields;
use crate::store::snapshot::Snapshot;

/// What is asked. The default asks for everything and may read nothing.
#[derive(Debug, Clone, Default)]
pub struct SearchRequest {
    /// What a person typed. Nothing typed finds everything; something typed without any word in it finds nothing.
    ///
    /// Words (all of them), `"phrases"`, `-exclusion`, `OR`, `beginning*`, `name:` `title:` `type:`. Never an error.
    pub text: String,
    /// What a statement asks of texts (`CONTAINS`); it stands in place of `text`.
    pub full_text: Option<FullText>,
    /// Whose objects may be found.
    pub readable: Readable,
    /// Whether versions are found too, each by its own words and once, instead of what is present only; whoever asks says
    /// then which of them may be read.
    pub all_versions: bool,
    /// Objects rescoped since the checkpoint: their indexed scope does not count.
    pub exclude: Arc<NumberSet>,
    /// Objects that the database says are readable, whatever their indexed scope.
    pub also_readable: Arc<NumberSet>,
    /// Only what lies in this dossier, or in any folder of this number above it.
    pub dossier_no: Option<i64>,
    /// With `dossier_no`: further folders, whose contents count as lying in it.
    pub folders_below: Vec<i64>,
    /// Only these types; none given means all.
    pub type_ids: Vec<String>,
    /// Only these media types; none given means all.
    pub media_types: Vec<String>,
    /// Only what was created in these milliseconds.
    pub created_ms: Option<RangeInclusive<i64>>,
    /// Only what was modified in these milliseconds.
    pub modified_ms: Option<RangeInclusive<i64>>,
    /// Hits to answer; 1,000 at most.
    pub limit: usize,
    /// Hits to pass over; any number.
    pub offset: usize,
    /// In which order.
    pub sort: Sort,
    /// Whether to show the words in their context.
    pub snippets: bool,
    /// Whether to count by type, media type and year.
    pub facets: bool,
}

/// The order of hits. What has no value comes last; equal ones stand by object number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Sort {
    /// The best first.
    #[default]
    Relevance,
    /// By the instant of the last change.
    Modified {
        /// The latest first.
        descending: bool,
    },
    /// By the instant of creation.
    Created {
        /// The latest first.
        descending: bool,
    },
    /// By folded name.
    Name {
        /// From the end of the alphabet.
        descending: bool,
    },
    /// By a declared property: numbers by value, texts folded.
    Property {
        /// The property's key.
        property: String,
        /// The greatest first.
        descending: bool,
    },
}

impl Sort {
    pub(crate) fn is_descending(&self) -> bool {
        match self {
            Self::Relevance => true,
            Self::Modified { descending }
            | Self::Created { descending }
            | Self::Name { descending }
            | Self::Property { descending, .. } => *descending,
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchAnswer {
    /// How many objects match, exactly.
    pub total: u64,
    /// The window that was asked for.
    pub hits: Vec<Hit>,
    /// Counts over all that match, when asked for.
    pub facets: Facets,
    /// Up to which change this is true.
    pub checkpoint: Option<Checkpoint>,
    /// The query was too long, and its end was left out.
    pub query_shortened: bool,
}

/// One object that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The object's internal number.
    pub object_no: i64,
    /// The change its entry reflects.
    pub change: i64,
    /// How well it matches; zero when sorted otherwise. Comparable within one answer only.
    pub score: f32,
    /// The first page that is shown in the snippets.
    pub page_number: Option<u32>,
    /// The best places, in the order of the pages; none when the words stand in name or title only.
    pub snippets: Vec<Snippet>,
    /// How many pages have a place; of very many places, of the first ones.
    pub pages_with_hits: u32,
}

/// Some lines of one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snippet {
    /// Number of the page, from 1.
    pub page_number: u32,
    /// The text, in logical order.
    pub fragments: Vec<Fragment>,
    /// The page has more text before it.
    pub more_before: bool,
    /// The page has more text after it.
    pub more_after: bool,
}

/// A stretch of text that is or is not a hit. Plain text: no markup, no direction controls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The text.
    pub text: String,
    /// Whether the query found it.
    pub hit: bool,
}

/// Counts of what was found, the most frequent value first; years backwards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facets {
    /// By type.
    pub types: Vec<FacetCount>,
    /// By media type.
    pub media_types: Vec<FacetCount>,
    /// By year of creation, UTC.
    pub years: Vec<FacetCount>,
}

/// One value and its count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetCount {
    /// The value.
    pub value: String,
    /// How many objects have it.
    pub count: u64,
}

/// Most hits of one answer.
const MAX_LIMIT: usize = 1_000;
/// Most snippets of one hit.
const MAX_SNIPPETS: usize = 3;

impl FullTextIndex {
    /// Searches.
    ///
    /// Total, facets and snippets cover exactly what `request` may read. Nothing that a person types is an error.
    ///
    /// # Errors
    /// `Damaged` or `Unavailable` when the files cannot be read; then rebuild or try again.
    pub fn search(&self, request: &SearchRequest) -> Result<SearchAnswer, IndexError> {
        self.guarded(|snapshot, fields| search(snapshot, fields, request))
    }

    /// Says whether a statement's question of texts can be asked.
    ///
    /// # Errors
    /// What is wrong with it, for a person.
    pub fn check_full_text(&self, text: &FullText) -> Result<(), String> {
        check_full_text(text, &self.live().fields)
    }

    /// The numbers of all objects that match, by number (of versions too, where they are asked for), each with how well it matches: the best has 1. For a statement that
    /// goes on in the database.
    ///
    /// # Errors
    /// As [`FullTextIndex::search`].
    pub fn scored_objects(&self, request: &SearchRequest) -> Result<Vec<(i64, f32)>, IndexError> {
        let found = self.guarded(|snapshot, fields| {
            let keep = usize::MAX / 4;
            let everything = Window { columns: &snapshot.columns, sort: &Sort::Relevance, keep, facets: false };
            let mut found = run(snapshot, fields, request, &parse(&request.text), &everything)?;
            if request.all_versions {
                found.hits.retain_mut(|hit| match snapshot.stands_for(hit.address) {
                    Some(object_no) => {
                        hit.object_no = object_no;
                        true
                    }
                    None => false,
                });
            }
            Ok(found)
        })?;
        let best = found.hits.iter().map(|hit| hit.score).fold(0.0, f32::max);
        let share = |score: f32| if best > 0.0 { score / best } else { 1.0 };
        let objects = found.hits.into_iter().map(|hit| (hit.object_no, share(hit.score)));
        let mut objects: Vec<(i64, f32)> = objects.collect();
        objects.sort_unstable_by_key(|(object_no, _)| *object_no);
        objects.dedup_by_key(|(object_no, _)| *object_no);
        Ok(objects)
    }

    /// The numbers of all objects that match, by number, with the same conditions as [`FullTextIndex::search`]: for a
    /// query that goes on in the database.
    ///
    /// # Errors
    /// As [`FullTextIndex::search`].
    pub fn matching_objects(&self, request: &SearchRequest) -> Result<Vec<i64>, IndexError> {
        let found = self.guarded(|snapshot, fields| {
            let everything = Window {
                columns: &snapshot.columns,
                sort: &Sort::Modified { descending: false },
                keep: usize::MAX / 4,
                facets: false,
            };
            run(snapshot, fields, request, &parse(&request.text), &everything)
        })?;
        let mut objects: Vec<i64> = found.hits.into_iter().map(|hit| hit.object_no).collect();
        objects.sort_unstable();
        Ok(objects)
    }

    /// Runs a search on what is committed now.
    fn guarded<T>(&self, act: impl FnOnce(&Snapshot, &Fields) -> Result<T, TantivyError>) -> Result<T, IndexError> {
        let live = self.live();
        let snapshot = live.snapshot();
        // Damage inside a file that was not checked when it was opened can make the engine panic.
        let answer = match catch_unwind(AssertUnwindSafe(|| act(&snapshot, &live.fields))) {
            Ok(answer) => answer.map_err(|error| IndexError::from_engine("search the index", error)),
            Err(_) => Err(IndexError::damaged("it could not be searched")),
        };
        if matches!(answer, Err(IndexError::Damaged { .. })) {
            self.inner.damaged.store(true, Ordering::Relaxed);
        }
        answer
    }
}

fn search(snapshot: &Snapshot, fields: &Fields, request: &SearchRequest) -> Result<SearchAnswer, TantivyError> {
    let parsed = parse(&request.text);
    let limit = request.limit.min(MAX_LIMIT);
    let objects = usize::try_from(snapshot.searcher.num_docs()).unwrap_or(usize::MAX);
    let keep = if limit == 0 { 0 } else { request.offset.saturating_add(limit).min(objects) };
    let window = Window { columns: &snapshot.columns, sort: &request.sort, keep, facets: request.facets };
    let found = run(snapshot, fields, request, &parsed, &window)?;
    let most = if request.snippets { MAX_SNIPPETS } else { 0 };
    let maker = SnippetMaker::new(snapshot, fields, &parsed, most);
    let mut hits = Vec::with_capacity(limit.min(found.hits.len()));
    for ranked in found.hits.iter().skip(request.offset).take(limit) {
        let Shown { snippets, pages_with_hits } = maker.make(ranked.address)?;
        let columns = usize::try_from(ranked.address.segment_ord).ok().and_then(|ord| snapshot.columns.get(ord));
        hits.push(Hit {
            object_no: ranked.object_no,
            change: columns.and_then(|columns| columns.change.first(ranked.address.doc_id)).unwrap_or_default(),
            score: ranked.score,
            page_number: snippets.first().map(|snippet| snippet.page_number),
            snippets,
            pages_with_hits,
        });
    }
    Ok(SearchAnswer {
        total: found.total,
        hits,
        facets: found.facets,
        checkpoint: snapshot.checkpoint.clone(),
        query_shortened: parsed.shortened,
    })
}

fn run(
    snapshot: &Snapshot,
    fields: &Fields,
    request: &SearchRequest,
    parsed: &Parsed,
    window: &Window<'_>,
) -> Result<Found, TantivyError> {
    let searcher = &snapshot.searcher;
    let readers = Filter {
        readable: request.readable.clone(),
        exclude: Arc::clone(&request.exclude),
        also_readable: Arc::clone(&request.also_readable),
        ..Filter::default()
    };
    let filter = match request.all_versions {
        false => readers.clone(),
        // Of versions the scopes are not kept: who asked looks at each.
        true => Filter { readable: Readable::All, ..Filter::default() },
    };
    let filter = Filter { created_ms: request.created_ms.clone(), modified_ms: request.modified_ms.clone(), ..filter };
    let compiled = match &request.full_text {
        Some(text) => Some(compile_statement(text, fields, searcher)?),
        None => compile(parsed, fields, searcher)?,
    };
    let mut clauses = conditions(fields, request);
    match &compiled {
        Some(compiled) => clauses.push((Occur::Must, compiled.query.box_clone())),
        None if clauses.is_empty() => clauses.push((Occur::Must, Box::new(AllQuery))),
        None => {}
    }
    if !request.all_versions {
        let past = TermQuery::new(Term::from_field_bool(fields.past, true), IndexRecordOption::Basic);
        clauses.push((Occur::MustNot, Box::new(past)));
    }
    let query = FilteredQuery::new(Box::new(BooleanQuery::new(clauses)), filter);
    match &compiled {
        Some(compiled) => {
            let reads_all = matches!(readers.readable, Readable::All) && readers.exclude.is_empty();
            let readers = (!reads_all).then(|| Arc::new(readers));
            let frequencies = Frequencies::new(compiled, fields, searcher, readers)?;
            searcher.search_with_statistics_provider(&query, window, &frequencies)
        }
        None => searcher.search(&query, window),
    }
}

/// What must hold beside the words; it does not count for the score.
fn conditions(fields: &Fields, request: &SearchRequest) -> Vec<(Occur, Box<dyn Query>)> {
    let mut conditions: Vec<(Occur, Box<dyn Query>)> = Vec::new();
    let mut must = |query: Box<dyn Query>| {
        conditions.push((Occur::Must, Box::new(ConstScoreQuery::new(query, 0.0))));
    };
    if let Some(dossier_no) = request.dossier_no {
        let term = |folder: &i64| Term::from_field_i64(fields.above, *folder);
        must(match request.folders_below.as_slice() {
            [] => Box::new(TermQuery::new(term(&dossier_no), IndexRecordOption::Basic)),
            below => Box::new(TermSetQuery::new(below.iter().chain([&dossier_no]).map(term))),
        });
    }
    if !request.type_ids.is_empty() {
        must(one_of(fields.type_id, &request.type_ids));
    }
    if !request.media_types.is_empty() {
        must(one_of(fields.media_type, &request.media_types));
    }
    conditions
}

fn one_of(field: Field, values: &[String]) -> Box<dyn Query> {
    Box::new(TermSetQuery::new(values.iter().map(|value| Term::from_field_text(field, value))))
}
