//! The job of a bulk action: lists what its statement finds, then does its act in batches.

use std::sync::Arc;

use cartulary_db::Conn;
use cartulary_model::ObjectId;
use cartulary_model::permission::{READ_PROPERTIES, WRITE_PROPERTIES};
use serde::Deserialize;

use crate::bootstrap::parse_id;
use crate::module::{JobContext, JobError, JobHandler};
use crate::object::{ObjectChanges, Precondition};
use crate::services::bulk::{BULK, BulkAct};
use crate::services::deletions::Extent;
use crate::services::exports::ExportScope;
use crate::services::filing::ObjectMove;
use crate::services::life_cycles::NewTransition;
use crate::services::retention::NewRetention;
use crate::store::bulk::{self, BulkRow, ItemRow};
use crate::store::objects;
use crate::transaction::Tx;
use crate::{Repository, RepositoryError, Result, Session};

/// How many objects one transaction takes.
const BATCH: i64 = 50;
/// How many objects are listed in one transaction.
const LISTED: usize = 5_000;
/// How long the words are that are kept of a fault. *Units*: characters.
const DETAIL_CHARACTERS_MAX: usize = 500;

const ANY: Precondition = Precondition::Any;

#[derive(Deserialize)]
struct Payload {
    action: String,
}

/// Returns the jobs of this file.
pub(crate) fn bulk_handlers() -> Vec<JobHandler> {
    vec![JobHandler { kind: BULK, run: Arc::new(|context| Box::pin(run(context))) }]
}

async fn run(context: JobContext) -> std::result::Result<(), JobError> {
    let Payload { action } =
        serde_json::from_value(context.payload).map_err(|error| JobError::Dead(error.to_string()))?;
    let look = {
        let action = action.clone();
        move |conn: &mut Conn| bulk::by_id(conn, &action)
    };
    let row = context.repository.database().read(look).await.map_err(JobError::from)?;
    let row = row.ok_or_else(|| JobError::Dead("the bulk action is not there".to_owned()))?;
    let act = serde_json::from_str(&row.act).map_err(|error| JobError::Dead(error.to_string()))?;
    let no = row.no;
    let look = move |conn: &mut Conn| bulk::disposition(conn, no);
    let review = context.repository.database().read(look).await.map_err(JobError::from)?;
    let waits = review.as_ref().is_some_and(|review| review.is_approved.is_none());
    // What was proposed by one is destroyed in the name of the other.
    let actor = review.and_then(|review| review.reviewed_by).unwrap_or(row.principal_no);
    let bulk = Bulk { repository: context.repository, actor, row, act, waits };
    match bulk.run().await {
        Err(error @ RepositoryError::InvalidStatement { .. }) => Err(JobError::Dead(error.to_string())),
        // The log says what the fault was; whoever asked for the action is told no words of the database.
        Err(error @ RepositoryError::Internal(_)) => {
            crate::repository::log_error("a try of a bulk action failed", &error);
            Err(JobError::Retry(error.to_string()))
        }
        Err(error @ (RepositoryError::Unavailable { .. } | RepositoryError::StorageFull)) => {
            crate::repository::log_error("a bulk action waits", &error);
            Err(JobError::Wait(error.to_string()))
        }
        outcome => Ok(outcome?),
    }
}

/// A bulk action under way.
struct Bulk {
    repository: Repository,
    /// With whose rights it is done.
    actor: i64,
    row: BulkRow,
    act: BulkAct,
    /// Whether somebody else has to say first that it may be done.
    waits: bool,
}

impl Bulk {
    /// Does all of it. Who does it is looked up for each step: whoever may not sign in any more does no more, and nobody does
    /// what he may not by now.
    async fn run(&self) -> Result<()> {
        if self.row.counted_at.is_none() {
            let Some(session) = self.session().await? else { return self.stop().await };
            self.list(&session).await?;
        }
        if self.waits {
            return Ok(());
        }
        loop {
            let Some(session) = self.session().await? else { return self.stop().await };
            let had_some = self.some(&session).await?;
            if !had_some {
                return self.finish(session).await;
            }
        }
    }

    async fn session(&self) -> Result<Option<Session>> {
        let (repository, actor) = (self.repository.clone(), self.actor);
        self.repository.database().read(move |conn| repository.session_in(conn, actor)).await
    }

    async fn finish(&self, session: Session) -> Result<()> {
        let (no, id, of) = (self.row.no, self.row.id.clone(), session.clone());
        let is_export = self.act == BulkAct::Export;
        session
            .transact(move |tx| {
                let row = bulk::by_id(tx.conn, &id)?.filter(|row| row.finished_at.is_none());
                let goes_on = is_export && row.is_some_and(|row| row.aborted_at.is_none());
                if goes_on {
                    of.insert_export(tx, &id, &ExportScope::BulkAction { action: id.clone() })?;
                }
                bulk::put_finished(tx.conn, no, tx.now.as_millis())
            })
            .await?;
        Ok(())
    }

    /// Ends it as if it had been stopped.
    async fn stop(&self) -> Result<()> {
        let no = self.row.no;
        let end = move |tx: &mut Tx<'_>| {
            bulk::put_aborted(tx.conn, no, tx.now.as_millis())?;
            bulk::put_finished(tx.conn, no, tx.now.as_millis())
        };
        self.repository.system_session().transact(end).await?;
        Ok(())
    }

    /// Lists what the statement finds now; what an earlier try listed and did not finish is listed again.
    async fn list(&self, session: &Session) -> Result<()> {
        let (of, statement) = (session.clone(), self.row.statement.clone());
        let now = self.repository.clock().now();
        let turn = self.repository.turn_of_statement().await?;
        let find = move |conn: &mut Conn| {
            let found = of.query_objects(conn, &statement, now);
            drop(turn);
            found
        };
        let found = self.repository.database().read(find).await?;
        let no = self.row.no;
        session.transact(move |tx| bulk::delete_items(tx.conn, no)).await?;
        let mut total = 0_i64;
        for part in found.chunks(LISTED) {
            let (items, first) = (self.items(session, part).await?, total);
            total += i64::try_from(items.len()).unwrap_or(i64::MAX);
            session.transact(move |tx| bulk::insert_items(tx.conn, no, first, &items)).await?;
        }
        session.transact(move |tx| bulk::put_counted(tx.conn, no, total, tx.now.as_millis())).await?;
        Ok(())
    }

    /// Returns what of some objects is listed: of a disposition those that are due, with what they are.
    async fn items(&self, session: &Session, ids: &[ObjectId]) -> Result<Vec<(String, Option<String>)>> {
        if !matches!(self.act, BulkAct::Dispose { .. }) {
            return Ok(ids.iter().map(|id| (id.to_string(), None)).collect());
        }
        let (session, ids, now) = (session.clone(), ids.to_vec(), self.repository.clock().now());
        let look = move |conn: &mut Conn| -> Result<Vec<(String, Option<String>)>> {
            let mut due = Vec::new();
            for id in &ids {
                if let Some(evidence) = session.due(conn, *id, now)? {
                    due.push((id.to_string(), Some(evidence)));
                }
            }
            Ok(due)
        };
        self.repository.database().read(look).await
    }

    /// Does the next batch; says whether there was one.
    async fn some(&self, session: &Session) -> Result<bool> {
        let (id, no) = (self.row.id.clone(), self.row.no);
        let next = move |conn: &mut Conn| -> Result<Vec<ItemRow>> {
            let is_aborted = bulk::by_id(conn, &id)?.is_none_or(|row| row.aborted_at.is_some());
            if is_aborted { Ok(Vec::new()) } else { bulk::open_items(conn, no, BATCH) }
        };
        let items = self.repository.database().read(next).await?;
        if items.is_empty() {
            return Ok(false);
        }
        if self.act_on(session, &items).await.is_err() {
            // One of them cannot be done: each by itself, so that it alone is left out.
            for item in &items {
                match self.act_on(session, std::slice::from_ref(item)).await {
                    Ok(()) => {}
                    Err(error) => self.note(session, item, error).await?,
                }
            }
        }
        Ok(true)
    }

    /// Does the act to some objects in one transaction, which says so of each.
    async fn act_on(&self, session: &Session, items: &[ItemRow]) -> Result<()> {
        let (of, act, no, asked_by) = (session.clone(), self.act.clone(), self.row.no, self.row.principal_no);
        let ordinals: Vec<i64> = items.iter().map(|item| item.ordinal).collect();
        let ids: Vec<ObjectId> = items.iter().map(|item| parse_id(&item.object_id)).collect::<Result<_>>()?;
        session
            .transact(move |tx| {
                for id in &ids {
                    of.act_in_tx(tx, *id, &act, asked_by)?;
                }
                bulk::put_outcome(tx.conn, no, &ordinals, bulk::DONE, None)
            })
            .await?;
        Ok(())
    }

    /// Notes why an object was left out. What is no fault of the object's ends the try, and the job comes again.
    async fn note(&self, session: &Session, item: &ItemRow, error: RepositoryError) -> Result<()> {
        let detail: String = error.to_string().chars().take(DETAIL_CHARACTERS_MAX).collect();
        let Some(code) = error.code_of_object() else { return Err(error) };
        let is_gone = matches!(error, RepositoryError::NotFound { .. });
        let outcome = if is_gone { bulk::SKIPPED } else { bulk::FAILED };
        let (no, ordinal) = (self.row.no, item.ordinal);
        session.transact(move |tx| bulk::put_outcome(tx.conn, no, &[ordinal], outcome, Some((code, &detail)))).await?;
        Ok(())
    }
}

impl Session {
    fn act_in_tx(&self, tx: &mut Tx<'_>, id: ObjectId, act: &BulkAct, asked_by: i64) -> Result<()> {
        match act {
            BulkAct::SetProperties { properties } => {
                let changes = ObjectChanges { properties: properties.clone(), ..ObjectChanges::default() };
                self.change_in_tx(tx, id, |_| Some(changes))
            }
            BulkAct::AddFacet { facet, properties } => self.change_in_tx(tx, id, |mut facets| {
                if facets.contains(facet) {
                    return None;
                }
                facets.push(facet.clone());
                let properties = properties.clone();
                Some(ObjectChanges { facets: Some(facets), properties, ..ObjectChanges::default() })
            }),
            BulkAct::RemoveFacet { facet } => self.change_in_tx(tx, id, |mut facets| {
                let before = facets.len();
                facets.retain(|one| one != facet);
                let changes = ObjectChanges { facets: Some(facets), ..ObjectChanges::default() };
                changes.facets.as_ref().is_some_and(|facets| facets.len() < before).then_some(changes)
            }),
            BulkAct::Move { folder } => {
                let wanted = ObjectMove { from: None, to: *folder, name: None };
                self.move_in_tx(tx, id, &ANY, &wanted).map(drop)
            }
            BulkAct::Grant { entry } => self.put_entry_in_tx(tx, id, entry, true),
            BulkAct::Export => self.authorised(tx.conn, id, READ_PROPERTIES, tx.now).map(drop),
            BulkAct::Revoke { entry } => self.put_entry_in_tx(tx, id, entry, false),
            BulkAct::Retain { until, awaits } => {
                let new = NewRetention { until: *until, awaits: awaits.clone() };
                self.retain_in_tx(tx, id, &ANY, &new).map(drop)
            }
            BulkAct::SayEvent { event } => self.say_event_in_tx(tx, id, &ANY, event).map(drop),
            BulkAct::Hold { hold } => self.hold_in_tx(tx, *hold, id),
            BulkAct::ReleaseHold { hold } => self.unhold_in_tx(tx, *hold, id),
            BulkAct::Dispose { .. } => self.dispose_in_tx(tx, id, asked_by),
            BulkAct::Transition { transition } => {
                let new = NewTransition { transition: transition.clone(), ..NewTransition::default() };
                self.transition_in_tx(tx, id, &ANY, &new).map(drop)
            }
            BulkAct::Delete { extent: Extent::Trash } => self.trash_in_tx(tx, id, &ANY).map(drop),
            BulkAct::Delete { extent: Extent::Destroy } => self.destroy_living_in_tx(tx, id, &ANY).map(drop),
        }
    }

    /// Changes an object as `change` says of the facets that are attached; nothing to change changes nothing.
    fn change_in_tx(
        &self,
        tx: &mut Tx<'_>,
        id: ObjectId,
        change: impl FnOnce(Vec<String>) -> Option<ObjectChanges>,
    ) -> Result<()> {
        let row = self.for_change(tx, id, WRITE_PROPERTIES, &ANY)?;
        let facets = objects::facets_of(tx.conn, row.no)?;
        match change(facets) {
            Some(changes) => self.change_row_in_tx(tx, &row, &changes).map(drop),
            None => Ok(()),
        }
    }
}
