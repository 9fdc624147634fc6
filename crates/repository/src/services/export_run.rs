//! The job of an export: chooses the objects, and writes them into a bag.
//!
//! A try that was cut begins again from nothing: what it had written was no blob yet, and is swept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use cartulary_blobs::StorageKey;
use cartulary_db::Conn;
use cartulary_model::permission::READ_PROPERTIES;
use cartulary_model::{BlobDigest, ChangeKind, PropertyDefinition, Timestamp, TypeDefinition, VocabularyDefinition};
use futures::StreamExt;
use roaring::RoaringTreemap;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc;

use crate::declarations::Declared;
use crate::module::{JobContext, JobError, JobHandler};
use crate::services::bag::form::{Description, FORMAT, FORMAT_VERSION, Principal, ROOT};
use crate::services::bag::gather::{Bytes, Gathered, Selection};
use crate::services::bag::left_out::LeftOut;
use crate::services::bag::writer::{BagWriter, Sink};
use crate::services::bag::{DESCRIPTION, content_path, object_path};
use crate::services::export_rights::Taken;
use crate::services::exports::{EXPORT, ExportScope};
use crate::store::exports::{self, ExportRow};
use crate::store::{bulk, changes, objects};
use crate::transaction::Change;
use crate::{Repository, RepositoryError, Result, Session};

/// How long a bag is kept. *Units*: milliseconds.
const KEEP_MS: i64 = 7 * 24 * 3_600_000;
/// How many objects are written between two looks whether somebody stopped it.
const OBJECTS_BETWEEN_LOOKS: u64 = 50;
/// How many pieces of a stream may wait.
const CHUNKS: usize = 8;
/// How many objects of a bulk action are read at a time.
const PAGE: i64 = 1_000;
/// How many series are measured at a time.
const SERIES_AT_ONCE: usize = 500;

#[derive(Deserialize)]
struct Payload {
    export: String,
}

/// Returns the jobs of this file.
pub(crate) fn export_handlers() -> Vec<JobHandler> {
    vec![JobHandler { kind: EXPORT, run: Arc::new(|context| Box::pin(run(context))) }]
}

async fn run(context: JobContext) -> std::result::Result<(), JobError> {
    let Payload { export } =
        serde_json::from_value(context.payload).map_err(|error| JobError::Dead(error.to_string()))?;
    let repository = context.repository;
    let look = move |conn: &mut Conn| exports::by_id(conn, &export);
    let row = repository.database().read(look).await.map_err(JobError::from)?;
    let row = row.ok_or_else(|| JobError::Dead("the export is not there".to_owned()))?;
    if row.finished_at.is_some() {
        return Ok(());
    }
    let session = repository.session_of(row.principal_no).await?;
    let scope = serde_json::from_str(&row.scope).map_err(|error| JobError::Dead(error.to_string()))?;
    match session.run_export(&row, &scope).await {
        Err(RepositoryError::Conflict { code: "no_room", detail, .. }) => Err(JobError::Dead(detail.to_string())),
        Err(error @ RepositoryError::Forbidden { .. }) => Err(JobError::Dead(error.to_string())),
        outcome => Ok(outcome?),
    }
}

/// What is said of an export while it goes on.
pub(super) struct Progress {
    /// The export's row; nothing of a bag that is written into a folder.
    pub no: Option<i64>,
    pub done: u64,
}

/// What a bag came to.
#[derive(Debug)]
pub struct WrittenBag {
    /// How many objects are in it.
    pub object_count: u64,
    /// How many the caller sees and could not take along.
    pub left_out_count: u64,
    /// What is in it.
    pub(crate) taken: Taken,
}

impl Session {
    /// Makes the bag of an export.
    async fn run_export(&self, row: &ExportRow, scope: &ExportScope) -> Result<()> {
        let (sender, receiver) = mpsc::channel(CHUNKS);
        let stream = futures::stream::unfold(receiver, |mut receiver| async {
            let chunk = receiver.recv().await?;
            Some((chunk, receiver))
        });
        let writing = async {
            let sink = Sink::Tar { name: format!("cartulary-{}", row.id), chunks: sender.clone() };
            let written = self.write_bag(sink, scope, &row.id, Some(row.no)).await;
            if written.is_err() {
                // The stream must not end as if it were whole.
                let _ = sender.send(Err(std::io::Error::other("the bag broke off"))).await;
            }
            drop(sender);
            written
        };
        let (written, staged) = tokio::join!(writing, self.content_stage(stream));
        let (taken, staged) = match (written, staged) {
            (Ok(bag), staged) => (bag.taken, staged?),
            (Err(RepositoryError::Conflict { code: "aborted", .. }), _) => return self.end_aborted(row.no).await,
            (Err(RepositoryError::Interrupted), Err(error)) | (Err(error), _) => return Err(error),
        };
        let (no, id, scope) = (row.no, row.id.clone(), scope.clone());
        self.with_blob(staged, move |tx, blob| {
            let expires_at = tx.now.as_millis() + KEEP_MS;
            exports::put_finished(tx.conn, no, Some(blob), tx.now.as_millis(), expires_at)?;
            taken.put(tx.conn, no)?;
            let done = exports::by_id(tx.conn, &id)?;
            let detail = json!({
                "export": id, "scope": scope,
                "objectCount": done.as_ref().map(|row| row.done_count),
                "leftOutCount": done.as_ref().map(|row| row.left_out_count),
            });
            tx.record(ChangeKind::Exported, Change { detail: Some(detail), ..Change::default() })
        })
        .await?;
        Ok(())
    }

    async fn end_aborted(&self, no: i64) -> Result<()> {
        self.transact(move |tx| {
            exports::put_finished(tx.conn, no, None, tx.now.as_millis(), tx.now.as_millis() + KEEP_MS)
        })
        .await?;
        Ok(())
    }

    /// Writes a bag into a folder that is made for it.
    ///
    /// # Errors
    /// As [`Session::export_create`]; `Conflict` `folder_not_empty`, `no_room`, `changed_meanwhile`.
    pub async fn export_to_folder(&self, scope: ExportScope, folder: PathBuf) -> Result<WrittenBag> {
        tokio::fs::create_dir_all(&folder).await.map_err(RepositoryError::internal)?;
        let mut entries = tokio::fs::read_dir(&folder).await.map_err(RepositoryError::internal)?;
        if entries.next_entry().await.map_err(RepositoryError::internal)?.is_some() {
            return Err(RepositoryError::conflict("folder_not_empty", "a bag is written into an empty folder"));
        }
        let id = uuid::Uuid::now_v7().to_string();
        let bag = self.write_bag(Sink::Folder(folder), &scope, &id, None).await?;
        let (count, left_out) = (bag.object_count, bag.left_out_count);
        self.transact(move |tx| {
            let detail = json!({ "export": id, "scope": scope, "objectCount": count, "leftOutCount": left_out });
            tx.record(ChangeKind::Exported, Change { detail: Some(detail), ..Change::default() })
        })
        .await?;
        Ok(bag)
    }

    async fn write_bag(&self, sink: Sink, scope: &ExportScope, id: &str, row: Option<i64>) -> Result<WrittenBag> {
        if let ExportScope::DossierVersion { dossier, number } = scope {
            return self.write_dossier_version(sink, (*dossier, *number), id, row).await;
        }
        let (session, wanted, now) = (self.clone(), scope.clone(), self.repository.clock().now());
        let choose = move |conn: &mut Conn| -> Result<(Selection, i64)> {
            let mut selection = session.choose(conn, &wanted, now)?;
            session.select_links(conn, &mut selection, now)?;
            Ok((selection, changes::last_position(conn)?))
        };
        let (selection, first_position) = self.repository.database().read(choose).await?;
        self.require_room(&selection).await?;
        let total = i64::try_from(selection.nos.len()).unwrap_or(i64::MAX);
        self.count(row, total).await?;
        let selection = Arc::new(selection);
        let mut bag = BagWriter::begin(sink, &self.repository.inner.config.work_dir).await?;
        let mut people = BTreeMap::new();
        let mut used = BTreeSet::new();
        let mut written: BTreeSet<BlobDigest> = BTreeSet::new();
        let mut progress = Progress { no: row, done: 0 };
        let (mut left_out, mut taken) = (selection.left_out.clone(), Taken::default());
        let (mut gone, mut named) = (RoaringTreemap::new(), RoaringTreemap::new());
        for no in &selection.nos {
            let Some(gathered) = self.gather_one(&selection, *no).await? else {
                gone.insert(no.unsigned_abs());
                continue;
            };
            named.extend(gathered.named.iter().map(|no| no.unsigned_abs()));
            self.note_reading(gathered.reading.clone(), json!({ "export": id })).await?;
            left_out.merge(gathered.left_out.clone());
            taken.add(gathered.nos.iter().copied(), !gathered.bytes.is_empty());
            self.write_object(&mut bag, gathered, &mut people, &mut used, &mut written).await?;
            progress.done += 1;
            if progress.done.is_multiple_of(OBJECTS_BETWEEN_LOOKS) {
                self.look(&progress, left_out.count()).await?;
            }
        }
        if !gone.is_disjoint(&named) {
            let detail = "something that the bag names went while it was written: it is begun again";
            return Err(RepositoryError::conflict("changed_meanwhile", detail));
        }
        let description = self.describe(scope, (first_position, now), people, &used, progress.done, &left_out).await?;
        let text = serde_json::to_vec_pretty(&description).map_err(RepositoryError::internal)?;
        bag.whole(DESCRIPTION, text).await?;
        let info = [
            ("External-Identifier", id.to_owned()),
            ("External-Description", "objects of an office, with their history".to_owned()),
            ("Cartulary-Format", format!("{FORMAT} {FORMAT_VERSION}")),
            ("Cartulary-Objects", progress.done.to_string()),
            ("Cartulary-Left-Out", left_out.count().to_string()),
        ];
        bag.end(&info, now).await?;
        self.look(&progress, left_out.count()).await?;
        Ok(WrittenBag { object_count: progress.done, left_out_count: left_out.count(), taken })
    }

    fn choose(&self, conn: &mut Conn, scope: &ExportScope, now: Timestamp) -> Result<Selection> {
        let mut selection = Selection::default();
        match scope {
            ExportScope::Repository => {
                let root = objects::by_no(conn, self.repository.inner.root_no)?;
                let root = root.ok_or_else(|| RepositoryError::not_found("the root folder"))?;
                self.select_tree(conn, &root, &mut selection, now)?;
                self.select_unfiled(conn, &mut selection, now)?;
                self.select_islands(conn, &mut selection, now)?;
            }
            ExportScope::Tree { object } => {
                let top = self.authorised(conn, *object, READ_PROPERTIES, now)?;
                self.select_tree(conn, &top, &mut selection, now)?;
            }
            ExportScope::BulkAction { action } => {
                let action = bulk::by_id(conn, action)?.ok_or_else(|| RepositoryError::not_found("the bulk action"))?;
                let mut offset = 0;
                loop {
                    let items = bulk::items(conn, action.no, bulk::Which::Of(bulk::DONE), offset, PAGE)?;
                    if items.is_empty() {
                        break;
                    }
                    offset += PAGE;
                    for item in items {
                        let Some(top) = objects::by_id(conn, &item.object_id)? else { continue };
                        self.select_tree(conn, &top, &mut selection, now)?;
                    }
                }
            }
            ExportScope::DossierVersion { .. } => {}
        }
        Ok(selection)
    }

    /// Refuses a bag that the disk has no room for, as far as that can be known.
    async fn require_room(&self, selection: &Selection) -> Result<()> {
        let Some(free) = self.repository.blobs().free_bytes().await else { return Ok(()) };
        let mut needed = 0;
        for some in selection.nos.chunks(SERIES_AT_ONCE) {
            let nos = some.to_vec();
            let measure = move |conn: &mut Conn| -> Result<u64> {
                let series: Vec<i64> =
                    objects::by_nos(conn, &nos)?.into_values().filter_map(|row| row.series_no).collect();
                exports::size_of(conn, &series)
            };
            needed += self.repository.database().read(measure).await?;
        }
        if needed > free {
            let detail = format!("the bag needs up to {needed} bytes, and {free} are free");
            return Err(RepositoryError::conflict("no_room", detail));
        }
        Ok(())
    }

    /// Says how many objects the bag has to take.
    pub(super) async fn count(&self, row: Option<i64>, total: i64) -> Result<()> {
        let Some(no) = row else { return Ok(()) };
        self.transact(move |tx| exports::put_counted(tx.conn, no, total, tx.now.as_millis())).await?;
        Ok(())
    }

    async fn gather_one(&self, selection: &Arc<Selection>, no: i64) -> Result<Option<Gathered>> {
        let (session, selection, now) = (self.clone(), Arc::clone(selection), self.repository.clock().now());
        let read = move |conn: &mut Conn| session.gather(conn, &selection, no, now);
        self.repository.database().read(read).await
    }

    async fn write_object(
        &self,
        bag: &mut BagWriter,
        gathered: Gathered,
        people: &mut BTreeMap<String, String>,
        used: &mut BTreeSet<String>,
        written: &mut BTreeSet<BlobDigest>,
    ) -> Result<()> {
        let object = &gathered.object;
        let id = object.id.map_or_else(|| ROOT.to_owned(), |id| id.to_string());
        let versions = object.series.iter().flat_map(|series| &series.versions).map(|version| &version.values);
        let working = object.series.iter().filter_map(|series| series.working.as_ref()).map(|copy| &copy.values);
        for values in std::iter::once(&object.values).chain(versions).chain(working) {
            used.insert(values.type_id.clone());
            used.extend(values.facets.iter().cloned());
        }
        let text = serde_json::to_vec_pretty(object).map_err(RepositoryError::internal)?;
        bag.whole(&object_path(&id), text).await?;
        people.extend(gathered.people);
        for bytes in gathered.bytes {
            if written.insert(bytes.digest) {
                self.write_bytes(bag, &bytes).await?;
            }
        }
        Ok(())
    }

    /// Copies a content into a bag.
    pub(super) async fn write_bytes(&self, bag: &mut BagWriter, bytes: &Bytes) -> Result<()> {
        let key = StorageKey::new(bytes.digest, bytes.generation);
        let mut reader = self.repository.blobs().read(&key, bytes.digest, bytes.size_bytes, None).await?;
        bag.start(&content_path(&bytes.digest.to_string()), bytes.size_bytes).await?;
        while let Some(chunk) = reader.next().await {
            bag.chunk(chunk?).await?;
        }
        bag.finish().await
    }

    /// Says how far the bag is, and ends it when somebody stopped it.
    pub(super) async fn look(&self, progress: &Progress, left_out: u64) -> Result<()> {
        let Some(no) = progress.no else { return Ok(()) };
        let (done, left_out) = (i64::try_from(progress.done), i64::try_from(left_out));
        let (done, left_out) = (done.unwrap_or(i64::MAX), left_out.unwrap_or(i64::MAX));
        let is_aborted = self
            .repository
            .database()
            .write(move |conn: &mut Conn| -> Result<bool> {
                exports::put_progress(conn, no, done, left_out)?;
                exports::is_aborted(conn, no)
            })
            .await?;
        if is_aborted {
            return Err(RepositoryError::conflict("aborted", "somebody stopped the export"));
        }
        Ok(())
    }

    async fn describe(
        &self,
        scope: &ExportScope,
        (first_position, now): (i64, Timestamp),
        people: BTreeMap<String, String>,
        used: &BTreeSet<String>,
        object_count: u64,
        left_out: &LeftOut,
    ) -> Result<Description> {
        let catalogue = self.catalogue().await?;
        let last_position = self.repository.database().read(|conn: &mut Conn| changes::last_position(conn)).await?;
        let types = catalogue.types();
        let mut named: BTreeSet<String> = used.clone();
        let is_whole = *scope == ExportScope::Repository;
        if is_whole {
            named.extend(types.iter().map(|one| one.definition.id.clone()));
        }
        for id in used {
            if let Some(found) = types.get(id) {
                named.extend(found.ancestors.iter().cloned());
                named.extend(found.definition.facets.iter().cloned());
            }
        }
        let definitions = named.iter().filter(|id| catalogue.type_token(id).is_some());
        let definitions: Vec<_> =
            definitions.filter_map(|id| types.get(id)).map(|one| one.definition.clone()).collect();
        let principal = |(key, display_name)| Principal { key, display_name };
        Ok(Description {
            format: FORMAT.to_owned(),
            version: FORMAT_VERSION,
            scope: json!(scope),
            exported_at: now,
            exported_by: format!("user:{}", self.actor.username),
            log_identity: self.repository.log_identity().to_owned(),
            positions: [first_position, last_position],
            principals: people.into_iter().map(principal).collect(),
            vocabularies: self.vocabularies_of(&definitions, is_whole).await?,
            types: definitions,
            object_count,
            left_out: left_out.named.clone(),
            left_out_count: left_out.count(),
        })
    }
}

impl Session {
    /// Returns the vocabularies declared at run time that types take their terms from, or all.
    async fn vocabularies_of(&self, types: &[TypeDefinition], all: bool) -> Result<Vec<VocabularyDefinition>> {
        fn names(properties: &[PropertyDefinition], found: &mut BTreeSet<String>) {
            for property in properties {
                found.extend(property.vocabulary.clone());
                names(&property.fields, found);
            }
        }
        let mut named = BTreeSet::new();
        types.iter().for_each(|one| names(&one.properties, &mut named));
        let declared = self.repository.database().read(|conn: &mut Conn| Declared::read(conn)).await?;
        let known = declared.vocabularies.into_iter().filter(|(id, _)| all || named.contains(id));
        Ok(known.map(|(_, (definition, _))| definition).collect())
    }
}

impl Repository {
    /// Forgets exports whose time is over, as the background does each hour; their bytes go with the garbage.
    ///
    /// # Errors
    /// The database's.
    pub async fn expire_exports(&self) -> Result<usize> {
        let before = self.clock().now().as_millis();
        self.database().write(move |conn| exports::delete_expired(conn, before, PAGE)).await
    }
}
