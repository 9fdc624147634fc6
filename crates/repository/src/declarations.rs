//! What is declared: the types, facets and vocabularies of the core, of modules and of the office's files, which are there
//! from the start, and those that administrators declare while the office runs.
//!
//! A node keeps all of it. Where it writes alone (SQLite), it learns of a change from whoever makes it; a write that runs
//! between a change and its commit asks the database. Where several write, each question compares the number of changes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use cartulary_db::Conn;
use cartulary_model::{Problem, TypeDefinition, TypeFile, TypeRegistry, VocabularyDefinition};
use serde::de::DeserializeOwned;

use crate::store::declarations::{self, DeclaredRow};
use crate::{RepositoryError, Result};

/// All that is declared, as of one moment.
#[derive(Debug)]
pub struct Catalogue {
    types: Arc<TypeRegistry>,
    dossier_types: Arc<Vec<String>>,
    /// How many changes were made at run time.
    version: i64,
    /// The versions of the types that were declared at run time.
    run_time_types: BTreeMap<String, i64>,
    run_time_vocabularies: BTreeMap<String, i64>,
}

impl Catalogue {
    /// Returns all types, facets and vocabularies.
    pub fn types(&self) -> &TypeRegistry {
        &self.types
    }

    /// Returns the change token of a type that was declared at run time; nothing for what comes with the program, a module
    /// or the office's files, and never changes while the office runs.
    pub fn type_token(&self, id: &str) -> Option<i64> {
        self.run_time_types.get(id).copied()
    }

    /// Returns the change token of a vocabulary, as [`Catalogue::type_token`] does.
    pub fn vocabulary_token(&self, id: &str) -> Option<i64> {
        self.run_time_vocabularies.get(id).copied()
    }

    /// Returns the ids of all dossier types, ordered.
    pub(crate) fn dossier_types(&self) -> Arc<Vec<String>> {
        Arc::clone(&self.dossier_types)
    }

    pub(crate) fn is_dossier(&self, type_id: &str) -> bool {
        self.types.get(type_id).is_some_and(|resolved| resolved.is_dossier)
    }

    pub(crate) fn shared_types(&self) -> Arc<TypeRegistry> {
        Arc::clone(&self.types)
    }
}

/// What was declared at run time, as the database has it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Declared {
    pub types: BTreeMap<String, (TypeDefinition, i64)>,
    pub vocabularies: BTreeMap<String, (VocabularyDefinition, i64)>,
}

impl Declared {
    pub(crate) fn read(conn: &mut Conn) -> Result<Self> {
        Ok(Self {
            types: parsed(declarations::types(conn)?)?,
            vocabularies: parsed(declarations::vocabularies(conn)?)?,
        })
    }
}

fn parsed<T: DeserializeOwned>(rows: Vec<DeclaredRow>) -> Result<BTreeMap<String, (T, i64)>> {
    let mut found = BTreeMap::new();
    for (id, text, version) in rows {
        let definition = serde_json::from_str(&text).map_err(RepositoryError::internal)?;
        found.insert(id, (definition, version));
    }
    Ok(found)
}

#[derive(Debug)]
struct Known {
    /// The number of the last change that was announced when this was read.
    announced: i64,
    catalogue: Arc<Catalogue>,
}

/// The node's knowledge of what is declared.
#[derive(Debug)]
pub(crate) struct Declarations {
    contributed: TypeFile,
    is_shared: bool,
    /// How many changes were begun here.
    announced: AtomicI64,
    known: RwLock<Known>,
    /// Held from before a change until it is known here.
    pub(crate) changing: tokio::sync::Mutex<()>,
}

impl Declarations {
    /// Keeps what is `contributed` and, from `conn`, what was declared at run time.
    ///
    /// # Errors
    /// All problems, when they do not fit together: what was declared at run time may not fit what a new release brings.
    pub(crate) fn open(
        conn: &mut Conn,
        contributed: TypeFile,
        is_shared: bool,
    ) -> Result<std::result::Result<Self, Vec<String>>> {
        let version = declarations::version(conn)?;
        let read = Declared::read(conn)?;
        Ok(catalogue(&contributed, &read, version).map(|catalogue| Self {
            contributed,
            is_shared,
            announced: AtomicI64::new(0),
            known: RwLock::new(Known { announced: 0, catalogue: Arc::new(catalogue) }),
            changing: tokio::sync::Mutex::default(),
        }))
    }

    /// Returns what this node knew last. Reads of a node that writes alone need no more.
    pub(crate) fn known(&self) -> Arc<Catalogue> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner).catalogue)
    }

    /// Returns what is declared as the transaction of `conn` sees it.
    pub(crate) fn present(&self, conn: &mut Conn) -> Result<Arc<Catalogue>> {
        let is_read = conn.snapshot().is_some();
        if !self.is_shared {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            if is_read || known.announced == self.announced.load(Ordering::Acquire) {
                return Ok(Arc::clone(&known.catalogue));
            }
            drop(known);
            return Ok(Arc::new(self.load(conn)?));
        }
        let known = self.known();
        if declarations::version(conn)? == known.version {
            return Ok(known);
        }
        let fresh = Arc::new(self.load(conn)?);
        // What a write sees may be undone.
        if is_read {
            self.learn(&fresh, 0);
        }
        Ok(fresh)
    }

    /// Returns what is declared as the transaction of a write sees it, and keeps the type and the facets as they are until
    /// it ends.
    pub(crate) fn held(&self, conn: &mut Conn, type_id: &str, facets: &[String]) -> Result<Arc<Catalogue>> {
        let seen = self.present(conn)?;
        if !self.is_shared {
            return Ok(seen);
        }
        let named = std::iter::once(type_id).chain(facets.iter().map(String::as_str));
        let changeable: Vec<&str> = named.filter(|id| seen.type_token(id).is_some()).collect();
        if changeable.is_empty() {
            return Ok(seen);
        }
        changeable.into_iter().try_for_each(|id| declarations::hold_type(conn, id))?;
        self.present(conn)
    }

    /// Says, inside a write and before it changes what is declared, that it does.
    pub(crate) fn announce(&self) {
        self.announced.fetch_add(1, Ordering::AcqRel);
    }

    /// Reads again what is declared, after a change was committed or refused, while `changing` is still held.
    pub(crate) fn refresh(&self, conn: &mut Conn) -> Result<()> {
        let announced = self.announced.load(Ordering::Acquire);
        let fresh = Arc::new(self.load(conn)?);
        self.learn(&fresh, announced);
        Ok(())
    }

    fn learn(&self, fresh: &Arc<Catalogue>, announced: i64) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // A slower reader of an older snapshot does not make a newer one forgotten.
        if fresh.version >= known.catalogue.version {
            *known = Known { announced, catalogue: Arc::clone(fresh) };
        }
    }

    fn load(&self, conn: &mut Conn) -> Result<Catalogue> {
        let version = declarations::version(conn)?;
        let read = Declared::read(conn)?;
        catalogue(&self.contributed, &read, version).map_err(|problems| RepositoryError::internal(problems.join("; ")))
    }

    /// Says whether a type or facet came with the program, a module or the office's files.
    pub(crate) fn has_contributed_type(&self, id: &str) -> bool {
        self.contributed.types.iter().any(|definition| definition.id == id)
    }

    /// Says the same of a vocabulary.
    pub(crate) fn has_contributed_vocabulary(&self, id: &str) -> bool {
        self.contributed.vocabularies.iter().any(|definition| definition.id == id)
    }

    /// Checks what would be declared together with what is contributed.
    ///
    /// # Errors
    /// All problems.
    pub(crate) fn check(&self, declared: &Declared) -> std::result::Result<TypeRegistry, Vec<String>> {
        registry(&self.contributed, declared)
    }

    /// Checks the same, and says of each problem where it stands.
    ///
    /// # Errors
    /// All problems.
    pub(crate) fn check_placed(&self, declared: &Declared) -> std::result::Result<TypeRegistry, Vec<Problem>> {
        TypeRegistry::check_placed(together(&self.contributed, declared))
    }
}

fn together(contributed: &TypeFile, declared: &Declared) -> TypeFile {
    let mut all = contributed.clone();
    all.types.extend(declared.types.values().map(|(definition, _)| definition.clone()));
    all.vocabularies.extend(declared.vocabularies.values().map(|(definition, _)| definition.clone()));
    all
}

fn registry(contributed: &TypeFile, declared: &Declared) -> std::result::Result<TypeRegistry, Vec<String>> {
    TypeRegistry::check_all(together(contributed, declared))
}

fn catalogue(contributed: &TypeFile, declared: &Declared, version: i64) -> std::result::Result<Catalogue, Vec<String>> {
    let types = registry(contributed, declared)?;
    let versions = |id: &String, version: i64| (id.clone(), version);
    Ok(Catalogue {
        dossier_types: Arc::new(types.dossier_types()),
        types: Arc::new(types),
        version,
        run_time_types: declared.types.iter().map(|(id, (_, version))| versions(id, *version)).collect(),
        run_time_vocabularies: declared.vocabularies.iter().map(|(id, (_, version))| versions(id, *version)).collect(),
    })
}
