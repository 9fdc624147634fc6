//! Takes a folder of papers in: walks it, reads and hashes, sends each file to the office, and reports what could not be
//! taken whole.
//!
//! Three stages, connected by bounded channels, so that memory does not grow with the number or size of files: a thread
//! walks; with a remote office a second stage hashes and asks which files it has; the last one takes several at a time.

mod check;
mod destination;
mod driver;
mod local;
mod pace;
mod progress;
mod remote;
mod report;
mod walk;

pub use destination::Destination;
pub use driver::{Order, run};
pub use local::LocalOffice;
pub use progress::Progress;
pub use remote::RemoteOffice;
pub use report::Report;
