//! The server on a real socket: slow clients, broken uploads, and an orderly end.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::office::Office;

pub struct Running {
    pub office: Office,
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    ended: tokio::task::JoinHandle<std::io::Result<()>>,
}

pub async fn run(change: impl FnOnce(&mut cartulary_http::Parts)) -> Running {
    let office = Office::open_with(change).await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = cartulary_http::serve(office.state.clone(), listener, None, async {
        let _ = stopped.await;
    });
    let ended = tokio::task::spawn_local(serving);
    Running { office, address, stop: Some(stop), ended }
}

impl Running {
    async fn send(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub async fn stop(mut self) {
        let _ = self.stop.take().unwrap().send(());
        self.ended.await.unwrap().unwrap();
    }
}

const LIVE: &str = "GET /health/live HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";

#[actix_web::test]
async fn it_answers_and_ends_in_order() {
    let running = run(|_| {}).await;
    let answer = running.send(LIVE).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("{\"status\":\"live\"}"), "{answer}");
    let head = running.send(&LIVE.replace("GET", "HEAD")).await;
    assert!(head.contains("content-length: 17") && head.ends_with("\r\n\r\n"), "{head}");
    let address = running.address;
    running.stop().await;
    assert!(TcpStream::connect(address).await.is_err(), "the socket is closed");
}

#[actix_web::test]
async fn a_refused_upload_still_gets_its_answer() {
    let running = run(|_| {}).await;
    let client = running.office.admin().await;
    let dossier = client.dossier("A").await;
    let document = client.document(&dossier, "a.txt", b"first").await;
    let head = format!(
        "PUT /api/v1/documents/{}/content HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nif-match: \"0\"\r\n\
         content-length: 100000000\r\n\r\n",
        document["id"].as_str().unwrap(),
        client.token
    );
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4_096];
    let length = stream.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 412") && answer.contains("\"code\":\"stale\""), "{answer}");
    drop(stream);
    running.stop().await;
}

#[actix_web::test]
async fn who_may_not_write_filled_the_store() {
    let running = run(|_| {}).await;
    let admin = running.office.admin().await;
    let dossier = admin.dossier("A").await;
    let document = admin.document(&dossier, "a.txt", b"first").await["id"].as_str().unwrap().to_owned();
    let dossier = dossier["id"].as_str().unwrap();
    let stranger = running.office.user("eve", &[]).await;
    for (method, path, more) in [
        ("POST", format!("/dossiers/{dossier}/documents"), "content-type: multipart/form-data; boundary=B\r\n"),
        ("POST", format!("/dossiers/{document}/documents"), "content-type: multipart/form-data; boundary=B\r\n"),
        ("PUT", format!("/documents/{document}/content"), "if-match: *\r\n"),
        ("PUT", format!("/imports/{document}/files?path=a"), ""),
    ] {
        let head = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n{more}\
             content-length: 900000000\r\n\r\n",
            stranger.token
        );
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // The answer comes although nothing of the body does.
        let answer = answer_of(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{method} {path}: {answer}");
    }
    running.stop().await;
}

#[actix_web::test]
async fn slow_connections_do_not_keep_others_out() {
    let running = run(|parts| parts.config.workers = 1).await;
    let mut slow = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: ").await.unwrap();
        slow.push(stream);
    }
    let answer = tokio::time::timeout(Duration::from_secs(5), running.send(LIVE)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    drop(slow);
    running.stop().await;
}

#[actix_web::test]
async fn a_head_that_never_ends_is_cut_off() {
    let running = run(|parts| parts.config.header_timeout_ms = 50).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: ").await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&answer));
    running.stop().await;
}

#[actix_web::test]
async fn an_upload_that_stands_still_or_breaks_leaves_nothing() {
    let running = run(|parts| parts.config.body_timeout_ms = 50).await;
    let client = running.office.admin().await;
    let dossier = client.dossier("A").await;
    let document = client.document(&dossier, "a.txt", b"first").await;
    let head = format!(
        "PUT /api/v1/documents/{}/content HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nif-match: *\r\n\
         content-length: 100\r\nconnection: close\r\n\r\nhalf",
        document["id"].as_str().unwrap(),
        client.token
    );
    let answer = running.send(&head).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"), "{answer}");
    let versions = client.get(&format!("/documents/{}/versions", document["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(versions.json()["total"], 1);
    running.stop().await;
}

/// Opens an upload that announces more than it sends.
async fn upload_at(running: &Running, client: &crate::office::Client<'_>, document: &serde_json::Value) -> TcpStream {
    let head = format!(
        "PUT /api/v1/documents/{}/content HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nif-match: *\r\n\
         content-length: 1000000000\r\nconnection: close\r\n\r\nhalf",
        document["id"].as_str().unwrap(),
        client.token
    );
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// Reads an answer, or what there is of it when the connection is cut because nobody took the rest of the body.
async fn answer_of(stream: &mut TcpStream) -> String {
    let mut answer = vec![0; 4_096];
    let length = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut answer)).await.unwrap().unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[actix_web::test]
async fn a_client_that_drips_held_a_body_for_ever() {
    let running = run(|parts| {
        // However fast the test drips, it is far below this rate; no pause is as long as the time that it may stand still.
        parts.config.body_bytes_per_second = 1 << 50;
        parts.config.body_timeout_ms = 500;
    })
    .await;
    let client = running.office.admin().await;
    let document = client.document(&client.dossier("A").await, "a.txt", b"first").await;
    let (mut reader, mut writer) = upload_at(&running, &client, &document).await.into_split();
    let mut answer = vec![0; 4_096];
    let dripping = async {
        while writer.write_all(b".").await.is_ok() {
            tokio::task::yield_now().await;
        }
        std::future::pending::<()>().await;
    };
    let refused = async {
        tokio::select! {
            length = reader.read(&mut answer) => length.unwrap(),
            () = dripping => unreachable!(),
        }
    };
    let length = tokio::time::timeout(Duration::from_secs(60), refused).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"), "{answer}");
    running.stop().await;
}

#[actix_web::test]
async fn stalled_uploads_took_memory_without_a_bound() {
    let running = run(|parts| parts.config.max_uploads = 2).await;
    let client = running.office.admin().await;
    let document = client.document(&client.dossier("A").await, "a.txt", b"first").await;
    let mut stalled = Vec::new();
    let refused = loop {
        // Which of them comes to its turn first is not known: one of the three is refused.
        stalled.push(upload_at(&running, &client, &document).await);
        if stalled.len() < 3 {
            continue;
        }
        let (first, rest) = stalled.split_at_mut(1);
        let (second, third) = rest.split_at_mut(1);
        break tokio::select! {
            answer = answer_of(&mut first[0]) => answer,
            answer = answer_of(&mut second[0]) => answer,
            answer = answer_of(&mut third[0]) => answer,
        };
    };
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 5"), "{refused}");
    assert!(refused.contains("\"code\":\"unavailable\""), "{refused}");
    client.get("/dossiers").await.expect(200);
    client.dossier("small forms are taken").await;
    drop(stalled);
    running.stop().await;
}
