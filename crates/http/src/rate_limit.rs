//! Token buckets, one for each client, so that one cannot take the office from the others.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use cartulary_repository::peer_network;

/// Buckets are spread, so that threads seldom wait for each other.
const SHARDS: usize = 16;
/// A shard forgets the full buckets when it holds more than this.
const SHARD_BUCKETS_MAX: usize = 4_096;

/// A limit on how often a client does something.
#[derive(Debug)]
pub struct RateLimit {
    per_second: f64,
    burst: f64,
    hasher: RandomState,
    shards: [Mutex<HashMap<IpAddr, Bucket>>; SHARDS],
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Instant,
}

impl RateLimit {
    /// Allows `per_second` over time and `burst` at once; a rate of 0 allows everything.
    pub fn new(per_second: f64, burst: u32) -> Self {
        let burst = f64::from(burst.max(1));
        Self { per_second, burst, hasher: RandomState::new(), shards: std::array::from_fn(|_| Mutex::default()) }
    }

    /// Takes a token of the client at `address` at the instant `now`.
    ///
    /// # Errors
    /// How long until the next token, when there is none.
    pub fn take(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        if self.per_second <= 0.0 {
            return Ok(());
        }
        let client = peer_network(address);
        let shard = usize::try_from(self.hasher.hash_one(client)).unwrap_or(0) % SHARDS;
        let Some(shard) = self.shards.get(shard) else { return Ok(()) };
        let mut buckets = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() > SHARD_BUCKETS_MAX {
            buckets.retain(|_, bucket| self.tokens(bucket, now) < self.burst);
        }
        let bucket = buckets.entry(client).or_insert(Bucket { tokens: self.burst, filled_at: now });
        let tokens = self.tokens(bucket, now);
        let has_token = tokens >= 1.0;
        *bucket = Bucket { tokens: if has_token { tokens - 1.0 } else { tokens }, filled_at: now };
        if has_token { Ok(()) } else { Err(Duration::from_secs_f64((1.0 - tokens) / self.per_second)) }
    }

    fn tokens(&self, bucket: &Bucket, now: Instant) -> f64 {
        let since = now.saturating_duration_since(bucket.filled_at).as_secs_f64();
        (bucket.tokens + since * self.per_second).min(self.burst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let limit = RateLimit::new(2.0, 3);
        let (client, other) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let begin = Instant::now();
        for _ in 0..3 {
            assert_eq!(limit.take(client, begin), Ok(()));
        }
        assert_eq!(limit.take(client, begin), Err(Duration::from_millis(500)));
        assert_eq!(limit.take(other, begin), Ok(()));
        assert_eq!(limit.take(client, begin + Duration::from_millis(500)), Ok(()));
        assert!(limit.take(client, begin + Duration::from_millis(501)).is_err());
    }

    #[test]
    fn addresses_of_one_subscriber_count_together() {
        let limit = RateLimit::new(1.0, 1);
        let begin = Instant::now();
        assert!(limit.take("2001:db8::1".parse().unwrap(), begin).is_ok());
        assert!(limit.take("2001:db8::2".parse().unwrap(), begin).is_err());
        assert!(limit.take("2001:db8:0:1::1".parse().unwrap(), begin).is_ok());
    }
}
