//! The steps in the life of a case, and what is fixed about the paper that each leaves.

use crate::cases::people::{Twin, twin};

/// A step in the life of a case, which leaves one paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The form, as it was filed.
    ApplicationForm,
    /// The form, and later its correction.
    FormCorrected,
    /// The picture of a mark.
    Representation,
    /// The views of a design.
    Views,
    /// The views, and later better ones.
    ViewsReplaced,
    /// A picture of a design.
    Picture,
    /// The description of an invention.
    Description,
    /// The claims.
    Claims,
    /// The claims, amended twice.
    ClaimsAmended,
    /// The abstract.
    Abstract,
    /// The drawings.
    Drawings,
    /// The annex of four hundred pages.
    Annex,
    /// A power of attorney, scanned.
    Power,
    /// A power of attorney that was received and is not yet scanned.
    PowerPending,
    /// The receipt of the fees.
    Receipt,
    /// The notice of the filing date, in both languages.
    FilingNotice,
    /// The letter that lists deficiencies.
    Deficiency,
    /// The answer to it, scanned.
    DeficiencyReply,
    /// The report on formalities, and its completed version.
    FormalityReport,
    /// The report on the search, and its second version.
    SearchReport,
    /// The letter of objection: a draft and the signed one.
    Objection,
    /// The answer to it, scanned.
    ObjectionReply,
    /// An answer that was received and is not yet scanned.
    ReplyPending,
    /// A note of the examiner.
    Note,
    /// The notice of acceptance.
    Acceptance,
    /// The proof of publication.
    Publication,
    /// A third party's opposition, scanned.
    Opposition,
    /// The letter that passes it on.
    OppositionNotice,
    /// The counter-statement, received and not yet scanned.
    CounterPending,
    /// The priority document, received and not yet scanned.
    PriorityPending,
    /// The certificate, in both languages.
    Certificate,
    /// The decision of refusal.
    Refusal,
    /// The applicant's withdrawal, scanned.
    Withdrawal,
}

/// Which way a paper went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To the office.
    In,
    /// From the office.
    Out,
    /// Neither.
    Internal,
}

impl Direction {
    /// Returns the choice of `demo:direction`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Internal => "internal",
        }
    }
}

/// What is fixed about a step's paper.
pub(super) struct Facts {
    pub title: Twin,
    /// A choice of `demo:paperKind`.
    pub kind: &'static str,
    pub direction: Direction,
    /// Days from the filing date to the paper.
    pub day: i64,
    /// The file name's ending; empty for a paper that was not scanned yet.
    pub ending: &'static str,
    /// Why each version was made; the first has no reason.
    pub versions: &'static [Reason],
}

/// Why a version was made, and whether it is a major one.
#[derive(Clone, Copy, Debug)]
pub struct Reason {
    /// The comment.
    pub comment: &'static str,
    /// Whether the next major number is taken.
    pub major: bool,
}

const ONCE: &[Reason] = &[FIRST];
const NEVER: &[Reason] = &[];
const FIRST: Reason = Reason { comment: "", major: true };

const fn reason(comment: &'static str, major: bool) -> Reason {
    Reason { comment, major }
}

impl Step {
    pub(super) fn facts(self) -> Facts {
        let (title, kind, direction, day) = self.what();
        Facts { title, kind, direction, day, ending: self.ending(), versions: self.versions() }
    }

    const fn what(self) -> (Twin, &'static str, Direction, i64) {
        use Direction::{In, Internal, Out};
        match self {
            Self::ApplicationForm | Self::FormCorrected => {
                (twin("Application form", "استمارة الطلب"), "Application form", In, 0)
            }
            Self::Representation => (twin("Representation of the mark", "صورة العلامة"), "Representation", In, 0),
            Self::Views | Self::ViewsReplaced => (twin("Views of the design", "مناظر الرسم"), "Representation", In, 0),
            Self::Picture => (twin("Picture of the design", "صورة الرسم"), "Representation", In, 0),
            Self::Description => (twin("Description", "الوصف"), "Description", In, 0),
            Self::Claims | Self::ClaimsAmended => (twin("Claims", "عناصر الحماية"), "Claims", In, 0),
            Self::Abstract => (twin("Abstract", "الملخص"), "Abstract", In, 0),
            Self::Drawings => (twin("Drawings", "الرسوم"), "Drawings", In, 0),
            Self::Annex => (twin("Annex of test records", "ملحق سجلات التجارب"), "Annex", In, 0),
            Self::Power | Self::PowerPending => (twin("Power of attorney", "توكيل"), "Power of attorney", In, 6),
            Self::Receipt => (twin("Fee receipt", "إيصال الرسوم"), "Fee receipt", Out, 0),
            Self::FilingNotice => (twin("Notice of filing date", "إشعار بتاريخ الإيداع"), "Notice", Out, 2),
            Self::Deficiency => (twin("Notice of deficiencies", "إشعار بالنواقص"), "Notice", Out, 21),
            Self::DeficiencyReply => (twin("Reply to the notice", "جواب على الإشعار"), "Reply", In, 52),
            Self::FormalityReport => (twin("Formality report", "تقرير الفحص الشكلي"), "Formality report", Internal, 30),
            Self::SearchReport => (twin("Search report", "تقرير البحث"), "Search report", Internal, 48),
            Self::Objection => (twin("Letter of objection", "خطاب الاعتراض"), "Objection", Out, 63),
            Self::ObjectionReply => (twin("Reply to the objection", "جواب على الاعتراض"), "Reply", In, 118),
            Self::ReplyPending => (twin("Reply to the objection", "جواب على الاعتراض"), "Reply", In, 121),
            Self::Note => (twin("Examiner's note", "مذكرة الفاحص"), "Note to the file", Internal, 124),
            Self::Acceptance => (twin("Notice of acceptance", "إشعار بالقبول"), "Notice", Out, 130),
            Self::Publication => (twin("Proof of publication", "إثبات النشر"), "Notice", Out, 158),
            Self::Opposition => (twin("Notice of opposition", "مذكرة معارضة"), "Opposition", In, 196),
            Self::OppositionNotice => (twin("Letter on the opposition", "خطاب بشأن المعارضة"), "Notice", Out, 201),
            Self::CounterPending => (twin("Counter-statement", "مذكرة جوابية"), "Reply", In, 248),
            Self::PriorityPending => (twin("Priority document", "وثيقة الأولوية"), "Annex", In, 90),
            Self::Certificate => (twin("Certificate", "شهادة"), "Certificate", Out, 230),
            Self::Refusal => (twin("Decision of refusal", "قرار الرفض"), "Decision", Out, 160),
            Self::Withdrawal => (twin("Request for withdrawal", "طلب سحب"), "Reply", In, 40),
        }
    }

    const fn ending(self) -> &'static str {
        match self {
            Self::PowerPending | Self::ReplyPending | Self::CounterPending | Self::PriorityPending => "",
            Self::Representation | Self::Picture => "png",
            Self::Receipt | Self::Note => "txt",
            Self::SearchReport => "html",
            _ => "pdf",
        }
    }

    const fn versions(self) -> &'static [Reason] {
        match self {
            Self::PowerPending | Self::ReplyPending | Self::CounterPending | Self::PriorityPending => NEVER,
            Self::FormCorrected => const { &[FIRST, reason("Address of the applicant corrected on request", true)] },
            Self::ViewsReplaced => {
                const { &[FIRST, reason("Views replaced by larger ones, as the notice asked", true)] }
            }
            Self::ClaimsAmended => {
                const {
                    &[
                        FIRST,
                        reason("Claims amended with the reply to the objection", true),
                        reason("Claims amended after the interview with the examiner", true),
                    ]
                }
            }
            Self::FormalityReport => const { &[FIRST, reason("Classification checked", false)] },
            Self::SearchReport => {
                const { &[FIRST, reason("Search repeated with spellings in the other script", false)] }
            }
            Self::Objection => {
                const { &[FIRST, reason("Draft read by the team leader", false), reason("Signed", true)] }
            }
            _ => ONCE,
        }
    }

    /// Whether the paper has both languages.
    pub(super) const fn is_bilingual(self) -> bool {
        matches!(
            self,
            Self::ApplicationForm | Self::FormCorrected | Self::FilingNotice | Self::Certificate | Self::Annex
        )
    }
}
