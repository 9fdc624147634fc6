//! Settings of the smaller areas: index, work, session, log, office.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::documented::documented;

documented! {
    /// The full-text index of this machine. It can be deleted and is made again by `cartulary reindex`.
    pub struct IndexSettings {
        /// The folder of the index; a relative path lies in the data folder. It must lie on a local disk.
        pub path: PathBuf = PathBuf::from("index"),
    }
}

documented! {
    /// Work in the background: reading text from papers, keeping the store tidy.
    pub struct WorkSettings {
        /// The folder for what is under way; a relative path lies in the data folder.
        pub path: PathBuf = PathBuf::from("work"),
        /// Jobs that run at the same time. 0: none, papers are kept but not read.
        pub jobs: usize = 2,
        /// Contained processes that read files at the same time.
        pub readers: usize = 2,
        /// The most memory that one of them may use, in bytes.
        pub reader_memory_bytes: u64 = 2 * 1024 * 1024 * 1024,
        /// Seconds of processor time for one page.
        pub reader_seconds_per_page: u64 = 60,
        /// Seconds that one file may take.
        pub reader_seconds_per_file: u64 = 600,
        /// Bytes of text that are kept of one file.
        pub reader_text_bytes: u64 = 64 * 1024 * 1024,
        /// How readers are shut in: `auto` takes the strongest that works here (see `cartulary doctor`), or `bubblewrap`,
        /// `landlock`, `limitsOnly`.
        pub containment: Containment = Containment::Auto,
        /// Days that deleted objects stay in the trash; then they are destroyed. 0: until somebody destroys them.
        pub trash_days: u32 = 90,
        /// Hours that the bytes of a blob outlive the last object that had them.
        pub garbage_grace_hours: u32 = 24,
    }
}

/// How the readers of untrusted files are shut in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Containment {
    /// The strongest that works.
    #[default]
    Auto,
    /// Empty namespaces by bubblewrap.
    Bubblewrap,
    /// Landlock and resource limits.
    Landlock,
    /// Resource limits alone.
    LimitsOnly,
}

documented! {
    /// People's sessions.
    pub struct SessionSettings {
        /// Hours after which one has to sign in again.
        pub hours: u32 = 12,
    }
}

documented! {
    /// Webhooks: changes that the office sends to other machines.
    pub struct WebhookSettings {
        /// Addresses and networks that are called though they are private, such as `10.0.0.0/24`: all others outside the open
        /// network are refused, whatever name leads to them.
        pub allow: Vec<String> = Vec::new(),
        /// Whether addresses that begin with `http:` are called. Everybody on the way can read what is sent there.
        pub allow_http: bool = false,
        /// Seconds that a receiver may take to answer.
        pub timeout_seconds: u64 = 15,
    }
}

documented! {
    /// The log, written to standard error.
    pub struct LogSettings {
        /// `pretty` for people, `json` for machines.
        pub format: LogFormat = LogFormat::Pretty,
        /// `error`, `warn`, `info`, `debug` or `trace`; also for single parts, as in `info,cartulary_repository=debug`.
        pub level: String = "info".to_owned(),
    }
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Pretty,
    /// One JSON object a line.
    Json,
}

documented! {
    /// The office itself. Its own document types lie in `config/office/types/` of the data folder.
    pub struct OfficeSettings {
        /// The office's name, as people and certificates show it.
        pub name: String = "Cartulary".to_owned(),
    }
}
