//! The office that is measured: the real program on a folder of its own, spoken to from outside.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};

use crate::aside;
use crate::connection::{Answer, Connection, head};
use crate::make::MARK;
use crate::process::{self, Finished, Running};
use crate::settings::Settings;
use crate::tls::Certificate;

const PASSWORD: &str = "a long password for benches 7";
const READER: &str = "bench-reader";
/// Somebody who is in no group.
pub const OUTSIDER: &str = "bench-outsider";
const READER_PASSWORD: &str = "another long password for benches 7";
/// How long an office may take to be ready, and to have read all its papers.
const READY_PATIENCE: Duration = Duration::from_secs(60);
const SETTLE_PATIENCE: Duration = Duration::from_secs(600);
const BOUNDARY: &str = "----cartulary-benches";

/// An office that runs.
#[derive(Debug)]
pub struct Office {
    /// The process.
    pub process: Running,
    /// Where it answers.
    pub address: SocketAddr,
    /// A token of its administrator.
    pub token: String,
    /// How long it took from its start to the first `ready`. *Units*: seconds.
    pub ready_seconds: f64,
    is_tls: bool,
}

impl Office {
    /// Opens an office on a data folder, with the defaults of the program.
    pub fn open(settings: &Settings, data: &Path) -> anyhow::Result<Self> {
        Self::start(settings, data, None)
    }

    /// As [`Office::open`], over TLS.
    pub fn open_tls(settings: &Settings, data: &Path, certificate: &Certificate) -> anyhow::Result<Self> {
        Self::start(settings, data, Some(certificate))
    }

    fn start(settings: &Settings, data: &Path, certificate: Option<&Certificate>) -> anyhow::Result<Self> {
        let address = free_address()?;
        let mut command = program(settings);
        command.arg("serve").arg("--data").arg(data).args(["--listen", &address.to_string()]);
        command.env("CARTULARY_ADMIN_PASSWORD", PASSWORD);
        settings.slow_syncs_of(&mut command)?;
        if let Some(made) = certificate {
            command.args(["--tls", "files"]);
            command.env("CARTULARY_SERVER_TLS_CERTIFICATE", &made.certificate);
            command.env("CARTULARY_SERVER_TLS_KEY", &made.key);
        }
        let log = data.with_extension("log");
        let begin = Instant::now();
        let process = Running::start(command, &log)?;
        let is_tls = certificate.is_some();
        let mut office = Self { process, address, token: String::new(), ready_seconds: 0.0, is_tls };
        while !office.is_ready() {
            let is_over = office.process.has_ended();
            if is_over || begin.elapsed() > READY_PATIENCE {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                bail!("the office did not become ready: {}", last_lines(&said));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        office.ready_seconds = begin.elapsed().as_secs_f64();
        office.token = office.sign_in("admin", PASSWORD)?;
        Ok(office)
    }

    fn is_ready(&self) -> bool {
        let ask = || -> anyhow::Result<u16> {
            Ok(self.connect()?.exchange(&[&head("GET", "/health/ready", None, "", 0)])?.status)
        };
        ask().is_ok_and(|status| status == 200)
    }

    /// Connects to the office.
    pub fn connect(&self) -> anyhow::Result<Connection> {
        if self.is_tls { Connection::tls(self.address) } else { Connection::plain(self.address) }
    }

    /// Ends the office.
    pub fn close(mut self) -> anyhow::Result<()> {
        self.process.stop()
    }

    /// Returns the processor seconds of the server and its readers.
    pub fn cpu(&self) -> anyhow::Result<f64> {
        process::tree_cpu(self.process.id())
    }

    /// Returns the processor seconds of the server alone.
    pub fn server_cpu(&self) -> anyhow::Result<f64> {
        process::own_cpu(self.process.id())
    }

    fn sign_in(&self, username: &str, password: &str) -> anyhow::Result<String> {
        let body = json!({ "username": username, "password": password });
        let (status, answer) = self.connect()?.json("POST", "/api/v1/sessions", None, Some(&body))?;
        ensure!(status == 201, "signing in as `{username}` was answered {status}: {answer}");
        Ok(answer.get("token").and_then(Value::as_str).context("no token")?.to_owned())
    }

    /// Returns the token of a person who may read and nothing more, so that permissions are looked at.
    pub fn reader_token(&self) -> anyhow::Result<String> {
        self.token_of(READER, &["readers"])
    }

    /// Returns the token of a person who may see nothing.
    pub fn outsider_token(&self) -> anyhow::Result<String> {
        self.token_of(OUTSIDER, &[])
    }

    fn token_of(&self, name: &str, groups: &[&str]) -> anyhow::Result<String> {
        if let Ok(token) = self.sign_in(name, READER_PASSWORD) {
            return Ok(token);
        }
        let first = "the first password of the reader 7";
        let user = json!({ "username": name, "password": first, "groups": groups });
        let mut connection = self.connect()?;
        let (status, answer) = connection.json("POST", "/api/v1/users", Some(&self.token), Some(&user))?;
        ensure!(status == 201, "`{name}` could not be made: {status} {answer}");
        let token = self.sign_in(name, first)?;
        let change = json!({ "currentPassword": first, "newPassword": READER_PASSWORD });
        let (status, answer) = connection.json("PUT", "/api/v1/users/me/password", Some(&token), Some(&change))?;
        ensure!(status == 204, "the password of `{name}` could not be changed: {status} {answer}");
        self.sign_in(name, READER_PASSWORD)
    }

    /// Gives an object another list.
    pub fn put_acl(&self, id: &str, list: &Value) -> anyhow::Result<()> {
        let path = format!("/api/v1/objects/{id}/acl");
        let (status, answer) = self.connect()?.change("PUT", &path, &self.token, list)?;
        ensure!(status == 200, "a list was answered {status}: {answer}");
        Ok(())
    }

    /// Waits until a word is found so often.
    pub fn wait_found(&self, word: &str, count: u64) -> anyhow::Result<()> {
        let begin = Instant::now();
        loop {
            let found = total(&self.get(&format!("/api/v1/search?q={word}&limit=1"))?);
            if found >= count {
                return Ok(());
            }
            ensure!(begin.elapsed() < SETTLE_PATIENCE, "of {count} objects {found} are found");
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    /// Asks for JSON as the administrator.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        let (status, answer) = self.connect()?.json("GET", path, Some(&self.token), None)?;
        ensure!(status == 200, "GET {path} was answered {status}: {answer}");
        Ok(answer)
    }

    /// Opens a dossier and returns its id.
    pub fn make_dossier(&self, name: &str) -> anyhow::Result<String> {
        let body = json!({ "name": name });
        let (status, answer) = self.connect()?.json("POST", "/api/v1/dossiers", Some(&self.token), Some(&body))?;
        ensure!(status == 201, "a dossier was answered {status}: {answer}");
        id_of(&answer)
    }

    /// Files a document, and returns its id.
    pub fn file_document(&self, dossier: &str, name: &str, bytes: &[u8]) -> anyhow::Result<String> {
        let form = Form::new(&self.token, dossier, "application/octet-stream");
        let answer = form.send(&mut self.connect()?, name, bytes)?;
        ensure!(answer.status == 201, "a document was answered {}", answer.status);
        id_of(&serde_json::from_slice(&answer.body)?)
    }

    /// Waits until so many texts are found, and no job waits or runs; returns how long that took, in seconds.
    pub fn settle(&self, texts: usize) -> anyhow::Result<f64> {
        let begin = Instant::now();
        let mut connection = self.connect()?;
        let mut count = |path: &str| -> anyhow::Result<u64> {
            let (status, answer) = connection.json("GET", path, Some(&self.token), None)?;
            ensure!(status == 200, "GET {path} was answered {status}: {answer}");
            Ok(total(&answer))
        };
        let search = format!("/api/v1/search?q={MARK}&limit=1");
        loop {
            let at_work = count("/api/v1/jobs?state=waiting&limit=1")? + count("/api/v1/jobs?state=running&limit=1")?;
            // Asked for last and seldom: what this costs the office is counted as the office's.
            if at_work == 0 && count(&search)? >= texts as u64 {
                return Ok(begin.elapsed().as_secs_f64());
            }
            if begin.elapsed() > SETTLE_PATIENCE {
                let (found, dead) = (count(&search)?, count("/api/v1/jobs?state=dead&limit=1")?);
                bail!("of {texts} texts {found} are found; {at_work} jobs wait or run, {dead} are dead");
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    }
}

/// A form that files documents in one dossier.
#[derive(Debug)]
pub struct Form {
    token: String,
    path: String,
    media_type: &'static str,
}

impl Form {
    /// Readies the form.
    pub fn new(token: &str, dossier: &str, media_type: &'static str) -> Self {
        Self { token: token.to_owned(), path: format!("/api/v1/dossiers/{dossier}/documents"), media_type }
    }

    /// Sends a document without content.
    pub fn send_placeholder(&self, connection: &mut Connection, name: &str) -> anyhow::Result<Answer> {
        let body = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\n{name}\r\n--{BOUNDARY}--\r\n"
        );
        let kind = format!("Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n");
        let head = head("POST", &self.path, Some(&self.token), &kind, body.len());
        connection.ask(&[&head, body.as_bytes()])
    }

    /// Sends a document.
    pub fn send(&self, connection: &mut Connection, name: &str, bytes: &[u8]) -> anyhow::Result<Answer> {
        let before = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"content\"; filename=\"{name}\"\r\n\
             Content-Type: {}\r\n\r\n",
            self.media_type
        );
        let after = format!("\r\n--{BOUNDARY}--\r\n");
        let kind = format!("Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n");
        let length = before.len() + bytes.len() + after.len();
        let head = head("POST", &self.path, Some(&self.token), &kind, length);
        connection.ask(&[&head, before.as_bytes(), bytes, after.as_bytes()])
    }
}

/// Imports a folder into a data folder that no office runs on.
pub fn import(settings: &Settings, folder: &Path, data: &Path) -> anyhow::Result<(Finished, Value)> {
    let mut command = program(settings);
    command.arg("import").arg(folder).arg("--data").arg(data).arg("--json");
    let log = data.with_extension("import.log");
    let finished = process::run(&mut command, &log)?;
    let said = std::fs::read_to_string(&log).unwrap_or_default();
    ensure!(finished.status.success(), "the import ended with {}: {}", finished.status, last_lines(&said));
    let report = serde_json::from_str(&finished.output).context("the import's report is no JSON")?;
    Ok((finished, report))
}

/// Returns the data folder of an office of `count` dossiers with one text each, all read and found; made once.
pub fn standing_office(settings: &Settings, count: usize) -> anyhow::Result<PathBuf> {
    let data = settings.work.join(format!("office-{count}"));
    let whole = data.with_extension("whole");
    if whole.exists() {
        return Ok(data);
    }
    aside::put(&data)?;
    let papers = crate::make::small_dossiers(&settings.work, count)?;
    import(settings, &papers, &data)?;
    let office = Office::open(settings, &data)?;
    office.settle(count)?;
    office.close()?;
    std::fs::write(whole, b"")?;
    Ok(data)
}

/// Returns an address on this machine that nobody listens on.
pub fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Returns the program, with nothing of this environment that would change what it does.
fn program(settings: &Settings) -> Command {
    let mut command = Command::new(&settings.program);
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARTULARY_")) {
            command.env_remove(name);
        }
    }
    command
}

fn total(page: &Value) -> u64 {
    page.get("total").and_then(Value::as_u64).unwrap_or_default()
}

fn id_of(answer: &Value) -> anyhow::Result<String> {
    Ok(answer.get("id").and_then(Value::as_str).context("no id")?.to_owned())
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines.get(lines.len().saturating_sub(5)..).unwrap_or_default().join(" | ")
}
