//! What stands in the files of JSON of a bag.

use std::collections::BTreeMap;

use cartulary_model::{ObjectId, Properties, Timestamp, TypeDefinition, VocabularyDefinition};
use serde::{Deserialize, Serialize};

use super::kept::BagKept;
use crate::services::annotations::AnnotatedPlace;
use crate::services::arrangements::ArrangedPage;

/// The word by which a bag of this office is known.
pub(crate) const FORMAT: &str = "cartulary-bag";
/// The version of the format that is written; a newer one is not read.
pub(crate) const FORMAT_VERSION: u32 = 3;
/// The name of the file of the root folder, which has no id of its own in a bag: each office has one.
pub(crate) const ROOT: &str = "root";

/// What a bag is, and of whom it speaks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Description {
    pub format: String,
    pub version: u32,
    /// What was exported.
    pub scope: serde_json::Value,
    pub exported_at: Timestamp,
    pub exported_by: String,
    /// The identity of the log of the office that it is of, and the positions before and after it was written.
    pub log_identity: String,
    pub positions: [i64; 2],
    pub principals: Vec<Principal>,
    pub types: Vec<TypeDefinition>,
    pub vocabularies: Vec<VocabularyDefinition>,
    pub object_count: u64,
    /// What the caller could not take along, as far as he may know of it; at most 1,000 are named.
    pub left_out: Vec<LeftOutOfBag>,
    /// How many objects these are, however much of each is missing.
    pub left_out_count: u64,
}

/// A user or group that the bag speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Principal {
    /// `user:NAME` or `group:NAME`.
    pub key: String,
    pub display_name: String,
}

/// Something that is not in the bag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LeftOutOfBag {
    pub id: ObjectId,
    /// What of it is missing, or why: `confidential`, `properties`, `content`, `children`, `arrangement` (pages of a file that the
    /// caller may not read whole), `workingCopy`, `otherEnd` (a relationship to what is not in the bag), `members` (a version
    /// of a dossier that names more than is in the bag), `trash`.
    pub reason: String,
}

/// An object with its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BagObject {
    /// Absent of the root folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ObjectId>,
    /// `document`, `folder` or `relationship`.
    pub base: String,
    #[serde(flatten)]
    pub values: Values,
    pub created_at: Timestamp,
    pub created_by: String,
    pub modified_at: Timestamp,
    pub modified_by: String,
    /// The folders that it lies in, of those in the bag; the primary one first.
    pub places: Vec<BagPlace>,
    /// Since when it lies in no folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfiled_at: Option<Timestamp>,
    /// Its own access list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<BagAccess>,
    /// That somebody has locked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<BagLock>,
    /// Relationships: what it links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<BagEnds>,
    /// Documents: its versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub series: Option<BagSeries>,
    /// Dossiers: their versions, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dossier_versions: Vec<BagDossierVersion>,
    /// What people put on it.
    #[serde(default, skip_serializing_if = "BagNotes::is_empty")]
    pub notes: BagNotes,
}

/// What a relationship links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BagEnds {
    /// What it goes out from; absent: the root folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<ObjectId>,
    /// What it leads to; absent: the root folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<ObjectId>,
}

/// That somebody has locked an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BagLock {
    pub owner: String,
    pub locked_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub comment: String,
}

/// What people put on an object, and everybody sees who may.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BagNotes {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<BagTag>,
    /// Each after those that it answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comments: Vec<BagComment>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub annotations: Vec<BagAnnotation>,
}

impl BagNotes {
    fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.comments.is_empty() && self.annotations.is_empty()
    }
}

/// A tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BagTag {
    pub label: String,
    pub put_by: String,
    pub put_at: Timestamp,
}

/// A comment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BagComment {
    pub id: ObjectId,
    /// The comment that its thread begins with; absent: itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thread: Option<ObjectId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<ObjectId>,
    pub author: String,
    pub text: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resolved: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    pub created_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
}

/// An annotation on a content, of the object or of a version of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BagAnnotation {
    pub id: ObjectId,
    /// The SHA-256 of the content.
    pub digest: String,
    pub motivation: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<String>,
    pub places: Vec<AnnotatedPlace>,
    pub creator: String,
    pub created_at: Timestamp,
    pub modified_at: Timestamp,
}

/// What an object and each of its versions has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Values {
    #[serde(rename = "type")]
    pub type_id: String,
    pub name: String,
    pub title: String,
    pub facets: Vec<String>,
    pub properties: Properties,
    /// Its state, where its type has a life cycle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<BagSource>,
    /// By slot.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub contents: BTreeMap<String, BagContent>,
    /// The pages that make it, where somebody arranged them; the files that they are of lie below `data/content/` too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arrangement: Vec<ArrangedPage>,
}

/// Where an object came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BagSource {
    pub system: String,
    pub id: String,
}

/// The bytes in a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BagContent {
    /// The SHA-256: where the bytes lie below `data/content/`.
    pub digest: String,
    pub size_bytes: u64,
    pub media_type: String,
    pub file_name: String,
    /// The bytes of the name in hex, when they are not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_name_raw: Option<String>,
}

/// A folder in which an object lies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BagPlace {
    /// The folder; absent: the one that the bag is taken into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<ObjectId>,
    pub ordinal: i64,
    pub filed_at: Timestamp,
}

/// An access list of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BagAccess {
    pub inherits: bool,
    /// In the order of evaluation.
    pub entries: Vec<BagEntry>,
}

/// An entry of an access list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BagEntry {
    pub list: String,
    pub principal: String,
    pub permission: String,
    pub grants: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begin_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_at: Option<Timestamp>,
}

/// The versions of a document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BagSeries {
    pub id: ObjectId,
    /// The greatest numbers of versions that were destroyed.
    pub destroyed: [i32; 2],
    /// The greatest instant used in the series.
    pub clock: Timestamp,
    /// Oldest first.
    pub versions: Vec<BagVersion>,
    /// What whoever checked it out works on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working: Option<BagWorkingCopy>,
}

/// A private working copy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BagWorkingCopy {
    pub id: ObjectId,
    pub checked_out_by: String,
    pub created_at: Timestamp,
    pub created_by: String,
    pub modified_at: Timestamp,
    pub modified_by: String,
    #[serde(flatten)]
    pub values: Values,
}

/// A version of a document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BagVersion {
    pub id: ObjectId,
    pub major: i32,
    pub minor: i32,
    pub comment: String,
    pub made_at: Timestamp,
    pub made_by: String,
    /// What keeps it; absent when nothing ever did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<BagKept>,
    #[serde(flatten)]
    pub values: Values,
}

/// A version of a dossier.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct BagDossierVersion {
    pub id: ObjectId,
    pub number: i32,
    pub made_by: String,
    /// The manifest as text: what the digest was taken of.
    pub manifest: String,
    /// The SHA-256 of the manifest, in hex.
    pub digest: String,
}
