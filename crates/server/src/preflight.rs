//! What would keep `cartulary serve` from starting, as far as it can be known before: `config check` and `doctor` say it in
//! the words in which `serve` refuses.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};

use anyhow::{Context, anyhow, bail};
use cartulary_blobs::{MasterKeys, StoreConfig};
use cartulary_db::Backend;
use cartulary_repository::Repository;

use crate::configuration::{Configuration, Loaded};
use crate::{boot, modules, tls};

/// One thing that keeps the office from starting.
#[derive(Debug)]
pub struct Obstacle {
    /// What it is about: one of `configuration`, `data folder`, `address`, `tls`.
    pub subject: &'static str,
    /// What is wrong, with its causes.
    pub error: anyhow::Error,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Preflight {
    /// What keeps the office from starting, in the order in which `serve` would meet it; empty: nothing that is known.
    pub obstacles: Vec<Obstacle>,
    /// How many types the office declares itself.
    pub office_types: usize,
}

/// Looks at everything that can be known without opening the office. It leaves nothing behind: no folder, no certificate,
/// no connection. The port is tried and let go at once; one that is in use is no obstacle, because it may be the office's own.
pub fn look(loaded: &Loaded) -> Preflight {
    let mut found = Preflight::default();
    let (configuration, data) = (&loaded.configuration, &loaded.data);
    match tls::refuse_plain_beyond_loopback(configuration, data) {
        Ok(()) => found.note("tls", tls::expiry_days(configuration, data).map_err(Into::into)),
        Err(error) => found.note::<()>("tls", Err(error.into())),
    }
    match bind(configuration) {
        Err(error) if error.is::<InUse>() => {}
        bound => found.note("address", bound),
    }
    match boot::can_prepare(loaded) {
        // In a folder that cannot be there, no types can be read either: that would say the same twice.
        Err(error) => found.note::<()>("data folder", Err(error)),
        Ok(()) => {
            let types = boot::repository_config(configuration, data).and_then(|config| {
                found.office_types = config.office_types.types.len();
                Ok(Repository::check(&config, &modules_of(loaded))?)
            });
            found.note("configuration", types);
        }
    }
    found.note("configuration", database(configuration));
    if let Some(file) = configuration.store.key_file() {
        found.note("configuration", MasterKeys::read(file).map_err(Into::into));
    }
    if let StoreConfig::S3(settings) = &configuration.store {
        found.note("configuration", settings.check().map_err(Into::into));
    }
    let http = configuration.server.http_config(SocketAddr::from(([127, 0, 0, 1], 0)));
    found.note("configuration", http.check().map_err(Into::into));
    found.note("configuration", first_password());
    found
}

impl Preflight {
    fn note<T>(&mut self, subject: &'static str, outcome: anyhow::Result<T>) {
        if let Err(error) = outcome {
            self.obstacles.push(Obstacle { subject, error });
        }
    }
}

fn modules_of(loaded: &Loaded) -> Vec<cartulary_repository::Module> {
    if loaded.data.demo_mark().exists() { modules::with_demo() } else { modules::usual() }
}

/// Says whether the address of the database is there to be read; whether a server answers at it shows at the start.
fn database(configuration: &Configuration) -> anyhow::Result<()> {
    let postgres = &configuration.database.postgres;
    if configuration.database.backend != Backend::Postgres || postgres.url.is_some() {
        return Ok(());
    }
    let Some(path) = &postgres.url_file else { bail!("`database.postgres.url` is not set") };
    let text = std::fs::read_to_string(path);
    text.map(drop).with_context(|| format!("cannot read `{}`, which `urlFile` names", path.display()))
}

/// Another program has the port.
#[derive(Debug, thiserror::Error)]
#[error("another program answers at {listen} already; choose another address with --listen HOST:PORT")]
pub struct InUse {
    listen: String,
}

/// Binds the address that the office listens on.
///
/// # Errors
/// [`InUse`], or the address is none of this machine, or may not be used.
pub fn bind(configuration: &Configuration) -> anyhow::Result<TcpListener> {
    let listen = &configuration.server.listen;
    let (host, port) = configuration.listen().with_context(|| format!("`{listen}` is not HOST:PORT"))?;
    let addresses: Vec<SocketAddr> = (host.as_str(), port)
        .to_socket_addrs()
        .with_context(|| format!("the address `{listen}` to listen on is not known here"))?
        .collect();
    TcpListener::bind(addresses.as_slice()).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => anyhow!(InUse { listen: listen.clone() }),
        _ => anyhow!(error).context(format!("cannot listen on {listen}")),
    })
}

/// Returns the first password that the environment gives, itself or in a file.
///
/// # Errors
/// The file cannot be read.
pub fn first_password() -> anyhow::Result<Option<String>> {
    let given = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    if let Some(password) = given("CARTULARY_ADMIN_PASSWORD") {
        return Ok(Some(password));
    }
    let Some(file) = given("CARTULARY_ADMIN_PASSWORD_FILE") else { return Ok(None) };
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read `{file}`, which CARTULARY_ADMIN_PASSWORD_FILE names"))?;
    Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_port_in_use_is_said_in_words() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut configuration = Configuration::default();
        configuration.server.listen = listener.local_addr().unwrap().to_string();
        let error = bind(&configuration).unwrap_err();
        assert!(error.is::<InUse>() && error.to_string().contains("another program answers"), "{error}");
    }
}
