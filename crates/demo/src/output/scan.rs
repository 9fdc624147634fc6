//! Pages as a scanner gives them: a little askew, with ragged letters, dust, and no text that a machine could read.

use std::sync::Arc;

use super::raster::{self, Dots, Raster, View};
use crate::page::{A4_HEIGHT, A4_WIDTH, Ink, Item, Page, Path, PictureItem};

/// Dots to the inch.
const RESOLUTION_DPI: f32 = 200.0;

/// Numbers that look drawn by lot and are the same each time (SplitMix64).
#[derive(Clone, Debug)]
pub struct Lot(u64);

impl Lot {
    /// Returns the numbers that belong to a text.
    pub fn of(text: &str) -> Self {
        Self(
            text.bytes()
                .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)),
        )
    }

    /// Returns the next number.
    pub const fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number from `low` up to `high`.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        let share = (self.number() >> 40) as f32 / (1_u32 << 24) as f32;
        low + (high - low) * share
    }

    /// Returns a whole number below `end`.
    pub const fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.number() % end }
    }

    /// Returns one of the things.
    pub fn one<'a, T>(&mut self, things: &'a [T]) -> Option<&'a T> {
        things.get(usize::try_from(self.below(things.len() as u64)).unwrap_or(0))
    }
}

/// Returns pages that hold nothing but the scanned picture of the ones given.
pub fn scanned(pages: &[Page], name: &str) -> Vec<Page> {
    let mut lot = Lot::of(name);
    pages.iter().map(|page| scanned_page(page, &mut lot)).collect()
}

fn scanned_page(page: &Page, lot: &mut Lot) -> Page {
    let mut paper = page.clone();
    punch(&mut paper, lot);
    let view = View {
        scale: RESOLUTION_DPI / 72.0,
        turn: lot.between(-0.012, 0.012),
        shift: (lot.between(-8.0, 8.0), lot.between(-10.0, 10.0)),
    };
    let grey = raster::draw(&paper, &view, Dots::Grey);
    let raster = bilevel(&grey, lot);
    let mut result = Page::a4();
    let place = [0.0, 0.0, A4_WIDTH, A4_HEIGHT];
    result.items.push(Item::Picture(PictureItem { raster: Arc::new(raster), place }));
    result
}

/// Draws what paper brings along: the holes of a binder, the shadow of an edge.
fn punch(paper: &mut Page, lot: &mut Lot) {
    let middle = A4_HEIGHT / 2.0 + lot.between(-4.0, 4.0);
    for hole in [middle - 113.0, middle + 113.0] {
        paper.fill(Path::circle(24.0 + lot.between(-1.0, 1.0), hole, 8.0), Ink(30, 30, 30));
    }
    let edge = lot.between(1.0, 3.0);
    paper.fill(Path::rect(A4_WIDTH - edge, 0.0, 6.0, A4_HEIGHT), Ink(40, 40, 40));
    for _ in 0..140 {
        let (x, y) = (lot.between(0.0, A4_WIDTH), lot.between(0.0, A4_HEIGHT));
        paper.fill(Path::circle(x, y, lot.between(0.15, 0.6)), Ink(60, 60, 60));
    }
}

/// Decides each dot, with some chance at the edges of letters.
fn bilevel(grey: &Raster, lot: &mut Lot) -> Raster {
    let width = grey.width as usize;
    let mut bytes = Vec::with_capacity(width.div_ceil(8) * grey.height as usize);
    for row in grey.bytes.chunks_exact(width) {
        for eight in row.chunks(8) {
            let mut byte = 0xff_u8;
            if eight.iter().any(|dot| *dot != 255) {
                let mut chance = lot.number();
                for (place, dot) in eight.iter().enumerate() {
                    let threshold = 110 + u8::try_from(chance & 0x3f).unwrap_or(0);
                    chance >>= 6;
                    if *dot < threshold {
                        byte &= !(0x80 >> place);
                    }
                }
            }
            bytes.push(byte);
        }
    }
    Raster { dots: Dots::Bilevel, bytes, ..*grey }
}

/// Draws a signature: a name in a hurry.
pub fn sign(page: &mut Page, name: &str, x: f32, y: f32) {
    let mut lot = Lot::of(name);
    let ink = Ink(24, 36, 110);
    let mut at = x;
    let mut cubics = Vec::new();
    let strokes = name.chars().count().clamp(6, 14);
    for _ in 0..strokes {
        let next = at + lot.between(5.0, 13.0);
        let (up, down) = (lot.between(-22.0, -2.0), lot.between(0.0, 12.0));
        cubics.push([at + 2.0, y + up, next + lot.between(-9.0, 6.0), y + down, next, y + lot.between(-7.0, 4.0)]);
        at = next;
    }
    page.stroke(Path::curve(x, y, &cubics), 1.3, ink);
    let tail = [x + 20.0, y + 16.0, at - 10.0, y + 7.0, at + 18.0, y - 6.0];
    page.stroke(Path::curve(x - 6.0, y + 12.0, &[tail]), 1.0, ink);
}
