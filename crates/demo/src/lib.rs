//! A small living office made by code: marks, patents and designs with their papers, in English and Arabic.
//!
//! It is the first module, and shows what one looks like: [`module`] is everything that it contributes, and [`fill`]
//! makes the dossiers through the same `Session` services that everybody uses. All people, companies and inventions are
//! invented. The same program makes the same bytes each time.
//!
//! Invariant: this crate opens no file and no socket, and knows no SQL.

mod art;
mod cases;
mod fill;
mod output;
mod page;
mod papers;
mod types;

use cartulary_repository::Module;

pub use fill::{Filled, fill};

/// Returns what the demonstration office contributes: its types.
pub fn module() -> Module {
    Module { name: "demo", types: types::types(), ..Module::default() }
}

/// One paper as a file, for those who want the papers and not the office.
#[derive(Clone, Debug)]
pub struct SampleFile {
    /// The dossier's name.
    pub dossier: String,
    /// The file's name.
    pub name: String,
    /// The version, from 1.
    pub version: usize,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Makes the files of all papers one after another, in the order of dossiers and receipt.
pub fn sample_files() -> impl Iterator<Item = SampleFile> {
    cases::all().into_iter().flat_map(|case| {
        papers::of_case(&case).into_iter().flat_map(move |paper| {
            let case = case.clone();
            (0..paper.versions.len()).map(move |version| SampleFile {
                dossier: case.name(),
                name: paper.file_name(),
                version: version + 1,
                bytes: papers::bytes(&case, &paper, version),
            })
        })
    })
}

/// How many pages the longest paper has, and the word that stands on one of its pages only.
///
/// *Shape*: `page_number` runs from 1 to the number of pages.
pub fn longest_paper(page_number: usize) -> (usize, String) {
    (papers::ANNEX_PAGES, papers::check_word(page_number))
}
