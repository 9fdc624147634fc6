//! Refuses plain HTTP from other machines: a password or a paper must not cross a network in the clear.

use crate::error::ApiError;
use crate::forwarded::Peer;

/// What the refusal says to do, unless the composition root knows better.
pub const DEFAULT_HINT: &str = "start the office with `cartulary serve --tls office-authority`, or give it a certificate in \
     `server.tls` of cartulary.toml, or list your reverse proxy in `server.trustedProxies`";

/// Lets encrypted requests and those of this machine pass.
///
/// # Errors
/// `https_required` (426), with what mends it.
pub fn check(peer: &Peer, hint: &str) -> Result<(), ApiError> {
    let may_pass = peer.is_secure || (peer.is_local() && !peer.is_proxied);
    if may_pass { Ok(()) } else { Err(ApiError::https_required(hint)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(address: Option<&str>, is_secure: bool, is_proxied: bool) -> bool {
        let address = address.map(|address| address.parse().unwrap());
        check(&Peer { address, is_secure, is_proxied }, "do this").is_ok()
    }

    #[test]
    fn only_this_machine_may_speak_in_the_clear() {
        assert!(passes(Some("127.0.0.1"), false, false));
        assert!(passes(Some("::1"), false, false));
        assert!(passes(None, false, false));
        assert!(passes(Some("10.0.0.9"), true, false));
        assert!(passes(Some("10.0.0.9"), true, true));
        assert!(!passes(Some("10.0.0.9"), false, false));
        assert!(!passes(Some("127.0.0.1"), false, true));
    }
}
