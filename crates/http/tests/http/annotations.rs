//! Annotations: W3C Web Annotations on pages, that stay with their bytes, for who may read them.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::{Client, Office, Reply};

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

fn digest(document: &Value) -> &str {
    document["content"]["digest"].as_str().unwrap()
}

/// A place on some bytes.
fn place(digest: &str, value: &str) -> Value {
    let selector = json!({
        "type": "FragmentSelector", "conformsTo": "http://www.w3.org/TR/media-frags/", "value": value
    });
    json!({ "source": format!("/api/v1/blobs/sha256/{digest}"), "selector": selector })
}

/// A mark on some bytes.
fn mark(digest: &str, value: &str) -> Value {
    json!({
        "@context": "http://www.w3.org/ns/anno.jsonld", "type": "Annotation", "motivation": "highlighting",
        "target": place(digest, value),
    })
}

async fn annotate(client: &Client<'_>, document: &Value, form: Value) -> Reply {
    client.post(&format!("/documents/{}/annotations", id(document)), form).await
}

/// Returns the places of the first target of each annotation.
async fn seen(client: &Client<'_>, document: &str, query: &str) -> Vec<String> {
    let found = client.get(&format!("/documents/{document}/annotations{query}")).await.expect(200).json();
    let items = found["items"].as_array().unwrap();
    assert_eq!(found["total"].as_u64().unwrap(), items.len() as u64);
    items.iter().map(|one| one["target"]["selector"]["value"].as_str().unwrap_or("-").to_owned()).collect()
}

fn path(annotation: &Value) -> &str {
    id(annotation).trim_start_matches("/api/v1")
}

#[actix_web::test]
async fn an_annotation_comes_in_and_goes_out_as_json_ld() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let document = admin.document(&admin.dossier("d").await, "a", b"1").await;
    let bytes = digest(&document);
    let form = json!({
        "@context": ["http://www.w3.org/ns/anno.jsonld", { "colour": "urn:cartulary:colour" }],
        "type": "Annotation", "motivation": "commenting", "colour": "#ffee00",
        "body": { "type": "TextualBody", "value": "See\nhere", "format": "text/plain" },
        "target": [place(bytes, "page=1&xywh=percent:10,20.5,30,4"), place(bytes, "page=2")],
    });
    let url = format!("/documents/{}/annotations", id(&document));
    let ask = || admin.ask(Method::POST, &url).header("idempotency-key", "k");
    let reply = ask().json(form.clone()).await.expect(201);
    assert_eq!(reply.header("content-type"), "application/ld+json; profile=\"http://www.w3.org/ns/anno.jsonld\"");
    let made = reply.json();
    assert_eq!(reply.header("location"), id(&made));
    for field in ["type", "motivation", "colour", "body", "target"] {
        assert_eq!(made[field], form[field], "{field}");
    }
    assert_eq!(
        (&made["@context"][0], &made["creator"]["nickname"], &made["document"]),
        (&json!("http://www.w3.org/ns/anno.jsonld"), &json!("admin"), &document["id"])
    );
    assert_eq!(ask().json(form).await.expect(201).json(), made);
    assert_eq!(admin.get(path(&made)).await.expect(200).json(), made);
    // What was answered is taken again, under its media type.
    let ask = admin.ask(Method::PUT, path(&made)).if_match(&made).header("content-type", "application/ld+json");
    let mut changed = made.clone();
    changed["motivation"] = json!("questioning");
    changed["target"] = place(bytes, "page=3&xywh=percent:0,0,100,100");
    let now = ask.bytes(changed.to_string().as_bytes()).await.expect(200).json();
    assert_eq!((&now["motivation"], &now["target"]), (&changed["motivation"], &changed["target"]));
    let again = admin.ask(Method::PUT, path(&made)).if_match(&made).json(made.clone()).await.problem(412, "stale");
    assert_eq!(again["current"], now);
    admin.ask(Method::PUT, path(&made)).json(made.clone()).await.problem(428, "precondition_required");
    admin.ask(Method::DELETE, path(&made)).if_match(&made).send().await.problem(412, "stale");
    admin.ask(Method::DELETE, path(&made)).if_match(&now).send().await.expect(204);
    admin.get(path(&made)).await.problem(404, "not_found");
}

#[actix_web::test]
async fn it_stays_with_its_bytes_whatever_version_has_them() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("d").await;
    let document = admin.document(&dossier, "a", b"first").await;
    let first = digest(&document).to_owned();
    annotate(&admin, &document, mark(&first, "page=1")).await.expect(201);
    let put = |bytes: &'static [u8]| {
        admin.ask(Method::PUT, &format!("/documents/{}/content", id(&document))).header("if-match", "*").bytes(bytes)
    };
    put(b"second").await.expect(200);
    let now = admin.get(&format!("/documents/{}", id(&document))).await.expect(200).json();
    assert_eq!(seen(&admin, id(&document), "").await, Vec::<String>::new());
    annotate(&admin, &document, mark(&first, "page=9")).await.problem(422, "invalid");
    annotate(&admin, &document, mark(digest(&now), "page=2")).await.expect(201);
    assert_eq!(seen(&admin, id(&document), "").await, ["page=2"]);
    assert_eq!(seen(&admin, id(&document), &format!("?digest={first}")).await, ["page=1"]);
    let versions = admin.get(&format!("/documents/{}/versions", id(&document))).await.expect(200).json();
    let oldest = versions["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(seen(&admin, id(&oldest), "").await, ["page=1"]);
    // Of a version too it is put on the document.
    annotate(&admin, &oldest, mark(&first, "page=4")).await.expect(201);
    put(b"first").await.expect(200);
    assert_eq!(seen(&admin, id(&document), "").await, ["page=1", "page=4"]);
    // Another document with the same bytes has its own.
    let other = admin.document(&dossier, "b", b"first").await;
    assert_eq!(seen(&admin, id(&other), "").await, Vec::<String>::new());
    admin.get(&format!("/documents/{}/annotations?digest=abc", id(&other))).await.problem(400, "invalid_query");
}

#[actix_web::test]
async fn who_may_not_read_the_content_sees_no_mark_on_it() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let (reader, other) = (office.user("r", &["readers"]).await, office.user("o", &["staff"]).await);
    let dossier = admin.dossier("d").await;
    let document = admin.document(&dossier, "a", b"1").await;
    let mine = annotate(&reader, &document, mark(digest(&document), "page=1")).await.expect(201).json();
    let by = async |client: &Client<'_>, method: Method| {
        client.ask(method, path(&mine)).header("if-match", "*").json(mark(digest(&document), "page=2")).await
    };
    by(&other, Method::PUT).await.problem(403, "forbidden");
    by(&other, Method::DELETE).await.problem(403, "forbidden");
    by(&reader, Method::PUT).await.expect(200);
    by(&admin, Method::PUT).await.expect(200);
    let entries =
        json!([{ "principal": "r", "permission": "Browse" }, { "principal": "r", "permission": "ReadProperties" }]);
    let list = json!({ "entries": entries, "inherits": false });
    admin
        .ask(Method::PUT, &format!("/objects/{}/acl", id(&dossier)))
        .header("if-match", "*")
        .json(list)
        .await
        .expect(200);
    let lists = format!("/documents/{}/annotations", id(&document));
    reader.get(&lists).await.problem(403, "forbidden");
    other.get(&lists).await.problem(404, "not_found");
    annotate(&reader, &document, mark(digest(&document), "page=1")).await.problem(403, "forbidden");
    for client in [&reader, &other] {
        client.get(path(&mine)).await.problem(404, "not_found");
        by(client, Method::DELETE).await.problem(404, "not_found");
    }
    // Somebody who has the bytes himself learns nothing of what is marked elsewhere.
    let own = admin.dossier("own").await;
    let copy = admin.document(&own, "copy", b"1").await;
    assert_eq!(seen(&other, id(&copy), &format!("?digest={}", digest(&document))).await, Vec::<String>::new());
    by(&admin, Method::DELETE).await.expect(204);
}

#[actix_web::test]
async fn what_is_no_annotation_is_refused_with_the_place_in_it() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let document = admin.document(&admin.dossier("d").await, "a", b"1").await;
    let bytes = digest(&document);
    let check = async |form: Value, field: &str| {
        let refused = annotate(&admin, &document, form).await.problem(422, "invalid");
        assert_eq!(refused["violations"][0]["field"], field, "{refused}");
    };
    for value in ["page=0", "xywh=percent:1,1,1,1", "page=1&xywh=percent:50,0,51,1", "page=1&xywh=percent:1,1,0,1"] {
        check(mark(bytes, value), "target[0]").await;
    }
    for value in ["", "page=x", "page=1&xywh=percent:-1,0,1,1", "page=1&xywh=pixel:1,1,1,1", "page=1&page=1"] {
        check(mark(bytes, value), "target[0].selector.value").await;
    }
    check(mark(&"0".repeat(64), "page=1"), "target.source").await;
    check(mark("../../etc", "page=1"), "target[0].source").await;
    let with = |field: &str, value: Value| {
        let mut form = mark(bytes, "page=1");
        form[field] = value;
        form
    };
    check(with("motivation", json!("shouting")), "motivation").await;
    check(with("colour", json!("red")), "colour").await;
    check(with("type", json!("Note")), "type").await;
    check(with("@context", json!("https://elsewhere.example/")), "@context").await;
    check(with("body", json!({ "type": "TextualBody", "value": "a\u{202e}b" })), "body").await;
    check(with("body", json!({ "type": "TextualBody", "value": "a\0b" })), "body").await;
    check(with("body", json!({ "type": "TextualBody", "value": "x".repeat(10_001) })), "body").await;
    check(with("body", json!({ "type": "TextualBody", "value": "x", "format": "text/html" })), "body.format").await;
    check(with("body", json!({ "type": "Image", "value": "x" })), "body.type").await;
    check(with("target", json!([])), "target").await;
    check(with("target", json!({ "selector": null })), "target[0].source").await;
    check(with("target", json!({ "source": "x", "scope": "y" })), "target[0].scope").await;
    check(with("target", Value::Array(vec![place(bytes, "page=1"); 501])), "target").await;
    check(with("script", json!("x")), "script").await;
    annotate(&admin, &document, with("target", Value::Array(vec![place(bytes, "page=1"); 500]))).await.expect(201);
    annotate(&admin, &document, with("body", json!("x".repeat(10_000_000)))).await.problem(413, "payload_too_large");
    let url = format!("/documents/{}/annotations", id(&document));
    let plain = admin.ask(Method::POST, &url).header("content-type", "text/plain").bytes(b"{}").await;
    plain.problem(415, "unsupported_media_type");
    // A whole content, named by a whole address.
    let whole =
        json!({ "type": "Annotation", "target": format!("https://office.example/api/v1/blobs/sha256/{bytes}") });
    let made = annotate(&admin, &document, whole).await.expect(201).json();
    assert_eq!(made["target"], json!({ "source": format!("/api/v1/blobs/sha256/{bytes}") }));
    let away = with("target", place(&"0".repeat(64), "page=1"));
    admin.ask(Method::PUT, path(&made)).header("if-match", "*").json(away).await.problem(422, "invalid");
}

#[actix_web::test]
async fn a_page_that_an_image_has_not_is_refused() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("d").await;
    let image = admin.document(&dossier, "a.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR").await;
    assert_eq!(image["content"]["mediaType"], "image/png");
    let form = |page: u32| json!({ "type": "Annotation", "target": [place(digest(&image), "page=1"), place(digest(&image), &format!("page={page}"))] });
    let refused = annotate(&admin, &image, form(2)).await.problem(422, "invalid");
    let expect = json!([{
        "field": "target[1]", "code": "out_of_range", "detail": "is on page 2, and the content has one page",
    }]);
    assert_eq!(refused["violations"], expect);
    let made = annotate(&admin, &image, form(1)).await.expect(201).json();
    let put = |page| admin.ask(Method::PUT, path(&made)).header("if-match", "*").json(form(page));
    assert_eq!(put(7).await.problem(422, "invalid")["violations"][0]["field"], "target[1]");
    put(1).await.expect(200);
    // Of what nobody has counted, any page may be meant.
    let unread = admin.document(&dossier, "a.pdf", b"%PDF-1.4\nnot read in this office").await;
    annotate(&admin, &unread, mark(digest(&unread), "page=7")).await.expect(201);
}
