//! The interface, asked through its public door: requests to an office in this process, on SQLite and a folder.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod access;
mod annotations;
mod arrangements;
mod backups;
mod bodies;
mod collections;
mod comments;
mod contents;
mod declarations;
mod documented;
mod dossier_versions;
mod exports;
mod filing;
mod following;
mod guard;
mod life_cycles;
mod lists;
mod locks;
mod matrix;
mod office;
mod people;
mod problems;
mod queries;
mod quotas;
mod relationships;
mod retention;
mod running;
mod slots;
mod sources;
mod tags;
mod uploads;
mod versions;
mod web;
mod webhooks;
mod writes;
