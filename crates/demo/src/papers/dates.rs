//! Dates as people write them.

use jiff::civil::Date;

use crate::cases::Language;

const MONTHS: [(&str, &str); 12] = [
    ("January", "يناير"),
    ("February", "فبراير"),
    ("March", "مارس"),
    ("April", "أبريل"),
    ("May", "مايو"),
    ("June", "يونيو"),
    ("July", "يوليو"),
    ("August", "أغسطس"),
    ("September", "سبتمبر"),
    ("October", "أكتوبر"),
    ("November", "نوفمبر"),
    ("December", "ديسمبر"),
];

/// Returns a date in words: `3 March 2026`.
pub fn written(date: Date, language: Language) -> String {
    let position = usize::from(date.month().unsigned_abs().saturating_sub(1));
    let (english, arabic) = MONTHS.get(position).copied().unwrap_or_default();
    let month = match language {
        Language::English => english,
        Language::Arabic => arabic,
    };
    format!("{} {month} {}", date.day(), date.year())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_in_both_languages() {
        let date = jiff::civil::date(2026, 2, 11);
        assert_eq!(written(date, Language::English), "11 February 2026");
        assert_eq!(written(date, Language::Arabic), "11 فبراير 2026");
    }
}
