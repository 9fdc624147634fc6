//! Text that flows down pages: paragraphs, headings, rows of a form, tables.

use super::line::{self, Look, SetLine};
use super::{A4_HEIGHT, A4_WIDTH, BLACK, Ink, Page, Path};

/// The ink of rules and labels.
pub const GREY: Ink = Ink(96, 100, 110);
/// The ink of faint rules.
pub const FAINT: Ink = Ink(190, 194, 202);

const LEFT: f32 = 64.0;
const RIGHT: f32 = A4_WIDTH - 64.0;
const BOTTOM: f32 = A4_HEIGHT - 72.0;
const TOP: f32 = 72.0;
/// The height of a line over the size of its letters.
const LEADING: f32 = 1.45;

/// Where lines stand between the margins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// At the side where the text begins.
    Start,
    /// In the middle.
    Centre,
    /// At the side where the text ends.
    End,
}

/// Pages that are being filled from the top.
#[derive(Clone, Debug)]
pub struct Flow {
    pages: Vec<Page>,
    page: Page,
    y: f32,
    leftwards: bool,
}

impl Flow {
    /// Returns an empty A4 page on which forms and tables begin at the right, or not.
    pub const fn new(leftwards: bool) -> Self {
        Self { pages: Vec::new(), page: Page::a4(), y: TOP, leftwards }
    }

    /// Returns the page that is being filled.
    pub const fn page(&mut self) -> &mut Page {
        &mut self.page
    }

    /// Returns where the next line begins.
    pub const fn y(&self) -> f32 {
        self.y
    }

    /// Leaves a space.
    pub fn space(&mut self, height: f32) {
        self.y += height;
    }

    /// Begins a new page.
    pub fn break_page(&mut self) {
        let full = std::mem::replace(&mut self.page, Page::a4());
        self.pages.push(full);
        self.y = TOP;
    }

    /// Begins a new page unless `height` is left on this one.
    pub fn need(&mut self, height: f32) {
        if self.y + height > BOTTOM {
            self.break_page();
        }
    }

    /// Draws a rule across the page.
    pub fn rule(&mut self) {
        self.page.stroke(Path::line(&[(LEFT, self.y), (RIGHT, self.y)]), 0.6, GREY);
        self.y += 10.0;
    }

    /// Writes a heading and the space around it.
    pub fn heading(&mut self, text: &str, size: f32) {
        self.need(size * 4.0);
        self.y += size * 0.6;
        self.text(text, &Look::bold(size), Align::Start);
        self.y += size * 0.3;
    }

    /// Writes a paragraph of plain text and a little space.
    pub fn paragraph(&mut self, text: &str) {
        self.text(text, &Look::plain(10.5), Align::Start);
        self.y += 6.0;
    }

    /// Writes text between the margins, in as many lines as it takes. Its first strong letter decides where it begins.
    pub fn text(&mut self, text: &str, look: &Look, align: Align) {
        self.block(text, look, align, [LEFT, RIGHT]);
    }

    fn block(&mut self, text: &str, look: &Look, align: Align, [left, right]: [f32; 2]) {
        let leftwards = line::begins_arabic(text);
        for line in broken(text, look, right - left) {
            self.need(look.size * LEADING);
            let x = match align {
                Align::Centre => (left + right - line.width) / 2.0,
                Align::Start if leftwards => right - line.width,
                Align::End if !leftwards => right - line.width,
                _ => left,
            };
            let y = self.y + look.size;
            self.page.items.extend(line.at(x, y, look));
            self.y += look.size * LEADING;
        }
    }

    /// Writes a label and its value beside each other, as forms have them, with a rule below.
    pub fn field(&mut self, label: &str, value: &str) {
        self.need(40.0);
        let split = LEFT + (RIGHT - LEFT) * 0.36;
        let (labels, values) = if self.leftwards {
            ([RIGHT - (split - LEFT) + 8.0, RIGHT], [LEFT, RIGHT - (split - LEFT)])
        } else {
            ([LEFT, split - 8.0], [split, RIGHT])
        };
        let top = self.y;
        self.block(label, &Look::plain(8.5).inked(GREY), self.begin_of(label), labels);
        let below_label = self.y;
        self.y = top;
        self.block(value, &Look::plain(10.5), self.begin_of(value), values);
        self.y = self.y.max(below_label) + 3.0;
        self.page.stroke(Path::line(&[(LEFT, self.y), (RIGHT, self.y)]), 0.4, FAINT);
        self.y += 4.0;
    }

    /// A form's columns begin at the form's own side, whatever the language of what stands in them.
    fn begin_of(&self, text: &str) -> Align {
        if line::begins_arabic(text) == self.leftwards { Align::Start } else { Align::End }
    }

    /// Writes a table; the first row is its head. *Shape*: `shares` add up to 1, one for each column.
    pub fn table(&mut self, shares: &[f32], rows: &[Vec<String>]) {
        for (position, row) in rows.iter().enumerate() {
            self.need(34.0);
            let look = if position == 0 { Look::bold(9.0) } else { Look::plain(9.5) };
            let (top, mut lowest) = (self.y, self.y);
            let mut from = 0.0;
            for (cell, share) in row.iter().zip(shares) {
                let width = (RIGHT - LEFT) * share;
                let begin = if self.leftwards { RIGHT - from - width } else { LEFT + from };
                from += width;
                self.y = top;
                self.block(cell, &look, self.begin_of(cell), [begin + 3.0, begin + width - 3.0]);
                lowest = lowest.max(self.y);
            }
            self.y = lowest + 2.0;
            let width = if position == 0 { 0.9 } else { 0.3 };
            self.page.stroke(Path::line(&[(LEFT, self.y), (RIGHT, self.y)]), width, BLACK);
            self.y += 3.0;
        }
        self.y += 6.0;
    }

    /// Returns the pages, each with its number and `note` at the foot.
    pub fn finish(mut self, note: &str) -> Vec<Page> {
        self.pages.push(self.page);
        let count = self.pages.len();
        for (position, page) in self.pages.iter_mut().enumerate() {
            let look = Look::plain(8.0).inked(GREY);
            page.stroke(Path::line(&[(LEFT, A4_HEIGHT - 52.0), (RIGHT, A4_HEIGHT - 52.0)]), 0.4, FAINT);
            page.write(note, LEFT, A4_HEIGHT - 38.0, &look);
            let number = line::set(&format!("{} / {count}", position + 1), &look, Some(true));
            page.items.extend(number.at(RIGHT - number.width, A4_HEIGHT - 38.0, &look));
        }
        self.pages
    }
}

/// Breaks a text into lines of at most `width`, at spaces.
fn broken(text: &str, look: &Look, width: f32) -> Vec<SetLine> {
    let rightwards = Some(!line::begins_arabic(text));
    let space = line::set(" ", look, Some(true)).width;
    let mut lines = Vec::new();
    let mut current = String::new();
    let mut reached = 0.0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let word_width = line::set(word, look, None).width;
        if !current.is_empty() && reached + space + word_width > width {
            lines.push(line::set(&current, look, rightwards));
            current.clear();
            reached = 0.0;
        }
        if !current.is_empty() {
            current.push(' ');
            reached += space;
        }
        current.push_str(word);
        reached += word_width;
    }
    if !current.is_empty() {
        lines.push(line::set(&current, look, rightwards));
    }
    lines
}
