//! The document model: identifiers, property values, document types, permissions and changes.
//!
//! Invariant: this crate does no input or output, knows no database, no HTTP and no asynchronous runtime,
//! and none of its types is the wire format of an interface.

pub mod change;
mod declaring;
pub mod digest;
pub mod id;
pub mod key;
pub mod life_cycle;
pub mod merkle;
pub mod pattern;
pub mod period;
pub mod permission;
pub mod property;
pub mod ql;
mod slot;
pub mod time;
pub mod types;
pub mod versioning;
pub mod vocabulary;

pub use change::{ChangeKind, LogPosition};
pub use declaring::Problem;
pub use digest::BlobDigest;
pub use id::{InvalidObjectId, ObjectId};
pub use key::{InvalidName, Name, nfc, text_key};
pub use life_cycle::{LifeCycle, State, Transition};
pub use pattern::Pattern;
pub use period::{InvalidPeriod, Period};
pub use property::{Cardinality, Properties, PropertyDefinition, PropertyKind, Updatability, Violation, listed};
pub use slot::{InvalidSlotName, SlotName};
pub use time::Timestamp;
pub use types::{BaseType, ContentRule, ResolvedType, TypeDefinition, TypeFile, TypeRegistry};
pub use versioning::{ChangedPart, VersionIncrement, VersionMoment, VersioningCase, VersioningRule, decide_versioning};
pub use vocabulary::{Term, Vocabulary, VocabularyDefinition};
