//! An index in a folder of its own, entries with sane defaults, and answers in a form that is easy to compare.

use std::sync::Arc;

use cartulary_index::{
    Checkpoint, Entry, FullTextIndex, NumberSet, Operation, PageText, Readable, SearchAnswer, SearchRequest, Snippet,
};
use tempfile::TempDir;

/// The identity of the change log in all tests.
pub const LOG: &str = "01960000-0000-7000-8000-000000000001";

pub struct Office {
    pub dir: TempDir,
    pub index: FullTextIndex,
}

pub fn office() -> Office {
    let dir = tempfile::tempdir().unwrap();
    let index = FullTextIndex::open(dir.path()).unwrap().index;
    Office { dir, index }
}

pub fn at(position: i64) -> Checkpoint {
    Checkpoint { log_identity: LOG.to_owned(), position }
}

/// An object in scope 1, created in 2026, with one page.
pub fn paper(object_no: i64, text: &str) -> Entry {
    Entry {
        object_no,
        change: object_no,
        scope: 1,
        type_id: "office:letter".to_owned(),
        dossier_no: Some(100),
        name: format!("paper-{object_no}.pdf"),
        title: String::new(),
        media_type: Some("application/pdf".to_owned()),
        created_ms: 1_767_225_600_000,
        modified_ms: 1_767_225_600_000_i64.saturating_add(object_no),
        pages: vec![page(1, text, None)],
        ..Entry::default()
    }
}

pub fn page(page_number: u32, text: &str, language: Option<&str>) -> PageText {
    PageText { page_number, text: text.to_owned(), language: language.map(str::to_owned) }
}

pub fn put(entry: Entry) -> Operation {
    Operation::Put(Box::new(entry))
}

impl Office {
    /// Puts entries and commits at the highest of their changes.
    pub fn hold(&self, entries: impl IntoIterator<Item = Entry>) -> &Self {
        let entries: Vec<Entry> = entries.into_iter().collect();
        let position = entries.iter().map(|entry| entry.change).max().unwrap_or_default();
        self.index.apply(entries.into_iter().map(put).collect()).unwrap();
        self.index.commit(at(position)).unwrap();
        self
    }

    pub fn search(&self, text: &str) -> SearchAnswer {
        self.index.search(&request(text)).unwrap()
    }

    /// The numbers of what is found, in order.
    pub fn found(&self, text: &str) -> Vec<i64> {
        numbers(&self.search(text))
    }

    /// The first snippet of the first hit.
    pub fn snippet(&self, text: &str) -> String {
        let answer = self.search(text);
        answer.hits.first().and_then(|hit| hit.snippets.first()).map(show).unwrap_or_default()
    }
}

/// Says `true` when it is dropped, so that another thread ends even when this one fails.
pub struct SayWhenDone<'a>(pub &'a std::sync::atomic::AtomicBool);

impl Drop for SayWhenDone<'_> {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

/// Asks as one who may read everything.
pub fn request(text: &str) -> SearchRequest {
    SearchRequest {
        text: text.to_owned(),
        readable: Readable::All,
        limit: 20,
        snippets: true,
        facets: true,
        ..SearchRequest::default()
    }
}

pub fn scopes(numbers: impl IntoIterator<Item = i64>) -> Readable {
    Readable::Scopes(Arc::new(numbers.into_iter().collect::<NumberSet>()))
}

pub fn set(numbers: impl IntoIterator<Item = i64>) -> Arc<NumberSet> {
    Arc::new(numbers.into_iter().collect())
}

pub fn numbers(answer: &SearchAnswer) -> Vec<i64> {
    answer.hits.iter().map(|hit| hit.object_no).collect()
}

/// `page: text with [hits]`.
pub fn show(snippet: &Snippet) -> String {
    let text: String = snippet
        .fragments
        .iter()
        .map(|fragment| if fragment.hit { format!("[{}]", fragment.text) } else { fragment.text.clone() })
        .collect();
    format!("{}: {text}", snippet.page_number)
}
