//! Outward identifiers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Names an object outwardly: document, folder, version, working copy, relationship, policy or item.
///
/// *Shape*: UUID version 7 (RFC 9562 §5.7), written in lower case with hyphens; new ones sort by the moment they were made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectId(Uuid);

impl ObjectId {
    /// Makes a new identifier from the clock and chance.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// Returns the identifier that wraps `uuid`, whatever its version.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectId({self})")
    }
}

/// Says that a text is not a hyphenated UUID.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an object id is a UUID in lower case with hyphens")]
pub struct InvalidObjectId;

impl FromStr for ObjectId {
    type Err = InvalidObjectId;

    /// Parses the one written form, so that an id has one spelling in every link and log.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let uuid = Uuid::try_parse(text).map_err(|_| InvalidObjectId)?;
        let id = Self(uuid);
        if id.to_string() == text { Ok(id) } else { Err(InvalidObjectId) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let id = ObjectId::generate();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().to_uppercase().parse::<ObjectId>(), Err(InvalidObjectId));
        assert_eq!("not-an-id".parse::<ObjectId>(), Err(InvalidObjectId));
    }
}
