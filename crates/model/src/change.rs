//! What the change log records.

use serde::{Deserialize, Serialize};

/// What happened to an object, or, for audit-only entries, what was asked or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// An object was made.
    Created,
    /// Properties, name or content changed, or its place in the order of a folder.
    Updated,
    /// It lies in other folders than before, and may be seen by others.
    Moved,
    /// An immutable version was made.
    Versioned,
    /// An object, or a version of one, was brought in with its history; what follows from a change does not follow.
    Imported,
    /// An object went to the trash.
    Trashed,
    /// An object came back from the trash.
    Restored,
    /// An object was destroyed.
    Destroyed,
    /// Who may do what changed.
    Security,
    /// A derived blob was finished or failed; the index follows it.
    Rendition,
    /// Something that people put on an object came, changed or went: a tag, a comment, an annotation.
    Noted,
    /// Users or groups changed (audit only).
    Principal,
    /// A type, facet or vocabulary was declared, changed or deleted (audit only).
    Declared,
    /// A webhook was made, changed or deleted (audit only).
    Webhook,
    /// A legal hold was made or released, a disposition reviewed (audit only).
    Retention,
    /// A stretch of the log was sealed (audit only).
    Sealed,
    /// The office was put back from a backup (audit only).
    Recovered,
    /// Someone signed in (audit only).
    SignedIn,
    /// Someone was refused at sign-in (audit only).
    SignInRefused,
    /// Someone signed out (audit only).
    SignedOut,
    /// Content was read, where that is audited (audit only).
    Read,
    /// A bag of objects was made for somebody (audit only).
    Exported,
}

impl ChangeKind {
    /// All kinds, those of the audit trail last.
    pub const ALL: [Self; 22] = [
        Self::Created,
        Self::Updated,
        Self::Moved,
        Self::Versioned,
        Self::Imported,
        Self::Trashed,
        Self::Restored,
        Self::Destroyed,
        Self::Security,
        Self::Rendition,
        Self::Noted,
        Self::Principal,
        Self::Declared,
        Self::Webhook,
        Self::Retention,
        Self::Sealed,
        Self::Recovered,
        Self::SignedIn,
        Self::SignInRefused,
        Self::SignedOut,
        Self::Read,
        Self::Exported,
    ];

    /// Returns the stored and answered word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Moved => "moved",
            Self::Versioned => "versioned",
            Self::Imported => "imported",
            Self::Trashed => "trashed",
            Self::Restored => "restored",
            Self::Destroyed => "destroyed",
            Self::Security => "security",
            Self::Rendition => "rendition",
            Self::Noted => "noted",
            Self::Principal => "principal",
            Self::Declared => "declared",
            Self::Webhook => "webhook",
            Self::Retention => "retention",
            Self::Sealed => "sealed",
            Self::Recovered => "recovered",
            Self::SignedIn => "signed_in",
            Self::SignInRefused => "sign_in_refused",
            Self::SignedOut => "signed_out",
            Self::Read => "read",
            Self::Exported => "exported",
        }
    }

    /// Says whether the entry is an event of the audit trail only, which index, CMIS and feeds do not see.
    pub const fn is_audit_only(self) -> bool {
        matches!(
            self,
            Self::Principal
                | Self::Declared
                | Self::Webhook
                | Self::Retention
                | Self::Sealed
                | Self::Recovered
                | Self::SignedIn
                | Self::SignInRefused
                | Self::SignedOut
                | Self::Read
                | Self::Exported
        )
    }
}

/// A place in the change log: its identity, which every restore renews, and the position in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogPosition {
    /// The identity of the log, a UUID.
    pub identity: String,
    /// The position of the last entry seen; 0 before the first.
    pub position: i64,
}
