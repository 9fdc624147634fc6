//! Which addresses lie in the open network, so that the office may call them for somebody.
//!
//! Source: the registries of special addresses of IANA (RFC 6890), and the addresses at which clouds answer their machines.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use crate::forwarded::Network;

/// What is not to be called of the old addresses: this machine, private and shared networks, the link (with the metadata of
/// clouds), protocols, documentation, benchmarks, multicast and what is reserved.
const NOT_PUBLIC: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/3",
    // Of the new addresses only these are given out; of them not those that lead into the old ones, or nowhere.
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
];

/// The new addresses that are given out.
const UNICAST: Network = Network::of_v6(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// Says whether an address is one of the open network.
pub(crate) fn is_public(address: IpAddr) -> bool {
    static EXCEPT: LazyLock<Vec<Network>> =
        LazyLock::new(|| NOT_PUBLIC.iter().filter_map(|text| Network::parse(text)).collect());
    let address = address.to_canonical();
    let is_given_out = match address {
        IpAddr::V4(address) => address != Ipv4Addr::BROADCAST,
        IpAddr::V6(_) => UNICAST.contains(address),
    };
    is_given_out && !EXCEPT.iter().any(|network| network.contains(address))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn every_network_in_the_list_is_one() {
        assert!(NOT_PUBLIC.iter().all(|text| Network::parse(text).is_some()));
    }

    #[test]
    fn only_addresses_of_the_open_network_are_public() {
        let check = |text: &str, public: bool| assert_eq!(is_public(text.parse().unwrap()), public, "{text}");
        for text in ["8.8.8.8", "93.184.216.34", "172.32.0.1", "2606:2800:220:1::1", "2a00:1450::1", "::ffff:8.8.8.8"] {
            check(text, true);
        }
        for text in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "224.0.0.1",
            "239.255.255.255",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::1",
            "2001:0:a00:1::1",
            "2001:db8::1",
            "::127.0.0.1",
        ] {
            check(text, false);
        }
    }
}
