//! Comments: said, answered, edited, resolved, deleted, and read by who may read the object.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::{Client, Office, Reply};

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

async fn say(client: &Client<'_>, object: &Value, form: Value) -> Reply {
    client.post(&format!("/objects/{}/comments", id(object)), form).await
}

async fn said(client: &Client<'_>, object: &Value, text: &str) -> Value {
    say(client, object, json!({ "text": text })).await.expect(201).json()
}

/// Returns the texts of what is said of an object; `-` where it was deleted.
async fn texts(client: &Client<'_>, object: &Value, query: &str) -> Vec<String> {
    let found = client.get(&format!("/objects/{}/comments{query}", id(object))).await.expect(200).json();
    let items = found["items"].as_array().unwrap();
    assert!(found["total"].as_u64().unwrap() >= items.len() as u64);
    items.iter().map(|one| one["text"].as_str().unwrap_or("-").to_owned()).collect()
}

async fn change(client: &Client<'_>, comment: &Value, form: Value) -> Reply {
    client.ask(Method::PATCH, &format!("/comments/{}", id(comment))).header("if-match", "*").json(form).await
}

async fn delete(client: &Client<'_>, comment: &Value) -> Reply {
    client.ask(Method::DELETE, &format!("/comments/{}", id(comment))).header("if-match", "*").send().await
}

#[actix_web::test]
async fn a_thread_is_begun_answered_resolved_and_taken_away() {
    let office = Office::open().await;
    let (admin, reader) = (office.admin().await, office.user("r", &["readers"]).await);
    let dossier = admin.dossier("d").await;
    let first = say(&admin, &dossier, json!({ "text": "Is this\r\nthe right one?" })).await.expect(201);
    let begun = first.json();
    assert_eq!(first.header("location"), format!("/api/v1/comments/{}", id(&begun)));
    assert_eq!(
        (&begun["text"], &begun["thread"], &begun["author"]),
        (&json!("Is this\nthe right one?"), &begun["id"], &json!("admin"))
    );
    let answer = say(&reader, &dossier, json!({ "text": "Yes", "replyTo": begun["id"] })).await.expect(201).json();
    let further = say(&admin, &dossier, json!({ "text": "Good", "replyTo": answer["id"] })).await.expect(201).json();
    assert_eq!((&further["thread"], &further["replyTo"]), (&begun["id"], &answer["id"]));
    said(&admin, &dossier, "Another matter").await;
    assert_eq!(texts(&reader, &dossier, "?limit=2&offset=1").await, ["Yes", "Good"]);
    // Whoever began it says that it is done, and no other reader.
    change(&reader, &begun, json!({ "resolved": true })).await.problem(403, "forbidden");
    change(&admin, &answer, json!({ "resolved": true })).await.problem(422, "invalid");
    assert_eq!(change(&admin, &begun, json!({ "resolved": true })).await.expect(200).json()["resolved"], true);
    assert_eq!(texts(&reader, &dossier, "?resolved=false").await, ["Another matter"]);
    assert_eq!(texts(&reader, &dossier, "?resolved=true").await.len(), 3);
    // The object is as it was.
    let now = admin.get(&format!("/dossiers/{}", id(&dossier))).await.expect(200).json();
    assert_eq!(now["changeToken"], dossier["changeToken"]);
    // What has answers keeps its place.
    delete(&admin, &answer).await.expect(204);
    delete(&admin, &answer).await.problem(404, "not_found");
    change(&reader, &answer, json!({ "text": "No" })).await.problem(409, "comment_deleted");
    say(&admin, &dossier, json!({ "text": "?", "replyTo": answer["id"] })).await.problem(422, "invalid");
    delete(&admin, &further).await.expect(204);
    let left = texts(&reader, &dossier, "").await;
    assert_eq!(left, ["Is this\nthe right one?", "-", "Another matter"]);
}

#[actix_web::test]
async fn only_its_author_edits_and_only_authors_and_managers_delete() {
    let office = Office::open().await;
    let (admin, writer) = (office.admin().await, office.user("w", &["staff"]).await);
    let reader = office.user("r", &["readers"]).await;
    let dossier = admin.dossier("d").await;
    let comment = said(&reader, &dossier, "one").await;
    for client in [&admin, &writer] {
        change(client, &comment, json!({ "text": "other" })).await.problem(403, "forbidden");
    }
    let path = format!("/comments/{}", id(&comment));
    reader.ask(Method::PATCH, &path).json(json!({ "text": "x" })).await.problem(428, "precondition_required");
    let patch = |form: Value| reader.ask(Method::PATCH, &path).if_match(&comment).json(form);
    let edited = patch(json!({ "text": "two" })).await.expect(200).json();
    assert!(edited["editedAt"].is_string() && edited["text"] == "two");
    let stale = patch(json!({ "text": "three" })).await.problem(412, "stale");
    assert_eq!(stale["current"]["text"], "two");
    change(&writer, &comment, json!({ "resolved": true })).await.expect(200);
    delete(&writer, &comment).await.problem(403, "forbidden");
    delete(&admin, &comment).await.expect(204);
    reader.get(&path).await.problem(404, "not_found");
    // The log has what was said, for administrators.
    let entries = String::from_utf8_lossy(&admin.get("/audit-entries?limit=1000").await.expect(200).body).into_owned();
    assert!(entries.contains("\\\"one\\\"") && entries.contains("\\\"two\\\""), "{entries}");
}

#[actix_web::test]
async fn who_may_not_read_an_object_learns_of_no_word_said_of_it() {
    let office = Office::open().await;
    let (admin, reader) = (office.admin().await, office.user("r", &["readers"]).await);
    let dossier = admin.dossier("d").await;
    let mine = said(&reader, &dossier, "mine").await;
    let entries =
        |permission: &str| json!({ "entries": [{ "principal": "r", "permission": permission }], "inherits": false });
    let put = async |permission: &str| {
        let path = format!("/objects/{}/acl", id(&dossier));
        admin.ask(Method::PUT, &path).header("if-match", "*").json(entries(permission)).await.expect(200);
    };
    put("Browse").await;
    reader.get(&format!("/objects/{}/comments", id(&dossier))).await.problem(403, "forbidden");
    say(&reader, &dossier, json!({ "text": "x" })).await.problem(403, "forbidden");
    reader.get(&format!("/comments/{}", id(&mine))).await.problem(404, "not_found");
    delete(&reader, &mine).await.problem(404, "not_found");
    put("ReadProperties").await;
    reader.get(&format!("/objects/{}/comments", id(&dossier))).await.problem(404, "not_found");
    // A comment of another object answers nothing here.
    let other = admin.dossier("other").await;
    let foreign = say(&reader, &other, json!({ "text": "x", "replyTo": mine["id"] })).await.problem(422, "invalid");
    assert_eq!(foreign["violations"][0]["field"], "replyTo");
    // Gone with the trash, back with it, gone for good.
    let path = format!("/dossiers/{}", id(&dossier));
    admin.ask(Method::DELETE, &path).header("if-match", "*").send().await.expect(204);
    admin.get(&format!("/comments/{}", id(&mine))).await.problem(404, "not_found");
    admin.ask(Method::DELETE, &format!("/trash/{}", id(&dossier))).header("if-match", "*").send().await.expect(204);
    admin.get(&format!("/comments/{}", id(&mine))).await.problem(404, "not_found");
}

#[actix_web::test]
async fn what_is_no_text_is_refused_and_a_repeated_request_finds_the_comment() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("d").await;
    let check = async |text: &str, code: &str| {
        let refused = say(&admin, &dossier, json!({ "text": text })).await.problem(422, "invalid");
        assert_eq!(refused["violations"][0]["code"], code);
    };
    check("", "blank").await;
    check("\n\u{200b}", "blank").await;
    check("a\0", "null_character").await;
    check("a\u{202e}b", "misleading").await;
    check("a\u{2066}b", "misleading").await;
    check(&"x".repeat(10_001), "too_long").await;
    said(&admin, &dossier, &"\u{645}".repeat(10_000)).await;
    say(&admin, &dossier, json!({ "text": "x".repeat(10_000_000) })).await.problem(413, "payload_too_large");
    say(&admin, &dossier, json!({ "text": "x", "html": true })).await.problem(422, "invalid");
    say(&admin, &dossier, json!({ "text": "x", "replyTo": "no id" })).await.problem(422, "invalid");
    let path = format!("/objects/{}/comments", id(&dossier));
    let ask = || admin.ask(Method::POST, &path).header("idempotency-key", "k");
    let one = ask().json(json!({ "text": "once" })).await.expect(201).json();
    assert_eq!(ask().json(json!({ "text": "once" })).await.expect(201).json(), one);
    assert_eq!(texts(&admin, &dossier, "").await.len(), 2);
    let document = admin.document(&dossier, "a", b"1").await;
    let versions = admin.get(&format!("/documents/{}/versions", id(&document))).await.expect(200).json();
    say(&admin, &versions["items"][0], json!({ "text": "x" })).await.problem(409, "not_live");
}

#[actix_web::test]
async fn reading_what_is_said_of_what_is_confidential_is_written_down() {
    let office = Office::open().await;
    let (admin, reader) = (office.admin().await, office.user("r", &["readers"]).await);
    let dossier = admin.post("/dossiers", json!({ "name": "d", "facets": ["confidential"] })).await.expect(201).json();
    said(&admin, &dossier, "secret").await;
    texts(&reader, &dossier, "").await;
    let entries = admin.get("/audit-entries?limit=1000").await.expect(200).json();
    let is_reading = |one: &Value| one["kind"] == "read" && one["detail"].as_str().unwrap().contains("comments");
    assert!(entries["items"].as_array().unwrap().iter().any(is_reading), "{entries}");
}
