//! The same acts in an office and in the model, and the comparison of all that can be asked afterwards.

use std::collections::BTreeSet;

use cartulary_model::ObjectId;
use cartulary_model::permission::ATOMS;
use cartulary_repository::{
    ListOrder, NewAccessEntry, NewAccessList, NewCopy, NewDocument, NewFolder, NewLock, NewVersion, ObjectChanges,
    ObjectDetail, ObjectMove, Precondition, QueryRequest, RepositoryError, Restoring, Session, VersionNote,
    WindowRequest, Written,
};
use cartulary_tests::office::{TestOffice, content};
use serde_json::json;

use super::acts::{Act, Seen, What, Who};
use super::world::{NAMES, NOTES, PERMISSIONS, Papers, Reasons, State, TEXTS, Thing, World};

const TYPES: &str = r#"
    [[types]]
    id = "model:document"
    parent = "document"
    base = "document"
    label = "Document"
    properties = [{ id = "model:note", label = "Note", kind = "string", indexed = true }]
    [[types]]
    id = "model:folder"
    parent = "folder"
    base = "folder"
    label = "Folder"
    properties = [{ id = "model:inside", label = "Note", kind = "string" }]
"#;
const ALL: WindowRequest = WindowRequest { offset: 0, limit: 1_000 };

pub struct People {
    system: Session,
    clerk: Session,
}

impl People {
    pub async fn of(office: &TestOffice) -> Self {
        office.declare(TYPES).await;
        Self { system: office.system.clone(), clerk: office.user("clerk", &[]).await }
    }

    const fn session(&self, who: Who) -> &Session {
        match who {
            Who::System => &self.system,
            Who::Clerk => &self.clerk,
        }
    }
}

/// The office's names for the things of the model.
struct Running<'a> {
    people: &'a People,
    world: World,
    ids: Vec<ObjectId>,
    copies: Vec<Option<ObjectId>>,
}

/// Does all acts, in an office and in the model.
pub async fn run(office: &TestOffice, people: &People, acts: &[Act]) -> Result<(), String> {
    let root = office.dossier(&ObjectId::generate().to_string()).await;
    let list = access(&[(true, 2)], false);
    people.system.acl_put(root, Precondition::Any, list).await.map_err(|error| error.to_string())?;
    let mut first = Thing::new("", 0, None);
    (first.own, first.inherits) = (vec![(true, 2)], false);
    let mut running = Running { people, world: World { things: vec![first] }, ids: vec![root], copies: vec![None] };
    for (number, act) in acts.iter().enumerate() {
        running.act(act).await.map_err(|words| format!("act {number}, {act:?}: {words}"))?;
    }
    for who in [Who::System, Who::Clerk] {
        running.compare(who).await.map_err(|words| format!("as {who:?} sees it: {words}"))?;
    }
    office.settle().await;
    for who in [Who::System, Who::Clerk] {
        running.compare_queries(who).await.map_err(|words| format!("as {who:?} finds it: {words}"))?;
    }
    Ok(())
}

fn access(entries: &[(bool, u8)], inherits: bool) -> NewAccessList {
    let entry = |(grants, permission): &(bool, u8)| {
        let name = PERMISSIONS[usize::from(*permission)];
        NewAccessEntry { grants: *grants, ..NewAccessEntry::granting("clerk", name) }
    };
    NewAccessList { entries: entries.iter().map(entry).collect(), inherits }
}

fn code(error: &RepositoryError) -> String {
    match error {
        RepositoryError::NotFound { .. } => "not_found".to_owned(),
        RepositoryError::Forbidden { .. } => "forbidden".to_owned(),
        RepositoryError::Conflict { code, .. } => (*code).to_owned(),
        RepositoryError::NameTaken { .. } => "name_taken".to_owned(),
        RepositoryError::CheckedOut { .. } => "checked_out".to_owned(),
        RepositoryError::Locked { .. } => "locked".to_owned(),
        RepositoryError::Stale { .. } => "stale".to_owned(),
        other => cartulary_repository::error_chain(other),
    }
}

/// Compares an answer with what the model expects: done where there is no reason against it, else refused for one of them.
fn agree<T>(answer: Result<Written<T>, RepositoryError>, reasons: &Reasons) -> Result<Option<T>, String> {
    match answer {
        Ok(done) if reasons.is_empty() => Ok(Some(done.value)),
        Ok(_) => Err(format!("was done, and should be refused: {reasons:?}")),
        Err(error) => match code(&error) {
            refusal if reasons.contains(refusal.as_str()) => Ok(None),
            refusal => Err(format!("was refused as {refusal}, and the model says {reasons:?}")),
        },
    }
}

fn note_of(number: u8) -> &'static str {
    NOTES[usize::from(number)]
}

fn text_of(number: u8) -> &'static [u8] {
    TEXTS[usize::from(number)].as_bytes()
}

fn noted(note: Option<u8>, is_folder: bool) -> ObjectChanges {
    let property = if is_folder { "model:inside" } else { "model:note" };
    let value = note.map_or(json!(null), |note| json!(note_of(note)));
    let properties = [(property.to_owned(), value)].into_iter().collect();
    ObjectChanges { properties, ..ObjectChanges::default() }
}

impl Running<'_> {
    fn pick(&self, pick: u8) -> usize {
        usize::from(pick) % self.world.things.len()
    }

    /// Picks one that is not the folder that all lie in.
    fn pick_inner(&self, pick: u8) -> Option<usize> {
        let count = self.world.things.len() - 1;
        (count > 0).then(|| 1 + usize::from(pick) % count)
    }

    fn add(&mut self, made: &ObjectDetail, thing: Thing) {
        self.ids.push(made.summary.id);
        self.copies.push(None);
        self.world.things.push(thing);
    }

    /// Returns what the caller says that he saw, and adds that it is not so any more.
    async fn precondition(&self, seen: Seen, at: usize, reasons: &mut Reasons) -> Precondition {
        let now = self.people.system.object_get(self.ids[at]).await.map_or(7, |detail| detail.summary.change_token);
        match seen {
            Seen::Any => Precondition::Any,
            Seen::Present => Precondition::Token(now),
            Seen::Past => {
                reasons.insert("stale");
                Precondition::Token(now - 1)
            }
        }
    }

    async fn act(&mut self, act: &Act) -> Result<(), String> {
        let session = self.people.session(act.who).clone();
        match &act.what {
            What::MakeFolder { parent, name } => self.make_folder(act.who, &session, *parent, *name).await,
            What::MakeDocument { parent, name, note, text } => {
                let state = State { note: Some(*note), text: *text };
                self.make_document(act.who, &session, *parent, *name, state).await
            }
            What::Note { .. } | What::Rename { .. } | What::Content { .. } | What::TakeAgain { .. } => {
                self.change(act, &session).await
            }
            What::Move { at, to } => self.move_one(act, &session, *at, *to).await,
            What::Copy { at, to, name } => self.copy(act.who, &session, (*at, *to), *name).await,
            What::CheckOut { .. } | What::WorkOn { .. } | What::CheckIn { .. } | What::CancelCheckOut { .. } => {
                self.work(act, &session).await
            }
            What::Trash { at } => self.trash(act, &session, *at).await,
            What::Restore { at } => self.restore(act.who, &session, *at).await,
            What::Destroy { at } => self.destroy(act.who, &session, *at).await,
            What::Access { at, entries, inherits } => {
                let mut chosen: Vec<(bool, u8)> = Vec::new();
                for (grants, pick) in entries {
                    let permission = pick % u8::try_from(PERMISSIONS.len()).unwrap_or(1);
                    if !chosen.iter().any(|(_, other)| *other == permission) {
                        chosen.push((*grants, permission));
                    }
                }
                self.put_access(act, &session, *at, (chosen, *inherits)).await
            }
            What::Lock { at } | What::Unlock { at } => self.lock(act, &session, *at).await,
        }
    }

    async fn make_folder(&mut self, who: Who, session: &Session, parent: u8, name: u8) -> Result<(), String> {
        let (parent, name) = (self.pick(parent), NAMES[usize::from(name)]);
        let mut reasons = self.world.refusal(who, parent, "AddChildren");
        self.refuse_place(parent, name, &mut reasons);
        let new = NewFolder { name: name.to_owned(), type_id: Some("model:folder".to_owned()), ..NewFolder::default() };
        if let Some(made) = agree(session.folder_create(self.ids[parent], new).await, &reasons)? {
            self.add(&made, Thing::new(name, parent, None));
        }
        Ok(())
    }

    /// Adds why nothing of a name can be put in a thing.
    fn refuse_place(&self, parent: usize, name: &str, reasons: &mut Reasons) {
        if !self.world.things[parent].is_folder() {
            reasons.insert("not_a_folder");
        }
        if self.world.is_taken(parent, name, None) {
            reasons.insert("name_taken");
        }
    }

    async fn make_document(
        &mut self,
        who: Who,
        session: &Session,
        parent: u8,
        name: u8,
        state: State,
    ) -> Result<(), String> {
        let (parent, name) = (self.pick(parent), NAMES[usize::from(name)]);
        let mut reasons = self.world.refusal(who, parent, "AddChildren");
        self.refuse_place(parent, name, &mut reasons);
        let new = NewDocument {
            name: name.to_owned(),
            type_id: Some("model:document".to_owned()),
            properties: noted(state.note, false).properties,
            content: Some(content(session, "a.txt", text_of(state.text)).await),
            ..NewDocument::default()
        };
        if let Some(made) = agree(session.document_create(self.ids[parent], new).await, &reasons)? {
            self.add(&made, Thing::new(name, parent, Some(Papers::new(state))));
        }
        Ok(())
    }

    async fn change(&mut self, act: &Act, session: &Session) -> Result<(), String> {
        let (What::Note { at, .. } | What::Rename { at, .. } | What::Content { at, .. } | What::TakeAgain { at, .. }) =
            &act.what
        else {
            return Ok(());
        };
        let Some(at) = self.pick_inner(*at) else { return Ok(()) };
        let permission = match act.what {
            What::Note { .. } | What::Rename { .. } => "WriteProperties",
            _ => "WriteVersion",
        };
        let mut reasons = self.world.unless_locked(act.who, at, self.world.refusal(act.who, at, permission));
        let precondition = self.precondition(act.seen, at, &mut reasons).await;
        let id = self.ids[at];
        let is_out = self.world.things[at].papers.as_ref().is_some_and(|papers| papers.out.is_some());
        // The same bytes change nothing, and so does the name nothing of what is being worked on.
        let changes_nothing = match (&act.what, &self.world.things[at].papers) {
            (What::Content { text, .. }, Some(papers)) => papers.state.text == *text,
            (What::Rename { .. }, _) => true,
            _ => false,
        };
        if is_out && !changes_nothing {
            reasons.insert("checked_out");
        }
        match act.what {
            What::Note { note, .. } => {
                let changes = noted(note, self.world.things[at].is_folder());
                if agree(session.object_update(id, precondition, changes).await, &reasons)?.is_some() {
                    let thing = &mut self.world.things[at];
                    match &mut thing.papers {
                        Some(papers) => papers.state.note = note,
                        None => thing.note = note,
                    }
                }
            }
            What::Rename { name, .. } => {
                let (name, parent) = (NAMES[usize::from(name)], self.world.things[at].parent);
                if self.world.is_taken(parent, name, Some(at)) {
                    reasons.insert("name_taken");
                }
                let changes = ObjectChanges { name: Some(name.to_owned()), ..ObjectChanges::default() };
                if agree(session.object_update(id, precondition, changes).await, &reasons)?.is_some() {
                    self.world.things[at].name = name.to_owned();
                }
            }
            What::Content { text, .. } => {
                let bytes = content(session, "a.txt", text_of(text)).await;
                if self.world.things[at].is_folder() {
                    reasons.insert("not_a_document");
                }
                let answer = session.content_put(id, precondition, bytes, VersionNote::default()).await;
                if agree(answer, &reasons)?.is_some()
                    && let Some(papers) =
                        self.world.things[at].papers.as_mut().filter(|papers| papers.state.text != text)
                {
                    papers.state.text = text;
                    papers.keep(false);
                }
            }
            What::TakeAgain { version, .. } => self.take_again(session, at, (precondition, version), reasons).await?,
            _ => {}
        }
        Ok(())
    }

    async fn take_again(
        &mut self,
        session: &Session,
        at: usize,
        (precondition, version): (Precondition, u8),
        mut reasons: Reasons,
    ) -> Result<(), String> {
        let chosen = self.world.things[at].papers.as_ref().map(|papers| {
            let version = &papers.versions[usize::from(version) % papers.versions.len()];
            (format!("{}.{}", version.number.0, version.number.1), version.state.clone())
        });
        if chosen.is_none() {
            reasons.insert("not_a_document");
        }
        let (label, state) = chosen.unwrap_or(("1.0".to_owned(), State { note: None, text: 0 }));
        let from = Some(label.parse().map_err(|_| "no label".to_owned())?);
        let new = NewVersion { comment: String::new(), major: false, from };
        if agree(session.version_create(self.ids[at], precondition, new).await, &reasons)?.is_some()
            && let Some(papers) = &mut self.world.things[at].papers
        {
            papers.state = state;
            papers.keep(false);
        }
        Ok(())
    }

    async fn move_one(&mut self, act: &Act, session: &Session, at: u8, to: u8) -> Result<(), String> {
        let (Some(at), to) = (self.pick_inner(at), self.pick(to)) else { return Ok(()) };
        let (world, thing) = (&self.world, &self.world.things[at]);
        let mut reasons = world.unless_locked(act.who, at, world.refusal(act.who, at, "RemoveChildren"));
        reasons.extend(world.refusal(act.who, to, "AddChildren"));
        if !world.may(act.who, thing.parent, "RemoveChildren") {
            reasons.insert("forbidden");
        }
        let precondition = self.precondition(act.seen, at, &mut reasons).await;
        if thing.parent != to {
            self.refuse_place(to, &thing.name, &mut reasons);
            if thing.is_folder() && world.is_within(to, at) {
                reasons.insert("cyclic_move");
            }
        }
        let wanted = ObjectMove { from: None, to: self.ids[to], name: None };
        if agree(session.object_move(self.ids[at], precondition, wanted).await, &reasons)?.is_some() {
            self.world.things[at].parent = to;
        }
        Ok(())
    }

    async fn copy(&mut self, who: Who, session: &Session, (at, to): (u8, u8), name: u8) -> Result<(), String> {
        let (Some(at), to, name) = (self.pick_inner(at), self.pick(to), NAMES[usize::from(name)]) else {
            return Ok(());
        };
        let Some(papers) = self.world.things[at].papers.clone() else { return Ok(()) };
        let mut reasons = self.world.refusal(who, at, "ReadProperties");
        reasons.extend(self.world.refusal(who, at, "ReadContent"));
        reasons.extend(self.world.refusal(who, to, "AddChildren"));
        self.refuse_place(to, name, &mut reasons);
        let wanted = NewCopy { folder: self.ids[to], name: Some(name.to_owned()), idempotency_key: None };
        if let Some(made) = agree(session.object_copy(self.ids[at], wanted).await, &reasons)? {
            self.add(&made.detail, Thing::new(name, to, Some(Papers::new(papers.state))));
        }
        Ok(())
    }

    async fn work(&mut self, act: &Act, session: &Session) -> Result<(), String> {
        let (What::CheckOut { at } | What::WorkOn { at, .. } | What::CheckIn { at, .. } | What::CancelCheckOut { at }) =
            &act.what
        else {
            return Ok(());
        };
        let Some(at) = self.pick_inner(*at) else { return Ok(()) };
        let Some(papers) = self.world.things[at].papers.clone() else { return Ok(()) };
        let who = act.who;
        let mut reasons = Reasons::new();
        if let What::CheckOut { .. } = act.what {
            reasons = self.world.unless_locked(who, at, self.world.refusal(who, at, "WriteVersion"));
            if papers.out.is_some() {
                reasons.insert("checked_out");
            }
            if let Some(copy) = agree(session.document_check_out(self.ids[at], None).await, &reasons)? {
                self.copies[at] = Some(copy.summary.id);
                self.put_papers(at, |papers| papers.out = Some((who, papers.state.clone())));
            }
            return Ok(());
        }
        let (Some(copy), Some((owner, draft))) = (self.copies[at], papers.out) else { return Ok(()) };
        // A working copy is its owner's, and of those who may break in.
        if !self.world.things[at].is_living() {
            return Ok(());
        }
        let may_know = owner == who || self.world.may(who, at, "Unlock");
        if !may_know || !self.world.may(who, at, "Browse") {
            reasons.insert("not_found");
        }
        reasons = self.world.unless_locked(who, at, reasons);
        match act.what {
            What::WorkOn { note, text, .. } => {
                if !self.world.may(who, at, "WriteVersion") || !self.world.may(who, at, "WriteProperties") {
                    return Ok(());
                }
                let answer = session.object_update(copy, Precondition::Any, noted(Some(note), false)).await;
                agree(answer, &reasons)?;
                let bytes = content(session, "a.txt", text_of(text)).await;
                let answer = session.content_put(copy, Precondition::Any, bytes, VersionNote::default()).await;
                if agree(answer, &reasons)?.is_some() {
                    self.put_papers(at, |papers| papers.out = Some((owner, State { note: Some(note), text })));
                }
            }
            What::CheckIn { major, .. } => {
                if !self.world.may(who, at, "WriteVersion") {
                    reasons.insert("forbidden");
                }
                let new = NewVersion { comment: String::new(), major, from: None };
                if agree(session.version_create(copy, Precondition::Any, new).await, &reasons)?.is_some() {
                    self.put_papers(at, |papers| {
                        papers.state = draft;
                        papers.out = None;
                        papers.keep(major);
                    });
                }
            }
            _ => {
                if agree(session.check_out_cancel(copy, Precondition::Any).await, &reasons)?.is_some() {
                    self.put_papers(at, |papers| papers.out = None);
                }
            }
        }
        Ok(())
    }

    fn put_papers(&mut self, at: usize, change: impl FnOnce(&mut Papers)) {
        if let Some(papers) = &mut self.world.things[at].papers {
            change(papers);
        }
    }

    async fn trash(&mut self, act: &Act, session: &Session, at: u8) -> Result<(), String> {
        let Some(at) = self.pick_inner(at) else { return Ok(()) };
        let world = &self.world;
        let mut reasons = world.unless_locked(act.who, at, world.refusal(act.who, at, "RemoveChildren"));
        let precondition = self.precondition(act.seen, at, &mut reasons).await;
        let tree = world.tree(at, Thing::is_living);
        reasons.extend(world.refusal_of_tree(act.who, &tree, "RemoveChildren"));
        if agree(session.object_trash(self.ids[at], precondition).await, &reasons)?.is_some() {
            for one in tree {
                self.world.things[one].trashed = Some(at);
            }
        }
        Ok(())
    }

    /// Returns why something in the trash is not the caller's to take out or to destroy.
    fn refusal_in_trash(&self, who: Who, at: usize) -> Reasons {
        let thing = &self.world.things[at];
        if thing.gone || thing.trashed.is_none() || !self.world.may(who, at, "Browse") {
            return Reasons::from(["not_found"]);
        }
        let mut reasons = self.world.unless_locked(who, at, Reasons::new());
        if !self.world.may(who, at, "RemoveChildren") {
            reasons.insert("forbidden");
        }
        reasons
    }

    async fn restore(&mut self, who: Who, session: &Session, at: u8) -> Result<(), String> {
        let Some(at) = self.pick_inner(at) else { return Ok(()) };
        let mut reasons = self.refusal_in_trash(who, at);
        let thing = &self.world.things[at];
        let parent = &self.world.things[thing.parent];
        if !parent.is_living() {
            reasons.insert("target_required");
        } else if self.world.is_taken(thing.parent, &thing.name, Some(at)) {
            reasons.insert("name_taken");
        }
        let with = thing.trashed;
        let answer = session.object_restore_to(self.ids[at], Restoring::default()).await;
        if agree(answer, &reasons)?.is_some() {
            for one in self.world.tree(at, |thing| !thing.gone && thing.trashed == with) {
                self.world.things[one].trashed = None;
            }
        }
        Ok(())
    }

    async fn destroy(&mut self, who: Who, session: &Session, at: u8) -> Result<(), String> {
        let Some(at) = self.pick_inner(at) else { return Ok(()) };
        let with = self.world.things[at].trashed;
        let tree = self.world.tree(at, |thing| !thing.gone && thing.trashed == with);
        // What went to the trash before its folder outlives that, and lies nowhere then: the model has no word for it.
        if self.world.tree(at, |thing| !thing.gone).len() > tree.len() {
            return Ok(());
        }
        let mut reasons = self.refusal_in_trash(who, at);
        if !reasons.contains("not_found") {
            if !self.world.may(who, at, "Destroy") {
                reasons.insert("forbidden");
            }
            reasons.extend(self.world.refusal_of_tree(who, &tree, "Destroy"));
        }
        if agree(session.trash_destroy(self.ids[at], Precondition::Any).await, &reasons)?.is_some() {
            for one in tree {
                self.world.things[one].gone = true;
            }
        }
        Ok(())
    }

    async fn put_access(
        &mut self,
        act: &Act,
        session: &Session,
        at: u8,
        (entries, inherits): (Vec<(bool, u8)>, bool),
    ) -> Result<(), String> {
        let Some(at) = self.pick_inner(at) else { return Ok(()) };
        let mut reasons = self.world.refusal(act.who, at, "WriteSecurity");
        if self.world.gives_too_much(act.who, at, &entries, inherits) {
            reasons.insert("forbidden");
        }
        let precondition = self.precondition(act.seen, at, &mut reasons).await;
        let list = access(&entries, inherits);
        if agree(session.acl_put(self.ids[at], precondition, list).await, &reasons)?.is_some() {
            let thing = &mut self.world.things[at];
            (thing.own, thing.inherits) = (entries, inherits);
        }
        Ok(())
    }

    async fn lock(&mut self, act: &Act, session: &Session, at: u8) -> Result<(), String> {
        let Some(at) = self.pick_inner(at) else { return Ok(()) };
        let (id, who, thing) = (self.ids[at], act.who, &self.world.things[at]);
        let owner = thing.papers.as_ref().and_then(|papers| papers.out.as_ref()).map(|(owner, _)| *owner);
        if let What::Lock { .. } = act.what {
            let mut reasons = self.world.unless_locked(who, at, self.world.refusal(who, at, "WriteProperties"));
            if owner.is_some_and(|owner| owner != who) {
                reasons.insert("checked_out");
            }
            let precondition = self.precondition(act.seen, at, &mut reasons).await;
            if agree(session.object_lock(id, precondition, NewLock::default()).await, &reasons)?.is_some() {
                self.world.things[at].locked = Some(who);
            }
            return Ok(());
        }
        let mut reasons = self.world.refusal(who, at, "Browse");
        match thing.locked {
            None => drop(reasons.insert("not_found")),
            Some(owner) if owner != who && !self.world.may(who, at, "Unlock") => drop(reasons.insert("forbidden")),
            Some(_) => {}
        }
        let precondition = self.precondition(act.seen, at, &mut reasons).await;
        if agree(session.object_unlock(id, precondition).await, &reasons)?.is_some() {
            self.world.things[at].locked = None;
        }
        Ok(())
    }

    /// Compares every thing, what lies in every folder, and what is in the trash.
    async fn compare(&self, who: Who) -> Result<(), String> {
        let (world, session) = (&self.world, self.people.session(who));
        for (at, thing) in world.things.iter().enumerate().skip(1) {
            let found = session.object_get(self.ids[at]).await;
            let is_seen = thing.is_living() && world.may(who, at, "Browse");
            let place = || format!("{at} of {world:?}");
            match found {
                Ok(detail) if is_seen => {
                    self.compare_detail(who, at, &detail).map_err(|words| format!("{words}: {}", place()))?;
                }
                Err(RepositoryError::NotFound { .. }) if !is_seen => {}
                Ok(_) => return Err(format!("is seen and should not be: {}", place())),
                Err(error) => return Err(format!("{}: {}", code(&error), place())),
            }
            if let Some(papers) = thing.papers.as_ref().filter(|_| is_seen) {
                let labels: Vec<String> =
                    papers.versions.iter().rev().map(|one| format!("{}.{}", one.number.0, one.number.1)).collect();
                let window = session.version_list(self.ids[at], ALL).await.map_err(|error| code(&error))?;
                let found: Vec<String> = window.items.into_iter().map(|one| one.label).collect();
                same("versions", &found, &labels).map_err(|words| format!("{words}: {}", place()))?;
            }
            if thing.is_folder() {
                self.compare_children(who, at).await.map_err(|words| format!("{words}: {}", place()))?;
            }
        }
        self.compare_children(who, 0).await?;
        let mine: BTreeSet<ObjectId> = self.ids.iter().copied().collect();
        let trash = session.trash_list(ALL).await.map_err(|error| code(&error))?.items;
        let found: BTreeSet<ObjectId> =
            trash.into_iter().map(|one| one.summary.id).filter(|id| mine.contains(id)).collect();
        let is_listed = |at: &usize| {
            let thing = &world.things[*at];
            let is_theirs = world.may(who, *at, "Browse") && world.may(who, *at, "RemoveChildren");
            !thing.gone && thing.trashed == Some(*at) && is_theirs
        };
        let expect: BTreeSet<ObjectId> = (1..world.things.len()).filter(is_listed).map(|at| self.ids[at]).collect();
        same("the trash", &found, &expect)
    }

    fn compare_detail(&self, who: Who, at: usize, detail: &ObjectDetail) -> Result<(), String> {
        let thing = &self.world.things[at];
        same("the name", &detail.summary.name, &thing.name)?;
        let is_folder = thing.is_folder();
        let property = if is_folder { "model:inside" } else { "model:note" };
        let found = detail.summary.properties.get(property).and_then(|value| value.as_str()).map(str::to_owned);
        let note = thing.papers.as_ref().map_or(thing.note, |papers| papers.state.note);
        let expect = note.filter(|_| self.world.may(who, at, "ReadProperties")).map(|note| note_of(note).to_owned());
        same("the note", &found, &expect)?;
        same("the lock", &detail.lock.is_some(), &thing.locked.is_some())?;
        let is_out = thing.papers.as_ref().is_some_and(|papers| papers.out.is_some());
        same("the check-out", &detail.versioning.checked_out.is_some(), &is_out)?;
        for permission in ATOMS.iter().copied() {
            same(permission, &detail.permissions.contains(&permission), &self.world.may(who, at, permission))?;
        }
        Ok(())
    }

    async fn compare_children(&self, who: Who, folder: usize) -> Result<(), String> {
        let session = self.people.session(who);
        let answer = session.children_list(self.ids[folder], ALL, ListOrder::Name).await;
        let mut reasons = self.world.refusal(who, folder, "ReadChildren");
        let window = match answer {
            Ok(window) if reasons.is_empty() => window,
            Ok(_) => return Err(format!("children are listed, and should be refused: {reasons:?}")),
            Err(error) if reasons.remove(code(&error).as_str()) => return Ok(()),
            Err(error) => return Err(format!("children are refused as {}", code(&error))),
        };
        let is_seen = |at: &usize| self.world.things[*at].is_living() && self.world.may(who, *at, "Browse");
        let expect: BTreeSet<ObjectId> = self.world.children(folder).filter(is_seen).map(|at| self.ids[at]).collect();
        same("the total", &window.total, &(expect.len() as u64))?;
        let found: BTreeSet<ObjectId> = window.items.into_iter().map(|one| one.id).collect();
        same("the children", &found, &expect)
    }

    /// Compares what statements find, by a property and by words.
    async fn compare_queries(&self, who: Who) -> Result<(), String> {
        let session = self.people.session(who);
        for (number, (note, text)) in NOTES.iter().zip(TEXTS).enumerate() {
            let number = u8::try_from(number).unwrap_or_default();
            let ids = |wanted: &dyn Fn(&State) -> bool, permissions: &[&str]| -> BTreeSet<String> {
                let is_found = |at: &usize| {
                    let thing = &self.world.things[*at];
                    thing.is_living()
                        && thing.papers.as_ref().is_some_and(|papers| wanted(&papers.state))
                        && permissions.iter().all(|permission| self.world.may(who, *at, permission))
                        && self.world.is_reached(who, *at)
                };
                (1..self.world.things.len()).filter(is_found).map(|at| self.ids[at].to_string()).collect()
            };
            let by_note = ids(&|state| state.note == Some(number), &["Browse", "ReadProperties"]);
            self.find(session, &format!("model:note = '{note}'"), &by_note).await?;
            // A row is shown by its properties, and found here by its text.
            let by_text = ids(&|state| state.text == number, &["Browse", "ReadProperties", "ReadContent"]);
            self.find(session, &format!("CONTAINS('{text}')"), &by_text).await?;
        }
        Ok(())
    }

    async fn find(&self, session: &Session, condition: &str, expect: &BTreeSet<String>) -> Result<(), String> {
        let root = self.ids[0];
        let statement = format!("SELECT cmis:objectId FROM model:document WHERE IN_TREE('{root}') AND {condition}");
        let request = QueryRequest { statement, limit: 1_000, ..QueryRequest::default() };
        let answer = match session.query(request).await {
            Ok(answer) => answer,
            // Whoever may not see the folder finds nothing in it.
            Err(RepositoryError::NotFound { .. }) if expect.is_empty() => return Ok(()),
            Err(error) => return Err(format!("{condition}: {}", code(&error))),
        };
        let found: BTreeSet<String> = answer
            .rows
            .iter()
            .filter_map(|row| row.first().and_then(|value| value.as_str()).map(str::to_owned))
            .collect();
        same(condition, &found, expect).map_err(|words| format!("{words}: {:?}", self.world))?;
        same("the total found", &answer.total, &(expect.len() as u64))
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expect: &T) -> Result<(), String> {
    if found == expect { Ok(()) } else { Err(format!("{what}: found {found:?}, expected {expect:?}")) }
}
