//! Encryption at rest from outside: keys made, papers sealed through kills, the office refused without its key, put back with it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

const MARKER: &str = "the words of a secret paper";

fn cartulary(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cartulary"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARTULARY_")) {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    cartulary(arguments).output().unwrap()
}

fn well(arguments: &[&str]) -> Value {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn refused(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// All files of the stored papers.
fn stored(data: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(data.join("blobs/sha256")).unwrap().map(|folder| folder.unwrap().path());
    folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|file| file.unwrap().path())).collect()
}

fn is_sealed(file: &Path) -> bool {
    fs::read(file).is_ok_and(|bytes| bytes.ends_with(b"CARTSEALCART"))
}

fn count_sealed(data: &Path) -> usize {
    stored(data).iter().filter(|file| is_sealed(file)).count()
}

fn holds_marker(data: &Path) -> bool {
    stored(data)
        .iter()
        .any(|file| fs::read(file).unwrap().windows(MARKER.len()).any(|window| window == MARKER.as_bytes()))
}

/// An office with papers that are stored plain.
struct Office {
    folder: tempfile::TempDir,
}

impl Office {
    fn with_papers(count: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let office = Self { folder };
        let papers = office.folder.path().join("papers/one");
        fs::create_dir_all(&papers).unwrap();
        for number in 0..count {
            // Small ones, and some that pass through the staging folder.
            let times = if number % 20 == 0 { 60_000 } else { 20 };
            fs::write(papers.join(format!("{number}.txt")), format!("{MARKER} {number}. ").repeat(times)).unwrap();
        }
        fs::create_dir_all(office.data().join("config")).unwrap();
        let papers = office.folder.path().join("papers");
        well(&["import", papers.to_str().unwrap(), "--data", office.data_text(), "--json"]);
        office
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("office")
    }

    fn data_text(&self) -> &'static str {
        self.data().to_str().unwrap().to_owned().leak()
    }

    fn key(&self) -> &'static str {
        self.folder.path().join("elsewhere/master.key").to_str().unwrap().to_owned().leak()
    }

    /// Makes a key and names it in the configuration.
    fn begin_sealing(&self) -> String {
        fs::create_dir_all(self.folder.path().join("elsewhere")).unwrap();
        let made = well(&["key", "create", self.key(), "--data", self.data_text(), "--json"]);
        self.name_key(self.key());
        made["id"].as_str().unwrap().to_owned()
    }

    fn name_key(&self, key: &str) {
        let text = format!("[store]\nkind = \"folder\"\nkeyFile = \"{key}\"\n");
        fs::write(self.data().join("config/cartulary.toml"), text).unwrap();
    }

    fn verify(&self) -> Value {
        well(&["verify", "--data", self.data_text(), "--json"])
    }
}

#[test]
fn sealing_that_is_killed_goes_on_and_every_paper_is_whole_at_each_point() {
    let office = Office::with_papers(80);
    let data = office.data();
    let all = stored(&data).len();
    office.begin_sealing();
    for stop_at in [1, all / 4, all / 2, all * 3 / 4] {
        let mut process = cartulary(&["seal", "--data", office.data_text(), "--json"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while count_sealed(&data) < stop_at && process.try_wait().unwrap().is_none() {}
        process.kill().unwrap();
        process.wait().unwrap();
        assert_eq!(office.verify()["clean"], true, "killed at {stop_at}");
    }
    let report = well(&["seal", "--data", office.data_text(), "--json"]);
    assert_eq!(report["leftCount"], 0);
    assert_eq!(count_sealed(&data), all);
    assert!(!holds_marker(&data));
    assert_eq!(office.verify()["clean"], true);
    assert_eq!(well(&["seal", "--data", office.data_text(), "--json"])["rewritten"], 0);
}

#[test]
fn an_office_is_refused_without_its_key_and_in_words() {
    let office = Office::with_papers(3);
    let id = office.begin_sealing();
    well(&["seal", "--data", office.data_text(), "--json"]);
    let verify = ["verify", "--data", office.data_text(), "--json"];

    fs::set_permissions(office.key(), fs::Permissions::from_mode(0o644)).unwrap();
    let said = refused(&verify);
    assert!(said.contains("chmod 600"), "{said}");
    fs::set_permissions(office.key(), fs::Permissions::from_mode(0o600)).unwrap();

    let aside = office.folder.path().join("aside");
    fs::rename(office.key(), &aside).unwrap();
    let said = refused(&verify);
    assert!(said.contains("is not there") && said.contains("backup"), "{said}");

    well(&["key", "create", office.key(), "--json"]);
    let said = refused(&verify);
    assert!(said.contains(&id) && said.contains("names has"), "{said}");

    fs::write(office.data().join("config/cartulary.toml"), "").unwrap();
    let said = refused(&verify);
    assert!(said.contains(&id) && said.contains("names no key file"), "{said}");

    office.name_key(aside.to_str().unwrap());
    assert_eq!(office.verify()["clean"], true);
    let doctor = run(&["doctor", "--data", office.data_text(), "--json"]);
    let doctor: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let finding = doctor["findings"].as_array().unwrap().iter().find(|one| one["subject"] == "encryption").unwrap();
    assert!(finding["found"].as_str().unwrap().contains(&id), "{finding}");
}

#[test]
fn keys_rotate_and_the_old_one_is_retired() {
    let office = Office::with_papers(3);
    let old = office.begin_sealing();
    well(&["seal", "--data", office.data_text(), "--json"]);
    let new = well(&["key", "rotate", "--data", office.data_text(), "--json"])["id"].as_str().unwrap().to_owned();
    let listed = well(&["key", "list", "--data", office.data_text(), "--json"]);
    assert_eq!(listed["keys"][0]["id"], old.as_str());
    assert_eq!(
        (listed["keys"][1]["id"].as_str(), &listed["keys"][1]["seals"]),
        (Some(new.as_str()), &Value::Bool(true))
    );
    // A key was taken away that papers still needed, and the office did not start any more.
    let said = refused(&["key", "retire", "--id", &old, "--data", office.data_text()]);
    assert!(said.contains("cartulary seal") && said.contains(&old), "{said}");
    assert_eq!(office.verify()["clean"], true);
    assert_ne!(well(&["seal", "--data", office.data_text(), "--json"])["rewritten"], 0);
    well(&["key", "retire", "--id", &old, "--data", office.data_text(), "--json"]);
    assert_eq!(office.verify()["clean"], true);
    let said = refused(&["key", "retire", "--id", &new, "--data", office.data_text()]);
    assert!(said.contains("the one that seals"), "{said}");
}

#[test]
fn a_backup_has_the_key_and_a_restore_puts_it_where_it_was() {
    let office = Office::with_papers(5);
    let id = office.begin_sealing();
    well(&["seal", "--data", office.data_text(), "--json"]);
    let disk = office.folder.path().join("disk");
    let sheet = office.folder.path().join("sheet.txt");
    let (disk, sheet) = (disk.to_str().unwrap(), sheet.to_str().unwrap());
    fs::create_dir_all(disk).unwrap();
    let set_up = run(&["backup", "setup", "--to", disk, "--sheet", sheet, "--data", office.data_text()]);
    assert_eq!(set_up.status.code(), Some(0), "{set_up:?}");
    well(&["backup", "run", "--data", office.data_text(), "--json"]);
    let text = fs::read_to_string(sheet).unwrap();
    let key: String = text
        .lines()
        .skip_while(|line| !line.starts_with("Recovery key"))
        .skip(2)
        .take_while(|line| !line.is_empty())
        .collect();
    let key_file = office.folder.path().join("recovery");
    fs::write(&key_file, key).unwrap();
    let key_file = key_file.to_str().unwrap();
    let master = fs::read_to_string(office.key()).unwrap();

    // The whole machine is gone.
    fs::remove_dir_all(office.data()).unwrap();
    fs::remove_dir_all(office.folder.path().join("elsewhere")).unwrap();
    let drill = well(&["restore-drill", "--from", disk, "--key-file", key_file, "--json"]);
    assert_eq!(drill["good"], true, "{drill}");
    assert!(!Path::new(office.key()).exists(), "a trial leaves nothing");

    // Papers were sealed with the key of another office that lay there, and what was said then led to losing that.
    let restore = ["restore", "--from", disk, "--key-file", key_file, "--data", office.data_text(), "--json"];
    fs::create_dir_all(office.folder.path().join("elsewhere")).unwrap();
    well(&["key", "create", office.key(), "--json"]);
    let other = fs::read_to_string(office.key()).unwrap();
    let drill = well(&["restore-drill", "--from", disk, "--key-file", key_file, "--json"]);
    assert_eq!(drill["good"], true, "{drill}");
    let said = refused(&restore);
    assert!(said.contains(&id) && said.contains("another office"), "{said}");
    assert_eq!(fs::read_to_string(office.key()).unwrap(), other);
    fs::remove_file(office.key()).unwrap();

    let report = well(&restore);
    assert_eq!(report["good"], true, "{report}");
    assert_eq!(report["files"], serde_json::json!([]), "nothing is left to do");
    assert_eq!(fs::read_to_string(office.key()).unwrap(), master);
    assert_eq!(fs::metadata(office.key()).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!holds_marker(&office.data()), "it was put back sealed");
    assert_eq!(office.verify()["clean"], true);
    assert_eq!(well(&["key", "list", "--data", office.data_text(), "--json"])["keys"][0]["id"], id.as_str());
    assert_eq!(well(&["seal", "--data", office.data_text(), "--json"])["rewritten"], 0);

    // The machine lives, and so does its key.
    fs::remove_dir_all(office.data()).unwrap();
    let report = well(&restore);
    assert_eq!((&report["good"], &report["files"]), (&Value::Bool(true), &serde_json::json!([])), "{report}");
    assert_eq!(fs::read_to_string(office.key()).unwrap(), master);
    assert_eq!(office.verify()["clean"], true);
}
