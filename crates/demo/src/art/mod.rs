//! What is drawn: the figures of marks, patent drawings, views of designs.

pub mod figures;
pub mod signs;
pub mod views;
