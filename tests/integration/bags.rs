//! Bags out and in: an office that was exported and brought into an empty one is equal, and nobody gets what is not his.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cartulary_model::{ObjectId, Properties, Timestamp, TypeFile};
use cartulary_repository::{
    AnnotatedPlace, AnnotationContent, AwaitedEvent, BulkAct, ExportScope, ExportState, ExportView, LastFolder,
    NewAccessEntry, NewAccessList, NewBulkAction, NewComment, NewDocument, NewDossierVersion, NewExport, NewFolder,
    NewLegalHold, NewRetention, NewTag, NewVersion, ObjectChanges, Precondition, RepositoryError, Session, Source,
    VerifyOptions, VersionName, VersionNote, WindowRequest,
};
use cartulary_tests::office::{TestOffice, content, each_office, each_pair};
use cartulary_tests::random::Random;
use futures::StreamExt;
use serde_json::{Value, json};

const ANY: Precondition = Precondition::Any;
const ALL: WindowRequest = WindowRequest { offset: 0, limit: 1_000 };
const ACTS: usize = 60;
const NAMES: [&str; 8] = ["أ", "رسالة ٢", "a", "A", "con", "..b", "x:y", "e\u{301}"];

const TYPES: &str = r#"
    [[vocabularies]]
    id = "test:colours"
    label = "Colours"
    terms = [{ id = "red", label = "Red" }, { id = "blue", label = "Blue" }]
    [[types]]
    id = "test:marked"
    base = "facet"
    label = "Marked"
    properties = [{ id = "test:colour", label = "Colour", kind = "string", vocabulary = "test:colours", indexed = true }]
    [[types]]
    id = "test:paper"
    parent = "document"
    base = "document"
    label = "Paper"
    properties = [{ id = "test:number", label = "Number", kind = "integer", indexed = true }]
    [[types]]
    id = "test:letter"
    parent = "test:paper"
    base = "document"
    label = "Letter"
"#;

async fn declare(office: &TestOffice) {
    let declared = TypeFile::parse(TYPES).unwrap();
    for definition in declared.vocabularies {
        office.system.vocabulary_create(definition).await.unwrap();
    }
    for definition in declared.types {
        office.system.type_create(definition).await.unwrap();
    }
}

fn properties(value: Value) -> Properties {
    let Value::Object(properties) = value else { panic!("an object") };
    properties
}

fn pick<T: Clone>(random: &mut Random, from: &[T]) -> T {
    from[usize::try_from(random.between(0, from.len() as u64)).unwrap()].clone()
}

/// What a random office has.
#[derive(Default)]
struct Known {
    folders: Vec<ObjectId>,
    dossiers: Vec<ObjectId>,
    documents: Vec<ObjectId>,
}

async fn file(session: &Session, random: &mut Random, folder: ObjectId) -> Result<ObjectId, RepositoryError> {
    let name = format!("{} {}", pick(random, &NAMES), random.between(0, 50));
    let count = random.between(0, 3_000);
    let bytes = random.bytes(count);
    let content = if random.percent(80) { Some(content(session, &name, &bytes).await) } else { None };
    let number = i64::try_from(random.between(0, 9)).unwrap();
    let type_id = pick(random, &["document", "test:paper", "test:letter"]).to_owned();
    let source = random.percent(40).then(|| Source { system: "old".into(), id: random.number().to_string() });
    let new = NewDocument {
        properties: if type_id == "document" {
            Properties::new()
        } else {
            properties(json!({ "test:number": number }))
        },
        type_id: Some(type_id),
        name,
        content,
        source,
        rename_when_taken: true,
        ..NewDocument::default()
    };
    Ok(session.document_create(folder, new).await?.value.summary.id)
}

/// Says something of an object: a tag, a comment, a mark on a page, how long it is kept, or a hold.
async fn note(
    session: &Session,
    random: &mut Random,
    any: ObjectId,
    document: ObjectId,
) -> Result<(), RepositoryError> {
    match random.between(0, 5) {
        0 => {
            let label = pick(random, &["Urgent", "urgent", "\u{623}\u{648}\u{644}"]).to_owned();
            let is_private = random.percent(30);
            session.tag_put(any, NewTag { label, is_private, idempotency_key: None }).await?;
        }
        1 => {
            let all = WindowRequest { offset: 0, limit: 100 };
            let said = session.comment_list(any, None, all).await?.items;
            let reply_to = if said.is_empty() { None } else { Some(pick(random, &said).id) };
            let text = pick(random, &NAMES).to_owned();
            let made =
                session.comment_create(any, NewComment { text, reply_to, idempotency_key: None }).await?.value.id;
            let deleted = reply_to.filter(|_| random.percent(30)).unwrap_or(made);
            if random.percent(40) {
                session.comment_delete(deleted, ANY).await?;
            }
        }
        2 => {
            let digest = session.content_of(document).await?.digest;
            let places = vec![AnnotatedPlace { page: Some(1), area: None }, AnnotatedPlace::default()];
            let (motivation, body) = ("commenting".to_owned(), Some("\u{645}\nx".to_owned()));
            let content = AnnotationContent { digest, places, motivation, body, colour: Some("#00ff00".to_owned()) };
            session.annotation_create(document, content, None).await?;
        }
        3 => {
            let day = i64::try_from(random.between(1, 9)).unwrap();
            let until = Some(Timestamp::from_millis(session.repository().clock().now().as_millis() + day * 86_400_000));
            let awaits = AwaitedEvent { event: "lapse".into(), period: format!("P{day}Y").parse().unwrap() };
            session.retention_put(document, ANY, NewRetention { until, awaits: Some(awaits) }).await?;
        }
        _ => {
            let new =
                NewLegalHold { name: pick(random, &NAMES).to_owned(), reason: "سبب".into(), ..Default::default() };
            let hold = session.legal_hold_create(new).await?.value.id;
            session.hold_put(hold, document).await?;
        }
    }
    Ok(())
}

async fn act(session: &Session, random: &mut Random, known: &mut Known) -> Result<(), RepositoryError> {
    let (folder, other) = (pick(random, &known.folders), pick(random, &known.folders));
    let document = pick(random, &known.documents);
    let any = if random.percent(40) { folder } else { document };
    match random.between(0, 19) {
        0 => {
            let name = format!("{} {}", pick(random, &NAMES), random.between(0, 50));
            let is_dossier = random.percent(50);
            let type_id = Some(if is_dossier { "dossier" } else { "folder" }.to_owned());
            let new = NewFolder { name, type_id, ..NewFolder::default() };
            let made = session.folder_create(folder, new).await?.value.summary.id;
            known.folders.push(made);
            if is_dossier {
                known.dossiers.push(made);
            }
        }
        1 | 2 => known.documents.push(file(session, random, folder).await?),
        3 | 4 => {
            let bytes = random.bytes(100);
            let content = content(session, "محتوى.bin", &bytes).await;
            session.content_put(document, ANY, content, VersionNote::default()).await?;
        }
        5 => {
            let new = NewVersion { comment: "سبب".into(), major: random.percent(50), from: None };
            session.version_create(document, ANY, new).await?;
        }
        6 => drop(session.version_destroy(document, VersionName::Latest, ANY).await?),
        7 => drop(session.object_file(document, folder, ANY).await?),
        8 => {
            let from = session.object_get(document).await?.parents.first().map_or(folder, |parent| parent.id);
            session.object_unfile(document, from, ANY, LastFolder::Leave).await?;
        }
        9 => {
            let entries = vec![
                NewAccessEntry { grants: random.percent(50), ..NewAccessEntry::granting("amal", "Write") },
                NewAccessEntry::granting("people", "Read"),
            ];
            session.acl_put(any, ANY, NewAccessList { entries, inherits: random.percent(60) }).await?;
        }
        10 => {
            let changes = ObjectChanges {
                title: Some(format!("عنوان {}", random.between(0, 9))),
                facets: Some(vec!["test:marked".into()]),
                properties: properties(json!({ "test:colour": pick(random, &["red", "blue"]) })),
                ..ObjectChanges::default()
            };
            session.object_update(any, ANY, changes).await?;
        }
        11 => {
            let (dossier, new) = (pick(random, &known.dossiers), NewDossierVersion::default());
            session.dossier_version_create(dossier, ANY, new).await?;
        }
        12..=16 => return note(session, random, any, document).await,
        17 if random.percent(30) => drop(session.object_trash(document, ANY).await?),
        _ => {
            let wanted = cartulary_repository::ObjectMove { from: None, to: other, name: None };
            session.object_move(any, ANY, wanted).await?;
        }
    }
    Ok(())
}

/// Makes an office by chance; what cannot be done is refused, and the rest goes on.
async fn fill(office: &TestOffice, random: &mut Random) {
    declare(office).await;
    let group = cartulary_repository::NewGroup { name: "people".into(), ..cartulary_repository::NewGroup::default() };
    office.system.group_create(group).await.unwrap();
    let people = [office.system.clone(), office.user("amal", &["staff"]).await, office.user("هدى", &["staff"]).await];
    let first = office.dossier("first").await;
    let mut known = Known { folders: vec![first], dossiers: vec![first], documents: Vec::new() };
    known.documents.push(file(&office.system, random, first).await.unwrap());
    for _ in 0..ACTS {
        let session = pick(random, &people);
        if let Err(error @ RepositoryError::Internal(_)) = act(&session, random, &mut known).await {
            panic!("{error:?}");
        }
    }
    office.system.dossier_version_create(first, ANY, NewDossierVersion::default()).await.unwrap();
}

/// Returns the files of a bag below `data/`, but what says when and by whom it was exported.
fn payload(folder: &Path) -> BTreeMap<String, Vec<u8>> {
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

#[tokio::test(flavor = "multi_thread")]
async fn an_office_brought_into_an_empty_one_is_equal() {
    let random = Random::announced("bags");
    each_pair(async |office, empty| {
        fill(office, &mut random.clone()).await;
        let first = export(&office.system, ExportScope::Repository, office.folder().join("out")).await;
        let root = empty.system.root_folder().await.unwrap();
        let report = empty.system.bag_import(first.clone(), root).await.unwrap();
        assert!(report.is_taken, "{report:?}");
        let second = export(&empty.system, ExportScope::Repository, empty.folder().join("out")).await;
        let (one, other) = (payload(&first), payload(&second));
        assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
        for (path, bytes) in &one {
            let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            assert!(other[path] == *bytes, "{path}\n{}\n{}", shown(bytes), shown(&other[path]));
        }
        let (one, other) = (description(&first), description(&second));
        for field in ["principals", "types", "vocabularies", "objectCount"] {
            assert_eq!(one[field], other[field], "{field}");
        }
        let verified = empty.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap();
        assert!(verified.is_clean(), "{:?}", verified.faults);
        // No version was made, nobody can sign in who could not before, and the log says what happened, with both instants.
        let (entries, _) = empty.system.audit_list(0, 1_000).await.unwrap();
        let kinds = |kind: &str| entries.iter().filter(|entry| entry.kind == kind).count();
        assert!(kinds("imported") > 1 && kinds("created") == 0 && kinds("versioned") == 0);
        let entry = entries.iter().find(|entry| entry.detail.contains("createdAt")).unwrap();
        let detail: Value = serde_json::from_str(&entry.detail).unwrap();
        assert_ne!(detail["original"]["createdAt"], json!(entry.at));
        // A second time it is refused, each object by its id.
        let again = empty.system.bag_import(first, root).await.unwrap();
        assert!(!again.is_taken && again.faults.iter().all(|fault| fault.code.ends_with("_taken")), "{again:?}");
    })
    .await;
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
        office.document(dossier, "b.txt", "second").await;
        office.system.dossier_version_create(dossier, ANY, NewDossierVersion::default()).await.unwrap();
        let session = office.user("amal", &["staff"]).await;
        let view = done(&session, ExportScope::DossierVersion { dossier, number: 1 }).await;
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
