//! The layer of the environment: `CARTULARY_SERVER_TLS_MODE` is `server.tls.mode`.

use std::collections::BTreeMap;

use super::error::ConfigurationError;
use super::reference::{Area, areas};

/// A setting that the environment gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// The variable.
    pub variable: String,
    /// The setting's path, such as `server.tls.mode`.
    pub path: String,
    /// Its value, in the type that the setting's default has.
    pub value: toml::Value,
}

/// Returns the settings that `variables` give.
///
/// Lists are written with commas. Variables that begin with `CARTULARY_` but with no area's name are not ours to judge:
/// secrets and the scripts have some.
///
/// # Errors
/// A variable that begins with an area's name and is no setting.
pub fn overrides(variables: &BTreeMap<String, String>) -> Result<Vec<Override>, ConfigurationError> {
    let known = known_variables();
    let mut found = Vec::new();
    for (name, text) in variables {
        if let Some((path, default)) = known.get(name) {
            let value = typed(text, default.as_ref());
            found.push(Override { variable: name.clone(), path: path.clone(), value });
        } else if begins_like_an_area(name) {
            let suggestion = most_alike(name, known.keys().map(String::as_str));
            return Err(ConfigurationError::UnknownVariable { name: name.clone(), suggestion });
        }
    }
    Ok(found)
}

/// Returns every variable with the path of its setting and its default.
pub fn known_variables() -> BTreeMap<String, (String, Option<toml::Value>)> {
    let mut known = BTreeMap::new();
    for area in areas() {
        if let Some((key, default)) = area.variant {
            let default = Some(toml::Value::String(default.to_owned()));
            known.entry(variable_of(&area, key)).or_insert((format!("{}.{key}", area.path), default));
        }
        for entry in &area.settings {
            let path = format!("{}.{}", area.path, entry.key);
            known.entry(variable_of(&area, &entry.key)).or_insert((path, entry.default.clone()));
        }
    }
    known
}

fn variable_of(area: &Area, key: &str) -> String {
    let mut name = String::from("CARTULARY");
    for part in area.path.split('.').chain([key]) {
        name.push('_');
        for letter in part.chars() {
            if letter.is_ascii_uppercase() {
                name.push('_');
            }
            name.push(letter.to_ascii_uppercase());
        }
    }
    name
}

fn begins_like_an_area(name: &str) -> bool {
    areas().iter().any(|area| {
        let beginning = format!("CARTULARY_{}_", area.path.replace('.', "_").to_ascii_uppercase());
        name.starts_with(&beginning)
    })
}

/// Reads a text as the type of the default; what does not fit stays text, so that the type itself refuses it in words.
fn typed(text: &str, default: Option<&toml::Value>) -> toml::Value {
    let as_text = || toml::Value::String(text.to_owned());
    match default {
        Some(toml::Value::Integer(_)) => text.trim().parse().map_or_else(|_| as_text(), toml::Value::Integer),
        Some(toml::Value::Float(_)) => text.trim().parse().map_or_else(|_| as_text(), toml::Value::Float),
        Some(toml::Value::Boolean(_)) => text.trim().parse().map_or_else(|_| as_text(), toml::Value::Boolean),
        Some(toml::Value::Array(_)) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            toml::Value::Array(items.map(|item| toml::Value::String(item.to_owned())).collect())
        }
        _ => as_text(),
    }
}

/// Returns the candidate with the longest common beginning, then end.
fn most_alike<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> String {
    let common = |candidate: &str| {
        let start = name.chars().zip(candidate.chars()).take_while(|(a, b)| a == b).count();
        let end = name.chars().rev().zip(candidate.chars().rev()).take_while(|(a, b)| a == b).count();
        (start + end, start)
    };
    candidates.max_by_key(|candidate| common(candidate)).unwrap_or_default().to_owned()
}
