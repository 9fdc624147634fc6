//! Windows of a folder of a million children of which half may not be read: anywhere, in each order, with the exact total.

use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::grow::Rows;
use crate::load::{self, percentile};
use crate::office::Office;
use crate::report::{Row, short};
use crate::settings::Settings;

const CLIENTS: usize = 2;

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let (half, few) = (settings.count(500_000, 3_000), settings.count(250, 50));
    let data = settings.work.join("office-folder");
    crate::aside::put(&data)?;
    let office = Office::open(settings, &data)?;
    let token = office.reader_token()?;
    let large = folder(&office, "large")?;
    let small = folder(&office, "small")?;
    office.close()?;
    let mut grown = Rows::open(&data)?;
    grow_children(&mut grown, &large, half, 2_000_000).context("the rows could not be written")?;
    grow_children(&mut grown, &small, few, 6_000_000).context("the rows could not be written")?;
    let plain_seconds = grown.seconds_of(&format!(
        "SELECT count(o.scope_no + length(f.name)) FROM filing f JOIN object o ON o.no = f.child_no
         WHERE f.parent_no = (SELECT no FROM object WHERE id = '{}') AND NOT f.is_trashed",
        large.id
    ))?;
    grown.close()?;
    let office = Office::open(settings, &data)?;
    let mut rows = Vec::new();
    let whole = half * 2 + 2;
    for sort in ["name", "created", "modified"] {
        let (begin, cpu) = (Instant::now(), office.server_cpu()?);
        first(&office, &token, &large, sort, half)?;
        let (first_seconds, cpu) = (begin.elapsed().as_secs_f64(), office.server_cpu()? - cpu);
        first(&office, &token, &small, sort, few)?;
        let (mut of_large, mut of_small) = (Vec::new(), Vec::new());
        for _ in 0..settings.rounds() {
            of_small.extend(windows(settings, &office, &token, &small, sort, few)?);
            of_large.extend(windows(settings, &office, &token, &large, sort, half)?);
        }
        of_small.sort_unstable();
        of_large.sort_unstable();
        let ms = |all: &[u64], share: f64| percentile(all, share) as f64 / 1000.0;
        let what = format!("50 of {whole} children by {sort}, half unreadable, p99");
        rows.push(Row::value_at_most(&what, ms(&of_large, 0.99), 20.0, "ms"));
        let (p50, control) = (ms(&of_large, 0.5), ms(&of_small, 0.5));
        let words =
            format!("of {} children: {} ms, p99 {} ms", few * 2 + 2, short(control), short(ms(&of_small, 0.99)));
        rows.push(Row::at_most("the same, median", format!("{} ms", short(p50)), words, p50 / control, 2.0));
        let words = format!("the rows read by SQL alone: {} s", short(plain_seconds));
        let mut row = Row::value_at_most(&format!("the first window by {sort}"), first_seconds, 2.0, "s");
        row.beside(words, first_seconds / plain_seconds);
        rows.push(row);
        let what = format!("the same by {sort}, CPU of the server");
        rows.push(Row::told(&what, format!("{} s", short(cpu)), String::new()));
    }
    office.close()?;
    Ok(rows)
}

/// A folder with two children, of which readers see the one.
struct Folder {
    id: String,
    open: String,
    shut: String,
}

fn folder(office: &Office, name: &str) -> anyhow::Result<Folder> {
    let id = office.make_dossier(name)?;
    let open = office.file_document(&id, "open", b"open")?;
    let shut = office.file_document(&id, "shut", b"shut")?;
    office.put_acl(&shut, &json!({ "entries": [], "inherits": false }))?;
    Ok(Folder { id, open, shut })
}

fn path(folder: &Folder, sort: &str, offset: usize) -> String {
    format!("/api/v1/dossiers/{}/contents?limit=50&sort={sort}&offset={offset}", folder.id)
}

/// Asks for the first window, and looks whether the total is right.
fn first(office: &Office, token: &str, folder: &Folder, sort: &str, half: usize) -> anyhow::Result<()> {
    let (status, first) = office.connect()?.json("GET", &path(folder, sort, 0), Some(token), None)?;
    ensure!(status == 200, "a window was answered {status}: {first}");
    let total = first.get("total").and_then(Value::as_u64).context("no total")?;
    ensure!(total == half as u64 + 1, "{total} children may be read, and {} should", half + 1);
    Ok(())
}

/// Asks for windows that jump about, the same in each run; returns how long each took, in microseconds.
fn windows(
    settings: &Settings,
    office: &Office,
    token: &str,
    folder: &Folder,
    sort: &str,
    half: usize,
) -> anyhow::Result<Vec<u64>> {
    let load = load::run(CLIENTS, settings.round_time() / 2, |client| {
        let mut connection = office.connect()?;
        let mut place = client as u64 + 1;
        Ok(move || {
            place = place.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let offset = usize::try_from(place >> 33)? % (half - 40);
            let request = crate::connection::head("GET", &path(folder, sort, offset), Some(token), "", 0);
            let answer = connection.exchange(&[&request])?;
            ensure!(answer.status == 200, "a window was answered {}", answer.status);
            Ok(())
        })
    })?;
    Ok(load.latencies_us)
}

/// Writes `half` more children like each of two documents: the one is read by whoever reads the folder, each of the others
/// has a list of its own that lets nobody read.
fn grow_children(rows: &mut Rows, folder: &Folder, half: usize, base: usize) -> anyhow::Result<()> {
    rows.run("BEGIN")?;
    for (id, base, has_own_scope) in [(&folder.open, base, false), (&folder.shut, base + 2_000_000, true)] {
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
        rows.multiply(
            "version_series",
            &format!("no = {series}"),
            half,
            &[("no", &no), ("id", &uuid), ("scope_no", &scope_no)],
        )?;
        rows.multiply(
            "filing",
            &format!("child_no = {object}"),
            half,
            &[("no", &no), ("child_no", &no), ("name", &name), ("name_digest", "randomblob(32)"), ("ordinal", &no)],
        )?;
        rows.multiply(
            "object",
            &format!("id = '{id}'"),
            half,
            &[
                ("no", &no),
                ("id", &uuid),
                ("series_no", &no),
                ("scope_no", &scope_no),
                ("name", &name),
                ("title", &name),
                ("created_at", &created),
                ("modified_at", &modified),
            ],
        )?;
    }
    rows.run("COMMIT")
}
