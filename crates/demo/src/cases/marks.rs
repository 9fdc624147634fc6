//! The marks.

use super::people::{
    AMAL, ATLAS, DAIRY, HARBOUR, HIRAFI, HUDA, KARIM, LAYLA, MERIDIAN, NAKHEEL, NOOR, OMAR, QAMAR, RIHLA, ROSE, SAMIRA,
    Twin, ZELLIJ, twin,
};
use super::{Case, Language, Mark, Subject, on};
use crate::papers::Step::{self, *};

/// The figure of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// A leaf.
    Leaf,
    /// Waves.
    Wave,
    /// A palm.
    Palm,
    /// A drop.
    Drop,
    /// A sun.
    Sun,
    /// Mountains.
    Mountain,
    /// A star of eight points.
    Star,
    /// A crescent.
    Crescent,
    /// A comb of honey.
    Comb,
}

fn mark(sign: Option<Sign>, classes: &'static [u8], goods: Twin, earlier: Twin) -> Subject {
    Subject::Mark(Mark { sign, classes, goods, earlier })
}

const REGISTERED: &[Step] = &[
    ApplicationForm,
    Representation,
    Power,
    Receipt,
    FilingNotice,
    FormalityReport,
    SearchReport,
    Acceptance,
    Publication,
    Certificate,
];

/// Returns the twelve marks.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = first();
    cases.extend(second());
    cases.extend(third());
    cases
}

#[expect(clippy::too_many_lines, reason = "a table, one entry for each mark")]
fn first() -> Vec<Case> {
    vec![
        Case {
            number: "TM/2025/000871",
            language: Language::English,
            title: twin("ATLAS MINT", "أطلس مينت"),
            applicant: ATLAS,
            representative: Some(AMAL),
            examiner: SAMIRA,
            filed_on: on(2025, 9, 8),
            status: "Registered",
            registration: Some("R-104417"),
            subject: mark(
                Some(Sign::Leaf),
                &[30, 32],
                twin(
                    "Tea; mint tea; infusions, not medicinal; non-alcoholic drinks flavoured with mint.",
                    "الشاي؛ شاي النعناع؛ منقوعات غير طبية؛ مشروبات غير كحولية بنكهة النعناع.",
                ),
                twin("ATLAS HONEY", "عسل أطلس"),
            ),
            steps: REGISTERED,
        },
        Case {
            number: "TM/2025/000902",
            language: Language::English,
            title: twin("BLUE HARBOUR", "المرفأ الأزرق"),
            applicant: HARBOUR,
            representative: Some(KARIM),
            examiner: SAMIRA,
            filed_on: on(2025, 10, 14),
            status: "Opposition pending",
            registration: None,
            subject: mark(
                Some(Sign::Wave),
                &[29, 35],
                twin(
                    "Fish, not live; sardines in oil; smoked fish; retail of sea food.",
                    "الأسماك غير الحية؛ السردين بالزيت؛ الأسماك المدخنة؛ بيع المأكولات البحرية بالتجزئة.",
                ),
                twin("BLUE HAVEN", "الملاذ الأزرق"),
            ),
            steps: &[
                FormCorrected,
                Representation,
                Power,
                Receipt,
                FilingNotice,
                FormalityReport,
                SearchReport,
                Acceptance,
                Publication,
                Opposition,
                OppositionNotice,
                CounterPending,
            ],
        },
        Case {
            number: "TM/2026/000123",
            language: Language::Arabic,
            title: twin("NAKHEEL", "النخيل"),
            applicant: NAKHEEL,
            representative: None,
            examiner: OMAR,
            filed_on: on(2026, 1, 19),
            status: "Published",
            registration: None,
            subject: mark(
                Some(Sign::Palm),
                &[29, 31],
                twin("Dried dates; date paste; fresh dates.", "التمور المجففة؛ معجون التمر؛ التمور الطازجة."),
                twin("NAKHLA", "نخلة"),
            ),
            steps: &[
                ApplicationForm,
                Representation,
                Receipt,
                FilingNotice,
                FormalityReport,
                SearchReport,
                Acceptance,
                Publication,
            ],
        },
        Case {
            number: "TM/2026/000187",
            language: Language::English,
            title: twin("SAFA FRESH", "صفا فريش"),
            applicant: DAIRY,
            representative: Some(AMAL),
            examiner: HUDA,
            filed_on: on(2026, 2, 11),
            status: "Objection notified",
            registration: None,
            subject: mark(
                Some(Sign::Drop),
                &[29],
                twin(
                    "Milk; yoghurt; butter; fresh cheese; milk drinks.",
                    "الحليب؛ اللبن الزبادي؛ الزبدة؛ الجبن الطازج؛ مشروبات الحليب.",
                ),
                twin("SAFA", "صفا"),
            ),
            steps: &[
                ApplicationForm,
                Representation,
                Power,
                Receipt,
                FilingNotice,
                FormalityReport,
                SearchReport,
                Objection,
                ReplyPending,
            ],
        },
    ]
}

#[expect(clippy::too_many_lines, reason = "a table, one entry for each mark")]
fn second() -> Vec<Case> {
    vec![
        Case {
            number: "TM/2025/000644",
            language: Language::Arabic,
            title: twin("NOOR SUN", "نور الشمس"),
            applicant: NOOR,
            representative: Some(KARIM),
            examiner: OMAR,
            filed_on: on(2025, 6, 23),
            status: "Registered",
            registration: Some("R-103902"),
            subject: mark(
                Some(Sign::Sun),
                &[9, 11],
                twin(
                    "Solar panels for producing electricity; solar water heaters; solar lamps.",
                    "ألواح شمسية لإنتاج الكهرباء؛ سخانات مياه شمسية؛ مصابيح شمسية.",
                ),
                twin("SHAMS", "شمس"),
            ),
            steps: REGISTERED,
        },
        Case {
            number: "TM/2026/000210",
            language: Language::English,
            title: twin("RIHLA", "رحلة"),
            applicant: RIHLA,
            representative: None,
            examiner: HUDA,
            filed_on: on(2026, 2, 26),
            status: "Accepted",
            registration: None,
            subject: mark(
                Some(Sign::Mountain),
                &[39, 43],
                twin(
                    "Arranging of tours; mountain guide services; booking of rooms in guest houses.",
                    "تنظيم الرحلات؛ خدمات المرشدين الجبليين؛ حجز الغرف في بيوت الضيافة.",
                ),
                twin("RAHHAL", "رحال"),
            ),
            steps: &[ApplicationForm, Representation, Receipt, FilingNotice, FormalityReport, SearchReport, Acceptance],
        },
        Case {
            number: "TM/2026/000254",
            language: Language::Arabic,
            title: twin("HIRAFI", "حرفي"),
            applicant: HIRAFI,
            representative: None,
            examiner: OMAR,
            filed_on: on(2026, 3, 30),
            status: "Under examination",
            registration: None,
            subject: mark(
                Some(Sign::Star),
                &[20, 21],
                twin(
                    "Carved wooden furniture; hand-blown glasses; pottery for the table.",
                    "أثاث خشبي منقوش؛ كؤوس منفوخة يدويا؛ أواني فخارية للمائدة.",
                ),
                twin("HERFA", "حرفة"),
            ),
            steps: &[ApplicationForm, Representation, Receipt, FilingNotice, FormalityReport, SearchReport, Note],
        },
        Case {
            number: "TM/2026/000301",
            language: Language::English,
            title: twin("ZELLIJ HOUSE", "بيت الزليج"),
            applicant: ZELLIJ,
            representative: Some(AMAL),
            examiner: SAMIRA,
            filed_on: on(2026, 4, 21),
            status: "Deficiency notified",
            registration: None,
            subject: mark(
                Some(Sign::Star),
                &[19, 37],
                twin("Ceramic tiles for walls and floors; laying of tiles.", "بلاط خزفي للجدران والأرضيات؛ تركيب البلاط."),
                twin("ZELLIJ ART", "فن الزليج"),
            ),
            steps: &[ApplicationForm, Representation, PowerPending, Receipt, FilingNotice, Deficiency, DeficiencyReply],
        },
    ]
}

#[expect(clippy::too_many_lines, reason = "a table, one entry for each mark")]
fn third() -> Vec<Case> {
    vec![
        Case {
            number: "TM/2025/000733",
            language: Language::Arabic,
            title: twin("QAMAR", "قمر"),
            applicant: QAMAR,
            representative: Some(AMAL),
            examiner: HUDA,
            filed_on: on(2025, 7, 29),
            status: "Refused",
            registration: None,
            subject: mark(
                Some(Sign::Crescent),
                &[11],
                twin("Lamps; lanterns; lighting apparatus.", "المصابيح؛ الفوانيس؛ أجهزة الإنارة."),
                twin("AL QAMAR", "القمر"),
            ),
            steps: &[
                ApplicationForm,
                Representation,
                Power,
                Receipt,
                FilingNotice,
                FormalityReport,
                SearchReport,
                Objection,
                ObjectionReply,
                Note,
                Refusal,
            ],
        },
        Case {
            number: "TM/2025/000590",
            language: Language::English,
            title: twin("MERIDIAN", "ميريديان"),
            applicant: MERIDIAN,
            representative: Some(KARIM),
            examiner: SAMIRA,
            filed_on: on(2025, 5, 20),
            status: "Registered",
            registration: Some("R-103655"),
            subject: mark(
                None,
                &[9, 42],
                twin(
                    "Measuring instruments; levels; surveying apparatus; calibration of instruments.",
                    "أجهزة القياس؛ موازين الاستواء؛ أجهزة المساحة؛ معايرة الأجهزة.",
                ),
                twin("MERIDIEN", "ميريديين"),
            ),
            steps: &[
                ApplicationForm,
                Power,
                Receipt,
                FilingNotice,
                FormalityReport,
                SearchReport,
                Objection,
                ObjectionReply,
                Acceptance,
                Publication,
                Certificate,
            ],
        },
        Case {
            number: "TM/2026/000788",
            language: Language::Arabic,
            title: twin("LAYLA", "ليلى"),
            applicant: LAYLA,
            representative: None,
            examiner: OMAR,
            filed_on: on(2026, 11, 5),
            status: "Received",
            registration: None,
            subject: mark(
                None,
                &[3, 14],
                twin("Perfumes; silver jewellery.", "العطور؛ الحلي الفضية."),
                twin("LAYLA ROSE", "ليلى روز"),
            ),
            steps: &[ApplicationForm, Receipt, FilingNotice],
        },
        Case {
            number: "TM/2026/000412",
            language: Language::English,
            title: twin("DESERT ROSE HONEY", "عسل وردة الصحراء"),
            applicant: ROSE,
            representative: Some(KARIM),
            examiner: HUDA,
            filed_on: on(2026, 5, 12),
            status: "Withdrawn",
            registration: None,
            subject: mark(
                Some(Sign::Comb),
                &[30],
                twin("Honey; honey with herbs; beeswax sweets.", "العسل؛ العسل بالأعشاب؛ حلوى شمع العسل."),
                twin("ROSE OF THE DESERT", "وردة الصحراء"),
            ),
            steps: &[ApplicationForm, Representation, Power, Receipt, FilingNotice, Withdrawal],
        },
    ]
}
