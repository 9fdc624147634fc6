//! People file, move, copy, delete, restore and destroy at random and at once: folders, trash, access and index agree
//! afterwards, and nobody meets a fault.

use std::sync::{Arc, Mutex};

use cartulary_model::ObjectId;
use cartulary_repository::{
    LastFolder, NewCopy, NewDocument, NewFolder, ObjectMove, Position, Precondition, RepositoryError, Restoring,
    Session, WindowRequest,
};
use cartulary_tests::office::each_office;
use cartulary_tests::random::Random;

const ANY: Precondition = Precondition::Any;
const PEOPLE: usize = 6;
const ACTS: usize = 100;
const WINDOW: WindowRequest = WindowRequest { offset: 0, limit: 10 };
const NAMES: [&str; 6] = ["أ", "ب", "رسالة", "a", "b", "ملف"];

/// What was made, by whomever.
#[derive(Default)]
struct Known {
    folders: Vec<ObjectId>,
    documents: Vec<ObjectId>,
}

fn pick<T: Copy>(random: &mut Random, from: &[T]) -> T {
    from[usize::try_from(random.between(0, from.len() as u64)).unwrap()]
}

async fn act(session: &Session, random: &mut Random, known: &Mutex<Known>) -> Result<(), RepositoryError> {
    let (folder, other, document) = {
        let known = known.lock().unwrap();
        (pick(random, &known.folders), pick(random, &known.folders), pick(random, &known.documents))
    };
    let any = if random.percent(40) { folder } else { document };
    let name = format!("{} {}", pick(random, &NAMES), random.between(0, 20));
    let named = random.percent(50).then(|| name.clone());
    match random.between(0, 17) {
        0 => {
            let new = NewFolder { name, ..NewFolder::default() };
            let made = session.folder_create(folder, new).await?.value.summary.id;
            known.lock().unwrap().folders.push(made);
        }
        1..=3 => {
            let new = NewDocument { name, rename_when_taken: true, ..NewDocument::default() };
            let made = session.document_create(folder, new).await?.value.summary.id;
            known.lock().unwrap().documents.push(made);
        }
        4 | 5 => drop(session.object_file(document, folder, ANY).await?),
        6 => {
            let last = if random.percent(30) { LastFolder::Leave } else { LastFolder::Keep };
            let from = session.object_get(document).await?.parents.first().map_or(folder, |parent| parent.id);
            session.object_unfile(document, from, ANY, last).await?;
        }
        7 | 8 => drop(session.object_move(any, ANY, ObjectMove { from: None, to: other, name: named }).await?),
        9 => {
            let copy = NewCopy { folder: other, name: named, idempotency_key: None };
            // Copies of folders with copies in them grow without end.
            let any = if random.percent(10) { any } else { document };
            let made = session.object_copy(any, copy).await?.value.detail.summary;
            let mut known = known.lock().unwrap();
            let kind = if any == folder { &mut known.folders } else { &mut known.documents };
            kind.push(made.id);
        }
        10 => {
            let parents = session.object_get(document).await?.parents;
            let folder = parents.last().map_or(folder, |parent| parent.id);
            session.object_primary_put(document, folder, ANY).await?;
        }
        11 => drop(session.object_place(document, ANY, None, Position::First).await?),
        12 => drop(session.object_trash(any, ANY).await?),
        13..=15 => {
            // Whatever lies in the trash.
            let trash = session.trash_list(WINDOW).await?.items;
            let any = trash.first().map_or(any, |one| pick(random, &[one.summary.id, any]));
            let folder = random.percent(50).then_some(other);
            session.object_restore_to(any, Restoring { folder, name: named }).await?;
        }
        _ if random.percent(10) => drop(session.trash_destroy(any, ANY).await?),
        _ => {
            let changes = cartulary_repository::ObjectChanges { name: Some(name), ..Default::default() };
            session.object_update(any, ANY, changes).await?;
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_people_do_at_once_folders_trash_access_and_index_agree() {
    each_office(async |office| {
        let mut random = Random::announced("filing at random");
        let first = office.dossier("first").await;
        let paper = office.document(first, "paper", "paper").await.value.summary.id;
        let root = office.system.root_folder().await.unwrap();
        let known = Arc::new(Mutex::new(Known { folders: vec![first, root], documents: vec![paper] }));
        let mut people = tokio::task::JoinSet::new();
        for _ in 0..PEOPLE {
            let (session, known) = (office.system.clone(), Arc::clone(&known));
            let mut random = Random::seeded(random.number());
            people.spawn(async move {
                let mut done = 0;
                for _ in 0..ACTS {
                    match act(&session, &mut random, &known).await {
                        Ok(()) => done += 1,
                        Err(
                            RepositoryError::NotFound { .. }
                            | RepositoryError::Conflict { .. }
                            | RepositoryError::NameTaken { .. },
                        ) => {}
                        Err(error) => panic!("{}", cartulary_repository::error_chain(&error)),
                    }
                }
                done
            });
        }
        let mut done = 0;
        while let Some(one) = people.join_next().await {
            done += one.unwrap();
        }
        assert!(done > PEOPLE * ACTS / 4, "only {done} acts were done");
        office.settle().await;
        let report = office.repository.verify(Default::default(), |_| {}).await.unwrap();
        assert!(report.is_clean() && report.index_repaired == 0, "{report:?}");
    })
    .await;
}
