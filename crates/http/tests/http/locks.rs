//! Locks, through REST.

use actix_web::http::Method;
use serde_json::json;

use crate::office::Office;

#[actix_web::test]
async fn an_object_is_locked_unlocked_and_its_lock_broken() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let amal = office.user("amal", &["staff"]).await;
    let rana = office.user("rana", &["staff"]).await;
    let made = amal.document(&amal.dossier("D-1").await, "a.txt", b"a").await;
    let id = made["id"].as_str().unwrap();
    let (lock, document) = (format!("/objects/{id}/lock"), format!("/documents/{id}"));
    amal.get(&lock).await.problem(404, "not_found");
    amal.ask(Method::PUT, &lock).json(json!({})).await.problem(428, "precondition_required");
    let end = "2999-01-01T00:00:00.000Z";
    let body = json!({ "expiresAt": end, "comment": "at work" });
    let locked = amal.ask(Method::PUT, &lock).if_match(&made).json(body).await.expect(200).json();
    assert_eq!((&locked["lock"]["own"], &locked["lock"]["expiresAt"]), (&json!(true), &json!(end)));
    let past = json!({ "expiresAt": "2001-01-01T00:00:00Z" });
    amal.ask(Method::PUT, &lock).if_match(&locked).json(past).await.problem(422, "invalid");
    let change = rana.ask(Method::PATCH, &document).if_match(&locked).json(json!({ "title": "x" })).await;
    let problem = change.problem(423, "locked");
    assert_eq!(problem["parameters"], json!({ "by": "amal", "expiresAt": end }));
    assert_eq!(rana.get(&lock).await.expect(200).json()["by"], "amal");
    rana.ask(Method::DELETE, &lock).header("if-match", "*").send().await.problem(403, "forbidden");
    let free = admin.ask(Method::DELETE, &lock).header("if-match", "*").send().await.expect(200).json();
    assert!(free.get("lock").is_none());
    rana.ask(Method::PATCH, &document).header("if-match", "*").json(json!({ "title": "x" })).await.expect(200);
}

#[actix_web::test]
async fn who_may_only_browse_does_not_learn_who_has_locked() {
    let office = Office::open().await;
    let admin = office.admin().await;
    office.user("omar", &[]).await;
    let made = admin.document(&admin.dossier("D-1").await, "a.txt", b"a").await;
    let at = |rest: &str| format!("/objects/{}/{rest}", made["id"].as_str().unwrap());
    let list = json!({ "entries": [
        { "principal": "omar", "permission": "Browse" }, { "principal": "omar", "permission": "WriteProperties" }
    ], "inherits": false });
    admin.ask(Method::PUT, &at("acl")).header("if-match", "*").json(list).await.expect(200);
    admin.ask(Method::PUT, &at("lock")).header("if-match", "*").json(json!({ "comment": "secret" })).await.expect(200);
    let omar = office.client("omar").await;
    let lock = omar.get(&at("lock")).await.expect(200).json();
    assert_eq!((lock.get("by"), &lock["comment"]), (None, &json!("")));
    let change = omar.ask(Method::PUT, &at("lock")).header("if-match", "*").json(json!({})).await;
    assert!(change.problem(423, "locked").get("parameters").is_none());
}
