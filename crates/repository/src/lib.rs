//! The core: the document model behind [`Session`] services.
//!
//! Data goes one way: a route calls a service, a service authorises, decides, and runs one transaction of rows, change,
//! audit and jobs through `store`. What follows from a change (text, index, feeds) happens after the commit, from the
//! change log, and can be repeated.
//!
//! Invariants: there is no unauthorised door; SQL stands in `store` only; this crate knows no HTTP, and nothing of the
//! modules above it.

mod access;
mod arranging;
mod authentication;
mod bootstrap;
mod clock;
mod declarations;
mod entries;
mod error;
mod faults;
mod feed;
mod listing;
mod module;
mod notifier;
mod object;
mod passwords;
mod policies;
mod repository;
mod scratch;
mod sequencer;
mod services;
mod session;
mod store;
#[cfg(test)]
mod testing;
mod transaction;
mod tries;
mod turns;
mod webhook_sender;
mod webhooks;
mod work;

pub use authentication::{AuthenticatedSession, SessionKind, SignIn, SignedIn};
pub use bootstrap::{ADMINISTRATORS, EVERYONE, READERS, STAFF, SYSTEM};
pub use clock::Clock;
pub use declarations::Catalogue;
pub use error::{QuotaExcess, RepositoryError, Result};
pub use faults::Faults;
pub use listing::{ListPlace, ListRequest, ListStart};
pub use module::{JobContext, JobError, JobFuture, JobHandler, Module};
pub use object::*;
pub use policies::SecurityPolicy;
pub use repository::{BootError, CORE_MIGRATIONS, Repository, RepositoryConfig};
pub use services::*;
pub use session::{Actor, Session};
pub use tries::peer_network;
pub use webhook_sender::{
    AddressFault, SendOutcome, SendingWebhook, WebhookDelivery, WebhookEvent, WebhookRules, WebhookSender,
};
pub use work::BackgroundTasks;

/// Returns an error's words with those of all its causes: "one: two: three".
pub fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        source = cause.source();
    }
    words
}
