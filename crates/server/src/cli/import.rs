//! `cartulary import`: takes a folder of papers in.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::sync::watch;

use super::Import;
use super::config::load_place;
use crate::boot::open_or_hint;
use crate::client::Client;
use crate::configuration::Loaded;
use crate::import::{Destination, LocalOffice, Order, Progress, RemoteOffice, Report, run as run_import};
use crate::output;
use crate::signals::Signals;
use crate::tls::machine_name;

/// The office takes names of sources up to this length, in characters.
const LONGEST_SOURCE: usize = 500;

/// Runs the command.
pub async fn run(arguments: &Import) -> anyhow::Result<ExitCode> {
    let folder = arguments.folder.canonicalize();
    let folder = folder.with_context(|| format!("cannot open the folder `{}`", arguments.folder.display()))?;
    if !folder.is_dir() {
        bail!("`{}` is no folder", arguments.folder.display());
    }
    std::fs::read_dir(&folder).with_context(|| format!("cannot read the folder `{}`", folder.display()))?;
    let source = arguments.source.clone().unwrap_or_else(|| source_of(&folder));
    let mut order = Order { folder, left_out: None, source, parallel: usize::from(arguments.parallel) };
    let progress = Progress::new();
    let stop = stop_on_signals()?;
    let report = match Client::of(&arguments.remote)? {
        Some(client) => {
            let client = client.waiting(Duration::from_secs(arguments.patience));
            let office = RemoteOffice::start(client, &order.source).await;
            let office = office.map_err(|error| anyhow::anyhow!(error.at_first(&arguments.remote)))?;
            run_import(order, Destination::Remote(office), &progress, stop).await
        }
        None => {
            let loaded = load_place(&arguments.place)?;
            crate::telemetry::start_quietly(&loaded.configuration.log);
            order.left_out = loaded.data.root.canonicalize().ok();
            if order.left_out.as_ref().is_some_and(|data| order.folder.starts_with(data)) {
                bail!("`{}` lies in the data folder of the office itself", order.folder.display());
            }
            take_in_locally(&loaded, order, &progress, stop).await?
        }
    };
    if arguments.json {
        output::say_json(&report);
    } else {
        output::say(&report.for_people());
    }
    Ok(ExitCode::from(report.exit_code()))
}

/// Opens the data folder, takes everything in, and closes it again.
async fn take_in_locally(
    loaded: &Loaded,
    order: Order,
    progress: &Progress,
    stop: watch::Receiver<bool>,
) -> anyhow::Result<Report> {
    const HINT: &str = "Send the files to it: cartulary import FOLDER --server URL, with CARTULARY_TOKEN";
    if !loaded.data.root.exists() {
        output::remark(&format!("There is no office in `{}` yet: a new one is made.", loaded.data.root.display()));
    }
    let office = open_or_hint(loaded, HINT).await?;
    let run = LocalOffice::start(office.repository.system_session(), &order.source, order.parallel).await?;
    let report = run_import(order, Destination::Local(run), progress, stop).await;
    office.close().await;
    Ok(report)
}

/// Returns the name under which the office remembers what came from a folder: this machine's name, because several may
/// send, and the full path. It is the same whether the files are sent or taken in with the data folder open.
fn source_of(folder: &Path) -> String {
    let path = folder.to_string_lossy();
    let machine = machine_name().unwrap_or_default();
    let source = if machine.is_empty() { path.into_owned() } else { format!("{machine}:{path}") };
    let surplus = source.chars().count().saturating_sub(LONGEST_SOURCE);
    source.chars().skip(surplus).collect()
}

/// Becomes true when a person presses Ctrl-C, or the system asks to end. A second Ctrl-C ends at once.
fn stop_on_signals() -> anyhow::Result<watch::Receiver<bool>> {
    let (sender, receiver) = watch::channel(false);
    let mut signals = Signals::listen().context("signals cannot be received")?;
    tokio::spawn(async move {
        signals.next().await;
        output::remark("Stopping after the files under way; Ctrl-C again ends at once.");
        let _ = sender.send(true);
        signals.next().await;
        std::process::exit(130);
    });
    Ok(receiver)
}
