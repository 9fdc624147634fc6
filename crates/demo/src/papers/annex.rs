//! The annex of four hundred pages: the record of one palm to a page, each with words of its own in both languages.

use super::dates::written;
use super::later;
use crate::cases::{Case, Language};
use crate::output::scan::Lot;
use crate::page::Page;
use crate::page::flow::{Align, Flow};
use crate::page::line::Look;

/// How many pages there are.
pub const PAGES: usize = 400;

/// Varieties of dates.
const VARIETIES: [(&str, &str); 8] = [
    ("Medjool", "المجهول"),
    ("Barhi", "البرحي"),
    ("Deglet Noor", "دقلة نور"),
    ("Khalas", "الخلاص"),
    ("Sukkari", "السكري"),
    ("Ajwa", "العجوة"),
    ("Zahidi", "الزهدي"),
    ("Halawi", "الحلاوي"),
];

/// Where the palms stand.
const PLOTS: [(&str, &str); 10] = [
    ("northern terrace", "المصطبة الشمالية"),
    ("old well", "البئر القديمة"),
    ("canal bank", "ضفة القناة"),
    ("stone wall", "الجدار الحجري"),
    ("upper spring", "العين العليا"),
    ("salt meadow", "المرج المالح"),
    ("eastern gate", "الباب الشرقي"),
    ("mill road", "طريق الطاحونة"),
    ("dune edge", "حافة الكثبان"),
    ("school garden", "حديقة المدرسة"),
];

/// What was seen.
const REMARKS: [(&str, &str); 10] = [
    ("The lower leaves were cut in spring.", "قطعت الأوراق السفلى في الربيع."),
    ("A pair of doves nested in the crown.", "عشش زوج من الحمام في التاج."),
    ("The offshoots were left to grow.", "تركت الفسائل لتنمو."),
    ("Red weevils were found and removed.", "وجدت السوسة الحمراء وأزيلت."),
    ("The bunches were bagged against rain.", "غطيت العذوق اتقاء المطر."),
    ("Pollination was done by hand twice.", "لقحت النخلة يدويا مرتين."),
    ("The soil was mulched with straw.", "غطيت التربة بالتبن."),
    ("One sensor was replaced after a storm.", "استبدل أحد المجسات بعد عاصفة."),
    ("The water was saltier than usual.", "كان الماء أكثر ملوحة من المعتاد."),
    ("The harvest began eight days early.", "بدأ الجني قبل موعده بثمانية أيام."),
];

/// Returns the records.
pub(super) fn pages(case: &Case) -> Vec<Page> {
    let mut flow = Flow::new(false);
    let mut lot = Lot::of(case.number);
    for number in 1..=PAGES {
        if number > 1 {
            flow.break_page();
        }
        record(&mut flow, case, number, &mut lot);
    }
    flow.finish(&format!("{} · annex / ملحق", case.number))
}

fn record(flow: &mut Flow, case: &Case, number: usize, lot: &mut Lot) {
    let (variety, variety_ar) = lot.one(&VARIETIES).copied().unwrap_or_default();
    let (plot, plot_ar) = lot.one(&PLOTS).copied().unwrap_or_default();
    let (remark, remark_ar) = lot.one(&REMARKS).copied().unwrap_or_default();
    let tree = format!("PALM-{number:04}");
    let age = 6 + lot.below(60);
    let measured = later(case.filed_on, -500 + i64::try_from(number).unwrap_or(0));
    flow.text(&format!("Record {number} of {PAGES}: {tree}"), &Look::bold(13.0), Align::Start);
    flow.text(&format!("السجل {number} من {PAGES}: النخلة {tree}"), &Look::bold(13.0), Align::Start);
    flow.space(8.0);
    flow.paragraph(&format!(
        "Palm {tree} of the variety {variety} stands at the {plot} and is {age} years old. It was measured on {}.",
        written(measured, Language::English)
    ));
    flow.paragraph(&format!(
        "تقع النخلة {tree} من صنف {variety_ar} عند {plot_ar} وعمرها {age} سنة. وقد أجريت القياسات في {}.",
        written(measured, Language::Arabic)
    ));
    flow.space(6.0);
    let mut rows =
        vec![vec!["Week".to_owned(), "Crown °C".to_owned(), "Moisture 30/60/90 cm %".to_owned(), "Stalks".to_owned()]];
    for week in 1..=14 {
        let crown = format!("{:.1}", lot.between(21.0, 44.0));
        let wet = [30, 60, 90].map(|depth| format!("{}", 6 + depth / 6 + lot.below(9))).join(" / ");
        rows.push(vec![week.to_string(), crown, wet, (4 + lot.below(11)).to_string()]);
    }
    flow.table(&[0.16, 0.22, 0.42, 0.20], &rows);
    flow.paragraph(&format!(
        "{remark} Predicted yield: {:.1} kg; weighed: {:.1} kg.",
        lot.between(40.0, 96.0),
        lot.between(38.0, 99.0)
    ));
    flow.paragraph(remark_ar);
    flow.paragraph(&format!("Check word of this record: {}.", check_word(number)));
}

/// Returns a word that stands on one page only, so that a search proves that it opens the right one.
pub fn check_word(number: usize) -> String {
    const FIRST: [&str; 10] = ["ba", "de", "fi", "go", "hu", "ka", "le", "mi", "no", "ru"];
    const SECOND: [&str; 10] = ["lor", "mat", "nis", "pel", "rand", "sok", "tun", "vem", "wig", "zar"];
    let syllable = |from: &[&'static str; 10], digit: usize| from.get(digit % 10).copied().unwrap_or_default();
    let (hundreds, tens, ones) = (number / 100, number / 10, number);
    format!("{}{}{}en", syllable(&FIRST, hundreds), syllable(&SECOND, tens), syllable(&FIRST, ones))
}
