//! `/groups`: groups of users and of other groups, for administrators.

use actix_web::{delete, get, patch, post, put, web};
use cartulary_model::ObjectId;
use cartulary_repository as repository;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::{self, Answer};
use crate::body;
use crate::guarded::Guarded;
use crate::routes::object::Page;
use crate::routes::users::WindowQuery;

/// A group.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// The group's id.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// Its name, as access lists use it.
    name: String,
    /// What people read.
    display_name: String,
    /// Users and groups in it.
    members: Vec<Member>,
    /// Changes with the group and with who is in it; `If-Match` takes it in quotes, as it takes the ETag.
    change_token: String,
}

/// A user or group in a group.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// Its id.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// Its name.
    name: String,
    /// What people read.
    display_name: String,
}

impl From<repository::GroupView> for Group {
    fn from(group: repository::GroupView) -> Self {
        let member = |member: repository::PrincipalName| Member {
            id: member.id,
            name: member.name,
            display_name: member.display_name,
        };
        Self {
            id: group.id,
            name: group.name,
            display_name: group.display_name,
            members: group.members.into_iter().map(member).collect(),
            change_token: group.change_token.to_string(),
        }
    }
}

/// A new group.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewGroup {
    /// Its name.
    name: String,
    /// What people read; the name unless given.
    display_name: Option<String>,
}

/// Other names of a group; what is not said stays.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupChanges {
    /// Its name.
    name: Option<String>,
    /// What people read.
    display_name: Option<String>,
}

/// All members of a group.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupMembers {
    /// The ids of users and groups.
    #[schema(value_type = Vec<String>)]
    members: Vec<ObjectId>,
}

/// Lists the groups by name.
#[utoipa::path(tag = "people", params(WindowQuery), responses((status = 200, description = "a window", body = Page<Group>)))]
#[get("/groups")]
pub async fn list_groups(guarded: Guarded) -> Answer {
    let query: WindowQuery = guarded.query()?;
    answer::ok(&Page::<Group>::of(guarded.session().group_list(query.window()?).await?))
}

/// Makes a group.
#[utoipa::path(tag = "people", request_body = NewGroup,
    params(("Idempotency-Key" = Option<String>, Header, description = "a repeated request finds what the first made")),
    responses((status = 201, description = "made", body = Group)))]
#[post("/groups")]
pub async fn create_group(guarded: Guarded, body: web::Payload) -> Answer {
    let idempotency_key = guarded.idempotency_key()?;
    let form: NewGroup = body::json(guarded.request(), body).await?;
    let new = repository::NewGroup { name: form.name, display_name: form.display_name, idempotency_key };
    let made = guarded.session().group_create(new).await?;
    let (id, token) = (made.value.id, made.value.change_token);
    answer::created(&format!("/api/v1/groups/{id}"), &made.transaction, token, &Group::from(made.value))
}

/// Returns a group.
#[utoipa::path(tag = "people", params(("id" = String, Path, description = "the group's id")),
    responses((status = 200, description = "the group", body = Group)))]
#[get("/groups/{id}")]
pub async fn get_group(guarded: Guarded) -> Answer {
    let group = guarded.session().group_get(guarded.id()?).await?;
    answer::object(&guarded, group.change_token, &Group::from(group))
}

/// Gives a group another name, or another one that people read. What it may do, and who is in it, stays.
#[utoipa::path(tag = "people", request_body = GroupChanges,
    params(("id" = String, Path, description = "the group's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the group as it is now", body = Group),
        (status = 409, description = "`name_taken`; `built_in_group`; `group_in_use` when a module's policy names it")))]
#[patch("/groups/{id}")]
pub async fn update_group(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    let GroupChanges { name, display_name } = body::json(guarded.request(), body).await?;
    let changes = repository::GroupChanges { name, display_name };
    let changed = guarded.session().group_update(id, precondition, changes).await?;
    answer::changed(&changed.transaction, changed.value.change_token, &Group::from(changed.value))
}

/// Deletes a group: whoever was in it is not any more.
#[utoipa::path(tag = "people",
    params(("id" = String, Path, description = "the group's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 204, description = "deleted"),
        (status = 409, description = "`built_in_group`; `last_administrator`; `group_in_use` while an access list, something \
            that is shared or a module's policy names it")))]
#[delete("/groups/{id}")]
pub async fn delete_group(guarded: Guarded) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    answer::done(&guarded.session().group_delete(id, precondition).await?.transaction)
}

/// Replaces the members of a group.
#[utoipa::path(tag = "people", request_body = GroupMembers,
    params(("id" = String, Path, description = "the group's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the group as it is now", body = Group)))]
#[put("/groups/{id}/members")]
pub async fn update_group_members(guarded: Guarded, body: web::Payload) -> Answer {
    let id = guarded.id()?;
    let precondition = guarded.precondition()?;
    let form: GroupMembers = body::json(guarded.request(), body).await?;
    let changed = guarded.session().group_set_members(id, precondition, form.members).await?;
    answer::changed(&changed.transaction, changed.value.change_token, &Group::from(changed.value))
}
