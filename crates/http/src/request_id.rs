//! The name of a request, in the answer, in problems and in the log.

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};

/// The header that carries it in and out.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest name that is taken from a client.
const LENGTH_MAX: usize = 64;

/// Names a request.
///
/// *Shape*: 24 hex digits of our own, or what the client sent: at most 64 of `A-Z a-z 0-9 . _ -`.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// Returns the client's own name for the request if it can be used, else a new one.
    pub fn of(headers: &HeaderMap) -> Self {
        headers.get(X_REQUEST_ID).filter(|value| is_usable(value.as_bytes())).cloned().map_or_else(Self::generate, Self)
    }

    fn generate() -> Self {
        static PROCESS: LazyLock<u32> = LazyLock::new(|| uuid::Uuid::now_v7().as_fields().0 ^ std::process::id());
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let text = format!("{:08x}{:016x}", *PROCESS, NEXT.fetch_add(1, Ordering::Relaxed));
        Self(HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("unnamed")))
    }

    /// Returns it as a header's value.
    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Returns it as text.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}

fn is_usable(bytes: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    !bytes.is_empty() && bytes.len() <= LENGTH_MAX && bytes.iter().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(X_REQUEST_ID, HeaderValue::from_str(text).unwrap());
        RequestId::of(&headers).to_string()
    }

    #[test]
    fn a_clients_name_is_kept_when_it_is_harmless() {
        assert_eq!(of("abc-1.2_X"), "abc-1.2_X");
        for odd in ["", "a b", "a\"b", &"x".repeat(65)] {
            assert_eq!(of(odd).len(), 24, "{odd}");
        }
    }

    #[test]
    fn own_names_differ() {
        assert_ne!(RequestId::of(&HeaderMap::new()), RequestId::of(&HeaderMap::new()));
    }
}
