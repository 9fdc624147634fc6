//! Finds the words of a query in a text, and cuts a text into what is a hit and what is not.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use super::parse::{Clause, Parsed, Place};
use crate::search::Fragment;
use crate::text::fold;
use crate::text::language::{Stemmed, Stemmer, Tongue};
use crate::text::words::{Word, WordKind, Words};

/// Characters of one hit that are shown; a longer word is cut.
const MAX_HIT_CHARS: usize = 120;

/// The words of a query, ready to be looked for in texts.
#[derive(Clone, Default)]
pub(crate) struct Matcher {
    words: HashMap<String, usize>,
    stems: Vec<(Stemmed, Stemmer, HashMap<String, usize>)>,
    prefixes: Vec<(String, usize)>,
    phrases: Vec<Phrase>,
    /// Words that the longest phrase spans.
    reach: u32,
}

#[derive(Clone)]
struct Phrase {
    words: Vec<(u32, String)>,
    prefix: bool,
    clause: usize,
}

/// One place where a clause of the query stands in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) range: Range<usize>,
    /// Number of the clause in the query.
    pub(crate) clause: usize,
}

struct Seen {
    word: Word,
    folded: String,
}

impl Matcher {
    /// Prepares the clauses of a query that may stand in the text.
    pub(crate) fn new(parsed: &Parsed) -> Self {
        let mut matcher = Self::default();
        for (number, clause) in parsed.groups.iter().flatten().enumerate() {
            if clause.place != Place::Type {
                matcher.add(number, clause);
            }
        }
        matcher
    }

    fn add(&mut self, number: usize, clause: &Clause) {
        match (clause.words.as_slice(), clause.prefix) {
            ([], _) => {}
            ([word], true) => self.prefixes.push((word.folded.clone(), number)),
            ([word], false) => {
                self.words.entry(word.folded.clone()).or_insert(number);
                if !clause.exact {
                    self.add_stems(number, &word.typed);
                }
            }
            (words, prefix) => {
                let words: Vec<(u32, String)> = words.iter().map(|word| (word.offset, word.folded.clone())).collect();
                self.reach = self.reach.max(words.last().map_or(0, |(offset, _)| *offset));
                self.phrases.push(Phrase { words, prefix, clause: number });
            }
        }
    }

    fn add_stems(&mut self, number: usize, typed: &str) {
        for language in Stemmed::ALL {
            let Some(stem) = language.stemmer().stem(typed) else { continue };
            let place = self.stems.iter().position(|(known, _, _)| *known == language);
            let place = place.unwrap_or_else(|| {
                self.stems.push((language, language.stemmer(), HashMap::new()));
                self.stems.len() - 1
            });
            if let Some((_, _, stems)) = self.stems.get_mut(place) {
                stems.entry(stem).or_insert(number);
            }
        }
    }

    /// Whether there is anything to look for.
    pub(crate) fn is_empty(&self) -> bool {
        self.words.is_empty() && self.prefixes.is_empty() && self.phrases.is_empty()
    }

    /// Finds at most `limit` hits, in the order of the text.
    pub(crate) fn find(&self, text: &str, tongue: Tongue, limit: usize) -> Vec<Hit> {
        let mut hits: Vec<Hit> = Vec::new();
        let mut before: VecDeque<Seen> = VecDeque::new();
        if self.is_empty() {
            return hits;
        }
        for word in Words::new(text, tongue) {
            if hits.len() >= limit {
                break;
            }
            let shown = text.get(word.range.clone()).unwrap_or_default();
            let folded = fold::fold(shown);
            if let Some(clause) = self.single(&word, shown, &folded) {
                hits.push(Hit { range: self.shown_range(text, &word, clause), clause });
            }
            if self.phrases.is_empty() {
                continue;
            }
            let oldest = word.position.saturating_sub(self.reach);
            while before.front().is_some_and(|seen| seen.word.position < oldest) {
                before.pop_front();
            }
            before.push_back(Seen { word, folded });
            self.end_phrases(&before, &mut hits);
        }
        hits.sort_by_key(|hit| (hit.range.start, hit.range.end));
        hits.dedup();
        hits.truncate(limit);
        hits
    }

    /// The clause that a word meets by itself.
    fn single(&self, word: &Word, shown: &str, folded: &str) -> Option<usize> {
        if let Some(clause) = self.words.get(folded) {
            return Some(*clause);
        }
        if let Some(clause) = fold::parts(folded).iter().find_map(|part| self.words.get(*part)) {
            return Some(*clause);
        }
        if let Some((_, clause)) = self.prefixes.iter().find(|(prefix, _)| folded.starts_with(prefix.as_str())) {
            return Some(*clause);
        }
        for (language, stemmer, stems) in &self.stems {
            if word.tongue.stems(shown, *language)
                && let Some(stem) = stemmer.stem(shown)
                && let Some(clause) = stems.get(&stem)
            {
                return Some(*clause);
            }
        }
        None
    }

    /// Of a pair that was found by its first character, only that one is the hit.
    fn shown_range(&self, text: &str, word: &Word, clause: usize) -> Range<usize> {
        let by_one = word.kind == WordKind::Pair
            && self.prefixes.iter().any(|(prefix, number)| *number == clause && prefix.chars().count() == 1);
        let first = text.get(word.range.clone()).and_then(|pair| pair.chars().next());
        match first {
            Some(first) if by_one => word.range.start..word.range.start + first.len_utf8(),
            _ => word.range.clone(),
        }
    }

    /// Adds the phrases that end with the last word.
    fn end_phrases(&self, before: &VecDeque<Seen>, hits: &mut Vec<Hit>) {
        let Some(last) = before.back() else { return };
        for phrase in &self.phrases {
            let Some((length, _)) = phrase.words.last() else { continue };
            let Some(start) = last.word.position.checked_sub(*length) else { continue };
            let mut found = Vec::with_capacity(phrase.words.len());
            for (number, (offset, folded)) in phrase.words.iter().enumerate() {
                let seen = before.iter().rev().find(|seen| seen.word.position == start + offset);
                let is_beginning = phrase.prefix && number + 1 == phrase.words.len();
                let met = seen.filter(|seen| {
                    seen.folded == *folded
                        || (is_beginning && seen.folded.starts_with(folded.as_str()))
                        || fold::parts(&seen.folded).contains(&folded.as_str())
                });
                found.extend(met.map(|seen| Hit { range: seen.word.range.clone(), clause: phrase.clause }));
            }
            if found.len() == phrase.words.len() {
                // Phrases overlap when words are repeated.
                found.retain(|hit| !hits.iter().rev().take(2 * phrase.words.len()).any(|known| known == hit));
                hits.append(&mut found);
            }
        }
    }
}

/// Cuts a text at its hits. Texts are in logical order and hold no direction controls, so they can be set in any
/// direction.
pub(crate) fn fragments(text: &str, range: Range<usize>, hits: &[Hit]) -> Vec<Fragment> {
    let mut fragments = Vec::new();
    let mut at = range.start;
    let mut push = |range: Range<usize>, hit: bool| {
        let shown = clean(text.get(range).unwrap_or_default());
        if shown.is_empty() {
            return;
        }
        let shown = if hit { cut(shown) } else { shown };
        fragments.push(Fragment { text: shown, hit });
    };
    for run in joined(hits) {
        let run = run.start.max(range.start)..run.end.min(range.end);
        if run.start >= run.end || run.start < at {
            continue;
        }
        push(at..run.start, false);
        at = run.end;
        push(run, true);
    }
    push(at..range.end, false);
    fragments
}

/// Overlapping hits as one.
fn joined(hits: &[Hit]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for hit in hits {
        match runs.last_mut() {
            Some(last) if hit.range.start < last.end => last.end = last.end.max(hit.range.end),
            _ => runs.push(hit.range.clone()),
        }
    }
    runs
}

fn cut(text: String) -> String {
    match text.char_indices().nth(MAX_HIT_CHARS) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

/// Spaces and controls become single spaces; direction controls and marks of ours are dropped, because a cut would
/// leave them open.
fn clean(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut was_space = false;
    for c in text.chars() {
        let dropped = matches!(u32::from(c), 0x061C | 0x200E | 0x200F | 0x202A..=0x202E | 0x2066..=0x2069 | 0xFEFF | 0xFDD0..=0xFDEF);
        if dropped {
            continue;
        }
        let space = c.is_whitespace() || c.is_control();
        if !(space && was_space) {
            shown.push(if space { ' ' } else { c });
        }
        was_space = space;
    }
    shown
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::query::parse::parse;

    fn check(query: &str, text: &str, language: Option<&str>, expect: &str) {
        let matcher = Matcher::new(&parse(query));
        let hits = matcher.find(text, Tongue::from_tag(language), 100);
        let shown: String = fragments(text, 0..text.len(), &hits)
            .into_iter()
            .map(|fragment| if fragment.hit { format!("[{}]", fragment.text) } else { fragment.text })
            .collect();
        assert_eq!(shown, expect, "{query:?} in {text:?}");
    }

    #[test]
    fn words_phrases_and_beginnings() {
        check("blue", "A Blue mark, blue.", None, "A [Blue] mark, [blue].");
        check("\"blue mark\"", "blue, a blue  mark", None, "blue, a [blue] [mark]");
        check("regis*", "The register registers", None, "The [register] [registers]");
        check("TM/2026/0012", "tm 2026 and TM/2026/0012", None, "tm 2026 and [TM]/[2026]/[0012]");
        check("2024", "PCT/EP2024/012345", None, "PCT/[EP2024]/012345");
        check("blue -red", "blue red", None, "[blue] red");
    }

    #[test]
    fn other_forms_in_the_language_of_the_text() {
        check("registration", "registrations registered", Some("en"), "[registrations] registered");
        check("marques", "une marque", Some("fra"), "une [marque]");
        check("marques", "une marque", None, "une marque");
        check("марка", "марки марками", None, "[марки] [марками]");
    }

    #[test]
    fn arabic_and_chinese() {
        check("علامه", "العَلامة التجارية", None, "[العَلامة] التجارية");
        check("商标注册", "中国商标注册局", None, "中国[商标注册]局");
        check("商", "中国商标，商", None, "中国[商]标，[商]");
    }

    #[test]
    fn mixed_directions_stay_in_logical_order() {
        let text = "الطلب \u{202B}TM/2026/0012\u{202C} مقبول";
        check("TM/2026/0012", text, None, "الطلب [TM]/[2026]/[0012] مقبول");
    }

    #[test]
    fn a_huge_word_is_cut_when_shown() {
        let text = "x".repeat(10_000_000);
        let matcher = Matcher::new(&parse(&text));
        let hits = matcher.find(&text, Tongue::Unknown, 10);
        let shown = fragments(&text, 0..text.len(), &hits);
        assert_eq!(shown.len(), 1);
        assert!(shown.first().unwrap().text.chars().count() <= MAX_HIT_CHARS + 1);
    }
}
