//! Document types and facets, as declared in TOML, and the registry that they are checked into.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::declaring::{self, Problem, at_field};
use crate::life_cycle::LifeCycle;
use crate::property::{Properties, PropertyDefinition, RETIRED_TERM, Updatability, Violation, check_fields, listed};
use crate::versioning::VersioningRule;
use crate::vocabulary::{Vocabulary, VocabularyDefinition};

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
    /// What it is for, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Whether objects of this very type can be made.
    #[serde(default = "yes")]
    pub creatable: bool,
    /// Whether a folder of this type is a dossier: it has a table of contents and versions.
    #[serde(default)]
    pub dossier: bool,
    /// Whether content must, may or may not be there (documents only).
    #[serde(default)]
    pub content: ContentRule,
    /// Whether each reading of an object of the type, or one that bears the facet, is an entry of the audit trail: of its
    /// data, its text and its content, asked for by itself. Of what shows in lists and search results there is none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub audit_reads: bool,
    /// The facets that every object of the type bears.
    #[serde(default)]
    pub facets: Vec<String>,
    /// The types of which the source of a relationship is (CMIS 1.1 §2.1.7), with those below them; empty: as the parent says,
    /// and any where nothing is said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_sources: Vec<String>,
    /// The types of which its target is, in the same way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_targets: Vec<String>,
    /// The properties that the type adds to its parent's.
    #[serde(default)]
    pub properties: Vec<PropertyDefinition>,
    /// When versions are made without being asked for (documents only); asked before the rules of its parent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versioning: Vec<VersioningRule>,
    /// The states that its objects pass through; those of its parent, unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life_cycle: Option<LifeCycle>,
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
    /// The vocabularies of the file, in any order.
    #[serde(default)]
    pub vocabularies: Vec<VocabularyDefinition>,
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
    /// Whether readings of it are audited, by itself, by inheritance or by a facet that it bears.
    pub audits_reads: bool,
    /// The rules of automatic versions: its own, then those of the types above, nearest first.
    pub versioning: Vec<VersioningRule>,
    /// Its life cycle, or that of the nearest type above which has one.
    pub life_cycle: Option<LifeCycle>,
    /// Relationships: of which types the source is; empty: of any.
    pub allowed_sources: Vec<String>,
    /// Relationships: of which types the target is; empty: of any.
    pub allowed_targets: Vec<String>,
}

/// All types, facets and vocabularies, checked together.
#[derive(Clone, Debug, Default)]
pub struct TypeRegistry {
    types: BTreeMap<String, ResolvedType>,
    vocabularies: BTreeMap<String, Vocabulary>,
}

impl TypeRegistry {
    /// Checks `definitions` together and returns them resolved.
    ///
    /// # Errors
    /// As [`TypeRegistry::check_all`].
    pub fn check(definitions: Vec<TypeDefinition>) -> Result<Self, Vec<String>> {
        Self::check_all(TypeFile { types: definitions, vocabularies: Vec::new() })
    }

    /// Checks types, facets and vocabularies together and returns them resolved.
    ///
    /// # Errors
    /// Every problem found, each as a sentence: a duplicate or odd id, an unknown parent, facet or vocabulary, a circle,
    /// another base than the parent's, a property declared twice with another meaning, a constraint that does not fit its
    /// property.
    pub fn check_all(declared: TypeFile) -> Result<Self, Vec<String>> {
        Self::check_placed(declared).map_err(|problems| {
            let mut words: Vec<String> = problems.into_iter().map(|problem| problem.words).collect();
            words.dedup();
            words
        })
    }

    /// Does what [`TypeRegistry::check_all`] does, and says of each problem where it stands.
    ///
    /// # Errors
    /// As [`TypeRegistry::check_all`].
    pub fn check_placed(declared: TypeFile) -> Result<Self, Vec<Problem>> {
        let mut problems: Vec<Problem> = Vec::new();
        let mut registry = Self::default();
        for definition in declared.vocabularies {
            let id = definition.id.clone();
            at_field(&mut problems, &id, "id", |found| declaring::check_id("vocabulary", &id, found));
            if registry.vocabularies.contains_key(&id) {
                problems.push(Problem::new(&id, "id", format!("the vocabulary `{id}` is declared twice")));
            }
            match Vocabulary::check(definition) {
                Ok(vocabulary) => drop(registry.vocabularies.insert(id, vocabulary)),
                Err(more) => problems.extend(more),
            }
        }
        let mut by_id: BTreeMap<String, TypeDefinition> = BTreeMap::new();
        for definition in declared.types {
            if by_id.contains_key(&definition.id) {
                let words = format!("the type `{}` is declared twice", definition.id);
                problems.push(Problem::new(&definition.id, "id", words));
            }
            by_id.insert(definition.id.clone(), definition);
        }
        for definition in by_id.values() {
            match resolve(definition, &by_id) {
                Ok(resolved) => {
                    registry.types.insert(definition.id.clone(), resolved);
                }
                Err(more) => problems.extend(more),
            }
        }
        for definition in by_id.values() {
            declaring::check_type(&registry, definition, &mut problems);
        }
        registry.check_property_meanings(&mut problems);
        registry.check_versioning(&mut problems);
        registry.check_ends(&mut problems);
        if problems.is_empty() { Ok(registry) } else { Err(problems) }
    }

    /// A property that several types have means the same in all of them, or its indexed values could not be compared.
    fn check_property_meanings(&self, problems: &mut Vec<Problem>) {
        let mut meanings = BTreeMap::new();
        for resolved in self.types.values() {
            for property in &resolved.properties {
                let meaning = (property.kind, property.cardinality, property.indexed, property.full_text);
                let known = meanings.entry(property.id.clone()).or_insert((meaning, resolved.definition.id.clone()));
                if known.0 != meaning {
                    let (first, second) = (&known.1, &resolved.definition.id);
                    let words = format!("the property `{}` differs between `{first}` and `{second}`", property.id);
                    let own = |one: &ResolvedType| {
                        let position = one.definition.properties.iter().position(|own| own.id == property.id)?;
                        Some(Problem::new(&one.definition.id, format!("properties[{position}]"), words.clone()))
                    };
                    let declared: Vec<Problem> =
                        [self.types.get(first), Some(resolved)].into_iter().flatten().filter_map(own).collect();
                    if declared.is_empty() {
                        problems.push(Problem::new(second, "parent", words));
                    }
                    problems.extend(declared);
                }
            }
        }
    }

    /// Returns the vocabulary with this id.
    pub fn vocabulary(&self, id: &str) -> Option<&Vocabulary> {
        self.vocabularies.get(id)
    }

    /// Returns all vocabularies, ordered by id.
    pub fn vocabularies(&self) -> impl Iterator<Item = &Vocabulary> {
        self.vocabularies.values()
    }

    fn check_versioning(&self, problems: &mut Vec<Problem>) {
        for TypeDefinition { id, base, versioning, .. } in self.types.values().map(|resolved| &resolved.definition) {
            if *base != BaseType::Document && !versioning.is_empty() {
                let words = format!("the type `{id}` has rules of versions, and only documents have versions");
                problems.push(Problem::new(id, "versioning", words));
            }
            for (position, rule) in versioning.iter().enumerate() {
                for named in rule.types.iter().chain(&rule.facets).filter(|named| !self.types.contains_key(*named)) {
                    let words = format!("a rule of versions of the type `{id}` names unknown `{named}`");
                    problems.push(Problem::new(id, format!("versioning[{position}]"), words));
                }
            }
        }
    }

    fn check_ends(&self, problems: &mut Vec<Problem>) {
        for definition in self.types.values().map(|resolved| &resolved.definition) {
            let id = &definition.id;
            let ends =
                [("allowedSources", &definition.allowed_sources), ("allowedTargets", &definition.allowed_targets)];
            for (field, named) in ends {
                if definition.base != BaseType::Relationship && !named.is_empty() {
                    let words = format!("the type `{id}` says what it links, and only relationships link");
                    problems.push(Problem::new(id, field, words));
                }
                for (position, named) in named.iter().enumerate() {
                    let base = self.types.get(named).map(|resolved| resolved.definition.base);
                    if !base.is_some_and(|base| !matches!(base, BaseType::Facet | BaseType::Relationship)) {
                        let words = format!("the type `{id}` links `{named}`, which is no type of what can be linked");
                        problems.push(Problem::new(id, format!("{field}[{position}]"), words));
                    }
                }
            }
        }
    }

    /// Says whether a type is one of some, or lies below one; of none, every type is.
    pub fn is_among(&self, type_id: &str, allowed: &[String]) -> bool {
        let is_named = |id: &str| allowed.iter().any(|one| one == id);
        allowed.is_empty()
            || is_named(type_id)
            || self.get(type_id).is_some_and(|resolved| resolved.ancestors.iter().any(|above| is_named(above)))
    }

    /// Returns the ids of a type and of all below it.
    pub fn family(&self, type_id: &str) -> Vec<String> {
        let is_of = |one: &&ResolvedType| {
            one.definition.id == type_id || one.ancestors.iter().any(|ancestor| ancestor == type_id)
        };
        self.iter().filter(is_of).map(|one| one.definition.id.clone()).collect()
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

    /// Returns the properties that an object of a type with these facets attached has; none of what is not declared.
    pub fn properties_of<'a>(
        &'a self,
        type_id: &str,
        facets: &'a [String],
    ) -> impl Iterator<Item = &'a PropertyDefinition> {
        let own = self.get(type_id).map(|resolved| resolved.properties.as_slice()).unwrap_or_default();
        let attached = facets.iter().filter_map(|facet| self.get(facet));
        own.iter().chain(attached.flat_map(|facet| &facet.properties))
    }

    /// Says whether each reading of an object of a type with these facets attached is audited.
    pub fn audits_reads(&self, type_id: &str, facets: &[String]) -> bool {
        let named = std::iter::once(type_id).chain(facets.iter().map(String::as_str));
        named.filter_map(|id| self.get(id)).any(|resolved| resolved.audits_reads)
    }

    /// Returns the life cycle of objects of a type.
    pub fn life_cycle_of(&self, type_id: &str) -> Option<&LifeCycle> {
        self.get(type_id).and_then(|resolved| resolved.life_cycle.as_ref())
    }

    /// Returns the state of an object of a type: the one that is `stored` of it, else the first of its life cycle, which came
    /// after the object.
    pub fn state_of<'a>(&'a self, type_id: &str, stored: Option<&'a str>) -> Option<&'a str> {
        stored.or_else(|| self.life_cycle_of(type_id).map(|cycle| cycle.initial.as_str()))
    }

    /// Gives an object that is about to be made the values that are declared for what has none.
    pub fn put_defaults(&self, type_id: &str, facets: &[String], properties: &mut Properties) {
        put_defaults(self.properties_of(type_id, facets), properties);
    }

    /// Gives an object that is about to get facets the values that they declare for what has none.
    pub fn put_defaults_of(&self, facets: &[String], properties: &mut Properties) {
        put_defaults(facets.iter().filter_map(|facet| self.get(facet)).flat_map(|facet| &facet.properties), properties);
    }

    /// Returns every violation of `properties` against the type and the attached `facets`.
    pub fn violations(&self, type_id: &str, facets: &[String], properties: &Properties) -> Vec<Violation> {
        if self.get(type_id).is_none() {
            return vec![Violation::new("type", "unknown_type", format!("the type `{type_id}` is not declared"))];
        }
        let mut violations = Vec::new();
        for (position, facet) in facets.iter().enumerate() {
            let is_facet = self.get(facet).is_some_and(|found| found.definition.base == BaseType::Facet);
            if !is_facet {
                let facets = self.iter().map(|one| &one.definition).filter(|one| one.base == BaseType::Facet);
                let facets = listed(facets.map(|one| one.id.as_str()));
                let detail = format!("`{facet}` is no facet: the facets are {facets}");
                violations.push(Violation::new("facets", "unknown_facet", detail));
            } else if facets.iter().take(position).any(|other| other == facet) {
                violations.push(Violation::new("facets", "twice", format!("`{facet}` is attached once")));
            }
        }
        let definitions: Vec<PropertyDefinition> = self.properties_of(type_id, facets).cloned().collect();
        check_fields(self, &definitions, "", properties, &mut violations);
        violations
    }

    /// Returns every violation of a change of properties: as [`TypeRegistry::violations`] of those after it, and what may
    /// not change. A value that is given to nothing new stays where it was.
    pub fn violations_of_change(
        &self,
        type_id: &str,
        facets: &[String],
        before: &Properties,
        after: &Properties,
    ) -> Vec<Violation> {
        let mut violations = self.violations(type_id, facets, after);
        let is_kept =
            |field: &str| before.iter().any(|(id, value)| is_within(field, id) && after.get(id) == Some(value));
        violations.retain(|one| one.code != RETIRED_TERM || !is_kept(&one.field));
        for definition in self.properties_of(type_id, facets) {
            let known = before.get(&definition.id);
            if definition.updatability == Updatability::Oncreate
                && known.is_some()
                && known != after.get(&definition.id)
            {
                violations.push(Violation::new(&definition.id, "read_only", "is said once, when the object is made"));
            }
        }
        violations
    }
}

fn put_defaults<'a>(definitions: impl Iterator<Item = &'a PropertyDefinition>, properties: &mut Properties) {
    for definition in definitions {
        if let Some(value) = &definition.default
            && !properties.contains_key(&definition.id)
        {
            properties.insert(definition.id.clone(), value.clone());
        }
    }
}

/// Says whether a violation's field lies within a property.
fn is_within(field: &str, property: &str) -> bool {
    field.strip_prefix(property).is_some_and(|rest| rest.is_empty() || rest.starts_with(['[', '.']))
}

fn resolve(
    definition: &TypeDefinition,
    by_id: &BTreeMap<String, TypeDefinition>,
) -> Result<ResolvedType, Vec<Problem>> {
    let id = &definition.id;
    let mut problems = Vec::new();
    let mut problem = |field: String, words: String| problems.push(Problem::new(id, field, words));
    let mut chain = vec![definition];
    let mut current = definition;
    while let Some(parent_id) = &current.parent {
        let Some(parent) = by_id.get(parent_id) else {
            problem("parent".to_owned(), format!("the type `{id}` inherits from unknown `{parent_id}`"));
            break;
        };
        if chain.iter().any(|seen| seen.id == parent.id) {
            problem("parent".to_owned(), format!("the type `{id}` inherits from itself"));
            break;
        }
        if parent.base != definition.base {
            problem("base".to_owned(), format!("the type `{id}` has another base than its parent `{parent_id}`"));
            break;
        }
        chain.push(parent);
        current = parent;
    }
    let mut properties: Vec<PropertyDefinition> = Vec::new();
    let mut audits_reads = chain.iter().any(|ancestor| ancestor.audit_reads);
    for ancestor in chain.iter().rev() {
        properties.extend(ancestor.properties.iter().cloned());
        for (position, facet_id) in ancestor.facets.iter().enumerate() {
            let facet = by_id.get(facet_id).filter(|facet| facet.base == BaseType::Facet);
            let Some(facet) = facet else {
                let is_own = ancestor.id == *id;
                let field = if is_own { format!("facets[{position}]") } else { "parent".to_owned() };
                problem(field, format!("the type `{id}` bears unknown facet `{facet_id}`"));
                continue;
            };
            properties.extend(facet.properties.iter().cloned());
            audits_reads |= facet.audit_reads;
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(ResolvedType {
        definition: definition.clone(),
        ancestors: chain.iter().skip(1).map(|ancestor| ancestor.id.clone()).collect(),
        properties,
        is_dossier: chain.iter().any(|ancestor| ancestor.dossier),
        audits_reads,
        versioning: chain.iter().flat_map(|ancestor| ancestor.versioning.iter().cloned()).collect(),
        life_cycle: chain.iter().find_map(|ancestor| ancestor.life_cycle.clone()),
        allowed_sources: nearest(&chain, |one| &one.allowed_sources),
        allowed_targets: nearest(&chain, |one| &one.allowed_targets),
    })
}

/// Returns what the nearest type of a chain says that says anything.
fn nearest(chain: &[&TypeDefinition], said: impl Fn(&TypeDefinition) -> &Vec<String>) -> Vec<String> {
    chain.iter().map(|one| said(one)).find(|said| !said.is_empty()).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::VersionMoment;
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
    fn what_is_allowed_is_said_of_what_is_not() {
        let terms: String =
            (0..25).map(|number| format!("[[vocabularies.terms]]\nid = \"t{number}\"\nlabel = \"T\"\n")).collect();
        let text = format!(
            "[[types]]\nid = \"a\"\nbase = \"document\"\nlabel = \"A\"\nproperties = [\
             {{ id = \"p:range\", label = \"P\", kind = \"integer\", min_value = 1, max_value = 9 }}, \
             {{ id = \"p:least\", label = \"P\", kind = \"decimal\", min_value = 0.5 }}, \
             {{ id = \"p:long\", label = \"P\", kind = \"string\", max_length = 2 }}, \
             {{ id = \"p:choice\", label = \"P\", kind = \"string\", choices = [\"x\", \"y\"] }}, \
             {{ id = \"p:term\", label = \"P\", kind = \"string\", vocabulary = \"few\" }}, \
             {{ id = \"p:many\", label = \"P\", kind = \"string\", vocabulary = \"many\" }}]\n\
             [[vocabularies]]\nid = \"few\"\nlabel = \"F\"\nterms = [{{ id = \"one\", label = \"1\" }}, \
             {{ id = \"old\", label = \"0\", retired = true }}]\n[[vocabularies]]\nid = \"many\"\nlabel = \"M\"\n{terms}"
        );
        let registry = TypeRegistry::check_all(TypeFile::parse(&text).unwrap()).unwrap();
        let values =
            json!({ "p:range": 10, "p:least": 0, "p:long": "abc", "p:choice": "z", "p:term": "z", "p:many": "z" });
        let values = values.as_object().unwrap();
        let found = registry.violations("a", &[], values);
        let said: BTreeMap<&str, &str> = found.iter().map(|one| (one.field.as_str(), one.detail.as_str())).collect();
        assert_eq!(said["p:range"], "is a number from 1 to 9");
        assert_eq!(said["p:least"], "is 0.5 or more");
        assert_eq!(said["p:long"], "has at most 2 characters");
        assert_eq!(said["p:choice"], "is one of `x`, `y`");
        assert_eq!(said["p:term"], "is a term of the vocabulary `few`: one of `one`");
        assert!(said["p:many"].starts_with("is a term of the vocabulary `many`: one of `t0`, `t1`, "), "{said:?}");
        assert!(said["p:many"].ends_with("`t19` and 5 more"), "{said:?}");
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
    fn rules_of_versions_are_inherited_and_checked() {
        let text = r#"
            [[types]]
            id = "document"
            base = "document"
            label = "Document"
            versioning = [{ increment = "none", changes = ["content"] }]
            [[types]]
            id = "letter"
            parent = "document"
            base = "document"
            label = "Letter"
            versioning = [{ increment = "major", moment = "before", other_contributor = true }]
        "#;
        let registry = TypeRegistry::check(TypeFile::parse(text).unwrap().types).unwrap();
        let rules = &registry.get("letter").unwrap().versioning;
        assert_eq!(
            rules.iter().map(|rule| rule.moment).collect::<Vec<_>>(),
            [VersionMoment::Before, VersionMoment::After]
        );
        let wrong = r#"
            [[types]]
            id = "shelf"
            base = "folder"
            label = "Shelf"
            versioning = [{ increment = "minor", facets = ["lost"] }]
        "#;
        let problems = TypeRegistry::check(TypeFile::parse(wrong).unwrap().types).unwrap_err();
        let expect = [
            "the type `shelf` has rules of versions, and only documents have versions",
            "a rule of versions of the type `shelf` names unknown `lost`",
        ];
        assert_eq!(problems, expect);
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
