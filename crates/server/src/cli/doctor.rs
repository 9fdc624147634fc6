//! `cartulary doctor`: what is installed, what is missing, and what that costs.

use std::process::ExitCode;

use serde_json::json;

use super::Doctor;
use super::config::load_place;
use crate::doctor::{Finding, State, examine};
use crate::output;

/// Runs the command.
pub async fn run(arguments: &Doctor) -> anyhow::Result<ExitCode> {
    let findings = examine(load_place(&arguments.place)).await;
    let is_fit = findings.iter().all(|finding| finding.state != State::Bad);
    if arguments.json {
        output::say_json(&json!({ "ok": is_fit, "findings": findings }));
    } else {
        output::say(&for_people(&findings));
    }
    Ok(if is_fit { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn for_people(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.subject.len()).max().unwrap_or(0);
    let mut text = String::new();
    for finding in findings {
        let mark = match finding.state {
            State::Good => "ok  ",
            State::Weak => "note",
            State::Bad => "BAD ",
        };
        text.push_str(&format!("{mark}  {:width$}  {}\n", finding.subject, finding.found));
        if !finding.cost.is_empty() {
            text.push_str(&format!("      {:width$}  → {}\n", "", finding.cost));
        }
    }
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    let (bad, weak) = (count(State::Bad), count(State::Weak));
    text.push_str(&match (bad, weak) {
        (0, 0) => "Nothing is missing.\n".to_owned(),
        (0, _) => format!("Nothing is missing that an office needs; {weak} remarks.\n"),
        _ => format!("{bad} things are missing that an office needs.\n"),
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_stands_with_its_cost() {
        let findings = [
            Finding::good("memory", "8.0 GB available"),
            Finding::weak("bubblewrap", "not installed", "readers have landlock only"),
            Finding::bad("free space", "1 B on `/`", "no paper is taken in"),
        ];
        insta::assert_snapshot!(for_people(&findings));
    }
}
