//! An entry in the form that the engine indexes, which lends its text instead of copying it.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value as Json};
use tantivy::schema::Field;
use tantivy::schema::document::{Document, ReferenceValue, ReferenceValueLeaf, Value};

use super::body::{Joined, floor};
use super::schema::{Fields, year_of};
use crate::entry::Entry;
use crate::text::language::{Stemmed, Tongue};
use crate::text::words::{GAP_MARK, LANGUAGE_MARK};

/// Most bytes of one property's text that are compared and sorted by; every word of it can be searched.
const MAX_VALUE_BYTES: usize = 1024;
/// Most bytes of name, title and properties together that are searched.
const MAX_HEAD_BYTES: usize = 256 << 10;

/// An entry on its way into the engine. Small, because the engine's queue has places for 40,000 of them, which it makes
/// anew with each commit.
pub(crate) struct Paper(Box<Parts>);

struct Parts {
    fields: Fields,
    entry: Entry,
    text: String,
    head_bytes: usize,
    stems: Vec<Stemmed>,
    layout: Vec<u8>,
    body: Vec<u8>,
    _permit: Permit,
}

impl Paper {
    /// Prepares an entry; also tells whether text was left out.
    pub(crate) fn new(fields: Fields, mut entry: Entry, room: &Arc<Room>) -> std::io::Result<(Self, bool)> {
        let pages = std::mem::take(&mut entry.pages);
        let permit = Room::take(room, pages.iter().map(|page| page.text.len()).sum());
        let head = head(&entry);
        let head_bytes = head.len();
        entry.properties = clean_object(std::mem::take(&mut entry.properties));
        let joined = Joined::new(head, pages);
        let (layout, body) = joined.pack()?;
        let stems = stemmed(&joined);
        let shortened = joined.shortened;
        let parts = Parts { fields, entry, text: joined.text, head_bytes, stems, layout, body, _permit: permit };
        Ok((Self(Box::new(parts)), shortened))
    }
}

/// The words of an entry beside its pages: name, title, and the text of its properties.
fn head(entry: &Entry) -> String {
    let mut head = String::from_iter([LANGUAGE_MARK, Tongue::Any.mark()]);
    let mut push = |text: &str| {
        let kept = text.get(..floor(text, MAX_HEAD_BYTES.saturating_sub(head.len()))).unwrap_or_default();
        head.extend(kept.chars().filter(|c| !matches!(*c, LANGUAGE_MARK | GAP_MARK)));
        head.push(GAP_MARK);
    };
    push(&entry.name);
    push(&entry.title);
    each_text_of(&entry.properties, "", &entry.unsearched, &mut push);
    head
}

/// Calls `push` with the texts of an object and of what is in it, but for what `unsearched` names.
fn each_text_of(object: &Map<String, Json>, above: &str, unsearched: &BTreeSet<String>, push: &mut impl FnMut(&str)) {
    for (key, value) in object {
        let path = if above.is_empty() { key.clone() } else { format!("{above}.{key}") };
        if !unsearched.contains(&path) {
            each_text(value, &path, unsearched, push);
        }
    }
}

fn each_text(value: &Json, path: &str, unsearched: &BTreeSet<String>, push: &mut impl FnMut(&str)) {
    match value {
        Json::String(text) => push(text),
        Json::Array(values) => values.iter().for_each(|value| each_text(value, path, unsearched, push)),
        Json::Object(object) => each_text_of(object, path, unsearched, push),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// The languages whose field of stems gets the whole text: those of the pages and those that a script implies.
fn stemmed(joined: &Joined) -> Vec<Stemmed> {
    let mut wanted: Vec<Stemmed> = Vec::new();
    for tongue in joined.tongues() {
        if let Tongue::Known(language) = tongue
            && !wanted.contains(&language)
        {
            wanted.push(language);
        }
    }
    let has_letters = |range: std::ops::RangeInclusive<char>| joined.text.chars().any(|c| range.contains(&c));
    if !joined.text.is_ascii() {
        for (language, range) in
            [(Stemmed::Arabic, '\u{0620}'..='\u{06FF}'), (Stemmed::Russian, '\u{0400}'..='\u{052F}')]
        {
            if !wanted.contains(&language) && has_letters(range) {
                wanted.push(language);
            }
        }
    }
    wanted
}

/// Cuts long texts and drops what the engine's paths cannot hold.
fn clean_object(object: Map<String, Json>) -> Map<String, Json> {
    let clean_key = |key: String| key.chars().filter(|c| !c.is_control()).take(200).collect::<String>();
    object.into_iter().map(|(key, value)| (clean_key(key), clean(value))).filter(|(key, _)| !key.is_empty()).collect()
}

fn clean(value: Json) -> Json {
    match value {
        Json::String(text) => {
            let kept = floor(&text, MAX_VALUE_BYTES);
            Json::String(text.get(..kept).unwrap_or_default().replace('\0', ""))
        }
        Json::Array(values) => Json::Array(values.into_iter().map(clean).collect()),
        Json::Object(object) => Json::Object(clean_object(object)),
        other => other,
    }
}

/// A value lent to the engine.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lent<'a> {
    Number(i64),
    Flag(bool),
    Text(&'a str),
    Bytes(&'a [u8]),
    Json(&'a Json),
    Object(&'a Map<String, Json>),
}

type Pair<'a> = (&'a String, &'a Json);

impl<'a> Value<'a> for Lent<'a> {
    type ArrayIter = std::iter::Map<std::slice::Iter<'a, Json>, fn(&'a Json) -> Self>;
    type ObjectIter = std::iter::Map<serde_json::map::Iter<'a>, fn(Pair<'a>) -> (&'a str, Self)>;

    fn as_value(&self) -> ReferenceValue<'a, Self> {
        let leaf = match *self {
            Self::Number(number) => ReferenceValueLeaf::I64(number),
            Self::Flag(flag) => ReferenceValueLeaf::Bool(flag),
            Self::Text(text) => ReferenceValueLeaf::Str(text),
            Self::Bytes(bytes) => ReferenceValueLeaf::Bytes(bytes),
            Self::Object(object) => return ReferenceValue::Object(object.iter().map(lend_pair as fn(_) -> _)),
            Self::Json(Json::Object(object)) => {
                return ReferenceValue::Object(object.iter().map(lend_pair as fn(_) -> _));
            }
            Self::Json(Json::Array(values)) => {
                return ReferenceValue::Array(values.iter().map(Self::Json as fn(_) -> _));
            }
            Self::Json(Json::Null) => ReferenceValueLeaf::Null,
            Self::Json(Json::Bool(flag)) => ReferenceValueLeaf::Bool(*flag),
            Self::Json(Json::String(text)) => ReferenceValueLeaf::Str(text),
            Self::Json(Json::Number(number)) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => ReferenceValueLeaf::I64(integer),
                (None, Some(real)) if real.is_finite() => ReferenceValueLeaf::F64(real),
                _ => ReferenceValueLeaf::Null,
            },
        };
        ReferenceValue::Leaf(leaf)
    }
}

fn lend_pair<'a>((key, value): Pair<'a>) -> (&'a str, Lent<'a>) {
    (key.as_str(), Lent::Json(value))
}

impl Document for Paper {
    type Value<'a> = Lent<'a>;
    type FieldsValuesIter<'a> = std::vec::IntoIter<(Field, Lent<'a>)>;

    fn iter_fields_and_values(&self) -> Self::FieldsValuesIter<'_> {
        let Parts { fields, entry, text, head_bytes, stems, layout, body, .. } = &*self.0;
        let mut values = vec![
            (fields.object_no, Lent::Number(entry.object_no)),
            (fields.change, Lent::Number(entry.change)),
            (fields.scope, Lent::Number(entry.scope)),
            (fields.folder, Lent::Flag(entry.is_folder)),
            (fields.type_id, Lent::Text(&entry.type_id)),
            (fields.type_words, Lent::Text(&entry.type_id)),
            (fields.created, Lent::Number(entry.created_ms)),
            (fields.modified, Lent::Number(entry.modified_ms)),
            (fields.year, Lent::Number(year_of(entry.created_ms))),
            (fields.name_key, Lent::Text(&entry.name)),
            (fields.name, Lent::Text(&entry.name)),
            (fields.title, Lent::Text(&entry.title)),
            (fields.text, Lent::Text(text)),
            (fields.properties, Lent::Object(&entry.properties)),
            (fields.layout, Lent::Bytes(layout)),
            (fields.body, Lent::Bytes(body)),
        ];
        if let Some(live_no) = entry.past_of {
            values.extend([(fields.past, Lent::Flag(true)), (fields.past_of, Lent::Number(live_no))]);
        }
        values.extend(entry.stands_for.map(|no| (fields.stands_for, Lent::Number(no))));
        let mut above: Vec<i64> = entry.dossier_no.iter().chain(&entry.ancestors).copied().collect();
        above.sort_unstable();
        above.dedup();
        values.extend(above.into_iter().map(|no| (fields.above, Lent::Number(no))));
        values.extend(entry.media_type.iter().map(|media_type| (fields.media_type, Lent::Text(media_type))));
        // Of a name or title no language is known, so it is stemmed in all of them; it is short.
        let head = text.get(..*head_bytes).unwrap_or_default();
        values.extend(Stemmed::ALL.map(|language| {
            let text = if stems.contains(&language) { text } else { head };
            (fields.stem(language), Lent::Text(text))
        }));
        values.into_iter()
    }
}

/// How much text may wait for the engine's threads: a queue counted in documents could hold any number of bytes.
#[derive(Debug, Default)]
pub(crate) struct Room {
    used: Mutex<usize>,
    freed: Condvar,
}

/// A share of the room, given back when the entry has been indexed.
struct Permit {
    room: Arc<Room>,
    bytes: usize,
}

impl Room {
    const BYTES: usize = 16 << 20;

    /// Waits until there is room; one entry is always let in, however large. When the engine's threads have died, the
    /// wait ends by itself and the engine's own error follows.
    fn take(room: &Arc<Self>, bytes: usize) -> Permit {
        const PATIENCE: Duration = Duration::from_secs(60);
        let used = room.used.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |used: &mut usize| *used > 0 && *used + bytes > Self::BYTES;
        let waited = room.freed.wait_timeout_while(used, PATIENCE, full);
        let (mut used, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *used += bytes;
        Permit { room: Arc::clone(room), bytes }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut used = self.room.used.lock().unwrap_or_else(PoisonError::into_inner);
        *used = used.saturating_sub(self.bytes);
        self.room.freed.notify_all();
    }
}
