//! Quotas over HTTP: the numbers, the limit, and the refusal with both.

use actix_web::http::Method;
use serde_json::json;

use crate::office::Office;

#[actix_web::test]
async fn a_user_takes_what_he_may_and_reads_how_much_that_is() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let amal = office.user("amal", &["staff"]).await;
    let dossier = admin.dossier("D-1").await;
    amal.document(&dossier, "a.txt", b"0123456789").await;
    let listed = admin.get("/usage").await.expect(200).json();
    let item = listed["items"].as_array().unwrap().iter().find(|item| item["username"] == "amal").unwrap().clone();
    assert_eq!((&item["bytes"], &item["objects"], &item["maxBytes"]), (&json!(10), &json!(1), &json!(null)));
    let path = format!("/users/{}/quota", item["userId"].as_str().unwrap());
    let put = |body: serde_json::Value| admin.ask(Method::PUT, &path).header("if-match", "*").json(body);
    admin.ask(Method::PUT, &path).json(json!({})).await.problem(428, "precondition_required");
    put(json!({ "maxBytes": -1 })).await.problem(422, "invalid");
    put(json!({ "bytes": 1 })).await.problem(422, "invalid");
    let set = put(json!({ "maxBytes": 15 })).await.expect(200).json();
    assert_eq!((&set["maxBytes"], &set["bytes"]), (&json!(15), &json!(10)));
    assert_eq!(amal.get(&path).await.expect(200).json(), set);
    let dossier_path = format!("/dossiers/{}/documents", dossier["id"].as_str().unwrap());
    let form = crate::office::Form::new().field("name", "b.txt").file("content", "b.txt", "text/plain", b"abcdef");
    let refused = amal.ask(Method::POST, &dossier_path).form(form).await.problem(507, "quota_exceeded");
    assert_eq!(
        (&refused["parameters"]["bytes"], &refused["parameters"]["maxBytes"], &refused["parameters"]["user"]),
        (&json!(16), &json!(15), &json!("amal"))
    );
    amal.get("/usage").await.problem(403, "forbidden");
    amal.ask(Method::PUT, &path).header("if-match", "*").json(json!({})).await.problem(403, "forbidden");
    let job = admin.ask(Method::POST, "/usage/recounts").send().await.expect(202).json();
    assert_eq!(job["kind"], "core.recount-space");
}

#[actix_web::test]
async fn a_user_who_leaves_hands_over_and_signs_in_no_more() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let amal = office.user("amal", &["staff"]).await;
    office.user("rana", &["staff"]).await;
    let users = admin.get("/users").await.expect(200).json();
    let id = |name: &str| {
        let found = users["items"].as_array().unwrap().iter().find(|user| user["username"] == name).unwrap();
        found["id"].as_str().unwrap().to_owned()
    };
    let path = format!("/users/{}/hand-overs", id("amal"));
    let ask = |to: &str| admin.ask(Method::POST, &path).header("if-match", "*").json(json!({ "to": to }));
    admin.ask(Method::POST, &path).json(json!({ "to": id("rana") })).await.problem(428, "precondition_required");
    let odd = ask(&id("amal")).await.problem(422, "invalid");
    assert_eq!(odd["violations"][0]["field"], "to");
    amal.ask(Method::POST, &path)
        .header("if-match", "*")
        .json(json!({ "to": id("rana") }))
        .await
        .problem(403, "forbidden");
    let job = ask(&id("rana")).await.expect(202).json();
    assert_eq!(job["kind"], "core.hand-over");
    amal.get("/sessions/current").await.problem(401, "unauthenticated");
}

/// Whoever wrote to another's document was told how much that one has.
#[actix_web::test]
async fn the_numbers_of_another_are_not_told() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let (amal, rana) = (office.user("amal", &["staff"]).await, office.user("rana", &["staff"]).await);
    let dossier = admin.dossier("D-1").await;
    let document = amal.document(&dossier, "a.txt", b"0123456789").await;
    let listed = admin.get("/usage").await.expect(200).json();
    let item = listed["items"].as_array().unwrap().iter().find(|item| item["username"] == "amal").unwrap().clone();
    let path = format!("/users/{}/quota", item["userId"].as_str().unwrap());
    admin.ask(Method::PUT, &path).header("if-match", "*").json(json!({ "maxBytes": 11 })).await.expect(200);
    let content = format!("/documents/{}/content?fileName=a.txt", document["id"].as_str().unwrap());
    let put = async |client: &crate::office::Client<'_>| {
        let asking = client.ask(Method::PUT, &content).header("if-match", "*").header("content-type", "text/plain");
        asking.bytes(b"another text").await.problem(507, "quota_exceeded")
    };
    let told = put(&rana).await;
    assert_eq!(told["parameters"], json!({ "user": "amal" }), "{told}");
    assert!(!told["detail"].as_str().unwrap().contains(|one: char| one.is_ascii_digit()), "{told}");
    for client in [&amal, &admin] {
        assert_eq!(put(client).await["parameters"]["bytes"], 22);
    }
}
