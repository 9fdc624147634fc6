//! What was sent by webhooks: listed, and sent again.

use cartulary_db::Conn;
use cartulary_model::Timestamp;

use crate::object::{WINDOW_ROWS_MAX, Window, WindowRequest, Written};
use crate::services::folders::window;
use crate::services::webhooks::note;
use crate::store::webhooks::{self, DeliveryRow};
use crate::{RepositoryError, Result, Session};

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is to be sent, or sent again.
    Pending,
    /// It arrived. The newest hundred are kept.
    Delivered,
    /// It was given up.
    Dead,
}

impl DeliveryState {
    const fn stored(self) -> &'static str {
        match self {
            Self::Pending => webhooks::PENDING,
            Self::Delivered => webhooks::DELIVERED,
            Self::Dead => webhooks::DEAD,
        }
    }
}

/// A delivery: a stretch of the log, not what it said.
#[derive(Clone, Debug)]
pub struct DeliveryView {
    /// Its id, which the receiver is told.
    pub id: String,
    /// `changes` or `log_replaced`.
    pub kind: String,
    /// The position after which its changes stand.
    pub after: i64,
    /// The position up to which they stand.
    pub next: i64,
    /// What became of it.
    pub state: DeliveryState,
    /// How often it was tried.
    pub attempts: u64,
    /// Why it did not arrive at the last try: a stable code.
    pub code: Option<String>,
    /// The same in words.
    pub detail: Option<String>,
    /// When it was gathered.
    pub created_at: Timestamp,
    /// When it arrived or was given up.
    pub finished_at: Option<Timestamp>,
}

impl Session {
    /// Returns a window of a webhook's deliveries of one state, oldest first.
    ///
    /// # Errors
    /// `NotFound`, also for another person's webhook.
    pub async fn webhook_deliveries(
        &self,
        id: &str,
        state: DeliveryState,
        request: WindowRequest,
    ) -> Result<Window<DeliveryView>> {
        let (session, id) = (self.clone(), id.to_owned());
        let limit = i64::try_from(request.limit.min(WINDOW_ROWS_MAX)).unwrap_or(i64::MAX);
        let read = move |conn: &mut Conn| -> Result<Window<DeliveryView>> {
            let row = session.webhook_row(conn, &id)?;
            let offset = i64::try_from(request.offset).unwrap_or(i64::MAX);
            let (total, rows) = webhooks::deliveries(conn, row.no, state.stored(), offset, limit)?;
            Ok(window(total.unsigned_abs(), rows.into_iter().map(view).collect(), request))
        };
        self.repository.database().read(read).await
    }

    /// Has one delivery sent again under its id, before what comes after it; one that waits is tried at once. What is told
    /// is what its owner may see then.
    ///
    /// # Errors
    /// `Forbidden` without `HaveWebhooks`; `NotFound`, also for another person's webhook.
    pub async fn webhook_replay(&self, id: &str, delivery: &str) -> Result<Written<DeliveryView>> {
        let (session, id, delivery) = (self.clone(), id.to_owned(), delivery.to_owned());
        let written = self
            .transact(move |tx| {
                let row = session.webhook_row(tx.conn, &id)?;
                session.require_webhooks(tx.conn, tx.now)?;
                let mut hook = webhooks::locked(tx.conn, row.no)?.ok_or_else(no_delivery)?;
                let mut sent = webhooks::delivery_by_id(tx.conn, hook.no, &delivery)?.ok_or_else(no_delivery)?;
                sent.state = webhooks::PENDING.to_owned();
                (sent.attempts, sent.finished_at) = (0, None);
                webhooks::put_delivery(tx.conn, &sent)?;
                hook.next_at = 0;
                webhooks::put_progress(tx.conn, &hook)?;
                note(tx, "replay", &id, None)?;
                Ok(view(sent))
            })
            .await?;
        self.repository.inner.webhooks_wanted.notify_one();
        Ok(written)
    }

    /// Has all deliveries that were given up sent again, in their order; returns how many they are.
    ///
    /// # Errors
    /// As [`Session::webhook_replay`].
    pub async fn webhook_replay_dead(&self, id: &str) -> Result<Written<u64>> {
        let (session, id) = (self.clone(), id.to_owned());
        let written = self
            .transact(move |tx| {
                let row = session.webhook_row(tx.conn, &id)?;
                session.require_webhooks(tx.conn, tx.now)?;
                let mut hook = webhooks::locked(tx.conn, row.no)?.ok_or_else(no_delivery)?;
                let count = webhooks::replay_dead(tx.conn, hook.no)?;
                hook.next_at = 0;
                webhooks::put_progress(tx.conn, &hook)?;
                note(tx, "replay", &id, None)?;
                Ok(count as u64)
            })
            .await?;
        self.repository.inner.webhooks_wanted.notify_one();
        Ok(written)
    }
}

fn no_delivery() -> RepositoryError {
    RepositoryError::not_found("the delivery")
}

fn view(row: DeliveryRow) -> DeliveryView {
    let state = match row.state.as_str() {
        webhooks::PENDING => DeliveryState::Pending,
        webhooks::DELIVERED => DeliveryState::Delivered,
        _ => DeliveryState::Dead,
    };
    DeliveryView {
        id: row.id,
        kind: row.kind,
        after: row.after_position,
        next: row.to_position,
        state,
        attempts: row.attempts.unsigned_abs(),
        code: row.code,
        detail: row.detail,
        created_at: Timestamp::from_millis(row.created_at),
        finished_at: row.finished_at.map(Timestamp::from_millis),
    }
}
