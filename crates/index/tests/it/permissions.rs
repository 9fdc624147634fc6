//! What may not be read does not show: not in totals, not in facets, not in snippets, not in windows.

use std::collections::BTreeSet;

use cartulary_index::{Readable, SearchRequest};

use crate::harness::{Office, at, numbers, office, paper, put, request, scopes, set};

/// 400 papers in 40 scopes, over several segments; those of odd scopes are of a type and year of their own.
fn half_readable() -> Office {
    let office = office();
    for start in [1, 101, 201, 301] {
        office.hold((start..start + 100).map(|no| {
            let mut entry = paper(no, &format!("seal number{no}"));
            entry.scope = no % 40;
            if entry.scope % 2 == 1 {
                entry.type_id = "office:secret".to_owned();
                entry.media_type = Some("secret/secret".to_owned());
                entry.created_ms = 0;
                entry.pages[0].text = format!("seal of the hidden word{no}");
            }
            entry
        }));
    }
    office
}

fn even() -> Readable {
    scopes((0..40).filter(|scope| scope % 2 == 0))
}

fn asked(text: &str) -> SearchRequest {
    SearchRequest { readable: even(), limit: 1_000, ..request(text) }
}

#[test]
fn unreadable_scopes_leave_no_trace() {
    let office = half_readable();
    let answer = office.index.search(&asked("seal")).unwrap();
    let expect: BTreeSet<i64> = (1..=400).filter(|no| no % 2 == 0).collect();
    assert_eq!(answer.total, 200);
    assert_eq!(numbers(&answer).into_iter().collect::<BTreeSet<_>>(), expect);
    assert_eq!(answer.facets.types.len(), 1);
    assert_eq!((answer.facets.types[0].value.as_str(), answer.facets.types[0].count), ("office:letter", 200));
    assert_eq!(answer.facets.media_types.len(), 1);
    assert_eq!(answer.facets.years.len(), 1);
    assert!(!format!("{:?}", answer.hits).contains("hidden"));
    for text in ["hidden", "word31", "type:secret", "hid*", "\"hidden word31\"", "-number2 hidden"] {
        let answer = office.index.search(&asked(text)).unwrap();
        assert_eq!((answer.total, answer.hits.len()), (0, 0), "{text}");
        assert_eq!(answer.facets, cartulary_index::Facets::default(), "{text}");
    }
    assert_eq!(office.index.search(&asked("")).unwrap().total, 200);
    assert_eq!(office.index.search(&asked("-number2")).unwrap().total, 199);
    assert_eq!(office.index.search(&asked("number2 OR number4 OR hidden")).unwrap().total, 2);
    assert_eq!(office.index.matching_objects(&asked("seal")).unwrap(), expect.into_iter().collect::<Vec<_>>());
}

#[test]
fn windows_hold_only_what_is_readable() {
    let office = half_readable();
    let mut seen = Vec::new();
    for offset in (0..220).step_by(20) {
        let window = SearchRequest { limit: 20, offset, ..asked("seal") };
        seen.extend(numbers(&office.index.search(&window).unwrap()));
    }
    assert_eq!(seen.len(), 200);
    assert!(seen.iter().all(|no| no % 2 == 0));
}

#[test]
fn nobody_reads_anything_by_default() {
    let office = half_readable();
    let nobody = SearchRequest { text: "seal".to_owned(), limit: 20, facets: true, ..SearchRequest::default() };
    let answer = office.index.search(&nobody).unwrap();
    assert_eq!((answer.total, answer.hits.len(), answer.facets.types.len()), (0, 0, 0));
}

#[test]
fn rescoped_objects_follow_the_database_not_the_index() {
    let office = half_readable();
    // 2 and 4 have lost their readers since the checkpoint, 1 and 3 have gained some, 6 has moved between two readable
    // scopes, 5 between two unreadable ones.
    let asked = SearchRequest { exclude: set([1, 2, 3, 4, 5, 6]), also_readable: set([1, 3, 6]), ..asked("seal") };
    let answer = office.index.search(&asked).unwrap();
    let found: BTreeSet<i64> = numbers(&answer).into_iter().collect();
    let mut expect: BTreeSet<i64> = (7..=400).filter(|no| no % 2 == 0).collect();
    expect.extend([1, 3, 6]);
    assert_eq!(answer.total, expect.len() as u64);
    assert_eq!(found, expect);
    let secrets = answer.facets.types.iter().find(|facet| facet.value == "office:secret").unwrap();
    assert_eq!(secrets.count, 2);
    // An administrator is told nothing stale either.
    let all = SearchRequest { readable: Readable::All, exclude: set([2]), ..asked.clone() };
    let all = SearchRequest { also_readable: set([]), ..all };
    assert_eq!(office.index.search(&all).unwrap().total, 399);
}

#[test]
fn a_new_scope_holds_after_the_entry_is_put_again() {
    let office = half_readable();
    let mut entry = paper(1, "seal");
    (entry.change, entry.scope) = (500, 2);
    office.index.apply(vec![put(entry)]).unwrap();
    assert_eq!(office.index.search(&asked("seal")).unwrap().total, 200, "not before the commit");
    office.index.commit(at(500)).unwrap();
    assert_eq!(office.index.search(&asked("seal")).unwrap().total, 201);
}

#[test]
fn scopes_with_far_numbers_work_too() {
    let office = office();
    let far = 1 << 40;
    let mut entries: Vec<_> = (1..=4).map(|no| paper(no, "seal")).collect();
    (entries[0].scope, entries[1].scope, entries[2].scope, entries[3].scope) = (far, far + 1, -1, 0);
    office.hold(entries);
    let asked = SearchRequest { readable: scopes([far, -1, 0]), ..request("seal") };
    assert_eq!(office.index.matching_objects(&asked).unwrap(), [1, 4]);
}

/// Scores told whoever could file papers of his own in how many hidden papers a word stands.
#[test]
fn scores_do_not_count_what_may_not_be_read() {
    let office = office();
    let of_scope = |no: i64, scope: i64, text: &str| cartulary_index::Entry { scope, ..paper(no, text) };
    office.hold([of_scope(1, 1, "takeover"), of_scope(2, 1, "turnover")]);
    let mine = SearchRequest { readable: scopes([1]), ..request("takeover OR turnover") };
    let scores = |office: &Office| -> Vec<f32> {
        let mut hits = office.index.search(&mine).unwrap().hits;
        hits.sort_unstable_by_key(|hit| hit.object_no);
        hits.iter().map(|hit| hit.score).collect()
    };
    let before = scores(&office);
    assert_eq!(before[0], before[1]);
    office.hold((10..40).map(|no| of_scope(no, 2, "takeover")));
    let after = scores(&office);
    assert_eq!(after[0], after[1], "thirty hidden papers with one of the words");
    // What may be read counts.
    office.hold((50..60).map(|no| of_scope(no, 1, "takeover")));
    let counted = scores(&office);
    assert!(counted[0] < counted[1], "{counted:?}");
}
