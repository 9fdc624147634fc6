//! Text as the index sees it: words, folding, stems. Pure functions; nothing here knows the engine's files.

pub(crate) mod fold;
pub(crate) mod language;
pub(crate) mod tokenizers;
pub(crate) mod words;
