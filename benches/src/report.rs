//! The table: what each subject came to, under which conditions, kept between runs and written into the README.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::load::percentile;
use crate::settings::Settings;
use crate::subjects;

const BEGIN: &str = "<!-- table: written by benches/run --readme -->";
const END: &str = "<!-- end of table -->";
/// Appends of the loop that measures the disk, and their size.
const APPENDS: usize = 100;
const APPEND_BYTES: usize = 4096;

/// One line of the table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    what: String,
    ours: String,
    limit: String,
    ratio: String,
    target: String,
    met: String,
}

/// The machine at the time of a subject.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Conditions {
    at: String,
    commit: String,
    #[serde(default)]
    program: String,
    cores: usize,
    load_average: String,
    fdatasync_p50_us: u64,
    is_quick: bool,
}

/// What a subject came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// The machine before it began.
    pub conditions: Conditions,
    /// Its lines.
    pub rows: Vec<Row>,
}

/// What all subjects came to, in this run and before.
#[derive(Debug)]
pub struct Report {
    outcomes: BTreeMap<String, Outcome>,
    file: PathBuf,
}

impl Row {
    /// A ratio that shall be at least so much.
    pub fn at_least(what: &str, ours: String, limit: String, ratio: f64, target: f64) -> Self {
        Self::judged(what, (ours, limit, ratio), format!("≥ {target:.2}"), ratio >= target)
    }

    /// A ratio that shall be at most so much.
    pub fn at_most(what: &str, ours: String, limit: String, ratio: f64, target: f64) -> Self {
        Self::judged(what, (ours, limit, ratio), format!("≤ {target:.2}"), ratio <= target)
    }

    fn judged(what: &str, (ours, limit, ratio): (String, String, f64), target: String, is_met: bool) -> Self {
        let met = if is_met { "yes" } else { "**no**" };
        let ratio = if ratio.is_finite() { format!("{ratio:.2}") } else { "?".to_owned() };
        Self { what: what.to_owned(), ours, limit, ratio, target, met: met.to_owned() }
    }

    /// A value with its unit that shall be at most so much.
    pub fn value_at_most(what: &str, value: f64, target: f64, unit: &str) -> Self {
        Self {
            what: what.to_owned(),
            ours: format!("{} {unit}", short(value)),
            limit: String::new(),
            ratio: String::new(),
            target: format!("≤ {} {unit}", short(target)),
            met: if value <= target { "yes" } else { "**no**" }.to_owned(),
        }
    }

    /// Puts a control of the same run beside a value, with the ratio to it.
    pub fn beside(&mut self, limit: String, ratio: f64) {
        self.limit = limit;
        self.ratio = format!("{ratio:.2}");
    }

    /// What is told without a target.
    pub fn told(what: &str, ours: String, limit: String) -> Self {
        let none = String::new;
        Self { what: what.to_owned(), ours, limit, ratio: none(), target: none(), met: none() }
    }

    /// What could not be measured.
    pub fn not_measured(what: &str, reason: &str) -> Self {
        let mut row = Self::told(what, format!("not measured: {}", reason.replace('|', "/")), String::new());
        row.met = "?".to_owned();
        row
    }

    /// Returns the line as a sentence.
    pub fn in_words(&self) -> String {
        format!("   {}: {} | {} | {} | {} | {}", self.what, self.ours, self.limit, self.ratio, self.target, self.met)
    }
}

/// Writes a number with as many digits as tell something.
pub fn short(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

impl Report {
    /// Takes up what earlier runs in the same folder came to.
    pub fn load(settings: &Settings) -> anyhow::Result<Self> {
        let name = if settings.is_quick { "outcomes-quick.json" } else { "outcomes.json" };
        let file = settings.work.join(name);
        let outcomes = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("`{}` is odd", file.display()))?,
            Err(_) => BTreeMap::new(),
        };
        Ok(Self { outcomes, file })
    }

    /// Puts what a subject came to in the place of what it came to before.
    pub fn put(&mut self, subject: &str, outcome: Outcome) {
        self.outcomes.insert(subject.to_owned(), outcome);
    }

    /// Keeps everything for later runs.
    pub fn save(&self) -> anyhow::Result<()> {
        Ok(fs::write(&self.file, serde_json::to_vec_pretty(&self.outcomes)?)?)
    }

    /// Prints the table.
    pub fn print(&self) -> anyhow::Result<()> {
        Ok(std::io::stdout().write_all(self.table().as_bytes())?)
    }

    fn table(&self) -> String {
        let mut lines = vec![
            "| subject | ours | limit or control | ratio | target | met |".to_owned(),
            "|---|---|---|---|---|---|".to_owned(),
        ];
        let mut conditions = Vec::new();
        for subject in subjects::ALL {
            let Some(outcome) = self.outcomes.get(subject.name) else {
                lines.push(format!("| {} (`{}`) | not measured | | | | ? |", subject.what, subject.name));
                continue;
            };
            for row in &outcome.rows {
                lines.push(format!(
                    "| {} | {} | {} | {} | {} | {} |",
                    row.what, row.ours, row.limit, row.ratio, row.target, row.met
                ));
            }
            conditions.push(format!("| `{}` | {} |", subject.name, outcome.conditions.in_words()));
        }
        let head = "| measured | at (UTC) | commit | program | cores | load average | fdatasync p50 of 4 KB |\n|---|---|---|---|---|---|---|";
        format!("{head}\n{}\n\n{}\n", conditions.join("\n"), lines.join("\n"))
    }

    /// Writes the table into `benches/README.md`.
    pub fn write_readme(&self) -> anyhow::Result<()> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
        let text = fs::read_to_string(&path)?;
        let (before, rest) = text.split_once(BEGIN).context("the README has no mark for the table")?;
        let (_, after) = rest.split_once(END).context("the README has no mark for the table's end")?;
        Ok(fs::write(path, format!("{before}{BEGIN}\n{}\n{END}{after}", self.table()))?)
    }
}

impl Conditions {
    fn in_words(&self) -> String {
        let quick = if self.is_quick { " (quick)" } else { "" };
        format!(
            "{}{quick} | {} | {} | {} | {} | {} µs",
            self.at, self.commit, self.program, self.cores, self.load_average, self.fdatasync_p50_us
        )
    }
}

/// Looks at the machine.
pub fn conditions(settings: &Settings) -> Conditions {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    Conditions {
        at: said_by("date", &["-u", "+%F %H:%M"]),
        commit: commit(),
        program: program(settings),
        cores: std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        load_average: load.split(' ').take(2).collect::<Vec<_>>().join(" "),
        fdatasync_p50_us: fdatasync_us(&settings.work).unwrap_or_default(),
        is_quick: settings.is_quick,
    }
}

/// Says which program is measured, so that one that was not built for release is seen.
fn program(settings: &Settings) -> String {
    let size = fs::metadata(&settings.program).map(|file| file.len()).unwrap_or_default();
    format!("`{}`, {} MB", settings.program.display(), short(size as f64 / 1e6))
}

fn commit() -> String {
    let repository = env!("CARGO_MANIFEST_DIR");
    let hash = said_by("git", &["-C", repository, "rev-parse", "--short", "HEAD"]);
    let changed = said_by("git", &["-C", repository, "status", "--porcelain", "--", "../crates", "../schema"]);
    if changed.is_empty() { hash } else { format!("{hash} and changes") }
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

/// Returns what it takes to make 4 KB at the end of a file durable, in the middle of many tries. *Units*: microseconds.
pub fn fdatasync_us(folder: &Path) -> anyhow::Result<u64> {
    let path = folder.join("fdatasync");
    let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
    let mut taken = Vec::with_capacity(APPENDS);
    for _ in 0..APPENDS {
        file.write_all(&[7; APPEND_BYTES])?;
        let begin = Instant::now();
        file.sync_data()?;
        taken.push(u64::try_from(begin.elapsed().as_micros())?);
    }
    fs::remove_file(path)?;
    taken.sort_unstable();
    Ok(percentile(&taken, 0.5))
}

/// Says something to whoever watches.
pub fn remark(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
