//! `cartulary restore` and `cartulary restore-drill`: an office is put back from a backup, for good or as a trial.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use cartulary_blobs::MasterKeys;
use cartulary_repository::{
    BackupPlace, BackupSnapshot, CORE_MIGRATIONS, RecoveryKey, RestorePlan, RestoreProgress, RestoreReport,
    RestoredFile, VerifyOptions,
};
use secrecy::SecretString;
use serde_json::json;

use super::backup::{secret_of_file, shelf_config};
use super::verify::Findings;
use super::{Restore, RestoreDrill, RestoreSource};
use crate::boot::{Office, Purpose};
use crate::configuration::{DataFolder, Loaded, Sources, load};
use crate::{modules, output, telemetry};

/// Exit code when something is missing or does not agree.
const FAULTS_FOUND: u8 = 1;

/// Why an office is put back.
#[derive(Clone, Copy, PartialEq, Eq)]
enum For {
    Good,
    Trial,
}

/// What became of it.
struct Outcome {
    snapshot: BackupSnapshot,
    report: RestoreReport,
    findings: Findings,
    files: Vec<RestoredFile>,
    took: Duration,
}

impl Outcome {
    fn is_good(&self) -> bool {
        self.report.missing.is_empty() && self.findings.clean
    }

    fn say(&self, json: bool, end: &str) -> ExitCode {
        if json {
            let files: Vec<_> = self.files.iter().map(|file| json!({ "was": file.was, "now": file.now })).collect();
            output::say_json(&json!({
                "good": self.is_good(), "backup": self.snapshot.name, "takenAt": self.snapshot.taken_at,
                "office": self.snapshot.office, "blobs": self.report.blobs, "blobBytes": self.report.blob_bytes,
                "missing": self.report.missing, "lostBefore": self.snapshot.lost, "files": files,
                "findings": self.findings, "seconds": self.took.as_secs_f64(),
            }));
        } else {
            output::say(&format!(
                "{} as it was at {}: {} blobs ({}), {} objects, {} changes, in {:.1} s.",
                self.snapshot.office,
                self.snapshot.taken_at,
                self.report.blobs,
                output::bytes(self.report.blob_bytes),
                self.findings.objects_checked,
                self.findings.changes_checked,
                self.took.as_secs_f64()
            ));
            for digest in &self.report.missing {
                output::say(&format!("  missing in the backup, or damaged there: {digest}"));
            }
            for fault in &self.findings.faults {
                output::say(&format!("  {} {}: {}", fault.code, fault.subject, fault.detail));
            }
            for file in &self.files {
                output::say(&format!(
                    "  put `{}` where it was, `{}`, or name it in the configuration",
                    file.now.display(),
                    file.was
                ));
            }
            output::say(if self.is_good() { end } else { "Not everything is there: see above." });
        }
        if self.is_good() { ExitCode::SUCCESS } else { ExitCode::from(FAULTS_FOUND) }
    }
}

/// Puts an office back for good.
pub async fn restore(arguments: &Restore) -> anyhow::Result<ExitCode> {
    let data = DataFolder::new(std::path::absolute(&arguments.data)?);
    let outcome = put_back(&arguments.source, &data, arguments.json, For::Good).await?;
    let end = format!("The office is back. Open it:  cartulary serve --data {}", arguments.data.display());
    Ok(outcome.say(arguments.json, &end))
}

/// Puts an office back as a trial beside the living one, and takes it away again.
pub async fn drill(arguments: &RestoreDrill) -> anyhow::Result<ExitCode> {
    let beside = match &arguments.into {
        Some(folder) => tempfile::Builder::new().prefix("restore-drill-").tempdir_in(folder),
        None => tempfile::Builder::new().prefix("restore-drill-").tempdir(),
    };
    let beside = beside.context("cannot make a folder for the trial")?;
    let data = DataFolder::new(beside.path().join("office"));
    let outcome = put_back(&arguments.source, &data, arguments.json, For::Trial).await?;
    let code = outcome.say(arguments.json, "The backup is good: the office could be put back from it.");
    beside.close().context("the folder of the trial could not be removed")?;
    Ok(code)
}

async fn put_back(source: &RestoreSource, data: &DataFolder, is_silent: bool, purpose: For) -> anyhow::Result<Outcome> {
    let began = Instant::now();
    let shelf = shelf_config(source.shelf.folder.as_deref(), source.shelf.s3.as_deref())?;
    let place = BackupPlace::open(&shelf, &key(source)?).await?;
    let names = place.names().await?;
    let name = match &source.at {
        Some(wanted) => names.iter().rev().find(|name| name.contains(wanted.as_str())).cloned(),
        None => names.last().cloned(),
    };
    let Some(name) = name else {
        bail!(
            "there is no such backup; there are: {}",
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        )
    };
    let snapshot = place.describe(&name).await?;
    let has_database = begin(data, &name)?;
    let work_dir = data.root.join("work");
    std::fs::create_dir_all(&work_dir).with_context(|| format!("cannot make `{}`", work_dir.display()))?;
    let files = place.put_configuration(&name, &data.config(), &work_dir).await?;
    let mut loaded = load_restored(data, source.database_url.as_deref())?;
    let files = key_at_its_place(&mut loaded, files, purpose)?;
    telemetry::start_quietly(&loaded.configuration.log);
    let mut migrations = vec![CORE_MIGRATIONS];
    migrations.extend(modules::with_demo().into_iter().flat_map(|module| module.migrations));
    let plan = RestorePlan {
        database: loaded.configuration.database.clone(),
        store: loaded.configuration.store.clone(),
        work_dir,
        migrations,
        has_database,
    };
    let ticker = output::Ticker::new(is_silent);
    let (mark, marked) = (data.restore_mark(), format!("{name}\ndatabase\n"));
    let tell = |progress| match progress {
        RestoreProgress::Database(done, all) => {
            ticker.tell(|| format!("the database: {} of {}", output::bytes(done), output::bytes(all)));
        }
        RestoreProgress::DatabaseDone => {
            let _ = std::fs::write(&mark, &marked);
        }
        RestoreProgress::Blobs(done, all) => ticker.tell(|| format!("{done} of {all} blobs")),
    };
    let report = place.put_back(&name, &plan, tell).await?;
    std::fs::remove_file(data.restore_mark()).context("cannot remove the mark of the unfinished restore")?;
    let findings = look_at(&loaded, &name).await?;
    Ok(Outcome { snapshot, report, findings, files, took: began.elapsed() })
}

/// Opens the office that was put back, writes into its log that it was, and checks it.
async fn look_at(loaded: &Loaded, name: &str) -> anyhow::Result<Findings> {
    let office = Office::open(loaded, Purpose::Command).await?;
    office.repository.note_recovery(name).await?;
    office.repository.sequence_now().await?;
    let began = Instant::now();
    // Every blob was hashed on its way in.
    let options = VerifyOptions { rehash: false, repair_index: true, log_only: false };
    let found = office.repository.verify(options, |_| ()).await;
    office.close().await;
    Ok(Findings::of(found?, began.elapsed()))
}

/// Begins in a folder that is not there or empty, or goes on in one where the same backup was begun; says whether its database
/// is back already.
fn begin(data: &DataFolder, name: &str) -> anyhow::Result<bool> {
    let mark = data.restore_mark();
    if let Ok(text) = std::fs::read_to_string(&mark) {
        if text.lines().next() != Some(name) {
            bail!("`{}` has an unfinished restore of another backup: remove the folder first", data.root.display());
        }
        let has_database = text.lines().any(|line| line == "database");
        if !has_database {
            let _ = std::fs::remove_dir_all(data.root.join("db"));
        }
        return Ok(has_database);
    }
    let is_empty = match std::fs::read_dir(&data.root) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(error).with_context(|| format!("cannot look into `{}`", data.root.display())),
    };
    if !is_empty {
        bail!("`{}` is not empty: name a folder that is not there yet", data.root.display());
    }
    std::fs::create_dir_all(&data.root).with_context(|| format!("cannot make `{}`", data.root.display()))?;
    std::fs::write(&mark, format!("{name}\n")).with_context(|| format!("cannot write `{}`", mark.display()))?;
    Ok(false)
}

/// Reads the configuration that was put back. Of the old machine's files those that came along are meant.
fn load_restored(data: &DataFolder, database_url: Option<&str>) -> anyhow::Result<Loaded> {
    let mut sources = Sources::of_process(data.root.clone(), None);
    if let Some(url) = database_url {
        sources.flags.push(("database.postgres.url", toml::Value::String(url.to_owned())));
    }
    Ok(load(&sources)?)
}

/// Sees to it that the master key of the blobs is there. One that lay outside of the configuration's folder is put where it
/// was if an office is put back for good; a trial uses it from where the backup's files are.
///
/// # Errors
/// Another key lies there: papers sealed with that one could not be read with the office's own.
fn key_at_its_place(
    loaded: &mut Loaded,
    mut files: Vec<RestoredFile>,
    purpose: For,
) -> anyhow::Result<Vec<RestoredFile>> {
    let Some(wanted) = loaded.configuration.store.key_file().map(Path::to_owned) else { return Ok(files) };
    let Some(number) = files.iter().position(|file| Path::new(&file.was) == wanted) else { return Ok(files) };
    let now = files.get(number).map(|file| file.now.clone()).context("a file of the backup is not there")?;
    if purpose == For::Good {
        let is_at_its_place = if wanted.exists() {
            refuse_other_key(&now, &wanted)?;
            std::fs::remove_file(&now).with_context(|| format!("cannot remove `{}`", now.display()))?;
            true
        } else {
            put_key(&now, &wanted).is_ok()
        };
        if is_at_its_place {
            files.remove(number);
            return Ok(files);
        }
    }
    let store = std::mem::take(&mut loaded.configuration.store);
    loaded.configuration.store = store.with_key_file(now);
    Ok(files)
}

/// Refuses a key file that lies where the office's own is to be, and has not all of its keys.
fn refuse_other_key(own: &Path, found: &Path) -> anyhow::Result<()> {
    let (wanted, there) = (MasterKeys::read(own)?.ids(), MasterKeys::read(found)?.ids());
    let lacking: Vec<String> = wanted.iter().filter(|id| !there.contains(id)).map(ToString::to_string).collect();
    if !lacking.is_empty() {
        bail!(
            "`{}` is the key file of another office: it has not the key {} of this one. Move it away, but keep it, for other \
             papers may need it; then type the same again, and the office's own key is put there",
            found.display(),
            lacking.join(" and ")
        );
    }
    Ok(())
}

/// Moves a key file to its place, for this user only.
fn put_key(from: &Path, to: &Path) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    if let Some(folder) = to.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let text = std::fs::read(from)?;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    file.write_all(&text)?;
    file.sync_all()?;
    std::fs::remove_file(from)
}

/// Returns what opens the backup: from a file, or from whoever types it.
fn key(source: &RestoreSource) -> anyhow::Result<RecoveryKey> {
    let secret = match &source.key_file {
        Some(path) => secret_of_file(path)?,
        None => SecretString::from(asked()?),
    };
    let plain: String = secrecy::ExposeSecret::expose_secret(&secret).chars().filter(|c| !c.is_whitespace()).collect();
    let is_key = plain.to_uppercase().starts_with("AGE-SECRET-KEY-");
    Ok(if is_key { RecoveryKey::Sheet(secret) } else { RecoveryKey::Passphrase(secret) })
}

fn asked() -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password("Recovery key or passphrase (it is not shown): ")
            .context("cannot read the key");
    }
    std::io::read_to_string(std::io::stdin())
        .map(|text| text.trim_end_matches(['\r', '\n']).to_owned())
        .context("cannot read the key")
}

/// Returns why a data folder may not be opened: an office that is only half there must not begin to work.
pub fn unfinished(data: &Path) -> Option<String> {
    let mark: PathBuf = DataFolder::new(data).restore_mark();
    mark.exists().then(|| {
        format!(
            "putting the office back into `{}` was not finished: type the same `cartulary restore` again",
            data.display()
        )
    })
}
