//! Readings that are entries of the audit trail, where a type or a facet asks for it.

use cartulary_db::Conn;
use cartulary_model::{ChangeKind, ObjectId};
use serde_json::{Value, json};

use crate::bootstrap::parse_id;
use crate::store::objects::{self, ObjectRow};
use crate::transaction::Change;
use crate::{Result, Session};

/// A reading that is to be written down before anything is given out.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    object: (i64, ObjectId),
    series_no: Option<i64>,
    scope_no: i64,
}

impl Session {
    /// Returns what to write down when an object is read; nothing where nobody asks for it. A version is as confidential as
    /// its document is now, or was when it was made.
    pub(crate) fn reading_of(&self, conn: &mut Conn, row: &ObjectRow) -> Result<Option<Reading>> {
        let mut facets = objects::facets_of(conn, row.no)?;
        if let Some(series) = row.series_no.filter(|_| row.role != objects::LIVE) {
            facets.extend(objects::facets_of_series(conn, series)?);
        }
        let catalogue = self.repository.inner.declarations.present(conn)?;
        if !catalogue.types().audits_reads(&row.type_id, &facets) {
            return Ok(None);
        }
        let object = (row.no, parse_id(&row.id)?);
        Ok(Some(Reading { object, series_no: row.series_no, scope_no: row.scope_no }))
    }

    /// Writes a reading down. Readings of one moment share a commit, as all writes do.
    ///
    /// # Errors
    /// The database's; then nothing is given out.
    pub(crate) async fn note_reading(&self, reading: Option<Reading>, what: Value) -> Result<()> {
        let Some(reading) = reading else { return Ok(()) };
        self.transact(move |tx| {
            tx.record(
                ChangeKind::Read,
                Change {
                    object: Some(reading.object),
                    series_no: reading.series_no,
                    scope_no: Some(reading.scope_no),
                    detail: Some(json!({ "read": what })),
                    ..Change::default()
                },
            )
        })
        .await
        .map(drop)
    }
}
