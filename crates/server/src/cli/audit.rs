//! `cartulary audit`: proves that the change log is what was written.

use std::process::ExitCode;

use cartulary_repository::VerifyOptions;

use super::{AuditCommand, verify};

/// Runs the command.
pub async fn run(command: &AuditCommand) -> anyhow::Result<ExitCode> {
    let AuditCommand::Verify { place, remote, json } = command;
    let options = VerifyOptions { log_only: true, ..VerifyOptions::default() };
    verify::check((place, remote), *json, options).await
}
