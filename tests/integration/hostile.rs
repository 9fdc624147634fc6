//! Files made to harm: each is taken, kept byte for byte, and explained; nothing hangs, and memory stays flat.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use cartulary_tests::client::Client;
use cartulary_tests::ledger::digest_of;
use cartulary_tests::program::{Setup, absent, command, descendants, memory_of, run, skip, until, verify_clean};

const GIB: u64 = 1 << 30;
/// All of them, in a debug build on a busy machine.
const LONG: Duration = Duration::from_secs(240);

fn samples() -> Option<PathBuf> {
    let given = std::env::var_os("CARTULARY_SAMPLES").map(PathBuf::from);
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/samples");
    let folder = given.unwrap_or(beside).join("corpus/hostile");
    folder.is_dir().then_some(folder)
}

/// What was seen of the readers below a process, watched until told to stop.
#[derive(Default)]
struct Watch {
    is_over: AtomicBool,
    /// The most that a process below the office used.
    most_bytes: AtomicU64,
}

/// One reader: how often it was seen, and its limit on memory at the last look; none: without limit.
type Readers = BTreeMap<u32, (u32, Option<u64>)>;

impl Watch {
    fn look(&self, office: u32) -> Readers {
        let mut readers = Readers::new();
        while !self.is_over.load(Ordering::Relaxed) {
            for pid in descendants(office) {
                let Some(bytes) = memory_of(pid, "VmHWM") else { continue };
                self.most_bytes.fetch_max(bytes, Ordering::Relaxed);
                let command = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                let is_reader =
                    command.ends_with("worker\0") && !command.starts_with("bwrap") && !command.contains("/bwrap\0");
                if let Some(limit) = address_space(pid).filter(|_| is_reader) {
                    let seen = readers.entry(pid).or_insert((0, None));
                    *seen = (seen.0 + 1, limit);
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        readers
    }
}

/// Returns the limit on a process's memory, if it still runs.
fn address_space(pid: u32) -> Option<Option<u64>> {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let line = limits.lines().find(|line| line.starts_with("Max address space"))?;
    Some(line.split_whitespace().nth(3)?.parse().ok())
}

fn waiting_jobs(client: &Client) -> u64 {
    let count = |state: &str| client.get(&format!("/api/v1/jobs?state={state}&limit=1")).unwrap().expect(200).json();
    count("waiting")["total"].as_u64().unwrap() + count("running")["total"].as_u64().unwrap()
}

#[test]
fn every_hostile_file_is_taken_kept_and_explained() {
    if let Some(why) = absent() {
        return skip("hostile files", &why);
    }
    let Some(folder) = samples() else {
        return skip("hostile files", "no samples; CARTULARY_SAMPLES names their folder");
    };
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        files.insert(name, digest_of(&std::fs::read(&path).unwrap()));
    }
    let data = tempfile::tempdir().unwrap();
    let program = Setup::on(&data.path().join("data")).start();
    let client = program.client();
    let rested = program.memory("VmRSS");
    let (watch, office) = (Arc::new(Watch::default()), program.pid());
    let watching = Arc::clone(&watch);
    let watcher = std::thread::spawn(move || watching.look(office));

    let mut importing = command(&["import", "--json", "--server", &program.url]);
    importing.arg(&folder).env("CARTULARY_TOKEN", client.token());
    let imported = run(importing, LONG);
    let report = imported.json();
    assert_eq!(report["created"].as_u64(), Some(files.len() as u64), "{}\n{}", imported.stdout, imported.stderr);
    until("every file is read", LONG, || (waiting_jobs(&client) == 0).then_some(()));
    watch.is_over.store(true, Ordering::Relaxed);
    let readers = watcher.join().unwrap();
    let peak = program.memory("VmHWM");

    let dossiers = client.get("/api/v1/dossiers?limit=10").unwrap().expect(200).json();
    assert_eq!(dossiers["total"], 1, "{dossiers}");
    let dossier = dossiers["items"][0]["id"].as_str().unwrap();
    let contents = client.get(&format!("/api/v1/dossiers/{dossier}/contents?limit=1000")).unwrap().expect(200).json();
    let (mut found, mut states) = (BTreeMap::new(), BTreeMap::new());
    for paper in contents["items"].as_array().unwrap() {
        let (id, name) = (paper["id"].as_str().unwrap(), paper["name"].as_str().unwrap());
        let bytes = client.get(&format!("/api/v1/documents/{id}/content")).unwrap().expect(200).body;
        found.insert(name.to_owned(), digest_of(&bytes));
        let text = client.get(&format!("/api/v1/documents/{id}/text")).unwrap().expect(200).json();
        let state = text["state"].as_str().unwrap().to_owned();
        let faults = text["faults"].as_array().unwrap();
        match state.as_str() {
            "failed" => assert!(!faults.is_empty(), "{name} failed without a reason"),
            "ready" | "none" => {}
            other => panic!("{name} is {other} for ever"),
        }
        assert!(
            faults.iter().all(|fault| fault["detail"].as_str().is_some_and(|words| !words.is_empty())),
            "{name}: {text}"
        );
        if state == "none" {
            assert!(!name.ends_with(".pdf"), "{name} promises a text, and nobody says why there is none");
        }
        let explained = if faults.is_empty() { "without faults" } else { "with faults" };
        *states.entry(format!("{state} {explained}")).or_insert(0) += 1;
    }
    assert_eq!(found, files);
    let dead = client.get("/api/v1/jobs?state=dead").unwrap().expect(200).json();
    assert_eq!(dead["total"], 0, "{dead}");

    let mebibytes = |bytes: u64| bytes / 1_048_576;
    let most = watch.most_bytes.load(Ordering::Relaxed);
    println!(
        "{} files: {states:?}; office {} MiB at rest, {} MiB at most; {} readers seen, the largest {} MiB",
        files.len(),
        mebibytes(rested),
        mebibytes(peak),
        readers.len(),
        mebibytes(most)
    );
    assert!(peak.saturating_sub(rested) < 160 * 1_048_576, "the office grew to {} MiB", mebibytes(peak));
    assert!(most <= 2 * GIB, "a reader used {} MiB", mebibytes(most));
    // One that is just being started has no limit yet.
    let settled: Vec<_> = readers.values().filter(|(looks, _)| *looks > 5).collect();
    let is_limited = |limit: &Option<u64>| limit.is_some_and(|bytes| bytes <= 2 * GIB);
    assert!(!settled.is_empty() && settled.iter().all(|(_, limit)| is_limited(limit)), "{readers:?}");
    program.stop();
    verify_clean(&data.path().join("data"), "after hostile files");
}
