//! `/audit-entries` and `/seals`: the log as an auditor reads it, and what proves it to others.

use actix_web::{HttpResponse, get, post};
use cartulary_model::{ObjectId, Timestamp};
use cartulary_repository as repository;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer, CARTULARY_TRANSACTION};
use crate::error::ApiError;
use crate::guarded::Guarded;
use crate::routes::object::Page;
use crate::routes::users::WindowQuery;
use crate::{paging, waiting};

/// Which entries are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// The position to go on from; 0 is the beginning.
    #[serde(default)]
    after: i64,
    /// How many, 1 to 1,000; 50 unless given.
    limit: Option<u64>,
    /// Waits until the log knows this transaction.
    wait_for: Option<String>,
}

/// A stretch of the log with its values.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditPage {
    /// The entries, in order.
    items: Vec<AuditEntry>,
    /// The position to go on from; the same as `after` at the end.
    next: i64,
}

/// An entry of the log with its values.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// Its place in the log.
    position: i64,
    /// The transaction that it was part of.
    transaction: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What happened: a change, or an event as `read`, `signed_in`, `declared`, `sealed`.
    kind: String,
    /// Whether it is an event of the audit trail only, and no change.
    audit_only: bool,
    /// The object.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    object_id: Option<ObjectId>,
    /// By whom: the user name.
    by: String,
    /// The values before: the JSON text that the digest was taken of.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    /// The values after: the JSON text that the digest was taken of.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<String>,
    /// What else belongs to it: the JSON text that the digest was taken of.
    detail: String,
}

/// A seal over a stretch of the log.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Seal {
    /// The day (UTC) on which it was set, with `-2` and so on after it when it is not that day's first.
    label: String,
    /// The first entry that it holds.
    first_position: i64,
    /// The last.
    last_position: i64,
    /// The root of the tree over the chain hashes of these entries (RFC 6962 §2.1): 64 lower-case hex digits, to be
    /// published.
    merkle_root: String,
}

/// The proof that an entry stands in the log as it was sealed; `scripts/verify-proof` checks it with nothing else but the
/// root.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditProof {
    /// The entry.
    entry: AuditEntry,
    /// The number under which the values name who did it.
    principal_number: i64,
    /// The instant of the entry. *Units*: milliseconds since 1970-01-01T00:00:00Z.
    at_ms: i64,
    /// The chain hash of the entry before it; zeros before the first.
    previous_chain: String,
    /// The entry's own chain hash: SHA-256 over the one before, the position (8 bytes, big-endian) and the digest of the
    /// values.
    chain: String,
    /// The seal that holds it.
    seal: Seal,
    /// The hashes beside the way from the entry to the root, nearest first.
    path: Vec<String>,
}

impl From<repository::AuditEntry> for AuditEntry {
    fn from(entry: repository::AuditEntry) -> Self {
        Self {
            position: entry.position,
            transaction: entry.transaction,
            at: entry.at,
            kind: entry.kind,
            audit_only: entry.audit_only,
            object_id: entry.object_id,
            by: entry.by.name,
            before: entry.before,
            after: entry.after,
            detail: entry.detail,
        }
    }
}

impl From<repository::Seal> for Seal {
    fn from(seal: repository::Seal) -> Self {
        Self {
            label: seal.label,
            first_position: seal.first_position,
            last_position: seal.last_position,
            merkle_root: hex::encode(seal.merkle_root),
        }
    }
}

impl From<repository::AuditProof> for AuditProof {
    fn from(proof: repository::AuditProof) -> Self {
        Self {
            at_ms: proof.entry.at.as_millis(),
            entry: proof.entry.into(),
            principal_number: proof.principal_no,
            previous_chain: hex::encode(&proof.previous_chain),
            chain: hex::encode(&proof.chain),
            seal: proof.seal.into(),
            path: proof.path.iter().map(hex::encode).collect(),
        }
    }
}

/// Lists entries of the log with their values, for administrators.
#[utoipa::path(tag = "audit", params(AuditQuery), responses((status = 200, description = "a stretch", body = AuditPage)))]
#[get("/audit-entries")]
pub async fn list_audit_entries(guarded: Guarded) -> Answer {
    guarded.session().require_administrator()?;
    let query: AuditQuery = guarded.query()?;
    let window = paging::window(query.limit, None, None)?;
    if query.after < 0 {
        return Err(ApiError::invalid_query("after", "is a position of the log"));
    }
    waiting::sequenced(&guarded, query.wait_for.as_deref()).await?;
    let (entries, next) = guarded.session().audit_list(query.after, window.limit).await?;
    answer::ok(&AuditPage { items: entries.into_iter().map(AuditEntry::from).collect(), next })
}

/// Proves that an entry stands in the log as it was sealed, for administrators.
#[utoipa::path(tag = "audit", params(("position" = i64, Path, description = "the entry's place in the log")),
    responses((status = 200, description = "the proof", body = AuditProof),
        (status = 409, description = "`not_sealed`: it stands after the last seal")))]
#[get("/audit-entries/{position}/proof")]
pub async fn get_audit_proof(guarded: Guarded) -> Answer {
    let position: i64 = guarded.segment("position")?;
    answer::ok(&AuditProof::from(guarded.session().audit_proof(position).await?))
}

/// Lists the seals, the newest first, for administrators.
#[utoipa::path(tag = "audit", params(WindowQuery), responses((status = 200, description = "a window", body = Page<Seal>)))]
#[get("/seals")]
pub async fn list_seals(guarded: Guarded) -> Answer {
    let query: WindowQuery = guarded.query()?;
    answer::ok(&Page::<Seal>::of(guarded.session().seal_list(query.window()?).await?))
}

/// Seals what was committed so far, for administrators; the office does so by itself each day.
#[utoipa::path(tag = "audit", responses(
    (status = 201, description = "sealed", body = Seal),
    (status = 204, description = "nothing happened since the last seal")))]
#[post("/seals")]
pub async fn create_seal(guarded: Guarded) -> Answer {
    match guarded.session().seal_create().await? {
        None => Ok(HttpResponse::NoContent().finish()),
        Some(sealed) => answer::json(actix_web::http::StatusCode::CREATED, &Seal::from(sealed.value), |response| {
            response.insert_header((CARTULARY_TRANSACTION, sealed.transaction.as_str()));
        }),
    }
}
