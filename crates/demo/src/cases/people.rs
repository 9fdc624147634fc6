//! The people of the demonstration office. All of them, and their addresses, are invented.

use super::Language;

/// A text in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Twin {
    /// English.
    pub en: &'static str,
    /// Arabic.
    pub ar: &'static str,
}

impl Twin {
    /// Returns the text in a language.
    pub const fn in_language(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.en,
            Language::Arabic => self.ar,
        }
    }
}

/// Returns a text in both languages.
pub const fn twin(en: &'static str, ar: &'static str) -> Twin {
    Twin { en, ar }
}

/// A person or company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Person {
    /// The name.
    pub name: Twin,
    /// The address on one line.
    pub address: Twin,
    /// The state, ST.3 code; invented people live in invented places, so it is the code for unknown states or `GB`.
    pub state: &'static str,
}

const fn person(name: Twin, address: Twin, state: &'static str) -> Person {
    Person { name, address, state }
}

/// The office.
pub const OFFICE: Twin = twin("National Office of Industrial Property", "المكتب الوطني للملكية الصناعية");
/// Where it is.
pub const OFFICE_ADDRESS: Twin = twin("1 Harbour Square, Port Safa", "1 ساحة المرفأ، مرفأ الصفا");

/// An examiner.
pub const SAMIRA: Twin = twin("Samira Idrissi", "سميرة الإدريسي");
/// An examiner.
pub const OMAR: Twin = twin("Omar Fassi", "عمر الفاسي");
/// An examiner.
pub const HUDA: Twin = twin("Huda Salem", "هدى سالم");

/// A company that sells mint and tea.
pub const ATLAS: Person = person(
    twin("Atlas Mint Company", "شركة أطلس للنعناع"),
    twin("12 Orchard Street, Port Safa", "12 شارع البساتين، مرفأ الصفا"),
    "XX",
);
/// A company that sells fish.
pub const HARBOUR: Person = person(
    twin("Blue Harbour Fisheries", "مصايد المرفأ الأزرق"),
    twin("4 Quay Road, Port Safa", "4 طريق الرصيف، مرفأ الصفا"),
    "XX",
);
/// A cooperative of growers.
pub const NAKHEEL: Person = person(
    twin("Nakheel Dates Cooperative", "تعاونية النخيل للتمور"),
    twin("Oasis Road, Wadi Zahra", "طريق الواحة، وادي الزهرة"),
    "XX",
);
/// A dairy.
pub const DAIRY: Person =
    person(twin("Safa Dairy", "ألبان الصفا"), twin("77 Meadow Avenue, Port Safa", "77 جادة المروج، مرفأ الصفا"), "XX");
/// A company that makes solar plant.
pub const NOOR: Person = person(
    twin("Noor Solar Systems", "نور للأنظمة الشمسية"),
    twin("5 Industry Street, New Marsa", "5 شارع الصناعة، المرسى الجديد"),
    "XX",
);
/// A company that makes water plant.
pub const WADI: Person = person(
    twin("Wadi Water Technologies", "الوادي لتقنيات المياه"),
    twin("9 Canal Street, Wadi Zahra", "9 شارع القناة، وادي الزهرة"),
    "XX",
);
/// A maker of tiles.
pub const ZELLIJ: Person = person(
    twin("Zellij Ceramics", "زليج للخزف"),
    twin("3 Potters Lane, Old Town", "3 زقاق الفخارين، المدينة القديمة"),
    "XX",
);
/// A maker of lamps.
pub const QAMAR: Person = person(
    twin("Qamar Lamps", "مصابيح القمر"),
    twin("21 Coppersmiths Square, Old Town", "21 ساحة النحاسين، المدينة القديمة"),
    "XX",
);
/// A travel agency.
pub const RIHLA: Person = person(
    twin("Rihla Travel Services", "رحلة للخدمات السياحية"),
    twin("8 Lighthouse Road, Port Safa", "8 طريق المنارة، مرفأ الصفا"),
    "XX",
);
/// A workshop of crafts.
pub const HIRAFI: Person = person(
    twin("Hirafi Crafts Workshop", "ورشة حرفي للصناعات التقليدية"),
    twin("14 Weavers Lane, Old Town", "14 زقاق النساجين، المدينة القديمة"),
    "XX",
);
/// A maker of instruments abroad.
pub const MERIDIAN: Person = person(
    twin("Meridian Instruments Limited", "ميريديان للأجهزة المحدودة"),
    twin("40 Chandler Row, Lowmouth", "40 صف تشاندلر، لوموث"),
    "GB",
);
/// A maker of medicines.
pub const TASALI: Person = person(
    twin("Tasali Pharma", "تسالي للأدوية"),
    twin("2 Laboratory Road, New Marsa", "2 طريق المختبر، المرسى الجديد"),
    "XX",
);
/// A jeweller.
pub const LAYLA: Person =
    person(twin("Layla Haddad", "ليلى حداد"), twin("6 Jasmine Street, Port Safa", "6 شارع الياسمين، مرفأ الصفا"), "XX");
/// An engineer.
pub const YUSUF: Person =
    person(twin("Yusuf Mansour", "يوسف المنصور"), twin("Well Street, Wadi Zahra", "شارع البئر، وادي الزهرة"), "XX");
/// A university.
pub const UNIVERSITY: Person = person(
    twin("University of Port Safa", "جامعة مرفأ الصفا"),
    twin("University Hill, Port Safa", "تلة الجامعة، مرفأ الصفا"),
    "XX",
);
/// A keeper of bees.
pub const ROSE: Person = person(
    twin("Desert Rose Apiaries", "مناحل وردة الصحراء"),
    twin("Hill Farm, Jabal Nour", "مزرعة التل، جبل النور"),
    "XX",
);

/// An agent.
pub const AMAL: Person = person(
    twin("Amal Benali, industrial property agent", "أمل بنعلي، وكيلة ملكية صناعية"),
    twin("30 Court Street, Port Safa", "30 شارع المحكمة، مرفأ الصفا"),
    "XX",
);
/// A firm of agents.
pub const KARIM: Person = person(
    twin("Karim and Partners", "كريم وشركاؤه"),
    twin("18 Harbour Square, Port Safa", "18 ساحة المرفأ، مرفأ الصفا"),
    "XX",
);
