//! Sends webhooks: reads the change log from the place of each, with its owner's rights, in order, at least once.
//!
//! What is to be sent is written down before it is sent, as a stretch of the log under an id that stays; the place moves in
//! the transaction that records what became of it. One node at a time sends for a webhook, under a lease.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cartulary_db::Conn;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::bootstrap::parse_id;
use crate::services::webhooks::{filter_of, secret_of};
use crate::services::{Stretch, stretch};
use crate::store::changes;
use crate::store::webhooks::{self, DeliveryRow, NewDeliveryRow, WebhookRow};
use crate::webhook_sender::{SendOutcome, WebhookDelivery, WebhookEvent, WebhookRules, WebhookSender};
use crate::{Repository, RepositoryError, Result, Session};

/// For how long a webhook is this node's: longer than a sending takes. *Units*: milliseconds.
const LEASE_MS: i64 = 120_000;
/// How often due webhooks are looked for without news.
const IDLE: Duration = Duration::from_secs(1);
/// How long to wait for more after a first change.
const GATHER: Duration = Duration::from_millis(50);
/// For how many webhooks this node sends at once.
const AT_ONCE: usize = 16;
/// How many deliveries of one webhook follow each other before the others have their turn.
const IN_A_ROW: usize = 100;
/// From how many passed positions on that is written down.
const PASSED: i64 = 1_000;
/// How many deliveries that arrived are kept of each webhook.
const DELIVERED_KEPT: i64 = 100;
/// The longest pause that a receiver can ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3_600);

/// Sends until `stop` says so.
pub(crate) async fn run(repository: Repository, mut stop: watch::Receiver<bool>) {
    let rules = repository.inner.config.webhooks.clone();
    let Some(sender) = rules.sender.clone() else {
        let _ = stop.wait_for(|stops| *stops).await;
        return;
    };
    let owner = uuid::Uuid::now_v7().to_string();
    let (passed, served) = (Mutex::default(), Mutex::default());
    let node = Arc::new(Node { repository: repository.clone(), sender, rules, owner, passed, served });
    if !repository.is_shared()
        && let Err(error) = repository.database().write(|conn: &mut Conn| webhooks::release_all(conn)).await
    {
        crate::repository::log_error("leases of webhooks that an earlier process had end later", &error);
    }
    let mut commits = repository.database().commits();
    let mut running = JoinSet::new();
    loop {
        while running.try_join_next().is_some() {}
        commits.borrow_and_update();
        let due = node.due().await.unwrap_or_else(|error| {
            crate::repository::log_error("it is not known which webhooks are due", &error);
            Vec::new()
        });
        for no in due.into_iter().take(AT_ONCE.saturating_sub(running.len())) {
            let served = Served::begin(&node, no);
            running.spawn(async move { served.node.serve(no).await });
        }
        let is_busy = !running.is_empty();
        tokio::select! {
            _ = stop.changed() => break,
            _ = running.join_next(), if is_busy => {}
            () = repository.inner.webhooks_wanted.notified() => {}
            _ = commits.changed() => tokio::time::sleep(GATHER).await,
            () = tokio::time::sleep(IDLE) => {}
        }
    }
    running.abort_all();
    while running.join_next().await.is_some() {}
    let owner = node.owner.clone();
    if let Err(error) = repository.database().write(move |conn| webhooks::release(conn, &owner, None)).await {
        crate::repository::log_error("webhooks could not be given back", &error);
    }
}

/// What a node knows while it sends.
struct Node {
    repository: Repository,
    sender: Arc<dyn WebhookSender>,
    rules: WebhookRules,
    /// This node, in leases.
    owner: String,
    /// Up to where nothing was found to be told, by webhook, with the change token of the filter that looked.
    passed: Mutex<HashMap<i64, (i64, i64)>>,
    /// For which webhooks something is done here at this moment: a lease keeps off other nodes only.
    served: Mutex<BTreeSet<i64>>,
}

/// A webhook for which something is done here, until this is dropped.
struct Served {
    node: Arc<Node>,
    no: i64,
}

impl Served {
    fn begin(node: &Arc<Node>, no: i64) -> Self {
        node.served.lock().unwrap_or_else(PoisonError::into_inner).insert(no);
        Self { node: Arc::clone(node), no }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.node.served.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.no);
    }
}

/// What is to be done for a webhook next.
enum Next {
    /// Nothing now.
    Rest,
    /// This is to be written down first.
    Gather(NewStretch),
    /// This is to be sent.
    Send(Box<WebhookRow>, DeliveryRow),
}

/// What is to be written down.
enum NewStretch {
    /// Changes after a position, up to another one.
    Changes(i64, i64),
    /// That the log is another one.
    LogReplaced,
}

/// What a delivery comes to when its turn has come.
enum Prepared {
    /// It is sent.
    Ready(Box<WebhookDelivery>),
    /// There is nothing in it that its owner may see now.
    Nothing,
    /// Its owner may have no webhook: a stable code and words.
    NotAllowed(&'static str, &'static str),
}

impl Node {
    /// Returns the webhooks for which there is something to do, and moves on those for which there is not.
    async fn due(&self) -> Result<Vec<i64>> {
        let (repository, now) = (self.repository.clone(), self.repository.clock().now());
        let rows = repository.database().read(move |conn: &mut Conn| webhooks::due(conn, now.as_millis())).await?;
        let served = self.served.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut due = Vec::new();
        for row in rows.into_iter().filter(|row| !served.contains(&row.no)) {
            match self.next(row.no).await {
                Ok(Next::Rest) => {}
                Ok(Next::Gather(_) | Next::Send(..)) => due.push(row.no),
                // The others have their turn; this one ends as its own serving says.
                Err(error) => crate::repository::log_error("a webhook could not be looked at", &error),
            }
        }
        Ok(due)
    }

    /// Sends for one webhook as long as there is something, in order.
    async fn serve(&self, no: i64) {
        for _ in 0..IN_A_ROW {
            match self.step(no).await {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    crate::repository::log_error("a webhook waits", &error);
                    tokio::time::sleep(IDLE).await;
                    break;
                }
            }
        }
        let owner = self.owner.clone();
        let released = self.repository.database().write(move |conn| webhooks::release(conn, &owner, Some(no))).await;
        if let Err(error) = released {
            crate::repository::log_error("a webhook could not be given back", &error);
        }
    }

    /// Does what comes next for a webhook; says whether there may be more.
    async fn step(&self, no: i64) -> Result<bool> {
        let (owner, now) = (self.owner.clone(), self.repository.clock().now());
        let until = now.plus_millis(LEASE_MS).as_millis();
        let claim = move |conn: &mut Conn| webhooks::claim(conn, no, &owner, now.as_millis(), until);
        if !self.repository.database().write(claim).await? {
            return Ok(false);
        }
        match self.next(no).await? {
            Next::Rest => Ok(false),
            Next::Gather(new) => self.write_down(no, new).await.map(|()| true),
            Next::Send(row, delivery) => self.send(*row, delivery).await.map(|()| true),
        }
    }

    /// Looks what is to be done.
    async fn next(&self, no: i64) -> Result<Next> {
        let now = self.repository.clock().now().as_millis();
        let log = self.repository.inner.log_identity.clone();
        let look = move |conn: &mut Conn| -> Result<_> {
            let due = |row: &WebhookRow| row.state != webhooks::PAUSED && row.next_at <= now;
            let Some(row) = webhooks::by_no(conn, no)?.filter(due) else { return Ok(None) };
            let pending = webhooks::next_pending(conn, no)?;
            let end = changes::last_position(conn)?;
            Ok(Some((row, pending, end)))
        };
        let Some((row, pending, end)) = self.repository.database().read(look).await? else { return Ok(Next::Rest) };
        let tells_of_log = pending.as_ref().is_some_and(|pending| pending.kind == webhooks::LOG_REPLACED);
        if row.log_identity != log && !tells_of_log {
            return Ok(Next::Gather(NewStretch::LogReplaced));
        }
        if let Some(pending) = pending {
            return Ok(Next::Send(Box::new(row), pending));
        }
        let from = self.passed(&row).max(row.position);
        if from >= end {
            return Ok(Next::Rest);
        }
        let Some(session) = self.owner_of(&row).await? else {
            // Written down, it meets the owner's lock.
            return Ok(Next::Gather(NewStretch::Changes(row.position, end)));
        };
        let (filter, most) = (filter_of(&row.filter)?, self.rules.changes_at_once);
        let scan = move |conn: &mut Conn| stretch(&session, conn, &filter, (from, None), most);
        let Stretch { entries, next } = self.repository.database().read(scan).await?;
        if !entries.is_empty() {
            return Ok(Next::Gather(NewStretch::Changes(row.position, next)));
        }
        self.pass(&row, next).await?;
        if next < end { Box::pin(self.next(no)).await } else { Ok(Next::Rest) }
    }

    fn passed(&self, row: &WebhookRow) -> i64 {
        let passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        passed.get(&row.no).filter(|(token, _)| *token == row.change_token).map_or(0, |(_, position)| *position)
    }

    /// Remembers up to where nothing was to be told; writes it down when it is much.
    async fn pass(&self, row: &WebhookRow, next: i64) -> Result<()> {
        let (no, from) = (row.no, row.position);
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).insert(no, (row.change_token, next));
        if next - from >= PASSED {
            self.repository.database().write(move |conn| webhooks::pass_over(conn, no, from, next)).await?;
        }
        Ok(())
    }

    /// Returns a session of a webhook's owner; nothing when he is locked.
    async fn owner_of(&self, row: &WebhookRow) -> Result<Option<Session>> {
        match self.repository.session_of(row.owner_no).await {
            Ok(session) => Ok(Some(session)),
            Err(RepositoryError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes down what is to be sent, unless something else is meanwhile.
    async fn write_down(&self, no: i64, new: NewStretch) -> Result<()> {
        let (owner, log) = (self.owner.clone(), self.repository.inner.log_identity.clone());
        let now = self.repository.clock().now().as_millis();
        let write = move |conn: &mut Conn| -> Result<()> {
            let is_mine = |row: &WebhookRow| row.lease_owner.as_deref() == Some(&owner);
            let Some(row) = webhooks::locked(conn, no)?.filter(is_mine) else { return Ok(()) };
            let (kind, previous_log, after, to) = match new {
                NewStretch::Changes(after, to) => {
                    let is_open = row.log_identity == log && row.position == after;
                    if !is_open || webhooks::next_pending(conn, no)?.is_some() {
                        return Ok(());
                    }
                    (webhooks::CHANGES, None, after, to)
                }
                NewStretch::LogReplaced => {
                    // What waits of changes beyond the place is gathered again from the log as it is now.
                    webhooks::drop_pending_after(conn, no, row.position)?;
                    (webhooks::LOG_REPLACED, Some(row.log_identity.as_str()), row.position, row.position)
                }
            };
            let delivery = NewDeliveryRow {
                id: uuid::Uuid::now_v7().to_string(),
                webhook_no: no,
                kind,
                previous_log,
                after_position: after,
                to_position: to,
                state: webhooks::PENDING,
                created_at: now,
            };
            webhooks::insert_delivery(conn, &delivery)
        };
        self.repository.database().write(write).await
    }

    /// Sends a delivery and records what became of it.
    async fn send(&self, row: WebhookRow, delivery: DeliveryRow) -> Result<()> {
        let outcome = match self.prepare(&row, &delivery).await? {
            Prepared::Ready(ready) => self.sender.send(*ready).await,
            Prepared::Nothing => SendOutcome::Delivered,
            Prepared::NotAllowed(code, detail) => return self.pause(row.no, code, detail.to_owned()).await,
        };
        match outcome {
            SendOutcome::Delivered => self.conclude(row.no, delivery, None).await,
            SendOutcome::Failed { code, detail, retry_after } => {
                tracing::warn!(webhook.id = %row.id, delivery.id = %delivery.id, code, "a webhook was not delivered");
                self.conclude(row.no, delivery, Some((code, detail, retry_after))).await
            }
            SendOutcome::Gone => self.pause(row.no, "gone", "the receiver wants no more".to_owned()).await,
            SendOutcome::AddressRefused { detail } => self.pause(row.no, "address_refused", detail).await,
        }
    }

    /// Returns what a delivery says now, to its owner as he is now.
    async fn prepare(&self, row: &WebhookRow, delivery: &DeliveryRow) -> Result<Prepared> {
        let Some(session) = self.owner_of(row).await? else {
            return Ok(Prepared::NotAllowed("owner_locked", "the user whose webhook this is may not sign in"));
        };
        let now = self.repository.clock().now();
        let (after, to) = (delivery.after_position, delivery.to_position);
        let (filter, tells_changes) = (filter_of(&row.filter)?, delivery.kind == webhooks::CHANGES);
        let read = move |conn: &mut Conn| -> Result<Option<Stretch>> {
            match session.require_webhooks(conn, now) {
                Ok(()) if tells_changes => stretch(&session, conn, &filter, (after, Some(to)), usize::MAX).map(Some),
                Ok(()) => Ok(Some(Stretch::default())),
                Err(RepositoryError::Forbidden { .. }) => Ok(None),
                Err(error) => Err(error),
            }
        };
        let Some(found) = self.repository.database().read(read).await? else {
            let detail = "the user whose webhook this is may have none any more: `HaveWebhooks` on the root folder";
            return Ok(Prepared::NotAllowed("not_permitted", detail));
        };
        if tells_changes && found.entries.is_empty() {
            return Ok(Prepared::Nothing);
        }
        let event = if tells_changes {
            WebhookEvent::Changes { after, next: to, entries: found.entries }
        } else {
            WebhookEvent::LogReplaced { previous: delivery.previous_log.clone().unwrap_or_default(), after }
        };
        Ok(Prepared::Ready(Box::new(WebhookDelivery {
            id: delivery.id.clone(),
            webhook: parse_id(&row.id)?,
            url: row.url.clone(),
            secret: secret_of(row)?,
            log: self.repository.inner.log_identity.clone(),
            at: now,
            event,
        })))
    }

    /// Stops a webhook: what waits stays, and its place too.
    async fn pause(&self, no: i64, code: &'static str, detail: String) -> Result<()> {
        let owner = self.owner.clone();
        let write = move |conn: &mut Conn| -> Result<()> {
            let is_mine = |row: &WebhookRow| row.lease_owner.as_deref() == Some(&owner);
            let Some(mut row) = webhooks::locked(conn, no)?.filter(is_mine) else { return Ok(()) };
            row.state = webhooks::PAUSED.to_owned();
            (row.code, row.detail) = (Some(code.to_owned()), Some(detail.clone()));
            webhooks::put_progress(conn, &row)
        };
        self.repository.database().write(write).await
    }

    /// Records that a delivery arrived, or that it did not: then it is tried again after a pause, or given up.
    async fn conclude(
        &self,
        no: i64,
        delivery: DeliveryRow,
        failure: Option<(&'static str, String, Option<Duration>)>,
    ) -> Result<()> {
        let (owner, log) = (self.owner.clone(), self.repository.inner.log_identity.clone());
        let now = self.repository.clock().now();
        let pause = match &failure {
            Some((_, _, retry_after)) => self.pause_after(delivery.attempts, *retry_after)?,
            None => None,
        };
        let dead_max = self.rules.dead_max;
        let write = move |conn: &mut Conn| -> Result<()> {
            let is_mine = |row: &WebhookRow| row.lease_owner.as_deref() == Some(&owner);
            // If it is another node's now, that one sends it again.
            let Some(mut row) = webhooks::locked(conn, no)?.filter(is_mine) else { return Ok(()) };
            let mut sent = delivery.clone();
            sent.attempts += 1;
            let is_paused = row.state == webhooks::PAUSED;
            if let Some((code, detail, _)) = &failure {
                (sent.code, sent.detail) = (Some((*code).to_owned()), Some(detail.clone()));
                if !is_paused {
                    row.state = webhooks::FAILING.to_owned();
                    (row.code, row.detail) = (sent.code.clone(), sent.detail.clone());
                }
            } else {
                (sent.code, sent.detail) = (None, None);
                if !is_paused {
                    row.state = webhooks::ACTIVE.to_owned();
                    (row.code, row.detail) = (None, None);
                }
            }
            match pause {
                Some(pause_ms) => row.next_at = now.plus_millis(pause_ms).as_millis(),
                None => {
                    let state = if failure.is_some() { webhooks::DEAD } else { webhooks::DELIVERED };
                    (sent.state, sent.finished_at) = (state.to_owned(), Some(now.as_millis()));
                    row.next_at = 0;
                    row.position = row.position.max(sent.to_position);
                    row.log_identity.clone_from(&log);
                }
            }
            webhooks::put_delivery(conn, &sent)?;
            webhooks::forget_delivered(conn, no, DELIVERED_KEPT)?;
            if sent.state == webhooks::DEAD && webhooks::count_deliveries(conn, no, webhooks::DEAD)? >= dead_max {
                row.state = webhooks::PAUSED.to_owned();
                row.code = Some("too_many_dead".to_owned());
                row.detail = Some(format!("{dead_max} deliveries were given up: send them again, then go on"));
            }
            webhooks::put_progress(conn, &row)
        };
        self.repository.database().write(write).await
    }

    /// Returns how long to wait before the next try, a tenth more or less; nothing when there is none.
    fn pause_after(&self, tries: i64, retry_after: Option<Duration>) -> Result<Option<i64>> {
        let place = usize::try_from(tries).unwrap_or(usize::MAX);
        let Some(pause) = self.rules.pauses.get(place) else { return Ok(None) };
        let random = getrandom::u32().map_err(|error| RepositoryError::internal(error.to_string()))?;
        let parts = 900 + u128::from(random % 201);
        let jittered = pause.as_millis() * parts / 1_000;
        let asked = retry_after.unwrap_or_default().min(RETRY_AFTER_MAX).as_millis();
        Ok(Some(i64::try_from(jittered.max(asked)).unwrap_or(i64::MAX)))
    }
}
