//! `/dossiers/{id}/versions`: what a dossier was and had in it, kept, opened, compared and taken again.

use std::fmt::Write as _;

use actix_web::{get, post, web};
use cartulary_model::{ObjectId, Properties, Timestamp};
use cartulary_repository::{self as repository, NewDossierVersion};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::guarded::Guarded;
use crate::routes::object::{Page, Summary};
use crate::routes::users::WindowQuery;
use crate::{body, paging};

/// The change token of a version: it never changes.
const IMMUTABLE: i64 = 1;

/// A version of a dossier to make.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewDossierVersionForm {
    /// Why; at most 2,000 characters.
    #[serde(default)]
    comment: String,
    /// The number of the version that the dossier takes again first.
    from: Option<i32>,
}

/// A version of a dossier.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DossierVersion {
    /// The version's own id.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// Its number in the dossier, from 1.
    number: i32,
    /// Why it was made.
    comment: String,
    /// The dossier's name then.
    name: String,
    /// The dossier's title then.
    title: String,
    /// The dossier's properties then.
    #[schema(value_type = Object)]
    properties: Properties,
    /// The place in the change log up to which it is true.
    position: i64,
    /// The SHA-256 of its manifest, which binds the bytes of all that it names: 64 lower-case hex digits.
    digest: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// By whom.
    created_by: String,
}

/// A member of an earlier version that the dossier did not take again.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NotRestored {
    /// The object's id.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// Its name.
    name: String,
    /// Why: `forbidden`, `checked_out`, `locked`, `name_taken`, `moved_away`, or `no_folder` when the folder that it lay in
    /// could not be taken again.
    reason: &'static str,
}

/// A version of a dossier that was just made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MadeDossierVersion {
    /// The version.
    #[serde(flatten)]
    version: DossierVersion,
    /// What of the earlier version could not be taken again; absent when all was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    not_restored: Vec<NotRestored>,
}

/// One member of a version of a dossier.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DossierMember {
    /// The id of the document or folder that it is of.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// Its name in the dossier then.
    name: String,
    /// The folder that it lay in, the dossier or one below it; absent when the caller may not see that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    folder: Option<ObjectId>,
    /// The names from the dossier down to it, with `/` between; absent when the caller may not see one of the folders.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    /// The version of the document that the dossier had; of a folder, and of a paper that was not there yet, what it is now.
    object: Summary,
    /// Whether `object` is an immutable version.
    version: bool,
    /// Whether the document or folder is in the trash now.
    in_trash: bool,
}

/// Which differences are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DifferencesQuery {
    /// The number of the version that it is compared with; the dossier as it is now unless given.
    to: Option<i32>,
    /// How many rows are answered, 1 to 1,000; 50 unless given.
    limit: Option<u64>,
    /// How many rows are passed over.
    offset: Option<u64>,
    /// Continues a list, instead of an offset.
    cursor: Option<String>,
}

/// A member in one of two states of a dossier.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberSide {
    /// Its name.
    name: String,
    /// The version of the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    version_id: Option<ObjectId>,
    /// That version's label, with `+` when the document was changed since.
    #[serde(skip_serializing_if = "Option::is_none")]
    version_label: Option<String>,
    /// Its place among what the caller sees there, from 1: a folder's contents stand right after it.
    place: u64,
    /// The folder that it lay in, the dossier or one below it; absent when the caller may not see that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    folder: Option<ObjectId>,
}

/// What a member differs in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemberDifference {
    /// The id of the document or folder.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// `added`, `removed`, `moved`, `version`, `renamed`: one or more.
    kinds: Vec<&'static str>,
    /// What it was; absent when it was added.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<MemberSide>,
    /// What it became; absent when it was removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<MemberSide>,
}

/// What a value of a dossier differs in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValueDifference {
    /// `name`, `title`, or `properties.` and the property's id.
    field: String,
    /// The value before; null without one.
    #[schema(value_type = Object)]
    before: Value,
    /// The value after; null without one.
    #[schema(value_type = Object)]
    after: Value,
}

/// What two states of a dossier differ in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DossierDifferences {
    /// The dossier's own values that differ.
    values: Vec<ValueDifference>,
    /// How many members differ, of those that the caller may see.
    total: u64,
    /// The members that differ.
    items: Vec<MemberDifference>,
    /// Continues the list; absent at its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Lists the versions of a dossier, newest first.
#[utoipa::path(tag = "dossiers", params(WindowQuery, ("id" = String, Path, description = "the dossier's id")),
    responses((status = 200, description = "a window", body = Page<DossierVersion>)))]
#[get("/dossiers/{id}/versions")]
pub async fn list_dossier_versions(guarded: Guarded) -> Answer {
    let id = guarded.id()?;
    let query: WindowQuery = guarded.query()?;
    answer::ok(&Page::<DossierVersion>::of(guarded.session().dossier_version_list(id, query.window()?).await?))
}

/// Makes a version of a dossier: an immutable manifest of what it is and has in it; with `from`, it takes an earlier version
/// again first.
///
/// The manifest names all that lies in the dossier and the folders in it, in order, each document by its newest version; one
/// that was changed since gets a minor version. Versions that a manifest names cannot be destroyed. With `from`, title,
/// properties, order, folders and documents become what they were, as new versions: a folder comes back out of the trash, and
/// one that lies elsewhere now is made again; what came since stays, after the rest; `notRestored` says what could not be
/// taken again, and why. Of more than 10,000 objects it is refused with `use_bulk_action`.
#[utoipa::path(tag = "dossiers", request_body = NewDossierVersionForm,
    params(("id" = String, Path, description = "the dossier's id"),
        ("If-Match" = String, Header, description = "the ETag that was read, of the dossier"),
        ("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made")),
    responses((status = 201, description = "the version", body = MadeDossierVersion)))]
#[post("/dossiers/{id}/versions")]
pub async fn create_dossier_version(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    let idempotency_key = guarded.idempotency_key()?;
    let form: NewDossierVersionForm = body::json(guarded.request(), body).await?;
    let new = NewDossierVersion { comment: form.comment, from: form.from, idempotency_key };
    let made = guarded.session().dossier_version_create(id, precondition, new).await?;
    let location = format!("/api/v1/dossiers/{id}/versions/{}", made.value.version.number);
    answer::created(&location, &made.transaction, IMMUTABLE, &MadeDossierVersion::from(made.value))
}

/// Returns one version of a dossier.
#[utoipa::path(tag = "dossiers",
    params(("id" = String, Path, description = "the dossier's id"),
        ("number" = i32, Path, description = "the version's number")),
    responses((status = 200, description = "the version", body = DossierVersion)))]
#[get("/dossiers/{id}/versions/{number}")]
pub async fn get_dossier_version(guarded: Guarded) -> Answer {
    let version = guarded.session().dossier_version_get(guarded.id()?, guarded.segment("number")?).await?;
    answer::object(&guarded, IMMUTABLE, &DossierVersion::from(version))
}

/// Lists what a version of a dossier names, in its order: after each folder what lay in it. A version that was made before
/// the office looked below folders names only what lay directly in the dossier.
#[utoipa::path(tag = "dossiers",
    params(WindowQuery, ("id" = String, Path, description = "the dossier's id"),
        ("number" = i32, Path, description = "the version's number")),
    responses((status = 200, description = "a window", body = Page<DossierMember>)))]
#[get("/dossiers/{id}/versions/{number}/members")]
pub async fn list_dossier_version_members(guarded: Guarded) -> Answer {
    let (id, number) = (guarded.id()?, guarded.segment("number")?);
    let query: WindowQuery = guarded.query()?;
    let members = guarded.session().dossier_version_members(id, number, query.window()?).await?;
    answer::ok(&Page::<DossierMember>::of(members))
}

/// Lists what a version of a dossier differs in from another one, or from the dossier as it is now.
#[utoipa::path(tag = "dossiers",
    params(DifferencesQuery, ("id" = String, Path, description = "the dossier's id"),
        ("number" = i32, Path, description = "the version's number")),
    responses((status = 200, description = "the dossier's own values, and a window of the members", body = DossierDifferences)))]
#[get("/dossiers/{id}/versions/{number}/differences")]
pub async fn list_dossier_version_differences(guarded: Guarded) -> Answer {
    let (id, number) = (guarded.id()?, guarded.segment("number")?);
    let query: DifferencesQuery = guarded.query()?;
    let window = paging::window(query.limit, query.offset, query.cursor.as_deref())?;
    let found = guarded.session().dossier_version_compare(id, number, query.to, window).await?;
    answer::ok(&DossierDifferences::from(found))
}

impl From<repository::DossierVersion> for DossierVersion {
    fn from(version: repository::DossierVersion) -> Self {
        Self {
            id: version.id,
            number: version.number,
            comment: version.comment,
            name: version.name,
            title: version.title,
            properties: version.properties,
            position: version.position,
            digest: version.digest.iter().fold(String::new(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            }),
            created_at: version.made_at,
            created_by: version.made_by.display_name,
        }
    }
}

impl From<repository::MadeDossierVersion> for MadeDossierVersion {
    fn from(made: repository::MadeDossierVersion) -> Self {
        let not_restored = made.not_restored.into_iter();
        let not_restored = not_restored.map(|one| NotRestored { id: one.id, name: one.name, reason: one.reason });
        Self { version: made.version.into(), not_restored: not_restored.collect() }
    }
}

impl From<repository::DossierMember> for DossierMember {
    fn from(member: repository::DossierMember) -> Self {
        Self {
            id: member.id,
            name: member.name,
            folder: member.folder,
            path: member.path,
            object: member.object.into(),
            version: member.is_version,
            in_trash: member.is_trashed,
        }
    }
}

impl From<repository::DossierMemberSide> for MemberSide {
    fn from(side: repository::DossierMemberSide) -> Self {
        let repository::DossierMemberSide { name, version_id, version_label, place, folder } = side;
        Self { name, version_id, version_label, place, folder }
    }
}

impl From<repository::DossierComparison> for DossierDifferences {
    fn from(found: repository::DossierComparison) -> Self {
        let member = |one: repository::DossierDifference| MemberDifference {
            id: one.id,
            kinds: one.kinds,
            before: one.before.map(MemberSide::from),
            after: one.after.map(MemberSide::from),
        };
        let value = |one: repository::ValueDifference| ValueDifference {
            field: one.field,
            before: one.before,
            after: one.after,
        };
        Self {
            values: found.values.into_iter().map(value).collect(),
            total: found.members.total,
            items: found.members.items.into_iter().map(member).collect(),
            next_cursor: found.members.next_offset.map(paging::cursor),
        }
    }
}
