//! What the OpenAPI document says of answers, compared with each answer that any test here gets.

use std::sync::LazyLock;

use actix_web::dev::ResourceDef;
use actix_web::http::Method;
use serde_json::Value;

use crate::office::Reply;

/// The headers of answers that a client needs to know of.
const TOLD: &[&str] = &[
    "Accept-Ranges",
    "Cartulary-Transaction",
    "Content-Disposition",
    "Content-Range",
    "ETag",
    "Location",
    "Tus-Resumable",
    "Upload-Offset",
];
/// What is sent or not: a dossier as it stood has no state to change, and a log with nothing new is not sealed.
const SOMETIMES: &[(&str, &str)] = &[("get_dossier", "ETag"), ("create_seal", "Cartulary-Transaction")];
/// What any request may be answered: without TLS, too often, by a fault of ours.
const ANY: &[u16] = &[426, 429, 500, 503];

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| cartulary_http::openapi::document(&[]));

static PATHS: LazyLock<Vec<(ResourceDef, &String)>> = LazyLock::new(|| {
    let paths = DOCUMENT["paths"].as_object().unwrap().keys();
    paths.map(|path| (ResourceDef::new(path.as_str()), path)).collect()
});

/// Asserts that the document names the status of an answer, its media type, and the headers that it has.
pub fn check(method: &Method, path: &str, reply: &Reply) {
    let Some((_, pattern)) = PATHS.iter().find(|(pattern, _)| pattern.is_match(path)) else { return };
    let (is_head, method) = (*method == Method::HEAD, method.as_str().to_lowercase());
    let operation = &DOCUMENT["paths"][pattern.as_str()][if is_head { "get" } else { &method }];
    let Some(id) = operation["operationId"].as_str() else { return };
    let status = reply.status.as_u16();
    let at = format!("{id} answered {status}");
    let Some(described) = operation["responses"].get(reply.status.as_str()) else {
        assert!(ANY.contains(&status) || id == "get_metrics", "{at}, which the document does not name");
        return;
    };
    if !reply.status.is_success() {
        return;
    }
    let media_type = reply.header("content-type").split(';').next().unwrap_or_default().trim();
    let contents = described["content"].as_object();
    let is_named = contents
        .is_some_and(|contents| contents.contains_key(media_type) || contents.contains_key("application/octet-stream"));
    assert!(is_named || (contents.is_none() && media_type.is_empty()), "{at} with the media type {media_type:?}");
    for name in TOLD {
        let (is_sent, is_described) = (reply.headers.contains_key(*name), described["headers"][*name].is_object());
        assert!(is_described || !is_sent, "{at} with {name}, which the document does not name");
    }
    for name in ["ETag", "Location", "Cartulary-Transaction"] {
        let is_missing = described["headers"][name].is_object() && !reply.headers.contains_key(name);
        assert!(
            !is_missing || is_head || SOMETIMES.contains(&(id, name)),
            "{at} without {name}, which the document names"
        );
    }
}
