//! Hostile bags: each is refused whole, with all that is wrong, and nothing of it is there afterwards.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use cartulary_model::ObjectId;
use cartulary_repository::{
    BagReport, ExportScope, NewAccessEntry, NewAccessList, NewDocument, NewDossierVersion, Precondition,
    RepositoryError, VerifyOptions,
};
use cartulary_tests::office::{TestOffice, content, each_office, each_pair};
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
    ("an unknown type, name and person", &["unknown_type", "invalid_name", "unknown_principal", "wrong_type"], |bag| {
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

/// What nobody can say to the office in any other way either.
const UNFIT: &[Case] = &[
    ("a version with the greatest number", &["invalid_versions"], |bag| {
        changed(bag, |object| object["series"]["versions"][0]["major"] = json!(i32::MAX));
    }),
    ("a destroyed version with the greatest number", &["invalid_versions"], |bag| {
        changed(bag, |object| object["series"]["destroyed"] = json!([i32::MAX, i32::MAX]));
    }),
    ("names of files and media types without end", &["invalid_content"], |bag| {
        changed(bag, |object| {
            object["contents"]["content"]["fileName"] = json!("x".repeat(1_000_000));
            object["series"]["versions"][0]["contents"]["content"]["mediaType"] = json!("x/".repeat(50_000));
        });
    }),
    ("titles and comments that mislead or have no end", &["invalid_title", "invalid_comment"], |bag| {
        changed(bag, |object| {
            object["title"] = json!("invoice\u{202e}fdp.exe");
            object["series"]["versions"][0]["title"] = json!("x".repeat(1_000_000));
            object["series"]["versions"][0]["comment"] = json!("x".repeat(1_000_000));
        });
    }),
    ("people with names that mislead", &["invalid_principal"], |bag| {
        rewritten(&bag.join("data/cartulary.json"), |said| {
            let people = said["principals"].as_array_mut().unwrap();
            for key in ["user:a\u{202e}b", "user:amal ", "group: ", "user:a/b", "x"] {
                people.push(json!({ "key": key, "displayName": "x" }));
            }
            people.push(json!({ "key": "user:huda", "displayName": "x".repeat(10_000) }));
        });
        manifested(bag);
    }),
    ("people who look like others here", &["name_taken"], |bag| {
        rewritten(&bag.join("data/cartulary.json"), |said| {
            let people = said["principals"].as_array_mut().unwrap();
            people.push(json!({ "key": "user:systern", "displayName": "x" }));
            people.push(json!({ "key": "group:SYSTERN", "displayName": "x" }));
        });
        manifested(bag);
    }),
    ("a place that leaves no room, and instants to come", &["invalid_places", "future_instant"], |bag| {
        changed(bag, |object| {
            object["places"][0]["ordinal"] = json!(i64::MAX);
            object["modifiedAt"] = json!("2999-12-31T23:59:59.999Z");
            object["series"]["clock"] = json!("2999-12-31T23:59:59.999Z");
        });
    }),
    ("a state that its type does not have", &["unknown_state"], |bag| {
        changed(bag, |object| object["state"] = json!("approved"));
    }),
    ("pages of a file that is none", &["invalid_arrangement"], |bag| {
        changed(bag, |object| {
            let digest = object["contents"]["content"]["digest"].clone();
            object["arrangement"] = json!([{ "digest": digest, "page": 1, "rotation": 0 }]);
        });
    }),
    ("pages that are none", &["invalid_arrangement", "missing_content"], |bag| {
        changed(bag, |object| {
            object["arrangement"] = json!([{ "digest": "0".repeat(64), "page": 0, "rotation": 45 }]);
        });
    }),
    ("a name in another normal form", &["invalid_name"], |bag| {
        changed(bag, |object| object["name"] = json!("e\u{301}.txt"));
    }),
    ("a relationship of one with itself, and one that lies somewhere", &["unknown_end", "invalid_object"], |bag| {
        let path = document(bag);
        let mut object: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        let source = object["id"].clone();
        for places in [json!([]), json!([{ "ordinal": 1, "filedAt": "2024-01-01T00:00:00.000Z" }])] {
            let id = ObjectId::generate().to_string();
            object.as_object_mut().unwrap().retain(|key, _| !["contents", "series"].contains(&key.as_str()));
            object["id"] = json!(id);
            object["base"] = json!("relationship");
            object["type"] = json!("relationship");
            object["places"] = places;
            object["ends"] = json!({ "source": source, "target": source });
            let folder = bag.join("data/objects").join(&id[id.len() - 2..]);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(format!("{id}.json")), object.to_string()).unwrap();
        }
        manifested(bag);
    }),
    ("a working copy of another type", &["wrong_base", "wrong_type", "duplicate_id"], |bag| {
        changed(bag, |object| {
            let mut copy = object["series"]["versions"][0].clone();
            for key in ["createdBy", "modifiedBy", "createdAt", "modifiedAt"] {
                copy[key] = object[key].clone();
            }
            copy["checkedOutBy"] = object["createdBy"].clone();
            copy["type"] = json!("folder");
            object["series"]["working"] = copy;
        });
    }),
];

/// Changes the JSON of a document, and the manifests with it.
fn changed(bag: &Path, change: impl FnOnce(&mut Value)) {
    rewritten(&document(bag), change);
    manifested(bag);
}

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
        for (what, expect, spoil) in CASES.iter().chain(UNFIT) {
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
async fn a_bag_gives_nobody_what_he_could_not_do_by_hand() {
    type Act = (&'static str, fn(&mut Value));
    let kept: fn(&mut Value) = |object| {
        object["series"]["versions"][0]["kept"] = json!({ "recordSince": "2024-01-01T00:00:00.000Z" });
    };
    let acts: &[Act] = &[
        ("SetRetention", kept),
        ("ManageLegalHold", |object| {
            let kept = json!({ "recordSince": "2024-01-01T00:00:00.000Z", "held": true });
            object["series"]["versions"][0]["kept"] = kept;
        }),
        ("Unlock", |object| {
            object["lock"] = json!({ "owner": "user:system", "lockedAt": "2024-01-01T00:00:00.000Z" });
        }),
        ("WriteSecurity", |object| object["access"] = json!({ "inherits": false, "entries": [] })),
        ("administrator", |object| {
            object["places"] = json!([]);
            object["unfiledAt"] = json!("2024-01-01T00:00:00.000Z");
        }),
        ("administrator", |object| {
            let mark = json!({
                "list": "policy:some.thing", "principal": "user:system", "permission": "Everything", "grants": false,
            });
            object["access"] = json!({ "inherits": true, "entries": [mark] });
        }),
    ];
    each_pair(async |office, other| {
        let (bag, _) = bag_of(office).await;
        let folder = other.dossier("old").await;
        let session = other.user("amal", &[]).await;
        let may = ["Read", "AddChildren", "ImportHistory"].map(|may| NewAccessEntry::granting("amal", may));
        let list = NewAccessList { entries: may.into(), inherits: false };
        other.system.acl_put(folder, Precondition::Any, list).await.unwrap();
        for (wanted, change) in acts {
            let spoilt = tempfile::tempdir().unwrap();
            let spoilt = spoilt.path().join("bag");
            copied(&bag, &spoilt);
            changed(&spoilt, change);
            let refused = session.bag_import(spoilt, folder).await;
            let is_refused = matches!(&refused, Err(RepositoryError::Forbidden { permission }) if permission == wanted);
            assert!(is_refused, "{wanted}: {refused:?}");
        }
        let stranger = tempfile::tempdir().unwrap();
        let stranger = stranger.path().join("bag");
        copied(&bag, &stranger);
        rewritten(&stranger.join("data/cartulary.json"), |said| {
            said["principals"].as_array_mut().unwrap().push(json!({ "key": "user:huda", "displayName": "Huda" }));
        });
        manifested(&stranger);
        let refused = session.bag_import(stranger, folder).await;
        assert!(matches!(refused, Err(RepositoryError::Forbidden { .. })), "{refused:?}");
        assert_eq!(count(other).await, 0, "nothing came in");
        assert!(session.bag_import(bag, folder).await.unwrap().is_taken);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_its_versions_belie_is_refused_and_types_with_it() {
    each_pair(async |office, other| {
        office.declare("[[types]]\nid = 'test:paper'\nparent = 'document'\nbase = 'document'\nlabel = 'Paper'\n").await;
        let dossier = office.dossier("2024").await;
        let new = NewDocument {
            name: "a.txt".into(),
            type_id: Some("test:paper".into()),
            content: Some(content(&office.system, "a.txt", b"a").await),
            ..NewDocument::default()
        };
        office.system.document_create(dossier, new).await.unwrap();
        office.system.dossier_version_create(dossier, Precondition::Any, NewDossierVersion::default()).await.unwrap();
        let bag = export(&office.system, ExportScope::Tree { object: dossier }, office.folder().join("out")).await;
        let forged = office.folder().join("forged");
        copied(&bag, &forged);
        let is_dossier = |path: &PathBuf| std::fs::read_to_string(path).unwrap().contains("dossierVersions");
        let path = files(&forged.join("data/objects")).into_iter().find(is_dossier).unwrap();
        rewritten(&path, |object| {
            let text = object["dossierVersions"][0]["manifest"].as_str().unwrap().replace("1.0", "7.0");
            let digest = Sha256::digest(text.as_bytes());
            object["dossierVersions"][0]["digest"] =
                json!(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
            object["dossierVersions"][0]["manifest"] = json!(text);
        });
        manifested(&forged);
        let root = other.system.root_folder().await.unwrap();
        let report = other.system.bag_import(forged, root).await.unwrap();
        assert_eq!((report.is_taken, codes(&report)), (false, vec!["invalid_dossier_version"]), "{report:?}");
        assert!(report.faults[0].path.starts_with("data/objects/"), "{report:?}");
        assert_eq!(count(other).await, 0, "nothing came in");
        let is_declared = other.system.catalogue().await.unwrap().types().get("test:paper").is_some();
        assert!(!is_declared, "what it declares did not either");
        assert!(other.system.bag_import(bag, root).await.unwrap().is_taken);
        let verified = other.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap();
        assert!(verified.is_clean(), "{:?}", verified.faults);
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
