//! Bags out: what is in them, how they are made, stopped and forgotten, and that nobody gets what is not his.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cartulary_repository::{
    ArrangedPage, BulkAct, ExportScope, ExportState, ExportView, Faults, NewAccessEntry, NewAccessList, NewBulkAction,
    NewDossierVersion, NewExport, NewFolder, NewRelationship, ObjectChanges, PagesToArrange, PagesToSplit,
    Precondition, RepositoryError, Session, VersionNote, WindowRequest,
};
use cartulary_tests::office::{content, each_office};
use futures::StreamExt;
use serde_json::{Value, json};

const ANY: Precondition = Precondition::Any;
const ALL: WindowRequest = WindowRequest { offset: 0, limit: 1_000 };
/// Returns the files of a bag below `data/`, but what says when and by whom it was exported.
pub(crate) fn payload(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn walk(folder: &Path, below: &str, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{below}/{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), &name, found);
            } else {
                found.insert(name, std::fs::read(entry.path()).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(&folder.join("data"), "", &mut found);
    found.remove("/cartulary.json").unwrap();
    found
}

pub(crate) fn description(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("data/cartulary.json")).unwrap()).unwrap()
}

pub(crate) async fn export(session: &Session, scope: ExportScope, folder: PathBuf) -> PathBuf {
    session.export_to_folder(scope, folder.clone()).await.unwrap();
    folder
}

/// Waits for the end; the tests' own time limit is the limit.
async fn ended(session: &Session, id: &str) -> ExportView {
    loop {
        match session.export_get(id).await {
            Ok(view) if !matches!(view.state, ExportState::Counting | ExportState::Running) => return view,
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn done(session: &Session, scope: ExportScope) -> ExportView {
    let made = session.export_create(NewExport { scope, idempotency_key: None }).await.unwrap().value;
    let view = ended(session, &made.id).await;
    assert_eq!(view.state, ExportState::Done, "{view:?}");
    view
}

/// Downloads a bag and unpacks it as anybody would.
async fn unpacked(session: &Session, view: &ExportView, folder: &Path) -> PathBuf {
    std::fs::create_dir_all(folder).unwrap();
    let mut opened = session.export_open(&view.id, None).await.unwrap();
    let mut bytes = Vec::new();
    while let Some(chunk) = opened.bytes.next().await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    let tar = folder.join("bag.tar");
    std::fs::write(&tar, bytes).unwrap();
    let status = Command::new("tar").arg("-xf").arg(&tar).arg("-C").arg(folder).status().unwrap();
    assert!(status.success());
    folder.join(format!("cartulary-{}", view.id))
}

fn ids(bag: &Path) -> Vec<String> {
    let name = |path: &String| path.strip_prefix("/objects/").map(|path| path[3..path.len() - 5].to_owned());
    payload(bag).keys().filter_map(name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bag_has_what_one_may_see_and_nothing_confidential() {
    each_office(async |office| {
        let dossier = office.dossier("2024").await;
        let open = office.document(dossier, "open.txt", "open").await.value.summary.id;
        let secret = office.document(dossier, "secret.txt", "secret").await.value.summary.id;
        let hidden = office.document(dossier, "hidden.txt", "hidden").await.value.summary.id;
        let marked = ObjectChanges { facets: Some(vec!["confidential".into()]), ..ObjectChanges::default() };
        office.system.object_update(secret, ANY, marked).await.unwrap();
        let nobody = NewAccessList { entries: Vec::new(), inherits: false };
        office.system.acl_put(hidden, ANY, nobody).await.unwrap();
        let session = office.user("amal", &["staff"]).await;
        let scope = ExportScope::Tree { object: dossier };
        let view = done(&session, scope.clone()).await;
        assert_eq!((view.total, view.done_count, view.left_out_count), (Some(2), 2, 1));
        let bag = unpacked(&session, &view, &office.folder().join("first")).await;
        let mut wanted = vec![dossier.to_string(), open.to_string()];
        wanted.sort_by_key(|id| (id[id.len() - 2..].to_owned(), id.clone()));
        assert_eq!(ids(&bag), wanted);
        let said = description(&bag);
        assert_eq!(said["leftOut"], json!([{ "id": secret, "reason": "confidential" }]));
        assert!(!payload(&bag).values().any(|bytes| bytes == b"secret" || bytes == b"hidden"));
        // Whoever holds the permission takes it along, and that is written down.
        let may = NewAccessEntry::granting("amal", "ExportConfidential");
        let list = NewAccessList { entries: vec![may], inherits: true };
        office.system.acl_put(dossier, ANY, list).await.unwrap();
        let view = done(&session, scope.clone()).await;
        assert_eq!((view.done_count, view.left_out_count), (3, 0));
        // An entry of the log gets its place a moment after it is written.
        office.settle().await;
        let (entries, _) = office.system.audit_list(0, 1_000).await.unwrap();
        let read = entries.iter().find(|entry| entry.kind == "read" && entry.object_id == Some(secret));
        assert!(read.is_some_and(|entry| entry.detail.contains(&view.id)), "{entries:?}");
        assert_eq!(entries.iter().filter(|entry| entry.kind == "exported").count(), 2);
        // An export is of who asked for it.
        let other = office.user("huda", &["staff"]).await;
        let refused = other.export_open(&view.id, None).await.err();
        assert!(matches!(refused, Some(RepositoryError::NotFound { .. })), "{refused:?}");
        assert_eq!(other.export_list(ALL).await.unwrap().total, 0);
        let refused =
            other.export_create(NewExport { scope: ExportScope::Tree { object: hidden }, idempotency_key: None });
        assert!(matches!(refused.await, Err(RepositoryError::NotFound { .. })));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_bag_leaves_out_is_counted_by_objects_and_named() {
    each_office(async |office| {
        let system = &office.system;
        office
            .declare("[[types]]\nid = 'test:see'\nparent = 'relationship'\nbase = 'relationship'\nlabel = 'See'\n")
            .await;
        let (dossier, other) = (office.dossier("2024").await, office.dossier("2025").await);
        let paper = office.document(dossier, "a.txt", "a").await.value.summary.id;
        let annex = content(system, "b.bin", b"b").await;
        system.slot_put(paper, "annex".parse().unwrap(), ANY, annex, VersionNote::default()).await.unwrap();
        let elsewhere = office.document(other, "c.txt", "c").await.value.summary.id;
        let gone = office.document(dossier, "d.txt", "d").await.value.summary.id;
        system.object_trash(gone, ANY).await.unwrap();
        let copied = office.document(dossier, "e.txt", "e").await.value.summary.id;
        system.document_check_out(copied, None).await.unwrap();
        let link = NewRelationship {
            type_id: "test:see".into(),
            source: paper,
            target: elsewhere,
            name: None,
            properties: Default::default(),
            facets: Vec::new(),
            idempotency_key: None,
        };
        let link = system.relationship_create(link).await.unwrap().value.summary.id;
        // Of the contents of both papers nothing may be read: two objects, however many contents these are.
        let denied = ["staff", "everyone"]
            .map(|group| NewAccessEntry { grants: false, ..NewAccessEntry::granting(group, "ReadContent") });
        let list = NewAccessList { entries: denied.into(), inherits: true };
        system.acl_put(dossier, ANY, list).await.unwrap();
        let session = office.user("amal", &["staff"]).await;
        let view = done(&session, ExportScope::Tree { object: dossier }).await;
        let bag = unpacked(&session, &view, &office.folder().join("bag")).await;
        let said = description(&bag);
        let mut found: Vec<(String, &str)> = said["leftOut"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| (one["id"].as_str().unwrap().to_owned(), one["reason"].as_str().unwrap()))
            .collect();
        found.retain(|(id, _)| [paper, link, gone, copied].iter().any(|known| known.to_string() == *id));
        let mut wanted: Vec<(String, &str)> = vec![
            (paper.to_string(), "content"),
            (link.to_string(), "otherEnd"),
            (gone.to_string(), "trash"),
            (copied.to_string(), "content"),
            (copied.to_string(), "workingCopy"),
        ];
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted, "{said}");
        assert_eq!((view.done_count, view.left_out_count, &said["leftOutCount"]), (3, 4, &json!(4)));
        // Whoever may see all of it leaves out only what is not of the dossier.
        let view = done(system, ExportScope::Tree { object: dossier }).await;
        assert_eq!((view.done_count, view.left_out_count), (3, 2));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sees_some_pages_of_a_file_does_not_get_the_file() {
    each_office(async |office| {
        let system = &office.system;
        let (open, closed) = (office.dossier("open").await, office.dossier("closed").await);
        let nobody = NewAccessList { entries: Vec::new(), inherits: false };
        system.acl_put(closed, ANY, nobody).await.unwrap();
        let whole = office.document(closed, "whole.pdf", "%PDF-1.4\nthe pages that nobody sees").await.value.summary;
        let digest = whole.content.unwrap().digest;
        let pages = (1..4).map(|page| PagesToArrange::Own(ArrangedPage { digest, page, rotation: 0 })).collect();
        system.arrangement_put(whole.id, ANY, pages, VersionNote::default(), Faults::default()).await.unwrap();
        let split = PagesToSplit { places: [1].into(), name: "second.pdf".into(), folder: Some(open) };
        let part = system.document_split(whole.id, ANY, split, VersionNote::default()).await.unwrap().value.summary.id;
        system.dossier_version_create(open, ANY, NewDossierVersion::default()).await.unwrap();
        let session = office.user("amal", &["staff"]).await;
        let place = format!("data/content/{}/{digest}", &digest.to_string()[..2]);
        let has_file = |bag: &Path| bag.join(&place).exists();
        let view = done(&session, ExportScope::Tree { object: open }).await;
        let bag = unpacked(&session, &view, &office.folder().join("part")).await;
        let said = description(&bag);
        let reasons: Vec<&str> =
            said["leftOut"].as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap()).collect();
        assert!(!has_file(&bag) && said["leftOutCount"] == 2, "{said}");
        assert!(reasons.contains(&"arrangement") && reasons.contains(&"members"), "{said}");
        let view = done(&session, ExportScope::DossierVersion { dossier: open, number: 1 }).await;
        assert_eq!((view.done_count, view.left_out_count), (1, 1));
        let bag = unpacked(&session, &view, &office.folder().join("version")).await;
        assert!(!has_file(&bag));
        // Who may read the file takes it along.
        let view = done(system, ExportScope::Tree { object: open }).await;
        let bag = unpacked(system, &view, &office.folder().join("all")).await;
        assert!(has_file(&bag) && view.left_out_count == 0);
        assert!(ids(&bag).contains(&part.to_string()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lost_the_rights_does_not_get_the_finished_bag() {
    each_office(async |office| {
        let system = &office.system;
        let dossier = office.dossier("2024").await;
        let paper = office.document(dossier, "a.txt", "a").await.value.summary.id;
        let other = office.document(dossier, "b.txt", "b").await.value.summary.id;
        system.dossier_version_create(dossier, ANY, NewDossierVersion::default()).await.unwrap();
        let session = office.user("amal", &["staff"]).await;
        let mut exports = Vec::new();
        for scope in [
            ExportScope::Repository,
            ExportScope::Tree { object: dossier },
            ExportScope::DossierVersion { dossier, number: 1 },
        ] {
            exports.push(done(&session, scope).await.id);
        }
        let refusals = async |expect: Option<&str>| {
            for id in &exports {
                let refused = match session.export_open(id, None).await {
                    Ok(_) => None,
                    Err(RepositoryError::Forbidden { permission }) => Some(permission),
                    Err(error) => panic!("{error:?}"),
                };
                assert_eq!(refused.as_deref(), expect, "{id}");
                assert_eq!(session.export_content(id).await.is_ok(), expect.is_none());
                assert!(system.export_open(id, None).await.is_ok(), "administrators read everything");
            }
        };
        refusals(None).await;
        let mark = |facets: &[&str]| ObjectChanges {
            facets: Some(facets.iter().map(|facet| (*facet).to_owned()).collect()),
            ..ObjectChanges::default()
        };
        system.object_update(paper, ANY, mark(&["confidential"])).await.unwrap();
        refusals(Some("ExportConfidential")).await;
        system.object_update(paper, ANY, mark(&[])).await.unwrap();
        refusals(None).await;
        let denied = ["staff", "everyone"]
            .map(|group| NewAccessEntry { grants: false, ..NewAccessEntry::granting(group, "ReadContent") });
        system.acl_put(other, ANY, NewAccessList { entries: denied.into(), inherits: true }).await.unwrap();
        refusals(Some("ReadContent")).await;
        system.acl_put(other, ANY, NewAccessList { entries: Vec::new(), inherits: false }).await.unwrap();
        refusals(Some("ReadProperties")).await;
        system.acl_put(other, ANY, NewAccessList { entries: Vec::new(), inherits: true }).await.unwrap();
        // What is in the trash may still be read; what was destroyed is nobody's any more.
        let loose = office.document(dossier, "c.txt", "c").await.value.summary.id;
        let view = done(&session, ExportScope::Tree { object: dossier }).await;
        system.object_trash(loose, ANY).await.unwrap();
        assert!(session.export_open(&view.id, None).await.is_ok());
        system.trash_destroy(loose, ANY).await.unwrap();
        let refused = session.export_open(&view.id, None).await.err();
        assert!(matches!(refused, Some(RepositoryError::Forbidden { .. })), "{refused:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_stopped_and_expires() {
    each_office(async |office| {
        let dossier = office.dossier("2024").await;
        office.document(dossier, "a.txt", "a").await;
        office.stop_background().await;
        let new = NewExport { scope: ExportScope::Repository, idempotency_key: Some("once".into()) };
        let made = office.system.export_create(new.clone()).await.unwrap().value;
        assert_eq!(office.system.export_create(new).await.unwrap().value.id, made.id);
        let early = office.system.export_open(&made.id, None).await.err();
        assert!(matches!(early, Some(RepositoryError::Conflict { code: "export_not_done", .. })), "{early:?}");
        office.system.export_abort(&made.id).await.unwrap();
        office.start_background();
        assert_eq!(ended(&office.system, &made.id).await.state, ExportState::Aborted);
        let view = done(&office.system, ExportScope::Repository).await;
        let digest = view.content.unwrap().digest.to_string();
        office.tamper("UPDATE export SET expires_at = 1");
        office.repository.expire_exports().await.unwrap();
        let gone = office.system.export_get(&view.id).await.err();
        assert!(matches!(gone, Some(RepositoryError::NotFound { .. })), "{gone:?}");
        assert!(office.blob_folder().join("sha256").join(&digest[..2]).exists());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_a_statement_finds_becomes_one_bag() {
    each_office(async |office| {
        let (one, other) = (office.dossier("1").await, office.dossier("2").await);
        let a = office.document(one, "same.txt", "a").await.value.summary.id;
        let b = office.document(other, "same.txt", "b").await.value.summary.id;
        office.document(other, "left.txt", "left").await;
        let session = office.user("amal", &["staff"]).await;
        let statement = "SELECT cmis:name FROM cmis:document WHERE cmis:name = 'same.txt'".to_owned();
        let new = NewBulkAction { statement, act: BulkAct::Export, idempotency_key: None };
        let begun = session.bulk_action_create(new).await.unwrap().value;
        let view = ended(&session, &begun.id).await;
        assert_eq!((view.state, view.done_count), (ExportState::Done, 2), "{view:?}");
        let bag = unpacked(&session, &view, &office.folder().join("bag")).await;
        let mut found = ids(&bag);
        found.sort();
        let mut wanted = vec![a.to_string(), b.to_string()];
        wanted.sort();
        assert_eq!(found, wanted);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_of_a_dossier_is_proved_by_its_bag() {
    each_office(async |office| {
        let dossier = office.dossier("ملف").await;
        office.document(dossier, "a.txt", "first").await;
        let inner = NewFolder { name: "annexes".into(), ..NewFolder::default() };
        let inner = office.system.folder_create(dossier, inner).await.unwrap().value.summary.id;
        office.document(inner, "b.txt", "second").await;
        office.system.dossier_version_create(dossier, ANY, NewDossierVersion::default()).await.unwrap();
        let session = office.user("amal", &["staff"]).await;
        let view = done(&session, ExportScope::DossierVersion { dossier, number: 1 }).await;
        assert_eq!((view.total, view.done_count, view.left_out_count), (Some(3), 3, 0));
        let bag = unpacked(&session, &view, &office.folder().join("bag")).await;
        let root = office.system.seal_list(ALL).await.unwrap().items[0].merkle_root;
        let root: String = root.iter().map(|byte| format!("{byte:02x}")).collect();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/verify-proof");
        let check = |root: &str| {
            let bag = bag.to_str().unwrap();
            Command::new("python3").args([script, "--bag", bag, root]).output().unwrap().status.code()
        };
        assert_eq!((check(&root), check(&root.replace(['0', '1'], "2"))), (Some(0), Some(1)));
        let content = walkable(&bag.join("data/content"));
        std::fs::write(&content, "forged").unwrap();
        assert_eq!(check(&root), Some(1));
        // Who may not read all of it gets none of it.
        let hidden = office.document(dossier, "c.txt", "third").await.value.summary.id;
        office.system.dossier_version_create(dossier, ANY, NewDossierVersion::default()).await.unwrap();
        let nobody = NewAccessList { entries: Vec::new(), inherits: false };
        office.system.acl_put(hidden, ANY, nobody).await.unwrap();
        let scope = ExportScope::DossierVersion { dossier, number: 2 };
        let made = session.export_create(NewExport { scope, idempotency_key: None }).await.unwrap().value;
        assert_eq!(ended(&session, &made.id).await.state, ExportState::Failed);
    })
    .await;
}

/// Returns the first file below a folder.
fn walkable(folder: &Path) -> PathBuf {
    let first = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap().path();
    if first.is_dir() { walkable(&first) } else { first }
}

/// The Library of Congress' tool says that our bags are bags.
#[tokio::test(flavor = "multi_thread")]
async fn another_tool_finds_the_bag_valid() {
    let Some(python) = std::env::var_os("CARTULARY_BAGIT_PYTHON") else {
        eprintln!("SKIPPED: CARTULARY_BAGIT_PYTHON names no Python that has the package bagit");
        return;
    };
    each_office(async |office| {
        let dossier = office.dossier("٢٠٢٤").await;
        office.document(dossier, "a.txt", "first").await;
        let view = done(&office.system, ExportScope::Repository).await;
        let bag = unpacked(&office.system, &view, &office.folder().join("bag")).await;
        let status = Command::new(&python).args(["-m", "bagit", "--validate"]).arg(&bag).status().unwrap();
        assert!(status.success());
    })
    .await;
}

/// All lists of an object were counted together, so that an office refused a bag that it had made.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_with_long_lists_comes_back() {
    each_office(async |office| {
        let dossier = office.dossier("2024").await;
        for name in ["one", "two"] {
            let entry = |number: i64| NewAccessEntry {
                end_at: Some(cartulary_model::Timestamp::from_millis(4_000_000_000_000 + number)),
                ..NewAccessEntry::granting("readers", "Read")
            };
            let entries = (0..600).map(entry).collect();
            office.system.acl_put_named(dossier, ANY, name.to_owned(), entries).await.unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let bag = export(&office.system, ExportScope::Tree { object: dossier }, folder.path().join("bag")).await;
        office.system.object_trash(dossier, ANY).await.unwrap();
        office.system.trash_destroy(dossier, ANY).await.unwrap();
        let root = office.system.root_folder().await.unwrap();
        let report = office.system.bag_import(bag, root).await.unwrap();
        assert!(report.is_taken, "{:?}", report.faults);
        let lists = office.system.acl_get(dossier).await.unwrap();
        assert_eq!(lists.entries.len(), 1_200);
    })
    .await;
}

/// That a version of a dossier was left out told of members that one may not know of.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_left_out_tells_nothing_of_hidden_members() {
    each_office(async |office| {
        let dossier = office.dossier("2024").await;
        let hidden = office.document(dossier, "hidden.txt", "hidden").await.value.summary.id;
        office.system.dossier_version_create(dossier, ANY, NewDossierVersion::default()).await.unwrap();
        let closed = NewAccessList { entries: Vec::new(), inherits: false };
        office.system.acl_put(hidden, ANY, closed).await.unwrap();
        let anna = office.user("anna", &["readers"]).await;
        let folder = tempfile::tempdir().unwrap();
        let bag = export(&anna, ExportScope::Tree { object: dossier }, folder.path().join("hidden")).await;
        assert_eq!(description(&bag)["leftOut"], json!([]), "{}", description(&bag));
        let named = NewAccessList { entries: vec![NewAccessEntry::granting("anna", "Browse")], inherits: false };
        office.system.acl_put(hidden, ANY, named).await.unwrap();
        let bag = export(&anna, ExportScope::Tree { object: dossier }, folder.path().join("seen")).await;
        let left_out = description(&bag)["leftOut"].to_string();
        assert!(left_out.contains("members"), "{left_out}");
    })
    .await;
}
