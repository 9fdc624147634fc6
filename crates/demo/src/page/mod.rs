//! A page as it is meant: paths, texts and pictures, before it becomes a PDF or dots.
//!
//! *Units*: points (1/72 in) from the upper left corner, y downwards.

pub mod arabic;
pub mod flow;
pub mod fonts;
pub mod line;

use std::f32::consts::PI;
use std::sync::Arc;

use crate::output::raster::Raster;
use fonts::Face;

/// The width of A4.
pub const A4_WIDTH: f32 = 595.28;
/// The height of A4.
pub const A4_HEIGHT: f32 = 841.89;

/// A colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ink(pub u8, pub u8, pub u8);

/// The ink of most things.
pub const BLACK: Ink = Ink(20, 20, 24);
/// The ground of a page.
pub const WHITE: Ink = Ink(255, 255, 255);

/// A page.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its width.
    pub width: f32,
    /// Its height.
    pub height: f32,
    /// What is on it, from below to above.
    pub items: Vec<Item>,
}

/// One thing on a page.
#[derive(Clone, Debug)]
pub enum Item {
    /// An area or a line.
    Path(PathItem),
    /// Glyphs on one base line.
    Text(TextItem),
    /// A picture.
    Picture(PictureItem),
}

/// A path with what it is painted with.
#[derive(Clone, Debug)]
pub struct PathItem {
    /// The outline.
    pub path: Path,
    /// The ink inside, by the nonzero rule.
    pub fill: Option<Ink>,
    /// The line along it.
    pub stroke: Option<Stroke>,
}

/// A line's looks.
#[derive(Clone, Copy, Debug)]
pub struct Stroke {
    /// Its ink.
    pub ink: Ink,
    /// Its width.
    pub width: f32,
    /// The length of dashes and of the gaps between; 0 for none.
    pub dash: f32,
}

/// Glyphs of one face and size.
#[derive(Clone, Debug)]
pub struct TextItem {
    /// The face.
    pub face: Face,
    /// Its size.
    pub size: f32,
    /// The base line.
    pub y: f32,
    /// The ink.
    pub ink: Ink,
    /// The glyphs, from left to right.
    pub glyphs: Vec<PlacedGlyph>,
}

/// A glyph where it stands.
#[derive(Clone, Copy, Debug)]
pub struct PlacedGlyph {
    /// Its number in the face.
    pub glyph: u16,
    /// Its left edge.
    pub x: f32,
    /// The characters that it stands for, in logical order; the second is U+0000 where there is one only.
    pub chars: [char; 2],
}

/// A picture and its place.
#[derive(Clone, Debug)]
pub struct PictureItem {
    /// The dots.
    pub raster: Arc<Raster>,
    /// Left, top, width and height.
    pub place: [f32; 4],
}

/// One step of an outline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verb {
    /// Begins at a point.
    Move(f32, f32),
    /// Goes straight to a point.
    Line(f32, f32),
    /// Goes by two control points to a third.
    Cubic([f32; 6]),
    /// Goes back to the beginning.
    Close,
}

/// An outline.
#[derive(Clone, Debug, Default)]
pub struct Path {
    /// Its steps.
    pub verbs: Vec<Verb>,
}

/// How far a cubic's control points lie from its ends, for a quarter of a circle of radius 1.
const QUARTER: f32 = 0.552_285;

impl Path {
    /// Returns a path through points, open.
    pub fn line(points: &[(f32, f32)]) -> Self {
        let mut path = Self::default();
        for (position, (x, y)) in points.iter().enumerate() {
            path.verbs.push(if position == 0 { Verb::Move(*x, *y) } else { Verb::Line(*x, *y) });
        }
        path
    }

    /// Returns a path through points, closed.
    pub fn polygon(points: &[(f32, f32)]) -> Self {
        let mut path = Self::line(points);
        path.verbs.push(Verb::Close);
        path
    }

    /// Returns a rectangle.
    pub fn rect(x: f32, y: f32, width: f32, height: f32) -> Self {
        Self::polygon(&[(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
    }

    /// Returns an ellipse.
    pub fn ellipse(x: f32, y: f32, rx: f32, ry: f32) -> Self {
        let (kx, ky) = (rx * QUARTER, ry * QUARTER);
        Self {
            verbs: vec![
                Verb::Move(x + rx, y),
                Verb::Cubic([x + rx, y + ky, x + kx, y + ry, x, y + ry]),
                Verb::Cubic([x - kx, y + ry, x - rx, y + ky, x - rx, y]),
                Verb::Cubic([x - rx, y - ky, x - kx, y - ry, x, y - ry]),
                Verb::Cubic([x + kx, y - ry, x + rx, y - ky, x + rx, y]),
                Verb::Close,
            ],
        }
    }

    /// Returns a circle.
    pub fn circle(x: f32, y: f32, radius: f32) -> Self {
        Self::ellipse(x, y, radius, radius)
    }

    /// Returns a star, or with equal radii a polygon of twice the points, its first point upwards.
    pub fn star(x: f32, y: f32, points: u16, outer: f32, inner: f32) -> Self {
        let corners: Vec<(f32, f32)> = (0..points * 2)
            .map(|corner| {
                let radius = if corner % 2 == 0 { outer } else { inner };
                let angle = PI * f32::from(corner) / f32::from(points) - PI / 2.0;
                (x + radius * angle.cos(), y + radius * angle.sin())
            })
            .collect();
        Self::polygon(&corners)
    }

    /// Returns an open curve from a point by control points and ends.
    pub fn curve(x: f32, y: f32, cubics: &[[f32; 6]]) -> Self {
        let mut path = Self { verbs: vec![Verb::Move(x, y)] };
        path.verbs.extend(cubics.iter().map(|cubic| Verb::Cubic(*cubic)));
        path
    }

    /// Returns the path closed.
    #[must_use]
    pub fn closed(mut self) -> Self {
        self.verbs.push(Verb::Close);
        self
    }

    /// Returns the path as `map` moves each of its points.
    #[must_use]
    pub fn mapped(&self, map: impl Fn(f32, f32) -> (f32, f32)) -> Self {
        let verbs = self.verbs.iter().map(|verb| match *verb {
            Verb::Move(x, y) => {
                let (x, y) = map(x, y);
                Verb::Move(x, y)
            }
            Verb::Line(x, y) => {
                let (x, y) = map(x, y);
                Verb::Line(x, y)
            }
            Verb::Cubic([a, b, c, d, e, f]) => {
                let ((a, b), (c, d), (e, f)) = (map(a, b), map(c, d), map(e, f));
                Verb::Cubic([a, b, c, d, e, f])
            }
            Verb::Close => Verb::Close,
        });
        Self { verbs: verbs.collect() }
    }
}

impl Page {
    /// Returns an empty page.
    pub const fn new(width: f32, height: f32) -> Self {
        Self { width, height, items: Vec::new() }
    }

    /// Returns an empty A4 page, upright.
    pub const fn a4() -> Self {
        Self::new(A4_WIDTH, A4_HEIGHT)
    }

    /// Fills an area.
    pub fn fill(&mut self, path: Path, ink: Ink) {
        self.items.push(Item::Path(PathItem { path, fill: Some(ink), stroke: None }));
    }

    /// Draws a line.
    pub fn stroke(&mut self, path: Path, width: f32, ink: Ink) {
        self.items.push(Item::Path(PathItem { path, fill: None, stroke: Some(Stroke { ink, width, dash: 0.0 }) }));
    }

    /// Draws a dashed line.
    pub fn dashed(&mut self, path: Path, width: f32, ink: Ink) {
        let stroke = Stroke { ink, width, dash: width * 4.0 };
        self.items.push(Item::Path(PathItem { path, fill: None, stroke: Some(stroke) }));
    }

    /// Draws an area with its outline, white inside: nearer things hide farther ones.
    pub fn solid(&mut self, path: Path, width: f32) {
        let stroke = Stroke { ink: BLACK, width, dash: 0.0 };
        self.items.push(Item::Path(PathItem { path, fill: Some(WHITE), stroke: Some(stroke) }));
    }

    /// Writes one line of text, its middle at `x`.
    pub fn label(&mut self, text: &str, x: f32, y: f32, look: &line::Look) {
        let set = line::set(text, look, None);
        let left = x - set.width / 2.0;
        self.items.extend(set.at(left, y, look));
    }

    /// Writes one line of text that begins at `x`.
    pub fn write(&mut self, text: &str, x: f32, y: f32, look: &line::Look) {
        self.items.extend(line::set(text, look, None).at(x, y, look));
    }
}
