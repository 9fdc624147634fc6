//! Keeps a query to what the caller may read, inside the query itself, so that totals, facets and snippets are
//! exact and tell nothing else.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use tantivy::columnar::Column;
use tantivy::query::{EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::{DocId, DocSet, Score, SegmentReader, TERMINATED, Term};

use crate::numbers::NumberSet;
use crate::store::schema::names;

/// Whose objects may be found.
#[derive(Debug, Clone)]
pub enum Readable {
    /// All of them: the administrator's own searches, and repairs.
    All,
    /// Those of these scopes.
    Scopes(Arc<NumberSet>),
}

impl Default for Readable {
    /// Nobody's.
    fn default() -> Self {
        Self::Scopes(Arc::default())
    }
}

/// What a document must meet beside the words.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filter {
    pub(crate) readable: Readable,
    /// Objects whose indexed scope no longer holds.
    pub(crate) exclude: Arc<NumberSet>,
    /// Objects that may be read whatever their indexed scope says.
    pub(crate) also_readable: Arc<NumberSet>,
    pub(crate) created_ms: Option<RangeInclusive<i64>>,
    pub(crate) modified_ms: Option<RangeInclusive<i64>>,
}

impl Filter {
    pub(crate) fn open(self: &Arc<Self>, segment: &SegmentReader) -> tantivy::Result<SegmentFilter> {
        let fast = segment.fast_fields();
        let by_object = !(self.exclude.is_empty() && self.also_readable.is_empty());
        let column = |wanted: bool, name| if wanted { fast.i64(name).map(Some) } else { Ok(None) };
        Ok(SegmentFilter {
            object_no: column(by_object, names::OBJECT_NO)?,
            scope: column(matches!(self.readable, Readable::Scopes(_)), names::SCOPE)?,
            created: column(self.created_ms.is_some(), names::CREATED)?,
            modified: column(self.modified_ms.is_some(), names::MODIFIED)?,
            filter: Arc::clone(self),
        })
    }
}

/// A filter in one segment.
pub(crate) struct SegmentFilter {
    filter: Arc<Filter>,
    object_no: Option<Column<i64>>,
    scope: Option<Column<i64>>,
    created: Option<Column<i64>>,
    modified: Option<Column<i64>>,
}

impl SegmentFilter {
    fn accepts(&self, doc: DocId) -> bool {
        self.may_read(doc)
            && within(self.created.as_ref(), self.filter.created_ms.as_ref(), doc)
            && within(self.modified.as_ref(), self.filter.modified_ms.as_ref(), doc)
    }

    /// Says whether what stands in a document may be read.
    pub(crate) fn may_read(&self, doc: DocId) -> bool {
        if let Some(object_no) = &self.object_no {
            // A document without a number is readable to nobody.
            let Some(object_no) = object_no.first(doc) else { return false };
            if self.filter.also_readable.contains(object_no) {
                return true;
            }
            if self.filter.exclude.contains(object_no) {
                return false;
            }
        }
        match (&self.filter.readable, &self.scope) {
            (Readable::All, _) => true,
            (Readable::Scopes(scopes), Some(scope)) => scope.first(doc).is_some_and(|scope| scopes.contains(scope)),
            (Readable::Scopes(_), None) => false,
        }
    }
}

fn within(column: Option<&Column<i64>>, range: Option<&RangeInclusive<i64>>, doc: DocId) -> bool {
    match (column, range) {
        (Some(column), Some(range)) => column.first(doc).is_some_and(|instant| range.contains(&instant)),
        _ => true,
    }
}

/// A query that matches only what passes the filter.
pub(crate) struct FilteredQuery {
    query: Box<dyn Query>,
    filter: Arc<Filter>,
}

impl FilteredQuery {
    pub(crate) fn new(query: Box<dyn Query>, filter: Filter) -> Self {
        Self { query, filter: Arc::new(filter) }
    }
}

impl Clone for FilteredQuery {
    fn clone(&self) -> Self {
        Self { query: self.query.box_clone(), filter: Arc::clone(&self.filter) }
    }
}

impl fmt::Debug for FilteredQuery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("FilteredQuery").field("query", &self.query).finish_non_exhaustive()
    }
}

impl Query for FilteredQuery {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        let weight = self.query.weight(scoring)?;
        Ok(Box::new(FilteredWeight { weight, filter: Arc::clone(&self.filter) }))
    }

    fn query_terms<'a>(&'a self, visitor: &mut dyn FnMut(&'a Term, bool)) {
        self.query.query_terms(visitor);
    }
}

struct FilteredWeight {
    weight: Box<dyn Weight>,
    filter: Arc<Filter>,
}

impl Weight for FilteredWeight {
    fn scorer(&self, segment: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let scorer = self.weight.scorer(segment, boost)?;
        let mut filtered = FilteredScorer { scorer, filter: self.filter.open(segment)? };
        filtered.skip_rejected();
        Ok(Box::new(filtered))
    }

    fn explain(&self, segment: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        self.weight.explain(segment, doc)
    }
}

struct FilteredScorer {
    scorer: Box<dyn Scorer>,
    filter: SegmentFilter,
}

impl FilteredScorer {
    /// Goes on until the document at hand passes.
    fn skip_rejected(&mut self) -> DocId {
        let mut doc = self.scorer.doc();
        while doc != TERMINATED && !self.filter.accepts(doc) {
            doc = self.scorer.advance();
        }
        doc
    }
}

impl DocSet for FilteredScorer {
    fn advance(&mut self) -> DocId {
        self.scorer.advance();
        self.skip_rejected()
    }

    fn seek(&mut self, target: DocId) -> DocId {
        self.scorer.seek(target);
        self.skip_rejected()
    }

    fn doc(&self) -> DocId {
        self.scorer.doc()
    }

    fn size_hint(&self) -> u32 {
        self.scorer.size_hint()
    }

    fn cost(&self) -> u64 {
        self.scorer.cost()
    }
}

impl Scorer for FilteredScorer {
    fn score(&mut self) -> Score {
        self.scorer.score()
    }
}
