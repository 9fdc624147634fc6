//! Rows that a copy of an object takes over as they are: contents (the bytes are shared), facets and indexed values.

use cartulary_db::{Conn, each_db};
use diesel::prelude::*;
use diesel::sql_types::BigInt;

use super::arrangements;
use super::schema::{content, object_facet, property_value};
use crate::Result;

/// Binds the blobs of one object to another too, in the same arrangement of pages, and returns how much that was.
pub(crate) fn copy_contents(conn: &mut Conn, from: i64, to: i64) -> Result<usize> {
    let count = each_db!(conn, |c| content::table
        .filter(content::object_no.eq(from))
        .select((
            to.into_sql::<BigInt>(),
            content::slot,
            content::blob_no,
            content::media_type,
            content::file_name,
            content::file_name_raw,
        ))
        .insert_into(content::table)
        .into_columns((
            content::object_no,
            content::slot,
            content::blob_no,
            content::media_type,
            content::file_name,
            content::file_name_raw,
        ))
        .execute(c))?;
    Ok(count + arrangements::copy(conn, from, to)?)
}

/// Attaches the facets of one object to another.
pub(crate) fn copy_facets(conn: &mut Conn, from: i64, to: i64) -> Result<()> {
    each_db!(conn, |c| object_facet::table
        .filter(object_facet::object_no.eq(from))
        .select((to.into_sql::<BigInt>(), object_facet::facet_id))
        .insert_into(object_facet::table)
        .into_columns((object_facet::object_no, object_facet::facet_id))
        .execute(c))?;
    Ok(())
}

/// Writes the indexed values of one object for another.
pub(crate) fn copy_values(conn: &mut Conn, from: i64, to: i64) -> Result<()> {
    each_db!(conn, |c| property_value::table
        .filter(property_value::object_no.eq(from))
        .select((
            to.into_sql::<BigInt>(),
            property_value::property_no,
            property_value::ordinal,
            property_value::text_key,
            property_value::int_value,
            property_value::real_value,
            property_value::instant,
        ))
        .insert_into(property_value::table)
        .into_columns((
            property_value::object_no,
            property_value::property_no,
            property_value::ordinal,
            property_value::text_key,
            property_value::int_value,
            property_value::real_value,
            property_value::instant,
        ))
        .execute(c))?;
    Ok(())
}
