//! Where the blobs are kept: the configuration of the store.

use std::fmt;
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::documented::documented_settings;
use crate::error::{BlobError, Result};

/// Says where the blobs are kept.
///
/// *Shape* in a file: a table with `kind = "folder"`, `"s3"` or `"memory"` and the settings of [`FolderSettings`] or
/// [`S3Config`]. Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "TaggedConfig", into = "TaggedConfig")]
pub enum StoreConfig {
    /// In the memory of the process: for tests; everything is gone when it ends.
    Memory,
    /// In a folder of this machine, synced to the disk.
    Folder(FolderSettings),
    /// In a bucket of an S3-compatible store.
    S3(Box<S3Config>),
}

documented_settings! {
    /// The settings of a store in a folder.
    pub struct FolderSettings {
        /// The folder of the blobs; a relative one lies in the data folder. It is made when it is not there.
        pub path: PathBuf = PathBuf::from("blobs"),
        /// Bytes that are kept free on the file system of the folder. When less is free, new blobs are refused,
        /// so that the database and the index beside them can go on.
        pub reserve_bytes: u64 = 1024 * 1024 * 1024,
        /// Milliseconds that the disk may take over one call, and a second more for each MiB that is written. Who waits
        /// longer is told that the store is not available; nothing is lost, and it works again when the disk does.
        pub timeout_ms: u64 = 30_000,
        /// The file of the master key (`cartulary key create`), with which the bytes are encrypted on the disk; a relative
        /// path lies in the data folder. Empty: they are stored as they are. See README.md, Encryption at rest.
        pub key_file: PathBuf = PathBuf::new(),
    }
}

documented_settings! {
    /// The settings of a store in an S3-compatible bucket.
    ///
    /// Parts of uploads that broke off stay in the bucket unseen; give it a life-cycle rule that aborts incomplete
    /// multipart uploads after some days.
    pub struct S3Config {
        /// The address of the store, such as `http://127.0.0.1:3900`; empty for Amazon's own in the region.
        pub endpoint: String = String::new(),
        /// The bucket. It must be there.
        pub bucket: String = "cartulary".to_owned(),
        /// The region, as the store names it.
        pub region: String = "us-east-1".to_owned(),
        /// A folder within the bucket, for a bucket that is shared; empty for none.
        pub prefix: String = String::new(),
        /// Whether the bucket is named in the path of the address (most stores of one's own) and not in the host name.
        pub path_style: bool = true,
        /// Whether an address without TLS is accepted. What is stored then crosses the network unencrypted.
        pub allow_http: bool = false,
        /// Where the access key stands: `env:NAME` of an environment variable or `file:/path` of a file.
        pub access_key: SecretSource = SecretSource::Env("CARTULARY_S3_ACCESS_KEY".to_owned()),
        /// Where the secret key stands, in the same way. A key written here itself is refused.
        pub secret_key: SecretSource = SecretSource::Env("CARTULARY_S3_SECRET_KEY".to_owned()),
        /// Milliseconds to wait for a connection.
        pub connect_timeout_ms: u64 = 5_000,
        /// Milliseconds that a single request, with its answer, may take.
        pub request_timeout_ms: u64 = 30_000,
        /// How often a failed request is sent again, after pauses that grow from 0.1 to 5 seconds.
        pub retries: u32 = 4,
        /// Milliseconds after the first attempt from which on nothing is sent again.
        pub retry_timeout_ms: u64 = 60_000,
        /// Bytes of a part of a large upload, at least 5242880. A blob has at most 10,000 parts; smaller blobs are sent whole.
        pub part_bytes: u64 = 8 * 1024 * 1024,
        /// The largest blob, in bytes, that the store copies in one request; larger ones pass through this program once more.
        pub copy_limit_bytes: u64 = 5 * 1024 * 1024 * 1024,
        /// The file of the master key (`cartulary key create`), with which the bytes are encrypted before they leave this
        /// machine; a relative path lies in the data folder. Empty: they are stored as they are. See README.md, Encryption at rest.
        pub key_file: PathBuf = PathBuf::new(),
    }
}

impl StoreConfig {
    /// Returns the configuration of a folder with the usual reserve.
    pub fn folder(path: impl Into<PathBuf>) -> Self {
        Self::from(TaggedConfig::Folder(FolderSettings { path: path.into(), ..FolderSettings::default() }))
    }

    /// Returns this configuration with a relative folder laid into `base`.
    #[must_use]
    pub fn resolved_against(self, base: &Path) -> Self {
        match self {
            Self::Folder(settings) => Self::Folder(FolderSettings {
                path: base.join(&settings.path),
                key_file: laid_into(base, settings.key_file),
                ..settings
            }),
            Self::S3(settings) => {
                Self::S3(Box::new(S3Config { key_file: laid_into(base, settings.key_file.clone()), ..*settings }))
            }
            Self::Memory => Self::Memory,
        }
    }

    /// Returns the file of the master key, if the bytes are to be encrypted.
    pub fn key_file(&self) -> Option<&Path> {
        let file = match self {
            Self::Memory => return None,
            Self::Folder(settings) => &settings.key_file,
            Self::S3(settings) => &settings.key_file,
        };
        Some(file.as_path()).filter(|file| !file.as_os_str().is_empty())
    }

    /// Returns this configuration with another file of the master key.
    #[must_use]
    pub fn with_key_file(self, file: PathBuf) -> Self {
        match self {
            Self::Memory => Self::Memory,
            Self::Folder(settings) => Self::Folder(FolderSettings { key_file: file, ..settings }),
            Self::S3(settings) => Self::S3(Box::new(S3Config { key_file: file, ..*settings })),
        }
    }
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self::from(TaggedConfig::Folder(FolderSettings::default()))
    }
}

fn laid_into(base: &Path, file: PathBuf) -> PathBuf {
    if file.as_os_str().is_empty() { file } else { base.join(file) }
}

/// The form in a file. `Memory` is an empty struct, because serde lets unknown keys pass beside a unit variant.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
enum TaggedConfig {
    Memory {},
    Folder(FolderSettings),
    S3(Box<S3Config>),
}

impl From<TaggedConfig> for StoreConfig {
    fn from(config: TaggedConfig) -> Self {
        match config {
            TaggedConfig::Memory {} => Self::Memory,
            TaggedConfig::Folder(settings) => Self::Folder(settings),
            TaggedConfig::S3(settings) => Self::S3(settings),
        }
    }
}

impl From<StoreConfig> for TaggedConfig {
    fn from(config: StoreConfig) -> Self {
        match config {
            StoreConfig::Memory => Self::Memory {},
            StoreConfig::Folder(settings) => Self::Folder(settings),
            StoreConfig::S3(settings) => Self::S3(settings),
        }
    }
}

/// Says where a secret stands, and never holds it.
///
/// *Shape*: `env:NAME` or `file:/path`. A file's last line end does not count.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In the environment variable of this name.
    Env(String),
    /// In the file at this path.
    File(PathBuf),
}

impl SecretSource {
    /// Returns the file that holds it, if one does.
    pub fn file(&self) -> Option<PathBuf> {
        match self {
            Self::Env(_) => None,
            Self::File(path) => Some(path.clone()),
        }
    }

    /// Reads the secret. `setting` names what it is for in an error.
    pub(crate) fn read(&self, setting: &'static str) -> Result<SecretString> {
        let text = match self {
            Self::Env(name) => std::env::var(name).map_err(|_| format!("the environment variable {name} is not set")),
            Self::File(path) => std::fs::read_to_string(path)
                .map_err(|error| format!("the file {} cannot be read ({})", path.display(), error.kind())),
        };
        let text = text.map_err(|reason| BlobError::Config { setting, reason })?;
        let secret = text.trim_end_matches(['\n', '\r']);
        if secret.is_empty() {
            return Err(BlobError::Config { setting, reason: "the secret is empty".to_owned() });
        }
        Ok(SecretString::from(secret))
    }
}

impl fmt::Display for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for SecretSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.split_once(':') {
            Some(("env", name)) if !name.is_empty() => Ok(Self::Env(name.to_owned())),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(PathBuf::from(path))),
            // The text is not repeated: it may be the secret itself.
            _ => Err(serde::de::Error::custom("a secret is given as `env:NAME` or `file:/path`, never itself")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn parse(text: &str) -> Result<StoreConfig, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn each_kind_is_read_with_its_defaults() {
        assert_eq!(parse("kind = 'memory'").unwrap(), StoreConfig::Memory);
        assert_eq!(parse("kind = 'folder'").unwrap(), StoreConfig::default());
        assert_eq!(parse("kind = 's3'").unwrap(), StoreConfig::S3(Box::default()));
        let folder = parse("kind = 'folder'\npath = '/srv/blobs'\nreserveBytes = 7").unwrap();
        assert_eq!(
            folder,
            StoreConfig::Folder(FolderSettings {
                path: "/srv/blobs".into(),
                reserve_bytes: 7,
                ..FolderSettings::default()
            })
        );
    }

    #[test]
    fn unknown_keys_are_refused_in_each_kind() {
        for kind in ["memory", "folder", "s3"] {
            let error = parse(&format!("kind = '{kind}'\nreserved = 1")).unwrap_err();
            assert!(error.to_string().contains("reserved"), "{kind}: {error}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for config in [StoreConfig::Memory, StoreConfig::default(), StoreConfig::S3(Box::default())] {
            assert_eq!(parse(&toml::to_string(&config).unwrap()).unwrap(), config);
        }
    }

    #[test]
    fn a_secret_in_the_file_is_refused_without_being_repeated() {
        let error = parse("kind = 's3'\nsecretKey = 'hunter2'").unwrap_err();
        assert!(error.message().contains("env:NAME"), "{error}");
        assert!(!error.message().contains("hunter2"), "{error}");
    }

    #[test]
    fn every_setting_has_its_documentation() {
        let written = toml::Table::try_from(S3Config::default()).unwrap();
        let keys: Vec<String> = S3Config::SETTINGS.iter().map(crate::Setting::key).collect();
        assert_eq!(written.len(), keys.len());
        for key in &keys {
            assert!(written.contains_key(key), "{key}");
        }
        assert_eq!(
            FolderSettings::SETTINGS.iter().map(crate::Setting::key).collect::<Vec<_>>(),
            ["path", "reserveBytes", "timeoutMs", "keyFile"]
        );
    }

    #[test]
    fn only_a_relative_folder_is_laid_into_the_data_folder() {
        let base = Path::new("/data");
        let relative = StoreConfig::folder("blobs").resolved_against(base);
        assert_eq!(relative, StoreConfig::folder("/data/blobs"));
        assert_eq!(StoreConfig::folder("/srv").resolved_against(base), StoreConfig::folder("/srv"));
    }
}
