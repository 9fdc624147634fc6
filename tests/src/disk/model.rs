//! What lies on the disk, what of it is durable, and in which states a power cut could leave it.
//!
//! The model promises no more than POSIX does. Of a file, what it was at its last sync survives; of what was written
//! since, each sector of 512 bytes may or may not have reached the disk, torn anywhere, in any order. Of a folder, its
//! entries at its last sync survive; of later changes to it, a beginning in their order. A file's sync does not make its
//! name durable, and what happened in two folders is not in order.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::random::Random;

/// The folder at the top.
pub const ROOT: u64 = 1;
/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

/// How much of what was not synced survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    /// Nothing.
    Nothing,
    /// Everything: a cut between two writes.
    Everything,
    /// Each sector with this chance in a hundred, and a beginning of the changes to each folder.
    Some(u64),
}

/// A state after a cut: paths in an order in which they can be made, folders without bytes.
#[derive(Clone, Debug)]
pub struct Image {
    /// Each path below the disk's top, with the bytes of files.
    pub entries: Vec<(PathBuf, Option<Vec<u8>>)>,
}

/// A file or folder.
#[derive(Debug)]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Its permissions.
    pub mode: u32,
    /// Its owner.
    pub owner: (u32, u32),
    /// When it was last written to, as seconds and nanoseconds.
    pub modified: (u64, u32),
    /// Its names.
    pub links: u32,
    above: u64,
    name: OsString,
}

/// What a node is.
#[derive(Debug)]
pub enum Kind {
    /// A file.
    File(Content),
    /// A folder.
    Folder(Entries),
}

/// The bytes of a file.
#[derive(Debug, Default)]
pub struct Content {
    /// As they are read now.
    pub live: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Written>,
}

#[derive(Debug)]
enum Written {
    Bytes { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

/// The entries of a folder.
#[derive(Debug, Default)]
pub struct Entries {
    /// As they are read now.
    pub live: BTreeMap<OsString, u64>,
    durable: BTreeMap<OsString, u64>,
    /// Changes since the last sync; what stands in one item happens at once.
    pending: Vec<Vec<(OsString, Option<u64>)>>,
}

/// Everything on the disk. Numbers are never used again, and nothing is forgotten: it may come back after a cut.
#[derive(Debug)]
pub struct Tree {
    nodes: BTreeMap<u64, Node>,
    next: u64,
    /// Whether syncs are only answered.
    pub ignores_syncs: bool,
    /// How many syncs were asked for.
    pub syncs: u64,
    /// So much longer takes each sync.
    pub sync_takes: Duration,
    /// Where writes fail for want of room.
    pub full_below: Option<String>,
    /// How many did.
    pub refused: u64,
}

impl Node {
    fn new(kind: Kind, mode: u32, owner: (u32, u32), above: u64, name: &OsStr) -> Self {
        Self { kind, mode, owner, modified: now(), links: 1, above, name: name.to_owned() }
    }

    /// Returns the length of a file.
    pub fn size(&self) -> u64 {
        match &self.kind {
            Kind::File(content) => content.live.len() as u64,
            Kind::Folder(_) => 4096,
        }
    }
}

/// Returns the time as the disk notes it.
pub fn now() -> (u64, u32) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (now.as_secs(), now.subsec_nanos())
}

impl Tree {
    /// Returns an empty disk.
    pub fn new() -> Self {
        let root = Node::new(Kind::Folder(Entries::default()), 0o755, (0, 0), ROOT, OsStr::new(""));
        let nodes = BTreeMap::from([(ROOT, root)]);
        Self {
            nodes,
            next: ROOT + 1,
            ignores_syncs: false,
            syncs: 0,
            sync_takes: Duration::ZERO,
            full_below: None,
            refused: 0,
        }
    }

    /// Returns a node.
    pub fn node(&self, number: u64) -> Option<&Node> {
        self.nodes.get(&number)
    }

    /// Returns a node, to be changed.
    pub fn node_mut(&mut self, number: u64) -> Option<&mut Node> {
        self.nodes.get_mut(&number)
    }

    /// Returns the entries of a folder.
    pub fn entries(&self, folder: u64) -> Option<&Entries> {
        match &self.nodes.get(&folder)?.kind {
            Kind::Folder(entries) => Some(entries),
            Kind::File(_) => None,
        }
    }

    /// Returns the file or folder of a name.
    pub fn find(&self, folder: u64, name: &OsStr) -> Option<u64> {
        self.entries(folder)?.live.get(name).copied()
    }

    /// Makes a file or folder, and returns its number.
    pub fn make(&mut self, folder: u64, name: &OsStr, is_folder: bool, mode: u32, owner: (u32, u32)) -> u64 {
        let number = self.next;
        self.next += 1;
        let kind = if is_folder { Kind::Folder(Entries::default()) } else { Kind::File(Content::default()) };
        self.nodes.insert(number, Node::new(kind, mode, owner, folder, name));
        self.enter(folder, vec![(name.to_owned(), Some(number))]);
        number
    }

    /// Changes the entries of a folder, all at once.
    pub fn enter(&mut self, folder: u64, changes: Vec<(OsString, Option<u64>)>) {
        let Some(node) = self.nodes.get_mut(&folder) else { return };
        node.modified = now();
        let Kind::Folder(entries) = &mut node.kind else { return };
        apply(&mut entries.live, &changes);
        entries.pending.push(changes);
    }

    /// Notes where a node lies now.
    pub fn moved(&mut self, number: u64, folder: u64, name: &OsStr) {
        if let Some(node) = self.nodes.get_mut(&number) {
            (node.above, node.name) = (folder, name.to_owned());
        }
    }

    /// Returns the path of a node below the disk's top.
    pub fn path(&self, number: u64) -> PathBuf {
        let mut names = Vec::new();
        let mut at = number;
        while let Some(node) = self.nodes.get(&at).filter(|_| at != ROOT) {
            names.push(&node.name);
            at = node.above;
        }
        names.iter().rev().collect()
    }

    /// Says whether there is no room for a write to a node, and counts it.
    pub fn is_full_at(&mut self, number: u64) -> bool {
        let Some(below) = &self.full_below else { return false };
        let is_full = self.path(number).starts_with(below);
        self.refused += u64::from(is_full);
        is_full
    }

    /// Writes bytes into a file.
    pub fn write(&mut self, number: u64, offset: usize, bytes: &[u8]) {
        let Some(node) = self.nodes.get_mut(&number) else { return };
        node.modified = now();
        let Kind::File(content) = &mut node.kind else { return };
        put(&mut content.live, offset, bytes);
        content.pending.push(Written::Bytes { offset, bytes: bytes.to_vec() });
    }

    /// Changes the length of a file.
    pub fn resize(&mut self, number: u64, length: usize) {
        let Some(node) = self.nodes.get_mut(&number) else { return };
        node.modified = now();
        let Kind::File(content) = &mut node.kind else { return };
        content.live.resize(length, 0);
        content.pending.push(Written::Length(length));
    }

    /// Makes a file's bytes, or a folder's entries, durable.
    pub fn sync(&mut self, number: u64) {
        self.syncs += 1;
        if !self.ignores_syncs
            && let Some(node) = self.nodes.get_mut(&number)
        {
            node.sync();
        }
    }

    /// Makes everything durable.
    pub fn sync_all(&mut self) {
        self.nodes.values_mut().for_each(Node::sync);
    }

    /// Returns a state that a cut could leave.
    pub fn cut(&self, survival: Survival, random: &mut Random) -> Image {
        let mut image = Image { entries: Vec::new() };
        let mut waiting = vec![(ROOT, PathBuf::new())];
        while let Some((folder, path)) = waiting.pop() {
            let Some(entries) = self.entries(folder) else { continue };
            for (name, number) in entries.after_cut(survival, random) {
                let path = path.join(&name);
                match self.nodes.get(&number).map(|node| &node.kind) {
                    Some(Kind::File(content)) => {
                        image.entries.push((path, Some(content.after_cut(survival, random))));
                    }
                    Some(Kind::Folder(_)) => {
                        image.entries.push((path.clone(), None));
                        waiting.push((number, path));
                    }
                    None => {}
                }
            }
        }
        image
    }
}

impl Image {
    /// Returns the bytes of all files together.
    pub fn size(&self) -> usize {
        self.entries.iter().filter_map(|(_, bytes)| bytes.as_ref()).map(Vec::len).sum()
    }

    /// Says whether a path survived.
    pub fn has(&self, path: &Path) -> bool {
        self.entries.iter().any(|(known, _)| known == path)
    }
}

impl Node {
    fn sync(&mut self) {
        match &mut self.kind {
            Kind::File(content) => {
                for written in content.pending.drain(..) {
                    match written {
                        Written::Bytes { offset, bytes } => put(&mut content.durable, offset, &bytes),
                        Written::Length(length) => content.durable.resize(length, 0),
                    }
                }
            }
            Kind::Folder(entries) => {
                for changes in entries.pending.drain(..) {
                    apply(&mut entries.durable, &changes);
                }
            }
        }
    }
}

impl Content {
    fn after_cut(&self, survival: Survival, random: &mut Random) -> Vec<u8> {
        let percent = match survival {
            Survival::Nothing => return self.durable.clone(),
            Survival::Everything => return self.live.clone(),
            Survival::Some(percent) => percent,
        };
        let mut bytes = self.durable.clone();
        for written in &self.pending {
            match written {
                Written::Length(length) if random.percent(percent) => bytes.resize(*length, 0),
                Written::Length(_) => {}
                Written::Bytes { offset, bytes: new } => {
                    let mut at = 0;
                    while at < new.len() {
                        let in_sector = SECTOR - (offset + at) % SECTOR;
                        let end = (at + in_sector).min(new.len());
                        if random.percent(percent) {
                            put(&mut bytes, offset + at, new.get(at..end).unwrap_or_default());
                        }
                        at = end;
                    }
                }
            }
        }
        bytes
    }
}

impl Entries {
    fn after_cut(&self, survival: Survival, random: &mut Random) -> BTreeMap<OsString, u64> {
        let count = match survival {
            Survival::Nothing => 0,
            Survival::Everything => self.pending.len() as u64,
            Survival::Some(_) => random.between(0, self.pending.len() as u64 + 1),
        };
        let mut entries = self.durable.clone();
        for changes in self.pending.iter().take(usize::try_from(count).unwrap_or(usize::MAX)) {
            apply(&mut entries, changes);
        }
        entries
    }
}

fn apply(entries: &mut BTreeMap<OsString, u64>, changes: &[(OsString, Option<u64>)]) {
    for (name, number) in changes {
        match number {
            Some(number) => drop(entries.insert(name.clone(), *number)),
            None => drop(entries.remove(name)),
        }
    }
}

fn put(bytes: &mut Vec<u8>, offset: usize, new: &[u8]) {
    let end = offset + new.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    if let Some(place) = bytes.get_mut(offset..end) {
        place.copy_from_slice(new);
    }
}
