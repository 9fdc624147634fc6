//! `/permissions`: what entries of access lists may name.

use actix_web::get;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer::{self, Answer};
use crate::guarded::Guarded;

/// All permissions.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PermissionList {
    /// The single ones: the core's, then those of modules.
    items: Vec<&'static str>,
    /// Groups of them, which entries name like a single one; weakest first. `Everything` stands for all.
    groups: Vec<PermissionGroupView>,
}

/// A group of permissions.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PermissionGroupView {
    /// Its name.
    name: &'static str,
    /// The single permissions that it stands for.
    members: Vec<&'static str>,
}

/// Lists the permissions and their groups.
#[utoipa::path(tag = "access", responses((status = 200, description = "all of them", body = PermissionList)))]
#[get("/permissions")]
pub async fn list_permissions(guarded: Guarded) -> Answer {
    let known = guarded.session().repository().permissions();
    let in_order = |members: &std::collections::BTreeSet<&'static str>| {
        known.atoms().iter().copied().filter(|atom| members.contains(atom)).collect()
    };
    let groups = known.groups().iter().map(|(name, members)| PermissionGroupView { name, members: in_order(members) });
    answer::ok(&PermissionList { items: known.atoms().to_vec(), groups: groups.collect() })
}
