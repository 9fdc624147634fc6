//! The web application at `/`: files of the build, and `index.html` for every address of its own.

use std::borrow::Cow;
use std::io::{self, Read};

use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, HeaderMap, HeaderValue, VARY,
};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, web};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::read::GzDecoder;
use percent_encoding::percent_decode_str;

use crate::answer::Answer;
use crate::conditional;
use crate::error::ApiError;
use crate::state::AppState;

/// What stands in `index.html` where the nonce of the answer goes.
const NONCE_MARK: &str = "__CSP_NONCE__";

/// A file of the built application.
#[derive(Clone, Debug)]
pub struct WebFile {
    /// Its bytes; none where only `gzip` has them.
    pub bytes: Option<Bytes>,
    /// The same, compressed with Brotli, when that is at hand.
    pub brotli: Option<Bytes>,
    /// The same, compressed with gzip, when that is at hand.
    pub gzip: Option<Bytes>,
    /// The media type, with its charset.
    pub media_type: Cow<'static, str>,
    /// Names the bytes, without quotes.
    pub tag: String,
}

impl WebFile {
    /// Returns its bytes, uncompressed.
    ///
    /// # Errors
    /// It is not there, neither plain nor compressed as it should be.
    fn plain(&self) -> io::Result<Bytes> {
        match (&self.bytes, &self.gzip) {
            (Some(bytes), _) => Ok(bytes.clone()),
            (None, Some(gzip)) => {
                let mut bytes = Vec::new();
                GzDecoder::new(gzip.as_ref()).read_to_end(&mut bytes)?;
                Ok(Bytes::from(bytes))
            }
            (None, None) => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// The files of the built application.
pub trait WebUi: Send + Sync {
    /// Returns the file at `path`, which is relative and has no leading slash.
    fn file(&self, path: &str) -> Option<WebFile>;
}

const UNBUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Cartulary</title>\
    <p>The office runs, and its web application is not built into this program.</p>\
    <p>Build it and start again: <code>scripts/start</code>, or <code>npm ci &amp;&amp; npm run build</code> in <code>ui/</code>, \
    then <code>cargo build --release --bin cartulary</code>.</p>\
    <p>The interface for programs is described at <a href=\"/api/v1/openapi.json\">/api/v1/openapi.json</a>.</p></html>";

/// Answers everything that no other route takes.
pub(crate) async fn serve(request: HttpRequest, state: web::Data<AppState>) -> Answer {
    if *request.method() != Method::GET {
        return Err(ApiError::method_not_allowed("GET, HEAD"));
    }
    let Some(files) = state.web_ui() else { return Ok(unbuilt()) };
    let path = percent_decode_str(request.path().trim_start_matches('/')).decode_utf8_lossy();
    let is_page = path.is_empty() || path == "index.html";
    if !is_page && let Some(file) = files.file(&path) {
        return asset(&request, &path, &file);
    }
    let names_a_file = path.rsplit('/').next().is_some_and(|segment| segment.contains('.'));
    if names_a_file && !is_page {
        return Err(ApiError::not_found("the file"));
    }
    match files.file("index.html") {
        Some(index) => page(&index),
        None => Ok(unbuilt()),
    }
}

/// Answers the application's page with a fresh nonce, which no two answers share.
fn page(index: &WebFile) -> Answer {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|error| cartulary_repository::RepositoryError::internal(error.to_string()))?;
    let nonce = STANDARD.encode(random);
    let plain = index.plain().map_err(cartulary_repository::RepositoryError::internal)?;
    let html = String::from_utf8_lossy(&plain).replace(NONCE_MARK, &nonce);
    let policy = policy(&format!("'nonce-{nonce}' "));
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(html))
}

fn unbuilt() -> HttpResponse {
    HttpResponse::Ok().content_type("text/html; charset=utf-8").insert_header((CACHE_CONTROL, "no-store")).body(UNBUILT)
}

/// Workers take the policy of their own file, so that every file bears it.
fn policy(nonce: &str) -> String {
    format!(
        "default-src 'self'; script-src 'self' {nonce}'wasm-unsafe-eval'; style-src 'self' {nonce}; img-src 'self' data: \
         blob:; font-src 'self'; worker-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; \
         frame-ancestors 'none'; form-action 'self'"
    )
}

fn asset(request: &HttpRequest, path: &str, file: &WebFile) -> Answer {
    let etag = conditional::quoted(&file.tag);
    let is_known = conditional::has_already(request.headers(), &etag);
    let mut response = HttpResponse::build(if is_known { StatusCode::NOT_MODIFIED } else { StatusCode::OK });
    // Names below `assets/` hold a hash of the content, or a version.
    let caching = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    response
        .insert_header((CACHE_CONTROL, caching))
        .insert_header((ETAG, etag))
        .insert_header((VARY, "Accept-Encoding"));
    if is_known {
        return Ok(response.finish());
    }
    response.insert_header((CONTENT_SECURITY_POLICY, policy("")));
    let (encoding, body) = match (&file.brotli, &file.gzip) {
        (Some(brotli), _) if accepts(request.headers(), "br") => (Some("br"), brotli.clone()),
        (_, Some(gzip)) if accepts(request.headers(), "gzip") => (Some("gzip"), gzip.clone()),
        _ => (None, file.plain().map_err(cartulary_repository::RepositoryError::internal)?),
    };
    if let Some(encoding) = encoding {
        response.insert_header((CONTENT_ENCODING, HeaderValue::from_static(encoding)));
    }
    Ok(response.content_type(file.media_type.as_ref()).body(body))
}

fn accepts(headers: &HeaderMap, encoding: &str) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|offer| {
        let (name, parameters) = offer.split_once(';').unwrap_or((offer, ""));
        let is_refused = parameters.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse() == Ok(0.0_f32));
        name.trim().eq_ignore_ascii_case(encoding) && !is_refused
    })
}
