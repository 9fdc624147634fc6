//! Windows of a folder of a million children of which half may not be read: anywhere, in each order, with the exact total.

use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::grow::Rows;
use crate::load::{self, percentile};
use crate::office::Office;
use crate::report::Row;
use crate::settings::Settings;

const CLIENTS: usize = 2;

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let half = settings.count(500_000, 3_000);
    let data = settings.work.join("office-folder");
    crate::aside::put(&data)?;
    let office = Office::open(settings, &data)?;
    let reader = office.reader_token()?;
    let dossier = office.make_dossier("large")?;
    let open = office.file_document(&dossier, "open", b"open")?;
    let shut = office.file_document(&dossier, "shut", b"shut")?;
    office.shut(&shut)?;
    office.close()?;
    let grown = grow_children(&data, &open, &shut, half);
    grown.context("the rows could not be written")?;
    let office = Office::open(settings, &data)?;
    let token = reader;
    let mut rows = Vec::new();
    for sort in ["name", "created", "modified"] {
        let path = |offset: usize| format!("/api/v1/dossiers/{dossier}/contents?limit=50&sort={sort}&offset={offset}");
        let begin = Instant::now();
        let (status, first) = office.connect()?.json("GET", &path(0), Some(&token), None)?;
        let first_seconds = begin.elapsed().as_secs_f64();
        ensure!(status == 200, "a window was answered {status}: {first}");
        let total = first.get("total").and_then(Value::as_u64).context("no total")?;
        ensure!(total == half as u64 + 1, "{total} children may be read, and {} should", half + 1);
        let load = load::run(CLIENTS, settings.round_time(), |client| {
            let mut connection = office.connect()?;
            // Places that jump about, the same in each run.
            let mut place = client as u64 + 1;
            let (token, path) = (&token, &path);
            Ok(move || {
                place = place.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let offset = usize::try_from((place >> 33) % total)?;
                let request = crate::connection::head("GET", &path(offset), Some(token), "", 0);
                let answer = connection.exchange(&[&request])?;
                ensure!(answer.status == 200, "a window was answered {}", answer.status);
                Ok(())
            })
        })?;
        let p99 = percentile(&load.latencies_us, 0.99) as f64 / 1000.0;
        let whole = half * 2 + 2;
        rows.push(Row::value_at_most(&format!("50 of {whole} children by {sort}, half unreadable, p99"), p99, 20.0, "ms"));
        rows.push(Row::value_at_most(&format!("the first window by {sort}"), first_seconds, 2.0, "s"));
    }
    office.close()?;
    Ok(rows)
}

/// Writes `half` more children like each of two documents: the one is read by whoever reads the folder, each of the others
/// has a list of its own that lets nobody read.
fn grow_children(data: &std::path::Path, open: &str, shut: &str, half: usize) -> anyhow::Result<()> {
    let mut rows = Rows::open(data)?;
    rows.run("BEGIN")?;
    for (id, base, has_own_scope) in [(open, 10_000_000, false), (shut, 20_000_000, true)] {
        let object = format!("(SELECT no FROM object WHERE id = '{id}')");
        let series = format!("(SELECT series_no FROM object WHERE id = '{id}')");
        let scope = format!("(SELECT scope_no FROM object WHERE id = '{id}')");
        let no = format!("{base} + k");
        let uuid = format!("printf('%08x', {base} + k) || substr(id, 9)");
        let scope_no = if has_own_scope { no.clone() } else { "scope_no".to_owned() };
        // Names and instants in other orders than the rows.
        let name = format!("printf('%07d-{base}', (k * 7919) % 1000003)");
        let instant = |column: &str| format!("{column} + (k * 104729) % 1000003");
        let (created, modified) = (instant("created_at"), instant("modified_at"));
        if has_own_scope {
            rows.multiply("scope", &format!("no = {scope}"), half, &[("no", &no)])?;
        }
        rows.multiply("version_series", &format!("no = {series}"), half, &[
            ("no", &no), ("id", &uuid), ("scope_no", &scope_no),
        ])?;
        rows.multiply("filing", &format!("child_no = {object}"), half, &[
            ("no", &no), ("child_no", &no), ("name", &name), ("name_digest", "randomblob(32)"), ("ordinal", &no),
        ])?;
        rows.multiply("object", &format!("id = '{id}'"), half, &[
            ("no", &no), ("id", &uuid), ("series_no", &no), ("scope_no", &scope_no), ("name", &name), ("title", &name),
            ("created_at", &created), ("modified_at", &modified),
        ])?;
    }
    rows.run("COMMIT")?;
    rows.close()
}

impl Office {
    /// Lets nobody but administrators see an object.
    fn shut(&self, id: &str) -> anyhow::Result<()> {
        let list = json!({ "entries": [], "inherits": false });
        self.put_acl(id, &list)
    }
}

