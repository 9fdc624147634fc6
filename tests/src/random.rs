//! Chance that can be repeated: the seed is printed, and `CARTULARY_SEED` sets it.

#![expect(clippy::print_stderr, reason = "the seed must be seen to repeat a run")]

use std::time::{SystemTime, UNIX_EPOCH};

/// A small generator of numbers (SplitMix64); the same seed gives the same numbers.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Begins with the seed of `CARTULARY_SEED`, or with one of the clock, and prints it.
    pub fn announced(what: &str) -> Self {
        let given = std::env::var("CARTULARY_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            u64::try_from(now.as_nanos() & u128::from(u32::MAX)).unwrap_or(1)
        });
        eprintln!("{what}: CARTULARY_SEED={seed}");
        Self(seed)
    }

    /// Begins with a seed.
    pub const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns the next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number from `from` up to, but not including, `to`.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.number() % to.saturating_sub(from).max(1)
    }

    /// Says yes so many times of a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.number() % 100 < percent
    }

    /// Returns `count` bytes that no disk can compress.
    pub fn bytes(&mut self, count: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < count {
            bytes.extend_from_slice(&self.number().to_le_bytes());
        }
        bytes.truncate(usize::try_from(count).unwrap_or(usize::MAX));
        bytes
    }

    /// Returns words as text, for papers that are read and searched.
    pub fn words(&mut self, count: u64) -> String {
        const WORDS: &[&str] =
            &["harbour", "lantern", "quince", "ledger", "orchard", "ميناء", "فانوس", "saddle", "thimble", "willow"];
        let word = |random: &mut Self| {
            let at = usize::try_from(random.number() % WORDS.len() as u64).unwrap_or(0);
            WORDS.get(at).copied().unwrap_or("word")
        };
        (0..count).map(|_| word(self)).collect::<Vec<_>>().join(" ")
    }
}
