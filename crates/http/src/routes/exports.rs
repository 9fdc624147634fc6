//! `/exports` and `/bag-imports`: objects with their whole history as a bag (BagIt, RFC 8493), out and in.

use actix_web::{delete, get, post, web};
use cartulary_model::permission::IMPORT_HISTORY;
use cartulary_model::{ObjectId, Timestamp, Violation};
use cartulary_repository::{self as repository, ExportState, ExportView, NewExport, RepositoryError};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::body;
use crate::guarded::Guarded;
use crate::routes::content::{ContentQuery, send};
use crate::routes::object::{Content, Page};
use crate::routes::users::WindowQuery;

/// What is exported.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind", deny_unknown_fields)]
pub enum ExportScope {
    /// Everything that the caller may see.
    Repository {},
    /// An object with all that lies in it.
    Tree {
        /// The id of a dossier, any other folder, or a document.
        #[schema(value_type = String, format = "uuid")]
        object: ObjectId,
    },
    /// A version of a dossier, with a proof that the change log has it; whoever may not read all of it gets none of it.
    DossierVersion {
        /// The dossier's id.
        #[schema(value_type = String, format = "uuid")]
        dossier: ObjectId,
        /// The number of the version.
        number: i32,
    },
    /// (answered only) What a bulk action found, each with all that lies in it.
    BulkAction {
        /// The bulk action's id.
        action: String,
    },
}

/// An export to begin.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewExportForm {
    /// What.
    scope: ExportScope,
}

/// An export.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    /// Its id.
    id: String,
    /// The job that makes it.
    job: String,
    /// What is exported.
    scope: ExportScope,
    /// `counting`, `running`, `done`, `aborted` or `failed`.
    state: &'static str,
    /// Why it was given up, or why the last try failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// How many objects there are; absent until they are counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    /// How many are written.
    done_count: u64,
    /// Of how many the caller sees something that he could not take along, such as confidential ones, contents that he may not
    /// read, or what is in the trash; the bag names them.
    left_out_count: u64,
    /// The bag as a tar, when it is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Content>,
    /// When it was asked for.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    finished_at: Option<Timestamp>,
    /// Until when the bag is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// Where a bag is brought in.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BagImportQuery {
    /// The id of the folder in which its topmost objects will lie; the root folder unless given.
    #[param(value_type = Option<String>)]
    folder: Option<ObjectId>,
}

/// A bag that came in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct BagImport {
    /// How many objects it had.
    object_count: u64,
    /// How many versions of documents.
    version_count: u64,
    /// How many versions of dossiers.
    dossier_version_count: u64,
    /// How many contents.
    content_count: u64,
}

impl From<ExportScope> for repository::ExportScope {
    fn from(scope: ExportScope) -> Self {
        match scope {
            ExportScope::Repository {} => Self::Repository,
            ExportScope::Tree { object } => Self::Tree { object },
            ExportScope::DossierVersion { dossier, number } => Self::DossierVersion { dossier, number },
            ExportScope::BulkAction { action } => Self::BulkAction { action },
        }
    }
}

impl From<repository::ExportScope> for ExportScope {
    fn from(scope: repository::ExportScope) -> Self {
        use repository::ExportScope as Scope;
        match scope {
            Scope::Repository => Self::Repository {},
            Scope::Tree { object } => Self::Tree { object },
            Scope::DossierVersion { dossier, number } => Self::DossierVersion { dossier, number },
            Scope::BulkAction { action } => Self::BulkAction { action },
        }
    }
}

impl From<ExportView> for Export {
    fn from(view: ExportView) -> Self {
        let state = match view.state {
            ExportState::Counting => "counting",
            ExportState::Running => "running",
            ExportState::Done => "done",
            ExportState::Aborted => "aborted",
            ExportState::Failed => "failed",
        };
        Self {
            id: view.id,
            job: view.job_id,
            scope: view.scope.into(),
            state,
            reason: view.reason,
            total: view.total,
            done_count: view.done_count,
            left_out_count: view.left_out_count,
            content: view.content.map(Content::from),
            created_at: view.created_at,
            finished_at: view.finished_at,
            expires_at: view.expires_at,
        }
    }
}

/// Has a job make a bag (BagIt, RFC 8493) of what the caller may see and read: the whole office, a dossier or a version of one.
///
/// What is marked as confidential is left out, and said so, unless the caller holds `ExportConfidential`.
#[utoipa::path(tag = "exports", request_body = NewExportForm,
    params(("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made")),
    responses((status = 202, description = "a job makes it: follow it at `Location`", body = Export)))]
#[post("/exports")]
pub async fn create_export(guarded: Guarded, body: web::Payload) -> Answer {
    let idempotency_key = guarded.idempotency_key()?;
    let form: NewExportForm = body::json(guarded.request(), body).await?;
    let made = guarded.session().export_create(NewExport { scope: form.scope.into(), idempotency_key }).await?;
    let location = format!("/api/v1/exports/{}", made.value.id);
    answer::accepted(&location, &made.transaction, &Export::from(made.value))
}

/// Lists exports, newest first: one's own, for administrators all. They are kept for seven days after their end.
#[utoipa::path(tag = "exports", params(WindowQuery), responses((status = 200, description = "a window", body = Page<Export>)))]
#[get("/exports")]
pub async fn list_exports(guarded: Guarded) -> Answer {
    let query: WindowQuery = guarded.query()?;
    answer::ok(&Page::<Export>::of(guarded.session().export_list(query.window()?).await?))
}

/// Returns an export, with how far it is.
#[utoipa::path(tag = "exports", params(("id" = String, Path, description = "the export's id")),
    responses((status = 200, description = "the export", body = Export)))]
#[get("/exports/{id}")]
pub async fn get_export(guarded: Guarded) -> Answer {
    let id: String = guarded.segment("id")?;
    answer::ok(&Export::from(guarded.session().export_get(&id).await?))
}

/// Stops an export: nothing of it is kept. One that has ended stays as it is.
#[utoipa::path(tag = "exports", params(("id" = String, Path, description = "the export's id")),
    responses((status = 200, description = "the export", body = Export)))]
#[post("/exports/{id}/abort")]
pub async fn update_export_abort(guarded: Guarded) -> Answer {
    let id: String = guarded.segment("id")?;
    answer::ok(&Export::from(guarded.session().export_abort(&id).await?.value))
}

/// Deletes an export with its bag; one under way ends.
#[utoipa::path(tag = "exports", params(("id" = String, Path, description = "the export's id")),
    responses((status = 204, description = "gone")))]
#[delete("/exports/{id}")]
pub async fn delete_export(guarded: Guarded) -> Answer {
    let id: String = guarded.segment("id")?;
    let done = guarded.session().export_delete(&id).await?;
    answer::done(&done.transaction)
}

/// Returns the bag as a tar, or a range of it, to whoever may still read all that is in it.
#[utoipa::path(tag = "exports",
    params(ContentQuery, ("id" = String, Path, description = "the export's id"),
        ("Range" = Option<String>, Header, description = "one range of bytes"),
        ("If-Match" = Option<String>, Header, description = "the ETag that the content must have"),
        ("If-None-Match" = Option<String>, Header, description = "the ETag that the client has")),
    responses(
        (status = 200, description = "all of it", content_type = "application/x-tar"),
        (status = 206, description = "the range", content_type = "application/x-tar"),
        (status = 304, description = "the client has it"),
        (status = 403, description = "`forbidden`: the caller may not read all of it any more"),
        (status = 409, description = "`export_not_done`: there is no bag yet, or none any more"),
        (status = 416, description = "`range_not_satisfiable`"),
    ))]
#[get("/exports/{id}/content")]
pub async fn get_export_content(guarded: Guarded) -> Answer {
    let (id, query): (String, ContentQuery) = (guarded.segment("id")?, guarded.query()?);
    let session = guarded.session();
    send(&guarded, query, || session.export_content(&id), |range| session.export_open(&id, range)).await
}

/// Brings a bag of an office in, with its original users, instants and numbers, and without what follows from changes: all
/// of it, or, when anything is wrong with it, nothing, and `violations` name the first 1,000 faults.
///
/// What is in it must be the caller's to make by hand: access lists ask for `WriteSecurity`, records for `SetRetention`, holds
/// for `ManageLegalHold`, locks and working copies for `Unlock`; objects that lie in no folder, types, users and groups that
/// are not here, and a whole office are for administrators.
#[utoipa::path(tag = "exports", params(BagImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "the bag as a tar"),
    responses((status = 200, description = "brought in", body = BagImport),
        (status = 422, description = "`invalid`: the bag has faults, each with its file")))]
#[post("/bag-imports")]
pub async fn create_bag_import(guarded: Guarded, body: web::Payload) -> Answer {
    let query: BagImportQuery = guarded.query()?;
    let folder = match query.folder {
        Some(folder) => folder,
        None => guarded.session().root_folder().await?,
    };
    guarded.session().require(folder, IMPORT_HISTORY).await?;
    let content = body::stage(&guarded, body).await?;
    let staged = content.bytes.into_staged().ok_or(RepositoryError::Interrupted)?;
    let report = guarded.session().bag_import_staged(staged, folder).await?;
    if !report.is_taken {
        let violation = |fault: repository::BagFault| Violation::new(fault.path, fault.code, fault.detail);
        let violations = report.faults.into_iter().map(violation).collect();
        return Err(RepositoryError::Invalid { violations }.into());
    }
    answer::ok(&BagImport {
        object_count: report.object_count,
        version_count: report.version_count,
        dossier_version_count: report.dossier_version_count,
        content_count: report.content_count,
    })
}
