//! The policy: which hosts and addresses may be called.

use std::net::IpAddr;
use std::sync::Arc;

use reqwest::Url;

use crate::address::{is_never_called, is_public};
use crate::pattern::{HostPattern, address};

/// How much of a scheme an error repeats, in characters.
const SCHEME_SHOWN_MAX: usize = 32;

/// Whether a URL has a user or a password, which no message may repeat. One without `//`, as `user:password@host`, is
/// read as a scheme and a path, and has them too.
#[must_use]
pub fn has_user_info(url: &Url) -> bool {
    let is_hidden = url.cannot_be_a_base() && url.path().contains('@');
    is_hidden || !url.username().is_empty() || url.password().is_some()
}

/// Which destinations may be called. The default allows every host and every address but those that are never called.
/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct OutboundPolicy(Arc<[OutboundRule]>);

/// What every destination has to fit; all rules count.
#[derive(Debug, Clone)]
struct OutboundRule {
    allowed: Vec<HostPattern>,
    /// The hosts that may have a private or loopback address; none: every one.
    private: Option<Vec<HostPattern>>,
}

/// Why a destination is not called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutboundRefused {
    /// It is no URL of a host over HTTP. Only its scheme is repeated: the rest of it may be a secret.
    #[error("invalid URL with the scheme {0:?}: expected http:// or https:// with a host")]
    Invalid(String),
    /// It has a user or a password.
    #[error("invalid URL: a URL has no user and password; use a header")]
    UserInfo,
    /// The host is not in the allow-list.
    #[error("the host {host:?} may not be called; an operator has to allow it")]
    Host {
        /// The host.
        host: String,
    },
    /// The host has a private or loopback address only.
    #[error(
        "the host {host:?} has a private, loopback or link-local address; it is not called unless an operator allows it"
    )]
    Private {
        /// The host.
        host: String,
    },
    /// The host has addresses that are never called only.
    #[error(
        "the host {host:?} has a link-local address or that of a cloud's metadata, which is never called"
    )]
    Never {
        /// The host.
        host: String,
    },
}

impl OutboundPolicy {
    /// Only these hosts, at any address but those that are never called.
    #[must_use]
    pub fn only(allowed: impl IntoIterator<Item = HostPattern>) -> Self {
        Self::default().and(OutboundRule { allowed: allowed.into_iter().collect(), private: None })
    }

    /// What this policy allows, and of that only these hosts, at public addresses; those of `private` at private and
    /// loopback addresses too.
    #[must_use]
    pub fn restricted(
        &self,
        allowed: impl IntoIterator<Item = HostPattern>,
        private: impl IntoIterator<Item = HostPattern>,
    ) -> Self {
        let (allowed, private) = (allowed.into_iter().collect(), Some(private.into_iter().collect()));
        self.and(OutboundRule { allowed, private })
    }

    fn and(&self, rule: OutboundRule) -> Self {
        Self(self.0.iter().cloned().chain([rule]).collect())
    }

    /// Checks where a URL leads. A name is resolved later, and its addresses are checked then.
    ///
    /// # Errors
    /// [`OutboundRefused`].
    pub fn check(&self, url: &Url) -> Result<(), OutboundRefused> {
        // First, so that no other refusal repeats a part of it.
        if has_user_info(url) {
            return Err(OutboundRefused::UserInfo);
        }
        let host = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https"));
        let Some(host) = host else {
            return Err(OutboundRefused::Invalid(url.scheme().chars().take(SCHEME_SHOWN_MAX).collect()));
        };
        let port = url.port_or_known_default();
        let is_listed = |list: &[HostPattern]| list.iter().any(|pattern| pattern.fits(host, port));
        if let Some(ip) = address(host)
            && is_never_called(ip)
        {
            return Err(OutboundRefused::Never { host: host.to_owned() });
        }
        if !self.0.iter().all(|rule| is_listed(&rule.allowed)) {
            return Err(OutboundRefused::Host { host: host.to_owned() });
        }
        let may_be_private = self.0.iter().filter_map(|rule| rule.private.as_deref()).all(is_listed);
        if address(host).is_some_and(|ip| !is_public(ip) && !may_be_private) {
            return Err(OutboundRefused::Private { host: host.to_owned() });
        }
        Ok(())
    }

    /// Whether an operator listed where a URL leads: there is a list of hosts, and it may be called.
    #[must_use]
    pub fn lists(&self, url: &Url) -> bool {
        !self.0.is_empty() && self.check(url).is_ok()
    }

    /// Those of the addresses of a name that may be called. Which port is meant is not known here; that the host is
    /// allowed with it was checked before.
    pub(crate) fn allowed_addresses<A>(
        &self,
        host: &str,
        found: Vec<A>,
        ip: impl Fn(&A) -> IpAddr,
    ) -> Result<Vec<A>, OutboundRefused> {
        let is_listed = |list: &[HostPattern]| list.iter().any(|pattern| pattern.fits_host(host));
        let may_be_private = self.0.iter().filter_map(|rule| rule.private.as_deref()).all(is_listed);
        let is_some_never = found.iter().any(|address| is_never_called(ip(address)));
        let may = |address: &A| {
            let ip = ip(address);
            !is_never_called(ip) && (may_be_private || is_public(ip))
        };
        let allowed: Vec<A> = found.into_iter().filter(may).collect();
        match (allowed.is_empty(), is_some_never && may_be_private) {
            (false, _) => Ok(allowed),
            (true, true) => Err(OutboundRefused::Never { host: host.to_owned() }),
            (true, false) => Err(OutboundRefused::Private { host: host.to_owned() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns<const N: usize>(texts: [&str; N]) -> Vec<HostPattern> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[track_caller]
    fn check(policy: &OutboundPolicy, url: &str, expected: Result<(), &str>) {
        let checked = policy.check(&url.parse().unwrap()).map_err(|error| error.to_string());
        match (expected, &checked) {
            (Ok(()), Ok(())) => {}
            (Err(part), Err(message)) if message.contains(part) => {}
            _ => panic!("{url}: {checked:?}"),
        }
    }

    #[test]
    fn without_a_list_all_but_the_forbidden_addresses_may_be_called() {
        let policy = OutboundPolicy::default();
        for url in ["https://api.example.com/x", "http://127.0.0.1:1/", "http://[::1]/", "http://10.0.0.1"] {
            check(&policy, url, Ok(()));
        }
        for url in [
            "http://169.254.169.254/latest",
            // Other ways to write the same address.
            "http://2852039166/",
            "http://0xa9.254.0xa9fe/",
            "http://[::ffff:a9fe:a9fe]/",
            "http://[fe80::1]/",
            "http://[fd00:ec2::254]/",
        ] {
            check(&policy, url, Err("never called"));
        }
        check(&policy, "ftp://a.example/", Err("expected http:// or https://"));
        check(&policy, "http://u:p@a.example/", Err("no user and password"));
    }

    #[test]
    fn no_refusal_repeats_a_user_or_a_password() {
        let policy = OutboundPolicy::only(patterns(["*.example.com"]));
        for url in [
            "ftp://canary-user:canary-password@a.example/",
            "ftp://:canary-password@a.example/",
            "https://canary-user:canary-password@a.example/",
            "http://canary-user@169.254.169.254/",
            // Without `//` it has no host, and the user is its scheme.
            "canary-user:canary-password@a.example/",
        ] {
            let refused = policy.check(&url.parse().unwrap()).unwrap_err();
            let (shown, debug) = (refused.to_string(), format!("{refused:?}"));
            assert!(!shown.contains("canary") && !debug.contains("canary"), "{url}: {shown} {debug}");
            assert!(shown.contains("no user and password"), "{url}: {shown}");
        }
        check(&policy, "ftp://a.example/?key=canary", Err("the scheme \"ftp\""));
    }

    #[test]
    fn a_list_allows_its_hosts_only_and_never_a_forbidden_address() {
        let policy = OutboundPolicy::only(patterns(["*.example.com", "127.0.0.1:8080", "169.254.169.254"]));
        check(&policy, "https://api.example.com/", Ok(()));
        check(&policy, "http://127.0.0.1:8080/", Ok(()));
        check(&policy, "http://127.0.0.1:8081/", Err("may not be called"));
        check(&policy, "https://example.com/", Err("may not be called"));
        check(&policy, "http://169.254.169.254/", Err("never called"));
    }

    #[test]
    fn what_no_list_has_is_not_listed() {
        let lists = |policy: &OutboundPolicy, url: &str| policy.lists(&url.parse().unwrap());
        assert!(!lists(&OutboundPolicy::default(), "https://api.example.com/"));
        let policy = OutboundPolicy::only(patterns(["*.example.com", "169.254.169.254"]));
        assert!(lists(&policy, "https://api.example.com/"));
        assert!(!lists(&policy, "https://api.example.org/") && !lists(&policy, "http://169.254.169.254/"));
    }

    #[test]
    fn every_rule_has_to_allow_a_destination() {
        let server = OutboundPolicy::only(patterns(["*.example.com", "10.0.0.1"]));
        let both = server.restricted(patterns(["a.example.com", "b.example.org", "10.0.0.1"]), []);
        check(&both, "https://a.example.com/", Ok(()));
        check(&both, "https://c.example.com/", Err("may not be called"));
        check(&both, "https://b.example.org/", Err("may not be called"));
        check(&both, "http://10.0.0.1/", Err("private"));
        let private = server.restricted(patterns(["10.0.0.1"]), patterns(["10.0.0.1"]));
        check(&private, "http://10.0.0.1/", Ok(()));
    }

    #[test]
    fn of_the_addresses_of_a_name_only_the_allowed_ones_are_called() {
        let addresses =
            |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<IpAddr>>();
        let rebound = addresses(&["169.254.169.254", "fd00:ec2::254"]);
        let any = OutboundPolicy::default();
        let refused = any.allowed_addresses("a.example", rebound.clone(), |ip| *ip).unwrap_err();
        assert_eq!(refused, OutboundRefused::Never { host: "a.example".to_owned() });
        let mixed = [rebound, addresses(&["127.0.0.1", "8.8.8.8"])].concat();
        let found = any.allowed_addresses("a.example", mixed.clone(), |ip| *ip).unwrap();
        assert_eq!(found, addresses(&["127.0.0.1", "8.8.8.8"]));
        let public = any.restricted(patterns(["a.example"]), []);
        assert_eq!(public.allowed_addresses("a.example", mixed, |ip| *ip).unwrap(), addresses(&["8.8.8.8"]));
        let refused = public.allowed_addresses("a.example", addresses(&["::1"]), |ip| *ip).unwrap_err();
        assert_eq!(refused, OutboundRefused::Private { host: "a.example".to_owned() });
    }
}
