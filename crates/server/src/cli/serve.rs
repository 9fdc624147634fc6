//! `cartulary serve`: opens the office and answers until it is stopped.

use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use cartulary_http::{AppState, Parts};
use cartulary_repository::{Repository, RepositoryError};
use serde_json::json;

use super::{Serve, TlsFlag};
use crate::boot::{Office, Purpose, demo};
use crate::configuration::{Configuration, Loaded, Sources, load};
use crate::signals::Signals;
use crate::tls::{self, Certificates};
use crate::{maintenance, modules, output, preflight, process, telemetry, web_ui};

/// How often memory that is free is given back to the system.
const GIVE_BACK_EVERY: Duration = Duration::from_secs(30);

/// Runs the command.
pub async fn run(arguments: &Serve) -> anyhow::Result<ExitCode> {
    let loaded = read_configuration(arguments)?;
    let configuration = &loaded.configuration;
    telemetry::start(&configuration.log);
    refuse_obstacles(&loaded)?;
    let mut signals = Signals::listen().context("signals cannot be received")?;
    // Before anything else is opened, so that a port in use is said at once.
    let listener = preflight::bind(configuration)?;
    let purpose = if arguments.demo { Purpose::ServeDemo } else { Purpose::Serve };
    let office = Office::open(&loaded, purpose).await?;
    let certificates = Certificates::prepare(configuration, &loaded.data)?;
    let address = address(configuration, &listener, certificates.is_some())?;
    let parts = Parts {
        config: configuration.server.http_config(listener.local_addr()?),
        modules: modules::routes(),
        web_ui: Some(web_ui::pages(certificates.as_ref().and_then(Certificates::authority))?),
        tls_hint: tls_hint(&loaded),
    };
    let state = AppState::new(office.repository.clone(), parts)?;
    let server_config = certificates.as_ref().map(Certificates::server_config);
    let background = office.repository.start_background();
    let mut attendants = tokio::task::JoinSet::new();
    if let Some(certificates) = certificates {
        attendants.spawn(certificates.keep_fresh());
    }
    attendants.spawn(give_memory_back());
    if arguments.demo {
        let session = office.repository.system_session();
        let filling = demo::fill_once(&session, &loaded.data);
        tokio::select! {
            filled = filling => filled?,
            () = signals.next() => bail!("stopped while the demonstration office was filled; start it again to go on"),
        }
    }
    // After the filling: a password that was made before it would be lost when a person stops it.
    let one_time_password = make_administrator(&office.repository).await?;
    office.announce(&address);
    if arguments.json {
        output::say_json(&json!({
            "address": address, "data": loaded.data.root, "oneTimePassword": one_time_password,
        }));
    } else {
        output::say(&welcome(&loaded, &address, one_time_password.as_deref()));
    }
    tracing::info!(address = %address, "the office is open");

    let requests_end_within = Duration::from_secs(configuration.server.shutdown_seconds);
    let asked = asked_to_end(signals, requests_end_within);
    let served = cartulary_http::serve(state, listener, server_config, asked).await;
    drop(attendants);
    maintenance::stop().await;
    background.stop().await;
    office.close().await;
    served.context("the web server ended by a fault")?;
    tracing::info!("the office is closed");
    Ok(ExitCode::SUCCESS)
}

fn read_configuration(arguments: &Serve) -> anyhow::Result<Loaded> {
    let mut sources = Sources::of_process(arguments.place.data.clone(), arguments.place.config.clone());
    let text = |value: &str| toml::Value::String(value.to_owned());
    if let Some(listen) = &arguments.listen {
        sources.flags.push(("server.listen", text(listen)));
    }
    if let Some(mode) = arguments.tls {
        let mode = match mode {
            TlsFlag::Off => "off",
            TlsFlag::Files => "files",
            TlsFlag::OfficeAuthority => "officeAuthority",
        };
        sources.flags.push(("server.tls.mode", text(mode)));
    }
    Ok(load(&sources)?)
}

/// Refuses before anything is made or opened, and says everything that is in the way at once.
fn refuse_obstacles(loaded: &Loaded) -> anyhow::Result<()> {
    let mut obstacles = preflight::look(loaded).obstacles;
    let Some(last) = obstacles.pop() else { return Ok(()) };
    obstacles.iter().for_each(|obstacle| output::say_error(&obstacle.error));
    Err(last.error)
}

/// Returns the address for people.
fn address(configuration: &Configuration, listener: &TcpListener, is_encrypted: bool) -> anyhow::Result<String> {
    let bound = listener.local_addr()?;
    let scheme = if is_encrypted { "https" } else { "http" };
    let host = configuration.listen().map(|(host, _)| host).unwrap_or_default();
    let names = if bound.ip().is_unspecified() { tls::host_names(configuration) } else { vec![host] };
    let is_named = |name: &&String| name.parse::<std::net::IpAddr>().is_err() && *name != "localhost";
    let best = names.iter().find(is_named).or_else(|| names.first()).cloned().unwrap_or_else(|| bound.ip().to_string());
    let host = if best.contains(':') { format!("[{best}]") } else { best };
    Ok(format!("{scheme}://{host}:{}", bound.port()))
}

/// Makes the first administrator when there is none; returns the one-time password when one was made.
async fn make_administrator(repository: &Repository) -> anyhow::Result<Option<String>> {
    match repository.ensure_administrator(preflight::first_password()?).await {
        Ok(made) => Ok(made),
        Err(RepositoryError::Invalid { violations }) => {
            let reasons: Vec<String> = violations.into_iter().map(|violation| violation.detail).collect();
            bail!("the password of CARTULARY_ADMIN_PASSWORD cannot be used: {}", reasons.join("; "))
        }
        Err(error) => Err(error).context("the first administrator cannot be made"),
    }
}

fn welcome(loaded: &Loaded, address: &str, one_time_password: Option<&str>) -> String {
    let mut lines = vec![
        format!("{} is open", loaded.configuration.office.name),
        String::new(),
        format!("Address   {address}"),
        format!("Data      {}", loaded.data.root.display()),
    ];
    if let Some(password) = one_time_password {
        lines.push(String::new());
        lines.push("Sign in as   admin".to_owned());
        lines.push(format!("Password     {password}"));
        lines.push("It is shown this once, and is changed at the first sign-in.".to_owned());
    }
    lines.push(String::new());
    lines.push("Ctrl-C closes the office.".to_owned());
    output::boxed(&lines)
}

fn tls_hint(loaded: &Loaded) -> String {
    let (data, listen) = (loaded.data.root.display(), &loaded.configuration.server.listen);
    format!(
        "reach the office over https; to let it issue its own certificate: cartulary serve --data {data} --listen {listen} \
         --tls office-authority"
    )
}

/// What running requests leave over of the time is for the rest: jobs are put back and the database is closed, which takes
/// milliseconds.
const REST_OF_CLOSING: Duration = Duration::from_secs(5);

/// Waits for the first signal; a second one ends the program at once, and so does the end of the time that closing may take.
async fn asked_to_end(mut signals: Signals, requests_end_within: Duration) {
    signals.next().await;
    tracing::info!("the office closes: requests under way are finished");
    end_after(requests_end_within.saturating_add(REST_OF_CLOSING), || std::process::exit(1));
    tokio::spawn(async move {
        signals.next().await;
        std::process::exit(1);
    });
}

/// Ends the program when closing takes longer: something hangs then, and what was acknowledged is on disk. It is a thread of its
/// own, because what hangs may hold all those of the runtime.
fn end_after(limit: Duration, end: impl FnOnce() + Send + 'static) {
    let spawned = std::thread::Builder::new().name("closing".to_owned()).spawn(move || {
        std::thread::sleep(limit);
        tracing::error!(limit_seconds = limit.as_secs(), "the office did not close in time: it ends now");
        end();
    });
    if let Err(error) = spawned {
        tracing::warn!(%error, "the time that closing takes is not limited");
    }
}

async fn give_memory_back() {
    loop {
        tokio::time::sleep(GIVE_BACK_EVERY).await;
        let _ = tokio::task::spawn_blocking(process::give_memory_back).await;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn loaded() -> Loaded {
        load(&Sources { data_dir: "/srv/office".into(), ..Sources::default() }).unwrap()
    }

    #[test]
    fn the_welcome_shows_a_password_only_when_one_was_made() {
        let loaded = loaded();
        insta::assert_snapshot!(welcome(&loaded, "http://127.0.0.1:8480", Some("kaf3a-97hdr-mmn2p-x5zzt")));
        assert!(!welcome(&loaded, "http://127.0.0.1:8480", None).contains("Password"));
    }

    #[test]
    fn an_office_that_hangs_while_it_closes_ends_all_the_same() {
        let (sender, ended) = std::sync::mpsc::channel();
        end_after(Duration::ZERO, move || sender.send(()).unwrap());
        ended.recv().unwrap();
    }

    #[test]
    fn the_address_can_be_opened() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let address = address(&loaded().configuration, &listener, false).unwrap();
        assert_eq!(address, format!("http://127.0.0.1:{port}"));
    }
}
