//! What people put on objects and keep for themselves, made for the matrix.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::{Matrix, NO_JOB, named};

impl Matrix<'_> {
    /// Returns a path with the ids of something new of the administrator's in its places.
    pub(super) async fn kept(&self, resource: &str, path: &str) -> (String, String) {
        let (id, object) = match resource {
            "comments" => (self.comment().await, String::new()),
            "annotations" => (self.annotation().await, String::new()),
            "collections" => self.collection().await,
            "saved-searches" => (self.saved_search().await, String::new()),
            "subscriptions" => (self.subscription().await, String::new()),
            "notifications" => (NO_JOB.to_owned(), String::new()),
            other => panic!("say here what `{other}` is, so that a new one can be made"),
        };
        (path.replace("{id}", &id).replace("{object}", &object), String::new())
    }

    /// A tag that everybody sees, on an object.
    pub(super) async fn tag_of(&self, object: &str) -> String {
        let tag = self.admin.post(&format!("/objects/{object}/tags"), json!({ "label": self.fresh() })).await;
        tag.expect(201).json()["id"].as_str().unwrap().to_owned()
    }

    /// What the administrator said of a dossier.
    async fn comment(&self) -> String {
        let path = format!("/objects/{}/comments", self.dossier().await["id"].as_str().unwrap());
        let made = self.admin.post(&path, json!({ "text": "a" })).await.expect(201).json();
        made["id"].as_str().unwrap().to_owned()
    }

    /// What the administrator marked in a document.
    async fn annotation(&self) -> String {
        let document = self.admin.document(&self.dossier().await, "a.txt", self.fresh().as_bytes()).await;
        let path = format!("/documents/{}/annotations", document["id"].as_str().unwrap());
        let made = self.admin.post(&path, on(document["content"]["digest"].as_str().unwrap())).await.expect(201).json();
        named(made["id"].as_str().unwrap()).to_owned()
    }

    /// Returns what marks the content of a document, or that of an annotation, whose address is given.
    pub(super) async fn marking(&self, uri: &str) -> Value {
        let object: Value = match uri.contains("/annotations/") {
            true => self.admin.ask_at(Method::GET, uri).send().await.expect(200).json(),
            false => {
                let document = uri.trim_end_matches("/annotations");
                self.admin.ask_at(Method::GET, document).send().await.expect(200).json()
            }
        };
        match object["content"]["digest"].as_str() {
            Some(digest) => on(digest),
            None => json!({ "type": "Annotation", "target": object["target"] }),
        }
    }

    /// A search that the administrator saved.
    async fn saved_search(&self) -> String {
        let form = json!({ "name": self.fresh(), "search": { "q": "matrix" } });
        self.admin.post("/saved-searches", form).await.expect(201).json()["id"].as_str().unwrap().to_owned()
    }

    /// A subscription of the administrator's.
    async fn subscription(&self) -> String {
        let form = json!({ "kind": "tree", "target": self.dossier().await["id"] });
        self.admin.post("/subscriptions", form).await.expect(201).json()["id"].as_str().unwrap().to_owned()
    }

    /// A collection of the administrator's, and a dossier in it.
    async fn collection(&self) -> (String, String) {
        let made = self.admin.post("/collections", json!({ "name": self.fresh() })).await.expect(201).json();
        let (collection, dossier) = (made["id"].as_str().unwrap().to_owned(), self.dossier().await);
        let object = dossier["id"].as_str().unwrap().to_owned();
        let put = self.admin.ask(Method::PUT, &format!("/collections/{collection}/items/{object}"));
        put.header("if-match", "*").json(json!({})).await.expect(200);
        (collection, object)
    }
}

/// A mark on the first page of some bytes.
fn on(digest: &str) -> Value {
    let source = format!("/api/v1/blobs/sha256/{digest}");
    let selector = json!({ "type": "FragmentSelector", "value": "page=1&xywh=percent:10,20,30,5" });
    json!({ "type": "Annotation", "target": { "source": source, "selector": selector } })
}
