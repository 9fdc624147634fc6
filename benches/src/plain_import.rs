//! The limit of an import: a plain loop that reads, hashes, writes, syncs file and folder of the same files with the same
//! parallelism, and inserts the very rows that the import made, a thousand to a transaction.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use anyhow::Context;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable, Text};
use sha2::{Digest, Sha256};

use crate::control::{hexadecimal, make_shards, store};

/// Rows of one transaction.
const ROWS: i64 = 1_000;

/// What the loop did.
#[derive(Debug, Clone, Copy)]
pub struct Looped {
    /// *Units*: seconds.
    pub seconds: f64,
    /// How many rows were inserted.
    pub rows: i64,
}

#[derive(QueryableByName)]
struct TableRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    sql: String,
    #[diesel(sql_type = Text)]
    kind: String,
}

#[derive(QueryableByName)]
struct Extent {
    #[diesel(sql_type = BigInt)]
    count: i64,
    #[diesel(sql_type = Nullable<BigInt>)]
    last: Option<i64>,
}

struct Table {
    name: String,
    last: i64,
}

/// Runs the loop over the files of `papers` into `folder`, `parallel` files at a time; the rows are those of the database
/// `like`, which the import of the same files made and nothing has open.
pub fn run(papers: &Path, folder: &Path, like: &Path, parallel: usize) -> anyhow::Result<Looped> {
    let files = files_below(papers)?;
    fs::create_dir_all(folder)?;
    let mut rows = Rows::prepare(&folder.join("rows.sqlite"), like)?;
    let (blobs, next) = (folder.join("blobs"), AtomicUsize::new(0));
    let begin = Instant::now();
    make_shards(&blobs)?;
    let (sender, receiver) = channel();
    let written = std::thread::scope(|scope| {
        let count = files.len();
        let rows = &mut rows;
        let writer = scope.spawn(move || rows.insert_behind(&receiver, count));
        let workers: Vec<_> = (0..parallel)
            .map(|_| {
                let (sender, files, blobs, next) = (sender.clone(), &files, &blobs, &next);
                scope.spawn(move || -> anyhow::Result<()> {
                    while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let bytes = fs::read(file)?;
                        store(blobs, &hexadecimal(&Sha256::digest(&bytes)), &bytes)?;
                        sender.send(())?;
                    }
                    Ok(())
                })
            })
            .collect();
        drop(sender);
        for worker in workers {
            worker.join().map_err(|_| anyhow::anyhow!("a worker of the plain loop broke off"))??;
        }
        writer.join().map_err(|_| anyhow::anyhow!("the writer of the plain loop broke off"))?
    })?;
    Ok(Looped { seconds: begin.elapsed().as_secs_f64(), rows: written })
}

/// Returns the files below a folder, in the order of their paths.
pub fn files_below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read `{}`", folder.display()))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() { folders.push(entry.path()) } else { files.push(entry.path()) }
        }
    }
    files.sort();
    Ok(files)
}

/// A database with the tables and indexes of another, empty, and the other attached.
struct Rows {
    conn: SqliteConnection,
    tables: Vec<Table>,
    count: i64,
}

impl Rows {
    fn prepare(file: &Path, like: &Path) -> anyhow::Result<Self> {
        let mut conn = SqliteConnection::establish(&file.to_string_lossy())?;
        conn.batch_execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = OFF;")?;
        conn.batch_execute(&format!("ATTACH '{}' AS like_db", like.display()))?;
        let made: Vec<TableRow> = diesel::sql_query(
            "SELECT name, sql, type AS kind FROM like_db.sqlite_schema \
             WHERE type IN ('table', 'index') AND sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY type DESC",
        )
        .load(&mut conn)?;
        let (mut tables, mut count) = (Vec::new(), 0);
        for row in made {
            conn.batch_execute(&row.sql)?;
            if row.kind != "table" {
                continue;
            }
            let extent = format!("SELECT count(*) AS count, max(rowid) AS last FROM like_db.{}", row.name);
            let extent: Extent = diesel::sql_query(extent).get_result(&mut conn)?;
            count += extent.count;
            tables.push(Table { name: row.name, last: extent.last.unwrap_or_default() });
        }
        Ok(Self { conn, tables, count })
    }

    /// Inserts the rows of files that are durable, a transaction whenever there are enough for one.
    fn insert_behind(&mut self, durable: &Receiver<()>, files: usize) -> anyhow::Result<i64> {
        let transactions = (self.count + ROWS - 1) / ROWS;
        let files = i64::try_from(files)?;
        let mut done = 0;
        for number in 0..transactions {
            while done * transactions < files * (number + 1) {
                // The sender goes when a worker fails; what went wrong is said there.
                if durable.recv().is_err() {
                    break;
                }
                done += 1;
            }
            self.insert(number, transactions)?;
        }
        Ok(self.count)
    }

    fn insert(&mut self, number: i64, transactions: i64) -> anyhow::Result<()> {
        let mut sql = String::from("BEGIN IMMEDIATE;");
        for table in &self.tables {
            let (name, last) = (&table.name, table.last);
            let (low, high) = (number * last / transactions, (number + 1) * last / transactions);
            if low < high {
                sql.push_str(&format!(
                    "INSERT INTO main.{name} SELECT * FROM like_db.{name} WHERE rowid > {low} AND rowid <= {high};"
                ));
            }
        }
        sql.push_str("COMMIT;");
        Ok(self.conn.batch_execute(&sql)?)
    }
}
