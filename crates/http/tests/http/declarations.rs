//! Types, facets and vocabularies, declared while the office runs.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::{Client, Form, Office};

fn letter() -> Value {
    json!({
        "id": "test:letter", "parent": "document", "base": "document", "label": "Letter",
        "labels": { "ar": "خطاب" },
        "properties": [
            { "id": "test:number", "label": "Number", "kind": "string", "required": true, "indexed": true,
                "pattern": "L-\\d{4}", "updatability": "oncreate" },
            { "id": "test:channel", "label": "Channel", "kind": "string", "choices": ["post", "counter"],
                "default": "post" },
            { "id": "test:parties", "label": "Parties", "kind": "nested", "cardinality": "multi", "maxItems": 3,
                "fields": [
                    { "id": "name", "label": "Name", "kind": "string", "required": true, "indexed": true, "maxLength": 10 },
                    { "id": "addresses", "label": "Addresses", "kind": "string", "cardinality": "multi" },
                    { "id": "role", "label": "Role", "kind": "string", "vocabulary": "test:roles" }
                ] }
        ]
    })
}

fn roles() -> Value {
    json!({ "id": "test:roles", "label": "Roles", "terms": [
        { "id": "party", "label": "Party", "labels": { "ar": "طرف" } },
        { "id": "sender", "parent": "party", "label": "Sender", "labels": { "ar": "مرسل" } },
        { "id": "agent", "parent": "party", "label": "Agent" }
    ] })
}

async fn declare(admin: &Client<'_>) {
    admin.post("/vocabularies", roles()).await.expect(201);
    admin.post("/types", letter()).await.expect(201);
}

async fn file(client: &Client<'_>, dossier: &Value, name: &str, properties: &Value) -> crate::office::Reply {
    let form =
        Form::new().field("name", name).field("type", "test:letter").field("properties", &properties.to_string());
    client.ask(Method::POST, &format!("/dossiers/{}/documents", text(&dossier["id"]))).form(form).await
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn codes(problem: &Value) -> Vec<(String, String)> {
    let one = |one: &Value| (text(&one["field"]).to_owned(), text(&one["code"]).to_owned());
    problem["violations"].as_array().into_iter().flatten().map(one).collect()
}

fn pairs(expect: &[(&str, &str)]) -> Vec<(String, String)> {
    expect.iter().map(|(field, code)| ((*field).to_owned(), (*code).to_owned())).collect()
}

#[actix_web::test]
async fn an_administrator_declares_a_type_and_people_file_papers_of_it() {
    let office = Office::open().await;
    let admin = office.admin().await;
    declare(&admin).await;
    let found = admin.get("/types/test:letter").await.expect(200).json();
    assert_eq!((found["label"].as_str(), found["content"].as_str()), (Some("Letter"), Some("allowed")));
    let staff = office.user("amal", &["staff"]).await;
    let dossier = staff.dossier("D-1").await;
    let properties = json!({ "test:number": "L-0001", "test:parties": [
        { "name": "هدى", "addresses": ["Rabat", "Fès"], "role": "sender" }
    ] });
    let made = file(&staff, &dossier, "letter", &properties).await.expect(201).json();
    assert_eq!(made["properties"]["test:channel"], "post", "the default");
    assert_eq!(made["properties"]["test:parties"], properties["test:parties"]);
}

#[actix_web::test]
async fn every_violation_of_a_declared_type_is_reported_with_its_place() {
    let office = Office::open().await;
    let admin = office.admin().await;
    declare(&admin).await;
    let dossier = admin.dossier("D-1").await;
    let wrong = json!({ "test:number": "1", "test:channel": "fax", "nobody:knows": 1, "test:parties": [
        { "addresses": "Rabat", "role": "judge" }, { "name": "longer than ten" }, 7
    ] });
    let problem = file(&admin, &dossier, "letter", &wrong).await.problem(422, "invalid");
    let mut found = codes(&problem);
    found.sort();
    let expect = pairs(&[
        ("properties.nobody:knows", "unknown_property"),
        ("properties.test:channel", "not_a_choice"),
        ("properties.test:number", "pattern_mismatch"),
        ("properties.test:parties[0].addresses", "single_for_list"),
        ("properties.test:parties[0].name", "required"),
        ("properties.test:parties[0].role", "not_a_term"),
        ("properties.test:parties[1].name", "too_long"),
        ("properties.test:parties[2]", "wrong_kind"),
    ]);
    assert_eq!(found, expect);
    let list =
        json!({ "test:number": "L-0001", "test:parties": [{"name":"a"},{"name":"b"},{"name":"c"},{"name":"d"}] });
    let problem = file(&admin, &dossier, "letter", &list).await.problem(422, "invalid");
    assert_eq!(codes(&problem), pairs(&[("properties.test:parties", "list_too_long")]));
    // What lies in a list that is too long was not looked at.
    let list = json!({ "test:number": "L-0001", "test:parties": [7, {"name":"b"}, {"name":"c"}, {"name":"d"}] });
    let problem = file(&admin, &dossier, "letter", &list).await.problem(422, "invalid");
    let both = pairs(&[("properties.test:parties", "list_too_long"), ("properties.test:parties[0]", "wrong_kind")]);
    assert_eq!(codes(&problem), both);
    let contents = admin.get(&format!("/dossiers/{}/contents", text(&dossier["id"]))).await.expect(200).json();
    assert_eq!(contents["total"], 0, "nothing was made");
}

/// The kind `uri` took any text.
#[actix_web::test]
async fn a_uri_is_one() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let site = json!({ "id": "test:page", "parent": "document", "base": "document", "label": "Page", "properties": [
        { "id": "test:site", "label": "Site", "kind": "uri" }
    ] });
    admin.post("/types", site).await.expect(201);
    let dossier = admin.dossier("D-1").await;
    let put = async |name: &str, uri: &str| {
        let form = Form::new().field("name", name).field("type", "test:page");
        let form = form.field("properties", &json!({ "test:site": uri }).to_string());
        admin.ask(Method::POST, &format!("/dossiers/{}/documents", text(&dossier["id"]))).form(form).await
    };
    for uri in ["https://office.example/marks?x=1#y", "urn:isbn:0451450523", "https://مكتب.example/علامات"] {
        put(&uri.len().to_string(), uri).await.expect(201);
    }
    for uri in ["not a uri ", "office.example", "https://a b", "http://%zz/", "//office.example/x"] {
        let problem = put("x", uri).await.problem(422, "invalid");
        assert_eq!(codes(&problem), pairs(&[("properties.test:site", "not_a_uri")]), "{uri}");
    }
}

#[actix_web::test]
async fn what_is_said_once_is_not_changed() {
    let office = Office::open().await;
    let admin = office.admin().await;
    declare(&admin).await;
    let dossier = admin.dossier("D-1").await;
    let made = file(&admin, &dossier, "letter", &json!({ "test:number": "L-0001" })).await.expect(201).json();
    let path = format!("/documents/{}", text(&made["id"]));
    for value in [json!("L-0002"), json!(null)] {
        let change = admin.ask(Method::PATCH, &path).if_match(&made);
        let problem = change.json(json!({ "properties": { "test:number": value } })).await.problem(422, "invalid");
        assert!(codes(&problem).contains(&("properties.test:number".to_owned(), "read_only".to_owned())), "{problem}");
    }
}

#[actix_web::test]
async fn a_facet_brings_its_properties_and_takes_them_along() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let facet = json!({ "id": "test:urgent", "base": "facet", "label": "Urgent", "properties": [
        { "id": "test:until", "label": "Until", "kind": "datetime", "required": true },
        { "id": "test:desk", "label": "Desk", "kind": "string", "default": "front" }
    ] });
    admin.post("/types", facet).await.expect(201);
    let dossier = admin.dossier("D-1").await;
    let path = format!("/dossiers/{}", text(&dossier["id"]));
    let change = |body: Value| admin.ask(Method::PATCH, &path).header("if-match", "*").json(body);
    let problem = change(json!({ "facets": ["test:urgent"] })).await.problem(422, "invalid");
    assert_eq!(codes(&problem), pairs(&[("properties.test:until", "required")]));
    let until = json!({ "test:until": "2026-11-27T12:00:00Z" });
    let changed = change(json!({ "facets": ["test:urgent"], "properties": until })).await.expect(200).json();
    assert_eq!((&changed["facets"], &changed["properties"]["test:desk"]), (&json!(["test:urgent"]), &json!("front")));
    let problem = change(json!({ "facets": ["test:nothing", "dossier"] })).await.problem(422, "invalid");
    assert!(codes(&problem).iter().all(|(field, _)| field == "facets" || field.starts_with("properties")), "{problem}");
    let problem = change(json!({ "facets": ["test:urgent", "test:urgent"] })).await.problem(422, "invalid");
    assert_eq!(codes(&problem), pairs(&[("facets", "twice")]));
    let changed = change(json!({ "facets": [] })).await.expect(200).json();
    assert_eq!((&changed["facets"], &changed["properties"]), (&json!([]), &json!({})));
    let form = Form::new()
        .field("name", "paper")
        .field("facets", r#"["test:urgent"]"#)
        .field("properties", &until.to_string());
    let made = admin.ask(Method::POST, &format!("{path}/documents")).form(form).await.expect(201).json();
    assert_eq!(made["facets"], json!(["test:urgent"]));
}

#[actix_web::test]
async fn a_version_keeps_the_facets_it_was_made_with() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let facet = json!({ "id": "test:urgent", "base": "facet", "label": "Urgent", "properties": [
        { "id": "test:desk", "label": "Desk", "kind": "string" }
    ] });
    admin.post("/types", facet).await.expect(201);
    let dossier = admin.dossier("D-1").await;
    let made = admin.document(&dossier, "a.txt", b"one").await;
    let path = format!("/documents/{}", text(&made["id"]));
    let with = json!({ "facets": ["test:urgent"], "properties": { "test:desk": "front" } });
    admin.ask(Method::PATCH, &path).header("if-match", "*").json(with).await.expect(200);
    admin.ask(Method::PUT, &format!("{path}/content")).header("if-match", "*").bytes(b"two").await.expect(200);
    admin.ask(Method::PATCH, &path).header("if-match", "*").json(json!({ "facets": [] })).await.expect(200);
    let versions = admin.get(&format!("{path}/versions")).await.expect(200).json();
    let version = |place: usize| format!("/documents/{}", text(&versions["items"][place]["id"]));
    let newest = admin.get(&version(0)).await.expect(200).json();
    assert_eq!((&newest["facets"], &newest["properties"]["test:desk"]), (&json!(["test:urgent"]), &json!("front")));
    assert_eq!(admin.get(&version(1)).await.expect(200).json()["facets"], json!([]));
}

#[actix_web::test]
async fn a_type_in_use_is_relaxed_and_neither_tightened_nor_deleted() {
    let office = Office::open().await;
    let admin = office.admin().await;
    declare(&admin).await;
    let dossier = admin.dossier("D-1").await;
    let made = file(&admin, &dossier, "letter", &json!({ "test:number": "L-0001" })).await.expect(201).json();
    let known = admin.get("/types/test:letter").await.expect(200).json();
    let put = |body: Value, known: &Value| admin.ask(Method::PUT, "/types/test:letter").if_match(known).json(body);
    let mut tighter = letter();
    tighter["properties"][1]["required"] = json!(true);
    let problem = put(tighter, &known).await.problem(422, "invalid");
    assert_eq!(codes(&problem), pairs(&[("properties.test:channel", "not_relaxed")]));
    let mut wider = letter();
    wider["properties"][1]["choices"] = json!(["post", "counter", "fax"]);
    let changed = put(wider.clone(), &known).await.expect(200).json();
    put(letter(), &known).await.problem(412, "stale");
    let path = format!("/documents/{}", text(&made["id"]));
    let fax = admin.ask(Method::PATCH, &path).if_match(&made).json(json!({ "properties": { "test:channel": "fax" } }));
    let faxed = fax.await.expect(200).json();
    admin.ask(Method::DELETE, "/types/test:letter").if_match(&changed).send().await.problem(409, "type_in_use");
    admin.ask(Method::DELETE, &path).if_match(&faxed).send().await.expect(204);
    let in_trash = admin.ask(Method::DELETE, "/types/test:letter").if_match(&changed);
    in_trash.send().await.problem(409, "type_in_use");
}

#[actix_web::test]
async fn what_nothing_uses_is_changed_freely_and_deleted() {
    let office = Office::open().await;
    let admin = office.admin().await;
    declare(&admin).await;
    let vocabulary = admin.get("/vocabularies/test:roles").await.expect(200).json();
    let refused = admin.ask(Method::DELETE, "/vocabularies/test:roles").if_match(&vocabulary).send().await;
    refused.problem(409, "vocabulary_in_use");
    let known = admin.get("/types/test:letter").await.expect(200).json();
    let plain = json!({ "id": "test:letter", "parent": "document", "base": "document", "label": "Letter" });
    let changed = admin.ask(Method::PUT, "/types/test:letter").if_match(&known).json(plain).await.expect(200).json();
    admin.ask(Method::DELETE, "/vocabularies/test:roles").if_match(&vocabulary).send().await.expect(204);
    let sub = json!({ "id": "test:sub", "parent": "test:letter", "base": "document", "label": "Sub" });
    let sub = admin.post("/types", sub).await.expect(201).json();
    admin.ask(Method::DELETE, "/types/test:letter").if_match(&changed).send().await.problem(409, "type_in_use");
    admin.ask(Method::DELETE, "/types/test:sub").if_match(&sub).send().await.expect(204);
    admin.ask(Method::DELETE, "/types/test:letter").if_match(&changed).send().await.expect(204);
    admin.get("/types/test:letter").await.problem(404, "not_found");
}

#[actix_web::test]
async fn what_comes_with_the_program_is_not_changed() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = json!({ "id": "dossier", "parent": "folder", "base": "folder", "label": "Case" });
    admin.post("/types", dossier.clone()).await.problem(409, "name_taken");
    let put = admin.ask(Method::PUT, "/types/dossier").header("if-match", "*");
    put.json(dossier).await.problem(409, "contributed");
    let delete = admin.ask(Method::DELETE, "/types/document").header("if-match", "*");
    delete.send().await.problem(409, "contributed");
    let nothing = admin.ask(Method::DELETE, "/types/none").header("if-match", "*");
    nothing.send().await.problem(404, "not_found");
}

#[actix_web::test]
async fn a_declaration_that_does_not_hold_together_changes_nothing() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let with = |property: Value| json!({ "id": "test:a", "parent": "document", "base": "document", "label": "A", "properties": [property] });
    let bad = [
        (json!({ "id": "test:p", "label": "P", "kind": "string", "vocabulary": "none" }), ".vocabulary"),
        (json!({ "id": "test:p", "label": "P", "kind": "integer", "pattern": "x" }), ".pattern"),
        (json!({ "id": "dossier:number", "label": "P", "kind": "integer" }), ""),
        (json!({ "id": "a b", "label": "P", "kind": "string" }), ".id"),
        (json!({ "id": "test:p", "label": "P", "kind": "nested" }), ".fields"),
    ];
    for (property, field) in bad {
        let problem = admin.post("/types", with(property.clone())).await.problem(422, "invalid");
        assert_eq!(codes(&problem), pairs(&[(&format!("properties[0]{field}"), "inconsistent")]), "{property}");
    }
    // A pattern that stands for too much never reaches the declarations.
    let bomb = json!({ "id": "test:p", "label": "P", "kind": "string", "pattern": "((a{100}){100}){100}" });
    let problem = admin.post("/types", with(bomb)).await.problem(422, "invalid");
    assert_eq!(codes(&problem), pairs(&[("properties[0].pattern", "wrong_shape")]));
    let orphan = json!({ "id": "test:b", "parent": "none", "base": "document", "label": "B" });
    admin.post("/types", orphan).await.problem(422, "invalid");
    let rootless = json!({ "id": "test:c", "base": "document", "label": "C" });
    let problem = admin.post("/types", rootless).await.problem(422, "invalid");
    assert_eq!(codes(&problem), pairs(&[("parent", "required")]));
    admin.get("/types/test:a").await.problem(404, "not_found");
    let circle = json!({ "id": "test:v", "label": "V", "terms": [
        { "id": "a", "parent": "b", "label": "A" }, { "id": "b", "parent": "a", "label": "B" }
    ] });
    admin.post("/vocabularies", circle).await.problem(422, "invalid");
}

#[actix_web::test]
async fn values_that_are_too_much_are_refused() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = json!({ "id": "test:case", "parent": "dossier", "base": "folder", "label": "Case", "properties": [
        { "id": "test:note", "label": "Note", "kind": "string" },
        { "id": "test:list", "label": "List", "kind": "integer", "cardinality": "multi" }
    ] });
    admin.post("/types", dossier).await.expect(201);
    let new = |properties: Value| json!({ "name": "D-1", "type": "test:case", "properties": properties });
    let too_long = json!({ "test:note": "a".repeat((1 << 20) + 1) });
    let reply = admin.post("/dossiers", new(too_long)).await;
    assert!([413, 422].contains(&reply.status.as_u16()), "{reply:?}");
    let too_many = json!({ "test:list": vec![1; 100_000] });
    let reply = admin.post("/dossiers", new(too_many)).await;
    assert!([413, 422].contains(&reply.status.as_u16()), "{reply:?}");
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let body = format!(r#"{{"name":"D-1","type":"test:case","properties":{{"test:list":{deep}}}}}"#);
    let asking = admin.ask(Method::POST, "/dossiers").header("content-type", "application/json");
    asking.bytes(body.as_bytes()).await.problem(400, "malformed_json");
    assert_eq!(admin.get("/dossiers").await.expect(200).json()["total"], 0);
}

#[actix_web::test]
async fn a_term_is_retired_and_not_removed() {
    let office = Office::open().await;
    let admin = office.admin().await;
    declare(&admin).await;
    let dossier = admin.dossier("D-1").await;
    let with = |role: &str| json!({ "test:number": "L-0001", "test:parties": [{ "name": "a", "role": role }] });
    let made = file(&admin, &dossier, "one", &with("agent")).await.expect(201).json();
    let known = admin.get("/vocabularies/test:roles").await.expect(200).json();
    let put = |body: Value| admin.ask(Method::PUT, "/vocabularies/test:roles").if_match(&known).json(body);
    let mut fewer = roles();
    fewer["terms"].as_array_mut().unwrap().pop();
    let problem = put(fewer).await.problem(422, "invalid");
    assert_eq!(codes(&problem), pairs(&[("terms[2]", "term_removed")]));
    let mut retired = roles();
    retired["terms"][2]["retired"] = json!(true);
    put(retired).await.expect(200);
    let problem = file(&admin, &dossier, "two", &with("agent")).await.problem(422, "invalid");
    assert_eq!(codes(&problem), pairs(&[("properties.test:parties[0].role", "retired_term")]));
    let path = format!("/documents/{}", text(&made["id"]));
    let title = admin.ask(Method::PATCH, &path).if_match(&made).json(json!({ "title": "Another" }));
    title.await.expect(200);
}

#[actix_web::test]
async fn terms_are_listed_in_windows_by_place_and_by_what_they_begin_with() {
    let office = Office::open().await;
    let admin = office.admin().await;
    admin.post("/vocabularies", roles()).await.expect(201);
    let reader = office.user("amal", &["readers"]).await;
    let check = async |query: &str, expect: &[&str], total: u64| {
        let found = reader.get(&format!("/vocabularies/test:roles/terms?{query}")).await.expect(200).json();
        let ids: Vec<&str> = found["items"].as_array().unwrap().iter().map(|term| text(&term["id"])).collect();
        assert_eq!((ids.as_slice(), found["total"].as_u64()), (expect, Some(total)), "{query}");
    };
    check("", &["party", "sender", "agent"], 3).await;
    check("parent=", &["party"], 1).await;
    check("parent=party&limit=1", &["sender"], 2).await;
    check("parent=party&limit=1&offset=1", &["agent"], 2).await;
    check("q=SE", &["sender"], 1).await;
    check("q=%D9%85%D8%B1%D8%B3", &["sender"], 1).await;
    check("q=zzz", &[], 0).await;
    let found = reader.get("/vocabularies/test:roles/terms").await.expect(200).json();
    assert_eq!((&found["items"][0]["hasNarrower"], &found["items"][1]["hasNarrower"]), (&json!(true), &json!(false)));
}

#[actix_web::test]
async fn others_than_administrators_declare_nothing() {
    let office = Office::open().await;
    let staff = office.user("amal", &["staff"]).await;
    staff.post("/types", letter()).await.problem(403, "forbidden");
    staff.post("/vocabularies", roles()).await.problem(403, "forbidden");
    staff.ask(Method::PUT, "/types/dossier").header("if-match", "*").json(letter()).await.problem(403, "forbidden");
    staff.ask(Method::DELETE, "/types/dossier").header("if-match", "*").send().await.problem(403, "forbidden");
}
