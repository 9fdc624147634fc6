//! Dispositions: a bulk action that destroys records which nothing keeps any longer, once somebody else has reviewed it; its
//! report stays.

use std::collections::BTreeMap;

use cartulary_db::Conn;
use cartulary_model::permission::{
    BROWSE, DESTROY, Permission, READ_PROPERTIES, REMOVE_CHILDREN, REVIEW_DISPOSITION, SET_RETENTION,
};
use cartulary_model::{ChangeKind, ObjectId, Timestamp};
use serde_json::json;

use crate::object::{Precondition, PrincipalName, Written};
use crate::services::bulk::{BULK, BulkView};
use crate::services::detail::principal_name;
use crate::services::retention::{Removal, refuse_kept};
use crate::services::versions::check_comment;
use crate::store::bulk::{self, BulkRow, DispositionRow};
use crate::store::jobs::NewJob;
use crate::store::objects::{self, ObjectRow};
use crate::store::{blobs, principals, retention, versions};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

/// How many objects are looked at together.
const PAGE: i64 = 1_000;

/// What somebody else said of a disposition.
#[derive(Clone, Debug)]
pub struct Review {
    /// Whether it may be done.
    pub is_approved: bool,
    /// When it was said.
    pub at: Timestamp,
    /// By whom.
    pub by: PrincipalName,
    /// Why.
    pub comment: String,
}

impl Session {
    /// Approves a disposition that somebody else proposed, which begins then, or rejects it.
    ///
    /// # Errors
    /// `NotFound`, also without `ReviewDisposition` on the root folder; `Invalid` for the comment; `Conflict` `not_proposed`
    /// when it is not waiting for a review, `reviewer_is_proposer`, for administrators too; `permissions_missing` when neither
    /// of them holds what is needed on each object, `RemoveChildren` and `Destroy`, or the one who approves does not see all:
    /// then nothing was reviewed.
    pub async fn disposition_review(&self, id: &str, is_approved: bool, comment: String) -> Result<Written<BulkView>> {
        check_comment(&comment)?;
        if is_approved {
            self.refuse_missing(id).await?;
        }
        let (session, id) = (self.clone(), id.to_owned());
        self.transact(move |tx| {
            let row = session.bulk_row(tx.conn, &id)?;
            if !session.may_review(tx.conn, tx.now)? {
                return Err(RepositoryError::Forbidden { permission: REVIEW_DISPOSITION.to_owned() });
            }
            let disposition = bulk::disposition_locked(tx.conn, row.no)?;
            let row = bulk::by_id(tx.conn, &id)?.unwrap_or(row);
            let waits = row.counted_at.is_some() && row.finished_at.is_none() && row.aborted_at.is_none();
            if !waits || disposition.is_none_or(|one| one.is_approved.is_some()) {
                let detail = "it does not wait for a review: it is still being listed, or was reviewed, or has ended";
                return Err(RepositoryError::conflict("not_proposed", detail));
            }
            if row.principal_no == session.actor.no {
                let detail = "whoever proposed it does not review it: ask somebody else";
                return Err(RepositoryError::conflict("reviewer_is_proposer", detail));
            }
            let (at, by) = (tx.now.as_millis(), tx.actor_no);
            bulk::put_review(tx.conn, row.no, &DispositionRow::reviewed(row.no, at, by, is_approved, &comment))?;
            if is_approved {
                let payload = json!({ "action": row.id });
                let job = NewJob { kind: BULK, payload, dedupe_key: Some(format!("{BULK}:{}", row.id)), priority: 1 };
                let job_id = tx.enqueue_followed(&job)?;
                bulk::put_job(tx.conn, row.no, &job_id)?;
            } else {
                bulk::put_finished(tx.conn, row.no, at)?;
            }
            let after = json!({ "approved": is_approved, "comment": comment, "statement": row.statement });
            let detail = json!({ "disposition": row.id, "total": row.total_count });
            let change = Change { after: Some(after), detail: Some(detail), ..Change::default() };
            tx.record(ChangeKind::Retention, change)?;
            session.bulk_view(tx.conn, &id)
        })
        .await
    }

    /// Refuses to approve what could not be done, and says all that is missing for it.
    async fn refuse_missing(&self, id: &str) -> Result<()> {
        let (session, id, now) = (self.clone(), id.to_owned(), self.repository.clock().now());
        let look = move |conn: &mut Conn| -> Result<BTreeMap<Permission, u64>> {
            let mut missing = BTreeMap::new();
            let row = session.bulk_row(conn, &id)?;
            let proposer = session.repository.session_in(conn, row.principal_no)?;
            let mut offset = 0;
            loop {
                let items = bulk::items(conn, row.no, bulk::Which::Open, offset, PAGE)?;
                if items.is_empty() {
                    return Ok(missing);
                }
                offset += PAGE;
                for item in items {
                    let live = objects::by_id(conn, &item.object_id)?.filter(|row| row.trashed_at.is_none());
                    let Some(live) = live else { continue };
                    for permission in session.missing_to_dispose(conn, &live, proposer.as_ref(), now)? {
                        *missing.entry(permission).or_default() += 1;
                    }
                }
            }
        };
        let missing = self.repository.database().read(look).await?;
        if missing.is_empty() {
            return Ok(());
        }
        let words: Vec<String> = missing.iter().map(|(name, count)| format!("`{name}` on {count} objects")).collect();
        let detail =
            format!("neither who proposed it nor who reviews it holds {}; nothing was reviewed", words.join(", nor "));
        Err(RepositoryError::conflict("permissions_missing", detail))
    }

    /// Returns what is missing to destroy an object by a disposition: the session, which approved it, must see it, and one of
    /// both must hold what it takes to destroy it.
    fn missing_to_dispose(
        &self,
        conn: &mut Conn,
        row: &ObjectRow,
        proposer: Option<&Self>,
        now: Timestamp,
    ) -> Result<Vec<Permission>> {
        let access = &self.repository.inner.access;
        let mut missing = Vec::new();
        if !access.allows(conn, &self.actor, row.scope_no, BROWSE, now)? {
            missing.push(BROWSE);
        }
        for wanted in [REMOVE_CHILDREN, DESTROY] {
            let mut is_held = access.allows(conn, &self.actor, row.scope_no, wanted, now)?;
            if let Some(proposer) = proposer.filter(|_| !is_held) {
                is_held = access.allows(conn, &proposer.actor, row.scope_no, wanted, now)?;
            }
            if !is_held {
                missing.push(wanted);
            }
        }
        Ok(missing)
    }

    /// Says whether the session reviews dispositions: whoever does, sees all that are proposed.
    pub(crate) fn may_review(&self, conn: &mut Conn, now: Timestamp) -> Result<bool> {
        let inner = &self.repository.inner;
        let Some(root) = objects::by_no(conn, inner.root_no)? else { return Ok(false) };
        inner.access.allows(conn, &self.actor, root.scope_no, REVIEW_DISPOSITION, now)
    }

    /// Returns what a document is, for the report, if it is due: a record that nothing keeps any longer, which the session may
    /// propose; nothing otherwise.
    pub(crate) fn due(&self, conn: &mut Conn, id: ObjectId, now: Timestamp) -> Result<Option<String>> {
        let row = match self.authorised(conn, id, BROWSE, now) {
            Ok(row) if row.series_no.is_some() && row.role == objects::LIVE => row,
            Ok(_) | Err(RepositoryError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        for wanted in [READ_PROPERTIES, SET_RETENTION] {
            if !self.repository.inner.access.allows(conn, &self.actor, row.scope_no, wanted, now)? {
                return Ok(None);
            }
        }
        match refuse_not_due(conn, &row, now) {
            Ok(()) => Ok(Some(evidence(conn, &row)?)),
            Err(RepositoryError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Destroys a document that is still due, with what this session, which approved it, and its proposer may do together.
    pub(crate) fn dispose_in_tx(&self, tx: &mut Tx<'_>, id: ObjectId, proposer: i64) -> Result<()> {
        let row = self.authorised(tx.conn, id, BROWSE, tx.now)?;
        let proposer = self.repository.session_in(tx.conn, proposer)?;
        if let Some(missing) = self.missing_to_dispose(tx.conn, &row, proposer.as_ref(), tx.now)?.first() {
            return Err(RepositoryError::Forbidden { permission: (*missing).to_owned() });
        }
        objects::locked(tx.conn, row.no)?;
        refuse_not_due(tx.conn, &row, tx.now)?;
        self.remove_in_tx(tx, id, &Precondition::Any, Removal::Disposition).map(drop)
    }
}

/// Refuses a document that is no record, or that something keeps.
fn refuse_not_due(conn: &mut Conn, row: &ObjectRow, now: Timestamp) -> Result<()> {
    let series = row.series_no.ok_or_else(|| RepositoryError::conflict("not_a_document", "records are documents"))?;
    let kept = retention::of_series(conn, &[series])?;
    if !kept.iter().any(|version| version.record_at.is_some()) {
        return Err(RepositoryError::conflict("not_a_record", "it is no record"));
    }
    refuse_kept(conn, &kept, Removal::Disposition, now)
}

/// Returns what a document was, as the report keeps it.
fn evidence(conn: &mut Conn, row: &ObjectRow) -> Result<String> {
    let series = row.series_no.unwrap_or_default();
    let kept = retention::of_series(conn, &[series])?;
    let (_, rows) = versions::window(conn, series, 0, i64::MAX)?;
    let nos: Vec<i64> = rows.iter().map(|(version, _)| version.object_no).collect();
    let contents = blobs::contents_of(conn, &nos)?;
    let slots = blobs::slots_of(conn, &nos)?;
    let one = |(version, id): &(versions::VersionRow, String)| {
        let until = kept.iter().find(|one| one.object_no == version.object_no).and_then(|one| one.retain_until);
        json!({
            "id": id, "label": format!("{}.{}", version.major, version.minor),
            "madeAt": Timestamp::from_millis(version.made_at), "retainedUntil": until.map(Timestamp::from_millis),
            "digest": contents.get(&version.object_no).map(|content| content.digest.clone()),
            "contents": slots.get(&version.object_no),
        })
    };
    let versions: Vec<_> = rows.iter().map(one).collect();
    Ok(json!({ "type": row.type_id, "name": row.name, "title": row.title, "versions": versions }).to_string())
}

/// Returns the review of a bulk action, if it had one.
pub(crate) fn review_of(conn: &mut Conn, row: &BulkRow) -> Result<Option<Review>> {
    let Some(found) = bulk::disposition(conn, row.no)? else { return Ok(None) };
    let Some(((at, by), is_approved)) = found.reviewed_at.zip(found.reviewed_by).zip(found.is_approved) else {
        return Ok(None);
    };
    let by = principal_name(&principals::by_nos(conn, &[by].into())?, by)?;
    Ok(Some(Review { is_approved, at: Timestamp::from_millis(at), by, comment: found.comment }))
}
