//! How fast something goes, of the recent past: what has been done and the time it took, both forgotten little by little.

use std::time::Duration;

/// After so many seconds at work, what was seen counts a third (1/e) of what is seen now.
const FORGETS_IN_SECONDS: f64 = 15.0;
/// Before so many seconds at work were seen, a rate is a guess and is not told.
const WORTH_TELLING_SECONDS: f64 = 1.0;

/// How fast something goes. Time is told by the caller, so that nothing here depends on a clock.
#[derive(Debug, Default)]
pub struct Pace {
    seen_at: Duration,
    high: Work,
    recent_seconds: f64,
    recent: [f64; 3],
}

/// What has been done since the beginning.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Work {
    /// Files that are done with.
    pub files: u64,
    /// Bytes that were taken or sent.
    pub bytes: u64,
    /// What the files cost, in bytes and the price of a file.
    pub cost: u64,
}

impl Pace {
    /// Notes what has been done until `now`, since the beginning. Time in which nothing could be done, because the office
    /// did not answer, `is_pause` and does not count.
    pub fn observe(&mut self, now: Duration, work: Work, is_pause: bool) {
        let seconds = now.saturating_sub(self.seen_at).as_secs_f64();
        self.seen_at = self.seen_at.max(now);
        let high = self.high;
        // A file whose sending fails goes back to its first byte. Only what goes beyond the highest mark is progress.
        self.high = Work {
            files: high.files.max(work.files),
            bytes: high.bytes.max(work.bytes),
            cost: high.cost.max(work.cost),
        };
        let new = [self.high.files - high.files, self.high.bytes - high.bytes, self.high.cost - high.cost];
        if is_pause && new == [0, 0, 0] {
            return;
        }
        let kept = (-seconds / FORGETS_IN_SECONDS).exp();
        self.recent_seconds = self.recent_seconds * kept + seconds;
        for (recent, new) in self.recent.iter_mut().zip(new) {
            *recent = *recent * kept + new as f64;
        }
    }

    /// Returns files, bytes and cost a second; `None` while too little was seen.
    pub fn per_second(&self) -> Option<[f64; 3]> {
        let is_known = self.recent_seconds >= WORTH_TELLING_SECONDS;
        is_known.then(|| self.recent.map(|recent| recent / self.recent_seconds))
    }

    /// Returns how long work of such a cost takes at this pace; `None` when nothing has moved of late.
    pub fn time_for(&self, cost: u64) -> Option<Duration> {
        let [_, _, cost_per_second] = self.per_second()?;
        Duration::try_from_secs_f64(cost as f64 / cost_per_second).ok()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// Observes once a second; each step says what that second did, `None` for a pause.
    fn after(steps: impl IntoIterator<Item = Option<u64>>) -> Pace {
        let (mut pace, mut done) = (Pace::default(), 0);
        for (second, step) in (1..).zip(steps) {
            done += step.unwrap_or(0);
            let work = Work { files: done, bytes: done * 10, cost: done * 100 };
            pace.observe(Duration::from_secs(second), work, step.is_none());
        }
        pace
    }

    #[track_caller]
    fn check(steps: impl IntoIterator<Item = Option<u64>>, files_per_second: f64) {
        let [files, bytes, cost] = after(steps).per_second().unwrap();
        assert!((files - files_per_second).abs() < 0.5, "{files}");
        assert!((bytes - files * 10.0).abs() < 0.01 && (cost - files * 100.0).abs() < 0.01, "{bytes} {cost}");
    }

    #[test]
    fn a_steady_pace_is_told_from_the_start() {
        check([Some(20); 2], 20.0);
        check([Some(20); 600], 20.0);
    }

    #[test]
    fn an_office_that_was_away_for_minutes_leaves_no_absurd_rate() {
        check([[Some(20); 60].as_slice(), &[None; 240]].concat(), 20.0);
        check([[Some(20); 60].as_slice(), &[None; 240], &[Some(20); 5]].concat(), 20.0);
    }

    #[test]
    fn a_first_hour_that_was_fast_does_not_make_the_end_look_near() {
        check([[Some(1000); 3600].as_slice(), &[Some(2); 180]].concat(), 2.0);
    }

    #[test]
    fn a_file_that_is_sent_again_is_no_progress() {
        let mut pace = Pace::default();
        let at = |seconds, bytes| (Duration::from_secs(seconds), Work { files: 0, bytes, cost: bytes });
        for (now, work) in [at(1, 1000), at(2, 0), at(3, 1000)] {
            pace.observe(now, work, false);
        }
        assert!(pace.per_second().unwrap()[1] < 400.0, "{pace:?}");
    }

    #[test]
    fn nothing_seen_has_no_rate_and_no_end() {
        assert_eq!(Pace::default().per_second(), None);
        assert_eq!(after([Some(0); 5]).time_for(100), None);
        assert_eq!(after([Some(1); 5]).time_for(1000).map(|time| time.as_secs_f64().round()), Some(10.0));
    }
}
