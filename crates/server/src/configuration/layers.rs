//! The layers: defaults, file, environment, flags; later wins, and everything is checked together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::environment::{Override, overrides};
use super::error::ConfigurationError;
use super::{Configuration, DataFolder};

/// What a configuration is read from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The data folder.
    pub data_dir: PathBuf,
    /// The file that was named; without one `config/cartulary.toml` of the data folder is read if it is there.
    pub config_file: Option<PathBuf>,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// What flags say: setting's path and value.
    pub flags: Vec<(&'static str, toml::Value)>,
}

/// A configuration and where it came from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings, with absolute paths.
    pub configuration: Configuration,
    /// The data folder.
    pub data: DataFolder,
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// For each setting that is not a default, where it comes from; in the order of the layers.
    pub origins: BTreeMap<String, String>,
}

impl Sources {
    /// Returns the sources of this process: its environment and no flags.
    pub fn of_process(data_dir: PathBuf, config_file: Option<PathBuf>) -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("CARTULARY_"))
            .collect();
        Self { data_dir, config_file, environment, flags: Vec::new() }
    }
}

/// Reads all layers and checks what they make together.
///
/// # Errors
/// What cannot be read, is not documented, or contradicts itself.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigurationError> {
    let data_dir = absolute(&sources.data_dir);
    let data = DataFolder::new(data_dir);
    let (file, mut table) = read_file(sources.config_file.as_deref(), &data)?;
    let mut origins = BTreeMap::new();
    if let Some(path) = &file {
        note_origins(&table, "", &path.display().to_string(), &mut origins);
    }
    let from_environment = overrides(&sources.environment)?;
    let mut later = Vec::new();
    for Override { variable, path, value } in from_environment {
        later.push((variable, path, value));
    }
    for (path, value) in &sources.flags {
        later.push(("a flag".to_owned(), (*path).to_owned(), value.clone()));
    }
    later.sort_by_key(|(_, path, _)| path != "store.kind");
    for (origin, path, value) in &later {
        forget_other_kind(&mut table, path, value, &mut origins);
        set(&mut table, path, value.clone());
        origins.insert(path.clone(), origin.clone());
    }
    let configuration = typed(table).map_err(|reason| ConfigurationError::Value {
        origins: later.iter().map(|(origin, path, _)| format!("`{path}` from {origin}")).collect(),
        reason,
    })?;
    retain_no_defaults(&configuration, &mut origins);
    let problems = configuration.problems();
    if !problems.is_empty() {
        return Err(ConfigurationError::Problems(problems));
    }
    Ok(Loaded { configuration: configuration.resolved_against(&data.root), data, file, origins })
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Reads the file and checks it by itself, so that an error can name its line.
fn read_file(named: Option<&Path>, data: &DataFolder) -> Result<(Option<PathBuf>, toml::Table), ConfigurationError> {
    let path = named.map_or_else(|| data.config_file(), absolute);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
            return Ok((None, toml::Table::new()));
        }
        Err(source) => return Err(ConfigurationError::Unreadable { path, source }),
    };
    // The message of the error without its excerpt: the line may hold a secret.
    let refused = |error: toml::de::Error| ConfigurationError::File {
        line: error.span().map(|span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1),
        reason: error.message().to_owned(),
        path: path.clone(),
    };
    let table: toml::Table = toml::from_str(&text).map_err(refused)?;
    let lacks_kind =
        table.get("store").and_then(toml::Value::as_table).is_some_and(|store| !store.contains_key("kind"));
    if !lacks_kind {
        let _: Configuration = toml::from_str(&text).map_err(refused)?;
    } else if let Err(reason) = typed(table.clone()) {
        return Err(ConfigurationError::File { path, line: None, reason });
    }
    Ok((Some(path), table))
}

/// Makes settings of a table. A store without a kind is a folder.
fn typed(mut table: toml::Table) -> Result<Configuration, String> {
    if let Some(store) = table.get_mut("store").and_then(toml::Value::as_table_mut) {
        store.entry("kind").or_insert_with(|| toml::Value::String("folder".to_owned()));
    }
    toml::Value::Table(table).try_into().map_err(|error: toml::de::Error| error.message().to_owned())
}

/// When a later layer turns to another kind of store, the settings of the earlier kind go.
fn forget_other_kind(table: &mut toml::Table, path: &str, value: &toml::Value, origins: &mut BTreeMap<String, String>) {
    if path != "store.kind" {
        return;
    }
    let present = table.get("store").and_then(toml::Value::as_table).and_then(|store| store.get("kind"));
    if present != Some(value) {
        table.remove("store");
        origins.retain(|setting, _| !setting.starts_with("store."));
    }
}

/// A setting that is written out with its default, as a sample does, is none that somebody chose. What is not written out
/// again, because it is a secret or has no default, is kept.
fn retain_no_defaults(configuration: &Configuration, origins: &mut BTreeMap<String, String>) {
    let table = |configuration: &Configuration| toml::Table::try_from(configuration).unwrap_or_default();
    let (chosen, defaults) = (table(configuration), table(&Configuration::default()));
    origins.retain(|path, _| {
        let value = value_at(&chosen, path);
        value.is_none() || value != value_at(&defaults, path)
    });
}

fn value_at<'a>(table: &'a toml::Table, path: &str) -> Option<&'a toml::Value> {
    match path.split_once('.') {
        Some((first, rest)) => value_at(table.get(first)?.as_table()?, rest),
        None => table.get(path),
    }
}

fn set(table: &mut toml::Table, path: &str, value: toml::Value) {
    let Some((first, rest)) = path.split_once('.') else {
        table.insert(path.to_owned(), value);
        return;
    };
    let below = table.entry(first).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    if let Some(below) = below.as_table_mut() {
        set(below, rest, value);
    }
}

fn note_origins(table: &toml::Table, prefix: &str, origin: &str, origins: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        match value.as_table() {
            Some(below) => note_origins(below, &path, origin, origins),
            None => drop(origins.insert(path, origin.to_owned())),
        }
    }
}
