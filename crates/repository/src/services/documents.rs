//! Documents and their versions.

use cartulary_blobs::StagedBlob;
use cartulary_db::Conn;
use cartulary_formats::sniff;
use cartulary_model::permission::{ADD_CHILDREN, REMOVE_CHILDREN};
use cartulary_model::{
    BaseType, BlobDigest, ChangeKind, ChangedPart, ContentRule, ObjectId, Properties, SlotName, Timestamp, key,
};
use serde_json::json;

use crate::bootstrap::parse_id;
use crate::declarations::Catalogue;
use crate::object::{NewContent, NewDocument, ObjectDetail, Precondition, Source, VersionNote, Written};
use crate::services::automatic_versions::VersionPlan;
use crate::services::imports::as_name;
use crate::services::life_cycles::first_state;
use crate::services::objects::{
    Naming, Proposed, check_new, index_values, refuse_version, remember_made, request_digest, with_facets, with_source,
};
use crate::services::slots::refuse_many;
use crate::services::versions::insert_version;
use crate::services::working_copies::{refuse_note_to_working_copy, scope_in_log};
use crate::services::{scopes, texts};
use crate::store::blobs::{ContentRow, NewContentRow};
use crate::store::objects::{self, NewObjectRow, ObjectRow};
use crate::store::{arrangements, blobs, filing, versions};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

/// How many names are tried before a taken name is refused after all.
const RENAMES_MAX: u32 = 10_000;

/// Content whose blob row is known inside the transaction.
#[derive(Clone, Debug)]
pub(crate) struct BoundContent {
    pub digest: BlobDigest,
    pub size_bytes: u64,
    pub media_type: String,
    pub file_name: String,
    pub file_name_raw: Option<Vec<u8>>,
    /// Where in the object it lies.
    pub slot: SlotName,
}

impl BoundContent {
    /// Describes staged bytes of the main content.
    pub(crate) fn of(content: &NewContent) -> Self {
        Self::in_slot(content, SlotName::main())
    }

    /// Describes received bytes; what they begin with decides the media type.
    pub(crate) fn in_slot(content: &NewContent, slot: SlotName) -> Self {
        let bytes = &content.bytes;
        let sniffed = sniff(&bytes.head, &content.file_name);
        let is_nameless = content.file_name.is_empty() && slot.as_str() != SlotName::MAIN;
        let file_name = match is_nameless {
            true => name_of_slot(&slot, &sniffed.media_type),
            false => file_name_of(&content.file_name),
        };
        Self {
            digest: bytes.digest,
            size_bytes: bytes.size_bytes,
            media_type: sniffed.media_type,
            file_name,
            file_name_raw: content.file_name_raw.clone(),
            slot,
        }
    }

    /// Describes the staged bytes of a file, as a main content.
    pub(crate) fn of_file(staged: &StagedBlob, file_name: &str, file_name_raw: Option<Vec<u8>>) -> Self {
        Self {
            digest: staged.digest,
            size_bytes: staged.size_bytes,
            media_type: sniff(&staged.head, file_name).media_type,
            file_name: file_name_of(file_name),
            file_name_raw,
            slot: SlotName::main(),
        }
    }

    /// Says whether an object has these bytes under this name.
    pub(crate) fn is_the_content_of(&self, conn: &mut Conn, row: &ObjectRow) -> Result<bool> {
        let content = blobs::content_in(conn, row.no, &self.slot)?;
        let is_same = |content: ContentRow| {
            content.digest == self.digest.to_string()
                && content.file_name == self.file_name
                && content.media_type == self.media_type
        };
        let has_same_bytes_of_name = |conn: &mut Conn| {
            Ok(self.file_name_raw.is_none() || blobs::raw_name_of(conn, row.no, &self.slot)? == self.file_name_raw)
        };
        if content.is_some_and(is_same) { has_same_bytes_of_name(conn) } else { Ok(false) }
    }

    /// Returns it with the bytes of the name that the object's content has, where the name is the same and only its text
    /// was said: a name that is not UTF-8 is not lost with a new version.
    pub(crate) fn with_name_of(&self, conn: &mut Conn, row: &ObjectRow) -> Result<Self> {
        let may_be_raw = self.file_name_raw.is_none() && self.file_name.contains('\u{fffd}');
        if !may_be_raw {
            return Ok(self.clone());
        }
        let raw = blobs::raw_name_of(conn, row.no, &self.slot)?;
        let is_same = |raw: &Vec<u8>| String::from_utf8_lossy(raw) == self.file_name;
        Ok(Self { file_name_raw: raw.filter(is_same), ..self.clone() })
    }

    /// Returns it as a content of an object, with the blob's number.
    fn row(&self, object_no: i64, blob_no: i64) -> NewContentRow<'_> {
        NewContentRow {
            object_no,
            slot: self.slot.as_str(),
            blob_no,
            media_type: &self.media_type,
            file_name: &self.file_name,
            file_name_raw: self.file_name_raw.as_deref(),
        }
    }
}

/// Returns a name for the file in a slot that nobody named: the slot's, with the ending of the media type.
fn name_of_slot(slot: &SlotName, media_type: &str) -> String {
    let ending = match media_type {
        "application/pdf" => "pdf",
        "text/plain" => "txt",
        "text/html" | "application/xhtml+xml" => "html",
        "text/csv" => "csv",
        "text/xml" | "application/xml" => "xml",
        "application/json" => "json",
        "application/zip" => "zip",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/tiff" => "tif",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "image/svg+xml" => "svg",
        "message/rfc822" => "eml",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        "application/vnd.oasis.opendocument.text" => "odt",
        _ => return slot.to_string(),
    };
    let name = slot.as_str();
    let has_it = name.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case(ending));
    if has_it { name.to_owned() } else { format!("{name}.{ending}") }
}

/// Returns the name that a content keeps of its file's: as it came, unless it has U+0000 or more characters than a name may.
fn file_name_of(text: &str) -> String {
    match () {
        () if is_file_name(text) => text.to_owned(),
        () if key::length(text) > key::NAME_CHARACTERS_MAX => as_name(text),
        () => text.replace('\0', "\u{fffd}"),
    }
}

/// Says whether a text is a name that a content keeps of its file's.
pub(crate) fn is_file_name(text: &str) -> bool {
    !text.contains('\0') && key::length(text) <= key::NAME_CHARACTERS_MAX
}

/// Says whether a text is a media type without parameters (RFC 6838 §4.2).
pub(crate) fn is_media_type(text: &str) -> bool {
    let is_name = |name: &str| {
        name.len() <= 127
            && name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name.bytes().all(|one| one.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&one))
    };
    text.split_once('/').is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype))
}

/// A document to insert, without its bytes.
#[derive(Clone, Debug)]
pub(crate) struct DocumentParts {
    pub name: String,
    pub title: Option<String>,
    pub type_id: String,
    /// The facets to attach.
    pub facets: Vec<String>,
    pub properties: Properties,
    pub rename_when_taken: bool,
    /// Its place in the order of receipt; the last unless given.
    pub ordinal: Option<i64>,
    /// Where it came from.
    pub source: Option<Source>,
}

impl Session {
    /// Makes a document in a folder, with version 1.0; without content, a placeholder.
    ///
    /// # Errors
    /// `Invalid` with all violations, `Conflict` `name_taken`, `Forbidden` without `AddChildren`, `NotFound`.
    pub async fn document_create(&self, folder: ObjectId, new: NewDocument) -> Result<Written<ObjectDetail>> {
        self.create_document(Some(folder), new).await
    }

    /// Makes a document that lies in no folder: its creator and administrators see it.
    ///
    /// # Errors
    /// As [`Session::document_create`]; `Forbidden` for who could not make it in the root folder and take it out of there:
    /// without `AddChildren` and `RemoveChildren`.
    pub async fn document_create_unfiled(&self, new: NewDocument) -> Result<Written<ObjectDetail>> {
        self.create_document(None, new).await
    }

    async fn create_document(&self, folder: Option<ObjectId>, new: NewDocument) -> Result<Written<ObjectDetail>> {
        // A file is not lost for its name; one without any has to be given one.
        let is_of_file = new.rename_when_taken && !new.name.is_empty();
        let parts = DocumentParts {
            name: if is_of_file { as_name(&new.name) } else { new.name },
            title: new.title,
            type_id: new.type_id.unwrap_or_else(|| "document".to_owned()),
            facets: new.facets,
            properties: new.properties,
            rename_when_taken: new.rename_when_taken,
            ordinal: None,
            source: new.source,
        };
        let key = new.idempotency_key;
        let bound = new.content.as_ref().map(BoundContent::of);
        let request = vec![
            json!("document"),
            json!(folder.map(|folder| folder.to_string())),
            json!(parts.name),
            json!(parts.title),
            json!(parts.type_id),
            json!(parts.properties),
            json!(bound.as_ref().map(|bound| bound.digest.to_string())),
        ];
        let digest = request_digest(&with_source(with_facets(request, &parts.facets), parts.source.as_ref()));
        let session = self.clone();
        let upload = new.content.as_ref().and_then(|content| content.bytes.upload);
        let make = move |tx: &mut Tx<'_>, blob: Option<i64>| -> Result<ObjectDetail> {
            if let Some(row) = session.replay(tx, key.as_deref(), &digest)? {
                return session.detail_of(tx.conn, &row, tx.now);
            }
            let parent = match folder {
                Some(folder) => Some(session.authorised(tx.conn, folder, ADD_CHILDREN, tx.now)?),
                None => {
                    session.require_unfiling(tx.conn, tx.now)?;
                    None
                }
            };
            let content = bound.as_ref().zip(blob);
            if let Some((bound, _)) = content {
                session.use_upload(tx, upload, bound.digest)?;
            }
            let row = session.insert_document_at(tx, parent.as_ref(), &parts, content)?;
            remember_made(tx, key.as_deref(), &digest, &row.id)?;
            match parent {
                Some(parent) => session.detail_of_new(tx, &row, parent, bound.as_ref(), &parts.facets),
                None => session.detail_of(tx.conn, &row, tx.now),
            }
        };
        match new.content {
            Some(content) => self.with_received(content.bytes, move |tx, blob| make(tx, Some(blob))).await,
            None => self.transact(move |tx| make(tx, None)).await,
        }
    }

    /// Refuses who could not make something in the root folder and take it out of there.
    pub(crate) fn require_unfiling(&self, conn: &mut Conn, now: Timestamp) -> Result<()> {
        let root = objects::by_no(conn, self.repository.inner.root_no)?;
        let root = root.ok_or_else(|| RepositoryError::not_found("the root folder"))?;
        for wanted in [ADD_CHILDREN, REMOVE_CHILDREN] {
            if !self.repository.inner.access.allows(conn, &self.actor, root.scope_no, wanted, now)? {
                return Err(RepositoryError::Forbidden { permission: wanted.to_owned() });
            }
        }
        Ok(())
    }

    /// Says whether the session may make what lies in no folder: before a body is taken for it.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn unfiled_check(&self) -> Result<()> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        self.repository.database().read_brief(move |conn: &mut Conn| session.require_unfiling(conn, now)).await
    }

    /// Inserts a live document in a folder, with its series and first version.
    pub(crate) fn insert_document(
        &self,
        tx: &mut Tx<'_>,
        parent: &ObjectRow,
        parts: &DocumentParts,
        content: Option<(&BoundContent, i64)>,
    ) -> Result<ObjectRow> {
        self.insert_document_at(tx, Some(parent), parts, content)
    }

    fn insert_document_at(
        &self,
        tx: &mut Tx<'_>,
        parent: Option<&ObjectRow>,
        parts: &DocumentParts,
        content: Option<(&BoundContent, i64)>,
    ) -> Result<ObjectRow> {
        if parent.is_some_and(|parent| parent.base != BaseType::Folder.as_str()) {
            return Err(RepositoryError::conflict("not_a_folder", "only a folder contains others"));
        }
        let catalogue = self.repository.inner.declarations.held(tx.conn, &parts.type_id, &parts.facets)?;
        let types = catalogue.types();
        let mut properties = parts.properties.clone();
        types.put_defaults(&parts.type_id, &parts.facets, &mut properties);
        let name = check_document(tx, &catalogue, parent, parts, &properties, content.is_some())?;
        let at = tx.now.as_millis();
        let series_id = ObjectId::generate().to_string();
        let first = i32::from(content.is_some());
        let scope_no = match parent {
            Some(parent) => parent.scope_no,
            None => scopes::insert_unfiled(tx, tx.actor_no)?,
        };
        let series = versions::insert_series(tx.conn, &series_id, scope_no, first, at)?;
        let id = ObjectId::generate();
        let live = NewObjectRow {
            id: id.to_string(),
            base: BaseType::Document.as_str(),
            role: objects::LIVE,
            type_id: parts.type_id.clone(),
            series_no: Some(series),
            scope_no,
            name: name.clone(),
            title: parts.title.clone().unwrap_or_else(|| name.clone()),
            properties: serde_json::to_string(&properties).map_err(RepositoryError::internal)?,
            state: first_state(types, &parts.type_id),
            created_at: at,
            created_by: tx.actor_no,
            modified_at: at,
            modified_by: tx.actor_no,
            source_system: parts.source.as_ref().map(|source| source.system.clone()),
            source_id: parts.source.as_ref().map(|source| source.id.clone()),
        };
        let no = objects::insert(tx.conn, &live)?;
        let row = live.numbered(no);
        match parent {
            Some(parent) => filing::insert(tx.conn, parent.no, row.no, &name, parts.ordinal, at)?,
            None => objects::put_unfiled(tx.conn, row.no, Some(at))?,
        }
        objects::put_facets_of_new(tx.conn, row.no, &parts.facets)?;
        index_values(tx.conn, types, row.no, (&parts.type_id, &parts.facets), &properties, true)?;
        if let Some((bound, blob)) = content {
            blobs::bind_first(tx.conn, bound.row(row.no, blob))?;
            texts::request(tx, bound.digest, &bound.media_type, &bound.file_name)?;
            let version = insert_version(tx, &row, series, "", (first, 0), at)?;
            blobs::bind_first(tx.conn, bound.row(version.no, blob))?;
            objects::put_facets_of_new(tx.conn, version.no, &parts.facets)?;
        }
        let after = json!({
            "type": parts.type_id, "name": row.name, "title": row.title, "facets": parts.facets,
            "properties": properties,
            "content": content.map(|(bound, _)| bound.digest.to_string()),
        });
        let after = with_source(after, parts.source.as_ref());
        tx.record(
            ChangeKind::Created,
            Change {
                object: Some((row.no, id)),
                series_no: Some(series),
                scope_no: Some(scope_no),
                after: Some(after),
                detail: Some(json!({ "parent": parent.map(|parent| &parent.id) })),
                ..Change::default()
            },
        )?;
        Ok(row)
    }

    /// Gives a document new content, as its next version, unless the rules of its type or the note say otherwise; a working
    /// copy takes it without a version. The same bytes under the same name change nothing and make no version, unless a
    /// comment or a version is asked for.
    ///
    /// # Errors
    /// `Stale`, `Forbidden` without `WriteVersion`, `NotFound`; `CheckedOut`; `Conflict` for versions and for what is no
    /// document; `Invalid` for a note to a working copy.
    pub async fn content_put(
        &self,
        id: ObjectId,
        precondition: Precondition,
        content: NewContent,
        note: VersionNote,
    ) -> Result<Written<ObjectDetail>> {
        self.slot_put(id, SlotName::main(), precondition, content, note).await
    }

    /// Binds new content to a live document, and makes what versions its rules ask for, or to a working copy.
    pub(crate) fn put_content_in_tx(
        &self,
        tx: &mut Tx<'_>,
        row: &ObjectRow,
        bound: &BoundContent,
        blob: i64,
        note: &VersionNote,
    ) -> Result<ObjectRow> {
        refuse_version(row)?;
        if row.series_no.is_none() {
            return Err(RepositoryError::conflict("not_a_document", "only a document has content"));
        }
        self.refuse_checked_out(tx.conn, row, tx.now)?;
        self.refuse_locked(tx.conn, row, tx.now)?;
        refuse_note_to_working_copy(row, note)?;
        self.check_content_rule(tx.conn, row, true)?;
        let plan = self.plan_versions(tx, row, ChangedPart::Content, note)?;
        let before = blobs::content_in(tx.conn, row.no, &bound.slot)?.map(|content| content.digest);
        if before.is_none() {
            refuse_many(tx.conn, row)?;
        }
        self.keep_before(tx, row, &plan)?;
        let at = self.series_instant(tx, row)?;
        blobs::bind(tx.conn, bound.row(row.no, blob))?;
        if bound.slot.is_main() {
            // Its pages were those of the former content.
            arrangements::clear(tx.conn, &[row.no])?;
        }
        texts::request(tx, bound.digest, &bound.media_type, &bound.file_name)?;
        self.finish_content_change(tx, row, &plan, note, (&bound.slot, before, Some(bound.digest.to_string())), at)
    }

    /// Writes that a content of an object was changed from one digest to another, with the version that a plan wants.
    pub(crate) fn finish_content_change(
        &self,
        tx: &mut Tx<'_>,
        row: &ObjectRow,
        plan: &VersionPlan,
        note: &VersionNote,
        (slot, before, after): (&SlotName, Option<String>, Option<String>),
        at: i64,
    ) -> Result<ObjectRow> {
        objects::update(tx.conn, row.no, &row.name, &row.title, &row.properties, at, tx.actor_no)?;
        let changed = objects::by_no(tx.conn, row.no)?.ok_or_else(|| RepositoryError::not_found("the document"))?;
        let version = self.keep_after(tx, &changed, plan, note, at)?;
        let value = |digest: Option<String>| match slot.is_main() {
            true => json!({ "content": digest }),
            false => json!({ "contents": { slot.as_str(): digest } }),
        };
        tx.record(
            if version.is_some() { ChangeKind::Versioned } else { ChangeKind::Updated },
            Change {
                object: Some((row.no, parse_id(&row.id)?)),
                series_no: row.series_no,
                scope_no: scope_in_log(row),
                before: Some(value(before)),
                after: Some(value(after)),
                detail: version.map(|made| made.as_detail()),
            },
        )?;
        Ok(changed)
    }
}

/// Returns the name, or `name (2).ext` and so on, that is free in a folder.
pub(crate) fn free_name(conn: &mut Conn, parent: i64, name: &str) -> Result<String> {
    if !filing::is_taken(conn, parent, name)? {
        return Ok(name.to_owned());
    }
    let (stem, extension) = match name.rfind('.') {
        Some(dot) if dot > 0 => name.split_at(dot),
        _ => (name, ""),
    };
    for number in 2..RENAMES_MAX {
        let candidate = format!("{stem} ({number}){extension}");
        if !filing::is_taken(conn, parent, &candidate)? {
            return Ok(candidate);
        }
    }
    Err(RepositoryError::conflict("name_taken", "too many objects in this folder have this name"))
}

/// Returns the name that a document to make gets, if all about it is right.
fn check_document(
    tx: &mut Tx<'_>,
    catalogue: &Catalogue,
    parent: Option<&ObjectRow>,
    parts: &DocumentParts,
    properties: &Properties,
    has_content: bool,
) -> Result<String> {
    let proposed = Proposed {
        type_id: &parts.type_id,
        base: BaseType::Document,
        name: &parts.name,
        naming: if parts.rename_when_taken { Naming::OfFile } else { Naming::Chosen },
        title: parts.title.as_deref(),
        facets: &parts.facets,
        properties,
    };
    let name = check_new(catalogue, &proposed)?;
    let rule = catalogue.types().get(&parts.type_id).map(|resolved| resolved.definition.content);
    if rule == Some(ContentRule::Required) && !has_content {
        return Err(RepositoryError::invalid("content", "required", "documents of this type need content"));
    }
    if rule == Some(ContentRule::Notallowed) && has_content {
        return Err(RepositoryError::invalid("content", "not_allowed", "documents of this type have no content"));
    }
    match parent {
        Some(parent) if parts.rename_when_taken => free_name(tx.conn, parent.no, name.as_str()),
        _ => Ok(name.as_str().to_owned()),
    }
}
