//! What a statement asks of texts: `CONTAINS`.

use cartulary_index::SearchRequest;
use cartulary_model::ql::{Condition, FullText, Query};

use crate::harness::{Office, office, paper, request};

fn full_text(text: &str) -> FullText {
    let query = Query::parse(&format!("SELECT * FROM d WHERE CONTAINS('{text}')")).unwrap();
    let Some(Condition::Contains { text, .. }) = query.filter else { panic!("{text}") };
    text
}

fn found(office: &Office, text: &str) -> Vec<i64> {
    let asked = SearchRequest { full_text: Some(full_text(text)), ..request("") };
    office.index.scored_objects(&asked).unwrap().into_iter().map(|(no, _)| no).collect()
}

#[test]
fn terms_phrases_wildcards_and_alternatives() {
    let office = office();
    office.hold([
        paper(1, "the blue seal of the keeper TM/2026/0012"),
        paper(2, "the seal is blue and round"),
        paper(3, "a red seal"),
        paper(4, "keepers keep keys"),
        paper(5, "الختم الأزرق في الرباط"),
    ]);
    for (text, expect) in [
        ("blue seal", vec![1, 2]),
        ("blue AND seal", vec![1, 2]),
        (r#""blue seal""#, vec![1]),
        ("red OR round", vec![2, 3]),
        ("seal -blue", vec![3]),
        (r#"seal -"blue seal""#, vec![2, 3]),
        ("-seal", vec![4, 5]),
        ("keep*", vec![1, 4]),
        ("k*p", vec![4]),
        ("ke?p", vec![4]),
        ("*eeper", vec![1]),
        ("k?eper", vec![1]),
        ("s*l -b*", vec![3]),
        (r#""the blue se*""#, vec![1]),
        (r#""b*e seal""#, vec![1, 2]),
        ("TM/20*", vec![1]),
        ("TM/2?26/0012", vec![1]),
        ("الخت*", vec![5]),
        ("nowhere", vec![]),
    ] {
        assert_eq!(found(&office, text), expect, "{text}");
    }
}

#[test]
fn the_best_has_a_score_of_one() {
    let office = office();
    office.hold([paper(1, "seal seal seal"), paper(2, "a seal among many other words that are here")]);
    let asked = SearchRequest { full_text: Some(full_text("seal")), ..request("") };
    let found = office.index.scored_objects(&asked).unwrap();
    assert!(found[0].1 == 1.0 && found[1].1 > 0.0 && found[1].1 < 1.0, "{found:?}");
}

#[test]
fn what_is_too_costly_is_refused_in_words() {
    let office = office();
    let check = |text: &str| office.index.check_full_text(&full_text(text));
    assert!(check("keep*").is_ok());
    assert!(check("a?b?c?d*e").is_ok());
    assert!(check(&"a*".repeat(9)).unwrap_err().contains("8 wildcards"));
    assert!(check(&format!("{}?x", "a".repeat(100))).unwrap_err().contains("100 characters"));
    assert!(check("*?*").unwrap_err().contains("wildcards alone"));
    assert!(check("...").unwrap_err().contains("no word"));
}
