//! Uploads by eight clients, durable before the answer, beside a bare handler that makes the same bytes durable.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::ensure;

use crate::aside;
use crate::connection::{Connection, head};
use crate::control::Control;
use crate::load::{self, Load, median, percentile};
use crate::make::{self, Chance};
use crate::office::{Form, Office};
use crate::process;
use crate::report::{Row, short};
use crate::settings::Settings;

const CLIENTS: usize = 8;
const BODY_BYTES: usize = 50_000;
/// Text pages of a PDF of about the same size.
const PAGES: usize = 16;

/// What the row of the slower disk says.
const SLOWER: &str = "the same, each sync of both sides 1 ms longer";

/// Every body is another, so that nothing is deduplicated.
static NUMBER: AtomicU64 = AtomicU64::new(1);

struct Side {
    loads: Vec<Load>,
    cpu_ms: Vec<f64>,
}

/// Measures, on the disk as it is and as if its syncs took a millisecond longer: with syncs that are almost free the two
/// sides compete for the processors alone, and the disk of most offices is not like that.
pub fn run(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let mut rows = on_this_disk(settings)?;
    rows.extend(
        on_a_slower_disk(settings).unwrap_or_else(|error| vec![Row::not_measured(SLOWER, &format!("{error:#}"))]),
    );
    Ok(rows)
}

fn on_this_disk(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let (ours, bare, with_texts) = both_sides(settings)?;
    let (p99, bare_p99) = (ours.latency_ms(0.99), bare.latency_ms(0.99));
    let ms = |value: f64| format!("{} ms", short(value));
    Ok(vec![
        Row::at_least(
            "upload of 50 KB, 8 clients, durable",
            ours.in_words(),
            bare.in_words(),
            ours.ratio_to(&bare),
            0.6,
        ),
        Row::at_most("upload, p99", ms(p99), ms(bare_p99), p99 / bare_p99, 3.0),
        Row::value_at_most("upload, CPU of the server for each", median(&ours.cpu_ms), 2.5, "ms"),
        Row::told("upload, CPU of the bare handler", String::new(), ms(median(&bare.cpu_ms))),
        with_texts,
    ])
}

fn on_a_slower_disk(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let (ours, bare, _) = both_sides(&settings.on_a_slower_disk())?;
    let (p99, bare_p99) = (ours.latency_ms(0.99), bare.latency_ms(0.99));
    let ms = |value: f64| format!("{} ms", short(value));
    Ok(vec![
        Row::at_least(SLOWER, ours.in_words(), bare.in_words(), ours.ratio_to(&bare), 0.6),
        Row::at_most("the same, p99", ms(p99), ms(bare_p99), p99 / bare_p99, 3.0),
    ])
}

/// Loads both sides in turns; also returns what the office does with text PDFs.
fn both_sides(settings: &Settings) -> anyhow::Result<(Side, Side, Row)> {
    let data = settings.work.join("upload-office");
    aside::put(&data)?;
    let office = Office::open(settings, &data)?;
    let dossiers: Vec<String> =
        (0..CLIENTS).map(|client| office.make_dossier(&format!("uploads {client}"))).collect::<Result<_, _>>()?;
    let folder = settings.work.join("upload-bare");
    aside::put(&folder)?;
    let control = Control::start(settings, &folder, 1)?;
    let bytes = Chance::new(50).bytes(BODY_BYTES);
    let (mut ours, mut bare) = (Side::new(), Side::new());
    for _ in 0..settings.rounds() {
        let before = office.server_cpu()?;
        let load = to_office(settings, &office, &dossiers, &bytes, "application/octet-stream")?;
        ours.note(load, office.server_cpu()? - before);
        let before = process::own_cpu(control.process.id())?;
        let load = to_control(settings, &control, &bytes)?;
        bare.note(load, process::own_cpu(control.process.id())? - before);
    }
    let texts = with_texts(settings, &office, &dossiers)?;
    office.close()?;
    drop(control);
    aside::put(&folder)?;
    aside::put(&data)?;
    Ok((ours, bare, texts))
}

impl Side {
    fn new() -> Self {
        Self { loads: Vec::new(), cpu_ms: Vec::new() }
    }

    fn note(&mut self, load: Load, cpu_seconds: f64) {
        self.cpu_ms.push(cpu_seconds * 1000.0 / load.requests());
        self.loads.push(load);
    }

    /// Returns the median of what the rounds gave beside those of another side.
    fn ratio_to(&self, other: &Self) -> f64 {
        let pairs = self.loads.iter().zip(&other.loads);
        median(&pairs.map(|(a, b)| a.per_second() / b.per_second()).collect::<Vec<_>>())
    }

    fn rate(&self) -> f64 {
        median(&self.loads.iter().map(Load::per_second).collect::<Vec<_>>())
    }

    /// Returns a percentile of all rounds together. *Units*: milliseconds.
    fn latency_ms(&self, share: f64) -> f64 {
        let mut all: Vec<u64> = self.loads.iter().flat_map(|load| load.latencies_us.iter().copied()).collect();
        all.sort_unstable();
        percentile(&all, share) as f64 / 1000.0
    }

    fn in_words(&self) -> String {
        format!("{}/s, p50 {} ms", short(self.rate()), short(self.latency_ms(0.5)))
    }
}

/// Text PDFs, whose texts are read on the same two cores meanwhile.
fn with_texts(settings: &Settings, office: &Office, dossiers: &[String]) -> anyhow::Result<Row> {
    let bytes = make::pdf(7, PAGES);
    let before = office.server_cpu()?;
    let load = to_office(settings, office, dossiers, &bytes, "application/pdf")?;
    let cpu_ms = (office.server_cpu()? - before) * 1000.0 / load.requests();
    let ours = format!("{}/s, {} ms of the server's CPU for each", short(load.per_second()), short(cpu_ms));
    Ok(Row::told("upload of text PDFs of 50 KB while texts are read and indexed", ours, String::new()))
}

fn to_office(
    settings: &Settings,
    office: &Office,
    dossiers: &[String],
    bytes: &[u8],
    media_type: &'static str,
) -> anyhow::Result<Load> {
    load::run(CLIENTS, settings.round_time(), |client| {
        let mut connection = office.connect()?;
        let dossier = dossiers.get(client).map(String::as_str).unwrap_or_default();
        let (form, mut bytes) = (Form::new(&office.token, dossier, media_type), bytes.to_vec());
        Ok(move || {
            let number = stamp(&mut bytes);
            let answer = form.send(&mut connection, &format!("paper-{number}"), &bytes)?;
            ensure!(answer.status == 201, "an upload was answered {}", answer.status);
            Ok(())
        })
    })
}

fn to_control(settings: &Settings, control: &Control, bytes: &[u8]) -> anyhow::Result<Load> {
    load::run(CLIENTS, settings.round_time(), |_| {
        let mut connection = Connection::plain(control.address)?;
        let mut bytes = bytes.to_vec();
        Ok(move || {
            let number = stamp(&mut bytes);
            let head = head("PUT", &format!("/blobs/{number}"), None, "", bytes.len());
            let answer = connection.ask(&[&head, &bytes])?;
            ensure!(answer.status == 201, "the bare handler answered {}", answer.status);
            Ok(())
        })
    })
}

/// Makes the bytes differ from all before: at their end, where a PDF may have anything.
fn stamp(bytes: &mut Vec<u8>) -> u64 {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let mark = format!("\n%{number:020}\n");
    bytes.truncate(bytes.len().saturating_sub(mark.len()));
    bytes.extend_from_slice(mark.as_bytes());
    number
}
