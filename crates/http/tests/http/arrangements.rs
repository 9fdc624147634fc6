//! Pages of documents in another order, as they are asked for.

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::office::{Client, Office, Reply};

const PDF: &[u8] = b"%PDF-1.4\nnot read in this office";

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

async fn put(client: &Client<'_>, object: &Value, pages: Value) -> Reply {
    let path = format!("/documents/{}/arrangement", id(object));
    client.ask(Method::PUT, &path).header("if-match", "*").json(json!({ "pages": pages })).await
}

#[actix_web::test]
async fn what_is_no_arrangement_is_refused_with_its_place() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let paper = client.document(&dossier, "a.pdf", PDF).await;
    let digest = paper["content"]["digest"].clone();
    let page = |page: i64, rotation: i64| json!({ "digest": digest, "page": page, "rotation": rotation });
    let refused = async |pages: Value, field: &str, code: &str| {
        let problem = put(&client, &paper, pages).await.problem(422, "invalid");
        assert_eq!(
            (&problem["violations"][0]["field"], &problem["violations"][0]["code"]),
            (&json!(field), &json!(code))
        );
    };
    refused(json!([]), "pages", "out_of_range").await;
    refused(json!([page(1, 0), page(0, 0)]), "pages[1].page", "out_of_range").await;
    refused(json!([page(1, 45)]), "pages[0].rotation", "out_of_range").await;
    refused(json!([{ "page": 1 }]), "pages[0]", "required").await;
    refused(json!([{ "digest": "0".repeat(64), "page": 1 }]), "pages[0].digest", "unknown_file").await;
    // Bytes that somebody else has are no more known than those of nobody.
    let other = client.document(&dossier, "b.pdf", b"%PDF-1.4\nother").await;
    refused(json!([{ "digest": other["content"]["digest"], "page": 1 }]), "pages[0].digest", "unknown_file").await;
    let gone = json!([{ "documentId": "01890a5d-ac96-774b-bcce-b302099a8057" }]);
    put(&client, &paper, gone).await.problem(404, "not_found");
    put(&client, &paper, json!([{ "documentId": id(&other) }])).await.problem(409, "no_pages");
    let path = format!("/documents/{}/arrangement", id(&paper));
    let bare = json!({ "pages": [page(1, 0)] });
    client.ask(Method::PUT, &path).json(bare.clone()).await.problem(428, "precondition_required");
    client.ask(Method::PUT, &path).header("if-match", "\"7\"").json(bare).await.problem(412, "stale");
    client.get(&path).await.problem(409, "no_pages");
    client.ask(Method::DELETE, &path).header("if-match", "*").send().await.problem(404, "not_found");
    assert_eq!(client.get(&format!("/documents/{}", id(&paper))).await.expect(200).json(), paper);
}

#[actix_web::test]
async fn pages_are_arranged_versioned_and_split_off() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let paper = client.document(&dossier, "a.pdf", PDF).await;
    let digest = paper["content"]["digest"].clone();
    let pages = json!([
        { "digest": digest, "page": 3, "rotation": 90 },
        { "digest": digest, "page": 1, "rotation": 0 },
        { "digest": digest, "page": 2, "rotation": 180 },
    ]);
    let arranged = put(&client, &paper, pages.clone()).await.expect(200).json();
    assert_eq!((&arranged["versionLabel"], &arranged["content"]["digest"]), (&json!("1.1"), &digest));
    let path = format!("/documents/{}/arrangement", id(&paper));
    let found = client.get(&path).await.expect(200).json();
    assert_eq!((&found["pages"], &found["arranged"], &found["state"]), (&pages, &json!(true), &json!("waiting")));
    client.get(&format!("{path}/content")).await.problem(409, "arrangement_waiting");
    // The version before has the pages of its content.
    let old = client.get(&format!("/documents/{}/versions/1.0", id(&paper))).await.expect(200).json();
    client.get(&format!("/documents/{}/arrangement", id(&old))).await.problem(409, "no_pages");
    let split = |places: Value, name: &str| {
        let form = json!({ "places": places, "name": name });
        client.ask(Method::POST, &format!("{path}/splits")).header("if-match", "*").json(form)
    };
    for places in [json!([]), json!([0, 1, 2]), json!([3])] {
        split(places, "b.pdf").await.problem(422, "invalid");
    }
    split(json!([0]), "a.pdf").await.problem(409, "name_taken");
    let made = split(json!([0, 2]), "b.pdf").await.expect(201).json();
    assert_eq!((&made["versionLabel"], &made["content"]), (&json!("1.0"), &json!(null)));
    let theirs = client.get(&format!("/documents/{}/arrangement", id(&made))).await.expect(200).json();
    assert_eq!(theirs["pages"], json!([pages[0], pages[2]]));
    assert_eq!(client.get(&path).await.expect(200).json()["pages"], json!([pages[1]]));
    // What was split off is put in again.
    let merged = json!([{ "documentId": id(&made) }, pages[1]]);
    put(&client, &paper, merged).await.expect(200);
    assert_eq!(client.get(&path).await.expect(200).json()["pages"], json!([pages[0], pages[2], pages[1]]));
    let delete = async |object: &Value| {
        let path = format!("/documents/{}/arrangement", id(object));
        client.ask(Method::DELETE, &path).header("if-match", "*").send().await
    };
    delete(&made).await.problem(409, "no_content");
    delete(&paper).await.expect(200);
    client.get(&path).await.problem(409, "no_pages");
    // The original is as it came.
    let bytes = client.get(&format!("/documents/{}/content", id(&paper))).await.expect(200);
    assert_eq!(&bytes.body[..], PDF);
    // A copy of what has only pages has them, in a version of its own.
    let copies = format!("/objects/{}/copies", id(&made));
    let copy = client.post(&copies, json!({ "folder": client.dossier("B").await["id"] })).await.expect(201).json();
    assert_eq!(copy["versionLabel"], "1.0");
    let theirs = client.get(&format!("/documents/{}/arrangement", id(&copy))).await.expect(200).json();
    assert_eq!(theirs["pages"], json!([pages[0], pages[2]]));
    let report = office.repository.verify(Default::default(), |_| {}).await.unwrap();
    assert!(report.is_clean(), "{report:?}");
}

#[actix_web::test]
async fn one_page_of_a_file_gave_its_other_pages() {
    let office = Office::open().await;
    let client = office.admin().await;
    let (secret, open) = (client.dossier("secret").await, client.dossier("open").await);
    let paper = client.document(&secret, "a.pdf", PDF).await;
    let digest = paper["content"]["digest"].clone();
    let page = |number: i64| json!({ "digest": digest, "page": number, "rotation": 0 });
    put(&client, &paper, json!([page(1), page(2), page(3)])).await.expect(200);
    let form = json!({ "places": [0], "name": "public.pdf", "folder": open["id"] });
    let splits = format!("/documents/{}/arrangement/splits", id(&paper));
    let public = client.ask(Method::POST, &splits).header("if-match", "*").json(form).await.expect(201).json();
    let acl = json!({ "entries": [], "inherits": false });
    let path = format!("/objects/{}/acl", id(&secret));
    client.ask(Method::PUT, &path).header("if-match", "*").json(acl).await.expect(200);

    let staff = office.user("amal", &["staff"]).await;
    staff.get(&format!("/documents/{}", id(&paper))).await.problem(404, "not_found");
    let copies = format!("/objects/{}/copies", id(&public));
    let copy = json!({ "folder": open["id"], "name": "copy.pdf" });
    let copy = staff.post(&copies, copy).await.expect(201).json();
    for object in [&public, &copy] {
        let refused = put(&staff, object, json!([page(1), page(2)])).await.problem(422, "invalid");
        let of = &refused["violations"][0];
        assert_eq!((&of["field"], &of["code"]), (&json!("pages[1].page"), &json!("unknown_file")), "{refused}");
        // What it shows may be turned.
        let turned = json!({ "digest": digest, "page": 1, "rotation": 90 });
        put(&staff, object, json!([turned])).await.expect(200);
        put(&staff, object, json!([{ "documentId": id(&paper) }])).await.problem(404, "not_found");
    }
    // Who may read the file names the document that has it, and has all its pages.
    put(&client, &public, json!([{ "documentId": id(&paper) }, page(1)])).await.expect(200);
}

#[actix_web::test]
async fn pages_of_one_document_named_ten_thousand_times_held_up_all_writers() {
    let office = Office::open().await;
    let client = office.admin().await;
    let dossier = client.dossier("A").await;
    let paper = client.document(&dossier, "a.pdf", PDF).await;
    let digest = paper["content"]["digest"].clone();
    let pages = [1, 2].map(|page| json!({ "digest": digest, "page": page, "rotation": 0 }));
    put(&client, &paper, json!(pages)).await.expect(200);
    let other = client.document(&dossier, "b.pdf", b"%PDF-1.4\nother").await;
    let often = vec![json!({ "documentId": id(&paper) }); 10_000];
    let refused = put(&client, &other, json!(often)).await.problem(422, "invalid");
    assert_eq!(refused["violations"][0]["field"], "pages", "{refused}");
    let most = vec![json!({ "documentId": id(&paper) }); 5_000];
    put(&client, &other, json!(most)).await.expect(200);
}
