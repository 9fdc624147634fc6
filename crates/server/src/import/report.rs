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

/// What an office says at the end of a run.
#[derive(Debug)]
pub struct Ended {
    /// Files that could not be taken whole.
    pub faults: Vec<Fault>,
    /// Files that were taken, and whose text could not be read.
    pub unread: Vec<Fault>,
    /// Texts that are still to be read; not known of an office that does not say so.
    pub texts_waiting: Option<u64>,
}

/// Returns the fault of a file whose text could not be read: what is wrong with it, by code and in words.
pub fn unread_fault(path: String, faults: impl IntoIterator<Item = (String, String)>) -> Fault {
    let (codes, words): (Vec<String>, Vec<String>) = faults.into_iter().unzip();
    let code = codes.into_iter().next().unwrap_or_else(|| "unreadable_text".to_owned());
    let reason = if words.is_empty() { "why, the office does not say".to_owned() } else { words.join("; ") };
    Fault::new(path, code, reason)
}

/// So many files whose text could not be read are named for people.
const UNREAD_SHOWN: usize = 50;

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
    /// Files that were taken, and whose text could not be read until the run ended; at most 1,000.
    pub unread: Vec<Fault>,
    /// Texts that were still to be read when the run ended; not known of an office that does not say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub texts_waiting: Option<u64>,
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
            unread: Vec::new(),
            texts_waiting: None,
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
        self.tell_texts(&mut text, files);
        if !self.faults.is_empty() {
            text.push_str("Not taken whole:\n");
        }
        self.faults.iter().for_each(|fault| tell_fault(&mut text, fault));
        text
    }

    /// Appends which texts could not be read, and where those will be named that are still to be read.
    fn tell_texts(&self, text: &mut String, files: u64) {
        let count = self.unread.len();
        if count > 0 {
            text.push_str(&format!("Taken and kept as they are, but their text could not be read: {count}\n"));
        }
        self.unread.iter().take(UNREAD_SHOWN).for_each(|fault| tell_fault(text, fault));
        let Some(id) = &self.import_id else { return };
        let address = format!("GET /api/v1/imports/{id}");
        if count > UNREAD_SHOWN {
            text.push_str(&format!("  … and {} more, named by\n  {address}\n", count - UNREAD_SHOWN));
        }
        let of_them = match self.texts_waiting {
            Some(0) => return,
            Some(waiting) => format!("Texts that are still to be read: {waiting}; they"),
            None if files == 0 => return,
            None => "Their texts".to_owned(),
        };
        text.push_str(&format!(
            "{of_them} are read while the office runs. What could not be read is named, then, by\n  {address}\n"
        ));
    }
}

/// Appends a line of what is wrong with a file. What a name hides is shown as signs.
fn tell_fault(text: &mut String, fault: &Fault) {
    let path = fault.path.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\"");
    text.push_str(&format!("  {path}: {}\n", fault.reason));
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
    fn texts_that_could_not_be_read_are_named_up_to_fifty() {
        let with = |count, texts_waiting| {
            let unread = (1..=count).map(|number| Fault::new(format!("{number}.pdf"), "damaged", "it ends too soon"));
            let import_id = Some("01a217c9-5b1e-7c3f-9c3e-1f7d3c2b5a90".to_owned());
            Report { created: 60, import_id, unread: unread.collect(), texts_waiting, ..Report::new(String::new()) }
        };
        let told = with(2, Some(0)).for_people();
        let lines = "text could not be read: 2\n  1.pdf: it ends too soon\n  2.pdf: it ends too soon\n";
        assert!(told.ends_with(lines), "{told}");
        let told = with(53, Some(4)).for_people();
        assert_eq!(told.matches("it ends too soon").count(), 50);
        assert!(told.contains("  … and 3 more, named by\n  GET /api/v1/imports/01a2"), "{told}");
        assert!(told.contains("Texts that are still to be read: 4; they are read while the office runs."), "{told}");
        assert_eq!(with(53, Some(4)).exit_code(), 0);
        assert!(!with(0, Some(0)).for_people().contains("could not be read"));
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
