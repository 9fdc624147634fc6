//! Patent drawings: black lines, reference numerals at the ends of leads, no words but the figure's own
//! (Regulations under the Patent Cooperation Treaty, Rule 11.13).

use crate::cases::{Figure, Language, Patent};
use crate::page::line::Look;
use crate::page::{A4_HEIGHT, A4_WIDTH, BLACK, Ink, Page, Path};

const HATCH: Ink = Ink(90, 90, 94);

/// Returns one sheet of drawings.
pub fn sheet(patent: &Patent, figure: Figure, number: usize, language: Language) -> Page {
    let mut page = Page::a4();
    let (x, y) = (A4_WIDTH / 2.0, A4_HEIGHT * 0.42);
    let points = match figure {
        Figure::Section => section(&mut page, x, y),
        Figure::Still => still(&mut page, x, y),
        Figure::Crate => open_crate(&mut page, x, y),
        Figure::Gears => gears(&mut page, x, y),
        Figure::Cylinder => cylinder(&mut page, x, y),
        Figure::Steps => steps(&mut page, patent, language, x),
        Figure::Chart => chart(&mut page, x, y),
    };
    for ((numeral, _), (px, py)) in patent.parts.iter().zip(points) {
        lead(&mut page, *numeral, px, py, x, y);
    }
    let caption = match language {
        Language::English => format!("FIG. {number}"),
        Language::Arabic => format!("الشكل {number}"),
    };
    page.label(&caption, x, A4_HEIGHT - 140.0, &Look::bold(16.0));
    page.label(&format!("{number} / {}", patent.figures.len()), x, 46.0, &Look::plain(11.0));
    page
}

/// Draws a numeral on a ring around the drawing, with a curved lead to its point.
fn lead(page: &mut Page, numeral: u16, px: f32, py: f32, x: f32, y: f32) {
    let (dx, dy) = (px - x, py - y);
    let length = dx.hypot(dy).max(1.0);
    let (ex, ey) = (x + dx / length * 240.0, y + dy / length * 244.0);
    let bend = [px + (ex - px) * 0.3, py + 12.0, px + (ex - px) * 0.7, ey - 12.0, ex, ey];
    page.stroke(Path::curve(px, py, &[bend]), 0.9, BLACK);
    let (tx, ty) = (ex + dx / length * 14.0, ey + dy / length * 12.0 + 5.0);
    page.label(&numeral.to_string(), tx, ty, &Look::plain(14.0));
}

/// Draws slanted lines inside a box, as cut material is shown.
fn hatch(page: &mut Page, x: f32, y: f32, width: f32, height: f32) {
    let mut at = 6.0;
    while at < width + height {
        let (from, to) = ((at.min(width), (at - width).max(0.0)), ((at - height).max(0.0), at.min(height)));
        page.stroke(Path::line(&[(x + from.0, y + from.1), (x + to.0, y + to.1)]), 0.5, HATCH);
        at += 7.0;
    }
}

fn section(page: &mut Page, x: f32, y: f32) -> Vec<(f32, f32)> {
    for (dy, height) in [(-110.0, 24.0), (86.0, 24.0)] {
        page.solid(Path::rect(x - 150.0, y + dy, 300.0, height), 1.6);
        hatch(page, x - 150.0, y + dy, 300.0, height);
    }
    for dx in [-150.0, 126.0] {
        page.solid(Path::rect(x + dx, y - 86.0, 24.0, 172.0), 1.6);
        hatch(page, x + dx, y - 86.0, 24.0, 172.0);
    }
    for tooth in 0_u8..8 {
        let at = x - 112.0 + f32::from(tooth) * 29.0;
        let (top, bottom) = if tooth % 2 == 0 { (y - 86.0, y - 36.0) } else { (y - 66.0, y - 16.0) };
        page.solid(Path::polygon(&[(at, top), (at + 10.0, top), (at + 16.0, bottom), (at - 6.0, bottom)]), 1.2);
    }
    let bow = [
        [x - 60.0, y + 4.0, x + 60.0, y + 4.0, x + 126.0, y + 30.0],
        [x + 60.0, y + 14.0, x - 60.0, y + 14.0, x - 126.0, y + 40.0],
    ];
    page.solid(Path::curve(x - 126.0, y + 30.0, &bow).closed(), 1.3);
    page.solid(Path::rect(x - 190.0, y - 12.0, 40.0, 24.0), 1.4);
    page.solid(Path::rect(x + 150.0, y + 48.0, 40.0, 20.0), 1.4);
    for dy in [-6.0, 6.0] {
        page.dashed(Path::line(&[(x - 190.0, y + dy), (x - 128.0, y + dy)]), 0.8, BLACK);
    }
    vec![
        (x - 100.0, y - 100.0),
        (x - 182.0, y),
        (x + 4.0, y - 40.0),
        (x + 100.0, y + 21.0),
        (x - 100.0, y + 60.0),
        (x + 176.0, y + 58.0),
    ]
}

fn still(page: &mut Page, x: f32, y: f32) -> Vec<(f32, f32)> {
    page.solid(
        Path::polygon(&[(x - 170.0, y + 120.0), (x - 170.0, y - 60.0), (x + 170.0, y + 70.0), (x + 170.0, y + 120.0)]),
        1.6,
    );
    let mut outline = vec![(x - 150.0, y + 104.0), (x - 150.0, y - 10.0)];
    for step in 0_u8..7 {
        let at = f32::from(step);
        outline.push((x - 110.0 + at * 40.0, y - 10.0 + at * 14.0));
        outline.push((x - 110.0 + at * 40.0, y + 4.0 + at * 14.0));
    }
    outline.push((x + 150.0, y + 104.0));
    page.solid(Path::polygon(&outline), 1.4);
    hatch(page, x - 150.0, y + 90.0, 300.0, 14.0);
    page.stroke(Path::line(&[(x - 176.0, y - 84.0), (x + 176.0, y + 50.0)]), 3.0, BLACK);
    for ray in 0_u8..5 {
        let at = x - 120.0 + f32::from(ray) * 56.0;
        page.dashed(Path::line(&[(at + 40.0, y - 170.0), (at, y - 70.0 + f32::from(ray) * 20.0)]), 0.9, BLACK);
    }
    page.solid(Path::rect(x - 200.0, y - 30.0, 34.0, 12.0), 1.2);
    page.solid(Path::rect(x + 160.0, y + 80.0, 40.0, 16.0), 1.2);
    vec![(x - 40.0, y + 40.0), (x + 40.0, y - 2.0), (x - 196.0, y - 24.0), (x + 190.0, y + 88.0), (x, y + 110.0)]
}

fn open_crate(page: &mut Page, x: f32, y: f32) -> Vec<(f32, f32)> {
    let (front, back) = (y + 90.0, y - 40.0);
    page.solid(Path::polygon(&[(x - 150.0, front), (x + 110.0, front), (x + 170.0, back), (x - 90.0, back)]), 1.5);
    for groove in 1_u8..9 {
        let at = f32::from(groove) * 29.0;
        page.stroke(Path::line(&[(x - 150.0 + at, front), (x - 90.0 + at, back)]), 0.7, BLACK);
    }
    page.solid(
        Path::polygon(&[(x - 90.0, back), (x + 170.0, back), (x + 170.0, back - 90.0), (x - 90.0, back - 90.0)]),
        1.5,
    );
    page.solid(
        Path::polygon(&[(x - 150.0, front), (x - 90.0, back), (x - 90.0, back - 90.0), (x - 150.0, front - 90.0)]),
        1.5,
    );
    page.solid(
        Path::polygon(&[(x - 150.0, front), (x + 110.0, front), (x + 110.0, front + 60.0), (x - 150.0, front + 60.0)]),
        1.5,
    );
    for hinge in 0_u8..4 {
        page.solid(Path::ellipse(x - 120.0 + f32::from(hinge) * 64.0, front, 12.0, 4.0), 1.2);
    }
    page.solid(Path::circle(x + 130.0, back + 22.0, 6.0), 1.2);
    vec![(x + 40.0, back - 70.0), (x - 120.0, front + 2.0), (x - 30.0, y + 30.0), (x + 132.0, back + 22.0)]
}

fn gears(page: &mut Page, x: f32, y: f32) -> Vec<(f32, f32)> {
    for (dx, dy, teeth, outer) in [(-70.0, 30.0, 30_u16, 110.0), (94.0, -30.0, 16, 66.0)] {
        let (cx, cy) = (x + dx, y + dy);
        page.solid(Path::star(cx, cy, teeth, outer, outer - 12.0), 1.4);
        page.solid(Path::circle(cx, cy, outer - 26.0), 1.0);
        page.solid(Path::circle(cx, cy, 13.0), 1.4);
        for spoke in 0_u8..5 {
            let angle = f32::from(spoke) * 1.2566;
            let (sin, cos) = angle.sin_cos();
            let (near, far) = (14.0, outer - 26.0);
            page.stroke(
                Path::line(&[(cx + near * cos, cy + near * sin), (cx + far * cos, cy + far * sin)]),
                3.0,
                BLACK,
            );
        }
    }
    page.solid(
        Path::polygon(&[(x + 88.0, y - 34.0), (x + 168.0, y - 120.0), (x + 178.0, y - 110.0), (x + 100.0, y - 26.0)]),
        1.4,
    );
    page.solid(Path::rect(x + 160.0, y - 146.0, 26.0, 32.0), 1.3);
    page.solid(Path::rect(x - 76.0, y + 30.0, 12.0, 150.0), 1.4);
    vec![
        (x + 174.0, y - 132.0),
        (x + 130.0, y - 12.0),
        (x - 150.0, y + 40.0),
        (x - 70.0, y + 164.0),
        (x - 20.0, y + 96.0),
    ]
}

fn cylinder(page: &mut Page, x: f32, y: f32) -> Vec<(f32, f32)> {
    for dx in [-62.0, 50.0] {
        page.solid(Path::rect(x + dx, y - 120.0, 12.0, 240.0), 1.5);
        hatch(page, x + dx, y - 120.0, 12.0, 240.0);
    }
    page.solid(Path::rect(x - 50.0, y - 26.0, 100.0, 34.0), 1.4);
    page.solid(Path::rect(x - 6.0, y - 170.0, 12.0, 144.0), 1.4);
    for dy in [-20.0, -10.0, 0.0] {
        page.stroke(Path::line(&[(x - 50.0, y + dy), (x + 50.0, y + dy)]), 2.2, BLACK);
    }
    page.solid(
        Path::polygon(&[(x - 62.0, y + 120.0), (x + 62.0, y + 120.0), (x + 20.0, y + 152.0), (x - 20.0, y + 152.0)]),
        1.4,
    );
    page.solid(Path::rect(x - 12.0, y + 152.0, 24.0, 60.0), 1.4);
    page.solid(Path::circle(x, y + 136.0, 10.0), 1.3);
    page.solid(Path::rect(x + 62.0, y - 100.0, 70.0, 20.0), 1.4);
    page.dashed(Path::line(&[(x, y - 200.0), (x, y + 230.0)]), 0.6, BLACK);
    vec![
        (x + 56.0, y + 60.0),
        (x + 126.0, y - 90.0),
        (x - 40.0, y - 8.0),
        (x - 4.0, y - 150.0),
        (x + 8.0, y + 136.0),
        (x - 8.0, y + 190.0),
    ]
}

fn steps(page: &mut Page, patent: &Patent, language: Language, x: f32) -> Vec<(f32, f32)> {
    let mut points = Vec::new();
    let mut y = 150.0;
    for (_, name) in patent.parts {
        page.solid(Path::rect(x - 110.0, y, 220.0, 54.0), 1.4);
        page.label(name.in_language(language), x, y + 32.0, &Look::plain(13.0));
        points.push((x + 110.0, y + 27.0));
        y += 54.0;
        page.stroke(Path::line(&[(x, y), (x, y + 36.0)]), 1.2, BLACK);
        page.fill(Path::polygon(&[(x - 5.0, y + 28.0), (x + 5.0, y + 28.0), (x, y + 38.0)]), BLACK);
        y += 38.0;
    }
    page.solid(Path::ellipse(x, y + 26.0, 90.0, 26.0), 1.4);
    let end = match language {
        Language::English => "kg",
        Language::Arabic => "كغ",
    };
    page.label(end, x, y + 31.0, &Look::plain(13.0));
    points
}

fn chart(page: &mut Page, x: f32, y: f32) -> Vec<(f32, f32)> {
    let (left, bottom) = (x - 170.0, y + 130.0);
    page.stroke(Path::line(&[(left, y - 140.0), (left, bottom), (x + 180.0, bottom)]), 1.5, BLACK);
    for tick in 1_u8..=6 {
        let at = f32::from(tick);
        page.stroke(Path::line(&[(left + at * 54.0, bottom), (left + at * 54.0, bottom + 7.0)]), 1.0, BLACK);
        page.label(&(tick * 4).to_string(), left + at * 54.0, bottom + 22.0, &Look::plain(11.0));
        page.stroke(Path::line(&[(left - 7.0, bottom - at * 42.0), (left, bottom - at * 42.0)]), 1.0, BLACK);
        page.label(&(tick * 10).to_string(), left - 20.0, bottom - at * 42.0 + 4.0, &Look::plain(11.0));
    }
    let solid = [
        [left + 80.0, bottom - 20.0, left + 120.0, bottom - 220.0, left + 180.0, bottom - 222.0],
        [left + 240.0, bottom - 222.0, left + 260.0, bottom - 60.0, left + 330.0, bottom - 40.0],
    ];
    page.stroke(Path::curve(left, bottom - 8.0, &solid), 1.8, BLACK);
    let other = [
        [left + 90.0, bottom - 10.0, left + 150.0, bottom - 140.0, left + 200.0, bottom - 142.0],
        [left + 250.0, bottom - 142.0, left + 270.0, bottom - 40.0, left + 330.0, bottom - 24.0],
    ];
    page.dashed(Path::curve(left, bottom - 4.0, &other), 1.4, BLACK);
    // Curves are no parts: nothing to point at.
    Vec::new()
}
