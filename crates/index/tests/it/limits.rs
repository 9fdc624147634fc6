//! Hostile and huge input is bounded, and never a panic.

use cartulary_index::{Entry, Finder, MAX_TEXT_BYTES};
use serde_json::json;

use crate::harness::{at, office, page, paper, put};

#[test]
fn one_huge_word() {
    let office = office();
    let word = "x".repeat(MAX_TEXT_BYTES + 1_000_000);
    let pages = vec![page(1, &word, Some("en")), page(2, "after", None)];
    let applied = office.index.apply(vec![put(Entry { pages, ..paper(1, "") }), put(paper(2, "seal"))]).unwrap();
    assert_eq!(applied.shortened, [1]);
    office.index.commit(at(2)).unwrap();
    assert_eq!(office.found("xxx*"), [1]);
    assert_eq!(office.found(&word), [1], "an over-long word is found by its beginning");
    let shown = office.snippet(&"x".repeat(300));
    assert!(shown.len() < 1_000, "{}", shown.len());
    assert_eq!(office.found("seal"), [2]);
}

#[test]
fn control_characters_non_characters_and_broken_text() {
    let office = office();
    let nasty =
        "a\u{0}b\u{1}\u{FDD0}1\u{FDD1}\u{FFFE}\u{FFFF}c\u{FFFD}\u{FFFD}d\u{202E}e \u{10FFFF}\u{D7FF}\u{E000} end";
    let broken = String::from_utf8_lossy(&[0xED, 0xA0, 0x80, b' ', 0xFF, b'h', b'i']).into_owned();
    office.hold([
        Entry { title: nasty.to_owned(), name: nasty.to_owned(), ..paper(1, nasty) },
        paper(2, &broken),
        Entry { type_id: nasty.to_owned(), media_type: Some(nasty.to_owned()), ..paper(3, "x") },
    ]);
    assert_eq!(office.found("end"), [1]);
    assert_eq!(office.found("type:end"), [3]);
    assert_eq!(office.found("hi"), [2]);
    assert_eq!(office.search(nasty).total, 1);
    let snippet = office.snippet("title:end end");
    assert!(!snippet.chars().any(|c| c.is_control() || c == '\u{202E}'), "{snippet:?}");
}

#[test]
fn properties_of_any_shape() {
    let office = office();
    let mut deep = json!("bottom");
    for _ in 0..100 {
        deep = json!({ "a": [deep] });
    }
    let properties = json!({
        "deep": deep,
        "": "empty key",
        "dotted.key\u{0}\u{1}": "dotted",
        "long": "y".repeat(200_000),
        "instant": "2024-05-01T12:00:00Z",
        "big": u64::MAX,
        "real": 1e308,
        "nothing": null,
        "mixed": [1, "two", 3.5, true, null, {"four": 4}],
    });
    office.hold([
        Entry { properties: properties.as_object().cloned().unwrap(), ..paper(1, "seal") },
        Entry { properties: json!({"deep": 1, "mixed": "two"}).as_object().cloned().unwrap(), ..paper(2, "seal") },
    ]);
    assert_eq!(office.search("seal").total, 2);
    assert_eq!(office.found("bottom"), [1]);
    assert_eq!(office.found("dotted"), [1]);
    assert_eq!(office.search("two").total, 2);
}

#[test]
fn huge_queries() {
    let office = office();
    office.hold([paper(1, "seal of the keeper"), paper(2, "商标注册")]);
    for query in [
        "seal ".repeat(100_000),
        "-seal ".repeat(100_000),
        "seal OR ".repeat(100_000),
        "\"".repeat(100_000),
        "\"seal of ".repeat(50_000),
        "(".repeat(100_000),
        "s* ".repeat(100_000),
        (0..100_000).map(|n| format!("term{n} ")).collect(),
        "x".repeat(100_000_000),
        "商".repeat(100_000),
        "name:".repeat(100_000),
        "-".repeat(100_000),
        "*".repeat(100_000),
        "'".repeat(100_000),
    ] {
        let answer = office.search(&query);
        assert!(answer.query_shortened, "{}", &query[..20.min(query.len())]);
    }
}

#[test]
fn queries_of_signs_are_answered() {
    let office = office();
    office.hold([paper(1, "seal")]);
    let signs =
        ["\"", "-", "*", "OR", "NOT", "AND", "name:", "(", ")", ":", "'", "«", "seal", " ", "商", "\u{0}", "ß*"];
    for one in signs {
        for two in signs {
            for three in signs {
                let query = format!("{one}{two}{three}");
                let answer = office.search(&query);
                assert!(answer.total <= 1, "{query:?}");
            }
        }
    }
}

#[test]
fn very_many_pages() {
    let office = office();
    let pages = (1..=100_000).map(|number| page(number, if number == 99_999 { "needle" } else { "straw" }, None));
    office.hold([Entry { pages: pages.collect(), ..paper(1, "") }]);
    assert_eq!(office.snippet("needle"), "99999: [needle]");
    assert_eq!(office.search("straw").hits[0].page_number, Some(1));
}

#[test]
fn a_finder_in_huge_texts() {
    let text = "seal ".repeat(1_000_000);
    assert_eq!(Finder::new("seal").find(&text, None, 500).len(), 500);
    assert_eq!(Finder::new("\"seal seal seal\"").find(&text, None, 500).len(), 500);
    assert!(Finder::new("").find(&text, None, 500).is_empty());
}
