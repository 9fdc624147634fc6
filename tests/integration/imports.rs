//! Imports are resumable: new, changed and taken files, shared blobs, and a report.

use cartulary_repository::{
    ImportCandidate, ImportFault, ImportFile, ImportState, ListOrder, NewImport, Precondition, WindowRequest,
};
use cartulary_tests::office::{TestOffice, each_office, stage};

const ALL: WindowRequest = WindowRequest { offset: 0, limit: 100 };

async fn run(office: &TestOffice) -> cartulary_model::ObjectId {
    office.system.import_start(NewImport { source: "archive".into(), ..NewImport::default() }).await.unwrap().view.id
}

async fn take(office: &TestOffice, run: cartulary_model::ObjectId, path: &str, bytes: &[u8]) -> ImportState {
    let staged = stage(&office.system, bytes).await;
    let file = ImportFile { path: path.into(), path_raw: None, staged, media_type: None, sequence: None, slot: None };
    office.system.import_file(run, file).await.unwrap().value.state
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_run_takes_only_what_is_new_or_changed() {
    each_office(async |office| {
        let first = run(office).await;
        assert_eq!(take(office, first, "2024-001/a.txt", b"one").await, ImportState::Created);
        assert_eq!(take(office, first, "2024-001/in/b.txt", b"two").await, ImportState::Created);
        assert_eq!(take(office, first, "2024-002/a.txt", b"one").await, ImportState::Created);
        office.system.import_finish(first).await.unwrap();
        let second = run(office).await;
        let candidate = |path: &str, bytes: &[u8]| ImportCandidate {
            path: path.into(),
            digest: cartulary_model::BlobDigest::of(bytes),
        };
        let asked = vec![
            candidate("2024-001/a.txt", b"one"),
            candidate("2024-001/in/b.txt", b"changed"),
            candidate("2024-003/new.txt", b"one"),
        ];
        let states = office.system.import_check(second, asked).await.unwrap();
        assert_eq!(states, [ImportState::Taken, ImportState::Changed, ImportState::New]);
        assert_eq!(take(office, second, "2024-001/a.txt", b"one").await, ImportState::Taken);
        assert_eq!(take(office, second, "2024-001/in/b.txt", b"changed").await, ImportState::Version);
        let fault = ImportFault { path: "x/y".into(), code: "unreadable".into(), reason: "permission denied".into() };
        office.system.import_fault(second, fault.clone()).await.unwrap();
        let report = office.system.import_finish(second).await.unwrap();
        let view = &report.view;
        assert_eq!((view.created_count, view.version_count, view.taken_count, view.is_open), (0, 1, 1, false));
        assert_eq!(report.faults, [fault]);
        let dossiers = office.system.dossier_list(ALL, ListOrder::Name, None).await.unwrap();
        let names: Vec<_> = dossiers.items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(names, ["2024-001", "2024-002"]);
        let papers = office.system.children_list(dossiers.items[0].id, ALL, ListOrder::Receipt).await.unwrap();
        let papers: Vec<_> =
            papers.items.iter().map(|item| (item.name.as_str(), item.version_label.as_deref().unwrap())).collect();
        assert_eq!(papers, [("a.txt", "1.0"), ("in › b.txt", "1.1")]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_in_the_trash_is_neither_taken_again_nor_called_there() {
    each_office(async |office| {
        let first = run(office).await;
        assert_eq!(take(office, first, "A/a.txt", b"one").await, ImportState::Created);
        let dossiers = office.system.dossier_list(ALL, ListOrder::Name, None).await.unwrap();
        let papers = office.system.children_list(dossiers.items[0].id, ALL, ListOrder::Receipt).await.unwrap();
        let paper = papers.items[0].id;
        office.system.object_trash(paper, Precondition::Any).await.unwrap();
        let second = run(office).await;
        let digest = cartulary_model::BlobDigest::of(b"one");
        let asked = || vec![ImportCandidate { path: "A/a.txt".into(), digest }];
        assert_eq!(office.system.import_check(second, asked()).await.unwrap(), [ImportState::Trashed]);
        assert_eq!(take(office, second, "A/a.txt", b"one").await, ImportState::Trashed);
        let papers = office.system.children_list(dossiers.items[0].id, ALL, ListOrder::Receipt).await.unwrap();
        assert_eq!(papers.items.len(), 0);
        office.system.object_restore(paper).await.unwrap();
        assert_eq!(office.system.import_check(second, asked()).await.unwrap(), [ImportState::Taken]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn papers_stand_in_the_order_of_their_run_whichever_comes_first() {
    each_office(async |office| {
        let first = run(office).await;
        for sequence in [3_u32, 1, 2] {
            let staged = stage(&office.system, &sequence.to_be_bytes()).await;
            let path = format!("case/first {sequence}.bin");
            let sequence = Some(sequence);
            let file = ImportFile { path, path_raw: None, staged, media_type: None, sequence, slot: None };
            office.system.import_file(first, file).await.unwrap();
        }
        take(office, first, "case/last of the first.bin", b"no sequence").await;
        let second = run(office).await;
        let staged = stage(&office.system, b"the second run").await;
        let path = "case/second 1.bin".to_owned();
        let file = ImportFile { path, path_raw: None, staged, media_type: None, sequence: Some(1), slot: None };
        office.system.import_file(second, file).await.unwrap();
        let dossier = office.system.dossier_list(ALL, ListOrder::Name, None).await.unwrap().items.remove(0);
        let papers = office.system.children_list(dossier.id, ALL, ListOrder::Receipt).await.unwrap();
        let names: Vec<_> = papers.items.iter().map(|item| item.name.as_str()).collect();
        let expect = ["first 1.bin", "first 2.bin", "first 3.bin", "last of the first.bin", "second 1.bin"];
        assert_eq!(names, expect);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_files_at_once_make_one_dossier_and_share_equal_bytes() {
    each_office(async |office| {
        let run = run(office).await;
        let mut tasks = Vec::new();
        for number in 0..32 {
            let session = office.system.clone();
            tasks.push(tokio::spawn(async move {
                let staged = stage(&session, b"\x00equal bytes").await;
                let path = format!("one/{number}.bin");
                let file = ImportFile { path, path_raw: None, staged, media_type: None, sequence: None, slot: None };
                session.import_file(run, file).await.unwrap().value.state
            }));
        }
        for task in tasks {
            assert_eq!(task.await.unwrap(), ImportState::Created);
        }
        let dossiers = office.system.dossier_list(ALL, ListOrder::Name, None).await.unwrap();
        assert_eq!(dossiers.total, 1);
        let report = office.repository.verify(Default::default(), |_| {}).await.unwrap();
        assert_eq!((report.blobs_checked, report.is_clean()), (1, true), "{:?}", report.faults);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_names_what_was_taken_and_could_not_be_read() {
    each_office(async |office| {
        let before = run(office).await;
        take(office, before, "2024-001/old.pdf", b"%PDF-1.7\nan old heap of bytes").await;
        office.settle().await;
        let now = run(office).await;
        take(office, now, "2024-001/good.txt", b"words that can be read").await;
        take(office, now, "2024-001/heap.pdf", b"%PDF-1.7\na heap of bytes").await;
        office.system.import_finish(now).await.unwrap();
        office.settle().await;
        let texts = office.system.import_get(now).await.unwrap().texts;
        assert_eq!(texts.waiting_count, 0);
        let paths: Vec<_> = texts.unread.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["2024-001/heap.pdf"], "what the run before took is not of this one");
        let file = &texts.unread[0];
        assert!(file.dossier_id.is_some() && !file.faults.is_empty(), "{file:?}");
        // Who puts it in the trash has dealt with it.
        office.system.object_trash(file.document_id, Precondition::Any).await.unwrap();
        assert!(office.system.import_get(now).await.unwrap().texts.unread.is_empty());
    })
    .await;
}
