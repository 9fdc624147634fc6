//! What a patent or a design is made of: description, claims, abstract, drawings, views.

use crate::art::figures;
use crate::art::views::{SIDES, Side, view_at};
use crate::cases::{Case, Language, Patent, Subject};
use crate::page::flow::{Align, Flow};
use crate::page::line::Look;
use crate::page::{A4_WIDTH, Page};

fn patent(case: &Case) -> Option<&Patent> {
    match &case.subject {
        Subject::Patent(patent) => Some(patent),
        _ => None,
    }
}

/// Returns the description: field, background, what the invention is, its parts, how it works.
pub(super) fn description(case: &Case) -> Vec<Page> {
    let Some(patent) = patent(case) else { return Vec::new() };
    let language = case.language;
    let mut flow = Flow::new(language == Language::Arabic);
    flow.text(case.title.in_language(language), &Look::bold(16.0), Align::Centre);
    flow.space(14.0);
    for (heading, paragraphs) in sections(case, patent) {
        flow.heading(heading, 12.0);
        for paragraph in paragraphs {
            flow.paragraph(&paragraph);
        }
    }
    flow.finish(case.number)
}

fn sections(case: &Case, patent: &Patent) -> Vec<(&'static str, Vec<String>)> {
    let language = case.language;
    let title = case.title.in_language(language);
    let (background, summary) = (patent.background.in_language(language), patent.summary.in_language(language));
    match language {
        Language::English => vec![
            (
                "Technical field",
                vec![format!(
                    "The invention relates to the following: {title}. It belongs to the classes {}.",
                    patent.classes.join(" and ")
                )],
            ),
            (
                "Background",
                vec![
                    background.to_owned(),
                    "Attempts to mend this by larger parts made the known devices costly and heavy.".to_owned(),
                ],
            ),
            ("Summary of the invention", vec![summary.to_owned()]),
            ("Short description of the drawings", captions(patent, language)),
            ("Ways of carrying out the invention", workings(patent, language)),
            (
                "Industrial applicability",
                vec!["The invention can be made and used in agriculture, in workshops and in households.".to_owned()],
            ),
        ],
        Language::Arabic => vec![
            (
                "المجال التقني",
                vec![format!("يتعلق الاختراع بما يلي: {title}، وهو يندرج ضمن التصنيف {}.", patent.classes.join(" و "))],
            ),
            (
                "الحالة التقنية السابقة",
                vec![
                    background.to_owned(),
                    "وقد جعلت محاولات معالجة ذلك بأجزاء أكبر الأجهزة المعروفة ثقيلة ومرتفعة الثمن.".to_owned(),
                ],
            ),
            ("خلاصة الاختراع", vec![summary.to_owned()]),
            ("شرح مختصر للرسوم", captions(patent, language)),
            ("طرق تنفيذ الاختراع", workings(patent, language)),
            ("قابلية التطبيق الصناعي", vec!["يمكن صنع الاختراع واستعماله في الزراعة والورشات والمنازل.".to_owned()]),
        ],
    }
}

fn captions(patent: &Patent, language: Language) -> Vec<String> {
    let numbers = 1..=patent.figures.len();
    match language {
        Language::English => {
            numbers.map(|number| format!("Figure {number} shows one way of carrying out the invention.")).collect()
        }
        Language::Arabic => numbers.map(|number| format!("يبين الشكل {number} إحدى طرق تنفيذ الاختراع.")).collect(),
    }
}

/// Every part is described, and how it stands to the next.
fn workings(patent: &Patent, language: Language) -> Vec<String> {
    let mut paragraphs = Vec::new();
    let following = patent.parts.iter().cycle().skip(1);
    for ((numeral, name), (next_numeral, next)) in patent.parts.iter().zip(following) {
        let (name, next) = (name.in_language(language), next.in_language(language));
        paragraphs.push(match language {
            Language::English => format!(
                "The {name} ({numeral}) is connected to the {next} ({next_numeral}). In the example of figure 1 the {name} ({numeral}) is made of a material that withstands sun, salt and sand for at least ten years. Tests over three seasons have shown that the {name} can be replaced without tools, and that the {next} keeps its place meanwhile. Those skilled in the art will see that the two can also be made in one piece."
            ),
            Language::Arabic => format!(
                "يتصل {name} رقم {numeral} بـ {next} رقم {next_numeral}. وفي المثال المبين في الشكل 1 يصنع {name} من مادة تقاوم الشمس والملح والرمل عشر سنوات على الأقل. وقد أظهرت التجارب خلال ثلاثة مواسم أنه يمكن استبدال {name} دون أدوات، ويبقى {next} في مكانه. ويدرك رجل المهنة أنه يمكن صنع الجزأين قطعة واحدة."
            ),
        });
    }
    paragraphs
}

/// Returns the claims. Each later version has one dependent claim less, and the first claim is narrower.
pub(super) fn claims(case: &Case, version: usize) -> Vec<Page> {
    let Some(patent) = patent(case) else { return Vec::new() };
    let language = case.language;
    let mut flow = Flow::new(language == Language::Arabic);
    let (heading, amended) = match language {
        Language::English => ("Claims", "Amended claims"),
        Language::Arabic => ("عناصر الحماية", "عناصر الحماية المعدلة"),
    };
    flow.text(if version == 0 { heading } else { amended }, &Look::bold(16.0), Align::Centre);
    flow.space(14.0);
    let kept = patent.claims.len().saturating_sub(version).max(1);
    for (position, claim) in patent.claims.iter().take(kept).enumerate() {
        let narrower = match (position, version, language) {
            (0, 1, Language::English) => " The threshold lies between 20 and 35 kilopascals.",
            (0, 2, Language::English) => {
                " The threshold lies between 24 and 28 kilopascals, and the gap closes again within two seconds."
            }
            _ => "",
        };
        flow.paragraph(&format!("{}. {}{narrower}", position + 1, claim.in_language(language)));
    }
    if language == Language::Arabic {
        flow.space(10.0);
        flow.heading("Claims (translation)", 12.0);
        for (position, claim) in patent.claims.iter().enumerate() {
            flow.paragraph(&format!("{}. {}", position + 1, claim.en));
        }
    }
    flow.finish(case.number)
}

/// Returns the abstract, in both languages.
pub(super) fn summary(case: &Case) -> Vec<Page> {
    let Some(patent) = patent(case) else { return Vec::new() };
    let mut flow = Flow::new(case.language == Language::Arabic);
    for language in [case.language, case.language.other()] {
        let heading = match language {
            Language::English => "Abstract",
            Language::Arabic => "الملخص",
        };
        flow.heading(heading, 14.0);
        flow.text(case.title.in_language(language), &Look::bold(11.0), Align::Start);
        flow.paragraph(patent.summary.in_language(language));
        flow.space(20.0);
    }
    flow.finish(case.number)
}

/// Returns the sheets of drawings.
pub(super) fn drawings(case: &Case) -> Vec<Page> {
    let Some(patent) = patent(case) else { return Vec::new() };
    let sheets = patent.figures.iter().enumerate();
    sheets.map(|(position, figure)| figures::sheet(patent, *figure, position + 1, case.language)).collect()
}

/// Returns the views of a design, two on a sheet; at first without the one from above.
pub(super) fn design_views(case: &Case, version: usize) -> Vec<Page> {
    let Subject::Design(design) = &case.subject else { return Vec::new() };
    let is_incomplete = version == 0 && case.status == "Deficiency notified";
    let sides: Vec<Side> = SIDES.into_iter().filter(|side| !(is_incomplete && *side == Side::Above)).collect();
    let mut pages = Vec::new();
    for (sheet, two) in sides.chunks(2).enumerate() {
        let mut page = Page::a4();
        let places: Vec<(Side, f32)> = two.iter().copied().zip([230.0, 590.0]).collect();
        for (side, y) in &places {
            view_at(&mut page, design.piece, *side, A4_WIDTH / 2.0, *y);
        }
        for (place, (side, y)) in places.iter().enumerate() {
            let text = caption(*side, sheet * 2 + place + 1, case.language);
            page.label(&text, A4_WIDTH / 2.0, y + 165.0, &Look::plain(12.0));
        }
        page.label(case.number, A4_WIDTH / 2.0, 48.0, &Look::plain(10.0));
        pages.push(page);
    }
    pages
}

fn caption(side: Side, number: usize, language: Language) -> String {
    let name = match (side, language) {
        (Side::Front, Language::English) => "front",
        (Side::Profile, Language::English) => "side",
        (Side::Above, Language::English) => "from above",
        (Side::Detail, Language::English) => "detail",
        (Side::Front, Language::Arabic) => "منظر أمامي",
        (Side::Profile, Language::Arabic) => "منظر جانبي",
        (Side::Above, Language::Arabic) => "منظر علوي",
        (Side::Detail, Language::Arabic) => "تفصيل",
    };
    format!("1.{number}  {name}")
}
