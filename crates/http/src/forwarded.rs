//! Who is at the other end: the socket's address, or what a trusted proxy says.
//!
//! Only `X-Forwarded-For`, `-Proto` and `-Host` of the configured proxies count; those of anyone else are ignored, and
//! so is `Forwarded` (RFC 7239), so that there is one header to get right.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::dev::RequestHead;
use actix_web::http::header::HeaderMap;

use crate::config::ConfigError;

/// The networks of the proxies that are believed.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    networks: Vec<Network>,
}

/// An address, or a network of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    prefix: u32,
}

/// The client of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address; none for requests that did not come over the network.
    pub address: Option<IpAddr>,
    /// Whether what it sends and gets is encrypted on the way.
    pub is_secure: bool,
    /// Whether a trusted proxy speaks for it.
    pub is_proxied: bool,
}

impl Peer {
    /// Says whether the client is on this machine.
    pub fn is_local(&self) -> bool {
        self.address.is_none_or(|address| address.is_loopback())
    }
}

impl TrustedProxies {
    /// Parses addresses and networks.
    ///
    /// # Errors
    /// [`ConfigError::TrustedProxy`] for the first entry that is neither.
    pub fn parse(entries: &[String]) -> Result<Self, ConfigError> {
        let parse = |entry: &String| {
            Network::parse(entry.trim()).ok_or_else(|| ConfigError::TrustedProxy { entry: entry.clone() })
        };
        Ok(Self { networks: entries.iter().map(parse).collect::<Result<_, _>>()? })
    }

    fn contains(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }

    /// Returns the client behind a request whose socket is encrypted if `socket_is_secure`.
    pub fn peer(&self, head: &RequestHead, socket_is_secure: bool) -> Peer {
        let socket = head.peer_addr.map(|address| address.ip().to_canonical());
        let plain = Peer { address: socket, is_secure: socket_is_secure, is_proxied: false };
        let Some(proxy) = socket.filter(|address| self.contains(*address)) else { return plain };
        let Some(proto) = last(&head.headers, "x-forwarded-proto") else { return plain };
        let is_secure = proto.eq_ignore_ascii_case("https");
        Peer { address: Some(self.client(&head.headers, proxy)), is_secure, is_proxied: true }
    }

    /// Returns the host that the client asked for, with its port if it named one.
    pub fn host<'head>(&self, head: &'head RequestHead) -> Option<&'head str> {
        let socket = head.peer_addr.map(|address| address.ip().to_canonical());
        if socket.is_some_and(|address| self.contains(address))
            && let Some(host) = last(&head.headers, "x-forwarded-host")
        {
            return Some(host);
        }
        match head.headers.get("host") {
            Some(host) => host.to_str().ok(),
            None => head.uri.authority().map(|authority| authority.as_str()),
        }
    }

    /// Walks from the nearest hop outwards to the first that is not one of ours.
    fn client(&self, headers: &HeaderMap, proxy: IpAddr) -> IpAddr {
        let lines: Vec<&str> = headers.get_all("x-forwarded-for").filter_map(|line| line.to_str().ok()).collect();
        let mut client = proxy;
        for hop in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
            let Ok(address) = hop.trim().parse::<IpAddr>() else { return client };
            client = address.to_canonical();
            if !self.contains(client) {
                return client;
            }
        }
        client
    }
}

/// The proxy nearest to us writes last.
fn last<'head>(headers: &'head HeaderMap, name: &str) -> Option<&'head str> {
    let value = headers.get_all(name).last()?.to_str().ok()?;
    value.rsplit(',').next().map(str::trim).filter(|value| !value.is_empty())
}

impl Network {
    /// Returns the network of new addresses that begin like `address`.
    pub(crate) const fn of_v6(address: Ipv6Addr, prefix: u32) -> Self {
        Self { address: IpAddr::V6(address), prefix }
    }

    /// Parses an address or a network such as `10.0.0.0/24`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(bits);
        (prefix <= bits).then_some(Self { address, prefix })
    }

    /// Says whether an address lies in it.
    pub(crate) fn contains(&self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let shift = 32 - self.prefix;
                let cut = |address: u32| u64::from(address) >> shift;
                cut(network.to_bits()) == cut(address.to_bits())
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let cut = |address: Ipv6Addr| address.to_bits().checked_shr(128 - self.prefix).unwrap_or(0);
                cut(network) == cut(address)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn check(trusted: &[&str], socket: &str, headers: &[(&str, &str)], client: &str, is_secure: bool) {
        let trusted = TrustedProxies::parse(&trusted.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap();
        let mut request = TestRequest::default().peer_addr(format!("{socket}:1").parse().unwrap());
        for header in headers {
            request = request.append_header(*header);
        }
        let peer = trusted.peer(request.to_srv_request().head(), false);
        assert_eq!((peer.address, peer.is_secure), (Some(client.parse().unwrap()), is_secure));
    }

    const HTTPS: (&str, &str) = ("x-forwarded-proto", "https");

    #[test]
    fn forwarded_headers_of_strangers_are_ignored() {
        check(&[], "10.0.0.9", &[HTTPS, ("x-forwarded-for", "127.0.0.1")], "10.0.0.9", false);
        check(&["10.0.0.7"], "10.0.0.9", &[HTTPS, ("x-forwarded-for", "127.0.0.1")], "10.0.0.9", false);
    }

    #[test]
    fn a_trusted_proxy_names_the_client() {
        check(&["10.0.0.0/24"], "10.0.0.9", &[HTTPS, ("x-forwarded-for", "192.168.1.4")], "192.168.1.4", true);
        check(&["10.0.0.9"], "10.0.0.9", &[("x-forwarded-proto", "http")], "10.0.0.9", false);
        check(&["fd00::/8"], "[fd00::1]", &[HTTPS, ("x-forwarded-for", "fd00::2, 2001:db8::1")], "2001:db8::1", true);
    }

    #[test]
    fn what_a_client_writes_before_the_proxy_does_not_count() {
        let lied = ("x-forwarded-for", "127.0.0.1, 192.168.1.4, 10.0.0.8");
        check(&["10.0.0.0/24"], "10.0.0.9", &[HTTPS, lied], "192.168.1.4", true);
    }

    #[test]
    fn an_entry_that_is_no_network_is_refused() {
        for entry in ["proxy", "10.0.0.0/33", "10.0.0.0/x", ""] {
            assert!(TrustedProxies::parse(&[entry.to_owned()]).is_err(), "{entry}");
        }
        assert!(TrustedProxies::parse(&["0.0.0.0/0".to_owned(), "::/0".to_owned()]).is_ok());
    }
}
