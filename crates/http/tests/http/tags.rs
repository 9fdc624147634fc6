//! Tags: put, seen, proposed, found by, and kept from those who may not know.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::{Client, Office, Reply};

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

async fn tag(client: &Client<'_>, object: &Value, label: &str) -> Reply {
    client.post(&format!("/objects/{}/tags", id(object)), json!({ "label": label })).await
}

async fn note(client: &Client<'_>, object: &Value, label: &str) -> Reply {
    client.post(&format!("/objects/{}/tags", id(object)), json!({ "label": label, "private": true })).await
}

async fn labels(client: &Client<'_>, object: &Value) -> Vec<String> {
    let found = client.get(&format!("/objects/{}/tags", id(object))).await.expect(200).json();
    found["items"].as_array().unwrap().iter().map(|tag| tag["label"].as_str().unwrap().to_owned()).collect()
}

/// Returns the proposed labels with their counts.
async fn proposed(client: &Client<'_>, q: &str) -> Vec<(String, u64)> {
    let found = client.get(&format!("/tags?q={q}")).await.expect(200).json();
    let pair = |one: &Value| (one["label"].as_str().unwrap().to_owned(), one["count"].as_u64().unwrap());
    found["items"].as_array().unwrap().iter().map(pair).collect()
}

/// Returns the names of the objects with a label, and how many there are said to be.
async fn tagged(client: &Client<'_>, label: &str) -> (u64, Vec<String>) {
    let found = client.get(&format!("/tags/objects?label={label}")).await.expect(200).json();
    let name = |one: &Value| one["name"].as_str().unwrap().to_owned();
    let mut names: Vec<String> = found["items"].as_array().unwrap().iter().map(name).collect();
    names.sort();
    (found["total"].as_u64().unwrap(), names)
}

async fn hide(client: &Client<'_>, object: &Value) {
    let list = json!({ "entries": [], "inherits": false });
    let path = format!("/objects/{}/acl", id(object));
    client.ask(Method::PUT, &path).header("if-match", "*").json(list).await.expect(200);
}

#[actix_web::test]
async fn a_tag_is_put_once_however_it_is_written_and_taken_away() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("d").await;
    let first = tag(&admin, &dossier, "To Do").await.expect(201);
    assert!(first.header("location").ends_with(id(&first.json())));
    let again = tag(&admin, &dossier, "to  do").await.expect(201).json();
    assert_eq!(first.json(), again);
    // Alef with and without hamza, teh marbuta and heh, with and without vowels.
    let arabic = tag(&admin, &dossier, "\u{623}\u{648}\u{644}\u{648}\u{64a}\u{629}").await.expect(201).json();
    let bare = tag(&admin, &dossier, "\u{627}\u{648}\u{644}\u{648}\u{64a}\u{629}").await.expect(201).json();
    assert_eq!(arabic, bare);
    assert_eq!(labels(&admin, &dossier).await.len(), 2);
    // The dossier itself is as it was.
    let now = admin.get(&format!("/dossiers/{}", id(&dossier))).await.expect(200).json();
    assert_eq!(now["changeToken"], dossier["changeToken"]);
    let path = format!("/objects/{}/tags/{}", id(&dossier), id(&again));
    admin.ask(Method::DELETE, &path).send().await.problem(428, "precondition_required");
    let stale = admin.ask(Method::DELETE, &path).header("if-match", "\"7\"").send().await.problem(412, "stale");
    assert_eq!(stale["current"], again);
    admin.ask(Method::DELETE, &path).if_match(&again).send().await.expect(204);
    admin.ask(Method::DELETE, &path).if_match(&again).send().await.problem(404, "not_found");
    let changes = admin.get("/changes?limit=1000").await.expect(200).json();
    let noted = changes["items"].as_array().unwrap().iter().filter(|one| one["kind"] == "noted").count();
    assert_eq!(noted, 3);
}

#[actix_web::test]
async fn a_repeated_request_with_a_key_finds_the_tag() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("d").await;
    let path = format!("/objects/{}/tags", id(&dossier));
    let ask = || admin.ask(Method::POST, &path).header("idempotency-key", "k");
    let one = ask().json(json!({ "label": "a" })).await.expect(201).json();
    assert_eq!(ask().json(json!({ "label": "a" })).await.expect(201).json(), one);
    ask().json(json!({ "label": "b" })).await.problem(409, "idempotency_key_reused");
}

#[actix_web::test]
async fn what_is_no_label_is_refused_and_nothing_changes() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("d").await;
    let check = async |label: &str, code: &str| {
        let refused = tag(&admin, &dossier, label).await.problem(422, "invalid");
        assert_eq!(
            (&refused["violations"][0]["field"], &refused["violations"][0]["code"]),
            (&json!("label"), &json!(code))
        );
    };
    check("", "blank").await;
    check(" \u{200b}", "blank").await;
    check("a\0b", "null_character").await;
    check("a\nb", "misleading").await;
    check("gpj.\u{202e}exe", "misleading").await;
    check(&"x".repeat(101), "too_long").await;
    let path = format!("/objects/{}/tags", id(&dossier));
    admin.post(&path, json!({ "label": "x".repeat(10_000_000) })).await.problem(413, "payload_too_large");
    admin.post(&path, json!({ "label": "x", "colour": "red" })).await.problem(422, "invalid");
    admin.post(&path, json!({ "label": ["x"] })).await.problem(422, "invalid");
    admin.get("/tags?limit=0").await.problem(400, "invalid_query");
    assert_eq!(labels(&admin, &dossier).await, Vec::<String>::new());
    let document = admin.document(&dossier, "a", b"1").await;
    let version = admin.get(&format!("/documents/{}/versions", id(&document))).await.expect(200).json();
    tag(&admin, &version["items"][0], "x").await.problem(409, "not_live");
}

#[actix_web::test]
async fn one_of_ones_own_is_seen_by_nobody_else() {
    let office = Office::open().await;
    let (admin, reader, other) =
        (office.admin().await, office.user("r", &["readers"]).await, office.user("o", &["readers"]).await);
    let dossier = admin.dossier("d").await;
    tag(&reader, &dossier, "shared").await.problem(403, "forbidden");
    let own = note(&reader, &dossier, "mine").await.expect(201).json();
    assert_eq!((labels(&reader, &dossier).await, labels(&other, &dossier).await), (vec!["mine".to_owned()], vec![]));
    assert_eq!((tagged(&reader, "mine").await.0, tagged(&admin, "mine").await.0), (1, 0));
    assert_eq!((proposed(&reader, "mi").await.len(), proposed(&other, "mi").await.len()), (1, 0));
    let path = format!("/objects/{}/tags/{}", id(&dossier), id(&own));
    for client in [&other, &admin] {
        client.ask(Method::DELETE, &path).header("if-match", "*").send().await.problem(404, "not_found");
    }
    let statement = json!({ "statement": "SELECT cmis:name FROM cmis:folder WHERE 'mine' = ANY cartulary:tags" });
    assert_eq!(reader.post("/queries", statement.clone()).await.expect(200).json()["total"], 1);
    assert_eq!(admin.post("/queries", statement).await.expect(200).json()["total"], 0);
    // Nor does the log tell of it.
    let changes = admin.get("/changes?limit=1000").await.expect(200).json();
    assert!(changes["items"].as_array().unwrap().iter().all(|one| one["kind"] != "noted"));
    reader.ask(Method::DELETE, &path).if_match(&own).send().await.expect(204);
}

#[actix_web::test]
async fn labels_and_objects_come_of_what_one_may_read_and_of_nothing_else() {
    let office = Office::open().await;
    let (admin, reader) = (office.admin().await, office.user("r", &["readers"]).await);
    let (open, secret) = (admin.dossier("open").await, admin.dossier("secret").await);
    tag(&admin, &open, "Urgent").await.expect(201);
    tag(&admin, &secret, "urgent").await.expect(201);
    tag(&admin, &secret, "Urgency secret").await.expect(201);
    let paper = admin.document(&secret, "paper", b"1").await;
    tag(&admin, &paper, "Urgent").await.expect(201);
    assert_eq!(proposed(&reader, "UR").await, [("Urgent".to_owned(), 3), ("Urgency secret".to_owned(), 1)]);
    hide(&admin, &secret).await;
    assert_eq!(proposed(&reader, "ur").await, [("Urgent".to_owned(), 1)]);
    assert_eq!(tagged(&reader, "URGENT").await, (1, vec!["open".to_owned()]));
    assert_eq!(tagged(&admin, "urgent").await.0, 3);
    reader.get(&format!("/objects/{}/tags", id(&secret))).await.problem(404, "not_found");
    // What lies in the trash is found by no tag, and comes back with its own.
    admin.ask(Method::DELETE, &format!("/dossiers/{}", id(&open))).header("if-match", "*").send().await.expect(204);
    assert_eq!((proposed(&reader, "").await, tagged(&reader, "urgent").await.0), (vec![], 0));
    admin.post(&format!("/trash/{}/restore", id(&open)), json!({})).await;
    assert_eq!(tagged(&reader, "urgent").await.0, 1);
}
