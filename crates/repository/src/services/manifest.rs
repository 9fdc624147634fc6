//! The manifest of a dossier: what lies in it, in order, each in which version; its digest; what two of them differ in.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::Conn;
use cartulary_model::{BaseType, Timestamp};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::store::dossier_versions::{ChildRow, DossierVersionRow, MemberRow};
use crate::store::objects::{self, ObjectRow};
use crate::store::{arrangements, blobs, dossier_versions, exports, principals, versions};
use crate::{RepositoryError, Result};

/// More members than this are not handled in one transaction.
pub(crate) const MEMBERS_MAX: usize = 10_000;
/// The format of manifests that are made: of all that lies below the dossier. Those of format 1 are of what lies directly in it.
pub(crate) const WHOLE_TREE: i32 = 2;

/// One member of a manifest, or of a dossier as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// The live object.
    pub live_no: i64,
    /// The version of a document; none of a folder, and of a paper that was not yet there.
    pub version_no: Option<i64>,
    /// Its name in the dossier.
    pub name: String,
    /// Whether it was changed since that version.
    pub is_changed: bool,
    /// The live folder that it lies in; none: the dossier itself.
    pub parent_no: Option<i64>,
}

impl From<MemberRow> for Member {
    fn from(row: MemberRow) -> Self {
        let MemberRow { live_no, version_no, name, parent_no, .. } = row;
        Self { live_no, version_no, name, is_changed: false, parent_no }
    }
}

/// A member in one of two manifests.
#[derive(Clone, Debug)]
pub(crate) struct Side {
    /// Its place among the members that are compared, from 0.
    pub place: usize,
    pub member: Member,
}

/// What a member differs in between two manifests; it stands in one of them at least.
#[derive(Clone, Debug)]
pub(crate) struct MemberDifference {
    pub live_no: i64,
    pub before: Option<Side>,
    pub after: Option<Side>,
    /// Whether it stands elsewhere in the order of what both have in its folder, or in another folder.
    pub is_moved: bool,
}

impl MemberDifference {
    /// Says whether its version is another.
    pub(crate) fn is_other_version(&self) -> bool {
        self.both(|before, after| before.version_no != after.version_no || before.is_changed != after.is_changed)
    }

    /// Says whether its name is another.
    pub(crate) fn is_renamed(&self) -> bool {
        self.both(|before, after| before.name != after.name)
    }

    fn both(&self, differ: impl FnOnce(&Member, &Member) -> bool) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => differ(&before.member, &after.member),
            _ => false,
        }
    }
}

/// Returns what a dossier has in it now, with all that lies in its folders: each folder's in the order of receipt, right
/// after the folder itself.
pub(crate) fn present_members(conn: &mut Conn, dossier: i64) -> Result<Vec<(Member, ObjectRow)>> {
    let (mut below, rows) = tree_of(conn, dossier)?;
    let series: Vec<i64> = rows.values().filter_map(|row| row.series_no).collect();
    let latest = versions::latest(conn, &series)?;
    let mut members = Vec::with_capacity(rows.len());
    let mut waiting = vec![(None, below.remove(&dossier).unwrap_or_default().into_iter())];
    while let Some((parent_no, children)) = waiting.last_mut() {
        let Some(child) = children.next() else {
            waiting.pop();
            continue;
        };
        let Some(row) = rows.get(&child.child_no) else { continue };
        let latest = row.series_no.and_then(|series| latest.get(&series));
        let member = Member {
            live_no: row.no,
            version_no: latest.map(|latest| latest.object_no),
            name: child.name,
            is_changed: latest.is_some_and(|latest| row.modified_at > latest.made_at),
            parent_no: *parent_no,
        };
        members.push((member, row.clone()));
        if let Some(children) = below.remove(&row.no) {
            waiting.push((Some(row.no), children.into_iter()));
        }
    }
    Ok(members)
}

/// The children of each folder, and the objects that they are.
type Tree = (BTreeMap<i64, Vec<ChildRow>>, BTreeMap<i64, ObjectRow>);

/// Returns all that lies below a folder, level by level.
fn tree_of(conn: &mut Conn, top: i64) -> Result<Tree> {
    let limit = i64::try_from(MEMBERS_MAX + 1).unwrap_or(i64::MAX);
    let (mut below, mut rows) = (BTreeMap::<i64, Vec<ChildRow>>::new(), BTreeMap::new());
    let (mut level, mut count) = (vec![top], 0);
    while !level.is_empty() {
        let children = dossier_versions::children_of_some(conn, &level, limit)?;
        count += children.len();
        refuse_large(count)?;
        let nos: Vec<i64> = children.iter().map(|(_, child)| child.child_no).collect();
        let found = objects::by_nos(conn, &nos)?;
        level = found.values().filter(|row| row.base == BaseType::Folder.as_str()).map(|row| row.no).collect();
        rows.extend(found);
        for (folder, child) in children {
            below.entry(folder).or_default().push(child);
        }
    }
    Ok((below, rows))
}

/// Refuses what has too many members for one transaction.
pub(crate) fn refuse_large(count: usize) -> Result<()> {
    if count > MEMBERS_MAX {
        let detail = "the dossier has more than 10,000 members: do this as a bulk action";
        return Err(RepositoryError::conflict("use_bulk_action", detail));
    }
    Ok(())
}

/// Says whether a version of a dossier has the digest of what it names. One that came from another office was made there,
/// where users have other ids: its manifest is kept as it came, and says of all else what the rows say.
pub(crate) fn is_whole(conn: &mut Conn, row: &DossierVersionRow, members: &[MemberRow]) -> Result<bool> {
    let Some(kept) = exports::kept_manifest(conn, row.no)? else {
        return Ok(digest_of(conn, row, members)? == row.digest);
    };
    let without_maker = |text: &str| -> Option<Value> {
        let mut manifest: Value = serde_json::from_str(text).ok()?;
        manifest.as_object_mut()?.remove("madeBy");
        Some(manifest)
    };
    let own = without_maker(&text_of(conn, row, members)?);
    let has_digest = Sha256::digest(kept.as_bytes()).to_vec() == row.digest;
    Ok(has_digest && own.is_some() && without_maker(&kept) == own)
}

/// Returns the digest of a manifest: the SHA-256 of [`text_of`].
pub(crate) fn digest_of(conn: &mut Conn, row: &DossierVersionRow, members: &[MemberRow]) -> Result<Vec<u8>> {
    Ok(Sha256::digest(text_of(conn, row, members)?.as_bytes()).to_vec())
}

/// Returns a manifest as text: JSON without white space, the keys of each object in order.
///
/// It binds the values of the dossier and, through their digests, the bytes of each version that it names; anybody who has
/// these can compute it again.
pub(crate) fn text_of(conn: &mut Conn, row: &DossierVersionRow, members: &[MemberRow]) -> Result<String> {
    let live: Vec<i64> = members.iter().map(|member| member.live_no).chain([row.dossier_no]).collect();
    let named: Vec<i64> = members.iter().filter_map(|member| member.version_no).collect();
    let ids = ids_of(conn, live.iter().chain(&named).copied())?;
    let labels = versions::by_objects(conn, &named)?;
    let slots = blobs::slots_of(conn, &named)?;
    let arrangements = arrangements::of_objects(conn, &named)?;
    let maker = principals::by_nos(conn, &[row.made_by].into())?.remove(&row.made_by).map(|person| person.id);
    let properties: Value = serde_json::from_str(&row.properties).map_err(RepositoryError::internal)?;
    let member = |member: &MemberRow| {
        let version = member.version_no.map(|no| {
            let mut version = json!({
                "id": ids.get(&no),
                "label": labels.get(&no).map(|version| format!("{}.{}", version.major, version.minor)),
                "contents": slots.get(&no).cloned().unwrap_or_default(),
            });
            if let (Some(map), Some(arrangement)) = (version.as_object_mut(), arrangements.get(&no)) {
                map.insert("arrangement".to_owned(), json!(arrangement.digest));
            }
            version
        });
        let mut said = json!({ "id": ids.get(&member.live_no), "name": member.name, "version": version });
        if let (Some(map), Some(parent)) = (said.as_object_mut(), member.parent_no) {
            map.insert("parent".to_owned(), json!(ids.get(&parent)));
        }
        said
    };
    let mut manifest = json!({
        "id": row.id, "dossier": ids.get(&row.dossier_no), "number": row.number, "comment": row.comment,
        "name": row.name, "title": row.title, "properties": properties, "position": row.position,
        "madeAt": Timestamp::from_millis(row.made_at), "madeBy": maker,
        "members": members.iter().map(member).collect::<Vec<_>>(),
    });
    // A manifest of before says nothing of its format, and has the digest that it always had.
    if let (Some(map), true) = (manifest.as_object_mut(), row.format >= WHOLE_TREE) {
        map.insert("format".to_owned(), json!(row.format));
    }
    Ok(in_order(manifest).to_string())
}

fn ids_of(conn: &mut Conn, nos: impl Iterator<Item = i64>) -> Result<BTreeMap<i64, String>> {
    let nos: BTreeSet<i64> = nos.collect();
    let rows = objects::by_nos(conn, &nos.into_iter().collect::<Vec<_>>())?;
    Ok(rows.into_iter().map(|(no, row)| (no, row.id)).collect())
}

/// Orders all keys, whatever the map's own order is in this build.
fn in_order(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<String, Value> = map.into_iter().map(|(key, value)| (key, in_order(value))).collect();
            Value::Object(ordered.into_iter().collect::<Map<_, _>>())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(in_order).collect()),
        other => other,
    }
}

/// What a member is known by in a list: an object may lie in several folders of a dossier.
type Key = (Option<i64>, i64);

const fn key_of(side: &Side) -> Key {
    (side.member.parent_no, side.member.live_no)
}

/// Returns what differs between two lists of members: in the order of the second, then what only the first has.
pub(crate) fn compare(before: Vec<Member>, after: Vec<Member>) -> Vec<MemberDifference> {
    let sides = |members: Vec<Member>| -> Vec<Side> {
        members.into_iter().enumerate().map(|(place, member)| Side { place, member }).collect()
    };
    let (before, after) = (sides(before), sides(after));
    let mut former: BTreeMap<Key, Side> = before.iter().map(|side| (key_of(side), side.clone())).collect();
    let mut common: BTreeMap<Option<i64>, Vec<(i64, usize)>> = BTreeMap::new();
    for side in &after {
        if let Some(before) = former.get(&key_of(side)) {
            common.entry(side.member.parent_no).or_default().push((side.member.live_no, before.place));
        }
    }
    let staying: BTreeMap<Option<i64>, BTreeSet<i64>> =
        common.into_iter().map(|(folder, common)| (folder, longest_in_order(&common))).collect();
    // What is in no folder that it was in, and was in one that it is not in, was moved from there.
    let kept: BTreeSet<Key> = after.iter().map(key_of).collect();
    let mut left: BTreeMap<i64, Key> =
        before.iter().rev().map(key_of).filter(|key| !kept.contains(key)).map(|key| (key.1, key)).collect();
    let mut differences = Vec::new();
    for side in after {
        let (folder, live_no) = key_of(&side);
        let stays = staying.get(&folder).is_some_and(|staying| staying.contains(&live_no));
        let before = former.remove(&(folder, live_no));
        let before = before.or_else(|| left.remove(&live_no).and_then(|key| former.remove(&key)));
        let is_moved = before.is_some() && !stays;
        let found = MemberDifference { live_no, before, after: Some(side), is_moved };
        let is_new = found.before.is_none();
        if is_new || is_moved || found.is_other_version() || found.is_renamed() {
            differences.push(found);
        }
    }
    let gone = before.into_iter().filter(|side| former.contains_key(&key_of(side)));
    differences.extend(gone.map(|side| MemberDifference {
        live_no: side.member.live_no,
        before: Some(side),
        after: None,
        is_moved: false,
    }));
    differences
}

/// Returns the most members that have the same order in both lists; all others were moved. `common` has, in the order of
/// the second list, each with its place in the first.
fn longest_in_order(common: &[(i64, usize)]) -> BTreeSet<i64> {
    // The last element of the best row of each length, and the element before each.
    let (mut ends, mut before): (Vec<usize>, Vec<Option<usize>>) = (Vec::new(), Vec::new());
    let place = |index: usize| common.get(index).map_or(0, |(_, place)| *place);
    for (index, (_, own)) in common.iter().enumerate() {
        let length = ends.partition_point(|end| place(*end) < *own);
        before.push(length.checked_sub(1).and_then(|shorter| ends.get(shorter).copied()));
        match ends.get_mut(length) {
            Some(end) => *end = index,
            None => ends.push(index),
        }
    }
    let (mut staying, mut at) = (BTreeSet::new(), ends.last().copied());
    while let Some(index) = at {
        staying.extend(common.get(index).map(|(no, _)| *no));
        at = before.get(index).copied().flatten();
    }
    staying
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(list: &[(i64, i64)]) -> Vec<Member> {
        let member = |(live_no, version): &(i64, i64)| Member {
            live_no: *live_no,
            version_no: Some(*version),
            name: live_no.to_string(),
            is_changed: false,
            parent_no: None,
        };
        list.iter().map(member).collect()
    }

    /// Members of folders: the folder, and the object.
    fn below(list: &[(i64, i64)]) -> Vec<Member> {
        let member = |(folder, live_no): &(i64, i64)| Member {
            parent_no: Some(*folder).filter(|folder| *folder > 0),
            ..members(&[(*live_no, 1)]).remove(0)
        };
        list.iter().map(member).collect()
    }

    /// A difference as `number` with `+` (added), `-` (removed), `~` (moved), `v` (other version).
    fn check(before: &[(i64, i64)], after: &[(i64, i64)], expect: &[&str]) {
        check_members(members(before), members(after), expect);
    }

    fn check_members(before: Vec<Member>, after: Vec<Member>, expect: &[&str]) {
        let word = |one: MemberDifference| {
            let mut word = one.live_no.to_string();
            let signs = [
                (one.before.is_none(), '+'),
                (one.after.is_none(), '-'),
                (one.is_moved, '~'),
                (one.is_other_version(), 'v'),
            ];
            word.extend(signs.into_iter().filter(|(holds, _)| *holds).map(|(_, sign)| sign));
            word
        };
        let found: Vec<String> = compare(before, after).into_iter().map(word).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn equal_manifests_do_not_differ() {
        check(&[(1, 1), (2, 1)], &[(1, 1), (2, 1)], &[]);
        check(&[], &[], &[]);
    }

    #[test]
    fn what_came_went_and_changed_is_told() {
        check(&[(1, 1), (2, 1), (3, 1)], &[(1, 2), (3, 1), (4, 1)], &["1v", "4+", "2-"]);
    }

    #[test]
    fn only_what_was_moved_is_told_as_moved() {
        check(&[(1, 1), (2, 1), (3, 1), (4, 1)], &[(4, 1), (1, 1), (2, 1), (3, 1)], &["4~"]);
        check(&[(1, 1), (2, 1), (3, 1)], &[(3, 1), (2, 1), (1, 1)], &["3~", "2~"]);
        check(&[(1, 1), (2, 1), (3, 1)], &[(2, 2), (3, 1)], &["2v", "1-"]);
    }

    #[test]
    fn what_lies_in_folders_is_compared_by_folders() {
        let check = |before: &[(i64, i64)], after: &[(i64, i64)], expect: &[&str]| {
            check_members(below(before), below(after), expect);
        };
        // A folder that is moved takes along what lies in it; what goes to another folder is moved.
        check(&[(0, 1), (1, 11), (1, 12), (0, 2), (0, 3)], &[(0, 2), (0, 3), (0, 1), (1, 11), (1, 12)], &["1~"]);
        check(&[(0, 1), (1, 11), (0, 2)], &[(0, 1), (0, 2), (2, 11)], &["11~"]);
        check(&[(0, 1), (1, 11)], &[(0, 1), (1, 11), (0, 11)], &["11+"]);
        check(&[(0, 1), (1, 11), (0, 11)], &[(0, 1), (1, 11)], &["11-"]);
    }

    #[test]
    fn a_text_has_its_keys_in_order() {
        let text = in_order(json!({ "b": { "z": 1, "a": [{ "y": 1, "x": "ب" }] }, "a": null })).to_string();
        assert_eq!(text, r#"{"a":null,"b":{"a":[{"x":"ب","y":1}],"z":1}}"#);
    }
}
