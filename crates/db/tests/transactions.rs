//! Reads and writes, the same on both databases.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cartulary_db::testing::each_database;
use cartulary_db::{
    Backend, Conn, Database, DbError, each_db, is_foreign_key_violation, is_unique_violation, portable,
    violated_constraint,
};
use common::{MIGRATIONS, add, folder, paper, stored, titles};
use diesel::Connection;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

#[tokio::test]
async fn what_is_written_is_read_and_found_again_after_a_restart() {
    for office in each_database(MIGRATIONS) {
        let database = office.open(None).await;
        assert_eq!(database.backend(), office.backend());
        database.write(|conn| add(conn, "deed")).await.unwrap();
        assert_eq!(stored(&database).await, ["deed"]);
        database.close().await;
        let again = office.open(None).await;
        assert_eq!(stored(&again).await, ["deed"]);
        again.close().await;
    }
}

#[tokio::test]
async fn an_error_after_a_part_was_written_leaves_no_trace() {
    for office in each_database(MIGRATIONS) {
        let database = office.open(None).await;
        let refused: Result<(), DbError> = database
            .write(|conn| {
                add(conn, "one")?;
                add(conn, "two")?;
                add(conn, "one")
            })
            .await;
        let Err(DbError::Query(error)) = refused else { panic!("{refused:?}") };
        assert!(is_unique_violation(&error));
        assert!(violated_constraint(&error).unwrap().contains("title"), "{error}");
        assert!(stored(&database).await.is_empty());
        database.write(|conn| add(conn, "one")).await.unwrap();
        assert_eq!(stored(&database).await, ["one"]);
        database.close().await;
    }
}

#[tokio::test]
async fn a_panic_is_an_error_of_its_own_transaction_only() {
    for office in each_database(MIGRATIONS) {
        let database = office.open(None).await;
        let result: Result<(), DbError> = database
            .write(|conn| {
                add(conn, "half")?;
                // Inside a nested transaction, which diesel does not unwind.
                each_db!(conn, |c| c.transaction(|_c| -> Result<(), DbError> { panic!("a bug") }))
            })
            .await;
        assert!(matches!(&result, Err(DbError::Panicked(words)) if words == "a bug"), "{result:?}");
        let read: Result<(), DbError> = database.read(|_conn| panic!("another bug")).await;
        assert!(matches!(read, Err(DbError::Panicked(_))));
        database.write(|conn| add(conn, "whole")).await.unwrap();
        assert_eq!(stored(&database).await, ["whole"]);
        database.close().await;
    }
}

#[tokio::test]
async fn a_nested_transaction_can_fail_alone() {
    for office in each_database(MIGRATIONS) {
        let database = office.open(None).await;
        let act = |conn: &mut Conn| -> Result<(), DbError> {
            add(conn, "outer")?;
            let inner: Result<(), DbError> = each_db!(conn, |c| c.transaction(|c| {
                diesel::insert_into(paper::table).values(paper::title.eq("inner")).execute(c)?;
                diesel::insert_into(paper::table).values(paper::title.eq("outer")).execute(c)?;
                Ok(())
            }));
            assert!(inner.is_err());
            each_db!(conn, |c| c.transaction(|c| {
                diesel::insert_into(paper::table).values(paper::title.eq("second inner")).execute(c)?;
                Ok(())
            }))
        };
        database.write(act).await.unwrap();
        assert_eq!(stored(&database).await, ["outer", "second inner"]);
        database.close().await;
    }
}

#[tokio::test]
async fn a_row_that_points_nowhere_is_refused() {
    for office in each_database(MIGRATIONS) {
        let database = office.open(None).await;
        let result: Result<(), DbError> = database
            .write(|conn| {
                each_db!(conn, |c| diesel::insert_into(paper::table)
                    .values((paper::title.eq("lost"), paper::folder_no.eq(77_i64)))
                    .execute(c))?;
                Ok(())
            })
            .await;
        assert!(matches!(&result, Err(DbError::Query(error)) if is_foreign_key_violation(error)), "{result:?}");
        database.close().await;
    }
}

#[tokio::test]
async fn a_read_sees_one_moment_and_cannot_write() {
    for office in each_database(MIGRATIONS) {
        let database = office.open(None).await;
        database.write(|conn| add(conn, "before")).await.unwrap();
        let (looked, has_looked) = tokio::sync::oneshot::channel();
        let (written, is_written) = std::sync::mpsc::channel();
        let reading = tokio::spawn({
            let database = database.clone();
            async move {
                let act = move |conn: &mut Conn| {
                    let first = titles(conn)?;
                    looked.send(()).unwrap();
                    is_written.recv().unwrap();
                    Ok::<_, DbError>((first, titles(conn)?))
                };
                database.read(act).await
            }
        });
        has_looked.await.unwrap();
        database.write(|conn| add(conn, "meanwhile")).await.unwrap();
        written.send(()).unwrap();
        let (first, second) = reading.await.unwrap().unwrap();
        assert_eq!(first, ["before"]);
        assert_eq!(second, first);
        assert_eq!(stored(&database).await, ["before", "meanwhile"]);
        assert!(database.read(|conn| add(conn, "by a reader")).await.is_err());
        assert_eq!(stored(&database).await, ["before", "meanwhile"]);
        database.close().await;
    }
}

#[tokio::test]
async fn the_counter_of_commits_moves_with_what_is_kept() {
    for office in each_database(MIGRATIONS) {
        let database = office.open(None).await;
        let commits = database.commits();
        database.write(|conn| add(conn, "one")).await.unwrap();
        assert_eq!(*commits.borrow(), 1);
        database.write(|conn| add(conn, "one")).await.unwrap_err();
        assert_eq!(*commits.borrow(), 1);
        database.write(|conn| add(conn, "two")).await.unwrap();
        assert_eq!(*commits.borrow(), 2);
        database.close().await;
    }
}

#[tokio::test]
async fn an_error_of_the_callers_own_passes_through() {
    #[derive(Debug)]
    enum Refusal {
        NameTaken,
        Database(#[allow(dead_code, reason = "shown when a test fails")] DbError),
    }
    impl From<DbError> for Refusal {
        fn from(error: DbError) -> Self {
            Self::Database(error)
        }
    }
    impl From<diesel::result::Error> for Refusal {
        fn from(error: diesel::result::Error) -> Self {
            Self::Database(error.into())
        }
    }
    for office in each_database(MIGRATIONS) {
        let database = office.open(None).await;
        let act = |conn: &mut Conn| -> Result<i64, Refusal> {
            let count: i64 = each_db!(conn, |c| folder::table.count().get_result(c))?;
            if count == 0 { Err(Refusal::NameTaken) } else { Ok(count) }
        };
        assert!(matches!(database.write(act).await, Err(Refusal::NameTaken)));
        assert!(matches!(database.read(act).await, Err(Refusal::NameTaken)));
        database.close().await;
    }
}

#[tokio::test]
async fn threads_that_may_block_read_and_write_too() {
    for office in each_database(MIGRATIONS) {
        let database = office.open(None).await;
        let blocking = database.clone();
        let work = move || {
            blocking.write_blocking(|conn| add(conn, "by hand")).unwrap();
            blocking.read_blocking(titles).unwrap()
        };
        assert_eq!(tokio::task::spawn_blocking(work).await.unwrap(), ["by hand"]);
        database.close().await;
    }
}

#[tokio::test]
async fn two_databases_in_one_process_know_nothing_of_each_other() {
    let offices: Vec<_> = (0..2).flat_map(|_| each_database(MIGRATIONS)).collect();
    let mut databases = Vec::new();
    for office in &offices {
        databases.push(office.open(None).await);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for (index, database) in databases.iter().cloned().enumerate() {
        tasks.spawn(async move {
            for turn in 0..20 {
                let title = format!("{index}-{turn}");
                database.write(move |conn| add(conn, &title)).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    for (index, database) in databases.into_iter().enumerate() {
        let expected: Vec<String> = (0..20).map(|turn| format!("{index}-{turn}")).collect();
        assert_eq!(stored(&database).await, expected);
        database.close().await;
    }
}

#[tokio::test]
async fn a_closed_database_says_so() {
    for office in each_database(MIGRATIONS) {
        let database = office.open(None).await;
        let clone = database.clone();
        database.close().await;
        assert!(matches!(clone.write(|conn| add(conn, "late")).await, Err(DbError::Unavailable(_))));
        assert!(matches!(clone.read(titles).await, Err(DbError::Unavailable(_))));
    }
}

#[tokio::test]
async fn the_clock_of_the_database_is_in_milliseconds() {
    for office in each_database(MIGRATIONS) {
        let database = office.open(None).await;
        let now = database.read(|conn| Ok::<_, DbError>(portable::now_millis(conn)?)).await.unwrap();
        assert!(now > 1_700_000_000_000 && now < 9_000_000_000_000, "{now}");
        database.write(|conn| Ok::<_, DbError>(portable::lock_in_transaction(conn, 7)?)).await.unwrap();
        database.close().await;
    }
}

/// A server that ends a connection takes its transaction with it, and nothing else.
#[tokio::test]
async fn a_connection_that_breaks_is_replaced() {
    for office in each_database(MIGRATIONS) {
        let database = office.open(None).await;
        if database.backend() == Backend::Postgres {
            let result: Result<(), DbError> = database
                .write(|conn| {
                    add(conn, "cut off")?;
                    each_db!(conn, |c| c.batch_execute("SELECT pg_terminate_backend(pg_backend_pid())"))?;
                    Ok(())
                })
                .await;
            assert!(matches!(result, Err(DbError::Unavailable(_))), "{result:?}");
        }
        database.write(|conn| add(conn, "after")).await.unwrap();
        assert_eq!(stored(&database).await, ["after"]);
        database.close().await;
    }
}

/// Two transactions that take two rows in opposite order: PostgreSQL breaks one off, which is tried again.
#[tokio::test]
async fn transactions_that_block_each_other_both_succeed() {
    for office in each_database(MIGRATIONS) {
        let database = office.open(None).await;
        database.write(|conn| add(conn, "a").and_then(|()| add(conn, "b"))).await.unwrap();
        let is_server = database.backend() == Backend::Postgres;
        let meeting = Arc::new(std::sync::Barrier::new(2));
        let runs = Arc::new(AtomicUsize::new(0));
        let (one, two) = tokio::join!(
            take_both(&database, ["a", "b"], is_server.then(|| Arc::clone(&meeting)), Arc::clone(&runs)),
            take_both(&database, ["b", "a"], is_server.then(|| Arc::clone(&meeting)), Arc::clone(&runs)),
        );
        one.unwrap();
        two.unwrap();
        // The one that was broken off may meet the other once more before that has what it waited for.
        let runs = runs.load(Ordering::SeqCst);
        assert!(if is_server { runs > 2 } else { runs == 2 }, "{runs} runs");
        database.close().await;
    }
}

async fn take_both(
    database: &Database,
    order: [&'static str; 2],
    meeting: Option<Arc<std::sync::Barrier>>,
    runs: Arc<AtomicUsize>,
) -> Result<(), DbError> {
    let has_met = std::sync::atomic::AtomicBool::new(false);
    let [first, second] = order;
    let act = move |conn: &mut Conn| {
        runs.fetch_add(1, Ordering::SeqCst);
        mark(conn, first)?;
        if let Some(meeting) = &meeting
            && !has_met.swap(true, Ordering::SeqCst)
        {
            meeting.wait();
        }
        mark(conn, second)
    };
    database.write(act).await
}

fn mark(conn: &mut Conn, title: &str) -> Result<(), DbError> {
    each_db!(conn, |c| diesel::update(paper::table.filter(paper::title.eq(title)))
        .set(paper::position.eq(1_i64))
        .execute(c))?;
    Ok(())
}

#[tokio::test]
async fn a_promised_write_answers_whoever_waits_whatever_becomes_of_it() {
    for office in each_database(MIGRATIONS) {
        let database = office.open(None).await;
        let (write, outcome) = database.promise_write::<(), DbError>();
        let thread = std::thread::spawn(move || write.begin(|conn| add(conn, "deed")));
        outcome.await.unwrap();
        thread.join().unwrap();
        assert_eq!(stored(&database).await, ["deed"]);

        let (write, outcome) = database.promise_write::<(), DbError>();
        drop(outcome);
        std::thread::spawn(move || write.begin(|conn| add(conn, "nobody waits for it"))).join().unwrap();
        let (write, outcome) = database.promise_write::<(), DbError>();
        write.fail(DbError::Misuse("came to nothing"));
        assert!(matches!(outcome.await, Err(DbError::Misuse("came to nothing"))));
        let (write, outcome) = database.promise_write::<(), DbError>();
        drop(write);
        assert!(matches!(outcome.await, Err(DbError::Unavailable(_))));
        assert_eq!(stored(&database).await, ["deed"]);

        let (write, outcome) = database.promise_write::<(), DbError>();
        database.close().await;
        std::thread::spawn(move || write.begin(|conn| add(conn, "too late"))).join().unwrap();
        assert!(matches!(outcome.await, Err(DbError::Unavailable(_))));
    }
}
