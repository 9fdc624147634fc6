//! Mixed work of several people at once: dossiers, uploads, versions, check-ins, titles, moves, grants, the trash, what is
//! destroyed, searches. Each writes into the ledger what it sends before it sends it, and what was acknowledged after.

#![expect(clippy::expect_used, reason = "a broken lock or thread fails the test")]
#![expect(clippy::indexing_slicing, reason = "what is not in an answer is null")]

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;

use crate::client::{Answer, Client};
use crate::ledger::{Dossier, Ledger, Paper, digest_of, grant_begins};
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
                dossiers: Vec::new(),
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
    /// Own dossiers.
    dossiers: Vec<String>,
    /// Own documents that are neither in the trash nor destroyed.
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
            _ if self.dossiers.is_empty() => self.open_dossier(),
            0..4 => self.open_dossier(),
            4..8 => self.grant(),
            8..42 => self.upload(),
            _ if self.papers.is_empty() => self.upload(),
            42..56 => self.new_version(),
            56..64 => self.check_in(),
            64..72 => self.retitle(),
            72..80 => self.move_paper(),
            80..84 => self.remove(""),
            84..87 => self.remove("?permanent=true"),
            _ => self.search(),
        }
    }

    fn pick_dossier(&mut self) -> String {
        let at = self.random.between(0, self.dossiers.len() as u64);
        usize::try_from(at).ok().and_then(|at| self.dossiers.get(at)).cloned().unwrap_or_default()
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
        let id = answer.json()["id"].as_str().unwrap_or_default().to_owned();
        self.dossiers.push(id.clone());
        self.acknowledge(|ledger| {
            ledger.dossiers.insert(id, Dossier::default());
        });
        Ok(())
    }

    /// Lets the readers into a dossier from an instant on that tells one grant from the next.
    fn grant(&mut self) -> io::Result<()> {
        let id = self.pick_dossier();
        let mut number = 0;
        {
            let mut ledger = self.shared.ledger.lock().expect("a ledger");
            let dossier = ledger.dossiers.entry(id.clone()).or_default();
            dossier.grant_tried += 1;
            number += dossier.grant_tried;
        }
        let entry = json!({"principal": "readers", "permission": "Read", "begins": grant_begins(number)});
        let body = json!({"entries": [entry], "inherits": true}).to_string();
        let headers = [("If-Match", "*"), ("Content-Type", "application/json")];
        let answer = self.client.send("PUT", &format!("/api/v1/objects/{id}/acl"), &headers, body.as_bytes())?;
        if answer.status != 200 {
            self.odd("grant", &answer);
            return Ok(());
        }
        self.acknowledge(|ledger| ledger.dossiers.entry(id).or_default().grant = number);
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
        let dossier = self.pick_dossier();
        let answer = self.client.upload(&dossier, file_name.as_bytes(), &content)?;
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
            paper.places_tried.push(dossier);
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

    /// Checks a document out, changes the working copy or not, and checks it in.
    fn check_in(&mut self) -> io::Result<()> {
        let Some((id, _)) = self.pick()? else { return Ok(()) };
        let out = self.client.post(&format!("/api/v1/documents/{id}/working-copy"), &json!({}))?;
        if out.status != 201 {
            self.odd("check-out", &out);
            return Ok(());
        }
        let out = out.json();
        let copy = out["id"].as_str().unwrap_or_default();
        let mut digest = out["content"]["digest"].as_str().unwrap_or_default().to_owned();
        if self.random.percent(60) {
            let (_, content) = self.content();
            digest = digest_of(&content);
            self.note(&id, |paper| {
                paper.tried.insert(digest.clone());
            });
            let headers = [("If-Match", "*"), ("Content-Type", "application/octet-stream")];
            let put = self.client.send("PUT", &format!("/api/v1/documents/{copy}/content"), &headers, &content)?;
            if put.status != 200 {
                self.odd("content of a working copy", &put);
                return Ok(());
            }
        }
        let body = json!({"comment": "checked in", "major": self.random.percent(30)}).to_string();
        let headers = [("If-Match", "*"), ("Content-Type", "application/json")];
        let path = format!("/api/v1/documents/{copy}/versions");
        let answer = self.client.send("POST", &path, &headers, body.as_bytes())?;
        if answer.status != 201 {
            self.odd("check-in", &answer);
            return Ok(());
        }
        let label = label_of(&answer.json());
        self.acknowledge(|ledger| drop(ledger.papers.entry(id).or_default().versions.insert(label, digest)));
        Ok(())
    }

    fn move_paper(&mut self) -> io::Result<()> {
        let Some((id, tag)) = self.pick()? else { return Ok(()) };
        let to = self.pick_dossier();
        let mut number = 0;
        self.note(&id, |paper| {
            paper.places_tried.push(to.clone());
            number = paper.places_tried.len();
        });
        let body = json!({"to": to}).to_string();
        let headers = [("If-Match", tag.as_str()), ("Content-Type", "application/json")];
        let answer = self.client.send("POST", &format!("/api/v1/objects/{id}/move"), &headers, body.as_bytes())?;
        if answer.status != 200 {
            self.odd("move", &answer);
            return Ok(());
        }
        self.acknowledge(|ledger| ledger.papers.entry(id).or_default().place = number - 1);
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

    /// Puts a document in the trash, or destroys it.
    fn remove(&mut self, how: &str) -> io::Result<()> {
        let Some((id, tag)) = self.pick()? else { return Ok(()) };
        self.note(&id, |paper| paper.removal_tried = true);
        let path = format!("/api/v1/documents/{id}{how}");
        let answer = self.client.send("DELETE", &path, &[("If-Match", &tag)], &[])?;
        if answer.status != 204 {
            self.odd("removal", &answer);
            return Ok(());
        }
        self.papers.retain(|known| *known != id);
        self.acknowledge(|ledger| ledger.papers.entry(id).or_default().is_removed = true);
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
