//! Imports: folders of files become dossiers of documents, resumably.
//!
//! A source remembers what it took: (path, digest). A path it does not know is a new document; a path with other bytes
//! is a new version; a path with the same bytes was taken before. The entry is written in the transaction that makes
//! the document, so that after a crash the same run, or another of the same source, goes on exactly where it stopped.

use std::collections::HashSet;

use cartulary_blobs::StagedBlob;
use cartulary_db::Conn;
use cartulary_model::permission::{ADD_CHILDREN, BROWSE, READ_CONTENT};
use cartulary_model::{BlobDigest, ObjectId, Properties, key};
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use crate::bootstrap::parse_id;
use crate::object::{Fault, NewFolder, VersionNote, Written};
use crate::services::documents::{BoundContent, DocumentParts, free_name};
use crate::services::objects::{Naming, made_before, remember_made, request_digest};
use crate::services::texts::{TEXT_KIND, TEXT_PRODUCER};
use crate::store::filing;
use crate::store::imports::{self, EntryRow, RunRow};
use crate::store::objects::{self, ObjectRow};
use crate::store::renditions;
use crate::transaction::Tx;
use crate::{RepositoryError, Result, Session};

/// The most paths that one check takes.
const CHECK_MAX: usize = 5_000;
/// The most files that a report names as unread.
const UNREAD_MAX: i64 = 1_000;
/// The longest relative path, in bytes of UTF-8.
const PATH_BYTES_MAX: usize = 16 << 10;

/// A new run.
#[derive(Clone, Debug, Default)]
pub struct NewImport {
    /// The source's name: runs of one name share what they took.
    pub source: String,
    /// The dossier of files that lie at the top; the source's name unless given.
    pub folder_name: Option<String>,
    /// A key under which a repeated request finds the run that the first one began.
    pub idempotency_key: Option<String>,
}

/// A run of an import.
#[derive(Clone, Debug)]
pub struct ImportView {
    /// The run's id.
    pub id: ObjectId,
    /// The source's name.
    pub source: String,
    /// Whether it still takes files.
    pub is_open: bool,
    /// New documents.
    pub created_count: u64,
    /// New versions of documents that the source had made.
    pub version_count: u64,
    /// Files that had been taken before.
    pub taken_count: u64,
    /// Files that could not be taken whole.
    pub fault_count: u64,
}

/// A file to ask about.
#[derive(Clone, Debug)]
pub struct ImportCandidate {
    /// The path below the source, with `/` between names.
    pub path: String,
    /// The digest of its bytes.
    pub digest: BlobDigest,
}

/// What a source knows of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportState {
    /// Nothing.
    New,
    /// The path, with other bytes.
    Changed,
    /// The path with these bytes.
    Taken,
    /// The path with these bytes, and the document that it became lies in the trash: whoever put it there meant it, so it is
    /// not taken again.
    Trashed,
    /// (of a file that was sent) It became a document.
    Created,
    /// (of a file that was sent) It became a version.
    Version,
}

impl ImportState {
    /// Returns the answered word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Taken => "taken",
            Self::Trashed => "trashed",
            Self::Created => "created",
            Self::Version => "version",
        }
    }
}

/// A file to take.
#[derive(Debug)]
pub struct ImportFile {
    /// The path below the source, with `/` between names; what is not UTF-8 shows as U+FFFD.
    pub path: String,
    /// The path's bytes, when they are not UTF-8.
    pub path_raw: Option<Vec<u8>>,
    /// The bytes.
    pub staged: StagedBlob,
    /// The media type that the sender claims.
    pub media_type: Option<String>,
    /// The file's place among those of its run: the order of receipt, in which they need not come. Without one it is
    /// filed last.
    pub sequence: Option<u32>,
    /// Is let go of when the bytes are stored: what bounds the files whose bytes are under way.
    pub slot: Option<OwnedSemaphorePermit>,
}

/// What became of a file.
#[derive(Clone, Debug)]
pub struct Imported {
    /// Its path.
    pub path: String,
    /// `Created`, `Version` or `Taken`.
    pub state: ImportState,
    /// The document.
    pub document_id: ObjectId,
    /// Whether it is new because the file changed since the document that it had become was put into the trash: a version
    /// there would be seen by nobody, and the trash is not emptied or filled by an import.
    pub is_former_trashed: bool,
}

/// Why a file could not be taken whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportFault {
    /// Its path.
    pub path: String,
    /// A stable snake_case code.
    pub code: String,
    /// The reason, for a person.
    pub reason: String,
}

/// A file that was taken, and of whose text nothing could be read.
#[derive(Clone, Debug)]
pub struct UnreadFile {
    /// Its path.
    pub path: String,
    /// The document.
    pub document_id: ObjectId,
    /// The dossier it lies in, when the caller may browse it.
    pub dossier_id: Option<ObjectId>,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
}

/// How far the texts are of what a run took. Reading goes on after the run has ended.
#[derive(Clone, Debug, Default)]
pub struct ImportTexts {
    /// Texts that are still to be read.
    pub waiting_count: u64,
    /// Files whose text could not be read, as far as the caller may read them now: by path, at most 1,000.
    pub unread: Vec<UnreadFile>,
}

/// A run with its faults.
#[derive(Clone, Debug)]
pub struct ImportReport {
    /// The run.
    pub view: ImportView,
    /// One for each file that could not be taken whole, by path.
    pub faults: Vec<ImportFault>,
    /// How far the texts are.
    pub texts: ImportTexts,
}

/// Where a path leads: the dossier's name, and the document's.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    dossier: String,
    document: String,
}

/// A file whose bytes are here.
#[derive(Clone, Debug)]
struct Arrived {
    path: String,
    place: Place,
    sequence: Option<u32>,
}

impl Session {
    /// Begins a run; what the source took before is not taken again.
    ///
    /// # Errors
    /// `Invalid` for an unfit source name; `Forbidden` without `AddChildren` in the root folder; `Conflict`
    /// `idempotency_key_reused`.
    pub async fn import_start(&self, new: NewImport) -> Result<ImportReport> {
        let session = self.clone();
        let is_fit = !new.source.trim().is_empty() && key::length(&new.source) <= 500 && !new.source.contains('\0');
        if !is_fit {
            let detail = "a source has a name of 1 to 500 characters";
            return Err(RepositoryError::invalid("source", "invalid_name", detail));
        }
        let root = self.root_folder().await?;
        let begun = self
            .transact(move |tx| {
                let root = session.authorised(tx.conn, root, ADD_CHILDREN, tx.now)?;
                let digest = request_digest(&json!(["import", new.source, new.folder_name]));
                if let Some(id) = made_before(tx, new.idempotency_key.as_deref(), &digest)? {
                    let run = session.own_run(tx.conn, id)?;
                    return session.report(tx.conn, &run);
                }
                // Who may see everything goes on with what others took from there; so does the program itself, offline.
                let known = match session.actor.is_administrator {
                    true => imports::first_source(tx.conn, new.source.trim())?,
                    false => None,
                };
                let source = match known {
                    Some(source) => source,
                    None => imports::source(tx.conn, tx.actor_no, new.source.trim(), root.no)?,
                };
                let id = ObjectId::generate().to_string();
                let folder = new.folder_name.as_deref().map(str::trim).filter(|name| !name.is_empty());
                let folder = as_name(folder.unwrap_or(new.source.trim()));
                imports::insert_run(tx.conn, &id, source, &folder, tx.now.as_millis())?;
                remember_made(tx, new.idempotency_key.as_deref(), &digest, &id)?;
                let run = imports::run_by_id(tx.conn, &id)?.ok_or_else(|| RepositoryError::not_found("the import"))?;
                Ok(ImportReport { view: view(tx.conn, &run)?, faults: Vec::new(), texts: ImportTexts::default() })
            })
            .await?;
        Ok(begun.value)
    }

    /// Returns a run.
    ///
    /// # Errors
    /// `NotFound`, also for another person's run.
    pub async fn import_get(&self, id: ObjectId) -> Result<ImportReport> {
        let session = self.clone();
        let read = move |conn: &mut Conn| -> Result<ImportReport> {
            let run = session.own_run(conn, id)?;
            session.report(conn, &run)
        };
        self.repository.database().read(read).await
    }

    /// Says whether a run takes files of this session now; before a file is taken, as [`Session::require`].
    ///
    /// # Errors
    /// `NotFound`, also for another person's run; `Conflict` `import_finished`.
    pub async fn import_require(&self, id: ObjectId) -> Result<()> {
        let session = self.clone();
        let look = move |conn: &mut Conn| session.open_run(conn, id).map(drop);
        self.repository.database().read_brief(look).await
    }

    fn report(&self, conn: &mut Conn, run: &RunRow) -> Result<ImportReport> {
        let faults = imports::faults(conn, run.no)?;
        let faults = faults.into_iter().map(|(path, code, reason)| ImportFault { path, code, reason }).collect();
        Ok(ImportReport { view: view(conn, run)?, faults, texts: self.texts_of_run(conn, run)? })
    }

    /// Says how far the texts are of what the run's source has taken since the run began.
    fn texts_of_run(&self, conn: &mut Conn, run: &RunRow) -> Result<ImportTexts> {
        let text = (TEXT_KIND, TEXT_PRODUCER);
        let waiting = imports::texts_in(conn, run.source_no, run.started_at, text, renditions::WAITING)?;
        let failed = imports::unread(conn, run.source_no, run.started_at, text, UNREAD_MAX)?;
        let numbers: Vec<i64> = failed.iter().map(|row| row.document_no).collect();
        let documents = objects::by_nos(conn, &numbers)?;
        let parents = filing::primary_parents(conn, &numbers)?;
        let folders = objects::by_nos(conn, &parents.values().copied().collect::<Vec<_>>())?;
        let (now, access) = (self.repository.clock().now(), &self.repository.inner.access);
        let scopes = documents.values().map(|row| row.scope_no).collect();
        let readable = access.allowing(conn, &self.actor, &scopes, READ_CONTENT, now)?;
        let scopes = folders.values().map(|row| row.scope_no).collect();
        let browsable = access.allowing(conn, &self.actor, &scopes, BROWSE, now)?;
        let mut unread = Vec::new();
        for row in failed {
            let document = documents.get(&row.document_no);
            let document = document.filter(|row| row.trashed_at.is_none() && readable.contains(&row.scope_no));
            let Some(document) = document else { continue };
            let folder = parents.get(&row.document_no).and_then(|no| folders.get(no));
            let folder = folder.filter(|folder| browsable.contains(&folder.scope_no));
            unread.push(UnreadFile {
                path: row.path,
                document_id: parse_id(&document.id)?,
                dossier_id: folder.map(|folder| parse_id(&folder.id)).transpose()?,
                faults: serde_json::from_str(&row.faults).unwrap_or_default(),
            });
        }
        Ok(ImportTexts { waiting_count: waiting.unsigned_abs(), unread })
    }

    fn own_run(&self, conn: &mut Conn, id: ObjectId) -> Result<RunRow> {
        let run = imports::run_by_id(conn, &id.to_string())?;
        let run = run.filter(|run| run.principal_no == self.actor.no || self.actor.is_administrator);
        run.ok_or_else(|| RepositoryError::not_found("the import"))
    }

    fn open_run(&self, conn: &mut Conn, id: ObjectId) -> Result<RunRow> {
        let run = self.own_run(conn, id)?;
        if run.state != "open" {
            return Err(RepositoryError::conflict("import_finished", "this import is finished: start another"));
        }
        Ok(run)
    }

    /// Says of each file whether the source took it before; nothing else is looked at.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for more than 5,000 files.
    pub async fn import_check(&self, id: ObjectId, files: Vec<ImportCandidate>) -> Result<Vec<ImportState>> {
        if files.len() > CHECK_MAX {
            return Err(RepositoryError::invalid(
                "entries",
                "list_too_long",
                "at most 5,000 files are checked at once",
            ));
        }
        let session = self.clone();
        let read = move |conn: &mut Conn| -> Result<Vec<ImportState>> {
            let run = session.own_run(conn, id)?;
            let paths: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
            let known = imports::entries(conn, run.source_no, &paths)?;
            let numbers: Vec<i64> = known.values().map(|entry| entry.document_no).collect();
            let trashed = session.trashed_of(conn, &numbers)?;
            let state = |file: &ImportCandidate| match known.get(&file.path) {
                None => ImportState::New,
                Some(entry) if entry.blob_digest != file.digest.to_string() => ImportState::Changed,
                Some(entry) if trashed.contains(&entry.document_no) => ImportState::Trashed,
                Some(_) => ImportState::Taken,
            };
            Ok(files.iter().map(state).collect())
        };
        self.repository.database().read(read).await
    }

    /// Takes one file: a new document, a new version, or nothing when it was taken before.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` for an unfit path, `Conflict` `import_finished`.
    pub async fn import_file(&self, id: ObjectId, file: ImportFile) -> Result<Written<Imported>> {
        let place = place_of(&file.path)?;
        let file_name = file.path.rsplit('/').next().unwrap_or_default().to_owned();
        let file_name_raw =
            file.path_raw.as_deref().map(|raw| raw.rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_vec());
        let bound = BoundContent::of_file(&file.staged, &file_name, file_name_raw);
        let (session, path) = (self.clone(), file.path);
        let arrived = Arrived { path, place, sequence: file.sequence };
        let act = move |tx: &mut Tx<'_>, blob| session.take(tx, id, &arrived, &bound, blob);
        self.with_stored_blob(file.staged, file.slot, act).await
    }

    fn take(
        &self,
        tx: &mut Tx<'_>,
        id: ObjectId,
        arrived: &Arrived,
        bound: &BoundContent,
        blob: i64,
    ) -> Result<Imported> {
        let path = arrived.path.as_str();
        let run = self.open_run(tx.conn, id)?;
        let digest = bound.digest.to_string();
        let before = match imports::entry(tx.conn, run.source_no, path)? {
            Some(entry) => objects::by_no(tx.conn, entry.document_no)?.map(|row| (entry, row)),
            None => None,
        };
        let is_former_trashed = match &before {
            Some((entry, row)) if entry.blob_digest != digest => self.trashed_of(tx.conn, &[row.no])?.contains(&row.no),
            _ => false,
        };
        let (row, state) = match before {
            Some((entry, row)) if entry.blob_digest == digest => {
                let is_trashed = self.trashed_of(tx.conn, &[row.no])?.contains(&row.no);
                (row, if is_trashed { ImportState::Trashed } else { ImportState::Taken })
            }
            Some((_, row)) if row.trashed_at.is_none() => {
                let wanted = cartulary_model::permission::WRITE_VERSION;
                self.repository.inner.access.require(tx.conn, &self.actor, row.scope_no, wanted, tx.now)?;
                let note = VersionNote::default();
                (self.put_content_in_tx(tx, &row, bound, blob, &note)?, ImportState::Version)
            }
            _ => (self.take_new(tx, &run, arrived, bound, blob)?, ImportState::Created),
        };
        if matches!(state, ImportState::Created | ImportState::Version) {
            let entry = EntryRow { path: path.to_owned(), blob_digest: digest, document_no: row.no };
            imports::put_entry(tx.conn, run.source_no, &entry, tx.now.as_millis())?;
        }
        let counted = |wanted: ImportState| i64::from(state == wanted);
        let (created, versions) = (counted(ImportState::Created), counted(ImportState::Version));
        let had = counted(ImportState::Taken) + counted(ImportState::Trashed);
        imports::add_counts(tx.conn, run.no, created, versions, had)?;
        Ok(Imported { path: path.to_owned(), state, document_id: parse_id(&row.id)?, is_former_trashed })
    }

    /// Returns those of the documents that lie in the trash, as far as the session may know of them: of what one may not browse
    /// it is said that it was taken, and no more.
    fn trashed_of(&self, conn: &mut Conn, numbers: &[i64]) -> Result<HashSet<i64>> {
        let mut rows = objects::by_nos(conn, numbers)?;
        rows.retain(|_, row| row.trashed_at.is_some());
        let now = self.repository.clock().now();
        let mut trashed = HashSet::new();
        for (no, row) in rows {
            if self.repository.inner.access.allows(conn, &self.actor, row.scope_no, BROWSE, now)? {
                trashed.insert(no);
            }
        }
        Ok(trashed)
    }

    fn take_new(
        &self,
        tx: &mut Tx<'_>,
        run: &RunRow,
        arrived: &Arrived,
        bound: &BoundContent,
        blob: i64,
    ) -> Result<ObjectRow> {
        let place = &arrived.place;
        let dossier_name = if place.dossier.is_empty() { run.folder_name.as_str() } else { place.dossier.as_str() };
        let dossier = self.import_dossier(tx, run.folder_no, dossier_name)?;
        let parts = DocumentParts {
            name: place.document.clone(),
            title: None,
            type_id: "document".to_owned(),
            facets: Vec::new(),
            properties: Properties::new(),
            rename_when_taken: true,
            ordinal: arrived.sequence.map(|sequence| (run.no << 32) | i64::from(sequence)),
            source: None,
        };
        self.insert_document(tx, &dossier, &parts, Some((bound, blob)))
    }

    /// Returns the dossier with this name in the source's folder, making it when it is new.
    fn import_dossier(&self, tx: &mut Tx<'_>, folder_no: i64, name: &str) -> Result<ObjectRow> {
        let name = as_name(name);
        if let Some(no) = filing::child_by_name(tx.conn, folder_no, &name)?
            && let Some(row) = objects::by_no(tx.conn, no)?
        {
            let access = &self.repository.inner.access;
            match access.require(tx.conn, &self.actor, row.scope_no, ADD_CHILDREN, tx.now) {
                // What the caller may not know of has the name as anything else has it.
                Err(RepositoryError::NotFound { .. }) => {
                    let proposed = free_name(tx.conn, folder_no, &name)?;
                    return Err(RepositoryError::NameTaken { proposed });
                }
                allowed => allowed?,
            }
            if row.base == cartulary_model::BaseType::Folder.as_str() {
                return Ok(row);
            }
            let detail = format!("`{name}` is a document: give the folder of the import another name");
            return Err(RepositoryError::conflict("name_taken", detail));
        }
        let folder = objects::by_no(tx.conn, folder_no)?.ok_or_else(|| RepositoryError::not_found("the folder"))?;
        let access = &self.repository.inner.access;
        access.require(tx.conn, &self.actor, folder.scope_no, ADD_CHILDREN, tx.now)?;
        let new = NewFolder { name, type_id: Some("dossier".to_owned()), ..NewFolder::default() };
        self.insert_folder(tx, &folder, &new, Naming::OfFile)
    }

    /// Notes that a file could not be taken whole; the run's report says so.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` `import_finished`.
    pub async fn import_fault(&self, id: ObjectId, fault: ImportFault) -> Result<()> {
        let session = self.clone();
        self.transact(move |tx| {
            let run = session.open_run(tx.conn, id)?;
            imports::put_fault(tx.conn, run.no, &fault.path.replace('\0', "\u{fffd}"), &fault.code, &fault.reason)
        })
        .await?;
        Ok(())
    }

    /// Ends a run and returns its report.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn import_finish(&self, id: ObjectId) -> Result<ImportReport> {
        let session = self.clone();
        self.transact(move |tx| {
            let run = session.own_run(tx.conn, id)?;
            if run.state == "open" {
                imports::finish_run(tx.conn, run.no, tx.now.as_millis())?;
            }
            Ok(())
        })
        .await?;
        // The report looks at all files of the run: nobody's writes wait for it.
        self.import_get(id).await
    }
}

fn view(conn: &mut Conn, run: &RunRow) -> Result<ImportView> {
    Ok(ImportView {
        id: parse_id(&run.id)?,
        source: run.source.clone(),
        is_open: run.state == "open",
        created_count: run.created_count.unsigned_abs(),
        version_count: run.version_count.unsigned_abs(),
        taken_count: run.taken_count.unsigned_abs(),
        fault_count: imports::fault_count(conn, run.no)?.unsigned_abs(),
    })
}

/// Returns where a path leads; the first of several names is the dossier, deeper folders become part of the name.
fn place_of(path: &str) -> Result<Place> {
    let unfit = |detail: &str| RepositoryError::invalid("path", "invalid_path", detail);
    if path.is_empty() || path.len() > PATH_BYTES_MAX {
        return Err(unfit("a path has 1 to 16,384 bytes"));
    }
    let names: Vec<&str> = path.split('/').collect();
    if names.iter().any(|name| name.is_empty() || *name == "." || *name == "..") {
        return Err(unfit("a path is relative and has no empty names, `.` or `..`"));
    }
    let (dossier, rest) = match names.split_first() {
        Some((first, rest)) if !rest.is_empty() => (as_name(first), rest.to_vec()),
        _ => (String::new(), names),
    };
    Ok(Place { dossier, document: as_name(&rest.join(" › ")) })
}

/// Makes a name that the repository takes of any text: no U+0000 and no slash, something visible, at most 500 characters;
/// the end of a longer one is kept, where its file type stands.
pub(crate) fn as_name(text: &str) -> String {
    let mut clean: String = cartulary_model::nfc(text).replace(['\0', '/'], "\u{fffd}");
    if !clean.contains(cartulary_model::key::is_visible) {
        clean.insert(0, '\u{fffd}');
    }
    let count = clean.chars().count();
    let limit = cartulary_model::key::NAME_CHARACTERS_MAX;
    if count <= limit {
        return clean;
    }
    let tail: String = clean.chars().skip(count - (limit - 1)).collect();
    format!("…{tail}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(path: &str, dossier: &str, document: &str) {
        let expect = Place { dossier: dossier.to_owned(), document: document.to_owned() };
        assert_eq!(place_of(path).unwrap(), expect);
    }

    #[test]
    fn the_first_folder_is_the_dossier_and_deeper_ones_are_part_of_the_name() {
        check("a.pdf", "", "a.pdf");
        check("2024-001/a.pdf", "2024-001", "a.pdf");
        check("2024-001/in/b.pdf", "2024-001", "in › b.pdf");
        check("ملف/رسالة.pdf", "ملف", "رسالة.pdf");
    }

    #[test]
    fn a_path_that_leads_elsewhere_is_refused() {
        for path in ["", "/a", "a//b", "../a", "a/..", "./a"] {
            assert!(place_of(path).is_err(), "{path}");
        }
    }

    #[test]
    fn a_name_of_300_or_more_characters_keeps_its_end() {
        let name = as_name(&format!("{}.pdf", "ب".repeat(600)));
        assert_eq!(name.chars().count(), 500);
        assert!(name.ends_with(".pdf"));
    }
}
