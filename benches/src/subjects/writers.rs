//! Eight writers of single small changes, each durable, beside the disk's syncs and the same without them.

use anyhow::ensure;
use serde_json::json;

use crate::load::{self, median};
use crate::office::Office;
use crate::report::{self, Row, short};
use crate::settings::Settings;

const WRITERS: usize = 8;
/// How many changes a sync takes along at least, when they come so densely.
const OF_A_SYNC: f64 = 5.0;

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let (mut durable, mut loose, mut syncs) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..settings.rounds() {
        syncs.push(1e6 / report::fdatasync_us(&settings.work)?.max(1) as f64);
        durable.push(changes(settings, "office-writers")?);
        loose.push(changes(&settings.without_syncs(), "office-loose")?);
    }
    let (durable, loose, syncs) = (median(&durable), median(&loose), median(&syncs));
    let limit = (OF_A_SYNC * syncs).min(0.6 * loose);
    let words = format!("fdatasync: {}/s; without syncs: {}/s", short(syncs), short(loose));
    let what = "8 writers of single small changes, durable, against min(5 × fdatasync, 60 % of those without syncs)";
    Ok(vec![Row::at_least(what, format!("{}/s", short(durable)), words, durable / limit, 1.0)])
}

/// Returns how many changes a second were acknowledged.
fn changes(settings: &Settings, name: &str) -> anyhow::Result<f64> {
    let data = settings.work.join(name);
    crate::aside::put(&data)?;
    let office = Office::open(settings, &data)?;
    let dossier = office.make_dossier("changed")?;
    let documents = (0..WRITERS).map(|writer| office.file_document(&dossier, &format!("{writer}"), b"a"));
    let documents: Vec<String> = documents.collect::<anyhow::Result<_>>()?;
    let load = load::run(WRITERS, settings.round_time(), |writer| {
        let mut connection = office.connect()?;
        let path = format!("/api/v1/documents/{}", documents.get(writer).map(String::as_str).unwrap_or_default());
        let token = &office.token;
        let mut number = 0;
        Ok(move || {
            number += 1;
            let title = json!({ "title": format!("title {number}") });
            let (status, answer) = connection.change("PATCH", &path, token, &title)?;
            ensure!(status == 200, "a change was answered {status}: {answer}");
            Ok(())
        })
    })?;
    office.close()?;
    Ok(load.per_second())
}
