//! Cutting text that has no pages of its own into pages of a readable length.

/// A page has about so many characters.
const PAGE_CHARACTERS: usize = 3_000;
/// A page is never longer than this, even without a place to cut.
const MOST_CHARACTERS: usize = 8_000;

/// Splits at form feeds when there are any, else after about 3,000 characters at the end of a line.
pub fn split(text: &str) -> Vec<&str> {
    if text.contains('\u{c}') {
        let text = text.strip_suffix('\u{c}').unwrap_or(text);
        return text.split('\u{c}').flat_map(by_length).collect();
    }
    by_length(text)
}

fn by_length(text: &str) -> Vec<&str> {
    let mut pages = Vec::new();
    let mut rest = text;
    while let Some(cut) = first_cut(rest) {
        let (page, after) = rest.split_at(cut);
        pages.push(page);
        rest = after;
    }
    if !rest.is_empty() || pages.is_empty() {
        pages.push(rest);
    }
    pages
}

/// Where the first page ends: at a line end after enough characters, else at a space, else anywhere. `None`: it is the last.
fn first_cut(text: &str) -> Option<usize> {
    let mut last_space = None;
    for (count, (at, c)) in text.char_indices().enumerate() {
        let after = at.saturating_add(c.len_utf8());
        if c == '\n' && count >= PAGE_CHARACTERS {
            return (after < text.len()).then_some(after);
        }
        if c.is_whitespace() && count >= PAGE_CHARACTERS {
            last_space = Some(after);
        }
        if count >= MOST_CHARACTERS {
            return Some(last_space.unwrap_or(at)).filter(|cut| *cut < text.len());
        }
    }
    None
}
