//! The papers of a case: which there are, what they are called, and their bytes.

mod annex;
mod dates;
mod forms;
mod letters;
mod plain;
mod replies;
mod steps;
mod technical;

use jiff::civil::Date;
use jiff::{Span, ToSpan};

use crate::art::{signs, views};
use crate::cases::people::{OFFICE, Person};
use crate::cases::{Case, Language, Subject};
use crate::output::pdf::{Info, pdf};
use crate::output::raster::{Dots, View, draw};
use crate::output::{png, scan};
use crate::page::Page;

pub use annex::{PAGES as ANNEX_PAGES, check_word};
pub use steps::{Direction, Reason, Step};

/// A paper, without its bytes.
#[derive(Clone, Debug)]
pub struct Paper {
    /// Its place in the dossier, from 1.
    pub place: usize,
    /// Where it came from.
    pub step: Step,
    /// The title in the language of the procedure.
    pub title: &'static str,
    /// The title in the other one.
    pub title_other: &'static str,
    /// A choice of `demo:paperKind`.
    pub kind: &'static str,
    /// Which way it went.
    pub direction: Direction,
    /// Its date.
    pub dated: Date,
    /// Its number: `2026/E/001234`.
    pub number: String,
    /// Its language, or both.
    pub language: &'static str,
    /// Why each version was made; none for a paper that is not yet scanned.
    pub versions: &'static [Reason],
}

impl Paper {
    /// Returns the file's name: its place, so that names are in the order of receipt, and its title.
    pub fn file_name(&self) -> String {
        let ending = self.step.facts().ending;
        let dot = if ending.is_empty() { "" } else { "." };
        format!("{:02} {}{dot}{ending}", self.place, self.title)
    }

    /// Returns who sent it, in the language of the procedure.
    pub fn sender(&self, case: &Case) -> &'static str {
        match (self.direction, self.step) {
            (Direction::In, Step::Opposition) => replies::opponent(case).name.in_language(case.language),
            (Direction::In, _) => case.correspondent().name.in_language(case.language),
            _ => OFFICE.in_language(case.language),
        }
    }

    /// Returns when a version of it was made; the first is 0.
    fn made_on(&self, version: usize) -> Date {
        later(self.dated, i64::try_from(version).unwrap_or(0) * 9)
    }
}

/// Returns the papers of a case in the order of receipt.
pub fn of_case(case: &Case) -> Vec<Paper> {
    let mut papers: Vec<Paper> = case.steps.iter().map(|step| paper(case, *step)).collect();
    papers.sort_by_key(|paper| paper.dated);
    for (place, paper) in papers.iter_mut().enumerate() {
        paper.place = place + 1;
        paper.number = paper_number(case, paper);
    }
    papers
}

fn paper(case: &Case, step: Step) -> Paper {
    let steps::Facts { title, kind, direction, day, versions, .. } = step.facts();
    let language = if step.is_bilingual() { "English and Arabic" } else { case.language.name() };
    Paper {
        place: 0,
        step,
        title: title.in_language(case.language),
        title_other: title.in_language(case.language.other()),
        kind,
        direction,
        dated: later(case.filed_on, day),
        number: String::new(),
        language,
        versions,
    }
}

/// Numbers look like those of a reception log, and differ between all papers.
fn paper_number(case: &Case, paper: &Paper) -> String {
    let log = match paper.direction {
        Direction::In => 'E',
        Direction::Out => 'S',
        Direction::Internal => 'I',
    };
    let tail: u32 = case
        .number
        .bytes()
        .rev()
        .take(4)
        .filter(u8::is_ascii_digit)
        .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'));
    let right = match case.subject {
        Subject::Mark(_) => 1,
        Subject::Patent(_) => 2,
        Subject::Design(_) => 3,
    };
    format!("{}/{log}/{right}{tail:03}{:02}", paper.dated.year(), paper.place)
}

fn later(date: Date, days: i64) -> Date {
    let span: Span = days.days();
    date.checked_add(span).unwrap_or(date)
}

/// Returns the bytes of a version of a paper; the first is 0.
pub fn bytes(case: &Case, paper: &Paper, version: usize) -> Vec<u8> {
    match paper.step {
        Step::Representation => match &case.subject {
            Subject::Mark(mark) => picture(&signs::picture(case, mark)),
            _ => Vec::new(),
        },
        Step::Picture => design_picture(case),
        Step::Receipt => plain::receipt(case, paper).into_bytes(),
        Step::Note => plain::note(case, paper).into_bytes(),
        Step::SearchReport => plain::search_report(case, paper, version).into_bytes(),
        _ => {
            let pages = pages(case, paper, version);
            pdf(&pages, &info(case, paper, version))
        }
    }
}

fn pages(case: &Case, paper: &Paper, version: usize) -> Vec<Page> {
    match paper.step {
        Step::ApplicationForm | Step::FormCorrected => forms::application(case, paper, version),
        Step::FormalityReport => forms::formality_report(case, paper, version),
        Step::Certificate => forms::certificate(case, paper),
        Step::Views | Step::ViewsReplaced => technical::design_views(case, version),
        Step::Description => technical::description(case),
        Step::Claims | Step::ClaimsAmended => technical::claims(case, version),
        Step::Abstract => technical::summary(case),
        Step::Drawings => technical::drawings(case),
        Step::Annex => annex::pages(case),
        Step::Power => scan::scanned(&replies::power(case, paper), &paper.number),
        Step::DeficiencyReply | Step::ObjectionReply | Step::Withdrawal | Step::Opposition => {
            scan::scanned(&replies::letter(case, paper), &paper.number)
        }
        _ => letters::letter(case, paper, version),
    }
}

fn info(case: &Case, paper: &Paper, version: usize) -> Info {
    let is_scan =
        paper.direction == Direction::In && matches!(paper.kind, "Reply" | "Opposition" | "Power of attorney");
    Info {
        title: format!("{} {}", case.number, paper.title),
        author: paper.sender(case).to_owned(),
        made_on: paper.made_on(version),
        producer: if is_scan { "Cartulary demonstration scanner" } else { "Cartulary demonstration office" },
    }
}

fn design_picture(case: &Case) -> Vec<u8> {
    let mut page = Page::new(signs::SIDE, signs::SIDE);
    if let Subject::Design(design) = &case.subject {
        views::view_at(&mut page, design.piece, views::Side::Front, signs::SIDE / 2.0, signs::SIDE / 2.0 + 6.0);
    }
    picture(&page)
}

fn picture(page: &Page) -> Vec<u8> {
    png::png(&draw(page, &View::scaled(2.0), Dots::Colour))
}

/// Returns a name with its address.
fn name_and_address(person: &Person, language: Language) -> String {
    let comma = if language == Language::Arabic { "،" } else { "," };
    format!("{}{comma} {}", person.name.in_language(language), person.address.in_language(language))
}
