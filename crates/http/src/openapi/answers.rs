//! What follows from the shape of the routes: the headers of their answers, and the bodies that are bytes and not JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::parameter_names;

/// The writes that do not name a transaction: they change a sign-in, what follows of a job, or an upload that is no object yet.
const WITHOUT_TRANSACTION: &[&str] = &[
    "check_import",
    "create_backup_run",
    "create_bag_import",
    "create_import",
    "create_notifications_read",
    "create_query",
    "create_session",
    "create_upload",
    "create_webhook_ping",
    "delete_session",
    "delete_upload",
    "finish_import",
    "update_bulk_action_abort",
    "update_export_abort",
    "update_password",
    "update_upload",
    "update_upload_by_post",
];
/// The creations that are found in a list only.
const WITHOUT_ADDRESS: &[&str] = &["create_session", "create_seal", "create_webhook_replays"];
/// The answers with an entity tag whose body says its change token elsewhere, or not at all.
const TAGGED: &[&str] = &[
    "create_dossier_version",
    "create_object_retention_event",
    "get_acl",
    "get_dossier_version",
    "get_object_lock",
    "get_object_retention",
    "get_quota",
    "update_acl",
    "update_named_acl",
    "update_object_retention",
    "update_quota",
];

/// Returns the headers of answers that the document describes once.
pub(super) fn headers() -> Value {
    let text = |description: &str| json!({ "description": description, "schema": { "type": "string" } });
    json!({
        "Accept-Ranges": text("`bytes`: a part can be asked for with `Range`."),
        "Cartulary-Transaction": text("The transaction of the write; lists, search and changes take it as `waitFor`."),
        "Content-Disposition": text("The name of the file (RFC 6266)."),
        "Content-Range": text("Which bytes these are, and of how many (RFC 9110)."),
        "ETag": text("The state of what is answered, for `If-Match` and `If-None-Match`."),
        "Location": text("The address of what was made, or where to follow what is being done."),
        "Tus-Resumable": text("`1.0.0`, the version of the protocol of uploads."),
        "Upload-Expires": text("When the upload is removed if nothing more comes."),
        "Upload-Offset": text("How many bytes have arrived."),
    })
}

/// Completes all operations, once all schemas are known.
pub(super) fn complete_all(paths: &mut BTreeMap<String, BTreeMap<String, Value>>, schemas: &Map<String, Value>) {
    for (path, operations) in paths {
        for (method, operation) in operations {
            complete_body(operation);
            complete_answers(path, method, operation, schemas);
        }
    }
}

/// Bytes are bytes, and no list of numbers; and where an upload or a digest stands for them, there is no body.
fn complete_body(operation: &mut Value) {
    let may_be_elsewhere = operation.as_object().is_some_and(|operation| {
        let uploaded = parameter_names(operation).any(|name| name == "upload");
        uploaded || operation.get("operationId").is_some_and(|id| id == "create_upload")
    });
    let Some(body) = operation.get_mut("requestBody").and_then(Value::as_object_mut) else { return };
    let contents = body.get_mut("content").and_then(Value::as_object_mut);
    for (media_type, content) in contents.into_iter().flatten() {
        if media_type.ends_with("octet-stream") {
            content["schema"] = bytes();
        }
    }
    if may_be_elsewhere {
        body.insert("required".to_owned(), json!(false));
    }
}

fn bytes() -> Value {
    json!({ "type": "string", "format": "binary" })
}

fn complete_answers(path: &str, method: &str, operation: &mut Value, schemas: &Map<String, Value>) {
    let id = operation.get("operationId").and_then(Value::as_str).unwrap_or_default().to_owned();
    let is_upload = path.starts_with("/api/v1/uploads");
    let names_transaction = method != "get" && method != "options" && !WITHOUT_TRANSACTION.contains(&id.as_str());
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else { return };
    let mut is_tagged = false;
    for (status, response) in responses.iter_mut().filter(|(status, _)| status.starts_with('2')) {
        let mut names = Vec::new();
        let made = status == "201" || status == "202";
        if made && !WITHOUT_ADDRESS.contains(&id.as_str()) {
            names.push("Location");
        }
        if names_transaction {
            names.push("Cartulary-Transaction");
        }
        if has_token(response, schemas) || TAGGED.contains(&id.as_str()) {
            names.push("ETag");
        }
        if is_bytes(response) {
            names.extend(["ETag", "Accept-Ranges", "Content-Disposition"]);
        }
        if status == "206" {
            names.push("Content-Range");
        }
        if is_upload {
            names.extend(["Tus-Resumable", "Upload-Expires", "Upload-Offset"]);
        }
        is_tagged |= names.contains(&"ETag");
        put_headers(response, &names);
    }
    if method == "get" && is_tagged {
        let unchanged = responses
            .entry("304")
            .or_insert_with(|| json!({ "description": "the client has it already, as `If-None-Match` says" }));
        put_headers(unchanged, &["ETag"]);
    }
}

fn put_headers(response: &mut Value, names: &[&str]) {
    if names.is_empty() {
        return;
    }
    let named =
        names.iter().map(|name| ((*name).to_owned(), json!({ "$ref": format!("#/components/headers/{name}") })));
    response["headers"] = Value::Object(named.collect());
}

/// Says whether a response is a file, whose bytes are answered, and describes them as such.
fn is_bytes(response: &mut Value) -> bool {
    let contents = response.get_mut("content").and_then(Value::as_object_mut);
    let files = contents.into_iter().flatten().filter(|(media_type, content)| {
        media_type.starts_with("application/") && !media_type.ends_with("json") && content.get("schema").is_none()
    });
    let mut is_file = false;
    for (_, content) in files {
        content["schema"] = bytes();
        is_file = true;
    }
    is_file
}

/// Says whether a response is one object with its state, which its entity tag is made of.
fn has_token(response: &Value, schemas: &Map<String, Value>) -> bool {
    let contents = response.get("content").and_then(Value::as_object).into_iter().flatten();
    contents.filter_map(|(_, content)| content.get("schema")).any(|schema| names_token(schema, schemas))
}

fn names_token(schema: &Value, schemas: &Map<String, Value>) -> bool {
    let named = schema.get("$ref").and_then(Value::as_str).and_then(|reference| reference.rsplit('/').next());
    if let Some(name) = named {
        return name == "Annotation" || schemas.get(name).is_some_and(|schema| names_token(schema, schemas));
    }
    let parts = schema.get("allOf").and_then(Value::as_array).into_iter().flatten();
    schema.pointer("/properties/changeToken").is_some() || parts.into_iter().any(|part| names_token(part, schemas))
}

/// Says of every object whose fields are not said that it may have any.
pub(super) fn open_objects(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let is_bare = map.get("type").is_some_and(|kind| kind == "object" || kind == &json!(["object", "null"]))
                && !["properties", "additionalProperties", "allOf"].iter().any(|key| map.contains_key(*key));
            if is_bare {
                map.insert("additionalProperties".to_owned(), json!(true));
            }
            map.values_mut().for_each(open_objects);
        }
        Value::Array(values) => values.iter_mut().for_each(open_objects),
        _ => {}
    }
}
