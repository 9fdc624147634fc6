//! Saved searches: kept, shown, run with the rights of whoever runs them, and clear about what no longer fits.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::{Client, Office};

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

async fn save(client: &Client<'_>, form: Value) -> Value {
    client.post("/saved-searches", form).await.expect(201).json()
}

fn of(saved: &Value) -> String {
    format!("/saved-searches/{}", id(saved))
}

#[actix_web::test]
async fn a_statement_is_saved_shown_and_run_with_ones_own_rights() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let (reader, stranger) = (office.user("r", &["readers"]).await, office.user("s", &["readers"]).await);
    let (open, secret) = (admin.dossier("open").await, admin.dossier("secret").await);
    for dossier in [&open, &secret] {
        admin.document(dossier, "paper", b"1").await;
    }
    let list = json!({ "entries": [], "inherits": false });
    admin
        .ask(Method::PUT, &format!("/objects/{}/acl", id(&secret)))
        .header("if-match", "*")
        .json(list)
        .await
        .expect(200);
    let form = json!({
        "name": "Papers", "query": { "statement": "SELECT cmis:name FROM cmis:document WHERE cmis:name = 'paper'" },
        "shares": [{ "principal": "r" }],
    });
    let ask = || admin.ask(Method::POST, "/saved-searches").header("idempotency-key", "k");
    let saved = ask().json(form.clone()).await.expect(201).json();
    assert_eq!(ask().json(form).await.expect(201).json(), saved);
    assert_eq!((&saved["name"], &saved["problem"], &saved["writable"]), (&json!("Papers"), &Value::Null, &json!(true)));
    let results = format!("{}/results?limit=1", of(&saved));
    let found = admin.get(&results).await.expect(200).json();
    assert_eq!((&found["query"]["total"], found["query"]["items"].as_array().unwrap().len()), (&json!(2), 1));
    assert_eq!(reader.get(&results).await.expect(200).json()["query"]["total"], 1);
    let seen = reader.get(&of(&saved)).await.expect(200).json();
    assert_eq!((&seen["writable"], &seen["shares"]), (&json!(false), &json!([])));
    let change = async |client: &Client<'_>, form: Value| {
        client.ask(Method::PATCH, &of(&saved)).header("if-match", "*").json(form).await
    };
    change(&reader, json!({ "name": "Mine" })).await.problem(403, "forbidden");
    for path in [of(&saved), results] {
        stranger.get(&path).await.problem(404, "not_found");
    }
    assert_eq!(stranger.get("/saved-searches").await.expect(200).json()["total"], 0);
    assert_eq!(reader.get("/saved-searches").await.expect(200).json()["total"], 1);
    // Who may write changes what is looked for, and not to whom it is shown.
    change(&admin, json!({ "shares": [{ "principal": "r", "write": true }] })).await.expect(200);
    let words = change(&reader, json!({ "search": { "q": "open" } })).await.expect(200).json();
    assert_eq!((&words["search"]["q"], &words["query"]), (&json!("open"), &Value::Null));
    change(&reader, json!({ "shares": [] })).await.problem(403, "forbidden");
    let delete = async |client: &Client<'_>| client.ask(Method::DELETE, &of(&saved)).if_match(&saved).send().await;
    delete(&reader).await.problem(403, "forbidden");
    assert_eq!(delete(&admin).await.problem(412, "stale")["current"]["search"]["q"], "open");
    admin.ask(Method::DELETE, &of(&saved)).send().await.problem(428, "precondition_required");
    admin.ask(Method::DELETE, &of(&saved)).header("if-match", "*").send().await.expect(204);
    admin.get(&of(&saved)).await.problem(404, "not_found");
}

#[actix_web::test]
async fn one_whose_type_is_gone_says_so_and_why() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let paper = json!({ "id": "paper", "parent": "document", "base": "document", "label": "Paper" });
    admin.post("/types", paper).await.expect(201);
    let statement = save(&admin, json!({ "name": "a", "query": { "statement": "SELECT * FROM paper" } })).await;
    let words = save(&admin, json!({ "name": "b", "search": { "q": "x", "type": "document,paper" } })).await;
    for saved in [&statement, &words] {
        admin.get(&format!("{}/results", of(saved))).await.expect(200);
    }
    admin.ask(Method::DELETE, "/types/paper").header("if-match", "*").send().await.expect(204);
    for saved in [&statement, &words] {
        let broken = admin.get(&format!("{}/results", of(saved))).await.problem(409, "saved_search_broken");
        assert!(broken["detail"].as_str().unwrap().contains("there is no type `paper`"), "{broken}");
        let seen = admin.get(&of(saved)).await.expect(200).json();
        assert!(seen["problem"].as_str().unwrap().contains("`paper`"), "{seen}");
    }
    let mended = json!({ "query": { "statement": "SELECT * FROM document" } });
    let mended = admin.ask(Method::PATCH, &of(&statement)).if_match(&statement).json(mended).await.expect(200).json();
    assert_eq!(mended["problem"], Value::Null);
    admin.get(&format!("{}/results", of(&statement))).await.expect(200);
}

#[actix_web::test]
async fn what_cannot_be_run_is_not_saved() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let check = async |form: Value, field: &str| {
        let refused = admin.post("/saved-searches", form).await.problem(422, "invalid");
        assert_eq!(refused["violations"][0]["field"], field, "{refused}");
    };
    let words = json!({ "q": "x" });
    check(json!({ "name": "\n", "search": words }), "name").await;
    check(json!({ "name": "a" }), "query").await;
    check(json!({ "name": "a", "search": words, "query": { "statement": "x" } }), "search").await;
    check(json!({ "name": "a", "search": { "q": "x", "type": "nothing" } }), "search.type").await;
    let nowhere = "01890a5d-ac96-774b-bcce-b302099a8057";
    check(json!({ "name": "a", "search": { "q": "x", "dossier": nowhere } }), "search.dossier").await;
    check(json!({ "name": "a", "search": { "q": "a\0" } }), "search").await;
    check(json!({ "name": "a", "search": { "q": "x".repeat(20_001) } }), "search").await;
    check(json!({ "name": "a", "search": words, "shares": [{ "principal": "?" }] }), "shares[0].principal").await;
    check(json!({ "name": "a", "search": { "q": "x", "limit": 3 } }), "search.limit").await;
    let wrong = json!({ "name": "a", "query": { "statement": "SELECT * FROM nothing" } });
    admin.post("/saved-searches", wrong).await.problem(400, "invalid_statement");
    let long = json!({ "name": "a", "search": { "q": "x".repeat(10_000_000) } });
    admin.post("/saved-searches", long).await.problem(413, "payload_too_large");
    assert_eq!(admin.get("/saved-searches").await.expect(200).json()["total"], 0);
}
