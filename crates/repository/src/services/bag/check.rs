//! Finds what is wrong with the objects of a bag, before any of them is brought in.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;

use cartulary_model::permission::{MANAGE_LEGAL_HOLD, Permission, SET_RETENTION, UNLOCK, WRITE_SECURITY};
use cartulary_model::{BaseType, Name, ObjectId, Timestamp, TypeRegistry};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::form::{
    BagAccess, BagDossierVersion, BagLock, BagObject, BagPlace, BagSeries, BagWorkingCopy, Description, FORMAT,
    FORMAT_VERSION, ROOT, Values,
};
use super::read::{Faults, OpenBag};
use super::values::{self, Valued, add_error, shown};
use super::{CONTENT, DESCRIPTION, OBJECTS, content_path, kept, notes, object_path};
use crate::policies::is_mark;
use crate::services::manifest::{MEMBERS_MAX, WHOLE_TREE};
use crate::services::objects::check_title;
use crate::services::relationships::check_ends;
use crate::services::scopes::FOLDERS_DEEP_MAX;
use crate::services::versions::{NUMBER_MAX, check_comment};
use crate::{RepositoryError, Result};

/// The longest file of JSON. *Units*: bytes.
const JSON_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// By how much the clock of another office may be ahead of ours. *Units*: milliseconds.
const AHEAD_MAX: i64 = 24 * 3_600_000;
/// How far from 0 the place of an object among those of its folder may be: there is room for as many again on both sides.
const ORDINAL_MAX: i64 = 1 << 52;

/// What is known of the objects of a bag, in the order in which they can be brought in.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The file of the root folder, when the bag has it.
    pub root: Option<String>,
    /// The files of folders, those above before those in them, then of all else.
    pub files: Vec<String>,
    /// The files of relationships.
    pub links: Vec<String>,
    /// Which of them have versions of dossiers.
    pub with_dossier_versions: Vec<String>,
    /// All ids that objects and versions have.
    pub ids: HashSet<ObjectId>,
    /// Those of series and of versions of dossiers.
    pub other_ids: Vec<(&'static str, ObjectId)>,
    /// Where objects came from.
    pub sources: Vec<(String, String)>,
    /// The digests of contents, and of files that only pages are of.
    pub digests: BTreeSet<String>,
    /// Those of files that pages are of.
    pub arranged: BTreeSet<String>,
    /// What whoever brings it in must hold on the folder, for what is in it.
    pub needs: BTreeSet<Permission>,
    /// What only administrators bring in, if there is any of it.
    pub for_administrators: Option<&'static str>,
    pub object_count: u64,
    pub version_count: u64,
    pub dossier_version_count: u64,
}

/// A manifest of a version of a dossier.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    pub id: ObjectId,
    pub dossier: ObjectId,
    pub number: i32,
    pub comment: String,
    pub name: String,
    pub title: String,
    pub properties: cartulary_model::Properties,
    pub position: i64,
    pub made_at: cartulary_model::Timestamp,
    pub members: Vec<ManifestMember>,
    /// What it names; one of before says nothing of that.
    #[serde(default = "directly")]
    pub format: i32,
}

/// The format of manifests that name what lies directly in a dossier.
const fn directly() -> i32 {
    1
}

/// What a manifest names.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ManifestMember {
    pub id: ObjectId,
    pub name: String,
    pub version: Option<ManifestVersion>,
    /// The folder that it lay in; none: the dossier itself.
    #[serde(default)]
    pub parent: Option<ObjectId>,
}

/// The version of a document that a manifest names.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ManifestVersion {
    pub id: ObjectId,
}

/// Reads what a bag says of itself.
pub(crate) fn description(bag: &OpenBag, faults: &mut Faults) -> Result<Option<Description>> {
    let Some(description) = json::<Description>(bag, DESCRIPTION, faults)? else { return Ok(None) };
    if description.format != FORMAT || description.version > FORMAT_VERSION {
        let said = format!("is `{}` {}; `{FORMAT}` {FORMAT_VERSION} is read", description.format, description.version);
        faults.add("unknown_format", DESCRIPTION, said);
        return Ok(None);
    }
    Ok(Some(description))
}

/// Reads an object of a bag that was checked.
pub(crate) fn object(bag: &OpenBag, path: &str) -> Result<BagObject> {
    let bytes = fs::read(bag.folder.join(path)).map_err(RepositoryError::internal)?;
    serde_json::from_slice(&bytes).map_err(RepositoryError::internal)
}

fn json<T: serde::de::DeserializeOwned>(bag: &OpenBag, path: &str, faults: &mut Faults) -> Result<Option<T>> {
    match bag.files.get(path) {
        None => faults.add("missing_file", path, "a bag of an office has it"),
        Some(size) if *size > JSON_BYTES_MAX => faults.add("too_large", path, "JSON is read up to 64 MiB"),
        Some(_) => {
            let bytes = fs::read(bag.folder.join(path)).map_err(RepositoryError::internal)?;
            match serde_json::from_slice(&bytes) {
                Ok(value) => return Ok(Some(value)),
                Err(error) => faults.add("malformed_json", path, error.to_string()),
            }
        }
    }
    Ok(None)
}

/// What a manifest names: the object, and the version of it.
type Named = (ObjectId, Option<ObjectId>);

/// What is checked while the objects are read one after the other.
struct Checking<'a> {
    bag: &'a OpenBag,
    types: &'a TypeRegistry,
    people: BTreeSet<&'a str>,
    is_permission: &'a dyn Fn(&str) -> bool,
    faults: &'a mut Faults,
    plan: Plan,
    /// Folders with the one that each lies in, and their files.
    folders: BTreeMap<ObjectId, (Option<ObjectId>, String)>,
    documents: Vec<String>,
    /// Which folders objects name, with who does.
    named: Vec<(ObjectId, String)>,
    /// The types of objects, by id; none: of the root folder.
    types_of: HashMap<Option<ObjectId>, String>,
    /// What relationships link: source, target, type and file.
    ends: Vec<(Option<ObjectId>, Option<ObjectId>, String, String)>,
    /// After this no instant of the past is.
    latest: Timestamp,
    names: HashSet<(Option<ObjectId>, String)>,
    versions: HashMap<ObjectId, ObjectId>,
    manifests: Vec<(String, Vec<Named>)>,
    sources: HashSet<(String, String)>,
}

/// Reads all objects of a bag, and returns how they are brought in; what is wrong with them stands in `faults`.
pub(crate) fn check(
    bag: &OpenBag,
    description: &Description,
    types: &TypeRegistry,
    (is_permission, now): (&dyn Fn(&str) -> bool, Timestamp),
    faults: &mut Faults,
) -> Result<Plan> {
    let mut checking = Checking {
        bag,
        types,
        people: description.principals.iter().map(|one| one.key.as_str()).collect(),
        is_permission,
        faults,
        plan: Plan::default(),
        folders: BTreeMap::new(),
        documents: Vec::new(),
        named: Vec::new(),
        types_of: HashMap::new(),
        ends: Vec::new(),
        latest: Timestamp::from_millis(now.as_millis() + AHEAD_MAX),
        names: HashSet::new(),
        versions: HashMap::new(),
        manifests: Vec::new(),
        sources: HashSet::new(),
    };
    for principal in &description.principals {
        if !principal.key.starts_with("user:") && !principal.key.starts_with("group:") {
            checking.faults.add("invalid_principal", shown(&principal.key), "is neither `user:NAME` nor `group:NAME`");
        }
    }
    if description.log_identity.len() > 200 || description.log_identity.contains('\0') {
        checking.faults.add("malformed_json", DESCRIPTION, "`logIdentity` is no fit text");
    }
    for path in bag.files.keys().filter(|path| path.starts_with("data/")) {
        match () {
            () if path.starts_with(OBJECTS) => checking.object(path)?,
            () if path.starts_with(CONTENT) => checking.content(path),
            () if path == DESCRIPTION => {}
            () => checking.faults.add("unexpected_file", path, "has no place in a bag of an office"),
        }
    }
    checking.finish();
    Ok(checking.plan)
}

impl Checking<'_> {
    fn content(&mut self, path: &str) {
        let digest = path.rsplit('/').next().unwrap_or_default();
        let is_digest = digest.len() == 64 && digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !is_digest || content_path(digest) != path {
            self.faults.add("unexpected_file", path, "is not called by the SHA-256 of its bytes");
        }
    }

    fn object(&mut self, path: &str) -> Result<()> {
        let Some(object) = json::<BagObject>(self.bag, path, self.faults)? else { return Ok(()) };
        let id = object.id.map_or_else(|| ROOT.to_owned(), |id| id.to_string());
        if object_path(&id) != path {
            self.faults.add("wrong_path", path, format!("has the object `{id}`, whose place is another"));
            return Ok(());
        }
        self.plan.object_count += 1;
        self.values(Valued { path, values: &object.values, base: &object.base, is_live: true });
        self.people(path, [&object.created_by, &object.modified_by]);
        self.instants(path, [object.created_at, object.modified_at]);
        if let Some(access) = &object.access {
            self.access(path, access);
        }
        for key in notes::people_of(&object.notes) {
            self.people(path, [key]);
        }
        for (code, detail) in notes::faults_of(&object, self.latest) {
            self.faults.add(code, path, detail);
        }
        if let Some(lock) = &object.lock {
            self.lock(path, &object, lock);
        }
        self.types_of.insert(object.id, object.values.type_id.clone());
        let is_alone = object.access.is_none() && object.lock.is_none() && object.places.is_empty();
        match (object.base.as_str(), &object.series, &object.ends) {
            ("folder", None, None) => self.folder(path, &object),
            ("document", Some(series), None) if object.id.is_some() => {
                self.documents.push(path.to_owned());
                self.series(path, &object, series);
            }
            ("relationship", None, Some(ends)) if is_alone && object.id.is_some() && object.unfiled_at.is_none() => {
                self.plan.links.push(path.to_owned());
                self.ends.push((ends.source, ends.target, object.values.type_id.clone(), path.to_owned()));
            }
            _ => self.faults.add(
                "invalid_object",
                path,
                "is neither a folder, nor a document with a series, nor a relationship with two ends and no place",
            ),
        }
        match object.id {
            Some(id) => {
                self.id(path, id);
                self.source(path, &object);
                self.places(path, &object);
            }
            None => self.plan.root = Some(path.to_owned()),
        }
        self.dossier_versions(path, &object);
        Ok(())
    }

    fn access(&mut self, path: &str, access: &BagAccess) {
        self.plan.needs.insert(WRITE_SECURITY);
        values::faults_of_access(access, self.is_permission, path, self.faults);
        for entry in &access.entries {
            self.people(path, [&entry.principal]);
            if is_mark(&entry.list) {
                self.plan.for_administrators = Some("marks of security policies");
            }
        }
    }

    fn lock(&mut self, path: &str, object: &BagObject, lock: &BagLock) {
        // Whoever holds this can end it again.
        self.plan.needs.insert(UNLOCK);
        self.people(path, [&lock.owner]);
        self.instants(path, [lock.locked_at]);
        if object.id.is_none() || check_comment(&lock.comment).is_err() {
            self.faults.add("invalid_lock", path, "the root folder is not locked, and a comment has 2,000 characters");
        }
    }

    fn instants<const N: usize>(&mut self, path: &str, instants: [Timestamp; N]) {
        for at in instants {
            if at > self.latest {
                self.faults.add("future_instant", path, format!("{at} has not come yet"));
            }
        }
    }

    fn id(&mut self, path: &str, id: ObjectId) {
        if !self.plan.ids.insert(id) {
            self.faults.add("duplicate_id", path, format!("`{id}` is the id of another object too"));
        }
    }

    fn people<const N: usize>(&mut self, path: &str, keys: [&String; N]) {
        for key in keys {
            if !self.people.contains(key.as_str()) {
                self.faults.add(
                    "unknown_principal",
                    path,
                    format!("`{}` is not among the bag's principals", shown(key)),
                );
            }
        }
    }

    fn values(&mut self, valued: Valued<'_>) {
        values::faults_of(self.types, valued, self.faults);
        values::faults_of_contents(self.bag, valued, self.faults);
        let Values { contents, arrangement, .. } = valued.values;
        let pages: BTreeSet<String> = arrangement.iter().map(|page| page.digest.to_string()).collect();
        self.plan.digests.extend(contents.values().map(|content| content.digest.clone()));
        self.plan.digests.extend(pages.iter().cloned());
        self.plan.arranged.extend(pages);
    }

    fn folder(&mut self, path: &str, object: &BagObject) {
        let Some(id) = object.id else { return };
        if object.places.len() != 1 {
            self.faults.add("invalid_places", path, "a folder lies in one folder");
        }
        let parent = object.places.first().and_then(|place| place.folder);
        self.folders.insert(id, (parent, path.to_owned()));
    }

    fn source(&mut self, path: &str, object: &BagObject) {
        let Some(source) = &object.values.source else { return };
        if !self.sources.insert((source.system.clone(), source.id.clone())) {
            self.faults.add("duplicate_source", path, "another object came from there too");
        }
        self.plan.sources.push((source.system.clone(), source.id.clone()));
    }

    fn places(&mut self, path: &str, object: &BagObject) {
        if object.base == "relationship" {
            return;
        }
        if let Some(at) = object.unfiled_at {
            // It lies outside of the folder that the bag is brought into.
            self.plan.for_administrators = Some("objects that lie in no folder");
            self.instants(path, [at]);
        }
        if object.places.is_empty() != object.unfiled_at.is_some() {
            self.faults.add("invalid_places", path, "lies in a folder, or says since when it lies in none");
        }
        let mut own = BTreeSet::new();
        for place in &object.places {
            let BagPlace { ordinal, filed_at, .. } = *place;
            self.instants(path, [filed_at]);
            if !(-ORDINAL_MAX..=ORDINAL_MAX).contains(&ordinal) {
                self.faults.add("invalid_places", path, format!("{ordinal} is no place in the order of a folder"));
            }
            if !own.insert(place.folder) {
                self.faults.add("invalid_places", path, "lies in one folder twice");
            }
            // At the top a name that is taken gets a number.
            if place.folder.is_some() && !self.names.insert((place.folder, object.values.name.clone())) {
                self.faults.add("duplicate_name", path, "another object in its folder has its name");
            }
            self.named.extend(place.folder.map(|folder| (folder, path.to_owned())));
        }
    }

    fn series(&mut self, path: &str, object: &BagObject, series: &BagSeries) {
        self.plan.other_ids.push(("series", series.id));
        let (mut last, mut instants) = ((0, 0), BTreeSet::new());
        if series.destroyed.iter().any(|number| !(0..=NUMBER_MAX).contains(number)) {
            self.faults.add("invalid_versions", path, format!("a number is not one of 0 to {NUMBER_MAX}"));
        }
        self.instants(path, [series.clock]);
        for version in &series.versions {
            self.plan.version_count += 1;
            let number = (version.major, version.minor);
            let is_number = |number: &i32| (0..=NUMBER_MAX).contains(number);
            let are_numbers = is_number(&version.major) && is_number(&version.minor);
            if number <= last || !are_numbers || !instants.insert(version.made_at) {
                let detail = format!(
                    "versions have rising numbers up to {NUMBER_MAX}, and instants of their own: {}.{}",
                    version.major, version.minor
                );
                self.faults.add("invalid_versions", path, detail);
            }
            if version.made_at > series.clock {
                self.faults.add("invalid_versions", path, "a version is later than its series");
            }
            if let Err(error) = check_comment(&version.comment) {
                add_error(self.faults, "invalid_comment", path, &error);
            }
            last = number;
            if let Some(kept) = &version.kept {
                self.plan.needs.insert(SET_RETENTION);
                self.instants(path, [kept.record_since]);
                if kept.held {
                    self.plan.needs.insert(MANAGE_LEGAL_HOLD);
                }
                if let Some(detail) = kept::fault(kept) {
                    self.faults.add("invalid_retention", path, detail);
                }
            }
            self.id(path, version.id);
            self.people(path, [&version.made_by]);
            self.values(Valued { path, values: &version.values, base: &object.base, is_live: false });
            self.of_type(path, object, &version.values);
            self.versions.extend(object.id.map(|id| (version.id, id)));
        }
        if let Some(copy) = &series.working {
            self.working_copy(path, object, copy);
        }
    }

    fn working_copy(&mut self, path: &str, object: &BagObject, copy: &BagWorkingCopy) {
        self.plan.needs.insert(UNLOCK);
        self.id(path, copy.id);
        self.people(path, [&copy.checked_out_by, &copy.created_by, &copy.modified_by]);
        self.instants(path, [copy.created_at, copy.modified_at]);
        self.values(Valued { path, values: &copy.values, base: &object.base, is_live: false });
        self.of_type(path, object, &copy.values);
    }

    fn of_type(&mut self, path: &str, object: &BagObject, values: &Values) {
        if values.type_id != object.values.type_id {
            self.faults.add("wrong_type", path, "a version is of another type than its document");
        }
    }

    fn dossier_versions(&mut self, path: &str, object: &BagObject) {
        if object.dossier_versions.is_empty() {
            return;
        }
        self.plan.with_dossier_versions.push(path.to_owned());
        if !self.types.dossier_types().contains(&object.values.type_id) || object.id.is_none() {
            self.faults.add("invalid_dossier_version", path, "only a dossier has versions of what lies in it");
        }
        let mut last = 0;
        for version in &object.dossier_versions {
            if version.number <= last || version.number > NUMBER_MAX {
                let detail = format!("versions of a dossier have rising numbers up to {NUMBER_MAX}");
                self.faults.add("invalid_dossier_version", path, detail);
            }
            last = version.number;
            self.dossier_version(path, object, version);
        }
    }

    fn dossier_version(&mut self, path: &str, object: &BagObject, version: &BagDossierVersion) {
        self.plan.dossier_version_count += 1;
        self.plan.other_ids.push(("dossier version", version.id));
        self.people(path, [&version.made_by]);
        if hex::encode(Sha256::digest(version.manifest.as_bytes())) != version.digest {
            self.faults.add("wrong_digest", path, format!("version {} is not what its digest says", version.number));
        }
        let manifest: Manifest = match serde_json::from_str(&version.manifest) {
            Ok(manifest) => manifest,
            Err(error) => return self.faults.add("malformed_json", path, error.to_string()),
        };
        self.instants(path, [manifest.made_at]);
        let is_its_own =
            manifest.id == version.id && manifest.number == version.number && Some(manifest.dossier) == object.id;
        if !is_its_own || manifest.position < 0 || manifest.members.len() > MEMBERS_MAX {
            let detail = "a manifest is of another version, of no place in a log, or has more than 10,000 members";
            self.faults.add("invalid_dossier_version", path, detail);
        }
        let mut violations = Vec::new();
        if manifest.title != manifest.name {
            check_title(&manifest.title, &mut violations);
        }
        let names = std::iter::once(&manifest.name).chain(manifest.members.iter().map(|member| &member.name));
        let are_fit = violations.is_empty()
            && check_comment(&manifest.comment).is_ok()
            && names.into_iter().all(|name| Name::parse(name).is_ok());
        if !are_fit {
            self.faults.add("invalid_dossier_version", path, "a manifest has no fit name, title or comment");
        }
        // A folder stands before what lies in it, so that none lies in itself.
        let mut folders = HashSet::new();
        let are_placed = manifest.members.iter().all(|member| {
            let is_placed =
                member.parent.is_none_or(|parent| manifest.format == WHOLE_TREE && folders.contains(&parent));
            if member.version.is_none() {
                folders.insert(member.id);
            }
            is_placed
        });
        if !are_placed || !(directly()..=WHOLE_TREE).contains(&manifest.format) {
            let detail =
                "a manifest is of an unknown format, or names something in a folder that it does not name before";
            self.faults.add("invalid_dossier_version", path, detail);
        }
        let members = manifest.members.iter().map(|member| (member.id, member.version.as_ref().map(|one| one.id)));
        self.manifests.push((path.to_owned(), members.collect()));
    }

    /// Checks what one object says of others, and puts the folders in order.
    fn finish(&mut self) {
        for (kind, id) in &self.plan.other_ids {
            if !self.plan.ids.insert(*id) {
                self.faults.add("duplicate_id", id.to_string(), format!("is the id of a {kind} and of something else"));
            }
        }
        for (_, id) in &self.plan.other_ids {
            self.plan.ids.remove(id);
        }
        for (folder, path) in &self.named {
            if !self.folders.contains_key(folder) {
                self.faults.add("unknown_folder", path, format!("`{folder}` is no folder of the bag"));
            }
        }
        for (path, members) in &self.manifests {
            for (live, version) in members {
                let is_known =
                    self.is_member(live) && version.is_none_or(|version| self.versions.get(&version) == Some(live));
                if !is_known {
                    self.faults.add("unknown_member", path, format!("a manifest names `{live}`, which is not there"));
                }
            }
        }
        self.check_links();
        self.order_folders();
        // Ids grow with time: what is listed in the order of making is listed so here too.
        let by_id = |path: &String| path.rsplit('/').next().map(str::to_owned);
        self.documents.sort_by_key(by_id);
        self.plan.links.sort_by_key(by_id);
        self.plan.files.append(&mut self.documents);
    }

    fn is_member(&self, id: &ObjectId) -> bool {
        let known = self.types_of.get(&Some(*id)).and_then(|type_id| self.types.get(type_id));
        known.is_some_and(|known| known.definition.base != BaseType::Relationship)
    }

    fn check_links(&mut self) {
        for (source, target, type_id, path) in &self.ends {
            let (from, to) = match (self.types_of.get(source), self.types_of.get(target)) {
                (Some(from), Some(to)) if source != target => (from, to),
                _ => {
                    self.faults.add("unknown_end", path, "links two objects of the bag that are not the same");
                    continue;
                }
            };
            let is_member = |id: &Option<ObjectId>| id.is_none_or(|id| self.is_member(&id));
            if !is_member(source) || !is_member(target) {
                self.faults.add("unknown_end", path, "links relationships");
            } else if let Err(error) = check_ends(self.types, type_id, from, to) {
                add_error(self.faults, "type_not_allowed", path, &error);
            }
        }
    }

    /// Puts folders after those that they lie in; what is left lies in itself.
    fn order_folders(&mut self) {
        let mut below: BTreeMap<Option<ObjectId>, Vec<ObjectId>> = BTreeMap::new();
        for (id, (parent, _)) in &self.folders {
            below.entry(*parent).or_default().push(*id);
        }
        let mut fringe = below.remove(&None).unwrap_or_default();
        let mut depth = 1;
        while !fringe.is_empty() {
            let mut next = Vec::new();
            for id in fringe {
                next.extend(below.remove(&Some(id)).unwrap_or_default());
                if let Some((_, path)) = self.folders.get(&id) {
                    self.plan.files.push(path.clone());
                }
            }
            fringe = next;
            depth += 1;
            if depth > FOLDERS_DEEP_MAX {
                self.faults.add("too_deep", OBJECTS, "at most 200 folders lie one in the other");
                return;
            }
        }
        for id in below.into_values().flatten() {
            if let Some((_, path)) = self.folders.get(&id) {
                self.faults.add("cyclic_folders", path, "a folder lies in itself, or in one that is not there");
            }
        }
    }
}
