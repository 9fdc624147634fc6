//! Versions of documents: check-out and check-in, versions by name, taken again, destroyed, and change tokens.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::{Client, Form, Office, Reply};

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

async fn get(client: &Client<'_>, object: &Value) -> Value {
    client.get(&format!("/documents/{}", id(object))).await.expect(200).json()
}

async fn check_out(client: &Client<'_>, object: &Value) -> Reply {
    client.ask(Method::POST, &format!("/documents/{}/working-copy", id(object))).send().await
}

async fn put(client: &Client<'_>, object: &Value, bytes: &[u8]) -> Reply {
    client.ask(Method::PUT, &format!("/documents/{}/content", id(object))).if_match(object).bytes(bytes).await
}

async fn patch(client: &Client<'_>, object: &Value, changes: Value) -> Reply {
    client.ask(Method::PATCH, &format!("/documents/{}", id(object))).if_match(object).json(changes).await
}

async fn make_version(client: &Client<'_>, object: &Value, form: Value) -> Reply {
    client.ask(Method::POST, &format!("/documents/{}/versions", id(object))).if_match(object).json(form).await
}

async fn delete_version(client: &Client<'_>, object: &Value, name: &str) -> Reply {
    client.ask(Method::DELETE, &format!("/documents/{}/versions/{name}", id(object))).if_match(object).send().await
}

async fn bytes_of(client: &Client<'_>, object: &Value) -> String {
    let content = client.get(&format!("/documents/{}/content", id(object))).await.expect(200);
    String::from_utf8(content.body.to_vec()).unwrap()
}

async fn labels(client: &Client<'_>, object: &Value) -> Vec<String> {
    let versions = client.get(&format!("/documents/{}/versions", id(object))).await.expect(200).json();
    versions["items"].as_array().unwrap().iter().map(|one| one["label"].as_str().unwrap().to_owned()).collect()
}

/// A violation's field and code.
fn violation(problem: &Value) -> (&str, &str) {
    let one = &problem["violations"][0];
    (one["field"].as_str().unwrap(), one["code"].as_str().unwrap())
}

#[actix_web::test]
async fn a_document_is_checked_out_changed_and_checked_in() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("ملف ٧").await;
    let rana = office.user("rana", &["staff"]).await;
    let paper = rana.document(&dossier, "عقد.txt", b"first").await;
    let out = check_out(&rana, &paper).await.expect(201);
    assert!(!out.header("cartulary-transaction").is_empty());
    let copy = out.json();
    assert_eq!(out.header("location"), format!("/api/v1/documents/{}", id(&copy)));
    assert_ne!(id(&copy), id(&paper));
    assert_eq!((&copy["workingCopy"], &copy["documentId"]), (&json!(true), &paper["id"]));
    assert_eq!(copy["versionLabel"], json!(null));
    let live = get(&rana, &paper).await;
    assert_eq!(live["checkedOut"], json!({ "by": "rana", "workingCopyId": copy["id"] }));
    assert_ne!(live["changeToken"], paper["changeToken"]);
    // It is changed as a document is, and the document stays as it is.
    let copy = patch(&rana, &copy, json!({ "title": "Lease" })).await.expect(200).json();
    let copy = put(&rana, &copy, b"second").await.expect(200).json();
    assert_eq!((bytes_of(&rana, &copy).await, bytes_of(&rana, &paper).await), ("second".into(), "first".into()));
    assert_eq!(
        (get(&rana, &paper).await["title"].clone(), labels(&rana, &paper).await),
        (json!("عقد.txt"), vec!["1.0".into()])
    );
    let version = make_version(&rana, &copy, json!({ "major": true, "comment": "signed" })).await.expect(201).json();
    assert_eq!((&version["versionLabel"], &version["title"]), (&json!("2.0"), &json!("Lease")));
    assert_eq!(
        (&version["latest"], &version["latestMajor"], &version["documentId"]),
        (&json!(true), &json!(true), &paper["id"])
    );
    let live = get(&rana, &paper).await;
    assert_eq!(
        (&live["versionLabel"], &live["title"], &live["checkedOut"]),
        (&json!("2.0"), &json!("Lease"), &json!(null))
    );
    assert_eq!(
        (bytes_of(&rana, &paper).await, labels(&rana, &paper).await),
        ("second".into(), vec!["2.0".into(), "1.0".into()])
    );
    rana.get(&format!("/documents/{}", id(&copy))).await.problem(404, "not_found");
    rana.get(&format!("/documents/{}/working-copy", id(&paper))).await.problem(404, "not_found");
    // The next check-out is minor, and nothing but the comment is new.
    let copy = check_out(&rana, &live).await.expect(201).json();
    let version = make_version(&rana, &copy, json!({})).await.expect(201).json();
    assert_eq!((&version["versionLabel"], &version["latestMajor"]), (&json!("2.1"), &json!(null)));
}

#[actix_web::test]
async fn a_working_copy_is_private() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let (rana, sami) = (office.user("rana", &["staff"]).await, office.user("sami", &["staff"]).await);
    let lena = office.user("lena", &["staff"]).await;
    let grants = json!({ "entries": [{ "principal": "lena", "permission": "Unlock" }], "inherits": true });
    admin
        .ask(Method::PUT, &format!("/objects/{}/acl", id(&dossier)))
        .header("if-match", "*")
        .json(grants)
        .await
        .expect(200);
    let paper = rana.document(&dossier, "a.txt", b"first").await;
    let copy = check_out(&rana, &paper).await.expect(201).json();
    let copy = put(&rana, &copy, b"only in the working copy").await.expect(200).json();
    let path = format!("/documents/{}", id(&copy));
    for address in ["", "/content", "/text", "/versions", "/versions/latest", "/working-copy"] {
        sami.get(&format!("{path}{address}")).await.problem(404, "not_found");
        lena.get(&format!("{path}{address}")).await.expect(200);
        admin.get(&format!("{path}{address}")).await.expect(200);
    }
    put(&sami, &copy, b"x").await.problem(404, "not_found");
    patch(&sami, &copy, json!({ "title": "x" })).await.problem(404, "not_found");
    make_version(&sami, &copy, json!({})).await.problem(404, "not_found");
    check_out(&sami, &copy).await.problem(404, "not_found");
    sami.get(&format!("/objects/{}/acl", id(&copy))).await.problem(404, "not_found");
    let cancel = async |client: &Client<'_>, path: &str| client.ask(Method::DELETE, path).if_match(&copy).send().await;
    cancel(&sami, &path).await.problem(404, "not_found");
    cancel(&sami, &format!("/documents/{}/working-copy", id(&paper))).await.problem(404, "not_found");
    // What only it has, nobody is told of by a digest, not in a list, a search or the log.
    let digest = copy["content"]["digest"].as_str().unwrap();
    for client in [&sami, &rana, &admin] {
        client.get(&format!("/blobs/sha256/{digest}")).await.problem(404, "not_found");
    }
    let seen = sami.get(&format!("/documents/{}", id(&paper))).await.expect(200).json();
    assert_eq!(seen["checkedOut"], json!({ "by": "rana" }));
    let contents = admin.get(&format!("/dossiers/{}/contents", id(&dossier))).await.expect(200).json();
    assert_eq!((&contents["total"], &contents["items"][0]["id"]), (&json!(1), &paper["id"]));
    office.repository.verify(Default::default(), |_| {}).await.unwrap();
    assert_eq!(admin.get("/search?q=a.txt").await.expect(200).json()["total"], 1);
    let log = sami.get("/changes").await.expect(200).json();
    assert!(!log["items"].as_array().unwrap().iter().any(|one| one["objectId"] == copy["id"]), "{log}");
    // Lists that it could be put in do not take it.
    let acl = json!({ "entries": [], "inherits": true });
    let own =
        rana.ask(Method::PUT, &format!("/objects/{}/acl", id(&copy))).header("if-match", "*").json(acl.clone()).await;
    own.problem(403, "forbidden");
    let own = admin.ask(Method::PUT, &format!("/objects/{}/acl", id(&copy))).header("if-match", "*").json(acl).await;
    own.problem(409, "immutable");
    // A holder of `Unlock` may end it.
    cancel(&lena, &format!("/documents/{}/working-copy", id(&paper))).await.expect(204);
    rana.get(&path).await.problem(404, "not_found");
    assert_eq!(bytes_of(&rana, &paper).await, "first");
}

#[actix_web::test]
async fn a_checked_out_document_refuses_other_changes_and_says_by_whom() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let (rana, sami) = (office.user("rana", &["staff"]).await, office.user("sami", &["staff"]).await);
    let blind = office.user("blind", &[]).await;
    let entries: Vec<_> = ["Browse", "WriteVersion"]
        .map(|permission| json!({ "principal": "blind", "permission": permission }))
        .into_iter()
        .collect();
    let grants = json!({ "entries": entries, "inherits": true });
    admin
        .ask(Method::PUT, &format!("/objects/{}/acl", id(&dossier)))
        .header("if-match", "*")
        .json(grants)
        .await
        .expect(200);
    let paper = rana.document(&dossier, "a.txt", b"first").await;
    check_out(&rana, &paper).await.expect(201);
    let live = get(&rana, &paper).await;
    for client in [&rana, &sami, &admin] {
        let refused = check_out(client, &live).await.problem(409, "checked_out");
        assert_eq!(refused["parameters"]["by"], "rana");
        put(client, &live, b"x").await.problem(409, "checked_out");
        patch(client, &live, json!({ "title": "x" })).await.problem(409, "checked_out");
        make_version(client, &live, json!({})).await.problem(409, "checked_out");
        make_version(client, &live, json!({ "from": "1.0" })).await.problem(409, "checked_out");
        let delete = client.ask(Method::DELETE, &format!("/documents/{}", id(&live))).if_match(&live).send().await;
        delete.problem(409, "checked_out");
    }
    delete_version(&admin, &live, "1.0").await.problem(409, "checked_out");
    // Who may only browse is not told who.
    let refused = check_out(&blind, &live).await.problem(409, "checked_out");
    assert_eq!(
        (
            &refused["parameters"],
            blind.get(&format!("/documents/{}", id(&live))).await.expect(200).json()["checkedOut"].clone()
        ),
        (&json!(null), json!({}))
    );
    assert_eq!(get(&rana, &paper).await, live);
    // A name is about where it lies: it can be changed, and the title follows at check-in.
    let renamed = patch(&sami, &live, json!({ "name": "b.txt" })).await.expect(200).json();
    let copy = rana.get(&format!("/documents/{}/working-copy", id(&paper))).await.expect(200).json();
    make_version(&rana, &copy, json!({})).await.expect(201);
    let live = get(&rana, &renamed).await;
    assert_eq!(
        (&live["name"], &live["title"], &live["versionLabel"]),
        (&json!("b.txt"), &json!("b.txt"), &json!("1.1"))
    );
}

#[actix_web::test]
async fn what_a_working_copy_is_not_asked_for_is_refused() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let paper = admin.document(&dossier, "a.txt", b"first").await;
    let copy = check_out(&admin, &paper).await.expect(201).json();
    let refused = patch(&admin, &copy, json!({ "name": "b.txt" })).await.problem(422, "invalid");
    assert_eq!(violation(&refused), ("name", "not_of_working_copy"));
    let refused = patch(&admin, &copy, json!({ "title": "T", "version": "major" })).await.problem(422, "invalid");
    assert_eq!(violation(&refused), ("version", "not_of_working_copy"));
    let path = format!("/documents/{}/content?comment=why", id(&copy));
    let refused = admin.ask(Method::PUT, &path).if_match(&copy).bytes(b"x").await.problem(422, "invalid");
    assert_eq!(violation(&refused), ("comment", "not_of_working_copy"));
    let refused = make_version(&admin, &copy, json!({ "from": "1.0" })).await.problem(422, "invalid");
    assert_eq!(violation(&refused), ("from", "not_of_working_copy"));
    delete_version(&admin, &copy, "1.0").await.problem(409, "working_copy");
    let unnamed = admin.ask(Method::POST, &format!("/documents/{}/versions", id(&copy))).json(json!({})).await;
    unnamed.problem(428, "precondition_required");
    let cancel = |tag: &str| admin.ask(Method::DELETE, &format!("/documents/{}", id(&copy))).header("if-match", tag);
    admin
        .ask(Method::DELETE, &format!("/documents/{}/working-copy", id(&copy)))
        .send()
        .await
        .problem(428, "precondition_required");
    cancel("\"99\"").send().await.problem(412, "stale");
    assert_eq!(get(&admin, &copy).await["changeToken"], copy["changeToken"]);
    cancel("*").send().await.expect(204);
    assert_eq!(get(&admin, &paper).await["checkedOut"], json!(null));
    // Folders have no versions and no working copies.
    check_out(&admin, &dossier).await.problem(409, "not_a_document");
    let version = admin.get(&format!("/documents/{}/versions/latest", id(&paper))).await.expect(200).json();
    check_out(&admin, &version).await.problem(409, "immutable");
    make_version(&admin, &version, json!({})).await.problem(409, "immutable");
    admin.get(&format!("/documents/{}/working-copy", id(&version))).await.problem(404, "not_found");
}

#[actix_web::test]
async fn a_repeated_check_out_finds_the_first() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let paper = admin.document(&dossier, "a.txt", b"first").await;
    let path = format!("/documents/{}/working-copy", id(&paper));
    let out = || admin.ask(Method::POST, &path).header("idempotency-key", "k");
    let first = out().send().await.expect(201).json();
    assert_eq!(out().send().await.expect(201).json()["id"], first["id"]);
    check_out(&admin, &paper).await.problem(409, "checked_out");
}

#[actix_web::test]
async fn versions_are_found_by_name() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let paper = admin.document(&dossier, "a.txt", b"1.0").await;
    let paper = put(&admin, &paper, b"1.1").await.expect(200).json();
    let at = async |name: &str| admin.get(&format!("/documents/{}/versions/{name}", id(&paper))).await;
    for (name, label) in [("latest", "1.1"), ("latest-major", "1.0"), ("1.0", "1.0"), ("1.1", "1.1")] {
        let version = at(name).await.expect(200).json();
        assert_eq!((&version["versionLabel"], bytes_of(&admin, &version).await), (&json!(label), label.to_owned()));
        assert_eq!(at(id(&version)).await.expect(200).json(), version);
    }
    let other = admin.document(&dossier, "b.txt", b"other").await;
    let foreign = admin.get(&format!("/documents/{}/versions/latest", id(&other))).await.expect(200).json();
    for name in ["2.0", "01.0", "newest", "1", "-1.0", id(&paper), id(&foreign)] {
        at(name).await.problem(404, "not_found");
    }
    let versions = admin.get(&format!("/documents/{}/versions", id(&paper))).await.expect(200).json();
    let marks: Vec<_> = versions["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["latest"].as_bool().unwrap(), one["latestMajor"].as_bool().unwrap()))
        .collect();
    assert_eq!(marks, [(true, false), (false, true)]);
    let path = format!("/dossiers/{}/documents", id(&dossier));
    let awaited = admin.ask(Method::POST, &path).form(Form::new().field("name", "awaited")).await.expect(201).json();
    admin.get(&format!("/documents/{}/versions/latest", id(&awaited))).await.problem(404, "not_found");
}

#[actix_web::test]
async fn an_earlier_version_is_taken_again_as_a_new_one() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let paper = admin.document(&dossier, "a.txt", b"first").await;
    let paper = put(&admin, &paper, b"second").await.expect(200).json();
    let paper = patch(&admin, &paper, json!({ "title": "Changed" })).await.expect(200).json();
    assert_eq!(paper["versionLabel"], "1.1+");
    let version =
        make_version(&admin, &paper, json!({ "from": "1.0", "comment": "as it was" })).await.expect(201).json();
    assert_eq!((&version["versionLabel"], &version["title"]), (&json!("1.2"), &json!("a.txt")));
    assert_eq!(bytes_of(&admin, &version).await, "first");
    let live = get(&admin, &paper).await;
    assert_eq!(
        (&live["versionLabel"], &live["title"], bytes_of(&admin, &paper).await),
        (&json!("1.2"), &json!("a.txt"), "first".into())
    );
    make_version(&admin, &paper, json!({ "from": "1.0" })).await.problem(412, "stale");
    make_version(&admin, &live, json!({ "from": "7.0" })).await.problem(404, "not_found");
    let refused = make_version(&admin, &live, json!({ "from": "the first" })).await.problem(422, "invalid");
    assert_eq!(violation(&refused), ("from", "not_a_version"));
    let long = make_version(&admin, &live, json!({ "comment": "x".repeat(2_001) })).await.problem(422, "invalid");
    assert_eq!(violation(&long), ("comment", "too_long"));
    let null = make_version(&admin, &live, json!({ "comment": "a\0b" })).await.problem(422, "invalid");
    assert_eq!(violation(&null), ("comment", "null_character"));
    assert_eq!(labels(&admin, &live).await, ["1.2", "1.1", "1.0"]);
}

#[actix_web::test]
async fn a_version_is_made_of_a_document_as_it_is() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let paper = admin.document(&dossier, "a.txt", b"first").await;
    let changed = patch(&admin, &paper, json!({ "title": "T" })).await.expect(200).json();
    assert_eq!(changed["versionLabel"], "1.0+");
    let version = make_version(&admin, &changed, json!({ "comment": "titled" })).await.expect(201).json();
    assert_eq!((&version["versionLabel"], &version["title"]), (&json!("1.1"), &json!("T")));
    let live = get(&admin, &paper).await;
    assert_eq!(live["versionLabel"], "1.1");
    assert_ne!(live["changeToken"], changed["changeToken"]);
    // Said with the change itself.
    let live = patch(&admin, &live, json!({ "title": "U", "version": "major" })).await.expect(200).json();
    assert_eq!(live["versionLabel"], "2.0");
    let live = patch(&admin, &live, json!({ "title": "V", "comment": "why" })).await.expect(200).json();
    assert_eq!(live["versionLabel"], "2.1");
    let path = format!("/documents/{}/content?version=none", id(&live));
    let live = admin.ask(Method::PUT, &path).if_match(&live).bytes(b"unversioned").await.expect(200).json();
    assert_eq!((&live["versionLabel"], bytes_of(&admin, &live).await), (&json!("2.1+"), "unversioned".into()));
    let refused = patch(&admin, &live, json!({ "version": "huge" })).await.problem(422, "invalid");
    assert_eq!(violation(&refused), ("version", "not_a_choice"));
    let folder = admin.ask(Method::PATCH, &format!("/dossiers/{}", id(&dossier))).if_match(&dossier);
    let refused = folder.json(json!({ "title": "T", "version": "major" })).await.problem(422, "invalid");
    assert_eq!(violation(&refused), ("version", "not_a_document"));
}

#[actix_web::test]
async fn a_single_version_is_destroyed_and_the_document_falls_back() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let writer = office.user("rana", &["staff"]).await;
    let paper = admin.document(&dossier, "a.txt", b"1.0").await;
    let mut live = paper.clone();
    for bytes in [b"1.1", b"1.2", b"1.3"] {
        live = put(&admin, &live, bytes).await.expect(200).json();
    }
    delete_version(&writer, &live, "1.1").await.problem(403, "forbidden");
    let unnamed = admin.ask(Method::DELETE, &format!("/documents/{}/versions/1.1", id(&live))).send().await;
    unnamed.problem(428, "precondition_required");
    delete_version(&admin, &paper, "1.1").await.problem(412, "stale");
    let gone = admin.get(&format!("/documents/{}/versions/1.1", id(&live))).await.expect(200).json();
    delete_version(&admin, &live, "1.1").await.expect(204);
    admin.get(&format!("/documents/{}", id(&gone))).await.problem(404, "not_found");
    delete_version(&admin, &live, "1.1").await.problem(412, "stale");
    live = get(&admin, &live).await;
    delete_version(&admin, &live, "1.1").await.problem(404, "not_found");
    assert_eq!(bytes_of(&admin, &live).await, "1.3");
    // The newest goes: the document is what the one before was, and no other version gets its number.
    delete_version(&admin, &live, "latest").await.expect(204);
    live = get(&admin, &live).await;
    assert_eq!((&live["versionLabel"], bytes_of(&admin, &live).await), (&json!("1.2"), "1.2".into()));
    live = put(&admin, &live, b"1.4").await.expect(200).json();
    assert_eq!(
        (&live["versionLabel"], labels(&admin, &live).await),
        (&json!("1.4"), vec!["1.4".into(), "1.2".into(), "1.0".into()])
    );
    // What is in no version stays.
    live = patch(&admin, &live, json!({ "title": "Changed" })).await.expect(200).json();
    delete_version(&admin, &live, "latest").await.expect(204);
    live = get(&admin, &live).await;
    assert_eq!(
        (&live["versionLabel"], &live["title"], bytes_of(&admin, &live).await),
        (&json!("1.2+"), &json!("Changed"), "1.4".into())
    );
    // The last one is the document.
    delete_version(&admin, &live, "1.2").await.expect(204);
    live = get(&admin, &live).await;
    delete_version(&admin, &live, "latest").await.expect(204);
    admin.get(&format!("/documents/{}", id(&live))).await.problem(404, "not_found");
    let contents = admin.get(&format!("/dossiers/{}/contents", id(&dossier))).await.expect(200).json();
    assert_eq!(contents["total"], 0);
    assert!(office.repository.verify(Default::default(), |_| {}).await.unwrap().is_clean());
}

#[actix_web::test]
async fn every_change_of_an_object_turns_its_own_token_and_no_other() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let mut dossier = admin.dossier("A").await;
    let token_of = async |path: String| admin.get(&path).await.expect(200).json()["changeToken"].clone();
    let folder = format!("/dossiers/{}", id(&dossier));
    let paper = admin.document(&dossier, "a.txt", b"first").await;
    let awaited = Form::new().field("name", "awaited");
    admin.ask(Method::POST, &format!("{folder}/documents")).form(awaited).await.expect(201);
    let document = format!("/documents/{}", id(&paper));
    put(&admin, &paper, b"second").await.expect(200);
    assert_eq!(token_of(folder.clone()).await, dossier["changeToken"], "a child is no change of its folder");
    let patched = admin.ask(Method::PATCH, &folder).if_match(&dossier).json(json!({ "title": "T" })).await.expect(200);
    assert_ne!(patched.json()["changeToken"], dossier["changeToken"]);
    dossier = patched_again(&admin, &folder).await;
    let mut seen = token_of(document.clone()).await;
    let acl = json!({ "entries": [], "inherits": true });
    for act in ["title", "content", "check-out", "cancel", "check-in", "version", "acl", "destroy"] {
        let live = admin.get(&document).await.expect(200).json();
        match act {
            "title" => drop(patch(&admin, &live, json!({ "title": "T" })).await.expect(200)),
            "content" => drop(put(&admin, &live, b"third").await.expect(200)),
            "check-out" => drop(check_out(&admin, &live).await.expect(201)),
            "cancel" => {
                let cancel = admin.ask(Method::DELETE, &format!("{document}/working-copy")).header("if-match", "*");
                cancel.send().await.expect(204);
            }
            "check-in" => {
                let copy = check_out(&admin, &live).await.expect(201).json();
                make_version(&admin, &copy, json!({})).await.expect(201);
            }
            "version" => drop(make_version(&admin, &live, json!({})).await.expect(201)),
            "acl" => {
                let put = admin.ask(Method::PUT, &format!("/objects/{}/acl", id(&live))).if_match(&live);
                put.json(acl.clone()).await.expect(200);
            }
            _ => drop(delete_version(&admin, &live, "1.0").await.expect(204)),
        }
        let token = token_of(document.clone()).await;
        assert_ne!(token, seen, "{act}");
        seen = token.clone();
        assert_eq!(token_of(folder.clone()).await, dossier["changeToken"], "{act}");
        // Whoever read before is told both values.
        let stale = patch(&admin, &live, json!({ "title": "U" })).await.problem(412, "stale");
        assert_eq!(stale["parameters"], json!({ "expected": [live["changeToken"]], "current": token }), "{act}");
        assert_eq!(stale["current"]["changeToken"], token, "{act}");
    }
}

async fn patched_again(client: &Client<'_>, folder: &str) -> Value {
    client.get(folder).await.expect(200).json()
}

/// A type with rules, and one below it with rules of its own.
const RULES: &str = r#"
    [[types]]
    id = "letter"
    parent = "document"
    base = "document"
    label = "Letter"
    properties = [{ id = "letter:seen", label = "Seen", kind = "boolean" }]
    versioning = [
        { increment = "none", changes = ["content"], types = ["draft"] },
        { increment = "major", changes = ["properties"] },
    ]
    [[types]]
    id = "draft"
    parent = "letter"
    base = "document"
    label = "Draft"
    [[types]]
    id = "shared"
    parent = "letter"
    base = "document"
    label = "Shared paper"
    facets = ["confidential"]
    versioning = [
        { increment = "minor", moment = "before", other_contributor = true, facets = ["confidential"] },
        { increment = "none" },
    ]
"#;

#[actix_web::test]
async fn versions_are_made_as_the_rules_of_the_type_say() {
    let office = Office::open_of_types(RULES).await;
    let admin = office.admin().await;
    let (rana, sami) = (office.user("rana", &["staff"]).await, office.user("sami", &["staff"]).await);
    let dossier = admin.dossier("A").await;
    let path = format!("/dossiers/{}/documents", id(&dossier));
    let make = async |type_id: &str| {
        let form = Form::new().field("type", type_id).field("name", type_id);
        let form = form.file("content", "a.txt", "text/plain", b"first");
        rana.ask(Method::POST, &path).form(form).await.expect(201).json()
    };
    let label = |object: &Value| object["versionLabel"].as_str().unwrap().to_owned();
    // The rule of the type above: properties make a major version; content what it makes everywhere.
    let letter = patch(&rana, &make("letter").await, json!({ "title": "T" })).await.expect(200).json();
    assert_eq!(label(&letter), "2.0");
    let letter = patch(&rana, &letter, json!({ "name": "renamed.txt", "title": "T" })).await.expect(200).json();
    assert_eq!(label(&letter), "2.0+", "a name is no property");
    let letter = put(&rana, &letter, b"second").await.expect(200).json();
    assert_eq!(label(&letter), "2.1");
    // Its filter by type, and the caller who says how.
    let draft = put(&rana, &make("draft").await, b"second").await.expect(200).json();
    assert_eq!(label(&draft), "1.0+");
    let content = format!("/documents/{}/content?version=minor", id(&draft));
    let draft = rana.ask(Method::PUT, &content).if_match(&draft).bytes(b"third").await.expect(200).json();
    assert_eq!(label(&draft), "1.1");
    let seen = json!({ "properties": { "letter:seen": true }, "version": "none" });
    let draft = patch(&rana, &draft, seen).await.expect(200).json();
    assert_eq!(label(&draft), "1.1+");
    // Rules of its own come first: what somebody else left is kept before it changes, once.
    let shared = put(&rana, &make("shared").await, b"second").await.expect(200).json();
    assert_eq!((label(&shared), labels(&rana, &shared).await), ("1.0+".into(), vec!["1.0".into()]));
    let shared = put(&sami, &shared, b"third").await.expect(200).json();
    assert_eq!((label(&shared), labels(&rana, &shared).await), ("1.1+".into(), vec!["1.1".into(), "1.0".into()]));
    let kept = rana.get(&format!("/documents/{}/versions/latest", id(&shared))).await.expect(200).json();
    assert_eq!((bytes_of(&rana, &kept).await, bytes_of(&rana, &shared).await), ("second".into(), "third".into()));
    let shared = put(&sami, &shared, b"fourth").await.expect(200).json();
    let shared = make_then_read(&sami, &shared).await;
    let shared = patch(&rana, &shared, json!({ "title": "T" })).await.expect(200).json();
    assert_eq!((label(&shared), labels(&rana, &shared).await.len()), ("1.2+".into(), 3), "a version had it already");
}

async fn make_then_read(client: &Client<'_>, object: &Value) -> Value {
    make_version(client, object, json!({})).await.expect(201);
    get(client, object).await
}

#[actix_web::test]
async fn no_number_of_a_destroyed_version_is_given_again() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let mut live = admin.document(&dossier, "a.txt", b"1.0").await;
    let mut given = vec!["1.0".to_owned()];
    // Minor and major versions come and go, some of them two or three at a time.
    for (step, act) in "mmxxmMxmxMmxxmM".chars().enumerate() {
        match act {
            'x' => drop(delete_version(&admin, &live, "latest").await.expect(204)),
            act => {
                let version = make_version(&admin, &live, json!({ "major": act == 'M' })).await.expect(201).json();
                let label = version["versionLabel"].as_str().unwrap().to_owned();
                assert!(!given.contains(&label), "{label} again, at step {step} after {given:?}");
                given.push(label);
            }
        }
        live = get(&admin, &live).await;
    }
    let present = labels(&admin, &live).await;
    assert!(present.iter().all(|label| given.contains(label)) && present.len() == 4, "{present:?}");
}

#[actix_web::test]
async fn facets_go_with_the_versions_that_have_them() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let paper = admin.document(&dossier, "a.txt", b"first").await;
    let copy = check_out(&admin, &paper).await.expect(201).json();
    patch(&admin, &copy, json!({ "facets": ["confidential"] })).await.expect(200);
    assert_eq!(get(&admin, &paper).await["facets"], json!([]), "the document stays as it is");
    let copy = get(&admin, &copy).await;
    assert_eq!(copy["facets"], json!(["confidential"]));
    make_version(&admin, &copy, json!({})).await.expect(201);
    let live = get(&admin, &paper).await;
    assert_eq!((&live["facets"], &live["versionLabel"]), (&json!(["confidential"]), &json!("1.1")));
    make_version(&admin, &live, json!({ "from": "1.0" })).await.expect(201);
    let live = get(&admin, &paper).await;
    assert_eq!((&live["facets"], &live["versionLabel"]), (&json!([]), &json!("1.2")));
    // A facet alone is a change of properties, for the rules and for what a version has.
    let live = patch(&admin, &live, json!({ "facets": ["confidential"] })).await.expect(200).json();
    assert_eq!(live["versionLabel"], "1.2+");
    let refused = {
        check_out(&admin, &live).await.expect(201);
        let live = get(&admin, &live).await;
        patch(&admin, &live, json!({ "facets": [] })).await
    };
    refused.problem(409, "checked_out");
}

#[actix_web::test]
async fn a_type_that_is_declared_while_the_office_runs_has_its_rules() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let rules = json!([{ "increment": "major", "changes": ["properties"] }, { "increment": "none" }]);
    let letter =
        json!({ "id": "letter", "parent": "document", "base": "document", "label": "Letter", "versioning": rules });
    admin.post("/types", letter).await.expect(201);
    let wrong = json!({ "id": "shelf", "parent": "folder", "base": "folder", "label": "Shelf", "versioning": rules });
    admin.post("/types", wrong).await.expect(422);
    let types = admin.get("/types").await.expect(200).json();
    let letter = types["items"].as_array().unwrap().iter().find(|one| one["id"] == "letter").unwrap();
    assert_eq!(letter["versioning"].as_array().unwrap().len(), 2);
    let dossier = admin.dossier("A").await;
    let form = Form::new().field("type", "letter").file("content", "a.txt", "text/plain", b"first");
    let path = format!("/dossiers/{}/documents", id(&dossier));
    let paper = admin.ask(Method::POST, &path).form(form).await.expect(201).json();
    let paper = put(&admin, &paper, b"second").await.expect(200).json();
    assert_eq!(paper["versionLabel"], "1.0+");
    let paper = patch(&admin, &paper, json!({ "title": "T" })).await.expect(200).json();
    assert_eq!(paper["versionLabel"], "2.0");
}
