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
/// Take an object from one state of its life cycle to another.
pub const WRITE_LIFE_CYCLE: Permission = "WriteLifeCycle";
/// File a new child in a folder.
pub const ADD_CHILDREN: Permission = "AddChildren";
/// Take a child out of a folder, or put it in the trash.
pub const REMOVE_CHILDREN: Permission = "RemoveChildren";
/// Change who may do what.
pub const WRITE_SECURITY: Permission = "WriteSecurity";
/// Break another person's lock and see working copies.
pub const UNLOCK: Permission = "Unlock";
/// Destroy what is in the trash, and single versions.
pub const DESTROY: Permission = "Destroy";
/// Say until when versions are kept, and propose what is destroyed afterwards. No group but [`EVERYTHING`] has it.
pub const SET_RETENTION: Permission = "SetRetention";
/// Put versions under legal holds, and release them. No group but [`EVERYTHING`] has it.
pub const MANAGE_LEGAL_HOLD: Permission = "ManageLegalHold";
/// On the root folder: see all that others propose to destroy, and approve it. No group but [`EVERYTHING`] has it.
pub const REVIEW_DISPOSITION: Permission = "ReviewDisposition";
/// Take what is marked as confidential along in an export. No group but [`EVERYTHING`] has it.
pub const EXPORT_CONFIDENTIAL: Permission = "ExportConfidential";
/// Bring in what was made elsewhere, with its original users, instants and numbers. No group but [`EVERYTHING`] has it.
pub const IMPORT_HISTORY: Permission = "ImportHistory";
/// Have webhooks, which send changes to another machine. It is asked for on the root folder. No group but [`EVERYTHING`] has it.
pub const HAVE_WEBHOOKS: Permission = "HaveWebhooks";
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
            WRITE_LIFE_CYCLE,
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
            WRITE_LIFE_CYCLE,
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
    WRITE_LIFE_CYCLE,
    ADD_CHILDREN,
    REMOVE_CHILDREN,
    WRITE_SECURITY,
    UNLOCK,
    DESTROY,
    SET_RETENTION,
    MANAGE_LEGAL_HOLD,
    REVIEW_DISPOSITION,
    EXPORT_CONFIDENTIAL,
    IMPORT_HISTORY,
    HAVE_WEBHOOKS,
];

/// What a module adds to the permissions.
#[derive(Clone, Debug, Default)]
pub struct PermissionContribution {
    /// Atomic permissions of its own.
    pub atoms: Vec<Permission>,
    /// Groups of its own, and members that it adds to one of the core's.
    pub groups: Vec<PermissionGroup>,
}

/// All permissions that entries may name: the core's and those of modules.
#[derive(Clone, Debug)]
pub struct Permissions {
    atoms: Vec<Permission>,
    groups: Vec<(&'static str, BTreeSet<Permission>)>,
}

impl Default for Permissions {
    fn default() -> Self {
        let group = |group: &PermissionGroup| (group.name, group.members.iter().copied().collect());
        Self { atoms: ATOMS.to_vec(), groups: PERMISSION_GROUPS.iter().map(group).collect() }
    }
}

impl Permissions {
    /// Adds what modules contribute to the core's permissions.
    ///
    /// # Errors
    /// Every problem found, each as a sentence: a name that is used twice, a group with a member that is no permission.
    pub fn check<'a>(contributions: impl IntoIterator<Item = &'a PermissionContribution>) -> Result<Self, Vec<String>> {
        let mut all = Self::default();
        let mut problems = Vec::new();
        let contributions: Vec<_> = contributions.into_iter().collect();
        for atom in contributions.iter().flat_map(|one| &one.atoms) {
            if all.is_known(atom) {
                problems.push(format!("the permission `{atom}` is declared twice"));
            }
            all.atoms.push(atom);
        }
        for group in contributions.iter().flat_map(|one| &one.groups) {
            for member in group.members.iter().filter(|member| !all.atoms.contains(member)) {
                problems.push(format!("the group of permissions `{}` has the unknown member `{member}`", group.name));
            }
            if all.atoms.contains(&group.name) || group.name == EVERYTHING {
                problems.push(format!("the group of permissions `{}` is called like a permission", group.name));
            }
            match all.groups.iter_mut().find(|(name, _)| *name == group.name) {
                Some((_, members)) => members.extend(group.members),
                None => all.groups.push((group.name, group.members.iter().copied().collect())),
            }
        }
        if problems.is_empty() { Ok(all) } else { Err(problems) }
    }

    /// Returns the atomic permissions: the core's, then those of modules.
    pub fn atoms(&self) -> &[Permission] {
        &self.atoms
    }

    /// Returns the groups with their members: the core's, weakest first, then those of modules.
    pub fn groups(&self) -> &[(&'static str, BTreeSet<Permission>)] {
        &self.groups
    }

    /// Returns the groups of which all members are held.
    pub fn groups_held(&self, held: &[Permission]) -> Vec<&'static str> {
        let is_whole = |members: &BTreeSet<Permission>| members.iter().all(|member| held.contains(member));
        self.groups.iter().filter(|(_, members)| is_whole(members)).map(|(name, _)| *name).collect()
    }

    /// Says whether an entry may name `permission`: an atom, a group or everything.
    pub fn is_known(&self, permission: &str) -> bool {
        permission == EVERYTHING
            || self.atoms.contains(&permission)
            || self.groups.iter().any(|(name, _)| *name == permission)
    }

    /// Says whether an entry for `stated` covers the atomic permission `wanted`.
    pub fn covers(&self, stated: &str, wanted: &str) -> bool {
        if stated == EVERYTHING || stated == wanted {
            return true;
        }
        let group = self.groups.iter().find(|(name, _)| *name == stated);
        group.is_some_and(|(_, members)| members.contains(wanted))
    }

    /// Returns the entry of `entries` (in the order of evaluation: process lists, then local) that decides for one of
    /// `principals`: the first that speaks of them; `None` leaves it to the list above.
    pub fn decisive<'a>(
        &self,
        entries: &'a [AccessEntry],
        principals: &BTreeSet<i64>,
        wanted: &str,
        now: Timestamp,
    ) -> Option<&'a AccessEntry> {
        entries.iter().find(|entry| {
            entry.holds_at(now) && principals.contains(&entry.principal_no) && self.covers(&entry.permission, wanted)
        })
    }
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
    /// Says whether it has begun and not ended.
    pub fn holds_at(&self, now: Timestamp) -> bool {
        let has_begun = self.begin_at.is_none_or(|begin| begin <= now);
        let has_ended = self.end_at.is_some_and(|end| end <= now);
        has_begun && !has_ended
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn decide(entries: &[AccessEntry], who: &BTreeSet<i64>, wanted: Permission, now: Timestamp) -> Option<bool> {
        Permissions::default().decisive(entries, who, wanted, now).map(|entry| entry.grants)
    }

    #[test]
    fn a_module_adds_permissions_and_members_to_groups() {
        let module = PermissionContribution {
            atoms: vec!["ManageWorkflows"],
            groups: vec![PermissionGroup { name: "Write", members: &["ManageWorkflows"] }],
        };
        let all = Permissions::check([&module]).unwrap();
        assert!(
            all.covers("Write", "ManageWorkflows") && all.covers("Write", BROWSE) && all.is_known("ManageWorkflows")
        );
        let odd = PermissionContribution {
            atoms: vec![BROWSE],
            groups: vec![PermissionGroup { name: "Odd", members: &["Nothing"] }],
        };
        assert_eq!(Permissions::check([&odd]).unwrap_err().len(), 2);
    }

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
