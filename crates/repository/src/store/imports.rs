//! Rows of imports: sources, what each has taken, runs and their faults.

use std::collections::BTreeMap;

use cartulary_db::{Conn, each_db, update_rows, upsert};
use diesel::dsl::count_star;
use diesel::prelude::*;
use sha2::{Digest, Sha256};

use super::schema::{idempotency, import_entry, import_fault, import_run, import_source, rendition};
use crate::Result;

/// A run with its source.
#[derive(Clone, Debug, Queryable)]
pub(crate) struct RunRow {
    pub no: i64,
    pub id: String,
    pub folder_name: String,
    pub state: String,
    pub started_at: i64,
    pub created_count: i64,
    pub version_count: i64,
    pub taken_count: i64,
    pub source_no: i64,
    pub source: String,
    pub principal_no: i64,
    pub folder_no: i64,
}

/// What a source has taken under a path.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = import_entry)]
pub(crate) struct EntryRow {
    pub path: String,
    pub blob_digest: String,
    pub document_no: i64,
}

fn path_digest(path: &str) -> Vec<u8> {
    Sha256::digest(path.as_bytes()).to_vec()
}

/// Returns the number of the first source with this name, whoever made it.
pub(crate) fn first_source(conn: &mut Conn, name: &str) -> Result<Option<i64>> {
    let no = each_db!(conn, |c| import_source::table
        .filter(import_source::name.eq(name))
        .order(import_source::no)
        .select(import_source::no)
        .first::<i64>(c)
        .optional())?;
    Ok(no)
}

/// Returns the number of a user's source with this name, making it when it is new.
pub(crate) fn source(conn: &mut Conn, principal: i64, name: &str, folder: i64) -> Result<i64> {
    each_db!(conn, |c| diesel::insert_into(import_source::table)
        .values((
            import_source::principal_no.eq(principal),
            import_source::name.eq(name),
            import_source::folder_no.eq(folder),
        ))
        .on_conflict_do_nothing()
        .execute(c))?;
    let no = each_db!(conn, |c| import_source::table
        .filter(import_source::principal_no.eq(principal).and(import_source::name.eq(name)))
        .select(import_source::no)
        .first::<i64>(c))?;
    Ok(no)
}

/// Inserts a run.
pub(crate) fn insert_run(conn: &mut Conn, id: &str, source: i64, folder_name: &str, now: i64) -> Result<()> {
    each_db!(conn, |c| diesel::insert_into(import_run::table)
        .values((
            import_run::id.eq(id),
            import_run::source_no.eq(source),
            import_run::folder_name.eq(folder_name),
            import_run::state.eq("open"),
            import_run::started_at.eq(now),
        ))
        .execute(c))?;
    Ok(())
}

/// Returns the run with this outward id.
pub(crate) fn run_by_id(conn: &mut Conn, id: &str) -> Result<Option<RunRow>> {
    let row = each_db!(conn, |c| import_run::table
        .inner_join(import_source::table)
        .filter(import_run::id.eq(id))
        .select((
            import_run::no,
            import_run::id,
            import_run::folder_name,
            import_run::state,
            import_run::started_at,
            import_run::created_count,
            import_run::version_count,
            import_run::taken_count,
            import_source::no,
            import_source::name,
            import_source::principal_no,
            import_source::folder_no,
        ))
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Adds to a run's counts.
pub(crate) fn add_counts(conn: &mut Conn, run: i64, created: i64, versions: i64, taken: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(import_run::table.filter(import_run::no.eq(run)))
        .set((
            import_run::created_count.eq(import_run::created_count + created),
            import_run::version_count.eq(import_run::version_count + versions),
            import_run::taken_count.eq(import_run::taken_count + taken),
        ))
        .execute(c))?;
    Ok(())
}

/// Ends a run.
pub(crate) fn finish_run(conn: &mut Conn, run: i64, now: i64) -> Result<()> {
    each_db!(conn, |c| update_rows(import_run::table.filter(import_run::no.eq(run)))
        .set((import_run::state.eq("finished"), import_run::finished_at.eq(now)))
        .execute(c))?;
    Ok(())
}

/// Returns what a source has taken under a path.
pub(crate) fn entry(conn: &mut Conn, source: i64, path: &str) -> Result<Option<EntryRow>> {
    let row = each_db!(conn, |c| import_entry::table
        .filter(import_entry::source_no.eq(source).and(import_entry::path_digest.eq(path_digest(path))))
        .select(EntryRow::as_select())
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Returns what a source has taken under some paths, by path.
pub(crate) fn entries(conn: &mut Conn, source: i64, paths: &[String]) -> Result<BTreeMap<String, EntryRow>> {
    let mut found = BTreeMap::new();
    for some in paths.chunks(super::IN_LIST_MAX) {
        let digests: Vec<Vec<u8>> = some.iter().map(|path| path_digest(path)).collect();
        let rows: Vec<EntryRow> = each_db!(conn, |c| import_entry::table
            .filter(import_entry::source_no.eq(source).and(import_entry::path_digest.eq_any(digests.clone())))
            .select(EntryRow::as_select())
            .load(c))?;
        found.extend(rows.into_iter().map(|row| (row.path.clone(), row)));
    }
    Ok(found)
}

/// Writes what a source has taken under a path.
pub(crate) fn put_entry(conn: &mut Conn, source: i64, entry: &EntryRow, now: i64) -> Result<()> {
    let values = (
        import_entry::blob_digest.eq(&entry.blob_digest),
        import_entry::document_no.eq(entry.document_no),
        import_entry::taken_at.eq(now),
    );
    each_db!(conn, |c| {
        upsert(
            diesel::insert_into(import_entry::table).values((
                import_entry::source_no.eq(source),
                import_entry::path_digest.eq(path_digest(&entry.path)),
                import_entry::path.eq(&entry.path),
                values,
            )),
            &["source_no", "path_digest"],
            values,
        )
        .execute(c)
    })?;
    Ok(())
}

/// Writes why a file could not be taken whole.
pub(crate) fn put_fault(conn: &mut Conn, run: i64, path: &str, code: &str, reason: &str) -> Result<()> {
    each_db!(conn, |c| {
        upsert(
            diesel::insert_into(import_fault::table).values((
                import_fault::run_no.eq(run),
                import_fault::path.eq(path),
                import_fault::code.eq(code),
                import_fault::reason.eq(reason),
            )),
            &["run_no", "path", "code"],
            import_fault::reason.eq(reason),
        )
        .execute(c)
    })?;
    Ok(())
}

/// Returns a run's faults as path, code and reason, by path.
pub(crate) fn faults(conn: &mut Conn, run: i64) -> Result<Vec<(String, String, String)>> {
    let rows = each_db!(conn, |c| import_fault::table
        .filter(import_fault::run_no.eq(run))
        .order((import_fault::path, import_fault::code))
        .select((import_fault::path, import_fault::code, import_fault::reason))
        .load(c))?;
    Ok(rows)
}

/// Returns the number of a run's faults.
pub(crate) fn fault_count(conn: &mut Conn, run: i64) -> Result<i64> {
    let count = each_db!(conn, |c| import_fault::table
        .filter(import_fault::run_no.eq(run))
        .select(count_star())
        .first::<i64>(c))?;
    Ok(count)
}

/// A file that a source took, and what became of the text of its bytes.
#[derive(Clone, Debug, Queryable)]
pub(crate) struct UnreadRow {
    pub path: String,
    pub document_no: i64,
    pub faults: String,
}

/// Returns how many texts of what a source took since an instant are in `state`.
///
/// The state is compared in a way that no index of states serves: for each file that the source took one rendition is
/// looked up by its digest. Beginning with all renditions in a state, SQLite would walk through all files for each.
pub(crate) fn texts_in(conn: &mut Conn, source: i64, since: i64, text: (&str, &str), state: &str) -> Result<i64> {
    let (kind, producer) = text;
    let count = each_db!(conn, |c| import_entry::table
        .inner_join(rendition::table.on(rendition::source_digest.eq(import_entry::blob_digest)))
        .filter(import_entry::source_no.eq(source).and(import_entry::taken_at.ge(since)))
        .filter(
            rendition::kind.eq(kind).and(rendition::producer.eq(producer)).and(rendition::state.concat("").eq(state))
        )
        .select(count_star())
        .first::<i64>(c))?;
    Ok(count)
}

/// Returns up to `limit` files that a source took since an instant and whose text could not be read, by path; looked up
/// as by [`texts_in`].
pub(crate) fn unread(
    conn: &mut Conn,
    source: i64,
    since: i64,
    text: (&str, &str),
    limit: i64,
) -> Result<Vec<UnreadRow>> {
    let (kind, producer) = text;
    let rows = each_db!(conn, |c| import_entry::table
        .inner_join(rendition::table.on(rendition::source_digest.eq(import_entry::blob_digest)))
        .filter(import_entry::source_no.eq(source).and(import_entry::taken_at.ge(since)))
        .filter(rendition::kind.eq(kind).and(rendition::producer.eq(producer)))
        .filter(rendition::state.concat("").eq(super::renditions::FAILED))
        .order(import_entry::path)
        .limit(limit)
        .select((import_entry::path, import_entry::document_no, rendition::faults))
        .load(c))?;
    Ok(rows)
}

/// Returns the request digest and the object of a repeated request.
pub(crate) fn idempotent(conn: &mut Conn, principal: i64, key: &str) -> Result<Option<(Vec<u8>, String)>> {
    let row = each_db!(conn, |c| idempotency::table
        .filter(idempotency::principal_no.eq(principal).and(idempotency::key.eq(key)))
        .select((idempotency::request_digest, idempotency::object_id))
        .get_result(c)
        .optional())?;
    Ok(row)
}

/// Remembers what a request made.
pub(crate) fn put_idempotent(
    conn: &mut Conn,
    principal: i64,
    key: &str,
    digest: &[u8],
    object: &str,
    now: i64,
) -> Result<()> {
    each_db!(conn, |c| diesel::insert_into(idempotency::table)
        .values((
            idempotency::principal_no.eq(principal),
            idempotency::key.eq(key),
            idempotency::request_digest.eq(digest),
            idempotency::object_id.eq(object),
            idempotency::created_at.eq(now),
        ))
        .execute(c))?;
    Ok(())
}

/// Forgets requests made before `before`.
pub(crate) fn delete_idempotent(conn: &mut Conn, before: i64) -> Result<usize> {
    let count =
        each_db!(conn, |c| diesel::delete(idempotency::table.filter(idempotency::created_at.lt(before))).execute(c))?;
    Ok(count)
}
