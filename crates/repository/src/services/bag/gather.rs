//! Which objects go into a bag, and what stands there of each: of what the caller may see and read.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::Conn;
use cartulary_model::permission::{
    BROWSE, EXPORT_CONFIDENTIAL, MANAGE_LEGAL_HOLD, READ_CHILDREN, READ_CONTENT, READ_PROPERTIES, READ_SECURITY,
};
use cartulary_model::{BaseType, BlobDigest, Timestamp};
use roaring::RoaringTreemap;

use super::form::{
    BagAccess, BagContent, BagDossierVersion, BagEntry, BagLock, BagObject, BagPlace, BagSeries, BagSource, BagVersion,
    BagWorkingCopy, Values,
};
use super::left_out::{
    BY_ARRANGEMENT, BY_CHILDREN, BY_CONFIDENTIAL, BY_CONTENT, BY_MEMBERS, BY_PROPERTIES, BY_TRASH, BY_WORKING_COPY,
    LeftOut,
};
use super::{kept, notes};
use crate::bootstrap::parse_id;
use crate::declarations::Catalogue;
use crate::services::arrangements::pages_of;
use crate::services::detail::{properties_of, source_of};
use crate::services::manifest;
use crate::services::readings::Reading;
use crate::store::acl::{self, EntryRow};
use crate::store::dossier_versions::MemberRow;
use crate::store::exports::{self, SlotRow};
use crate::store::objects::{self, ObjectRow};
use crate::store::principals::{self, PrincipalRow};
use crate::store::{arrangements, blobs, dossier_versions, locks, versions};
use crate::{RepositoryError, Result, Session};

/// The facet that marks an object as confidential.
pub(crate) const CONFIDENTIAL: &str = "confidential";
/// How many children are read at a time.
const PAGE: i64 = 1_000;
/// The objects of a bag.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// Their numbers, in the order in which they were met.
    pub nos: Vec<i64>,
    /// The same as a set.
    pub set: RoaringTreemap,
    /// What the caller sees and cannot take along.
    pub left_out: LeftOut,
}

impl Selection {
    pub(super) fn contains(&self, no: i64) -> bool {
        self.set.contains(no.unsigned_abs())
    }

    pub(super) fn take(&mut self, no: i64) -> bool {
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
    /// The numbers of the object and its versions; none of a relationship, which goes with its ends.
    pub nos: Vec<i64>,
    /// The numbers of other objects that it names: folders, and what is in its versions.
    pub named: Vec<i64>,
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
                selection.left_out.add(folder.no, &folder.id, BY_CHILDREN)?;
                continue;
            }
            self.count_trash(conn, &folder, selection, now)?;
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
        self.select_pages(conn, exports::unfiled_page, selection, now)
    }

    /// Adds what the caller may see and did not meet from the root folder on, because a folder above is not his to see.
    pub(crate) fn select_islands(&self, conn: &mut Conn, selection: &mut Selection, now: Timestamp) -> Result<()> {
        if self.actor.is_administrator {
            return Ok(());
        }
        self.select_pages(conn, exports::live_page, selection, now)
    }

    /// Adds what pages have, each after the last object of the one before.
    fn select_pages(
        &self,
        conn: &mut Conn,
        page: fn(&mut Conn, i64, i64) -> Result<Vec<ObjectRow>>,
        selection: &mut Selection,
        now: Timestamp,
    ) -> Result<()> {
        let mut after = 0;
        loop {
            let rows = page(conn, after, PAGE)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.no;
            for row in &rows {
                if row.trashed_at.is_some() {
                    self.count_if_seen(conn, row, selection, now)?;
                } else {
                    self.select(conn, row, selection, now)?;
                }
            }
        }
    }

    /// Counts what went to the trash out of a folder, with all that went along: the trash stays where it is.
    fn count_trash(
        &self,
        conn: &mut Conn,
        folder: &ObjectRow,
        selection: &mut Selection,
        now: Timestamp,
    ) -> Result<()> {
        let mut fringe = vec![folder.no];
        while let Some(folder) = fringe.pop() {
            let mut after = 0;
            loop {
                let rows = exports::trashed_page(conn, folder, after, PAGE)?;
                let Some(last) = rows.last() else { break };
                after = last.no;
                for row in &rows {
                    if self.count_if_seen(conn, row, selection, now)? && is_folder(row) {
                        fringe.push(row.no);
                    }
                }
            }
        }
        Ok(())
    }

    fn count_if_seen(
        &self,
        conn: &mut Conn,
        row: &ObjectRow,
        selection: &mut Selection,
        now: Timestamp,
    ) -> Result<bool> {
        let is_seen = self.repository.inner.access.allows(conn, &self.actor, row.scope_no, BROWSE, now)?;
        if is_seen {
            selection.left_out.add(row.no, &row.id, BY_TRASH)?;
        }
        Ok(is_seen)
    }

    /// Adds one object; says whether it is new there.
    fn select(&self, conn: &mut Conn, row: &ObjectRow, selection: &mut Selection, now: Timestamp) -> Result<bool> {
        if row.role != objects::LIVE || row.trashed_at.is_some() || selection.contains(row.no) {
            return Ok(false);
        }
        match self.refusal(conn, row, now)? {
            Some(Some(reason)) => selection.left_out.add(row.no, &row.id, reason)?,
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
        if row.base == objects::RELATIONSHIP {
            return self.gather_link(conn, selection, &row, now);
        }
        if self.refusal(conn, &row, now)?.is_some() {
            return Ok(None);
        }
        let access = &self.repository.inner.access;
        let may_read_content = access.allows(conn, &self.actor, row.scope_no, READ_CONTENT, now)?;
        let may_see_holds = access.allows(conn, &self.actor, row.scope_no, MANAGE_LEGAL_HOLD, now)?;
        let may_read_security = access.allows(conn, &self.actor, row.scope_no, READ_SECURITY, now)?;
        let mut gathering = Gathering { live_no: no, may_read_content, may_see_holds, ..Gathering::begin(self, now) };
        let is_root = row.no == self.repository.inner.root_no;
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
            lock: gathering.lock(conn, &row)?,
            ends: None,
            series: match row.series_no {
                Some(series) => Some(gathering.series(conn, series)?),
                None => None,
            },
            dossier_versions: match catalogue.is_dossier(&row.type_id) {
                true => gathering.dossier_versions(conn, selection, &row)?,
                false => Vec::new(),
            },
            notes: notes::gathered(conn, row.no, may_read_content, &mut gathering)?,
        };
        let reading = self.reading_of(conn, &row)?;
        let versions = match row.series_no {
            Some(series) => exports::versions_of(conn, series)?,
            None => Vec::new(),
        };
        let nos = versions.into_iter().map(|(version, _)| version.object_no).chain([no]).collect();
        gathering.members.extend(exports::places_of(conn, no)?.into_iter().map(|place| place.parent_no));
        Ok(Some(Gathered { nos, ..gathering.end(object, reading) }))
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
    session: Session,
    now: Timestamp,
    /// The object that all of it belongs to.
    live_no: i64,
    may_read_content: bool,
    /// Whether the legal holds may be named.
    may_see_holds: bool,
    people: BTreeMap<String, String>,
    known: BTreeMap<i64, String>,
    bytes: BTreeSet<Bytes>,
    /// What the versions of a dossier name.
    members: Vec<i64>,
    left_out: LeftOut,
}

impl Gathering {
    /// Begins, for whoever may read everything of an object.
    pub(crate) fn begin(session: &Session, now: Timestamp) -> Self {
        Self {
            session: session.clone(),
            now,
            live_no: 0,
            may_read_content: true,
            may_see_holds: true,
            people: BTreeMap::new(),
            known: BTreeMap::new(),
            bytes: BTreeSet::new(),
            members: Vec::new(),
            left_out: LeftOut::default(),
        }
    }

    /// Goes on with what belongs to another object.
    pub(crate) fn about(&mut self, live_no: i64) {
        self.live_no = live_no;
    }

    /// Ends with an object.
    pub(super) fn end(self, object: BagObject, reading: Option<Reading>) -> Gathered {
        let Self { people, bytes, members: named, left_out, .. } = self;
        Gathered { object, nos: Vec::new(), named, bytes, people, reading, left_out }
    }

    /// Returns where the bytes lie of all contents that were met, and what is missing.
    pub(crate) fn into_bytes(self) -> (BTreeSet<Bytes>, LeftOut) {
        (self.bytes, self.left_out)
    }

    pub(super) fn person(&mut self, conn: &mut Conn, no: i64) -> Result<String> {
        if let Some(key) = self.known.get(&no) {
            return Ok(key.clone());
        }
        let row = principals::by_no(conn, no)?.ok_or_else(|| RepositoryError::internal("a principal is missing"))?;
        let key = key_of(&row);
        self.known.insert(no, key.clone());
        self.people.insert(key.clone(), row.display_name);
        Ok(key)
    }

    /// Returns what an object, a version or a working copy has.
    pub(crate) fn values(&mut self, conn: &mut Conn, row: &ObjectRow) -> Result<Values> {
        let slots = exports::slots_of(conn, &[row.no])?.remove(&row.no).unwrap_or_default();
        let mut contents = BTreeMap::new();
        for slot in slots {
            if !self.may_read_content {
                self.left_out.add(self.live_no, &row.id, BY_CONTENT)?;
                continue;
            }
            let (name, content) = self.content(slot)?;
            contents.insert(name, content);
        }
        let mut arrangement = Vec::new();
        if let Some(own) = arrangements::of_objects(conn, &[row.no])?.remove(&row.no) {
            if self.takes_sources(conn, row.no)? {
                arrangement = pages_of(&own)?;
            } else {
                self.left_out.add(self.live_no, &row.id, BY_ARRANGEMENT)?;
            }
        }
        Ok(Values {
            type_id: row.type_id.clone(),
            name: row.name.clone(),
            title: row.title.clone(),
            facets: objects::facets_of(conn, row.no)?,
            properties: properties_of(row)?,
            state: row.state.clone(),
            source: source_of(row).map(|source| BagSource { system: source.system, id: source.id }),
            contents,
            arrangement,
        })
    }

    /// Takes the files along that an arrangement is of, or says that it cannot: whoever may see some of their pages may not
    /// therefore have all of them.
    fn takes_sources(&mut self, conn: &mut Conn, object: i64) -> Result<bool> {
        let sources = arrangements::sources(conn, object)?;
        if !self.may_read_content || !self.may_take_files(conn, sources.keys())? {
            return Ok(false);
        }
        for blob in sources.into_values() {
            let digest: BlobDigest = blob.digest.parse().map_err(RepositoryError::internal)?;
            let (generation, size_bytes) = (blob.generation.unsigned_abs(), blob.size_bytes.unsigned_abs());
            self.bytes.insert(Bytes { digest, generation, size_bytes });
        }
        Ok(true)
    }

    /// Says whether each of some files is the content of something that the caller may read and take along.
    fn may_take_files<'a>(&self, conn: &mut Conn, digests: impl Iterator<Item = &'a String>) -> Result<bool> {
        if self.session.actor.is_administrator {
            return Ok(true);
        }
        for digest in digests {
            if !self.bytes.iter().any(|bytes| bytes.digest.to_string() == *digest)
                && !self.session.may_take_file(conn, digest, self.now)?
            {
                return Ok(false);
            }
        }
        Ok(true)
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
        let working = match series.checked_out_by {
            Some(by) => self.working_copy(conn, no, by)?,
            None => None,
        };
        Ok(BagSeries {
            id: parse_id(&exports::series_id(conn, no)?)?,
            destroyed: [series.destroyed_major, series.destroyed_minor],
            clock: at(series.clock),
            versions: all,
            working,
        })
    }

    /// Returns the working copy of a series, for who may see it.
    fn working_copy(&mut self, conn: &mut Conn, series: i64, by: i64) -> Result<Option<BagWorkingCopy>> {
        let Some(copy) = objects::working_of_series(conn, series)? else { return Ok(None) };
        if !self.session.may_see_working_copy(conn, &copy, self.now)? {
            if let Some(live) = objects::by_no(conn, self.live_no)? {
                self.left_out.add(live.no, &live.id, BY_WORKING_COPY)?;
            }
            return Ok(None);
        }
        Ok(Some(BagWorkingCopy {
            id: parse_id(&copy.id)?,
            checked_out_by: self.person(conn, by)?,
            created_at: at(copy.created_at),
            created_by: self.person(conn, copy.created_by)?,
            modified_at: at(copy.modified_at),
            modified_by: self.person(conn, copy.modified_by)?,
            values: self.values(conn, &copy)?,
        }))
    }

    fn lock(&mut self, conn: &mut Conn, row: &ObjectRow) -> Result<Option<BagLock>> {
        let Some(lock) = locks::of_object(conn, row.no, self.now.as_millis())? else { return Ok(None) };
        Ok(Some(BagLock {
            owner: self.person(conn, lock.owner_no)?,
            locked_at: at(lock.locked_at),
            expires_at: lock.expires_at.map(at),
            comment: lock.comment,
        }))
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
            if !self.takes_members(conn, selection, &members)? {
                if self.may_tell_of_members(conn, selection, &members)? {
                    self.left_out.add(dossier.no, &row.id, BY_MEMBERS)?;
                }
                continue;
            }
            self.members.extend(members.iter().map(|member| member.live_no));
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

impl Gathering {
    /// Says whether it may be told that a version is left out: not when it is for what the caller may not know of alone.
    fn may_tell_of_members(&self, conn: &mut Conn, selection: &Selection, members: &[MemberRow]) -> Result<bool> {
        let missing = members.iter().map(|member| member.live_no).filter(|no| !selection.contains(*no));
        let missing: Vec<i64> = missing.collect();
        if missing.is_empty() || self.session.actor.is_administrator {
            return Ok(true);
        }
        let scopes: BTreeSet<i64> = objects::by_nos(conn, &missing)?.into_values().map(|row| row.scope_no).collect();
        let access = &self.session.repository.inner.access;
        Ok(!access.allowing(conn, &self.session.actor, &scopes, BROWSE, self.now)?.is_empty())
    }

    /// Says whether all that a version of a dossier names is in the bag, with its contents and pages: a manifest that names
    /// what is not there could not be checked.
    fn takes_members(&self, conn: &mut Conn, selection: &Selection, members: &[MemberRow]) -> Result<bool> {
        if !members.iter().all(|member| selection.contains(member.live_no)) {
            return Ok(false);
        }
        if self.session.actor.is_administrator {
            return Ok(true);
        }
        let nos: Vec<i64> = members.iter().map(|member| member.live_no).collect();
        let scopes: BTreeSet<i64> = objects::by_nos(conn, &nos)?.into_values().map(|row| row.scope_no).collect();
        let access = &self.session.repository.inner.access;
        let readable = access.allowing(conn, &self.session.actor, &scopes, READ_CONTENT, self.now)?;
        if readable.len() < scopes.len() {
            return Ok(false);
        }
        for version in members.iter().filter_map(|member| member.version_no) {
            let sources = arrangements::sources(conn, version)?;
            if !self.may_take_files(conn, sources.keys())? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Session {
    /// Says whether a file is the content of something that the caller may read and take along.
    fn may_take_file(&self, conn: &mut Conn, digest: &str, now: Timestamp) -> Result<bool> {
        let (access, mut after) = (&self.repository.inner.access, 0);
        loop {
            let holders = blobs::holders(conn, digest, after, PAGE)?;
            let Some((last, _)) = holders.last() else { return Ok(false) };
            after = last.object_no;
            for (content, scope) in holders {
                if !access.allows(conn, &self.actor, scope, READ_CONTENT, now)? {
                    continue;
                }
                let Some(holder) = objects::by_no(conn, content.object_no)? else { continue };
                if self.refusal(conn, &holder, now)?.is_none() {
                    return Ok(true);
                }
            }
        }
    }
}

/// Returns how a bag names a user or group.
pub(crate) fn key_of(row: &PrincipalRow) -> String {
    format!("{}:{}", row.kind, row.name)
}

pub(super) const fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn is_folder(row: &ObjectRow) -> bool {
    row.base == BaseType::Folder.as_str()
}

/// Says whether all objects of a type are confidential.
pub(crate) fn bears(catalogue: &Catalogue, type_id: &str) -> bool {
    let types = catalogue.types();
    let Some(own) = types.get(type_id) else { return false };
    let above = own.ancestors.iter().filter_map(|id| types.get(id));
    std::iter::once(own).chain(above).any(|one| one.definition.facets.iter().any(|facet| facet == CONFIDENTIAL))
}
