//! The running server: sockets, limits, and an orderly end.

use std::future::Future;
use std::net::TcpListener;
use std::time::Duration;

use actix_web::{App, HttpServer};
use rustix::net::sockopt;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::HttpConfig;
use crate::configure;
use crate::state::AppState;

/// Files that are kept for others than clients: database, index, blobs, workers.
const FILES_RESERVED: u64 = 512;
/// The most connections of one thread, when nothing else limits them.
const CONNECTIONS_MAX: usize = 25_000;
/// How long a client may take nothing of an answer, or not be heard of, before its connection ends. *Units*: milliseconds.
const STUCK_CLIENT_MS: u32 = 300_000;
/// How often metrics are tidied.
const UPKEEP: Duration = Duration::from_secs(5);

/// Serves until `shutdown` is done, then lets running requests end.
///
/// # Errors
/// When the socket cannot be used.
pub async fn serve(
    state: AppState,
    listener: TcpListener,
    tls: Option<rustls::ServerConfig>,
    shutdown: impl Future<Output = ()>,
) -> std::io::Result<()> {
    listener.set_nonblocking(true)?;
    watch_clients(&listener);
    let config = state.config().clone();
    let workers = workers(&config);
    let app_state = state.clone();
    let server = HttpServer::new(move || App::new().configure(configure(app_state.clone())))
        .workers(workers)
        .max_connections(connections_per_worker(&config, workers))
        .max_connection_rate(1_024)
        .backlog(4_096)
        .tcp_nodelay(true)
        .keep_alive(Duration::from_millis(config.keep_alive_ms))
        .client_request_timeout(Duration::from_millis(config.header_timeout_ms))
        .client_disconnect_timeout(Duration::from_secs(5))
        .shutdown_timeout(config.shutdown_seconds)
        .disable_signals();
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls)?,
        None => server.listen(listener)?,
    };
    let server = server.run();
    let handle = server.handle();
    let mut server = std::pin::pin!(server);
    let mut shutdown = std::pin::pin!(shutdown);
    let mut upkeep = tokio::time::interval(UPKEEP);
    loop {
        tokio::select! {
            ended = &mut server => return ended,
            () = &mut shutdown => break,
            _ = upkeep.tick() => state.metrics().run_upkeep(),
        }
    }
    tracing::info!("no more requests are taken; running ones may end");
    state.close();
    let (ended, ()) = tokio::join!(server, handle.stop(true));
    ended
}

/// Makes the system end connections of clients that are gone, or that take nothing of what they asked for.
///
/// Connections inherit this from their listener. Without it they would stay, and keep others out when there are many.
fn watch_clients(listener: &TcpListener) {
    let watched = sockopt::set_socket_keepalive(listener, true)
        .and_then(|()| sockopt::set_tcp_user_timeout(listener, STUCK_CLIENT_MS));
    if let Err(error) = watched {
        tracing::warn!(%error, "clients that take nothing keep their connections");
    }
}

fn workers(config: &HttpConfig) -> usize {
    if config.workers > 0 {
        return config.workers;
    }
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Returns how many connections each thread holds: what is configured, or what the limit on open files leaves.
fn connections_per_worker(config: &HttpConfig, workers: usize) -> usize {
    let files = raise_open_files();
    let allowed = usize::try_from(files.saturating_sub(FILES_RESERVED)).unwrap_or(usize::MAX);
    let wanted = if config.max_connections > 0 { config.max_connections } else { allowed };
    if wanted > allowed {
        tracing::warn!(wanted, allowed, "the limit on open files allows fewer connections than configured");
    }
    (wanted.min(allowed) / workers).clamp(64, CONNECTIONS_MAX)
}

/// Raises the limit on open files as far as the system allows, and returns it: a shell's 1,024 are soon used up.
fn raise_open_files() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(1 << 20);
    let current = limit.current.unwrap_or(wanted);
    if current >= wanted {
        return current;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }) {
        Ok(()) => wanted,
        Err(error) => {
            tracing::warn!(%error, current, "the limit on open files stays as it is");
            current
        }
    }
}
