//! `cartulary key` and `cartulary seal`: encryption of the papers where they are stored.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, bail};
use cartulary_blobs::{KeyId, MasterKeys};
use clap::{Args, Subcommand};
use serde_json::json;

use super::Place;
use super::config::load_place;
use crate::boot::open_for_command;
use crate::{output, telemetry};

const HINT: &str = "Let it go on: a running office seals older papers by itself; or stop it first";
/// Exit code when papers were left as they are.
const LEFT: u8 = 1;
/// Exit code after Ctrl-C.
const STOPPED: u8 = 130;

/// Arguments of `seal`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cartulary seal --data /srv/office

A running office does this by itself, resting as long as it works. This opens
the data folder itself, so no office may run on it. It may be stopped by Ctrl-C
at any time, and goes on where it stopped; each paper is as it was, or sealed.

Exit codes:
  0    every paper is sealed with the newest master key
  1    some could not be read and were left; they are named
  2    could not do it
  130  stopped by Ctrl-C")]
pub struct Seal {
    #[command(flatten)]
    pub place: Place,
    /// Writes the report as JSON
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `key`.
#[derive(Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
Examples:
  cartulary key create /etc/cartulary/master.key
  cartulary key list --data /srv/office
  cartulary key rotate --data /srv/office

Exit codes:
  0  done
  2  could not do it"
)]
pub struct Key {
    /// What to do.
    #[command(subcommand)]
    pub command: KeyCommand,
}

/// What can be done with master keys.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Makes a key file, which only its owner can read
    #[command(after_help = "\
Examples:
  cartulary key create /etc/cartulary/master.key

Name it as keyFile in [store] of the configuration and start the office: what
is stored from then on is sealed, and older papers are sealed by and by. Keep a
copy where the papers are not: without the key nobody can read them. Backups
have it, sealed.

Exit codes:
  0  done
  2  could not do it")]
    Create(KeyArguments),
    /// Shows which master keys there are, by their names; never a key
    #[command(after_help = "\
Examples:
  cartulary key list --data /srv/office

Exit codes:
  0  done
  2  could not do it")]
    List(KeyArguments),
    /// Adds a master key, which seals from the next start on
    #[command(after_help = "\
Examples:
  cartulary key rotate --data /srv/office

Start the office anew, on each of its machines: it rewrites all papers with the
new key by and by (or `cartulary seal` does). When that is done, the old key is
taken away by `cartulary key retire`.

Exit codes:
  0  done
  2  could not do it")]
    Rotate(KeyArguments),
    /// Takes an older master key out of the key file
    #[command(after_help = "\
Examples:
  cartulary key retire --id 3f1c0a9be2d45678 --data /srv/office

A key that the office's papers still need is not taken away. To see that, this
opens the data folder itself, so no office may run on it. For a key file that
the configuration does not name nothing is looked at: keep a copy of it.

Exit codes:
  0  done
  2  could not do it")]
    Retire {
        /// The name of the key, as `key list` shows it
        #[arg(long, value_name = "ID")]
        id: String,
        #[command(flatten)]
        arguments: KeyArguments,
    },
}

/// Which key file.
#[derive(Debug, Clone, Args)]
pub struct KeyArguments {
    /// The key file [default: store.keyFile of the configuration]
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    #[command(flatten)]
    pub place: Place,
    /// Writes the result as JSON
    #[arg(long)]
    pub json: bool,
}

impl KeyArguments {
    /// Returns the file, and whether the configuration names it.
    fn file(&self) -> anyhow::Result<(PathBuf, bool)> {
        let named = load_place(&self.place).map(|loaded| loaded.configuration.store.key_file().map(PathBuf::from));
        match (&self.file, named) {
            (Some(file), named) => {
                let file = std::path::absolute(file)?;
                let is_named = named.ok().flatten().is_some_and(|named| named == file);
                Ok((file, is_named))
            }
            (None, Ok(Some(named))) => Ok((named, true)),
            (None, Ok(None)) => bail!("name the key file: `store.keyFile` of the configuration names none"),
            (None, Err(error)) => Err(error.into()),
        }
    }
}

/// Runs `key`.
pub async fn run(command: &KeyCommand) -> anyhow::Result<ExitCode> {
    match command {
        KeyCommand::Create(arguments) => create(arguments),
        KeyCommand::List(arguments) => list(arguments),
        KeyCommand::Rotate(arguments) => rotate(arguments),
        KeyCommand::Retire { id, arguments } => retire(id, arguments).await,
    }
}

fn create(arguments: &KeyArguments) -> anyhow::Result<ExitCode> {
    let (file, is_named) = arguments.file()?;
    let id = MasterKeys::create(&file)?;
    if arguments.json {
        output::say_json(&json!({ "keyFile": file, "id": id.to_string() }));
        return Ok(ExitCode::SUCCESS);
    }
    let place = file.display();
    output::say(&format!("The master key {id} is in `{place}`. Keep a copy of the file where the papers are not."));
    if !is_named {
        output::say(&format!("Name it in [store] of the configuration:  keyFile = \"{place}\""));
    }
    Ok(ExitCode::SUCCESS)
}

fn list(arguments: &KeyArguments) -> anyhow::Result<ExitCode> {
    let (file, _) = arguments.file()?;
    let keys = MasterKeys::read(&file)?;
    let rows: Vec<(String, bool)> = keys.ids().iter().map(|id| (id.to_string(), *id == keys.newest())).collect();
    if arguments.json {
        let rows: Vec<_> = rows.iter().map(|(id, seals)| json!({ "id": id, "seals": seals })).collect();
        output::say_json(&json!({ "keyFile": file, "keys": rows }));
        return Ok(ExitCode::SUCCESS);
    }
    for (id, seals) in rows {
        output::say(&format!("{id}  {}", if seals { "seals new papers" } else { "opens older ones" }));
    }
    Ok(ExitCode::SUCCESS)
}

fn rotate(arguments: &KeyArguments) -> anyhow::Result<ExitCode> {
    let (file, _) = arguments.file()?;
    let id = MasterKeys::rotate(&file)?;
    if arguments.json {
        output::say_json(&json!({ "keyFile": file, "id": id.to_string() }));
        return Ok(ExitCode::SUCCESS);
    }
    let next = "start the office anew, on each of its machines";
    output::say(&format!("The master key {id} seals from the next start on; {next}."));
    Ok(ExitCode::SUCCESS)
}

async fn retire(id: &str, arguments: &KeyArguments) -> anyhow::Result<ExitCode> {
    let (file, is_named) = arguments.file()?;
    let parsed: Option<KeyId> = id.parse().ok();
    let id = parsed.with_context(|| format!("`{id}` is no name of a key; see `cartulary key list`"))?;
    if is_named {
        refuse_needed(&arguments.place, &id.to_string()).await?;
    }
    MasterKeys::retire(&file, id)?;
    if arguments.json {
        output::say_json(&json!({ "keyFile": file, "retired": id.to_string() }));
    } else {
        output::say(&format!("The master key {id} is out of `{}`.", file.display()));
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses to do without a key with which papers of the office are sealed, or may be.
async fn refuse_needed(place: &Place, id: &str) -> anyhow::Result<()> {
    let loaded = load_place(place)?;
    if !loaded.data.root.is_dir() {
        return Ok(());
    }
    let office = open_for_command(&loaded, "Stop it first: it works with the keys that it was started with").await?;
    let (needed, newest) = (office.repository.keys_needed().await, office.repository.key_to_seal_with());
    office.close().await;
    if needed?.iter().any(|one| one == id) && newest.is_some_and(|newest| newest != id) {
        bail!(
            "papers are sealed with the key {id}, or may be: let the office rewrite them first, or `cartulary seal`; \
             nothing was changed"
        );
    }
    Ok(())
}

/// Runs `seal`.
pub async fn seal(arguments: &Seal) -> anyhow::Result<ExitCode> {
    let loaded = load_place(&arguments.place)?;
    telemetry::start_quietly(&loaded.configuration.log);
    let office = open_for_command(&loaded, HINT).await?;
    let ticker = output::Ticker::new(arguments.json);
    let tell = |report: &cartulary_repository::SealReport| {
        ticker.tell(|| format!("{} papers looked at, {} sealed", report.blobs, report.rewritten));
    };
    let done = tokio::select! {
        done = office.repository.seal_blobs(tell) => Some(done),
        _ = tokio::signal::ctrl_c() => None,
    };
    office.close().await;
    let Some(done) = done else {
        output::remark("stopped; the same command goes on");
        return Ok(ExitCode::from(STOPPED));
    };
    let report = done?;
    let left = report.left.iter();
    if arguments.json {
        let left: Vec<_> = left.map(|(digest, reason)| json!({ "digest": digest, "reason": reason })).collect();
        output::say_json(&json!({
            "key": report.key, "blobs": report.blobs, "rewritten": report.rewritten,
            "rewrittenBytes": report.rewritten_bytes, "leftCount": report.left_count, "left": left,
        }));
    } else {
        let (blobs, rewritten, key) = (report.blobs, report.rewritten, &report.key);
        let bytes = output::bytes(report.rewritten_bytes);
        output::say(&format!("Looked at {blobs} papers; sealed {rewritten} ({bytes}) with the master key {key}."));
        left.for_each(|(digest, reason)| output::say(&format!("  left as it is: {digest}: {reason}")));
    }
    Ok(if report.left_count == 0 { ExitCode::SUCCESS } else { ExitCode::from(LEFT) })
}
