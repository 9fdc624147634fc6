//! What the office acknowledged: the tests' own list, to be compared with what is found after a fault.

#![expect(clippy::indexing_slicing, reason = "what is not in an answer is null")]

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::client::{Answer, Client};

/// One document, as far as the office acknowledged it.
#[derive(Clone, Debug, Default)]
pub struct Paper {
    /// Each acknowledged version's label, with the digest of its bytes.
    pub versions: BTreeMap<String, String>,
    /// Digests of versions that were sent; the office may have them or not.
    pub tried: BTreeSet<String>,
    /// The number in the last title that was acknowledged; 0 for none.
    pub title: u64,
    /// The number in the last title that was sent.
    pub title_tried: u64,
    /// Whether its removal was acknowledged.
    pub is_trashed: bool,
    /// Whether its removal was sent.
    pub trash_tried: bool,
}

/// Everything that was acknowledged.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Dossiers by id.
    pub dossiers: BTreeSet<String>,
    /// Documents by id.
    pub papers: BTreeMap<String, Paper>,
    /// How many writes were acknowledged.
    pub acknowledged: u64,
}

/// Returns the digest of bytes, as the office writes it.
pub fn digest_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Ledger {
    /// Compares with what an office has now. `self` is what was acknowledged before the fault; `later` what was sent
    /// until the fault surely was over.
    ///
    /// Returns one line for each thing that is lost or wrong; an office that does not answer is one too.
    pub fn missing_in(&self, client: &Client, later: &Self) -> Vec<String> {
        let mut lost = Vec::new();
        for id in &self.dossiers {
            match client.get(&format!("/api/v1/dossiers/{id}")) {
                Ok(answer) if answer.status == 200 => {}
                other => lost.push(format!("dossier {id}: {}", shown(&other))),
            }
        }
        let nothing = Paper::default();
        for (id, paper) in &self.papers {
            let after = later.papers.get(id).unwrap_or(&nothing);
            if let Err(reason) = paper.missing_in(client, id, after) {
                lost.push(format!("document {id}: {reason}"));
            }
        }
        lost
    }
}

impl Paper {
    fn missing_in(&self, client: &Client, id: &str, later: &Self) -> Result<(), String> {
        let answered = client.get(&format!("/api/v1/documents/{id}"));
        let answer = match answered {
            Ok(answer) if answer.status == 404 && (later.trash_tried || self.trash_tried) => return Ok(()),
            Ok(answer) if answer.status == 200 => answer,
            other => return Err(shown(&other)),
        };
        if self.is_trashed {
            return Err("it was put in the trash, and is back".to_owned());
        }
        self.check_title(&answer, later)?;
        self.check_versions(client, id, later)
    }

    fn check_title(&self, answer: &Answer, later: &Self) -> Result<(), String> {
        let json = answer.json();
        let title = json["title"].as_str().unwrap_or_default();
        let number = title.strip_prefix("title ").and_then(|number| number.parse().ok()).unwrap_or(0);
        let newest = later.title_tried.max(self.title_tried);
        if (self.title..=newest).contains(&number) {
            return Ok(());
        }
        Err(format!("its title is `{title}`, acknowledged was {}, sent {newest}", self.title))
    }

    fn check_versions(&self, client: &Client, id: &str, later: &Self) -> Result<(), String> {
        let answered = client.get(&format!("/api/v1/documents/{id}/versions?limit=1000"));
        let Ok(answer) = answered else { return Err(shown(&answered)) };
        let json = answer.json();
        let mut found = BTreeMap::new();
        for version in json["items"].as_array().into_iter().flatten() {
            let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
            found.insert(text(&version["label"]), (text(&version["id"]), text(&version["content"]["digest"])));
        }
        for (label, digest) in &self.versions {
            match found.get(label) {
                Some((_, kept)) if kept == digest => {}
                other => return Err(format!("version {label} should be {digest}, and is {other:?}")),
            }
        }
        let is_known = |digest: &String| {
            let sent = later.tried.contains(digest) || self.tried.contains(digest);
            sent || later.versions.values().chain(self.versions.values()).any(|known| known == digest)
        };
        if let Some((label, (_, digest))) = found.iter().find(|(_, (_, digest))| !is_known(digest)) {
            return Err(format!("version {label} has bytes {digest} that nobody sent"));
        }
        let Some((version, digest)) = found.values().next_back() else { return Err("it has no version".to_owned()) };
        let answered = client.get(&format!("/api/v1/documents/{version}/content"));
        match &answered {
            Ok(answer) if answer.status == 200 && digest_of(&answer.body) == *digest => Ok(()),
            other => Err(format!("its bytes cannot be had: {}", shown(other))),
        }
    }
}

fn shown(answered: &std::io::Result<Answer>) -> String {
    match answered {
        Ok(answer) => format!("{} {}", answer.status, answer.code()),
        Err(error) => error.to_string(),
    }
}
