//! Vocabularies: the terms that the values of a property are taken from, flat or in a tree, in several languages.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::declaring::Problem;

/// How deep a tree of terms may be.
const DEPTH_MAX: usize = 32;

/// A vocabulary, as written in `schema/<owner>/types/*.toml` or declared at run time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VocabularyDefinition {
    /// The vocabulary's id, unique in the repository.
    pub id: String,
    /// What people read.
    pub label: String,
    /// What they read in other languages, by language (BCP 47).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Its terms, in the order in which they are shown.
    #[serde(default)]
    pub terms: Vec<Term>,
}

/// One term of a vocabulary. The id is what objects keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Term {
    /// The term's id, unique in its vocabulary.
    pub id: String,
    /// The term above it; absent at the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// What people read.
    pub label: String,
    /// What they read in other languages, by language (BCP 47).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Whether it is kept where it stands and given to nothing new.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retired: bool,
}

/// A vocabulary that was checked.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    /// The definition as written.
    pub definition: VocabularyDefinition,
    places: BTreeMap<String, usize>,
    /// Which terms have some below them.
    branches: BTreeSet<String>,
}

impl Vocabulary {
    /// Checks a definition.
    ///
    /// # Errors
    /// Every problem found, each as a sentence: a term declared twice, an unknown parent, a circle, a tree that is too
    /// deep.
    pub fn check(definition: VocabularyDefinition) -> Result<Self, Vec<Problem>> {
        let name = &definition.id;
        let mut problems = Vec::new();
        let mut places = BTreeMap::new();
        for (place, term) in definition.terms.iter().enumerate() {
            if places.insert(term.id.clone(), place).is_some() {
                let words = format!("the vocabulary `{name}` has the term `{}` twice", term.id);
                problems.push(Problem::new(name, format!("terms[{place}].id"), words));
            }
        }
        let mut branches = BTreeSet::new();
        for (place, term) in definition.terms.iter().enumerate() {
            let mut problem =
                |words: String| problems.push(Problem::new(name, format!("terms[{place}].parent"), words));
            branches.extend(term.parent.clone());
            let mut above = term.parent.as_ref();
            let mut depth = 0;
            while let Some(parent) = above {
                depth += 1;
                let Some(found) = places.get(parent).and_then(|place| definition.terms.get(*place)) else {
                    problem(format!("the term `{}` of `{name}` stands below unknown `{parent}`", term.id));
                    break;
                };
                if depth > DEPTH_MAX {
                    problem(format!("the term `{}` of `{name}` stands below itself, or too deep", term.id));
                    break;
                }
                above = found.parent.as_ref();
            }
        }
        if problems.is_empty() { Ok(Self { definition, places, branches }) } else { Err(problems) }
    }

    /// Returns the term with this id.
    pub fn term(&self, id: &str) -> Option<&Term> {
        self.definition.terms.get(*self.places.get(id)?)
    }

    /// Says whether there are terms below this one.
    pub fn is_branch(&self, id: &str) -> bool {
        self.branches.contains(id)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn term(id: &str, parent: Option<&str>) -> Term {
        Term {
            id: id.to_owned(),
            parent: parent.map(str::to_owned),
            label: id.to_owned(),
            labels: BTreeMap::new(),
            retired: false,
        }
    }

    fn check(terms: Vec<Term>) -> Result<Vocabulary, Vec<Problem>> {
        let (id, label) = ("v".to_owned(), "V".to_owned());
        Vocabulary::check(VocabularyDefinition { id, label, labels: BTreeMap::new(), terms })
    }

    #[test]
    fn a_tree_of_terms_is_known() {
        let found = check(vec![term("a", None), term("a.1", Some("a"))]).unwrap();
        assert!(found.is_branch("a") && !found.is_branch("a.1"));
        assert_eq!(found.term("a.1").unwrap().parent.as_deref(), Some("a"));
        assert!(found.term("b").is_none());
    }

    #[test]
    fn problems_are_reported_together() {
        let problems = check(vec![term("a", None), term("a", None), term("b", Some("x"))]).unwrap_err();
        let fields: Vec<&str> = problems.iter().map(|problem| problem.field.as_str()).collect();
        assert_eq!(fields, ["terms[1].id", "terms[2].parent"]);
        let problems: Vec<&str> = problems.iter().map(|problem| problem.words.as_str()).collect();
        assert_eq!(
            problems,
            ["the vocabulary `v` has the term `a` twice", "the term `b` of `v` stands below unknown `x`"]
        );
        let circle = check(vec![term("a", Some("b")), term("b", Some("a"))]).unwrap_err();
        assert_eq!(circle.len(), 2, "{circle:?}");
    }
}
