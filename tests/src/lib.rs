//! The tests of Cartulary: what they share.
//!
//! Invariant: nothing here is part of the product; no crate of the product depends on this one.

pub mod guards;
pub mod office;
