//! The `cartulary` program: the composition root. It reads the configuration and the environment, lists the modules, opens
//! the office, and is its command line.
//!
//! Invariant: the only crate that reads the environment. It holds no rule of the office, and no SQL.

mod boot;
mod cli;
mod client;
mod configuration;
mod contact;
mod doctor;
mod import;
mod maintenance;
mod modules;
mod output;
mod preflight;
mod process;
mod signals;
mod telemetry;
mod tls;
mod web_ui;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

/// glibc's allocator makes threads wait for one another or keeps a heap for each; this one does neither, and C code that
/// is linked in (SQLite) uses it too.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Threads of the runtime; the web server and the database have their own.
const RUNTIME_THREADS: usize = 2;

fn main() -> ExitCode {
    // A worker reads untrusted files: nothing else of this program starts in it.
    if std::env::args_os().nth(1).is_some_and(|word| word == "worker") {
        return cartulary_formats::worker::run(process::give_memory_back);
    }
    // Two providers of cryptography are linked; this one is meant. It fails only when it was chosen before.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let command = Cli::parse().command;
    let could_not = ExitCode::from(could_not(&command));
    match run(&command) {
        Ok(code) => code,
        Err(error) => {
            output::say_error(&error);
            could_not
        }
    }
}

/// Returns the exit code of a command that could not do its work, as its help says.
const fn could_not(command: &Command) -> u8 {
    match command {
        Command::Serve(_) | Command::Config(_) | Command::Doctor(_) | Command::Tls(_) | Command::Worker => 1,
        Command::Seal(_) | Command::Key(_) => 2,
        Command::Import(_)
        | Command::Export(_)
        | Command::ImportBag(_)
        | Command::Verify(_)
        | Command::Audit(_)
        | Command::Reindex(_)
        | Command::Gc(_)
        | Command::Backup(_)
        | Command::Restore(_)
        | Command::RestoreDrill(_)
        | Command::User(_) => 2,
    }
}

fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Config(arguments) => cli::config::run(&arguments.command),
        Command::Tls(arguments) => cli::tls::run(&arguments.command),
        Command::Key(arguments) => wait_for(cli::keys::run(&arguments.command)),
        Command::Seal(arguments) => wait_for(cli::keys::seal(arguments)),
        Command::Worker => Ok(cartulary_formats::worker::run(process::give_memory_back)),
        Command::Serve(arguments) => wait_for(cli::serve::run(arguments)),
        Command::Import(arguments) => wait_for(cli::import::run(arguments)),
        Command::Export(arguments) => wait_for(cli::bags::export(arguments)),
        Command::ImportBag(arguments) => wait_for(cli::bags::import(arguments)),
        Command::Verify(arguments) => wait_for(cli::verify::run(arguments)),
        Command::Audit(arguments) => wait_for(cli::audit::run(&arguments.command)),
        Command::Reindex(arguments) => wait_for(cli::maintenance::reindex(arguments)),
        Command::Gc(arguments) => wait_for(cli::maintenance::gc(arguments)),
        Command::Backup(arguments) => wait_for(cli::backup::run(&arguments.command)),
        Command::Restore(arguments) => wait_for(cli::restore::restore(arguments)),
        Command::RestoreDrill(arguments) => wait_for(cli::restore::drill(arguments)),
        Command::User(arguments) => wait_for(cli::user::run(&arguments.command)),
        Command::Doctor(arguments) => wait_for(cli::doctor::run(arguments)),
    }
}

/// Runs a command on a runtime of few threads.
fn wait_for(command: impl Future<Output = anyhow::Result<ExitCode>>) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .max_blocking_threads(64)
        .enable_all()
        .build()?;
    let outcome = runtime.block_on(command);
    // What still runs on a thread of its own, such as a walk through a folder, must not hold the program.
    runtime.shutdown_background();
    outcome
}
