//! Document types and facets, as declared in TOML, and the registry that they are checked into.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::property::{Properties, PropertyDefinition, Violation, check_fields};

/// The base type of an object (CMIS 1.1 §2.1.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BaseType {
    /// Has content and versions.
    Document,
    /// Contains others.
    Folder,
    /// Links two objects.
    Relationship,
    /// Can be applied to others.
    Policy,
    /// Has properties only.
    Item,
    /// Not an object: properties that attach to single objects (a CMIS secondary type).
    Facet,
}

impl BaseType {
    /// Returns the word that is stored and answered: `document`, `folder`, …
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Folder => "folder",
            Self::Relationship => "relationship",
            Self::Policy => "policy",
            Self::Item => "item",
            Self::Facet => "facet",
        }
    }
}

/// Whether documents of a type must, may or may not have content (CMIS 1.1 §2.1.4.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContentRule {
    /// Content may be missing: a paper received and not yet scanned.
    #[default]
    Allowed,
    /// A document without content is refused.
    Required,
    /// A document with content is refused.
    Notallowed,
}

/// One document type or facet, as written in `schema/<owner>/types/*.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypeDefinition {
    /// The type's id, unique in the repository.
    pub id: String,
    /// The type it inherits from; absent only on base types.
    #[serde(default)]
    pub parent: Option<String>,
    /// The base type; on a type with a parent it must agree with the parent's.
    pub base: BaseType,
    /// What people read.
    pub label: String,
    /// What they read in other languages, by language (BCP 47).
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Whether objects of this very type can be made.
    #[serde(default = "yes")]
    pub creatable: bool,
    /// Whether a folder of this type is a dossier: it has a table of contents and versions.
    #[serde(default)]
    pub dossier: bool,
    /// Whether content must, may or may not be there (documents only).
    #[serde(default)]
    pub content: ContentRule,
    /// The facets that every object of the type bears.
    #[serde(default)]
    pub facets: Vec<String>,
    /// The properties that the type adds to its parent's.
    #[serde(default)]
    pub properties: Vec<PropertyDefinition>,
}

const fn yes() -> bool {
    true
}

/// A file of type definitions.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypeFile {
    /// The types and facets of the file, in any order.
    #[serde(default)]
    pub types: Vec<TypeDefinition>,
}

impl TypeFile {
    /// Parses the TOML text of a file of types.
    ///
    /// # Errors
    /// The parser's words with line and column, when the text is not TOML or has an unknown key.
    pub fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string())
    }
}

/// One type with everything it inherits.
#[derive(Clone, Debug)]
pub struct ResolvedType {
    /// The definition as written, with `properties` holding only its own.
    pub definition: TypeDefinition,
    /// The types above, nearest first.
    pub ancestors: Vec<String>,
    /// All properties: inherited ones first, then its own, then those of its facets.
    pub properties: Vec<PropertyDefinition>,
    /// Whether it is a dossier type, by itself or by inheritance.
    pub is_dossier: bool,
}

/// All types and facets, checked together.
#[derive(Clone, Debug, Default)]
pub struct TypeRegistry {
    types: BTreeMap<String, ResolvedType>,
}

impl TypeRegistry {
    /// Checks `definitions` together and returns them resolved.
    ///
    /// # Errors
    /// Every problem found, each as a sentence: a duplicate id, an unknown parent or facet, a circle, another base than
    /// the parent's, a property declared twice with another meaning.
    pub fn check(definitions: Vec<TypeDefinition>) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut by_id: BTreeMap<String, TypeDefinition> = BTreeMap::new();
        for definition in definitions {
            if by_id.contains_key(&definition.id) {
                problems.push(format!("the type `{}` is declared twice", definition.id));
            }
            by_id.insert(definition.id.clone(), definition);
        }
        let mut registry = Self::default();
        for definition in by_id.values() {
            match resolve(definition, &by_id) {
                Ok(resolved) => {
                    registry.types.insert(definition.id.clone(), resolved);
                }
                Err(problem) => problems.push(problem),
            }
        }
        registry.check_property_meanings(&mut problems);
        registry.check_choice_labels(&mut problems);
        if problems.is_empty() { Ok(registry) } else { Err(problems) }
    }

    fn check_property_meanings(&self, problems: &mut Vec<String>) {
        let mut meanings = BTreeMap::new();
        for resolved in self.types.values() {
            for property in &resolved.properties {
                let meaning = (property.kind, property.cardinality, property.indexed);
                let known = meanings.entry(property.id.clone()).or_insert((meaning, resolved.definition.id.clone()));
                if known.0 != meaning {
                    let (first, second) = (&known.1, &resolved.definition.id);
                    problems.push(format!("the property `{}` differs between `{first}` and `{second}`", property.id));
                }
            }
        }
    }

    fn check_choice_labels(&self, problems: &mut Vec<String>) {
        for resolved in self.types.values() {
            for property in &resolved.definition.properties {
                for choice in property.choice_labels.keys().filter(|choice| !property.choices.contains(choice)) {
                    problems
                        .push(format!("the property `{}` names the choice `{choice}`, which it has not", property.id));
                }
            }
        }
    }

    /// Returns the type with this id.
    pub fn get(&self, id: &str) -> Option<&ResolvedType> {
        self.types.get(id)
    }

    /// Returns all types, ordered by id.
    pub fn iter(&self) -> impl Iterator<Item = &ResolvedType> {
        self.types.values()
    }

    /// Returns the ids of all dossier types, ordered.
    pub fn dossier_types(&self) -> Vec<String> {
        self.iter().filter(|resolved| resolved.is_dossier).map(|resolved| resolved.definition.id.clone()).collect()
    }

    /// Returns every violation of `properties` against the type and the attached `facets`.
    pub fn violations(&self, type_id: &str, facets: &[String], properties: &Properties) -> Vec<Violation> {
        let Some(resolved) = self.get(type_id) else {
            return vec![Violation::new("type", "unknown_type", format!("the type `{type_id}` is not declared"))];
        };
        let mut violations = Vec::new();
        let mut definitions = resolved.properties.clone();
        for facet in facets {
            match self.get(facet) {
                Some(attached) => definitions.extend(attached.properties.iter().cloned()),
                None => {
                    violations.push(Violation::new("facets", "unknown_facet", format!("`{facet}` is not declared")));
                }
            }
        }
        check_fields(&definitions, "", properties, &mut violations);
        violations
    }
}

fn resolve(definition: &TypeDefinition, by_id: &BTreeMap<String, TypeDefinition>) -> Result<ResolvedType, String> {
    let id = &definition.id;
    let mut chain = vec![definition];
    let mut current = definition;
    while let Some(parent_id) = &current.parent {
        let parent =
            by_id.get(parent_id).ok_or_else(|| format!("the type `{id}` inherits from unknown `{parent_id}`"))?;
        if chain.iter().any(|seen| seen.id == parent.id) {
            return Err(format!("the type `{id}` inherits from itself"));
        }
        if parent.base != definition.base {
            return Err(format!("the type `{id}` has another base than its parent `{parent_id}`"));
        }
        chain.push(parent);
        current = parent;
    }
    let mut properties: Vec<PropertyDefinition> = Vec::new();
    for ancestor in chain.iter().rev() {
        properties.extend(ancestor.properties.iter().cloned());
        for facet_id in &ancestor.facets {
            let facet = by_id.get(facet_id).filter(|facet| facet.base == BaseType::Facet);
            let facet = facet.ok_or_else(|| format!("the type `{id}` bears unknown facet `{facet_id}`"))?;
            properties.extend(facet.properties.iter().cloned());
        }
    }
    Ok(ResolvedType {
        definition: definition.clone(),
        ancestors: chain.iter().skip(1).map(|ancestor| ancestor.id.clone()).collect(),
        properties,
        is_dossier: chain.iter().any(|ancestor| ancestor.dossier),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    const SAMPLE: &str = r#"
        [[types]]
        id = "document"
        base = "document"
        label = "Document"
        [[types]]
        id = "letter"
        parent = "document"
        base = "document"
        label = "Letter"
        [[types.properties]]
        id = "letter:pages"
        label = "Pages"
        kind = "integer"
        min_value = 1
        required = true
        [[types.properties]]
        id = "letter:to"
        label = "To"
        kind = "string"
        cardinality = "multi"
        max_length = 5
    "#;

    fn registry() -> TypeRegistry {
        TypeRegistry::check(TypeFile::parse(SAMPLE).unwrap().types).unwrap()
    }

    fn check(properties: serde_json::Value, expect: &[(&str, &str)]) {
        let serde_json::Value::Object(properties) = properties else { panic!("an object") };
        let found = registry().violations("letter", &[], &properties);
        let found: Vec<_> = found.iter().map(|one| (one.field.as_str(), one.code)).collect();
        assert_eq!(found, expect);
    }

    #[test]
    fn all_violations_are_reported_together() {
        check(
            json!({"letter:to": "x", "other": 1}),
            &[("letter:to", "single_for_list"), ("other", "unknown_property"), ("letter:pages", "required")],
        );
    }

    #[test]
    fn values_are_checked_against_kind_range_and_length() {
        check(json!({"letter:pages": 3, "letter:to": ["الرباط"]}), &[("letter:to[0]", "too_long")]);
        check(json!({"letter:pages": 0}), &[("letter:pages", "out_of_range")]);
        check(json!({"letter:pages": "3"}), &[("letter:pages", "wrong_kind")]);
        check(json!({"letter:pages": [3]}), &[("letter:pages", "list_for_single")]);
        check(json!({"letter:pages": 1, "letter:to": ["a\u{0}"]}), &[("letter:to[0]", "null_character")]);
    }

    #[test]
    fn a_name_for_a_choice_that_is_none_is_a_problem() {
        let text = r#"
            [[types]]
            id = "a"
            base = "document"
            label = "A"
            [[types.properties]]
            id = "a:side"
            label = "Side"
            kind = "string"
            choices = ["in", "out"]
            choice_labels = { in = { ar = "وارد" }, aside = { ar = "جانبًا" } }
        "#;
        let problems = TypeRegistry::check(TypeFile::parse(text).unwrap().types).unwrap_err();
        assert_eq!(problems, ["the property `a:side` names the choice `aside`, which it has not"]);
    }

    #[test]
    fn problems_of_a_registry_are_reported_together() {
        let text = r#"
            [[types]]
            id = "a"
            parent = "b"
            base = "document"
            label = "A"
            [[types]]
            id = "c"
            parent = "c"
            base = "folder"
            label = "C"
        "#;
        let problems = TypeRegistry::check(TypeFile::parse(text).unwrap().types).unwrap_err();
        assert_eq!(problems, ["the type `a` inherits from unknown `b`", "the type `c` inherits from itself"]);
    }
}
