//! Databases for tests: each test has one of its own, copied from a template that was migrated once.
//!
//! ```
//! # use cartulary_db::{DbError, MigrationFile, MigrationSet, testing};
//! const MIGRATIONS: &[MigrationSet] = &[MigrationSet {
//!     owner: "example",
//!     sqlite: &[MigrationFile::new("0001_paper", "CREATE TABLE paper (no INTEGER PRIMARY KEY)", "DROP TABLE paper")],
//!     postgres: &[MigrationFile::new("0001_paper", "CREATE TABLE paper (no BIGINT PRIMARY KEY)", "DROP TABLE paper")],
//! }];
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), DbError> {
//! for office in testing::each_database(MIGRATIONS) {
//!     let database = office.open(None).await;
//!     // … the same test on both databases
//!     database.close().await;
//! }
//! # Ok(())
//! # }
//! ```
#![expect(clippy::panic, clippy::print_stderr, reason = "a test that cannot have its database must fail, in words")]

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock, Mutex, Once, PoisonError};

use cartulary_model::BlobDigest;
use diesel::prelude::*;

use crate::config::DatabaseConfig;
use crate::conn::{Backend, Conn};
use crate::database::{BeforeCommit, Database};
use crate::error::DbError;
use crate::migrations::{self, MigrationSet};
use crate::{per_db, sqlite};

/// The environment variable that names a PostgreSQL server for tests, with a role that may create databases:
/// `postgres://postgres@127.0.0.1:5433/postgres`.
pub const POSTGRES_VARIABLE: &str = "CARTULARY_TEST_POSTGRES";

/// How many connections a test's pool has.
const POOL: u32 = 2;

/// A database that belongs to one test and goes away with this value.
#[derive(Debug)]
pub struct TestDatabase {
    /// The configuration that opens it, with a pool of two.
    pub config: DatabaseConfig,
    migrations: Vec<MigrationSet>,
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "dropping it clears away"))]
    remains: Remains,
}

/// What is left to be cleared away.
#[derive(Debug)]
enum Remains {
    Folder(#[expect(dead_code, reason = "dropping it removes the folder")] tempfile::TempDir),
    #[cfg(feature = "postgres")]
    Database {
        server: String,
        name: String,
    },
}

/// Returns a new SQLite database with `migrations` applied.
pub fn sqlite_database(migrations: &[MigrationSet]) -> TestDatabase {
    let template = sqlite_template(migrations);
    let folder = must("make a folder", tempfile::tempdir());
    let path = folder.path().join("cartulary.sqlite");
    must("copy the template", std::fs::write(&path, template.as_slice()));
    let mut config = DatabaseConfig::sqlite(path);
    config.sqlite.readers = POOL;
    TestDatabase { config, migrations: migrations.to_vec(), remains: Remains::Folder(folder) }
}

/// Returns a new PostgreSQL database with `migrations` applied; none, and says so once, when [`POSTGRES_VARIABLE`] is
/// not set or the feature `postgres` is off.
pub fn postgres_database(migrations: &[MigrationSet]) -> Option<TestDatabase> {
    static SKIPPED: Once = Once::new();
    let server = std::env::var(POSTGRES_VARIABLE).ok().filter(|url| !url.is_empty());
    #[cfg(feature = "postgres")]
    if let Some(server) = server {
        return Some(on_postgres::database(&server, migrations));
    }
    #[cfg(not(feature = "postgres"))]
    let _ = (server, migrations);
    SKIPPED.call_once(|| eprintln!("skipped on PostgreSQL: {POSTGRES_VARIABLE} or the feature `postgres` is not set"));
    None
}

/// Returns a new database of each kind that can be had here: SQLite always, PostgreSQL where [`postgres_database`] has one.
pub fn each_database(migrations: &[MigrationSet]) -> Vec<TestDatabase> {
    let mut all = vec![sqlite_database(migrations)];
    all.extend(postgres_database(migrations));
    all
}

impl TestDatabase {
    /// Returns the database system.
    pub fn backend(&self) -> Backend {
        self.config.backend
    }

    /// Opens the database.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub async fn open(&self, sequencer: Option<Arc<dyn BeforeCommit>>) -> Database {
        must("open the test database", Database::open(&self.config, &self.migrations, sequencer).await)
    }

    /// Returns the file of a SQLite database.
    pub fn path(&self) -> &Path {
        &self.config.sqlite.path
    }

    /// Opens a connection outside the database's pool, for a test that looks from outside or plays another process.
    ///
    /// # Panics
    /// When it cannot be opened.
    pub fn connect(&self) -> Conn {
        connect(&self.config)
    }

    /// Runs statements behind the back of everybody who has the database open.
    ///
    /// # Panics
    /// When the database refuses them.
    pub fn run_sql(&self, sql: &str) {
        use diesel::connection::SimpleConnection;
        let mut conn = self.connect();
        must("run the statements", crate::each_db!(&mut conn, |c| c.batch_execute(sql)));
    }
}

/// Makes the next `count` commits of the SQLite writer fail.
pub fn fail_commits(database: &Database, count: u32) {
    if let Some(faults) = database.faults() {
        faults.failing_commits.store(count, Ordering::Relaxed);
    }
}

/// Bounds the file of a SQLite database, as a full disk would; 0 takes the bound away. *Units*: pages.
///
/// # Errors
/// When the writer does not take the bound.
pub async fn bound_pages(database: &Database, pages: u32) -> Result<(), DbError> {
    let Some(faults) = database.faults() else {
        return Ok(());
    };
    faults.max_pages.store(pages, Ordering::Relaxed);
    let pages = if pages == 0 { u32::MAX - 1 } else { pages };
    database
        .write(move |conn| {
            per_db!(
                conn,
                sqlite(c) => {
                    use diesel::connection::SimpleConnection;
                    Ok(c.batch_execute(&format!("PRAGMA max_page_count = {pages};"))?)
                },
                postgres(_c) => Ok(())
            )
        })
        .await
}

/// Migrates an empty database up, down and up again, and compares what its schema says after each; on both databases.
///
/// # Panics
/// When the schemas differ, or something is left after the way down.
pub fn check_migrations(migrations: &[MigrationSet]) {
    for empty in each_database(&[]) {
        let conn = &mut empty.connect();
        let blank = schema_dump(conn);
        must("migrate up", migrations::apply(conn, migrations));
        let first = schema_dump(conn);
        must("migrate down", migrations::revert_all(conn, migrations));
        assert_eq!(schema_dump(conn), blank, "something is left after the way down on {}", empty.backend());
        must("migrate up again", migrations::apply(conn, migrations));
        assert_eq!(schema_dump(conn), first, "the schema differs the second time on {}", empty.backend());
    }
}

/// Takes back the migrations after `version` (of each owner), so that a database is one that an older release left.
///
/// # Panics
/// When one cannot be taken back.
pub fn revert_after(conn: &mut Conn, migrations: &[MigrationSet], version: &str) {
    must("migrate down", migrations::revert_after(conn, migrations, version));
}

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = diesel::sql_types::Text)]
    line: String,
}

/// Describes tables, columns, constraints, indexes, views, triggers and functions, one a line, sorted; not the rows.
///
/// # Panics
/// When the catalogue cannot be read.
pub fn schema_dump(conn: &mut Conn) -> String {
    let lines = per_db!(
        conn,
        sqlite(c) => diesel::sql_query(SQLITE_SCHEMA).load::<Line>(c),
        postgres(c) => diesel::sql_query(on_postgres::SCHEMA).load::<Line>(c)
    );
    let mut text = String::new();
    for Line { line } in must("read the schema", lines) {
        let _ = writeln!(text, "{line}");
    }
    text
}

const SQLITE_SCHEMA: &str = "SELECT type || ' ' || name || ' on ' || tbl_name || ': ' || coalesce(sql, 'implied') AS line \
    FROM sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' AND name <> 'sqlite_sequence' AND tbl_name <> 'schema_migration' ORDER BY type, name";

/// Opens a connection as the configuration says.
fn connect(config: &DatabaseConfig) -> Conn {
    match config.backend {
        Backend::Sqlite => Conn::Sqlite(must("open the file", sqlite::create(&config.sqlite.path))),
        #[cfg(feature = "postgres")]
        Backend::Postgres => {
            let url = must("find the address", config.postgres.resolved_url());
            Conn::Postgres(on_postgres::connect(&url))
        }
        #[cfg(not(feature = "postgres"))]
        Backend::Postgres => panic!("the feature `postgres` is off"),
    }
}

/// Returns the bytes of a migrated SQLite file, made once per process and list of migrations.
fn sqlite_template(migrations: &[MigrationSet]) -> Arc<Vec<u8>> {
    static TEMPLATES: LazyLock<Mutex<HashMap<BlobDigest, Arc<Vec<u8>>>>> = LazyLock::new(Mutex::default);
    let mut templates = TEMPLATES.lock().unwrap_or_else(PoisonError::into_inner);
    let key = fingerprint(migrations, Backend::Sqlite);
    if let Some(template) = templates.get(&key) {
        return Arc::clone(template);
    }
    let folder = must("make a folder", tempfile::tempdir());
    let path = folder.path().join("template.sqlite");
    let mut conn = connect(&DatabaseConfig::sqlite(&path));
    must("migrate the template", migrations::migrate(&mut conn, migrations));
    // Closing the last connection folds the log into the file.
    drop(conn);
    let template = Arc::new(must("read the template", std::fs::read(&path)));
    templates.insert(key, Arc::clone(&template));
    template
}

/// Names a list of migrations by what it does.
fn fingerprint(migrations: &[MigrationSet], backend: Backend) -> BlobDigest {
    let mut text = String::new();
    for set in migrations {
        for file in set.for_backend(backend) {
            let _ = writeln!(text, "{}/{}_{}\n{}", set.owner, file.version, file.name, file.up);
        }
    }
    BlobDigest::of(text.as_bytes())
}

fn must<T, E: std::fmt::Display>(act: &str, result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("cannot {act}: {error}"),
    }
}

#[cfg(feature = "postgres")]
mod on_postgres {
    //! Templates and copies on a PostgreSQL server.
    use diesel::connection::SimpleConnection;
    use diesel::prelude::*;

    use super::{Remains, TestDatabase, fingerprint, must};
    use crate::config::DatabaseConfig;
    use crate::conn::{Backend, Conn};
    use crate::migrations::{self, MigrationSet};

    /// Guards the making of templates among the test processes of one server.
    const TEMPLATE_LOCK: i64 = 0x0043_6172_7475_6c61;

    pub(super) const SCHEMA: &str = "\
        SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || \
            coalesce(column_default, '') || ' ' || coalesce(collation_name, '') || ' ' || is_identity AS line \
            FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'schema_migration' \
        UNION ALL SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) \
            FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text <> 'schema_migration' \
        UNION ALL SELECT 'index ' || indexdef FROM pg_indexes \
            WHERE schemaname = 'public' AND tablename <> 'schema_migration' \
        UNION ALL SELECT 'relation ' || relkind::text || ' ' || relname FROM pg_class \
            WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE 'schema_migration%' \
        UNION ALL SELECT 'view ' || viewname || ' ' || definition FROM pg_views WHERE schemaname = 'public' \
        UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal \
        UNION ALL SELECT 'function ' || pg_get_functiondef(oid) FROM pg_proc \
            WHERE pronamespace = 'public'::regnamespace AND prokind IN ('f', 'p') \
        UNION ALL SELECT 'type ' || typname FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd') \
        ORDER BY 1";

    /// Copies the template into a database with a name of its own.
    pub(super) fn database(server: &str, migrations: &[MigrationSet]) -> TestDatabase {
        let mut admin = connect(server);
        let template = template(server, &mut admin, migrations);
        let id = cartulary_model::ObjectId::generate().to_string().replace('-', "");
        let name = format!("cartulary_test_{id}");
        must("copy the template", admin.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {template}")));
        let mut config = DatabaseConfig::postgres(url_of(server, &name));
        config.postgres.pool = super::POOL;
        let remains = Remains::Database { server: server.to_owned(), name };
        TestDatabase { config, migrations: migrations.to_vec(), remains }
    }

    /// Returns the name of the template, which is made when the server does not have it yet.
    fn template(server: &str, admin: &mut PgConnection, migrations: &[MigrationSet]) -> String {
        let digest = fingerprint(migrations, Backend::Postgres).to_string();
        let name = format!("cartulary_template_{}", digest.get(..24).unwrap_or_default());
        must("lock the templates", admin.batch_execute(&format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")));
        let exists = format!("SELECT oid FROM pg_database WHERE datname = '{name}'");
        let found = must("look for the template", diesel::sql_query(exists).execute(admin));
        if found == 0 {
            let raw = format!("{name}_raw");
            must("clear away", admin.batch_execute(&format!("DROP DATABASE IF EXISTS {raw}")));
            must("make a database", admin.batch_execute(&format!("CREATE DATABASE {raw} TEMPLATE template0")));
            let mut conn = Conn::Postgres(connect(&url_of(server, &raw)));
            must("migrate the template", migrations::migrate(&mut conn, migrations));
            drop(conn);
            wait_until_unused(admin, &raw);
            // Only what was migrated to the end bears the name.
            must("name the template", admin.batch_execute(&format!("ALTER DATABASE {raw} RENAME TO {name}")));
        }
        must("unlock the templates", admin.batch_execute(&format!("SELECT pg_advisory_unlock({TEMPLATE_LOCK})")));
        name
    }

    /// Ends what still holds the database; a server process outlives its connection by a moment.
    fn wait_until_unused(admin: &mut PgConnection, name: &str) {
        let end = format!("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'");
        must("free the template", diesel::sql_query(end).execute(admin));
    }

    pub(super) fn drop_database(server: &str, name: &str) {
        let mut admin = connect(server);
        // A database that stays behind on a throw-away server harms nobody; a panic in a destructor would.
        let _ = admin.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
    }

    pub(super) fn connect(url: &str) -> PgConnection {
        must("reach the test server", PgConnection::establish(url))
    }

    /// Returns `url` with `name` as its database.
    fn url_of(url: &str, name: &str) -> String {
        let (address, options) = url.split_once('?').map_or((url, String::new()), |(a, o)| (a, format!("?{o}")));
        let after_scheme = address.find("://").map_or(0, |at| at + 3);
        let (scheme, rest) = address.split_at(after_scheme);
        let host = rest.split_once('/').map_or(rest, |(host, _)| host);
        format!("{scheme}{host}/{name}{options}")
    }
}

#[cfg(feature = "postgres")]
impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Remains::Database { server, name } = &self.remains {
            on_postgres::drop_database(server, name);
        }
    }
}
