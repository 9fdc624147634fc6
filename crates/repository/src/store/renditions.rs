//! Rows of derived blobs.

use std::collections::BTreeMap;

use cartulary_db::{Conn, each_db, update_rows, upsert};
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;

use super::objects::LIVE;
use super::schema::{blob, content, object, rendition};
use crate::Result;

/// A rendition with the blob that holds it.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = rendition)]
pub(crate) struct RenditionRow {
    pub no: i64,
    pub source_digest: String,
    pub state: String,
    pub page_count: Option<i32>,
    pub faults: String,
    pub blob_no: Option<i64>,
    pub pages_with_text: Option<i32>,
}

/// Names a rendition: of what, which kind, by which producer with which parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RenditionKey<'a> {
    pub source_digest: &'a str,
    pub kind: &'a str,
    pub producer: &'a str,
}

/// The words of `rendition.state`.
pub(crate) const WAITING: &str = "waiting";
/// See [`WAITING`].
pub(crate) const READY: &str = "ready";
/// See [`WAITING`].
pub(crate) const FAILED: &str = "failed";

/// Inserts a waiting rendition; returns whether it was new.
pub(crate) fn insert_waiting(conn: &mut Conn, key: RenditionKey<'_>, now: i64) -> Result<bool> {
    let count = each_db!(conn, |c| diesel::insert_into(rendition::table)
        .values((
            rendition::source_digest.eq(key.source_digest),
            rendition::kind.eq(key.kind),
            rendition::producer.eq(key.producer),
            rendition::state.eq(WAITING),
            rendition::updated_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(c))?;
    Ok(count == 1)
}

/// What became of a rendition.
#[derive(Clone, Debug)]
pub(crate) struct Outcome<'a> {
    pub state: &'static str,
    pub blob_no: Option<i64>,
    pub page_count: Option<i32>,
    pub pages_with_text: Option<i32>,
    pub faults: &'a str,
}

/// Writes what became of a rendition.
pub(crate) fn put_outcome(conn: &mut Conn, key: RenditionKey<'_>, outcome: &Outcome<'_>, now: i64) -> Result<()> {
    let values = (
        rendition::state.eq(outcome.state),
        rendition::blob_no.eq(outcome.blob_no),
        rendition::page_count.eq(outcome.page_count),
        rendition::pages_with_text.eq(outcome.pages_with_text),
        rendition::faults.eq(outcome.faults),
        rendition::updated_at.eq(now),
    );
    each_db!(conn, |c| {
        upsert(
            diesel::insert_into(rendition::table).values((
                rendition::source_digest.eq(key.source_digest),
                rendition::kind.eq(key.kind),
                rendition::producer.eq(key.producer),
                values,
            )),
            &["source_digest", "kind", "producer", "parameters"],
            values,
        )
        .execute(c)
    })?;
    Ok(())
}

/// Returns the renditions of one kind and producer of some sources, by source digest.
pub(crate) fn of_sources(
    conn: &mut Conn,
    sources: &[String],
    kind: &str,
    producer: &str,
) -> Result<BTreeMap<String, RenditionRow>> {
    let rows: Vec<RenditionRow> = load_among!(
        conn,
        sources,
        rendition::source_digest,
        rendition::table
            .filter(rendition::kind.eq(kind).and(rendition::producer.eq(producer)))
            .select(RenditionRow::as_select())
    );
    Ok(rows.into_iter().map(|row| (row.source_digest.clone(), row)).collect())
}

/// Returns the scopes of up to `limit` documents of which a rendition of this kind waits, the longest waiting first.
pub(crate) fn scopes_waiting(conn: &mut Conn, kind: &str, producer: &str, limit: i64) -> Result<Vec<i64>> {
    let scopes = each_db!(conn, |c| rendition::table
        .inner_join(blob::table.on(blob::digest.eq(rendition::source_digest)))
        .inner_join(content::table.on(content::blob_no.eq(blob::no)))
        .inner_join(object::table.on(object::no.eq(content::object_no)))
        .filter(rendition::kind.eq(kind).and(rendition::state.eq(WAITING)).and(rendition::producer.eq(producer)))
        .filter(object::role.eq(LIVE).and(object::trashed_at.is_null()))
        .order(rendition::no)
        .limit(limit)
        .select(object::scope_no)
        .load(c))?;
    Ok(scopes)
}

/// Returns up to `limit` ready renditions with numbers above `after` of which nobody counted the pages that have words.
pub(crate) fn uncounted(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<RenditionRow>> {
    let rows = each_db!(conn, |c| rendition::table
        .filter(rendition::no.gt(after))
        // The kind as it is computed: SQLite would take the index by kind and state, and walk through all that is ready.
        .filter(sql::<Bool>("state = 'ready' AND pages_with_text IS NULL AND kind || '' = 'text'"))
        .order(rendition::no)
        .limit(limit)
        .select(RenditionRow::as_select())
        .load(c))?;
    Ok(rows)
}

/// Writes how many pages of a rendition have words, unless somebody else did.
pub(crate) fn put_pages_with_text(conn: &mut Conn, no: i64, count: i32) -> Result<()> {
    each_db!(conn, |c| update_rows(
        rendition::table.filter(rendition::no.eq(no).and(rendition::pages_with_text.is_null()))
    )
    .set(rendition::pages_with_text.eq(Some(count)))
    .execute(c))?;
    Ok(())
}

/// A rendition, and the digest and generation of its blob.
pub(crate) type RenditionWithBlob = (RenditionRow, Option<(String, i32)>);

/// Returns up to `limit` renditions with numbers above `after`.
pub(crate) fn page(conn: &mut Conn, after: i64, limit: i64) -> Result<Vec<RenditionWithBlob>> {
    let rows = each_db!(conn, |c| rendition::table
        .left_join(blob::table.on(rendition::blob_no.eq(blob::no.nullable())))
        .filter(rendition::no.gt(after))
        .order(rendition::no)
        .limit(limit)
        .select((RenditionRow::as_select(), (blob::digest, blob::generation).nullable(),))
        .load(c))?;
    Ok(rows)
}
