//! Writing: documents, changes under a condition, access, imports.

use actix_web::http::Method;
use serde_json::json;

use crate::office::{Form, Office};

#[actix_web::test]
async fn a_document_is_filed_with_its_file() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let path = format!("/dossiers/{}/documents", dossier["id"].as_str().unwrap());
    let form = Form::new().field("title", "Lease").file("content", "papers/عقد.txt", "text/plain", b"in witness");
    let made = client.ask(Method::POST, &path).form(form).await.expect(201);
    assert!(!made.header("cartulary-transaction").is_empty());
    let made = made.json();
    assert_eq!((made["name"].clone(), made["title"].clone()), (json!("عقد.txt"), json!("Lease")));
    assert_eq!(made["content"]["fileName"], "عقد.txt");
    assert_eq!(made["content"]["mediaType"], "text/plain");
    assert_eq!(made["parents"][0]["id"], dossier["id"]);
    let again = Form::new().file("content", "عقد.txt", "text/plain", b"other");
    let again = client.ask(Method::POST, &path).form(again).await.expect(201).json();
    assert_ne!(again["name"], made["name"], "a file's name that is taken is changed");
    let named = Form::new().field("name", "عقد.txt").file("content", "x.txt", "text/plain", b"other");
    client.ask(Method::POST, &path).form(named).await.problem(409, "name_taken");
}

#[actix_web::test]
async fn the_answer_to_a_new_document_is_what_is_read_of_it() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let id = dossier["id"].as_str().unwrap();
    let grants = [("rana", "AddChildren"), ("rana", "Browse"), ("sami", "Everything")];
    let entries: Vec<_> = grants.iter().map(|(who, what)| json!({ "principal": who, "permission": what })).collect();
    office.user("rana", &[]).await;
    office.user("sami", &[]).await;
    let list = json!({ "entries": entries, "inherits": true });
    admin.ask(Method::PUT, &format!("/objects/{id}/acl")).header("if-match", "*").json(list).await.expect(200);
    for who in ["admin", "rana", "sami"] {
        let client = office.client(who).await;
        let forms = [
            Form::new().field("title", "Lease").file("content", "a.txt", "text/plain", b"in witness"),
            Form::new().file("content", "a.bin", "application/octet-stream", &[0, 1, 2, 3]),
            Form::new().field("name", &format!("awaited by {who}")),
        ];
        for form in forms {
            let made = client.ask(Method::POST, &format!("/dossiers/{id}/documents")).form(form).await.expect(201);
            let path = format!("/documents/{}", made.json()["id"].as_str().unwrap());
            let read = client.get(&path).await.expect(200);
            assert_eq!((made.json(), made.header("etag")), (read.json(), read.header("etag")), "{who}");
        }
    }
}

#[actix_web::test]
async fn a_title_without_end_or_with_a_null_character_is_refused() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let id = dossier["id"].as_str().unwrap();
    for title in ["a\0b", &"x".repeat(2_001)] {
        let new = json!({ "name": "B", "title": title });
        let refused = client.ask(Method::POST, "/dossiers").json(new).await.problem(422, "invalid");
        assert_eq!(refused["violations"][0]["field"], "title");
        let form = Form::new().field("name", "B").field("title", title);
        client.ask(Method::POST, &format!("/dossiers/{id}/documents")).form(form).await.problem(422, "invalid");
    }
    client.ask(Method::POST, "/dossiers").json(json!({ "name": "\u{200b} " })).await.problem(422, "invalid");
}

#[actix_web::test]
async fn what_was_never_a_transaction_is_not_waited_for() {
    let office = Office::open().await;
    let client = office.admin().await;
    for path in ["/search?q=a&waitFor=soon", "/dossiers?waitFor=", "/changes?waitFor=%00"] {
        client.get(path).await.problem(400, "invalid_query");
    }
}

#[actix_web::test]
async fn a_transaction_that_the_office_does_not_know_held_the_request() {
    let office = Office::open().await;
    let client = office.admin().await;
    let made = client.post("/dossiers", json!({ "name": "A" })).await.expect(201);
    let known = made.header("cartulary-transaction");
    client.get(&format!("/dossiers?waitFor={known}")).await.expect(200);
    let foreign = "01900000-0000-7000-8000-000000000000";
    for path in ["/search?q=a", "/dossiers?", "/changes?"] {
        let asked = std::time::Instant::now();
        let refused = client.get(&format!("{path}&waitFor={foreign}")).await.problem(400, "invalid_query");
        assert_eq!(refused["parameters"]["parameter"], "waitFor");
        assert!(asked.elapsed().as_secs() < 10, "it waited");
    }
}

#[actix_web::test]
async fn a_paper_that_was_not_yet_scanned_is_a_placeholder() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let path = format!("/dossiers/{}/documents", dossier["id"].as_str().unwrap());
    let made = client.ask(Method::POST, &path).form(Form::new().field("name", "Letter")).await.expect(201).json();
    assert!(made["content"].is_null());
    let id = made["id"].as_str().unwrap();
    client.get(&format!("/documents/{id}/content")).await.problem(404, "not_found");
    assert_eq!(client.get(&format!("/documents/{id}/text")).await.expect(200).json()["state"], "none");
    client.ask(Method::POST, &path).form(Form::new().field("title", "T")).await.problem(422, "invalid");
}

#[actix_web::test]
async fn forms_are_checked() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let path = format!("/dossiers/{}/documents", dossier["id"].as_str().unwrap());
    let post = || client.ask(Method::POST, &path);
    post().json(json!({ "name": "A" })).await.problem(415, "unsupported_media_type");
    post().form(Form::new().field("colour", "red")).await.problem(422, "invalid");
    post().form(Form::new().field("name", "a").field("name", "b")).await.problem(422, "invalid");
    post().form(Form::new().field("name", "a").field("properties", "{")).await.problem(422, "invalid");
    let cut = b"------cartulary\r\ncontent-disposition: form-data; name=\"content\"; filename=\"a\"\r\n\r\nhalf";
    let reply = post().header("content-type", "multipart/form-data; boundary=----cartulary").bytes(cut).await;
    assert_eq!(reply.status, 400, "{}", String::from_utf8_lossy(&reply.body));
    let contents = client.get(&format!("/dossiers/{}/contents", dossier["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(contents.json()["total"], 0);
}

#[actix_web::test]
async fn a_repeated_creation_finds_the_first() {
    let office = Office::open().await;
    let client = office.admin().await;
    let post = |key: &str, name: &str| {
        client.ask(Method::POST, "/dossiers").header("idempotency-key", key).json(json!({ "name": name }))
    };
    let first = post("k1", "A").await.expect(201).json();
    assert_eq!(post("k1", "A").await.expect(201).json()["id"], first["id"]);
    post("k2", "A").await.problem(409, "name_taken");
    assert_eq!(client.get("/dossiers").await.expect(200).json()["total"], 1);
    let path = format!("/dossiers/{}/documents", first["id"].as_str().unwrap());
    let form = || Form::new().file("content", "a.txt", "text/plain", b"x");
    let file = || client.ask(Method::POST, &path).header("idempotency-key", "k3").form(form());
    let one = file().await.expect(201).json();
    assert_eq!(file().await.expect(201).json()["id"], one["id"]);
}

#[actix_web::test]
async fn a_change_names_the_state_it_was_made_from() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let path = format!("/dossiers/{}", dossier["id"].as_str().unwrap());
    let patch = || client.ask(Method::PATCH, &path);
    patch().json(json!({ "title": "T" })).await.problem(428, "precondition_required");
    patch().header("if-match", "1").json(json!({ "title": "T" })).await.problem(400, "invalid_header");
    let changed = patch().if_match(&dossier).json(json!({ "title": "T" })).await.expect(200);
    let etag = changed.header("etag").to_owned();
    assert_ne!(etag, format!("\"{}\"", dossier["changeToken"].as_str().unwrap()));
    let stale = patch().if_match(&dossier).json(json!({ "title": "U" })).await.problem(412, "stale");
    assert_eq!(
        (stale["current"]["title"].clone(), stale["current"]["id"].clone()),
        (json!("T"), dossier["id"].clone())
    );
    patch().header("if-match", &etag).json(json!({ "properties": { "dossier:number": "7/26" } })).await.expect(200);
    let delete = || client.ask(Method::DELETE, &path);
    delete().send().await.problem(428, "precondition_required");
    delete().if_match(&dossier).send().await.problem(412, "stale");
    let gone = delete().header("if-match", "*").send().await.expect(204);
    assert!(!gone.header("cartulary-transaction").is_empty());
    client.get(&path).await.problem(404, "not_found");
}

#[actix_web::test]
async fn a_list_of_tags_matches_when_one_of_them_does() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let path = format!("/dossiers/{}", dossier["id"].as_str().unwrap());
    let now = async || client.get(&path).await.expect(200).header("etag").to_owned();
    let patch = async |tags: &str, title: &str| {
        client.ask(Method::PATCH, &path).header("if-match", tags).json(json!({ "title": title })).await
    };
    patch(&format!("\"99\", {} ,\"x,y\"", now().await), "T").await.expect(200);
    for stale in ["\"98\", \"99\"", &format!("W/{}", now().await), &format!("W/{0}, \"99\"", now().await)] {
        patch(stale, "U").await.problem(412, "stale");
    }
    patch(&format!("{} \"99\"", now().await), "U").await.problem(400, "invalid_header");
    for known in [format!("\"99\", W/{}", now().await), format!("\"a,b\",{}", now().await)] {
        client.ask(Method::GET, &path).header("if-none-match", &known).send().await.expect(304);
    }
    client.ask(Method::GET, &path).header("if-none-match", "\"98\", \"99\"").send().await.expect(200);
    // A list may name the document and its content.
    let document = client.document(&dossier, "a.txt", b"first").await;
    let content = format!("/documents/{}/content", document["id"].as_str().unwrap());
    let read = client.get(&content).await.expect(200).header("etag").to_owned();
    let put = client.ask(Method::PUT, &content).header("if-match", &format!("\"99\", {read}"));
    put.bytes(b"second").await.expect(200);
}

#[actix_web::test]
async fn new_bytes_make_a_new_version() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let document = client.document(&dossier, "a.txt", b"first").await;
    let id = document["id"].as_str().unwrap();
    let put = || {
        client.ask(Method::PUT, &format!("/documents/{id}/content?fileName=b.txt&comment=scanned%20again&major=true"))
    };
    put().bytes(b"second").await.problem(428, "precondition_required");
    put().header("if-match", "\"0\"").bytes(b"second").await.problem(412, "stale");
    let changed =
        put().if_match(&document).header("content-type", "text/plain").bytes(b"second").await.expect(200).json();
    assert_eq!(
        (changed["content"]["fileName"].clone(), changed["content"]["sizeBytes"].clone()),
        (json!("b.txt"), json!(6))
    );
    let versions = client.get(&format!("/documents/{id}/versions")).await.expect(200).json();
    assert_eq!(versions["total"], 2);
    let (newest, oldest) = (&versions["items"][0], &versions["items"][1]);
    assert_eq!((newest["major"].clone(), newest["comment"].clone()), (json!(true), json!("scanned again")));
    for (version, bytes) in [(newest, "second"), (oldest, "first")] {
        let path = format!("/documents/{}/content", version["id"].as_str().unwrap());
        assert_eq!(client.get(&path).await.expect(200).body, bytes);
    }
    let kept = client.ask(Method::PUT, &format!("/documents/{id}/content")).if_match(&changed).bytes(b"third").await;
    assert_eq!(kept.expect(200).json()["content"]["fileName"], "b.txt");
}

#[actix_web::test]
async fn the_tag_that_a_content_was_answered_with_is_a_precondition_for_the_next() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let document = client.document(&dossier, "a.txt", b"first").await;
    let path = format!("/documents/{}", document["id"].as_str().unwrap());
    let content = format!("{path}/content");
    let put = || client.ask(Method::PUT, &content);
    let missing = put().bytes(b"second").await.problem(428, "precondition_required");
    assert!(missing["detail"].as_str().unwrap().contains("for the document or for its content"), "{missing}");
    let read = client.get(&content).await.expect(200).header("etag").to_owned();
    // A new title is no new content.
    client.ask(Method::PATCH, &path).if_match(&document).json(json!({ "title": "T" })).await.expect(200);
    put().header("if-match", &read).bytes(b"second").await.expect(200);
    let stale = put().header("if-match", &read).bytes(b"third").await.problem(412, "stale");
    assert!(stale["detail"].as_str().unwrap().contains("read it again"), "{stale}");
    let rename = client.ask(Method::PATCH, &path).header("if-match", &read).json(json!({ "title": "U" })).await;
    let stale = rename.problem(412, "stale");
    assert!(stale["detail"].as_str().unwrap().contains("If-Match is no ETag of it"), "{stale}");
}

#[actix_web::test]
async fn access_is_read_and_replaced() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let amal = office.user("amal", &[]).await;
    let dossier_path = format!("/dossiers/{}", dossier["id"].as_str().unwrap());
    let path = format!("/objects/{}/acl", dossier["id"].as_str().unwrap());
    let list = admin.get(&path).await.expect(200);
    let (etag, list) = (list.header("etag").to_owned(), list.json());
    assert_eq!((list["entries"].clone(), list["inherits"].clone()), (json!([]), json!(true)));
    assert!(list["inherited"].as_array().unwrap().iter().any(|one| one["principal"] == "staff"));
    amal.get(&dossier_path).await.problem(404, "not_found");
    let new = json!({ "entries": [{ "principal": "amal", "permission": "Read" }], "inherits": true });
    admin.ask(Method::PUT, &path).json(new.clone()).await.problem(428, "precondition_required");
    let changed = admin.ask(Method::PUT, &path).header("if-match", &etag).json(new.clone()).await.expect(200).json();
    assert_eq!(changed["entries"][0]["principal"], "amal");
    let seen = amal.get(&dossier_path).await.expect(200).json();
    amal.ask(Method::PATCH, &dossier_path)
        .if_match(&seen)
        .json(json!({ "title": "T" }))
        .await
        .problem(403, "forbidden");
    admin.ask(Method::PUT, &path).header("if-match", &etag).json(new).await.problem(412, "stale");
    let bad = json!({ "entries": [{ "principal": "nobody", "permission": "Fly" }], "inherits": true });
    admin.ask(Method::PUT, &path).header("if-match", "*").json(bad).await.problem(422, "invalid");
}

#[actix_web::test]
async fn an_import_is_resumed_where_it_stopped() {
    let office = Office::open().await;
    let client = office.admin().await;
    let begin = || client.post("/imports", json!({ "source": "shelf 3", "folderName": "shelf 3" }));
    let run = begin().await.expect(201).json();
    let run_path = format!("/imports/{}", run["id"].as_str().unwrap());
    let put = |path: &str, bytes: &'static [u8]| {
        client.ask(Method::PUT, &format!("{run_path}/files?path={path}")).bytes(bytes)
    };
    let created = put("A/letter.txt", b"one").await.expect(200);
    assert!(!created.header("cartulary-transaction").is_empty());
    assert_eq!(created.json()["state"], "created");
    assert_eq!(put("A/letter.txt", b"one").await.expect(200).json()["state"], "taken");
    assert_eq!(put("A/letter.txt", b"two").await.expect(200).json()["state"], "version");
    let odd = put("A/%E9t%E9.txt", b"three").await.expect(200).json();
    assert_eq!((odd["path"].clone(), odd["state"].clone()), (json!("A/\u{fffd}t\u{fffd}.txt"), json!("created")));
    let digest = |bytes: &[u8]| cartulary_model::BlobDigest::of(bytes).to_string();
    let entries = json!({ "entries": [
        { "path": "A/letter.txt", "digest": digest(b"two"), "sizeBytes": 3 },
        { "path": "A/letter.txt", "digest": digest(b"new"), "sizeBytes": 3 },
        { "path": "B/none.txt", "digest": digest(b"new"), "sizeBytes": 3 },
    ]});
    let checked = client.post(&format!("{run_path}/check"), entries).await.expect(200).json();
    let states: Vec<_> =
        checked["items"].as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["taken", "changed", "new"]);
    client.ask(Method::PUT, &format!("{run_path}/files")).bytes(b"x").await.problem(400, "invalid_query");
    let report = client.ask(Method::POST, &format!("{run_path}/finish")).send().await.expect(200).json();
    assert_eq!(
        (report["taken"].clone(), report["newVersions"].clone(), report["alreadyTaken"].clone()),
        (json!(2), json!(1), json!(1))
    );
    assert_eq!(report["state"], "finished");
    // Nobody reads in this office: the letter of now and the odd one wait.
    assert_eq!(report["texts"], json!({ "waiting": 2, "unread": [] }));
    put("A/late.txt", b"x").await.problem(409, "import_finished");
    assert_eq!(client.get(&run_path).await.expect(200).json(), report);
    office.user("amal", &["staff"]).await.get(&run_path).await.problem(404, "not_found");
}

#[actix_web::test]
async fn an_upload_beyond_the_limit_is_refused() {
    let office = Office::open_with(|parts| parts.config.max_upload_bytes = 1_000).await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let path = format!("/dossiers/{}/documents", dossier["id"].as_str().unwrap());
    let form = Form::new().file("content", "a.bin", "application/octet-stream", &[0; 1_001]);
    client.ask(Method::POST, &path).form(form).await.problem(413, "payload_too_large");
    let run = client.post("/imports", json!({ "source": "s" })).await.expect(201).json();
    let put = client.ask(Method::PUT, &format!("/imports/{}/files?path=a/b", run["id"].as_str().unwrap()));
    put.bytes(&[0; 1_001]).await.problem(413, "payload_too_large");
}

#[actix_web::test]
async fn a_repeated_request_tells_no_more_than_its_sender_may_see_now() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let path = format!("/dossiers/{}/documents", dossier["id"].as_str().unwrap());
    let make = || admin.ask(Method::POST, &path).header("Idempotency-Key", "k").form(Form::new().field("name", "a"));
    let made = make().await.expect(201).json();
    assert_eq!(make().await.expect(201).json()["id"], made["id"]);
    let trash = admin.ask(Method::DELETE, &format!("/documents/{}", made["id"].as_str().unwrap()));
    trash.if_match(&made).send().await.expect(204);
    make().await.problem(404, "not_found");
}

/// Returns the codes of what is wrong, by field.
fn violations(problem: &serde_json::Value) -> Vec<(String, String)> {
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    problem["violations"].as_array().unwrap().iter().map(|one| (text(&one["field"]), text(&one["code"]))).collect()
}

#[actix_web::test]
async fn a_person_could_choose_a_name_that_misleads() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let paper = admin.document(&dossier, "a.txt", b"words").await;
    let path = format!("/documents/{}", paper["id"].as_str().unwrap());
    let of = |field: &str, code: &str| vec![(field.to_owned(), code.to_owned())];
    for name in ["A ", " A", "two\nlines", "a\u{202e}fdp.exe", "a\u{200b}", "\u{200f}", " "] {
        let refused = admin.post("/dossiers", json!({ "name": name })).await.problem(422, "invalid");
        assert_eq!(violations(&refused), of("name", "invalid_name"), "{name:?}");
        let rename = admin.ask(Method::PATCH, &path).if_match(&paper).json(json!({ "name": name })).await;
        assert_eq!(violations(&rename.problem(422, "invalid")), of("name", "invalid_name"), "{name:?}");
    }
    for (title, code) in [("", "blank"), (" \u{a0}", "blank"), ("\u{200f}", "blank"), ("two\nlines", "misleading")] {
        let refused = admin.post("/dossiers", json!({ "name": "B", "title": title })).await.problem(422, "invalid");
        assert_eq!(violations(&refused), of("title", code), "{title:?}");
        let retitle = admin.ask(Method::PATCH, &path).if_match(&paper).json(json!({ "title": title })).await;
        assert_eq!(violations(&retitle.problem(422, "invalid")), of("title", code), "{title:?}");
    }
    let good = json!({ "name": "علامة\u{200f} ٢", "title": "می\u{200c}خواهم" });
    admin.post("/dossiers", good).await.expect(201);
}

/// Files bring names that no person would be allowed to choose; what is not renamed stays as it is.
#[actix_web::test]
async fn a_file_is_not_lost_for_its_name() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    for (name, kept) in [("a .txt ", "a .txt "), ("a\u{202e}b.txt", "a\u{202e}b.txt"), ("\u{200b}", "\u{fffd}\u{200b}")]
    {
        let paper = admin.document(&dossier, name, b"words").await;
        assert_eq!((paper["name"].as_str(), paper["title"].as_str()), (Some(kept), Some(kept)));
        let path = format!("/documents/{}", paper["id"].as_str().unwrap());
        let same = json!({ "name": kept, "title": kept });
        let changed = admin.ask(Method::PATCH, &path).if_match(&paper).json(same).await.expect(200).json();
        let titled = json!({ "title": "A letter" });
        admin.ask(Method::PATCH, &path).if_match(&changed).json(titled).await.expect(200);
    }
    let path = format!("/dossiers/{}/documents", dossier["id"].as_str().unwrap());
    let nameless = Form::new().file("content", "", "text/plain", b"words");
    admin.ask(Method::POST, &path).form(nameless).await.problem(422, "invalid");
}

#[actix_web::test]
async fn the_same_bytes_again_made_a_version_that_nobody_asked_for() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let paper = admin.document(&admin.dossier("A").await, "a.txt", b"words").await;
    let path = format!("/documents/{}/content", paper["id"].as_str().unwrap());
    let put = async |query: &str, bytes: &[u8]| {
        let reply = admin.ask(Method::PUT, &format!("{path}{query}")).header("if-match", "*").bytes(bytes).await;
        let reply = reply.expect(200);
        let transaction = reply.header("cartulary-transaction").to_owned();
        (reply.json(), transaction)
    };
    let (same, transaction) = put("", b"words").await;
    assert_eq!((&same["versionLabel"], &same["changeToken"]), (&json!("1.0"), &paper["changeToken"]));
    // What is answered can be waited for, although nothing was written.
    admin.get(&format!("/dossiers?waitFor={transaction}")).await.expect(200);
    assert_eq!(put("?comment=sealed", b"words").await.0["versionLabel"], "1.1");
    assert_eq!(put("?major=true", b"words").await.0["versionLabel"], "2.0");
    assert_eq!(put("?fileName=b.txt", b"words").await.0["versionLabel"], "2.1");
    assert_eq!(put("", b"words").await.0["versionLabel"], "2.1");
    assert_eq!(put("", b"other words").await.0["versionLabel"], "2.2");
}

#[actix_web::test]
async fn a_changed_file_of_a_document_in_the_trash_became_another_without_a_word() {
    let office = Office::open().await;
    let client = office.admin().await;
    let run = client.post("/imports", json!({ "source": "s" })).await.expect(201).json();
    let path = format!("/imports/{}/files?path=A/a.txt", run["id"].as_str().unwrap());
    let put = async |bytes: &[u8]| client.ask(Method::PUT, &path).bytes(bytes).await.expect(200).json();
    let first = put(b"one").await;
    assert_eq!((&first["state"], &first["formerInTrash"]), (&json!("created"), &json!(null)));
    let document = format!("/documents/{}", first["documentId"].as_str().unwrap());
    client.ask(Method::DELETE, &document).header("if-match", "*").send().await.expect(204);
    let second = put(b"two").await;
    assert_eq!((&second["state"], &second["formerInTrash"]), (&json!("created"), &json!(true)));
    assert_ne!(first["documentId"], second["documentId"]);
    let third = put(b"three").await;
    assert_eq!((&third["state"], &third["formerInTrash"]), (&json!("version"), &json!(null)));
}

#[actix_web::test]
async fn letters_written_as_two_characters_counted_twice() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let accented = |count: usize| "e\u{301}".repeat(count);
    let dossier = admin.dossier("A").await;
    let file_name = format!("{}.txt", accented(496));
    let paper = admin.document(&dossier, &file_name, b"words").await;
    assert_eq!(paper["content"]["fileName"], file_name, "it was cut like a name of more than 500 characters");
    for (path, field, most) in [
        ("/dossiers", "name", 500),
        ("/dossiers", "title", 2_000),
        ("/imports", "source", 500),
        ("/users", "username", 100),
        ("/users", "displayName", 200),
    ] {
        for (count, status) in [(most, 201), (most + 1, 422)] {
            let mut body = json!({ field: accented(count) });
            if field == "title" {
                body["name"] = json!(format!("named {count}"));
            }
            if field == "displayName" {
                body["username"] = json!("amal");
            }
            admin.post(path, body).await.expect(status);
        }
    }
}
