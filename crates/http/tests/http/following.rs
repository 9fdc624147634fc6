//! Following the change log: long polls and streams of events.

use std::time::{Duration, Instant};

use actix_web::http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::office::{Client, Office};
use crate::running::{Running, run};

async fn end_of_log(client: &Client<'_>) -> (i64, String) {
    let mut after = 0;
    loop {
        let page = client.get(&format!("/changes?limit=1000&after={after}")).await.expect(200).json();
        let next = page["next"].as_i64().unwrap();
        if next == after {
            return (after, page["log"].as_str().unwrap().to_owned());
        }
        after = next;
    }
}

#[actix_web::test]
async fn a_request_waits_for_the_next_change() {
    let office = Office::open().await;
    let client = office.admin().await;
    let (after, log) = end_of_log(&client).await;
    let path = format!("/changes?after={after}&log={log}&wait=30");
    let began = Instant::now();
    let (page, _) = tokio::join!(async { client.get(&path).await.expect(200).json() }, client.dossier("A"));
    assert_eq!(page["items"][0]["kind"], "created", "{page}");
    assert!(began.elapsed() < Duration::from_secs(20), "it did not wait for its time to end");
    let (after, _) = end_of_log(&client).await;
    let nothing = client.get(&format!("/changes?after={after}&wait=1")).await.expect(200).json();
    assert_eq!((&nothing["items"], &nothing["next"]), (&json!([]), &json!(after)));
    client.get("/changes?wait=31").await.problem(400, "invalid_query");
}

#[actix_web::test]
async fn a_position_of_another_log_is_refused() {
    let office = Office::open().await;
    let client = office.admin().await;
    let other = "01890a5d-ac96-774b-bcce-b302099a8057";
    let problem = client.get(&format!("/changes?after=3&log={other}")).await.problem(410, "log_replaced");
    assert_eq!(problem["parameters"]["log"], office.repository.log_identity());
    client.get(&format!("/changes/events?log={other}")).await.problem(410, "log_replaced");
    let events = client.ask(Method::GET, "/changes/events").header("last-event-id", &format!("{other}:5"));
    events.send().await.problem(410, "log_replaced");
    let events = client.ask(Method::GET, "/changes/events").header("last-event-id", "5");
    events.send().await.problem(400, "invalid_header");
}

/// A client that reads events.
struct Events(TcpStream, String);

impl Events {
    async fn open(running: &Running, token: &str, more: &str) -> Self {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let head = format!(
            "GET /api/v1/changes/events HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {token}\r\n{more}\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut events = Self(stream, String::new());
        events.until("retry: 2000").await;
        events
    }

    /// Reads until something came; what came before it is left behind.
    async fn until(&mut self, what: &str) -> String {
        loop {
            if let Some(at) = self.1.find(what) {
                let end = self.1[at..].find("\n\n").map(|length| at + length);
                if let Some(end) = end {
                    let found = self.1[at..end].to_owned();
                    self.1.drain(..end);
                    return found;
                }
            }
            let mut bytes = [0; 4_096];
            let length = self.0.read(&mut bytes).await.unwrap();
            assert!(length > 0, "the stream ended before {what:?}: {}", self.1);
            self.1.push_str(&String::from_utf8_lossy(&bytes[..length]));
        }
    }

    /// Reads to the end.
    async fn rest(mut self) -> String {
        self.0.read_to_string(&mut self.1).await.unwrap();
        self.1
    }
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn events_come_as_the_log_grows_of_what_one_may_see() {
    let running = run(|_| {}).await;
    let admin = running.office.admin().await;
    let hidden = admin.dossier("hidden").await;
    let list = json!({ "entries": [], "inherits": false });
    let acl = format!("/objects/{}/acl", id(&hidden));
    admin.ask(Method::PUT, &acl).header("if-match", "*").json(list).await.expect(200);
    let reader = running.office.user("rita", &["readers"]).await;
    let mut events = Events::open(&running, &reader.token, "").await;
    admin.document(&hidden, "secret.txt", b"x").await;
    let open = admin.dossier("open").await;
    let event = events.until("event: change").await;
    assert!(event.contains(&id(&open)), "what comes first is what he may see: {event}");
    let form = crate::office::Form::new().field("name", "later");
    let path = format!("/dossiers/{}/documents", id(&open));
    let later = admin.ask(Method::POST, &path).form(form).await.expect(201).json();
    events.until(&id(&later)).await;
    // Whoever comes again goes on where he was.
    let (position, log) = end_of_log(&reader).await;
    drop(events);
    let next = admin.dossier("next").await;
    let last = format!("last-event-id: {log}:{position}\r\n");
    let mut events = Events::open(&running, &reader.token, &last).await;
    let event = events.until("id: ").await;
    assert!(event.contains(&id(&next)), "{event}");
    running.stop().await;
}

#[actix_web::test]
async fn a_stream_ends_with_the_sign_in_and_with_the_office() {
    let running = run(|_| {}).await;
    let admin = running.office.admin().await;
    let reader = running.office.user("rita", &["readers"]).await;
    let events = Events::open(&running, &reader.token, "").await;
    reader.ask(Method::DELETE, "/sessions/current").send().await.expect(204);
    admin.dossier("A").await;
    assert!(!events.rest().await.contains("event: change"), "whoever signed out sees nothing more");
    let events = Events::open(&running, &admin.token, "").await;
    let began = Instant::now();
    running.stop().await;
    events.rest().await;
    assert!(began.elapsed() < Duration::from_secs(20), "the office waited for a stream that has no end");
}

#[actix_web::test]
async fn one_user_follows_so_often_and_no_more() {
    let running = run(|_| {}).await;
    let reader = running.office.user("rita", &["readers"]).await;
    let mut streams = Vec::new();
    for _ in 0..16 {
        streams.push(Events::open(&running, &reader.token, "").await);
    }
    reader.get("/changes/events").await.problem(503, "unavailable");
    reader.get("/changes").await.expect(200);
    running.stop().await;
}
