//! Which changes a webhook tells: of what its owner may see at that moment, and of what was asked for.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::Conn;
use cartulary_model::permission::BROWSE;
use cartulary_model::{ObjectId, Timestamp, TypeRegistry};
use serde_json::Value;

use crate::bootstrap::parse_id;
use crate::services::changes::ChangeEntry;
use crate::services::detail::principal_name;
use crate::services::webhooks::WebhookFilter;
use crate::store::changes::{self, ChangeRow};
use crate::store::objects::{self, ObjectRow};
use crate::store::{filing, principals};
use crate::{Result, Session};

/// How many entries of the log are read at a time.
const ROWS: i64 = 500;
/// How many are looked through at most before the caller is told how far it went.
const ROWS_MAX: usize = 5_000;
/// How deep folders lie at most, with room to spare.
const DEPTH_MAX: usize = 400;

/// A stretch of the log, of what somebody is to be told.
#[derive(Debug, Default)]
pub(crate) struct Stretch {
    /// The changes, in order.
    pub entries: Vec<ChangeEntry>,
    /// The position that was looked through up to.
    pub next: i64,
}

/// Returns up to `most` changes after a position, up to another one if it is given.
pub(crate) fn stretch(
    session: &Session,
    conn: &mut Conn,
    filter: &WebhookFilter,
    (after, to): (i64, Option<i64>),
    most: usize,
) -> Result<Stretch> {
    let now = session.repository.clock().now();
    let mut found = Stretch { entries: Vec::new(), next: after };
    let mut place = Place::of(conn, filter.folder)?;
    let mut looked_at = 0;
    loop {
        let rows = changes::after(conn, found.next, ROWS)?;
        let is_last = rows.len() < usize::try_from(ROWS).unwrap_or(usize::MAX);
        looked_at += rows.len();
        let told = told(session, conn, &rows, now)?;
        let catalogue = session.repository.inner.declarations.present(conn)?;
        place.meet_destroyed(&rows);
        let people = principals::by_nos(conn, &rows.iter().map(|row| row.principal_no).collect())?;
        for row in &rows {
            let position = row.position.unwrap_or_default();
            if to.is_some_and(|to| position > to) || found.entries.len() >= most {
                return Ok(found);
            }
            found.next = position;
            let Some(object) = told.get(&position) else { continue };
            let is_wanted = filter.takes_kind(&row.kind)
                && takes_type(filter, catalogue.types(), row, object.as_ref())
                && place.holds(conn, row, object.as_ref())?;
            if is_wanted {
                found.entries.push(ChangeEntry {
                    position,
                    kind: row.kind.clone(),
                    object_id: row.object_id.as_deref().map(parse_id).transpose()?,
                    at: Timestamp::from_millis(row.at),
                    by: principal_name(&people, row.principal_no)?,
                });
            }
        }
        if is_last || looked_at >= ROWS_MAX {
            return Ok(found);
        }
    }
}

/// Returns the changes, by position, that the session may be told of, with their objects where they are still there: those
/// whose scope then it may browse now, and whose object it may browse where that is now.
fn told(
    session: &Session,
    conn: &mut Conn,
    rows: &[ChangeRow],
    now: Timestamp,
) -> Result<BTreeMap<i64, Option<ObjectRow>>> {
    let changes: Vec<&ChangeRow> = rows.iter().filter(|row| !row.audit_only).collect();
    let nos: BTreeSet<i64> = changes.iter().filter_map(|row| row.object_no).collect();
    let mut present = objects::by_nos(conn, &nos.into_iter().collect::<Vec<_>>())?;
    let mut scopes: BTreeSet<i64> = changes.iter().filter_map(|row| row.scope_no).collect();
    scopes.extend(present.values().map(|object| object.scope_no));
    let actor = &session.actor;
    let visible = session.repository.inner.access.allowing(conn, actor, &scopes, BROWSE, now)?;
    let is_visible = |scope: Option<i64>| actor.is_administrator || scope.is_some_and(|scope| visible.contains(&scope));
    // A number may have been another object's.
    let of_row = |row: &ChangeRow, object: &ObjectRow| row.object_id.as_ref() == Some(&object.id);
    let mut told = BTreeMap::new();
    for row in changes {
        let object = row.object_no.and_then(|no| present.get_mut(&no)).filter(|object| of_row(row, object)).cloned();
        let is_in_sight = is_visible(row.scope_no) && object.as_ref().is_none_or(|one| is_visible(Some(one.scope_no)));
        // A working copy is its owner's.
        let is_private = object.as_ref().is_some_and(|one| one.role == objects::WORKING);
        if is_in_sight && (!is_private || actor.is_administrator) {
            told.insert(row.position.unwrap_or_default(), object);
        }
    }
    Ok(told)
}

fn takes_type(filter: &WebhookFilter, types: &TypeRegistry, row: &ChangeRow, object: Option<&ObjectRow>) -> bool {
    if filter.types.is_empty() {
        return true;
    }
    let written = |json: &Option<String>| {
        let value: Value = serde_json::from_str(json.as_deref()?).ok()?;
        Some(value.get("type")?.as_str()?.to_owned())
    };
    let of_object = object.map(|object| object.type_id.clone());
    let Some(id) = of_object.or_else(|| written(&row.before_json)).or_else(|| written(&row.after_json)) else {
        return false;
    };
    let above = types.get(&id).map(|resolved| resolved.ancestors.as_slice()).unwrap_or_default();
    filter.types.iter().any(|wanted| *wanted == id || above.contains(wanted))
}

/// The tree of folders that a webhook is about; nothing for all.
struct Place {
    folder: Option<(String, Option<i64>)>,
    /// Which folders lie in it, as far as that was looked up.
    known: BTreeMap<i64, bool>,
    /// What was destroyed, with the folder that it lay in.
    destroyed: BTreeMap<String, Option<String>>,
}

impl Place {
    fn of(conn: &mut Conn, folder: Option<ObjectId>) -> Result<Self> {
        let folder = match folder.map(|id| id.to_string()) {
            Some(id) => {
                let no = objects::by_id(conn, &id)?.map(|row| row.no);
                Some((id, no))
            }
            None => None,
        };
        Ok(Self { folder, known: BTreeMap::new(), destroyed: BTreeMap::new() })
    }

    fn meet_destroyed(&mut self, rows: &[ChangeRow]) {
        if self.folder.is_none() {
            return;
        }
        for row in rows.iter().filter(|row| row.kind == "destroyed") {
            let Some(id) = &row.object_id else { continue };
            let detail: Value = serde_json::from_str(&row.detail).unwrap_or_default();
            self.destroyed.insert(id.clone(), detail.get("parent").and_then(Value::as_str).map(str::to_owned));
        }
    }

    /// Says whether a change is of the tree: its object lies in it, or it names a folder of it, as one that it left. Of what
    /// is destroyed with its folders it says yes where nobody knows any more.
    fn holds(&mut self, conn: &mut Conn, row: &ChangeRow, object: Option<&ObjectRow>) -> Result<bool> {
        let Some((folder, _)) = self.folder.clone() else { return Ok(true) };
        if row.object_id.as_ref() == Some(&folder) {
            return Ok(true);
        }
        if let Some(object) = object
            && self.lies_in(conn, object.no, 0)?
        {
            return Ok(true);
        }
        let detail: Value = serde_json::from_str(&row.detail).unwrap_or_default();
        let named = detail.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str());
        let ids: Vec<String> = named.filter(|text| parse_id(text).is_ok()).map(str::to_owned).collect();
        for id in ids {
            if self.named_lies_in(conn, id, &folder)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn named_lies_in(&mut self, conn: &mut Conn, id: String, folder: &str) -> Result<bool> {
        let mut next = Some(id);
        for _ in 0..DEPTH_MAX {
            let Some(id) = next else { return Ok(false) };
            if id == folder {
                return Ok(true);
            }
            if let Some(row) = objects::by_id(conn, &id)? {
                return self.lies_in(conn, row.no, 0);
            }
            match self.destroyed.get(&id) {
                Some(parent) => next = parent.clone(),
                None => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Says whether an object is the folder or lies below it, in the trash or not.
    fn lies_in(&mut self, conn: &mut Conn, no: i64, depth: usize) -> Result<bool> {
        let Some((_, Some(folder))) = self.folder else { return Ok(false) };
        if no == folder {
            return Ok(true);
        }
        if let Some(known) = self.known.get(&no) {
            return Ok(*known);
        }
        let mut lies_in = false;
        if depth < DEPTH_MAX {
            for filing in filing::filings_of(conn, &[no])? {
                lies_in = lies_in || self.lies_in(conn, filing.parent_no, depth + 1)?;
            }
        }
        self.known.insert(no, lies_in);
        Ok(lies_in)
    }
}
