//! Saved searches: statements, or words with what narrows them, that a person keeps and shows to others if he likes.
//!
//! One is run with the rights of whoever runs it. One that no longer fits, because a type or property that it names is gone,
//! says so, and what is wrong.

use std::collections::BTreeSet;

use cartulary_db::Conn;
use cartulary_model::permission::BROWSE;
use cartulary_model::ql::Query;
use cartulary_model::{ObjectId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::bootstrap::parse_id;
use crate::object::{Current, Precondition, PrincipalName, Window, WindowRequest, Written};
use crate::services::collections::NAME_MAX;
use crate::services::detail::principal_name;
use crate::services::folders::{cut, window};
use crate::services::objects::{made_before, remember_made, request_digest};
use crate::services::query::{QueryRequest, QueryResult};
use crate::services::search::{SearchQuery, SearchResult};
use crate::services::sharing::{Hold, NewShare, Share, check_shares, put_shares, said_of_shares, shares_of};
use crate::services::wording;
use crate::store::saved_searches::{self, NewSavedSearchRow, SavedSearchRow};
use crate::store::subscriptions;
use crate::store::{principals, shares};
use crate::transaction::Tx;
use crate::{Faults, RepositoryError, Result, Session};

/// How many saved searches one user has at most.
const OF_USER_MAX: i64 = 500;
/// How long what is looked for may be. *Units*: bytes.
const SEARCH_BYTES_MAX: usize = 20_000;

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SavedQuery {
    /// A statement of CMIS QL.
    Statement {
        /// The statement.
        statement: String,
        /// Whether each version is asked.
        all_versions: bool,
    },
    /// Words, as people type them.
    Words {
        /// The words.
        text: String,
        /// Only what lies in this dossier.
        dossier: Option<ObjectId>,
        /// Only these types.
        type_ids: Vec<String>,
        /// Only these media types.
        media_types: Vec<String>,
    },
}

/// A search to save.
#[derive(Clone, Debug)]
pub struct NewSavedSearch {
    /// What people call it.
    pub name: String,
    /// What is looked for.
    pub search: SavedQuery,
    /// To whom it is shown.
    pub shares: Vec<NewShare>,
    /// A repeated request with the same key finds what the first made.
    pub idempotency_key: Option<String>,
}

/// Changes to a saved search; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct SavedSearchChanges {
    /// What people call it.
    pub name: Option<String>,
    /// What is looked for.
    pub search: Option<SavedQuery>,
    /// To whom it is shown, all of them.
    pub shares: Option<Vec<NewShare>>,
}

/// A saved search.
#[derive(Clone, Debug)]
pub struct SavedSearchView {
    /// Its id.
    pub id: ObjectId,
    /// Whose it is.
    pub owner: PrincipalName,
    /// What people call it.
    pub name: String,
    /// What is looked for.
    pub search: SavedQuery,
    /// Why the caller cannot run it as it is; nothing when he can.
    pub problem: Option<String>,
    /// Whether the caller may change it.
    pub may_write: bool,
    /// To whom it is shown; for its owner only.
    pub shares: Vec<Share>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub modified_at: Timestamp,
    /// Another with every change.
    pub change_token: i64,
}

/// What a saved search found.
#[derive(Clone, Debug)]
pub enum SavedSearchResult {
    /// What a statement found.
    Statement(QueryResult),
    /// What words found.
    Words(SearchResult),
}

impl Session {
    /// Saves a search. `faults` is what is known to be wrong already.
    ///
    /// # Errors
    /// `Invalid` for the name, for those to whom it is shown, and for a search that could not be run now; `Conflict`
    /// `too_many_saved_searches`.
    pub async fn saved_search_create(
        &self,
        new: NewSavedSearch,
        mut faults: Faults,
    ) -> Result<Written<SavedSearchView>> {
        let name = faults.take(wording::label("name", &new.name, NAME_MAX))?.unwrap_or_default();
        let search = faults.take(written(&new.search))?.unwrap_or_default();
        let session = self.clone();
        let digest = request_digest(&json!(["saved_search", name, search, said_of_shares(&new.shares)]));
        self.transact(move |tx| {
            let key = new.idempotency_key.as_deref();
            if let Some(id) = made_before(tx, key, &digest)? {
                let (row, hold) = session.saved_search_seen(tx.conn, id)?;
                return session.saved_search_view(tx.conn, row, hold, tx.now);
            }
            session.check_all(tx, faults.clone(), Some(&new.search), &new.shares)?;
            if saved_searches::count_of(tx.conn, session.actor.no)? >= OF_USER_MAX {
                let detail = format!("one user has at most {OF_USER_MAX} saved searches: delete one first");
                return Err(RepositoryError::conflict("too_many_saved_searches", detail));
            }
            let id = ObjectId::generate();
            let row = NewSavedSearchRow {
                id: &id.to_string(),
                owner_no: session.actor.no,
                name: &name,
                search: &search,
                created_at: tx.now.as_millis(),
                modified_at: tx.now.as_millis(),
            };
            saved_searches::insert(tx.conn, &row)?;
            put_shares(tx.conn, &id.to_string(), &new.shares)?;
            remember_made(tx, key, &digest, &id.to_string())?;
            let (row, hold) = session.saved_search_seen(tx.conn, id)?;
            session.saved_search_view(tx.conn, row, hold, tx.now)
        })
        .await
    }

    /// Returns a window of the saved searches that are the caller's, and then of those that are shown to him, each by name.
    ///
    /// # Errors
    /// The database's.
    pub async fn saved_search_list(&self, request: WindowRequest) -> Result<Window<SavedSearchView>> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<Window<SavedSearchView>> {
            let shown = session.shown_to_me(conn)?;
            let ids: Vec<String> = shown.keys().cloned().collect();
            let mut rows = saved_searches::of(conn, session.actor.no, &ids)?;
            let is_mine = |row: &SavedSearchRow| row.owner_no == session.actor.no;
            rows.sort_by_cached_key(|row| (!is_mine(row), cartulary_model::text_key(&row.name), row.no));
            let total = rows.len() as u64;
            let mut items = Vec::new();
            for row in cut(&rows, request) {
                let hold = if is_mine(row) { Hold::Own } else { shown.get(&row.id).copied().unwrap_or(Hold::Read) };
                items.push(session.saved_search_view(conn, row.clone(), hold, now)?);
            }
            Ok(window(total, items, request))
        };
        self.repository.database().read(read).await
    }

    /// Returns one saved search.
    ///
    /// # Errors
    /// `NotFound`, also for another person's that is not shown to the caller.
    pub async fn saved_search_get(&self, id: ObjectId) -> Result<SavedSearchView> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| {
            let (row, hold) = session.saved_search_seen(conn, id)?;
            session.saved_search_view(conn, row, hold, now)
        };
        self.repository.database().read(read).await
    }

    /// Runs a saved search, with the caller's rights.
    ///
    /// # Errors
    /// As [`Session::saved_search_get`]; `Conflict` `saved_search_broken` when it cannot be run as it is; the index's.
    pub async fn saved_search_run(&self, id: ObjectId, request: WindowRequest) -> Result<SavedSearchResult> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let look = move |conn: &mut Conn| -> Result<SavedQuery> {
            let (row, _) = session.saved_search_seen(conn, id)?;
            let search = read_saved(&row)?;
            match session.check_saved(conn, &search, now) {
                Ok(()) => Ok(search),
                Err(error) => Err(broken(&problem_of(error)?)),
            }
        };
        let search = self.repository.database().read(look).await?;
        let WindowRequest { offset, limit } = request;
        match search {
            SavedQuery::Statement { statement, all_versions } => {
                let found = self.query(QueryRequest { statement, all_versions, offset, limit }).await;
                found.map(SavedSearchResult::Statement)
            }
            SavedQuery::Words { text, dossier, type_ids, media_types } => {
                let base = SearchQuery { text, dossier, type_ids, media_types, ..SearchQuery::default() };
                let query = SearchQuery { offset, limit, facets: true, ..base };
                self.search(query).await.map(SavedSearchResult::Words)
            }
        }
    }

    /// Changes a saved search; to whom it is shown only its owner changes.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden`; `Stale`; `Invalid`.
    pub async fn saved_search_update(
        &self,
        id: ObjectId,
        precondition: Precondition,
        changes: SavedSearchChanges,
        mut faults: Faults,
    ) -> Result<Written<SavedSearchView>> {
        let name = changes.name.as_deref().map(|name| wording::label("name", name, NAME_MAX)).transpose();
        let (name, search) = (faults.take(name)?.flatten(), changes.search.as_ref().map(written).transpose());
        let search = faults.take(search)?.flatten();
        let session = self.clone();
        self.transact(move |tx| {
            let wanted = if changes.shares.is_some() { Hold::Own } else { Hold::Write };
            let row = session.saved_search_to_change(tx, id, wanted, &precondition)?;
            let shares = changes.shares.as_deref().unwrap_or_default();
            session.check_all(tx, faults.clone(), changes.search.as_ref(), shares)?;
            if let Some(shares) = &changes.shares {
                put_shares(tx.conn, &row.id, shares)?;
            }
            let (name, search) = (name.as_ref().unwrap_or(&row.name), search.as_ref().unwrap_or(&row.search));
            saved_searches::put(tx.conn, row.no, name, search, tx.now.as_millis())?;
            let (row, hold) = session.saved_search_seen(tx.conn, id)?;
            session.saved_search_view(tx.conn, row, hold, tx.now)
        })
        .await
    }

    /// Deletes a saved search, with the subscriptions to it: its owner does.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden`; `Stale`.
    pub async fn saved_search_delete(&self, id: ObjectId, precondition: Precondition) -> Result<Written<()>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.saved_search_to_change(tx, id, Hold::Own, &precondition)?;
            shares::replace(tx.conn, &row.id, &[])?;
            subscriptions::delete_to(tx.conn, &[subscriptions::SAVED_SEARCH], std::slice::from_ref(&row.id))?;
            saved_searches::delete(tx.conn, row.no)
        })
        .await
    }

    /// Returns a saved search that the caller may know of, and what he may do with it.
    pub(crate) fn saved_search_seen(&self, conn: &mut Conn, id: ObjectId) -> Result<(SavedSearchRow, Hold)> {
        let unknown = || RepositoryError::not_found("the saved search");
        let row = saved_searches::by_id(conn, &id.to_string())?.ok_or_else(unknown)?;
        let hold = self.hold_on(conn, row.owner_no, &row.id)?.ok_or_else(unknown)?;
        Ok((row, hold))
    }

    fn saved_search_to_change(
        &self,
        tx: &mut Tx<'_>,
        id: ObjectId,
        wanted: Hold,
        precondition: &Precondition,
    ) -> Result<SavedSearchRow> {
        let (_, hold) = self.saved_search_seen(tx.conn, id)?;
        hold.require(wanted)?;
        let row = saved_searches::locked(tx.conn, &id.to_string())?;
        let row = row.ok_or_else(|| RepositoryError::not_found("the saved search"))?;
        if precondition.holds_for_token(row.change_token) {
            return Ok(row);
        }
        let (expected, token) = (precondition.clone(), row.change_token);
        let current = Current::SavedSearch(Box::new(self.saved_search_view(tx.conn, row, hold, tx.now)?));
        Err(RepositoryError::Stale { expected, token, current })
    }

    /// Refuses a search to keep with all that is wrong with it; `faults` is what is known of that already. What is wrong with
    /// a statement alone is told as it is told when the statement is asked.
    fn check_all(
        &self,
        tx: &mut Tx<'_>,
        mut faults: Faults,
        search: Option<&SavedQuery>,
        shares: &[NewShare],
    ) -> Result<()> {
        faults.take(check_shares(tx.conn, shares))?;
        let is_readable = faults.list().iter().all(|one| !matches!(one.field.as_str(), "search" | "query"));
        if let Some(search) = search.filter(|_| is_readable) {
            match self.check_saved(tx.conn, search, tx.now) {
                Err(RepositoryError::InvalidStatement { position, detail }) if !faults.is_empty() => {
                    let detail = format!("at character {}: {detail}", position + 1);
                    faults.say("query.statement", "invalid_statement", detail);
                }
                checked => drop(faults.take(checked)?),
            }
        }
        faults.end()
    }

    /// Refuses a search that the caller cannot run now.
    fn check_saved(&self, conn: &mut Conn, search: &SavedQuery, now: Timestamp) -> Result<()> {
        match search {
            SavedQuery::Statement { statement, all_versions } => {
                let query = Query::parse(statement)?;
                self.check_query(conn, &query, *all_versions, now)
            }
            SavedQuery::Words { dossier, type_ids, .. } => {
                let catalogue = self.repository.inner.declarations.present(conn)?;
                let mut faults = Faults::default();
                for unknown in type_ids.iter().filter(|id| catalogue.types().get(id).is_none()) {
                    faults.say("search.type", "unknown_type", format!("there is no type `{unknown}`"));
                }
                let Some(dossier) = dossier else { return faults.end() };
                match self.authorised(conn, *dossier, BROWSE, now) {
                    Ok(_) => {}
                    Err(RepositoryError::NotFound { .. }) => {
                        faults.say("search.dossier", "unknown_dossier", "the dossier is not there");
                    }
                    Err(other) => return Err(other),
                }
                faults.end()
            }
        }
    }

    fn saved_search_view(
        &self,
        conn: &mut Conn,
        row: SavedSearchRow,
        hold: Hold,
        now: Timestamp,
    ) -> Result<SavedSearchView> {
        let people = principals::by_nos(conn, &BTreeSet::from([row.owner_no]))?;
        let search = read_saved(&row)?;
        let problem = match self.check_saved(conn, &search, now) {
            Ok(()) => None,
            Err(error) => Some(problem_of(error)?),
        };
        let shares = if hold == Hold::Own { shares_of(conn, &row.id)? } else { Vec::new() };
        Ok(SavedSearchView {
            id: parse_id(&row.id)?,
            owner: principal_name(&people, row.owner_no)?,
            name: row.name,
            search,
            problem,
            may_write: hold >= Hold::Write,
            shares,
            created_at: Timestamp::from_millis(row.created_at),
            modified_at: Timestamp::from_millis(row.modified_at),
            change_token: row.change_token,
        })
    }
}

/// Returns what is stored of a search.
///
/// # Errors
/// `Invalid` for one that is too long or has U+0000.
fn written(search: &SavedQuery) -> Result<String> {
    let text = serde_json::to_string(search).map_err(RepositoryError::internal)?;
    if text.len() > SEARCH_BYTES_MAX {
        let detail = format!("has at most {SEARCH_BYTES_MAX} bytes");
        return Err(RepositoryError::invalid("search", "too_long", detail));
    }
    let parts = match search {
        SavedQuery::Statement { statement, .. } => vec![statement],
        SavedQuery::Words { text, type_ids, media_types, .. } => {
            std::iter::once(text).chain(type_ids).chain(media_types).collect()
        }
    };
    if parts.iter().any(|part| part.contains('\0')) {
        return Err(RepositoryError::invalid("search", "null_character", "contains the character U+0000"));
    }
    Ok(text)
}

/// Reads what is stored of a search.
pub(crate) fn read_saved(row: &SavedSearchRow) -> Result<SavedQuery> {
    serde_json::from_str(&row.search).map_err(RepositoryError::internal)
}

/// Returns in words why a search cannot be run; a fault of another kind stays one.
fn problem_of(error: RepositoryError) -> Result<String> {
    match error {
        RepositoryError::InvalidStatement { .. } | RepositoryError::Invalid { .. } => Ok(error.to_string()),
        other => Err(other),
    }
}

fn broken(problem: &str) -> RepositoryError {
    let detail = format!("the saved search no longer fits, and is to be changed: {problem}");
    RepositoryError::conflict("saved_search_broken", detail)
}
