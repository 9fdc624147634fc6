//! Statements of CMIS QL: the same answers on both databases, and those of a model that only looks.

use std::fmt::Write as _;
use std::sync::Mutex;

use cartulary_model::{ObjectId, Properties};
use cartulary_repository::{
    NewAccessEntry, NewAccessList, NewDocument, ObjectChanges, Precondition, QueryRequest, RepositoryError,
    SearchQuery, Session, VerifyOptions, VersionName, VersionNote,
};
use cartulary_tests::office::{TestOffice, content, each_office};
use cartulary_tests::random::Random;
use serde_json::{Value, json};

const ANY: Precondition = Precondition::Any;

const TYPES: &str = r#"
    [[types]]
    id = "test:paper"
    parent = "document"
    base = "document"
    label = "Paper"
    properties = [
        { id = "test:text", label = "Text", kind = "string", indexed = true },
        { id = "test:plain", label = "Plain", kind = "string" },
        { id = "test:number", label = "Number", kind = "integer", indexed = true },
        { id = "test:real", label = "Real", kind = "decimal", indexed = true },
        { id = "test:flag", label = "Flag", kind = "boolean", indexed = true },
        { id = "test:at", label = "At", kind = "datetime", indexed = true },
        { id = "test:list", label = "List", kind = "string", cardinality = "multi", indexed = true },
    ]
"#;

/// Texts that differ in case, form, script, length and in what a pattern could mean.
const TEXTS: [&str; 14] =
    ["a", "A", "b", "B", "café", "cafe\u{301}", "CAFÉ", "ملف", "ملفات", "50%", "5_0", "it's", "z\u{fffd}", "\u{1f600}"];

async fn ask(session: &Session, statement: &str) -> Result<(u64, Vec<Vec<Value>>), RepositoryError> {
    let request = QueryRequest { statement: statement.to_owned(), limit: 1_000, ..QueryRequest::default() };
    session.query(request).await.map(|result| (result.total, result.rows))
}

async fn file(office: &TestOffice, folder: ObjectId, name: &str, properties: Value) {
    let Value::Object(properties) = properties else { panic!("an object") };
    let new = NewDocument {
        name: name.to_owned(),
        type_id: Some("test:paper".to_owned()),
        properties,
        ..NewDocument::default()
    };
    office.system.document_create(folder, new).await.unwrap();
}

fn below(random: &mut Random, end: usize) -> usize {
    usize::try_from(random.between(0, end as u64)).unwrap()
}

/// Properties by chance; some are missing.
fn properties(random: &mut Random) -> Properties {
    let mut found = Properties::new();
    let text = |random: &mut Random| {
        let text = TEXTS[below(random, TEXTS.len())];
        // Longer than a key is.
        if below(random, 8) == 0 { text.repeat(300) } else { text.to_owned() }
    };
    let mut put = |id: &str, value: Value| found.insert(id.to_owned(), value);
    if below(random, 5) > 0 {
        put("test:text", json!(text(random)));
    }
    if below(random, 5) > 0 {
        put("test:plain", json!(text(random)));
    }
    if below(random, 5) > 0 {
        put("test:number", json!(i64::try_from(below(random, 9)).unwrap() - 4));
    }
    if below(random, 5) > 0 {
        put("test:real", json!([-1.5, 0.0, 1.0, 2.0, 2.5, 1e300][below(random, 6)]));
    }
    if below(random, 3) > 0 {
        put("test:flag", json!(below(random, 2) == 0));
    }
    if below(random, 3) > 0 {
        put(
            "test:at",
            json!(["2026-01-31T00:00:00Z", "2026-01-31T00:00:00.001Z", "1969-12-31T23:59:59Z"][below(random, 3)]),
        );
    }
    let list: Vec<String> = (0..below(random, 4)).map(|_| text(random)).collect();
    put("test:list", json!(list));
    found
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A condition by chance.
fn condition(random: &mut Random, depth: usize) -> String {
    let text = |random: &mut Random| quoted(TEXTS[below(random, TEXTS.len())]);
    let sign = |random: &mut Random| ["=", "<>", "<", "<=", ">", ">="][below(random, 6)];
    let not = |random: &mut Random| if below(random, 2) == 0 { "NOT " } else { "" };
    let column = ["test:text", "test:plain", "cmis:name"][below(random, 3)];
    match if depth == 0 { 3 + below(random, 9) } else { below(random, 12) } {
        0 => format!("({} AND {})", condition(random, depth - 1), condition(random, depth - 1)),
        1 => format!("({} OR {})", condition(random, depth - 1), condition(random, depth - 1)),
        2 => format!("NOT {}", condition(random, depth - 1)),
        3 => format!("{column} {} {}", sign(random), text(random)),
        4 => format!("{column} {}IN ({}, {})", not(random), text(random), text(random)),
        5 => {
            let inner = TEXTS[below(random, TEXTS.len())].replace('\'', "\\'").replace('%', "\\%");
            let pattern =
                [format!("{inner}%"), format!("%{inner}"), format!("_{inner}%"), inner][below(random, 4)].clone();
            format!("{column} {}LIKE '{pattern}'", not(random))
        }
        6 => format!("{} IS {}NULL", ["test:text", "test:list", "test:at"][below(random, 3)], not(random)),
        7 => format!("test:number {} {}", sign(random), ["-4", "0", "1", "2.5", "-0.5"][below(random, 5)]),
        8 => format!("test:real {} {}", sign(random), ["0", "1", "2", "2.5", "-9"][below(random, 5)]),
        9 => format!("test:flag {} TRUE", ["=", "<>"][below(random, 2)]),
        10 => format!("test:at {} TIMESTAMP '2026-01-31T00:00:00.000Z'", sign(random)),
        _ => format!("ANY test:list {}IN ({}, {})", not(random), text(random), text(random)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_give_byte_equal_answers() {
    let seed = Random::announced("statements").number();
    let answers: Mutex<Vec<String>> = Mutex::default();
    each_office(async |office| {
        office.declare(TYPES).await;
        let mut random = Random::seeded(seed);
        let folder = office.dossier("papers").await;
        for number in 0..60 {
            let properties = Value::Object(properties(&mut random));
            file(office, folder, &format!("{number:02} {}", TEXTS[below(&mut random, TEXTS.len())]), properties).await;
        }
        let mut written = String::new();
        for number in 0..300 {
            let order = [
                "cmis:name",
                "test:text, cmis:name",
                "test:real DESC, test:number, cmis:name",
                "test:plain DESC, cmis:name",
            ];
            let statement = format!(
                "SELECT cmis:name, test:text, test:number, test:list FROM test:paper WHERE {} ORDER BY {}",
                condition(&mut random, 3),
                order[number % order.len()]
            );
            let (total, rows) =
                ask(&office.system, &statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
            writeln!(written, "{statement}\n{total} {}", json!(rows)).unwrap();
        }
        answers.lock().unwrap().push(written);
    })
    .await;
    let answers = answers.into_inner().unwrap();
    let found =
        answers[0].lines().filter(|line| line.starts_with(|first: char| first.is_ascii_digit() && first != '0'));
    assert!(found.count() > 200, "most statements find something");
    for other in &answers[1..] {
        for (one, other) in answers[0].lines().zip(other.lines()) {
            assert_eq!(one, other);
        }
    }
}

/// A statement and its negation divide what has a value; a conjunction is what both find. Where an index narrows the one and
/// not the other, a wrong narrowing shows.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_narrows_changes_no_answer() {
    let seed = Random::announced("narrowing").number();
    each_office(async |office| {
        office.declare(TYPES).await;
        let mut random = Random::seeded(seed);
        let folder = office.dossier("papers").await;
        for number in 0..40 {
            file(office, folder, &format!("{number:02}"), Value::Object(properties(&mut random))).await;
        }
        let names = async |condition: &str| {
            let statement = format!("SELECT cmis:name FROM test:paper WHERE {condition} ORDER BY cmis:name");
            let (_, rows) =
                ask(&office.system, &statement).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
            rows.into_iter().flatten().map(|name| name.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        for _ in 0..150 {
            let one = condition(&mut random, 2);
            let narrowed = names(&one).await;
            // Nothing narrows a disjunction with what is not indexed, nor a double negation.
            let all = names(&format!("({one}) OR cmis:changeToken = 'none'")).await;
            assert_eq!(narrowed, all, "{one}");
            assert_eq!(narrowed, names(&format!("NOT (NOT ({one}))")).await, "{one}");
            let against = names(&format!("NOT ({one})")).await;
            assert!(narrowed.iter().all(|name| !against.contains(name)), "{one}");
        }
    })
    .await;
}

/// With the index feed stopped, what was hidden or moved is not found by any part of a statement.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_hidden_a_moment_ago_is_not_found() {
    each_office(async |office| {
        let reader = office.user("rita", &["readers"]).await;
        let folder = office.dossier("open").await;
        let paper = office.document(folder, "lighthouse.txt", "x").await.value.summary;
        office.settle().await;
        let statement = "SELECT cmis:name FROM cmis:document WHERE CONTAINS('lighthouse')";
        assert_eq!(ask(&reader, statement).await.unwrap().0, 1);
        office.stop_background().await;
        let hidden = NewAccessList { entries: Vec::new(), inherits: false };
        office.system.acl_put(paper.id, ANY, hidden).await.unwrap();
        assert_eq!(ask(&reader, statement).await.unwrap().0, 0);
        assert_eq!(ask(&reader, "SELECT cmis:name FROM cmis:document").await.unwrap().0, 0);
        assert_eq!(ask(&office.system, statement).await.unwrap().0, 1);
    })
    .await;
}

/// The labels of the versions whose words a statement finds, in their order.
async fn versions_with(session: &Session, words: &str) -> Vec<String> {
    let statement = format!("SELECT cmis:versionLabel FROM cmis:document WHERE CONTAINS('{words}')");
    let request = QueryRequest { statement, all_versions: true, limit: 100, ..QueryRequest::default() };
    let found = session.query(request).await.unwrap();
    assert_eq!(found.total, found.rows.len() as u64);
    let label = |row: &Vec<Value>| row[0].as_str().unwrap_or("none").to_owned();
    let mut labels: Vec<String> = found.rows.iter().map(label).collect();
    labels.sort();
    labels
}

async fn put(office: &TestOffice, paper: ObjectId, text: &str) {
    let bytes = content(&office.system, "paper.txt", text.as_bytes()).await;
    office.system.content_put(paper, ANY, bytes, VersionNote::default()).await.unwrap();
}

async fn retitle(office: &TestOffice, paper: ObjectId, title: &str) {
    let changes = ObjectChanges { title: Some(title.to_owned()), ..ObjectChanges::default() };
    office.system.object_update(paper, ANY, changes).await.unwrap();
}

/// Every version is found by the words that it had, once, and only where all versions are asked for.
#[tokio::test(flavor = "multi_thread")]
async fn words_of_earlier_versions_are_found_where_all_are_asked() {
    each_office(async |office| {
        let folder = office.dossier("folder").await;
        let paper = office.document(folder, "paper.txt", "common lighthouse").await.value.summary.id;
        put(office, paper, "common harbour").await;
        put(office, paper, "common estuary").await;
        office.document(folder, "other.txt", "common").await;
        office.settle().await;
        let system = &office.system;
        assert_eq!(versions_with(system, "lighthouse").await, ["1.0"]);
        assert_eq!(versions_with(system, "harbour").await, ["1.1"]);
        assert_eq!(versions_with(system, "estuary").await, ["1.2"]);
        assert_eq!(versions_with(system, "common").await, ["1.0", "1.0", "1.1", "1.2"]);
        assert_eq!(versions_with(system, "common -harbour").await, ["1.0", "1.0", "1.2"]);
        let present = "SELECT cmis:name FROM cmis:document WHERE CONTAINS('lighthouse')";
        assert_eq!(ask(system, present).await.unwrap().0, 0);
        let words = SearchQuery { text: "lighthouse".into(), limit: 10, facets: true, ..SearchQuery::default() };
        assert_eq!(system.search(words).await.unwrap().total, 0);
        // A title is of the live document, until a version takes it.
        retitle(office, paper, "Promontory").await;
        office.settle().await;
        assert_eq!(versions_with(system, "promontory").await, [""; 0]);
        assert_eq!(versions_with(system, "estuary").await, ["1.2"]);
        assert_eq!(ask(system, "SELECT cmis:name FROM cmis:document WHERE CONTAINS('promontory')").await.unwrap().0, 1);
        put(office, paper, "common breakwater").await;
        office.settle().await;
        assert_eq!(versions_with(system, "promontory").await, ["1.3"]);
        assert_eq!(versions_with(system, "estuary").await, ["1.2"]);
        system.version_destroy(paper, VersionName::Label(1, 1), ANY).await.unwrap();
        office.settle().await;
        assert_eq!(versions_with(system, "common").await, ["1.0", "1.0", "1.2", "1.3"]);
        system.version_destroy(paper, VersionName::Latest, ANY).await.unwrap();
        office.settle().await;
        assert_eq!(versions_with(system, "common").await, ["1.0", "1.0", "1.2"]);
        assert_eq!(versions_with(system, "breakwater").await, [""; 0]);
        system.object_trash(paper, ANY).await.unwrap();
        assert_eq!(versions_with(system, "common").await, ["1.0"], "at once, before the index follows");
        office.settle().await;
        assert_eq!(versions_with(system, "common").await, ["1.0"]);
        system.object_restore(paper).await.unwrap();
        office.settle().await;
        assert_eq!(versions_with(system, "common").await, ["1.0", "1.0", "1.2"]);
        office.repository.reindex(|_| {}).await.unwrap();
        assert_eq!(versions_with(system, "common").await, ["1.0", "1.0", "1.2"]);
        assert_eq!(versions_with(system, "lighthouse").await, ["1.0"]);
        let report = office.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap();
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(report.index_repaired, 0);
    })
    .await;
}

/// Words of versions are found by whom the document shows its contents to, however the index stands.
#[tokio::test(flavor = "multi_thread")]
async fn words_of_earlier_versions_are_hidden_with_the_document() {
    each_office(async |office| {
        let reader = office.user("rita", &["readers"]).await;
        let folder = office.dossier("folder").await;
        let paper = office.document(folder, "paper.txt", "lighthouse").await.value.summary.id;
        put(office, paper, "harbour").await;
        office.settle().await;
        assert_eq!(versions_with(&reader, "lighthouse").await, ["1.0"]);
        office.stop_background().await;
        let named = vec![NewAccessEntry::granting("rita", "ReadProperties")];
        let shown = NewAccessList { entries: named, inherits: false };
        office.system.acl_put(paper, ANY, shown).await.unwrap();
        assert_eq!(versions_with(&reader, "lighthouse").await, [""; 0], "who may not read contents");
        let hidden = NewAccessList { entries: Vec::new(), inherits: false };
        office.system.acl_put(paper, ANY, hidden).await.unwrap();
        assert_eq!(versions_with(&reader, "lighthouse").await, [""; 0]);
        assert_eq!(versions_with(&reader, "harbour").await, [""; 0]);
        assert_eq!(versions_with(&office.system, "lighthouse").await, ["1.0"]);
    })
    .await;
}

/// What the index has of versions is compared with the database, and mended.
#[tokio::test(flavor = "multi_thread")]
async fn an_index_without_the_words_of_a_version_is_mended() {
    each_office(async |office| {
        let folder = office.dossier("folder").await;
        let paper = office.document(folder, "paper.txt", "lighthouse").await.value.summary.id;
        put(office, paper, "harbour").await;
        office.settle().await;
        let verified =
            async || office.repository.verify(VerifyOptions::default(), |_| {}).await.unwrap().index_repaired;
        assert_eq!(verified().await, 0);
        // Of the latest version, other words are said than those of the document, which stand for it in the index.
        office
            .tamper("UPDATE object SET title = 'estuary' WHERE role = 'version' AND no = (SELECT MAX(no) FROM object)");
        assert_eq!(versions_with(&office.system, "estuary").await, [""; 0]);
        assert_eq!(verified().await, 1);
        assert_eq!(versions_with(&office.system, "estuary").await, ["1.1"]);
        assert_eq!(verified().await, 0);
    })
    .await;
}
