//! The log: where it goes and how a line of it looks.

use std::io::{self, IsTerminal};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::configuration::{LogFormat, LogSettings};

/// Starts the log of a running office, on standard error. A second call changes nothing.
pub fn start(settings: &LogSettings) {
    let filter = EnvFilter::try_new(directives(&settings.level)).unwrap_or_else(|_| EnvFilter::new("info"));
    // A line that cannot be written (a full disk, a reader that is gone) is lost, and nothing else: told of it on standard
    // error, the library would panic there, and end whatever thread had something to say.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_span_events(FmtSpan::NONE)
        .log_internal_errors(false);
    let strangers = StrangersFaults { are_told: !matches!(settings.level.as_str(), "error" | "info" | "warn") };
    // The error means that a log is already there.
    let _ = match settings.format {
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_current_span(true).with_span_list(false);
            builder.finish().with(strangers).try_init()
        }
        LogFormat::Pretty => {
            builder.with_target(false).with_ansi(io::stderr().is_terminal()).finish().with(strangers).try_init()
        }
    };
}

/// Keeps out of the log what the web framework calls errors and only strangers cause: a head that is too large or cannot
/// be read, answered with 431 or 400 before a request exists. Anybody could fill the log with them. The framework does
/// not say who sent it, nor does this log name addresses; who looks for it asks for the level `debug`.
struct StrangersFaults {
    are_told: bool,
}

impl<S: Subscriber> Layer<S> for StrangersFaults {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        let may_be = *metadata.level() == Level::ERROR && metadata.target().starts_with("actix_http::h1::dispatcher");
        if self.are_told || !may_be {
            return true;
        }
        let mut found = StreamError(false);
        event.record(&mut found);
        !found.0
    }
}

/// Whether a message speaks of a stream from a client that cannot be read.
struct StreamError(bool);

impl Visit for StreamError {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}").starts_with("stream error: ");
        }
    }
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
