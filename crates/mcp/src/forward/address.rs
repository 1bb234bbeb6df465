//! Which hosts and addresses may be called.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::ForwardOptions;

/// A host whose addresses may not be called.
#[derive(Debug, thiserror::Error)]
#[error(
    "the host {host:?} has a private, loopback or link-local address; calls are not forwarded to it unless \
     an operator allows it"
)]
pub(super) struct AddressRefused {
    pub(super) host: String,
}

/// Resolves names, and gives the addresses that may be called: what is connected to is what was checked.
pub(super) struct CheckedResolver(pub(super) Arc<ForwardOptions>);

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let options = Arc::clone(&self.0);
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host.as_str(), 0)).await?.collect();
            // Which port is meant is not known here; that the host is allowed with it was checked before.
            let may_be_private = options.private_hosts.iter().any(|rule| fits(without_port(rule).0, &host));
            let allowed: Vec<SocketAddr> =
                found.into_iter().filter(|address| may_be_private || is_public(address.ip())).collect();
            if allowed.is_empty() {
                return Err(AddressRefused { host }.into());
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Whether a list names a host, with its port where the list names one.
pub(super) fn lists(rules: &[String], host: &str, port: Option<u16>) -> bool {
    rules.iter().any(|rule| {
        let (name, of_port) = without_port(rule);
        fits(name, host) && of_port.is_none_or(|of_port| Some(of_port) == port)
    })
}

fn fits(rule: &str, host: &str) -> bool {
    match rule.strip_prefix("*.") {
        Some(parent) => {
            let label = host.len().checked_sub(parent.len() + 1).filter(|at| host.is_char_boundary(*at));
            label.is_some_and(|at| {
                let (below, rest) = host.split_at(at);
                !below.is_empty() && rest.starts_with('.') && rest[1..].eq_ignore_ascii_case(parent)
            })
        }
        // One address can be written in several ways.
        None => match (address(rule), address(host)) {
            (Some(rule), Some(host)) => rule == host,
            _ => rule.eq_ignore_ascii_case(host),
        },
    }
}

/// The address that a host is, with or without brackets.
fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// The host and the port of a rule. A bare IPv6 address has no port.
fn without_port(rule: &str) -> (&str, Option<u16>) {
    match rule.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (rule, None),
        },
        _ => (rule, None),
    }
}

/// Whether an address is one of the public Internet: neither private, loopback, link-local, shared, multicast, reserved
/// nor documentation, also where it is written as IPv6 (RFC 6890, RFC 6052, RFC 3056).
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_special = ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_documentation()
        || ip.is_multicast()
        // "This network", shared address space, protocol assignments, 6to4 relays, benchmarks, reserved and broadcast.
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19))
        || a >= 240;
    !is_special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // IPv4-mapped, NAT64 and 6to4 lead to the IPv4 address that is in them.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        // Loopback, unspecified, IPv4-compatible, local NAT64, discard, Teredo and protocol assignments, documentation.
        [0, 0, 0, 0, 0, 0, ..]
        | [0x64, 0xff9b, 1, ..]
        | [0x100, 0, 0, ..]
        | [0x2001, 0..=0x01ff, ..]
        | [0x2001, 0xdb8, ..]
        | [0x3fff, 0..=0x0fff, ..]
        | [0x5f00, ..] => false,
        // Unique local, link-local, site-local, multicast.
        [first, ..] => !matches!(first, 0xfc00..=0xfdff | 0xfe80..=0xfeff | 0xff00..=0xffff),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_public_internet_are_public() {
        for public in
            ["1.1.1.1", "100.63.0.1", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "2002:808:808::1"]
        {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for other in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "2002:7f00:1::",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "::7f00:1",
        ] {
            assert!(!is_public(other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn rules_name_hosts_with_and_without_a_port() {
        let rules: Vec<String> =
            ["api.example.com", "*.tools.example:8443", "[::1]:80", "10.0.0.7"].map(str::to_owned).to_vec();
        for (host, port) in [
            ("API.example.com", 443),
            ("a.tools.example", 8443),
            ("a.b.tools.example", 8443),
            ("[::1]", 80),
            ("[0:0::1]", 80),
            ("10.0.0.7", 1),
        ] {
            assert!(lists(&rules, host, Some(port)), "{host}:{port}");
        }
        for (host, port) in [
            ("example.com", 443),
            ("xapi.example.com", 443),
            ("tools.example", 8443),
            ("xtools.example", 8443),
            ("a.tools.example", 443),
            ("[::1]", 81),
            ("", 80),
        ] {
            assert!(!lists(&rules, host, Some(port)), "{host}:{port}");
        }
    }
}
