//! A large document is checked out and in again without changed content: no byte of it is copied.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::{Value, json};

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
    let dossier = office.make_dossier("checked in")?;
    let size = settings.count(20_000_000, 1_000_000);
    let large = office.file_document(&dossier, "large.bin", &bytes_of(size))?;
    let small = office.file_document(&dossier, "small.bin", &bytes_of(1_000))?;
    office.settle(0)?;
    let rounds = settings.count(40, 5);
    let (mut of_large, mut of_small) = (Vec::new(), Vec::new());
    let (mut stored, mut written) = (0, 0);
    for _ in 0..rounds {
        of_small.push(turn(&office, &small)?);
        let before = (bytes_in(&data.join("blobs"))?, process::bytes_written(office.process.id())?);
        of_large.push(turn(&office, &large)?);
        stored += bytes_in(&data.join("blobs"))?.saturating_sub(before.0);
        written += process::bytes_written(office.process.id())?.saturating_sub(before.1);
    }
    office.close()?;
    let what = format!("check-out and check-in of {} MB without change: bytes more in the store", size / 1_000_000);
    let each = written as f64 / MEGABYTE / rounds as f64;
    let (large_ms, small_ms) = (median(&of_large), median(&of_small));
    let control = format!("of 1 KB: {} ms", short(small_ms));
    Ok(vec![
        Row::value_at_most(&what, stored as f64 / MEGABYTE, 0.0, "MB"),
        Row::value_at_most("the same: all that the server wrote anywhere, for each", each, 1.0, "MB"),
        Row::at_most("the same, median", format!("{} ms", short(large_ms)), control, large_ms / small_ms, 1.5),
    ])
}

fn bytes_of(size: usize) -> Vec<u8> {
    (0..size as u64).map(|place| (place.wrapping_mul(2_654_435_761) >> 7).to_le_bytes()[0]).collect()
}

/// Checks a document out and in again; returns how long that took, in milliseconds.
fn turn(office: &Office, document: &str) -> anyhow::Result<f64> {
    let mut connection = office.connect()?;
    let begin = Instant::now();
    let path = format!("/api/v1/documents/{document}/working-copy");
    let (status, answer) = connection.json("POST", &path, Some(&office.token), None)?;
    ensure!(status == 201, "checking out was answered {status}: {answer}");
    let copy = answer.get("id").and_then(Value::as_str).context("no working copy")?;
    let body = json!({ "major": true, "comment": "as it was" });
    let answer = connection.change("POST", &format!("/api/v1/documents/{copy}/versions"), &office.token, &body)?;
    ensure!(answer.0 == 201, "checking in was answered {}: {}", answer.0, answer.1);
    Ok(begin.elapsed().as_secs_f64() * 1000.0)
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
