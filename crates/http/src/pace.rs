//! Bodies under way: how slow one may be, and how many there may be at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cartulary_repository::peer_network;

/// How long the next piece of a body may take.
///
/// A body begins with a credit of time. Waiting for its bytes spends it, bytes that arrive earn it back at the least rate,
/// and never more than it was: over any longer while a body comes at that rate or is given up, and a stretch of bytes
/// earns nobody an hour of standing still. What the office itself needs to store the bytes is nobody's delay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    stand_still: Duration,
    bytes_per_second: f64,
    credit: Duration,
}

impl Pace {
    /// A body may stand still for `stand_still`, and be slower than the least rate for as long; a rate of 0: always.
    pub(crate) fn new(stand_still: Duration, bytes_per_second: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a rate need not be exact")]
        let bytes_per_second = bytes_per_second as f64;
        Self { stand_still, bytes_per_second, credit: stand_still }
    }

    /// Returns how long the next piece may take.
    pub(crate) fn patience(&self) -> Duration {
        if self.bytes_per_second > 0.0 { self.credit } else { self.stand_still }
    }

    /// Notes that a piece of `bytes` came after `waited`.
    pub(crate) fn came(&mut self, bytes: usize, waited: Duration) {
        if self.bytes_per_second > 0.0 {
            #[expect(clippy::cast_precision_loss, reason = "a piece is far smaller than 2^52 bytes")]
            let earned = bytes as f64 / self.bytes_per_second;
            let earned = Duration::try_from_secs_f64(earned).unwrap_or(self.stand_still);
            self.credit = self.credit.saturating_sub(waited).saturating_add(earned).min(self.stand_still);
        }
    }
}

/// Counts the bodies that are under way.
#[derive(Debug)]
pub(crate) struct Bodies {
    most: usize,
    most_per_client: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// Why no further body is taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The client has as many under way as one may.
    Client(usize),
    /// All clients together have as many as there may be.
    Office,
}

/// A body that is under way; it no longer is when this is dropped.
#[derive(Debug)]
pub(crate) struct Underway {
    bodies: Arc<Bodies>,
    client: Option<IpAddr>,
}

impl Bodies {
    /// Allows `most` at once, and `most_per_client` of one client; 0: any number.
    pub(crate) fn new(most: usize, most_per_client: usize) -> Self {
        let bound = |most: usize| if most == 0 { usize::MAX } else { most };
        Self { most: bound(most), most_per_client: bound(most_per_client), counts: Mutex::default() }
    }

    /// Counts a body of the client at `address`; this machine has no bound of its own.
    pub(crate) fn begin(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Underway, Full> {
        let client = address.filter(|address| !address.is_loopback()).map(peer_network);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.all >= self.most {
            return Err(Full::Office);
        }
        if let Some(client) = client {
            let count = counts.by_client.get(&client).copied().unwrap_or(0);
            if count >= self.most_per_client {
                return Err(Full::Client(self.most_per_client));
            }
            counts.by_client.insert(client, count + 1);
        }
        counts.all += 1;
        Ok(Underway { bodies: Arc::clone(self), client })
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let mut counts = self.bodies.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all = counts.all.saturating_sub(1);
        let Some(client) = self.client else { return };
        let left = counts.by_client.get(&client).map_or(0, |count| count.saturating_sub(1));
        match left {
            0 => counts.by_client.remove(&client),
            left => counts.by_client.insert(client, left),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    /// Sends pieces of `bytes` every `every` and returns after how long the body was given up, within a day.
    fn given_up(bytes: usize, every: Duration, rate: u64) -> Option<Duration> {
        let (mut pace, mut at) = (Pace::new(MINUTE, rate), Duration::ZERO);
        while at < 1440 * MINUTE {
            if every > pace.patience() {
                return Some(at + pace.patience());
            }
            at += every;
            pace.came(bytes, every);
        }
        None
    }

    #[test]
    fn a_dripping_client_held_a_body_for_ever() {
        assert_eq!(given_up(1, Duration::from_secs(50), 0), None);
        assert!(given_up(1, Duration::from_secs(50), 4096).unwrap() <= Duration::from_secs(61));
        assert!(given_up(1, Duration::from_millis(100), 4096).unwrap() <= Duration::from_secs(61));
    }

    #[test]
    fn a_slow_and_honest_line_takes_its_time() {
        assert_eq!(given_up(1_400, Duration::from_millis(21), 4096), None, "64 KB/s");
        assert_eq!(given_up(1_400, Duration::from_millis(300), 4096), None, "4.6 KB/s");
        assert_eq!(given_up(4096 * 50, Duration::from_secs(50), 4096), None, "in bursts");
    }

    #[test]
    fn a_stretch_of_bytes_earns_no_hour_of_dripping() {
        let mut pace = Pace::new(MINUTE, 4096);
        pace.came(1 << 30, Duration::from_secs(1));
        assert_eq!(pace.patience(), MINUTE);
    }

    #[test]
    fn bodies_are_bounded_for_each_client_and_altogether() {
        let bodies = Arc::new(Bodies::new(5, 2));
        let at = |address: &str| bodies.begin(Some(address.parse().unwrap()));
        let (first, _second) = (at("10.0.0.1").unwrap(), at("10.0.0.1").unwrap());
        assert_eq!(at("10.0.0.1").err(), Some(Full::Client(2)));
        let (_third, _fourth) = (at("2001:db8::1").unwrap(), at("2001:db8::2").unwrap());
        assert_eq!(at("2001:db8::3").err(), Some(Full::Client(2)));
        let _local = at("127.0.0.1").unwrap();
        assert_eq!(at("127.0.0.1").err(), Some(Full::Office));
        drop(first);
        assert!(at("10.0.0.1").is_ok());
        assert_eq!(bodies.counts.lock().unwrap().all, 4, "what was dropped is not counted");
    }
}
