//! What a module contributes. A module crate exports one function, `module(config) -> Module`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use cartulary_db::MigrationSet;
use cartulary_model::TypeFile;
use cartulary_model::permission::{PermissionContribution, Permissions};

use crate::{Repository, RepositoryError, SecurityPolicy};

/// What a job's handler is given.
#[derive(Clone, Debug)]
pub struct JobContext {
    /// The repository, for handlers of the core; modules open sessions on it.
    pub repository: Repository,
    /// The job's own id.
    pub job_id: String,
    /// Ids, never data, as JSON.
    pub payload: serde_json::Value,
    /// How often it was tried before.
    pub attempts: i32,
}

/// The future that a handler returns.
pub type JobFuture = Pin<Box<dyn Future<Output = Result<(), JobError>> + Send>>;

/// How a try of a job ends when it does not succeed.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// It is tried again later, with growing pauses, until its tries are used up.
    #[error("{0}")]
    Retry(String),
    /// Something is away or full, and that is not the job's fault: it is tried again later, however often that was.
    #[error("{0}")]
    Wait(String),
    /// It can never succeed; it ends dead with this reason.
    #[error("{0}")]
    Dead(String),
}

impl From<RepositoryError> for JobError {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::NotFound { .. } | RepositoryError::Invalid { .. } => Self::Dead(error.to_string()),
            RepositoryError::StorageFull | RepositoryError::Unavailable { .. } => {
                Self::Wait(crate::error_chain(&error))
            }
            other => Self::Retry(crate::error_chain(&other)),
        }
    }
}

/// A kind of job and what does it. Handlers are idempotent: a job may run twice.
#[derive(Clone)]
pub struct JobHandler {
    /// The kind: `owner.verb`.
    pub kind: &'static str,
    /// Does it.
    pub run: Arc<dyn Fn(JobContext) -> JobFuture + Send + Sync>,
}

impl std::fmt::Debug for JobHandler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JobHandler").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// A plain struct of contributions; what a module does not need stays empty.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// The module's name: the prefix of its tables, jobs and routes.
    pub name: &'static str,
    /// Names of modules that must be there too.
    pub requires: Vec<&'static str>,
    /// Document types, facets and vocabularies.
    pub types: TypeFile,
    /// Permissions of its own, and what it adds to groups of them.
    pub permissions: PermissionContribution,
    /// Security policies: what is hidden from all but a group, whatever access lists say.
    pub policies: Vec<SecurityPolicy>,
    /// Tables of its own.
    pub migrations: Vec<MigrationSet>,
    /// Jobs that it does.
    pub jobs: Vec<JobHandler>,
}

/// Checks everything that `modules` contribute together.
///
/// # Errors
/// Every problem found, each as a sentence.
pub(crate) fn check(modules: &[Module]) -> Result<(), Vec<String>> {
    let mut problems = Vec::new();
    for (position, module) in modules.iter().enumerate() {
        let before = modules.get(..position).unwrap_or_default();
        if before.iter().any(|other| other.name == module.name) {
            problems.push(format!("the module `{}` is listed twice", module.name));
        }
        for required in &module.requires {
            if !before.iter().any(|other| other.name == *required) {
                problems.push(format!("the module `{}` needs `{required}` before it", module.name));
            }
        }
        for handler in &module.jobs {
            if !handler.kind.starts_with(&format!("{}.", module.name)) {
                problems.push(format!("the job `{}` of `{}` is outside its prefix", handler.kind, module.name));
            }
        }
        for set in &module.migrations {
            if set.owner != module.name {
                problems.push(format!("migrations of `{}` stand under the owner `{}`", module.name, set.owner));
            }
        }
    }
    problems.extend(permissions(modules).err().into_iter().flatten());
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

/// Returns the permissions of the core and of `modules`.
///
/// # Errors
/// Every problem found.
pub(crate) fn permissions(modules: &[Module]) -> Result<Permissions, Vec<String>> {
    Permissions::check(modules.iter().map(|module| &module.permissions))
}
