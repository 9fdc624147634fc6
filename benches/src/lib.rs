//! The benches of Cartulary.
