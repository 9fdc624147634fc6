//! Hostile bags: each is refused whole, with all that is wrong, and nothing of it is there afterwards.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use cartulary_model::ObjectId;
use cartulary_repository::{BagReport, ExportScope, NewAccessEntry, NewAccessList, Precondition, RepositoryError};
use cartulary_tests::office::{TestOffice, each_office, each_pair};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::bags::{description, export};

/// Makes a dossier with two papers, and a bag of it.
async fn bag_of(office: &TestOffice) -> (PathBuf, ObjectId) {
    let dossier = office.dossier("2024").await;
    office.document(dossier, "a.txt", "first").await;
    office.document(dossier, "b.txt", "second").await;
    let scope = ExportScope::Tree { object: dossier };
    (export(&office.system, scope, office.folder().join("bag")).await, dossier)
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copied(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}

/// Writes the manifests anew, as somebody does who knows what he does.
fn manifested(bag: &Path) {
    let mut text = String::new();
    for path in files(&bag.join("data")) {
        let digest = Sha256::digest(std::fs::read(&path).unwrap());
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        text.push_str(&format!("{hex}  {}\n", path.strip_prefix(bag).unwrap().to_str().unwrap()));
    }
    for name in ["manifest-sha512.txt", "tagmanifest-sha256.txt", "tagmanifest-sha512.txt", "bag-info.txt"] {
        std::fs::remove_file(bag.join(name)).unwrap();
    }
    std::fs::write(bag.join("manifest-sha256.txt"), text).unwrap();
}

/// Changes the JSON of an object.
fn rewritten(path: &Path, change: impl FnOnce(&mut Value)) {
    let mut value: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    change(&mut value);
    std::fs::write(path, value.to_string()).unwrap();
}

fn document(bag: &Path) -> PathBuf {
    let is_document = |path: &PathBuf| std::fs::read_to_string(path).unwrap().contains("\"base\": \"document\"");
    files(&bag.join("data/objects")).into_iter().find(is_document).unwrap()
}

/// Spoils a bag, and says which faults are found.
type Case = (&'static str, &'static [&'static str], fn(&Path));

const CASES: &[Case] = &[
    ("an altered byte", &["wrong_digest"], |bag| {
        let content = files(&bag.join("data/content")).remove(0);
        let mut bytes = std::fs::read(&content).unwrap();
        bytes[0] ^= 1;
        std::fs::write(content, bytes).unwrap();
    }),
    ("a missing content", &["missing_file", "missing_content", "wrong_oxum"], |bag| {
        std::fs::remove_file(files(&bag.join("data/content")).remove(0)).unwrap();
    }),
    ("a file that no manifest names", &["not_in_manifest", "unexpected_file", "wrong_oxum"], |bag| {
        std::fs::write(bag.join("data/more.txt"), "more").unwrap();
    }),
    ("a manifest that leads out", &["unsafe_path", "wrong_digest"], |bag| {
        let path = bag.join("manifest-sha256.txt");
        let mut text = std::fs::read_to_string(&path).unwrap();
        for place in ["../../etc/passwd", "/etc/passwd", "data/../../x", "data/con", "data\\x", "~/x/..", "C:\\x"] {
            text.push_str(&format!("{}  {place}\n", "0".repeat(64)));
        }
        std::fs::write(path, text).unwrap();
    }),
    ("a link", &["not_a_file", "missing_file", "missing_content", "wrong_oxum"], |bag| {
        let content = files(&bag.join("data/content")).remove(0);
        std::fs::remove_file(&content).unwrap();
        symlink("/etc/passwd", content).unwrap();
    }),
    ("no bag", &["not_a_bag", "missing_file"], |bag| std::fs::remove_file(bag.join("bagit.txt")).unwrap()),
    ("files from elsewhere", &["fetch"], |bag| {
        std::fs::write(bag.join("fetch.txt"), "http://127.0.0.1/x 1 data/x\n").unwrap();
    }),
    ("deep JSON", &["malformed_json", "unknown_folder"], |bag| {
        let folder = files(&bag.join("data/objects"));
        let folder = folder
            .iter()
            .find(|path| {
                std::fs::read_to_string(path).unwrap().contains("\"folder\"\n")
                    || std::fs::read_to_string(path).unwrap().contains("\"base\": \"folder\"")
            })
            .unwrap();
        std::fs::write(folder, "[".repeat(100_000)).unwrap();
        manifested(bag);
    }),
    ("one id twice", &["duplicate_id"], |bag| {
        rewritten(&document(bag), |object| {
            let id = object["series"]["id"].clone();
            object["series"]["versions"][0]["id"] = id;
        });
        manifested(bag);
    }),
    ("a folder that is not there", &["unknown_folder"], |bag| {
        rewritten(&document(bag), |object| object["places"][0]["folder"] = json!(ObjectId::generate()));
        manifested(bag);
    }),
    ("an unknown type, name and person", &["unknown_type", "invalid_name", "unknown_principal"], |bag| {
        rewritten(&document(bag), |object| {
            object["type"] = json!("nothing");
            object["name"] = json!("a/b");
            object["createdBy"] = json!("user:nobody");
        });
        manifested(bag);
    }),
    ("versions out of order", &["invalid_versions"], |bag| {
        rewritten(&document(bag), |object| object["series"]["versions"][0]["major"] = json!(-1));
        manifested(bag);
    }),
    ("a field that nobody knows", &["malformed_json"], |bag| {
        let path = bag.join("data/cartulary.json");
        rewritten(&path, |value| value["surprise"] = json!(true));
        manifested(bag);
    }),
];

fn codes(report: &BagReport) -> Vec<&'static str> {
    let mut codes: Vec<_> = report.faults.iter().map(|fault| fault.code).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spoilt_bag_is_refused_with_every_fault() {
    each_pair(async |office, other| {
        let (bag, _) = bag_of(office).await;
        let root = other.system.root_folder().await.unwrap();
        let before = count(other).await;
        for (what, expect, spoil) in CASES {
            let folder = tempfile::tempdir().unwrap();
            let spoilt = folder.path().join("bag");
            copied(&bag, &spoilt);
            spoil(&spoilt);
            let report = other.system.bag_import(spoilt, root).await.unwrap();
            let mut expect = expect.to_vec();
            expect.sort_unstable();
            assert_eq!((report.is_taken, codes(&report)), (false, expect), "{what}: {:?}", report.faults);
        }
        assert_eq!(count(other).await, before, "nothing came in");
        // The same unspoilt is taken, as a folder in another.
        let dossier = other.dossier("old").await;
        let report = other.system.bag_import(bag.clone(), dossier).await.unwrap();
        assert_eq!((report.is_taken, report.object_count, report.version_count), (true, 3, 2), "{report:?}");
        assert_eq!(description(&bag)["objectCount"], 3);
    })
    .await;
}

async fn count(office: &TestOffice) -> u64 {
    let statement = "SELECT cmis:name FROM cmis:document".to_owned();
    let request = cartulary_repository::QueryRequest { statement, ..Default::default() };
    office.system.query(request).await.unwrap().total
}

/// Returns the header of a tar entry, made by hand: no tool writes what is wanted here.
fn header(name: &str, kind: u8, size: usize, link: &str) -> Vec<u8> {
    let mut block = vec![0_u8; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[100..107].copy_from_slice(b"0000644");
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[136..147].copy_from_slice(b"00000000000");
    block[156] = kind;
    block[157..157 + link.len()].copy_from_slice(link.as_bytes());
    block[257..263].copy_from_slice(b"ustar\0");
    block[263..265].copy_from_slice(b"00");
    block[148..156].copy_from_slice(b"        ");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tar_that_leads_elsewhere_writes_nothing_there() {
    each_office(async |office| {
        let root = office.system.root_folder().await.unwrap();
        let mut tar = Vec::new();
        for name in ["../outside.txt", "/tmp/cartulary-outside.txt", "bag/../../outside.txt", "bag/con", "bag/a\\b"] {
            tar.extend(header(name, b'0', 0, ""));
        }
        tar.extend(header("bag/link", b'2', 0, "/etc"));
        tar.extend(header("bag/hard", b'1', 0, "/etc/passwd"));
        tar.extend(header("bag/null", b'3', 0, ""));
        tar.extend(header("bag/link/x", b'0', 0, ""));
        tar.extend(header("bag/bagit.txt", b'0', 0, ""));
        tar.extend(header("bag/bagit.txt", b'0', 0, ""));
        // It says that it goes on for eight gigabytes.
        tar.extend(header("bag/big", b'0', 0o77_777_777_777, ""));
        let path = office.folder().join("hostile.tar");
        std::fs::write(&path, tar).unwrap();
        let report = office.system.bag_import(path, root).await;
        let names: Vec<_> =
            std::fs::read_dir(office.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(!names.iter().any(|name| name == "outside.txt"), "{names:?}");
        assert!(!Path::new("/tmp/cartulary-outside.txt").exists());
        let report = report.unwrap();
        assert!(!report.is_taken);
        for code in ["unsafe_path", "not_a_file", "duplicate_path", "not_a_bag"] {
            assert!(codes(&report).contains(&code), "{code}: {report:?}");
        }
        let garbage = office.folder().join("garbage.tar");
        std::fs::write(&garbage, vec![0xff; 10_000]).unwrap();
        let report = office.system.bag_import(garbage, root).await.unwrap();
        assert!(codes(&report).contains(&"not_a_tar"), "{report:?}");
        assert!(std::fs::read_dir(office.folder().join("work")).unwrap().next().is_none(), "nothing is left behind");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_brought_in_by_whoever_holds_the_permission() {
    each_pair(async |office, other| {
        let (bag, _) = bag_of(office).await;
        let folder = other.dossier("old").await;
        let session = other.user("amal", &["staff"]).await;
        let refused = session.bag_import(bag.clone(), folder).await;
        assert!(matches!(refused, Err(RepositoryError::Forbidden { .. })), "{refused:?}");
        let may = NewAccessEntry::granting("amal", "ImportHistory");
        let list = NewAccessList { entries: vec![may], inherits: true };
        other.system.acl_put(folder, Precondition::Any, list).await.unwrap();
        let report = session.bag_import(bag, folder).await.unwrap();
        assert!(report.is_taken, "{report:?}");
    })
    .await;
}
