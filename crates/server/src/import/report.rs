//! What an import says at its end.

use std::time::Duration;

use serde::Serialize;

use super::walk::Fault;
use crate::output;

/// How an import ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "state", content = "message")]
pub enum Ending {
    /// Everything was looked at.
    Finished,
    /// A person stopped it; running it again goes on.
    Stopped,
    /// It could not go on, for this reason; running it again goes on.
    Broken(String),
}

/// The report of an import.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The name under which the office remembers what it took.
    pub source: String,
    /// The run's id in the office.
    pub import_id: Option<String>,
    /// How it ended.
    #[serde(flatten)]
    pub ending: Ending,
    /// New documents.
    pub created: u64,
    /// Those of the new documents whose files had been taken before with other bytes, and whose former documents lie in the
    /// trash.
    pub anew: u64,
    /// New versions of documents that were there.
    pub new_versions: u64,
    /// Files that had been taken before.
    pub already_taken: u64,
    /// Files that had been taken before, and whose documents lie in the trash; they stay there.
    pub in_trash: u64,
    /// Bytes of the new documents and versions.
    pub bytes: u64,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// How much of that time the office did not answer, in milliseconds.
    pub waited_ms: u64,
    /// Files that could not be taken whole.
    pub faults: Vec<Fault>,
}

impl Report {
    /// Returns an empty report.
    pub fn new(source: String) -> Self {
        Self {
            source,
            import_id: None,
            ending: Ending::Finished,
            created: 0,
            anew: 0,
            new_versions: 0,
            already_taken: 0,
            in_trash: 0,
            bytes: 0,
            duration_ms: 0,
            waited_ms: 0,
            faults: Vec::new(),
        }
    }

    /// Returns the exit code that `import` documents.
    pub fn exit_code(&self) -> u8 {
        match &self.ending {
            Ending::Stopped => 130,
            Ending::Broken(_) => 2,
            Ending::Finished if self.faults.is_empty() => 0,
            Ending::Finished => 1,
        }
    }

    /// Adds a fault unless its path has one already.
    pub fn add_fault(&mut self, fault: Fault) {
        if !self.faults.iter().any(|known| known.path == fault.path) {
            self.faults.push(fault);
        }
    }

    /// Returns the report for people: the counts, then one line for each file that could not be taken whole.
    pub fn for_people(&self) -> String {
        let seconds = Duration::from_millis(self.duration_ms.saturating_sub(self.waited_ms)).as_secs_f64();
        let files = self.created.saturating_add(self.new_versions);
        let rate = if seconds > 0.0 { files as f64 / seconds } else { 0.0 };
        let mut text = match &self.ending {
            Ending::Finished => String::from("Import finished.\n"),
            Ending::Stopped => String::from("Import stopped; run it again to go on.\n"),
            Ending::Broken(reason) => format!("Import broken off: {reason}\nRun it again to go on.\n"),
        };
        text.push_str(&format!(
            "  new documents   {:>10}\n  new versions    {:>10}\n  already taken   {:>10}\n  not taken whole {:>10}\n  \
             {} in {seconds:.1} s, {rate:.0} files/s\n",
            self.created,
            self.new_versions,
            self.already_taken,
            self.faults.len(),
            output::bytes(self.bytes),
        ));
        if self.in_trash > 0 {
            let (count, them) = (self.in_trash, if self.in_trash == 1 { "it" } else { "them" });
            text.push_str(&format!(
                "In the trash: {count}. Taken before and put there since; to have {them} again, take {them} out of the trash.\n"
            ));
        }
        if self.anew > 0 {
            let theirs = match self.anew {
                1 => "the document it was lies in the trash, and stays there",
                _ => "the documents they were lie in the trash, and stay there",
            };
            text.push_str(&format!("Changed, and taken as new: {}; {theirs}.\n", self.anew));
        }
        if self.waited_ms > 0 {
            let waited = Duration::from_millis(self.waited_ms).as_secs_f64();
            text.push_str(&format!("  and {waited:.1} s of waiting for the office, which did not answer\n"));
        }
        if let Some(id) = self.import_id.as_ref().filter(|_| files > 0) {
            text.push_str(&format!(
                "Their texts are read while the office runs. What could not be read is named, then, by\n  GET \
                 /api/v1/imports/{id}\n"
            ));
        }
        if !self.faults.is_empty() {
            text.push_str("Not taken whole:\n");
        }
        for fault in &self.faults {
            let path = fault.path.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"");
            text.push_str(&format!("  {path}: {}\n", fault.reason));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_report_names_each_file_that_was_not_taken() {
        let mut report = Report::new("papers".to_owned());
        report.import_id = Some("01a217c9-5b1e-7c3f-9c3e-1f7d3c2b5a90".to_owned());
        report.created = 2;
        report.bytes = 1500;
        report.duration_ms = 500;
        report.add_fault(Fault::new("a/out", "link_outside", "it is a link out of the folder"));
        report.add_fault(Fault::new("a/out", "link_outside", "said twice"));
        report.add_fault(Fault::new("a/new\nline", "unreadable", "it cannot be read"));
        assert_eq!(report.exit_code(), 1);
        insta::assert_snapshot!(report.for_people());
        insta::assert_snapshot!(serde_json::to_string_pretty(&report).unwrap());
    }

    #[test]
    fn what_was_taken_anew_is_told_in_one_line() {
        let with = |anew| Report { created: 2, anew, ..Report::new(String::new()) }.for_people();
        assert!(
            with(1)
                .contains("\nChanged, and taken as new: 1; the document it was lies in the trash, and stays there.\n")
        );
        assert!(
            with(2).contains(
                "\nChanged, and taken as new: 2; the documents they were lie in the trash, and stay there.\n"
            )
        );
        assert!(!with(0).contains("taken as new"));
    }

    #[test]
    fn each_ending_has_its_exit_code() {
        let with = |ending| Report { ending, ..Report::new(String::new()) }.exit_code();
        assert_eq!(
            [with(Ending::Finished), with(Ending::Broken("no room".to_owned())), with(Ending::Stopped)],
            [0, 2, 130]
        );
    }
}
