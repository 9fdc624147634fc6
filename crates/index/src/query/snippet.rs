//! Finds where in an entry the words stand, and cuts the few lines around them.
//!
//! The positions come from the postings, so that of a long document only the pieces around its best places are
//! unpacked and read.

use std::ops::Range;

use tantivy::postings::Postings;
use tantivy::schema::{IndexRecordOption, Value};
use tantivy::{DocAddress, SegmentReader, TantivyDocument, TantivyError, Term};

use super::compile::{after_prefix, stems};
use super::highlight::{Matcher, fragments};
use super::parse::{Clause, Parsed, Place};
use crate::search::Snippet;
use crate::store::body::{PageMark, StoredBody};
use crate::store::schema::Fields;
use crate::store::snapshot::Snapshot;

/// Bytes of a snippet, more or less.
const SNIPPET_BYTES: usize = 260;
/// Bytes before its first hit.
const LEAD_BYTES: usize = 80;
/// Positions of one clause that are looked at in one entry.
const MAX_POSITIONS: usize = 20_000;
/// Words that one beginning stands for, when looking for positions.
const MAX_EXPANSIONS: usize = 200;
/// Words within which hits count as being together.
const NEAR: u32 = 25;
/// Bytes that are searched through when the postings do not say where the hits are.
const SCAN_BYTES: usize = 128 << 10;

/// What to look for in the entries that were found.
pub(crate) struct SnippetMaker<'a> {
    snapshot: &'a Snapshot,
    fields: &'a Fields,
    clauses: Vec<&'a Clause>,
    matcher: Matcher,
    most: usize,
}

/// What is shown of an entry.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// The best places, in the order of the pages.
    pub(crate) snippets: Vec<Snippet>,
    /// How many pages have a place.
    pub(crate) pages_with_hits: u32,
}

impl<'a> SnippetMaker<'a> {
    /// Prepares the clauses of a query; `most` snippets an entry.
    pub(crate) fn new(snapshot: &'a Snapshot, fields: &'a Fields, parsed: &'a Parsed, most: usize) -> Self {
        let in_text = |clause: &&Clause| clause.place == Place::Anywhere;
        let clauses = parsed.groups.iter().flatten().filter(in_text).collect();
        Self { snapshot, fields, clauses, matcher: Matcher::new(parsed), most }
    }

    /// The best places of an entry, in the order of its pages.
    pub(crate) fn make(&self, address: DocAddress) -> Result<Shown, TantivyError> {
        if self.clauses.is_empty() || self.most == 0 {
            return Ok(Shown::default());
        }
        let body = self.body(address)?;
        if body.pages().is_empty() {
            return Ok(Shown::default());
        }
        let mut places = self.places(address)?;
        // What stands in the name or title is shown there.
        places.retain(|(position, _)| body.page_of(*position).is_some());
        let snippets: Vec<Snippet> = if places.is_empty() {
            self.scan(&body).into_iter().collect()
        } else {
            let best = best_places(&places, &body, self.most);
            best.into_iter().filter_map(|position| self.cut(&body, position)).collect()
        };
        let mut pages: Vec<u32> =
            places.iter().filter_map(|(position, _)| body.page_of(*position).map(|page| page.page_number)).collect();
        pages.dedup();
        let counted = u32::try_from(pages.len()).unwrap_or(u32::MAX);
        let shown = u32::from(!snippets.is_empty());
        Ok(Shown { snippets, pages_with_hits: counted.max(shown) })
    }

    fn body(&self, address: DocAddress) -> Result<StoredBody, TantivyError> {
        let document: TantivyDocument = self.snapshot.searcher.doc(address)?;
        let bytes = |field| document.get_first(field).and_then(|value| value.as_value().as_bytes()).unwrap_or_default();
        StoredBody::read(bytes(self.fields.layout), bytes(self.fields.body).to_vec())
            .ok_or_else(|| TantivyError::SystemError("the stored text of an entry cannot be read".to_owned()))
    }

    /// Positions of all clauses in an entry, each with the number of its clause, in order.
    fn places(&self, address: DocAddress) -> Result<Vec<(u32, usize)>, TantivyError> {
        let segment = self.snapshot.searcher.segment_reader(address.segment_ord);
        let mut places = Vec::new();
        for (number, clause) in self.clauses.iter().enumerate() {
            let mut positions = self.clause_positions(segment, address.doc_id, clause)?;
            positions.sort_unstable();
            positions.dedup();
            places.extend(positions.into_iter().take(MAX_POSITIONS).map(|position| (position, number)));
        }
        places.sort_unstable();
        Ok(places)
    }

    fn clause_positions(&self, segment: &SegmentReader, doc: u32, clause: &Clause) -> Result<Vec<u32>, TantivyError> {
        let text = self.fields.text;
        if let [word] = clause.words.as_slice() {
            if clause.prefix {
                return self.prefix_positions(segment, doc, &word.folded);
            }
            let mut positions = positions(segment, doc, &Term::from_field_text(text, &word.folded))?;
            if !clause.exact {
                for term in stems(self.fields, &word.typed) {
                    positions.extend(self::positions(segment, doc, &term)?);
                }
            }
            return Ok(positions);
        }
        let mut starts: Option<Vec<u32>> = None;
        let whole = clause.words.len() - usize::from(clause.prefix);
        for word in clause.words.iter().take(whole) {
            let found = positions(segment, doc, &Term::from_field_text(text, &word.folded))?;
            let mut found: Vec<u32> = found.into_iter().filter_map(|at| at.checked_sub(word.offset)).collect();
            found.sort_unstable();
            match &mut starts {
                None => starts = Some(found),
                Some(starts) => starts.retain(|start| found.binary_search(start).is_ok()),
            }
        }
        Ok(starts.unwrap_or_default())
    }

    fn prefix_positions(&self, segment: &SegmentReader, doc: u32, prefix: &str) -> Result<Vec<u32>, TantivyError> {
        let index = segment.inverted_index(self.fields.text)?;
        let mut range = index.terms().range().ge(prefix);
        let after = after_prefix(prefix);
        if let Some(after) = &after {
            range = range.lt(after);
        }
        let mut stream = range.into_stream()?;
        let mut found = Vec::new();
        let mut looked_at = 0;
        while looked_at < MAX_EXPANSIONS && stream.advance() {
            looked_at += 1;
            let info = stream.value().clone();
            let mut postings = index.read_postings_from_terminfo(&info, IndexRecordOption::WithFreqsAndPositions)?;
            append_positions(&mut postings, doc, &mut found);
        }
        Ok(found)
    }

    /// The lines around a position.
    fn cut(&self, body: &StoredBody, position: u32) -> Option<Snippet> {
        let page = body.page_of(position)?;
        self.around(body, page, body.byte_of(position)?)
    }

    /// Looks through the beginning of an entry for a hit.
    fn scan(&self, body: &StoredBody) -> Option<Snippet> {
        let mut left = SCAN_BYTES;
        for page in body.pages() {
            let take = page.range.len().min(left);
            left -= take;
            let text = body.text(page.range.start..page.range.start + take)?;
            let first = self.matcher.find(&text, page.tongue, 1).into_iter().next();
            if let Some(hit) = first {
                return self.around(body, page, page.range.start + hit.range.start);
            }
            if left == 0 {
                break;
            }
        }
        None
    }

    /// The lines around the byte at which a hit begins.
    fn around(&self, body: &StoredBody, page: &PageMark, at: usize) -> Option<Snippet> {
        let start = at.saturating_sub(LEAD_BYTES).max(page.range.start);
        let end = (at + SNIPPET_BYTES - LEAD_BYTES).max(start + SNIPPET_BYTES).min(page.range.end);
        let (more_before, more_after) = (start > page.range.start, end < page.range.end);
        let text = body.text(start..end)?;
        // Cut words are left out before hits are looked for: half a word may be another one.
        let whole = text.get(whole_words(&text, at - start, more_before, more_after))?;
        let hits = self.matcher.find(whole, page.tongue, 100);
        let fragments = fragments(whole, 0..whole.len(), &hits);
        Some(Snippet { page_number: page.page_number, fragments, more_before, more_after })
    }
}

/// The words of a text that are whole, the one at `at` in any case.
fn whole_words(text: &str, at: usize, more_before: bool, more_after: bool) -> Range<usize> {
    let mut range = 0..text.len();
    let first_space = text.char_indices().find(|(_, c)| c.is_whitespace());
    let last_space = text.char_indices().rev().find(|(_, c)| c.is_whitespace());
    if let Some((space_at, space)) = first_space
        && more_before
        && space_at < at
    {
        range.start = space_at + space.len_utf8();
    }
    if let Some((space_at, _)) = last_space
        && more_after
        && space_at > at
    {
        range.end = space_at;
    }
    range
}

fn positions(segment: &SegmentReader, doc: u32, term: &Term) -> Result<Vec<u32>, TantivyError> {
    let mut found = Vec::new();
    let index = segment.inverted_index(term.field())?;
    if let Some(mut postings) = index.read_postings(term, IndexRecordOption::WithFreqsAndPositions)? {
        append_positions(&mut postings, doc, &mut found);
    }
    Ok(found)
}

fn append_positions<P: Postings>(postings: &mut P, doc: u32, found: &mut Vec<u32>) {
    if postings.doc() <= doc && postings.seek(doc) == doc {
        postings.append_positions_with_offset(0, found);
    }
}

/// The positions where most clauses stand together: on different pages if there are any, in order.
fn best_places(places: &[(u32, usize)], body: &StoredBody, most: usize) -> Vec<u32> {
    let mut rated: Vec<(usize, u32)> = Vec::with_capacity(places.len());
    for (number, (position, clause)) in places.iter().enumerate() {
        let mut together = vec![*clause];
        for (other, clause) in places.iter().skip(number + 1).take_while(|(other, _)| *other <= position + NEAR) {
            debug_assert!(other >= position);
            if !together.contains(clause) {
                together.push(*clause);
            }
        }
        rated.push((together.len(), *position));
    }
    rated.sort_by(|one, two| two.0.cmp(&one.0).then(one.1.cmp(&two.1)));
    let page = |position: u32| body.page_of(position).map(|page| page.page_number);
    let mut chosen: Vec<u32> = Vec::new();
    for new_pages_only in [true, false] {
        for (_, position) in &rated {
            if chosen.len() >= most {
                break;
            }
            let near = chosen.iter().any(|other| other.abs_diff(*position) <= 2 * NEAR);
            let same_page = chosen.iter().any(|other| page(*other) == page(*position));
            let refused = near || (new_pages_only && same_page);
            if !refused {
                chosen.push(*position);
            }
        }
    }
    chosen.sort_unstable();
    chosen
}
