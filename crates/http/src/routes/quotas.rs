//! `/usage` and `/users/{id}/quota`: how much room users take, and may take.

use actix_web::{get, post, put, web};
use cartulary_model::ObjectId;
use cartulary_repository::{self as repository, UsageView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::{self, Answer};
use crate::body;
use crate::guarded::Guarded;
use crate::routes::jobs::{Job, accepted};
use crate::routes::object::Page;
use crate::routes::users::WindowQuery;

/// How much room a user takes, and may take.
///
/// What counts are the objects that he made, those in the trash too, and their contents in all versions; the same bytes count
/// once in a document.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// The user's id.
    #[schema(value_type = String, format = "uuid")]
    user_id: ObjectId,
    /// The login name.
    username: String,
    /// What people read.
    display_name: String,
    /// How many bytes the user takes.
    bytes: u64,
    /// How many objects the user has made that are there.
    objects: u64,
    /// How many bytes the user may take; absent: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_bytes: Option<u64>,
    /// How many objects the user may have; absent: any.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_objects: Option<u64>,
}

/// How much room a user may take.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quota {
    /// How many bytes; any unless given.
    #[serde(default)]
    max_bytes: Option<u64>,
    /// How many objects; any unless given.
    #[serde(default)]
    max_objects: Option<u64>,
}

impl From<UsageView> for Usage {
    fn from(usage: UsageView) -> Self {
        Self {
            user_id: usage.user.id,
            username: usage.user.name,
            display_name: usage.user.display_name,
            bytes: usage.size_bytes,
            objects: usage.object_count,
            max_bytes: usage.quota.bytes_max,
            max_objects: usage.quota.objects_max,
        }
    }
}

/// Lists how much room the users take, who takes most first. For administrators.
#[utoipa::path(tag = "people", params(WindowQuery), responses((status = 200, description = "a window", body = Page<Usage>)))]
#[get("/usage")]
pub async fn list_usage(guarded: Guarded) -> Answer {
    let query: WindowQuery = guarded.query()?;
    answer::ok(&Page::<Usage>::of(guarded.session().usage_list(query.window()?).await?))
}

/// Has a job count again how much room everybody takes, and mend what is wrong. For administrators.
#[utoipa::path(tag = "people", responses((status = 202, description = "the job", body = Job)))]
#[post("/usage/recounts")]
pub async fn create_usage_recount(guarded: Guarded) -> Answer {
    accepted(guarded.session().usage_recount().await?)
}

/// Returns how much room a user takes, and may take: oneself, or for administrators anyone.
#[utoipa::path(tag = "people", params(("id" = String, Path, description = "the user's id")),
    responses((status = 200, description = "what the user takes", body = Usage)))]
#[get("/users/{id}/quota")]
pub async fn get_quota(guarded: Guarded) -> Answer {
    let usage = guarded.session().usage_get(guarded.id()?).await?;
    answer::object(&guarded, usage.change_token, &Usage::from(usage))
}

/// Says how much room a user may take. What would take more is refused with `quota_exceeded` (507) and the numbers; who
/// takes more already keeps it.
#[utoipa::path(tag = "people", request_body = Quota,
    params(("id" = String, Path, description = "the user's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "what the user takes, and may take now", body = Usage)))]
#[put("/users/{id}/quota")]
pub async fn update_quota(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    let Quota { max_bytes, max_objects } = body::json(guarded.request(), body).await?;
    let quota = repository::Quota { bytes_max: max_bytes, objects_max: max_objects };
    let changed = guarded.session().quota_put(id, precondition, quota).await?;
    answer::changed(&changed.transaction, changed.value.change_token, &Usage::from(changed.value))
}
