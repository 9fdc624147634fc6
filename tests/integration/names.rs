//! Names and files that are odd without being hostile: by import and by upload.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cartulary_tests::client::Client;
use cartulary_tests::ledger::digest_of;
use cartulary_tests::program::{Finished, Setup, absent, binary, import, run, skip, until, verify_clean};

const LONG: Duration = Duration::from_secs(120);

/// What the office has of one folder: names, with digests.
fn contents(client: &Client, dossier: &str) -> BTreeMap<String, String> {
    let dossiers = client.get("/api/v1/dossiers?limit=1000").unwrap().expect(200).json();
    let is_it = |item: &&serde_json::Value| item["name"] == dossier;
    let found = dossiers["items"].as_array().unwrap().iter().find(is_it).cloned();
    let id = found.unwrap_or_else(|| panic!("no dossier `{dossier}` in {dossiers}"))["id"].as_str().unwrap().to_owned();
    let contents = client.get(&format!("/api/v1/dossiers/{id}/contents?limit=1000")).unwrap().expect(200).json();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let pair = |item: &serde_json::Value| (text(&item["name"]), text(&item["content"]["digest"]));
    contents["items"].as_array().unwrap().iter().map(pair).collect()
}

/// Returns the faults of a report: path and code.
fn faults(finished: &Finished) -> BTreeMap<String, String> {
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let json = finished.json();
    let faults = json["faults"].as_array().unwrap_or_else(|| panic!("{}\n{}", finished.stdout, finished.stderr));
    faults.iter().map(|fault| (text(&fault["path"]), text(&fault["code"]))).collect()
}

#[test]
fn odd_names_are_taken_by_an_import_as_they_are() {
    if let Some(why) = absent() {
        return skip("odd names", &why);
    }
    let folder = tempfile::tempdir().unwrap();
    let (papers, data) = (folder.path().join("papers"), folder.path().join("data"));
    let case = papers.join("case");
    fs::create_dir_all(&case).unwrap();
    let latin = format!("{}.txt", "n".repeat(251));
    let arabic = "م".repeat(127);
    for (name, content) in
        [("empty.txt", ""), (latin.as_str(), "long"), (arabic.as_str(), "طويل"), ("a\nb\t\"c\".txt", "odd")]
    {
        fs::write(case.join(name), content).unwrap();
    }
    for name in [b"caf\xe9.txt".as_slice(), b"caf\xe8.txt".as_slice()] {
        fs::write(case.join(OsStr::from_bytes(name)), name).unwrap();
    }
    fs::write(folder.path().join("secret.txt"), "not for the office").unwrap();
    symlink(folder.path().join("secret.txt"), case.join("out.txt")).unwrap();
    symlink("nowhere", case.join("broken.txt")).unwrap();
    symlink(folder.path(), case.join("folder-out")).unwrap();

    let finished = run(import(&data_of(&data), &papers), LONG);
    assert_eq!(finished.code, Some(1), "{}\n{}", finished.stdout, finished.stderr);
    let expected =
        [("case/broken.txt", "link_broken"), ("case/folder-out", "link_outside"), ("case/out.txt", "link_outside")];
    let expected = expected.map(|(path, code)| (path.to_owned(), code.to_owned()));
    assert_eq!(faults(&finished), BTreeMap::from(expected));
    let program = Setup::on(&data).start();
    let client = program.client();
    let kept = contents(&client, "case");
    let of = |content: &[u8]| digest_of(content);
    let expected = [
        ("empty.txt".to_owned(), of(b"")),
        (latin, of(b"long")),
        (arabic, of("طويل".as_bytes())),
        ("a\nb\t\"c\".txt".to_owned(), of(b"odd")),
        ("caf\u{fffd}.txt".to_owned(), of(b"caf\xe8.txt")),
        ("caf\u{fffd} (2).txt".to_owned(), of(b"caf\xe9.txt")),
    ];
    assert_eq!(kept, BTreeMap::from(expected));
    program.stop();
    // Again: nothing is taken twice.
    let again = run(import(&data, &papers), LONG).json();
    assert_eq!((again["created"].as_u64(), again["alreadyTaken"].as_u64()), (Some(0), Some(6)), "{again}");
    verify_clean(&data, "after odd names");
}

/// An import does not make a data folder, so an office makes it first.
fn data_of(data: &Path) -> std::path::PathBuf {
    Setup::on(data).start().stop();
    data.to_owned()
}

#[test]
fn odd_names_are_taken_by_an_upload_as_they_are() {
    if let Some(why) = absent() {
        return skip("odd names by upload", &why);
    }
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let program = Setup::on(&data).start();
    let client = program.client();
    let dossier = client.dossier("case").unwrap();
    let name_of = |name: &[u8], content: &[u8]| {
        let json = client.upload(&dossier, name, content).unwrap().expect(201).json();
        let id = json["id"].as_str().unwrap();
        assert_eq!(client.get(&format!("/api/v1/documents/{id}/content")).unwrap().expect(200).body, content);
        json["name"].as_str().unwrap().to_owned()
    };
    let long = format!("{}.txt", "ب".repeat(296));
    assert_eq!(name_of(long.as_bytes(), b"300 characters"), long);
    assert_eq!(name_of(b"empty.txt", b""), "empty.txt");
    assert_eq!(name_of(b"caf\xe9.txt", b"not UTF-8"), "caf\u{fffd}.txt");
    // Imports send the path with its bytes escaped.
    let run = client.post("/api/v1/imports", &serde_json::json!({"source": "scanner"})).unwrap().expect(201).json();
    let path = format!("/api/v1/imports/{}/files?path=scans/caf%E9.txt", run["id"].as_str().unwrap());
    client.send("PUT", &path, &[], b"not UTF-8").unwrap().expect(200);
    assert_eq!(contents(&client, "scans"), BTreeMap::from([("caf\u{fffd}.txt".to_owned(), digest_of(b"not UTF-8"))]));
    assert_eq!(name_of(br"C:\\papers\\a.txt", b"a path"), "a.txt");
    assert_eq!(name_of(b"../../etc/passwd", b"another path"), "passwd");
    let too_long = client.upload(&dossier, "x".repeat(501).as_bytes(), b"x").unwrap();
    assert!(matches!(too_long.status, 201 | 422), "{}", too_long.status);
    // A name that promises what the file is not: it is kept, read as what it is, and the fault is said.
    let lie = client.upload(&dossier, b"scan.pdf", b"<html><body>the word is quince</body></html>").unwrap();
    let lie = lie.expect(201).json();
    let path = format!("/api/v1/documents/{}/text", lie["id"].as_str().unwrap());
    let text = until("the lie is read", LONG, || {
        let text = client.get(&path).unwrap().expect(200).json();
        (text["state"] != "waiting").then_some(text)
    });
    let codes: Vec<_> = text["faults"].as_array().unwrap().iter().map(|fault| fault["code"].clone()).collect();
    assert!(codes.contains(&serde_json::json!("name_disagrees")), "{text}");
    assert!(lie["content"]["mediaType"].as_str().unwrap().starts_with("text/html"), "{lie}");
    // The same bytes under an honest name share the text, and not the fault.
    let honest = client.upload(&dossier, b"page.html", b"<html><body>the word is quince</body></html>").unwrap();
    let honest = honest.expect(201).json();
    assert_eq!((&honest["text"]["state"], &honest["text"]["faults"]), (&text["state"], &serde_json::json!([])));
    program.stop();
    verify_clean(&data, "after odd names");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_reported_and_the_others_are_taken() {
    if let Some(why) = absent() {
        return skip("a file that changes while it is read", &why);
    }
    let folder = tempfile::tempdir().unwrap();
    let (papers, data) = (folder.path().join("papers"), folder.path().join("data"));
    fs::create_dir_all(papers.join("case")).unwrap();
    let moving = papers.join("case/moving.bin");
    fs::write(&moving, vec![7; 24 << 20]).unwrap();
    fs::write(papers.join("case/still.txt"), "still").unwrap();
    let data = data_of(&data);
    let is_over = Arc::new(AtomicBool::new(false));
    let (stop, path) = (Arc::clone(&is_over), moving.clone());
    let writer = std::thread::spawn(move || {
        let mut file = fs::OpenOptions::new().write(true).open(path).unwrap();
        let mut number = 0_u64;
        while !stop.load(Ordering::Relaxed) {
            number += 1;
            file.seek(std::io::SeekFrom::Start(number % 1_000)).unwrap();
            file.write_all(&number.to_le_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let finished = run(import(&data, &papers), LONG);
    is_over.store(true, Ordering::Relaxed);
    writer.join().unwrap();
    assert_eq!(faults(&finished), BTreeMap::from([("case/moving.bin".to_owned(), "changed_while_read".to_owned())]));
    assert_eq!((finished.code, finished.json()["created"].as_u64()), (Some(1), Some(1)), "{}", finished.stdout);
    // When it holds still, the next run takes it.
    let rest = run(import(&data, &papers), LONG);
    assert_eq!((rest.code, rest.json()["created"].as_u64()), (Some(0), Some(1)), "{}", rest.stdout);
    let program = Setup::on(&data).start();
    let kept = contents(&program.client(), "case");
    assert_eq!(kept["moving.bin"], digest_of(&fs::read(&moving).unwrap()));
    program.stop();
    verify_clean(&data, "after a file that changed");
}

#[test]
fn a_file_that_cannot_be_read_is_reported_and_the_others_are_taken() {
    const NOBODY: u32 = 65_534;
    if let Some(why) = absent() {
        return skip("an unreadable file", &why);
    }
    if !rustix::process::geteuid().is_root() {
        return skip("an unreadable file", "only root can become a user who may not read it");
    }
    // Where another user can go: the folder of the build is often shut.
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = folder.path().join("cartulary");
    if fs::hard_link(binary(), &program).is_err() {
        fs::copy(binary(), &program).unwrap();
    }
    let (papers, data) = (folder.path().join("papers"), folder.path().join("data"));
    fs::create_dir_all(papers.join("shut")).unwrap();
    fs::create_dir_all(papers.join("case")).unwrap();
    fs::write(papers.join("case/secret.txt"), "secret").unwrap();
    fs::write(papers.join("case/open.txt"), "open").unwrap();
    fs::write(papers.join("shut/inside.txt"), "inside").unwrap();
    fs::set_permissions(papers.join("case/secret.txt"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(papers.join("shut"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::create_dir(&data).unwrap();
    std::os::unix::fs::chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
    let as_nobody = |arguments: &[&OsStr]| {
        let mut command = std::process::Command::new(&program);
        command.args(arguments).uid(NOBODY).gid(NOBODY).current_dir("/").env("HOME", "/");
        run(command, LONG)
    };
    let arguments = ["import".as_ref(), papers.as_os_str(), "--json".as_ref(), "--data".as_ref(), data.as_os_str()];
    let finished = as_nobody(&arguments);
    let expected = [("case/secret.txt", "unreadable"), ("shut", "unreadable")];
    let expected = expected.map(|(path, code)| (path.to_owned(), code.to_owned()));
    assert_eq!(faults(&finished), BTreeMap::from(expected), "{}\n{}", finished.stdout, finished.stderr);
    assert_eq!((finished.code, finished.json()["created"].as_u64()), (Some(1), Some(1)), "{}", finished.stdout);
    let verified = as_nobody(&["verify".as_ref(), "--json".as_ref(), "--data".as_ref(), data.as_os_str()]);
    assert_eq!(verified.code, Some(0), "{}\n{}", verified.stdout, verified.stderr);
}
