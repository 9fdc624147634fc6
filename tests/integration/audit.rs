//! The log as an auditor reads it: seals, proofs, and what a tampered log shows.

use std::io::Write as _;
use std::process::{Command, Stdio};

use cartulary_repository::{RepositoryError, VerifyOptions, WindowRequest};
use cartulary_tests::office::{TestOffice, each_office};
use serde_json::json;

const ALL: WindowRequest = WindowRequest { offset: 0, limit: 100 };
const LOG: VerifyOptions = VerifyOptions { rehash: false, repair_index: false, log_only: true };

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Gives a proof to the script, with a root that was published.
fn script(proof: &serde_json::Value, root: &str) -> (i32, String) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/verify-proof");
    let mut child = Command::new("python3")
        .args([path, root])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3 runs");
    child.stdin.take().unwrap().write_all(proof.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

async fn proof(office: &TestOffice, position: i64) -> serde_json::Value {
    let proof = office.system.audit_proof(position).await.unwrap();
    let mut entry = json!({
        "position": proof.entry.position, "transaction": proof.entry.transaction, "kind": proof.entry.kind,
        "before": proof.entry.before, "after": proof.entry.after, "detail": proof.entry.detail,
    });
    if let Some(id) = proof.entry.object_id {
        entry["objectId"] = json!(id.to_string());
    }
    json!({
        "entry": entry, "atMs": proof.entry.at.as_millis(), "principalNumber": proof.principal_no,
        "previousChain": hex(&proof.previous_chain), "chain": hex(&proof.chain),
        "seal": { "firstPosition": proof.seal.first_position, "lastPosition": proof.seal.last_position },
        "path": proof.path.iter().map(|hash| hex(hash)).collect::<Vec<_>>(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_in_another_language_proves_every_entry_that_was_sealed() {
    each_office(async |office| {
        for number in 0..7 {
            office.dossier(&format!("ملف {number}")).await;
        }
        let first = office.system.seal_create().await.unwrap().unwrap().value;
        office.dossier("later").await;
        let second = office.system.seal_create().await.unwrap().unwrap().value;
        assert_eq!((first.first_position, second.first_position), (1, first.last_position + 1));
        for seal in [&first, &second] {
            for position in seal.first_position..=seal.last_position {
                let proof = proof(office, position).await;
                let (code, said) = script(&proof, &hex(&seal.merkle_root));
                assert_eq!(code, 0, "{position}: {said}");
            }
        }
        let mut forged = proof(office, 2).await;
        assert_eq!(script(&forged, &hex(&second.merkle_root)).0, 1, "another root");
        forged["entry"]["after"] = json!("{}");
        assert_eq!(script(&forged, &hex(&first.merkle_root)).0, 1, "other values");
        assert_eq!(script(&json!({}), "00").0, 2);
        let unsealed = office.system.audit_proof(second.last_position + 1).await;
        assert!(matches!(unsealed, Err(RepositoryError::Conflict { code: "not_sealed", .. })), "{unsealed:?}");
        let nothing = office.system.audit_proof(1_000_000).await;
        assert!(matches!(nothing, Err(RepositoryError::NotFound { .. })), "{nothing:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_which_nothing_happened_is_not_sealed_again() {
    each_office(async |office| {
        office.stop_background().await;
        office.dossier("1").await;
        assert!(office.system.seal_create().await.unwrap().is_some());
        assert!(office.system.seal_create().await.unwrap().is_none());
        office.dossier("2").await;
        assert!(office.system.seal_create().await.unwrap().is_some());
        let seals = office.system.seal_list(ALL).await.unwrap();
        assert_eq!((seals.total, seals.items[0].label.ends_with("-2")), (2, true));
        assert_eq!(office.repository.verify(LOG, |_| {}).await.unwrap().seals_checked, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_reads_values_and_others_nothing() {
    each_office(async |office| {
        let dossier = office.dossier("1").await;
        office.repository.sequence_now().await.unwrap();
        let entries = office.system.audit_list(0, 100).await.unwrap().0;
        let made = entries.iter().find(|entry| entry.object_id == Some(dossier)).unwrap();
        assert!(made.after.as_deref().unwrap_or_default().contains("\"name\":\"1\""), "{made:?}");
        let reader = office.user("reader", &["staff"]).await;
        assert!(matches!(reader.audit_list(0, 10).await, Err(RepositoryError::Forbidden { .. })));
        assert!(matches!(reader.audit_proof(1).await, Err(RepositoryError::Forbidden { .. })));
        assert!(matches!(reader.seal_create().await, Err(RepositoryError::Forbidden { .. })));
        assert!(matches!(reader.seal_list(ALL).await, Err(RepositoryError::Forbidden { .. })));
    })
    .await;
}

/// What a check of the log says of it.
async fn codes(office: &TestOffice) -> Vec<&'static str> {
    let report = office.repository.verify(LOG, |_| {}).await.unwrap();
    report.faults.iter().map(|fault| fault.code).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_somebody_changed_shows_it() {
    each_office(async |office| {
        office.stop_background().await;
        office.dossier("1").await;
        office.dossier("2").await;
        office.system.seal_create().await.unwrap().unwrap();
        assert_eq!(codes(office).await, [""; 0]);
        let after = "SELECT after_json FROM change WHERE position = 2";
        office.tamper(&format!(
            "CREATE TABLE kept AS {after}; UPDATE change SET after_json = '{{}}' WHERE position = 2;"
        ));
        assert_eq!(codes(office).await, ["change_altered"]);
        office.tamper("UPDATE change SET after_json = (SELECT after_json FROM kept) WHERE position = 2;");
        assert_eq!(codes(office).await, [""; 0]);
        // Whoever computes digest and chain again for what was changed is found by the root, which others have.
        office.tamper("UPDATE change_seal SET merkle_root = (SELECT values_digest FROM change WHERE position = 1);");
        assert_eq!(codes(office).await, ["seal_broken"]);
        // The end of the log was cut off, and what was sealed with it.
        office.tamper("DELETE FROM change WHERE position >= 2;");
        assert_eq!(codes(office).await, ["seal_beyond_log"]);
    })
    .await;
}
