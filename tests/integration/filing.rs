//! Where objects lie: in several folders, in none, moved, and in order, and who sees them there.

use cartulary_model::ObjectId;
use cartulary_repository::{
    LastFolder, ListOrder, ListPlace, ListRequest, ListStart, NewAccessList, NewDocument, NewFolder, ObjectDetail,
    ObjectMove, Position, Precondition, RepositoryError, SearchQuery, Session, WindowRequest,
};
use cartulary_tests::office::{TestOffice, each_office};

const ALL: WindowRequest = WindowRequest { offset: 0, limit: 1_000 };
const ANY: Precondition = Precondition::Any;

fn list(entries: &[(&str, &str)], inherits: bool) -> NewAccessList {
    let entries =
        entries.iter().map(|(who, what)| cartulary_repository::NewAccessEntry::granting(*who, *what)).collect();
    NewAccessList { entries, inherits }
}

/// Makes a folder in another.
async fn folder(office: &TestOffice, parent: ObjectId, name: &str) -> ObjectId {
    let new = NewFolder { name: name.to_owned(), ..NewFolder::default() };
    office.system.folder_create(parent, new).await.unwrap().value.summary.id
}

/// Makes a folder that only administrators and somebody see.
async fn closed_folder(office: &TestOffice, name: &str, who: &str) -> ObjectId {
    let closed = office.dossier(name).await;
    office.system.acl_put(closed, ANY, list(&[(who, "Manage")], false)).await.unwrap();
    closed
}

fn to(folder: ObjectId) -> ObjectMove {
    ObjectMove { from: None, to: folder, name: None }
}

async fn names(session: &Session, folder: ObjectId) -> Vec<String> {
    let window = session.children_list(folder, ALL, ListOrder::Receipt).await.unwrap();
    assert_eq!(window.total, window.items.len() as u64);
    window.items.into_iter().map(|item| item.name).collect()
}

async fn found(session: &Session, words: &str) -> u64 {
    let query = SearchQuery { text: words.to_owned(), limit: 10, ..SearchQuery::default() };
    session.search(query).await.unwrap().total
}

fn code(error: &RepositoryError) -> &str {
    match error {
        RepositoryError::Conflict { code, .. } => code,
        RepositoryError::NameTaken { .. } => "name_taken",
        RepositoryError::NotFound { .. } => "not_found",
        RepositoryError::Forbidden { .. } => "forbidden",
        RepositoryError::Invalid { .. } => "invalid",
        RepositoryError::Stale { .. } => "stale",
        _ => panic!("{error:?}"),
    }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, RepositoryError>, expect: &str) {
    let error = result.unwrap_err();
    assert_eq!(code(&error), expect, "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_lies_in_two_dossiers_and_follows_the_first() {
    each_office(async |office| {
        let (one, other) = (office.dossier("علامة تجارية").await, office.dossier("B").await);
        let paper = office.document(one, "أولوية.txt", "a priority paper").await.value;
        let id = paper.summary.id;
        let token = Precondition::Token(paper.summary.change_token);
        let filed = office.system.object_file(id, other, token.clone()).await.unwrap().value;
        let parents: Vec<ObjectId> = filed.parents.iter().map(|parent| parent.id).collect();
        assert_eq!((parents, filed.primary_parent), (vec![one, other], Some(one)));
        assert_eq!(filed.paths, ["/علامة تجارية/أولوية.txt", "/B/أولوية.txt"]);
        assert_ne!(filed.summary.change_token, paper.summary.change_token);
        refused(office.system.object_file(id, other, token).await, "stale");
        assert_eq!(names(&office.system, other).await, ["أولوية.txt"]);
        // Again changes nothing.
        let again = office.system.object_file(id, other, ANY).await.unwrap().value;
        assert_eq!(again.summary.change_token, filed.summary.change_token);
        // The other folder is closed; the document stays as open as its primary one, and the folder is not named.
        let reader = office.user("reader", &["readers"]).await;
        office.system.acl_put(other, ANY, list(&[], false)).await.unwrap();
        let seen = reader.object_get(id).await.unwrap();
        assert_eq!((seen.parents.len(), seen.paths.len(), seen.primary_parent), (1, 1, Some(one)));
        let taken = office.document(one, "c.txt", "x").await.value.summary.id;
        office.document(other, "c.txt", "y").await;
        refused(office.system.object_file(taken, other, ANY).await, "name_taken");
        office.settle().await;
        let in_other =
            SearchQuery { text: "priority".into(), dossier: Some(other), limit: 10, ..SearchQuery::default() };
        assert_eq!(office.system.search(in_other).await.unwrap().total, 1, "it is found in each of its folders");
        refused(office.system.object_file(other, one, ANY).await, "folder_has_one_parent");
        refused(office.system.object_file(taken, id, ANY).await, "not_a_folder");
        refused(reader.object_file(id, one, ANY).await, "forbidden");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_the_primary_folder_away_changes_who_sees_the_document_at_once() {
    each_office(async |office| {
        let reader = office.user("reader", &["readers"]).await;
        office.user("boss", &[]).await;
        let (open, closed) = (office.dossier("open").await, closed_folder(office, "closed", "boss").await);
        let id = office.document(open, "a.txt", "cassava").await.value.summary.id;
        office.settle().await;
        office.stop_background().await;
        office.system.object_file(id, closed, ANY).await.unwrap();
        office.repository.sequence_now().await.unwrap();
        assert_eq!((reader.object_get(id).await.is_ok(), found(&reader, "cassava").await), (true, 1));
        let left = office.system.object_unfile(id, open, ANY, LastFolder::Keep).await.unwrap().value;
        office.repository.sequence_now().await.unwrap();
        assert_eq!(left.primary_parent, Some(closed));
        assert_eq!((reader.object_get(id).await.is_ok(), found(&reader, "cassava").await), (false, 0));
        assert_eq!(found(&office.sign_in("boss").await, "cassava").await, 1, "the index feed stands still");
        refused(office.system.object_unfile(id, closed, ANY, LastFolder::Keep).await, "last_folder");
        refused(office.system.object_unfile(id, open, ANY, LastFolder::Keep).await, "not_found");
        // And back, by naming another primary folder.
        office.system.object_file(id, open, ANY).await.unwrap();
        assert!(reader.object_get(id).await.is_err());
        office.system.object_primary_put(id, open, ANY).await.unwrap();
        office.repository.sequence_now().await.unwrap();
        assert_eq!((reader.object_get(id).await.is_ok(), found(&reader, "cassava").await), (true, 1));
        refused(reader.object_primary_put(id, open, ANY).await, "forbidden");
        office.start_background();
        office.settle().await;
        let report = office.repository.verify(Default::default(), |_| {}).await.unwrap();
        assert!(report.is_clean() && report.index_repaired == 0, "{report:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_lies_in_no_folder_is_its_makers_and_is_filed_again() {
    each_office(async |office| {
        let dossier = office.dossier("A").await;
        let maker = office.user("maker", &["staff"]).await;
        let other = office.user("other", &["staff"]).await;
        let new = cartulary_repository::NewDocument { name: "a".into(), ..Default::default() };
        let id = maker.document_create(dossier, new).await.unwrap().value.summary.id;
        let left = maker.object_unfile(id, dossier, ANY, LastFolder::Leave).await.unwrap().value;
        assert_eq!((left.parents.len(), left.path, left.paths.len()), (0, None, 0));
        assert!(other.object_get(id).await.is_err());
        assert_eq!(maker.unfiled_list(ALL).await.unwrap().total, 1);
        assert_eq!(other.unfiled_list(ALL).await.unwrap().total, 0);
        refused(maker.object_move(id, ANY, to(dossier)).await, "not_filed");
        office.system.acl_put(id, ANY, list(&[("other", "Browse"), ("maker", "Manage")], false)).await.unwrap();
        refused(other.object_file(id, dossier, ANY).await, "forbidden");
        let filed = maker.object_file(id, dossier, ANY).await.unwrap().value;
        assert_eq!(filed.primary_parent, Some(dossier));
        assert_eq!(other.object_get(id).await.unwrap().paths, ["/A/a"]);
        assert_eq!(maker.unfiled_list(ALL).await.unwrap().total, 0);
        office.settle().await;
        let report = office.repository.verify(Default::default(), |_| {}).await.unwrap();
        assert!(report.is_clean() && report.index_repaired == 0, "{report:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_moved_follows_its_new_folder_and_one_with_a_list_keeps_it() {
    each_office(async |office| {
        let reader = office.user("reader", &["readers"]).await;
        let anna = office.user("anna", &[]).await;
        let boss = office.user("boss", &[]).await;
        let (open, closed) = (office.dossier("مفتوح").await, closed_folder(office, "مغلق", "boss").await);
        let id = office.document(open, "رسالة.txt", "cassava").await.value.summary.id;
        let own = office.document(open, "b.txt", "manioc").await.value.summary.id;
        office.system.acl_put(own, ANY, list(&[("anna", "Read")], true)).await.unwrap();
        office.settle().await;
        office.stop_background().await;
        for moved in [id, own] {
            let detail = office.system.object_move(moved, ANY, to(closed)).await.unwrap().value;
            assert_eq!(detail.primary_parent, Some(closed));
        }
        office.repository.sequence_now().await.unwrap();
        assert!(reader.object_get(id).await.is_err() && reader.object_get(own).await.is_err());
        assert_eq!((found(&reader, "cassava").await, found(&boss, "cassava").await), (0, 1));
        assert_eq!(
            (found(&reader, "manioc").await, found(&boss, "manioc").await, found(&anna, "manioc").await),
            (0, 1, 1)
        );
        assert!(anna.object_get(own).await.is_ok() && anna.object_get(id).await.is_err());
        assert_eq!(names(&office.system, open).await, Vec::<String>::new());
        assert_eq!(names(&boss, closed).await, ["رسالة.txt", "b.txt"]);
        office.start_background();
        office.settle().await;
        assert_eq!((found(&reader, "cassava").await, found(&boss, "cassava").await), (0, 1));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_moved_takes_its_tree_to_the_lists_of_the_new_place() {
    each_office(async |office| {
        let reader = office.user("reader", &["readers"]).await;
        let anna = office.user("anna", &[]).await;
        let boss = office.user("boss", &[]).await;
        let (open, closed) = (office.dossier("open").await, closed_folder(office, "closed", "boss").await);
        let top = folder(office, open, "الفرع").await;
        let below = folder(office, top, "below").await;
        let special = folder(office, below, "special").await;
        office.system.acl_put(special, ANY, list(&[("anna", "Read")], true)).await.unwrap();
        let deep = office.document(special, "deep.txt", "cassava").await.value.summary.id;
        let plain = office.document(below, "plain.txt", "manioc").await.value.summary.id;
        assert!(reader.object_get(deep).await.is_ok() && reader.object_get(plain).await.is_ok());
        let moved = office.system.object_move(top, ANY, to(closed)).await.unwrap().value;
        assert_eq!(moved.path.as_deref(), Some("/closed/الفرع"));
        for id in [top, below, special, deep, plain] {
            assert!(reader.object_get(id).await.is_err());
            assert!(boss.object_get(id).await.is_ok());
        }
        assert!(anna.object_get(deep).await.is_ok() && anna.object_get(plain).await.is_err());
        // A grant above the new place holds for all of it, and one above the old place no more.
        office.system.acl_put(closed, ANY, list(&[("reader", "Read")], false)).await.unwrap();
        assert!(reader.object_get(deep).await.is_ok() && boss.object_get(deep).await.is_err());
        office.system.acl_put(open, ANY, list(&[("boss", "Read")], true)).await.unwrap();
        assert!(boss.object_get(deep).await.is_err());
        office.settle().await;
        assert_eq!((found(&reader, "cassava").await, found(&boss, "manioc").await), (1, 0));
        let back = ObjectMove { from: Some(closed), to: open, name: Some("عاد".into()) };
        let back = office.system.object_move(top, ANY, back).await.unwrap().value;
        assert_eq!((back.path.as_deref(), back.summary.title.as_str()), (Some("/open/عاد"), "عاد"));
        assert!(boss.object_get(plain).await.is_ok());
        let report = office.repository.verify(Default::default(), |_| {}).await.unwrap();
        assert!(report.is_clean(), "{report:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_in_a_dossier_finds_what_lies_in_its_folders() {
    each_office(async |office| {
        let reader = office.user("reader", &["readers"]).await;
        let (a, b) = (office.dossier("a").await, office.dossier("b").await);
        let inner = folder(office, a, "inner").await;
        let below = folder(office, inner, "below").await;
        let id = office.document(below, "a.txt", "cassava").await.value.summary.id;
        let in_dossier = async |dossier: ObjectId| {
            let query =
                SearchQuery { text: "cassava".into(), dossier: Some(dossier), limit: 9, ..SearchQuery::default() };
            reader.search(query).await.unwrap().total
        };
        office.settle().await;
        assert_eq!((in_dossier(a).await, in_dossier(below).await, in_dossier(b).await), (1, 1, 0));
        // A folder that is moved takes along what lies in it, at once.
        office.stop_background().await;
        office.system.object_move(inner, ANY, to(b)).await.unwrap();
        office.repository.sequence_now().await.unwrap();
        assert_eq!((in_dossier(a).await, in_dossier(b).await), (0, 1));
        // A folder that one does not see holds nothing for one, though one may read a paper in it.
        office.system.acl_put(inner, ANY, list(&[], false)).await.unwrap();
        office.system.acl_put(id, ANY, list(&[("reader", "Read")], true)).await.unwrap();
        office.repository.sequence_now().await.unwrap();
        assert_eq!((in_dossier(b).await, found(&reader, "cassava").await), (0, 1));
        office.start_background();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_cannot_be_is_refused_and_nothing_changes() {
    each_office(async |office| {
        let staff = office.user("clerk", &["staff"]).await;
        let (a, b) = (office.dossier("a").await, office.dossier("b").await);
        let inner = folder(office, a, "inner").await;
        let paper = office.document(a, "x", "x").await.value;
        let id = paper.summary.id;
        let root = office.system.root_folder().await.unwrap();
        refused(staff.object_move(a, ANY, to(inner)).await, "cyclic_move");
        refused(staff.object_move(a, ANY, to(a)).await, "cyclic_move");
        refused(staff.object_move(inner, ANY, to(id)).await, "not_a_folder");
        refused(staff.object_move(root, ANY, to(a)).await, "root_folder");
        refused(staff.object_move(id, Precondition::Token(99), to(b)).await, "stale");
        refused(staff.object_move(id, ANY, to(ObjectId::generate())).await, "not_found");
        let from = ObjectMove { from: Some(b), to: inner, name: None };
        refused(staff.object_move(id, ANY, from).await, "not_found");
        for name in ["a/b", "a\0b", "", "..", &"ب".repeat(1_000)] {
            let named = ObjectMove { from: None, to: b, name: Some(name.to_owned()) };
            refused(staff.object_move(id, ANY, named).await, "invalid");
        }
        let version = staff.version_list(id, ALL).await.unwrap().items[0].id;
        refused(staff.object_move(version, ANY, to(b)).await, "immutable");
        office.document(b, "x", "y").await;
        let taken = staff.object_move(id, ANY, to(b)).await.unwrap_err();
        assert!(matches!(&taken, RepositoryError::NameTaken { proposed } if proposed == "x (2)"), "{taken:?}");
        // One may add to the new folder, and not take from the old one.
        let anna = office.user("anna", &[]).await;
        office.system.acl_put(b, ANY, list(&[("anna", "Write")], true)).await.unwrap();
        office.system.acl_put(a, ANY, list(&[("anna", "Read")], true)).await.unwrap();
        refused(anna.object_move(id, ANY, to(b)).await, "forbidden");
        let now: ObjectDetail = staff.object_get(id).await.unwrap();
        assert_eq!((now.summary.change_token, now.paths), (paper.summary.change_token, vec!["/a/x".to_owned()]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_move_folders_into_each_other_make_no_circle() {
    each_office(async |office| {
        for turn in 0..8 {
            let (a, b) = (office.dossier(&format!("a{turn}")).await, office.dossier(&format!("b{turn}")).await);
            let one = office.system.object_move(a, ANY, to(b));
            let other = office.system.object_move(b, ANY, to(a));
            let (one, other) = tokio::join!(one, other);
            assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
            refused(one.and(other), "cyclic_move");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_take_the_same_name_one_has_it() {
    each_office(async |office| {
        let (a, b, target) = (office.dossier("a").await, office.dossier("b").await, office.dossier("t").await);
        for turn in 0..8 {
            let name = format!("رسالة {turn}");
            let one = office.document(a, &name, "1").await.value.summary.id;
            let other = office.document(b, &name, "2").await.value.summary.id;
            let new = NewFolder { name: name.clone(), ..NewFolder::default() };
            let (one, other, made) = tokio::join!(
                office.system.object_move(one, ANY, to(target)),
                office.system.object_move(other, ANY, to(target)),
                office.system.folder_create(target, new),
            );
            let done = [one.is_ok(), other.is_ok(), made.is_ok()];
            assert_eq!(done.iter().filter(|done| **done).count(), 1, "{one:?} {other:?} {made:?}");
            for failed in [one, other, made].into_iter().filter(Result::is_err) {
                refused(failed, "name_taken");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn folders_lie_200_deep_and_no_deeper() {
    each_office(async |office| {
        let mut at = office.dossier("0").await;
        for level in 1..199 {
            at = folder(office, at, &level.to_string()).await;
        }
        let new = NewFolder { name: "199".into(), ..NewFolder::default() };
        refused(office.system.folder_create(at, new).await, "too_deep");
        let paper = office.document(at, "عميق.txt", "deep").await.value;
        assert!(paper.path.unwrap().ends_with("/198/عميق.txt"));
        // A tree that would reach too deep does not move there.
        let tree = office.dossier("tree").await;
        folder(office, tree, "below").await;
        let above = office.system.object_get(at).await.unwrap().primary_parent.unwrap();
        refused(office.system.object_move(tree, ANY, to(above)).await, "too_deep");
        refused(office.system.object_move(tree, ANY, to(at)).await, "too_deep");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_put_in_order_however_close_they_stand() {
    each_office(async |office| {
        let dossier = office.dossier("A").await;
        let mut ids = Vec::new();
        for name in ["ألف", "باء", "جيم", "دال"] {
            ids.push(office.document(dossier, name, name).await.value.summary.id);
        }
        let place = async |id: ObjectId, position: Position| {
            office.system.object_place(id, ANY, None, position).await.unwrap();
            names(&office.system, dossier).await
        };
        assert_eq!(place(ids[3], Position::First).await, ["دال", "ألف", "باء", "جيم"]);
        assert_eq!(place(ids[0], Position::Last).await, ["دال", "باء", "جيم", "ألف"]);
        assert_eq!(place(ids[2], Position::Before(ids[1])).await, ["دال", "جيم", "باء", "ألف"]);
        assert_eq!(place(ids[3], Position::After(ids[1])).await, ["جيم", "باء", "دال", "ألف"]);
        // As often as one likes: room is made.
        for turn in 0..60 {
            let (moved, other) = if turn % 2 == 0 { (1, 3) } else { (3, 1) };
            let order = place(ids[moved], Position::After(ids[2])).await;
            assert_eq!(order[0], "جيم");
            assert_eq!(order[1], ["", "باء", "", "دال"][moved], "{turn}: {order:?}");
            assert_eq!(order[2], ["", "باء", "", "دال"][other], "{turn}: {order:?}");
            assert_eq!(order[3], "ألف");
        }
        let descending = office.system.children_list(dossier, ALL, ListOrder::ReceiptDescending).await.unwrap();
        assert_eq!(descending.items[0].name, "ألف");
        let stranger = office.dossier("B").await;
        refused(office.system.object_place(ids[0], ANY, None, Position::Before(stranger)).await, "invalid");
        refused(office.system.object_place(ids[0], ANY, None, Position::Before(ids[0])).await, "invalid");
        refused(office.system.object_place(ids[0], ANY, Some(stranger), Position::First).await, "not_found");
        let reader = office.user("reader", &["readers"]).await;
        refused(reader.object_place(ids[0], ANY, None, Position::First).await, "forbidden");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_leads_to_what_one_sees_all_the_way() {
    each_office(async |office| {
        let reader = office.user("reader", &["readers"]).await;
        let top = office.dossier("ملف ٧").await;
        let inner = folder(office, top, "مراسلات").await;
        let paper = office.document(inner, "رسالة.txt", "x").await.value.summary.id;
        let by_path = async |path: &str| reader.object_by_path(path).await.map(|found| found.summary.id);
        assert_eq!(by_path("/ملف ٧/مراسلات/رسالة.txt").await.unwrap(), paper);
        assert_eq!(by_path("/ملف ٧/مراسلات/").await.unwrap(), inner);
        assert_eq!(by_path("/").await.unwrap(), office.system.root_folder().await.unwrap());
        for (path, expect) in [("/ملف ٧/x", "not_found"), ("/ملف ٧//x", "invalid"), ("x", "invalid"), ("", "invalid")]
        {
            refused(by_path(path).await, expect);
        }
        refused(by_path(&"/a".repeat(10_000)).await, "invalid");
        office.system.acl_put(top, ANY, list(&[], false)).await.unwrap();
        office.system.acl_put(inner, ANY, list(&[("reader", "Read")], true)).await.unwrap();
        assert!(reader.object_get(paper).await.is_ok());
        refused(by_path("/ملف ٧/مراسلات/رسالة.txt").await, "not_found");
    })
    .await;
}

/// A cursor was an offset: what lay after it moved up when something before it went, and was never shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_walk_through_a_list_misses_nothing_and_shows_nothing_twice() {
    each_office(async |office| {
        let reader = office.user("rita", &["readers"]).await;
        // A small list is read afresh each time, a large one is kept.
        for count in [40, 520] {
            let folder = office.dossier(&format!("of {count}")).await;
            let mut papers = Vec::new();
            for place in 0..count {
                let paper = NewDocument { name: format!("{:03}", place * 7 % count), ..NewDocument::default() };
                papers.push(office.system.document_create(folder, paper).await.unwrap().value.summary.id);
            }
            let hidden = NewAccessList { entries: Vec::new(), inherits: false };
            for paper in papers.iter().step_by(3) {
                office.system.acl_put(*paper, ANY, hidden.clone()).await.unwrap();
            }
            for session in [&office.system, &reader] {
                for order in
                    [ListOrder::Receipt, ListOrder::NameDescending, ListOrder::Created, ListOrder::ModifiedDescending]
                {
                    walk(office, session, folder, order).await;
                }
            }
        }
    })
    .await;
}

/// Walks through a folder, of which something shown goes and something new comes after the first window.
async fn walk(office: &TestOffice, session: &Session, folder: ObjectId, order: ListOrder) {
    let mut shown: Vec<ObjectId> = Vec::new();
    let mut gone = Vec::new();
    let mut start = ListStart::Offset(0);
    loop {
        let window = session.children_list(folder, ListRequest { start, limit: 12 }, order).await.unwrap();
        shown.extend(window.items.iter().map(|item| item.id));
        if gone.is_empty() {
            gone.extend(shown.iter().take(3).copied());
            for paper in &gone {
                office.system.object_trash(*paper, ANY).await.unwrap();
            }
        }
        match window.next_place {
            Some(place) => start = ListStart::After(ListPlace::from_bytes(&place.to_bytes()).unwrap()),
            None => break,
        }
    }
    let whole = session.children_list(folder, WindowRequest { offset: 0, limit: 1_000 }, order).await.unwrap();
    let whole: Vec<ObjectId> = whole.items.iter().map(|item| item.id).collect();
    let living: Vec<ObjectId> = shown.into_iter().filter(|paper| !gone.contains(paper)).collect();
    assert_eq!(living, whole, "{order:?}");
    for paper in gone {
        office.system.object_restore(paper).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_of_another_list_is_refused() {
    each_office(async |office| {
        let (one, other) = (office.dossier("one").await, office.dossier("other").await);
        for (folder, name) in [(one, "a"), (one, "b"), (other, "a"), (other, "b")] {
            office.document(folder, name, "text").await;
        }
        let from = |start| ListRequest { start, limit: 1 };
        let list = async |folder, start, order| office.system.children_list(folder, from(start), order).await;
        let place = list(one, ListStart::Offset(0), ListOrder::Name).await.unwrap().next_place.unwrap();
        let after = || ListStart::After(place.clone());
        assert_eq!(list(one, after(), ListOrder::Name).await.unwrap().items[0].name, "b");
        for (folder, order) in [(other, ListOrder::Name), (one, ListOrder::NameDescending), (one, ListOrder::Created)] {
            let refused = list(folder, after(), order).await.unwrap_err();
            let RepositoryError::Invalid { violations } = refused else { panic!("{refused:?}") };
            assert_eq!(violations[0].code, "foreign_cursor");
        }
    })
    .await;
}
