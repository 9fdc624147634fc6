//! What an office can configure: typed settings, read once from file, environment and flags; later wins.

mod areas;
mod documented;
mod environment;
mod error;
mod layers;
mod reference;
mod sample;
mod server;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use cartulary_blobs::StoreConfig;
use cartulary_db::{Backend, DatabaseConfig};
use serde::{Deserialize, Serialize};

pub use areas::{
    Containment, IndexSettings, LogFormat, LogSettings, OfficeSettings, SessionSettings, WebhookSettings, WorkSettings,
};
pub use error::ConfigurationError;
pub use layers::{Loaded, Sources, load};
pub use sample::{SAMPLES, sample};
pub use server::{ServerSettings, TlsMode};

/// All settings of an office.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "camelCase")]
pub struct Configuration {
    /// The office itself.
    pub office: OfficeSettings,
    /// Where it answers.
    pub server: ServerSettings,
    /// Where the rows are.
    pub database: DatabaseConfig,
    /// Where the bytes are.
    pub store: StoreConfig,
    /// The full-text index.
    pub index: IndexSettings,
    /// Work in the background.
    pub work: WorkSettings,
    /// People's sessions.
    pub session: SessionSettings,
    /// Changes that are sent to other machines.
    pub webhooks: WebhookSettings,
    /// The log.
    pub log: LogSettings,
}

impl Configuration {
    /// Returns the settings with every relative path laid into the data folder.
    #[must_use]
    pub fn resolved_against(mut self, data_dir: &Path) -> Self {
        self.database.sqlite.path = data_dir.join("db").join(&self.database.sqlite.path);
        if let Some(file) = self.database.postgres.url_file.take() {
            self.database.postgres.url_file = Some(data_dir.join(file));
        }
        self.store = self.store.resolved_against(data_dir);
        self.index.path = data_dir.join(&self.index.path);
        self.work.path = data_dir.join(&self.work.path);
        let server = &mut self.server;
        for path in [&mut server.tls.certificate, &mut server.tls.key, &mut server.metrics_token_file] {
            if !path.as_os_str().is_empty() {
                *path = data_dir.join(&*path);
            }
        }
        self
    }

    /// Returns what is wrong with settings that are each well formed; each problem a sentence. Empty: nothing.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if split_listen(&self.server.listen).is_none() {
            problems.push(format!("`server.listen` is `{}`; it has the form HOST:PORT", self.server.listen));
        }
        for proxy in &self.server.trusted_proxies {
            if !is_address_or_network(proxy) {
                problems.push(format!("`server.trustedProxies` has `{proxy}`, which is no address and no network"));
            }
        }
        for network in &self.webhooks.allow {
            if !is_address_or_network(network) {
                problems.push(format!("`webhooks.allow` has `{network}`, which is no address and no network"));
            }
        }
        if !(1..=60).contains(&self.webhooks.timeout_seconds) {
            problems.push("`webhooks.timeoutSeconds` is between 1 and 60".to_owned());
        }
        let tls = &self.server.tls;
        let lacks_files = tls.certificate.as_os_str().is_empty() || tls.key.as_os_str().is_empty();
        if tls.mode == TlsMode::Files && lacks_files {
            problems.push("`server.tls.mode` is `files`, which needs `certificate` and `key`".to_owned());
        }
        if self.session.hours == 0 {
            problems.push("`session.hours` is 0: nobody could stay signed in".to_owned());
        }
        if self.work.readers == 0 {
            problems.push("`work.readers` is 0; to read no papers, set `work.jobs` to 0".to_owned());
        }
        if let Err(error) = self.log.level.parse::<tracing_subscriber::EnvFilter>() {
            problems.push(format!("`log.level` is not understood: {error}"));
        }
        if self.database.backend == Backend::Postgres && !cfg!(feature = "postgres") {
            problems.push(
                "`database.backend` is `postgres`, but this program was built without it: build with \
                 `--features cartulary-server/postgres`"
                    .to_owned(),
            );
        }
        problems
    }

    /// Returns host and port of `server.listen`.
    pub fn listen(&self) -> Option<(String, u16)> {
        split_listen(&self.server.listen)
    }
}

/// Splits `HOST:PORT`; an IPv6 address stands in brackets.
fn split_listen(listen: &str) -> Option<(String, u16)> {
    let (host, port) = listen.rsplit_once(':')?;
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    let is_bracketed = bare.len() != host.len();
    if bare.is_empty() || (bare.contains(':') && !is_bracketed) {
        return None;
    }
    Some((bare.to_owned(), port.parse().ok()?))
}

fn is_address_or_network(text: &str) -> bool {
    let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let Ok(address) = address.parse::<IpAddr>() else { return false };
    let most = if address.is_ipv4() { 32 } else { 128 };
    prefix.is_none_or(|prefix| prefix.parse::<u8>().is_ok_and(|bits| bits <= most))
}

/// Where things lie in a data folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataFolder {
    /// The data folder itself.
    pub root: PathBuf,
}

impl DataFolder {
    /// Returns the places in `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The folder of the office's own files.
    pub fn config(&self) -> PathBuf {
        self.root.join("config")
    }

    /// The configuration that is read when none is named.
    pub fn config_file(&self) -> PathBuf {
        self.config().join("cartulary.toml")
    }

    /// The office's own document types.
    pub fn office_types(&self) -> PathBuf {
        self.config().join("office").join("types")
    }

    /// The office's authority and certificates.
    pub fn tls(&self) -> PathBuf {
        self.config().join("tls")
    }

    /// Marks a demonstration office: its module is then part of every start and command. Says whether it is `filled`.
    pub fn demo_mark(&self) -> PathBuf {
        self.config().join("demo")
    }

    /// Is there while an office is put back from a backup and is not whole yet.
    pub fn restore_mark(&self) -> PathBuf {
        self.root.join("restore-unfinished")
    }

    /// The file that is locked while a program has the data folder open.
    pub fn lock_file(&self) -> PathBuf {
        self.root.join("cartulary.lock")
    }
}

#[cfg(test)]
mod tests;
