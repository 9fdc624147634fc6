//! The main language of a page, where it can be told reliably.

use whatlang::{Lang, detect};

/// Fewer letters than this tell nothing.
const FEWEST_LETTERS: usize = 40;
/// More characters than this are not looked at.
const SAMPLE: usize = 700;

/// Returns the ISO 639-1 code of the language of a text, if it is reliably told.
pub fn of_text(text: &str) -> Option<String> {
    let sample = text.get(..text.floor_char_boundary(SAMPLE))?;
    if sample.chars().filter(|c| c.is_alphabetic()).take(FEWEST_LETTERS).count() < FEWEST_LETTERS {
        return None;
    }
    let info = detect(sample)?;
    if !info.is_reliable() {
        return None;
    }
    two_letters(info.lang()).map(str::to_owned)
}

/// Returns the two letters of a language tag such as `en-GB`.
pub fn of_tag(tag: &str) -> Option<String> {
    let primary = tag.trim().split(['-', '_']).next()?.to_ascii_lowercase();
    (primary.len() == 2 && primary.bytes().all(|b| b.is_ascii_lowercase())).then_some(primary)
}

fn two_letters(lang: Lang) -> Option<&'static str> {
    Some(match lang {
        Lang::Eng => "en",
        Lang::Fra => "fr",
        Lang::Spa => "es",
        Lang::Por => "pt",
        Lang::Deu => "de",
        Lang::Ita => "it",
        Lang::Nld => "nl",
        Lang::Rus => "ru",
        Lang::Ukr => "uk",
        Lang::Ara => "ar",
        Lang::Pes => "fa",
        Lang::Urd => "ur",
        Lang::Heb => "he",
        Lang::Cmn => "zh",
        Lang::Jpn => "ja",
        Lang::Kor => "ko",
        Lang::Hin => "hi",
        Lang::Tur => "tr",
        Lang::Pol => "pl",
        Lang::Ell => "el",
        Lang::Ces => "cs",
        Lang::Swe => "sv",
        Lang::Dan => "da",
        Lang::Nob => "nb",
        Lang::Fin => "fi",
        Lang::Hun => "hu",
        Lang::Ron => "ro",
        Lang::Bul => "bg",
        Lang::Cat => "ca",
        _ => return None,
    })
}
