//! From shapes to the text of a page, in the order in which a person reads it, with a box for each word.

use super::bidi::{self, Class, Read};
use super::columns::{self, Directions};
use super::glyphs::PlacedGlyph;
use super::hyphens;
use super::lines::{self, Cluster, Frame, Row};
use crate::extraction::Word;
use crate::read::clean;
use hayro_interpret::kurbo::{Point, Rect};

/// The text of a page and its words.
#[derive(Debug, Default)]
pub struct PageText {
    /// Lines end with `\n`, blocks with an empty line.
    pub text: String,
    /// The words in the order of the text, if they were asked for.
    pub words: Vec<Word>,
}

/// Puts the text of a page together.
pub fn put_together(mut glyphs: Vec<PlacedGlyph>, page: Rect, wants_words: bool) -> PageText {
    // What lies outside the page is not on the paper.
    let visible = page.inflate(page.width() * 0.02, page.height() * 0.02);
    glyphs.retain(|glyph| visible.contains(glyph.start) || visible.contains(glyph.end));
    let mut writer = Writer { page, wants_words, read: PageText::default() };
    for (frame, members) in lines::by_direction(glyphs) {
        let blocks = columns::blocks(lines::rows(frame, members));
        let page_rtl = Directions::of(blocks.iter().flatten()).prevails_rtl(false);
        let mirrored = brackets_are_shapes(&blocks, page_rtl);
        for block in blocks {
            let block_rtl = Directions::of(&block).prevails_rtl(page_rtl);
            writer.block(frame, &block, block_rtl, mirrored);
        }
    }
    let PageText { text, words } = writer.read;
    PageText { text: hyphens::join(&text), words }
}

/// A line in the order of reading, before it is written.
struct Line<'a> {
    pieces: Vec<Option<&'a Cluster>>,
    order: Vec<Read>,
}

/// Orders a row; `None` among the pieces is a space.
fn line_of(row: &Row, base_rtl: bool) -> Line<'_> {
    let mut pieces = Vec::new();
    for (at, segment) in row.segments.iter().enumerate() {
        for (within, cluster) in segment.clusters.iter().enumerate() {
            let parted = if within == 0 { at > 0 } else { cluster.space_before };
            if parted {
                pieces.push(None);
            }
            pieces.push(Some(cluster));
        }
    }
    let class = |piece: &Option<&Cluster>| {
        piece.and_then(|cluster| cluster.text.chars().next()).map_or(Class::Space, Class::of)
    };
    let classes: Vec<Class> = pieces.iter().map(class).collect();
    let order = if classes.contains(&Class::Rtl) {
        bidi::reading_order(&classes, base_rtl)
    } else {
        (0..classes.len()).map(|place| Read { place, rtl: false }).collect()
    };
    Line { pieces, order }
}

/// The direction in which a row is read on the whole: its block's, unless the row is clearly of the other kind.
fn reads_rtl(row: &Row, block_rtl: bool) -> bool {
    let Directions { rtl, ltr } = Directions::of(std::slice::from_ref(row));
    let all = rtl + ltr;
    if block_rtl { rtl * 100 >= all * 15 } else { rtl * 100 > all * 60 }
}

/// Whether the brackets of right-to-left text are given by their shape (then they are to be mirrored) or by their meaning.
///
/// Producers differ. Read in order, the first bracket of a line must open; the lines of a page vote.
fn brackets_are_shapes(blocks: &[Vec<Row>], page_rtl: bool) -> bool {
    let (mut shapes, mut meanings) = (0_u32, 0_u32);
    for block in blocks {
        let directions = Directions::of(block);
        if directions.rtl == 0 {
            continue;
        }
        for row in block {
            let line = line_of(row, reads_rtl(row, directions.prevails_rtl(page_rtl)));
            let brackets = line.order.iter().filter(|read| read.rtl).filter_map(|read| {
                let cluster = line.pieces.get(read.place).copied().flatten()?;
                cluster.text.chars().next().filter(|c| bidi::mirrored(*c).is_some())
            });
            match brackets.map(bidi::opens).next() {
                Some(true) => meanings += 1,
                Some(false) => shapes += 1,
                None => {}
            }
        }
    }
    shapes >= meanings
}

struct Writer {
    page: Rect,
    wants_words: bool,
    read: PageText,
}

impl Writer {
    fn block(&mut self, frame: Frame, block: &[Row], block_rtl: bool, mirrored: bool) {
        if !self.read.text.is_empty() {
            self.read.text.push('\n');
        }
        for row in block {
            let line = line_of(row, reads_rtl(row, block_rtl));
            self.line(frame, &line, mirrored);
        }
    }

    fn line(&mut self, frame: Frame, line: &Line<'_>, mirrored: bool) {
        let mut word = OpenWord::default();
        for read in &line.order {
            match line.pieces.get(read.place).copied().flatten() {
                Some(cluster) => word.add(cluster, read.rtl && mirrored),
                None => {
                    if self.end_word(frame, &mut word) {
                        self.read.text.push(' ');
                    }
                }
            }
        }
        self.end_word(frame, &mut word);
        while self.read.text.ends_with(' ') {
            self.read.text.pop();
        }
        self.read.text.push('\n');
    }

    /// Writes a word; says whether there was one.
    fn end_word(&mut self, frame: Frame, word: &mut OpenWord) -> bool {
        let word = std::mem::take(word);
        let text = clean::normalise_glyphs(&word.text);
        if text.is_empty() {
            return false;
        }
        self.read.text.push_str(&text);
        if self.wants_words
            && let Some(edges) = word.edges
        {
            let corner = |along: f64, across: f64| self.fraction(frame.back(along, across));
            let area = Rect::from_points(corner(edges.x0, edges.y0), corner(edges.x1, edges.y1));
            let area = area.union_pt(corner(edges.x0, edges.y1)).union_pt(corner(edges.x1, edges.y0));
            let [x0, y0, x1, y1] = [area.x0, area.y0, area.x1, area.y1].map(|edge| edge as f32);
            self.read.words.push(Word { text, x0, y0, x1, y1 });
        }
        true
    }

    fn fraction(&self, point: Point) -> Point {
        let part = |at: f64, of: f64| (at / of).clamp(0.0, 1.0);
        Point::new(part(point.x, self.page.width()), part(point.y, self.page.height()))
    }
}

/// A word that is being written.
#[derive(Default)]
struct OpenWord {
    text: String,
    edges: Option<Rect>,
}

impl OpenWord {
    fn add(&mut self, cluster: &Cluster, mirrored: bool) {
        let text = cluster.text.chars();
        self.text.extend(text.map(|c| if mirrored { bidi::mirrored(c).unwrap_or(c) } else { c }));
        self.text.extend(&cluster.marks);
        // From a descender's depth to the height of capitals, which is all that is known without the outlines.
        let edges = Rect::new(
            cluster.begin,
            cluster.base - cluster.size * 0.78,
            cluster.end,
            cluster.base + cluster.size * 0.22,
        );
        self.edges = Some(self.edges.map_or(edges, |known| known.union(edges)));
    }
}
