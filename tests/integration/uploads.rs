//! Uploads in several requests on both databases: kept over a restart, collected when they expire, and no oracle.

use std::time::Instant;

use bytes::Bytes;
use cartulary_model::{BlobDigest, SlotName};
use cartulary_repository::{
    Checksum, ChecksumKind, GarbageRules, NewDocument, NewUpload, Precondition, RepositoryError, Session, UploadLimits,
    UploadView, VerifyOptions, VersionNote, WindowRequest,
};
use cartulary_tests::office::{TestOffice, content, each_office};

const NOW: GarbageRules = GarbageRules { unreferenced_ms: 0, condemned_ms: 0 };
const LIMITS: UploadLimits = UploadLimits { max_bytes: 1 << 30, max_open: 3, keep_ms: 3_600_000 };
const ALL: WindowRequest = WindowRequest { offset: 0, limit: 100 };

type Part = Result<Bytes, std::io::Error>;

fn body(parts: &[&'static str], breaks: bool) -> impl futures::Stream<Item = Part> {
    let mut items: Vec<Part> = parts.iter().map(|part| Ok(Bytes::from_static(part.as_bytes()))).collect();
    if breaks {
        items.push(Err(std::io::Error::other("the line broke")));
    }
    futures::stream::iter(items)
}

async fn begin(session: &Session, length_bytes: u64, digest: Option<BlobDigest>) -> UploadView {
    let new = NewUpload { length_bytes, file_name: "a.bin".into(), digest, ..NewUpload::default() };
    session.upload_create(new, LIMITS).await.unwrap().value
}

fn code<T: std::fmt::Debug>(outcome: Result<T, RepositoryError>) -> &'static str {
    match outcome {
        Err(RepositoryError::Conflict { code, .. }) => code,
        Err(RepositoryError::NotFound { .. }) => "not_found",
        Err(RepositoryError::Interrupted) => "interrupted",
        other => panic!("{other:?}"),
    }
}

async fn verified(office: &TestOffice) {
    let report = office.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap();
    assert!(report.is_clean(), "{:?}", report.faults);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_arrived_stays_over_a_broken_line_and_a_restart() {
    each_office(async |office| {
        let dossier = office.dossier("A").await;
        let upload = begin(&office.system, 10, None).await.id;
        let put = async |session: &Session, offset: u64, parts: &[&'static str], breaks: bool| {
            session.upload_append(upload, offset, body(parts, breaks), None, LIMITS).await
        };
        assert_eq!(code(put(&office.system, 0, &["\u{0}12", "3"], true).await), "interrupted");
        assert_eq!(office.system.upload_get(upload).await.unwrap().offset_bytes, 4);
        office.reopen().await;
        assert_eq!(code(put(&office.system, 3, &["x"], false).await), "upload_offset_mismatch");
        assert_eq!(code(office.system.upload_take(upload).await), "upload_unfinished");
        // The collector leaves the parts alone.
        office.repository.clock().shift(10);
        office.repository.collect_garbage(NOW, |_, _| {}).await.unwrap();
        verified(office).await;
        assert_eq!(put(&office.system, 4, &["45", "", "67"], false).await.unwrap().offset_bytes, 8);
        assert_eq!(code(put(&office.system, 8, &["89", "more"], false).await), "upload_too_long");
        assert_eq!(office.system.upload_get(upload).await.unwrap().offset_bytes, 10);
        let whole = office.system.upload_take(upload).await.unwrap();
        let new = NewDocument { name: "a.bin".into(), content: Some(whole), ..NewDocument::default() };
        let made = office.system.document_create(dossier, new).await.unwrap().value.summary;
        assert_eq!(made.content.unwrap().digest, BlobDigest::of(b"\x00123456789"));
        // It is used up; its parts are garbage, and the content is not.
        let again = office.system.upload_take(upload).await.unwrap();
        let new = NewDocument { name: "b.bin".into(), content: Some(again), ..NewDocument::default() };
        assert_eq!(code(office.system.document_create(dossier, new).await), "upload_used");
        office.repository.clock().shift(10);
        let collected = office.repository.collect_garbage(NOW, |_, _| {}).await.unwrap();
        assert_eq!(collected.deleted, 3);
        verified(office).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checksum_takes_all_or_nothing() {
    each_office(async |office| {
        let upload = begin(&office.system, 6, None).await.id;
        let put = async |offset: u64, parts: &[&'static str], breaks: bool, kind: ChecksumKind, sum: &str| {
            let checksum = Checksum { kind, value: hex(sum) };
            office.system.upload_append(upload, offset, body(parts, breaks), Some(checksum), LIMITS).await
        };
        let (sha1, sha256) = ("a9993e364706816aba3e25717850c26c9cd0d89d", BlobDigest::of(b"def").to_string());
        assert_eq!(code(put(0, &["ab", "d"], false, ChecksumKind::Sha1, sha1).await), "checksum_mismatch");
        assert_eq!(code(put(0, &["ab", "c"], true, ChecksumKind::Sha1, sha1).await), "interrupted");
        assert_eq!(office.system.upload_get(upload).await.unwrap().offset_bytes, 0);
        assert_eq!(put(0, &["ab", "c"], false, ChecksumKind::Sha1, sha1).await.unwrap().offset_bytes, 3);
        assert_eq!(put(3, &["def"], false, ChecksumKind::Sha256, &sha256).await.unwrap().offset_bytes, 6);
    })
    .await;
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_are_ones_own_few_and_not_for_ever() {
    each_office(async |office| {
        office.stop_background().await;
        let (anna, omar) = (office.user("anna", &[]).await, office.user("omar", &[]).await);
        let first = begin(&anna, 3, None).await.id;
        assert_eq!(code(omar.upload_get(first).await), "not_found");
        assert_eq!(code(omar.upload_append(first, 0, body(&["abc"], false), None, LIMITS).await), "not_found");
        assert_eq!(code(omar.upload_take(first).await), "not_found");
        assert_eq!(code(omar.upload_delete(first).await), "not_found");
        assert_eq!(omar.upload_list(ALL).await.unwrap().total, 0);
        anna.upload_append(first, 0, body(&["ab"], false), None, LIMITS).await.unwrap();
        let (second, _third) = (begin(&anna, 1, None).await.id, begin(&anna, 1, None).await);
        let one_more = NewUpload { length_bytes: 1, ..NewUpload::default() };
        assert_eq!(code(anna.upload_create(one_more, LIMITS).await), "too_many_uploads");
        anna.upload_delete(second).await.unwrap();
        begin(&anna, 1, None).await;
        assert_eq!(anna.upload_list(ALL).await.unwrap().total, 3);
        let large = NewUpload { length_bytes: (1 << 30) + 1, ..NewUpload::default() };
        assert!(matches!(omar.upload_create(large, LIMITS).await, Err(RepositoryError::Invalid { .. })));
        // Time passes: they are not there any more, and their bytes are collected.
        office.repository.clock().shift(LIMITS.keep_ms + 1);
        let anna = office.sign_in("anna").await;
        assert_eq!(code(anna.upload_get(first).await), "not_found");
        assert_eq!(anna.upload_list(ALL).await.unwrap().total, 0);
        assert_eq!(office.repository.expire_uploads().await.unwrap(), 3);
        let collected = office.repository.collect_garbage(NOW, |_, _| {}).await.unwrap();
        assert_eq!(collected.condemned, 1);
        verified(office).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn known_bytes_need_not_be_sent_by_whoever_may_read_them() {
    each_office(async |office| {
        let dossier = office.dossier("A").await;
        let bytes = b"\x00known bytes";
        let (digest, size) = (BlobDigest::of(bytes), bytes.len() as u64);
        let new = NewDocument {
            name: "a.bin".into(),
            content: Some(content(&office.system, "a.bin", bytes).await),
            ..NewDocument::default()
        };
        let paper = office.system.document_create(dossier, new).await.unwrap().value.summary;
        let upload = begin(&office.system, size, Some(digest)).await;
        assert_eq!(upload.offset_bytes, size);
        let taken = office.system.upload_take(upload.id).await.unwrap();
        let slot: SlotName = "annex".parse().unwrap();
        office.system.slot_put(paper.id, slot.clone(), Precondition::Any, taken, VersionNote::default()).await.unwrap();
        assert_eq!(office.system.slot_content_of(paper.id, slot).await.unwrap().digest, digest);
        verified(office).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_who_knows_a_digest_learns_nothing() {
    each_office(async |office| {
        let dossier = office.dossier("A").await;
        office.document(dossier, "secret.txt", "a secret paper").await;
        let gone = office.document(dossier, "gone.txt", "a paper in the trash").await.value.summary;
        office.system.object_trash(gone.id, Precondition::Any).await.unwrap();
        let stranger = office.user("stranger", &[]).await;
        let (secret, absent) = (BlobDigest::of(b"a secret paper"), BlobDigest::of(b"never was here"));
        // In the trash, nobody reads it, not even who could.
        for (session, digest) in
            [(&stranger, secret), (&stranger, absent), (&office.system, BlobDigest::of(b"a paper in the trash"))]
        {
            let length = if digest == secret { 14 } else { 20 };
            let began = Instant::now();
            let upload = begin(session, length, Some(digest)).await;
            assert_eq!(upload.offset_bytes, 0);
            // Each refusal comes at the same beat, however quickly it was known.
            assert!(began.elapsed().as_millis() >= 100);
            session.upload_delete(upload.id).await.unwrap();
            let began = Instant::now();
            assert_eq!(code(session.blob_content(digest).await), "not_found");
            assert!(began.elapsed().as_millis() >= 100);
        }
        // What he sends himself is taken with the same answer, and is his.
        let upload = begin(&stranger, 14, Some(secret)).await;
        let sent = stranger.upload_append(upload.id, 0, body(&["a secret paper"], false), None, LIMITS).await.unwrap();
        assert_eq!(sent.offset_bytes, 14);
        assert_eq!(code(stranger.blob_content(secret).await), "not_found");
        assert_eq!(begin(&stranger, 14, Some(secret)).await.offset_bytes, 0);
    })
    .await;
}
