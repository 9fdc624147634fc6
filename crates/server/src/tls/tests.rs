//! Tests of the authority, and of the refusal to speak plain HTTP beyond this machine.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};

use super::*;

fn office(listen: &str, mode: TlsMode, names: &[&str]) -> (Configuration, tempfile::TempDir) {
    let mut configuration = Configuration::default();
    configuration.server.listen = listen.to_owned();
    configuration.server.tls.mode = mode;
    configuration.server.tls.host_names = names.iter().map(|name| (*name).to_owned()).collect();
    (configuration, tempfile::tempdir().unwrap())
}

fn is_refused(listen: &str, mode: TlsMode, proxies: &[&str]) -> bool {
    let (mut configuration, folder) = office(listen, mode, &[]);
    configuration.server.trusted_proxies = proxies.iter().map(|proxy| (*proxy).to_owned()).collect();
    refuse_plain_beyond_loopback(&configuration, &DataFolder::new(folder.path())).is_err()
}

/// Shakes hands over a real connection and says why not, or what the office answered.
fn shake_hands(certificates: &Certificates, authority_pem: &str, name: &str) -> Result<String, String> {
    let config = Arc::new(certificates.server_config());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut connection = rustls::ServerConnection::new(config).unwrap();
        let mut stream = rustls::Stream::new(&mut connection, &mut socket);
        let _ = stream.write_all(b"open");
        let _ = stream.flush();
        connection.send_close_notify();
        let _ = connection.write_tls(&mut socket);
    });
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority_pem.as_bytes()).unwrap()).unwrap();
    let client = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut connection = rustls::ClientConnection::new(Arc::new(client), name).unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    let mut answer = String::new();
    let outcome = rustls::Stream::new(&mut connection, &mut socket).read_to_string(&mut answer);
    drop(socket);
    server.join().unwrap();
    outcome.map(|_| answer).map_err(|error| error.to_string())
}

fn install_provider() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

#[test]
fn plain_http_stays_on_this_machine() {
    assert!(!is_refused("127.0.0.1:8480", TlsMode::Off, &[]));
    assert!(!is_refused("[::1]:8480", TlsMode::Off, &[]));
    assert!(is_refused("0.0.0.0:8480", TlsMode::Off, &[]));
    assert!(is_refused("[::]:8480", TlsMode::Off, &[]));
    assert!(is_refused("192.0.2.7:8480", TlsMode::Off, &[]));
    assert!(!is_refused("0.0.0.0:8480", TlsMode::Off, &["10.0.0.2"]));
    assert!(!is_refused("0.0.0.0:8480", TlsMode::OfficeAuthority, &[]));
}

#[test]
fn the_refusal_says_the_command_that_mends_it() {
    let (configuration, _folder) = office("0.0.0.0:8480", TlsMode::Off, &[]);
    let error = refuse_plain_beyond_loopback(&configuration, &DataFolder::new("/srv/office")).unwrap_err().to_string();
    assert!(
        error.contains("cartulary serve --data /srv/office --listen 0.0.0.0:8480 --tls office-authority"),
        "{error}"
    );
}

#[test]
fn a_pc_that_trusts_the_authority_reaches_the_office_by_its_names_only() {
    install_provider();
    let (configuration, folder) = office("0.0.0.0:8480", TlsMode::OfficeAuthority, &["office.example", "10.1.2.3"]);
    let certificates = Certificates::prepare(&configuration, &DataFolder::new(folder.path())).unwrap().unwrap();
    let pem = certificates.authority().unwrap().pem().to_owned();
    assert_eq!(shake_hands(&certificates, &pem, "office.example").as_deref(), Ok("open"));
    assert_eq!(shake_hands(&certificates, &pem, "10.1.2.3").as_deref(), Ok("open"));
    assert!(shake_hands(&certificates, &pem, "elsewhere.example").is_err());
    let other = tempfile::tempdir().unwrap();
    let stranger = Authority::open_or_create(other.path(), "Other").unwrap();
    assert!(shake_hands(&certificates, stranger.pem(), "office.example").is_err());
}

#[test]
fn the_authority_stays_and_its_certificate_follows_the_names() {
    install_provider();
    let folder = tempfile::tempdir().unwrap();
    let names = |list: &[&str]| list.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let first = Authority::open_or_create(folder.path(), "Office").unwrap();
    let issued = first.server_certificate(&names(&["a.example"])).unwrap();
    assert!(!first.is_certificate_due(&names(&["a.example"])));
    let again = Authority::open_or_create(folder.path(), "Renamed").unwrap();
    assert_eq!(first.fingerprint().unwrap(), again.fingerprint().unwrap());
    assert_eq!(again.server_certificate(&names(&["a.example"])).unwrap().cert, issued.cert);
    assert!(again.is_certificate_due(&names(&["a.example", "b.example"])));
    assert_ne!(again.server_certificate(&names(&["b.example", "a.example"])).unwrap().cert, issued.cert);
    assert!(!again.is_certificate_due(&names(&["a.example", "b.example"])));
}

#[test]
fn keys_are_readable_by_the_office_only() {
    install_provider();
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::open_or_create(&folder.path().join("tls"), "Office").unwrap();
    authority.server_certificate(&["a.example".to_owned()]).unwrap();
    for key in ["authority.key", "server.key"] {
        let mode = std::fs::metadata(folder.path().join("tls").join(key)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{key}");
    }
    assert!(!format!("{authority:?}").contains("PRIVATE"));
}

#[test]
fn files_that_are_no_certificate_are_named() {
    let (mut configuration, folder) = office("0.0.0.0:8480", TlsMode::Files, &[]);
    let path = folder.path().join("certificate.pem");
    std::fs::write(&path, "nothing").unwrap();
    configuration.server.tls.certificate = path.clone();
    configuration.server.tls.key = path.clone();
    let error = Certificates::prepare(&configuration, &DataFolder::new(folder.path())).unwrap_err();
    assert!(error.to_string().contains("certificate.pem"), "{error}");
}

#[test]
fn certificates_in_files_are_served() {
    install_provider();
    let issuer = tempfile::tempdir().unwrap();
    let authority = Authority::open_or_create(issuer.path(), "Office").unwrap();
    authority.server_certificate(&["office.example".to_owned()]).unwrap();
    let (mut configuration, folder) = office("0.0.0.0:8480", TlsMode::Files, &[]);
    configuration.server.tls.certificate = issuer.path().join("server.pem");
    configuration.server.tls.key = issuer.path().join("server.key");
    let certificates = Certificates::prepare(&configuration, &DataFolder::new(folder.path())).unwrap().unwrap();
    assert_eq!(shake_hands(&certificates, authority.pem(), "office.example").as_deref(), Ok("open"));
}

#[test]
fn without_configured_names_the_certificate_is_for_this_machine() {
    let (configuration, _folder) = office("192.0.2.7:8480", TlsMode::OfficeAuthority, &[]);
    let names = host_names(&configuration);
    assert!(names.contains(&"localhost".to_owned()) && names.contains(&"192.0.2.7".to_owned()), "{names:?}");
}
