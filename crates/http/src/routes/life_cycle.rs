//! The wire form of life cycles, and `/objects/{id}/transitions`.

use std::collections::BTreeMap;

use actix_web::{get, post, web};
use cartulary_model::{LifeCycle, State, Transition};
use cartulary_repository::{self as repository, NewTransition};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::{self, Answer};
use crate::body;
use crate::guarded::Guarded;
use crate::routes::object::Detail;

/// The states that objects of a type pass through. They grant nothing.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LifeCycleForm {
    /// The state of an object that is made.
    initial: String,
    /// The states.
    states: Vec<StateForm>,
    /// The transitions between them; each state is reached by them.
    #[serde(default)]
    transitions: Vec<TransitionForm>,
}

/// A state.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StateForm {
    /// Its id, unique in the life cycle.
    id: String,
    /// What people read; the id unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    /// What they read in other languages, by language (BCP 47).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
}

/// A transition.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TransitionForm {
    /// Its id, unique in the life cycle.
    id: String,
    /// The states that it starts from.
    from: Vec<String>,
    /// The state that it leads to.
    to: String,
    /// What people read; the id unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    /// What they read in other languages, by language (BCP 47).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
}

/// Where an object is in its life cycle, and where it can go.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TransitionList {
    /// Its state; absent when its type has no life cycle.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// The transitions that start there and the caller may make, in the order of their declaration.
    items: Vec<TransitionForm>,
}

/// A transition to make.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewTransitionForm {
    /// The transition's id.
    transition: String,
    /// Why; it stands in the change log.
    #[serde(default)]
    comment: String,
}

impl From<LifeCycleForm> for LifeCycle {
    fn from(form: LifeCycleForm) -> Self {
        let state = |StateForm { id, label, labels }| State { id, label, labels };
        Self {
            initial: form.initial,
            states: form.states.into_iter().map(state).collect(),
            transitions: form.transitions.into_iter().map(Transition::from).collect(),
        }
    }
}

impl From<LifeCycle> for LifeCycleForm {
    fn from(cycle: LifeCycle) -> Self {
        let state = |State { id, label, labels }| StateForm { id, label, labels };
        Self {
            initial: cycle.initial,
            states: cycle.states.into_iter().map(state).collect(),
            transitions: cycle.transitions.into_iter().map(TransitionForm::from).collect(),
        }
    }
}

impl From<TransitionForm> for Transition {
    fn from(TransitionForm { id, from, to, label, labels }: TransitionForm) -> Self {
        Self { id, from, to, label, labels }
    }
}

impl From<Transition> for TransitionForm {
    fn from(Transition { id, from, to, label, labels }: Transition) -> Self {
        Self { id, from, to, label, labels }
    }
}

/// Lists the transitions that an object can make now and the caller may make, with its state.
#[utoipa::path(tag = "objects", params(("id" = String, Path, description = "the object's id")),
    responses((status = 200, description = "the state and the transitions", body = TransitionList)))]
#[get("/objects/{id}/transitions")]
pub async fn list_object_transitions(guarded: Guarded) -> Answer {
    let repository::Transitions { state, allowed } = guarded.session().transition_list(guarded.id()?).await?;
    answer::ok(&TransitionList { state, items: allowed.into_iter().map(TransitionForm::from).collect() })
}

/// Takes an object to another state of its life cycle, by a transition that starts from its present one.
#[utoipa::path(tag = "objects", request_body = NewTransitionForm,
    params(("id" = String, Path, description = "the object's id"),
        ("If-Match" = String, Header, description = "the ETag that was read")),
    responses((status = 200, description = "the object as it is now", body = Detail),
        (status = 409, description = "`transition_not_allowed`: it does not start from the present state")))]
#[post("/objects/{id}/transitions")]
pub async fn create_object_transition(guarded: Guarded, body: web::Payload) -> Answer {
    let (id, precondition) = (guarded.id()?, guarded.precondition()?);
    let form: NewTransitionForm = body::json(guarded.request(), body).await?;
    let new = NewTransition { transition: form.transition, comment: form.comment };
    let changed = guarded.session().object_transition(id, precondition, new).await?;
    let token = changed.value.summary.change_token;
    answer::changed(&changed.transaction, token, &Detail::from(changed.value))
}
