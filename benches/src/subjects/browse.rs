//! A document's data, asked for with sign-in and permissions, beside a constant of the same size.

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::connection::{Connection, head};
use crate::control::Control;
use crate::load::{self, Load, median, percentile};
use crate::office::{self, Office};
use crate::process;
use crate::report::{Row, short};
use crate::settings::Settings;

const CLIENTS: usize = 8;

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let data = office::standing_office(settings, settings.count(10_000, 300))?;
    let office = Office::open(settings, &data)?;
    let token = office.reader_token()?;
    let requests = requests(&office, &token)?;
    let size = {
        let request = requests.first().context("there is no document")?;
        let answer = office.connect()?.ask(&[request])?;
        ensure!(answer.status == 200, "a document was answered {}", answer.status);
        answer.body.len()
    };
    let control = Control::start(settings, &settings.work.join("browse-bare"), size)?;
    let constant = vec![head("GET", "/constant", Some(&token), "", 0)];
    let (mut ours, mut bare, mut cpu_us) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..settings.rounds() {
        let before = office.server_cpu()?;
        let load = ask(settings, || office.connect(), &requests)?;
        cpu_us.push((office.server_cpu()? - before) * 1e6 / load.requests());
        ours.push(load);
        bare.push(ask(settings, || Connection::plain(control.address), &constant)?);
    }
    let bare_cpu = process::own_cpu(control.process.id())? * 1e6 / bare.iter().map(Load::requests).sum::<f64>();
    office.close()?;
    let ratio = median(&ours.iter().zip(&bare).map(|(a, b)| a.per_second() / b.per_second()).collect::<Vec<_>>());
    let rate = |loads: &[Load]| median(&loads.iter().map(Load::per_second).collect::<Vec<_>>());
    let p99 = |loads: &[Load]| {
        let mut all: Vec<u64> = loads.iter().flat_map(|load| load.latencies_us.iter().copied()).collect();
        all.sort_unstable();
        percentile(&all, 0.99) as f64 / 1000.0
    };
    let in_words = |loads: &[Load], cpu: f64| format!("{}/s, {} µs of CPU", short(rate(loads)), short(cpu));
    Ok(vec![
        Row::at_least(
            &format!("GET of a document's data ({size} bytes), 8 connections, a reader"),
            in_words(&ours, median(&cpu_us)),
            in_words(&bare, bare_cpu),
            ratio,
            0.25,
        ),
        Row::value_at_most("GET of a document's data, p99", p99(&ours), 5.0, "ms"),
        Row::told("the constant, p99", String::new(), format!("{} ms", short(p99(&bare)))),
    ])
}

/// Returns a request for each of some documents, so that no single row stays hot.
fn requests(office: &Office, token: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut requests = Vec::new();
    let found = office.get(&format!("/api/v1/search?q={}&limit=100", crate::make::MARK))?;
    for item in found.get("items").and_then(Value::as_array).context("nothing is found")? {
        let id = item.get("id").and_then(Value::as_str).context("a hit without id")?;
        requests.push(head("GET", &format!("/api/v1/documents/{id}"), Some(token), "", 0));
    }
    Ok(requests)
}

fn ask<C>(settings: &Settings, connect: C, requests: &[Vec<u8>]) -> anyhow::Result<Load>
where
    C: Fn() -> anyhow::Result<Connection> + Sync,
{
    load::run(CLIENTS, settings.round_time(), |client| {
        let mut connection = connect()?;
        let mut next = client;
        Ok(move || {
            let request = requests.get(next % requests.len()).context("no request")?;
            next += 1;
            let answer = connection.exchange(&[request])?;
            ensure!(answer.status == 200, "it was answered {}", answer.status);
            Ok(())
        })
    })
}
