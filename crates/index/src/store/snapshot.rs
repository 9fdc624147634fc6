//! What readers see: one committed state of an index, with the columns that every search reads.

use tantivy::columnar::Column;
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocAddress, DocId, DocSet, Searcher, SegmentReader, TERMINATED, TantivyError, Term};

use super::schema::{Fields, names};
use crate::entry::Checkpoint;

/// Columns of one segment.
#[derive(Clone)]
pub(crate) struct SegmentColumns {
    pub(crate) object_no: Column<i64>,
    pub(crate) change: Column<i64>,
    pub(crate) scope: Column<i64>,
    pub(crate) past_of: Column<i64>,
    pub(crate) stands_for: Column<i64>,
}

impl SegmentColumns {
    fn open(segment: &SegmentReader) -> Result<Self, TantivyError> {
        let fast = segment.fast_fields();
        Ok(Self {
            object_no: fast.i64(names::OBJECT_NO)?,
            change: fast.i64(names::CHANGE)?,
            scope: fast.i64(names::SCOPE)?,
            past_of: fast.i64(names::PAST_OF)?,
            stands_for: fast.i64(names::STANDS_FOR)?,
        })
    }

    /// Whether every column that must has a value for each of the segment's documents.
    pub(crate) fn fits(&self, segment: &SegmentReader) -> bool {
        [&self.object_no, &self.change, &self.scope].iter().all(|column| column.num_docs() == segment.max_doc())
    }
}

/// One committed state.
pub(crate) struct Snapshot {
    pub(crate) searcher: Searcher,
    pub(crate) columns: Vec<SegmentColumns>,
    pub(crate) checkpoint: Option<Checkpoint>,
}

/// What the index holds of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexedObject {
    /// The object's internal number.
    pub object_no: i64,
    /// Position of the change that its entry reflects.
    pub change: i64,
    /// Number of the scope it was indexed with.
    pub scope: i64,
    /// Of a version: the number of the live object.
    pub past_of: Option<i64>,
}

impl Snapshot {
    pub(crate) fn new(searcher: Searcher, checkpoint: Option<Checkpoint>) -> Result<Self, TantivyError> {
        let columns = searcher.segment_readers().iter().map(SegmentColumns::open).collect::<Result<_, _>>()?;
        Ok(Self { searcher, columns, checkpoint })
    }

    /// The object that is found by a document where all versions are asked for.
    pub(crate) fn stands_for(&self, address: DocAddress) -> Option<i64> {
        let columns = usize::try_from(address.segment_ord).ok().and_then(|ord| self.columns.get(ord))?;
        columns.stands_for.first(address.doc_id)
    }

    fn segments(&self) -> impl Iterator<Item = (&SegmentReader, &SegmentColumns)> {
        self.searcher.segment_readers().iter().zip(&self.columns)
    }

    /// The change of an object's entry.
    pub(crate) fn change_of(&self, fields: &Fields, object_no: i64) -> Result<Option<i64>, TantivyError> {
        let mut change = None;
        self.each_with(fields.object_no, object_no, |columns, doc| {
            change = columns.change.first(doc);
            false
        })?;
        Ok(change)
    }

    /// The versions of a live object that have entries.
    pub(crate) fn versions_of(&self, fields: &Fields, live_no: i64) -> Result<Vec<i64>, TantivyError> {
        let mut versions = Vec::new();
        self.each_with(fields.past_of, live_no, |columns, doc| {
            versions.extend(columns.object_no.first(doc));
            true
        })?;
        Ok(versions)
    }

    /// Calls `visit` with the documents that have a number in a field, until it says that it has seen enough.
    fn each_with(
        &self,
        field: Field,
        number: i64,
        mut visit: impl FnMut(&SegmentColumns, DocId) -> bool,
    ) -> Result<(), TantivyError> {
        let term = Term::from_field_i64(field, number);
        for (segment, columns) in self.segments() {
            let index = segment.inverted_index(field)?;
            let Some(mut postings) = index.read_postings(&term, IndexRecordOption::Basic)? else { continue };
            let mut doc: DocId = postings.doc();
            while doc != TERMINATED {
                if !segment.is_deleted(doc) && !visit(columns, doc) {
                    return Ok(());
                }
                doc = postings.advance();
            }
        }
        Ok(())
    }

    /// Every object of the index, in no particular order.
    pub(crate) fn objects(&self) -> impl Iterator<Item = IndexedObject> + '_ {
        self.segments().flat_map(|(segment, columns)| {
            segment.doc_ids_alive().map(|doc| IndexedObject {
                object_no: columns.object_no.first(doc).unwrap_or_default(),
                change: columns.change.first(doc).unwrap_or_default(),
                scope: columns.scope.first(doc).unwrap_or_default(),
                past_of: columns.past_of.first(doc),
            })
        })
    }
}
