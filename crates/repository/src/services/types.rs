//! Types, facets and vocabularies, declared while the office runs.

use std::sync::Arc;

use cartulary_db::Conn;
use cartulary_db::portable::{advisory_key, lock_in_transaction};
use cartulary_model::{BaseType, ChangeKind, TypeDefinition, TypeRegistry, Violation, VocabularyDefinition};
use serde_json::{Value, json};

use crate::declarations::{Catalogue, Declared};
use crate::object::{Current, Declaration, Precondition, Written};
use crate::store::declarations;
use crate::transaction::{Change, Tx};
use crate::{Faults, RepositoryError, Result, Session};

/// How many types, and how many vocabularies, may be declared at run time.
const DECLARED_MAX: usize = 1_000;
/// How many terms a vocabulary that is declared at run time may have.
const TERMS_MAX: usize = 50_000;

/// What a change leaves of a declaration: its change token, or nothing when it was deleted.
pub(crate) type Left = Option<i64>;

impl Session {
    /// Returns all that is declared.
    ///
    /// # Errors
    /// The database's.
    pub async fn catalogue(&self) -> Result<Arc<Catalogue>> {
        let repository = self.repository.clone();
        let read = move |conn: &mut Conn| repository.inner.declarations.present(conn);
        self.repository.database().read_brief(read).await
    }

    /// Declares a type or facet.
    ///
    /// # Errors
    /// `Forbidden` for others than administrators; `Conflict` `name_taken`; `Invalid` with every problem.
    pub async fn type_create(&self, definition: TypeDefinition) -> Result<Written<i64>> {
        self.declare(move |session, tx, declared| session.add_type(tx, declared, definition.clone()))
            .await
            .map(written_token)
    }

    /// Changes a type or facet that was declared at run time. While there are objects of it, or of a type below it, it can
    /// only be relaxed.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, `Stale`; `Conflict` `contributed` for what is not declared at run time; `Invalid`
    /// with every problem.
    pub async fn type_update(
        &self,
        id: String,
        precondition: Precondition,
        definition: TypeDefinition,
    ) -> Result<Written<i64>> {
        self.declare(move |session, tx, declared| {
            let before = session.changeable_type(declared, &id, &precondition)?;
            session.put_type(tx, declared, definition.clone(), Some(before))
        })
        .await
        .map(written_token)
    }

    /// Deletes a type or facet that was declared at run time and that nothing uses.
    ///
    /// # Errors
    /// As [`Session::type_update`]; `Conflict` `type_in_use`.
    pub async fn type_delete(&self, id: String, precondition: Precondition) -> Result<Written<()>> {
        self.declare(move |session, tx, declared| {
            let before = session.changeable_type(declared, &id, &precondition)?;
            declarations::hold_type_alone(tx.conn, &id)?;
            let types =
                session.declarations().check(declared).map_err(|problems| RepositoryError::internal_all(&problems))?;
            let below = users_of(&types, &id);
            if below.len() > 1 {
                let others = below.iter().filter(|other| **other != id).cloned().collect::<Vec<_>>().join(", ");
                return Err(RepositoryError::conflict("type_in_use", format!("`{others}` is made of it")));
            }
            if is_used(tx.conn, &types, &id)? {
                let detail = "there are objects of it, in the trash perhaps: destroy them first";
                return Err(RepositoryError::conflict("type_in_use", detail));
            }
            declared.types.remove(&id);
            if let Err(problems) = session.declarations().check(declared) {
                return Err(RepositoryError::conflict("type_in_use", problems.join("; ")));
            }
            declarations::delete_type(tx.conn, &id)?;
            declarations::count_change(tx.conn)?;
            note(tx, "type", &id, Some(json!(before)), None)?;
            Ok(None)
        })
        .await
        .map(without_value)
    }

    /// Declares a vocabulary.
    ///
    /// # Errors
    /// As [`Session::type_create`].
    pub async fn vocabulary_create(&self, definition: VocabularyDefinition) -> Result<Written<i64>> {
        self.declare(move |session, tx, declared| session.add_vocabulary(tx, declared, &definition))
            .await
            .map(written_token)
    }

    /// Changes a vocabulary that was declared at run time. A term that values have taken is retired, not removed.
    ///
    /// # Errors
    /// As [`Session::type_update`]; `Invalid` `term_removed`.
    pub async fn vocabulary_update(
        &self,
        id: String,
        precondition: Precondition,
        definition: VocabularyDefinition,
    ) -> Result<Written<i64>> {
        self.declare(move |session, tx, declared| {
            let before = session.changeable_vocabulary(declared, &id, &precondition)?;
            session.put_vocabulary(tx, declared, &definition, Some(before))
        })
        .await
        .map(written_token)
    }

    /// Deletes a vocabulary that was declared at run time and of which no property takes terms.
    ///
    /// # Errors
    /// As [`Session::type_update`]; `Invalid` when a property takes terms of it.
    pub async fn vocabulary_delete(&self, id: String, precondition: Precondition) -> Result<Written<()>> {
        self.declare(move |session, tx, declared| {
            let before = session.changeable_vocabulary(declared, &id, &precondition)?;
            declared.vocabularies.remove(&id);
            if let Err(problems) = session.declarations().check(declared) {
                return Err(RepositoryError::conflict("vocabulary_in_use", problems.join("; ")));
            }
            declarations::delete_vocabulary(tx.conn, &id)?;
            declarations::count_change(tx.conn)?;
            note(tx, "vocabulary", &id, Some(json!(before)), None)?;
            Ok(None)
        })
        .await
        .map(without_value)
    }

    fn declarations(&self) -> &crate::declarations::Declarations {
        &self.repository.inner.declarations
    }

    /// Runs `act` on what is declared at run time, alone, and lets this node know of it before anybody is answered. Who
    /// asked may go away meanwhile: what was begun is ended.
    pub(crate) async fn declare<F>(&self, act: F) -> Result<Written<Left>>
    where
        F: Fn(&Self, &mut Tx<'_>, &mut Declared) -> Result<Left> + Send + 'static,
    {
        self.require_administrator()?;
        let session = self.clone();
        let declared = tokio::spawn(async move {
            let _alone = session.declarations().changing.lock().await;
            let acting = session.clone();
            let written = session
                .transact(move |tx| {
                    let key = advisory_key(acting.repository.log_identity(), "declarations");
                    lock_in_transaction(tx.conn, key)?;
                    acting.declarations().announce();
                    let mut declared = Declared::read(tx.conn)?;
                    act(&acting, tx, &mut declared)
                })
                .await;
            let repository = session.repository.clone();
            let refresh = move |conn: &mut Conn| repository.inner.declarations.refresh(conn);
            session.repository.database().read(refresh).await?;
            written
        });
        declared.await.map_err(RepositoryError::internal)?
    }

    /// Declares a type or facet of a name that is free.
    pub(crate) fn add_type(
        &self,
        tx: &mut Tx<'_>,
        declared: &mut Declared,
        definition: TypeDefinition,
    ) -> Result<Left> {
        let id = &definition.id;
        if declared.types.contains_key(id) || self.declarations().has_contributed_type(id) {
            return Err(RepositoryError::conflict("name_taken", format!("there is a type `{id}` already")));
        }
        if declared.types.len() >= DECLARED_MAX {
            return Err(too_many("types"));
        }
        self.put_type(tx, declared, definition, None)
    }

    /// Declares a vocabulary of a name that is free.
    pub(crate) fn add_vocabulary(
        &self,
        tx: &mut Tx<'_>,
        declared: &mut Declared,
        definition: &VocabularyDefinition,
    ) -> Result<Left> {
        let id = &definition.id;
        if declared.vocabularies.contains_key(id) || self.declarations().has_contributed_vocabulary(id) {
            return Err(RepositoryError::conflict("name_taken", format!("there is a vocabulary `{id}` already")));
        }
        if declared.vocabularies.len() >= DECLARED_MAX {
            return Err(too_many("vocabularies"));
        }
        self.put_vocabulary(tx, declared, definition, None)
    }

    /// Returns the type to change, if it is one that can be, and is as the caller read it.
    fn changeable_type(&self, declared: &Declared, id: &str, precondition: &Precondition) -> Result<TypeDefinition> {
        let Some((definition, token)) = declared.types.get(id) else {
            return Err(not_changeable("type", id, self.declarations().has_contributed_type(id)));
        };
        fresh(precondition, *token, Declaration::Type(Box::new(definition.clone())))?;
        Ok(definition.clone())
    }

    fn changeable_vocabulary(
        &self,
        declared: &Declared,
        id: &str,
        precondition: &Precondition,
    ) -> Result<VocabularyDefinition> {
        let Some((definition, token)) = declared.vocabularies.get(id) else {
            return Err(not_changeable("vocabulary", id, self.declarations().has_contributed_vocabulary(id)));
        };
        fresh(precondition, *token, Declaration::Vocabulary(Box::new(definition.clone())))?;
        Ok(definition.clone())
    }

    fn put_type(
        &self,
        tx: &mut Tx<'_>,
        declared: &mut Declared,
        mut definition: TypeDefinition,
        before: Option<TypeDefinition>,
    ) -> Result<Left> {
        let mut faults = Faults::default();
        if let Some(before) = before.as_ref().filter(|before| before.id != definition.id) {
            faults.say("id", "stays", "is that of the address: a type keeps its id");
            definition.id.clone_from(&before.id);
        }
        let id = definition.id.clone();
        if definition.parent.is_none() && definition.base != BaseType::Facet {
            faults.say("parent", "required", "a type that is declared here inherits from one");
        }
        if let Some(before) = &before {
            declarations::hold_type_alone(tx.conn, &id)?;
            let types =
                self.declarations().check(declared).map_err(|problems| RepositoryError::internal_all(&problems))?;
            if is_used(tx.conn, &types, &id)? {
                faults.list().extend(before.violations_of_relaxing(&definition));
            }
        }
        let text = serde_json::to_string(&definition).map_err(RepositoryError::internal)?;
        let after = json!(definition);
        declared.types.insert(id.clone(), (definition, 0));
        faults.list().extend(self.problems_of(&id, declared));
        faults.end()?;
        let version = declarations::count_change(tx.conn)?;
        declarations::put_type(tx.conn, &id, &text, version)?;
        note(tx, "type", &id, before.map(|before| json!(before)), Some(after))?;
        Ok(Some(version))
    }

    /// Returns what is wrong when all this is declared; of another declaration than that with `id` as of the whole of this one.
    fn problems_of(&self, id: &str, declared: &Declared) -> Vec<Violation> {
        let mut violations: Vec<Violation> = Vec::new();
        for problem in self.declarations().check_placed(declared).err().unwrap_or_default() {
            let field = if problem.of == id { problem.field } else { "definition".to_owned() };
            match violations.iter_mut().find(|known| known.detail == problem.words) {
                Some(known) if known.field == "definition" => known.field = field,
                Some(_) => {}
                None => violations.push(Violation::new(field, "inconsistent", problem.words)),
            }
        }
        violations
    }

    fn put_vocabulary(
        &self,
        tx: &mut Tx<'_>,
        declared: &mut Declared,
        definition: &VocabularyDefinition,
        before: Option<VocabularyDefinition>,
    ) -> Result<Left> {
        let mut faults = Faults::default();
        let mut definition = definition.clone();
        if let Some(before) = before.as_ref().filter(|before| before.id != definition.id) {
            faults.say("id", "stays", "is that of the address: a vocabulary keeps its id");
            definition.id.clone_from(&before.id);
        }
        if definition.terms.len() > TERMS_MAX {
            let detail = format!("a vocabulary has at most {TERMS_MAX} terms");
            return Err(RepositoryError::invalid("terms", "list_too_long", detail));
        }
        for (position, term) in before.iter().flat_map(|before| &before.terms).enumerate() {
            if !definition.terms.iter().any(|next| next.id == term.id) {
                let detail = format!("objects may have the term `{}`: retire it", term.id);
                faults.say(format!("terms[{position}]"), "term_removed", detail);
            }
        }
        let text = serde_json::to_string(&definition).map_err(RepositoryError::internal)?;
        declared.vocabularies.insert(definition.id.clone(), (definition.clone(), 0));
        faults.list().extend(self.problems_of(&definition.id, declared));
        faults.end()?;
        let version = declarations::count_change(tx.conn)?;
        declarations::put_vocabulary(tx.conn, &definition.id, &text, version)?;
        let before = before.map(|before| json!({ "terms": before.terms.len() }));
        let after = json!({ "label": definition.label, "terms": definition.terms.len() });
        note(tx, "vocabulary", &definition.id, before, Some(after))?;
        Ok(Some(version))
    }
}

fn written_token(written: Written<Left>) -> Written<i64> {
    Written { value: written.value.unwrap_or_default(), transaction: written.transaction }
}

fn without_value(written: Written<Left>) -> Written<()> {
    Written { value: (), transaction: written.transaction }
}

fn too_many(what: &str) -> RepositoryError {
    RepositoryError::conflict("too_many", format!("at most {DECLARED_MAX} {what} are declared here"))
}

fn not_changeable(what: &str, id: &str, is_contributed: bool) -> RepositoryError {
    if is_contributed {
        let detail =
            format!("`{id}` comes with the program, a module or the office's files, and changes with them only");
        return RepositoryError::conflict("contributed", detail);
    }
    RepositoryError::not_found(format!("the {what} `{id}`"))
}

/// Refuses with the present definition when it is not as the caller read it.
fn fresh(precondition: &Precondition, token: i64, current: Declaration) -> Result<()> {
    if precondition.holds_for_token(token) {
        return Ok(());
    }
    Err(RepositoryError::Stale { expected: precondition.clone(), token, current: Current::Declaration(current) })
}

/// Returns a type with all that inherit from it, or of a facet those that bear it.
fn users_of(types: &TypeRegistry, id: &str) -> Vec<String> {
    let is_of = |other: &TypeDefinition, ancestors: &[String]| {
        other.id == id || ancestors.iter().any(|above| above == id) || other.facets.iter().any(|facet| facet == id)
    };
    let direct: Vec<String> = types
        .iter()
        .filter(|resolved| is_of(&resolved.definition, &resolved.ancestors))
        .map(|resolved| resolved.definition.id.clone())
        .collect();
    let below = |resolved: &&cartulary_model::ResolvedType| {
        direct.contains(&resolved.definition.id) || resolved.ancestors.iter().any(|above| direct.contains(above))
    };
    types.iter().filter(below).map(|resolved| resolved.definition.id.clone()).collect()
}

fn is_used(conn: &mut Conn, types: &TypeRegistry, id: &str) -> Result<bool> {
    let users = users_of(types, id);
    if declarations::has_objects(conn, &users)? {
        return Ok(true);
    }
    for facet in users.iter().filter(|user| types.get(user).is_some_and(|one| one.definition.base == BaseType::Facet)) {
        if declarations::is_attached(conn, facet)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn note(tx: &mut Tx<'_>, what: &str, id: &str, before: Option<Value>, after: Option<Value>) -> Result<()> {
    let detail = Some(json!({ "declared": what, "id": id }));
    tx.record(ChangeKind::Declared, Change { before, after, detail, ..Change::default() })
}
