//! What an office can configure about its web server.

use std::net::{Ipv4Addr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::forwarded::TrustedProxies;

/// Says where the office listens, whom it believes, and how much of it one client may use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct HttpConfig {
    /// The address and port. Plain HTTP is answered to this machine only, whatever the address.
    pub listen: SocketAddr,
    /// Addresses and networks (`10.0.0.7`, `10.0.0.0/24`) of reverse proxies whose `X-Forwarded-For`,
    /// `X-Forwarded-Proto` and `X-Forwarded-Host` are believed. Those of all others are ignored.
    pub trusted_proxies: Vec<String>,
    /// How many threads answer; 0: one for each processor.
    pub workers: usize,
    /// How many connections are open at once; further ones wait. 0: what the limit on open files allows.
    pub max_connections: usize,
    /// How long the head of a request may take to arrive. *Units*: milliseconds.
    pub header_timeout_ms: u64,
    /// How long an upload or a form may stand still, or come slower than `body_bytes_per_second`. *Units*: milliseconds.
    pub body_timeout_ms: u64,
    /// How fast an upload comes at least, over time; 0: as slow as it likes. *Units*: bytes per second.
    pub body_bytes_per_second: u64,
    /// How many uploads are under way at once; 0: any number.
    pub max_uploads: usize,
    /// How many uploads of one client are under way at once; 0: any number. This machine is not counted.
    pub max_uploads_per_client: usize,
    /// How long an idle connection is kept open. *Units*: milliseconds.
    pub keep_alive_ms: u64,
    /// How long running requests may take to end when the office closes. *Units*: seconds.
    pub shutdown_seconds: u64,
    /// The largest content of one upload in bytes; 0: what the store has room for.
    pub max_upload_bytes: u64,
    /// How many uploads in several requests one user may have open.
    pub max_open_uploads: u64,
    /// How long such an upload is kept after the last byte that came. *Units*: hours.
    pub upload_keep_hours: u32,
    /// How many requests one client may send in a second, over time; 0: any number. This machine is not counted.
    pub requests_per_second: u32,
    /// How many requests one client may send at once before they are counted.
    pub request_burst: u32,
    /// How many sign-ins one client may try in a minute, over time; 0: any number.
    pub sign_ins_per_minute: u32,
    /// How many sign-ins one client may try at once before they are counted.
    pub sign_in_burst: u32,
    /// A file with the token that `/metrics` asks of other machines (`Authorization: Bearer`); without one it is
    /// answered to this machine only.
    pub metrics_token_file: Option<std::path::PathBuf>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8480)),
            trusted_proxies: Vec::new(),
            workers: 0,
            max_connections: 0,
            header_timeout_ms: 10_000,
            body_timeout_ms: 60_000,
            body_bytes_per_second: 4_096,
            max_uploads: 512,
            max_uploads_per_client: 64,
            keep_alive_ms: 75_000,
            shutdown_seconds: 30,
            max_upload_bytes: 0,
            max_open_uploads: 100,
            upload_keep_hours: 168,
            requests_per_second: 500,
            request_burst: 2_000,
            sign_ins_per_minute: 60,
            sign_in_burst: 60,
            metrics_token_file: None,
        }
    }
}

impl HttpConfig {
    /// Says whether an office could be opened with this configuration, and opens nothing.
    ///
    /// # Errors
    /// [`ConfigError`], as [`AppState::new`](crate::AppState::new) answers.
    pub fn check(&self) -> Result<(), ConfigError> {
        TrustedProxies::parse(&self.trusted_proxies)?;
        self.metrics_token().map(drop)
    }

    /// Reads the token that `/metrics` asks of other machines.
    pub(crate) fn metrics_token(&self) -> Result<Option<String>, ConfigError> {
        let Some(path) = &self.metrics_token_file else { return Ok(None) };
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::MetricsToken { path: path.clone(), source })?;
        Ok(Some(text.trim().to_owned()))
    }
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// An entry of `trustedProxies`.
    #[error("`server.trustedProxies` has `{entry}`, which is neither an address nor a network such as 10.0.0.0/24")]
    TrustedProxy {
        /// The entry.
        entry: String,
    },
    /// The file that `metricsTokenFile` names.
    #[error("cannot read `{path}`, which `server.metricsTokenFile` names")]
    MetricsToken {
        /// The path.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// An entry of `webhooks.allow`.
    #[error("`webhooks.allow` has `{entry}`, which is neither an address nor a network such as 10.0.0.0/24")]
    AllowedNetwork {
        /// The entry.
        entry: String,
    },
    /// Connections to receivers of webhooks cannot be prepared.
    #[error("webhooks cannot be sent")]
    Outbound(#[source] reqwest::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_refused_and_absent_ones_have_defaults() {
        let config: HttpConfig = serde_json::from_str(r#"{"listen": "0.0.0.0:443"}"#).unwrap();
        assert_eq!(config, HttpConfig { listen: "0.0.0.0:443".parse().unwrap(), ..HttpConfig::default() });
        assert!(serde_json::from_str::<HttpConfig>(r#"{"listens": "0.0.0.0:443"}"#).is_err());
    }
}
