//! Readings that are entries of the audit trail, where a type or a facet asks for it.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::Conn;
use cartulary_model::permission::{READ_CONTENT, READ_PROPERTIES};
use cartulary_model::{ChangeKind, ObjectId, Timestamp};
use serde_json::{Value, json};

use crate::bootstrap::parse_id;
use crate::store::objects::{self, MarkedRow, ObjectRow};
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

    /// Returns what to write down when a window of objects is answered: of those of which the caller sees more than a name.
    pub(crate) fn readings_among(&self, conn: &mut Conn, nos: &[i64], now: Timestamp) -> Result<Vec<Reading>> {
        let marked = self.marked(conn, nos)?;
        let scopes: BTreeSet<i64> = marked.iter().map(|row| row.scope_no).collect();
        let access = &self.repository.inner.access;
        let mut readable = access.allowing(conn, &self.actor, &scopes, READ_PROPERTIES, now)?;
        readable.extend(access.allowing(conn, &self.actor, &scopes, READ_CONTENT, now)?);
        marked.into_iter().filter(|row| readable.contains(&row.scope_no)).map(Reading::try_from).collect()
    }

    /// Returns what to write down when the values of some objects are answered that the caller may read.
    pub(crate) fn readings_of(&self, conn: &mut Conn, nos: &[i64]) -> Result<Vec<Reading>> {
        self.marked(conn, nos)?.into_iter().map(Reading::try_from).collect()
    }

    /// Returns those of some objects of which each reading is audited. Where there are none, that costs two look-ups.
    fn marked(&self, conn: &mut Conn, nos: &[i64]) -> Result<Vec<MarkedRow>> {
        if nos.is_empty() {
            return Ok(Vec::new());
        }
        let catalogue = self.repository.inner.declarations.present(conn)?;
        let types = catalogue.types();
        let mut rows = objects::marked_rows(conn, nos)?;
        let facets = objects::facets_among(conn, nos)?;
        let of_others = rows.iter().filter(|row| row.role != objects::LIVE).filter_map(|row| row.series_no);
        let of_others: BTreeSet<i64> = of_others.collect();
        let lives: BTreeMap<i64, i64> = match of_others.is_empty() {
            true => BTreeMap::new(),
            false => {
                let live = objects::live_of_series(conn, &of_others)?;
                live.into_iter().filter_map(|row| Some((row.series_no?, row.no))).collect()
            }
        };
        let of_lives = objects::facets_among(conn, &lives.values().copied().collect::<Vec<_>>())?;
        rows.retain(|row| {
            let live = row.series_no.filter(|_| row.role != objects::LIVE).and_then(|series| lives.get(&series));
            let (own, of_live) = (facets.get(&row.no), live.and_then(|no| of_lives.get(no)));
            let facets: Vec<String> = own.into_iter().chain(of_live).flatten().cloned().collect();
            types.audits_reads(&row.type_id, &facets)
        });
        Ok(rows)
    }

    /// Runs a read that also says which readings are to be written down, and writes them down, with the door by which they
    /// were made, before anything is given out.
    ///
    /// # Errors
    /// The read's; the database's.
    pub(crate) async fn read_noted<T, F>(&self, door: &'static str, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<(T, Vec<Reading>)> + Send + 'static,
    {
        let (answer, readings) = self.repository.database().read(read).await?;
        self.note_readings(readings, json!(door)).await?;
        Ok(answer)
    }

    /// Writes a reading down. Readings of one moment share a commit, as all writes do.
    ///
    /// # Errors
    /// The database's; then nothing is given out.
    pub(crate) async fn note_reading(&self, reading: Option<Reading>, what: Value) -> Result<()> {
        self.note_readings(reading.into_iter().collect(), what).await
    }

    /// Writes readings of one moment down, all or none.
    ///
    /// # Errors
    /// The database's; then nothing is given out.
    pub(crate) async fn note_readings(&self, readings: Vec<Reading>, what: Value) -> Result<()> {
        if readings.is_empty() {
            return Ok(());
        }
        self.transact(move |tx| {
            for reading in &readings {
                let change = Change {
                    object: Some(reading.object),
                    series_no: reading.series_no,
                    scope_no: Some(reading.scope_no),
                    detail: Some(json!({ "read": what })),
                    ..Change::default()
                };
                tx.record(ChangeKind::Read, change)?;
            }
            Ok(())
        })
        .await
        .map(drop)
    }
}

impl TryFrom<MarkedRow> for Reading {
    type Error = crate::RepositoryError;

    fn try_from(row: MarkedRow) -> Result<Self> {
        Ok(Self { object: (row.no, parse_id(&row.id)?), series_no: row.series_no, scope_no: row.scope_no })
    }
}
