//! Rows of relationships: what each links.

use std::collections::BTreeMap;

use cartulary_db::{Conn, among, each_db};
use diesel::prelude::*;

use super::schema::{object, object_facet, property_value, relationship};
use crate::Result;

/// A relationship with the numbers of its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = relationship)]
pub(crate) struct LinkRow {
    pub object_no: i64,
    pub source_no: i64,
    pub target_no: i64,
}

/// What is known of an end without its values.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = object)]
pub(crate) struct EndRow {
    pub no: i64,
    pub id: String,
    pub base: String,
    pub type_id: String,
    pub scope_no: i64,
    pub name: String,
    pub title: String,
    pub trashed_at: Option<i64>,
}

/// Both ends of a relationship.
#[derive(Clone, Debug)]
pub(crate) struct Ends {
    pub source: EndRow,
    pub target: EndRow,
}

/// Inserts what a relationship links.
pub(crate) fn insert(conn: &mut Conn, row: LinkRow) -> Result<()> {
    each_db!(conn, |c| diesel::insert_into(relationship::table)
        .values((
            relationship::object_no.eq(row.object_no),
            relationship::source_no.eq(row.source_no),
            relationship::target_no.eq(row.target_no),
        ))
        .execute(c))?;
    Ok(())
}

/// Returns the ends of those of `nos` that are relationships.
pub(crate) fn ends_of(conn: &mut Conn, nos: &[i64]) -> Result<BTreeMap<i64, Ends>> {
    let links: Vec<LinkRow> =
        load_among!(conn, nos, relationship::object_no, relationship::table.select(LinkRow::as_select()));
    with_ends(conn, &links)
}

/// Returns the ends of relationships, by the number of the relationship.
pub(crate) fn with_ends(conn: &mut Conn, links: &[LinkRow]) -> Result<BTreeMap<i64, Ends>> {
    let mut nos: Vec<i64> = links.iter().flat_map(|link| [link.source_no, link.target_no]).collect();
    nos.sort_unstable();
    nos.dedup();
    let rows: Vec<EndRow> = load_among!(conn, nos.as_slice(), object::no, object::table.select(EndRow::as_select()));
    let ends: BTreeMap<i64, EndRow> = rows.into_iter().map(|row| (row.no, row)).collect();
    let both = |link: &LinkRow| {
        let (source, target) = (ends.get(&link.source_no)?.clone(), ends.get(&link.target_no)?.clone());
        Some((link.object_no, Ends { source, target }))
    };
    Ok(links.iter().filter_map(both).collect())
}

/// Returns the relationships of which an object is the source, in the order of making; of some types when given.
pub(crate) fn from_source(conn: &mut Conn, source: i64, types: Option<&[String]>) -> Result<Vec<LinkRow>> {
    let rows = each_db!(conn, |c| {
        let mut query = relationship::table
            .inner_join(object::table)
            .filter(relationship::source_no.eq(source))
            .order(relationship::object_no)
            .select(LinkRow::as_select())
            .into_boxed();
        if let Some(types) = types {
            query = query.filter(among(object::type_id, types.iter().cloned()));
        }
        query.load(c)
    })?;
    Ok(rows)
}

/// Returns the relationships of which an object is the target, in the order of making; of some types when given.
pub(crate) fn to_target(conn: &mut Conn, target: i64, types: Option<&[String]>) -> Result<Vec<LinkRow>> {
    let rows = each_db!(conn, |c| {
        let mut query = relationship::table
            .inner_join(object::table)
            .filter(relationship::target_no.eq(target))
            .order(relationship::object_no)
            .select(LinkRow::as_select())
            .into_boxed();
        if let Some(types) = types {
            query = query.filter(among(object::type_id, types.iter().cloned()));
        }
        query.load(c)
    })?;
    Ok(rows)
}

/// Returns the numbers of the relationships of which one of some objects is an end.
pub(crate) fn touching(conn: &mut Conn, nos: &[i64]) -> Result<Vec<i64>> {
    let mut found: Vec<i64> = each_db!(conn, |c| relationship::table
        .filter(among(relationship::source_no, nos.iter().copied()))
        .select(relationship::object_no)
        .load(c))?;
    let to: Vec<i64> = each_db!(conn, |c| relationship::table
        .filter(among(relationship::target_no, nos.iter().copied()))
        .select(relationship::object_no)
        .load(c))?;
    found.extend(to);
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Destroys relationships with all that belongs to them.
pub(crate) fn destroy(conn: &mut Conn, nos: &[i64]) -> Result<()> {
    let nos = || nos.iter().copied();
    each_db!(conn, |c| {
        diesel::delete(relationship::table.filter(among(relationship::object_no, nos()))).execute(c)?;
        diesel::delete(property_value::table.filter(among(property_value::object_no, nos()))).execute(c)?;
        diesel::delete(object_facet::table.filter(among(object_facet::object_no, nos()))).execute(c)?;
        diesel::delete(object::table.filter(among(object::no, nos()))).execute(c)
    })?;
    Ok(())
}

/// Returns up to `limit` objects of the base of relationships that link nothing.
pub(crate) fn without_ends(conn: &mut Conn, limit: i64) -> Result<Vec<i64>> {
    let linked = diesel::dsl::exists(relationship::table.filter(relationship::object_no.eq(object::no)));
    let nos = each_db!(conn, |c| object::table
        .filter(object::base.eq(super::objects::RELATIONSHIP).and(diesel::dsl::not(linked)))
        .order(object::no)
        .limit(limit)
        .select(object::no)
        .load(c))?;
    Ok(nos)
}
