//! The views of designs, as lines.

use crate::cases::Piece;
use crate::page::{BLACK, Ink, Page, Path, WHITE};

/// From where a thing is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// From the front.
    Front,
    /// From the side.
    Profile,
    /// From above.
    Above,
    /// In part, larger.
    Detail,
}

/// All views, in the order in which they are filed.
pub const SIDES: [Side; 4] = [Side::Front, Side::Profile, Side::Above, Side::Detail];

/// Draws a view around a point, some 240 points high.
pub fn view_at(page: &mut Page, piece: Piece, side: Side, x: f32, y: f32) {
    let (narrow, from_above) = match side {
        Side::Front => (1.0, false),
        Side::Profile => (0.72, false),
        Side::Above => (1.0, true),
        Side::Detail => {
            let mut part = Page::new(0.0, 0.0);
            body(&mut part, piece, 1.0, 0.0, 0.0);
            detail(page, &part, x, y);
            return;
        }
    };
    if from_above {
        above(page, piece, x, y);
    } else {
        body(page, piece, narrow, x, y);
    }
}

/// Draws the upper part, twice as large, in a frame.
fn detail(page: &mut Page, part: &Page, x: f32, y: f32) {
    for item in &part.items {
        if let crate::page::Item::Path(item) = item {
            let mut item = item.clone();
            item.path = item.path.mapped(|a, b| (x + a * 1.5, y + (b + 33.0) * 1.5));
            page.items.push(crate::page::Item::Path(item));
        }
    }
    // Paper outside the frame.
    for (dx, dy, width, height) in [
        (-200.0, -240.0, 400.0, 120.0),
        (-200.0, 120.0, 400.0, 260.0),
        (-240.0, -240.0, 120.0, 620.0),
        (120.0, -240.0, 120.0, 620.0),
    ] {
        page.fill(Path::rect(x + dx, y + dy, width, height), WHITE);
    }
    page.stroke(Path::rect(x - 120.0, y - 120.0, 240.0, 240.0), 0.8, BLACK);
}

fn body(page: &mut Page, piece: Piece, narrow: f32, x: f32, y: f32) {
    match piece {
        Piece::Lantern => lantern(page, narrow, x, y),
        Piece::Glass => glass(page, narrow, x, y),
        Piece::Tile => tile(page, narrow, x, y),
        Piece::Chair => chair(page, narrow, x, y),
        Piece::Bottle => bottle(page, narrow, x, y),
    }
}

fn lantern(page: &mut Page, narrow: f32, x: f32, y: f32) {
    let at = |dx: f32, dy: f32| (x + dx * narrow, y + dy);
    page.stroke(Path::circle(x, y - 108.0, 10.0), 1.6, BLACK);
    page.stroke(Path::line(&[(x, y - 98.0), (x, y - 84.0)]), 1.6, BLACK);
    let dome = [
        [x - 44.0 * narrow, y - 84.0, x - 30.0 * narrow, y - 66.0, x, y - 86.0],
        [x + 30.0 * narrow, y - 66.0, x + 44.0 * narrow, y - 84.0, x + 50.0 * narrow, y - 40.0],
    ];
    page.solid(Path::curve(x - 50.0 * narrow, y - 40.0, &dome).closed(), 1.4);
    page.solid(Path::polygon(&[at(-60.0, -40.0), at(60.0, -40.0), at(50.0, 70.0), at(-50.0, 70.0)]), 1.4);
    for dx in [-20.0, 20.0] {
        page.stroke(Path::line(&[at(dx, -40.0), at(dx * 0.83, 70.0)]), 1.0, BLACK);
    }
    for dx in [-38.0, 0.0, 38.0] {
        for dy in [-18.0, 15.0, 48.0] {
            page.fill(Path::star(x + dx * narrow, y + dy, 8, 9.0, 6.0), Ink(70, 70, 74));
        }
    }
    page.solid(Path::polygon(&[at(-58.0, 70.0), at(58.0, 70.0), at(40.0, 92.0), at(-40.0, 92.0)]), 1.4);
    page.solid(Path::circle(x, y + 100.0, 8.0), 1.4);
}

fn glass(page: &mut Page, narrow: f32, x: f32, y: f32) {
    let narrow = narrow.max(0.95);
    let left = [
        [x - 40.0 * narrow, y - 30.0, x - 26.0 * narrow, y - 6.0, x - 26.0 * narrow, y + 16.0],
        [x - 26.0 * narrow, y + 50.0, x - 40.0 * narrow, y + 70.0, x - 40.0 * narrow, y + 94.0],
    ];
    let base = [x - 20.0 * narrow, y + 104.0, x + 20.0 * narrow, y + 104.0, x + 40.0 * narrow, y + 94.0];
    let right = [
        [x + 40.0 * narrow, y + 70.0, x + 26.0 * narrow, y + 50.0, x + 26.0 * narrow, y + 16.0],
        [x + 26.0 * narrow, y - 6.0, x + 40.0 * narrow, y - 30.0, x + 52.0 * narrow, y - 96.0],
    ];
    let [a, b] = left;
    let [c, d] = right;
    page.solid(Path::curve(x - 52.0 * narrow, y - 96.0, &[a, b, base, c, d]).closed(), 1.5);
    page.solid(Path::ellipse(x, y - 96.0, 52.0 * narrow, 12.0), 1.5);
    for leaf in -4_i8..=4 {
        let middle = x + f32::from(leaf) * 9.6 * narrow;
        page.stroke(Path::ellipse(middle, y - 52.0, 3.4, 10.0), 0.8, BLACK);
    }
    for dy in [-68.0, -36.0] {
        page.stroke(Path::line(&[(x - 46.0 * narrow, y + dy), (x + 46.0 * narrow, y + dy)]), 0.8, BLACK);
    }
}

fn tile(page: &mut Page, narrow: f32, x: f32, y: f32) {
    if narrow < 1.0 {
        page.solid(Path::rect(x - 10.0, y - 100.0, 20.0, 200.0), 1.4);
        for step in -4_i8..=4 {
            page.solid(Path::rect(x + 10.0, y + f32::from(step) * 22.0 - 5.0, 4.0, 10.0), 0.9);
        }
        return;
    }
    page.solid(Path::rect(x - 100.0, y - 100.0, 200.0, 200.0), 1.6);
    for row in -1_i8..=1 {
        for column in -1_i8..=1 {
            let (cx, cy) = (x + f32::from(column) * 66.6, y + f32::from(row) * 66.6);
            page.solid(Path::star(cx, cy, 8, 32.0, 23.0), 1.1);
            page.solid(Path::star(cx, cy, 8, 18.0, 13.0), 0.8);
            page.fill(Path::star(cx, cy, 8, 8.0, 5.5), Ink(110, 110, 116));
        }
    }
}

fn chair(page: &mut Page, narrow: f32, x: f32, y: f32) {
    if narrow < 1.0 {
        let bars = [((-60.0, -110.0), (54.0, 100.0)), ((50.0, -6.0), (-58.0, 100.0))];
        for ((ax, ay), (bx, by)) in bars {
            page.solid(
                Path::polygon(&[
                    (x + ax, y + ay),
                    (x + ax + 9.0, y + ay - 4.0),
                    (x + bx + 9.0, y + by - 4.0),
                    (x + bx, y + by),
                ]),
                1.4,
            );
        }
        page.solid(Path::rect(x - 40.0, y - 12.0, 96.0, 9.0), 1.4);
        return;
    }
    for dx in [-58.0, 50.0] {
        page.solid(Path::rect(x + dx, y - 110.0, 8.0, 210.0), 1.4);
    }
    for dy in [-104.0, -76.0, 64.0] {
        page.solid(Path::rect(x - 50.0, y + dy, 100.0, 9.0), 1.2);
    }
    page.solid(Path::rect(x - 62.0, y - 14.0, 124.0, 14.0), 1.4);
    for strip in 0_u8..12 {
        let at = x - 60.0 + f32::from(strip) * 10.4;
        page.stroke(Path::line(&[(at, y - 14.0), (at + 6.0, y)]), 0.8, BLACK);
    }
}

fn bottle(page: &mut Page, narrow: f32, x: f32, y: f32) {
    let side = if narrow < 1.0 { 30.0 } else { 42.0 };
    page.solid(Path::rect(x - 13.0, y - 112.0, 26.0, 14.0), 1.4);
    let shoulder = [
        [x + 14.0, y - 50.0, x + side, y - 44.0, x + side, y - 14.0],
        [x + side, y + 40.0, x + side, y + 70.0, x + side, y + 100.0],
    ];
    let back = [
        [x - side, y + 70.0, x - side, y + 40.0, x - side, y - 14.0],
        [x - side, y - 30.0, x - 14.0, y - 62.0, x - 11.0, y - 98.0],
    ];
    let floor = [x + side * 0.5, y + 108.0, x - side * 0.5, y + 108.0, x - side, y + 100.0];
    let [a, b] = shoulder;
    let [c, d] = back;
    page.solid(Path::curve(x + 11.0, y - 98.0, &[a, b, floor, c, d]).closed(), 1.5);
    for dy in [-92.0, -84.0, -76.0] {
        page.stroke(Path::ellipse(x, y + dy, 14.0, 2.6), 1.2, BLACK);
    }
    page.stroke(Path::line(&[(x - side, y + 6.0), (x + side, y - 10.0)]), 0.9, BLACK);
}

fn above(page: &mut Page, piece: Piece, x: f32, y: f32) {
    match piece {
        Piece::Lantern => {
            page.solid(Path::star(x, y, 4, 86.0, 86.0), 1.5);
            page.stroke(Path::star(x, y, 4, 62.0, 62.0), 1.0, BLACK);
            page.stroke(Path::circle(x, y, 30.0), 1.0, BLACK);
            page.solid(Path::circle(x, y, 9.0), 1.4);
        }
        Piece::Glass | Piece::Bottle => {
            for (radius, width) in [(80.0, 1.5), (72.0, 0.8), (44.0, 1.0), (20.0, 1.0)] {
                page.stroke(Path::circle(x, y, radius), width, BLACK);
            }
        }
        Piece::Tile => tile(page, 1.0, x, y),
        Piece::Chair => {
            page.solid(Path::rect(x - 62.0, y - 60.0, 124.0, 110.0), 1.4);
            for strip in 0_u8..12 {
                let at = f32::from(strip) * 9.6;
                page.stroke(Path::line(&[(x - 60.0, y - 54.0 + at), (x + 60.0, y - 54.0 + at)]), 0.6, BLACK);
            }
            page.solid(Path::rect(x - 66.0, y - 74.0, 132.0, 12.0), 1.4);
        }
    }
}
