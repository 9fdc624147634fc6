//! The tests of Cartulary: what they share.
//!
//! Invariant: nothing here is part of the product; no crate of the product depends on this one.

pub mod client;
pub mod disk;
pub mod guards;
pub mod ledger;
pub mod load;
pub mod office;
pub mod program;
pub mod random;
pub mod rooms;
pub mod s3;
