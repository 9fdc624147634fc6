//! Permissions, groups of permissions, and the lists that grant and deny them.

use std::collections::BTreeSet;

use crate::Timestamp;

/// An atomic permission of the core (Nuxeo's words). Modules add their own as further names.
pub type Permission = &'static str;

/// See that the object is there: its name, type and dates.
pub const BROWSE: Permission = "Browse";
/// Read its properties.
pub const READ_PROPERTIES: Permission = "ReadProperties";
/// Read its bytes, its text and what is derived from them.
pub const READ_CONTENT: Permission = "ReadContent";
/// List what a folder contains.
pub const READ_CHILDREN: Permission = "ReadChildren";
/// Read who may do what.
pub const READ_SECURITY: Permission = "ReadSecurity";
/// Change properties and names.
pub const WRITE_PROPERTIES: Permission = "WriteProperties";
/// Put a new version or other content.
pub const WRITE_VERSION: Permission = "WriteVersion";
/// File a new child in a folder.
pub const ADD_CHILDREN: Permission = "AddChildren";
/// Take a child out of a folder, or put it in the trash.
pub const REMOVE_CHILDREN: Permission = "RemoveChildren";
/// Change who may do what.
pub const WRITE_SECURITY: Permission = "WriteSecurity";
/// Break another person's lock and see working copies.
pub const UNLOCK: Permission = "Unlock";
/// Destroy what is in the trash.
pub const DESTROY: Permission = "Destroy";
/// Everything, also what modules add.
pub const EVERYTHING: Permission = "Everything";

/// A named set of permissions.
#[derive(Clone, Copy, Debug)]
pub struct PermissionGroup {
    /// The group's name, used in entries like a permission's.
    pub name: &'static str,
    /// The atomic permissions it stands for.
    pub members: &'static [Permission],
}

/// The core's groups, weakest first.
pub const PERMISSION_GROUPS: &[PermissionGroup] = &[
    PermissionGroup { name: "Read", members: &[BROWSE, READ_PROPERTIES, READ_CONTENT, READ_CHILDREN, READ_SECURITY] },
    PermissionGroup {
        name: "Write",
        members: &[
            BROWSE,
            READ_PROPERTIES,
            READ_CONTENT,
            READ_CHILDREN,
            READ_SECURITY,
            WRITE_PROPERTIES,
            WRITE_VERSION,
            ADD_CHILDREN,
            REMOVE_CHILDREN,
        ],
    },
    PermissionGroup {
        name: "Manage",
        members: &[
            BROWSE,
            READ_PROPERTIES,
            READ_CONTENT,
            READ_CHILDREN,
            READ_SECURITY,
            WRITE_PROPERTIES,
            WRITE_VERSION,
            ADD_CHILDREN,
            REMOVE_CHILDREN,
            WRITE_SECURITY,
            UNLOCK,
            DESTROY,
        ],
    },
];

/// The atomic permissions of the core.
pub const ATOMS: &[Permission] = &[
    BROWSE,
    READ_PROPERTIES,
    READ_CONTENT,
    READ_CHILDREN,
    READ_SECURITY,
    WRITE_PROPERTIES,
    WRITE_VERSION,
    ADD_CHILDREN,
    REMOVE_CHILDREN,
    WRITE_SECURITY,
    UNLOCK,
    DESTROY,
];

/// Says whether an entry may name `permission`: an atom, a group or everything.
pub fn is_known(permission: &str) -> bool {
    permission == EVERYTHING
        || ATOMS.contains(&permission)
        || PERMISSION_GROUPS.iter().any(|group| group.name == permission)
}

/// Says whether an entry for `stated` covers the atomic permission `wanted`.
pub fn covers(stated: &str, wanted: Permission) -> bool {
    if stated == EVERYTHING || stated == wanted {
        return true;
    }
    let group = PERMISSION_GROUPS.iter().find(|group| group.name == stated);
    group.is_some_and(|group| group.members.contains(&wanted))
}

/// One entry of an access control list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessEntry {
    /// The number of the user or group it speaks of.
    pub principal_no: i64,
    /// A permission or a group of permissions.
    pub permission: String,
    /// Whether it grants; otherwise it denies.
    pub grants: bool,
    /// From when it holds; absent: always.
    pub begin_at: Option<Timestamp>,
    /// Until when it holds, exclusive; absent: for ever.
    pub end_at: Option<Timestamp>,
}

impl AccessEntry {
    fn speaks_of(&self, principals: &BTreeSet<i64>, wanted: Permission, now: Timestamp) -> bool {
        let has_begun = self.begin_at.is_none_or(|begin| begin <= now);
        let has_ended = self.end_at.is_some_and(|end| end <= now);
        has_begun && !has_ended && principals.contains(&self.principal_no) && covers(&self.permission, wanted)
    }
}

/// Returns what `entries` (in the order of evaluation: process lists, then local) decide for one of `principals`:
/// the first entry that speaks of them wins; `None` leaves it to the list above.
pub fn decide(entries: &[AccessEntry], principals: &BTreeSet<i64>, wanted: Permission, now: Timestamp) -> Option<bool> {
    entries.iter().find(|entry| entry.speaks_of(principals, wanted, now)).map(|entry| entry.grants)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(principal_no: i64, permission: &str, grants: bool) -> AccessEntry {
        AccessEntry { principal_no, permission: permission.into(), grants, begin_at: None, end_at: None }
    }

    #[test]
    fn the_first_entry_that_speaks_of_one_wins() {
        let me = BTreeSet::from([1, 7]);
        let now = Timestamp::from_millis(1000);
        let entries = [entry(2, "Everything", true), entry(7, "Write", false), entry(1, "Read", true)];
        assert_eq!(decide(&entries, &me, BROWSE, now), Some(false));
        assert_eq!(decide(&entries[2..], &me, READ_CONTENT, now), Some(true));
        assert_eq!(decide(&entries[2..], &me, WRITE_PROPERTIES, now), None);
    }

    #[test]
    fn an_entry_holds_from_its_begin_until_before_its_end() {
        let me = BTreeSet::from([1]);
        let mut timed = entry(1, "Read", true);
        timed.begin_at = Some(Timestamp::from_millis(10));
        timed.end_at = Some(Timestamp::from_millis(20));
        let at = |millis| decide(std::slice::from_ref(&timed), &me, BROWSE, Timestamp::from_millis(millis));
        assert_eq!((at(9), at(10), at(19), at(20)), (None, Some(true), Some(true), None));
    }
}
