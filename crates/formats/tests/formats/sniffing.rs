//! The media type by content.

use cartulary_formats::sniff;

fn check(head: &[u8], name: &str, media_type: &str, agrees: bool) {
    let sniffed = sniff(head, name);
    assert_eq!((sniffed.media_type.as_str(), sniffed.agrees_with_name), (media_type, agrees), "{name}");
}

fn zip_entry(name: &str, data: &[u8]) -> Vec<u8> {
    let mut entry = b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    entry.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    entry.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
    entry.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
    entry.extend([0, 0]);
    entry.extend(name.as_bytes());
    entry.extend(data);
    entry
}

#[test]
fn images_and_papers() {
    check(b"%PDF-1.4\n%\xe2\xe3", "a.pdf", "application/pdf", true);
    check(b"\n\njunk before\n%PDF-1.4\n", "a.pdf", "application/pdf", true);
    check(b"%PDF-1.4\n", "a.docx", "application/pdf", false);
    check(b"II*\0\x08\0\0\0", "scan.TIF", "image/tiff", true);
    check(b"MM\0*\0\0\0\x08", "scan.tiff", "image/tiff", true);
    check(b"\xff\xd8\xff\xe0\0\x10JFIF", "p.jpeg", "image/jpeg", true);
    check(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "p.jpg", "image/png", false);
    check(b"GIF89a\x01\0\x01\0", "p.gif", "image/gif", true);
    check(b"RIFF\x24\0\0\0WEBPVP8 ", "p.webp", "image/webp", true);
    check(b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", "p.bmp", "image/bmp", true);
    check(b"BMW is a maker of cars", "cars.txt", "text/plain", true);
    check(b"<?xml version=\"1.0\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\"/>", "d.svg", "image/svg+xml", true);
}

#[test]
fn office_files() {
    let odt = zip_entry("mimetype", b"application/vnd.oasis.opendocument.text");
    check(&odt, "a.odt", "application/vnd.oasis.opendocument.text", true);
    let ods = zip_entry("mimetype", b"application/vnd.oasis.opendocument.spreadsheet");
    check(&ods, "a.odt", "application/vnd.oasis.opendocument.spreadsheet", false);
    let word = [zip_entry("[Content_Types].xml", b"x"), zip_entry("word/document.xml", b"y")].concat();
    check(&word, "a.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", true);
    check(&word, "a.zip", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", false);
    let excel = [zip_entry("[Content_Types].xml", b"x"), zip_entry("xl/workbook.xml", b"y")].concat();
    check(&excel, "a.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", true);
    let slides = [zip_entry("[Content_Types].xml", b"x"), zip_entry("ppt/presentation.xml", b"y")].concat();
    check(&slides, "a.pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation", true);
    check(&zip_entry("a/b.txt", b"hello"), "a.zip", "application/zip", true);
    check(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "a.msg", "application/vnd.ms-outlook", true);
    check(b"{\\rtf1\\ansi hello}", "a.rtf", "application/rtf", true);
}

#[test]
fn text_and_its_relatives() {
    check(b"<!DOCTYPE html>\n<html><body>x", "a.html", "text/html", true);
    check(b"  <HTML lang=ar>", "noname", "text/html", true);
    check(b"<?xml version='1.0'?><a/>", "a.xml", "application/xml", true);
    check(
        b"From: a@example.org\r\nTo: b@example.org\r\nSubject: x\r\nDate: today\r\n\r\nHello",
        "a.eml",
        "message/rfc822",
        true,
    );
    check(b"plain words\n", "a.txt", "text/plain", true);
    check(b"a;b;c\n1;2;3\n", "a.csv", "text/csv", true);
    check("نص عربي".as_bytes(), "a.txt", "text/plain", true);
    check(b"plain words\n", "a.pdf", "text/plain", false);
    check(b"", "a.txt", "application/octet-stream", false);
    check(b"\0\x01\x02\x03\x04binary", "a.bin", "application/octet-stream", true);
}

#[test]
fn archives() {
    check(b"\x1f\x8b\x08\0", "a.gz", "application/gzip", true);
    check(b"7z\xbc\xaf\x27\x1c\0\x04", "a.7z", "application/x-7z-compressed", true);
}

#[test]
fn text_names_its_encoding() {
    let charset = |head: &[u8]| sniff(head, "a.txt").charset.unwrap();
    assert_eq!(charset("grüße".as_bytes()), "UTF-8");
    assert_eq!(charset(b"\xff\xfeh\0i\0"), "UTF-16LE");
    assert_eq!(charset(b"\xfe\xff\0h\0i"), "UTF-16BE");
    assert_eq!(sniff("grüße".as_bytes(), "a.txt").content_type(), "text/plain; charset=UTF-8");
    assert_eq!(sniff(b"%PDF-1.4\n", "a.pdf").content_type(), "application/pdf");
    // A head may end within a character.
    let cut = "ééééé".as_bytes();
    assert_eq!(charset(&cut[..cut.len() - 1]), "UTF-8");
}
