//! The job that makes a file of arranged pages, in a contained worker.

use std::collections::BTreeMap;
use std::path::Path;

use cartulary_blobs::{StagedBlob, StorageKey};
use cartulary_db::Conn;
use cartulary_formats::{ArrangeRequest, Extraction, Fault as FormatFault, FaultCode, FormatsError};
use cartulary_model::{BlobDigest, ChangeKind};
use futures::StreamExt;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::module::{JobContext, JobError};
use crate::services::{ARRANGED_KIND, ARRANGED_PRODUCER, ArrangeJob, ArrangedPage, TextJob, pages_of, texts_request};
use crate::store::arrangements::{self, ArrangementRow};
use crate::store::blobs::BlobRow;
use crate::store::renditions::{self, Outcome, RenditionKey};
use crate::transaction::{Change, Tx};
use crate::work::faults_json;
use crate::{Repository, RepositoryError, Result, scratch};

/// How much all files together may have that pages are taken of. *Units*: bytes.
const SOURCES_BYTES_MAX: u64 = 300 << 20;
/// How many pieces of the new file wait to be stored.
const PIECES: usize = 16;

/// What became of it.
enum Made {
    File(StagedBlob),
    Failed(Vec<FormatFault>),
}

/// Makes the file of an arrangement and keeps it as a rendition.
pub(crate) async fn make_file(context: JobContext) -> std::result::Result<(), JobError> {
    let repository = context.repository;
    let job: ArrangeJob = serde_json::from_value(context.payload).map_err(|error| JobError::Dead(error.to_string()))?;
    let digest = job.digest.clone();
    let read = move |conn: &mut Conn| -> Result<Option<(ArrangementRow, BTreeMap<String, BlobRow>)>> {
        let Some(row) = arrangements::one_with(conn, &digest)? else { return Ok(None) };
        let sources = arrangements::sources(conn, row.object_no)?;
        Ok(Some((row, sources)))
    };
    let Some((row, sources)) = repository.database().read(read).await? else {
        return Err(JobError::Dead("nobody has this arrangement any more".to_owned()));
    };
    let made = match total_of(&sources) {
        size if size > SOURCES_BYTES_MAX => Made::Failed(vec![too_large(size)]),
        _ => put_together(&repository, &pages_of(&row)?, &sources).await?,
    };
    keep(&repository, &job.digest, row.page_count, made).await.map_err(JobError::from)
}

fn total_of(sources: &BTreeMap<String, BlobRow>) -> u64 {
    sources.values().map(|blob| blob.size_bytes.unsigned_abs()).sum()
}

fn too_large(size: u64) -> FormatFault {
    let detail = format!("the files have {size} bytes; pages of up to {SOURCES_BYTES_MAX} can be put together");
    FormatFault::of_file(FaultCode::FileTooLarge, detail)
}

async fn put_together(
    repository: &Repository,
    pages: &[ArrangedPage],
    sources: &BTreeMap<String, BlobRow>,
) -> std::result::Result<Made, JobError> {
    let Some(pool) = &repository.inner.workers else {
        return Err(JobError::Retry("no workers are configured to read files".to_owned()));
    };
    let path = scratch::new_copy(&repository.inner.config.work_dir);
    let places = match lay_out(repository, &path, sources).await {
        Ok(places) => places,
        Err(error) => {
            let _ = tokio::fs::remove_file(&path).await;
            return Err(error.into());
        }
    };
    let numbers: BTreeMap<&str, u32> =
        (0..).zip(sources.keys()).map(|(number, digest)| (digest.as_str(), number)).collect();
    let numbered = pages.iter().map(|page| {
        let number = numbers.get(page.digest.to_string().as_str()).copied().unwrap_or(u32::MAX);
        (number, page.page, page.rotation)
    });
    let (output, mut pieces) = tokio::sync::mpsc::channel(PIECES);
    let request = ArrangeRequest { sources: places, pages: numbered.collect(), output };
    let body =
        futures::stream::poll_fn(move |context| pieces.poll_recv(context)).map(Ok::<_, std::convert::Infallible>);
    let session = repository.system_session();
    let (answer, staged) = tokio::join!(pool.arrange(path.clone(), request), session.content_stage(body));
    let _ = tokio::fs::remove_file(&path).await;
    let staged = staged?;
    let made = outcome_of(answer, staged.size_bytes);
    if !matches!(made, Ok(None)) {
        repository.blobs().discard(staged).await;
        return made.map(|faults| Made::Failed(faults.unwrap_or_default()));
    }
    Ok(Made::File(staged))
}

/// Returns nothing when there is a file, else why there is none.
fn outcome_of(
    answer: std::result::Result<Extraction, FormatsError>,
    size_bytes: u64,
) -> std::result::Result<Option<Vec<FormatFault>>, JobError> {
    match answer {
        Ok(done) if done.faults.is_empty() && size_bytes > 0 => Ok(None),
        Ok(done) => Ok(Some(done.faults)),
        Err(FormatsError::Unavailable { reason }) => Err(JobError::Retry(reason)),
        Err(FormatsError::Unreadable { source }) => Err(JobError::Retry(source.to_string())),
        Err(error) => Ok(Some(vec![error.as_fault()])),
    }
}

/// Writes the files behind each other into one that a worker can be given, and returns where each is.
async fn lay_out(repository: &Repository, path: &Path, sources: &BTreeMap<String, BlobRow>) -> Result<Vec<(u64, u64)>> {
    let mut file = scratch::create(path).await?;
    let (mut places, mut begins) = (Vec::with_capacity(sources.len()), 0);
    for blob in sources.values() {
        let digest: BlobDigest = blob.digest.parse().map_err(RepositoryError::internal)?;
        let (key, size) = (StorageKey::new(digest, blob.generation.unsigned_abs()), blob.size_bytes.unsigned_abs());
        let mut reader = repository.blobs().read(&key, digest, size, None).await?;
        while let Some(chunk) = reader.next().await {
            file.write_all(&chunk?).await.map_err(RepositoryError::internal)?;
        }
        places.push((begins, size));
        begins += size;
    }
    file.flush().await.map_err(RepositoryError::internal)?;
    Ok(places)
}

async fn keep(repository: &Repository, arrangement: &str, page_count: i32, made: Made) -> Result<()> {
    let session = repository.system_session();
    let arrangement = arrangement.to_owned();
    match made {
        Made::File(staged) => {
            let text = TextJob {
                digest: staged.digest,
                media_type: "application/pdf".to_owned(),
                file_name: "arranged.pdf".to_owned(),
            };
            let act = move |tx: &mut Tx<'_>, blob| {
                let (state, blob_no, page_count) = (renditions::READY, Some(blob), Some(page_count));
                let outcome = Outcome { state, blob_no, page_count, pages_with_text: None, faults: "[]" };
                put_outcome(tx, &arrangement, &outcome)?;
                // Its words are found as those of any content.
                texts_request(tx, text.digest, &text.media_type, &text.file_name)
            };
            session.with_blob(staged, act).await.map(drop)
        }
        Made::Failed(faults) => {
            let faults = faults_json(&faults)?;
            let act = move |tx: &mut Tx<'_>| {
                let (state, faults) = (renditions::FAILED, faults.as_str());
                let outcome = Outcome { state, blob_no: None, page_count: None, pages_with_text: None, faults };
                put_outcome(tx, &arrangement, &outcome)
            };
            session.transact(act).await.map(drop)
        }
    }
}

fn put_outcome(tx: &mut Tx<'_>, arrangement: &str, outcome: &Outcome<'_>) -> Result<()> {
    let key = RenditionKey { source_digest: arrangement, kind: ARRANGED_KIND, producer: ARRANGED_PRODUCER };
    renditions::put_outcome(tx.conn, key, outcome, tx.now.as_millis())?;
    let detail = Some(json!({ "digest": arrangement, "kind": ARRANGED_KIND, "state": outcome.state }));
    tx.record(ChangeKind::Rendition, Change { detail, ..Change::default() })
}
