//! Every shape on a page with its character and its place: a device that listens to the interpreter and draws nothing.

use crate::read::clean;
use hayro_interpret::font::{Glyph, GlyphRun, PositionedGlyph};
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::hayro_syntax::object::{Dict, String as PdfString};
use hayro_interpret::kurbo::{Affine, BezPath, Point, Rect, Shape, Vec2};
use hayro_interpret::{BlendMode, ClipPath, Device, DrawMode, DrawProps, Image, ImageDrawProps, SoftMask};

/// More shapes than this on one page are not taken.
const MOST_GLYPHS: usize = 400_000;
/// A replacement text may stand for so many shapes; a longer one belongs to a paragraph whose shapes are better.
const MOST_REPLACED: usize = 12;

/// The text of a shape: nearly always one character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GlyphText {
    /// One character.
    One(char),
    /// A ligature or a replaced cluster.
    Many(Box<str>),
}

impl GlyphText {
    /// The characters.
    pub fn chars(&self) -> impl Iterator<Item = char> {
        let (one, many) = match self {
            Self::One(c) => (Some(*c), ""),
            Self::Many(text) => (None, &**text),
        };
        one.into_iter().chain(many.chars())
    }

    /// From text of any length; `None` when nothing of it may stand in text.
    pub fn new(text: &str) -> Option<Self> {
        let mut kept = text.chars().map(known_symbol).filter(|c| !clean::is_dropped(*c) && !is_private(*c));
        let first = kept.next()?;
        match kept.next() {
            None => Some(Self::One(first)),
            Some(second) => Some(Self::Many([first, second].into_iter().chain(kept).collect())),
        }
    }
}

/// Symbol fonts put their bullets into the private area.
fn known_symbol(c: char) -> char {
    match c {
        '\u{f0b7}' | '\u{f0a7}' | '\u{f06e}' => '•',
        '\u{f02d}' => '-',
        '\u{f020}' | '\u{a0}' => ' ',
        '\u{ad}' => '-',
        c => c,
    }
}

fn is_private(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' | '\u{fffd}')
}

/// A shape on the page; coordinates in points from the top left corner of the page as shown, y downwards.
#[derive(Clone, Debug)]
pub struct PlacedGlyph {
    /// Its text.
    pub text: GlyphText,
    /// Where its baseline begins.
    pub start: Point,
    /// Where the next shape would begin.
    pub end: Point,
    /// The direction from its foot to its head, of length one.
    pub up: Vec2,
    /// Its size: the height of the em in points.
    pub size: f64,
}

/// Collects the shapes of one page.
#[derive(Default)]
pub struct Collector {
    /// What was collected, in the order of drawing.
    pub glyphs: Vec<PlacedGlyph>,
    /// Shapes without a character.
    pub unmapped: usize,
    /// Shapes whose character makes sense with its two bytes exchanged.
    swapped: usize,
    /// Whether there were more shapes than are taken.
    pub overflow: bool,
    /// Open marked content: for a replacement text, where its shapes begin.
    marked: Vec<Option<Replacement>>,
    /// What the last run ended with, to leave out its second drawing (fill, then stroke).
    last_run: Option<(Point, usize)>,
}

struct Replacement {
    text: String,
    from: usize,
    unmapped_before: usize,
    /// Shapes without a character of their own.
    bare: Vec<Stretch>,
}

/// Where a shape stands.
#[derive(Clone, Copy)]
struct Stretch {
    start: Point,
    end: Point,
    up: Vec2,
    size: f64,
}

impl Stretch {
    fn of(glyph: &PlacedGlyph) -> Self {
        Self { start: glyph.start, end: glyph.end, up: glyph.up, size: glyph.size }
    }

    fn width(&self) -> f64 {
        (self.end - self.start).hypot()
    }
}

/// The character that a map to Unicode meant which has its bytes in the wrong order: Photoshop writes such maps.
fn swapped(c: char) -> Option<char> {
    let code = u32::from(c);
    if code & 0xff != 0 || code > 0xffff { None } else { char::from_u32(code >> 8).filter(|c| (' '..='~').contains(c)) }
}

impl Collector {
    /// The shapes that were collected.
    pub fn into_glyphs(mut self) -> Vec<PlacedGlyph> {
        // Some Chinese characters end with a zero byte, too, but never nearly all on a page.
        if self.swapped >= 4 && self.swapped.saturating_mul(10) >= self.glyphs.len().saturating_mul(9) {
            for glyph in &mut self.glyphs {
                if let GlyphText::One(c) = &mut glyph.text {
                    *c = swapped(*c).unwrap_or(*c);
                }
            }
        }
        self.glyphs
    }

    fn place(&mut self, positioned: &PositionedGlyph<'_>, transform: Affine, narrowed: bool) {
        let to_page = transform * positioned.transform();
        let glyph: &Glyph<'_> = positioned;
        let advance = match glyph {
            Glyph::Outline(outline) => outline.advance_width().unwrap_or(500.0),
            Glyph::Type3(type3) => type3.advance_width().unwrap_or(500.0),
        };
        let start = to_page * Point::ZERO;
        let along = to_page * Point::new(1000.0, 0.0) - start;
        let upwards = to_page * Point::new(0.0, 1000.0) - start;
        let size = upwards.hypot();
        if !(size.is_finite() && start.is_finite() && along.is_finite()) || size < 0.01 {
            return;
        }
        let up = upwards / size;
        let along = if narrowed && along.hypot() > 0.0 { along / along.hypot() * size } else { along };
        let end = start + along * (f64::from(advance) / 1000.0);
        let text = glyph.as_unicode().and_then(|unicode| match unicode {
            BfString::Char(c) => GlyphText::new(c.encode_utf8(&mut [0; 4])),
            BfString::String(text) => GlyphText::new(&text),
        });
        let Some(text) = text else {
            self.unmapped = self.unmapped.saturating_add(1);
            self.remember_bare(Stretch { start, end, up, size });
            return;
        };
        let (start, end) = match (glyph, &text) {
            // A mark is drawn beside its origin, so only its outline says over which letter it stands.
            (Glyph::Outline(outline), GlyphText::One(c)) if clean::is_mark(*c) => {
                let bounds = outline.outline().bounding_box();
                if bounds.is_finite() && bounds.width() > 0.0 {
                    (to_page * Point::new(bounds.x0, 0.0), to_page * Point::new(bounds.x1, 0.0))
                } else {
                    (start, end)
                }
            }
            _ => (start, end),
        };
        if let GlyphText::One(c) = &text {
            self.swapped = self.swapped.saturating_add(usize::from(swapped(*c).is_some()));
        }
        self.glyphs.push(PlacedGlyph { text, start, end, up, size });
    }

    /// Remembers where a shape without a character stands, in case a replacement text names it.
    fn remember_bare(&mut self, stretch: Stretch) {
        if let Some(Some(replacement)) = self.marked.last_mut()
            && replacement.bare.len() <= MOST_REPLACED
        {
            replacement.bare.push(stretch);
        }
    }

    /// Puts a replacement text (ActualText) in the place of the shapes it stands for.
    fn replace(&mut self, replacement: &Replacement) {
        let Some(text) = GlyphText::new(&replacement.text) else {
            // An empty replacement says that the shapes are no text.
            if replacement.text.is_empty() && self.glyphs.len().saturating_sub(replacement.from) <= MOST_REPLACED {
                self.glyphs.truncate(replacement.from);
            }
            return;
        };
        let shapes = self.glyphs.get(replacement.from..).unwrap_or_default();
        let unmapped = self.unmapped > replacement.unmapped_before;
        let characters = text.chars().count();
        let mapped: usize = shapes.iter().map(|glyph| glyph.text.chars().count()).sum();
        if shapes.len() > MOST_REPLACED || (characters > MOST_REPLACED && mapped > 0) {
            return;
        }
        let Some(Stretch { start, end, up, size }) = union(shapes, &replacement.bare) else { return };
        let spaces_inside = text.chars().any(char::is_whitespace) && characters > 1;
        if spaces_inside && !unmapped {
            return;
        }
        self.glyphs.truncate(replacement.from);
        self.unmapped = replacement.unmapped_before;
        self.glyphs.push(PlacedGlyph { text, start, end, up, size });
    }
}

/// The stretch that shapes on one baseline cover; `None` when they do not stand on one.
fn union(shapes: &[PlacedGlyph], bare: &[Stretch]) -> Option<Stretch> {
    let is_mark = |glyph: &&PlacedGlyph| glyph.text.chars().all(clean::is_mark);
    let all = || shapes.iter().map(Stretch::of).chain(bare.iter().copied());
    let letters = || shapes.iter().filter(|glyph| !is_mark(glyph)).map(Stretch::of).chain(bare.iter().copied());
    let widest = |a: &Stretch, b: &Stretch| a.width().total_cmp(&b.width());
    // Marks have heights of their own; the widest letter stands on the baseline.
    let anchor = letters().max_by(widest).or_else(|| all().max_by(widest))?;
    let along = Vec2::new(-anchor.up.y, anchor.up.x);
    let (mut least, mut most) = (0.0_f64, 0.0_f64);
    for point in all().flat_map(|stretch| [stretch.start, stretch.end]) {
        let offset = point - anchor.start;
        if offset.dot(anchor.up).abs() > anchor.size {
            return None;
        }
        least = least.min(offset.dot(along));
        most = most.max(offset.dot(along));
    }
    Some(Stretch { start: anchor.start + along * least, end: anchor.start + along * most, ..anchor })
}

impl<'a> Device<'a> for Collector {
    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}

    fn push_clip_path(&mut self, _: &ClipPath) {}

    fn push_clip_rect(&mut self, _: &Rect) {}

    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}

    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, mode: &DrawMode) {
        if self.glyphs.len().saturating_add(run.glyphs().len()) > MOST_GLYPHS {
            self.overflow = true;
            return;
        }
        let Some(first) = run.glyphs().first() else { return };
        let signature = (props.transform * first.transform() * Point::ZERO, run.glyphs().len());
        if matches!(mode, DrawMode::Stroke(_)) && self.last_run == Some(signature) {
            return;
        }
        self.last_run = Some(signature);
        let narrowed = is_narrowed(run);
        for glyph in run.glyphs() {
            self.place(glyph, props.transform, narrowed);
        }
    }

    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {}

    fn pop_clip(&mut self) {}

    fn pop_transparency_group(&mut self) {}

    fn draw_rect(&mut self, _: &Rect, _: DrawProps<'a>, _: &DrawMode) {}

    fn begin_marked_content(&mut self, _tag: &[u8], properties: Option<&Dict<'_>>) {
        let text = properties.and_then(|properties| properties.get::<PdfString<'_>>(b"ActualText".as_slice()));
        let replacement = text.map(|text| Replacement {
            text: super::strings::decode(text.as_bytes()),
            from: self.glyphs.len(),
            unmapped_before: self.unmapped,
            bare: Vec::new(),
        });
        self.marked.push(replacement);
    }

    fn end_marked_content(&mut self) {
        if let Some(Some(replacement)) = self.marked.pop() {
            self.replace(&replacement);
        }
    }
}

/// Whether the interpreter stretches the shapes of a run one by one, to make a substitute font fit.
///
/// Then the width of a shape says nothing about its advance, and the em must be taken from its height.
fn is_narrowed(run: &GlyphRun<'_, '_>) -> bool {
    let ratio = |glyph: &PositionedGlyph<'_>| {
        let [a, b, c, d, _, _] = glyph.transform().as_coeffs();
        a.hypot(b) / c.hypot(d)
    };
    let mut ratios = run.glyphs().iter().map(ratio);
    let Some(first) = ratios.next() else { return false };
    ratios.any(|ratio| (ratio - first).abs() > 0.001)
}
