//! The text of an entry as it is stored: pieces that can be read one by one, and marks that say which page and
//! which piece a position lies in.

use std::io::{self, Read};
use std::ops::Range;

use crate::entry::{MAX_TEXT_BYTES, PageText};
use crate::text::language::Tongue;
use crate::text::words::{GAP_MARK, LANGUAGE_MARK, Words};

/// Text is cut into pieces of about this size, so that a snippet of a long document unpacks little.
const PIECE_BYTES: usize = 64 << 10;
/// Below this, the text is kept in one piece and left to the compression of the engine.
const SMALL_BYTES: usize = 32 << 10;

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PageMark {
    pub(crate) page_number: u32,
    /// Bytes in the body.
    pub(crate) range: Range<usize>,
    /// Position of its first word, or of the next one when it has none.
    pub(crate) position: u32,
    pub(crate) tongue: Tongue,
}

/// Where a piece begins.
#[derive(Debug, Clone, PartialEq, Eq)]
struct PieceMark {
    start: usize,
    position: u32,
    packed_bytes: usize,
}

/// The pages of an entry, joined for the index.
#[derive(Debug, Default)]
pub(crate) struct Joined {
    /// What is indexed: the head, then all pages, with marks between them.
    pub(crate) text: String,
    /// Where the pages begin in `text`.
    body_start: usize,
    pages: Vec<(u32, Range<usize>, Tongue)>,
    /// Whether text was left out.
    pub(crate) shortened: bool,
}

impl Joined {
    /// Joins a head and pages. Each page's own text is freed on the way.
    pub(crate) fn new(head: String, pages: Vec<PageText>) -> Self {
        let mut joined = Self { body_start: head.len(), text: head, ..Self::default() };
        let total: usize = pages.iter().map(|page| page.text.len() + 8).sum();
        joined.text.reserve(total.min(MAX_TEXT_BYTES));
        for page in pages {
            let tongue = Tongue::from_tag(page.language.as_deref());
            joined.text.push(LANGUAGE_MARK);
            joined.text.push(tongue.mark());
            let room = (joined.body_start + MAX_TEXT_BYTES).saturating_sub(joined.text.len());
            let kept = floor(&page.text, room);
            joined.shortened |= kept < page.text.len();
            let start = joined.text.len() - joined.body_start;
            let kept_text = page.text.get(..kept).unwrap_or_default();
            if kept_text.contains([LANGUAGE_MARK, GAP_MARK]) {
                // A replacement of the same length, so that foreign marks move nothing.
                joined.text.push_str(&kept_text.replace([LANGUAGE_MARK, GAP_MARK], "\u{FFFD}"));
            } else {
                joined.text.push_str(kept_text);
            }
            joined.pages.push((page.page_number, start..start + kept, tongue));
        }
        joined
    }

    /// The languages for which a field of stems is worth while.
    pub(crate) fn tongues(&self) -> impl Iterator<Item = Tongue> + '_ {
        self.pages.iter().map(|(_, _, tongue)| *tongue)
    }

    /// The marks and the stored pieces, as bytes.
    pub(crate) fn pack(&self) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let (pages, mut pieces) = self.marks();
        let body = self.text.get(self.body_start..).unwrap_or_default();
        let packed = if body.len() <= SMALL_BYTES {
            pieces.truncate(1);
            body.as_bytes().to_vec()
        } else {
            pack_pieces(body, &mut pieces)?
        };
        Ok((write_layout(&pages, &pieces, body.len()), packed))
    }

    /// Walks over all words once and notes where pages and pieces begin.
    fn marks(&self) -> (Vec<PageMark>, Vec<PieceMark>) {
        let mut pages = Vec::with_capacity(self.pages.len());
        let mut waiting = self.pages.iter().peekable();
        let mut pieces: Vec<PieceMark> = Vec::new();
        let mut next_position = 0;
        let mut mark = |(page_number, range, tongue): &(u32, Range<usize>, Tongue), position| {
            let page = PageMark { page_number: *page_number, range: range.clone(), position, tongue: *tongue };
            pages.push(page);
        };
        for word in Words::new(&self.text, Tongue::Unknown) {
            next_position = word.position.saturating_add(1);
            let Some(at) = word.range.start.checked_sub(self.body_start) else { continue };
            while let Some(page) = waiting.next_if(|(_, range, _)| range.start <= at) {
                mark(page, word.position);
            }
            match pieces.last() {
                None => pieces.push(PieceMark { start: 0, position: word.position, packed_bytes: 0 }),
                Some(last) if at - last.start >= PIECE_BYTES => {
                    pieces.push(PieceMark { start: at, position: word.position, packed_bytes: 0 });
                }
                Some(_) => {}
            }
        }
        waiting.for_each(|page| mark(page, next_position));
        if pieces.is_empty() {
            pieces.push(PieceMark { start: 0, position: next_position, packed_bytes: 0 });
        }
        (pages, pieces)
    }
}

/// The largest length up to `room` that does not cut a character.
pub(crate) fn floor(text: &str, room: usize) -> usize {
    if text.len() <= room {
        return text.len();
    }
    (0..=room).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn pack_pieces(body: &str, pieces: &mut [PieceMark]) -> io::Result<Vec<u8>> {
    const LEVEL: i32 = 3;
    let ends: Vec<usize> = pieces.iter().skip(1).map(|piece| piece.start).chain([body.len()]).collect();
    let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
    let mut packed = Vec::new();
    for (piece, end) in pieces.iter_mut().zip(ends) {
        let bytes = compressor.compress(body.as_bytes().get(piece.start..end).unwrap_or_default())?;
        piece.packed_bytes = bytes.len();
        packed.extend_from_slice(&bytes);
    }
    Ok(packed)
}

fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn write_layout(pages: &[PageMark], pieces: &[PieceMark], body_bytes: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(8 * pages.len() + 8);
    put(&mut out, body_bytes as u64);
    put(&mut out, pages.len() as u64);
    for page in pages {
        put(&mut out, u64::from(page.page_number));
        put(&mut out, page.range.start as u64);
        put(&mut out, page.range.len() as u64);
        put(&mut out, u64::from(page.position));
        put(&mut out, u64::from(u32::from(page.tongue.mark())));
    }
    put(&mut out, pieces.len() as u64);
    for piece in pieces {
        put(&mut out, piece.start as u64);
        put(&mut out, u64::from(piece.position));
        put(&mut out, piece.packed_bytes as u64);
    }
    out
}

/// Reads numbers back; every fault ends in `None`.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn next(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn size(&mut self) -> Option<usize> {
        self.next().and_then(|number| usize::try_from(number).ok())
    }

    fn position(&mut self) -> Option<u32> {
        self.next().and_then(|number| u32::try_from(number).ok())
    }
}

/// The stored text of one entry, unpacked piece by piece when asked for.
#[derive(Debug)]
pub(crate) struct StoredBody {
    pages: Vec<PageMark>,
    pieces: Vec<PieceMark>,
    body_bytes: usize,
    packed: Vec<u8>,
}

impl StoredBody {
    /// Reads what [`Joined::pack`] wrote; `None` when it is damaged.
    pub(crate) fn read(layout: &[u8], packed: Vec<u8>) -> Option<Self> {
        let mut numbers = Numbers(layout);
        let body_bytes = numbers.size()?;
        let mut pages = Vec::new();
        for _ in 0..numbers.size()? {
            let page_number = numbers.position()?;
            let (start, length) = (numbers.size()?, numbers.size()?);
            let position = numbers.position()?;
            let tongue = Tongue::from_mark(char::from_u32(numbers.position()?)?);
            pages.push(PageMark { page_number, range: start..start.checked_add(length)?, position, tongue });
        }
        let mut pieces = Vec::new();
        for _ in 0..numbers.size()? {
            let (start, position) = (numbers.size()?, numbers.position()?);
            pieces.push(PieceMark { start, position, packed_bytes: numbers.size()? });
        }
        Some(Self { pages, pieces, body_bytes, packed })
    }

    /// The page that a position lies on; `None` for the head.
    pub(crate) fn page_of(&self, position: u32) -> Option<&PageMark> {
        let after = self.pages.partition_point(|page| page.position <= position);
        after.checked_sub(1).and_then(|last| self.pages.get(last))
    }

    /// All pages, in order.
    pub(crate) fn pages(&self) -> &[PageMark] {
        &self.pages
    }

    /// The byte at which the word of a position begins.
    pub(crate) fn byte_of(&self, position: u32) -> Option<usize> {
        let after = self.pieces.partition_point(|piece| piece.position <= position);
        let number = after.checked_sub(1)?;
        let piece = self.pieces.get(number)?;
        let text = self.piece_text(number)?;
        let steps = usize::try_from(position - piece.position).ok()?;
        // The head ends in a gap, so positions inside the body are counted from the piece's own first word.
        let mut words = Words::new(&text, Tongue::Unknown);
        let word = words.nth(steps)?;
        Some(piece.start + word.range.start)
    }

    /// The text of a stretch of bytes, cut to what lies in the body and to whole characters.
    pub(crate) fn text(&self, range: Range<usize>) -> Option<String> {
        let mut text = String::new();
        let mut text_start = None;
        for (number, piece) in self.pieces.iter().enumerate() {
            let end = self.pieces.get(number + 1).map_or(self.body_bytes, |next| next.start);
            if end <= range.start || piece.start >= range.end {
                continue;
            }
            text_start.get_or_insert(piece.start);
            text.push_str(&self.piece_text(number)?);
        }
        let base = text_start?;
        let start = ceil(&text, range.start.saturating_sub(base));
        let end = floor(&text, range.end.saturating_sub(base));
        text.get(start..end.max(start)).map(str::to_owned)
    }

    fn piece_text(&self, number: usize) -> Option<String> {
        let piece = self.pieces.get(number)?;
        let bytes = if piece.packed_bytes == 0 {
            self.packed.clone()
        } else {
            let start: usize = self.pieces.iter().take(number).map(|before| before.packed_bytes).sum();
            let packed = self.packed.get(start..start.checked_add(piece.packed_bytes)?)?;
            let mut unpacked = Vec::new();
            // Never more than was put in, whatever the stored bytes claim.
            let limit = u64::try_from(MAX_TEXT_BYTES + PIECE_BYTES).ok()?;
            zstd::stream::read::Decoder::new(packed).ok()?.take(limit).read_to_end(&mut unpacked).ok()?;
            unpacked
        };
        String::from_utf8(bytes).ok()
    }
}

/// The smallest offset from `at` on that does not cut a character.
fn ceil(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn page(page_number: u32, text: &str) -> PageText {
        PageText { page_number, text: text.to_owned(), language: Some("en".to_owned()) }
    }

    fn stored(pages: Vec<PageText>) -> StoredBody {
        let (layout, packed) =
            Joined::new(format!("head words{}", crate::text::words::GAP_MARK), pages).pack().unwrap();
        StoredBody::read(&layout, packed).unwrap()
    }

    #[test]
    fn positions_lead_back_to_pages_and_bytes() {
        let body = stored(vec![page(1, "one two"), page(2, ""), page(3, "three four")]);
        // Two words of the head and a gap come first.
        let first = body.pages().first().unwrap().position;
        assert_eq!(body.page_of(0), None);
        for (step, expect_page, expect_word) in [(0, 1, "one"), (1, 1, "two"), (2, 3, "three"), (3, 3, "four")] {
            let position = first + step;
            assert_eq!(body.page_of(position).unwrap().page_number, expect_page);
            let at = body.byte_of(position).unwrap();
            assert_eq!(body.text(at..at + expect_word.len()).unwrap(), expect_word);
        }
    }

    #[test]
    fn a_long_text_is_kept_in_pieces() {
        let pages: Vec<PageText> = (1..=300_u32).map(|n| page(n, &format!("word{n} ").repeat(100))).collect();
        let body = stored(pages);
        assert!(body.pieces.len() > 2, "{}", body.pieces.len());
        let mark = body.pages().get(249).unwrap().clone();
        assert_eq!(body.text(mark.range.start..mark.range.start + 7).unwrap(), "word250");
        let at = body.byte_of(mark.position + 5).unwrap();
        assert_eq!(at, mark.range.start + 5 * "word250 ".len());
        assert_eq!(body.page_of(mark.position + 5).unwrap().page_number, 250);
    }

    #[test]
    fn damaged_marks_are_not_read() {
        let (layout, packed) = Joined::new(String::new(), vec![page(1, "one")]).pack().unwrap();
        for end in 0..layout.len() {
            assert!(StoredBody::read(layout.get(..end).unwrap(), packed.clone()).is_none(), "{end}");
        }
    }
}
