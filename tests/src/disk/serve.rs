//! Answers the kernel, request by request.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::{Mutex, PoisonError};

use super::model::{Kind, ROOT, Tree, now};
use super::protocol::{Bytes, Request, WRITE_MAX, errno};

/// What was found in folders when they were opened.
type Listings = HashMap<u64, Vec<(OsString, u64)>>;
type Outcome = Result<Bytes, i32>;

/// Serves until the disk is unmounted.
pub fn run(mut device: &File, tree: &Mutex<Tree>) {
    let mut buffer = vec![0; WRITE_MAX as usize + 64 * 1024];
    let mut listings = Listings::new();
    loop {
        let count = match device.read(&mut buffer) {
            Ok(count) => count,
            // Interrupted, or a request that was taken back.
            Err(error) if matches!(error.raw_os_error(), Some(2 | 4 | 11)) => continue,
            Err(_) => return,
        };
        let Some(request) = Request::parse(buffer.get(..count).unwrap_or_default()) else { continue };
        let wants_no_answer = matches!(request.opcode, 2 | 36 | 42);
        if wants_no_answer {
            continue;
        }
        if is_sync(&request) {
            let takes = tree.lock().unwrap_or_else(PoisonError::into_inner).sync_takes;
            // Without the tree: the power may be cut while a sync is under way.
            std::thread::sleep(takes);
        }
        let outcome = act(&request, &mut tree.lock().unwrap_or_else(PoisonError::into_inner), &mut listings);
        let answer = match outcome {
            Ok(bytes) => bytes.answer(request.unique),
            Err(number) => Bytes::error(request.unique, number),
        };
        // An error here means that the request was taken back meanwhile.
        let _ = device.write(&answer);
    }
}

/// Says whether something is to be made durable: a file or a folder.
const fn is_sync(request: &Request<'_>) -> bool {
    matches!(request.opcode, 20 | 30)
}

/// Does what a request asks for. The numbers are those of `linux/fuse.h`.
fn act(request: &Request<'_>, tree: &mut Tree, listings: &mut Listings) -> Outcome {
    match request.opcode {
        26 => Ok(Bytes::of_init(request)),
        1 => look_up(request, tree),
        3 => attributes(tree, request.node),
        4 => set_attributes(request, tree),
        9 => make(request, tree, true),
        35 => make(request, tree, false),
        10 | 11 => remove(request, tree),
        12 => rename(request, tree, 8, 0),
        45 => rename(request, tree, 16, request.u32(8)),
        13 => link(request, tree),
        14 => tree.node(request.node).map(|_| Bytes::default().opened(0)).ok_or(errno::NOENT),
        15 => read(request, tree),
        16 => write(request, tree),
        17 => Ok(Bytes::of_room()),
        18 | 25 | 38 => Ok(Bytes::default()),
        _ if is_sync(request) => {
            tree.sync(request.node);
            Ok(Bytes::default())
        }
        27 => open_folder(request, tree, listings),
        28 => read_folder(request, tree, listings),
        29 => {
            listings.remove(&request.u64(0));
            Ok(Bytes::default())
        }
        _ => Err(errno::NOSYS),
    }
}

fn entry(tree: &Tree, number: u64) -> Outcome {
    tree.node(number).map(|node| Bytes::of_entry(number, node)).ok_or(errno::NOENT)
}

fn attributes(tree: &Tree, number: u64) -> Outcome {
    tree.node(number).map(|node| Bytes::of_attributes(number, node)).ok_or(errno::NOENT)
}

fn look_up(request: &Request<'_>, tree: &Tree) -> Outcome {
    let (name, _) = request.names(0);
    entry(tree, tree.find(request.node, name).ok_or(errno::NOENT)?)
}

fn set_attributes(request: &Request<'_>, tree: &mut Tree) -> Outcome {
    const MODE: u32 = 1;
    const USER: u32 = 2;
    const GROUP: u32 = 4;
    const SIZE: u32 = 8;
    const MODIFIED: u32 = 32;
    const MODIFIED_NOW: u32 = 256;
    let (which, number) = (request.u32(0), request.node);
    let has = |bit: u32| which & bit != 0;
    let node = tree.node_mut(number).ok_or(errno::NOENT)?;
    if has(MODE) {
        node.mode = request.u32(68);
    }
    if has(USER) {
        node.owner.0 = request.u32(76);
    }
    if has(GROUP) {
        node.owner.1 = request.u32(80);
    }
    if has(MODIFIED_NOW) {
        node.modified = now();
    } else if has(MODIFIED) {
        node.modified = (request.u64(40), request.u32(60));
    }
    if has(SIZE) {
        let (length, before) = (request.place(16), node.size());
        if length as u64 > before && tree.is_full_at(number) {
            return Err(errno::NOSPC);
        }
        tree.resize(number, length);
    }
    attributes(tree, number)
}

fn make(request: &Request<'_>, tree: &mut Tree, is_folder: bool) -> Outcome {
    let (mode, from) = if is_folder { (request.u32(0), 8) } else { (request.u32(4), 16) };
    let (name, _) = request.names(from);
    if tree.find(request.node, name).is_some() {
        return Err(errno::EXIST);
    }
    if tree.is_full_at(request.node) {
        return Err(errno::NOSPC);
    }
    let number = tree.make(request.node, name, is_folder, mode, request.owner);
    let made = entry(tree, number)?;
    Ok(if is_folder { made } else { made.opened(0) })
}

fn remove(request: &Request<'_>, tree: &mut Tree) -> Outcome {
    let (name, _) = request.names(0);
    let number = tree.find(request.node, name).ok_or(errno::NOENT)?;
    if tree.entries(number).is_some_and(|entries| !entries.live.is_empty()) {
        return Err(errno::NOTEMPTY);
    }
    tree.enter(request.node, vec![(name.to_owned(), None)]);
    if let Some(node) = tree.node_mut(number) {
        node.links = node.links.saturating_sub(1);
    }
    Ok(Bytes::default())
}

fn rename(request: &Request<'_>, tree: &mut Tree, from: usize, flags: u32) -> Outcome {
    const NO_REPLACE: u32 = 1;
    let (old, new) = request.names(from);
    let (source, target) = (request.node, request.u64(0));
    let number = tree.find(source, old).ok_or(errno::NOENT)?;
    let replaced = tree.find(target, new);
    if flags & !NO_REPLACE != 0 {
        return Err(errno::INVAL);
    }
    if flags & NO_REPLACE != 0 && replaced.is_some() {
        return Err(errno::EXIST);
    }
    if tree.is_full_at(target) {
        return Err(errno::NOSPC);
    }
    if let Some(node) = replaced.filter(|other| *other != number).and_then(|other| tree.node_mut(other)) {
        node.links = node.links.saturating_sub(1);
    }
    let (gone, come) = ((old.to_owned(), None), (new.to_owned(), Some(number)));
    if source == target {
        tree.enter(source, vec![gone, come]);
    } else {
        tree.enter(target, vec![come]);
        tree.enter(source, vec![gone]);
    }
    tree.moved(number, target, new);
    Ok(Bytes::default())
}

fn link(request: &Request<'_>, tree: &mut Tree) -> Outcome {
    let (number, (name, _)) = (request.u64(0), request.names(8));
    if tree.find(request.node, name).is_some() {
        return Err(errno::EXIST);
    }
    tree.node_mut(number).ok_or(errno::NOENT)?.links += 1;
    tree.enter(request.node, vec![(name.to_owned(), Some(number))]);
    entry(tree, number)
}

fn read(request: &Request<'_>, tree: &Tree) -> Outcome {
    let (offset, count) = (request.place(8), request.u32(16) as usize);
    match &tree.node(request.node).ok_or(errno::NOENT)?.kind {
        Kind::Folder(_) => Err(errno::ISDIR),
        Kind::File(content) => {
            let end = offset.saturating_add(count).min(content.live.len());
            Ok(Bytes(content.live.get(offset..end).unwrap_or_default().to_vec()))
        }
    }
}

fn write(request: &Request<'_>, tree: &mut Tree) -> Outcome {
    let (offset, count) = (request.place(8), request.u32(16));
    let bytes = request.body.get(40..40 + count as usize).ok_or(errno::IO)?;
    if tree.is_full_at(request.node) {
        return Err(errno::NOSPC);
    }
    tree.write(request.node, offset, bytes);
    Ok(Bytes::default().u32(count).u32(0))
}

fn open_folder(request: &Request<'_>, tree: &Tree, listings: &mut Listings) -> Outcome {
    let entries = tree.entries(request.node).ok_or(errno::NOENT)?;
    let mut listing = vec![(OsString::from("."), request.node), (OsString::from(".."), ROOT)];
    listing.extend(entries.live.iter().map(|(name, number)| (name.clone(), *number)));
    let handle = listings.keys().max().copied().unwrap_or(0) + 1;
    listings.insert(handle, listing);
    Ok(Bytes::default().opened(handle))
}

fn read_folder(request: &Request<'_>, tree: &Tree, listings: &Listings) -> Outcome {
    let (from, limit) = (request.place(8), request.u32(16) as usize);
    let listing = listings.get(&request.u64(0)).ok_or(errno::IO)?;
    let mut bytes = Bytes::default();
    for (at, (name, number)) in listing.iter().enumerate().skip(from) {
        let is_folder = tree.entries(*number).is_some();
        if !bytes.add_entry(limit, *number, at as u64 + 1, is_folder, name) {
            break;
        }
    }
    Ok(bytes)
}
