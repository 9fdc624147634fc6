//! The program from outside: an office is started, filled, checked and stopped as a person or a script would do it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;

use serde_json::Value;

const PASSWORD: &str = "Correct-Horse-9";

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

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("{output:?}"))
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

fn words(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A running office; it is killed when the test forgets to close it.
struct Office {
    process: Child,
    address: String,
}

impl Office {
    fn open(data: &Path) -> Self {
        Self::open_logging(data, "info", Stdio::null())
    }

    fn open_logging(data: &Path, level: &str, log: Stdio) -> Self {
        let mut process = cartulary(&["serve", "--data", path(data), "--listen", "127.0.0.1:0"])
            .env("CARTULARY_ADMIN_PASSWORD", PASSWORD)
            .env("CARTULARY_LOG_LEVEL", level)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines.map_while(Result::ok).find_map(|line| {
            let rest = line.split_once("Address")?.1;
            Some(rest.trim_matches([' ', '│']).to_owned())
        });
        Self { process, address: address.expect("the office says its address") }
    }

    fn call(&self, request: &str) -> String {
        let mut socket = TcpStream::connect(self.address.trim_start_matches("http://")).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer
    }

    fn token(&self) -> String {
        let body = format!(r#"{{"username":"admin","password":"{PASSWORD}"}}"#);
        let answer = self.call(&format!(
            "POST /api/v1/sessions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        let session: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"));
        session["token"].as_str().unwrap().to_owned()
    }

    fn ask(&self, arguments: &[&str]) -> Output {
        cartulary(arguments).args(["--server", &self.address]).env("CARTULARY_TOKEN", self.token()).output().unwrap()
    }

    /// Asks it to end, and returns its exit code.
    fn close(mut self) -> Option<i32> {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.process.wait().unwrap().code()
    }
}

impl Drop for Office {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Makes papers: three in two dossiers, one at the top, and a link that leads out.
fn papers(folder: &Path) {
    for (name, text) in
        [("a/one.txt", "the first word"), ("a/two.txt", "the second word"), ("b/one.txt", "the first word")]
    {
        fs::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
        fs::write(folder.join(name), text).unwrap();
    }
    fs::write(folder.join("top.txt"), "at the top").unwrap();
    std::os::unix::fs::symlink("/etc/hostname", folder.join("b/out")).unwrap();
}

#[test]
fn papers_are_taken_once_and_verified_and_damage_is_found() {
    let base = tempfile::tempdir().unwrap();
    let (folder, data) = (base.path().join("papers"), base.path().join("data"));
    papers(&folder);
    let import = ["import", path(&folder), "--data", path(&data), "--json"];
    let first = run(&import);
    assert_eq!(code(&first), 1, "{first:?}");
    let report = json(&first);
    assert_eq!((report["created"].as_u64(), report["alreadyTaken"].as_u64()), (Some(4), Some(0)), "{report}");
    assert_eq!(report["faults"][0]["path"], "b/out");
    fs::write(folder.join("a/one.txt"), "the first word, changed").unwrap();
    let report = json(&run(&import));
    assert_eq!((report["newVersions"].as_u64(), report["alreadyTaken"].as_u64()), (Some(1), Some(3)), "{report}");

    let verify = ["verify", "--data", path(&data), "--json"];
    let clean = run(&verify);
    assert_eq!(code(&clean), 0, "{clean:?}");
    assert_eq!(json(&clean)["blobsChecked"], 4);
    let quick = json(&run(&["verify", "--quick", "--data", path(&data), "--json"]));
    assert_eq!((quick["blobsChecked"].as_u64(), quick["bytesChecked"].as_u64()), (Some(4), Some(0)), "{quick}");
    damage_a_blob(&data);
    let damaged = run(&verify);
    assert_eq!(code(&damaged), 1, "{damaged:?}");
    assert_eq!(json(&damaged)["faults"].as_array().map(Vec::len), Some(1));
}

fn damage_a_blob(data: &Path) {
    let folders = fs::read_dir(data.join("blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    let mut files = folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let blob = files.next().unwrap();
    let length = usize::try_from(fs::metadata(&blob).unwrap().len()).unwrap();
    fs::write(&blob, vec![b'?'; length]).unwrap();
}

#[test]
fn a_running_office_takes_papers_checks_itself_and_closes() {
    let base = tempfile::tempdir().unwrap();
    let (folder, data) = (base.path().join("papers"), base.path().join("data"));
    papers(&folder);
    let office = Office::open(&data);
    let answer = office.call("GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");

    let report = json(&office.ask(&["import", path(&folder), "--json"]));
    assert_eq!((report["created"].as_u64(), report["state"].as_str()), (Some(4), Some("finished")), "{report}");
    let report = json(&office.ask(&["import", path(&folder), "--json"]));
    assert_eq!((report["created"].as_u64(), report["alreadyTaken"].as_u64()), (Some(0), Some(4)), "{report}");
    let verified = office.ask(&["verify", "--json"]);
    assert_eq!((code(&verified), json(&verified)["clean"].as_bool()), (0, Some(true)), "{verified:?}");

    let refused = run(&["verify", "--data", path(&data)]);
    assert_eq!(code(&refused), 2);
    assert!(words(&refused).contains(&office.process.id().to_string()), "{refused:?}");
    let second = run(&["serve", "--data", path(&data), "--listen", "127.0.0.1:0"]);
    assert_eq!(code(&second), 1);
    assert!(words(&second).contains(&office.address), "{second:?}");

    assert_eq!(office.close(), Some(0));
    assert_eq!(code(&run(&["verify", "--data", path(&data)])), 0);
}

#[test]
fn an_import_did_not_say_which_texts_could_not_be_read() {
    let base = tempfile::tempdir().unwrap();
    let office = Office::open(&base.path().join("data"));
    // The text of the same bytes is read once: sooner or later an import finds that it could not be.
    let named = (1..200).find_map(|turn| {
        let folder = base.path().join(format!("papers-{turn}"));
        fs::create_dir_all(folder.join("a")).unwrap();
        fs::write(folder.join("a/torn.pdf"), "%PDF-1.7\n1 0 obj\n<< /Type /Catalog").unwrap();
        let report = json(&office.ask(&["import", path(&folder), "--json"]));
        assert_eq!(report["created"], 1, "{report}");
        let waiting = report["textsWaiting"].as_u64().unwrap();
        let unread = report["unread"].as_array().unwrap().clone();
        assert_eq!((unread.len() as u64) + waiting, 1, "{report}");
        unread.into_iter().next()
    });
    let named = named.unwrap();
    assert_eq!(named["path"], "a/torn.pdf");
    let folder = base.path().join("last");
    fs::create_dir_all(folder.join("a")).unwrap();
    fs::copy(base.path().join("papers-1/a/torn.pdf"), folder.join("a/torn.pdf")).unwrap();
    let told = office.ask(&["import", path(&folder)]);
    let line = format!("could not be read: 1\n  a/torn.pdf: {}\n", named["reason"].as_str().unwrap());
    let text = String::from_utf8_lossy(&told.stdout);
    assert!(text.contains(&line) && !text.contains("still to be read"), "{text}");
    assert_eq!((code(&told), office.close()), (0, Some(0)));
}

/// The line between an import and its office: it breaks when the first file is sent, and can be mended.
struct Line {
    address: String,
    broken: mpsc::Receiver<()>,
}

impl Line {
    fn to(office: &Office) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let target = office.address.trim_start_matches("http://").to_owned();
        let (sender, broken) = mpsc::channel();
        thread::spawn(move || {
            for socket in listener.incoming() {
                if pass_until_a_file_comes(&socket.unwrap(), &target) {
                    drop(listener);
                    let _ = sender.send(());
                    return;
                }
            }
        });
        Self { address, broken }
    }

    /// Lets everything through again, at the same address.
    fn mend(&self, office: &Office) {
        self.broken.recv().unwrap();
        let listener = TcpListener::bind(&self.address).unwrap();
        let target = office.address.trim_start_matches("http://").to_owned();
        thread::spawn(move || {
            for socket in listener.incoming() {
                let (near, far) = (socket.unwrap(), TcpStream::connect(&target).unwrap());
                let (mut near_in, mut far_out) = (near.try_clone().unwrap(), far.try_clone().unwrap());
                thread::spawn(move || std::io::copy(&mut near_in, &mut far_out));
                let (mut near, mut far) = (near, far);
                thread::spawn(move || std::io::copy(&mut far, &mut near));
            }
        });
    }
}

/// Passes questions on, one connection at a time, until one sends a file: then `true`, and nothing of it was passed on.
fn pass_until_a_file_comes(near: &TcpStream, target: &str) -> bool {
    let far = TcpStream::connect(target).unwrap();
    let (mut answers, mut asker) = (far.try_clone().unwrap(), near.try_clone().unwrap());
    thread::spawn(move || std::io::copy(&mut answers, &mut asker));
    let mut buffer = [0_u8; 65536];
    loop {
        let count = (&*near).read(&mut buffer).unwrap_or(0);
        if count == 0 || buffer.starts_with(b"PUT ") {
            let _ = (near.shutdown(Shutdown::Both), far.shutdown(Shutdown::Both));
            return count > 0;
        }
        (&far).write_all(&buffer[..count]).unwrap();
    }
}

#[test]
fn an_import_says_that_the_office_does_not_answer_and_goes_on_when_it_does() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("papers");
    papers(&folder);
    let office = Office::open(&base.path().join("data"));
    let line = Line::to(&office);
    let url = format!("http://{}", line.address);
    let mut import = cartulary(&["import", path(&folder), "--json", "--parallel", "1", "--server", &url])
        .env("CARTULARY_TOKEN", office.token())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(import.stderr.take().unwrap()).lines().map_while(Result::ok);
    let away = said.find(|line| line.starts_with("The office does not answer")).unwrap();
    assert!(away.contains("trying again, giving up in "), "{away}");
    line.mend(&office);
    assert!(said.any(|line| line.starts_with("The office answers again after ")), "it goes on by itself");
    let report = json(&import.wait_with_output().unwrap());
    assert_eq!((report["created"].as_u64(), report["state"].as_str()), (Some(4), Some("finished")), "{report}");
    assert!(report["waitedMs"].as_u64() > Some(0), "{report}");
}

#[test]
fn an_import_gives_up_once_and_not_again_for_the_end_of_its_run() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("papers");
    papers(&folder);
    let office = Office::open(&base.path().join("data"));
    let url = format!("http://{}", Line::to(&office).address);
    let given_up = cartulary(&["import", path(&folder), "--patience", "0", "--server", &url])
        .env("CARTULARY_TOKEN", office.token())
        .output()
        .unwrap();
    assert_eq!(code(&given_up), 2, "{given_up:?}");
    let said = String::from_utf8_lossy(&given_up.stdout).into_owned();
    assert!(said.starts_with("Import broken off: the office does not answer"), "{said}");
}

#[test]
fn an_import_to_an_address_where_nobody_listens_says_so_once() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("papers");
    papers(&folder);
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let refused =
        cartulary(&["import", path(&folder), "--server", &url]).env("CARTULARY_TOKEN", "none").output().unwrap();
    assert_eq!(code(&refused), 2, "{refused:?}");
    let said = words(&refused);
    assert!(said.contains(&format!("no office answers at {url} (")), "{said}");
    assert_eq!(said.matches("refused").count(), 1, "{said}");
}

#[test]
fn doctor_says_where_the_office_that_runs_answers() {
    let base = tempfile::tempdir().unwrap();
    let data = base.path().join("data");
    let office = Office::open(&data);
    let seen = run(&["doctor", "--data", path(&data), "--json"]);
    let findings = json(&seen)["findings"].clone();
    let tls = findings.as_array().unwrap().iter().find(|one| one["subject"] == "tls").unwrap().clone();
    assert!(tls["found"].as_str().unwrap().contains(&office.address), "{tls}");
}

#[test]
fn a_weak_first_password_from_the_environment_is_taken_and_warned_of() {
    let base = tempfile::tempdir().unwrap();
    let mut process = cartulary(&["serve", "--data", path(base.path()), "--listen", "127.0.0.1:0"])
        .env("CARTULARY_ADMIN_PASSWORD", "12345678")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
    let warned = lines.any(|line| line.contains("among the first to be guessed"));
    let _ = process.kill();
    let _ = process.wait();
    assert!(warned);
}

#[test]
fn an_office_says_to_scripts_where_it_answers() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let mut process = cartulary(&["serve", "--data", path(&data), "--listen", "127.0.0.1:0", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let said = serde_json::Deserializer::from_reader(process.stdout.take().unwrap()).into_iter::<Value>().next();
    let said = said.unwrap().unwrap();
    let office = Office { process, address: said["address"].as_str().unwrap().to_owned() };
    assert!(
        office.call("GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").starts_with("HTTP/1.1 200")
    );
    assert!(said["oneTimePassword"].as_str().unwrap().len() > 12);
    assert_eq!(said["data"], path(&data));
}

#[test]
fn people_are_added_listed_and_shut_out() {
    let base = tempfile::tempdir().unwrap();
    let data = base.path().join("data");
    assert_eq!(Office::open(&data).close(), Some(0));
    let added =
        run(&["user", "add", "salma", "--name", "Salma Haddad", "--group", "staff", "--data", path(&data), "--json"]);
    assert!(json(&added)["items"][0]["oneTimePassword"].is_string(), "{added:?}");
    let shut = run(&["user", "disable", "salma", "--data", path(&data), "--json"]);
    assert_eq!(json(&shut)["items"][0]["disabled"], true);
    let missing = run(&["user", "disable", "nobody", "--data", path(&data)]);
    assert_eq!((code(&missing), words(&missing).contains("nobody")), (2, true));
    let shown = run(&["user", "list", "--data", path(&data)]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.starts_with("USER NAME") && shown.contains("salma") && !shown.contains("system"), "{shown}");
    let listed = json(&run(&["user", "list", "--data", path(&data), "--json"]));
    assert!(listed["items"].as_array().unwrap().iter().any(|user| user["username"] == "salma"), "{listed}");
}

#[test]
fn plain_http_beyond_this_machine_is_refused_with_the_command_that_mends_it() {
    let base = tempfile::tempdir().unwrap();
    let data = base.path().join("data");
    let refused = run(&["serve", "--data", path(&data), "--listen", "0.0.0.0:0"]);
    assert_eq!(code(&refused), 1);
    assert!(words(&refused).contains("--tls office-authority"), "{refused:?}");
    assert!(!data.exists());
}

/// `serve` refuses, and `config check` and `doctor` say the same before.
fn refused_and_foretold(data: &Path, settings: &str, expected: &str) {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("office.toml");
    fs::write(&file, settings).unwrap();
    let place = ["--data", path(data), "--config", path(&file)];
    let with = |command: &[&str]| run(&[command, &place].concat());
    let (refused, checked, examined) = (with(&["serve"]), with(&["config", "check"]), with(&["doctor"]));
    assert!(words(&refused).contains(expected), "{settings}: {refused:?}");
    assert_eq!(words(&checked), words(&refused), "{settings}");
    assert_eq!((code(&refused), code(&checked), code(&examined)), (1, 1, 1), "{settings}: {examined:?}");
    let report = json(&with(&["config", "check", "--json"]));
    assert_eq!((report["ok"].as_bool(), report["problems"].as_array().unwrap().len()), (Some(false), 1), "{report}");
    assert!(!data.join("config").exists(), "what checks leaves nothing behind");
}

#[test]
fn config_check_says_what_serve_refuses() {
    let base = tempfile::tempdir().unwrap();
    let data = base.path().join("data");
    let check = |settings: &str, expected| refused_and_foretold(&data, settings, expected);
    check("[server]\nlisten = '0.0.0.0:0'", "plain HTTP beyond this machine");
    check(
        "[server]\nlisten = '127.0.0.1:0'\n[server.tls]\nmode = 'files'\ncertificate = 'a'\nkey = 'b'",
        "cannot read",
    );
    check("[server]\nlisten = '192.0.2.1:0'\ntrustedProxies = ['10.0.0.1']", "cannot listen on 192.0.2.1:0");
    check("[server]\nlisten = '127.0.0.1:0'\nmetricsTokenFile = 'nowhere'", "which `server.metricsTokenFile` names");
    fs::write(base.path().join("file"), "").unwrap();
    refused_and_foretold(&base.path().join("file/data"), "[server]\nlisten = '127.0.0.1:0'", "cannot make the folder");
}

#[test]
fn config_check_says_that_there_is_no_data_folder_yet() {
    let base = tempfile::tempdir().unwrap();
    let data = base.path().join("data");
    let checked = run(&["config", "check", "--data", path(&data)]);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert_eq!(code(&checked), 0, "{checked:?}");
    assert!(said.contains("is not there; `cartulary serve` makes it"), "{said}");
    assert!(!data.exists());
}

#[test]
fn a_sample_that_shows_the_defaults_chooses_nothing() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("office.toml");
    fs::write(&file, run(&["config", "sample", "embedded"]).stdout).unwrap();
    let checked = run(&["config", "check", "--data", path(base.path()), "--config", path(&file)]);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(said.contains("every setting has its default, 0 types of the office's own"), "{checked:?}");
}

#[test]
fn upkeep_needs_a_data_folder_and_then_works() {
    let base = tempfile::tempdir().unwrap();
    let data = base.path().join("data");
    assert_eq!(code(&run(&["verify", "--data", path(&data)])), 2);
    let folder = base.path().join("papers");
    papers(&folder);
    run(&["import", path(&folder), "--data", path(&data)]);
    assert_eq!(json(&run(&["gc", "--grace-hours", "0", "--data", path(&data), "--json"]))["deleted"], 0);
    let reindexed = run(&["reindex", "--data", path(&data), "--json"]);
    assert_eq!(code(&reindexed), 0, "{reindexed:?}");
    let verified = run(&["verify", "--data", path(&data), "--json"]);
    assert_eq!(
        (code(&verified), &json(&verified)["objectsChecked"]),
        (0, &json(&reindexed)["objects"]),
        "{verified:?}"
    );
}

#[test]
fn a_check_was_silent_when_the_office_went_away() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap());
    let office = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 4_096];
        assert!(stream.read(&mut asked).unwrap() > 0);
        let body = r#"{"state":"running","blobsChecked":1,"bytesChecked":1}"#;
        let head = "HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\nconnection: close";
        write!(stream, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        // It is gone: nobody listens any more.
    });
    let output = cartulary(&["verify", "--server", &server]).env("CARTULARY_TOKEN", "t").output().unwrap();
    office.join().unwrap();
    let words = words(&output);
    assert_eq!(code(&output), 2, "{words}");
    assert!(words.contains("the office does not answer") && words.contains("it is asked for another"), "{words}");
    assert!(words.lines().last().unwrap().starts_with("error: the office does not answer"), "{words}");
}

#[test]
fn strangers_filled_the_log_with_errors() {
    let folder = tempfile::tempdir().unwrap();
    for (level, are_told) in [("info", false), ("debug", true)] {
        let data = folder.path().join(level);
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let office = Office::open_logging(&data, level, log.into());
        for odd in ["NONSENSE\r\n\r\n".to_owned(), format!("GET / HTTP/1.1\r\n{}\r\n", "x-a: b\r\n".repeat(200))] {
            let answer = office.call(&odd);
            assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
        }
        office.close();
        let log = fs::read_to_string(folder.path().join("log")).unwrap();
        assert_eq!(log.contains("stream error"), are_told, "{level}: {log}");
    }
}
