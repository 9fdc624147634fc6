//! Subscriptions: what a person wants to be told of.

use cartulary_db::Conn;
use cartulary_model::permission::BROWSE;
use cartulary_model::{BaseType, ObjectId, Timestamp};
use serde_json::json;

use crate::bootstrap::parse_id;
use crate::object::{Current, Precondition, Window, WindowRequest, Written};
use crate::services::collections::CollectionName;
use crate::services::folders::{cut, window};
use crate::services::objects::{made_before, remember_made, request_digest};
use crate::services::saved_searches::{SavedQuery, read_saved};
use crate::services::tags::refuse_unless_live;
use crate::store::changes;
use crate::store::subscriptions::{self, COLLECTION, NewSubscriptionRow, OBJECT, SAVED_SEARCH, SubscriptionRow, TREE};
use crate::transaction::Tx;
use crate::{RepositoryError, Result, Session};

/// How many subscriptions one user has at most.
const OF_USER_MAX: usize = 1_000;

/// What somebody wants to be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscriptionTarget {
    /// Changes of one object.
    Object(ObjectId),
    /// Changes of a folder and of what lies in it, however deep.
    Tree(ObjectId),
    /// Changes of what a saved search finds.
    SavedSearch(ObjectId),
    /// Changes of what is in a collection.
    Collection(ObjectId),
}

impl SubscriptionTarget {
    const fn parts(self) -> (&'static str, ObjectId) {
        match self {
            Self::Object(id) => (OBJECT, id),
            Self::Tree(id) => (TREE, id),
            Self::SavedSearch(id) => (SAVED_SEARCH, id),
            Self::Collection(id) => (COLLECTION, id),
        }
    }

    fn of(row: &SubscriptionRow) -> Result<Self> {
        let id = parse_id(&row.target_id)?;
        Ok(match row.kind.as_str() {
            OBJECT => Self::Object(id),
            TREE => Self::Tree(id),
            SAVED_SEARCH => Self::SavedSearch(id),
            _ => Self::Collection(id),
        })
    }
}

/// A subscription to make.
#[derive(Clone, Debug)]
pub struct NewSubscription {
    /// What it is to.
    pub target: SubscriptionTarget,
    /// Whether one is told of one's own changes too.
    pub own_changes: bool,
    /// A repeated request with the same key finds what the first made.
    pub idempotency_key: Option<String>,
}

/// A subscription.
#[derive(Clone, Debug)]
pub struct SubscriptionView {
    /// Its id.
    pub id: ObjectId,
    /// What it is to.
    pub target: SubscriptionTarget,
    /// Whether one is told of one's own changes too.
    pub own_changes: bool,
    /// When it was made: one is told of what happened since.
    pub created_at: Timestamp,
    /// Another with every change.
    pub change_token: i64,
}

impl Session {
    /// Subscribes the caller to something; if he is, returns that as it is.
    ///
    /// # Errors
    /// `NotFound` for what the caller may not know of; `Invalid` for what cannot be subscribed to; `Conflict`
    /// `too_many_subscriptions`, `not_live`.
    pub async fn subscription_create(&self, new: NewSubscription) -> Result<Written<SubscriptionView>> {
        let session = self.clone();
        let (kind, target) = new.target.parts();
        let target = target.to_string();
        let digest = request_digest(&json!(["subscription", kind, target, new.own_changes]));
        self.transact(move |tx| {
            let key = new.idempotency_key.as_deref();
            if let Some(id) = made_before(tx, key, &digest)? {
                return view(&session.subscription_row(tx.conn, &id.to_string())?);
            }
            session.check_target(tx.conn, new.target, tx.now)?;
            if let Some(row) = subscriptions::of_target(tx.conn, session.actor.no, kind, &target)? {
                remember_made(tx, key, &digest, &row.id)?;
                return view(&row);
            }
            if subscriptions::of(tx.conn, session.actor.no)?.len() >= OF_USER_MAX {
                let detail = format!("one user has at most {OF_USER_MAX} subscriptions: delete one first");
                return Err(RepositoryError::conflict("too_many_subscriptions", detail));
            }
            let id = ObjectId::generate().to_string();
            let row = NewSubscriptionRow {
                id: &id,
                owner_no: session.actor.no,
                kind,
                target_id: &target,
                own_changes: new.own_changes,
                from_position: changes::last_position(tx.conn)?,
                created_at: tx.now.as_millis(),
            };
            subscriptions::insert(tx.conn, &row)?;
            remember_made(tx, key, &digest, &id)?;
            view(&session.subscription_row(tx.conn, &id)?)
        })
        .await
    }

    fn check_target(&self, conn: &mut Conn, target: SubscriptionTarget, now: Timestamp) -> Result<()> {
        match target {
            SubscriptionTarget::Object(id) => refuse_unless_live(&self.authorised(conn, id, BROWSE, now)?),
            SubscriptionTarget::Tree(id) => {
                let row = self.authorised(conn, id, BROWSE, now)?;
                if row.base == BaseType::Folder.as_str() {
                    return Ok(());
                }
                Err(RepositoryError::invalid("target", "not_a_folder", "is no folder"))
            }
            SubscriptionTarget::Collection(id) => self.collection_seen(conn, CollectionName::Id(id)).map(drop),
            SubscriptionTarget::SavedSearch(id) => {
                let (row, _) = self.saved_search_seen(conn, id)?;
                match read_saved(&row)? {
                    SavedQuery::Statement { all_versions: true, .. } => {
                        let detail = "asks for versions, which do not change";
                        Err(RepositoryError::invalid("target", "not_subscribable", detail))
                    }
                    SavedQuery::Statement { statement, .. } => self.check_query_of_objects(conn, &statement, now),
                    SavedQuery::Words { .. } => Ok(()),
                }
            }
        }
    }

    /// Returns a window of the caller's subscriptions, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn subscription_list(&self, request: WindowRequest) -> Result<Window<SubscriptionView>> {
        let owner = self.actor.no;
        let read = move |conn: &mut Conn| -> Result<Window<SubscriptionView>> {
            let rows = subscriptions::of(conn, owner)?;
            let items = cut(&rows, request).iter().map(view).collect::<Result<Vec<_>>>()?;
            Ok(window(rows.len() as u64, items, request))
        };
        self.repository.database().read(read).await
    }

    /// Returns one subscription.
    ///
    /// # Errors
    /// `NotFound`, also for another person's.
    pub async fn subscription_get(&self, id: ObjectId) -> Result<SubscriptionView> {
        let session = self.clone();
        let read = move |conn: &mut Conn| view(&session.subscription_row(conn, &id.to_string())?);
        self.repository.database().read(read).await
    }

    /// Changes whether the caller is told of his own changes.
    ///
    /// # Errors
    /// `NotFound`, also for another person's; `Stale`.
    pub async fn subscription_update(
        &self,
        id: ObjectId,
        precondition: Precondition,
        own_changes: bool,
    ) -> Result<Written<SubscriptionView>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.subscription_to_change(tx, id, &precondition)?;
            subscriptions::put_own_changes(tx.conn, row.no, own_changes)?;
            view(&session.subscription_row(tx.conn, &row.id)?)
        })
        .await
    }

    /// Ends a subscription; what the caller was told by it stays.
    ///
    /// # Errors
    /// `NotFound`, also for another person's; `Stale`.
    pub async fn subscription_delete(&self, id: ObjectId, precondition: Precondition) -> Result<Written<()>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.subscription_to_change(tx, id, &precondition)?;
            subscriptions::delete(tx.conn, row.no)
        })
        .await
    }

    fn subscription_row(&self, conn: &mut Conn, id: &str) -> Result<SubscriptionRow> {
        let row = subscriptions::by_id(conn, id)?.filter(|row| row.owner_no == self.actor.no);
        row.ok_or_else(|| RepositoryError::not_found("the subscription"))
    }

    fn subscription_to_change(
        &self,
        tx: &mut Tx<'_>,
        id: ObjectId,
        precondition: &Precondition,
    ) -> Result<SubscriptionRow> {
        let seen = self.subscription_row(tx.conn, &id.to_string())?;
        let row = subscriptions::locked(tx.conn, &seen.id)?;
        let row = row.ok_or_else(|| RepositoryError::not_found("the subscription"))?;
        if precondition.holds_for_token(row.change_token) {
            return Ok(row);
        }
        let (expected, token) = (precondition.clone(), row.change_token);
        let current = Current::Subscription(Box::new(view(&row)?));
        Err(RepositoryError::Stale { expected, token, current })
    }
}

fn view(row: &SubscriptionRow) -> Result<SubscriptionView> {
    Ok(SubscriptionView {
        id: parse_id(&row.id)?,
        target: SubscriptionTarget::of(row)?,
        own_changes: row.own_changes,
        created_at: Timestamp::from_millis(row.created_at),
        change_token: row.change_token,
    })
}
