//! Reading: lists, one object, types, search, changes, jobs.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::Office;

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[actix_web::test]
async fn dossiers_are_listed_in_windows() {
    let office = Office::open().await;
    let client = office.admin().await;
    for name in ["B", "C", "A"] {
        client.dossier(name).await;
    }
    let all = client.get("/dossiers?sort=name").await.expect(200).json();
    assert_eq!((names(&all), all["total"].clone(), all["nextCursor"].is_null()), (vec!["A", "B", "C"], json!(3), true));
    assert_eq!(names(&client.get("/dossiers?sort=-name&limit=1&offset=1").await.expect(200).json()), ["B"]);
    assert_eq!(names(&client.get("/dossiers?sort=created").await.expect(200).json()), ["B", "C", "A"]);
    let first = client.get("/dossiers?sort=name&limit=2").await.expect(200).json();
    let cursor = first["nextCursor"].as_str().unwrap();
    let rest = client.get(&format!("/dossiers?sort=name&limit=2&cursor={cursor}")).await.expect(200).json();
    assert_eq!((names(&rest), rest["nextCursor"].is_null()), (vec!["C"], true));
}

#[actix_web::test]
async fn a_dossier_is_read_with_its_tag() {
    let office = Office::open().await;
    let client = office.admin().await;
    let made = client.post("/dossiers", json!({ "name": "A", "title": "عقد إيجار" })).await.expect(201);
    let path = made.header("location").strip_prefix("/api/v1").unwrap().to_owned();
    let made = made.json();
    let read = client.get(&path).await.expect(200);
    assert_eq!(read.json(), made);
    assert_eq!(made["title"], "عقد إيجار");
    assert_eq!(
        (made["type"].clone(), made["base"].clone(), made["createdBy"].clone()),
        (json!("dossier"), json!("folder"), json!("Administrator"))
    );
    let etag = read.header("etag").to_owned();
    let token = made["changeToken"].as_str().unwrap();
    assert!(etag.starts_with(&format!("\"{token}.")), "{etag}");
    let again = client.ask(Method::GET, &path).header("if-none-match", &etag).send().await.expect(304);
    assert!(again.body.is_empty());
    let permissions = made["permissions"].as_array().unwrap();
    assert!(permissions.contains(&json!("Write")) && permissions.contains(&json!("AddChildren")));
}

#[actix_web::test]
async fn contents_come_in_the_order_of_receipt() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    for name in ["z.txt", "a.txt"] {
        client.document(&dossier, name, b"x").await;
    }
    let path = format!("/dossiers/{}/contents", dossier["id"].as_str().unwrap());
    let contents = client.get(&path).await.expect(200).json();
    assert_eq!(names(&contents), ["z.txt", "a.txt"]);
    assert_eq!(contents["items"][0]["content"]["sizeBytes"], 1);
    client.get("/dossiers/01890a5d-ac96-774b-bcce-b302099a8057/contents").await.problem(404, "not_found");
}

#[actix_web::test]
async fn a_document_is_no_dossier_and_no_dossier_a_document() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let document = client.document(&dossier, "a.txt", b"x").await;
    let (dossier_id, document_id) = (dossier["id"].as_str().unwrap(), document["id"].as_str().unwrap());
    client.get(&format!("/documents/{document_id}")).await.expect(200);
    client.get(&format!("/dossiers/{document_id}")).await.problem(404, "not_found");
    client.get(&format!("/documents/{dossier_id}")).await.problem(404, "not_found");
    let delete = client.ask(Method::DELETE, &format!("/dossiers/{document_id}")).if_match(&document);
    delete.send().await.problem(404, "not_found");
}

#[actix_web::test]
async fn types_are_listed() {
    let office = Office::open().await;
    let types = office.admin().await.get("/types").await.expect(200).json();
    let dossier = types["items"].as_array().unwrap().iter().find(|one| one["id"] == "dossier").unwrap().clone();
    assert_eq!((dossier["base"].clone(), dossier["dossier"].clone()), (json!("folder"), json!(true)));
    assert!(
        dossier["properties"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["id"] == "dossier:number" && one["kind"] == "string")
    );
}

#[actix_web::test]
async fn what_one_may_not_see_is_not_there() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("Secret").await;
    let document = admin.document(&dossier, "a.txt", b"secret bytes").await;
    let digest = document["content"]["digest"].as_str().unwrap();
    let amal = office.user("amal", &[]).await;
    for path in [
        format!("/dossiers/{}", dossier["id"].as_str().unwrap()),
        format!("/dossiers/{}/contents", dossier["id"].as_str().unwrap()),
        format!("/documents/{}", document["id"].as_str().unwrap()),
        format!("/documents/{}/content", document["id"].as_str().unwrap()),
        format!("/documents/{}/versions", document["id"].as_str().unwrap()),
        format!("/documents/{}/text", document["id"].as_str().unwrap()),
        format!("/objects/{}/acl", document["id"].as_str().unwrap()),
        format!("/blobs/sha256/{digest}"),
    ] {
        amal.get(&path).await.problem(404, "not_found");
    }
    assert_eq!(amal.get("/dossiers").await.expect(200).json()["total"], 0);
}

#[actix_web::test]
async fn search_knows_ones_own_last_write() {
    let office = Office::open().await;
    let background = office.repository.start_background();
    let client = office.admin().await;
    let made = client.post("/dossiers", json!({ "name": "A", "title": "Lighthouse keeper" })).await.expect(201);
    let transaction = made.header("cartulary-transaction").to_owned();
    assert!(!transaction.is_empty());
    let found = client.get(&format!("/search?q=lighthouse&waitFor={transaction}")).await.expect(200).json();
    assert_eq!((found["total"].clone(), found["items"][0]["title"].clone()), (json!(1), json!("Lighthouse keeper")));
    assert!(found["indexedChange"].as_i64().unwrap() > 0 && found["tookMs"].is_u64());
    assert_eq!(found["facets"]["type"][0]["value"], "dossier");
    let filtered = client.get(&format!("/dossiers?q=light&waitFor={transaction}")).await.expect(200).json();
    assert_eq!(filtered["total"], 1);
    assert_eq!(client.get("/search?q=lighthouse&type=document").await.expect(200).json()["total"], 0);
    assert_eq!(client.get(&format!("/dossiers?waitFor={transaction}")).await.expect(200).json()["total"], 1);
    background.stop().await;
}

#[actix_web::test]
async fn changes_are_followed_by_position() {
    let office = Office::open().await;
    let client = office.admin().await;
    let start = client.get("/changes?limit=1000").await.expect(200).json()["next"].as_i64().unwrap();
    let dossier = client.dossier("A").await;
    let changes = client.get(&format!("/changes?after={start}")).await.expect(200).json();
    let made: Vec<_> = changes["items"].as_array().unwrap().iter().filter(|one| one["kind"] == "created").collect();
    assert_eq!((made.len(), &made[0]["objectId"]), (1, &dossier["id"]));
    let next = changes["next"].as_i64().unwrap();
    assert_eq!(
        client.get(&format!("/changes?after={next}")).await.expect(200).json(),
        json!({ "items": [], "next": next, "log": office.repository.log_identity() })
    );
    client.get("/changes?after=-1").await.problem(400, "invalid_query");
}

#[actix_web::test]
async fn jobs_can_be_followed() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    client.document(&dossier, "a.txt", b"some text").await;
    let jobs = client.get("/jobs?state=waiting").await.expect(200).json();
    let id = jobs["items"][0]["id"].as_str().unwrap_or_else(|| panic!("a job reads the text: {jobs}"));
    assert_eq!(client.get(&format!("/jobs/{id}")).await.expect(200).json(), jobs["items"][0]);
    assert_eq!(client.get("/jobs?state=dead").await.expect(200).json()["total"], 0);
}

#[actix_web::test]
async fn a_search_did_not_say_that_papers_are_still_being_read() {
    // Nobody reads files in this office: what is filed waits.
    let office = Office::open().await;
    let admin = office.admin().await;
    let waiting = async |client: &crate::office::Client<'_>| {
        client.get("/search?q=word").await.expect(200).json()["textsWaiting"].as_u64().unwrap()
    };
    assert_eq!(waiting(&admin).await, 0);
    let dossier = admin.dossier("A").await;
    let path = format!("/objects/{}/acl", dossier["id"].as_str().unwrap());
    let put = async |list: serde_json::Value| {
        admin.ask(Method::PUT, &path).header("if-match", "*").json(list).await.expect(200);
    };
    put(json!({ "entries": [], "inherits": false })).await;
    let paper = admin.document(&dossier, "a.txt", b"a word").await;
    admin.document(&dossier, "a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").await;
    assert_eq!(waiting(&admin).await, 1, "what has no text is not waited for");
    // What one may not see leaks through no count.
    let rana = office.user("rana", &[]).await;
    assert_eq!(waiting(&rana).await, 0);
    put(json!({ "entries": [{ "principal": "rana", "permission": "Browse" }], "inherits": false })).await;
    assert_eq!(waiting(&rana).await, 0, "who may not read the content does not find its words either");
    put(json!({ "entries": [{ "principal": "rana", "permission": "Read" }], "inherits": false })).await;
    assert_eq!(waiting(&rana).await, 1);
    let trash = format!("/documents/{}", paper["id"].as_str().unwrap());
    admin.ask(Method::DELETE, &trash).header("if-match", "*").send().await.expect(204);
    assert_eq!(waiting(&rana).await, 0);
}
