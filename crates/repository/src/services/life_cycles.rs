//! The states of objects: what their life cycle allows, and transitions from one to another.

use cartulary_db::Conn;
use cartulary_model::permission::{READ_PROPERTIES, WRITE_LIFE_CYCLE};
use cartulary_model::{ChangeKind, ObjectId, Transition, TypeRegistry, listed};
use serde_json::json;

use crate::object::{ObjectDetail, Precondition, Written};
use crate::services::objects::refuse_version;
use crate::services::versions::check_comment;
use crate::services::working_copies::{of_object, refuse_working_copy};
use crate::store::objects::{self, ObjectRow};
use crate::transaction::{Change, Tx};
use crate::{RepositoryError, Result, Session};

/// Where an object is in its life cycle, and where it can go.
#[derive(Clone, Debug)]
pub struct Transitions {
    /// Its state; nothing when its type has no life cycle.
    pub state: Option<String>,
    /// The transitions that start there and the caller may make, in the order of their declaration.
    pub allowed: Vec<Transition>,
}

/// A transition to make.
#[derive(Clone, Debug, Default)]
pub struct NewTransition {
    /// The transition's id.
    pub transition: String,
    /// Why; it stands in the change log.
    pub comment: String,
}

impl Session {
    /// Returns the state of an object, and the transitions that it can make and the caller may make.
    ///
    /// # Errors
    /// `NotFound`; `Forbidden` without `ReadProperties`.
    pub async fn transition_list(&self, id: ObjectId) -> Result<Transitions> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<Transitions> {
            let row = session.authorised(conn, id, READ_PROPERTIES, now)?;
            let access = &session.repository.inner.access;
            let may = access.allows(conn, &session.actor, row.scope_no, WRITE_LIFE_CYCLE, now)?;
            let catalogue = session.repository.inner.declarations.present(conn)?;
            let types = catalogue.types();
            let state = types.state_of(&row.type_id, row.state.as_deref()).map(str::to_owned);
            let allowed = if may { allowed_from(types, &row).cloned().collect() } else { Vec::new() };
            Ok(Transitions { state, allowed })
        };
        self.repository.database().read_brief(read).await
    }

    /// Takes an object to another state of its life cycle. Who made it, what it says and when it was changed last stay as
    /// they are: the state is about it, not of it.
    ///
    /// # Errors
    /// `Stale`; `NotFound`; `Forbidden` without `WriteLifeCycle`; `Invalid` `unknown_transition`; `Conflict`
    /// `transition_not_allowed` from another state, `no_life_cycle`, `immutable`, `working_copy`.
    pub async fn object_transition(
        &self,
        id: ObjectId,
        precondition: Precondition,
        new: NewTransition,
    ) -> Result<Written<ObjectDetail>> {
        check_comment(&new.comment)?;
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.transition_in_tx(tx, id, &precondition, &new)?;
            session.detail_of(tx.conn, &row, tx.now)
        })
        .await
    }

    /// Does so, and returns the object as it is then.
    pub(crate) fn transition_in_tx(
        &self,
        tx: &mut Tx<'_>,
        id: ObjectId,
        precondition: &Precondition,
        new: &NewTransition,
    ) -> Result<ObjectRow> {
        let row = self.for_change(tx, id, WRITE_LIFE_CYCLE, precondition)?;
        refuse_version(&row)?;
        refuse_working_copy(&row)?;
        let catalogue = self.repository.inner.declarations.held(tx.conn, &row.type_id, &[])?;
        let types = catalogue.types();
        let Some(cycle) = types.life_cycle_of(&row.type_id) else {
            let detail = format!("objects of the type `{}` have no life cycle", row.type_id);
            return Err(RepositoryError::conflict("no_life_cycle", detail));
        };
        let Some(transition) = cycle.transition(&new.transition) else {
            let all = listed(cycle.transitions.iter().map(|transition| transition.id.as_str()));
            let detail = format!("is a transition of its life cycle: one of {all}");
            return Err(RepositoryError::invalid("transition", "unknown_transition", detail));
        };
        let state = types.state_of(&row.type_id, row.state.as_deref()).unwrap_or(&cycle.initial);
        if !transition.from.iter().any(|from| from == state) {
            let detail = format!(
                "`{}` starts from `{}`, and it is in the state `{state}`",
                transition.id,
                transition.from.join("`, `")
            );
            return Err(RepositoryError::conflict("transition_not_allowed", detail));
        }
        objects::put_state(tx.conn, row.no, &transition.to)?;
        let change = Change {
            before: Some(json!({ "state": state })),
            after: Some(json!({ "state": transition.to })),
            detail: Some(json!({ "transition": transition.id, "comment": new.comment })),
            ..of_object(&row)?
        };
        tx.record(ChangeKind::Updated, change)?;
        objects::by_no(tx.conn, row.no)?.ok_or_else(|| RepositoryError::not_found("the object"))
    }
}

/// Returns the transitions that start from the present state of an object; of versions and working copies none.
fn allowed_from<'a>(types: &'a TypeRegistry, row: &'a ObjectRow) -> impl Iterator<Item = &'a Transition> {
    let state = types.state_of(&row.type_id, row.state.as_deref()).filter(|_| row.role == objects::LIVE);
    let cycle = types.life_cycle_of(&row.type_id);
    cycle.zip(state).into_iter().flat_map(|(cycle, state)| cycle.transitions_from(state))
}

/// Returns the state in which an object of a type is made.
pub(crate) fn first_state(types: &TypeRegistry, type_id: &str) -> Option<String> {
    types.state_of(type_id, None).map(str::to_owned)
}
