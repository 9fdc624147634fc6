//! For Prometheus: counts and durations of requests by route, and how the log, the index, the jobs and the store stand.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, get, web};
use cartulary_repository::Repository;
use metrics::{Counter, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::answer::Answer;
use crate::error::ApiError;
use crate::guarded::{bearer, same_secret};
use crate::state::AppState;

/// Upper bounds of the durations. *Units*: seconds.
const DURATION_BUCKETS: &[f64] = &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// The handles of one kind of request, kept so that counting one costs no search by text.
struct Handles {
    requests: Counter,
    duration: Histogram,
}

thread_local! {
    static HANDLES: RefCell<HashMap<(*const u8, Method, u16), Handles>> = RefCell::default();
}

/// Returns the recorder of the process, installing it at the first call.
pub(crate) fn recorder() -> PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER
        .get_or_init(|| {
            let builder = PrometheusBuilder::new();
            let name = Matcher::Suffix("duration_seconds".to_owned());
            let builder =
                builder.set_buckets_for_metric(name, DURATION_BUCKETS).unwrap_or_else(|_| PrometheusBuilder::new());
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            if metrics::set_global_recorder(recorder).is_err() {
                tracing::warn!("another recorder of metrics is installed: /metrics stays empty");
            }
            describe();
            handle
        })
        .clone()
}

/// Counts one answered request.
pub(crate) fn count(route: &'static str, method: &Method, status: StatusCode, took: Duration) {
    HANDLES.with_borrow_mut(|all| {
        let key = (route.as_ptr(), method.clone(), status.as_u16());
        let handles = all.entry(key).or_insert_with(|| Handles::new(route, method, status));
        handles.requests.increment(1);
        handles.duration.record(took.as_secs_f64());
    });
}

impl Handles {
    fn new(route: &'static str, method: &Method, status: StatusCode) -> Self {
        let method = if KNOWN_METHODS.contains(method) { method.to_string() } else { "other".to_owned() };
        let labels = [("route", route.to_owned()), ("method", method), ("status", status.as_u16().to_string())];
        Self {
            requests: metrics::counter!("cartulary_http_requests_total", &labels),
            duration: metrics::histogram!("cartulary_http_request_duration_seconds", "route" => route),
        }
    }
}

const KNOWN_METHODS: [Method; 7] =
    [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// Returns the metrics for Prometheus: to this machine, and to who has the token.
#[utoipa::path(tag = "health", responses((status = 200, description = "the metrics", content_type = "text/plain")))]
#[get("/metrics")]
pub async fn get_metrics(request: HttpRequest, state: web::Data<AppState>) -> Answer {
    let peer = state.trusted_proxies().peer(request.head(), request.app_config().secure());
    let has_token = match (state.metrics_token(), bearer(request.headers())) {
        (Some(token), Some(given)) => same_secret(token, given),
        _ => false,
    };
    let may_read = has_token || (peer.is_local() && !peer.is_proxied);
    if !may_read {
        return Err(ApiError::not_found("the page"));
    }
    look(state.repository()).await;
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(state.metrics().render()))
}

/// Takes down how the repository stands at this moment.
async fn look(repository: &Repository) {
    let figures = repository.figures().await;
    gauge!("cartulary_database_up").set(if figures.is_ok() { 1.0 } else { 0.0 });
    if let Ok(figures) = figures {
        gauge!("cartulary_log_position").set(as_gauge(figures.log_position));
        gauge!("cartulary_index_position").set(as_gauge(figures.index_position));
        let jobs = [("waiting", figures.jobs_waiting), ("running", figures.jobs_running), ("dead", figures.jobs_dead)];
        for (job_state, count) in jobs {
            gauge!("cartulary_jobs", "state" => job_state).set(as_gauge(count));
        }
    }
    for (target, age_seconds) in repository.backup_ages().await.unwrap_or_default() {
        gauge!("cartulary_backup_verified_age_seconds", "target" => target).set(as_gauge(age_seconds));
    }
    let counters = repository.blobs().counters();
    let failures =
        [("corrupt", counters.corrupt), ("unavailable", counters.unavailable), ("no_space", counters.no_space)];
    for (kind, count) in failures {
        counter!("cartulary_store_failures_total", "kind" => kind).absolute(count);
    }
    if let Some(free) = repository.blobs().free_bytes().await {
        gauge!("cartulary_store_free_bytes").set(as_gauge(free.cast_signed()));
    }
}

/// Says what the figures are, once.
fn describe() {
    describe_counter!("cartulary_http_requests_total", "Requests that were answered.");
    describe_histogram!("cartulary_http_request_duration_seconds", "How long answers took.");
    describe_gauge!("cartulary_database_up", "1 when the database answers.");
    describe_gauge!("cartulary_log_position", "The position of the newest change in the log.");
    describe_gauge!("cartulary_index_position", "The position up to which this node's index is true.");
    describe_gauge!("cartulary_jobs", "Jobs that are not done, by state; dead ones were given up.");
    describe_gauge!(
        "cartulary_backup_verified_age_seconds",
        "How old the last backup is that is whole and was read back, by target; absent where there is none."
    );
    describe_counter!("cartulary_store_failures_total", "How often the blob store failed since the start.");
    describe_gauge!("cartulary_store_free_bytes", "Free space where the blobs are kept.");
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, which no figure here reaches")]
const fn as_gauge(figure: i64) -> f64 {
    figure as f64
}
