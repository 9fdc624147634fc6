//! Gives committed changes their order: position and chain hash.
//!
//! On SQLite the group writer calls it inside the commit; on PostgreSQL one node holds a lease and numbers what others
//! committed. A number drawn inside the transaction would become visible out of order (architecture.md §5).

use cartulary_db::{BeforeCommit, Conn, DbError};
use sha2::{Digest, Sha256};

use crate::Result;
use crate::store::changes;

/// How many rows are numbered at a time.
const BATCH: i64 = 1_000;

/// Numbers all rows that have no position, and returns how many they were.
pub(crate) fn number_pending(conn: &mut Conn) -> Result<usize> {
    let mut numbered = 0;
    loop {
        let rows = changes::unnumbered(conn, BATCH)?;
        if rows.is_empty() {
            break;
        }
        let (mut position, mut chain) = changes::last(conn)?.unwrap_or((0, vec![0; 32]));
        for (no, values_digest) in &rows {
            position += 1;
            chain = link(&chain, position, values_digest);
            changes::number(conn, *no, position, &chain)?;
        }
        numbered += rows.len();
        if i64::try_from(rows.len()) != Ok(BATCH) {
            break;
        }
    }
    Ok(numbered)
}

/// Returns the chain hash of a row: SHA-256 over the hash before it, its position, and the digests of its values,
/// so that a value can be erased by law without breaking the chain.
pub(crate) fn link(before: &[u8], position: i64, values_digest: &[u8]) -> Vec<u8> {
    let mut hasher = Sha256::new();
    hasher.update(before);
    hasher.update(position.to_be_bytes());
    hasher.update(values_digest);
    hasher.finalize().to_vec()
}

/// The group writer's hook on SQLite.
#[derive(Debug)]
pub(crate) struct SequenceInCommit;

impl BeforeCommit for SequenceInCommit {
    fn before_commit(&self, conn: &mut Conn) -> std::result::Result<(), DbError> {
        match number_pending(conn) {
            Ok(_) => Ok(()),
            Err(error) => Err(DbError::BeforeCommit(crate::error_chain(&error))),
        }
    }
}
