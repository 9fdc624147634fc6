//! Settings of the web server: where it answers, and how what it says is protected on the way.

use std::net::SocketAddr;
use std::path::PathBuf;

use cartulary_http::HttpConfig;
use serde::{Deserialize, Serialize};

use super::documented::documented;

documented! {
    /// Where the office answers, and to whom.
    pub struct ServerSettings {
        /// The address and port that the office listens on. Beyond loopback it wants TLS (see `server.tls`) or a proxy in
        /// front that brings it (see `trustedProxies`), and does not start without.
        pub listen: String = "127.0.0.1:8480".to_owned(),
        /// Addresses, or networks such as `10.0.0.0/24`, of proxies that speak TLS with the browsers. Only from them are
        /// forwarded headers believed, and only with `X-Forwarded-Proto: https` is their plain HTTP answered.
        pub trusted_proxies: Vec<String> = Vec::new(),
        /// Connections that are open at once; more wait. 0: what the limit on open files allows.
        pub max_connections: usize = 0,
        /// Threads that answer requests; 0: one for each processor.
        pub threads: usize = 0,
        /// Milliseconds that the head of a request may take to arrive.
        pub header_timeout_ms: u64 = 10_000,
        /// Milliseconds that an upload or a form may stand still, or come slower than `bodyBytesPerSecond`.
        pub body_timeout_ms: u64 = 60_000,
        /// Bytes of an upload that arrive in a second at least, over time; 0: as few as the client likes.
        pub body_bytes_per_second: u64 = 4_096,
        /// Uploads that are under way at once, each with some 1.2 MB of memory; further ones are told to come again. 0: any
        /// number.
        pub max_uploads: usize = 512,
        /// Uploads of one client that are under way at once; 0: any number. This machine is not counted.
        pub max_uploads_per_client: usize = 64,
        /// Milliseconds that an idle connection is kept open.
        pub keep_alive_ms: u64 = 75_000,
        /// Seconds that running requests are given to end when the office is stopped.
        pub shutdown_seconds: u64 = 30,
        /// The largest content of one upload, in bytes; 0: what the store has room for.
        pub max_upload_bytes: u64 = 0,
        /// Uploads in several requests (tus) that one user may have open at once.
        pub max_open_uploads: u64 = 100,
        /// Hours that such an upload is kept after the last byte that came.
        pub upload_keep_hours: u32 = 168,
        /// Requests that one client may send in a second, over time; 0: any number. This machine is not counted.
        pub requests_per_second: u32 = 500,
        /// Requests that one client may send at once before they are counted.
        pub request_burst: u32 = 2_000,
        /// Sign-ins that one client may try in a minute, over time; 0: any number.
        pub sign_ins_per_minute: u32 = 60,
        /// Sign-ins that one client may try at once before they are counted.
        pub sign_in_burst: u32 = 60,
        /// A file with the token that `/metrics` asks of other machines (`Authorization: Bearer …`); without one it is
        /// answered to this machine only. A relative path lies in the data folder.
        pub metrics_token_file: PathBuf = PathBuf::new(),
        /// TLS.
        pub tls: TlsSettings = TlsSettings::default(),
    }
}

impl ServerSettings {
    /// Returns what the web server takes of these settings; it listens on `listen`, which is `self.listen` as an address.
    pub fn http_config(&self, listen: SocketAddr) -> HttpConfig {
        HttpConfig {
            listen,
            trusted_proxies: self.trusted_proxies.clone(),
            workers: self.threads,
            max_connections: self.max_connections,
            header_timeout_ms: self.header_timeout_ms,
            body_timeout_ms: self.body_timeout_ms,
            body_bytes_per_second: self.body_bytes_per_second,
            max_uploads: self.max_uploads,
            max_uploads_per_client: self.max_uploads_per_client,
            keep_alive_ms: self.keep_alive_ms,
            shutdown_seconds: self.shutdown_seconds,
            max_upload_bytes: self.max_upload_bytes,
            max_open_uploads: self.max_open_uploads,
            upload_keep_hours: self.upload_keep_hours,
            requests_per_second: self.requests_per_second,
            request_burst: self.request_burst,
            sign_ins_per_minute: self.sign_ins_per_minute,
            sign_in_burst: self.sign_in_burst,
            metrics_token_file: Some(self.metrics_token_file.clone()).filter(|path| !path.as_os_str().is_empty()),
        }
    }
}

documented! {
    /// TLS on the office's own port.
    pub struct TlsSettings {
        /// `off`: plain HTTP, on loopback or behind a trusted proxy. `files`: with the certificate and key below.
        /// `officeAuthority`: with a certificate that the office issues itself and renews in time; the PCs of the office trust
        /// its authority once, as `cartulary tls authority` explains.
        pub mode: TlsMode = TlsMode::Off,
        /// For `files`: the certificate with its chain, PEM. A relative path lies in the data folder; a changed file is
        /// read again within a minute.
        pub certificate: PathBuf = PathBuf::new(),
        /// For `files`: the private key, PEM.
        pub key: PathBuf = PathBuf::new(),
        /// For `officeAuthority`: the names and addresses that the PCs reach the office by. Empty: the name of this machine,
        /// `localhost`, and the address of `server.listen`.
        pub host_names: Vec<String> = Vec::new(),
    }
}

/// Where the server's certificate comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TlsMode {
    /// Plain HTTP.
    #[default]
    Off,
    /// Certificate and key in files.
    Files,
    /// A certificate issued by the office's own authority.
    OfficeAuthority,
}
