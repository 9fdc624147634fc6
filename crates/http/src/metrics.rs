//! Counts and durations of requests by route, for Prometheus.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::Duration;

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, get, web};
use metrics::{Counter, Histogram};
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
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(state.metrics().render()))
}
