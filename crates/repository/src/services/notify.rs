//! Who is to be told of which changes: finds the subscriptions that a stretch of the log concerns.
//!
//! What is written down here is looked at again when it is read, with the rights of then. It is the same whoever computes it:
//! two nodes that tell of one change tell it once.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::Conn;
use cartulary_model::permission::BROWSE;
use cartulary_model::{BaseType, Timestamp};
use serde_json::Value;

use crate::bootstrap::parse_id;
use crate::feed::holders_of;
use crate::services::collections::CollectionName;
use crate::services::saved_searches::{SavedQuery, read_saved};
use crate::services::search::SearchQuery;
use crate::store::changes::ChangeRow;
use crate::store::objects::{self, ObjectRow};
use crate::store::subscriptions::{self, NewNotificationRow, SubscriptionRow};
use crate::store::{collections, filing};
use crate::{Repository, RepositoryError, Result, Session};

/// What is told.
const KINDS: [&str; 8] = ["created", "updated", "moved", "versioned", "trashed", "restored", "destroyed", "noted"];
/// What is told beside to who wants to know what a search finds: a text that was read.
const RENDITION: &str = "rendition";
/// How deep folders lie at most, with room to spare.
const DEPTH_MAX: usize = 400;

/// What a stretch of the log brings.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Who is told what.
    pub told: Vec<NewNotificationRow>,
    /// What was destroyed, so that nobody need wait for more of it, with its number, and its scope then: what was told of it
    /// before is known to whom that shows it.
    pub destroyed: Vec<(String, i64, Option<i64>)>,
}

/// A change, of an object that it is of.
#[derive(Clone, Debug)]
struct Happening<'a> {
    row: &'a ChangeRow,
    object_no: i64,
    object_id: String,
    /// The object, where it is still there.
    present: Option<ObjectRow>,
}

/// Returns who is to be told of a stretch of the log.
pub(crate) fn news(repository: &Repository, conn: &mut Conn, rows: &[ChangeRow], now: Timestamp) -> Result<News> {
    let happenings = happenings(conn, rows)?;
    let is_destroyed = |one: &&Happening<'_>| one.row.kind == "destroyed";
    let gone = happenings.iter().filter(is_destroyed);
    let destroyed = gone.map(|one| (one.object_id.clone(), one.object_no, one.row.scope_no)).collect();
    let mut concerned: Vec<(SubscriptionRow, usize)> = Vec::new();
    by_object(conn, &happenings, &mut concerned)?;
    by_tree(conn, &happenings, &mut concerned)?;
    let mut people = People { repository, known: BTreeMap::new() };
    by_collection(conn, &happenings, &mut people, &mut concerned)?;
    by_search(conn, &happenings, &mut people, now, &mut concerned)?;
    let mut told = Vec::new();
    for (subscription, place) in concerned {
        let Some(happening) = happenings.get(place) else { continue };
        let is_own = happening.row.principal_no == subscription.owner_no && !subscription.own_changes;
        // On a shared database a change is numbered a little after it was made.
        let is_earlier = happening.row.position.unwrap_or_default() <= subscription.from_position
            || happening.row.at < subscription.created_at;
        if is_own || is_earlier {
            continue;
        }
        let Some(session) = people.session_of(conn, subscription.owner_no)? else { continue };
        if let Some(scope_no) = scope_in_sight(&session, conn, happening, now)? {
            told.push(NewNotificationRow {
                id: uuid::Uuid::now_v7().to_string(),
                owner_no: subscription.owner_no,
                subscription_id: subscription.id,
                log_identity: repository.inner.log_identity.clone(),
                position: happening.row.position.unwrap_or_default(),
                change_kind: happening.row.kind.clone(),
                object_no: happening.object_no,
                object_id: happening.object_id.clone(),
                scope_no,
                made_by: happening.row.principal_no,
                made_at: happening.row.at,
            });
        }
    }
    Ok(News { told, destroyed })
}

/// Returns the changes that somebody may want to be told of; that a text was read, of each object that has it.
fn happenings<'a>(conn: &mut Conn, rows: &'a [ChangeRow]) -> Result<Vec<Happening<'a>>> {
    let mut all = Vec::new();
    for row in rows.iter().filter(|row| !row.audit_only) {
        match (row.object_no, &row.object_id) {
            (Some(object_no), Some(object_id)) if KINDS.contains(&row.kind.as_str()) => {
                all.push(Happening { row, object_no, object_id: object_id.clone(), present: None });
            }
            _ if row.kind == RENDITION => {
                let holders: Vec<i64> = holders_of(conn, row)?.into_iter().collect();
                for (object_no, object) in objects::by_nos(conn, &holders)? {
                    all.push(Happening { row, object_no, object_id: object.id, present: None });
                }
            }
            _ => {}
        }
    }
    let nos: BTreeSet<i64> = all.iter().map(|one| one.object_no).collect();
    let present = objects::by_nos(conn, &nos.into_iter().collect::<Vec<_>>())?;
    for one in &mut all {
        one.present = present.get(&one.object_no).filter(|object| object.id == one.object_id).cloned();
    }
    // A version is told of by the change of its document, a working copy is its owner's.
    all.retain(|one| one.present.as_ref().is_none_or(|object| object.role == objects::LIVE));
    Ok(all)
}

/// Returns the scope by which a change is told of, when one may see it: as the object lies now, or lay then.
fn scope_in_sight(session: &Session, conn: &mut Conn, one: &Happening<'_>, now: Timestamp) -> Result<Option<i64>> {
    let scope = one.present.as_ref().map(|object| object.scope_no).or(one.row.scope_no);
    let Some(scope) = scope else { return Ok(None) };
    let is_seen = session.repository.inner.access.allows(conn, &session.actor, scope, BROWSE, now)?;
    Ok(is_seen.then_some(scope))
}

fn by_object(conn: &mut Conn, all: &[Happening<'_>], concerned: &mut Vec<(SubscriptionRow, usize)>) -> Result<()> {
    let ids: BTreeSet<String> = all.iter().map(|one| one.object_id.clone()).collect();
    let rows = subscriptions::to(conn, subscriptions::OBJECT, &ids.into_iter().collect::<Vec<_>>())?;
    for row in rows {
        let is_of = |one: &Happening<'_>| one.object_id == row.target_id && one.row.kind != RENDITION;
        let places = all.iter().enumerate().filter(|(_, one)| is_of(one)).map(|(place, _)| place);
        concerned.extend(places.map(|place| (row.clone(), place)));
    }
    Ok(())
}

fn by_tree(conn: &mut Conn, all: &[Happening<'_>], concerned: &mut Vec<(SubscriptionRow, usize)>) -> Result<()> {
    if subscriptions::of_kind(conn, subscriptions::TREE)?.is_empty() {
        return Ok(());
    }
    let mut folders = Folders { above: BTreeMap::new(), destroyed: BTreeMap::new(), left: BTreeMap::new() };
    folders.meet(all);
    let mut trees: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (place, one) in all.iter().enumerate().filter(|(_, one)| one.row.kind != RENDITION) {
        for folder in folders.of(conn, one)? {
            trees.entry(folder).or_default().insert(place);
        }
    }
    let ids: Vec<String> = trees.keys().cloned().collect();
    for row in subscriptions::to(conn, subscriptions::TREE, &ids)? {
        let places = trees.get(&row.target_id).into_iter().flatten();
        concerned.extend(places.map(|place| (row.clone(), *place)));
    }
    Ok(())
}

fn by_collection(
    conn: &mut Conn,
    all: &[Happening<'_>],
    people: &mut People<'_>,
    concerned: &mut Vec<(SubscriptionRow, usize)>,
) -> Result<()> {
    for row in subscriptions::of_kind(conn, subscriptions::COLLECTION)? {
        let Some(session) = people.session_of(conn, row.owner_no)? else { continue };
        let collection = match session.collection_seen(conn, CollectionName::Id(parse_id(&row.target_id)?)) {
            Ok((collection, _)) => collection,
            Err(RepositoryError::NotFound { .. }) => continue,
            Err(other) => return Err(other),
        };
        let items: BTreeSet<i64> = collections::items(conn, collection.no)?.iter().map(|item| item.object_no).collect();
        let is_in = |one: &Happening<'_>| items.contains(&one.object_no) && one.row.kind != RENDITION;
        let places = all.iter().enumerate().filter(|(_, one)| is_in(one)).map(|(place, _)| place);
        concerned.extend(places.map(|place| (row.clone(), place)));
    }
    Ok(())
}

fn by_search(
    conn: &mut Conn,
    all: &[Happening<'_>],
    people: &mut People<'_>,
    now: Timestamp,
    concerned: &mut Vec<(SubscriptionRow, usize)>,
) -> Result<()> {
    let living = |one: &&Happening<'_>| one.present.as_ref().is_some_and(|object| object.trashed_at.is_none());
    let nos: BTreeSet<i64> = all.iter().filter(living).map(|one| one.object_no).collect();
    let nos: Vec<i64> = nos.into_iter().collect();
    if nos.is_empty() {
        return Ok(());
    }
    for row in subscriptions::of_kind(conn, subscriptions::SAVED_SEARCH)? {
        let Some(session) = people.session_of(conn, row.owner_no)? else { continue };
        let found = match found_by(&session, conn, &row, &nos, now) {
            Ok(found) => found,
            // One that no longer fits, or is no longer shown, finds nothing.
            Err(
                RepositoryError::NotFound { .. }
                | RepositoryError::Invalid { .. }
                | RepositoryError::InvalidStatement { .. },
            ) => continue,
            Err(other) => return Err(other),
        };
        let places = all.iter().enumerate().filter(|(_, one)| found.contains(&one.object_no)).map(|(place, _)| place);
        concerned.extend(places.map(|place| (row.clone(), place)));
    }
    Ok(())
}

fn found_by(
    session: &Session,
    conn: &mut Conn,
    row: &SubscriptionRow,
    nos: &[i64],
    now: Timestamp,
) -> Result<BTreeSet<i64>> {
    let (saved, _) = session.saved_search_seen(conn, parse_id(&row.target_id)?)?;
    match read_saved(&saved)? {
        SavedQuery::Statement { statement, .. } => session.query_among(conn, &statement, nos, now),
        SavedQuery::Words { text, dossier, type_ids, media_types } => {
            let query = SearchQuery { text, dossier, type_ids, media_types, ..SearchQuery::default() };
            session.search_among(conn, &query, nos, now)
        }
    }
}

/// Those who may be told something, as they are now.
struct People<'a> {
    repository: &'a Repository,
    known: BTreeMap<i64, Option<Session>>,
}

impl People<'_> {
    /// Returns a session of somebody; nothing when he may not sign in.
    fn session_of(&mut self, conn: &mut Conn, no: i64) -> Result<Option<Session>> {
        if let Some(known) = self.known.get(&no) {
            return Ok(known.clone());
        }
        let session = self.repository.session_in(conn, no)?;
        self.known.insert(no, session.clone());
        Ok(session)
    }
}

/// In which folders objects lie, as far as that was looked up.
struct Folders {
    /// The ids of a folder and of those above it, by its number.
    above: BTreeMap<i64, BTreeSet<String>>,
    /// What was destroyed, with the folder that it lay in.
    destroyed: BTreeMap<String, Option<String>>,
    /// The folders that objects left, each with the position at which it did.
    left: BTreeMap<String, Vec<(i64, String)>>,
}

impl Folders {
    fn meet(&mut self, all: &[Happening<'_>]) {
        for one in all {
            let detail: Value = serde_json::from_str(&one.row.detail).unwrap_or_default();
            let named = |name: &str| detail.get(name).and_then(Value::as_str).map(str::to_owned);
            match one.row.kind.as_str() {
                "destroyed" => drop(self.destroyed.insert(one.object_id.clone(), named("parent"))),
                "moved" => {
                    let position = one.row.position.unwrap_or_default();
                    let from = [named("from"), named("takenFrom")].into_iter().flatten();
                    let left = self.left.entry(one.object_id.clone()).or_default();
                    left.extend(from.map(|folder| (position, folder)));
                }
                _ => {}
            }
        }
    }

    /// Returns the ids of the folders that a change is of: those in which its object lies, those that it left since, and those
    /// that it names, as one that it left, with those above.
    fn of(&mut self, conn: &mut Conn, one: &Happening<'_>) -> Result<BTreeSet<String>> {
        let mut found = BTreeSet::from([one.object_id.clone()]);
        if let Some(object) = &one.present {
            found.extend(self.above(conn, object.no, 0)?);
        }
        let detail: Value = serde_json::from_str(&one.row.detail).unwrap_or_default();
        let named = detail.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str());
        let mut named: Vec<String> = named.filter(|text| parse_id(text).is_ok()).map(str::to_owned).collect();
        let position = one.row.position.unwrap_or_default();
        let left_since = self.left.get(&one.object_id).into_iter().flatten().filter(|(at, _)| *at > position);
        named.extend(left_since.map(|(_, folder)| folder.clone()));
        for id in named {
            let mut next = Some(id);
            for _ in 0..DEPTH_MAX {
                let Some(id) = next.take() else { break };
                match objects::by_id(conn, &id)? {
                    Some(row) => found.extend(self.above(conn, row.no, 0)?),
                    None => next = self.destroyed.get(&id).cloned().flatten(),
                }
                found.insert(id);
            }
        }
        Ok(found)
    }

    fn above(&mut self, conn: &mut Conn, no: i64, depth: usize) -> Result<BTreeSet<String>> {
        if let Some(known) = self.above.get(&no) {
            return Ok(known.clone());
        }
        let mut found = BTreeSet::new();
        if depth < DEPTH_MAX {
            let row = objects::by_no(conn, no)?.filter(|row| row.base == BaseType::Folder.as_str());
            found.extend(row.map(|row| row.id));
            for filing in filing::filings_of(conn, &[no])? {
                found.extend(self.above(conn, filing.parent_no, depth + 1)?);
            }
        }
        self.above.insert(no, found.clone());
        Ok(found)
    }
}
