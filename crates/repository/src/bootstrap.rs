//! The first rows of an empty database: the root folder, the built-in groups and the user `system`.

use std::collections::BTreeSet;
use std::sync::Arc;

use cartulary_db::{Conn, Database};
use cartulary_model::permission::AccessEntry;
use cartulary_model::{ObjectId, Timestamp};

use crate::clock::Clock;
use crate::session::Actor;
use crate::store::objects::{self, NewObjectRow};
use crate::store::{acl, info, principals};
use crate::{RepositoryError, Result};

/// The group whose members may do everything that retention does not forbid.
pub const ADMINISTRATORS: &str = "administrators";
/// The group whose members read and write everywhere unless a list says otherwise.
pub const STAFF: &str = "staff";
/// The group whose members read everywhere unless a list says otherwise.
pub const READERS: &str = "readers";
/// The group that everybody who is signed in belongs to.
pub const EVERYONE: &str = "everyone";
/// The built-in user on whose behalf the program itself acts; nobody signs in as it.
pub const SYSTEM: &str = "system";

/// What the repository must know of its own rows.
#[derive(Debug)]
pub(crate) struct Facts {
    pub log_identity: String,
    pub root_no: i64,
    pub everyone_no: i64,
    pub administrators_no: i64,
    pub system: Actor,
}

/// Makes the first rows when they are missing, and returns the facts.
pub(crate) async fn ensure(database: &Database) -> Result<Facts> {
    let found = database.read(facts).await?;
    if let Some(found) = found {
        return Ok(found);
    }
    let now = Clock::default().now();
    database.write(move |conn| if facts(conn)?.is_none() { make(conn, now) } else { Ok(()) }).await?;
    let found: Option<Facts> = database.read(facts).await?;
    found.ok_or_else(|| RepositoryError::internal("the first rows were written and are not there"))
}

fn facts(conn: &mut Conn) -> Result<Option<Facts>> {
    let (Some(log_identity), Some(root)) = (info::get(conn, "logIdentity")?, info::get(conn, "rootFolder")?) else {
        return Ok(None);
    };
    let group = |conn: &mut Conn, name: &str| -> Result<i64> {
        let row = principals::by_name(conn, principals::GROUP, name)?;
        row.map(|row| row.no).ok_or_else(|| RepositoryError::not_found(format!("the group `{name}`")))
    };
    let everyone_no = group(conn, EVERYONE)?;
    let administrators_no = group(conn, ADMINISTRATORS)?;
    let system = principals::by_name(conn, principals::USER, SYSTEM)?
        .ok_or_else(|| RepositoryError::not_found("the user `system`"))?;
    let root_row = objects::by_id(conn, &root)?.ok_or_else(|| RepositoryError::not_found("the root folder"))?;
    Ok(Some(Facts {
        log_identity,
        root_no: root_row.no,
        everyone_no,
        administrators_no,
        system: Actor {
            sign_in: None,
            no: system.no,
            id: parse_id(&system.id)?,
            username: system.name,
            display_name: system.display_name,
            is_administrator: true,
            principals: Arc::new(BTreeSet::from([system.no, everyone_no, administrators_no])),
        },
    }))
}

fn make(conn: &mut Conn, now: Timestamp) -> Result<()> {
    let at = now.as_millis();
    let new_id = || ObjectId::generate().to_string();
    let system = principals::insert(conn, &new_id(), principals::USER, SYSTEM, "Cartulary", at)?;
    let mut groups = Vec::new();
    for (name, label) in [
        (ADMINISTRATORS, "Administrators"),
        (STAFF, "Staff"),
        (READERS, "Readers"),
        (EVERYONE, "Everyone who is signed in"),
    ] {
        groups.push(principals::insert(conn, &new_id(), principals::GROUP, name, label, at)?);
    }
    let row = acl::insert_row(conn, None, false)?;
    let grants = ["Everything", "Write", "Read"];
    let entries: Vec<AccessEntry> = groups
        .iter()
        .zip(grants)
        .map(|(group, permission)| AccessEntry {
            principal_no: *group,
            permission: permission.to_owned(),
            grants: true,
            begin_at: None,
            end_at: None,
        })
        .collect();
    acl::replace_entries(conn, row, acl::LOCAL, &entries)?;
    let scope = acl::insert_scope(conn, "folder", row, None)?;
    let root = NewObjectRow {
        id: new_id(),
        base: "folder",
        role: objects::LIVE,
        type_id: "folder".to_owned(),
        series_no: None,
        scope_no: scope,
        name: String::new(),
        title: "Cartulary".to_owned(),
        properties: "{}".to_owned(),
        state: None,
        created_at: at,
        created_by: system,
        modified_at: at,
        modified_by: system,
        source_system: None,
        source_id: None,
    };
    objects::insert(conn, &root)?;
    crate::services::settle_space(conn)?;
    info::put(conn, "logIdentity", &uuid::Uuid::new_v4().to_string())?;
    info::put(conn, "rootFolder", &root.id)
}

/// Parses an id that the database keeps.
pub(crate) fn parse_id(text: &str) -> Result<ObjectId> {
    text.parse().map_err(RepositoryError::internal)
}
