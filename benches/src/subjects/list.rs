//! Windows of the list of dossiers: their cost, at the end as at the beginning, and in a small office as in a large one.

use anyhow::ensure;

use crate::connection::head;
use crate::load::{self, Load, median, percentile};
use crate::office::{self, Office};
use crate::report::{Row, short};
use crate::settings::Settings;

const CLIENTS: usize = 2;

/// The cost of a window in each round.
#[derive(Debug, Default)]
struct Window {
    cpu_ms: Vec<f64>,
    loads: Vec<Load>,
}

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let (many, few) = (settings.count(10_000, 300), settings.count(1_000, 100));
    let large = Office::open(settings, &office::standing_office(settings, many)?)?;
    let small = Office::open(settings, &office::standing_office(settings, few)?)?;
    let (large_token, small_token) = (large.reader_token()?, small.reader_token()?);
    let (mut first, mut last, mut of_few) = (Window::default(), Window::default(), Window::default());
    for _ in 0..settings.rounds() {
        first.measure(settings, &large, &large_token, 0)?;
        last.measure(settings, &large, &large_token, many - 50)?;
        of_few.measure(settings, &small, &small_token, 0)?;
    }
    large.close()?;
    small.close()?;
    let ratio =
        |a: &Window, b: &Window| median(&a.cpu_ms.iter().zip(&b.cpu_ms).map(|(a, b)| a / b).collect::<Vec<_>>());
    Ok(vec![
        Row::value_at_most(&format!("list of 50 of {many} dossiers, CPU"), median(&first.cpu_ms), 1.0, "ms"),
        Row::at_most(
            &format!("the last window of {many} against the first, CPU"),
            last.in_words(),
            first.in_words(),
            ratio(&last, &first),
            1.5,
        ),
        Row::at_most(
            &format!("50 of {many} against 50 of {few}, CPU"),
            first.in_words(),
            of_few.in_words(),
            ratio(&first, &of_few),
            1.1,
        ),
    ])
}

impl Window {
    fn measure(&mut self, settings: &Settings, office: &Office, token: &str, offset: usize) -> anyhow::Result<()> {
        let request = head("GET", &format!("/api/v1/dossiers?limit=50&offset={offset}"), Some(token), "", 0);
        let before = office.server_cpu()?;
        let load = load::run(CLIENTS, settings.round_time() / 2, |_| {
            let mut connection = office.connect()?;
            let request = &request;
            Ok(move || {
                let answer = connection.exchange(&[request])?;
                ensure!(answer.status == 200, "a list was answered {}", answer.status);
                Ok(())
            })
        })?;
        self.cpu_ms.push((office.server_cpu()? - before) * 1000.0 / load.requests());
        self.loads.push(load);
        Ok(())
    }

    fn in_words(&self) -> String {
        let mut all: Vec<u64> = self.loads.iter().flat_map(|load| load.latencies_us.iter().copied()).collect();
        all.sort_unstable();
        let p50 = percentile(&all, 0.5) as f64 / 1000.0;
        format!("{} ms of CPU, p50 {} ms", short(median(&self.cpu_ms)), short(p50))
    }
}
