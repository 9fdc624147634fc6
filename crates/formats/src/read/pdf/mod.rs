//! PDF: opened by hayro's parser, its shapes placed by hayro's interpreter, its text put together here.
//!
//! Nothing is rendered and no image is decoded. Each page is read on its own: one that fails is a fault and an empty page.

mod bidi;
mod columns;
mod fields;
mod glyphs;
mod hyphens;
mod lines;
mod page_text;
mod strings;

use crate::extraction::{Fault, FaultCode, Page};
use crate::protocol::Head;
use crate::read::{guarded, language, name_fault};
use crate::sniff::Sniffed;
use crate::worker::{Flow, Sink};
use glyphs::Collector;
use hayro_interpret::hayro_syntax::object::{Dict, Name, String as PdfString};
use hayro_interpret::hayro_syntax::page::Page as PdfPage;
use hayro_interpret::hayro_syntax::{DecryptionError, LoadPdfError, Pdf, PdfData};
use hayro_interpret::kurbo::{Affine, Rect};
use hayro_interpret::{Context, InterpreterCache, InterpreterSettings, InterpreterWarning, interpret_page};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Pages behind this one are counted, not read.
const MOST_PAGES: u32 = 100_000;
/// The longest side of a page that makes sense: 200 inches are the format's own limit, with user units 15,000,000.
const LONGEST_SIDE_PT: f32 = 1_000_000.0;
/// The longest value of metadata that is kept, in characters.
const MOST_METADATA: usize = 1_000;

/// Reads a PDF.
pub(crate) fn read(bytes: Vec<u8>, sniffed: &Sniffed, sink: &mut dyn Sink) {
    let data: PdfData = bytes.into();
    let mut faults = Vec::new();
    let Some(pdf) = open(&data, &mut faults) else {
        let page_count = count_pages_otherwise(data.as_ref());
        let known = sniffed.media_type == "application/pdf" || page_count.is_some();
        let media_type = if known { "application/pdf".to_owned() } else { sniffed.media_type.clone() };
        sink.head(Head { media_type, page_count, format_read: true, ..Head::default() });
        name_fault(sniffed, sink);
        faults.into_iter().for_each(|fault| sink.fault(fault));
        return;
    };
    let found = u32::try_from(pdf.pages().len()).unwrap_or(u32::MAX);
    let metadata = guarded(|| metadata(&pdf)).unwrap_or_default();
    let declared_language = metadata.get("language").and_then(|tag| language::of_tag(tag));
    sink.head(Head {
        media_type: "application/pdf".to_owned(),
        charset: None,
        page_count: Some(found),
        metadata,
        format_read: true,
    });
    faults.extend(page_count_fault(&pdf, found));
    if sink.first_page() == 1 {
        if sniffed.media_type == "application/pdf" {
            name_fault(sniffed, sink);
        }
        faults.into_iter().for_each(|fault| sink.fault(fault));
    }
    read_pages(&pdf, declared_language.as_deref(), sink);
}

fn read_pages(pdf: &Pdf, declared_language: Option<&str>, sink: &mut dyn Sink) {
    let mut cache = InterpreterCache::new();
    for (page_number, page) in (1_u32..).zip(pdf.pages().iter()) {
        if page_number < sink.first_page() {
            continue;
        }
        if page_number > MOST_PAGES {
            let detail = format!("only the first {MOST_PAGES} pages are read");
            sink.fault(Fault::of_file(FaultCode::TooManyPages, detail));
            return;
        }
        // Fonts are shared between pages, but not for ever: a document of many fonts would fill the memory.
        if page_number % 256 == 0 {
            cache = InterpreterCache::new();
        }
        let mut faults = Vec::new();
        let read = guarded(|| read_page(pdf, page, page_number, &cache, sink.wants_words(), &mut faults));
        let mut page = read.unwrap_or_else(|panic| {
            let detail = format!("the page cannot be interpreted ({})", panic.chars().take(120).collect::<String>());
            faults.push(Fault::of_page(FaultCode::PageFailed, detail, page_number));
            cache = InterpreterCache::new();
            Page { page_number, ..Page::default() }
        });
        page.language = language::of_text(&page.text)
            .or_else(|| if page.text.is_empty() { None } else { declared_language.map(str::to_owned) });
        faults.into_iter().for_each(|fault| sink.fault(fault));
        if sink.page(page) == Flow::Stop {
            return;
        }
    }
}

fn read_page<'a>(
    pdf: &'a Pdf,
    page: &PdfPage<'a>,
    page_number: u32,
    cache: &InterpreterCache<'a>,
    wants_words: bool,
    faults: &mut Vec<Fault>,
) -> Page {
    let (width, height) = page.render_dimensions();
    let bounded = |side: f32| if side.is_finite() { side.clamp(1.0, LONGEST_SIDE_PT) } else { LONGEST_SIDE_PT };
    let (width_pt, height_pt) = (bounded(width), bounded(height));
    if (width_pt - width).abs() > 0.5 || (height_pt - height).abs() > 0.5 {
        faults.push(Fault::of_page(
            FaultCode::PageSizeImpossible,
            format!("the page is {width} by {height} points"),
            page_number,
        ));
    }
    let bad_font = Arc::new(AtomicBool::new(false));
    let noticed = Arc::clone(&bad_font);
    let settings = InterpreterSettings {
        warning_sink: Arc::new(move |warning| {
            if matches!(warning, InterpreterWarning::UnsupportedFont) {
                noticed.store(true, Ordering::Relaxed);
            }
        }),
        ..InterpreterSettings::default()
    };
    let area = Rect::new(0.0, 0.0, f64::from(width_pt), f64::from(height_pt));
    let transform = Affine::new(page.initial_transform(true).as_coeffs());
    let mut context = Context::new(transform, area, cache, pdf.xref(), settings);
    let mut collector = Collector::default();
    interpret_page(page, &mut context, &mut collector);
    if bad_font.load(Ordering::Relaxed) {
        faults.push(Fault::of_page(FaultCode::FontUnreadable, "a font of the page cannot be loaded", page_number));
    }
    if collector.overflow {
        faults.push(Fault::of_page(FaultCode::PageTooDense, "the page has more characters than are read", page_number));
    }
    let shapes = collector.unmapped.saturating_add(collector.glyphs.len());
    if collector.unmapped > 3 && collector.unmapped.saturating_mul(20) > shapes {
        let detail = format!("{} of {shapes} characters have no Unicode value", collector.unmapped);
        faults.push(Fault::of_page(FaultCode::TextUnmapped, detail, page_number));
    }
    let mut read = page_text::put_together(collector.into_glyphs(), area, wants_words);
    fields::append_missing(page, &mut read.text);
    Page {
        page_number,
        width_pt: Some(width_pt),
        height_pt: Some(height_pt),
        text: read.text,
        language: None,
        words: read.words,
    }
}

/// Opens a PDF, with an empty password if it is encrypted; what is wrong goes to the faults.
fn open(data: &PdfData, faults: &mut Vec<Fault>) -> Option<Pdf> {
    match guarded(|| Pdf::new(data.clone())) {
        Ok(Ok(pdf)) => {
            if pdf.pages().is_empty() {
                faults.push(Fault::of_file(FaultCode::FileDamaged, "the file has no pages"));
            }
            Some(pdf)
        }
        Ok(Err(LoadPdfError::Decryption(DecryptionError::PasswordProtected))) => {
            faults.push(Fault::of_file(FaultCode::PasswordRequired, "the file is encrypted with a password"));
            None
        }
        Ok(Err(LoadPdfError::Decryption(error))) => {
            let detail = format!("the file is encrypted in a way that cannot be undone ({error:?})");
            faults.push(Fault::of_file(FaultCode::EncryptionUnsupported, detail));
            None
        }
        Ok(Err(LoadPdfError::Invalid)) | Err(_) => open_repaired(data, faults),
    }
}

/// Another parser may understand what hayro does not: it reads the file, writes it anew, and hayro tries again.
fn open_repaired(data: &PdfData, faults: &mut Vec<Fault>) -> Option<Pdf> {
    let rewritten = guarded(|| {
        let mut document = lopdf::Document::load_mem(data.as_ref()).ok()?;
        if document.is_encrypted() || document.get_pages().is_empty() {
            return None;
        }
        let mut bytes = Vec::new();
        document.save_to(&mut bytes).ok()?;
        Pdf::new(bytes).ok()
    });
    match rewritten {
        Ok(Some(pdf)) => {
            faults.push(Fault::of_file(
                FaultCode::FileDamaged,
                "the structure of the file is damaged and was repaired to read it",
            ));
            Some(pdf)
        }
        _ => {
            faults.push(Fault::of_file(FaultCode::FileUnreadable, "the file cannot be opened as a PDF"));
            None
        }
    }
}

/// Counts the pages of a file whose content cannot be read.
fn count_pages_otherwise(bytes: &[u8]) -> Option<u32> {
    let count = guarded(|| lopdf::Document::load_mem(bytes).ok().map(|document| document.get_pages().len())).ok()??;
    u32::try_from(count).ok().filter(|count| *count > 0)
}

/// The file's own count of its pages, where it differs from what is there.
fn page_count_fault(pdf: &Pdf, found: u32) -> Option<Fault> {
    let claimed = guarded(|| {
        let catalog = pdf.xref().get::<Dict<'_>>(pdf.xref().root_id())?;
        catalog.get::<Dict<'_>>(b"Pages".as_slice())?.get::<i32>(b"Count".as_slice())
    });
    let claimed = claimed.ok().flatten()?;
    (i64::from(claimed) != i64::from(found)).then(|| {
        Fault::of_file(FaultCode::PageCountDiffers, format!("the file says it has {claimed} pages; {found} were found"))
    })
}

fn metadata(pdf: &Pdf) -> BTreeMap<String, String> {
    let info = pdf.metadata();
    let mut entries = BTreeMap::new();
    let known = [
        ("title", &info.title),
        ("author", &info.author),
        ("subject", &info.subject),
        ("keywords", &info.keywords),
        ("creator", &info.creator),
        ("producer", &info.producer),
    ];
    for (key, value) in known {
        if let Some(value) = value {
            insert(&mut entries, key, &strings::decode(value));
        }
    }
    let catalog = pdf.xref().get::<Dict<'_>>(pdf.xref().root_id());
    if let Some(catalog) = catalog {
        if let Some(tag) = catalog.get::<PdfString<'_>>(b"Lang".as_slice()) {
            insert(&mut entries, "language", &strings::decode(tag.as_bytes()));
        } else if let Some(tag) = catalog.get::<Name<'_>>(b"Lang".as_slice()) {
            insert(&mut entries, "language", tag.as_str());
        }
    }
    entries
}

fn insert(entries: &mut BTreeMap<String, String>, key: &str, value: &str) {
    let value = crate::read::clean::clean_text(value);
    let value: String = value.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(MOST_METADATA).collect();
    if !value.is_empty() {
        entries.insert(key.to_owned(), value);
    }
}
