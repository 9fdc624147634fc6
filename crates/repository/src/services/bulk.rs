//! Bulk actions: one act on everything that a statement finds, by a job that counts, can be stopped, goes on where it was
//! cut, and says of each object what became of it.
//!
//! The objects are listed once, when the job begins, with the rights of whoever asked; each batch is one transaction that
//! also marks its objects, so that none is done twice and none is left out. What is refused is noted, and the rest goes on.

use std::collections::BTreeSet;

use cartulary_db::Conn;
use cartulary_model::permission::{BROWSE, MANAGE_LEGAL_HOLD};
use cartulary_model::{ObjectId, Properties, Timestamp, listed};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::bootstrap::parse_id;
use crate::object::{PrincipalName, WINDOW_ROWS_MAX, Window, WindowRequest, Written};
use crate::services::access_lists::NewAccessEntry;
use crate::services::deletions::Extent;
use crate::services::detail::principal_name;
use crate::services::dispositions::{Review, review_of};
use crate::services::folders::window;
use crate::services::objects::{made_before, remember_made, request_digest};
use crate::services::retention::{
    AwaitedEvent, EVENT_CHARACTERS_MAX, NewRetention, REASON_CHARACTERS_MAX, check_retention, check_words,
};
use crate::store::bulk::{self, BulkRow, DispositionRow, NewBulkRow, Whose};
use crate::store::jobs::{self, NewJob};
use crate::store::{principals, retention, space};
use crate::{RepositoryError, Result, Session};

/// The job of a bulk action.
pub(crate) const BULK: &str = "core.bulk-action";

/// How many bulk actions of one user wait or are under way at once.
const UNDER_WAY_MAX: i64 = 20;

/// What is done to each object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum BulkAct {
    /// Sets properties, or removes those whose value is null.
    SetProperties {
        /// The properties.
        properties: Properties,
    },
    /// Moves it from its primary folder to another one.
    Move {
        /// The folder.
        folder: ObjectId,
    },
    /// Attaches a facet, with values of its properties; one that is attached stays as it is.
    AddFacet {
        /// The facet's id.
        facet: String,
        /// The values that are set where it is attached.
        #[serde(default)]
        properties: Properties,
    },
    /// Detaches a facet with what only it declares.
    RemoveFacet {
        /// The facet's id.
        facet: String,
    },
    /// Adds an entry at the end of its access list, unless it stands there.
    Grant {
        /// The entry.
        entry: NewAccessEntry,
    },
    /// Takes an entry of these words out of its access list.
    Revoke {
        /// The entry.
        entry: NewAccessEntry,
    },
    /// Takes it, with all in it, into one bag: an export with the bulk action's id.
    Export,
    /// Keeps it and its versions: see [`Session::retention_put`].
    Retain {
        /// Until when.
        until: Option<Timestamp>,
        /// An event that a period begins with.
        awaits: Option<AwaitedEvent>,
    },
    /// Says that an event happened that it waits for.
    SayEvent {
        /// The event's name.
        event: String,
    },
    /// Puts it under a legal hold.
    Hold {
        /// The hold.
        hold: ObjectId,
    },
    /// Releases it from a legal hold.
    ReleaseHold {
        /// The hold.
        hold: ObjectId,
    },
    /// Destroys it if it is a record that nothing keeps any longer, once somebody else has approved that.
    Dispose {
        /// Why.
        reason: String,
    },
    /// Takes it to another state of its life cycle.
    Transition {
        /// The transition's id.
        transition: String,
    },
    /// Deletes it, with all in it.
    Delete {
        /// How far.
        extent: Extent,
    },
}

/// A bulk action to begin.
#[derive(Clone, Debug)]
pub struct NewBulkAction {
    /// Which objects: a statement of one table.
    pub statement: String,
    /// What is done to each of them.
    pub act: BulkAct,
    /// A repeated request with the same key finds what the first made.
    pub idempotency_key: Option<String>,
}

/// How far a bulk action is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkState {
    /// It waits, or lists its objects.
    Counting,
    /// It does what it shall.
    Running,
    /// Of each object something became.
    Done,
    /// It waits for somebody else to review it.
    Proposed,
    /// Somebody else rejected it.
    Rejected,
    /// Somebody stopped it.
    Aborted,
    /// It was given up; the reason says why.
    Failed,
}

/// A bulk action.
#[derive(Clone, Debug)]
pub struct BulkView {
    /// Its id.
    pub id: String,
    /// The job that does it.
    pub job_id: String,
    /// The statement.
    pub statement: String,
    /// What is done.
    pub act: BulkAct,
    /// How far it is.
    pub state: BulkState,
    /// Why it was given up.
    pub reason: Option<String>,
    /// How many objects there are; nothing until they are listed.
    pub total: Option<u64>,
    /// To how many it was done.
    pub done_count: u64,
    /// With how many it could not be done.
    pub failed_count: u64,
    /// How many were gone, or are no longer the caller's to see, when their turn came.
    pub skipped_count: u64,
    /// By whom it was asked for.
    pub created_by: PrincipalName,
    /// What somebody else said of it: of dispositions.
    pub review: Option<Review>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkOutcome {
    /// Nothing yet.
    Open,
    /// It was done.
    Done,
    /// It could not be done.
    Failed,
    /// The object was gone, or is no longer the caller's to see.
    Skipped,
}

/// An object of a bulk action, and what became of it.
#[derive(Clone, Debug)]
pub struct BulkItem {
    /// The object.
    pub id: ObjectId,
    /// What became of it.
    pub outcome: BulkOutcome,
    /// Why it could not be done: a stable code.
    pub code: Option<String>,
    /// The same in words.
    pub detail: Option<String>,
    /// What it is, or was: of dispositions.
    pub evidence: Option<Value>,
}

impl BulkOutcome {
    fn of(stored: Option<&str>) -> Self {
        match stored {
            Some(bulk::DONE) => Self::Done,
            Some(bulk::FAILED) => Self::Failed,
            Some(bulk::SKIPPED) => Self::Skipped,
            _ => Self::Open,
        }
    }

    const fn which(self) -> bulk::Which {
        match self {
            Self::Open => bulk::Which::Open,
            Self::Done => bulk::Which::Of(bulk::DONE),
            Self::Failed => bulk::Which::Of(bulk::FAILED),
            Self::Skipped => bulk::Which::Of(bulk::SKIPPED),
        }
    }
}

impl Session {
    /// Has a job do something to everything that a statement finds and the caller may do it to.
    ///
    /// # Errors
    /// `InvalidStatement`; `Invalid` for an act that could be done to nothing (a facet, a principal, a permission that there
    /// is not); `NotFound` for a folder that the caller may not know of.
    pub async fn bulk_action_create(&self, new: NewBulkAction) -> Result<Written<BulkView>> {
        let session = self.clone();
        let act = serde_json::to_string(&new.act).map_err(RepositoryError::internal)?;
        let digest = request_digest(&json!(["bulk-action", new.statement, act]));
        self.transact(move |tx| {
            let key = new.idempotency_key.as_deref();
            if let Some(id) = made_before(tx, key, &digest)? {
                return session.bulk_view(tx.conn, &id.to_string());
            }
            // Of two who ask at once, the second counts what the first asked for.
            space::hold(tx.conn, session.actor.no)?;
            if bulk::count_under_way(tx.conn, session.actor.no)? >= UNDER_WAY_MAX {
                let detail = format!("{UNDER_WAY_MAX} bulk actions of yours wait or are under way: wait, or stop one");
                return Err(RepositoryError::conflict("too_many_bulk_actions", detail));
            }
            if new.act == BulkAct::Export {
                session.refuse_more_exports(tx)?;
            }
            session.check_query_of_objects(tx.conn, &new.statement, tx.now)?;
            session.check_act(tx.conn, &new.act, tx.now)?;
            let id = ObjectId::generate().to_string();
            let payload = json!({ "action": id });
            let job = NewJob { kind: BULK, payload, dedupe_key: Some(format!("{BULK}:{id}")), priority: 1 };
            let job_id = tx.enqueue_followed(&job)?;
            let (principal_no, created_at) = (session.actor.no, tx.now.as_millis());
            let statement = &new.statement;
            let row = NewBulkRow { id: &id, job_id: &job_id, principal_no, statement, act: &act, created_at };
            let no = bulk::insert(tx.conn, &row)?;
            if matches!(new.act, BulkAct::Dispose { .. }) {
                bulk::insert_disposition(tx.conn, &DispositionRow::open(no))?;
            }
            remember_made(tx, key, &digest, &id)?;
            session.bulk_view(tx.conn, &id)
        })
        .await
    }

    fn check_act(&self, conn: &mut Conn, act: &BulkAct, now: Timestamp) -> Result<()> {
        match act {
            BulkAct::Move { folder } => self.authorised(conn, *folder, BROWSE, now).map(drop),
            BulkAct::AddFacet { facet, .. } | BulkAct::RemoveFacet { facet } => {
                let catalogue = self.repository.inner.declarations.present(conn)?;
                let is_facet = |base| base == cartulary_model::BaseType::Facet;
                match catalogue.types().get(facet) {
                    Some(found) if is_facet(found.definition.base) => Ok(()),
                    _ => {
                        let facets =
                            catalogue.types().iter().map(|one| &one.definition).filter(|one| is_facet(one.base));
                        let detail = format!("is a facet: one of {}", listed(facets.map(|one| one.id.as_str())));
                        Err(RepositoryError::invalid("act.facet", "unknown_facet", detail))
                    }
                }
            }
            BulkAct::Grant { entry } | BulkAct::Revoke { entry } => {
                self.resolve_entries(conn, std::slice::from_ref(entry)).map(drop)
            }
            BulkAct::SetProperties { properties } if properties.is_empty() => {
                Err(RepositoryError::invalid("act.properties", "required", "says what is set"))
            }
            BulkAct::Transition { transition } => {
                let catalogue = self.repository.inner.declarations.present(conn)?;
                let cycles = catalogue.types().iter().filter_map(|one| one.life_cycle.as_ref());
                let known: BTreeSet<&str> =
                    cycles.flat_map(|cycle| &cycle.transitions).map(|transition| transition.id.as_str()).collect();
                if known.contains(transition.as_str()) {
                    return Ok(());
                }
                let detail = format!("is a transition of a life cycle: one of {}", listed(known));
                Err(RepositoryError::invalid("act.transition", "unknown_transition", detail))
            }
            BulkAct::Retain { until, awaits } => {
                let new = NewRetention { until: *until, awaits: awaits.clone() };
                check_retention(&new, now).map_err(|error| within("act", error))
            }
            BulkAct::SayEvent { event } => check_words("act.event", event, EVENT_CHARACTERS_MAX),
            BulkAct::Hold { hold } | BulkAct::ReleaseHold { hold } => {
                let is_there = self.has_anywhere(conn, MANAGE_LEGAL_HOLD, now)?
                    && retention::hold_by_id(conn, &hold.to_string())?.is_some();
                if is_there { Ok(()) } else { Err(RepositoryError::not_found("the legal hold")) }
            }
            BulkAct::Dispose { reason } => check_words("act.reason", reason, REASON_CHARACTERS_MAX),
            BulkAct::SetProperties { .. } | BulkAct::Delete { .. } | BulkAct::Export => Ok(()),
        }
    }

    /// Returns a window of bulk actions, newest first: one's own, for administrators all.
    ///
    /// # Errors
    /// The database's.
    pub async fn bulk_action_list(&self, request: WindowRequest) -> Result<Window<BulkView>> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let limit = i64::try_from(request.limit.min(WINDOW_ROWS_MAX)).unwrap_or(i64::MAX);
        let read = move |conn: &mut Conn| -> Result<Window<BulkView>> {
            let offset = i64::try_from(request.offset).unwrap_or(i64::MAX);
            let me = session.actor.no;
            let whose = match session.may_review(conn, now)? {
                _ if session.actor.is_administrator => Whose::Everybodys,
                true => Whose::OfAndDispositions(me),
                false => Whose::Of(me),
            };
            let (total, rows) = bulk::window(conn, whose, offset, limit)?;
            let items = rows.into_iter().map(|row| view(conn, row)).collect::<Result<Vec<_>>>()?;
            Ok(window(total.unsigned_abs(), items, request))
        };
        self.repository.database().read(read).await
    }

    /// Returns one bulk action.
    ///
    /// # Errors
    /// `NotFound`, also for another person's.
    pub async fn bulk_action_get(&self, id: &str) -> Result<BulkView> {
        let (session, id) = (self.clone(), id.to_owned());
        self.repository.database().read(move |conn: &mut Conn| session.bulk_view(conn, &id)).await
    }

    /// Stops a bulk action: what was done stays done. One that has ended stays as it is.
    ///
    /// # Errors
    /// `NotFound`, also for another person's.
    pub async fn bulk_action_abort(&self, id: &str) -> Result<Written<BulkView>> {
        let (session, id) = (self.clone(), id.to_owned());
        self.transact(move |tx| {
            let row = session.bulk_row(tx.conn, &id)?;
            bulk::put_aborted(tx.conn, row.no, tx.now.as_millis())?;
            session.bulk_view(tx.conn, &id)
        })
        .await
    }

    /// Returns a window of what became of the objects of a bulk action, in the order of its statement; of all, or of those
    /// with one outcome.
    ///
    /// # Errors
    /// `NotFound`, also for another person's.
    pub async fn bulk_action_items(
        &self,
        id: &str,
        outcome: impl Into<Option<BulkOutcome>>,
        request: WindowRequest,
    ) -> Result<Window<BulkItem>> {
        let (session, id, outcome) = (self.clone(), id.to_owned(), outcome.into());
        let limit = i64::try_from(request.limit.min(WINDOW_ROWS_MAX)).unwrap_or(i64::MAX);
        let read = move |conn: &mut Conn| -> Result<Window<BulkItem>> {
            let row = session.bulk_row(conn, &id)?;
            let open = row.total_count - row.done_count - row.failed_count - row.skipped_count;
            let total = match outcome {
                None => row.total_count,
                Some(BulkOutcome::Open) => open,
                Some(BulkOutcome::Done) => row.done_count,
                Some(BulkOutcome::Failed) => row.failed_count,
                Some(BulkOutcome::Skipped) => row.skipped_count,
            };
            let offset = i64::try_from(request.offset).unwrap_or(i64::MAX);
            let which = outcome.map_or(bulk::Which::All, BulkOutcome::which);
            let rows = bulk::items(conn, row.no, which, offset, limit)?;
            let items = rows
                .into_iter()
                .map(|row| {
                    let evidence = row.evidence.as_deref().map(serde_json::from_str).transpose();
                    let evidence = evidence.map_err(RepositoryError::internal)?;
                    let (id, outcome) = (parse_id(&row.object_id)?, BulkOutcome::of(row.outcome.as_deref()));
                    Ok(BulkItem { id, outcome, code: row.code, detail: row.detail, evidence })
                })
                .collect::<Result<Vec<_>>>()?;
            Ok(window(total.unsigned_abs(), items, request))
        };
        self.repository.database().read(read).await
    }

    /// Returns a bulk action of one's own; of others for administrators, and dispositions for those who review them.
    pub(crate) fn bulk_row(&self, conn: &mut Conn, id: &str) -> Result<BulkRow> {
        let missing = || RepositoryError::not_found("the bulk action");
        let row = bulk::by_id(conn, id)?.ok_or_else(missing)?;
        if self.actor.is_administrator || row.principal_no == self.actor.no {
            return Ok(row);
        }
        let now = self.repository.clock().now();
        let is_to_review = bulk::disposition(conn, row.no)?.is_some() && self.may_review(conn, now)?;
        if is_to_review { Ok(row) } else { Err(missing()) }
    }

    pub(crate) fn bulk_view(&self, conn: &mut Conn, id: &str) -> Result<BulkView> {
        let row = self.bulk_row(conn, id)?;
        view(conn, row)
    }
}

fn view(conn: &mut Conn, row: BulkRow) -> Result<BulkView> {
    let job = if row.finished_at.is_none() { jobs::by_id(conn, &row.job_id)? } else { None };
    let review = review_of(conn, &row)?;
    let waits = review.is_none() && bulk::disposition(conn, row.no)?.is_some();
    let is_rejected = review.as_ref().is_some_and(|review| !review.is_approved);
    let people = principals::by_nos(conn, &[row.principal_no].into())?;
    let dead = job.filter(|job| job.state == "dead");
    let state = match (row.finished_at, row.aborted_at, &dead, row.counted_at) {
        (_, Some(_), _, _) => BulkState::Aborted,
        (Some(_), ..) if is_rejected => BulkState::Rejected,
        (Some(_), ..) => BulkState::Done,
        (None, None, Some(_), _) => BulkState::Failed,
        (None, None, None, Some(_)) if waits => BulkState::Proposed,
        (None, None, None, Some(_)) => BulkState::Running,
        (None, None, None, None) => BulkState::Counting,
    };
    let ended = row.finished_at.or(dead.as_ref().and_then(|job| job.finished_at));
    Ok(BulkView {
        act: serde_json::from_str(&row.act).map_err(RepositoryError::internal)?,
        state,
        reason: dead.and_then(|job| job.reason),
        total: row.counted_at.map(|_| row.total_count.unsigned_abs()),
        done_count: row.done_count.unsigned_abs(),
        failed_count: row.failed_count.unsigned_abs(),
        skipped_count: row.skipped_count.unsigned_abs(),
        created_by: principal_name(&people, row.principal_no)?,
        review,
        created_at: Timestamp::from_millis(row.created_at),
        finished_at: ended.map(Timestamp::from_millis),
        id: row.id,
        job_id: row.job_id,
        statement: row.statement,
    })
}

/// Says of violations where they stand in a request.
fn within(field: &str, error: RepositoryError) -> RepositoryError {
    match error {
        RepositoryError::Invalid { mut violations } => {
            violations.iter_mut().for_each(|one| one.field = format!("{field}.{}", one.field));
            RepositoryError::Invalid { violations }
        }
        other => other,
    }
}
