//! The group writer of SQLite: one commit for many, and what happens to the others when one goes wrong.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cartulary_db::testing::{TestDatabase, bound_pages, fail_commits, sqlite_database};
use cartulary_db::{BeforeCommit, Conn, Database, DatabaseConfig, DbError, each_db, is_foreign_key_violation};
use common::{Held, MIGRATIONS, Numbering, add, integrity, open_patient, paper, queue, stored, titles};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

/// A query that does not end.
const ENDLESS: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS i FROM n";

/// A statement that writes and does not end.
const ENDLESS_INSERT: &str = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
    INSERT INTO folder (name) SELECT 'folder ' || i FROM n WHERE i % 1000000 = 0";

fn execute(conn: &mut Conn, sql: &str) -> Result<(), DbError> {
    Ok(each_db!(conn, |c| c.batch_execute(sql))?)
}

async fn open(sequencer: Option<Arc<dyn BeforeCommit>>) -> (TestDatabase, Database) {
    let mut office = sqlite_database(MIGRATIONS);
    let database = open_patient(&mut office, sequencer).await;
    (office, database)
}

async fn positions(database: &Database) -> Vec<(String, Option<i64>)> {
    let act = |conn: &mut Conn| {
        each_db!(conn, |c| paper::table.select((paper::title, paper::position)).order(paper::no).load(c))
            .map_err(DbError::from)
    };
    database.read(act).await.unwrap()
}

#[tokio::test]
async fn members_commit_together_and_one_that_fails_fails_alone() {
    let numbering = Arc::new(Numbering::default());
    let (_office, database) = open(Some(numbering.clone())).await;
    let commits = database.commits();
    let held = Held::new(&database).await;
    let first = queue(&database, |conn| add(conn, "first")).await;
    let refused = queue(&database, |conn| add(conn, "refused").and_then(|()| add(conn, "first"))).await;
    let panicked = queue::<(), _>(&database, |conn| {
        add(conn, "panicked")?;
        panic!("a bug")
    })
    .await;
    let last = queue(&database, |conn| add(conn, "last")).await;
    held.let_go().await;
    first.await.unwrap();
    assert!(matches!(refused.await, Err(DbError::Query(_))));
    assert!(matches!(panicked.await, Err(DbError::Panicked(_))));
    last.await.unwrap();
    assert_eq!(numbering.calls(), 1, "once per group");
    assert_eq!(*commits.borrow(), 1, "one commit");
    assert_eq!(positions(&database).await, [("first".to_owned(), Some(1)), ("last".to_owned(), Some(2))]);
    database.close().await;
}

/// Queues one that adds a paper and counts its runs, and then what `fails` does, in one group; returns the runs.
async fn runs_beside(fails: fn(&mut Conn) -> Result<(), DbError>) -> usize {
    let (_office, database) = open(None).await;
    let runs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&runs);
    let held = Held::new(&database).await;
    let added = queue(&database, move |conn| {
        count.fetch_add(1, Ordering::SeqCst);
        add(conn, "kept")
    })
    .await;
    let failed = queue(&database, fails).await;
    held.let_go().await;
    added.await.unwrap();
    failed.await.unwrap_err();
    assert_eq!(stored(&database).await, ["kept"]);
    let tables: Vec<String> = database
        .read(|conn| -> Result<_, DbError> {
            let sql = "SELECT name AS title FROM sqlite_master WHERE name = 'stray'";
            Ok(each_db!(conn, |c| diesel::sql_query(sql).load::<Title>(c))?.into_iter().map(|row| row.title).collect())
        })
        .await
        .unwrap();
    assert!(tables.is_empty());
    assert_eq!(*database.commits().borrow(), 1);
    database.close().await;
    runs.load(Ordering::SeqCst)
}

#[derive(QueryableByName)]
struct Title {
    #[diesel(sql_type = diesel::sql_types::Text)]
    title: String,
}

#[tokio::test]
async fn one_that_refuses_before_it_writes_costs_the_others_nothing() {
    assert_eq!(runs_beside(|_| Err(DbError::Misuse("refused"))).await, 1);
    // A statement that fails leaves nothing by itself.
    assert_eq!(runs_beside(|conn| add(conn, "kept")).await, 1);
}

#[tokio::test]
async fn one_that_fails_after_it_wrote_leaves_nothing_and_the_others_are_kept() {
    assert_eq!(runs_beside(|conn| add(conn, "lost").and(Err(DbError::Misuse("refused")))).await, 2);
    let stray = |conn: &mut Conn| execute(conn, "CREATE TABLE stray (no INTEGER)").and(Err(DbError::Misuse("refused")));
    assert_eq!(runs_beside(stray).await, 2);
}

#[tokio::test]
async fn a_member_sees_what_those_before_it_in_its_group_wrote() {
    let (_office, database) = open(None).await;
    let held = Held::new(&database).await;
    let mut writes = Vec::new();
    for turn in 0..20 {
        let write = queue(&database, move |conn| {
            let seen = titles(conn)?.len();
            add(conn, &format!("paper {turn}"))?;
            Ok(seen)
        });
        writes.push(write.await);
    }
    held.let_go().await;
    for (turn, write) in writes.into_iter().enumerate() {
        assert_eq!(write.await.unwrap(), turn, "in the order of the queue");
    }
    assert_eq!(*database.commits().borrow(), 1);
    database.close().await;
}

#[tokio::test]
async fn groups_are_bounded_by_count() {
    let mut office = sqlite_database(MIGRATIONS);
    office.config.sqlite.max_group = 4;
    let database = open_patient(&mut office, None).await;
    let held = Held::new(&database).await;
    let mut writes = Vec::new();
    for turn in 0..9 {
        writes.push(queue(&database, move |conn| add(conn, &turn.to_string())).await);
    }
    held.let_go().await;
    for write in writes {
        write.await.unwrap();
    }
    // The held one and three, four, two.
    assert_eq!(*database.commits().borrow(), 3);
    database.close().await;
}

#[tokio::test]
async fn a_group_lost_to_a_full_disk_runs_again_one_by_one() {
    let numbering = Arc::new(Numbering::default());
    let (_office, database) = open(Some(numbering.clone())).await;
    database.write(|conn| add(conn, "old")).await.unwrap();
    let pages = page_count(&database).await;
    bound_pages(&database, pages + 2).await.unwrap();
    let runs = Arc::new(AtomicUsize::new(0));
    let held = Held::new(&database).await;
    let count = Arc::clone(&runs);
    let before = queue(&database, move |conn| {
        count.fetch_add(1, Ordering::SeqCst);
        add(conn, "before")
    })
    .await;
    let big = queue(&database, |conn| add(conn, &"x".repeat(100_000))).await;
    let after = queue(&database, |conn| add(conn, "after")).await;
    held.let_go().await;
    before.await.unwrap();
    let result = big.await;
    assert!(matches!(result, Err(DbError::StorageFull(_))), "{result:?}");
    after.await.unwrap();
    assert_eq!(runs.load(Ordering::SeqCst), 2, "its first run was lost");
    let expected = [("old".to_owned(), Some(1)), ("before".to_owned(), Some(2)), ("after".to_owned(), Some(3))];
    assert_eq!(positions(&database).await, expected);

    bound_pages(&database, 0).await.unwrap();
    database.write(|conn| add(conn, &"x".repeat(100_000))).await.unwrap();
    assert_eq!(stored(&database).await.len(), 4);
    database.close().await;
}

/// The disk is full one page later each time, so that it is so at each step of the group once.
#[tokio::test]
async fn whenever_the_disk_is_full_what_was_acknowledged_is_there_and_nothing_else() {
    let (office, database) = open(Some(Arc::new(Numbering::default()))).await;
    let mut expected = Vec::new();
    let mut refused = 0;
    for room in 0..40_u32 {
        let pages = page_count(&database).await;
        bound_pages(&database, pages + room).await.unwrap();
        let held = Held::new(&database).await;
        let mut writes = Vec::new();
        for member in 0..4_usize {
            let names: Vec<String> =
                (0..3).map(|row| format!("{room}-{member}-{row}-{}", "y".repeat(1_500 * member))).collect();
            let rows = names.clone();
            let act = move |conn: &mut Conn| rows.iter().try_for_each(|title| add(conn, title));
            writes.push((names, queue(&database, act).await));
        }
        held.let_go().await;
        for (names, write) in writes {
            match write.await {
                Ok(()) => expected.extend(names),
                Err(DbError::StorageFull(_)) => refused += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
        bound_pages(&database, 0).await.unwrap();
    }
    assert!(refused > 0, "the disk was never full");
    // Members that ran again came later than those behind them in the queue, so the order may differ between groups' rows.
    let mut found = stored(&database).await;
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    database.close().await;
    assert_eq!(integrity(&mut office.connect()), "ok");
}

#[tokio::test]
async fn a_failed_commit_fails_every_member() {
    let (_office, database) = open(None).await;
    database.write(|conn| add(conn, "old")).await.unwrap();
    let commits = *database.commits().borrow();
    let held = Held::new(&database).await;
    let one = queue(&database, |conn| add(conn, "one")).await;
    let two = queue(&database, |conn| add(conn, "two")).await;
    fail_commits(&database, 1);
    let held = held.let_go_unchecked().await;
    assert!(matches!(held, Err(DbError::NotCommitted(_))), "{held:?}");
    assert!(matches!(one.await, Err(DbError::NotCommitted(_))));
    assert!(matches!(two.await, Err(DbError::NotCommitted(_))));
    assert_eq!(stored(&database).await, ["old"]);
    assert_eq!(*database.commits().borrow(), commits);
    database.write(|conn| add(conn, "one")).await.unwrap();
    assert_eq!(stored(&database).await, ["old", "one"]);
    database.close().await;
}

#[tokio::test]
async fn a_member_that_goes_on_after_its_transaction_is_gone_writes_nothing() {
    let (_office, database) = open(None).await;
    let pages = page_count(&database).await;
    bound_pages(&database, pages + 2).await.unwrap();
    let held = Held::new(&database).await;
    let stubborn = queue(&database, |conn| {
        let _ = add(conn, &"x".repeat(100_000));
        // Without a transaction each statement would be committed by itself.
        let _ = add(conn, "stubborn");
        Ok(())
    })
    .await;
    let other = queue(&database, |conn| add(conn, "other")).await;
    held.let_go().await;
    let result = stubborn.await;
    assert!(matches!(result, Err(DbError::Misuse(_))), "{result:?}");
    other.await.unwrap();
    assert_eq!(stored(&database).await, ["other"]);
    database.close().await;
}

/// Queues one that says `word` between two others; returns its result and what is stored then.
async fn beside_a_rude_one(word: &'static str, is_careful: bool) -> (Result<(), DbError>, Vec<String>) {
    let (_office, database) = open(None).await;
    let held = Held::new(&database).await;
    let one = queue(&database, |conn| add(conn, "one")).await;
    let fails =
        move |conn: &mut Conn| if is_careful { add(conn, "lost").and(Err(DbError::Misuse("lost"))) } else { Ok(()) };
    let lost = queue(&database, fails).await;
    let rude = queue(&database, move |conn| {
        add(conn, "rude")?;
        let _ = execute(conn, word);
        let _ = add(conn, "ruder");
        Ok(())
    })
    .await;
    let two = queue(&database, |conn| add(conn, "two")).await;
    held.let_go().await;
    one.await.unwrap();
    assert_eq!(lost.await.is_err(), is_careful);
    let result = rude.await;
    two.await.unwrap();
    let stored = stored(&database).await;
    database.close().await;
    (result, stored)
}

#[tokio::test]
async fn a_member_that_ends_the_transaction_by_hand_harms_nobody() {
    for is_careful in [false, true] {
        for word in ["COMMIT", "ROLLBACK"] {
            let (result, stored) = beside_a_rude_one(word, is_careful).await;
            assert!(matches!(result, Err(DbError::Misuse(_))), "{word}: {result:?}");
            assert_eq!(stored, ["one", "two"], "{word}");
        }
    }
}

#[tokio::test]
async fn a_member_that_ends_a_savepoint_which_is_not_its_own_harms_nobody() {
    for is_careful in [false, true] {
        for word in ["RELEASE cartulary_member", "ROLLBACK TO cartulary_member; RELEASE cartulary_member"] {
            let (result, mut stored) = beside_a_rude_one(word, is_careful).await;
            // When it ran beside others it may have been put behind them, to run alone.
            stored.sort();
            assert!(result.is_ok(), "{word}: {result:?}");
            assert_eq!(stored, ["one", "rude", "ruder", "two"], "{word}");
        }
    }
}

#[tokio::test]
async fn a_deferred_foreign_key_fails_its_member_and_not_the_commit() {
    let (_office, database) = open(None).await;
    let held = Held::new(&database).await;
    let orphan = queue(&database, |conn| {
        execute(conn, "PRAGMA defer_foreign_keys = ON; INSERT INTO paper (title, folder_no) VALUES ('orphan', 99)")
    })
    .await;
    let other = queue(&database, |conn| add(conn, "other")).await;
    held.let_go().await;
    let result = orphan.await;
    assert!(matches!(&result, Err(DbError::Query(error)) if is_foreign_key_violation(error)), "{result:?}");
    other.await.unwrap();
    assert_eq!(stored(&database).await, ["other"]);
    database.close().await;
}

#[tokio::test]
async fn a_member_that_takes_too_long_is_undone_and_the_others_are_kept() {
    for endless in [ENDLESS, ENDLESS_INSERT] {
        let mut office = sqlite_database(MIGRATIONS);
        office.config.sqlite.max_group_ms = 600_000;
        // Long enough for the others on a busy machine; the endless one uses all of it.
        office.config.write_budget_ms = 2_000;
        let database = office.open(None).await;
        let held = Held::new(&database).await;
        let one = queue(&database, |conn| add(conn, "one")).await;
        let slow = queue(&database, move |conn| {
            add(conn, "slow")?;
            execute(conn, endless)
        })
        .await;
        let two = queue(&database, |conn| add(conn, "two")).await;
        held.let_go().await;
        let result = slow.await;
        assert!(matches!(result, Err(DbError::OverBudget { budget_ms: 2_000 })), "{result:?}");
        one.await.unwrap();
        two.await.unwrap();
        assert_eq!(stored(&database).await, ["one", "two"]);
        database.close().await;
    }
}

#[tokio::test]
async fn a_connection_exchanged_by_a_member_is_thrown_away() {
    let (office, database) = open(None).await;
    let path = office.path().with_extension("elsewhere");
    let held = Held::new(&database).await;
    let one = queue(&database, |conn| add(conn, "one")).await;
    let thief = queue(&database, move |conn| {
        *conn = Conn::Sqlite(SqliteConnection::establish(path.to_str().unwrap()).unwrap());
        Ok(())
    })
    .await;
    held.let_go().await;
    one.await.unwrap();
    assert!(matches!(thief.await, Err(DbError::Misuse(_))));
    database.write(|conn| add(conn, "two")).await.unwrap();
    assert_eq!(stored(&database).await, ["one", "two"]);
    database.close().await;
}

#[tokio::test]
async fn too_many_waiting_are_told_to_come_back() {
    let mut office = sqlite_database(MIGRATIONS);
    office.config.max_waiting = 2;
    let database = open_patient(&mut office, None).await;
    let held = Held::new(&database).await;
    let one = queue(&database, |conn| add(conn, "one")).await;
    let two = queue(&database, |conn| add(conn, "two")).await;
    assert!(matches!(database.write(|conn| add(conn, "three")).await, Err(DbError::Unavailable(_))));
    held.let_go().await;
    one.await.unwrap();
    two.await.unwrap();
    database.write(|conn| add(conn, "three")).await.unwrap();
    assert_eq!(stored(&database).await, ["one", "two", "three"]);
    database.close().await;
}

#[tokio::test]
async fn a_caller_that_went_away_before_its_turn_is_forgotten() {
    let (_office, database) = open(None).await;
    let held = Held::new(&database).await;
    let gone = queue(&database, |conn| add(conn, "gone")).await;
    let stays = queue(&database, |conn| add(conn, "stays")).await;
    drop(gone);
    held.let_go().await;
    stays.await.unwrap();
    assert_eq!(stored(&database).await, ["stays"]);
    database.close().await;
}

#[tokio::test]
async fn a_write_inside_a_write_is_refused_instead_of_waiting_for_itself() {
    let (_office, database) = open(None).await;
    let inner = database.clone();
    let result: Result<(), DbError> =
        database.write(move |_conn| inner.write_blocking(|conn| add(conn, "inner"))).await;
    assert!(matches!(result, Err(DbError::Misuse(_))), "{result:?}");
    database.close().await;
}

/// What is on disk when a write is answered is copied away, as after a `kill -9`, and opened.
#[tokio::test]
async fn an_answered_write_is_in_the_files() {
    let (office, database) = open(Some(Arc::new(Numbering::default()))).await;
    for turn in 0..5 {
        database.write(move |conn| add(conn, &turn.to_string())).await.unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        let copy = elsewhere.path().join("copy.sqlite");
        std::fs::copy(office.path(), &copy).unwrap();
        std::fs::copy(office.path().with_extension("sqlite-wal"), elsewhere.path().join("copy.sqlite-wal")).unwrap();
        let reopened = Database::open(&DatabaseConfig::sqlite(&copy), MIGRATIONS, None).await.unwrap();
        assert_eq!(positions(&reopened).await, positions(&database).await);
        assert_eq!(stored(&reopened).await.len(), turn + 1);
        reopened.close().await;
    }
    database.close().await;
    assert!(!office.path().with_extension("sqlite-wal").exists(), "closing folds the log into the file");
}

/// A sequencer that refuses a paper of a certain title, by an error or a panic.
struct Picky {
    panics: bool,
}

impl BeforeCommit for Picky {
    fn before_commit(&self, conn: &mut Conn) -> Result<(), DbError> {
        let is_bad = titles(conn)?.iter().any(|title| title == "bad");
        if is_bad && self.panics {
            panic!("not this one");
        }
        if is_bad { Err(DbError::BeforeCommit("not this one".to_owned())) } else { Ok(()) }
    }
}

#[tokio::test]
async fn what_the_sequencer_refuses_is_undone_and_the_others_are_kept() {
    for panics in [false, true] {
        let (_office, database) = open(Some(Arc::new(Picky { panics }))).await;
        let held = Held::new(&database).await;
        let one = queue(&database, |conn| add(conn, "one")).await;
        let bad = queue(&database, |conn| add(conn, "bad")).await;
        let two = queue(&database, |conn| add(conn, "two")).await;
        held.let_go().await;
        one.await.unwrap();
        let result = bad.await;
        assert!(matches!(&result, Err(DbError::BeforeCommit(words)) if words == "not this one"), "{result:?}");
        two.await.unwrap();
        assert_eq!(stored(&database).await, ["one", "two"]);
        database.close().await;
    }
}

async fn page_count(database: &Database) -> u32 {
    #[derive(QueryableByName)]
    struct Pages {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        page_count: i64,
    }
    let act = |conn: &mut Conn| {
        let pages: Pages = each_db!(conn, |c| diesel::sql_query("PRAGMA page_count").get_result(c))?;
        Ok::<_, DbError>(pages.page_count)
    };
    u32::try_from(database.read(act).await.unwrap()).unwrap()
}

/// A sync of a file that grew writes where it ends, too: most commits shall not pay for that.
#[tokio::test]
async fn most_commits_write_into_room_that_the_log_has() {
    let (office, database) = open(None).await;
    let log = office.path().with_extension("sqlite-wal");
    let mut lengths = Vec::new();
    for turn in 0..50 {
        database.write(move |conn| add(conn, &turn.to_string())).await.unwrap();
        lengths.push(std::fs::metadata(&log).unwrap().len());
    }
    lengths.dedup();
    assert!(lengths.len() <= 2, "50 small commits made the log longer again and again: {lengths:?}");
    write_much(&database).await;
    write_much(&database).await;
    let longer = std::fs::metadata(&log).unwrap().len();
    assert!(longer > 2 << 20, "two megabytes were written, and the log has {longer} bytes");
    database.close().await;
    assert!(!log.exists(), "closing folds the log into the file");
}

/// Writes a megabyte.
async fn write_much(database: &Database) {
    let much = "INSERT INTO folder (name) VALUES (hex(randomblob(500000)))";
    database.write(move |conn| execute(conn, much)).await.unwrap();
}

#[tokio::test]
async fn the_log_is_folded_while_the_writer_goes_on() {
    let (office, database) = open(None).await;
    let size_of = |ending: &str| {
        let path = format!("{}{ending}", office.path().display());
        std::fs::metadata(path).map_or(0, |details| details.len() >> 20)
    };
    for _ in 0..170 {
        write_much(&database).await;
    }
    assert!(size_of("-wal") < 100, "a log of {} MB never began again", size_of("-wal"));
    database.close().await;
    assert_eq!((size_of("-wal"), size_of("") >= 170), (0, true));
}
