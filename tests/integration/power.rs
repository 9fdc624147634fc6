//! Power cuts: what was not synced is gone, and everything acknowledged is still there.

use std::path::Path;
use std::time::Duration;

use cartulary_tests::disk::{Disk, Image, Survival};
use cartulary_tests::ledger::Ledger;
use cartulary_tests::load::Load;
use cartulary_tests::program::{Program, Reaped, Setup, import, run, until, verify};
use cartulary_tests::random::Random;

const LONG: Duration = Duration::from_secs(120);

fn cuts(usual: u64, soak: u64) -> u64 {
    if std::env::var_os("CARTULARY_SOAK").is_some() { soak } else { usual }
}

/// What survives in the cuts of a run: the strictest first.
fn survival(cut: u64, random: &mut Random) -> Survival {
    match cut % 5 {
        0 => Survival::Nothing,
        1 => Survival::Everything,
        2 => Survival::Some(50),
        3 => Survival::Some(95),
        _ => Survival::Some(random.between(1, 100)),
    }
}

/// A state after a cut, with what was acknowledged before it, and sent until after it.
struct Cut {
    image: Image,
    survival: Survival,
    before: Ledger,
    after: Ledger,
}

/// Lets people work on an office on the disk and cuts its power now and then, without its knowing.
fn cuts_at_work(disk: &Disk, program: Program, count: u64, random: &mut Random) -> Vec<Cut> {
    let client = program.client();
    let load = Load::start(&client, 4, random, Ledger::default());
    let mut cuts = Vec::new();
    for number in 0..count {
        assert!(load.wait_for(random.between(3, 30), LONG), "nothing is acknowledged: {:?}", load.odd_answers());
        let survival = survival(number, random);
        let before = load.ledger();
        let image = disk.cut(survival, random);
        cuts.push(Cut { image, survival, before, after: load.ledger() });
    }
    assert_eq!(load.odd_answers(), Vec::<String>::new());
    load.stop();
    program.kill();
    cuts
}

impl Cut {
    /// Returns what is lost or disagrees after the cut.
    fn losses(&self) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        self.image.write_to(folder.path()).unwrap();
        let data = folder.path().join("data");
        let verified = verify(&data);
        if verified.code != Some(0) {
            return vec![format!("verify: {:?} {} {}", verified.code, verified.stdout, verified.stderr)];
        }
        let program = match Setup::on(&data).try_open() {
            Ok(program) => program,
            Err(said) => return vec![format!("it does not open: {said}")],
        };
        let is_admin_there = signs_in(&program);
        if !is_admin_there {
            return vec!["nobody can sign in".to_owned()];
        }
        let mut lost = self.before.missing_in(&program.client(), &self.after);
        let hidden = unsearchable(&program);
        lost.extend(hidden);
        program.stop();
        lost
    }
}

fn signs_in(program: &Program) -> bool {
    let credentials = serde_json::json!({"username": "admin", "password": cartulary_tests::program::PASSWORD});
    let client = cartulary_tests::client::Client::new(program.address);
    client.post("/api/v1/sessions", &credentials).is_ok_and(|answer| answer.status == 201)
}

/// The index was derived again: the office can be asked, and has caught up.
fn unsearchable(program: &Program) -> Option<String> {
    let client = program.client();
    let answer = client.get("/api/v1/search?q=harbour&limit=5").ok()?;
    (answer.status != 200).then(|| format!("search: {} {}", answer.status, answer.code()))
}

#[test]
fn the_disk_forgets_what_was_not_synced() {
    let Some(disk) = Disk::mount_for("the disk of the tests' own") else { return };
    let mut random = Random::seeded(7);
    let top = disk.path();
    let folder = top.join("folder");
    std::fs::create_dir(&folder).unwrap();
    std::fs::File::open(&top).unwrap().sync_all().unwrap();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    let sync = |name: &str| std::fs::File::open(folder.join(name)).unwrap().sync_all().unwrap();
    write("unsynced", &[1; 5_000]);
    write("without a name", &[2; 5_000]);
    sync("without a name");
    let image = disk.cut(Survival::Nothing, &mut random);
    assert!(image.has(Path::new("folder")) && image.entries.len() == 1, "{:?}", image.entries);
    write("whole", &[3; 5_000]);
    sync("whole");
    sync(".");
    std::fs::rename(folder.join("whole"), folder.join("renamed")).unwrap();
    let length = |image: &Image, name: &str| {
        let path = Path::new("folder").join(name);
        image.entries.iter().find(|(known, _)| *known == path).map(|(_, bytes)| bytes.as_ref().unwrap().len())
    };
    let image = disk.cut(Survival::Nothing, &mut random);
    assert_eq!((length(&image, "whole"), length(&image, "renamed")), (Some(5_000), None));
    assert_eq!((length(&image, "unsynced"), length(&image, "without a name")), (Some(0), Some(5_000)));
    let image = disk.cut(Survival::Everything, &mut random);
    assert_eq!((length(&image, "whole"), length(&image, "renamed")), (None, Some(5_000)));
    let torn = disk.cut(Survival::Some(50), &mut random);
    let path = Path::new("folder/unsynced");
    let (_, bytes) = torn.entries.iter().find(|(known, _)| known == path).unwrap();
    let sectors: Vec<u8> = bytes.as_ref().unwrap().chunks(512).map(|sector| sector[0]).collect();
    assert!(sectors.contains(&0) && sectors.contains(&1), "{sectors:?}");
    assert_eq!(std::fs::read(folder.join("renamed")).unwrap(), [3; 5_000]);
}

/// Cuts the power of an office at work so often, and looks whether everything acknowledged is there.
fn assert_survives(disk: &Disk, random: &mut Random, count: u64) {
    let program = Setup::on(&disk.path().join("data")).start();
    let cuts = cuts_at_work(disk, program, count, random);
    assert!(disk.syncs() > 0, "nothing was ever synced");
    let mut acknowledged = 0;
    for (number, cut) in cuts.iter().enumerate() {
        assert_eq!(cut.losses(), Vec::<String>::new(), "cut {number}, {:?}", cut.survival);
        acknowledged = cut.before.acknowledged;
    }
    println!("{} cuts, {acknowledged} acknowledged writes, {} syncs", cuts.len(), disk.syncs());
}

#[test]
fn what_was_acknowledged_survives_a_power_cut() {
    let Some(disk) = Disk::mount_for("power cuts") else { return };
    assert_survives(&disk, &mut Random::announced("power cuts"), cuts(5, 50));
}

/// There a file and its name are synced at the same time.
#[test]
fn what_was_acknowledged_survives_a_power_cut_of_a_slow_disk() {
    let Some(disk) = Disk::mount_for("power cuts of a slow disk") else { return };
    disk.slow_syncs(Duration::from_millis(2));
    assert_survives(&disk, &mut Random::announced("power cuts of a slow disk"), cuts(3, 50));
}

#[test]
fn without_syncs_a_power_cut_loses_what_was_acknowledged() {
    let Some(disk) = Disk::mount_for("the control of the power cuts") else { return };
    let mut random = Random::announced("power cuts without syncs");
    let program = Setup::on(&disk.path().join("data")).start();
    disk.sync_all();
    disk.ignore_syncs();
    let cuts = cuts_at_work(&disk, program, 3, &mut random);
    let losing: Vec<_> = cuts.iter().filter(|cut| cut.survival != Survival::Everything).map(Cut::losses).collect();
    let count = losing.iter().filter(|lost| !lost.is_empty()).count();
    assert_eq!(count, losing.len(), "without a sync nothing of this can be safe, and the test does not see it");
    println!("{count} of {} cuts lost something, as they must", losing.len());
}

#[test]
fn an_import_cut_off_is_finished_by_the_next() {
    let Some(disk) = Disk::mount_for("power cuts during an import") else { return };
    let mut random = Random::announced("power cuts during an import");
    let folder = tempfile::tempdir().unwrap();
    let papers = folder.path().join("papers");
    let files = 120;
    for number in 0..files {
        let dossier = papers.join(format!("case {}", number % 5));
        std::fs::create_dir_all(&dossier).unwrap();
        let count = random.between(1, 60_000);
        std::fs::write(dossier.join(format!("{number}.bin")), random.bytes(count)).unwrap();
    }
    let data = disk.path().join("data");
    Setup::on(&data).start().stop();
    let before = disk.syncs();
    let mut command = import(&data, &papers);
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let mut importing = Reaped(command.spawn().unwrap());
    let count = cuts(2, 20);
    let mut images = Vec::new();
    for number in 0..count {
        // Each file costs some syncs: so the cuts are spread over the import.
        let wanted = before + 20 + number * 2 * files / count;
        let is_over = until("the import goes on", LONG, || {
            let is_over = importing.0.try_wait().unwrap().is_some();
            (is_over || disk.syncs() >= wanted).then_some(is_over)
        });
        if !is_over {
            let survival = if number % 2 == 0 { Survival::Nothing } else { Survival::Some(random.between(10, 95)) };
            images.push((disk.cut(survival, &mut random), survival));
        }
    }
    drop(importing);
    for (image, survival) in &images {
        let folder = tempfile::tempdir().unwrap();
        image.write_to(folder.path()).unwrap();
        let data = folder.path().join("data");
        let verified = verify(&data);
        assert_eq!(verified.code, Some(0), "{survival:?}: {}\n{}", verified.stdout, verified.stderr);
        let finished = run(import(&data, &papers), LONG);
        assert_eq!(finished.code, Some(0), "{survival:?}: {}\n{}", finished.stdout, finished.stderr);
        let json = finished.json();
        let total = json["created"].as_u64().unwrap() + json["alreadyTaken"].as_u64().unwrap();
        assert_eq!((total, json["newVersions"].as_u64().unwrap()), (files, 0), "{survival:?}");
        assert_eq!(verify(&data).code, Some(0), "{survival:?}, after the rest");
    }
    assert!(!images.is_empty(), "the import was over before it could be cut off");
    println!("{} cuts during an import", images.len());
}

#[test]
fn a_first_start_cut_off_is_repeated() {
    let Some(disk) = Disk::mount_for("power cuts during the first start") else { return };
    let mut random = Random::announced("power cuts during the first start");
    let Some(whole) = Disk::mount_for("a whole first start") else { return };
    let program = Setup::on(&whole.path().join("data")).start();
    let total = whole.syncs();
    program.kill();
    let mut command = Setup::on(&disk.path().join("data")).command();
    command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
    let starting = Reaped(command.spawn().unwrap());
    let mut images = Vec::new();
    let count = cuts(3, 12);
    for number in 0..count {
        let wanted = total * number / count + random.between(0, total / count + 1);
        until("something is synced", LONG, || (disk.syncs() >= wanted).then_some(()));
        let survival = if number % 2 == 0 { Survival::Nothing } else { Survival::Some(random.between(10, 95)) };
        images.push((disk.cut(survival, &mut random), survival, disk.syncs()));
    }
    drop(starting);
    for (image, survival, syncs) in &images {
        let folder = tempfile::tempdir().unwrap();
        image.write_to(folder.path()).unwrap();
        let data = folder.path().join("data");
        let program = match Setup::on(&data).try_open() {
            Ok(program) => program,
            Err(said) => panic!("{survival:?} after {syncs} syncs: {said}"),
        };
        program.client().dossier("2026-001").unwrap();
        program.stop();
        assert_eq!(verify(&data).code, Some(0), "{survival:?} after {syncs} syncs");
    }
    println!("{} cuts during a first start, after up to {} syncs", images.len(), disk.syncs());
}
