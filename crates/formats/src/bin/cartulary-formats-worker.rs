//! The worker of this crate's tests: the real one, with a hook that misbehaves when a test's file name asks for it.

use cartulary_formats::worker;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    worker::run_with_hook(misbehave, || ())
}

/// Only jobs with this type hint are meant.
const TEST_TYPE: &str = "application/x-cartulary-test";

fn misbehave(file_name: &str, media_type_hint: Option<&str>) {
    if media_type_hint != Some(TEST_TYPE) {
        return;
    }
    match file_name {
        "sleep" => std::thread::sleep(Duration::from_secs(3_600)),
        "spin" => {
            let mut turns = 0_u64;
            loop {
                turns = std::hint::black_box(turns.wrapping_add(1));
            }
        }
        "abort" => std::process::abort(),
        "exit" => std::process::exit(7),
        "memory" => {
            let mut held: Vec<Vec<u8>> = Vec::new();
            loop {
                held.push(vec![1; 16 << 20]);
            }
        }
        "overflow" => {
            let depth = dig(0);
            std::process::exit(i32::try_from(depth % 7).unwrap_or(1));
        }
        "escape" => {
            // What a taken-over worker would try; any success ends it with a code that the test refuses.
            let read = std::fs::read("/etc/passwd").is_ok() || std::fs::read_dir("/").is_ok();
            let written = std::fs::write("/tmp/cartulary-formats-escape", b"x").is_ok();
            let started = std::process::Command::new("/bin/true").status().is_ok();
            let connected = std::net::TcpStream::connect("127.0.0.1:22").is_ok_and(|_| true)
                || std::net::TcpListener::bind("127.0.0.1:0").is_ok();
            let secret = std::env::var_os("CARTULARY_TEST_SECRET").is_some();
            let broken = u8::from(read)
                | (u8::from(written) << 1)
                | (u8::from(started) << 2)
                | (u8::from(connected) << 3)
                | (u8::from(secret) << 4);
            std::process::exit(40 + i32::from(broken));
        }
        _ => {}
    }
}

#[expect(unconditional_recursion, reason = "it is meant to overflow the stack")]
fn dig(depth: u64) -> u64 {
    let space = std::hint::black_box([depth; 256]);
    dig(depth.wrapping_add(1)).wrapping_add(space.iter().sum::<u64>())
}
