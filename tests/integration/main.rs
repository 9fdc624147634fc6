//! The behaviour of the office, through its public doors, on SQLite and PostgreSQL alike.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod access;
mod documents;
mod garbage;
mod imports;
mod migrations;
mod proof;
mod searching;
