//! Versions of dossiers: made, listed, opened, compared, taken again.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::{Client, Form, Office, Reply};

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

async fn dossier_of(client: &Client<'_>, dossier: &Value) -> Value {
    client.get(&format!("/dossiers/{}", id(dossier))).await.expect(200).json()
}

async fn document_of(client: &Client<'_>, document: &Value) -> Value {
    client.get(&format!("/documents/{}", id(document))).await.expect(200).json()
}

/// Makes a version of a dossier as it is now.
async fn make(client: &Client<'_>, dossier: &Value, form: Value) -> Reply {
    client.ask(Method::POST, &format!("/dossiers/{}/versions", id(dossier))).header("if-match", "*").json(form).await
}

async fn put(client: &Client<'_>, document: &Value, bytes: &[u8]) -> Value {
    let path = format!("/documents/{}/content", id(document));
    client.ask(Method::PUT, &path).header("if-match", "*").bytes(bytes).await.expect(200).json()
}

async fn patch(client: &Client<'_>, path: &str, changes: Value) -> Value {
    client.ask(Method::PATCH, path).header("if-match", "*").json(changes).await.expect(200).json()
}

async fn trash(client: &Client<'_>, document: &Value) {
    let path = format!("/documents/{}", id(document));
    client.ask(Method::DELETE, &path).header("if-match", "*").send().await.expect(204);
}

async fn bytes_of(client: &Client<'_>, document: &Value) -> String {
    let content = client.get(&format!("/documents/{}/content", id(document))).await.expect(200);
    String::from_utf8(content.body.to_vec()).unwrap()
}

/// Returns the members of a version: name and version label.
async fn members(client: &Client<'_>, dossier: &Value, number: i64) -> Vec<(String, Option<String>)> {
    let path = format!("/dossiers/{}/versions/{number}/members", id(dossier));
    let members = client.get(&path).await.expect(200).json();
    let items = members["items"].as_array().unwrap();
    assert_eq!(members["total"], items.len());
    let text = |value: &Value| value.as_str().map(str::to_owned);
    items.iter().map(|one| (text(&one["name"]).unwrap(), text(&one["object"]["versionLabel"]))).collect()
}

/// Returns what differs: name (as it was, else as it is) and kinds.
async fn differences(client: &Client<'_>, dossier: &Value, query: &str) -> Vec<(String, String)> {
    let path = format!("/dossiers/{}/versions/{query}", id(dossier));
    let found = client.get(&path).await.expect(200).json();
    let one = |one: &Value| {
        let side = if one["before"].is_object() { &one["before"] } else { &one["after"] };
        let kinds: Vec<_> = one["kinds"].as_array().unwrap().iter().map(|kind| kind.as_str().unwrap()).collect();
        (side["name"].as_str().unwrap().to_owned(), kinds.join(" "))
    };
    found["items"].as_array().unwrap().iter().map(one).collect()
}

async fn contents(client: &Client<'_>, dossier: &Value) -> Vec<String> {
    let contents = client.get(&format!("/dossiers/{}/contents", id(dossier))).await.expect(200).json();
    contents["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

fn named(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, kinds)| ((*name).to_owned(), (*kinds).to_owned())).collect()
}

#[actix_web::test]
async fn a_version_of_a_dossier_keeps_what_it_was() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.post("/dossiers", json!({ "name": "ملف ٧", "properties": { "dossier:number": "7/26" } })).await;
    let dossier = dossier.expect(201).json();
    let (one, two) = (admin.document(&dossier, "a.txt", b"1").await, admin.document(&dossier, "b.txt", b"2").await);
    let awaited = Form::new().field("name", "awaited");
    admin.ask(Method::POST, &format!("/dossiers/{}/documents", id(&dossier))).form(awaited).await.expect(201);
    // A document that was changed since its last version gets one.
    patch(&admin, &format!("/documents/{}", id(&two)), json!({ "title": "Two" })).await;
    let path = format!("/dossiers/{}/versions", id(&dossier));
    let post = || admin.ask(Method::POST, &path);
    post().json(json!({})).await.problem(428, "precondition_required");
    post().header("if-match", "\"99\"").json(json!({})).await.problem(412, "stale");
    let form = json!({ "comment": "as received" });
    let made = post().if_match(&dossier).header("idempotency-key", "k").json(form.clone()).await.expect(201);
    assert_eq!(made.header("location"), format!("/api/v1{path}/1"));
    let again = post().if_match(&dossier).header("idempotency-key", "k").json(form).await.expect(201).json();
    let made = made.json();
    assert_eq!(made, again);
    assert_eq!(
        (&made["number"], &made["comment"], &made["properties"], made["digest"].as_str().unwrap().len()),
        (&json!(1), &json!("as received"), &json!({ "dossier:number": "7/26" }), 64)
    );
    assert_ne!(dossier_of(&admin, &dossier).await["changeToken"], dossier["changeToken"]);
    // Whatever comes after, it stays as it was.
    put(&admin, &one, b"3").await;
    trash(&admin, &two).await;
    patch(
        &admin,
        &format!("/dossiers/{}", id(&dossier)),
        json!({ "title": "Another", "properties": { "dossier:number": null } }),
    )
    .await;
    make(&admin, &dossier, json!({})).await.expect(201);
    assert_eq!(admin.get(&format!("{path}/1")).await.expect(200).json(), made);
    let label = |text: &str| Some(text.to_owned());
    assert_eq!(
        members(&admin, &dossier, 1).await,
        [("a.txt".into(), label("1.0")), ("b.txt".into(), label("1.1")), ("awaited".into(), None)]
    );
    assert_eq!(members(&admin, &dossier, 2).await, [("a.txt".into(), label("1.1")), ("awaited".into(), None)]);
    let first = admin.get(&format!("{path}/1/members?limit=1&offset=1")).await.expect(200).json();
    assert_eq!((&first["total"], first["items"].as_array().unwrap().len()), (&json!(3), 1));
    assert_eq!((&first["items"][0]["object"]["title"], &first["items"][0]["inTrash"]), (&json!("Two"), &json!(true)));
    assert!(first["nextCursor"].is_string());
    let list = admin.get(&format!("{path}?limit=1")).await.expect(200).json();
    assert_eq!(
        (&list["total"], &list["items"][0]["number"], &list["items"][0]["title"]),
        (&json!(2), &json!(2), &json!("Another"))
    );
    admin.get(&format!("{path}/3")).await.problem(404, "not_found");
    admin.get(&format!("{path}/one")).await.problem(404, "not_found");
    assert!(office.repository.verify(Default::default(), |_| {}).await.unwrap().is_clean());
}

#[actix_web::test]
async fn a_version_that_a_manifest_names_is_not_destroyed() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let paper = admin.document(&dossier, "a.txt", b"1").await;
    put(&admin, &paper, b"2").await;
    make(&admin, &dossier, json!({})).await.expect(201);
    put(&admin, &paper, b"3").await;
    let destroy = |name: &str| {
        admin.ask(Method::DELETE, &format!("/documents/{}/versions/{name}", id(&paper))).header("if-match", "*").send()
    };
    destroy("1.1").await.problem(409, "in_dossier_version");
    destroy("1.0").await.expect(204);
    destroy("1.2").await.expect(204);
    assert_eq!(bytes_of(&admin, &paper).await, "2");
    assert!(office.repository.verify(Default::default(), |_| {}).await.unwrap().is_clean());
}

#[actix_web::test]
async fn only_dossiers_have_versions_and_their_forms_are_checked() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let folder = admin.post("/folders/root/folders", json!({ "name": "plain" })).await.expect(201).json();
    let refused = admin.post("/dossiers", json!({ "name": "B", "type": "folder" })).await.problem(422, "invalid");
    assert_eq!(refused["violations"][0]["code"], "not_a_dossier");
    make(&admin, &folder, json!({})).await.problem(409, "not_a_dossier");
    admin.get(&format!("/dossiers/{}/versions", id(&folder))).await.problem(409, "not_a_dossier");
    let dossier = admin.dossier("A").await;
    make(&admin, &dossier, json!({ "from": 1 })).await.problem(404, "not_found");
    let long = make(&admin, &dossier, json!({ "comment": "x".repeat(2_001) })).await.problem(422, "invalid");
    assert_eq!(long["violations"][0]["field"], "comment");
    make(&admin, &dossier, json!({ "comments": "" })).await.problem(422, "invalid");
    let reader = office.user("rana", &["readers"]).await;
    make(&reader, &dossier, json!({})).await.problem(403, "forbidden");
    let versions = admin.get(&format!("/dossiers/{}/versions", id(&dossier))).await.expect(200).json();
    assert_eq!((&versions["total"], &versions["items"]), (&json!(0), &json!([])));
}

#[actix_web::test]
async fn two_versions_are_compared() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let mut papers = Vec::new();
    for name in ["a", "b", "c", "d"] {
        papers.push(admin.document(&dossier, name, name.as_bytes()).await);
    }
    make(&admin, &dossier, json!({})).await.expect(201);
    put(&admin, &papers[0], b"other").await;
    trash(&admin, &papers[1]).await;
    patch(&admin, &format!("/documents/{}", id(&papers[2])), json!({ "name": "renamed" })).await;
    admin.document(&dossier, "new", b"new").await;
    let properties = json!({ "title": "T", "properties": { "dossier:number": "7" } });
    patch(&admin, &format!("/dossiers/{}", id(&dossier)), properties).await;
    let expect = named(&[("a", "version"), ("c", "version renamed"), ("new", "added"), ("b", "removed")]);
    // As it is now, where what was changed since its version is told too; and as it is in the next version.
    assert_eq!(differences(&admin, &dossier, "1/differences").await, expect);
    make(&admin, &dossier, json!({})).await.expect(201);
    assert_eq!(differences(&admin, &dossier, "1/differences?to=2").await, expect);
    assert_eq!(differences(&admin, &dossier, "2/differences").await, []);
    let back = named(&[("a", "version"), ("b", "added"), ("renamed", "version renamed"), ("new", "removed")]);
    assert_eq!(differences(&admin, &dossier, "2/differences?to=1").await, back);
    let found = admin.get(&format!("/dossiers/{}/versions/1/differences?to=2&limit=1", id(&dossier))).await.expect(200);
    let found = found.json();
    assert_eq!((&found["total"], found["items"].as_array().unwrap().len()), (&json!(4), 1));
    let first = &found["items"][0];
    assert_eq!((&first["before"]["versionLabel"], &first["after"]["versionLabel"]), (&json!("1.0"), &json!("1.1")));
    assert_eq!(
        found["values"],
        json!([
            { "field": "properties.dossier:number", "before": null, "after": "7" },
            { "field": "title", "before": "A", "after": "T" },
        ])
    );
    admin.get(&format!("/dossiers/{}/versions/1/differences?to=9", id(&dossier))).await.problem(404, "not_found");
}

#[actix_web::test]
async fn an_earlier_version_of_a_dossier_is_taken_again() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let mut papers = Vec::new();
    for name in ["a", "b", "c", "d"] {
        papers.push(admin.document(&dossier, name, format!("{name} of then").as_bytes()).await);
    }
    let path = format!("/dossiers/{}", id(&dossier));
    patch(&admin, &path, json!({ "title": "Then", "properties": { "dossier:number": "7" } })).await;
    make(&admin, &dossier, json!({})).await.expect(201);
    put(&admin, &papers[0], b"a of now").await;
    patch(&admin, &format!("/documents/{}", id(&papers[0])), json!({ "title": "in no version" })).await;
    trash(&admin, &papers[1]).await;
    put(&admin, &papers[3], b"d of now").await;
    admin.ask(Method::POST, &format!("/documents/{}/working-copy", id(&papers[3]))).send().await.expect(201);
    admin.document(&dossier, "came since", b"new").await;
    patch(&admin, &path, json!({ "title": "Now", "properties": { "dossier:number": null } })).await;
    let made = make(&admin, &dossier, json!({ "from": 1, "comment": "back" })).await.expect(201).json();
    assert_eq!((&made["number"], &made["title"], &made["comment"]), (&json!(2), &json!("Then"), &json!("back")));
    assert_eq!(made["notRestored"], json!([{ "id": papers[3]["id"], "name": "d", "reason": "checked_out" }]));
    let now = dossier_of(&admin, &dossier).await;
    assert_eq!((&now["title"], &now["properties"]), (&json!("Then"), &json!({ "dossier:number": "7" })));
    assert_eq!(contents(&admin, &dossier).await, ["a", "b", "c", "d", "came since"]);
    assert_eq!(
        (bytes_of(&admin, &papers[0]).await, bytes_of(&admin, &papers[1]).await),
        ("a of then".into(), "b of then".into())
    );
    let paper = document_of(&admin, &papers[0]).await;
    assert_eq!((&paper["title"], &paper["versionLabel"]), (&json!("a"), &json!("1.3")));
    let untouched = document_of(&admin, &papers[2]).await;
    assert_eq!(untouched["changeToken"], papers[2]["changeToken"], "what was as it shall be stays as it is");
    // Nothing is lost: what nobody had kept is in a version now.
    let kept = admin.get(&format!("/documents/{}/versions/1.2", id(&papers[0]))).await.expect(200).json();
    assert_eq!(kept["title"], "in no version");
    assert!(office.repository.verify(Default::default(), |_| {}).await.unwrap().is_clean());
}

#[actix_web::test]
async fn what_one_may_not_see_is_in_no_version() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let secret = admin.document(&dossier, "secret", b"1").await;
    let open = admin.document(&dossier, "open", b"1").await;
    let rana = office.user("rana", &["staff"]).await;
    let hide = json!({ "entries": [{ "principal": "administrators", "permission": "Everything" }], "inherits": false });
    let acl = format!("/objects/{}/acl", id(&secret));
    admin.ask(Method::PUT, &acl).header("if-match", "*").json(hide).await.expect(200);
    make(&rana, &dossier, json!({})).await.expect(201);
    put(&admin, &secret, b"2").await;
    put(&admin, &open, b"2").await;
    assert_eq!(members(&rana, &dossier, 1).await, [("open".into(), Some("1.0".into()))]);
    assert_eq!(members(&admin, &dossier, 1).await.len(), 2);
    assert_eq!(differences(&rana, &dossier, "1/differences").await, named(&[("open", "version")]));
    let places = rana.get(&format!("/dossiers/{}/versions/1/differences", id(&dossier))).await.expect(200).json();
    assert_eq!((&places["total"], &places["items"][0]["before"]["place"]), (&json!(1), &json!(1)));
    // Taking it again leaves alone, and does not name, what she does not see.
    let made = make(&rana, &dossier, json!({ "from": 1 })).await.expect(201).json();
    assert_eq!(made["notRestored"], json!(null));
    assert_eq!((bytes_of(&admin, &secret).await, bytes_of(&admin, &open).await), ("2".into(), "1".into()));
    // Today's permissions hold, whatever they were then.
    let show = json!({ "entries": [], "inherits": true });
    admin.ask(Method::PUT, &acl).header("if-match", "*").json(show).await.expect(200);
    assert_eq!(members(&rana, &dossier, 1).await.len(), 2);
}

#[actix_web::test]
async fn a_dossier_is_asked_for_as_it_stood_at_an_instant() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let clock = office.repository.clock();
    let mut instants = Vec::new();
    let mut tick = || {
        clock.shift(1_000);
        instants.push(clock.now().to_string());
        clock.shift(1_000);
    };
    tick();
    let dossier = admin.post("/dossiers", json!({ "name": "A", "properties": { "dossier:number": "7" } })).await;
    let dossier = dossier.expect(201).json();
    let path = format!("/dossiers/{}", id(&dossier));
    let one = admin.document(&dossier, "رسالة", b"1").await;
    let two = admin.document(&dossier, "two", b"2").await;
    tick();
    put(&admin, &one, b"1 again").await;
    admin.ask(Method::POST, &format!("/documents/{}/working-copy", id(&one))).send().await.expect(201);
    patch(&admin, &format!("/documents/{}", id(&two)), json!({ "title": "Two" })).await;
    tick();
    trash(&admin, &two).await;
    let three = admin.document(&dossier, "three", b"3").await;
    patch(&admin, &path, json!({ "title": "B", "properties": { "dossier:number": null } })).await;
    tick();
    patch(&admin, &format!("/documents/{}", id(&three)), json!({ "name": "renamed" })).await;
    make(&admin, &dossier, json!({})).await.expect(201);
    let last = clock.now().to_string();
    let at = async |query: &str| admin.get(&format!("{path}?at={query}")).await;
    let contents_at = async |instant: &str| {
        let contents = admin.get(&format!("{path}/contents?at={instant}")).await.expect(200).json();
        let items = contents["items"].as_array().unwrap();
        assert_eq!(contents["total"], items.len());
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        items
            .iter()
            .map(|one| [text(&one["name"]), text(&one["title"]), text(&one["versionLabel"])].join("|"))
            .collect::<Vec<_>>()
    };
    at(&instants[0]).await.problem(404, "not_found");
    admin.get(&format!("{path}/contents?at={}", instants[0])).await.problem(404, "not_found");
    let then = at(&instants[1]).await.expect(200);
    assert_eq!(then.header("etag"), "");
    let then = then.json();
    assert_eq!((&then["title"], &then["properties"]), (&json!("A"), &json!({ "dossier:number": "7" })));
    assert_eq!(then["modifiedAt"], dossier["modifiedAt"]);
    assert_eq!(contents_at(&instants[1]).await, ["رسالة|رسالة|1.0", "two|two|1.0"]);
    assert_eq!(contents_at(&instants[2]).await, ["رسالة|رسالة|1.1", "two|Two|1.0+"]);
    assert_eq!(contents_at(&instants[3]).await, ["رسالة|رسالة|1.1", "three|three|1.0"]);
    assert_eq!(contents_at(&last).await, ["رسالة|رسالة|1.1", "renamed|renamed|1.1"]);
    assert_eq!(at(&last).await.expect(200).json()["title"], "B");
    // What it had then can be read now, where it is not in the trash.
    let shown = admin.get(&format!("{path}/contents?at={}&limit=1", instants[1])).await.expect(200).json();
    assert_eq!((&shown["total"], &shown["items"][0]["id"]), (&json!(2), &one["id"]));
    let digest = shown["items"][0]["content"]["digest"].as_str().unwrap();
    assert_eq!(admin.get(&format!("/blobs/sha256/{digest}")).await.expect(200).body, "1");
    // Today's permissions hold.
    let hide = json!({ "entries": [], "inherits": false });
    admin
        .ask(Method::PUT, &format!("/objects/{}/acl", id(&two)))
        .header("if-match", "*")
        .json(hide.clone())
        .await
        .problem(404, "not_found");
    admin.ask(Method::PUT, &format!("/objects/{}/acl", id(&one))).header("if-match", "*").json(hide).await.expect(200);
    let rana = office.user("rana", &["readers"]).await;
    let seen = rana.get(&format!("{path}/contents?at={}", instants[3])).await.expect(200).json();
    assert_eq!((&seen["total"], &seen["items"][0]["name"]), (&json!(1), &json!("three")));
    for query in ["yesterday", "2026-01-01", ""] {
        at(query).await.problem(400, "invalid_query");
    }
    let folder = admin.post("/folders/root/folders", json!({ "name": "plain" })).await.expect(201).json();
    admin.get(&format!("/dossiers/{}?at={last}", id(&folder))).await.problem(409, "not_a_dossier");
}

/// Makes a folder in a dossier, or in a folder.
async fn folder(client: &Client<'_>, parent: &Value, name: &str) -> Value {
    client.post(&format!("/folders/{}/folders", id(parent)), json!({ "name": name })).await.expect(201).json()
}

/// Returns the paths of what a version names, each with its version.
async fn paths(client: &Client<'_>, dossier: &Value, number: i64) -> Vec<String> {
    let path = format!("/dossiers/{}/versions/{number}/members", id(dossier));
    let members = client.get(&path).await.expect(200).json();
    let one = |one: &Value| {
        let label = one["object"]["versionLabel"].as_str().unwrap_or_default();
        format!("{} {label}", one["path"].as_str().unwrap_or("?")).trim_end().to_owned()
    };
    members["items"].as_array().unwrap().iter().map(one).collect()
}

async fn below(client: &Client<'_>, folder: &Value) -> Vec<String> {
    let contents = client.get(&format!("/folders/{}/contents", id(folder))).await.expect(200).json();
    contents["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

/// The manifest said of a folder that it was there, and nothing of what lay in it.
#[actix_web::test]
async fn a_version_of_a_dossier_has_all_that_lies_below_it() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let annexes = folder(&admin, &dossier, "annexes").await;
    let paper = admin.document(&dossier, "paper", b"1").await;
    let inner = folder(&admin, &annexes, "inner").await;
    let deep = admin.document(&inner, "deep", b"2").await;
    admin.document(&annexes, "annex", b"3").await;
    // The same document in two folders is named in both.
    let parents = format!("/objects/{}/parents/{}", id(&paper), id(&inner));
    admin.ask(Method::PUT, &parents).header("if-match", "*").send().await;
    make(&admin, &dossier, json!({})).await.expect(201);
    let first = [
        "annexes",
        "annexes/inner",
        "annexes/inner/deep 1.0",
        "annexes/inner/paper 1.0",
        "annexes/annex 1.0",
        "paper 1.0",
    ];
    assert_eq!(paths(&admin, &dossier, 1).await, first);
    let members =
        admin.get(&format!("/dossiers/{}/versions/1/members?offset=1&limit=2", id(&dossier))).await.expect(200);
    let members = members.json();
    let folders: Vec<&Value> = members["items"].as_array().unwrap().iter().map(|one| &one["folder"]).collect();
    assert_eq!((&members["total"], folders), (&json!(6), vec![&annexes["id"], &inner["id"]]));
    // A change far below is a difference, and in the next version.
    put(&admin, &deep, b"2 again").await;
    assert_eq!(differences(&admin, &dossier, "1/differences").await, named(&[("deep", "version")]));
    let to = json!({ "to": annexes["id"] });
    admin.ask(Method::POST, &format!("/objects/{}/move", id(&deep))).header("if-match", "*").json(to).await.expect(200);
    assert_eq!(differences(&admin, &dossier, "1/differences").await, named(&[("deep", "moved version")]));
    make(&admin, &dossier, json!({})).await.expect(201);
    let second =
        ["annexes", "annexes/inner", "annexes/inner/paper 1.0", "annexes/annex 1.0", "annexes/deep 1.1", "paper 1.0"];
    assert_eq!(paths(&admin, &dossier, 2).await, second);
    assert_eq!(differences(&admin, &dossier, "1/differences?to=2").await, named(&[("deep", "moved version")]));
    // What one may not see stays hidden, and so does the way through it.
    let rana = office.user("rana", &["staff"]).await;
    let hide = json!({ "entries": [{ "principal": "administrators", "permission": "Everything" }], "inherits": false });
    admin
        .ask(Method::PUT, &format!("/objects/{}/acl", id(&inner)))
        .header("if-match", "*")
        .json(hide)
        .await
        .expect(200);
    let seen = ["annexes", "? 1.0", "annexes/annex 1.0", "annexes/deep 1.1", "paper 1.0"];
    assert_eq!(paths(&rana, &dossier, 2).await, seen);
    assert_eq!(below(&admin, &annexes).await, ["inner", "annex", "deep"]);
    assert!(office.repository.verify(Default::default(), |_| {}).await.unwrap().is_clean());
}

#[actix_web::test]
async fn folders_of_an_earlier_version_are_made_again() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let (dossier, elsewhere) = (admin.dossier("A").await, admin.dossier("B").await);
    let (gone, moved) = (folder(&admin, &dossier, "gone").await, folder(&admin, &dossier, "moved").await);
    let in_gone = admin.document(&gone, "in gone", b"1").await;
    let in_moved = [admin.document(&moved, "one", b"1").await, admin.document(&moved, "two", b"2").await];
    make(&admin, &dossier, json!({})).await.expect(201);
    put(&admin, &in_gone, b"1 again").await;
    put(&admin, &in_moved[0], b"1 again").await;
    let path = format!("/folders/{}", id(&gone));
    admin.ask(Method::DELETE, &path).header("if-match", "*").send().await.expect(204);
    let to = json!({ "to": elsewhere["id"] });
    admin
        .ask(Method::POST, &format!("/objects/{}/move", id(&moved)))
        .header("if-match", "*")
        .json(to)
        .await
        .expect(200);
    admin.document(&dossier, "came since", b"new").await;
    let before = named(&[("came since", "added"), ("gone", "removed"), ("in gone", "removed"), ("moved", "removed")]);
    assert_eq!(differences(&admin, &dossier, "1/differences").await[..4], before);
    let made = make(&admin, &dossier, json!({ "from": 1 })).await.expect(201).json();
    assert_eq!(made["notRestored"], json!(null), "{made}");
    let label = |name: &str, label: &str| format!("{name} {label}");
    assert_eq!(
        paths(&admin, &dossier, 2).await,
        [
            "gone".into(),
            label("gone/in gone", "1.2"),
            "moved".into(),
            label("moved/one", "1.2"),
            label("moved/two", "1.0"),
            label("came since", "1.0")
        ]
    );
    // The folder that lies elsewhere stays there, with all that is in it; once made again it is not made again.
    assert_eq!(below(&admin, &moved).await, ["one", "two"]);
    assert_eq!(bytes_of(&admin, &in_gone).await, "1");
    assert_eq!(bytes_of(&admin, &in_moved[0]).await, "1");
    make(&admin, &dossier, json!({ "from": 1 })).await.expect(201);
    assert_eq!(contents(&admin, &dossier).await, ["gone", "moved", "came since"]);
    assert!(office.repository.verify(Default::default(), |_| {}).await.unwrap().is_clean());
}

#[actix_web::test]
async fn a_folder_of_a_dossier_is_asked_for_as_it_stood_at_an_instant() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let clock = office.repository.clock();
    let dossier = admin.dossier("A").await;
    let inner = folder(&admin, &dossier, "inner").await;
    let paper = admin.document(&inner, "paper", b"1").await;
    clock.shift(1_000);
    let then = clock.now().to_string();
    clock.shift(1_000);
    put(&admin, &paper, b"1 again").await;
    trash(&admin, &paper).await;
    admin.document(&inner, "came since", b"2").await;
    let path = format!("/folders/{}", id(&inner));
    let at = async |instant: &str| {
        let contents = admin.get(&format!("{path}/contents?at={instant}")).await.expect(200).json();
        let one = |one: &Value| format!("{} {}", one["name"].as_str().unwrap(), one["versionLabel"].as_str().unwrap());
        contents["items"].as_array().unwrap().iter().map(one).collect::<Vec<_>>()
    };
    assert_eq!(at(&then).await, ["paper 1.0"]);
    admin.ask(Method::DELETE, &path).header("if-match", "*").send().await.expect(204);
    // The dossier names it at that instant, and what lay in it is still told.
    assert_eq!(at(&then).await, ["paper 1.0"]);
    let rana = office.user("rana", &[]).await;
    rana.get(&format!("{path}/contents?at={then}")).await.problem(404, "not_found");
}
