//! Finds what is wrong with the objects of a bag, before any of them is brought in.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fs;

use cartulary_model::{Name, ObjectId, SlotName, TypeRegistry};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::form::{BagDossierVersion, BagObject, BagSeries, Description, FORMAT, FORMAT_VERSION, ROOT, Values};
use super::kept;
use super::read::{Faults, OpenBag};
use super::{CONTENT, DESCRIPTION, OBJECTS, content_path, object_path};
use crate::services::scopes::FOLDERS_DEEP_MAX;
use crate::{RepositoryError, Result};

/// The longest file of JSON. *Units*: bytes.
const JSON_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What is known of the objects of a bag, in the order in which they can be brought in.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The file of the root folder, when the bag has it.
    pub root: Option<String>,
    /// The files of folders, those above before those in them, then of all else.
    pub files: Vec<String>,
    /// Which of them have versions of dossiers.
    pub with_dossier_versions: Vec<String>,
    /// All ids that objects and versions have.
    pub ids: HashSet<ObjectId>,
    /// Those of series and of versions of dossiers.
    pub other_ids: Vec<(&'static str, ObjectId)>,
    /// Where objects came from.
    pub sources: Vec<(String, String)>,
    /// The digests of contents.
    pub digests: BTreeSet<String>,
    /// Whether an object has an access list of its own.
    pub has_access: bool,
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
}

/// What a manifest names.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ManifestMember {
    pub id: ObjectId,
    pub name: String,
    pub version: Option<ManifestVersion>,
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
    is_permission: &dyn Fn(&str) -> bool,
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
        names: HashSet::new(),
        versions: HashMap::new(),
        manifests: Vec::new(),
        sources: HashSet::new(),
    };
    for principal in &description.principals {
        let name = principal.key.strip_prefix("user:").or_else(|| principal.key.strip_prefix("group:"));
        let is_name = |name: &str| !name.trim().is_empty() && name.len() <= 500 && !name.chars().any(char::is_control);
        if !name.is_some_and(is_name) || principal.display_name.contains('\0') {
            checking.faults.add("invalid_principal", &principal.key, "is no name of a user or group");
        }
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
        self.plan.has_access |= object.access.is_some();
        self.values(path, &object.values, &object.base);
        self.people(path, [&object.created_by, &object.modified_by]);
        for entry in object.access.iter().flat_map(|access| &access.entries) {
            self.people(path, [&entry.principal]);
            if !(self.is_permission)(&entry.permission) {
                self.faults.add("unknown_permission", path, format!("`{}` is no permission here", entry.permission));
            }
            if entry.list.is_empty() || entry.list.len() > 100 || entry.list.contains('\0') {
                self.faults.add("invalid_list", path, "an access list has no fit name");
            }
        }
        match (object.base.as_str(), &object.series) {
            ("folder", None) => self.folder(path, &object),
            ("document", Some(series)) if object.id.is_some() => {
                self.documents.push(path.to_owned());
                self.series(path, &object, series);
            }
            _ => self.faults.add("invalid_object", path, "is neither a folder nor a document with a series"),
        }
        if let Some(id) = object.id {
            self.id(path, id);
            self.places(path, &object);
        } else {
            self.plan.root = Some(path.to_owned());
        }
        if !object.dossier_versions.is_empty() {
            self.plan.with_dossier_versions.push(path.to_owned());
            for version in &object.dossier_versions {
                self.dossier_version(path, &object, version);
            }
        }
        Ok(())
    }

    fn id(&mut self, path: &str, id: ObjectId) {
        if !self.plan.ids.insert(id) {
            self.faults.add("duplicate_id", path, format!("`{id}` is the id of another object too"));
        }
    }

    fn people<const N: usize>(&mut self, path: &str, keys: [&String; N]) {
        for key in keys {
            if !self.people.contains(key.as_str()) {
                self.faults.add("unknown_principal", path, format!("`{key}` is not among the bag's principals"));
            }
        }
    }

    fn values(&mut self, path: &str, values: &Values, base: &str) {
        let known = self.types.get(&values.type_id).map(|found| found.definition.base.as_str());
        match known {
            None => self.faults.add("unknown_type", path, format!("the type `{}` is not declared", values.type_id)),
            Some(known) if known != base => {
                self.faults.add("wrong_base", path, format!("`{}` is not a {base}", values.type_id));
            }
            Some(_) => {
                for violation in self.types.violations(&values.type_id, &values.facets, &values.properties) {
                    let detail = format!("`{}` {}", violation.field, violation.detail);
                    self.faults.add("invalid_values", path, detail);
                }
            }
        }
        let is_root = values.name.is_empty() && base == "folder";
        if !is_root && let Err(error) = Name::parse(&values.name) {
            self.faults.add("invalid_name", path, error.to_string());
        }
        if values.title.contains('\0') || values.title.len() > 100_000 {
            self.faults.add("invalid_title", path, "a title is no fit text");
        }
        for (slot, content) in &values.contents {
            if slot.parse::<SlotName>().is_err() {
                self.faults.add("invalid_slot", path, "a slot has no fit name");
            }
            let place = content_path(&content.digest);
            let is_there = self.bag.files.get(&place) == Some(&content.size_bytes);
            if !is_there {
                self.faults.add("missing_content", path, format!("`{place}` is not there with its length"));
            }
            let is_fit = ![&content.file_name, &content.media_type].iter().any(|text| text.contains('\0'));
            let raw = content.file_name_raw.as_ref().map(hex::decode).transpose();
            if !is_fit || raw.is_err() {
                self.faults.add("invalid_content", path, "a name or media type is no fit text");
            }
            self.plan.digests.insert(content.digest.clone());
        }
    }

    fn folder(&mut self, path: &str, object: &BagObject) {
        let Some(id) = object.id else { return };
        if object.places.len() != 1 {
            self.faults.add("invalid_places", path, "a folder lies in one folder");
        }
        let parent = object.places.first().and_then(|place| place.folder);
        self.folders.insert(id, (parent, path.to_owned()));
    }

    fn places(&mut self, path: &str, object: &BagObject) {
        if let Some(source) = &object.values.source {
            let is_fit = ![&source.system, &source.id].iter().any(|text| text.is_empty() || text.contains('\0'));
            if !is_fit || !self.sources.insert((source.system.clone(), source.id.clone())) {
                self.faults.add("duplicate_source", path, "another object came from there too, or it is no fit text");
            }
            self.plan.sources.push((source.system.clone(), source.id.clone()));
        }
        if object.places.is_empty() != object.unfiled_at.is_some() {
            self.faults.add("invalid_places", path, "lies in a folder, or says since when it lies in none");
        }
        let mut own = BTreeSet::new();
        for place in &object.places {
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
        if series.destroyed.iter().any(|number| *number < 0) {
            self.faults.add("invalid_versions", path, "a number is below 0");
        }
        for version in &series.versions {
            self.plan.version_count += 1;
            let number = (version.major, version.minor);
            let is_next = number > last && version.major >= 0 && version.minor >= 0;
            if !is_next || !instants.insert(version.made_at) {
                self.faults.add("invalid_versions", path, "versions have rising numbers, and instants of their own");
            }
            if version.made_at > series.clock || version.comment.contains('\0') {
                self.faults.add("invalid_versions", path, "a version is later than its series, or has no fit comment");
            }
            last = number;
            if let Some(detail) = version.kept.as_ref().and_then(kept::fault) {
                self.faults.add("invalid_retention", path, detail);
            }
            self.id(path, version.id);
            self.people(path, [&version.made_by]);
            self.values(path, &version.values, &object.base);
            self.versions.extend(object.id.map(|id| (version.id, id)));
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
        let is_its_own =
            manifest.id == version.id && manifest.number == version.number && Some(manifest.dossier) == object.id;
        let is_fit = ![&manifest.comment, &manifest.name, &manifest.title].iter().any(|text| text.contains('\0'));
        if !is_its_own || !is_fit || version.number < 1 {
            self.faults.add("invalid_dossier_version", path, "a manifest is of another version, or has no fit texts");
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
                let is_known = self.plan.ids.contains(live)
                    && version.is_none_or(|version| self.versions.get(&version) == Some(live));
                if !is_known {
                    self.faults.add("unknown_member", path, format!("a manifest names `{live}`, which is not there"));
                }
            }
        }
        self.order_folders();
        self.plan.files.append(&mut self.documents);
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
