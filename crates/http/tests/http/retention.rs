//! Retention and legal holds, through REST.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::{Client, Office};

async fn paper(client: &Client<'_>) -> Value {
    client.document(&client.dossier("D-1").await, "a.txt", b"a").await
}

fn path(object: &Value, rest: &str) -> String {
    format!("/objects/{}/{rest}", object["id"].as_str().unwrap())
}

#[actix_web::test]
async fn a_document_is_kept_until_a_day_and_from_an_event_on() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let made = paper(&admin).await;
    let retention = path(&made, "retention");
    assert_eq!(admin.get(&retention).await.expect(200).json(), json!({ "awaits": [], "held": false, "holds": [] }));
    let put = |body: Value| admin.ask(Method::PUT, &retention).header("if-match", "*").json(body);
    admin.ask(Method::PUT, &retention).json(json!({})).await.problem(428, "precondition_required");
    put(json!({})).await.problem(422, "invalid");
    put(json!({ "retainUntil": "2001-01-01T00:00:00Z" })).await.problem(422, "invalid");
    let odd = put(json!({ "awaits": { "event": "lapse", "period": "ten years" } })).await.problem(422, "invalid");
    assert_eq!(odd["violations"][0]["field"], "awaits.period");
    put(json!({ "awaits": { "event": "\u{202e}", "period": "P1Y" } })).await.problem(422, "invalid");
    let body = json!({ "retainUntil": "2099-01-01T00:00:00.000Z", "awaits": { "event": "lapse", "period": "P10Y" } });
    let kept = put(body.clone()).await.expect(200).json();
    assert_eq!((&kept["retainUntil"], &kept["awaits"][0]), (&body["retainUntil"], &body["awaits"]));
    put(json!({ "retainUntil": "2098-01-01T00:00:00Z" })).await.problem(409, "retention_shortened");
    let document = format!("/documents/{}", made["id"].as_str().unwrap());
    let delete = || admin.ask(Method::DELETE, &document).header("if-match", "*").send();
    delete().await.problem(409, "under_retention");
    let say = |event: &str| {
        let asking = admin.ask(Method::POST, &path(&made, "retention-events")).header("if-match", "*");
        asking.json(json!({ "event": event }))
    };
    say("other").await.problem(409, "event_not_awaited");
    let said = say("lapse").await.expect(200).json();
    assert_eq!((&said["retainUntil"], &said["awaits"]), (&body["retainUntil"], &json!([])), "the later of both");
    office.user("omar", &[]).await.get(&retention).await.problem(404, "not_found");
}

#[actix_web::test]
async fn a_legal_hold_is_made_filled_and_released() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let made = paper(&admin).await;
    admin.post("/legal-holds", json!({ "name": "", "reason": "a" })).await.problem(422, "invalid");
    let hold = admin.post("/legal-holds", json!({ "name": "Case 7", "reason": "a court asked" })).await.expect(201);
    let hold = hold.json();
    let at = format!("/legal-holds/{}", hold["id"].as_str().unwrap());
    let object = format!("{at}/objects/{}", made["id"].as_str().unwrap());
    admin.ask(Method::PUT, &object).send().await.expect(204);
    admin.ask(Method::PUT, &object).send().await.expect(204);
    assert_eq!(admin.get(&format!("{at}/objects")).await.expect(200).json()["total"], 1);
    let kept = admin.get(&path(&made, "retention")).await.expect(200).json();
    assert_eq!(kept["holds"], json!([{ "id": hold["id"], "name": "Case 7" }]));
    let document = format!("/documents/{}", made["id"].as_str().unwrap());
    for query in ["", "?permanent=true"] {
        let delete = admin.ask(Method::DELETE, &format!("{document}{query}")).header("if-match", "*");
        delete.send().await.problem(409, "under_hold");
    }
    office.user("amal", &["staff"]).await.get("/legal-holds").await.problem(403, "forbidden");
    let released = admin.post(&format!("{at}/release"), json!({ "reason": "decided" })).await.expect(200).json();
    assert_eq!(released["releaseReason"], "decided");
    admin.ask(Method::PUT, &object).send().await.problem(409, "hold_released");
    admin.ask(Method::DELETE, &document).header("if-match", "*").send().await.problem(409, "is_record");
}
