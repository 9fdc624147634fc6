//! The pages of the office: the built web application, and how to trust the office's own authority.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use cartulary_http::{WebFile, WebUi};
use cartulary_model::BlobDigest;

use crate::tls::{Authority, TlsError, trust};

/// The pages that the web server answers beside the interface for programs.
struct Pages {
    trust: Vec<(&'static str, WebFile)>,
}

/// Returns the pages of an office; with an authority of its own, those about it too.
///
/// # Errors
/// The authority's certificate is not usable.
pub fn pages(authority: Option<&Authority>) -> Result<Arc<dyn WebUi>, TlsError> {
    let mut pages = Pages { trust: Vec::new() };
    if let Some(authority) = authority {
        pages.trust = vec![
            ("trust", file(trust::page(authority)?, "text/html; charset=utf-8")),
            ("trust.css", file(trust::STYLESHEET.to_owned(), "text/css; charset=utf-8")),
            ("office-authority.pem", file(authority.pem().to_owned(), "application/x-pem-file")),
            ("office-authority.crt", file(authority.pem().to_owned(), "application/x-x509-ca-cert")),
        ];
    }
    Ok(Arc::new(pages))
}

fn file(text: String, media_type: &'static str) -> WebFile {
    let tag = BlobDigest::of(text.as_bytes()).to_string().chars().take(16).collect();
    WebFile { bytes: Some(Bytes::from(text)), brotli: None, gzip: None, media_type: Cow::Borrowed(media_type), tag }
}

impl WebUi for Pages {
    fn file(&self, path: &str) -> Option<WebFile> {
        let about_trust = self.trust.iter().find(|(name, _)| *name == path).map(|(_, file)| file.clone());
        about_trust.or_else(|| cartulary_webui::file(path).map(built))
    }
}

/// Bytes that stand in the program are not copied.
fn built(file: cartulary_webui::File) -> WebFile {
    WebFile {
        bytes: file.bytes.map(Bytes::from_static),
        brotli: file.brotli.map(Bytes::from_static),
        gzip: file.gzip.map(Bytes::from_static),
        media_type: Cow::Owned(file.media_type),
        tag: file.tag,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_office_with_an_authority_says_how_to_trust_it() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::open_or_create(folder.path(), "Office").unwrap();
        let pages = pages(Some(&authority)).unwrap();
        let page = String::from_utf8(pages.file("trust").unwrap().bytes.unwrap().to_vec()).unwrap();
        assert!(page.contains(&authority.fingerprint().unwrap()));
        assert!(page.contains("dir=\"rtl\"") && !page.contains('{'), "{page}");
        assert_eq!(pages.file("office-authority.pem").unwrap().bytes.unwrap(), authority.pem().as_bytes());
        assert!(super::pages(None).unwrap().file("trust").is_none());
    }
}
