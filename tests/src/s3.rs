//! An S3-compatible store in memory, which can be told to go away, to be slow, or to lie.

#![expect(clippy::expect_used, reason = "a broken lock fails the test")]

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

/// How the store behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Manner {
    /// As it should.
    #[default]
    Honest,
    /// It hangs up on everyone.
    Away,
    /// It answers nothing until it is honest again.
    Slow,
    /// It gives bytes of the right length, of which the last is another.
    Lying,
}

/// The store.
#[derive(Debug)]
pub struct S3 {
    /// Its address, for the setting `endpoint`.
    pub endpoint: String,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    manner: Mutex<Manner>,
    changed: Condvar,
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

struct Answer {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
}

impl S3 {
    /// Starts a store on a free port of this machine.
    ///
    /// # Errors
    /// There is no port.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared::default());
        let owned = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&owned);
                std::thread::spawn(move || shared.serve(&stream));
            }
        });
        Ok(Self { endpoint, shared })
    }

    /// Changes how it behaves.
    pub fn be(&self, manner: Manner) {
        *self.shared.manner.lock().expect("a manner") = manner;
        self.shared.changed.notify_all();
    }

    /// Returns how many objects it has.
    pub fn count(&self) -> usize {
        self.shared.objects.lock().expect("objects").len()
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        self.be(Manner::Away);
    }
}

impl Shared {
    /// Serves one connection, request by request.
    fn serve(&self, stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        while let Ok(request) = read_request(&mut reader, stream) {
            let manner = {
                let manner = self.manner.lock().expect("a manner");
                let slow = self.changed.wait_while(manner, |manner| *manner == Manner::Slow);
                *slow.expect("a manner")
            };
            if manner == Manner::Away {
                return;
            }
            let answer = self.answer(&request, manner);
            if answer.send(stream, request.method == "HEAD").is_err() {
                return;
            }
        }
    }

    fn answer(&self, request: &Request, manner: Manner) -> Answer {
        let mut objects = self.objects.lock().expect("objects");
        match request.method.as_str() {
            "PUT" => {
                let is_taken = request.header("if-none-match").is_some() && objects.contains_key(&request.path);
                if is_taken {
                    return problem("412 Precondition Failed", "PreconditionFailed");
                }
                let copied =
                    request.header("x-amz-copy-source").map(|source| source.trim_start_matches('/').to_owned());
                let body = match copied {
                    Some(source) => objects.get(&format!("/{source}")).cloned(),
                    None => Some(request.body.clone()),
                };
                let Some(body) = body else { return problem("404 Not Found", "NoSuchKey") };
                objects.insert(request.path.clone(), body);
                let copied = b"<CopyObjectResult><ETag>\"etag\"</ETag></CopyObjectResult>".to_vec();
                let body = if request.header("x-amz-copy-source").is_some() { copied } else { Vec::new() };
                Answer { status: "200 OK", headers: String::new(), body }
            }
            "GET" if request.query.contains("list-type") => list(&objects, request),
            "GET" | "HEAD" => {
                let Some(bytes) = objects.get(&request.path) else { return problem("404 Not Found", "NoSuchKey") };
                let mut bytes = bytes.clone();
                if let Some(last) = bytes.last_mut().filter(|_| manner == Manner::Lying) {
                    *last ^= 1;
                }
                part(&bytes, request.header("range"))
            }
            "DELETE" => {
                objects.remove(&request.path);
                Answer { status: "204 No Content", headers: String::new(), body: Vec::new() }
            }
            _ => problem("501 Not Implemented", "NotImplemented"),
        }
    }
}

fn list(objects: &BTreeMap<String, Vec<u8>>, request: &Request) -> Answer {
    let prefix = request.query.split('&').find_map(|pair| pair.strip_prefix("prefix=")).unwrap_or_default();
    let prefix = prefix.replace("%2F", "/");
    let mut body = String::from("<ListBucketResult><IsTruncated>false</IsTruncated>");
    for (path, bytes) in objects {
        let key = path.trim_start_matches('/').split_once('/').map_or("", |(_, key)| key);
        if key.starts_with(&prefix) {
            body.push_str(&format!(
                "<Contents><Key>{key}</Key><LastModified>2026-11-01T00:00:00.000Z</LastModified>\
                 <ETag>\"etag\"</ETag><Size>{}</Size></Contents>",
                bytes.len()
            ));
        }
    }
    body.push_str("</ListBucketResult>");
    Answer { status: "200 OK", headers: String::new(), body: body.into_bytes() }
}

fn part(bytes: &[u8], range: Option<&str>) -> Answer {
    let whole = || Answer { status: "200 OK", headers: String::new(), body: bytes.to_vec() };
    let Some((from, to)) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) else {
        return whole();
    };
    let (Ok(from), last) = (from.parse::<usize>(), bytes.len().saturating_sub(1)) else { return whole() };
    let to = to.parse::<usize>().unwrap_or(last).min(last);
    let Some(body) = bytes.get(from..=to) else { return problem("416 Range Not Satisfiable", "InvalidRange") };
    let headers = format!("Content-Range: bytes {from}-{to}/{}\r\n", bytes.len());
    Answer { status: "206 Partial Content", headers, body: body.to_vec() }
}

fn problem(status: &'static str, code: &str) -> Answer {
    let body = format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>").into_bytes();
    Answer { status, headers: String::new(), body }
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

impl Answer {
    fn send(&self, mut stream: &TcpStream, is_head: bool) -> io::Result<()> {
        let head = format!(
            "HTTP/1.1 {}\r\nContent-Length: {}\r\nETag: \"etag\"\r\nLast-Modified: Sun, 01 Nov 2026 00:00:00 GMT\r\n{}\r\n",
            self.status,
            self.body.len(),
            self.headers
        );
        stream.write_all(head.as_bytes())?;
        if is_head { Ok(()) } else { stream.write_all(&self.body) }
    }
}

fn read_request(reader: &mut BufReader<&TcpStream>, mut stream: &TcpStream) -> io::Result<Request> {
    let first = read_line(reader)?;
    let mut words = first.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request =
        Request { method, path: path.to_owned(), query: query.to_owned(), headers: Vec::new(), body: Vec::new() };
    loop {
        let line = read_line(reader)?;
        let Some((name, value)) = line.split_once(':') else { break };
        request.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    if request.header("expect").is_some() {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0_u64);
    reader.take(length).read_to_end(&mut request.body)?;
    Ok(request)
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}
