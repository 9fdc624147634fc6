//! The wire forms of objects, and how they are made.

use cartulary_model::{BlobDigest, ObjectId, Properties, Timestamp};
use cartulary_repository::{self as repository, ObjectDetail, ObjectSummary, Window};
use serde::Serialize;
use utoipa::ToSchema;

use crate::paging;
use crate::routes::locks::Lock;
use crate::routes::retention::Kept;

/// The bytes of a document.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Content {
    /// The SHA-256 of the bytes: 64 lower-case hex digits.
    #[schema(value_type = String)]
    pub digest: BlobDigest,
    /// The length in bytes.
    pub size_bytes: u64,
    /// The media type, by content.
    pub media_type: String,
    /// The file's name.
    pub file_name: String,
}

/// One thing that is wrong with a file.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// A stable snake_case code.
    pub code: String,
    /// What is wrong, for a person.
    pub detail: String,
    /// The page, from 1, when one is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_number: Option<u32>,
}

/// How far the text of a content is.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TextSummary {
    /// `none`, `waiting`, `ready` or `failed`.
    pub state: &'static str,
    /// The number of pages, when the format has pages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_count: Option<u32>,
    /// How many pages have words that can be found: 0 of a scan that holds images only. Absent while it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pages_with_text: Option<u32>,
    /// What is wrong with the file.
    pub faults: Vec<Fault>,
}

/// One row of a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The object's id.
    #[schema(value_type = String, format = "uuid")]
    pub id: ObjectId,
    /// The type's id.
    #[serde(rename = "type")]
    pub type_id: String,
    /// `folder` or `document`.
    pub base: &'static str,
    /// The name, unique in its folder.
    pub name: String,
    /// What people read.
    pub title: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    pub modified_at: Timestamp,
    /// By whom.
    pub modified_by: String,
    /// Its properties, as its type declares them.
    #[schema(value_type = Object)]
    pub properties: Properties,
    /// The system that it came from, when it came from one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_system: Option<String>,
    /// Its id there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// The state of its life cycle; absent when its type has none, and when the caller may only browse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Documents: the latest version's label, with `+` when changed since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version_label: Option<String>,
    /// Documents: the bytes, unless it is a placeholder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// Documents: how far the text is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<TextSummary>,
}

/// A folder in which an object is filed.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Place {
    /// The folder's id.
    #[schema(value_type = String, format = "uuid")]
    pub id: ObjectId,
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
}

/// One object with what the caller may do to it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// The row of a list.
    #[serde(flatten)]
    pub summary: Summary,
    /// Changes with the object; `If-Match` takes it in quotes, as it takes the ETag.
    pub change_token: String,
    /// The facets that are attached, beside those that its type bears; none when the caller may only browse.
    pub facets: Vec<String>,
    /// Groups of permissions that the caller holds whole, then the single ones.
    pub permissions: Vec<&'static str>,
    /// The folders that the caller sees it in, the primary one first.
    pub parents: Vec<Place>,
    /// The id of the primary one, whose access list it follows unless it has its own; absent when the caller does not see it,
    /// and of what lies in no folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    pub primary_parent: Option<ObjectId>,
    /// The path by primary parents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The paths through each parent, the primary one first; those that the caller sees all of.
    pub paths: Vec<String>,
    /// Versions and working copies: the document that they are of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    pub document_id: Option<ObjectId>,
    /// Whether it is a private working copy; absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub working_copy: bool,
    /// Whether it is the newest version of its document; absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub latest: bool,
    /// Whether it is the newest major version of its document; absent otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub latest_major: bool,
    /// Documents: that somebody has it checked out; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checked_out: Option<CheckedOut>,
    /// That somebody has locked it, or the document of the working copy; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<Lock>,
    /// What keeps it, or its versions: retention and legal holds; absent when nothing ever did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

/// That a document is checked out: its content, title and properties change in the working copy only.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckedOut {
    /// By whom, when the caller may know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The working copy, when the caller may see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    pub working_copy_id: Option<ObjectId>,
}

/// One version of a document.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// The version's own id; content and text can be asked for by it.
    #[schema(value_type = String, format = "uuid")]
    pub id: ObjectId,
    /// `major.minor`.
    pub label: String,
    /// Whether the minor number is 0.
    pub major: bool,
    /// Whether it is the newest one.
    pub latest: bool,
    /// Whether it is the newest major one.
    pub latest_major: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: String,
    /// Why.
    pub comment: String,
    /// Its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
}

/// A window of a list.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The exact number of what the caller may see.
    pub total: u64,
    /// The rows.
    pub items: Vec<T>,
    /// Continues the list; absent at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Converts a window row by row.
    pub fn of<R: Into<T>>(window: Window<R>) -> Self {
        let place = window.next_place.as_ref().map(paging::cursor_after);
        Self {
            total: window.total,
            items: window.items.into_iter().map(Into::into).collect(),
            next_cursor: place.or_else(|| window.next_offset.map(paging::cursor)),
        }
    }
}

impl From<repository::Content> for Content {
    fn from(content: repository::Content) -> Self {
        let repository::Content { digest, size_bytes, media_type, file_name } = content;
        Self { digest, size_bytes, media_type, file_name }
    }
}

impl From<repository::Fault> for Fault {
    fn from(fault: repository::Fault) -> Self {
        Self { code: fault.code, detail: fault.detail, page_number: fault.page_number }
    }
}

impl From<repository::TextSummary> for TextSummary {
    fn from(text: repository::TextSummary) -> Self {
        let faults = text.faults.into_iter().map(Fault::from).collect();
        let (page_count, pages_with_text) = (text.page_count, text.pages_with_text);
        Self { state: text.state.as_str(), page_count, pages_with_text, faults }
    }
}

impl From<ObjectSummary> for Summary {
    fn from(summary: ObjectSummary) -> Self {
        let (source_system, source_id) = summary.source.map(|source| (source.system, source.id)).unzip();
        Self {
            id: summary.id,
            type_id: summary.type_id,
            base: summary.base.as_str(),
            name: summary.name,
            title: summary.title,
            created_at: summary.created_at,
            created_by: summary.created_by.display_name,
            modified_at: summary.modified_at,
            modified_by: summary.modified_by.display_name,
            properties: summary.properties,
            source_system,
            source_id,
            state: summary.state,
            version_label: summary.version_label,
            content: summary.content.map(Content::from),
            text: summary.text.map(TextSummary::from),
        }
    }
}

impl From<repository::CheckOut> for CheckedOut {
    fn from(check_out: repository::CheckOut) -> Self {
        Self { by: check_out.by.map(|by| by.display_name), working_copy_id: check_out.working_copy_id }
    }
}

impl From<repository::ParentName> for Place {
    fn from(parent: repository::ParentName) -> Self {
        Self { id: parent.id, name: parent.name, title: parent.title }
    }
}

impl From<ObjectDetail> for Detail {
    fn from(detail: ObjectDetail) -> Self {
        Self {
            change_token: detail.summary.change_token.to_string(),
            facets: detail.facets,
            permissions: [detail.permission_groups, detail.permissions].concat(),
            parents: detail.parents.into_iter().map(Place::from).collect(),
            primary_parent: detail.primary_parent,
            path: detail.path,
            paths: detail.paths,
            document_id: detail.versioning.document_id,
            working_copy: detail.versioning.is_working_copy,
            latest: detail.versioning.is_latest,
            latest_major: detail.versioning.is_latest_major,
            checked_out: detail.versioning.checked_out.map(CheckedOut::from),
            lock: detail.lock.map(Lock::from),
            kept: detail.kept.map(Kept::from),
            summary: detail.summary.into(),
        }
    }
}

impl From<repository::VersionSummary> for Version {
    fn from(version: repository::VersionSummary) -> Self {
        Self {
            id: version.id,
            label: version.label,
            major: version.is_major,
            latest: version.is_latest,
            latest_major: version.is_latest_major,
            created_at: version.made_at,
            created_by: version.made_by.display_name,
            comment: version.comment,
            content: version.content.map(Content::from),
        }
    }
}
