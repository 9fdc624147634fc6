//! `/changes`: the change log, of what the caller may see.

use actix_web::get;
use cartulary_model::{ObjectId, Timestamp};
use cartulary_repository::ChangeEntry;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::answer::{self, Answer};
use crate::error::ApiError;
use crate::guarded::Guarded;
use crate::{paging, waiting};

/// Which changes are asked for.
#[derive(Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ChangeQuery {
    /// The position to go on from; 0 is the beginning.
    #[serde(default)]
    after: i64,
    /// How many positions are looked at, 1 to 1,000; 50 unless given.
    limit: Option<u64>,
    /// Waits until the log knows this transaction.
    wait_for: Option<String>,
}

/// A stretch of the log.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangePage {
    /// The changes, in order. There may be fewer than asked for, and more beyond.
    items: Vec<Change>,
    /// The position to go on from; the same as `after` at the end.
    next: i64,
}

/// One committed change.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Its place in the log.
    position: i64,
    /// What happened: `created`, `updated`, `moved`, `versioned`, `trashed`, `restored`, `destroyed`, `security`,
    /// `rendition`.
    kind: String,
    /// The object.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uuid")]
    object_id: Option<ObjectId>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// By whom.
    by: String,
}

impl From<ChangeEntry> for Change {
    fn from(entry: ChangeEntry) -> Self {
        Self {
            position: entry.position,
            kind: entry.kind,
            object_id: entry.object_id,
            at: entry.at,
            by: entry.by.display_name,
        }
    }
}

/// Lists changes after a position.
#[utoipa::path(tag = "changes", params(ChangeQuery), responses((status = 200, description = "a stretch", body = ChangePage)))]
#[get("/changes")]
pub async fn list_changes(guarded: Guarded) -> Answer {
    let query: ChangeQuery = guarded.query()?;
    let window = paging::window(query.limit, None, None)?;
    if query.after < 0 {
        return Err(ApiError::invalid_query("after", "is a position of the log"));
    }
    waiting::sequenced(&guarded, query.wait_for.as_deref()).await?;
    let (entries, next) = guarded.session().change_list(query.after, window.limit).await?;
    answer::ok(&ChangePage { items: entries.into_iter().map(Change::from).collect(), next })
}
