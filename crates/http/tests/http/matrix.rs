//! The permission matrix: every route of the OpenAPI document, asked by six people, against a committed snapshot.

mod keeping;
mod kept;

use std::cell::Cell;
use std::fmt::Write as _;

use actix_web::http::Method;
use cartulary_repository::WebhookRules;
use serde_json::{Map, Value, json};

use crate::office::{Asking, Client, Form, Office, PASSWORD, Reply};

/// Nobody has no credentials, an outsider no group; reader and writer have what the office's groups have from the first
/// day, a manager everything on the one dossier.
const PEOPLE: [&str; 6] = ["nobody", "outsider", "reader", "writer", "manager", "administrator"];

/// A job that never was.
const NO_JOB: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// A webhook that waits.
fn idle_webhook() -> Value {
    json!({ "name": "register", "url": "https://localhost/in", "paused": true })
}

/// An act on nothing at all.
fn nothing_in_bulk() -> Value {
    json!({ "statement": "SELECT * FROM cmis:item", "act": { "kind": "delete" } })
}

struct Operation {
    id: String,
    method: Method,
    path: String,
    described: Value,
}

impl Operation {
    fn is_public(&self) -> bool {
        self.described["security"].as_array().unwrap().is_empty()
    }

    fn asks_for_state(&self) -> bool {
        self.described["parameters"].as_array().into_iter().flatten().any(|one| one["name"] == "If-Match")
    }

    /// True when it concerns an object that an outsider must not even know of.
    fn is_of_an_object(&self) -> bool {
        [
            "documents/{id}",
            "dossiers/{id}",
            "folders/{id}",
            "objects/{id}",
            "relationships/{id}",
            "trash/{id}",
            "blobs/",
        ]
        .iter()
        .any(|part| self.path.contains(part))
    }
}

/// All operations; those that end a session or change a password come last.
fn operations(document: &Value) -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, described) in operations.as_object().unwrap() {
            all.push(Operation {
                id: described["operationId"].as_str().unwrap().to_owned(),
                method: Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(),
                path: path.clone(),
                described: described.clone(),
            });
        }
    }
    all.sort_by_key(|one| {
        ["delete_trash", "delete_session", "update_password"].iter().position(|last| *last == one.id)
    });
    all
}

/// Pages of the document that a path is of: the same ones, or the first to be split off.
fn arranging(uri: &str, name: &str) -> Value {
    match uri.ends_with("/splits") {
        true => json!({ "places": [0], "name": name }),
        false => json!({ "pages": [{ "documentId": uri.split('/').nth(4).unwrap() }] }),
    }
}

/// Some bytes of an upload.
async fn as_tus(asking: Asking<'_>) -> Reply {
    let asking = asking.header("tus-resumable", "1.0.0").header("upload-offset", "0").header("upload-length", "3");
    let asking = asking.header("x-http-method-override", "PATCH");
    asking.header("content-type", "application/offset+octet-stream").bytes(b"abc").await
}

/// What an operation asks for beside its path.
fn query_of(operation: &str) -> &'static str {
    match operation {
        "search_objects" => "?q=matrix",
        "update_import_file" => "?path=matrix%2Fa.txt",
        "get_object_by_path" => "?path=/",
        "list_tagged_objects" => "?label=matrix",
        _ => "",
    }
}

/// An export of all there is.
fn everything() -> Value {
    json!({ "scope": { "kind": "repository" } })
}

/// What an address ends with.
fn named(uri: &str) -> &str {
    uri.rsplit('/').next().unwrap_or_default()
}

struct Matrix<'office> {
    office: &'office Office,
    admin: Client<'office>,
    document: Value,
    made: Cell<u32>,
}

impl Matrix<'_> {
    fn fresh(&self) -> String {
        self.made.set(self.made.get() + 1);
        format!("matrix-{}", self.made.get())
    }

    /// The smallest value that a schema takes.
    fn smallest(&self, schema: &Value) -> Value {
        if let Some(reference) = schema["$ref"].as_str() {
            return self.smallest(self.document.pointer(reference.trim_start_matches('#')).unwrap());
        }
        match schema["type"].as_str() {
            Some("string") => json!(self.fresh()),
            Some("array") => json!([]),
            Some("integer" | "number") => json!(1),
            Some("boolean") => json!(false),
            _ => {
                let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let fields = required.map(|name| (name.to_owned(), self.smallest(&schema["properties"][name])));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }

    /// Returns the path with the ids of new things in its places, and the id of a folder that a document there can go to,
    /// or lies in too.
    async fn filled(&self, operation: &Operation) -> (String, String) {
        let path = &operation.path;
        let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
        if operation.id == "create_object_transition" {
            return (path.replace("{id}", &id(&self.in_life_cycle().await)), String::new());
        }
        if path.contains("objects/{id}/") && operation.id.contains("object") {
            let document = self.admin.document(&self.dossier().await, "a.txt", self.fresh().as_bytes()).await;
            let folder = id(&self.dossier().await);
            let parent = format!("/objects/{}/parents/{folder}", id(&document));
            self.keep(&operation.id, &id(&document)).await;
            if ["delete_object_parent", "update_object_primary_parent"].contains(&operation.id.as_str()) {
                self.admin.ask(Method::PUT, &parent).header("if-match", "*").send().await.expect(200);
            }
            let tag = if path.contains("{tag}") { self.tag_of(&id(&document)).await } else { String::new() };
            let path = path.replace("{id}", &id(&document)).replace("{folder}", &folder).replace("{tag}", &tag);
            return (path, folder);
        }
        let id = match path.trim_start_matches("/api/v1/").split_once("/{").map(|(resource, _)| resource) {
            Some("groups") => id(&self.admin.post("/groups", json!({ "name": self.fresh() })).await.expect(201).json()),
            Some("users") => {
                id(&self.admin.post("/users", json!({ "username": self.fresh() })).await.expect(201).json())
            }
            Some("imports") => {
                let schema = "/paths/~1api~1v1~1imports/post/requestBody/content/application~1json/schema";
                let body = self.smallest(self.document.pointer(schema).unwrap());
                id(&self.admin.post("/imports", body).await.expect(201).json())
            }
            Some("relationships") => id(&self.admin.post("/relationships", self.link().await).await.expect(201).json()),
            Some("types") => {
                let facet = json!({ "id": self.fresh(), "base": "facet", "label": "A" });
                id(&self.admin.post("/types", facet).await.expect(201).json())
            }
            Some("vocabularies") => {
                let vocabulary = json!({ "id": self.fresh(), "label": "A" });
                id(&self.admin.post("/vocabularies", vocabulary).await.expect(201).json())
            }
            Some("audit-entries") => self.sealed().await,
            Some("jobs" | "backups") => NO_JOB.to_owned(),
            Some("webhooks") => id(&self.admin.post("/webhooks", idle_webhook()).await.expect(201).json()),
            Some("legal-holds") => return (self.hold(operation).await, String::new()),
            Some("bulk-actions") => self.bulk_action().await,
            Some("exports") => id(&self.admin.post("/exports", everything()).await.expect(202).json()),
            Some("dossiers" | "objects" | "folders") => {
                let dossier = self.dossier().await;
                if path.contains("{number}") {
                    let versions = format!("/dossiers/{}/versions", id(&dossier));
                    let make = self.admin.ask(Method::POST, &versions).header("if-match", "*");
                    make.json(json!({})).await.expect(201);
                }
                id(&dossier)
            }
            Some("uploads") => {
                let begin = self.admin.ask(Method::POST, "/uploads").header("tus-resumable", "1.0.0");
                let made = begin.header("upload-length", "10").send().await.expect(201);
                named(made.header("location")).to_owned()
            }
            Some("trash") => {
                let document = self.admin.document(&self.dossier().await, "a.txt", self.fresh().as_bytes()).await;
                let path = format!("/documents/{}", id(&document));
                self.admin.ask(Method::DELETE, &path).header("if-match", "*").send().await.expect(204);
                id(&document)
            }
            Some("documents" | "blobs/sha256") => self.document_for(operation).await,
            Some(other) => return self.kept(other, path).await,
            None => String::new(),
        };
        let query = query_of(&operation.id);
        let path = path
            .replace("{id}", &id)
            .replace("{hex}", &id)
            .replace("{name}", "case-7")
            .replace("{slot}", "content")
            .replace("{position}", &id)
            .replace("{delivery}", NO_JOB);
        (format!("{}{query}", path.replace("{version}", "latest").replace("{number}", "1")), String::new())
    }

    /// A new bulk action; those before it are stopped, since one user has few under way, and nobody works here.
    async fn bulk_action(&self) -> String {
        let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
        let earlier = self.admin.get("/bulk-actions?limit=100").await.expect(200).json();
        for action in earlier["items"].as_array().unwrap().iter().filter(|one| one["state"] == "counting") {
            self.admin.post(&format!("/bulk-actions/{}/abort", id(action)), json!({})).await.expect(200);
        }
        id(&self.admin.post("/bulk-actions", nothing_in_bulk()).await.expect(202).json())
    }

    /// What makes a relationship between two new dossiers.
    async fn link(&self) -> Value {
        let (source, target) = (self.dossier().await, self.dossier().await);
        json!({ "type": "matrix:link", "source": source["id"], "target": target["id"] })
    }

    /// A new dossier on which the manager may do everything.
    async fn dossier(&self) -> Value {
        let dossier = self.admin.dossier(&self.fresh()).await;
        let list = json!({ "entries": [{ "principal": "manager", "permission": "Everything" }], "inherits": true });
        let path = format!("/objects/{}/acl", dossier["id"].as_str().unwrap());
        self.admin.ask(Method::PUT, &path).header("if-match", "*").json(list).await.expect(200);
        dossier
    }

    /// Makes a document that an operation finds as it needs it, and returns its id, or the digest of its content.
    async fn document_for(&self, operation: &Operation) -> String {
        let is_arranged = operation.path.contains("/arrangement");
        let bytes = format!("{}{}", if is_arranged { "%PDF-1.4\n" } else { "" }, self.fresh());
        let document = self.admin.document(&self.dossier().await, "a.txt", bytes.as_bytes()).await;
        let (id, digest) = (document["id"].as_str().unwrap(), document["content"]["digest"].as_str().unwrap());
        if operation.path.contains("{hex}") {
            return digest.get(digest.len() - 64..).unwrap().to_owned();
        }
        if ["get_working_copy", "delete_working_copy"].contains(&&*operation.id) {
            let path = format!("/documents/{id}/working-copy");
            self.admin.ask(Method::POST, &path).send().await.expect(201);
        }
        if is_arranged {
            let pages = [1, 2].map(|page| json!({ "digest": digest, "page": page }));
            let put = self.admin.ask(Method::PUT, &format!("/documents/{id}/arrangement")).header("if-match", "*");
            put.json(json!({ "pages": pages })).await.expect(200);
        }
        id.to_owned()
    }

    /// A new document that can go from one state to another.
    async fn in_life_cycle(&self) -> Value {
        let name = self.fresh();
        let cycle = json!({ "initial": "open", "states": [{ "id": "open" }, { "id": "closed" }],
            "transitions": [{ "id": "close", "from": ["open"], "to": "closed" }] });
        let declared =
            json!({ "id": name, "parent": "document", "base": "document", "label": "A", "lifeCycle": cycle });
        self.admin.post("/types", declared).await.expect(201);
        let path = format!("/dossiers/{}/documents", self.dossier().await["id"].as_str().unwrap());
        let form = Form::new().field("name", &name).field("type", &name);
        self.admin.ask(Method::POST, &path).form(form).await.expect(201).json()
    }

    async fn status(&self, operation: &Operation, who: &str, client: &Client<'_>) -> u16 {
        let username = if ["administrator", "nobody"].contains(&who) { "admin" } else { who };
        let (uri, folder) = self.filled(operation).await;
        // A session that is ended is one made for it.
        let own = (operation.id == "delete_session" && who != "nobody").then_some(username);
        let own = match own {
            Some(username) => Some(self.office.client(username).await),
            None => None,
        };
        let mut asking = own.as_ref().unwrap_or(client).ask_at(operation.method.clone(), &uri);
        if operation.asks_for_state() {
            asking = asking.header("if-match", "*");
        }
        let content = &operation.described["requestBody"]["content"];
        let reply = match operation.id.as_str() {
            "create_arrangement_split" | "update_arrangement" => asking.json(arranging(&uri, &self.fresh())).await,
            "create_upload" | "update_upload" | "update_upload_by_post" => as_tus(asking).await,
            "create_session" => asking.json(json!({ "username": username, "password": PASSWORD })).await,
            "update_password" => {
                asking.json(json!({ "currentPassword": PASSWORD, "newPassword": "another long password" })).await
            }
            "create_export" => asking.json(everything()).await,
            "create_bulk_action" => asking.json(nothing_in_bulk()).await,
            "create_relationship" => asking.json(self.link().await).await,
            "create_saved_search" => asking.json(json!({ "name": "a", "search": { "q": "a" } })).await,
            "create_subscription" => asking.json(json!({ "kind": "tree", "target": self.dossier().await["id"] })).await,
            "create_document_annotation" | "update_annotation" => asking.json(self.marking(&uri).await).await,
            "create_webhook" => asking.json(idle_webhook()).await,
            "update_webhook" => asking.json(json!({ "name": "another" })).await,
            "create_query" => asking.json(json!({ "statement": "SELECT cmis:name FROM cmis:document" })).await,
            "create_type" => asking.json(json!({ "id": self.fresh(), "base": "facet", "label": "A" })).await,
            "update_type" => asking.json(json!({ "id": named(&uri), "base": "facet", "label": "B" })).await,
            "update_vocabulary" => asking.json(json!({ "id": named(&uri), "label": "B" })).await,
            "create_user_hand_over" => asking.json(json!({ "to": self.heir().await })).await,
            "update_user" => asking.json(json!({ "disabled": false })).await,
            "update_document" | "update_dossier" | "update_folder" => asking.json(json!({ "title": "Another" })).await,
            "move_object" => asking.json(json!({ "to": folder })).await,
            "create_object_copy" | "update_object_primary_parent" => asking.json(json!({ "folder": folder })).await,
            "update_object_retention" => asking.json(json!({ "retainUntil": "2999-01-01T00:00:00Z" })).await,
            "create_object_retention_event" => asking.json(json!({ "event": "lapse" })).await,
            "create_object_transition" => asking.json(json!({ "transition": "close" })).await,
            "update_object_place" => asking.json(json!({ "position": "first" })).await,
            "update_acl" => asking.json(json!({ "entries": [], "inherits": true })).await,
            _ if content["multipart/form-data"].is_object() => asking.form(Form::new().field("name", "a")).await,
            _ if content["application/octet-stream"].is_object() => asking.bytes(self.fresh().as_bytes()).await,
            _ if content["application/json"].is_object() => {
                asking.json(self.smallest(&content["application/json"]["schema"])).await
            }
            _ => asking.send().await,
        };
        let at = format!("{} {} by {who}: {}", operation.method, operation.path, String::from_utf8_lossy(&reply.body));
        let status = reply.status.as_u16();
        // The requests are whole, so that only rights can be wanting; these rules hold whatever the snapshot says.
        match who {
            _ if operation.is_public() => assert!(status != 401 && status != 404, "{at}"),
            "nobody" => assert_eq!(status, 401, "{at}"),
            _ if operation.id == "get_arrangement_content" && status == 409 => {}
            // The export has not run yet, and what is sent is no bag: only that is wanting.
            _ if matches!((status, &*operation.id), (409, "get_export_content") | (422, "create_bag_import")) => {}
            // Nothing is listed here, so that nothing waits for a review.
            "administrator" if operation.id == "create_bulk_action_review" => assert_eq!(status, 409, "{at}"),
            "administrator" => {
                let is_of_nothing =
                    ["get_job", "create_webhook_replay", "update_notification"].contains(&&*operation.id);
                assert!(status < 300 || (status == 404 && is_of_nothing), "{status} {at}");
            }
            "outsider" if operation.is_of_an_object() => assert_eq!(status, 404, "{at}"),
            _ => assert!(status < 300 || status == 403 || status == 404, "{status} {at}"),
        }
        status
    }
}

/// `UPDATE=1` writes the snapshot anew. A route without a row fails, as does a row without a route.
#[actix_web::test]
async fn every_route_answers_each_of_six_people_as_was_written_down() {
    let sender = cartulary_http::HttpWebhooks::new(&cartulary_http::OutboundConfig::default()).unwrap();
    let sending = WebhookRules { sender: Some(std::sync::Arc::new(sender)), ..WebhookRules::default() };
    let office = Office::open_sending(sending, |parts| {
        parts.config.sign_in_burst = 1_000;
        parts.config.request_burst = 100_000;
    })
    .await;
    office.set_up_backups("case-7").await;
    // A stream of events has no end otherwise.
    office.state.close();
    let mut clients = vec![Client { office: &office, token: String::new() }];
    for (name, groups) in [("outsider", &[][..]), ("reader", &["readers"]), ("writer", &["staff"]), ("manager", &[])] {
        clients.push(office.user(name, groups).await);
    }
    clients.push(office.admin().await);
    let document = cartulary_http::openapi::document(&[]);
    let matrix = Matrix { office: &office, admin: office.admin().await, document, made: Cell::new(0) };
    let link = json!({ "id": "matrix:link", "parent": "relationship", "base": "relationship", "label": "Link" });
    matrix.admin.post("/types", link).await.expect(201);
    let mut rows = Vec::new();
    for operation in operations(&matrix.document) {
        let mut row = format!("{:<56}", format!("{} {}", operation.path, operation.method));
        for (who, client) in PEOPLE.iter().zip(&clients) {
            let status = matrix.status(&operation, who, client).await;
            let cell = if operation.is_public() { "public".to_owned() } else { status.to_string() };
            write!(row, " {cell:<width$}", width = who.len()).unwrap();
        }
        rows.push(row.trim_end().to_owned());
    }
    rows.sort();
    let head = format!("{:<56} {}", "route", PEOPLE.join(" "));
    let found = format!("{head}\n{}\n", rows.join("\n"));
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/permissions.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &found).unwrap();
    }
    let committed = std::fs::read_to_string(path).unwrap();
    assert_eq!(
        committed, found,
        "who may what has changed: if that is meant, run the test with UPDATE=1 and commit it"
    );
}
