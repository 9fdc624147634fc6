//! Brings the objects of a bag in, as they were, in one transaction: nothing of what usually follows from a change is done.
//! No version is made, no listener runs, nobody is told; the log says of each that it was brought in, with both instants.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use cartulary_model::permission::AccessEntry;
use cartulary_model::{BaseType, BlobDigest, ChangeKind, ObjectId, SlotName, Timestamp, Violation};
use serde_json::json;

use super::check::{self, Manifest, Plan};
use super::form::{
    BagAccess, BagLock, BagObject, BagPlace, BagSeries, BagVersion, BagWorkingCopy, Description, Values,
};
use super::kept::BroughtHolds;
use super::notes;
use super::read::OpenBag;
use crate::declarations::Catalogue;
use crate::services::documents::free_name;
use crate::services::objects::index_values;
use crate::services::people::refuse_taken_name;
use crate::services::working_copies::of_object;
use crate::services::{arrangements, manifest, texts};
use crate::store::blobs::{self, NewContentRow};
use crate::store::dossier_versions::{self, DossierVersionRow, MemberRow, NewDossierVersionRow};
use crate::store::history::{self, Past};
use crate::store::locks::{self, LockRow};
use crate::store::objects::{self, NewObjectRow, ObjectRow};
use crate::store::versions::{self, VersionRow};
use crate::store::{acl, filing, principals};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

/// What whoever made an object that lies in no folder may do with it, when the bag does not say.
const CREATOR_MAY: &str = "Manage";

/// Something that is being brought in.
pub(super) struct Bringing {
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) target: ObjectRow,
    bag_id: String,
    people: HashMap<String, i64>,
    /// The numbers of objects and versions.
    pub(super) nos: HashMap<ObjectId, i64>,
    /// The scopes of folders.
    scopes: HashMap<ObjectId, i64>,
    holds: BroughtHolds,
}

/// Brings in what was checked.
pub(crate) fn bring_in(
    session: &Session,
    tx: &mut Tx<'_>,
    (bag, plan, description): (&OpenBag, &Plan, &Description),
    target: ObjectRow,
) -> Result<()> {
    let catalogue = session.repository.inner.declarations.present(tx.conn)?;
    let mut bringing = Bringing {
        catalogue,
        target,
        bag_id: uuid::Uuid::now_v7().to_string(),
        people: HashMap::new(),
        nos: HashMap::new(),
        scopes: HashMap::new(),
        holds: BroughtHolds::default(),
    };
    for principal in &description.principals {
        bringing.person(tx, &principal.key, &principal.display_name).map_err(at_place(&principal.key))?;
    }
    if let Some(path) = &plan.root {
        bringing.root(tx, &check::object(bag, path)?).map_err(at_place(path))?;
    }
    for path in &plan.files {
        let object = check::object(bag, path)?;
        bringing.object(tx, &object).map_err(at_place(path))?;
    }
    for path in &plan.links {
        bringing.link(tx, &check::object(bag, path)?).map_err(at_place(path))?;
    }
    for path in &plan.with_dossier_versions {
        bringing.dossier_versions(tx, &check::object(bag, path)?).map_err(at_place(path))?;
    }
    let detail = json!({
        "bag": bringing.bag_id, "from": description.log_identity, "exportedAt": description.exported_at,
        "objectCount": plan.object_count, "versionCount": plan.version_count,
    });
    let target = &bringing.target;
    tx.record(ChangeKind::Imported, Change { detail: Some(detail), ..of_object(target)? })
}

/// Says of a refusal in which file of the bag its reason stands.
fn at_place(path: &str) -> impl Fn(RepositoryError) -> RepositoryError {
    move |error| match error {
        RepositoryError::Conflict { code, detail, .. } => RepositoryError::invalid(path, code, detail),
        RepositoryError::Invalid { violations } => {
            let placed = |one: Violation| Violation::new(path, one.code, format!("`{}` {}", one.field, one.detail));
            RepositoryError::Invalid { violations: violations.into_iter().map(placed).collect() }
        }
        other => other,
    }
}

impl Bringing {
    /// Finds a user or group by its name; one that is not here is made: a user who cannot sign in, a group without members.
    fn person(&mut self, tx: &mut Tx<'_>, key: &str, display_name: &str) -> Result<()> {
        let Some((kind, name)) = key.split_once(':') else { return Ok(()) };
        let kind = if kind == principals::USER { principals::USER } else { principals::GROUP };
        let no = match principals::by_name(tx.conn, kind, name)? {
            Some(row) => row.no,
            None => {
                refuse_taken_name(tx.conn, name)?;
                let (id, at) = (ObjectId::generate().to_string(), tx.now.as_millis());
                let no = principals::insert(tx.conn, &id, kind, name, display_name, at)?;
                if kind == principals::USER {
                    principals::update(tx.conn, no, display_name, Some(at))?;
                }
                let detail = json!({ "bag": self.bag_id, "principal": id, "kind": kind, "name": name });
                tx.record(ChangeKind::Principal, Change { detail: Some(detail), ..Change::default() })?;
                no
            }
        };
        self.people.insert(key.to_owned(), no);
        Ok(())
    }

    pub(super) fn no_of(&self, key: &str) -> Result<i64> {
        let no = self.people.get(key).copied();
        no.ok_or_else(|| RepositoryError::internal(format!("`{key}` was not among the bag's principals")))
    }

    pub(super) fn past(&self, object: &BagObject) -> Result<Past> {
        Ok(Past {
            created_at: object.created_at.as_millis(),
            created_by: self.no_of(&object.created_by)?,
            modified_at: object.modified_at.as_millis(),
            modified_by: self.no_of(&object.modified_by)?,
        })
    }

    fn root(&mut self, tx: &mut Tx<'_>, object: &BagObject) -> Result<()> {
        let (no, past) = (self.target.no, self.past(object)?);
        let values = &object.values;
        if let Some(state) = &values.state {
            objects::put_state(tx.conn, no, state)?;
        }
        history::put_root(tx.conn, no, &values.title, &properties(values)?, past)?;
        objects::put_facets(tx.conn, no, &values.facets)?;
        let described = (values.type_id.as_str(), values.facets.as_slice());
        index_values(tx.conn, self.catalogue.types(), no, described, &values.properties, false)?;
        if let Some(access) = &object.access {
            let scope = acl::scope_by_no(tx.conn, self.target.scope_no)?;
            let list = scope.ok_or_else(|| RepositoryError::internal("the root folder has no scope"))?.acl_row_no;
            self.entries(tx, list, access)?;
        }
        notes::insert(tx, no, &object.notes, |key| self.no_of(key))?;
        self.record(tx, &self.target.clone(), object, None)
    }

    fn object(&mut self, tx: &mut Tx<'_>, object: &BagObject) -> Result<()> {
        let Some(id) = object.id else { return Ok(()) };
        let primary = object.places.first();
        let above = match primary {
            Some(BagPlace { folder: Some(folder), .. }) => self.scopes.get(folder).copied(),
            Some(BagPlace { folder: None, .. }) => Some(self.target.scope_no),
            None => None,
        };
        let is_folder = object.base == BaseType::Folder.as_str();
        let scope = self.scope(tx, object, above, is_folder)?;
        let (series_no, base) = match &object.series {
            Some(series) => (Some(self.series(tx, series, scope)?), BaseType::Document),
            None => (None, BaseType::Folder),
        };
        let is_top = object.places.iter().any(|place| place.folder.is_none());
        let name =
            if is_top { free_name(tx.conn, self.target.no, &object.values.name)? } else { object.values.name.clone() };
        let past = self.past(object)?;
        let new =
            NewObjectRow { name, ..row(id, base.as_str(), objects::LIVE, (series_no, scope), &object.values, past)? };
        let no = objects::insert(tx.conn, &new)?;
        let live = new.numbered(no);
        self.nos.insert(id, no);
        if is_folder {
            self.scopes.insert(id, scope);
        }
        self.place(tx, &live, object)?;
        let values = &object.values;
        objects::put_facets_of_new(tx.conn, no, &values.facets)?;
        let described = (values.type_id.as_str(), values.facets.as_slice());
        index_values(tx.conn, self.catalogue.types(), no, described, &values.properties, true)?;
        bind(tx, no, values)?;
        notes::insert(tx, no, &object.notes, |key| self.no_of(key))?;
        if let Some(lock) = &object.lock {
            self.lock(tx, no, lock)?;
        }
        self.record(tx, &live, object, primary)?;
        for version in object.series.iter().flat_map(|series| &series.versions) {
            self.version(tx, &live, version)?;
        }
        match object.series.as_ref().and_then(|series| series.working.as_ref()) {
            Some(copy) => self.working_copy(tx, &live, copy),
            None => Ok(()),
        }
    }

    fn lock(&self, tx: &mut Tx<'_>, object_no: i64, lock: &BagLock) -> Result<()> {
        let row = LockRow {
            object_no,
            owner_no: self.no_of(&lock.owner)?,
            locked_at: lock.locked_at.as_millis(),
            expires_at: lock.expires_at.map(Timestamp::as_millis),
            comment: lock.comment.clone(),
        };
        locks::put(tx.conn, &row)
    }

    fn working_copy(&mut self, tx: &mut Tx<'_>, live: &ObjectRow, copy: &BagWorkingCopy) -> Result<()> {
        let Some(series) = live.series_no else { return Ok(()) };
        let past = Past {
            created_at: copy.created_at.as_millis(),
            created_by: self.no_of(&copy.created_by)?,
            modified_at: copy.modified_at.as_millis(),
            modified_by: self.no_of(&copy.modified_by)?,
        };
        let (base, kind) = (BaseType::Document.as_str(), objects::WORKING);
        let new = row(copy.id, base, kind, (Some(series), live.scope_no), &copy.values, past)?;
        let new = NewObjectRow { name: live.name.clone(), ..new };
        let no = objects::insert(tx.conn, &new)?;
        versions::put_checked_out(tx.conn, series, Some(self.no_of(&copy.checked_out_by)?))?;
        objects::put_facets_of_new(tx.conn, no, &copy.values.facets)?;
        bind(tx, no, &copy.values)?;
        let detail = json!({ "bag": self.bag_id, "documentId": live.id });
        tx.record(ChangeKind::Imported, Change { detail: Some(detail), ..of_object(&new.numbered(no))? })
    }

    /// Makes the scope that an object has: a folder always its own, a document one of its own where it has a list.
    fn scope(&self, tx: &mut Tx<'_>, object: &BagObject, above: Option<i64>, is_folder: bool) -> Result<i64> {
        let Some(above) = above else { return self.unfiled_scope(tx, object) };
        let parent =
            acl::scope_by_no(tx.conn, above)?.ok_or_else(|| RepositoryError::internal("a scope is missing"))?;
        let list = match &object.access {
            Some(access) => {
                let own = acl::insert_row(tx.conn, Some(parent.acl_row_no), access.inherits)?;
                self.entries(tx, own, access)?;
                own
            }
            None if is_folder => parent.acl_row_no,
            None => return Ok(above),
        };
        acl::insert_scope(tx.conn, if is_folder { acl::FOLDER } else { acl::SERIES }, list, Some(above))
    }

    fn unfiled_scope(&self, tx: &mut Tx<'_>, object: &BagObject) -> Result<i64> {
        let list = acl::insert_row(tx.conn, None, false)?;
        match &object.access {
            Some(access) => self.entries(tx, list, access)?,
            None => {
                let (principal_no, permission) = (self.no_of(&object.created_by)?, CREATOR_MAY.to_owned());
                let entry = AccessEntry { principal_no, permission, grants: true, begin_at: None, end_at: None };
                acl::replace_entries(tx.conn, list, acl::LOCAL, &[entry])?;
                acl::log_change(tx.conn, Some(list), None, tx.now.as_millis())?;
            }
        }
        acl::insert_scope(tx.conn, acl::UNFILED, list, None)
    }

    fn entries(&self, tx: &mut Tx<'_>, list: i64, access: &BagAccess) -> Result<()> {
        let mut lists: BTreeMap<&str, Vec<AccessEntry>> = BTreeMap::from([(acl::LOCAL, Vec::new())]);
        for entry in &access.entries {
            lists.entry(&entry.list).or_default().push(AccessEntry {
                principal_no: self.no_of(&entry.principal)?,
                permission: entry.permission.clone(),
                grants: entry.grants,
                begin_at: entry.begin_at,
                end_at: entry.end_at,
            });
        }
        for (name, entries) in lists {
            acl::replace_entries(tx.conn, list, name, &entries)?;
        }
        acl::put_inherits(tx.conn, list, access.inherits)?;
        acl::log_change(tx.conn, Some(list), None, tx.now.as_millis())
    }

    fn series(&self, tx: &mut Tx<'_>, series: &BagSeries, scope: i64) -> Result<i64> {
        let latest = series.versions.last().map_or((0, 0), |version| (version.major, version.minor));
        let clock = series.clock.as_millis();
        let no = versions::insert_series(tx.conn, &series.id.to_string(), scope, latest.0, clock)?;
        let [major, minor] = series.destroyed;
        versions::fall_back(tx.conn, no, latest, (major, minor))?;
        Ok(no)
    }

    /// Files an object where it lay, in the order that it had there.
    fn place(&self, tx: &mut Tx<'_>, live: &ObjectRow, object: &BagObject) -> Result<()> {
        if let Some(at) = object.unfiled_at {
            return objects::put_unfiled(tx.conn, live.no, Some(at.as_millis()));
        }
        for (position, place) in object.places.iter().enumerate() {
            let folder = match place.folder {
                Some(folder) => self.nos.get(&folder).copied(),
                None => Some(self.target.no),
            };
            let folder = folder.ok_or_else(|| RepositoryError::internal("a folder of the bag is missing"))?;
            let filed_at = place.filed_at.as_millis();
            if filing::is_taken(tx.conn, folder, &live.name)? {
                let detail = format!("another object in its folder is called `{}`", live.name);
                return Err(RepositoryError::invalid("name", "duplicate_name", detail));
            }
            filing::insert_row(tx.conn, folder, live.no, &live.name, place.ordinal, position == 0, filed_at)?;
        }
        Ok(())
    }

    fn version(&mut self, tx: &mut Tx<'_>, live: &ObjectRow, version: &BagVersion) -> Result<()> {
        let Some(series) = live.series_no else { return Ok(()) };
        let (made_at, made_by) = (version.made_at.as_millis(), self.no_of(&version.made_by)?);
        let past = Past { created_at: made_at, created_by: made_by, modified_at: made_at, modified_by: made_by };
        let (base, kind) = (BaseType::Document.as_str(), objects::VERSION);
        let new = row(version.id, base, kind, (Some(series), live.scope_no), &version.values, past)?;
        let no = objects::insert(tx.conn, &new)?;
        let (major, minor, comment) = (version.major, version.minor, version.comment.clone());
        let made = VersionRow { object_no: no, major, minor, comment, made_at, made_by };
        versions::insert(tx.conn, series, &made)?;
        if let Some(kept) = &version.kept {
            self.holds.keep(tx, no, kept, &self.bag_id)?;
        }
        self.nos.insert(version.id, no);
        objects::put_facets_of_new(tx.conn, no, &version.values.facets)?;
        bind(tx, no, &version.values)?;
        let detail = json!({
            "bag": self.bag_id, "version": format!("{major}.{minor}"), "versionId": version.id,
            "original": { "at": version.made_at, "by": version.made_by },
        });
        tx.record(ChangeKind::Imported, Change { detail: Some(detail), ..of_object(live)? })
    }

    fn dossier_versions(&self, tx: &mut Tx<'_>, object: &BagObject) -> Result<()> {
        let no = object.id.and_then(|id| self.nos.get(&id).copied());
        let dossier = no.map_or(Ok(None), |no| objects::by_no(tx.conn, no))?;
        let dossier = dossier.ok_or_else(|| RepositoryError::internal("a dossier of the bag is missing"))?;
        for version in &object.dossier_versions {
            let named: Manifest = serde_json::from_str(&version.manifest).map_err(RepositoryError::internal)?;
            let mut row = DossierVersionRow {
                no: 0,
                id: version.id.to_string(),
                dossier_no: dossier.no,
                number: version.number,
                comment: named.comment,
                name: named.name,
                title: named.title,
                properties: serde_json::to_string(&named.properties).map_err(RepositoryError::internal)?,
                position: named.position,
                digest: hex::decode(&version.digest).map_err(RepositoryError::internal)?,
                made_at: named.made_at.as_millis(),
                made_by: self.no_of(&version.made_by)?,
                format: named.format,
            };
            row.no = dossier_versions::insert(tx.conn, &NewDossierVersionRow::from(&row))?;
            let number = |id: &ObjectId| {
                let no = self.nos.get(id).copied();
                no.ok_or_else(|| RepositoryError::internal("a member of a manifest is missing"))
            };
            let mut members = Vec::with_capacity(named.members.len());
            for (ordinal, member) in named.members.iter().enumerate() {
                members.push(MemberRow {
                    dossier_version_no: row.no,
                    ordinal: i32::try_from(ordinal).unwrap_or(i32::MAX),
                    live_no: number(&member.id)?,
                    version_no: member.version.as_ref().map(|version| number(&version.id)).transpose()?,
                    name: member.name.clone(),
                    parent_no: member.parent.as_ref().map(number).transpose()?,
                });
            }
            dossier_versions::insert_members(tx.conn, &members)?;
            if manifest::text_of(tx.conn, &row, &members)? != version.manifest {
                history::put_manifest(tx.conn, row.no, &version.manifest)?;
                if !manifest::is_whole(tx.conn, &row, &members)? {
                    let detail = format!("version {} says another thing than the versions that it names", row.number);
                    return Err(RepositoryError::invalid("manifest", "invalid_dossier_version", detail));
                }
            }
            let detail = json!({
                "bag": self.bag_id, "dossierVersion": row.number, "dossierVersionId": row.id,
                "digest": version.digest, "original": { "at": named.made_at, "by": version.made_by },
            });
            tx.record(ChangeKind::Imported, Change { detail: Some(detail), ..of_object(&dossier)? })?;
        }
        Ok(())
    }

    pub(super) fn record(
        &self,
        tx: &mut Tx<'_>,
        live: &ObjectRow,
        object: &BagObject,
        primary: Option<&BagPlace>,
    ) -> Result<()> {
        let values = &object.values;
        let after = json!({
            "type": values.type_id, "name": live.name, "title": values.title, "facets": values.facets,
            "properties": values.properties, "source": values.source,
            "content": values.contents.get(SlotName::MAIN).map(|content| &content.digest),
        });
        let parent = primary.map(|place| place.folder.map_or_else(|| self.target.id.clone(), |id| id.to_string()));
        let detail = json!({
            "bag": self.bag_id, "parent": parent,
            "original": {
                "createdAt": object.created_at, "createdBy": object.created_by,
                "modifiedAt": object.modified_at, "modifiedBy": object.modified_by,
            },
        });
        let change = Change { after: Some(after), detail: Some(detail), ..of_object(live)? };
        tx.record(ChangeKind::Imported, change)
    }
}

fn properties(values: &Values) -> Result<String> {
    serde_json::to_string(&values.properties).map_err(RepositoryError::internal)
}

pub(super) fn row(
    id: ObjectId,
    base: &'static str,
    role: &'static str,
    (series_no, scope_no): (Option<i64>, i64),
    values: &Values,
    past: Past,
) -> Result<NewObjectRow> {
    Ok(NewObjectRow {
        state: values.state.clone(),
        id: id.to_string(),
        base,
        role,
        type_id: values.type_id.clone(),
        series_no,
        scope_no,
        name: values.name.clone(),
        title: values.title.clone(),
        properties: properties(values)?,
        created_at: past.created_at,
        created_by: past.created_by,
        modified_at: past.modified_at,
        modified_by: past.modified_by,
        source_system: values.source.as_ref().map(|source| source.system.clone()),
        source_id: values.source.as_ref().map(|source| source.id.clone()),
    })
}

/// Binds the contents and pages of an object or version; their bytes are stored already. Texts are read as they are of any
/// content, and the file of the pages is made as it is of any arrangement.
fn bind(tx: &mut Tx<'_>, no: i64, values: &Values) -> Result<()> {
    for (slot, content) in &values.contents {
        let blob = blobs::living_locked(tx.conn, &content.digest)?;
        let blob = blob.ok_or(RepositoryError::Unavailable { what: "the blob store", source: None })?;
        let raw = content.file_name_raw.as_ref().map(hex::decode).transpose().map_err(RepositoryError::internal)?;
        let row = NewContentRow {
            object_no: no,
            slot,
            blob_no: blob.no,
            media_type: &content.media_type,
            file_name: &content.file_name,
            file_name_raw: raw.as_deref(),
        };
        blobs::bind_first(tx.conn, row)?;
        let digest: BlobDigest = content.digest.parse().map_err(RepositoryError::internal)?;
        texts::request(tx, digest, &content.media_type, &content.file_name)?;
    }
    if values.arrangement.is_empty() {
        return Ok(());
    }
    let mut sources = BTreeSet::new();
    for page in &values.arrangement {
        let blob = blobs::living_locked(tx.conn, &page.digest.to_string())?;
        sources.insert(blob.ok_or(RepositoryError::Unavailable { what: "the blob store", source: None })?.no);
    }
    arrangements::bind(tx, no, &values.arrangement, &sources.into_iter().collect::<Vec<_>>()).map(drop)
}
