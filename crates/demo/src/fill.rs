//! Fills an office with the cases, through the services. A second time it adds nothing.

use std::collections::HashMap;
use std::convert::Infallible;

use bytes::Bytes;
use cartulary_model::{ObjectId, Properties, VersionIncrement};
use cartulary_repository::{
    ListOrder, NewContent, NewDocument, NewFolder, ObjectSummary, Precondition, RepositoryError, Result, Session,
    VersionNote, WINDOW_ROWS_MAX, WindowRequest,
};
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::cases::{self, Case, Subject};
use crate::papers::{self, Paper};

/// How many dossiers are filled at once: papers of one are made while those of another are written.
const AT_ONCE: usize = 4;

/// What was added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filled {
    /// New dossiers.
    pub dossiers: u32,
    /// New documents, placeholders among them.
    pub documents: u32,
    /// New versions, first ones among them.
    pub versions: u32,
}

impl Filled {
    const fn plus(self, other: Self) -> Self {
        Self {
            dossiers: self.dossiers + other.dossiers,
            documents: self.documents + other.documents,
            versions: self.versions + other.versions,
        }
    }
}

/// Fills the office. `progress` is told how many papers are done, and of how many.
///
/// What is there stays as it is, also when a person has changed it; what a person renamed or threw away is not made again.
///
/// # Errors
/// The services'; what was made until then stays, and the next call makes the rest.
pub async fn fill(session: &Session, progress: impl Fn(u32, u32) + Send + Sync) -> Result<Filled> {
    let cases: Vec<(Case, Vec<Paper>)> = cases::all()
        .into_iter()
        .map(|case| {
            let papers = papers::of_case(&case);
            (case, papers)
        })
        .collect();
    let total: usize = cases.iter().map(|(_, papers)| papers.len()).sum();
    let total = u32::try_from(total).unwrap_or(u32::MAX);
    let mut opened = Vec::with_capacity(cases.len());
    let mut filled = Filled::default();
    // Dossiers are made in order, so that lists by creation look as they should.
    for (case, papers) in cases {
        let Some((dossier, is_new)) = dossier(session, &case).await? else { continue };
        filled.dossiers += u32::from(is_new);
        opened.push((case, papers, dossier));
    }
    let done = std::sync::atomic::AtomicU32::new(0);
    let report = || {
        let done = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        progress(done, total);
    };
    let report = &report;
    let parts: Vec<Filled> = stream::iter(opened)
        .map(|(case, papers, dossier)| async move { fill_dossier(session, &case, &papers, dossier, report).await })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    Ok(parts.into_iter().fold(filled, Filled::plus))
}

/// Returns the dossier of a case, and whether it had to be made; nothing when somebody put it in the trash.
async fn dossier(session: &Session, case: &Case) -> Result<Option<(ObjectId, bool)>> {
    let started = session.repository().clock().now();
    let new = NewFolder {
        name: case.name(),
        title: Some(case.title.in_language(case.language).to_owned()),
        type_id: Some(case.type_id().to_owned()),
        properties: case_properties(case),
        facets: Vec::new(),
        source: None,
        idempotency_key: Some(format!("demo:{}", case.number)),
    };
    match session.dossier_create(new).await {
        Ok(written) => {
            let summary = written.value.summary;
            Ok(Some((summary.id, summary.created_at >= started)))
        }
        // Made by another user, or by an older version of this program.
        Err(RepositoryError::Conflict { code: "name_taken" | "idempotency_key_reused", .. }) => {
            Ok(Some((find(session, &case.name()).await?, false)))
        }
        Err(RepositoryError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn find(session: &Session, name: &str) -> Result<ObjectId> {
    let root = session.root_folder().await?;
    let mut offset = 0;
    loop {
        let request = WindowRequest { offset, limit: WINDOW_ROWS_MAX };
        let window = session.children_list(root, request, ListOrder::Name).await?;
        if let Some(found) = window.items.iter().find(|row| row.name == name) {
            return Ok(found.id);
        }
        offset = window.next_offset.ok_or_else(|| RepositoryError::not_found(format!("the dossier `{name}`")))?;
    }
}

async fn fill_dossier(
    session: &Session,
    case: &Case,
    papers: &[Paper],
    dossier: ObjectId,
    report: &(impl Fn() + Sync),
) -> Result<Filled> {
    let request = WindowRequest { offset: 0, limit: WINDOW_ROWS_MAX };
    let present = session.children_list(dossier, request, ListOrder::Receipt).await?;
    let present: HashMap<String, ObjectSummary> =
        present.items.into_iter().map(|row| (row.name.clone(), row)).collect();
    let mut filled = Filled::default();
    for paper in papers {
        let part = match present.get(&paper.file_name()) {
            Some(row) => complete(session, case, paper, row).await?,
            None => file(session, case, paper, dossier).await?,
        };
        filled = filled.plus(part);
        report();
    }
    Ok(filled)
}

/// Files a paper with all its versions.
async fn file(session: &Session, case: &Case, paper: &Paper, dossier: ObjectId) -> Result<Filled> {
    let content = match paper.versions.first() {
        Some(_) => Some(content(session, case, paper, 0).await?),
        None => None,
    };
    let has_content = content.is_some();
    let started = session.repository().clock().now();
    let new = NewDocument {
        name: paper.file_name(),
        title: Some(paper.title.to_owned()),
        type_id: Some("demo:paper".to_owned()),
        properties: paper_properties(case, paper),
        facets: Vec::new(),
        source: None,
        content,
        rename_when_taken: false,
        idempotency_key: Some(format!("demo:{}:{}", case.number, paper.file_name())),
    };
    let summary = match session.document_create(dossier, new).await {
        Ok(written) => written.value.summary,
        // Renamed by a person, and made by an older version of this program: it is there.
        Err(RepositoryError::Conflict { code: "idempotency_key_reused", .. }) => return Ok(Filled::default()),
        // In the trash: somebody put it there, or its dossier.
        Err(RepositoryError::NotFound { .. }) => return Ok(Filled::default()),
        Err(error) => return Err(error),
    };
    if summary.created_at < started {
        return Ok(Filled::default());
    }
    let first = Filled { dossiers: 0, documents: 1, versions: u32::from(has_content) };
    Ok(first.plus(complete(session, case, paper, &summary).await?))
}

/// Adds the versions that a document does not have yet: those of a fill that broke off.
async fn complete(session: &Session, case: &Case, paper: &Paper, row: &ObjectSummary) -> Result<Filled> {
    let mut filled = Filled::default();
    if paper.versions.len() < 2 {
        return Ok(filled);
    }
    let request = WindowRequest { offset: 0, limit: 1 };
    let present = usize::try_from(session.version_list(row.id, request).await?.total).unwrap_or(usize::MAX);
    for (version, reason) in paper.versions.iter().enumerate().skip(present) {
        let increment = if reason.major { VersionIncrement::Major } else { VersionIncrement::Minor };
        let note = VersionNote { comment: reason.comment.to_owned(), increment: Some(increment) };
        let content = content(session, case, paper, version).await?;
        session.content_put(row.id, Precondition::Any, content, note).await?;
        filled.versions += 1;
    }
    Ok(filled)
}

/// Makes the bytes of a version on a thread that may be busy, and stages them.
async fn content(session: &Session, case: &Case, paper: &Paper, version: usize) -> Result<NewContent> {
    let (case, of) = (case.clone(), paper.clone());
    let made = tokio::task::spawn_blocking(move || papers::bytes(&case, &of, version)).await;
    let made = Bytes::from(made.map_err(RepositoryError::internal)?);
    let staged = session.content_stage(stream::iter([Ok::<_, Infallible>(made)])).await?;
    Ok(NewContent { bytes: staged.into(), file_name: paper.file_name(), file_name_raw: None, media_type: None })
}

/// Returns an instant of an office day: ten in the morning, so that all time zones of readers agree on the day.
fn instant(date: Date) -> Value {
    json!(format!("{date}T10:00:00.000Z"))
}

fn case_properties(case: &Case) -> Properties {
    let (own, other) = (case.language, case.language.other());
    let mut properties = Properties::new();
    let mut put = |id: &str, value: Value| properties.insert(id.to_owned(), value);
    put("dossier:number", json!(case.number));
    put("dossier:receivedOn", instant(case.filed_on));
    put("demo:status", json!(case.status));
    put("demo:titleOther", json!(case.title.in_language(other)));
    put("demo:applicant", json!(case.applicant.name.in_language(own)));
    put("demo:applicantOther", json!(case.applicant.name.in_language(other)));
    put("demo:filedOn", instant(case.filed_on));
    put("demo:examiner", json!(case.examiner.in_language(own)));
    put("demo:procedureLanguage", json!(own.name()));
    if let Some(agent) = &case.representative {
        put("demo:representative", json!(agent.name.in_language(own)));
    }
    if let Some(number) = case.registration {
        put("demo:registrationNumber", json!(number));
    }
    match &case.subject {
        Subject::Mark(mark) => {
            put("demo:markKind", json!(if mark.sign.is_some() { "Combined" } else { "Word" }));
            put("demo:niceClasses", json!(mark.classes));
            put("demo:goods", json!(mark.goods.in_language(own)));
            put("demo:goodsOther", json!(mark.goods.in_language(other)));
        }
        Subject::Patent(patent) => {
            let inventors: Vec<&str> = patent.inventors.iter().map(|name| name.in_language(own)).collect();
            put("demo:ipcClasses", json!(patent.classes));
            put("demo:inventors", json!(inventors));
            put("demo:abstract", json!(patent.summary.in_language(own)));
            put("demo:abstractOther", json!(patent.summary.in_language(other)));
        }
        Subject::Design(design) => {
            let designers: Vec<&str> = design.designers.iter().map(|name| name.in_language(own)).collect();
            put("demo:locarnoClasses", json!(design.classes));
            put("demo:designers", json!(designers));
        }
    }
    properties
}

fn paper_properties(case: &Case, paper: &Paper) -> Properties {
    let values = [
        ("demo:paperKind", json!(paper.kind)),
        ("demo:direction", json!(paper.direction.as_str())),
        ("demo:receivedOn", instant(paper.dated)),
        ("demo:paperNumber", json!(paper.number)),
        ("demo:sender", json!(paper.sender(case))),
        ("demo:language", json!(paper.language)),
    ];
    values.into_iter().map(|(id, value)| (id.to_owned(), value)).collect()
}
