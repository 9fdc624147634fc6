//! Turns a query that was read into one that the engine runs.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;

use cartulary_model::ql::FullText;
use tantivy::query::{
    AllQuery, Bm25StatisticsProvider, BooleanQuery, BoostQuery, ConstScoreQuery, EmptyQuery, InvertedIndexRangeQuery,
    Occur, PhrasePrefixQuery, PhraseQuery, Query, RegexQuery, TermQuery,
};
use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{DocSet, Score, Searcher, TERMINATED, TantivyError, Term};

use super::filter::Filter;
use super::parse::{Clause, Parsed, Place};
use super::statement::{Sought, sought};
use super::steady::Steady;
use crate::store::schema::{Fields, names};
use crate::text::language::Stemmed;

/// A word in the form that was typed counts fully, in another form so much.
const STEM_BOOST: Score = 0.3;
/// What a word in the name or title counts more.
const HEAD_BOOST: Score = 2.0;

/// The query for the engine, and how it scores.
pub(crate) struct Compiled {
    pub(crate) query: Box<dyn Query>,
    frequencies: Vec<Vec<Term>>,
}

/// Compiles a query; `None` when everything is asked for.
pub(crate) fn compile(parsed: &Parsed, fields: &Fields, searcher: &Searcher) -> tantivy::Result<Option<Compiled>> {
    let mut compiler = Compiler { fields, searcher, frequencies: Vec::new() };
    if parsed.nothing {
        return Ok(Some(Compiled { query: Box::new(EmptyQuery), frequencies: Vec::new() }));
    }
    if parsed.groups.is_empty() && parsed.excluded.is_empty() {
        return Ok(None);
    }
    let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
    for group in &parsed.groups {
        let alternatives = group.iter().map(|clause| compiler.clause(clause)).collect::<tantivy::Result<_>>()?;
        clauses.push((Occur::Must, any_of(alternatives)));
    }
    if clauses.is_empty() {
        clauses.push((Occur::Must, Box::new(ConstScoreQuery::new(Box::new(AllQuery), 0.0))));
    }
    for clause in &parsed.excluded {
        let exact = Clause { exact: true, ..clause.clone() };
        clauses.push((Occur::MustNot, compiler.clause(&exact)?));
    }
    let query: Box<dyn Query> = match (clauses.len(), clauses.pop()) {
        (1, Some((Occur::Must, only))) => only,
        (_, last) => {
            clauses.extend(last);
            Box::new(BooleanQuery::new(clauses))
        }
    };
    Ok(Some(Compiled { query, frequencies: compiler.frequencies }))
}

/// Compiles what a statement asks of texts.
///
/// # Errors
/// The engine's, and for what [`super::statement::check_full_text`] refuses.
pub(crate) fn compile_statement(text: &FullText, fields: &Fields, searcher: &Searcher) -> tantivy::Result<Compiled> {
    let mut compiler = Compiler { fields, searcher, frequencies: Vec::new() };
    let mut alternatives = Vec::new();
    for terms in &text.alternatives {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        for term in terms {
            let all = sought(term).map_err(TantivyError::InvalidArgument)?;
            let all = all.iter().map(|one| compiler.sought(one)).collect::<tantivy::Result<Vec<_>>>()?;
            let occur = if term.negated { Occur::MustNot } else { Occur::Must };
            clauses.push((occur, all_of(all)));
        }
        if clauses.iter().all(|(occur, _)| *occur == Occur::MustNot) {
            clauses.push((Occur::Must, Box::new(ConstScoreQuery::new(Box::new(AllQuery), 0.0))));
        }
        let alternative: Box<dyn Query> = Box::new(BooleanQuery::new(clauses));
        alternatives.push(alternative);
    }
    Ok(Compiled { query: any_of(alternatives), frequencies: compiler.frequencies })
}

struct Compiler<'a> {
    fields: &'a Fields,
    searcher: &'a Searcher,
    /// Forms of one word, which are scored as if they were equally rare.
    frequencies: Vec<Vec<Term>>,
}

impl Compiler<'_> {
    fn sought(&mut self, sought: &Sought) -> tantivy::Result<Box<dyn Query>> {
        match sought {
            Sought::Words(clause) => self.clause(clause),
            Sought::Pattern(pattern) => {
                let mut forms: Vec<Box<dyn Query>> = Vec::new();
                for field in [self.fields.text, self.fields.title, self.fields.name] {
                    forms.push(Box::new(RegexQuery::from_pattern(pattern, field)?));
                }
                Ok(any_of(forms))
            }
        }
    }

    fn clause(&mut self, clause: &Clause) -> tantivy::Result<Box<dyn Query>> {
        match clause.place {
            Place::Anywhere => self.anywhere(clause),
            Place::Name => self.words_in(self.fields.name, clause),
            Place::Title => self.words_in(self.fields.title, clause),
            Place::Type => self.words_in(self.fields.type_words, clause),
        }
    }

    fn anywhere(&mut self, clause: &Clause) -> tantivy::Result<Box<dyn Query>> {
        let mut forms = vec![self.words_in(self.fields.text, clause)?];
        if let [word] = clause.words.as_slice()
            && !clause.prefix
        {
            let mut terms = vec![Term::from_field_text(self.fields.text, &word.folded)];
            if !clause.exact {
                for term in stems(self.fields, &word.typed) {
                    let query = TermQuery::new(term.clone(), IndexRecordOption::WithFreqs);
                    forms.push(Box::new(BoostQuery::new(Box::new(query), STEM_BOOST)));
                    terms.push(term);
                }
            }
            self.frequencies.push(terms);
        }
        for field in [self.fields.title, self.fields.name] {
            forms.push(Box::new(BoostQuery::new(self.words_in(field, clause)?, HEAD_BOOST)));
        }
        Ok(any_of(forms))
    }

    /// The words of a clause, one after the other, in one field.
    fn words_in(&self, field: Field, clause: &Clause) -> tantivy::Result<Box<dyn Query>> {
        let term = |folded: &str| Term::from_field_text(field, folded);
        let place = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
        let mut placed: Vec<(usize, Term)> =
            clause.words.iter().map(|word| (place(word.offset), term(&word.folded))).collect();
        Ok(match (clause.words.as_slice(), clause.prefix) {
            ([], _) => Box::new(EmptyQuery),
            ([word], false) => Box::new(TermQuery::new(term(&word.folded), IndexRecordOption::WithFreqs)),
            ([word], true) => beginning_with(field, &word.folded),
            (_, false) => Box::new(Steady(Box::new(PhraseQuery::new_with_offset(placed)))),
            ([.., last], true) => match self.continuations(field, &last.folded)? {
                Some(count) => {
                    let mut query = PhrasePrefixQuery::new_with_offset(placed);
                    // The engine makes room for as many as it is told.
                    query.set_max_expansions(count.max(1));
                    Box::new(Steady(Box::new(query)))
                }
                None => {
                    placed.pop();
                    let words = clause.words.iter().take(placed.len()).cloned().collect();
                    let whole = Clause { words, prefix: false, ..*clause };
                    let parts = vec![self.words_in(field, &whole)?, beginning_with(field, &last.folded)];
                    Box::new(BooleanQuery::intersection(parts))
                }
            },
        })
    }

    /// How many words of a segment begin so, at most; `None` when there are so many that they need not follow the
    /// other words of their phrase.
    fn continuations(&self, field: Field, prefix: &str) -> tantivy::Result<Option<u32>> {
        const MOST: u32 = 10_000;
        let after = after_prefix(prefix);
        let mut highest = 0;
        for segment in self.searcher.segment_readers() {
            let index = segment.inverted_index(field)?;
            let mut range = index.terms().range().ge(prefix);
            if let Some(after) = &after {
                range = range.lt(after);
            }
            let mut stream = range.into_stream()?;
            let mut count = 0;
            while count <= MOST && stream.advance() {
                count += 1;
            }
            highest = highest.max(count);
        }
        Ok(if highest > MOST { None } else { Some(highest) })
    }
}

/// The terms under which other forms of a word are found.
pub(crate) fn stems(fields: &Fields, typed: &str) -> Vec<Term> {
    let stem_of = |language: Stemmed| {
        let stem = language.stemmer().stem(typed)?;
        Some(Term::from_field_text(fields.stem(language), &stem))
    };
    Stemmed::ALL.into_iter().filter_map(stem_of).collect()
}

fn all_of(mut queries: Vec<Box<dyn Query>>) -> Box<dyn Query> {
    match queries.pop() {
        Some(only) if queries.is_empty() => only,
        last => {
            queries.extend(last);
            Box::new(BooleanQuery::intersection(queries))
        }
    }
}

fn any_of(mut queries: Vec<Box<dyn Query>>) -> Box<dyn Query> {
    if queries.len() == 1
        && let Some(only) = queries.pop()
    {
        return only;
    }
    Box::new(BooleanQuery::union(queries))
}

fn beginning_with(field: Field, prefix: &str) -> Box<dyn Query> {
    let upper = after_prefix(prefix).map(|after| Bound::Excluded(Term::from_field_text(field, &after)));
    Box::new(InvertedIndexRangeQuery::new(
        Bound::Included(Term::from_field_text(field, prefix)),
        upper.unwrap_or(Bound::Unbounded),
    ))
}

/// The smallest text that is greater than everything that begins with `prefix`.
pub(crate) fn after_prefix(prefix: &str) -> Option<String> {
    let mut chars: Vec<char> = prefix.chars().collect();
    while let Some(last) = chars.pop() {
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            chars.push(next);
            return Some(chars.into_iter().collect());
        }
    }
    None
}

/// In so many entries a word is counted one by one; what stands in more is common to everybody.
const COUNTED_MAX: u64 = 20_000;

/// The statistics that scores are made of: the forms of a word are as rare as the most frequent of them, so that a
/// form that happens to be rare does not outrank the word that was typed.
///
/// A word is as rare as it is among what may be read, or its score would tell in how many other papers it stands.
pub(crate) struct Frequencies<'a> {
    searcher: &'a Searcher,
    readers: Option<Arc<Filter>>,
    text: Field,
    stems: [Field; 7],
    known: HashMap<Term, u64>,
}

impl<'a> Frequencies<'a> {
    /// Makes those of a query; `readers` says what may be read, when that is not everything.
    pub(crate) fn new(
        compiled: &Compiled,
        fields: &Fields,
        searcher: &'a Searcher,
        readers: Option<Arc<Filter>>,
    ) -> Result<Self, TantivyError> {
        let mut all = Self { searcher, readers, text: fields.text, stems: fields.stems, known: HashMap::new() };
        for terms in &compiled.frequencies {
            let mut highest = 0;
            for term in terms {
                highest = highest.max(all.frequency(term)?);
            }
            all.known.extend(terms.iter().map(|term| (term.clone(), highest)));
        }
        Ok(all)
    }

    fn frequency(&self, term: &Term) -> Result<u64, TantivyError> {
        let everywhere = self.searcher.doc_freq(term)?;
        let Some(readers) = &self.readers else { return Ok(everywhere) };
        if everywhere > COUNTED_MAX {
            return Ok(everywhere.next_power_of_two().min(self.searcher.total_num_docs()?));
        }
        let mut count = 0;
        for segment in self.searcher.segment_readers() {
            let index = segment.inverted_index(term.field())?;
            let Some(mut postings) = index.read_postings(term, IndexRecordOption::Basic)? else { continue };
            let (reads, past_of) = (readers.open(segment)?, segment.fast_fields().i64(names::PAST_OF)?);
            let mut doc = postings.doc();
            while doc != TERMINATED {
                let is_present = !segment.is_deleted(doc) && past_of.first(doc).is_none();
                count += u64::from(is_present && reads.may_read(doc));
                doc = postings.advance();
            }
        }
        Ok(count)
    }
}

impl Bm25StatisticsProvider for Frequencies<'_> {
    fn total_num_tokens(&self, field: Field) -> tantivy::Result<u64> {
        let field = if self.stems.contains(&field) { self.text } else { field };
        self.searcher.total_num_tokens(field)
    }

    fn total_num_docs(&self) -> tantivy::Result<u64> {
        self.searcher.total_num_docs()
    }

    fn doc_freq(&self, term: &Term) -> tantivy::Result<u64> {
        match self.known.get(term) {
            Some(frequency) => Ok(*frequency),
            None => self.frequency(term),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_a_prefix() {
        assert_eq!(after_prefix("ab").as_deref(), Some("ac"));
        assert_eq!(after_prefix("商").as_deref(), Some("啇"));
        assert_eq!(after_prefix("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(after_prefix("\u{D7FF}").as_deref(), Some("\u{E000}"));
        assert_eq!(after_prefix("\u{10FFFF}"), None);
    }
}
