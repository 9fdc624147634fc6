//! Signals that ask the program to end.

use tokio::signal::unix::{SignalKind, signal};

/// Waits until the system or a person asks the program to end: SIGTERM, SIGINT (Ctrl-C) or SIGHUP.
pub async fn asked_to_end() {
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    let [Ok(mut terminate), Ok(mut interrupt), Ok(mut hangup)] = kinds.map(signal) else {
        tracing::error!("signals cannot be received; end the program with SIGKILL");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = hangup.recv() => {}
    }
}
