//! The index through its public door.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

mod durability;
mod harness;
mod languages;
mod limits;
mod permissions;
mod rebuild;
mod searching;
mod statements;
mod writing;
