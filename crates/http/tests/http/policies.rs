//! A security policy of a module, asked at every door of the interface: what it hides is nowhere, and in no number.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use cartulary_http::{HttpWebhooks, OutboundConfig};
use cartulary_model::TypeFile;
use cartulary_repository::{BackgroundTasks, Module, NewAccessEntry, Precondition, SecurityPolicy, WebhookRules};
use serde_json::{Value, json};

use crate::office::{Client, Form, Office, let_work_go_on};
use crate::webhooks::Receiver;

const TYPES: &str = r#"
[[types]]
id = "test:secret"
base = "facet"
label = "Secret"

[[types]]
id = "test:cites"
parent = "relationship"
base = "relationship"
label = "Cites"
"#;

fn module() -> Module {
    let policy = SecurityPolicy { name: "test.secret", facet: "test:secret", until: None, seen_by: "keepers" };
    Module { name: "test", types: TypeFile::parse(TYPES).unwrap(), policies: vec![policy], ..Module::default() }
}

async fn open() -> (Office, BackgroundTasks) {
    let config =
        OutboundConfig { allow: vec!["127.0.0.1".to_owned()], allow_http: true, timeout: Duration::from_secs(2) };
    let sender = Some(Arc::new(HttpWebhooks::new(&config).unwrap()) as Arc<_>);
    let rules = WebhookRules { sender, pauses: vec![Duration::ZERO], ..WebhookRules::default() };
    let office = Office::open_of_modules(vec![module()], rules).await;
    let background = office.repository.start_background();
    (office, background)
}

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

/// What is there: a dossier with papers of which two are hidden, and what was put on them before they were.
struct Papers {
    dossier: Value,
    plain: Value,
    /// Hidden since a while; people had put things on it.
    hushed: Value,
    /// Hidden from its first moment.
    born: Value,
    collection: Value,
    search: Value,
    relationship: Value,
    /// A bag of the dossier that the reader had made before.
    export: String,
    comment: Value,
    annotation: Value,
    /// When all was open.
    at: String,
    /// The last transaction.
    transaction: String,
}

async fn file(client: &Client<'_>, dossier: &Value, name: &str, facets: &str) -> Value {
    let form = Form::new().field("title", name).field("facets", facets);
    let form = form.file("content", name, "text/plain", name.as_bytes());
    client.ask(Method::POST, &format!("/dossiers/{}/documents", id(dossier))).form(form).await.expect(201).json()
}

/// Asks for a job's work until it has ended.
async fn follow(client: &Client<'_>, path: &str) -> Value {
    loop {
        let seen = client.get(path).await.expect(200).json();
        if !["counting", "running"].contains(&seen["state"].as_str().unwrap()) {
            return seen;
        }
        let_work_go_on().await;
    }
}

async fn export(client: &Client<'_>, dossier: &Value) -> String {
    let scope = json!({ "scope": { "kind": "tree", "object": dossier["id"] } });
    let asked = client.post("/exports", scope).await.expect(202);
    let location = asked.header("location").trim_start_matches("/api/v1").to_owned();
    assert_eq!(follow(client, &location).await["state"], "done");
    location
}

async fn hide(admin: &Client<'_>, document: &Value) {
    let path = format!("/documents/{}", id(document));
    admin
        .ask(Method::PATCH, &path)
        .header("if-match", "*")
        .json(json!({ "facets": ["test:secret"] }))
        .await
        .expect(200);
}

/// Files papers, lets the reader keep them as he may, and hides two of them.
async fn papers(admin: &Client<'_>, reader: &Client<'_>) -> Papers {
    let dossier = admin.dossier("open").await;
    let (plain, hushed) =
        (file(admin, &dossier, "plain.txt", "[]").await, file(admin, &dossier, "hushed.txt", "[]").await);
    let at_hushed = format!("/objects/{}", id(&hushed));
    admin.post(&format!("{at_hushed}/tags"), json!({ "label": "hush" })).await.expect(201);
    let comment = admin.post(&format!("{at_hushed}/comments"), json!({ "text": "hush!" })).await.expect(201).json();
    let source = format!("/api/v1/blobs/sha256/{}", hushed["content"]["digest"].as_str().unwrap());
    let mark = json!({ "type": "Annotation", "target": source });
    let annotation = admin.post(&format!("/documents/{}/annotations", id(&hushed)), mark).await.expect(201).json();
    let link = json!({ "type": "test:cites", "source": plain["id"], "target": hushed["id"], "name": "hush cites" });
    let relationship = admin.post("/relationships", link).await.expect(201).json();
    let versions = format!("/dossiers/{}/versions", id(&dossier));
    admin.ask(Method::POST, &versions).header("if-match", "*").json(json!({})).await.expect(201);

    let collection = reader.post("/collections", json!({ "name": "mine" })).await.expect(201).json();
    for list in [id(&collection), "favourites"] {
        for document in [&plain, &hushed] {
            let path = format!("/collections/{list}/items/{}", id(document));
            reader.ask(Method::PUT, &path).header("if-match", "*").json(json!({})).await.expect(200);
        }
    }
    let query = json!({ "name": "all", "query": { "statement": "SELECT * FROM document" } });
    let search = reader.post("/saved-searches", query).await.expect(201).json();
    for (kind, target) in
        [("tree", &dossier), ("object", &hushed), ("savedSearch", &search), ("collection", &collection)]
    {
        reader.post("/subscriptions", json!({ "kind": kind, "target": target["id"] })).await.expect(201);
    }
    let export = export(reader, &dossier).await;
    assert_eq!(reader.get(&format!("/dossiers/{}/contents", id(&dossier))).await.json()["total"], 2, "all is open");
    let at = admin.get(&format!("/documents/{}", id(&hushed))).await.json()["modifiedAt"].as_str().unwrap().to_owned();

    hide(admin, &hushed).await;
    let born = file(admin, &dossier, "hush-born.txt", r#"["test:secret"]"#).await;
    let path = format!("/documents/{}", id(&hushed));
    let retitled = admin.ask(Method::PATCH, &path).header("if-match", "*").json(json!({ "title": "hush again" })).await;
    let transaction = retitled.expect(200).header("cartulary-transaction").to_owned();
    Papers {
        dossier,
        plain,
        hushed,
        born,
        collection,
        search,
        relationship,
        export,
        comment,
        annotation,
        at,
        transaction,
    }
}

impl Papers {
    /// All lists in which something hidden could stand.
    fn lists(&self) -> Vec<String> {
        let (dossier, wait) = (id(&self.dossier), format!("waitFor={}", self.transaction));
        vec![
            format!("/dossiers?{wait}"),
            format!("/dossiers/{dossier}"),
            format!("/dossiers/{dossier}/contents?{wait}"),
            format!("/dossiers/{dossier}/contents?sort=name"),
            format!("/dossiers/{dossier}/contents?at={}", self.at.replace(':', "%3A")),
            format!("/folders/{dossier}/contents"),
            format!("/dossiers/{dossier}/versions/1/members"),
            format!("/objects/{}/relationships", id(&self.plain)),
            format!("/search?q=hush*&{wait}"),
            format!("/search?{wait}"),
            "/tags?q=".to_owned(),
            "/tags?q=hu".to_owned(),
            "/tags/objects?label=hush".to_owned(),
            format!("/collections/{}/items", id(&self.collection)),
            "/collections/favourites/items".to_owned(),
            format!("/changes?after=0&limit=1000&{wait}"),
            "/notifications?limit=1000".to_owned(),
            format!("/saved-searches/{}/results?{wait}", id(&self.search)),
            "/trash".to_owned(),
        ]
    }

    /// All addresses of what is hidden.
    fn addresses(&self) -> Vec<String> {
        let mut all = Vec::new();
        for hidden in [&self.hushed, &self.born] {
            let (document, object) = (format!("/documents/{}", id(hidden)), format!("/objects/{}", id(hidden)));
            all.extend([document.clone(), object.clone()]);
            for part in
                ["content", "contents", "contents/content", "text", "versions", "versions/latest", "annotations"]
            {
                all.push(format!("{document}/{part}"));
            }
            for part in
                ["acl", "comments", "tags", "relationships", "lock", "transitions", "retention", "access-explanation"]
            {
                all.push(format!("{object}/{part}"));
            }
        }
        let mark = id(&self.annotation).trim_start_matches("/api/v1").to_owned();
        let (comment, link) =
            (format!("/comments/{}", id(&self.comment)), format!("/relationships/{}", id(&self.relationship)));
        all.extend([mark, comment, link]);
        all.push("/objects?path=/open/hushed.txt".to_owned());
        all.push(format!("/blobs/sha256/{}", self.hushed["content"]["digest"].as_str().unwrap()));
        all
    }

    /// Checks that a text names nothing that is hidden.
    #[track_caller]
    fn assert_silent(&self, text: &[u8], from: &str) {
        let text = String::from_utf8_lossy(text);
        for word in ["hush", id(&self.hushed), id(&self.born), id(&self.relationship)] {
            assert!(!text.contains(word), "{from} names `{word}`: {text}");
        }
    }
}

async fn total(client: &Client<'_>, path: &str) -> u64 {
    client.get(path).await.expect(200).json()["total"].as_u64().unwrap()
}

async fn counted(client: &Client<'_>, statement: &str) -> u64 {
    let found = client.post("/queries", json!({ "statement": statement })).await.expect(200);
    found.json()["total"].as_u64().unwrap()
}

#[actix_web::test]
async fn what_a_policy_hides_is_at_no_door_and_in_no_number() {
    let (office, background) = open().await;
    let (admin, reader) = (office.admin().await, office.user("reader", &["readers"]).await);
    let keeper = office.user("keeper", &["readers", "keepers"]).await;
    let papers = papers(&admin, &reader).await;
    for path in papers.lists() {
        let reply = reader.get(&path).await.expect(200);
        papers.assert_silent(&reply.body, &path);
    }
    for path in papers.addresses() {
        let refused = reader.get(&path).await.problem(404, "not_found");
        papers.assert_silent(refused["detail"].as_str().unwrap().as_bytes(), &path);
        keeper.get(&path).await;
    }
    let (dossier, wait) = (id(&papers.dossier), format!("waitFor={}", papers.transaction));
    let numbers = [
        (format!("/dossiers/{dossier}/contents"), 1, 3),
        (format!("/search?type=document&{wait}"), 1, 3),
        (format!("/search?q=hush*&type=document&{wait}"), 0, 2),
        ("/tags/objects?label=hush".to_owned(), 0, 1),
        (format!("/dossiers/{dossier}/versions/1/members"), 1, 2),
        (format!("/objects/{}/relationships", id(&papers.plain)), 0, 1),
    ];
    for (path, hidden, seen) in numbers {
        assert_eq!((total(&reader, &path).await, total(&keeper, &path).await), (hidden, seen), "{path}");
    }
    let facets = reader.get(&format!("/search?{wait}")).await.json();
    let counts = facets["facets"]["type"].as_array().unwrap().iter().map(|one| one["count"].as_u64().unwrap());
    assert_eq!(counts.sum::<u64>(), facets["total"].as_u64().unwrap(), "{facets}");
    let mine = reader.get(&format!("/collections/{}", id(&papers.collection))).await.json();
    assert_eq!(mine["count"], 1);
    assert_eq!(reader.get("/notifications").await.json()["unread"], reader.get("/notifications").await.json()["total"]);
    let statements = [
        ("SELECT * FROM cmis:document".to_owned(), 1, 3),
        ("SELECT * FROM cmis:document WHERE cmis:name LIKE 'hush%'".to_owned(), 0, 2),
        ("SELECT * FROM cmis:document WHERE CONTAINS('hush*')".to_owned(), 0, 2),
        (format!("SELECT * FROM cmis:document WHERE IN_TREE('{dossier}')"), 1, 3),
        (format!("SELECT * FROM cmis:document WHERE IN_FOLDER('{dossier}')"), 1, 3),
        ("SELECT * FROM cmis:document WHERE 'hush' = ANY cartulary:tags".to_owned(), 0, 1),
        ("SELECT * FROM test:cites".to_owned(), 0, 1),
        (
            "SELECT d.cmis:name FROM cmis:document AS d JOIN test:secret AS s ON d.cmis:objectId = s.cmis:objectId"
                .to_owned(),
            0,
            2,
        ),
    ];
    for (statement, hidden, seen) in statements {
        assert_eq!(
            (counted(&reader, &statement).await, counted(&keeper, &statement).await),
            (hidden, seen),
            "{statement}"
        );
    }
    background.stop().await;
}

#[actix_web::test]
async fn what_a_policy_hides_is_in_no_bag_no_webhook_and_no_bulk_action() {
    let (office, background) = open().await;
    let (admin, reader) = (office.admin().await, office.user("reader", &["readers"]).await);
    let writer = office.user("writer", &["staff"]).await;
    let papers = papers(&admin, &reader).await;
    // A bag from before has what is hidden now, and is given no more; one that is made now is without it.
    reader.get(&format!("{}/content", papers.export)).await.problem(403, "forbidden");
    let fresh = export(&reader, &papers.dossier).await;
    let bag = reader.get(&format!("{fresh}/content")).await.expect(200);
    papers.assert_silent(&bag.body, "the bag");
    assert!(String::from_utf8_lossy(&bag.body).contains("plain.txt"));

    // A webhook that reads the log from its beginning is told nothing of it.
    let system = office.repository.system_session();
    let root = system.object_by_path("/").await.unwrap().summary.id;
    let entry = NewAccessEntry::granting("reader", "HaveWebhooks");
    system.acl_put_named(root, Precondition::Any, "test".to_owned(), vec![entry]).await.unwrap();
    let mut receiver = Receiver::open().await;
    let form = json!({ "name": "all", "url": receiver.url(), "after": 0 });
    reader.post("/webhooks", form).await.expect(201);
    let marker = file(&admin, &papers.dossier, "marker.txt", "[]").await;
    loop {
        let told = receiver.next().await;
        papers.assert_silent(told.body.as_bytes(), "a webhook");
        if told.body.contains(id(&marker)) {
            break;
        }
    }

    // A bulk action of somebody who may write all that he sees.
    let form = json!({
        "statement": "SELECT * FROM cmis:document", "act": { "kind": "addFacet", "facet": "confidential" },
    });
    let begun = writer.post("/bulk-actions", form).await.expect(202);
    let done = follow(&writer, begun.header("location").trim_start_matches("/api/v1")).await;
    assert_eq!((&done["state"], &done["total"]), (&json!("done"), &json!(2)), "{done}");
    for hidden in [&papers.hushed, &papers.born] {
        let now = admin.get(&format!("/documents/{}", id(hidden))).await.expect(200).json();
        assert_eq!(now["facets"], json!(["test:secret"]));
        let path = format!("/documents/{}", id(hidden));
        writer.ask(Method::DELETE, &path).header("if-match", "*").send().await.problem(404, "not_found");
    }
    // In the trash it is hidden too.
    let path = format!("/documents/{}", id(&papers.hushed));
    admin.ask(Method::DELETE, &path).header("if-match", "*").send().await.expect(204);
    papers.assert_silent(&writer.get("/trash").await.expect(200).body, "the trash");
    writer.get(&format!("/trash/{}", id(&papers.hushed))).await.problem(404, "not_found");
    background.stop().await;
}
