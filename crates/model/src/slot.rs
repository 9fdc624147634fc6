//! The name of a slot: which of the contents of an object is meant.

use std::fmt;
use std::str::FromStr;

/// Names one of the contents of an object: `content`, the main one, or an attachment.
///
/// *Shape*: 1 to 100 ASCII letters, digits, `-`, `_` and `.`, beginning with a letter or digit. The name of the file is kept
/// beside it, in any script.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotName(String);

/// How many characters a slot's name has at most.
const CHARACTERS_MAX: usize = 100;

impl SlotName {
    /// The slot of the main content.
    pub const MAIN: &'static str = "content";

    /// Returns the name of the main content's slot.
    pub fn main() -> Self {
        Self(Self::MAIN.to_owned())
    }

    /// Says whether it is the main content's.
    pub fn is_main(&self) -> bool {
        self.0 == Self::MAIN
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SlotName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says that a text is no name of a slot.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a slot is named by 1 to 100 ASCII letters, digits, `-`, `_` and `.`, the first one a letter or digit")]
pub struct InvalidSlotName;

impl FromStr for SlotName {
    type Err = InvalidSlotName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_named = text.len() <= CHARACTERS_MAX
            && text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        if is_named { Ok(Self(text.to_owned())) } else { Err(InvalidSlotName) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_has_a_plain_name() {
        for good in ["content", "annex-1", "A.b_c", "7", &"x".repeat(100)] {
            assert_eq!(good.parse::<SlotName>().map(|slot| slot.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", ".", "..", "-a", "a/b", "a b", "ملحق", "a\0", &"x".repeat(101)] {
            assert_eq!(bad.parse::<SlotName>(), Err(InvalidSlotName), "{bad}");
        }
        assert!(SlotName::main().is_main() && !"annex".parse::<SlotName>().unwrap().is_main());
    }
}
