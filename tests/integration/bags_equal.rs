//! An office that was exported and brought into an empty one is equal: whatever was done in it by chance, by what one may ask
//! of both.

use std::collections::{BTreeMap, BTreeSet};

use cartulary_model::{ObjectId, Properties, Timestamp, TypeFile};
use cartulary_repository::{
    AnnotatedPlace, AnnotationContent, ArrangedPage, AwaitedEvent, Direction, ExportScope, Faults, LastFolder,
    ListOrder, NewAccessEntry, NewAccessList, NewComment, NewDocument, NewDossierVersion, NewFolder, NewLegalHold,
    NewLock, NewRelationship, NewRetention, NewTag, NewTransition, NewVersion, ObjectChanges, ObjectMove,
    PagesToArrange, PagesToSplit, Precondition, QueryRequest, RepositoryError, Session, Source, VerifyOptions,
    VersionName, VersionNote, WindowRequest,
};
use cartulary_tests::office::{TestOffice, content, each_pair};
use cartulary_tests::random::Random;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::bags::{description, export, payload};

const ANY: Precondition = Precondition::Any;
const ALL: WindowRequest = WindowRequest { offset: 0, limit: 1_000 };
const NAMES: [&str; 8] = ["أ", "رسالة ٢", "a", "A", "con", "..b", "x:y", "e\u{301}"];
const ACTS: usize = 90;

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
    [types.life_cycle]
    initial = "draft"
    states = [{ id = "draft" }, { id = "approved" }]
    transitions = [{ id = "approve", from = ["draft"], to = "approved" }]
    [[types]]
    id = "test:answers"
    parent = "relationship"
    base = "relationship"
    label = "Answers"
    allowed_sources = ["document"]
    [[types]]
    id = "test:unused"
    parent = "test:answers"
    base = "relationship"
    label = "Used by nothing yet"
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
    let mut bytes = random.bytes(count);
    if random.percent(40) {
        bytes.splice(0..0, *b"%PDF-1.4\n");
    }
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
            session.annotation_create(document, content, None, Faults::default()).await?;
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

/// How many things [`work`] does.
const WORKS: u64 = 7;

/// Does to a document what is about its pages, its contents, its state, who works on it, and what it has to do with others.
async fn work(
    session: &Session,
    random: &mut Random,
    which: u64,
    (any, document, other): (ObjectId, ObjectId, ObjectId),
) -> Result<(), RepositoryError> {
    match which {
        0 => {
            let new = NewTransition { transition: "approve".into(), comment: "لأن".into() };
            session.object_transition(document, ANY, new).await?;
        }
        1 => {
            let new = NewRelationship {
                type_id: "test:answers".to_owned(),
                source: document,
                target: any,
                name: Some(pick(random, &NAMES).to_owned()),
                properties: Properties::new(),
                facets: Vec::new(),
                idempotency_key: None,
            };
            session.relationship_create(new).await?;
        }
        2 => {
            let comment = pick(random, &NAMES).to_owned();
            session.object_lock(any, ANY, NewLock { expires_at: None, comment }).await?;
        }
        3 => {
            let copy = session.document_check_out(document, None).await?.value.summary.id;
            let changes = ObjectChanges { title: Some("مسودة".into()), ..ObjectChanges::default() };
            session.object_update(copy, ANY, changes).await?;
            if random.percent(40) {
                session.version_create(copy, ANY, NewVersion::default()).await?;
            }
        }
        4 => {
            let slot = pick(random, &["annex", "annex.2"]).parse().unwrap();
            let bytes = random.bytes(50);
            let content = content(session, "ملحق.bin", &bytes).await;
            session.slot_put(document, slot, ANY, content, VersionNote::default()).await?;
        }
        5 => {
            let digest = session.content_of(document).await?.digest;
            let page = |page: u32, rotation| PagesToArrange::Own(ArrangedPage { digest, page, rotation });
            let mut pages = vec![page(3, 90), page(1, 0)];
            if document != other && random.percent(50) {
                pages.push(PagesToArrange::Document(other));
            }
            session.arrangement_put(document, ANY, pages, VersionNote::default(), Faults::default()).await?;
        }
        _ => {
            let split = PagesToSplit { places: [1].into(), name: pick(random, &NAMES).to_owned(), folder: None };
            session.document_split(document, ANY, split, VersionNote::default()).await?;
        }
    }
    Ok(())
}

async fn act(session: &Session, random: &mut Random, known: &mut Known) -> Result<(), RepositoryError> {
    let (folder, other) = (pick(random, &known.folders), pick(random, &known.folders));
    let document = pick(random, &known.documents);
    let any = if random.percent(40) { folder } else { document };
    match random.between(0, 30) {
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
        17..=27 => {
            let other = pick(random, &known.documents);
            let which = random.between(0, WORKS);
            return work(session, random, which, (any, document, other)).await;
        }
        28 if random.percent(30) => drop(session.object_trash(document, ANY).await?),
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
    for which in 0..WORKS {
        // Each of it is done at least once.
        let name = format!("{which}.pdf");
        let type_id = Some("test:letter".to_owned());
        let content = Some(content(&office.system, &name, format!("%PDF-1.4\n{which}").as_bytes()).await);
        let new = NewDocument { name, type_id, content, ..NewDocument::default() };
        let made = office.system.document_create(first, new).await.unwrap().value.summary;
        if which == WORKS - 1 {
            let digest = made.content.unwrap().digest;
            let pages = (1..4).map(|page| PagesToArrange::Own(ArrangedPage { digest, page, rotation: 0 })).collect();
            office
                .system
                .arrangement_put(made.id, ANY, pages, VersionNote::default(), Faults::default())
                .await
                .unwrap();
        }
        work(&office.system, random, which, (first, made.id, made.id)).await.unwrap();
    }
    let second = office.dossier("second").await;
    file(&office.system, random, second).await.unwrap();
    office.system.dossier_version_create(second, ANY, NewDossierVersion::default()).await.unwrap();
    for _ in 0..ACTS {
        let session = pick(random, &people);
        if let Err(error @ RepositoryError::Internal(_)) = act(&session, random, &mut known).await {
            panic!("{error:?}");
        }
    }
    let _ = office.system.dossier_version_create(first, ANY, NewDossierVersion::default()).await;
}

/// What one may ask of an office: the words of each answer, by what was asked.
struct Portrait<'a> {
    session: &'a Session,
    /// What stands for ids that each office has of its own: of users, groups and the root folder.
    names: Vec<(String, String)>,
    said: BTreeMap<String, String>,
    /// Versions of dossiers that name what is in the trash: they stay where that is.
    lost: BTreeSet<String>,
}

impl<'a> Portrait<'a> {
    async fn of(session: &'a Session) -> Self {
        let root = session.root_folder().await.unwrap();
        let mut names = vec![(root.to_string(), "ROOT".to_owned())];
        let window = session.user_list(ALL).await.unwrap();
        names.extend(window.items.into_iter().map(|user| (user.id.to_string(), user.username)));
        let window = session.group_list(ALL).await.unwrap();
        names.extend(window.items.into_iter().map(|group| (group.id.to_string(), group.name)));
        let mut portrait = Portrait { session, names, said: BTreeMap::new(), lost: BTreeSet::new() };
        portrait.folders(root).await;
        for id in portrait.ids("cmis:document").await {
            portrait.object(id).await;
        }
        for id in portrait.ids("cmis:relationship").await {
            portrait.say(&format!("relationship {id}"), &session.relationship_get(id).await.unwrap());
        }
        let catalogue = session.catalogue().await.unwrap();
        portrait.say("types", &catalogue.types().iter().collect::<Vec<_>>());
        portrait
    }

    async fn ids(&self, from: &str) -> Vec<ObjectId> {
        let statement = format!("SELECT cmis:objectId FROM {from}");
        let request = QueryRequest { statement, limit: 1_000, ..QueryRequest::default() };
        let rows = self.session.query(request).await.unwrap().rows;
        rows.iter().map(|row| row[0].as_str().unwrap().parse().unwrap()).collect()
    }

    fn say(&mut self, question: &str, answer: &impl std::fmt::Debug) {
        let mut words = format!("{answer:?}");
        for (id, name) in &self.names {
            words = words.replace(id, name);
        }
        // Of how often something was changed, an office counts its own.
        let mut plain = String::new();
        for (place, part) in words.split("change_token: ").enumerate() {
            plain.push_str(if place == 0 { part } else { part.trim_start_matches(|one: char| one.is_ascii_digit()) });
        }
        assert!(self.said.insert(question.to_owned(), plain).is_none(), "{question}");
    }

    async fn folders(&mut self, root: ObjectId) {
        let mut fringe = vec![root];
        while let Some(folder) = fringe.pop() {
            let children = self.session.children_list(folder, ALL, ListOrder::Receipt).await.unwrap();
            let names: Vec<(ObjectId, String)> =
                children.items.iter().map(|child| (child.id, child.name.clone())).collect();
            self.say(&format!("children {}", self.shown(folder)), &names);
            fringe.extend(children.items.iter().filter(|child| child.base.as_str() == "folder").map(|child| child.id));
            self.object(folder).await;
        }
    }

    fn shown(&self, id: ObjectId) -> String {
        let known = self.names.iter().find(|(known, _)| *known == id.to_string());
        known.map_or_else(|| id.to_string(), |(_, name)| name.clone())
    }

    async fn object(&mut self, id: ObjectId) {
        let (session, key) = (self.session, self.shown(id));
        let question = move |what: &str| format!("{what} {key}");
        let mut detail = session.object_get(id).await.unwrap();
        detail.summary.text = None;
        let working = detail.versioning.checked_out.as_ref().and_then(|out| out.working_copy_id);
        self.say(&question("detail"), &detail);
        let mut tags: Vec<String> = Vec::new();
        for tag in session.tag_list(id).await.unwrap().into_iter().filter(|tag| !tag.is_private) {
            tags.push(format!("{} {:?} {}", tag.label, tag.put_by, tag.put_at));
        }
        self.say(&question("tags"), &tags);
        self.say(&question("comments"), &session.comment_list(id, None, ALL).await.unwrap().items);
        if let Ok(list) = session.acl_get(id).await {
            self.say(&question("access"), &list);
        }
        let links = session.relationship_list(id, Direction::Either, None, ALL).await;
        self.say(&question("relationships"), &links.map(|links| links.items).ok());
        if let Ok(versions) = session.dossier_version_list(id, ALL).await {
            for version in versions.items {
                let members = session.dossier_version_members(id, version.number, ALL).await.unwrap();
                if members.items.iter().any(|member| member.is_trashed) {
                    self.lost.insert(version.id.to_string());
                    continue;
                }
                let members: Vec<_> =
                    members.items.iter().map(|member| (member.id, &member.name, member.object.id)).collect();
                self.say(&question(&format!("dossier version {}", version.number)), &(&version, &members));
            }
        }
        if detail.summary.base.as_str() != "document" {
            return;
        }
        self.document(id).await;
        if let Some(copy) = working {
            let mut detail = session.object_get(copy).await.unwrap();
            detail.summary.text = None;
            self.say(&format!("working copy {copy}"), &detail);
            self.contents(copy).await;
        }
    }

    async fn document(&mut self, id: ObjectId) {
        let session = self.session;
        self.contents(id).await;
        self.say(&format!("annotations {id}"), &session.annotation_list(id, None, ALL).await.unwrap().items);
        let versions = session.version_list(id, ALL).await.unwrap();
        for version in &versions.items {
            let mut detail = session.version_get(id, VersionName::Id(version.id)).await.unwrap();
            detail.summary.text = None;
            self.say(&format!("version {}", version.id), &detail);
            self.say(&format!("retention {}", version.id), &session.retention_get(version.id).await.unwrap());
            self.contents(version.id).await;
        }
        self.say(&format!("versions {id}"), &versions.items);
    }

    async fn contents(&mut self, id: ObjectId) {
        let session = self.session;
        let arrangement = session.arrangement_get(id).await;
        let arranged = arrangement.ok().filter(|found| found.is_arranged).map(|found| found.pages);
        self.say(&format!("pages {id}"), &arranged);
        self.say(&format!("slots {id}"), &session.slot_list(id, ALL).await.unwrap().items);
    }
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
        let (one, other) = (Portrait::of(&office.system).await, Portrait::of(&empty.system).await);
        assert_eq!(one.said.keys().collect::<Vec<_>>(), other.said.keys().collect::<Vec<_>>());
        for (question, answer) in &one.said {
            assert_eq!(*answer, other.said[question], "{question}");
        }
        let left_out = description(&first)["leftOut"].as_array().unwrap().clone();
        let lost = left_out.iter().filter(|one| one["reason"] == "members");
        assert_eq!(lost.map(|one| one["id"].as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(), one.lost);
        assert!(left_out.iter().all(|one| one["reason"] == "members" || one["reason"] == "trash"), "{left_out:?}");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_bag_that_is_made_while_papers_go_can_be_brought_in() {
    let random = Random::announced("bags of an office at work");
    each_pair(async |office, empty| {
        let mut random = random.clone();
        let mut papers = Vec::new();
        for dossier in ["a", "b", "c"] {
            let dossier = office.dossier(dossier).await;
            for paper in 0..20 {
                papers.push(office.document(dossier, &format!("{paper}.txt"), "x").await.value.summary.id);
            }
            office.system.dossier_version_create(dossier, ANY, NewDossierVersion::default()).await.unwrap();
        }
        let (session, folder) = (office.system.clone(), office.folder().to_owned());
        let going = tokio::spawn(async move {
            while !papers.is_empty() {
                let place = usize::try_from(random.between(0, papers.len() as u64)).unwrap();
                session.object_trash(papers.swap_remove(place), ANY).await.unwrap();
            }
        });
        let mut round = 0;
        let bag = loop {
            let is_quiet = going.is_finished();
            let bag = folder.join(format!("out {round}"));
            match office.system.export_to_folder(ExportScope::Repository, bag.clone()).await {
                Ok(_) => break bag,
                Err(RepositoryError::Conflict { code: "changed_meanwhile", .. }) if !is_quiet => round += 1,
                Err(error) => panic!("{error:?}"),
            }
        };
        going.await.unwrap();
        let root = empty.system.root_folder().await.unwrap();
        let report = empty.system.bag_import(bag, root).await.unwrap();
        assert!(report.is_taken, "{report:?}");
        let verified = empty.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap();
        assert!(verified.is_clean(), "{:?}", verified.faults);
    })
    .await;
}

/// The export of the whole office was empty for whoever may not read the root folder, though lists show him a dossier.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_who_may_not_read_the_root_folder_exports_what_he_may_see() {
    each_pair(async |office, empty| {
        let system = &office.system;
        let (own, other) = (office.dossier("2024").await, office.dossier("2025").await);
        let inner = system.folder_create(own, NewFolder { name: "in".into(), ..NewFolder::default() }).await.unwrap();
        let inner = inner.value.summary.id;
        let paper = office.document(inner, "a.txt", "a").await.value.summary.id;
        let hidden = office.document(other, "hidden.txt", "hidden").await.value.summary.id;
        let shown = office.document(other, "shown.txt", "shown").await.value.summary.id;
        let trashed = office.document(other, "trashed.txt", "trashed").await.value.summary.id;
        let session = office.user("huda", &[]).await;
        for (object, permissions) in [(own, &["Read", "Write"][..]), (shown, &["Read"]), (trashed, &["Read"])] {
            let entries = permissions.iter().map(|one| NewAccessEntry::granting("huda", *one)).collect();
            system.acl_put(object, ANY, NewAccessList { entries, inherits: true }).await.unwrap();
        }
        system.object_trash(trashed, ANY).await.unwrap();
        let bag = office.folder().join("bag");
        let written = session.export_to_folder(ExportScope::Repository, bag.clone()).await.unwrap();
        assert_eq!((written.object_count, written.left_out_count), (4, 1));
        assert_eq!(description(&bag)["leftOut"], json!([{ "id": trashed, "reason": "trash" }]));
        let texts: Vec<String> = payload(&bag).values().map(|bytes| String::from_utf8_lossy(bytes).into()).collect();
        assert!(!texts.iter().any(|text| text.contains(&hidden.to_string()) || text.contains(&other.to_string())));

        let root = empty.system.root_folder().await.unwrap();
        let report = empty.system.bag_import(bag, root).await.unwrap();
        assert!(report.is_taken, "{report:?}");
        for (object, folder) in [(own, root), (inner, own), (paper, inner), (shown, root)] {
            let parents = empty.system.object_get(object).await.unwrap().parents;
            assert_eq!(parents.iter().map(|parent| parent.id).collect::<Vec<_>>(), [folder]);
        }
    })
    .await;
}

/// Makes a version of a dossier one of before: it names what lay directly in the dossier, and says nothing of its format.
async fn as_of_before(office: &TestOffice, dossier: ObjectId, number: i32) {
    let bag = office.folder().join(format!("manifest-{number}"));
    office.system.export_to_folder(ExportScope::DossierVersion { dossier, number }, bag.clone()).await.unwrap();
    let manifest = std::fs::read_to_string(bag.join("data/manifest.json")).unwrap();
    let before = manifest.replace(r#""format":2,"#, "");
    assert_ne!(before, manifest);
    let digest: String = Sha256::digest(before).iter().map(|byte| format!("{byte:02x}")).collect();
    let digest = if office.is_shared() { format!("decode('{digest}', 'hex')") } else { format!("X'{digest}'") };
    office.tamper(&format!("UPDATE dossier_version SET format = 1, digest = {digest} WHERE number = {number}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn manifests_of_before_and_of_whole_trees_are_opened_compared_taken_again_and_brought_in() {
    each_pair(async |office, empty| {
        let system = &office.system;
        let (dossier, elsewhere) = (office.dossier("2024").await, office.dossier("2025").await);
        let make = async |from| {
            let new = NewDossierVersion { from, ..NewDossierVersion::default() };
            system.dossier_version_create(dossier, ANY, new).await.unwrap().value
        };
        let inner =
            system.folder_create(dossier, NewFolder { name: "in".into(), ..NewFolder::default() }).await.unwrap();
        let inner = inner.value.summary.id;
        let paper = office.document(dossier, "a.txt", "a").await.value.summary.id;
        make(None).await;
        as_of_before(office, dossier, 1).await;
        office.document(inner, "deep.txt", "deep").await;
        make(None).await;
        let members = system.dossier_version_members(dossier, 2, ALL).await.unwrap().items;
        let paths: Vec<String> = members.iter().filter_map(|one| one.path.clone()).collect();
        assert_eq!(paths, ["in", "in/deep.txt", "a.txt"]);
        // Of what the older one says nothing, nothing is said.
        for to in [None, Some(2)] {
            let found = system.dossier_version_compare(dossier, 1, to, ALL).await.unwrap();
            assert_eq!(found.members.total, 0, "{found:?}");
        }
        let content = content(system, "a.txt", b"another").await;
        system.content_put(paper, ANY, content, VersionNote::default()).await.unwrap();
        let wanted = ObjectMove { from: None, to: elsewhere, name: None };
        system.object_move(inner, ANY, wanted).await.unwrap();
        for (from, kinds) in [(1, 2), (2, 3)] {
            let found = system.dossier_version_compare(dossier, from, None, ALL).await.unwrap();
            assert_eq!(found.members.items.iter().map(|one| one.kinds.len()).sum::<usize>(), kinds, "{found:?}");
        }
        let made = make(Some(2)).await;
        assert!(made.not_restored.is_empty(), "{made:?}");
        let members = system.dossier_version_members(dossier, 3, ALL).await.unwrap().items;
        let paths: Vec<String> = members.iter().filter_map(|one| one.path.clone()).collect();
        assert_eq!(paths, ["in", "in/deep.txt", "a.txt"]);
        assert!(members.iter().all(|one| one.id != inner), "the folder that lies elsewhere is made again");
        make(Some(1)).await;
        assert!(office.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap().is_clean());

        let bag = export(system, ExportScope::Repository, office.folder().join("bag")).await;
        let root = empty.system.root_folder().await.unwrap();
        let report = empty.system.bag_import(bag, root).await.unwrap();
        assert!(report.is_taken, "{report:?}");
        for number in 1..=4 {
            let [one, other] = [system, &empty.system];
            let (one, other) = (one.dossier_version_get(dossier, number), other.dossier_version_get(dossier, number));
            assert_eq!(one.await.unwrap().digest, other.await.unwrap().digest);
        }
        let there = empty.system.dossier_version_members(dossier, 2, ALL).await.unwrap().items;
        assert_eq!(there.iter().map(|one| one.path.as_deref()).collect::<Vec<_>>()[1], Some("in/deep.txt"));
        assert!(empty.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap().is_clean());
    })
    .await;
}
