//! One line of text in both directions: the bidirectional order (UAX #9), faces, joined letters, places of glyphs.

use unicode_bidi::{BidiInfo, Level};

use super::arabic;
use super::fonts::Face;
use super::{BLACK, Ink, Item, PlacedGlyph, TextItem};

/// How text looks.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Its size.
    pub size: f32,
    /// Whether it is bold.
    pub bold: bool,
    /// Its ink.
    pub ink: Ink,
}

impl Look {
    /// Returns plain black text of a size.
    pub const fn plain(size: f32) -> Self {
        Self { size, bold: false, ink: BLACK }
    }

    /// Returns bold black text of a size.
    pub const fn bold(size: f32) -> Self {
        Self { size, bold: true, ink: BLACK }
    }

    /// Returns it with another ink.
    #[must_use]
    pub const fn inked(self, ink: Ink) -> Self {
        Self { ink, ..self }
    }
}

/// A line that was set, its left edge at 0.
#[derive(Clone, Debug, Default)]
pub struct SetLine {
    /// Its width.
    pub width: f32,
    pieces: Vec<(Face, Vec<PlacedGlyph>)>,
}

/// Arabic letters look small beside Latin ones of the same size.
const NASKH_SCALE: f32 = 1.12;

impl SetLine {
    /// Returns what stands on a page when the line begins at `x` on the base line `y`.
    pub fn at(&self, x: f32, y: f32, look: &Look) -> Vec<Item> {
        let item = |(face, glyphs): &(Face, Vec<PlacedGlyph>)| {
            let glyphs = glyphs.iter().map(|glyph| PlacedGlyph { x: glyph.x + x, ..*glyph }).collect();
            Item::Text(TextItem { face: *face, size: size_of(*face, look), y, ink: look.ink, glyphs })
        };
        self.pieces.iter().map(item).collect()
    }
}

fn size_of(face: Face, look: &Look) -> f32 {
    if matches!(face, Face::Naskh | Face::NaskhBold) { look.size * NASKH_SCALE } else { look.size }
}

/// Whether a text has letters that are written from right to left.
pub fn has_arabic(text: &str) -> bool {
    text.chars().any(is_arabic)
}

/// Whether a text's first strong letter is written from right to left.
pub fn begins_arabic(text: &str) -> bool {
    text.chars().find(|character| character.is_alphabetic()).is_some_and(is_arabic)
}

/// Whether a character only directs others.
const fn is_control(character: char) -> bool {
    matches!(character, '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

fn is_arabic(character: char) -> bool {
    matches!(character, '\u{600}'..='\u{6ff}')
}

/// Sets a text on one line; without a direction, its first strong letter decides.
pub fn set(text: &str, look: &Look, rightwards: Option<bool>) -> SetLine {
    let mut line = SetLine::default();
    if !has_arabic(text) && rightwards != Some(false) {
        line.push(text, false, look);
        return line;
    }
    let base = rightwards.map(|right| if right { Level::ltr() } else { Level::rtl() });
    let info = BidiInfo::new(text, base);
    for paragraph in &info.paragraphs {
        let (levels, runs) = info.visual_runs(paragraph, paragraph.range.clone());
        for run in runs {
            let leftwards = levels.get(run.start).is_some_and(Level::is_rtl);
            if let Some(piece) = text.get(run) {
                line.push(piece, leftwards, look);
            }
        }
    }
    line
}

impl SetLine {
    /// Appends a run of one direction at the right.
    fn push(&mut self, run: &str, leftwards: bool, look: &Look) {
        let mut pieces = by_face(run, look.bold);
        if leftwards {
            pieces.reverse();
        }
        for (face, text) in pieces {
            let mut forms = match face {
                Face::Naskh | Face::NaskhBold => arabic::formed(text),
                Face::Sans | Face::SansBold => text.chars().map(|character| (character, [character, '\0'])).collect(),
            };
            if leftwards {
                forms.reverse();
            }
            let size = size_of(face, look);
            let mut glyphs = Vec::with_capacity(forms.len());
            for (form, chars) in forms.into_iter().filter(|(form, _)| !is_control(*form)) {
                let shown = if leftwards { mirrored(form) } else { form };
                let glyph = face.glyph(shown).unwrap_or(0);
                self.place(&mut glyphs, glyph, chars, face.advance(glyph) * size);
                if leftwards && chars[1] != '\0' {
                    self.divide(&mut glyphs, face);
                }
            }
            match self.pieces.last_mut() {
                Some((last, before)) if *last == face => before.extend(glyphs),
                _ => self.pieces.push((face, glyphs)),
            }
        }
    }
}

impl SetLine {
    fn place(&mut self, glyphs: &mut Vec<PlacedGlyph>, glyph: u16, chars: [char; 2], advance: f32) {
        glyphs.push(PlacedGlyph { glyph, x: self.width, chars });
        self.width += advance;
    }

    /// Divides a ligature into its two letters: the ink goes with the left one, and an empty glyph stands for the right
    /// one. Readers of PDF agree on the order of glyphs, but not on that of two letters of one glyph.
    fn divide(&self, glyphs: &mut Vec<PlacedGlyph>, face: Face) {
        let (Some(ligature), Some(empty)) = (glyphs.last_mut(), face.glyph(' ')) else { return };
        let [right, left] = ligature.chars;
        ligature.chars = [left, '\0'];
        let x = (ligature.x + self.width) / 2.0;
        glyphs.push(PlacedGlyph { glyph: empty, x, chars: [right, '\0'] });
    }
}

/// Splits a run where the face changes; a space goes with what stands before it.
fn by_face(run: &str, bold: bool) -> Vec<(Face, &str)> {
    let (latin, naskh) = if bold { (Face::SansBold, Face::NaskhBold) } else { (Face::Sans, Face::Naskh) };
    let mut pieces = Vec::new();
    let (mut begin, mut current) = (0, None);
    for (position, character) in run.char_indices() {
        let face = match (character, current) {
            (' ', Some(face)) => face,
            _ if is_arabic(character) => naskh,
            _ => latin,
        };
        if let Some(before) = current.filter(|before| *before != face) {
            pieces.push((before, run.get(begin..position).unwrap_or_default()));
            begin = position;
        }
        current = Some(face);
    }
    if let Some(face) = current {
        pieces.push((face, run.get(begin..).unwrap_or_default()));
    }
    pieces
}

const fn mirrored(character: char) -> char {
    match character {
        '(' => ')',
        ')' => '(',
        '[' => ']',
        ']' => '[',
        '«' => '»',
        '»' => '«',
        '<' => '>',
        '>' => '<',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the characters from left to right.
    fn seen(text: &str) -> String {
        let line = set(text, &Look::plain(10.0), None);
        let glyphs = line.pieces.iter().flat_map(|(_, glyphs)| glyphs);
        glyphs.flat_map(|glyph| glyph.chars).filter(|character| *character != '\0').collect()
    }

    #[test]
    fn numbers_stand_rightwards_in_arabic_text() {
        assert_eq!(seen("طلب 2026"), "2026 بلط");
        assert_eq!(seen("a طلب b"), "a بلط b");
        assert_eq!(seen("plain"), "plain");
    }

    #[test]
    fn glyphs_stand_from_left_to_right_without_gaps() {
        let line = set("رقم TM/2026/000123 في", &Look::bold(12.0), None);
        let places: Vec<f32> = line.pieces.iter().flat_map(|(_, glyphs)| glyphs.iter().map(|glyph| glyph.x)).collect();
        assert!(places.is_sorted() && line.width > places.last().copied().unwrap());
    }
}
