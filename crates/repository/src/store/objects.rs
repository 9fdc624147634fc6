//! Rows of objects, their series, facets and indexed properties.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::{Conn, among, each_db, insert_numbered, is_word, per_db, update_rows};
use diesel::prelude::*;

use super::schema::{object, object_facet, property, property_value, version_series};
use crate::{RepositoryError, Result};

/// An object.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = object)]
pub(crate) struct ObjectRow {
    pub no: i64,
    pub id: String,
    pub base: String,
    pub role: String,
    pub type_id: String,
    pub series_no: Option<i64>,
    pub scope_no: i64,
    pub name: String,
    pub title: String,
    pub properties: String,
    /// The state of its life cycle; nothing: the first one, if its type has any.
    pub state: Option<String>,
    pub change_token: i64,
    pub created_at: i64,
    pub created_by: i64,
    pub modified_at: i64,
    pub modified_by: i64,
    pub trashed_at: Option<i64>,
    pub source_system: Option<String>,
    pub source_id: Option<String>,
}

/// An object to insert.
#[derive(Clone, Debug, Insertable)]
#[diesel(table_name = object, treat_none_as_default_value = false)]
pub(crate) struct NewObjectRow {
    pub id: String,
    pub base: &'static str,
    pub role: &'static str,
    pub type_id: String,
    pub series_no: Option<i64>,
    pub scope_no: i64,
    pub name: String,
    pub title: String,
    pub properties: String,
    pub state: Option<String>,
    pub created_at: i64,
    pub created_by: i64,
    pub modified_at: i64,
    pub modified_by: i64,
    pub source_system: Option<String>,
    pub source_id: Option<String>,
}

/// The live object of a series, or a folder.
pub(crate) const LIVE: &str = "live";
/// An immutable version.
pub(crate) const VERSION: &str = "version";

/// The private working copy of a series that is checked out.
pub(crate) const WORKING: &str = "working";

/// The change token of a new object, as the table gives it.
const FIRST_TOKEN: i64 = 1;

/// A value of an indexed property.
#[derive(Clone, Debug, Default)]
pub(crate) struct IndexedValue {
    pub property_no: i64,
    pub ordinal: i32,
    pub text_key: Option<Vec<u8>>,
    pub int_value: Option<i64>,
    pub real_value: Option<f64>,
    pub instant: Option<i64>,
}

/// What orders a list, read for a whole collection at once.
#[derive(Clone, Debug, Queryable)]
pub(crate) struct OrderRow {
    pub no: i64,
    pub scope_no: i64,
    pub name: String,
    pub created_at: i64,
    pub modified_at: i64,
}

impl NewObjectRow {
    /// Returns the object as it is stored under a number.
    pub(crate) fn numbered(self, no: i64) -> ObjectRow {
        ObjectRow {
            no,
            id: self.id,
            base: self.base.to_owned(),
            role: self.role.to_owned(),
            type_id: self.type_id,
            series_no: self.series_no,
            scope_no: self.scope_no,
            name: self.name,
            title: self.title,
            properties: self.properties,
            state: self.state,
            change_token: FIRST_TOKEN,
            created_at: self.created_at,
            created_by: self.created_by,
            modified_at: self.modified_at,
            modified_by: self.modified_by,
            trashed_at: None,
            source_system: self.source_system,
            source_id: self.source_id,
        }
    }
}

/// The base of relationships.
pub(crate) const RELATIONSHIP: &str = "relationship";

/// Inserts an object and returns its number.
///
/// # Errors
/// `Conflict` `source_taken` when another one has its source.
pub(crate) fn insert(conn: &mut Conn, row: &NewObjectRow) -> Result<i64> {
    let inserted = insert_numbered!(conn, diesel::insert_into(object::table).values(row), object::no);
    inserted.map_err(|error: diesel::result::Error| match row.source_id {
        Some(_) if cartulary_db::is_unique_violation(&error) => source_taken(),
        _ => error.into(),
    })
}

/// Says that another object has the same source; which one, it does not say.
fn source_taken() -> RepositoryError {
    let detail = "another object, perhaps in the trash, came from there under this id";
    RepositoryError::conflict("source_taken", detail)
}

/// Returns the live object that came from a system under an id, in the trash or not.
pub(crate) fn by_source(conn: &mut Conn, system: &str, id: &str) -> Result<Option<ObjectRow>> {
    let of_source = object::source_id.eq(id).and(object::source_system.eq(system));
    let row = each_db!(conn, |c| object::table
        .filter(of_source.and(is_word(object::role, LIVE)))
        .select(ObjectRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns the object with this outward id, in the trash or not.
pub(crate) fn by_id(conn: &mut Conn, id: &str) -> Result<Option<ObjectRow>> {
    let row = each_db!(conn, |c| object::table
        .filter(object::id.eq(id))
        .select(ObjectRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns the object with this number.
pub(crate) fn by_no(conn: &mut Conn, no: i64) -> Result<Option<ObjectRow>> {
    let row = each_db!(conn, |c| object::table
        .filter(object::no.eq(no))
        .select(ObjectRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Locks an object against other changes for this transaction, and returns it as it is then; nothing when it is gone. On
/// SQLite the writer is alone.
pub(crate) fn locked(conn: &mut Conn, no: i64) -> Result<Option<ObjectRow>> {
    per_db!(conn,
        sqlite(_c) => by_no(conn, no),
        postgres(c) => {
            let row = object::table
                .filter(object::no.eq(no))
                .select(ObjectRow::as_select())
                .for_no_key_update()
                .get_result(c)
                .optional()?;
            Ok(row)
        },
    )
}

/// Returns the working copy of a series.
pub(crate) fn working_of_series(conn: &mut Conn, series: i64) -> Result<Option<ObjectRow>> {
    let row = each_db!(conn, |c| object::table
        .filter(object::series_no.eq(series).and(object::role.eq(WORKING)))
        .select(ObjectRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns up to `limit` working copies of series with numbers above `after`; a series has one at most.
pub(crate) fn working_page(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<ObjectRow>> {
    let rows = each_db!(conn, |c| object::table
        .filter(is_word(object::role, WORKING).and(object::series_no.gt(after)))
        .order(object::series_no)
        .limit(limit)
        .select(ObjectRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Takes all facets from an object.
pub(crate) fn clear_facets(conn: &mut Conn, object: i64) -> Result<()> {
    each_db!(conn, |c| diesel::delete(object_facet::table.filter(object_facet::object_no.eq(object))).execute(c))?;
    Ok(())
}

/// Returns those of `nos` that are there, by number.
pub(crate) fn by_nos(conn: &mut Conn, nos: &[i64]) -> Result<BTreeMap<i64, ObjectRow>> {
    let rows: Vec<ObjectRow> = load_among!(conn, nos, object::no, object::table.select(ObjectRow::as_select()));
    Ok(rows.into_iter().map(|row| (row.no, row)).collect())
}

/// Returns the outward ids of those of `nos` that are there.
pub(crate) fn ids_of(conn: &mut Conn, nos: &[i64]) -> Result<Vec<(i64, String)>> {
    Ok(load_among!(conn, nos, object::no, object::table.select((object::no, object::id))))
}

/// What of an object says whether its readings are audited.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = object)]
pub(crate) struct MarkedRow {
    pub no: i64,
    pub id: String,
    pub role: String,
    pub type_id: String,
    pub series_no: Option<i64>,
    pub scope_no: i64,
}

/// Returns that of those of `nos` that are there, in any order.
pub(crate) fn marked_rows(conn: &mut Conn, nos: &[i64]) -> Result<Vec<MarkedRow>> {
    Ok(load_among!(conn, nos, object::no, object::table.select(MarkedRow::as_select())))
}

/// Returns the scopes of those of `nos` that are there and not in the trash.
pub(crate) fn scopes_of(conn: &mut Conn, nos: &[i64]) -> Result<Vec<(i64, i64)>> {
    let present = object::table.filter(object::trashed_at.is_null()).select((object::no, object::scope_no));
    Ok(load_among!(conn, nos, object::no, present))
}

/// Writes name, title and properties, raises the change token and the instant of change.
pub(crate) fn update(
    conn: &mut Conn,
    no: i64,
    name: &str,
    title: &str,
    properties: &str,
    now: i64,
    by: i64,
) -> Result<()> {
    each_db!(conn, |c| update_rows(object::table.filter(object::no.eq(no)))
        .set((
            object::name.eq(name),
            object::title.eq(title),
            object::properties.eq(properties),
            object::change_token.eq(object::change_token + 1),
            object::modified_at.eq(now),
            object::modified_by.eq(by),
        ))
        .execute(c))?;
    Ok(())
}

/// Writes the state of an object's life cycle, and raises the change token.
pub(crate) fn put_state(conn: &mut Conn, no: i64, state: &str) -> Result<()> {
    each_db!(conn, |c| update_rows(object::table.filter(object::no.eq(no)))
        .set((object::state.eq(state), object::change_token.eq(object::change_token + 1)))
        .execute(c))?;
    Ok(())
}

/// Locks an object against others that file, move or trash it, and returns it as it is then. The writer is alone on
/// SQLite.
pub(crate) fn lock(conn: &mut Conn, id: &str) -> Result<()> {
    cartulary_db::per_db!(conn,
        sqlite(_c) => { let _ = id; },
        postgres(c) => {
            object::table.filter(object::id.eq(id)).select(object::no).for_update().get_result::<i64>(c).optional()?;
        },
    );
    Ok(())
}

/// Locks objects in the order of their numbers.
pub(crate) fn lock_all(conn: &mut Conn, nos: &[i64]) -> Result<()> {
    cartulary_db::per_db!(conn,
        sqlite(_c) => { let _ = nos; },
        postgres(c) => {
            object::table
                .filter(among(object::no, nos.iter().copied()))
                .order(object::no)
                .select(object::no)
                .for_update()
                .load::<i64>(c)?;
        },
    );
    Ok(())
}

/// Says since when an object lies in no folder; nothing: it lies in one.
pub(crate) fn put_unfiled(conn: &mut Conn, no: i64, at: Option<i64>) -> Result<()> {
    each_db!(conn, |c| update_rows(object::table.filter(object::no.eq(no))).set(object::unfiled_at.eq(at)).execute(c))?;
    Ok(())
}

/// Returns what orders all that lies in no folder and not in the trash; the beginning is that of being unfiled.
pub(crate) fn orders_of_unfiled(conn: &mut Conn) -> Result<Vec<OrderRow>> {
    let rows = each_db!(conn, |c| object::table
        .filter(object::unfiled_at.is_not_null().and(object::trashed_at.is_null()))
        .select((object::no, object::scope_no, object::name, object::created_at, object::modified_at))
        .load(c))?;
    Ok(rows)
}

/// Returns those of `nos` that [`orders_of_unfiled`] has.
pub(crate) fn unfiled_of_some(conn: &mut Conn, nos: &[i64]) -> Result<Vec<OrderRow>> {
    let rows = each_db!(conn, |c| object::table
        .filter(among(object::no, nos.iter().copied()))
        .filter(object::unfiled_at.is_not_null().and(object::trashed_at.is_null()))
        .select((object::no, object::scope_no, object::name, object::created_at, object::modified_at))
        .load(c))?;
    Ok(rows)
}

/// Raises the change token, as a change of access or filing does.
pub(crate) fn touch(conn: &mut Conn, no: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(object::table.filter(object::no.eq(no)))
        .set(object::change_token.eq(object::change_token + 1))
        .execute(c))?;
    Ok(())
}

/// Gives all objects of a series another scope, and the series too.
pub(crate) fn put_series_scope(conn: &mut Conn, series: i64, scope: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(version_series::table.filter(version_series::no.eq(series)))
        .set(version_series::scope_no.eq(scope))
        .execute(c))?;
    each_db!(conn, |c| update_rows(object::table.filter(object::series_no.eq(series)))
        .set(object::scope_no.eq(scope))
        .execute(c))?;
    Ok(())
}

/// Gives an object without versions another scope.
pub(crate) fn put_scope(conn: &mut Conn, no: i64, scope: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(object::table.filter(object::no.eq(no)))
        .set(object::scope_no.eq(scope))
        .execute(c))?;
    Ok(())
}

/// Returns the folders with these scopes that are not in the trash.
pub(crate) fn folders_of_scopes(conn: &mut Conn, scopes: &[i64]) -> Result<Vec<i64>> {
    if scopes.is_empty() {
        return Ok(Vec::new());
    }
    let nos = each_db!(conn, |c| object::table
        .filter(is_word(object::base, "folder").and(among(object::scope_no, scopes.iter().copied())))
        .filter(object::trashed_at.is_null())
        .select(object::no)
        .load(c))?;
    Ok(nos)
}

/// Returns the facets attached to objects, by object number.
pub(crate) fn facets_of(conn: &mut Conn, no: i64) -> Result<Vec<String>> {
    let facets = each_db!(conn, |c| object_facet::table
        .filter(object_facet::object_no.eq(no))
        .order(object_facet::facet_id)
        .select(object_facet::facet_id)
        .load(c))?;
    Ok(facets)
}

/// Returns the facets attached to those of `nos` that have some.
pub(crate) fn facets_among(conn: &mut Conn, nos: &[i64]) -> Result<BTreeMap<i64, Vec<String>>> {
    let query = object_facet::table.order((object_facet::object_no, object_facet::facet_id));
    let rows: Vec<(i64, String)> = load_among!(conn, nos, object_facet::object_no, query);
    let mut facets: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for (no, facet) in rows {
        facets.entry(no).or_default().push(facet);
    }
    Ok(facets)
}

/// Returns the facets attached to the live object of a series.
pub(crate) fn facets_of_series(conn: &mut Conn, series: i64) -> Result<Vec<String>> {
    let facets = each_db!(conn, |c| object_facet::table
        .inner_join(object::table.on(object::no.eq(object_facet::object_no)))
        .filter(object::series_no.eq(series).and(object::role.eq(LIVE)))
        .order(object_facet::facet_id)
        .select(object_facet::facet_id)
        .load(c))?;
    Ok(facets)
}

/// Attaches facets to an object that has none.
pub(crate) fn put_facets_of_new(conn: &mut Conn, no: i64, facets: &[String]) -> Result<()> {
    for facet in facets {
        each_db!(conn, |c| diesel::insert_into(object_facet::table)
            .values((object_facet::object_no.eq(no), object_facet::facet_id.eq(facet)))
            .execute(c))?;
    }
    Ok(())
}

/// Attaches these facets to an object, and no others.
pub(crate) fn put_facets(conn: &mut Conn, no: i64, facets: &[String]) -> Result<()> {
    each_db!(conn, |c| diesel::delete(object_facet::table.filter(object_facet::object_no.eq(no))).execute(c))?;
    put_facets_of_new(conn, no, facets)
}

/// Returns what orders all living folders of the given types.
pub(crate) fn orders_by_type(conn: &mut Conn, types: &[String]) -> Result<Vec<OrderRow>> {
    let rows = each_db!(conn, |c| object::table
        .filter(
            among(object::type_id, types.iter().cloned())
                .and(is_word(object::role, LIVE))
                .and(object::trashed_at.is_null())
        )
        .select((object::no, object::scope_no, object::name, object::created_at, object::modified_at))
        .load(c))?;
    Ok(rows)
}

/// Returns up to `limit` live objects after a number, those in the trash included, without relationships.
pub(crate) fn all_live_page(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<ObjectRow>> {
    let rows = each_db!(conn, |c| object::table
        .filter(object::no.gt(after).and(object::role.eq(LIVE)))
        .filter(object::base.ne(RELATIONSHIP))
        .order(object::no)
        .limit(limit)
        .select(ObjectRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns up to `limit` live objects that are not in the trash, with numbers above `after`; no relationships, which lie in no
/// folder and no index.
pub(crate) fn live_page(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<ObjectRow>> {
    let rows = each_db!(conn, |c| object::table
        .filter(object::no.gt(after).and(object::role.eq(LIVE)).and(object::trashed_at.is_null()))
        .filter(object::base.ne(RELATIONSHIP))
        .order(object::no)
        .limit(limit)
        .select(ObjectRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns the numbers of everything that a series has: the live object, versions, a working copy.
pub(crate) fn numbers_of_series(conn: &mut Conn, series: i64) -> Result<Vec<i64>> {
    let nos = each_db!(conn, |c| object::table.filter(object::series_no.eq(series)).select(object::no).load(c))?;
    Ok(nos)
}

/// Returns the live objects of the series, by series number.
pub(crate) fn live_of_series(conn: &mut Conn, series: &BTreeSet<i64>) -> Result<Vec<ObjectRow>> {
    let rows = each_db!(conn, |c| object::table
        .filter(among(object::series_no, series.iter().copied()).and(object::role.eq(LIVE)))
        .select(ObjectRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Returns the numbers of the objects that have some lists of their own, those in the trash too; in their order.
pub(crate) fn owners_of_lists(conn: &mut Conn, lists: &[i64]) -> Result<Vec<i64>> {
    let (of_folders, of_others): (Vec<_>, Vec<_>) =
        super::acl::own_scopes(conn, lists)?.into_iter().partition(|(_, kind)| kind == super::acl::FOLDER);
    let folders = || among(object::scope_no, of_folders.iter().map(|(no, _)| *no));
    let others = || among(object::scope_no, of_others.iter().map(|(no, _)| *no));
    let mut nos: Vec<i64> =
        each_db!(conn, |c| object::table.filter(folders().and(object::base.eq("folder"))).select(object::no).load(c))?;
    if !of_others.is_empty() {
        // Nothing leads from a document's scope to it: all are looked at, once.
        let documents: Vec<i64> =
            each_db!(conn, |c| object::table.filter(others().and(object::role.eq(LIVE))).select(object::no).load(c))?;
        nos.extend(documents);
    }
    nos.sort_unstable();
    nos.dedup();
    Ok(nos)
}

/// Returns the number of a property's id, if any object ever had a value of it.
pub(crate) fn known_property_no(conn: &mut Conn, id: &str) -> Result<Option<i64>> {
    let no =
        each_db!(conn, |c| property::table.filter(property::id.eq(id)).select(property::no).get_result(c).optional())?;
    Ok(no)
}

/// Returns the number of a property's id, making it when it is new.
pub(crate) fn property_no(conn: &mut Conn, id: &str) -> Result<i64> {
    if let Some(no) = known_property_no(conn, id)? {
        return Ok(no);
    }
    each_db!(conn, |c| diesel::insert_into(property::table)
        .values(property::id.eq(id))
        .on_conflict_do_nothing()
        .execute(c))?;
    let made = known_property_no(conn, id)?;
    made.ok_or_else(|| crate::RepositoryError::internal("a property that was just made is missing"))
}

/// Replaces the indexed values of an object.
pub(crate) fn replace_values(conn: &mut Conn, object_no: i64, values: &[IndexedValue], is_new: bool) -> Result<()> {
    if !is_new {
        each_db!(conn, |c| diesel::delete(property_value::table.filter(property_value::object_no.eq(object_no)))
            .execute(c))?;
    }
    for value in values {
        each_db!(conn, |c| diesel::insert_into(property_value::table)
            .values((
                property_value::object_no.eq(object_no),
                property_value::property_no.eq(value.property_no),
                property_value::ordinal.eq(value.ordinal),
                property_value::text_key.eq(value.text_key.as_deref()),
                property_value::int_value.eq(value.int_value),
                property_value::real_value.eq(value.real_value),
                property_value::instant.eq(value.instant),
            ))
            .execute(c))?;
    }
    Ok(())
}
