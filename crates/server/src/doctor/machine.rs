//! Findings about the machine as a whole.

use super::Finding;
use crate::{output, process};

/// So many open files serve forty PCs without a thought.
const OPEN_FILES_ENOUGH: u64 = 4096;

/// The program itself.
pub fn program() -> Finding {
    let version = env!("CARGO_PKG_VERSION");
    if cfg!(feature = "postgres") {
        return Finding::good("program", format!("cartulary {version}, for SQLite and PostgreSQL"));
    }
    Finding::good(
        "program",
        format!("cartulary {version}, for SQLite; PostgreSQL needs a build with libpq-dev present"),
    )
}

/// Processors, and whether they hash in hardware.
pub fn processors() -> Finding {
    let count = std::thread::available_parallelism().map_or(1, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let hashes = info.split_whitespace().any(|flag| flag == "sha_ni" || flag == "sha2");
    if hashes {
        return Finding::good("processors", format!("{count}, with SHA-256 in hardware"));
    }
    Finding::weak(
        "processors",
        format!("{count}, without SHA-256 in hardware"),
        "hashing takes about five times as long; import and verify of large files are bound by it",
    )
}

/// Memory.
pub fn memory() -> Finding {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = info.lines().find(|line| line.starts_with("MemAvailable:")).unwrap_or_default();
    let kilobytes: u64 = line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0);
    let bytes = kilobytes.saturating_mul(1024);
    let found = format!("{} available", output::bytes(bytes));
    if kilobytes == 0 {
        return Finding::weak("memory", "unknown", "nothing by itself");
    }
    if bytes < 1_000_000_000 {
        return Finding::weak(
            "memory",
            found,
            "large or damaged papers may be given up while they are read; 1 GB is comfortable",
        );
    }
    Finding::good("memory", found)
}

/// How many files may be open.
pub fn open_files() -> Finding {
    let limit = process::raise_open_files();
    if limit >= OPEN_FILES_ENOUGH {
        return Finding::good("open files", format!("{limit} at once"));
    }
    Finding::weak(
        "open files",
        format!("{limit} at once"),
        format!(
            "about so many connections can be held; raise it with `ulimit -Hn {OPEN_FILES_ENOUGH}` or LimitNOFILE="
        ),
    )
}
