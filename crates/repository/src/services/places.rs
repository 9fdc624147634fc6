//! The order of a folder: objects are put before or after others, and room is made where there is none.

use cartulary_model::permission::{BROWSE, WRITE_PROPERTIES};
use cartulary_model::{ChangeKind, ObjectId};
use serde_json::json;

use crate::bootstrap::parse_id;
use crate::object::{ObjectDetail, Precondition, Written};
use crate::services::filing::living_filings;
use crate::store::filing::{self, FilingRow, STEP};
use crate::store::objects::{self, ObjectRow};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

/// How many objects of a folder get another place at most for the sake of one.
const SHIFTED_MAX: i64 = 10_000;
/// How far apart objects are put that have to make room.
const ROOM: i64 = 64;

/// A place in the order of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Before all others.
    First,
    /// After all others.
    Last,
    /// Just before another object of the folder.
    Before(ObjectId),
    /// Just after one.
    After(ObjectId),
}

impl Session {
    /// Gives an object another place in the order of one of its folders; of the primary one unless one is given.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `WriteProperties` on the folder; `Stale`; `Invalid` for a neighbour that does not lie
    /// there; `Conflict` `use_bulk_action` when more than 10,000 others would have to make room.
    pub async fn object_place(
        &self,
        id: ObjectId,
        precondition: Precondition,
        folder: Option<ObjectId>,
        position: Position,
    ) -> Result<Written<ObjectDetail>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.object_to_file(tx, id, BROWSE, &precondition)?;
            let own = session.filing_in(tx, &row, folder)?;
            let folder = objects::by_no(tx.conn, own.parent_no)?;
            let folder = folder.ok_or_else(|| RepositoryError::not_found("the folder"))?;
            let access = &session.repository.inner.access;
            access.require(tx.conn, &session.actor, folder.scope_no, WRITE_PROPERTIES, tx.now)?;
            // Two who put things in order do so one after the other.
            objects::lock(tx.conn, &folder.id)?;
            let ordinal = session.ordinal_at(tx, &own, &folder, position)?;
            filing::put_ordinal(tx.conn, own.no, ordinal)?;
            objects::touch(tx.conn, row.no)?;
            let place = |ordinal: i64| Some(json!({ "folder": folder.id, "place": ordinal }));
            let change = Change {
                object: Some((row.no, parse_id(&row.id)?)),
                series_no: row.series_no,
                scope_no: Some(row.scope_no),
                before: place(own.ordinal),
                after: place(ordinal),
                ..Change::default()
            };
            tx.record(ChangeKind::Updated, change)?;
            session.detail_again(tx, &row)
        })
        .await
    }

    /// Returns the place for an object between its neighbours, making room when there is none.
    fn ordinal_at(&self, tx: &mut Tx<'_>, own: &FilingRow, folder: &ObjectRow, position: Position) -> Result<i64> {
        let (lower, upper) = match position {
            Position::First => (None, filing::first_ordinal(tx.conn, folder.no)?),
            Position::Last => return filing::next_ordinal(tx.conn, folder.no),
            Position::Before(other) => {
                let upper = self.neighbour(tx, own, other)?.ordinal;
                (filing::ordinal_before(tx.conn, folder.no, upper, own.child_no)?, Some(upper))
            }
            Position::After(other) => {
                let lower = self.neighbour(tx, own, other)?.ordinal;
                let next = filing::from_ordinal(tx.conn, folder.no, lower + 1, own.child_no, 1)?;
                (Some(lower), next.first().map(|next| next.ordinal))
            }
        };
        match (lower, upper) {
            (None, None) => Ok(own.ordinal),
            (None, Some(upper)) => Ok(upper.saturating_sub(STEP)),
            (Some(lower), None) => Ok(lower.saturating_add(STEP)),
            (Some(lower), Some(upper)) if upper - lower > 1 => Ok(lower + (upper - lower) / 2),
            (Some(lower), Some(upper)) => make_room(tx, own, folder, lower, upper),
        }
    }

    fn neighbour(&self, tx: &mut Tx<'_>, own: &FilingRow, other: ObjectId) -> Result<FilingRow> {
        let stranger = || RepositoryError::invalid("of", "not_in_folder", "is another object of the same folder");
        let row = match self.authorised(tx.conn, other, BROWSE, tx.now) {
            Ok(row) => row,
            Err(RepositoryError::NotFound { .. }) => return Err(stranger()),
            Err(error) => return Err(error),
        };
        let filings = living_filings(tx.conn, row.no)?;
        let found = filings.into_iter().find(|one| one.parent_no == own.parent_no && one.no != own.no);
        found.ok_or_else(stranger)
    }
}

/// Moves those that stand from `upper` on further back, as far as it takes, and returns the place that is free then.
fn make_room(tx: &mut Tx<'_>, own: &FilingRow, folder: &ObjectRow, lower: i64, upper: i64) -> Result<i64> {
    let free = lower + ROOM;
    let mut place = free;
    let behind = filing::from_ordinal(tx.conn, folder.no, upper, own.child_no, SHIFTED_MAX + 1)?;
    let is_all = behind.len() <= usize::try_from(SHIFTED_MAX).unwrap_or(usize::MAX);
    let mut shifted = Vec::new();
    for one in &behind {
        if one.ordinal > place {
            break;
        }
        place += ROOM;
        shifted.push((one.no, place));
    }
    if shifted.len() == behind.len() && !is_all {
        let detail = "more than 10,000 objects would have to make room: do this as a bulk action";
        return Err(RepositoryError::conflict("use_bulk_action", detail));
    }
    for (no, ordinal) in &shifted {
        filing::put_ordinal(tx.conn, *no, *ordinal)?;
    }
    // Those who keep the folder's order read it anew.
    let object = Some((folder.no, parse_id(&folder.id)?));
    let detail = Some(json!({ "madeRoom": shifted.len() }));
    tx.record(ChangeKind::Updated, Change { object, scope_no: Some(folder.scope_no), detail, ..Change::default() })?;
    Ok(free)
}
