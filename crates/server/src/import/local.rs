//! Takes files into a data folder that this program opened itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cartulary_blobs::BlobError;
use cartulary_repository::{
    ImportCandidate, ImportFault, ImportFile, ImportState, Imported, NewImport, RepositoryError, Session, UnreadFile,
    error_chain,
};
use tokio::sync::Semaphore;

use super::check::{self, TRIES_WHILE_CHANGING, changing, read_fault};
use super::destination::{TakeError, Taken};
use super::driver::OFFICE_FAULT;
use super::report::{Ended, unread_fault};
use super::walk::{Candidate, Fault};

/// From this size on a file that may have been taken is hashed first, so that its bytes are not written in vain.
const WORTH_ASKING_BYTES: u64 = 1024 * 1024;

/// A run of an import into a data folder that this program opened.
#[derive(Debug)]
pub struct LocalOffice {
    session: Session,
    id: cartulary_model::ObjectId,
    /// Whether the last file had been taken before: then the next one probably was too.
    is_repeating: AtomicBool,
    /// Files whose bytes may be under way; those that are stored and wait for their rows do not count.
    slots: Arc<Semaphore>,
}

impl LocalOffice {
    /// Begins a run.
    ///
    /// # Errors
    /// The repository refuses.
    pub async fn start(session: Session, source: &str, parallel: usize) -> anyhow::Result<Self> {
        let begun = session.import_start(NewImport { source: source.to_owned(), ..NewImport::default() }).await?;
        Ok(Self {
            session,
            id: begun.view.id,
            is_repeating: AtomicBool::new(false),
            slots: Arc::new(Semaphore::new(parallel)),
        })
    }

    /// Takes one file in.
    pub async fn take(&self, candidate: &Candidate) -> Result<Taken, TakeError> {
        let is_worth_asking = candidate.size_bytes >= WORTH_ASKING_BYTES && self.is_repeating.load(Ordering::Relaxed);
        if is_worth_asking && self.has(candidate).await? {
            return Ok(Taken::Already);
        }
        let taken = self.stage_and_take(candidate).await?;
        self.is_repeating.store(matches!(taken, Taken::Already | Taken::Trashed), Ordering::Relaxed);
        Ok(taken)
    }

    async fn has(&self, candidate: &Candidate) -> Result<bool, TakeError> {
        let known = check::digest_of(candidate).await.map_err(TakeError::File)?;
        let asked = ImportCandidate { path: candidate.path.clone(), digest: known.digest };
        let states = self.session.import_check(self.id, vec![asked]).await;
        let states = states.map_err(|error| refusal(candidate, error))?;
        Ok(states.first() == Some(&ImportState::Taken))
    }

    async fn stage_and_take(&self, candidate: &Candidate) -> Result<Taken, TakeError> {
        for _ in 0..TRIES_WHILE_CHANGING {
            // The semaphore is never closed; without a slot the file is taken all the same.
            let slot = Arc::clone(&self.slots).acquire_owned().await.ok();
            let staged = match self.session.content_stage_file(&candidate.file).await {
                Ok(staged) => staged,
                Err(error) if is_changed(&error) => continue,
                Err(error) => return Err(refusal(candidate, error)),
            };
            let file = ImportFile {
                path: candidate.path.clone(),
                path_raw: candidate.path_raw.clone(),
                staged,
                media_type: None,
                sequence: Some(candidate.sequence),
                slot,
            };
            let imported = self.session.import_file(self.id, file).await;
            return imported.map(|imported| taken(&imported.value)).map_err(|error| refusal(candidate, error));
        }
        Err(TakeError::File(changing(candidate)))
    }

    /// Notes a file that could not be taken.
    pub async fn note_fault(&self, fault: &Fault) {
        let Fault { path, code, reason } = fault.clone();
        let noted = self.session.import_fault(self.id, ImportFault { path, code, reason }).await;
        if let Err(error) = noted {
            tracing::debug!(error = %error, "a fault of the import could not be noted");
        }
    }

    /// Ends the run.
    pub async fn finish(&self) -> anyhow::Result<Ended> {
        let report = self.session.import_finish(self.id).await?;
        let fault = |fault: ImportFault| Fault::new(fault.path, fault.code, fault.reason);
        let unread = |file: UnreadFile| {
            let faults = file.faults.into_iter().map(|fault| (fault.code, fault.detail));
            unread_fault(file.path, faults)
        };
        Ok(Ended {
            faults: report.faults.into_iter().map(fault).collect(),
            unread: report.texts.unread.into_iter().map(unread).collect(),
            texts_waiting: Some(report.texts.waiting_count),
        })
    }

    /// Returns the id of the run.
    pub fn import_id(&self) -> String {
        self.id.to_string()
    }
}

fn taken(imported: &Imported) -> Taken {
    match imported.state {
        ImportState::Created if imported.is_former_trashed => Taken::Anew,
        ImportState::New | ImportState::Created => Taken::Created,
        ImportState::Changed | ImportState::Version => Taken::Version,
        ImportState::Taken => Taken::Already,
        ImportState::Trashed => Taken::Trashed,
    }
}

fn blob_error(error: &RepositoryError) -> Option<&BlobError> {
    match error {
        RepositoryError::Internal(source) => source.downcast_ref(),
        _ => None,
    }
}

fn is_changed(error: &RepositoryError) -> bool {
    matches!(blob_error(error), Some(BlobError::Changed))
}

/// Says what a refusal means: for this file, or for all that follow.
fn refusal(candidate: &Candidate, error: RepositoryError) -> TakeError {
    if let Some(source @ BlobError::Source { .. }) = blob_error(&error) {
        return TakeError::File(read_fault(candidate, source));
    }
    match error {
        RepositoryError::StorageFull | RepositoryError::Unavailable { .. } => TakeError::Stop(error_chain(&error)),
        RepositoryError::Invalid { violations } => {
            let reasons: Vec<String> = violations.into_iter().map(|violation| violation.detail).collect();
            TakeError::File(Fault::new(&candidate.shown, "invalid", reasons.join("; ")))
        }
        RepositoryError::Conflict { code, detail } => TakeError::File(Fault::new(&candidate.shown, code, detail)),
        RepositoryError::Interrupted => {
            TakeError::File(Fault::new(&candidate.shown, "unreadable", "it could not be read to its end"))
        }
        other => TakeError::File(Fault::new(&candidate.shown, OFFICE_FAULT, error_chain(&other))),
    }
}
