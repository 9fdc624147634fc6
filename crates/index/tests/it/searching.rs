//! What is found, in which order, and how it is shown.

use cartulary_index::{Entry, FacetCount, Finder, SearchRequest, Sort};
use serde_json::json;

use crate::harness::{numbers, office, page, paper, request, show};

fn counts(list: &[FacetCount]) -> Vec<(&str, u64)> {
    list.iter().map(|facet| (facet.value.as_str(), facet.count)).collect()
}

#[test]
fn words_phrases_exclusion_or_and_beginnings() {
    let office = office();
    office.hold([
        paper(1, "the blue seal of the keeper"),
        paper(2, "the seal is blue and round"),
        paper(3, "a red seal"),
        paper(4, "keepers keep keys"),
    ]);
    for (query, expect) in [
        ("blue seal", vec![1, 2]),
        ("\"blue seal\"", vec![1]),
        ("seal -blue", vec![3]),
        ("seal -\"blue seal\"", vec![2, 3]),
        ("seal -\"blue nothing\"", vec![1, 2, 3]),
        ("-\"blue seal\" -\"red seal\" -\"no such\"", vec![2, 4]),
        ("seal \"blue seal\" OR \"red seal\"", vec![1, 3]),
        ("\"the keeper\" \"blue seal\" seal the", vec![1]),
        ("-\"blue seal\" is/bl*", vec![2]),
        ("red OR round", vec![2, 3]),
        ("keep*", vec![1, 4]),
        ("keep", vec![4]),
        ("blue red", vec![]),
        ("BLUE Séal", vec![1, 2]),
        ("-seal", vec![4]),
        ("\"blue seal", vec![1, 2]),
        ("", vec![1, 2, 3, 4]),
        ("", vec![1, 2, 3, 4]),
        ("*", vec![]),
        ("((((", vec![]),
        ("???", vec![]),
        ("nowhere", vec![]),
    ] {
        let mut found = office.found(query);
        found.sort_unstable();
        assert_eq!(found, expect, "{query}");
        assert_eq!(office.search(query).total, expect.len() as u64, "{query}");
    }
}

#[test]
fn names_titles_types_and_properties_are_searched() {
    let office = office();
    let mut drawing = paper(1, "text");
    drawing.name = "Fig_07 valve.tif".to_owned();
    drawing.title = "Drawing of the valve".to_owned();
    drawing.type_id = "office:drawing".to_owned();
    drawing.properties = json!({"office:sender": "Ada Lovelace", "office:keys": ["alpha", "beta"], "office:n": 5})
        .as_object()
        .cloned()
        .unwrap();
    office.hold([drawing, paper(2, "valve of a letter, by Ada"), paper(3, "drawing")]);
    for (query, expect) in [
        ("name:valve", vec![1]),
        ("title:drawing", vec![1]),
        ("title:\"the valve\"", vec![1]),
        ("type:drawing", vec![1]),
        ("type:office", vec![1, 2, 3]),
        ("lovelace", vec![1]),
        ("beta", vec![1]),
        ("-type:drawing", vec![2, 3]),
        ("valve", vec![1, 2]),
    ] {
        let mut found = office.found(query);
        found.sort_unstable();
        assert_eq!(found, expect, "{query}");
    }
    // A word in name and title counts more than one in the text.
    assert_eq!(office.found("valve"), [1, 2]);
    // What stands in the name only has no snippet.
    assert_eq!(office.snippet("lovelace"), "");
}

#[test]
fn codes_are_found_whole_and_by_parts() {
    let office = office();
    office.hold([
        paper(1, "application TM/2026/0012 was filed"),
        paper(2, "application TM/2026/0013, earlier PCT/EP2024/012345"),
        paper(3, "0012 2026 TM in another order"),
    ]);
    for (query, expect) in [
        ("TM/2026/0012", vec![1]),
        ("tm/2026/0012", vec![1]),
        ("TM/2026/001*", vec![1, 2]),
        ("PCT/EP2024/012345", vec![2]),
        ("EP2024", vec![2]),
        ("2024", vec![2]),
        ("0012", vec![1, 3]),
        ("12", vec![1, 3]),
        ("012345", vec![2]),
        ("2026", vec![1, 2, 3]),
    ] {
        let mut found = office.found(query);
        found.sort_unstable();
        assert_eq!(found, expect, "{query}");
    }
}

#[test]
fn the_word_as_typed_is_preferred_to_its_other_forms() {
    let office = office();
    let english = |no, text: &str| Entry { pages: vec![page(1, text, Some("en"))], ..paper(no, "") };
    let filler = "and some more words so that all texts are of a similar length".repeat(3);
    let mut entries = vec![
        english(1, &format!("registrations registered registers {filler}")),
        english(2, &format!("one registration {filler}")),
        english(3, &format!("he registered it {filler}")),
    ];
    // The other form is rare, the word itself is frequent.
    entries.extend((10..40).map(|no| english(no, &format!("the registration {filler}"))));
    office.hold(entries);
    let answer = office.search("registration");
    assert_eq!(answer.total, 32, "registered has another stem than registration and registrations");
    let mut all = request("registration");
    all.limit = 100;
    let order = numbers(&office.index.search(&all).unwrap());
    assert_eq!(order.last(), Some(&1), "{order:?}");
    // In quotes other forms do not count.
    assert_eq!(office.search("\"registration\"").total, 31);
}

#[test]
fn snippets_know_their_page() {
    let office = office();
    let long = "Lorem ipsum dolor sit amet consectetur adipiscing elit. ".repeat(20);
    let entry = Entry {
        pages: vec![
            page(1, &format!("{long} first page"), Some("en")),
            page(2, "", None),
            page(3, &format!("{long} the golden key of the office {long}"), Some("en")),
            page(7, &format!("{long} the keys are golden {long}"), Some("en")),
        ],
        ..paper(1, "")
    };
    office.hold([entry]);
    let answer = office.search("golden key");
    let hit = &answer.hits[0];
    assert_eq!(hit.page_number, Some(3));
    let pages: Vec<u32> = hit.snippets.iter().map(|snippet| snippet.page_number).collect();
    assert_eq!(pages, [3, 7]);
    let shown = show(&hit.snippets[0]);
    assert!(shown.contains("the [golden] [key] of the office"), "{shown}");
    assert!(show(&hit.snippets[1]).contains("[keys] are [golden]"), "{:?}", hit.snippets[1]);
    assert!(hit.snippets[0].more_before && hit.snippets[0].more_after);
    assert!(shown.len() < 400, "{}", shown.len());
}

#[test]
fn a_hit_says_on_how_many_pages_its_words_stand() {
    let office = office();
    // Long pages: places that stand close together are one for a reader.
    let rest = "Lorem ipsum dolor sit amet consectetur adipiscing elit. ".repeat(20);
    let text = |number| format!("{} {rest}", if number == 5 { "nothing" } else { "a golden key" });
    let pages = (1..=9).map(|number| page(number, &text(number), Some("en")));
    office.hold([
        Entry { pages: pages.collect(), ..paper(1, "") },
        Entry { title: "key".to_owned(), ..paper(2, "other") },
    ]);
    let answer = office.search("key");
    let mut found: Vec<_> =
        answer.hits.iter().map(|hit| (hit.object_no, hit.snippets.len(), hit.pages_with_hits)).collect();
    found.sort_unstable();
    assert_eq!(found, [(1, 3, 8), (2, 0, 0)]);
}

#[test]
fn a_phrase_may_run_over_the_end_of_a_page() {
    let office = office();
    office.hold([Entry { pages: vec![page(1, "the golden", None), page(2, "key", None)], ..paper(1, "") }]);
    assert_eq!(office.found("\"golden key\""), [1]);
    assert_eq!(office.snippet("\"golden key\"").chars().next(), Some('1'));
}

#[test]
fn a_phrase_does_not_run_from_title_to_text() {
    let office = office();
    office.hold([Entry { title: "golden".to_owned(), ..paper(1, "key") }]);
    assert_eq!(office.found("\"golden key\""), Vec::<i64>::new());
    assert_eq!(office.found("golden key"), [1]);
}

#[test]
fn snippets_of_a_long_document_are_found_by_position() {
    let office = office();
    let filler = "Lorem ipsum dolor sit amet consectetur adipiscing elit. ".repeat(40);
    let pages = (1..=400).map(|number| {
        let needle = if number == 377 { "the hidden needle lies here" } else { "" };
        page(number, &format!("{filler} {needle} {filler}"), None)
    });
    office.hold([Entry { pages: pages.collect(), ..paper(1, "") }]);
    assert!(office.snippet("needle").starts_with("377: "), "{}", office.snippet("needle"));
    assert!(office.snippet("\"hidden needle\"").contains("[hidden] [needle]"));
    assert!(office.snippet("needl*").contains("[needle]"));
    assert!(office.snippet("\"the hidden need\"*").is_empty());
}

#[test]
fn facets_count_everything_that_matches() {
    let office = office();
    office.hold((1..=30).map(|no| {
        let mut entry = paper(no, "seal");
        if no % 3 == 0 {
            entry.type_id = "office:drawing".to_owned();
            entry.media_type = None;
            entry.created_ms = 1_700_000_000_000;
        }
        entry
    }));
    // A second segment, so that counts of segments are added.
    office.hold([paper(31, "seal"), paper(32, "other")]);
    let mut asked = request("seal");
    asked.limit = 2;
    let answer = office.index.search(&asked).unwrap();
    assert_eq!((answer.total, answer.hits.len()), (31, 2));
    assert_eq!(counts(&answer.facets.types), [("office:letter", 21), ("office:drawing", 10)]);
    assert_eq!(counts(&answer.facets.media_types), [("application/pdf", 21)]);
    assert_eq!(counts(&answer.facets.years), [("2026", 21), ("2023", 10)]);
    asked.facets = false;
    assert_eq!(office.index.search(&asked).unwrap().facets, cartulary_index::Facets::default());
}

#[test]
fn conditions_narrow_the_search() {
    let office = office();
    office.hold((1..=20).map(|no| {
        let mut entry = paper(no, "seal");
        entry.dossier_no = Some(100 + no % 2);
        entry.ancestors = vec![1, 2];
        entry.created_ms = no;
        if no > 10 {
            entry.type_id = "office:drawing".to_owned();
            entry.media_type = Some("image/tiff".to_owned());
        }
        entry
    }));
    let total = |change: &dyn Fn(&mut cartulary_index::SearchRequest)| {
        let mut asked = request("seal");
        change(&mut asked);
        office.index.search(&asked).unwrap().total
    };
    assert_eq!(total(&|asked| asked.dossier_no = Some(100)), 10);
    assert_eq!(total(&|asked| asked.dossier_no = Some(2)), 20);
    assert_eq!(total(&|asked| asked.dossier_no = Some(999)), 0);
    let below = |asked: &mut SearchRequest| {
        asked.dossier_no = Some(999);
        asked.folders_below = vec![100, 998];
    };
    assert_eq!(total(&below), 10, "what lies in a folder of the dossier lies in it");
    assert_eq!(total(&|asked| asked.type_ids = vec!["office:drawing".to_owned()]), 10);
    assert_eq!(total(&|asked| asked.type_ids = vec!["office:drawing".to_owned(), "office:letter".to_owned()]), 20);
    assert_eq!(total(&|asked| asked.media_types = vec!["image/tiff".to_owned(), "image/png".to_owned()]), 10);
    assert_eq!(total(&|asked| asked.created_ms = Some(5..=8)), 4);
    assert_eq!(
        total(&|asked| {
            asked.created_ms = Some(5..=12);
            asked.type_ids = vec!["office:drawing".to_owned()];
            asked.dossier_no = Some(101);
        }),
        1
    );
    let mut asked = request("");
    asked.dossier_no = Some(101);
    assert_eq!(office.index.search(&asked).unwrap().total, 10);
    assert_eq!(office.index.matching_objects(&asked).unwrap(), (1..=20).filter(|no| no % 2 == 1).collect::<Vec<_>>());
}

#[test]
fn any_depth_is_reached_and_windows_fit_together() {
    let office = office();
    for start in [1, 1001, 2001] {
        office.hold((start..start + 1000).map(|no| paper(no, "seal")));
    }
    for sort in [Sort::Relevance, Sort::Modified { descending: true }, Sort::Name { descending: false }] {
        let mut seen = Vec::new();
        for offset in (0..3_000).step_by(700) {
            let mut asked = request("seal");
            (asked.offset, asked.limit, asked.sort, asked.snippets) = (offset, 700, sort.clone(), false);
            let answer = office.index.search(&asked).unwrap();
            assert_eq!(answer.total, 3_000);
            seen.extend(numbers(&answer));
        }
        let mut sorted = seen.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), 3_000, "{sort:?}");
    }
    let mut asked = request("seal");
    asked.offset = usize::MAX;
    let answer = office.index.search(&asked).unwrap();
    assert_eq!((answer.total, answer.hits.len()), (3_000, 0));
}

#[test]
fn order_by_instant_name_and_property() {
    let office = office();
    let with = |no: i64, name: &str, property: serde_json::Value| Entry {
        name: name.to_owned(),
        modified_ms: 100 - no,
        properties: property.as_object().cloned().unwrap(),
        ..paper(no, "seal")
    };
    office.hold([
        with(1, "Éclair", json!({"office.rank": 10, "owner": "zeta"})),
        with(2, "apple", json!({"office.rank": 9, "owner": "Álpha"})),
    ]);
    office.hold([with(3, "Zebra", json!({"office.rank": 2.5, "owner": "beta"})), with(4, "mango", json!({}))]);
    let order = |sort: Sort| {
        let mut asked = request("seal");
        asked.sort = sort;
        numbers(&office.index.search(&asked).unwrap())
    };
    let by = |property: &str, descending| Sort::Property { property: property.to_owned(), descending };
    assert_eq!(order(Sort::Modified { descending: true }), [1, 2, 3, 4]);
    assert_eq!(order(Sort::Modified { descending: false }), [4, 3, 2, 1]);
    assert_eq!(order(Sort::Name { descending: false }), [2, 1, 4, 3]);
    assert_eq!(order(Sort::Name { descending: true }), [3, 4, 1, 2]);
    assert_eq!(order(by("owner", false)), [2, 3, 1, 4]);
    assert_eq!(order(by("owner", true)), [1, 3, 2, 4]);
    assert_eq!(order(by("office.rank", false)), [3, 2, 1, 4]);
    assert_eq!(order(by("office.rank", true)), [1, 2, 3, 4]);
    assert_eq!(order(by("nothing", true)), [1, 2, 3, 4]);
}

#[test]
fn a_finder_needs_no_index() {
    let finder = Finder::new("\"golden key\" seals");
    let text = "The golden key and a seal.";
    let found: Vec<&str> = finder.find(text, Some("en"), 10).into_iter().map(|range| &text[range]).collect();
    assert_eq!(found, ["golden", "key", "seal"]);
    assert_eq!(finder.find(text, Some("en"), 1).len(), 1);
    let hits = finder.fragments(text, None).into_iter().filter(|fragment| fragment.hit).count();
    assert_eq!(hits, 2);
}

#[test]
fn half_a_word_is_no_hit() {
    let office = office();
    let around = "landmark ".repeat(50);
    office.hold([paper(1, &format!("{around}my mark {around}"))]);
    let shown = office.snippet("mark");
    assert_eq!(shown.matches('[').count(), 1, "{shown}");
    assert!(shown.starts_with("1: landmark "), "{shown}");
    assert!(shown.ends_with("landmark"), "{shown}");
}
