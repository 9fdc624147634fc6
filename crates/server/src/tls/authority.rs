//! The office's own authority: a key that signs the server's certificate, so that no outside authority is needed.
//!
//! Files, below `config/tls` of the data folder: `authority.pem` (handed out to the PCs), `authority.key`, `server.pem`,
//! `server.key`. The keys are readable by the office's user only.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};

use super::TlsError;
use super::certificate::{self, unusable};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// PCs trust the authority by hand, so it lives long.
const AUTHORITY_DAYS: u32 = 3650;
/// Below what the strictest systems accept (398 days).
const SERVER_DAYS: u32 = 180;
/// A certificate that ends within so many days is renewed.
const RENEW_DAYS: u32 = 60;

/// The office's authority.
#[derive(Debug)]
pub struct Authority {
    folder: PathBuf,
    pem: String,
    key_pem: secrecy::SecretString,
}

impl Authority {
    /// Opens the authority in `folder`, or makes one for the office of that name.
    ///
    /// # Errors
    /// A file cannot be read, written, or used.
    pub fn open_or_create(folder: &Path, office: &str) -> Result<Self, TlsError> {
        if !folder.join("authority.pem").exists() {
            Self::create(folder, office)?;
        }
        Self::open(folder)
    }

    fn open(folder: &Path) -> Result<Self, TlsError> {
        let text =
            |path: &Path| String::from_utf8(certificate::read(path)?).map_err(|_| unusable(path, "it is not PEM"));
        let pem = text(&folder.join("authority.pem"))?;
        let key_pem = text(&folder.join("authority.key"))?.into();
        Ok(Self { folder: folder.to_owned(), pem, key_pem })
    }

    fn create(folder: &Path, office: &str) -> Result<(), TlsError> {
        let failed = |source| TlsError::File { act: "make", path: folder.to_owned(), source };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        let name = format!("{office} office authority");
        let issued = |source| TlsError::Issue { names: vec![name.clone()], source };
        let key = KeyPair::generate().map_err(issued)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name.as_str());
        params.distinguished_name.push(DnType::OrganizationName, office);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        set_validity(&mut params, AUTHORITY_DAYS);
        let authority = params.self_signed(&key).map_err(issued)?;
        // The key first: a certificate without its key would be taken for a whole authority at the next start.
        certificate::write(&folder.join("authority.key"), &key.serialize_pem(), 0o600)?;
        certificate::write(&folder.join("authority.pem"), &authority.pem(), 0o644)
    }

    /// Returns the certificate that people have to trust, as PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Returns where that certificate lies.
    pub fn path(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// Returns the SHA-256 of the authority's certificate, as `AB:CD:…`, to compare by eye.
    ///
    /// # Errors
    /// The certificate is not usable.
    pub fn fingerprint(&self) -> Result<String, TlsError> {
        use rustls_pki_types::pem::PemObject;
        let der = rustls_pki_types::CertificateDer::from_pem_slice(self.pem.as_bytes())
            .map_err(|error| unusable(&self.path(), error))?;
        let pairs: Vec<String> = Sha256::digest(&der).iter().map(|byte| format!("{byte:02X}")).collect();
        Ok(pairs.join(":"))
    }

    /// Says whether a new certificate for the server has to be issued: there is none, it ends soon, or the names changed.
    pub fn is_certificate_due(&self, names: &[String]) -> bool {
        let Ok(validity) = certificate::validity(&self.folder.join("server.pem")) else { return true };
        let mut wanted = names.to_vec();
        wanted.sort();
        let until = UNIX_EPOCH + Duration::from_secs(u64::try_from(validity.not_after).unwrap_or(0));
        validity.names != wanted || SystemTime::now() + DAY * RENEW_DAYS > until
    }

    /// Returns the server's certificate for these names, issuing one when it is due.
    ///
    /// # Errors
    /// A file cannot be used, or the names are none.
    pub fn server_certificate(&self, names: &[String]) -> Result<CertifiedKey, TlsError> {
        let (pem, key) = (self.folder.join("server.pem"), self.folder.join("server.key"));
        if !self.is_certificate_due(names)
            && let Ok(loaded) = certificate::load(&pem, &key)
        {
            return Ok(loaded);
        }
        self.issue(names, &pem, &key)?;
        certificate::load(&pem, &key)
    }

    fn issue(&self, names: &[String], pem: &Path, key: &Path) -> Result<(), TlsError> {
        use secrecy::ExposeSecret;
        let failed = |source| TlsError::Issue { names: names.to_vec(), source };
        let authority_key = KeyPair::from_pem(self.key_pem.expose_secret()).map_err(failed)?;
        let issuer = Issuer::from_ca_cert_pem(&self.pem, authority_key).map_err(failed)?;
        let server_key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::new(names.to_vec()).map_err(failed)?;
        if let Some(first) = names.iter().find(|name| name.parse::<std::net::IpAddr>().is_err()) {
            params.distinguished_name.push(DnType::CommonName, first.as_str());
        }
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        set_validity(&mut params, SERVER_DAYS);
        let issued = params.signed_by(&server_key, &issuer).map_err(failed)?;
        certificate::write(key, &server_key.serialize_pem(), 0o600)?;
        certificate::write(pem, &format!("{}{}", issued.pem(), self.pem), 0o644)?;
        tracing::info!(
            names = names.len(),
            days = SERVER_DAYS,
            "the office's authority issued a certificate for this server"
        );
        Ok(())
    }
}

/// Valid from yesterday, because the clocks of PCs go wrong, and for so many days from now.
fn set_validity(params: &mut CertificateParams, days: u32) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    params.not_before = epoch + now.saturating_sub(DAY);
    params.not_after = epoch + now.saturating_add(DAY.saturating_mul(days));
}
