//! The one middleware: what every request passes on its way in, and every answer on its way out.
//!
//! It is one and not eight so that the way of a simple read stays short: no boxed layer beside the one future, and no
//! allocation but the request's name.

use std::future::{Ready, ready};
use std::rc::Rc;
use std::time::{Duration, Instant};

use actix_web::body::BoxBody;
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::header::HeaderValue;
use actix_web::http::{Method, StatusCode};
use actix_web::{Error, HttpMessage};
use futures::future::LocalBoxFuture;
use tracing::{Instrument, Span};

use crate::error::ApiError;
use crate::forwarded::Peer;
use crate::request_id::{RequestId, X_REQUEST_ID};
use crate::routes::{label, uploads};
use crate::state::AppState;
use crate::{metrics, security_headers, tls_gate};

/// Says that a request routed as `GET` asks for the head only.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeadOnly;

/// An answer that took longer is logged. *Units*: milliseconds.
const SLOW_MS: u128 = 2_000;

/// Makes the middleware for each worker.
pub(crate) struct Envelope {
    state: AppState,
}

impl Envelope {
    pub(crate) const fn new(state: AppState) -> Self {
        Self { state }
    }
}

impl<S> Transform<S, ServiceRequest> for Envelope
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
    S::Future: 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type InitError = ();
    type Transform = Enveloped<S>;
    type Future = Ready<Result<Self::Transform, Self::InitError>>;

    fn new_transform(&self, service: S) -> Self::Future {
        ready(Ok(Enveloped { service: Rc::new(service), state: self.state.clone() }))
    }
}

/// The middleware around the routes.
pub(crate) struct Enveloped<S> {
    service: Rc<S>,
    state: AppState,
}

/// What is known of a request when its answer goes out.
struct Received {
    id: RequestId,
    peer: Peer,
    method: Method,
    route: &'static str,
    at: Instant,
}

impl<S> Service<ServiceRequest> for Enveloped<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<BoxBody>, Error = Error> + 'static,
    S::Future: 'static,
{
    type Response = ServiceResponse<BoxBody>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self::Response, Error>>;

    forward_ready!(service);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let received = Received {
            id: RequestId::of(request.headers()),
            peer: self.state.trusted_proxies().peer(request.head(), request.app_config().secure()),
            method: request.method().clone(),
            route: label::of(request.path()),
            at: Instant::now(),
        };
        if let Err(refusal) = self.admit(&received) {
            let answer = refusal.answer(Some(received.id.as_str()));
            let mut response = request.into_response(answer);
            received.dress(&mut response);
            return Box::pin(ready(Ok(response)));
        }
        if received.method == Method::HEAD {
            request.head_mut().method = Method::GET;
            request.extensions_mut().insert(HeadOnly);
        }
        let span = received.span();
        let answering = self.service.call(request);
        Box::pin(
            async move {
                let response = answering.await.map_err(|error| received.lost(error))?;
                let mut response = received.name_problem(response);
                received.dress(&mut response);
                Ok(response)
            }
            .instrument(span),
        )
    }
}

impl<S> Enveloped<S> {
    /// Lets through who may speak and does not speak too often.
    fn admit(&self, received: &Received) -> Result<(), ApiError> {
        tls_gate::check(&received.peer, self.state.tls_hint())?;
        let Some(address) = received.peer.address.filter(|address| !address.is_loopback()) else { return Ok(()) };
        self.state.requests().take(address, received.at).map_err(ApiError::too_many_requests)
    }
}

impl Received {
    /// Reads are far more than writes: their span is for those who look closely.
    fn span(&self) -> Span {
        if matches!(self.method, Method::GET | Method::HEAD) {
            tracing::debug_span!("request", request.id = %self.id, method = %self.method, route = self.route)
        } else {
            tracing::info_span!("request", request.id = %self.id, method = %self.method, route = self.route)
        }
    }

    /// Gives a problem the request's name, and makes problems of the framework's own errors; faults of ours are logged.
    fn name_problem(&self, response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
        let Some(error) = response.response().error() else { return response };
        let answer = match error.as_error::<ApiError>() {
            Some(error) => {
                self.log_fault(error);
                error.answer(Some(self.id.as_str()))
            }
            None => {
                let error = ApiError::of_status(response.status(), error.to_string());
                self.log_fault(&error);
                error.answer(Some(self.id.as_str()))
            }
        };
        response.into_response(answer)
    }

    fn log_fault(&self, error: &ApiError) {
        if let Some(cause) = error.cause() {
            let chain = cartulary_repository::error_chain(cause);
            tracing::error!(request.id = %self.id, route = self.route, code = error.code(), error = %chain, "cannot answer");
        }
    }

    fn lost(&self, error: Error) -> Error {
        tracing::error!(request.id = %self.id, route = self.route, error = %error, "a request was lost on its way");
        error
    }

    fn dress(&self, response: &mut ServiceResponse<BoxBody>) {
        let status = response.status();
        let headers = response.headers_mut();
        headers.insert(X_REQUEST_ID, self.id.header());
        if self.route.starts_with("/api/v1/uploads") {
            headers.insert(uploads::TUS_RESUMABLE, HeaderValue::from_static(uploads::TUS_VERSION));
        }
        security_headers::dress(headers, self.peer.is_secure);
        let took = self.at.elapsed();
        metrics::count(self.route, &self.method, status, took);
        self.log(status, took);
    }

    fn log(&self, status: StatusCode, took: Duration) {
        let duration_ms = took.as_millis();
        let status = status.as_u16();
        if duration_ms >= SLOW_MS || status >= 500 {
            tracing::warn!(request.id = %self.id, method = %self.method, route = self.route, status, duration_ms, "answered");
        } else {
            tracing::debug!(request.id = %self.id, method = %self.method, route = self.route, status, duration_ms, "answered");
        }
    }
}
