//! The document model: identifiers, property values, document types, permissions, changes and paging.
//!
//! Invariant: this crate does no input or output, knows no database, no HTTP and no asynchronous runtime,
//! and none of its types is the wire format of an interface.

pub mod digest;
pub mod id;
pub mod time;

pub use digest::BlobDigest;
pub use id::ObjectId;
pub use time::Timestamp;
