//! The middle stage with a remote office: hashes files and asks, 500 at a time, which of them it has already.

use std::sync::Arc;

use cartulary_blobs::{BlobError, SourceFile};
use cartulary_model::BlobDigest;
use futures::StreamExt;
use tokio::sync::mpsc;

use super::destination::{Destination, TakeError, Taken};
use super::walk::{Candidate, Fault, Found};

/// So many files are asked about at once.
const BATCH: usize = 500;
/// So many files are hashed at the same time.
const HASHES: usize = 8;

/// What is known of a file before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// Its digest.
    pub digest: BlobDigest,
    /// The number of bytes that were hashed.
    pub size_bytes: u64,
}

/// What the last stage has to do.
#[derive(Debug)]
pub enum Step {
    /// Take the file.
    Take(Candidate, Option<Known>),
    /// Count it: the office has it.
    Already(Candidate, Taken),
    /// Note it: it cannot be taken.
    Fault(Fault),
    /// End: nothing more can be taken.
    Stop(String),
}

impl From<Found> for Step {
    fn from(found: Found) -> Self {
        match found {
            Found::File(candidate) => Self::Take(candidate, None),
            Found::Fault(fault) => Self::Fault(fault),
        }
    }
}

/// Runs the stage until the walk ends or nobody takes any more.
pub async fn run(office: Arc<Destination>, mut found: mpsc::Receiver<Found>, steps: mpsc::Sender<Step>) {
    let Destination::Remote(remote) = office.as_ref() else { return };
    loop {
        let mut batch = Vec::with_capacity(BATCH);
        while batch.len() < BATCH {
            let Some(next) = found.recv().await else { break };
            batch.push(next);
        }
        if batch.is_empty() {
            return;
        }
        let hashed: Vec<_> = futures::stream::iter(batch).map(hash).buffered(HASHES).collect().await;
        let (mut known, mut ready) = (Vec::new(), Vec::new());
        for outcome in hashed {
            match outcome {
                Ok(file) => known.push(file),
                Err(fault) => ready.push(Step::Fault(fault)),
            }
        }
        match remote.check(&known).await {
            Ok(taken) => ready.extend(known.into_iter().zip(taken).map(|((candidate, known), had)| match had {
                Some(taken) => Step::Already(candidate, taken),
                None => Step::Take(candidate, Some(known)),
            })),
            Err(TakeError::Stop(reason)) => ready.push(Step::Stop(reason)),
            Err(TakeError::File(fault)) => ready.push(Step::Stop(fault.reason)),
        }
        for step in ready {
            if steps.send(step).await.is_err() {
                return;
            }
        }
    }
}

async fn hash(found: Found) -> Result<(Candidate, Known), Fault> {
    let candidate = match found {
        Found::File(candidate) => candidate,
        Found::Fault(fault) => return Err(fault),
    };
    match digest_of(&candidate).await {
        Ok(known) => Ok((candidate, known)),
        Err(fault) => Err(fault),
    }
}

/// Reads a file to its end. One that changes meanwhile is read again, but not for ever.
pub async fn digest_of(candidate: &Candidate) -> Result<Known, Fault> {
    for _ in 0..TRIES_WHILE_CHANGING {
        let file = candidate.file.clone();
        let opened = tokio::task::spawn_blocking(move || SourceFile::open(&file)).await;
        let digested = match opened {
            Ok(Ok(source)) => {
                let size_bytes = source.size_bytes();
                source.digest().await.map(|digest| Known { digest, size_bytes })
            }
            Ok(Err(error)) => Err(error),
            Err(_) => return Err(Fault::new(&candidate.shown, "unreadable", "it could not be read")),
        };
        match digested {
            Ok(known) => return Ok(known),
            Err(BlobError::Changed) => {}
            Err(error) => return Err(read_fault(candidate, &error)),
        }
    }
    Err(changing(candidate))
}

/// How often a file that changes while it is read is begun anew.
pub const TRIES_WHILE_CHANGING: u32 = 3;

/// Returns the fault of a file that never held still.
pub fn changing(candidate: &Candidate) -> Fault {
    let reason = "it changes while it is read; import it when nothing writes to it any more";
    Fault::new(&candidate.shown, "changed_while_read", reason)
}

/// Returns the fault of a file that cannot be read.
pub fn read_fault(candidate: &Candidate, error: &BlobError) -> Fault {
    let reason = match error {
        BlobError::Source { source } => source.to_string(),
        other => other.to_string(),
    };
    Fault::new(&candidate.shown, "unreadable", format!("it cannot be read: {reason}"))
}
