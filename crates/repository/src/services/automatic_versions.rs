//! Versions that a change makes by itself, as the rules of the document's type say.

use cartulary_model::{ChangedPart, VersionIncrement, VersionMoment, VersioningCase, decide_versioning};

use crate::object::VersionNote;
use crate::services::versions::{MadeVersion, check_comment, next_version};
use crate::store::objects::{self, ObjectRow};
use crate::store::{blobs, versions};
use crate::transaction::Tx;
use crate::{Result, Session};

/// Which versions a change makes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct VersionPlan {
    before: Option<VersionIncrement>,
    after: Option<VersionIncrement>,
}

impl Session {
    /// Says which versions a change of a document makes: what the note asks for, else what the rules of its type say. A
    /// working copy and what is no document make none.
    pub(crate) fn plan_versions(
        &self,
        tx: &mut Tx<'_>,
        row: &ObjectRow,
        part: ChangedPart,
        note: &VersionNote,
    ) -> Result<VersionPlan> {
        if row.series_no.is_none() || row.role != objects::LIVE {
            return Ok(VersionPlan::default());
        }
        check_comment(&note.comment)?;
        if let Some(increment) = note.increment {
            return Ok(VersionPlan {
                before: None,
                after: Some(increment).filter(|one| *one != VersionIncrement::None),
            });
        }
        let catalogue = self.repository.inner.declarations.present(tx.conn)?;
        let resolved = catalogue.types().get(&row.type_id);
        let types: Vec<&str> = std::iter::once(row.type_id.as_str())
            .chain(resolved.iter().flat_map(|resolved| resolved.ancestors.iter().map(String::as_str)))
            .collect();
        let rules = resolved.map(|resolved| resolved.versioning.as_slice()).unwrap_or_default();
        let needs_facets = rules.iter().any(|rule| !rule.facets.is_empty());
        let mut facets = if needs_facets { objects::facets_of(tx.conn, row.no)? } else { Vec::new() };
        facets.extend(resolved.iter().flat_map(|resolved| resolved.definition.facets.iter().cloned()));
        let is_other_contributor = row.modified_by != tx.actor_no;
        let case = VersioningCase { part, types: &types, facets: &facets, is_other_contributor };
        let plan = match decide_versioning(rules, &case) {
            (VersionIncrement::None, _) => VersionPlan::default(),
            (increment, VersionMoment::Before) => VersionPlan { before: Some(increment), after: None },
            (increment, VersionMoment::After) => VersionPlan { before: None, after: Some(increment) },
        };
        // Whoever writes why wants to find it.
        let is_commented = !note.comment.is_empty() && plan.after.is_none();
        Ok(if is_commented { VersionPlan { after: Some(VersionIncrement::Minor), ..plan } } else { plan })
    }

    /// Makes the version that a plan wants of a document before its change, unless a version has that state already.
    pub(crate) fn keep_before(&self, tx: &mut Tx<'_>, live: &ObjectRow, plan: &VersionPlan) -> Result<()> {
        let (Some(increment), Some(series)) = (plan.before, live.series_no) else { return Ok(()) };
        let is_kept = match versions::latest(tx.conn, &[series])?.remove(&series) {
            Some(latest) => live.modified_at <= latest.made_at,
            // A placeholder that nobody has filled yet is no state to come back to.
            None => blobs::count_contents(tx.conn, live.no)? == 0,
        };
        if is_kept {
            return Ok(());
        }
        let note = VersionNote { increment: Some(increment), ..VersionNote::default() };
        self.make_version(tx, live, &note).map(drop)
    }

    /// Makes the version that a plan wants of a document after its change.
    pub(crate) fn keep_after(
        &self,
        tx: &mut Tx<'_>,
        changed: &ObjectRow,
        plan: &VersionPlan,
        note: &VersionNote,
        at: i64,
    ) -> Result<Option<MadeVersion>> {
        let Some(increment) = plan.after else { return Ok(None) };
        let note = VersionNote { comment: note.comment.clone(), increment: Some(increment) };
        next_version(tx, changed, &note, at).map(Some)
    }
}
