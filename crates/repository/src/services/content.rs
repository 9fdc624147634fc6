//! Bytes: taken in, bound to objects, and given out.

use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use cartulary_blobs::{BlobError, StagedBlob, StorageKey, VerifyOutcome};
use cartulary_db::Conn;
use cartulary_model::permission::READ_CONTENT;
use cartulary_model::{BlobDigest, ObjectId, SlotName};
use futures::{Stream, StreamExt};
use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;

use crate::object::{BytesSource, Content, OpenedContent, ReceivedBytes, Written};
use crate::services::detail::content_of;
use crate::services::readings::Reading;
use crate::store::blobs::{self, BlobRow, ContentRow};
use crate::store::objects;
use crate::transaction::Tx;
use crate::{RepositoryError, Result, Session};

/// How often bytes are stored again because their row was condemned meanwhile.
const BIND_TRIES: usize = 8;
/// Who asks for a digest that he may not know is refused after a multiple of this time.
const REFUSAL_BEAT: Duration = Duration::from_millis(100);
/// How many holders of a digest are looked at in one go.
const HOLDERS: i64 = 500;

impl Session {
    /// Takes in a body, hashing it on the way; nothing is visible until it is bound to an object.
    ///
    /// # Errors
    /// `Interrupted` when the body breaks off; `StorageFull`.
    pub async fn content_stage<S, E>(&self, body: S) -> Result<StagedBlob>
    where
        S: Stream<Item = std::result::Result<Bytes, E>>,
        E: std::fmt::Display,
    {
        Ok(self.repository.blobs().stage(body).await?)
    }

    /// Takes in a file of this machine.
    ///
    /// # Errors
    /// As [`Session::content_stage`]; `Conflict` `changed_while_read` when somebody writes the file meanwhile.
    pub async fn content_stage_file(&self, path: &std::path::Path) -> Result<StagedBlob> {
        Ok(self.repository.blobs().stage_file(path).await?)
    }

    /// Runs `act` in a transaction in which the received bytes have a blob row; of an upload it has been used up for.
    pub(crate) async fn with_received<T, F>(&self, received: ReceivedBytes, act: F) -> Result<Written<T>>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>, i64) -> Result<T> + Clone + Send + 'static,
    {
        match received.source {
            BytesSource::Staged(staged) => self.with_blob(staged, act).await,
            BytesSource::Stored(blob) => self.transact(move |tx| act(tx, blob)).await,
            // Only a repeated request is answered; whoever wants to use it up again is refused before he needs a blob.
            BytesSource::Used => self.transact(move |tx| act(tx, 0)).await,
        }
    }

    /// Runs `act` in a transaction in which the staged bytes have a blob row: their own, or that of equal bytes.
    ///
    /// The bytes are durable before the row that names them commits. A row that is being collected as garbage is never
    /// used: the bytes then go under a key of the next generation.
    pub(crate) async fn with_blob<T, F>(&self, staged: StagedBlob, act: F) -> Result<Written<T>>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>, i64) -> Result<T> + Clone + Send + 'static,
    {
        self.with_stored_blob(staged, None, act).await
    }

    /// Does the same, and lets go of `slot` as soon as the bytes are stored: the next ones may come while this one waits
    /// for its transaction.
    pub(crate) async fn with_stored_blob<T, F>(
        &self,
        staged: StagedBlob,
        mut slot: Option<OwnedSemaphorePermit>,
        act: F,
    ) -> Result<Written<T>>
    where
        T: Send + 'static,
        F: Fn(&mut Tx<'_>, i64) -> Result<T> + Clone + Send + 'static,
    {
        let (digest, size_bytes) = (staged.digest, staged.size_bytes);
        let size = i64::try_from(size_bytes).map_err(RepositoryError::internal)?;
        let name = digest.to_string();
        let mut staged = Some(staged);
        let mut stored: Option<i32> = None;
        for _ in 0..BIND_TRIES {
            let source = name.clone();
            let look = move |conn: &mut Conn| blobs::living_and_next(conn, &source);
            let (living, next) = self.repository.database().read_brief(look).await?;
            let mut to_store = None;
            if let Some(generation) = living {
                if self.mend(digest, size_bytes, generation, &mut staged).await? {
                    stored = Some(generation);
                }
            } else if stored != Some(next) {
                let bytes = match staged.take() {
                    Some(bytes) => bytes,
                    None => self.stage_again(digest, size_bytes, stored).await?,
                };
                to_store = Some((bytes, StorageKey::new(digest, next.unsigned_abs())));
                stored = Some(next);
            }
            let (source, act, slot) = (name.clone(), act.clone(), slot.take());
            let act = move |tx: &mut Tx<'_>| match blob_no(tx, &source, size, stored)? {
                Some(no) => act(tx, no).map(Some),
                None => Ok(None),
            };
            let written = if let Some(to_store) = to_store {
                self.store_and_transact(to_store, slot, act).await
            } else {
                drop(slot);
                self.transact(act).await
            };
            match written {
                Ok(Written { value: Some(value), transaction }) => {
                    self.discard(staged).await;
                    return Ok(Written { value, transaction });
                }
                Ok(_) => {}
                Err(error) => {
                    self.discard(staged).await;
                    return Err(error);
                }
            }
        }
        Err(RepositoryError::Unavailable { what: "the blob store", source: None })
    }

    /// Stores bytes again under the key of a living blob, if what lies there is not whole: whoever sends them has them.
    /// Returns whether it did.
    async fn mend(
        &self,
        digest: BlobDigest,
        size_bytes: u64,
        generation: i32,
        staged: &mut Option<StagedBlob>,
    ) -> Result<bool> {
        if staged.is_none() {
            return Ok(false);
        }
        let key = StorageKey::new(digest, generation.unsigned_abs());
        match self.repository.blobs().verify(&key, digest, size_bytes).await {
            Ok(VerifyOutcome::Sound) => return Ok(false),
            // A file that cannot be opened is no better than one that is not whole.
            Ok(_) | Err(BlobError::Io { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let Some(bytes) = staged.take() else { return Ok(false) };
        tracing::warn!(blob.digest = %digest, "a damaged blob was sent again, and is mended");
        self.repository.blobs().commit(bytes, &key).await?;
        Ok(true)
    }

    async fn discard(&self, staged: Option<StagedBlob>) {
        if let Some(bytes) = staged {
            self.repository.blobs().discard(bytes).await;
        }
    }

    /// Reads the bytes back that were stored under a generation that turned out to be condemned.
    async fn stage_again(&self, digest: BlobDigest, size: u64, generation: Option<i32>) -> Result<StagedBlob> {
        let generation = generation.ok_or(RepositoryError::Interrupted)?;
        let key = StorageKey::new(digest, generation.unsigned_abs());
        let reader = self.repository.blobs().read(&key, digest, size, None).await?;
        Ok(self.repository.blobs().stage(reader).await?)
    }

    /// Returns what the content of a document or version is.
    ///
    /// # Errors
    /// `NotFound` when there is none or the caller may not know; `Forbidden` without `ReadContent`.
    pub async fn content_of(&self, id: ObjectId) -> Result<Content> {
        self.slot_content_of(id, SlotName::main()).await
    }

    /// Returns what lies in one slot of a document or version.
    ///
    /// # Errors
    /// As [`Session::content_of`].
    pub async fn slot_content_of(&self, id: ObjectId, slot: SlotName) -> Result<Content> {
        content_of(&self.content_row(id, slot).await?.0)
    }

    /// Opens the content of a document or version, whole or a range of bytes.
    ///
    /// # Errors
    /// As [`Session::content_of`]; `Corrupt` when the store does not have the bytes that the row names.
    pub async fn content_open(&self, id: ObjectId, range: Option<Range<u64>>) -> Result<OpenedContent> {
        self.slot_content_open(id, SlotName::main(), range).await
    }

    /// Opens what lies in one slot of a document or version, whole or a range of bytes.
    ///
    /// # Errors
    /// As [`Session::content_open`].
    pub async fn slot_content_open(
        &self,
        id: ObjectId,
        slot: SlotName,
        range: Option<Range<u64>>,
    ) -> Result<OpenedContent> {
        let (row, reading) = self.content_row(id, slot).await?;
        self.note_reading(reading, read_of(range.as_ref())).await?;
        self.open(&row, range).await
    }

    /// Returns the content with these bytes, of any object that the caller may read the content of.
    ///
    /// # Errors
    /// `NotFound` otherwise: who knows a digest learns nothing.
    pub async fn blob_content(&self, digest: BlobDigest) -> Result<Content> {
        content_of(&self.blob_row(digest).await?.0)
    }

    /// Opens the bytes with this digest, as [`Session::blob_content`].
    ///
    /// # Errors
    /// As there; `Corrupt`.
    pub async fn blob_open(&self, digest: BlobDigest, range: Option<Range<u64>>) -> Result<OpenedContent> {
        let (row, reading) = self.blob_row(digest).await?;
        self.note_reading(reading, read_of(range.as_ref())).await?;
        self.open(&row, range).await
    }

    async fn content_row(&self, id: ObjectId, slot: SlotName) -> Result<(ContentRow, Option<Reading>)> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<(ContentRow, Option<Reading>)> {
            let row = session.authorised(conn, id, READ_CONTENT, now)?;
            let content = blobs::content_in(conn, row.no, &slot)?;
            let content = content.ok_or_else(|| RepositoryError::not_found("the content"))?;
            Ok((content, session.reading_of(conn, &row)?))
        };
        self.repository.database().read_brief(read).await
    }

    /// Returns a content with these bytes that the caller may read. A refusal comes at a beat of its own, so that it takes
    /// the same time whether the office has such bytes, for others, or has not.
    pub(crate) async fn blob_row(&self, digest: BlobDigest) -> Result<(ContentRow, Option<Reading>)> {
        let began = tokio::time::Instant::now();
        let found = self.look_for_blob(digest).await;
        if matches!(found, Err(RepositoryError::NotFound { .. })) {
            let beats = began.elapsed().as_millis() / REFUSAL_BEAT.as_millis() + 1;
            let beats = u32::try_from(beats).unwrap_or(u32::MAX);
            tokio::time::sleep_until(began + REFUSAL_BEAT.saturating_mul(beats)).await;
        }
        found
    }

    async fn look_for_blob(&self, digest: BlobDigest) -> Result<(ContentRow, Option<Reading>)> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<(ContentRow, Option<Reading>)> {
            let mut after = 0;
            loop {
                let holders = blobs::holders(conn, &digest.to_string(), after, HOLDERS)?;
                let Some((last, _)) = holders.last() else {
                    return Err(RepositoryError::not_found("the blob"));
                };
                after = last.object_no;
                for (content, scope) in holders {
                    let access = &session.repository.inner.access;
                    if access.allows(conn, &session.actor, scope, READ_CONTENT, now)? {
                        let holder = objects::by_no(conn, content.object_no)?;
                        let holder = holder.ok_or_else(|| RepositoryError::not_found("the blob"))?;
                        return Ok((content, session.reading_of(conn, &holder)?));
                    }
                }
            }
        };
        self.repository.database().read(read).await
    }

    pub(crate) async fn open(&self, row: &ContentRow, range: Option<Range<u64>>) -> Result<OpenedContent> {
        let content = content_of(row)?;
        let key = StorageKey::new(content.digest, row.generation.unsigned_abs());
        let reader = self.repository.blobs().read(&key, content.digest, content.size_bytes, range).await;
        let reader = reader.map_err(|error| corrupt_or(error, content.digest))?;
        let digest = content.digest;
        let bytes = reader.map(move |chunk| chunk.map_err(|error| corrupt_or(error, digest)));
        Ok(OpenedContent { content, bytes: Box::pin(bytes) })
    }
}

/// Says what of a content is read.
fn read_of(range: Option<&Range<u64>>) -> serde_json::Value {
    match range {
        None => json!("content"),
        Some(range) => json!({ "content": [range.start, range.end] }),
    }
}

/// A blob that a row names and the store does not have is damage, not a missing page.
fn corrupt_or(error: BlobError, digest: BlobDigest) -> RepositoryError {
    match error {
        BlobError::NotFound => RepositoryError::Corrupt { digest: digest.to_string() },
        other => other.into(),
    }
}

/// Returns the living blob of a digest, making its row when the bytes lie under the generation `stored`.
///
/// SQLite has no index that keeps a second living one out: there the one writer asks before it inserts, here.
fn blob_no(tx: &mut Tx<'_>, digest: &str, size: i64, stored: Option<i32>) -> Result<Option<i64>> {
    let living: Option<BlobRow> = blobs::living_locked(tx.conn, digest)?;
    match (living, stored) {
        (Some(row), _) => Ok(Some(row.no)),
        (None, Some(generation)) => blobs::insert(tx.conn, digest, generation, size, tx.now.as_millis()),
        (None, None) => Ok(None),
    }
}
