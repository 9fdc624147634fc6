//! Objects of any type: read and changed.

use cartulary_db::Conn;
use cartulary_model::permission::{BROWSE, WRITE_PROPERTIES};
use cartulary_model::{
    BaseType, ChangeKind, Name, ObjectId, Properties, PropertyDefinition, PropertyKind, Timestamp, Violation, key, nfc,
    text_key,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::bootstrap::parse_id;
use crate::object::{ObjectChanges, ObjectDetail, Precondition, Written};
use crate::services::detail::properties_of;
use crate::store::objects::{self, IndexedValue, ObjectRow};
use crate::store::{filing, imports, versions};
use crate::transaction::{Change, Tx};
use crate::{Repository, RepositoryError, Result, Session};

/// How long a title may be, in characters.
const TITLE_CHARACTERS_MAX: usize = 2_000;

impl Session {
    /// Returns an object, or a version of one.
    ///
    /// # Errors
    /// `NotFound` when there is none, it is in the trash, or the caller may not know of it.
    pub async fn object_get(&self, id: ObjectId) -> Result<ObjectDetail> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<ObjectDetail> {
            let row = session.authorised(conn, id, BROWSE, now)?;
            session.detail_of(conn, &row, now)
        };
        self.repository.database().read_brief(read).await
    }

    /// Changes name, title and properties of a live object.
    ///
    /// # Errors
    /// `Stale`, `Invalid` with all violations, `Conflict` `name_taken` or `immutable`, `Forbidden`, `NotFound`.
    pub async fn object_update(
        &self,
        id: ObjectId,
        precondition: Precondition,
        changes: ObjectChanges,
    ) -> Result<Written<ObjectDetail>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.authorised(tx.conn, id, WRITE_PROPERTIES, tx.now)?;
            session.check_precondition(tx.conn, &row, &precondition, tx.now)?;
            refuse_version(&row)?;
            let changed = session.update_in_tx(tx, &row, &changes)?;
            session.detail_of(tx.conn, &changed, tx.now)
        })
        .await
    }

    fn update_in_tx(&self, tx: &mut Tx<'_>, row: &ObjectRow, changes: &ObjectChanges) -> Result<ObjectRow> {
        let before = properties_of(row)?;
        let mut properties = before.clone();
        for (id, value) in &changes.properties {
            if value.is_null() {
                properties.remove(id);
            } else {
                properties.insert(id.clone(), value.clone());
            }
        }
        // What an import took as it was stays good while nobody gives it another name.
        let name = match &changes.name {
            Some(name) if *name != row.name => Name::choose(name),
            _ => Name::parse(&row.name),
        };
        let is_root = row.no == self.repository.inner.root_no;
        let mut violations = violations_of(&self.repository, &row.type_id, &properties);
        let title = changes.title.clone().unwrap_or_else(|| row.title.clone());
        if title != row.title {
            check_title(&title, &mut violations);
        }
        let name = match name {
            Ok(name) => name.as_str().to_owned(),
            Err(_) if is_root => String::new(),
            Err(error) => {
                violations.push(Violation::new("name", "invalid_name", error.to_string()));
                String::new()
            }
        };
        if !violations.is_empty() {
            return Err(RepositoryError::Invalid { violations });
        }
        if name != row.name {
            filing::rename(tx.conn, row.no, &name)?;
        }
        // A title that follows the name keeps following it.
        let title = if changes.title.is_none() && row.title == row.name { name.clone() } else { title };
        let at = self.series_instant(tx, row)?;
        let text = serde_json::to_string(&properties).map_err(RepositoryError::internal)?;
        objects::update(tx.conn, row.no, &name, &title, &text, at, tx.actor_no)?;
        index_values(tx.conn, &self.repository, row.no, &row.type_id, &properties, false)?;
        tx.record(
            ChangeKind::Updated,
            Change {
                object: Some((row.no, parse_id(&row.id)?)),
                series_no: row.series_no,
                scope_no: Some(row.scope_no),
                before: Some(json!({ "name": row.name, "title": row.title, "properties": before })),
                after: Some(json!({ "name": name, "title": title, "properties": properties })),
                ..Change::default()
            },
        )?;
        objects::by_no(tx.conn, row.no)?.ok_or_else(|| RepositoryError::not_found("the object"))
    }

    /// Returns the instant of a change: the present one, later than any in the series.
    pub(crate) fn series_instant(&self, tx: &mut Tx<'_>, row: &ObjectRow) -> Result<i64> {
        let now = tx.now.as_millis();
        let Some(series) = row.series_no else { return Ok(now.max(row.modified_at + 1)) };
        let clock = versions::series_locked(tx.conn, series)?.map_or(0, |series| series.clock);
        let at = now.max(clock + 1);
        versions::put_clock(tx.conn, series, at)?;
        Ok(at)
    }
}

/// Refuses a change to an immutable version.
pub(crate) fn refuse_version(row: &ObjectRow) -> Result<()> {
    if row.role == objects::VERSION {
        return Err(RepositoryError::conflict("immutable", "a version never changes: change the document instead"));
    }
    Ok(())
}

/// What an object to make says of itself.
pub(crate) struct Proposed<'a> {
    pub type_id: &'a str,
    pub base: BaseType,
    pub name: &'a str,
    pub naming: Naming,
    /// The name unless given.
    pub title: Option<&'a str>,
    pub properties: &'a Properties,
}

/// Where a name comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Naming {
    /// A person chose it, and can choose another.
    Chosen,
    /// A file came with it, and is not lost for its name.
    OfFile,
}

/// Returns the name of an object to make, if its type can be made, its name and title are some, and its properties keep
/// the rules; or all that is wrong with it.
pub(crate) fn check_new(repository: &Repository, proposed: &Proposed<'_>) -> Result<Name> {
    let Proposed { type_id, base, .. } = *proposed;
    let mut violations = violations_of(repository, type_id, proposed.properties);
    if let Some(resolved) = repository.inner.types.get(type_id) {
        if resolved.definition.base != base {
            violations.push(Violation::new("type", "wrong_base", format!("`{type_id}` is not a {}", base.as_str())));
        } else if !resolved.definition.creatable {
            violations.push(Violation::new("type", "not_creatable", format!("`{type_id}` cannot be made")));
        }
    }
    if let Some(title) = proposed.title {
        check_title(title, &mut violations);
    }
    let name = match proposed.naming {
        Naming::Chosen => Name::choose(proposed.name),
        Naming::OfFile => Name::parse(proposed.name),
    };
    match name {
        Ok(name) if violations.is_empty() => return Ok(name),
        Ok(_) => {}
        Err(error) => violations.push(Violation::new("name", "invalid_name", error.to_string())),
    }
    Err(RepositoryError::Invalid { violations })
}

fn violations_of(repository: &Repository, type_id: &str, properties: &Properties) -> Vec<Violation> {
    let mut violations = repository.inner.types.violations(type_id, &[], properties);
    for violation in &mut violations {
        if violation.code != "unknown_type" {
            violation.field = format!("properties.{}", violation.field);
        }
    }
    violations
}

/// Appends what is wrong with a title that a person chose.
fn check_title(title: &str, violations: &mut Vec<Violation>) {
    if title.contains('\0') {
        violations.push(Violation::new("title", "null_character", "contains the character U+0000"));
    } else if title.contains(key::is_misleading) {
        let detail = "a title has no line breaks, control characters, invisible characters or characters that turn the direction";
        violations.push(Violation::new("title", "misleading", detail));
    } else if !title.contains(key::is_visible) {
        violations.push(Violation::new("title", "blank", "a title has at least one visible character"));
    }
    if key::length(title) > TITLE_CHARACTERS_MAX {
        violations.push(Violation::new("title", "too_long", "a title has at most 2,000 characters"));
    }
}

/// Writes the values of the properties that are declared as indexed.
pub(crate) fn index_values(
    conn: &mut Conn,
    repository: &Repository,
    object_no: i64,
    type_id: &str,
    properties: &Properties,
    is_new: bool,
) -> Result<()> {
    let Some(resolved) = repository.inner.types.get(type_id) else { return Ok(()) };
    let mut values = Vec::new();
    for definition in resolved.properties.iter().filter(|definition| definition.indexed) {
        let Some(value) = properties.get(&definition.id) else { continue };
        let property_no = objects::property_no(conn, &definition.id)?;
        collect_values(definition, property_no, value, &mut values);
    }
    if is_new && values.is_empty() {
        return Ok(());
    }
    objects::replace_values(conn, object_no, &values, is_new)
}

fn collect_values(definition: &PropertyDefinition, property_no: i64, value: &Value, values: &mut Vec<IndexedValue>) {
    let elements = match value {
        Value::Array(elements) => elements.as_slice(),
        one => std::slice::from_ref(one),
    };
    for (ordinal, element) in elements.iter().enumerate() {
        let mut indexed = IndexedValue {
            property_no,
            ordinal: i32::try_from(ordinal).unwrap_or(i32::MAX),
            ..IndexedValue::default()
        };
        match (definition.kind, element) {
            (PropertyKind::Datetime, Value::String(text)) => {
                indexed.instant = Timestamp::parse(text).ok().map(Timestamp::as_millis);
            }
            (_, Value::String(text)) => indexed.text_key = Some(text_key(&nfc(text))),
            (PropertyKind::Integer, Value::Number(number)) => indexed.int_value = number.as_i64(),
            (_, Value::Number(number)) => indexed.real_value = number.as_f64(),
            (_, Value::Bool(flag)) => indexed.int_value = Some(i64::from(*flag)),
            _ => continue,
        }
        values.push(indexed);
    }
}

/// Returns the digest by which a repeated request is known as the same.
pub(crate) fn request_digest(request: &Value) -> Vec<u8> {
    Sha256::digest(request.to_string().as_bytes()).to_vec()
}

impl Session {
    /// Returns what an earlier request with the same key made, as the caller may see it now.
    ///
    /// # Errors
    /// `Conflict` `idempotency_key_reused` when that request was another one; `NotFound` when what it made is in the trash,
    /// or the caller may not know of it any more.
    pub(crate) fn replay(&self, tx: &mut Tx<'_>, key: Option<&str>, digest: &[u8]) -> Result<Option<ObjectRow>> {
        match made_before(tx, key, digest)? {
            Some(id) => self.authorised(tx.conn, id, BROWSE, tx.now).map(Some),
            None => Ok(None),
        }
    }
}

/// Returns the id of what an earlier request with the same key made; whether the caller may still see it, the caller of
/// this asks.
///
/// # Errors
/// `Conflict` `idempotency_key_reused` when that request was another one.
pub(crate) fn made_before(tx: &mut Tx<'_>, key: Option<&str>, digest: &[u8]) -> Result<Option<ObjectId>> {
    let Some(key) = key else { return Ok(None) };
    let Some((earlier, id)) = imports::idempotent(tx.conn, tx.actor_no, key)? else { return Ok(None) };
    if earlier != digest {
        let detail = "this Idempotency-Key was used for another request: take a new one";
        return Err(RepositoryError::conflict("idempotency_key_reused", detail));
    }
    parse_id(&id).map(Some)
}

/// Remembers what a request with a key made; without one there is nothing to remember.
pub(crate) fn remember_made(tx: &mut Tx<'_>, key: Option<&str>, digest: &[u8], id: &str) -> Result<()> {
    let Some(key) = key else { return Ok(()) };
    imports::put_idempotent(tx.conn, tx.actor_no, key, digest, id, tx.now.as_millis())
}
