//! `/objects/{id}/acl`: who may do what.

use actix_web::{get, put, web};
use cartulary_repository::{self as repository, NewAccessList};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::{self, Answer};
use crate::body;
use crate::guarded::Guarded;

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
}

/// A new access list.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewAcl {
    /// All of its own entries, in the order of evaluation; all grant.
    entries: Vec<NewAclEntry>,
    /// Whether what the lists above say holds too.
    inherits: bool,
}

/// One entry of a new list.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewAclEntry {
    /// The name or id of a user or group.
    principal: String,
    /// A permission or a group of permissions: `Read`, `Write`, `Manage`, `Everything`, `Browse`, ….
    permission: String,
}

impl From<repository::AccessGrant> for AclEntry {
    fn from(grant: repository::AccessGrant) -> Self {
        Self {
            principal: grant.principal.name,
            display_name: grant.principal.display_name,
            is_group: grant.is_group,
            permission: grant.permission,
            grants: grant.grants,
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
    let entries = form.entries.into_iter().map(|entry| (entry.principal, entry.permission)).collect();
    let list = NewAccessList { entries, inherits: form.inherits };
    let changed = guarded.session().acl_put(id, precondition, list).await?;
    answer::changed(&changed.transaction, changed.value.change_token, &Acl::from(changed.value))
}
