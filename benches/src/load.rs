//! Several clients that ask without pause, and what they saw.

use std::time::{Duration, Instant};

use anyhow::anyhow;

/// What the clients of one round saw.
#[derive(Debug, Clone, Default)]
pub struct Load {
    /// *Units*: seconds from the first request to the last answer.
    pub seconds: f64,
    /// How long each request took, shortest first. *Units*: microseconds.
    pub latencies_us: Vec<u64>,
}

impl Load {
    /// Returns how many requests were answered.
    pub fn requests(&self) -> f64 {
        self.latencies_us.len() as f64
    }

    /// Returns how many requests were answered in a second.
    pub fn per_second(&self) -> f64 {
        self.requests() / self.seconds.max(f64::EPSILON)
    }
}

/// Returns the value below which `share` of the sorted values lie.
pub fn percentile(sorted: &[u64], share: f64) -> u64 {
    let place = (sorted.len() as f64 * share).ceil().max(1.0) as usize;
    sorted.get(place.min(sorted.len()).saturating_sub(1)).copied().unwrap_or_default()
}

/// Returns the middle of the values.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Lets `clients` ask for `time`; `make` readies one of them and returns what it does again and again.
pub fn run<M, R>(clients: usize, time: Duration, make: M) -> anyhow::Result<Load>
where
    M: Fn(usize) -> anyhow::Result<R> + Sync,
    R: FnMut() -> anyhow::Result<()>,
{
    let barrier = std::sync::Barrier::new(clients);
    let one = |client: usize| -> anyhow::Result<(Instant, Vec<u64>)> {
        let made = make(client);
        barrier.wait();
        let mut request = made?;
        let begin = Instant::now();
        let mut latencies = Vec::with_capacity(1 << 16);
        while begin.elapsed() < time {
            let asked = Instant::now();
            request()?;
            latencies.push(u64::try_from(asked.elapsed().as_micros()).unwrap_or(u64::MAX));
        }
        Ok((begin, latencies))
    };
    let one = &one;
    let seen: Vec<anyhow::Result<(Instant, Vec<u64>)>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|client| scope.spawn(move || one(client))).collect();
        let joined = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|_| Err(anyhow!("a client of the load broke off")))
        };
        threads.into_iter().map(joined).collect()
    });
    let end = Instant::now();
    let mut load = Load::default();
    for client in seen {
        let (begin, latencies) = client?;
        load.seconds = load.seconds.max((end - begin).as_secs_f64());
        load.latencies_us.extend(latencies);
    }
    load.latencies_us.sort_unstable();
    Ok(load)
}

/// Does `one` for each number below `count`, by `clients` at a time.
pub fn each<M, R>(clients: usize, count: usize, make: M) -> anyhow::Result<()>
where
    M: Fn(usize) -> anyhow::Result<R> + Sync,
    R: FnMut(usize) -> anyhow::Result<()>,
{
    let one = |client: usize| {
        let mut act = make(client)?;
        (client..count).step_by(clients).try_for_each(&mut act)
    };
    let one = &one;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|client| scope.spawn(move || one(client))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or_else(|_| Err(anyhow!("a client broke off"))))
    })
}
