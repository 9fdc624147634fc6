//! What is refused as a password: what is too short, too long to hash at leisure, or what everybody tries first.
//!
//! NIST SP 800-63B §3.1.1.2 asks for eight characters, for a comparison with what is commonly used, expected or
//! compromised, and for no rules of composition. Sign-in counts wrong tries, so that it is the first hundreds of a guesser's
//! list that matter: they are words like these with digits around them, one character again and again, and runs along the
//! alphabet or the keyboard. Beside these rules, which know what is of this year and of this office, stands a list.

use unicode_normalization::UnicodeNormalization;

use crate::{RepositoryError, Result};

/// The fewest characters of a password.
pub(crate) const CHARACTERS_MIN: usize = 8;
/// The longest password. *Units*: bytes of UTF-8.
const BYTES_MAX: usize = 1024;
/// So many characters a password has at least beside the name to sign in with.
const BESIDE_NAME_MIN: usize = 4;

/// What is left of the passwords that are tried first when digits and signs around them are taken away.
const COMMON: &str = "\
    abc abcd access admin administrator adminadmin anthony asd asdf asdfasdf ashley azerty baseball basketball \
    batman butterfly cartulary changeme charlie chocolate computer cookie corvette default demo donald dragon \
    facebook flower football freedom google guest hello hunter iloveyou internet jennifer jessica jordan killer \
    letmein liverpool login lovely loveyou marina master matrix maverick mercedes michael michelle monkey mustang \
    newpassword nicole office pass passcode passphrase passw passwd password passwort pokemon princess qazwsx qwe \
    qwer qwert qwerty qwertyuiop root samsung secret security server shadow starwars summer sunshine superman \
    superuser spring autumn drowssap woaini пароль كلمةالسر temp temporary test tester testing testtest trustno user username welcome whatever winter zaq zxc \
    zxcvbnm";

/// Passwords that people choose most, one a line after a head of lines with `#`, which says where they are from.
const CHOSEN_MOST: &str = include_str!("common_passwords.txt");

/// Rows along which fingers run.
const RUNS: &[&str] = &[
    "01234567890123456789",
    "abcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "qwertzuiopasdfghjklyxcvbnm",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
    "1q2w3e4r5t6y7u8i9o0p",
    "йцукенгшщзхъфывапролджэячсмитьбю",
];

/// Refuses a password that is too short, or too long to hash at leisure; `field` is what the request calls it.
pub(crate) fn check_length(field: &str, password: &str) -> Result<()> {
    if password.chars().count() < CHARACTERS_MIN {
        return Err(RepositoryError::invalid(field, "too_short", "a password has at least 8 characters"));
    }
    if password.len() > BYTES_MAX {
        return Err(RepositoryError::invalid(field, "too_long", "a password has at most 1,024 bytes"));
    }
    Ok(())
}

/// Refuses what [`check_length`] does, and what everybody tries first.
pub(crate) fn check(field: &str, password: &str) -> Result<()> {
    check_length(field, password)?;
    if is_common(password) {
        let detail = "this password is among the first that are guessed; several words of your own are better";
        return Err(RepositoryError::invalid(field, "too_common", detail));
    }
    Ok(())
}

/// Refuses the name that a person signs in with, alone or with a few characters around it.
pub(crate) fn refuse_name(field: &str, password: &str, name: &str) -> Result<()> {
    let folded = |text: &str| -> String { normal(text).chars().flat_map(char::to_lowercase).collect() };
    let rest = folded(password).replace(&folded(name), "");
    if rest.chars().count() < BESIDE_NAME_MIN {
        let detail = "a password is not the name to sign in with; several words of your own are better";
        return Err(RepositoryError::invalid(field, "too_common", detail));
    }
    Ok(())
}

/// Returns a password in the form that is hashed: phones and PCs write `é` as one character or as two.
///
/// Source: NIST SP 800-63B §3.1.1.2, on stabilized strings and NFKC.
pub(crate) fn normal(password: &str) -> String {
    password.nfkc().collect()
}

/// Says whether a password is among those that are tried first.
pub(crate) fn is_common(password: &str) -> bool {
    let folded: String = normal(password).chars().filter(|c| !c.is_whitespace()).flat_map(as_latin).collect();
    let plain = unit_of(&folded);
    let words = [plain, &without_leet(plain)];
    is_walk(plain) || is_walk(&unshifted(plain)) || words.into_iter().any(is_common_word)
}

/// Returns small letters, and the digits of other scripts as Latin ones.
fn as_latin(c: char) -> impl Iterator<Item = char> {
    let digit = match c {
        '\u{660}'..='\u{669}' => Some(u32::from(c) - 0x660),
        '\u{6f0}'..='\u{6f9}' => Some(u32::from(c) - 0x6f0),
        _ => None,
    };
    let c = digit.and_then(|value| char::from_digit(value, 10)).unwrap_or(c);
    c.to_lowercase()
}

/// Returns what a text repeats, as `abc` of `abcabcabc`; the text itself when it repeats nothing.
fn unit_of(text: &str) -> &str {
    let ends = text.char_indices().map(|(at, _)| at).skip(1).take_while(|at| at * 2 <= text.len());
    let units = ends.filter_map(|at| text.get(..at));
    units.into_iter().find(|unit| text.replace(unit, "").is_empty()).unwrap_or(text)
}

/// Says whether a text is one or two signs again and again, or a run, whose keys may be struck twice each: `11223344`.
fn is_walk(text: &str) -> bool {
    let text = unit_of(text);
    let mut struck: Vec<char> = text.chars().collect();
    struck.dedup();
    let struck: String = struck.into_iter().collect();
    text.chars().count() <= 2 || struck.chars().count() <= 2 || is_run(text) || is_run(&struck)
}

/// Returns the figures that stand on the keys of some signs, as American keyboards have them: `1qaz@WSX` is `1qaz2wsx`.
fn unshifted(text: &str) -> String {
    const SIGNS: &str = ")!@#$%^&*(";
    let figure = |sign: char| {
        let key = SIGNS.chars().position(|one| one == sign).and_then(|key| u32::try_from(key).ok());
        key.and_then(|key| char::from_digit(key, 10)).unwrap_or(sign)
    };
    text.chars().map(figure).collect()
}

/// Says whether a text is a part of a row of keys or letters, forwards or backwards.
fn is_run(text: &str) -> bool {
    let backwards: String = text.chars().rev().collect();
    RUNS.iter().any(|run| run.contains(text) || run.contains(&backwards))
}

fn is_common_word(text: &str) -> bool {
    let word = text.trim_matches(|c: char| !c.is_alphabetic());
    let unit = unit_of(word);
    let mut chosen = CHOSEN_MOST.lines().filter(|line| !line.starts_with('#'));
    COMMON.split(' ').any(|common| common == unit) || chosen.any(|common| common == text || common == word)
}

/// Returns the letters that some signs stand for: `p@ssw0rd`.
fn without_leet(text: &str) -> String {
    let letter = |c| match c {
        '@' | '4' => 'a',
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '$' | '5' => 's',
        '7' => 't',
        other => other,
    };
    let core = text.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '!' | '.' | '?' | '*' | '#'));
    core.chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_tries_first_is_common() {
        for password in [
            "12345678",
            "١٢٣٤٥٦٧٨",
            "87654321",
            "1234567890",
            "11111111",
            "aaaaaaaa",
            "abababab",
            "abcabcabc",
            "abcdefgh",
            "password",
            "Password1",
            "PASSWORD!",
            "password2026",
            "p@ssw0rd",
            "P@$$w0rd123",
            "qwertyui",
            "qwerty123",
            "1q2w3e4r",
            "1qaz2wsx",
            "iloveyou",
            "letmein1",
            "admin123",
            "Admin1234",
            "administrator",
            "welcome1",
            "passwordpassword",
            "cartulary1",
            "test1234",
            "trustno1",
            "12341234",
            "1qaz@WSX",
            "!QAZ2wsx",
            "1qaz2wsx3edc",
            "11223344",
            "aabbccdd",
            "qwertyuiop",
            "QwertyUiop!",
            "1q2w3e4r",
            "P@ssw0rd",
            "P@ssw0rd!",
            "qwer1234",
            "abcd1234",
            "football1",
            "Samantha2026",
            "!@#$%^&*",
            "a1b2c3d4",
            "1234qwer",
            "q1w2e3r4",
            "asdf1234",
            "zaq12wsx",
            "pass1234",
            "123qweasd",
            "1qazxsw2",
        ] {
            assert!(is_common(password), "{password}");
        }
    }

    #[test]
    fn sentences_and_made_passwords_are_not() {
        for password in [
            "a sentence of my own",
            "correct horse battery",
            "Correct-Horse-9",
            "a long enough password",
            "given-by-the-office-1",
            "journey-1-22-333-4444",
            "k7mx-2pqa-9fgh-tt3w",
            "واحة النخيل في الجنوب",
            "Zx9!kQ2#",
            "password of the third floor",
            "bookkeeper of the left wing",
            "Samantha the second",
            "11-Tulips-44",
        ] {
            assert!(!is_common(password), "{password}");
        }
    }
}
