//! The office and a second machine: HTTPS by host name, and no word in the clear.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use cartulary_tests::program::{PASSWORD, Program, Setup, absent, binary, run, skip, until};
use cartulary_tests::rooms::OtherMachine;

const LONG: Duration = Duration::from_secs(60);
const HOST: &str = "office.test";

fn machine(what: &str) -> Option<OtherMachine> {
    if let Some(why) = absent() {
        skip(what, &why);
        return None;
    }
    if std::process::Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        skip(what, "no command `curl`");
        return None;
    }
    OtherMachine::make(HOST).map_err(|why| skip(what, &format!("no second network namespace can be made: {why}"))).ok()
}

/// Runs curl on the other machine; returns its exit code and what it wrote: body, then the status in its last line.
fn curl(other: &OtherMachine, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = other.command("curl");
    command.args(["-sS", "--max-time", "20", "--noproxy", "*", "-w", "\n%{http_code}"]).args(arguments);
    command.stdin(Stdio::null());
    let finished = run(command, LONG);
    (finished.code, format!("{}{}", finished.stderr, finished.stdout))
}

fn status(said: &str) -> &str {
    said.lines().last().unwrap_or_default()
}

/// Starts an office whose port is not asked from here, and waits until it answers there.
fn open(other: &OtherMachine, setup: Setup, url: &str, trust: Option<&Path>) -> Program {
    let program = setup.open();
    until("the office answers", LONG, || {
        let trust = trust.map_or_else(Vec::new, |file| vec!["--cacert", file.to_str().unwrap()]);
        let (code, _) = curl(other, &[trust, vec![url]].concat());
        (code == Some(0)).then_some(())
    });
    program
}

#[test]
fn forty_pcs_reach_the_office_over_https_by_its_host_name() {
    let Some(other) = machine("HTTPS from a second network namespace") else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let listen = format!("{}:18443", other.ours);

    // In the clear beyond loopback it does not start, and says what mends it.
    let plain = Setup { listen: listen.clone(), ..Setup::on(&data) };
    let refused = run(plain.command(), LONG);
    assert!(refused.code.is_some_and(|code| code != 0), "{refused:?}");
    let mending = format!("cartulary serve --data {} --listen {listen} --tls office-authority", data.display());
    assert!(refused.stderr.contains(&mending), "{}", refused.stderr);

    // The words are followed. The names of the PCs are configured, as in an office.
    let arguments = vec!["--tls".to_owned(), "office-authority".to_owned()];
    let setup = Setup { arguments, ..plain }.with("CARTULARY_SERVER_TLS_HOST_NAMES", HOST);
    let url = format!("https://{HOST}:18443");
    let authority = data.join("config/tls/authority.pem");
    let program = open(&other, setup, &format!("{url}/health/live"), Some(&authority));
    let trusted = ["--cacert", authority.to_str().unwrap()];

    let body = format!("{{\"username\":\"admin\",\"password\":\"{PASSWORD}\",\"cookie\":true}}");
    let sessions = format!("{url}/api/v1/sessions");
    let (_, said) = curl(&other, &[&trusted[..], &["-i", "--json", &body, &sessions]].concat());
    let cookie = said.lines().find(|line| line.to_ascii_lowercase().starts_with("set-cookie:")).unwrap_or_default();
    assert_eq!(status(&said), "201", "{said}");
    assert!(cookie.contains("Secure") && cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    assert!(said.to_ascii_lowercase().contains("strict-transport-security"), "{said}");

    // Whoever does not trust the authority, or reaches it by another name, is warned.
    assert_eq!(curl(&other, &[&sessions]).0, Some(60), "the certificate is believed by everyone");
    let by_address = format!("https://{}:18443/health/live", other.ours);
    assert_eq!(curl(&other, &[&trusted[..], &[&by_address]].concat()).0, Some(60));
    // Plain HTTP to the same port is no way in.
    let (code, said) = curl(&other, &[&format!("http://{HOST}:18443/health/live")]);
    assert!(code != Some(0) || status(&said) != "200", "{said}");
    import_from_there(&other, folder.path(), &url, &authority);
    program.stop();
}

/// The command line on the other machine trusts the authority too, and sends a folder.
fn import_from_there(other: &OtherMachine, folder: &Path, url: &str, authority: &Path) {
    let papers = folder.join("papers/case");
    std::fs::create_dir_all(&papers).unwrap();
    std::fs::write(papers.join("a.txt"), "from another machine").unwrap();
    let body = format!("{{\"username\":\"admin\",\"password\":\"{PASSWORD}\"}}");
    let sessions = format!("{url}/api/v1/sessions");
    let (_, said) = curl(other, &["--cacert", authority.to_str().unwrap(), "--json", &body, &sessions]);
    let session: serde_json::Value = serde_json::from_str(said.lines().next().unwrap_or_default()).unwrap();
    let import = |trust: bool| {
        let mut command = other.command(binary().to_str().unwrap());
        command.args(["import", "--json", "--server", url]).arg(folder.join("papers"));
        command.env("CARTULARY_TOKEN", session["token"].as_str().unwrap()).current_dir("/");
        if trust {
            command.arg("--trust").arg(authority);
        }
        command
    };
    let finished = run(import(true), LONG);
    assert_eq!((finished.code, finished.json()["created"].as_u64()), (Some(0), Some(1)), "{finished:?}");
    let plain = url.replace("https:", "http:");
    let mut command = other.command(binary().to_str().unwrap());
    command.args(["import", "--server", &plain]).arg(folder.join("papers")).env("CARTULARY_TOKEN", "secret");
    let refused = run(command, LONG);
    assert!(refused.code != Some(0) && refused.stderr.contains("https"), "{refused:?}");
}

#[test]
fn only_the_trusted_proxy_is_believed() {
    let Some(other) = machine("a proxy in a second network namespace") else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let [proxy, stranger] = other.theirs.clone();
    let listen = format!("{}:18480", other.ours);
    let setup = Setup { listen, ..Setup::on(&data) }.with("CARTULARY_SERVER_TRUSTED_PROXIES", &proxy);
    let url = format!("http://{HOST}:18480/api/v1/sessions");
    let program = open(&other, setup, &url, None);
    let body = format!("{{\"username\":\"admin\",\"password\":\"{PASSWORD}\"}}");
    let from = |address: &str, headers: &[&str]| {
        let mut arguments = vec!["--interface", address, "--json", &body];
        headers.iter().for_each(|header| arguments.extend(["-H", header]));
        arguments.push(&url);
        curl(&other, &arguments).1
    };
    let https = "X-Forwarded-Proto: https";
    let said = from(&proxy, &[https, "X-Forwarded-For: 192.0.2.7"]);
    assert_eq!(status(&said), "201", "{said}");
    // In the clear by way of the proxy, past the proxy, and with headers that anyone can write.
    let attempts: [(&str, &[&str]); 5] = [
        (&proxy, &["X-Forwarded-Proto: http"]),
        (&proxy, &[]),
        (&stranger, &[]),
        (&stranger, &[https, "X-Forwarded-For: 127.0.0.1", "X-Forwarded-Host: localhost"]),
        (&stranger, &["Forwarded: for=127.0.0.1;proto=https", https]),
    ];
    for (address, headers) in attempts {
        let said = from(address, headers);
        assert_eq!(status(&said), "426", "{address} {headers:?}: {said}");
        assert!(said.contains("https_required") && said.contains("--tls office-authority"), "{said}");
    }
    program.stop();
}
