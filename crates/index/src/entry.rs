//! What the caller gives to the index: entries, operations on them, and the position they make it true for.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Everything that can be searched about one object.
///
/// There is one entry per object, whatever the number of its pages. `change` is the position of the last change
/// that the entry reflects: an entry is replaced only by one with a higher position.
///
/// Of a version series the live object has an entry, and each version whose words are others has one too. A version that says
/// what the live object says has none: `stands_for` of the live one names it, so that no text is held twice.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Entry {
    /// The object's internal number.
    pub object_no: i64,
    /// Position in the change log that this entry reflects.
    pub change: i64,
    /// Number of the scope that decides who may read the object.
    pub scope: i64,
    /// Of a version: the number of the live object. The entry is found only where all versions are asked for, goes with
    /// that of the live object, and keeps the scope that it was put with.
    pub past_of: Option<i64>,
    /// Which object is found by these words where all versions are asked for: a version, the object itself, or none.
    pub stands_for: Option<i64>,
    /// Identifier of the object's type.
    pub type_id: String,
    /// Whether the object is a folder.
    pub is_folder: bool,
    /// Number of the dossier the object lies in.
    pub dossier_no: Option<i64>,
    /// Numbers of further folders above the object, in any order.
    pub ancestors: Vec<i64>,
    /// Name in the folder.
    pub name: String,
    /// Title; may be empty.
    pub title: String,
    /// Declared properties: text, numbers, booleans and lists of them; instants in milliseconds.
    pub properties: serde_json::Map<String, serde_json::Value>,
    /// Of the properties, those whose words are not found: by the keys from the outside in, with dots between. A key stands for
    /// all below it.
    pub unsearched: BTreeSet<String>,
    /// Media type of the content.
    pub media_type: Option<String>,
    /// Created at, in milliseconds since the epoch, UTC.
    pub created_ms: i64,
    /// Last modified at, in milliseconds since the epoch, UTC.
    pub modified_ms: i64,
    /// The text, page by page, in reading order.
    pub pages: Vec<PageText>,
}

/// The text of one page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PageText {
    /// Number of the page, from 1.
    pub page_number: u32,
    /// The text in logical order.
    pub text: String,
    /// Language of the page as ISO 639-1, ISO 639-3 or BCP 47 (`fr`, `fra`, `fr-CH`); `None` when not known.
    pub language: Option<String>,
}

/// One step that brings the index nearer to the database.
#[derive(Debug, Clone)]
pub enum Operation {
    /// Puts the entry, unless the index has one with the same or a higher change.
    Put(Box<Entry>),
    /// Puts the entry, unless the index has one with a *higher* change. For repairs: an entry that disagrees with
    /// the database at the same change is replaced.
    Repair(Box<Entry>),
    /// Removes the entry of an object and those of its versions, unless the index has one with a higher change.
    Remove {
        /// The object's internal number.
        object_no: i64,
        /// Position of the change that removed it.
        change: i64,
    },
}

/// What became of a list of operations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Entries written.
    pub put: u64,
    /// Entries removed.
    pub removed: u64,
    /// Operations that were older than what the index has.
    pub ignored: u64,
    /// Objects whose text was longer than [`MAX_TEXT_BYTES`] and is searchable only up to there.
    pub shortened: Vec<i64>,
}

/// The most text of one object that is indexed, in bytes; the rest is left out and reported.
pub const MAX_TEXT_BYTES: usize = 64 << 20;

/// Up to which change of which log the index is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    /// Identity of the change log, a UUID renewed by every restore. A foreign identity means rebuild.
    pub log_identity: String,
    /// Position of the last change that the index reflects.
    pub position: i64,
}
