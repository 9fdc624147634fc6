//! From the start of the program to its first `ready`, and how large the program is.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::ensure;
use diesel::connection::SimpleConnection;
use diesel::prelude::*;

use crate::aside;
use crate::load::median;
use crate::office::{self, Office};
use crate::report::Row;
use crate::settings::Settings;

const MEGABYTE: f64 = 1e6;

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let count = settings.count(10_000, 300);
    let data = office::standing_office(settings, count)?;
    let what = format!("start to healthy with {count} documents");
    let mut rows = vec![Row::value_at_most(&what, start(settings, &data)?, 0.5, "s")];
    let what = "start to healthy with 1,000,000 documents (rows by SQL; index and log of 10,000 only)";
    if settings.has_million {
        let data = multiplied(settings, &data, settings.count(1_000_000, 3_000) / count)?;
        rows.push(Row::value_at_most(what, start(settings, &data)?, 1.0, "s"));
    } else {
        rows.push(Row::not_measured(what, "run with --million"));
    }
    let size = fs::metadata(&settings.program)?.len() as f64 / MEGABYTE;
    rows.push(Row::value_at_most("the program, stripped", size, 60.0, "MB"));
    Ok(rows)
}

fn start(settings: &Settings, data: &Path) -> anyhow::Result<f64> {
    let mut seconds = Vec::new();
    for _ in 0..settings.count(7, 3) {
        let office = Office::open(settings, data)?;
        seconds.push(office.ready_seconds);
        office.close()?;
    }
    Ok(median(&seconds))
}

/// Returns a copy of an office in which every document stands `times` times, each in a dossier of its own.
fn multiplied(settings: &Settings, data: &Path, times: usize) -> anyhow::Result<PathBuf> {
    let large = settings.work.join("office-million");
    aside::put(&large)?;
    let copied = std::process::Command::new("cp").arg("-a").arg(data).arg(&large).status()?;
    ensure!(copied.success(), "the office could not be copied");
    let file = large.join("db/cartulary.sqlite");
    let mut conn = SqliteConnection::establish(&file.to_string_lossy())?;
    conn.batch_execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF;")?;
    // Numbers of copies lie a million apart, so that rows that point to each other still do.
    conn.batch_execute(&format!(
        "BEGIN;
         CREATE TEMP TABLE copy AS WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < {times} - 1)
           SELECT k, k * 1000000 AS shift FROM n;
         INSERT INTO version_series SELECT no + shift, printf('%08d', k) || substr(id, 9), scope_no + shift, latest_major,
           latest_minor, checked_out_by, clock FROM copy CROSS JOIN main.version_series;
         INSERT INTO scope SELECT no + shift, kind, acl_row_no, parent_no FROM copy CROSS JOIN main.scope WHERE parent_no IS NOT NULL;
         INSERT INTO version SELECT object_no + shift, series_no + shift, major, minor, comment, made_at, made_by, retain_until,
           legal_hold FROM copy CROSS JOIN main.version;
         INSERT INTO content SELECT object_no + shift, slot, blob_no, media_type, file_name, file_name_raw
           FROM copy CROSS JOIN main.content;
         INSERT INTO filing SELECT no + shift, CASE WHEN parent_no = 1 THEN 1 ELSE parent_no + shift END, child_no + shift,
           k || '-' || name, randomblob(32), ordinal + shift, is_primary, is_trashed, filed_at FROM copy CROSS JOIN main.filing;
         INSERT INTO object SELECT no + shift, printf('%08d', k) || substr(id, 9), base, role, type_id, series_no + shift,
           scope_no + shift, name, title, properties, state, change_token, created_at, created_by, modified_at, modified_by,
           trashed_at, trashed_by, source_system, source_id FROM copy CROSS JOIN main.object WHERE no <> 1;
         COMMIT;
         PRAGMA wal_checkpoint(TRUNCATE);"
    ))?;
    Ok(large)
}
