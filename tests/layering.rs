//! Guards the arrows between the crates and the fences around external ones; the table is architecture in data.

use std::process::Command;

use cartulary_tests::guards::layering::{
    Arrows, Fence, WordFence, arrow_violations, fence_violations, parse_metadata, word_violations,
};
use cartulary_tests::guards::tree::{SourceFile, root, text_files};

/// All below the interfaces, and the actix kit: what a module may stand on.
const HTTP_AND_BELOW: &[&str] = &["model", "db", "blobs", "index", "formats", "typeset", "repository", "http"];
const WORKFLOW_AND_BELOW: &[&str] =
    &["model", "db", "blobs", "index", "formats", "typeset", "repository", "http", "workflow"];
const REGISTRY_AND_BELOW: &[&str] =
    &["model", "db", "blobs", "index", "formats", "typeset", "repository", "http", "workflow", "registry"];
const ALL: &[&str] = &[
    "model",
    "db",
    "blobs",
    "index",
    "formats",
    "typeset",
    "repository",
    "http",
    "cmis",
    "demo",
    "workflow",
    "registry",
    "scan",
    "publish",
    "filing",
    "webui",
    "server",
];

/// The table of `crates/README.md`. A new arrow is said in the commit that draws it.
const ARROWS: &[Arrows<'_>] = &[
    Arrows { from: "model", to: &[] },
    Arrows { from: "db", to: &["model"] },
    Arrows { from: "blobs", to: &["model"] },
    Arrows { from: "index", to: &["model"] },
    Arrows { from: "formats", to: &["model"] },
    Arrows { from: "typeset", to: &["model"] },
    Arrows { from: "repository", to: &["model", "db", "blobs", "index", "formats"] },
    Arrows { from: "http", to: &["model", "repository"] },
    Arrows { from: "cmis", to: &["model", "repository", "http"] },
    Arrows { from: "demo", to: HTTP_AND_BELOW },
    Arrows { from: "workflow", to: HTTP_AND_BELOW },
    Arrows { from: "registry", to: WORKFLOW_AND_BELOW },
    Arrows { from: "scan", to: HTTP_AND_BELOW },
    Arrows { from: "publish", to: REGISTRY_AND_BELOW },
    Arrows { from: "filing", to: REGISTRY_AND_BELOW },
    Arrows { from: "webui", to: &[] },
    Arrows { from: "server", to: ALL },
    Arrows { from: "tests", to: ALL },
    Arrows { from: "benches", to: ALL },
];

/// Tests and benches stand outside: they measure against the bare tools, and break things from below.
const FENCES: &[Fence<'_>] = &[
    Fence {
        crates: &["actix-", "actix-web"],
        packages: &[
            "http", "cmis", "demo", "workflow", "registry", "scan", "publish", "filing", "server", "tests", "benches",
        ],
        why: "only routes know HTTP",
    },
    Fence {
        crates: &["diesel", "diesel_migrations", "libsqlite3-sys"],
        packages: &[
            "db",
            "repository",
            "demo",
            "workflow",
            "registry",
            "scan",
            "publish",
            "filing",
            "tests",
            "benches",
        ],
        why: "SQL stands only in stores",
    },
    Fence { crates: &["object_store"], packages: &["blobs", "tests", "benches"], why: "bytes have one door" },
    Fence { crates: &["tantivy"], packages: &["index", "tests", "benches"], why: "the index has one seam" },
    Fence {
        crates: &["lopdf", "image", "hayro", "hayro-"],
        packages: &["formats", "tests", "benches"],
        why: "untrusted files are read in contained workers only",
    },
    Fence {
        crates: &["quick-xml"],
        packages: &["formats", "cmis", "publish", "tests", "benches"],
        why: "untrusted XML is read in few places",
    },
];

const MODULES: &[&str] =
    &["crates/demo/", "crates/workflow/", "crates/registry/", "crates/scan/", "crates/publish/", "crates/filing/"];

const REPOSITORY_AND_MODULES: &[&str] = &[
    "crates/repository/",
    "crates/demo/",
    "crates/workflow/",
    "crates/registry/",
    "crates/scan/",
    "crates/publish/",
    "crates/filing/",
];

const WORD_FENCES: &[WordFence<'_>] = &[
    WordFence {
        word: "diesel",
        within: REPOSITORY_AND_MODULES,
        except: &["/src/store/", "/src/store.rs"],
        why: "SQL stands only in `store/`",
    },
    WordFence {
        word: "actix_web",
        within: MODULES,
        except: &["/src/routes/", "/src/routes.rs"],
        why: "only a module's `routes/` know HTTP",
    },
    WordFence { word: "async", within: &["crates/model/"], except: &[], why: "the model knows no runtime" },
    WordFence { word: "std::fs", within: &["crates/model/"], except: &[], why: "the model does no input or output" },
    WordFence { word: "std::net", within: &["crates/model/"], except: &[], why: "the model does no input or output" },
    WordFence {
        word: "std::process",
        within: &["crates/model/"],
        except: &[],
        why: "the model does no input or output",
    },
    WordFence {
        word: "std::net",
        within: &["crates/db/", "crates/index/", "crates/formats/"],
        // The tests' worker tries to, and must not succeed.
        except: &["/tests/", "formats/src/bin/"],
        why: "this crate opens no socket",
    },
];

fn metadata() -> String {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
}

fn made_up_package(name: &str, dependency: &str) -> String {
    format!(r#"{{"packages": [{{"name": "{name}", "dependencies": [{{"name": "{dependency}"}}]}}]}}"#)
}

#[test]
fn arrows_go_down_only() {
    let packages = parse_metadata(&metadata()).unwrap();
    assert!(packages.len() > 5, "the workspace was not found");
    let violations = arrow_violations(&packages, ARROWS);
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn external_crates_stay_inside_their_fences() {
    let packages = parse_metadata(&metadata()).unwrap();
    let violations = fence_violations(&packages, FENCES);
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn fenced_words_stand_only_where_they_may() {
    let files = text_files(|path| path.starts_with("crates/") && path.ends_with(".rs")).unwrap();
    let violations = word_violations(&files, WORD_FENCES);
    assert!(violations.is_empty(), "{}", violations.join("\n"));
}

#[test]
fn the_code_map_names_every_crate() {
    let map = text_files(|path| path == "crates/README.md").unwrap();
    let map = map.first().map(|file| file.text.as_str()).unwrap_or_default();
    for package in parse_metadata(&metadata()).unwrap() {
        let name = package.name.trim_start_matches("cartulary-").to_owned();
        assert!(map.contains(&format!("| `{name}` |")), "crates/README.md has no row for `{name}`");
    }
}

#[test]
fn an_arrow_upwards_is_found() {
    let upwards = parse_metadata(&made_up_package("cartulary-db", "cartulary-http")).unwrap();
    assert_eq!(arrow_violations(&upwards, ARROWS), ["db may not depend on http: it may depend on model"]);
}

#[test]
fn a_crate_without_a_layer_is_found() {
    let strange = parse_metadata(&made_up_package("cartulary-misc", "serde")).unwrap();
    assert_eq!(arrow_violations(&strange, ARROWS), ["misc stands in no row of the table of arrows: give it a layer"]);
}

#[test]
fn a_fenced_crate_outside_its_fence_is_found() {
    for (package, dependency) in [
        ("cartulary-repository", "actix-web"),
        ("cartulary-http", "diesel"),
        ("cartulary-repository", "object_store"),
        ("cartulary-repository", "tantivy"),
        ("cartulary-server", "lopdf"),
        ("cartulary-demo", "quick-xml"),
    ] {
        let packages = parse_metadata(&made_up_package(package, dependency)).unwrap();
        assert_eq!(fence_violations(&packages, FENCES).len(), 1, "{package} → {dependency} was not found");
    }
}

#[test]
fn a_fenced_word_outside_its_fence_is_found() {
    let bad = [
        SourceFile::made_up("crates/repository/src/services/document.rs", "//! x\nuse diesel::prelude::*;\n"),
        SourceFile::made_up("crates/demo/src/jobs.rs", "fn f() { actix_web::web::get() }"),
        SourceFile::made_up("crates/model/src/id.rs", "pub async fn f() {}"),
    ];
    let violations = word_violations(&bad, WORD_FENCES);
    assert_eq!(violations.len(), 3, "{violations:?}");
    assert!(violations.first().is_some_and(|words| words.starts_with("crates/repository/src/services/document.rs:2:")));
    let good = [
        SourceFile::made_up("crates/repository/src/store/document.rs", "use diesel::prelude::*;"),
        SourceFile::made_up("crates/repository/src/lib.rs", "//! diesel is not known here."),
        SourceFile::made_up("crates/demo/src/routes/papers.rs", "use actix_web::web;"),
    ];
    assert_eq!(word_violations(&good, WORD_FENCES), Vec::<String>::new());
}
