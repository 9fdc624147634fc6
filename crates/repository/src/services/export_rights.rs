//! Who still gets the bag of an export: whoever may read all that is in it now, not only when it was made.

use std::collections::BTreeSet;

use cartulary_db::Conn;
use cartulary_model::Timestamp;
use cartulary_model::permission::{EXPORT_CONFIDENTIAL, READ_CONTENT, READ_PROPERTIES};
use roaring::RoaringTreemap;

use crate::declarations::Catalogue;
use crate::services::bag::gather::{CONFIDENTIAL, bears};
use crate::store::exports::{self, ExportRow};
use crate::store::objects::{self, ObjectRow};
use crate::{RepositoryError, Result, Session};

/// How many objects are looked at in one statement.
const OBJECTS_AT_ONCE: usize = 500;

/// What is in a bag.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Taken {
    /// The numbers of documents, folders and versions.
    pub objects: RoaringTreemap,
    /// Of those with contents in it.
    pub with_content: RoaringTreemap,
}

impl Taken {
    /// Adds objects, each with or without its contents.
    pub(crate) fn add(&mut self, nos: impl IntoIterator<Item = i64>, with_content: bool) {
        for no in nos {
            self.objects.insert(no.unsigned_abs());
            if with_content {
                self.with_content.insert(no.unsigned_abs());
            }
        }
    }

    /// Keeps it with its export.
    pub(crate) fn put(&self, conn: &mut Conn, export: i64) -> Result<()> {
        exports::put_taken(conn, export, &bytes_of(&self.objects)?, &bytes_of(&self.with_content)?)
    }
}

fn bytes_of(set: &RoaringTreemap) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(set.serialized_size());
    set.serialize_into(&mut bytes).map_err(RepositoryError::internal)?;
    Ok(bytes)
}

fn set_of(bytes: &[u8]) -> Result<RoaringTreemap> {
    RoaringTreemap::deserialize_from(bytes).map_err(RepositoryError::internal)
}

impl Session {
    /// Refuses a bag to whoever may not read all of it any more, or may not take what is confidential by now. One that has
    /// something that was destroyed since is for administrators only.
    pub(crate) fn require_all_of(&self, conn: &mut Conn, export: &ExportRow, now: Timestamp) -> Result<()> {
        if self.actor.is_administrator {
            return Ok(());
        }
        let Some((objects, with_content)) = exports::taken(conn, export.no)? else {
            return Err(forbidden(READ_PROPERTIES));
        };
        let (objects, with_content) = (set_of(&objects)?, set_of(&with_content)?);
        let catalogue = self.repository.inner.declarations.present(conn)?;
        let mut all = objects.iter().map(|no| i64::try_from(no).unwrap_or(i64::MAX)).peekable();
        while all.peek().is_some() {
            let nos: Vec<i64> = all.by_ref().take(OBJECTS_AT_ONCE).collect();
            let rows = objects::by_nos(conn, &nos)?;
            if rows.len() < nos.len() {
                return Err(forbidden(READ_PROPERTIES));
            }
            let scopes_of = |wanted: &dyn Fn(&ObjectRow) -> bool| -> BTreeSet<i64> {
                rows.values().filter(|row| wanted(row)).map(|row| row.scope_no).collect()
            };
            self.require_in(conn, &scopes_of(&|_| true), READ_PROPERTIES, now)?;
            let has_content = |row: &ObjectRow| with_content.contains(row.no.unsigned_abs());
            self.require_in(conn, &scopes_of(&has_content), READ_CONTENT, now)?;
            let marked = self.marked_among(conn, &catalogue, rows.values())?;
            let is_marked = |row: &ObjectRow| marked.contains(&row.no);
            self.require_in(conn, &scopes_of(&is_marked), EXPORT_CONFIDENTIAL, now)?;
        }
        Ok(())
    }

    fn require_in(
        &self,
        conn: &mut Conn,
        scopes: &BTreeSet<i64>,
        wanted: cartulary_model::permission::Permission,
        now: Timestamp,
    ) -> Result<()> {
        let allowing = self.repository.inner.access.allowing(conn, &self.actor, scopes, wanted, now)?;
        if allowing.len() == scopes.len() { Ok(()) } else { Err(forbidden(wanted)) }
    }

    /// Returns the numbers of those that are confidential, by a facet or by their type.
    fn marked_among<'a>(
        &self,
        conn: &mut Conn,
        catalogue: &Catalogue,
        rows: impl Iterator<Item = &'a ObjectRow> + Clone,
    ) -> Result<BTreeSet<i64>> {
        let nos: Vec<i64> = rows.clone().map(|row| row.no).collect();
        let facets = objects::facets_among(conn, &nos)?;
        let is_marked = |row: &&ObjectRow| {
            let own = facets.get(&row.no).is_some_and(|facets| facets.iter().any(|facet| facet == CONFIDENTIAL));
            own || bears(catalogue, &row.type_id)
        };
        Ok(rows.filter(is_marked).map(|row| row.no).collect())
    }
}

fn forbidden(permission: cartulary_model::permission::Permission) -> RepositoryError {
    RepositoryError::Forbidden { permission: permission.to_owned() }
}
