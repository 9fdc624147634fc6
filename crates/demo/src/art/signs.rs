//! The figures of marks.

use crate::cases::{Case, Mark, Sign};
use crate::page::line::Look;
use crate::page::{Ink, Page, Path, WHITE};

const GREEN: Ink = Ink(38, 120, 74);
const DARK_GREEN: Ink = Ink(18, 78, 50);
const BLUE: Ink = Ink(28, 92, 160);
const SKY: Ink = Ink(120, 178, 220);
const GOLD: Ink = Ink(222, 164, 40);
const BROWN: Ink = Ink(120, 72, 36);
const RED: Ink = Ink(178, 48, 40);
const NIGHT: Ink = Ink(30, 34, 74);

/// The side of the picture. *Units*: points.
pub const SIDE: f32 = 300.0;

/// Returns the mark as it is filed: its figure, and its word in both scripts.
pub fn picture(case: &Case, mark: &Mark) -> Page {
    let mut page = Page::new(SIDE, SIDE);
    if let Some(sign) = mark.sign {
        sign_at(&mut page, sign, 150.0, 112.0);
    }
    let ink = mark.sign.map_or(NIGHT, ink_of);
    let size = if case.title.en.chars().count() > 12 { 22.0 } else { 32.0 };
    page.label(case.title.en, 150.0, 236.0, &Look::bold(size).inked(ink));
    page.label(case.title.ar, 150.0, 276.0, &Look::bold(26.0).inked(ink));
    page
}

const fn ink_of(sign: Sign) -> Ink {
    match sign {
        Sign::Leaf | Sign::Palm => DARK_GREEN,
        Sign::Wave | Sign::Drop | Sign::Mountain => BLUE,
        Sign::Sun | Sign::Comb => BROWN,
        Sign::Star => RED,
        Sign::Crescent => NIGHT,
    }
}

/// Draws a figure around a point, some 180 points high and wide.
pub fn sign_at(page: &mut Page, sign: Sign, x: f32, y: f32) {
    match sign {
        Sign::Leaf => leaf(page, x, y),
        Sign::Wave => wave(page, x, y),
        Sign::Palm => palm(page, x, y),
        Sign::Drop => drop(page, x, y),
        Sign::Sun => sun(page, x, y),
        Sign::Mountain => mountain(page, x, y),
        Sign::Star => star(page, x, y),
        Sign::Crescent => crescent(page, x, y),
        Sign::Comb => comb(page, x, y),
    }
}

fn leaf(page: &mut Page, x: f32, y: f32) {
    for (dx, ink) in [(-38.0, GREEN), (38.0, DARK_GREEN)] {
        let tip = (x + dx * 1.7, y - 78.0);
        let left = [x + dx * 0.1, y - 10.0, x + dx * 0.2, y - 70.0, tip.0, tip.1];
        let right = [x + dx * 2.4, y - 20.0, x + dx * 1.6, y + 40.0, x, y + 78.0];
        page.fill(Path::curve(x, y + 78.0, &[left, right]).closed(), ink);
        let vein = [x + dx * 0.5, y + 20.0, x + dx, y - 20.0, tip.0, tip.1];
        page.stroke(Path::curve(x, y + 78.0, &[vein]), 2.5, WHITE);
    }
}

fn wave(page: &mut Page, x: f32, y: f32) {
    page.fill(Path::circle(x, y, 84.0), SKY);
    for (row, ink) in [(0.0, BLUE), (26.0, WHITE), (52.0, BLUE)] {
        let top = y - 20.0 + row;
        let crest = |begin: f32| [begin + 18.0, top - 26.0, begin + 36.0, top - 26.0, begin + 54.0, top];
        let back = |begin: f32| [begin - 18.0, top - 4.0, begin - 36.0, top - 4.0, begin - 54.0, top + 18.0];
        let path = Path {
            verbs: [
                vec![crate::page::Verb::Move(x - 81.0, top)],
                [-81.0, -27.0, 27.0].map(|dx| crate::page::Verb::Cubic(crest(x + dx))).to_vec(),
                [81.0, 27.0, -27.0].map(|dx| crate::page::Verb::Cubic(back(x + dx))).to_vec(),
            ]
            .concat(),
        };
        page.fill(path.closed(), ink);
    }
    page.fill(Path::polygon(&[(x - 6.0, y - 30.0), (x - 6.0, y - 74.0), (x + 40.0, y - 34.0)]), WHITE);
}

fn palm(page: &mut Page, x: f32, y: f32) {
    let trunk = [
        [x - 4.0, y + 50.0, x - 8.0, y + 20.0, x - 2.0, y - 26.0],
        [x + 16.0, y + 20.0, x + 14.0, y + 60.0, x + 16.0, y + 84.0],
    ];
    page.fill(Path::curve(x - 14.0, y + 84.0, &trunk).closed(), BROWN);
    for (dx, dy) in [(-84.0, 2.0), (-70.0, -44.0), (-26.0, -76.0), (26.0, -76.0), (70.0, -44.0), (84.0, 2.0)] {
        let out = [x + dx * 0.3, y - 60.0 + dy * 0.2, x + dx * 0.8, y - 44.0 + dy * 0.5, x + dx, y + dy];
        let back = [x + dx * 0.6, y - 16.0 + dy * 0.4, x + dx * 0.3, y - 30.0, x, y - 24.0];
        page.fill(Path::curve(x, y - 30.0, &[out, back]).closed(), GREEN);
    }
    for dx in [-14.0, 0.0, 14.0] {
        page.fill(Path::ellipse(x + dx, y - 12.0, 6.0, 9.0), GOLD);
    }
}

fn drop(page: &mut Page, x: f32, y: f32) {
    let sides = [
        [x + 24.0, y - 40.0, x + 60.0, y - 4.0, x + 60.0, y + 26.0],
        [x + 60.0, y + 96.0, x - 60.0, y + 96.0, x - 60.0, y + 26.0],
        [x - 60.0, y - 4.0, x - 24.0, y - 40.0, x, y - 86.0],
    ];
    page.fill(Path::curve(x, y - 86.0, &sides).closed(), BLUE);
    let light = [
        [x - 40.0, y + 56.0, x - 20.0, y + 66.0, x - 4.0, y + 66.0],
        [x - 26.0, y + 58.0, x - 34.0, y + 44.0, x - 36.0, y + 20.0],
    ];
    page.fill(Path::curve(x - 42.0, y + 24.0, &light).closed(), SKY);
}

fn sun(page: &mut Page, x: f32, y: f32) {
    page.fill(Path::star(x, y, 16, 88.0, 56.0), GOLD);
    page.fill(Path::circle(x, y, 50.0), WHITE);
    page.fill(Path::circle(x, y, 43.0), GOLD);
    for dy in [-14.0, 0.0, 14.0] {
        page.stroke(Path::line(&[(x - 40.0, y + dy), (x + 40.0, y + dy)]), 2.0, WHITE);
    }
    for dx in [-14.0, 14.0] {
        page.stroke(Path::line(&[(x + dx, y - 40.0), (x + dx, y + 40.0)]), 2.0, WHITE);
    }
}

fn mountain(page: &mut Page, x: f32, y: f32) {
    page.fill(Path::circle(x + 34.0, y - 46.0, 20.0), GOLD);
    page.fill(Path::polygon(&[(x - 92.0, y + 70.0), (x - 28.0, y - 60.0), (x + 36.0, y + 70.0)]), BLUE);
    page.fill(Path::polygon(&[(x - 20.0, y + 70.0), (x + 36.0, y - 22.0), (x + 92.0, y + 70.0)]), NIGHT);
    page.fill(
        Path::polygon(&[(x - 28.0, y - 60.0), (x - 46.0, y - 22.0), (x - 28.0, y - 32.0), (x - 8.0, y - 20.0)]),
        WHITE,
    );
    let road = [x + 10.0, y + 50.0, x - 30.0, y + 40.0, x - 4.0, y + 14.0];
    page.stroke(Path::curve(x + 4.0, y + 70.0, &[road]), 5.0, GOLD);
}

fn star(page: &mut Page, x: f32, y: f32) {
    page.fill(Path::star(x, y, 8, 88.0, 62.0), RED);
    page.stroke(Path::star(x, y, 8, 72.0, 50.0), 3.0, GOLD);
    page.fill(Path::star(x, y, 8, 46.0, 32.0), GOLD);
    page.fill(Path::star(x, y, 8, 24.0, 16.0), BLUE);
}

fn crescent(page: &mut Page, x: f32, y: f32) {
    page.fill(Path::circle(x, y, 84.0), NIGHT);
    page.fill(Path::circle(x - 8.0, y, 58.0), GOLD);
    page.fill(Path::circle(x + 14.0, y - 8.0, 48.0), NIGHT);
    page.fill(Path::star(x + 30.0, y - 14.0, 5, 20.0, 8.0), GOLD);
}

fn comb(page: &mut Page, x: f32, y: f32) {
    for (dx, dy, ink) in [
        (0.0, 0.0, GOLD),
        (-48.0, -28.0, BROWN),
        (48.0, -28.0, GOLD),
        (-48.0, 28.0, GOLD),
        (48.0, 28.0, BROWN),
        (0.0, -56.0, GOLD),
        (0.0, 56.0, BROWN),
    ] {
        let cell = Path::star(0.0, 0.0, 3, 30.0, 30.0).mapped(|a, b| (x + dx + b, y + dy + a));
        page.fill(cell, ink);
    }
}
