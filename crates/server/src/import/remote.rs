//! Sends files to an office that runs, by the imports of its REST interface.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use cartulary_model::BlobDigest;
use futures::Stream;
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use super::check::{Known, TRIES_WHILE_CHANGING, changing, digest_of};
use super::destination::{TakeError, Taken};
use super::driver::OFFICE_FAULT;
use super::report::{Ended, unread_fault};
use super::walk::{Candidate, Fault};
use crate::client::{CallError, Client, query_value, query_value_of_bytes};
use crate::contact::{Contact, Meter, Patience};

/// Sent at once, in bytes.
const CHUNK_BYTES: usize = 256 * 1024;

/// A run of an import into an office that runs.
#[derive(Debug)]
pub struct RemoteOffice {
    client: Client,
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImportAnswer {
    id: String,
    #[serde(default)]
    faults: Vec<FaultAnswer>,
    #[serde(default)]
    texts: Option<TextsAnswer>,
}

#[derive(Deserialize)]
struct TextsAnswer {
    waiting: u64,
    unread: Vec<UnreadAnswer>,
}

#[derive(Deserialize)]
struct UnreadAnswer {
    path: String,
    #[serde(default)]
    faults: Vec<TextFaultAnswer>,
}

#[derive(Deserialize)]
struct TextFaultAnswer {
    code: String,
    detail: String,
}

#[derive(Deserialize)]
struct FaultAnswer {
    path: String,
    #[serde(default)]
    code: Option<String>,
    reason: String,
}

#[derive(Deserialize)]
struct CheckAnswer {
    items: Vec<CheckItem>,
}

#[derive(Deserialize)]
struct CheckItem {
    state: String,
}

#[derive(Deserialize)]
struct FileAnswer {
    state: String,
    #[serde(default)]
    former_in_trash: bool,
}

impl RemoteOffice {
    /// Begins a run.
    ///
    /// # Errors
    /// The office cannot be reached, or refuses.
    pub async fn start(client: Client, source: &str) -> Result<Self, CallError> {
        let body = json!({ "source": source });
        let answer: ImportAnswer = client.once(Method::POST, "/api/v1/imports", Some(&body)).await?;
        Ok(Self { client, id: answer.id })
    }

    /// Asks which files the office has taken from this source, in the order given; `None` for those it has yet to take.
    pub async fn check(&self, files: &[(Candidate, Known)]) -> Result<Vec<Option<Taken>>, TakeError> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let entry = |(candidate, known): &(Candidate, Known)| {
            json!({
                "path": candidate.path,
                "digest": known.digest.to_string(),
                "sizeBytes": known.size_bytes,
            })
        };
        let body = json!({ "entries": files.iter().map(entry).collect::<Vec<_>>() });
        let path = format!("/api/v1/imports/{}/check", self.id);
        let answer: Result<CheckAnswer, CallError> = self.client.patiently(Method::POST, &path, Some(&body)).await;
        let items = answer.map_err(|error| TakeError::Stop(error.in_words()))?.items;
        if items.len() != files.len() {
            return Err(TakeError::Stop("the office answered about other files than it was asked about".to_owned()));
        }
        let had = |item: &CheckItem| match item.state.as_str() {
            "taken" => Some(Taken::Already),
            "trashed" => Some(Taken::Trashed),
            _ => None,
        };
        Ok(items.iter().map(had).collect())
    }

    /// Sends one file.
    pub async fn take(&self, candidate: &Candidate, known: Option<Known>) -> Result<Taken, TakeError> {
        let mut known = match known {
            Some(known) => known,
            None => digest_of(candidate).await.map_err(TakeError::File)?,
        };
        for _ in 0..TRIES_WHILE_CHANGING {
            match self.send_patiently(candidate, known).await? {
                Some(taken) => return Ok(taken),
                None => known = digest_of(candidate).await.map_err(TakeError::File)?,
            }
        }
        Err(TakeError::File(changing(candidate)))
    }

    /// Sends one file, again after pauses while the office cannot be reached. `None`: the file changed meanwhile.
    async fn send_patiently(&self, candidate: &Candidate, known: Known) -> Result<Option<Taken>, TakeError> {
        let mut patience = Patience::new(self.client.contact());
        loop {
            let has_changed = Arc::new(AtomicBool::new(false));
            let error = match self.send(candidate, known, &has_changed).await {
                Ok(answer) => return state_of(&answer).map(Some),
                Err(_) if has_changed.load(Ordering::Relaxed) => return Ok(None),
                Err(error) => error,
            };
            if error.is_passing() && patience.wait(&error.in_passing(), error.retry_after()).await {
                continue;
            }
            return Err(refusal(candidate, &error));
        }
    }

    async fn send(
        &self,
        candidate: &Candidate,
        known: Known,
        has_changed: &Arc<AtomicBool>,
    ) -> Result<FileAnswer, CallError> {
        let mut path = format!("/api/v1/imports/{}/files?path={}", self.id, query_value(&candidate.path));
        path.push_str(&format!("&sequence={}", candidate.sequence));
        if let Some(raw) = &candidate.path_raw {
            path.push_str("&pathRaw=");
            path.push_str(&query_value_of_bytes(raw));
        }
        let file = tokio::fs::File::open(&candidate.file).await.map_err(CallError::of_own_file)?;
        let pulse = self.client.contact().begin();
        let body = whole_or_nothing(file, known, Arc::clone(has_changed), pulse.meter());
        let body = reqwest::Body::wrap_stream(body);
        let request = self
            .client
            .request(Method::PUT, &path)
            .header(reqwest::header::CONTENT_TYPE, "application/octet-stream")
            .header(reqwest::header::CONTENT_LENGTH, known.size_bytes)
            .body(body);
        self.client.call_with(request, pulse).await
    }

    /// Ends the run.
    pub async fn finish(&self) -> anyhow::Result<Ended> {
        let path = format!("/api/v1/imports/{}/finish", self.id);
        let answer: ImportAnswer = self.client.patiently(Method::POST, &path, None).await?;
        let fault = |fault: FaultAnswer| {
            Fault::new(fault.path, fault.code.unwrap_or_else(|| "not_taken".to_owned()), fault.reason)
        };
        let unread = |file: UnreadAnswer| {
            unread_fault(file.path, file.faults.into_iter().map(|fault| (fault.code, fault.detail)))
        };
        let texts_waiting = answer.texts.as_ref().map(|texts| texts.waiting);
        let texts = answer.texts.map(|texts| texts.unread).unwrap_or_default();
        Ok(Ended {
            faults: answer.faults.into_iter().map(fault).collect(),
            unread: texts.into_iter().map(unread).collect(),
            texts_waiting,
        })
    }

    /// Returns the contact with the office.
    pub const fn contact(&self) -> &Contact {
        self.client.contact()
    }

    /// Returns the id of the run.
    pub fn import_id(&self) -> String {
        self.id.clone()
    }
}

fn state_of(answer: &FileAnswer) -> Result<Taken, TakeError> {
    match answer.state.as_str() {
        "created" if answer.former_in_trash => Ok(Taken::Anew),
        "created" => Ok(Taken::Created),
        "version" => Ok(Taken::Version),
        "taken" => Ok(Taken::Already),
        "trashed" => Ok(Taken::Trashed),
        other => Err(TakeError::Stop(format!("the office answered `{other}`, which this program does not know"))),
    }
}

fn refusal(candidate: &Candidate, error: &CallError) -> TakeError {
    match error {
        CallError::OwnFile(source) => {
            TakeError::File(Fault::new(&candidate.shown, "unreadable", format!("it cannot be read: {source}")))
        }
        CallError::Refused(problem) if matches!(problem.status, 400 | 409 | 411 | 413 | 415 | 422) => {
            TakeError::File(Fault::new(&candidate.shown, &problem.code, problem.in_words()))
        }
        CallError::Refused(problem) if problem.status == 500 => {
            TakeError::File(Fault::new(&candidate.shown, OFFICE_FAULT, problem.in_words()))
        }
        other => TakeError::Stop(other.in_words()),
    }
}

/// Streams a file whose digest is known. If what is read is not what was hashed, the stream breaks off before its last chunk,
/// so that the office never has a whole body that no instant of the file corresponds to.
fn whole_or_nothing(
    file: tokio::fs::File,
    known: Known,
    has_changed: Arc<AtomicBool>,
    meter: Meter,
) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    let (hasher, left_bytes, digest) = (Sha256::new(), known.size_bytes, known.digest);
    let state = Sending { file, hasher, left_bytes, digest, has_changed, meter };
    futures::stream::try_unfold(state, |mut sending| async move {
        let chunk = sending.next_chunk().await?;
        Ok(chunk.map(|chunk| (chunk, sending)))
    })
}

struct Sending {
    file: tokio::fs::File,
    hasher: Sha256,
    left_bytes: u64,
    digest: BlobDigest,
    has_changed: Arc<AtomicBool>,
    meter: Meter,
}

impl Sending {
    async fn next_chunk(&mut self) -> std::io::Result<Option<Bytes>> {
        if self.left_bytes == 0 {
            return Ok(None);
        }
        let count = usize::try_from(self.left_bytes).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        let mut buffer = vec![0_u8; count];
        if let Err(error) = self.file.read_exact(&mut buffer).await {
            self.has_changed.store(true, Ordering::Relaxed);
            return Err(error);
        }
        self.hasher.update(&buffer);
        self.left_bytes = self.left_bytes.saturating_sub(count as u64);
        let is_last = self.left_bytes == 0;
        if is_last && self.hasher.clone().finalize().as_slice() != self.digest.as_bytes() {
            self.has_changed.store(true, Ordering::Relaxed);
            return Err(std::io::Error::other("the file changed while it was sent"));
        }
        self.meter.sent(count as u64);
        Ok(Some(Bytes::from(buffer)))
    }
}
