//! Hashes over a list of entries, of which one can be proven to be in the list without the others.
//!
//! Source: RFC 6962 §2.1, Merkle Hash Trees, over SHA-256.

use sha2::{Digest, Sha256};

/// A SHA-256.
pub type Hash = [u8; 32];

/// Returns the hash of one entry (RFC 6962 §2.1: `SHA-256(0x00 || d)`).
pub fn leaf(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(entry).finalize().into()
}

fn node(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of a list whose entries come one after the other. Holds one hash for each level of the tree.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// Whole subtrees, the largest first, each with the number of its leaves.
    peaks: Vec<(u64, Hash)>,
    count: u64,
}

impl Tree {
    /// Appends an entry, given by its leaf hash.
    pub fn push(&mut self, leaf: Hash) {
        self.count += 1;
        let mut peak = (1, leaf);
        while let Some((size, left)) = self.peaks.pop_if(|(size, _)| *size == peak.0) {
            peak = (size * 2, node(&left, &peak.1));
        }
        self.peaks.push(peak);
    }

    /// Returns how many entries there are.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Returns the root; of an empty list the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev();
        let Some((_, last)) = peaks.next() else { return Sha256::digest([]).into() };
        peaks.fold(*last, |right, (_, left)| node(left, &right))
    }
}

/// Returns the hashes that prove the entry at `index` of `leaves` (RFC 6962 §2.1.1), nearest first; nothing when there is no
/// such entry.
pub fn path(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    if index >= leaves.len() {
        return None;
    }
    let mut found = Vec::new();
    let mut part = leaves;
    let mut place = index;
    while part.len() > 1 {
        let (left, right) = part.split_at(split(part.len()));
        if place < left.len() {
            found.push(root_of(right));
            part = left;
        } else {
            found.push(root_of(left));
            place -= left.len();
            part = right;
        }
    }
    found.reverse();
    Some(found)
}

/// Says whether `path` proves that `leaf` is the entry at `index` of a list of `count` entries with this root
/// (RFC 9162 §2.1.3.2).
pub fn proves(leaf: Hash, index: u64, count: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= count {
        return false;
    }
    let (mut place, mut last) = (index, count - 1);
    let mut hash = leaf;
    for beside in path {
        if last == 0 {
            return false;
        }
        if place % 2 == 1 || place == last {
            hash = node(beside, &hash);
            while place % 2 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(&hash, beside);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

fn root_of(leaves: &[Hash]) -> Hash {
    let mut tree = Tree::default();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree.root()
}

/// Returns the largest power of two below `count`.
const fn split(count: usize) -> usize {
    let mut half = 1;
    while half * 2 < count {
        half *= 2;
    }
    half
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// The tree as RFC 6962 §2.1 defines it, by recursion.
    fn defined(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Sha256::digest([]).into(),
            [one] => *one,
            more => {
                let (left, right) = more.split_at(split(more.len()));
                node(&defined(left), &defined(right))
            }
        }
    }

    #[test]
    fn the_known_roots_come_out() {
        // The test vectors of Certificate Transparency's reference implementation (merkletree, "RFC 6962").
        let empty = hex::encode(Tree::default().root());
        assert_eq!(empty, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(hex::encode(leaf(b"")), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        let inputs: [&[u8]; 3] = [b"", b"\x00", b"\x10"];
        let mut tree = Tree::default();
        inputs.iter().for_each(|input| tree.push(leaf(input)));
        assert_eq!(hex::encode(tree.root()), "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77");
    }

    #[test]
    fn every_entry_of_every_list_is_proven_and_no_other() {
        for count in 1..70_usize {
            let leaves: Vec<Hash> = (0..count).map(|number| leaf(&number.to_be_bytes())).collect();
            let root = root_of(&leaves);
            assert_eq!(root, defined(&leaves), "{count}");
            for index in 0..count {
                let path = path(&leaves, index).unwrap();
                let at = |index: usize| proves(leaves[index], index as u64, count as u64, &path, &root);
                assert!(at(index), "{index} of {count}");
                assert!(!proves(leaf(b"another"), index as u64, count as u64, &path, &root));
                assert!(index == 0 || !proves(leaves[index], index as u64 - 1, count as u64, &path, &root));
            }
            assert!(path(&leaves, count).is_none());
        }
    }
}
