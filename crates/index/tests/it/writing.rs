//! Order of changes, commits, checkpoints, and what a handle tells about itself.

use cartulary_index::{Applied, Entry, FullTextIndex, IndexError, OpenState, Operation, SearchRequest};

use crate::harness::{SayWhenDone, at, office, page, paper, put, request};

fn changed(object_no: i64, change: i64, text: &str) -> Entry {
    Entry { change, ..paper(object_no, text) }
}

#[test]
fn a_higher_change_wins_and_a_lower_one_is_ignored() {
    let office = office();
    office.hold([changed(1, 10, "first")]);
    let applied = office.index.apply(vec![put(changed(1, 9, "older"))]).unwrap();
    assert_eq!(applied, Applied { ignored: 1, ..Applied::default() });
    // Pending entries count as well as committed ones.
    let applied = office
        .index
        .apply(vec![put(changed(1, 12, "third")), put(changed(1, 11, "second")), put(changed(1, 12, "again"))])
        .unwrap();
    assert_eq!((applied.put, applied.ignored), (1, 2));
    assert_eq!(office.found("first"), [1], "nothing is visible before the commit");
    office.index.commit(at(12)).unwrap();
    for (text, expect) in
        [("third", vec![1]), ("first", vec![]), ("second", vec![]), ("older", vec![]), ("again", vec![])]
    {
        assert_eq!(office.found(text), expect, "{text}");
    }
    assert_eq!(office.search("").total, 1);
    assert_eq!(office.search("third").hits[0].change, 12);
}

#[test]
fn a_repair_replaces_the_same_change() {
    let office = office();
    office.hold([changed(1, 10, "wrong")]);
    let repair = |change, text| Operation::Repair(Box::new(changed(1, change, text)));
    assert_eq!(office.index.apply(vec![repair(9, "older")]).unwrap().ignored, 1);
    assert_eq!(office.index.apply(vec![repair(10, "right")]).unwrap().put, 1);
    office.index.commit(at(10)).unwrap();
    assert_eq!((office.found("right"), office.found("wrong")), (vec![1], vec![]));
}

#[test]
fn removals_keep_the_order_too() {
    let office = office();
    office.hold([changed(1, 10, "seal"), changed(2, 10, "seal")]);
    let remove = |object_no, change| Operation::Remove { object_no, change };
    let applied = office.index.apply(vec![remove(1, 9), remove(2, 11), remove(3, 11)]).unwrap();
    assert_eq!((applied.removed, applied.ignored), (1, 2));
    // An entry older than the removal does not bring the object back, before and after the commit.
    assert_eq!(office.index.apply(vec![put(changed(2, 11, "seal")), put(changed(3, 5, "seal"))]).unwrap().ignored, 2);
    office.index.commit(at(11)).unwrap();
    assert_eq!(office.found("seal"), [1]);
    assert_eq!(office.index.apply(vec![put(changed(2, 10, "seal"))]).unwrap().ignored, 1);
    // Taken out of the trash it is back.
    office.hold([changed(2, 12, "seal")]);
    assert_eq!(office.search("seal").total, 2);
}

#[test]
fn put_and_remove_in_one_batch() {
    let office = office();
    let operations = vec![
        put(changed(1, 1, "seal")),
        Operation::Remove { object_no: 1, change: 2 },
        put(changed(1, 3, "seal again")),
        put(changed(2, 3, "seal")),
        Operation::Remove { object_no: 2, change: 4 },
    ];
    office.index.apply(operations).unwrap();
    office.index.commit(at(4)).unwrap();
    assert_eq!(office.found("seal"), [1]);
    assert_eq!(office.found("again"), [1]);
}

#[test]
fn the_checkpoint_is_resumed() {
    let office = office();
    assert_eq!(office.index.checkpoint(), None);
    office.hold([changed(1, 42, "seal")]);
    assert_eq!(office.search("seal").checkpoint, Some(at(42)));
    office.index.apply(vec![put(changed(2, 43, "seal"))]).unwrap();
    let dir = office.dir;
    drop(office.index);
    let opened = FullTextIndex::open(dir.path()).unwrap();
    assert_eq!(opened.state, OpenState::At(at(42)));
    assert_eq!(opened.index.checkpoint(), Some(at(42)));
    assert_eq!(opened.index.stats().objects, 1, "what was not committed is gone");
}

#[test]
fn a_position_without_entries_moves_at_once_and_is_saved_at_rest() {
    let office = office();
    office.hold([changed(1, 42, "seal")]);
    office.index.commit(at(50)).unwrap();
    assert_eq!(office.search("seal").checkpoint, Some(at(50)));
    office.index.rest().unwrap();
    assert!(!office.index.stats().writer_open);
    let dir = office.dir;
    drop(office.index);
    assert_eq!(FullTextIndex::open(dir.path()).unwrap().state, OpenState::At(at(50)));
}

#[test]
fn rest_gives_the_writer_back_and_writing_goes_on() {
    let office = office();
    office.hold([paper(1, "seal")]);
    assert!(office.index.stats().writer_open);
    office.index.rest().unwrap();
    assert!(!office.index.stats().writer_open);
    office.hold([paper(2, "seal")]);
    assert_eq!(office.search("seal").total, 2);
    // Nothing applied is lost by a rest.
    office.index.apply(vec![put(paper(3, "seal"))]).unwrap();
    office.index.rest().unwrap();
    assert_eq!(office.index.stats().pending, 1);
    office.index.commit(at(3)).unwrap();
    assert_eq!(office.search("seal").total, 3);
}

#[test]
fn many_small_commits_are_merged() {
    let office = office();
    for no in 1..=40 {
        office.hold([paper(no, "seal")]);
    }
    office.index.rest().unwrap();
    let stats = office.index.stats();
    assert_eq!(stats.objects, 40);
    assert!(stats.segments < 20, "{} segments", stats.segments);
    assert_eq!(office.search("seal").total, 40);
}

#[test]
fn all_objects_can_be_listed_with_their_changes() {
    let office = office();
    office.hold([changed(3, 30, "a"), changed(1, 10, "b")]);
    office.hold([changed(2, 35, "c"), changed(3, 36, "d")]);
    let listed: Vec<(i64, i64, i64)> = office
        .index
        .object_numbers()
        .into_iter()
        .map(|object| (object.object_no, object.change, object.scope))
        .collect();
    assert_eq!(listed, [(1, 10, 1), (2, 35, 1), (3, 36, 1)]);
    let mut count = 0;
    office.index.visit_objects(|_| count += 1);
    assert_eq!(count, 3);
}

#[test]
fn one_folder_has_one_handle() {
    let office = office();
    assert!(matches!(FullTextIndex::open(office.dir.path()), Err(IndexError::Busy { .. })));
    let clone = office.index.clone();
    office.hold([paper(1, "seal")]);
    assert_eq!(clone.stats().objects, 1);
}

#[test]
fn readers_see_whole_commits_while_others_write() {
    let office = office();
    let reader = office.index.clone();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                let answer = reader.search(&crate::harness::request("seal")).unwrap();
                let position = answer.checkpoint.map_or(0, |checkpoint| checkpoint.position);
                assert_eq!(answer.total as i64, position, "an answer is true for exactly its checkpoint");
            }
        });
        let _done = SayWhenDone(&done);
        for batch in 0..20 {
            office.index.apply((1..=5).map(|no| put(paper(batch * 5 + no, "seal"))).collect()).unwrap();
            office.index.commit(at(batch * 5 + 5)).unwrap();
        }
    });
}

#[test]
fn an_empty_entry_and_odd_pages_are_kept() {
    let office = office();
    office.hold([
        Entry { object_no: 1, change: 1, ..Entry::default() },
        Entry { pages: vec![page(0, "zero", None), page(u32::MAX, "last", None)], ..paper(2, "") },
        Entry { pages: Vec::new(), is_folder: true, media_type: None, ..paper(i64::MAX, "") },
    ]);
    assert_eq!(office.search("").total, 3);
    assert_eq!(office.snippet("last"), format!("{}: [last]", u32::MAX));
}

/// Entries of versions are found where all versions are asked for, and go with that of the live object.
#[test]
fn versions_go_with_their_live_object() {
    let office = office();
    let live = Entry { stands_for: Some(7), ..paper(5, "harbour") };
    let past = Entry { past_of: Some(5), stands_for: Some(6), ..paper(6, "lighthouse") };
    office.hold([live.clone(), past.clone()]);
    let all = |text: &str| {
        let request = SearchRequest { all_versions: true, ..request(text) };
        let found = office.index.scored_objects(&request).unwrap();
        found.into_iter().map(|(object_no, _)| object_no).collect::<Vec<_>>()
    };
    assert_eq!((office.found("lighthouse"), all("lighthouse")), (Vec::new(), vec![6]));
    assert_eq!((office.found("harbour"), all("harbour")), (vec![5], vec![7]), "the live one stands for its version");
    let versions = || office.index.versions_of(&[5]).unwrap().remove(&5).unwrap().into_iter().collect::<Vec<_>>();
    assert_eq!(versions(), [6]);
    // Counted before the commit too: what was removed, and what was put anew.
    office.index.apply(vec![Operation::Remove { object_no: 5, change: 8 }]).unwrap();
    assert_eq!(versions(), [0_i64; 0]);
    office.index.commit(at(8)).unwrap();
    assert_eq!((all("lighthouse"), all("harbour")), (Vec::new(), Vec::new()));
    office.index.apply(vec![put(Entry { change: 9, ..live }), put(Entry { change: 9, ..past })]).unwrap();
    assert_eq!(versions(), [6]);
    office.index.commit(at(9)).unwrap();
    assert_eq!(all("lighthouse OR harbour"), [6, 7]);
}
