//! The import of 5,000 files beside a plain loop, and its memory at two counts.

use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::aside;
use crate::load::median;
use crate::make;
use crate::office::{self, Office};
use crate::plain_import;
use crate::process::Finished;
use crate::report::{Row, short};
use crate::settings::Settings;

/// The parallelism that `cartulary import` has by itself.
const PARALLEL: usize = 16;
const MEGABYTE: f64 = 1_048_576.0;

/// An import, and the loop over the same files.
type Round = (Finished, plain_import::Looped);

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let (many, few) = (settings.count(5_000, 500), settings.count(500, 50));
    let papers = make::papers(&settings.work, many)?;
    let data = settings.work.join("import-office");
    let mut rounds: Vec<Round> = Vec::new();
    let mut done = (0.0, 0.0);
    for round in 0..settings.count(3, 2) {
        let finished = import_afresh(settings, &papers, &data, many)?;
        let looped = loop_afresh(settings, &papers, &data)?;
        if round == 0 {
            done = read_all(settings, &data, make::texts_among(many))?;
        }
        rounds.push((finished, looped));
    }
    let peak_of_few = {
        let papers = make::papers(&settings.work, few)?;
        import_afresh(settings, &papers, &data, few)?.peak_bytes as f64
    };
    aside::put(&data)?;
    Ok(rows(many, few, &rounds, done, peak_of_few))
}

fn rows(many: usize, few: usize, rounds: &[Round], (done_seconds, done_cpu): (f64, f64), peak_of_few: f64) -> Vec<Row> {
    let of = |pick: fn(&Round) -> f64| median(&rounds.iter().map(pick).collect::<Vec<_>>());
    let (ours, limit) = (of(|round| round.0.seconds), of(|round| round.1.seconds));
    let files = many as f64;
    let ratio = of(|round| round.1.seconds / round.0.seconds);
    let table_rows = rounds.first().map(|round| round.1.rows).unwrap_or_default();
    let peak = rounds.iter().map(|round| round.0.peak_bytes as f64).fold(0.0, f64::max);
    let first = rounds.first().map(|round| round.0.seconds).unwrap_or_default();
    vec![
        Row::at_least(
            &format!("import of {many} files of 20-200 KB, accepted (durable)"),
            format!("{} files/s ({} s)", short(files / ours), short(ours)),
            format!("plain loop: {} files/s ({} s), {table_rows} rows", short(files / limit), short(limit)),
            ratio,
            0.6,
        ),
        Row::told(
            "the same, done (every text found)",
            format!(
                "{} files/s ({} s); {} s of CPU after acceptance",
                short(files / (first + done_seconds)),
                short(first + done_seconds),
                short(done_cpu)
            ),
            String::new(),
        ),
        Row::told(
            "CPU of the import, for each file",
            format!("{} ms", short(of(|round| round.0.cpu_seconds) * 1000.0 / files)),
            String::new(),
        ),
        Row::value_at_most(&format!("peak memory of the import of {many} files"), peak / MEGABYTE, 300.0, "MB"),
        Row::at_most(
            &format!("peak memory, {many} files against {few}"),
            format!("{} MB", short(peak / MEGABYTE)),
            format!("{} MB", short(peak_of_few / MEGABYTE)),
            peak / peak_of_few,
            1.2,
        ),
    ]
}

fn import_afresh(settings: &Settings, papers: &Path, data: &Path, count: usize) -> anyhow::Result<Finished> {
    aside::put(data)?;
    settle_disk();
    let (finished, report) = office::import(settings, papers, data)?;
    let created = report.get("created").and_then(Value::as_u64).context("the report says no count")?;
    ensure!(created == count as u64, "of {count} files {created} were taken");
    Ok(finished)
}

fn loop_afresh(settings: &Settings, papers: &Path, data: &Path) -> anyhow::Result<plain_import::Looped> {
    let folder = settings.work.join("import-plain");
    aside::put(&folder)?;
    settle_disk();
    let looped = plain_import::run(papers, &folder, &data.join("db/cartulary.sqlite"), PARALLEL)?;
    aside::put(&folder)?;
    Ok(looped)
}

/// Neither side shall pay for what the other left to be written.
fn settle_disk() {
    rustix::fs::sync();
}

/// Opens the office and waits until every text is found; returns the seconds and the processor seconds.
fn read_all(settings: &Settings, data: &Path, texts: usize) -> anyhow::Result<(f64, f64)> {
    let office = Office::open(settings, data)?;
    let seconds = office.settle(texts)? + office.ready_seconds;
    let cpu = office.cpu()?;
    office.close()?;
    Ok((seconds, cpu))
}
