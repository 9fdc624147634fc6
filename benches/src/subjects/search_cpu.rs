//! Text PDFs from their arrival until they are found: processor time of the server and its readers, beside
//! `recollindex` on the same files.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::ensure;

use crate::aside;
use crate::load::{self, median};
use crate::make;
use crate::office::{Form, Office};
use crate::plain_import::files_below;
use crate::process;
use crate::report::{Row, short};
use crate::settings::Settings;

const CLIENTS: usize = 2;

/// Measures.
pub fn run(settings: &Settings) -> anyhow::Result<Vec<Row>> {
    let count = settings.count(1_000, 60);
    let letters = make::letters(&settings.work, count)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..settings.count(3, 1) {
        ours.push(ours_on(settings, &letters)?);
        theirs.push(recoll_on(settings, &letters)?);
    }
    let ratio = median(&ours.iter().zip(&theirs).map(|(a, b)| a.0 / b).collect::<Vec<_>>());
    let per_file =
        |seconds: f64| format!("{} s of CPU, {} ms a file", short(seconds), short(seconds * 1000.0 / count as f64));
    let of = |pick: fn(&(f64, f64)) -> f64| median(&ours.iter().map(pick).collect::<Vec<_>>());
    let readers = of(|round| round.1);
    Ok(vec![
        Row::at_most(
            &format!("{count} text PDFs of 1-6 pages, sent and up to searchable"),
            per_file(of(|round| round.0)),
            format!("recollindex, one thread: {}", per_file(median(&theirs))),
            ratio,
            1.5,
        ),
        Row::told("of which in the readers", per_file(readers), String::new()),
    ])
}

/// Returns the processor seconds of the server with its readers, and of the readers alone.
fn ours_on(settings: &Settings, letters: &Path) -> anyhow::Result<(f64, f64)> {
    let data = settings.work.join("search-office");
    aside::put(&data)?;
    let office = Office::open(settings, &data)?;
    let dossier = office.make_dossier("letters")?;
    let files = files_below(letters)?;
    let (before, server_before) = (office.cpu()?, office.server_cpu()?);
    load::each(CLIENTS, files.len(), |_| {
        let mut connection = office.connect()?;
        let form = Form::new(&office.token, &dossier, "application/pdf");
        let files = &files;
        Ok(move |number: usize| {
            let Some(file) = files.get(number) else { return Ok(()) };
            let answer = form.send(&mut connection, &format!("letter-{number}.pdf"), &fs::read(file)?)?;
            ensure!(answer.status == 201, "an upload was answered {}", answer.status);
            Ok(())
        })
    })?;
    office.settle(files.len())?;
    let (whole, server) = (office.cpu()? - before, office.server_cpu()? - server_before);
    office.close()?;
    aside::put(&data)?;
    Ok((whole, whole - server))
}

/// Returns the processor seconds of `recollindex` with its helpers, from nothing to the whole index.
fn recoll_on(settings: &Settings, letters: &Path) -> anyhow::Result<f64> {
    let folder = settings.work.join("recoll");
    aside::put(&folder)?;
    fs::create_dir_all(&folder)?;
    let configuration = format!(
        "topdirs = {}\nthrQSizes = -1 -1 -1\nthrTCounts = 1 1 1\nmonitor = 0\nloglevel = 2\nnoaspell = 1\n",
        letters.display()
    );
    fs::write(folder.join("recoll.conf"), configuration)?;
    let mut command = Command::new("recollindex");
    command.arg("-c").arg(&folder).arg("-z").env("HOME", &folder);
    let finished = process::run(&mut command, &folder.join("said.log"))?;
    ensure!(finished.status.success(), "recollindex ended with {}", finished.status);
    Ok(finished.cpu_seconds)
}
