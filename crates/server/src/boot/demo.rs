//! The demonstration office: marked in its data folder, and filled once.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use cartulary_repository::{ListOrder, Session, WindowRequest};

use crate::configuration::DataFolder;
use crate::output;

/// The mark of an office whose dossiers are not all made yet.
const BEGUN: &str = "begun";
const FILLED: &str = "filled";
/// How often the progress is told.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Marks the data folder as that of a demonstration office, so that its types are known at every start.
fn mark(data: &DataFolder, state: &str) -> anyhow::Result<()> {
    let path = data.demo_mark();
    std::fs::write(&path, format!("{state}\n")).with_context(|| format!("cannot write `{}`", path.display()))
}

/// Fills an empty office unless that was done. What is there stays; what broke off is made up for.
///
/// # Errors
/// The office has dossiers of its own; the services'.
pub async fn fill_once(session: &Session, data: &DataFolder) -> anyhow::Result<()> {
    let state = std::fs::read_to_string(data.demo_mark()).unwrap_or_default();
    if state.trim() == FILLED {
        return Ok(());
    }
    if state.is_empty() {
        refuse_in_a_real_office(session).await?;
        mark(data, BEGUN)?;
    }
    output::remark("Filling the demonstration office; this is done once.");
    let last = std::sync::Mutex::new(Instant::now());
    let tell = |done: u32, total: u32| {
        let Ok(mut last) = last.lock() else { return };
        if last.elapsed() >= TELL_EVERY {
            *last = Instant::now();
            output::remark(&format!("{done} of {total} papers"));
        }
    };
    let filled = cartulary_demo::fill(session, tell).await.context("the demonstration office cannot be filled")?;
    tracing::info!(
        dossiers = filled.dossiers,
        documents = filled.documents,
        versions = filled.versions,
        "the demonstration office is filled"
    );
    mark(data, FILLED)
}

async fn refuse_in_a_real_office(session: &Session) -> anyhow::Result<()> {
    let window = WindowRequest { offset: 0, limit: 1 };
    let present = session.dossier_list(window, ListOrder::Created, None).await?;
    if present.total > 0 {
        bail!("this office has dossiers of its own: --demo fills an empty one; name another folder with --data DIR");
    }
    Ok(())
}
