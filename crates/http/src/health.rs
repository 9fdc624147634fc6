//! Whether the office lives, and whether it can work: for service managers and balancers.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::{self, Answer};
use crate::error::ApiError;
use crate::state::AppState;

/// Whether the process answers.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Liveness {
    /// Always `live`.
    status: &'static str,
}

/// Whether the office can work.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Readiness {
    /// `ready`; `degraded`, when it works and somebody should look at it; or `unready`.
    status: &'static str,
    /// What was looked at.
    checks: Vec<Check>,
}

/// One thing that was looked at.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// What.
    name: String,
    /// Whether it can be worked with.
    ok: bool,
    /// Whether somebody should look at it, though it can be worked with.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    degraded: bool,
    /// Why not, or how well; told to this machine only.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Says that the process answers.
#[utoipa::path(tag = "health", responses((status = 200, description = "it answers", body = Liveness)))]
#[get("/health/live")]
pub async fn get_liveness() -> Answer {
    answer::ok(&Liveness { status: "live" })
}

/// Says whether the office can work, and if not, why.
#[utoipa::path(tag = "health", responses(
    (status = 200, description = "it can", body = Readiness),
    (status = 503, description = "it cannot", body = Readiness),
))]
#[get("/health/ready")]
pub async fn get_readiness(request: HttpRequest, state: web::Data<AppState>) -> Answer {
    let health = state.repository().health().await;
    let peer = state.trusted_proxies().peer(request.head(), request.app_config().secure());
    let tells_reasons = peer.is_local() && !peer.is_proxied;
    let checks: Vec<Check> = health
        .checks
        .into_iter()
        .map(|check| Check {
            name: check.name.to_owned(),
            ok: check.ok,
            degraded: check.is_degraded,
            reason: Some(check.reason).filter(|reason| tells_reasons && !reason.is_empty()),
        })
        .collect();
    let is_ready = checks.iter().all(|check| check.ok);
    let is_degraded = checks.iter().any(|check| check.degraded);
    let (status, word) = match (is_ready, is_degraded) {
        (true, false) => (StatusCode::OK, "ready"),
        (true, true) => (StatusCode::OK, "degraded"),
        (false, _) => (StatusCode::SERVICE_UNAVAILABLE, "unready"),
    };
    answer::json(status, &Readiness { status: word, checks }, |_| {})
}

/// Answers what no route takes: 405 when other methods would be taken, else 404.
pub(crate) async fn nothing_here(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    match crate::routes::methods_at(request.path()) {
        Some(allowed) => Err(ApiError::method_not_allowed(&allowed)),
        None => Err(ApiError::not_found("the page")),
    }
}
