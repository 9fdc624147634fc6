//! Every refusal is a problem with a stable code.

use std::collections::BTreeSet;
use std::fmt::Write;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use cartulary_http::CODES;
use serde_json::json;

use crate::office::Office;

/// The committed list: a changed code is seen in review. `UPDATE=1` writes it anew.
#[test]
fn codes_are_the_committed_ones() {
    let mut listed = String::new();
    for row in CODES {
        writeln!(listed, "{} {} {}", row.status, row.code, row.title).unwrap();
    }
    for code in conflicts() {
        writeln!(listed, "409 {code} (the repository's)").unwrap();
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/error_codes.txt");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, &listed).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), listed, "run again with UPDATE=1 if this is meant");
    let mut codes: Vec<_> = CODES.iter().map(|row| row.code).collect();
    codes.sort_unstable();
    codes.dedup();
    assert_eq!(codes.len(), CODES.len(), "a code stands twice");
}

/// Returns the codes that the repository gives its conflicts, as its source says.
fn conflicts() -> BTreeSet<String> {
    let mut codes = BTreeSet::new();
    let mut folders = vec![std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../repository/src"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(path).unwrap();
            for call in text.split("conflict(").skip(1) {
                let code = call.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
                codes.extend(code.map(str::to_owned));
            }
        }
    }
    codes
}

#[actix_web::test]
async fn what_is_not_there_is_a_problem() {
    let office = Office::open().await;
    let client = office.admin().await;
    for path in ["/nothing", "/dossiers/x/y/z", "/documents/not-an-id", "/jobs/none", "/blobs/sha256/xyz"] {
        client.get(path).await.problem(404, "not_found");
    }
    office.send(TestRequest::get().uri("/api/v2/dossiers")).await.problem(404, "not_found");
    office.send(TestRequest::post().uri("/somewhere")).await.problem(405, "method_not_allowed");
}

#[actix_web::test]
async fn another_method_is_told_which_are_taken() {
    let office = Office::open().await;
    let reply = office.admin().await.ask(Method::PUT, "/dossiers").send().await;
    assert_eq!(reply.header("allow"), "GET, POST, HEAD");
    reply.problem(405, "method_not_allowed");
}

#[actix_web::test]
async fn bodies_and_queries_are_refused_with_reasons() {
    let office = Office::open().await;
    let client = office.admin().await;
    let post = || client.ask(Method::POST, "/dossiers");
    let json_type = "application/json";
    let cut = post().header("content-type", json_type).bytes(b"{\"name\": ").await.problem(400, "malformed_json");
    assert_eq!(cut["parameters"]["line"], 1);
    post().header("content-type", "text/plain").bytes(b"{}").await.problem(415, "unsupported_media_type");
    post().bytes(b"{}").await.problem(415, "unsupported_media_type");
    let unknown = post().json(json!({ "name": "A", "colour": "red" })).await.problem(422, "invalid");
    assert_eq!(unknown["violations"][0]["code"], "wrong_shape");
    let large = vec![b' '; 2 * 1024 * 1024 + 1];
    post().header("content-type", json_type).bytes(&large).await.problem(413, "payload_too_large");
    client.get("/dossiers?limt=5").await.problem(400, "invalid_query");
    client.get("/dossiers?limit=0").await.problem(400, "invalid_query");
    client.get("/dossiers?limit=x").await.problem(400, "invalid_query");
    client.get("/dossiers?sort=colour").await.problem(400, "invalid_query");
    client.get("/dossiers?cursor=%21").await.problem(400, "invalid_query");
    client.get("/jobs?state=asleep").await.problem(400, "invalid_query");
    post().header("idempotency-key", "a b").json(json!({ "name": "A" })).await.problem(400, "invalid_header");
}

#[actix_web::test]
async fn rules_broken_are_listed_together() {
    let office = Office::open().await;
    let client = office.admin().await;
    let bad = json!({ "name": "A", "properties": { "dossier:number": 7, "no:such": 1 } });
    let problem = client.post("/dossiers", bad).await.problem(422, "invalid");
    let codes: Vec<_> =
        problem["violations"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["wrong_kind", "unknown_property"]);
}

#[actix_web::test]
async fn an_answer_bears_the_name_of_its_request() {
    let office = Office::open().await;
    let named = TestRequest::get().uri("/api/v1/types").insert_header(("x-request-id", "my-own.1"));
    assert_eq!(office.send(named).await.problem(401, "unauthenticated")["requestId"], "my-own.1");
    let odd = TestRequest::get().uri("/api/v1/types").insert_header(("x-request-id", "<script>"));
    assert_ne!(office.send(odd).await.problem(401, "unauthenticated")["requestId"], "<script>");
}

#[actix_web::test]
async fn a_refused_query_did_not_say_which_parameter() {
    let office = Office::open().await;
    let client = office.admin().await;
    for (query, parameter, words) in [
        ("/dossiers?limit=99999999999999999999", "limit", "`limit` is between 1 and 1000"),
        ("/dossiers?offset=1&limit=x", "limit", "`limit` is between 1 and 1000"),
        ("/dossiers?limit=5&offset=-1", "offset", "`offset` is a whole number"),
        ("/dossiers?limit=5&limit=6", "limit", "`limit` comes once"),
        ("/dossiers?limt=5", "limt", "`limt` is not known here: one of `"),
        ("/search?q=a&limit=", "limit", "`limit` is between 1 and 1000"),
    ] {
        let refused = client.get(query).await.problem(400, "invalid_query");
        assert_eq!(refused["parameters"]["parameter"], parameter, "{query}: {refused}");
        assert!(refused["detail"].as_str().unwrap().starts_with(words), "{query}: {refused}");
    }
}

#[actix_web::test]
async fn an_odd_form_was_refused_in_the_words_of_a_library() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let path = format!("/dossiers/{}/documents", dossier["id"].as_str().unwrap());
    let send = async |media_type: &str, body: &[u8]| {
        client.ask(Method::POST, &path).header("content-type", media_type).bytes(body).await
    };
    let form = "multipart/form-data; boundary=b";
    for (media_type, body, words) in [
        (form, b"--b\r\n\0: x\r\n\r\n".as_slice(), "the head of a part cannot be read"),
        (form, b"--b\r\ncontent-type: text/plain\r\n\r\nx\r\n--b--\r\n", "a part does not say which field it is"),
        (form, b"--b\r\ncontent-disposition: form-data\r\n\r\nx\r\n--b--\r\n", "a part does not say which field it is"),
        ("multipart/form-data", b"x", "`Content-Type` names no boundary"),
        ("multipart/form-data; boundary=", b"x", "`Content-Type` names no boundary"),
        ("multipart/form-data; =", b"x", "`Content-Type` cannot be read"),
        (form, b"", "the body is empty"),
        (form, b"garbage\r\n-- b\r\n", "the body has no part: none of its lines is the boundary `--b`"),
    ] {
        let refused = send(media_type, body).await.problem(400, "malformed_upload");
        assert!(refused["detail"].as_str().unwrap().starts_with(words), "{refused}");
    }
    for cut in [b"--b\r\ncontent-dispo".as_slice(), b"--b\r\ncontent-disposition: form-data; name=content\r\n\r\nx"] {
        send(form, cut).await.problem(400, "content_interrupted");
    }
    for (form, words) in [
        (b"--b--\r\n".as_slice(), "`name`: send a file with its name as the part `content`"),
        (
            b"--b\r\ncontent-disposition: form-data; name=content\r\n\r\nx\r\n--b--\r\n",
            "`name`: the part `content` has no file",
        ),
        (
            b"--b\r\ncontent-disposition: form-data; name=file\r\n\r\nx\r\n--b--\r\n",
            "`file` is not a field of this form: `content`,",
        ),
    ] {
        let refused = send("multipart/form-data; boundary=b", form).await.problem(422, "invalid");
        assert!(refused["detail"].as_str().unwrap().starts_with(words), "{refused}");
    }
}

#[actix_web::test]
async fn a_body_of_another_shape_was_refused_with_names_of_types() {
    let office = Office::open().await;
    let client = office.admin().await;
    for (body, field, words) in [
        (json!({}), "name", "`name` is missing"),
        (json!({ "name": 7 }), "name", "`name` is a number, and a text is wanted"),
        (json!({ "name": "A", "colour": 1 }), "colour", "`colour` is not known here: one of `name`"),
        (json!("A"), "", "the input is a text, and an object is wanted"),
        (json!({ "name": "A", "properties": 1 }), "properties", "`properties` is a number, and an object is wanted"),
    ] {
        let refused = client.post("/dossiers", body).await.problem(422, "invalid");
        assert_eq!(refused["violations"][0]["field"], field, "{refused}");
        assert!(refused["detail"].as_str().unwrap().starts_with(words), "{refused}");
    }
    let import = client.post("/imports", json!({ "source": "s" })).await.expect(201).json();
    let check = json!({ "entries": [{ "path": "a", "digest": "xyz" }] });
    let path = format!("/imports/{}/check", import["id"].as_str().unwrap());
    let refused = client.post(&path, check).await.problem(422, "invalid");
    assert_eq!(refused["violations"][0]["field"], "entries[0].digest");
    let many = json!({ "name": "\u{200b}", "properties": { "no:a": 1, "no:b": 1, "no:c": 1 } });
    let refused = client.post("/dossiers", many).await.problem(422, "invalid");
    let detail = refused["detail"].as_str().unwrap();
    assert!(detail.starts_with("the input breaks ") && detail.contains(" rules: `"), "{refused}");
}

#[actix_web::test]
async fn a_file_name_that_is_not_utf8_was_refused() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let path = format!("/dossiers/{}/documents", dossier["id"].as_str().unwrap());
    let mut body =
        b"--b\r\ncontent-disposition: form-data; name=\"content\"; filename=\"caf\xe9.txt\"\r\n\r\n".to_vec();
    body.extend_from_slice(b"words\r\n--b--\r\n");
    let asked = client.ask(Method::POST, &path).header("content-type", "Multipart/Form-Data; boundary=b");
    let made = asked.bytes(&body).await.expect(201).json();
    assert_eq!((&made["name"], &made["content"]["fileName"]), (&json!("caf\u{fffd}.txt"), &json!("caf\u{fffd}.txt")));
}
