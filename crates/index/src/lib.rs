//! Full text: what can be searched about every object, kept in an index of the node's own.
//!
//! The caller feeds [`Operation`]s in the order of the change log and commits them with a [`Checkpoint`]; the
//! checkpoint is part of the commit, so that after a crash the index says itself from where to go on. The index can be
//! deleted at any time and be filled again; it can be rebuilt in the background and switched without a gap.
//!
//! It knows object numbers, scope numbers and change positions, nothing else. Who may read what is decided by the
//! caller and comes with every request as a set of scopes; it becomes part of the query, so that totals, facets and
//! snippets are exact for it.
//!
//! One entry per object. `text` holds every word folded (case, accents, Arabic letter variants, digits), in order and
//! over all pages; one field per language holds the stems of the same words at the same positions. A stem counts less
//! than the word that was typed. Scripts without spaces are cut into overlapping pairs. Page marks beside the stored
//! text lead from a position back to its page.
//!
//! Invariant: this crate opens no socket, knows no SQL and decides no permission. No text, no query and no damaged
//! file makes it panic or fill the memory. No type of the engine is in its interface.
//!
//! # Example
//! ```
//! use cartulary_index::{Checkpoint, Entry, FullTextIndex, Operation, PageText, Readable, SearchRequest};
//!
//! let dir = tempfile::tempdir()?;
//! let index = FullTextIndex::open(dir.path())?.index;
//! let page = PageText { page_number: 1, text: "The keeper of the seal".into(), language: Some("en".into()) };
//! let entry = Entry { object_no: 7, change: 1, scope: 3, name: "letter.pdf".into(), pages: vec![page], ..Entry::default() };
//! index.apply(vec![Operation::Put(Box::new(entry))])?;
//! index.commit(Checkpoint { log_identity: "0196".into(), position: 1 })?;
//!
//! let readable = Readable::Scopes(std::sync::Arc::new([3].into_iter().collect()));
//! let request = SearchRequest { text: "keepers".into(), readable, limit: 20, snippets: true, ..SearchRequest::default() };
//! let answer = index.search(&request)?;
//! assert_eq!((answer.total, answer.hits[0].page_number), (1, Some(1)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod entry;
mod error;
mod find;
mod index;
mod numbers;
mod query;
mod rebuild;
mod search;
mod store;
mod text;

pub use entry::{Applied, Checkpoint, Entry, MAX_TEXT_BYTES, Operation, PageText};
pub use error::IndexError;
pub use find::Finder;
pub use index::{FullTextIndex, IndexStats, OpenState, Opened};
pub use numbers::NumberSet;
pub use query::filter::Readable;
pub use query::parse::is_without_words;
pub use rebuild::ShadowIndex;
pub use search::{FacetCount, Facets, Fragment, Hit, SearchAnswer, SearchRequest, Snippet, Sort};
pub use store::schema::SCHEMA_VERSION;
pub use store::snapshot::IndexedObject;
pub use store::writer::WriterLimits;
pub use text::fold::fold_label;
