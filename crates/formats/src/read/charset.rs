//! From bytes to text, whatever encoding they are in.

use crate::sniff::{byte_order_mark, guess_charset};
use encoding_rs::{Encoding, UTF_8};

/// Statistics over so many bytes decide between old encodings.
const SAMPLE: usize = 1 << 20;

/// Text with the encoding it came from.
pub struct Decoded {
    pub text: String,
    pub charset: &'static Encoding,
    /// Whether some bytes were wrong in that encoding and were replaced.
    pub damaged: bool,
}

/// Decodes text; `declared` is an encoding that the file itself names, which counts unless the bytes speak against it.
pub fn decode(bytes: &[u8], declared: Option<&'static Encoding>) -> Decoded {
    let charset = byte_order_mark(bytes).unwrap_or_else(|| choose(bytes, declared));
    let (text, _, damaged) = charset.decode(bytes);
    Decoded { text: text.into_owned(), charset, damaged }
}

fn choose(bytes: &[u8], declared: Option<&'static Encoding>) -> &'static Encoding {
    if !bytes.contains(&0) && is_mostly_utf8(bytes) {
        return UTF_8;
    }
    // A page that says UTF-8 and is not lies; any other declaration is better than a guess.
    if let Some(declared) = declared.filter(|declared| *declared != UTF_8) {
        return declared;
    }
    let sample = bytes.get(..bytes.len().min(SAMPLE)).unwrap_or_default();
    guess_charset(sample).unwrap_or(encoding_rs::WINDOWS_1252)
}

/// Valid UTF-8, or so nearly that it cannot be anything else.
fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut bad) = (0_u64, 0_u64);
    for chunk in bytes.utf8_chunks() {
        good = good.saturating_add(u64::try_from(chunk.valid().chars().filter(|c| !c.is_ascii()).count()).unwrap_or(0));
        bad = bad.saturating_add(u64::from(!chunk.invalid().is_empty()));
    }
    bad == 0 || good > bad.saturating_mul(10)
}
