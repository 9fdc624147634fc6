//! Answers: JSON with an entity tag, and writes that name their transaction.

use actix_web::http::StatusCode;
use actix_web::http::header::{ETAG, HeaderName, HeaderValue, LOCATION};
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;

use crate::conditional;
use crate::error::ApiError;
use crate::guarded::Guarded;

/// What every handler returns.
pub type Answer = Result<HttpResponse, ApiError>;

/// Names the transaction of a write, for `waitFor`.
pub const CARTULARY_TRANSACTION: HeaderName = HeaderName::from_static("cartulary-transaction");

/// Answers 200 with JSON.
pub fn ok(body: &impl Serialize) -> Answer {
    json(StatusCode::OK, body, |_| {})
}

/// Answers one object with its entity tag, or 304 when the client has it.
pub fn object(guarded: &Guarded, change_token: i64, body: &impl Serialize) -> Answer {
    let (bytes, etag) = tagged(change_token, body)?;
    if conditional::has_already(guarded.headers(), &etag) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, etag)).finish());
    }
    Ok(response(StatusCode::OK, bytes, |response| {
        response.insert_header((ETAG, etag));
    }))
}

/// Answers a changed object with its new entity tag and the transaction.
pub fn changed(transaction: &str, change_token: i64, body: &impl Serialize) -> Answer {
    let (bytes, etag) = tagged(change_token, body)?;
    Ok(response(StatusCode::OK, bytes, |response| {
        response.insert_header((ETAG, etag));
        response.insert_header((CARTULARY_TRANSACTION, transaction));
    }))
}

/// Answers a new object with its address, its entity tag and the transaction.
pub fn created(location: &str, transaction: &str, change_token: i64, body: &impl Serialize) -> Answer {
    let (bytes, etag) = tagged(change_token, body)?;
    Ok(response(StatusCode::CREATED, bytes, |response| {
        response.insert_header((ETAG, etag));
        response.insert_header((CARTULARY_TRANSACTION, transaction));
        if let Ok(location) = HeaderValue::from_str(location) {
            response.insert_header((LOCATION, location));
        }
    }))
}

/// Answers that something will be done, with where to follow it and the transaction.
pub fn accepted(location: &str, transaction: &str, body: &impl Serialize) -> Answer {
    json(StatusCode::ACCEPTED, body, |response| {
        response.insert_header((LOCATION, location));
        response.insert_header((CARTULARY_TRANSACTION, transaction));
    })
}

/// Answers that something is done, with the transaction.
pub fn done(transaction: &str) -> Answer {
    Ok(HttpResponse::NoContent().insert_header((CARTULARY_TRANSACTION, transaction)).finish())
}

/// Answers with JSON, and with headers that `with` adds.
pub fn json(status: StatusCode, body: &impl Serialize, with: impl FnOnce(&mut HttpResponseBuilder)) -> Answer {
    Ok(response(status, bytes_of(body)?, with))
}

/// Returns an object as JSON, with the entity tag of just this answer.
fn tagged(change_token: i64, body: &impl Serialize) -> Result<(Vec<u8>, HeaderValue), ApiError> {
    let bytes = bytes_of(body)?;
    let etag = conditional::etag(change_token, &bytes);
    Ok((bytes, etag))
}

fn bytes_of(body: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    Ok(serde_json::to_vec(body).map_err(cartulary_repository::RepositoryError::internal)?)
}

fn response(status: StatusCode, json: Vec<u8>, with: impl FnOnce(&mut HttpResponseBuilder)) -> HttpResponse {
    let mut response = HttpResponse::build(status);
    with(&mut response);
    response.content_type("application/json").body(json)
}
