//! How people tell their machines to trust the office's authority: on the command line, and as a page of the office.

use super::{Authority, TlsError};

const PAGE: &str = include_str!("trust_page.html");

/// The stylesheet of the page.
pub const STYLESHEET: &str = include_str!("trust_page.css");

/// The steps for one kind of machine. The file is called `office-authority.pem` throughout.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Steps {
    /// The kind of machine.
    pub system: &'static str,
    /// What to do, in order.
    pub steps: &'static [&'static str],
    /// The kind of machine, in Arabic.
    #[serde(skip)]
    pub system_ar: &'static str,
    /// What to do, in Arabic.
    #[serde(skip)]
    pub steps_ar: &'static [&'static str],
}

/// The steps for each kind of machine.
pub const STEPS: &[Steps] = &[
    Steps {
        system: "Windows (Edge, Chrome)",
        steps: &[
            "Rename the file to office-authority.crt and open it.",
            "Choose “Install certificate”, then “Local machine”.",
            "Choose “Place all certificates in the following store”, then “Trusted Root Certification Authorities”.",
            "For all PCs of a domain: Group Policy, Computer Configuration, Windows Settings, Security Settings, Public Key \
             Policies, Trusted Root Certification Authorities, Import.",
        ],
        system_ar: "ويندوز (إيدج وكروم)",
        steps_ar: &[
            "أعد تسمية الملف إلى office-authority.crt وافتحه.",
            "اختر «تثبيت الشهادة» ثم «الجهاز المحلي».",
            "اختر «وضع كافة الشهادات في المخزن التالي» ثم «المراجع المصدقة الجذر الموثوق بها».",
            "لكل أجهزة النطاق: استورد الملف في «نهج المجموعة» ضمن المراجع المصدقة الجذر الموثوق بها.",
        ],
    },
    Steps {
        system: "Linux (Debian, Ubuntu)",
        steps: &[
            "sudo cp office-authority.pem /usr/local/share/ca-certificates/office-authority.crt",
            "sudo update-ca-certificates",
            "Chrome and Chromium keep a list of their own: Settings, Privacy and security, Security, Manage certificates, Import.",
        ],
        system_ar: "لينكس (دبيان وأوبونتو)",
        steps_ar: &[
            "sudo cp office-authority.pem /usr/local/share/ca-certificates/office-authority.crt",
            "sudo update-ca-certificates",
            "لكروم وكروميوم قائمة خاصة: الإعدادات، الخصوصية والأمان، الأمان، إدارة الشهادات، استيراد.",
        ],
    },
    Steps {
        system: "Firefox (any system)",
        steps: &[
            "Settings, Privacy & Security, Certificates, View Certificates, Authorities, Import.",
            "Choose the file and tick “Trust this CA to identify websites”.",
        ],
        system_ar: "فايرفوكس (أي نظام)",
        steps_ar: &[
            "الإعدادات، الخصوصية والأمان، الشهادات، عرض الشهادات، السلطات، استيراد.",
            "اختر الملف وعلّم «ثق بهذه السلطة للتعرف على مواقع الويب».",
        ],
    },
    Steps {
        system: "macOS",
        steps: &[
            "Open the file with Keychain Access and add it to the keychain “System”.",
            "Open the entry, unfold “Trust”, and choose “Always Trust”.",
        ],
        system_ar: "ماك",
        steps_ar: &[
            "افتح الملف ببرنامج «وصول سلسلة المفاتيح» وأضفه إلى سلسلة «النظام».",
            "افتح المدخل ثم «الثقة» واختر «الوثوق دائمًا».",
        ],
    },
    Steps {
        system: "Android",
        steps: &[
            "Settings, Security, Encryption & credentials, Install a certificate, CA certificate; then choose the file.",
        ],
        system_ar: "أندرويد",
        steps_ar: &["الإعدادات، الأمان، التشفير وبيانات الاعتماد، تثبيت شهادة، شهادة CA؛ ثم اختر الملف."],
    },
    Steps {
        system: "iPhone, iPad",
        steps: &[
            "Open the file, then Settings, Profile Downloaded, Install.",
            "Settings, General, About, Certificate Trust Settings: switch the authority on.",
        ],
        system_ar: "آيفون وآيباد",
        steps_ar: &[
            "افتح الملف، ثم الإعدادات، «تم تنزيل ملف التعريف»، تثبيت.",
            "الإعدادات، عام، حول، إعدادات الثقة بالشهادات: شغّل السلطة.",
        ],
    },
];

/// Says where the authority is, how to recognise it, and how to trust it.
///
/// # Errors
/// The certificate is not usable.
pub fn explain(authority: &Authority) -> Result<String, TlsError> {
    let mut text = format!(
        "The office's authority: {}\nSHA-256 fingerprint:    {}\n\n\
         Hand that file out as office-authority.pem; it is no secret. Whoever installs it compares the fingerprint. A running\n\
         office also shows it, with these steps, at /trust. Never hand out authority.key beside it.\n",
        authority.path().display(),
        authority.fingerprint()?
    );
    for Steps { system, steps, .. } in STEPS {
        text.push_str(&format!("\n{system}\n"));
        for (position, step) in steps.iter().enumerate() {
            text.push_str(&format!("  {}. {step}\n", position.saturating_add(1)));
        }
    }
    Ok(text)
}

/// Returns the page `/trust`, in English and Arabic.
///
/// # Errors
/// The certificate is not usable.
pub fn page(authority: &Authority) -> Result<String, TlsError> {
    let (mut steps, mut steps_ar) = (String::new(), String::new());
    for machine in STEPS {
        steps.push_str(&list(machine.system, machine.steps));
        steps_ar.push_str(&list(machine.system_ar, machine.steps_ar));
    }
    let page = PAGE.replace("{fingerprint}", &authority.fingerprint()?);
    Ok(page.replace("{steps}", &steps).replace("{steps_ar}", &steps_ar))
}

fn list(system: &str, steps: &[&str]) -> String {
    let items: String = steps.iter().map(|step| format!("<li dir=\"auto\">{}</li>\n", escaped(step))).collect();
    format!("<h2>{}</h2>\n<ol>\n{items}</ol>\n", escaped(system))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
