//! `cartulary config`: checks and shows the configuration, and prints samples.

use std::process::ExitCode;

use serde_json::json;

use super::{ConfigCommand, Place};
use crate::configuration::{ConfigurationError, Loaded, Sources, load, sample};
use crate::{boot, output, preflight};

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
        ConfigCommand::Sample { name, json } => {
            let text = sample(name).unwrap_or_default();
            if *json {
                output::say_json(&json!({ "name": name, "toml": text }));
            } else {
                output::say(&text);
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn check(place: &Place, json: bool) -> ExitCode {
    let (loaded, found) = match load_place(place) {
        Ok(loaded) => {
            let found = preflight::look(&loaded);
            (loaded, found)
        }
        Err(error) => return refuse(&[error.into()], json),
    };
    if !found.obstacles.is_empty() {
        let errors: Vec<anyhow::Error> = found.obstacles.into_iter().map(|obstacle| obstacle.error).collect();
        return refuse(&errors, json);
    }
    let (settings, types) = (loaded.origins.len(), found.office_types);
    let file = loaded.file.as_ref().map(|file| file.display().to_string());
    let has_data = loaded.data.root.is_dir();
    if json {
        output::say_json(&json!({
            "ok": true, "file": file, "settings": loaded.origins, "officeTypes": types, "hasDataFolder": has_data,
        }));
        return ExitCode::SUCCESS;
    }
    let origin = file.map_or_else(|| "no file, the embedded defaults hold".to_owned(), |file| format!("`{file}`"));
    let settings = match settings {
        0 => "every setting has its default".to_owned(),
        1 => "1 setting is no default".to_owned(),
        _ => format!("{settings} settings are no defaults"),
    };
    let types = if types == 1 { "1 type".to_owned() } else { format!("{types} types") };
    let mut text = format!("The configuration is right ({origin}): {settings}, {types} of the office's own.\n");
    if !has_data {
        text.push_str(&boot::no_data_folder_yet(&loaded.data));
        text.push_str(".\n");
    }
    output::say(&text);
    ExitCode::SUCCESS
}

/// Says everything that is wrong at once, in the words in which `serve` refuses.
fn refuse(errors: &[anyhow::Error], json: bool) -> ExitCode {
    if json {
        let problems: Vec<String> = errors.iter().map(|error| format!("{error:#}")).collect();
        output::say_json(&json!({ "ok": false, "problem": problems.join("; "), "problems": problems }));
    } else {
        errors.iter().for_each(output::say_error);
    }
    ExitCode::FAILURE
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
