//! Deleting much: whole trees, the trash, and what has lain there too long; by jobs that report what stays, and why.

use std::sync::Arc;

use cartulary_db::Conn;
use cartulary_model::permission::{BROWSE, DESTROY, REMOVE_CHILDREN};
use cartulary_model::{BaseType, ObjectId};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::authentication::actor_of;
use crate::bootstrap::parse_id;
use crate::module::{JobContext, JobError, JobHandler};
use crate::object::{Precondition, Written};
use crate::services::jobs::{JobView, ask_for};
use crate::store::jobs::{self, NewJob};
use crate::store::objects::ObjectRow;
use crate::store::{principals, trash};
use crate::transaction::Tx;
use crate::{Repository, RepositoryError, Result, Session};

const DELETE_TREE: &str = "core.delete-tree";
const EMPTY_TRASH: &str = "core.empty-trash";
const EXPIRE_TRASH: &str = "core.expire-trash";

/// How many objects one transaction takes, where each is an act of its own.
const BATCH: i64 = 100;
/// How many objects that stay are named.
const FAULTS_MAX: usize = 1_000;

/// How far a deletion goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Extent {
    /// To the trash, from which it can be taken again.
    Trash,
    /// For good.
    Destroy,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload {
    /// On whose behalf.
    actor_no: i64,
    /// The folder to delete.
    #[serde(default)]
    folder: Option<ObjectId>,
    /// What went to the trash later stays.
    #[serde(default)]
    before_ms: i64,
    extent: Extent,
}

/// What a deletion has done so far; the job's progress.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    deleted_count: u64,
    failed_count: u64,
    faults: Vec<Fault>,
}

/// Something that stays.
#[derive(Debug, Serialize, Deserialize)]
struct Fault {
    id: ObjectId,
    name: String,
    code: String,
}

impl Session {
    /// Has a job delete a folder with all in it that the caller may remove, however much it is; what he may not stays, with the
    /// folders that it lies in, and the job's report says why.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `RemoveChildren`, or `Destroy`; `Stale`; `Conflict` `not_a_folder`, `root_folder`.
    pub async fn tree_delete(
        &self,
        id: ObjectId,
        precondition: Precondition,
        extent: Extent,
    ) -> Result<Written<JobView>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.authorised(tx.conn, id, REMOVE_CHILDREN, tx.now)?;
            session.check_precondition(tx.conn, &row, &precondition, tx.now)?;
            session.refuse_root(&row)?;
            if row.base != BaseType::Folder.as_str() {
                return Err(RepositoryError::conflict("not_a_folder", "only a folder contains others"));
            }
            if extent == Extent::Destroy {
                session.repository.inner.access.require(tx.conn, &session.actor, row.scope_no, DESTROY, tx.now)?;
            }
            let payload = Payload { actor_no: session.actor.no, folder: Some(id), before_ms: 0, extent };
            enqueue(tx, DELETE_TREE, &payload)
        })
        .await
    }

    /// Has a job destroy all that is in the trash now and the caller may destroy.
    ///
    /// # Errors
    /// `Forbidden` for who may destroy nothing at all.
    pub async fn trash_empty(&self) -> Result<Written<JobView>> {
        let session = self.clone();
        self.transact(move |tx| {
            let access = &session.repository.inner.access;
            let scopes = access.readable_scopes(tx.conn, &session.actor, DESTROY, tx.now)?;
            if scopes.is_some_and(|scopes| scopes.is_empty()) {
                return Err(RepositoryError::Forbidden { permission: DESTROY.to_owned() });
            }
            let before_ms = tx.now.as_millis() + 1;
            let payload = Payload { actor_no: session.actor.no, folder: None, before_ms, extent: Extent::Destroy };
            enqueue(tx, EMPTY_TRASH, &payload)
        })
        .await
    }
}

fn enqueue(tx: &mut Tx<'_>, kind: &'static str, payload: &Payload) -> Result<JobView> {
    let payload = serde_json::to_value(payload).map_err(RepositoryError::internal)?;
    ask_for(tx, &NewJob { kind, payload, dedupe_key: None, priority: 1 })
}

impl Repository {
    /// Asks for what has lain in the trash too long to be destroyed, when there is something.
    pub(crate) async fn expire_trash_later(&self) -> Result<()> {
        let Some(before) = self.trash_limit() else { return Ok(()) };
        let look = move |conn: &mut Conn| trash::page(conn, (i64::MIN, 0), before, 1);
        if self.database().read(look).await?.is_empty() {
            return Ok(());
        }
        self.transact(self.inner.system.no, |tx| {
            let dedupe_key = Some(EXPIRE_TRASH.to_owned());
            tx.enqueue(&NewJob { kind: EXPIRE_TRASH, payload: json!({}), dedupe_key, priority: -1 })
        })
        .await?;
        Ok(())
    }

    /// Destroys what has lain in the trash for longer than the configuration says, as a job of the office does now and then;
    /// returns how many objects that were.
    ///
    /// # Errors
    /// The database's. What cannot be destroyed, as under a legal hold, stays.
    pub async fn expire_trash(&self) -> Result<u64> {
        let Some(before) = self.trash_limit() else { return Ok(0) };
        let mut deletion = Deletion::new(self.system_session(), None, Extent::Destroy);
        deletion.empty(before).await?;
        Ok(deletion.report.deleted_count)
    }

    /// Returns the instant before which what went to the trash has lain there too long; nothing when it stays for ever.
    fn trash_limit(&self) -> Option<i64> {
        let keep_ms = self.inner.config.trash_keep_ms;
        (keep_ms > 0).then(|| self.clock().now().plus_millis(-keep_ms).as_millis())
    }

    /// Returns a session of somebody on whose behalf a job works.
    ///
    /// # Errors
    /// `NotFound` for somebody who may not sign in any more.
    pub(crate) async fn session_of(&self, actor_no: i64) -> Result<Session> {
        let repository = self.clone();
        let session = self.database().read(move |conn| repository.session_in(conn, actor_no)).await?;
        session.ok_or_else(|| RepositoryError::not_found("the user who asked for this"))
    }

    /// Returns a session of somebody as he is now; nothing when he may not sign in.
    pub(crate) fn session_in(&self, conn: &mut Conn, actor_no: i64) -> Result<Option<Session>> {
        if actor_no == self.inner.system.no {
            return Ok(Some(self.system_session()));
        }
        let Some(user) = principals::by_no(conn, actor_no)?.filter(|user| user.disabled_at.is_none()) else {
            return Ok(None);
        };
        let actor = actor_of(conn, &user, self.inner.everyone_no, self.inner.administrators_no)?;
        Ok(Some(Session { repository: self.clone(), actor: Arc::new(actor) }))
    }
}

/// Returns the jobs of this file.
pub(crate) fn deletion_handlers() -> Vec<JobHandler> {
    vec![
        JobHandler { kind: DELETE_TREE, run: Arc::new(|context| Box::pin(delete_tree(context))) },
        JobHandler { kind: EMPTY_TRASH, run: Arc::new(|context| Box::pin(empty_trash(context))) },
        JobHandler {
            kind: EXPIRE_TRASH,
            run: Arc::new(|context| Box::pin(async move { Ok(context.repository.expire_trash().await.map(drop)?) })),
        },
    ]
}

async fn delete_tree(context: JobContext) -> std::result::Result<(), JobError> {
    let payload: Payload =
        serde_json::from_value(context.payload).map_err(|error| JobError::Dead(error.to_string()))?;
    let folder = payload.folder.ok_or_else(|| JobError::Dead("no folder is named".to_owned()))?;
    let session = context.repository.session_of(payload.actor_no).await?;
    let mut deletion = Deletion::new(session, Some(context.job_id), payload.extent);
    deletion.load().await?;
    Ok(deletion.tree(folder).await?)
}

async fn empty_trash(context: JobContext) -> std::result::Result<(), JobError> {
    let payload: Payload =
        serde_json::from_value(context.payload).map_err(|error| JobError::Dead(error.to_string()))?;
    let session = context.repository.session_of(payload.actor_no).await?;
    let mut deletion = Deletion::new(session, Some(context.job_id), payload.extent);
    deletion.load().await?;
    Ok(deletion.empty(payload.before_ms).await?)
}

/// A deletion under way.
struct Deletion {
    session: Session,
    job_id: Option<String>,
    extent: Extent,
    report: Report,
}

/// What is to do next; the last first.
enum Step {
    /// Delete an object with all that lies in it, or look into it when that cannot be.
    Whole(ObjectRow),
    /// Delete what lies in a folder after a filing.
    Inside(i64, i64),
    /// Delete a folder of which everything was deleted that could be.
    Rest(ObjectRow),
}

/// Where an object that is deleted lies.
#[derive(Clone, Copy)]
enum From {
    Folder,
    Trash,
}

impl Deletion {
    fn new(session: Session, job_id: Option<String>, extent: Extent) -> Self {
        Self { session, job_id, extent, report: Report::default() }
    }

    /// Goes on from what an earlier try of the job did; what stayed is found again.
    async fn load(&mut self) -> Result<()> {
        let Some(id) = self.job_id.clone() else { return Ok(()) };
        let row = self.session.repository.database().read(move |conn: &mut Conn| jobs::by_id(conn, &id)).await?;
        let before: Option<Report> = row.and_then(|row| serde_json::from_str(row.progress.as_deref()?).ok());
        self.report.deleted_count = before.map_or(0, |before| before.deleted_count);
        Ok(())
    }

    async fn tell(&self) -> Result<()> {
        let Some(id) = self.job_id.clone() else { return Ok(()) };
        let text = serde_json::to_string(&self.report).map_err(RepositoryError::internal)?;
        self.session.repository.database().write(move |conn| jobs::put_progress(conn, &id, &text)).await
    }

    /// Deletes a folder with all that can be.
    async fn tree(&mut self, folder: ObjectId) -> Result<()> {
        let (session, now) = (self.session.clone(), self.session.repository.clock().now());
        let look = move |conn: &mut Conn| session.authorised(conn, folder, BROWSE, now);
        let root = match self.session.repository.database().read(look).await {
            Ok(root) => root,
            // An earlier try of the job was done, but for saying so.
            Err(RepositoryError::NotFound { .. }) => return self.tell().await,
            Err(error) => return Err(error),
        };
        let mut steps = vec![Step::Whole(root)];
        while let Some(step) = steps.pop() {
            match step {
                Step::Whole(row) => match self.delete(std::slice::from_ref(&row), From::Folder).await {
                    Ok(count) => self.report.deleted_count += count,
                    Err(error) if is_folder(&row) && is_about_the_tree(&error) => {
                        let no = row.no;
                        steps.extend([Step::Rest(row), Step::Inside(no, 0)]);
                    }
                    Err(error) => self.note(&row, error).await?,
                },
                Step::Rest(row) => self.delete_each(&[row], From::Folder).await?,
                Step::Inside(no, after) => {
                    let look = move |conn: &mut Conn| trash::living_page(conn, no, after, BATCH);
                    let page = self.session.repository.database().read(look).await?;
                    let Some((last, _)) = page.last() else { continue };
                    steps.push(Step::Inside(no, *last));
                    let (folders, others): (Vec<_>, Vec<_>) = page.into_iter().map(|(_, row)| row).partition(is_folder);
                    steps.extend(folders.into_iter().map(Step::Whole));
                    self.delete_some(&others, From::Folder).await?;
                }
            }
            self.tell().await?;
        }
        Ok(())
    }

    /// Destroys what went to the trash before an instant.
    async fn empty(&mut self, before_ms: i64) -> Result<()> {
        let mut after = (i64::MIN, 0);
        loop {
            let look = move |conn: &mut Conn| trash::page(conn, after, before_ms, BATCH);
            let page = self.session.repository.database().read(look).await?;
            let Some((at, last)) = page.last().map(|(at, row)| (*at, row.no)) else { break };
            after = (at, last);
            // Each is a tree of its own, and may be a large one.
            for (_, row) in page {
                self.delete_each(&[row], From::Trash).await?;
            }
            self.tell().await?;
        }
        self.tell().await
    }

    /// Deletes objects in one transaction, or one by one when that cannot be.
    async fn delete_some(&mut self, rows: &[ObjectRow], from: From) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        match self.delete(rows, from).await {
            Ok(count) => {
                self.report.deleted_count += count;
                Ok(())
            }
            Err(_) => self.delete_each(rows, from).await,
        }
    }

    async fn delete_each(&mut self, rows: &[ObjectRow], from: From) -> Result<()> {
        for row in rows {
            match self.delete(std::slice::from_ref(row), from).await {
                Ok(count) => self.report.deleted_count += count,
                Err(error) => self.note(row, error).await?,
            }
        }
        Ok(())
    }

    /// Deletes objects with what lies in them, all or none; returns how many objects went.
    async fn delete(&self, rows: &[ObjectRow], from: From) -> Result<u64> {
        let ids: Vec<ObjectId> = rows.iter().map(|row| parse_id(&row.id)).collect::<Result<_>>()?;
        let (session, extent) = (self.session.clone(), self.extent);
        let act = move |tx: &mut Tx<'_>| -> Result<u64> {
            let mut count = 0;
            for id in &ids {
                count += match (from, extent) {
                    (From::Folder, Extent::Trash) => session.trash_in_tx(tx, *id, &Precondition::Any)?,
                    (From::Folder, Extent::Destroy) => session.destroy_living_in_tx(tx, *id, &Precondition::Any)?,
                    (From::Trash, _) => session.destroy_trashed_in_tx(tx, *id, &Precondition::Any)?,
                };
            }
            Ok(count)
        };
        Ok(self.session.transact(act).await?.value)
    }

    /// Notes why an object stays; one that the caller may not know of is not counted.
    async fn note(&mut self, row: &ObjectRow, error: RepositoryError) -> Result<()> {
        if matches!(error, RepositoryError::NotFound { .. }) {
            return Ok(());
        }
        let Some(code) = error.code_of_object() else { return Err(error) };
        let (session, scope, now) = (self.session.clone(), row.scope_no, self.session.repository.clock().now());
        let look =
            move |conn: &mut Conn| session.repository.inner.access.allows(conn, &session.actor, scope, BROWSE, now);
        if !self.session.repository.database().read(look).await? {
            return Ok(());
        }
        self.report.failed_count += 1;
        if self.report.faults.len() < FAULTS_MAX {
            let fault = Fault { id: parse_id(&row.id)?, name: row.name.clone(), code: code.to_owned() };
            self.report.faults.push(fault);
        }
        Ok(())
    }
}

fn is_folder(row: &ObjectRow) -> bool {
    row.base == BaseType::Folder.as_str()
}

/// Says whether a folder is refused for what lies in it, so that a part of that may go.
fn is_about_the_tree(error: &RepositoryError) -> bool {
    let codes =
        ["use_bulk_action", "tree_not_removable", "under_hold", "under_retention", "is_record", "in_dossier_version"];
    match error {
        RepositoryError::Conflict { code, .. } => codes.contains(code),
        RepositoryError::Locked { .. } | RepositoryError::CheckedOut { .. } => true,
        _ => false,
    }
}
