//! The small schema of these tests, and the means to make transactions meet in one group.
#![allow(dead_code, missing_docs, clippy::unwrap_used, reason = "each test binary uses a part of it")]

use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use cartulary_db::testing::TestDatabase;
use cartulary_db::{BeforeCommit, Conn, Database, DbError, MigrationFile, MigrationSet, each_db};
use diesel::prelude::*;

pub const MIGRATIONS: &[MigrationSet] = &[MigrationSet {
    owner: "archive",
    sqlite: &[MigrationFile::new(
        "0001_paper",
        "CREATE TABLE folder (no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
         CREATE TABLE paper (
             no INTEGER PRIMARY KEY, folder_no BIGINT REFERENCES folder (no), title TEXT NOT NULL UNIQUE, position BIGINT);",
        "DROP TABLE paper; DROP TABLE folder;",
    )],
    postgres: &[MigrationFile::new(
        "0001_paper",
        "CREATE TABLE folder (no BIGSERIAL PRIMARY KEY, name TEXT NOT NULL UNIQUE);
         CREATE TABLE paper (
             no BIGSERIAL PRIMARY KEY, folder_no BIGINT REFERENCES folder (no), title TEXT NOT NULL UNIQUE,
             position BIGINT);",
        "DROP TABLE paper; DROP TABLE folder;",
    )],
}];

diesel::table! {
    folder (no) {
        no -> BigInt,
        name -> Text,
    }
}

diesel::table! {
    paper (no) {
        no -> BigInt,
        folder_no -> Nullable<BigInt>,
        title -> Text,
        position -> Nullable<BigInt>,
    }
}

/// Adds a paper; the title is unique.
pub fn add(conn: &mut Conn, title: &str) -> Result<(), DbError> {
    each_db!(conn, |c| diesel::insert_into(paper::table).values(paper::title.eq(title)).execute(c))?;
    Ok(())
}

/// Returns the titles in the order in which they were added.
pub fn titles(conn: &mut Conn) -> Result<Vec<String>, DbError> {
    Ok(each_db!(conn, |c| paper::table.select(paper::title).order(paper::no).load(c))?)
}

pub async fn stored(database: &Database) -> Vec<String> {
    database.read(titles).await.unwrap()
}

/// A write that has been put into the queue.
pub type Queued<T> = Pin<Box<dyn Future<Output = Result<T, DbError>> + Send>>;

/// Puts a write into the queue, so that writes queue in the order of these calls.
pub async fn queue<T, F>(database: &Database, act: F) -> Queued<T>
where
    F: Fn(&mut Conn) -> Result<T, DbError> + Send + 'static,
    T: Send + 'static,
{
    let database = database.clone();
    let mut write: Queued<T> = Box::pin(async move { database.write(act).await });
    // The first poll puts it into the queue; the answer cannot be there yet while the writer is held.
    let is_pending =
        std::future::poll_fn(|context| std::task::Poll::Ready(write.as_mut().poll(context).is_pending())).await;
    assert!(is_pending, "the writer was not held");
    write
}

/// Holds the writer inside a group until it is let go, so that what is queued meanwhile joins the group.
pub struct Held {
    go: mpsc::Sender<()>,
    write: Queued<()>,
}

impl Held {
    pub async fn new(database: &Database) -> Self {
        let (began, mut begun) = tokio::sync::mpsc::unbounded_channel();
        let (go, let_go) = mpsc::channel();
        let let_go = Mutex::new(let_go);
        let write = queue(database, move |_conn| {
            let _ = began.send(());
            // The second time, when the group runs again one by one, nobody holds it any more.
            let _ = let_go.lock().unwrap().recv();
            Ok(())
        })
        .await;
        begun.recv().await.unwrap();
        Self { go, write }
    }

    pub async fn let_go(self) {
        self.let_go_unchecked().await.unwrap();
    }

    pub async fn let_go_unchecked(self) -> Result<(), DbError> {
        drop(self.go);
        self.write.await
    }
}

/// Opens the database so that a held group stays open for as long as a test may take.
pub async fn open_patient(office: &mut TestDatabase, sequencer: Option<std::sync::Arc<dyn BeforeCommit>>) -> Database {
    office.config.sqlite.max_group_ms = 600_000;
    office.config.write_budget_ms = 600_000;
    office.open(sequencer).await
}

/// A sequencer that numbers papers and counts how often it is called.
#[derive(Default)]
pub struct Numbering {
    pub calls: AtomicUsize,
}

impl BeforeCommit for Numbering {
    fn before_commit(&self, conn: &mut Conn) -> Result<(), DbError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        each_db!(conn, |c| {
            let next: Option<i64> = paper::table.select(diesel::dsl::max(paper::position)).get_result(c)?;
            let waiting: Vec<i64> =
                paper::table.filter(paper::position.is_null()).select(paper::no).order(paper::no).load(c)?;
            for (no, position) in waiting.into_iter().zip(next.unwrap_or(0) + 1..) {
                diesel::update(paper::table.find(no)).set(paper::position.eq(position)).execute(c)?;
            }
        });
        Ok(())
    }
}

impl Numbering {
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

/// Returns what SQLite says of the file: "ok".
pub fn integrity(conn: &mut Conn) -> String {
    #[derive(QueryableByName)]
    struct Check {
        #[diesel(sql_type = diesel::sql_types::Text)]
        integrity_check: String,
    }
    let check: Check = each_db!(conn, |c| diesel::sql_query("PRAGMA integrity_check").get_result(c)).unwrap();
    check.integrity_check
}
