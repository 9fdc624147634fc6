//! Which objects go into a bag, and what stands there of each: of what the caller may see and read.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::Conn;
use cartulary_model::permission::{
    BROWSE, EXPORT_CONFIDENTIAL, MANAGE_LEGAL_HOLD, READ_CHILDREN, READ_CONTENT, READ_PROPERTIES, READ_SECURITY,
};
use cartulary_model::{BaseType, BlobDigest, Timestamp};
use roaring::RoaringTreemap;

use super::form::{
    BagAccess, BagContent, BagDossierVersion, BagEntry, BagObject, BagPlace, BagSeries, BagSource, BagVersion,
    LeftOutOfBag, Values,
};
use super::kept;
use crate::bootstrap::parse_id;
use crate::declarations::Catalogue;
use crate::services::detail::{properties_of, source_of};
use crate::services::manifest;
use crate::services::readings::Reading;
use crate::store::acl::{self, EntryRow};
use crate::store::exports::{self, SlotRow};
use crate::store::objects::{self, ObjectRow};
use crate::store::principals::{self, PrincipalRow};
use crate::store::{dossier_versions, versions};
use crate::{RepositoryError, Result, Session};

/// The facet that marks an object as confidential.
const CONFIDENTIAL: &str = "confidential";
/// How many children are read at a time.
const PAGE: i64 = 1_000;
/// How many objects that are left out are named.
const NAMED_MAX: usize = 1_000;
/// What is left out of an object, or of an object's history: the reasons.
const BY_CONFIDENTIAL: &str = "confidential";
const BY_PROPERTIES: &str = "properties";
const BY_CONTENT: &str = "content";
const BY_CHILDREN: &str = "children";
const BY_MEMBERS: &str = "members";

/// The objects of a bag.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// Their numbers, folders before what lies in them.
    pub nos: Vec<i64>,
    /// The same as a set.
    pub set: RoaringTreemap,
    /// What the caller sees and cannot take along.
    pub left_out: LeftOut,
}

/// What the caller cannot take along.
#[derive(Debug, Default)]
pub(crate) struct LeftOut {
    pub named: Vec<LeftOutOfBag>,
    pub count: u64,
}

impl LeftOut {
    fn add(&mut self, id: &str, reason: &str) -> Result<()> {
        self.count += 1;
        if self.named.len() < NAMED_MAX {
            self.named.push(LeftOutOfBag { id: parse_id(id)?, reason: reason.to_owned() });
        }
        Ok(())
    }
}

impl Selection {
    fn contains(&self, no: i64) -> bool {
        self.set.contains(no.unsigned_abs())
    }

    fn take(&mut self, no: i64) -> bool {
        let is_new = self.set.insert(no.unsigned_abs());
        if is_new {
            self.nos.push(no);
        }
        is_new
    }
}

/// Where the bytes of a content lie.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bytes {
    pub digest: BlobDigest,
    pub generation: u32,
    pub size_bytes: u64,
}

/// An object of a bag, and what else belongs to it.
#[derive(Debug)]
pub(crate) struct Gathered {
    pub object: BagObject,
    pub bytes: BTreeSet<Bytes>,
    /// Names that people read, by key.
    pub people: BTreeMap<String, String>,
    pub reading: Option<Reading>,
    pub left_out: LeftOut,
}

impl Session {
    /// Adds an object with all that lies in it to a selection, of what the caller may take along.
    pub(crate) fn select_tree(
        &self,
        conn: &mut Conn,
        top: &ObjectRow,
        selection: &mut Selection,
        now: Timestamp,
    ) -> Result<()> {
        let mut fringe = Vec::new();
        if self.select(conn, top, selection, now)? && is_folder(top) {
            fringe.push(top.clone());
        }
        while let Some(folder) = fringe.pop() {
            let access = &self.repository.inner.access;
            if !access.allows(conn, &self.actor, folder.scope_no, READ_CHILDREN, now)? {
                selection.left_out.add(&folder.id, BY_CHILDREN)?;
                continue;
            }
            let mut after = 0;
            loop {
                let children = exports::children_page(conn, folder.no, after, PAGE)?;
                let Some(last) = children.last() else { break };
                after = last.no;
                for child in &children {
                    if self.select(conn, child, selection, now)? && is_folder(child) {
                        fringe.push(child.clone());
                    }
                }
            }
        }
        Ok(())
    }

    /// Adds what lies in no folder.
    pub(crate) fn select_unfiled(&self, conn: &mut Conn, selection: &mut Selection, now: Timestamp) -> Result<()> {
        let mut after = 0;
        loop {
            let rows = exports::unfiled_page(conn, after, PAGE)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.no;
            for row in &rows {
                self.select(conn, row, selection, now)?;
            }
        }
    }

    /// Adds one object; says whether it is new there.
    fn select(&self, conn: &mut Conn, row: &ObjectRow, selection: &mut Selection, now: Timestamp) -> Result<bool> {
        if row.role != objects::LIVE || row.trashed_at.is_some() || selection.contains(row.no) {
            return Ok(false);
        }
        match self.refusal(conn, row, now)? {
            Some(Some(reason)) => selection.left_out.add(&row.id, reason)?,
            Some(None) => {}
            None => return Ok(selection.take(row.no)),
        }
        Ok(false)
    }

    /// Returns why an object may not be taken along: nothing when it may, no reason when the caller may not know of it.
    fn refusal(&self, conn: &mut Conn, row: &ObjectRow, now: Timestamp) -> Result<Option<Option<&'static str>>> {
        let access = &self.repository.inner.access;
        if !access.allows(conn, &self.actor, row.scope_no, BROWSE, now)? {
            return Ok(Some(None));
        }
        if !access.allows(conn, &self.actor, row.scope_no, READ_PROPERTIES, now)? {
            return Ok(Some(Some(BY_PROPERTIES)));
        }
        if access.allows(conn, &self.actor, row.scope_no, EXPORT_CONFIDENTIAL, now)? {
            return Ok(None);
        }
        Ok(self.is_confidential(conn, row)?.then_some(Some(BY_CONFIDENTIAL)))
    }

    /// Says whether an object, or any of its versions, is marked as confidential, or is of a type that is.
    pub(crate) fn is_confidential(&self, conn: &mut Conn, row: &ObjectRow) -> Result<bool> {
        let catalogue = self.repository.inner.declarations.present(conn)?;
        let mut nos = vec![row.no];
        if let Some(series) = row.series_no {
            nos.extend(exports::versions_of(conn, series)?.into_iter().map(|(version, _)| version.object_no));
        }
        let facets = objects::facets_among(conn, &nos)?.into_values().flatten().collect::<BTreeSet<_>>();
        Ok(facets.contains(CONFIDENTIAL) || bears(&catalogue, &row.type_id))
    }

    /// Returns what a bag says of an object; nothing when it is gone, or no longer the caller's to take along.
    pub(crate) fn gather(
        &self,
        conn: &mut Conn,
        selection: &Selection,
        no: i64,
        now: Timestamp,
    ) -> Result<Option<Gathered>> {
        let catalogue = self.repository.inner.declarations.present(conn)?;
        let row = objects::by_no(conn, no)?.filter(|row| row.trashed_at.is_none());
        let Some(row) = row else { return Ok(None) };
        if self.refusal(conn, &row, now)?.is_some() {
            return Ok(None);
        }
        let access = &self.repository.inner.access;
        let may_read_content = access.allows(conn, &self.actor, row.scope_no, READ_CONTENT, now)?;
        let may_see_holds = access.allows(conn, &self.actor, row.scope_no, MANAGE_LEGAL_HOLD, now)?;
        let mut gathering = Gathering { may_read_content, may_see_holds, ..Gathering::of_whole() };
        let is_root = row.no == self.repository.inner.root_no;
        let may_read_security =
            self.repository.inner.access.allows(conn, &self.actor, row.scope_no, READ_SECURITY, now)?;
        let object = BagObject {
            id: if is_root { None } else { Some(parse_id(&row.id)?) },
            base: row.base.clone(),
            values: gathering.values(conn, &row)?,
            created_at: at(row.created_at),
            created_by: gathering.person(conn, row.created_by)?,
            modified_at: at(row.modified_at),
            modified_by: gathering.person(conn, row.modified_by)?,
            places: self.places_in_bag(conn, selection, &row)?,
            unfiled_at: exports::unfiled_at(conn, row.no)?.map(at),
            access: if may_read_security { self.own_access(conn, &row, &mut gathering)? } else { None },
            series: match row.series_no {
                Some(series) => Some(gathering.series(conn, series)?),
                None => None,
            },
            dossier_versions: match catalogue.is_dossier(&row.type_id) {
                true => gathering.dossier_versions(conn, selection, &row)?,
                false => Vec::new(),
            },
        };
        let reading = self.reading_of(conn, &row)?;
        let Gathering { people, bytes, left_out, .. } = gathering;
        Ok(Some(Gathered { object, bytes, people, reading, left_out }))
    }

    /// Returns the folders of the bag that an object lies in; one that lies in none of them lies at its top.
    fn places_in_bag(&self, conn: &mut Conn, selection: &Selection, row: &ObjectRow) -> Result<Vec<BagPlace>> {
        let root = self.repository.inner.root_no;
        let all = exports::places_of(conn, row.no)?;
        let mut places = Vec::with_capacity(all.len());
        for place in &all {
            if !selection.contains(place.parent_no) {
                continue;
            }
            let folder = if place.parent_no == root { None } else { Some(parse_id(&place.parent_id)?) };
            places.push(BagPlace { folder, ordinal: place.ordinal, filed_at: at(place.filed_at) });
        }
        if places.is_empty()
            && let Some(first) = all.first()
        {
            places.push(BagPlace { folder: None, ordinal: first.ordinal, filed_at: at(first.filed_at) });
        }
        Ok(places)
    }

    fn own_access(&self, conn: &mut Conn, row: &ObjectRow, gathering: &mut Gathering) -> Result<Option<BagAccess>> {
        let Some(scope) = acl::scope_by_no(conn, row.scope_no)? else { return Ok(None) };
        let is_own = match row.base == BaseType::Folder.as_str() {
            true => crate::services::access_lists::has_own_list(conn, row, scope.acl_row_no)?,
            false => scope.kind != acl::FOLDER,
        };
        if !is_own {
            return Ok(None);
        }
        let inherits = acl::row(conn, scope.acl_row_no)?.is_none_or(|list| list.inherits);
        let mut entries = Vec::new();
        for entry in acl::entries_of(conn, scope.acl_row_no)? {
            let EntryRow { list, principal_no, permission, grants, begin_at, end_at, .. } = entry;
            let principal = gathering.person(conn, principal_no)?;
            let (begin_at, end_at) = (begin_at.map(at), end_at.map(at));
            entries.push(BagEntry { list, principal, permission, grants, begin_at, end_at });
        }
        Ok(Some(BagAccess { inherits, entries }))
    }
}

/// What is found on the way.
pub(crate) struct Gathering {
    may_read_content: bool,
    /// Whether the legal holds may be named.
    may_see_holds: bool,
    people: BTreeMap<String, String>,
    known: BTreeMap<i64, String>,
    bytes: BTreeSet<Bytes>,
    left_out: LeftOut,
}

impl Gathering {
    /// Begins, for whoever may read everything.
    pub(crate) fn of_whole() -> Self {
        Self {
            may_read_content: true,
            may_see_holds: true,
            people: BTreeMap::new(),
            known: BTreeMap::new(),
            bytes: BTreeSet::new(),
            left_out: LeftOut::default(),
        }
    }

    /// Returns where the bytes lie of all contents that were met.
    pub(crate) fn into_bytes(self) -> BTreeSet<Bytes> {
        self.bytes
    }

    fn person(&mut self, conn: &mut Conn, no: i64) -> Result<String> {
        if let Some(key) = self.known.get(&no) {
            return Ok(key.clone());
        }
        let row = principals::by_no(conn, no)?.ok_or_else(|| RepositoryError::internal("a principal is missing"))?;
        let key = key_of(&row);
        self.known.insert(no, key.clone());
        self.people.insert(key.clone(), row.display_name);
        Ok(key)
    }

    /// Returns what an object or a version has.
    pub(crate) fn values(&mut self, conn: &mut Conn, row: &ObjectRow) -> Result<Values> {
        let slots = exports::slots_of(conn, &[row.no])?.remove(&row.no).unwrap_or_default();
        let mut contents = BTreeMap::new();
        for slot in slots {
            if !self.may_read_content {
                self.left_out.add(&row.id, BY_CONTENT)?;
                continue;
            }
            let (name, content) = self.content(slot)?;
            contents.insert(name, content);
        }
        Ok(Values {
            type_id: row.type_id.clone(),
            name: row.name.clone(),
            title: row.title.clone(),
            facets: objects::facets_of(conn, row.no)?,
            properties: properties_of(row)?,
            source: source_of(row).map(|source| BagSource { system: source.system, id: source.id }),
            contents,
        })
    }

    fn content(&mut self, slot: SlotRow) -> Result<(String, BagContent)> {
        let digest: BlobDigest = slot.digest.parse().map_err(RepositoryError::internal)?;
        let size_bytes = slot.size_bytes.unsigned_abs();
        self.bytes.insert(Bytes { digest, generation: slot.generation.unsigned_abs(), size_bytes });
        let content = BagContent {
            digest: slot.digest,
            size_bytes,
            media_type: slot.media_type,
            file_name: slot.file_name,
            file_name_raw: slot.file_name_raw.map(hex::encode),
        };
        Ok((slot.slot, content))
    }

    fn series(&mut self, conn: &mut Conn, no: i64) -> Result<BagSeries> {
        let series = versions::series(conn, no)?.ok_or_else(|| RepositoryError::internal("a series is missing"))?;
        let mut all = Vec::new();
        for (version, row) in exports::versions_of(conn, no)? {
            all.push(BagVersion {
                id: parse_id(&row.id)?,
                major: version.major,
                minor: version.minor,
                values: self.values(conn, &row)?,
                comment: version.comment,
                made_at: at(version.made_at),
                made_by: self.person(conn, version.made_by)?,
                kept: kept::gather(conn, version.object_no, self.may_see_holds)?,
            });
        }
        Ok(BagSeries {
            id: parse_id(&exports::series_id(conn, no)?)?,
            destroyed: [series.destroyed_major, series.destroyed_minor],
            clock: at(series.clock),
            versions: all,
        })
    }

    /// Returns the versions of a dossier that name nothing but what is in the bag.
    fn dossier_versions(
        &mut self,
        conn: &mut Conn,
        selection: &Selection,
        dossier: &ObjectRow,
    ) -> Result<Vec<BagDossierVersion>> {
        let mut all = Vec::new();
        for row in exports::dossier_versions_of(conn, dossier.no)? {
            let members = dossier_versions::members(conn, row.no)?;
            if !members.iter().all(|member| selection.contains(member.live_no)) {
                self.left_out.add(&row.id, BY_MEMBERS)?;
                continue;
            }
            let text = match exports::kept_manifest(conn, row.no)? {
                Some(text) => text,
                None => manifest::text_of(conn, &row, &members)?,
            };
            all.push(BagDossierVersion {
                id: parse_id(&row.id)?,
                number: row.number,
                made_by: self.person(conn, row.made_by)?,
                manifest: text,
                digest: hex::encode(&row.digest),
            });
        }
        Ok(all)
    }
}

/// Returns how a bag names a user or group.
pub(crate) fn key_of(row: &PrincipalRow) -> String {
    format!("{}:{}", row.kind, row.name)
}

const fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn is_folder(row: &ObjectRow) -> bool {
    row.base == BaseType::Folder.as_str()
}

/// Says whether all objects of a type are confidential.
fn bears(catalogue: &Catalogue, type_id: &str) -> bool {
    let types = catalogue.types();
    let Some(own) = types.get(type_id) else { return false };
    let above = own.ancestors.iter().filter_map(|id| types.get(id));
    std::iter::once(own).chain(above).any(|one| one.definition.facets.iter().any(|facet| facet == CONFIDENTIAL))
}
