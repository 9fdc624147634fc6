//! Pages as dots: areas, lines and glyphs with smooth edges.

use std::collections::HashMap;

use crate::page::fonts::Face;
use crate::page::{Ink, Item, Page, Path, PathItem, Stroke, Verb};

/// What a dot is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dots {
    /// Black (0) or white (1), eight to the byte, rows padded to whole bytes.
    Bilevel,
    /// One byte of grey.
    Grey,
    /// Red, green, blue, a byte each.
    Colour,
}

/// A picture.
#[derive(Clone, Debug)]
pub struct Raster {
    /// What its dots are.
    pub dots: Dots,
    /// Dots in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The dots, row by row from the top.
    pub bytes: Vec<u8>,
}

/// How points of a page become dots: scaled, then turned about the upper left corner, then moved.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Dots to a point.
    pub scale: f32,
    /// The turn in radians, clockwise.
    pub turn: f32,
    /// The move in dots.
    pub shift: (f32, f32),
}

impl View {
    /// Returns a view that only scales.
    pub const fn scaled(scale: f32) -> Self {
        Self { scale, turn: 0.0, shift: (0.0, 0.0) }
    }

    fn map(&self) -> impl Fn(f32, f32) -> (f32, f32) + use<> {
        let (sin, cos) = (self.turn.sin() * self.scale, self.turn.cos() * self.scale);
        let (dx, dy) = self.shift;
        move |x, y| (x * cos - y * sin + dx, x * sin + y * cos + dy)
    }
}

/// A canvas of grey or colour.
struct Canvas {
    width: usize,
    height: usize,
    channels: usize,
    bytes: Vec<u8>,
    /// Scratch: how much of each dot of a box is covered.
    cover: Vec<f32>,
}

/// A line between two points, in dots.
type Edge = [f32; 4];

/// Draws a page in grey or colour on white.
pub fn draw(page: &Page, view: &View, dots: Dots) -> Raster {
    let channels = if dots == Dots::Colour { 3 } else { 1 };
    let side = |points: f32| (points * view.scale).ceil().max(1.0) as usize;
    let (width, height) = (side(page.width), side(page.height));
    let bytes = vec![255; width * height * channels];
    let mut canvas = Canvas { width, height, channels, bytes, cover: Vec::new() };
    let mut outlines: HashMap<(Face, u16), Path> = HashMap::new();
    let map = view.map();
    for item in &page.items {
        match item {
            Item::Path(item) => canvas.path(item, &map, view.scale),
            Item::Text(item) => {
                for glyph in &item.glyphs {
                    let key = (item.face, glyph.glyph);
                    let outline = outlines.entry(key).or_insert_with(|| item.face.outline(glyph.glyph));
                    let placed = outline.mapped(|x, y| map(glyph.x + x * item.size, item.y + y * item.size));
                    canvas.fill(&edges(&placed), item.ink);
                }
            }
            Item::Picture(_) => {}
        }
    }
    let count = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    Raster { dots, width: count(width), height: count(height), bytes: canvas.bytes }
}

impl Canvas {
    fn path(&mut self, item: &PathItem, map: &impl Fn(f32, f32) -> (f32, f32), scale: f32) {
        let placed = item.path.mapped(map);
        if let Some(ink) = item.fill {
            self.fill(&edges(&placed), ink);
        }
        if let Some(stroke) = item.stroke {
            for part in stroked(&placed, &stroke, scale) {
                self.fill(&part, stroke.ink);
            }
        }
    }

    /// Fills what the edges enclose. Signed areas are summed along each row (the way of font rasterisers), so that the
    /// cost is that of the box and the edges.
    fn fill(&mut self, edges: &[Edge], ink: Ink) {
        let Some([left, top, right, bottom]) = self.bounds(edges) else { return };
        let (columns, rows) = (right - left, bottom - top);
        self.cover.clear();
        self.cover.resize((columns + 2) * rows, 0.0);
        for edge in edges {
            add_edge(&mut self.cover, edge, [left as f32, top as f32], columns, rows);
        }
        let Ink(red, green, blue) = ink;
        let grey = (u32::from(red) * 299 + u32::from(green) * 587 + u32::from(blue) * 114) / 1000;
        let colour = [red, green, blue];
        let grey = [u8::try_from(grey).unwrap_or(u8::MAX)];
        let ink: &[u8] = if self.channels == 3 { &colour } else { &grey };
        let row_bytes = self.width * self.channels;
        let canvas_rows = self.bytes.chunks_exact_mut(row_bytes).skip(top);
        for (row, cover) in canvas_rows.zip(self.cover.chunks_exact(columns + 2)) {
            let mut sum = 0.0;
            let dots = row.chunks_exact_mut(self.channels).skip(left).take(columns);
            for (dot, part) in dots.zip(cover) {
                sum += part;
                let alpha: f32 = f32::abs(sum).min(1.0);
                if alpha > 0.003 {
                    for (old, new) in dot.iter_mut().zip(ink) {
                        *old = (f32::from(*old) + (f32::from(*new) - f32::from(*old)) * alpha).round() as u8;
                    }
                }
            }
        }
    }

    fn bounds(&self, edges: &[Edge]) -> Option<[usize; 4]> {
        let mut bounds = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
        for [x0, y0, x1, y1] in edges {
            let [left, top, right, bottom] = &mut bounds;
            *left = left.min(*x0).min(*x1);
            *top = top.min(*y0).min(*y1);
            *right = right.max(*x0).max(*x1);
            *bottom = bottom.max(*y0).max(*y1);
        }
        let clamp = |value: f32, most: usize| (value.max(0.0) as usize).min(most);
        let [left, top, right, bottom] = bounds;
        let bounds = [
            clamp(left.floor(), self.width),
            clamp(top.floor(), self.height),
            clamp(right.ceil(), self.width),
            clamp(bottom.ceil(), self.height),
        ];
        let [left, top, right, bottom] = bounds;
        (left < right && top < bottom).then_some(bounds)
    }
}

/// Adds the signed area that an edge covers in each row; what lies left of the box counts at its border.
fn add_edge(cover: &mut [f32], edge: &Edge, origin: [f32; 2], columns: usize, rows: usize) {
    let [left, top] = origin;
    let [x0, y0, x1, y1] = [edge[0] - left, edge[1] - top, edge[2] - left, edge[3] - top];
    if y0 == y1 {
        return;
    }
    let (sign, x0, y0, x1, y1) = if y0 < y1 { (1.0, x0, y0, x1, y1) } else { (-1.0, x1, y1, x0, y0) };
    let slope = (x1 - x0) / (y1 - y0);
    let first = y0.max(0.0) as usize;
    let last = (y1.ceil().max(0.0) as usize).min(rows);
    let widest = columns as f32;
    for (row, line) in cover.chunks_exact_mut(columns + 2).enumerate().take(last).skip(first) {
        let (begin, end) = (y0.max(row as f32), y1.min(row as f32 + 1.0));
        if end <= begin {
            continue;
        }
        let height = (end - begin) * sign;
        let (a, b) = (x0 + (begin - y0) * slope, x0 + (end - y0) * slope);
        add_span(line, a.min(b).clamp(0.0, widest), a.max(b).clamp(0.0, widest), height);
    }
}

/// Spreads a change of `height` over the columns that an edge crosses within one row, from `a` to `b`.
fn add_span(line: &mut [f32], a: f32, b: f32, height: f32) {
    let mut add = |column: usize, value: f32| {
        if let Some(cell) = line.get_mut(column) {
            *cell += value;
        }
    };
    let (first, last) = (a.floor() as usize, b.floor() as usize);
    if first == last {
        // The dot is covered right of the middle of the crossing.
        let covered = 1.0 - ((a + b) / 2.0 - first as f32);
        add(first, height * covered);
        add(first + 1, height * (1.0 - covered));
        return;
    }
    let step = height / (b - a);
    let mut carried = 0.0;
    for column in first..=last {
        let (from, to) = (a.max(column as f32), b.min(column as f32 + 1.0));
        let share = (to - from).max(0.0) * step;
        let covered = share * (1.0 - ((from + to) / 2.0 - column as f32));
        add(column, carried + covered);
        carried = share - covered;
    }
    add(last + 1, carried);
}

/// Returns the lines of an outline, each part closed.
fn edges(path: &Path) -> Vec<Edge> {
    let mut edges = Vec::new();
    for part in flattened(path) {
        let (points, closing) = (part.points, part.closed);
        edges.extend(points.iter().zip(points.iter().skip(1)).map(|((a, b), (c, d))| [*a, *b, *c, *d]));
        if let (false, Some((a, b)), Some((c, d))) = (closing, points.last(), points.first()) {
            edges.push([*a, *b, *c, *d]);
        }
    }
    edges
}

/// A part of an outline as points; a closed one ends where it begins.
struct Part {
    points: Vec<(f32, f32)>,
    closed: bool,
}

fn flattened(path: &Path) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    let mut begin = (0.0, 0.0);
    for verb in &path.verbs {
        if let Verb::Move(x, y) = *verb {
            begin = (x, y);
            parts.push(Part { points: vec![begin], closed: false });
            continue;
        }
        let Some(part) = parts.last_mut() else { continue };
        match *verb {
            Verb::Line(x, y) => part.points.push((x, y)),
            Verb::Cubic(cubic) => flatten_cubic(&mut part.points, cubic),
            Verb::Close => {
                part.points.push(begin);
                part.closed = true;
            }
            Verb::Move(..) => {}
        }
    }
    parts
}

fn flatten_cubic(points: &mut Vec<(f32, f32)>, [ax, ay, bx, by, x, y]: [f32; 6]) {
    let Some((x0, y0)) = points.last().copied() else { return };
    let length = (ax - x0).hypot(ay - y0) + (bx - ax).hypot(by - ay) + (x - bx).hypot(y - by);
    let steps = (length.sqrt() * 1.2).ceil().clamp(2.0, 40.0);
    let mut step = 1.0;
    while step <= steps {
        let t: f32 = step / steps;
        let u = 1.0 - t;
        let (a, b, c, d) = (u * u * u, 3.0 * u * u * t, 3.0 * u * t * t, t * t * t);
        points.push((a * x0 + b * ax + c * bx + d * x, a * y0 + b * ay + c * by + d * y));
        step += 1.0;
    }
}

/// Returns what a pen covers, as shapes that are filled one after another: a bar for each line, a dot at each joint.
fn stroked(path: &Path, stroke: &Stroke, scale: f32) -> Vec<Vec<Edge>> {
    let half = (stroke.width * scale / 2.0).max(0.35);
    let mut shapes = Vec::new();
    for part in flattened(path) {
        let lines: Vec<Edge> =
            part.points.iter().zip(part.points.iter().skip(1)).map(|((a, b), (c, d))| [*a, *b, *c, *d]).collect();
        let lines = if stroke.dash > 0.0 { dashes(&lines, stroke.dash * scale) } else { lines };
        for line in lines {
            shapes.extend(bar(line, half));
            if half > 1.0 && stroke.dash == 0.0 {
                shapes.push(edges(&Path::circle(line[2], line[3], half)));
            }
        }
    }
    shapes
}

fn bar([x0, y0, x1, y1]: Edge, half: f32) -> Option<Vec<Edge>> {
    let length = (x1 - x0).hypot(y1 - y0);
    if length < 0.01 {
        return None;
    }
    let (nx, ny) = ((y1 - y0) / length * half, (x0 - x1) / length * half);
    let corners = [(x0 + nx, y0 + ny), (x1 + nx, y1 + ny), (x1 - nx, y1 - ny), (x0 - nx, y0 - ny)];
    Some(edges(&Path::polygon(&corners)))
}

fn dashes(lines: &[Edge], dash: f32) -> Vec<Edge> {
    let mut kept = Vec::new();
    let mut gone = 0.0;
    for [x0, y0, x1, y1] in lines {
        let length = (x1 - x0).hypot(y1 - y0);
        let mut from: f32 = 0.0;
        while from < length {
            let place = (gone + from) % (dash * 2.0);
            let to = (from + (dash - place % dash).max(0.1)).min(length);
            if place < dash {
                let at = |t: f32| (x0 + (x1 - x0) * t / length, y0 + (y1 - y0) * t / length);
                let ((a, b), (c, d)) = (at(from), at(to));
                kept.push([a, b, c, d]);
            }
            from = to;
        }
        gone += length;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{BLACK, Page};

    #[test]
    fn an_area_covers_its_dots_and_half_covers_its_border() {
        let mut page = Page::new(8.0, 8.0);
        page.fill(Path::rect(2.0, 2.0, 3.5, 4.0), Ink(0, 0, 0));
        let raster = draw(&page, &View::scaled(1.0), Dots::Grey);
        let row: Vec<u8> = raster.bytes.iter().skip(3 * 8).take(8).copied().collect();
        assert_eq!(row, [255, 255, 0, 0, 0, 128, 255, 255]);
        assert!(raster.bytes.iter().take(16).all(|dot| *dot == 255));
    }

    #[test]
    fn a_circle_has_the_area_of_a_circle() {
        let mut page = Page::new(100.0, 100.0);
        page.fill(Path::circle(50.0, 50.0, 40.0), Ink(0, 0, 0));
        page.stroke(Path::line(&[(0.0, 99.0), (10.0, 99.0)]), 1.0, BLACK);
        let raster = draw(&page, &View::scaled(1.0), Dots::Grey);
        let dark: f32 = raster.bytes.iter().take(9_500).map(|dot| f32::from(255 - dot) / 255.0).sum();
        assert!((dark - 5_026.5).abs() < 25.0, "{dark}");
    }
}
