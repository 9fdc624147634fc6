//! A disk that is really full, at every step: on the small file system that `CARTULARY_TEST_SMALL_DISK` names.
//!
//! `mount -t tmpfs -o size=4m tmpfs DIR`, or a loop file system; skipped, in words, without it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, missing_docs, reason = "tests")]

mod common;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

use cartulary_db::{Conn, Database, DatabaseConfig, DbError};
use common::{Held, MIGRATIONS, add, integrity, queue, stored};

/// Fills the disk and leaves `room` bytes of it.
fn fill(path: &Path, room: u64) {
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    let mut block = 64 * 1024;
    while block > 0 {
        if file.write_all(&vec![7; block]).is_err() {
            block /= 2;
        }
    }
    let length = file.metadata().unwrap().len();
    file.set_len(length.saturating_sub(room)).unwrap();
}

#[tokio::test]
async fn what_was_acknowledged_before_and_after_the_disk_was_full_is_there() {
    let Ok(disk) = std::env::var("CARTULARY_TEST_SMALL_DISK") else {
        eprintln!("skipped on a full disk: CARTULARY_TEST_SMALL_DISK is not set");
        return;
    };
    let folder = tempfile::tempdir_in(disk).unwrap();
    let filler = folder.path().join("filler");
    let mut config = DatabaseConfig::sqlite(folder.path().join("cartulary.sqlite"));
    config.sqlite.max_group_ms = 600_000;
    let database = Database::open(&config, MIGRATIONS, None).await.unwrap();
    let (mut expected, mut refused) = (Vec::new(), 0);
    for round in 0..60_u64 {
        fill(&filler, (round % 20) * 4_096);
        let (kept, full) = one_group(&database, round).await;
        expected.extend(kept);
        refused += full;
        File::create(&filler).unwrap().set_len(0).unwrap();
        let title = format!("{round} after space was made");
        let copy = title.clone();
        database.write(move |conn| add(conn, &copy)).await.unwrap();
        expected.push(title);
    }
    assert!(refused > 0, "the disk was never full");
    let mut found = stored(&database).await;
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    database.close().await;
    let conn = diesel::Connection::establish(config.sqlite.path.to_str().unwrap()).unwrap();
    assert_eq!(integrity(&mut Conn::Sqlite(conn)), "ok");
    eprintln!("{} writes kept, {refused} refused for want of space", expected.len());
}

/// Runs four members in one group; returns the titles that were acknowledged and the count of members refused.
async fn one_group(database: &Database, round: u64) -> (Vec<String>, usize) {
    let held = Held::new(database).await;
    let mut writes = Vec::new();
    for member in 0..4_usize {
        let titles: Vec<String> =
            (0..3).map(|row| format!("{round}-{member}-{row}-{}", "y".repeat(2_000 * member))).collect();
        let rows = titles.clone();
        let act = move |conn: &mut Conn| rows.iter().try_for_each(|title| add(conn, title));
        writes.push((titles, queue(database, act).await));
    }
    // The held one is in the same group and fails with it.
    let _ = held.let_go_unchecked().await;
    let (mut kept, mut refused) = (Vec::new(), 0);
    for (titles, write) in writes {
        match write.await {
            Ok(()) => kept.extend(titles),
            Err(DbError::StorageFull(_)) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    (kept, refused)
}
