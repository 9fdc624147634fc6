//! Full text, from the file to the snippet.

use cartulary_repository::{SearchQuery, TextPages, TextState};
use cartulary_tests::office::each_office;

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
