//! Counts everything that matches, counts it by facet, and keeps the window that was asked for.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use tantivy::collector::{Collector, SegmentCollector};
use tantivy::columnar::{Column, StrColumn};
use tantivy::{DocAddress, DocId, Score, SegmentOrdinal, SegmentReader, TantivyError};

use crate::search::{FacetCount, Facets, Sort};
use crate::store::schema::names;
use crate::store::snapshot::SegmentColumns;

/// Collects one search.
pub(crate) struct Window<'a> {
    pub(crate) columns: &'a [SegmentColumns],
    pub(crate) sort: &'a Sort,
    /// Hits to keep, from the first one on.
    pub(crate) keep: usize,
    pub(crate) facets: bool,
}

/// What one search found.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) total: u64,
    /// In order, `keep` at most.
    pub(crate) hits: Vec<Ranked>,
    pub(crate) facets: Facets,
}

/// One hit and its place in the order.
#[derive(Debug, Clone)]
pub(crate) struct Ranked {
    key: Key,
    pub(crate) object_no: i64,
    pub(crate) score: Score,
    pub(crate) address: DocAddress,
}

/// What hits are ordered by, smaller first; equal ones by object number, so that paging is stable.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Key {
    Number(u64),
    /// Compared as text, upwards or downwards.
    Text {
        text: Vec<u8>,
        descending: bool,
    },
    /// Without a value: always last.
    Missing,
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one), Self::Number(two)) => one.cmp(two),
            (Self::Text { text: one, descending }, Self::Text { text: two, .. }) => {
                if *descending {
                    two.cmp(one)
                } else {
                    one.cmp(two)
                }
            }
            (Self::Missing, Self::Missing) => Ordering::Equal,
            (Self::Missing, _) => Ordering::Greater,
            (_, Self::Missing) => Ordering::Less,
            (Self::Number(_), Self::Text { .. }) => Ordering::Less,
            (Self::Text { .. }, Self::Number(_)) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A hit inside a segment, where texts are known by their place in the segment's own order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Local {
    key: u64,
    object_no: i64,
    doc: DocId,
    score_bits: u32,
}

/// Where a segment finds the key of a document.
enum KeySource {
    Score,
    Number(Column<i64>),
    Real(Column<f64>),
    /// A whole number that in another segment may be a real one.
    Whole(Column<i64>),
    Flag(Column<bool>),
    Text(StrColumn),
    Nothing,
}

impl KeySource {
    fn open(sort: &Sort, segment: &SegmentReader) -> Result<Self, TantivyError> {
        let fast = segment.fast_fields();
        let text = |name: &str| fast.str(name).map(|column| column.map_or(Self::Nothing, Self::Text));
        match sort {
            Sort::Relevance => Ok(Self::Score),
            Sort::Modified { .. } => fast.i64(names::MODIFIED).map(Self::Number),
            Sort::Created { .. } => fast.i64(names::CREATED).map(Self::Number),
            Sort::Name { .. } => text(names::NAME_KEY),
            Sort::Property { property, .. } => {
                let path = format!("{}.{}", names::PROPERTIES, property.replace('.', "\\."));
                if let Some(column) = fast.str(&path)? {
                    return Ok(Self::Text(column));
                }
                if let Some(column) = fast.column_opt::<f64>(&path)? {
                    return Ok(Self::Real(column));
                }
                if let Some(column) = fast.column_opt::<i64>(&path)? {
                    return Ok(Self::Whole(column));
                }
                Ok(fast.column_opt::<bool>(&path)?.map_or(Self::Nothing, Self::Flag))
            }
        }
    }

    /// The key of a document, before the direction is applied.
    fn read(&self, doc: DocId, score: Score) -> Option<u64> {
        match self {
            Self::Score => Some(rising_bits(f64::from(score))),
            Self::Number(column) => column.first(doc).map(|number| (number as u64) ^ (1 << 63)),
            Self::Real(column) => column.first(doc).map(rising_bits),
            Self::Whole(column) => column.first(doc).map(|number| rising_bits(number as f64)),
            Self::Flag(column) => column.first(doc).map(u64::from),
            Self::Text(column) => column.ords().first(doc),
            Self::Nothing => None,
        }
    }
}

/// Bits of a number that rise with it.
fn rising_bits(number: f64) -> u64 {
    let bits = number.to_bits();
    if bits >> 63 == 0 { bits | (1 << 63) } else { !bits }
}

/// Collects one segment.
pub(crate) struct SegmentWindow {
    segment_ord: SegmentOrdinal,
    object_no: Column<i64>,
    source: KeySource,
    descending: bool,
    keep: usize,
    total: u64,
    buffer: Vec<Local>,
    /// Keys above it cannot come into the window any more.
    threshold: u64,
    facets: Option<SegmentFacets>,
}

/// What one segment found.
pub(crate) struct SegmentFound(Result<Found, TantivyError>);

impl Collector for Window<'_> {
    type Fruit = Found;
    type Child = SegmentWindow;

    fn for_segment(&self, ordinal: SegmentOrdinal, segment: &SegmentReader) -> Result<SegmentWindow, TantivyError> {
        let columns = usize::try_from(ordinal).ok().and_then(|ordinal| self.columns.get(ordinal));
        let columns = columns.ok_or_else(|| TantivyError::InternalError("a segment without columns".to_owned()))?;
        let facets = if self.facets { Some(SegmentFacets::open(segment)?) } else { None };
        Ok(SegmentWindow {
            segment_ord: ordinal,
            object_no: columns.object_no.clone(),
            source: KeySource::open(self.sort, segment)?,
            descending: self.sort.is_descending(),
            keep: self.keep,
            total: 0,
            buffer: Vec::new(),
            threshold: u64::MAX,
            facets,
        })
    }

    fn requires_scoring(&self) -> bool {
        matches!(self.sort, Sort::Relevance)
    }

    fn merge_fruits(&self, segments: Vec<SegmentFound>) -> Result<Found, TantivyError> {
        let mut found = Found::default();
        for SegmentFound(segment) in segments {
            let segment = segment?;
            found.total += segment.total;
            found.hits.extend(segment.hits);
            found.facets.add(segment.facets);
        }
        found.hits.sort_by(|one, two| one.key.cmp(&two.key).then(one.object_no.cmp(&two.object_no)));
        found.hits.truncate(self.keep);
        found.facets.order();
        Ok(found)
    }
}

impl SegmentWindow {
    fn cut(&mut self) {
        if self.buffer.len() > self.keep && self.keep > 0 {
            let (_, last, _) = self.buffer.select_nth_unstable(self.keep - 1);
            self.threshold = last.key;
            self.buffer.truncate(self.keep);
        }
    }

    fn finish(mut self) -> Result<Found, TantivyError> {
        self.cut();
        let mut hits = Vec::with_capacity(self.buffer.len());
        for local in &self.buffer {
            hits.push(Ranked {
                key: self.key(local)?,
                object_no: local.object_no,
                score: Score::from_bits(local.score_bits),
                address: DocAddress::new(self.segment_ord, local.doc),
            });
        }
        let facets = self.facets.map_or_else(|| Ok(Facets::default()), SegmentFacets::finish)?;
        Ok(Found { total: self.total, hits, facets })
    }

    /// The key as it compares with those of other segments.
    fn key(&self, local: &Local) -> Result<Key, TantivyError> {
        let KeySource::Text(column) = &self.source else {
            return Ok(if local.key == u64::MAX { Key::Missing } else { Key::Number(local.key) });
        };
        if local.key == u64::MAX {
            return Ok(Key::Missing);
        }
        let ordinal = if self.descending { u64::MAX - 1 - local.key } else { local.key };
        let mut text = Vec::new();
        column.dictionary().ord_to_term(ordinal, &mut text)?;
        Ok(Key::Text { text, descending: self.descending })
    }
}

impl SegmentCollector for SegmentWindow {
    type Fruit = SegmentFound;

    fn collect(&mut self, doc: DocId, score: Score) {
        self.total += 1;
        if let Some(facets) = &mut self.facets {
            facets.count(doc);
        }
        if self.keep == 0 {
            return;
        }
        let key = match self.source.read(doc, score) {
            None => u64::MAX,
            Some(key) if self.descending => u64::MAX - 1 - key.min(u64::MAX - 1),
            Some(key) => key.min(u64::MAX - 1),
        };
        if key > self.threshold {
            return;
        }
        let object_no = self.object_no.first(doc).unwrap_or_default();
        self.buffer.push(Local { key, object_no, doc, score_bits: score.to_bits() });
        if self.buffer.len() >= 2 * self.keep + 64 {
            self.cut();
        }
    }

    fn harvest(self) -> SegmentFound {
        SegmentFound(self.finish())
    }
}

/// Counts of one segment, by the segment's own numbering of values.
struct SegmentFacets {
    types: Option<(StrColumn, Vec<u64>)>,
    media_types: Option<(StrColumn, Vec<u64>)>,
    years: Column<i64>,
    first_year: i64,
    year_counts: Vec<u64>,
}

impl SegmentFacets {
    fn open(segment: &SegmentReader) -> Result<Self, TantivyError> {
        let fast = segment.fast_fields();
        let texts = |name| -> Result<Option<(StrColumn, Vec<u64>)>, TantivyError> {
            Ok(fast.str(name)?.map(|column| {
                let counts = vec![0; column.num_terms()];
                (column, counts)
            }))
        };
        let years = fast.i64(names::YEAR)?;
        let first_year = years.min_value();
        let span = usize::try_from(years.max_value().saturating_sub(first_year)).unwrap_or(0).min(10_000);
        Ok(Self {
            types: texts(names::TYPE_ID)?,
            media_types: texts(names::MEDIA_TYPE)?,
            years,
            first_year,
            year_counts: vec![0; span + 1],
        })
    }

    fn count(&mut self, doc: DocId) {
        for (column, counts) in [&mut self.types, &mut self.media_types].into_iter().flatten() {
            let ordinal = column.ords().first(doc).and_then(|ordinal| usize::try_from(ordinal).ok());
            if let Some(count) = ordinal.and_then(|ordinal| counts.get_mut(ordinal)) {
                *count += 1;
            }
        }
        let year = self.years.first(doc).map(|year| year.saturating_sub(self.first_year));
        if let Some(count) = year.and_then(|slot| usize::try_from(slot).ok()).and_then(|s| self.year_counts.get_mut(s))
        {
            *count += 1;
        }
    }

    fn finish(self) -> Result<Facets, TantivyError> {
        let years = (self.first_year..).zip(self.year_counts).filter(|(_, count)| *count > 0);
        Ok(Facets {
            types: name_counts(self.types)?,
            media_types: name_counts(self.media_types)?,
            years: years.map(|(year, count)| FacetCount { value: year.to_string(), count }).collect(),
        })
    }
}

fn name_counts(counted: Option<(StrColumn, Vec<u64>)>) -> Result<Vec<FacetCount>, TantivyError> {
    let Some((column, counts)) = counted else { return Ok(Vec::new()) };
    let mut named = Vec::new();
    for (ordinal, count) in (0..).zip(counts) {
        if count > 0 {
            let mut value = String::new();
            column.ord_to_str(ordinal, &mut value)?;
            named.push(FacetCount { value, count });
        }
    }
    Ok(named)
}

impl Facets {
    fn add(&mut self, other: Self) {
        self.types.extend(other.types);
        self.media_types.extend(other.media_types);
        self.years.extend(other.years);
    }

    /// Adds up what several segments counted: the most frequent first, years backwards.
    fn order(&mut self) {
        for list in [&mut self.types, &mut self.media_types, &mut self.years] {
            let mut sums: BTreeMap<String, u64> = BTreeMap::new();
            for FacetCount { value, count } in list.drain(..) {
                *sums.entry(value).or_default() += count;
            }
            list.extend(sums.into_iter().map(|(value, count)| FacetCount { value, count }));
            list.sort_by(|one, two| two.count.cmp(&one.count).then(one.value.cmp(&two.value)));
        }
        self.years.sort_by_key(|year| std::cmp::Reverse(year.value.parse::<i64>().unwrap_or_default()));
    }
}
