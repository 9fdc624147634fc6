//! A shadow index is built while the live one answers and is written, and takes its place without a gap.

use std::sync::atomic::{AtomicBool, Ordering};

use cartulary_index::{Entry, FullTextIndex, IndexError, OpenState, Operation};

use crate::harness::{SayWhenDone, at, numbers, office, paper, put, request};

fn changed(object_no: i64, change: i64, text: &str) -> Entry {
    Entry { change, ..paper(object_no, text) }
}

#[test]
fn a_rebuild_while_writing_loses_nothing() {
    let office = office();
    office.hold((1..=200).map(|no| changed(no, no, "seal old")));
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reader = office.index.clone();
        let done = &done;
        scope.spawn(move || {
            let mut last = 0;
            while !done.load(Ordering::Relaxed) {
                let answer = reader.search(&request("seal")).unwrap();
                assert_eq!(answer.total, 200, "never a gap");
                let position = answer.checkpoint.unwrap().position;
                assert!(position >= last, "the position never goes back: {position} after {last}");
                last = position;
            }
        });
        let _done = SayWhenDone(done);
        // Position P is noted, then the database is scanned; meanwhile objects 1 to 50 change.
        let position = office.index.checkpoint().unwrap().position;
        let shadow = office.index.start_rebuild().unwrap();
        let later = |no: i64| changed(no, 200 + no, "seal new");
        for no in 1..=50 {
            office.index.apply(vec![put(later(no))]).unwrap();
            if no % 10 == 0 {
                office.index.commit(at(200 + no)).unwrap();
            }
        }
        // The scan sees some of them already changed, as a database would.
        let scanned = (1..=200).map(|no| if no <= 20 { later(no) } else { changed(no, no, "seal old") });
        shadow.apply(scanned.map(put).collect()).unwrap();
        shadow.commit(at(position)).unwrap();
        assert_eq!(shadow.checkpoint(), Some(at(200)));
        // The log is replayed from P.
        let applied = shadow.apply((1..=50).map(|no| put(later(no))).collect()).unwrap();
        assert_eq!((applied.put, applied.ignored), (30, 20));
        shadow.commit(at(250)).unwrap();
        shadow.switch().unwrap();
        office.index.apply(vec![put(changed(1, 251, "seal newest"))]).unwrap();
        office.index.commit(at(251)).unwrap();
    });
    assert_eq!(office.search("new").total, 49);
    assert_eq!(office.found("newest"), [1]);
    assert_eq!(office.index.stats().deleted + office.search("").total, office.index.stats().deleted + 200);
    let dir = office.dir;
    drop(office.index);
    let opened = FullTextIndex::open(dir.path()).unwrap();
    assert_eq!(opened.state, OpenState::At(at(251)));
    assert_eq!(opened.index.search(&request("seal")).unwrap().total, 200);
}

#[test]
fn a_rebuild_that_is_behind_does_not_switch() {
    let office = office();
    office.hold([changed(1, 10, "seal")]);
    let shadow = office.index.start_rebuild().unwrap();
    shadow.apply(vec![put(changed(1, 9, "seal"))]).unwrap();
    shadow.commit(at(9)).unwrap();
    assert!(matches!(shadow.switch(), Err(IndexError::Behind { rebuilt: Some(9), live: Some(10) })));
    assert_eq!(office.search("seal").checkpoint, Some(at(10)));
    let shadow = office.index.start_rebuild().unwrap();
    assert!(matches!(shadow.switch(), Err(IndexError::Behind { rebuilt: None, .. })));
}

#[test]
fn one_rebuild_at_a_time_and_an_abandoned_one_leaves_nothing() {
    let office = office();
    office.hold([changed(1, 10, "seal")]);
    let shadow = office.index.start_rebuild().unwrap();
    assert!(office.index.stats().rebuilding);
    assert!(matches!(office.index.start_rebuild(), Err(IndexError::RebuildRunning)));
    shadow.apply(vec![put(changed(2, 11, "other"))]).unwrap();
    drop(shadow);
    assert!(!office.index.stats().rebuilding);
    let folders = std::fs::read_dir(office.dir.path()).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir());
    assert_eq!(folders.count(), 1);
    assert_eq!(office.found(""), [1]);
    // And another one can follow.
    let shadow = office.index.start_rebuild().unwrap();
    shadow.apply(vec![put(changed(2, 11, "other")), Operation::Remove { object_no: 1, change: 11 }]).unwrap();
    shadow.commit(at(11)).unwrap();
    shadow.switch().unwrap();
    assert_eq!(numbers(&office.search("")), [2]);
}

#[test]
fn a_new_log_replaces_the_old_one_whatever_the_positions() {
    let office = office();
    office.hold([changed(1, 1_000, "seal")]);
    let shadow = office.index.start_rebuild().unwrap();
    shadow.apply(vec![put(changed(1, 5, "seal"))]).unwrap();
    let mut restored = at(5);
    restored.log_identity = "01960000-0000-7000-8000-000000000002".to_owned();
    shadow.commit(restored.clone()).unwrap();
    shadow.switch().unwrap();
    assert_eq!(office.search("seal").checkpoint, Some(restored));
}

#[test]
fn a_rebuild_that_was_killed_is_swept_away() {
    let office = office();
    office.hold([changed(1, 10, "seal")]);
    let shadow = office.index.start_rebuild().unwrap();
    shadow.apply(vec![put(changed(2, 11, "other"))]).unwrap();
    shadow.commit(at(11)).unwrap();
    let copy = tempfile::tempdir().unwrap();
    crate::durability::copy_tree(office.dir.path(), copy.path());
    let opened = FullTextIndex::open(copy.path()).unwrap();
    assert_eq!(opened.state, OpenState::At(at(10)));
    let folders = std::fs::read_dir(copy.path()).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir());
    assert_eq!(folders.count(), 1);
    shadow.switch().unwrap();
}

#[test]
fn a_cleared_index_forgets_the_old_log() {
    let office = office();
    office.hold([changed(1, 1_000, "seal"), changed(2, 1_000, "seal")]);
    office.index.apply(vec![Operation::Remove { object_no: 2, change: 1_001 }]).unwrap();
    office.index.clear().unwrap();
    assert_eq!((office.index.checkpoint(), office.search("").total), (None, 0));
    office.hold([changed(1, 5, "other"), changed(2, 5, "other")]);
    assert_eq!((office.search("seal").total, office.search("other").total), (0, 2));
    let dir = office.dir;
    drop(office.index);
    assert_eq!(FullTextIndex::open(dir.path()).unwrap().state, OpenState::At(at(5)));
}
