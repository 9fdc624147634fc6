//! The order of blocks: columns of prose are read one after the other, everything else row by row.

use super::bidi::Class;
use super::lines::{Row, Segment, median};

/// Columns within columns within columns are enough.
const DEEPEST: usize = 6;
/// More rows than this are read row by row.
const MOST_ROWS: usize = 4_000;
/// So many gaps are tried as gutters.
const MOST_CANDIDATES: usize = 300;
/// A column has at least so many rows.
const FEWEST_ROWS: usize = 4;
/// A row of a column has on average at least so many letters: fewer are a column of a table.
const FEWEST_LETTERS: usize = 14;
/// The rows of a column fill on average so much of its width: ragged labels beside values do not.
const FILLED: f64 = 0.7;

/// Puts rows into blocks, in reading order.
pub fn blocks(rows: Vec<Row>) -> Vec<Vec<Row>> {
    let mut blocks = Vec::new();
    part(rows, 0, &mut blocks);
    blocks
}

fn part(mut rows: Vec<Row>, depth: usize, blocks: &mut Vec<Vec<Row>>) {
    if rows.is_empty() {
        return;
    }
    let gutter = if depth < DEEPEST && rows.len() <= MOST_ROWS { find_gutter(&rows) } else { None };
    let Some(gutter) = gutter else { return paragraphs(rows, blocks) };
    let below = rows.split_off(gutter.until.min(rows.len()));
    let columns = rows.split_off(gutter.from.min(rows.len()));
    part(rows, depth + 1, blocks);
    let right_first = is_mostly_rtl(&columns);
    let (left, right) = cleave(columns, gutter.place);
    let (first, second) = if right_first { (right, left) } else { (left, right) };
    part(first, depth + 1, blocks);
    part(second, depth + 1, blocks);
    part(below, depth + 1, blocks);
}

/// A white strip between columns: its place, and the rows that respect it.
#[derive(Clone, Copy, Debug)]
struct Gutter {
    from: usize,
    until: usize,
    place: f64,
}

fn find_gutter(rows: &[Row]) -> Option<Gutter> {
    let gaps: Vec<f64> = rows
        .iter()
        .flat_map(|row| row.segments.windows(2))
        .filter_map(|pair| match pair {
            [left, right] => Some(f64::midpoint(left.end, right.begin)),
            _ => None,
        })
        .collect();
    let step = gaps.len().div_ceil(MOST_CANDIDATES).max(1);
    let mut best: Option<(usize, Gutter)> = None;
    for place in gaps.into_iter().step_by(step) {
        for (from, until) in respecting_runs(rows, place) {
            let run = rows.get(from..until).unwrap_or_default();
            let better = best.is_none_or(|(count, _)| run.len() > count);
            if better && both_are_prose(run, place) {
                best = Some((run.len(), Gutter { from, until, place }));
            }
        }
    }
    best.map(|(_, gutter)| gutter)
}

/// Runs of rows that have nothing across a place.
fn respecting_runs(rows: &[Row], place: f64) -> Vec<(usize, usize)> {
    let mut runs = Vec::new();
    let mut from = 0;
    for (at, row) in rows.iter().enumerate() {
        let margin = row.size * 0.25;
        let crosses = row.segments.iter().any(|segment| segment.begin < place - margin && segment.end > place + margin);
        if crosses {
            if at >= from + FEWEST_ROWS {
                runs.push((from, at));
            }
            from = at + 1;
        }
    }
    if rows.len() >= from + FEWEST_ROWS {
        runs.push((from, rows.len()));
    }
    runs
}

fn both_are_prose(rows: &[Row], place: f64) -> bool {
    let left = Side::of(rows, |segment| middle(segment) < place);
    let right = Side::of(rows, |segment| middle(segment) >= place);
    left.is_prose() && right.is_prose()
}

fn middle(segment: &Segment) -> f64 {
    f64::midpoint(segment.begin, segment.end)
}

/// What stands on one side of a gutter.
#[derive(Default)]
struct Side {
    rows: usize,
    letters: usize,
    covered: f64,
    begin: f64,
    end: f64,
}

impl Side {
    fn of(rows: &[Row], belongs: impl Fn(&Segment) -> bool) -> Self {
        let mut side = Self { begin: f64::MAX, end: f64::MIN, ..Self::default() };
        for row in rows {
            let mut any = false;
            for segment in row.segments.iter().filter(|segment| belongs(segment)) {
                any = true;
                side.letters = side.letters.saturating_add(segment.clusters.len());
                side.covered += segment.end - segment.begin;
                side.begin = side.begin.min(segment.begin);
                side.end = side.end.max(segment.end);
            }
            side.rows += usize::from(any);
        }
        side
    }

    fn is_prose(&self) -> bool {
        let width = self.end - self.begin;
        self.rows >= FEWEST_ROWS
            && self.letters >= self.rows.saturating_mul(FEWEST_LETTERS)
            && self.covered >= width * FILLED * self.rows as f64
    }
}

fn cleave(rows: Vec<Row>, place: f64) -> (Vec<Row>, Vec<Row>) {
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for row in rows {
        let (on_left, on_right): (Vec<_>, Vec<_>) =
            row.segments.into_iter().partition(|segment| middle(segment) < place);
        for (side, segments) in [(&mut left, on_left), (&mut right, on_right)] {
            if !segments.is_empty() {
                side.push(Row { segments, base: row.base, size: row.size });
            }
        }
    }
    (left, right)
}

/// Parts rows into paragraphs at wide gaps and where the size of the letters changes.
fn paragraphs(rows: Vec<Row>, blocks: &mut Vec<Vec<Row>>) {
    let leadings = rows.windows(2).filter_map(|pair| match pair {
        [above, below] => Some(below.base - above.base),
        _ => None,
    });
    let usual = median(leadings.collect());
    let mut block: Vec<Row> = Vec::new();
    for row in rows {
        if let Some(above) = block.last() {
            let leading = row.base - above.base;
            let size = row.size.max(above.size);
            let wide = leading > (usual * 1.35).max(size * 1.25) || leading > size * 2.4;
            let other_size = row.size > above.size * 1.25 || above.size > row.size * 1.25;
            if wide || (other_size && leading > size * 0.9) {
                blocks.push(std::mem::take(&mut block));
            }
        }
        block.push(row);
    }
    if !block.is_empty() {
        blocks.push(block);
    }
}

/// How many words are read in each direction: a long address in Latin letters weighs no more than a short Arabic word.
#[derive(Clone, Copy, Debug, Default)]
pub struct Directions {
    /// Words read from right to left.
    pub rtl: usize,
    /// Words read from left to right.
    pub ltr: usize,
}

impl Directions {
    /// Counts the words of rows.
    pub fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Self {
        let mut counted = Self::default();
        for segment in rows.into_iter().flat_map(|row| &row.segments) {
            let mut decided = false;
            for (at, cluster) in segment.clusters.iter().enumerate() {
                decided &= at > 0 && !cluster.space_before;
                let class = cluster.text.chars().next().map(Class::of);
                if decided || !matches!(class, Some(Class::Rtl | Class::Ltr)) {
                    continue;
                }
                decided = true;
                if class == Some(Class::Rtl) { counted.rtl += 1 } else { counted.ltr += 1 }
            }
        }
        counted
    }

    /// Whether right-to-left prevails; at a tie what surrounds decides.
    pub fn prevails_rtl(self, surroundings_rtl: bool) -> bool {
        if self.rtl == self.ltr { surroundings_rtl && self.rtl > 0 } else { self.rtl > self.ltr }
    }
}

fn is_mostly_rtl(rows: &[Row]) -> bool {
    Directions::of(rows).prevails_rtl(false)
}
