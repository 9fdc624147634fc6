//! Looks at the machine: what is here, what is missing, and what that costs.

mod containment;
mod disk;
mod machine;

use serde::Serialize;

use crate::boot::DataLock;
use crate::configuration::{ConfigurationError, Loaded, TlsMode};
use crate::preflight::{Obstacle, Preflight};
use crate::{boot, preflight, tls};

/// How a finding is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// As it should be.
    Good,
    /// The office works, but less well.
    Weak,
    /// The office does not work, or not safely.
    Bad,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub subject: &'static str,
    /// How it is to be taken.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What it costs, and how it is mended; empty when all is good.
    pub cost: String,
}

impl Finding {
    /// Returns that all is good.
    pub fn good(subject: &'static str, found: impl Into<String>) -> Self {
        Self { subject, state: State::Good, found: found.into(), cost: String::new() }
    }

    /// Returns that the office works, but less well.
    pub fn weak(subject: &'static str, found: impl Into<String>, cost: impl Into<String>) -> Self {
        Self { subject, state: State::Weak, found: found.into(), cost: cost.into() }
    }

    /// Returns that the office does not work.
    pub fn bad(subject: &'static str, found: impl Into<String>, cost: impl Into<String>) -> Self {
        Self { subject, state: State::Bad, found: found.into(), cost: cost.into() }
    }
}

/// Looks at everything, in the order in which it is shown.
pub async fn examine(loaded: Result<Loaded, ConfigurationError>) -> Vec<Finding> {
    let mut findings = vec![machine::program(), machine::processors(), machine::memory(), machine::open_files()];
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            let words = cartulary_repository::error_chain(&error);
            findings.push(Finding::bad(
                "configuration",
                words,
                "the office does not start; `cartulary config sample embedded` shows what there is",
            ));
            return findings;
        }
    };
    let found = preflight::look(&loaded);
    findings.extend(configuration(&loaded, &found));
    findings.push(office(&loaded));
    findings.extend(disk::examine(&loaded));
    findings.extend(store(&loaded).await);
    findings.push(encryption(&loaded));
    findings.extend(containment::examine(&loaded).await);
    findings.push(tls_state(&loaded));
    findings.push(Finding::good(
        "browser",
        "chromium is not needed here: people bring their own; only the tests drive one",
    ));
    findings
}

/// What keeps the office from starting, in the words of `serve`; TLS has a line of its own.
fn configuration(loaded: &Loaded, found: &Preflight) -> Vec<Finding> {
    let bad = |obstacle: &Obstacle| {
        Finding::bad(obstacle.subject, format!("{:#}", obstacle.error), "the office does not start")
    };
    let mut findings: Vec<Finding> =
        found.obstacles.iter().filter(|obstacle| obstacle.subject != "tls").map(bad).collect();
    if findings.iter().all(|finding| finding.subject != "configuration") {
        let mut words = loaded.file.as_ref().map_or_else(
            || "no file: the embedded defaults hold".to_owned(),
            |file| format!("`{}` holds together", file.display()),
        );
        match found.office_types {
            0 => {}
            1 => words.push_str("; 1 type of the office's own"),
            types => words.push_str(&format!("; {types} types of the office's own")),
        }
        findings.insert(0, Finding::good("configuration", words));
    }
    findings
}

fn office(loaded: &Loaded) -> Finding {
    let folder = loaded.data.root.display();
    match DataLock::occupant(&loaded.data.lock_file()) {
        Some(occupant) => Finding::good("data folder", format!("`{folder}` is in use{occupant}")),
        None if loaded.data.root.is_dir() => {
            Finding::good("data folder", format!("`{folder}`, in which no office runs"))
        }
        None => Finding::good("data folder", boot::no_data_folder_yet(&loaded.data)),
    }
}

/// A remote store is asked whether it answers, and what it can do.
async fn store(loaded: &Loaded) -> Option<Finding> {
    let cartulary_blobs::StoreConfig::S3(settings) = &loaded.configuration.store else { return None };
    let bucket = &settings.bucket;
    Some(match cartulary_blobs::BlobStore::open(&loaded.configuration.store).await {
        Ok(_) => Finding::good("blob store", format!("the bucket `{bucket}` answers and keeps what it is given")),
        Err(error) => {
            Finding::bad("blob store", cartulary_repository::error_chain(&error), "no paper can be taken in or read")
        }
    })
}

/// Whether the bytes are encrypted where they lie, and whether what opens them lies beside them.
fn encryption(loaded: &Loaded) -> Finding {
    const SUBJECT: &str = "encryption";
    let store = &loaded.configuration.store;
    let Some(file) = store.key_file() else {
        return Finding::good(SUBJECT, "off: papers are stored as they are (README.md, Encryption at rest)");
    };
    let keys = match cartulary_blobs::MasterKeys::read(file) {
        Ok(keys) => keys,
        Err(error) => return Finding::bad(SUBJECT, error.to_string(), "the office does not start"),
    };
    let words = format!("papers are sealed with the master key {} of `{}`", keys.newest(), file.display());
    let device =
        |path: &std::path::Path| std::fs::metadata(path).map(|found| std::os::unix::fs::MetadataExt::dev(&found)).ok();
    let is_beside = match store {
        cartulary_blobs::StoreConfig::Folder(folder) => device(file) == device(&disk::nearest_folder(&folder.path)),
        _ => false,
    };
    if is_beside {
        let cost = "the key lies on the same disk as the papers: whoever takes the disk has both";
        return Finding::weak(SUBJECT, words, cost);
    }
    Finding::good(SUBJECT, words)
}

fn tls_state(loaded: &Loaded) -> Finding {
    let configuration = &loaded.configuration;
    if let Err(error) = tls::refuse_plain_beyond_loopback(configuration, &loaded.data) {
        return Finding::bad("tls", error.to_string(), "the office does not start");
    }
    // The office that runs may have been told another address than the configuration has.
    let answers = DataLock::occupant(&loaded.data.lock_file()).and_then(|occupant| occupant.address);
    let listen = answers.as_ref().unwrap_or(&configuration.server.listen);
    let behind_proxy = !configuration.server.trusted_proxies.is_empty();
    match tls::expiry_days(configuration, &loaded.data) {
        Ok(Some(days)) if days < 0 => {
            Finding::bad("tls", format!("the certificate ended {} days ago", -days), "browsers refuse the office")
        }
        Ok(Some(days)) if days < 14 && configuration.server.tls.mode == TlsMode::Files => Finding::weak(
            "tls",
            format!("the certificate ends in {days} days"),
            "browsers will refuse the office then; renew it",
        ),
        Ok(Some(days)) => Finding::good("tls", format!("on {listen}, with a certificate for another {days} days")),
        Ok(None) if configuration.server.tls.mode == TlsMode::OfficeAuthority => {
            Finding::good("tls", format!("on {listen}; the first start issues the certificate"))
        }
        Ok(None) if behind_proxy => {
            Finding::good("tls", format!("plain HTTP on {listen}, behind a trusted proxy that brings TLS"))
        }
        Ok(None) => Finding::good("tls", format!("plain HTTP on {listen}, which stays on this machine")),
        Err(error) => Finding::bad("tls", cartulary_repository::error_chain(&error), "the office does not start"),
    }
}
