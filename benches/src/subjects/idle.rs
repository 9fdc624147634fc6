//! What an office takes of memory when nobody asks for anything.

use std::time::{Duration, Instant};

use crate::office::{self, Office};
use crate::process;
use crate::report::{Row, short};
use crate::settings::Settings;

const MEGABYTE: f64 = 1_048_576.0;
/// Memory that is free is given back every half minute: it is looked at after that, and when it stands still.
const AT_LEAST: Duration = Duration::from_secs(62);
const AT_MOST: Duration = Duration::from_secs(120);
const BETWEEN: Duration = Duration::from_secs(2);
/// So many looks in a row must find about the same.
const LOOKS: usize = 4;

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let count = settings.count(10_000, 300);
    let data = office::standing_office(settings, count)?;
    let office = Office::open(settings, &data)?;
    let token = office.reader_token()?;
    // It shall have done something before it rests.
    for path in ["/api/v1/dossiers?limit=50", "/api/v1/search?q=chartularium&limit=20"] {
        office.connect()?.json("GET", path, Some(&token), None)?;
    }
    let at_least = if settings.is_quick { Duration::from_secs(4) } else { AT_LEAST };
    let begin = Instant::now();
    let mut seen: Vec<f64> = Vec::new();
    loop {
        std::thread::sleep(BETWEEN);
        seen.push(process::tree_pss(office.process.id())? as f64);
        let recent = seen.get(seen.len().saturating_sub(LOOKS)..).unwrap_or_default();
        let (low, high) = recent.iter().fold((f64::MAX, 0.0_f64), |(low, high), pss| (low.min(*pss), high.max(*pss)));
        let is_still = recent.len() == LOOKS && high <= low * 1.01;
        if (is_still && begin.elapsed() >= at_least) || begin.elapsed() >= AT_MOST {
            break;
        }
    }
    let alone = process::own_pss(office.process.id()) as f64 / MEGABYTE;
    let cpu_before = office.cpu()?;
    std::thread::sleep(Duration::from_secs(5));
    let cpu_ms = (office.cpu()? - cpu_before) * 1000.0 / 5.0;
    office.close()?;
    let pss = seen.last().copied().unwrap_or(f64::NAN) / MEGABYTE;
    Ok(vec![
        Row::value_at_most(&format!("idle memory (PSS) with {count} documents"), pss, 80.0, "MB"),
        Row::told("of which the server alone", format!("{} MB", short(alone)), String::new()),
        Row::told("CPU at rest", format!("{} ms in a second", short(cpu_ms)), String::new()),
    ])
}
