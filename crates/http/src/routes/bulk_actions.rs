//! `/bulk-actions`: one act on everything that a statement finds.

use actix_web::http::StatusCode;
use actix_web::{get, post, web};
use cartulary_model::{ObjectId, Properties, Timestamp};
use cartulary_repository::{self as repository, BulkOutcome, BulkState, BulkView, Extent, NewBulkAction, NewRetention};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::error::ApiError;
use crate::guarded::Guarded;
use crate::routes::acl::NewAclEntry;
use crate::routes::object::Page;
use crate::routes::retention::RetentionForm;
use crate::routes::users::WindowQuery;
use crate::{body, paging};

/// What is done to each object.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind", deny_unknown_fields)]
pub enum BulkAct {
    /// Sets properties, or removes those whose value is null.
    SetProperties {
        /// The properties.
        #[schema(value_type = Object)]
        properties: Properties,
    },
    /// Moves it from its primary folder to another one.
    Move {
        /// The folder's id.
        #[schema(value_type = String)]
        folder: ObjectId,
    },
    /// Attaches a facet, with values of its properties; one that is attached stays as it is.
    AddFacet {
        /// The facet's id.
        facet: String,
        /// The values that are set where it is attached.
        #[serde(default)]
        #[schema(value_type = Object)]
        properties: Properties,
    },
    /// Detaches a facet, with the values that only it declares.
    RemoveFacet {
        /// The facet's id.
        facet: String,
    },
    /// Adds an entry at the end of its access list, unless it stands there.
    Grant {
        /// The entry.
        entry: NewAclEntry,
    },
    /// Takes just this entry out of its access list.
    Revoke {
        /// The entry.
        entry: NewAclEntry,
    },
    /// Takes it, with all in it, into one bag: `/exports/{id}` with the bulk action's id, once that is done.
    Export {},
    /// Keeps it and its versions, as `PUT /objects/{id}/retention` does.
    Retain {
        /// Until when, and from which event on.
        retention: RetentionForm,
    },
    /// Says that an event happened that it waits for.
    SayEvent {
        /// The event's name.
        event: String,
    },
    /// Puts it under a legal hold.
    Hold {
        /// The hold's id.
        #[schema(value_type = String)]
        hold: ObjectId,
    },
    /// Releases it from a legal hold.
    ReleaseHold {
        /// The hold's id.
        #[schema(value_type = String)]
        hold: ObjectId,
    },
    /// Destroys records that nothing keeps any longer, once somebody else has approved it (`/review`); the report stays.
    Dispose {
        /// Why.
        reason: String,
    },
    /// Takes it to another state of its life cycle.
    Transition {
        /// The transition's id.
        transition: String,
    },
    /// Puts it in the trash, with all in it.
    Delete {
        /// Whether it is destroyed instead, for good.
        #[serde(default)]
        permanent: bool,
    },
}

/// A bulk action to begin.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewBulkActionForm {
    /// Which objects: a statement of CMIS QL, of one table. `POST /queries` says beforehand how many they are.
    statement: String,
    /// What is done to each of them.
    act: BulkAct,
}

/// A bulk action.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkAction {
    /// Its id.
    id: String,
    /// The job that does it.
    job: String,
    /// Which objects.
    statement: String,
    /// What is done to each of them.
    act: BulkAct,
    /// `counting`, `running`, `done`, `aborted` or `failed`; of dispositions also `proposed` and `rejected`.
    state: &'static str,
    /// Why it was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// How many objects there are; absent until they are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// To how many it was done.
    done_count: u64,
    /// With how many it could not be done; the rest went on.
    failed_count: u64,
    /// How many were gone, or are no longer the caller's to see, when their turn came.
    skipped_count: u64,
    /// By whom it was asked for.
    created_by: String,
    /// What somebody else said of it: of dispositions.
    #[serde(skip_serializing_if = "Option::is_none")]
    review: Option<BulkReview>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
}

/// What somebody else said of a disposition.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkReview {
    /// Whether it may be done.
    approved: bool,
    /// When it was said.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// By whom.
    by: String,
    /// Why.
    comment: String,
}

/// A review to give.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BulkReviewForm {
    /// Whether it may be done.
    approved: bool,
    /// Why.
    #[serde(default)]
    comment: String,
}

/// Which objects of a bulk action are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BulkItemQuery {
    /// `open`, `done`, `failed` or `skipped`; all unless given.
    outcome: Option<String>,
    /// How many rows are answered, 1 to 1,000; 50 unless given.
    limit: Option<u64>,
    /// How many rows are passed over.
    offset: Option<u64>,
    /// Continues a list, instead of an offset.
    cursor: Option<String>,
}

/// An object of a bulk action.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BulkItem {
    /// The object's id.
    #[schema(value_type = String)]
    id: ObjectId,
    /// What became of it: `open` (nothing yet), `done`, `failed`, or `skipped`, because it was gone.
    outcome: &'static str,
    /// Why it could not be done: a stable code.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// What it is, or was: of dispositions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    evidence: Option<Value>,
}

impl From<repository::BulkItem> for BulkItem {
    fn from(item: repository::BulkItem) -> Self {
        let outcome = match item.outcome {
            BulkOutcome::Open => "open",
            BulkOutcome::Done => "done",
            BulkOutcome::Failed => "failed",
            BulkOutcome::Skipped => "skipped",
        };
        Self { id: item.id, outcome, code: item.code, detail: item.detail, evidence: item.evidence }
    }
}

impl TryFrom<BulkAct> for repository::BulkAct {
    type Error = ApiError;

    fn try_from(act: BulkAct) -> Result<Self, ApiError> {
        Ok(match act {
            BulkAct::Retain { retention } => {
                let NewRetention { until, awaits } = retention.try_into()?;
                Self::Retain { until, awaits }
            }
            BulkAct::SayEvent { event } => Self::SayEvent { event },
            BulkAct::Hold { hold } => Self::Hold { hold },
            BulkAct::ReleaseHold { hold } => Self::ReleaseHold { hold },
            BulkAct::Dispose { reason } => Self::Dispose { reason },
            BulkAct::SetProperties { properties } => Self::SetProperties { properties },
            BulkAct::Move { folder } => Self::Move { folder },
            BulkAct::AddFacet { facet, properties } => Self::AddFacet { facet, properties },
            BulkAct::RemoveFacet { facet } => Self::RemoveFacet { facet },
            BulkAct::Grant { entry } => Self::Grant { entry: entry.into() },
            BulkAct::Revoke { entry } => Self::Revoke { entry: entry.into() },
            BulkAct::Export {} => Self::Export,
            BulkAct::Transition { transition } => Self::Transition { transition },
            BulkAct::Delete { permanent } => {
                Self::Delete { extent: if permanent { Extent::Destroy } else { Extent::Trash } }
            }
        })
    }
}

impl From<repository::BulkAct> for BulkAct {
    fn from(act: repository::BulkAct) -> Self {
        use repository::BulkAct as Act;
        match act {
            Act::SetProperties { properties } => Self::SetProperties { properties },
            Act::Move { folder } => Self::Move { folder },
            Act::AddFacet { facet, properties } => Self::AddFacet { facet, properties },
            Act::RemoveFacet { facet } => Self::RemoveFacet { facet },
            Act::Grant { entry } => Self::Grant { entry: entry.into() },
            Act::Revoke { entry } => Self::Revoke { entry: entry.into() },
            Act::Export => Self::Export {},
            Act::Retain { until, awaits } => Self::Retain { retention: NewRetention { until, awaits }.into() },
            Act::SayEvent { event } => Self::SayEvent { event },
            Act::Hold { hold } => Self::Hold { hold },
            Act::ReleaseHold { hold } => Self::ReleaseHold { hold },
            Act::Dispose { reason } => Self::Dispose { reason },
            Act::Transition { transition } => Self::Transition { transition },
            Act::Delete { extent } => Self::Delete { permanent: extent == Extent::Destroy },
        }
    }
}

impl From<BulkView> for BulkAction {
    fn from(view: BulkView) -> Self {
        let state = match view.state {
            BulkState::Counting => "counting",
            BulkState::Running => "running",
            BulkState::Done => "done",
            BulkState::Proposed => "proposed",
            BulkState::Rejected => "rejected",
            BulkState::Aborted => "aborted",
            BulkState::Failed => "failed",
        };
        Self {
            id: view.id,
            job: view.job_id,
            statement: view.statement,
            act: view.act.into(),
            state,
            reason: view.reason,
            total: view.total,
            done_count: view.done_count,
            failed_count: view.failed_count,
            skipped_count: view.skipped_count,
            created_by: view.created_by.display_name,
            review: view.review.map(|review| BulkReview {
                approved: review.is_approved,
                at: review.at,
                by: review.by.display_name,
                comment: review.comment,
            }),
            created_at: view.created_at,
            finished_at: view.finished_at,
        }
    }
}

/// Does something to everything that a statement finds, of what the caller may see, with his rights; a job does it.
///
/// The objects are counted when it begins. What cannot be done to one of them is noted, and the rest goes on; after a crash
/// it goes on where it was, and nothing is done twice.
#[utoipa::path(tag = "bulk actions", request_body = NewBulkActionForm,
    params(("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made")),
    responses((status = 202, description = "a job does it: follow it at `Location`", body = BulkAction)))]
#[post("/bulk-actions")]
pub async fn create_bulk_action(guarded: Guarded, body: web::Payload) -> Answer {
    let idempotency_key = guarded.idempotency_key()?;
    let form: NewBulkActionForm = body::json(guarded.request(), body).await?;
    let new = NewBulkAction { statement: form.statement, act: form.act.try_into()?, idempotency_key };
    let made = guarded.session().bulk_action_create(new).await?;
    let location = format!("/api/v1/bulk-actions/{}", made.value.id);
    answer::accepted(&location, &made.transaction, &BulkAction::from(made.value))
}

/// Lists bulk actions, newest first: one's own, for administrators all, for those who review dispositions these too. They are
/// kept for seven days after their end; dispositions for ever.
#[utoipa::path(tag = "bulk actions", params(WindowQuery), responses((status = 200, description = "a window", body = Page<BulkAction>)))]
#[get("/bulk-actions")]
pub async fn list_bulk_actions(guarded: Guarded) -> Answer {
    let query: WindowQuery = guarded.query()?;
    answer::ok(&Page::<BulkAction>::of(guarded.session().bulk_action_list(query.window()?).await?))
}

/// Returns a bulk action, with how far it is.
#[utoipa::path(tag = "bulk actions", params(("id" = String, Path, description = "the bulk action's id")),
    responses((status = 200, description = "the bulk action", body = BulkAction)))]
#[get("/bulk-actions/{id}")]
pub async fn get_bulk_action(guarded: Guarded) -> Answer {
    let id: String = guarded.segment("id")?;
    answer::ok(&BulkAction::from(guarded.session().bulk_action_get(&id).await?))
}

/// Stops a bulk action: what was done stays done. One that has ended stays as it is.
#[utoipa::path(tag = "bulk actions", params(("id" = String, Path, description = "the bulk action's id")),
    responses((status = 200, description = "the bulk action", body = BulkAction)))]
#[post("/bulk-actions/{id}/abort")]
pub async fn update_bulk_action_abort(guarded: Guarded) -> Answer {
    let id: String = guarded.segment("id")?;
    answer::ok(&BulkAction::from(guarded.session().bulk_action_abort(&id).await?.value))
}

/// Approves a disposition that somebody else proposed, or rejects it: by those who have `ReviewDisposition` on the root folder.
///
/// What is approved is destroyed by a job, with the rights of whoever approved it; what something keeps again by then stays.
#[utoipa::path(tag = "bulk actions", request_body = BulkReviewForm, params(("id" = String, Path, description = "the bulk action's id")),
    responses((status = 200, description = "the bulk action", body = BulkAction),
        (status = 409, description = "`not_proposed`, `reviewer_is_proposer`; `permissions_missing`: \
            neither who proposed it nor who reviews it holds what is needed, which `detail` names; nothing was reviewed")))]
#[post("/bulk-actions/{id}/review")]
pub async fn create_bulk_action_review(guarded: Guarded, body: web::Payload) -> Answer {
    let id: String = guarded.segment("id")?;
    let BulkReviewForm { approved, comment } = body::json(guarded.request(), body).await?;
    let reviewed = guarded.session().disposition_review(&id, approved, comment).await?;
    answer::json(StatusCode::OK, &BulkAction::from(reviewed.value), |response| {
        response.insert_header((answer::CARTULARY_TRANSACTION, reviewed.transaction));
    })
}

/// Lists what became of the objects of a bulk action, in the order of its statement.
#[utoipa::path(tag = "bulk actions", params(BulkItemQuery, ("id" = String, Path, description = "the bulk action's id")),
    responses((status = 200, description = "a window", body = Page<BulkItem>)))]
#[get("/bulk-actions/{id}/items")]
pub async fn list_bulk_action_items(guarded: Guarded) -> Answer {
    let (id, query): (String, BulkItemQuery) = (guarded.segment("id")?, guarded.query()?);
    let outcome = match query.outcome.as_deref() {
        None => None,
        Some("open") => Some(BulkOutcome::Open),
        Some("done") => Some(BulkOutcome::Done),
        Some("failed") => Some(BulkOutcome::Failed),
        Some("skipped") => Some(BulkOutcome::Skipped),
        Some(_) => return Err(ApiError::invalid_query("outcome", "is open, done, failed or skipped")),
    };
    let window = paging::window(query.limit, query.offset, query.cursor.as_deref())?;
    answer::ok(&Page::<BulkItem>::of(guarded.session().bulk_action_items(&id, outcome, window).await?))
}
