//! The OpenAPI document: committed, complete, of one style, and true.

use std::collections::BTreeSet;

use serde_json::Value;

fn document() -> Value {
    cartulary_http::openapi::document(&[])
}

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut all = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            all.push((path.clone(), method.clone(), operation.clone()));
        }
    }
    all
}

/// `UPDATE=1` writes it anew.
#[test]
fn the_committed_document_is_the_served_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, cartulary_http::openapi::json(&[])).unwrap();
    }
    let committed: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(committed == document(), "crates/http/openapi.json is old: run the test again with UPDATE=1 and commit it");
}

#[test]
fn every_operation_is_described_whole() {
    let document = document();
    let verbs = ["list", "get", "create", "update", "delete", "search", "check", "finish", "move", "restore"];
    let mut ids = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let at = format!("{method} {path}");
        let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{at} has no operationId"));
        let (verb, resource) = id.split_once('_').unwrap_or_else(|| panic!("{at}: {id}"));
        assert!(verbs.contains(&verb) && !resource.is_empty(), "{at}: {id}");
        assert!(ids.insert(id.to_owned()), "{at}: {id} stands twice");
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(summary.ends_with('.') && summary.starts_with(char::is_uppercase), "{at}: {summary:?}");
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{at} has one tag");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.contains_key("default"), "{at} names no problem");
        assert!(responses.keys().any(|status| status.starts_with('2')), "{at} names no success");
        assert!(operation["security"].is_array(), "{at} says nothing of who may");
        for place in path.split('/').filter_map(|segment| segment.strip_prefix('{')) {
            let place = place.trim_end_matches('}');
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            assert!(parameters.iter().any(|one| one["name"] == place && one["in"] == "path"), "{at}: {place}");
        }
    }
}

#[test]
fn every_change_of_an_object_asks_for_its_state() {
    // One's own password is changed from the password as it is; the trash as a whole has no state; what was read was read.
    // What is put under a hold, or released, is so whatever it was before.
    let unversioned = [
        "update_password",
        "delete_session",
        "update_import_file",
        "delete_trash",
        "update_upload",
        "delete_upload",
        "delete_export",
        "update_notification",
        "update_held_object",
        "delete_held_object",
    ];
    for (path, method, operation) in operations(&document()) {
        let id = operation["operationId"].as_str().unwrap();
        let changes = ["put", "patch", "delete"].contains(&method.as_str()) && !unversioned.contains(&id);
        if changes {
            assert!(operation["responses"]["428"].is_object(), "{method} {path}");
        }
    }
}

#[test]
fn all_references_lead_somewhere() {
    let document = document();
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(map) => {
                if let Some(reference) = map.get("$ref").and_then(Value::as_str) {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
                }
                open.extend(map.values());
            }
            Value::Array(values) => open.extend(values),
            _ => {}
        }
    }
}

#[test]
fn fields_are_in_lower_camel_case_and_described() {
    let is_camel = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(|c| c.is_ascii_alphanumeric())
    };
    let document = document();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let mut parts = vec![schema];
        parts.extend(schema["allOf"].as_array().into_iter().flatten());
        for part in parts {
            for (field, described) in part["properties"].as_object().into_iter().flatten() {
                // A keyword of JSON-LD.
                assert!(is_camel(field) || field == "@context", "{name}.{field}");
                let is_described = described["description"].is_string()
                    || name == "Problem"
                    || described["$ref"].is_string()
                    || described["oneOf"].is_array();
                assert!(is_described, "{name}.{field} has no description");
            }
        }
    }
    for (path, method, operation) in operations(&document) {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let (name, place) = (parameter["name"].as_str().unwrap(), parameter["in"].as_str().unwrap());
            assert!(place == "header" || is_camel(name), "{method} {path}: {name}");
            assert!(parameter["description"].is_string(), "{method} {path}: {name} has no description");
        }
    }
}

#[test]
fn the_kinds_of_changes_are_named_in_the_document() {
    let document = document();
    let words = document["components"]["schemas"]["Change"]["properties"]["kind"]["description"].as_str().unwrap();
    for kind in cartulary_model::ChangeKind::ALL {
        assert!(words.contains(&format!("`{}`", kind.as_str())), "{}: {words}", kind.as_str());
    }
}

#[actix_web::test]
async fn a_parameter_that_nobody_knows_was_left_out_of_account() {
    let office = crate::office::Office::open().await;
    let client = office.admin().await;
    for (path, method, operation) in operations(&document()) {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let id = operation["operationId"].as_str().unwrap();
        let is_guarded = !cartulary_http::openapi::PUBLIC.contains(&id);
        if is_guarded && !parameters.iter().any(|one| one["in"] == "query") {
            let mut uri = path.clone();
            while let Some((before, rest)) = uri.split_once('{') {
                uri = format!("{before}1{}", rest.split_once('}').unwrap().1);
            }
            let method = actix_web::http::Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
            let answer = client.ask_at(method, &format!("{uri}?at=2026-01-01")).send().await;
            assert_eq!(answer.problem(400, "invalid_query")["parameters"]["parameter"], "at", "{path}");
        }
    }
}
