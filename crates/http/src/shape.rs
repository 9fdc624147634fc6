//! JSON read into a form, or refused in the words of a person, with the place in it that is wrong.

use cartulary_model::Violation;
use cartulary_repository::RepositoryError;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_json::{Value, json};
use serde_path_to_error::Segment;

use crate::error::ApiError;

/// The longest text of which all that is wrong is told; of a longer one it is the first. *Units*: bytes.
const WHOLE_BYTES_MAX: usize = 64 * 1024;
/// How much that is wrong is told at most.
const FAULTS_MAX: usize = 20;
/// Texts that fields of ours take: an id, an instant, a digest.
const TEXTS: [&str; 4] = [
    "",
    "00000000-0000-7000-8000-000000000000",
    "2000-01-01T00:00:00Z",
    "0000000000000000000000000000000000000000000000000000000000000000",
];

/// Reads `text` as JSON. `within` is the field that holds it; empty for a body.
///
/// # Errors
/// `malformed_json` for a body that is no JSON; else `invalid`, which names all fields of a wrong shape.
pub(crate) fn read<T: DeserializeOwned>(text: &[u8], within: &str) -> Result<T, ApiError> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let read: Result<T, _> = serde_path_to_error::deserialize(&mut reader);
    let fault = match read {
        Ok(value) => match reader.end() {
            Ok(()) => return Ok(value),
            Err(error) => Fault { steps: Vec::new(), path: String::new(), error },
        },
        Err(error) => Fault::from(error),
    };
    if fault.error.classify() != Category::Data {
        return Err(match within {
            "" => ApiError::malformed_json(&fault.error),
            field => ApiError::invalid(field, "wrong_shape", "is not JSON"),
        });
    }
    let mut violations = vec![fault.violation(within)];
    if text.len() <= WHOLE_BYTES_MAX
        && let Ok(value) = serde_json::from_slice(text)
    {
        add_others::<T>(value, within, &mut violations);
    }
    Err(RepositoryError::Invalid { violations }.into())
}

/// A step from the whole of a JSON text to a part.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Member(String),
    Element(usize),
    Unknown,
}

/// The first that is wrong.
struct Fault {
    steps: Vec<Step>,
    path: String,
    error: serde_json::Error,
}

impl From<serde_path_to_error::Error<serde_json::Error>> for Fault {
    fn from(error: serde_path_to_error::Error<serde_json::Error>) -> Self {
        let step = |segment: &Segment| match segment {
            Segment::Seq { index } => Step::Element(*index),
            Segment::Map { key } | Segment::Enum { variant: key } => Step::Member(key.clone()),
            Segment::Unknown => Step::Unknown,
        };
        let steps = error.path().iter().map(step).collect();
        Self { steps, path: error.path().to_string(), error: error.into_inner() }
    }
}

impl Fault {
    /// Returns the field that is missing or not known, unless the path ends with it already.
    fn name(&self) -> Option<String> {
        let (name, _) = words_of(&self.error.to_string());
        // Of a field that is not known, the path ends with its name already.
        name.filter(|name| self.path != *name && !self.path.ends_with(&format!(".{name}")))
    }

    /// Returns the steps to what is wrong.
    fn place(&self) -> Vec<Step> {
        self.steps.iter().cloned().chain(self.name().map(Step::Member)).collect()
    }

    fn violation(&self, within: &str) -> Violation {
        // The path of the whole is a dot.
        let path = if self.path == "." { String::new() } else { self.path.clone() };
        let parts = [Some(within.to_owned()), Some(path), self.name()];
        let place: Vec<String> = parts.into_iter().flatten().filter(|part| !part.is_empty()).collect();
        Violation::new(place.join("."), "wrong_shape", words_of(&self.error.to_string()).1)
    }
}

fn fault_of<T: DeserializeOwned>(value: &Value) -> Option<Fault> {
    let read: Result<T, _> = serde_path_to_error::deserialize(value);
    read.err().map(Fault::from)
}

/// Adds what else is wrong: each fault is mended, in a copy that nobody keeps, until the next is found. A fault that nothing
/// mends ends the search.
fn add_others<T: DeserializeOwned>(mut value: Value, within: &str, violations: &mut Vec<Violation>) {
    let mut fault = fault_of::<T>(&value);
    while let Some(found) = fault
        && violations.len() < FAULTS_MAX
    {
        let violation = found.violation(within);
        if !violations.iter().any(|known| known.field == violation.field) {
            violations.push(violation);
        }
        let mut remedies = remedies_of(&found).into_iter();
        let place = found.place();
        fault = loop {
            let Some(remedy) = remedies.next() else { return };
            let mut mended = value.clone();
            if put(&mut mended, &place, remedy).is_none() {
                continue;
            }
            let next = fault_of::<T>(&mended);
            if next.as_ref().is_none_or(|next| !next.place().starts_with(&place)) {
                value = mended;
                break next;
            }
        };
    }
}

/// Returns what may stand where the fault is; nothing: the field goes away.
fn remedies_of(fault: &Fault) -> Vec<Option<Value>> {
    let message = fault.error.to_string();
    let words = message.split_once(", expected ").map(|(_, known)| known).unwrap_or_default();
    let variant = words.split('`').nth(1).map(|word| Some(Value::from(word)));
    let texts = TEXTS.iter().map(|text| Some(Value::from(*text)));
    let others = [Value::from(0), Value::from(false), json!([]), json!({})].map(Some);
    // What is missed when a field goes away is told later than what stands there.
    variant.into_iter().chain(texts).chain(others).chain(std::iter::once(None)).collect()
}

/// Puts a value at a place, or takes away what is there.
fn put(value: &mut Value, place: &[Step], new: Option<Value>) -> Option<()> {
    let (last, above) = place.split_last()?;
    let mut at = value;
    for step in above {
        at = match step {
            Step::Member(name) => at.get_mut(name)?,
            Step::Element(position) => at.get_mut(position)?,
            Step::Unknown => return None,
        };
    }
    match (last, at, new) {
        (Step::Member(name), Value::Object(members), Some(new)) => drop(members.insert(name.clone(), new)),
        (Step::Member(name), Value::Object(members), None) => drop(members.remove(name)?),
        // What follows in a list keeps its place.
        (Step::Element(position), Value::Array(elements), Some(new)) => *elements.get_mut(*position)? = new,
        _ => return None,
    }
    Some(())
}

/// Returns the field that the message names, and what is wrong in words.
fn words_of(message: &str) -> (Option<String>, String) {
    let message = match message.rfind(" at line ") {
        Some(end) => message.get(..end).unwrap_or(message),
        None => message,
    };
    let named = |rest: &str| rest.split('`').nth(1).map(str::to_owned);
    if let Some(rest) = message.strip_prefix("missing field ") {
        return (named(rest), "is missing".to_owned());
    }
    if let Some(rest) = message.strip_prefix("duplicate field ") {
        return (named(rest), "comes once".to_owned());
    }
    if let Some(rest) = message.strip_prefix("unknown field ") {
        let words = match rest.split_once(", expected ") {
            Some((_, known)) => format!("is not known here: {known} is"),
            None => "is not known here".to_owned(),
        };
        return (named(rest), words);
    }
    if let Some((_, known)) = message.split_once(", expected ").filter(|_| message.starts_with("unknown variant ")) {
        return (None, format!("is not known here: {known} is"));
    }
    for kind in ["invalid type: ", "invalid value: ", "invalid length "] {
        if let Some((found, wanted)) = message.strip_prefix(kind).and_then(|rest| rest.split_once(", expected ")) {
            let found = if kind == "invalid length " { "a list" } else { found_kind(found) };
            return (None, format!("is {found}, and {} is wanted", wanted_kind(wanted)));
        }
    }
    if message.starts_with("data did not match") {
        return (None, "has a shape that is not known here".to_owned());
    }
    (None, format!("cannot be used: {message}"))
}

/// Says what was sent, without repeating it.
fn found_kind(found: &str) -> &'static str {
    let kinds = [
        ("string", "a text"),
        ("character", "a text"),
        ("integer `-", "a negative number"),
        ("integer", "a number"),
        ("floating point", "a number with a fraction"),
        ("boolean", "true or false"),
        ("null", "null"),
        ("unit", "null"),
        ("sequence", "a list"),
        ("map", "an object"),
    ];
    kinds.iter().find(|(word, _)| found.starts_with(word)).map_or("something else", |(_, kind)| kind)
}

/// Says what is wanted; names of types are ours, and say nothing to a client.
fn wanted_kind(wanted: &str) -> &'static str {
    let kinds = [
        ("struct ", "an object"),
        ("a map", "an object"),
        ("map", "an object"),
        ("a sequence", "a list"),
        ("a string", "a text"),
        ("string", "a text"),
        ("a borrowed string", "a text"),
        ("a boolean", "true or false"),
        ("u", "a whole number that is not negative"),
        ("i", "a whole number"),
        ("f", "a number"),
        ("a UUID", "an id"),
    ];
    kinds.iter().find(|(word, _)| wanted.starts_with(word)).map_or("something else", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only whether it is read matters")]
    struct Outer {
        name: String,
        #[serde(default)]
        rows: Vec<Inner>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only whether it is read matters")]
    struct Inner {
        size: Option<u64>,
        digest: Option<cartulary_model::BlobDigest>,
        kind: Option<cartulary_model::PropertyKind>,
    }

    /// Reads what is wrong, and says the first in the words of a refusal.
    fn first(text: &[u8], within: &str) -> String {
        let refused = read::<Outer>(text, within).unwrap_err();
        match refused.violations() {
            [first, ..] => ApiError::from(RepositoryError::Invalid { violations: vec![first.clone()] }).to_string(),
            [] => refused.to_string(),
        }
    }

    #[track_caller]
    fn check(text: &str, expect: &str) {
        assert_eq!(first(text.as_bytes(), ""), expect, "{text}");
    }

    #[test]
    fn a_wrong_shape_names_the_field_and_no_type_of_ours() {
        check("{}", "invalid: `name` is missing");
        check("[1]", "invalid: `[0]` is a number, and a text is wanted");
        check("7", "invalid: the input is a number, and an object is wanted");
        check(r#"{"name":7}"#, "invalid: `name` is a number, and a text is wanted");
        check(r#"{"name":"a","name":"b"}"#, "invalid: `name` comes once");
        check(r#"{"name":"a","colour":1}"#, "invalid: `colour` is not known here: `name` or `rows` is");
        check(
            r#"{"name":"a","rows":[{},{"size":-1}]}"#,
            "invalid: `rows[1].size` is a negative number, and a whole number that is not negative is wanted",
        );
        check(r#"{"name":"a","rows":[[1,2,3]]}"#, "invalid: `rows[0][1]` is a number, and a text is wanted");
        check(
            r#"{"name":"a","rows":[{"digest":"x"}]}"#,
            "invalid: `rows[0].digest` cannot be used: a blob digest is 64 lower-case hex digits",
        );
        check(r#"{"name":"a","rows":{}}"#, "invalid: `rows` is an object, and a list is wanted");
        check(r#"{"name":"a","rows":[{"#, "malformed_json: EOF while parsing an object at line 1 column 21");
    }

    #[test]
    fn a_field_that_holds_json_is_named() {
        assert_eq!(first(b"{", "properties"), "invalid: `properties` is not JSON");
        let rows = first(b"{\"rows\":1}", "properties");
        assert_eq!(rows, "invalid: `properties.rows` is a number, and a list is wanted");
    }

    #[test]
    fn all_fields_of_a_wrong_shape_are_named() {
        let fields = |text: &str| -> Vec<String> {
            let refused = read::<Outer>(text.as_bytes(), "").unwrap_err();
            let mut fields: Vec<String> = refused.violations().iter().map(|one| one.field.clone()).collect();
            fields.sort();
            fields
        };
        assert_eq!(
            fields(r#"{"colour":1,"rows":[{"size":"x"},7,{"digest":7,"size":-1,"more":[]}]}"#),
            ["colour", "name", "rows[0].size", "rows[1]", "rows[2].digest", "rows[2].more", "rows[2].size"]
        );
        assert_eq!(fields(r#"{"name":7,"rows":7}"#), ["name", "rows"]);
        assert_eq!(fields(r#"{"name":"a","name":"b","rows":7}"#), ["name", "rows"]);
        assert_eq!(fields("[7, 8]"), ["[0]", "[1]"]);
        assert_eq!(
            fields(r#"{"name":"a","rows":[{"kind":"x","size":"x"},{"kind":7}],"more":1}"#),
            ["more", "rows[0].kind", "rows[0].size", "rows[1].kind"]
        );
        assert_eq!(fields("7"), [""]);
        let many = (0..50).map(|number| format!("\"f{number}\":1")).collect::<Vec<_>>().join(",");
        assert_eq!(fields(&format!("{{{many}}}")).len(), FAULTS_MAX);
    }
}
