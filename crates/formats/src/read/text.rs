//! Plain text and its relatives, in any encoding.

use super::{charset, clean, language, pages};
use crate::extraction::{Fault, FaultCode, Page};
use crate::protocol::Head;
use crate::worker::{Flow, Sink};
use std::collections::BTreeMap;

/// Reads plain text.
pub fn read(bytes: &[u8], media_type: String, sink: &mut dyn Sink) {
    let decoded = charset::decode(bytes, None);
    let cut = pages::split(&decoded.text);
    sink.head(Head {
        media_type,
        charset: Some(decoded.charset.name().to_owned()),
        page_count: u32::try_from(cut.len()).ok(),
        metadata: BTreeMap::new(),
        format_read: true,
    });
    if decoded.damaged {
        let detail = format!("some bytes are not valid {} and were replaced", decoded.charset.name());
        sink.fault(Fault::of_file(FaultCode::EncodingDamaged, detail));
    }
    emit(&cut, None, sink);
}

/// Hands over pages of text that have no size.
pub fn emit(cut: &[&str], declared_language: Option<&str>, sink: &mut dyn Sink) {
    for (page_number, text) in (1_u32..).zip(cut) {
        if page_number < sink.first_page() {
            continue;
        }
        let text = clean::clean_text(text);
        let language = language::of_text(&text).or_else(|| declared_language.map(str::to_owned));
        let page = Page { page_number, text, language, ..Page::default() };
        if sink.page(page) == Flow::Stop {
            return;
        }
    }
}
