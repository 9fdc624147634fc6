//! What the full-text index has of an object: its entry, and one of each version whose words are others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cartulary_db::Conn;
use cartulary_index::{Entry, FullTextIndex, IndexError, Operation, PageText, ShadowIndex};
use cartulary_model::{BaseType, PropertyDefinition, PropertyKind, SlotName, Timestamp, TypeRegistry};
use serde_json::Value;

use crate::feed::blocking;
use crate::object::TextPage;
use crate::services::{ARRANGED_KIND, ARRANGED_PRODUCER, TEXT_KIND, TEXT_PRODUCER, indexed_page, read_pages};
use crate::store::blobs::{self, BlobRow, ContentRow};
use crate::store::objects::{self, ObjectRow};
use crate::store::renditions::RenditionRow;
use crate::store::versions::Latest;
use crate::store::{arrangements, filing, renditions, versions};
use crate::{Repository, RepositoryError, Result};

/// How many objects are put at once; bounds the memory that texts take.
const OBJECTS: usize = 100;

/// The index that entries are put into.
#[derive(Clone)]
pub(crate) enum Target {
    /// The one that answers.
    Live(FullTextIndex),
    /// One that is built beside it.
    Shadow(Arc<ShadowIndex>),
}

impl Target {
    fn versions_of(&self, live_nos: &[i64]) -> std::result::Result<BTreeMap<i64, BTreeSet<i64>>, IndexError> {
        match self {
            Self::Live(index) => index.versions_of(live_nos),
            Self::Shadow(index) => index.versions_of(live_nos),
        }
    }

    fn apply(&self, operations: Vec<Operation>) -> std::result::Result<(), IndexError> {
        match self {
            Self::Live(index) => index.apply(operations).map(drop),
            Self::Shadow(index) => index.apply(operations).map(drop),
        }
    }
}

/// Whether what is put gives way to an entry of the same change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    Newer,
    /// What is there at the same change is wrong.
    Repair,
}

/// A version to put: its number, that of the live object, and the position of the change.
#[derive(Clone, Copy, Debug)]
struct PastVersion {
    no: i64,
    live_no: i64,
    change: i64,
}

/// What is to be done for some objects.
#[derive(Default)]
struct Plan {
    removals: Vec<Operation>,
    drafts: Vec<Draft>,
    versions: Vec<PastVersion>,
}

/// One object, ready to be put but for its text.
struct Draft {
    entry: Entry,
    /// The texts of its contents, each with the place of the slot: 0 is the main one.
    texts: Vec<(usize, BlobRow)>,
}

/// Where the words of some objects are from, by object number.
struct Words {
    contents: BTreeMap<i64, Vec<ContentRow>>,
    /// The digests of the files that were made of arranged pages; empty where one is still to be made.
    arranged: BTreeMap<i64, String>,
    facets: BTreeMap<i64, Vec<String>>,
}

impl Words {
    fn of(conn: &mut Conn, nos: &[i64]) -> Result<Self> {
        Ok(Self {
            contents: blobs::all_contents_of(conn, nos)?,
            arranged: arranged_files(conn, nos)?,
            facets: objects::facets_among(conn, nos)?,
        })
    }

    fn contents_of(&self, no: i64) -> &[ContentRow] {
        self.contents.get(&no).map(Vec::as_slice).unwrap_or_default()
    }

    fn facets_of(&self, no: i64) -> &[String] {
        self.facets.get(&no).map(Vec::as_slice).unwrap_or_default()
    }

    /// Returns the digests whose texts are the object's, with the places of their slots.
    ///
    /// What is shown of arranged pages is found, and nothing else of the files that they are of.
    fn sources_of(&self, no: i64) -> Vec<(usize, &str)> {
        let contents = self.contents_of(no);
        let content = contents.iter().find(|content| content.slot == SlotName::MAIN).map(|content| &content.digest);
        let main = self.arranged.get(&no).or(content);
        let attachments = contents.iter().filter(|content| content.slot != SlotName::MAIN);
        let attachments = attachments.map(|content| content.digest.as_str());
        let main = main.map(|digest| (0, digest.as_str()));
        main.into_iter().chain((1..).zip(attachments)).collect()
    }

    /// Says whether two objects have the same words.
    fn are_same(&self, one: &ObjectRow, other: &ObjectRow) -> bool {
        (&one.name, &one.title, &one.properties, &one.type_id)
            == (&other.name, &other.title, &other.properties, &other.type_id)
            && self.facets_of(one.no) == self.facets_of(other.no)
            && self.sources_of(one.no) == self.sources_of(other.no)
    }
}

/// The series of some objects.
struct Series {
    live: BTreeMap<i64, ObjectRow>,
    versions: BTreeMap<i64, BTreeSet<i64>>,
    latest: BTreeMap<i64, Latest>,
    /// The objects that are their latest versions.
    latest_rows: BTreeMap<i64, ObjectRow>,
}

impl Series {
    fn of(conn: &mut Conn, rows: &BTreeMap<i64, ObjectRow>) -> Result<Self> {
        let series: BTreeSet<i64> = rows.values().filter_map(|row| row.series_no).collect();
        let numbers: Vec<i64> = series.iter().copied().collect();
        let live = objects::live_of_series(conn, &series)?;
        let live = live.into_iter().filter_map(|row| Some((row.series_no?, row))).collect();
        let latest = versions::latest(conn, &numbers)?;
        let latest_nos: Vec<i64> = latest.values().map(|latest| latest.object_no).collect();
        let latest_rows = objects::by_nos(conn, &latest_nos)?;
        Ok(Self { live, versions: versions::numbers_of(conn, &numbers)?, latest, latest_rows })
    }

    /// Returns the versions of the object of a row; none of what has none.
    fn versions_of(&self, row: &ObjectRow) -> BTreeSet<i64> {
        row.series_no.and_then(|series_no| self.versions.get(&series_no)).cloned().unwrap_or_default()
    }

    /// Returns the latest version of a series, and whether it says what the live object says.
    fn latest_of(&self, series_no: i64, words: &Words) -> Option<(i64, bool)> {
        let latest = self.latest.get(&series_no)?.object_no;
        let is_same = match (self.live.get(&series_no), self.latest_rows.get(&latest)) {
            (Some(live), Some(version)) => words.are_same(live, version),
            _ => false,
        };
        Some((latest, is_same))
    }
}

impl Repository {
    /// Puts objects, each with the position of its newest change, as they are now; takes away what has no place in the index.
    pub(crate) async fn put_entries(&self, target: &Target, touched: Vec<(i64, i64)>, put: Put) -> Result<()> {
        for some in touched.chunks(OBJECTS) {
            let (some, index, repository) = (some.to_vec(), target.clone(), self.clone());
            let nos: Vec<i64> = some.iter().map(|(no, _)| *no).collect();
            let held = blocking(move || index.versions_of(&nos)).await?;
            let plan = self.database().read(move |conn: &mut Conn| repository.plan(conn, &some, &held)).await?;
            let mut operations = plan.removals;
            self.finish(plan.drafts, put, &mut operations).await?;
            let index = target.clone();
            blocking(move || index.apply(operations)).await?;
            for some in plan.versions.chunks(OBJECTS) {
                let (some, index, repository) = (some.to_vec(), target.clone(), self.clone());
                let read = move |conn: &mut Conn| repository.drafts_of_versions(conn, &some);
                let mut operations = Vec::new();
                self.finish(self.database().read(read).await?, put, &mut operations).await?;
                blocking(move || index.apply(operations)).await?;
            }
        }
        Ok(())
    }

    /// Reads the texts of drafts.
    async fn finish(&self, drafts: Vec<Draft>, put: Put, operations: &mut Vec<Operation>) -> Result<()> {
        for draft in drafts {
            let mut entry = Box::new(draft.entry);
            for (place, blob) in draft.texts {
                match read_pages(self, &blob).await {
                    Ok(pages) => entry.pages.extend(pages.into_iter().map(|page| page_text(place, page))),
                    // The object stays findable by its name; `verify` reports the blob.
                    Err(error) => {
                        crate::repository::log_error("the text of an object cannot be read for the index", &error);
                    }
                }
            }
            operations.push(match put {
                Put::Newer => Operation::Put(entry),
                Put::Repair => Operation::Repair(entry),
            });
        }
        Ok(())
    }

    /// Says what is to be done for objects; `held` are the versions that have entries, by live object.
    fn plan(&self, conn: &mut Conn, touched: &[(i64, i64)], held: &BTreeMap<i64, BTreeSet<i64>>) -> Result<Plan> {
        let nos: Vec<i64> = touched.iter().map(|(no, _)| *no).collect();
        let rows = objects::by_nos(conn, &nos)?;
        let series = Series::of(conn, &rows)?;
        let others = series.live.values().map(|row| row.no).chain(series.latest_rows.keys().copied());
        let all: BTreeSet<i64> = nos.iter().copied().chain(others).collect();
        let words = Words::of(conn, &all.into_iter().collect::<Vec<_>>())?;
        let mut parents = self.parents_of(conn, &nos)?;
        let scopes: Vec<i64> = rows.values().map(|row| row.scope_no).collect();
        self.inner.access.meet_scopes(conn, &scopes)?;
        let drafting = Drafting::of(self, conn, &words)?;
        let mut plan = Plan::default();
        let mut wanted: BTreeMap<i64, PastVersion> = BTreeMap::new();
        for (no, change) in touched {
            let row = rows.get(no).filter(|row| self.is_indexed(row, &series));
            let Some(row) = row else {
                plan.removals.push(Operation::Remove { object_no: *no, change: *change });
                continue;
            };
            let latest = row.series_no.and_then(|series_no| series.latest_of(series_no, &words));
            if row.role == objects::VERSION {
                let live = row.series_no.and_then(|series_no| series.live.get(&series_no));
                if let Some(live) = live.filter(|_| latest != Some((*no, true))) {
                    wanted.insert(*no, PastVersion { no: *no, live_no: live.no, change: *change });
                }
                continue;
            }
            let mut draft = drafting.draft(conn, row, *change)?;
            draft.entry.stands_for = match latest {
                None => Some(*no),
                Some((version, is_same)) => is_same.then_some(version),
            };
            // What lies in several folders is found in each of them.
            let mut folders = parents.remove(no).unwrap_or_default().into_iter();
            draft.entry.dossier_no = folders.next();
            draft.entry.ancestors = folders.collect();
            plan.drafts.push(draft);
            let present = series.versions_of(row);
            let held = held.get(no).cloned().unwrap_or_default();
            let gone = held.difference(&present);
            plan.removals.extend(gone.map(|no| Operation::Remove { object_no: *no, change: *change }));
            for version in present.difference(&held).filter(|version| latest != Some((**version, true))) {
                wanted.entry(*version).or_insert(PastVersion { no: *version, live_no: *no, change: *change });
            }
        }
        plan.versions = wanted.into_values().collect();
        Ok(plan)
    }

    /// Says whether an object is found by words: the live one, or the version of a live one.
    fn is_indexed(&self, row: &ObjectRow, series: &Series) -> bool {
        match row.role.as_str() {
            objects::LIVE => {
                row.trashed_at.is_none() && row.base != objects::RELATIONSHIP && row.no != self.inner.root_no
            }
            objects::VERSION => {
                let live = row.series_no.and_then(|series_no| series.live.get(&series_no));
                live.is_some_and(|live| live.trashed_at.is_none())
            }
            _ => false,
        }
    }

    /// Returns the folders that objects lie in, but for the root and the trash.
    fn parents_of(&self, conn: &mut Conn, nos: &[i64]) -> Result<BTreeMap<i64, Vec<i64>>> {
        let mut parents: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for filing in filing::filings_of(conn, nos)? {
            if !filing.is_trashed && filing.parent_no != self.inner.root_no {
                parents.entry(filing.child_no).or_default().push(filing.parent_no);
            }
        }
        Ok(parents)
    }

    fn drafts_of_versions(&self, conn: &mut Conn, some: &[PastVersion]) -> Result<Vec<Draft>> {
        let nos: Vec<i64> = some.iter().map(|version| version.no).collect();
        let rows = objects::by_nos(conn, &nos)?;
        let words = Words::of(conn, &nos)?;
        let drafting = Drafting::of(self, conn, &words)?;
        let mut drafts = Vec::with_capacity(some.len());
        for version in some {
            // One that was destroyed meanwhile is a change that is still to come.
            let Some(row) = rows.get(&version.no) else { continue };
            let mut draft = drafting.draft(conn, row, version.change)?;
            draft.entry.past_of = Some(version.live_no);
            draft.entry.stands_for = Some(version.no);
            drafts.push(draft);
        }
        Ok(drafts)
    }

    /// Takes those versions of live objects that have entries of their own from `indexed`, which has live objects by
    /// version, and returns those that have none and should.
    pub(crate) fn versions_without_entries(
        conn: &mut Conn,
        live: &[ObjectRow],
        indexed: &mut BTreeMap<i64, i64>,
    ) -> Result<Vec<i64>> {
        let rows: BTreeMap<i64, ObjectRow> = live.iter().map(|row| (row.no, row.clone())).collect();
        let series = Series::of(conn, &rows)?;
        let nos: Vec<i64> = rows.keys().chain(series.latest_rows.keys()).copied().collect();
        let words = Words::of(conn, &nos)?;
        let mut missing = Vec::new();
        for row in live {
            let latest = row.series_no.and_then(|series_no| series.latest_of(series_no, &words));
            for version in series.versions_of(row) {
                let is_held = indexed.remove(&version) == Some(row.no);
                if !is_held && latest != Some((version, true)) {
                    missing.push(version);
                }
            }
        }
        Ok(missing)
    }
}

/// What makes drafts of rows.
struct Drafting<'a> {
    words: &'a Words,
    texts: BTreeMap<String, RenditionRow>,
    catalogue: Arc<crate::declarations::Catalogue>,
}

impl<'a> Drafting<'a> {
    fn of(repository: &Repository, conn: &mut Conn, words: &'a Words) -> Result<Self> {
        let digests = words.contents.values().flatten().map(|content| content.digest.clone());
        let digests: Vec<String> = digests.chain(words.arranged.values().cloned()).collect();
        let texts = renditions::of_sources(conn, &digests, TEXT_KIND, TEXT_PRODUCER)?;
        Ok(Self { words, texts, catalogue: repository.inner.declarations.present(conn)? })
    }

    /// Returns an object as the index takes it, without its place among others.
    fn draft(&self, conn: &mut Conn, row: &ObjectRow, change: i64) -> Result<Draft> {
        let mut texts = Vec::new();
        for (place, digest) in self.words.sources_of(row.no) {
            if let Some(blob_no) = self.texts.get(digest).and_then(|text| text.blob_no) {
                texts.extend(blobs::by_no(conn, blob_no)?.map(|blob| (place, blob)));
            }
        }
        let mut entry = entry(self.catalogue.types(), row, self.words.facets_of(row.no), change)?;
        let content = self.words.contents_of(row.no).iter().find(|content| content.slot == SlotName::MAIN);
        entry.media_type = content.map(|content| content.media_type.clone());
        Ok(Draft { entry, texts })
    }
}

/// Returns an object as the index takes it, without its place and its text.
fn entry(types: &TypeRegistry, row: &ObjectRow, facets: &[String], change: i64) -> Result<Entry> {
    let mut properties: serde_json::Map<String, Value> =
        serde_json::from_str(&row.properties).map_err(RepositoryError::internal)?;
    let mut unsearched = BTreeSet::new();
    for definition in types.properties_of(&row.type_id, facets) {
        note_unsearched(definition, "", &mut unsearched);
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
        name: row.name.clone(),
        title: row.title.clone(),
        properties,
        unsearched,
        created_ms: row.created_at,
        modified_ms: row.modified_at,
        ..Entry::default()
    })
}

/// Notes a property, or the fields of one, whose words a search does not find.
fn note_unsearched(definition: &PropertyDefinition, above: &str, unsearched: &mut BTreeSet<String>) {
    let path = format!("{above}{}", definition.id);
    if !definition.full_text {
        unsearched.insert(path);
        return;
    }
    for field in &definition.fields {
        note_unsearched(field, &format!("{path}."), unsearched);
    }
}

fn page_text(place: usize, page: TextPage) -> PageText {
    PageText { page_number: indexed_page(place, page.page_number), text: page.text, language: page.language }
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
