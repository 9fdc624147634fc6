//! A wrapper that keeps the engine's phrase scorers to their own rules.
//!
//! Tantivy 0.27 asks a phrase for documents that lie before the one it stands at (`Exclude::contains`, and unions
//! inside intersections); the phrase's own debug assertion forbids that, so that a debug build panics. The wrapper
//! answers such questions itself.

use tantivy::query::{EnableScoring, Explanation, Query, Scorer, Weight};
use tantivy::{DocId, DocSet, Score, SeekDangerResult, SegmentReader, Term};

/// A query whose scorer may be asked in any order that the engine's rules allow.
#[derive(Debug)]
pub(crate) struct Steady(pub(crate) Box<dyn Query>);

impl Clone for Steady {
    fn clone(&self) -> Self {
        Self(self.0.box_clone())
    }
}

impl Query for Steady {
    fn weight(&self, scoring: EnableScoring<'_>) -> tantivy::Result<Box<dyn Weight>> {
        Ok(Box::new(SteadyWeight(self.0.weight(scoring)?)))
    }

    fn query_terms<'a>(&'a self, visitor: &mut dyn FnMut(&'a Term, bool)) {
        self.0.query_terms(visitor);
    }
}

struct SteadyWeight(Box<dyn Weight>);

impl Weight for SteadyWeight {
    fn scorer(&self, segment: &SegmentReader, boost: Score) -> tantivy::Result<Box<dyn Scorer>> {
        let scorer = self.0.scorer(segment, boost)?;
        let least = scorer.doc();
        Ok(Box::new(SteadyScorer { scorer, least }))
    }

    fn explain(&self, segment: &SegmentReader, doc: DocId) -> tantivy::Result<Explanation> {
        self.0.explain(segment, doc)
    }
}

struct SteadyScorer {
    scorer: Box<dyn Scorer>,
    /// No document before this one is left.
    least: DocId,
}

impl DocSet for SteadyScorer {
    fn advance(&mut self) -> DocId {
        self.least = self.scorer.advance();
        self.least
    }

    fn seek(&mut self, target: DocId) -> DocId {
        self.least = self.scorer.seek(target);
        self.least
    }

    fn seek_danger(&mut self, target: DocId) -> SeekDangerResult {
        if self.least > target {
            return SeekDangerResult::SeekLowerBound(self.least);
        }
        let result = self.scorer.seek_danger(target);
        self.least = match result {
            SeekDangerResult::Found => target,
            SeekDangerResult::SeekLowerBound(least) => least,
        };
        result
    }

    fn doc(&self) -> DocId {
        self.scorer.doc()
    }

    fn size_hint(&self) -> u32 {
        self.scorer.size_hint()
    }

    fn cost(&self) -> u64 {
        self.scorer.cost()
    }
}

impl Scorer for SteadyScorer {
    fn score(&mut self) -> Score {
        self.scorer.score()
    }
}
