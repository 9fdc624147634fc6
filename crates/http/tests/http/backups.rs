//! Backups through the interface: asked for, followed, listed, and nobody else's business.

use serde_json::{Value, json};

use crate::office::{Client, Office, let_work_go_on};

/// Asks for the runs of a target until the last has ended, and returns it.
async fn follow(client: &Client<'_>) -> Value {
    loop {
        let runs = client.get("/backups/disk/runs").await.expect(200).json();
        let ended = runs["items"].as_array().unwrap().iter().find(|run| run["state"] != "running");
        if let Some(run) = ended {
            return run.clone();
        }
        let_work_go_on().await;
    }
}

#[actix_web::test]
async fn a_backup_is_asked_for_and_followed() {
    let office = Office::open().await;
    office.set_up_backups("disk").await;
    let client = office.admin().await;
    client.document(&client.dossier("a").await, "a.txt", b"dear sir").await;
    let target = client.get("/backups").await.expect(200).json()["items"][0].clone();
    assert_eq!(
        (&target["name"], &target["everyHours"], &target["verified"]),
        (&json!("disk"), &json!(0), &Value::Null)
    );
    let background = office.repository.start_background();
    let asked = client.post("/backups/disk/runs", json!({})).await.expect(202).json();
    assert_eq!(asked["target"], "disk");
    let run = follow(&client).await;
    assert_eq!((&run["state"], &run["blobs"]), (&json!("done"), &json!(1)), "{run}");
    assert!(run["finishedAt"].is_string() && run["snapshot"].is_string(), "{run}");
    let target = client.get("/backups").await.expect(200).json()["items"][0].clone();
    assert_eq!(target["verified"]["id"], run["id"]);
    background.stop().await;
}

#[actix_web::test]
async fn backups_are_the_business_of_administrators() {
    let office = Office::open().await;
    office.set_up_backups("disk").await;
    let staff = office.user("amal", &["staff"]).await;
    staff.get("/backups").await.problem(403, "forbidden");
    staff.get("/backups/disk/runs").await.problem(403, "forbidden");
    staff.post("/backups/disk/runs", json!({})).await.problem(403, "forbidden");
    let client = office.admin().await;
    for name in ["tape", "..%2Fdisk", "%00", "%D9%85"] {
        client.get(&format!("/backups/{name}/runs")).await.problem(404, "not_found");
        client.post(&format!("/backups/{name}/runs"), json!({})).await.problem(404, "not_found");
    }
}
