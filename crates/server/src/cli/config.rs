//! `cartulary config`: checks and shows the configuration, and prints samples.

use std::process::ExitCode;

use serde_json::json;

use super::{ConfigCommand, Place};
use crate::configuration::{ConfigurationError, Loaded, Sources, load, sample};
use crate::{boot, output};

/// Reads the configuration of a place, with the environment of this process.
///
/// # Errors
/// [`ConfigurationError`].
pub fn load_place(place: &Place) -> Result<Loaded, ConfigurationError> {
    load(&Sources::of_process(place.data.clone(), place.config.clone()))
}

/// Runs the command.
pub fn run(command: &ConfigCommand) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Check { place, json } => Ok(check(place, *json)),
        ConfigCommand::Show { place, json } => show(place, *json),
        ConfigCommand::Sample { name } => {
            output::say(&sample(name).unwrap_or_default());
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn check(place: &Place, json: bool) -> ExitCode {
    let outcome = load_place(place).map_err(anyhow::Error::from).and_then(|loaded| {
        let types = boot::office_types(&loaded.data)?;
        Ok((loaded, types.len()))
    });
    match outcome {
        Ok((loaded, types)) => {
            let file = loaded.file.as_ref().map(|file| file.display().to_string());
            if json {
                output::say_json(
                    &json!({ "ok": true, "file": file, "settings": loaded.origins, "officeTypes": types }),
                );
            } else {
                let origin =
                    file.map_or_else(|| "no file, the embedded defaults hold".to_owned(), |file| format!("`{file}`"));
                output::say(&format!(
                    "The configuration is right ({origin}): {} settings are no defaults, {types} types of the office's own.",
                    loaded.origins.len()
                ));
            }
            ExitCode::SUCCESS
        }
        Err(error) if json => {
            output::say_json(&json!({ "ok": false, "problem": format!("{error:#}") }));
            ExitCode::FAILURE
        }
        Err(error) => {
            output::say_error(&error);
            ExitCode::FAILURE
        }
    }
}

fn show(place: &Place, json: bool) -> anyhow::Result<ExitCode> {
    let loaded = match load_place(place) {
        Ok(loaded) => loaded,
        Err(error) => {
            output::say_error(&error.into());
            return Ok(ExitCode::FAILURE);
        }
    };
    if json {
        output::say_json(&json!({ "configuration": loaded.configuration, "origins": loaded.origins }));
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for (setting, origin) in &loaded.origins {
        text.push_str(&format!("# {setting} from {origin}\n"));
    }
    text.push_str(&toml::to_string(&loaded.configuration)?);
    output::say(&text);
    Ok(ExitCode::SUCCESS)
}
