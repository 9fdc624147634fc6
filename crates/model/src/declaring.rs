//! What a declaration must be like by itself, and which changes to one that is in use only relax it.

use crate::property::{Cardinality, LIST_LENGTH_MAX, PropertyDefinition, PropertyKind, Violation};
use crate::types::{BaseType, ContentRule, TypeDefinition, TypeRegistry};

/// How long an id may be, in bytes.
const ID_BYTES_MAX: usize = 200;
/// How deep nested values may be declared.
const NESTING_MAX: usize = 8;
/// How many properties a type may add.
const PROPERTIES_MAX: usize = 1_000;

/// What is wrong with a declaration, and where it stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The id of the type, facet or vocabulary.
    pub of: String,
    /// The field of its declaration, as the REST interface writes it.
    pub field: String,
    /// What is wrong, as a sentence that names the declaration.
    pub words: String,
}

impl Problem {
    /// Returns that something is wrong with a field of a declaration.
    pub(crate) fn new(of: &str, field: impl Into<String>, words: impl Into<String>) -> Self {
        Self { of: of.to_owned(), field: field.into(), words: words.into() }
    }
}

/// Appends what a check finds, all of it of one field of a declaration.
pub(crate) fn at_field(problems: &mut Vec<Problem>, of: &str, field: &str, check: impl FnOnce(&mut Vec<String>)) {
    let mut found = Vec::new();
    check(&mut found);
    problems.extend(found.into_iter().map(|words| Problem::new(of, field, words)));
}

/// Appends what is wrong with an id: it stands in addresses, in queries and in the paths of violations.
pub(crate) fn check_id(what: &str, id: &str, problems: &mut Vec<String>) {
    let mut parts = id.split(':');
    let is_word = |part: &str| {
        part.starts_with(|one: char| one.is_ascii_alphabetic())
            && part.chars().all(|one| one.is_ascii_alphanumeric() || matches!(one, '_' | '-'))
    };
    let is_id = id.len() <= ID_BYTES_MAX && parts.clone().count() <= 2 && parts.all(is_word);
    if !is_id {
        problems.push(format!(
            "the {what} `{}` is not called by one or two words of ASCII letters, figures, `_` and `-` with a colon between",
            id.chars().take(ID_BYTES_MAX).collect::<String>()
        ));
    }
}

/// Appends what is wrong with a type that has been resolved.
pub(crate) fn check_type(registry: &TypeRegistry, definition: &TypeDefinition, problems: &mut Vec<Problem>) {
    let id = &definition.id;
    at_field(problems, id, "id", |found| check_id("type", id, found));
    let mut problem = |field: &str, words: String| problems.push(Problem::new(id, field, words));
    if definition.label.trim().is_empty() {
        problem("label", format!("the type `{id}` has no label"));
    }
    if definition.base == BaseType::Facet && !definition.facets.is_empty() {
        problem("facets", format!("the facet `{id}` bears facets, which only types do"));
    }
    if definition.dossier && definition.base != BaseType::Folder {
        problem("dossier", format!("the type `{id}` is a dossier and no folder"));
    }
    if let Some(cycle) = &definition.life_cycle {
        if definition.base == BaseType::Facet {
            problem("lifeCycle", format!("the facet `{id}` has a life cycle, which only types have"));
        }
        at_field(problems, id, "lifeCycle", |found| cycle.check(id, found));
    }
    if definition.properties.len() > PROPERTIES_MAX {
        let words = format!("the type `{id}` adds more than {PROPERTIES_MAX} properties");
        problems.push(Problem::new(id, "properties", words));
        return;
    }
    for (position, property) in definition.properties.iter().enumerate() {
        let field = format!("properties[{position}]");
        let mut problem = |words: String| problems.push(Problem::new(id, format!("{field}.id"), words));
        if definition.properties.iter().take(position).any(|other| other.id == property.id) {
            problem(format!("the type `{id}` declares the property `{}` twice", property.id));
        }
        let above = definition.parent.as_deref().and_then(|parent| registry.get(parent));
        if above.is_some_and(|above| above.properties.iter().any(|other| other.id == property.id)) {
            problem(format!("the type `{id}` declares the property `{}`, which it inherits", property.id));
        }
        let place = Place { of: id, path: property.id.clone(), field, depth: 1 };
        check_property(registry, property, &place, problems);
    }
}

/// Where a property is declared.
struct Place<'a> {
    of: &'a str,
    /// The ids of the property and of those that it is a field of.
    path: String,
    field: String,
    depth: usize,
}

fn check_property(
    registry: &TypeRegistry,
    property: &PropertyDefinition,
    place: &Place<'_>,
    problems: &mut Vec<Problem>,
) {
    let Place { of, path, field, depth } = place;
    at_field(problems, of, &format!("{field}.id"), |found| check_id("property", &property.id, found));
    let mut problem = |name: &str, words: &str| {
        problems.push(Problem::new(of, format!("{field}.{name}"), format!("the property `{path}` {words}")));
    };
    let is_nested = property.kind == PropertyKind::Nested;
    let is_number = matches!(property.kind, PropertyKind::Integer | PropertyKind::Decimal);
    let ranged = if property.min_value.is_some() { "minValue" } else { "maxValue" };
    let has_range = property.min_value.is_some() || property.max_value.is_some();
    if is_nested == property.fields.is_empty() {
        problem("fields", if is_nested { "is nested and has no fields" } else { "has fields and is not nested" });
    }
    if is_nested && property.indexed {
        problem("indexed", "is nested: its fields are indexed, not itself");
    }
    if has_range && !is_number {
        problem(ranged, "has a range and is no number");
    }
    if property.min_value.zip(property.max_value).is_some_and(|(least, greatest)| least > greatest) {
        problem(ranged, "has a range in which nothing lies");
    }
    let rules = [
        ("maxLength", property.max_length.is_some()),
        ("pattern", property.pattern.is_some()),
        ("vocabulary", property.vocabulary.is_some()),
        ("choices", !property.choices.is_empty()),
    ];
    if let Some((name, _)) = rules.into_iter().find(|(_, is_there)| *is_there).filter(|_| !property.is_text()) {
        problem(name, "has a rule for texts and is none");
    }
    if property.max_items.is_some() && property.cardinality == Cardinality::Single {
        problem("maxItems", "has a longest list and is none");
    }
    if property.max_items.is_some_and(|most| most > LIST_LENGTH_MAX) {
        problem("maxItems", &format!("may hold more than {LIST_LENGTH_MAX} values"));
    }
    if let Some(name) = property.vocabulary.as_ref().filter(|name| registry.vocabulary(name).is_none()) {
        problem("vocabulary", &format!("takes terms of the unknown vocabulary `{name}`"));
    }
    if property.label.trim().is_empty() {
        problem("label", "has no label");
    }
    if ["cmis:", "cartulary:"].iter().any(|reserved| property.id.starts_with(reserved)) {
        problem("id", "is called like what every object has: only those begin with `cmis:` and `cartulary:`");
    }
    for (position, choice) in property.choices.iter().enumerate() {
        if property.choices.iter().take(position).any(|other| other == choice) {
            problem("choices", &format!("has the choice `{choice}` twice"));
        }
    }
    for choice in property.choice_labels.keys().filter(|choice| !property.choices.contains(choice)) {
        problem("choiceLabels", &format!("names the choice `{choice}`, which it has not"));
    }
    if let Some(default) = &property.default {
        let mut violations = Vec::new();
        property.check(registry, "", default, &mut violations);
        for violation in violations {
            problem("default", &format!("has a default that does not fit: it {}", violation.detail));
        }
    }
    if *depth > NESTING_MAX {
        problem("fields", &format!("is nested deeper than {NESTING_MAX}"));
        return;
    }
    for (position, nested) in property.fields.iter().enumerate() {
        let path = format!("{path}.{}", nested.id);
        let field = format!("{field}.fields[{position}]");
        if property.fields.iter().take(position).any(|other| other.id == nested.id) {
            problems.push(Problem::new(of, format!("{field}.id"), format!("the property `{path}` is declared twice")));
        }
        check_property(registry, nested, &Place { of, path, field, depth: depth + 1 }, problems);
    }
}

impl TypeDefinition {
    /// Returns what in `next` is no relaxation of this type, of which there are objects: what they are must stay right.
    pub fn violations_of_relaxing(&self, next: &Self) -> Vec<Violation> {
        let mut violations = Vec::new();
        let mut refuse = |field: &str, detail: &str| violations.push(Violation::new(field, "not_relaxed", detail));
        if next.parent != self.parent || next.base != self.base {
            refuse("parent", "stays while there are objects of the type");
        }
        if next.dossier != self.dossier {
            refuse("dossier", "stays while there are objects of the type");
        }
        if next.facets != self.facets {
            refuse("facets", "stay while there are objects of the type");
        }
        if next.content != self.content && next.content != ContentRule::Allowed {
            refuse("content", "can only become `allowed` while there are objects of the type");
        }
        if let Some(detail) = self.life_cycle.as_ref().and_then(|cycle| cycle.not_relaxed(next.life_cycle.as_ref())) {
            refuse("lifeCycle", detail);
        }
        let is_narrower = |before: &[String], after: &[String]| {
            !after.is_empty() && (before.is_empty() || before.iter().any(|one| !after.contains(one)))
        };
        if is_narrower(&self.allowed_sources, &next.allowed_sources) {
            refuse("allowedSources", "can only grow while there are objects of the type");
        }
        if is_narrower(&self.allowed_targets, &next.allowed_targets) {
            refuse("allowedTargets", "can only grow while there are objects of the type");
        }
        check_relaxed(&self.properties, &next.properties, "properties", &mut violations);
        violations
    }
}

fn check_relaxed(
    before: &[PropertyDefinition],
    after: &[PropertyDefinition],
    path: &str,
    violations: &mut Vec<Violation>,
) {
    for known in before {
        let place = format!("{path}.{}", known.id);
        match after.iter().find(|property| property.id == known.id) {
            Some(next) => check_property_relaxed(known, next, &place, violations),
            None => violations.push(Violation::new(place, "not_relaxed", "stays while there are objects of the type")),
        }
    }
    for new in after.iter().filter(|property| !before.iter().any(|known| known.id == property.id)) {
        let place = format!("{path}.{}", new.id);
        if new.required {
            violations.push(Violation::new(&place, "not_relaxed", "cannot be required of objects that are there"));
        }
    }
}

fn check_property_relaxed(
    known: &PropertyDefinition,
    next: &PropertyDefinition,
    place: &str,
    violations: &mut Vec<Violation>,
) {
    let mut refuse = |what: &str| {
        let detail = format!("{what} while there are objects of the type");
        violations.push(Violation::new(place, "not_relaxed", detail));
    };
    let meaning = |one: &PropertyDefinition| (one.kind, one.cardinality, one.indexed, one.full_text);
    if meaning(next) != meaning(known) {
        refuse("keeps its kind, its cardinality, and whether and how it is indexed");
    }
    if next.required && !known.required {
        refuse("cannot become required");
    }
    if is_tighter(known.max_length, next.max_length) || is_tighter(known.max_items, next.max_items) {
        refuse("cannot become shorter");
    }
    let is_narrower = next.min_value.is_some_and(|least| known.min_value.is_none_or(|before| least > before))
        || next.max_value.is_some_and(|most| known.max_value.is_none_or(|before| most < before));
    if is_narrower {
        refuse("keeps its range, or gets a wider one");
    }
    if next.pattern.is_some() && next.pattern != known.pattern {
        refuse("keeps its pattern, or loses it");
    }
    if next.vocabulary.is_some() && next.vocabulary != known.vocabulary {
        refuse("keeps its vocabulary, or loses it");
    }
    let has_fewer = !next.choices.is_empty()
        && (known.choices.is_empty() || known.choices.iter().any(|choice| !next.choices.contains(choice)));
    if has_fewer {
        refuse("keeps its choices, and may get more");
    }
    check_relaxed(&known.fields, &next.fields, place, violations);
}

/// Says whether a bound came, or came nearer.
fn is_tighter(known: Option<usize>, next: Option<usize>) -> bool {
    next.is_some_and(|next| known.is_none_or(|known| next < known))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::types::TypeFile;

    fn problems(text: &str) -> Vec<String> {
        TypeRegistry::check_all(TypeFile::parse(text).unwrap()).err().unwrap_or_default()
    }

    fn property(rest: &str) -> Vec<String> {
        problems(&format!(
            "[[types]]\nid = \"a\"\nbase = \"document\"\nlabel = \"A\"\n[[types.properties]]\nid = \"p\"\nlabel = \"P\"\n{rest}"
        ))
    }

    #[test]
    fn a_rule_that_does_not_fit_its_property_is_a_problem() {
        let check = |rest: &str, expect: &[&str]| assert_eq!(property(rest), expect, "{rest}");
        check("kind = \"string\"\nmin_value = 1", &["the property `p` has a range and is no number"]);
        check("kind = \"integer\"\npattern = \"x\"", &["the property `p` has a rule for texts and is none"]);
        check("kind = \"nested\"", &["the property `p` is nested and has no fields"]);
        check(
            "kind = \"integer\"\nmin_value = 2\nmax_value = 1",
            &["the property `p` has a range in which nothing lies"],
        );
        check("kind = \"string\"\nvocabulary = \"v\"", &["the property `p` takes terms of the unknown vocabulary `v`"]);
        check(
            "kind = \"integer\"\nmax_value = 5\ndefault = 6",
            &["the property `p` has a default that does not fit: it is 5 or less"],
        );
        check("kind = \"string\"\ndefault = \"x\"\nchoices = [\"x\"]", &[]);
        check("kind = \"string\"\nchoices = [\"x\", \"x\"]", &["the property `p` has the choice `x` twice"]);
    }

    #[test]
    fn labels_are_said_and_names_of_cmis_are_not_taken() {
        let found = problems(
            "[[types]]\nid = \"a\"\nbase = \"document\"\nlabel = \" \"\n\
             properties = [{ id = \"cmis:name\", label = \"\", kind = \"string\" }]",
        );
        assert_eq!(found.len(), 3, "{found:?}");
    }

    #[test]
    fn an_id_stands_in_addresses() {
        for id in ["", "a b", "a:b:c", "ab/c", "1a", "نوع", "a[0]", "a.b"] {
            let found = problems(&format!("[[types]]\nid = \"{id}\"\nbase = \"document\"\nlabel = \"A\""));
            assert_eq!(found.len(), 1, "{id}: {found:?}");
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let mut field = "{ id = \"x\", label = \"X\", kind = \"string\" }".to_owned();
        for _ in 0..9 {
            field = format!("{{ id = \"n\", label = \"N\", kind = \"nested\", fields = [{field}] }}");
        }
        let text = format!("[[types]]\nid = \"a\"\nbase = \"document\"\nlabel = \"A\"\nproperties = [{field}]");
        assert!(problems(&text).iter().any(|one| one.contains("deeper than 8")));
    }

    #[test]
    fn what_is_in_use_can_only_be_relaxed() {
        let parse = |rest: &str| {
            let head = "[[types]]\nid = \"a\"\nbase = \"document\"\nlabel = \"A\"\n[[types.properties]]\nid = \"p\"\nlabel = \"P\"\nkind = \"string\"\n";
            TypeFile::parse(&format!("{head}{rest}")).unwrap().types.remove(0)
        };
        let known = parse("required = true\nmax_length = 5\nchoices = [\"x\"]\ndefault = \"x\"");
        assert_eq!(known.properties.first().unwrap().default, Some(serde_json::json!("x")));
        assert_eq!(known.violations_of_relaxing(&parse("max_length = 6\nchoices = [\"x\", \"y\"]")), []);
        assert_eq!(known.violations_of_relaxing(&parse("")), []);
        let codes = |next: &str| -> Vec<String> {
            known.violations_of_relaxing(&parse(next)).into_iter().map(|one| one.field).collect()
        };
        assert_eq!(codes("max_length = 4"), ["properties.p"]);
        assert_eq!(codes("indexed = true\nchoices = [\"y\"]").len(), 2);
        assert_eq!(codes("pattern = \"x\"").len(), 1);
        assert_eq!(
            codes("[[types.properties]]\nid = \"q\"\nlabel = \"Q\"\nkind = \"string\"\nrequired = true").len(),
            1
        );
        assert_eq!(codes("[[types.properties]]\nid = \"q\"\nlabel = \"Q\"\nkind = \"string\""), [""; 0]);
    }
}
