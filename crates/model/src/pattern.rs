//! Patterns that texts must have.

use std::fmt;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How much memory a pattern may take when it is compiled: `(a{1000}){1000}` is refused. *Units*: bytes.
const COMPILED_BYTES_MAX: usize = 256 * 1024;

/// How long a pattern may be written. *Units*: bytes.
const WRITTEN_BYTES_MAX: usize = 2_000;

/// A regular expression that a whole text must match.
///
/// It is matched in time linear in the text, whatever it says (no backtracking), so that neither a declaration nor a value
/// can hold the program up. Source: <https://docs.rs/regex/latest/regex/#untrusted-input>.
#[derive(Clone)]
pub struct Pattern {
    written: String,
    compiled: Regex,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(written: &str) -> Result<Self, String> {
        if written.len() > WRITTEN_BYTES_MAX {
            return Err(format!("a pattern has at most {WRITTEN_BYTES_MAX} bytes"));
        }
        let compiled = RegexBuilder::new(&format!("^(?:{written})$"))
            .size_limit(COMPILED_BYTES_MAX)
            .dfa_size_limit(COMPILED_BYTES_MAX)
            .build()
            .map_err(|error| match error {
                regex::Error::CompiledTooBig(_) => "the pattern stands for too much: repeat less in it".to_owned(),
                other => format!("the pattern cannot be read: {other}"),
            })?;
        Ok(Self { written: written.to_owned(), compiled })
    }

    /// Says whether the whole of `text` has the pattern.
    pub fn is_match(&self, text: &str) -> bool {
        self.compiled.is_match(text)
    }

    /// Returns the pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({:?})", self.written)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = String::deserialize(deserializer)?;
        Self::parse(&written).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_whole_text_is_matched() {
        let pattern = Pattern::parse(r"\d{4}|x").unwrap();
        assert!(pattern.is_match("2026") && pattern.is_match("x"));
        assert!(!pattern.is_match("20266") && !pattern.is_match("ax") && !pattern.is_match("2026\n"));
    }

    #[test]
    fn a_pattern_that_would_fill_memory_is_refused() {
        assert!(Pattern::parse("((a{100}){100}){100}").unwrap_err().contains("repeat less"));
        assert!(Pattern::parse("(").is_err());
        assert!(Pattern::parse(&"a".repeat(3_000)).is_err());
        // What a backtracking matcher never ends on.
        assert!(!Pattern::parse("(a+)+b").unwrap().is_match(&"a".repeat(100_000)));
    }
}
