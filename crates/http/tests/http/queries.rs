//! Statements of CMIS QL.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::{Client, Form, Office, Reply};

const TYPES: &str = r#"
    [[types]]
    id = "test:marked"
    base = "facet"
    label = "Marked"
    [[types.properties]]
    id = "test:colour"
    label = "Colour"
    kind = "string"
    indexed = true

    [[types]]
    id = "test:letter"
    parent = "document"
    base = "document"
    label = "Letter"
    [[types.properties]]
    id = "test:number"
    label = "Number"
    kind = "integer"
    indexed = true
    [[types.properties]]
    id = "test:weight"
    label = "Weight"
    kind = "decimal"
    [[types.properties]]
    id = "test:subject"
    label = "Subject"
    kind = "string"
    indexed = true
    [[types.properties]]
    id = "test:words"
    label = "Words"
    kind = "string"
    cardinality = "multi"
    indexed = true
    [[types.properties]]
    id = "test:urgent"
    label = "Urgent"
    kind = "boolean"
    [[types.properties]]
    id = "test:sentAt"
    label = "Sent"
    kind = "datetime"
    indexed = true
    [[types.properties]]
    id = "test:parties"
    label = "Parties"
    kind = "nested"
    cardinality = "multi"
    [[types.properties.fields]]
    id = "name"
    label = "Name"
    kind = "string"
    indexed = true

    [[types]]
    id = "test:reminder"
    parent = "test:letter"
    base = "document"
    label = "Reminder"
"#;

fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}

async fn file(client: &Client<'_>, dossier: &Value, name: &str, kind: &str, properties: Value) -> Value {
    let form = Form::new().field("name", name).field("type", kind).field("properties", &properties.to_string());
    client.ask(Method::POST, &format!("/dossiers/{}/documents", id(dossier))).form(form).await.expect(201).json()
}

async fn ask(client: &Client<'_>, statement: &str) -> Reply {
    client.post("/queries", json!({ "statement": statement })).await
}

/// Returns what the only column of an answer has, in order.
async fn found(client: &Client<'_>, statement: &str) -> Vec<String> {
    let answer = ask(client, statement).await.expect(200).json();
    let column = answer["columns"][0]["name"].as_str().unwrap().to_owned();
    let text = |item: &Value| item[&column].as_str().map_or_else(|| item[&column].to_string(), str::to_owned);
    let items: Vec<String> = answer["items"].as_array().unwrap().iter().map(text).collect();
    assert_eq!(answer["total"], items.len(), "{statement}");
    items
}

async fn check(client: &Client<'_>, condition: &str, expect: &[&str]) {
    let statement = format!("SELECT cmis:name FROM test:letter WHERE {condition} ORDER BY cmis:name");
    assert_eq!(found(client, &statement).await, expect, "{condition}");
}

/// An office with four letters, a, B, c and D, the last a reminder that says nothing.
async fn letters(office: &Office) -> (Client<'_>, Value) {
    let client = office.user("amal", &["staff"]).await;
    let dossier = client.dossier("Letters").await;
    let all = [
        (
            "a",
            "test:letter",
            json!({ "test:number": 1, "test:weight": 1.5, "test:subject": "Opposition", "test:urgent": true,
            "test:words": ["red", "blue"], "test:sentAt": "2026-01-31T00:00:00Z",
            "test:parties": [{ "name": "هدى" }, { "name": "Omar" }] }),
        ),
        (
            "B",
            "test:letter",
            json!({ "test:number": 2, "test:weight": 2.0, "test:subject": "opposition", "test:urgent": false,
            "test:words": ["green"], "test:sentAt": "2026-02-01T12:00:00.001Z" }),
        ),
        (
            "c",
            "test:letter",
            json!({ "test:number": -3, "test:weight": 2.5, "test:subject": "Oppo_s%tion", "test:words": [] }),
        ),
        ("D", "test:reminder", json!({})),
    ];
    for (name, kind, properties) in all {
        file(&client, &dossier, name, kind, properties).await;
    }
    (client, dossier)
}

async fn office() -> Office {
    Office::open_of_types(TYPES).await
}

#[actix_web::test]
async fn comparisons_are_exact_and_what_is_missing_is_not_known() {
    let office = office().await;
    let (client, _) = letters(&office).await;
    for (condition, expect) in [
        ("test:number = 1", &["a"][..]),
        ("test:number <> 1", &["B", "c"]),
        ("NOT (test:number = 1)", &["B", "c"]),
        ("test:number < 2", &["a", "c"]),
        ("test:number >= 1.5", &["B"]),
        ("test:weight = 2", &["B"]),
        ("test:weight > 2", &["c"]),
        ("test:weight <= 2", &["a", "B"]),
        ("test:number IN (1, 2, 7)", &["a", "B"]),
        ("test:number NOT IN (1, 2, 7)", &["c"]),
        ("test:number IS NULL", &["D"]),
        ("test:number IS NOT NULL", &["a", "B", "c"]),
        ("test:urgent = TRUE", &["a"]),
        ("test:urgent <> TRUE", &["B"]),
        ("test:subject = 'opposition'", &["B"]),
        ("test:subject IN ('opposition', 'Opposition')", &["a", "B"]),
        ("test:subject > 'opposition'", &[]),
        ("test:subject >= 'OPPOSITION'", &["a", "B"]),
        ("test:sentAt = TIMESTAMP '2026-01-31T00:00:00.000Z'", &["a"]),
        ("test:sentAt > TIMESTAMP '2026-02-01T13:00:00.000+01:00'", &["B"]),
        ("test:number = 1 OR test:urgent = FALSE", &["a", "B"]),
        ("test:number = 1 AND test:urgent = FALSE", &[]),
        ("test:number IS NULL OR test:subject LIKE 'opp%'", &["a", "B", "c", "D"]),
        ("NOT (test:number > 0 AND test:urgent = TRUE)", &["B", "c"]),
    ] {
        check(&client, condition, expect).await;
    }
}

#[actix_web::test]
async fn patterns_lists_and_nested_values() {
    let office = office().await;
    let (client, _) = letters(&office).await;
    for (condition, expect) in [
        ("test:subject LIKE 'OPPOS%'", &["a", "B"][..]),
        ("test:subject LIKE '%ion'", &["a", "B", "c"]),
        (r"test:subject LIKE 'oppo\_s\%%'", &["c"]),
        ("test:subject LIKE 'oppo_s_tion'", &["c"]),
        ("test:subject NOT LIKE 'oppos%'", &["c"]),
        ("cmis:name LIKE '_'", &["a", "B", "c", "D"]),
        ("'red' = ANY test:words", &["a"]),
        ("ANY test:words IN ('green', 'blue')", &["a", "B"]),
        ("ANY test:words NOT IN ('green', 'blue')", &["a"]),
        ("test:words IS NULL", &["c", "D"]),
        ("'هدى' = ANY test:parties.name", &["a"]),
        ("ANY test:letter.test:parties.name IN ('Omar')", &["a"]),
        ("test:parties IS NOT NULL", &["a"]),
        ("cmis:objectTypeId = 'test:reminder'", &["D"]),
        ("cmis:createdBy = 'amal'", &["a", "B", "c", "D"]),
        ("cmis:createdBy = 'admin'", &[]),
        ("cmis:creationDate > TIMESTAMP '2020-01-01T00:00:00Z'", &["a", "B", "c", "D"]),
        ("cmis:contentStreamLength IS NULL", &["a", "B", "c", "D"]),
    ] {
        check(&client, condition, expect).await;
    }
}

#[actix_web::test]
async fn rows_stand_in_the_order_that_was_asked_for_and_in_windows() {
    let office = office().await;
    let (client, _) = letters(&office).await;
    let by = async |order: &str| {
        found(&client, &format!("SELECT cmis:name FROM test:letter ORDER BY {order}")).await.join("")
    };
    assert_eq!(by("test:number").await, "caBD", "what has no value comes last");
    assert_eq!(by("test:number DESC").await, "BacD");
    assert_eq!(by("test:subject, test:number").await, "caBD");
    assert_eq!(by("test:subject DESC, cmis:name").await, "BacD");
    assert_eq!(by("cmis:creationDate DESC").await, "DcBa");
    let ask = json!({ "statement": "SELECT cmis:name AS n FROM test:letter ORDER BY n", "limit": 1, "offset": 2 });
    let window = client.post("/queries", ask).await.expect(200).json();
    assert_eq!((window["total"].clone(), window["items"].clone()), (json!(4), json!([{ "n": "c" }])));
    let beyond = json!({ "statement": "SELECT cmis:name FROM test:letter", "offset": 9 });
    let beyond = client.post("/queries", beyond).await.expect(200).json();
    assert_eq!((beyond["total"].clone(), beyond["items"].clone()), (json!(4), json!([])));
}

#[actix_web::test]
async fn columns_are_named_and_described() {
    let office = office().await;
    let (client, _) = letters(&office).await;
    let asked =
        "SELECT cmis:name, test:words AS w, test:parties.name, test:weight FROM test:letter WHERE test:number = 1";
    let answer = ask(&client, asked).await.expect(200).json();
    let columns = json!([
        { "name": "cmis:name", "property": "cmis:name", "kind": "string", "list": false },
        { "name": "w", "property": "test:words", "kind": "string", "list": true },
        { "name": "test:parties.name", "property": "test:parties.name", "kind": "string", "list": true },
        { "name": "test:weight", "property": "test:weight", "kind": "decimal", "list": false },
    ]);
    assert_eq!(answer["columns"], columns);
    let row =
        json!({ "cmis:name": "a", "w": ["red", "blue"], "test:parties.name": ["هدى", "Omar"], "test:weight": 1.5 });
    assert_eq!(answer["items"], json!([row]));
    let all = ask(&client, "SELECT * FROM test:letter WHERE test:number = 1").await.expect(200).json();
    let row = &all["items"][0];
    assert_eq!((&row["cmis:objectTypeId"], &row["test:number"]), (&json!("test:letter"), &json!(1)));
    assert_eq!((&row["cmis:createdBy"], &row["cmis:contentStreamLength"]), (&json!("amal"), &Value::Null));
}

#[actix_web::test]
async fn folders_and_trees() {
    let office = office().await;
    let (client, dossier) = letters(&office).await;
    let below =
        client.post(&format!("/folders/{}/folders", id(&dossier)), json!({ "name": "below" })).await.expect(201).json();
    let form = Form::new().field("name", "deep").field("type", "test:letter");
    client.ask(Method::POST, &format!("/folders/{}/documents", id(&below))).form(form).await.expect(201);
    let folder = id(&dossier);
    check(&client, &format!("IN_FOLDER('{folder}')"), &["a", "B", "c", "D"]).await;
    check(&client, &format!("IN_TREE('{folder}')"), &["a", "B", "c", "D", "deep"]).await;
    check(&client, &format!("NOT IN_FOLDER('{folder}')"), &["deep"]).await;
    check(&client, &format!("IN_FOLDER('{}') OR test:number = 1", id(&below)), &["a", "deep"]).await;
    let folders = format!("SELECT cmis:name FROM cmis:folder WHERE cmis:parentId = '{folder}'");
    assert_eq!(found(&client, &folders).await, ["below"]);
    let outsider = office.user("salim", &[]).await;
    let statement = format!("SELECT * FROM cmis:document WHERE IN_TREE('{folder}')");
    let unknown = ask(&outsider, &statement).await.problem(400, "invalid_statement");
    assert!(unknown["detail"].as_str().unwrap().contains("there is no folder"), "{unknown}");
}

#[actix_web::test]
async fn facets_and_other_tables_are_joined() {
    let office = office().await;
    let (client, dossier) = letters(&office).await;
    let marked = async |name: &str, colour: &str| {
        let path = format!("/dossiers/{}/contents", id(&dossier));
        let listed = client.get(&path).await.expect(200).json();
        let one = listed["items"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
        let changes = json!({ "facets": ["test:marked"], "properties": { "test:colour": colour } });
        client
            .ask(Method::PATCH, &format!("/documents/{}", id(&one)))
            .header("if-match", "*")
            .json(changes)
            .await
            .expect(200);
    };
    marked("a", "red").await;
    marked("D", "Red").await;
    let join = "FROM test:letter AS d JOIN test:marked AS m ON d.cmis:objectId = m.cmis:objectId";
    assert_eq!(found(&client, &format!("SELECT d.cmis:name {join} ORDER BY d.cmis:name")).await, ["a", "D"]);
    assert_eq!(found(&client, &format!("SELECT d.cmis:name {join} WHERE m.test:colour = 'red'")).await, ["a"]);
    assert_eq!(found(&client, "SELECT cmis:name FROM test:marked ORDER BY cmis:name").await, ["a", "D"]);
    assert_eq!(found(&client, "SELECT cmis:name FROM cmis:secondary ORDER BY cmis:name").await, ["a", "D"]);
    check(&client, "'test:marked' = ANY cmis:secondaryObjectTypeIds", &["a", "D"]).await;
    let outer = "SELECT m.test:colour FROM test:letter d LEFT JOIN test:marked m ON d.cmis:objectId = m.cmis:objectId";
    assert_eq!(found(&client, &format!("{outer} ORDER BY d.cmis:name")).await, ["red", "null", "null", "Red"]);
    assert_eq!(found(&client, &format!("{outer} WHERE m.test:colour IS NULL ORDER BY d.cmis:name")).await.len(), 2);
    let pairs = "SELECT b.cmis:name FROM test:letter a JOIN test:letter b ON a.test:number = b.test:weight";
    assert_eq!(found(&client, pairs).await, ["B"], "2 and 2.0");
    let all = ask(&client, &format!("SELECT * {join} WHERE m.test:colour = 'red'")).await.expect(200).json();
    assert_eq!(all["items"][0]["m.test:colour"], "red");
}

#[actix_web::test]
async fn texts_and_properties_are_asked_together() {
    let office = office().await;
    let background = office.repository.start_background();
    let (client, dossier) = letters(&office).await;
    let dossier_path = format!("/dossiers/{}/documents", id(&dossier));
    let mut last = String::new();
    for (name, number, text) in [("e", 5, "the seal of the keeper"), ("f", 6, "a seal, a seal and a seal")] {
        let form = Form::new()
            .field("name", name)
            .field("type", "test:letter")
            .field("title", text)
            .field("properties", &json!({ "test:number": number }).to_string());
        let made = client.ask(Method::POST, &dossier_path).form(form).await.expect(201);
        last = made.header("cartulary-transaction").to_owned();
    }
    let asked = async |condition: &str| {
        let statement = format!("SELECT cmis:name, SCORE() FROM test:letter WHERE {condition}");
        let answer =
            client.post("/queries", json!({ "statement": statement, "waitFor": last })).await.expect(200).json();
        assert!(answer["indexedChange"].is_i64());
        let names =
            answer["items"].as_array().unwrap().iter().map(|item| item["cmis:name"].as_str().unwrap().to_owned());
        (names.collect::<Vec<_>>().join(""), answer)
    };
    let (names, answer) = asked("CONTAINS('seal')").await;
    assert_eq!(names, "fe", "the best comes first");
    assert_eq!(answer["items"][0]["SEARCH_SCORE"], 1.0);
    assert_eq!(asked("CONTAINS('seal') AND test:number = 5").await.0, "e");
    assert_eq!(asked("CONTAINS('seal') OR test:number = 1").await.0, "fea");
    assert_eq!(asked("NOT CONTAINS('seal') AND test:number > 0").await.0, "aB");
    assert_eq!(asked("CONTAINS('seal') AND SCORE() < 0.99").await.0, "e");
    background.stop().await;
}

#[actix_web::test]
async fn nobody_finds_what_he_may_not_see() {
    let office = office().await;
    let (client, dossier) = letters(&office).await;
    let admin = office.admin().await;
    let statement = "SELECT cmis:name FROM test:letter";
    assert_eq!(found(&client, statement).await.len(), 4);
    let outsider = office.user("salim", &[]).await;
    assert!(found(&outsider, statement).await.is_empty());
    // Whoever may only browse finds nothing by properties: how else would they not tell what they are?
    let list = json!({ "entries": [{ "principal": "salim", "permission": "Browse" }], "inherits": true });
    let path = format!("/objects/{}/acl", id(&dossier));
    admin.ask(Method::PUT, &path).header("if-match", "*").json(list).await.expect(200);
    assert!(found(&outsider, statement).await.is_empty());
    let list = json!({ "entries": [{ "principal": "salim", "permission": "Read" }], "inherits": true });
    admin.ask(Method::PUT, &path).header("if-match", "*").json(list).await.expect(200);
    assert_eq!(found(&outsider, statement).await.len(), 4);
}

#[actix_web::test]
async fn what_cannot_be_answered_is_refused_with_its_place() {
    let office = office().await;
    let (client, _) = letters(&office).await;
    for (statement, position, words) in [
        ("", 0, "SELECT"),
        ("THIS_IS_NOT_A_SELECT", 0, "SELECT"),
        ("SELECT FROM cmis:document", 7, "property"),
        ("SELECT * FROM test:nothing", 14, "there is no type"),
        ("SELECT test:nothing FROM test:letter", 7, "there is no property"),
        ("SELECT * FROM cmis:document WHERE test:number = 1", 34, "there is no property"),
        ("SELECT * FROM test:letter WHERE test:number = 'x'", 32, "compare it with a number"),
        ("SELECT * FROM test:letter WHERE test:urgent > TRUE", 32, "= and <> only"),
        ("SELECT * FROM test:letter WHERE test:words = 'x'", 32, "ANY"),
        ("SELECT * FROM test:letter WHERE test:parties.nothing = 'x'", 45, "no field"),
        ("SELECT * FROM test:letter ORDER BY test:words", 35, "ordered"),
        ("SELECT * FROM test:letter WHERE IN_FOLDER('x')", 42, "no folder"),
        ("SELECT SCORE() FROM test:letter", 7, "CONTAINS"),
        ("SELECT * FROM test:letter WHERE CONTAINS('*')", 32, "wildcards alone"),
        ("SELECT cmis:name, cmis:name FROM test:letter", 18, "two columns"),
        ("SELECT * FROM test:letter JOIN test:letter ON x = y", 31, "two tables"),
        ("SELECT * FROM test:letter a JOIN test:letter b ON a.test:number = b.cmis:name", 68, "another kind"),
        ("SELECT cmis:name FROM test:letter a JOIN test:letter b ON a.cmis:name = b.cmis:name", 7, "several tables"),
    ] {
        let problem = ask(&client, statement).await.problem(400, "invalid_statement");
        assert_eq!(problem["parameters"]["position"], position, "{statement}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{statement}: {problem}");
    }
}

#[actix_web::test]
async fn all_versions_are_asked() {
    let office = office().await;
    let client = office.user("amal", &["staff"]).await;
    let dossier = client.dossier("D").await;
    let made = client.document(&dossier, "paper.txt", b"one").await;
    let path = format!("/documents/{}", id(&made));
    client.ask(Method::PUT, &format!("{path}/content")).header("if-match", "*").bytes(b"two").await.expect(200);
    client.ask(Method::PATCH, &path).header("if-match", "*").json(json!({ "title": "Later" })).await.expect(200);
    let form = Form::new().field("name", "to come");
    client.ask(Method::POST, &format!("/dossiers/{}/documents", id(&dossier))).form(form).await.expect(201);
    let ask = json!({
        "statement": format!("SELECT cmis:versionLabel, cmis:name, cmis:versionSeriesId FROM cmis:document \
            WHERE IN_FOLDER('{}') ORDER BY cmis:versionLabel DESC", id(&dossier)),
        "allVersions": true
    });
    let answer = client.post("/queries", ask).await.expect(200).json();
    let row = |row: &Value| json!([row["cmis:versionLabel"], row["cmis:name"]]);
    let rows: Vec<Value> = answer["items"].as_array().unwrap().iter().map(row).collect();
    let expect = json!([["1.1", "paper.txt"], ["1.0", "paper.txt"], [null, "to come"]]);
    assert_eq!(Value::Array(rows), expect, "what has no version stands for itself");
    assert_eq!(answer["items"][0]["cmis:versionSeriesId"], made["id"]);
}
