//! Where objects came from: said when they are made, answered, found by, and had by one object only.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::{Client, Form, Office};

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

async fn ask(client: &Client<'_>, statement: &str) -> Value {
    client.post("/queries", json!({ "statement": statement })).await.expect(200).json()
}

#[actix_web::test]
async fn an_object_is_found_by_where_it_came_from() {
    let office = Office::open().await;
    let client = office.admin().await;
    let new = json!({ "name": "A", "sourceSystem": "IPAS ٢", "sourceId": "TM/2024/00001" });
    let dossier = client.post("/dossiers", new).await.expect(201).json();
    assert_eq!((&dossier["sourceSystem"], &dossier["sourceId"]), (&json!("IPAS ٢"), &json!("TM/2024/00001")));
    let form = Form::new().field("name", "a").field("sourceSystem", "scans").field("sourceId", "1").file(
        "content",
        "a.txt",
        "text/plain",
        b"a",
    );
    let path = format!("/dossiers/{}/documents", id(&dossier));
    let document = client.ask(Method::POST, &path).form(form).await.expect(201).json();
    let found = client.get("/objects?sourceSystem=scans&sourceId=1").await.expect(200).json();
    assert_eq!(found["id"], document["id"]);
    let listed = client.get(&format!("/dossiers/{}/contents", id(&dossier))).await.expect(200).json();
    assert_eq!(listed["items"][0]["sourceId"], "1");
    // Its versions say the same; a copy came from here.
    let version = client.get(&format!("/documents/{}/versions/latest", id(&document))).await.expect(200).json();
    assert_eq!((&version["sourceSystem"], &version["sourceId"]), (&json!("scans"), &json!("1")));
    let copy = json!({ "folder": dossier["id"], "name": "b" });
    let copy = client.post(&format!("/objects/{}/copies", id(&document)), copy).await.expect(201).json();
    assert_eq!(copy.get("sourceId"), None);
    let statement = "SELECT cmis:name, cartulary:sourceSystem FROM cmis:document WHERE cartulary:sourceId = '1'";
    let item = json!({ "cmis:name": "a", "cartulary:sourceSystem": "scans" });
    assert_eq!(ask(&client, statement).await["items"], json!([item]));
    let statement = "SELECT cmis:name FROM cmis:document WHERE cartulary:sourceSystem IS NULL";
    assert_eq!(ask(&client, statement).await["items"], json!([{ "cmis:name": "b" }]));
    for path in ["/objects?sourceSystem=scans&sourceId=2", "/objects?sourceSystem=other&sourceId=1"] {
        client.get(path).await.problem(404, "not_found");
    }
    client.get("/objects?path=/A&sourceSystem=scans&sourceId=1").await.problem(400, "invalid_query");
    let outsider = office.user("outsider", &[]).await;
    outsider.get("/objects?sourceSystem=scans&sourceId=1").await.problem(404, "not_found");
}

#[actix_web::test]
async fn a_source_is_whole_and_of_one_object() {
    let office = Office::open().await;
    let client = office.admin().await;
    for (system, source, field, code) in [
        (json!("x"), json!(null), "sourceId", "required"),
        (json!(null), json!("x"), "sourceSystem", "required"),
        (json!(" "), json!("x"), "sourceSystem", "required"),
        (json!("x\0"), json!("x"), "sourceSystem", "null_character"),
        (json!("x".repeat(201)), json!("x"), "sourceSystem", "too_long"),
        (json!("x"), json!("ب".repeat(501)), "sourceId", "too_long"),
    ] {
        let new = json!({ "name": "A", "sourceSystem": system, "sourceId": source });
        let refused = client.post("/dossiers", new).await.problem(422, "invalid");
        let violation = &refused["violations"][0];
        assert_eq!((violation["field"].as_str(), violation["code"].as_str()), (Some(field), Some(code)), "{refused}");
    }
    let new = |name: &str| json!({ "name": name, "sourceSystem": "x", "sourceId": "1" });
    let first = client.post("/dossiers", new("A")).await.expect(201).json();
    client.post("/dossiers", new("B")).await.problem(409, "source_taken");
    // In the trash it still has its source, and is not found by it; destroyed, it has none.
    client.ask(Method::DELETE, &format!("/dossiers/{}", id(&first))).if_match(&first).send().await.expect(204);
    client.get("/objects?sourceSystem=x&sourceId=1").await.problem(404, "not_found");
    client.post("/dossiers", new("B")).await.problem(409, "source_taken");
    let path = format!("/trash/{}", id(&first));
    client.ask(Method::DELETE, &path).header("if-match", "*").send().await.expect(204);
    client.post("/dossiers", new("B")).await.expect(201);
}

/// What a refusal says but for the name of the request.
fn said(mut problem: Value) -> Value {
    problem.as_object_mut().unwrap().remove("requestId");
    problem
}

#[actix_web::test]
async fn a_source_or_name_that_is_taken_says_the_same_of_what_is_seen_and_what_is_not() {
    let office = Office::open().await;
    let (admin, writer) = (office.admin().await, office.user("writer", &["staff"]).await);
    let folder = admin.dossier("F").await;
    let own = |name: &str, source: &str| json!({ "name": name, "sourceSystem": "x", "sourceId": source });
    let (seen, hidden) = ("seen", "hidden");
    let path = format!("/dossiers/{}/documents", id(&folder));
    let file = async |client: &Client<'_>, name: &str| {
        let form = Form::new().field("name", name).file("content", name, "text/plain", b"a");
        client.ask(Method::POST, &path).form(form).await
    };
    for name in [seen, hidden] {
        admin.post("/dossiers", own(name, name)).await.expect(201);
        let made = file(&admin, name).await.expect(201).json();
        if name == hidden {
            let objects = [admin.get(&format!("/objects?path=/{name}")).await.expect(200).json(), made];
            for object in objects {
                let list = json!({ "entries": [], "inherits": false });
                let path = format!("/objects/{}/acl", id(&object));
                admin.ask(Method::PUT, &path).header("if-match", "*").json(list).await.expect(200);
                writer.get(&format!("/objects/{}", id(&object))).await.problem(404, "not_found");
            }
        }
    }
    let of_source =
        async |source: &str| said(writer.post("/dossiers", own("new", source)).await.problem(409, "source_taken"));
    assert_eq!(of_source(seen).await, of_source(hidden).await);
    let of_name = async |name: &str| said(file(&writer, name).await.problem(409, "name_taken")).to_string();
    assert_eq!(of_name(seen).await, of_name(hidden).await.replace(hidden, seen));
    // A key is its user's: another's same one is unrelated, whatever it made.
    let keyed = async |client: &Client<'_>, name: &str| {
        client.ask(Method::POST, "/dossiers").header("idempotency-key", "k").json(json!({ "name": name })).await
    };
    let mine = keyed(&writer, "one").await.expect(201).json();
    assert_ne!(keyed(&admin, "two").await.expect(201).json()["id"], mine["id"]);
    assert_eq!(keyed(&writer, "one").await.expect(201).json()["id"], mine["id"]);
    keyed(&writer, "two").await.problem(409, "idempotency_key_reused");
}
