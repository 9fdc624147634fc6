//! A body on its way in: small ones stay in memory, large ones go to the staging place as they come.

use std::pin::pin;

use bytes::Bytes;
use futures::{Stream, StreamExt};

use cartulary_model::BlobDigest;

use crate::blocking;
use crate::chunks::ChunkQueue;
use crate::error::Result;
use crate::folder::FileSink;
use crate::objects::ObjectSink;
use crate::staged::{StagedBlob, StagedBody, head_of};
use crate::store::Backend;

/// Larger small bodies are hashed on another thread; a ten-thousandth of a second is long enough for a thread that serves others.
const HASH_HERE_BYTES: usize = 128 * 1024;

/// Takes a body to its end.
pub(crate) async fn stage<S>(backend: &Backend, body: S) -> Result<StagedBlob>
where
    S: Stream<Item = Result<Bytes>>,
{
    let mut body = pin!(body);
    let mut queue = ChunkQueue::default();
    while let Some(chunk) = body.next().await {
        queue.push(chunk?);
        if queue.len() > backend.memory_bytes() {
            return stage_large(backend, queue, body).await;
        }
    }
    stage_small(queue).await
}

/// Takes what is wholly in memory.
async fn stage_small(mut queue: ChunkQueue) -> Result<StagedBlob> {
    let size = queue.len();
    let chunks = queue.take_all();
    if size <= HASH_HERE_BYTES {
        return Ok(StagedBlob::in_memory(chunks));
    }
    blocking::run(move || Ok(StagedBlob::in_memory(chunks))).await
}

/// Takes what has outgrown the memory.
async fn stage_large<S>(backend: &Backend, mut queue: ChunkQueue, mut body: S) -> Result<StagedBlob>
where
    S: Stream<Item = Result<Bytes>> + Unpin,
{
    let mut sink = Sink::begin(backend).await?;
    let mut size_bytes = queue.len() as u64;
    let first = queue.take(sink.batch_bytes());
    let head = head_of(&first);
    let outcome = async {
        sink.push(first).await?;
        loop {
            while queue.len() >= sink.batch_bytes() {
                let batch = queue.take(sink.batch_bytes());
                sink.push(batch).await?;
            }
            let Some(chunk) = body.next().await else { break };
            let chunk = chunk?;
            size_bytes += chunk.len() as u64;
            queue.push(chunk);
        }
        if queue.len() > 0 {
            sink.push(queue.take_all()).await?;
        }
        Ok(())
    }
    .await;
    match outcome {
        Ok(()) => {
            let (body, digest) = sink.finish().await?;
            Ok(StagedBlob { digest, size_bytes, head, body })
        }
        Err(error) => {
            sink.abort().await;
            Err(error)
        }
    }
}

/// The staging place of a large body.
enum Sink {
    File(FileSink),
    Object(Box<ObjectSink>),
}

impl Sink {
    async fn begin(backend: &Backend) -> Result<Self> {
        match backend {
            Backend::Folder(folder) => Ok(Self::File(FileSink::begin(folder).await?)),
            Backend::Objects(objects) => Ok(Self::Object(Box::new(ObjectSink::begin_staging(objects).await?))),
        }
    }

    fn batch_bytes(&self) -> usize {
        match self {
            Self::File(_) => FileSink::BATCH_BYTES,
            Self::Object(sink) => sink.part_bytes(),
        }
    }

    async fn push(&mut self, batch: Vec<Bytes>) -> Result<()> {
        match self {
            Self::File(sink) => sink.push(batch).await,
            Self::Object(sink) => sink.push(batch).await,
        }
    }

    async fn finish(self) -> Result<(StagedBody, BlobDigest)> {
        match self {
            Self::File(sink) => {
                let (file, digest) = sink.finish().await?;
                Ok((StagedBody::File(file), digest))
            }
            Self::Object(sink) => {
                let (object, digest) = sink.finish().await?;
                Ok((StagedBody::Object(object), digest))
            }
        }
    }

    async fn abort(self) {
        match self {
            // The file goes with the sink.
            Self::File(_) => {}
            Self::Object(sink) => sink.abort().await,
        }
    }
}
