//! Text and HTML in old and new encodings.

use crate::harness::{all_text, codes, read_bytes};
use cartulary_formats::TextState;

const ARABIC: &str =
    "يشترط إيداع طلب التسجيل لدى المكتب خلال ستة أشهر من تاريخ الأولوية، ويجوز تمديد هذه المدة مرة واحدة.";

/// Windows-1256 for the letters of the Arabic sample (encoding_rs is checked by its own tests; here it makes the fixture).
fn in_encoding(label: &str, text: &str) -> Vec<u8> {
    let encoding = encoding_rs::Encoding::for_label(label.as_bytes()).unwrap();
    let (bytes, _, lossy) = encoding.encode(text);
    assert!(!lossy, "{text} does not fit {label}");
    bytes.into_owned()
}

#[test]
fn utf8_text() {
    let read = read_bytes(format!("\u{feff}First line\r\nsecond\rthird\n{ARABIC}\n").as_bytes(), "a.txt");
    assert_eq!(read.media_type, "text/plain");
    assert_eq!(read.charset.as_deref(), Some("UTF-8"));
    assert_eq!(all_text(&read), format!("First line\nsecond\nthird\n{ARABIC}\n"));
    assert_eq!((read.text_state, read.page_count, read.format_read), (TextState::Complete, Some(1), true));
    assert!(read.faults.is_empty());
}

#[test]
fn old_encodings_are_detected() {
    let russian = "Настоящее свидетельство удостоверяет регистрацию знака в государственном реестре.";
    let french = "Le déposant a présenté une requête en restauration; elle a été rejetée à l'unanimité des membres.";
    for (label, text) in
        [("windows-1256", ARABIC), ("windows-1251", russian), ("windows-1252", french), ("koi8-r", russian)]
    {
        let read = read_bytes(&in_encoding(label, text), "a.txt");
        assert_eq!(all_text(&read), text, "{label}");
    }
    let chinese = "本公司于二零二四年五月提出注册申请，并缴纳了规定的费用。";
    assert_eq!(all_text(&read_bytes(&in_encoding("gb18030", chinese), "a.txt")), chinese);
}

#[test]
fn utf16_with_and_without_a_mark() {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let marked = [vec![0xff, 0xfe], wide(ARABIC)].concat();
    assert_eq!(all_text(&read_bytes(&marked, "a.txt")), ARABIC);
    let bare = wide("Plain words without a mark, as some programs write them.");
    assert_eq!(all_text(&read_bytes(&bare, "a.txt")), "Plain words without a mark, as some programs write them.");
}

#[test]
fn form_feeds_part_pages_and_long_text_is_cut_at_lines() {
    let read = read_bytes(b"one\x0ctwo\x0cthree\x0c", "a.txt");
    let pages: Vec<&str> = read.pages.iter().map(|page| page.text.as_str()).collect();
    assert_eq!(pages, ["one", "two", "three"]);
    let long: String = (0..2_000).map(|line| format!("this is line {line}\n")).collect();
    let read = read_bytes(long.as_bytes(), "a.txt");
    assert!(read.pages.len() > 5 && read.pages.iter().all(|page| page.text.len() < 3_100 && page.text.ends_with('\n')));
    assert_eq!(read.pages.iter().map(|page| page.text.as_str()).collect::<String>(), long);
    assert_eq!(read.page_count, u32::try_from(read.pages.len()).ok());
}

#[test]
fn controls_and_marks_of_direction_go() {
    let read = read_bytes("a\u{202b}b\u{200f}c\u{1}d".as_bytes(), "a.txt");
    assert_eq!(all_text(&read), "abcd");
    let read =
        read_bytes(&[b"words that are fine ".repeat(20), vec![b'\0'], b"and more words".repeat(20)].concat(), "a.txt");
    assert!(!read.format_read || all_text(&read).contains("and more words"), "zeros make no text: {}", read.media_type);
}

#[test]
fn a_few_wrong_bytes_in_utf8_are_a_fault() {
    let bytes = [ARABIC.as_bytes(), b" \xff\xc3 ", ARABIC.as_bytes()].concat();
    let read = read_bytes(&bytes, "a.txt");
    assert!(all_text(&read).contains(ARABIC));
    assert_eq!(codes(&read), ["encoding_damaged"]);
}

#[test]
fn html_as_a_reader_sees_it() {
    let html = r#"<!DOCTYPE html><html lang="fr"><head><meta charset=utf-8><title>Un &amp; titre</title>
        <meta name="author" content="Mme X"><style>.a{color:red}</style><script>var hidden = "<p>no</p>";</script></head>
        <body><h1>Grand   titre</h1><p>caf&eacute; &#x627;&#1604; <b>gr</b>as<br>ligne</p>
        <ul><li>un</li><li>deux</li></ul><table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>
        <!-- comment --><pre>  as
  it is</pre><template>not shown</template></body></html>"#;
    let read = read_bytes(html.as_bytes(), "a.html");
    assert_eq!(read.media_type, "text/html");
    assert_eq!(all_text(&read), "Grand titre\n\ncafé ال gras\nligne\n\nun\ndeux\n\na\tb\nc\n\n  as\n  it is");
    assert_eq!(read.metadata["title"], "Un & titre");
    assert_eq!(read.metadata["author"], "Mme X");
    assert_eq!(read.pages[0].language.as_deref(), Some("fr"));
}

#[test]
fn html_in_a_declared_encoding() {
    let html = format!("<html><head><meta charset=\"windows-1256\"></head><body>{ARABIC}</body></html>");
    let read = read_bytes(&in_encoding("windows-1256", &html), "a.html");
    assert_eq!(all_text(&read), ARABIC);
    assert_eq!(read.charset.as_deref(), Some("windows-1256"));
}

#[test]
fn deep_and_broken_html() {
    let deep = format!("<html><body>{}word{}", "<div><b>".repeat(200_000), "</i></p>".repeat(1_000));
    assert_eq!(all_text(&read_bytes(deep.as_bytes(), "a.html")), "word");
    let unclosed = "<html><body>seen <a href='x>lost";
    assert_eq!(all_text(&read_bytes(unclosed.as_bytes(), "a.html")), "seen");
}

#[test]
fn other_formats_are_kept_without_a_fault() {
    let read = read_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a.png");
    assert_eq!((read.media_type.as_str(), read.text_state, read.format_read), ("image/png", TextState::None, false));
    assert!(read.faults.is_empty() && read.pages.is_empty());
}

#[test]
fn empty_files_and_lying_names() {
    assert_eq!(codes(&read_bytes(b"", "a.pdf")), ["empty_file"]);
    let read = read_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a.pdf");
    assert_eq!((read.media_type.as_str(), codes(&read)), ("image/png", vec!["name_disagrees"]));
}

#[test]
fn one_word_of_many_megabytes() {
    let read = read_bytes(&vec![b'a'; 20 << 20], "a.txt");
    assert_eq!(read.pages.iter().map(|page| page.text.len()).sum::<usize>(), 20 << 20);
    assert!(read.pages.iter().all(|page| page.text.len() <= 8_000));
}
