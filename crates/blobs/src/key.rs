//! Where the bytes of a blob lie in a store.

use std::fmt;
use std::str::FromStr;

use cartulary_model::BlobDigest;

/// Names the place of a blob's bytes in a store.
///
/// *Shape*: `sha256/ab/<64 lower-case hex digits>`, where `ab` are the first two digits; from generation 1 on followed
/// by `.<generation>`. An upload that meets a blob on its way out takes the next generation, so that the deletion of
/// the old bytes cannot hit the new ones (architecture.md §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StorageKey {
    digest: BlobDigest,
    generation: u32,
}

impl StorageKey {
    /// Returns the key of the blob `digest` in its `generation`, which is 0 for the first one.
    pub const fn new(digest: BlobDigest, generation: u32) -> Self {
        Self { digest, generation }
    }

    /// Returns the digest that the bytes under this key have.
    pub const fn digest(&self) -> BlobDigest {
        self.digest
    }

    /// Returns the generation, 0 for the first one.
    pub const fn generation(&self) -> u32 {
        self.generation
    }
}

impl fmt::Display for StorageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self.digest.as_bytes().first().copied().unwrap_or_default();
        write!(f, "sha256/{first:02x}/{}", self.digest)?;
        if self.generation > 0 {
            write!(f, ".{}", self.generation)?;
        }
        Ok(())
    }
}

/// Says that a text is not a storage key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a storage key is sha256/ab/<64 hex digits>, with .<generation> from the first generation on")]
pub struct InvalidStorageKey;

impl FromStr for StorageKey {
    type Err = InvalidStorageKey;

    /// Parses the one written form, so that a place has one name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.rsplit('/').next().unwrap_or_default();
        let (hex, generation) = match name.split_once('.') {
            None => (name, 0),
            Some((hex, digits)) => (hex, digits.parse().map_err(|_| InvalidStorageKey)?),
        };
        let digest = hex.parse().map_err(|_| InvalidStorageKey)?;
        let key = Self { digest, generation };
        if key.to_string() == text { Ok(key) } else { Err(InvalidStorageKey) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_what_it_writes() {
        let digest = BlobDigest::of(b"abc");
        let first = StorageKey::new(digest, 0);
        assert_eq!(first.to_string(), format!("sha256/ba/{digest}"));
        assert_eq!(first.to_string().parse(), Ok(first));
        let third = StorageKey::new(digest, 2);
        assert_eq!(third.to_string(), format!("sha256/ba/{digest}.2"));
        assert_eq!(third.to_string().parse(), Ok(third));
    }

    #[test]
    fn what_is_not_exactly_a_key_is_refused() {
        let digest = BlobDigest::of(b"abc");
        for text in [
            String::new(),
            digest.to_string(),
            format!("sha256/bb/{digest}"),
            format!("sha256/ba/{digest}.0"),
            format!("sha256/ba/{digest}.01"),
            format!("sha256/ba/{digest}.+1"),
            format!("sha256/ba/{digest}#1"),
            format!("/sha256/ba/{digest}"),
        ] {
            assert_eq!(text.parse::<StorageKey>(), Err(InvalidStorageKey), "{text}");
        }
    }
}
