//! A small blocking HTTP client: one connection for each request, and an answer that broke off is an error.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot sign in must fail, in words")]
#![expect(clippy::indexing_slicing, reason = "what is not in an answer is null")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

/// No answer takes longer than this, in a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the office answered.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case, with their values.
    pub headers: Vec<(String, String)>,
    /// The body, whole.
    pub body: Vec<u8>,
}

impl Answer {
    /// Returns a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Returns the body as JSON; null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// Returns the code of a problem.
    pub fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// Fails unless the status is the expected one.
    pub fn expect(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{}", body.chars().take(600).collect::<String>());
        self
    }
}

/// A client of one office.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    token: Option<String>,
}

impl Client {
    /// Returns a client that is not signed in.
    pub const fn new(address: SocketAddr) -> Self {
        Self { address, token: None }
    }

    /// Signs in.
    #[must_use]
    pub fn signed_in(self, username: &str, password: &str) -> Self {
        let answer = self.post("/api/v1/sessions", &json!({"username": username, "password": password}));
        let answer = answer.expect("an office that answers").expect(201);
        let Some(token) = answer.json()["token"].as_str().map(str::to_owned) else { panic!("no token") };
        Self { token: Some(token), ..self }
    }

    /// Returns the token that signs in.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// Returns where the office answers.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gets something.
    ///
    /// # Errors
    /// No connection, or an answer that broke off.
    pub fn get(&self, path: &str) -> io::Result<Answer> {
        self.send("GET", path, &[], &[])
    }

    /// Posts JSON.
    ///
    /// # Errors
    /// See [`Client::get`].
    pub fn post(&self, path: &str, body: &Value) -> io::Result<Answer> {
        self.send("POST", path, &[("Content-Type", "application/json")], body.to_string().as_bytes())
    }

    /// Makes a dossier and returns its id.
    ///
    /// # Errors
    /// See [`Client::get`].
    pub fn dossier(&self, name: &str) -> io::Result<String> {
        let answer = self.post("/api/v1/dossiers", &json!({"name": name}))?.expect(201);
        Ok(answer.json()["id"].as_str().unwrap_or_default().to_owned())
    }

    /// Files a document, as the web application does.
    ///
    /// # Errors
    /// See [`Client::get`].
    pub fn upload(&self, dossier: &str, file_name: &[u8], content: &[u8]) -> io::Result<Answer> {
        const LINE: &str = "----cartulary-test-boundary";
        let mut body =
            format!("--{LINE}\r\nContent-Disposition: form-data; name=\"content\"; filename=\"").into_bytes();
        body.extend_from_slice(file_name);
        body.extend_from_slice(b"\"\r\nContent-Type: application/octet-stream\r\n\r\n");
        body.extend_from_slice(content);
        body.extend_from_slice(format!("\r\n--{LINE}--\r\n").as_bytes());
        let kind = format!("multipart/form-data; boundary={LINE}");
        self.send("POST", &format!("/api/v1/dossiers/{dossier}/documents"), &[("Content-Type", &kind)], &body)
    }

    /// Sends a request and reads its answer to the end.
    ///
    /// # Errors
    /// See [`Client::get`].
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Answer> {
        let mut stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        if let Some(token) = &self.token {
            head.push_str(&format!("Authorization: Bearer {token}\r\n"));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
        // An office that refuses early answers before it has read everything: the answer counts.
        match read_answer(&mut BufReader::new(stream), method == "HEAD") {
            Err(error) => Err(sent.err().unwrap_or(error)),
            answered => answered,
        }
    }
}

/// Reads one answer.
///
/// # Errors
/// The connection ends before the answer does.
pub fn read_answer(stream: &mut impl BufRead, is_head: bool) -> io::Result<Answer> {
    let broken = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let status_line = line(stream)?;
    let status = status_line.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or_else(broken)?;
    let mut headers = Vec::new();
    loop {
        let line = line(stream)?;
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut answer = Answer { status, headers, body: Vec::new() };
    if is_head || matches!(status, 204 | 304) {
        return Ok(answer);
    }
    if answer.header("transfer-encoding").is_some_and(|how| how.contains("chunked")) {
        answer.body = chunks(stream)?;
    } else if let Some(length) = answer.header("content-length").and_then(|length| length.parse().ok()) {
        answer.body = exactly(stream, length)?;
    } else {
        stream.read_to_end(&mut answer.body)?;
    }
    Ok(answer)
}

fn chunks(stream: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(stream)?;
        let size = u64::from_str_radix(size.split(';').next().unwrap_or_default(), 16);
        let size = size.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
        body.extend(exactly(stream, size)?);
        line(stream)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn exactly(stream: &mut impl BufRead, count: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(count).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < count { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
}

fn line(stream: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    stream.read_until(b'\n', &mut bytes)?;
    if !bytes.ends_with(b"\n") {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}
