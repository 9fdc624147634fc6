//! The guards' checkers: each takes text and tables, and answers with violations in words.
//!
//! They touch the disk only in [`tree`], so that `tests/layering.rs` and `tests/tidy.rs` can prove on a bad example that each can fail.

pub mod code;
pub mod layering;
pub mod tidy;
pub mod tree;
