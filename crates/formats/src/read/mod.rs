//! The readers, one a format; they run inside the worker only.

mod arrange;
mod charset;
mod clean;
mod html;
mod language;
mod pages;
mod pdf;
mod text;

use crate::extraction::{Fault, FaultCode};
use crate::protocol::{Arrange, Head, Job};
use crate::sniff::{Sniffed, disagreement, sniff};
use crate::worker::Sink;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// So much of a file decides its type.
const HEAD_BYTES: u64 = 64 << 10;
/// So much of a text file is read.
const TEXT_BYTES: u64 = 64 << 20;

/// Puts pages of files together into a new one.
pub(crate) fn arrange_file(arrange: &Arrange, file: &File, memory_bytes: u64, sink: &mut dyn Sink) {
    match read_whole(file, memory_bytes / 6) {
        Ok(bytes) => arrange::put_together(&bytes, arrange, sink),
        Err(detail) => {
            sink.head(Head { media_type: "application/pdf".to_owned(), format_read: true, ..Head::default() });
            sink.fault(Fault::of_file(FaultCode::FileTooLarge, detail));
        }
    }
}

/// Reads a file of any kind into a sink.
pub(crate) fn read_file(job: &Job, file: &File, memory_bytes: u64, sink: &mut dyn Sink) {
    let head = match read_prefix(file, HEAD_BYTES) {
        Ok(head) => head,
        Err(error) => return unreadable(sink, &format!("the file cannot be read: {error}")),
    };
    let sniffed = sniff(&head, &job.file_name);
    if head.is_empty() {
        sink.head(Head { media_type: sniffed.media_type, format_read: true, ..Head::default() });
        sink.fault(Fault::of_file(FaultCode::EmptyFile, "the file is empty"));
        return;
    }
    let reader = reader_for(&sniffed, job);
    // A PDF without its signature may still be one: its reader says so.
    if reader != Reader::Pdf {
        name_fault(&sniffed, sink);
    }
    match reader {
        Reader::Pdf => match read_whole(file, memory_bytes / 3) {
            Ok(bytes) => pdf::read(bytes, &sniffed, sink),
            Err(detail) => {
                sink.head(Head { media_type: sniffed.media_type, format_read: true, ..Head::default() });
                sink.fault(Fault::of_file(FaultCode::FileTooLarge, detail));
            }
        },
        reader @ (Reader::Text | Reader::Html) => match read_prefix(file, TEXT_BYTES) {
            Ok(bytes) => {
                let cut = u64::try_from(bytes.len()).is_ok_and(|length| length >= TEXT_BYTES);
                let media_type = if reader == Reader::Html && sniffed.media_type == "text/plain" {
                    "text/html".to_owned()
                } else {
                    sniffed.media_type
                };
                if reader == Reader::Html {
                    html::read(&bytes, media_type, sink);
                } else {
                    text::read(&bytes, media_type, sink);
                }
                if cut {
                    let detail = "the file is longer than is read; the rest is not indexed";
                    sink.fault(Fault::of_file(FaultCode::TextTruncated, detail));
                }
            }
            Err(error) => unreadable(sink, &format!("the file cannot be read: {error}")),
        },
        Reader::None => sink.head(Head { media_type: sniffed.media_type, ..Head::default() }),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    Pdf,
    Html,
    Text,
    None,
}

/// Content decides; the sender's belief and the name count only where content says nothing.
fn reader_for(sniffed: &Sniffed, job: &Job) -> Reader {
    let hinted = |media_type: &str, ending: &str| {
        let by_name = job.file_name.to_ascii_lowercase().ends_with(ending);
        by_name || job.media_type_hint.as_deref().is_some_and(|hint| hint.starts_with(media_type))
    };
    match sniffed.media_type.as_str() {
        "application/pdf" => Reader::Pdf,
        "application/octet-stream" | "text/plain" if hinted("application/pdf", ".pdf") => Reader::Pdf,
        "text/html" | "application/xhtml+xml" => Reader::Html,
        "text/plain" if hinted("text/html", ".html") => Reader::Html,
        "application/json" => Reader::Text,
        media_type if media_type.starts_with("text/") => Reader::Text,
        _ => Reader::None,
    }
}

/// Says so when the name promises another type.
pub(crate) fn name_fault(sniffed: &Sniffed, sink: &mut dyn Sink) {
    if !sniffed.agrees_with_name {
        sink.fault(disagreement(&sniffed.media_type));
    }
}

fn unreadable(sink: &mut dyn Sink, detail: &str) {
    sink.fault(Fault::of_file(FaultCode::FileUnreadable, detail));
}

fn read_prefix(mut file: &File, most: u64) -> std::io::Result<Vec<u8>> {
    // The descriptor shares its position with the office's, and with earlier tries on the same file.
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn read_whole(mut file: &File, most: u64) -> Result<Vec<u8>, String> {
    let size = file.metadata().map_err(|error| error.to_string())?.len();
    if size > most {
        return Err(format!("the file has {size} bytes; up to {most} are read"));
    }
    file.seek(SeekFrom::Start(0)).map_err(|error| error.to_string())?;
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    file.take(most).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

/// Runs a parser that may panic on damaged input; a panic becomes words.
pub(crate) fn guarded<T>(parse: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(parse)).map_err(|panic| {
        let said = panic.downcast_ref::<&str>().map(|said| (*said).to_owned());
        said.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
    })
}
