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
