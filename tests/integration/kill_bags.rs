//! `kill -9` in the middle of a bag: what was being brought in is there whole or not at all, and what was being written is
//! written again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use cartulary_tests::client::Client;
use cartulary_tests::program::{Program, Setup, absent, command, import, run, skip, until, verify_clean};
use cartulary_tests::random::Random;
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(120);
const DOSSIERS: u64 = 6;
const PAPERS: u64 = 40;
const TYPE: &str = "test:late";

fn rounds(usual: u64, soak: u64) -> u64 {
    if std::env::var_os("CARTULARY_SOAK").is_some() { soak } else { usual }
}

/// Fills an office that no program has open.
fn fill(base: &Path, data: &Path, random: &mut Random) {
    let papers = base.join("papers");
    for dossier in 0..DOSSIERS {
        let folder = papers.join(format!("dossier {dossier}"));
        std::fs::create_dir_all(&folder).unwrap();
        for paper in 0..PAPERS {
            let count = random.between(1, 60_000);
            std::fs::write(folder.join(format!("{paper}.bin")), random.bytes(count)).unwrap();
        }
    }
    let taken = run(import(data, &papers), LONG);
    assert_eq!(taken.code, Some(0), "{}\n{}", taken.stdout, taken.stderr);
}

/// Returns how many dossiers and papers an office has.
fn counts(client: &Client) -> (u64, u64) {
    let window = client.get("/api/v1/dossiers?limit=1000").unwrap().expect(200).json();
    let mut papers = 0;
    for dossier in window["items"].as_array().unwrap() {
        let path = format!("/api/v1/dossiers/{}/contents?limit=1", dossier["id"].as_str().unwrap());
        papers += client.get(&path).unwrap().expect(200).json()["total"].as_u64().unwrap();
    }
    (window["total"].as_u64().unwrap(), papers)
}

fn declares(client: &Client) -> bool {
    client.get(&format!("/api/v1/types/{TYPE}")).unwrap().status == 200
}

/// Returns a bag of all that an office has, as a tar.
fn bag_of(base: &Path, data: &Path) -> Vec<u8> {
    let (folder, tar) = (base.join("bag"), base.join("bag.tar"));
    let mut export = command(&["export", "--data"]);
    export.arg(data).arg(&folder);
    let written = run(export, LONG);
    assert_eq!(written.code, Some(0), "{}\n{}", written.stdout, written.stderr);
    let status = Command::new("tar").arg("-cf").arg(&tar).arg("-C").arg(&folder).arg(".").status().unwrap();
    assert!(status.success());
    std::fs::read(tar).unwrap()
}

fn bring_in(client: &Client, bag: &[u8]) -> Option<(u16, Value)> {
    let kind = [("Content-Type", "application/octet-stream")];
    let answer = client.send("POST", "/api/v1/bag-imports", &kind, bag).ok()?;
    Some((answer.status, answer.json()))
}

/// Returns what lies in the work folder of an office that wrote or read bags.
fn left_behind(data: &Path) -> Vec<PathBuf> {
    let is_bag = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_str().unwrap().starts_with("bag-"));
    let entries = std::fs::read_dir(data.join("work")).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).filter(is_bag).collect()
}

/// Waits without sleep as long as something holds, `longest` at most.
fn wait_while(longest: Duration, holds: impl Fn() -> bool) {
    let until = Instant::now() + longest;
    while Instant::now() < until && holds() {
        std::thread::yield_now();
    }
}

#[test]
fn a_bag_that_is_brought_in_while_the_office_is_killed_is_there_whole_or_not_at_all() {
    if let Some(why) = absent() {
        return skip("kill -9 while a bag is brought in", &why);
    }
    let mut random = Random::announced("kill -9 while a bag is brought in");
    let base = tempfile::tempdir().unwrap();
    let from = base.path().join("from");
    let setup = Setup::on(&from).start().stop();
    fill(base.path(), &from, &mut random);
    let program = setup.start();
    let late = json!({ "id": TYPE, "parent": "document", "base": "document", "label": "Late" });
    program.client().post("/api/v1/types", &late).unwrap().expect(201);
    program.stop();
    let bag = bag_of(base.path(), &from);
    // How long all of it takes, of an office that is left alone.
    let program = Setup::on(&base.path().join("alone")).start();
    let begun = Instant::now();
    let (status, said) = bring_in(&program.client(), &bag).unwrap();
    assert_eq!(status, 200, "{said}");
    let usual_time = begun.elapsed();
    assert_eq!((counts(&program.client()), declares(&program.client())), ((DOSSIERS, DOSSIERS * PAPERS), true));
    program.stop();
    let mut data = base.path().join("to");
    let mut program = Setup::on(&data).start();
    let (mut killed, mut is_whole) = (0, false);
    for round in 0..rounds(5, 60) {
        if is_whole {
            program.stop();
            data = base.path().join(format!("to {round}"));
            program = Setup::on(&data).start();
        }
        let client = program.client();
        let sending = std::thread::spawn({
            let bag = bag.clone();
            move || bring_in(&client, &bag)
        });
        // The first is killed as soon as it is seen to have begun, however slow the machine was when the usual time was taken.
        wait_while(LONG, || !sending.is_finished() && left_behind(&data).is_empty());
        if round > 0 {
            let share = random.between(0, 105) as f64 / 100.0;
            wait_while(usual_time.mul_f64(share), || !sending.is_finished());
        }
        killed += u64::from(!sending.is_finished());
        let setup = program.kill();
        let answer = sending.join().unwrap();
        verify_clean(&data, &format!("after kill {round}"));
        program = setup.start();
        assert_eq!(left_behind(&data), Vec::<PathBuf>::new());
        let (client, was_acknowledged) = (program.client(), answer.is_some_and(|(status, _)| status == 200));
        let found = (counts(&client), declares(&client));
        is_whole = found == ((DOSSIERS, DOSSIERS * PAPERS), true);
        assert!(is_whole || found == ((0, 0), false) && !was_acknowledged, "half of it: {found:?}");
    }
    // Once more it comes in, or it is said that all of it is here.
    let (status, said) = bring_in(&program.client(), &bag).unwrap();
    let codes = said["violations"].as_array().into_iter().flatten();
    let is_here = status == 422 && codes.clone().count() > 0 && codes.into_iter().all(|one| one["code"] == "id_taken");
    assert!(if is_whole { is_here } else { status == 200 }, "{status} {said}");
    assert_eq!((counts(&program.client()), declares(&program.client())), ((DOSSIERS, DOSSIERS * PAPERS), true));
    program.stop();
    verify_clean(&data, "at the end");
    assert!(killed > 0, "no import was killed under way");
}

#[test]
fn an_export_goes_on_after_the_office_was_killed() {
    if let Some(why) = absent() {
        return skip("kill -9 while a bag is written", &why);
    }
    let mut random = Random::announced("kill -9 while a bag is written");
    let base = tempfile::tempdir().unwrap();
    let data = base.path().join("from");
    let mut setup = Setup::on(&data).start().stop();
    fill(base.path(), &data, &mut random);
    let mut killed = 0;
    for round in 0..rounds(2, 20) {
        let program = setup.start();
        let asked = program.client().post("/api/v1/exports", &json!({ "scope": { "kind": "repository" } }));
        let path = format!("/api/v1/exports/{}", asked.unwrap().expect(202).json()["id"].as_str().unwrap());
        let client = program.client();
        until("the export is under way", LONG, || {
            let export = client.get(&path).unwrap().expect(200).json();
            let is_over = export["state"] == "done";
            // The first is killed before it did anything, however quick the machine is.
            (round == 0 || is_over || export["doneCount"].as_u64().unwrap() > 0).then_some(())
        });
        killed += u64::from(client.get(&path).unwrap().json()["state"] != "done");
        let stopped = program.kill();
        verify_clean(&data, &format!("after kill {round}"));
        let program = stopped.start();
        let export = ended(&program, &path);
        assert_eq!((&export["state"], &export["leftOutCount"]), (&json!("done"), &json!(0)), "{export}");
        assert_eq!(left_behind(&data), Vec::<PathBuf>::new());
        let bag = program.client().get(&format!("{path}/content")).unwrap().expect(200).body;
        setup = program.stop();
        let tar = base.path().join(format!("{round}.tar"));
        std::fs::write(&tar, bag).unwrap();
        let other = base.path().join(format!("other {round}"));
        Setup::on(&other).start().stop();
        let mut take = command(&["import-bag", "--json", "--data"]);
        take.arg(&other).arg(&tar);
        let taken = run(take, LONG);
        assert_eq!(taken.code, Some(0), "{}\n{}", taken.stdout, taken.stderr);
        assert_eq!(taken.json()["contentCount"].as_u64(), Some(DOSSIERS * PAPERS), "{}", taken.stdout);
    }
    verify_clean(&data, "at the end");
    assert!(killed > 0, "no export was killed under way");
}

fn ended(program: &Program, path: &str) -> Value {
    let client = program.client();
    until("the export ends", LONG, || {
        let export = client.get(path).unwrap().expect(200).json();
        (!["counting", "running"].contains(&export["state"].as_str().unwrap())).then_some(export)
    })
}
