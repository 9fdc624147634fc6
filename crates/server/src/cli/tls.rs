//! `cartulary tls`: the office's own certificates.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use serde_json::json;

use super::config::load_place;
use super::{Place, TlsCommand};
use crate::configuration::TlsMode;
use crate::output;
use crate::tls::{Authority, trust};

/// Runs the command.
pub fn run(command: &TlsCommand) -> anyhow::Result<ExitCode> {
    let TlsCommand::Authority { place, out, json } = command;
    authority(place, out.as_deref(), *json)
}

fn authority(place: &Place, out: Option<&Path>, json: bool) -> anyhow::Result<ExitCode> {
    let loaded = load_place(place)?;
    let authority = Authority::open_or_create(&loaded.data.tls(), &loaded.configuration.office.name)?;
    if let Some(file) = out {
        std::fs::write(file, authority.pem()).with_context(|| format!("cannot write `{}`", file.display()))?;
    }
    if json {
        output::say_json(&json!({
            "certificate": authority.path(),
            "fingerprintSha256": authority.fingerprint()?,
            "pem": authority.pem(),
            "trust": trust::STEPS,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    output::say(&trust::explain(&authority)?);
    if loaded.configuration.server.tls.mode != TlsMode::OfficeAuthority {
        output::say(
            "The office does not use its authority yet: start it with --tls office-authority, or set mode = \"officeAuthority\" \
             in [server.tls].",
        );
    }
    Ok(ExitCode::SUCCESS)
}
