//! Ten thousand connections that hardly move: others are still answered.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use cartulary_tests::program::{Setup, absent, skip};
use cartulary_tests::random::Random;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

const WANTED: usize = 10_000;
/// Files that the test itself needs.
const OTHERS: u64 = 300;

/// Raises the limit on open files; returns how many connections this process may hold.
fn connections() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(1 << 20);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum });
    let now = getrlimit(Resource::Nofile).current.unwrap_or(1 << 20);
    // The office needs some hundred files besides connections, and has the same limit.
    usize::try_from(now.saturating_sub(OTHERS.max(1_000))).unwrap_or(0).min(WANTED)
}

#[test]
fn ten_thousand_slow_connections_do_not_keep_others_waiting() {
    if let Some(why) = absent() {
        return skip("slow connections", &why);
    }
    let count = connections();
    if count < WANTED {
        println!("{count} slow connections instead of {WANTED}: the limit on open files allows no more");
    }
    let folder = tempfile::tempdir().unwrap();
    let program = Setup::on(&folder.path().join("data")).start();
    let client = program.client();
    let dossier = client.dossier("2026-001").unwrap();
    let bytes = Random::seeded(1).bytes(200_000);
    let paper = client.upload(&dossier, b"scan.bin", &bytes).unwrap().expect(201).json();
    let content = format!("/api/v1/documents/{}/content", paper["id"].as_str().unwrap());
    let before = program.memory("VmRSS");

    // A third stops in the head, a third in the body, a third does not read its answer.
    let length = 10_000;
    let heads = [
        format!("GET /api/v1/dossiers HTTP/1.1\r\nHost: {}\r\nX-Slow: ", program.address),
        format!(
            "POST /api/v1/sessions HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{{",
            program.address
        ),
        format!(
            "GET {content} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n",
            program.address,
            client.token()
        ),
    ];
    let begun = Instant::now();
    let mut slow = Vec::with_capacity(count);
    while slow.len() < count {
        assert!(begun.elapsed() < Duration::from_secs(60), "only {} connections in a minute", slow.len());
        let Ok(mut stream) = TcpStream::connect_timeout(&program.address, Duration::from_secs(10)) else { continue };
        let head = &heads[slow.len() % heads.len()];
        if stream.write_all(head.as_bytes()).is_ok() {
            slow.push(stream);
        }
    }
    let opened = begun.elapsed();
    let mut times = Vec::new();
    for round in 0..40 {
        let asked = Instant::now();
        let answer = match round % 4 {
            0 => client.get("/health/live").unwrap().expect(200),
            1 => client.get(&content).unwrap().expect(200),
            2 => client.get("/api/v1/dossiers?limit=10").unwrap().expect(200),
            _ => client.upload(&dossier, format!("{round}.txt").as_bytes(), b"words").unwrap().expect(201),
        };
        times.push(asked.elapsed());
        if round % 4 == 1 {
            assert_eq!(answer.body, bytes);
        }
    }
    times.sort();
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    let grown = program.memory("VmRSS").saturating_sub(before) / 1_048_576;
    println!(
        "{count} slow connections, opened in {opened:.1?}; others answered in {median:?}, at worst {worst:?}; {grown} MiB"
    );
    assert!(worst < Duration::from_secs(5), "{worst:?}");

    // Whoever does not finish the head of a request is sent away.
    let patience = Duration::from_secs(30);
    let stuck = &mut slow[0];
    stuck.set_read_timeout(Some(patience)).unwrap();
    let mut said = Vec::new();
    let ended = stuck.read_to_end(&mut said);
    let is_gone = ended.is_ok() || ended.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset);
    assert!(is_gone, "a request without an end is kept for ever");
    drop(slow);
    client.get("/health/ready").unwrap().expect(200);
    program.stop();
}
