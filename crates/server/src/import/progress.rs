//! How far an import is: a bar on a terminal, a plain line now and then elsewhere.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::walk::{Found, Walker};
use crate::output;

/// What a file costs besides its bytes, in bytes: so that the end of many small files is estimated well too.
const COST_OF_A_FILE: u64 = 16 * 1024;
const PLAIN_LINE_EVERY: Duration = Duration::from_secs(5);

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
    last_line: Mutex<Instant>,
}

/// What there is to do; counted beside the import by a walk of its own.
#[derive(Debug, Default)]
struct Totals {
    files: AtomicU64,
    cost: AtomicU64,
    is_known: AtomicBool,
    is_over: AtomicBool,
}

impl Progress {
    /// Shows progress on standard error: a bar for people who watch, plain lines otherwise; nothing when `is_silent`.
    pub fn new(is_silent: bool) -> Self {
        let is_watched = output::is_watched();
        let bar = ProgressBar::with_draw_target(
            None,
            if is_watched && !is_silent { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() },
        );
        Self {
            bar,
            is_plain: !is_watched && !is_silent,
            started: Instant::now(),
            totals: Arc::default(),
            done_files: AtomicU64::new(0),
            done_bytes: AtomicU64::new(0),
            done_cost: AtomicU64::new(0),
            last_line: Mutex::new(Instant::now()),
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
            bar.set_style(style("{prefix} {wide_bar} {percent}% {msg}, about {eta} left"));
        });
        self.bar.set_style(style("{prefix} {spinner} {msg}"));
    }

    /// Notes that a file is done, of which so many bytes were taken.
    pub fn done(&self, bytes: u64) {
        let files = self.done_files.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let total_bytes = self.done_bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        let cost = bytes.saturating_add(COST_OF_A_FILE);
        let done = self.done_cost.fetch_add(cost, Ordering::Relaxed).saturating_add(cost);
        self.bar.set_position(done);
        let seconds = self.started.elapsed().as_secs_f64().max(0.001);
        let rate = || {
            format!("{}/s, {:.0} files/s", output::bytes((total_bytes as f64 / seconds) as u64), files as f64 / seconds)
        };
        if self.is_plain {
            self.plain_line(files, done, &rate);
        } else if !self.bar.is_hidden() && files.is_multiple_of(8) {
            self.bar.set_prefix(self.count_text(files));
            self.bar.set_message(rate());
        }
    }

    fn count_text(&self, files: u64) -> String {
        if self.totals.is_known.load(Ordering::Relaxed) {
            format!("{files} of {} files", self.totals.files.load(Ordering::Relaxed))
        } else {
            format!("{files} files")
        }
    }

    fn plain_line(&self, files: u64, done: u64, rate: &dyn Fn() -> String) {
        let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() < PLAIN_LINE_EVERY {
            return;
        }
        *last = Instant::now();
        let mut line = format!("{}, {}", self.count_text(files), rate());
        let total = self.totals.cost.load(Ordering::Relaxed);
        if self.totals.is_known.load(Ordering::Relaxed) && done > 0 && total > done {
            let left = self.started.elapsed().as_secs_f64() * (total - done) as f64 / done as f64;
            line.push_str(&format!(", about {left:.0} s left"));
        }
        output::remark(&line);
    }

    /// Ends the display.
    pub fn finish(&self) {
        self.totals.is_over.store(true, Ordering::Relaxed);
        self.bar.finish_and_clear();
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
