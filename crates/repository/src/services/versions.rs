//! The versions of a document: listed, found by name, made, taken again and destroyed.

use cartulary_db::Conn;
use cartulary_model::permission::{BROWSE, DESTROY, READ_CONTENT, READ_PROPERTIES, REMOVE_CHILDREN, WRITE_VERSION};
use cartulary_model::{ChangeKind, ObjectId, SlotName, Timestamp, VersionIncrement};
use serde_json::{Value, json};

use crate::bootstrap::parse_id;
use crate::object::{
    NewVersion, ObjectDetail, Precondition, VersionName, VersionNote, VersionSummary, WINDOW_ROWS_MAX, Window,
    WindowRequest, Written,
};
use crate::services::detail::{content_of, principal_name, properties_of};
use crate::services::folders::window;
use crate::services::objects::{index_values, refuse_version};
use crate::services::readings::Reading;
use crate::services::retention::{Removal, refuse_kept};
use crate::services::working_copies::{copied, of_object, refuse_working_copy};
use crate::store::objects::{self, NewObjectRow, ObjectRow};
use crate::store::versions::{self, VersionRow, Which};
use crate::store::{annotations, arrangements, blobs, copies, dossier_versions, principals, retention};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

/// The greatest number of a version: no document has as many, and whatever is brought in leaves room for more.
pub(crate) const NUMBER_MAX: i32 = 1_000_000;
/// How long a comment may be. *Units*: characters.
const COMMENT_CHARACTERS_MAX: usize = 2_000;

/// A version that was made.
#[derive(Clone, Debug)]
pub(crate) struct MadeVersion {
    pub row: ObjectRow,
    pub label: String,
}

impl MadeVersion {
    /// Returns what an entry of the log says of it.
    pub(crate) fn as_detail(&self) -> Value {
        json!({ "version": self.label, "versionId": self.row.id })
    }
}

impl Session {
    /// Returns a window of a document's versions, newest first. Any version's id names the series too.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` `not_a_document`.
    pub async fn version_list(&self, id: ObjectId, request: WindowRequest) -> Result<Window<VersionSummary>> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let request = WindowRequest { limit: request.limit.min(WINDOW_ROWS_MAX), ..request };
        let read = move |conn: &mut Conn| -> Result<(Window<VersionSummary>, Vec<Reading>)> {
            let row = session.authorised(conn, id, BROWSE, now)?;
            let series = series_of(&row)?;
            let access = &session.repository.inner.access;
            let may_read = access.allows(conn, &session.actor, row.scope_no, READ_CONTENT, now)?;
            let sees_values = access.allows(conn, &session.actor, row.scope_no, READ_PROPERTIES, now)?;
            let offset = i64::try_from(request.offset).unwrap_or(i64::MAX);
            let limit = i64::try_from(request.limit).unwrap_or(i64::MAX);
            let (total, rows) = versions::window(conn, series, offset, limit)?;
            let latest = versions::of_series(conn, series, Which::Latest)?.map(|(_, row)| row.no);
            let latest_major = versions::of_series(conn, series, Which::LatestMajor)?.map(|(_, row)| row.no);
            let nos: Vec<i64> = rows.iter().map(|(version, _)| version.object_no).collect();
            let contents = if may_read { blobs::contents_of(conn, &nos)? } else { Default::default() };
            let people = principals::by_nos(conn, &rows.iter().map(|(version, _)| version.made_by).collect())?;
            let mut items = Vec::with_capacity(rows.len());
            for (version, version_id) in rows {
                items.push(VersionSummary {
                    id: parse_id(&version_id)?,
                    label: label_of(&version),
                    is_major: version.minor == 0,
                    is_latest: latest == Some(version.object_no),
                    is_latest_major: latest_major == Some(version.object_no),
                    made_at: Timestamp::from_millis(version.made_at),
                    made_by: principal_name(&people, version.made_by)?,
                    comment: if sees_values { version.comment } else { String::new() },
                    content: contents.get(&version.object_no).map(content_of).transpose()?,
                });
            }
            let readings = session.readings_among(conn, &[row.no], now)?;
            Ok((window(total.unsigned_abs(), items, request), readings))
        };
        self.read_noted("versions", read).await
    }

    /// Returns one version of a document.
    ///
    /// # Errors
    /// `NotFound`, also for a `latest-major` that there is not; `Conflict` `not_a_document`.
    pub async fn version_get(&self, id: ObjectId, name: VersionName) -> Result<ObjectDetail> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<(ObjectDetail, Option<Reading>)> {
            let row = session.authorised(conn, id, BROWSE, now)?;
            let (_, version) = find(conn, series_of(&row)?, name)?;
            Ok((session.detail_of(conn, &version, now)?, session.reading_of(conn, &version)?))
        };
        let (detail, reading) = self.repository.database().read_brief(read).await?;
        self.note_reading_of(&detail, reading).await?;
        Ok(detail)
    }

    /// Makes a version: of a working copy, which is checked in with that; of a document, as it is now; or, with
    /// [`NewVersion::from`], of the document as it was in an earlier version, whose content, title and properties it takes
    /// again. Returns the version.
    ///
    /// # Errors
    /// `Stale`, `Invalid`, `Forbidden` without `WriteVersion`, `NotFound`, `CheckedOut` for the document of a working copy;
    /// `Conflict` `immutable`, `not_a_document`.
    pub async fn version_create(
        &self,
        id: ObjectId,
        precondition: Precondition,
        new: NewVersion,
    ) -> Result<Written<ObjectDetail>> {
        check_comment(&new.comment)?;
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.for_change(tx, id, WRITE_VERSION, &precondition)?;
            refuse_version(&row)?;
            let series = series_of(&row)?;
            let note = VersionNote { comment: new.comment.clone(), increment: Some(increment(new.major)) };
            let made = match new.from {
                Some(_) if row.role == objects::WORKING => {
                    let detail =
                        "a working copy is checked in as it is: cancel the check-out, then take the version again";
                    return Err(RepositoryError::invalid("from", "not_of_working_copy", detail));
                }
                Some(name) => {
                    session.refuse_checked_out(tx.conn, &row, tx.now)?;
                    let (_, source) = find(tx.conn, series, name)?;
                    session.restore_in_tx(tx, &row, &source, &note)?
                }
                None if row.role == objects::WORKING => session.check_in_in_tx(tx, &row, &note)?,
                None => {
                    session.refuse_checked_out(tx.conn, &row, tx.now)?;
                    session.make_version(tx, &row, &note)?
                }
            };
            session.detail_of(tx.conn, &made.row, tx.now)
        })
        .await
    }

    /// Makes a version of a live document as it is.
    pub(crate) fn make_version(&self, tx: &mut Tx<'_>, live: &ObjectRow, note: &VersionNote) -> Result<MadeVersion> {
        let at = self.series_instant(tx, live)?;
        let made = next_version(tx, live, note, at)?;
        objects::touch(tx.conn, live.no)?;
        tx.record(ChangeKind::Versioned, Change { detail: Some(made.as_detail()), ..of_object(live)? })?;
        Ok(made)
    }

    /// Gives a live document the values of a version again, and makes a version of that.
    pub(crate) fn restore_in_tx(
        &self,
        tx: &mut Tx<'_>,
        live: &ObjectRow,
        source: &ObjectRow,
        note: &VersionNote,
    ) -> Result<MadeVersion> {
        let at = self.series_instant(tx, live)?;
        let (changed, mut change) = self.take_over(tx, live, source, at)?;
        let made = next_version(tx, &changed, note, at)?;
        change.detail = Some(json!({ "version": made.label, "versionId": made.row.id, "from": source.id }));
        tx.record(ChangeKind::Versioned, change)?;
        Ok(made)
    }

    fn check_in_in_tx(&self, tx: &mut Tx<'_>, copy: &ObjectRow, note: &VersionNote) -> Result<MadeVersion> {
        let live = self.live_of(tx.conn, copy)?;
        let live = live.ok_or_else(|| RepositoryError::internal("a working copy without a document"))?;
        let live = objects::locked(tx.conn, live.no)?.unwrap_or(live);
        if live.trashed_at.is_some() {
            let detail = "the document is in the trash: take it out, then check in";
            return Err(RepositoryError::conflict("document_in_trash", detail));
        }
        let at = self.series_instant(tx, &live)?;
        let (changed, mut change) = self.take_over(tx, &live, copy, at)?;
        let made = next_version(tx, &changed, note, at)?;
        change.detail = Some(made.as_detail());
        tx.record(ChangeKind::Versioned, change)?;
        self.end_check_out(tx, copy)?;
        Ok(made)
    }

    /// Gives a live document title, properties, facets and contents of another object of its series, and returns it with the
    /// change to record. The name stays: it is the document's, as its places are. A title that followed the name goes on.
    fn take_over(&self, tx: &mut Tx<'_>, live: &ObjectRow, source: &ObjectRow, at: i64) -> Result<(ObjectRow, Change)> {
        let before = values_of(tx.conn, live)?;
        let title = if source.title == source.name { &live.name } else { &source.title };
        objects::update(tx.conn, live.no, &live.name, title, &source.properties, at, tx.actor_no)?;
        objects::clear_facets(tx.conn, live.no)?;
        copies::copy_facets(tx.conn, source.no, live.no)?;
        blobs::clear_contents(tx.conn, live.no)?;
        copies::copy_contents(tx.conn, source.no, live.no)?;
        let facets = objects::facets_of(tx.conn, live.no)?;
        let catalogue = self.repository.inner.declarations.present(tx.conn)?;
        let described = (live.type_id.as_str(), facets.as_slice());
        index_values(tx.conn, catalogue.types(), live.no, described, &properties_of(source)?, false)?;
        let changed = objects::by_no(tx.conn, live.no)?.ok_or_else(|| RepositoryError::not_found("the document"))?;
        let after = values_of(tx.conn, &changed)?;
        Ok((changed, Change { before: Some(before), after: Some(after), ..of_object(live)? }))
    }

    /// Destroys one version at once; the log keeps what it was. Was it the newest, and the document unchanged since, then the
    /// document falls back to the newest one that remains; what was changed since is in no version, and stays. The last
    /// version is the document, as in CMIS: whoever deletes it puts the document in the trash, with the version in it.
    ///
    /// # Errors
    /// `Stale` by the document's token; `Forbidden` without `Destroy`, for the last one also without `RemoveChildren`;
    /// `NotFound`; `CheckedOut`; `Conflict` `in_dossier_version`, `under_hold`, `under_retention`, `is_record`.
    ///
    /// *Source*: CMIS 1.1 §2.2.4.14, deleteObject with `allVersions` false.
    pub async fn version_destroy(
        &self,
        id: ObjectId,
        name: VersionName,
        precondition: Precondition,
    ) -> Result<Written<()>> {
        let session = self.clone();
        self.transact(move |tx| {
            // Of the last version the whole document goes to the trash, which holds trees before objects.
            session.lock_trees_for(tx, id)?;
            let row = session.for_change(tx, id, DESTROY, &precondition)?;
            refuse_version(&row)?;
            let series = series_of(&row)?;
            refuse_working_copy(&row)?;
            session.refuse_checked_out(tx.conn, &row, tx.now)?;
            let (version, object) = find(tx.conn, series, name)?;
            let (total, _) = versions::window(tx.conn, series, 0, 1)?;
            if total == 1 {
                let access = &session.repository.inner.access;
                access.require(tx.conn, &session.actor, row.scope_no, REMOVE_CHILDREN, tx.now)?;
                return session.trash_in_tx(tx, id, &Precondition::Any).map(drop);
            }
            refuse_bound(tx, &version, &object)?;
            session.destroy_version_in_tx(tx, &row, &version, &object)
        })
        .await
    }

    fn destroy_version_in_tx(
        &self,
        tx: &mut Tx<'_>,
        live: &ObjectRow,
        version: &VersionRow,
        object: &ObjectRow,
    ) -> Result<()> {
        let series = series_of(live)?;
        let newest = versions::of_series(tx.conn, series, Which::Latest)?;
        let was_newest = newest.is_some_and(|(newest, _)| newest.object_no == version.object_no);
        let before = values_of(tx.conn, object)?;
        let made_at = Timestamp::from_millis(version.made_at);
        let detail = json!({ "version": label_of(version), "comment": version.comment, "madeAt": made_at });
        versions::destroy(tx.conn, object.no)?;
        annotations::forget_orphans(tx.conn, live.no, series)?;
        let change = Change { before: Some(before), detail: Some(detail), ..of_object(object)? };
        tx.record(ChangeKind::Destroyed, change)?;
        if !was_newest {
            return objects::touch(tx.conn, live.no);
        }
        let remaining = versions::of_series(tx.conn, series, Which::Latest)?;
        let (remaining, source) = remaining.ok_or_else(|| RepositoryError::internal("a series without a version"))?;
        let row = versions::series_locked(tx.conn, series)?;
        let row = row.ok_or_else(|| RepositoryError::internal("a document without a series"))?;
        let destroyed = (row.destroyed_major.max(version.major), row.destroyed_minor.max(version.minor));
        versions::fall_back(tx.conn, series, (remaining.major, remaining.minor), destroyed)?;
        if live.modified_at > version.made_at {
            return objects::touch(tx.conn, live.no);
        }
        // The document is what that version is, since when it was made.
        let (_, change) = self.take_over(tx, live, &source, remaining.made_at)?;
        tx.record(ChangeKind::Updated, Change { detail: Some(json!({ "fallenBackTo": source.id })), ..change })
    }
}

/// Returns the series of a document, a version or a working copy.
pub(crate) fn series_of(row: &ObjectRow) -> Result<i64> {
    row.series_no.ok_or_else(|| RepositoryError::conflict("not_a_document", "only a document has versions"))
}

/// Returns `major.minor`.
pub(crate) fn label_of(version: &VersionRow) -> String {
    format!("{}.{}", version.major, version.minor)
}

const fn increment(major: bool) -> VersionIncrement {
    if major { VersionIncrement::Major } else { VersionIncrement::Minor }
}

/// Refuses a comment that is too long, or that no database keeps.
pub(crate) fn check_comment(comment: &str) -> Result<()> {
    if comment.contains('\0') {
        return Err(RepositoryError::invalid("comment", "null_character", "contains the character U+0000"));
    }
    if cartulary_model::key::length(comment) > COMMENT_CHARACTERS_MAX {
        return Err(RepositoryError::invalid("comment", "too_long", "a comment has at most 2,000 characters"));
    }
    Ok(())
}

/// Returns a version of a series by its name.
fn find(conn: &mut Conn, series: i64, name: VersionName) -> Result<(VersionRow, ObjectRow)> {
    let found = match name {
        VersionName::Latest => versions::of_series(conn, series, Which::Latest)?,
        VersionName::LatestMajor => versions::of_series(conn, series, Which::LatestMajor)?,
        VersionName::Label(major, minor) => versions::of_series(conn, series, Which::Numbered(major, minor))?,
        VersionName::Id(id) => {
            let row = objects::by_id(conn, &id.to_string())?.filter(|row| row.series_no == Some(series));
            match row {
                Some(row) => versions::by_object(conn, row.no)?.map(|version| (version, row)),
                None => None,
            }
        }
    };
    found.ok_or_else(|| RepositoryError::not_found("the version"))
}

/// Returns the values of an object as the log keeps them.
pub(crate) fn values_of(conn: &mut Conn, row: &ObjectRow) -> Result<Value> {
    let mut slots = blobs::slots_of(conn, &[row.no])?.remove(&row.no).unwrap_or_default();
    let content = slots.remove(SlotName::MAIN);
    let mut values = json!({
        "name": row.name, "title": row.title, "facets": objects::facets_of(conn, row.no)?,
        "properties": properties_of(row)?, "content": content,
    });
    let arrangement = arrangements::of_objects(conn, &[row.no])?.remove(&row.no);
    if let Some(map) = values.as_object_mut() {
        if !slots.is_empty() {
            map.insert("contents".to_owned(), json!(slots));
        }
        map.extend(arrangement.map(|one| ("arrangement".to_owned(), json!(one.digest))));
    }
    Ok(values)
}

/// Refuses to destroy a version that something holds.
fn refuse_bound(tx: &mut Tx<'_>, version: &VersionRow, object: &ObjectRow) -> Result<()> {
    let kept = retention::of_versions(tx.conn, &[version.object_no])?;
    refuse_kept(tx.conn, &kept, Removal::Ordinary, tx.now)?;
    if dossier_versions::is_named(tx.conn, object.no)? {
        let detail = "a version of a dossier names this version, and would not be whole without it";
        return Err(RepositoryError::conflict("in_dossier_version", detail));
    }
    Ok(())
}

/// Makes the next version of a document as it is, and writes it as the latest. Rows are copied, and no byte.
pub(crate) fn next_version(tx: &mut Tx<'_>, live: &ObjectRow, note: &VersionNote, at: i64) -> Result<MadeVersion> {
    let series = series_of(live)?;
    let latest = versions::series_locked(tx.conn, series)?;
    let latest = latest.ok_or_else(|| RepositoryError::internal("a document without a series"))?;
    let is_major = note.increment == Some(VersionIncrement::Major) || latest.latest_major == 0;
    // Above whatever was destroyed: nobody gets a number again that a version had.
    let used_minor = if latest.latest_major <= latest.destroyed_major { latest.destroyed_minor } else { 0 };
    let (major, minor) = match is_major {
        true => (next_number(latest.latest_major.max(latest.destroyed_major))?, 0),
        false => (latest.latest_major, next_number(latest.latest_minor.max(used_minor))?),
    };
    let row = insert_version(tx, live, series, &note.comment, (major, minor), at)?;
    copies::copy_contents(tx.conn, live.no, row.no)?;
    copies::copy_facets(tx.conn, live.no, row.no)?;
    versions::put_latest(tx.conn, series, major, minor, at)?;
    Ok(MadeVersion { row, label: format!("{major}.{minor}") })
}

/// Returns the number after one.
pub(crate) fn next_number(last: i32) -> Result<i32> {
    let next = last.checked_add(1).filter(|next| *next <= NUMBER_MAX);
    let detail = format!("there are no numbers of versions above {NUMBER_MAX}");
    next.ok_or_else(|| RepositoryError::conflict("too_many_versions", detail))
}

/// Inserts an immutable version with the live object's values; its contents and facets are still to come.
pub(crate) fn insert_version(
    tx: &mut Tx<'_>,
    live: &ObjectRow,
    series: i64,
    comment: &str,
    (major, minor): (i32, i32),
    at: i64,
) -> Result<ObjectRow> {
    let row = NewObjectRow {
        id: ObjectId::generate().to_string(),
        role: objects::VERSION,
        created_at: at,
        created_by: tx.actor_no,
        modified_at: at,
        modified_by: tx.actor_no,
        ..copied(live)
    };
    let no = objects::insert(tx.conn, &row)?;
    let comment = comment.to_owned();
    let made_by = tx.actor_no;
    let version = VersionRow { object_no: no, major, minor, comment, made_at: at, made_by };
    versions::insert(tx.conn, series, &version)?;
    Ok(row.numbered(no))
}
