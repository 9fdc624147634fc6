//! Life cycles: the states that objects of a type pass through, and the transitions between them. They grant nothing and
//! forbid nothing but a transition that there is not.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::declaring::check_id;

/// How many states, and how many transitions, a life cycle may have.
const MOST: usize = 200;

/// The life cycle of a type, as it declares it. A type that declares none has its parent's.
///
/// ```
/// # use cartulary_model::TypeFile;
/// let file = TypeFile::parse(r#"
///     [[types]]
///     id = "note"
///     base = "document"
///     label = "Note"
///
///     [types.life_cycle]
///     initial = "draft"
///     states = [{ id = "draft" }, { id = "approved", label = "Approved" }]
///     transitions = [{ id = "approve", from = ["draft"], to = "approved" }]
/// "#)?;
/// assert_eq!(file.types[0].life_cycle.as_ref().map(|cycle| cycle.initial.as_str()), Some("draft"));
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LifeCycle {
    /// The state of an object that is made.
    pub initial: String,
    /// The states.
    pub states: Vec<State>,
    /// The transitions between them.
    #[serde(default)]
    pub transitions: Vec<Transition>,
}

/// A state of a life cycle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Its id, unique in the life cycle.
    pub id: String,
    /// What people read; the id unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What they read in other languages, by language (BCP 47).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

/// A transition of a life cycle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// Its id, unique in the life cycle.
    pub id: String,
    /// The states that it starts from.
    pub from: Vec<String>,
    /// The state that it leads to.
    pub to: String,
    /// What people read; the id unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// What they read in other languages, by language (BCP 47).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
}

impl LifeCycle {
    /// Returns the transition with this id.
    pub fn transition(&self, id: &str) -> Option<&Transition> {
        self.transitions.iter().find(|transition| transition.id == id)
    }

    /// Returns the transitions that start from a state, in the order of their declaration.
    pub fn transitions_from<'a>(&'a self, state: &'a str) -> impl Iterator<Item = &'a Transition> {
        self.transitions.iter().filter(move |transition| transition.from.iter().any(|from| from == state))
    }

    /// Appends what is wrong with the life cycle of a type.
    pub(crate) fn check(&self, type_id: &str, problems: &mut Vec<String>) {
        if self.states.len() > MOST || self.transitions.len() > MOST {
            problems.push(format!("the life cycle of `{type_id}` has more than {MOST} states or transitions"));
            return;
        }
        let mut problem = |words: String| problems.push(format!("the life cycle of `{type_id}` {words}"));
        let mut states = BTreeSet::new();
        for State { id, .. } in &self.states {
            if !states.insert(id.as_str()) {
                problem(format!("has the state `{id}` twice"));
            }
        }
        if !states.contains(self.initial.as_str()) {
            problem(format!("begins in the unknown state `{}`", self.initial));
        }
        let mut transitions = BTreeSet::new();
        for Transition { id, from, to, .. } in &self.transitions {
            if !transitions.insert(id.as_str()) {
                problem(format!("has the transition `{id}` twice"));
            }
            if from.is_empty() {
                problem(format!("has the transition `{id}`, which starts from no state"));
            }
            for named in from.iter().filter(|named| !states.contains(named.as_str())) {
                problem(format!("has the transition `{id}` from the unknown state `{named}`"));
            }
            if !states.contains(to.as_str()) {
                problem(format!("has the transition `{id}` to the unknown state `{to}`"));
            }
        }
        if states.contains(self.initial.as_str()) {
            let reached = self.reached();
            for state in states.iter().filter(|state| !reached.contains(*state)) {
                problem(format!("has the state `{state}`, which no transition reaches"));
            }
        }
        self.states.iter().for_each(|state| check_id("state", &state.id, problems));
        self.transitions.iter().for_each(|transition| check_id("transition", &transition.id, problems));
    }

    /// Returns the states that an object can come to.
    fn reached(&self) -> BTreeSet<&str> {
        let mut reached = BTreeSet::from([self.initial.as_str()]);
        let mut open = vec![self.initial.as_str()];
        while let Some(state) = open.pop() {
            for transition in self.transitions_from(state) {
                if reached.insert(transition.to.as_str()) {
                    open.push(transition.to.as_str());
                }
            }
        }
        reached
    }

    /// Returns what of `next` is no relaxation of this life cycle, in which objects are: each keeps the state that it is in.
    pub(crate) fn not_relaxed(&self, next: Option<&Self>) -> Option<&'static str> {
        let Some(next) = next else { return Some("stays while there are objects of the type") };
        let is_kept = |state: &State| next.states.iter().any(|other| other.id == state.id);
        match () {
            () if !self.states.iter().all(is_kept) => Some("keeps its states while there are objects of the type"),
            () if next.initial != self.initial => Some("keeps its initial state while there are objects of the type"),
            () => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use crate::{TypeFile, TypeRegistry};

    fn problems(cycle: &str) -> Vec<String> {
        let text = format!("[[types]]\nid = \"a\"\nbase = \"document\"\nlabel = \"A\"\n[types.life_cycle]\n{cycle}");
        TypeFile::parse(&text)
            .map_or_else(|error| vec![error], |file| TypeRegistry::check(file.types).err().unwrap_or_default())
    }

    #[test]
    fn all_problems_of_a_life_cycle_are_reported_together() {
        let found = problems(
            r#"
            initial = "draft"
            states = [{ id = "draft" }, { id = "draft" }, { id = "lost" }, { id = "a b" }]
            transitions = [
                { id = "go", from = ["draft", "nowhere"], to = "a b" },
                { id = "go", from = [], to = "elsewhere" },
            ]
            "#,
        );
        let expect = [
            "the life cycle of `a` has the state `draft` twice",
            "the life cycle of `a` has the transition `go` from the unknown state `nowhere`",
            "the life cycle of `a` has the transition `go` twice",
            "the life cycle of `a` has the transition `go`, which starts from no state",
            "the life cycle of `a` has the transition `go` to the unknown state `elsewhere`",
            "the life cycle of `a` has the state `lost`, which no transition reaches",
        ];
        assert_eq!(found.get(..expect.len()), Some(expect.map(str::to_owned).as_slice()), "{found:?}");
        assert_eq!(found.len(), expect.len() + 1, "and the id: {found:?}");
        assert_eq!(
            problems("initial = \"gone\"\nstates = [{ id = \"draft\" }]"),
            ["the life cycle of `a` begins in the unknown state `gone`"]
        );
        assert!(problems("initial = \"draft\"\nstates = [{ id = \"draft\" }]").is_empty());
    }

    #[test]
    fn a_life_cycle_is_inherited_and_a_facet_has_none() {
        let text = r#"
            [[types]]
            id = "a"
            base = "document"
            label = "A"
            life_cycle = { initial = "draft", states = [{ id = "draft" }] }
            [[types]]
            id = "b"
            parent = "a"
            base = "document"
            label = "B"
        "#;
        let registry = TypeRegistry::check(TypeFile::parse(text).unwrap().types).unwrap();
        assert_eq!(registry.state_of("b", None), Some("draft"));
        assert_eq!(registry.state_of("b", Some("other")), Some("other"));
        let facet = TypeFile::parse(&text.replace("\"document\"", "\"facet\"")).unwrap();
        assert_eq!(
            TypeRegistry::check(facet.types).unwrap_err(),
            ["the facet `a` has a life cycle, which only types have"]
        );
    }
}
