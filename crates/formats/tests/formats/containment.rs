//! What happens when a worker misbehaves, under each containment.

use crate::harness::{all_text, block_on, codes, config, every_containment, impatient, misbehave};
use cartulary_formats::{ContainmentChoice, FormatsError, TextState, WorkerConfig, WorkerPool};
use std::path::PathBuf;
use std::time::{Duration, Instant};

fn still_works(pool: &WorkerPool) {
    assert_eq!(all_text(&misbehave(pool, "nothing").unwrap()), "some text\n");
}

/// Lets the worker misbehave under each containment and looks at the error; the next job must work.
fn check(how: &str, config: &WorkerConfig, expect: impl Fn(&FormatsError) -> bool) {
    for containment in every_containment() {
        let pool = WorkerPool::new(WorkerConfig { containment, ..config.clone() });
        let error = misbehave(&pool, how).unwrap_err();
        assert!(expect(&error), "{how} under {:?}: {error:?}", pool.containment());
        still_works(&pool);
        assert_eq!(pool.report().lost, 1);
    }
}

#[test]
fn a_worker_that_sleeps_is_ended_at_the_wall() {
    check("sleep", &impatient(), |error| matches!(error, FormatsError::TimedOut { .. }));
}

#[test]
fn a_worker_that_spins_is_ended_by_its_processor_time() {
    let config = WorkerConfig { wall: Duration::from_secs(60), ..impatient() };
    let begun = Instant::now();
    check("spin", &config, |error| matches!(error, FormatsError::TimedOut { .. }));
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_worker_that_takes_all_memory_is_stopped() {
    let config = WorkerConfig { cpu_seconds_per_page: 60, wall: Duration::from_secs(120), ..impatient() };
    check("memory", &config, |error| matches!(error, FormatsError::MemoryExceeded { .. }));
}

#[test]
fn a_worker_that_crashes_says_how() {
    check("abort", &impatient(), |error| error.to_string().contains("signal 6"));
    check("exit", &impatient(), |error| error.to_string().contains("exit code 7"));
    check("overflow", &impatient(), |error| error.to_string().contains("stack overflowed"));
}

#[test]
fn a_taken_over_worker_reaches_nothing() {
    for containment in [ContainmentChoice::Auto, ContainmentChoice::Landlock] {
        let pool = WorkerPool::new(WorkerConfig { containment, ..impatient() });
        let error = misbehave(&pool, "escape").unwrap_err();
        let report = pool.containment();
        if report.kind == "rlimits" {
            println!("SKIPPED: neither bubblewrap nor landlock works here ({})", report.detail);
            continue;
        }
        assert!(error.to_string().contains("exit code 40"), "under {report:?}: {error}");
    }
}

#[test]
fn the_containment_in_force_is_told() {
    let kind = |containment| WorkerPool::new(WorkerConfig { containment, ..config() }).containment().kind;
    assert_eq!(kind(ContainmentChoice::LimitsOnly), "rlimits");
    assert!(["landlock+rlimits", "rlimits"].contains(&kind(ContainmentChoice::Landlock).as_str()));
    let best = kind(ContainmentChoice::Auto);
    println!("the best containment here: {best}");
    assert!(["bubblewrap", "landlock+rlimits", "rlimits"].contains(&best.as_str()));
}

#[test]
fn a_missing_program_is_unavailable() {
    let config = WorkerConfig::new("/nowhere/at/all", Vec::new());
    let pool = WorkerPool::new(config);
    assert_eq!(pool.containment().kind, "unavailable");
    let error = misbehave(&pool, "nothing").unwrap_err();
    assert!(matches!(error, FormatsError::Unavailable { .. }) && error.is_transient());
}

#[test]
fn a_missing_file_is_unreadable() {
    let pool = WorkerPool::new(config());
    let error = block_on(pool.extract(PathBuf::from("/nowhere/at/all"), None, "a.pdf")).unwrap_err();
    assert!(matches!(error, FormatsError::Unreadable { .. }));
    assert_eq!(error.as_fault().code.as_str(), "file_unreadable");
}

#[test]
fn output_is_cut_at_its_limit() {
    let pool = WorkerPool::new(WorkerConfig { output_bytes: 10_000, ..config() });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("content");
    std::fs::write(&path, "many words ".repeat(10_000)).unwrap();
    let read = block_on(pool.extract(path, None, "a.txt")).unwrap();
    assert_eq!(read.text_state, TextState::Partial);
    assert_eq!(codes(&read), ["text_truncated"]);
    assert_eq!(read.pages.iter().map(|page| page.text.len()).sum::<usize>(), 10_000);
}

#[test]
fn a_dropped_caller_frees_the_worker() {
    let pool = WorkerPool::new(WorkerConfig { wall: Duration::from_secs(600), ..config() });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("content");
    std::fs::write(&path, b"x").unwrap();
    block_on(async {
        let endless = pool.extract(path, Some("application/x-cartulary-test"), "sleep");
        assert!(tokio::time::timeout(Duration::from_millis(200), endless).await.is_err());
    });
    let begun = Instant::now();
    still_works(&pool);
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[test]
fn workers_are_replaced_after_their_share() {
    let pool = WorkerPool::new(WorkerConfig { jobs_per_worker: 3, ..config() });
    for _ in 0..7 {
        still_works(&pool);
    }
    let report = pool.report();
    assert_eq!((report.jobs, report.started, report.lost), (7, 3, 0));
}

#[test]
fn idle_workers_go_and_come_back() {
    let pool = WorkerPool::new(WorkerConfig { idle: Duration::from_millis(1), ..config() });
    still_works(&pool);
    // The slot lets its worker go as soon as it looks; only the next start tells.
    for _ in 0..1_000 {
        if pool.report().started > 1 {
            return;
        }
        still_works(&pool);
        std::thread::yield_now();
    }
    panic!("the worker was kept: {:?}", pool.report());
}
