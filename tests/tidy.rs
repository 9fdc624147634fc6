//! Guards the form of the repository: lengths, words, openings, leftovers, folders, other people's papers, scripts.

use std::fs;
use std::path::PathBuf;

use cartulary_tests::guards::tidy::{
    LengthLimits, copied_samples, forbidden_words, is_shell, leftover_violations, length_violations, length_warnings,
    opening_violations, shell_violation, top_level_violations,
};
use cartulary_tests::guards::tree::{SourceFile, paths, root, samples, text_files};

/// Style §2. An exception is written with the length that the file has, and may only become shorter.
const LIMITS: LengthLimits<'_> = LengthLimits { warn: 400, hard: 800, exceptions: &[] };

/// Written by a tool, and read by one: `npm run api` makes it of the OpenAPI document.
const GENERATED: &[&str] = &["ui/src/api/schema.ts"];

/// The office's words, which layers 0 to 3 do not know.
const OFFICE_WORDS: &[&str] = &["trademark", "patent", "gazette", "applicant", "examiner", "inid", "wipo"];

/// Layers 0 to 3.
const CORE: &[&str] = &["model", "db", "blobs", "index", "formats", "repository", "http", "cmis"];

const TOP_LEVEL: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "crates",
    "schema",
    "storage-config",
    "ui",
    "scripts",
    "tests",
    "benches",
    "README.md",
    "LICENSE",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
];

fn is_code(path: &str) -> bool {
    [".rs", ".ts", ".tsx", ".mjs", ".css", ".sh"].iter().any(|ending| path.ends_with(ending))
}

fn is_core(path: &str) -> bool {
    CORE.iter().any(|name| path.starts_with(&format!("crates/{name}/")))
}

fn made_up(path: &str, text: &str) -> Vec<SourceFile> {
    vec![SourceFile::made_up(path, text)]
}

fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

#[test]
fn files_are_short_enough() {
    let files = text_files(|path| is_code(path) && !GENERATED.contains(&path)).unwrap();
    for warning in length_warnings(&files, &LIMITS) {
        println!("look twice: {warning}");
    }
    assert_none(&length_violations(&files, &LIMITS));
}

#[test]
fn a_long_file_is_found_and_an_exception_can_only_shrink() {
    let long = made_up("crates/x/src/lib.rs", &"x\n".repeat(801));
    assert_eq!(length_violations(&long, &LIMITS).len(), 1);
    let exactly = LengthLimits { exceptions: &[("crates/x/src/lib.rs", 801)], ..LIMITS };
    assert_none(&length_violations(&long, &exactly));
    let too_wide = LengthLimits { exceptions: &[("crates/x/src/lib.rs", 900)], ..LIMITS };
    assert_eq!(length_violations(&long, &too_wide).len(), 1);
    let unneeded = LengthLimits { exceptions: &[("crates/x/src/gone.rs", 900)], ..LIMITS };
    assert_eq!(length_violations(&[], &unneeded).len(), 1);
}

#[test]
fn unit_tests_at_the_end_do_not_count() {
    let text = format!("//! x\n{}\n#[cfg(test)]\nmod tests {{\n{}}}\n", "x\n".repeat(700), "y\n".repeat(700));
    assert_none(&length_violations(&made_up("crates/x/src/lib.rs", &text), &LIMITS));
}

#[test]
fn the_core_does_not_speak_of_the_office() {
    let files = text_files(is_core).unwrap();
    assert!(!files.is_empty(), "the core was not found");
    assert_none(&forbidden_words(&files, OFFICE_WORDS));
}

#[test]
fn an_office_word_in_the_core_is_found() {
    for text in
        ["// a Patent", "struct TrademarkId;", "fn find_applicants()", "let x = \"WIPO\";", "XMLGazette", "inid_code"]
    {
        assert_eq!(forbidden_words(&made_up("crates/model/src/x.rs", text), OFFICE_WORDS).len(), 1, "{text}");
    }
    assert_none(&forbidden_words(&made_up("crates/model/src/x.rs", "minIdle, min_idle, main identity"), OFFICE_WORDS));
}

#[test]
fn rust_files_say_what_they_are() {
    let files = text_files(|path| path.ends_with(".rs")).unwrap();
    assert!(!files.is_empty(), "no Rust file was found");
    assert_none(&opening_violations(&files));
}

#[test]
fn a_file_that_does_not_say_what_it_is_is_found() {
    assert_eq!(opening_violations(&made_up("crates/x/src/lib.rs", "use std::fs;\n//! Late.\n")).len(), 1);
    assert_none(&opening_violations(&made_up("crates/x/src/lib.rs", "//! Says it.\n")));
}

#[test]
fn no_unfinished_work_and_no_switched_off_test_is_left() {
    let files = text_files(|path| path.ends_with(".rs")).unwrap();
    assert_none(&leftover_violations(&files));
}

#[test]
fn leftovers_are_found() {
    for text in [
        "fn f() { todo!() }",
        "unimplemented!(\"x\")",
        "let x = dbg!(y);",
        "#[ignore]",
        "#[ignore = \"slow\"]",
        "#[should_panic(expected = \"x\")]",
        "#[cfg_attr(unix, ignore)]",
    ] {
        assert_eq!(leftover_violations(&made_up("crates/x/src/lib.rs", text)).len(), 1, "{text}");
    }
    assert_none(&leftover_violations(&made_up("crates/x/src/lib.rs", "// todo!()\nlet ignore = \"#[ignore]\";\n")));
}

#[test]
fn the_top_folders_are_the_known_ones() {
    assert_none(&top_level_violations(&paths().unwrap(), TOP_LEVEL));
}

#[test]
fn a_new_top_folder_is_found() {
    let paths = ["deny.toml", "misc/x.rs", ".deny.toml", "crates/x/src/lib.rs"].map(str::to_owned);
    assert_eq!(top_level_violations(&paths, TOP_LEVEL).len(), 2);
}

#[test]
fn no_sample_paper_is_committed() {
    let Some(samples) = samples() else {
        println!("SKIPPED: no samples to compare the repository with");
        return;
    };
    let ours: Vec<PathBuf> = paths().unwrap().iter().map(|path| root().join(path)).collect();
    assert_none(&copied_samples(&ours, &samples).unwrap());
}

#[test]
fn a_copied_sample_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let (samples, ours) = (folder.path().join("samples"), folder.path().join("ours"));
    for (path, text) in [(samples.join("deep/a.txt"), "a"), (ours.join("copy.txt"), "a"), (ours.join("other.txt"), "b")]
    {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text.repeat(100)).unwrap();
    }
    let violations = copied_samples(&[ours.join("copy.txt"), ours.join("other.txt")], &samples).unwrap();
    assert_eq!(violations.len(), 1, "{violations:?}");
}

#[test]
fn scripts_are_readable_by_bash() {
    let scripts: Vec<SourceFile> = text_files(|path| path.starts_with("scripts/") || path.starts_with(".ci/"))
        .unwrap()
        .into_iter()
        .filter(is_shell)
        .collect();
    assert!(!scripts.is_empty(), "no script was found");
    let violations: Vec<String> =
        scripts.iter().filter_map(|script| shell_violation(&root().join(&script.path)).unwrap()).collect();
    assert_none(&violations);
}

#[test]
fn a_broken_script_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("broken");
    fs::write(&script, "#!/usr/bin/env bash\nif true; then\n").unwrap();
    assert!(shell_violation(&script).unwrap().is_some());
    fs::write(&script, "#!/usr/bin/env bash\nif true; then :; fi\n").unwrap();
    assert_eq!(shell_violation(&script).unwrap(), None);
}
