//! What can go wrong between the program and its database.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// Says why the database did not do what it was asked, in terms of what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// Too many callers wait already, or the database is closed or out of reach; trying later may help.
    #[error("the database takes no more work now: {0}")]
    Unavailable(String),
    /// No space is left where the rows are kept. Nothing of the transaction was kept.
    #[error("no space is left for the database")]
    StorageFull(#[source] DieselError),
    /// The disk or file system failed beneath the database. Nothing of the transaction was kept.
    #[error("the storage beneath the database failed")]
    StorageFailed(#[source] DieselError),
    /// Another process or transaction holds a lock for longer than one waits.
    #[error("the database is locked by someone else")]
    Busy(#[source] DieselError),
    /// The database file is damaged; restore a backup.
    #[error("the database is damaged")]
    Corrupt(#[source] DieselError),
    /// The transaction took longer than its budget and was undone.
    #[error("the transaction took longer than {budget_ms} ms and was undone")]
    OverBudget {
        /// The budget. *Units*: milliseconds.
        budget_ms: u64,
    },
    /// The closure panicked; its transaction was undone, others were not touched.
    #[error("the transaction panicked and was undone: {0}")]
    Panicked(String),
    /// The closure left a nested transaction open, or ended the one it was given; it was undone.
    #[error("the transaction was undone because its code {0}")]
    Misuse(&'static str),
    /// The commit failed; nothing of the transaction was kept.
    #[error("the transaction was not committed")]
    NotCommitted(#[source] DieselError),
    /// The connection or the disk failed while the commit was under way: the transaction may have been kept or not.
    #[error("it is unknown whether the transaction was committed")]
    OutcomeUnknown(#[source] DieselError),
    /// The step before the commit refused, and with it the transaction.
    #[error("the transaction was undone before its commit: {0}")]
    BeforeCommit(String),
    /// The database holds migrations that this program does not know.
    #[error(
        "this data folder was written by a newer Cartulary, or by one with more modules: it holds {unknown}, which this \
         version does not know; start that version, or restore a backup"
    )]
    Newer {
        /// The unknown migrations, `owner/version_name`, separated by commas.
        unknown: String,
    },
    /// A migration that was applied long ago reads differently today.
    #[error(
        "the migration {migration} was changed after this data folder had applied it; start the version that wrote the \
         folder, or restore a backup"
    )]
    MigrationChanged {
        /// The migration, `owner/version_name`.
        migration: String,
    },
    /// A migration failed and was undone.
    #[error("the migration {migration} failed and was undone")]
    Migration {
        /// The migration, `owner/version_name`.
        migration: String,
        /// What the database said.
        #[source]
        source: DieselError,
    },
    /// The database could not be opened.
    #[error("cannot open the database: {0}")]
    Open(String),
    /// The configuration of the database cannot work.
    #[error("the database is not configured rightly: {0}")]
    Config(String),
    /// The database refused a statement.
    #[error("the database refused a statement")]
    Query(#[source] DieselError),
}

impl From<DieselError> for DbError {
    /// Tells apart by kind, and where diesel has none by the words that SQLite and PostgreSQL use, what a caller must tell apart.
    fn from(error: DieselError) -> Self {
        let DieselError::DatabaseError(kind, information) = &error else {
            return Self::Query(error);
        };
        if matches!(kind, DatabaseErrorKind::ClosedConnection) {
            return Self::Unavailable(information.message().to_owned());
        }
        if !matches!(kind, DatabaseErrorKind::Unknown) {
            return Self::Query(error);
        }
        let message = information.message();
        let is_full = message == "database or disk is full" || message.contains("No space left on device");
        let is_locked = message.ends_with("is locked") || message.starts_with("database schema is locked");
        let is_damaged = message == "database disk image is malformed" || message == "file is not a database";
        if is_full {
            Self::StorageFull(error)
        } else if message == "disk I/O error" {
            Self::StorageFailed(error)
        } else if is_locked {
            Self::Busy(error)
        } else if is_damaged {
            Self::Corrupt(error)
        } else {
            Self::Query(error)
        }
    }
}

impl DbError {
    /// Returns the error of a commit that did not happen.
    pub(crate) fn from_commit(error: DieselError) -> Self {
        match Self::from(error) {
            Self::Query(error) => Self::NotCommitted(error),
            // The commit may stand whole in the log although its sync failed; the next recovery decides.
            Self::StorageFailed(error) => Self::OutcomeUnknown(error),
            other => other,
        }
    }

    /// Returns the same error once more, for another member of the same group.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Unavailable(reason) => Self::Unavailable(reason.clone()),
            Self::StorageFull(error) => Self::StorageFull(copy_of(error)),
            Self::StorageFailed(error) => Self::StorageFailed(copy_of(error)),
            Self::Busy(error) => Self::Busy(copy_of(error)),
            Self::Corrupt(error) => Self::Corrupt(copy_of(error)),
            Self::OverBudget { budget_ms } => Self::OverBudget { budget_ms: *budget_ms },
            Self::Panicked(message) => Self::Panicked(message.clone()),
            Self::Misuse(act) => Self::Misuse(act),
            Self::NotCommitted(error) => Self::NotCommitted(copy_of(error)),
            Self::OutcomeUnknown(error) => Self::OutcomeUnknown(copy_of(error)),
            Self::BeforeCommit(reason) => Self::BeforeCommit(reason.clone()),
            Self::Newer { unknown } => Self::Newer { unknown: unknown.clone() },
            Self::MigrationChanged { migration } => Self::MigrationChanged { migration: migration.clone() },
            Self::Migration { migration, source } => {
                Self::Migration { migration: migration.clone(), source: copy_of(source) }
            }
            Self::Open(reason) => Self::Open(reason.clone()),
            Self::Config(reason) => Self::Config(reason.clone()),
            Self::Query(error) => Self::Query(copy_of(error)),
        }
    }
}

/// Copies what can be copied of an error of diesel: its kind and its words.
fn copy_of(error: &DieselError) -> DieselError {
    match error {
        DieselError::NotFound => DieselError::NotFound,
        DieselError::DatabaseError(kind, information) => {
            DieselError::DatabaseError(copy_of_kind(kind), Box::new(information.message().to_owned()))
        }
        other => DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(other.to_string())),
    }
}

fn copy_of_kind(kind: &DatabaseErrorKind) -> DatabaseErrorKind {
    match kind {
        DatabaseErrorKind::UniqueViolation => DatabaseErrorKind::UniqueViolation,
        DatabaseErrorKind::ForeignKeyViolation => DatabaseErrorKind::ForeignKeyViolation,
        DatabaseErrorKind::NotNullViolation => DatabaseErrorKind::NotNullViolation,
        DatabaseErrorKind::CheckViolation => DatabaseErrorKind::CheckViolation,
        DatabaseErrorKind::SerializationFailure => DatabaseErrorKind::SerializationFailure,
        DatabaseErrorKind::ReadOnlyTransaction => DatabaseErrorKind::ReadOnlyTransaction,
        DatabaseErrorKind::ClosedConnection => DatabaseErrorKind::ClosedConnection,
        _ => DatabaseErrorKind::Unknown,
    }
}

/// Makes the error of diesel that says `message`.
pub(crate) fn diesel_error(kind: DatabaseErrorKind, message: &str) -> DieselError {
    DieselError::DatabaseError(kind, Box::new(message.to_owned()))
}

/// Returns what a panic said.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "no words".to_owned()
    }
}

/// Tells whether a row with the same key exists already.
pub fn is_unique_violation(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, _))
}

/// Tells whether a row refers to one that does not exist, or is still referred to.
pub fn is_foreign_key_violation(error: &DieselError) -> bool {
    matches!(
        error,
        DieselError::DatabaseError(DatabaseErrorKind::ForeignKeyViolation | DatabaseErrorKind::RestrictViolation, _)
    )
}

/// Tells whether a value breaks a `CHECK` of its table.
pub fn is_check_violation(error: &DieselError) -> bool {
    matches!(error, DieselError::DatabaseError(DatabaseErrorKind::CheckViolation, _))
}

/// Tells whether a query that wants a row found none.
pub fn is_not_found(error: &DieselError) -> bool {
    matches!(error, DieselError::NotFound)
}

/// Returns what a unique violation is about: on PostgreSQL the name of the constraint, on SQLite its columns
/// ("paper.title, paper.folder_no"), which is what each of them tells.
pub fn violated_constraint(error: &DieselError) -> Option<String> {
    let DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, information) = error else {
        return None;
    };
    if let Some(name) = information.constraint_name() {
        return Some(name.to_owned());
    }
    let columns = information.message().strip_prefix("UNIQUE constraint failed: ")?;
    Some(columns.to_owned())
}
