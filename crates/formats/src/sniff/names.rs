//! What the ending of a file's name promises.

/// Endings and the types that fit them; the first is the one that is promised.
const PROMISES: &[(&str, &[&str])] = &[
    ("pdf", &["application/pdf"]),
    ("tif", &["image/tiff"]),
    ("tiff", &["image/tiff"]),
    ("jpg", &["image/jpeg"]),
    ("jpeg", &["image/jpeg"]),
    ("jpe", &["image/jpeg"]),
    ("png", &["image/png"]),
    ("gif", &["image/gif"]),
    ("webp", &["image/webp"]),
    ("bmp", &["image/bmp"]),
    ("ico", &["image/vnd.microsoft.icon"]),
    ("jp2", &["image/jp2"]),
    ("heic", &["image/heic"]),
    ("svg", &["image/svg+xml"]),
    ("docx", &[super::DOCX]),
    ("xlsx", &[super::XLSX]),
    ("pptx", &[super::PPTX]),
    ("odt", &["application/vnd.oasis.opendocument.text"]),
    ("ods", &["application/vnd.oasis.opendocument.spreadsheet"]),
    ("odp", &["application/vnd.oasis.opendocument.presentation"]),
    ("epub", &["application/epub+zip"]),
    ("doc", &["application/msword", "application/rtf", "application/x-ole-storage", "text/html"]),
    ("xls", &["application/vnd.ms-excel", "application/x-ole-storage", "text/html", "application/xml"]),
    ("ppt", &["application/vnd.ms-powerpoint", "application/x-ole-storage"]),
    ("msg", &["application/vnd.ms-outlook"]),
    ("rtf", &["application/rtf"]),
    ("html", &["text/html", "application/xhtml+xml", "text/plain"]),
    ("htm", &["text/html", "application/xhtml+xml", "text/plain"]),
    ("xhtml", &["application/xhtml+xml", "text/html", "application/xml"]),
    ("hocr", &["text/html", "application/xhtml+xml", "application/xml"]),
    ("xml", &["application/xml", "image/svg+xml", "application/xhtml+xml", "text/plain"]),
    ("eml", &["message/rfc822", "text/plain"]),
    ("zip", &["application/zip"]),
    ("gz", &["application/gzip"]),
    ("tgz", &["application/gzip"]),
    ("7z", &["application/x-7z-compressed"]),
    ("txt", &["text/plain", "message/rfc822", "text/html", "application/xml"]),
    ("text", &["text/plain"]),
    ("csv", &["text/csv", "text/plain"]),
    ("tsv", &["text/tab-separated-values", "text/plain"]),
    ("md", &["text/markdown", "text/plain", "text/html"]),
    ("json", &["application/json", "text/plain"]),
    ("css", &["text/css", "text/plain"]),
    ("js", &["text/javascript", "text/plain"]),
    ("log", &["text/plain"]),
];

/// The ending of a name in lower case, without the dot; empty when there is none.
pub fn ending(file_name: &str) -> String {
    match file_name.rsplit_once('.') {
        Some((_, ending)) if ending.len() <= 8 => ending.to_ascii_lowercase(),
        _ => String::new(),
    }
}

/// The type an ending promises.
pub fn promised(ending: &str) -> Option<&'static str> {
    fitting(ending)?.first().copied()
}

/// Whether a type fits an ending; an unknown ending promises nothing.
pub fn agrees(ending: &str, media_type: &str) -> bool {
    fitting(ending).is_none_or(|fitting| fitting.contains(&media_type))
}

fn fitting(ending: &str) -> Option<&'static [&'static str]> {
    PROMISES.iter().find(|(known, _)| *known == ending).map(|(_, fitting)| *fitting)
}
