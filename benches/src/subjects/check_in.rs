//! A large document is checked out and in again without changed content: no byte of it is copied.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::json;

use crate::load::median;
use crate::office::Office;
use crate::process;
use crate::report::{Row, short};
use crate::settings::Settings;

const MEGABYTE: f64 = 1e6;

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let data = settings.work.join("office-check-in");
    crate::aside::put(&data)?;
    let office = Office::open(settings, &data)?;
    let dossier = office.make_dossier("large")?;
    let size = settings.count(20_000_000, 1_000_000);
    let bytes: Vec<u8> = (0..size).map(|place| (place * 2_654_435_761 >> 7) as u8).collect();
    let document = office.file_document(&dossier, "large.bin", &bytes)?;
    office.settle(0)?;
    let before = (bytes_in(&data.join("blobs"))?, process::bytes_written(office.process.id())?);
    let rounds = settings.count(20, 5);
    let mut times_ms = Vec::new();
    let mut connection = office.connect()?;
    for _ in 0..rounds {
        let begin = Instant::now();
        let path = format!("/api/v1/documents/{document}/working-copy");
        let (status, answer) = connection.json("POST", &path, Some(&office.token), None)?;
        ensure!(status == 201, "checking out was answered {status}: {answer}");
        let body = json!({ "major": true, "comment": "as it was" });
        let answer = connection.change("POST", &format!("/api/v1/documents/{document}/versions"), &office.token, &body)?;
        ensure!(answer.0 == 201, "checking in was answered {}: {}", answer.0, answer.1);
        times_ms.push(begin.elapsed().as_secs_f64() * 1000.0);
    }
    let after = (bytes_in(&data.join("blobs"))?, process::bytes_written(office.process.id())?);
    office.close()?;
    let written = (after.1 - before.1) as f64 / MEGABYTE / rounds as f64;
    let what = format!("check-out and check-in of {} MB without change, bytes more in the store", size / 1_000_000);
    Ok(vec![
        Row::value_at_most(&what, (after.0 - before.0) as f64 / MEGABYTE, 0.0, "MB"),
        Row::value_at_most("the same, everything that the server wrote anywhere, for each", written, 1.0, "MB"),
        Row::told("the same, median", format!("{} ms", short(median(&times_ms))), String::new()),
    ])
}

/// Returns how many bytes of files lie in a folder, however deep.
fn bytes_in(folder: &Path) -> anyhow::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).with_context(|| format!("`{}` cannot be read", folder.display()))? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() { bytes_in(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(bytes)
}
