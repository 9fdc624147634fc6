//! The letters of the office, typed, in the language of the procedure or in both.

use super::dates::written;
use super::{Paper, Step, later, name_and_address};
use crate::cases::people::{OFFICE, OFFICE_ADDRESS};
use crate::cases::{Case, Language, Subject};
use crate::output::scan::sign;
use crate::page::flow::{Align, Flow, GREY};
use crate::page::line::Look;
use crate::page::{A4_WIDTH, Ink, Page, Path};

const SEAL: Ink = Ink(30, 74, 120);

/// Returns a letter of the office.
pub(super) fn letter(case: &Case, paper: &Paper, version: usize) -> Vec<Page> {
    let mut flow = Flow::new(case.language == Language::Arabic);
    head(&mut flow);
    addressed(&mut flow, case, paper, version);
    body(&mut flow, case, paper, case.language);
    if paper.step == Step::FilingNotice {
        flow.space(10.0);
        flow.rule();
        body(&mut flow, case, paper, case.language.other());
    }
    let is_draft = paper.versions.len() > 1 && version + 1 < paper.versions.len();
    closing(&mut flow, case, is_draft);
    flow.finish(&format!("{} · {}", case.number, paper.number))
}

/// Draws the head of the office's paper: its name in both languages beside its seal.
pub(super) fn head(flow: &mut Flow) {
    let page = flow.page();
    let middle = A4_WIDTH / 2.0;
    page.stroke(Path::star(middle, 66.0, 8, 24.0, 17.0), 1.2, SEAL);
    page.fill(Path::star(middle, 66.0, 8, 15.0, 10.5), SEAL);
    page.write(OFFICE.en, 64.0, 62.0, &Look::bold(10.5).inked(SEAL));
    page.write(OFFICE_ADDRESS.en, 64.0, 77.0, &Look::plain(8.0).inked(GREY));
    let (name, address) = (Look::bold(11.0).inked(SEAL), Look::plain(8.5).inked(GREY));
    for (text, look, y) in [(OFFICE.ar, name, 62.0), (OFFICE_ADDRESS.ar, address, 77.0)] {
        let set = crate::page::line::set(text, &look, Some(false));
        let items = set.at(A4_WIDTH - 64.0 - set.width, y, &look);
        page.items.extend(items);
    }
    flow.space(32.0);
    flow.rule();
}

fn addressed(flow: &mut Flow, case: &Case, paper: &Paper, version: usize) {
    let date = written(paper.made_on(version), case.language);
    let place = match case.language {
        Language::English => format!("Port Safa, {date}"),
        Language::Arabic => format!("مرفأ الصفا، {date}"),
    };
    flow.text(&place, &Look::plain(10.0), Align::End);
    flow.space(6.0);
    let person = case.correspondent();
    flow.text(person.name.in_language(case.language), &Look::bold(10.5), Align::Start);
    flow.text(person.address.in_language(case.language), &Look::plain(10.5), Align::Start);
    flow.space(12.0);
}

fn body(flow: &mut Flow, case: &Case, paper: &Paper, language: Language) {
    let title = if language == case.language { paper.title } else { paper.title_other };
    flow.heading(title, 14.0);
    let about = match language {
        Language::English => format!("Application {} · {}", case.number, case.title.en),
        Language::Arabic => format!("الطلب رقم {} · {}", case.number, case.title.ar),
    };
    flow.text(&about, &Look::bold(10.5), Align::Start);
    flow.space(8.0);
    let paragraphs = match language {
        Language::English => english(case, paper),
        Language::Arabic => arabic(case, paper),
    };
    for paragraph in paragraphs {
        flow.paragraph(&paragraph);
    }
}

fn closing(flow: &mut Flow, case: &Case, is_draft: bool) {
    flow.need(90.0);
    flow.space(14.0);
    let (greeting, role, draft) = match case.language {
        Language::English => ("Yours faithfully,", "Examination division", "Draft, not signed"),
        Language::Arabic => ("وتفضلوا بقبول فائق الاحترام،", "قسم الفحص", "مسودة غير موقعة"),
    };
    flow.text(greeting, &Look::plain(10.5), Align::Start);
    let y = flow.y() + 30.0;
    if is_draft {
        flow.text(draft, &Look::bold(11.0).inked(Ink(170, 40, 40)), Align::Start);
        flow.space(24.0);
    } else {
        let x = if case.language == Language::Arabic { A4_WIDTH - 190.0 } else { 72.0 };
        sign(flow.page(), case.examiner.en, x, y);
        flow.space(52.0);
    }
    flow.text(case.examiner.in_language(case.language), &Look::plain(10.5), Align::Start);
    flow.text(role, &Look::plain(9.0).inked(GREY), Align::Start);
}

fn english(case: &Case, paper: &Paper) -> Vec<String> {
    let filed = written(case.filed_on, Language::English);
    let due = written(later(paper.dated, 61), Language::English);
    let lines: Vec<String> = match paper.step {
        Step::FilingNotice => vec![
            format!("Your application was received on {filed} and bears the number {}. That day is its filing date.", case.number),
            format!("Applicant: {}.", name_and_address(&case.applicant, Language::English)),
            "Please quote the number on every paper that you send to the office.".to_owned(),
        ],
        Step::Deficiency => vec![
            format!("The application of {filed} was examined as to form. It has the following deficiencies:"),
            deficiency(case, Language::English).to_owned(),
            format!("Please remedy them by {due}. If no answer is received by then, the application is deemed to be withdrawn."),
        ],
        Step::Objection => objection_english(case, &due),
        Step::Acceptance => vec![
            "The application was examined and is accepted. It will be published when the publication fee has been paid.".to_owned(),
            format!("The fee of 120.00 is due by {due}."),
            format!("Goods, services or subject: {}", subject(case, Language::English)),
        ],
        Step::Publication => vec![
            format!("The application was published in the bulletin of {}.", written(paper.dated, Language::English)),
            "Within three months of that date any person may file an opposition with reasons.".to_owned(),
            format!("Subject as published: {}", subject(case, Language::English)),
        ],
        Step::OppositionNotice => vec![
            format!("An opposition to the registration of {} was filed within the period. A copy is enclosed.", case.title.en),
            format!("You may file a counter-statement by {due}. The proceedings are suspended until then."),
            "If both parties ask for it, the period can be extended for talks on a settlement.".to_owned(),
        ],
        Step::Refusal => vec![
            format!("The application of {filed} is refused."),
            format!("The sign is confusingly similar to the earlier mark {} for similar goods. The reply of the applicant was considered: it argues that the earlier mark is used for other goods, but the lists of both marks overlap.", earlier(case, Language::English)),
            "An appeal against this decision can be filed with the board of appeal within two months of its notification.".to_owned(),
        ],
        _ => Vec::new(),
    };
    let mut all = vec!["Dear Sir or Madam,".to_owned()];
    all.extend(lines);
    all
}

fn objection_english(case: &Case, due: &str) -> Vec<String> {
    let ground = match &case.subject {
        Subject::Mark(mark) => format!(
            "The sign is similar to the earlier mark {}, registered for goods of the same class. The words share their beginning and their sound, and the public may believe that the goods come from one undertaking.",
            mark.earlier.en
        ),
        Subject::Patent(patent) => format!(
            "Claim 1 lacks an inventive step. The search report cites a document that shows all its features but the last; {} A person skilled in the art would have combined it with common knowledge.",
            patent.background.en
        ),
        Subject::Design(_) => "The design differs from an earlier one in details only.".to_owned(),
    };
    vec![
        "The application was examined as to substance. It cannot be accepted in its present form:".to_owned(),
        ground,
        format!("You may reply, or amend the application, by {due}. The period can be extended once on request."),
        "The documents cited in the search report are enclosed.".to_owned(),
    ]
}

fn arabic(case: &Case, paper: &Paper) -> Vec<String> {
    let filed = written(case.filed_on, Language::Arabic);
    let due = written(later(paper.dated, 61), Language::Arabic);
    let lines: Vec<String> = match paper.step {
        Step::FilingNotice => vec![
            format!("تم استلام طلبكم بتاريخ {filed} وقيد تحت الرقم {}، ويعتبر ذلك اليوم تاريخ إيداعه.", case.number),
            format!("مقدم الطلب: {}.", name_and_address(&case.applicant, Language::Arabic)),
            "يرجى ذكر هذا الرقم في كل وثيقة ترسلونها إلى المكتب.".to_owned(),
        ],
        Step::Deficiency => vec![
            format!("جرى فحص الطلب المودع بتاريخ {filed} من حيث الشكل، وتبينت فيه النواقص الآتية:"),
            deficiency(case, Language::Arabic).to_owned(),
            format!("يرجى تدارك هذه النواقص قبل {due}. وإذا لم يصل جواب في الأجل المحدد اعتبر الطلب مسحوبا."),
        ],
        Step::Objection => objection_arabic(case, &due),
        Step::Acceptance => vec![
            "تم فحص الطلب وقبوله، وسينشر بعد أداء رسم النشر.".to_owned(),
            format!("يستحق الرسم وقدره 120.00 قبل {due}."),
            format!("السلع أو الخدمات أو الموضوع: {}", subject(case, Language::Arabic)),
        ],
        Step::Publication => vec![
            format!("نشر الطلب في النشرة الرسمية بتاريخ {}.", written(paper.dated, Language::Arabic)),
            "يجوز لكل شخص أن يقدم معارضة معللة خلال ثلاثة أشهر من ذلك التاريخ.".to_owned(),
            format!("الموضوع كما نشر: {}", subject(case, Language::Arabic)),
        ],
        Step::OppositionNotice => vec![
            format!("قدمت معارضة على تسجيل {} داخل الأجل القانوني، وتجدون نسخة منها رفقته.", case.title.ar),
            format!("يمكنكم تقديم مذكرة جوابية قبل {due}، وتوقف الإجراءات إلى ذلك الحين."),
            "يمكن تمديد الأجل إذا طلب الطرفان ذلك من أجل التفاوض على تسوية.".to_owned(),
        ],
        Step::Refusal => vec![
            format!("تقرر رفض الطلب المودع بتاريخ {filed}."),
            format!(
                "تشبه العلامة إلى حد إحداث اللبس العلامة السابقة {} المسجلة لسلع مماثلة. وقد نظر المكتب في جواب مقدم الطلب الذي يدفع بأن العلامة السابقة تستعمل لسلع أخرى، إلا أن قائمتي السلع متداخلتان.",
                earlier(case, Language::Arabic)
            ),
            "يجوز الطعن في هذا القرار أمام لجنة الطعون خلال شهرين من تاريخ تبليغه.".to_owned(),
        ],
        _ => Vec::new(),
    };
    let mut all = vec!["تحية طيبة وبعد،".to_owned()];
    all.extend(lines);
    all
}

fn objection_arabic(case: &Case, due: &str) -> Vec<String> {
    let ground = match &case.subject {
        Subject::Mark(mark) => format!(
            "تشبه العلامة المطلوبة العلامة السابقة {} المسجلة لسلع من الفئة نفسها. فالكلمتان تشتركان في البداية وفي النطق، وقد يعتقد الجمهور أن مصدر السلع واحد.",
            mark.earlier.ar
        ),
        Subject::Patent(patent) => format!(
            "يفتقر عنصر الحماية الأول إلى النشاط الابتكاري. فالوثيقة المذكورة في تقرير البحث تبين جميع خصائصه ما عدا الأخيرة. {} وكان بإمكان رجل المهنة أن يجمع بينها وبين المعارف العامة.",
            patent.background.ar
        ),
        Subject::Design(_) => "لا يختلف الرسم عن رسم سابق إلا في التفاصيل.".to_owned(),
    };
    vec![
        "جرى فحص الطلب من حيث الموضوع، ولا يمكن قبوله بصيغته الحالية للأسباب الآتية:".to_owned(),
        ground,
        format!("يمكنكم الجواب أو تعديل الطلب قبل {due}. ويجوز تمديد الأجل مرة واحدة بناء على طلب."),
        "تجدون رفقته الوثائق المذكورة في تقرير البحث.".to_owned(),
    ]
}

fn deficiency(case: &Case, language: Language) -> &'static str {
    match (&case.subject, language) {
        (Subject::Mark(_), Language::English) => {
            "1. The power of attorney is not signed by the applicant. 2. The goods of class 19 are named too broadly."
        }
        (Subject::Mark(_), Language::Arabic) => {
            "1. التوكيل غير موقع من مقدم الطلب. 2. السلع المذكورة واسعة أكثر مما ينبغي."
        }
        (Subject::Patent(_), Language::English) => {
            "1. The drawings are too pale to be reproduced. 2. The abstract exceeds 150 words."
        }
        (Subject::Patent(_), Language::Arabic) => {
            "1. الرسوم باهتة ولا يمكن استنساخها. 2. يتجاوز الملخص مائة وخمسين كلمة."
        }
        (Subject::Design(_), Language::English) => {
            "1. The views are smaller than 8 centimetres. 2. The view from above is missing."
        }
        (Subject::Design(_), Language::Arabic) => "1. المناظر أصغر من 8 سنتيمترات. 2. المنظر من الأعلى غير مرفق.",
    }
}

/// Returns what the right is for, in one sentence.
pub(super) fn subject(case: &Case, language: Language) -> &'static str {
    match &case.subject {
        Subject::Mark(mark) => mark.goods.in_language(language),
        Subject::Patent(patent) => patent.summary.in_language(language),
        Subject::Design(design) => design.summary.in_language(language),
    }
}

fn earlier(case: &Case, language: Language) -> &'static str {
    match &case.subject {
        Subject::Mark(mark) => mark.earlier.in_language(language),
        _ => case.title.in_language(language),
    }
}
