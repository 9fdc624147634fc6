//! Papers that are plain text or HTML: receipts, notes, search reports.

use super::dates::written;
use super::{Paper, later};
use crate::cases::people::OFFICE;
use crate::cases::{Case, Language, Subject};

/// Returns a receipt of the till, in both languages, as text.
pub(super) fn receipt(case: &Case, paper: &Paper) -> String {
    let (fee, classes) = match &case.subject {
        Subject::Mark(mark) => (150, mark.classes.len()),
        Subject::Patent(patent) => (300, patent.claims.len()),
        Subject::Design(_) => (90, 1),
    };
    let extra = 40 * classes.saturating_sub(1);
    let payer = &case.applicant.name;
    let rule = "-".repeat(56);
    [
        OFFICE.en.to_owned(),
        OFFICE.ar.to_owned(),
        rule.clone(),
        format!("Receipt / إيصال: {}", paper.number),
        format!("Date / التاريخ: {}", paper.dated),
        format!("Application / الطلب: {}", case.number),
        format!("Paid by / الدافع: {} / {}", payer.en, payer.ar),
        rule.clone(),
        format!("Filing fee / رسم الإيداع                     {fee:>6}.00"),
        format!("Further classes or claims / فئات إضافية     {extra:>6}.00"),
        rule,
        format!("Total / المجموع                              {:>6}.00", fee + extra),
        "Paid in cash at the counter. أدي نقدا بالشباك.".to_owned(),
        String::new(),
    ]
    .join("\r\n")
}

/// Returns a note of the examiner, as text.
pub(super) fn note(case: &Case, paper: &Paper) -> String {
    let date = written(paper.dated, case.language);
    let examiner = case.examiner.in_language(case.language);
    match case.language {
        Language::English => format!(
            "NOTE TO THE FILE {}\n{date}, {examiner}\n\nCall with the representative: the list of goods will be limited. A written reply follows within two weeks.\nThe team leader agrees to wait for it before a decision is drafted.\n",
            case.number
        ),
        Language::Arabic => format!(
            "مذكرة في الملف {}\n{date}، {examiner}\n\nمكالمة هاتفية مع مقدم الطلب: ستحصر قائمة السلع في المنتجات المصنوعة يدويا، وسيصل جواب كتابي خلال أسبوعين.\nوافق رئيس القسم على انتظار الجواب قبل إعداد القرار.\n",
            case.number
        ),
    }
}

/// Returns the report on the search, as HTML. The second version has one more hit, found by the other script.
pub(super) fn search_report(case: &Case, paper: &Paper, version: usize) -> String {
    let language = case.language;
    let (code, direction) = match language {
        Language::English => ("en", "ltr"),
        Language::Arabic => ("ar", "rtl"),
    };
    let (scope, columns) = match language {
        Language::English => (
            "Databases searched: national register, regional register, bulletins since 1998.",
            ["No.", "Document", "Date", "Relevance"],
        ),
        Language::Arabic => (
            "قواعد البيانات: السجل الوطني والسجل الإقليمي والنشرات منذ سنة 1998.",
            ["الرقم", "الوثيقة", "التاريخ", "درجة الصلة"],
        ),
    };
    let mut rows = String::new();
    for (position, (document, relevance)) in hits(case, version).into_iter().enumerate() {
        let date = later(case.filed_on, -400 - 173 * i64::try_from(position).unwrap_or(0));
        rows.push_str(&format!(
            "<tr><td>{}</td><td>{document}</td><td>{date}</td><td>{relevance}</td></tr>\n",
            position + 1
        ));
    }
    let head: String = columns.iter().map(|column| format!("<th>{column}</th>")).collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"{code}\" dir=\"{direction}\">\n<head>\n<meta charset=\"utf-8\">\n<title>{} {}</title>\n</head>\n<body>\n<h1>{}</h1>\n<p>{} · <bdi>{}</bdi> · {}</p>\n<p>{scope}</p>\n<table>\n<tr>{head}</tr>\n{rows}</table>\n<p>{}</p>\n</body>\n</html>\n",
        case.number,
        paper.title,
        paper.title,
        case.number,
        case.title.in_language(language),
        written(paper.made_on(version), language),
        case.examiner.in_language(language),
    )
}

fn hits(case: &Case, version: usize) -> Vec<(String, &'static str)> {
    let language = case.language;
    let mut hits = match (&case.subject, language) {
        (Subject::Mark(mark), _) => vec![
            (format!("{} (R-88213)", mark.earlier.in_language(language)), "A"),
            (format!("{} (R-71940)", case.title.in_language(language)), "B"),
        ],
        (_, Language::English) => vec![
            ("WO 2012/100001, figures 1 to 3, paragraphs 14 to 22".to_owned(), "X"),
            ("National application PT/2009/000311, abstract".to_owned(), "Y"),
            ("Handbook of rural engineering, third edition, page 211".to_owned(), "A"),
        ],
        (_, Language::Arabic) => vec![
            ("الطلب الدولي WO 2012/100001، الأشكال 1 إلى 3".to_owned(), "X"),
            ("الطلب الوطني PT/2009/000311، الملخص".to_owned(), "A"),
            ("دليل الهندسة القروية، الطبعة الثالثة، الصفحة 211".to_owned(), "A"),
        ],
    };
    if version > 0 {
        hits.push((format!("{} (R-90467)", case.title.in_language(language.other())), "A"));
    }
    hits
}
