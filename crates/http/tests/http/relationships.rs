//! Relationships: made, seen by who sees both ends, changed, listed and asked.

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
    allowed_sources = ["document"]
    allowed_targets = ["document", "dossier"]
    properties = [{ id = "test:page", label = "Page", kind = "integer", indexed = true, min_value = 1 }]
    [[types]]
    id = "test:answers"
    parent = "test:cites"
    base = "relationship"
    label = "Answers"
    allowed_sources = ["test:letter"]
"#;

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

async fn link(client: &Client<'_>, type_id: &str, source: &Value, target: &Value) -> Reply {
    client.post("/relationships", json!({ "type": type_id, "source": source["id"], "target": target["id"] })).await
}

/// Returns the other ends of an object's relationships, and how many there are said to be.
async fn of(client: &Client<'_>, object: &Value, query: &str) -> (u64, Vec<String>) {
    let path = format!("/objects/{}/relationships{query}", id(object));
    let found = client.get(&path).await.expect(200).json();
    let other = |one: &Value| {
        let end = if one["source"]["id"] == object["id"] { &one["target"] } else { &one["source"] };
        end["name"].as_str().unwrap().to_owned()
    };
    (found["total"].as_u64().unwrap(), found["items"].as_array().unwrap().iter().map(other).collect())
}

async fn asked(client: &Client<'_>, statement: &str) -> Value {
    client.post("/queries", json!({ "statement": statement })).await.expect(200).json()
}

async fn hide(client: &Client<'_>, object: &Value) {
    let list = json!({ "entries": [], "inherits": false });
    let path = format!("/objects/{}/acl", id(object));
    client.ask(Method::PUT, &path).header("if-match", "*").json(list).await.expect(200);
}

#[actix_web::test]
async fn a_relationship_is_made_read_changed_and_destroyed() {
    let office = Office::open_of_types(TYPES).await;
    let admin = office.admin().await;
    let dossier = admin.dossier("d").await;
    let (a, b) = (admin.document(&dossier, "a", b"1").await, admin.document(&dossier, "b", b"2").await);
    let form = json!({
        "type": "test:cites", "source": a["id"], "target": b["id"], "name": "see", "properties": { "test:page": 3 }
    });
    let post = || admin.ask(Method::POST, "/relationships").header("idempotency-key", "k");
    let made = post().json(form.clone()).await.expect(201);
    let again = post().json(form).await.expect(201).json();
    let path = format!("/relationships/{}", id(&again));
    assert_eq!(made.header("location"), format!("/api/v1{path}"));
    let made = made.json();
    assert_eq!(made, again);
    assert_eq!((&made["source"]["name"], &made["target"]["name"]), (&json!("a"), &json!("b")));
    assert_eq!(admin.get(&path).await.expect(200).json(), made);
    let patch = |body: Value| admin.ask(Method::PATCH, &path).if_match(&made).json(body);
    admin.ask(Method::PATCH, &path).json(json!({})).await.problem(428, "precondition_required");
    let refused = patch(json!({ "properties": { "test:page": 0, "other": 1 } })).await.problem(422, "invalid");
    let fields: Vec<_> = refused["violations"].as_array().unwrap().iter().map(|one| &one["field"]).collect();
    assert_eq!(fields, ["properties.other", "properties.test:page"]);
    let changed = patch(json!({ "properties": { "test:page": 4 } })).await.expect(200).json();
    assert_eq!(changed["properties"], json!({ "test:page": 4 }));
    patch(json!({})).await.problem(412, "stale");
    // It is no object of folders, lists and lists of rights.
    for other in ["/objects/", "/documents/", "/folders/"] {
        admin.get(&format!("{other}{}", id(&made))).await.problem(404, "not_found");
    }
    assert_eq!(of(&admin, &a, "").await, (1, vec!["b".to_owned()]));
    admin.ask(Method::DELETE, &path).if_match(&made).send().await.problem(412, "stale");
    admin.ask(Method::DELETE, &path).if_match(&changed).send().await.expect(204);
    admin.get(&path).await.problem(404, "not_found");
    assert_eq!(of(&admin, &a, "").await, (0, vec![]));
}

#[actix_web::test]
async fn what_may_not_be_linked_is_refused_and_named() {
    let office = Office::open_of_types(TYPES).await;
    let admin = office.admin().await;
    let dossier = admin.dossier("d").await;
    let (a, b) = (admin.document(&dossier, "a", b"1").await, admin.document(&dossier, "b", b"2").await);
    let check = async |type_id: &str, source: &Value, target: &Value, field: &str, code: &str| {
        let refused = link(&admin, type_id, source, target).await.problem(422, "invalid");
        assert_eq!(
            (&refused["violations"][0]["field"], &refused["violations"][0]["code"]),
            (&json!(field), &json!(code))
        );
    };
    check("test:cites", &dossier, &b, "source", "type_not_allowed").await;
    check("test:answers", &a, &b, "source", "type_not_allowed").await;
    check("test:cites", &a, &a, "target", "same_object").await;
    check("relationship", &a, &b, "type", "not_creatable").await;
    check("document", &a, &b, "type", "wrong_base").await;
    check("nothing", &a, &b, "type", "unknown_type").await;
    let version = admin.get(&format!("/documents/{}/versions", id(&a))).await.expect(200).json()["items"][0].clone();
    check("test:cites", &a, &version, "target", "not_linkable").await;
    let made = link(&admin, "test:cites", &a, &b).await.expect(201).json();
    link(&admin, "test:cites", &a, &made).await.problem(404, "not_found");
    link(&admin, "test:cites", &a, &json!({ "id": "01890a5d-ac96-774b-bcce-b302099a8057" }))
        .await
        .problem(404, "not_found");
    admin.get(&format!("/objects/{}/relationships?direction=up", id(&a))).await.problem(400, "invalid_query");
    admin.get(&format!("/objects/{}/relationships?type=document", id(&a))).await.problem(422, "invalid");
    let bad =
        json!({ "id": "x", "parent": "document", "base": "document", "label": "X", "allowedTargets": ["document"] });
    admin.post("/types", bad).await.problem(422, "invalid");
    let bad =
        json!({ "id": "x", "parent": "relationship", "base": "relationship", "label": "X", "allowedTargets": ["no"] });
    admin.post("/types", bad).await.problem(422, "invalid");
}

#[actix_web::test]
async fn a_type_of_relationships_that_is_used_only_widens_and_one_that_is_named_stays() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let paper = json!({ "id": "paper", "parent": "document", "base": "document", "label": "Paper" });
    admin.post("/types", paper).await.expect(201);
    let form = |targets: Value| json!({ "id": "link", "parent": "relationship", "base": "relationship", "label": "Link", "allowedTargets": targets });
    admin.post("/types", form(json!(["paper", "dossier"]))).await.expect(201);
    let remove = admin.ask(Method::DELETE, "/types/paper").header("if-match", "*").send();
    remove.await.problem(409, "type_in_use");
    let (one, two) = (admin.dossier("1").await, admin.dossier("2").await);
    link(&admin, "link", &one, &two).await.expect(201);
    let put = |targets: Value| admin.ask(Method::PUT, "/types/link").header("if-match", "*").json(form(targets));
    let refused = put(json!(["dossier"])).await.problem(422, "invalid");
    assert_eq!(refused["violations"][0]["field"], "allowedTargets");
    let widened = put(json!(["paper", "folder", "dossier"])).await.expect(200).json();
    assert_eq!(widened["allowedTargets"], json!(["paper", "folder", "dossier"]));
    put(json!([])).await.expect(200);
}

#[actix_web::test]
async fn only_who_sees_both_ends_sees_it_anywhere() {
    let office = Office::open_of_types(TYPES).await;
    let (admin, reader, writer) =
        (office.admin().await, office.user("r", &["readers"]).await, office.user("w", &["staff"]).await);
    let (open, secret) = (admin.dossier("open").await, admin.dossier("secret").await);
    let a = admin.document(&open, "a", b"1").await;
    let b = admin.document(&open, "b", b"2").await;
    let s = admin.document(&secret, "s", b"3").await;
    let visible = link(&admin, "test:cites", &a, &b).await.expect(201).json();
    let hidden = link(&admin, "test:cites", &a, &s).await.expect(201).json();
    assert_eq!(of(&reader, &a, "").await.0, 2);
    hide(&admin, &secret).await;
    let statement = "SELECT cmis:objectId, cmis:targetId FROM test:cites";
    let before = reader.get("/changes?limit=1000").await.expect(200).body;
    assert!(!String::from_utf8_lossy(&before).contains(id(&hidden)));
    for client in [&reader, &writer] {
        assert_eq!(of(client, &a, "?direction=source").await, (1, vec!["b".to_owned()]));
        assert_eq!(asked(client, statement).await["total"], 1);
        client.get(&format!("/relationships/{}", id(&hidden))).await.problem(404, "not_found");
        client.get(&format!("/objects/{}/relationships", id(&s))).await.problem(404, "not_found");
    }
    link(&writer, "test:cites", &a, &s).await.problem(404, "not_found");
    let path = format!("/relationships/{}", id(&visible));
    let change = json!({ "title": "Another" });
    let put =
        async |client: &Client<'_>| client.ask(Method::PATCH, &path).header("if-match", "*").json(change.clone()).await;
    put(&reader).await.problem(403, "forbidden");
    put(&writer).await.expect(200);
    link(&reader, "test:cites", &b, &a).await.problem(403, "forbidden");
    let to_hidden = format!("{statement} WHERE cmis:targetId = '{}'", id(&s));
    assert_eq!(
        (asked(&writer, &to_hidden).await["total"].clone(), asked(&admin, &to_hidden).await["total"].clone()),
        (json!(0), json!(1))
    );
}

#[actix_web::test]
async fn statements_find_relationships_by_their_ends_and_join_them() {
    let office = Office::open_of_types(TYPES).await;
    let admin = office.admin().await;
    let dossier = admin.dossier("d").await;
    let (a, b) = (admin.document(&dossier, "a", b"1").await, admin.document(&dossier, "b", b"2").await);
    link(&admin, "test:cites", &a, &b).await.expect(201);
    link(&admin, "test:cites", &b, &dossier).await.expect(201);
    let by_source = format!("SELECT cmis:targetId FROM cmis:relationship WHERE cmis:sourceId = '{}'", id(&a));
    assert_eq!(asked(&admin, &by_source).await["items"], json!([{ "cmis:targetId": b["id"] }]));
    let joined = "SELECT d.cmis:name FROM test:cites r JOIN cmis:document d ON r.cmis:targetId = d.cmis:objectId";
    assert_eq!(asked(&admin, joined).await["total"], 1);
    let wrong = json!({ "statement": "SELECT cmis:sourceId FROM cmis:document" });
    admin.post("/queries", wrong).await.problem(400, "invalid_statement");
    let all = asked(&admin, "SELECT * FROM cmis:relationship").await;
    assert_eq!(all["items"][0]["cmis:sourceId"], a["id"]);
}
