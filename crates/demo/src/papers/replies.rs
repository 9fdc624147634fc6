//! What others send on paper: powers of attorney, replies, oppositions. They are typed here and then go to the scanner.

use super::dates::written;
use super::{Paper, Step, name_and_address};
use crate::cases::people::{DAIRY, HARBOUR, KARIM, OFFICE, OFFICE_ADDRESS, Person};
use crate::cases::{Case, Language, Subject};
use crate::output::scan::{Lot, sign};
use crate::page::flow::{Align, Flow};
use crate::page::line::Look;
use crate::page::{A4_WIDTH, Ink, Page, Path};

const STAMP: Ink = Ink(70, 40, 120);

/// Returns who opposes.
pub(super) fn opponent(case: &Case) -> &'static Person {
    if case.applicant == HARBOUR { &DAIRY } else { &HARBOUR }
}

/// Returns a power of attorney.
pub(super) fn power(case: &Case, paper: &Paper) -> Vec<Page> {
    let mut flow = Flow::new(case.language == Language::Arabic);
    let agent = case.representative.as_ref().unwrap_or(&KARIM);
    let (giver, taker) = (name_and_address(&case.applicant, case.language), name_and_address(agent, case.language));
    stamp(flow.page(), paper);
    flow.space(50.0);
    flow.text(paper.title, &Look::bold(17.0), Align::Centre);
    flow.space(24.0);
    let paragraphs = match case.language {
        Language::English => [
            format!("We, the undersigned, {giver},"),
            format!("hereby appoint {taker}"),
            format!(
                "to act for us before the {} in the matter of application {} ({}), to file and to receive papers, to pay fees, to reply to objections, and to withdraw.",
                OFFICE.en, case.number, case.title.en
            ),
            format!("Done at Port Safa on {}.", written(paper.dated, Language::English)),
        ],
        Language::Arabic => [
            format!("نحن الموقعين أسفله، {giver}،"),
            format!("نوكل بموجب هذا {taker}"),
            format!(
                "لتمثيلنا أمام {} في شأن الطلب رقم {} ({})، ولإيداع الوثائق وتسلمها وأداء الرسوم والجواب على الاعتراضات والسحب.",
                OFFICE.ar, case.number, case.title.ar
            ),
            format!("حرر بمرفأ الصفا في {}.", written(paper.dated, Language::Arabic)),
        ],
    };
    for paragraph in paragraphs {
        flow.text(&paragraph, &Look::plain(12.0), Align::Start);
        flow.space(10.0);
    }
    signed(&mut flow, case.applicant.name.in_language(case.language), case.applicant.name.en, case.language);
    flow.finish("")
}

/// Returns a letter to the office.
pub(super) fn letter(case: &Case, paper: &Paper) -> Vec<Page> {
    let mut flow = Flow::new(case.language == Language::Arabic);
    let language = case.language;
    let sender = if paper.step == Step::Opposition { opponent(case) } else { case.correspondent() };
    stamp(flow.page(), paper);
    flow.space(30.0);
    flow.text(sender.name.in_language(language), &Look::bold(12.0), Align::Start);
    flow.text(sender.address.in_language(language), &Look::plain(11.0), Align::Start);
    flow.space(18.0);
    flow.text(OFFICE.in_language(language), &Look::plain(11.5), Align::Start);
    flow.text(OFFICE_ADDRESS.in_language(language), &Look::plain(11.5), Align::Start);
    flow.text(&written(paper.dated, language), &Look::plain(11.5), Align::End);
    flow.space(14.0);
    flow.text(
        &format!("{}: {} {}", paper.title, case.number, case.title.in_language(language)),
        &Look::bold(12.0),
        Align::Start,
    );
    flow.space(10.0);
    for paragraph in paragraphs(case, paper) {
        flow.text(&paragraph, &Look::plain(12.0), Align::Start);
        flow.space(9.0);
    }
    signed(&mut flow, sender.name.in_language(language), sender.name.en, language);
    flow.finish("")
}

/// Stamps the day of receipt, as the counter does.
fn stamp(page: &mut Page, paper: &Paper) {
    let mut lot = Lot::of(&paper.number);
    let (x, y) = (A4_WIDTH - 200.0 + lot.between(-14.0, 14.0), 30.0 + lot.between(0.0, 14.0));
    page.stroke(Path::rect(x, y, 132.0, 40.0), 1.8, STAMP);
    page.label("RECEIVED  ورد", x + 66.0, y + 17.0, &Look::bold(11.0).inked(STAMP));
    let dated = format!("{} {}", paper.dated, paper.number);
    page.label(&dated, x + 66.0, y + 33.0, &Look::plain(9.0).inked(STAMP));
}

fn signed(flow: &mut Flow, name: &str, hand: &str, language: Language) {
    flow.need(100.0);
    flow.space(14.0);
    let x = if language == Language::Arabic { A4_WIDTH - 210.0 } else { 80.0 };
    let y = flow.y() + 26.0;
    sign(flow.page(), hand, x, y);
    flow.space(50.0);
    flow.text(name, &Look::plain(11.5), Align::Start);
}

fn paragraphs(case: &Case, paper: &Paper) -> Vec<String> {
    let texts: &[&str] = match (paper.step, case.language, &case.subject) {
        (Step::DeficiencyReply, Language::English, _) => &[
            "With reference to your notice of deficiencies we enclose what was missing.",
            "The power of attorney, now signed, and the list with narrower terms are attached. We ask you to continue the examination.",
        ],
        (Step::DeficiencyReply, Language::Arabic, _) => &[
            "إشارة إلى إشعاركم بالنواقص، نرفق لكم ما كان ناقصا.",
            "تجدون رفقته الوثائق المصححة والرسوم الجديدة، ونلتمس منكم مواصلة الفحص.",
        ],
        (Step::Withdrawal, Language::English, _) => &[
            "On behalf of the applicant we withdraw the application named above.",
            "We ask for confirmation, and for the return of the publication fee if it has been paid.",
        ],
        (Step::Withdrawal, Language::Arabic, _) => {
            &["نيابة عن مقدم الطلب نسحب الطلب المذكور أعلاه.", "ونلتمس تأكيدا بذلك."]
        }
        (Step::Opposition, Language::English, _) => &[
            "We oppose the registration of the mark named above, which was published in the bulletin.",
            "We own the earlier mark BLUE HAVEN, registered since 2011 for milk, cheese and preserved fish. The two marks begin with the same word, they have the same number of syllables, and both call up a place where ships are safe.",
            "The goods are the same or similar, they are sold on the same shelves and to the same public. There is a likelihood of confusion, which includes the likelihood of association.",
            "Evidence of use of the earlier mark in the last five years is enclosed: invoices, price lists, and photographs of packages.",
            "We ask that the opposition be upheld in full and that the applicant bear the costs.",
        ],
        (Step::Opposition, Language::Arabic, _) => &["نعارض تسجيل العلامة المذكورة أعلاه لتشابهها مع علامتنا السابقة."],
        (_, Language::English, Subject::Patent(_)) => &[
            "We reply to the letter of objection, and file amended claims.",
            "Claim 1 now states the threshold of pressure. The document cited opens its valve above a threshold, not below it; a person skilled in the art had no reason to turn it round.",
            "The advantage is shown in the description: the emitter cleans itself at the beginning and at the end of each irrigation, without moving parts other than the membrane.",
            "Should the examiner intend to refuse the application, we ask for an oral hearing.",
        ],
        (_, Language::English, _) => &[
            "We reply to the letter of objection.",
            "The marks differ in sight and in sound. The public for measuring instruments is attentive and buys after comparing data sheets.",
            "We limit the list: calibration for the food trade is deleted. A declaration of consent by the owner of the earlier mark is enclosed.",
        ],
        (_, Language::Arabic, _) => &[
            "جوابا على خطاب الاعتراض نفيدكم بما يلي.",
            "تختلف العلامتان في الشكل وفي النطق، والعلامة السابقة لا تستعمل إلا لمصابيح السيارات، بينما تخص علامتنا الفوانيس التقليدية المصنوعة يدويا.",
            "نلتمس سحب الاعتراض ومواصلة إجراءات التسجيل.",
        ],
    };
    texts.iter().map(|text| (*text).to_owned()).collect()
}
