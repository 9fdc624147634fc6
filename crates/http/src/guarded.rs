//! Who asks: the one way from a request to a [`Session`].
//!
//! A handler that takes [`Guarded`] cannot forget to ask who is there, and has nothing of the request before: path,
//! query and body are read from the guard, so that a stranger learns nothing from how a malformed request is refused.

use std::fmt;
use std::str::FromStr;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, COOKIE, HeaderMap, ORIGIN};
use actix_web::{FromRequest, HttpRequest, web};
use cartulary_model::ObjectId;
use cartulary_repository::{AuthenticatedSession, Precondition, Session, SessionKind};
use futures::future::LocalBoxFuture;
use serde::de::DeserializeOwned;

use crate::error::ApiError;
use crate::state::AppState;
use crate::{conditional, idempotency};

/// The cookie of the web application's session.
pub const SESSION_COOKIE: &str = "cartulary_session";
/// What unsafe requests with the cookie must repeat.
pub const CSRF_HEADER: &str = "x-csrf-token";

/// A request whose sender is known.
pub struct Guarded {
    authenticated: AuthenticatedSession,
    token: String,
    request: HttpRequest,
}

/// A request whose sender is known, and may still have the password that somebody else chose.
#[derive(Debug)]
pub struct GuardedNewcomer(pub Guarded);

impl Guarded {
    /// Returns the session that the request acts in.
    pub fn session(&self) -> &Session {
        &self.authenticated.session
    }

    /// Returns what is known of the sign-in.
    pub fn authenticated(&self) -> &AuthenticatedSession {
        &self.authenticated
    }

    /// Returns the secret that named the session.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns the request.
    pub const fn request(&self) -> &HttpRequest {
        &self.request
    }

    /// Returns the headers of the request.
    pub fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    /// Returns what all handlers share.
    ///
    /// # Errors
    /// A fault of ours, when the application was put together without it.
    pub fn state(&self) -> Result<&AppState, ApiError> {
        state_of(&self.request)
    }

    /// Returns the object id in the path's place `{id}`.
    ///
    /// # Errors
    /// `not_found`: what is no id names nothing.
    pub fn id(&self) -> Result<ObjectId, ApiError> {
        self.segment("id")
    }

    /// Returns what stands in the path's place `name`.
    ///
    /// # Errors
    /// `not_found`: what cannot be read names nothing.
    pub fn segment<T: FromStr>(&self, name: &str) -> Result<T, ApiError> {
        self.request.match_info().query(name).parse().map_err(|_| ApiError::not_found("the object"))
    }

    /// Returns the query.
    ///
    /// # Errors
    /// `invalid_query` for an unknown parameter or an unreadable value.
    pub fn query<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        crate::query::parse(self.request.query_string())
    }

    /// Returns the state that a change was made from.
    ///
    /// # Errors
    /// `precondition_required` or `invalid_header`.
    pub fn precondition(&self) -> Result<Precondition, ApiError> {
        conditional::required(self.headers())
    }

    /// Returns the state that a change of a content was made from.
    ///
    /// # Errors
    /// `precondition_required` or `invalid_header`.
    pub fn precondition_of_content(&self) -> Result<Precondition, ApiError> {
        conditional::required_of_content(self.headers())
    }

    /// Returns the key of a creation.
    ///
    /// # Errors
    /// `invalid_header`.
    pub fn idempotency_key(&self) -> Result<Option<String>, ApiError> {
        idempotency::key(self.headers())
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded").field("actor", &self.session().actor().id()).finish_non_exhaustive()
    }
}

impl FromRequest for Guarded {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let guarded = authenticate(request).await?;
            if guarded.authenticated.must_change_password {
                return Err(ApiError::password_change_required());
            }
            Ok(guarded)
        })
    }
}

impl FromRequest for GuardedNewcomer {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { Ok(Self(authenticate(request).await?)) })
    }
}

async fn authenticate(request: HttpRequest) -> Result<Guarded, ApiError> {
    let (token, kind) = match request.headers().contains_key(AUTHORIZATION) {
        true => (bearer(request.headers()), SessionKind::Bearer),
        false => (cookie(request.headers()), SessionKind::Browser),
    };
    let token = token.ok_or_else(ApiError::unauthenticated)?.to_owned();
    let authenticated = state_of(&request)?.repository().session_by_token(&token).await?;
    // A browser's secret is worth nothing as a bearer's, where no CSRF token is asked for.
    if authenticated.kind != kind {
        return Err(ApiError::unauthenticated());
    }
    if kind == SessionKind::Browser && !is_safe(request.method()) {
        check_own_page(&request)?;
        check_csrf_token(&request, authenticated.csrf_token.as_deref())?;
    }
    refuse_query(&request)?;
    Ok(Guarded { authenticated, token, request })
}

/// Refuses a query where none is taken: what would be left out of account silently, such as `at`, is meant by whoever sends it.
fn refuse_query(request: &HttpRequest) -> Result<(), ApiError> {
    let Some(first) = request.query_string().split('&').find(|pair| !pair.is_empty()) else { return Ok(()) };
    let Some(pattern) = request.match_pattern() else { return Ok(()) };
    let method = if *request.method() == Method::HEAD { &Method::GET } else { request.method() };
    if state_of(request)?.takes_no_query(&format!("{method} {pattern}")) {
        let name = first.split('=').next().unwrap_or_default();
        return Err(ApiError::invalid_query(name, "is not known here: there are no parameters"));
    }
    Ok(())
}

/// Returns what all handlers share.
pub(crate) fn state_of(request: &HttpRequest) -> Result<&AppState, ApiError> {
    request
        .app_data::<web::Data<AppState>>()
        .map(|state| state.get_ref())
        .ok_or_else(|| cartulary_repository::RepositoryError::internal("the application has no state").into())
}

/// Refuses a request that a browser says another site caused.
pub(crate) fn check_own_page(request: &HttpRequest) -> Result<(), ApiError> {
    let headers = request.headers();
    if let Some(site) = headers.get("sec-fetch-site") {
        let is_own = matches!(site.as_bytes(), b"same-origin" | b"none");
        if !is_own {
            return Err(ApiError::csrf_refused("the browser says that another site sent it"));
        }
    }
    let Some(origin) = headers.get(ORIGIN) else { return Ok(()) };
    let host = state_of(request)?.trusted_proxies().host(request.head());
    let from = origin.to_str().ok().and_then(|origin| origin.split_once("://")).map(|(_, host)| host);
    let is_own = from.is_some() && from.map(str::to_ascii_lowercase) == host.map(str::to_ascii_lowercase);
    if is_own { Ok(()) } else { Err(ApiError::csrf_refused("the header `Origin` names another site")) }
}

fn check_csrf_token(request: &HttpRequest, expected: Option<&str>) -> Result<(), ApiError> {
    let given = request.headers().get(CSRF_HEADER).and_then(|value| value.to_str().ok());
    match (given, expected) {
        (Some(given), Some(expected)) if same_secret(given, expected) => Ok(()),
        (None, _) => Err(ApiError::csrf_refused("send the header `X-CSRF-Token` with the token of the session")),
        _ => Err(ApiError::csrf_refused("the header `X-CSRF-Token` has another token than the session")),
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Returns the token of `Authorization: Bearer`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(COOKIE).filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == SESSION_COOKIE).map(|(_, value)| value).filter(|value| !value.is_empty())
}

/// Compares without telling by the time how much was right.
pub(crate) fn same_secret(one: &str, other: &str) -> bool {
    let difference = one.bytes().zip(other.bytes()).fold(0, |difference, (one, other)| difference | (one ^ other));
    one.len() == other.len() && std::hint::black_box(difference) == 0
}
