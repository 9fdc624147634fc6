//! What a run is asked for.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, bail, ensure};

use crate::subjects;

const HELP: &str = "\
Measures Cartulary beside the barest thing that could do the same.

  benches/run [--quick] [--readme] [--million] [--table] [--work DIR] [SUBJECT…]

  --quick    smaller counts: whether it runs, not how fast it is
  --readme   writes the table into benches/README.md
  --million  also starts an office of 1,000,000 documents
  --table    measures nothing: only shows, or writes, what earlier runs in the same folder came to
  --work     where papers and offices are made; it should be the disk that an office would lie on
             [default: cartulary-benches in the folder for temporary files]

CARTULARY_BIN names the program that is measured.";

/// How much longer a sync takes on the slower disk. *Units*: microseconds.
const SLOWER_SYNC_US: u32 = 1_000;

/// What a run is asked for.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The program that is measured.
    pub program: PathBuf,
    /// Where papers and offices are made.
    pub work: PathBuf,
    /// Smaller counts: whether it runs, not how fast it is.
    pub is_quick: bool,
    /// Whether the table goes into the README.
    pub writes_readme: bool,
    /// Whether an office of a million documents is started.
    pub has_million: bool,
    /// Whether each sync of both sides takes [`SLOWER_SYNC_US`] longer, as on a slower disk.
    pub has_slow_syncs: bool,
    /// Whether syncs of the program do nothing: a control, never an office.
    pub has_no_syncs: bool,
    measures_nothing: bool,
    wanted: Vec<String>,
}

impl Settings {
    /// Reads the arguments and the environment.
    pub fn of_process() -> anyhow::Result<Self> {
        let mut settings = Self {
            program: PathBuf::new(),
            work: std::env::temp_dir().join("cartulary-benches"),
            is_quick: false,
            writes_readme: false,
            has_million: false,
            has_slow_syncs: false,
            has_no_syncs: false,
            measures_nothing: false,
            wanted: Vec::new(),
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--quick" => settings.is_quick = true,
                "--readme" => settings.writes_readme = true,
                "--table" => settings.measures_nothing = true,
                "--million" => settings.has_million = true,
                "--work" => settings.work = arguments.next().context("--work wants a folder")?.into(),
                name if subjects::ALL.iter().any(|subject| subject.name == name) => {
                    settings.wanted.push(argument);
                }
                _ => {
                    let names: Vec<&str> = subjects::ALL.iter().map(|subject| subject.name).collect();
                    bail!("{HELP}\n\nSubjects: {}", names.join(", "));
                }
            }
        }
        let program = std::env::var_os("CARTULARY_BIN").context("CARTULARY_BIN does not name the program")?;
        settings.program = PathBuf::from(program).canonicalize().context("CARTULARY_BIN names no file")?;
        std::fs::create_dir_all(&settings.work)?;
        settings.work = settings.work.canonicalize()?;
        Ok(settings)
    }

    /// Says whether a subject is asked for; all are when none is named.
    pub fn wants(&self, subject: &str) -> bool {
        if self.measures_nothing {
            return false;
        }
        self.wanted.is_empty() || self.wanted.iter().any(|wanted| wanted == subject)
    }

    /// Returns these settings for a slower disk.
    pub fn on_a_slower_disk(&self) -> Self {
        Self { has_slow_syncs: true, ..self.clone() }
    }

    /// Returns these settings for a program whose syncs do nothing.
    pub fn without_syncs(&self) -> Self {
        Self { has_no_syncs: true, ..self.clone() }
    }

    /// Has a program that is measured meet the syncs that are asked for.
    pub fn slow_syncs_of(&self, command: &mut Command) -> anyhow::Result<()> {
        if self.has_slow_syncs || self.has_no_syncs {
            let own = std::env::current_exe()?;
            let library = own.with_file_name("examples").join("libslow_sync.so");
            let built = "cargo build --release -p cartulary-benches --example slow_sync";
            ensure!(library.is_file(), "`{}` is not there: {built}", library.display());
            command.env("LD_PRELOAD", library);
            if self.has_no_syncs {
                command.env("NO_SYNC", "1");
            } else {
                command.env("SLOW_SYNC_US", SLOWER_SYNC_US.to_string());
            }
        }
        Ok(())
    }

    /// Returns the first of two counts, or the second for a quick run.
    pub fn count(&self, whole: usize, quick: usize) -> usize {
        if self.is_quick { quick } else { whole }
    }

    /// Returns how often the two sides alternate.
    pub fn rounds(&self) -> usize {
        self.count(5, 2)
    }

    /// Returns for how long one side is loaded in one round.
    pub fn round_time(&self) -> std::time::Duration {
        std::time::Duration::from_millis(if self.is_quick { 700 } else { 4_000 })
    }
}
