//! `cartulary verify`: proves that rows, blobs, renditions and index agree.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use cartulary_repository::{VerifyOptions, VerifyProgress, VerifyReport};
use serde::{Deserialize, Serialize};

use super::config::load_place;
use super::{Place, Remote, Verify};
use crate::boot::open_for_command;
use crate::client::Client;
use crate::{output, telemetry};

const HINT: &str = "Let it check itself: cartulary verify --server URL, with the CARTULARY_TOKEN of an administrator";
/// Exit code when something does not agree.
const FAULTS_FOUND: u8 = 1;

/// What a check found, as it is shown and as an office answers it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Findings {
    /// Whether everything agrees.
    pub clean: bool,
    /// Blobs looked at.
    pub blobs_checked: u64,
    /// Their bytes.
    pub bytes_checked: u64,
    /// Renditions looked at.
    pub renditions_checked: u64,
    /// Changes whose chain was computed again.
    pub changes_checked: u64,
    /// Seals of the log whose root was computed again.
    #[serde(default)]
    pub seals_checked: u64,
    /// Objects compared with the index.
    pub objects_checked: u64,
    /// Entries of the index that disagreed and were mended.
    pub index_repaired: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// What does not agree.
    pub faults: Vec<FaultFound>,
}

/// Something that does not agree.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FaultFound {
    /// A stable snake_case code.
    pub code: String,
    /// What it is about.
    pub subject: String,
    /// What is wrong, for a person.
    pub detail: String,
}

impl Findings {
    /// Returns what a report says, with the time that it took.
    pub fn of(report: VerifyReport, took: Duration) -> Self {
        Self {
            clean: report.is_clean(),
            blobs_checked: report.blobs_checked,
            bytes_checked: report.bytes_checked,
            renditions_checked: report.renditions_checked,
            changes_checked: report.changes_checked,
            seals_checked: report.seals_checked,
            objects_checked: report.objects_checked,
            index_repaired: report.index_repaired,
            duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
            faults: report
                .faults
                .into_iter()
                .map(|fault| FaultFound { code: fault.code.to_owned(), subject: fault.subject, detail: fault.detail })
                .collect(),
        }
    }

    fn for_people(&self) -> String {
        let bytes = match self.bytes_checked {
            0 => "their bytes were not read".to_owned(),
            bytes => output::bytes(bytes),
        };
        let mut text = format!(
            "Checked {} blobs ({bytes}), {} renditions, {} changes, {} objects in {:.1} s.\n",
            self.blobs_checked,
            self.renditions_checked,
            self.changes_checked,
            self.objects_checked,
            Duration::from_millis(self.duration_ms).as_secs_f64()
        );
        if self.index_repaired > 0 {
            text.push_str(&format!("Mended {} entries of the index.\n", self.index_repaired));
        }
        self.add_faults(&mut text);
        text
    }

    fn of_log_for_people(&self) -> String {
        let mut text = format!(
            "Checked {} entries of the log and {} {} in {:.1} s.\n",
            self.changes_checked,
            self.seals_checked,
            if self.seals_checked == 1 { "seal" } else { "seals" },
            Duration::from_millis(self.duration_ms).as_secs_f64()
        );
        self.add_faults(&mut text);
        text
    }

    fn add_faults(&self, text: &mut String) {
        for fault in &self.faults {
            text.push_str(&format!("  {} {}: {}\n", fault.code, fault.subject, fault.detail));
        }
        text.push_str(&match self.faults.len() {
            0 => "Everything agrees.\n".to_owned(),
            1 => "1 fault was found.\n".to_owned(),
            count => format!("{count} faults were found.\n"),
        });
    }
}

/// Runs the command.
pub async fn run(arguments: &Verify) -> anyhow::Result<ExitCode> {
    let options =
        VerifyOptions { rehash: !arguments.quick, repair_index: !arguments.no_repair, ..VerifyOptions::default() };
    check((&arguments.place, &arguments.remote), arguments.json, options).await
}

/// Checks a data folder, or asks a running office to check itself, and says what was found.
pub async fn check((place, remote): (&Place, &Remote), json: bool, options: VerifyOptions) -> anyhow::Result<ExitCode> {
    let findings = match Client::of(remote)? {
        Some(client) => crate::maintenance::ask(&client, options).await?,
        None => check_here(place, json, options).await?,
    };
    if json {
        output::say_json(&findings);
    } else if options.log_only {
        output::say(&findings.of_log_for_people());
    } else {
        output::say(&findings.for_people());
    }
    Ok(if findings.clean { ExitCode::SUCCESS } else { ExitCode::from(FAULTS_FOUND) })
}

async fn check_here(place: &Place, json: bool, options: VerifyOptions) -> anyhow::Result<Findings> {
    let loaded = load_place(place)?;
    telemetry::start_quietly(&loaded.configuration.log);
    let office = open_for_command(&loaded, HINT).await?;
    let begun = Instant::now();
    let ticker = output::Ticker::new(json);
    let tell = |progress: VerifyProgress| {
        ticker.tell(|| format!("{} blobs, {}", progress.blobs_checked, output::bytes(progress.bytes_checked)));
    };
    let done = office.repository.verify(options, tell).await;
    office.close().await;
    Ok(Findings::of(done?, begun.elapsed()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_of_the_log_says_how_much_it_saw() {
        let findings = Findings { clean: true, changes_checked: 4, seals_checked: 1, ..Findings::default() };
        let said = findings.of_log_for_people();
        assert_eq!(said, "Checked 4 entries of the log and 1 seal in 0.0 s.\nEverything agrees.\n");
    }

    #[test]
    fn faults_are_named_one_a_line() {
        let fault =
            FaultFound { code: "blob_missing".to_owned(), subject: "ab12".to_owned(), detail: "not there".to_owned() };
        let findings = Findings { blobs_checked: 2, bytes_checked: 12, faults: vec![fault], ..Findings::default() };
        insta::assert_snapshot!(findings.for_people());
    }
}
