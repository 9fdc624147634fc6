//! All that is wrong with a body is told at once: bodies with several wrong fields, sent through each route that takes such.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::{Client, Office, Reply};

const TYPES: &str = r#"
    [[types]]
    id = "test:letter"
    parent = "document"
    base = "document"
    label = "Letter"
    [[types]]
    id = "test:cites"
    parent = "relationship"
    base = "relationship"
    label = "Cites"
    allowed_sources = ["test:letter"]
    allowed_targets = ["test:letter"]
    properties = [{ id = "test:page", label = "Page", kind = "integer", min_value = 1 }]
"#;

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

/// Checks that a reply names these fields, in whatever order.
#[track_caller]
fn assert_names(reply: Reply, wanted: &[&str]) -> Value {
    let problem = reply.problem(422, "invalid");
    let named = problem["violations"].as_array().unwrap().iter().map(|one| one["field"].as_str().unwrap());
    let mut named: Vec<&str> = named.collect();
    named.sort_unstable();
    let mut wanted = wanted.to_vec();
    wanted.sort_unstable();
    assert_eq!(named, wanted, "{problem}");
    problem
}

async fn change(client: &Client<'_>, method: Method, path: &str, body: Value) -> Reply {
    client.ask(method, path).header("if-match", "*").json(body).await
}

#[actix_web::test]
async fn every_wrong_field_of_users_and_groups_is_named() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let wrong = json!({ "username": "a/b", "displayName": "", "password": "short", "groups": ["staff", "x", "y"] });
    let fields = ["username", "displayName", "password", "groups[1]", "groups[2]"];
    assert_names(admin.post("/users", wrong).await, &fields);
    let names = admin.get("/users").await.expect(200).json();
    assert!(names["items"].as_array().unwrap().iter().all(|user| user["username"] != "a/b"), "nobody was made");
    let user = json!({ "username": "hu", "password": "several words of hers" });
    let user = admin.post("/users", user).await.expect(201).json();
    let wrong = json!({ "displayName": "\u{202e}", "password": "password", "groups": ["x"] });
    let path = format!("/users/{}", id(&user));
    assert_names(change(&admin, Method::PATCH, &path, wrong).await, &["displayName", "password", "groups[0]"]);
    let wrong = json!({ "displayName": " ", "password": "hu", "groups": ["x"] });
    assert_names(change(&admin, Method::PATCH, &path, wrong).await, &["displayName", "password", "groups[0]"]);

    let wrong = json!({ "name": "", "displayName": "" });
    assert_names(admin.post("/groups", wrong).await, &["name", "displayName"]);
    let group = admin.post("/groups", json!({ "name": "g" })).await.expect(201).json();
    let nobody = ["01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a8058"];
    let path = format!("/groups/{}/members", id(&group));
    let wrong = json!({ "members": [nobody[0], id(&group), nobody[1]] });
    assert_names(change(&admin, Method::PUT, &path, wrong).await, &["members[0]", "members[2]"]);
    let circle = json!({ "members": [id(&group)] });
    change(&admin, Method::PUT, &path, circle).await.problem(409, "group_circle");
}

#[actix_web::test]
async fn every_wrong_field_of_relationships_is_named() {
    let office = Office::open_of_types(TYPES).await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let wrong = json!({
        "type": "test:cites", "source": id(&dossier), "target": id(&dossier), "name": "a/b", "facets": ["no:such"],
        "properties": { "test:page": 0, "test:no": 1 },
    });
    let fields = ["source", "target", "target", "name", "facets", "properties.test:page", "properties.test:no"];
    assert_names(admin.post("/relationships", wrong).await, &fields);
}

#[actix_web::test]
async fn every_wrong_field_of_arrangements_and_annotations_is_named() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let paper = admin.document(&dossier, "a.pdf", b"%PDF-1.4\nnot read in this office").await;
    let digest = paper["content"]["digest"].as_str().unwrap();
    let wrong = json!({ "version": "huge", "comment": "x".repeat(3_000), "pages": [
        { "page": 1 }, { "digest": digest, "page": 0, "rotation": 45 }, { "digest": digest, "page": 1 },
        { "digest": "0".repeat(64), "page": 1 },
    ] });
    let path = format!("/documents/{}/arrangement", id(&paper));
    let fields = ["version", "comment", "pages[0]", "pages[1].page", "pages[1].rotation", "pages[3].digest"];
    assert_names(change(&admin, Method::PUT, &path, wrong).await, &fields);

    let path = format!("/documents/{}/annotations", id(&paper));
    let source = format!("/api/v1/blobs/sha256/{digest}");
    let selector = |value: &str| json!({ "type": "Selector", "value": value, "more": 1 });
    let wrong = json!({
        "@context": "elsewhere", "type": "Note", "motivation": "boredom", "colour": "red",
        "body": { "type": "Image", "format": "text/html" },
        "target": [source, { "source": "x", "selector": selector("page=0") }, { "selector": selector("pages=1") }],
    });
    let fields = [
        "@context",
        "type",
        "motivation",
        "colour",
        "body.type",
        "body.format",
        "body.value",
        "target[1].source",
        "target[1].selector.type",
        "target[1].selector.more",
        "target[2].source",
        "target[2].selector.type",
        "target[2].selector.more",
        "target[2].selector.value",
    ];
    assert_names(admin.post(&path, wrong).await, &fields);
    let wrong = json!({
        "type": "Annotation", "motivation": "boredom", "colour": "red", "target": "elsewhere",
    });
    assert_names(admin.post(&path, wrong).await, &["motivation", "colour", "target[0]"]);
    let wrong = json!({
        "type": "Annotation", "motivation": "boredom", "colour": "red",
        "target": format!("/api/v1/blobs/sha256/{}", "0".repeat(64)),
    });
    assert_names(admin.post(&path, wrong.clone()).await, &["motivation", "colour", "target.source"]);
    let made = admin.post(&path, json!({ "type": "Annotation", "target": source })).await.expect(201).json();
    let path = id(&made).trim_start_matches("/api/v1");
    assert_names(change(&admin, Method::PUT, path, wrong).await, &["motivation", "colour", "target.source"]);
    assert_eq!(admin.get(path).await.json()["motivation"], "highlighting");
}

#[actix_web::test]
async fn every_wrong_field_of_collections_searches_and_webhooks_is_named() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let shares = json!([{ "principal": "nobody" }, { "principal": "admin" }, { "principal": "admin" }]);
    let wrong = json!({ "name": "a\nb", "shares": shares });
    let fields = ["name", "shares[0].principal", "shares[2].principal"];
    assert_names(admin.post("/collections", wrong.clone()).await, &fields);
    let mine = admin.post("/collections", json!({ "name": "mine" })).await.expect(201).json();
    assert_names(change(&admin, Method::PATCH, &format!("/collections/{}", id(&mine)), wrong).await, &fields);

    let words = json!({ "q": "x", "type": "no:such,no:more", "dossier": "01890a5d-ac96-774b-bcce-b302099a8057" });
    let wrong = json!({ "name": "", "shares": shares, "search": words });
    let of_search = ["search.type", "search.type", "search.dossier"];
    let fields = [&fields[..], &of_search[..]].concat();
    assert_names(admin.post("/saved-searches", wrong.clone()).await, &fields);
    let good = json!({ "name": "s", "query": { "statement": "SELECT * FROM cmis:document" } });
    let saved = admin.post("/saved-searches", good).await.expect(201).json();
    assert_names(change(&admin, Method::PATCH, &format!("/saved-searches/{}", id(&saved)), wrong).await, &fields);
    let wrong = json!({ "name": "", "query": { "statement": "SELECT" } });
    assert_names(admin.post("/saved-searches", wrong).await, &["name", "query.statement"]);
    assert_names(admin.post("/saved-searches", json!({ "name": "" })).await, &["name", "query"]);
    let alone = json!({ "name": "s", "query": { "statement": "SELECT" } });
    admin.post("/saved-searches", alone).await.problem(400, "invalid_statement");
}

#[actix_web::test]
async fn every_wrong_field_of_declarations_is_named() {
    let office = Office::open_of_types(TYPES).await;
    let admin = office.admin().await;
    let wrong = json!({
        "id": "bad id", "base": "document", "label": "L", "facets": ["no:such"], "dossier": true,
        "allowedTargets": ["document"], "versioning": [{ "increment": "minor", "types": ["no:such"] }],
        "properties": [
            { "id": "a:x", "kind": "integer", "label": "X", "minValue": 3, "maxValue": 1, "maxLength": 5 },
            { "id": "a:x", "kind": "string", "label": "X", "vocabulary": "no:such", "maxItems": 3 },
            { "id": "a:n", "kind": "nested", "label": "N", "fields": [{ "id": "f", "kind": "boolean", "label": "F", "default": 7 }] },
        ],
    });
    let problem = assert_names(
        admin.post("/types", wrong).await,
        &[
            "id",
            "parent",
            "facets[0]",
            "dossier",
            "properties[0].minValue",
            "properties[0].maxLength",
            "properties[1].id",
            "properties[1].vocabulary",
            "properties[1].maxItems",
            "properties[2].fields[0].default",
        ],
    );
    assert_eq!(problem["violations"][0]["code"], "required", "{problem}");
    let good = json!({ "id": "a:t", "parent": "document", "base": "document", "label": "T" });
    admin.post("/types", good).await.expect(201);
    let wrong = json!({ "id": "b:t", "base": "document", "label": "T", "dossier": true });
    assert_names(change(&admin, Method::PUT, "/types/a:t", wrong).await, &["id", "parent", "dossier"]);
    let term = |id: &str, parent: Option<&str>| json!({ "id": id, "label": id, "parent": parent });
    let good = json!({ "id": "v", "label": "V", "terms": [term("a", None)] });
    admin.post("/vocabularies", good).await.expect(201);
    let wrong = json!({ "id": "w", "label": "V", "terms": [term("b", Some("x")), term("b", None)] });
    let fields = ["id", "terms[0]", "terms[0].parent", "terms[1].id"];
    assert_names(change(&admin, Method::PUT, "/vocabularies/v", wrong).await, &fields);
}

#[actix_web::test]
async fn every_field_of_a_wrong_shape_is_named() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let wrong = json!({ "username": 7, "administrator": "yes", "groups": "staff", "colour": "red" });
    assert_names(admin.post("/users", wrong).await, &["username", "administrator", "groups", "colour"]);
    let wrong = json!({ "source": "x", "target": 7, "properties": [], "more": 1 });
    assert_names(admin.post("/relationships", wrong).await, &["type", "source", "target", "properties", "more"]);
    let wrong =
        json!({ "id": "a", "base": "paper", "properties": [{ "kind": "string" }, { "id": 7, "kind": "text" }] });
    assert_names(
        admin.post("/types", wrong).await,
        &[
            "base",
            "label",
            "properties[0].id",
            "properties[0].label",
            "properties[1].id",
            "properties[1].kind",
            "properties[1].label",
        ],
    );
}
