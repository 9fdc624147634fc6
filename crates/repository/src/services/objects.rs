//! Objects of any type: read and changed.

use std::collections::BTreeMap;

use cartulary_db::Conn;
use cartulary_model::permission::{BROWSE, READ_PROPERTIES, WRITE_PROPERTIES};
use cartulary_model::{
    BaseType, ChangeKind, ChangedPart, Name, ObjectId, Properties, PropertyDefinition, PropertyKind, Timestamp,
    TypeRegistry, Violation, key, nfc, text_key,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::bootstrap::parse_id;
use crate::declarations::Catalogue;
use crate::object::{ObjectChanges, ObjectDetail, Precondition, Source, Written};
use crate::services::automatic_versions::VersionPlan;
use crate::services::detail::properties_of;
use crate::services::readings::Reading;
use crate::services::working_copies::scope_in_log;
use crate::store::objects::{self, IndexedValue, ObjectRow};
use crate::store::{filing, imports, versions};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

/// How long a title may be, in characters.
const TITLE_CHARACTERS_MAX: usize = 2_000;

impl Session {
    /// Returns an object, or a version of one.
    ///
    /// # Errors
    /// `NotFound` when there is none, it is in the trash, or the caller may not know of it.
    pub async fn object_get(&self, id: ObjectId) -> Result<ObjectDetail> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<(ObjectDetail, Option<Reading>)> {
            let row = session.authorised(conn, id, BROWSE, now)?;
            Ok((session.detail_of(conn, &row, now)?, session.reading_of(conn, &row)?))
        };
        let (detail, reading) = self.repository.database().read_brief(read).await?;
        self.note_reading_of(&detail, reading).await?;
        Ok(detail)
    }

    /// Returns the object that came from another system under an id there.
    ///
    /// # Errors
    /// `NotFound` when there is none, it is in the trash, or the caller may not read its properties.
    pub async fn object_by_source(&self, source: Source) -> Result<ObjectDetail> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<(ObjectDetail, Option<Reading>)> {
            let row = objects::by_source(conn, &source.system, &source.id)?.filter(|row| row.trashed_at.is_none());
            let access = &session.repository.inner.access;
            match row {
                Some(row) if access.allows(conn, &session.actor, row.scope_no, READ_PROPERTIES, now)? => {
                    Ok((session.detail_of(conn, &row, now)?, session.reading_of(conn, &row)?))
                }
                _ => Err(RepositoryError::not_found("the object")),
            }
        };
        let (detail, reading) = self.repository.database().read(read).await?;
        self.note_reading_of(&detail, reading).await?;
        Ok(detail)
    }

    /// Notes that the values of an object were read, where that is audited; whoever may only browse learns what lists show.
    pub(crate) async fn note_reading_of(&self, detail: &ObjectDetail, reading: Option<Reading>) -> Result<()> {
        let reading = reading.filter(|_| detail.permissions.contains(&READ_PROPERTIES));
        self.note_reading(reading, json!("properties")).await
    }

    /// Changes name, title and properties of a live object.
    ///
    /// # Errors
    /// `Stale`, `Invalid` with all violations, `Conflict` `name_taken` or `immutable`, `CheckedOut`, `Forbidden`, `NotFound`.
    pub async fn object_update(
        &self,
        id: ObjectId,
        precondition: Precondition,
        changes: ObjectChanges,
    ) -> Result<Written<ObjectDetail>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.for_change(tx, id, WRITE_PROPERTIES, &precondition)?;
            let changed = session.change_row_in_tx(tx, &row, &changes)?;
            session.detail_of(tx.conn, &changed, tx.now)
        })
        .await
    }

    /// Changes an object that is authorised and locked for it.
    pub(crate) fn change_row_in_tx(
        &self,
        tx: &mut Tx<'_>,
        row: &ObjectRow,
        changes: &ObjectChanges,
    ) -> Result<ObjectRow> {
        refuse_version(row)?;
        self.check_versioning(tx, row, changes)?;
        self.update_in_tx(tx, row, changes)
    }

    fn update_in_tx(&self, tx: &mut Tx<'_>, row: &ObjectRow, changes: &ObjectChanges) -> Result<ObjectRow> {
        let before = properties_of(row)?;
        let facets_before = objects::facets_of(tx.conn, row.no)?;
        let facets = changes.facets.as_deref().unwrap_or(&facets_before);
        let catalogue = self.repository.inner.declarations.held(tx.conn, &row.type_id, facets)?;
        let types = catalogue.types();
        let mut properties = before.clone();
        for (id, value) in &changes.properties {
            if value.is_null() {
                properties.remove(id);
            } else {
                properties.insert(id.clone(), value.clone());
            }
        }
        let is_attached = |facet: &&String| !facets_before.contains(facet);
        let attached: Vec<String> = facets.iter().filter(is_attached).cloned().collect();
        let detached: Vec<String> = facets_before.iter().filter(|facet| !facets.contains(facet)).cloned().collect();
        drop_detached(types, &row.type_id, facets, &detached, &before, &mut properties);
        types.put_defaults_of(&attached, &mut properties);
        // What an import took as it was stays good while nobody gives it another name.
        let name = match &changes.name {
            Some(name) if *name != row.name => Name::choose(name),
            _ => Name::parse(&row.name),
        };
        let is_root = row.no == self.repository.inner.root_no;
        let mut violations = types.violations_of_change(&row.type_id, facets, &before, &properties);
        name_properties(&mut violations);
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
        let is_renamed_only = title == row.title && properties == before && *facets == *facets_before;
        let plan = match is_renamed_only && changes.note.is_silent() {
            true => VersionPlan::default(),
            false => self.plan_versions(tx, row, ChangedPart::Properties, &changes.note)?,
        };
        self.keep_before(tx, row, &plan)?;
        let at = self.series_instant(tx, row)?;
        let text = serde_json::to_string(&properties).map_err(RepositoryError::internal)?;
        objects::update(tx.conn, row.no, &name, &title, &text, at, tx.actor_no)?;
        if *facets != *facets_before {
            objects::put_facets(tx.conn, row.no, facets)?;
        }
        if row.role == objects::LIVE {
            index_values(tx.conn, types, row.no, (&row.type_id, facets), &properties, false)?;
        }
        let changed = objects::by_no(tx.conn, row.no)?.ok_or_else(|| RepositoryError::not_found("the object"))?;
        let version = self.keep_after(tx, &changed, &plan, &changes.note, at)?;
        tx.record(
            if version.is_some() { ChangeKind::Versioned } else { ChangeKind::Updated },
            Change {
                object: Some((row.no, parse_id(&row.id)?)),
                series_no: row.series_no,
                scope_no: scope_in_log(row),
                before: Some(
                    json!({ "name": row.name, "title": row.title, "facets": facets_before, "properties": before }),
                ),
                after: Some(json!({ "name": name, "title": title, "facets": facets, "properties": properties })),
                detail: version.map(|made| made.as_detail()),
            },
        )?;
        Ok(changed)
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
    pub facets: &'a [String],
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
pub(crate) fn check_new(catalogue: &Catalogue, proposed: &Proposed<'_>) -> Result<Name> {
    let Proposed { type_id, base, .. } = *proposed;
    let mut violations = catalogue.types().violations(type_id, proposed.facets, proposed.properties);
    name_properties(&mut violations);
    if let Some(resolved) = catalogue.types().get(type_id) {
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

/// Says of violations of properties where the properties stand in a request.
fn name_properties(violations: &mut [Violation]) {
    for violation in violations {
        let is_of_request = matches!(violation.code, "unknown_type" | "unknown_facet" | "twice");
        if !is_of_request {
            violation.field = format!("properties.{}", violation.field);
        }
    }
}

/// Removes the values that only facets declared which are detached now; what was sent with the change is left to be
/// refused.
fn drop_detached(
    types: &TypeRegistry,
    type_id: &str,
    facets: &[String],
    detached: &[String],
    before: &Properties,
    properties: &mut Properties,
) {
    for facet in detached.iter().filter_map(|facet| types.get(facet)) {
        for definition in &facet.properties {
            let is_declared = types.properties_of(type_id, facets).any(|other| other.id == definition.id);
            let is_as_before = properties.get(&definition.id) == before.get(&definition.id);
            if !is_declared && is_as_before {
                properties.remove(&definition.id);
            }
        }
    }
}

/// Appends what is wrong with a title that a person chose.
pub(crate) fn check_title(title: &str, violations: &mut Vec<Violation>) {
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

/// Writes the values of the properties that are declared as indexed, for an object of a type with facets attached.
pub(crate) fn index_values(
    conn: &mut Conn,
    types: &TypeRegistry,
    object_no: i64,
    (type_id, facets): (&str, &[String]),
    properties: &Properties,
    is_new: bool,
) -> Result<()> {
    let mut values = Vec::new();
    for definition in types.properties_of(type_id, facets) {
        if let Some(value) = properties.get(&definition.id) {
            let mut found = BTreeMap::new();
            collect_values(definition, &definition.id, value, &mut found);
            for (path, elements) in found {
                let property_no = objects::property_no(conn, &path)?;
                values.extend(elements.into_iter().map(|element| IndexedValue { property_no, ..element }));
            }
        }
    }
    if is_new && values.is_empty() {
        return Ok(());
    }
    objects::replace_values(conn, object_no, &values, is_new)
}

/// Collects the values to index by their path: the property's id, and of what is nested the fields' after dots. The elements
/// of a list are counted along the path, whatever list they stand in.
fn collect_values(
    definition: &PropertyDefinition,
    path: &str,
    value: &Value,
    found: &mut BTreeMap<String, Vec<IndexedValue>>,
) {
    let elements = match value {
        Value::Array(elements) => elements.as_slice(),
        one => std::slice::from_ref(one),
    };
    for element in elements {
        if let Value::Object(fields) = element {
            for field in &definition.fields {
                if let Some(value) = fields.get(&field.id) {
                    collect_values(field, &format!("{path}.{}", field.id), value, found);
                }
            }
        }
        if !definition.indexed {
            continue;
        }
        let values = found.entry(path.to_owned()).or_default();
        let ordinal = i32::try_from(values.len()).unwrap_or(i32::MAX);
        let mut indexed = IndexedValue { ordinal, ..IndexedValue::default() };
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

/// Returns a request with the facets that it names. Without any it is what it was before there were some, so that a request
/// that is repeated after an update of the program is still known.
pub(crate) fn with_facets(mut request: Vec<Value>, facets: &[String]) -> Value {
    if !facets.is_empty() {
        request.push(json!({ "facets": facets }));
    }
    Value::Array(request)
}

/// Returns a request, or the values of an object, with where the object came from; without a source, as it is.
pub(crate) fn with_source(mut value: Value, source: Option<&Source>) -> Value {
    let Some(source) = source else { return value };
    let said = json!({ "sourceSystem": source.system, "sourceId": source.id });
    match (&mut value, said) {
        (Value::Array(request), said) => request.push(said),
        (Value::Object(values), Value::Object(said)) => values.extend(said),
        _ => {}
    }
    value
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
