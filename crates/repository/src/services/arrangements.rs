//! Page arrangements: which pages of which files make a document. Originals never change; the file that is made of the
//! pages is a rendition.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use cartulary_blobs::StorageKey;
use cartulary_db::Conn;
use cartulary_model::permission::{ADD_CHILDREN, READ_CONTENT, WRITE_VERSION};
use cartulary_model::{BlobDigest, ChangeKind, ChangedPart, Name, ObjectId, SlotName};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::bootstrap::parse_id;
use crate::object::{Content, Fault, ObjectDetail, OpenedContent, Precondition, TextState, VersionNote, Written};
use crate::services::detail::properties_of;
use crate::services::documents::DocumentParts;
use crate::services::objects::refuse_version;
use crate::services::readings::Reading;
use crate::services::versions::check_comment;
use crate::services::working_copies::{of_object, refuse_note_to_working_copy, scope_in_log};
use crate::services::{TEXT_KIND, TEXT_PRODUCER};
use crate::store::arrangements::{self, ArrangementRow};
use crate::store::blobs::{self, BlobRow};
use crate::store::filing;
use crate::store::jobs::NewJob;
use crate::store::objects::{self, ObjectRow};
use crate::store::renditions::{self, RenditionKey};
use crate::transaction::{Change, Tx};
use crate::{Faults, RepositoryError, Result, Session};

/// The kind of the rendition.
pub(crate) const ARRANGED_KIND: &str = "arranged-pdf";
/// Who makes it.
pub(crate) const ARRANGED_PRODUCER: &str = "cartulary-arrange/1";
/// How many pages an arrangement has at most.
const PAGES_MAX: usize = 10_000;
/// The only type whose pages can be arranged.
pub(crate) const PDF: &str = "application/pdf";

/// One page of an arrangement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArrangedPage {
    /// The file that it is of.
    pub digest: BlobDigest,
    /// Its number there, from 1.
    pub page: u32,
    /// By how many degrees it is turned clockwise: 0, 90, 180 or 270.
    pub rotation: u16,
}

/// Some pages to be put into an arrangement.
#[derive(Clone, Debug)]
pub enum PagesToArrange {
    /// One page of a file that the document has, in its content or in its arrangement.
    Own(ArrangedPage),
    /// All pages of another document, as they are arranged there.
    Document(ObjectId),
    /// What could not be read; a fault says so.
    Unclear,
}

impl PagesToArrange {
    const fn document(&self) -> Option<ObjectId> {
        match self {
            Self::Own(_) | Self::Unclear => None,
            Self::Document(other) => Some(*other),
        }
    }
}

/// How the pages of a document are arranged.
#[derive(Clone, Debug)]
pub struct Arrangement {
    /// The pages.
    pub pages: Vec<ArrangedPage>,
    /// Whether somebody arranged them; otherwise they are those of the content.
    pub is_arranged: bool,
    /// How far the file that is made of them is; of pages that nobody arranged, the content is that.
    pub state: TextState,
    /// Why it could not be made.
    pub faults: Vec<Fault>,
}

/// Pages to be split off to a new document.
#[derive(Clone, Debug)]
pub struct PagesToSplit {
    /// The places of the pages in the arrangement, from 0.
    pub places: BTreeSet<usize>,
    /// The name of the new document.
    pub name: String,
    /// The folder that it goes to; the primary one of the document unless given.
    pub folder: Option<ObjectId>,
}

/// What the job that makes the file carries.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ArrangeJob {
    /// The digest of the arrangement.
    pub digest: String,
}

impl Session {
    /// Returns how the pages of a document, version or working copy are arranged.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `ReadContent`; `Conflict` `no_pages` where there are none, or they are not counted yet.
    pub async fn arrangement_get(&self, id: ObjectId) -> Result<Arrangement> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<(Arrangement, Option<Reading>)> {
            let row = session.authorised(conn, id, READ_CONTENT, now)?;
            let reading = session.reading_of(conn, &row)?;
            let Some(own) = arrangements::of_objects(conn, &[row.no])?.remove(&row.no) else {
                let (pages, state) = (natural_pages(conn, &row)?, TextState::None);
                return Ok((Arrangement { pages, is_arranged: false, state, faults: Vec::new() }, reading));
            };
            let made =
                renditions::of_sources(conn, std::slice::from_ref(&own.digest), ARRANGED_KIND, ARRANGED_PRODUCER)?;
            let made = made.get(&own.digest);
            let state = match made.map(|made| made.state.as_str()) {
                Some(renditions::READY) => TextState::Ready,
                Some(renditions::FAILED) => TextState::Failed,
                _ => TextState::Waiting,
            };
            let faults = made.map(|made| serde_json::from_str(&made.faults).unwrap_or_default()).unwrap_or_default();
            Ok((Arrangement { pages: pages_of(&own)?, is_arranged: true, state, faults }, reading))
        };
        let (arrangement, reading) = self.repository.database().read(read).await?;
        self.note_reading(reading, json!("arrangement")).await?;
        Ok(arrangement)
    }

    /// Arranges the pages of a document: in another order, turned, some left out, others of another document put in. A new
    /// version is made as the rules of its type say; the file is made later. `faults` is what is known to be wrong already.
    ///
    /// # Errors
    /// `Stale`, `Forbidden` without `WriteVersion`, `NotFound`, also for a document whose content the caller may not read;
    /// `CheckedOut`; `Invalid` with what is wrong with which page; `Conflict` `immutable`, `not_a_document`, `no_pages`.
    pub async fn arrangement_put(
        &self,
        id: ObjectId,
        precondition: Precondition,
        pages: Vec<PagesToArrange>,
        note: VersionNote,
        faults: Faults,
    ) -> Result<Written<ObjectDetail>> {
        let others: BTreeSet<ObjectId> = pages.iter().filter_map(PagesToArrange::document).collect();
        for other in &others {
            // Whoever takes pages reads them, and is written down where that is audited.
            self.arrangement_get(*other).await?;
        }
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.for_change(tx, id, WRITE_VERSION, &precondition)?;
            session.check_arrangeable(tx, &row, &note)?;
            let mut faults = faults.clone();
            faults.take(check_comment(&note.comment))?;
            let mut known = known_files(tx.conn, &row)?;
            let mut of_others = BTreeMap::new();
            for other in &others {
                let row = session.authorised(tx.conn, *other, READ_CONTENT, tx.now)?;
                of_others.insert(*other, present_pages(tx.conn, &row)?);
                known_too(&mut known, known_files(tx.conn, &row)?);
            }
            let mut arranged = Vec::new();
            for (place, part) in pages.iter().enumerate() {
                match part {
                    PagesToArrange::Own(page) => {
                        check_page(place, page, &known, &mut faults);
                        arranged.push(page.clone());
                    }
                    PagesToArrange::Unclear => {}
                    PagesToArrange::Document(other) => {
                        arranged.extend(of_others.get(other).into_iter().flatten().cloned());
                    }
                }
                if arranged.len() > PAGES_MAX {
                    break;
                }
            }
            if faults.is_empty() {
                faults.take(check_page_count(&arranged))?;
            }
            faults.end()?;
            let changed = session.arrange_in_tx(tx, &row, &arranged, &known, &note)?;
            session.detail_of(tx.conn, &changed, tx.now)
        })
        .await
    }

    /// Takes the arrangement from a document: its pages are those of its content again.
    ///
    /// # Errors
    /// As [`Session::arrangement_put`]; `NotFound` when nobody arranged them; `Conflict` `no_content` when the document has
    /// no content but the arrangement.
    pub async fn arrangement_delete(
        &self,
        id: ObjectId,
        precondition: Precondition,
        note: VersionNote,
    ) -> Result<Written<ObjectDetail>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.for_change(tx, id, WRITE_VERSION, &precondition)?;
            session.check_arrangeable(tx, &row, &note)?;
            if arrangements::of_objects(tx.conn, &[row.no])?.is_empty() {
                return Err(RepositoryError::not_found("the arrangement"));
            }
            if blobs::content_in(tx.conn, row.no, &SlotName::main())?.is_none() {
                let detail = "the document has nothing but these pages: put a content in first, or delete the document";
                return Err(RepositoryError::conflict("no_content", detail));
            }
            let changed = session.arrange_in_tx(tx, &row, &[], &BTreeMap::new(), &note)?;
            session.detail_of(tx.conn, &changed, tx.now)
        })
        .await
    }

    /// Splits pages of a document off to a new one of its type, with its facets and properties, and returns that. Both get
    /// versions; the files stay as they are, and the new document has only the pages, not the file that they are of.
    ///
    /// # Errors
    /// As [`Session::arrangement_put`]; `Forbidden` without `AddChildren` on the folder; `Conflict` `name_taken`; `Invalid`
    /// for places that are not there, and for all pages at once.
    pub async fn document_split(
        &self,
        id: ObjectId,
        precondition: Precondition,
        split: PagesToSplit,
        note: VersionNote,
    ) -> Result<Written<ObjectDetail>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.for_change(tx, id, WRITE_VERSION, &precondition)?;
            session.check_arrangeable(tx, &row, &note)?;
            session.repository.inner.access.require(tx.conn, &session.actor, row.scope_no, READ_CONTENT, tx.now)?;
            if row.role != objects::LIVE {
                let detail = "a working copy is not split: check it in first";
                return Err(RepositoryError::conflict("working_copy", detail));
            }
            let folder = session.folder_of_split(tx, &row, &split)?;
            let (pages, known) = (present_pages(tx.conn, &row)?, known_files(tx.conn, &row)?);
            let mut faults = Faults::default();
            faults.take(check_comment(&note.comment))?;
            let is_there = !split.places.is_empty() && split.places.iter().all(|place| *place < pages.len());
            if !is_there || split.places.len() == pages.len() {
                let detail = format!("are some of the {} pages, from 0, and not all", pages.len());
                faults.say("places", "out_of_range", detail);
            }
            if let Err(error) = Name::choose(&split.name) {
                faults.say("name", "invalid_name", error.to_string());
            }
            faults.end()?;
            let (mut going, mut staying) = (Vec::new(), Vec::new());
            for (place, page) in pages.into_iter().enumerate() {
                if split.places.contains(&place) { going.push(page) } else { staying.push(page) }
            }
            session.arrange_in_tx(tx, &row, &staying, &known, &note)?;
            let parts = DocumentParts {
                name: split.name.clone(),
                title: None,
                type_id: row.type_id.clone(),
                facets: objects::facets_of(tx.conn, row.no)?,
                properties: properties_of(&row)?,
                rename_when_taken: false,
                ordinal: None,
                source: None,
            };
            let made = session.insert_split(tx, &folder, &parts, &row)?;
            let note =
                VersionNote { comment: String::new(), increment: Some(cartulary_model::VersionIncrement::Major) };
            let made = session.arrange_in_tx(tx, &made, &going, &known, &note)?;
            session.detail_of(tx.conn, &made, tx.now)
        })
        .await
    }

    fn folder_of_split(&self, tx: &mut Tx<'_>, row: &ObjectRow, split: &PagesToSplit) -> Result<ObjectRow> {
        let folder = match split.folder {
            Some(folder) => folder,
            None => {
                let primary = filing::primary_parents(tx.conn, &[row.no])?.remove(&row.no);
                let folder = primary.map(|no| objects::by_no(tx.conn, no)).transpose()?.flatten();
                let unfiled = "the document lies in no folder: say which one the new document goes to";
                let folder = folder.ok_or_else(|| RepositoryError::invalid("folder", "required", unfiled))?;
                parse_id(&folder.id)?
            }
        };
        self.authorised(tx.conn, folder, ADD_CHILDREN, tx.now)
    }

    /// Makes a document for pages of another, and tells of it with that one.
    fn insert_split(
        &self,
        tx: &mut Tx<'_>,
        folder: &ObjectRow,
        parts: &DocumentParts,
        from: &ObjectRow,
    ) -> Result<ObjectRow> {
        let made = self.insert_document(tx, folder, parts, None)?;
        let detail = Some(json!({ "splitTo": made.id }));
        tx.record(ChangeKind::Updated, Change { detail, ..of_object(from)? })?;
        Ok(made)
    }

    fn check_arrangeable(&self, tx: &mut Tx<'_>, row: &ObjectRow, note: &VersionNote) -> Result<()> {
        refuse_version(row)?;
        if row.series_no.is_none() {
            return Err(RepositoryError::conflict("not_a_document", "only a document has pages"));
        }
        self.refuse_checked_out(tx.conn, row, tx.now)?;
        refuse_note_to_working_copy(row, note)
    }

    /// Writes an arrangement, or takes it away when there are no pages, with the version that is due.
    fn arrange_in_tx(
        &self,
        tx: &mut Tx<'_>,
        row: &ObjectRow,
        pages: &[ArrangedPage],
        known: &BTreeMap<BlobDigest, KnownFile>,
        note: &VersionNote,
    ) -> Result<ObjectRow> {
        let plan = self.plan_versions(tx, row, ChangedPart::Content, note)?;
        self.keep_before(tx, row, &plan)?;
        let before = arrangements::of_objects(tx.conn, &[row.no])?.remove(&row.no).map(|before| before.digest);
        let at = self.series_instant(tx, row)?;
        let after = if pages.is_empty() {
            arrangements::clear(tx.conn, &[row.no])?;
            None
        } else {
            let used: BTreeSet<BlobDigest> = pages.iter().map(|page| page.digest).collect();
            let sources: Vec<i64> =
                used.iter().filter_map(|digest| known.get(digest)).map(|file| file.blob_no).collect();
            Some(bind(tx, row.no, pages, &sources)?)
        };
        objects::update(tx.conn, row.no, &row.name, &row.title, &row.properties, at, tx.actor_no)?;
        let changed = objects::by_no(tx.conn, row.no)?.ok_or_else(|| RepositoryError::not_found("the document"))?;
        let version = self.keep_after(tx, &changed, &plan, note, at)?;
        let change = Change {
            object: Some((row.no, parse_id(&row.id)?)),
            series_no: row.series_no,
            scope_no: scope_in_log(row),
            before: Some(json!({ "arrangement": before })),
            after: Some(json!({ "arrangement": after })),
            detail: version.as_ref().map(|made| made.as_detail()),
        };
        tx.record(if version.is_some() { ChangeKind::Versioned } else { ChangeKind::Updated }, change)?;
        Ok(changed)
    }

    /// Returns what the file is that was made of the arranged pages.
    ///
    /// # Errors
    /// `NotFound` when nobody arranged them; `Forbidden` without `ReadContent`; `Conflict` `arrangement_waiting` while it is
    /// made, `arrangement_failed` with the reason when it cannot be.
    pub async fn arranged_content(&self, id: ObjectId) -> Result<Content> {
        Ok(self.arranged_blob(id).await?.0)
    }

    /// Opens that file, whole or a range of bytes.
    ///
    /// # Errors
    /// As [`Session::arranged_content`]; `Corrupt`.
    pub async fn arranged_open(&self, id: ObjectId, range: Option<Range<u64>>) -> Result<OpenedContent> {
        let (content, blob, reading) = self.arranged_blob(id).await?;
        self.note_reading(reading, json!("arranged pages")).await?;
        let key = StorageKey::new(content.digest, blob.generation.unsigned_abs());
        let reader = self.repository.blobs().read(&key, content.digest, content.size_bytes, range).await?;
        let bytes = reader.map(|chunk| chunk.map_err(RepositoryError::from));
        Ok(OpenedContent { content, bytes: Box::pin(bytes) })
    }

    async fn arranged_blob(&self, id: ObjectId) -> Result<(Content, BlobRow, Option<Reading>)> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<_> {
            let row = session.authorised(conn, id, READ_CONTENT, now)?;
            let reading = session.reading_of(conn, &row)?;
            let own = arrangements::of_objects(conn, &[row.no])?.remove(&row.no);
            let own = own.ok_or_else(|| RepositoryError::not_found("the arrangement"))?;
            let made =
                renditions::of_sources(conn, std::slice::from_ref(&own.digest), ARRANGED_KIND, ARRANGED_PRODUCER)?;
            let Some(made) = made.into_values().next().filter(|made| made.state != renditions::WAITING) else {
                let detail = "the file is being made of the pages: ask again";
                return Err(RepositoryError::conflict("arrangement_waiting", detail));
            };
            let blob = made.blob_no.map(|no| blobs::by_no(conn, no)).transpose()?.flatten();
            let Some(blob) = blob.filter(|_| made.state == renditions::READY) else {
                let faults: Vec<Fault> = serde_json::from_str(&made.faults).unwrap_or_default();
                let why = faults.first().map_or("it is not known why", |fault| fault.detail.as_str());
                let detail = format!("no file can be made of the pages: {why}");
                return Err(RepositoryError::conflict("arrangement_failed", detail));
            };
            let content = Content {
                digest: blob.digest.parse().map_err(RepositoryError::internal)?,
                size_bytes: blob.size_bytes.unsigned_abs(),
                media_type: PDF.to_owned(),
                file_name: format!("{}.pdf", row.name.trim_end_matches(".pdf")),
            };
            Ok((content, blob, reading))
        };
        self.repository.database().read(read).await
    }
}

/// A file whose pages may be arranged.
#[derive(Clone, Debug)]
pub(crate) struct KnownFile {
    blob_no: i64,
    page_count: Option<u32>,
    /// The pages that may be taken by it; all when it is a document's own.
    only: Option<BTreeSet<u32>>,
}

/// Gives an object an arrangement of pages of these blobs, asks for the file of it, and returns its digest.
pub(crate) fn bind(tx: &mut Tx<'_>, object_no: i64, pages: &[ArrangedPage], sources: &[i64]) -> Result<String> {
    let text = serde_json::to_string(pages).map_err(RepositoryError::internal)?;
    let digest = BlobDigest::of(text.as_bytes()).to_string();
    let page_count = i32::try_from(pages.len()).unwrap_or(i32::MAX);
    let own = ArrangementRow { object_no, digest: digest.clone(), page_count, pages: text };
    arrangements::put(tx.conn, &own, sources)?;
    request(tx, &digest)?;
    Ok(digest)
}

/// Asks for the file of an arrangement, unless it is there or on its way.
fn request(tx: &mut Tx<'_>, digest: &str) -> Result<()> {
    let key = RenditionKey { source_digest: digest, kind: ARRANGED_KIND, producer: ARRANGED_PRODUCER };
    if !renditions::insert_waiting(tx.conn, key, tx.now.as_millis())? {
        return Ok(());
    }
    let payload = serde_json::to_value(ArrangeJob { digest: digest.to_owned() }).map_err(RepositoryError::internal)?;
    let dedupe_key = Some(format!("arrange:{digest}"));
    tx.enqueue(&NewJob { kind: "core.arrange", payload, dedupe_key, priority: 1 })
}

/// Returns the pages of an arrangement.
pub(crate) fn pages_of(row: &ArrangementRow) -> Result<Vec<ArrangedPage>> {
    serde_json::from_str(&row.pages).map_err(RepositoryError::internal)
}

fn present_pages(conn: &mut Conn, row: &ObjectRow) -> Result<Vec<ArrangedPage>> {
    match arrangements::of_objects(conn, &[row.no])?.remove(&row.no) {
        Some(own) => pages_of(&own),
        None => natural_pages(conn, row),
    }
}

/// Returns the pages of a content as they are.
fn natural_pages(conn: &mut Conn, row: &ObjectRow) -> Result<Vec<ArrangedPage>> {
    let none =
        || RepositoryError::conflict("no_pages", "the document has no pages of a PDF, or they are not counted yet");
    let content = blobs::content_in(conn, row.no, &SlotName::main())?.filter(|content| content.media_type == PDF);
    let content = content.ok_or_else(none)?;
    let digest: BlobDigest = content.digest.parse().map_err(RepositoryError::internal)?;
    let count = page_counts(conn, &[content.digest])?.remove(&digest).ok_or_else(none)?;
    if usize::try_from(count).is_ok_and(|count| count > PAGES_MAX) {
        return Err(RepositoryError::conflict("no_pages", format!("only {PAGES_MAX} pages can be arranged")));
    }
    Ok((1..=count).map(|page| ArrangedPage { digest, page, rotation: 0 }).collect())
}

/// Returns the PDF files that a document has: its content, and of the files of others what it shows of them now. Whoever may
/// arrange a page of a file learns nothing of its other pages by that.
fn known_files(conn: &mut Conn, row: &ObjectRow) -> Result<BTreeMap<BlobDigest, KnownFile>> {
    let mut files: BTreeMap<String, i64> =
        arrangements::sources(conn, row.no)?.into_values().map(|blob| (blob.digest, blob.no)).collect();
    let content = blobs::content_in(conn, row.no, &SlotName::main())?.filter(|content| content.media_type == PDF);
    let own_digest = content.as_ref().map(|content| content.digest.clone());
    if let Some(content) = content
        && let Some(blob) = blobs::living_locked(conn, &content.digest)?
    {
        files.insert(blob.digest, blob.no);
    }
    let digests: Vec<String> = files.keys().cloned().collect();
    let counts = page_counts(conn, &digests)?;
    let shown: Vec<ArrangedPage> = match arrangements::of_objects(conn, &[row.no])?.remove(&row.no) {
        Some(own) => serde_json::from_str(&own.pages).map_err(RepositoryError::internal)?,
        None => Vec::new(),
    };
    let mut known = BTreeMap::new();
    for (digest, blob_no) in files {
        let is_own = own_digest.as_ref() == Some(&digest);
        let digest: BlobDigest = digest.parse().map_err(RepositoryError::internal)?;
        let of_it = shown.iter().filter(|page| page.digest == digest).map(|page| page.page);
        let only = (!is_own).then(|| of_it.collect());
        known.insert(digest, KnownFile { blob_no, page_count: counts.get(&digest).copied(), only });
    }
    Ok(known)
}

/// Adds what another document has of files.
fn known_too(known: &mut BTreeMap<BlobDigest, KnownFile>, more: BTreeMap<BlobDigest, KnownFile>) {
    for (digest, file) in more {
        match known.entry(digest) {
            Entry::Vacant(free) => drop(free.insert(file)),
            Entry::Occupied(mut there) => {
                let there = there.get_mut();
                there.only = match (there.only.take(), file.only) {
                    (Some(some), Some(others)) => Some(some.union(&others).copied().collect()),
                    _ => None,
                };
            }
        }
    }
}

/// Returns how many pages files have, as far as they were read.
pub(crate) fn page_counts(conn: &mut Conn, digests: &[String]) -> Result<BTreeMap<BlobDigest, u32>> {
    let texts = renditions::of_sources(conn, digests, TEXT_KIND, TEXT_PRODUCER)?;
    let mut counts = BTreeMap::new();
    for (digest, text) in texts {
        let count = text.page_count.and_then(|count| u32::try_from(count).ok()).filter(|count| *count > 0);
        let digest: BlobDigest = digest.parse().map_err(RepositoryError::internal)?;
        counts.extend(count.map(|count| (digest, count)));
    }
    Ok(counts)
}

/// Refuses an arrangement that comes from elsewhere, with its files, of which nobody has counted the pages yet.
pub(crate) fn check_brought_pages(pages: &[ArrangedPage]) -> Result<()> {
    let file = |page: &ArrangedPage| (page.digest, KnownFile { blob_no: 0, page_count: None, only: None });
    let known = pages.iter().map(file).collect();
    check_page_count(pages)?;
    let mut faults = Faults::default();
    pages.iter().enumerate().for_each(|(place, page)| check_page(place, page, &known, &mut faults));
    faults.end()
}

fn check_page_count(pages: &[ArrangedPage]) -> Result<()> {
    if pages.is_empty() || pages.len() > PAGES_MAX {
        let detail = format!("has 1 to {PAGES_MAX} pages");
        return Err(RepositoryError::invalid("pages", "out_of_range", detail));
    }
    Ok(())
}

/// Gathers what is wrong with a page that a request names at `place`.
fn check_page(place: usize, page: &ArrangedPage, known: &BTreeMap<BlobDigest, KnownFile>, faults: &mut Faults) {
    let mut wrong =
        |name: &str, code: &'static str, detail: &str| faults.say(format!("pages[{place}].{name}"), code, detail);
    match known.get(&page.digest) {
        None => wrong("digest", "unknown_file", "is of no PDF that the document has"),
        Some(file) if file.only.as_ref().is_some_and(|only| !only.contains(&page.page)) => {
            wrong("page", "unknown_file", "is none that the document shows: name the document that has the file");
        }
        Some(file) if page.page == 0 || file.page_count.is_some_and(|count| page.page > count) => {
            let detail = match file.page_count {
                Some(count) => format!("is no page of that file, which has the pages 1 to {count}"),
                None => "is no page of that file: the first is 1".to_owned(),
            };
            wrong("page", "out_of_range", &detail);
        }
        Some(_) => {}
    }
    if !matches!(page.rotation, 0 | 90 | 180 | 270) {
        wrong("rotation", "out_of_range", "is 0, 90, 180 or 270");
    }
}
