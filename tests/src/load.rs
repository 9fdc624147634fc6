//! Mixed work of several people at once: dossiers, uploads, versions, titles, the trash, searches. Each writes into the
//! ledger what it sends before it sends it, and what was acknowledged after.

#![expect(clippy::expect_used, reason = "a broken lock or thread fails the test")]
#![expect(clippy::indexing_slicing, reason = "what is not in an answer is null")]

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;

use crate::client::{Answer, Client};
use crate::ledger::{Ledger, Paper, digest_of};
use crate::random::Random;

/// People who work.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    people: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    ledger: Mutex<Ledger>,
    grown: Condvar,
    is_over: AtomicBool,
    /// Answers that no fault excuses.
    odd: Mutex<Vec<String>>,
}

impl Load {
    /// Lets `people` work until they are stopped or the office is gone; `ledger` is what was there before.
    pub fn start(client: &Client, people: u64, random: &mut Random, ledger: Ledger) -> Self {
        let shared = Arc::new(Shared { ledger: Mutex::new(ledger), ..Shared::default() });
        let people = (0..people).map(|number| {
            let person = Person {
                client: client.clone(),
                random: Random::seeded(random.number()),
                shared: Arc::clone(&shared),
                dossier: String::new(),
                papers: Vec::new(),
                number,
            };
            std::thread::spawn(move || person.work())
        });
        let people = people.collect();
        Self { shared, people }
    }

    /// Waits until so many more writes were acknowledged; `false` when that does not happen in time.
    pub fn wait_for(&self, more: u64, at_most: Duration) -> bool {
        let ledger = self.shared.ledger.lock().expect("a ledger");
        let wanted = ledger.acknowledged + more;
        let waited = self.shared.grown.wait_timeout_while(ledger, at_most, |ledger| ledger.acknowledged < wanted);
        !waited.expect("a ledger").1.timed_out()
    }

    /// Returns what is acknowledged by now.
    pub fn ledger(&self) -> Ledger {
        self.shared.ledger.lock().expect("a ledger").clone()
    }

    /// Returns answers that no fault of the machine excuses.
    pub fn odd_answers(&self) -> Vec<String> {
        self.shared.odd.lock().expect("a list").clone()
    }

    /// Lets everyone finish what is under way, and returns the ledger.
    pub fn stop(self) -> Ledger {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for person in self.people {
            person.join().expect("a person");
        }
        let ledger = self.shared.ledger.lock().expect("a ledger");
        ledger.clone()
    }
}

struct Person {
    client: Client,
    random: Random,
    shared: Arc<Shared>,
    dossier: String,
    /// Own documents that are not in the trash.
    papers: Vec<String>,
    number: u64,
}

impl Person {
    /// Works until told to stop, or until the office is gone.
    fn work(mut self) {
        while !self.shared.is_over.load(Ordering::Relaxed) {
            if self.act().is_err() {
                return;
            }
        }
    }

    fn act(&mut self) -> io::Result<()> {
        let dice = self.random.between(0, 100);
        match dice {
            _ if self.dossier.is_empty() => self.open_dossier(),
            0..4 => self.open_dossier(),
            4..46 => self.upload(),
            _ if self.papers.is_empty() => self.upload(),
            46..68 => self.new_version(),
            68..80 => self.retitle(),
            80..86 => self.trash(),
            _ => self.search(),
        }
    }

    fn acknowledge(&self, change: impl FnOnce(&mut Ledger)) {
        let mut ledger = self.shared.ledger.lock().expect("a ledger");
        change(&mut ledger);
        ledger.acknowledged += 1;
        self.shared.grown.notify_all();
    }

    fn note(&self, id: &str, change: impl FnOnce(&mut Paper)) {
        let mut ledger = self.shared.ledger.lock().expect("a ledger");
        change(ledger.papers.entry(id.to_owned()).or_default());
    }

    fn odd(&self, what: &str, answer: &Answer) {
        let body = String::from_utf8_lossy(&answer.body).chars().take(300).collect::<String>();
        self.shared.odd.lock().expect("a list").push(format!("{what}: {} {body}", answer.status));
    }

    fn open_dossier(&mut self) -> io::Result<()> {
        let name = format!("dossier {} {:016x}", self.number, self.random.number());
        let answer = self.client.post("/api/v1/dossiers", &json!({"name": name}))?;
        if answer.status != 201 {
            self.odd("new dossier", &answer);
            return Ok(());
        }
        self.dossier = answer.json()["id"].as_str().unwrap_or_default().to_owned();
        let id = self.dossier.clone();
        self.acknowledge(|ledger| {
            ledger.dossiers.insert(id);
        });
        Ok(())
    }

    fn content(&mut self) -> (String, Vec<u8>) {
        if self.random.percent(45) {
            let count = self.random.between(3, 2_000);
            return ("letter.txt".to_owned(), self.random.words(count).into_bytes());
        }
        // Bodies above a mebibyte take another way into the store.
        let most = if self.random.percent(7) { 3_000_000 } else { 60_000 };
        let count = self.random.between(1, most);
        ("scan.bin".to_owned(), self.random.bytes(count))
    }

    fn upload(&mut self) -> io::Result<()> {
        let (file_name, content) = self.content();
        let file_name = format!("{:08x} {file_name}", self.random.number() >> 32);
        let answer = self.client.upload(&self.dossier, file_name.as_bytes(), &content)?;
        if answer.status != 201 {
            self.odd("upload", &answer);
            return Ok(());
        }
        let json = answer.json();
        let id = json["id"].as_str().unwrap_or_default().to_owned();
        let label = label_of(&json);
        self.papers.push(id.clone());
        self.acknowledge(|ledger| {
            let paper = ledger.papers.entry(id).or_default();
            paper.versions.insert(label, digest_of(&content));
        });
        Ok(())
    }

    /// Returns one of the own documents with its present ETag.
    fn pick(&mut self) -> io::Result<Option<(String, String)>> {
        let at = self.random.between(0, self.papers.len() as u64);
        let picked = usize::try_from(at).ok().and_then(|at| self.papers.get(at)).cloned();
        let Some(id) = picked else { return Ok(None) };
        let answer = self.client.get(&format!("/api/v1/documents/{id}"))?;
        if answer.status != 200 {
            self.odd("own document", &answer);
            return Ok(None);
        }
        Ok(answer.header("etag").map(|tag| (id, tag.to_owned())))
    }

    fn new_version(&mut self) -> io::Result<()> {
        let Some((id, tag)) = self.pick()? else { return Ok(()) };
        let (_, content) = self.content();
        let digest = digest_of(&content);
        self.note(&id, |paper| {
            paper.tried.insert(digest.clone());
        });
        let path = format!("/api/v1/documents/{id}/content");
        let headers = [("If-Match", tag.as_str()), ("Content-Type", "application/octet-stream")];
        let answer = self.client.send("PUT", &path, &headers, &content)?;
        if answer.status != 200 {
            self.odd("new version", &answer);
            return Ok(());
        }
        let label = label_of(&answer.json());
        self.acknowledge(|ledger| drop(ledger.papers.entry(id).or_default().versions.insert(label, digest)));
        Ok(())
    }

    fn retitle(&mut self) -> io::Result<()> {
        let Some((id, tag)) = self.pick()? else { return Ok(()) };
        let mut number = 0;
        self.note(&id, |paper| {
            paper.title_tried += 1;
            number = paper.title_tried;
        });
        let body = json!({"title": format!("title {number}")}).to_string();
        let headers = [("If-Match", tag.as_str()), ("Content-Type", "application/json")];
        let answer = self.client.send("PATCH", &format!("/api/v1/documents/{id}"), &headers, body.as_bytes())?;
        if answer.status != 200 {
            self.odd("new title", &answer);
            return Ok(());
        }
        self.acknowledge(|ledger| ledger.papers.entry(id).or_default().title = number);
        Ok(())
    }

    fn trash(&mut self) -> io::Result<()> {
        let Some((id, tag)) = self.pick()? else { return Ok(()) };
        self.note(&id, |paper| paper.trash_tried = true);
        let answer = self.client.send("DELETE", &format!("/api/v1/documents/{id}"), &[("If-Match", &tag)], &[])?;
        if answer.status != 204 {
            self.odd("trash", &answer);
            return Ok(());
        }
        self.papers.retain(|known| *known != id);
        self.acknowledge(|ledger| ledger.papers.entry(id).or_default().is_trashed = true);
        Ok(())
    }

    fn search(&mut self) -> io::Result<()> {
        let word = self.random.words(1);
        let escaped: String = word.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = self.client.get(&format!("/api/v1/search?q={escaped}&limit=5"))?;
        if answer.status != 200 {
            self.odd("search", &answer);
        }
        Ok(())
    }
}

/// Returns the label of the newest version: that of an object that was changed since has a plus.
fn label_of(json: &serde_json::Value) -> String {
    json["versionLabel"].as_str().unwrap_or_default().trim_end_matches('+').to_owned()
}
