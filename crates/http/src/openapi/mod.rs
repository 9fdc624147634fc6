//! The OpenAPI 3.1 document, assembled from the routes; what holds for all of them is said here once.

mod answers;
mod webhooks;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::__dev::{SchemaReferences, Tags};
use utoipa::Path;

use crate::error::CODES;
use crate::modules::ModuleRoutes;

/// The operations that ask nobody who they are. All others take [`crate::Guarded`].
pub const PUBLIC: &[&str] =
    &["create_session", "get_liveness", "get_metrics", "get_openapi", "get_readiness", "get_upload_options"];

/// A document under construction.
#[derive(Clone, Debug, Default)]
pub struct Document {
    paths: BTreeMap<String, BTreeMap<String, Value>>,
    schemas: BTreeMap<String, Value>,
}

impl Document {
    /// Adds the route `T`, a handler with `#[utoipa::path]` over its `#[get("…")]`, below `prefix`.
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "it adds a route, and nothing is summed")]
    pub fn add<T: Path + SchemaReferences + for<'t> Tags<'t>>(mut self, prefix: &str) -> Self {
        let path = format!("{prefix}{}", T::path());
        let mut schemas = Vec::new();
        T::schemas(&mut schemas);
        for (name, schema) in schemas {
            if let Ok(schema) = serde_json::to_value(schema) {
                self.schemas.insert(name, schema);
            }
        }
        for method in T::methods() {
            let method = serde_json::to_value(&method).ok().and_then(|word| word.as_str().map(str::to_owned));
            let operation = serde_json::to_value(T::operation()).ok();
            if let (Some(method), Some(Value::Object(mut operation))) = (method, operation) {
                operation.insert("tags".into(), json!(T::tags()));
                complete(&path, &method, &mut operation);
                self.paths.entry(path.clone()).or_default().insert(method, Value::Object(operation));
            }
        }
        self
    }

    /// Returns each path with its methods, in capitals, with commas between.
    pub(crate) fn methods(&self) -> Vec<(String, String)> {
        let join = |operations: &BTreeMap<String, Value>| {
            let mut methods: Vec<String> = operations.keys().map(|method| method.to_uppercase()).collect();
            if operations.contains_key("get") {
                methods.push("HEAD".to_owned());
            }
            methods.join(", ")
        };
        self.paths.iter().map(|(path, operations)| (path.clone(), join(operations))).collect()
    }

    /// Returns the operations that take no query, as `GET /path`.
    pub(crate) fn without_query(&self) -> impl Iterator<Item = String> {
        let operations = |(path, operations): (&String, &BTreeMap<String, Value>)| {
            let bare = operations.iter().filter(|(_, operation)| !operation.as_object().is_some_and(has_query));
            bare.map(|(method, _)| format!("{} {path}", method.to_uppercase())).collect::<Vec<_>>()
        };
        self.paths.iter().flat_map(operations)
    }

    /// Returns the whole document.
    pub fn finish(mut self) -> Value {
        let mut schemas: Map<String, Value> = self.schemas.into_iter().collect();
        answers::complete_all(&mut self.paths, &schemas);
        schemas.insert("Problem".into(), problem_schema());
        let mut document = json!({
            "openapi": "3.1.0",
            "info": {
                "title": "Cartulary",
                "version": "1",
                "description": "Dossiers, documents, versions and full text. Every write answers `Cartulary-Transaction`; \
                    lists, search and changes take it as `waitFor`.",
                "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
            },
            "servers": [{ "url": "/" }],
            "paths": self.paths,
            "webhooks": webhooks::webhooks(),
            "components": {
                "schemas": schemas,
                "headers": answers::headers(),
                "responses": { "Problem": problem_response("A problem; `code` says which.") },
                "securitySchemes": {
                    "bearer": { "type": "http", "scheme": "bearer" },
                    "cookie": { "type": "apiKey", "in": "cookie", "name": crate::guarded::SESSION_COOKIE },
                    "csrf": { "type": "apiKey", "in": "header", "name": "X-CSRF-Token" },
                },
            },
        });
        answers::open_objects(&mut document);
        sorted(document)
    }
}

/// Returns the document of the core and the modules.
pub fn document(modules: &[ModuleRoutes]) -> Value {
    described(modules).finish()
}

/// Returns it under construction.
pub(crate) fn described(modules: &[ModuleRoutes]) -> Document {
    let describe = |document, module: &ModuleRoutes| match module.describe {
        Some(describe) => describe(document),
        None => document,
    };
    modules.iter().fold(crate::routes::describe(), describe)
}

/// Returns the document as text, as it is served and committed.
pub fn json(modules: &[ModuleRoutes]) -> String {
    let mut text = serde_json::to_string_pretty(&document(modules)).unwrap_or_default();
    text.push('\n');
    text
}

/// Adds what follows from the shape of an operation: who may call it, and which problems it answers.
fn complete(path: &str, method: &str, operation: &mut Map<String, Value>) {
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
    let is_public = PUBLIC.contains(&id);
    let is_safe = method == "get";
    let security = match (is_public, is_safe) {
        (true, _) => json!([]),
        (false, true) => json!([{ "bearer": [] }, { "cookie": [] }]),
        (false, false) => json!([{ "bearer": [] }, { "cookie": [], "csrf": [] }]),
    };
    let has_body = operation.contains_key("requestBody");
    let has_condition = parameter_names(operation).any(|name| name == "If-Match");
    let has_query = has_query(operation);
    let mut statuses = vec!["default"];
    let rules: [(bool, &[&str]); 6] = [
        (!is_public, &["400", "401", "403"]),
        (path.contains('{') || has_body, &["404", "409"]),
        (has_condition, &["412", "428"]),
        (has_query || !is_safe, &["422"]),
        (!is_safe && !is_public, &["409", "423"]),
        (has_body, &["400", "409", "413", "415", "429", "507"]),
    ];
    statuses.extend(rules.iter().filter(|(holds, _)| *holds).flat_map(|(_, statuses)| statuses.iter().copied()));
    operation.insert("security".into(), security);
    let responses = operation.entry("responses").or_insert_with(|| json!({}));
    let Some(responses) = responses.as_object_mut() else { return };
    for status in statuses {
        responses.entry(status).or_insert_with(|| json!({ "$ref": "#/components/responses/Problem" }));
    }
    for (status, response) in responses.iter_mut() {
        let is_bare_problem = status.as_str() >= "400"
            && status != "default"
            && response.get("description").is_some()
            && response.get("content").is_none();
        if is_bare_problem {
            let description = response.get("description").and_then(Value::as_str).unwrap_or_default().to_owned();
            *response = problem_response(&description);
        }
    }
}

fn has_query(operation: &Map<String, Value>) -> bool {
    let parameters = operation.get("parameters").and_then(Value::as_array);
    parameters.into_iter().flatten().any(|parameter| parameter.get("in").is_some_and(|place| place == "query"))
}

fn parameter_names(operation: &Map<String, Value>) -> impl Iterator<Item = &str> {
    let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    parameters.filter_map(|parameter| parameter.get("name").and_then(Value::as_str))
}

fn problem_response(description: &str) -> Value {
    json!({
        "description": description,
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    })
}

fn problem_schema() -> Value {
    let codes: Vec<&str> = CODES.iter().map(|row| row.code).collect();
    json!({
        "type": "object",
        "description": "What went wrong (RFC 9457).",
        "required": ["type", "title", "status", "code", "detail"],
        "properties": {
            "type": { "type": "string", "format": "uri" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "code": { "type": "string", "description": "Stable. Conflicts and modules add further ones.", "examples": codes },
            "detail": { "type": "string" },
            "parameters": { "type": "object", "description": "What the title speaks of, for translations." },
            "violations": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["field", "code", "detail"],
                    "properties": {
                        "field": { "type": "string" },
                        "code": { "type": "string" },
                        "detail": { "type": "string" },
                    },
                },
            },
            "current": { "type": "object", "description": "With `stale`: the object as it is now." },
            "requestId": { "type": "string" },
        },
    })
}

/// Orders all keys, whatever the map's own order is in this build.
fn sorted(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            let ordered: BTreeMap<String, Value> = map.into_iter().map(|(key, value)| (key, sorted(value))).collect();
            Value::Object(ordered.into_iter().collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(sorted).collect()),
        other => other,
    }
}
