//! Grants: on the root of a large tree, seen by the very next search; and searches while lists change all the time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::connection::head;
use crate::grow::{self, Rows};
use crate::load::{self, Load, median, percentile};
use crate::make::MARK;
use crate::office::{self, Office};
use crate::report::{Row, short};
use crate::settings::Settings;

const CLIENTS: usize = 2;
/// How many documents lie in each dossier of the tree.
const IN_EACH: usize = 100;
/// The word that is in the name of each of them.
const WORD: &str = "quillwort";

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let mut rows = on_the_root(settings)?;
    rows.extend(while_lists_change(settings)?);
    Ok(rows)
}

/// Opens a tree to somebody and shuts it again, and lets him search at once each time.
fn on_the_root(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let count = settings.count(100_000, 1_000);
    let data = settings.work.join("office-tree");
    crate::aside::put(&data)?;
    let office = Office::open(settings, &data)?;
    let token = office.outsider_token()?;
    let dossiers = (0..count / IN_EACH).map(|number| office.make_dossier(&format!("{number}")));
    let dossiers: Vec<String> = dossiers.collect::<anyhow::Result<_>>()?;
    load::each(8, count, |_| {
        let mut connection = office.connect()?;
        let (dossiers, office) = (&dossiers, &office);
        Ok(move |number: usize| {
            let dossier = dossiers.get(number / IN_EACH).context("a dossier")?;
            let form = office::Form::new(&office.token, dossier, "application/octet-stream");
            let answer = form.send_placeholder(&mut connection, &format!("{WORD} {number}"))?;
            ensure!(answer.status == 201, "a document was answered {}", answer.status);
            Ok(())
        })
    })?;
    office.wait_found(WORD, count as u64)?;
    let root = office.get("/api/v1/objects?path=/")?;
    let root = root.get("id").and_then(Value::as_str).context("the root's id")?.to_owned();
    let before = office.get(&format!("/api/v1/objects/{root}/acl"))?;
    let entries = before.get("entries").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut wider = entries.clone();
    wider.push(json!({ "principal": office::OUTSIDER, "permission": "Read" }));
    let mut connection = office.connect()?;
    // The control: the same lists on a dossier with nothing in it.
    let alone = office.make_dossier("alone")?;
    let (mut grants_ms, mut alone_ms) = (Vec::new(), Vec::new());
    for _ in 0..settings.count(20, 5) {
        for (list, expected) in [(&wider, count as u64), (&entries, 0)] {
            for (of, times_ms) in [(&alone, &mut alone_ms), (&root, &mut grants_ms)] {
                let begin = Instant::now();
                office.put_acl(of, &json!({ "entries": plain(list), "inherits": true }))?;
                times_ms.push(begin.elapsed().as_secs_f64() * 1000.0);
            }
            let path = format!("/api/v1/search?q={WORD}&limit=1");
            let (status, found) = connection.json("GET", &path, Some(&token), None)?;
            let total = found.get("total").and_then(Value::as_u64);
            ensure!(status == 200 && total == Some(expected), "the next search was answered {status}: {total:?}");
        }
    }
    office.close()?;
    let most = grants_ms.iter().copied().fold(0.0, f64::max);
    let what = format!("grant on the root of a tree of {count}, seen by the next search, slowest");
    let (grant, control) = (median(&grants_ms), median(&alone_ms));
    let words = format!("on an empty dossier: {} ms", short(control));
    let same = Row::at_most("the same, median", format!("{} ms", short(grant)), words, grant / control, 2.0);
    Ok(vec![Row::value_at_most(&what, most, 50.0, "ms"), same])
}

/// Returns entries as they are sent.
fn plain(entries: &[Value]) -> Vec<Value> {
    let name = |entry: &Value| match entry.get("principal") {
        Some(Value::Object(principal)) => principal.get("id").or_else(|| principal.get("name")).cloned(),
        other => other.cloned(),
    };
    let sent = |entry: &Value| json!({ "principal": name(entry), "permission": entry.get("permission") });
    entries.iter().map(sent).collect()
}

/// Searches among 10^6 scopes and 50,000 lists, in quiet and while ten lists a second are changed.
fn while_lists_change(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let dossiers = settings.count(10_000, 300);
    let (scopes, lists) = (settings.count(1_000_000, 3_000), settings.count(50_000, 300));
    let standing = office::standing_office(settings, dossiers)?;
    let data = grow::copy(settings, &standing, "office-scopes")?;
    let office = Office::open(settings, &data)?;
    let token = office.reader_token()?;
    let changed: Vec<String> =
        (0..20).map(|number| office.make_dossier(&format!("list {number}"))).collect::<anyhow::Result<_>>()?;
    for dossier in &changed {
        office.put_acl(
            dossier,
            &json!({ "entries": [{ "principal": "staff", "permission": "Read" }], "inherits": true }),
        )?;
    }
    office.close()?;
    let mut rows = Rows::open(&data)?;
    rows.run("BEGIN")?;
    let like = "no = (SELECT max(acl_row_no) FROM acl_entry WHERE acl_row_no < 10000000)";
    rows.multiply("acl_row", like, lists, &[("no", "10000000 + k")])?;
    let like = "no = (SELECT max(no) FROM acl_entry WHERE acl_row_no < 10000000)";
    rows.multiply("acl_entry", like, lists, &[("no", "10000000 + k"), ("acl_row_no", "10000000 + k")])?;
    let list = format!("10000001 + k % {lists}");
    let like = "no = (SELECT max(no) FROM scope WHERE no < 10000000)";
    rows.multiply("scope", like, scopes, &[("no", "10000000 + k"), ("acl_row_no", &list)])?;
    rows.run("COMMIT")?;
    rows.close()?;
    let office = Office::open(settings, &data)?;
    let (mut quiet, mut busy) = (Vec::new(), Vec::new());
    let mut grants = 0;
    searches(&office, &token, Duration::from_millis(500))?;
    for _ in 0..settings.rounds() {
        quiet.extend(searches(&office, &token, settings.round_time())?.latencies_us);
        let ends = AtomicBool::new(false);
        let load = std::thread::scope(|scope| {
            let granting = scope.spawn(|| grant(&office, &changed, &ends));
            let load = searches(&office, &token, settings.round_time());
            ends.store(true, Ordering::Relaxed);
            grants += granting.join().unwrap_or_else(|_| Ok(0))?;
            load
        })?;
        busy.extend(load.latencies_us);
    }
    office.close()?;
    quiet.sort_unstable();
    busy.sort_unstable();
    let (quiet, busy) = (percentile(&quiet, 0.99) as f64 / 1000.0, percentile(&busy, 0.99) as f64 / 1000.0);
    let what = format!("search among {scopes} scopes and {lists} lists while ten lists a second change, p99");
    let row =
        Row::at_most(&what, format!("{} ms", short(busy)), format!("quiet: {} ms", short(quiet)), busy / quiet, 1.5);
    Ok(vec![row, Row::told("lists changed meanwhile", grants.to_string(), String::new())])
}

fn searches(office: &Office, token: &str, time: Duration) -> anyhow::Result<Load> {
    let request = head("GET", &format!("/api/v1/search?q={MARK}&limit=20"), Some(token), "", 0);
    load::run(CLIENTS, time, |_| {
        let mut connection = office.connect()?;
        let request = &request;
        Ok(move || {
            let answer = connection.exchange(&[request])?;
            ensure!(answer.status == 200, "a search was answered {}", answer.status);
            Ok(())
        })
    })
}

/// Changes ten lists a second until it is told to end; returns how many.
fn grant(office: &Office, dossiers: &[String], ends: &AtomicBool) -> anyhow::Result<usize> {
    let begin = Instant::now();
    for (number, dossier) in dossiers.iter().cycle().enumerate() {
        let due = Duration::from_millis(100 * number as u64);
        std::thread::sleep(due.saturating_sub(begin.elapsed()));
        if ends.load(Ordering::Relaxed) {
            return Ok(number);
        }
        let permission = if (number / dossiers.len()).is_multiple_of(2) { "Write" } else { "Read" };
        let entries = json!([{ "principal": "staff", "permission": permission }]);
        office.put_acl(dossier, &json!({ "entries": entries, "inherits": true }))?;
    }
    Ok(0)
}
