//! The log: where it goes and how a line of it looks.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::configuration::{LogFormat, LogSettings};

/// Starts the log of a running office, on standard error. A second call changes nothing.
pub fn start(settings: &LogSettings) {
    let filter = EnvFilter::try_new(directives(&settings.level)).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_span_events(FmtSpan::NONE);
    // The error means that a log is already there.
    let _ = match settings.format {
        LogFormat::Json => builder.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init(),
        LogFormat::Pretty => builder.with_target(false).with_ansi(io::stderr().is_terminal()).try_init(),
    };
}

/// Makes the filter of a level. The libraries below are quieter than the office, unless they are asked for by name.
fn directives(level: &str) -> String {
    match level {
        "info" => "info,actix_server=warn,tantivy=error".to_owned(),
        "warn" => "warn,tantivy=error".to_owned(),
        other => other.to_owned(),
    }
}

/// Starts the log of a command: warnings only, because what it has to say it says as its result.
pub fn start_quietly(settings: &LogSettings) {
    let level = if settings.level == LogSettings::default().level { "warn".to_owned() } else { settings.level.clone() };
    start(&LogSettings { level, ..settings.clone() });
}
