//! Objects back into bytes: piece by piece, each a request of its own with its own time limit and retries.

use std::ops::Range;

use bytes::Bytes;
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt};

use super::{Objects, path_of, store_fault};
use crate::StorageKey;
use crate::blocking;
use crate::error::{BlobError, Corruption, Result};
use crate::reader::{Check, Wanted};
use crate::sound::Mark;

/// Fetched with one request, in bytes.
const PIECE_BYTES: u64 = 2 * 1024 * 1024;

/// A place in an object that is being read.
pub(crate) struct ObjectCursor {
    objects: Objects,
    wanted: Wanted,
    left: Range<u64>,
    check: Option<Check>,
    mark: Option<Mark>,
}

impl Objects {
    /// Returns the mark of a key's object.
    pub(crate) async fn mark(&self, key: &StorageKey) -> Result<Mark> {
        Ok(mark_of(&self.store.head(&path_of(key)).await.map_err(store_fault)?))
    }
}

fn mark_of(details: &ObjectMeta) -> Mark {
    Mark::new(details.e_tag.clone().unwrap_or_else(|| format!("{} {}", details.last_modified, details.size)))
}

impl ObjectCursor {
    /// Begins to read. Nothing is fetched yet.
    pub(crate) fn new(objects: &Objects, wanted: Wanted, mark: Option<Mark>) -> Self {
        Self { objects: objects.clone(), left: wanted.range.clone(), check: wanted.check(), mark, wanted }
    }

    /// Fetches the next piece. Returns no cursor after the last one, which is given only if the digest matched.
    pub(crate) async fn advance(mut self) -> Result<(Bytes, Option<Box<Self>>)> {
        let end = self.left.end.min(self.left.start + PIECE_BYTES);
        let piece = self.fetch(self.left.start..end).await?;
        self.left.start = end;
        let is_last = self.left.is_empty();
        if let Some(mut check) = self.check.take() {
            let hashed = piece.clone();
            let check = blocking::run(move || {
                check.update(&hashed);
                Ok(check)
            })
            .await?;
            if is_last {
                check.finish()?;
            } else {
                self.check = Some(check);
            }
        }
        Ok((piece, (!is_last).then(|| Box::new(self))))
    }

    async fn fetch(&self, range: Range<u64>) -> Result<Bytes> {
        let path = path_of(&self.wanted.key);
        let is_all = range == (0..self.wanted.size_bytes);
        // An empty object has no range that could be asked for.
        let asked = (!is_all && !range.is_empty()).then(|| range.clone());
        let options = GetOptions::new().with_range(asked.clone());
        let answer = match self.objects.store.get_opts(&path, options).await {
            Ok(answer) => answer,
            Err(error) => return Err(self.explain(error, asked.is_some()).await),
        };
        if self.mark.as_ref().is_some_and(|mark| *mark != mark_of(&answer.meta)) {
            return Err(BlobError::Changed);
        }
        self.wanted.check_length(answer.meta.size)?;
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let bytes = answer.bytes().await.map_err(store_fault)?;
        if bytes.len() as u64 == range.end - range.start {
            return Ok(bytes);
        }
        let fault = Corruption::Length {
            expected_bytes: self.wanted.size_bytes,
            found_bytes: range.start + bytes.len() as u64,
        };
        Err(BlobError::Corrupt { key: self.wanted.key, fault })
    }

    /// A range beyond the end of a truncated object is refused by the store: then its length says what happened.
    async fn explain(&self, error: object_store::Error, was_a_range: bool) -> BlobError {
        let fault = store_fault(error);
        if matches!(fault, BlobError::NotFound) || !was_a_range {
            return fault;
        }
        match self.objects.store.head(&path_of(&self.wanted.key)).await {
            Ok(details) => self.wanted.check_length(details.size).err().unwrap_or(fault),
            Err(_) => fault,
        }
    }
}
