//! Uploads in several requests, as tus 1.0 has them on the wire.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::{Client, Form, Office, Reply};

fn id_of(reply: &Reply) -> String {
    reply.header("location").rsplit('/').next().unwrap().to_owned()
}

async fn begin(client: &Client<'_>, length: &str, metadata: &str) -> Reply {
    let asking = client.ask(Method::POST, "/uploads").header("tus-resumable", "1.0.0").header("upload-length", length);
    if metadata.is_empty() { asking.send().await } else { asking.header("upload-metadata", metadata).send().await }
}

async fn put(client: &Client<'_>, id: &str, offset: &str, bytes: &[u8]) -> Reply {
    let asking = client.ask(Method::PATCH, &format!("/uploads/{id}")).header("tus-resumable", "1.0.0");
    let asking = asking.header("upload-offset", offset).header("content-type", "application/offset+octet-stream");
    asking.bytes(bytes).await
}

#[actix_web::test]
async fn an_upload_goes_on_where_it_is_and_becomes_a_document() {
    let office = Office::open().await;
    let client = office.admin().await;
    let options = client.ask(Method::OPTIONS, "/uploads").send().await.expect(204);
    assert_eq!((options.header("tus-version"), options.header("tus-resumable")), ("1.0.0", "1.0.0"));
    assert!(options.header("tus-extension").split(',').eq([
        "creation",
        "creation-with-upload",
        "checksum",
        "expiration",
        "termination"
    ]));
    // filename: ملف.txt
    let made = begin(&client, "10", "filename 2YXZhNmBLnR4dA==,is_scan").await.expect(201);
    assert_eq!(made.header("upload-offset"), "0");
    assert!(made.header("upload-expires").ends_with(" GMT"));
    let id = id_of(&made);
    put(&client, &id, "0", b"01234").await.expect(204);
    put(&client, &id, "3", b"x").await.problem(409, "upload_offset_mismatch");
    let head = client.ask(Method::HEAD, &format!("/uploads/{id}")).send().await.expect(200);
    assert_eq!((head.header("upload-offset"), head.header("upload-length")), ("5", "10"));
    assert_eq!(head.header("upload-metadata"), "filename 2YXZhNmBLnR4dA==,is_scan");
    assert_eq!(head.header("cache-control"), "no-store");
    let dossier = client.dossier("A").await;
    let documents = format!("/dossiers/{}/documents", dossier["id"].as_str().unwrap());
    let file = async |form: Form, key: &str| {
        client.ask(Method::POST, &documents).header("idempotency-key", key).form(form).await
    };
    file(Form::new().field("upload", &id), "k").await.problem(409, "upload_unfinished");
    put(&client, &id, "5", b"567890").await.problem(413, "payload_too_large");
    let last = put(&client, &id, "5", b"56789").await.expect(204);
    assert_eq!(last.header("upload-offset"), "10");
    let made = file(Form::new().field("upload", &id), "k").await.expect(201).json();
    assert_eq!((&made["name"], &made["content"]["sizeBytes"]), (&json!("ملف.txt"), &json!(10)));
    // A repeated request finds what the first made; another one finds it used up.
    assert_eq!(file(Form::new().field("upload", &id), "k").await.expect(201).json()["id"], made["id"]);
    file(Form::new().field("upload", &id), "other").await.problem(409, "upload_used");
    let listed = client.get("/uploads").await.expect(200).json();
    assert_eq!((&listed["total"], &listed["items"][0]["used"]), (&json!(1), &json!(true)));
    let bytes = client.get(&format!("/documents/{}/content", made["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(&bytes.body[..], b"0123456789");
    let both = Form::new().field("upload", &id).file("content", "a", "text/plain", b"a");
    file(both, "both").await.problem(422, "invalid");
}

#[actix_web::test]
async fn an_upload_becomes_the_content_of_a_slot() {
    let office = Office::open().await;
    let client = office.admin().await;
    let paper = client.document(&client.dossier("A").await, "a.txt", b"a").await;
    let asking = client.ask(Method::POST, "/uploads").header("tus-resumable", "1.0.0").header("upload-length", "3");
    let made = asking.header("content-type", "application/offset+octet-stream").bytes(b"abc").await.expect(201);
    assert_eq!(made.header("upload-offset"), "3");
    let path = format!("/documents/{}/contents/annex?upload={}", paper["id"].as_str().unwrap(), id_of(&made));
    let put = || client.ask(Method::PUT, &path).header("if-match", "*").send();
    put().await.expect(200);
    put().await.problem(409, "upload_used");
    let annex = format!("/documents/{}/contents/annex", paper["id"].as_str().unwrap());
    assert_eq!(&client.get(&annex).await.expect(200).body[..], b"abc");
    let nothing = begin(&client, "0", "").await.expect(201);
    let path = format!("{annex}?upload={}&fileName=empty.txt", id_of(&nothing));
    client.ask(Method::PUT, &path).header("if-match", "*").send().await.expect(200);
    assert_eq!(client.get(&annex).await.expect(200).body.len(), 0);
    for other in ["nothing", "01890a5d-ac96-774b-bcce-b302099a8057"] {
        let path = format!("{annex}?upload={other}");
        client.ask(Method::PUT, &path).header("if-match", "*").send().await.problem(404, "not_found");
    }
}

#[actix_web::test]
async fn what_is_no_tus_is_refused_in_words() {
    let office = Office::open_with(|parts| parts.config.max_upload_bytes = 1_000).await;
    let client = office.admin().await;
    let ask = |method: Method, path: &str| client.ask(method, path);
    let other = ask(Method::POST, "/uploads").header("upload-length", "1").send().await;
    assert_eq!(other.header("tus-version"), "1.0.0");
    other.problem(412, "unsupported_tus_version");
    let other = ask(Method::POST, "/uploads").header("tus-resumable", "0.2.2").header("upload-length", "1");
    other.send().await.problem(412, "unsupported_tus_version");
    for length in ["", "-1", "+1", "1e3", "99999999999999999999", "0x10"] {
        begin(&client, length, "").await.problem(400, "invalid_header");
    }
    begin(&client, "1001", "").await.problem(413, "payload_too_large");
    for metadata in ["filename ???", "sha256 eA==", "a b c"] {
        begin(&client, "1", metadata).await.problem(400, "invalid_header");
    }
    begin(&client, "1", &format!("x {}", "YWFh".repeat(2_500))).await.problem(422, "invalid");
    let id = id_of(&begin(&client, "3", "").await.expect(201));
    let path = format!("/uploads/{id}");
    let patch = || ask(Method::PATCH, &path).header("tus-resumable", "1.0.0").header("upload-offset", "0");
    patch().bytes(b"abc").await.problem(415, "unsupported_media_type");
    let tus = || patch().header("content-type", "application/offset+octet-stream");
    for sum in ["md5 eA==", "sha1", "sha1 eA==", "sha256 ???"] {
        tus().header("upload-checksum", sum).bytes(b"abc").await.problem(400, "invalid_header");
    }
    let wrong = "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    tus().header("upload-checksum", wrong).bytes(b"abc").await.problem(460, "checksum_mismatch");
    let right = "sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=";
    tus().header("upload-checksum", right).bytes(b"abc").await.expect(204);
    tus().bytes(b"abc").await.problem(409, "upload_offset_mismatch");
    // For clients that can only post.
    let post =
        |verb: &str| ask(Method::POST, &path).header("x-http-method-override", verb).header("tus-resumable", "1.0.0");
    post("PUT").send().await.problem(400, "invalid_header");
    post("DELETE").send().await.expect(204);
    client.get(&path).await.problem(404, "not_found");
}

#[actix_web::test]
async fn an_upload_is_its_owners_and_a_digest_opens_nothing() {
    let office = Office::open_with(|parts| parts.config.max_open_uploads = 2).await;
    let (admin, anna) = (office.admin().await, office.user("anna", &[]).await);
    admin.document(&admin.dossier("A").await, "a.txt", b"secret paper").await;
    // sha256 of `secret paper` and of `other papers`, in hexadecimal digits, in Base64.
    let said = |bytes: &[u8]| {
        let digest = cartulary_model::BlobDigest::of(bytes).to_string();
        format!("sha256 {}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, digest))
    };
    let known = begin(&admin, "12", &said(b"secret paper")).await.expect(201);
    assert_eq!(known.header("upload-offset"), "12");
    let told = |reply: &Reply| -> Vec<(String, String)> {
        let kept =
            |name: &str| !["location", "x-request-id", "date", "upload-metadata", "upload-expires"].contains(&name);
        let headers = reply.headers.iter().filter(|(name, _)| kept(name.as_str()));
        headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect()
    };
    let hidden = begin(&anna, "12", &said(b"secret paper")).await.expect(201);
    let absent = begin(&anna, "12", &said(b"other papers")).await.expect(201);
    assert_eq!((told(&hidden), hidden.header("upload-offset")), (told(&absent), "0"));
    begin(&anna, "1", "").await.problem(409, "too_many_uploads");
    let path = format!("/uploads/{}", id_of(&known));
    anna.get(&path).await.problem(404, "not_found");
    put(&anna, &id_of(&known), "12", b"").await.problem(404, "not_found");
    anna.ask(Method::DELETE, &path).send().await.problem(404, "not_found");
    let list = anna.get("/uploads").await.expect(200).json();
    assert_eq!(list["total"], Value::from(2));
    let dossiers = format!("/dossiers/{}/documents", admin.dossier("B").await["id"].as_str().unwrap());
    let form = Form::new().field("upload", &id_of(&hidden));
    admin.ask(Method::POST, &dossiers).form(form).await.problem(404, "not_found");
}

#[actix_web::test]
async fn bytes_with_another_digest_than_was_announced_became_a_content() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let path = format!("/dossiers/{}/documents", dossier["id"].as_str().unwrap());
    let digest = cartulary_model::BlobDigest::of(b"what is meant").to_string();
    let said = format!("sha256 {}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, digest));
    for (bytes, status) in [(b"what came now", 409), (b"what is meant", 201)] {
        let upload = id_of(&begin(&admin, "13", &said).await.expect(201));
        put(&admin, &upload, "0", bytes).await.expect(204);
        let form = Form::new().field("upload", &upload).field("name", "a.txt");
        let answer = admin.ask(Method::POST, &path).form(form).await.expect(status);
        if status == 409 {
            answer.problem(409, "digest_mismatch");
        }
    }
    let listed = admin.get(&format!("/dossiers/{}/contents", dossier["id"].as_str().unwrap())).await.expect(200).json();
    assert_eq!(listed["total"], 1);
}

/// An upload of somebody who may take nothing took room, and one could say any length.
#[actix_web::test]
async fn uploads_count_before_they_are_contents() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let amal = office.user("amal", &["staff"]).await;
    begin(&amal, "9223372036854775807", "").await.problem(422, "invalid");
    let users = admin.get("/users").await.expect(200).json();
    let user = users["items"].as_array().unwrap().iter().find(|user| user["username"] == "amal").unwrap();
    let path = format!("/users/{}/quota", user["id"].as_str().unwrap());
    admin.ask(Method::PUT, &path).header("if-match", "*").json(json!({ "maxBytes": 10 })).await.expect(200);
    let made = begin(&amal, "6", "").await.expect(201);
    let refused = begin(&amal, "5", "").await.problem(507, "quota_exceeded");
    assert_eq!((&refused["parameters"]["bytes"], &refused["parameters"]["maxBytes"]), (&json!(11), &json!(10)));
    begin(&amal, "4", "").await.expect(201);
    begin(&amal, "0", "").await.expect(201);
    let id = id_of(&made);
    put(&amal, &id, "3", b"longer than the whole").await.problem(409, "upload_offset_mismatch");
    amal.ask(Method::DELETE, &format!("/uploads/{id}")).send().await.expect(204);
    begin(&amal, "6", "").await.expect(201);
}
