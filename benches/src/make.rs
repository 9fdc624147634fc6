//! Papers made by code, the same at every run: text PDFs, plain texts, and bytes that say nothing.

use std::fs;
use std::path::{Path, PathBuf};

/// A word that every made text has, by which they are all found.
pub const MARK: &str = "chartularium";
/// Lines of a page.
const LINES: usize = 46;
/// Words of a line.
const WORDS: usize = 11;

/// Numbers that look like chance and are the same at every run (xorshift64*).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Begins a row of numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// Returns the next number.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Returns a number from `low` to `high - 1`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + (self.next() >> 11) % (high - low).max(1)
    }

    /// Returns bytes that no program can shorten.
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(count + 8);
        while bytes.len() < count {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(count);
        bytes
    }

    /// Returns a made-up word of a vocabulary of some 20,000, short ones more often.
    fn word(&mut self) -> String {
        const BEGIN: [&str; 24] = [
            "b", "c", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "br", "st", "tr",
            "pl", "gr", "ch", "sh",
        ];
        const MIDDLE: [&str; 8] = ["a", "e", "i", "o", "u", "ai", "ea", "ou"];
        const END: [&str; 6] = ["n", "r", "s", "t", "l", ""];
        let syllables = 1 + self.between(0, 6) / 3;
        let mut word = String::new();
        for _ in 0..syllables {
            for part in [&BEGIN[..], &MIDDLE[..], &END[..]] {
                let place = self.between(0, part.len() as u64) as usize;
                word.push_str(part.get(place).copied().unwrap_or_default());
            }
        }
        word
    }

    fn line(&mut self) -> String {
        (0..WORDS).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }
}

/// Returns a plain text.
pub fn text(seed: u64, lines: usize) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    let body: Vec<String> = (0..lines).map(|_| chance.line()).collect();
    format!("{MARK} {seed}\n{}\n", body.join("\n")).into_bytes()
}

/// Returns a PDF of text pages in Helvetica, about 4 KB a page.
pub fn pdf(seed: u64, pages: usize) -> Vec<u8> {
    let mut chance = Chance::new(seed);
    let mut file = Pdf::default();
    let kids: Vec<String> = (0..pages).map(|page| format!("{} 0 R", 4 + page * 2)).collect();
    file.object(1, "<< /Type /Catalog /Pages 2 0 R >>");
    file.object(2, &format!("<< /Type /Pages /Count {pages} /Kids [{}] >>", kids.join(" ")));
    file.object(3, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>");
    for page in 0..pages {
        let number = 4 + page * 2;
        let mut content = format!("BT /F1 11 Tf 14 TL 56 780 Td ({MARK} {seed} page {}) Tj\n", page + 1);
        for _ in 0..LINES {
            content.push_str(&format!("T* ({}) Tj\n", chance.line()));
        }
        content.push_str("ET");
        file.object(
            number,
            &format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {} 0 R /Resources << /Font << /F1 3 0 R >> >> >>",
                number + 1
            ),
        );
        file.object(number + 1, &format!("<< /Length {} >>\nstream\n{content}\nendstream", content.len()));
    }
    file.finish()
}

#[derive(Debug, Default)]
struct Pdf {
    bytes: Vec<u8>,
    places: Vec<usize>,
}

impl Pdf {
    fn object(&mut self, number: usize, body: &str) {
        if self.bytes.is_empty() {
            self.bytes.extend_from_slice(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n");
        }
        self.places.push(self.bytes.len());
        self.bytes.extend_from_slice(format!("{number} 0 obj\n{body}\nendobj\n").as_bytes());
    }

    fn finish(mut self) -> Vec<u8> {
        let table = self.bytes.len();
        let count = self.places.len() + 1;
        let mut end = format!("xref\n0 {count}\n0000000000 65535 f \n");
        for place in &self.places {
            end.push_str(&format!("{place:010} 00000 n \n"));
        }
        end.push_str(&format!("trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n"));
        self.bytes.extend_from_slice(end.as_bytes());
        self.bytes
    }
}

/// Makes a folder of files unless it was made whole before; `file` returns the path below it and the bytes.
pub fn folder<F>(path: PathBuf, count: usize, file: F) -> anyhow::Result<PathBuf>
where
    F: Fn(usize) -> (String, Vec<u8>),
{
    let whole = path.with_extension("whole");
    if whole.exists() {
        return Ok(path);
    }
    for number in 0..count {
        let (name, bytes) = file(number);
        let target = path.join(name);
        fs::create_dir_all(target.parent().unwrap_or(&path))?;
        fs::write(target, bytes)?;
    }
    fs::write(whole, b"")?;
    Ok(path)
}

/// Makes `count` files of 20 to 200 KB, a hundred to a folder: one in four a PDF of 8 to 19 text pages, the others bytes
/// that say nothing.
pub fn papers(work: &Path, count: usize) -> anyhow::Result<PathBuf> {
    folder(work.join(format!("papers-{count}")), count, |number| {
        let mut chance = Chance::new(number as u64 + 1);
        let dossier = number / 100;
        if is_text(number) {
            let pages = chance.between(8, 20) as usize;
            (format!("dossier-{dossier:03}/letter-{number:05}.pdf"), pdf(number as u64, pages))
        } else {
            let size = chance.between(20_000, 200_000) as usize;
            (format!("dossier-{dossier:03}/drawing-{number:05}.bin"), chance.bytes(size))
        }
    })
}

/// Returns how many of the first `count` papers have a text.
pub fn texts_among(count: usize) -> usize {
    (0..count).filter(|number| is_text(*number)).count()
}

const fn is_text(number: usize) -> bool {
    number.is_multiple_of(4)
}

/// Makes `count` text PDFs of 1 to 6 pages in one folder.
pub fn letters(work: &Path, count: usize) -> anyhow::Result<PathBuf> {
    folder(work.join(format!("letters-{count}")), count, |number| {
        (format!("letters/letter-{number:05}.pdf"), pdf(1_000_000 + number as u64, 1 + number % 6))
    })
}

/// Makes `count` dossiers of one short plain text each.
pub fn small_dossiers(work: &Path, count: usize) -> anyhow::Result<PathBuf> {
    folder(work.join(format!("dossiers-{count}")), count, |number| {
        (format!("case-{number:05}/note.txt"), text(2_000_000 + number as u64, 25))
    })
}
