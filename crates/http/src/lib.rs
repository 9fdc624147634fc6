//! The actix kit and the core routes of the REST interface `/api/v1`.
//!
//! A request passes one envelope (its name, who is at the other end, plain HTTP refused, rates, metrics,
//! security headers), then a handler. A handler takes [`Guarded`] and gets from it the [`cartulary_repository::Session`]
//! it acts in, the path, the query and the preconditions; it calls one service, and converts what it returns to wire
//! structs that stand beside it. Every refusal is an [`ApiError`], and there is one table of them.
//!
//! Invariants: no SQL, no file and no decision stands here; only this crate, the modules' routes and the server know
//! HTTP; a stored file is never answered so that a browser runs it as this office's own page.
//!
//! Modules mount routes of their own with [`ModuleRoutes`], using the same kit.

pub mod answer;
pub mod body;
pub mod conditional;
mod config;
pub mod disposition;
mod envelope;
mod error;
mod following;
mod forwarded;
mod guarded;
mod health;
pub mod idempotency;
mod metrics;
mod modules;
pub mod openapi;
mod outbound;
mod pace;
pub mod paging;
mod public_addresses;
mod query;
pub mod ranges;
mod rate_limit;
mod request_id;
mod routes;
mod security_headers;
mod serve;
mod shape;
mod state;
mod tls_gate;
pub mod upload;
pub mod waiting;
mod web_ui;

use actix_web::web::{self, ServiceConfig};

pub use config::{ConfigError, HttpConfig};
pub use error::{ApiError, CODES, Code};
pub use forwarded::{Peer, TrustedProxies};
pub use guarded::{Guarded, GuardedNewcomer, SESSION_COOKIE};
pub use modules::ModuleRoutes;
pub use outbound::{HttpWebhooks, OutboundConfig};
pub use request_id::RequestId;
pub use routes::object;
pub use serve::serve;
pub use state::{AppState, Parts};
pub use web_ui::{WebFile, WebUi};

/// Returns what puts the whole interface into an actix application.
///
/// # Example
/// ```no_run
/// # fn example(state: cartulary_http::AppState) {
/// let app = actix_web::App::new().configure(cartulary_http::configure(state));
/// # drop(app);
/// # }
/// ```
pub fn configure(state: AppState) -> impl FnOnce(&mut ServiceConfig) {
    move |config| {
        let inner = |inner: &mut ServiceConfig| routes::register(inner, &state);
        let scope = web::scope("").wrap(envelope::Envelope::new(state.clone())).configure(inner);
        config.app_data(web::Data::new(state)).service(scope);
    }
}
