//! The cases of the office: who filed what, when, and how far it came.

mod designs;
mod marks;
mod patents;
pub mod people;

use jiff::civil::Date;
use people::{Person, Twin};

use crate::papers::Step;

pub use designs::Piece;
pub use marks::Sign;
pub use patents::Figure;

/// A language of the office.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Arabic.
    Arabic,
}

impl Language {
    /// Returns the language's name, as the type's choices have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Arabic => "Arabic",
        }
    }

    /// Returns the other one.
    pub const fn other(self) -> Self {
        match self {
            Self::English => Self::Arabic,
            Self::Arabic => Self::English,
        }
    }
}

/// A case, which becomes a dossier.
#[derive(Clone, Debug)]
pub struct Case {
    /// The application number: `TM/2026/000123`.
    pub number: &'static str,
    /// The language of the procedure.
    pub language: Language,
    /// The mark, or the title of the invention or design.
    pub title: Twin,
    /// Who applies.
    pub applicant: Person,
    /// Who acts for the applicant.
    pub representative: Option<Person>,
    /// Who examines.
    pub examiner: Twin,
    /// The filing date.
    pub filed_on: Date,
    /// How far it came: a choice of `demo:status`.
    pub status: &'static str,
    /// The number in the register.
    pub registration: Option<&'static str>,
    /// What is special to the right.
    pub subject: Subject,
    /// The papers, in the order of receipt.
    pub steps: &'static [Step],
}

/// What the right is for.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A mark.
    Mark(Mark),
    /// A patent.
    Patent(Patent),
    /// A design.
    Design(Design),
}

/// A mark.
#[derive(Clone, Debug)]
pub struct Mark {
    /// The sign beside the word, if there is one.
    pub sign: Option<Sign>,
    /// Classes of the Nice classification.
    pub classes: &'static [u8],
    /// What it is for.
    pub goods: Twin,
    /// An earlier mark that the search finds.
    pub earlier: Twin,
}

/// A patent application.
#[derive(Clone, Debug)]
pub struct Patent {
    /// Symbols of the International Patent Classification.
    pub classes: &'static [&'static str],
    /// Who invented it.
    pub inventors: &'static [Twin],
    /// The abstract.
    pub summary: Twin,
    /// What is known and what is wrong with it.
    pub background: Twin,
    /// The parts of the thing, each a numeral and a name.
    pub parts: &'static [(u16, Twin)],
    /// What is claimed: the first independent.
    pub claims: &'static [Twin],
    /// The figures.
    pub figures: &'static [Figure],
}

/// A design.
#[derive(Clone, Debug)]
pub struct Design {
    /// Classes of the Locarno classification.
    pub classes: &'static [&'static str],
    /// Who designed it.
    pub designers: &'static [Twin],
    /// What it looks like.
    pub summary: Twin,
    /// The thing.
    pub piece: Piece,
}

impl Case {
    /// Returns the dossier's name: the number without strokes.
    pub fn name(&self) -> String {
        self.number.replace('/', "-")
    }

    /// Returns the dossier type.
    pub const fn type_id(&self) -> &'static str {
        match self.subject {
            Subject::Mark(_) => "demo:mark",
            Subject::Patent(_) => "demo:patent",
            Subject::Design(_) => "demo:design",
        }
    }

    /// Returns who writes and receives letters: the representative, or else the applicant.
    pub fn correspondent(&self) -> &Person {
        self.representative.as_ref().unwrap_or(&self.applicant)
    }
}

/// Returns all cases: twelve marks, seven patents, five designs.
pub fn all() -> Vec<Case> {
    let mut cases = marks::cases();
    cases.extend(patents::cases());
    cases.extend(designs::cases());
    cases
}

const fn on(year: i16, month: i8, day: i8) -> Date {
    jiff::civil::date(year, month, day)
}
