//! Who may do what: scopes, access lists, and the decisions that a node keeps.
//!
//! A scope points to an access list (an ACL row); lists inherit from lists. The node keeps all lists and the scopes it
//! has met, and follows the numbered log of list changes: a question first reads the newest number in its own
//! transaction and catches up, so that no answer uses an old list.
//!
//! What a write sees may be undone, and its numbers be given again to something else: a write asks what is kept only
//! when it sees no newer list, and the node learns nothing from it.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};

use cartulary_db::Conn;
use cartulary_index::NumberSet;
use cartulary_model::Timestamp;
use cartulary_model::permission::{self, AccessEntry, Permission, Permissions};

use crate::policies::{Policies, is_mark};
use crate::session::Actor;
use crate::store::acl::{self, AclRow, EntryRow};
use crate::{RepositoryError, Result};

/// How many lists one inherits from at most; a longer chain is a fault and grants nothing.
const CHAIN_MAX: usize = 10_000;

/// What one set of principals may do, as far as it was asked.
#[derive(Debug, Default)]
struct Decisions {
    by_row: HashMap<(i64, Permission), bool>,
    /// The permissions held in a list.
    held: HashMap<i64, Vec<&'static str>>,
    readable: HashMap<Permission, Arc<NumberSet>>,
    /// From when the decisions no longer hold, because an entry begins or ends.
    valid_until: Option<Timestamp>,
}

impl Decisions {
    fn holds_at(&self, now: Timestamp) -> bool {
        self.valid_until.is_none_or(|until| until > now)
    }
}

#[derive(Debug)]
struct List {
    parent_no: Option<i64>,
    inherits: bool,
    entries: Vec<AccessEntry>,
    /// Marks of security policies, by their names.
    marks: Vec<(String, AccessEntry)>,
}

impl List {
    fn new(row: &AclRow, rows: Vec<EntryRow>) -> Self {
        let (marks, entries): (Vec<EntryRow>, Vec<EntryRow>) = rows.into_iter().partition(|row| is_mark(&row.list));
        Self {
            parent_no: row.parent_no,
            inherits: row.inherits,
            entries: entries.into_iter().map(AccessEntry::from).collect(),
            marks: marks.into_iter().map(|row| (row.list.clone(), AccessEntry::from(row))).collect(),
        }
    }
}

/// The lists and scopes as of one number of the log, and the decisions taken from them.
#[derive(Debug)]
struct AccessState {
    permissions: Arc<Permissions>,
    policies: Arc<Policies>,
    reached: Option<i64>,
    lists: HashMap<i64, List>,
    scopes: HashMap<i64, i64>,
    all_scopes_known: bool,
    decisions: HashMap<BTreeSet<i64>, Decisions>,
}

/// The node's knowledge of access.
#[derive(Debug)]
pub(crate) struct Access {
    permissions: Arc<Permissions>,
    policies: Arc<Policies>,
    state: Mutex<AccessState>,
}

impl Access {
    /// Knows nothing yet but which permissions and security policies there are.
    pub(crate) fn new(permissions: Permissions, policies: Arc<Policies>) -> Self {
        let permissions = Arc::new(permissions);
        let state = Mutex::new(AccessState::new(Arc::clone(&permissions), Arc::clone(&policies)));
        Self { permissions, policies, state }
    }

    /// Returns the permissions of the core and of modules.
    pub(crate) fn known_permissions(&self) -> &Permissions {
        &self.permissions
    }

    /// Runs `ask`, which asks about `scopes`, or about all when none is named, on what holds in the transaction of `conn`.
    fn present<T>(
        &self,
        conn: &mut Conn,
        scopes: impl IntoIterator<Item = i64>,
        ask: impl FnOnce(&mut AccessState, &mut Conn) -> Result<T>,
    ) -> Result<T> {
        let snapshot = conn.snapshot();
        let newest = newest_change(conn, snapshot)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if snapshot.is_some() {
            state.catch_up(conn, newest)?;
            return ask(&mut state, conn);
        }
        let mut scopes = scopes.into_iter().peekable();
        let asks_of_all = scopes.peek().is_none();
        let are_known = !asks_of_all && scopes.all(|scope| state.scopes.contains_key(&scope));
        if are_known && state.reached == Some(newest) {
            return ask(&mut state, conn);
        }
        drop(state);
        let mut fresh = AccessState::new(Arc::clone(&self.permissions), Arc::clone(&self.policies));
        if asks_of_all {
            fresh.load(conn, newest)?;
        }
        ask(&mut fresh, conn)
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
        self.present(conn, [scope], |state, conn| {
            let row = state.row_of(conn, scope)?;
            Ok(state.decide(&actor.principals, row, wanted, now))
        })
    }

    /// Says which of `scopes` allow `wanted` to `actor`, and to browse.
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
        self.present(conn, scopes.iter().copied(), |state, conn| {
            let mut allowing = BTreeSet::new();
            for scope in scopes {
                let row = state.row_of(conn, *scope)?;
                if state.shows(&actor.principals, row, wanted, now) {
                    allowing.insert(*scope);
                }
            }
            Ok(allowing)
        })
    }

    /// Returns all scopes that allow `wanted`, and to browse; `None` means every scope, for administrators.
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
        self.present(conn, [], |state, conn| {
            state.load_scopes(conn)?;
            Ok(Some(state.readable(&actor.principals, wanted, now)))
        })
    }

    /// Returns all scopes in which a reader has `wanted`, after a look at some that may be new.
    pub(crate) fn listable(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        wanted: Permission,
        new: &BTreeSet<i64>,
        now: Timestamp,
    ) -> Result<Arc<NumberSet>> {
        self.present(conn, [], |state, conn| {
            state.load_scopes(conn)?;
            new.iter().try_for_each(|scope| state.meet(conn, *scope, now))?;
            Ok(state.readable(&actor.principals, wanted, now))
        })
    }

    /// Takes note of scopes, so that sets of readable scopes hold those that are new.
    pub(crate) fn meet_scopes(&self, conn: &mut Conn, scopes: &[i64], now: Timestamp) -> Result<()> {
        self.present(conn, [], |state, conn| scopes.iter().try_for_each(|scope| state.meet(conn, *scope, now)))
    }

    /// Returns the permissions that `actor` has in `scope`.
    pub(crate) fn permissions(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        scope: i64,
        now: Timestamp,
    ) -> Result<Vec<&'static str>> {
        if actor.is_administrator {
            return Ok(self.permissions.atoms().to_vec());
        }
        self.present(conn, [scope], |state, conn| {
            let row = state.row_of(conn, scope)?;
            Ok(state.held(&actor.principals, row, now))
        })
    }

    /// Returns the mark of a security policy that hides a list from principals, and the list that it stands in.
    pub(crate) fn hiding_mark(
        &self,
        conn: &mut Conn,
        row: i64,
        principals: &BTreeSet<i64>,
        now: Timestamp,
    ) -> Result<Option<(i64, String)>> {
        let mut current = Some(row);
        for _ in 0..CHAIN_MAX {
            let Some(no) = current else { break };
            for entry in acl::entries_of(conn, no)?.into_iter().filter(|entry| is_mark(&entry.list)) {
                let list = entry.list.clone();
                if AccessEntry::from(entry).holds_at(now) && !self.policies.is_seen(&list, principals) {
                    return Ok(Some((no, list)));
                }
            }
            current = acl::row(conn, no)?.and_then(|list| list.parent_no);
        }
        Ok(None)
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
        let (may_browse, has_wanted) = self.present(conn, [scope], |state, conn| {
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

thread_local! {
    /// The snapshot that this thread asked last, and the number of the newest change of lists in it.
    static NEWEST: Cell<(Option<NonZeroU64>, i64)> = const { Cell::new((None, 0)) };
}

/// Returns the number of the newest change of lists; it is the same all through a snapshot.
fn newest_change(conn: &mut Conn, snapshot: Option<NonZeroU64>) -> Result<i64> {
    let (known, newest) = NEWEST.get();
    if snapshot.is_some() && known == snapshot {
        return Ok(newest);
    }
    let newest = acl::last_change(conn)?;
    NEWEST.set((snapshot, newest));
    Ok(newest)
}

impl AccessState {
    fn new(permissions: Arc<Permissions>, policies: Arc<Policies>) -> Self {
        Self {
            permissions,
            policies,
            reached: None,
            lists: HashMap::new(),
            scopes: HashMap::new(),
            all_scopes_known: false,
            decisions: HashMap::new(),
        }
    }

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
        let mut by_row: BTreeMap<i64, Vec<EntryRow>> = BTreeMap::new();
        for entry in acl::entries(conn)? {
            by_row.entry(entry.acl_row_no).or_default().push(entry);
        }
        let lists = acl::rows(conn)?.into_iter().map(|row| {
            let entries = by_row.remove(&row.no).unwrap_or_default();
            (row.no, List::new(&row, entries))
        });
        let (lists, empty) = (lists.collect(), Self::new(Arc::clone(&self.permissions), Arc::clone(&self.policies)));
        *self = Self { reached: Some(newest), lists, ..empty };
        Ok(())
    }

    fn reload_list(&mut self, conn: &mut Conn, no: i64) -> Result<()> {
        let Some(row) = acl::row(conn, no)? else {
            self.lists.remove(&no);
            return Ok(());
        };
        let entries = acl::entries_of(conn, no)?;
        self.lists.insert(no, List::new(&row, entries));
        Ok(())
    }

    /// Returns the list that a scope points to, reading what is not known of it and of the lists above.
    fn row_of(&mut self, conn: &mut Conn, scope: i64) -> Result<i64> {
        if let Some(row) = self.scopes.get(&scope) {
            return Ok(*row);
        }
        let found = acl::scope_by_no(conn, scope)?.ok_or_else(|| RepositoryError::not_found("the scope"))?;
        let mut missing = Some(found.acl_row_no).filter(|row| !self.lists.contains_key(row));
        for _ in 0..CHAIN_MAX {
            let Some(row) = missing else { break };
            self.reload_list(conn, row)?;
            let above = self.lists.get(&row).and_then(|list| list.parent_no);
            missing = above.filter(|row| !self.lists.contains_key(row));
        }
        self.scopes.insert(scope, found.acl_row_no);
        Ok(found.acl_row_no)
    }

    /// Takes note of a scope and adds it to the sets that it belongs to.
    fn meet(&mut self, conn: &mut Conn, scope: i64, now: Timestamp) -> Result<()> {
        if self.scopes.contains_key(&scope) {
            return Ok(());
        }
        let row = self.row_of(conn, scope)?;
        let sets = self.decisions.iter().flat_map(|(principals, known)| {
            known.readable.keys().map(|wanted| (principals.clone(), *wanted)).collect::<Vec<_>>()
        });
        for (principals, wanted) in sets.collect::<Vec<_>>() {
            if self.shows(&principals, row, wanted, now)
                && let Some(set) = self.decisions.get_mut(&principals).and_then(|known| known.readable.get_mut(wanted))
            {
                Arc::make_mut(set).insert(scope);
            }
        }
        Ok(())
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
        if let Some(known) = self.decisions.get(principals)
            && known.holds_at(now)
            && let Some(allowed) = known.by_row.get(&(row, wanted))
        {
            return *allowed;
        }
        let (allowed, valid_until) = self.evaluate(principals, row, wanted, now);
        let decisions = self.decisions_at(principals, now);
        decisions.by_row.insert((row, wanted), allowed);
        decisions.valid_until = earlier(decisions.valid_until, valid_until);
        allowed
    }

    /// Says whether a list shows what `wanted` is asked for: nothing is shown that one may not browse.
    fn shows(&mut self, principals: &BTreeSet<i64>, row: i64, wanted: Permission, now: Timestamp) -> bool {
        self.decide(principals, row, permission::BROWSE, now) && self.decide(principals, row, wanted, now)
    }

    /// Returns which permissions are held in a list.
    fn held(&mut self, principals: &BTreeSet<i64>, row: i64, now: Timestamp) -> Vec<&'static str> {
        if let Some(known) = self.decisions.get(principals)
            && known.holds_at(now)
            && let Some(held) = known.held.get(&row)
        {
            return held.clone();
        }
        let permissions = Arc::clone(&self.permissions);
        let atoms = permissions.atoms().iter().copied();
        let held: Vec<&'static str> = atoms.filter(|atom| self.decide(principals, row, atom, now)).collect();
        self.decisions_at(principals, now).held.insert(row, held.clone());
        held
    }

    /// Returns what is decided for principals, empty when it no longer holds.
    fn decisions_at(&mut self, principals: &BTreeSet<i64>, now: Timestamp) -> &mut Decisions {
        let decisions = self.decisions.entry(principals.clone()).or_default();
        if !decisions.holds_at(now) {
            *decisions = Decisions::default();
        }
        decisions
    }

    fn readable(&mut self, principals: &BTreeSet<i64>, wanted: Permission, now: Timestamp) -> Arc<NumberSet> {
        if let Some(known) = self.decisions.get(principals)
            && known.holds_at(now)
            && let Some(set) = known.readable.get(wanted)
        {
            return Arc::clone(set);
        }
        let mut set = NumberSet::default();
        let scopes: Vec<(i64, i64)> = self.scopes.iter().map(|(scope, row)| (*scope, *row)).collect();
        for (scope, row) in scopes {
            if self.shows(principals, row, wanted, now) {
                set.insert(scope);
            }
        }
        let set = Arc::new(set);
        self.decisions_at(principals, now).readable.insert(wanted, Arc::clone(&set));
        set
    }

    /// Says whether a mark of a security policy, of a list or of any above it, hides what lies there; and until when that holds.
    fn is_hidden(&self, principals: &BTreeSet<i64>, row: i64, now: Timestamp) -> (bool, Option<Timestamp>) {
        let mut valid_until = None;
        let mut current = Some(row);
        for _ in 0..CHAIN_MAX {
            let Some(list) = current.and_then(|no| self.lists.get(&no)) else { break };
            for (mark, entry) in &list.marks {
                let turns = [entry.begin_at, entry.end_at].into_iter().flatten();
                valid_until = earlier(valid_until, turns.filter(|turn| *turn > now).min());
                if entry.holds_at(now) && !self.policies.is_seen(mark, principals) {
                    return (true, valid_until);
                }
            }
            // A list that does not inherit lies below its folder's mark all the same.
            current = list.parent_no;
        }
        (false, valid_until)
    }

    /// Walks from a list upwards; the first entry that speaks decides, and nothing said means no. What a security policy hides is
    /// allowed to nobody who is not in its group.
    fn evaluate(
        &self,
        principals: &BTreeSet<i64>,
        row: i64,
        wanted: Permission,
        now: Timestamp,
    ) -> (bool, Option<Timestamp>) {
        let (is_hidden, mut valid_until) = self.is_hidden(principals, row, now);
        if is_hidden {
            return (false, valid_until);
        }
        let mut current = Some(row);
        for _ in 0..CHAIN_MAX {
            let Some(list) = current.and_then(|no| self.lists.get(&no)) else { break };
            let turns = list.entries.iter().flat_map(|entry| [entry.begin_at, entry.end_at]).flatten();
            valid_until = earlier(valid_until, turns.filter(|turn| *turn > now).min());
            if let Some(entry) = self.permissions.decisive(&list.entries, principals, wanted, now) {
                return (entry.grants, valid_until);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use cartulary_db::testing::each_database;
    use cartulary_model::ObjectId;
    use cartulary_model::permission::{AccessEntry, BROWSE};

    use super::*;
    use crate::bootstrap::{self, Facts};
    use crate::{CORE_MIGRATIONS, Clock};

    /// A user in no group but everybody's.
    fn somebody(facts: &Facts) -> Actor {
        Actor {
            sign_in: None,
            no: facts.everyone_no,
            id: ObjectId::generate(),
            username: "somebody".to_owned(),
            display_name: "Somebody".to_owned(),
            is_administrator: false,
            principals: Arc::new(BTreeSet::from([facts.everyone_no])),
        }
    }

    /// Makes a scope with a list of its own, which grants everybody to browse or says nothing.
    fn make_scope(conn: &mut Conn, everyone: i64, is_open: bool) -> Result<i64> {
        let list = acl::insert_row(conn, None, false)?;
        if is_open {
            let entry = AccessEntry {
                principal_no: everyone,
                permission: BROWSE.to_owned(),
                grants: true,
                begin_at: None,
                end_at: None,
            };
            acl::replace_entries(conn, list, acl::LOCAL, &[entry])?;
        }
        let scope = acl::insert_scope(conn, "series", list, None)?;
        acl::log_change(conn, Some(list), None, 0)?;
        Ok(scope)
    }

    #[tokio::test]
    async fn a_list_that_was_undone_is_never_believed() {
        for test in each_database(&[CORE_MIGRATIONS]) {
            let database = test.open(None).await;
            let facts = bootstrap::ensure(&database).await.unwrap();
            let (everyone, actor) = (facts.everyone_no, Arc::new(somebody(&facts)));
            let (access, now) = (Arc::new(Access::new(Permissions::default(), Arc::default())), Clock::default().now());
            let undone = database.write({
                let (access, actor) = (Arc::clone(&access), Arc::clone(&actor));
                move |conn| -> Result<()> {
                    let scope = make_scope(conn, everyone, true)?;
                    assert!(access.allows(conn, &actor, scope, BROWSE, now)?, "a write sees its own list");
                    Err(RepositoryError::Interrupted)
                }
            });
            assert!(undone.await.is_err());
            // On SQLite list, scope and number of the change are the same once more.
            let scope = database.write(move |conn| make_scope(conn, everyone, false)).await.unwrap();
            let read = move |conn: &mut Conn| -> Result<(bool, bool)> {
                let is_allowed = access.allows(conn, &actor, scope, BROWSE, now)?;
                let readable = access.listable(conn, &actor, BROWSE, &BTreeSet::from([scope]), now)?;
                Ok((is_allowed, readable.contains(scope)))
            };
            assert_eq!(database.read(read).await.unwrap(), (false, false), "{}", test.backend());
        }
    }
}
