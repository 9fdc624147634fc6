//! Who may do what: scopes, access lists, and the decisions that a node keeps.
//!
//! A scope points to an access list (an ACL row); lists inherit from lists. The node keeps all lists and the scopes it
//! has met, and follows the numbered log of list changes: a question first reads the newest number in its own
//! transaction and catches up, so that no answer uses an old list.
//!
//! What a write sees may be undone, and its numbers be given again to something else: a write asks what is kept only
//! when it sees no newer list, and the node learns nothing from it.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};

use cartulary_db::Conn;
use cartulary_index::NumberSet;
use cartulary_model::Timestamp;
use cartulary_model::permission::{self, AccessEntry, Permission, Permissions};

use crate::policies::{Policies, is_mark};
use crate::session::Actor;
use crate::store::acl;
use crate::{RepositoryError, Result};

mod state;

use state::{AccessState, CHAIN_MAX, View};

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
        ask: impl FnOnce(&mut View<'_>, &mut Conn) -> Result<T>,
    ) -> Result<T> {
        let snapshot = conn.snapshot();
        let newest = newest_change(conn, snapshot)?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if snapshot.is_some() {
            // Another transaction may have seen more: this one is answered by what it sees itself.
            let past = match state.reached {
                Some(reached) if reached > newest => state.past(conn, newest)?,
                _ => {
                    state.catch_up(conn, newest)?;
                    return ask(&mut View { state: &mut state, past: None }, conn);
                }
            };
            if past.is_some() {
                return ask(&mut View { state: &mut state, past }, conn);
            }
            drop(state);
            let mut fresh = AccessState::new(Arc::clone(&self.permissions), Arc::clone(&self.policies));
            fresh.load(conn, newest)?;
            return ask(&mut View { state: &mut fresh, past: None }, conn);
        }
        let mut scopes = scopes.into_iter().peekable();
        let asks_of_all = scopes.peek().is_none();
        let are_known = !asks_of_all && scopes.all(|scope| state.scopes.contains_key(&scope));
        if are_known && state.reached == Some(newest) {
            return ask(&mut View { state: &mut state, past: None }, conn);
        }
        drop(state);
        let mut fresh = AccessState::new(Arc::clone(&self.permissions), Arc::clone(&self.policies));
        if asks_of_all {
            fresh.load(conn, newest)?;
        }
        ask(&mut View { state: &mut fresh, past: None }, conn)
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
        self.present(conn, [scope], |view, conn| {
            let row = view.row_of(conn, scope)?;
            Ok(view.decide(&actor.principals, row, wanted, now))
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
        self.present(conn, scopes.iter().copied(), |view, conn| {
            let mut allowing = BTreeSet::new();
            for scope in scopes {
                let row = view.row_of(conn, *scope)?;
                if view.shows(&actor.principals, row, wanted, now) {
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
        self.present(conn, [], |view, conn| {
            view.state.load_scopes(conn)?;
            Ok(Some(view.readable(&actor.principals, wanted, now)))
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
        self.present(conn, [], |view, conn| {
            view.state.load_scopes(conn)?;
            new.iter().try_for_each(|scope| view.state.meet(conn, *scope))?;
            Ok(view.readable(&actor.principals, wanted, now))
        })
    }

    /// Takes note of scopes, so that sets of readable scopes hold those that are new.
    pub(crate) fn meet_scopes(&self, conn: &mut Conn, scopes: &[i64]) -> Result<()> {
        self.present(conn, [], |view, conn| scopes.iter().try_for_each(|scope| view.state.meet(conn, *scope)))
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
        self.present(conn, [scope], |view, conn| {
            let row = view.row_of(conn, scope)?;
            Ok(view.held(&actor.principals, row, now))
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
        let (may_browse, has_wanted) = self.present(conn, [scope], |view, conn| {
            let row = view.row_of(conn, scope)?;
            let may_browse = view.decide(&actor.principals, row, permission::BROWSE, now);
            Ok((may_browse, view.decide(&actor.principals, row, wanted, now)))
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
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
    /// Lists and scopes that change at random.
    #[derive(Clone)]
    struct Grove {
        lists: Vec<i64>,
        scopes: Vec<i64>,
        seed: u64,
    }

    impl Grove {
        fn below(&mut self, end: usize) -> usize {
            self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.seed >> 33).unwrap() % end
        }

        fn list(&mut self) -> i64 {
            let place = self.below(self.lists.len());
            self.lists[place]
        }

        /// Changes something; what lies above a list was there before it, so that no list is above itself.
        fn change(&mut self, conn: &mut Conn, principals: &[i64]) -> Result<()> {
            let place = self.below(self.lists.len());
            let list = self.lists[place];
            match self.below(6) {
                0 => {
                    let above = self.list();
                    let new = acl::insert_row(conn, Some(above), self.below(4) > 0)?;
                    self.lists.push(new);
                    self.scopes.push(acl::insert_scope(conn, "series", new, None)?);
                    acl::log_change(conn, Some(new), None, 0)
                }
                1 => {
                    let of = self.list();
                    self.scopes.push(acl::insert_scope(conn, "series", of, None)?);
                    Ok(())
                }
                2 => {
                    let place = self.below(self.scopes.len());
                    acl::point_scope(conn, self.scopes[place], list)?;
                    acl::log_change(conn, None, Some(self.scopes[place]), 0)
                }
                3 if place > 0 => {
                    let above = self.below(place);
                    acl::put_row_parent(conn, list, self.lists[above])?;
                    acl::log_change(conn, Some(list), None, 0)
                }
                4 => {
                    acl::put_inherits(conn, list, self.below(2) == 0)?;
                    acl::log_change(conn, Some(list), None, 0)
                }
                _ => {
                    let count = self.below(3);
                    let entries: Vec<AccessEntry> = (0..count)
                        .map(|_| AccessEntry {
                            principal_no: principals[self.below(principals.len())],
                            permission: [BROWSE, "Read", "Write"][self.below(3)].to_owned(),
                            grants: self.below(3) > 0,
                            begin_at: None,
                            end_at: None,
                        })
                        .collect();
                    acl::replace_entries(conn, list, acl::LOCAL, &entries)?;
                    acl::log_change(conn, Some(list), None, 0)
                }
            }
        }
    }

    /// Returns which of the scopes are in the set that a node mended, and in that of one that knows nothing yet.
    fn compared(conn: &mut Conn, kept: &Access, actor: &Actor, scopes: &[i64]) -> Result<(Vec<bool>, Vec<bool>)> {
        let now = Clock::default().now();
        let fresh = Access::new(Permissions::default(), Arc::default());
        let all: BTreeSet<i64> = scopes.iter().copied().collect();
        let mended = kept.listable(conn, actor, permission::READ_CONTENT, &all, now)?;
        let mended: Vec<bool> = scopes.iter().map(|scope| mended.contains(*scope)).collect();
        let allowing = fresh.allowing(conn, actor, &all, permission::READ_CONTENT, now)?;
        let one_by_one = kept.allowing(conn, actor, &all, permission::READ_CONTENT, now)?;
        assert_eq!(one_by_one, allowing);
        Ok((mended, scopes.iter().map(|scope| allowing.contains(scope)).collect()))
    }

    #[tokio::test]
    async fn sets_that_are_mended_are_those_that_are_made_anew() {
        for test in each_database(&[CORE_MIGRATIONS]) {
            let database = test.open(None).await;
            let facts = bootstrap::ensure(&database).await.unwrap();
            let actors =
                [vec![facts.everyone_no], vec![facts.everyone_no, facts.administrators_no]].map(|principals| {
                    Arc::new(Actor { principals: Arc::new(principals.into_iter().collect()), ..somebody(&facts) })
                });
            let kept = Arc::new(Access::new(Permissions::default(), Arc::default()));
            let principals = [facts.everyone_no, facts.administrators_no];
            let first = database.write(move |conn| -> Result<i64> {
                let list = acl::insert_row(conn, None, false)?;
                acl::log_change(conn, Some(list), None, 0)?;
                Ok(list)
            });
            let mut grove = Grove { lists: vec![first.await.unwrap()], scopes: Vec::new(), seed: 7 };
            grove.scopes = vec![
                database
                    .write({
                        let list = grove.lists[0];
                        move |conn| acl::insert_scope(conn, "series", list, None)
                    })
                    .await
                    .unwrap(),
            ];
            for turn in 0..150 {
                let before = grove.clone();
                grove = database
                    .write(move |conn| -> Result<Grove> {
                        let mut grove = before.clone();
                        for _ in 0..=turn % 4 {
                            grove.change(conn, &principals)?;
                        }
                        Ok(grove)
                    })
                    .await
                    .unwrap();
                for actor in &actors {
                    let (kept, actor, scopes) = (Arc::clone(&kept), Arc::clone(actor), grove.scopes.clone());
                    let read = move |conn: &mut Conn| compared(conn, &kept, &actor, &scopes);
                    let (mended, anew) = database.read(read).await.unwrap();
                    assert_eq!(mended, anew, "turn {turn} on {}", test.backend());
                }
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_began_before_a_change_is_answered_by_what_he_sees() {
        for test in each_database(&[CORE_MIGRATIONS]) {
            let database = test.open(None).await;
            let facts = bootstrap::ensure(&database).await.unwrap();
            let (everyone, actor) = (facts.everyone_no, Arc::new(somebody(&facts)));
            let kept = Arc::new(Access::new(Permissions::default(), Arc::default()));
            let make = move |conn: &mut Conn| -> Result<(i64, i64)> {
                let scope = make_scope(conn, everyone, true)?;
                Ok((scope, acl::scope_by_no(conn, scope)?.unwrap().acl_row_no))
            };
            let (scope, list) = database.write(make).await.unwrap();
            let ask = {
                let (kept, actor) = (Arc::clone(&kept), Arc::clone(&actor));
                move |conn: &mut Conn| -> Result<(bool, bool)> {
                    let now = Clock::default().now();
                    let set = kept.listable(conn, &actor, BROWSE, &BTreeSet::from([scope]), now)?;
                    Ok((kept.allows(conn, &actor, scope, BROWSE, now)?, set.contains(scope)))
                }
            };
            let (has_begun, begun) = tokio::sync::oneshot::channel();
            let (go_on, may_go_on) = std::sync::mpsc::channel::<()>();
            let earlier = tokio::spawn({
                let (database, ask) = (database.clone(), ask.clone());
                async move {
                    let read = move |conn: &mut Conn| -> Result<[(bool, bool); 2]> {
                        let first = ask(conn)?;
                        let _ = has_begun.send(());
                        let _ = may_go_on.recv();
                        Ok([first, ask(conn)?])
                    };
                    database.read(read).await
                }
            });
            begun.await.unwrap();
            let shut = move |conn: &mut Conn| -> Result<()> {
                acl::replace_entries(conn, list, acl::LOCAL, &[])?;
                acl::log_change(conn, Some(list), None, 0)
            };
            database.write(shut).await.unwrap();
            assert_eq!(database.read(ask).await.unwrap(), (false, false), "who begins after it");
            go_on.send(()).unwrap();
            assert_eq!(earlier.await.unwrap().unwrap(), [(true, true); 2], "who began before it");
        }
    }
}
