//! Folders, filing and the trash: each refusal with its code, each list in its window.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::{Client, Form, Office, let_work_go_on};

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

async fn folder(client: &Client<'_>, parent: &str, name: &str) -> Value {
    client.post(&format!("/folders/{parent}/folders"), json!({ "name": name })).await.expect(201).json()
}

/// Sends a change of whatever is there.
async fn change(client: &Client<'_>, method: Method, path: &str, body: Value) -> crate::office::Reply {
    client.ask(method, path).header("if-match", "*").json(body).await
}

#[actix_web::test]
async fn folders_lie_in_folders_and_are_found_by_their_path() {
    let office = Office::open().await;
    let client = office.admin().await;
    let root = client.get("/folders/root").await.expect(200).json();
    assert_eq!(root["path"], "/");
    let top = folder(&client, "root", "مراسلات ٢٠٢٦").await;
    assert_eq!((top["type"].as_str(), top["path"].as_str()), (Some("folder"), Some("/مراسلات ٢٠٢٦")));
    let inner = folder(&client, id(&top), "وارد").await;
    let document = client.document(&inner, "رسالة.txt", b"dear sir").await;
    assert_eq!(document["paths"], json!(["/مراسلات ٢٠٢٦/وارد/رسالة.txt"]));
    assert_eq!(document["primaryParent"], inner["id"]);
    let path =
        "/objects?path=/%D9%85%D8%B1%D8%A7%D8%B3%D9%84%D8%A7%D8%AA%20%D9%A2%D9%A0%D9%A2%D9%A6/%D9%88%D8%A7%D8%B1%D8%AF";
    let found = client.get(path).await.expect(200).json();
    assert_eq!(found, client.get(&format!("/folders/{}", id(&inner))).await.expect(200).json());
    client.get("/objects?path=/nothing").await.problem(404, "not_found");
    client.get("/objects?path=nothing").await.problem(422, "invalid");
    client.get("/objects").await.problem(400, "invalid_query");
    client.post(&format!("/folders/{}/folders", id(&top)), json!({ "name": "وارد" })).await.problem(409, "name_taken");
    client
        .post(&format!("/folders/{}/folders", id(&document)), json!({ "name": "x" }))
        .await
        .problem(409, "not_a_folder");
    client.get(&format!("/folders/{}", id(&document))).await.problem(404, "not_found");
    for name in ["a/b", "a\0b", "", "..", &"ب".repeat(1_000)] {
        let refused = client.post("/folders/root/folders", json!({ "name": name })).await.problem(422, "invalid");
        assert_eq!(refused["violations"][0]["field"], "name", "{name:?}");
    }
    let outsider = office.user("outsider", &[]).await;
    outsider.get("/folders/root").await.problem(404, "not_found");
    outsider.get(path).await.problem(404, "not_found");
}

#[actix_web::test]
async fn a_folder_is_listed_in_every_order_with_an_exact_total() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let mut made = Vec::new();
    for name in ["باء", "ألف", "جيم"] {
        made.push(folder(&client, id(&dossier), name).await);
    }
    let patch = format!("/folders/{}", id(&made[0]));
    change(&client, Method::PATCH, &patch, json!({ "title": "T" })).await.expect(200);
    let list = async |query: &str| {
        let page = client.get(&format!("/folders/{}/contents?{query}", id(&dossier))).await.expect(200).json();
        let names = page["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned());
        (names.collect::<Vec<_>>().join(" "), page["total"].as_u64().unwrap())
    };
    for (query, expect) in [
        ("", "باء ألف جيم"),
        ("sort=-place", "جيم ألف باء"),
        ("sort=name", "ألف باء جيم"),
        ("sort=-name", "جيم باء ألف"),
        ("sort=created", "باء ألف جيم"),
        ("sort=-modified", "باء جيم ألف"),
        ("sort=name&limit=1&offset=1", "باء"),
        ("sort=name&offset=7", ""),
    ] {
        assert_eq!(list(query).await, (expect.to_owned(), 3), "{query}");
    }
    let wrong =
        client.get(&format!("/folders/{}/contents?sort=size", id(&dossier))).await.problem(400, "invalid_query");
    assert_eq!(wrong["parameters"]["parameter"], "sort");
    let place = format!("/objects/{}/place", id(&made[2]));
    change(&client, Method::PUT, &place, json!({ "position": "before", "of": id(&made[1]) })).await.expect(200);
    assert_eq!(list("sort=place").await.0, "باء جيم ألف");
    let missing = change(&client, Method::PUT, &place, json!({ "position": "after" })).await.problem(422, "invalid");
    assert_eq!(missing["violations"][0]["field"], "of");
    change(&client, Method::PUT, &place, json!({ "position": "middle" })).await.problem(422, "invalid");
}

#[actix_web::test]
async fn what_is_filed_moved_or_copied_names_the_state_it_was_in() {
    let office = Office::open().await;
    let client = office.admin().await;
    let (a, b) = (client.dossier("أ").await, client.dossier("ب").await);
    let document = client.document(&a, "عقد.txt", b"in witness").await;
    let parent = format!("/objects/{}/parents/{}", id(&document), id(&b));
    let moving = format!("/objects/{}/move", id(&document));
    let primary = format!("/objects/{}/primary-parent", id(&document));
    let place = format!("/objects/{}/place", id(&document));
    let body = json!({ "to": id(&b) });
    client.ask(Method::PUT, &parent).send().await.problem(428, "precondition_required");
    client.ask(Method::DELETE, &parent).send().await.problem(428, "precondition_required");
    client.ask(Method::POST, &moving).json(body.clone()).await.problem(428, "precondition_required");
    client.ask(Method::PUT, &primary).json(json!({ "folder": id(&b) })).await.problem(428, "precondition_required");
    client.ask(Method::PUT, &place).json(json!({ "position": "first" })).await.problem(428, "precondition_required");
    let stale = client.ask(Method::POST, &moving).header("if-match", "\"99\"").json(body).await.problem(412, "stale");
    assert_eq!(stale["current"]["changeToken"], document["changeToken"]);
    let filed = client.ask(Method::PUT, &parent).if_match(&document).send().await.expect(200);
    assert!(!filed.header("cartulary-transaction").is_empty() && !filed.header("etag").is_empty());
    let filed = filed.json();
    assert_eq!(filed["paths"], json!(["/أ/عقد.txt", "/ب/عقد.txt"]));
    client.ask(Method::PUT, &parent).if_match(&document).send().await.problem(412, "stale");
    let left = format!("/objects/{}/parents/{}", id(&document), id(&a));
    let left = client.ask(Method::DELETE, &left).if_match(&filed).send().await.expect(200).json();
    assert_eq!((left["primaryParent"].clone(), left["paths"].clone()), (b["id"].clone(), json!(["/ب/عقد.txt"])));
    client.ask(Method::DELETE, &parent).if_match(&left).send().await.problem(409, "last_folder");
    let unfiled = client.ask(Method::DELETE, &format!("{parent}?unfile=true")).if_match(&left).send().await;
    assert_eq!(unfiled.expect(200).json()["parents"], json!([]));
    assert_eq!(client.get("/unfiled").await.expect(200).json()["total"], 1);
    change(&client, Method::PUT, &parent, json!({})).await.expect(200);
    let copies = format!("/objects/{}/copies", id(&document));
    let copy = || json!({ "folder": id(&a), "name": "نسخة.txt" });
    let post = || client.ask(Method::POST, &copies).header("idempotency-key", "k");
    let made = post().json(copy()).await.expect(201);
    assert!(made.header("location").starts_with("/api/v1/objects/"));
    let made = made.json();
    assert_eq!(
        (made["copiedCount"].clone(), made["content"]["digest"].clone()),
        (json!(1), document["content"]["digest"].clone())
    );
    assert_eq!(post().json(copy()).await.expect(201).json()["id"], made["id"]);
    let taken = client.post(&copies, copy()).await.problem(409, "name_taken");
    assert_eq!(taken["parameters"]["proposedName"], "نسخة (2).txt");
    for (body, field) in
        [(json!({ "to": id(&b), "name": "a/b" }), "name"), (json!({ "to": "x" }), "to"), (json!({}), "to")]
    {
        let refused = change(&client, Method::POST, &moving, body).await.problem(422, "invalid");
        assert_eq!(refused["violations"][0]["field"], field, "{refused}");
    }
    let into_itself = format!("/objects/{}/move", id(&b));
    change(&client, Method::POST, &into_itself, json!({ "to": id(&b) })).await.problem(409, "cyclic_move");
    change(&client, Method::POST, &into_itself, json!({ "to": id(&document) })).await.problem(409, "not_a_folder");
}

#[actix_web::test]
async fn what_is_deleted_lies_in_the_trash_until_it_is_restored_or_destroyed() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("ملف").await;
    let inner = folder(&client, id(&dossier), "داخل").await;
    let document = client.document(&inner, "رسالة.txt", b"dear sir").await;
    let path = format!("/folders/{}", id(&inner));
    client.ask(Method::DELETE, &path).send().await.problem(428, "precondition_required");
    client
        .ask(Method::DELETE, &format!("{path}?permanent=perhaps"))
        .header("if-match", "*")
        .send()
        .await
        .problem(400, "invalid_query");
    client.ask(Method::DELETE, "/folders/root").header("if-match", "*").send().await.problem(409, "root_folder");
    let gone = client.ask(Method::DELETE, &path).if_match(&inner).send().await.expect(204);
    let list = format!("/trash?waitFor={}", gone.header("cartulary-transaction"));
    let trash = client.get(&list).await.expect(200).json();
    assert_eq!((trash["total"].clone(), trash["items"][0]["name"].clone()), (json!(1), json!("داخل")));
    let row = &trash["items"][0];
    assert_eq!(
        (row["trashedBy"].clone(), row["parent"]["id"].clone()),
        (json!("Administrator"), dossier["id"].clone())
    );
    client.get(&format!("/documents/{}", id(&document))).await.problem(404, "not_found");
    folder(&client, id(&dossier), "داخل").await;
    let restore = format!("/trash/{}/restore", id(&inner));
    let taken = client.post(&restore, json!({})).await.problem(409, "name_taken");
    let proposed = taken["parameters"]["proposedName"].as_str().unwrap();
    assert_eq!(proposed, "داخل (2)");
    let refused = client.post(&restore, json!({ "name": "a/b" })).await.problem(422, "invalid");
    assert_eq!(refused["violations"][0]["field"], "name");
    let back = client.post(&restore, json!({ "name": proposed })).await.expect(200).json();
    assert_eq!(back["path"], "/ملف/داخل (2)");
    client.get(&format!("/documents/{}", id(&document))).await.expect(200);
    client.post(&restore, json!({})).await.problem(404, "not_found");
    // Its folder goes after it.
    let delete = async |path: &str| client.ask(Method::DELETE, path).header("if-match", "*").send().await;
    delete(&format!("/documents/{}", id(&document))).await.expect(204);
    delete(&format!("/folders/{}?permanent=true", id(&inner))).await.expect(204);
    let restore = format!("/trash/{}/restore", id(&document));
    client.post(&restore, json!({})).await.problem(409, "target_required");
    let trashed = client.get(&format!("/trash/{}", id(&document))).await.expect(200).json();
    let destroy = format!("/trash/{}", id(&document));
    client.ask(Method::DELETE, &destroy).send().await.problem(428, "precondition_required");
    client.ask(Method::DELETE, &destroy).if_match(&document).send().await.problem(412, "stale");
    client.ask(Method::DELETE, &destroy).if_match(&trashed).send().await.expect(204);
    client.get(&destroy).await.problem(404, "not_found");
    assert_eq!(client.get("/trash").await.expect(200).json()["total"], 0);
    let kinds: Vec<Value> =
        client.get("/changes?limit=1000").await.expect(200).json()["items"].as_array().unwrap().clone();
    assert_eq!(kinds.iter().filter(|change| change["kind"] == "destroyed").count(), 2);
}

#[actix_web::test]
async fn a_large_deletion_is_a_job_that_is_followed() {
    let office = Office::open().await;
    let client = office.admin().await;
    let background = office.repository.start_background();
    let dossier = client.dossier("A").await;
    client.document(&dossier, "a", b"a").await;
    let path = format!("/folders/{}/deletions", id(&dossier));
    client.post(&path, json!({})).await.problem(428, "precondition_required");
    client.ask(Method::POST, &path).header("if-match", "\"99\"").json(json!({})).await.problem(412, "stale");
    let job = change(&client, Method::POST, &path, json!({})).await.expect(202);
    let location = job.header("location").trim_start_matches("/api/v1").to_owned();
    let done = follow(&client, &location).await;
    assert_eq!((done["progress"]["deletedCount"].clone(), done["progress"]["faults"].clone()), (json!(2), json!([])));
    assert_eq!(client.get("/trash").await.expect(200).json()["total"], 1);
    let job = client.ask(Method::DELETE, "/trash").send().await.expect(202);
    let location = job.header("location").trim_start_matches("/api/v1").to_owned();
    assert_eq!(follow(&client, &location).await["progress"]["deletedCount"], 2);
    assert_eq!(client.get("/trash").await.expect(200).json()["total"], 0);
    background.stop().await;
}

/// Asks for a job until it has ended.
async fn follow(client: &Client<'_>, path: &str) -> Value {
    loop {
        let job = client.get(path).await.expect(200).json();
        if job["state"] == "done" || job["state"] == "dead" {
            return job;
        }
        let_work_go_on().await;
    }
}

#[actix_web::test]
async fn a_document_is_made_in_no_folder() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let (rana, omar) = (office.user("rana", &["staff"]).await, office.user("omar", &["readers"]).await);
    let form = || Form::new().field("name", "loose.txt").file("content", "loose.txt", "text/plain", b"loose");
    let made = rana.ask(Method::POST, "/documents").form(form()).await.expect(201);
    assert!(made.header("location").starts_with("/api/v1/documents/"));
    let made = made.json();
    assert_eq!(
        (&made["name"], &made["parents"], &made["versionLabel"]),
        (&json!("loose.txt"), &json!([]), &json!("1.0"))
    );
    // Two may have one name where there is no folder.
    rana.ask(Method::POST, "/documents").form(form()).await.expect(201);
    omar.ask(Method::POST, "/documents").form(form()).await.problem(403, "forbidden");
    let path = format!("/documents/{}", made["id"].as_str().unwrap());
    omar.get(&path).await.problem(404, "not_found");
    assert_eq!(rana.get("/unfiled").await.expect(200).json()["total"], 2);
    // It is filed like any other, and then seen by who sees the folder.
    let dossier = admin.dossier("A").await;
    let place = format!("/objects/{}/parents/{}", made["id"].as_str().unwrap(), dossier["id"].as_str().unwrap());
    rana.ask(Method::PUT, &place).header("if-match", "*").send().await.expect(200);
    omar.get(&path).await.expect(200);
    assert_eq!(rana.get("/unfiled").await.expect(200).json()["total"], 1);
    assert!(office.repository.verify(Default::default(), |_| {}).await.unwrap().is_clean());
}
