//! Webhooks on a real line: what arrives, how it is signed, and which addresses are never called.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::http::Method;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cartulary_http::{HttpWebhooks, OutboundConfig};
use cartulary_repository::{BackgroundTasks, WebhookRules};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::office::{Client, Office};

/// A request that arrived.
pub struct Arrived {
    head: String,
    pub body: String,
}

impl Arrived {
    fn header(&self, name: &str) -> &str {
        let of_name = |line: &&str| line.to_lowercase().starts_with(&format!("{name}:"));
        self.head.lines().find(of_name).and_then(|line| line.split_once(':')).map_or("", |(_, value)| value.trim())
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// Checks the signature as a receiver does.
    fn check(&self, secret: &str) {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        let signed = format!("{}.{}.{}", self.header("webhook-id"), self.header("webhook-timestamp"), self.body);
        mac.update(signed.as_bytes());
        let given = self.header("webhook-signature").strip_prefix("v1,").unwrap();
        mac.verify_slice(&STANDARD.decode(given).unwrap()).unwrap();
    }
}

/// A receiver on this machine: answers as it is told, else with 204.
pub struct Receiver {
    port: u16,
    answers: Arc<Mutex<VecDeque<String>>>,
    arrived: UnboundedReceiver<Arrived>,
}

impl Receiver {
    pub async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers: Arc<Mutex<VecDeque<String>>> = Arc::default();
        let (sender, arrived) = unbounded_channel();
        let scripted = Arc::clone(&answers);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(take(stream, Arc::clone(&scripted), sender.clone()));
            }
        });
        Self { port, answers, arrived }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/in", self.port)
    }

    fn answer(&self, answers: &[&str]) {
        self.answers.lock().unwrap().extend(answers.iter().map(ToString::to_string));
    }

    pub async fn next(&mut self) -> Arrived {
        self.arrived.recv().await.unwrap()
    }
}

async fn take(mut stream: TcpStream, answers: Arc<Mutex<VecDeque<String>>>, sender: UnboundedSender<Arrived>) {
    let mut bytes = Vec::new();
    let (head, length) = loop {
        let mut some = [0; 4_096];
        let read = stream.read(&mut some).await.unwrap_or(0);
        if read == 0 {
            return;
        }
        bytes.extend_from_slice(&some[..read]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = head.to_lowercase().split_once("content-length: ").unwrap().1.to_owned();
            break (head.to_owned(), length.lines().next().unwrap().parse::<usize>().unwrap());
        }
    };
    while bytes.len() < head.len() + 4 + length {
        let mut some = [0; 4_096];
        let read = stream.read(&mut some).await.unwrap();
        bytes.extend_from_slice(&some[..read]);
    }
    let body = String::from_utf8(bytes[head.len() + 4..].to_vec()).unwrap();
    let _ = sender.send(Arrived { head, body });
    let answer = answers.lock().unwrap().pop_front().unwrap_or_else(|| "204 No Content".to_owned());
    if answer == "never" {
        std::future::pending::<()>().await;
    }
    let length = if answer.starts_with("204") { "" } else { "content-length: 1000000000\r\n" };
    let _ = stream.write_all(format!("HTTP/1.1 {answer}\r\n{length}connection: close\r\n\r\n").as_bytes()).await;
}

/// An office that sends, also to this machine if it is allowed, and tries twice.
async fn open(allow: &[&str]) -> (Office, BackgroundTasks) {
    let config = OutboundConfig {
        allow: allow.iter().map(ToString::to_string).collect(),
        allow_http: true,
        timeout: Duration::from_secs(2),
    };
    let sender = Some(Arc::new(HttpWebhooks::new(&config).unwrap()) as Arc<_>);
    let rules = WebhookRules { sender, pauses: vec![Duration::ZERO], ..WebhookRules::default() };
    let office = Office::open_sending(rules, |_| {}).await;
    let background = office.repository.start_background();
    (office, background)
}

async fn hook(client: &Client<'_>, url: &str) -> Value {
    let form = json!({ "name": "register", "url": url, "filter": { "kinds": ["created"] } });
    client.post("/webhooks", form).await.expect(201).json()
}

/// Waits until a webhook says of itself what is asked for; the tests' own time limit is the limit.
async fn when(client: &Client<'_>, path: &str, is: impl Fn(&Value) -> bool) -> Value {
    loop {
        let view = client.get(path).await.expect(200).json();
        if is(&view) {
            return view;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn path_of(hook: &Value) -> String {
    format!("/webhooks/{}", hook["id"].as_str().unwrap())
}

#[actix_web::test]
async fn what_arrives_is_signed_and_comes_again_when_it_was_not_taken() {
    let (office, background) = open(&["127.0.0.1"]).await;
    let admin = office.admin().await;
    let mut receiver = Receiver::open().await;
    let hook = hook(&admin, &receiver.url()).await;
    let secret = hook["secret"].as_str().unwrap().to_owned();
    let path = path_of(&hook);
    assert!(admin.get(&path).await.expect(200).json().get("secret").is_none(), "it is told once");

    receiver.answer(&["500 No"]);
    let dossier = admin.dossier("A").await;
    let (first, again) = (receiver.next().await, receiver.next().await);
    first.check(&secret);
    again.check(&secret);
    assert_eq!(first.header("webhook-id"), again.header("webhook-id"));
    assert_eq!(first.header("cartulary-webhook"), hook["id"]);
    assert_eq!(first.header("content-type"), "application/json");
    let told = first.json();
    assert_eq!((&told["type"], &told["data"]["log"]), (&json!("changes"), &hook["log"]));
    assert_eq!(told["data"]["items"][0]["objectId"], dossier["id"]);
    assert_eq!(told["data"]["items"][0]["kind"], "created");

    // Given up, and sent again by the list of what was given up.
    when(&admin, &path, |view| view["state"] == "active" && view["position"] == told["data"]["next"]).await;
    receiver.answer(&["500 No", "503 No"]);
    admin.dossier("B").await;
    let lost = receiver.next().await;
    receiver.next().await;
    when(&admin, &path, |view| view["deadCount"] == 1).await;
    let dead = admin.get(&format!("{path}/deliveries")).await.expect(200).json();
    let row = &dead["items"][0];
    assert_eq!((&dead["total"], &row["id"]), (&json!(1), &json!(lost.header("webhook-id"))));
    assert_eq!((&row["code"], &row["detail"]), (&json!("answered_error"), &json!("it answered 503")));
    let replay = format!("{path}/deliveries/replay");
    assert_eq!(admin.ask(Method::POST, &replay).send().await.expect(202).json(), json!({ "count": 1 }));
    assert_eq!(receiver.next().await.json()["data"], lost.json()["data"]);
    when(&admin, &path, |view| view["deadCount"] == 0).await;

    // Another secret signs what comes then.
    let renewed = admin.ask(Method::POST, &format!("{path}/secret")).header("if-match", "*").send().await.expect(200);
    assert_eq!(renewed.header("cache-control"), "no-store");
    admin.dossier("C").await;
    receiver.next().await.check(renewed.json()["secret"].as_str().unwrap());

    // 410 pauses it.
    receiver.answer(&["410 Gone"]);
    admin.dossier("D").await;
    receiver.next().await;
    let paused = when(&admin, &path, |view| view["state"] == "paused").await;
    assert_eq!(paused["code"], "gone");
    let ping = admin.ask(Method::POST, &format!("{path}/ping")).send().await.expect(200).json();
    assert_eq!(ping["delivered"], true);
    assert_eq!(receiver.next().await.json()["type"], "ping");
    background.stop().await;
}

#[actix_web::test]
async fn this_machine_and_private_networks_are_not_called_by_whatever_name() {
    let (office, background) = open(&[]).await;
    let admin = office.admin().await;
    let receiver = Receiver::open().await;
    for host in ["127.0.0.1", "[::1]", "2130706433", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254"] {
        let form = json!({ "name": "register", "url": format!("http://{host}:{}/in", receiver.port) });
        let problem = admin.post("/webhooks", form).await.problem(422, "invalid");
        assert_eq!(problem["violations"][0]["code"], "address_refused", "{host}");
    }
    // A name that leads here is seen when it is resolved.
    let hook = hook(&admin, &format!("http://localhost:{}/in", receiver.port)).await;
    let ping = admin.ask(Method::POST, &format!("{}/ping", path_of(&hook))).send().await.expect(200).json();
    assert_eq!((&ping["delivered"], &ping["code"]), (&json!(false), &json!("address_refused")));
    admin.dossier("A").await;
    let paused = when(&admin, &path_of(&hook), |view| view["state"] == "paused").await;
    assert_eq!(paused["code"], "address_refused");
    assert!(receiver.arrived.is_empty(), "nothing was ever sent");
    background.stop().await;
}

#[actix_web::test]
async fn redirects_are_not_followed_and_answers_that_do_not_end_are_not_read() {
    let (office, background) = open(&["127.0.0.1"]).await;
    let admin = office.admin().await;
    let (mut receiver, other) = (Receiver::open().await, Receiver::open().await);
    let form = json!({ "name": "register", "url": receiver.url(), "paused": true });
    let path = path_of(&admin.post("/webhooks", form).await.expect(201).json());
    let ping = async |answer: &str| {
        receiver.answer(&[answer]);
        admin.ask(Method::POST, &format!("{path}/ping")).send().await.expect(200).json()
    };
    let away = format!("307 There\r\nlocation: {}", other.url());
    assert_eq!(ping(&away).await["code"], "redirected");
    assert_eq!(ping("200 OK").await["delivered"], true, "a thousand megabytes that never come are not waited for");
    assert_eq!(ping("never").await["code"], "timeout");
    assert_eq!(ping("410 Gone").await["code"], "gone");
    for _ in 0..4 {
        receiver.next().await;
    }
    assert!(other.arrived.is_empty());
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let url = json!({ "url": format!("http://127.0.0.1:{closed}/") });
    admin.ask(Method::PATCH, &path).header("if-match", "*").json(url).await.expect(200);
    let unreachable = admin.ask(Method::POST, &format!("{path}/ping")).send().await.expect(200).json();
    assert_eq!(unreachable["code"], "unreachable");
    background.stop().await;
}

#[actix_web::test]
async fn an_office_that_sends_nothing_says_so_and_a_stale_change_answers_both_states() {
    let office = Office::open().await;
    let form = json!({ "name": "register", "url": "https://registry.example/in" });
    office.admin().await.post("/webhooks", form.clone()).await.problem(409, "webhooks_are_off");
    let (office, background) = open(&[]).await;
    let admin = office.admin().await;
    let made = admin.post("/webhooks", form).await.expect(201);
    let (tag, path) = (made.header("etag").to_owned(), path_of(&made.json()));
    let change = |name: &str| json!({ "name": name });
    admin.ask(Method::PATCH, &path).json(change("b")).await.problem(428, "precondition_required");
    admin.ask(Method::PATCH, &path).header("if-match", &tag).json(change("b")).await.expect(200);
    let stale = admin.ask(Method::PATCH, &path).header("if-match", &tag).json(change("c")).await.problem(412, "stale");
    assert_eq!(stale["current"]["name"], "b", "{stale}");
    admin.get(&format!("{path}/deliveries?state=lost")).await.problem(400, "invalid_query");
    admin.ask(Method::DELETE, &path).header("if-match", "*").send().await.expect(204);
    admin.get(&path).await.problem(404, "not_found");
    background.stop().await;
}
