//! One index on disk: its schema, its entries, its writer, its checks.

pub(crate) mod body;
pub(crate) mod check;
pub(crate) mod generation;
pub(crate) mod paper;
pub(crate) mod schema;
pub(crate) mod snapshot;
pub(crate) mod writer;
