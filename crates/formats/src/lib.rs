//! What is inside a file, read in contained worker processes.
//!
//! Two doors lead in. [`sniff`] names the media type from the first bytes and is cheap enough for every upload. [`WorkerPool`]
//! hands an opened file to a worker process and takes back an [`Extraction`]: text page by page, page sizes, metadata, and
//! everything that was wrong with the file as [`Fault`]s. The worker is this same program, started with a hidden subcommand that
//! calls [`worker::run`].
//!
//! Invariant: this process never parses an untrusted file; only the worker does, and the worker can open no file, no socket and
//! start no process (see `containment`).
//! Invariant: damaged input is data. A file that cannot be read gives faults; a worker that dies gives a [`FormatsError`], which
//! [`FormatsError::as_fault`] turns into a fault, so that the file is kept in any case.
//! Invariant: nothing is unbounded. Text, pages, faults, memory, processor time and wall time all have limits.
//! This crate opens no network connection and writes no file.

mod containment;
mod error;
mod extraction;
mod pool;
mod protocol;
mod read;
mod sniff;
mod sys;
pub mod worker;

pub use containment::{ContainmentChoice, ContainmentReport};
pub use error::FormatsError;
pub use extraction::{Extraction, Fault, FaultCode, Page, TextState, Word};
pub use pool::{ArrangeRequest, ExtractionRequest, PoolReport, WorkerConfig, WorkerPool};
pub use sniff::{Sniffed, fault_of_name, sniff};
