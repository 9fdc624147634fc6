//! The wire form of to whom something of a person's is shown.

use cartulary_repository as repository;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// That something is to be shown to somebody.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewShare {
    /// A user or a group, by name or id.
    principal: String,
    /// Whether they may change it too. `false` unless given.
    #[serde(default)]
    write: bool,
}

/// That something is shown to somebody.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Share {
    /// The login name, or the group's name.
    principal: String,
    /// What people read.
    display_name: String,
    /// Whether it is a group.
    group: bool,
    /// Whether they may change it too.
    write: bool,
}

impl From<NewShare> for repository::NewShare {
    fn from(share: NewShare) -> Self {
        Self { principal: share.principal, may_write: share.write }
    }
}

impl From<repository::Share> for Share {
    fn from(share: repository::Share) -> Self {
        Self {
            principal: share.principal.name,
            display_name: share.principal.display_name,
            group: share.is_group,
            write: share.may_write,
        }
    }
}
