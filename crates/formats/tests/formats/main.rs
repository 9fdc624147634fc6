//! What is asked of `cartulary-formats` through its public door: real worker processes, files made by code, and the samples.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "tests"
)]

mod containment;
mod harness;
mod pdf;
mod samples;
mod sniffing;
mod text;
