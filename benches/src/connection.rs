//! A client of HTTP/1.1 that costs next to nothing: blocking, one connection, kept alive. It shares the machine with
//! what it measures, and both sides are asked by it.

use std::io::{BufRead, BufReader, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustls::{ClientConnection, StreamOwned};
use serde_json::Value;

/// A body is read in pieces of this size.
const PIECE_BYTES: usize = 256 * 1024;
/// Nothing here takes longer, unless it hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection that is kept open.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<Transport>,
    line: Vec<u8>,
    piece: Vec<u8>,
}

#[derive(Debug)]
enum Transport {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// What was answered.
#[derive(Debug, Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The `ETag`, or nothing.
    pub etag: String,
    /// The body, when it was kept.
    pub body: Vec<u8>,
    /// *Units*: bytes of the body, kept or not.
    pub body_bytes: u64,
}

/// How a body ends.
#[derive(Debug, Clone, Copy)]
enum Framing {
    Length(u64),
    Chunks,
}

impl Connection {
    /// Connects in the clear.
    pub fn plain(address: SocketAddr) -> anyhow::Result<Self> {
        Ok(Self::over(Transport::Plain(connect(address)?)))
    }

    /// Connects with TLS and the cipher that both sides of a comparison use.
    pub fn tls(address: SocketAddr) -> anyhow::Result<Self> {
        let session = crate::tls::session()?;
        Ok(Self::over(Transport::Tls(Box::new(StreamOwned::new(session, connect(address)?)))))
    }

    fn over(transport: Transport) -> Self {
        Self { stream: BufReader::with_capacity(PIECE_BYTES, transport), line: Vec::new(), piece: vec![0; PIECE_BYTES] }
    }

    /// Sends a request that was put together before, and reads the answer; the body is thrown away.
    pub fn exchange(&mut self, parts: &[&[u8]]) -> anyhow::Result<Answer> {
        self.send(parts)?;
        self.receive(false)
    }

    /// As [`Connection::exchange`], and keeps the body.
    pub fn ask(&mut self, parts: &[&[u8]]) -> anyhow::Result<Answer> {
        self.send(parts)?;
        self.receive(true)
    }

    /// Sends JSON, or nothing, and reads JSON, or nothing.
    pub fn json(
        &mut self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> anyhow::Result<(u16, Value)> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
        let head = head(method, path, token, kind, body.len());
        let answer = self.ask(&[&head, body.as_bytes()])?;
        let value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        Ok((answer.status, value))
    }

    /// Sends JSON that changes whatever is there, and reads JSON, or nothing.
    pub fn change(&mut self, method: &str, path: &str, token: &str, body: &Value) -> anyhow::Result<(u16, Value)> {
        let body = body.to_string();
        let kind = "Content-Type: application/json\r\nIf-Match: *\r\n";
        let head = head(method, path, Some(token), kind, body.len());
        let answer = self.ask(&[&head, body.as_bytes()])?;
        let value = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        Ok((answer.status, value))
    }

    fn send(&mut self, parts: &[&[u8]]) -> anyhow::Result<()> {
        let stream = self.stream.get_mut();
        let mut slices: Vec<IoSlice<'_>> = parts.iter().map(|part| IoSlice::new(part)).collect();
        let mut left = slices.as_mut_slice();
        IoSlice::advance_slices(&mut left, 0);
        // Together, so that the parts do not wait for each other on the way.
        while !left.is_empty() {
            let written = stream.write_vectored(left)?;
            ensure!(written > 0, "the connection takes no more");
            IoSlice::advance_slices(&mut left, written);
        }
        Ok(stream.flush()?)
    }

    fn receive(&mut self, keeps: bool) -> anyhow::Result<Answer> {
        let (mut answer, framing) = self.read_head()?;
        let has_none = matches!(answer.status, 204 | 304);
        match framing {
            _ if has_none => {}
            Framing::Length(length) => self.read_body(length, keeps, &mut answer)?,
            Framing::Chunks => loop {
                self.read_line()?;
                let text = std::str::from_utf8(&self.line).context("a chunk's length is no text")?;
                let digits = text.split(';').next().unwrap_or_default().trim();
                let length = u64::from_str_radix(digits, 16).context("a chunk's length is no number")?;
                self.read_body(length, keeps, &mut answer)?;
                self.read_line()?;
                if length == 0 {
                    break;
                }
            },
        }
        Ok(answer)
    }

    fn read_head(&mut self) -> anyhow::Result<(Answer, Framing)> {
        let mut answer = Answer::default();
        let mut framing = Framing::Length(0);
        self.read_line()?;
        let status = self.line.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
        answer.status = status.and_then(|digits| digits.parse().ok()).context("the answer is not HTTP/1.1")?;
        loop {
            self.read_line()?;
            if self.line.is_empty() {
                return Ok((answer, framing));
            }
            let Some(colon) = self.line.iter().position(|byte| *byte == b':') else { continue };
            let (name, value) = self.line.split_at(colon);
            let value = String::from_utf8_lossy(value.get(1..).unwrap_or_default());
            if name.eq_ignore_ascii_case(b"content-length") {
                framing = Framing::Length(value.trim().parse().context("the length is no number")?);
            } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
                framing = Framing::Chunks;
            } else if name.eq_ignore_ascii_case(b"etag") {
                answer.etag = value.trim().to_owned();
            }
        }
    }

    /// Reads a line, without its end.
    fn read_line(&mut self) -> anyhow::Result<()> {
        self.line.clear();
        if self.stream.read_until(b'\n', &mut self.line)? == 0 {
            bail!("the other side closed the connection");
        }
        while matches!(self.line.last(), Some(b'\n' | b'\r')) {
            self.line.pop();
        }
        Ok(())
    }

    fn read_body(&mut self, length: u64, keeps: bool, answer: &mut Answer) -> anyhow::Result<()> {
        let mut left = length;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(PIECE_BYTES);
            let room = self.piece.get_mut(..most).unwrap_or_default();
            let got = self.stream.read(room)?;
            if got == 0 {
                bail!("the body breaks off with {left} bytes to come");
            }
            if keeps {
                answer.body.extend_from_slice(room.get(..got).unwrap_or_default());
            }
            left -= got as u64;
        }
        answer.body_bytes += length;
        Ok(())
    }
}

fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).with_context(|| format!("cannot reach {address}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Puts the head of a request together; `more` are further header lines, each with its end.
pub fn head(method: &str, path: &str, token: Option<&str>, more: &str, body_bytes: usize) -> Vec<u8> {
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    let length = if body_bytes > 0 || !matches!(method, "GET" | "HEAD") {
        format!("Content-Length: {body_bytes}\r\n")
    } else {
        String::new()
    };
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{token}{more}{length}\r\n").into_bytes()
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Transport {
    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write_vectored(parts),
            Self::Tls(stream) => stream.write_vectored(parts),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(bytes),
            Self::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}
