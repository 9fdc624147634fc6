//! The designs.

use super::people::{AMAL, ATLAS, HIRAFI, HUDA, LAYLA, OMAR, QAMAR, Twin, ZELLIJ, twin};
use super::{Case, Design, Language, Subject, on};
use crate::papers::Step::*;

/// What was designed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A lantern.
    Lantern,
    /// A glass for tea.
    Glass,
    /// A tile.
    Tile,
    /// A chair.
    Chair,
    /// A bottle.
    Bottle,
}

const DESIGNERS: &[Twin] = &[twin("Nadia Sabti", "نادية السبتي"), twin("Idris Amrani", "إدريس العمراني")];
const DESIGNER: &[Twin] = &[twin("Layla Haddad", "ليلى حداد")];

/// Returns the five designs.
pub(super) fn cases() -> Vec<Case> {
    let mut cases = older();
    cases.extend(newer());
    cases
}

fn older() -> Vec<Case> {
    vec![
        Case {
            number: "DS/2025/000118",
            language: Language::Arabic,
            title: twin("Hanging lantern", "فانوس معلق"),
            applicant: QAMAR,
            representative: Some(AMAL),
            examiner: OMAR,
            filed_on: on(2025, 11, 3),
            status: "Registered",
            registration: Some("D-20871"),
            subject: Subject::Design(Design {
                classes: &["26-05"],
                designers: DESIGNERS,
                summary: twin(
                    "A hanging lantern with eight pierced faces, a domed top and a ring.",
                    "فانوس معلق ذو ثمانية أوجه مخرمة وقبة في أعلاه وحلقة للتعليق.",
                ),
                piece: Piece::Lantern,
            }),
            steps: &[
                ApplicationForm,
                Views,
                Picture,
                Power,
                Receipt,
                FilingNotice,
                FormalityReport,
                Publication,
                Certificate,
            ],
        },
        Case {
            number: "DS/2026/000014",
            language: Language::English,
            title: twin("Tea glass", "كأس شاي"),
            applicant: HIRAFI,
            representative: None,
            examiner: HUDA,
            filed_on: on(2026, 1, 27),
            status: "Published",
            registration: None,
            subject: Subject::Design(Design {
                classes: &["07-01"],
                designers: DESIGNERS,
                summary: twin(
                    "A tea glass with a narrow waist and a band of engraved leaves below the rim.",
                    "كأس شاي ضيقة الوسط يزينها شريط من الأوراق المنقوشة تحت الحافة.",
                ),
                piece: Piece::Glass,
            }),
            steps: &[ApplicationForm, Views, Receipt, FilingNotice, FormalityReport, Publication],
        },
        Case {
            number: "DS/2026/000031",
            language: Language::English,
            title: twin("Wall tile with star pattern", "بلاطة جدارية بنقش نجمي"),
            applicant: ZELLIJ,
            representative: Some(AMAL),
            examiner: OMAR,
            filed_on: on(2026, 3, 16),
            status: "Deficiency notified",
            registration: None,
            subject: Subject::Design(Design {
                classes: &["25-01"],
                designers: DESIGNERS,
                summary: twin(
                    "A square wall tile whose raised pattern of eight-pointed stars continues on its neighbours.",
                    "بلاطة جدارية مربعة يتصل نقشها البارز من النجوم الثمانية بما يجاورها من البلاط.",
                ),
                piece: Piece::Tile,
            }),
            steps: &[ApplicationForm, ViewsReplaced, PowerPending, Receipt, FilingNotice, Deficiency, DeficiencyReply],
        },
    ]
}

fn newer() -> Vec<Case> {
    vec![
        Case {
            number: "DS/2026/000057",
            language: Language::Arabic,
            title: twin("Folding chair", "كرسي قابل للطي"),
            applicant: LAYLA,
            representative: None,
            examiner: HUDA,
            filed_on: on(2026, 6, 9),
            status: "Under examination",
            registration: None,
            subject: Subject::Design(Design {
                classes: &["06-01"],
                designers: DESIGNER,
                summary: twin(
                    "A folding chair of two crossed frames with a woven seat.",
                    "كرسي قابل للطي من إطارين متقاطعين ومقعد منسوج.",
                ),
                piece: Piece::Chair,
            }),
            steps: &[ApplicationForm, Views, Picture, Receipt, FilingNotice, FormalityReport, Note],
        },
        Case {
            number: "DS/2026/000093",
            language: Language::English,
            title: twin("Bottle", "قنينة"),
            applicant: ATLAS,
            representative: Some(AMAL),
            examiner: OMAR,
            filed_on: on(2026, 10, 20),
            status: "Formality examination",
            registration: None,
            subject: Subject::Design(Design {
                classes: &["09-01"],
                designers: DESIGNERS,
                summary: twin(
                    "A bottle with a slanted shoulder and three rings around its neck.",
                    "قنينة ذات كتف مائل وثلاث حلقات حول عنقها.",
                ),
                piece: Piece::Bottle,
            }),
            steps: &[ApplicationForm, Views, PowerPending, Receipt, FilingNotice],
        },
    ]
}
