//! `/sessions`: signing in and out.

use std::net::IpAddr;
use std::time::Instant;

use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, SET_COOKIE};
use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};
use cartulary_model::{ObjectId, Timestamp};
use cartulary_repository::{Actor, SessionKind, SignIn, SignedIn};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::answer::{self, Answer};
use crate::body;
use crate::error::ApiError;
use crate::guarded::{GuardedNewcomer, SESSION_COOKIE, check_own_page};
use crate::state::AppState;

/// A request to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewSession {
    /// The login name.
    username: String,
    /// The password.
    password: String,
    /// Whether the session is a browser's: kept in a cookie, with a CSRF token, and no token in the answer.
    #[serde(default)]
    cookie: bool,
}

/// Who is signed in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionUser {
    /// The user's id.
    #[schema(value_type = String, format = "uuid")]
    id: ObjectId,
    /// The login name.
    username: String,
    /// What people read.
    display_name: String,
    /// Whether permissions do not bind the user.
    administrator: bool,
    /// Whether another password must be chosen before anything else.
    must_change_password: bool,
}

/// A session.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionView {
    /// For `Authorization: Bearer`; told once, and never for a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// What unsafe requests with the cookie repeat in `X-CSRF-Token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf_token: Option<String>,
    /// When the session ends unless it is used.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
    /// Whether another password must be chosen before anything else.
    must_change_password: bool,
    /// Who is signed in.
    user: SessionUser,
}

impl SessionUser {
    fn of(actor: &Actor, must_change_password: bool) -> Self {
        Self {
            id: actor.id(),
            username: actor.username().to_owned(),
            display_name: actor.display_name().to_owned(),
            administrator: actor.is_administrator(),
            must_change_password,
        }
    }
}

/// Signs in.
#[utoipa::path(tag = "sessions", request_body = NewSession, responses(
    (status = 201, description = "signed in", body = SessionView),
    (status = 401, description = "`wrong_credentials`"),
    (status = 403, description = "`csrf_refused`: a browser says that another site sent it"),
))]
#[post("/sessions")]
pub async fn create_session(request: HttpRequest, state: web::Data<AppState>, body: web::Payload) -> Answer {
    let peer = state.trusted_proxies().peer(request.head(), request.app_config().secure());
    check_own_page(&request)?;
    let address = peer.address.unwrap_or(IpAddr::from([127, 0, 0, 1]));
    state.sign_ins().take(address, Instant::now()).map_err(ApiError::too_many_requests)?;
    let new: NewSession = body::json_up_to(&request, body, body::STRANGERS_FORM_BYTES_MAX).await?;
    let kind = if new.cookie { SessionKind::Browser } else { SessionKind::Bearer };
    let sign_in = SignIn { username: new.username, password: new.password, kind, peer: address };
    let signed_in = state.repository().sign_in(sign_in).await?;
    let cookie = new.cookie.then(|| cookie(signed_in.token.clone(), peer.is_secure));
    let view = view(signed_in, new.cookie);
    answer::json(StatusCode::CREATED, &view, |response| {
        response.insert_header((CACHE_CONTROL, "no-store"));
        if let Some(cookie) = cookie {
            response.append_header((SET_COOKIE, cookie.to_string()));
        }
    })
}

fn view(signed_in: SignedIn, in_cookie: bool) -> SessionView {
    SessionView {
        token: (!in_cookie).then_some(signed_in.token),
        csrf_token: signed_in.csrf_token,
        expires_at: signed_in.expires_at,
        must_change_password: signed_in.must_change_password,
        user: SessionUser::of(signed_in.session.actor(), signed_in.must_change_password),
    }
}

/// The cookie goes with the browser's session: it has no date of its own.
fn cookie(token: String, is_secure: bool) -> Cookie<'static> {
    Cookie::build(SESSION_COOKIE, token)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(is_secure)
        .finish()
}

/// Returns the session that the request acts in.
#[utoipa::path(tag = "sessions", responses((status = 200, description = "the session", body = SessionView)))]
#[get("/sessions/current")]
pub async fn get_session(guarded: GuardedNewcomer) -> Answer {
    let known = guarded.0.authenticated();
    let view = SessionView {
        token: None,
        csrf_token: known.csrf_token.clone(),
        expires_at: known.expires_at,
        must_change_password: known.must_change_password,
        user: SessionUser::of(known.session.actor(), known.must_change_password),
    };
    answer::json(StatusCode::OK, &view, |response| {
        response.insert_header((CACHE_CONTROL, "no-store"));
    })
}

/// Signs out.
#[utoipa::path(tag = "sessions", responses((status = 204, description = "signed out")))]
#[delete("/sessions/current")]
pub async fn delete_session(guarded: GuardedNewcomer) -> Answer {
    let guarded = guarded.0;
    guarded.session().repository().sign_out(guarded.token()).await?;
    let mut response = HttpResponse::NoContent();
    if guarded.authenticated().kind == SessionKind::Browser {
        let request = guarded.request();
        let peer = guarded.state()?.trusted_proxies().peer(request.head(), request.app_config().secure());
        let mut gone = cookie(String::new(), peer.is_secure);
        gone.make_removal();
        response.append_header((SET_COOKIE, gone.to_string()));
    }
    Ok(response.finish())
}
