//! Turns rows into what services answer, showing each reader what its permissions show.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_db::Conn;
use cartulary_model::permission::{BROWSE, READ_CONTENT, READ_PROPERTIES};
use cartulary_model::{BaseType, BlobDigest, ObjectId, Properties, Timestamp};

use crate::bootstrap::parse_id;
use crate::declarations::Catalogue;
use crate::object::{Content, ObjectDetail, ObjectSummary, ParentName, PrincipalName, Source, TextSummary, Versioning};
use crate::services::documents::BoundContent;
use crate::services::texts::{self, has_text};
use crate::store::blobs::{self, ContentRow};
use crate::store::filing::{self, PlaceRow};
use crate::store::objects::{self, ObjectRow};
use crate::store::principals::PrincipalRow;
use crate::store::renditions::RenditionRow;
use crate::store::versions::{self, Latest};
use crate::store::{principals, renditions};
use crate::transaction::Tx;
use crate::{RepositoryError, Result, Session};

/// A path longer than this many folders is not answered.
const PATH_FOLDERS_MAX: usize = 1_000;

impl Session {
    /// Returns the rows as summaries, in the same order.
    pub(crate) fn summaries_of(
        &self,
        conn: &mut Conn,
        rows: &[ObjectRow],
        now: Timestamp,
    ) -> Result<Vec<ObjectSummary>> {
        let scopes: BTreeSet<i64> = rows.iter().map(|row| row.scope_no).collect();
        let access = &self.repository.inner.access;
        let with_properties = access.allowing(conn, &self.actor, &scopes, READ_PROPERTIES, now)?;
        let with_content = access.allowing(conn, &self.actor, &scopes, READ_CONTENT, now)?;
        let documents: Vec<&ObjectRow> = rows.iter().filter(|row| row.base == BaseType::Document.as_str()).collect();
        let readable: Vec<i64> =
            documents.iter().filter(|row| with_content.contains(&row.scope_no)).map(|row| row.no).collect();
        let contents = blobs::contents_of(conn, &readable)?;
        let with_text = contents.values().filter(|content| has_text(&content.media_type, &content.file_name));
        let digests: Vec<String> = with_text.map(|content| content.digest.clone()).collect();
        let texts = texts_of(conn, &digests)?;
        let labels = version_labels(conn, &documents)?;
        let people = people_of(conn, rows)?;
        let catalogue = self.repository.inner.declarations.present(conn)?;
        let mut summaries = Vec::with_capacity(rows.len());
        for row in rows {
            let (creator, modifier) =
                (principal_name(&people, row.created_by)?, principal_name(&people, row.modified_by)?);
            let mut summary = bare_summary(&catalogue, row, creator, modifier)?;
            if with_properties.contains(&row.scope_no) {
                summary.properties = properties_of(row)?;
                summary.source = source_of(row);
                summary.state = state_of(&catalogue, row);
            }
            if summary.base == BaseType::Document {
                summary.version_label = labels.get(&row.no).cloned();
                if with_content.contains(&row.scope_no) {
                    let content = contents.get(&row.no);
                    summary.content = content.map(content_of).transpose()?;
                    let text = content.map(|content| texts::summary_of_row(content, texts.get(&content.digest)));
                    summary.text = Some(text.unwrap_or_else(texts::none));
                }
            }
            summaries.push(summary);
        }
        Ok(summaries)
    }

    /// Returns one object with the caller's permissions on it.
    pub(crate) fn detail_of(&self, conn: &mut Conn, row: &ObjectRow, now: Timestamp) -> Result<ObjectDetail> {
        let summary = self.summaries_of(conn, std::slice::from_ref(row), now)?.pop();
        let summary = summary.ok_or_else(|| RepositoryError::not_found("the object"))?;
        let live = self.live_of(conn, row)?;
        let permissions = self.repository.inner.access.permissions(conn, &self.actor, row.scope_no, now)?;
        let Places { parents, primary_parent, path, paths } =
            self.places_of(conn, live.as_ref().unwrap_or(row), now)?;
        let may_read = permissions.contains(&READ_PROPERTIES);
        let facets = if may_read { objects::facets_of(conn, row.no)? } else { Vec::new() };
        let permission_groups = self.repository.permissions().groups_held(&permissions);
        let versioning = self.versioning_of(conn, row, live.as_ref(), now)?;
        let lock = self.lock_of(conn, row, now)?;
        let kept = if may_read { self.kept_in_short(conn, row)? } else { None };
        Ok(ObjectDetail {
            summary,
            permission_groups,
            permissions,
            parents,
            primary_parent,
            path,
            paths,
            facets,
            versioning,
            lock,
            kept,
        })
    }

    /// Returns a document that this transaction made in `parent`, as [`Session::detail_of`] would, from what is known of
    /// it: all writers wait while one of them reads.
    pub(crate) fn detail_of_new(
        &self,
        tx: &mut Tx<'_>,
        row: &ObjectRow,
        parent: ObjectRow,
        content: Option<&BoundContent>,
        facets: &[String],
    ) -> Result<ObjectDetail> {
        let me = || PrincipalName {
            id: self.actor.id,
            name: self.actor.username.clone(),
            display_name: self.actor.display_name.clone(),
        };
        let catalogue = self.repository.inner.declarations.present(tx.conn)?;
        let mut summary = bare_summary(&catalogue, row, me(), me())?;
        let permissions = self.repository.inner.access.permissions(tx.conn, &self.actor, row.scope_no, tx.now)?;
        if permissions.contains(&READ_PROPERTIES) {
            summary.properties = properties_of(row)?;
            summary.source = source_of(row);
            summary.state = state_of(&catalogue, row);
        }
        summary.version_label = content.map(|_| "1.0".to_owned());
        if permissions.contains(&READ_CONTENT) {
            summary.text = Some(match content {
                Some(content) => text_summary(tx.conn, content)?,
                None => texts::none(),
            });
            summary.content = content.map(|bound| Content {
                digest: bound.digest,
                size_bytes: bound.size_bytes,
                media_type: bound.media_type.clone(),
                file_name: bound.file_name.clone(),
            });
        }
        let parents = vec![self.parent_name(&parent)?];
        let primary_parent = parents.first().map(|parent| parent.id);
        let path = self.path_through(tx.conn, row, Some(parent.into()), tx.now)?;
        let paths = path.iter().cloned().collect();
        let permission_groups = self.repository.permissions().groups_held(&permissions);
        let (facets, versioning) = (facets.to_vec(), Versioning::default());
        Ok(ObjectDetail {
            summary,
            permission_groups,
            permissions,
            parents,
            primary_parent,
            path,
            paths,
            facets,
            versioning,
            lock: None,
            kept: None,
        })
    }

    /// Returns the live object of a version; nothing for what is live itself.
    pub(crate) fn live_of(&self, conn: &mut Conn, row: &ObjectRow) -> Result<Option<ObjectRow>> {
        let Some(series) = row.series_no.filter(|_| row.role != objects::LIVE) else { return Ok(None) };
        Ok(objects::live_of_series(conn, &BTreeSet::from([series]))?.into_iter().next())
    }

    /// Returns the folders that the caller sees an object in, the primary one first, and the paths through them.
    fn places_of(&self, conn: &mut Conn, row: &ObjectRow, now: Timestamp) -> Result<Places> {
        let folders = filing::folders_of(conn, row.no)?;
        let mut places = Places::default();
        if row.no == self.repository.inner.root_no {
            places.path = self.path_through(conn, row, None, now)?;
            places.paths.extend(places.path.clone());
        }
        for (is_primary, folder) in folders {
            if !self.repository.inner.access.allows(conn, &self.actor, folder.scope_no, BROWSE, now)? {
                continue;
            }
            let parent = self.parent_name(&folder)?;
            let path = self.path_through(conn, row, Some(folder.into()), now)?;
            places.paths.extend(path.clone());
            if is_primary {
                places.primary_parent = Some(parent.id);
                places.path = path;
            }
            places.parents.push(parent);
        }
        Ok(places)
    }

    /// Returns how a folder is named as a parent.
    pub(crate) fn parent_name(&self, folder: &ObjectRow) -> Result<ParentName> {
        Ok(ParentName {
            id: parse_id(&folder.id)?,
            name: folder.name.clone(),
            title: folder.title.clone(),
            is_dossier: self.repository.inner.declarations.known().is_dossier(&folder.type_id),
        })
    }

    /// Returns the path of an object whose primary folder is known; nothing when the caller may not see all of it.
    fn path_through(
        &self,
        conn: &mut Conn,
        row: &ObjectRow,
        primary: Option<PlaceRow>,
        now: Timestamp,
    ) -> Result<Option<String>> {
        let root = self.repository.inner.root_no;
        if row.no == root {
            return Ok(Some("/".to_owned()));
        }
        let mut names = vec![row.name.clone()];
        let mut above = primary;
        loop {
            let Some(folder) = above.filter(|_| names.len() <= PATH_FOLDERS_MAX) else { return Ok(None) };
            if !self.repository.inner.access.allows(conn, &self.actor, folder.scope_no, BROWSE, now)? {
                return Ok(None);
            }
            if folder.no == root {
                break;
            }
            above = filing::primary_place(conn, folder.no)?;
            names.push(folder.name);
        }
        names.reverse();
        Ok(Some(format!("/{}", names.join("/"))))
    }
}

/// Where somebody sees an object.
#[derive(Default)]
struct Places {
    parents: Vec<ParentName>,
    primary_parent: Option<ObjectId>,
    path: Option<String>,
    paths: Vec<String>,
}

/// Returns what a row says by itself; who may read more of it is told more.
fn bare_summary(
    catalogue: &Catalogue,
    row: &ObjectRow,
    created_by: PrincipalName,
    modified_by: PrincipalName,
) -> Result<ObjectSummary> {
    let base = catalogue.types().get(&row.type_id).map_or(BaseType::Item, |resolved| resolved.definition.base);
    Ok(ObjectSummary {
        id: parse_id(&row.id)?,
        type_id: row.type_id.clone(),
        base,
        is_dossier: catalogue.is_dossier(&row.type_id),
        name: row.name.clone(),
        title: row.title.clone(),
        created_at: Timestamp::from_millis(row.created_at),
        created_by,
        modified_at: Timestamp::from_millis(row.modified_at),
        modified_by,
        properties: Properties::new(),
        state: None,
        change_token: row.change_token,
        source: None,
        version_label: None,
        content: None,
        text: None,
    })
}

/// Returns a content as services answer it.
pub(crate) fn content_of(row: &ContentRow) -> Result<Content> {
    let digest: BlobDigest = row.digest.parse().map_err(RepositoryError::internal)?;
    Ok(Content {
        digest,
        size_bytes: row.size_bytes.unsigned_abs(),
        media_type: row.media_type.clone(),
        file_name: row.file_name.clone(),
    })
}

/// Returns where an object came from.
pub(crate) fn source_of(row: &ObjectRow) -> Option<Source> {
    let (system, id) = row.source_system.as_ref().zip(row.source_id.as_ref())?;
    Some(Source { system: system.clone(), id: id.clone() })
}

fn state_of(catalogue: &Catalogue, row: &ObjectRow) -> Option<String> {
    catalogue.types().state_of(&row.type_id, row.state.as_deref()).map(str::to_owned)
}

/// Returns the stored properties.
pub(crate) fn properties_of(row: &ObjectRow) -> Result<Properties> {
    serde_json::from_str(&row.properties).map_err(RepositoryError::internal)
}

/// Returns the texts of those contents that have one, by the digest of the content.
fn texts_of(conn: &mut Conn, digests: &[String]) -> Result<BTreeMap<String, RenditionRow>> {
    if digests.is_empty() {
        return Ok(BTreeMap::new());
    }
    renditions::of_sources(conn, digests, texts::TEXT_KIND, texts::TEXT_PRODUCER)
}

fn text_summary(conn: &mut Conn, content: &BoundContent) -> Result<TextSummary> {
    let wanted = has_text(&content.media_type, &content.file_name).then(|| content.digest.to_string());
    let rows = texts_of(conn, wanted.as_slice())?;
    let row = rows.values().next();
    Ok(texts::summary(content.size_bytes, &content.media_type, &content.file_name, row))
}

fn version_labels(conn: &mut Conn, documents: &[&ObjectRow]) -> Result<BTreeMap<i64, String>> {
    let live: Vec<i64> =
        documents.iter().filter(|row| row.role == objects::LIVE).filter_map(|row| row.series_no).collect();
    let latest = versions::latest(conn, &live)?;
    let mut labels = BTreeMap::new();
    for row in documents {
        let label = if row.role == objects::LIVE {
            row.series_no.and_then(|series| latest.get(&series)).map(|latest| live_label(row, *latest))
        } else {
            versions::by_object(conn, row.no)?.map(|version| format!("{}.{}", version.major, version.minor))
        };
        labels.extend(label.map(|label| (row.no, label)));
    }
    Ok(labels)
}

fn live_label(row: &ObjectRow, latest: Latest) -> String {
    let is_changed = row.modified_at > latest.made_at;
    format!("{}.{}{}", latest.major, latest.minor, if is_changed { "+" } else { "" })
}

fn people_of(conn: &mut Conn, rows: &[ObjectRow]) -> Result<BTreeMap<i64, PrincipalRow>> {
    let nos: BTreeSet<i64> = rows.iter().flat_map(|row| [row.created_by, row.modified_by]).collect();
    principals::by_nos(conn, &nos)
}

/// Returns how a principal is named, among those that were read.
pub(crate) fn principal_name(people: &BTreeMap<i64, PrincipalRow>, no: i64) -> Result<PrincipalName> {
    let row = people.get(&no).ok_or_else(|| RepositoryError::internal(format!("principal {no} is missing")))?;
    name_of(row)
}

/// Returns how a principal is named.
pub(crate) fn name_of(row: &PrincipalRow) -> Result<PrincipalName> {
    let id: ObjectId = parse_id(&row.id)?;
    Ok(PrincipalName { id, name: row.name.clone(), display_name: row.display_name.clone() })
}
