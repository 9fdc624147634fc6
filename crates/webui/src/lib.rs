//! The built web application (`ui/dist`), embedded into the program.
//!
//! Files that the build also wrote compressed (`name.br`, `name.gz`) are given so, and are not held plain. Without a build there are no files,
//! and the server's page says how to make them; nothing here ever runs npm.
//!
//! Invariant: this crate knows no HTTP and depends on no other crate of ours.

use std::collections::HashMap;
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

/// The files by name, in the order of the names.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// What names the bytes of each file.
static TAGS: LazyLock<HashMap<&str, String>> =
    LazyLock::new(|| FILES.iter().map(|(name, bytes)| (*name, tag(bytes))).collect());

/// A file of the built application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its bytes; none of what is held compressed.
    pub bytes: Option<&'static [u8]>,
    /// The same, compressed with Brotli, when the build made that.
    pub brotli: Option<&'static [u8]>,
    /// The same, compressed with gzip, when the build made that.
    pub gzip: Option<&'static [u8]>,
    /// The media type, with its charset.
    pub media_type: String,
    /// Names the bytes: 32 hex digits.
    pub tag: String,
}

/// Says whether the application was built when this program was.
pub fn is_built() -> bool {
    embedded("index.html").is_some()
}

/// Returns the file at `path`, which is relative and has no leading slash.
pub fn file(path: &str) -> Option<File> {
    let is_ours = !path.starts_with('.') && !path.ends_with(".br") && !path.ends_with(".gz");
    let [plain, brotli, gzip] =
        ["", ".br", ".gz"].map(|ending| format!("{path}{ending}")).map(|name| embedded(&name).filter(|_| is_ours));
    let (name, _) = plain.or(gzip)?;
    let bytes = |file: Option<(&'static str, &'static [u8])>| file.map(|(_, bytes)| bytes);
    Some(File {
        bytes: bytes(plain),
        brotli: bytes(brotli),
        gzip: bytes(gzip),
        media_type: media_type(path),
        tag: TAGS.get(name)?.clone(),
    })
}

fn embedded(name: &str) -> Option<(&'static str, &'static [u8])> {
    let place = FILES.binary_search_by(|(other, _)| (*other).cmp(name)).ok()?;
    FILES.get(place).copied()
}

fn media_type(path: &str) -> String {
    if path.ends_with(".js") || path.ends_with(".mjs") {
        return "text/javascript; charset=utf-8".to_owned();
    }
    let guessed = mime_guess::from_path(path).first_or_octet_stream().to_string();
    let is_text = guessed.starts_with("text/") || matches!(guessed.as_str(), "application/json" | "image/svg+xml");
    if is_text { format!("{guessed}; charset=utf-8") } else { guessed }
}

fn tag(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_bear_their_charset() {
        assert_eq!(media_type("assets/index-1a.js"), "text/javascript; charset=utf-8");
        assert_eq!(media_type("assets/pdf.worker-1a.mjs"), "text/javascript; charset=utf-8");
        assert_eq!(media_type("assets/qcms.wasm"), "application/wasm");
        assert_eq!(media_type("favicon.svg"), "image/svg+xml; charset=utf-8");
        assert_eq!(media_type("assets/x.bcmap"), "application/octet-stream");
    }

    #[test]
    fn what_is_not_the_applications_is_not_there() {
        for path in ["", ".vite/manifest.json", "../package.json", "no-such-file"] {
            assert_eq!(file(path), None, "{path}");
        }
    }

    #[test]
    fn a_built_application_has_its_page() {
        match file("index.html") {
            Some(page) => assert!(is_built() && page.tag.len() == 32 && page.media_type.starts_with("text/html")),
            None => assert!(!is_built()),
        }
    }
}
