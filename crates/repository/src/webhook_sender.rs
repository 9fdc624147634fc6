//! What sends webhooks: contributed by whoever knows the protocol, so that the core needs to know none.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use cartulary_model::{ObjectId, Timestamp};

use crate::services::ChangeEntry;

/// What is sent.
#[derive(Clone, Debug)]
pub enum WebhookEvent {
    /// Changes after one position of the log up to another, in order.
    Changes {
        /// The position after which they stand.
        after: i64,
        /// The position up to which there are no others for this receiver.
        next: i64,
        /// The changes; at least one.
        entries: Vec<ChangeEntry>,
    },
    /// The office was restored: the log is another one. What follows begins after `after`; what was told of later
    /// positions of the earlier log may never have happened.
    LogReplaced {
        /// The identity of the earlier log.
        previous: String,
        /// The last position that both logs have.
        after: i64,
    },
    /// Nothing happened: somebody tries whether it arrives.
    Ping,
}

/// One sending.
#[derive(Clone)]
pub struct WebhookDelivery {
    /// Its id: the same whenever this is sent again, so that a receiver knows what it has.
    pub id: String,
    /// The webhook.
    pub webhook: ObjectId,
    /// Where it goes.
    pub url: String,
    /// The bytes that sign it.
    pub secret: Vec<u8>,
    /// The identity of the log that positions are of.
    pub log: String,
    /// When it is sent.
    pub at: Timestamp,
    /// What is sent.
    pub event: WebhookEvent,
}

impl std::fmt::Debug for WebhookDelivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookDelivery").field("id", &self.id).field("event", &self.event).finish_non_exhaustive()
    }
}

/// How a sending ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// It arrived.
    Delivered,
    /// It did not arrive, and may do so later.
    Failed {
        /// A stable code.
        code: &'static str,
        /// The same in words.
        detail: String,
        /// When the receiver wants to be asked again, at the earliest.
        retry_after: Option<Duration>,
    },
    /// The receiver wants no more.
    Gone,
    /// The address is one that nothing is sent to.
    AddressRefused {
        /// Why, in words.
        detail: String,
    },
}

/// Why nothing can be sent to an address: a stable code and words that speak of the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressFault {
    /// A stable code.
    pub code: &'static str,
    /// The same in words, such as "is no address".
    pub detail: String,
}

/// The future of a sending.
pub type SendingWebhook = Pin<Box<dyn Future<Output = SendOutcome> + Send>>;

/// Sends webhooks.
pub trait WebhookSender: Send + Sync {
    /// Says whether an address is one that could be sent to, without a look at the network.
    ///
    /// # Errors
    /// [`AddressFault`].
    fn check(&self, url: &str) -> Result<(), AddressFault>;

    /// Sends once, and says how it ended, in bounded time.
    fn send(&self, delivery: WebhookDelivery) -> SendingWebhook;
}

/// How webhooks are sent.
#[derive(Clone)]
pub struct WebhookRules {
    /// What sends them; without it none can be made, and those that are there wait.
    pub sender: Option<Arc<dyn WebhookSender>>,
    /// How long to wait after each failed try; after one more the delivery is given up.
    pub pauses: Vec<Duration>,
    /// How many changes are sent at once.
    pub changes_at_once: usize,
    /// How many deliveries that were given up are kept of one webhook; with as many it is paused, so that none is lost.
    pub dead_max: i64,
}

/// After a day, less a little, a delivery is given up.
const PAUSES_SECONDS: [u64; 8] = [5, 30, 120, 600, 1_800, 7_200, 21_600, 50_000];

impl Default for WebhookRules {
    fn default() -> Self {
        let pauses = PAUSES_SECONDS.into_iter().map(Duration::from_secs).collect();
        Self { sender: None, pauses, changes_at_once: 100, dead_max: 1_000 }
    }
}

impl std::fmt::Debug for WebhookRules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut written = f.debug_struct("WebhookRules");
        written.field("sends", &self.sender.is_some()).field("pauses", &self.pauses).finish_non_exhaustive()
    }
}
