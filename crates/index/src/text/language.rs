//! The languages that are stemmed, and which of them a word belongs to.

use frostem::Algorithm;

use super::fold;

/// A language with a stemmer of its own, and so with a field of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Stemmed {
    English,
    French,
    Spanish,
    Arabic,
    Russian,
    Portuguese,
    German,
}

impl Stemmed {
    /// All of them, in the order of their fields in the schema.
    pub(crate) const ALL: [Self; 7] =
        [Self::English, Self::French, Self::Spanish, Self::Arabic, Self::Russian, Self::Portuguese, Self::German];

    /// The ISO 639-1 code, which is also the end of the field's name.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::French => "fr",
            Self::Spanish => "es",
            Self::Arabic => "ar",
            Self::Russian => "ru",
            Self::Portuguese => "pt",
            Self::German => "de",
        }
    }

    /// The place in [`Stemmed::ALL`].
    pub(crate) fn ordinal(self) -> usize {
        Self::ALL.iter().position(|each| *each == self).unwrap_or_default()
    }

    fn script(self) -> Script {
        match self {
            Self::Arabic => Script::Arabic,
            Self::Russian => Script::Cyrillic,
            _ => Script::Latin,
        }
    }

    /// The stemmer of this language.
    pub(crate) fn stemmer(self) -> Stemmer {
        let algorithm = match self {
            Self::English => Algorithm::English,
            Self::French => Algorithm::French,
            Self::Spanish => Algorithm::Spanish,
            Self::Russian => Algorithm::Russian,
            Self::Portuguese => Algorithm::Portuguese,
            Self::German => Algorithm::German,
            Self::Arabic => return Stemmer { language: self, snowball: None },
        };
        Stemmer { language: self, snowball: Some(frostem::Stemmer::new(algorithm)) }
    }
}

/// Reduces the words of one language to their stems.
#[derive(Clone, Copy)]
pub(crate) struct Stemmer {
    language: Stemmed,
    /// Arabic has none: Snowball's does not bring a word with the article and one without it together.
    snowball: Option<frostem::Stemmer>,
}

impl Stemmer {
    /// The stem of a word, folded, or `None` when the word cannot be of this language.
    pub(crate) fn stem(&self, word: &str) -> Option<String> {
        if !Tongue::Any.stems(word, self.language) {
            return None;
        }
        let stem = match &self.snowball {
            Some(snowball) => fold::fold(&snowball.stem(&fold::lower(word))),
            None => arabic_stem(&fold::fold(word)).to_owned(),
        };
        if stem.is_empty() { None } else { Some(stem) }
    }
}

/// Takes one article or conjunction from the beginning of a folded Arabic word, and endings from its end.
///
/// Source: Larkey, Ballesteros and Connell, "Light Stemming for Arabic Information Retrieval" (light10), in the order
/// of Lucene's `ArabicStemmer`.
fn arabic_stem(word: &str) -> &str {
    const BEGINNINGS: [&str; 7] = ["ال", "وال", "بال", "كال", "فال", "لل", "و"];
    const ENDINGS: [&str; 8] = ["ها", "ان", "ات", "ون", "ين", "يه", "ه", "ي"];
    let length = |text: &str| text.chars().count();
    let mut stem = word;
    for beginning in BEGINNINGS {
        let least = if beginning == "و" { 3 } else { 2 };
        if let Some(rest) = stem.strip_prefix(beginning)
            && length(rest) >= least
        {
            stem = rest;
            break;
        }
    }
    for ending in ENDINGS {
        if let Some(rest) = stem.strip_suffix(ending)
            && length(rest) >= 2
        {
            stem = rest;
        }
    }
    stem
}

/// The language of a stretch of text, as far as it matters for stemming.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tongue {
    /// Known, and stemmed when the word's script fits.
    Known(Stemmed),
    /// Not known, or one without a stemmer: the script decides for Arabic and Cyrillic, Latin words stay as they are.
    Unknown,
    /// A name or title, of which no language is known: every language of the script is tried.
    Any,
}

impl Tongue {
    /// Reads a language tag.
    pub(crate) fn from_tag(tag: Option<&str>) -> Self {
        let primary = tag.unwrap_or_default().split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        let known = match primary.as_str() {
            "en" | "eng" => Stemmed::English,
            "fr" | "fra" | "fre" => Stemmed::French,
            "es" | "spa" => Stemmed::Spanish,
            "ar" | "ara" | "arb" => Stemmed::Arabic,
            "ru" | "rus" => Stemmed::Russian,
            "pt" | "por" => Stemmed::Portuguese,
            "de" | "deu" | "ger" => Stemmed::German,
            _ => return Self::Unknown,
        };
        Self::Known(known)
    }

    /// One letter that stands for it inside prepared text.
    pub(crate) fn mark(self) -> char {
        match self {
            Self::Known(language) => char::from(b'0' + u8::try_from(language.ordinal()).unwrap_or_default()),
            Self::Unknown => 'u',
            Self::Any => 'a',
        }
    }

    /// Reads the letter back; what is no mark is an unknown language.
    pub(crate) fn from_mark(mark: char) -> Self {
        match mark {
            'a' => Self::Any,
            '0'..='6' => {
                let ordinal = usize::try_from(mark.to_digit(10).unwrap_or_default()).unwrap_or_default();
                Stemmed::ALL.get(ordinal).map_or(Self::Unknown, |language| Self::Known(*language))
            }
            _ => Self::Unknown,
        }
    }

    /// Whether a word of this text is stemmed as `language`.
    pub(crate) fn stems(self, word: &str, language: Stemmed) -> bool {
        let Some(script) = script_of(word) else { return false };
        if language.script() != script {
            return false;
        }
        match (self, script) {
            (_, Script::Arabic | Script::Cyrillic) | (Self::Any, Script::Latin) => true,
            (Self::Known(known), Script::Latin) => known == language,
            (Self::Unknown, Script::Latin) => false,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Latin,
    Arabic,
    Cyrillic,
}

/// The script of a word that is made of letters; a word with digits has none, because codes are not stemmed.
fn script_of(word: &str) -> Option<Script> {
    let mut script = None;
    for c in word.chars().take(super::words::MAX_WORD_CHARS) {
        if c.is_numeric() {
            return None;
        }
        if script.is_none() {
            script = match u32::from(c) {
                0x41..=0x5A | 0x61..=0x7A | 0xC0..=0x24F | 0x1E00..=0x1EFF | 0xFF21..=0xFF5A => Some(Script::Latin),
                0x0600..=0x06FF | 0x0750..=0x077F | 0x08A0..=0x08FF | 0xFB50..=0xFDFF | 0xFE70..=0xFEFE => {
                    Some(Script::Arabic)
                }
                0x0400..=0x052F => Some(Script::Cyrillic),
                _ => None,
            };
        }
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(language: Stemmed, words: &[&str], expect: &str) {
        for word in words {
            assert_eq!(language.stemmer().stem(word).as_deref(), Some(expect), "{word}");
        }
    }

    #[test]
    fn forms_of_a_word_have_one_stem() {
        check(Stemmed::Arabic, &["تسجيلات", "التسجيلات", "تسجيل", "والتسجيل"], "تسجيل");
        check(Stemmed::Arabic, &["علامة", "العَلامات", "والعلامة", "بالعلامه"], "علام");
        check(Stemmed::English, &["mark", "Marks", "marked", "marking"], "mark");
        check(Stemmed::French, &["marque", "Marques", "marquées"], "marqu");
        check(Stemmed::Russian, &["знак", "знаки", "Знаками"], "знак");
        check(Stemmed::German, &["Straße", "Strassen"], "strass");
    }

    #[test]
    fn codes_and_other_scripts_have_none() {
        for (language, word) in [(Stemmed::English, "ep2024"), (Stemmed::English, "знак"), (Stemmed::Arabic, "mark")]
        {
            assert_eq!(language.stemmer().stem(word), None, "{word}");
        }
    }
}
