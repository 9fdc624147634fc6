//! Objects back into bytes: piece by piece, each a request of its own with its own time limit and retries.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use object_store::path::Path as ObjectPath;
use object_store::{GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt};

use super::{Objects, path_of, store_fault};
use crate::StorageKey;
use crate::blocking;
use crate::error::{BlobError, Corruption, Result};
use crate::reader::{Check, Form, Wanted};
use crate::sealing::{self, CHUNK, ContentKey, Opener, Span};
use crate::sound::{Mark, Proof};

/// Fetched with one request, in bytes; of a sealed object, with the tags of so many bytes.
const PIECE_BYTES: u64 = 2 * 1024 * 1024;
/// How often a piece is asked for when the object is written again meanwhile.
const TRIES: usize = 3;

/// A place in an object that is being read.
pub(crate) struct ObjectCursor {
    objects: Objects,
    path: ObjectPath,
    wanted: Wanted,
    left: Range<u64>,
    check: Option<Check>,
    /// The mark of the object as it was last seen, or must be.
    mark: Option<Mark>,
    /// How it is stored, once that is known.
    stored: Option<Stored>,
}

/// How an object is stored, with what opens it.
#[derive(Clone)]
enum Stored {
    Plain,
    Sealed(Arc<Opener>),
}

/// What the store answered.
struct Answer {
    mark: Mark,
    size_bytes: u64,
    bytes: Bytes,
}

impl Objects {
    /// Returns the mark and the length of a key's object.
    pub(crate) async fn look(&self, key: &StorageKey) -> Result<(Mark, u64)> {
        let details = self.store.head(&path_of(key)).await.map_err(store_fault)?;
        Ok((mark_of(&details), details.size))
    }

    /// Opens the seal of an object that has this mark.
    pub(crate) async fn unseal(&self, wanted: &Wanted, mark: &Mark) -> Result<Arc<ContentKey>> {
        let (found, seal) = self.fetch_seal(&path_of(&wanted.key), wanted.size_bytes).await?;
        if found != *mark {
            return Err(BlobError::Changed);
        }
        self.content_key(wanted, &seal).map(Arc::new)
    }

    /// Returns the seal of a key's object as it stands there; nothing if it is plain.
    pub(crate) async fn seal_of(&self, wanted: &Wanted) -> Result<Option<Vec<u8>>> {
        let (_, length) = self.look(&wanted.key).await?;
        match wanted.form_of(length) {
            Some(Form::Plain) => Ok(None),
            Some(Form::Sealed) => Ok(Some(self.fetch_seal(&path_of(&wanted.key), wanted.size_bytes).await?.1.to_vec())),
            None => Err(self.wrong_length(&path_of(&wanted.key), wanted, length).await),
        }
    }

    fn content_key(&self, wanted: &Wanted, seal: &[u8]) -> Result<ContentKey> {
        ContentKey::unseal(self.keys().map(AsRef::as_ref), &wanted.key, wanted.size_bytes, seal)
    }

    async fn fetch_seal(&self, path: &ObjectPath, size_bytes: u64) -> Result<(Mark, Bytes)> {
        let options = GetOptions::new().with_range(Some(sealing::seal_range(size_bytes)));
        let answer = self.store.get_opts(path, options).await.map_err(store_fault)?;
        Ok((mark_of(&answer.meta), answer.bytes().await.map_err(store_fault)?))
    }

    /// Says that an object is of another length; looks at its end for the words only.
    async fn wrong_length(&self, path: &ObjectPath, wanted: &Wanted, length: u64) -> BlobError {
        let end = self.store.get_range(path, length.saturating_sub(12)..length).await.ok();
        wanted.wrong_length(length, end.as_deref())
    }
}

fn mark_of(details: &ObjectMeta) -> Mark {
    Mark::new(details.e_tag.clone().unwrap_or_else(|| format!("{} {}", details.last_modified, details.size)))
}

impl ObjectCursor {
    /// Begins to read. Nothing is fetched yet.
    pub(crate) fn new(objects: &Objects, wanted: Wanted, proof: Option<&Proof>) -> Result<Self> {
        let path = path_of(&wanted.key);
        let mut cursor = Self::at(objects, path, wanted);
        if let Some(Proof { mark, seal }) = proof {
            cursor.mark = Some(mark.clone());
            cursor.stored = Some(match seal {
                None => Stored::Plain,
                Some(key) => Stored::Sealed(Arc::new(key.opener(&cursor.wanted.key, cursor.wanted.size_bytes)?)),
            });
        }
        Ok(cursor)
    }

    /// Begins to read an object that lies elsewhere than under its key.
    pub(crate) fn at(objects: &Objects, path: ObjectPath, wanted: Wanted) -> Self {
        let (left, check) = (wanted.range.clone(), wanted.check());
        Self { objects: objects.clone(), path, left, check, mark: None, stored: None, wanted }
    }

    /// Fetches the next piece. Returns no cursor after the last one, which is given only if the digest matched.
    pub(crate) async fn advance(mut self) -> Result<(Bytes, Option<Box<Self>>)> {
        let border = (self.left.start / CHUNK * CHUNK).saturating_add(PIECE_BYTES);
        let end = self.left.end.min(border);
        let (stored, opener) = self.fetch(self.left.start..end).await?;
        let range = self.left.start..end;
        self.left.start = end;
        let is_last = self.left.is_empty();
        let mut check = self.check.take();
        let needs_no_thread = opener.is_none() && check.is_none();
        if needs_no_thread {
            return Ok((stored, (!is_last).then(|| Box::new(self))));
        }
        let (piece, check) = blocking::run(move || {
            let piece = match opener {
                None => stored,
                Some(opener) => Bytes::from(opener.open(&opener.span(&range), &stored)?),
            };
            if let Some(check) = &mut check {
                check.update(&piece);
            }
            Ok((piece, check))
        })
        .await?;
        match check {
            Some(check) if is_last => check.finish()?,
            other => self.check = other,
        }
        Ok((piece, (!is_last).then(|| Box::new(self))))
    }

    /// Fetches what is stored of a piece, and says what opens it.
    async fn fetch(&mut self, piece: Range<u64>) -> Result<(Bytes, Option<Arc<Opener>>)> {
        let is_nothing_of_something = piece.is_empty() && self.wanted.size_bytes > 0;
        if is_nothing_of_something {
            let details = self.objects.store.head(&self.path).await.map_err(store_fault)?;
            self.refuse_another(&mark_of(&details), details.size).await?;
            return Ok((Bytes::new(), None));
        }
        for _ in 0..TRIES {
            // A store with a key has mostly sealed blobs.
            let as_sealed = match &self.stored {
                Some(stored) => matches!(stored, Stored::Sealed(_)),
                None => self.objects.keys().is_some(),
            };
            let size = self.wanted.size_bytes;
            let range = if as_sealed { Span::of(size, &piece).stored } else { piece.clone() };
            let length = if as_sealed { sealing::stored_bytes(size) } else { size };
            let reads_all = piece == (0..size);
            // An empty object has no range that could be asked for.
            let asked = (!reads_all && !range.is_empty()).then(|| range.clone());
            let answer = self.ask(asked.clone()).await?;
            self.settle(&answer, asked.is_none(), length).await?;
            let opener = match (&self.stored, as_sealed) {
                (Some(Stored::Plain), false) => None,
                (Some(Stored::Sealed(opener)), true) => Some(Arc::clone(opener)),
                // It is stored in the other way: its place in the object is another one.
                _ => continue,
            };
            return Ok((self.cut(&answer, asked.is_none(), &range)?, opener));
        }
        Err(BlobError::Changed)
    }

    async fn ask(&self, range: Option<Range<u64>>) -> Result<Answer> {
        let was_a_range = range.is_some();
        let answer = match self.objects.store.get_opts(&self.path, GetOptions::new().with_range(range)).await {
            Ok(answer) => answer,
            Err(error) => return Err(self.explain(error, was_a_range).await),
        };
        let (mark, size_bytes) = (mark_of(&answer.meta), answer.meta.size);
        self.refuse_another(&mark, size_bytes).await?;
        Ok(Answer { mark, size_bytes, bytes: answer.bytes().await.map_err(store_fault)? })
    }

    /// Refuses an object of another length, and one that was written anew in a way that ends this reading: bytes that must
    /// be proved beforehand are not, unless they are sealed and prove themselves.
    async fn refuse_another(&self, mark: &Mark, size_bytes: u64) -> Result<()> {
        let Some(form) = self.wanted.form_of(size_bytes) else {
            return Err(self.objects.wrong_length(&self.path, &self.wanted, size_bytes).await);
        };
        let proves_itself = form == Form::Sealed && self.left.start > self.wanted.range.start;
        let must_be_the_same = self.check.is_none() && !proves_itself;
        let is_the_same = self.mark.as_ref().is_none_or(|known| known == mark);
        if must_be_the_same && !is_the_same { Err(BlobError::Changed) } else { Ok(()) }
    }

    /// Notes how the object is stored, from what was answered; fetches its seal when that is not part of it.
    async fn settle(&mut self, answer: &Answer, is_all: bool, length: u64) -> Result<()> {
        let is_known = self.stored.is_some() && self.mark.as_ref() == Some(&answer.mark);
        if is_known {
            return Ok(());
        }
        let has_seal = is_all && answer.bytes.len() as u64 == answer.size_bytes && answer.size_bytes == length;
        self.mark = Some(answer.mark.clone());
        self.stored = match self.wanted.form_of(answer.size_bytes) {
            Some(Form::Sealed) => {
                let place = sealing::seal_range(self.wanted.size_bytes);
                let (mark, seal) = match usize::try_from(place.start).ok().filter(|_| has_seal) {
                    Some(at) => (answer.mark.clone(), answer.bytes.slice(at.min(answer.bytes.len())..)),
                    None => self.objects.fetch_seal(&self.path, self.wanted.size_bytes).await?,
                };
                let key = self.objects.content_key(&self.wanted, &seal)?;
                let opener = key.opener(&self.wanted.key, self.wanted.size_bytes)?;
                // Written anew between two requests: then the seal does not belong to these chunks, and all is asked again.
                (mark == answer.mark).then(|| Stored::Sealed(Arc::new(opener)))
            }
            _ => Some(Stored::Plain),
        };
        Ok(())
    }

    /// Returns the bytes of a range from an answer; a store that cuts answers short has lost something.
    fn cut(&self, answer: &Answer, is_all: bool, range: &Range<u64>) -> Result<Bytes> {
        let wanted = range.end - range.start;
        let found = answer.bytes.len() as u64;
        let is_enough = if is_all { found == answer.size_bytes } else { found == wanted };
        match usize::try_from(wanted) {
            Ok(length) if is_enough && length <= answer.bytes.len() => Ok(answer.bytes.slice(..length)),
            _ => {
                let found_bytes = range.start + found;
                let fault = Corruption::Length { expected_bytes: self.wanted.size_bytes, found_bytes };
                Err(BlobError::Corrupt { key: self.wanted.key, fault })
            }
        }
    }

    /// A range beyond the end of a truncated object is refused by the store: then its length says what happened.
    async fn explain(&self, error: object_store::Error, was_a_range: bool) -> BlobError {
        let fault = store_fault(error);
        if matches!(fault, BlobError::NotFound) || !was_a_range {
            return fault;
        }
        match self.objects.store.head(&self.path).await {
            Ok(details) if self.wanted.form_of(details.size).is_none() => {
                self.objects.wrong_length(&self.path, &self.wanted, details.size).await
            }
            Ok(_) | Err(_) => fault,
        }
    }
}
