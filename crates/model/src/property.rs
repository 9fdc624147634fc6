//! Property kinds, definitions and the check of values against them.

use std::collections::BTreeMap;

use fluent_uri::Iri;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::pattern::Pattern;
use crate::types::TypeRegistry;
use crate::{Timestamp, key};

/// The properties of one object: property id to JSON value.
///
/// *Shape*: a single value, or an array for a list; instants are ISO 8601 texts; a property without a value is absent.
pub type Properties = Map<String, Value>;

/// The longest text that a property without a `max_length` may hold, in bytes of UTF-8.
pub const TEXT_BYTES_MAX: usize = 1 << 20;

/// The most elements that a list property may hold.
pub const LIST_LENGTH_MAX: usize = 10_000;

/// The kind of a property's values (CMIS 1.1 §2.1.2.1, and `nested`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PropertyKind {
    /// A text.
    String,
    /// A 64-bit signed whole number.
    Integer,
    /// A 64-bit floating point number.
    Decimal,
    /// True or false.
    Boolean,
    /// An instant in UTC, to the millisecond.
    Datetime,
    /// An opaque identifier.
    Id,
    /// A URI (RFC 3986), kept as text.
    Uri,
    /// HTML, kept as text.
    Html,
    /// An object with properties of its own ([`PropertyDefinition::fields`]).
    Nested,
}

/// Whether a property holds one value or a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cardinality {
    /// At most one value.
    #[default]
    Single,
    /// A list of values, in order.
    Multi,
}

/// When a property may be given a value (CMIS 1.1 §2.1.3.3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Updatability {
    /// At any time.
    #[default]
    Readwrite,
    /// When the object is made, or the facet attached, and never again.
    Oncreate,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_yes(is_so: &bool) -> bool {
    *is_so
}

/// One property that a type or facet declares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PropertyDefinition {
    /// The property's id, unique in the repository: `prefix:name`.
    pub id: String,
    /// What people read.
    pub label: String,
    /// What they read in other languages, by language (BCP 47).
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// What it is for, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The kind of each value.
    pub kind: PropertyKind,
    /// One value or a list.
    #[serde(default)]
    pub cardinality: Cardinality,
    /// Whether an object without it is refused.
    #[serde(default)]
    pub required: bool,
    /// Whether values are also written to the property index, for filters, sorts and joins.
    #[serde(default)]
    pub indexed: bool,
    /// Whether a search of texts finds its words, those of its fields included; unless said otherwise it does.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub full_text: bool,
    /// When it may be given a value.
    #[serde(default)]
    pub updatability: Updatability,
    /// The value of an object that is made without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// The longest text, in characters.
    #[serde(default)]
    pub max_length: Option<usize>,
    /// The longest list; [`LIST_LENGTH_MAX`] unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_items: Option<usize>,
    /// What a whole text must look like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<Pattern>,
    /// The least number.
    #[serde(default)]
    pub min_value: Option<f64>,
    /// The greatest number.
    #[serde(default)]
    pub max_value: Option<f64>,
    /// The texts allowed; empty: any.
    #[serde(default)]
    pub choices: Vec<String>,
    /// What people read for a choice, by choice and language (BCP 47); the choice itself where there is nothing.
    #[serde(default)]
    pub choice_labels: BTreeMap<String, BTreeMap<String, String>>,
    /// The vocabulary whose terms are the values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vocabulary: Option<String>,
    /// The fields of a nested value.
    #[serde(default)]
    pub fields: Vec<PropertyDefinition>,
}

/// One reason why properties are refused. All reasons are reported together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// The property, with list positions and nested fields: `party[2].name`.
    pub field: String,
    /// What is wrong, as a stable snake_case code.
    pub code: &'static str,
    /// What is wrong, for a person.
    pub detail: String,
}

impl Violation {
    /// Returns the violation of `field` with its code and words.
    pub fn new(field: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self { field: field.into(), code, detail: detail.into() }
    }
}

impl PropertyDefinition {
    /// Says whether its values are texts.
    pub const fn is_text(&self) -> bool {
        matches!(self.kind, PropertyKind::String | PropertyKind::Id | PropertyKind::Uri | PropertyKind::Html)
    }

    /// Checks `value` and appends what is wrong with it to `violations`. Terms are those of the vocabularies of `types`.
    pub fn check(&self, types: &TypeRegistry, path: &str, value: &Value, violations: &mut Vec<Violation>) {
        match (self.cardinality, value) {
            (Cardinality::Single, Value::Array(_)) => {
                violations.push(Violation::new(path, "list_for_single", "takes one value, not a list"));
            }
            (Cardinality::Single, one) => self.check_one(types, path, one, violations),
            (Cardinality::Multi, Value::Array(values)) => self.check_list(types, path, values, violations),
            (Cardinality::Multi, _) => {
                violations.push(Violation::new(path, "single_for_list", "takes a list of values"));
            }
        }
    }

    fn check_list(&self, types: &TypeRegistry, path: &str, values: &[Value], violations: &mut Vec<Violation>) {
        let most = self.max_items.unwrap_or(LIST_LENGTH_MAX);
        if values.len() > most {
            let detail = format!("holds {} values; at most {most} are allowed", values.len());
            violations.push(Violation::new(path, "list_too_long", detail));
        }
        for (position, value) in values.iter().take(most).enumerate() {
            self.check_one(types, &format!("{path}[{position}]"), value, violations);
        }
    }

    fn check_one(&self, types: &TypeRegistry, path: &str, value: &Value, violations: &mut Vec<Violation>) {
        match (self.kind, value) {
            (_, Value::String(text)) if self.is_text() => self.check_text(types, path, text, violations),
            (PropertyKind::Integer, Value::Number(number)) if number.is_i64() => {
                self.check_range(path, number.as_f64(), violations);
            }
            (PropertyKind::Decimal, Value::Number(number)) => self.check_range(path, number.as_f64(), violations),
            (PropertyKind::Boolean, Value::Bool(_)) => {}
            (PropertyKind::Datetime, Value::String(text)) => {
                if Timestamp::parse(text).is_err() {
                    violations.push(Violation::new(path, "not_an_instant", "is not an ISO 8601 instant"));
                }
            }
            (PropertyKind::Nested, Value::Object(fields)) => {
                check_fields(types, &self.fields, path, fields, violations);
            }
            (kind, _) => {
                let detail = format!("is not of the kind {kind:?}").to_lowercase();
                violations.push(Violation::new(path, "wrong_kind", detail));
            }
        }
    }

    fn check_text(&self, types: &TypeRegistry, path: &str, text: &str, violations: &mut Vec<Violation>) {
        if text.contains('\0') {
            violations.push(Violation::new(path, "null_character", "contains the character U+0000"));
        }
        let too_long = match self.max_length {
            Some(characters) => text.len() > characters && key::length(text) > characters,
            None => text.len() > TEXT_BYTES_MAX,
        };
        if too_long {
            let detail = match self.max_length {
                Some(most) => format!("has at most {most} characters"),
                None => format!("has at most {TEXT_BYTES_MAX} bytes"),
            };
            violations.push(Violation::new(path, "too_long", detail));
            return;
        }
        if self.kind == PropertyKind::Uri && Iri::parse(text).is_err() {
            let detail = "is no URI or IRI with a scheme, such as https://office.example/marks (RFC 3986, RFC 3987)";
            violations.push(Violation::new(path, "not_a_uri", detail));
        }
        if !self.choices.is_empty() && !self.choices.iter().any(|choice| choice == text) {
            let detail = format!("is one of {}", listed(self.choices.iter().map(String::as_str)));
            violations.push(Violation::new(path, "not_a_choice", detail));
        }
        if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
            let detail = format!("does not look like `{}`", pattern.as_str());
            violations.push(Violation::new(path, "pattern_mismatch", detail));
        }
        if let Some(name) = &self.vocabulary {
            let vocabulary = types.vocabulary(name);
            match vocabulary.and_then(|vocabulary| vocabulary.term(text)) {
                None => {
                    let terms = vocabulary.iter().flat_map(|vocabulary| &vocabulary.definition.terms);
                    let given = terms.filter(|term| !term.retired).map(|term| term.id.as_str());
                    let detail = format!("is a term of the vocabulary `{name}`: one of {}", listed(given));
                    violations.push(Violation::new(path, "not_a_term", detail));
                }
                Some(term) if term.retired => {
                    let detail = format!("is a term of the vocabulary `{name}` that is given to nothing new");
                    violations.push(Violation::new(path, RETIRED_TERM, detail));
                }
                Some(_) => {}
            }
        }
    }

    fn check_range(&self, path: &str, number: Option<f64>, violations: &mut Vec<Violation>) {
        let Some(number) = number else { return };
        let too_small = self.min_value.is_some_and(|least| number < least);
        let too_great = self.max_value.is_some_and(|greatest| number > greatest);
        if too_small || too_great {
            let detail = match (self.min_value, self.max_value) {
                (Some(least), Some(greatest)) => format!("is a number from {least} to {greatest}"),
                (Some(least), None) => format!("is {least} or more"),
                (None, greatest) => format!("is {} or less", greatest.unwrap_or(f64::MAX)),
            };
            violations.push(Violation::new(path, "out_of_range", detail));
        }
    }
}

/// How many words are named of those that are allowed.
const LISTED_MAX: usize = 20;

/// Names what is allowed: `` `a`, `b` ``; of very many the first, and how many more there are.
pub fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut words = words.into_iter();
    let named: Vec<String> = words.by_ref().take(LISTED_MAX).map(|word| format!("`{word}`")).collect();
    match (named.is_empty(), words.count()) {
        (true, _) => "none, there are none".to_owned(),
        (false, 0) => named.join(", "),
        (false, more) => format!("{} and {more} more", named.join(", ")),
    }
}

/// The code of a value that only what has it already may keep.
pub(crate) const RETIRED_TERM: &str = "retired_term";

/// Checks the properties of one object, or the fields of one nested value, against `definitions`.
pub(crate) fn check_fields(
    types: &TypeRegistry,
    definitions: &[PropertyDefinition],
    prefix: &str,
    values: &Properties,
    violations: &mut Vec<Violation>,
) {
    let path_of = |id: &str| if prefix.is_empty() { id.to_owned() } else { format!("{prefix}.{id}") };
    for (id, value) in values {
        match definitions.iter().find(|definition| definition.id == *id) {
            Some(definition) => definition.check(types, &path_of(id), value, violations),
            None => violations.push(Violation::new(path_of(id), "unknown_property", "is not declared")),
        }
    }
    for definition in definitions.iter().filter(|definition| definition.required) {
        if !values.contains_key(&definition.id) {
            violations.push(Violation::new(path_of(&definition.id), "required", "is required"));
        }
    }
}
