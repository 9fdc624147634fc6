//! What a database remembers of its schema, and what it refuses.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod common;

use cartulary_db::testing::{check_migrations, each_database, schema_dump};
use cartulary_db::{Backend, Conn, Database, DbError, MigrationFile, MigrationSet, each_db};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

const FIRST: MigrationFile =
    MigrationFile::new("0001_shelf", "CREATE TABLE shelf (no BIGINT PRIMARY KEY)", "DROP TABLE shelf");
const SECOND: MigrationFile = MigrationFile::new(
    "0002_shelf_label",
    "ALTER TABLE shelf ADD COLUMN label TEXT; CREATE INDEX shelf_label ON shelf (label)",
    "DROP INDEX shelf_label; ALTER TABLE shelf DROP COLUMN label",
);
const SECOND_REWRITTEN: MigrationFile =
    MigrationFile::new("0002_shelf_label", "ALTER TABLE shelf ADD COLUMN label VARCHAR", "SELECT 1");
const BROKEN: MigrationFile =
    MigrationFile::new("0003_broken", "CREATE TABLE half (no BIGINT); CREATE TABLE shelf (no BIGINT)", "SELECT 1");
const BOOK: MigrationFile = MigrationFile::new(
    "0001_book",
    "CREATE TABLE book (no BIGINT PRIMARY KEY, shelf_no BIGINT REFERENCES shelf (no))",
    "DROP TABLE book",
);

const fn set(owner: &'static str, files: &'static [MigrationFile]) -> MigrationSet {
    MigrationSet { owner, sqlite: files, postgres: files }
}

const OLD: &[MigrationSet] = &[set("library", &[FIRST])];
const NEW: &[MigrationSet] = &[set("library", &[FIRST, SECOND]), set("books", &[BOOK])];

async fn labels(database: &Database) -> Vec<String> {
    let applied = database.migrations().await.unwrap();
    assert!(applied.iter().all(|row| row.digest.len() == 64 && row.applied_at > 0));
    applied.iter().map(|row| format!("{}/{}_{}", row.owner, row.version, row.name)).collect()
}

#[test]
fn each_way_down_undoes_its_way_up() {
    check_migrations(NEW);
    check_migrations(common::MIGRATIONS);
}

#[tokio::test]
async fn a_living_database_is_brought_up_to_date_and_keeps_its_rows() {
    for office in each_database(OLD) {
        let database = office.open(None).await;
        let insert =
            |conn: &mut Conn| Ok::<_, DbError>(each_db!(conn, |c| c.batch_execute("INSERT INTO shelf VALUES (7)"))?);
        database.write(insert).await.unwrap();
        database.close().await;
        // Module `books` comes before `library` in the alphabet, yet its table refers to the other's.
        let database = Database::open(&office.config, NEW, None).await.unwrap();
        assert_eq!(labels(&database).await, ["books/0001_book", "library/0001_shelf", "library/0002_shelf_label"]);
        let count = |conn: &mut Conn| {
            let found = each_db!(conn, |c| diesel::sql_query("SELECT no FROM shelf WHERE label IS NULL").execute(c))?;
            Ok::<_, DbError>(found)
        };
        database.write(count).await.unwrap();
        database.close().await;
        let (old_way, new_way) = (office.connect(), each_database(NEW));
        let straight = new_way.iter().find(|other| other.backend() == office.backend()).unwrap();
        assert_eq!(schema_dump(&mut { old_way }), schema_dump(&mut straight.connect()));
    }
}

#[tokio::test]
async fn a_newer_database_is_refused_in_words() {
    for office in each_database(NEW) {
        let error = Database::open(&office.config, OLD, None).await.unwrap_err();
        let words = error.to_string();
        assert!(words.starts_with("this data folder was written by a newer Cartulary"), "{words}");
        assert!(words.contains("`books/0001_book`, `library/0002_shelf_label`"), "{words}");
        assert!(words.ends_with("start that version, or restore a backup"), "{words}");
        // It was not touched: the newer program opens it as before.
        Database::open(&office.config, NEW, None).await.unwrap().close().await;
    }
}

#[tokio::test]
async fn a_migration_that_reads_otherwise_today_is_refused() {
    for office in each_database(NEW) {
        let other = [set("library", &[FIRST, SECOND_REWRITTEN]), set("books", &[BOOK])];
        let error = Database::open(&office.config, &other, None).await.unwrap_err();
        assert!(matches!(&error, DbError::MigrationChanged { migration } if migration == "`library/0002_shelf_label`"));
    }
}

#[tokio::test]
async fn a_migration_that_fails_half_way_leaves_nothing() {
    for office in each_database(OLD) {
        let before = schema_dump(&mut office.connect());
        let sets = [set("library", &[FIRST, BROKEN])];
        let error = Database::open(&office.config, &sets, None).await.unwrap_err();
        assert!(
            matches!(&error, DbError::Migration { migration, .. } if migration == "`library/0003_broken`"),
            "{error:?}"
        );
        assert_eq!(schema_dump(&mut office.connect()), before);
        Database::open(&office.config, OLD, None).await.unwrap().close().await;
    }
}

#[tokio::test]
async fn of_several_that_open_a_new_database_at_once_each_succeeds() {
    for office in each_database(&[]) {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let config = office.config.clone();
            tasks.spawn(async move { Database::open(&config, NEW, None).await.unwrap().close().await });
        }
        tasks.join_all().await;
        assert_eq!(office.backend(), office.connect().backend());
    }
}

#[tokio::test]
async fn a_build_without_postgresql_says_so() {
    let mut config = cartulary_db::DatabaseConfig::postgres("postgres://nobody@127.0.0.1:1/none");
    config.wait_ms = 200;
    assert_eq!(config.backend, Backend::Postgres);
    let error = Database::open(&config, &[], None).await.unwrap_err();
    assert!(matches!(error, DbError::Config(_) | DbError::Open(_)), "{error:?}");
}
