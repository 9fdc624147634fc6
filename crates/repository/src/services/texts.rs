//! The text of documents: a rendition of their content, made by a job in a contained worker.

use cartulary_blobs::StorageKey;
use cartulary_db::Conn;
use cartulary_model::permission::READ_CONTENT;
use cartulary_model::{BlobDigest, ObjectId, SlotName};
use serde::{Deserialize, Serialize};

use crate::object::{DocumentText, Fault, TextPage, TextPages, TextState, TextSummary};
use crate::services::{ARRANGED_KIND, ARRANGED_PRODUCER};
use crate::store::arrangements;
use crate::store::blobs::{self, BlobRow, ContentRow};
use crate::store::jobs::NewJob;
use crate::store::renditions::{self, RenditionKey, RenditionRow};
use crate::transaction::Tx;
use crate::{Repository, RepositoryError, Result, Session};

/// The kind of the rendition.
pub(crate) const TEXT_KIND: &str = "text";
/// Who makes it; another number means that all are made again.
pub(crate) const TEXT_PRODUCER: &str = "cartulary-text/1";
/// The longest text that is read back at once. *Units*: bytes.
const TEXT_BYTES_MAX: u64 = 256 << 20;

/// How many pages of one content the index tells apart; it counts the pages of all contents of an object in one row.
const INDEXED_PAGES: u32 = 1_000_000;

/// Returns the number under which the index has a page of a content, `place` being that of its slot among the object's.
pub(crate) fn indexed_page(place: usize, page: u32) -> u32 {
    let place = u32::try_from(place).unwrap_or(u32::MAX);
    place.saturating_mul(INDEXED_PAGES).saturating_add(page.min(INDEXED_PAGES - 1))
}

/// Returns the place and the page that [`indexed_page`] made a number of.
pub(crate) fn place_and_page(indexed: u32) -> (usize, u32) {
    let place = indexed / INDEXED_PAGES;
    (usize::try_from(place).unwrap_or(usize::MAX), indexed % INDEXED_PAGES)
}

/// What the job that makes a text carries.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct TextJob {
    /// The blob to read.
    pub digest: BlobDigest,
    /// Its media type, by content.
    pub media_type: String,
    /// One of its names.
    pub file_name: String,
}

/// Says whether the text of a content is read: that of readable types, and whatever promises by its name to be readable,
/// so that a reader says why it is not.
pub(crate) fn has_text(media_type: &str, file_name: &str) -> bool {
    let is_readable =
        media_type.starts_with("text/") || matches!(media_type, "application/pdf" | "application/xhtml+xml");
    let ending = file_name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    is_readable || matches!(ending.as_str(), "pdf" | "txt" | "html" | "htm")
}

/// What is said of the text of a document without content.
pub(crate) const fn none() -> TextSummary {
    TextSummary { state: TextState::None, page_count: None, pages_with_text: None, faults: Vec::new() }
}

/// Returns what is known of the text of a content, `row` being its rendition when there is one.
///
/// A rendition is shared by all contents with the same bytes, so that a name that promises another type is no fault of it
/// but of the content; also of a content that no reader looks at.
pub(crate) fn summary(size_bytes: u64, media_type: &str, file_name: &str, row: Option<&RenditionRow>) -> TextSummary {
    let mut summary = match row {
        _ if !has_text(media_type, file_name) => none(),
        None => TextSummary { state: TextState::Waiting, ..none() },
        Some(row) => summary_of(row),
    };
    let of_name = cartulary_formats::fault_of_name(media_type, file_name).filter(|_| size_bytes > 0);
    summary.faults.extend(of_name.map(Fault::from));
    summary
}

/// Returns what is known of the text of a stored content.
pub(crate) fn summary_of_row(content: &ContentRow, row: Option<&RenditionRow>) -> TextSummary {
    summary(content.size_bytes.unsigned_abs(), &content.media_type, &content.file_name, row)
}

/// Returns what is known of a text from its rendition.
fn summary_of(row: &RenditionRow) -> TextSummary {
    let state = match row.state.as_str() {
        renditions::READY => TextState::Ready,
        renditions::FAILED => TextState::Failed,
        _ => TextState::Waiting,
    };
    let faults: Vec<Fault> = serde_json::from_str(&row.faults).unwrap_or_default();
    let known = |count: Option<i32>| count.and_then(|count| u32::try_from(count).ok());
    TextSummary { state, page_count: known(row.page_count), pages_with_text: known(row.pages_with_text), faults }
}

/// Asks for the text of a content that was just bound, unless it is there or on its way.
pub(crate) fn request(tx: &mut Tx<'_>, digest: BlobDigest, media_type: &str, file_name: &str) -> Result<()> {
    if !has_text(media_type, file_name) {
        return Ok(());
    }
    let source = digest.to_string();
    let key = RenditionKey { source_digest: &source, kind: TEXT_KIND, producer: TEXT_PRODUCER };
    if !renditions::insert_waiting(tx.conn, key, tx.now.as_millis())? {
        return Ok(());
    }
    let job = TextJob { digest, media_type: media_type.to_owned(), file_name: file_name.to_owned() };
    let payload = serde_json::to_value(job).map_err(RepositoryError::internal)?;
    tx.enqueue(&NewJob { kind: "core.text", payload, dedupe_key: Some(format!("text:{source}")), priority: 0 })
}

/// Returns what is known of the text of the pages that an object shows where they are arranged, and its blob when it is ready;
/// nothing where they are not.
fn arranged_text(conn: &mut Conn, object: i64) -> Result<Option<(TextSummary, Option<BlobRow>)>> {
    let Some(own) = arrangements::of_objects(conn, &[object])?.remove(&object) else { return Ok(None) };
    let waiting = TextSummary { state: TextState::Waiting, page_count: own.page_count.try_into().ok(), ..none() };
    let sources = [own.digest.clone()];
    let made = renditions::of_sources(conn, &sources, ARRANGED_KIND, ARRANGED_PRODUCER)?.remove(&own.digest);
    let file = match &made {
        Some(made) if made.state == renditions::FAILED => return Ok(Some((summary_of(made), None))),
        Some(made) => made.blob_no.map(|no| blobs::by_no(conn, no)).transpose()?.flatten(),
        None => None,
    };
    let Some(file) = file else { return Ok(Some((waiting, None))) };
    Ok(Some(match blob_of(conn, &file.digest)? {
        Some((row, blob)) => (summary_of(&row), blob),
        None => (waiting, None),
    }))
}

/// Returns the blob that holds a text, when it is ready.
pub(crate) fn blob_of(conn: &mut Conn, source: &str) -> Result<Option<(RenditionRow, Option<BlobRow>)>> {
    let sources = [source.to_owned()];
    let Some(row) = renditions::of_sources(conn, &sources, TEXT_KIND, TEXT_PRODUCER)?.remove(source) else {
        return Ok(None);
    };
    let blob = match row.blob_no {
        Some(no) => blobs::by_no(conn, no)?,
        None => None,
    };
    Ok(Some((row, blob)))
}

/// Counts the pages that have words.
pub(crate) fn count_with_words(pages: &[TextPage]) -> i32 {
    i32::try_from(pages.iter().filter(|page| page.has_words()).count()).unwrap_or(i32::MAX)
}

/// How many texts are looked at together.
const UNCOUNTED: i64 = 100;

impl Repository {
    /// Counts the pages that have words in texts that were made before anybody counted them; one that cannot be read now
    /// is looked at again after the next start.
    pub(crate) async fn count_old_texts(&self) -> Result<()> {
        let mut after = 0;
        loop {
            let read = move |conn: &mut Conn| -> Result<_> {
                let rows = renditions::uncounted(conn, after, UNCOUNTED)?;
                let with_blob =
                    |row: RenditionRow| Ok((row.no, row.blob_no.map(|no| blobs::by_no(conn, no)).transpose()?));
                rows.into_iter().map(with_blob).collect::<Result<Vec<_>>>()
            };
            let texts = self.database().read(read).await?;
            let Some((last, _)) = texts.last() else { return Ok(()) };
            after = *last;
            for (no, blob) in texts {
                let Some(blob) = blob.flatten() else { continue };
                let _turn = self.inner.text_reading.acquire().await.map_err(RepositoryError::internal)?;
                match read_pages(self, &blob).await {
                    Ok(pages) => {
                        let count = count_with_words(&pages);
                        self.database().write(move |conn| renditions::put_pages_with_text(conn, no, count)).await?;
                    }
                    Err(error) => crate::repository::log_error("the pages of a text could not be counted", &error),
                }
            }
        }
    }
}

/// How much text one answer has, but for a single page that is longer. *Units*: bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Reads the pages that a text's blob holds.
pub(crate) async fn read_pages(repository: &Repository, blob: &BlobRow) -> Result<Vec<TextPage>> {
    let digest: BlobDigest = blob.digest.parse().map_err(RepositoryError::internal)?;
    let key = StorageKey::new(digest, blob.generation.unsigned_abs());
    let size = blob.size_bytes.unsigned_abs();
    let bytes = repository.blobs().read_to_vec(&key, digest, size, TEXT_BYTES_MAX).await?;
    serde_json::from_slice(&bytes).map_err(RepositoryError::internal)
}

impl Session {
    /// Returns the text of a document or version, at most some 1 MiB of it; where its pages are arranged, of these.
    ///
    /// # Errors
    /// `NotFound` when there is no such object, or the caller may not know of it; `Forbidden` without `ReadContent`.
    pub async fn text_get(&self, id: ObjectId, wanted: TextPages) -> Result<DocumentText> {
        self.slot_text_get(id, SlotName::main(), wanted).await
    }

    /// Returns the text of what lies in one slot of a document or version, as [`Session::text_get`] that of the main content.
    ///
    /// # Errors
    /// As there.
    pub async fn slot_text_get(&self, id: ObjectId, slot: SlotName, wanted: TextPages) -> Result<DocumentText> {
        let (session, now) = (self.clone(), self.repository.clock().now());
        let read = move |conn: &mut Conn| -> Result<_> {
            let row = session.authorised(conn, id, READ_CONTENT, now)?;
            let reading = session.reading_of(conn, &row)?;
            if slot.as_str() == SlotName::MAIN
                && let Some((summary, blob)) = arranged_text(conn, row.no)?
            {
                return Ok((summary, blob, reading));
            }
            let content: Option<ContentRow> = blobs::content_in(conn, row.no, &slot)?;
            let Some(content) = content else { return Ok((none(), None, None)) };
            let found = match has_text(&content.media_type, &content.file_name) {
                true => blob_of(conn, &content.digest)?,
                false => None,
            };
            let (row, blob) = found.unzip();
            Ok((summary_of_row(&content, row.as_ref()), blob.flatten(), reading))
        };
        let (summary, blob, reading) = self.repository.database().read(read).await?;
        let Some(blob) = blob else { return Ok(DocumentText { summary, pages: Vec::new(), next_page: None }) };
        self.note_reading(reading, serde_json::json!("text")).await?;
        // The whole text is in memory until it is cut to what was asked for.
        let _turn = self.repository.inner.text_reading.acquire().await.map_err(RepositoryError::internal)?;
        let (pages, next_page) = cut(read_pages(&self.repository, &blob).await?, wanted);
        Ok(DocumentText { summary, pages, next_page })
    }
}

/// Returns the wanted pages, as many as fit into an answer and at least one, and the number of the next one.
fn cut(pages: Vec<TextPage>, wanted: TextPages) -> (Vec<TextPage>, Option<u32>) {
    let is_wanted = |page: &TextPage| match wanted {
        TextPages::One(number) => page.page_number == number,
        TextPages::From(first) => page.page_number >= first,
    };
    let (mut kept, mut bytes) = (Vec::new(), 0_usize);
    for page in pages.into_iter().filter(is_wanted) {
        bytes = bytes.saturating_add(page.text.len());
        if bytes > ANSWER_BYTES_MAX && !kept.is_empty() {
            return (kept, Some(page.page_number));
        }
        kept.push(page);
    }
    (kept, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(sizes: &[usize]) -> Vec<TextPage> {
        let page = |(number, size): (u32, &usize)| TextPage {
            page_number: number,
            width: None,
            height: None,
            text: "x".repeat(*size),
            language: None,
        };
        (1..).zip(sizes).map(page).collect()
    }

    fn numbers(sizes: &[usize], wanted: TextPages) -> (Vec<u32>, Option<u32>) {
        let (kept, next) = cut(pages(sizes), wanted);
        (kept.into_iter().map(|page| page.page_number).collect(), next)
    }

    /// As a migration finds the texts of an older office.
    #[tokio::test]
    async fn texts_of_before_are_counted_by_the_office_that_runs_now() {
        for database in cartulary_db::testing::each_database(&[crate::CORE_MIGRATIONS]) {
            let folder = tempfile::tempdir().unwrap();
            let config = crate::RepositoryConfig {
                database: database.config.clone(),
                store: cartulary_blobs::StoreConfig::Memory,
                index_dir: folder.path().join("index"),
                work_dir: folder.path().join("work"),
                worker: None,
                job_workers: 1,
                session_hours: 1,
                garbage_grace_ms: 0,
                trash_keep_ms: 0,
                office_types: cartulary_model::TypeFile::default(),
                webhooks: crate::WebhookRules::default(),
                backup: crate::BackupSettings::default(),
            };
            let repository = Repository::open(config, Vec::new()).await.unwrap();
            for (source, sizes) in [("a", &[0, 3, 1][..]), ("b", &[0, 0][..])] {
                let bytes = serde_json::to_vec(&pages(sizes)).unwrap();
                let body = futures::stream::iter([Ok::<_, std::io::Error>(bytes::Bytes::from(bytes))]);
                let session = repository.system_session();
                let staged = session.content_stage(body).await.unwrap();
                let put = move |tx: &mut Tx<'_>, blob| {
                    let key = RenditionKey { source_digest: source, kind: TEXT_KIND, producer: TEXT_PRODUCER };
                    let (state, blob_no) = (renditions::READY, Some(blob));
                    let (page_count, pages_with_text) = (None, None);
                    let outcome = renditions::Outcome { state, blob_no, page_count, pages_with_text, faults: "[]" };
                    renditions::put_outcome(tx.conn, key, &outcome, 0)
                };
                session.with_blob(staged, put).await.unwrap();
            }
            repository.count_old_texts().await.unwrap();
            let read = |conn: &mut Conn| {
                let sources = ["a".to_owned(), "b".to_owned()];
                renditions::of_sources(conn, &sources, TEXT_KIND, TEXT_PRODUCER)
            };
            let counted = repository.database().read(read).await.unwrap();
            let counts: Vec<_> = counted.values().map(|row| row.pages_with_text).collect();
            assert_eq!(counts, [Some(2), Some(0)], "on {}", database.backend());
        }
    }

    #[test]
    fn a_page_of_an_attachment_is_found_again() {
        for (place, page) in [(0, 1), (0, 999_999), (1, 1), (99, 7)] {
            assert_eq!(place_and_page(indexed_page(place, page)), (place, page));
        }
        assert_eq!(place_and_page(indexed_page(3, u32::MAX)), (3, INDEXED_PAGES - 1));
    }

    #[test]
    fn an_answer_is_cut_between_pages_and_says_where_to_go_on() {
        let half = ANSWER_BYTES_MAX / 2;
        assert_eq!(numbers(&[half, half, 1], TextPages::From(1)), (vec![1, 2], Some(3)));
        assert_eq!(numbers(&[half, half, 1], TextPages::From(3)), (vec![3], None));
        assert_eq!(numbers(&[4 * half, 1], TextPages::From(1)), (vec![1], Some(2)));
        assert_eq!(numbers(&[1, 1, 1], TextPages::One(2)), (vec![2], None));
        assert_eq!(numbers(&[], TextPages::From(1)), (vec![], None));
    }
}
