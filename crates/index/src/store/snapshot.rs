//! What readers see: one committed state of an index, with the columns that every search reads.

use tantivy::columnar::Column;
use tantivy::schema::IndexRecordOption;
use tantivy::{DocId, DocSet, Searcher, SegmentReader, TERMINATED, TantivyError, Term};

use super::schema::{Fields, names};
use crate::entry::Checkpoint;

/// Columns of one segment.
#[derive(Clone)]
pub(crate) struct SegmentColumns {
    pub(crate) object_no: Column<i64>,
    pub(crate) change: Column<i64>,
    pub(crate) scope: Column<i64>,
}

impl SegmentColumns {
    fn open(segment: &SegmentReader) -> Result<Self, TantivyError> {
        let fast = segment.fast_fields();
        Ok(Self {
            object_no: fast.i64(names::OBJECT_NO)?,
            change: fast.i64(names::CHANGE)?,
            scope: fast.i64(names::SCOPE)?,
        })
    }

    /// Whether every column has a value for each of the segment's documents.
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
}

impl Snapshot {
    pub(crate) fn new(searcher: Searcher, checkpoint: Option<Checkpoint>) -> Result<Self, TantivyError> {
        let columns = searcher.segment_readers().iter().map(SegmentColumns::open).collect::<Result<_, _>>()?;
        Ok(Self { searcher, columns, checkpoint })
    }

    fn segments(&self) -> impl Iterator<Item = (&SegmentReader, &SegmentColumns)> {
        self.searcher.segment_readers().iter().zip(&self.columns)
    }

    /// The change of an object's entry.
    pub(crate) fn change_of(&self, fields: &Fields, object_no: i64) -> Result<Option<i64>, TantivyError> {
        let term = Term::from_field_i64(fields.object_no, object_no);
        for (segment, columns) in self.segments() {
            let index = segment.inverted_index(fields.object_no)?;
            let Some(mut postings) = index.read_postings(&term, IndexRecordOption::Basic)? else { continue };
            let mut doc: DocId = postings.doc();
            while doc != TERMINATED {
                if !segment.is_deleted(doc) {
                    return Ok(columns.change.first(doc));
                }
                doc = postings.advance();
            }
        }
        Ok(None)
    }

    /// Every object of the index, in no particular order.
    pub(crate) fn objects(&self) -> impl Iterator<Item = IndexedObject> + '_ {
        self.segments().flat_map(|(segment, columns)| {
            segment.doc_ids_alive().map(|doc| IndexedObject {
                object_no: columns.object_no.first(doc).unwrap_or_default(),
                change: columns.change.first(doc).unwrap_or_default(),
                scope: columns.scope.first(doc).unwrap_or_default(),
            })
        })
    }
}
