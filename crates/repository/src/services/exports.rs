//! Exports: what somebody may see, with its whole history, as a bag (BagIt, RFC 8493) that a job makes.
//!
//! The bag is kept as a blob, as a stream of tar: tar has no limits of size that matter, needs no list of the files before or
//! behind them, and is read by everybody. It is there for a week, for whoever asked for it.

use std::ops::Range;

use cartulary_blobs::StorageKey;
use cartulary_db::Conn;
use cartulary_model::permission::READ_PROPERTIES;
use cartulary_model::{BlobDigest, ObjectId, Timestamp};
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::object::{Content, OpenedContent, WINDOW_ROWS_MAX, Window, WindowRequest, Written};
use crate::services::folders::window;
use crate::services::objects::{made_before, remember_made, request_digest};
use crate::store::blobs::{self, BlobRow};
use crate::store::exports::{self, ExportRow, NewExportRow};
use crate::store::jobs::{self, NewJob};
use crate::store::space;
use crate::transaction::Tx;
use crate::{RepositoryError, Result, Session};

/// The job of an export.
pub(super) const EXPORT: &str = "core.export";
/// The media type of a bag.
const TAR: &str = "application/x-tar";

/// How many exports one user has at once, those that are kept included.
const OF_USER_MAX: i64 = 50;

/// What is exported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum ExportScope {
    /// Everything that the caller may see, also what lies in folders that he may not.
    Repository,
    /// An object with all that lies in it.
    Tree {
        /// The object: a dossier, any other folder, or a document.
        object: ObjectId,
    },
    /// A version of a dossier as its manifest names it, with a proof that the log has it.
    DossierVersion {
        /// The dossier.
        dossier: ObjectId,
        /// The number of the version.
        number: i32,
    },
    /// What a bulk action found, each with all that lies in it.
    BulkAction {
        /// The bulk action's id, which is the export's too.
        action: String,
    },
}

/// An export to begin.
#[derive(Clone, Debug)]
pub struct NewExport {
    /// What.
    pub scope: ExportScope,
    /// A repeated request with the same key finds what the first made.
    pub idempotency_key: Option<String>,
}

/// How far an export is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportState {
    /// It waits, or looks for its objects.
    Counting,
    /// It writes.
    Running,
    /// The bag is there.
    Done,
    /// Somebody stopped it.
    Aborted,
    /// It was given up; the reason says why.
    Failed,
}

/// An export.
#[derive(Clone, Debug)]
pub struct ExportView {
    /// Its id.
    pub id: String,
    /// The job that makes it.
    pub job_id: String,
    /// What is exported.
    pub scope: ExportScope,
    /// How far it is.
    pub state: ExportState,
    /// Why it was given up, or why the last try failed.
    pub reason: Option<String>,
    /// How many objects there are; nothing until they are counted.
    pub total: Option<u64>,
    /// How many are written.
    pub done_count: u64,
    /// How many the caller sees and could not take along; the bag names them.
    pub left_out_count: u64,
    /// The bag, when it is there.
    pub content: Option<Content>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// Until when the bag is kept.
    pub expires_at: Option<Timestamp>,
}

impl Session {
    /// Has a job make a bag of what the caller may see and read.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `ReadProperties`; `Conflict` `not_a_dossier`, `too_many_exports`.
    pub async fn export_create(&self, new: NewExport) -> Result<Written<ExportView>> {
        let session = self.clone();
        let digest = request_digest(&json!(["export", new.scope]));
        self.transact(move |tx| {
            let key = new.idempotency_key.as_deref();
            if let Some(id) = made_before(tx, key, &digest)? {
                return session.export_view(tx.conn, &id.to_string());
            }
            session.check_scope(tx.conn, &new.scope, tx.now)?;
            session.refuse_more_exports(tx)?;
            let id = ObjectId::generate().to_string();
            session.insert_export(tx, &id, &new.scope)?;
            remember_made(tx, key, &digest, &id)?;
            session.export_view(tx.conn, &id)
        })
        .await
    }

    /// Refuses one more export than somebody may have.
    pub(crate) fn refuse_more_exports(&self, tx: &mut Tx<'_>) -> Result<()> {
        // Of two who ask at once, the second counts what the first asked for.
        space::hold(tx.conn, self.actor.no)?;
        if exports::count_of(tx.conn, self.actor.no)? < OF_USER_MAX {
            return Ok(());
        }
        let detail =
            format!("one user has at most {OF_USER_MAX} exports, those that are kept included: delete one first");
        Err(RepositoryError::conflict("too_many_exports", detail))
    }

    /// Deletes an export with its bag; one under way ends.
    ///
    /// # Errors
    /// `NotFound`, also for another person's.
    pub async fn export_delete(&self, id: &str) -> Result<Written<()>> {
        let (session, id) = (self.clone(), id.to_owned());
        self.transact(move |tx| {
            let row = session.export_row(tx.conn, &id)?;
            exports::delete(tx.conn, row.no)
        })
        .await
    }

    /// Inserts an export and its job.
    pub(crate) fn insert_export(&self, tx: &mut Tx<'_>, id: &str, scope: &ExportScope) -> Result<()> {
        let payload = json!({ "export": id });
        let job = NewJob { kind: EXPORT, payload, dedupe_key: Some(format!("{EXPORT}:{id}")), priority: 1 };
        let job_id = tx.enqueue_followed(&job)?;
        let scope = serde_json::to_string(scope).map_err(RepositoryError::internal)?;
        let (principal_no, created_at) = (self.actor.no, tx.now.as_millis());
        let row = NewExportRow { id, job_id: &job_id, principal_no, scope: &scope, created_at };
        exports::insert(tx.conn, &row).map(drop)
    }

    fn check_scope(&self, conn: &mut Conn, scope: &ExportScope, now: Timestamp) -> Result<()> {
        match scope {
            ExportScope::Repository => Ok(()),
            ExportScope::Tree { object } => self.authorised(conn, *object, READ_PROPERTIES, now).map(drop),
            ExportScope::DossierVersion { dossier, number } => {
                self.numbered(conn, *dossier, *number, READ_PROPERTIES, now).map(drop)
            }
            ExportScope::BulkAction { .. } => {
                Err(RepositoryError::invalid("scope.kind", "invalid_scope", "is an act of a bulk action"))
            }
        }
    }

    /// Returns a window of exports, newest first: one's own, for administrators all.
    ///
    /// # Errors
    /// The database's.
    pub async fn export_list(&self, request: WindowRequest) -> Result<Window<ExportView>> {
        let by = (!self.actor.is_administrator).then_some(self.actor.no);
        let limit = i64::try_from(request.limit.min(WINDOW_ROWS_MAX)).unwrap_or(i64::MAX);
        let read = move |conn: &mut Conn| -> Result<Window<ExportView>> {
            let offset = i64::try_from(request.offset).unwrap_or(i64::MAX);
            let (total, rows) = exports::window(conn, by, offset, limit)?;
            let items = rows.into_iter().map(|row| view(conn, row)).collect::<Result<Vec<_>>>()?;
            Ok(window(total.unsigned_abs(), items, request))
        };
        self.repository.database().read(read).await
    }

    /// Returns one export.
    ///
    /// # Errors
    /// `NotFound`, also for another person's.
    pub async fn export_get(&self, id: &str) -> Result<ExportView> {
        let (session, id) = (self.clone(), id.to_owned());
        self.repository.database().read(move |conn: &mut Conn| session.export_view(conn, &id)).await
    }

    /// Stops an export; nothing of it is kept. One that has ended stays as it is.
    ///
    /// # Errors
    /// `NotFound`, also for another person's.
    pub async fn export_abort(&self, id: &str) -> Result<Written<ExportView>> {
        let (session, id) = (self.clone(), id.to_owned());
        self.transact(move |tx| {
            let row = session.export_row(tx.conn, &id)?;
            exports::put_aborted(tx.conn, row.no, tx.now.as_millis())?;
            session.export_view(tx.conn, &id)
        })
        .await
    }

    /// Returns what the bag of an export is.
    ///
    /// # Errors
    /// `NotFound`, also for another person's and for what has expired; `Conflict` `export_not_done`; `Forbidden` when the
    /// caller may not read all that is in it any more.
    pub async fn export_content(&self, id: &str) -> Result<Content> {
        Ok(self.bag_of(id).await?.0)
    }

    /// Opens the bag of an export, whole or a range of bytes.
    ///
    /// # Errors
    /// As [`Session::export_content`]; `Corrupt`.
    pub async fn export_open(&self, id: &str, range: Option<Range<u64>>) -> Result<OpenedContent> {
        let (content, generation) = self.bag_of(id).await?;
        let key = StorageKey::new(content.digest, generation);
        let reader = self.repository.blobs().read(&key, content.digest, content.size_bytes, range).await?;
        let bytes = reader.map(|chunk| chunk.map_err(RepositoryError::from));
        Ok(OpenedContent { content, bytes: Box::pin(bytes) })
    }

    async fn bag_of(&self, id: &str) -> Result<(Content, u32)> {
        let (session, id, now) = (self.clone(), id.to_owned(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<(Content, u32)> {
            let row = session.export_row(conn, &id)?;
            let blob = bag_row(conn, &row)?;
            let blob = blob.ok_or_else(|| RepositoryError::conflict("export_not_done", "there is no bag of it yet"))?;
            session.require_all_of(conn, &row, now)?;
            Ok((content_of(&row, &blob)?, blob.generation.unsigned_abs()))
        };
        self.repository.database().read(read).await
    }

    fn export_row(&self, conn: &mut Conn, id: &str) -> Result<ExportRow> {
        let may_see = |row: &ExportRow| self.actor.is_administrator || row.principal_no == self.actor.no;
        let row = exports::by_id(conn, id)?.filter(may_see);
        row.ok_or_else(|| RepositoryError::not_found("the export"))
    }

    fn export_view(&self, conn: &mut Conn, id: &str) -> Result<ExportView> {
        let row = self.export_row(conn, id)?;
        view(conn, row)
    }
}

fn bag_row(conn: &mut Conn, row: &ExportRow) -> Result<Option<BlobRow>> {
    row.blob_no.map_or(Ok(None), |no| blobs::by_no(conn, no))
}

fn content_of(row: &ExportRow, blob: &BlobRow) -> Result<Content> {
    let digest: BlobDigest = blob.digest.parse().map_err(RepositoryError::internal)?;
    let (size_bytes, media_type) = (blob.size_bytes.unsigned_abs(), TAR.to_owned());
    Ok(Content { digest, size_bytes, media_type, file_name: format!("cartulary-{}.tar", row.id) })
}

fn view(conn: &mut Conn, row: ExportRow) -> Result<ExportView> {
    let job = if row.finished_at.is_none() { jobs::by_id(conn, &row.job_id)? } else { None };
    let is_dead = job.as_ref().is_some_and(|job| job.state == "dead");
    let state = match (row.finished_at, row.aborted_at, row.counted_at) {
        (_, Some(_), _) => ExportState::Aborted,
        (Some(_), ..) => ExportState::Done,
        _ if is_dead => ExportState::Failed,
        (None, None, Some(_)) => ExportState::Running,
        (None, None, None) => ExportState::Counting,
    };
    let ended = row.finished_at.or(job.as_ref().and_then(|job| job.finished_at));
    let content = bag_row(conn, &row)?.map(|blob| content_of(&row, &blob)).transpose()?;
    Ok(ExportView {
        scope: serde_json::from_str(&row.scope).map_err(RepositoryError::internal)?,
        state,
        reason: job.and_then(|job| job.reason),
        total: row.counted_at.map(|_| row.total_count.unsigned_abs()),
        done_count: row.done_count.unsigned_abs(),
        left_out_count: row.left_out_count.unsigned_abs(),
        content,
        created_at: Timestamp::from_millis(row.created_at),
        finished_at: ended.map(Timestamp::from_millis),
        expires_at: row.expires_at.map(Timestamp::from_millis),
        id: row.id,
        job_id: row.job_id,
    })
}
