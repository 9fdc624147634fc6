//! `/imports`: folders of files, sent one by one, so that a run can be resumed.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, LOCATION};
use actix_web::{get, post, put, web};
use cartulary_model::{BlobDigest, ObjectId};
use cartulary_repository::{ImportCandidate, ImportFile, ImportReport, NewImport, RepositoryError};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer, CARTULARY_TRANSACTION};
use crate::body;
use crate::error::ApiError;
use crate::guarded::Guarded;
use crate::routes::object::Fault;

/// A new run.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewImportForm {
    /// The source's name: runs of one name share what they took.
    source: String,
    /// What the dossier is called that takes the files lying at the top; the source's name unless given.
    folder_name: Option<String>,
}

/// A run.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Import {
    /// The run's id.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// The source's name.
    source: String,
    /// `open` or `finished`.
    state: &'static str,
    /// New documents.
    taken: u64,
    /// New versions of documents that the source had made.
    new_versions: u64,
    /// Files that had been taken before.
    already_taken: u64,
    /// One for each file that could not be taken whole.
    faults: Vec<ImportFault>,
    /// How far the texts are of what was taken; reading goes on after the run has ended.
    texts: ImportTexts,
}

/// How far the texts are of what a run took.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportTexts {
    /// Texts that are still to be read.
    waiting: u64,
    /// Files whose text could not be read, by path, at most 1,000. They are kept as they came.
    unread: Vec<UnreadFile>,
}

/// A file that was taken, and of whose text nothing could be read.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct UnreadFile {
    /// Its path below the source.
    path: String,
    /// The document.
    #[schema(value_type = String, format = "uuid")]
    document_id: ObjectId,
    /// The dossier it lies in.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    dossier_id: Option<ObjectId>,
    /// What is wrong with it.
    faults: Vec<Fault>,
}

/// Why a file could not be taken whole.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportFault {
    /// Its path below the source.
    path: String,
    /// A stable snake_case code.
    code: String,
    /// The reason, for a person.
    reason: String,
}

/// Files to ask about.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportCheck {
    /// At most 5,000.
    entries: Vec<ImportCheckEntry>,
}

/// A file to ask about.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ImportCheckEntry {
    /// Its path below the source, with `/` between names.
    path: String,
    /// The SHA-256 of its bytes.
    #[schema(value_type = String)]
    digest: BlobDigest,
    /// Its length in bytes.
    #[allow(dead_code, reason = "the digest decides; the length is there for people who read traces")]
    size_bytes: Option<u64>,
}

/// What the source knows of files.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportCheckAnswer {
    /// In the order in which they were asked about.
    items: Vec<ImportCheckItem>,
}

/// What the source knows of a file.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportCheckItem {
    /// Its path.
    path: String,
    /// `new`, `changed` (the path with other bytes), `taken`, or `trashed` (taken, and its document lies in the trash).
    state: &'static str,
}

/// How a file is called.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "read by hand, since bytes need not be UTF-8")]
pub struct ImportFileQuery {
    /// The path below the source, with `/` between names.
    path: String,
    /// The bytes of the path, percent-encoded, when they are not UTF-8.
    #[param(rename = "pathRaw")]
    path_raw: Option<String>,
    /// The file's place among those of this run, from 1: the order in which they are listed, whichever comes first.
    sequence: Option<u32>,
}

/// What the query of a file says.
#[derive(Debug, Default, PartialEq, Eq)]
struct FileQuery {
    path: String,
    path_raw: Option<Vec<u8>>,
    sequence: Option<u32>,
}

/// What became of a file.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImportedFile {
    /// Its path.
    path: String,
    /// `created`, `version`, `taken`, or `trashed` (taken before, and its document lies in the trash: nothing was done).
    state: &'static str,
    /// The document.
    #[schema(value_type = String, format = "uuid")]
    document_id: ObjectId,
    /// With `created`: the file was taken before with other bytes, and the document that it became lies in the trash.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    former_in_trash: bool,
}

impl From<ImportReport> for Import {
    fn from(report: ImportReport) -> Self {
        let ImportReport { view, faults, texts } = report;
        let fault = |fault: cartulary_repository::ImportFault| ImportFault {
            path: fault.path,
            code: fault.code,
            reason: fault.reason,
        };
        Self {
            id: view.id,
            source: view.source,
            state: if view.is_open { "open" } else { "finished" },
            taken: view.created_count,
            new_versions: view.version_count,
            already_taken: view.taken_count,
            faults: faults.into_iter().map(fault).collect(),
            texts: texts.into(),
        }
    }
}

impl From<cartulary_repository::ImportTexts> for ImportTexts {
    fn from(texts: cartulary_repository::ImportTexts) -> Self {
        let unread = |file: cartulary_repository::UnreadFile| UnreadFile {
            path: file.path,
            document_id: file.document_id,
            dossier_id: file.dossier_id,
            faults: file.faults.into_iter().map(Fault::from).collect(),
        };
        Self { waiting: texts.waiting_count, unread: texts.unread.into_iter().map(unread).collect() }
    }
}

/// Begins a run; what the source took before is not taken again.
#[utoipa::path(tag = "imports", request_body = NewImportForm,
    params(("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds the run that the first began")),
    responses((status = 201, description = "begun", body = Import)))]
#[post("/imports")]
pub async fn create_import(guarded: Guarded, body: web::Payload) -> Answer {
    let idempotency_key = guarded.idempotency_key()?;
    let form: NewImportForm = body::json(guarded.request(), body).await?;
    let new = NewImport { source: form.source, folder_name: form.folder_name, idempotency_key };
    let begun = guarded.session().import_start(new).await?;
    let location = format!("/api/v1/imports/{}", begun.view.id);
    answer::json(StatusCode::CREATED, &Import::from(begun), |response| {
        response.insert_header((LOCATION, location));
    })
}

/// Returns a run.
#[utoipa::path(tag = "imports", params(("id" = String, Path, description = "the run's id")),
    responses((status = 200, description = "the run", body = Import)))]
#[get("/imports/{id}")]
pub async fn get_import(guarded: Guarded) -> Answer {
    answer::ok(&Import::from(guarded.session().import_get(guarded.id()?).await?))
}

/// Says of each file whether the source took it before.
#[utoipa::path(tag = "imports", params(("id" = String, Path, description = "the run's id")), request_body = ImportCheck,
    responses((status = 200, description = "one for each", body = ImportCheckAnswer)))]
#[post("/imports/{id}/check")]
pub async fn check_import(guarded: Guarded, body: web::Payload) -> Answer {
    let id = guarded.id()?;
    let form: ImportCheck = body::json(guarded.request(), body).await?;
    let paths: Vec<String> = form.entries.iter().map(|entry| entry.path.clone()).collect();
    let candidate = |entry: ImportCheckEntry| ImportCandidate { path: entry.path, digest: entry.digest };
    let candidates = form.entries.into_iter().map(candidate).collect();
    let states = guarded.session().import_check(id, candidates).await?;
    let item =
        |(path, state): (String, cartulary_repository::ImportState)| ImportCheckItem { path, state: state.as_str() };
    answer::ok(&ImportCheckAnswer { items: paths.into_iter().zip(states).map(item).collect() })
}

/// Takes one file: a new document, a new version, or nothing when it was taken before.
#[utoipa::path(tag = "imports", params(ImportFileQuery, ("id" = String, Path, description = "the run's id")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "the bytes"),
    responses((status = 200, description = "what became of it", body = ImportedFile)))]
#[put("/imports/{id}/files")]
pub async fn update_import_file(guarded: Guarded, body: web::Payload) -> Answer {
    let id = guarded.id()?;
    let FileQuery { path, path_raw, sequence } = file_query(guarded.request().query_string())?;
    let media_type = guarded.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    guarded.session().import_require(id).await?;
    let staged = body::stage(&guarded, body).await?.bytes.into_staged();
    let staged = staged.ok_or_else(|| RepositoryError::internal("a body was not staged"))?;
    let file = ImportFile { path, path_raw, staged, media_type, sequence, slot: None };
    let imported = guarded.session().import_file(id, file).await?;
    let (transaction, imported) = (imported.transaction, imported.value);
    let answered = ImportedFile {
        path: imported.path,
        state: imported.state.as_str(),
        document_id: imported.document_id,
        former_in_trash: imported.is_former_trashed,
    };
    answer::json(StatusCode::OK, &answered, |response| {
        response.insert_header((CARTULARY_TRANSACTION, transaction));
    })
}

/// Reads the query as bytes: a path need not be UTF-8.
fn file_query(query: &str) -> Result<FileQuery, ApiError> {
    let mut path = None;
    let mut found = FileQuery::default();
    for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        let value = value.replace('+', " ");
        let bytes: Vec<u8> = Cow::from(percent_decode_str(&value)).into_owned();
        match name {
            "path" => path = Some(bytes),
            "pathRaw" => found.path_raw = Some(bytes),
            "sequence" => {
                let number = value.parse().map_err(|_| ApiError::invalid_query(name, "is a number from 1"))?;
                found.sequence = Some(number);
            }
            _ => return Err(ApiError::invalid_query(name, "is not known here")),
        }
    }
    let path = path.ok_or_else(|| ApiError::invalid_query("path", "is missing"))?;
    match String::from_utf8(path) {
        Ok(path) => found.path = path,
        Err(error) => {
            found.path = String::from_utf8_lossy(error.as_bytes()).into_owned();
            found.path_raw = Some(error.into_bytes());
        }
    }
    Ok(found)
}

/// Ends a run and returns its report.
#[utoipa::path(tag = "imports", params(("id" = String, Path, description = "the run's id")),
    responses((status = 200, description = "the report", body = Import)))]
#[post("/imports/{id}/finish")]
pub async fn finish_import(guarded: Guarded) -> Answer {
    answer::ok(&Import::from(guarded.session().import_finish(guarded.id()?).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_keeps_its_bytes() {
        let read = |query: &str| file_query(query).map(|found| (found.path, found.path_raw)).unwrap();
        assert_eq!(read("path=a%2Fb%20c.pdf"), ("a/b c.pdf".into(), None));
        assert_eq!(read("path=%E9.pdf"), ("\u{fffd}.pdf".into(), Some(b"\xe9.pdf".to_vec())));
        assert_eq!(read("path=x.pdf&pathRaw=%E9"), ("x.pdf".into(), Some(b"\xe9".to_vec())));
        assert_eq!(file_query("path=a&sequence=7").unwrap().sequence, Some(7));
        assert!(file_query("path=a&sequence=-1").is_err());
        assert!(file_query("").is_err() && file_query("path=a&other=b").is_err());
    }
}
