//! Arabic, Chinese, French and others: what one types finds what is written.

use cartulary_index::Entry;

use crate::harness::{Office, office, page, paper};

fn holding(texts: &[(&str, Option<&str>)]) -> Office {
    let office = office();
    office.hold(
        (1..).zip(texts).map(|(no, (text, language))| Entry { pages: vec![page(1, text, *language)], ..paper(no, "") }),
    );
    office
}

fn check(office: &Office, query: &str, expect: &[i64]) {
    let mut found = office.found(query);
    found.sort_unstable();
    assert_eq!(found, expect, "{query}");
}

#[test]
fn arabic_is_found_in_all_its_spellings() {
    let office = holding(&[
        ("تسجيل العلامة التجارية رقم ٢٠٢٦/١٢", Some("ar")),
        ("إدارةُ الأحوالِ المدنيّة", None),
        ("مستشفـــى كبير", None),
        ("كتاب", None),
    ]);
    for (query, expect) in [
        ("العلامة", &[1_i64][..]),
        ("العلامه", &[1]),
        ("علامة", &[1]),
        ("\"العلامة التجارية\"", &[1]),
        ("2026/12", &[1]),
        ("٢٠٢٦", &[1]),
        ("۲۰۲۶", &[1]),
        ("ادارة", &[2]),
        ("الاحوال", &[2]),
        ("المدنية", &[2]),
        ("مستشفى", &[3]),
        ("مستشفي", &[3]),
        ("كِتَابٌ", &[4]),
        ("كتا*", &[4]),
    ] {
        check(&office, query, expect);
    }
    assert_eq!(office.snippet("التجاريه"), "1: تسجيل العلامة [التجارية] رقم ٢٠٢٦/١٢");
}

#[test]
fn chinese_is_found_by_any_part_of_a_phrase() {
    let office = holding(&[
        ("国家知识产权局商标局负责商标注册", Some("zh")),
        ("商品和服务的标注", Some("cmn")),
        ("特許庁", None),
        ("상표등록", None),
    ]);
    for (query, expect) in [
        ("商标", &[1_i64][..]),
        ("商标注册", &[1]),
        ("注册", &[1]),
        ("知识产权", &[1]),
        ("标注", &[1, 2]),
        ("商", &[1, 2]),
        ("册", &[1]),
        ("商标 注册", &[1]),
        ("注册商标", &[]),
        ("特許", &[3]),
        ("등록", &[4]),
    ] {
        check(&office, query, expect);
    }
    assert_eq!(office.snippet("商标注册"), "1: 国家知识产权局商标局负责[商标注册]");
}

#[test]
fn stems_go_by_the_language_of_the_page() {
    let office = holding(&[
        ("Les marques ont été enregistrées à l'office", Some("fr")),
        ("The marks were registered", Some("eng")),
        ("Las marcas registradas", Some("es")),
        ("Die eingetragenen Marken in der Straße", Some("de")),
        ("As marcas foram registradas", Some("pt")),
        ("Товарные знаки зарегистрированы", None),
    ]);
    for (query, expect) in [
        ("marque", &[1_i64][..]),
        ("enregistrée", &[1]),
        ("l’office", &[1]),
        // A query has no language, so it finds the German word too.
        ("mark", &[2, 4]),
        ("marca", &[3, 5]),
        ("registrada", &[3, 5]),
        ("Strasse", &[4]),
        ("eingetragen", &[4]),
        ("знак", &[6]),
        ("товарный знак", &[6]),
    ] {
        check(&office, query, expect);
    }
}

#[test]
fn each_page_has_its_own_language() {
    let office = office();
    let pages =
        vec![page(1, "the registrations", Some("en")), page(2, "les demandes", Some("fr")), page(3, "التسجيلات", None)];
    office.hold([Entry { pages, ..paper(1, "") }]);
    assert_eq!(office.snippet("registration"), "1: the [registrations]");
    assert_eq!(office.snippet("demande"), "2: les [demandes]");
    assert_eq!(office.snippet("تسجيلات"), "3: [التسجيلات]");
}

#[test]
fn a_title_is_stemmed_without_knowing_its_language() {
    let office = office();
    office.hold([
        Entry { title: "Letters of the keepers".to_owned(), ..paper(1, "") },
        Entry { title: "Demandes déposées".to_owned(), pages: Vec::new(), ..paper(2, "") },
    ]);
    check(&office, "keeper", &[1]);
    check(&office, "demande", &[2]);
}

#[test]
fn mixed_directions_are_shown_in_logical_order() {
    let office = holding(&[("الطلب \u{202B}رقم \u{2066}TM/2026/0012\u{2069}\u{202C} مقبول", None)]);
    assert_eq!(office.snippet("TM/2026/0012 مقبول"), "1: الطلب رقم [TM]/[2026]/[0012] [مقبول]");
}
