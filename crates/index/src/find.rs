//! Finds the words of a query in a text that the caller has: the page of a viewer, a title in a list.

use std::ops::Range;

use crate::query::highlight::{Matcher, fragments};
use crate::query::parse::parse;
use crate::search::Fragment;
use crate::text::language::Tongue;

/// A query, prepared to be looked for in any number of texts. Needs no index.
///
/// It finds what a search finds: folded words, other forms of them in the language of the text, phrases and beginnings.
#[derive(Clone)]
pub struct Finder {
    matcher: Matcher,
}

impl Finder {
    /// Prepares a query, in the same syntax as [`SearchRequest::text`](crate::SearchRequest::text).
    #[must_use]
    pub fn new(query: &str) -> Self {
        Self { matcher: Matcher::new(&parse(query)) }
    }

    /// Finds at most `limit` hits, in the order of the text, as ranges of bytes.
    #[must_use]
    pub fn find(&self, text: &str, language: Option<&str>, limit: usize) -> Vec<Range<usize>> {
        let hits = self.matcher.find(text, Tongue::from_tag(language), limit);
        hits.into_iter().map(|hit| hit.range).collect()
    }

    /// Cuts a whole text at its hits; at most 1,000 hits are marked.
    #[must_use]
    pub fn fragments(&self, text: &str, language: Option<&str>) -> Vec<Fragment> {
        const MAX_HITS: usize = 1_000;
        let hits = self.matcher.find(text, Tongue::from_tag(language), MAX_HITS);
        fragments(text, 0..text.len(), &hits)
    }
}
