//! Bytes into objects: large ones in parts to a staging name, from where the store copies them to their key.

use bytes::Bytes;
use object_store::path::Path as ObjectPath;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, spawn_blocking};

use cartulary_model::BlobDigest;

use super::{ObjectCursor, Objects, path_of, store_fault};
use crate::StorageKey;
use crate::blocking::joined;
use crate::chunks::ChunkQueue;
use crate::error::{BlobError, Corruption, Result};
use crate::reader::Wanted;
use crate::sealing::Intake;

/// The most parts that an object of S3 has.
const MOST_PARTS: u64 = 10_000;

/// An object in the staging place, which is removed when nobody keeps it.
#[derive(Debug)]
pub(crate) struct StagedObject {
    objects: Objects,
    path: Option<ObjectPath>,
    /// How many bytes it has as it is stored.
    stored_bytes: u64,
}

impl StagedObject {
    /// Removes the object now.
    pub(crate) async fn discard(mut self) -> Result<()> {
        match self.path.take() {
            Some(path) => self.objects.delete(&path).await,
            None => Ok(()),
        }
    }
}

impl Drop for StagedObject {
    fn drop(&mut self) {
        let (Some(path), Ok(runtime)) = (self.path.take(), Handle::try_current()) else { return };
        let objects = self.objects.clone();
        // Best effort: what stays is swept later.
        runtime.spawn(async move { objects.delete(&path).await });
    }
}

impl Objects {
    /// Copies a staged object to its key and removes it from the staging place.
    pub(crate) async fn put_staged(&self, staged: StagedObject, size_bytes: u64, key: &StorageKey) -> Result<()> {
        let Some(from) = staged.path.clone() else { return Err(BlobError::NotFound) };
        let to = path_of(key);
        if staged.stored_bytes <= self.copy_limit_bytes {
            self.store.copy(&from, &to).await.map_err(store_fault)?;
        } else {
            self.relay(&from, size_bytes, key).await?;
        }
        let found_bytes = self.store.head(&to).await.map_err(store_fault)?.size;
        if found_bytes != staged.stored_bytes {
            let fault = Corruption::Length { expected_bytes: staged.stored_bytes, found_bytes };
            return Err(BlobError::Corrupt { key: *key, fault });
        }
        if let Err(error) = staged.discard().await {
            tracing::warn!(blob.key = %key, error = %error, "a staged object stays until the next sweep");
        }
        Ok(())
    }

    /// Reads a staged object and writes it under its key, sealed anew if it was: for objects larger than the store copies.
    async fn relay(&self, from: &ObjectPath, size_bytes: u64, key: &StorageKey) -> Result<()> {
        let wanted = Wanted::new(key, key.digest(), size_bytes, None)?;
        let mut sink = ObjectSink::begin(self, path_of(key)).await?;
        let outcome = async {
            let mut queue = ChunkQueue::default();
            let mut next = Some(Box::new(ObjectCursor::at(self, from.clone(), wanted)));
            while let Some(cursor) = next {
                let (bytes, rest) = cursor.advance().await?;
                queue.push(bytes);
                next = rest;
                while queue.len() >= self.part_bytes {
                    sink.push(queue.take(self.part_bytes)).await?;
                }
            }
            if queue.len() > 0 {
                sink.push(queue.take_all()).await?;
            }
            let digest = sink.end().await?;
            if digest == key.digest() {
                return Ok(());
            }
            Err(BlobError::Corrupt { key: *key, fault: Corruption::Bytes })
        }
        .await;
        match outcome {
            Ok(()) => sink.complete().await,
            Err(error) => {
                sink.abort().await;
                Err(error)
            }
        }
    }
}

/// A large body on its way into an object: each part is sent and hashed while the next one arrives.
pub(crate) struct ObjectSink {
    objects: Objects,
    path: ObjectPath,
    upload: Option<Box<dyn MultipartUpload>>,
    intake: Option<Intake>,
    running: Option<JoinHandle<Result<Intake>>>,
    /// Sealed bytes that do not make a part yet: all parts but the last one are of one size.
    sealed: ChunkQueue,
    parts: u64,
    stored_bytes: u64,
}

impl ObjectSink {
    /// Begins an upload to the staging place.
    pub(crate) async fn begin_staging(objects: &Objects) -> Result<Self> {
        Self::begin(objects, Objects::new_staging_path()).await
    }

    async fn begin(objects: &Objects, path: ObjectPath) -> Result<Self> {
        let intake = Intake::begin(objects.keys())?;
        let upload = objects.store.put_multipart(&path).await.map_err(store_fault)?;
        Ok(Self {
            objects: objects.clone(),
            path,
            upload: Some(upload),
            intake: Some(intake),
            running: None,
            sealed: ChunkQueue::default(),
            parts: 0,
            stored_bytes: 0,
        })
    }

    /// Returns the size that all parts but the last one have, in bytes.
    pub(crate) const fn part_bytes(&self) -> usize {
        self.objects.part_bytes
    }

    /// Begins to send a part, as soon as the one before is sent.
    pub(crate) async fn push(&mut self, part: Vec<Bytes>) -> Result<()> {
        let Some(mut intake) = self.settle().await? else { return Err(BlobError::NotFound) };
        if !intake.is_sealing() {
            let payload: PutPayload = part.iter().cloned().collect();
            let hashing = spawn_blocking(move || intake.pass(part).map(|_| intake));
            return self.send(payload, async { joined(hashing).await });
        }
        let (intake, sealed) = joined(spawn_blocking(move || {
            let sealed = intake.pass(part)?;
            Ok((intake, sealed))
        }))
        .await?;
        self.intake = Some(intake);
        sealed.into_iter().for_each(|chunk| self.sealed.push(chunk));
        self.send_sealed(self.objects.part_bytes).await
    }

    /// Sends what is sealed, as long as there are so many bytes of it.
    async fn send_sealed(&mut self, at_least: usize) -> Result<()> {
        while self.sealed.len() >= at_least.max(1) {
            let Some(intake) = self.settle().await? else { return Err(BlobError::NotFound) };
            let payload: PutPayload = self.sealed.take(self.objects.part_bytes).into_iter().collect();
            self.send(payload, async { Ok(intake) })?;
        }
        Ok(())
    }

    /// Begins to send a part, and meanwhile does what gives the intake back.
    fn send(
        &mut self,
        payload: PutPayload,
        taking_in: impl Future<Output = Result<Intake>> + Send + 'static,
    ) -> Result<()> {
        self.parts += 1;
        let part_bytes = self.objects.part_bytes as u64;
        if self.parts > MOST_PARTS {
            let limit_bytes = part_bytes.saturating_mul(MOST_PARTS);
            return Err(BlobError::TooLarge { size_bytes: limit_bytes + 1, limit_bytes });
        }
        let Some(upload) = self.upload.as_mut() else { return Err(BlobError::NotFound) };
        self.stored_bytes += payload.content_length() as u64;
        let sending = upload.put_part(payload);
        self.running = Some(tokio::spawn(async move {
            let (sent, intake) = tokio::join!(sending, taking_in);
            sent.map_err(store_fault)?;
            intake
        }));
        Ok(())
    }

    /// Sends what is left of a sealed blob, and returns the digest of the plain bytes.
    async fn end(&mut self) -> Result<BlobDigest> {
        let Some(intake) = self.settle().await? else { return Err(BlobError::NotFound) };
        let (digest, rest) = intake.finish()?;
        rest.into_iter().for_each(|chunk| self.sealed.push(chunk));
        while self.sealed.len() > 0 {
            let payload: PutPayload = self.sealed.take(self.objects.part_bytes).into_iter().collect();
            self.send(payload, async { Intake::begin(None) })?;
            self.settle().await?;
        }
        Ok(digest)
    }

    /// Completes the upload and returns the staged object with its digest.
    pub(crate) async fn finish(mut self) -> Result<(StagedObject, BlobDigest)> {
        let outcome = match self.end().await {
            Ok(digest) => self.complete_upload().await.map(|()| digest),
            Err(error) => Err(error),
        };
        match outcome {
            Ok(digest) => {
                let (objects, path) = (self.objects.clone(), Some(self.path.clone()));
                Ok((StagedObject { objects, path, stored_bytes: self.stored_bytes }, digest))
            }
            Err(error) => {
                self.abort().await;
                Err(error)
            }
        }
    }

    /// Completes the upload of what was settled before.
    async fn complete(mut self) -> Result<()> {
        let outcome = self.complete_upload().await;
        if outcome.is_err() {
            self.abort().await;
        }
        outcome
    }

    async fn complete_upload(&mut self) -> Result<()> {
        if let Some(upload) = self.upload.as_mut() {
            upload.complete().await.map_err(store_fault)?;
        }
        self.upload = None;
        Ok(())
    }

    /// Gives the upload up and tells the store so.
    pub(crate) async fn abort(mut self) {
        if let Some(running) = self.running.take() {
            let _ = joined(running).await;
        }
        if let Some(mut upload) = self.upload.take() {
            let _ = upload.abort().await;
        }
    }

    /// Waits until the last part is sent, and returns the intake.
    async fn settle(&mut self) -> Result<Option<Intake>> {
        match self.running.take() {
            Some(running) => joined(running).await.map(Some),
            None => Ok(self.intake.take()),
        }
    }
}

impl Drop for ObjectSink {
    fn drop(&mut self) {
        let running = self.running.take();
        let (Some(mut upload), Ok(runtime)) = (self.upload.take(), Handle::try_current()) else { return };
        // Best effort; the store's own rule for incomplete uploads takes what stays.
        runtime.spawn(async move {
            if let Some(running) = running {
                running.abort();
                let _ = running.await;
            }
            let _ = upload.abort().await;
        });
    }
}
