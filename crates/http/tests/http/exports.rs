//! Bags out and in through the interface.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::{Client, Office, let_work_go_on};

/// Asks for an export until it has ended.
async fn follow(client: &Client<'_>, path: &str) -> Value {
    loop {
        let export = client.get(path).await.expect(200).json();
        if !["counting", "running"].contains(&export["state"].as_str().unwrap()) {
            return export;
        }
        let_work_go_on().await;
    }
}

#[actix_web::test]
async fn a_dossier_leaves_one_office_and_comes_into_another() {
    let (office, other) = (Office::open().await, Office::open().await);
    let client = office.admin().await;
    let background = office.repository.start_background();
    let dossier = client.dossier("ملف").await;
    client.document(&dossier, "a.txt", b"dear sir").await;
    let scope = json!({ "scope": { "kind": "tree", "object": dossier["id"] } });
    let asked = client.post("/exports", scope).await.expect(202);
    let location = asked.header("location").trim_start_matches("/api/v1").to_owned();
    let done = follow(&client, &location).await;
    assert_eq!((&done["state"], &done["total"], &done["doneCount"]), (&json!("done"), &json!(2), &json!(2)), "{done}");
    assert_eq!(client.get("/exports").await.expect(200).json()["total"], 1);
    let bag = client.get(&format!("{location}/content")).await.expect(200);
    assert_eq!(bag.header("content-type"), "application/x-tar");
    let part = client.ask(Method::GET, &format!("{location}/content")).header("range", "bytes=0-9").send().await;
    assert_eq!(part.expect(206).body, bag.body.slice(0..10));

    let admin = other.admin().await;
    let brought = admin.ask(Method::POST, "/bag-imports").bytes(&bag.body).await.expect(200).json();
    assert_eq!((&brought["objectCount"], &brought["versionCount"]), (&json!(2), &json!(1)));
    let found = admin.get("/objects?path=/%D9%85%D9%84%D9%81/a.txt").await.expect(200).json();
    assert_eq!(found["versionLabel"], "1.0");
    // Once more, and what is no bag: refused with what is wrong, and nothing comes in.
    let refused = admin.ask(Method::POST, "/bag-imports").bytes(&bag.body).await.problem(422, "invalid");
    assert_eq!(refused["violations"][0]["code"], "id_taken", "{refused}");
    let refused = admin.ask(Method::POST, "/bag-imports").bytes(b"no bag").await.problem(422, "invalid");
    assert!(refused["violations"].as_array().unwrap().iter().any(|one| one["code"] == "not_a_bag"), "{refused}");
    let staff = other.user("amal", &["staff"]).await;
    staff.ask(Method::POST, "/bag-imports").bytes(&bag.body).await.problem(403, "forbidden");
    let outsider = office.user("outsider", &[]).await;
    outsider.get(&location).await.problem(404, "not_found");
    outsider.get(&format!("{location}/content")).await.problem(404, "not_found");
    background.stop().await;
}

/// One could have any number of exports, and delete none.
#[actix_web::test]
async fn exports_of_one_user_are_counted_and_deleted() {
    let office = Office::open().await;
    let (amal, rana) = (office.user("amal", &["readers"]).await, office.user("rana", &["readers"]).await);
    let everything = || json!({ "scope": { "kind": "repository" } });
    let mut last = String::new();
    for _ in 0..50 {
        let made = amal.post("/exports", everything()).await.expect(202);
        made.header("location").trim_start_matches("/api/v1").clone_into(&mut last);
    }
    amal.post("/exports", everything()).await.problem(409, "too_many_exports");
    rana.post("/exports", everything()).await.expect(202);
    rana.ask(Method::DELETE, &last).send().await.problem(404, "not_found");
    amal.ask(Method::DELETE, &last).send().await.expect(204);
    amal.get(&last).await.problem(404, "not_found");
    amal.post("/exports", everything()).await.expect(202);
}

/// One could have hundreds of bulk actions wait before those of others.
#[actix_web::test]
async fn bulk_actions_of_one_user_that_wait_are_counted() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let amal = office.user("amal", &["staff"]).await;
    let action = || json!({ "statement": "SELECT * FROM cmis:document", "act": { "kind": "addFacet", "facet": "confidential" } });
    let mut last = String::new();
    for _ in 0..20 {
        let made = amal.post("/bulk-actions", action()).await.expect(202);
        made.header("location").trim_start_matches("/api/v1").clone_into(&mut last);
    }
    amal.post("/bulk-actions", action()).await.problem(409, "too_many_bulk_actions");
    amal.post(&format!("{last}/abort"), json!({})).await.expect(200);
    amal.post("/bulk-actions", action()).await.expect(202);
    admin.post("/bulk-actions", action()).await.expect(202);
}
