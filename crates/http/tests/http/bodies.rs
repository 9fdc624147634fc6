//! Bodies that cannot be taken as they came: packed ones, forms that are none, names that mislead.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::{Form, Office, Reply};

fn assert_refused_as_packed(reply: Reply) {
    assert_eq!(reply.header("accept-encoding"), "identity", "{reply:?}");
    let problem = reply.problem(415, "unsupported_media_type");
    assert!(problem["detail"].as_str().unwrap().contains("is not unpacked here"), "{problem}");
}

#[actix_web::test]
async fn a_packed_body_is_refused_on_every_route_that_takes_one() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let document = admin.document(&dossier, "a.txt", b"first").await;
    let import = admin.post("/imports", json!({ "source": "s" })).await.expect(201).json();
    let routes = cartulary_http::openapi::document(&[]);
    let mut asked = 0;
    for (path, operations) in routes["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            if operation["requestBody"].is_null() {
                continue;
            }
            let at = [("/dossiers/", &dossier), ("/documents/", &document), ("/imports/", &import)];
            let id =
                at.iter().find(|(place, _)| path.contains(place)).map_or(&document["id"], |(_, object)| &object["id"]);
            let mut path = path.replace("{id}", id.as_str().unwrap()).replace("{slot}", "content");
            path = path.replace("{object}", document["id"].as_str().unwrap());
            if path.ends_with("/files") {
                path.push_str("?path=a.txt");
            }
            let is_form = !operation["requestBody"]["content"]["multipart/form-data"].is_null();
            let media_type = if is_form { "multipart/form-data; boundary=b" } else { "application/json" };
            let ask = admin.ask_at(Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), &path);
            let ask = ask.header("content-type", media_type).header("if-match", "*");
            assert_refused_as_packed(ask.header("content-encoding", "gzip").bytes(b"\x1f\x8b").await);
            asked += 1;
        }
    }
    assert!(asked > 10, "{asked}");
    let path = format!("/documents/{}/content", document["id"].as_str().unwrap());
    let put = |encoding: &str| {
        admin.ask(Method::PUT, &path).header("if-match", "*").header("content-encoding", encoding).bytes(b"second")
    };
    assert_refused_as_packed(put("identity, br").await);
    assert_eq!(admin.get(&path).await.expect(200).body, "first");
    put("identity").await.expect(200);
}

#[actix_web::test]
async fn a_packed_part_of_a_form_is_refused() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let path = format!("/dossiers/{}/documents", dossier["id"].as_str().unwrap());
    let packed = Form::new().file("content", "a.txt", "text/plain\r\ncontent-encoding: gzip", b"\x1f\x8b");
    assert_refused_as_packed(admin.ask(Method::POST, &path).form(packed).await);
    let contents: Value = admin.get(&path.replace("/documents", "/contents")).await.expect(200).json();
    assert_eq!(contents["total"], 0);
}

#[actix_web::test]
async fn new_bytes_came_under_a_name_that_no_list_can_show() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let document = admin.document(&dossier, "a.txt", b"first").await;
    let path = format!("/documents/{}/content", document["id"].as_str().unwrap());
    let put = |name: &str| {
        admin.ask(Method::PUT, &format!("{path}?fileName={name}")).header("if-match", "*").bytes(b"second")
    };
    for name in ["a%0D%0Ab.txt", "%09", "%E2%80%A9.txt", &"x".repeat(501), ".."] {
        let refused = put(name).await.problem(422, "invalid");
        assert_eq!(refused["violations"][0]["field"], "fileName", "{name}");
    }
    assert_eq!(admin.get(&path).await.expect(200).body, "first");
    put(&"x".repeat(500)).await.expect(200);
    // By a form no file is lost for its name; what is kept of a long one is its end.
    let form =
        Form::new().field("name", "B").file("content", &format!("{}.txt", "x".repeat(5_000)), "text/plain", b"b");
    let path = format!("/dossiers/{}/documents", dossier["id"].as_str().unwrap());
    let made = admin.ask(Method::POST, &path).form(form).await.expect(201).json();
    let kept = made["content"]["fileName"].as_str().unwrap();
    assert!(kept.chars().count() == 500 && kept.ends_with("x.txt"), "{kept}");
}

#[actix_web::test]
async fn a_name_that_is_not_utf8_was_lost_with_new_bytes() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let document = admin.document(&admin.dossier("A").await, "a.txt", b"first").await;
    let path = format!("/documents/{}/content", document["id"].as_str().unwrap());
    let put = async |query: &str, bytes: &[u8]| {
        let put = admin.ask(Method::PUT, &format!("{path}{query}")).header("if-match", "*").bytes(bytes).await;
        let document = put.expect(200).json();
        assert_eq!(document["content"]["fileName"], "caf\u{fffd}.txt");
        document["versionLabel"].as_str().unwrap().to_owned()
    };
    // The same bytes under the same name make no version: so the bytes of the name are seen to be kept.
    assert_eq!(put("?fileName=caf%E9.txt", b"first").await, "1.1");
    assert_eq!(put("?fileName=caf%E9.txt", b"first").await, "1.1");
    assert_eq!(put("?fileName=caf%E8.txt", b"first").await, "1.2", "another name");
    assert_eq!(put("", b"second").await, "1.3");
    assert_eq!(put("?fileName=caf%E8.txt", b"second").await, "1.3", "the former name was kept");
}

#[actix_web::test]
async fn a_part_in_the_letters_of_mail_was_kept_so() {
    let office = Office::open().await;
    let admin = office.admin().await;
    let dossier = admin.dossier("A").await;
    let path = format!("/dossiers/{}/documents", dossier["id"].as_str().unwrap());
    let send = |encoding: &str| {
        let head = format!("text/plain\r\ncontent-transfer-encoding: {encoding}");
        admin.ask(Method::POST, &path).form(Form::new().file("content", "a.txt", &head, b"d29yZHM="))
    };
    for encoding in ["base64", "Quoted-Printable", "x-uuencode"] {
        let problem = send(encoding).await.problem(415, "unsupported_media_type");
        assert!(problem["detail"].as_str().unwrap().contains("is not decoded here"), "{problem}");
    }
    assert_eq!(admin.get(&path.replace("documents", "contents")).await.expect(200).json()["total"], 0);
    for (encoding, total) in [("binary", 1), ("8BIT", 2), ("7bit", 3)] {
        let form = Form::new().field("name", encoding).file(
            "content",
            "a.txt",
            &format!("text/plain\r\nContent-Transfer-Encoding: {encoding}"),
            b"words",
        );
        admin.ask(Method::POST, &path).form(form).await.expect(201);
        assert_eq!(admin.get(&path.replace("documents", "contents")).await.expect(200).json()["total"], total);
    }
}
