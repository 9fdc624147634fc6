//! A store that is away, slow, or gives wrong bytes: said in words, never served, and over when it is over.

use std::path::Path;
use std::time::{Duration, Instant};

use cartulary_tests::client::{Answer, Client};
use cartulary_tests::disk::Disk;
use cartulary_tests::ledger::digest_of;
use cartulary_tests::program::{Program, Setup, absent, command, run, skip, until, verify, wait};
use cartulary_tests::random::Random;
use cartulary_tests::s3::{Manner, S3};

/// Longer than every limit that is set for the store.
const GIVEN_UP: Duration = Duration::from_secs(30);

fn upload(client: &Client, dossier: &str, name: &str, bytes: &[u8]) -> (String, String) {
    let json = client.upload(dossier, name.as_bytes(), bytes).unwrap().expect(201).json();
    (json["id"].as_str().unwrap().to_owned(), json["content"]["digest"].as_str().unwrap().to_owned())
}

fn content(client: &Client, id: &str) -> std::io::Result<Answer> {
    client.get(&format!("/api/v1/documents/{id}/content"))
}

fn s3_office(data: &Path, store: &S3) -> Program {
    Setup { environment: Vec::new(), ..Setup::on(data) }
        .with("CARTULARY_STORE_KIND", "s3")
        .with("CARTULARY_STORE_ENDPOINT", &store.endpoint)
        .with("CARTULARY_STORE_ALLOW_HTTP", "true")
        .with("CARTULARY_STORE_CONNECT_TIMEOUT_MS", "500")
        .with("CARTULARY_STORE_REQUEST_TIMEOUT_MS", "700")
        .with("CARTULARY_STORE_RETRIES", "1")
        .with("CARTULARY_STORE_RETRY_TIMEOUT_MS", "3000")
        .with("CARTULARY_S3_ACCESS_KEY", "test")
        .with("CARTULARY_S3_SECRET_KEY", "test")
        .start()
}

#[test]
fn a_store_that_is_away_or_slow_or_lies_is_an_error_in_words_and_no_loss() {
    if let Some(why) = absent() {
        return skip("a lying S3 store", &why);
    }
    let mut random = Random::announced("a lying S3 store");
    let store = S3::start().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let program = s3_office(&folder.path().join("data"), &store);
    let client = program.client();
    let dossier = client.dossier("2026-001").unwrap();
    let bytes = random.bytes(90_000);
    let (paper, _) = upload(&client, &dossier, "scan.bin", &bytes);
    assert_eq!(content(&client, &paper).unwrap().expect(200).body, bytes);
    assert!(store.count() > 0);
    for manner in [Manner::Away, Manner::Slow] {
        store.be(manner);
        let begun = Instant::now();
        let read = content(&client, &paper).unwrap().expect(503);
        assert_eq!((read.code().as_str(), read.header("retry-after").is_some()), ("unavailable", true));
        let written = client.upload(&dossier, b"more.bin", &random.bytes(70_000)).unwrap().expect(503);
        assert_eq!(written.code(), "unavailable", "{manner:?}");
        assert!(begun.elapsed() < GIVEN_UP, "{manner:?}: {:?}", begun.elapsed());
        // What needs no store goes on.
        client.dossier(&format!("while it is {manner:?}")).unwrap();
        store.be(Manner::Honest);
        assert_eq!(content(&client, &paper).unwrap().expect(200).body, bytes);
    }
    store.be(Manner::Lying);
    let read = content(&client, &paper).unwrap().expect(500);
    assert_eq!(read.code(), "content_damaged");
    let health = client.get("/health/ready").unwrap().expect(200).json();
    assert_eq!(health["status"], "degraded", "it works, and somebody should look: {health}");
    let blobs = health["checks"].as_array().unwrap().iter().find(|check| check["name"] == "blobs").unwrap();
    assert_eq!((&blobs["ok"], &blobs["degraded"]), (&true.into(), &true.into()), "{blobs}");
    assert!(blobs["reason"].as_str().unwrap().starts_with("1 damaged read, "), "{blobs}");
    store.be(Manner::Honest);
    let (later, _) = upload(&client, &dossier, "later.bin", &random.bytes(80_000));
    content(&client, &later).unwrap().expect(200);
    program.stop();
}

#[test]
fn bytes_that_were_tampered_with_are_never_served() {
    if let Some(why) = absent() {
        return skip("tampered bytes", &why);
    }
    let mut random = Random::announced("tampered bytes");
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let program = Setup::on(&data).start();
    let client = program.client();
    let dossier = client.dossier("2026-001").unwrap();
    for (name, count) in [("small.bin", 20_000), ("large.bin", 3_000_000)] {
        let (paper, digest) = upload(&client, &dossier, name, &random.bytes(count));
        let path = data.join("blobs/sha256").join(&digest[..2]).join(&digest);
        let right = std::fs::read(&path).unwrap();
        let mut wrong = right.clone();
        *wrong.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &wrong).unwrap();
        match content(&client, &paper) {
            Ok(answer) => assert_eq!((answer.status, answer.code().as_str()), (500, "content_damaged"), "{name}"),
            // Of a large one the head is gone already: the answer breaks off before its last bytes.
            Err(error) => assert!(count > 1_000_000, "{name}: {error}"),
        }
        std::fs::write(&path, right.get(..right.len() - 1).unwrap()).unwrap();
        let shorter = content(&client, &paper).unwrap().expect(500);
        assert_eq!(shorter.code(), "content_damaged", "{name}");
        std::fs::write(&path, &right).unwrap();
        assert_eq!(content(&client, &paper).unwrap().expect(200).body, right, "{name}");
        std::fs::write(&path, &wrong).unwrap();
    }
    program.stop();
    let verified = verify(&data);
    let codes: Vec<String> = verified.json()["faults"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| fault["code"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!((verified.code, codes), (Some(1), vec!["blob_damaged".to_owned(); 2]), "{}", verified.stdout);
}

#[test]
fn a_folder_that_is_not_mounted_is_unavailable_and_not_lost() {
    if let Some(why) = absent() {
        return skip("a blob folder that is gone", &why);
    }
    let mut random = Random::announced("a blob folder that is gone");
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let program = Setup::on(&data).start();
    let client = program.client();
    let dossier = client.dossier("2026-001").unwrap();
    let bytes = random.bytes(50_000);
    let (paper, _) = upload(&client, &dossier, "scan.bin", &bytes);
    let (blobs, away) = (data.join("blobs"), data.join("away"));
    std::fs::rename(&blobs, &away).unwrap();
    let read = content(&client, &paper).unwrap().expect(503);
    assert_eq!(read.code(), "unavailable");
    let answer = client.upload(&dossier, b"more.bin", &random.bytes(30_000)).unwrap();
    assert!(answer.status >= 500, "{}", answer.status);
    std::fs::rename(&away, &blobs).unwrap();
    assert_eq!(content(&client, &paper).unwrap().expect(200).body, bytes);
    until("uploads are taken again", GIVEN_UP, || {
        let answer = client.upload(&dossier, b"more.bin", &random.bytes(30_000)).ok()?;
        (answer.status == 201).then_some(())
    });
    program.stop();
    assert_eq!(verify(&data).code, Some(0));
}

/// Found by an attacker: each upload kept a thread, and soon none was left for anything else.
#[test]
fn a_disk_that_hangs_keeps_the_uploads_to_it_and_nobody_else() {
    let Some(disk) = Disk::mount_for("a disk that hangs") else { return };
    let folder = tempfile::tempdir().unwrap();
    let blobs = disk.path().join("blobs").to_string_lossy().into_owned();
    let setup =
        Setup::on(folder.path()).with("CARTULARY_STORE_PATH", &blobs).with("CARTULARY_STORE_TIMEOUT_MS", "1500");
    let program = setup.start();
    let client = program.client();
    let dossier = client.dossier("2026-001").unwrap();
    let (first, digest) = upload(&client, &dossier, "before", b"a paper from before");

    let hanging = disk.hang();
    std::thread::scope(|scope| {
        // More than the office has threads for the disk, and one that does not stay in memory.
        let senders: Vec<_> = (0..50)
            .map(|number| {
                let (client, dossier) = (&client, &dossier);
                let bytes = vec![number; if number == 0 { 3_000_000 } else { 20_000 }];
                scope.spawn(move || client.upload(dossier, format!("{number}").as_bytes(), &bytes).unwrap())
            })
            .collect();
        client.get("/api/v1/dossiers").unwrap().expect(200);
        client.dossier("made while the disk hangs").unwrap();
        let health = until("the office says that its disk hangs", GIVEN_UP, || {
            client.get("/health/ready").ok().filter(|answer| answer.status == 503)
        });
        let checks = health.json()["checks"].to_string();
        assert!(checks.contains("has not answered"), "{checks}");
        client.get("/health/live").unwrap().expect(200);
        for sender in senders {
            let answer = sender.join().unwrap();
            assert_eq!((answer.status, answer.code().as_str()), (503, "unavailable"), "{}", answer.json());
            assert!(answer.header("retry-after").is_some());
        }
        client.get(&format!("/api/v1/dossiers/{dossier}")).unwrap().expect(200);
    });
    drop(hanging);

    until("the office is ready again", GIVEN_UP, || {
        client.get("/health/ready").ok().filter(|answer| answer.status == 200).map(drop)
    });
    let listed = client.get(&format!("/api/v1/dossiers/{dossier}/contents")).unwrap().expect(200);
    assert_eq!(listed.json()["total"], 1, "what was refused is not there later: {}", listed.json());
    assert_eq!(digest_of(&content(&client, &first).unwrap().expect(200).body), digest);
    upload(&client, &dossier, "after", b"a paper from after");
    program.stop();
    let mut verify = command(&["verify", "--json", "--data"]);
    verify.arg(folder.path()).env("CARTULARY_STORE_PATH", &blobs);
    let verified = run(verify, GIVEN_UP);
    assert_eq!((verified.code, &verified.json()["clean"]), (Some(0), &true.into()), "{}", verified.stdout);
}

/// Found by an attacker: it bound its port, said nothing, and could not be stopped.
#[test]
fn a_start_on_a_disk_that_hangs_ends_in_words() {
    let Some(disk) = Disk::mount_for("a start on a disk that hangs") else { return };
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup::on(folder.path())
        .with("CARTULARY_STORE_PATH", &disk.path().join("blobs").to_string_lossy())
        .with("CARTULARY_STORE_TIMEOUT_MS", "1000");
    let setup = setup.start().stop();
    let hanging = disk.hang();
    let log = folder.path().join("log");
    let mut command = setup.command();
    command.stdout(std::process::Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
    let mut child = command.spawn().unwrap();
    until("the start says that the disk hangs", GIVEN_UP, || {
        std::fs::read_to_string(&log).ok().filter(|said| said.contains("has not answered"))
    });
    // The system keeps what is left of a process until its last call to the disk is back.
    drop(hanging);
    assert!(wait(&mut child, GIVEN_UP).is_some_and(|status| !status.success()));
    setup.start().stop();
}
