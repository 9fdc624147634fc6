//! What a worker answers about a file: pages, words, metadata and faults.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// Everything that was read from one file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Extraction {
    /// The media type by content, without parameters (`application/pdf`).
    pub media_type: String,
    /// The character encoding the bytes were decoded from, where that applies (`UTF-8`, `windows-1256`).
    pub charset: Option<String>,
    /// How many pages the file has; `None` when it has no pages, or they could not be counted.
    pub page_count: Option<u32>,
    /// The pages that were read, in page order, each at most once.
    pub pages: Vec<Page>,
    /// Title, author, subject, keywords, creator, producer, language: at most 16 entries of at most 1,000 characters.
    pub metadata: BTreeMap<String, String>,
    /// What was wrong, in the order in which it was met; at most 200 entries.
    pub faults: Vec<Fault>,
    /// How much of the text was taken.
    pub text_state: TextState,
    /// False when the format is one that is not read yet. That is a state, not a fault.
    pub format_read: bool,
}

/// How much of a file's text was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextState {
    /// All of it.
    Complete,
    /// Some of it: a page failed, or a limit cut it; the faults say which.
    Partial,
    /// There is none: a scan, an image, an empty file, or a format that is not read.
    #[default]
    None,
}

/// One page.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// The number of the page, from 1.
    pub page_number: u32,
    /// The width as shown (after rotation), in points; `None` where pages have no size.
    pub width_pt: Option<f32>,
    /// The height as shown (after rotation), in points; `None` where pages have no size.
    pub height_pt: Option<f32>,
    /// The text in logical order: lines end with `\n`, blocks with an empty line.
    pub text: String,
    /// The main language as an ISO 639-1 code, where it could be told reliably.
    pub language: Option<String>,
    /// The words in reading order, if they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<Word>,
}

/// A word and where it stands on its page.
///
/// Coordinates are fractions of the page as shown, from its top left corner: 0.0 to 1.0, x to the right, y downwards.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// The word as it stands in the text of the page; one that is parted at the end of a line has two boxes, each with the
    /// part that stands there.
    pub text: String,
    /// Left edge.
    pub x0: f32,
    /// Top edge.
    pub y0: f32,
    /// Right edge.
    pub x1: f32,
    /// Bottom edge.
    pub y1: f32,
}

/// Something wrong with a file, as data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// What kind of fault it is.
    pub code: FaultCode,
    /// One plain sentence, without a full stop, at most 300 characters.
    pub detail: String,
    /// The page it was met on, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page_number: Option<u32>,
}

impl Fault {
    /// A fault of the whole file.
    pub fn of_file(code: FaultCode, detail: impl Into<String>) -> Self {
        Self { code, detail: bounded(detail.into()), page_number: None }
    }

    /// A fault of one page.
    pub fn of_page(code: FaultCode, detail: impl Into<String>, page_number: u32) -> Self {
        Self { code, detail: bounded(detail.into()), page_number: Some(page_number) }
    }
}

fn bounded(detail: String) -> String {
    if detail.len() <= 300 { detail } else { detail.chars().take(300).collect() }
}

/// The kinds of fault; their names are stable and part of the outward interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FaultCode {
    /// The file has no bytes.
    EmptyFile,
    /// The name promises another type than the content has.
    NameDisagrees,
    /// The file cannot be opened in its own format.
    FileUnreadable,
    /// The structure is damaged; what could be read was read.
    FileDamaged,
    /// The file is encrypted with a password that is not known.
    PasswordRequired,
    /// The file is encrypted in a way that is not supported, or wrongly.
    EncryptionUnsupported,
    /// The file says it has another number of pages than were found.
    PageCountDiffers,
    /// The file has more pages than are read.
    TooManyPages,
    /// The file is larger than is read.
    FileTooLarge,
    /// The size of a page is impossible; it was bounded.
    PageSizeImpossible,
    /// A page could not be read.
    PageFailed,
    /// A page took longer than it may.
    PageTimedOut,
    /// A page has more characters than are read.
    PageTooDense,
    /// The text is longer than is kept.
    TextTruncated,
    /// Characters on the page have no Unicode value, so their text is not known.
    TextUnmapped,
    /// A font could not be loaded.
    FontUnreadable,
    /// The bytes are not valid in their character encoding; the wrong ones were replaced.
    EncodingDamaged,
    /// The whole file took longer than it may.
    TimedOut,
    /// The worker needed more memory than it may have.
    MemoryExceeded,
    /// The worker died.
    WorkerCrashed,
    /// No worker could be started.
    WorkerUnavailable,
    /// There were more faults than are listed.
    MoreFaults,
}

impl FaultCode {
    /// The stable name, in snake case, as it stands in answers and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EmptyFile => "empty_file",
            Self::NameDisagrees => "name_disagrees",
            Self::FileUnreadable => "file_unreadable",
            Self::FileDamaged => "file_damaged",
            Self::PasswordRequired => "password_required",
            Self::EncryptionUnsupported => "encryption_unsupported",
            Self::PageCountDiffers => "page_count_differs",
            Self::TooManyPages => "too_many_pages",
            Self::FileTooLarge => "file_too_large",
            Self::PageSizeImpossible => "page_size_impossible",
            Self::PageFailed => "page_failed",
            Self::PageTimedOut => "page_timed_out",
            Self::PageTooDense => "page_too_dense",
            Self::TextTruncated => "text_truncated",
            Self::TextUnmapped => "text_unmapped",
            Self::FontUnreadable => "font_unreadable",
            Self::EncodingDamaged => "encoding_damaged",
            Self::TimedOut => "timed_out",
            Self::MemoryExceeded => "memory_exceeded",
            Self::WorkerCrashed => "worker_crashed",
            Self::WorkerUnavailable => "worker_unavailable",
            Self::MoreFaults => "more_faults",
        }
    }
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
