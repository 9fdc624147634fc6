//! Upkeep of a running office by its administrators: a check of everything, begun and watched over HTTP.
//!
//! `POST /api/v1/maintenance/verifications` begins a check, `GET /api/v1/maintenance/verifications/current` says how far it is.
//! One check runs at a time; its findings stay until the next one begins or the office closes.

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::{get, post, web};
use anyhow::bail;
use cartulary_http::answer::{self, Answer};
use cartulary_http::openapi::Document;
use cartulary_http::{ApiError, Guarded, ModuleRoutes, body};
use cartulary_repository::{Repository, RepositoryError, VerifyOptions, error_chain};
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::task::JoinHandle;
use utoipa::ToSchema;

use crate::cli::verify::Findings;
use crate::client::Client;
use crate::contact::{Outage, Standing};
use crate::output;

const NAME: &str = "maintenance";
/// How long an office that went away in the middle is asked again: the check goes on only in the same process.
const OUTAGE_MAX: Duration = Duration::from_secs(20);
/// When it is told first that the office does not answer, and then how often.
const OUTAGE_TOLD_AFTER: Duration = Duration::from_secs(1);
const OUTAGE_TOLD_EVERY: Duration = Duration::from_secs(5);
/// How often the command asks how far the check is.
const ASK_EVERY: Duration = Duration::from_millis(200);
const ASK_EVERY_AT_MOST: Duration = Duration::from_secs(2);

/// How far a check is.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    /// `none`, `running`, `done` or `failed`.
    state: String,
    /// Blobs looked at so far.
    blobs_checked: u64,
    /// Their bytes.
    bytes_checked: u64,
    /// What was found, when it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object)]
    findings: Option<Findings>,
    /// Why it could not be done, when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// How thorough a check is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewVerification {
    /// Whether every blob is read and hashed again; true unless given.
    rehash: Option<bool>,
    /// Whether an index that disagrees is mended; true unless given.
    repair_index: Option<bool>,
    /// Whether only the change log is looked through: its values, its chain and its seals.
    #[serde(default)]
    log_only: bool,
}

/// The one check of this process.
#[derive(Default)]
struct Current {
    shown: Verification,
    task: Option<JoinHandle<()>>,
}

static CURRENT: LazyLock<Mutex<Current>> = LazyLock::new(Mutex::default);

fn with_current<T>(act: impl FnOnce(&mut Current) -> T) -> T {
    act(&mut CURRENT.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Returns the routes.
pub fn routes() -> ModuleRoutes {
    ModuleRoutes { name: NAME, configure, describe: Some(describe) }
}

fn configure(config: &mut web::ServiceConfig) {
    config.service(create_verification).service(get_verification);
}

fn describe(document: Document) -> Document {
    let prefix = "/api/v1/maintenance";
    document.add::<create_verification>(prefix).add::<get_verification>(prefix)
}

/// Begins a check of everything, unless one runs.
#[utoipa::path(tag = "maintenance", request_body = NewVerification,
    responses((status = 202, description = "it runs", body = Verification)))]
#[post("/verifications")]
pub async fn create_verification(guarded: Guarded, body: web::Payload) -> Answer {
    if !guarded.session().actor().is_administrator() {
        return Err(refusal());
    }
    let form: NewVerification = body::json(guarded.request(), body).await?;
    let options = VerifyOptions {
        rehash: form.rehash.unwrap_or(true),
        repair_index: form.repair_index.unwrap_or(true),
        log_only: form.log_only,
    };
    let repository = guarded.session().repository().clone();
    let shown = with_current(|current| {
        if current.shown.state != "running" {
            current.shown = Verification { state: "running".to_owned(), ..Verification::default() };
            current.task = Some(tokio::spawn(check(repository, options)));
        }
        current.shown.clone()
    });
    answer::json(StatusCode::ACCEPTED, &shown, |_| {})
}

/// Says how far the check is, or what the last one found.
#[utoipa::path(tag = "maintenance", responses((status = 200, description = "the check", body = Verification)))]
#[get("/verifications/current")]
pub async fn get_verification(guarded: Guarded) -> Answer {
    if !guarded.session().actor().is_administrator() {
        return Err(refusal());
    }
    let mut shown = with_current(|current| current.shown.clone());
    if shown.state.is_empty() {
        shown.state = "none".to_owned();
    }
    answer::ok(&shown)
}

fn refusal() -> ApiError {
    RepositoryError::Forbidden { permission: "administrator".to_owned() }.into()
}

async fn check(repository: Repository, options: VerifyOptions) {
    let begun = Instant::now();
    let progress = |progress: cartulary_repository::VerifyProgress| {
        with_current(|current| {
            current.shown.blobs_checked = progress.blobs_checked;
            current.shown.bytes_checked = progress.bytes_checked;
        });
    };
    let outcome = repository.verify(options, progress).await;
    with_current(|current| match outcome {
        Ok(report) => {
            current.shown.state = "done".to_owned();
            current.shown.findings = Some(Findings::of(report, begun.elapsed()));
        }
        Err(error) => {
            tracing::error!(error = %error_chain(&error), "the check of everything failed");
            current.shown.state = "failed".to_owned();
            current.shown.reason = Some(error_chain(&error));
        }
    });
}

/// Breaks a running check off; for when the office closes.
pub async fn stop() {
    let task = with_current(|current| current.task.take());
    if let Some(task) = task {
        task.abort();
        let _ = task.await;
    }
}

/// Asks a running office to check itself, and waits for what it finds.
///
/// # Errors
/// The office cannot be reached, refuses, or could not check.
pub async fn ask(client: &Client, options: VerifyOptions) -> anyhow::Result<Findings> {
    let path = "/api/v1/maintenance/verifications";
    let body = json!({ "rehash": options.rehash, "repairIndex": options.repair_index, "logOnly": options.log_only });
    let in_words = |error: crate::client::CallError| anyhow::anyhow!(error.in_words());
    let client = client.clone().waiting(OUTAGE_MAX);
    let mut shown: Verification = client.once(Method::POST, path, Some(&body)).await.map_err(in_words)?;
    let (mut pause, current) = (ASK_EVERY, format!("{path}/current"));
    loop {
        match (shown.state.as_str(), shown.findings.take()) {
            ("running", _) => tokio::time::sleep(pause).await,
            ("done", Some(findings)) => return Ok(findings),
            ("none", _) => bail!("the office was started anew while it checked itself; ask again"),
            _ => bail!("the office could not check itself: {}", shown.reason.unwrap_or_default()),
        }
        pause = pause.saturating_mul(2).min(ASK_EVERY_AT_MOST);
        let asking = client.patiently(Method::GET, &current, None);
        shown = tell_outages(&client, asking).await.map_err(in_words)?;
    }
}

/// Waits for an answer, and says when the office does not answer, and how long it is still asked.
async fn tell_outages<T>(client: &Client, asking: impl Future<Output = T>) -> T {
    let mut asking = std::pin::pin!(asking);
    let mut pause = OUTAGE_TOLD_AFTER;
    loop {
        tokio::select! {
            answer = &mut asking => return answer,
            () = tokio::time::sleep(pause) => {}
        }
        pause = OUTAGE_TOLD_EVERY;
        match client.contact().standing() {
            Standing::Answers => pause = OUTAGE_TOLD_AFTER,
            Standing::Quiet(_) => output::remark("the office is silent"),
            Standing::Lost(Outage { reason, gives_up_in, .. }) => {
                output::remark(&format!("{reason}; it is asked for another {} s", gives_up_in.as_secs()));
            }
        }
    }
}
