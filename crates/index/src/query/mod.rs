//! From what a person types to what the engine runs, and back to what is shown.

pub(crate) mod collect;
pub(crate) mod compile;
pub(crate) mod filter;
pub(crate) mod highlight;
pub(crate) mod parse;
pub(crate) mod snippet;
pub(crate) mod statement;
pub(crate) mod steady;
