//! Patterns of `LIKE`, ready to be matched.

use regex::{Regex, RegexBuilder};

use super::{LikePart, QlError};
use crate::key::folded;

/// How much memory a pattern may take when it is compiled. *Units*: bytes.
const COMPILED_BYTES_MAX: usize = 4 << 20;

/// A pattern of `LIKE` over folded texts: whatever the case, in any normalisation form.
///
/// It is matched in time linear in the text, whatever it says.
#[derive(Clone, Debug)]
pub struct LikePattern {
    compiled: Regex,
    /// What a text begins with that has the pattern, folded; perhaps empty.
    beginning: String,
}

impl LikePattern {
    /// Makes a pattern ready; `position` is that of its column in the statement, which faults are told with.
    ///
    /// # Errors
    /// A pattern that stands for too much.
    pub fn new(parts: &[LikePart], position: usize) -> Result<Self, QlError> {
        let mut written = String::from("^");
        for part in parts {
            match part {
                LikePart::Text(text) => written.push_str(&regex::escape(&folded(text))),
                LikePart::AnyRun => written.push_str(".*"),
                LikePart::AnyOne => written.push('.'),
            }
        }
        written.push('$');
        let compiled = RegexBuilder::new(&written)
            .dot_matches_new_line(true)
            .size_limit(COMPILED_BYTES_MAX)
            .dfa_size_limit(COMPILED_BYTES_MAX)
            .build()
            .map_err(|_| QlError { position, detail: "the pattern of LIKE is too long".to_owned() })?;
        let beginning = match parts.first() {
            Some(LikePart::Text(text)) => folded(text),
            _ => String::new(),
        };
        Ok(Self { compiled, beginning })
    }

    /// Says whether a text, folded here, has the pattern.
    pub fn is_match(&self, text: &str) -> bool {
        self.compiled.is_match(&folded(text))
    }

    /// Returns what a folded text begins with that has the pattern; perhaps nothing.
    pub fn beginning(&self) -> &str {
        &self.beginning
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::super::{Condition, Query};
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, expect: bool) {
        let query = Query::parse(&format!("SELECT * FROM d WHERE a LIKE '{pattern}'")).unwrap();
        let Some(Condition::Like { pattern: parts, .. }) = query.filter else { panic!("{pattern}") };
        assert_eq!(LikePattern::new(&parts, 0).unwrap().is_match(text), expect, "{text} LIKE {pattern}");
    }

    #[test]
    fn runs_and_single_characters() {
        check("a%", "Abc", true);
        check("%C", "abc", true);
        check("a_c", "abc", true);
        check("a_c", "abbc", false);
        check("%", "", true);
        check("_", "م", true);
        check("a%c", "a\nb\nc", true);
        check(r"50\%", "50%", true);
        check(r"50\%", "500", false);
        check("a.c", "abc", false);
    }

    #[test]
    fn the_normalisation_form_does_not_count() {
        check("caf\u{e9}", "cafe\u{301}", true);
        check("cafe\u{301}", "CAF\u{c9}", true);
        check("caf_", "cafe\u{301}", true);
    }
}
