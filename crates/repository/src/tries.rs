//! Wrong passwords, counted for each name and place: who guesses waits longer and longer, and keeps nobody else out.
//!
//! Kept in memory by each node and not in the database: a stranger must not be able to make rows, the count is worth
//! nothing after a quarter of an hour, and a lost one costs no more than a few free tries. With several nodes each
//! counts for itself. What is kept is bounded: a name is a digest, whatever its length, and when there are too many pairs
//! those with the fewest failures go first, so that a flood of names pushes out itself and not the one that is guessed.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use cartulary_model::{Timestamp, text_key};
use sha2::{Digest, Sha256};

/// From this failure on, each one locks the pair for longer.
const FREE_FAILURES: u32 = 5;
/// The longest lock. *Units*: milliseconds.
const LOCK_MS_MAX: i64 = 15 * 60 * 1000;
/// How many pairs are remembered; some 8 MiB.
const PAIRS_MAX: usize = 65_536;
/// A pair without a failure for so long is forgotten when there is no room. *Units*: milliseconds.
const KEEP_MS: i64 = 24 * 3_600_000;

/// Returns the network that stands for whoever is at an address: one subscriber has a whole /64 of IPv6 addresses.
pub fn peer_network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address => address,
    }
}

/// A name, folded as user names are, and a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Pair {
    name: [u8; 32],
    network: IpAddr,
}

impl Pair {
    pub(crate) fn new(name: &str, address: IpAddr) -> Self {
        Self { name: digest_of(name), network: peer_network(address) }
    }
}

fn digest_of(name: &str) -> [u8; 32] {
    Sha256::digest(text_key(name)).into()
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Timestamp,
    locked_until: Timestamp,
}

impl Failures {
    fn lock(&mut self, now: Timestamp) {
        self.last = now;
        let lock_ms = self.count.checked_sub(FREE_FAILURES).map(|over| 1_000_i64 << over.min(20));
        self.locked_until = now.plus_millis(lock_ms.unwrap_or(0).min(LOCK_MS_MAX));
    }
}

/// All pairs that failed of late, whether there is such a user or not.
#[derive(Debug)]
pub(crate) struct Tries {
    pairs: Mutex<HashMap<Pair, Failures>>,
    pairs_max: usize,
}

impl Default for Tries {
    fn default() -> Self {
        Self { pairs: Mutex::default(), pairs_max: PAIRS_MAX }
    }
}

impl Tries {
    /// Lets a try begin and counts it as a failure until it is known to be none, so that many at once gain nothing.
    ///
    /// # Errors
    /// For how many seconds the pair is still locked.
    pub(crate) fn begin(&self, pair: Pair, now: Timestamp) -> Result<(), u64> {
        let mut pairs = self.locked();
        if let Some(known) = pairs.get(&pair)
            && known.locked_until > now
        {
            let left_ms = known.locked_until.as_millis() - now.as_millis();
            return Err(left_ms.unsigned_abs().div_ceil(1000));
        }
        if pairs.len() >= self.pairs_max && !pairs.contains_key(&pair) {
            make_room(&mut pairs, self.pairs_max, now);
        }
        let failures = pairs.entry(pair).or_insert(Failures { count: 0, last: now, locked_until: now });
        failures.count = failures.count.saturating_add(1);
        failures.lock(now);
        Ok(())
    }

    /// The password was wrong: the lock lasts from now on, not from when the password came.
    pub(crate) fn failed(&self, pair: Pair, now: Timestamp) {
        if let Some(failures) = self.locked().get_mut(&pair) {
            failures.lock(now);
        }
    }

    /// Nobody looked at the password: the try was none.
    pub(crate) fn take_back(&self, pair: Pair) {
        if let Some(failures) = self.locked().get_mut(&pair) {
            failures.count = failures.count.saturating_sub(1);
            failures.locked_until = failures.last;
        }
    }

    /// The password was right: failures of this pair are forgotten, those of other places stay.
    pub(crate) fn succeeded(&self, pair: Pair) {
        self.locked().remove(&pair);
    }

    /// The user got another password: failures from wherever they came are forgotten.
    pub(crate) fn forget(&self, name: &str) {
        let name = digest_of(name);
        self.locked().retain(|pair, _| pair.name != name);
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<Pair, Failures>> {
        self.pairs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops what is old, and where that is not enough an eighth: the fewest failures first, of these the oldest.
fn make_room(pairs: &mut HashMap<Pair, Failures>, pairs_max: usize, now: Timestamp) {
    let before = now.plus_millis(-KEEP_MS);
    pairs.retain(|_, failures| failures.last > before);
    let kept = pairs_max - pairs_max.div_ceil(8);
    let surplus = pairs.len().saturating_sub(kept);
    if surplus == 0 {
        return;
    }
    let mut by_worth: Vec<(u32, Timestamp, Pair)> =
        pairs.iter().map(|(pair, failures)| (failures.count, failures.last, *pair)).collect();
    by_worth.sort_unstable_by_key(|(count, last, _)| (*count, *last));
    for (_, _, pair) in by_worth.into_iter().take(surplus) {
        pairs.remove(&pair);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn pair(name: &str, address: &str) -> Pair {
        Pair::new(name, address.parse().unwrap())
    }

    #[test]
    fn a_pair_is_a_folded_name_and_a_network() {
        assert_eq!(pair("Anna", "10.0.0.1"), pair("anna", "::ffff:10.0.0.1"));
        assert_ne!(pair("anna", "10.0.0.1"), pair("anna", "10.0.0.2"));
        assert_eq!(pair("anna", "2001:db8::1"), pair("anna", "2001:db8::ffff:2"));
        assert_ne!(pair("anna", "2001:db8::1"), pair("anna", "2001:db8:0:1::1"));
    }

    #[test]
    fn locks_grow_to_a_quarter_of_an_hour() {
        let (tries, anna) = (Tries::default(), pair("anna", "10.0.0.1"));
        let (mut now, mut locks) = (at(0), Vec::new());
        for _ in 0..20 {
            tries.begin(anna, now).unwrap();
            let left = tries.begin(anna, now).err().unwrap_or(0);
            locks.push(left);
            tries.failed(anna, now);
            now = now.plus_millis(i64::try_from(left).unwrap() * 1_000);
            if left == 0 {
                // The second look was a try of its own; it counts for none here.
                tries.take_back(anna);
            }
        }
        assert_eq!(locks, [0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900, 900, 900]);
        tries.succeeded(anna);
        assert_eq!(tries.begin(anna, now), Ok(()));
    }

    /// Whoever sends a thousand passwords at once before the first is looked at has five tries like anybody else.
    #[test]
    fn tries_at_once_are_counted_before_they_are_looked_at() {
        let (tries, anna) = (Tries::default(), pair("anna", "10.0.0.1"));
        let begun = (0..1_000).filter(|_| tries.begin(anna, at(0)).is_ok()).count();
        assert_eq!(begun, 5);
    }

    #[test]
    fn another_password_ends_all_locks_of_a_name() {
        let tries = Tries::default();
        let (here, there, other) = (pair("anna", "10.0.0.1"), pair("anna", "10.0.0.2"), pair("ben", "10.0.0.1"));
        for pair in [here, there, other] {
            while tries.begin(pair, at(0)).is_ok() {}
        }
        tries.forget("ANNA");
        assert!(tries.begin(here, at(0)).is_ok() && tries.begin(there, at(0)).is_ok());
        assert!(tries.begin(other, at(0)).is_err());
    }

    #[test]
    fn a_flood_of_names_grows_nothing_and_frees_no_locked_pair() {
        let tries = Tries { pairs_max: 64, ..Tries::default() };
        let anna = pair("anna", "10.0.0.1");
        while tries.begin(anna, at(0)).is_ok() {}
        for name in 0..10_000 {
            tries.begin(pair(&name.to_string(), "10.0.0.1"), at(1)).unwrap();
            assert!(tries.locked().len() <= 64);
        }
        assert_eq!(tries.begin(anna, at(1)), Err(1));
        tries.begin(pair("x", "10.0.0.1"), at(KEEP_MS * 2)).unwrap();
        for name in 0..64 {
            tries.begin(pair(&name.to_string(), "10.0.0.2"), at(KEEP_MS * 2)).unwrap();
        }
        assert!(!tries.locked().contains_key(&anna), "a day later it may go");
    }
}
