//! What a node knows of lists and scopes, and what it decided by them.
//!
//! A change of a list takes back what was decided of that list and of those below, and nothing else: sets of readable scopes
//! are mended when they are asked for. A transaction that began before a change that the node has followed already is answered
//! by the lists that it sees itself ([`Past`]).

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use cartulary_db::Conn;
use cartulary_index::NumberSet;
use cartulary_model::Timestamp;
use cartulary_model::permission::{self, AccessEntry, Permission, Permissions};

use crate::policies::{Policies, is_mark};
use crate::store::acl::{self, AclRow, EntryRow, ListChange};
use crate::{RepositoryError, Result};

/// How many lists one inherits from at most; a longer chain is a fault and grants nothing.
pub(super) const CHAIN_MAX: usize = 10_000;
/// How much of what changed is remembered for decisions that were not asked for since; older ones are taken anew.
const TURNS_MAX: usize = 200_000;
/// For how many sets of principals decisions are kept, and for how many lists over all of them.
const SETS_MAX: usize = 256;
const DECIDED_MAX: usize = 2_000_000;
/// How many changes are remembered for transactions that began before them.
const FOLLOWED_MAX: usize = 10_000;

/// What one set of principals may do, as far as it was asked.
#[derive(Debug, Default)]
struct Decisions {
    /// How many turns they know of.
    turn: u64,
    /// When they were asked for last, as a number that grows.
    used: u64,
    by_row: HashMap<i64, Vec<(Permission, bool)>>,
    /// The permissions held in a list.
    held: HashMap<i64, Vec<&'static str>>,
    readable: HashMap<Permission, Arc<NumberSet>>,
    /// What the sets above do not know of yet.
    turned: BTreeSet<Turn>,
    /// From when the decisions no longer hold, because an entry begins or ends.
    valid_until: Option<Timestamp>,
}

impl Decisions {
    fn holds_at(&self, now: Timestamp) -> bool {
        self.valid_until.is_none_or(|until| until > now)
    }

    fn of_row(&self, row: i64, wanted: Permission) -> Option<bool> {
        self.by_row.get(&row)?.iter().find(|(permission, _)| *permission == wanted).map(|(_, allowed)| *allowed)
    }
}

/// What decisions may have turned by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// A list, or one above it, changed.
    List(i64),
    /// A scope is new, or points to another list.
    Scope(i64),
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
pub(super) struct AccessState {
    permissions: Arc<Permissions>,
    policies: Arc<Policies>,
    /// The number of the log that this is as of.
    pub(super) reached: Option<i64>,
    lists: HashMap<i64, List>,
    /// The lists right below each.
    below: HashMap<i64, BTreeSet<i64>>,
    pub(super) scopes: HashMap<i64, i64>,
    /// The scopes that point to each list.
    scopes_of: HashMap<i64, BTreeSet<i64>>,
    all_scopes_known: bool,
    decisions: HashMap<Arc<BTreeSet<i64>>, Decisions>,
    /// The last turns, the newest last, and how many there were before them.
    turns: VecDeque<Turn>,
    turns_before: u64,
    asked: u64,
    /// The last changes of the log that were followed.
    followed: VecDeque<ListChange>,
    /// No change after this number is forgotten in `followed`.
    followed_from: i64,
}

/// Lists and scopes as a transaction sees them that began before their last change.
#[derive(Debug, Default)]
pub(super) struct Past {
    lists: HashMap<i64, Option<List>>,
    scopes: HashMap<i64, Option<i64>>,
    /// The lists of which something else may be decided.
    affected: BTreeSet<i64>,
}

impl AccessState {
    pub(super) fn new(permissions: Arc<Permissions>, policies: Arc<Policies>) -> Self {
        Self {
            permissions,
            policies,
            reached: None,
            lists: HashMap::new(),
            below: HashMap::new(),
            scopes: HashMap::new(),
            scopes_of: HashMap::new(),
            all_scopes_known: false,
            decisions: HashMap::new(),
            turns: VecDeque::new(),
            turns_before: 0,
            asked: 0,
            followed: VecDeque::new(),
            followed_from: 0,
        }
    }

    /// Brings this to the present of a transaction that sees the log up to `newest`.
    pub(super) fn catch_up(&mut self, conn: &mut Conn, newest: i64) -> Result<()> {
        let Some(reached) = self.reached.filter(|reached| *reached <= newest) else {
            return self.load(conn, newest);
        };
        if reached == newest {
            return Ok(());
        }
        // Should a read fail half way, nothing of what is known is believed.
        self.reached = None;
        let mut changed = BTreeSet::new();
        for (number, list, scope) in acl::changes_after(conn, reached)? {
            self.followed.push_back((number, list, scope));
            match (list, scope) {
                (Some(row), _) => {
                    self.reload_list(conn, row)?;
                    changed.insert(row);
                }
                (None, Some(scope)) => {
                    self.forget_scope(scope);
                    self.row_of(conn, scope)?;
                }
                // Memberships: whoever is in other groups asks by another set of principals.
                (None, None) => {}
            }
        }
        for list in self.with_those_below(changed) {
            self.turn(Turn::List(list));
        }
        while self.followed.len() > FOLLOWED_MAX
            && let Some((number, ..)) = self.followed.pop_front()
        {
            self.followed_from = number;
        }
        self.reached = Some(newest);
        Ok(())
    }

    /// Returns what a transaction sees otherwise that knows the log up to `newest` only; nothing when that is no longer known.
    pub(super) fn past(&self, conn: &mut Conn, newest: i64) -> Result<Option<Past>> {
        if newest < self.followed_from {
            return Ok(None);
        }
        let mut past = Past::default();
        let mut lists = BTreeSet::new();
        for (_, list, scope) in self.followed.iter().rev().take_while(|(number, ..)| *number > newest) {
            match (list, scope) {
                (Some(list), _) => {
                    lists.insert(*list);
                }
                (None, Some(scope)) => {
                    let row = acl::scope_by_no(conn, *scope)?.map(|scope| scope.acl_row_no);
                    past.scopes.insert(*scope, row);
                }
                (None, None) => {}
            }
        }
        for list in &lists {
            past.lists.insert(*list, read_list(conn, *list)?);
        }
        past.affected = self.with_those_below(lists);
        Ok(Some(past))
    }

    /// Returns lists with all that lie below them.
    fn with_those_below(&self, lists: BTreeSet<i64>) -> BTreeSet<i64> {
        let mut fringe: Vec<i64> = lists.iter().copied().collect();
        let mut all = lists;
        while let Some(list) = fringe.pop() {
            for below in self.below.get(&list).into_iter().flatten() {
                if all.insert(*below) {
                    fringe.push(*below);
                }
            }
        }
        all
    }

    fn turn(&mut self, turn: Turn) {
        self.turns.push_back(turn);
        if self.turns.len() > TURNS_MAX {
            self.turns.pop_front();
            self.turns_before += 1;
        }
    }

    pub(super) fn load(&mut self, conn: &mut Conn, newest: i64) -> Result<()> {
        let mut by_row: BTreeMap<i64, Vec<EntryRow>> = BTreeMap::new();
        for entry in acl::entries(conn)? {
            by_row.entry(entry.acl_row_no).or_default().push(entry);
        }
        let lists = acl::rows(conn)?.into_iter().map(|row| {
            let entries = by_row.remove(&row.no).unwrap_or_default();
            (row.no, List::new(&row, entries))
        });
        let (lists, empty) = (lists.collect(), Self::new(Arc::clone(&self.permissions), Arc::clone(&self.policies)));
        *self = Self { reached: Some(newest), lists, followed_from: newest, ..empty };
        for (no, list) in &self.lists {
            if let Some(parent) = list.parent_no {
                self.below.entry(parent).or_default().insert(*no);
            }
        }
        Ok(())
    }

    fn reload_list(&mut self, conn: &mut Conn, no: i64) -> Result<()> {
        let old = self.lists.remove(&no).and_then(|list| list.parent_no);
        if let Some(lists) = old.and_then(|parent| self.below.get_mut(&parent)) {
            lists.remove(&no);
        }
        let Some(list) = read_list(conn, no)? else { return Ok(()) };
        if let Some(parent) = list.parent_no {
            self.below.entry(parent).or_default().insert(no);
        }
        self.lists.insert(no, list);
        Ok(())
    }

    /// Returns all permissions that are no groups of others.
    fn atoms(&self) -> Vec<&'static str> {
        self.permissions.atoms().to_vec()
    }

    fn forget_scope(&mut self, scope: i64) {
        let row = self.scopes.remove(&scope);
        if let Some(scopes) = row.and_then(|row| self.scopes_of.get_mut(&row)) {
            scopes.remove(&scope);
        }
    }

    /// Returns the list that a scope points to, reading what is not known of it and of the lists above.
    pub(super) fn row_of(&mut self, conn: &mut Conn, scope: i64) -> Result<i64> {
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
        self.scopes_of.entry(found.acl_row_no).or_default().insert(scope);
        self.turn(Turn::Scope(scope));
        Ok(found.acl_row_no)
    }

    /// Takes note of a scope, so that the sets that it belongs to hold it.
    pub(super) fn meet(&mut self, conn: &mut Conn, scope: i64) -> Result<()> {
        self.row_of(conn, scope).map(drop)
    }

    pub(super) fn load_scopes(&mut self, conn: &mut Conn) -> Result<()> {
        if self.all_scopes_known {
            return Ok(());
        }
        let scopes = acl::scopes(conn)?;
        self.scopes = scopes.iter().map(|scope| (scope.no, scope.acl_row_no)).collect();
        self.scopes_of.clear();
        for scope in scopes {
            self.scopes_of.entry(scope.acl_row_no).or_default().insert(scope.no);
        }
        self.all_scopes_known = true;
        self.forget_sets();
        Ok(())
    }

    fn forget_sets(&mut self) {
        for decisions in self.decisions.values_mut() {
            decisions.readable.clear();
            decisions.turned.clear();
        }
    }

    pub(super) fn decide(
        &mut self,
        principals: &Arc<BTreeSet<i64>>,
        row: i64,
        wanted: Permission,
        now: Timestamp,
    ) -> bool {
        if let Some(allowed) = self.decisions_at(principals, now).of_row(row, wanted) {
            return allowed;
        }
        let (allowed, valid_until) = self.evaluate(None, principals, row, wanted, now);
        let decisions = self.decisions_at(principals, now);
        decisions.by_row.entry(row).or_default().push((wanted, allowed));
        decisions.valid_until = earlier(decisions.valid_until, valid_until);
        allowed
    }

    /// Says whether a list shows what `wanted` is asked for: nothing is shown that one may not browse.
    pub(super) fn shows(
        &mut self,
        principals: &Arc<BTreeSet<i64>>,
        row: i64,
        wanted: Permission,
        now: Timestamp,
    ) -> bool {
        self.decide(principals, row, permission::BROWSE, now) && self.decide(principals, row, wanted, now)
    }

    /// Returns which permissions are held in a list.
    pub(super) fn held(&mut self, principals: &Arc<BTreeSet<i64>>, row: i64, now: Timestamp) -> Vec<&'static str> {
        if let Some(held) = self.decisions_at(principals, now).held.get(&row) {
            return held.clone();
        }
        let permissions = Arc::clone(&self.permissions);
        let atoms = permissions.atoms().iter().copied();
        let held: Vec<&'static str> = atoms.filter(|atom| self.decide(principals, row, atom, now)).collect();
        self.decisions_at(principals, now).held.insert(row, held.clone());
        held
    }

    /// Returns what is decided for principals, without what no longer holds.
    fn decisions_at(&mut self, principals: &Arc<BTreeSet<i64>>, now: Timestamp) -> &mut Decisions {
        let newest = self.turns_before + self.turns.len() as u64;
        if !self.decisions.contains_key(principals) {
            self.make_room();
        }
        self.asked += 1;
        let decisions = self
            .decisions
            .entry(Arc::clone(principals))
            .or_insert_with(|| Decisions { turn: newest, ..Decisions::default() });
        decisions.used = self.asked;
        if !decisions.holds_at(now) || decisions.turn < self.turns_before {
            *decisions = Decisions { turn: newest, used: self.asked, ..Decisions::default() };
        }
        let known = usize::try_from(decisions.turn - self.turns_before).unwrap_or(usize::MAX);
        decisions.turn = newest;
        for turn in self.turns.range(known.min(self.turns.len())..) {
            if let Turn::List(list) = turn {
                decisions.by_row.remove(list);
                decisions.held.remove(list);
            }
            // Whoever asks for a set looks at these again.
            if !decisions.readable.is_empty() {
                decisions.turned.insert(*turn);
            }
        }
        decisions
    }

    /// Forgets the decisions that were not asked for longest, where there are too many.
    fn make_room(&mut self) {
        let decided = |known: &Decisions| known.by_row.len() + known.held.len();
        while self.decisions.len() >= SETS_MAX || self.decisions.values().map(decided).sum::<usize>() > DECIDED_MAX {
            let oldest =
                self.decisions.iter().min_by_key(|(_, known)| known.used).map(|(principals, _)| Arc::clone(principals));
            let Some(oldest) = oldest else { return };
            self.decisions.remove(&oldest);
        }
    }

    /// Returns the scopes that show what `wanted` is asked for.
    pub(super) fn readable(
        &mut self,
        principals: &Arc<BTreeSet<i64>>,
        wanted: Permission,
        now: Timestamp,
    ) -> Arc<NumberSet> {
        let turned = std::mem::take(&mut self.decisions_at(principals, now).turned);
        for turn in turned {
            self.look_again(principals, turn, now);
        }
        if let Some(set) = self.decisions_at(principals, now).readable.get(wanted) {
            return Arc::clone(set);
        }
        let mut set = NumberSet::default();
        let lists: Vec<i64> = self.scopes_of.keys().copied().collect();
        for list in lists {
            if self.shows(principals, list, wanted, now) {
                self.scopes_of.get(&list).into_iter().flatten().for_each(|scope| set.insert(*scope));
            }
        }
        let set = Arc::new(set);
        self.decisions_at(principals, now).readable.insert(wanted, Arc::clone(&set));
        set
    }

    /// Puts into the sets of principals, or takes out of them, what a turn may have changed.
    fn look_again(&mut self, principals: &Arc<BTreeSet<i64>>, turn: Turn, now: Timestamp) {
        let list = match turn {
            Turn::List(list) => Some(list),
            Turn::Scope(scope) => self.scopes.get(&scope).copied(),
        };
        let asked: Vec<Permission> = self.decisions_at(principals, now).readable.keys().copied().collect();
        for wanted in asked {
            let is_shown = list.is_some_and(|list| self.shows(principals, list, wanted, now));
            let one = match turn {
                Turn::List(_) => None,
                Turn::Scope(scope) => Some(scope),
            };
            let of_list = self.scopes_of.get(&list.unwrap_or_default()).filter(|_| one.is_none());
            let Some(set) = self.decisions.get_mut(principals).and_then(|known| known.readable.get_mut(wanted)) else {
                continue;
            };
            for scope in one.into_iter().chain(of_list.into_iter().flatten().copied()) {
                put(set, scope, is_shown);
            }
        }
    }

    fn list<'a>(&'a self, past: Option<&'a Past>, no: i64) -> Option<&'a List> {
        match past.and_then(|past| past.lists.get(&no)) {
            Some(then) => then.as_ref(),
            None => self.lists.get(&no),
        }
    }

    /// Says whether a mark of a security policy, of a list or of any above it, hides what lies there; and until when that holds.
    fn is_hidden(
        &self,
        past: Option<&Past>,
        principals: &BTreeSet<i64>,
        row: i64,
        now: Timestamp,
    ) -> (bool, Option<Timestamp>) {
        let mut valid_until = None;
        let mut current = Some(row);
        for _ in 0..CHAIN_MAX {
            let Some(list) = current.and_then(|no| self.list(past, no)) else { break };
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
        past: Option<&Past>,
        principals: &BTreeSet<i64>,
        row: i64,
        wanted: Permission,
        now: Timestamp,
    ) -> (bool, Option<Timestamp>) {
        let (is_hidden, mut valid_until) = self.is_hidden(past, principals, row, now);
        if is_hidden {
            return (false, valid_until);
        }
        let mut current = Some(row);
        for _ in 0..CHAIN_MAX {
            let Some(list) = current.and_then(|no| self.list(past, no)) else { break };
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

/// What holds in one transaction: what the node knows, with what that transaction sees otherwise.
#[derive(Debug)]
pub(super) struct View<'a> {
    pub(super) state: &'a mut AccessState,
    pub(super) past: Option<Past>,
}

impl View<'_> {
    /// Returns the list that a scope points to.
    pub(super) fn row_of(&mut self, conn: &mut Conn, scope: i64) -> Result<i64> {
        match self.past.as_ref().and_then(|past| past.scopes.get(&scope)) {
            Some(row) => row.ok_or_else(|| RepositoryError::not_found("the scope")),
            None => self.state.row_of(conn, scope),
        }
    }

    /// Says whether a list allows `wanted`.
    pub(super) fn decide(
        &mut self,
        principals: &Arc<BTreeSet<i64>>,
        row: i64,
        wanted: Permission,
        now: Timestamp,
    ) -> bool {
        match self.past.as_ref().filter(|past| past.affected.contains(&row)) {
            Some(past) => self.state.evaluate(Some(past), principals, row, wanted, now).0,
            None => self.state.decide(principals, row, wanted, now),
        }
    }

    /// Says whether a list shows what `wanted` is asked for: nothing is shown that one may not browse.
    pub(super) fn shows(
        &mut self,
        principals: &Arc<BTreeSet<i64>>,
        row: i64,
        wanted: Permission,
        now: Timestamp,
    ) -> bool {
        self.decide(principals, row, permission::BROWSE, now) && self.decide(principals, row, wanted, now)
    }

    /// Returns which permissions are held in a list.
    pub(super) fn held(&mut self, principals: &Arc<BTreeSet<i64>>, row: i64, now: Timestamp) -> Vec<&'static str> {
        if self.past.as_ref().is_some_and(|past| past.affected.contains(&row)) {
            let atoms = self.state.atoms();
            return atoms.into_iter().filter(|atom| self.decide(principals, row, atom, now)).collect();
        }
        self.state.held(principals, row, now)
    }

    /// Returns the scopes that show what `wanted` is asked for.
    pub(super) fn readable(
        &mut self,
        principals: &Arc<BTreeSet<i64>>,
        wanted: Permission,
        now: Timestamp,
    ) -> Arc<NumberSet> {
        let mut set = self.state.readable(principals, wanted, now);
        let Some(past) = &self.past else { return set };
        let mut turned: Vec<(i64, Option<i64>)> = Vec::new();
        for list in &past.affected {
            let scopes = self.state.scopes_of.get(list).into_iter().flatten();
            turned.extend(scopes.filter(|scope| !past.scopes.contains_key(scope)).map(|scope| (*scope, Some(*list))));
        }
        turned.extend(past.scopes.iter().map(|(scope, list)| (*scope, *list)));
        let mut known: HashMap<i64, bool> = HashMap::new();
        for (scope, list) in turned {
            let is_shown = match list {
                Some(list) => match known.get(&list) {
                    Some(is_shown) => *is_shown,
                    None => {
                        let is_shown = self.shows(principals, list, wanted, now);
                        known.insert(list, is_shown);
                        is_shown
                    }
                },
                None => false,
            };
            put(&mut set, scope, is_shown);
        }
        set
    }
}

/// Puts a scope into a set or takes it out. A set that stays as it is stays the same one: what was made of it holds.
fn put(set: &mut Arc<NumberSet>, scope: i64, is_in: bool) {
    if set.contains(scope) == is_in {
        return;
    }
    let set = Arc::make_mut(set);
    if is_in { set.insert(scope) } else { set.remove(scope) }
}

fn read_list(conn: &mut Conn, no: i64) -> Result<Option<List>> {
    let Some(row) = acl::row(conn, no)? else { return Ok(None) };
    let entries = acl::entries_of(conn, no)?;
    Ok(Some(List::new(&row, entries)))
}

fn earlier(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
