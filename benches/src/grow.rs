//! Rows that stand beside those that an office made itself, written by SQL into its file while it is closed.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, ensure};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::Text;

use crate::aside;
use crate::settings::Settings;

#[derive(QueryableByName)]
struct Column {
    #[diesel(sql_type = Text)]
    name: String,
}

/// The file of an office that is closed.
pub struct Rows(SqliteConnection);

impl Rows {
    /// Opens the file.
    pub fn open(data: &Path) -> anyhow::Result<Self> {
        let file = data.join("db/cartulary.sqlite");
        let mut conn = SqliteConnection::establish(&file.to_string_lossy())?;
        conn.batch_execute(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; \
             PRAGMA temp_store = MEMORY; PRAGMA cache_size = -1000000;",
        )?;
        Ok(Self(conn))
    }

    /// Runs statements.
    pub fn run(&mut self, sql: &str) -> anyhow::Result<()> {
        Ok(self.0.batch_execute(sql)?)
    }

    /// Inserts a row of `table` for each number `k` from 1 to `count`: like the row that `like` chooses, but for the columns
    /// that `other` gives, as SQL in which `k` is the number and other columns are those of the row that is copied.
    pub fn multiply(&mut self, table: &str, like: &str, count: usize, other: &[(&str, &str)]) -> anyhow::Result<()> {
        let columns: Vec<Column> =
            diesel::sql_query(format!("SELECT name FROM pragma_table_info('{table}')")).load(&mut self.0)?;
        ensure!(!columns.is_empty(), "there is no table `{table}`");
        let given =
            |name: &str| other.iter().find(|(column, _)| *column == name).map_or(name, |(_, sql)| sql).to_owned();
        let names: Vec<String> = columns.into_iter().map(|column| column.name).collect();
        let values: Vec<String> = names.iter().map(|name| given(name)).collect();
        let rows = format!(
            "WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < {count})
             INSERT INTO {table} ({}) SELECT {} FROM n CROSS JOIN (SELECT * FROM {table} WHERE {like})",
            names.join(", "),
            values.join(", ")
        );
        self.run(&rows).with_context(|| format!("rows of `{table}`"))
    }

    /// Returns how long a statement takes that reads, the second time. *Units*: seconds.
    pub fn seconds_of(&mut self, sql: &str) -> anyhow::Result<f64> {
        self.run(sql)?;
        let begin = Instant::now();
        self.run(sql)?;
        Ok(begin.elapsed().as_secs_f64())
    }

    /// Writes everything into the file itself, and looks how the rows lie as a planner wants to know it.
    pub fn close(mut self) -> anyhow::Result<()> {
        // What the triggers counted along is no user's: the copies take no room of anybody.
        self.run("DELETE FROM space_change; PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);")
    }
}

/// Returns a fresh copy of an office's data folder.
pub fn copy(settings: &Settings, data: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let copy = settings.work.join(name);
    aside::put(&copy)?;
    let copied = std::process::Command::new("cp").arg("-a").arg(data).arg(&copy).status()?;
    ensure!(copied.success(), "the office could not be copied");
    Ok(copy)
}
