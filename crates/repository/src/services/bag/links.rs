//! Relationships in a bag: those of which both ends are in it, each a file of its own like any other object.

use std::collections::BTreeSet;

use cartulary_db::Conn;
use cartulary_model::permission::{BROWSE, EXPORT_CONFIDENTIAL, READ_PROPERTIES};
use cartulary_model::{BaseType, ObjectId, Timestamp};

use super::form::{BagEnds, BagObject};
use super::gather::{Gathered, Gathering, Selection, at};
use super::insert::{Bringing, row};
use super::left_out::{BY_CONFIDENTIAL, BY_OTHER_END, BY_PROPERTIES};
use super::notes;
use crate::bootstrap::parse_id;
use crate::services::objects::index_values;
use crate::services::relationships::scope_of_all;
use crate::store::objects::{self, ObjectRow};
use crate::store::relationships::{self, EndRow, Ends, LinkRow};
use crate::transaction::Tx;
use crate::{RepositoryError, Result, Session};

/// How many objects are asked at a time for their relationships.
const OBJECTS_AT_ONCE: usize = 500;

impl Session {
    /// Adds the relationships between what is selected, and counts those that lead out of it, of what the caller may see.
    pub(crate) fn select_links(&self, conn: &mut Conn, selection: &mut Selection, now: Timestamp) -> Result<()> {
        let objects = selection.nos.clone();
        for some in objects.chunks(OBJECTS_AT_ONCE) {
            let links = relationships::touching(conn, some)?;
            let ends = relationships::ends_of(conn, &links)?;
            let seen = self.among_ends(conn, &ends, BROWSE, now)?;
            let readable = self.among_ends(conn, &ends, READ_PROPERTIES, now)?;
            let rows = objects::by_nos(conn, &links)?;
            for (no, ends) in ends.iter().filter(|(no, _)| seen.contains(no)) {
                let Some(row) = rows.get(no) else { continue };
                let are_there = selection.contains(ends.source.no) && selection.contains(ends.target.no);
                match () {
                    () if !are_there => selection.left_out.add(row.no, &row.id, BY_OTHER_END)?,
                    () if !readable.contains(no) => selection.left_out.add(row.no, &row.id, BY_PROPERTIES)?,
                    () if !self.may_export_link(conn, row, ends, now)? => {
                        selection.left_out.add(row.no, &row.id, BY_CONFIDENTIAL)?;
                    }
                    () => drop(selection.take(row.no)),
                }
            }
        }
        Ok(())
    }

    /// Says whether a relationship is not confidential, or the caller may export what is at both ends.
    fn may_export_link(&self, conn: &mut Conn, row: &ObjectRow, ends: &Ends, now: Timestamp) -> Result<bool> {
        let scopes = BTreeSet::from([ends.source.scope_no, ends.target.scope_no]);
        let allowing = self.repository.inner.access.allowing(conn, &self.actor, &scopes, EXPORT_CONFIDENTIAL, now)?;
        Ok(allowing.len() == scopes.len() || !self.is_confidential(conn, row)?)
    }

    /// Says whether a relationship may be in a bag of the caller's.
    pub(crate) fn may_take_link(&self, conn: &mut Conn, row: &ObjectRow, now: Timestamp) -> Result<bool> {
        let ends = relationships::ends_of(conn, &[row.no])?;
        let is_readable = self.among_ends(conn, &ends, READ_PROPERTIES, now)?.contains(&row.no);
        match ends.get(&row.no).filter(|_| is_readable) {
            Some(ends) => self.may_export_link(conn, row, ends, now),
            None => Ok(false),
        }
    }

    /// Returns what a bag says of a relationship; nothing when it is no longer the caller's to take along.
    pub(super) fn gather_link(
        &self,
        conn: &mut Conn,
        selection: &Selection,
        row: &ObjectRow,
        now: Timestamp,
    ) -> Result<Option<Gathered>> {
        if !self.may_take_link(conn, row, now)? {
            return Ok(None);
        }
        let Some(ends) = relationships::ends_of(conn, &[row.no])?.remove(&row.no) else { return Ok(None) };
        if !(selection.contains(ends.source.no) && selection.contains(ends.target.no)) {
            return Ok(None);
        }
        let mut gathering = Gathering::begin(self, now);
        let nos = [ends.source.no, ends.target.no];
        let end = |end: &EndRow| match end.no == self.repository.inner.root_no {
            true => Ok(None),
            false => parse_id(&end.id).map(Some),
        };
        let ends = Some(BagEnds { source: end(&ends.source)?, target: end(&ends.target)? });
        let object = BagObject {
            id: Some(parse_id(&row.id)?),
            base: row.base.clone(),
            values: gathering.values(conn, row)?,
            created_at: at(row.created_at),
            created_by: gathering.person(conn, row.created_by)?,
            modified_at: at(row.modified_at),
            modified_by: gathering.person(conn, row.modified_by)?,
            places: Vec::new(),
            unfiled_at: None,
            access: None,
            lock: None,
            ends,
            series: None,
            dossier_versions: Vec::new(),
            notes: notes::gathered(conn, row.no, false, &mut gathering)?,
        };
        let reading = self.reading_of(conn, row)?;
        Ok(Some(Gathered { named: nos.to_vec(), ..gathering.end(object, reading) }))
    }
}

impl Bringing {
    /// Brings a relationship in; both of its ends are here.
    pub(super) fn link(&mut self, tx: &mut Tx<'_>, object: &BagObject) -> Result<()> {
        let (Some(id), Some(ends)) = (object.id, &object.ends) else { return Ok(()) };
        let (source_no, target_no) = (self.end(ends.source)?, self.end(ends.target)?);
        let (base, scope, past) = (BaseType::Relationship.as_str(), scope_of_all(tx)?, self.past(object)?);
        let new = row(id, base, objects::LIVE, (None, scope), &object.values, past)?;
        let no = objects::insert(tx.conn, &new)?;
        let live = new.numbered(no);
        self.nos.insert(id, no);
        relationships::insert(tx.conn, LinkRow { object_no: no, source_no, target_no })?;
        let values = &object.values;
        objects::put_facets_of_new(tx.conn, no, &values.facets)?;
        let described = (values.type_id.as_str(), values.facets.as_slice());
        index_values(tx.conn, self.catalogue.types(), no, described, &values.properties, true)?;
        notes::insert(tx, no, &object.notes, |key| self.no_of(key))?;
        self.record(tx, &live, object, None)
    }

    fn end(&self, id: Option<ObjectId>) -> Result<i64> {
        let Some(id) = id else { return Ok(self.target.no) };
        self.nos.get(&id).copied().ok_or_else(|| RepositoryError::internal("an end of a relationship is missing"))
    }
}
