//! Who may do what: scopes, access lists, and the decisions that a node keeps.
//!
//! A scope points to an access list (an ACL row); lists inherit from lists. The node keeps all lists and the scopes it
//! has met, and follows the numbered log of list changes: a question first reads the newest number in its own
//! transaction and catches up, so that no answer uses an old list.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use cartulary_db::Conn;
use cartulary_index::NumberSet;
use cartulary_model::Timestamp;
use cartulary_model::permission::{self, AccessEntry, Permission};

use crate::session::Actor;
use crate::store::acl;
use crate::{RepositoryError, Result};

/// How many lists one inherits from at most; a longer chain is a fault and grants nothing.
const CHAIN_MAX: usize = 10_000;

/// What one set of principals may do, as far as it was asked.
#[derive(Debug, Default)]
struct Decisions {
    by_row: HashMap<(i64, Permission), bool>,
    readable: HashMap<Permission, Arc<NumberSet>>,
    /// From when the decisions no longer hold, because an entry begins or ends.
    valid_until: Option<Timestamp>,
}

#[derive(Debug)]
struct List {
    parent_no: Option<i64>,
    inherits: bool,
    entries: Vec<AccessEntry>,
}

/// The lists and scopes as of one number of the log, and the decisions taken from them.
#[derive(Debug, Default)]
struct AccessState {
    reached: Option<i64>,
    lists: HashMap<i64, List>,
    scopes: HashMap<i64, i64>,
    all_scopes_known: bool,
    decisions: HashMap<BTreeSet<i64>, Decisions>,
}

/// The node's knowledge of access.
#[derive(Debug, Default)]
pub(crate) struct Access {
    state: Mutex<AccessState>,
}

impl Access {
    /// Runs `ask` on what holds in the transaction of `conn`.
    fn present<T>(&self, conn: &mut Conn, ask: impl FnOnce(&mut AccessState, &mut Conn) -> Result<T>) -> Result<T> {
        let newest = acl::last_change(conn)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.catch_up(conn, newest)?;
        ask(&mut state, conn)
    }

    /// Says whether `actor` has `wanted` in `scope`, as the transaction of `conn` sees it.
    pub(crate) fn allows(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        scope: i64,
        wanted: Permission,
        now: Timestamp,
    ) -> Result<bool> {
        if actor.is_administrator {
            return Ok(true);
        }
        self.present(conn, |state, conn| {
            let row = state.row_of(conn, scope)?;
            Ok(state.decide(&actor.principals, row, wanted, now))
        })
    }

    /// Says which of `scopes` allow `wanted` to `actor`.
    pub(crate) fn allowing(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        scopes: &BTreeSet<i64>,
        wanted: Permission,
        now: Timestamp,
    ) -> Result<BTreeSet<i64>> {
        if actor.is_administrator || scopes.is_empty() {
            return Ok(scopes.clone());
        }
        self.present(conn, |state, conn| {
            let mut allowing = BTreeSet::new();
            for scope in scopes {
                let row = state.row_of(conn, *scope)?;
                if state.decide(&actor.principals, row, wanted, now) {
                    allowing.insert(*scope);
                }
            }
            Ok(allowing)
        })
    }

    /// Returns all scopes that allow `wanted`; `None` means every scope, for administrators.
    pub(crate) fn readable_scopes(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        wanted: Permission,
        now: Timestamp,
    ) -> Result<Option<Arc<NumberSet>>> {
        if actor.is_administrator {
            return Ok(None);
        }
        self.present(conn, |state, conn| {
            state.load_scopes(conn)?;
            Ok(Some(state.readable(&actor.principals, wanted, now)))
        })
    }

    /// Takes note of a new scope, so that sets of readable scopes hold it.
    pub(crate) fn met_scope(&self, conn: &mut Conn, scope: i64) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.scopes.contains_key(&scope) {
            return Ok(());
        }
        state.row_of(conn, scope)?;
        state.forget_sets();
        Ok(())
    }

    /// Returns the permissions that `actor` has in `scope`, of those the core knows.
    pub(crate) fn permissions(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        scope: i64,
        now: Timestamp,
    ) -> Result<Vec<&'static str>> {
        if actor.is_administrator {
            return Ok(permission::ATOMS.to_vec());
        }
        self.present(conn, |state, conn| {
            let row = state.row_of(conn, scope)?;
            let held = permission::ATOMS.iter().copied();
            Ok(held.filter(|atom| state.decide(&actor.principals, row, atom, now)).collect())
        })
    }

    /// Refuses unless `actor` may browse the scope (404) and has `wanted` in it (403).
    pub(crate) fn require(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        scope: i64,
        wanted: Permission,
        now: Timestamp,
    ) -> Result<()> {
        if actor.is_administrator {
            return Ok(());
        }
        let (may_browse, has_wanted) = self.present(conn, |state, conn| {
            let row = state.row_of(conn, scope)?;
            let may_browse = state.decide(&actor.principals, row, permission::BROWSE, now);
            Ok((may_browse, state.decide(&actor.principals, row, wanted, now)))
        })?;
        if !may_browse {
            return Err(RepositoryError::not_found("the object"));
        }
        if !has_wanted {
            return Err(RepositoryError::Forbidden { permission: wanted.to_owned() });
        }
        Ok(())
    }
}

impl AccessState {
    fn catch_up(&mut self, conn: &mut Conn, newest: i64) -> Result<()> {
        let Some(reached) = self.reached.filter(|reached| *reached <= newest) else {
            return self.load(conn, newest);
        };
        if reached == newest {
            return Ok(());
        }
        for change in acl::changes_after(conn, reached)? {
            match change {
                (Some(row), _) => self.reload_list(conn, row)?,
                (None, Some(scope)) => {
                    self.scopes.remove(&scope);
                    self.row_of(conn, scope)?;
                }
                (None, None) => {}
            }
        }
        self.decisions.clear();
        self.reached = Some(newest);
        Ok(())
    }

    fn load(&mut self, conn: &mut Conn, newest: i64) -> Result<()> {
        let mut by_row: BTreeMap<i64, Vec<AccessEntry>> = BTreeMap::new();
        for entry in acl::entries(conn)? {
            by_row.entry(entry.acl_row_no).or_default().push(entry.into());
        }
        let lists = acl::rows(conn)?.into_iter().map(|row| {
            let entries = by_row.remove(&row.no).unwrap_or_default();
            (row.no, List { parent_no: row.parent_no, inherits: row.inherits, entries })
        });
        *self = Self { reached: Some(newest), lists: lists.collect(), ..Self::default() };
        Ok(())
    }

    fn reload_list(&mut self, conn: &mut Conn, no: i64) -> Result<()> {
        let Some(row) = acl::row(conn, no)? else {
            self.lists.remove(&no);
            return Ok(());
        };
        let entries = acl::entries_of(conn, no)?.into_iter().map(AccessEntry::from).collect();
        self.lists.insert(no, List { parent_no: row.parent_no, inherits: row.inherits, entries });
        Ok(())
    }

    fn row_of(&mut self, conn: &mut Conn, scope: i64) -> Result<i64> {
        if let Some(row) = self.scopes.get(&scope) {
            return Ok(*row);
        }
        let found = acl::scope_by_no(conn, scope)?.ok_or_else(|| RepositoryError::not_found("the scope"))?;
        if !self.lists.contains_key(&found.acl_row_no) {
            self.reload_list(conn, found.acl_row_no)?;
        }
        self.scopes.insert(scope, found.acl_row_no);
        Ok(found.acl_row_no)
    }

    fn load_scopes(&mut self, conn: &mut Conn) -> Result<()> {
        if self.all_scopes_known {
            return Ok(());
        }
        self.scopes = acl::scopes(conn)?.into_iter().map(|scope| (scope.no, scope.acl_row_no)).collect();
        self.all_scopes_known = true;
        self.forget_sets();
        Ok(())
    }

    fn forget_sets(&mut self) {
        for decisions in self.decisions.values_mut() {
            decisions.readable.clear();
        }
    }

    fn decide(&mut self, principals: &BTreeSet<i64>, row: i64, wanted: Permission, now: Timestamp) -> bool {
        self.expire(principals, now);
        if let Some(known) = self.decisions.get(principals).and_then(|known| known.by_row.get(&(row, wanted))) {
            return *known;
        }
        let (allowed, valid_until) = self.evaluate(principals, row, wanted, now);
        let decisions = self.decisions.entry(principals.clone()).or_default();
        decisions.by_row.insert((row, wanted), allowed);
        decisions.valid_until = earlier(decisions.valid_until, valid_until);
        allowed
    }

    fn readable(&mut self, principals: &BTreeSet<i64>, wanted: Permission, now: Timestamp) -> Arc<NumberSet> {
        self.expire(principals, now);
        if let Some(known) = self.decisions.get(principals).and_then(|known| known.readable.get(wanted)) {
            return Arc::clone(known);
        }
        let mut set = NumberSet::default();
        let scopes: Vec<(i64, i64)> = self.scopes.iter().map(|(scope, row)| (*scope, *row)).collect();
        for (scope, row) in scopes {
            if self.decide(principals, row, wanted, now) {
                set.insert(scope);
            }
        }
        let set = Arc::new(set);
        self.decisions.entry(principals.clone()).or_default().readable.insert(wanted, Arc::clone(&set));
        set
    }

    fn expire(&mut self, principals: &BTreeSet<i64>, now: Timestamp) {
        let has_expired = |known: &Decisions| known.valid_until.is_some_and(|until| until <= now);
        if self.decisions.get(principals).is_some_and(has_expired) {
            self.decisions.remove(principals);
        }
    }

    /// Walks from a list upwards; the first entry that speaks decides, and nothing said means no.
    fn evaluate(
        &self,
        principals: &BTreeSet<i64>,
        row: i64,
        wanted: Permission,
        now: Timestamp,
    ) -> (bool, Option<Timestamp>) {
        let mut valid_until = None;
        let mut current = Some(row);
        for _ in 0..CHAIN_MAX {
            let Some(list) = current.and_then(|no| self.lists.get(&no)) else { break };
            let turns = list.entries.iter().flat_map(|entry| [entry.begin_at, entry.end_at]).flatten();
            valid_until = earlier(valid_until, turns.filter(|turn| *turn > now).min());
            if let Some(granted) = permission::decide(&list.entries, principals, wanted, now) {
                return (granted, valid_until);
            }
            current = list.parent_no.filter(|_| list.inherits);
        }
        (false, valid_until)
    }
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
