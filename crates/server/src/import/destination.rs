//! The office that takes the files: a data folder that this program opened itself, or one that runs elsewhere.

use super::check::Known;
use super::local::LocalOffice;
use super::remote::RemoteOffice;
use super::report::Ended;
use super::walk::{Candidate, Fault};
use crate::contact::Contact;

/// The office that takes the files.
#[derive(Debug)]
pub enum Destination {
    /// The data folder, opened by this program.
    Local(LocalOffice),
    /// An office that runs, spoken to over HTTP.
    Remote(RemoteOffice),
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is a new document.
    Created,
    /// It is a new document: it changed since the document that it had become was put into the trash.
    Anew,
    /// It is a new version of a document that was there.
    Version,
    /// It had been taken before.
    Already,
    /// It had been taken before, and its document lies in the trash.
    Trashed,
}

/// Why a file was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakeError {
    /// This file cannot be taken; others can.
    File(Fault),
    /// Nothing more can be taken, for this reason.
    Stop(String),
}

impl Destination {
    /// Takes one file in.
    ///
    /// # Errors
    /// [`TakeError`].
    pub async fn take(&self, candidate: &Candidate, known: Option<Known>) -> Result<Taken, TakeError> {
        match self {
            Self::Local(office) => office.take(candidate).await,
            Self::Remote(office) => office.take(candidate, known).await,
        }
    }

    /// Notes a file that could not be taken, where the office keeps such notes.
    pub async fn note_fault(&self, fault: &Fault) {
        if let Self::Local(office) = self {
            office.note_fault(fault).await;
        }
    }

    /// Ends the run; returns what the office has to say about files, and about their texts.
    ///
    /// # Errors
    /// Why the run could not be ended; what was taken stays taken.
    pub async fn finish(&self) -> anyhow::Result<Ended> {
        match self {
            Self::Local(office) => office.finish().await,
            Self::Remote(office) => office.finish().await,
        }
    }

    /// Returns the contact with an office that runs elsewhere.
    pub const fn contact(&self) -> Option<&Contact> {
        match self {
            Self::Local(_) => None,
            Self::Remote(office) => Some(office.contact()),
        }
    }

    /// Returns the id of the run.
    pub fn import_id(&self) -> String {
        match self {
            Self::Local(office) => office.import_id(),
            Self::Remote(office) => office.import_id(),
        }
    }
}
