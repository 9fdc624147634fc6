//! How far an import is: a bar on a terminal, a plain line now and then elsewhere; and when the office does not answer.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::pace::{Pace, Work};
use super::walk::{Found, Walker};
use crate::contact::{Contact, Standing};
use crate::output;

/// What a file costs besides its bytes, in bytes: so that the end of many small files is estimated well too.
const COST_OF_A_FILE: u64 = 16 * 1024;
const PLAIN_LINE_EVERY: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// An outage that is over before is not worth a line.
const WORTH_SAYING: Duration = Duration::from_secs(2);

/// How far an import is.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    is_plain: bool,
    started: Instant,
    totals: Arc<Totals>,
    done_files: AtomicU64,
    done_bytes: AtomicU64,
    done_cost: AtomicU64,
    telling: Mutex<Telling>,
}

/// What there is to do; counted beside the import by a walk of its own.
#[derive(Debug, Default)]
struct Totals {
    files: AtomicU64,
    cost: AtomicU64,
    is_known: AtomicBool,
    is_over: AtomicBool,
}

/// What was told last, and what it is told from.
#[derive(Debug, Default)]
struct Telling {
    pace: Pace,
    last_line: Duration,
    /// How long the office had been away when that was told last.
    told_away: Option<Duration>,
    waited: Duration,
    looked_at: Duration,
}

/// How far the import is, for one line.
struct Now {
    /// Since the beginning.
    at: Duration,
    work: Work,
    count: String,
    /// What is left to do, where that is known.
    left_cost: Option<u64>,
    standing: Standing,
}

impl Progress {
    /// Shows progress on standard error: a bar for people who watch, plain lines otherwise.
    pub fn new() -> Self {
        let is_watched = output::is_watched();
        let target = if is_watched { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() };
        Self {
            bar: ProgressBar::with_draw_target(None, target),
            is_plain: !is_watched,
            started: Instant::now(),
            totals: Arc::default(),
            done_files: AtomicU64::new(0),
            done_bytes: AtomicU64::new(0),
            done_cost: AtomicU64::new(0),
            telling: Mutex::default(),
        }
    }

    /// Counts what there is to do, on a thread of its own that ends with the import.
    pub fn count(&self, root: &Path, left_out: Option<PathBuf>) {
        let totals = Arc::clone(&self.totals);
        let walker = Walker::new(root, left_out);
        let bar = self.bar.clone();
        // Without the thread the bar has no end and no estimate; the import itself goes on.
        let _ = std::thread::Builder::new().name("import-count".to_owned()).spawn(move || {
            for found in walker {
                if totals.is_over.load(Ordering::Relaxed) {
                    return;
                }
                totals.files.fetch_add(1, Ordering::Relaxed);
                totals.cost.fetch_add(cost_of(&found), Ordering::Relaxed);
            }
            totals.is_known.store(true, Ordering::Relaxed);
            bar.set_length(totals.cost.load(Ordering::Relaxed));
            bar.set_style(style("{prefix} {wide_bar} {percent}% {msg}"));
        });
        self.bar.set_style(style("{prefix} {spinner} {msg}"));
    }

    /// Notes that a file of so many bytes was taken.
    pub fn done(&self, bytes: u64) {
        self.done_bytes.fetch_add(bytes, Ordering::Relaxed);
        self.passed(bytes);
    }

    /// Notes that a file of so many bytes is done with, though none of them was taken: they are no part of the rate.
    pub fn passed(&self, bytes: u64) {
        self.done_files.fetch_add(1, Ordering::Relaxed);
        self.done_cost.fetch_add(bytes.saturating_add(COST_OF_A_FILE), Ordering::Relaxed);
    }

    /// Tells how far the import is and whether the office answers, until it is dropped.
    pub async fn tell(&self, contact: Option<&Contact>) -> std::convert::Infallible {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        loop {
            looks.tick().await;
            self.look(contact);
        }
    }

    /// Returns how long the import waited for an office that did not answer.
    pub fn waited(&self) -> Duration {
        self.telling.lock().unwrap_or_else(PoisonError::into_inner).waited
    }

    fn look(&self, contact: Option<&Contact>) {
        let now = self.now(contact);
        self.bar.set_position(now.work.cost);
        let mut telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        telling.observe(&now);
        if self.is_plain {
            if let Some(line) = telling.line(&now) {
                output::remark(&line);
            }
        } else {
            self.bar.set_message(telling.words(&now));
            self.bar.set_prefix(now.count);
        }
    }

    fn now(&self, contact: Option<&Contact>) -> Now {
        let sending = contact.map_or(0, Contact::sending_bytes);
        let work = Work {
            files: self.done_files.load(Ordering::Relaxed),
            bytes: self.done_bytes.load(Ordering::Relaxed).saturating_add(sending),
            cost: self.done_cost.load(Ordering::Relaxed).saturating_add(sending),
        };
        let total = self.totals.cost.load(Ordering::Relaxed);
        let left_cost = self.totals.is_known.load(Ordering::Relaxed).then(|| total.saturating_sub(work.cost));
        let standing = contact.map_or(Standing::Answers, Contact::standing);
        Now { at: self.started.elapsed(), work, count: self.count_text(work.files), left_cost, standing }
    }

    fn count_text(&self, files: u64) -> String {
        if self.totals.is_known.load(Ordering::Relaxed) {
            format!("{files} of {} files", self.totals.files.load(Ordering::Relaxed))
        } else {
            format!("{files} files")
        }
    }

    /// Ends the display. Whoever was told that the office does not answer is told that it did in the end, however soon
    /// everything was done then.
    pub fn finish(&self, contact: Option<&Contact>) {
        let now = self.now(contact);
        let mut telling = self.telling.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_plain
            && now.standing == Standing::Answers
            && telling.told_away.is_some()
            && let Some(line) = telling.line(&now)
        {
            output::remark(&line);
        }
        drop(telling);
        self.totals.is_over.store(true, Ordering::Relaxed);
        self.bar.finish_and_clear();
    }
}

impl Telling {
    fn observe(&mut self, now: &Now) {
        let is_away = now.standing != Standing::Answers;
        self.pace.observe(now.at, now.work, is_away);
        if matches!(now.standing, Standing::Lost(_)) {
            self.waited = self.waited.saturating_add(now.at.saturating_sub(self.looked_at));
        }
        self.looked_at = now.at;
    }

    /// Returns the next line, when one is due: that the office went away or came back is told at once.
    fn line(&mut self, now: &Now) -> Option<String> {
        let is_due = now.at.saturating_sub(self.last_line) >= PLAIN_LINE_EVERY;
        let away_for = match &now.standing {
            Standing::Answers => None,
            Standing::Quiet(quiet) => Some(*quiet),
            Standing::Lost(outage) => Some(outage.lasted).filter(|lasted| *lasted >= WORTH_SAYING),
        };
        let line = match (self.told_away, away_for) {
            (None, Some(_)) => self.words(now),
            (Some(away), None) if now.standing == Standing::Answers => {
                format!("The office answers again after {}.", seconds(away))
            }
            (_, Some(_)) if is_due => self.words(now),
            (_, None) if is_due => format!("{}, {}", now.count, self.words(now)),
            _ => return None,
        };
        self.told_away = away_for;
        self.last_line = now.at;
        Some(line)
    }

    /// Returns how fast the import goes and when it ends, or that the office does not answer.
    fn words(&self, now: &Now) -> String {
        match &now.standing {
            Standing::Lost(outage) => {
                let mut reason = outage.reason.clone();
                if let Some(first) = reason.get_mut(..1) {
                    first.make_ascii_uppercase();
                }
                format!("{reason}: trying again, giving up in {}.", seconds(outage.gives_up_in))
            }
            Standing::Quiet(quiet) => format!("The office has not answered for {}: waiting.", seconds(*quiet)),
            Standing::Answers => self.rate_words(now.left_cost),
        }
    }

    fn rate_words(&self, left_cost: Option<u64>) -> String {
        let Some([files, bytes, _]) = self.pace.per_second() else { return "starting".to_owned() };
        let mut words = format!("{}/s, {files:.0} files/s", output::bytes(bytes as u64));
        if let Some(left) = left_cost.filter(|left| *left > 0).and_then(|left| self.pace.time_for(left)) {
            words.push_str(&format!(", about {} left", seconds(left)));
        }
        words
    }
}

/// Writes a time as people read it: `48 s`, `12 min`, `3 h 20 min`.
fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    match seconds {
        0..=180 => format!("{seconds} s"),
        181..=7199 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

fn cost_of(found: &Found) -> u64 {
    let bytes = match found {
        Found::File(file) => file.size_bytes,
        Found::Fault(_) => 0,
    };
    bytes.saturating_add(COST_OF_A_FILE)
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::Outage;

    /// What is told of an import that takes 20 files of 1 MB a second, has 1000 to take, and is cut off from the office
    /// from second 10 to second 40.
    fn lines(look_every_ms: u64, until_second: u64) -> Vec<String> {
        let (mut telling, mut files, mut told) = (Telling::default(), 0_u64, Vec::new());
        for look in 1..=until_second * 1000 / look_every_ms {
            let at = Duration::from_millis(look * look_every_ms);
            let is_away = at > Duration::from_secs(10) && at <= Duration::from_secs(40);
            files += if is_away { 0 } else { 20 * look_every_ms / 1000 };
            let lasted = at.saturating_sub(Duration::from_secs(10));
            let reason = "the office does not answer (connection refused)".to_owned();
            let outage = Outage { reason, lasted, gives_up_in: Duration::from_secs(120).saturating_sub(lasted) };
            let now = Now {
                at,
                work: Work { files, bytes: files * 1_000_000, cost: files * 1_016_384 },
                count: format!("{files} of 1000 files"),
                left_cost: Some((1000 - files) * 1_016_384),
                standing: if is_away { Standing::Lost(outage) } else { Standing::Answers },
            };
            telling.observe(&now);
            told.extend(telling.line(&now));
        }
        told
    }

    #[test]
    fn an_office_that_went_away_is_told_within_seconds_and_no_rate_is_absurd() {
        insta::assert_snapshot!(lines(500, 50).join("\n"));
    }

    #[test]
    fn times_are_written_for_people() {
        let texts = [0, 180, 181, 3600, 7199, 7200, 90_061].map(|time| seconds(Duration::from_secs(time)));
        assert_eq!(texts, ["0 s", "180 s", "3 min", "60 min", "120 min", "2 h 0 min", "25 h 1 min"]);
    }
}
