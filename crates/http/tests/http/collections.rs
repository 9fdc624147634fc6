//! Collections and favourites: kept, ordered, shown to others, and showing them no more than they may see.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::{Client, Office, Reply};

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

async fn made(client: &Client<'_>, form: Value) -> Value {
    client.post("/collections", form).await.expect(201).json()
}

async fn put(client: &Client<'_>, collection: &str, object: &Value, place: Value) -> Reply {
    let path = format!("/collections/{collection}/items/{}", id(object));
    client.ask(Method::PUT, &path).header("if-match", "*").json(place).await
}

async fn take(client: &Client<'_>, collection: &str, object: &Value) -> Reply {
    let path = format!("/collections/{collection}/items/{}", id(object));
    client.ask(Method::DELETE, &path).header("if-match", "*").send().await
}

/// Returns the names of what is in a collection, in order, and how many there are said to be.
async fn items(client: &Client<'_>, collection: &str) -> (u64, Vec<String>) {
    let found = client.get(&format!("/collections/{collection}/items")).await.expect(200).json();
    let name = |one: &Value| one["name"].as_str().unwrap().to_owned();
    (found["total"].as_u64().unwrap(), found["items"].as_array().unwrap().iter().map(name).collect())
}

#[actix_web::test]
async fn everybody_has_favourites_from_the_beginning() {
    let office = Office::open().await;
    let (admin, reader) = (office.admin().await, office.user("r", &["readers"]).await);
    let (a, b) = (admin.dossier("a").await, admin.dossier("b").await);
    let empty = reader.get("/collections/favourites").await.expect(200).json();
    assert_eq!((&empty["favourites"], &empty["count"], &empty["owner"]), (&json!(true), &json!(0), &json!("r")));
    assert!(!empty["createdAt"].as_str().unwrap().starts_with("1970"), "{empty}");
    assert_eq!(items(&reader, "favourites").await, (0, vec![]));
    put(&reader, "favourites", &a, json!({})).await.expect(200);
    let now = put(&reader, "favourites", &b, json!({ "position": "first" })).await.expect(200).json();
    assert_eq!(now["count"], 2);
    assert_eq!(items(&reader, "favourites").await, (2, vec!["b".to_owned(), "a".to_owned()]));
    // By their id too, for their owner; for others there is nothing.
    assert_eq!(items(&reader, id(&empty)).await.0, 2);
    admin.get(&format!("/collections/{}", id(&empty))).await.problem(404, "not_found");
    let path = "/collections/favourites";
    reader.ask(Method::DELETE, path).header("if-match", "*").send().await.problem(409, "built_in_collection");
    let rename = reader.ask(Method::PATCH, path).header("if-match", "*").json(json!({ "name": "x" }));
    rename.await.problem(409, "built_in_collection");
    take(&reader, "favourites", &a).await.expect(200);
    take(&reader, "favourites", &a).await.problem(404, "not_found");
    assert_eq!(items(&reader, "favourites").await, (1, vec!["b".to_owned()]));
    let all = reader.get("/collections").await.expect(200).json();
    assert_eq!((&all["total"], &all["items"][0]["id"]), (&json!(1), &empty["id"]));
    assert_eq!(admin.get("/collections").await.expect(200).json()["total"], 1);
}

#[actix_web::test]
async fn a_collection_is_made_named_ordered_and_deleted() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let ask = || admin.ask(Method::POST, "/collections").header("idempotency-key", "k");
    let reply = ask().json(json!({ "name": " Reading list " })).await.expect(201);
    let first = reply.json();
    assert_eq!((&first["name"], first["changeToken"].as_str()), (&json!("Reading list"), Some("1")));
    assert_eq!(reply.header("location"), format!("/api/v1/collections/{}", id(&first)));
    assert_eq!(ask().json(json!({ "name": "Reading list" })).await.expect(201).json(), first);
    ask().json(json!({ "name": "Other" })).await.problem(409, "idempotency_key_reused");
    let mut all = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let dossier = admin.dossier(name).await;
        put(&admin, id(&first), &dossier, json!({})).await.expect(200);
        all.push(dossier);
    }
    let order = async || items(&admin, id(&first)).await.1.concat();
    put(&admin, id(&first), &all[3], json!({ "position": "before", "of": all[1]["id"] })).await.expect(200);
    assert_eq!(order().await, "adbc");
    put(&admin, id(&first), &all[0], json!({ "position": "after", "of": all[2]["id"] })).await.expect(200);
    assert_eq!(order().await, "dbca");
    // Between two, more often than there was room at first.
    for turn in 0..30 {
        let moved = &all[if turn % 2 == 0 { 0 } else { 2 }];
        put(&admin, id(&first), moved, json!({ "position": "after", "of": all[3]["id"] })).await.expect(200);
    }
    assert_eq!(order().await, "dcab");
    put(&admin, id(&first), &all[0], json!({ "position": "before" })).await.problem(422, "invalid");
    let outside = admin.dossier("outside").await;
    let beside = put(&admin, id(&first), &all[0], json!({ "position": "after", "of": outside["id"] })).await;
    assert_eq!(beside.problem(422, "invalid")["violations"][0]["field"], "of");
    let path = format!("/collections/{}", id(&first));
    let now = admin.get(&path).await.expect(200).json();
    admin.ask(Method::PATCH, &path).if_match(&first).json(json!({ "name": "x" })).await.problem(412, "stale");
    admin.ask(Method::PATCH, &path).json(json!({ "name": "x" })).await.problem(428, "precondition_required");
    let renamed = admin.ask(Method::PATCH, &path).if_match(&now).json(json!({ "name": "x" })).await.expect(200).json();
    assert_eq!(renamed["name"], "x");
    admin.ask(Method::DELETE, &path).if_match(&now).send().await.problem(412, "stale");
    admin.ask(Method::DELETE, &path).if_match(&renamed).send().await.expect(204);
    admin.get(&path).await.problem(404, "not_found");
}

#[actix_web::test]
async fn who_is_shown_a_collection_sees_of_it_what_he_may_see() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let (reader, writer, stranger) = (
        office.user("r", &["readers"]).await,
        office.user("w", &["staff"]).await,
        office.user("s", &["readers"]).await,
    );
    let (open, secret) = (admin.dossier("open").await, admin.dossier("secret").await);
    let shares = json!([{ "principal": "r" }, { "principal": "staff", "write": true }]);
    let shown = made(&admin, json!({ "name": "case", "shares": shares })).await;
    assert_eq!(shown["shares"].as_array().unwrap().len(), 2);
    for dossier in [&open, &secret] {
        put(&admin, id(&shown), dossier, json!({})).await.expect(200);
    }
    let list = json!({ "entries": [], "inherits": false });
    let path = format!("/objects/{}/acl", id(&secret));
    admin.ask(Method::PUT, &path).header("if-match", "*").json(list).await.expect(200);
    for client in [&reader, &writer] {
        assert_eq!(items(client, id(&shown)).await, (1, vec!["open".to_owned()]));
        let seen = client.get(&format!("/collections/{}", id(&shown))).await.expect(200).json();
        assert_eq!((&seen["count"], &seen["shares"]), (&json!(1), &json!([])));
        take(client, id(&shown), &secret).await.expect(if seen["writable"] == true { 404 } else { 403 });
        put(client, id(&shown), &secret, json!({})).await.expect(if seen["writable"] == true { 404 } else { 403 });
        client
            .ask(Method::DELETE, &format!("/collections/{}", id(&shown)))
            .header("if-match", "*")
            .send()
            .await
            .problem(403, "forbidden");
    }
    let more = admin.dossier("more").await;
    put(&reader, id(&shown), &more, json!({})).await.problem(403, "forbidden");
    put(&writer, id(&shown), &more, json!({ "position": "after", "of": secret["id"] })).await.problem(422, "invalid");
    put(&writer, id(&shown), &more, json!({})).await.expect(200);
    assert_eq!(items(&admin, id(&shown)).await.0, 3);
    for path in [format!("/collections/{}", id(&shown)), format!("/collections/{}/items", id(&shown))] {
        stranger.get(&path).await.problem(404, "not_found");
    }
    assert_eq!(stranger.get("/collections").await.expect(200).json()["total"], 1);
    assert_eq!(reader.get("/collections").await.expect(200).json()["total"], 2);
    // No longer shown, it is not there.
    let none = admin.ask(Method::PATCH, &format!("/collections/{}", id(&shown))).header("if-match", "*");
    none.json(json!({ "shares": [] })).await.expect(200);
    reader.get(&format!("/collections/{}", id(&shown))).await.problem(404, "not_found");
}

#[actix_web::test]
async fn what_is_no_collection_is_refused_and_named() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let check = async |form: Value, field: &str| {
        let refused = admin.post("/collections", form).await.problem(422, "invalid");
        assert_eq!(refused["violations"][0]["field"], field, "{refused}");
    };
    check(json!({ "name": " " }), "name").await;
    check(json!({ "name": "a\u{202e}b" }), "name").await;
    check(json!({ "name": "x".repeat(201) }), "name").await;
    check(json!({ "name": "a", "shares": [{ "principal": "nobody-here" }] }), "shares[0].principal").await;
    let twice = json!([{ "principal": "staff" }, { "principal": "Staff" }]);
    check(json!({ "name": "a", "shares": twice }), "shares[1].principal").await;
    admin.post("/collections", json!({ "name": "a", "colour": 1 })).await.problem(422, "invalid");
    admin.post("/collections", json!({ "name": "x".repeat(10_000_000) })).await.problem(413, "payload_too_large");
    admin.get("/collections/no-id").await.problem(404, "not_found");
    assert_eq!(admin.get("/collections").await.expect(200).json()["total"], 1);
}
