//! Who asks: every read and write passes a [`Session`].

use std::collections::BTreeSet;
use std::sync::Arc;

use cartulary_model::ObjectId;

use crate::Repository;

/// The user on whose behalf something is done, with the groups that count for permissions.
#[derive(Clone, Debug)]
pub struct Actor {
    pub(crate) no: i64,
    pub(crate) id: ObjectId,
    pub(crate) username: String,
    pub(crate) display_name: String,
    pub(crate) is_administrator: bool,
    /// The user's own number, those of all groups it is in (nested too), and that of `everyone`.
    pub(crate) principals: Arc<BTreeSet<i64>>,
    /// The sign-in by which it acts; nothing for the program itself.
    pub(crate) sign_in: Option<ActorSignIn>,
}

/// The sign-in by which somebody acts, and what the rights of the one who acts were read at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ActorSignIn {
    /// The number of the session.
    pub no: i64,
    /// The user's epoch when its groups were read: another one means that they may be others.
    pub epoch: i64,
}

impl Actor {
    /// The user's outward id.
    pub const fn id(&self) -> ObjectId {
        self.id
    }

    /// The login name.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// What people read.
    pub fn display_name(&self) -> &str {
        &self.display_name
    }

    /// Whether the user is an administrator: permissions do not bind one, retention does.
    pub const fn is_administrator(&self) -> bool {
        self.is_administrator
    }
}

/// The door to the repository for one user. Cheap to clone.
///
/// Services are methods named noun first: `document_create`, `version_list`. Each authorises before it reads or writes,
/// and a write is one transaction of rows, change, audit and jobs.
#[derive(Clone, Debug)]
pub struct Session {
    pub(crate) repository: Repository,
    pub(crate) actor: Arc<Actor>,
}

impl Session {
    /// Returns who asks.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// Returns the repository it opens, for what needs no rights: waiting, health.
    pub const fn repository(&self) -> &Repository {
        &self.repository
    }
}
