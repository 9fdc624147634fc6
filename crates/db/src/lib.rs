//! Pools, transactions and migrations over SQLite and PostgreSQL.
//!
//! A [`Database`] runs closures: [`Database::read`] in a consistent snapshot, [`Database::write`] in a transaction.
//! Both hand the closure a [`Conn`], and [`each_db!`] turns it into the connection of whichever database is behind it:
//!
//! ```
//! use cartulary_db::{Conn, DbError, each_db};
//! use diesel::prelude::*;
//!
//! diesel::table! {
//!     paper (no) { no -> BigInt, title -> Text }
//! }
//!
//! fn paper_titles(conn: &mut Conn) -> Result<Vec<String>, DbError> {
//!     each_db!(conn, |c| Ok(paper::table.select(paper::title).order(paper::no).load(c)?))
//! }
//! ```
//!
//! On SQLite one writer thread groups the transactions that wait and commits them with a single sync of the disk, see
//! [`Database::write`]; on PostgreSQL each write is a transaction of its own.
//!
//! Invariants: a write is answered only after it is durable. No SQL about dossiers, documents or people stands here.
//! A connection is reached through [`Database`] only.

mod among;
mod config;
mod conn;
pub mod copies;
mod database;
mod error;
mod gate;
mod migrations;
mod pool;
pub mod portable;
#[cfg(feature = "postgres")]
mod postgres;
mod prepared;
mod sqlite;
#[cfg(feature = "testing")]
pub mod testing;
mod word;

pub use among::{Among, Amongst, among};
pub use config::{DatabaseConfig, PostgresConfig, SqliteConfig};
pub use conn::{Backend, Conn};
pub use database::{BeforeCommit, Database, PromisedWrite};
pub use error::{
    DbError, is_check_violation, is_foreign_key_violation, is_not_found, is_unique_violation, violated_constraint,
};
pub use migrations::{AppliedMigration, MigrationFile, MigrationSet};
pub use prepared::{Update, UpdateOf, Upsert, last_inserted, update_rows, upsert};
pub use word::{IsWord, is_word};
