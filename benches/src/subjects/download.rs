//! Downloads beside nginx: small ones in the clear, large ones over TLS on both sides.

use std::fs;

use anyhow::ensure;

use crate::aside;
use crate::connection::{Connection, head};
use crate::load::{self, Load, median};
use crate::make::Chance;
use crate::nginx::Nginx;
use crate::office::Office;
use crate::process;
use crate::report::{Row, short};
use crate::settings::Settings;
use crate::tls;

const SMALL_BYTES: usize = 56 * 1024;
const SMALL_CLIENTS: usize = 8;
const LARGE_BYTES: usize = 50 * 1024 * 1024;
const LARGE_CLIENTS: usize = 2;

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let folder = settings.work.join("download-nginx");
    let files = folder.join("files");
    fs::create_dir_all(&files)?;
    let made = tls::certificate(&settings.work)?;
    let (small, large) = (Chance::new(56).bytes(SMALL_BYTES), Chance::new(57).bytes(LARGE_BYTES));
    fs::write(files.join("small"), &small)?;
    fs::write(files.join("large"), &large)?;
    let nginx = Nginx::start(&folder, &files, &made)?;
    let data = settings.work.join("download-office");
    aside::put(&data)?;
    let office = Office::open(settings, &data)?;
    let dossier = office.make_dossier("downloads")?;
    let small_id = office.file_document(&dossier, "small", &small)?;
    let large_id = office.file_document(&dossier, "large", &large)?;
    let mut rows = vec![small_ones(settings, &office, &nginx, &small_id)?];
    office.close()?;
    let office = Office::open_tls(settings, &data, &made)?;
    rows.extend(large_ones(settings, &office, &nginx, &large_id)?);
    office.close()?;
    drop(nginx);
    aside::put(&data)?;
    Ok(rows)
}

fn small_ones(settings: &Settings, office: &Office, nginx: &Nginx, id: &str) -> anyhow::Result<Row> {
    let token = office.reader_token()?;
    let ours = head("GET", &format!("/api/v1/documents/{id}/content"), Some(&token), "", 0);
    let theirs = head("GET", "/small", None, "", 0);
    let mut rounds = Vec::new();
    let mut cpu_us = (Vec::new(), Vec::new());
    for _ in 0..settings.rounds() {
        let before = office.server_cpu()?;
        let a = fetch(settings, SMALL_CLIENTS, || office.connect(), &ours, SMALL_BYTES)?;
        cpu_us.0.push((office.server_cpu()? - before) * 1e6 / a.requests());
        let before = process::tree_cpu(nginx.process.id())?;
        let b = fetch(settings, SMALL_CLIENTS, || Connection::plain(nginx.plain), &theirs, SMALL_BYTES)?;
        cpu_us.1.push((process::tree_cpu(nginx.process.id())? - before) * 1e6 / b.requests());
        rounds.push((a.per_second(), b.per_second()));
    }
    let of = |pick: fn(&(f64, f64)) -> f64| median(&rounds.iter().map(pick).collect::<Vec<_>>());
    let in_words = |rate: f64, cpu: &[f64]| format!("{}/s, {} µs of CPU", short(rate), short(median(cpu)));
    Ok(Row::at_least(
        "download of 56 KB, 8 connections",
        in_words(of(|round| round.0), &cpu_us.0),
        format!("nginx: {}", in_words(of(|round| round.1), &cpu_us.1)),
        of(|round| round.0 / round.1),
        1.0 / 3.0,
    ))
}

fn large_ones(settings: &Settings, office: &Office, nginx: &Nginx, id: &str) -> anyhow::Result<Vec<Row>> {
    let ours = head("GET", &format!("/api/v1/documents/{id}/content"), Some(&office.token), "", 0);
    let theirs = head("GET", "/large", None, "", 0);
    let mut rounds = Vec::new();
    let mut cpu_ms = (Vec::new(), Vec::new());
    for _ in 0..settings.rounds() {
        let before = office.server_cpu()?;
        let a = fetch(settings, LARGE_CLIENTS, || office.connect(), &ours, LARGE_BYTES)?;
        cpu_ms.0.push((office.server_cpu()? - before) * 1000.0 / a.requests());
        let before = process::tree_cpu(nginx.process.id())?;
        let b = fetch(settings, LARGE_CLIENTS, || Connection::tls(nginx.tls), &theirs, LARGE_BYTES)?;
        cpu_ms.1.push((process::tree_cpu(nginx.process.id())? - before) * 1000.0 / b.requests());
        rounds.push((speed(&a), speed(&b)));
    }
    let of = |pick: fn(&(f64, f64)) -> f64| median(&rounds.iter().map(pick).collect::<Vec<_>>());
    let mb = |speed: f64| format!("{} MB/s", short(speed / 1e6));
    let ms = |cpu: &[f64]| format!("{} ms", short(median(cpu)));
    Ok(vec![
        Row::at_least(
            "download of 50 MB, 2 connections, TLS 1.3 on both sides",
            mb(of(|round| round.0)),
            format!("nginx: {}", mb(of(|round| round.1))),
            of(|round| round.0 / round.1),
            0.7,
        ),
        Row::told("CPU of the server for each of these", ms(&cpu_ms.0), format!("nginx: {}", ms(&cpu_ms.1))),
    ])
}

fn speed(load: &Load) -> f64 {
    load.per_second() * LARGE_BYTES as f64
}

fn fetch<C>(settings: &Settings, clients: usize, connect: C, request: &[u8], size: usize) -> anyhow::Result<Load>
where
    C: Fn() -> anyhow::Result<Connection> + Sync,
{
    load::run(clients, settings.round_time(), |_| {
        let mut connection = connect()?;
        Ok(move || {
            let answer = connection.exchange(&[request])?;
            let is_whole = answer.status == 200 && answer.body_bytes == size as u64;
            ensure!(is_whole, "a download was answered {} with {} bytes", answer.status, answer.body_bytes);
            Ok(())
        })
    })
}
