//! Subscriptions and what one is told by them, through the interface.

use std::time::Duration;

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::{Client, Office};

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

async fn subscribe(client: &Client<'_>, kind: &str, target: &Value) -> Value {
    client.post("/subscriptions", json!({ "kind": kind, "target": target["id"] })).await.expect(201).json()
}

async fn retitle(client: &Client<'_>, dossier: &Value, title: &str) {
    let path = format!("/dossiers/{}", id(dossier));
    client.ask(Method::PATCH, &path).header("if-match", "*").json(json!({ "title": title })).await.expect(200);
}

#[actix_web::test]
async fn one_subscribes_once_and_ends_it_and_nobody_else_knows() {
    let office = Office::open().await;
    let (admin, reader) = (office.admin().await, office.user("r", &["readers"]).await);
    let dossier = admin.dossier("d").await;
    let ask = || reader.ask(Method::POST, "/subscriptions").header("idempotency-key", "k");
    let form = json!({ "kind": "tree", "target": dossier["id"] });
    let reply = ask().json(form.clone()).await.expect(201);
    let made = reply.json();
    assert_eq!(reply.header("location"), format!("/api/v1/subscriptions/{}", id(&made)));
    assert_eq!(ask().json(form).await.expect(201).json(), made);
    assert_eq!(subscribe(&reader, "tree", &dossier).await, made);
    let path = format!("/subscriptions/{}", id(&made));
    assert_eq!(reader.get(&path).await.expect(200).json(), made);
    admin.get(&path).await.problem(404, "not_found");
    assert_eq!(admin.get("/subscriptions").await.expect(200).json()["total"], 0);
    let patch = |state: &Value| reader.ask(Method::PATCH, &path).if_match(state).json(json!({ "ownChanges": true }));
    let changed = patch(&made).await.expect(200).json();
    assert_eq!(changed["ownChanges"], true);
    assert_eq!(patch(&made).await.problem(412, "stale")["current"], changed);
    reader.ask(Method::DELETE, &path).send().await.problem(428, "precondition_required");
    admin.ask(Method::DELETE, &path).header("if-match", "*").send().await.problem(404, "not_found");
    reader.ask(Method::DELETE, &path).if_match(&changed).send().await.expect(204);
    reader.get(&path).await.problem(404, "not_found");
}

#[actix_web::test]
async fn what_one_may_not_know_of_is_not_subscribed_to() {
    let office = Office::open().await;
    let (admin, outsider) = (office.admin().await, office.user("o", &[]).await);
    let dossier = admin.dossier("d").await;
    let document = admin.document(&dossier, "a", b"1").await;
    let all = json!({ "name": "a", "query": { "statement": "SELECT * FROM document", "allVersions": true } });
    let versions = admin.post("/saved-searches", all).await.expect(201).json();
    let collection = admin.post("/collections", json!({ "name": "c" })).await.expect(201).json();
    let try_to = async |client: &Client<'_>, kind: &str, target: &Value| {
        client.post("/subscriptions", json!({ "kind": kind, "target": target["id"] })).await
    };
    for (kind, target) in
        [("object", &document), ("tree", &dossier), ("savedSearch", &versions), ("collection", &collection)]
    {
        try_to(&outsider, kind, target).await.problem(404, "not_found");
    }
    try_to(&admin, "tree", &document).await.problem(422, "invalid");
    try_to(&admin, "savedSearch", &versions).await.problem(422, "invalid");
    try_to(&admin, "everything", &dossier).await.problem(422, "invalid");
    let version = admin.get(&format!("/documents/{}/versions", id(&document))).await.expect(200).json();
    try_to(&admin, "object", &version["items"][0]).await.problem(409, "not_live");
    assert_eq!(admin.get("/subscriptions").await.expect(200).json()["total"], 0);
    for wrong in ["wait=61", "wait=x", "limit=0", "colour=red"] {
        admin.get(&format!("/notifications?{wrong}")).await.problem(400, "invalid_query");
    }
}

#[actix_web::test]
async fn one_is_told_and_says_that_one_has_read_it() {
    let office = Office::open().await;
    let background = office.repository.start_background();
    let (admin, reader) = (office.admin().await, office.user("r", &["readers"]).await);
    let dossier = admin.dossier("d").await;
    let subscription = subscribe(&reader, "object", &dossier).await;
    assert_eq!(reader.get("/notifications").await.expect(200).json(), json!({ "total": 0, "items": [], "unread": 0 }));
    retitle(&admin, &dossier, "Another").await;
    let told = reader.get("/notifications?unread=true&wait=60").await.expect(200).json();
    let first = &told["items"][0];
    assert_eq!(
        (&told["unread"], &first["kind"], &first["object"], &first["by"], &first["title"], &first["subscription"]),
        (&json!(1), &json!("updated"), &dossier["id"], &json!("admin"), &json!("Another"), &subscription["id"])
    );
    assert_eq!(admin.get("/notifications").await.expect(200).json()["total"], 0);
    let put = async |client: &Client<'_>, read: bool| {
        client.ask(Method::PUT, &format!("/notifications/{}", id(first))).json(json!({ "read": read })).await
    };
    put(&admin, true).await.problem(404, "not_found");
    put(&reader, true).await.expect(204);
    let read = reader.get("/notifications").await.expect(200).json();
    assert!(read["unread"] == 0 && read["items"][0]["readAt"].is_string(), "{read}");
    assert_eq!(reader.get("/notifications?unread=true").await.expect(200).json()["total"], 0);
    put(&reader, false).await.expect(204);
    let all = reader.ask(Method::POST, "/notifications/read").send().await.expect(200).json();
    assert_eq!(all, json!({ "count": 1 }));
    background.stop().await;
}

#[actix_web::test]
async fn a_wait_ends_when_the_office_closes() {
    let office = Office::open().await;
    let reader = office.user("r", &["readers"]).await;
    let closing = async {
        tokio::task::yield_now().await;
        office.state.close();
    };
    let (answered, ()) = futures::future::join(reader.get("/notifications?wait=60"), closing).await;
    assert_eq!(answered.expect(200).json()["total"], 0);
    let soon = tokio::time::timeout(Duration::from_secs(30), reader.get("/notifications?wait=60")).await;
    soon.unwrap().expect(200);
}
