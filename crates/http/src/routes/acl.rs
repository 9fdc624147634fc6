//! `/objects/{id}/acl`: who may do what, and why.

use actix_web::{delete, get, put, web};
use cartulary_model::Timestamp;
use cartulary_repository::{self as repository, NewAccessEntry, NewAccessList};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::body;
use crate::guarded::Guarded;
use crate::routes::object::Place;

/// The access list of an object.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Acl {
    /// Its own entries; the first that speaks of somebody decides.
    entries: Vec<AclEntry>,
    /// Whether what the lists above say holds too.
    inherits: bool,
    /// What the lists above say, nearest first.
    inherited: Vec<AclEntry>,
}

/// One entry.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AclEntry {
    /// The name of the user or group.
    principal: String,
    /// What people read.
    display_name: String,
    /// Whether it is a group.
    is_group: bool,
    /// A permission or a group of permissions.
    permission: String,
    /// Whether it grants; otherwise it denies.
    grants: bool,
    /// From when it holds; absent: always.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    begins: Option<Timestamp>,
    /// Until when it holds, exclusive; absent: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ends: Option<Timestamp>,
    /// The list that it stands in: `local` is the one that people keep; others belong to processes and are evaluated before.
    list: String,
}

/// A new access list.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewAcl {
    /// All entries of the list that people keep, in the order of evaluation: the first that speaks of somebody decides.
    entries: Vec<NewAclEntry>,
    /// Whether what the lists above say holds too.
    inherits: bool,
}

/// One entry of a new list.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewAclEntry {
    /// The name or id of a user or group.
    principal: String,
    /// A permission or a group of permissions: `Read`, `Write`, `Manage`, `Everything`, `Browse`, ….
    permission: String,
    /// Whether it grants; otherwise it denies. It grants unless given.
    #[serde(default = "yes")]
    grants: bool,
    /// From when it holds; always unless given. It takes effect by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    begins: Option<Timestamp>,
    /// Until when it holds, exclusive; for ever unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ends: Option<Timestamp>,
}

const fn yes() -> bool {
    true
}

/// All entries of a named list.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NamedAcl {
    /// In the order of evaluation.
    entries: Vec<NewAclEntry>,
}

/// Of whom, and of which permission, something is to be explained.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ExplanationQuery {
    /// The name or id of a user or group; oneself unless given.
    principal: Option<String>,
    /// A single permission; all of them unless given.
    permission: Option<String>,
}

/// What a user or group may do on an object, and why.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explanation {
    /// The name of the user or group.
    principal: String,
    /// What people read.
    display_name: String,
    /// Whether it is a group.
    is_group: bool,
    /// Whether it is an administrator, whom no list binds.
    is_administrator: bool,
    /// One for each permission asked for.
    permissions: Vec<Explained>,
}

/// Whether one permission is held, and why.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Explained {
    /// The permission.
    permission: &'static str,
    /// Whether it is held.
    granted: bool,
    /// The entry that decides; absent when none speaks of it (then it is not held), and for administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<Deciding>,
}

/// An entry that decides, and where it stands.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deciding {
    /// The entry; its principal is the user, or the group through which it speaks of them.
    #[serde(flatten)]
    entry: AclEntry,
    /// Whether it stands in the list of another object.
    inherited: bool,
    /// The object in whose list it stands; absent when one may not see it.
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<Place>,
}

impl From<NewAclEntry> for NewAccessEntry {
    fn from(form: NewAclEntry) -> Self {
        Self {
            principal: form.principal,
            permission: form.permission,
            grants: form.grants,
            begin_at: form.begins,
            end_at: form.ends,
        }
    }
}

impl From<NewAccessEntry> for NewAclEntry {
    fn from(entry: NewAccessEntry) -> Self {
        Self {
            principal: entry.principal,
            permission: entry.permission,
            grants: entry.grants,
            begins: entry.begin_at,
            ends: entry.end_at,
        }
    }
}

impl From<repository::AccessExplanation> for Explanation {
    fn from(found: repository::AccessExplanation) -> Self {
        let deciding = |by: repository::DecidingEntry| Deciding {
            entry: by.entry.into(),
            inherited: by.is_inherited,
            object: by.object.map(Place::from),
        };
        let explained = |one: repository::ExplainedPermission| Explained {
            permission: one.permission,
            granted: one.granted,
            decided_by: one.decided_by.map(deciding),
        };
        Self {
            principal: found.principal.name,
            display_name: found.principal.display_name,
            is_group: found.is_group,
            is_administrator: found.is_administrator,
            permissions: found.permissions.into_iter().map(explained).collect(),
        }
    }
}

impl From<repository::AccessGrant> for AclEntry {
    fn from(grant: repository::AccessGrant) -> Self {
        Self {
            principal: grant.principal.name,
            display_name: grant.principal.display_name,
            is_group: grant.is_group,
            permission: grant.permission,
            grants: grant.grants,
            begins: grant.begin_at,
            ends: grant.end_at,
            list: grant.list,
        }
    }
}

impl From<repository::AccessList> for Acl {
    fn from(list: repository::AccessList) -> Self {
        Self {
            entries: list.entries.into_iter().map(AclEntry::from).collect(),
            inherits: list.inherits,
            inherited: list.inherited.into_iter().map(AclEntry::from).collect(),
        }
    }
}

/// Returns who may do what on an object.
#[utoipa::path(tag = "access", params(("id" = String, Path, description = "the object's id")),
    responses((status = 200, description = "the list", body = Acl)))]
#[get("/objects/{id}/acl")]
pub async fn get_acl(guarded: Guarded) -> Answer {
    let list = guarded.session().acl_get(guarded.id()?).await?;
    answer::object(&guarded, list.change_token, &Acl::from(list))
}

/// Replaces an object's own entries; it holds at once, for everything below that inherits.
#[utoipa::path(tag = "access", request_body = NewAcl,
    params(("id" = String, Path, description = "the object's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the list as it is now", body = Acl)))]
#[put("/objects/{id}/acl")]
pub async fn update_acl(guarded: Guarded, body: web::Payload) -> Answer {
    let id = guarded.id()?;
    let precondition = guarded.precondition()?;
    let form: NewAcl = body::json(guarded.request(), body).await?;
    let entries = form.entries.into_iter().map(NewAccessEntry::from).collect();
    let list = NewAccessList { entries, inherits: form.inherits };
    let changed = guarded.session().acl_put(id, precondition, list).await?;
    answer::changed(&changed.transaction, changed.value.change_token, &Acl::from(changed.value))
}

/// Replaces the entries of a list that a process keeps beside the one that people keep; it is evaluated before.
#[utoipa::path(tag = "access", request_body = NamedAcl,
    params(("id" = String, Path, description = "the object's id"), ("name" = String, Path, description = "the list's name"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "all lists as they are now", body = Acl)))]
#[put("/objects/{id}/acl/{name}")]
pub async fn update_named_acl(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, name): (_, String) = (guarded.id()?, guarded.segment("name")?);
    let precondition = guarded.precondition()?;
    let form: NamedAcl = body::json(guarded.request(), body).await?;
    let entries = form.entries.into_iter().map(NewAccessEntry::from).collect();
    let changed = guarded.session().acl_put_named(id, precondition, name, entries).await?;
    answer::changed(&changed.transaction, changed.value.change_token, &Acl::from(changed.value))
}

/// Removes a list that a process kept.
#[utoipa::path(tag = "access",
    params(("id" = String, Path, description = "the object's id"), ("name" = String, Path, description = "the list's name"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 204, description = "gone; one that was not there too")))]
#[delete("/objects/{id}/acl/{name}")]
pub async fn delete_named_acl(guarded: Guarded) -> Answer {
    let (id, name): (_, String) = (guarded.id()?, guarded.segment("name")?);
    let precondition = guarded.precondition()?;
    let done = guarded.session().acl_put_named(id, precondition, name, Vec::new()).await?;
    answer::done(&done.transaction)
}

/// Says what a user or group may do on an object, and which entry decides.
#[utoipa::path(tag = "access", params(ExplanationQuery, ("id" = String, Path, description = "the object's id")),
    responses((status = 200, description = "the explanation", body = Explanation)))]
#[get("/objects/{id}/access-explanation")]
pub async fn get_access_explanation(guarded: Guarded) -> Answer {
    let id = guarded.id()?;
    let query: ExplanationQuery = guarded.query()?;
    let found = guarded.session().access_explanation(id, query.principal, query.permission).await?;
    answer::ok(&Explanation::from(found))
}
