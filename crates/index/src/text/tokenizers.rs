//! The engine's tokenizers: folded words, stems of one language, and whole values for sorting.

use std::collections::HashMap;

use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer, TokenizerManager};

use super::fold;
use super::language::{Stemmed, Stemmer, Tongue};
use super::words::{Word, Words};

/// Name of the tokenizer of folded words.
pub(crate) const FOLDED: &str = "folded";
/// Name of the tokenizer of one folded value, for sorting.
pub(crate) const ORDERED: &str = "ordered";
/// Most characters of a value that is sorted by.
const MAX_VALUE_CHARS: usize = 256;

/// Name of the tokenizer of the stems of a language.
pub(crate) fn stem_tokenizer(language: Stemmed) -> String {
    format!("stem_{}", language.code())
}

/// All tokenizers of the schema.
pub(crate) fn manager() -> TokenizerManager {
    // The engine wants its own `default` and `raw` to be there.
    let manager = TokenizerManager::default();
    manager.register(FOLDED, TextAnalyzer::from(FoldedTokenizer));
    manager.register(ORDERED, TextAnalyzer::from(OrderedTokenizer::default()));
    for language in Stemmed::ALL {
        manager.register(&stem_tokenizer(language), TextAnalyzer::from(StemTokenizer::new(language)));
    }
    manager
}

/// The key that values are sorted by: the folded value, ties broken by the value itself.
pub(crate) fn ordered_key(value: &str) -> String {
    let value: String = value.chars().filter(|c| *c != '\0').take(MAX_VALUE_CHARS).collect();
    let mut key = String::with_capacity(2 * value.len() + 1);
    for (number, word) in value.split_whitespace().enumerate() {
        if number > 0 {
            key.push(' ');
        }
        key.push_str(&fold::fold(word));
    }
    key.push('\0');
    key.push_str(&value);
    key
}

fn set_token(token: &mut Token, word: &Word) {
    token.offset_from = word.range.start;
    token.offset_to = word.range.end;
    token.position = usize::try_from(word.position).unwrap_or(usize::MAX);
    token.position_length = 1;
}

/// Emits every word folded, and the parts of codes at the same position.
#[derive(Clone)]
struct FoldedTokenizer;

struct FoldedStream<'a> {
    text: &'a str,
    words: Words<'a>,
    token: Token,
    parts: Vec<String>,
}

impl Tokenizer for FoldedTokenizer {
    type TokenStream<'a> = FoldedStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> FoldedStream<'a> {
        FoldedStream { text, words: Words::new(text, Tongue::Unknown), token: Token::default(), parts: Vec::new() }
    }
}

impl TokenStream for FoldedStream<'_> {
    fn advance(&mut self) -> bool {
        if let Some(part) = self.parts.pop() {
            self.token.text = part;
            return true;
        }
        for word in self.words.by_ref() {
            fold::fold_into(self.text.get(word.range.clone()).unwrap_or_default(), &mut self.token.text);
            if self.token.text.is_empty() {
                continue;
            }
            set_token(&mut self.token, &word);
            self.parts.extend(fold::parts(&self.token.text).into_iter().map(str::to_owned));
            return true;
        }
        false
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

/// Emits the stems of one language, at the positions of their words.
#[derive(Clone)]
struct StemTokenizer {
    language: Stemmed,
    stemmer: Stemmer,
    // Few words make most of a text; a stem costs much more than a look here.
    known: HashMap<String, Option<String>>,
}

impl StemTokenizer {
    const MAX_KNOWN: usize = 4096;

    fn new(language: Stemmed) -> Self {
        Self { language, stemmer: language.stemmer(), known: HashMap::new() }
    }

    fn stem_into(&mut self, word: &str, out: &mut String) -> bool {
        const MAX_KEPT_BYTES: usize = 64;
        out.clear();
        if let Some(known) = self.known.get(word) {
            out.push_str(known.as_deref().unwrap_or_default());
            return known.is_some();
        }
        let stemmed = self.stemmer.stem(word);
        out.push_str(stemmed.as_deref().unwrap_or_default());
        let found = stemmed.is_some();
        if word.len() <= MAX_KEPT_BYTES {
            if self.known.len() >= Self::MAX_KNOWN {
                self.known.clear();
            }
            self.known.insert(word.to_owned(), stemmed);
        }
        found
    }
}

struct StemStream<'a> {
    text: &'a str,
    words: Words<'a>,
    token: Token,
    owner: &'a mut StemTokenizer,
}

impl Tokenizer for StemTokenizer {
    type TokenStream<'a> = StemStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> StemStream<'a> {
        StemStream { text, words: Words::new(text, Tongue::Unknown), token: Token::default(), owner: self }
    }
}

impl TokenStream for StemStream<'_> {
    fn advance(&mut self) -> bool {
        for word in self.words.by_ref() {
            let text = self.text.get(word.range.clone()).unwrap_or_default();
            if word.tongue.stems(text, self.owner.language) && self.owner.stem_into(text, &mut self.token.text) {
                set_token(&mut self.token, &word);
                return true;
            }
        }
        false
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}

/// Emits one token: the key that the whole value is sorted by.
#[derive(Clone, Default)]
struct OrderedTokenizer {
    token: Token,
}

struct OrderedStream<'a> {
    token: &'a mut Token,
    done: bool,
}

impl Tokenizer for OrderedTokenizer {
    type TokenStream<'a> = OrderedStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> OrderedStream<'a> {
        self.token = Token { offset_to: text.len(), position: 0, text: ordered_key(text), ..Token::default() };
        OrderedStream { token: &mut self.token, done: false }
    }
}

impl TokenStream for OrderedStream<'_> {
    fn advance(&mut self) -> bool {
        !std::mem::replace(&mut self.done, true)
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}
