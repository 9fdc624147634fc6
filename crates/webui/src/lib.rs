//! The built web application (`ui/dist`), embedded into the program.
//!
//! Files that the build also wrote compressed (`name.br`, `name.gz`) are given so. Without a build there are no files,
//! and the server's page says how to make them; nothing here ever runs npm.
//!
//! Invariant: this crate knows no HTTP and depends on no other crate of ours.

use std::borrow::Cow;

use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../../ui/dist"]
#[allow_missing = true]
struct Dist;

/// A file of the built application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its bytes.
    pub bytes: Cow<'static, [u8]>,
    /// The same, compressed with Brotli, when the build made that.
    pub brotli: Option<Cow<'static, [u8]>>,
    /// The same, compressed with gzip, when the build made that.
    pub gzip: Option<Cow<'static, [u8]>>,
    /// The media type, with its charset.
    pub media_type: String,
    /// Names the bytes: 32 hex digits.
    pub tag: String,
}

/// Says whether the application was built when this program was.
pub fn is_built() -> bool {
    Dist::get("index.html").is_some()
}

/// Returns the file at `path`, which is relative and has no leading slash.
pub fn file(path: &str) -> Option<File> {
    let is_ours = !path.starts_with('.') && !path.ends_with(".br") && !path.ends_with(".gz");
    let found = Dist::get(path).filter(|_| is_ours)?;
    let compressed = |ending: &str| Dist::get(&format!("{path}{ending}")).map(|file| file.data);
    Some(File {
        brotli: compressed(".br"),
        gzip: compressed(".gz"),
        media_type: media_type(path),
        tag: tag(&found),
        bytes: found.data,
    })
}

fn media_type(path: &str) -> String {
    if path.ends_with(".js") || path.ends_with(".mjs") {
        return "text/javascript; charset=utf-8".to_owned();
    }
    let guessed = mime_guess::from_path(path).first_or_octet_stream().to_string();
    let is_text = guessed.starts_with("text/") || matches!(guessed.as_str(), "application/json" | "image/svg+xml");
    if is_text { format!("{guessed}; charset=utf-8") } else { guessed }
}

fn tag(file: &EmbeddedFile) -> String {
    let digest = file.metadata.sha256_hash();
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
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
