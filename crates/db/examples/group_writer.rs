//! Measures what the group writer gains: single-row transactions of eight writers, one commit each and grouped.
//!
//! `cargo run --release -p cartulary-db --example group_writer [FOLDER]`; the folder must lie on the disk in question.
#![expect(clippy::print_stdout, missing_docs, reason = "a measuring program")]

use std::error::Error;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cartulary_db::{Conn, Database, DatabaseConfig, DbError, MigrationFile, MigrationSet, each_db};
use diesel::prelude::*;

const MIGRATIONS: &[MigrationSet] = &[MigrationSet {
    owner: "measure",
    sqlite: &[MigrationFile::new(
        "0001_line",
        "CREATE TABLE line (no INTEGER PRIMARY KEY, text TEXT NOT NULL)",
        "DROP TABLE line",
    )],
    postgres: &[],
}];

const WRITERS: usize = 8;
const SECONDS: Duration = Duration::from_secs(4);

diesel::table! {
    line (no) {
        no -> BigInt,
        text -> Text,
    }
}

fn add(conn: &mut Conn) -> Result<(), DbError> {
    each_db!(conn, |c| diesel::insert_into(line::table).values(line::text.eq("a single row")).execute(c))?;
    Ok(())
}

/// Returns the middle latency of a 4 KiB append with `fdatasync`. *Units*: microseconds.
fn sync_micros(folder: &Path) -> Result<u128, Box<dyn Error>> {
    let mut file = File::create(folder.join("sync.probe"))?;
    let mut times = Vec::new();
    for _ in 0..300 {
        let start = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(start.elapsed().as_micros());
    }
    times.sort_unstable();
    Ok(times.get(times.len() / 2).copied().unwrap_or_default())
}

/// Returns transactions and commits a second of `writers` writers.
async fn measure(folder: &Path, max_group: usize, writers: usize) -> Result<(f64, f64), Box<dyn Error>> {
    let mut config = DatabaseConfig::sqlite(folder.join(format!("measure-{max_group}-{writers}.sqlite")));
    config.sqlite.max_group = max_group;
    let database = Database::open(&config, MIGRATIONS, None).await?;
    let is_over = Arc::new(AtomicBool::new(false));
    let done = Arc::new(AtomicU64::new(0));
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..writers {
        let (database, is_over, done) = (database.clone(), Arc::clone(&is_over), Arc::clone(&done));
        tasks.spawn(async move {
            while !is_over.load(Ordering::Relaxed) {
                database.write(add).await?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, DbError>(())
        });
    }
    tokio::time::sleep(SECONDS).await;
    is_over.store(true, Ordering::Relaxed);
    for ended in tasks.join_all().await {
        ended?;
    }
    let seconds = start.elapsed().as_secs_f64();
    let commits = f64::from(u32::try_from(*database.commits().borrow())?);
    let transactions = f64::from(u32::try_from(done.load(Ordering::Relaxed))?);
    database.close().await;
    Ok((transactions / seconds, commits / seconds))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let base = std::env::args().nth(1).unwrap_or_else(|| "target".to_owned());
    std::fs::create_dir_all(&base)?;
    let folder = tempfile::tempdir_in(base)?;
    println!("fdatasync of a 4 KiB append, p50: {} µs before", sync_micros(folder.path())?);
    for (name, max_group, writers) in
        [("one writer", 1, 1), ("one by one", 1, WRITERS), ("grouped", 64, WRITERS), ("grouped", 64, 4 * WRITERS)]
    {
        let (transactions, commits) = measure(folder.path(), max_group, writers).await?;
        println!("{name}, {writers} writers: {transactions:.0} transactions/s in {commits:.0} commits/s");
    }
    println!("fdatasync of a 4 KiB append, p50: {} µs after", sync_micros(folder.path())?);
    Ok(())
}
