//! Whole copies of a database: written while it is worked with, and put back where there is nothing yet.
//!
//! A copy shows one moment. Of SQLite it is a database file, made by `VACUUM INTO`; of PostgreSQL an archive of `pg_dump`,
//! whose own programs know best what a server of theirs holds.

use std::path::Path;

use crate::config::DatabaseConfig;
use crate::conn::Backend;
use crate::error::DbError;
use crate::gate::blocking;
use crate::sqlite;

/// Writes a copy of the database to a file that is not there yet.
///
/// # Errors
/// [`DbError::Open`] and [`DbError::Config`] when the database, or the programs of PostgreSQL, cannot be reached;
/// [`DbError::StorageFull`] and the database's other errors. A copy that broke off is not usable.
pub async fn write_copy(config: &DatabaseConfig, path: &Path) -> Result<(), DbError> {
    let (config, path) = (config.clone(), path.to_owned());
    blocking(move || match config.backend {
        Backend::Sqlite => sqlite::copy_into(&config.sqlite.path, &path),
        Backend::Postgres => postgres::dump(&config, &path),
    })
    .await?
}

/// Puts a copy in the place of a database that is not there, or is empty.
///
/// # Errors
/// [`DbError::Config`] when there is something already; else as [`write_copy`].
pub async fn put_back(config: &DatabaseConfig, copy: &Path) -> Result<(), DbError> {
    let (config, copy) = (config.clone(), copy.to_owned());
    blocking(move || match config.backend {
        Backend::Sqlite => sqlite::put_back(&copy, &config.sqlite.path),
        Backend::Postgres => postgres::restore(&config, &copy),
    })
    .await?
}

#[cfg(not(feature = "postgres"))]
mod postgres {
    use super::{DatabaseConfig, DbError, Path};

    pub(super) fn dump(_config: &DatabaseConfig, _path: &Path) -> Result<(), DbError> {
        Err(DbError::Config("this Cartulary was built without PostgreSQL".to_owned()))
    }

    pub(super) fn restore(_config: &DatabaseConfig, _copy: &Path) -> Result<(), DbError> {
        Err(DbError::Config("this Cartulary was built without PostgreSQL".to_owned()))
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use std::process::{Command, Stdio};
    use std::sync::Arc;

    use diesel::RunQueryDsl;
    use percent_encoding::percent_decode_str;
    use url::Url;

    use super::{DatabaseConfig, DbError, Path};

    /// How much of what a program says about its failure is shown. *Units*: bytes.
    const WORDS_MAX: usize = 2_000;

    #[derive(diesel::QueryableByName)]
    struct Tables {
        #[diesel(sql_type = diesel::sql_types::BigInt)]
        tables: i64,
    }

    pub(super) fn dump(config: &DatabaseConfig, path: &Path) -> Result<(), DbError> {
        // Not compressed: what did not change since the last copy is found again by its bytes.
        run("pg_dump", config, &["--format=custom", "--compress=0", "--no-owner", "--no-privileges"], "--file", path)
    }

    pub(super) fn restore(config: &DatabaseConfig, copy: &Path) -> Result<(), DbError> {
        let url = secrecy::SecretString::from(config.postgres.resolved_url()?);
        let mut conn = crate::postgres::open(&url, Arc::default())?;
        let count = "SELECT count(*) AS tables FROM information_schema.tables WHERE table_schema = current_schema()";
        let found: Tables = diesel::sql_query(count).get_result(&mut conn)?;
        if found.tables > 0 {
            return Err(DbError::Config(format!(
                "the database has {} tables already: name one that is empty",
                found.tables
            )));
        }
        drop(conn);
        let how = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"];
        run("pg_restore", config, &how, "", copy)
    }

    /// Runs a program of PostgreSQL. The password goes by the environment, which other users cannot read.
    fn run(
        program: &'static str,
        config: &DatabaseConfig,
        how: &[&str],
        option: &str,
        path: &Path,
    ) -> Result<(), DbError> {
        let mut url = Url::parse(&config.postgres.resolved_url()?)
            .map_err(|error| DbError::Config(format!("`database.postgres.url` is no address: {error}")))?;
        let password = url.password().map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned());
        let _ = url.set_password(None);
        let mut command = Command::new(program);
        command.args(how).arg("--no-password").arg("--dbname").arg(url.as_str());
        if !option.is_empty() {
            command.arg(option);
        }
        command.arg(path).stdin(Stdio::null()).stdout(Stdio::null());
        if let Some(password) = password {
            command.env("PGPASSWORD", password);
        }
        let output = command.output().map_err(|error| {
            DbError::Config(format!("`{program}` cannot be started ({error}): install the package postgresql-client"))
        })?;
        if output.status.success() {
            return Ok(());
        }
        let words = String::from_utf8_lossy(&output.stderr);
        let words: String = words.trim().chars().take(WORDS_MAX).collect();
        Err(DbError::Open(format!("`{program}` did not succeed: {words}")))
    }
}
