//! What is measured: the list of subjects, in the order in which they run.

mod browse;
mod check_in;
mod download;
mod grants;
mod hash;
mod idle;
mod import;
mod large_folder;
mod list;
mod search_cpu;
mod startup;
mod upload;
mod writers;

use crate::report::Row;
use crate::settings::Settings;

/// Something that is measured.
#[derive(Debug, Clone, Copy)]
pub struct Subject {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, for people.
    pub what: &'static str,
    /// Measures it.
    pub run: fn(&Settings) -> anyhow::Result<Vec<Row>>,
}

/// All subjects.
pub const ALL: &[Subject] = &[
    Subject { name: "hash", what: "SHA-256 beside openssl", run: hash::run },
    Subject { name: "import", what: "import beside a plain loop", run: import::run },
    Subject { name: "upload", what: "uploads beside a bare handler", run: upload::run },
    Subject { name: "browse", what: "a document's data beside a constant", run: browse::run },
    Subject { name: "list", what: "windows of a list", run: list::run },
    Subject { name: "download", what: "downloads beside nginx", run: download::run },
    Subject { name: "search_cpu", what: "text PDFs up to searchable beside recollindex", run: search_cpu::run },
    Subject { name: "startup", what: "start to healthy, and the size of the program", run: startup::run },
    Subject { name: "idle", what: "idle memory", run: idle::run },
    Subject { name: "check_in", what: "a check-in without changed content", run: check_in::run },
    Subject { name: "writers", what: "eight writers of small changes", run: writers::run },
    Subject { name: "grants", what: "grants, and searches while lists change", run: grants::run },
    Subject { name: "large_folder", what: "windows of a folder of a million children", run: large_folder::run },
];
