//! Uploads by somebody else's client (tuspy, from PyPI), to the real program, which is killed on the way.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cartulary_tests::ledger::digest_of;
use cartulary_tests::program::{Program, Setup, absent, run, skip, verify_clean};
use cartulary_tests::random::Random;
use serde_json::json;

/// Begins an upload, or goes on with it, up to a byte; says where it is.
const SCRIPT: &str = "
import sys
from tusclient import client
office, token, path, stop_at, checksum, url = sys.argv[1:7]
tus = client.TusClient(office + '/api/v1/uploads', headers={'Authorization': 'Bearer ' + token})
up = tus.uploader(path, url=url or None, chunk_size=700_000, metadata={'filename': 'film.bin'}, upload_checksum=checksum == 'yes')
up.upload(stop_at=int(stop_at))
print(up.url, up.offset)
";

fn upload(
    python: &Path,
    office: &Program,
    token: &str,
    file: &Path,
    stop_at: u64,
    checksum: &str,
    url: &str,
) -> String {
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT, &format!("http://{}", office.address), token]).arg(file);
    command.args([&stop_at.to_string(), checksum, url]);
    let done = run(command, Duration::from_secs(120));
    assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
    done.stdout.trim().to_owned()
}

#[test]
fn a_client_of_others_goes_on_after_the_office_was_killed() {
    const WHAT: &str = "a_client_of_others_goes_on_after_the_office_was_killed";
    if let Some(why) = absent() {
        return skip(WHAT, &why);
    }
    let Some(python) = std::env::var_os("CARTULARY_TEST_TUS").map(PathBuf::from).filter(|path| path.exists()) else {
        return skip(WHAT, "no tuspy: CARTULARY_TEST_TUS names a Python that has it (scripts/lib/tus.sh)");
    };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let bytes = Random::seeded(7).bytes(3_000_001);
    let file = folder.path().join("film.bin");
    std::fs::write(&file, &bytes).unwrap();
    let mut office = Setup::on(&data).start();
    for checksum in ["no", "yes"] {
        let client = office.client();
        let dossier = client.dossier(checksum).unwrap();
        let said = upload(&python, &office, client.token(), &file, 1_400_000, checksum, "");
        let (url, offset) = said.split_once(' ').unwrap();
        assert_eq!(offset, "1400000");
        office = office.kill().start();
        let said = upload(&python, &office, client.token(), &file, bytes.len() as u64, checksum, url);
        assert_eq!(said, format!("{url} {}", bytes.len()));
        let id = url.rsplit('/').next().unwrap();
        let known = client.get(&format!("/api/v1/uploads/{id}")).unwrap().expect(200).json();
        assert_eq!((&known["offsetBytes"], &known["fileName"]), (&json!(bytes.len()), &json!("film.bin")));
        let form = format!("--x\r\nContent-Disposition: form-data; name=\"upload\"\r\n\r\n{id}\r\n--x--\r\n");
        let kind = [("Content-Type", "multipart/form-data; boundary=x")];
        let path = format!("/api/v1/dossiers/{dossier}/documents");
        let made = client.send("POST", &path, &kind, form.as_bytes()).unwrap().expect(201).json();
        assert_eq!((&made["name"], &made["content"]["digest"]), (&json!("film.bin"), &json!(digest_of(&bytes))));
    }
    office.stop();
    verify_clean(&data, "after uploads");
}
