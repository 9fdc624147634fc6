//! Names and the keys by which text is compared and ordered.

use unicode_normalization::UnicodeNormalization;
use unicode_security::confusable_detection::skeleton;
use unicode_security::mixed_script::MixedScript;
use unicode_security::restriction_level::{RestrictionLevel, RestrictionLevelDetection};

/// The most characters that a text key keeps.
pub const TEXT_KEY_CHARACTERS: usize = 256;

/// The most characters of an object's name after NFC.
pub const NAME_CHARACTERS_MAX: usize = 500;

/// Returns the text in Unicode normalisation form C (UAX #15).
pub fn nfc(text: &str) -> String {
    text.nfc().collect()
}

/// Returns the text in normalisation form C and lower case: what of it counts when order and likeness are asked for.
pub fn folded(text: &str) -> String {
    text.nfc().flat_map(char::to_lowercase).collect()
}

/// Returns how many characters a person counts in a text as far as limits go: of its normalisation form C, so that `é` is one
/// however it is written.
pub fn length(text: &str) -> usize {
    text.nfc().count()
}

/// Returns the key by which texts are ordered and searched, the same on every database.
///
/// *Shape*: NFC, lower case, at most 256 characters, each UTF-16 unit as two bytes, big-endian: comparing the
/// bytes orders by UTF-16.
pub fn text_key(text: &str) -> Vec<u8> {
    let folded: String = text.nfc().flat_map(char::to_lowercase).take(TEXT_KEY_CHARACTERS).collect();
    utf16(&folded)
}

/// Returns a text as UTF-16, each unit as two bytes, big-endian: comparing the bytes orders by UTF-16.
pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// What of a name a person goes by; two that are alike are taken for the same.
///
/// Source: UTS #39 §4, Confusable Detection, over NFKC and lower case.
#[derive(Clone, Debug)]
pub struct LookAlike {
    /// Whatever the case.
    folded: Sight,
    /// With a capital `I` seen as the `l` that it looks like; folded first, it would be an `i`.
    capitals: Sight,
}

/// One way of looking at a name.
#[derive(Clone, Debug)]
struct Sight {
    /// All that is confused is the same, whatever the alphabet that it is from.
    full: String,
    /// As `full`, and each letter of ASCII is one letter; of names in Latin letters only.
    latin: Option<String>,
}

impl LookAlike {
    /// Returns what a person goes by in `name`.
    pub fn of(name: &str) -> Self {
        let seen = || name.nfkc().filter(|one| !is_ignorable(*one));
        let capitals = seen().map(|one| if one == 'I' { 'l' } else { one });
        Self {
            folded: Sight::of(&seen().flat_map(char::to_lowercase).collect::<String>()),
            capitals: Sight::of(&capitals.flat_map(char::to_lowercase).collect::<String>()),
        }
    }

    /// Says whether a person takes two names for the same: whatever the case, the width, the joiners between letters, and the
    /// alphabet that a look-alike is from (`аdmin` with a Cyrillic `а`, `Admin`, `admin`).
    ///
    /// Between names in Latin letters a letter that looks like two (`m` like `rn`) counts as itself: Stern and Stem are two
    /// people, and such pairs are too common to refuse one of each.
    pub fn is_like(&self, other: &Self) -> bool {
        self.folded.is_like(&other.folded) || self.capitals.is_like(&other.capitals)
    }
}

impl Sight {
    fn of(seen: &str) -> Self {
        let is_latin = !seen.chars().any(|one| one.is_alphabetic() && !is_plain_latin(one));
        // What a figure is confused with may be a capital: `0` with `O`.
        let twice = |alike: fn(&str) -> String| {
            let once: String = alike(seen).chars().flat_map(char::to_lowercase).collect();
            alike(&once)
        };
        Self { full: twice(|text| skeleton(text).collect()), latin: is_latin.then(|| twice(skeleton_by_letter)) }
    }

    fn is_like(&self, other: &Self) -> bool {
        match (&self.latin, &other.latin) {
            (Some(one), Some(other)) => one == other,
            _ => self.full == other.full,
        }
    }
}

/// Returns the skeleton of a text in which letters of ASCII that look like several stay as they are.
fn skeleton_by_letter(text: &str) -> String {
    let mut buffer = [0; 4];
    let mut alike = String::with_capacity(text.len());
    for one in text.nfd() {
        let letter = one.encode_utf8(&mut buffer);
        let prototype: String = skeleton(letter).collect();
        let is_several = one.is_ascii() && prototype.chars().count() > 1;
        alike.push_str(if is_several { letter } else { &prototype });
    }
    alike.nfd().collect()
}

/// Says whether a letter is one of the Latin ones that people's names are written in.
const fn is_plain_latin(letter: char) -> bool {
    letter.is_ascii_alphabetic() || matches!(letter, '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}')
}

/// Says whether a word of a name has letters of scripts that are taken for each other, as Latin and Cyrillic. Words of
/// different scripts beside each other are how people write (`отдел IT`), and Latin beside Arabic, Han, Hebrew and the like
/// is read by everybody.
///
/// Source: UTS #39 §5.2, Restriction-Level Detection: what is above *Moderately Restrictive*, looking at letters only.
pub fn mixes_alike_scripts(name: &str) -> bool {
    let plain: String = name.nfkc().collect();
    plain.split(|one: char| one.is_whitespace() || one.is_ascii_punctuation()).any(|word| {
        let letters: String = word.chars().filter(|one| one.is_alphabetic()).collect();
        let letters = letters.as_str();
        !letters.is_single_script() && letters.detect_restriction_level() > RestrictionLevel::ModeratelyRestrictive
    })
}

/// Why a name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// Nobody could see it.
    #[error("a name has at least one visible character")]
    Empty,
    /// It has more than [`NAME_CHARACTERS_MAX`] characters.
    #[error("a name has at most 500 characters")]
    TooLong,
    /// It has a character that would break paths or texts.
    #[error("a name has no slash and no U+0000")]
    Character,
    /// It would mean a place in a path.
    #[error("a name is not `.` or `..`")]
    Dots,
    /// It has a line break or another control character.
    #[error("a file name has no line breaks and no control characters")]
    Control,
    /// It would look like the same name without the space.
    #[error("a name neither begins nor ends with a space")]
    Spaces,
    /// It has a character that makes a name look like another, or like two.
    #[error(
        "a name has no line breaks, control characters, invisible characters or characters that turn the direction"
    )]
    Misleading,
}

/// The name of an object in its folder: NFC, 1 to 500 characters, one of them visible, any script, no `/`, no U+0000,
/// not `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(String);

impl Name {
    /// Checks and normalises a name that a person chooses: beside what [`Name::parse`] asks for, nothing in it misleads.
    ///
    /// # Errors
    /// [`InvalidName`], which says what is wrong.
    pub fn choose(text: &str) -> Result<Self, InvalidName> {
        let name = Self::parse(text)?;
        if name.0.contains(is_misleading) {
            return Err(InvalidName::Misleading);
        }
        if name.0.trim() != name.0 {
            return Err(InvalidName::Spaces);
        }
        Ok(name)
    }

    /// Checks and normalises a name that a file came with: what is odd is kept as it is.
    ///
    /// # Errors
    /// [`InvalidName`], which says what is wrong.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let name = nfc(text);
        if !name.contains(is_visible) {
            return Err(InvalidName::Empty);
        }
        if name.chars().count() > NAME_CHARACTERS_MAX {
            return Err(InvalidName::TooLong);
        }
        if name.contains(['/', '\0']) {
            return Err(InvalidName::Character);
        }
        if name == "." || name == ".." {
            return Err(InvalidName::Dots);
        }
        Ok(Self(name))
    }

    /// Checks and normalises a file's name that a request says in its address: what [`Name::parse`] asks for, and nothing
    /// that a form cannot say either, which names a file in one line.
    ///
    /// # Errors
    /// [`InvalidName`], which says what is wrong.
    pub fn of_file(text: &str) -> Result<Self, InvalidName> {
        let name = Self::parse(text)?;
        let breaks = |one: char| one.is_control() || matches!(one, '\u{2028}' | '\u{2029}');
        if name.0.contains(breaks) { Err(InvalidName::Control) } else { Ok(name) }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Says whether a character has no place in what a person calls something: line breaks and other controls, what turns the
/// direction of the text after it, what is invisible without a meaning in any script, and what is no character. The
/// marks of direction and joiners that Arabic, Persian and the scripts of India need are none of these.
pub fn is_misleading(character: char) -> bool {
    let breaks = matches!(character, '\u{2028}' | '\u{2029}');
    let is_needed = matches!(character, '\u{200c}'..='\u{200f}' | '\u{61c}' | '\u{fe00}'..='\u{fe0f}');
    let is_none = matches!(character, '\u{fdd0}'..='\u{fdef}') || u32::from(character) & 0xfffe == 0xfffe;
    character.is_control() || breaks || is_none || is_blank(character) || (is_ignorable(character) && !is_needed)
}

/// Says whether a person sees something of a character: spaces, controls and what is drawn as nothing show nothing.
pub fn is_visible(character: char) -> bool {
    !(character.is_whitespace() || is_ignorable(character) || is_misleading(character))
}

/// Says whether a character is a pattern of Braille with no dot.
const fn is_blank(character: char) -> bool {
    character == '\u{2800}'
}

/// Says whether a character is drawn as nothing; those that turn the direction of what follows are among them.
///
/// Source: Unicode 16.0, DerivedCoreProperties.txt, `Default_Ignorable_Code_Point`.
const fn is_ignorable(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn are_alike(one: &str, other: &str) -> bool {
        LookAlike::of(one).is_like(&LookAlike::of(other))
    }

    #[test]
    fn names_are_told_apart_by_what_one_sees() {
        for (one, other) in [
            ("admin", "ADMIN"),
            ("admin", "\u{430}dmin"),
            ("admin", "\u{ff41}dm\u{131}n"),
            ("admin", "ad\u{200c}min"),
            ("root", "r00t"),
            ("bill", "bi11"),
            ("Stem", "St\u{435}rn"),
            ("stem1", "steml"),
            ("paypal", "paypaI"),
            ("Ian", "lan"),
            ("m\u{fc}ller", "mu\u{308}1ler"),
            ("\u{643}\u{631}\u{64a}\u{645}", "\u{6a9}\u{631}\u{64a}\u{645}"),
        ] {
            assert!(are_alike(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("anna", "hanna"),
            ("ian", "lan"),
            ("Stern", "Stem"),
            ("k\u{f6}rner", "k\u{f6}mer"),
            ("clark", "dark"),
            ("vvilson", "wilson"),
            ("o.stern-2", "o.stem-2"),
            ("sami", "rana"),
            ("clerk1", "clerk2"),
            ("\u{633}", "\u{634}"),
        ] {
            assert!(!are_alike(one, other), "{one} {other}");
        }
    }

    #[test]
    fn scripts_that_are_taken_for_each_other_do_not_mix() {
        for mixed in ["\u{430}dmin", "adm\u{456}n", "\u{3b1}nna", "ann\u{251}\u{430}"] {
            assert!(mixes_alike_scripts(mixed), "{mixed}");
        }
        for plain in [
            "admin",
            "O'Neil-2",
            "anna@office.int",
            "\u{633}\u{627}\u{645}\u{64a} \u{639}\u{644}\u{64a}",
            "sami \u{633}\u{627}\u{645}\u{64a}",
            "\u{430}\u{43d}\u{43d}\u{430}",
            "ren\u{e9}",
            "\u{7ca}\u{7de}",
            "\u{43e}\u{442}\u{434}\u{435}\u{43b} IT",
            "\u{738b} \u{412}\u{430}\u{43d}\u{44f}",
            "HR-\u{43e}\u{442}\u{434}\u{435}\u{43b}",
            "\u{7530}\u{4e2d}\u{3055}\u{3093} tanaka",
            "1234",
            "",
        ] {
            assert!(!mixes_alike_scripts(plain), "{plain}");
        }
    }

    #[test]
    fn names_in_every_script_are_kept_and_traps_are_refused() {
        for good in ["a", "  two  spaces ", "علامة تجارية", "商标", "%&_'\"", ".hidden"] {
            assert_eq!(Name::parse(good).as_ref().map(Name::as_str), Ok(good));
        }
        assert_eq!(Name::parse("e\u{301}").as_ref().map(Name::as_str), Ok("\u{e9}"));
        for nothing in ["", " ", "\n\t", "\u{200b}", "\u{202e}", "\u{feff} "] {
            assert_eq!(Name::parse(nothing), Err(InvalidName::Empty), "{nothing:?}");
        }
        assert_eq!(Name::parse("a/b"), Err(InvalidName::Character));
        assert_eq!(Name::parse("a\0"), Err(InvalidName::Character));
        assert_eq!(Name::parse(".."), Err(InvalidName::Dots));
        assert_eq!(Name::parse(&"ب".repeat(501)), Err(InvalidName::TooLong));
    }

    #[test]
    fn a_chosen_name_does_not_mislead() {
        for good in ["a", "two  spaces", "علامة\u{200f}", "می\u{200c}خواهم", "क्\u{200d}ष", "a\u{a0}b"]
        {
            assert!(Name::choose(good).is_ok(), "{good:?}");
        }
        for hidden in
            ["a\u{ad}b", "a\u{e0041}", "a\u{3164}", "a\u{180e}", "a\u{34f}", "a\u{fffe}", "a\u{fdd0}", "a\u{1fffe}"]
        {
            assert_eq!(Name::choose(hidden), Err(InvalidName::Misleading), "{hidden:?}");
        }
        for blank in ["\u{2800}", "\u{3164}", "\u{fe0f}", "\u{61c}"] {
            assert_eq!(Name::choose(blank), Err(InvalidName::Empty), "{blank:?}");
        }
        for space in ["a ", " a", "a\u{a0}", "a\u{3000}"] {
            assert_eq!(Name::choose(space), Err(InvalidName::Spaces), "{space:?}");
        }
        for bad in
            ["a\nb", "a\tb", "a\n", "a\u{85}b", "a\u{2028}b", "fdp\u{202e}exe", "a\u{2066}b", "a\u{200b}", "\u{feff}a"]
        {
            assert_eq!(Name::choose(bad), Err(InvalidName::Misleading), "{bad:?}");
            assert!(Name::parse(bad).is_ok(), "files are called so: {bad:?}");
        }
    }

    #[test]
    fn keys_fold_case_and_order_by_utf16() {
        assert_eq!(text_key("ÉCOLE"), text_key("e\u{301}cole"));
        assert!(text_key("\u{1F600}") < text_key("\u{FF5E}"));
        assert!(text_key(&"x".repeat(1000)).len() <= 2 * TEXT_KEY_CHARACTERS);
    }
}
