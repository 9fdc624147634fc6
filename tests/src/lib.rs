//! The tests of Cartulary.
