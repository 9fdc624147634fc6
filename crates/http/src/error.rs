//! The one table of what can go wrong: each code with its status and title, and how faults become problems
//! (RFC 9457, `application/problem+json`).

use std::fmt;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT_ENCODING, ALLOW, CONTENT_RANGE, HeaderName, HeaderValue, RETRY_AFTER, UPGRADE, WWW_AUTHENTICATE,
};
use actix_web::{HttpResponse, ResponseError};
use cartulary_model::Violation;
use cartulary_repository::{Current, Declaration, QuotaExcess, RepositoryError};
use serde_json::{Map, Value, json};

use crate::conditional;
use crate::routes::annotation_model::Annotation;
use crate::routes::collections::Collection;
use crate::routes::comments::Comment;
use crate::routes::groups::Group;
use crate::routes::object::Detail;
use crate::routes::quotas::Usage;
use crate::routes::saved_searches::SavedSearch;
use crate::routes::subscriptions::Subscription;
use crate::routes::tags::Tag;
use crate::routes::types::TypeForm;
use crate::routes::users::User;
use crate::routes::vocabularies::VocabularyForm;
use crate::routes::webhooks::Webhook;

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The stable word that clients and translations rely on.
    pub code: &'static str,
    /// The HTTP status.
    pub status: u16,
    /// What it means, for a person.
    pub title: &'static str,
}

macro_rules! codes {
    ($($name:ident = $code:literal, $status:literal, $title:literal;)*) => {
        $(const $name: Code = Code { code: $code, status: $status, title: $title };)*

        /// Every code of the kit and the core, in the order of their statuses. Conflicts (409) bear the code that the
        /// repository or a module gave them.
        pub const CODES: &[Code] = &[$($name),*];
    };
}

codes! {
    MALFORMED_REQUEST = "malformed_request", 400, "The request cannot be read";
    MALFORMED_JSON = "malformed_json", 400, "The body is not JSON";
    MALFORMED_UPLOAD = "malformed_upload", 400, "The form cannot be read";
    INVALID_QUERY = "invalid_query", 400, "The query cannot be used";
    INVALID_STATEMENT = "invalid_statement", 400, "The statement cannot be answered";
    INVALID_HEADER = "invalid_header", 400, "A header cannot be used";
    CONTENT_INTERRUPTED = "content_interrupted", 400, "The content did not arrive whole";
    UNAUTHENTICATED = "unauthenticated", 401, "Sign in first";
    WRONG_CREDENTIALS = "wrong_credentials", 401, "User name or password is wrong";
    FORBIDDEN = "forbidden", 403, "This is not allowed";
    CSRF_REFUSED = "csrf_refused", 403, "The request does not come from this office's own page";
    PASSWORD_CHANGE_REQUIRED = "password_change_required", 403, "Choose a password of your own first";
    NOT_FOUND = "not_found", 404, "There is nothing here";
    METHOD_NOT_ALLOWED = "method_not_allowed", 405, "This cannot be done here";
    REQUEST_TIMEOUT = "request_timeout", 408, "The request took too long to arrive";
    CONFLICT = "conflict", 409, "The state of things does not allow it";
    CHECKED_OUT = "checked_out", 409, "It is checked out";
    LOG_REPLACED = "log_replaced", 410, "The change log is another one";
    STALE = "stale", 412, "It was changed since it was read";
    UNSUPPORTED_TUS_VERSION = "unsupported_tus_version", 412, "Another version of the protocol is spoken here";
    PAYLOAD_TOO_LARGE = "payload_too_large", 413, "The body is too large";
    UNSUPPORTED_MEDIA_TYPE = "unsupported_media_type", 415, "The body is of another kind";
    RANGE_NOT_SATISFIABLE = "range_not_satisfiable", 416, "The range lies outside the content";
    INVALID = "invalid", 422, "The input breaks rules";
    LOCKED = "locked", 423, "It is locked";
    HTTPS_REQUIRED = "https_required", 426, "Use https";
    PRECONDITION_REQUIRED = "precondition_required", 428, "Say which state you change";
    TOO_MANY_TRIES = "too_many_tries", 429, "Too many tries";
    TOO_MANY_REQUESTS = "too_many_requests", 429, "Too many requests";
    CHECKSUM_MISMATCH = "checksum_mismatch", 460, "The bytes do not have their checksum";
    INTERNAL = "internal", 500, "A fault of the office";
    CONTENT_DAMAGED = "content_damaged", 500, "The stored bytes are damaged or missing";
    NOT_YET_INDEXED = "not_yet_indexed", 503, "The index is not that far yet";
    UNAVAILABLE = "unavailable", 503, "Something needed does not answer";
    QUOTA_EXCEEDED = "quota_exceeded", 507, "A user may take no more room";
    STORAGE_FULL = "storage_full", 507, "There is no room left";
}

/// When to come again after a refusal of too many uploads.
const UPLOADS_RETRY_SECONDS: u64 = 5;

/// Why a request is not done, as it is answered. Made from a [`RepositoryError`] or by a named function.
pub struct ApiError(Box<Problem>);

struct Problem {
    row: Code,
    detail: String,
    parameters: Map<String, Value>,
    violations: Vec<Violation>,
    current: Option<Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ApiError {
    /// Returns what is said of single fields.
    #[cfg(test)]
    pub(crate) fn violations(&self) -> &[Violation] {
        &self.0.violations
    }

    fn new(row: Code, detail: impl Into<String>) -> Self {
        Self(Box::new(Problem {
            row,
            detail: detail.into(),
            parameters: Map::new(),
            violations: Vec::new(),
            current: None,
            headers: Vec::new(),
            source: None,
        }))
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.parameters.insert(name.to_owned(), value.into());
        self
    }

    fn caused_by(mut self, source: Option<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = source;
        self
    }

    fn header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.0.headers.push((name, value));
        }
        self
    }

    fn retry_after(self, seconds: u64) -> Self {
        self.with("retryAfterSeconds", seconds).header(RETRY_AFTER, &seconds.to_string())
    }

    fn challenge(self) -> Self {
        self.header(WWW_AUTHENTICATE, "Bearer")
    }

    /// Returns the stable code.
    pub fn code(&self) -> &'static str {
        self.0.row.code
    }

    /// Returns the status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.row.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Returns the cause of a fault of ours, for the log.
    pub fn cause(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }

    /// There is nothing under this address, or the caller may not know of it.
    pub fn not_found(what: &str) -> Self {
        Self::new(NOT_FOUND, format!("{what} is not there"))
    }

    /// The address is there, for other methods.
    pub fn method_not_allowed(allowed: &str) -> Self {
        Self::new(METHOD_NOT_ALLOWED, format!("allowed here: {allowed}")).header(ALLOW, allowed)
    }

    /// A query parameter cannot be used.
    pub fn invalid_query(parameter: &str, why: &str) -> Self {
        Self::new(INVALID_QUERY, format!("`{parameter}` {why}")).with("parameter", parameter)
    }

    /// The query as a whole cannot be used.
    pub fn malformed_query(why: impl fmt::Display) -> Self {
        Self::new(INVALID_QUERY, why.to_string())
    }

    /// A header cannot be used.
    pub fn invalid_header(name: &str, why: &str) -> Self {
        Self::new(INVALID_HEADER, format!("the header `{name}` {why}")).with("header", name)
    }

    /// The body is not JSON.
    pub fn malformed_json(error: &serde_json::Error) -> Self {
        let place = |error: &serde_json::Error| (error.line(), error.column());
        let (line, column) = place(error);
        Self::new(MALFORMED_JSON, error.to_string()).with("line", line).with("column", column)
    }

    /// A multipart body cannot be read.
    pub fn malformed_upload(why: impl fmt::Display) -> Self {
        Self::new(MALFORMED_UPLOAD, why.to_string())
    }

    /// Nobody is signed in.
    pub fn unauthenticated() -> Self {
        RepositoryError::Unauthenticated.into()
    }

    /// A request with a cookie that another site may have caused.
    pub fn csrf_refused(why: &str) -> Self {
        Self::new(CSRF_REFUSED, why)
    }

    /// The user still has the password that somebody else chose.
    pub fn password_change_required() -> Self {
        Self::new(
            PASSWORD_CHANGE_REQUIRED,
            "choose a password of your own first: PUT /api/v1/users/me/password {\"currentPassword\", \"newPassword\"}, then go on",
        )
    }

    /// The body stood still for too long, or came too slowly.
    pub fn request_timeout() -> Self {
        Self::new(REQUEST_TIMEOUT, "too little arrived for too long: send it again")
    }

    /// A client with as many bodies under way as one may have.
    pub(crate) fn too_many_bodies(most: usize) -> Self {
        let detail =
            format!("{most} uploads from your address are under way, and no more are taken: send it again later");
        Self::new(TOO_MANY_REQUESTS, detail).with("limit", most).retry_after(UPLOADS_RETRY_SECONDS)
    }

    /// All clients together have as many bodies under way as there may be.
    pub(crate) fn busy() -> Self {
        Self::new(UNAVAILABLE, "too many uploads are under way: send it again later")
            .with("what", "uploads")
            .retry_after(UPLOADS_RETRY_SECONDS)
    }

    /// As many follow the log as may.
    pub(crate) fn too_many_followers() -> Self {
        Self::new(UNAVAILABLE, "too many requests follow the log, yours or others': end one, or come again later")
            .with("what", "followers")
            .retry_after(UPLOADS_RETRY_SECONDS)
    }

    /// The position is none of this log: the office was restored since, or it lies beyond the end.
    pub(crate) fn log_replaced(present: &str) -> Self {
        let detail = "the position is none of this log, which ends before it or is another since the office was restored: \
             read everything anew, then go on from the position of that moment";
        Self::new(LOG_REPLACED, detail).with("log", present)
    }

    /// A tus client of another version, or one that does not say which.
    pub(crate) fn unsupported_tus_version() -> Self {
        Self::new(UNSUPPORTED_TUS_VERSION, "send `Tus-Resumable: 1.0.0`")
            .header(HeaderName::from_static("tus-version"), crate::routes::uploads::TUS_VERSION)
    }

    /// The body is larger than allowed here.
    pub fn payload_too_large(limit_bytes: u64) -> Self {
        Self::new(PAYLOAD_TOO_LARGE, format!("at most {limit_bytes} bytes are taken here"))
            .with("limitBytes", limit_bytes)
    }

    /// The body is of another media type than the one taken here.
    pub fn unsupported_media_type(expected: &str) -> Self {
        Self::new(UNSUPPORTED_MEDIA_TYPE, format!("send it as {expected}")).with("expected", expected)
    }

    /// The body, or a part of it, is packed: what is kept is what was sent, and nothing is unpacked here (RFC 9110 §15.5.16).
    pub fn unsupported_encoding(encoding: &str) -> Self {
        let detail =
            format!("`{encoding}` is not unpacked here: send the bytes as they are, without a content encoding");
        Self::new(UNSUPPORTED_MEDIA_TYPE, detail).with("expected", "identity").header(ACCEPT_ENCODING, "identity")
    }

    /// A part of a form is written as mail writes its parts (RFC 7578 §4.7).
    pub fn unsupported_transfer_encoding(encoding: &str) -> Self {
        let detail = format!(
            "`{encoding}` is not decoded here: send the part's bytes as they are, without `Content-Transfer-Encoding`"
        );
        Self::new(UNSUPPORTED_MEDIA_TYPE, detail).with("expected", "binary")
    }

    /// The content is another than the one that was asked for, and has this entity tag.
    pub fn other_content(etag: &str) -> Self {
        let detail =
            "the content has none of the ETags of If-Match: it was changed since it was read, or they are not of it";
        Self::new(STALE, detail).with("etag", etag)
    }

    /// The range lies outside a content of this size.
    pub fn range_not_satisfiable(size_bytes: u64) -> Self {
        Self::new(RANGE_NOT_SATISFIABLE, format!("there are {size_bytes} bytes"))
            .with("sizeBytes", size_bytes)
            .header(CONTENT_RANGE, &format!("bytes */{size_bytes}"))
    }

    /// The input breaks one rule.
    pub fn invalid(field: &str, code: &'static str, why: impl Into<String>) -> Self {
        RepositoryError::invalid(field, code, why).into()
    }

    /// A connection in the clear from another machine; `hint` says what mends it.
    pub fn https_required(hint: &str) -> Self {
        let detail = format!("plain HTTP is answered to this machine only: {hint}");
        Self::new(HTTPS_REQUIRED, detail).header(UPGRADE, "TLS/1.3, HTTP/1.1")
    }

    /// A change without `If-Match`; `wanted` says which tag it has to name.
    pub fn precondition_required(wanted: &str) -> Self {
        Self::new(PRECONDITION_REQUIRED, wanted)
    }

    /// A client beyond its rate.
    pub fn too_many_requests(wait: Duration) -> Self {
        let seconds = wait.as_secs_f64().ceil().max(1.0);
        Self::new(TOO_MANY_REQUESTS, format!("wait {seconds} s"))
            .retry_after(Duration::from_secs_f64(seconds).as_secs())
    }

    /// Makes a problem of an error of the web framework, by its status.
    pub fn of_status(status: StatusCode, detail: String) -> Self {
        let row = CODES.iter().find(|row| row.status == status.as_u16());
        match row {
            Some(row) if status.is_client_error() => Self::new(*row, detail),
            _ if status.is_client_error() => Self::new(MALFORMED_REQUEST, detail),
            _ => Self::new(INTERNAL, INTERNAL.title).caused_by(Some(detail.into())),
        }
    }

    /// Returns the answer, naming the request.
    pub fn answer(&self, request_id: Option<&str>) -> HttpResponse<BoxBody> {
        let mut body = json!({
            "type": format!("urn:cartulary:problem:{}", self.0.row.code),
            "title": self.0.row.title,
            "status": self.0.row.status,
            "code": self.0.row.code,
            "detail": self.0.detail,
        });
        if let Some(body) = body.as_object_mut() {
            if !self.0.parameters.is_empty() {
                body.insert("parameters".into(), Value::Object(self.0.parameters.clone()));
            }
            if !self.0.violations.is_empty() {
                body.insert("violations".into(), json!(self.0.violations));
            }
            if let Some(current) = &self.0.current {
                body.insert("current".into(), current.clone());
            }
            if let Some(request_id) = request_id {
                body.insert("requestId".into(), request_id.into());
            }
        }
        let mut response = HttpResponse::build(self.status());
        for header in &self.0.headers {
            response.append_header(header.clone());
        }
        response.content_type("application/problem+json").body(body.to_string())
    }
}

/// Returns the refusal of what would take more room than a user may take, with the numbers.
fn quota_exceeded(words: String, excess: QuotaExcess) -> ApiError {
    let problem = ApiError::new(QUOTA_EXCEEDED, words).with("user", excess.user.display_name);
    if !excess.is_shown {
        return problem;
    }
    let problem = problem.with("bytes", excess.size_bytes).with("objects", excess.object_count);
    let limits = [("maxBytes", excess.bytes_max), ("maxObjects", excess.objects_max)];
    limits
        .into_iter()
        .filter_map(|(name, most)| Some((name, most?)))
        .fold(problem, |problem, (name, most)| problem.with(name, most))
}

impl From<RepositoryError> for ApiError {
    fn from(error: RepositoryError) -> Self {
        let words = error.to_string();
        match error {
            RepositoryError::NotFound { .. } => Self::new(NOT_FOUND, words),
            RepositoryError::Forbidden { permission } => Self::new(FORBIDDEN, words).with("permission", permission),
            RepositoryError::Unauthenticated => Self::new(UNAUTHENTICATED, words).challenge(),
            RepositoryError::WrongCredentials => Self::new(WRONG_CREDENTIALS, words).challenge(),
            RepositoryError::TooManyTries { retry_after_seconds } => {
                Self::new(TOO_MANY_TRIES, words).retry_after(retry_after_seconds.max(1))
            }
            RepositoryError::Conflict { code: "checksum_mismatch", .. } => Self::new(CHECKSUM_MISMATCH, words),
            RepositoryError::Conflict { code, .. } => Self::new(Code { code, ..CONFLICT }, words),
            RepositoryError::NameTaken { proposed } => {
                Self::new(Code { code: "name_taken", ..CONFLICT }, words).with("proposedName", proposed)
            }
            RepositoryError::CheckedOut { by } => {
                let problem = Self::new(CHECKED_OUT, words);
                match by {
                    Some(by) => problem.with("by", by.display_name),
                    None => problem,
                }
            }
            RepositoryError::Locked { by, expires_at } => {
                let mut problem = Self::new(LOCKED, words);
                if let Some(by) = by {
                    problem = problem.with("by", by.display_name);
                }
                match expires_at {
                    Some(end) => problem.with("expiresAt", end.to_string()),
                    None => problem,
                }
            }
            RepositoryError::Stale { expected, token, current } => {
                let what = "or If-Match is no ETag of it: read it again, and send the ETag of that answer";
                let mut stale = Self::new(STALE, format!("{words}, {what}"))
                    .with("expected", conditional::tags_of_precondition(&expected))
                    .with("current", token.to_string());
                stale.0.current = match current {
                    Current::Object(current) => serde_json::to_value(Detail::from(*current)),
                    Current::Usage(current) => serde_json::to_value(Usage::from(*current)),
                    Current::User(current) => serde_json::to_value(User::from(*current)),
                    Current::Group(current) => serde_json::to_value(Group::from(*current)),
                    Current::Declaration(Declaration::Type(current)) => serde_json::to_value(TypeForm::from(*current)),
                    Current::Declaration(Declaration::Vocabulary(current)) => {
                        serde_json::to_value(VocabularyForm::from(*current))
                    }
                    Current::Webhook(current) => serde_json::to_value(Webhook::from(*current)),
                    Current::Tag(current) => serde_json::to_value(Tag::from(*current)),
                    Current::Collection(current) => serde_json::to_value(Collection::from(*current)),
                    Current::Comment(current) => serde_json::to_value(Comment::from(*current)),
                    Current::Annotation(current) => serde_json::to_value(Annotation::from(*current)),
                    Current::SavedSearch(current) => serde_json::to_value(SavedSearch::from(*current)),
                    Current::Subscription(current) => serde_json::to_value(Subscription::from(*current)),
                }
                .ok();
                stale
            }
            RepositoryError::Invalid { violations } => {
                let mut invalid = Self::new(INVALID, words);
                invalid.0.violations = violations;
                invalid
            }
            RepositoryError::InvalidStatement { position, .. } => {
                Self::new(INVALID_STATEMENT, words).with("position", position)
            }
            RepositoryError::NotYetIndexed => Self::new(NOT_YET_INDEXED, words).retry_after(1),
            RepositoryError::QuotaExceeded { excess } => quota_exceeded(words, *excess),
            RepositoryError::StorageFull => Self::new(STORAGE_FULL, words),
            RepositoryError::Unavailable { what, source } => {
                Self::new(UNAVAILABLE, words).with("what", what).retry_after(2).caused_by(source)
            }
            RepositoryError::Corrupt { digest } => Self::new(CONTENT_DAMAGED, words).with("digest", digest),
            RepositoryError::Interrupted => Self::new(CONTENT_INTERRUPTED, words),
            RepositoryError::Internal(source) => Self::new(INTERNAL, words).caused_by(Some(source)),
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.row.code, self.0.detail)
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiError")
            .field("code", &self.0.row.code)
            .field("detail", &self.0.detail)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for ApiError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause()
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        self.answer(None)
    }
}
