//! The model: folders and documents as plain values, and why an act on them is refused.

use std::collections::BTreeSet;

use cartulary_model::permission::{ATOMS, PERMISSION_GROUPS};

use super::acts::Who;

/// The names that things may bear.
pub const NAMES: [&str; 6] = ["a", "b", "c", "رسالة", "ملف", "A"];
/// The words that things have as their note.
pub const NOTES: [&str; 4] = ["quince", "lantern", "فانوس", "ميناء"];
/// The words that are the text of documents.
pub const TEXTS: [&str; 4] = ["orchard", "saddle", "بستان", "سرج"];
/// What entries of lists name: groups of permissions, and single ones.
pub const PERMISSIONS: [&str; 8] =
    ["Read", "Write", "Manage", "Browse", "ReadContent", "AddChildren", "RemoveChildren", "Destroy"];

/// Says whether an entry with a name speaks of a permission.
fn speaks_of(name: &str, permission: &str) -> bool {
    let group = PERMISSION_GROUPS.iter().find(|group| group.name == name);
    group.map_or(name == permission, |group| group.members.contains(&permission))
}

/// What a document says: its note, and its text, each as a number among the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub note: Option<u8>,
    pub text: u8,
}

#[derive(Clone, Debug)]
pub struct Version {
    pub number: (u32, u32),
    pub state: State,
}

/// What only a document has.
#[derive(Clone, Debug)]
pub struct Papers {
    pub state: State,
    pub versions: Vec<Version>,
    /// Who has checked it out, and what the working copy says.
    pub out: Option<(Who, State)>,
}

#[derive(Clone, Debug)]
pub struct Thing {
    pub name: String,
    pub parent: usize,
    pub papers: Option<Papers>,
    /// The note of a folder.
    pub note: Option<u8>,
    /// The thing that it went to the trash with, itself where it was meant.
    pub trashed: Option<usize>,
    pub gone: bool,
    /// What the clerk is granted or denied, in order.
    pub own: Vec<(bool, u8)>,
    pub inherits: bool,
    pub locked: Option<Who>,
}

impl Thing {
    pub fn new(name: &str, parent: usize, papers: Option<Papers>) -> Self {
        let name = name.to_owned();
        let (own, inherits) = (Vec::new(), true);
        Self { name, parent, papers, note: None, trashed: None, gone: false, own, inherits, locked: None }
    }

    pub fn is_living(&self) -> bool {
        !self.gone && self.trashed.is_none()
    }

    pub fn is_folder(&self) -> bool {
        self.papers.is_none()
    }
}

/// All things; the first is the folder that the others lie in.
#[derive(Clone, Debug)]
pub struct World {
    pub things: Vec<Thing>,
}

/// Why an act is refused; the repository names one of the reasons, whichever it looks at first.
pub type Reasons = BTreeSet<&'static str>;

impl World {
    /// Says whether somebody may do something to a thing: the first entry that speaks of it decides, its own before those of
    /// the folders above.
    pub fn may(&self, who: Who, at: usize, permission: &str) -> bool {
        if who == Who::System {
            return true;
        }
        let mut now = at;
        loop {
            let thing = &self.things[now];
            let speaks = |entry: &&(bool, u8)| speaks_of(PERMISSIONS[usize::from(entry.1)], permission);
            if let Some((grants, _)) = thing.own.iter().find(speaks) {
                return *grants;
            }
            if now == 0 || !thing.inherits {
                return false;
            }
            now = thing.parent;
        }
    }

    /// Returns why somebody may not do something to a living thing.
    pub fn refusal(&self, who: Who, at: usize, permission: &str) -> Reasons {
        let thing = &self.things[at];
        if !thing.is_living() || !self.may(who, at, "Browse") {
            return Reasons::from(["not_found"]);
        }
        if self.may(who, at, permission) { Reasons::new() } else { Reasons::from(["forbidden"]) }
    }

    /// Says whether by a list of a thing somebody would give what he has not, or get it.
    pub fn gives_too_much(&self, who: Who, at: usize, entries: &[(bool, u8)], inherits: bool) -> bool {
        let lacks = |permission: &&&str| !self.may(who, at, permission);
        let names = |name: &str| ATOMS.iter().filter(lacks).any(|permission| speaks_of(name, permission));
        let is_given = |entry: &&(bool, u8)| entry.0 && !self.things[at].own.contains(entry);
        let mut after = self.clone();
        (after.things[at].own, after.things[at].inherits) = (entries.to_vec(), inherits);
        entries.iter().filter(is_given).any(|(_, permission)| names(PERMISSIONS[usize::from(*permission)]))
            || ATOMS.iter().filter(lacks).any(|permission| after.may(who, at, permission))
    }

    /// Adds that somebody else has locked a thing.
    pub fn unless_locked(&self, who: Who, at: usize, mut reasons: Reasons) -> Reasons {
        if self.things[at].locked.is_some_and(|owner| owner != who) {
            reasons.insert("locked");
        }
        reasons
    }

    pub fn children(&self, folder: usize) -> impl Iterator<Item = usize> {
        (1..self.things.len()).filter(move |at| self.things[*at].parent == folder)
    }

    /// Says whether something else that lies in a folder bears a name.
    pub fn is_taken(&self, folder: usize, name: &str, but: Option<usize>) -> bool {
        self.children(folder).any(|at| Some(at) != but && self.things[at].is_living() && self.things[at].name == name)
    }

    /// Says whether a thing is a folder or lies below it.
    pub fn is_within(&self, mut at: usize, folder: usize) -> bool {
        loop {
            if at == folder {
                return true;
            }
            if at == 0 {
                return false;
            }
            at = self.things[at].parent;
        }
    }

    /// Says whether somebody may browse all folders above a thing: trees are looked through in sight only.
    pub fn is_reached(&self, who: Who, mut at: usize) -> bool {
        while at != 0 {
            at = self.things[at].parent;
            if !self.may(who, at, "Browse") {
                return false;
            }
        }
        true
    }

    /// Returns a thing and what is below it, of what fulfils a condition; what does not is not looked below.
    pub fn tree(&self, root: usize, is_of: impl Fn(&Thing) -> bool) -> Vec<usize> {
        let mut found = Vec::new();
        let mut open = vec![root];
        while let Some(at) = open.pop() {
            found.push(at);
            open.extend(self.children(at).filter(|child| is_of(&self.things[*child])));
        }
        found
    }

    /// Returns why a tree may not be removed as a whole.
    pub fn refusal_of_tree(&self, who: Who, tree: &[usize], permission: &str) -> Reasons {
        let mut reasons = Reasons::new();
        let root = tree[0];
        for at in tree {
            let thing = &self.things[*at];
            let is_out = thing.papers.as_ref().is_some_and(|papers| papers.out.is_some());
            let is_locked = thing.locked.is_some_and(|owner| owner != who);
            if !self.may(who, *at, permission) || (*at != root && (is_locked || is_out)) {
                reasons.insert("tree_not_removable");
            }
            if *at == root && is_out {
                reasons.insert("checked_out");
            }
            if *at == root && is_locked {
                reasons.insert("locked");
            }
        }
        reasons
    }
}

impl Papers {
    pub fn new(state: State) -> Self {
        let versions = vec![Version { number: (1, 0), state: state.clone() }];
        Self { state, versions, out: None }
    }

    /// Makes a version of what the document says.
    pub fn keep(&mut self, major: bool) {
        let (last_major, last_minor) = self.versions.last().map_or((0, 0), |version| version.number);
        let number = if major { (last_major + 1, 0) } else { (last_major, last_minor + 1) };
        self.versions.push(Version { number, state: self.state.clone() });
    }
}
