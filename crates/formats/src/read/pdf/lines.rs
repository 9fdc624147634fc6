//! From shapes to rows: which shapes stand on one line, where words and columns part, which marks belong to which letters.

use super::glyphs::{GlyphText, PlacedGlyph};
use crate::read::clean;
use hayro_interpret::kurbo::{Point, Vec2};
use std::cmp::Ordering;

/// A letter with its marks, in the frame of its direction: `along` the line and `across` it, in points.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Its characters.
    pub text: GlyphText,
    /// Marks that stand over or under it.
    pub marks: Vec<char>,
    /// Where it begins along the line.
    pub begin: f64,
    /// Where it ends along the line.
    pub end: f64,
    /// Its baseline.
    pub base: f64,
    /// The height of its em.
    pub size: f64,
    /// Whether white space parts it from the cluster before it, as drawn.
    pub space_before: bool,
}

/// A stretch of a row without a wide gap.
#[derive(Clone, Debug)]
pub struct Segment {
    /// Its clusters from the left as drawn; never empty.
    pub clusters: Vec<Cluster>,
    /// Where it begins.
    pub begin: f64,
    /// Where it ends.
    pub end: f64,
}

/// What stands at one height.
#[derive(Clone, Debug)]
pub struct Row {
    /// From the left as drawn; never empty.
    pub segments: Vec<Segment>,
    /// The baseline of its largest letters.
    pub base: f64,
    /// The size of its largest letters.
    pub size: f64,
}

/// The frame in which a text direction is horizontal: a rotation about the origin.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    along: Vec2,
    down: Vec2,
}

impl Frame {
    fn turned(degrees: f64) -> Self {
        let (sin, cos) = degrees.to_radians().sin_cos();
        Self { along: Vec2::new(cos, sin), down: Vec2::new(-sin, cos) }
    }

    fn into(self, point: Point) -> (f64, f64) {
        (point.to_vec2().dot(self.along), point.to_vec2().dot(self.down))
    }

    /// From the frame back to the page.
    pub fn back(self, along: f64, across: f64) -> Point {
        (self.along * along + self.down * across).to_point()
    }
}

/// Parts shapes by the direction of their text; the direction with the most shapes comes first.
pub fn by_direction(glyphs: Vec<PlacedGlyph>) -> Vec<(Frame, Vec<PlacedGlyph>)> {
    let mut groups: Vec<(i64, Vec<f64>, Vec<PlacedGlyph>)> = Vec::new();
    for glyph in glyphs {
        // The foot-to-head direction is reliable even for mirrored text; the line runs at a right angle to it.
        let degrees = glyph.up.x.atan2(-glyph.up.y).to_degrees();
        let right_angle = (degrees / 90.0).round() * 90.0;
        let bucket = if (degrees - right_angle).abs() < 20.0 { right_angle } else { (degrees / 15.0).round() * 15.0 };
        let bucket = (bucket.rem_euclid(360.0)).round() as i64;
        match groups.iter_mut().find(|(known, _, _)| *known == bucket) {
            Some((_, angles, members)) => {
                angles.push(degrees);
                members.push(glyph);
            }
            None => groups.push((bucket, vec![degrees], vec![glyph])),
        }
    }
    groups.sort_by_key(|(_, _, members)| std::cmp::Reverse(members.len()));
    groups.into_iter().map(|(_, angles, members)| (Frame::turned(median(angles)), members)).collect()
}

/// Puts the shapes of one direction into rows, from the top.
pub fn rows(frame: Frame, glyphs: Vec<PlacedGlyph>) -> Vec<Row> {
    let mut spaces = Vec::new();
    let mut clusters = Vec::with_capacity(glyphs.len());
    for glyph in glyphs {
        for cluster in clusters_of(frame, &glyph) {
            if cluster.text.chars().all(char::is_whitespace) { spaces.push(cluster) } else { clusters.push(cluster) }
        }
    }
    let mut banded = bands(clusters);
    hand_out_spaces(&mut banded, spaces);
    banded.into_iter().filter_map(|band| band.into_row()).collect()
}

/// A shape as one cluster; one that stands for several words as one for each, side by side, with the spaces between.
fn clusters_of(frame: Frame, glyph: &PlacedGlyph) -> Vec<Cluster> {
    let (start, base) = frame.into(glyph.start);
    let (end, _) = frame.into(glyph.end);
    let (begin, end) = (start.min(end), start.max(end));
    let cluster = |text: GlyphText, begin: f64, end: f64| Cluster {
        text,
        marks: Vec::new(),
        begin,
        end,
        base,
        size: glyph.size,
        space_before: false,
    };
    let text = match &glyph.text {
        GlyphText::Many(text) if text.contains(char::is_whitespace) => text,
        text => return vec![cluster(text.clone(), begin, end)],
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let pieces = words.len().saturating_mul(2).saturating_sub(1).max(1);
    let width = (end - begin) / pieces as f64;
    let mut clusters = Vec::with_capacity(pieces);
    let mut at = begin;
    for word in words {
        if !clusters.is_empty() {
            clusters.push(cluster(GlyphText::One(' '), at, at + width));
            at += width;
        }
        clusters.extend(GlyphText::new(word).map(|text| cluster(text, at, at + width)));
        at += width;
    }
    clusters
}

/// Shapes at about one height.
struct Band {
    clusters: Vec<Cluster>,
    spaces: Vec<Cluster>,
    base: f64,
    size: f64,
}

fn by_number(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

fn bands(mut clusters: Vec<Cluster>) -> Vec<Band> {
    clusters.sort_by(|a, b| by_number(a.base, b.base));
    let mut bands: Vec<Band> = Vec::new();
    for cluster in clusters {
        // Only the last few bands can be near, since shapes come from the top.
        let near = bands.iter_mut().rev().take(3).find(|band| belongs(band, &cluster));
        match near {
            Some(band) => {
                if cluster.size > band.size * 1.05 {
                    band.base = cluster.base;
                    band.size = cluster.size;
                }
                band.clusters.push(cluster);
            }
            None => {
                bands.push(Band {
                    base: cluster.base,
                    size: cluster.size,
                    clusters: vec![cluster],
                    spaces: Vec::new(),
                });
            }
        }
    }
    bands.sort_by(|a, b| by_number(a.base, b.base));
    bands
}

/// Raised and lowered small letters belong to their line; a letter over several lines does not belong to each of them.
fn belongs(band: &Band, cluster: &Cluster) -> bool {
    let (small, large) = if band.size < cluster.size { (band.size, cluster.size) } else { (cluster.size, band.size) };
    let tolerance = if small * 2.2 > large { 0.45 * large } else { 0.3 * small };
    (band.base - cluster.base).abs() <= tolerance
}

fn hand_out_spaces(bands: &mut [Band], spaces: Vec<Cluster>) {
    for space in spaces {
        let at = bands.partition_point(|band| band.base < space.base);
        let candidates = [at.checked_sub(1), Some(at)];
        let nearest =
            candidates.into_iter().flatten().filter(|at| bands.get(*at).is_some_and(|band| belongs(band, &space)));
        let distance = |at: &usize| bands.get(*at).map_or(f64::MAX, |band| (band.base - space.base).abs());
        let chosen = nearest.min_by(|a, b| by_number(distance(a), distance(b)));
        if let Some(band) = chosen.and_then(|at| bands.get_mut(at)) {
            band.spaces.push(space);
        }
    }
}

impl Band {
    fn into_row(mut self) -> Option<Row> {
        self.clusters.sort_by(|a, b| by_number(a.begin, b.begin));
        let (marks, letters): (Vec<_>, Vec<_>) = self.clusters.into_iter().partition(is_only_marks);
        let mut letters = without_doubles(letters);
        let lone = attach_marks(&mut letters, marks);
        if letters.is_empty() {
            letters = lone;
        }
        combine_accents(&mut letters);
        self.spaces.sort_by(|a, b| by_number(a.begin, b.begin));
        part_words(&mut letters, &self.spaces);
        let segments = part_segments(letters);
        if segments.is_empty() { None } else { Some(Row { segments, base: self.base, size: self.size }) }
    }
}

fn is_only_marks(cluster: &Cluster) -> bool {
    cluster.text.chars().all(clean::is_mark)
}

/// Leaves out shapes drawn twice at nearly the same place, to look bold or to throw a shadow.
fn without_doubles(clusters: Vec<Cluster>) -> Vec<Cluster> {
    let mut kept: Vec<Cluster> = Vec::with_capacity(clusters.len());
    for cluster in clusters {
        let double = kept.iter().rev().take(4).any(|before| {
            let near = cluster.size * 0.12;
            before.text == cluster.text
                && (before.begin - cluster.begin).abs() < near
                && (before.base - cluster.base).abs() < near
                && (before.size - cluster.size).abs() < near
        });
        if !double {
            kept.push(cluster);
        }
    }
    kept
}

/// Gives each mark to the letter over which it stands; returns marks when there is no letter at all.
fn attach_marks(letters: &mut [Cluster], marks: Vec<Cluster>) -> Vec<Cluster> {
    if letters.is_empty() {
        return marks;
    }
    for mark in marks {
        let middle = f64::midpoint(mark.begin, mark.end);
        let at = letters.partition_point(|letter| letter.begin <= middle);
        let from = at.saturating_sub(3);
        let around = letters.iter_mut().skip(from).take(5);
        // Inside a letter counts as no distance; then the nearest middle wins.
        let distance = |letter: &Cluster| {
            let outside = (letter.begin - middle).max(middle - letter.end).max(0.0);
            let off_middle = (f64::midpoint(letter.begin, letter.end) - middle).abs();
            outside * 10.0 + off_middle
        };
        if let Some(letter) = around.min_by(|a, b| by_number(distance(a), distance(b))) {
            letter.marks.extend(mark.text.chars());
        }
    }
    Vec::new()
}

/// Old TeX fonts draw an accent as a sign of its own over the letter: `´` and `e` are one `é`.
fn combine_accents(letters: &mut Vec<Cluster>) {
    let mut accents: Vec<(f64, char)> = Vec::new();
    let mut at = 0_usize;
    letters.retain(|cluster| {
        let GlyphText::One(sign) = &cluster.text else { return true };
        let Some(mark) = combining(*sign) else { return true };
        accents.push((f64::midpoint(cluster.begin, cluster.end), mark));
        at = at.saturating_add(1);
        false
    });
    for (middle, mark) in accents {
        let over = letters.iter_mut().find(|letter| {
            let inner = (letter.end - letter.begin) * 0.1;
            letter.begin + inner < middle && middle < letter.end - inner && letter.text.chars().any(char::is_alphabetic)
        });
        if let Some(letter) = over {
            letter.marks.push(mark);
        }
    }
}

fn combining(sign: char) -> Option<char> {
    Some(match sign {
        '´' => '\u{301}',
        'ˆ' => '\u{302}',
        '˜' => '\u{303}',
        '¯' => '\u{304}',
        '˘' => '\u{306}',
        '˙' => '\u{307}',
        '¨' => '\u{308}',
        '˚' => '\u{30a}',
        '˝' => '\u{30b}',
        'ˇ' => '\u{30c}',
        '¸' => '\u{327}',
        '˛' => '\u{328}',
        _ => return None,
    })
}

/// Finds where words part: at spaces that are drawn, and at gaps that are wide for the size of the letters.
fn part_words(letters: &mut [Cluster], spaces: &[Cluster]) {
    // A producer that draws its spaces leaves gaps inside words only by spacing the letters.
    let gap_share = if spaces.len().saturating_mul(16) >= letters.len() { 0.2 } else { 0.16 };
    let mut spaces = spaces.iter().map(|space| f64::midpoint(space.begin, space.end)).peekable();
    let mut reached = f64::NEG_INFINITY;
    let mut middle_before = f64::NEG_INFINITY;
    let mut digit_before: Option<(f64, f64)> = None;
    for letter in letters.iter_mut() {
        let middle = f64::midpoint(letter.begin, letter.end);
        let mut drawn = false;
        while let Some(space) = spaces.next_if(|space| *space < middle) {
            drawn |= space > middle_before;
        }
        let first = reached == f64::NEG_INFINITY;
        // The number of a note, raised behind a number, is not a part of it.
        let digit = letter.text.chars().any(|c| c.is_ascii_digit()).then_some((letter.size, letter.base));
        let note = match (digit_before, digit) {
            (Some((size, base)), Some((small, raised))) => small < size * 0.8 && base - raised > size * 0.15,
            _ => false,
        };
        digit_before = digit;
        letter.space_before = !first && (drawn || note || letter.begin - reached > letter.size * gap_share);
        reached = reached.max(letter.end);
        middle_before = middle;
    }
}

/// Parts a row at gaps wide enough to part columns or cells.
fn part_segments(letters: Vec<Cluster>) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    for letter in letters {
        match segments.last_mut() {
            Some(segment) if letter.begin - segment.end < letter.size * 0.9 => {
                segment.end = segment.end.max(letter.end);
                segment.clusters.push(letter);
            }
            _ => segments.push(Segment { begin: letter.begin, end: letter.end, clusters: vec![letter] }),
        }
    }
    segments
}

/// The middle value; 0 for none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(|a, b| by_number(*a, *b));
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
