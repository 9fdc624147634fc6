//! The faces: subsets of Noto, compiled in, each compressed once for embedding.

use std::collections::HashMap;
use std::io::Write;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use ttf_parser::{GlyphId, OutlineBuilder, Tag};

use super::{Path, Verb};

/// A face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Face {
    /// Latin.
    Sans,
    /// Latin, bold.
    SansBold,
    /// Arabic.
    Naskh,
    /// Arabic, bold.
    NaskhBold,
}

/// All faces.
pub const FACES: [Face; 4] = [Face::Sans, Face::SansBold, Face::Naskh, Face::NaskhBold];

/// What is embedded in a PDF: the tables that a viewer needs, compressed.
#[derive(Debug)]
pub struct Embedded {
    /// A TrueType file, as a zlib stream.
    pub compressed: Vec<u8>,
    /// Its length before.
    pub length: usize,
}

struct Loaded {
    face: ttf_parser::Face<'static>,
    /// Looked up once: papers ask for millions of characters.
    glyphs: HashMap<char, u16>,
    advances: Vec<f32>,
    embedded: Embedded,
}

/// The tables that a viewer needs of a face whose glyphs are named by number.
const TABLES: [&[u8; 4]; 6] = [b"glyf", b"head", b"hhea", b"hmtx", b"loca", b"maxp"];

static SANS: LazyLock<Loaded> = LazyLock::new(|| load(include_bytes!("../../fonts/NotoSans-Regular.ttf")));
static SANS_BOLD: LazyLock<Loaded> = LazyLock::new(|| load(include_bytes!("../../fonts/NotoSans-Bold.ttf")));
static NASKH: LazyLock<Loaded> = LazyLock::new(|| load(include_bytes!("../../fonts/NotoNaskhArabic-Regular.ttf")));
static NASKH_BOLD: LazyLock<Loaded> = LazyLock::new(|| load(include_bytes!("../../fonts/NotoNaskhArabic-Bold.ttf")));

impl Face {
    fn loaded(self) -> &'static Loaded {
        match self {
            Self::Sans => &SANS,
            Self::SansBold => &SANS_BOLD,
            Self::Naskh => &NASKH,
            Self::NaskhBold => &NASKH_BOLD,
        }
    }

    /// Returns the face's name in a PDF.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sans => "DEMOAA+NotoSans",
            Self::SansBold => "DEMOAB+NotoSans-Bold",
            Self::Naskh => "DEMOAC+NotoNaskhArabic",
            Self::NaskhBold => "DEMOAD+NotoNaskhArabic-Bold",
        }
    }

    /// Returns the glyph of a character.
    pub fn glyph(self, character: char) -> Option<u16> {
        self.loaded().glyphs.get(&character).copied()
    }

    /// Returns how far a glyph moves the pen. *Units*: of a size of 1.
    pub fn advance(self, glyph: u16) -> f32 {
        self.loaded().advances.get(usize::from(glyph)).copied().unwrap_or_default()
    }

    /// Returns the ascent and the descent. *Units*: of a size of 1000.
    pub fn vertical(self) -> (f32, f32) {
        let face = &self.loaded().face;
        let scale = 1000.0 / f32::from(face.units_per_em());
        (f32::from(face.ascender()) * scale, f32::from(face.descender()) * scale)
    }

    /// Returns the box that holds every glyph. *Units*: of a size of 1000.
    pub fn bounds(self) -> [f32; 4] {
        let face = &self.loaded().face;
        let bounds = face.global_bounding_box();
        let scale = 1000.0 / f32::from(face.units_per_em());
        [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max].map(|edge| f32::from(edge) * scale)
    }

    /// Returns a glyph's outline at the size 1, y downwards.
    pub fn outline(self, glyph: u16) -> Path {
        let face = &self.loaded().face;
        let mut pen = Pen { scale: 1.0 / f32::from(face.units_per_em()), at: (0.0, 0.0), path: Path::default() };
        face.outline_glyph(GlyphId(glyph), &mut pen);
        pen.path
    }

    /// Returns what is embedded.
    pub fn embedded(self) -> &'static Embedded {
        &self.loaded().embedded
    }
}

#[expect(clippy::expect_used, reason = "the fonts are compiled in, and a test loads each")]
fn load(bytes: &'static [u8]) -> Loaded {
    let face = ttf_parser::Face::parse(bytes, 0).expect("a font of this crate parses");
    let plain = bare(&face);
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(&plain).expect("memory takes bytes");
    let compressed = encoder.finish().expect("memory takes bytes");
    let known = (' '..='\u{2fff}').chain('\u{fe70}'..='\u{feff}');
    let glyphs = known.filter_map(|character| Some((character, face.glyph_index(character)?.0))).collect();
    let unit = f32::from(face.units_per_em());
    let advance = |glyph| f32::from(face.glyph_hor_advance(GlyphId(glyph)).unwrap_or(0)) / unit;
    let advances = (0..face.number_of_glyphs()).map(advance).collect();
    Loaded { face, glyphs, advances, embedded: Embedded { compressed, length: plain.len() } }
}

/// Returns a TrueType file of the tables that a viewer needs (OpenType 1.9, "Organization of an OpenType Font").
fn bare(face: &ttf_parser::Face<'_>) -> Vec<u8> {
    let tables: Vec<(&[u8; 4], &[u8])> =
        TABLES.iter().filter_map(|tag| Some((*tag, face.raw_face().table(Tag::from_bytes(tag))?))).collect();
    let count = u16::try_from(tables.len()).unwrap_or(0);
    let mut head = Vec::new();
    head.extend_from_slice(&0x0001_0000_u32.to_be_bytes());
    let log = count.checked_ilog2().unwrap_or(0);
    let range = 16 << log;
    for value in [count, range, u16::try_from(log).unwrap_or(0), count * 16 - range] {
        head.extend_from_slice(&value.to_be_bytes());
    }
    let mut body: Vec<u8> = Vec::new();
    let body_begin = 12 + tables.len() * 16;
    for (tag, table) in tables {
        head.extend_from_slice(tag);
        let sum = table.chunks(4).fold(0_u32, |sum, word| {
            let mut four = [0; 4];
            four.iter_mut().zip(word).for_each(|(to, from)| *to = *from);
            sum.wrapping_add(u32::from_be_bytes(four))
        });
        for value in [sum as usize, body_begin + body.len(), table.len()] {
            head.extend_from_slice(&u32::try_from(value).unwrap_or(0).to_be_bytes());
        }
        body.extend_from_slice(table);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    head.extend(body);
    head
}

struct Pen {
    scale: f32,
    at: (f32, f32),
    path: Path,
}

impl Pen {
    fn point(&self, x: f32, y: f32) -> (f32, f32) {
        (x * self.scale, -y * self.scale)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.at = self.point(x, y);
        self.path.verbs.push(Verb::Move(self.at.0, self.at.1));
    }

    fn line_to(&mut self, x: f32, y: f32) {
        self.at = self.point(x, y);
        self.path.verbs.push(Verb::Line(self.at.0, self.at.1));
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((cx, cy), (x, y), (x0, y0)) = (self.point(x1, y1), self.point(x, y), self.at);
        let toward = |from: f32, control: f32| from + (control - from) * 2.0 / 3.0;
        let cubic = [toward(x0, cx), toward(y0, cy), toward(x, cx), toward(y, cy), x, y];
        self.path.verbs.push(Verb::Cubic(cubic));
        self.at = (x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((a, b), (c, d), (x, y)) = (self.point(x1, y1), self.point(x2, y2), self.point(x, y));
        self.path.verbs.push(Verb::Cubic([a, b, c, d, x, y]));
        self.at = (x, y);
    }

    fn close(&mut self) {
        self.path.verbs.push(Verb::Close);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_face_loads_and_what_is_embedded_is_a_font() {
        for face in FACES {
            assert!(face.advance(face.glyph(' ').unwrap()) > 0.1);
            let (ascent, descent) = face.vertical();
            assert!(ascent > 500.0 && descent < 0.0);
            let plain = bare(&face.loaded().face);
            assert_eq!(plain.len(), face.embedded().length);
            assert!(ttf_parser::RawFace::parse(&plain, 0).is_ok());
        }
        assert!(Face::Naskh.glyph('\u{fefb}').is_some());
        assert!(!Face::NaskhBold.outline(Face::NaskhBold.glyph('\u{fe8e}').unwrap()).verbs.is_empty());
    }
}
