//! `cartulary export` and `cartulary import-bag`: objects with their whole history as a bag (BagIt, RFC 8493).

use std::process::ExitCode;

use cartulary_model::ObjectId;
use cartulary_repository::{BagReport, ExportScope, Session};
use serde_json::json;

use super::config::load_place;
use super::{Export, ImportBag};
use crate::boot::open_for_command;
use crate::{output, telemetry};

const HINT: &str = "Stop the office first, or ask it: POST /api/v1/exports and POST /api/v1/bag-imports";
/// Exit code when a bag has faults.
const FAULTS_FOUND: u8 = 1;

/// Writes a bag into a folder.
pub async fn export(arguments: &Export) -> anyhow::Result<ExitCode> {
    let loaded = load_place(&arguments.place)?;
    telemetry::start_quietly(&loaded.configuration.log);
    let office = open_for_command(&loaded, HINT).await?;
    let session = office.repository.system_session();
    let written = match scope(&session, arguments.path.as_deref()).await {
        Ok(scope) => session.export_to_folder(scope, arguments.folder.clone()).await.map_err(anyhow::Error::from),
        Err(error) => Err(error),
    };
    drop(session);
    office.close().await;
    let written = written?;
    if arguments.json {
        output::say_json(&json!({ "objectCount": written.object_count, "leftOutCount": written.left_out_count }));
    } else {
        output::say(&format!("Wrote {} objects to {}.", written.object_count, arguments.folder.display()));
    }
    Ok(ExitCode::SUCCESS)
}

async fn scope(session: &Session, path: Option<&str>) -> anyhow::Result<ExportScope> {
    let Some(path) = path else { return Ok(ExportScope::Repository) };
    Ok(ExportScope::Tree { object: session.object_by_path(path).await?.summary.id })
}

/// Brings a bag in.
pub async fn import(arguments: &ImportBag) -> anyhow::Result<ExitCode> {
    let loaded = load_place(&arguments.place)?;
    telemetry::start_quietly(&loaded.configuration.log);
    let office = open_for_command(&loaded, HINT).await?;
    let session = office.repository.system_session();
    let brought = match folder(&session, arguments.into.as_deref()).await {
        Ok(folder) => session.bag_import(arguments.bag.clone(), folder).await.map_err(anyhow::Error::from),
        Err(error) => Err(error),
    };
    drop(session);
    office.close().await;
    let report = brought?;
    if arguments.json {
        output::say_json(&as_json(&report));
    } else {
        output::say(&for_people(&report));
    }
    Ok(if report.is_taken { ExitCode::SUCCESS } else { ExitCode::from(FAULTS_FOUND) })
}

async fn folder(session: &Session, path: Option<&str>) -> anyhow::Result<ObjectId> {
    match path {
        None => Ok(session.root_folder().await?),
        Some(path) => Ok(session.object_by_path(path).await?.summary.id),
    }
}

fn as_json(report: &BagReport) -> serde_json::Value {
    let fault = |fault: &cartulary_repository::BagFault| json!({ "code": fault.code, "path": fault.path, "detail": fault.detail });
    json!({
        "taken": report.is_taken, "objectCount": report.object_count, "versionCount": report.version_count,
        "dossierVersionCount": report.dossier_version_count, "contentCount": report.content_count,
        "faultCount": report.fault_count, "faults": report.faults.iter().map(fault).collect::<Vec<_>>(),
    })
}

fn for_people(report: &BagReport) -> String {
    if report.is_taken {
        return format!("Brought in {} objects with {} versions.", report.object_count, report.version_count);
    }
    let mut text = format!("Nothing was brought in: the bag has {} faults.\n", report.fault_count);
    for fault in &report.faults {
        text.push_str(&format!("  {} {}: {}\n", fault.code, fault.path, fault.detail));
    }
    text
}
