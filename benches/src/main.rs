//! Measured ratios: what Cartulary does beside the barest thing that could do it, alternating in the same run.
//!
//! Invariant: no figure is made up. What could not be measured says so, and why.

mod aside;
mod connection;
mod control;
mod grow;
mod load;
mod make;
mod nginx;
mod office;
mod plain_import;
mod process;
mod report;
mod settings;
mod subjects;
mod tls;

use std::process::ExitCode;

use anyhow::Context;

use crate::report::{Outcome, Report};
use crate::settings::Settings;

fn main() -> ExitCode {
    // The bare server that we are compared with is this same program, in a process of its own.
    if std::env::args().nth(1).as_deref() == Some(control::WORD) {
        return finish(control::run());
    }
    finish(run())
}

fn finish(outcome: anyhow::Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::remark(&format!("benches: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let settings = Settings::of_process()?;
    std::fs::create_dir_all(&settings.work)
        .with_context(|| format!("cannot make the folder `{}`", settings.work.display()))?;
    let mut report = Report::load(&settings)?;
    if subjects::ALL.iter().any(|subject| settings.wants(subject.name)) {
        aside::sweep(&settings.work)?;
        aside::rest(&settings.work)?;
    }
    for subject in subjects::ALL {
        if !settings.wants(subject.name) {
            continue;
        }
        report::remark(&format!("== {}: {}", subject.name, subject.what));
        let before = report::conditions(&settings);
        let rows = match (subject.run)(&settings) {
            Ok(rows) => rows,
            Err(error) => vec![report::Row::not_measured(subject.what, &format!("{error:#}"))],
        };
        for row in &rows {
            report::remark(&row.in_words());
        }
        report.put(subject.name, Outcome { conditions: before, rows });
        report.save()?;
    }
    report.print()?;
    aside::sweep(&settings.work)?;
    if settings.writes_readme { report.write_readme() } else { Ok(()) }
}
