//! What of the objects that somebody exports is not in the bag, and why: told as far as he may know of it.

use roaring::RoaringTreemap;

use super::form::LeftOutOfBag;
use crate::Result;
use crate::bootstrap::parse_id;

/// How many entries are named.
const NAMED_MAX: usize = 1_000;

/// Marked as confidential, without the permission to export that.
pub(super) const BY_CONFIDENTIAL: &str = "confidential";
/// Its properties may not be read.
pub(super) const BY_PROPERTIES: &str = "properties";
/// Its contents may not be read.
pub(super) const BY_CONTENT: &str = "content";
/// What lies in it may not be listed.
pub(super) const BY_CHILDREN: &str = "children";
/// A version of a dossier names what is not in the bag, or not whole.
pub(super) const BY_MEMBERS: &str = "members";
/// Its pages are of a file that may not be read whole.
pub(super) const BY_ARRANGEMENT: &str = "arrangement";
/// Somebody works on a copy of it that is not the caller's to see.
pub(super) const BY_WORKING_COPY: &str = "workingCopy";
/// A relationship links it with what is not in the bag.
pub(super) const BY_OTHER_END: &str = "otherEnd";
/// It is in the trash.
pub(super) const BY_TRASH: &str = "trash";

/// What the caller cannot take along.
#[derive(Clone, Debug, Default)]
pub(crate) struct LeftOut {
    /// The first 1,000, each once for each reason.
    pub named: Vec<LeftOutOfBag>,
    /// The numbers of the objects.
    objects: RoaringTreemap,
}

impl LeftOut {
    /// How many objects these are.
    pub(crate) fn count(&self) -> u64 {
        self.objects.len()
    }

    /// Adds that something of an object is missing; `id` names the object, or the version of it.
    pub(super) fn add(&mut self, no: i64, id: &str, reason: &str) -> Result<()> {
        self.objects.insert(no.unsigned_abs());
        self.name(LeftOutOfBag { id: parse_id(id)?, reason: reason.to_owned() });
        Ok(())
    }

    /// Adds what is missing elsewhere.
    pub(crate) fn merge(&mut self, other: Self) {
        self.objects |= other.objects;
        other.named.into_iter().for_each(|one| self.name(one));
    }

    fn name(&mut self, one: LeftOutOfBag) {
        if self.named.len() < NAMED_MAX && !self.named.contains(&one) {
            self.named.push(one);
        }
    }
}
