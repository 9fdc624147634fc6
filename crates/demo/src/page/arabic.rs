//! Joins Arabic letters: which form each takes between its neighbours (Unicode 16, §9.2), for faces that name the forms
//! by their compatibility characters. Vowel signs are not known here; the office's papers do without them.

/// A letter in the form that it takes, with the characters that it stands for; the second is U+0000 where there is one.
pub type Formed = (char, [char; 2]);

/// How a letter joins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joining {
    /// Not at all.
    None,
    /// With the letter before it only.
    Before,
    /// With both.
    Both,
}

/// Each letter with its first form (isolated; then final, initial, medial) and how it joins.
const LETTERS: [(char, u32, Joining); 36] = [
    ('ء', 0xfe80, Joining::None),
    ('آ', 0xfe81, Joining::Before),
    ('أ', 0xfe83, Joining::Before),
    ('ؤ', 0xfe85, Joining::Before),
    ('إ', 0xfe87, Joining::Before),
    ('ئ', 0xfe89, Joining::Both),
    ('ا', 0xfe8d, Joining::Before),
    ('ب', 0xfe8f, Joining::Both),
    ('ة', 0xfe93, Joining::Before),
    ('ت', 0xfe95, Joining::Both),
    ('ث', 0xfe99, Joining::Both),
    ('ج', 0xfe9d, Joining::Both),
    ('ح', 0xfea1, Joining::Both),
    ('خ', 0xfea5, Joining::Both),
    ('د', 0xfea9, Joining::Before),
    ('ذ', 0xfeab, Joining::Before),
    ('ر', 0xfead, Joining::Before),
    ('ز', 0xfeaf, Joining::Before),
    ('س', 0xfeb1, Joining::Both),
    ('ش', 0xfeb5, Joining::Both),
    ('ص', 0xfeb9, Joining::Both),
    ('ض', 0xfebd, Joining::Both),
    ('ط', 0xfec1, Joining::Both),
    ('ظ', 0xfec5, Joining::Both),
    ('ع', 0xfec9, Joining::Both),
    ('غ', 0xfecd, Joining::Both),
    ('ف', 0xfed1, Joining::Both),
    ('ق', 0xfed5, Joining::Both),
    ('ك', 0xfed9, Joining::Both),
    ('ل', 0xfedd, Joining::Both),
    ('م', 0xfee1, Joining::Both),
    ('ن', 0xfee5, Joining::Both),
    ('ه', 0xfee9, Joining::Both),
    ('و', 0xfeed, Joining::Before),
    ('ى', 0xfeef, Joining::Before),
    ('ي', 0xfef1, Joining::Both),
];

/// The alefs that a lam before them swallows, with the isolated form of the two; the final one follows it.
const LAM_ALEF: [(char, u32); 4] = [('آ', 0xfef5), ('أ', 0xfef7), ('إ', 0xfef9), ('ا', 0xfefb)];

fn letter(character: char) -> Option<(u32, Joining)> {
    LETTERS.iter().find(|(letter, ..)| *letter == character).map(|(_, form, joining)| (*form, *joining))
}

fn joins_onwards(character: char) -> bool {
    character == 'ـ' || letter(character).is_some_and(|(_, joining)| joining == Joining::Both)
}

fn joins_back(character: char) -> bool {
    character == 'ـ' || letter(character).is_some_and(|(_, joining)| joining != Joining::None)
}

/// Returns the letters of `text` in the forms that they take, in logical order. Other characters stay as they are.
pub fn formed(text: &str) -> Vec<Formed> {
    let mut forms = Vec::new();
    let mut before: Option<char> = None;
    let mut rest = text.chars().peekable();
    while let Some(character) = rest.next() {
        let joined_before = before.is_some_and(joins_onwards) && joins_back(character);
        let swallowed = rest.peek().and_then(|next| LAM_ALEF.iter().find(|(alef, _)| alef == next));
        if let (true, Some((alef, form))) = (character == 'ل', swallowed) {
            let form = char::from_u32(form + u32::from(joined_before));
            forms.push((form.unwrap_or(character), [character, *alef]));
            rest.next();
            before = Some(*alef);
            continue;
        }
        let joined_after = joins_onwards(character) && rest.peek().copied().is_some_and(joins_back);
        let form = letter(character).and_then(|(isolated, _)| {
            char::from_u32(isolated + u32::from(joined_before) + 2 * u32::from(joined_after))
        });
        forms.push((form.unwrap_or(character), [character, '\0']));
        before = Some(character);
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expect: &str) {
        let forms: String = formed(text).iter().map(|(form, _)| *form).collect();
        assert_eq!(forms, expect, "{text}");
    }

    #[test]
    fn letters_take_the_form_of_their_place() {
        check("باب", "\u{fe91}\u{fe8e}\u{fe8f}");
        check("علامة", "\u{fecb}\u{fefc}\u{fee3}\u{fe94}");
        check("شيء", "\u{feb7}\u{fef2}\u{fe80}");
        check("إلى", "\u{fe87}\u{fedf}\u{fef0}");
        check("لا 12", "\u{fefb} 12");
    }

    #[test]
    fn what_a_form_stands_for_is_kept() {
        let text: String = formed("الأعمال").iter().flat_map(|(_, chars)| *chars).filter(|c| *c != '\0').collect();
        assert_eq!(text, "الأعمال");
    }

    #[test]
    fn every_form_has_a_glyph() {
        use crate::page::fonts::Face;
        for (letter, form, joining) in LETTERS {
            let count = match joining {
                Joining::None => 1,
                Joining::Before => 2,
                Joining::Both => 4,
            };
            for number in form..form + count {
                let form = char::from_u32(number).unwrap();
                assert!(Face::Naskh.glyph(form).is_some() && Face::NaskhBold.glyph(form).is_some(), "{letter}");
            }
        }
    }
}
