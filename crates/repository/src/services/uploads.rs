//! Uploads in several requests: what has arrived stays, over a broken line, a restart or a loss of power, until it is whole
//! and becomes a content.
//!
//! What arrives is stored in parts, each a blob like any other, durable before the transaction that moves the offset behind
//! it: so it works in any store and with any number of nodes, and nobody acknowledges what may be lost.

use std::pin::{Pin, pin};
use std::task::{Poll, ready};

use bytes::Bytes;
use cartulary_blobs::{StagedBlob, StorageKey};
use cartulary_db::Conn;
use cartulary_model::{BlobDigest, ObjectId, Timestamp};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

use crate::bootstrap::parse_id;
use crate::object::{BytesSource, NewContent, ReceivedBytes, Window, WindowRequest, Written};
use crate::services::VerifyReport;
use crate::services::folders::window;
use crate::services::quotas::refuse_over_quota;
use crate::store::blobs::BlobRow;
use crate::store::space;
use crate::store::uploads::{self, NewUploadRow, UploadRow};
use crate::transaction::Tx;
use crate::{Repository, RepositoryError, Result, Session};

/// How much is stored at a time: what a loss of power costs at most. *Units*: bytes.
const PART_BYTES: u64 = 16 << 20;
/// How much of the beginning is looked at to tell what kind of file it is. *Units*: bytes.
const HEAD_BYTES: u64 = 4_096;
/// The longest metadata, as the client sends them. *Units*: bytes.
const METADATA_BYTES_MAX: usize = 8_192;
/// What no upload is longer than, where nothing else is said: the largest object of S3. *Units*: bytes.
const LENGTH_MAX: u64 = 5 << 40;
/// How many uploads are looked at in one read.
const VERIFIED_AT_ONCE: i64 = 500;
/// How many uploads that have expired are forgotten in one go.
const EXPIRED_AT_ONCE: i64 = 500;

/// How much one may upload, and how long it is kept.
#[derive(Clone, Copy, Debug)]
pub struct UploadLimits {
    /// The largest upload in bytes; 0: what the store has room for.
    pub max_bytes: u64,
    /// How many uploads of one user are open at once.
    pub max_open: u64,
    /// How long one is kept after the last byte that came. *Units*: milliseconds.
    pub keep_ms: i64,
}

/// An upload to begin.
#[derive(Clone, Debug, Default)]
pub struct NewUpload {
    /// How many bytes will come.
    pub length_bytes: u64,
    /// What the client says of it, given back as it is.
    pub metadata: String,
    /// The file's name, if it is said.
    pub file_name: String,
    /// The SHA-256 that the bytes will have, if the client hopes that they need not be sent.
    pub digest: Option<BlobDigest>,
}

/// An upload.
#[derive(Clone, Debug)]
pub struct UploadView {
    /// Its id.
    pub id: ObjectId,
    /// How many bytes it will have.
    pub length_bytes: u64,
    /// How many of them are here, on disk.
    pub offset_bytes: u64,
    /// What the client said of it.
    pub metadata: String,
    /// The file's name.
    pub file_name: String,
    /// When it was begun.
    pub created_at: Timestamp,
    /// Until when it is kept.
    pub expires_at: Timestamp,
    /// Whether it has become a content.
    pub is_used: bool,
}

/// By which sum a part of an upload is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChecksumKind {
    /// SHA-1, which every tus client knows; it finds accidents, not forgeries.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// The sum that the bytes of one request must have.
#[derive(Clone, Debug)]
pub struct Checksum {
    /// Of which kind it is.
    pub kind: ChecksumKind,
    /// The sum.
    pub value: Vec<u8>,
}

impl Session {
    /// Begins an upload. When the caller said which digest the bytes will have, and may read the content of an object that
    /// has them, it is whole from the beginning; otherwise nobody learns whether the office has such bytes.
    ///
    /// # Errors
    /// `Invalid` for a length or metadata beyond what is taken; `Conflict` `too_many_uploads`; `QuotaExceeded` when the caller
    /// may not take as much with what he uploads already, `StorageFull` when there is no room for that.
    pub async fn upload_create(&self, new: NewUpload, limits: UploadLimits) -> Result<Written<UploadView>> {
        check_new(&new, limits)?;
        let length = i64::try_from(new.length_bytes).unwrap_or(i64::MAX);
        let known = match new.digest {
            Some(digest) => self.blob_to_take(digest).await?.filter(|blob| blob.size_bytes == length),
            None => None,
        };
        let free = self.repository.blobs().free_bytes().await;
        let session = self.clone();
        self.transact(move |tx| {
            let now = tx.now.as_millis();
            // Of two who begin at once, the second counts what the first will send.
            space::hold(tx.conn, session.actor.no)?;
            let open = uploads::count_open(tx.conn, session.actor.no, now)?.unsigned_abs();
            if open >= limits.max_open {
                let detail = format!("{open} uploads of yours are open, and no more are taken: finish or delete one");
                return Err(RepositoryError::conflict("too_many_uploads", detail));
            }
            let coming = uploads::open_bytes(tx.conn, session.actor.no, now)?.saturating_add(new.length_bytes);
            if known.is_none() && free.is_some_and(|free| coming > free) {
                return Err(RepositoryError::StorageFull);
            }
            refuse_over_quota(tx.conn, session.actor.no, coming)?;
            let id = ObjectId::generate().to_string();
            let row = NewUploadRow {
                id: &id,
                principal_no: session.actor.no,
                length_bytes: length,
                metadata: &new.metadata,
                file_name: &new.file_name,
                announced: new.digest.map(|digest| digest.to_string()),
                created_at: now,
                expires_at: now.saturating_add(limits.keep_ms),
            };
            let no = uploads::insert(tx.conn, &row)?;
            // Who may read it may lose that right any moment; that it is still there is asked under a lock.
            let known = match &known {
                Some(blob) => crate::store::blobs::living_locked(tx.conn, &blob.digest)?,
                None => None,
            };
            if let Some(blob) = known {
                uploads::add_part(tx.conn, no, 0, (blob.no, blob.size_bytes), row.expires_at)?;
            }
            view_of(&session.own_upload(tx.conn, &id, now)?)
        })
        .await
    }

    /// Returns an upload of the caller.
    ///
    /// # Errors
    /// `NotFound` for those of others, and those that have expired.
    pub async fn upload_get(&self, id: ObjectId) -> Result<UploadView> {
        view_of(&self.upload_row(id).await?)
    }

    /// Lists the caller's uploads, newest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn upload_list(&self, request: WindowRequest) -> Result<Window<UploadView>> {
        let (session, now) = (self.clone(), self.repository.clock().now().as_millis());
        let read = move |conn: &mut Conn| -> Result<Window<UploadView>> {
            let offset = i64::try_from(request.offset).unwrap_or(i64::MAX);
            let limit = i64::try_from(request.limit).unwrap_or(i64::MAX);
            let (total, rows) = uploads::window(conn, session.actor.no, now, offset, limit)?;
            let items = rows.iter().map(view_of).collect::<Result<Vec<_>>>()?;
            Ok(window(total.unsigned_abs(), items, request))
        };
        self.repository.database().read(read).await
    }

    /// Forgets an upload; what it became stays.
    ///
    /// # Errors
    /// As [`Session::upload_get`].
    pub async fn upload_delete(&self, id: ObjectId) -> Result<Written<()>> {
        let session = self.clone();
        self.transact(move |tx| {
            let row = session.own_upload(tx.conn, &id.to_string(), tx.now.as_millis())?;
            uploads::delete(tx.conn, &[row.no])
        })
        .await
    }

    /// Takes bytes from `offset` on. What has arrived when the body breaks off is kept, unless the body has a checksum:
    /// then all of it is taken, or nothing. When this returns, the offset that it answers is on disk.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` `upload_offset_mismatch` when the upload is elsewhere, `upload_too_long` for more than was
    /// announced, `checksum_mismatch`, `upload_used`; `Interrupted`; `StorageFull`.
    pub async fn upload_append<S, E>(
        &self,
        id: ObjectId,
        offset: u64,
        body: S,
        checksum: Option<Checksum>,
        limits: UploadLimits,
    ) -> Result<UploadView>
    where
        S: Stream<Item = std::result::Result<Bytes, E>>,
        E: std::fmt::Display,
    {
        let row = self.upload_row(id).await?;
        check_offset(&row, offset)?;
        let body = pin!(body);
        let mut arriving = Arriving { body, rest: Bytes::new(), has_ended: false, is_broken: false };
        let mut at = offset;
        loop {
            let room = row.length_bytes.unsigned_abs() - at;
            let most = if checksum.is_some() { room } else { room.min(PART_BYTES) };
            let (staged, is_right) = self.stage_part(&mut arriving, most, checksum.as_ref()).await?;
            let is_cut = arriving.is_broken && checksum.is_some();
            if is_cut || !is_right {
                self.repository.blobs().discard(staged).await;
                return Err(if is_cut { RepositoryError::Interrupted } else { checksum_mismatch() });
            }
            let size = staged.size_bytes;
            if size > 0 {
                self.keep_part(&row, at, staged, limits).await?;
                at += size;
            }
            if arriving.is_broken {
                return Err(RepositoryError::Interrupted);
            }
            if arriving.has_ended {
                return self.upload_get(id).await;
            }
            if at == row.length_bytes.unsigned_abs() {
                return match arriving.is_at_end().await {
                    true => self.upload_get(id).await,
                    false => Err(too_long(&row)),
                };
            }
        }
    }

    async fn stage_part<S, E>(
        &self,
        arriving: &mut Arriving<'_, S>,
        most: u64,
        checksum: Option<&Checksum>,
    ) -> Result<(StagedBlob, bool)>
    where
        S: Stream<Item = std::result::Result<Bytes, E>>,
    {
        let mut hasher = checksum.map(|checksum| match checksum.kind {
            ChecksumKind::Sha1 => Context::new(&SHA1_FOR_LEGACY_USE_ONLY),
            ChecksumKind::Sha256 => Context::new(&SHA256),
        });
        let part = arriving.part(most).map(|chunk| {
            if let Some(hasher) = &mut hasher {
                hasher.update(&chunk);
            }
            Ok::<_, std::convert::Infallible>(chunk)
        });
        let staged = self.content_stage(part).await?;
        let sum = hasher.map(Context::finish);
        let is_right = match (checksum, sum) {
            (Some(checksum), Some(sum)) => sum.as_ref() == checksum.value.as_slice(),
            _ => true,
        };
        Ok((staged, is_right))
    }

    async fn keep_part(&self, row: &UploadRow, at: u64, staged: StagedBlob, limits: UploadLimits) -> Result<()> {
        let (no, id, session) = (row.no, row.id.clone(), self.clone());
        let begins_at = i64::try_from(at).map_err(RepositoryError::internal)?;
        let size = i64::try_from(staged.size_bytes).map_err(RepositoryError::internal)?;
        let act = move |tx: &mut Tx<'_>, blob| {
            let expires_at = tx.now.as_millis().saturating_add(limits.keep_ms);
            if uploads::add_part(tx.conn, no, begins_at, (blob, size), expires_at)? {
                return Ok(());
            }
            let now = session.own_upload(tx.conn, &id, tx.now.as_millis())?;
            check_offset(&now, begins_at.unsigned_abs())?;
            Err(RepositoryError::conflict("upload_offset_mismatch", "the upload goes on elsewhere"))
        };
        self.with_blob(staged, act).await.map(drop)
    }

    /// Takes a whole upload as a content to be; it is used up by what makes a content of it.
    ///
    /// # Errors
    /// `NotFound` as [`Session::upload_get`]; `Conflict` `upload_unfinished` when bytes are still to come, `digest_mismatch`
    /// when they do not have the digest that was announced.
    pub async fn upload_take(&self, id: ObjectId) -> Result<NewContent> {
        let row = self.upload_row(id).await?;
        if row.used_at.is_none() && row.offset_bytes < row.length_bytes {
            let detail = format!("of {} bytes {} are here: send the rest first", row.length_bytes, row.offset_bytes);
            return Err(RepositoryError::conflict("upload_unfinished", detail));
        }
        let bytes = match &row.digest {
            Some(digest) => ReceivedBytes {
                digest: digest.parse().map_err(RepositoryError::internal)?,
                size_bytes: row.length_bytes.unsigned_abs(),
                head: Bytes::new(),
                source: BytesSource::Used,
                upload: Some(row.no),
            },
            None => self.bytes_of_upload(&row).await?,
        };
        if row.announced.as_ref().is_some_and(|announced| *announced != bytes.digest.to_string()) {
            if let Some(staged) = bytes.into_staged() {
                self.repository.blobs().discard(staged).await;
            }
            let detail =
                "the bytes that arrived do not have the digest that was announced: delete the upload and begin anew";
            return Err(RepositoryError::conflict("digest_mismatch", detail));
        }
        Ok(NewContent { bytes, file_name: row.file_name, file_name_raw: None, media_type: None })
    }

    async fn bytes_of_upload(&self, row: &UploadRow) -> Result<ReceivedBytes> {
        let no = row.no;
        let parts = self.repository.database().read(move |conn: &mut Conn| uploads::parts(conn, no)).await?;
        if let [whole] = parts.as_slice() {
            let digest = digest_of(whole)?;
            let (key, size) = (key_of(whole)?, whole.size_bytes.unsigned_abs());
            let head = self.repository.blobs().read(&key, digest, size, Some(0..size.min(HEAD_BYTES))).await?;
            let head: Vec<Bytes> = head.try_collect().await?;
            let (head, source) = (head.concat().into(), BytesSource::Stored(whole.no));
            return Ok(ReceivedBytes { digest, size_bytes: size, head, source, upload: Some(no) });
        }
        let blobs = self.repository.blobs().clone();
        let opened = stream::iter(parts).then(move |part| {
            let blobs = blobs.clone();
            async move {
                let size = part.size_bytes.unsigned_abs();
                let reader = blobs.read(&key_of(&part)?, digest_of(&part)?, size, None).await?;
                Ok::<_, RepositoryError>(reader.map_err(RepositoryError::from))
            }
        });
        let staged = self.content_stage(opened.try_flatten()).await?;
        Ok(ReceivedBytes { upload: Some(no), ..staged.into() })
    }

    /// Lets an upload, if the content is of one, be used up by this transaction.
    pub(crate) fn use_upload(&self, tx: &mut Tx<'_>, upload: Option<i64>, digest: BlobDigest) -> Result<()> {
        let Some(no) = upload else { return Ok(()) };
        if uploads::use_up(tx.conn, no, &digest.to_string(), tx.now.as_millis())? {
            return Ok(());
        }
        Err(RepositoryError::conflict("upload_used", "this upload is a content already, or was deleted"))
    }

    async fn upload_row(&self, id: ObjectId) -> Result<UploadRow> {
        let (session, now) = (self.clone(), self.repository.clock().now().as_millis());
        let read = move |conn: &mut Conn| session.own_upload(conn, &id.to_string(), now);
        self.repository.database().read_brief(read).await
    }

    /// Returns an upload of the caller that has not expired; of others there are none.
    fn own_upload(&self, conn: &mut Conn, id: &str, now: i64) -> Result<UploadRow> {
        let row = uploads::by_id(conn, id)?;
        let row = row.filter(|row| row.principal_no == self.actor.no && row.expires_at > now);
        row.ok_or_else(|| RepositoryError::not_found("the upload"))
    }

    /// Returns the living blob with a digest when the caller may read the content of an object that has it. Whether there is
    /// none, or he may not, takes the same time.
    async fn blob_to_take(&self, digest: BlobDigest) -> Result<Option<BlobRow>> {
        match self.blob_row(digest).await {
            Ok((_, reading)) => {
                self.note_reading(reading, serde_json::json!("taken by its digest")).await?;
                let name = digest.to_string();
                let look = move |conn: &mut Conn| crate::store::blobs::living(conn, &name);
                self.repository.database().read_brief(look).await
            }
            Err(RepositoryError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl Repository {
    /// Checks that the parts of each upload are as many bytes as were acknowledged.
    pub(crate) async fn verify_uploads(&self, report: &mut VerifyReport) -> Result<()> {
        let mut after = 0;
        loop {
            let read = move |conn: &mut Conn| -> Result<_> {
                let rows = uploads::open_page(conn, after, VERIFIED_AT_ONCE)?;
                let mut wrong = Vec::new();
                for row in &rows {
                    if uploads::size_of_parts(conn, row.no)? != row.offset_bytes {
                        wrong.push(row.id.clone());
                    }
                }
                Ok((rows.last().map(|row| row.no), wrong))
            };
            let (last, wrong) = self.database().read(read).await?;
            for id in wrong {
                report.fault("upload_differs", id, "the parts of an upload are not what was acknowledged");
            }
            match last {
                Some(last) => after = last,
                None => return Ok(()),
            }
        }
    }

    /// Forgets some uploads that have expired, and returns how many.
    ///
    /// # Errors
    /// The database's.
    pub async fn expire_uploads(&self) -> Result<usize> {
        let now = self.clock().now().as_millis();
        let act = move |conn: &mut Conn| -> Result<usize> {
            let nos = uploads::expired(conn, now, EXPIRED_AT_ONCE)?;
            uploads::delete(conn, &nos)?;
            Ok(nos.len())
        };
        self.database().write(act).await
    }
}

/// A body on its way, taken part by part. One that breaks off ends the part, and is remembered.
struct Arriving<'a, S> {
    body: Pin<&'a mut S>,
    rest: Bytes,
    has_ended: bool,
    is_broken: bool,
}

impl<S, E> Arriving<'_, S>
where
    S: Stream<Item = std::result::Result<Bytes, E>>,
{
    /// Returns the next bytes, at most `most`.
    fn part(&mut self, most: u64) -> impl Stream<Item = Bytes> {
        let mut left = usize::try_from(most).unwrap_or(usize::MAX);
        stream::poll_fn(move |context| {
            if left == 0 {
                return Poll::Ready(None);
            }
            while self.rest.is_empty() {
                if self.has_ended {
                    return Poll::Ready(None);
                }
                match ready!(self.body.as_mut().poll_next(context)) {
                    Some(Ok(chunk)) => self.rest = chunk,
                    Some(Err(_)) => (self.has_ended, self.is_broken) = (true, true),
                    None => self.has_ended = true,
                }
            }
            let chunk = self.rest.split_to(self.rest.len().min(left));
            left -= chunk.len();
            Poll::Ready(Some(chunk))
        })
    }

    /// Says whether nothing more comes.
    async fn is_at_end(&mut self) -> bool {
        pin!(self.part(1)).next().await.is_none()
    }
}

fn check_new(new: &NewUpload, limits: UploadLimits) -> Result<()> {
    let most = if limits.max_bytes == 0 { LENGTH_MAX } else { limits.max_bytes };
    if new.length_bytes > most {
        let detail = format!("is more than the {most} bytes that are taken here");
        return Err(RepositoryError::invalid("length", "too_large", detail));
    }
    if new.metadata.len() > METADATA_BYTES_MAX || new.metadata.contains('\0') {
        return Err(RepositoryError::invalid("metadata", "too_long", "has more than 8,192 bytes, or one that is 0"));
    }
    Ok(())
}

fn check_offset(row: &UploadRow, offset: u64) -> Result<()> {
    if row.used_at.is_some() {
        return Err(RepositoryError::conflict("upload_used", "this upload is a content already"));
    }
    if row.offset_bytes.unsigned_abs() == offset {
        return Ok(());
    }
    let detail = format!("the upload goes on at byte {}, not at byte {offset}: ask for its offset", row.offset_bytes);
    Err(RepositoryError::conflict("upload_offset_mismatch", detail))
}

fn too_long(row: &UploadRow) -> RepositoryError {
    let detail =
        format!("the upload has {} bytes, which are here; what came behind them was not taken", row.length_bytes);
    RepositoryError::conflict("upload_too_long", detail)
}

fn checksum_mismatch() -> RepositoryError {
    let detail = "the bytes do not have the checksum that was sent with them, and were not taken: send them again";
    RepositoryError::conflict("checksum_mismatch", detail)
}

fn digest_of(blob: &BlobRow) -> Result<BlobDigest> {
    blob.digest.parse().map_err(RepositoryError::internal)
}

fn key_of(blob: &BlobRow) -> Result<StorageKey> {
    Ok(StorageKey::new(digest_of(blob)?, blob.generation.unsigned_abs()))
}

fn view_of(row: &UploadRow) -> Result<UploadView> {
    Ok(UploadView {
        id: parse_id(&row.id)?,
        length_bytes: row.length_bytes.unsigned_abs(),
        offset_bytes: if row.used_at.is_some() { row.length_bytes } else { row.offset_bytes }.unsigned_abs(),
        metadata: row.metadata.clone(),
        file_name: row.file_name.clone(),
        created_at: Timestamp::from_millis(row.created_at),
        expires_at: Timestamp::from_millis(row.expires_at),
        is_used: row.used_at.is_some(),
    })
}
