//! What the services give and take: objects, their versions and contents.

use std::pin::Pin;

use bytes::Bytes;
use cartulary_model::{
    BaseType, BlobDigest, ObjectId, Properties, Timestamp, TypeDefinition, VersionIncrement, Violation,
    VocabularyDefinition,
};
use futures::Stream;

use crate::listing::ListPlace;
use crate::services::{
    AnnotationView, CollectionView, CommentView, GroupView, SavedSearchView, SubscriptionView, TagView, UsageView,
    UserView, WebhookView,
};
use crate::{RepositoryError, Result};

/// The number of rows that a window holds at most.
pub const WINDOW_ROWS_MAX: u64 = 1_000;

/// How long the name of a source may be. *Units*: characters.
const SOURCE_SYSTEM_MAX: usize = 200;
/// How long an id in a source may be. *Units*: characters.
const SOURCE_ID_MAX: usize = 500;

/// A user or group, as objects name them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrincipalName {
    /// The outward id.
    pub id: ObjectId,
    /// The login name, or the group's name.
    pub name: String,
    /// What people read.
    pub display_name: String,
}

/// The bytes in one slot of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The SHA-256 of the bytes.
    pub digest: BlobDigest,
    /// The length in bytes.
    pub size_bytes: u64,
    /// The media type, by content.
    pub media_type: String,
    /// The file's name; bytes that are not UTF-8 show as U+FFFD.
    pub file_name: String,
}

/// How far the text of a content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextState {
    /// There is no content, or its format has no text.
    None,
    /// It is being read.
    Waiting,
    /// It was read; whether it has words to be found, [`TextSummary::pages_with_text`] says.
    Ready,
    /// It could not be read; the faults say why.
    Failed,
}

impl TextState {
    /// Returns the answered word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Waiting => "waiting",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }
}

/// One thing that is wrong with a file, found while it was read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// A stable snake_case code.
    pub code: String,
    /// What is wrong, for a person.
    pub detail: String,
    /// The page, from 1, when one is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_number: Option<u32>,
}

impl From<cartulary_formats::Fault> for Fault {
    fn from(fault: cartulary_formats::Fault) -> Self {
        Self { code: fault.code.as_str().to_owned(), detail: fault.detail, page_number: fault.page_number }
    }
}

/// What is known of a content's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextSummary {
    /// How far it is.
    pub state: TextState,
    /// The number of pages, when the format has pages.
    pub page_count: Option<u32>,
    /// How many pages have words that can be found; none of a scan that holds images only. Known of texts that are ready.
    pub pages_with_text: Option<u32>,
    /// What is wrong with the file.
    pub faults: Vec<Fault>,
}

/// Where an object came from: another system, and the object's id there. No two objects have the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The system's name, as the office calls it. *Shape*: 1 to 200 characters.
    pub system: String,
    /// The object's id there. *Shape*: 1 to 500 characters.
    pub id: String,
}

impl Source {
    /// Returns what two fields of a request say; nothing when both are absent.
    ///
    /// # Errors
    /// `Invalid` when only one is there, is empty or too long, or has U+0000.
    pub fn of(system: Option<String>, id: Option<String>) -> Result<Option<Self>> {
        if system.is_none() && id.is_none() {
            return Ok(None);
        }
        let mut violations = Vec::new();
        let fields = [("sourceSystem", &system, SOURCE_SYSTEM_MAX), ("sourceId", &id, SOURCE_ID_MAX)];
        for (field, text, most) in fields {
            let text = text.as_deref().unwrap_or_default();
            if text.trim().is_empty() {
                let detail = "a source is a system and an id there: one without the other says nothing";
                violations.push(Violation::new(field, "required", detail));
            } else if text.contains('\0') {
                violations.push(Violation::new(field, "null_character", "contains the character U+0000"));
            } else if cartulary_model::key::length(text) > most {
                violations.push(Violation::new(field, "too_long", format!("has at most {most} characters")));
            }
        }
        match (system, id) {
            (Some(system), Some(id)) if violations.is_empty() => Ok(Some(Self { system, id })),
            _ => Err(RepositoryError::Invalid { violations }),
        }
    }
}

/// One row of a list.
#[derive(Clone, Debug)]
pub struct ObjectSummary {
    /// The outward id.
    pub id: ObjectId,
    /// The type's id.
    pub type_id: String,
    /// The base type.
    pub base: BaseType,
    /// Whether it is a folder of a dossier type.
    pub is_dossier: bool,
    /// The name, unique in its folder.
    pub name: String,
    /// What people read; the name unless one was given.
    pub title: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: PrincipalName,
    /// When it was last changed.
    pub modified_at: Timestamp,
    /// By whom.
    pub modified_by: PrincipalName,
    /// Its properties; empty when the caller may only browse.
    pub properties: Properties,
    /// The state of its life cycle; absent when its type has none, and when the caller may only browse.
    pub state: Option<String>,
    /// The number that every change raises; its ETag.
    pub change_token: i64,
    /// Where it came from; absent also when the caller may only browse.
    pub source: Option<Source>,
    /// Documents: the latest version's label, with `+` when changed since.
    pub version_label: Option<String>,
    /// Documents: the main content; absent for placeholders, and when the caller may not read it.
    pub content: Option<Content>,
    /// Documents: what is known of the text.
    pub text: Option<TextSummary>,
}

/// A folder in which an object is filed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParentName {
    /// The folder's id.
    pub id: ObjectId,
    /// Its name.
    pub name: String,
    /// Its title.
    pub title: String,
    /// Whether it is a dossier.
    pub is_dossier: bool,
}

/// One object with what the caller may do to it.
#[derive(Clone, Debug)]
pub struct ObjectDetail {
    /// The row of a list.
    pub summary: ObjectSummary,
    /// The groups of permissions that the caller holds whole on it.
    pub permission_groups: Vec<&'static str>,
    /// The caller's atomic permissions on it, the core's before those of modules.
    pub permissions: Vec<&'static str>,
    /// The folders that the caller sees it in, the primary one first.
    pub parents: Vec<ParentName>,
    /// The primary one, whose access list it follows, when the caller may browse it.
    pub primary_parent: Option<ObjectId>,
    /// The path by primary parents; absent when the caller may not browse one of them.
    pub path: Option<String>,
    /// The paths through each parent, the primary one first; those that the caller may browse all of.
    pub paths: Vec<String>,
    /// The facets attached.
    pub facets: Vec<String>,
    /// What it has to do with the versions of a document.
    pub versioning: Versioning,
    /// That somebody has locked it, or the document of the working copy.
    pub lock: Option<LockView>,
    /// What keeps it, or its versions; absent when nothing ever did, or the caller may not know.
    pub kept: Option<KeptView>,
}

/// What an object has to do with the versions of a document; of a folder, nothing.
#[derive(Clone, Debug, Default)]
pub struct Versioning {
    /// Versions and working copies: the document that they are of.
    pub document_id: Option<ObjectId>,
    /// Whether it is a private working copy.
    pub is_working_copy: bool,
    /// Versions: whether it is the newest one.
    pub is_latest: bool,
    /// Versions: whether it is the newest major one.
    pub is_latest_major: bool,
    /// Who has the document checked out.
    pub checked_out: Option<CheckOut>,
}

/// That a document is checked out.
#[derive(Clone, Debug)]
pub struct CheckOut {
    /// By whom; absent when the caller may only browse.
    pub by: Option<PrincipalName>,
    /// The working copy; absent when the caller may not know of it.
    pub working_copy_id: Option<ObjectId>,
}

/// What keeps a version, or the versions of a document together, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeptView {
    /// Since when it is a record, which goes by a disposition only.
    pub record_since: Timestamp,
    /// Until when it is kept.
    pub until: Option<Timestamp>,
    /// Whether an event is waited for; it is kept until then at least.
    pub awaits_event: bool,
    /// Whether it is under a legal hold.
    pub is_held: bool,
}

/// That somebody has locked an object.
#[derive(Clone, Debug)]
pub struct LockView {
    /// Who; absent when the caller may not know.
    pub by: Option<PrincipalName>,
    /// Whether that is the caller.
    pub is_own: bool,
    /// Since when.
    pub locked_at: Timestamp,
    /// When the lock ends by itself.
    pub expires_at: Option<Timestamp>,
    /// Why.
    pub comment: String,
}

/// Which version of a document is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VersionName {
    /// `latest`: the newest one.
    Latest,
    /// `latest-major`: the newest one whose minor number is 0.
    LatestMajor,
    /// `major.minor`: the one with these numbers.
    Label(i32, i32),
    /// The one with this id.
    Id(ObjectId),
}

/// Says that a text names no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a version is named `latest`, `latest-major`, by its label such as `1.0`, or by its id")]
pub struct InvalidVersionName;

impl std::str::FromStr for VersionName {
    type Err = InvalidVersionName;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        let number = |digits: &str| digits.parse::<i32>().ok().filter(|number| number.to_string() == digits);
        match text {
            "latest" => return Ok(Self::Latest),
            "latest-major" => return Ok(Self::LatestMajor),
            _ => {}
        }
        if let Some((major, minor)) = text.split_once('.')
            && let (Some(major), Some(minor)) = (number(major), number(minor))
        {
            return Ok(Self::Label(major, minor));
        }
        text.parse().map(Self::Id).map_err(|_| InvalidVersionName)
    }
}

/// A version that somebody asks for.
#[derive(Clone, Debug, Default)]
pub struct NewVersion {
    /// Why.
    pub comment: String,
    /// Whether the next major number is taken; otherwise the next minor one.
    pub major: bool,
    /// The version whose content, title and properties the document takes again; its own, unless given.
    pub from: Option<VersionName>,
}

/// One version of a document, newest first in lists.
#[derive(Clone, Debug)]
pub struct VersionSummary {
    /// The version's own id.
    pub id: ObjectId,
    /// `major.minor`.
    pub label: String,
    /// Whether the minor number is 0.
    pub is_major: bool,
    /// Whether it is the newest one.
    pub is_latest: bool,
    /// Whether it is the newest major one.
    pub is_latest_major: bool,
    /// When it was made.
    pub made_at: Timestamp,
    /// By whom.
    pub made_by: PrincipalName,
    /// Why.
    pub comment: String,
    /// Its main content.
    pub content: Option<Content>,
}

/// A window of a list.
#[derive(Clone, Debug)]
pub struct Window<T> {
    /// The exact number of what the caller may see.
    pub total: u64,
    /// The rows.
    pub items: Vec<T>,
    /// The offset after the last row, when more follow.
    pub next_offset: Option<u64>,
    /// The place after the last row of a list that knows places, when more follow.
    pub next_place: Option<ListPlace>,
}

impl<T> Window<T> {
    /// Returns the window with other rows in the place of its own.
    pub(crate) fn map_all<U>(self, map: impl FnOnce(Vec<T>) -> Result<Vec<U>>) -> Result<Window<U>> {
        let Self { total, items, next_offset, next_place } = self;
        Ok(Window { total, items: map(items)?, next_offset, next_place })
    }
}

/// Which window of a list is asked for.
#[derive(Clone, Copy, Debug)]
pub struct WindowRequest {
    /// How many rows are passed over.
    pub offset: u64,
    /// How many rows are answered, at most [`WINDOW_ROWS_MAX`].
    pub limit: u64,
}

/// The order of a list; ties are broken by the order of making.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListOrder {
    /// In the order of receipt (children of a folder only; elsewhere by creation).
    Receipt,
    /// In the opposite order.
    ReceiptDescending,
    /// By name, folded.
    Name,
    /// By name, backwards.
    NameDescending,
    /// Oldest first.
    Created,
    /// Newest first.
    CreatedDescending,
    /// Longest unchanged first.
    Modified,
    /// Latest change first.
    ModifiedDescending,
}

/// The change token that the caller last read; `Any` only where the interface says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// The object must still have this token.
    Token(i64),
    /// A document must still have this content; what else changed does not matter. Who may not read the content cannot
    /// match it.
    Content(BlobDigest),
    /// One of these must hold; of an empty list none does.
    OneOf(Vec<Self>),
    /// Whatever is there (`If-Match: *`, imports, modules).
    Any,
}

/// What a stale change meets, as it is now.
#[derive(Clone, Debug)]
pub enum Current {
    /// An object.
    Object(Box<ObjectDetail>),
    /// A user.
    User(Box<UserView>),
    /// A group.
    Group(Box<GroupView>),
    /// A type or a vocabulary.
    Declaration(Declaration),
    /// A webhook.
    Webhook(Box<WebhookView>),
    /// A tag.
    Tag(Box<TagView>),
    /// A collection.
    Collection(Box<CollectionView>),
    /// A comment.
    Comment(Box<CommentView>),
    /// An annotation.
    Annotation(Box<AnnotationView>),
    /// A saved search.
    SavedSearch(Box<SavedSearchView>),
    /// A subscription.
    Subscription(Box<SubscriptionView>),
    /// What a user takes and may take.
    Usage(Box<UsageView>),
}

/// A type or vocabulary that was declared at run time.
#[derive(Clone, Debug)]
pub enum Declaration {
    /// A type or facet.
    Type(Box<TypeDefinition>),
    /// A vocabulary.
    Vocabulary(Box<VocabularyDefinition>),
}

impl Precondition {
    /// Says whether what has only a change token, a user or a group, is as the caller read it.
    pub fn holds_for_token(&self, current: i64) -> bool {
        match self {
            Self::Token(token) => *token == current,
            Self::Content(_) => false,
            Self::OneOf(all) => all.iter().any(|one| one.holds_for_token(current)),
            Self::Any => true,
        }
    }

    /// Says whether the object is as the caller read it.
    pub fn holds(&self, current: &ObjectSummary) -> bool {
        match self {
            Self::Token(token) => *token == current.change_token,
            Self::Content(digest) => current.content.as_ref().is_some_and(|content| content.digest == *digest),
            Self::OneOf(all) => all.iter().any(|one| one.holds(current)),
            Self::Any => true,
        }
    }
}

/// A new folder or dossier.
#[derive(Clone, Debug, Default)]
pub struct NewFolder {
    /// The name.
    pub name: String,
    /// The title, when another than the name.
    pub title: Option<String>,
    /// The type; `dossier` unless given.
    pub type_id: Option<String>,
    /// Its properties.
    pub properties: Properties,
    /// The facets to attach, beside those that its type bears.
    pub facets: Vec<String>,
    /// Where it came from.
    pub source: Option<Source>,
    /// A key under which a repeated request finds what the first one made.
    pub idempotency_key: Option<String>,
}

/// A new document.
#[derive(Debug, Default)]
pub struct NewDocument {
    /// The name.
    pub name: String,
    /// The title, when another than the name.
    pub title: Option<String>,
    /// The type; `document` unless given.
    pub type_id: Option<String>,
    /// Its properties.
    pub properties: Properties,
    /// The facets to attach, beside those that its type bears.
    pub facets: Vec<String>,
    /// Where it came from.
    pub source: Option<Source>,
    /// Its content; none makes a placeholder.
    pub content: Option<NewContent>,
    /// Takes `name (2)` and so on when the name is taken, as imports do.
    pub rename_when_taken: bool,
    /// A key under which a repeated request finds what the first one made.
    pub idempotency_key: Option<String>,
}

/// Bytes that were received and hashed, with what they are called.
#[derive(Debug)]
pub struct NewContent {
    /// The bytes, staged by [`crate::Session::content_stage`] or taken by [`crate::Session::upload_take`].
    pub bytes: ReceivedBytes,
    /// The file's name as text.
    pub file_name: String,
    /// The file's name as bytes, when it is not UTF-8.
    pub file_name_raw: Option<Vec<u8>>,
    /// The media type that the sender claims; the content decides.
    pub media_type: Option<String>,
}

/// Bytes that are here, wherever they came by.
#[derive(Debug)]
pub struct ReceivedBytes {
    /// Their SHA-256.
    pub digest: BlobDigest,
    /// How many they are.
    pub size_bytes: u64,
    /// The first of them, to tell what kind of file it is.
    pub head: Bytes,
    pub(crate) source: BytesSource,
    /// The upload that they came by, which is used up with them.
    pub(crate) upload: Option<i64>,
}

/// Where received bytes lie.
#[derive(Debug)]
pub(crate) enum BytesSource {
    /// Out of sight in the store.
    Staged(cartulary_blobs::StagedBlob),
    /// Under a blob row, by its number, which the upload holds.
    Stored(i64),
    /// Where the upload that they came by was used up: they are a content already.
    Used,
}

impl ReceivedBytes {
    /// Returns the staged bytes, unless they came by an upload.
    pub fn into_staged(self) -> Option<cartulary_blobs::StagedBlob> {
        match self.source {
            BytesSource::Staged(staged) => Some(staged),
            BytesSource::Stored(_) | BytesSource::Used => None,
        }
    }
}

impl From<cartulary_blobs::StagedBlob> for ReceivedBytes {
    fn from(staged: cartulary_blobs::StagedBlob) -> Self {
        Self {
            digest: staged.digest,
            size_bytes: staged.size_bytes,
            head: staged.head.clone(),
            source: BytesSource::Staged(staged),
            upload: None,
        }
    }
}

/// Changes to an object; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct ObjectChanges {
    /// Another name.
    pub name: Option<String>,
    /// Another title.
    pub title: Option<String>,
    /// Properties to set, or to remove where the value is null; others stay.
    pub properties: Properties,
    /// All facets to be attached from now on. What only a facet that is detached declares, is removed.
    pub facets: Option<Vec<String>>,
    /// What is said of a version of it (documents only).
    pub note: VersionNote,
}

/// What is said of the version that a change makes.
#[derive(Clone, Debug, Default)]
pub struct VersionNote {
    /// What the person wrote; a comment asks for a version.
    pub comment: String,
    /// Which version is made of the changed document; as the rules of its type say, unless given.
    pub increment: Option<VersionIncrement>,
}

impl VersionNote {
    /// Says whether nothing was said, so that the rules of the type decide.
    pub fn is_silent(&self) -> bool {
        self.comment.is_empty() && self.increment.is_none()
    }
}

/// What a write answers: its value, and the transaction to wait for.
#[derive(Clone, Debug)]
pub struct Written<T> {
    /// The value.
    pub value: T,
    /// The transaction's id, for `Cartulary-Transaction` and `waitFor`.
    pub transaction: String,
}

/// A stream of a content's bytes; a whole read ends with an error when they do not have their digest.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>;

/// An opened content.
pub struct OpenedContent {
    /// What it is.
    pub content: Content,
    /// The bytes of the range that was asked for.
    pub bytes: ByteStream,
}

impl std::fmt::Debug for OpenedContent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenedContent").field("content", &self.content).finish_non_exhaustive()
    }
}

/// One page of a document's text.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TextPage {
    /// The page, from 1.
    pub page_number: u32,
    /// Its width in points (1/72 in), when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<f32>,
    /// Its height in points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<f32>,
    /// The text in logical order.
    pub text: String,
    /// Its language as ISO 639-1, when known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
}

impl TextPage {
    /// Says whether there is anything on the page that a search could find.
    pub fn has_words(&self) -> bool {
        self.text.chars().any(char::is_alphanumeric)
    }
}

/// A document's text.
#[derive(Clone, Debug)]
pub struct DocumentText {
    /// How far it is, and what is wrong.
    pub summary: TextSummary,
    /// The pages asked for.
    pub pages: Vec<TextPage>,
    /// The page to ask for next, when the answer would have been too long with it.
    pub next_page: Option<u32>,
}

/// Which pages of a text are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextPages {
    /// One, by its number from 1.
    One(u32),
    /// All from this one on, as far as one answer goes.
    From(u32),
}
