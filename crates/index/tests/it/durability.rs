//! What a kill, a power cut or a bad disk leaves behind opens at its last commit or is said to be unusable.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cartulary_index::{FullTextIndex, OpenState, SearchAnswer};

use crate::harness::{at, numbers, office, paper, put, request};

/// Copies a tree of files as it is now.
pub fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            // A file that a merge removed meanwhile is gone for a killed process too.
            let _ = fs::copy(entry.path(), target);
        }
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn everything(index: &FullTextIndex) -> SearchAnswer {
    index.search(&request("seal")).unwrap()
}

#[test]
fn what_was_not_committed_is_not_there() {
    let office = office();
    office.hold((1..=50).map(|no| paper(no, "seal")));
    office.index.apply((51..=90).map(|no| put(paper(no, "seal"))).collect()).unwrap();
    let copy = tempfile::tempdir().unwrap();
    copy_tree(office.dir.path(), copy.path());
    let opened = FullTextIndex::open(copy.path()).unwrap();
    assert_eq!(opened.state, OpenState::At(at(50)));
    assert_eq!(everything(&opened.index).total, 50);
    // And it can be written on.
    opened.index.apply((51..=60).map(|no| put(paper(no, "seal"))).collect()).unwrap();
    opened.index.commit(at(60)).unwrap();
    assert_eq!(everything(&opened.index).total, 60);
}

#[test]
fn a_commit_that_failed_can_be_repeated() {
    let office = office();
    office.hold([paper(1, "seal")]);
    let (here, away) = (office.dir.path().join("g000001"), office.dir.path().join("away"));
    let write = || {
        office.index.apply(vec![put(paper(2, "seal"))])?;
        office.index.commit(at(2))
    };
    fs::rename(&here, &away).unwrap();
    assert!(write().is_err());
    assert_eq!(everything(&office.index).total, 1, "what was committed before is still answered");
    assert!(write().is_err());
    fs::rename(&away, &here).unwrap();
    write().unwrap();
    let answer = everything(&office.index);
    assert_eq!((answer.total, answer.checkpoint), (2, Some(at(2))));
    assert_eq!(office.index.object_numbers().len(), 2);
}

/// The child: commits one paper after the other and says so, until it is killed.
#[test]
fn child_that_is_killed() {
    let Some(dir) = std::env::var_os("CARTULARY_INDEX_CHILD_DIR") else { return };
    let opened = FullTextIndex::open(Path::new(&dir)).unwrap();
    let start = match opened.state {
        OpenState::At(checkpoint) => checkpoint.position,
        OpenState::Fresh => 0,
        OpenState::Unusable { reason } => panic!("{reason}"),
    };
    for position in start + 1..start + 10_000 {
        let operations = (0..3).map(|n| put(paper(position * 10 + n, "seal"))).map(|mut operation| {
            if let cartulary_index::Operation::Put(entry) = &mut operation {
                entry.change = position;
            }
            operation
        });
        opened.index.apply(operations.collect()).unwrap();
        opened.index.commit(at(position)).unwrap();
        println!("committed {position}");
    }
}

#[test]
fn a_killed_process_leaves_its_last_commit() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = 0;
    for round in 0..4_u64 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["durability::child_that_is_killed", "--exact", "--nocapture"])
            .env("CARTULARY_INDEX_CHILD_DIR", dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        for line in lines.map_while(Result::ok) {
            if let Some(position) = line.strip_prefix("committed ") {
                acknowledged = position.parse::<i64>().unwrap();
                seen += 1;
                if seen == 5 + 7 * round {
                    break;
                }
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let opened = FullTextIndex::open(dir.path()).unwrap();
        let OpenState::At(checkpoint) = opened.state else { panic!("{:?}", opened.state) };
        assert!(checkpoint.position >= acknowledged, "{} < {acknowledged}", checkpoint.position);
        assert_eq!(everything(&opened.index).total as i64, 3 * checkpoint.position);
        opened.index.verify_files().unwrap();
        acknowledged = checkpoint.position;
    }
}

/// Several segments, replaced entries, stored text.
fn well_used() -> (tempfile::TempDir, SearchAnswer) {
    let office = office();
    office.hold((1..=30).map(|no| paper(no, &format!("seal of keeper{no}"))));
    office.hold((31..=60).map(|no| paper(no, "seal and more")));
    office.hold((1..=5).map(|no| {
        let mut entry = paper(no, "seal anew");
        entry.change = 60 + no;
        entry
    }));
    office.index.rest().unwrap();
    let answer = everything(&office.index);
    drop(office.index);
    (office.dir, answer)
}

/// Opens a copy of a folder after `harm`, and demands: unusable, or exactly as before.
fn check_harm(dir: &Path, before: &SearchAnswer, what: &str, harm: impl FnOnce(&Path)) -> bool {
    let copy = tempfile::tempdir().unwrap();
    copy_tree(dir, copy.path());
    harm(copy.path());
    let opened = FullTextIndex::open(copy.path()).unwrap();
    match opened.state {
        OpenState::Unusable { reason } => {
            assert!(!reason.is_empty());
            assert_eq!(opened.index.checkpoint(), None);
            assert_eq!(everything(&opened.index).total, 0, "{what}");
            true
        }
        OpenState::At(checkpoint) => {
            assert_eq!(Some(checkpoint), before.checkpoint, "{what}");
            let after = everything(&opened.index);
            assert_eq!(
                (after.total, &after.hits, &after.facets),
                (before.total, &before.hits, &before.facets),
                "{what}"
            );
            false
        }
        OpenState::Fresh => panic!("{what}: taken for a new index"),
    }
}

#[test]
fn every_missing_or_cut_file_is_noticed() {
    let (dir, before) = well_used();
    let mut noticed = 0;
    for path in files(dir.path()) {
        let name = path.strip_prefix(dir.path()).unwrap().to_owned();
        let what = name.display().to_string();
        noticed +=
            usize::from(check_harm(dir.path(), &before, &what, |copy| fs::remove_file(copy.join(&name)).unwrap()));
        for keep in [0, 1, 7] {
            noticed += usize::from(check_harm(dir.path(), &before, &what, |copy| {
                let bytes = fs::read(copy.join(&name)).unwrap();
                fs::write(copy.join(&name), &bytes[..bytes.len() * keep / 8]).unwrap();
            }));
        }
    }
    assert!(noticed > 30, "only {noticed}");
}

#[test]
fn a_flipped_byte_is_noticed_or_does_no_harm() {
    let (dir, before) = well_used();
    let mut noticed = 0;
    // A fixed walk over all files; the seed is in the source.
    let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
    for path in files(dir.path()) {
        let name = path.strip_prefix(dir.path()).unwrap().to_owned();
        let length = fs::metadata(&path).unwrap().len();
        if length == 0 {
            continue;
        }
        let meta = name.ends_with("meta.json") || name.ends_with("current");
        for _ in 0..if meta { 40 } else { 2 } {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let place = ((seed >> 20) % length) as usize;
            let mask = 1_u8 << ((seed >> 8) % 8);
            let what = format!("{} at {place} with {mask:#x}", name.display());
            noticed += usize::from(check_harm(dir.path(), &before, &what, |copy| {
                let mut bytes = fs::read(copy.join(&name)).unwrap();
                bytes[place] ^= mask;
                fs::write(copy.join(&name), bytes).unwrap();
            }));
        }
    }
    assert!(noticed > 50, "only {noticed}");
}

#[test]
fn a_new_index_takes_the_place_of_an_unusable_one() {
    let (dir, _) = well_used();
    let meta = files(dir.path()).into_iter().find(|path| path.ends_with("meta.json")).unwrap();
    fs::write(meta, "{}").unwrap();
    let opened = FullTextIndex::open(dir.path()).unwrap();
    assert!(matches!(opened.state, OpenState::Unusable { .. }));
    opened.index.apply(vec![put(paper(1, "seal"))]).unwrap();
    opened.index.commit(at(1)).unwrap();
    assert_eq!(numbers(&everything(&opened.index)), [1]);
    drop(opened);
    let again = FullTextIndex::open(dir.path()).unwrap();
    assert_eq!(again.state, OpenState::At(at(1)));
    assert_eq!(numbers(&everything(&again.index)), [1]);
}

#[test]
fn another_schema_version_is_moved_aside() {
    let (dir, _) = well_used();
    fs::write(dir.path().join("current"), r#"{"schemaVersion":999,"generation":1}"#).unwrap();
    let opened = FullTextIndex::open(dir.path()).unwrap();
    let OpenState::Unusable { reason } = opened.state else { panic!("{:?}", opened.state) };
    assert!(reason.contains("999"), "{reason}");
    assert!(dir.path().join("aside").is_dir());
    drop(opened.index);
    assert_eq!(FullTextIndex::open(dir.path()).unwrap().state, OpenState::Fresh);
}

#[test]
fn damage_is_found_by_reading_all_files() {
    let (dir, _) = well_used();
    let opened = FullTextIndex::open(dir.path()).unwrap();
    opened.index.verify_files().unwrap();
    let store =
        files(dir.path()).into_iter().find(|path| path.extension().is_some_and(|part| part == "store")).unwrap();
    let mut bytes = fs::read(&store).unwrap();
    let middle = bytes.len() / 3;
    bytes[middle] ^= 0x40;
    fs::write(&store, bytes).unwrap();
    assert!(opened.index.verify_files().is_err());
    assert!(opened.index.stats().damaged);
    // It can still be replaced by a rebuild.
    let shadow = opened.index.start_rebuild().unwrap();
    shadow.apply(vec![put(paper(1, "seal"))]).unwrap();
    shadow.commit(at(1_000)).unwrap();
    shadow.switch().unwrap();
    assert!(!opened.index.stats().damaged);
    opened.index.verify_files().unwrap();
}
