//! What an office can configure about its database.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::conn::Backend;
use crate::error::DbError;

/// Says which database holds the rows, and how much of it is used at once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct DatabaseConfig {
    /// `sqlite` (a file in the data folder) or `postgres` (a server).
    pub backend: Backend,
    /// Read when `backend` is `sqlite`.
    pub sqlite: SqliteConfig,
    /// Read when `backend` is `postgres`.
    pub postgres: PostgresConfig,
    /// How many reads, and on SQLite how many writes, may wait for their turn; what comes on top is refused as unavailable.
    pub max_waiting: usize,
    /// How long a read may wait for a connection. *Units*: milliseconds.
    pub wait_ms: u64,
    /// How long one write transaction may take before it is broken off and undone. *Units*: milliseconds.
    pub write_budget_ms: u64,
}

/// Settings of the embedded database.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct SqliteConfig {
    /// The database file; it must lie on a local disk.
    pub path: PathBuf,
    /// How many connections read at the same time. Each keeps at most 8 MB of pages.
    pub readers: u32,
    /// How many waiting transactions one commit takes along at most.
    pub max_group: usize,
    /// For how long a group accepts further transactions. *Units*: milliseconds.
    pub max_group_ms: u64,
}

/// Settings of a PostgreSQL server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct PostgresConfig {
    /// Where the database is, `postgres://user:password@host:port/name`. Never written out again.
    #[serde(skip_serializing)]
    pub url: Option<SecretString>,
    /// A file that holds the `url`, read when `url` is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_file: Option<PathBuf>,
    /// How many connections this process holds at most.
    pub pool: u32,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            backend: Backend::Sqlite,
            sqlite: SqliteConfig::default(),
            postgres: PostgresConfig::default(),
            max_waiting: 256,
            wait_ms: 10_000,
            write_budget_ms: 10_000,
        }
    }
}

impl Default for SqliteConfig {
    fn default() -> Self {
        Self { path: PathBuf::from("cartulary.sqlite"), readers: 4, max_group: 64, max_group_ms: 50 }
    }
}

impl Default for PostgresConfig {
    fn default() -> Self {
        Self { url: None, url_file: None, pool: 8 }
    }
}

impl DatabaseConfig {
    /// Returns the defaults for the SQLite file at `path`.
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        Self { sqlite: SqliteConfig { path: path.into(), ..SqliteConfig::default() }, ..Self::default() }
    }

    /// Returns the defaults for the PostgreSQL database at `url`.
    pub fn postgres(url: impl Into<String>) -> Self {
        let url = Some(SecretString::from(url.into()));
        Self {
            backend: Backend::Postgres,
            postgres: PostgresConfig { url, ..PostgresConfig::default() },
            ..Self::default()
        }
    }

    pub(crate) fn wait(&self) -> Duration {
        Duration::from_millis(self.wait_ms)
    }

    pub(crate) fn write_budget(&self) -> Duration {
        Duration::from_millis(self.write_budget_ms)
    }

    /// Returns how many connections the pool holds at most; never none.
    pub(crate) fn pool_size(&self) -> u32 {
        let size = match self.backend {
            Backend::Sqlite => self.sqlite.readers,
            Backend::Postgres => self.postgres.pool,
        };
        size.max(1)
    }
}

impl PostgresConfig {
    /// Returns the address of the database, from the configuration or from the file it names.
    #[cfg_attr(not(feature = "postgres"), expect(dead_code, reason = "only PostgreSQL has an address"))]
    pub(crate) fn resolved_url(&self) -> Result<String, DbError> {
        if let Some(url) = &self.url {
            return Ok(url.expose_secret().to_owned());
        }
        let Some(path) = &self.url_file else {
            return Err(DbError::Config("`database.postgres.url` is not set".to_owned()));
        };
        let text = std::fs::read_to_string(path)
            .map_err(|e| DbError::Config(format!("cannot read `{}`, which `urlFile` names: {e}", path.display())))?;
        Ok(text.trim().to_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_address_with_its_password_is_never_written_out() {
        let config = DatabaseConfig::postgres("postgres://office:sesame@db/office");
        assert!(!format!("{config:?}").contains("sesame"));
        assert!(!serde_json::to_string(&config).unwrap().contains("sesame"));
    }

    #[test]
    fn unknown_keys_are_refused_and_absent_ones_have_defaults() {
        let config: DatabaseConfig = serde_json::from_str(r#"{"sqlite": {"readers": 2}}"#).unwrap();
        assert_eq!((config.sqlite.readers, config.sqlite.max_group), (2, 64));
        assert!(serde_json::from_str::<DatabaseConfig>(r#"{"sqlite": {"reader": 2}}"#).is_err());
    }
}
