//! The patents. The inventions are simple ones, and the papers long enough to be read like real ones.

use super::people::{AMAL, HARBOUR, HUDA, KARIM, NOOR, OMAR, SAMIRA, TASALI, UNIVERSITY, WADI, YUSUF, ZELLIJ, twin};
use super::{Case, Language, Patent, Subject, on};
use crate::papers::Step::*;

/// A figure of the drawings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// A layered thing, cut through.
    Section,
    /// A basin with steps under a slanted cover.
    Still,
    /// A box of hinged walls.
    Crate,
    /// Toothed wheels that turn each other.
    Gears,
    /// A cylinder with a piston and pipes.
    Cylinder,
    /// The steps of a method.
    Steps,
    /// Measured values over time.
    Chart,
}

/// Returns the seven patents.
pub(super) fn cases() -> Vec<Case> {
    vec![emitter(), still(), palms(), crates(), tile(), counter(), pump()]
}

fn emitter() -> Case {
    Case {
        number: "PT/2025/000041",
        language: Language::English,
        title: twin("Drip emitter with a self-cleaning membrane", "منقط ري بغشاء ذاتي التنظيف"),
        applicant: WADI,
        representative: Some(KARIM),
        examiner: SAMIRA,
        filed_on: on(2025, 3, 4),
        status: "Objection notified",
        registration: None,
        subject: Subject::Patent(Patent {
            classes: &["A01G 25/02", "B05B 15/52"],
            inventors: const { &[twin("Salma Tazi", "سلمى التازي"), twin("Bilal Nasser", "بلال ناصر")] },
            summary: twin(
                "A drip emitter has a housing with an inlet, a labyrinth channel and an elastic membrane. When the pressure falls, the membrane opens a flushing gap, so that sand and lime are washed out at the beginning and at the end of each irrigation.",
                "منقط ري له غلاف ذو مدخل وقناة متعرجة وغشاء مرن. عند انخفاض الضغط يفتح الغشاء شق غسل، فتخرج الرمال والكلس في بداية كل عملية ري وفي نهايتها.",
            ),
            background: twin(
                "Known emitters clog when the water carries sand or lime, and must be replaced by hand after a few seasons.",
                "تنسد المنقطات المعروفة عندما يحمل الماء الرمل أو الكلس، ويجب استبدالها يدويا بعد مواسم قليلة.",
            ),
            parts: const {
                &[
                    (10, twin("housing", "الغلاف")),
                    (12, twin("inlet", "المدخل")),
                    (14, twin("labyrinth channel", "القناة المتعرجة")),
                    (16, twin("elastic membrane", "الغشاء المرن")),
                    (18, twin("flushing gap", "شق الغسل")),
                    (20, twin("outlet", "المخرج")),
                ]
            },
            claims: const {
                &[
                    twin(
                        "A drip emitter comprising a housing (10) with an inlet (12), a labyrinth channel (14) and an elastic membrane (16), characterised in that the membrane (16) opens a flushing gap (18) below a threshold of pressure.",
                        "منقط ري يشتمل على غلاف ومدخل وقناة متعرجة وغشاء مرن، ويتميز بأن الغشاء يفتح شق غسل تحت عتبة من الضغط.",
                    ),
                    twin(
                        "The emitter of claim 1, wherein the threshold lies between 20 and 35 kilopascals.",
                        "المنقط وفقا لعنصر الحماية 1، حيث تقع العتبة بين 20 و35 كيلوباسكال.",
                    ),
                    twin(
                        "The emitter of claim 1 or 2, wherein the membrane (16) consists of silicone rubber.",
                        "المنقط وفقا لعنصر الحماية 1 أو 2، حيث يتكون الغشاء من مطاط السيليكون.",
                    ),
                    twin(
                        "An irrigation line with emitters of one of the preceding claims.",
                        "خط ري ذو منقطات وفقا لأحد عناصر الحماية السابقة.",
                    ),
                ]
            },
            figures: &[Figure::Section, Figure::Cylinder],
        }),
        steps: &[
            ApplicationForm,
            Description,
            ClaimsAmended,
            Abstract,
            Drawings,
            Power,
            Receipt,
            FilingNotice,
            FormalityReport,
            SearchReport,
            Objection,
            ObjectionReply,
        ],
    }
}

fn still() -> Case {
    Case {
        number: "PT/2025/000077",
        language: Language::Arabic,
        title: twin("Solar still with a stepped basin", "مقطر شمسي بحوض مدرج"),
        applicant: NOOR,
        representative: None,
        examiner: OMAR,
        filed_on: on(2025, 4, 15),
        status: "Granted",
        registration: Some("P-30218"),
        subject: Subject::Patent(Patent {
            classes: &["C02F 1/14"],
            inventors: const { &[twin("Hamid Zerouali", "حميد الزروالي")] },
            summary: twin(
                "A solar still for sweet water has a basin of black steps under a slanted glass cover. Salt water flows down the steps in a thin film, evaporates, and condenses on the glass.",
                "مقطر شمسي للماء العذب له حوض من درجات سوداء تحت غطاء زجاجي مائل. ينساب الماء المالح على الدرجات في طبقة رقيقة فيتبخر ثم يتكثف على الزجاج.",
            ),
            background: twin(
                "Flat basins warm a deep layer of water and yield little in the morning hours.",
                "تسخن الأحواض المسطحة طبقة عميقة من الماء فيكون مردودها قليلا في ساعات الصباح.",
            ),
            parts: const {
                &[
                    (30, twin("stepped basin", "الحوض المدرج")),
                    (32, twin("glass cover", "الغطاء الزجاجي")),
                    (34, twin("feed pipe", "أنبوب التغذية")),
                    (36, twin("collecting channel", "قناة التجميع")),
                    (38, twin("insulation", "العازل الحراري")),
                ]
            },
            claims: const {
                &[
                    twin(
                        "A solar still comprising a basin (30) below a slanted cover (32), characterised in that the basin (30) is formed by at least six steps over which the water flows in a film.",
                        "مقطر شمسي يشتمل على حوض تحت غطاء مائل، ويتميز بأن الحوض يتكون من ست درجات على الأقل ينساب عليها الماء في طبقة رقيقة.",
                    ),
                    twin(
                        "The still of claim 1, wherein the steps are coated with carbon black.",
                        "المقطر وفقا لعنصر الحماية 1، حيث تكسى الدرجات بأسود الكربون.",
                    ),
                ]
            },
            figures: &[Figure::Still, Figure::Chart],
        }),
        steps: &[
            ApplicationForm,
            Description,
            Claims,
            Abstract,
            Drawings,
            Receipt,
            FilingNotice,
            FormalityReport,
            SearchReport,
            Publication,
            Certificate,
        ],
    }
}

fn palms() -> Case {
    Case {
        number: "PT/2026/000012",
        language: Language::English,
        title: twin("Method for predicting the yield of date palms", "طريقة للتنبؤ بمحصول نخيل التمر"),
        applicant: UNIVERSITY,
        representative: Some(AMAL),
        examiner: HUDA,
        filed_on: on(2026, 1, 13),
        status: "Under examination",
        registration: None,
        subject: Subject::Patent(Patent {
            classes: &["G01N 33/02", "A01G 17/00", "G06Q 50/02"],
            inventors: const {
                &[
                    twin("Professor Mariam Kettani", "الأستاذة مريم الكتاني"),
                    twin("Anas Bouzid", "أنس بوزيد"),
                    twin("Zaynab Rami", "زينب الرامي"),
                ]
            },
            summary: twin(
                "The yield of a date palm is predicted from the temperature of its crown, the moisture of the soil at three depths and the count of its flower stalks. The records of four hundred palms, one to a page, are annexed.",
                "يتم التنبؤ بمحصول نخلة التمر انطلاقا من حرارة تاجها ورطوبة التربة على ثلاثة أعماق وعدد عذوقها. وترفق سجلات أربعمائة نخلة، لكل نخلة صفحة.",
            ),
            background: twin(
                "Growers estimate the harvest by eye, and sell it before they know it.",
                "يقدر المزارعون المحصول بالنظر، ويبيعونه قبل أن يعرفوه.",
            ),
            parts: const {
                &[
                    (50, twin("crown sensor", "مجس التاج")),
                    (52, twin("soil probe", "مسبار التربة")),
                    (54, twin("data logger", "مسجل البيانات")),
                    (56, twin("calculating unit", "وحدة الحساب")),
                ]
            },
            claims: const {
                &[
                    twin(
                        "A method for predicting the yield of a date palm, comprising measuring the temperature of its crown, measuring the moisture of the soil at three depths, counting its flower stalks, and weighting the three values.",
                        "طريقة للتنبؤ بمحصول نخلة التمر تشتمل على قياس حرارة تاجها وقياس رطوبة التربة على ثلاثة أعماق وعد عذوقها وترجيح القيم الثلاث.",
                    ),
                    twin(
                        "The method of claim 1, wherein the depths are 30, 60 and 90 centimetres.",
                        "الطريقة وفقا لعنصر الحماية 1، حيث الأعماق 30 و60 و90 سنتيمترا.",
                    ),
                    twin(
                        "A device for carrying out the method of claim 1 or 2.",
                        "جهاز لتنفيذ الطريقة وفقا لعنصر الحماية 1 أو 2.",
                    ),
                ]
            },
            figures: &[Figure::Steps, Figure::Chart],
        }),
        steps: &[
            ApplicationForm,
            Description,
            Claims,
            Abstract,
            Drawings,
            Annex,
            Power,
            Receipt,
            FilingNotice,
            FormalityReport,
            PriorityPending,
        ],
    }
}

fn crates() -> Case {
    Case {
        number: "PT/2026/000058",
        language: Language::Arabic,
        title: twin("Folding crate for fresh fish", "صندوق قابل للطي للأسماك الطازجة"),
        applicant: HARBOUR,
        representative: Some(KARIM),
        examiner: SAMIRA,
        filed_on: on(2026, 3, 2),
        status: "Under examination",
        registration: None,
        subject: Subject::Patent(Patent {
            classes: &["B65D 6/18", "B65D 85/50"],
            inventors: const { &[twin("Rachid Omari", "رشيد العماري")] },
            summary: twin(
                "A crate for fish has walls that fold inwards on hinges of rubber. Melt water runs off through a grooved floor, so that the fish do not lie in it.",
                "صندوق للأسماك له جدران تنطوي نحو الداخل على مفصلات من المطاط. ويسيل ماء الثلج عبر أرضية مخددة فلا تبقى الأسماك فيه.",
            ),
            background: twin(
                "Empty crates fill the boats on the way out, and wooden ones cannot be washed well.",
                "تملأ الصناديق الفارغة القوارب في طريق الذهاب، ولا يمكن غسل الخشبية منها جيدا.",
            ),
            parts: const {
                &[
                    (60, twin("side wall", "الجدار الجانبي")),
                    (62, twin("rubber hinge", "المفصلة المطاطية")),
                    (64, twin("grooved floor", "الأرضية المخددة")),
                    (66, twin("drain", "المصرف")),
                ]
            },
            claims: const {
                &[
                    twin(
                        "A crate with a floor (64) and four walls (60), characterised in that the walls (60) fold inwards on rubber hinges (62) which seal them when they stand.",
                        "صندوق ذو أرضية وأربعة جدران، ويتميز بأن الجدران تنطوي نحو الداخل على مفصلات مطاطية تحكم سدها عند نصبها.",
                    ),
                    twin(
                        "The crate of claim 1, wherein the floor (64) is grooved towards a drain (66).",
                        "الصندوق وفقا لعنصر الحماية 1، حيث تكون الأرضية مخددة نحو مصرف.",
                    ),
                ]
            },
            figures: &[Figure::Crate, Figure::Section],
        }),
        steps: &[
            ApplicationForm,
            Description,
            Claims,
            Abstract,
            Drawings,
            Power,
            Receipt,
            FilingNotice,
            FormalityReport,
            SearchReport,
        ],
    }
}

fn tile() -> Case {
    Case {
        number: "PT/2026/000090",
        language: Language::English,
        title: twin("Ceramic tile that stores heat", "بلاطة خزفية خازنة للحرارة"),
        applicant: ZELLIJ,
        representative: Some(AMAL),
        examiner: OMAR,
        filed_on: on(2026, 4, 28),
        status: "Formality examination",
        registration: None,
        subject: Subject::Patent(Patent {
            classes: &["C04B 33/13", "E04F 15/08"],
            inventors: const {
                &[twin("Fatima Lahlou", "فاطمة لحلو"), twin("Idris Amrani", "إدريس العمراني")]
            },
            summary: twin(
                "A ceramic tile contains sealed hollows filled with a salt that melts at 27 degrees. The floor takes up heat by day and gives it back at night.",
                "بلاطة خزفية تحتوي على تجاويف محكمة مملوءة بملح ينصهر عند 27 درجة. تمتص الأرضية الحرارة نهارا وتعيدها ليلا.",
            ),
            background: twin(
                "Salts that melt are known from walls, where they leak as the building settles.",
                "الأملاح التي تنصهر معروفة في الجدران، حيث تتسرب عند هبوط البناء.",
            ),
            parts: const {
                &[
                    (70, twin("glazed face", "الوجه المزجج")),
                    (72, twin("hollow", "التجويف")),
                    (74, twin("storage salt", "الملح الخازن")),
                    (76, twin("sealing plug", "سدادة الإحكام")),
                ]
            },
            claims: const {
                &[
                    twin(
                        "A ceramic tile with hollows (72) that contain a storage salt (74), characterised in that each hollow (72) is closed by a plug (76) which is fired together with the glaze (70).",
                        "بلاطة خزفية ذات تجاويف تحتوي على ملح خازن، وتتميز بأن كل تجويف مغلق بسدادة تحرق مع الطلاء الزجاجي.",
                    ),
                    twin(
                        "The tile of claim 1, wherein the salt (74) melts between 24 and 29 degrees Celsius.",
                        "البلاطة وفقا لعنصر الحماية 1، حيث ينصهر الملح بين 24 و29 درجة مئوية.",
                    ),
                ]
            },
            figures: &[Figure::Section, Figure::Chart],
        }),
        steps: &[ApplicationForm, Description, Claims, Abstract, Drawings, PowerPending, Receipt, FilingNotice],
    }
}

fn counter() -> Case {
    Case {
        number: "PT/2026/000101",
        language: Language::English,
        title: twin("Dose counter for an inhaler", "عداد جرعات لجهاز استنشاق"),
        applicant: TASALI,
        representative: Some(KARIM),
        examiner: HUDA,
        filed_on: on(2026, 5, 19),
        status: "Received",
        registration: None,
        subject: Subject::Patent(Patent {
            classes: &["A61M 15/00", "G06M 1/24"],
            inventors: const { &[twin("Dr Leila Mernissi", "الدكتورة ليلى المرنيسي")] },
            summary: twin(
                "A counter for an inhaler shows the doses that are left in figures that can be felt. A ratchet wheel moves on only when the dose was breathed in.",
                "عداد لجهاز استنشاق يبين الجرعات الباقية بأرقام يمكن لمسها. ولا تتقدم عجلة السقاطة إلا إذا استنشقت الجرعة.",
            ),
            background: twin(
                "Known counters count strokes of the thumb, and cannot be read by people who do not see.",
                "تعد العدادات المعروفة ضغطات الإبهام، ولا يستطيع المكفوفون قراءتها.",
            ),
            parts: const {
                &[
                    (80, twin("ratchet wheel", "عجلة السقاطة")),
                    (82, twin("air flap", "صمام الهواء")),
                    (84, twin("raised figures", "الأرقام البارزة")),
                    (86, twin("mouthpiece", "قطعة الفم")),
                ]
            },
            claims: const {
                &[
                    twin(
                        "A dose counter for an inhaler with a ratchet wheel (80), characterised in that the wheel (80) is released by an air flap (82) in the mouthpiece (86).",
                        "عداد جرعات لجهاز استنشاق ذو عجلة سقاطة، ويتميز بأن العجلة يحررها صمام هواء في قطعة الفم.",
                    ),
                    twin(
                        "The counter of claim 1, wherein the wheel (80) bears raised figures (84).",
                        "العداد وفقا لعنصر الحماية 1، حيث تحمل العجلة أرقاما بارزة.",
                    ),
                ]
            },
            figures: &[Figure::Gears, Figure::Cylinder],
        }),
        steps: &[ApplicationForm, Description, Claims, Abstract, Drawings, Receipt],
    }
}

fn pump() -> Case {
    Case {
        number: "PT/2026/000133",
        language: Language::Arabic,
        title: twin("Gear for a hand-driven water pump", "آلية تروس لمضخة مياه يدوية"),
        applicant: YUSUF,
        representative: None,
        examiner: SAMIRA,
        filed_on: on(2026, 6, 30),
        status: "Deficiency notified",
        registration: None,
        subject: Subject::Patent(Patent {
            classes: &["F04B 9/14", "F16H 1/20"],
            inventors: const { &[twin("Yusuf Mansour", "يوسف المنصور")] },
            summary: twin(
                "A pump for wells is driven by a crank over two toothed wheels of unequal size, so that a child can lift water from thirty metres.",
                "مضخة آبار تدار بمرفق عبر عجلتين مسننتين غير متساويتين، فيستطيع الطفل رفع الماء من عمق ثلاثين مترا.",
            ),
            background: twin(
                "Levers tire the arm, and their valves wear out because the stroke is never the same.",
                "ترهق الروافع الذراع، وتبلى صماماتها لأن الشوط لا يكون متساويا أبدا.",
            ),
            parts: const {
                &[
                    (90, twin("crank", "المرفق")),
                    (92, twin("driving wheel", "العجلة القائدة")),
                    (94, twin("driven wheel", "العجلة المقادة")),
                    (96, twin("piston rod", "ذراع المكبس")),
                    (98, twin("foot valve", "الصمام السفلي")),
                ]
            },
            claims: const {
                &[
                    twin(
                        "A hand-driven water pump with a crank (90) and a piston rod (96), characterised in that the crank (90) moves the rod (96) over two toothed wheels (92, 94) whose ratio lies between 2 and 3.",
                        "مضخة مياه يدوية ذات مرفق وذراع مكبس، وتتميز بأن المرفق يحرك الذراع عبر عجلتين مسننتين تقع نسبتهما بين 2 و3.",
                    ),
                    twin(
                        "The pump of claim 1, wherein the driven wheel (94) carries a flywheel.",
                        "المضخة وفقا لعنصر الحماية 1، حيث تحمل العجلة المقادة حذافة.",
                    ),
                ]
            },
            figures: &[Figure::Gears, Figure::Cylinder],
        }),
        steps: &[
            ApplicationForm,
            Description,
            Claims,
            Abstract,
            Drawings,
            Receipt,
            FilingNotice,
            Deficiency,
            DeficiencyReply,
        ],
    }
}
