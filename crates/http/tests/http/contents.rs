//! Bytes on their way out: whole, in ranges, by tag, by digest; and never as our own page.

use actix_web::http::Method;
use serde_json::Value;

use crate::office::{Client, Office};

const BYTES: &[u8] = b"0123456789";

async fn document(client: &Client<'_>, name: &str, bytes: &[u8]) -> (String, Value) {
    let dossier = client.dossier("A").await;
    let made = client.document(&dossier, name, bytes).await;
    (format!("/documents/{}/content", made["id"].as_str().unwrap()), made)
}

#[actix_web::test]
async fn a_content_is_answered_whole_and_in_ranges() {
    let office = Office::open().await;
    let client = office.admin().await;
    let (path, made) = document(&client, "a.bin", BYTES).await;
    let whole = client.get(&path).await.expect(200);
    assert_eq!(whole.body, BYTES);
    let etag = whole.header("etag").to_owned();
    assert_eq!(etag, format!("\"{}\"", made["content"]["digest"].as_str().unwrap()));
    assert_eq!(
        (whole.header("accept-ranges"), whole.header("content-disposition")),
        ("bytes", "inline; filename=\"a.bin\"")
    );
    for (range, part, said) in
        [("bytes=2-4", "234", "bytes 2-4/10"), ("bytes=8-", "89", "bytes 8-9/10"), ("bytes=-3", "789", "bytes 7-9/10")]
    {
        let reply = client.ask(Method::GET, &path).header("range", range).send().await.expect(206);
        assert_eq!((reply.body.as_ref(), reply.header("content-range")), (part.as_bytes(), said));
    }
    let outside = client.ask(Method::GET, &path).header("range", "bytes=10-").send().await;
    assert_eq!(outside.header("content-range"), "bytes */10");
    outside.problem(416, "range_not_satisfiable");
    let several = client.ask(Method::GET, &path).header("range", "bytes=0-1,3-4").send().await.expect(200);
    assert_eq!(several.body, BYTES);
    let condition =
        |tag: &str| client.ask(Method::GET, &path).header("range", "bytes=0-1").header("if-range", tag).send();
    condition(&etag).await.expect(206);
    condition("\"other\"").await.expect(200);
    let known = client.ask(Method::GET, &path).header("if-none-match", &etag).send().await.expect(304);
    assert!(known.body.is_empty());
}

#[actix_web::test]
async fn another_content_was_answered_than_the_one_that_was_asked_for() {
    let office = Office::open().await;
    let client = office.admin().await;
    let (path, made) = document(&client, "a.bin", BYTES).await;
    let digest = made["content"]["digest"].as_str().unwrap();
    let etag = format!("\"{digest}\"");
    let other = format!("\"{}\"", "0".repeat(64));
    for path in [path, format!("/blobs/sha256/{digest}")] {
        let get = |tags: &str| client.ask(Method::GET, &path).header("if-match", tags);
        for tags in ["*", &etag, &format!("{other}, {etag}")] {
            assert_eq!(get(tags).send().await.expect(200).body, BYTES, "{tags}");
        }
        for tags in [&other, &format!("W/{etag}"), &format!("\"{}\"", digest.to_uppercase())] {
            assert_eq!(get(tags).send().await.problem(412, "stale")["parameters"]["etag"], etag);
            get(tags).header("range", "bytes=0-1").send().await.problem(412, "stale");
            get(tags).header("if-none-match", &etag).send().await.problem(412, "stale");
            client.ask(Method::HEAD, &path).header("if-match", tags).send().await.expect(412);
        }
        get(digest).send().await.problem(400, "invalid_header");
    }
}

#[actix_web::test]
async fn a_large_content_comes_in_pieces_and_whole() {
    let office = Office::open().await;
    let client = office.admin().await;
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
    let (path, _) = document(&client, "large.bin", &bytes).await;
    assert!(client.get(&path).await.expect(200).body == bytes);
    let part = client.ask(Method::GET, &path).header("range", "bytes=1000000-2999998").send().await.expect(206);
    assert!(part.body == bytes[1_000_000..2_999_999]);
}

#[actix_web::test]
async fn a_head_has_no_body() {
    let office = Office::open().await;
    let client = office.admin().await;
    let (path, made) = document(&client, "a.bin", BYTES).await;
    let head = client.ask(Method::HEAD, &path).send().await.expect(200);
    assert!(head.body.is_empty() && !head.header("etag").is_empty());
    let id = made["id"].as_str().unwrap();
    client.ask(Method::HEAD, &format!("/documents/{id}")).send().await.expect(200);
}

#[actix_web::test]
async fn bytes_are_found_by_their_digest() {
    let office = Office::open().await;
    let client = office.admin().await;
    let (_, made) = document(&client, "a.bin", BYTES).await;
    let digest = made["content"]["digest"].as_str().unwrap();
    assert_eq!(client.get(&format!("/blobs/sha256/{digest}")).await.expect(200).body, BYTES);
    client.get(&format!("/blobs/sha256/{}", digest.to_uppercase())).await.problem(404, "not_found");
    client.get(&format!("/blobs/sha256/{}", "0".repeat(64))).await.problem(404, "not_found");
}

#[actix_web::test]
async fn a_stored_page_is_never_ours() {
    let office = Office::open().await;
    let client = office.admin().await;
    let (path, _) = document(&client, "evil.html", b"<!doctype html><script>fetch('/api/v1/users')</script>").await;
    let shown = client.get(&path).await.expect(200);
    assert!(shown.header("content-security-policy").starts_with("sandbox; default-src 'none'"));
    assert_eq!(shown.header("x-content-type-options"), "nosniff");
    let kept = client.get(&format!("{path}?download=1")).await.expect(200);
    let also = client.get(&format!("{path}?download=true")).await.expect(200);
    assert_eq!(also.header("content-disposition"), kept.header("content-disposition"));
    client.get(&format!("{path}?download=yes")).await.problem(400, "invalid_query");
    assert_eq!(kept.header("content-disposition"), "attachment; filename=\"evil.html\"");
}

#[actix_web::test]
async fn a_name_in_any_script_survives_a_download() {
    let office = Office::open().await;
    let client = office.admin().await;
    let (path, _) = document(&client, "عقد.pdf", BYTES).await;
    let kept = client.get(&format!("{path}?download=1")).await.expect(200);
    assert!(kept.header("content-disposition").ends_with("filename*=UTF-8''%D8%B9%D9%82%D8%AF.pdf"));
}

#[actix_web::test]
async fn damaged_bytes_are_never_served() {
    let office = Office::open().await;
    let client = office.admin().await;
    let (path, made) = document(&client, "a.bin", BYTES).await;
    let digest = made["content"]["digest"].as_str().unwrap();
    let mut folders = vec![office.folder.path().join("blobs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let found = entry.unwrap().path();
            if found.is_dir() {
                folders.push(found);
            } else if found.file_name().unwrap().to_str().unwrap().starts_with(digest) {
                std::fs::write(found, b"9876543210").unwrap();
            }
        }
    }
    client.get(&path).await.problem(500, "content_damaged");
}

#[actix_web::test]
async fn a_folder_in_the_place_of_bytes_was_not_mended_by_the_same_bytes() {
    let office = Office::open().await;
    let client = office.admin().await;
    let (path, made) = document(&client, "a.bin", BYTES).await;
    let digest = made["content"]["digest"].as_str().unwrap().rsplit(':').next().unwrap();
    let file = office.folder.path().join("blobs/sha256").join(&digest[..2]);
    let file = std::fs::read_dir(file).unwrap().map(|entry| entry.unwrap().path()).next().unwrap();
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    client.get(&path).await.problem(500, "content_damaged");
    let options = cartulary_repository::VerifyOptions::default();
    for options in [options, cartulary_repository::VerifyOptions { rehash: false, ..options }] {
        let report = office.repository.verify(options, |_| ()).await.unwrap();
        let codes: Vec<_> = report.faults.iter().map(|fault| fault.code).collect();
        assert_eq!(codes, ["blob_damaged"], "{report:?}");
    }
    let dossier = client.dossier("B").await;
    client.document(&dossier, "again.bin", BYTES).await;
    assert_eq!(client.get(&path).await.expect(200).body, BYTES);
    let report = office.repository.verify(options, |_| ()).await.unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[actix_web::test]
async fn a_name_that_lies_is_a_fault_of_that_document_alone() {
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    for (name, lies) in [("scan.tiff", true), ("scan.png", false), ("scan", false)] {
        let made = client.document(&dossier, name, PNG).await;
        let read = client.get(&format!("/documents/{}", made["id"].as_str().unwrap())).await.expect(200).json();
        let text = client.get(&format!("/documents/{}/text", made["id"].as_str().unwrap())).await.expect(200).json();
        for faults in [&made["text"]["faults"], &read["text"]["faults"], &text["faults"]] {
            let codes: Vec<_> =
                faults.as_array().unwrap().iter().map(|fault| fault["code"].as_str().unwrap()).collect();
            assert_eq!(codes, if lies { vec!["name_disagrees"] } else { vec![] }, "{name}");
        }
    }
}
