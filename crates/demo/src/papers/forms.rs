//! Forms in both languages: the application, the report on formalities, the certificate.

use super::dates::written;
use super::letters::{head, subject};
use super::{Paper, name_and_address};
use crate::art::signs;
use crate::cases::people::{OFFICE, Person, twin};
use crate::cases::{Case, Language, Subject};
use crate::output::scan::sign;
use crate::page::flow::{Align, Flow, GREY};
use crate::page::line::Look;
use crate::page::{A4_HEIGHT, A4_WIDTH, Ink, Item, Page, Path};

/// Returns the application form; the second version has the corrected address.
pub(super) fn application(case: &Case, paper: &Paper, version: usize) -> Vec<Page> {
    let leftwards = case.language == Language::Arabic;
    let mut flow = Flow::new(leftwards);
    head(&mut flow);
    let title = match case.subject {
        Subject::Mark(_) => twin("Application for the registration of a mark", "طلب تسجيل علامة"),
        Subject::Patent(_) => twin("Application for a patent", "طلب براءة اختراع"),
        Subject::Design(_) => twin("Application for the registration of a design", "طلب تسجيل رسم أو نموذج"),
    };
    flow.text(title.en, &Look::bold(13.0), Align::Centre);
    flow.text(title.ar, &Look::bold(13.0), Align::Centre);
    flow.space(8.0);
    flow.field("(210) Number / الرقم", case.number);
    flow.field("(220) Filing date / تاريخ الإيداع", &both(|language| written(case.filed_on, language)));
    flow.field("(540) (54) Title / العنوان", &format!("{} / {}", case.title.en, case.title.ar));
    flow.field("(730) (71) Applicant / مقدم الطلب", &name_and_address(&case.applicant, Language::English));
    flow.field("", &name_and_address(&case.applicant, Language::Arabic));
    if version > 0 {
        flow.field("Corrected / تصحيح", "Suite 2, second floor / الطابق الثاني، المكتب 2");
    }
    flow.field("State / الدولة", case.applicant.state);
    if let Some(agent) = &case.representative {
        flow.field("(740) (74) Representative / الوكيل", &name_and_address(agent, Language::English));
        flow.field("", &name_and_address(agent, Language::Arabic));
    }
    particulars(&mut flow, case);
    flow.space(8.0);
    flow.paragraph("The applicant declares that the particulars are true.");
    flow.paragraph("يصرح مقدم الطلب بصحة البيانات الواردة أعلاه.");
    flow.need(70.0);
    let y = flow.y() + 28.0;
    sign(flow.page(), case.correspondent().name.en, 90.0, y);
    flow.space(52.0);
    flow.text("Signature / التوقيع", &Look::plain(8.5).inked(GREY), Align::Start);
    flow.finish(&format!("{} · {}", case.number, paper.number))
}

fn particulars(flow: &mut Flow, case: &Case) {
    match &case.subject {
        Subject::Mark(mark) => {
            let classes: Vec<String> = mark.classes.iter().map(ToString::to_string).collect();
            flow.field("(511) Classes / الفئات", &classes.join(", "));
            flow.field("(510) Goods and services", mark.goods.en);
            flow.field("السلع والخدمات", mark.goods.ar);
            if let Some(sign) = mark.sign {
                flow.need(120.0);
                let y = flow.y() + 52.0;
                small_sign(flow.page(), sign, A4_WIDTH / 2.0, y);
                flow.space(112.0);
            }
        }
        Subject::Patent(patent) => {
            flow.field("(51) IPC / التصنيف الدولي", &patent.classes.join("; "));
            let names: Vec<String> = patent.inventors.iter().map(|name| format!("{} / {}", name.en, name.ar)).collect();
            for name in names {
                flow.field("(72) Inventor / المخترع", &name);
            }
            flow.field("(57) Abstract", patent.summary.en);
            flow.field("الملخص", patent.summary.ar);
        }
        Subject::Design(design) => {
            flow.field("(51) Locarno classes / فئات لوكارنو", &design.classes.join("; "));
            for name in design.designers {
                flow.field("(72) Designer / المصمم", &format!("{} / {}", name.en, name.ar));
            }
            flow.field("(57) Description", design.summary.en);
            flow.field("الوصف", design.summary.ar);
        }
    }
}

/// Draws a mark's figure, half as large.
fn small_sign(page: &mut Page, figure: crate::cases::Sign, x: f32, y: f32) {
    let mut own = Page::new(0.0, 0.0);
    signs::sign_at(&mut own, figure, 0.0, 0.0);
    for item in own.items {
        if let Item::Path(mut item) = item {
            item.path = item.path.mapped(|a, b| (x + a * 0.5, y + b * 0.5));
            if let Some(stroke) = &mut item.stroke {
                stroke.width *= 0.5;
            }
            page.items.push(Item::Path(item));
        }
    }
}

fn both(text: impl Fn(Language) -> String) -> String {
    // An isolate, so that the numbers of the second keep their side (UAX #9, 2.4).
    format!("{} / \u{2067}{}\u{2069}", text(Language::English), text(Language::Arabic))
}

/// Returns the report on formalities: a table of what was checked. The second version has checked the classification.
pub(super) fn formality_report(case: &Case, paper: &Paper, version: usize) -> Vec<Page> {
    let is_arabic = case.language == Language::Arabic;
    let mut flow = Flow::new(is_arabic);
    head(&mut flow);
    flow.heading(paper.title, 14.0);
    let (about, examiner) = match case.language {
        Language::English => ("Application", "Examiner"),
        Language::Arabic => ("الطلب", "الفاحص"),
    };
    flow.field(about, &format!("{} · {}", case.number, case.title.in_language(case.language)));
    flow.field(examiner, case.examiner.in_language(case.language));
    flow.space(8.0);
    let rows = [
        ["Item", "Result", "Remark"],
        ["Identity of the applicant", "in order", "compared with the register of companies"],
        ["Representation by an agent", "in order", "power of attorney, see the dossier"],
        ["Fees", "paid", "receipt in the dossier"],
        ["Representation, description or drawings", "in order", "fit to be reproduced"],
        ["Classification", if version == 0 { "open" } else { "in order" }, "edition of 2026"],
    ];
    let arabic_rows = [
        ["البند", "النتيجة", "ملاحظة"],
        ["هوية مقدم الطلب", "مستوفى", "تمت المقارنة مع السجل التجاري"],
        ["التمثيل بواسطة وكيل", "مستوفى", "التوكيل مرفق بالملف"],
        ["الرسوم", "مؤداة", "الإيصال مرفق بالملف"],
        ["الصورة أو الوصف أو الرسوم", "مستوفى", "صالحة للاستنساخ"],
        ["التصنيف", if version == 0 { "قيد النظر" } else { "مستوفى" }, "طبعة 2026"],
    ];
    let rows: Vec<Vec<String>> = if is_arabic { arabic_rows } else { rows }
        .iter()
        .map(|row| row.iter().map(|cell| (*cell).to_owned()).collect())
        .collect();
    flow.table(&[0.42, 0.18, 0.40], &rows);
    flow.finish(&format!("{} · {}", case.number, paper.number))
}

/// Returns the certificate, in both languages.
pub(super) fn certificate(case: &Case, paper: &Paper) -> Vec<Page> {
    let mut flow = Flow::new(false);
    frame(flow.page());
    flow.space(40.0);
    flow.text(OFFICE.en, &Look::bold(13.0), Align::Centre);
    flow.text(OFFICE.ar, &Look::bold(14.0), Align::Centre);
    flow.space(24.0);
    let title = match case.subject {
        Subject::Mark(_) => twin("Certificate of registration of a mark", "شهادة تسجيل علامة"),
        Subject::Patent(_) => twin("Letters patent", "براءة اختراع"),
        Subject::Design(_) => twin("Certificate of registration of a design", "شهادة تسجيل رسم أو نموذج"),
    };
    flow.text(title.en, &Look::bold(22.0), Align::Centre);
    flow.text(title.ar, &Look::bold(22.0), Align::Centre);
    flow.space(10.0);
    if let Subject::Mark(mark) = &case.subject
        && let Some(sign) = mark.sign
    {
        let y = flow.y() + 54.0;
        small_sign(flow.page(), sign, A4_WIDTH / 2.0, y);
        flow.space(112.0);
    }
    let owner: &Person = &case.applicant;
    flow.field("(111) Registration number / رقم التسجيل", case.registration.unwrap_or(case.number));
    flow.field("(151) Date / التاريخ", &both(|language| written(paper.dated, language)));
    flow.field("(210) Application / الطلب", case.number);
    flow.field("(732) (73) Owner / المالك", &format!("{} / {}", owner.name.en, owner.name.ar));
    flow.field("(540) (54) Title / العنوان", &format!("{} / {}", case.title.en, case.title.ar));
    flow.field("(510) (57) Subject", subject(case, Language::English));
    flow.field("الموضوع", subject(case, Language::Arabic));
    let y = A4_HEIGHT - 140.0;
    seal(flow.page(), A4_WIDTH - 160.0, y);
    sign(flow.page(), "The Registrar of Port Safa", 110.0, y);
    flow.page().write("The Registrar / المسجل", 110.0, y + 34.0, &Look::plain(10.0));
    flow.finish(&format!("{} · {}", case.number, paper.number))
}

fn frame(page: &mut Page) {
    let gold = Ink(168, 132, 58);
    for (inset, width) in [(30.0, 2.4), (36.0, 0.8)] {
        page.stroke(Path::rect(inset, inset, A4_WIDTH - inset * 2.0, A4_HEIGHT - inset * 2.0), width, gold);
    }
    for (x, y) in [(33.0, 33.0), (A4_WIDTH - 33.0, 33.0), (33.0, A4_HEIGHT - 33.0), (A4_WIDTH - 33.0, A4_HEIGHT - 33.0)]
    {
        page.fill(Path::star(x, y, 8, 13.0, 9.0), gold);
    }
}

fn seal(page: &mut Page, x: f32, y: f32) {
    let ink = Ink(150, 30, 40);
    page.fill(Path::star(x, y, 24, 46.0, 41.0), ink);
    page.stroke(Path::circle(x, y, 34.0), 1.0, Ink(240, 220, 200));
    page.fill(Path::star(x, y, 8, 22.0, 15.0), Ink(240, 220, 200));
}
