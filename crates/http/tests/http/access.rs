//! Access lists over HTTP: denials, what begins and ends, lists of processes, and the entry that decides.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::Office;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[actix_web::test]
async fn an_entry_says_what_it_denies_from_when_until_when_and_why() {
    let office = Office::open().await;
    let admin = office.admin().await;
    office.user("amal", &["readers"]).await;
    let dossier = admin.dossier("D-1").await;
    let path = format!("/objects/{}/acl", text(&dossier["id"]));
    let entries = json!([
        { "principal": "amal", "permission": "Read", "grants": false, "begins": "2020-01-01T00:00:00Z",
            "ends": "2999-01-01T00:00:00Z" },
        { "principal": "staff", "permission": "Write" }
    ]);
    let put = admin.ask(Method::PUT, &path).header("if-match", "*");
    let list = put.json(json!({ "entries": entries, "inherits": true })).await.expect(200).json();
    let first = &list["entries"][0];
    assert_eq!((&first["grants"], &first["list"]), (&json!(false), &json!("local")));
    assert_eq!(text(&first["begins"]).get(..10), Some("2020-01-01"));
    assert_eq!((&list["entries"][1]["grants"], &list["entries"][1]["ends"]), (&json!(true), &Value::Null));
    let why = format!("/objects/{}/access-explanation?principal=amal&permission=ReadContent", text(&dossier["id"]));
    let found = admin.get(&why).await.expect(200).json();
    let one = &found["permissions"][0];
    assert_eq!((&one["granted"], &one["decidedBy"]["inherited"]), (&json!(false), &json!(false)));
    assert_eq!(one["decidedBy"]["object"]["name"], "D-1");
    let named = admin.ask(Method::PUT, &format!("{path}/case-7")).header("if-match", "*");
    let grant = json!({ "entries": [{ "principal": "amal", "permission": "Read" }] });
    named.json(grant).await.expect(200);
    assert_eq!(admin.get(&why).await.expect(200).json()["permissions"][0]["decidedBy"]["list"], "case-7");
    admin.ask(Method::DELETE, &format!("{path}/case-7")).header("if-match", "*").send().await.expect(204);
    assert_eq!(admin.get(&why).await.expect(200).json()["permissions"][0]["granted"], false);
}

#[actix_web::test]
async fn a_wrong_entry_is_refused_with_its_field() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("D-1").await;
    let path = format!("/objects/{}", text(&dossier["id"]));
    let put = |entry: Value| {
        let asking = admin.ask(Method::PUT, &format!("{path}/acl")).header("if-match", "*");
        asking.json(json!({ "entries": [entry], "inherits": true }))
    };
    let check = |problem: Value, field: &str, code: &str| {
        assert_eq!(
            (&problem["violations"][0]["field"], &problem["violations"][0]["code"]),
            (&json!(field), &json!(code))
        );
    };
    let refused = put(json!({ "principal": "nobody", "permission": "Read" })).await.problem(422, "invalid");
    check(refused, "entries[0].principal", "unknown_principal");
    let refused = put(json!({ "principal": "staff", "permission": "Reed" })).await.problem(422, "invalid");
    check(refused, "entries[0].permission", "unknown_permission");
    let turned = json!({ "principal": "staff", "permission": "Read", "begins": "2026-01-02T00:00:00Z",
        "ends": "2026-01-01T00:00:00Z" });
    check(put(turned).await.problem(422, "invalid"), "entries[0].ends", "never_holds");
    let refused = admin.get(&format!("{path}/access-explanation?principal=nobody")).await.problem(422, "invalid");
    check(refused, "principal", "unknown_principal");
    let named = admin.ask(Method::PUT, &format!("{path}/acl/local")).header("if-match", "*");
    check(named.json(json!({ "entries": [] })).await.problem(422, "invalid"), "name", "invalid_name");
}

#[actix_web::test]
async fn the_permissions_are_listed_with_their_groups() {
    let office = Office::open().await;
    let reader = office.user("amal", &["readers"]).await;
    let found = reader.get("/permissions").await.expect(200).json();
    let groups: Vec<&str> = found["groups"].as_array().unwrap().iter().map(|group| text(&group["name"])).collect();
    assert_eq!(groups, ["Read", "Write", "Manage"]);
    assert!(found["items"].as_array().unwrap().contains(&json!("ExportConfidential")));
    assert!(found["groups"][0]["members"].as_array().unwrap().contains(&json!("ReadContent")));
}

/// An object could have any number of named lists, and the log kept all of them with every change of one.
#[actix_web::test]
async fn named_lists_are_counted_and_the_log_says_what_changed() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("D-1").await;
    let put = async |name: &str, who: &str| {
        let path = format!("/objects/{}/acl/{name}", text(&dossier["id"]));
        let asking = admin.ask(Method::PUT, &path).header("if-match", "*");
        asking.json(json!({ "entries": [{ "principal": who, "permission": "Read" }] })).await
    };
    for number in 0..100 {
        put(&format!("list-{number}"), "staff").await.expect(200);
    }
    put("another", "staff").await.problem(409, "too_many_lists");
    put("list-7", "readers").await.expect(200);
    let entries = admin.get("/audit-entries?limit=1000").await.expect(200).json();
    let last = entries["items"].as_array().unwrap().iter().rfind(|entry| entry["kind"] == "security").unwrap().clone();
    let said = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => serde_json::from_str(text).unwrap(),
        other => other.clone(),
    };
    let after: serde_json::Value = said(&last["after"]);
    assert_eq!((after["entries"].as_array().unwrap().len(), &after["list"]), (1, &json!("list-7")), "{last}");
}
