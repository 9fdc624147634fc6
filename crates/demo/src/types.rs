//! The types of the demonstration office.

use cartulary_model::{TypeDefinition, TypeFile};

const OFFICE: &str = include_str!("../../../schema/demo/types/office.toml");

/// Returns the types and facets.
#[expect(clippy::expect_used, reason = "the file is compiled in, and a test parses it")]
pub fn types() -> Vec<TypeDefinition> {
    TypeFile::parse(OFFICE).expect("the types of this crate parse").types
}
