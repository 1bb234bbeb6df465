//! Hosts as an operator writes them: a name, every name below one, or an address; each with a port or without.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The longest pattern, in bytes: the longest name of a host, and a port.
const PATTERN_BYTES_MAX: usize = 260;

/// Hosts that are meant: `api.example.com`, `*.example.com` for every name below one, `10.0.0.7`, `[::1]`; with a port
/// (`api.example.com:8443`) only that one.
///
/// ```
/// let pattern: midflight_outbound::HostPattern = "*.example.com:8443".parse().unwrap();
/// assert!(pattern.fits("api.example.com", Some(8443)));
/// assert!(!pattern.fits("example.com", Some(8443)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern {
    host: PatternHost,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum PatternHost {
    Name(String),
    Below(String),
    Address(IpAddr),
}

/// A text that is no pattern of hosts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "invalid host {0:?}: expected a name, *.NAME or an address, each with a port or without, as api.example.com:8443"
)]
pub struct InvalidHostPattern(String);

impl HostPattern {
    /// Whether a host is meant, with its port where the pattern has one.
    #[must_use]
    pub fn fits(&self, host: &str, port: Option<u16>) -> bool {
        self.fits_host(host) && self.port.is_none_or(|wanted| Some(wanted) == port)
    }

    /// Whether a host is meant with some port.
    pub(crate) fn fits_host(&self, host: &str) -> bool {
        // A name may end with the dot of the root, which changes nothing.
        let host = host.strip_suffix('.').unwrap_or(host);
        match &self.host {
            PatternHost::Name(name) => name.eq_ignore_ascii_case(host),
            // One address can be written in several ways.
            PatternHost::Address(wanted) => address(host) == Some(*wanted),
            PatternHost::Below(parent) => {
                let at = host.len().checked_sub(parent.len() + 1).filter(|at| host.is_char_boundary(*at));
                at.is_some_and(|at| {
                    let (below, rest) = host.split_at(at);
                    !below.is_empty() && rest.starts_with('.') && rest[1..].eq_ignore_ascii_case(parent)
                })
            }
        }
    }
}

impl FromStr for HostPattern {
    type Err = InvalidHostPattern;

    fn from_str(text: &str) -> Result<Self, InvalidHostPattern> {
        let invalid = || InvalidHostPattern(text.chars().take(PATTERN_BYTES_MAX).collect());
        if text.len() > PATTERN_BYTES_MAX {
            return Err(invalid());
        }
        let (host, port) = match text.rsplit_once(':') {
            // A bare IPv6 address has no port.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                (host, Some(port.parse().map_err(|_| invalid())?))
            }
            _ => (text, None),
        };
        let is_name = |name: &str| {
            let is_label = |label: &str| {
                !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
            };
            name.split('.').all(is_label)
        };
        let host = match (address(host), host.strip_prefix("*.")) {
            (Some(address), _) => PatternHost::Address(address),
            (None, Some(parent)) if is_name(parent) => PatternHost::Below(parent.to_owned()),
            (None, None) if is_name(host) => PatternHost::Name(host.to_owned()),
            _ => return Err(invalid()),
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            PatternHost::Name(name) => f.write_str(name)?,
            PatternHost::Below(parent) => write!(f, "*.{parent}")?,
            PatternHost::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
            PatternHost::Address(address) => write!(f, "{address}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// The address that a host is, with or without brackets.
pub(crate) fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_hosts_with_and_without_a_port() {
        let patterns: Vec<HostPattern> =
            ["api.example.com", "*.tools.example:8443", "[::1]:80", "10.0.0.7", "fd00::1"]
                .map(|text| text.parse().unwrap())
                .to_vec();
        let fits = |host: &str, port| patterns.iter().any(|pattern| pattern.fits(host, Some(port)));
        for (host, port) in [
            ("API.example.com", 443),
            ("api.example.com.", 443),
            ("a.tools.example", 8443),
            ("a.b.tools.example", 8443),
            ("[::1]", 80),
            ("[0:0::1]", 80),
            ("10.0.0.7", 1),
            ("[fd00:0::1]", 443),
        ] {
            assert!(fits(host, port), "{host}:{port}");
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
            assert!(!fits(host, port), "{host}:{port}");
        }
        let shown: Vec<_> = patterns.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["api.example.com", "*.tools.example:8443", "[::1]:80", "10.0.0.7", "[fd00::1]"]);
    }

    #[test]
    fn a_text_that_is_no_host_is_refused() {
        let long = "a".repeat(PATTERN_BYTES_MAX + 1);
        for text in [
            "",
            "*",
            "*.",
            "a.*.b",
            "https://a.example",
            "a.example/x",
            "u@a.example",
            "a b",
            "a..b",
            "a.example:",
            "a.example:70000",
            "10.0.0.0/8",
            &long,
        ] {
            let refused = text.parse::<HostPattern>().unwrap_err().to_string();
            assert!(refused.starts_with("invalid host"), "{text}: {refused}");
        }
    }
}
