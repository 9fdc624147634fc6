//! What commands say: results on standard output, for people or as JSON; everything else on standard error.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// Writes a result for people. A reader that went away is no fault of ours.
pub fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    if !text.ends_with('\n') {
        let _ = out.write_all(b"\n");
    }
    let _ = out.flush();
}

/// Writes a remark beside the result.
pub fn remark(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Writes a result as one JSON document.
pub fn say_json<T: Serialize>(value: &T) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => say(&text),
        Err(error) => remark(&format!("error: the result cannot be written as JSON: {error}")),
    }
}

/// Writes an error with its causes, each on a line of its own.
pub fn say_error(error: &anyhow::Error) {
    remark(&format!("error: {error}"));
    let mut said = error.to_string();
    for cause in error.chain().skip(1) {
        let text = cause.to_string();
        if !said.contains(&text) {
            remark(&format!("  because: {text}"));
        }
        said = text;
    }
}

/// Says whether a person watches standard error.
pub fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Tells a person who watches how far long work is, every few seconds.
#[derive(Debug)]
pub struct Ticker {
    is_watched: bool,
    last_line: Mutex<Instant>,
}

impl Ticker {
    const EVERY: Duration = Duration::from_secs(3);

    /// Begins to tell; nothing when nobody watches or `is_silent`.
    pub fn new(is_silent: bool) -> Self {
        Self { is_watched: is_watched() && !is_silent, last_line: Mutex::new(Instant::now()) }
    }

    /// Writes a line, if the last one is some seconds old.
    pub fn tell(&self, line: impl FnOnce() -> String) {
        let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_watched && last.elapsed() > Self::EVERY {
            *last = Instant::now();
            remark(&line());
        }
    }
}

/// Draws a frame around lines.
pub fn boxed(lines: &[String]) -> String {
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let rule = "─".repeat(width.saturating_add(2));
    let mut text = format!("┌{rule}┐\n");
    for line in lines {
        let padding = " ".repeat(width.saturating_sub(line.chars().count()));
        text.push_str(&format!("│ {line}{padding} │\n"));
    }
    text.push_str(&format!("└{rule}┘\n"));
    text
}

/// Writes bytes as people read them: `4.2 MB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64;
    let mut name = "B";
    for unit in UNITS {
        if value < 999.95 {
            break;
        }
        value /= 1000.0;
        name = unit;
    }
    format!("{value:.1} {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_fits_its_longest_line() {
        let lines = ["one".to_owned(), "seventeen".to_owned()];
        assert_eq!(boxed(&lines), "┌───────────┐\n│ one       │\n│ seventeen │\n└───────────┘\n");
    }

    #[test]
    fn bytes_are_written_for_people() {
        for (count, text) in [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (4_200_000, "4.2 MB"), (999_990, "1.0 MB")]
        {
            assert_eq!(bytes(count), text);
        }
    }
}
