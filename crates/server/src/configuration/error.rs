//! Why a configuration cannot be used.

use std::path::PathBuf;

/// Why a configuration cannot be used. A value is never repeated: it may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigurationError {
    /// The file is not there, or may not be read.
    #[error("cannot read the configuration `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what is documented.
    #[error("`{}`{}: {reason}", path.display(), line.map_or_else(String::new, |line| format!(", line {line}")))]
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1, where it is known.
        line: Option<usize>,
        /// What is wrong there.
        reason: String,
    },
    /// A variable of the environment begins like a setting and is none.
    #[error("the environment variable `{name}` is no setting; did you mean `{suggestion}`?")]
    UnknownVariable {
        /// The variable.
        name: String,
        /// The one that is most alike.
        suggestion: String,
    },
    /// What file, environment and flags make together is not right.
    #[error("{} is not right: {reason}", origins.join(", "))]
    Value {
        /// Where the values came from.
        origins: Vec<String>,
        /// What is wrong.
        reason: String,
    },
    /// Settings contradict each other.
    #[error("the configuration does not hold together: {}", .0.join("; "))]
    Problems(Vec<String>),
}
