//! `cartulary backup`: sets targets of backups up, makes backups, shows and proves them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use cartulary_blobs::{S3Config, ShelfConfig};
use cartulary_repository::{BackupSettings, NewBackupTarget};
use secrecy::SecretString;
use serde_json::json;

use super::config::load_place;
use super::{BackupCommand, Place};
use crate::boot::{self, open_for_command};
use crate::{output, telemetry};

const HINT: &str = "A running office makes it itself: POST /api/v1/backups/NAME/runs";
/// Exit code when a backup is damaged.
const FAULTS_FOUND: u8 = 1;

/// Runs the command.
pub async fn run(command: &BackupCommand) -> anyhow::Result<ExitCode> {
    match command {
        BackupCommand::Setup {
            place,
            shelf,
            name,
            every_hours,
            keep,
            bytes_per_second,
            passphrase_file,
            sheet,
            json,
        } => {
            let new = NewBackupTarget {
                name: name.clone(),
                shelf: shelf_config(shelf.folder.as_deref(), shelf.s3.as_deref())?,
                every_hours: *every_hours,
                bytes_per_second: *bytes_per_second,
                keep: *keep,
                passphrase: passphrase_file.as_deref().map(secret_of_file).transpose()?,
            };
            set_up(place, new, sheet.as_deref(), *json).await
        }
        BackupCommand::Run { place, target, json } => back_up(place, target, *json).await,
        BackupCommand::List { place, json } => list(place, *json).await,
        BackupCommand::Verify { place, target, json } => verify(place, target, *json).await,
    }
}

fn settings(place: &Place) -> anyhow::Result<BackupSettings> {
    let loaded = load_place(place)?;
    telemetry::start_quietly(&loaded.configuration.log);
    if !loaded.data.root.is_dir() {
        bail!("there is no data folder `{}`; name it with --data DIR", loaded.data.root.display());
    }
    Ok(boot::backup_settings(&loaded.configuration, &loaded.data))
}

async fn set_up(place: &Place, new: NewBackupTarget, sheet: Option<&Path>, json: bool) -> anyhow::Result<ExitCode> {
    let settings = settings(place)?;
    let scratch = std::env::temp_dir();
    let (name, every_hours) = (new.name.clone(), new.every_hours);
    let made = settings.set_up(new, &scratch).await?;
    if let Some(path) = sheet {
        write_secret(path, &made.text).with_context(|| {
            format!("the sheet could not be written; remove `{}` and set up anew", made.target_file.display())
        })?;
    }
    if json {
        let text = sheet.is_none().then_some(&made.text);
        output::say_json(&json!({ "name": name, "file": made.target_file, "sheetFile": sheet, "sheet": text }));
        return Ok(ExitCode::SUCCESS);
    }
    match sheet {
        Some(path) => {
            output::say(&format!("The recovery sheet is in `{}`: print it, then delete the file.", path.display()));
        }
        None => output::say(&made.text),
    }
    let when = if every_hours == 0 {
        "It is made when you ask for it".to_owned()
    } else {
        format!("A running office makes one every {every_hours} hours, the first within ten minutes")
    };
    output::remark(&format!("The target `{name}` is set up. {when}; or now: cartulary backup run --target {name}"));
    Ok(ExitCode::SUCCESS)
}

/// Writes a file that only this user reads.
fn write_secret(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

async fn back_up(place: &Place, target: &str, json: bool) -> anyhow::Result<ExitCode> {
    let loaded = load_place(place)?;
    telemetry::start_quietly(&loaded.configuration.log);
    let office = open_for_command(&loaded, HINT).await?;
    let made = office.repository.backup_now(target).await;
    office.close().await;
    let snapshot = made?;
    if json {
        output::say_json(&json!({ "target": target, "snapshot": snapshot }));
    } else {
        output::say(&format!("The backup is whole, and was read back: {snapshot}"));
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(place: &Place, json: bool) -> anyhow::Result<ExitCode> {
    let targets = settings(place)?.look().await?;
    if json {
        let rows: Vec<_> = targets
            .iter()
            .map(|target| {
                json!({
                    "name": target.name, "place": target.place, "everyHours": target.every_hours,
                    "latest": target.latest, "snapshots": target.snapshots, "fault": target.fault,
                })
            })
            .collect();
        output::say_json(&json!({ "targets": rows }));
        return Ok(ExitCode::SUCCESS);
    }
    if targets.is_empty() {
        output::say("No backups are set up: cartulary backup setup --to DIR");
    }
    for target in targets {
        let state = match (&target.fault, &target.latest) {
            (Some(fault), _) => fault.clone(),
            (None, Some(latest)) => format!("{} there, the latest {latest}", target.snapshots),
            (None, None) => "none there yet".to_owned(),
        };
        output::say(&format!("{}  {}\n  {state}", target.name, target.place));
    }
    Ok(ExitCode::SUCCESS)
}

async fn verify(place: &Place, target: &str, json: bool) -> anyhow::Result<ExitCode> {
    let ticker = output::Ticker::new(json);
    let check = settings(place)?.check(target, |files| ticker.tell(|| format!("{files} files"))).await?;
    if json {
        output::say_json(&json!({
            "snapshots": check.snapshots, "files": check.files, "bytes": check.bytes, "damaged": check.damaged,
        }));
    } else {
        let size = output::bytes(check.bytes);
        output::say(&format!("Read {} backups: {} files ({size}).", check.snapshots, check.files));
        for name in &check.damaged {
            output::say(&format!("  damaged: {name}"));
        }
        let verdict = if check.damaged.is_empty() {
            "Every byte is as it was written."
        } else {
            "Make a backup now: it lays down anew what is damaged."
        };
        output::say(verdict);
    }
    Ok(if check.damaged.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAULTS_FOUND) })
}

/// Returns where a shelf is, as the arguments say.
pub fn shelf_config(folder: Option<&Path>, s3: Option<&Path>) -> anyhow::Result<ShelfConfig> {
    match (folder, s3) {
        (Some(folder), _) => Ok(ShelfConfig::Folder { path: std::path::absolute(folder)? }),
        (None, Some(file)) => {
            let text = std::fs::read_to_string(file).with_context(|| format!("cannot read `{}`", file.display()))?;
            let config: S3Config =
                toml::from_str(&text).map_err(|error| anyhow::anyhow!("`{}`: {}", file.display(), error.message()))?;
            Ok(ShelfConfig::S3(Box::new(config)))
        }
        (None, None) => bail!("name the folder of the backups, or with --s3 the file that says where the bucket is"),
    }
}

/// Reads a secret from a file; its last line end does not count.
pub fn secret_of_file(path: &Path) -> anyhow::Result<SecretString> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read `{}`", PathBuf::from(path).display()))?;
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned()))
}
