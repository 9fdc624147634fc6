//! `kill -9`: what was acknowledged is there, nothing disagrees, and an import goes on where it was.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cartulary_tests::client::Client;
use cartulary_tests::ledger::{Ledger, digest_of};
use cartulary_tests::load::Load;
use cartulary_tests::program::{Reaped, Setup, absent, command, import, run, skip, until, verify_clean, wait};
use cartulary_tests::random::Random;

const LONG: Duration = Duration::from_secs(120);

fn rounds(usual: u64, soak: u64) -> u64 {
    if std::env::var_os("CARTULARY_SOAK").is_some() { soak } else { usual }
}

/// Papers in a folder, and what the office must have of them in the end.
struct Papers {
    folder: PathBuf,
    files: BTreeMap<String, String>,
}

impl Papers {
    fn new(folder: PathBuf) -> Self {
        Self { folder, files: BTreeMap::new() }
    }

    /// Adds papers in some dossiers: small and large, some with equal bytes.
    fn add(&mut self, dossiers: u64, papers: u64, random: &mut Random) {
        for _ in 0..dossiers {
            let dossier = format!("case {:08x}", random.number() >> 32);
            for paper in 0..papers {
                let most = if random.percent(3) { 2_500_000 } else { 40_000 };
                let count = random.between(0, most);
                let (ending, content) = match random.between(0, 10) {
                    0..4 => ("txt", random.words(count / 10 + 1).into_bytes()),
                    4 => ("bin", b"the same bytes everywhere".to_vec()),
                    _ => ("bin", random.bytes(count)),
                };
                let path = format!("{dossier}/{paper:03}.{ending}");
                std::fs::create_dir_all(self.folder.join(&dossier)).unwrap();
                std::fs::write(self.folder.join(&path), &content).unwrap();
                self.files.insert(path, digest_of(&content));
            }
        }
    }

    /// Compares with the office: each file once, with its bytes, and nothing else.
    fn compare(&self, client: &Client) {
        let mut found = BTreeMap::new();
        let mut dossiers = Vec::new();
        loop {
            let path = format!("/api/v1/dossiers?limit=1000&sort=created&offset={}", dossiers.len());
            let window = client.get(&path).unwrap().expect(200).json();
            dossiers.extend(window["items"].as_array().unwrap().iter().cloned());
            if dossiers.len() as u64 >= window["total"].as_u64().unwrap() {
                break;
            }
        }
        for dossier in &dossiers {
            let (id, name) = (dossier["id"].as_str().unwrap(), dossier["name"].as_str().unwrap());
            if !name.starts_with("case ") {
                continue;
            }
            let contents =
                client.get(&format!("/api/v1/dossiers/{id}/contents?limit=1000")).unwrap().expect(200).json();
            for paper in contents["items"].as_array().unwrap() {
                let path = format!("{name}/{}", paper["name"].as_str().unwrap());
                let digest = paper["content"]["digest"].as_str().unwrap().to_owned();
                assert_eq!(found.insert(path.clone(), digest), None, "{path} is there twice");
            }
        }
        let odd = |here: &BTreeMap<String, String>, there: &BTreeMap<String, String>| -> Vec<String> {
            here.iter()
                .filter(|(path, digest)| there.get(*path) != Some(digest))
                .map(|(path, _)| path.clone())
                .collect()
        };
        let (lost, strange) = (odd(&self.files, &found), odd(&found, &self.files));
        assert_eq!((lost, strange), (Vec::new(), Vec::new()), "of {} files", self.files.len());
    }
}

/// Imports to the end and returns how many files it took, had, and could not take.
fn import_rest(data: &Path, papers: &Path) -> (u64, u64, u64) {
    let finished = run(import(data, papers), LONG);
    let json = finished.json();
    assert_eq!(finished.code, Some(0), "{}\n{}", finished.stdout, finished.stderr);
    let figure = |name: &str| json[name].as_u64().unwrap();
    (figure("created") + figure("newVersions"), figure("alreadyTaken"), json["faults"].as_array().unwrap().len() as u64)
}

/// Works on the office until it is killed in the middle of it.
fn kill_at_work(setup: Setup, ledger: &mut Ledger, random: &mut Random) -> Setup {
    let program = setup.start();
    let client = program.client();
    assert_eq!(ledger.missing_in(&client, ledger), Vec::<String>::new(), "after the kill before");
    let load = Load::start(&client, 4, random, std::mem::take(ledger));
    assert!(load.wait_for(random.between(1, 40), LONG), "nothing is acknowledged: {:?}", load.odd_answers());
    let setup = program.kill();
    assert_eq!(load.odd_answers(), Vec::<String>::new());
    *ledger = load.stop();
    setup
}

/// Kills an import after a while. Returns whether it was still under way.
fn kill_import(data: &Path, papers: &Path, after: Duration) -> bool {
    let mut command = import(data, papers);
    let log = tempfile::NamedTempFile::new().unwrap();
    command.stdout(log.reopen().unwrap()).stderr(log.reopen().unwrap());
    let mut process = Reaped(command.spawn().unwrap());
    let ended = wait(&mut process.0, after);
    assert!(ended.is_none_or(|status| status.success()), "{}", std::fs::read_to_string(log.path()).unwrap());
    ended.is_none()
}

/// Imports that are killed: five in one folder, which grows, then the rest of it is taken, and another folder begins.
struct Imports {
    base: PathBuf,
    data: PathBuf,
    papers: Papers,
    /// What the folders before had.
    done: BTreeMap<String, String>,
    /// How long a whole import of the papers of one round takes.
    usual_time: Duration,
    begun: u64,
    killed: u64,
}

impl Imports {
    /// Takes a first folder in, to know how long that takes.
    fn begin(base: &Path, data: &Path, random: &mut Random) -> Self {
        let mut papers = Papers::new(base.join("papers"));
        papers.add(4, 30, random);
        let begun = Instant::now();
        assert_eq!(import_rest(data, &papers.folder), (120, 0, 0));
        let (base, data, usual_time) = (base.to_owned(), data.to_owned(), begun.elapsed());
        Self { base, data, papers, done: BTreeMap::new(), usual_time, begun: 0, killed: 0 }
    }

    fn kill_one(&mut self, random: &mut Random) {
        if self.begun.is_multiple_of(5) {
            self.finish();
            self.papers = Papers::new(self.base.join(format!("papers {}", self.begun)));
        }
        self.begun += 1;
        self.papers.add(4, 30, random);
        let after = self.usual_time.mul_f64(random.between(10, 70) as f64 / 100.0);
        let begun = Instant::now();
        if kill_import(&self.data, &self.papers.folder, after) {
            self.killed += 1;
        } else {
            // The machine was busier when the usual time was taken.
            self.usual_time = begun.elapsed();
        }
    }

    /// Takes what is missing of the present folder, exactly, and then nothing more.
    fn finish(&mut self) {
        let count = self.papers.files.len() as u64;
        let (taken, had, faults) = import_rest(&self.data, &self.papers.folder);
        assert_eq!((taken + had, faults), (count, 0));
        assert_eq!(import_rest(&self.data, &self.papers.folder), (0, count, 0));
        self.done.append(&mut self.papers.files.clone());
    }
}

#[test]
fn what_was_acknowledged_survives_kill_nine() {
    if let Some(why) = absent() {
        return skip("kill -9", &why);
    }
    let mut random = Random::announced("kill -9");
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let (mut ledger, mut setup) = (Ledger::default(), Setup::on(&data));
    setup = setup.start().stop();
    let mut imports = Imports::begin(folder.path(), &data, &mut random);
    let rounds = rounds(10, 200);
    for round in 0..rounds {
        if round % 2 == 1 {
            imports.kill_one(&mut random);
        } else {
            setup = kill_at_work(setup, &mut ledger, &mut random);
        }
        verify_clean(&data, &format!("after round {round}"));
    }
    imports.finish();
    let program = setup.start();
    let client = program.client();
    assert_eq!(ledger.missing_in(&client, &ledger), Vec::<String>::new());
    Papers { folder: PathBuf::new(), files: imports.done.clone() }.compare(&client);
    program.stop();
    verify_clean(&data, "at the end");
    println!(
        "{} kills at work, {} of {} imports killed under way; {} acknowledged writes, {} files",
        rounds.div_ceil(2),
        imports.killed,
        imports.begun,
        ledger.acknowledged,
        imports.done.len()
    );
    assert!(imports.killed > 0, "no import was killed under way");
}

#[test]
fn an_import_over_http_outlives_the_office_that_is_killed() {
    if let Some(why) = absent() {
        return skip("kill -9 of the office during an import over HTTP", &why);
    }
    let mut random = Random::announced("kill -9 of the office during an import");
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut papers = Papers::new(folder.path().join("papers"));
    papers.add(8, 40, &mut random);
    let mut program = Setup::on(&data).start();
    let token = program.client().token().to_owned();
    let send = |url: &str| {
        let mut command = command(&["import", "--json", "--server", url]);
        command.arg(&papers.folder).env("CARTULARY_TOKEN", &token);
        command
    };
    let mut sending = send(&program.url);
    let (out, err) = (tempfile::NamedTempFile::new().unwrap(), tempfile::NamedTempFile::new().unwrap());
    sending.stdout(out.reopen().unwrap()).stderr(err.reopen().unwrap());
    let mut sending = Reaped(sending.spawn().unwrap());
    let blobs = data.join("blobs/sha256");
    let count = || -> usize {
        let folders = std::fs::read_dir(&blobs).into_iter().flatten().flatten();
        folders.map(|folder| std::fs::read_dir(folder.path()).map_or(0, Iterator::count)).sum()
    };
    for share in [6, 3] {
        let enough = papers.files.len() / share;
        until("some files arrive", LONG, || {
            let is_over = sending.0.try_wait().unwrap().is_some();
            (is_over || count() >= enough).then_some(())
        });
        program = program.kill().start();
    }
    let ended = wait(&mut sending.0, LONG);
    let said = std::fs::read_to_string(out.path()).unwrap();
    assert!(
        ended.is_some_and(|status| status.success()),
        "{ended:?}\n{said}\n{}",
        std::fs::read_to_string(err.path()).unwrap()
    );
    papers.compare(&program.client());
    let again = run(send(&program.url), LONG).json();
    assert_eq!((again["alreadyTaken"].as_u64(), again["created"].as_u64()), (Some(papers.files.len() as u64), Some(0)));
    program.stop();
    verify_clean(&data, "after an import through two kills");
}
