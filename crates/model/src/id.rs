//! Outward identifiers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Timestamp;

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

    /// Returns when it was given, as its first bits say (RFC 9562, section 5.7); nothing of ids of other versions.
    pub fn given_at(self) -> Option<Timestamp> {
        let (seconds, nanoseconds) = self.0.get_timestamp()?.to_unix();
        let millis =
            i64::try_from(seconds).ok()?.checked_mul(1_000)?.checked_add(i64::from(nanoseconds / 1_000_000))?;
        Some(Timestamp::from_millis(millis))
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
