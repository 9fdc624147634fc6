//! From the order on paper to the order of reading, for lines with Arabic or Hebrew.
//!
//! A PDF holds shapes at places; what the bidirectional algorithm (UAX #9) did to the text before it was drawn has to be undone.
//! That cannot be exact, because different texts look alike, so the rules here take the reading that people mean: Latin words
//! and numbers inside an Arabic line keep their own order, and neighbouring Latin words belong together.

use unicode_bidi::{BidiClass, bidi_class};

/// What a piece of a line is to the direction of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A letter read from right to left.
    Rtl,
    /// A letter read from left to right.
    Ltr,
    /// A digit of any script: numbers are read from left to right everywhere.
    Digit,
    /// The plus sign, which stands before its number.
    Plus,
    /// Per cent and its like, which stand behind their number.
    Percent,
    /// White space.
    Space,
    /// Punctuation and the rest.
    Neutral,
}

impl Class {
    /// The class of a character.
    pub fn of(c: char) -> Self {
        // Nearly all characters of most pages, without a search.
        if c.is_ascii_alphabetic() {
            return Self::Ltr;
        }
        match bidi_class(c) {
            BidiClass::R | BidiClass::AL => Self::Rtl,
            BidiClass::L => Self::Ltr,
            BidiClass::EN | BidiClass::AN => Self::Digit,
            BidiClass::WS | BidiClass::S | BidiClass::B => Self::Space,
            _ if c == '+' => Self::Plus,
            _ if matches!(c, '%' | '‰' | '°' | '٪') => Self::Percent,
            _ => Self::Neutral,
        }
    }
}

/// One piece of a line in the order of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// Its place in the line as drawn, from the left.
    pub place: usize,
    /// Whether it is read as part of right-to-left text, so that a bracket means its mirror image.
    pub rtl: bool,
}

/// Orders the pieces of a line, given from left to right as drawn, as they are read.
pub fn reading_order(drawn: &[Class], base_rtl: bool) -> Vec<Read> {
    let mut read = Vec::with_capacity(drawn.len());
    if base_rtl {
        read_rtl(drawn, 0, &mut read);
        return read;
    }
    let mut place = 0;
    while let Some(class) = drawn.get(place) {
        if *class != Class::Rtl {
            read.push(Read { place, rtl: false });
            place += 1;
            continue;
        }
        let rest = drawn.get(place..).unwrap_or_default();
        let until_ltr = rest.iter().take_while(|class| **class != Class::Ltr);
        let last_rtl = until_ltr.enumerate().filter(|(_, class)| **class == Class::Rtl).last().map_or(0, |(at, _)| at);
        let run = rest.get(..=last_rtl).unwrap_or_default();
        read_rtl(run, place, &mut read);
        place += run.len().max(1);
    }
    read
}

/// Reads a run from its right end, except for what is read from left to right inside it.
fn read_rtl(drawn: &[Class], offset: usize, read: &mut Vec<Read>) {
    let runs = ltr_runs(drawn);
    let mut runs = runs.iter().rev().peekable();
    let mut end = drawn.len();
    while let Some(place) = end.checked_sub(1) {
        match runs.peek() {
            Some(run) if run.end == end => {
                read.extend((run.start..run.end).map(|place| Read { place: offset + place, rtl: false }));
                end = run.start;
                runs.next();
            }
            _ => {
                read.push(Read { place: offset + place, rtl: true });
                end = place;
            }
        }
    }
}

/// A stretch that is read from left to right, and whether it has letters.
#[derive(Clone, Copy)]
struct Run {
    start: usize,
    end: usize,
    letters: bool,
}

/// Finds the stretches of a right-to-left line that are read from left to right, from the left.
fn ltr_runs(drawn: &[Class]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut place = 0;
    while let Some(class) = drawn.get(place) {
        if !matches!(class, Class::Ltr | Class::Digit) {
            place += 1;
            continue;
        }
        let run = atom(drawn, place);
        place = run.end.max(place + 1);
        match runs.last_mut() {
            Some(before) if belong_together(drawn, *before, run) => {
                before.end = run.end;
                before.letters |= run.letters;
            }
            _ => runs.push(run),
        }
    }
    runs
}

/// A word or number that begins at a letter or digit, without white space, ending with a letter or digit.
fn atom(drawn: &[Class], start: usize) -> Run {
    let mut end = start;
    let mut letters = false;
    let mut before = Class::Neutral;
    for (at, class) in drawn.iter().enumerate().skip(start) {
        match class {
            Class::Space | Class::Rtl => break,
            Class::Ltr | Class::Digit => end = at + 1,
            Class::Percent if before == Class::Digit => end = at + 1,
            _ => {}
        }
        letters |= *class == Class::Ltr;
        before = *class;
    }
    let plus = start.checked_sub(1).and_then(|place| drawn.get(place)) == Some(&Class::Plus);
    let start = if plus { start.saturating_sub(1) } else { start };
    Run { start, end, letters }
}

fn belong_together(drawn: &[Class], left: Run, right: Run) -> bool {
    let between = drawn.get(left.end..right.start).unwrap_or_default();
    if between.contains(&Class::Rtl) {
        return false;
    }
    // Behind a Latin letter everything up to the next Arabic one is Latin text. A number before it is, if only a space parts them.
    let number_before = right.letters && between.iter().all(|class| *class == Class::Space);
    left.letters || number_before
}

/// The mirror image of a bracket.
pub fn mirrored(c: char) -> Option<char> {
    Some(match c {
        '(' => ')',
        ')' => '(',
        '[' => ']',
        ']' => '[',
        '{' => '}',
        '}' => '{',
        '<' => '>',
        '>' => '<',
        '«' => '»',
        '»' => '«',
        '‹' => '›',
        '›' => '‹',
        _ => return None,
    })
}

/// Whether a bracket opens.
pub fn opens(c: char) -> bool {
    matches!(c, '(' | '[' | '{' | '<' | '«' | '‹')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(drawn: &str, base_rtl: bool, expected: &str) {
        let characters: Vec<char> = drawn.chars().collect();
        let classes: Vec<Class> = characters.iter().map(|c| Class::of(*c)).collect();
        let read: String = reading_order(&classes, base_rtl)
            .into_iter()
            .filter_map(|read| {
                let c = characters.get(read.place)?;
                Some(if read.rtl { mirrored(*c).unwrap_or(*c) } else { *c })
            })
            .collect();
        assert_eq!(read, expected, "drawn {drawn}");
    }

    #[test]
    fn latin_is_as_drawn() {
        check("Hello, world (1).", false, "Hello, world (1).");
    }

    #[test]
    fn arabic_is_read_from_the_right() {
        check("ج ب أ", true, "أ ب ج");
    }

    #[test]
    fn numbers_keep_their_order() {
        check(".12/03/2026 ب", true, "ب 12/03/2026.");
    }

    #[test]
    fn latin_words_stay_together() {
        check("PT/2026/100000 ب", true, "ب PT/2026/100000");
        check("د Cartulary Office, Ltd ب", true, "ب Cartulary Office, Ltd د");
    }

    #[test]
    fn numbers_apart_are_read_from_the_right() {
        check("د 200 100 ب", true, "ب 100 200 د");
    }

    #[test]
    fn brackets_are_mirrored_around_but_not_inside_latin() {
        check("(د) ب", true, "ب (د)");
        check("(a(b)c) ب", true, "ب (a(b)c)");
    }

    #[test]
    fn arabic_within_latin() {
        check("abc جبأ def", false, "abc أبج def");
        check("abc جب 12 أ def", false, "abc أ 12 بج def");
    }

    #[test]
    fn per_cent_and_plus_stay_with_their_number() {
        check("50% ب", true, "ب 50%");
        check("%50 ب", true, "ب 50%");
        check("+966 ب", true, "ب +966");
    }
}
