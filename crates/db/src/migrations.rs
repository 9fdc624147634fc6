//! Migrations of several owners as one list: which are applied, which are to be, and which this program does not know.

use std::collections::BTreeSet;

use cartulary_model::BlobDigest;
use diesel::connection::{AnsiTransactionManager, SimpleConnection, TransactionManager};
use diesel::prelude::*;
use diesel::result::QueryResult;

use crate::conn::{Backend, Conn};
use crate::error::DbError;
use crate::portable::now_millis;
use crate::{each_db, per_db, pool};

/// One step of a schema and its way back.
#[derive(Clone, Copy, Debug)]
pub struct MigrationFile {
    /// The part of the folder's name before the first `_`; the order within the owner.
    pub version: &'static str,
    /// The rest of the folder's name.
    pub name: &'static str,
    /// The text of `up.sql`.
    pub up: &'static str,
    /// The text of `down.sql`.
    pub down: &'static str,
}

impl MigrationFile {
    /// Returns the migration of the folder `<version>_<name>`.
    pub const fn new(folder: &'static str, up: &'static str, down: &'static str) -> Self {
        let mut at = 0;
        let mut rest = folder.as_bytes();
        while let [byte, others @ ..] = rest {
            if *byte == b'_' {
                let (version, name) = folder.split_at(at);
                let (_, name) = name.split_at(1);
                return Self { version, name, up, down };
            }
            at += 1;
            rest = others;
        }
        Self { version: folder, name: "", up, down }
    }
}

/// The migrations of one owner: the repository, or a module.
#[derive(Clone, Copy, Debug)]
pub struct MigrationSet {
    /// Who owns the tables; the folder under `schema/`.
    pub owner: &'static str,
    /// The migrations for SQLite.
    pub sqlite: &'static [MigrationFile],
    /// The migrations for PostgreSQL.
    pub postgres: &'static [MigrationFile],
}

impl MigrationSet {
    /// Returns the migrations for `backend`.
    pub const fn for_backend(&self, backend: Backend) -> &'static [MigrationFile] {
        match backend {
            Backend::Sqlite => self.sqlite,
            Backend::Postgres => self.postgres,
        }
    }
}

/// Embeds the migrations of one owner for one database: `schema/<owner>/migrations/<backend>/<version>_<name>/{up,down}.sql`.
///
/// Works in any crate under `crates/`; the folders are listed by hand, in order. See [`migration_set!`](crate::migration_set).
#[macro_export]
macro_rules! migration_files {
    ($owner:literal, $backend:literal, [$($folder:literal),* $(,)?]) => {
        &[$($crate::MigrationFile::new(
            $folder,
            include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/../../schema/", $owner, "/migrations/", $backend, "/", $folder, "/up.sql"
            )),
            include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"), "/../../schema/", $owner, "/migrations/", $backend, "/", $folder, "/down.sql"
            )),
        )),*]
    };
}

/// Embeds the migrations of one owner for both databases, whose folders have the same names.
///
/// ```text
/// pub const MIGRATIONS: MigrationSet = cartulary_db::migration_set!("repository", ["0001_objects", "0002_jobs"]);
/// ```
#[macro_export]
macro_rules! migration_set {
    ($owner:literal, [$($folder:literal),* $(,)?]) => {
        $crate::MigrationSet {
            owner: $owner,
            sqlite: $crate::migration_files!($owner, "sqlite", [$($folder),*]),
            postgres: $crate::migration_files!($owner, "postgres", [$($folder),*]),
        }
    };
}

diesel::table! {
    /// The migrations that a database has applied.
    schema_migration (owner, version) {
        owner -> Text,
        version -> Text,
        name -> Text,
        digest -> Text,
        applied_at -> BigInt,
    }
}

/// A migration as the database remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = schema_migration)]
pub struct AppliedMigration {
    /// Who owns the tables.
    pub owner: String,
    /// The order within the owner.
    pub version: String,
    /// What it is about.
    pub name: String,
    /// The SHA-256 of its `up.sql`, 64 lower-case hex digits.
    pub digest: String,
    /// When it was applied. *Units*: milliseconds since the epoch, UTC.
    pub applied_at: i64,
}

/// One migration of the composite list.
struct Step {
    owner: &'static str,
    file: MigrationFile,
}

impl Step {
    fn label(&self) -> String {
        format!("`{}/{}_{}`", self.owner, self.file.version, self.file.name)
    }

    fn digest(&self) -> String {
        BlobDigest::of(self.file.up.as_bytes()).to_string()
    }

    fn is(&self, applied: &AppliedMigration) -> bool {
        self.owner == applied.owner && self.file.version == applied.version
    }
}

const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema_migration (\
    owner TEXT NOT NULL, version TEXT NOT NULL, name TEXT NOT NULL, digest TEXT NOT NULL, applied_at BIGINT NOT NULL, \
    PRIMARY KEY (owner, version))";

/// Applies what is missing, owner by owner in the order given and by version within each; returns how many it applied.
///
/// On SQLite the connection must have foreign keys switched off, so that a migration can rebuild a table; they are
/// checked before each migration is committed.
pub(crate) fn apply(conn: &mut Conn, sets: &[MigrationSet]) -> Result<usize, DbError> {
    let steps = composite(sets, conn.backend())?;
    each_db!(conn, |c| c.batch_execute(TABLE))?;
    let known = applied(conn)?;
    refuse_foreign(&steps, &known)?;
    let mut count = 0;
    for step in &steps {
        if known.iter().any(|row| step.is(row)) {
            continue;
        }
        let done = in_transaction(conn, |conn| run_up(conn, step));
        match done {
            Ok(true) => count += 1,
            Ok(false) => {}
            Err(source) => return Err(DbError::Migration { migration: step.label(), source }),
        }
    }
    Ok(count)
}

/// Takes back everything that is applied, the last first; tests prove by it that each way down undoes its way up.
#[cfg_attr(not(feature = "testing"), expect(dead_code, reason = "an office is never migrated down"))]
pub(crate) fn revert_all(conn: &mut Conn, sets: &[MigrationSet]) -> Result<usize, DbError> {
    revert_after(conn, sets, "")
}

/// Takes back what is applied of the versions after `version`, the last first.
pub(crate) fn revert_after(conn: &mut Conn, sets: &[MigrationSet], version: &str) -> Result<usize, DbError> {
    let steps = composite(sets, conn.backend())?;
    let known = applied(conn)?;
    let mut count = 0;
    for step in steps.iter().rev().filter(|step| step.file.version > version) {
        if !known.iter().any(|row| step.is(row)) {
            continue;
        }
        in_transaction(conn, |conn| run_down(conn, step))
            .map_err(|source| DbError::Migration { migration: step.label(), source })?;
        count += 1;
    }
    Ok(count)
}

/// Returns what the database has applied, by owner and version.
pub(crate) fn applied(conn: &mut Conn) -> Result<Vec<AppliedMigration>, DbError> {
    let rows = each_db!(conn, |c| schema_migration::table
        .order((schema_migration::owner, schema_migration::version))
        .select(AppliedMigration::as_select())
        .load(c))?;
    Ok(rows)
}

/// Puts the owners' migrations into one list.
fn composite(sets: &[MigrationSet], backend: Backend) -> Result<Vec<Step>, DbError> {
    let mut steps = Vec::new();
    let mut seen = BTreeSet::new();
    for set in sets {
        let mut files = set.for_backend(backend).to_vec();
        files.sort_by_key(|file| file.version);
        for file in files {
            let step = Step { owner: set.owner, file };
            if !seen.insert((step.owner, file.version)) {
                return Err(DbError::Config(format!("two migrations are called {}", step.label())));
            }
            let defers = backend == Backend::Sqlite && file.up.to_ascii_uppercase().contains("INITIALLY DEFERRED");
            if defers {
                // It would fail at the commit, and with it every transaction of the group.
                return Err(DbError::Config(format!("the migration {} has a deferred constraint", step.label())));
            }
            steps.push(step);
        }
    }
    Ok(steps)
}

/// Refuses a database that knows more than this program, or other things.
fn refuse_foreign(steps: &[Step], known: &[AppliedMigration]) -> Result<(), DbError> {
    let is_unknown = |row: &&AppliedMigration| !steps.iter().any(|step| step.is(row));
    let unknown: Vec<String> =
        known.iter().filter(is_unknown).map(|row| format!("`{}/{}_{}`", row.owner, row.version, row.name)).collect();
    if !unknown.is_empty() {
        return Err(DbError::Newer { unknown: unknown.join(", ") });
    }
    for step in steps {
        let is_changed = known.iter().any(|row| step.is(row) && row.digest != step.digest());
        if is_changed {
            return Err(DbError::MigrationChanged { migration: step.label() });
        }
    }
    Ok(())
}

/// Applies one migration, unless another process did so in the meantime.
fn run_up(conn: &mut Conn, step: &Step) -> QueryResult<bool> {
    let is_applied: i64 =
        each_db!(conn, |c| schema_migration::table.find((step.owner, step.file.version)).count().get_result(c))?;
    if is_applied > 0 {
        return Ok(false);
    }
    each_db!(conn, |c| c.batch_execute(step.file.up))?;
    check_foreign_keys(conn)?;
    let row = AppliedMigration {
        owner: step.owner.to_owned(),
        version: step.file.version.to_owned(),
        name: step.file.name.to_owned(),
        digest: step.digest(),
        applied_at: now_millis(conn)?,
    };
    each_db!(conn, |c| diesel::insert_into(schema_migration::table).values(&row).execute(c))?;
    Ok(true)
}

fn run_down(conn: &mut Conn, step: &Step) -> QueryResult<()> {
    each_db!(conn, |c| c.batch_execute(step.file.down))?;
    check_foreign_keys(conn)?;
    each_db!(conn, |c| diesel::delete(schema_migration::table.find((step.owner, step.file.version))).execute(c))?;
    Ok(())
}

fn check_foreign_keys(conn: &mut Conn) -> QueryResult<()> {
    #[derive(QueryableByName)]
    struct Broken {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        broken: i64,
    }
    per_db!(
        conn,
        sqlite(c) => {
            let row: Broken =
                diesel::sql_query("SELECT count(*) AS broken FROM pragma_foreign_key_check()").get_result(c)?;
            if row.broken == 0 {
                return Ok(());
            }
            Err(crate::error::diesel_error(
                diesel::result::DatabaseErrorKind::ForeignKeyViolation,
                &format!("{} rows refer to rows that do not exist", row.broken),
            ))
        },
        postgres(_conn) => Ok(())
    )
}

/// Runs `act` in a transaction of the migrating connection.
fn in_transaction<T>(conn: &mut Conn, act: impl FnOnce(&mut Conn) -> QueryResult<T>) -> QueryResult<T> {
    let begin = match conn.backend() {
        Backend::Sqlite => "BEGIN IMMEDIATE",
        Backend::Postgres => "BEGIN",
    };
    each_db!(conn, |c| AnsiTransactionManager::begin_transaction_sql(c, begin))?;
    match act(conn) {
        Ok(value) => {
            each_db!(conn, |c| AnsiTransactionManager::commit_transaction(c))?;
            Ok(value)
        }
        Err(error) => {
            // The first error is the one that tells; a connection that cannot even roll back is closed by its owner.
            let _ = each_db!(conn, |c| pool::roll_back_all(c));
            Err(error)
        }
    }
}

/// Opens a connection of its own, applies what is missing and closes it.
pub(crate) fn migrate(conn: &mut Conn, sets: &[MigrationSet]) -> Result<(), DbError> {
    per_db!(
        conn,
        sqlite(c) => c.batch_execute("PRAGMA foreign_keys = OFF; PRAGMA legacy_alter_table = OFF;")?,
        postgres(c) => {
            // Held until the connection closes: of several nodes that start together one migrates, the others wait.
            let key = crate::portable::advisory_key("any", "migrations");
            c.batch_execute(&format!("SELECT pg_advisory_lock({key})"))?;
        }
    );
    let count = apply(conn, sets)?;
    if count > 0 {
        tracing::info!(migrations = count, backend = %conn.backend(), "the database was migrated");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_name_is_a_version_and_a_name() {
        let file = MigrationFile::new("0001_first_tables", "", "");
        assert_eq!((file.version, file.name), ("0001", "first_tables"));
        let bare = MigrationFile::new("0001", "", "");
        assert_eq!((bare.version, bare.name), ("0001", ""));
    }

    #[test]
    fn a_deferred_constraint_and_a_name_twice_are_refused() {
        const DEFERRED: MigrationFile =
            MigrationFile::new("1_a", "CREATE TABLE t (a REFERENCES b DEFERRABLE initially deferred)", "");
        const PLAIN: MigrationFile = MigrationFile::new("1_b", "SELECT 1", "");
        let check = |sqlite: &'static [MigrationFile]| {
            composite(&[MigrationSet { owner: "x", sqlite, postgres: &[] }], Backend::Sqlite).map(|steps| steps.len())
        };
        assert!(matches!(check(&[DEFERRED]), Err(DbError::Config(_))));
        assert!(matches!(check(&[PLAIN, PLAIN]), Err(DbError::Config(_))));
        assert!(matches!(check(&[PLAIN]), Ok(1)));
    }
}
