//! Ordered windows of collections: exact totals, any offset, in the time of a scan over numbers.
//!
//! A node keeps, for each collection and order that is in use, the object numbers in order with their scopes, and
//! follows the change log: a window is an intersection with what the reader may browse, and only its rows are read
//! from the database. Small collections are read afresh each time.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use cartulary_db::Conn;
use cartulary_index::NumberSet;
use cartulary_model::text_key;

use crate::Result;
use crate::object::{ListOrder, WindowRequest};
use crate::store::objects::{self, OrderRow};
use crate::store::{changes, filing, trash};

/// Collections below this size are not kept.
const KEEP_FROM: usize = 500;
/// The most entries kept by a node over all collections.
const KEPT_ENTRIES_MAX: usize = 4_000_000;
/// More changes than this since the last use: read afresh.
const CHANGES_MAX: i64 = 5_000;
/// For so many sets of readable scopes a kept order remembers its readable part.
const PARTS_MAX: usize = 8;

/// What is listed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Collection {
    /// All dossiers.
    Dossiers(Arc<Vec<String>>),
    /// What lies in one folder.
    Children(i64),
    /// What was put in the trash by itself; it begins there.
    Trash,
    /// What lies in no folder.
    Unfiled,
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
    /// The scopes of entries that came since they were last asked for.
    new_scopes: BTreeSet<i64>,
    /// What of the entries may be seen, by the set of scopes; gone with every change of the entries.
    parts: Vec<(Arc<NumberSet>, Part)>,
    used: u64,
}

/// Which entries of an order lie in the scopes of a set.
#[derive(Clone, Debug)]
enum Part {
    All,
    /// The places of those that do, in order.
    Some(Arc<Vec<u32>>),
}

/// Answers which scopes a reader may browse, after it was told of some that may be new.
pub(crate) type Visibility<'a> = &'a mut dyn FnMut(&mut Conn, &BTreeSet<i64>) -> Result<Arc<NumberSet>>;

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
        let part = match visibility {
            None => Part::All,
            Some(visibility) => {
                let visible = visibility(conn, &ordered.new_scopes)?;
                ordered.new_scopes.clear();
                ordered.part(&visible)
            }
        };
        let window = cut(&ordered.entries, order, request, &part);
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

fn cut(entries: &[Entry], order: ListOrder, request: WindowRequest, part: &Part) -> NumberWindow {
    let count = match part {
        Part::All => entries.len(),
        Part::Some(places) => places.len(),
    };
    let first = usize::try_from(request.offset).unwrap_or(usize::MAX).min(count);
    let last = first.saturating_add(usize::try_from(request.limit).unwrap_or(usize::MAX)).min(count);
    let number = |place: usize| {
        let place = if is_descending(order) { count - 1 - place } else { place };
        let place = match part {
            Part::All => place,
            Part::Some(places) => places.get(place).map_or(usize::MAX, |place| *place as usize),
        };
        entries.get(place).map(|entry| entry.no)
    };
    NumberWindow { total: count as u64, nos: (first..last).filter_map(number).collect() }
}

const fn is_descending(order: ListOrder) -> bool {
    match order {
        ListOrder::Receipt | ListOrder::Name | ListOrder::Created | ListOrder::Modified => false,
        ListOrder::ReceiptDescending
        | ListOrder::NameDescending
        | ListOrder::CreatedDescending
        | ListOrder::ModifiedDescending => true,
    }
}

fn key_of(order: ListOrder, row: &OrderRow, ordinal: i64) -> SortKey {
    match order {
        ListOrder::Receipt | ListOrder::ReceiptDescending => SortKey::Number(ordinal),
        ListOrder::Name | ListOrder::NameDescending => SortKey::Text(text_key(&row.name).into_boxed_slice()),
        ListOrder::Created | ListOrder::CreatedDescending => SortKey::Number(row.created_at),
        ListOrder::Modified | ListOrder::ModifiedDescending => SortKey::Number(row.modified_at),
    }
}

fn read(conn: &mut Conn, collection: &Collection, order: ListOrder, position: i64) -> Result<Ordered> {
    let rows: Vec<(OrderRow, i64)> = match collection {
        Collection::Dossiers(types) => numbered(objects::orders_by_type(conn, types)?),
        Collection::Children(folder) => filing::orders_of_children(conn, *folder)?,
        Collection::Trash => numbered(trash::orders(conn)?),
        Collection::Unfiled => numbered(objects::orders_of_unfiled(conn)?),
    };
    let mut entries: Vec<Entry> = rows
        .iter()
        .map(|(row, ordinal)| Entry { key: key_of(order, row, *ordinal), no: row.no, scope: row.scope_no })
        .collect();
    entries.sort_unstable_by(|one, other| (&one.key, one.no).cmp(&(&other.key, other.no)));
    let keys = entries.iter().map(|entry| (entry.no, entry.key.clone())).collect();
    let new_scopes = entries.iter().map(|entry| entry.scope).collect();
    Ok(Ordered { position, entries, keys, new_scopes, parts: Vec::new(), used: 0 })
}

/// Returns rows with their numbers for places, where there is no order of receipt.
fn numbered(rows: Vec<OrderRow>) -> Vec<(OrderRow, i64)> {
    rows.into_iter().map(|row| (row.no, row)).map(|(no, row)| (row, no)).collect()
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
    // The places of many may have changed with the folder's own.
    let is_by_place = matches!(order, ListOrder::Receipt | ListOrder::ReceiptDescending);
    if is_by_place && matches!(collection, Collection::Children(folder) if touched.contains(folder)) {
        return read(conn, collection, order, newest);
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
        Collection::Trash => numbered(trash::orders_of_some(conn, &touched)?),
        Collection::Unfiled => numbered(objects::unfiled_of_some(conn, &touched)?),
    };
    ordered.parts.clear();
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
            self.entries.remove(place);
        }
    }

    fn insert(&mut self, entry: Entry) {
        self.keys.insert(entry.no, entry.key.clone());
        self.new_scopes.insert(entry.scope);
        if let Err(place) = self.place_of(&entry.key, entry.no) {
            self.entries.insert(place, entry);
        }
    }

    /// Returns which entries lie in the scopes of a set, remembering the answer for as long as both stay as they are.
    fn part(&mut self, visible: &Arc<NumberSet>) -> Part {
        if let Some((_, part)) = self.parts.iter().find(|(set, _)| Arc::ptr_eq(set, visible)) {
            return part.clone();
        }
        let places = self.entries.iter().zip(0_u32..).filter(|(entry, _)| visible.contains(entry.scope));
        let places: Vec<u32> = places.map(|(_, place)| place).collect();
        let part = if places.len() == self.entries.len() { Part::All } else { Part::Some(Arc::new(places)) };
        if self.parts.len() >= PARTS_MAX {
            self.parts.remove(0);
        }
        self.parts.push((Arc::clone(visible), part.clone()));
        part
    }
}
