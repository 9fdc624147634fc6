//! Arranged pages on both databases: made in the worker with their words, found by them, refused in words.

use cartulary_model::{BlobDigest, ObjectId};
use cartulary_repository::{
    ArrangedPage, Faults, GarbageRules, NewDocument, PagesToArrange, PagesToSplit, Precondition, SearchQuery,
    TextState, VerifyOptions, VersionNote,
};
use cartulary_tests::office::{TestOffice, content, each_office};
use futures::StreamExt;

const NOW: GarbageRules = GarbageRules { unreferenced_ms: 0, condemned_ms: 0 };

/// A PDF of pages with one word each.
pub fn pdf(words: &[&str]) -> Vec<u8> {
    let kids: Vec<String> = (0..words.len()).map(|page| format!("{} 0 R", 2 * page + 4)).collect();
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        // Size and fonts are inherited, as many writers have it.
        format!(
            "<< /Type /Pages /Kids [{}] /Count {} /MediaBox [0 0 595 842] /Resources << /Font << /F 3 0 R >> >> >>",
            kids.join(" "),
            words.len()
        ),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    for (page, word) in words.iter().enumerate() {
        let draw = format!("BT /F 24 Tf 72 700 Td ({word}) Tj ET");
        objects.push(format!("<< /Type /Page /Parent 2 0 R /Contents {} 0 R >>", 2 * page + 5));
        objects.push(format!("<< /Length {} >>\nstream\n{draw}\nendstream", draw.len()));
    }
    let (mut file, mut places) = ("%PDF-1.4\n".to_owned(), String::new());
    for (number, object) in (1..).zip(&objects) {
        places.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let (size, start) = (objects.len() + 1, file.len());
    file.push_str(&format!("xref\n0 {size}\n0000000000 65535 f \n{places}"));
    file.push_str(&format!("trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"));
    file.into_bytes()
}

async fn filed(office: &TestOffice, dossier: ObjectId, name: &str, bytes: &[u8]) -> (ObjectId, BlobDigest) {
    let content = Some(content(&office.system, name, bytes).await);
    let new = NewDocument { name: name.into(), content, ..NewDocument::default() };
    let made = office.system.document_create(dossier, new).await.unwrap().value.summary;
    (made.id, made.content.unwrap().digest)
}

fn page(digest: BlobDigest, page: u32, rotation: u16) -> PagesToArrange {
    PagesToArrange::Own(ArrangedPage { digest, page, rotation })
}

async fn arrange(office: &TestOffice, id: ObjectId, pages: Vec<PagesToArrange>) {
    office
        .system
        .arrangement_put(id, Precondition::Any, pages, VersionNote::default(), Faults::default())
        .await
        .unwrap();
    office.settle().await;
}

async fn found(office: &TestOffice, word: &str) -> Vec<ObjectId> {
    let query = SearchQuery { text: word.into(), limit: 10, ..SearchQuery::default() };
    office.system.search(query).await.unwrap().hits.into_iter().map(|hit| hit.summary.id).collect()
}

async fn arranged_bytes(office: &TestOffice, id: ObjectId) -> Vec<u8> {
    let opened = office.system.arranged_open(id, None).await.unwrap();
    let chunks: Vec<_> = opened.bytes.map(Result::unwrap).collect().await;
    chunks.concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn arranged_pages_become_a_file_with_their_words_and_no_others() {
    each_office(async |office| {
        let dossier = office.dossier("A").await;
        let (letter, of_letter) = filed(office, dossier, "letter.pdf", &pdf(&["turbine", "irrigation", "valve"])).await;
        let (annex, _) = filed(office, dossier, "annex.pdf", &pdf(&["drawing"])).await;
        office.settle().await;
        let pages = vec![page(of_letter, 3, 90), PagesToArrange::Document(annex), page(of_letter, 1, 0)];
        arrange(office, letter, pages).await;
        let known = office.system.arrangement_get(letter).await.unwrap();
        assert_eq!((known.state, known.pages.len(), known.faults), (TextState::Ready, 3, Vec::new()));
        // The file has the words of its pages; a page that was left out is not in it, and not found.
        let bytes = arranged_bytes(office, letter).await;
        let has = |word: &str| bytes.windows(word.len()).any(|some| some == word.as_bytes());
        assert!(bytes.starts_with(b"%PDF-") && has("valve") && has("drawing") && has("turbine") && !has("irrigation"));
        assert_eq!(found(office, "irrigation").await, []);
        assert_eq!(found(office, "valve").await, [letter]);
        assert_eq!(found(office, "drawing").await.len(), 2);
        // What is found can be read: the text is that of the pages that are shown.
        let text = office.system.text_get(letter, cartulary_repository::TextPages::From(1)).await.unwrap();
        let words: Vec<&str> = text.pages.iter().map(|page| page.text.trim()).collect();
        assert_eq!((text.summary.state, words), (TextState::Ready, vec!["valve", "drawing", "turbine"]));
        // Read as a file of its own it has three pages, the first of which is turned.
        let (again, _) = filed(office, dossier, "again.pdf", &bytes).await;
        office.settle().await;
        let text = office.system.text_get(again, cartulary_repository::TextPages::From(1)).await.unwrap();
        let sizes: Vec<_> =
            text.pages.iter().map(|page| (page.width, page.height, page.text.trim().to_owned())).collect();
        let expect = |width: f32, height: f32, word: &str| (Some(width), Some(height), word.to_owned());
        let pages = [expect(842., 595., "valve"), expect(595., 842., "drawing"), expect(595., 842., "turbine")];
        assert_eq!(sizes, pages);
        // Of the content nothing changed, and without the arrangement all of it is found again.
        assert_eq!(office.system.content_of(letter).await.unwrap().digest, of_letter);
        office.system.arrangement_delete(letter, Precondition::Any, VersionNote::default()).await.unwrap();
        office.settle().await;
        assert_eq!(found(office, "irrigation").await, [letter]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_split_off_outlives_the_document_and_needs_its_file() {
    each_office(async |office| {
        let dossier = office.dossier("A").await;
        let (paper, digest) = filed(office, dossier, "two.pdf", &pdf(&["first", "second"])).await;
        office.settle().await;
        let split = PagesToSplit { places: [1].into(), name: "second.pdf".into(), folder: None };
        let made = office.system.document_split(paper, Precondition::Any, split, VersionNote::default()).await.unwrap();
        let made = made.value.summary.id;
        office.settle().await;
        assert_eq!(found(office, "second").await, [made]);
        let text = office.system.text_get(made, cartulary_repository::TextPages::From(1)).await.unwrap();
        assert_eq!((text.summary.page_count, text.pages[0].text.trim()), (Some(1), "second"));
        office.system.object_destroy(paper, Precondition::Any).await.unwrap();
        // The whole file is nobody's content any more; that of the page is.
        assert!(office.system.blob_content(digest).await.is_err());
        office.repository.clock().shift(10);
        office.repository.collect_garbage(NOW, |_, _| {}).await.unwrap();
        let bytes = arranged_bytes(office, made).await;
        assert!(bytes.windows(6).any(|some| some == b"second") && !bytes.windows(5).any(|some| some == b"first"));
        let report = office.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap();
        assert!(report.is_clean(), "{:?}", report.faults);
        office.system.object_destroy(made, Precondition::Any).await.unwrap();
        office.repository.clock().shift(10);
        let collected = office.repository.collect_garbage(NOW, |_, _| {}).await.unwrap();
        assert!(collected.deleted >= 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_file_is_refused_in_words() {
    each_office(async |office| {
        let dossier = office.dossier("A").await;
        let mut nested = b"%PDF-1.4\n1 0 obj\n".to_vec();
        nested.extend(std::iter::repeat_n(b'[', 200_000));
        for (number, bytes) in [b"%PDF-1.4\nnothing of the kind".to_vec(), nested].into_iter().enumerate() {
            let (id, digest) = filed(office, dossier, &format!("{number}.pdf"), &bytes).await;
            arrange(office, id, vec![page(digest, 1, 0)]).await;
            let known = office.system.arrangement_get(id).await.unwrap();
            assert_eq!(known.state, TextState::Failed);
            assert!(!known.faults.is_empty(), "{number}");
            let refused = office.system.arranged_content(id).await.unwrap_err().to_string();
            assert!(refused.starts_with("no file can be made of the pages: "), "{refused}");
        }
    })
    .await;
}
