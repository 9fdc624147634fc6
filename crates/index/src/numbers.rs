//! A set of object or scope numbers that answers "is it in?" quickly.

use roaring::RoaringTreemap;

/// A set of numbers: scopes that may be read, objects to leave out.
///
/// Small numbers, which is what a database hands out, are kept one bit each; a set that reaches far is kept
/// compressed. Numbers below zero are in no set. Build it once per set of decisions and share it in an `Arc`.
#[derive(Debug, Clone, Default)]
pub struct NumberSet {
    bits: Vec<u64>,
    far: RoaringTreemap,
}

/// Numbers below this are kept one bit each: 2 MiB at most.
const DENSE_LIMIT: u64 = 1 << 24;

impl NumberSet {
    /// Adds a number. Numbers below zero are passed over.
    pub fn insert(&mut self, number: i64) {
        let Ok(number) = u64::try_from(number) else { return };
        if number >= DENSE_LIMIT {
            self.far.insert(number);
            return;
        }
        let (slot, bit) = place(number);
        if self.bits.len() <= slot {
            self.bits.resize(slot + 1, 0);
        }
        if let Some(bits) = self.bits.get_mut(slot) {
            *bits |= bit;
        }
    }

    /// Takes a number out.
    pub fn remove(&mut self, number: i64) {
        let Ok(number) = u64::try_from(number) else { return };
        if number >= DENSE_LIMIT {
            self.far.remove(number);
            return;
        }
        let (slot, bit) = place(number);
        if let Some(bits) = self.bits.get_mut(slot) {
            *bits &= !bit;
        }
    }

    /// Whether the number is in the set.
    #[must_use]
    pub fn contains(&self, number: i64) -> bool {
        let Ok(number) = u64::try_from(number) else { return false };
        if number >= DENSE_LIMIT {
            return self.far.contains(number);
        }
        let (slot, bit) = place(number);
        self.bits.get(slot).is_some_and(|bits| bits & bit != 0)
    }

    /// Whether no number is in the set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.far.is_empty() && self.bits.iter().all(|bits| *bits == 0)
    }
}

fn place(number: u64) -> (usize, u64) {
    (usize::try_from(number / 64).unwrap_or(usize::MAX), 1 << (number % 64))
}

impl FromIterator<i64> for NumberSet {
    fn from_iter<I: IntoIterator<Item = i64>>(numbers: I) -> Self {
        let mut set = Self::default();
        numbers.into_iter().for_each(|number| set.insert(number));
        set
    }
}

impl From<&RoaringTreemap> for NumberSet {
    fn from(map: &RoaringTreemap) -> Self {
        map.iter().filter_map(|number| i64::try_from(number).ok()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_far_and_negative_numbers() {
        let set: NumberSet = [0, 63, 64, 5_000_000_000, -1].into_iter().collect();
        for (number, expect) in
            [(0, true), (1, false), (63, true), (64, true), (65, false), (5_000_000_000, true), (-1, false)]
        {
            assert_eq!(set.contains(number), expect, "{number}");
        }
        assert!(!set.is_empty());
        assert!(NumberSet::default().is_empty());
    }
}
