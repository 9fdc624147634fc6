//! Collections: ordered lists of objects that a person keeps, and shows to others if he likes.
//!
//! Everybody has one from the beginning, his favourites, under his own id. Whoever is shown a collection sees of it what he may
//! browse, and what he may not is neither listed nor counted.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::Conn;
use cartulary_model::permission::BROWSE;
use cartulary_model::{ObjectId, Timestamp};
use serde_json::json;

use crate::bootstrap::parse_id;
use crate::object::{Current, Precondition, PrincipalName, Window, WindowRequest, Written};
use crate::services::detail::principal_name;
use crate::services::folders::{cut, window};
use crate::services::objects::{made_before, remember_made, request_digest};
use crate::services::sharing::{Hold, NewShare, Share, check_shares, put_shares, said_of_shares, shares_of};
use crate::services::wording;
use crate::store::collections::{self, CollectionRow, NewCollectionRow};
use crate::store::{principals, shares, subscriptions};
use crate::transaction::Tx;
use crate::{Faults, RepositoryError, Result, Session};

/// How long a name may be. *Units*: characters.
pub(crate) const NAME_MAX: usize = 200;
/// How many collections one user has at most.
const OF_USER_MAX: i64 = 500;

/// Which collection is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollectionName {
    /// The caller's favourites.
    Favourites,
    /// The one with this id.
    Id(ObjectId),
}

impl std::str::FromStr for CollectionName {
    type Err = cartulary_model::InvalidObjectId;

    fn from_str(text: &str) -> std::result::Result<Self, Self::Err> {
        if text == "favourites" { Ok(Self::Favourites) } else { text.parse().map(Self::Id) }
    }
}

/// A collection to make.
#[derive(Clone, Debug, Default)]
pub struct NewCollection {
    /// What people call it.
    pub name: String,
    /// To whom it is shown.
    pub shares: Vec<NewShare>,
    /// A repeated request with the same key finds what the first made.
    pub idempotency_key: Option<String>,
}

/// Changes to a collection; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct CollectionChanges {
    /// What people call it.
    pub name: Option<String>,
    /// To whom it is shown, all of them.
    pub shares: Option<Vec<NewShare>>,
}

/// A collection.
#[derive(Clone, Debug)]
pub struct CollectionView {
    /// Its id; of favourites that of their owner.
    pub id: ObjectId,
    /// Whose it is.
    pub owner: PrincipalName,
    /// What people call it; empty for favourites.
    pub name: String,
    /// Whether it is somebody's favourites.
    pub is_favourites: bool,
    /// Whether the caller may change what is in it.
    pub may_write: bool,
    /// To whom it is shown; for its owner only.
    pub shares: Vec<Share>,
    /// How many objects are in it that the caller may browse.
    pub count: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
    /// Another with every change.
    pub change_token: i64,
}

impl Session {
    /// Makes a collection of the caller's.
    ///
    /// # Errors
    /// `Invalid` for the name and for those to whom it is shown; `Conflict` `too_many_collections`.
    pub async fn collection_create(&self, new: NewCollection) -> Result<Written<CollectionView>> {
        let mut faults = Faults::default();
        let name = faults.take(wording::label("name", &new.name, NAME_MAX))?.unwrap_or_default();
        let session = self.clone();
        let digest = request_digest(&json!(["collection", name, said_of_shares(&new.shares)]));
        self.transact(move |tx| {
            let key = new.idempotency_key.as_deref();
            if let Some(id) = made_before(tx, key, &digest)? {
                let (row, hold) = session.collection_seen(tx.conn, CollectionName::Id(id))?;
                return session.collection_view(tx.conn, row, hold, tx.now);
            }
            let mut faults = faults.clone();
            faults.take(check_shares(tx.conn, &new.shares))?;
            faults.end()?;
            if collections::count_of(tx.conn, session.actor.no)? >= OF_USER_MAX {
                let detail = format!("one user has at most {OF_USER_MAX} collections: delete one first");
                return Err(RepositoryError::conflict("too_many_collections", detail));
            }
            let id = ObjectId::generate();
            collections::insert(tx.conn, &session.new_row(id, &name, false, tx.now))?;
            put_shares(tx.conn, &id.to_string(), &new.shares)?;
            remember_made(tx, key, &digest, &id.to_string())?;
            let (row, hold) = session.collection_seen(tx.conn, CollectionName::Id(id))?;
            session.collection_view(tx.conn, row, hold, tx.now)
        })
        .await
    }

    fn new_row(&self, id: ObjectId, name: &str, is_favourites: bool, now: Timestamp) -> NewCollectionRow {
        let at = now.as_millis();
        let name = name.to_owned();
        let owner_no = self.actor.no;
        NewCollectionRow { id: id.to_string(), owner_no, is_favourites, name, created_at: at, modified_at: at }
    }

    /// Returns a window of the collections that are the caller's or shown to him: his favourites, then his own, then others',
    /// each by name.
    ///
    /// # Errors
    /// The database's.
    pub async fn collection_list(&self, request: WindowRequest) -> Result<Window<CollectionView>> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<Window<CollectionView>> {
            let shown = session.shown_to_me(conn)?;
            let ids: Vec<String> = shown.keys().cloned().collect();
            let mut rows = collections::of(conn, session.actor.no, &ids)?;
            if !rows.iter().any(|row| row.is_favourites && row.owner_no == session.actor.no) {
                rows.push(session.empty_favourites());
            }
            let is_mine = |row: &CollectionRow| row.owner_no == session.actor.no;
            rows.sort_by_cached_key(|row| {
                let is_first = row.is_favourites && is_mine(row);
                (!is_first, !is_mine(row), cartulary_model::text_key(&row.name), row.no)
            });
            let total = rows.len() as u64;
            let mut items = Vec::new();
            for row in cut(&rows, request) {
                let hold = if is_mine(row) { Hold::Own } else { shown.get(&row.id).copied().unwrap_or(Hold::Read) };
                items.push(session.collection_view(conn, row.clone(), hold, now)?);
            }
            Ok(window(total, items, request))
        };
        self.repository.database().read(read).await
    }

    /// Returns one collection.
    ///
    /// # Errors
    /// `NotFound`, also for another person's that is not shown to the caller.
    pub async fn collection_get(&self, name: CollectionName) -> Result<CollectionView> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| {
            let (row, hold) = session.collection_seen(conn, name)?;
            session.collection_view(conn, row, hold, now)
        };
        self.repository.database().read(read).await
    }

    /// Changes the name of a collection, and to whom it is shown: its owner does.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` for others; `Stale`; `Invalid`; `Conflict` `built_in_collection` for another name of favourites.
    pub async fn collection_update(
        &self,
        name: CollectionName,
        precondition: Precondition,
        changes: CollectionChanges,
    ) -> Result<Written<CollectionView>> {
        let mut faults = Faults::default();
        let called = changes.name.as_deref().map(|name| wording::label("name", name, NAME_MAX)).transpose();
        let called = faults.take(called)?.flatten();
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.collection_to_change(tx, name, Hold::Own, &precondition)?;
            let mut faults = faults.clone();
            faults.take(check_shares(tx.conn, changes.shares.as_deref().unwrap_or_default()))?;
            faults.end()?;
            if row.is_favourites && called.is_some() {
                return Err(RepositoryError::conflict("built_in_collection", "favourites are called so"));
            }
            if let Some(shares) = &changes.shares {
                put_shares(tx.conn, &row.id, shares)?;
            }
            let called = called.as_deref().unwrap_or(&row.name);
            collections::put(tx.conn, row.no, called, tx.now.as_millis())?;
            session.collection_as_it_is(tx, &row.id)
        })
        .await
    }

    /// Deletes a collection; what is in it stays where it is.
    ///
    /// # Errors
    /// As [`Session::collection_update`]; `Conflict` `built_in_collection` for favourites.
    pub async fn collection_delete(&self, name: CollectionName, precondition: Precondition) -> Result<Written<()>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.collection_to_change(tx, name, Hold::Own, &precondition)?;
            if row.is_favourites {
                let detail = "everybody has favourites: take out what is in them";
                return Err(RepositoryError::conflict("built_in_collection", detail));
            }
            shares::replace(tx.conn, &row.id, &[])?;
            subscriptions::delete_to(tx.conn, &[subscriptions::COLLECTION], std::slice::from_ref(&row.id))?;
            collections::delete(tx.conn, row.no)
        })
        .await
    }

    /// Returns a collection that the caller may know of, and what he may do with it.
    pub(crate) fn collection_seen(&self, conn: &mut Conn, name: CollectionName) -> Result<(CollectionRow, Hold)> {
        let id = match name {
            CollectionName::Favourites => self.actor.id,
            CollectionName::Id(id) => id,
        };
        let unknown = || RepositoryError::not_found("the collection");
        match collections::by_id(conn, &id.to_string())? {
            Some(row) => {
                let hold = self.hold_on(conn, row.owner_no, &row.id)?.ok_or_else(unknown)?;
                Ok((row, hold))
            }
            None if id == self.actor.id => Ok((self.empty_favourites(), Hold::Own)),
            None => Err(unknown()),
        }
    }

    /// Returns the caller's favourites as they are before anything is in them.
    fn empty_favourites(&self) -> CollectionRow {
        // They are there since their owner is.
        let since = self.actor.id.given_at().map_or(0, Timestamp::as_millis);
        CollectionRow {
            no: 0,
            id: self.actor.id.to_string(),
            owner_no: self.actor.no,
            is_favourites: true,
            name: String::new(),
            change_token: 1,
            created_at: since,
            modified_at: since,
        }
    }

    /// Returns a collection that nobody else changes any more until this transaction ends, if the caller may do so much with
    /// it and it is as he read it.
    pub(crate) fn collection_to_change(
        &self,
        tx: &mut Tx<'_>,
        name: CollectionName,
        wanted: Hold,
        precondition: &Precondition,
    ) -> Result<CollectionRow> {
        let (seen, hold) = self.collection_seen(tx.conn, name)?;
        hold.require(wanted)?;
        if seen.no == 0 {
            collections::insert(tx.conn, &self.new_row(self.actor.id, "", true, tx.now))?;
        }
        let row = collections::locked(tx.conn, &seen.id)?;
        let row = row.ok_or_else(|| RepositoryError::not_found("the collection"))?;
        if precondition.holds_for_token(row.change_token) {
            return Ok(row);
        }
        let (expected, token) = (precondition.clone(), row.change_token);
        let current = Current::Collection(Box::new(self.collection_view(tx.conn, row, hold, tx.now)?));
        Err(RepositoryError::Stale { expected, token, current })
    }

    pub(crate) fn collection_as_it_is(&self, tx: &mut Tx<'_>, id: &str) -> Result<CollectionView> {
        let (row, hold) = self.collection_seen(tx.conn, CollectionName::Id(parse_id(id)?))?;
        self.collection_view(tx.conn, row, hold, tx.now)
    }

    fn collection_view(
        &self,
        conn: &mut Conn,
        row: CollectionRow,
        hold: Hold,
        now: Timestamp,
    ) -> Result<CollectionView> {
        let people = principals::by_nos(conn, &BTreeSet::from([row.owner_no]))?;
        let counts = collections::counts(conn, &[row.no])?;
        let scopes: BTreeSet<i64> = counts.iter().map(|(_, scope, _)| *scope).collect();
        let visible = self.repository.inner.access.allowing(conn, &self.actor, &scopes, BROWSE, now)?;
        let by_scope: BTreeMap<i64, i64> = counts.into_iter().map(|(_, scope, count)| (scope, count)).collect();
        let count: i64 = by_scope.iter().filter(|(scope, _)| visible.contains(scope)).map(|(_, count)| count).sum();
        let shares = if hold == Hold::Own { shares_of(conn, &row.id)? } else { Vec::new() };
        Ok(CollectionView {
            id: parse_id(&row.id)?,
            owner: principal_name(&people, row.owner_no)?,
            name: row.name,
            is_favourites: row.is_favourites,
            may_write: hold >= Hold::Write,
            shares,
            count: count.unsigned_abs(),
            created_at: Timestamp::from_millis(row.created_at),
            modified_at: Timestamp::from_millis(row.modified_at),
            change_token: row.change_token,
        })
    }
}
