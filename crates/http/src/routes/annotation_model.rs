//! The wire form of annotations: JSON-LD of the Web Annotation Data Model, read strictly and written in one way.
//!
//! Source: <https://www.w3.org/TR/annotation-model/>, §3.1 (annotations), §3.2.4 (textual bodies), §4.2.1 (fragment selectors);
//! a place is `page=N` (RFC 8118 §3) and `xywh=percent:…` (Media Fragments URI 1.0 §4.2.2).

use cartulary_model::{BlobDigest, Timestamp};
use cartulary_repository::{AnnotatedPlace, AnnotationContent, AnnotationView, Faults, PageBox, RepositoryError};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::error::ApiError;

/// The context that every annotation has.
const CONTEXT: &str = "http://www.w3.org/ns/anno.jsonld";
/// How many targets are looked at; an annotation has fewer.
const TARGETS_READ_MAX: usize = 501;
/// What colours are called, beside it.
const COLOUR: &str = "urn:cartulary:colour";
/// What fragments conform to.
const MEDIA_FRAGMENTS: &str = "http://www.w3.org/TR/media-frags/";
/// Where contents lie.
const BLOBS: &str = "/api/v1/blobs/sha256/";
/// How many millionths a per cent has.
const MILLIONTHS: f64 = 10_000.0;

/// An annotation as it comes in. What the office says itself (`id`, `creator`, `created`, `modified`) is passed over.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(dead_code, reason = "what was answered may come back as it is, and some of it is the office's to say")]
pub struct AnnotationForm {
    /// `http://www.w3.org/ns/anno.jsonld`, alone or first in a list.
    #[serde(rename = "@context", default)]
    #[schema(value_type = Value)]
    context: Value,
    /// `Annotation`.
    #[serde(rename = "type")]
    kind: String,
    /// Why: `highlighting` unless given, or another of the model's words, such as `commenting` or `questioning`.
    motivation: Option<String>,
    /// A note: `{"type": "TextualBody", "value": "…"}`, plain text of at most 10,000 characters.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    body: Value,
    /// Where: one place, or a list of at most 500 on one content: `{"source": "/api/v1/blobs/sha256/…", "selector": {"type":
    /// "FragmentSelector", "value": "page=3&xywh=percent:10,20.5,30,4"}}`.
    #[schema(value_type = Value)]
    target: Value,
    /// The colour, as `#ffee00`.
    colour: Option<String>,
    /// Passed over.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    id: IgnoredAny,
    /// Passed over.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    creator: IgnoredAny,
    /// Passed over.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    created: IgnoredAny,
    /// Passed over.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    modified: IgnoredAny,
    /// Passed over.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    document: IgnoredAny,
    /// Passed over.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    change_token: IgnoredAny,
}

/// Who made an annotation.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnnotationCreator {
    /// `Person`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// What people read.
    name: String,
    /// The login name.
    nickname: String,
}

/// An annotation, as JSON-LD of the Web Annotation Data Model.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Annotation {
    /// The context of the model, and what `colour`, `document` and `changeToken` are.
    #[serde(rename = "@context")]
    #[schema(value_type = Vec<Value>)]
    context: Value,
    /// Its address here.
    id: String,
    /// `Annotation`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Why.
    motivation: String,
    /// The note.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    body: Option<Value>,
    /// Where: one place, or a list of them.
    #[schema(value_type = Value)]
    target: Value,
    /// The colour, as `#ffee00`.
    #[serde(skip_serializing_if = "Option::is_none")]
    colour: Option<String>,
    /// Who made it.
    creator: AnnotationCreator,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    created: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    modified: Timestamp,
    /// The id of the document that it is of.
    document: String,
    /// Another with every change; `If-Match` takes it in quotes.
    change_token: String,
}

impl AnnotationForm {
    /// Returns what it says, and all that cannot be read of it.
    pub(crate) fn read(self) -> Result<(AnnotationContent, Faults), ApiError> {
        let mut faults = Faults::default();
        let is_model = match &self.context {
            Value::Null => true,
            Value::String(one) => one == CONTEXT,
            Value::Array(all) => all.first().is_some_and(|first| first == CONTEXT),
            _ => false,
        };
        if !is_model {
            faults.say("@context", "unknown_context", format!("is `{CONTEXT}`"));
        }
        if self.kind != "Annotation" {
            faults.say("type", "unknown_type", "is `Annotation`");
        }
        let body = one_or_many(self.body);
        let body = match body.as_slice() {
            [] => None,
            [one] => faults.take(note_of(one))?,
            _ => {
                faults.say("body", "too_many", "is one note");
                None
            }
        };
        let mut digest = None;
        let mut places = Vec::new();
        for (position, target) in one_or_many(self.target).iter().take(TARGETS_READ_MAX).enumerate() {
            let field = format!("target[{position}]");
            let Some((source, place)) = faults.take(place_of(target, &field))? else {
                places.push(AnnotatedPlace::default());
                continue;
            };
            if *digest.get_or_insert(source) != source {
                let detail = "is on another content: one annotation is on one";
                faults.say(format!("{field}.source"), "another_content", detail);
            }
            places.push(place);
        }
        let digest = digest.unwrap_or_else(|| BlobDigest::of(&[]));
        let motivation = self.motivation.unwrap_or_else(|| "highlighting".to_owned());
        Ok((AnnotationContent { digest, places, motivation, body, colour: self.colour }, faults))
    }
}

impl From<AnnotationView> for Annotation {
    fn from(view: AnnotationView) -> Self {
        let AnnotationContent { digest, places, motivation, body, colour } = view.content;
        let mut targets: Vec<Value> = places.iter().map(|place| written(digest, place)).collect();
        let target = if targets.len() == 1 { targets.remove(0) } else { Value::Array(targets) };
        let body = body.map(|text| json!({ "type": "TextualBody", "value": text, "format": "text/plain" }));
        Self {
            context: json!([CONTEXT, {
                "colour": COLOUR, "document": "urn:cartulary:document", "changeToken": "urn:cartulary:changeToken",
            }]),
            id: format!("/api/v1/annotations/{}", view.id),
            kind: "Annotation",
            motivation,
            body,
            target,
            colour,
            creator: AnnotationCreator { kind: "Person", name: view.by.display_name, nickname: view.by.name },
            created: view.at,
            modified: view.modified_at,
            document: view.document.to_string(),
            change_token: view.change_token.to_string(),
        }
    }
}

fn one_or_many(value: Value) -> Vec<Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(all) => all,
        one => vec![one],
    }
}

/// Returns the members of an object, and gathers those that are not known.
fn members<'a>(
    value: &'a Value,
    field: &str,
    known: &[&str],
    faults: &mut Faults,
) -> Result<&'a Map<String, Value>, RepositoryError> {
    let Value::Object(map) = value else {
        return Err(RepositoryError::invalid(field, "wrong_shape", "is an object"));
    };
    for key in map.keys().filter(|key| !known.contains(&key.as_str())) {
        let detail = format!("is not known here: {} is", known.join(", "));
        faults.say(format!("{field}.{key}"), "wrong_shape", detail);
    }
    Ok(map)
}

/// Returns a text among the members of an object, when it is there.
fn text<'a>(map: &'a Map<String, Value>, name: &str, field: &str) -> Result<Option<&'a str>, RepositoryError> {
    match map.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(RepositoryError::invalid(format!("{field}.{name}"), "wrong_shape", "is a text")),
    }
}

fn expect(map: &Map<String, Value>, name: &str, field: &str, wanted: &str) -> Result<(), RepositoryError> {
    match text(map, name, field)? {
        Some(found) if found == wanted => Ok(()),
        _ => Err(RepositoryError::invalid(format!("{field}.{name}"), "unknown_type", format!("is `{wanted}`"))),
    }
}

/// Returns the text of a body.
fn note_of(value: &Value) -> Result<String, RepositoryError> {
    let mut faults = Faults::default();
    let map = members(value, "body", &["type", "value", "format", "purpose", "language"], &mut faults)?;
    faults.take(expect(map, "type", "body", "TextualBody"))?;
    let format = faults.take(text(map, "format", "body"))?.flatten();
    if format.is_some_and(|format| format != "text/plain") {
        faults.say("body.format", "unknown_format", "is `text/plain`");
    }
    let found = faults.take(text(map, "value", "body"))?;
    if found == Some(None) {
        faults.say("body.value", "required", "is missing");
    }
    faults.end().map(|()| found.flatten().unwrap_or_default().to_owned())
}

/// Returns the content that a target is on, and the place there.
fn place_of(target: &Value, field: &str) -> Result<(BlobDigest, AnnotatedPlace), RepositoryError> {
    if let Value::String(source) = target {
        return Ok((digest_of(source, field)?, AnnotatedPlace::default()));
    }
    let mut faults = Faults::default();
    let map = members(target, field, &["type", "source", "selector"], &mut faults)?;
    let at = format!("{field}.source");
    let source = match faults.take(text(map, "source", field))? {
        Some(Some(source)) => faults.take(digest_of(source, &at))?,
        Some(None) => {
            faults.say(at, "required", "is missing");
            None
        }
        None => None,
    };
    let selector = map.get("selector").filter(|selector| !selector.is_null());
    let place = match selector {
        Some(selector) => faults.take(selected(selector, &format!("{field}.selector")))?,
        None => Some(AnnotatedPlace::default()),
    };
    faults.end()?;
    source.zip(place).ok_or_else(|| RepositoryError::internal("a target that was read"))
}

/// Returns the place that a selector names.
fn selected(selector: &Value, within: &str) -> Result<AnnotatedPlace, RepositoryError> {
    let mut faults = Faults::default();
    let selector = members(selector, within, &["type", "conformsTo", "value"], &mut faults)?;
    faults.take(expect(selector, "type", within, "FragmentSelector"))?;
    let value = faults.take(text(selector, "value", within))?;
    let place = value.map(|value| fragment(value.unwrap_or_default()));
    if let Some(Err(detail)) = place {
        faults.say(format!("{within}.value"), "invalid_place", detail);
    }
    faults.end().map(|()| place.and_then(Result::ok).unwrap_or_default())
}

/// Returns the digest that the address of a content ends with.
fn digest_of(source: &str, field: &str) -> Result<BlobDigest, RepositoryError> {
    let wanted = || format!("is `{BLOBS}` and a SHA-256 in 64 digits");
    let wrong = || RepositoryError::invalid(field, "unknown_content", wanted());
    let (before, hex) = source.split_once(BLOBS).ok_or_else(wrong)?;
    let is_ours = before.is_empty() || before.starts_with("https://") || before.starts_with("http://");
    if !is_ours {
        return Err(wrong());
    }
    hex.parse().map_err(|_| wrong())
}

/// Reads `page=3&xywh=percent:10,20.5,30,4`.
fn fragment(value: &str) -> Result<AnnotatedPlace, &'static str> {
    let mut place = AnnotatedPlace::default();
    for part in value.split('&') {
        match part.split_once('=') {
            Some(("page", page)) if place.page.is_none() => {
                place.page = Some(page.parse().map_err(|_| "names a page by its number, from 1")?);
            }
            Some(("xywh", area)) if place.area.is_none() => place.area = Some(area_of(area)?),
            _ => return Err("is `page=N`, with or without `&xywh=percent:x,y,width,height`, each once"),
        }
    }
    Ok(place)
}

fn area_of(area: &str) -> Result<PageBox, &'static str> {
    const WANTED: &str = "has a box `percent:x,y,width,height`, in per cent of the page";
    let numbers: Option<Vec<u32>> = area.strip_prefix("percent:").ok_or(WANTED)?.split(',').map(millionths).collect();
    match numbers.as_deref() {
        Some([x, y, width, height]) => Ok(PageBox { x: *x, y: *y, width: *width, height: *height }),
        _ => Err(WANTED),
    }
}

/// Reads per cent, of at most 100, as millionths.
fn millionths(number: &str) -> Option<u32> {
    let is_plain = number.len() <= 20 && number.bytes().all(|one| one.is_ascii_digit() || one == b'.');
    let per_cent: f64 = number.parse().ok().filter(|_| is_plain)?;
    let rounded = (per_cent * MILLIONTHS).round();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was compared with the bounds")]
    let whole = rounded as u32;
    (0.0..=1_000_000.0).contains(&rounded).then_some(whole)
}

/// Writes a place as a target.
fn written(digest: BlobDigest, place: &AnnotatedPlace) -> Value {
    let source = format!("{BLOBS}{digest}");
    let Some(page) = place.page else { return json!({ "source": source }) };
    let mut value = format!("page={page}");
    if let Some(area) = place.area {
        let parts = [area.x, area.y, area.width, area.height].map(|part| f64::from(part) / MILLIONTHS);
        let parts: Vec<String> = parts.iter().map(f64::to_string).collect();
        value.push_str(&format!("&xywh=percent:{}", parts.join(",")));
    }
    let selector = json!({ "type": "FragmentSelector", "conformsTo": MEDIA_FRAGMENTS, "value": value });
    json!({ "source": source, "selector": selector })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fragments_are_read_as_they_are_written() {
        let digest: BlobDigest = "0".repeat(64).parse().unwrap();
        for value in ["page=1", "page=3&xywh=percent:10,20.5,30,4", "page=12&xywh=percent:0,0,100,0.0001"] {
            let place = fragment(value).unwrap();
            assert_eq!(written(digest, &place)["selector"]["value"], value);
        }
        let bare = fragment("page=2&xywh=percent:33.33333333,0.00004,1,1").unwrap().area.unwrap();
        assert_eq!((bare.x, bare.y), (333_333, 0));
        for wrong in [
            "",
            "page=",
            "page=-1",
            "page=1&page=2",
            "xywh=percent:1,2,3",
            "page=1&xywh=1,2,3,4",
            "page=1&xywh=pixel:1,2,3,4",
            "page=1&xywh=percent:1,2,3,101",
            "page=1&xywh=percent:-1,2,3,4",
            "page=1&xywh=percent:NaN,2,3,4",
            "page=1&xywh=percent:1e1,2,3,4",
            "page=1&t=10,20",
            "page=99999999999",
        ] {
            assert!(fragment(wrong).is_err(), "{wrong}");
        }
    }
}
