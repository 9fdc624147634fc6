//! SQLite: how its connections are set up, and the one thread that writes.

mod group;
mod hooks;
mod log_file;
mod member;
mod writer;

use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::{Connection, RunQueryDsl, SqliteConnection};

use crate::error::DbError;

pub(crate) use member::{Answer, Caller, Request};
#[cfg(feature = "testing")]
pub(crate) use writer::Faults;
pub(crate) use writer::{WriterHandle, WriterSettings, is_writer_thread};

/// How long a connection waits for a lock of another process before it says busy. *Units*: milliseconds.
const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 10000;";

/// What every connection keeps to: foreign keys hold, at most 4 MB of pages, no memory map (a small idle footprint).
const COMMON: &str = "PRAGMA foreign_keys = ON; PRAGMA cache_size = -4096; PRAGMA mmap_size = 0;";

/// How a new file is laid out. A commit writes each page that it touched to the log, and a few uploads touch one or two
/// of each of some twenty tables and indexes: with pages of half SQLite's usual size that is half the bytes (some 100 KB
/// instead of 200), and uploads are some 5 % faster; lists, reads and imports are the same. Quarter pages gain no more.
const LAYOUT: &str = "PRAGMA page_size = 2048;";

/// What the writer keeps to. `FULL` makes a commit wait for the disk, which `NORMAL` does not do in WAL mode.
const WRITER: &str = "PRAGMA synchronous = FULL;";

/// The log is folded into the file when it has so much, so that a page that many transactions write is folded once and
/// few commits have to wait for it; a log that grew under a long read is cut back to it. Folding it on a thread beside
/// the writer was measured and left: the two wait for one disk, and uploads were no faster. *Units*: bytes.
const LOG_BYTES: i64 = 64 << 20;

#[derive(diesel::QueryableByName)]
struct JournalMode {
    #[diesel(sql_type = diesel::sql_types::Text)]
    journal_mode: String,
}

#[derive(diesel::QueryableByName)]
struct PageSize {
    #[diesel(sql_type = diesel::sql_types::BigInt)]
    page_size: i64,
}

#[derive(diesel::QueryableByName)]
struct SchemaVersion {
    #[diesel(sql_type = diesel::sql_types::Integer)]
    schema_version: i32,
}

/// Returns the number that SQLite raises with each change of the schema.
fn schema_version(conn: &mut SqliteConnection) -> diesel::QueryResult<i32> {
    let version: SchemaVersion = diesel::sql_query("PRAGMA schema_version").get_result(conn)?;
    Ok(version.schema_version)
}

/// Returns the path in the form that SQLite opens; refuses one that SQLite would read as something else.
pub(crate) fn database_url(path: &Path) -> Result<String, DbError> {
    let absolute = std::path::absolute(path).map_err(|e| DbError::Open(format!("`{}`: {e}", path.display())))?;
    match absolute.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(DbError::Open(format!("the path `{}` is not UTF-8", path.display()))),
    }
}

/// Makes the folder of the database file, and the file itself in WAL mode.
pub(crate) fn create(path: &Path) -> Result<SqliteConnection, DbError> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|e| DbError::Open(format!("`{}`: {e}", folder.display())))?;
    }
    let mut conn = establish(&database_url(path)?)?;
    conn.batch_execute(BUSY_TIMEOUT)?;
    // Of a file that is there it changes nothing.
    conn.batch_execute(LAYOUT)?;
    let mode: JournalMode = diesel::sql_query("PRAGMA journal_mode = WAL").get_result(&mut conn)?;
    if mode.journal_mode != "wal" {
        return Err(DbError::Open(format!(
            "`{}` cannot be kept with a write-ahead log (it says `{}`); is it on a network drive?",
            path.display(),
            mode.journal_mode
        )));
    }
    conn.batch_execute("PRAGMA synchronous = FULL;")?;
    Ok(conn)
}

/// Opens a connection that can only read.
pub(crate) fn open_reader(url: &str) -> Result<SqliteConnection, DbError> {
    let mut conn = establish(url)?;
    conn.batch_execute(BUSY_TIMEOUT)?;
    conn.batch_execute(COMMON)?;
    conn.batch_execute("PRAGMA query_only = ON;")?;
    Ok(conn)
}

fn set_up_writer(conn: &mut SqliteConnection, max_pages: u32) -> Result<(), DbError> {
    conn.batch_execute(BUSY_TIMEOUT)?;
    conn.batch_execute(COMMON)?;
    conn.batch_execute(WRITER)?;
    let PageSize { page_size } = diesel::sql_query("PRAGMA page_size").get_result(conn)?;
    let log_pages = LOG_BYTES / page_size.max(1);
    conn.batch_execute(&format!("PRAGMA wal_autocheckpoint = {log_pages}; PRAGMA journal_size_limit = {LOG_BYTES};"))?;
    if max_pages > 0 {
        conn.batch_execute(&format!("PRAGMA max_page_count = {max_pages};"))?;
    }
    Ok(())
}

/// Writes a copy of a database that others may be working with: of one moment, compact, in a file of its own.
pub(crate) fn copy_into(path: &Path, copy: &Path) -> Result<(), DbError> {
    // SQLite would make an empty database of a name that is wrong.
    if !path.is_file() {
        return Err(DbError::Open(format!("there is no database `{}`", path.display())));
    }
    let mut conn = establish(&database_url(path)?)?;
    conn.batch_execute(BUSY_TIMEOUT)?;
    diesel::sql_query("VACUUM INTO ?").bind::<diesel::sql_types::Text, _>(database_url(copy)?).execute(&mut conn)?;
    Ok(())
}

/// Puts a copy in the place of a database that is not there; a copy on the same disk is moved there.
pub(crate) fn put_back(copy: &Path, path: &Path) -> Result<(), DbError> {
    let failed = |error: std::io::Error| DbError::Open(format!("cannot write `{}`: {error}", path.display()));
    if path.exists() {
        return Err(DbError::Config(format!("there is a database `{}` already", path.display())));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let part = path.with_extension("part");
    if std::fs::rename(copy, &part).is_err() {
        std::fs::copy(copy, &part).map_err(failed)?;
    }
    std::fs::File::open(&part).and_then(|file| file.sync_all()).map_err(failed)?;
    std::fs::rename(&part, path).map_err(failed)?;
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

fn establish(url: &str) -> Result<SqliteConnection, DbError> {
    log_file::register();
    SqliteConnection::establish(url).map_err(|e| DbError::Open(e.to_string()))
}
