//! Keeps the full-text index true: reads the change log from the index's own checkpoint and puts what changed.
//!
//! The checkpoint is kept with the index, in its commit, so that a crash repeats work and never skips any.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use cartulary_db::Conn;
use cartulary_index::{Checkpoint, Entry, Operation, PageText};
use cartulary_model::{BaseType, PropertyKind, SlotName, Timestamp, TypeRegistry};
use serde_json::Value;

use crate::object::TextPage;
use crate::services::{ARRANGED_KIND, ARRANGED_PRODUCER, TEXT_KIND, TEXT_PRODUCER, indexed_page, read_pages};
use crate::store::blobs::{self, BlobRow};
use crate::store::changes::{self, ChangeRow};
use crate::store::objects::{self, ObjectRow};
use crate::store::{arrangements, filing, renditions};
use crate::{Repository, RepositoryError, Result};

/// How many changes are read at a time.
const CHANGES: i64 = 1_000;
/// After so many changes the index commits, however many more there are.
const COMMIT_CHANGES: usize = 20_000;
/// After so long the index commits, however fast changes come.
const COMMIT_AFTER: Duration = Duration::from_secs(2);
/// How many objects are put before the index is given a rest; bounds the memory that texts take.
const OBJECTS: usize = 100;
/// How long the feed waits for more after a first change, so that one commit of the index serves many.
const GATHER: Duration = Duration::from_millis(100);
/// While changes come, the feed works for one part of the time and rests for so many, unless somebody waits for it: a
/// commit of the index costs many times what the few changes of a moment do.
const REST_PARTS: u32 = 9;
/// How long that rest is at most.
const REST_MAX: Duration = Duration::from_secs(2);
/// How long it waits for news at most; other nodes do not wake it.
const IDLE: Duration = Duration::from_secs(1);
/// After how many turns without news the index rests.
const REST_AFTER: u32 = 5;
/// How many holders of a rendition are read at a time.
const HOLDERS: i64 = 1_000;

/// Feeds the index until `stop` says so.
pub(crate) async fn run(repository: Repository, mut stop: tokio::sync::watch::Receiver<bool>) {
    let mut commits = repository.database().commits();
    let mut idle_turns = 0;
    loop {
        let began = Instant::now();
        let fed = repository.feed_once().await;
        if fed.is_ok()
            && let Ok(mut at) = repository.inner.fed.lock()
        {
            *at = Instant::now();
        }
        match fed {
            Ok(0) => {
                idle_turns += 1;
                if idle_turns == REST_AFTER {
                    rest(&repository).await;
                }
            }
            Ok(_) => {
                idle_turns = 0;
                let pause = began.elapsed().saturating_mul(REST_PARTS).clamp(GATHER, REST_MAX);
                tokio::select! {
                    _ = stop.changed() => return,
                    () = repository.inner.index_wanted.notified() => {}
                    () = tokio::time::sleep(pause) => {}
                }
                continue;
            }
            Err(error) => crate::repository::log_error("the index feed failed and goes on later", &error),
        }
        tokio::select! {
            _ = stop.changed() => return,
            _ = commits.changed() => tokio::select! {
                () = repository.inner.index_wanted.notified() => {}
                () = tokio::time::sleep(GATHER) => {}
            },
            () = tokio::time::sleep(IDLE) => {}
        }
        if *stop.borrow() {
            return;
        }
    }
}

/// Lets the index give back what only writing needs.
async fn rest(repository: &Repository) {
    let index = repository.inner.index.clone();
    if let Err(error) = blocking(move || index.rest()).await {
        crate::repository::log_error("the index found no rest", &error);
    }
}

/// Reads the whole index once after the start, and builds it anew when its files are damaged.
pub(crate) async fn check_files(repository: Repository) {
    let index = repository.inner.index.clone();
    let checked = tokio::task::spawn_blocking(move || index.verify_files()).await;
    let is_damaged = matches!(checked, Ok(Err(cartulary_index::IndexError::Damaged { .. })));
    if !is_damaged {
        return;
    }
    tracing::warn!("the files of the index are damaged: it is built anew");
    if let Err(error) = repository.reindex(|_| {}).await {
        crate::repository::log_error("the index could not be built anew", &error);
    }
}

/// What a batch of changes asks for.
pub(crate) struct Batch {
    pub position: i64,
    pub count: usize,
    /// Objects to look at, each with the position of its newest change.
    pub touched: BTreeMap<i64, i64>,
}

/// One object, ready to be put but for its text.
pub(crate) struct Draft {
    entry: Entry,
    /// The texts of its contents, each with the place of the slot: 0 is the main one.
    texts: Vec<(usize, BlobRow)>,
}

impl Repository {
    /// Brings the index forward by what changed, as far as one commit should go; returns how many changes they were.
    pub(crate) async fn feed_once(&self) -> Result<usize> {
        let _held = self.inner.feeding.lock().await;
        let began = Instant::now();
        let mut position = *self.inner.indexed.borrow();
        let mut count = 0;
        while count < COMMIT_CHANGES && began.elapsed() < COMMIT_AFTER {
            let batch = self.database().read(move |conn: &mut Conn| read_batch(conn, position)).await?;
            let Some(batch) = batch else { break };
            let touched: Vec<(i64, i64)> = batch.touched.into_iter().collect();
            for some in touched.chunks(OBJECTS) {
                let operations = self.operations(some.to_vec()).await?;
                let index = self.inner.index.clone();
                blocking(move || index.apply(operations)).await?;
            }
            position = batch.position;
            count += batch.count;
        }
        if count > 0 {
            self.commit_index(position).await?;
        }
        Ok(count)
    }

    async fn commit_index(&self, position: i64) -> Result<()> {
        let checkpoint = Checkpoint { log_identity: self.inner.log_identity.clone(), position };
        let index = self.inner.index.clone();
        blocking(move || index.commit(checkpoint)).await?;
        self.inner.indexed.send_replace(position);
        Ok(())
    }

    /// Returns what to do in the index for objects, each with the position of its newest change.
    pub(crate) async fn operations(&self, touched: Vec<(i64, i64)>) -> Result<Vec<Operation>> {
        let repository = self.clone();
        let drafts = self.database().read(move |conn: &mut Conn| repository.drafts(conn, &touched)).await?;
        let mut operations = Vec::with_capacity(drafts.len());
        for draft in drafts {
            match draft {
                Err((object_no, change)) => operations.push(Operation::Remove { object_no, change }),
                Ok(draft) => operations.push(Operation::Put(Box::new(self.finish(draft).await?))),
            }
        }
        Ok(operations)
    }

    async fn finish(&self, draft: Draft) -> Result<Entry> {
        let mut entry = draft.entry;
        for (place, blob) in draft.texts {
            match read_pages(self, &blob).await {
                Ok(pages) => entry.pages.extend(pages.into_iter().map(|page| page_text(place, page))),
                // The object stays findable by its name; `verify` reports the blob.
                Err(error) => {
                    crate::repository::log_error("the text of an object cannot be read for the index", &error);
                }
            }
        }
        Ok(entry)
    }

    /// Returns the objects as drafts; those that have no place in the index as number and change.
    fn drafts(&self, conn: &mut Conn, touched: &[(i64, i64)]) -> Result<Vec<std::result::Result<Draft, (i64, i64)>>> {
        let nos: Vec<i64> = touched.iter().map(|(no, _)| *no).collect();
        let rows = objects::by_nos(conn, &nos)?;
        let contents = blobs::all_contents_of(conn, &nos)?;
        let arranged = arranged_files(conn, &nos)?;
        let digests = contents.values().flatten().map(|content| content.digest.clone());
        let digests: Vec<String> = digests.chain(arranged.values().cloned()).collect();
        let texts = renditions::of_sources(conn, &digests, TEXT_KIND, TEXT_PRODUCER)?;
        let facets = objects::facets_among(conn, &nos)?;
        let catalogue = self.inner.declarations.present(conn)?;
        let root = self.inner.root_no;
        let mut parents: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for filing in filing::filings_of(conn, &nos)? {
            if !filing.is_trashed && filing.parent_no != root {
                parents.entry(filing.child_no).or_default().push(filing.parent_no);
            }
        }
        let scopes: Vec<i64> = rows.values().map(|row| row.scope_no).collect();
        self.inner.access.meet_scopes(conn, &scopes)?;
        let mut drafts = Vec::with_capacity(touched.len());
        for (no, change) in touched {
            let is_found = |row: &&ObjectRow| {
                row.trashed_at.is_none()
                    && row.role == objects::LIVE
                    && row.base != objects::RELATIONSHIP
                    && row.no != root
            };
            let row = rows.get(no).filter(is_found);
            let Some(row) = row else {
                drafts.push(Err((*no, *change)));
                continue;
            };
            let mine = contents.get(no).map(Vec::as_slice).unwrap_or_default();
            let content = mine.iter().find(|content| content.slot == SlotName::MAIN);
            let attachments = mine.iter().filter(|content| content.slot != SlotName::MAIN);
            let mut drafted = Vec::new();
            for (place, content) in (0..).zip(std::iter::once(content).chain(attachments.map(Some))) {
                let digest = content.map(|content| &content.digest);
                // What is shown of arranged pages is found, and nothing else of the files that they are of.
                let digest = if place == 0 { arranged.get(no).or(digest) } else { digest };
                let text_no = digest.and_then(|digest| texts.get(digest)).and_then(|text| text.blob_no);
                if let Some(blob) = text_no {
                    drafted.extend(blobs::by_no(conn, blob)?.map(|blob| (place, blob)));
                }
            }
            let attached = facets.get(no).map(Vec::as_slice).unwrap_or_default();
            let mut entry = entry(catalogue.types(), row, attached, *change)?;
            // What lies in several folders is found in each of them.
            let mut folders = parents.remove(no).unwrap_or_default().into_iter();
            entry.dossier_no = folders.next();
            entry.ancestors = folders.collect();
            entry.media_type = content.map(|content| content.media_type.clone());
            drafts.push(Ok(Draft { entry, texts: drafted }));
        }
        Ok(drafts)
    }
}

/// Returns an object as the index takes it, without its place and its text.
fn entry(types: &TypeRegistry, row: &ObjectRow, facets: &[String], change: i64) -> Result<Entry> {
    let mut properties: serde_json::Map<String, Value> =
        serde_json::from_str(&row.properties).map_err(RepositoryError::internal)?;
    for definition in types.properties_of(&row.type_id, facets) {
        if definition.kind == PropertyKind::Datetime
            && let Some(Value::String(text)) = properties.get(&definition.id)
            && let Ok(instant) = Timestamp::parse(text)
        {
            properties.insert(definition.id.clone(), Value::from(instant.as_millis()));
        }
    }
    Ok(Entry {
        object_no: row.no,
        change,
        scope: row.scope_no,
        type_id: row.type_id.clone(),
        is_folder: row.base == BaseType::Folder.as_str(),
        dossier_no: None,
        ancestors: Vec::new(),
        name: row.name.clone(),
        title: row.title.clone(),
        properties,
        media_type: None,
        created_ms: row.created_at,
        modified_ms: row.modified_at,
        pages: Vec::new(),
    })
}

fn page_text(place: usize, page: TextPage) -> PageText {
    PageText { page_number: indexed_page(place, page.page_number), text: page.text, language: page.language }
}

/// Runs work of the index on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::result::Result<T, cartulary_index::IndexError> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await.map_err(RepositoryError::internal)?;
    done.map_err(|error| RepositoryError::Unavailable { what: "the full-text index", source: Some(Box::new(error)) })
}

/// Returns the changes after a position as a batch; nothing when there are none.
pub(crate) fn read_batch(conn: &mut Conn, position: i64) -> Result<Option<Batch>> {
    let rows = changes::after(conn, position, CHANGES)?;
    let Some(last) = rows.last().and_then(|row| row.position) else { return Ok(None) };
    let mut touched = BTreeMap::new();
    for row in rows.iter().filter(|row| !row.audit_only) {
        let at = row.position.unwrap_or_default();
        if let Some(no) = row.object_no {
            touched.insert(no, at);
        }
        for no in holders_of(conn, row)? {
            touched.insert(no, at);
        }
    }
    Ok(Some(Batch { position: last, count: rows.len(), touched }))
}

/// Returns the digests of the files that were made of the arranged pages of objects, by object number; nothing that can be
/// found where one is still to be made.
fn arranged_files(conn: &mut Conn, nos: &[i64]) -> Result<BTreeMap<i64, String>> {
    let arranged = arrangements::of_objects(conn, nos)?;
    let digests: Vec<String> = arranged.values().map(|one| one.digest.clone()).collect();
    let made = renditions::of_sources(conn, &digests, ARRANGED_KIND, ARRANGED_PRODUCER)?;
    let mut files = BTreeMap::new();
    for (no, one) in arranged {
        let blob_no = made.get(&one.digest).and_then(|made| made.blob_no);
        let blob = blob_no.map(|no| blobs::by_no(conn, no)).transpose()?.flatten();
        files.insert(no, blob.map_or_else(String::new, |blob| blob.digest));
    }
    Ok(files)
}

/// Returns the objects that hold what a rendition was made of.
pub(crate) fn holders_of(conn: &mut Conn, row: &ChangeRow) -> Result<BTreeSet<i64>> {
    let mut holders = BTreeSet::new();
    if row.kind != "rendition" {
        return Ok(holders);
    }
    let detail: Value = serde_json::from_str(&row.detail).unwrap_or_default();
    let Some(digest) = detail.get("digest").and_then(Value::as_str) else { return Ok(holders) };
    holders.extend(arrangements::showing(conn, digest, ARRANGED_KIND)?);
    let mut after = 0;
    loop {
        let page = blobs::holders(conn, digest, after, HOLDERS)?;
        let Some((last, _)) = page.last() else { return Ok(holders) };
        after = last.object_no;
        holders.extend(page.iter().map(|(content, _)| content.object_no));
    }
}
