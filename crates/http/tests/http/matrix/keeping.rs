//! What keeps objects, made for the matrix.

use actix_web::http::Method;
use serde_json::{Value, json};

use super::{Matrix, Operation};

impl Matrix<'_> {
    /// Locks a document, or has it wait for an event, when an operation is about that.
    pub(super) async fn keep(&self, operation: &str, document: &str) {
        let (what, body) = match operation {
            "get_object_lock" | "delete_object_lock" => ("lock", json!({})),
            "create_object_retention_event" => {
                ("retention", json!({ "awaits": { "event": "lapse", "period": "P1D" } }))
            }
            _ => return,
        };
        let path = format!("/objects/{document}/{what}");
        self.admin.ask(Method::PUT, &path).header("if-match", "*").json(body).await.expect(200);
    }

    /// A user whom another one hands over to.
    pub(super) async fn heir(&self) -> String {
        let made = self.admin.post("/users", json!({ "username": self.fresh() })).await.expect(201).json();
        made["id"].as_str().unwrap().to_owned()
    }

    /// An entry of the audit trail that is sealed.
    pub(super) async fn sealed(&self) -> String {
        self.admin.ask(Method::POST, "/seals").send().await;
        "1".to_owned()
    }

    /// A new hold, with a document that is under it where one is released.
    pub(super) async fn hold(&self, operation: &Operation) -> String {
        let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
        let new = json!({ "name": self.fresh(), "reason": "a" });
        let hold = id(&self.admin.post("/legal-holds", new).await.expect(201).json());
        let document = self.admin.document(&self.dossier().await, "a.txt", self.fresh().as_bytes()).await;
        let object = format!("/legal-holds/{hold}/objects/{}", id(&document));
        if operation.id == "delete_held_object" {
            self.admin.ask(Method::PUT, &object).send().await.expect(204);
        }
        operation.path.replace("{id}", &hold).replace("{object}", &id(&document))
    }
}
