//! Full text, from the file to the snippet.

use cartulary_repository::{NewDocument, QueryRequest, SearchQuery, TextPages, TextState};
use cartulary_tests::office::{content, each_office};

#[tokio::test(flavor = "multi_thread")]
async fn a_word_of_a_text_is_found_with_its_page_in_english_and_arabic() {
    each_office(async |office| {
        let dossier = office.dossier("2024-001").await;
        let text = "first page\u{c}the second page speaks of irrigation valves\u{c}طلب تسجيل علامة تجارية للواحة";
        let paper = office.document(dossier, "letter.txt", text).await.value.summary;
        office.settle().await;
        let check = async |text: &str, page: u32, hit: &str| {
            let query = SearchQuery { text: text.into(), limit: 10, ..SearchQuery::default() };
            let found = office.system.search(query).await.unwrap();
            assert_eq!(found.total, 1, "{text}");
            let first = &found.hits[0];
            assert_eq!(first.summary.id, paper.id);
            assert_eq!(first.dossier.as_ref().unwrap().id, dossier);
            let snippet = &first.snippets[0];
            assert_eq!(snippet.page_number, page, "{text}");
            assert!(snippet.fragments.iter().any(|one| one.is_hit && one.text == hit), "{snippet:?}");
        };
        check("irrigation", 2, "irrigation").await;
        check("علامه", 3, "علامة").await;
        let known = office.system.text_get(paper.id, TextPages::One(2)).await.unwrap();
        assert_eq!(known.summary.state, TextState::Ready);
        assert_eq!(known.summary.page_count, Some(3));
        assert!(known.pages[0].text.contains("irrigation valves"));
    })
    .await;
}

/// A PDF of so many pages that draw nothing but a picture.
fn scan(pages: usize) -> Vec<u8> {
    let kids: Vec<String> = (0..pages).map(|page| format!("{} 0 R", page + 5)).collect();
    let picture = "/Type /XObject /Subtype /Image /Width 1 /Height 1 /BitsPerComponent 8 /ColorSpace /DeviceGray";
    let draw = "q 595 0 0 842 0 0 cm /Im Do Q";
    let mut objects = vec![
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        format!("<< /Type /Pages /Kids [{}] /Count {pages} >>", kids.join(" ")),
        format!("<< {picture} /Length 1 >>\nstream\n0\nendstream"),
        format!("<< /Length {} >>\nstream\n{draw}\nendstream", draw.len()),
    ];
    let page = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] \
                /Resources << /XObject << /Im 3 0 R >> >> /Contents 4 0 R >>";
    objects.extend(std::iter::repeat_n(page.to_owned(), pages));
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

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_without_words_was_called_searchable() {
    each_office(async |office| {
        let dossier = office.dossier("2024-002").await;
        let new = NewDocument {
            name: "scan.pdf".to_owned(),
            content: Some(content(&office.system, "scan.pdf", &scan(3)).await),
            ..NewDocument::default()
        };
        let scanned = office.system.document_create(dossier, new).await.unwrap().value.summary;
        assert_eq!(scanned.text.unwrap().pages_with_text, None, "nobody has looked yet");
        let letter = office.document(dossier, "letter.txt", "one word\u{c}* * *").await.value.summary;
        office.settle().await;
        let check = async |id, page_count, pages_with_text| {
            let text = office.system.object_get(id).await.unwrap().summary.text.unwrap();
            assert_eq!(text.state, TextState::Ready, "{:?}", text.faults);
            assert_eq!((text.page_count, text.pages_with_text), (Some(page_count), Some(pages_with_text)));
            let whole = office.system.text_get(id, TextPages::From(1)).await.unwrap();
            assert_eq!(whole.summary.pages_with_text, Some(pages_with_text));
        };
        check(scanned.id, 3, 0).await;
        check(letter.id, 2, 1).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dossier_is_filtered_by_the_beginnings_of_its_words() {
    each_office(async |office| {
        office.dossier("SAHEL GOLD").await;
        office.dossier("Blue Atlas").await;
        office.settle().await;
        let window = cartulary_repository::WindowRequest { offset: 0, limit: 10 };
        let order = cartulary_repository::ListOrder::Name;
        let found = office.system.dossier_list(window, order, Some("sah go".into())).await.unwrap();
        let names: Vec<_> = found.items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!((found.total, names), (1, vec!["SAHEL GOLD"]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_without_words_found_everything() {
    each_office(async |office| {
        let dossier = office.dossier("2024-003").await;
        office.document(dossier, "letter.txt", "stars * and (brackets)").await;
        office.settle().await;
        let search = async |text: &str| {
            let query = SearchQuery { text: text.into(), limit: 10, facets: true, ..SearchQuery::default() };
            let found = office.system.search(query).await.unwrap();
            assert_eq!(found.hits.len() as u64, found.total);
            (found.total, found.is_without_words, found.facets.iter().map(|facet| facet.buckets.len()).sum::<usize>())
        };
        for text in ["*", "((((", "* *", "\"\"", "?!", "name:*"] {
            assert_eq!(search(text).await, (0, true, 0), "{text}");
        }
        assert_eq!(search("brackets").await.0, 1);
        let (total, is_without_words, _) = search("").await;
        assert!(total > 1 && !is_without_words);
    })
    .await;
}

/// How a property is indexed is declared: whether its words are found, apart from whether lists are filtered by it.
#[tokio::test(flavor = "multi_thread")]
async fn words_of_a_property_that_is_not_for_full_text_are_not_found() {
    each_office(async |office| {
        office
            .declare(
                r#"
                [[types]]
                id = "test:note"
                parent = "document"
                base = "document"
                label = "Note"
                properties = [
                    { id = "test:open", label = "Open", kind = "string" },
                    { id = "test:closed", label = "Closed", kind = "string", indexed = true, full_text = false },
                    { id = "test:party", label = "Party", kind = "nested", cardinality = "multi", fields = [
                        { id = "name", label = "Name", kind = "string" },
                        { id = "secret", label = "Secret", kind = "string", full_text = false },
                    ] },
                    { id = "test:inner", label = "Inner", kind = "nested", full_text = false, fields = [
                        { id = "name", label = "Name", kind = "string" },
                    ] },
                ]
                "#,
            )
            .await;
        let dossier = office.dossier("D").await;
        let properties = serde_json::json!({
            "test:open": "lighthouse", "test:closed": "harbour",
            "test:party": [{ "name": "estuary", "secret": "breakwater" }], "test:inner": { "name": "promontory" },
        });
        let note = NewDocument {
            name: "note".to_owned(),
            type_id: Some("test:note".to_owned()),
            properties: properties.as_object().unwrap().clone(),
            ..NewDocument::default()
        };
        office.system.document_create(dossier, note).await.unwrap();
        office.settle().await;
        let count = async |text: &str| {
            let query = SearchQuery { text: text.into(), limit: 10, ..SearchQuery::default() };
            office.system.search(query).await.unwrap().total
        };
        let statement = async |rule: &str| {
            let statement = format!("SELECT cmis:name FROM test:note WHERE {rule}");
            let request = QueryRequest { statement, limit: 10, ..QueryRequest::default() };
            office.system.query(request).await.unwrap().total
        };
        for (word, expect) in [("lighthouse", 1), ("estuary", 1), ("harbour", 0), ("breakwater", 0), ("promontory", 0)]
        {
            assert_eq!(count(word).await, expect, "{word}");
            assert_eq!(statement(&format!("CONTAINS('{word}')")).await, expect, "{word}");
        }
        assert_eq!(statement("test:closed = 'harbour'").await, 1, "values are compared all the same");
        office.repository.reindex(|_| {}).await.unwrap();
        assert_eq!((count("estuary").await, count("harbour").await), (1, 0));
    })
    .await;
}
