//! Several contents of one document: put, listed, read in ranges, appended to, taken away, and kept by versions.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::{Client, Form, Office, Reply};

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

async fn get(client: &Client<'_>, object: &Value) -> Value {
    client.get(&format!("/documents/{}", id(object))).await.expect(200).json()
}

async fn put(client: &Client<'_>, object: &Value, slot: &str, bytes: &[u8]) -> Reply {
    let path = format!("/documents/{}/contents/{slot}", id(object));
    client.ask(Method::PUT, &path).header("if-match", "*").bytes(bytes).await
}

async fn slots(client: &Client<'_>, object: &Value) -> Vec<(String, String)> {
    let list = client.get(&format!("/documents/{}/contents", id(object))).await.expect(200).json();
    let items = list["items"].as_array().unwrap();
    assert_eq!(list["total"], items.len());
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    items.iter().map(|one| (text(&one["slot"]), text(&one["fileName"]))).collect()
}

async fn bytes(client: &Client<'_>, object: &Value, slot: &str) -> Vec<u8> {
    client.get(&format!("/documents/{}/contents/{slot}", id(object))).await.expect(200).body.to_vec()
}

fn named(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(slot, name)| ((*slot).to_owned(), (*name).to_owned())).collect()
}

#[actix_web::test]
async fn a_document_has_attachments_beside_its_content() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let paper = client.document(&dossier, "letter.txt", b"the letter").await;
    let path = format!("/documents/{}/contents/annex-2?fileName=%D9%85%D9%84%D8%AD%D9%82.bin", id(&paper));
    let put_two = client.ask(Method::PUT, &path).if_match(&paper).bytes(b"0123456789").await.expect(200).json();
    assert_eq!(put_two["versionLabel"], "1.1");
    put(&client, &paper, "annex-1", b"one").await.expect(200);
    let known = named(&[("content", "letter.txt"), ("annex-1", "annex-1.txt"), ("annex-2", "ملحق.bin")]);
    assert_eq!(slots(&client, &paper).await, known);
    let window = client.get(&format!("/documents/{}/contents?limit=1&offset=1", id(&paper))).await.expect(200).json();
    assert_eq!((&window["total"], &window["items"][0]["slot"]), (&json!(3), &json!("annex-1")));
    // In ranges, and by tag.
    let annex = format!("/documents/{}/contents/annex-2", id(&paper));
    let part = client.ask(Method::GET, &annex).header("range", "bytes=2-4").send().await.expect(206);
    assert_eq!((&part.body[..], part.header("content-range")), (&b"234"[..], "bytes 2-4/10"));
    let etag = client.get(&annex).await.expect(200).header("etag").to_owned();
    client.ask(Method::GET, &annex).header("if-none-match", &etag).send().await.expect(304);
    client.ask(Method::HEAD, &annex).send().await.expect(200);
    // The main content is the one that it was.
    assert_eq!(bytes(&client, &paper, "content").await, b"the letter");
    assert_eq!(client.get(&format!("/documents/{}/content", id(&paper))).await.expect(200).body, &b"the letter"[..]);
}

#[actix_web::test]
async fn an_attachment_changes_from_the_state_that_was_read() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let paper = client.document(&dossier, "a.txt", b"main").await;
    let path = format!("/documents/{}/contents/annex", id(&paper));
    put(&client, &paper, "annex", b"first").await.expect(200);
    let before = get(&client, &paper).await;
    let tag = client.get(&path).await.expect(200).header("etag").to_owned();
    let main = format!("\"{}\"", before["content"]["digest"].as_str().unwrap());
    client.ask(Method::PUT, &path).bytes(b"x").await.problem(428, "precondition_required");
    for stale in [&main, "\"1\"", "\"7.x\""] {
        client.ask(Method::PUT, &path).header("if-match", stale).bytes(b"x").await.problem(412, "stale");
        client.ask(Method::DELETE, &path).header("if-match", stale).send().await.problem(412, "stale");
        let append = client.ask(Method::POST, &format!("{path}/parts")).header("if-match", stale);
        append.bytes(b"x").await.problem(412, "stale");
    }
    assert_eq!(get(&client, &paper).await, before);
    // The same bytes under the same name change nothing.
    client.ask(Method::PUT, &path).header("if-match", &tag).bytes(b"first").await.expect(200);
    assert_eq!(get(&client, &paper).await, before);
    client.ask(Method::PUT, &path).header("if-match", &tag).bytes(b"second").await.expect(200);
    client.ask(Method::PUT, &path).header("if-match", &tag).bytes(b"third").await.problem(412, "stale");
    assert_eq!(bytes(&client, &paper, "annex").await, b"second");
    for bad in ["-a", "a%20b", "%D8%A7", &"x".repeat(101)] {
        put(&client, &paper, bad, b"x").await.problem(422, "invalid");
        client.get(&format!("/documents/{}/contents/{bad}", id(&paper))).await.problem(404, "not_found");
    }
    put(&client, &dossier, "annex", b"x").await.problem(409, "not_a_document");
    client.get(&format!("/documents/{}/contents/none", id(&paper))).await.problem(404, "not_found");
}

#[actix_web::test]
async fn a_content_grows_by_parts_and_is_taken_away() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let form = Form::new().field("name", "awaited");
    let paper = client.ask(Method::POST, &format!("/dossiers/{}/documents", id(&dossier))).form(form).await;
    let paper = paper.expect(201).json();
    assert_eq!((slots(&client, &paper).await, &paper["content"]), (vec![], &json!(null)));
    let append = async |slot: &str, query: &str, part: &[u8]| {
        let path = format!("/documents/{}/contents/{slot}/parts{query}", id(&paper));
        client.ask(Method::POST, &path).header("if-match", "*").bytes(part).await
    };
    append("content", "?version=none&fileName=log.txt", b"one ").await.expect(200);
    append("content", "?version=none", b"two ").await.expect(200);
    let now = append("content", "?comment=whole", b"three").await.expect(200).json();
    assert_eq!((&now["versionLabel"], &now["content"]["fileName"]), (&json!("1.0"), &json!("log.txt")));
    assert_eq!(bytes(&client, &paper, "content").await, b"one two three");
    append("annex", "?version=none", b"a").await.expect(200);
    append("annex", "", b"b").await.expect(200);
    assert_eq!(bytes(&client, &paper, "annex").await, b"ab");
    // Nothing was appended: nothing changed.
    let before = get(&client, &paper).await;
    append("annex", "", b"").await.expect(200);
    assert_eq!(get(&client, &paper).await, before);
    let remove = async |slot: &str, query: &str| {
        let path = format!("/documents/{}/contents/{slot}{query}", id(&paper));
        client.ask(Method::DELETE, &path).header("if-match", "*").send().await
    };
    remove("content", "?comment=wrong%20paper").await.expect(200);
    remove("content", "").await.problem(404, "not_found");
    let now = get(&client, &paper).await;
    assert_eq!((&now["content"], slots(&client, &paper).await), (&json!(null), named(&[("annex", "annex.txt")])));
    // The version before has it.
    let old = client.get(&format!("/documents/{}/versions/1.1", id(&paper))).await.expect(200).json();
    assert_eq!(bytes(&client, &old, "content").await, b"one two three");
    put(&client, &old, "annex", b"x").await.problem(409, "immutable");
}

#[actix_web::test]
async fn versions_and_copies_have_all_contents() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let paper = client.document(&dossier, "a.txt", b"main").await;
    put(&client, &paper, "annex", b"first annex").await.expect(200);
    let out = client.ask(Method::POST, &format!("/documents/{}/working-copy", id(&paper))).send().await.expect(201);
    let copy = out.json();
    put(&client, &paper, "annex", b"x").await.problem(409, "checked_out");
    put(&client, &copy, "annex", b"second annex").await.expect(200);
    put(&client, &copy, "drawing", b"a drawing").await.expect(200);
    assert_eq!(bytes(&client, &paper, "annex").await, b"first annex");
    let path = format!("/documents/{}/versions", id(&copy));
    client.ask(Method::POST, &path).header("if-match", "*").json(json!({ "major": true })).await.expect(201);
    assert_eq!(bytes(&client, &paper, "annex").await, b"second annex");
    assert_eq!(slots(&client, &paper).await.len(), 3);
    let again = json!({ "from": "1.1" });
    let path = format!("/documents/{}/versions", id(&paper));
    client.ask(Method::POST, &path).header("if-match", "*").json(again).await.expect(201);
    assert_eq!(bytes(&client, &paper, "annex").await, b"first annex");
    assert_eq!(slots(&client, &paper).await.len(), 2);
    let copies = format!("/objects/{}/copies", id(&paper));
    let folder = client.dossier("B").await;
    let copied = client.post(&copies, json!({ "folder": folder["id"] })).await.expect(201).json();
    assert_eq!(bytes(&client, &copied, "annex").await, b"first annex");
    // A manifest binds attachments too.
    let versions = format!("/dossiers/{}/versions", id(&folder));
    let make = async || client.ask(Method::POST, &versions).header("if-match", "*").json(json!({})).await.expect(201);
    let digest_of = |reply: Reply| reply.json()["digest"].clone();
    let first = digest_of(make().await);
    put(&client, &copied, "annex", b"third annex").await.expect(200);
    assert_ne!(digest_of(make().await), first);
    let report = office.repository.verify(Default::default(), |_| {}).await.unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[actix_web::test]
async fn a_type_says_whether_its_documents_have_content() {
    let types = "[[types]]\nid = \"note\"\nbase = \"document\"\nparent = \"document\"\nlabel = \"Note\"\n\
                 content = \"notallowed\"\n\
                 [[types]]\nid = \"scan\"\nbase = \"document\"\nparent = \"document\"\nlabel = \"Scan\"\n\
                 content = \"required\"\n";
    let office = Office::open_of_types(types).await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let make = async |form: Form| {
        let path = format!("/dossiers/{}/documents", id(&dossier));
        client.ask(Method::POST, &path).form(form).await.expect(201).json()
    };
    let note = make(Form::new().field("name", "n").field("type", "note")).await;
    put(&client, &note, "content", b"x").await.problem(422, "invalid");
    put(&client, &note, "annex", b"x").await.problem(422, "invalid");
    let scan = make(Form::new().field("type", "scan").file("content", "s", "text/plain", b"s")).await;
    put(&client, &scan, "annex", b"x").await.expect(200);
    let remove = async |slot: &str| {
        let path = format!("/documents/{}/contents/{slot}", id(&scan));
        client.ask(Method::DELETE, &path).header("if-match", "*").send().await
    };
    remove("annex").await.expect(200);
    remove("content").await.problem(422, "invalid");
    assert_eq!(bytes(&client, &scan, "content").await, b"s");
}

/// It was called as the document is.
#[actix_web::test]
async fn a_file_that_nobody_named_is_called_as_its_slot_with_the_ending_of_what_it_is() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let paper = client.document(&dossier, "letter.txt", b"the letter").await;
    put(&client, &paper, "annex", b"%PDF-1.4\n").await.expect(200);
    put(&client, &paper, "plan.PDF", b"%PDF-1.4\n1").await.expect(200);
    put(&client, &paper, "raw", b"some text").await.expect(200);
    let path = format!("/documents/{}/contents/drawing", id(&paper));
    let said = |header: &'static str| {
        client.ask(Method::PUT, &path).header("if-match", "*").header("content-disposition", header).bytes(b"one")
    };
    said("attachment; filename*=UTF-8''%D9%85%D9%84%D8%AD%D9%82.txt; filename=\"x.txt\"").await.expect(200);
    let known = [
        ("content", "letter.txt"),
        ("annex", "annex.pdf"),
        ("drawing", "ملحق.txt"),
        ("plan.PDF", "plan.PDF"),
        ("raw", "raw.txt"),
    ];
    assert_eq!(slots(&client, &paper).await, named(&known));
    said("attachment; filename=\"../folder/other.txt\"").await.expect(200);
    said("attachment; filename=\"..\"").await.problem(422, "invalid");
    // Named once, it keeps its name.
    put(&client, &paper, "drawing", b"two").await.expect(200);
    assert_eq!(slots(&client, &paper).await[2], ("drawing".to_owned(), "other.txt".to_owned()));
    let appended = format!("/documents/{}/contents/log/parts", id(&paper));
    client.ask(Method::POST, &appended).header("if-match", "*").bytes(b"a line").await.expect(200);
    assert_eq!(slots(&client, &paper).await[3], ("log".to_owned(), "log.txt".to_owned()));
}

#[actix_web::test]
async fn two_parts_at_once_were_refused_one_of_them() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let paper = client.document(&dossier, "a.txt", b"0").await;
    let path = format!("/documents/{}/contents/content/parts?version=none", id(&paper));
    let append = |tag: &str, part: &'static [u8]| client.ask(Method::POST, &path).header("if-match", tag).bytes(part);
    let (one, two, three) = futures::join!(append("*", b"a"), append("*", b"b"), append("*", b"c"));
    for reply in [one, two, three] {
        reply.expect(200);
    }
    let mut whole = bytes(&client, &paper, "content").await;
    whole.sort_unstable();
    assert_eq!(whole, b"0abc", "each part is there, once");
    // Who read a state appends to just that: one of two is too late, and told so with what is there now.
    let tag = client.get(&format!("/documents/{}/contents/content", id(&paper))).await.header("etag").to_owned();
    let (one, two) = futures::join!(append(&tag, b"d"), append(&tag, b"e"));
    let (done, late) = if one.status == 200 { (one, two) } else { (two, one) };
    done.expect(200);
    late.problem(412, "stale");
    assert_eq!(bytes(&client, &paper, "content").await.len(), 5);
}
