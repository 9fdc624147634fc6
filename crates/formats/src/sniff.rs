//! The media type of a file by its first bytes, with its name as a hint. Pure and cheap; parses nothing deep.

mod names;
mod text;

use crate::extraction::{Fault, FaultCode};

pub(crate) use text::{byte_order_mark, guess_charset};

/// What the first bytes of a file say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sniffed {
    /// The media type without parameters; `application/octet-stream` when nothing is known.
    pub media_type: String,
    /// False when the ending of the name promises another type than the content has; true when it promises nothing known.
    pub agrees_with_name: bool,
    /// For text: the character encoding that the first bytes speak for (`UTF-8`, `windows-1256`).
    pub charset: Option<String>,
}

impl Sniffed {
    /// Returns the value for a `Content-Type` header: the media type, for text with its character encoding.
    pub fn content_type(&self) -> String {
        match &self.charset {
            Some(charset) if self.media_type.starts_with("text/") => format!("{}; charset={charset}", self.media_type),
            _ => self.media_type.clone(),
        }
    }
}

/// Names the media type of a file from its first bytes and its name.
///
/// `head` should hold the first 4 KiB or more, or the whole file. Content decides; the name decides only between types that
/// cannot be told apart by content (a CSV file from other text, an old Word file from an old Excel file).
///
/// # Example
/// ```
/// let sniffed = cartulary_formats::sniff(b"%PDF-1.7\n", "letter.tiff");
/// assert_eq!(sniffed.media_type, "application/pdf");
/// assert!(!sniffed.agrees_with_name);
/// ```
pub fn sniff(head: &[u8], file_name: &str) -> Sniffed {
    let ending = names::ending(file_name);
    let promised = names::promised(&ending);
    if let Some(media_type) = by_magic(head, &ending) {
        return told(media_type, &ending, None);
    }
    if let Some((media_type, charset)) = text::by_text(head, promised) {
        return told(media_type, &ending, Some(charset));
    }
    told("application/octet-stream", &ending, None)
}

/// Returns the fault of a name that promises another type than `media_type`, which the content has.
///
/// # Example
/// ```
/// let fault = cartulary_formats::fault_of_name("image/png", "scan.tiff");
/// assert_eq!(fault.map(|fault| fault.code.as_str()), Some("name_disagrees"));
/// assert_eq!(cartulary_formats::fault_of_name("image/png", "scan.png"), None);
/// ```
pub fn fault_of_name(media_type: &str, file_name: &str) -> Option<Fault> {
    (!names::agrees(&names::ending(file_name), media_type)).then(|| disagreement(media_type))
}

/// The fault of a name that promises another type than this.
pub(crate) fn disagreement(media_type: &str) -> Fault {
    let detail = format!("the name does not fit what the file holds, {media_type}");
    Fault::of_file(FaultCode::NameDisagrees, detail)
}

fn told(media_type: &str, ending: &str, charset: Option<String>) -> Sniffed {
    Sniffed { media_type: media_type.to_owned(), agrees_with_name: names::agrees(ending, media_type), charset }
}

/// Signatures at a fixed place: offset, bytes, media type.
const MAGIC: &[(usize, &[u8], &str)] = &[
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"II+\0", "image/tiff"),
    (0, b"MM\0+", "image/tiff"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "image/jp2"),
    (0, b"\xff\x4f\xff\x51", "image/jp2"),
    (0, b"\0\0\x01\0", "image/vnd.microsoft.icon"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\0", "application/x-xz"),
    (0, b"\x28\xb5\x2f\xfd", "application/zstd"),
    (0, b"%!PS", "application/postscript"),
    (0, b"\x7fELF", "application/x-executable"),
    (0, b"MZ", "application/vnd.microsoft.portable-executable"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "application/ogg"),
    (0, b"SQLite format 3\0", "application/vnd.sqlite3"),
    (257, b"ustar", "application/x-tar"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftyp", "video/mp4"),
];

fn by_magic(head: &[u8], ending: &str) -> Option<&'static str> {
    // A PDF header may stand anywhere in the first kilobyte (PDF 1.7, implementation note 13).
    let early = head.get(..head.len().min(1024)).unwrap_or_default();
    if contains(early, b"%PDF-") && !early.starts_with(b"PK\x03\x04") {
        return Some("application/pdf");
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Some(by_zip_entries(head, ending));
    }
    if head.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1") {
        return Some(by_compound_file(head, ending));
    }
    if let Some(riff) = head.strip_prefix(b"RIFF").and_then(|rest| rest.get(4..8)) {
        match riff {
            b"WEBP" => return Some("image/webp"),
            b"WAVE" => return Some("audio/wav"),
            b"AVI " => return Some("video/x-msvideo"),
            _ => {}
        }
    }
    if is_bitmap(head) {
        return Some("image/bmp");
    }
    let at = |offset: usize, magic: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(magic));
    MAGIC.iter().find(|(offset, magic, _)| at(*offset, magic)).map(|(_, _, media_type)| *media_type)
}

/// `BM` alone begins many words, so the size of the header behind it must be one that exists.
fn is_bitmap(head: &[u8]) -> bool {
    let header_size = head.get(14..18).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
    head.starts_with(b"BM") && header_size.is_some_and(|size| matches!(size, 12 | 16 | 40 | 52 | 56 | 64 | 108 | 124))
}

/// Tells office files from plain archives by the names of the entries that stand in the first bytes.
fn by_zip_entries(head: &[u8], ending: &str) -> &'static str {
    const PACKED: &[(&[u8], &str)] = &[
        (b"application/vnd.oasis.opendocument.text", "application/vnd.oasis.opendocument.text"),
        (b"application/vnd.oasis.opendocument.spreadsheet", "application/vnd.oasis.opendocument.spreadsheet"),
        (b"application/vnd.oasis.opendocument.presentation", "application/vnd.oasis.opendocument.presentation"),
        (b"application/vnd.oasis.opendocument.graphics", "application/vnd.oasis.opendocument.graphics"),
        (b"application/epub+zip", "application/epub+zip"),
    ];
    // OpenDocument and EPUB: the first entry is called `mimetype`, stored, and holds the type.
    if head.get(30..38) == Some(b"mimetype") {
        let value = head.get(38..).unwrap_or_default();
        if let Some((_, media_type)) = PACKED.iter().find(|(prefix, _)| value.starts_with(prefix)) {
            return media_type;
        }
    }
    let mut office_open = false;
    for entry in entry_names(head) {
        if entry.starts_with(b"word/") {
            return DOCX;
        } else if entry.starts_with(b"xl/") {
            return XLSX;
        } else if entry.starts_with(b"ppt/") {
            return PPTX;
        }
        office_open |= entry == b"[Content_Types].xml" || entry.starts_with(b"_rels/");
    }
    match ending {
        "docx" if office_open => DOCX,
        "xlsx" if office_open => XLSX,
        "pptx" if office_open => PPTX,
        _ => "application/zip",
    }
}

pub(crate) const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
pub(crate) const XLSX: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
pub(crate) const PPTX: &str = "application/vnd.openxmlformats-officedocument.presentationml.presentation";

/// The names in the local headers that lie within the first bytes.
fn entry_names(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let starts = head.windows(4).enumerate().filter(|(_, window)| *window == b"PK\x03\x04").map(|(start, _)| start);
    starts.filter_map(|start| {
        let header = head.get(start..)?;
        let length = u16::from_le_bytes(header.get(26..28)?.try_into().ok()?);
        header.get(30..30_usize.checked_add(usize::from(length))?)
    })
}

/// Old Office files and Outlook messages share a container; the streams' names (UTF-16) or the ending tell them apart.
fn by_compound_file(head: &[u8], ending: &str) -> &'static str {
    let wide = |name: &str| name.bytes().flat_map(|byte| [byte, 0]).collect::<Vec<u8>>();
    if contains(head, &wide("__substg1.0_")) || contains(head, &wide("__nameid_version1.0")) {
        return "application/vnd.ms-outlook";
    } else if contains(head, &wide("WordDocument")) {
        return "application/msword";
    } else if contains(head, &wide("Workbook")) {
        return "application/vnd.ms-excel";
    } else if contains(head, &wide("PowerPoint Document")) {
        return "application/vnd.ms-powerpoint";
    }
    match ending {
        "msg" => "application/vnd.ms-outlook",
        "doc" | "dot" => "application/msword",
        "xls" | "xlt" => "application/vnd.ms-excel",
        "ppt" | "pps" => "application/vnd.ms-powerpoint",
        _ => "application/x-ole-storage",
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}
