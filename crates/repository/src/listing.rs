//! Ordered windows of collections: exact totals, any offset, in the time of a scan over numbers.
//!
//! A node keeps, for each collection and order that is in use, the object numbers in order with their scopes, and
//! follows the change log: a window is an intersection with what the reader may browse, and only its rows are read
//! from the database. Small collections are read afresh each time.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use cartulary_db::Conn;
use cartulary_model::text_key;

use crate::Result;
use crate::object::{ListOrder, WindowRequest};
use crate::store::objects::{self, OrderRow};
use crate::store::{changes, filing};

/// Collections below this size are not kept.
const KEEP_FROM: usize = 500;
/// The most entries kept by a node over all collections.
const KEPT_ENTRIES_MAX: usize = 4_000_000;
/// More changes than this since the last use: read afresh.
const CHANGES_MAX: i64 = 5_000;

/// What is listed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Collection {
    /// All dossiers.
    Dossiers(Arc<Vec<String>>),
    /// What lies in one folder.
    Children(i64),
}

/// What orders one entry; `no` breaks ties.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum SortKey {
    Number(i64),
    Text(Box<[u8]>),
}

#[derive(Clone, Debug)]
struct Entry {
    key: SortKey,
    no: i64,
    scope: i64,
}

#[derive(Debug)]
struct Ordered {
    position: i64,
    entries: Vec<Entry>,
    keys: HashMap<i64, SortKey>,
    /// How many entries lie in each scope.
    scopes: HashMap<i64, u64>,
    used: u64,
}

/// Answers which of the scopes a reader may browse.
pub(crate) type Visibility<'a> = &'a mut dyn FnMut(&mut Conn, &BTreeSet<i64>) -> Result<BTreeSet<i64>>;

/// What is kept, and how often anything was asked for.
#[derive(Debug, Default)]
struct Kept {
    turn: u64,
    orders: HashMap<(Collection, ListOrder), Ordered>,
}

/// The windows that a node keeps.
#[derive(Debug, Default)]
pub(crate) struct Listings {
    kept: Mutex<Kept>,
}

/// A window of numbers, and the exact number of what may be seen.
#[derive(Debug)]
pub(crate) struct NumberWindow {
    pub total: u64,
    pub nos: Vec<i64>,
}

impl Listings {
    /// Returns the window of a collection, of what lies in visible scopes; without `visibility`, of all.
    pub(crate) fn window(
        &self,
        conn: &mut Conn,
        collection: &Collection,
        order: ListOrder,
        request: WindowRequest,
        visibility: Option<Visibility<'_>>,
    ) -> Result<NumberWindow> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // The first query of the transaction, under the lock: so its snapshot is never older than what is kept.
        let newest = changes::last_position(conn)?;
        kept.turn += 1;
        let turn = kept.turn;
        let slot = (collection.clone(), order);
        let mut ordered = match kept.orders.remove(&slot) {
            Some(ordered) => follow(conn, collection, order, ordered, newest)?,
            None => read(conn, collection, order, newest)?,
        };
        ordered.used = turn;
        let visible = match visibility {
            None => None,
            Some(visibility) => {
                let scopes = visibility(conn, &ordered.scopes.keys().copied().collect())?;
                Some(scopes.into_iter().collect::<HashSet<i64>>())
            }
        };
        let window = cut(&ordered, order, request, visible.as_ref());
        if ordered.entries.len() >= KEEP_FROM {
            kept.orders.insert(slot, ordered);
            make_room(&mut kept.orders);
        }
        Ok(window)
    }
}

fn make_room(kept: &mut HashMap<(Collection, ListOrder), Ordered>) {
    while kept.len() > 1 && kept.values().map(|ordered| ordered.entries.len()).sum::<usize>() > KEPT_ENTRIES_MAX {
        let oldest = kept.iter().min_by_key(|(_, ordered)| ordered.used).map(|(slot, _)| slot.clone());
        let Some(oldest) = oldest else { return };
        kept.remove(&oldest);
    }
}

fn cut(ordered: &Ordered, order: ListOrder, request: WindowRequest, visible: Option<&HashSet<i64>>) -> NumberWindow {
    let entries = &ordered.entries;
    let may_see = |entry: &&Entry| visible.is_none_or(|scopes| scopes.contains(&entry.scope));
    let total = match visible {
        None => entries.len() as u64,
        Some(visible) => visible.iter().filter_map(|scope| ordered.scopes.get(scope)).sum(),
    };
    let skip = usize::try_from(request.offset).unwrap_or(usize::MAX);
    let take = usize::try_from(request.limit).unwrap_or(usize::MAX);
    let nos = match (is_descending(order), visible) {
        (false, None) => entries.iter().skip(skip).take(take).map(|entry| entry.no).collect(),
        (true, None) => entries.iter().rev().skip(skip).take(take).map(|entry| entry.no).collect(),
        (false, _) => entries.iter().filter(may_see).skip(skip).take(take).map(|entry| entry.no).collect(),
        (true, _) => entries.iter().rev().filter(may_see).skip(skip).take(take).map(|entry| entry.no).collect(),
    };
    NumberWindow { total, nos }
}

const fn is_descending(order: ListOrder) -> bool {
    matches!(order, ListOrder::NameDescending | ListOrder::CreatedDescending | ListOrder::ModifiedDescending)
}

fn key_of(order: ListOrder, row: &OrderRow, ordinal: i64) -> SortKey {
    match order {
        ListOrder::Receipt => SortKey::Number(ordinal),
        ListOrder::Name | ListOrder::NameDescending => SortKey::Text(text_key(&row.name).into_boxed_slice()),
        ListOrder::Created | ListOrder::CreatedDescending => SortKey::Number(row.created_at),
        ListOrder::Modified | ListOrder::ModifiedDescending => SortKey::Number(row.modified_at),
    }
}

fn read(conn: &mut Conn, collection: &Collection, order: ListOrder, position: i64) -> Result<Ordered> {
    let rows: Vec<(OrderRow, i64)> = match collection {
        Collection::Dossiers(types) => objects::orders_by_type(conn, types)?
            .into_iter()
            .map(|row| (row.no, row))
            .map(|(no, row)| (row, no))
            .collect(),
        Collection::Children(folder) => filing::orders_of_children(conn, *folder)?,
    };
    let mut entries: Vec<Entry> = rows
        .iter()
        .map(|(row, ordinal)| Entry { key: key_of(order, row, *ordinal), no: row.no, scope: row.scope_no })
        .collect();
    entries.sort_unstable_by(|one, other| (&one.key, one.no).cmp(&(&other.key, other.no)));
    let keys = entries.iter().map(|entry| (entry.no, entry.key.clone())).collect();
    let mut scopes = HashMap::new();
    for entry in &entries {
        *scopes.entry(entry.scope).or_insert(0) += 1;
    }
    Ok(Ordered { position, entries, keys, scopes, used: 0 })
}

/// Brings a kept order to the present by the changes since.
fn follow(
    conn: &mut Conn,
    collection: &Collection,
    order: ListOrder,
    mut ordered: Ordered,
    newest: i64,
) -> Result<Ordered> {
    if ordered.position > newest || newest - ordered.position > CHANGES_MAX {
        return read(conn, collection, order, newest);
    }
    // What is committed and not numbered yet counts too: whoever wrote sees it in the next list.
    let mut touched: BTreeSet<i64> = changes::unnumbered_objects(conn)?.into_iter().collect();
    if ordered.position != newest {
        let rows = changes::after(conn, ordered.position, CHANGES_MAX + 1)?;
        touched.extend(rows.iter().filter(|row| !row.audit_only).filter_map(|row| row.object_no));
    }
    if touched.is_empty() {
        ordered.position = newest;
        return Ok(ordered);
    }
    let touched: Vec<i64> = touched.into_iter().collect();
    let present: Vec<(OrderRow, i64)> = match collection {
        Collection::Dossiers(types) => objects::by_nos(conn, &touched)?
            .into_values()
            .filter(|row| row.role == objects::LIVE && row.trashed_at.is_none() && types.contains(&row.type_id))
            .map(|row| {
                let (no, scope_no, name) = (row.no, row.scope_no, row.name);
                (OrderRow { no, scope_no, name, created_at: row.created_at, modified_at: row.modified_at }, no)
            })
            .collect(),
        Collection::Children(folder) => filing::orders_of_some(conn, *folder, &touched)?,
    };
    for no in &touched {
        ordered.remove(*no);
    }
    for (row, ordinal) in &present {
        ordered.insert(Entry { key: key_of(order, row, *ordinal), no: row.no, scope: row.scope_no });
    }
    ordered.position = newest;
    Ok(ordered)
}

impl Ordered {
    fn place_of(&self, key: &SortKey, no: i64) -> std::result::Result<usize, usize> {
        self.entries.binary_search_by(|entry| (&entry.key, entry.no).cmp(&(key, no)))
    }

    fn remove(&mut self, no: i64) {
        let Some(key) = self.keys.remove(&no) else { return };
        if let Ok(place) = self.place_of(&key, no) {
            let entry = self.entries.remove(place);
            if let Some(count) = self.scopes.get_mut(&entry.scope) {
                *count = count.saturating_sub(1);
            }
        }
    }

    fn insert(&mut self, entry: Entry) {
        self.keys.insert(entry.no, entry.key.clone());
        *self.scopes.entry(entry.scope).or_insert(0) += 1;
        if let Err(place) = self.place_of(&entry.key, entry.no) {
            self.entries.insert(place, entry);
        }
    }
}
