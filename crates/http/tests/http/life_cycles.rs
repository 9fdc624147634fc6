//! Life cycles: declared with a type, answered with its objects, and gone through by transitions.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::{Client, Form, Office};

fn cycle() -> Value {
    json!({
        "initial": "draft",
        "states": [{ "id": "draft", "labels": { "ar": "مسودة" } }, { "id": "approved", "label": "Approved" }],
        "transitions": [{ "id": "approve", "from": ["draft"], "to": "approved", "label": "Approve" }]
    })
}

fn declared(cycle: &Value) -> Value {
    json!({ "id": "test:letter", "parent": "document", "base": "document", "label": "Letter", "lifeCycle": cycle })
}

async fn letter(client: &Client<'_>) -> Value {
    let dossier = client.dossier("D-1").await;
    let form = Form::new().field("name", "letter").field("type", "test:letter");
    let path = format!("/dossiers/{}/documents", dossier["id"].as_str().unwrap());
    client.ask(Method::POST, &path).form(form).await.expect(201).json()
}

fn transitions(object: &Value) -> String {
    format!("/objects/{}/transitions", object["id"].as_str().unwrap())
}

#[actix_web::test]
async fn an_object_is_taken_through_its_life_cycle() {
    let office = Office::open().await;
    office.admin().await.post("/types", declared(&cycle())).await.expect(201);
    let staff = office.user("amal", &["staff"]).await;
    let made = letter(&staff).await;
    assert_eq!(made["state"], "draft");
    let path = transitions(&made);
    let allowed = staff.get(&path).await.expect(200).json();
    assert_eq!(allowed, json!({ "state": "draft", "items": cycle()["transitions"] }));
    let approve = json!({ "transition": "approve" });
    staff.post(&path, approve.clone()).await.problem(428, "precondition_required");
    let stale = staff.ask(Method::POST, &path).header("if-match", "\"7\"");
    stale.json(approve.clone()).await.problem(412, "stale");
    let unknown = staff.ask(Method::POST, &path).if_match(&made).json(json!({ "transition": "fly" })).await;
    assert_eq!(unknown.problem(422, "invalid")["violations"][0]["code"], "unknown_transition");
    let changed = staff.ask(Method::POST, &path).if_match(&made).json(approve.clone()).await.expect(200).json();
    assert_eq!((&changed["state"], &changed["modifiedAt"]), (&json!("approved"), &made["modifiedAt"]));
    assert_ne!(changed["changeToken"], made["changeToken"]);
    staff.ask(Method::POST, &path).if_match(&changed).json(approve).await.problem(409, "transition_not_allowed");
    let statement = json!({ "statement": "SELECT cmis:name, cartulary:state FROM test:letter" });
    let rows = staff.post("/queries", statement).await.expect(200).json();
    assert_eq!(rows["items"][0], json!({ "cmis:name": "letter", "cartulary:state": "approved" }));
    let reader = office.user("rana", &["readers"]).await;
    assert_eq!(reader.get(&path).await.expect(200).json(), json!({ "state": "approved", "items": [] }));
    office.user("omar", &[]).await.get(&path).await.problem(404, "not_found");
}

#[actix_web::test]
async fn every_problem_of_a_life_cycle_is_told_at_once_and_nothing_is_declared() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let wrong = json!({
        "initial": "nowhere",
        "states": [{ "id": "draft" }, { "id": "draft" }],
        "transitions": [{ "id": "go", "from": ["moon"], "to": "mars" }]
    });
    let problem = admin.post("/types", declared(&wrong)).await.problem(422, "invalid");
    assert_eq!(problem["violations"].as_array().unwrap().len(), 4, "{problem}");
    admin.get("/types/test:letter").await.problem(404, "not_found");
    let unreachable = json!({ "initial": "a", "states": [{ "id": "a" }, { "id": "b" }] });
    let problem = admin.post("/types", declared(&unreachable)).await.problem(422, "invalid");
    let detail = problem["violations"][0]["detail"].as_str().unwrap();
    assert_eq!(detail, "the life cycle of `test:letter` has the state `b`, which no transition reaches");
}
