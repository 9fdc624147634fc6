//! The contained worker, for tests that run an office inside their own process.

use std::process::ExitCode;

fn main() -> ExitCode {
    cartulary_formats::worker::run(|| ())
}
