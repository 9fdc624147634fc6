//! Bags brought in: what an office exported, or a tool made of another system's papers, with its original users, instants
//! and numbers.
//!
//! Everything is looked at first, and all that is wrong is told; then the objects come in one transaction, or none does.

use std::path::PathBuf;
use std::sync::Arc;

use cartulary_blobs::{StagedBlob, StorageKey};
use cartulary_db::Conn;
use cartulary_formats::sniff;
use cartulary_model::permission::{ADD_CHILDREN, IMPORT_HISTORY};
use cartulary_model::{BaseType, ObjectId, TypeDefinition, TypeRegistry, Violation};
use futures::StreamExt;
use tokio::io::AsyncWriteExt;

use crate::declarations::Declared;
use crate::object::Source;
use crate::services::arrangements::PDF;
use crate::services::bag::check::{self, Plan};
use crate::services::bag::form::Description;
use crate::services::bag::read::{self, Faults, OpenBag};
use crate::services::bag::{content_path, insert};
use crate::services::people::{check_display_name, check_name};
use crate::store::{blobs, history, objects, principals};
use crate::transaction::Tx;
use crate::{RepositoryError, Result, Session, scratch};

pub use crate::services::bag::read::BagFault;

/// How many ids are asked for at a time.
const IDS_AT_ONCE: usize = 500;

/// What became of a bag.
#[derive(Clone, Debug, Default)]
pub struct BagReport {
    /// Whether all of it came in; otherwise none of it did, and the faults say why.
    pub is_taken: bool,
    /// How many objects it has.
    pub object_count: u64,
    /// How many versions of documents.
    pub version_count: u64,
    /// How many versions of dossiers.
    pub dossier_version_count: u64,
    /// How many contents.
    pub content_count: u64,
    /// How many things are wrong with it.
    pub fault_count: u64,
    /// The first 1,000 of them.
    pub faults: Vec<BagFault>,
}

impl BagReport {
    fn of(faults: Faults) -> Self {
        Self { fault_count: faults.count, faults: faults.named, ..Self::default() }
    }
}

/// What a bag declares and the office has not.
#[derive(Debug, Default)]
struct Missing {
    types: Vec<TypeDefinition>,
    vocabularies: Vec<cartulary_model::VocabularyDefinition>,
}

/// What is said of an id that is taken, whatever has it: a stranger who made a bag learns no more than that.
const ID_TAKEN: &str = "is the id of something here";

impl Session {
    /// Brings a bag in: a folder, or a tar of one, on this machine's disk; its topmost objects lie in `folder` then.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `AddChildren` and `ImportHistory`; without `WriteSecurity` when it has access lists,
    /// `SetRetention` when it has records, `ManageLegalHold` when some are held, `Unlock` when something is locked or checked
    /// out; for others than administrators when it has a root folder, objects that lie in no folder, or types, users and
    /// groups that are not here; `StorageFull`. What is wrong with the bag is no error: the report says it.
    pub async fn bag_import(&self, path: PathBuf, folder: ObjectId) -> Result<BagReport> {
        for wanted in [ADD_CHILDREN, IMPORT_HISTORY] {
            self.require(folder, wanted).await?;
        }
        let work_dir = self.repository.inner.config.work_dir.clone();
        let (bag, mut faults) = waiting(move || {
            let mut faults = Faults::default();
            let bag = read::open(&path, &work_dir, &mut faults)?;
            read::validate(&bag, &mut faults)?;
            Ok((bag, faults))
        })
        .await?;
        let bag = Arc::new(bag);
        let Some(description) = check::description(&bag, &mut faults)? else { return Ok(BagReport::of(faults)) };
        let Some((types, missing)) = self.types_with(&description, &mut faults).await? else {
            return Ok(BagReport::of(faults));
        };
        let (plan, description, mut faults) = self.checked(&bag, description, types, faults).await?;
        self.require_rights(folder, &plan, &missing).await?;
        self.check_people(&description, &mut faults).await?;
        self.check_ids(&plan, &mut faults).await?;
        if faults.is_empty() {
            self.store_contents(&bag, &plan, &mut faults).await?;
        }
        let mut report = BagReport {
            object_count: plan.object_count,
            version_count: plan.version_count,
            dossier_version_count: plan.dossier_version_count,
            content_count: plan.digests.len() as u64,
            ..BagReport::of(faults)
        };
        if report.fault_count == 0 {
            match self.declare_and_bring_in(&bag, plan, description, missing, folder).await {
                Ok(()) => report.is_taken = true,
                // What only those who were there at that moment could tell.
                Err(RepositoryError::Invalid { violations }) => {
                    report.fault_count = violations.len() as u64;
                    let fault = |one: Violation| BagFault { code: one.code, path: one.field, detail: one.detail };
                    report.faults = violations.into_iter().map(fault).collect();
                }
                Err(error) => return Err(error),
            }
        }
        Ok(report)
    }

    /// Brings a bag in that was taken as bytes: a tar.
    ///
    /// # Errors
    /// As [`Session::bag_import`].
    pub async fn bag_import_staged(&self, staged: StagedBlob, folder: ObjectId) -> Result<BagReport> {
        let (digest, size_bytes) = (staged.digest, staged.size_bytes);
        // It is nobody's content, and goes with the garbage.
        self.with_blob(staged, |_, _| Ok(())).await?;
        let look = move |conn: &mut Conn| blobs::living(conn, &digest.to_string());
        let blob = self.repository.database().read(look).await?.ok_or(RepositoryError::Interrupted)?;
        let key = StorageKey::new(digest, blob.generation.unsigned_abs());
        if let Some(path) = self.repository.blobs().local_path(&key).await {
            return self.bag_import(path, folder).await;
        }
        let path = scratch::new_copy(&self.repository.inner.config.work_dir);
        let mut reader = self.repository.blobs().read(&key, digest, size_bytes, None).await?;
        let mut file = scratch::create(&path).await?;
        while let Some(chunk) = reader.next().await {
            file.write_all(&chunk?).await.map_err(RepositoryError::internal)?;
        }
        file.flush().await.map_err(RepositoryError::internal)?;
        let brought = self.bag_import(path.clone(), folder).await;
        let _ = tokio::fs::remove_file(&path).await;
        brought
    }

    /// Returns all types as they will be with those of the bag; nothing when they do not go together.
    async fn types_with(
        &self,
        description: &Description,
        faults: &mut Faults,
    ) -> Result<Option<(TypeRegistry, Missing)>> {
        let catalogue = self.catalogue().await?;
        let mut declared = self.repository.database().read(|conn: &mut Conn| Declared::read(conn)).await?;
        let mut missing = Missing::default();
        for definition in &description.types {
            match catalogue.types().get(&definition.id) {
                Some(known) if known.definition == *definition => {}
                Some(_) => faults.add("type_differs", &definition.id, "is declared here in another way"),
                None => {
                    declared.types.insert(definition.id.clone(), (definition.clone(), 1));
                    missing.types.push(definition.clone());
                }
            }
        }
        for definition in &description.vocabularies {
            match declared.vocabularies.get(&definition.id) {
                Some((known, _)) if known == definition => {}
                Some(_) => faults.add("vocabulary_differs", &definition.id, "is declared here in another way"),
                None if catalogue.types().vocabulary(&definition.id).is_some() => {}
                None => {
                    declared.vocabularies.insert(definition.id.clone(), (definition.clone(), 1));
                    missing.vocabularies.push(definition.clone());
                }
            }
        }
        match self.repository.inner.declarations.check(&declared) {
            Ok(types) => Ok(Some((types, missing))),
            Err(problems) => {
                for problem in problems {
                    faults.add("invalid_types", "data/cartulary.json", problem);
                }
                Ok(None)
            }
        }
    }

    async fn checked(
        &self,
        bag: &Arc<OpenBag>,
        description: Description,
        types: TypeRegistry,
        mut faults: Faults,
    ) -> Result<(Arc<Plan>, Arc<Description>, Faults)> {
        let (bag, repository) = (Arc::clone(bag), self.repository.clone());
        waiting(move || {
            let is_permission = |name: &str| repository.permissions().is_known(name);
            let now = repository.clock().now();
            let plan = check::check(&bag, &description, &types, (&is_permission, now), &mut faults)?;
            Ok((Arc::new(plan), Arc::new(description), faults))
        })
        .await
    }

    async fn require_rights(&self, folder: ObjectId, plan: &Plan, missing: &Missing) -> Result<()> {
        let declares = !missing.types.is_empty() || !missing.vocabularies.is_empty();
        if declares || plan.root.is_some() || plan.for_administrators.is_some() {
            self.require_administrator()?;
        }
        if plan.root.is_some() && self.root_folder().await? != folder {
            let detail = "a bag of a whole office is brought into the root folder";
            return Err(RepositoryError::invalid("folder", "not_the_root_folder", detail));
        }
        for wanted in &plan.needs {
            self.require(folder, wanted).await?;
        }
        Ok(())
    }

    /// Finds users and groups that cannot be made; only administrators make any.
    async fn check_people(&self, description: &Description, faults: &mut Faults) -> Result<()> {
        let people: Vec<(String, String)> =
            description.principals.iter().map(|one| (one.key.clone(), one.display_name.clone())).collect();
        let look = move |conn: &mut Conn| -> Result<Vec<(String, String)>> {
            let mut strangers = Vec::new();
            for (key, display_name) in people {
                let Some((kind, name)) = key.split_once(':') else { continue };
                if principals::by_name(conn, kind, name)?.is_none() {
                    strangers.push((key, display_name));
                }
            }
            Ok(strangers)
        };
        let strangers = self.repository.database().read(look).await?;
        if !strangers.is_empty() {
            self.require_administrator()?;
        }
        for (key, display_name) in strangers {
            let name = key.split_once(':').map_or("", |(_, name)| name);
            let checked = check_name("name", name).and_then(|()| check_display_name(Some(&display_name)));
            if let Err(RepositoryError::Invalid { violations }) = checked {
                let detail = violations.into_iter().map(|one| one.detail).collect::<Vec<_>>().join("; ");
                faults.add("invalid_principal", key.chars().take(200).collect::<String>(), detail);
            }
        }
        Ok(())
    }

    /// Finds what is here already.
    async fn check_ids(&self, plan: &Arc<Plan>, faults: &mut Faults) -> Result<()> {
        let plan = Arc::clone(plan);
        let look = move |conn: &mut Conn| -> Result<Vec<(&'static str, String, &'static str)>> {
            let mut found = Vec::new();
            let ids: Vec<String> = plan.ids.iter().map(ObjectId::to_string).collect();
            for some in ids.chunks(IDS_AT_ONCE) {
                let known = history::known_ids(conn, some)?;
                found.extend(known.into_iter().map(|id| ("id_taken", id, ID_TAKEN)));
            }
            let others: Vec<String> = plan.other_ids.iter().map(|(_, id)| id.to_string()).collect();
            for some in others.chunks(IDS_AT_ONCE) {
                let mut known = history::known_series(conn, some)?;
                known.extend(history::known_dossier_versions(conn, some)?);
                found.extend(known.into_iter().map(|id| ("id_taken", id, ID_TAKEN)));
            }
            for (system, id) in &plan.sources {
                let source = Source { system: system.clone(), id: id.clone() };
                if objects::by_source(conn, &source.system, &source.id)?.is_some() {
                    found.push((
                        "source_taken",
                        format!("{system} {id}"),
                        "something here came from there under this id",
                    ));
                }
            }
            Ok(found)
        };
        for (code, path, detail) in self.repository.database().read(look).await? {
            faults.add(code, path, detail);
        }
        Ok(())
    }

    /// Stores the contents. Nothing names them until the objects come; if these do not, they go with the garbage.
    async fn store_contents(&self, bag: &OpenBag, plan: &Plan, faults: &mut Faults) -> Result<()> {
        for digest in &plan.digests {
            let path = content_path(digest);
            let staged = self.content_stage_file(&bag.folder.join(&path)).await?;
            if staged.digest.to_string() != *digest {
                self.repository.blobs().discard(staged).await;
                faults.add("wrong_digest", path, "does not have the digest that it is called by");
                continue;
            }
            if plan.arranged.contains(digest) && sniff(&staged.head, "").media_type != PDF {
                self.repository.blobs().discard(staged).await;
                faults.add("invalid_arrangement", path, "pages are of it, and it is no PDF");
                continue;
            }
            self.with_blob(staged, |_, _| Ok(())).await?;
        }
        Ok(())
    }

    async fn declare_and_bring_in(
        &self,
        bag: &Arc<OpenBag>,
        plan: Arc<Plan>,
        description: Arc<Description>,
        missing: Missing,
        folder: ObjectId,
    ) -> Result<()> {
        let (session, bag) = (self.clone(), Arc::clone(bag));
        let bring_in = move |tx: &mut Tx<'_>| {
            session.lock_trees_for(tx, folder)?;
            let target = session.authorised(tx.conn, folder, ADD_CHILDREN, tx.now)?;
            if target.base != BaseType::Folder.as_str() {
                return Err(RepositoryError::conflict("not_a_folder", "only a folder contains others"));
            }
            insert::bring_in(&session, tx, (&bag, &plan, &description), target)
        };
        if missing.is_none() {
            return self.transact(bring_in).await.map(drop);
        }
        // What is declared and what is made of it come together: nothing of a bag that did not come in stays.
        let declared = self.declare(move |session, tx, declared| {
            for definition in &missing.vocabularies {
                session.add_vocabulary(tx, declared, definition)?;
            }
            for definition in missing.types_in_order()? {
                session.add_type(tx, declared, definition)?;
            }
            bring_in(tx).map(|()| None)
        });
        declared.await.map(drop)
    }
}

impl Missing {
    fn is_none(&self) -> bool {
        self.types.is_empty() && self.vocabularies.is_empty()
    }

    /// Returns the types, each after its parent and its facets.
    fn types_in_order(&self) -> Result<Vec<TypeDefinition>> {
        let (mut ordered, mut waiting) = (Vec::with_capacity(self.types.len()), self.types.clone());
        while !waiting.is_empty() {
            let ids: Vec<String> = waiting.iter().map(|one| one.id.clone()).collect();
            let needs = |one: &TypeDefinition| {
                let named = [&one.facets, &one.allowed_sources, &one.allowed_targets].into_iter().flatten();
                let mut needed = named.chain(&one.parent);
                needed.any(|id| *id != one.id && ids.contains(id))
            };
            let (later, now): (Vec<_>, Vec<_>) = waiting.into_iter().partition(needs);
            if now.is_empty() {
                return Err(RepositoryError::invalid("bag", "cyclic_types", "types of the bag are made of each other"));
            }
            ordered.extend(now);
            waiting = later;
        }
        Ok(ordered)
    }
}

/// Does what waits for the disk, and makes nobody else wait.
async fn waiting<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(RepositoryError::internal)?
}
