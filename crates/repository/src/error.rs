//! Why the repository refuses or fails; one variant for each thing that the caller can do about it.

use cartulary_blobs::BlobError;
use cartulary_db::DbError;
use cartulary_model::ql::QlError;
use cartulary_model::{Timestamp, Violation};

use crate::object::{Current, Precondition, PrincipalName};

/// The result of every service.
pub type Result<T, E = RepositoryError> = std::result::Result<T, E>;

/// Why an act of the repository did not happen. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// There is nothing under that id, or the caller may not know of it.
    #[error("{what} is not there")]
    NotFound {
        /// What was asked for.
        what: String,
    },
    /// The caller sees the object and may not do this to it.
    #[error("{}", words_of_missing(permission))]
    Forbidden {
        /// The missing permission.
        permission: String,
    },
    /// Nobody is signed in, or the session ended.
    #[error("sign in first")]
    Unauthenticated,
    /// User name and password do not fit together.
    #[error("the user name or the password is wrong")]
    WrongCredentials,
    /// Too many tries.
    #[error("too many tries: wait {retry_after_seconds} s")]
    TooManyTries {
        /// When to try again.
        retry_after_seconds: u64,
    },
    /// The state of things does not allow it.
    #[error("{detail}")]
    Conflict {
        /// A stable snake_case code.
        code: &'static str,
        /// What is in the way, and what to do.
        detail: String,
    },
    /// The document is checked out: its content, title and properties change in the working copy only.
    #[error("{}", words_of_check_out(by.as_deref()))]
    CheckedOut {
        /// By whom; absent when the caller may not know.
        by: Option<Box<PrincipalName>>,
    },
    /// Somebody else has locked the object.
    #[error("{}", words_of_lock(by.as_deref()))]
    Locked {
        /// Who; absent when the caller may not know.
        by: Option<Box<PrincipalName>>,
        /// When the lock ends by itself.
        expires_at: Option<Timestamp>,
    },
    /// The name is taken where the object would lie; another is proposed that is free there.
    #[error("another object in this folder has the same name: choose another, such as `{proposed}`")]
    NameTaken {
        /// A name that is free.
        proposed: String,
    },
    /// Somebody changed the object, user or group since the caller read it.
    #[error("the object was changed since it was read")]
    Stale {
        /// What the caller says that it was.
        expected: Precondition,
        /// Its change token now.
        token: i64,
        /// What it is now.
        current: Current,
    },
    /// The input breaks rules; all of them are listed.
    #[error("{}", words_of(violations))]
    Invalid {
        /// Every violation.
        violations: Vec<Violation>,
    },
    /// A statement of the query language cannot be answered.
    #[error("at character {}: {detail}", position + 1)]
    InvalidStatement {
        /// Where, in characters from 0.
        position: usize,
        /// What is wrong.
        detail: String,
    },
    /// The index has not reached the transaction that the caller waits for.
    #[error("the index has not reached that transaction yet")]
    NotYetIndexed,
    /// A user would take more room than he may: what is written counts for whoever made the document.
    #[error("{}", words_of_quota(excess))]
    QuotaExceeded {
        /// Who, and by how much.
        excess: Box<QuotaExcess>,
    },
    /// The disk or the store has no room.
    #[error("there is no room left for this: make space, then send it again")]
    StorageFull,
    /// Something needed does not answer now.
    #[error("{what} does not answer now: try again")]
    Unavailable {
        /// What is missing.
        what: &'static str,
        /// The cause.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// Stored bytes are not what they were.
    #[error("the stored bytes of `{digest}` are damaged or missing")]
    Corrupt {
        /// The digest asked for.
        digest: String,
    },
    /// The body ended early or was not readable.
    #[error("the content did not arrive whole")]
    Interrupted,
    /// A fault of ours; the log has the chain.
    #[error("an internal fault")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl RepositoryError {
    /// Returns "`what` is not there".
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into() }
    }

    /// Returns the refusal of one field.
    pub fn invalid(field: impl Into<String>, code: &'static str, detail: impl Into<String>) -> Self {
        Self::Invalid { violations: vec![Violation::new(field, code, detail)] }
    }

    /// Returns a conflict with its code and words.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Conflict { code, detail: detail.into() }
    }

    /// Returns the stable code of what is in the way of an act on one object; nothing for a fault that is not the object's,
    /// after which the same act may succeed.
    pub(crate) fn code_of_object(&self) -> Option<&'static str> {
        match self {
            Self::NotFound { .. } => Some("not_found"),
            Self::Forbidden { .. } => Some("forbidden"),
            Self::Invalid { .. } => Some("invalid"),
            Self::CheckedOut { .. } => Some("checked_out"),
            Self::Locked { .. } => Some("locked"),
            Self::NameTaken { .. } => Some("name_taken"),
            Self::QuotaExceeded { .. } => Some("quota_exceeded"),
            Self::Conflict { code, .. } => Some(code),
            _ => None,
        }
    }

    /// Wraps a fault of ours that has several words.
    pub(crate) fn internal_all(problems: &[String]) -> Self {
        Self::internal(problems.join("; "))
    }

    /// Wraps a fault of ours.
    pub fn internal(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Internal(source.into())
    }
}

/// Says what is missing: a permission, or to be somebody who no entry of a list makes one.
fn words_of_missing(permission: &str) -> String {
    match permission {
        "administrator" => "this is for administrators".to_owned(),
        "author" => "only whoever wrote it changes it".to_owned(),
        _ => format!("this needs the permission `{permission}`"),
    }
}

fn words_of_check_out(by: Option<&PrincipalName>) -> String {
    let who = by.map_or_else(|| "somebody".to_owned(), |by| format!("`{}`", by.display_name));
    format!("the document is checked out by {who}: it changes when the working copy is checked in")
}

/// By how much a user would take more room than he may.
#[derive(Clone, Debug)]
pub struct QuotaExcess {
    /// Who.
    pub user: PrincipalName,
    /// What he would take, in bytes.
    pub size_bytes: u64,
    /// What he may take, in bytes.
    pub bytes_max: Option<u64>,
    /// How many objects he would have.
    pub object_count: u64,
    /// How many he may have.
    pub objects_max: Option<u64>,
    /// Whether whoever is told may know the numbers: they are those of the user himself, and of who administers.
    pub is_shown: bool,
}

fn words_of_quota(excess: &QuotaExcess) -> String {
    let user = &excess.user.display_name;
    match (excess.bytes_max, excess.objects_max) {
        _ if !excess.is_shown => format!("what this takes counts for `{user}`, who may take no more: ask for more"),
        (Some(most), _) if excess.size_bytes > most => {
            format!("with this `{user}` would take {} bytes of {most}: make room, or ask for more", excess.size_bytes)
        }
        (_, most) => format!(
            "with this `{user}` would have {} objects of {}: make room, or ask for more",
            excess.object_count,
            most.unwrap_or_default()
        ),
    }
}

fn words_of_lock(by: Option<&PrincipalName>) -> String {
    let who = by.map_or_else(|| "somebody else".to_owned(), |by| format!("`{}`", by.display_name));
    format!("the object is locked by {who}: it changes when it is unlocked")
}

/// How many fields are named in one sentence.
const FIELDS_NAMED_MAX: usize = 3;

/// How details begin that speak of the field; others are sentences of their own.
const VERBS: [&str; 7] = ["is ", "has ", "comes ", "takes ", "stands ", "cannot ", "needs "];

/// Says what one violation says, or which fields are wrong.
fn words_of(violations: &[Violation]) -> String {
    if let [Violation { field, detail, .. }] = violations {
        let speaks_of_field = VERBS.iter().any(|verb| detail.starts_with(verb));
        return match (field.as_str(), speaks_of_field) {
            ("", true) => format!("the input {detail}"),
            ("", false) => detail.clone(),
            (_, true) => format!("`{field}` {detail}"),
            (_, false) => format!("`{field}`: {detail}"),
        };
    }
    let named: Vec<String> = violations.iter().take(FIELDS_NAMED_MAX).map(|one| format!("`{}`", one.field)).collect();
    let rest = if violations.len() > FIELDS_NAMED_MAX { " …" } else { "" };
    format!("the input breaks {} rules: {}{rest}", violations.len(), named.join(", "))
}

impl From<QlError> for RepositoryError {
    fn from(error: QlError) -> Self {
        Self::InvalidStatement { position: error.position, detail: error.detail }
    }
}

impl From<DbError> for RepositoryError {
    fn from(error: DbError) -> Self {
        match error {
            DbError::StorageFull(_) => Self::StorageFull,
            DbError::Unavailable(_) | DbError::Busy(_) | DbError::OverBudget { .. } => {
                Self::Unavailable { what: "the database", source: Some(Box::new(error)) }
            }
            other => Self::Internal(Box::new(other)),
        }
    }
}

impl From<BlobError> for RepositoryError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::NoSpace { .. } => Self::StorageFull,
            BlobError::Body { .. } => Self::Interrupted,
            BlobError::Unavailable { .. } | BlobError::NoKey { .. } => {
                Self::Unavailable { what: "the blob store", source: Some(Box::new(error)) }
            }
            BlobError::Corrupt { ref key, .. } => Self::Corrupt { digest: key.to_string() },
            other => Self::Internal(Box::new(other)),
        }
    }
}
