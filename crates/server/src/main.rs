//! The `cartulary` program.
fn main() {}
