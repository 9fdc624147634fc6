//! Versions of dossiers: immutable manifests, made, listed and opened.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::Conn;
use cartulary_model::permission::{BROWSE, READ_CHILDREN, READ_PROPERTIES, WRITE_VERSION};
use cartulary_model::{ChangeKind, ObjectId, Properties, Timestamp};
use serde_json::json;

use crate::bootstrap::parse_id;
use crate::object::{
    ObjectSummary, Precondition, PrincipalName, VersionNote, WINDOW_ROWS_MAX, Window, WindowRequest, Written,
};
use crate::services::detail::principal_name;
use crate::services::dossier_restore::NotRestored;
use crate::services::folders::{cut, window};
use crate::services::manifest::{self, Member, present_members};
use crate::services::objects::{made_before, remember_made, request_digest};
use crate::services::readings::Reading;
use crate::services::scopes::FOLDERS_DEEP_MAX;
use crate::services::versions::{check_comment, next_number};
use crate::services::working_copies::of_object;
use crate::store::dossier_versions::{self, DossierVersionRow, MemberRow, NewDossierVersionRow};
use crate::store::objects::{self, ObjectRow};
use crate::store::{blobs, changes, principals};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

/// A version of a dossier that somebody asks for.
#[derive(Clone, Debug, Default)]
pub struct NewDossierVersion {
    /// Why.
    pub comment: String,
    /// The number of the version that the dossier takes again; its own state, unless given.
    pub from: Option<i32>,
    /// A key under which a repeated request finds what the first one made.
    pub idempotency_key: Option<String>,
}

/// A version of a dossier, without its members.
#[derive(Clone, Debug)]
pub struct DossierVersion {
    /// Its outward id.
    pub id: ObjectId,
    /// Its number in the dossier, from 1.
    pub number: i32,
    /// Why it was made.
    pub comment: String,
    /// The dossier's name then.
    pub name: String,
    /// The dossier's title then.
    pub title: String,
    /// The dossier's properties then; empty when the caller may only browse.
    pub properties: Properties,
    /// The place in the change log up to which it is true.
    pub position: i64,
    /// The SHA-256 of its manifest.
    pub digest: Vec<u8>,
    /// When it was made.
    pub made_at: Timestamp,
    /// By whom.
    pub made_by: PrincipalName,
}

/// A version of a dossier that was just made.
#[derive(Clone, Debug)]
pub struct MadeDossierVersion {
    /// The version.
    pub version: DossierVersion,
    /// What of an earlier version could not be taken again, of what the caller may know.
    pub not_restored: Vec<NotRestored>,
}

/// One member of a version of a dossier.
#[derive(Clone, Debug)]
pub struct DossierMember {
    /// The live object's id.
    pub id: ObjectId,
    /// Its name in the dossier then.
    pub name: String,
    /// The object as the manifest names it: of a document, the version; else as it is today.
    pub object: ObjectSummary,
    /// Whether that is an immutable version; otherwise a folder, or a paper that was not there yet.
    pub is_version: bool,
    /// Whether the live object is in the trash today.
    pub is_trashed: bool,
    /// The folder that it lay in, the dossier or one below it; nothing when the caller may not browse that.
    pub folder: Option<ObjectId>,
    /// The names from the dossier down to it; nothing when the caller may not browse one of the folders.
    pub path: Option<String>,
}

impl Session {
    /// Makes a version of a dossier: of what it is and has in it, or, with [`NewDossierVersion::from`], of an earlier
    /// version, which the dossier takes again first.
    ///
    /// The manifest names all that lies below the dossier: each folder, followed by what lies in it. Each document is named
    /// by its newest version; one that was changed since, gets a minor version, whoever may write it: what the manifest names
    /// must not change.
    ///
    /// # Errors
    /// `Stale`, `Invalid`, `NotFound`; `Forbidden` without `WriteVersion`, with `from` also without `WriteProperties`;
    /// `Conflict` `not_a_dossier`, `use_bulk_action` with more than 10,000 members in all its folders.
    pub async fn dossier_version_create(
        &self,
        id: ObjectId,
        precondition: Precondition,
        new: NewDossierVersion,
    ) -> Result<Written<MadeDossierVersion>> {
        check_comment(&new.comment)?;
        let session = self.clone();
        self.transact(move |tx| {
            let key = new.idempotency_key.as_deref();
            let digest = request_digest(&json!(["dossier-version", id.to_string(), new.comment, new.from]));
            if let Some(version) = made_before(tx, key, &digest)? {
                return session.made_again(tx, id, version);
            }
            let dossier = session.for_change(tx, id, WRITE_VERSION, &precondition)?;
            session.require_dossier(&dossier)?;
            let (dossier, not_restored) = match new.from {
                Some(number) => session.restore_dossier_in_tx(tx, &dossier, number, &new.comment)?,
                None => (dossier, Vec::new()),
            };
            let row = session.make_dossier_version(tx, &dossier, &new.comment, new.from)?;
            remember_made(tx, key, &digest, &row.id)?;
            let version = session.dossier_version_of(tx.conn, &dossier, &row, tx.now)?;
            Ok(MadeDossierVersion { version, not_restored })
        })
        .await
    }

    fn made_again(&self, tx: &mut Tx<'_>, id: ObjectId, version: ObjectId) -> Result<MadeDossierVersion> {
        let dossier = self.authorised(tx.conn, id, BROWSE, tx.now)?;
        let row = dossier_versions::by_id(tx.conn, &version.to_string())?;
        let row = row.ok_or_else(|| RepositoryError::not_found("the version"))?;
        let version = self.dossier_version_of(tx.conn, &dossier, &row, tx.now)?;
        Ok(MadeDossierVersion { version, not_restored: Vec::new() })
    }

    /// Refuses what is asked of dossiers only.
    pub(crate) fn require_dossier(&self, row: &ObjectRow) -> Result<()> {
        if self.repository.inner.declarations.known().is_dossier(&row.type_id) {
            return Ok(());
        }
        Err(RepositoryError::conflict("not_a_dossier", "only a dossier has versions of what lies in it"))
    }

    /// Writes the manifest of a dossier as it is in this transaction.
    fn make_dossier_version(
        &self,
        tx: &mut Tx<'_>,
        dossier: &ObjectRow,
        comment: &str,
        from: Option<i32>,
    ) -> Result<DossierVersionRow> {
        let members = self.members_to_name(tx, dossier.no)?;
        let mut row = DossierVersionRow {
            no: 0,
            id: ObjectId::generate().to_string(),
            dossier_no: dossier.no,
            number: next_number(dossier_versions::last_number(tx.conn, dossier.no)?)?,
            comment: comment.to_owned(),
            name: dossier.name.clone(),
            title: dossier.title.clone(),
            properties: dossier.properties.clone(),
            position: changes::last_position(tx.conn)?,
            digest: Vec::new(),
            made_at: tx.now.as_millis(),
            made_by: tx.actor_no,
            format: manifest::WHOLE_TREE,
        };
        row.digest = manifest::digest_of(tx.conn, &row, &members)?;
        row.no = dossier_versions::insert(tx.conn, &NewDossierVersionRow::from(&row))?;
        let of_version = |member: MemberRow| MemberRow { dossier_version_no: row.no, ..member };
        let members: Vec<MemberRow> = members.into_iter().map(of_version).collect();
        dossier_versions::insert_members(tx.conn, &members)?;
        objects::touch(tx.conn, dossier.no)?;
        let detail = json!({
            "dossierVersion": row.number, "dossierVersionId": row.id, "digest": hex::encode(&row.digest), "from": from,
        });
        tx.record(ChangeKind::Versioned, Change { detail: Some(detail), ..of_object(dossier)? })?;
        Ok(row)
    }

    /// Returns what a manifest names, after it has made a version of each document that was changed since its last one.
    fn members_to_name(&self, tx: &mut Tx<'_>, dossier: i64) -> Result<Vec<MemberRow>> {
        let present = present_members(tx.conn, dossier)?;
        let unversioned = present.iter().filter(|(member, row)| row.series_no.is_some() && member.version_no.is_none());
        let contents = blobs::slots_of(tx.conn, &unversioned.map(|(_, row)| row.no).collect::<Vec<_>>())?;
        let mut members = Vec::with_capacity(present.len());
        // What lies in several folders gets one version.
        let mut made = BTreeMap::new();
        for (ordinal, (member, row)) in present.into_iter().enumerate() {
            let needs_version = member.is_changed || contents.contains_key(&row.no);
            let version_no = match made.get(&row.no).copied() {
                Some(version_no) => Some(version_no),
                None if !needs_version => member.version_no,
                None => {
                    let live = objects::locked(tx.conn, row.no)?.unwrap_or(row);
                    let version_no = self.make_version(tx, &live, &VersionNote::default())?.row.no;
                    made.insert(live.no, version_no);
                    Some(version_no)
                }
            };
            members.push(MemberRow {
                dossier_version_no: 0,
                ordinal: i32::try_from(ordinal).unwrap_or(i32::MAX),
                live_no: member.live_no,
                version_no,
                name: member.name,
                parent_no: member.parent_no,
            });
        }
        Ok(members)
    }

    /// Returns a window of a dossier's versions, newest first.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` `not_a_dossier`.
    pub async fn dossier_version_list(&self, id: ObjectId, request: WindowRequest) -> Result<Window<DossierVersion>> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let request = WindowRequest { limit: request.limit.min(WINDOW_ROWS_MAX), ..request };
        let read = move |conn: &mut Conn| -> Result<(Window<DossierVersion>, Vec<Reading>)> {
            let dossier = session.authorised(conn, id, BROWSE, now)?;
            session.require_dossier(&dossier)?;
            let offset = i64::try_from(request.offset).unwrap_or(i64::MAX);
            let limit = i64::try_from(request.limit).unwrap_or(i64::MAX);
            let (total, rows) = dossier_versions::window(conn, dossier.no, offset, limit)?;
            let mut items = Vec::with_capacity(rows.len());
            for row in &rows {
                items.push(session.dossier_version_of(conn, &dossier, row, now)?);
            }
            let readings = session.readings_among(conn, &[dossier.no], now)?;
            Ok((window(total.unsigned_abs(), items, request), readings))
        };
        self.read_noted("dossier versions", read).await
    }

    /// Returns one version of a dossier.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` `not_a_dossier`.
    pub async fn dossier_version_get(&self, id: ObjectId, number: i32) -> Result<DossierVersion> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<(DossierVersion, Vec<Reading>)> {
            let (dossier, row) = session.numbered(conn, id, number, BROWSE, now)?;
            let version = session.dossier_version_of(conn, &dossier, &row, now)?;
            Ok((version, session.readings_among(conn, &[dossier.no], now)?))
        };
        self.read_noted("dossier version", read).await
    }

    /// Returns a window of what a version of a dossier names, in its order, of what the caller may browse today.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `ReadChildren`; `Conflict` `not_a_dossier`.
    pub async fn dossier_version_members(
        &self,
        id: ObjectId,
        number: i32,
        request: WindowRequest,
    ) -> Result<Window<DossierMember>> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let request = WindowRequest { limit: request.limit.min(WINDOW_ROWS_MAX), ..request };
        let read = move |conn: &mut Conn| -> Result<(Window<DossierMember>, Vec<Reading>)> {
            let (_, row) = session.numbered(conn, id, number, READ_CHILDREN, now)?;
            let members = dossier_versions::members(conn, row.no)?.into_iter().map(Member::from).collect();
            let (members, live) = session.visible(conn, members, now)?;
            let shown = cut(&members, request);
            let mut items = session.members_of(conn, shown, &live, now)?;
            let named: BTreeMap<i64, &Member> = members.iter().map(|member| (member.live_no, member)).collect();
            for (item, member) in items.iter_mut().zip(shown) {
                let folder =
                    member.parent_no.map_or(Some(id), |no| live.get(&no).and_then(|folder| folder.id.parse().ok()));
                (item.folder, item.path) = (folder, path_of(member, &named));
            }
            // A version is as confidential as its document: what is answered is the version, where there is one.
            let nos: Vec<i64> = shown.iter().map(|member| member.version_no.unwrap_or(member.live_no)).collect();
            let readings = session.readings_among(conn, &nos, now)?;
            Ok((window(members.len() as u64, items, request), readings))
        };
        self.read_noted("dossier version members", read).await
    }

    fn members_of(
        &self,
        conn: &mut Conn,
        members: &[Member],
        live: &BTreeMap<i64, ObjectRow>,
        now: Timestamp,
    ) -> Result<Vec<DossierMember>> {
        let named: Vec<i64> = members.iter().filter_map(|member| member.version_no).collect();
        let named = objects::by_nos(conn, &named)?;
        let (mut items, mut rows) = (Vec::with_capacity(members.len()), Vec::with_capacity(members.len()));
        for member in members {
            let Some(own) = live.get(&member.live_no) else { continue };
            rows.push(member.version_no.and_then(|no| named.get(&no)).unwrap_or(own).clone());
        }
        let shown = members.iter().filter_map(|member| Some((member, live.get(&member.live_no)?)));
        for ((member, own), object) in shown.zip(self.summaries_of(conn, &rows, now)?) {
            items.push(DossierMember {
                id: parse_id(&own.id)?,
                name: member.name.clone(),
                object,
                is_version: member.version_no.is_some(),
                is_trashed: own.trashed_at.is_some(),
                folder: None,
                path: None,
            });
        }
        Ok(items)
    }

    /// Returns a dossier and one of its versions by number, if the session has `wanted` on the dossier.
    pub(crate) fn numbered(
        &self,
        conn: &mut Conn,
        id: ObjectId,
        number: i32,
        wanted: cartulary_model::permission::Permission,
        now: Timestamp,
    ) -> Result<(ObjectRow, DossierVersionRow)> {
        let dossier = self.authorised(conn, id, wanted, now)?;
        self.require_dossier(&dossier)?;
        let row = dossier_versions::by_number(conn, dossier.no, number)?;
        Ok((dossier, row.ok_or_else(|| RepositoryError::not_found("the version"))?))
    }

    /// Returns those members that the session may browse today, with their live objects.
    pub(crate) fn visible(
        &self,
        conn: &mut Conn,
        members: Vec<Member>,
        now: Timestamp,
    ) -> Result<(Vec<Member>, BTreeMap<i64, ObjectRow>)> {
        let nos: Vec<i64> = members.iter().map(|member| member.live_no).collect();
        let mut live = objects::by_nos(conn, &nos)?;
        let scopes: BTreeSet<i64> = live.values().map(|row| row.scope_no).collect();
        let visible = self.repository.inner.access.allowing(conn, &self.actor, &scopes, BROWSE, now)?;
        live.retain(|_, row| visible.contains(&row.scope_no));
        Ok((members.into_iter().filter(|member| live.contains_key(&member.live_no)).collect(), live))
    }

    fn dossier_version_of(
        &self,
        conn: &mut Conn,
        dossier: &ObjectRow,
        row: &DossierVersionRow,
        now: Timestamp,
    ) -> Result<DossierVersion> {
        let access = &self.repository.inner.access;
        let may_read = access.allows(conn, &self.actor, dossier.scope_no, READ_PROPERTIES, now)?;
        let people = principals::by_nos(conn, &[row.made_by].into())?;
        let properties = if may_read { properties_of_version(row)? } else { Properties::new() };
        Ok(DossierVersion {
            id: parse_id(&row.id)?,
            number: row.number,
            comment: if may_read { row.comment.clone() } else { String::new() },
            name: row.name.clone(),
            title: row.title.clone(),
            properties,
            position: row.position,
            digest: row.digest.clone(),
            made_at: Timestamp::from_millis(row.made_at),
            made_by: principal_name(&people, row.made_by)?,
        })
    }
}

/// Returns the names from a dossier down to a member, `named` being all members by their objects; nothing when one is not
/// among these.
fn path_of(member: &Member, named: &BTreeMap<i64, &Member>) -> Option<String> {
    let (mut names, mut at) = (vec![member.name.as_str()], member);
    while let Some(folder) = at.parent_no {
        at = named.get(&folder)?;
        names.push(&at.name);
        if names.len() > FOLDERS_DEEP_MAX {
            return None;
        }
    }
    names.reverse();
    Some(names.join("/"))
}

/// Returns the properties that a version of a dossier keeps.
pub(crate) fn properties_of_version(row: &DossierVersionRow) -> Result<Properties> {
    serde_json::from_str(&row.properties).map_err(RepositoryError::internal)
}
