//! TLS of the office's own port: certificates from files or from the office's authority, exchanged while it runs.

mod authority;
mod certificate;
pub mod trust;

use std::net::{IpAddr, ToSocketAddrs, UdpSocket};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::configuration::{Configuration, DataFolder, TlsMode};

pub use authority::Authority;

/// How often certificates are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Why there is no certificate to serve with.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or written.
    #[error("cannot {act} `{}`", path.display())]
    File {
        /// What was tried.
        act: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("`{}` is not usable: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The authority cannot issue a certificate.
    #[error("the office's authority cannot issue a certificate for {}", names.join(", "))]
    Issue {
        /// The names it was asked for.
        names: Vec<String>,
        /// The cause.
        #[source]
        source: rcgen::Error,
    },
    /// Plain HTTP would leave this machine.
    #[error(
        "on {listen} the office would speak plain HTTP beyond this machine, and passwords and papers could be read on the \
         way. To let it issue its own certificate:\n\n    cartulary serve --data {} --listen {listen} --tls office-authority\n\n\
         and then `cartulary tls authority` says how PCs trust it. Behind a proxy that brings TLS, name the proxy's address \
         in `server.trustedProxies`", data.display()
    )]
    PlainBeyondLoopback {
        /// Where it would listen.
        listen: String,
        /// The data folder.
        data: PathBuf,
    },
}

/// Refuses to speak plain HTTP beyond this machine, unless a proxy in front brings TLS.
///
/// # Errors
/// [`TlsError::PlainBeyondLoopback`].
pub fn refuse_plain_beyond_loopback(configuration: &Configuration, data: &DataFolder) -> Result<(), TlsError> {
    let server = &configuration.server;
    let is_protected = server.tls.mode != TlsMode::Off || !server.trusted_proxies.is_empty();
    let stays_here = configuration.listen().is_some_and(|(host, port)| is_loopback(&host, port));
    if is_protected || stays_here {
        return Ok(());
    }
    Err(TlsError::PlainBeyondLoopback { listen: server.listen.clone(), data: data.root.clone() })
}

/// Says whether every address of a host is this machine's loopback.
fn is_loopback(host: &str, port: u16) -> bool {
    let Ok(addresses) = (host, port).to_socket_addrs() else { return false };
    let addresses: Vec<_> = addresses.collect();
    !addresses.is_empty() && addresses.iter().all(|address| address.ip().is_loopback())
}

/// The certificate that is served, and how it is kept fresh.
#[derive(Debug)]
pub struct Certificates {
    served: Arc<Served>,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Files { certificate: PathBuf, key: PathBuf },
    Authority { authority: Box<Authority>, names: Vec<String> },
}

/// What the handshake is answered with; exchanged without a restart.
#[derive(Debug)]
struct Served(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Served {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Certificates {
    /// Prepares what the configuration asks for; `None` for plain HTTP.
    ///
    /// # Errors
    /// A file is missing or unusable, or nothing could be issued.
    pub fn prepare(configuration: &Configuration, data: &DataFolder) -> Result<Option<Self>, TlsError> {
        let tls = &configuration.server.tls;
        let (source, key) = match tls.mode {
            TlsMode::Off => return Ok(None),
            TlsMode::Files => {
                let key = certificate::load(&tls.certificate, &tls.key)?;
                (Source::Files { certificate: tls.certificate.clone(), key: tls.key.clone() }, key)
            }
            TlsMode::OfficeAuthority => {
                let authority = Box::new(Authority::open_or_create(&data.tls(), &configuration.office.name)?);
                let names = host_names(configuration);
                let key = authority.server_certificate(&names)?;
                (Source::Authority { authority, names }, key)
            }
        };
        Ok(Some(Self { served: Arc::new(Served(RwLock::new(Arc::new(key)))), source }))
    }

    /// Returns the configuration for the listener.
    pub fn server_config(&self) -> rustls::ServerConfig {
        let resolver: Arc<dyn ResolvesServerCert> = Arc::clone(&self.served) as _;
        rustls::ServerConfig::builder().with_no_client_auth().with_cert_resolver(resolver)
    }

    /// Returns the authority whose certificate people have to trust, if the office has one.
    pub fn authority(&self) -> Option<&Authority> {
        match &self.source {
            Source::Authority { authority, .. } => Some(authority),
            Source::Files { .. } => None,
        }
    }

    /// Looks after the certificate for as long as the office runs: renews it before it expires, reads changed files again.
    pub async fn keep_fresh(self) {
        let mut seen = self.stamp();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = self.stamp();
            if now == seen {
                continue;
            }
            match self.load_again() {
                Ok(key) => {
                    *self.served.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                    tracing::info!("the server's certificate was exchanged");
                    seen = self.stamp();
                }
                Err(error) => tracing::error!(error = %error, "the server's certificate could not be exchanged"),
            }
        }
    }

    /// What changes when there is something to do.
    fn stamp(&self) -> Vec<Option<std::time::SystemTime>> {
        let modified = |path: &PathBuf| std::fs::metadata(path).and_then(|data| data.modified()).ok();
        match &self.source {
            Source::Files { certificate, key } => vec![modified(certificate), modified(key)],
            Source::Authority { authority, names } => {
                vec![authority.is_certificate_due(names).then_some(std::time::SystemTime::UNIX_EPOCH)]
            }
        }
    }

    fn load_again(&self) -> Result<CertifiedKey, TlsError> {
        match &self.source {
            Source::Files { certificate, key } => certificate::load(certificate, key),
            Source::Authority { authority, names } => authority.server_certificate(names),
        }
    }
}

/// Returns in how many days the certificate ends, `None` when there is none yet or TLS is off.
///
/// # Errors
/// The certificate's file cannot be used.
pub fn expiry_days(configuration: &Configuration, data: &DataFolder) -> Result<Option<i64>, TlsError> {
    let tls = &configuration.server.tls;
    let path = match tls.mode {
        TlsMode::Off => return Ok(None),
        TlsMode::Files => {
            certificate::load(&tls.certificate, &tls.key)?;
            tls.certificate.clone()
        }
        TlsMode::OfficeAuthority => data.tls().join("server.pem"),
    };
    if tls.mode == TlsMode::OfficeAuthority && !path.exists() {
        return Ok(None);
    }
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    Ok(Some(certificate::validity(&path)?.not_after.saturating_sub(now) / (24 * 60 * 60)))
}

/// Returns the names and addresses that the office's own certificate is for.
pub fn host_names(configuration: &Configuration) -> Vec<String> {
    let configured = &configuration.server.tls.host_names;
    if !configured.is_empty() {
        return configured.clone();
    }
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.extend(machine_name());
    let host = configuration.listen().map(|(host, _)| host).unwrap_or_default();
    match host.parse::<IpAddr>() {
        Ok(address) if address.is_unspecified() => names.extend(outward_address()),
        _ => names.push(host),
    }
    names.sort();
    names.dedup();
    names.retain(|name| !name.is_empty());
    names
}

/// Returns the name of this machine, when it can be a host name.
pub fn machine_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name = name.trim().to_ascii_lowercase();
    let is_usable = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
    is_usable.then_some(name)
}

/// Returns the address by which this machine goes out; nothing is sent to find it.
fn outward_address() -> Option<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_unspecified()).then(|| address.to_string())
}

#[cfg(test)]
mod tests;
