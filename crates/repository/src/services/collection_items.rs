//! What is in collections: objects, in an order of the owner's choice.

use cartulary_db::Conn;
use cartulary_model::ObjectId;
use cartulary_model::Timestamp;
use cartulary_model::permission::BROWSE;
use std::collections::BTreeSet;

use crate::object::{ObjectSummary, Precondition, Window, WindowRequest, Written};
use crate::services::collections::{CollectionName, CollectionView};
use crate::services::places::Position;
use crate::services::sharing::Hold;
use crate::services::tags::refuse_unless_live;
use crate::store::collections::{self, CollectionRow, ItemRow};
use crate::store::objects;
use crate::transaction::Tx;
use crate::{RepositoryError, Result, Session};

/// How many objects are in one collection at most.
const ITEMS_MAX: usize = 10_000;
/// How far apart objects are put.
const STEP: i64 = 1_024;

impl Session {
    /// Returns a window of what is in a collection, in its order: what the caller may browse and is not in the trash.
    ///
    /// # Errors
    /// `NotFound`, also for another person's that is not shown to the caller.
    pub async fn collection_items(
        &self,
        name: CollectionName,
        request: WindowRequest,
    ) -> Result<Window<ObjectSummary>> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| {
            let (row, _) = session.collection_seen(conn, name)?;
            let nos = session.items_in_sight(conn, &row, now)?;
            session.window_of_numbers(conn, &nos, request, now)
        };
        self.read_noted("collection", read).await
    }

    /// Puts an object into a collection, at its end unless said otherwise, or gives it another place there.
    ///
    /// # Errors
    /// `NotFound` for the collection or the object; `Forbidden` when the collection is not the caller's to change; `Stale`;
    /// `Invalid` for a neighbour that the caller does not see there; `Conflict` `collection_full`, `not_live`.
    pub async fn collection_put(
        &self,
        name: CollectionName,
        object: ObjectId,
        precondition: Precondition,
        position: Option<Position>,
    ) -> Result<Written<CollectionView>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.collection_to_change(tx, name, Hold::Write, &precondition)?;
            let seen = session.authorised(tx.conn, object, BROWSE, tx.now)?;
            let locked = objects::locked(tx.conn, seen.no)?.filter(|row| row.trashed_at.is_none());
            let object = locked.ok_or_else(|| RepositoryError::not_found("the object"))?;
            refuse_unless_live(&object)?;
            let items = collections::items(tx.conn, row.no)?;
            let is_there = items.iter().any(|item| item.object_no == object.no);
            if is_there && position.is_none() {
                return session.collection_as_it_is(tx, &row.id);
            }
            if !is_there && items.len() >= ITEMS_MAX {
                let detail = format!("a collection has at most {ITEMS_MAX} objects: take one out first");
                return Err(RepositoryError::conflict("collection_full", detail));
            }
            let others: Vec<ItemRow> = items.into_iter().filter(|item| item.object_no != object.no).collect();
            let ordinal = session.ordinal_among(tx, &row, others, position.unwrap_or(Position::Last))?;
            if is_there {
                collections::put_ordinal(tx.conn, row.no, object.no, ordinal)?;
            } else {
                let (added_by, added_at) = (session.actor.no, tx.now.as_millis());
                let item = ItemRow { collection_no: row.no, object_no: object.no, ordinal, added_by, added_at };
                collections::add(tx.conn, &item)?;
            }
            collections::put(tx.conn, row.no, &row.name, tx.now.as_millis())?;
            session.collection_as_it_is(tx, &row.id)
        })
        .await
    }

    /// Takes an object out of a collection.
    ///
    /// # Errors
    /// `NotFound` for the collection, and for what the caller does not see in it; `Forbidden`; `Stale`.
    pub async fn collection_take(
        &self,
        name: CollectionName,
        object: ObjectId,
        precondition: Precondition,
    ) -> Result<Written<CollectionView>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.collection_to_change(tx, name, Hold::Write, &precondition)?;
            let no = session.item_in_sight(tx, &row, object)?;
            let no = no.ok_or_else(|| RepositoryError::not_found("the object"))?;
            collections::remove(tx.conn, row.no, no)?;
            collections::put(tx.conn, row.no, &row.name, tx.now.as_millis())?;
            session.collection_as_it_is(tx, &row.id)
        })
        .await
    }

    /// Returns what is in a collection that the caller may browse, in order.
    pub(crate) fn items_in_sight(&self, conn: &mut Conn, row: &CollectionRow, now: Timestamp) -> Result<Vec<i64>> {
        let items = collections::living_items(conn, row.no)?;
        let scopes: BTreeSet<i64> = items.iter().map(|(_, scope)| *scope).collect();
        let visible = self.repository.inner.access.allowing(conn, &self.actor, &scopes, BROWSE, now)?;
        Ok(items.into_iter().filter(|(_, scope)| visible.contains(scope)).map(|(no, _)| no).collect())
    }

    fn item_in_sight(&self, tx: &mut Tx<'_>, row: &CollectionRow, id: ObjectId) -> Result<Option<i64>> {
        let Some(object) = objects::by_id(tx.conn, &id.to_string())? else { return Ok(None) };
        let visible = self.items_in_sight(tx.conn, row, tx.now)?;
        Ok(visible.contains(&object.no).then_some(object.no))
    }

    /// Returns the ordinal of a position among others, making room where there is none.
    fn ordinal_among(
        &self,
        tx: &mut Tx<'_>,
        row: &CollectionRow,
        mut others: Vec<ItemRow>,
        position: Position,
    ) -> Result<i64> {
        let place = match position {
            Position::First => 0,
            Position::Last => others.len(),
            Position::Before(id) | Position::After(id) => {
                let no = self.item_in_sight(tx, row, id)?;
                let found = others.iter().position(|item| Some(item.object_no) == no);
                let found = found.ok_or_else(|| {
                    RepositoryError::invalid("of", "not_a_neighbour", "is not another object of the collection")
                })?;
                if matches!(position, Position::After(_)) { found + 1 } else { found }
            }
        };
        for _ in 0..2 {
            let before = place.checked_sub(1).and_then(|at| others.get(at)).map(|item| item.ordinal);
            let after = others.get(place).map(|item| item.ordinal);
            match (before, after) {
                (None, None) => return Ok(0),
                (Some(before), None) => return Ok(before + STEP),
                (None, Some(after)) => return Ok(after - STEP),
                (Some(before), Some(after)) if after - before > 1 => return Ok(before + (after - before) / 2),
                _ => {}
            }
            for (item, ordinal) in others.iter_mut().zip((0..).map(|at: i64| at * STEP)) {
                item.ordinal = ordinal;
                collections::put_ordinal(tx.conn, row.no, item.object_no, ordinal)?;
            }
        }
        Err(RepositoryError::internal("there is no room between two objects of a collection"))
    }
}
