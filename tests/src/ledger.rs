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
    /// The dossiers that it was sent to, in that order.
    pub places_tried: Vec<String>,
    /// Which of them was the last to be acknowledged.
    pub place: usize,
    /// Whether its removal, to the trash or for good, was acknowledged.
    pub is_removed: bool,
    /// Whether its removal was sent.
    pub removal_tried: bool,
}

/// One dossier, as far as the office acknowledged it.
#[derive(Clone, Debug, Default)]
pub struct Dossier {
    /// The number of the last grant that was acknowledged; 0 for none.
    pub grant: u64,
    /// The number of the last grant that was sent.
    pub grant_tried: u64,
}

/// Everything that was acknowledged.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Dossiers by id.
    pub dossiers: BTreeMap<String, Dossier>,
    /// Documents by id.
    pub papers: BTreeMap<String, Paper>,
    /// How many writes were acknowledged.
    pub acknowledged: u64,
}

/// Returns the digest of bytes, as the office writes it.
pub fn digest_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns from when on a grant holds, by its number: each has an instant of its own.
pub fn grant_begins(number: u64) -> String {
    format!("2020-01-01T00:{:02}:{:02}.000Z", number / 60 % 60, number % 60)
}

impl Ledger {
    /// Compares with what an office has now. `self` is what was acknowledged before the fault; `later` what was sent
    /// until the fault surely was over.
    ///
    /// Returns one line for each thing that is lost or wrong; an office that does not answer is one too.
    pub fn missing_in(&self, client: &Client, later: &Self) -> Vec<String> {
        let mut lost = Vec::new();
        for (id, dossier) in &self.dossiers {
            let after = later.dossiers.get(id).unwrap_or(dossier);
            if let Err(reason) = dossier.missing_in(client, id, after) {
                lost.push(format!("dossier {id}: {reason}"));
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

impl Dossier {
    fn missing_in(&self, client: &Client, id: &str, later: &Self) -> Result<(), String> {
        let answered = client.get(&format!("/api/v1/objects/{id}/acl"));
        let Ok(answer) = &answered else { return Err(shown(&answered)) };
        if answer.status != 200 {
            return Err(shown(&answered));
        }
        let json = answer.json();
        let begins = json["entries"][0]["begins"].as_str();
        let newest = later.grant_tried.max(self.grant_tried);
        let is_known = (self.grant..=newest).any(|number| match begins {
            None => number == 0,
            Some(begins) => number > 0 && begins == grant_begins(number),
        });
        match is_known {
            true => Ok(()),
            false => Err(format!("its grant begins {begins:?}, acknowledged was {}, sent {newest}", self.grant)),
        }
    }
}

impl Paper {
    fn missing_in(&self, client: &Client, id: &str, later: &Self) -> Result<(), String> {
        let answered = client.get(&format!("/api/v1/documents/{id}"));
        let answer = match answered {
            Ok(answer) if answer.status == 404 && (later.removal_tried || self.removal_tried) => return Ok(()),
            Ok(answer) if answer.status == 200 => answer,
            other => return Err(shown(&other)),
        };
        if self.is_removed {
            return Err("it was removed, and is back".to_owned());
        }
        self.check_place(&answer, later)?;
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

    fn check_place(&self, answer: &Answer, later: &Self) -> Result<(), String> {
        let json = answer.json();
        let found = json["parents"][0]["id"].as_str().unwrap_or_default();
        let places = if later.places_tried.is_empty() { &self.places_tried } else { &later.places_tried };
        let is_known = places.iter().skip(self.place).any(|place| place == found);
        let is_one = json["parents"].as_array().is_some_and(|parents| parents.len() == 1);
        match is_known && is_one {
            true => Ok(()),
            false => Err(format!("it lies in {}, and was put number {} of {places:?}", json["parents"], self.place)),
        }
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
