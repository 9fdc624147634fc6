//! HTML: the words a reader would see, with blocks as lines. Only the tokenizer runs, so depth does not matter and nothing is
//! executed or fetched.

use super::{charset, language, pages, text};
use crate::extraction::{Fault, FaultCode};
use crate::protocol::Head;
use crate::worker::Sink;
use encoding_rs::Encoding;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// So many bytes are searched for the encoding that the page declares.
const PRESCAN: usize = 4096;
/// The longest title or description that is kept.
const MOST_METADATA: usize = 1_000;

/// Reads an HTML page.
pub fn read(bytes: &[u8], media_type: String, sink: &mut dyn Sink) {
    let decoded = charset::decode(bytes, declared_charset(bytes));
    let gathered = gather(&decoded.text);
    let mut metadata = BTreeMap::new();
    for (key, value) in [("title", &gathered.title), ("author", &gathered.author), ("language", &gathered.language)] {
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        if !value.is_empty() {
            metadata.insert(key.to_owned(), value.chars().take(MOST_METADATA).collect());
        }
    }
    let body = gathered.text.trim();
    let cut = pages::split(body);
    sink.head(Head {
        media_type,
        charset: Some(decoded.charset.name().to_owned()),
        page_count: u32::try_from(cut.len()).ok(),
        metadata,
        format_read: true,
    });
    if decoded.damaged {
        let detail = format!("some bytes are not valid {} and were replaced", decoded.charset.name());
        sink.fault(Fault::of_file(FaultCode::EncodingDamaged, detail));
    }
    text::emit(&cut, language::of_tag(&gathered.language).as_deref(), sink);
}

/// Finds `charset=` in the first bytes, as browsers do before they decode.
fn declared_charset(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = bytes.get(..bytes.len().min(PRESCAN)).unwrap_or_default().to_ascii_lowercase();
    let key: &[u8] = b"charset=";
    let xml_key: &[u8] = b"encoding=";
    let find =
        |key: &[u8]| start.windows(key.len()).position(|window| window == key).map(|at| at.saturating_add(key.len()));
    let at = find(key).or_else(|| if start.starts_with(b"<?xml") { find(xml_key) } else { None })?;
    let value = start.get(at..)?;
    let value = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
    let end = value
        .iter()
        .position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b':')))
        .unwrap_or(value.len());
    // UTF-16 cannot be true of bytes in which this declaration was found.
    Encoding::for_label(value.get(..end)?).filter(|encoding| encoding.is_ascii_compatible())
}

fn gather(html: &str) -> Gathered {
    let tokenizer = Tokenizer::new(Gatherer::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    // Feeding stops at scripts and declared encodings, which are of no interest here; it always consumes something.
    while !input.is_empty() {
        let _ = tokenizer.feed(&input);
    }
    tokenizer.end();
    tokenizer.sink.state.into_inner()
}

#[derive(Default)]
struct Gatherer {
    state: RefCell<Gathered>,
}

#[derive(Default)]
struct Gathered {
    text: String,
    title: String,
    author: String,
    language: String,
    /// Whether white space was seen since the last character.
    space: bool,
    in_title: bool,
    /// How many elements are open whose text is not shown.
    hidden: Option<String>,
    preformatted: u32,
}

impl TokenSink for Gatherer {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let mut state = self.state.borrow_mut();
        match token {
            Token::CharacterTokens(characters) => state.characters(&characters),
            Token::TagToken(tag) => return state.tag(&tag),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl Gathered {
    fn characters(&mut self, characters: &str) {
        if self.in_title {
            self.title.push_str(characters);
        } else if self.hidden.is_some() {
        } else if self.preformatted > 0 {
            self.text.push_str(characters);
        } else {
            for c in characters.chars() {
                if c.is_ascii_whitespace() {
                    self.space = true;
                    continue;
                }
                if self.space && !self.text.is_empty() && !self.text.ends_with(['\n', ' ', '\t']) {
                    self.text.push(' ');
                }
                self.space = false;
                self.text.push(c);
            }
        }
    }

    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name = &*tag.name;
        let opens = tag.kind == TagKind::StartTag;
        if let Some(hidden) = &self.hidden {
            if !opens && hidden == name {
                self.hidden = None;
            }
            return TokenSinkResult::Continue;
        }
        match name {
            "title" if opens && self.title.is_empty() => {
                self.in_title = true;
                return TokenSinkResult::RawData(RawKind::Rcdata);
            }
            "title" => self.in_title = false,
            "textarea" if opens => return TokenSinkResult::RawData(RawKind::Rcdata),
            "script" if opens && !tag.self_closing => {
                self.hidden = Some(name.to_owned());
                return TokenSinkResult::RawData(RawKind::ScriptData);
            }
            "style" | "iframe" | "noembed" | "noframes" | "xmp" if opens && !tag.self_closing => {
                self.hidden = Some(name.to_owned());
                return TokenSinkResult::RawData(RawKind::Rawtext);
            }
            "template" | "svg" | "math" | "object" if opens && !tag.self_closing => self.hidden = Some(name.to_owned()),
            "html" if opens => self.language = attribute(tag, "lang").unwrap_or_default(),
            "meta" if opens && attribute(tag, "name").is_some_and(|name| name.eq_ignore_ascii_case("author")) => {
                self.author = attribute(tag, "content").unwrap_or_default();
            }
            "pre" => self.preformatted = if opens { 1 } else { 0 },
            "br" => self.end_line(),
            "td" | "th" if opens => self.next_cell(),
            "p" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" | "table" | "ul" | "ol" | "dl" | "blockquote" => {
                self.end_block();
            }
            _ => {}
        }
        if is_line(name) {
            self.end_line();
        }
        TokenSinkResult::Continue
    }

    fn end_line(&mut self) {
        self.space = false;
        if !self.text.is_empty() && !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    fn end_block(&mut self) {
        self.end_line();
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    fn next_cell(&mut self) {
        self.space = false;
        if !self.text.is_empty() && !self.text.ends_with(['\n', '\t']) {
            self.text.push('\t');
        }
    }
}

fn attribute(tag: &Tag, name: &str) -> Option<String> {
    let found = tag.attrs.iter().find(|attribute| &*attribute.name.local == name)?;
    Some(found.value.chars().take(MOST_METADATA).collect())
}

/// Elements whose text stands on lines of its own.
fn is_line(name: &str) -> bool {
    matches!(
        name,
        "address"
            | "article"
            | "aside"
            | "body"
            | "caption"
            | "dd"
            | "details"
            | "div"
            | "dt"
            | "fieldset"
            | "figcaption"
            | "figure"
            | "footer"
            | "form"
            | "header"
            | "hr"
            | "legend"
            | "li"
            | "main"
            | "nav"
            | "option"
            | "pre"
            | "section"
            | "summary"
            | "tr"
    )
}
