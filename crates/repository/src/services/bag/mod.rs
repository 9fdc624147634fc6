//! Bags (BagIt, RFC 8493): objects with their whole history as files that other people's tools can check.
//!
//! A bag of this office has, below `data/`: `cartulary.json`, which says what it is and of whom it speaks; one file of JSON
//! for each object, `objects/XX/ID.json`, with its versions; and each content once, `content/XX/DIGEST`. No name that a
//! person or a file gave is ever a path: names stand in the JSON, so that none of them can lead out of the bag, be too long
//! for a file system, or differ from another one by its case only.

pub(super) mod check;
pub(super) mod form;
pub(super) mod gather;
pub(super) mod insert;
pub(super) mod kept;
pub(super) mod left_out;
mod links;
mod notes;
pub(super) mod read;
mod values;
pub(super) mod writer;

/// What says what a bag is.
pub(super) const DESCRIPTION: &str = "data/cartulary.json";
/// The folder of the objects.
pub(super) const OBJECTS: &str = "data/objects/";
/// The folder of the contents.
pub(super) const CONTENT: &str = "data/content/";

/// Returns where the JSON of an object lies.
pub(super) fn object_path(id: &str) -> String {
    let end = id.get(id.len().saturating_sub(2)..).unwrap_or("00");
    format!("{OBJECTS}{end}/{id}.json")
}

/// Returns where a content lies.
pub(super) fn content_path(digest: &str) -> String {
    format!("{CONTENT}{}/{digest}", digest.get(..2).unwrap_or("00"))
}
