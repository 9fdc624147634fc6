//! `cartulary reindex` and `cartulary gc`: upkeep of a data folder on which no office runs.

use std::process::ExitCode;

use cartulary_repository::GarbageRules;
use serde_json::json;

use super::config::load_place;
use super::{Gc, Maintenance};
use crate::boot::open_for_command;
use crate::{output, telemetry};

const HINT: &str = "Stop the office first: this needs the data folder to itself";
const HOUR_MS: i64 = 60 * 60 * 1000;

/// Makes the full-text index again.
pub async fn reindex(arguments: &Maintenance) -> anyhow::Result<ExitCode> {
    let loaded = load_place(&arguments.place)?;
    telemetry::start_quietly(&loaded.configuration.log);
    let office = open_for_command(&loaded, HINT).await?;
    let ticker = output::Ticker::new(arguments.json);
    let done = office.repository.reindex(|objects| ticker.tell(|| format!("{objects} objects"))).await;
    office.close().await;
    let report = done?;
    if arguments.json {
        output::say_json(&json!({ "objects": report.objects }));
    } else {
        output::say(&format!("The index was made again: {} objects.", report.objects));
    }
    Ok(ExitCode::SUCCESS)
}

/// Deletes the bytes that nothing refers to.
pub async fn gc(arguments: &Gc) -> anyhow::Result<ExitCode> {
    let loaded = load_place(&arguments.place)?;
    telemetry::start_quietly(&loaded.configuration.log);
    let office = open_for_command(&loaded, HINT).await?;
    let rules = match arguments.grace_hours {
        Some(hours) => {
            let grace = i64::from(hours).saturating_mul(HOUR_MS);
            GarbageRules { unreferenced_ms: grace, condemned_ms: grace }
        }
        None => office.repository.garbage_rules(),
    };
    let ticker = output::Ticker::new(arguments.json);
    let tell = |done: u64, all: u64| ticker.tell(|| format!("{done} of {all} parts of the blobs"));
    let done = office.repository.collect_garbage(rules, tell).await;
    office.close().await;
    let report = done?;
    if arguments.json {
        output::say_json(&json!({
            "condemned": report.condemned,
            "orphans": report.orphans,
            "deleted": report.deleted,
            "freedBytes": report.freed_bytes,
            "leftoversSwept": report.staging_swept,
            "leased": report.is_leased,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    output::say(&format!(
        "Condemned {} blobs and {} files that no row knew; deleted {} ({}); swept {} leftovers of interrupted uploads.",
        report.condemned,
        report.orphans,
        report.deleted,
        output::bytes(report.freed_bytes),
        report.staging_swept
    ));
    if report.is_leased {
        output::say("A backup holds a lease: nothing is deleted until it ends.");
    }
    Ok(ExitCode::SUCCESS)
}
