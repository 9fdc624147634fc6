//! A dossier takes an earlier version again.
//!
//! What the manifest names becomes the dossier's contents again, in its order, each document in the version that it names,
//! as a new version. Nothing is lost: what came since stays, after what was restored, and every state that is left behind
//! is in a version. Names stay: they are about where an object lies today, and may be taken. A folder that lies elsewhere
//! today stays there with what is in it, and is made again under the name that it had.

use std::collections::BTreeMap;

use cartulary_model::permission::{
    ADD_CHILDREN, BROWSE, READ_PROPERTIES, REMOVE_CHILDREN, WRITE_PROPERTIES, WRITE_VERSION,
};
use cartulary_model::{BaseType, ChangeKind, ObjectId, VersionIncrement};
use serde_json::json;

use crate::bootstrap::parse_id;
use crate::object::{NewFolder, VersionNote};
use crate::services::detail::properties_of;
use crate::services::dossier_versions::properties_of_version;
use crate::services::manifest::{MEMBERS_MAX, refuse_large};
use crate::services::objects::{Naming, index_values};
use crate::services::trash::Restoring;
use crate::services::working_copies::of_object;
use crate::store::dossier_versions::{self, ChildRow, DossierVersionRow, MemberRow};
use crate::store::objects::{self, ObjectRow};
use crate::store::{filing, versions};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

/// A member of an earlier version that the dossier did not take again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotRestored {
    /// The live object's id.
    pub id: ObjectId,
    /// Its name today.
    pub name: String,
    /// Why: `forbidden`, `checked_out`, `locked`, `name_taken`, `moved_away`, `no_folder` when the folder that it lay in could
    /// not be taken again.
    pub reason: &'static str,
}

/// The folders that members are put into, by the folder that the manifest names; none: the dossier.
type Targets = BTreeMap<Option<i64>, ObjectRow>;

impl Session {
    /// Gives a dossier title, properties and contents of one of its versions; returns it as it is then, and what could not
    /// be taken again, of what the session may know.
    pub(crate) fn restore_dossier_in_tx(
        &self,
        tx: &mut Tx<'_>,
        dossier: &ObjectRow,
        number: i32,
        comment: &str,
    ) -> Result<(ObjectRow, Vec<NotRestored>)> {
        let version = dossier_versions::by_number(tx.conn, dossier.no, number)?;
        let version = version.ok_or_else(|| RepositoryError::not_found("the version"))?;
        for wanted in [WRITE_PROPERTIES, ADD_CHILDREN] {
            self.repository.inner.access.require(tx.conn, &self.actor, dossier.scope_no, wanted, tx.now)?;
        }
        let dossier = self.restore_values(tx, dossier, &version)?;
        let members = dossier_versions::members(tx.conn, version.no)?;
        let mut not_restored = Vec::new();
        let mut targets = Targets::from([(None, dossier.clone())]);
        for member in &members {
            let Some(live) = objects::locked(tx.conn, member.live_no)? else { continue };
            if !self.repository.inner.access.allows(tx.conn, &self.actor, live.scope_no, BROWSE, tx.now)? {
                continue;
            }
            let refusal = match targets.get(&member.parent_no).cloned() {
                None => Some("no_folder"),
                Some(folder) if live.base == BaseType::Folder.as_str() => {
                    match self.restore_folder(tx, &folder, &live, member)? {
                        Ok(there) => {
                            targets.insert(Some(live.no), there);
                            None
                        }
                        Err(reason) => Some(reason),
                    }
                }
                Some(folder) => self.restore_member(tx, &folder, &live, member, comment)?,
            };
            if let Some(reason) = refusal {
                not_restored.push(NotRestored { id: parse_id(&live.id)?, name: live.name.clone(), reason });
            }
        }
        for (named, folder) in &targets {
            let may_order =
                self.repository.inner.access.allows(tx.conn, &self.actor, folder.scope_no, ADD_CHILDREN, tx.now)?;
            if may_order {
                put_in_order(tx, folder, &wanted_order(&members, *named, &targets))?;
            }
        }
        Ok((dossier, not_restored))
    }

    /// Sees to it that a folder lies where the manifest says, and returns it; or says why not. One that lies elsewhere is made
    /// again, unless there is a folder of its name.
    fn restore_folder(
        &self,
        tx: &mut Tx<'_>,
        folder: &ObjectRow,
        live: &ObjectRow,
        member: &MemberRow,
    ) -> Result<std::result::Result<ObjectRow, &'static str>> {
        match self.restore_place(tx, folder, live)? {
            None => {
                let there = objects::by_no(tx.conn, live.no)?;
                return Ok(Ok(there.ok_or_else(|| RepositoryError::not_found("the folder"))?));
            }
            Some("moved_away") => {}
            Some(reason) => return Ok(Err(reason)),
        }
        let access = &self.repository.inner.access;
        if let Some(no) = filing::child_by_name(tx.conn, folder.no, &member.name)? {
            let namesake = objects::by_no(tx.conn, no)?.filter(|row| row.base == BaseType::Folder.as_str());
            let Some(namesake) = namesake else { return Ok(Err("name_taken")) };
            let is_seen = access.allows(tx.conn, &self.actor, namesake.scope_no, BROWSE, tx.now)?;
            return Ok(if is_seen { Ok(namesake) } else { Err("name_taken") });
        }
        for (scope_no, wanted) in [(folder.scope_no, ADD_CHILDREN), (live.scope_no, READ_PROPERTIES)] {
            if !access.allows(tx.conn, &self.actor, scope_no, wanted, tx.now)? {
                return Ok(Err("forbidden"));
            }
        }
        let new = NewFolder {
            name: member.name.clone(),
            title: Some(live.title.clone()).filter(|title| *title != live.name),
            type_id: Some(live.type_id.clone()),
            properties: properties_of(live)?,
            facets: objects::facets_of(tx.conn, live.no)?,
            ..NewFolder::default()
        };
        Ok(Ok(self.insert_folder(tx, folder, &new, Naming::Chosen)?))
    }

    fn restore_values(&self, tx: &mut Tx<'_>, dossier: &ObjectRow, version: &DossierVersionRow) -> Result<ObjectRow> {
        let facets = objects::facets_of(tx.conn, dossier.no)?;
        let catalogue = self.repository.inner.declarations.present(tx.conn)?;
        let types = catalogue.types();
        let (before, mut after) = (properties_of(dossier)?, properties_of_version(version)?);
        // What only a facet declared that is not attached any more, stays with it.
        after.retain(|id, _| types.properties_of(&dossier.type_id, &facets).any(|known| known.id == *id));
        let title = if version.title == version.name { &dossier.name } else { &version.title };
        if *title == dossier.title && before == after {
            return Ok(dossier.clone());
        }
        let at = self.series_instant(tx, dossier)?;
        let text = serde_json::to_string(&after).map_err(RepositoryError::internal)?;
        objects::update(tx.conn, dossier.no, &dossier.name, title, &text, at, tx.actor_no)?;
        index_values(tx.conn, types, dossier.no, (&dossier.type_id, &facets), &after, false)?;
        let change = Change {
            before: Some(json!({ "name": dossier.name, "title": dossier.title, "properties": before })),
            after: Some(json!({ "name": dossier.name, "title": title, "properties": after })),
            ..of_object(dossier)?
        };
        tx.record(ChangeKind::Updated, change)?;
        objects::by_no(tx.conn, dossier.no)?.ok_or_else(|| RepositoryError::not_found("the dossier"))
    }

    /// Brings a member back into a dossier, in the version that the manifest names; says why not, when it cannot.
    fn restore_member(
        &self,
        tx: &mut Tx<'_>,
        dossier: &ObjectRow,
        live: &ObjectRow,
        member: &MemberRow,
        comment: &str,
    ) -> Result<Option<&'static str>> {
        if self.is_locked_by_other(tx.conn, live, tx.now)? {
            return Ok(Some("locked"));
        }
        if let Some(reason) = self.restore_place(tx, dossier, live)? {
            return Ok(Some(reason));
        }
        let (Some(named), Some(series)) = (member.version_no, live.series_no) else { return Ok(None) };
        let latest = versions::latest(tx.conn, &[series])?.remove(&series);
        let is_as_named = latest.is_some_and(|latest| latest.object_no == named && live.modified_at <= latest.made_at);
        if is_as_named {
            return Ok(None);
        }
        if !self.repository.inner.access.allows(tx.conn, &self.actor, live.scope_no, WRITE_VERSION, tx.now)? {
            return Ok(Some("forbidden"));
        }
        if versions::series_locked(tx.conn, series)?.is_some_and(|series| series.checked_out_by.is_some()) {
            return Ok(Some("checked_out"));
        }
        let live = objects::by_no(tx.conn, live.no)?.ok_or_else(|| RepositoryError::not_found("the document"))?;
        if latest.is_some_and(|latest| live.modified_at > latest.made_at) {
            // What is in no version yet would be lost.
            self.make_version(tx, &live, &VersionNote::default())?;
        }
        let source = objects::by_no(tx.conn, named)?.ok_or_else(|| RepositoryError::not_found("the version"))?;
        let note = VersionNote { comment: comment.to_owned(), increment: Some(VersionIncrement::Minor) };
        self.restore_in_tx(tx, &live, &source, &note)?;
        Ok(None)
    }

    /// Sees to it that a member lies in the dossier and not in the trash; says why not, when it cannot.
    fn restore_place(&self, tx: &mut Tx<'_>, dossier: &ObjectRow, live: &ObjectRow) -> Result<Option<&'static str>> {
        let here = dossier_versions::child(tx.conn, dossier.no, live.no)?;
        let is_here = here.as_ref().is_some_and(|here| !here.is_trashed) && live.trashed_at.is_none();
        if is_here {
            return Ok(None);
        }
        let is_away = live.base == BaseType::Folder.as_str() && here.is_none();
        if is_away {
            return Ok(Some("moved_away"));
        }
        if filing::is_taken(tx.conn, dossier.no, &live.name)? {
            return Ok(Some("name_taken"));
        }
        if live.trashed_at.is_some() {
            let access = &self.repository.inner.access;
            if here.is_none() {
                return Ok(Some("moved_away"));
            }
            if self.is_locked_by_other(tx.conn, live, tx.now)? {
                return Ok(Some("locked"));
            }
            if !access.allows(tx.conn, &self.actor, live.scope_no, REMOVE_CHILDREN, tx.now)? {
                return Ok(Some("forbidden"));
            }
            self.untrash_in_tx(tx, live, &Restoring::default())?;
            return Ok(None);
        }
        let is_elsewhere = filing::primary_place(tx.conn, live.no)?.is_some();
        if live.base == BaseType::Folder.as_str() || !is_elsewhere {
            return Ok(Some("moved_away"));
        }
        if !self.repository.inner.access.allows(tx.conn, &self.actor, dossier.scope_no, ADD_CHILDREN, tx.now)? {
            return Ok(Some("forbidden"));
        }
        filing::insert_further(tx.conn, dossier.no, live.no, &live.name, tx.now.as_millis())?;
        objects::touch(tx.conn, live.no)?;
        let detail = Some(json!({ "filedIn": dossier.id }));
        tx.record(ChangeKind::Moved, Change { detail, ..of_object(live)? })?;
        Ok(None)
    }
}

/// Returns the places of what lies in a folder of a manifest, by the objects that are there now.
fn wanted_order(members: &[MemberRow], folder: Option<i64>, targets: &Targets) -> BTreeMap<i64, i32> {
    let own = members.iter().filter(|member| member.parent_no == folder);
    let there = |member: &MemberRow| targets.get(&Some(member.live_no)).map_or(member.live_no, |row| row.no);
    own.map(|member| (there(member), member.ordinal)).collect()
}

/// Puts what lies in a folder in the order of a manifest; what it does not name comes after that, in the order that it has.
fn put_in_order(tx: &mut Tx<'_>, dossier: &ObjectRow, wanted: &BTreeMap<i64, i32>) -> Result<()> {
    let limit = i64::try_from(MEMBERS_MAX + 1).unwrap_or(i64::MAX);
    let children = dossier_versions::children(tx.conn, dossier.no, limit)?;
    refuse_large(children.len())?;
    let mut ordered: Vec<&ChildRow> = children.iter().collect();
    ordered.sort_by_key(|child| wanted.get(&child.child_no).copied().unwrap_or(i32::MAX));
    let mut last = i64::MIN;
    for (child, place) in ordered.into_iter().zip(children.iter().map(|child| child.ordinal)) {
        let ordinal = place.max(last.saturating_add(1));
        last = ordinal;
        if ordinal == child.ordinal {
            continue;
        }
        let Some(row) = objects::by_no(tx.conn, child.child_no)? else { continue };
        dossier_versions::put_ordinal(tx.conn, dossier.no, row.no, ordinal)?;
        objects::touch(tx.conn, row.no)?;
        let place = |ordinal: i64| Some(json!({ "folder": dossier.id, "place": ordinal }));
        let change = Change { before: place(child.ordinal), after: place(ordinal), ..of_object(&row)? };
        tx.record(ChangeKind::Updated, change)?;
    }
    Ok(())
}
