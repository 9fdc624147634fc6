//! A full disk: a clear word, nothing acknowledged lost, and work goes on when there is room again.

use std::path::Path;
use std::time::Duration;

use cartulary_tests::client::Client;
use cartulary_tests::disk::Disk;
use cartulary_tests::ledger::digest_of;
use cartulary_tests::program::{Setup, absent, skip, until, verify_clean};
use cartulary_tests::random::Random;
use cartulary_tests::rooms::SmallDisk;
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(60);

fn check_all(client: &Client, papers: &[(String, String)], when: &str) {
    for (id, digest) in papers {
        let answer = client.get(&format!("/api/v1/documents/{id}/content")).unwrap().expect(200);
        assert_eq!(digest_of(&answer.body), *digest, "{when}");
    }
}

fn taken(json: &Value) -> (String, String) {
    (json["id"].as_str().unwrap().to_owned(), json["content"]["digest"].as_str().unwrap().to_owned())
}

#[test]
fn an_office_on_a_disk_that_fills_up_says_so_and_goes_on_later() {
    if let Some(why) = absent() {
        return skip("a full disk", &why);
    }
    let disk = match SmallDisk::mount(96) {
        Ok(disk) => disk,
        Err(why) => return skip("a full disk", &format!("no small file system can be mounted: {why}")),
    };
    let mut random = Random::announced("a full disk");
    let data = disk.path().join("data");
    let program =
        Setup { environment: Vec::new(), ..Setup::on(&data) }.with("CARTULARY_STORE_RESERVE_BYTES", "16777216").start();
    let client = program.client();
    let dossier = client.dossier("2026-001").unwrap();
    let mut papers = Vec::new();

    // The reserve stops uploads while there is still room for the database.
    let refused = loop {
        let count = random.between(500_000, 6_000_000);
        let answer = client.upload(&dossier, format!("{}.bin", papers.len()).as_bytes(), &random.bytes(count)).unwrap();
        if answer.status != 201 {
            break answer;
        }
        papers.push(taken(&answer.json()));
        assert!(papers.len() < 300, "the disk never fills up");
    };
    assert_eq!((refused.status, refused.code().as_str()), (507, "storage_full"));
    assert!(refused.json()["detail"].as_str().is_some_and(|words| words.len() > 10), "{:?}", refused.json());
    assert!(disk.free_bytes().unwrap() > 8 * 1_048_576, "the reserve was used up");
    client.dossier("while uploads are refused").unwrap();
    let health = client.get("/health/ready").unwrap();
    let space = health.json()["checks"].as_array().unwrap().iter().find(|check| check["name"] == "space").cloned();
    assert!(space.is_some_and(|space| space["reason"].as_str().is_some_and(|words| !words.is_empty())));
    check_all(&client, &papers, "below the reserve");

    // Then the disk is really full: not even rows can be written.
    let filler = disk.fill_up_to(0).unwrap();
    let mut made = Vec::new();
    let refused = until("a write is refused", LONG, || {
        let answer = client.post("/api/v1/dossiers", &json!({"name": format!("{:x}", random.number())})).unwrap();
        if answer.status == 201 {
            made.push(answer.json()["id"].as_str().unwrap().to_owned());
        }
        (answer.status != 201).then_some(answer)
    });
    assert_eq!((refused.status, refused.code().as_str()), (507, "storage_full"), "{:?}", refused.json());
    check_all(&client, &papers, "on the full disk");
    client.get("/api/v1/dossiers").unwrap().expect(200);

    // Room again, and no restart.
    drop(filler);
    std::fs::write(disk.path().join("room"), b"").unwrap();
    client.dossier("there is room again").unwrap();
    for id in &made {
        client.get(&format!("/api/v1/dossiers/{id}")).unwrap().expect(200);
    }
    let (first, _) = papers.remove(0);
    check_all(&client, &papers, "when there is room again");
    let tag = client.get(&format!("/api/v1/documents/{first}")).unwrap().expect(200);
    let tag = tag.header("etag").unwrap().to_owned();
    client.send("DELETE", &format!("/api/v1/documents/{first}"), &[("If-Match", &tag)], &[]).unwrap().expect(204);
    program.stop();
    verify_clean(&data, "after the disk was full");
}

#[test]
fn a_full_disk_of_the_database_is_told_when_the_blobs_lie_elsewhere() {
    let what = "a full disk of the database";
    if let Some(why) = absent() {
        return skip(what, &why);
    }
    let disk = match SmallDisk::mount(48) {
        Ok(disk) => disk,
        Err(why) => return skip(what, &format!("no small file system can be mounted: {why}")),
    };
    let elsewhere = tempfile::tempdir().unwrap();
    let data = disk.path().join("data");
    let program = Setup::on(&data).with("CARTULARY_STORE_PATH", &elsewhere.path().to_string_lossy()).start();
    let client = program.client();
    client.get("/health/ready").unwrap().expect(200);
    let filler = disk.fill_up_to(4 * 1_048_576).unwrap();
    let health = client.get("/health/ready").unwrap().expect(503).json();
    let database = health["checks"].as_array().unwrap().iter().find(|check| check["name"] == "database").cloned();
    let reason = database.unwrap()["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("make room"), "{reason}");
    client.get("/api/v1/dossiers").unwrap().expect(200);
    drop(filler);
    client.get("/health/ready").unwrap().expect(200);
    program.stop();
}

/// Found by an attacker: whoever had something to log panicked, and the writer of the database ended for good.
#[test]
fn a_log_that_cannot_be_written_costs_its_lines_and_nothing_else() {
    if let Some(why) = absent() {
        return skip("a log that cannot be written", &why);
    }
    let folder = tempfile::tempdir().unwrap();
    let setup = Setup { loses_log: true, ..Setup::on(folder.path()).with("CARTULARY_LOG_LEVEL", "debug") };
    let program = setup.start();
    let client = program.client();
    let dossier = client.dossier("2026-001").unwrap();
    std::thread::scope(|scope| {
        for sender in 0..4 {
            let (client, dossier) = (&client, &dossier);
            scope.spawn(move || {
                for number in 0..10 {
                    let name = format!("{sender}-{number}");
                    client.upload(dossier, name.as_bytes(), name.as_bytes()).unwrap().expect(201);
                    client.get("/api/v1/dossiers/nowhere").unwrap();
                }
            });
        }
    });
    let listed = client.get(&format!("/api/v1/dossiers/{dossier}/contents")).unwrap().expect(200).json();
    assert_eq!(listed["total"], 40);
    client.get("/health/ready").unwrap().expect(200);
    program.stop();
    verify_clean(folder.path(), "after work without a log");
}

#[test]
fn a_start_on_a_full_disk_fails_in_words_and_harms_nothing() {
    if let Some(why) = absent() {
        return skip("a start on a full disk", &why);
    }
    let disk = match SmallDisk::mount(24) {
        Ok(disk) => disk,
        Err(why) => return skip("a start on a full disk", &format!("no small file system can be mounted: {why}")),
    };
    let data = disk.path().join("data");
    let setup = Setup::on(&data);
    let program = setup.clone().start();
    let id = program.client().dossier("2026-001").unwrap();
    program.stop();
    let filler = disk.fill_up_to(0).unwrap();
    // Whether it opens for reading or refuses in words: it does not harm what is there.
    match setup.clone().try_open() {
        Ok(program) => drop(program.kill()),
        Err(said) => {
            assert!(said.to_lowercase().contains("space") || said.contains("room") || said.contains("full"), "{said}");
        }
    }
    drop(filler);
    let program = setup.start();
    program.client().get(&format!("/api/v1/dossiers/{id}")).unwrap().expect(200);
    program.stop();
    verify_clean(&data, "after a start on a full disk");
}

const SMALL: (&str, u64) = ("small", 30_000);
const LARGE: (&str, u64) = ("large", 2_500_000);

/// One step of a write at which there is no room.
struct Step {
    /// Where, below the data folder.
    below: &'static str,
    /// Which bodies come by it: small ones are not staged.
    bodies: &'static [(&'static str, u64)],
    /// Whether the upload is refused; else it is acknowledged, and what follows from it waits.
    refuses: bool,
}

#[test]
fn each_step_of_a_write_may_find_the_disk_full() {
    const STEPS: [Step; 4] = [
        Step { below: "data/blobs/staging", bodies: &[LARGE], refuses: true },
        Step { below: "data/blobs/sha256", bodies: &[SMALL, LARGE], refuses: true },
        Step { below: "data/db", bodies: &[SMALL, LARGE], refuses: true },
        Step { below: "data/index", bodies: &[SMALL, LARGE], refuses: false },
    ];
    let what = "a disk that is full at each step";
    let Some(disk) = Disk::mount_for(what) else { return };
    let mut random = Random::announced(what);
    let data = disk.path().join("data");
    let mut setup = Setup::on(&data);
    let mut papers = Vec::new();
    for (number, step) in STEPS.iter().enumerate() {
        for &(size, count) in step.bodies {
            let program = setup.start();
            let client = program.client();
            let dossier = client.dossier(&format!("{number} {size}")).unwrap();
            let (name, bytes) = (format!("{number} {size}.bin"), random.bytes(count));
            disk.fill(Some(step.below));
            let answer = client.upload(&dossier, name.as_bytes(), &bytes).unwrap();
            if step.refuses {
                assert_eq!((answer.status, answer.code().as_str()), (507, "storage_full"), "{}", step.below);
                assert!(disk.refused() > 0, "{}: the step was not met", step.below);
            } else {
                papers.push(taken(&answer.expect(201).json()));
                until("the step is met", LONG, || (disk.refused() > 0).then_some(()));
            }
            check_all(&client, &papers, step.below);
            disk.fill(None);
            let answer = client.upload(&dossier, name.as_bytes(), &bytes).unwrap().expect(201);
            papers.push(taken(&answer.json()));
            wait_until_found(&client, &format!("{number} {size}"));
            check_all(&client, &papers, "when there is room again");
            setup = program.stop();
            setup.listen = "127.0.0.1:0".to_owned();
            verify_clean(&data, step.below);
        }
    }
    rendition_without_room(&disk, &data, setup);
}

/// Searches for a document that was filed after the fault: the index goes on.
fn wait_until_found(client: &Client, name: &str) {
    let query: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
    until("the index goes on", LONG, || {
        let found = client.get(&format!("/api/v1/search?q={query}&limit=5")).ok()?.json();
        (found["total"].as_u64()? > 0).then_some(())
    });
}

/// The last step: the text that is read from a paper finds no room, and is kept later.
fn rendition_without_room(disk: &Disk, data: &Path, setup: Setup) {
    let program = setup.clone().with("CARTULARY_WORK_JOBS", "0").start();
    let client = program.client();
    let dossier = client.dossier("rendition").unwrap();
    let words = "the word is persimmon ".repeat(2_000);
    let paper = client.upload(&dossier, b"letter.txt", words.as_bytes()).unwrap().expect(201).json();
    program.stop();
    disk.fill(Some("data/blobs/sha256"));
    let program = setup.start();
    let client = program.client();
    let state = |client: &Client| {
        let json = client.get(&format!("/api/v1/documents/{}/text", paper["id"].as_str().unwrap())).unwrap().json();
        json["state"].as_str().unwrap_or_default().to_owned()
    };
    // The job tries again after pauses that grow from a second; it is not given up for want of room.
    until("the rendition finds no room", LONG, || (disk.refused() > 0).then_some(()));
    assert_eq!(state(&client), "waiting");
    disk.fill(None);
    until("the text is read", LONG, || (state(&client) == "ready").then_some(()));
    program.stop();
    verify_clean(data, "after a rendition without room");
}
