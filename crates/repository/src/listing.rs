//! Ordered windows of collections: exact totals, any offset, in the time of a scan over numbers.
//!
//! A node keeps, for each collection and order that is in use, the object numbers in order with their scopes, and
//! follows the change log: a window is an intersection with what the reader may browse, and only its rows are read
//! from the database. Small collections are read afresh each time.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use cartulary_db::Conn;
use cartulary_index::NumberSet;
use cartulary_model::{BlobDigest, text_key};

use crate::object::{ListOrder, WindowRequest};
use crate::store::objects::{self, OrderRow};
use crate::store::{changes, filing, trash};
use crate::{RepositoryError, Result};

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

impl Collection {
    /// Returns what tells places of it, in an order, from those of others.
    fn mark(&self, order: ListOrder) -> u32 {
        let words = match self {
            Self::Dossiers(_) => format!("dossiers {order:?}"),
            other => format!("{other:?} {order:?}"),
        };
        BlobDigest::of(words.as_bytes()).as_bytes().iter().take(4).fold(0, |mark, byte| mark << 8 | u32::from(*byte))
    }
}

/// A place in a list: after a row that was answered, whatever comes, goes or moves before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPlace {
    /// Which list it is of, and in which order.
    mark: u32,
    head: u128,
    rest: Box<[u8]>,
    no: i64,
}

impl ListPlace {
    /// Returns it as bytes, for whoever keeps it meanwhile. They mean nothing elsewhere.
    pub fn to_bytes(&self) -> Vec<u8> {
        [&self.mark.to_be_bytes()[..], &self.head.to_be_bytes(), &self.no.to_be_bytes(), &self.rest].concat()
    }

    /// Returns the place that [`ListPlace::to_bytes`] wrote; none for other bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (mark, bytes) = bytes.split_first_chunk()?;
        let (head, bytes) = bytes.split_first_chunk()?;
        let (no, rest) = bytes.split_first_chunk()?;
        let (mark, head, no) = (u32::from_be_bytes(*mark), u128::from_be_bytes(*head), i64::from_be_bytes(*no));
        Some(Self { mark, head, rest: rest.into(), no })
    }

    fn of(mark: u32, entry: &Entry) -> Self {
        Self { mark, head: entry.head, rest: entry.rest.clone(), no: entry.no }
    }

    /// Says where an entry stands, upwards, before it or after it.
    fn order(&self, entry: &Entry) -> Ordering {
        (entry.head, &entry.rest, entry.no).cmp(&(self.head, &self.rest, self.no))
    }
}

/// Where a window of a list begins.
#[derive(Clone, Debug)]
pub enum ListStart {
    /// After so many rows.
    Offset(u64),
    /// After a row that was answered.
    After(ListPlace),
}

/// Which window of a list is asked for.
#[derive(Clone, Debug)]
pub struct ListRequest {
    /// Where it begins.
    pub start: ListStart,
    /// How many rows are answered, at most [`crate::WINDOW_ROWS_MAX`].
    pub limit: u64,
}

impl From<WindowRequest> for ListRequest {
    fn from(request: WindowRequest) -> Self {
        Self { start: ListStart::Offset(request.offset), limit: request.limit }
    }
}

/// One entry; the first three order it.
#[derive(Clone, Debug)]
struct Entry {
    /// A number, or the first of a text's key: most are told apart by it, without a look elsewhere.
    head: u128,
    /// What follows of a text's key. No key has a unit of zeros, which the head is filled up with.
    rest: Box<[u8]>,
    /// Breaks ties.
    no: i64,
    scope: i64,
}

/// The bytes of a key that its head holds.
const HEAD_BYTES: usize = 16;
/// So many new entries are put to their places one by one; more are merged.
const PUT_ONE_BY_ONE: usize = 8;

#[derive(Debug)]
struct Ordered {
    position: i64,
    entries: Vec<Entry>,
    /// The numbers of the entries.
    members: NumberSet,
    /// The scopes of entries that came since they were last asked for.
    new_scopes: BTreeSet<i64>,
    /// What of the entries may be seen, by the set of scopes; gone with every change of the entries.
    parts: Vec<(Arc<NumberSet>, Part)>,
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
    orders: HashMap<(Collection, ListOrder), Slot>,
}

/// An order that is kept, or being made: whoever asks for another one does not wait for it.
#[derive(Debug, Default)]
struct Slot {
    used: u64,
    entry_count: usize,
    order: Arc<Mutex<Option<Ordered>>>,
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
    /// The place after the last of them, when more follow.
    pub end: Option<ListPlace>,
}

impl Listings {
    /// Returns the window of a collection, of what lies in visible scopes; without `visibility`, of all.
    ///
    /// # Errors
    /// `Invalid` `foreign_cursor` for a place of another list or order; the database's.
    pub(crate) fn window(
        &self,
        conn: &mut Conn,
        collection: &Collection,
        order: ListOrder,
        request: &ListRequest,
        visibility: Option<Visibility<'_>>,
    ) -> Result<NumberWindow> {
        let mark = collection.mark(order);
        if matches!(&request.start, ListStart::After(place) if place.mark != mark) {
            let detail = "continues another list, or the same in another order";
            return Err(RepositoryError::invalid("cursor", "foreign_cursor", detail));
        }
        // Both directions are one order, read from either end.
        let slot = (collection.clone(), ascending(order));
        let kept = self.slot(&slot);
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        // The first query of the transaction, under the lock: so its snapshot is never older than what is kept.
        let newest = changes::last_position(conn)?;
        let present = match kept.take() {
            Some(ordered) => follow(conn, collection, slot.1, ordered, newest),
            None => read(conn, collection, slot.1, newest),
        };
        let windowed = present.and_then(|mut ordered| {
            let part = match visibility {
                None => Part::All,
                Some(visibility) => {
                    let visible = visibility(conn, &ordered.new_scopes)?;
                    ordered.new_scopes.clear();
                    ordered.part(&visible)
                }
            };
            Ok((cut(&ordered.entries, (order, mark), request, &part), ordered))
        });
        let outcome = windowed.map(|(window, ordered)| {
            let is_large = ordered.entries.len() >= KEEP_FROM;
            *kept = Some(ordered).filter(|_| is_large);
            window
        });
        let entry_count = kept.as_ref().map_or(0, |ordered| ordered.entries.len());
        drop(kept);
        self.settle(&slot, entry_count);
        outcome
    }

    fn slot(&self, slot: &(Collection, ListOrder)) -> Arc<Mutex<Option<Ordered>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.turn += 1;
        let turn = kept.turn;
        let slot = kept.orders.entry(slot.clone()).or_default();
        slot.used = turn;
        Arc::clone(&slot.order)
    }

    /// Notes how large an order is, and forgets those that were not asked for longest where there is too much.
    fn settle(&self, slot: &(Collection, ListOrder), entry_count: usize) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if entry_count == 0 {
            kept.orders.remove(slot);
        } else if let Some(slot) = kept.orders.get_mut(slot) {
            slot.entry_count = entry_count;
        }
        make_room(&mut kept.orders);
    }
}

fn make_room(kept: &mut HashMap<(Collection, ListOrder), Slot>) {
    while kept.len() > 1 && kept.values().map(|slot| slot.entry_count).sum::<usize>() > KEPT_ENTRIES_MAX {
        let oldest = kept.iter().min_by_key(|(_, slot)| slot.used).map(|(slot, _)| slot.clone());
        let Some(oldest) = oldest else { return };
        kept.remove(&oldest);
    }
}

fn cut(entries: &[Entry], (order, mark): (ListOrder, u32), request: &ListRequest, part: &Part) -> NumberWindow {
    let count = match part {
        Part::All => entries.len(),
        Part::Some(places) => places.len(),
    };
    // How many of what may be seen stand before something, upwards.
    let count_while = |is_before: &dyn Fn(&Entry) -> bool| match part {
        Part::All => entries.partition_point(is_before),
        Part::Some(places) => places.partition_point(|place| entries.get(*place as usize).is_some_and(is_before)),
    };
    let first = match &request.start {
        ListStart::Offset(offset) => usize::try_from(*offset).unwrap_or(usize::MAX).min(count),
        ListStart::After(place) if is_descending(order) => {
            count - count_while(&|entry| place.order(entry) == Ordering::Less)
        }
        ListStart::After(place) => count_while(&|entry| place.order(entry) != Ordering::Greater),
    };
    let last = first.saturating_add(usize::try_from(request.limit).unwrap_or(usize::MAX)).min(count);
    let entry = |place: usize| {
        let place = if is_descending(order) { count - 1 - place } else { place };
        let place = match part {
            Part::All => place,
            Part::Some(places) => places.get(place).map_or(usize::MAX, |place| *place as usize),
        };
        entries.get(place)
    };
    let end = (first < last && last < count).then(|| entry(last - 1)).flatten();
    NumberWindow {
        total: count as u64,
        nos: (first..last).filter_map(|place| Some(entry(place)?.no)).collect(),
        end: end.map(|entry| ListPlace::of(mark, entry)),
    }
}

const fn ascending(order: ListOrder) -> ListOrder {
    match order {
        ListOrder::Receipt | ListOrder::ReceiptDescending => ListOrder::Receipt,
        ListOrder::Name | ListOrder::NameDescending => ListOrder::Name,
        ListOrder::Created | ListOrder::CreatedDescending => ListOrder::Created,
        ListOrder::Modified | ListOrder::ModifiedDescending => ListOrder::Modified,
    }
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

impl Entry {
    fn of(order: ListOrder, row: &OrderRow, ordinal: i64) -> Self {
        match ascending(order) {
            ListOrder::Name => Self::named(&row.name, row.no, row.scope_no),
            ListOrder::Created => Self::numbered(row.created_at, row.no, row.scope_no),
            ListOrder::Modified => Self::numbered(row.modified_at, row.no, row.scope_no),
            _ => Self::numbered(ordinal, row.no, row.scope_no),
        }
    }

    fn named(name: &str, no: i64, scope: i64) -> Self {
        let key = text_key(name);
        let (first, rest) = key.split_at(key.len().min(HEAD_BYTES));
        let mut head = [0; HEAD_BYTES];
        head.iter_mut().zip(first).for_each(|(byte, of_key)| *byte = *of_key);
        Self { head: u128::from_be_bytes(head), rest: rest.into(), no, scope }
    }

    fn numbered(number: i64, no: i64, scope: i64) -> Self {
        // In the order of the numbers, those below zero too.
        Self { head: u128::from(number.cast_unsigned() ^ (1 << 63)), rest: Box::default(), no, scope }
    }

    fn order(&self, other: &Self) -> Ordering {
        (self.head, &self.rest, self.no).cmp(&(other.head, &other.rest, other.no))
    }
}

fn read(conn: &mut Conn, collection: &Collection, order: ListOrder, position: i64) -> Result<Ordered> {
    let of_rows = |rows: Vec<(OrderRow, i64)>| -> Vec<Entry> {
        rows.iter().map(|(row, ordinal)| Entry::of(order, row, *ordinal)).collect()
    };
    let mut entries = match collection {
        Collection::Dossiers(types) => of_rows(numbered(objects::orders_by_type(conn, types)?)),
        Collection::Children(folder) => children(conn, *folder, order)?,
        Collection::Trash => of_rows(numbered(trash::orders(conn)?)),
        Collection::Unfiled => of_rows(numbered(objects::orders_of_unfiled(conn)?)),
    };
    entries.sort_unstable_by(Entry::order);
    let members = entries.iter().map(|entry| entry.no).collect();
    let mut new_scopes: Vec<i64> = entries.iter().map(|entry| entry.scope).collect();
    new_scopes.sort_unstable();
    new_scopes.dedup();
    Ok(Ordered { position, entries, members, new_scopes: new_scopes.into_iter().collect(), parts: Vec::new() })
}

/// Reads all children of a folder, of each what the order wants to know and nothing else: there may be a million.
fn children(conn: &mut Conn, folder: i64, order: ListOrder) -> Result<Vec<Entry>> {
    let by_number = |rows: Vec<(i64, i64, i64)>| -> Vec<Entry> {
        rows.into_iter().map(|(no, scope, number)| Entry::numbered(number, no, scope)).collect()
    };
    Ok(match ascending(order) {
        ListOrder::Name => {
            let rows = filing::names_of_children(conn, folder)?;
            rows.into_iter().map(|(no, scope, name)| Entry::named(&name, no, scope)).collect()
        }
        ListOrder::Created => by_number(filing::beginnings_of_children(conn, folder)?),
        ListOrder::Modified => by_number(filing::changes_of_children(conn, folder)?),
        _ => by_number(filing::places_of_children(conn, folder)?),
    })
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
    let present: Vec<Entry> = present.iter().map(|(row, ordinal)| Entry::of(order, row, *ordinal)).collect();
    ordered.exchange(&touched, present);
    ordered.position = newest;
    Ok(ordered)
}

impl Ordered {
    /// Takes out what was touched, and puts in what of it is there now.
    fn exchange(&mut self, touched: &[i64], mut present: Vec<Entry>) {
        let gone: NumberSet = touched.iter().copied().filter(|no| self.members.contains(*no)).collect();
        if gone.is_empty() && present.is_empty() {
            return;
        }
        self.parts.clear();
        if !gone.is_empty() {
            self.entries.retain(|entry| !gone.contains(entry.no));
            touched.iter().for_each(|no| self.members.remove(*no));
        }
        for entry in &present {
            self.members.insert(entry.no);
            self.new_scopes.insert(entry.scope);
        }
        if present.len() > PUT_ONE_BY_ONE {
            present.sort_unstable_by(Entry::order);
            self.entries.append(&mut present);
            // Of two sorted runs, one after the other, this is a merge.
            self.entries.sort_by(Entry::order);
            return;
        }
        for entry in present {
            if let Err(place) = self.entries.binary_search_by(|other| other.order(&entry)) {
                self.entries.insert(place, entry);
            }
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Returns an order of what is in a map, made anew.
    fn anew(rows: &BTreeMap<i64, (String, i64)>) -> Vec<(i64, i64)> {
        let mut entries: Vec<Entry> = rows.iter().map(|(no, (name, scope))| Entry::named(name, *no, *scope)).collect();
        entries.sort_unstable_by(Entry::order);
        entries.iter().map(|entry| (entry.no, entry.scope)).collect()
    }

    #[test]
    fn an_order_that_follows_changes_is_the_one_that_is_made_anew() {
        let mut seed = 11_u64;
        let mut below = |end: i64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i64::try_from(seed >> 33).unwrap_or_default() % end
        };
        let mut rows: BTreeMap<i64, (String, i64)> = BTreeMap::new();
        let empty = (Vec::new(), NumberSet::default(), BTreeSet::new());
        let mut ordered =
            Ordered { position: 0, entries: empty.0, members: empty.1, new_scopes: empty.2, parts: Vec::new() };
        for _ in 0..400 {
            let mut touched = BTreeSet::new();
            for _ in 0..=below(20) {
                let no = below(60);
                touched.insert(no);
                match below(3) {
                    0 => rows.remove(&no),
                    // Names that differ late, early and not at all.
                    _ => rows.insert(no, (format!("a long name, as they come {}", below(9)), below(3))),
                };
            }
            let touched: Vec<i64> = touched.into_iter().collect();
            let present = touched.iter().filter_map(|no| rows.get(no).map(|(name, scope)| (no, name, scope)));
            let present = present.map(|(no, name, scope)| Entry::named(name, *no, *scope)).collect();
            ordered.exchange(&touched, present);
            let followed: Vec<(i64, i64)> = ordered.entries.iter().map(|entry| (entry.no, entry.scope)).collect();
            assert_eq!(followed, anew(&rows));
        }
    }

    #[test]
    fn keys_are_ordered_as_their_bytes_are() {
        let names = ["", "a", "A", "ab", "aĀ", "abcdefgh", "abcdefghi", "abcdefgi", "é", "z", "\u{ffff}", "مرحبا"];
        for one in names {
            for other in names {
                let (first, second) = (Entry::named(one, 0, 0), Entry::named(other, 0, 0));
                assert_eq!(first.order(&second), text_key(one).cmp(&text_key(other)), "`{one}`, `{other}`");
            }
        }
        let numbers = [i64::MIN, -5, 0, 7, i64::MAX];
        assert!(numbers.is_sorted_by(|one, other| {
            Entry::numbered(*one, 0, 0).order(&Entry::numbered(*other, 0, 0)) == Ordering::Less
        }));
    }
}
