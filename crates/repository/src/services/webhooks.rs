//! Webhooks: who is told of which changes at which address.

use cartulary_db::Conn;
use cartulary_model::permission::{BROWSE, HAVE_WEBHOOKS};
use cartulary_model::{BaseType, ChangeKind, ObjectId, Timestamp, Violation, key};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::bootstrap::parse_id;
use crate::object::{Current, Precondition, PrincipalName, WINDOW_ROWS_MAX, Window, WindowRequest, Written};
use crate::services::detail::name_of;
use crate::services::folders::window;
use crate::services::objects::{made_before, remember_made, request_digest};
use crate::store::webhooks::{self, NewWebhookRow, WebhookRow};
use crate::store::{changes, objects, principals};
use crate::transaction::{Change, Tx};
use crate::webhook_sender::{SendOutcome, WebhookDelivery, WebhookEvent, WebhookSender};
use crate::{Faults, RepositoryError, Result, Session};

/// How long a name may be. *Units*: characters.
const NAME_MAX: usize = 200;
/// How long an address may be. *Units*: bytes.
const URL_MAX: usize = 2_000;
/// How many types one may ask for.
const TYPES_MAX: usize = 100;
/// How many webhooks one user has at most.
const OF_USER_MAX: i64 = 50;
/// How many bytes sign what is sent.
const SECRET_BYTES: usize = 32;
/// What may be told.
const KINDS: [ChangeKind; 10] = [
    ChangeKind::Created,
    ChangeKind::Updated,
    ChangeKind::Moved,
    ChangeKind::Versioned,
    ChangeKind::Trashed,
    ChangeKind::Restored,
    ChangeKind::Destroyed,
    ChangeKind::Security,
    ChangeKind::Rendition,
    ChangeKind::Noted,
];

/// Which changes a webhook tells; what is empty leaves nothing out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookFilter {
    /// The kinds of change: words of [`ChangeKind`].
    pub kinds: Vec<String>,
    /// The types of the objects, with those that inherit from them.
    pub types: Vec<String>,
    /// The folder in which, however deep, the objects lie, or which they left.
    pub folder: Option<ObjectId>,
}

impl WebhookFilter {
    pub(crate) fn takes_kind(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|wanted| wanted == kind)
    }
}

/// How it stands with a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookState {
    /// What was sent last arrived.
    Active,
    /// What was sent last did not arrive; it is tried again.
    Failing,
    /// Nothing is sent until somebody says so.
    Paused,
}

/// A webhook.
#[derive(Clone, Debug)]
pub struct WebhookView {
    /// Its id.
    pub id: ObjectId,
    /// With whose rights it looks.
    pub owner: PrincipalName,
    /// What people call it.
    pub name: String,
    /// Where it sends.
    pub url: String,
    /// What it tells.
    pub filter: WebhookFilter,
    /// How it stands with it.
    pub state: WebhookState,
    /// Why it is paused or failing: a stable code.
    pub code: Option<String>,
    /// The same in words.
    pub detail: Option<String>,
    /// The log that the position is of.
    pub log: String,
    /// What became of all changes up to here is known.
    pub position: i64,
    /// How many deliveries were given up.
    pub dead_count: u64,
    /// When it is tried next, at the earliest.
    pub next_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Another with every change by people.
    pub change_token: i64,
}

/// The secret of a webhook, told once.
#[derive(Clone)]
pub struct WebhookSecret(String);

impl WebhookSecret {
    fn generate() -> Result<Self> {
        let mut bytes = [0_u8; SECRET_BYTES];
        getrandom::fill(&mut bytes).map_err(|error| RepositoryError::internal(error.to_string()))?;
        Ok(Self(hex::encode(bytes)))
    }

    /// Returns the bytes.
    ///
    /// # Errors
    /// `Internal` when they are not readable.
    pub fn bytes(&self) -> Result<Vec<u8>> {
        hex::decode(&self.0).map_err(RepositoryError::internal)
    }
}

impl std::fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

/// A webhook to make.
#[derive(Clone, Debug, Default)]
pub struct NewWebhook {
    /// What people call it.
    pub name: String,
    /// Where it sends.
    pub url: String,
    /// What it tells.
    pub filter: WebhookFilter,
    /// The position of the log after which it begins; the present end unless given.
    pub after: Option<i64>,
    /// Whether it waits until somebody lets it begin.
    pub paused: bool,
    /// A repeated request with the same key finds what the first made.
    pub idempotency_key: Option<String>,
}

/// Changes to a webhook; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct WebhookChanges {
    /// What people call it.
    pub name: Option<String>,
    /// Where it sends.
    pub url: Option<String>,
    /// What it tells.
    pub filter: Option<WebhookFilter>,
    /// Whether it waits.
    pub paused: Option<bool>,
}

/// How a try ended.
#[derive(Clone, Debug)]
pub struct PingOutcome {
    /// The id under which it was sent.
    pub delivery: String,
    /// Why it did not arrive: a stable code; nothing when it did.
    pub code: Option<String>,
    /// The same in words.
    pub detail: Option<String>,
}

impl Session {
    /// Makes a webhook of the caller's and returns it with its secret, which is told only now: a repeated request finds the
    /// webhook without it.
    ///
    /// # Errors
    /// `Forbidden` without `HaveWebhooks` on the root folder; `Invalid` with all that is wrong; `NotFound` for a folder that
    /// the caller may not know of; `Conflict` `too_many_webhooks`, `webhooks_are_off`.
    pub async fn webhook_create(&self, new: NewWebhook) -> Result<Written<(WebhookView, Option<WebhookSecret>)>> {
        let (session, secret) = (self.clone(), WebhookSecret::generate()?);
        let filter = filter_json(&new.filter)?;
        let digest = request_digest(&json!(["webhook", new.name, new.url, filter, new.after, new.paused]));
        let written = self
            .transact(move |tx| {
                let key = new.idempotency_key.as_deref();
                if let Some(id) = made_before(tx, key, &digest)? {
                    let row = session.webhook_row(tx.conn, &id.to_string())?;
                    return Ok((session.webhook_view(tx.conn, row)?, None));
                }
                session.require_webhooks(tx.conn, tx.now)?;
                let end = changes::last_position(tx.conn)?;
                let mut faults = Faults::default();
                if new.after.is_some_and(|after| after < 0 || after > end) {
                    let detail = format!("is no position of the log, which has 0 to {end}");
                    faults.say("after", "no_position", detail);
                }
                let (name, url) = (Some(new.name.as_str()), Some(new.url.as_str()));
                session.check_webhook(tx, name, url, Some(&new.filter), faults)?;
                if webhooks::count_of(tx.conn, session.actor.no)? >= OF_USER_MAX {
                    let detail = format!("one user has at most {OF_USER_MAX} webhooks: delete one first");
                    return Err(RepositoryError::conflict("too_many_webhooks", detail));
                }
                let id = ObjectId::generate().to_string();
                let row = NewWebhookRow {
                    id: &id,
                    owner_no: session.actor.no,
                    name: &new.name,
                    url: &new.url,
                    secret: &secret.0,
                    filter: &filter,
                    state: if new.paused { webhooks::PAUSED } else { webhooks::ACTIVE },
                    created_at: tx.now.as_millis(),
                    log_identity: &session.repository.inner.log_identity,
                    position: new.after.unwrap_or(end),
                };
                webhooks::insert(tx.conn, &row)?;
                note(tx, "create", &id, Some(&new.url))?;
                remember_made(tx, key, &digest, &id)?;
                let row = session.webhook_row(tx.conn, &id)?;
                Ok((session.webhook_view(tx.conn, row)?, Some(secret.clone())))
            })
            .await?;
        self.repository.inner.webhooks_wanted.notify_one();
        Ok(written)
    }

    /// Returns a window of webhooks, oldest first: one's own, for administrators all.
    ///
    /// # Errors
    /// The database's.
    pub async fn webhook_list(&self, request: WindowRequest) -> Result<Window<WebhookView>> {
        let session = self.clone();
        let of = (!self.actor.is_administrator).then_some(self.actor.no);
        let limit = i64::try_from(request.limit.min(WINDOW_ROWS_MAX)).unwrap_or(i64::MAX);
        let read = move |conn: &mut Conn| -> Result<Window<WebhookView>> {
            let offset = i64::try_from(request.offset).unwrap_or(i64::MAX);
            let (total, rows) = webhooks::window(conn, of, offset, limit)?;
            let items = rows.into_iter().map(|row| session.webhook_view(conn, row)).collect::<Result<Vec<_>>>()?;
            Ok(window(total.unsigned_abs(), items, request))
        };
        self.repository.database().read(read).await
    }

    /// Returns one webhook.
    ///
    /// # Errors
    /// `NotFound`, also for another person's.
    pub async fn webhook_get(&self, id: &str) -> Result<WebhookView> {
        let (session, id) = (self.clone(), id.to_owned());
        let read = move |conn: &mut Conn| {
            let row = session.webhook_row(conn, &id)?;
            session.webhook_view(conn, row)
        };
        self.repository.database().read(read).await
    }

    /// Changes a webhook: where it sends and what it tells, or whether it waits. One that goes on begins where it stopped.
    ///
    /// # Errors
    /// As [`Session::webhook_create`]; `NotFound`, also for another person's; `Stale`.
    pub async fn webhook_update(
        &self,
        id: &str,
        precondition: Precondition,
        changes: WebhookChanges,
    ) -> Result<Written<WebhookView>> {
        let (session, id) = (self.clone(), id.to_owned());
        let written = self
            .transact(move |tx| {
                let mut row = session.webhook_for_change(tx, &id, &precondition)?;
                session.require_webhooks(tx.conn, tx.now)?;
                let (name, url) = (changes.name.as_deref(), changes.url.as_deref());
                session.check_webhook(tx, name, url, changes.filter.as_ref(), Faults::default())?;
                if let Some(name) = &changes.name {
                    row.name.clone_from(name);
                }
                if let Some(url) = &changes.url {
                    row.url.clone_from(url);
                }
                if let Some(filter) = &changes.filter {
                    row.filter = filter_json(filter)?;
                }
                match changes.paused {
                    Some(true) => row.state = webhooks::PAUSED.to_owned(),
                    Some(false) => {
                        row.state = webhooks::ACTIVE.to_owned();
                        (row.code, row.detail, row.next_at) = (None, None, 0);
                    }
                    None => {}
                }
                webhooks::put(tx.conn, &row)?;
                note(tx, "update", &id, Some(&row.url))?;
                let row = session.webhook_row(tx.conn, &id)?;
                session.webhook_view(tx.conn, row)
            })
            .await?;
        self.repository.inner.webhooks_wanted.notify_one();
        Ok(written)
    }

    /// Gives a webhook another secret, and tells it, this once.
    ///
    /// # Errors
    /// `Forbidden` without `HaveWebhooks`; `NotFound`, also for another person's; `Stale`.
    pub async fn webhook_renew_secret(
        &self,
        id: &str,
        precondition: Precondition,
    ) -> Result<Written<(WebhookView, WebhookSecret)>> {
        let (session, id, secret) = (self.clone(), id.to_owned(), WebhookSecret::generate()?);
        self.transact(move |tx| {
            let mut row = session.webhook_for_change(tx, &id, &precondition)?;
            session.require_webhooks(tx.conn, tx.now)?;
            row.secret.clone_from(&secret.0);
            webhooks::put(tx.conn, &row)?;
            note(tx, "renew_secret", &id, None)?;
            let row = session.webhook_row(tx.conn, &id)?;
            Ok((session.webhook_view(tx.conn, row)?, secret.clone()))
        })
        .await
    }

    /// Deletes a webhook with what is known of its deliveries.
    ///
    /// # Errors
    /// `NotFound`, also for another person's; `Stale`.
    pub async fn webhook_delete(&self, id: &str, precondition: Precondition) -> Result<Written<()>> {
        let (session, id) = (self.clone(), id.to_owned());
        self.transact(move |tx| {
            let row = session.webhook_for_change(tx, &id, &precondition)?;
            webhooks::delete(tx.conn, row.no)?;
            note(tx, "delete", &id, None)
        })
        .await
    }

    /// Sends nothing but a greeting, at once and this once, also from a webhook that is paused.
    ///
    /// # Errors
    /// `Forbidden` without `HaveWebhooks`; `NotFound`, also for another person's; `Conflict` `webhooks_are_off`.
    pub async fn webhook_ping(&self, id: &str) -> Result<PingOutcome> {
        let (session, id, now) = (self.clone(), id.to_owned(), self.repository.clock().now());
        let read = move |conn: &mut Conn| {
            let row = session.webhook_row(conn, &id)?;
            session.require_webhooks(conn, now).map(|()| row)
        };
        let row = self.repository.database().read(read).await?;
        let delivery = WebhookDelivery {
            id: uuid::Uuid::now_v7().to_string(),
            webhook: parse_id(&row.id)?,
            url: row.url,
            secret: WebhookSecret(row.secret).bytes()?,
            log: self.repository.inner.log_identity.clone(),
            at: now,
            event: WebhookEvent::Ping,
        };
        let sent = delivery.id.clone();
        let (code, detail) = match self.sender()?.send(delivery).await {
            SendOutcome::Delivered => (None, None),
            SendOutcome::Failed { code, detail, .. } => (Some(code), Some(detail)),
            SendOutcome::Gone => (Some("gone"), Some("the receiver wants no more (410)".to_owned())),
            SendOutcome::AddressRefused { detail } => (Some("address_refused"), Some(detail)),
        };
        Ok(PingOutcome { delivery: sent, code: code.map(str::to_owned), detail })
    }

    fn sender(&self) -> Result<&dyn WebhookSender> {
        let off = || RepositoryError::conflict("webhooks_are_off", "this office sends no webhooks");
        self.repository.inner.config.webhooks.sender.as_deref().ok_or_else(off)
    }

    /// Refuses who may have no webhooks.
    pub(crate) fn require_webhooks(&self, conn: &mut Conn, now: Timestamp) -> Result<()> {
        let missing = || RepositoryError::Forbidden { permission: HAVE_WEBHOOKS.to_owned() };
        let root = objects::by_no(conn, self.repository.inner.root_no)?.ok_or_else(missing)?;
        let access = &self.repository.inner.access;
        if access.allows(conn, &self.actor, root.scope_no, HAVE_WEBHOOKS, now)? { Ok(()) } else { Err(missing()) }
    }

    /// Refuses what is said of a webhook with all that is wrong with it; `faults` is what is known of that already.
    fn check_webhook(
        &self,
        tx: &mut Tx<'_>,
        name: Option<&str>,
        url: Option<&str>,
        filter: Option<&WebhookFilter>,
        mut faults: Faults,
    ) -> Result<()> {
        // What may not be known of is not there, whatever else is wrong.
        let folder = filter.and_then(|filter| filter.folder);
        let folder = folder.map(|folder| self.authorised(tx.conn, folder, BROWSE, tx.now)).transpose()?;
        if folder.is_some_and(|row| row.base != BaseType::Folder.as_str()) {
            faults.say("filter.folder", "not_a_folder", "is no folder");
        }
        let violations = faults.list();
        if name.is_some_and(|name| !name.contains(key::is_visible) || key::length(name) > NAME_MAX) {
            violations.push(Violation::new("name", "invalid_name", format!("has 1 to {NAME_MAX} characters")));
        }
        match url {
            Some(url) if url.len() > URL_MAX => {
                violations.push(Violation::new("url", "too_long", format!("has at most {URL_MAX} bytes")));
            }
            Some(url) => {
                if let Err(fault) = self.sender()?.check(url) {
                    violations.push(Violation::new("url", fault.code, fault.detail));
                }
            }
            None => {}
        }
        if let Some(filter) = filter {
            self.check_filter(tx.conn, filter, violations)?;
        }
        faults.end()
    }

    fn check_filter(&self, conn: &mut Conn, filter: &WebhookFilter, violations: &mut Vec<Violation>) -> Result<()> {
        // Each is named once, so that no more than these can be right.
        for (position, kind) in filter.kinds.iter().enumerate().take(KINDS.len() + 1) {
            if position >= KINDS.len() || !KINDS.iter().any(|known| known.as_str() == kind) {
                let words: Vec<&str> = KINDS.iter().map(|kind| kind.as_str()).collect();
                let detail = format!("is one of {}, each once", words.join(", "));
                violations.push(Violation::new(format!("filter.kinds[{position}]"), "unknown_kind", detail));
            }
        }
        let catalogue = self.repository.inner.declarations.present(conn)?;
        if filter.types.len() > TYPES_MAX {
            violations.push(Violation::new("filter.types", "too_many", format!("has at most {TYPES_MAX} types")));
            return Ok(());
        }
        for (position, id) in filter.types.iter().enumerate() {
            let is_type = catalogue.types().get(id).is_some_and(|resolved| resolved.definition.base != BaseType::Facet);
            if !is_type {
                let field = format!("filter.types[{position}]");
                let detail = format!("there is no type `{id}`");
                violations.push(Violation::new(field, "unknown_type", detail));
            }
        }
        Ok(())
    }

    /// Returns a webhook that the caller may know of.
    pub(crate) fn webhook_row(&self, conn: &mut Conn, id: &str) -> Result<WebhookRow> {
        let may_see = |row: &WebhookRow| self.actor.is_administrator || row.owner_no == self.actor.no;
        let row = webhooks::by_id(conn, id)?.filter(may_see);
        row.ok_or_else(|| RepositoryError::not_found("the webhook"))
    }

    fn webhook_for_change(&self, tx: &mut Tx<'_>, id: &str, precondition: &Precondition) -> Result<WebhookRow> {
        let seen = self.webhook_row(tx.conn, id)?;
        let row = webhooks::locked(tx.conn, seen.no)?.ok_or_else(|| RepositoryError::not_found("the webhook"))?;
        if precondition.holds_for_token(row.change_token) {
            return Ok(row);
        }
        let (expected, token) = (precondition.clone(), row.change_token);
        let current = Current::Webhook(Box::new(self.webhook_view(tx.conn, row)?));
        Err(RepositoryError::Stale { expected, token, current })
    }

    fn webhook_view(&self, conn: &mut Conn, row: WebhookRow) -> Result<WebhookView> {
        let owner = principals::by_no(conn, row.owner_no)?;
        let owner = owner.ok_or_else(|| RepositoryError::internal("the owner of a webhook is missing"))?;
        let dead = webhooks::count_deliveries(conn, row.no, webhooks::DEAD)?;
        let state = match row.state.as_str() {
            webhooks::ACTIVE => WebhookState::Active,
            webhooks::FAILING => WebhookState::Failing,
            _ => WebhookState::Paused,
        };
        let waits = state == WebhookState::Failing;
        Ok(WebhookView {
            id: parse_id(&row.id)?,
            owner: name_of(&owner)?,
            name: row.name,
            url: row.url,
            filter: filter_of(&row.filter)?,
            state,
            code: row.code,
            detail: row.detail,
            log: row.log_identity,
            position: row.position,
            dead_count: dead.unsigned_abs(),
            next_at: waits.then(|| Timestamp::from_millis(row.next_at)),
            created_at: Timestamp::from_millis(row.created_at),
            change_token: row.change_token,
        })
    }
}

/// Reads the bytes of a stored secret.
pub(crate) fn secret_of(row: &WebhookRow) -> Result<Vec<u8>> {
    WebhookSecret(row.secret.clone()).bytes()
}

/// Reads a stored filter.
pub(crate) fn filter_of(stored: &str) -> Result<WebhookFilter> {
    serde_json::from_str(stored).map_err(RepositoryError::internal)
}

fn filter_json(filter: &WebhookFilter) -> Result<String> {
    serde_json::to_string(filter).map_err(RepositoryError::internal)
}

/// Writes into the audit trail what somebody did to a webhook.
pub(crate) fn note(tx: &mut Tx<'_>, act: &str, id: &str, url: Option<&str>) -> Result<()> {
    let detail = json!({ "act": act, "webhook": id, "url": url });
    tx.record(ChangeKind::Webhook, Change { detail: Some(detail), ..Change::default() })
}
