//! The reference of all settings: which areas there are, what each key means, and what holds without it.

use cartulary_blobs::{FolderSettings, S3Config, Setting};

use super::Configuration;
use super::areas::{IndexSettings, LogSettings, OfficeSettings, SessionSettings, WebhookSettings, WorkSettings};
use super::server::{ServerSettings, TlsSettings};

/// One table of the configuration file.
#[derive(Debug, Clone)]
pub struct Area {
    /// The name of the table, such as `server.tls`.
    pub path: &'static str,
    /// What the table is about, in one sentence.
    pub about: &'static str,
    /// Which variant of the table these settings belong to: (key, value), as in (`kind`, `s3`).
    pub variant: Option<(&'static str, &'static str)>,
    /// Its settings.
    pub settings: Vec<Entry>,
}

/// One setting.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key as it is written.
    pub key: String,
    /// The lines of its documentation.
    pub doc: Vec<String>,
    /// What holds without it; `None` when nothing does.
    pub default: Option<toml::Value>,
}

/// The settings of the database, whose types are declared where they are used. A test compares the keys.
const DATABASE: &[Setting] = &[
    Setting { name: "backend", doc: &[" `sqlite`, embedded, or `postgres`, a server (15 or newer)."] },
    Setting {
        name: "max_waiting",
        doc: &[" Reads, and on SQLite writes, that may wait for their turn; what comes on top is answered with 503."],
    },
    Setting { name: "wait_ms", doc: &[" Milliseconds that a read may wait for a connection."] },
    Setting {
        name: "write_budget_ms",
        doc: &[" Milliseconds that one write transaction may take before it is broken off and undone."],
    },
];

const SQLITE: &[Setting] = &[
    Setting {
        name: "path",
        doc: &[
            " The file of the database; a relative path lies in `db` of the data folder. It must lie on a local disk.",
        ],
    },
    Setting { name: "readers", doc: &[" Connections that read at the same time. Each keeps at most 8 MB of pages."] },
    Setting { name: "max_group", doc: &[" Waiting transactions that one commit takes along at most."] },
    Setting { name: "max_group_ms", doc: &[" Milliseconds for which a group accepts further transactions."] },
];

const POSTGRES: &[Setting] = &[
    Setting {
        name: "url",
        doc: &[
            " Where the database is: `postgres://user:password@host:port/name`. It holds a password: rather than here, set it",
            " as CARTULARY_DATABASE_POSTGRES_URL or in the file of `urlFile`. It is never printed.",
        ],
    },
    Setting { name: "url_file", doc: &[" A file that holds the address, read when `url` is absent."] },
    Setting { name: "pool", doc: &[" Connections that this process holds at most."] },
];

/// Returns every area with its settings, in the order of the samples.
pub fn areas() -> Vec<Area> {
    let defaults = toml::Table::try_from(Configuration::default()).unwrap_or_default();
    let s3 = toml::Table::try_from(S3Config::default()).unwrap_or_default();
    let folder = toml::Table::try_from(FolderSettings::default()).unwrap_or_default();
    let area = |path, about, settings| Area {
        path,
        about,
        variant: None,
        settings: entries(settings, table_at(&defaults, path)),
    };
    vec![
        area(
            "office",
            "The office itself. Its own document types lie in `config/office/types/`.",
            OfficeSettings::SETTINGS,
        ),
        area("server", "Where the office answers, and to whom.", ServerSettings::SETTINGS),
        area("server.tls", "TLS on the office's own port.", TlsSettings::SETTINGS),
        area("database", "Where the rows are kept.", DATABASE),
        area("database.sqlite", "The embedded database, with `backend = \"sqlite\"`.", SQLITE),
        area("database.postgres", "The server, with `backend = \"postgres\"`.", POSTGRES),
        Area {
            path: "store",
            about: "Where the bytes are kept: in a folder, with `kind = \"folder\"`.",
            variant: Some(("kind", "folder")),
            settings: entries(FolderSettings::SETTINGS, Some(&folder)),
        },
        Area {
            path: "store",
            about: "Where the bytes are kept: in a bucket of an S3-compatible store, with `kind = \"s3\"`.",
            variant: Some(("kind", "s3")),
            settings: entries(S3Config::SETTINGS, Some(&s3)),
        },
        area(
            "index",
            "The full-text index of this machine; `cartulary reindex` makes it again.",
            IndexSettings::SETTINGS,
        ),
        area(
            "work",
            "Work in the background: reading text from papers, keeping the store tidy.",
            WorkSettings::SETTINGS,
        ),
        area("session", "People's sessions.", SessionSettings::SETTINGS),
        area("webhooks", "Webhooks: changes that the office sends to other machines.", WebhookSettings::SETTINGS),
        area("log", "The log, written to standard error.", LogSettings::SETTINGS),
    ]
}

/// Returns the table at a dotted path.
pub fn table_at<'a>(root: &'a toml::Table, path: &str) -> Option<&'a toml::Table> {
    path.split('.').try_fold(root, |table, key| table.get(key)?.as_table())
}

/// Joins settings with their defaults; a setting that is a table of its own is left out.
fn entries(settings: &[Setting], defaults: Option<&toml::Table>) -> Vec<Entry> {
    let default_of = |key: &str| defaults.and_then(|table| table.get(key)).cloned();
    let all = settings.iter().map(|setting| {
        let key = setting.key();
        let doc = setting.doc.iter().map(|line| line.trim().to_owned()).collect();
        Entry { default: default_of(&key), key, doc }
    });
    all.filter(|entry| !entry.default.as_ref().is_some_and(toml::Value::is_table)).collect()
}
