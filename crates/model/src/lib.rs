//! The document model: identifiers, property values, document types, permissions and changes.
//!
//! Invariant: this crate does no input or output, knows no database, no HTTP and no asynchronous runtime,
//! and none of its types is the wire format of an interface.

pub mod change;
pub mod digest;
pub mod id;
pub mod key;
pub mod permission;
pub mod property;
pub mod time;
pub mod types;

pub use change::{ChangeKind, LogPosition};
pub use digest::BlobDigest;
pub use id::ObjectId;
pub use key::{InvalidName, Name, nfc, text_key};
pub use property::{Cardinality, Properties, PropertyDefinition, PropertyKind, Violation};
pub use time::Timestamp;
pub use types::{BaseType, ContentRule, ResolvedType, TypeDefinition, TypeFile, TypeRegistry};
