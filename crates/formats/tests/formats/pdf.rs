//! PDFs made by code: what is known of them must be read.

use crate::harness::{PdfBuilder, all_text, bytes_of, codes, config, read_bytes, read_file, shared_pool};
use cartulary_formats::{ExtractionRequest, TextState, WorkerConfig, WorkerPool};
use lopdf::{Object, Stream, dictionary};

#[test]
fn words_on_known_pages() {
    let mut builder = PdfBuilder::new();
    for page in 1..=12 {
        let text = if page == 7 { "the zanzibar clause stands here".to_owned() } else { format!("page number {page}") };
        builder = builder.page(&[(72, 700, &text), (72, 680, "and a second line")]);
    }
    let read = read_bytes(&builder.bytes(), "a.pdf");
    assert_eq!((read.page_count, read.pages.len(), read.text_state), (Some(12), 12, TextState::Complete));
    assert_eq!(read.pages[6].text, "the zanzibar clause stands here\nand a second line\n");
    assert_eq!(
        (read.pages[6].page_number, read.pages[6].width_pt, read.pages[6].height_pt),
        (7, Some(595.0), Some(842.0))
    );
    assert_eq!((read.metadata["title"].as_str(), read.metadata["author"].as_str()), ("A made-up title", "The tests"));
    assert!(read.faults.is_empty(), "{:?}", read.faults);
}

#[test]
fn a_word_that_is_parted_at_the_end_of_a_line_is_one_word() {
    let page =
        [(72, 700, "made in North Car-"), (72, 686, "olina by an e-"), (72, 672, "mail of 12-"), (72, 658, "14 May")];
    let read = read_bytes(&PdfBuilder::new().page(&page).bytes(), "a.pdf");
    assert_eq!(all_text(&read), "made in North Carolina\nby an e-mail\nof 12-\n14 May\n");
}

#[test]
fn order_is_by_place_not_by_drawing() {
    let read = read_bytes(
        &PdfBuilder::new().page(&[(72, 600, "third"), (200, 700, "second"), (72, 700, "first")]).bytes(),
        "a.pdf",
    );
    assert_eq!(all_text(&read).split_whitespace().collect::<Vec<_>>(), ["first", "second", "third"]);
}

#[test]
fn turned_pages_are_read_and_measured_as_shown() {
    for (rotate, size) in [(0, (595.0, 842.0)), (90, (842.0, 595.0)), (180, (595.0, 842.0)), (270, (842.0, 595.0))] {
        let bytes =
            PdfBuilder::new().turned_page(rotate, &[(72, 700, "upper words"), (72, 600, "lower words")]).bytes();
        let read = read_bytes(&bytes, "a.pdf");
        assert_eq!(all_text(&read).trim(), "upper words\n\nlower words", "{rotate}");
        assert_eq!((read.pages[0].width_pt, read.pages[0].height_pt), (Some(size.0), Some(size.1)));
    }
}

#[test]
fn words_have_boxes_where_they_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.pdf");
    std::fs::write(&source, PdfBuilder::new().page(&[(119, 842 - 421, "centre word")]).bytes()).unwrap();
    let request =
        ExtractionRequest { source, file_name: "a.pdf".to_owned(), word_boxes: true, ..ExtractionRequest::default() };
    let read = crate::harness::block_on(shared_pool().extract_request(request)).unwrap();
    let words = &read.pages[0].words;
    assert_eq!(words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["centre", "word"]);
    let first = &words[0];
    assert!(
        (first.x0 - 0.2).abs() < 0.005 && first.y0 < 0.5 && first.y1 > 0.5 && first.y1 - first.y0 < 0.03,
        "{first:?}"
    );
    assert!(words[1].x0 > first.x1 && words[1].x1 < 0.4);
}

#[test]
fn text_inside_a_form_is_found() {
    let mut document = PdfBuilder::new().raw_page(b"q 1 0 0 1 50 50 cm /Fm1 Do Q").document();
    let font = document.add_object(dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Times-Roman" });
    let form = Stream::new(
        dictionary! {
            "Type" => "XObject", "Subtype" => "Form", "BBox" => vec![0.into(), 0.into(), 400.into(), 400.into()],
            "Resources" => dictionary! { "Font" => dictionary! { "T" => font } },
        },
        b"BT /T 14 Tf 10 100 Td (hidden in a form) Tj ET".to_vec(),
    );
    let form = document.add_object(form);
    let page_id = *document.get_pages().get(&1).unwrap();
    document
        .get_object_mut(page_id)
        .unwrap()
        .as_dict_mut()
        .unwrap()
        .set("Resources", dictionary! { "XObject" => dictionary! { "Fm1" => form } });
    assert_eq!(all_text(&read_bytes(&bytes_of(document), "a.pdf")), "hidden in a form\n");
}

#[test]
fn spaces_are_inferred_from_gaps() {
    let content = b"BT /F1 12 Tf 72 700 Td [(with) -300 (gaps) -30 (kerned)] TJ ET";
    assert_eq!(all_text(&read_bytes(&PdfBuilder::new().raw_page(content).bytes(), "a.pdf")), "with gapskerned\n");
}

#[test]
fn bold_by_drawing_twice_is_read_once() {
    let content = b"BT /F1 12 Tf 72 700 Td (bold words) Tj ET BT /F1 12 Tf 72.3 700 Td (bold words) Tj ET \
        BT /F1 12 Tf 2 Tr 72 600 Td (outlined) Tj ET BT /F1 12 Tf 3 Tr 72 500 Td (invisible) Tj ET";
    let read = read_bytes(&PdfBuilder::new().raw_page(content).bytes(), "a.pdf");
    assert_eq!(all_text(&read).split_whitespace().collect::<Vec<_>>(), ["bold", "words", "outlined", "invisible"]);
}

#[test]
fn columns_are_read_one_after_the_other() {
    let mut texts =
        vec![(72_i64, 760_i64, "A title that runs across both of the columns of this page of the paper".to_owned())];
    for line in 0..12_i64 {
        texts.push((72, 720 - line * 14, format!("left column with words {line:02}")));
        texts.push((320, 720 - line * 14, format!("right column with words {line:02}")));
    }
    let texts: Vec<(i64, i64, &str)> = texts.iter().map(|(x, y, text)| (*x, *y, text.as_str())).collect();
    let text = all_text(&read_bytes(&PdfBuilder::new().page(&texts).bytes(), "a.pdf"));
    assert!(text.find("A title").unwrap() < text.find("left column with words 00").unwrap());
    assert!(
        text.find("left column with words 11").unwrap() < text.find("right column with words 00").unwrap(),
        "{text}"
    );
}

#[test]
fn tables_are_read_row_by_row() {
    let mut texts = Vec::new();
    for row in 0..8_i64 {
        texts.push((72_i64, 700 - row * 16, format!("item {row}")));
        texts.push((250, 700 - row * 16, format!("{}.00", row * 100)));
        texts.push((400, 700 - row * 16, format!("note {row}")));
    }
    let texts: Vec<(i64, i64, &str)> = texts.iter().map(|(x, y, text)| (*x, *y, text.as_str())).collect();
    let text = all_text(&read_bytes(&PdfBuilder::new().page(&texts).bytes(), "a.pdf"));
    assert!(text.starts_with("item 0 0.00 note 0\nitem 1 100.00 note 1\n"), "{text}");
}

/// A page that draws Arabic as most producers do: one shape after the other from the left, in visual order, with a map to Unicode.
fn visual_arabic(shapes_from_the_left: &[char]) -> Vec<u8> {
    let mut document = PdfBuilder::new().raw_page(b"").document();
    let mut map = String::from(
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap 1 begincodespacerange <0000> <FFFF> endcodespacerange\n",
    );
    map.push_str(&format!("{} beginbfchar\n", shapes_from_the_left.len()));
    let mut shown = String::new();
    for (code, c) in shapes_from_the_left.iter().enumerate() {
        let unicode: String = c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("{unit:04X}")).collect();
        map.push_str(&format!("<{:04X}> <{unicode}>\n", code + 1));
        shown.push_str(&format!("{:04X}", code + 1));
    }
    map.push_str("endbfchar endcmap end end");
    let map = document.add_object(Stream::new(dictionary! {}, map.into_bytes()));
    let descendant = document.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "CIDFontType2", "BaseFont" => "None", "DW" => 500,
        "CIDSystemInfo" => dictionary! {
            "Registry" => Object::string_literal("Adobe"), "Ordering" => Object::string_literal("Identity"), "Supplement" => 0,
        },
        "FontDescriptor" => dictionary! { "Type" => "FontDescriptor", "FontName" => "None", "Flags" => 4 },
    });
    let font = document.add_object(dictionary! {
        "Type" => "Font", "Subtype" => "Type0", "BaseFont" => "None", "Encoding" => "Identity-H",
        "DescendantFonts" => vec![descendant.into()], "ToUnicode" => map,
    });
    let page_id = *document.get_pages().get(&1).unwrap();
    let content =
        document.add_object(Stream::new(dictionary! {}, format!("BT /A 12 Tf 72 700 Td <{shown}> Tj ET").into_bytes()));
    let page = document.get_object_mut(page_id).unwrap().as_dict_mut().unwrap();
    page.set("Contents", content);
    page.set("Resources", dictionary! { "Font" => dictionary! { "A" => font } });
    bytes_of(document)
}

fn check_arabic(reading: &str, drawn_from_the_left: &str) {
    let shapes: Vec<char> = drawn_from_the_left.chars().collect();
    let read = read_bytes(&visual_arabic(&shapes), "a.pdf");
    assert_eq!(all_text(&read).trim_end(), reading, "{:?}", read.faults);
}

#[test]
fn arabic_drawn_in_visual_order_is_read_in_logical_order() {
    check_arabic("مقدم الطلب: شركة الواحة", "ةحاولا ةكرش :بلطلا مدقم");
    check_arabic("بتاريخ 12/03/2026.", ".12/03/2026 خيراتب");
    check_arabic("رقم الطلب PT/2026/100000", "PT/2026/100000 بلطلا مقر");
    check_arabic("شركة (الواحة) المحدودة", "ةدودحملا (ةحاولا) ةكرش");
    check_arabic("عام ١٤٤٧ هـ", "ـه ١٤٤٧ ماع");
}

#[test]
fn presentation_forms_become_letters() {
    // U+FEFB is the ligature of lam and alef, U+FEE3 and so on are letters in their joined shapes.
    check_arabic("سلام", "\u{fee1}\u{fefc}\u{feb3}");
}

#[test]
fn an_empty_password_opens() {
    let mut document = PdfBuilder::new().page(&[(72, 700, "kept under an empty password")]).document();
    document.trailer.set(
        "ID",
        Object::Array(vec![Object::string_literal("0123456789abcdef"), Object::string_literal("0123456789abcdef")]),
    );
    let version = lopdf::EncryptionVersion::V2 {
        document: &document,
        owner_password: "owner",
        user_password: "",
        key_length: 128,
        permissions: lopdf::Permissions::all(),
    };
    let state = lopdf::EncryptionState::try_from(version).unwrap();
    document.encrypt(&state).unwrap();
    let bytes = bytes_of(document);
    assert!(!bytes.windows(10).any(|window| window == b"kept under"));
    assert_eq!(all_text(&read_bytes(&bytes, "a.pdf")), "kept under an empty password\n");
}

#[test]
fn an_unknown_password_is_a_fault() {
    let mut document = PdfBuilder::new().page(&[(72, 700, "secret")]).document();
    document.trailer.set(
        "ID",
        Object::Array(vec![Object::string_literal("0123456789abcdef"), Object::string_literal("0123456789abcdef")]),
    );
    let version = lopdf::EncryptionVersion::V2 {
        document: &document,
        owner_password: "owner",
        user_password: "user",
        key_length: 128,
        permissions: lopdf::Permissions::all(),
    };
    let state = lopdf::EncryptionState::try_from(version).unwrap();
    document.encrypt(&state).unwrap();
    let read = read_bytes(&bytes_of(document), "a.pdf");
    assert_eq!((read.media_type.as_str(), read.text_state), ("application/pdf", TextState::None));
    assert_eq!(codes(&read), ["password_required"]);
}

#[test]
fn damaged_files_are_read_as_far_as_they_go() {
    let bytes = PdfBuilder::new().page(&[(72, 700, "survives without an index")]).bytes();
    let index = bytes.windows(5).rposition(|window| window == b"xref\n").unwrap();
    let read = read_bytes(&bytes[..index], "a.pdf");
    assert_eq!(all_text(&read), "survives without an index\n");
    let read = read_bytes(b"%PDF-1.7\nnothing that makes sense", "a.pdf");
    assert_eq!((codes(&read), read.text_state, read.page_count), (vec!["file_unreadable"], TextState::None, None));
}

#[test]
fn a_claim_of_a_million_pages_is_a_fault() {
    let mut document = PdfBuilder::new().page(&[(72, 700, "only page")]).document();
    let pages_id = document.catalog().unwrap().get(b"Pages").unwrap().as_reference().unwrap();
    document.get_object_mut(pages_id).unwrap().as_dict_mut().unwrap().set("Count", 1_000_000);
    let read = read_bytes(&bytes_of(document), "a.pdf");
    assert_eq!((read.page_count, codes(&read)), (Some(1), vec!["page_count_differs"]));
    assert_eq!(all_text(&read), "only page\n");
}

#[test]
fn a_page_of_impossible_size_is_bounded() {
    let mut document = PdfBuilder::new().page(&[(72, 700, "words")]).document();
    let page_id = *document.get_pages().get(&1).unwrap();
    let huge = vec![0.into(), 0.into(), Object::Real(3.0e9), Object::Real(3.0e9)];
    document.get_object_mut(page_id).unwrap().as_dict_mut().unwrap().set("MediaBox", huge);
    let read = read_bytes(&bytes_of(document), "a.pdf");
    assert_eq!(codes(&read), ["page_size_impossible"]);
    assert_eq!(read.pages[0].width_pt, Some(1_000_000.0));
}

/// A document whose second page draws ten forms that each draw ten forms, ten deep: it never ends.
fn endless_second_page() -> Vec<u8> {
    let mut document = PdfBuilder::new()
        .page(&[(72, 700, "before the trap")])
        .raw_page(b"/Fm Do")
        .page(&[(72, 700, "behind the trap")])
        .document();
    let mut deeper = None;
    for _ in 0..10 {
        let resources = deeper.map_or_else(
            || dictionary! {},
            |id: lopdf::ObjectId| dictionary! { "XObject" => dictionary! { "Fm" => id } },
        );
        let bounds = vec![0.into(), 0.into(), 9.into(), 9.into()];
        let form = dictionary! { "Type" => "XObject", "Subtype" => "Form", "BBox" => bounds, "Resources" => resources };
        deeper = Some(document.add_object(Stream::new(form, b"/Fm Do ".repeat(10))));
    }
    let page_id = *document.get_pages().get(&2).unwrap();
    let resources = dictionary! { "XObject" => dictionary! { "Fm" => deeper.unwrap() } };
    document.get_object_mut(page_id).unwrap().as_dict_mut().unwrap().set("Resources", resources);
    bytes_of(document)
}

#[test]
fn a_page_without_end_costs_only_itself() {
    let pool = WorkerPool::new(WorkerConfig { cpu_seconds_per_page: 1, ..config() });
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trap.pdf");
    std::fs::write(&path, endless_second_page()).unwrap();
    let read = read_file(&pool, &path, false).unwrap();
    let pages: Vec<&str> = read.pages.iter().map(|page| page.text.trim()).collect();
    assert_eq!(pages, ["before the trap", "", "behind the trap"], "{:?}", read.faults);
    assert_eq!((codes(&read), read.text_state), (vec!["page_timed_out"], TextState::Partial));
    assert_eq!(read.faults[0].page_number, Some(2));
    assert_eq!(pool.report().lost, 1);
}

/// Deflates so many spaces by hand: a literal, then copies of the longest length from distance one, in the fixed code.
fn packed_spaces(count: usize) -> Vec<u8> {
    let mut bits: Vec<u8> = vec![1, 1, 0];
    let code =
        |bits: &mut Vec<u8>, code: u32, length: u32| bits.extend((0..length).rev().map(|at| (code >> at & 1) as u8));
    code(&mut bits, 0x30 + 0x20, 8);
    for _ in 0..count / 258 {
        code(&mut bits, 0b1100_0101, 8);
        code(&mut bits, 0, 5);
    }
    code(&mut bits, 0, 7);
    let packed = bits.chunks(8).map(|byte| byte.iter().enumerate().fold(0, |sum, (at, bit)| sum | bit << at));
    [0x78, 0x9c].into_iter().chain(packed).collect()
}

#[test]
fn a_page_that_unpacks_without_measure_costs_only_itself() {
    let mut document = PdfBuilder::new()
        .page(&[(72, 700, "before the bomb")])
        .raw_page(b"")
        .page(&[(72, 700, "behind it")])
        .document();
    let packed = packed_spaces(400 << 20);
    assert!(packed.len() < 4 << 20);
    let bomb = document.add_object(Stream::new(dictionary! { "Filter" => "FlateDecode" }, packed));
    let page_id = *document.get_pages().get(&2).unwrap();
    document.get_object_mut(page_id).unwrap().as_dict_mut().unwrap().set("Contents", bomb);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bomb.pdf");
    std::fs::write(&path, bytes_of(document)).unwrap();
    let pool = WorkerPool::new(WorkerConfig { memory_bytes: 400 << 20, ..config() });
    let read = read_file(&pool, &path, false).unwrap();
    let pages: Vec<&str> = read.pages.iter().map(|page| page.text.trim()).collect();
    assert_eq!(pages, ["before the bomb", "", "behind it"], "{:?}", read.faults);
    assert_eq!(codes(&read), ["memory_exceeded"]);
}

#[test]
fn printed_arabic_reads_as_it_was_written() {
    let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/chromium-arabic.pdf");
    let text = all_text(&read_file(shared_pool(), &golden, false).unwrap());
    for line in [
        "شهادة تسجيل علامة (رقم 4521/2024)",
        "بِسْمِ اللَّهِ الرَّحْمَٰنِ الرَّحِيمِ — نَصٌّ مُشَكَّلٌ لِلِاخْتِبَارِ.",
        "تقدمت شركة Acme Trading Co. Ltd. (المملكة المتحدة) بطلب بتاريخ 12 مايو 2024 بمبلغ 1,250.50 د.إ. أي ما يعادل 15%",
        "البريد الإلكتروني: info@example.org والهاتف +971 4 123 4567 والموقع https://www.example.org/ar?id=5",
        "الفئات: 9، 35، 42 والمادة (12) فقرة [ب] «اقتباس» لا لأ لإ لآ الله.",
        "نص بخط كوفي حديث: الملكية الصناعية والتجارية.",
        "The application of شركة الواحة للأغذية was filed on 12 May 2024 (No. 77).",
        "أحمد علي مصر 1001",
        "Sara Smith كندا 1002",
    ] {
        assert!(text.lines().any(|read| read == line), "{line} is not in:\n{text}");
    }
    // Of two columns the right one comes first.
    assert!(text.find("هذا نص طويل في عمودين").unwrap() < text.find("مرات حتى يصبح").unwrap());
}
