//! How a server is set: its key, and every bound with its default.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How a server is set. Every bound has a default.
#[derive(Clone)]
#[non_exhaustive]
pub struct McpOptions {
    pub(crate) seal_key: [u8; 32],
    /// The most tools of one page of a list. 500, the largest page of every list of the API.
    pub page_tools_max: usize,
    /// The largest page of a list, in bytes of JSON; one tool is always in it. 1 MiB.
    pub page_bytes_max: usize,
    /// How long a cursor can be used and its catalogue is kept, in ms. 300,000.
    pub cursor_ms_max: u64,
    /// How long a list waits for its `min_revision`, in ms. 500.
    pub min_revision_ms_max: u64,
    /// The shortest time between two notices, in ms. 100. A change is announced at once, unless the last notice is newer
    /// than this: then one notice is sent for all changes until then.
    pub coalesce_ms: u64,
    /// How long a client may consider a list fresh, in ms. 60,000.
    pub list_ttl_ms: u64,
    /// How long a call may run, in ms. 100,000: less than the 120,000 that a request may take, so that the answer has
    /// the reason.
    pub call_ms_max: u64,
    /// The most calls in flight of one caller. 64.
    pub calls_per_caller_max: usize,
    /// The most calls in flight of all callers. 512.
    pub calls_max: usize,
    /// The most open streams of one caller that wait for notices. 1,000.
    pub listeners_per_caller_max: usize,
    /// The most open streams of all callers that wait for notices. 10,000.
    pub listeners_max: usize,
    /// The most sessions of the old era of one caller that this process keeps. 1,000.
    pub sessions_per_caller_max: usize,
    /// The most sessions of the old era that this process keeps. 10,000.
    pub sessions_max: usize,
    /// How long a session of the old era is kept without a message, in ms. 1,800,000. A later request restores it.
    pub session_idle_ms_max: u64,
    /// How long a session of the old era can be continued after it began, in ms. 86,400,000: a day.
    pub session_ms_max: u64,
    /// How long a question to the user may stay unanswered, in ms. 300,000.
    pub ask_ms_max: u64,
    /// The most questions of one call. 5.
    pub asks_per_call_max: usize,
    /// The most catalogues of the past that are kept for pinned callers and cursors. 16.
    pub past_max: usize,
    /// How many bytes the documents of those may have together. 128 MiB: two of the largest that the server makes. The
    /// ones that were not asked for the longest are read again when they are asked for.
    pub past_bytes_max: usize,
    /// The most requests of one caller that wait for a catalogue of the past; they are made one at a time. 16.
    pub past_waiting_per_caller_max: usize,
    /// The same of all callers. 256.
    pub past_waiting_max: usize,
    /// The most changed tools whose last change is remembered. 1,000.
    pub changes_max: usize,
    /// The longest message on standard input, in bytes. 1 MiB.
    pub stdio_line_bytes_max: usize,
}

impl McpOptions {
    /// The defaults with a key for what is sealed: cursors, questions, sessions. Every replica has to have the same
    /// key, so that any of them can continue what another one began; derive it from a secret in the store.
    #[must_use]
    pub fn new(seal_key: [u8; 32]) -> Self {
        Self {
            seal_key,
            page_tools_max: 500,
            page_bytes_max: 1 << 20,
            cursor_ms_max: 300_000,
            min_revision_ms_max: 500,
            coalesce_ms: 100,
            list_ttl_ms: 60_000,
            call_ms_max: 100_000,
            calls_per_caller_max: 64,
            calls_max: 512,
            listeners_per_caller_max: 1_000,
            listeners_max: 10_000,
            sessions_per_caller_max: 1_000,
            sessions_max: 10_000,
            session_idle_ms_max: 1_800_000,
            session_ms_max: 86_400_000,
            ask_ms_max: 300_000,
            asks_per_call_max: 5,
            past_max: 16,
            past_bytes_max: 128 << 20,
            past_waiting_per_caller_max: 16,
            past_waiting_max: 256,
            changes_max: 1_000,
            stdio_line_bytes_max: 1 << 20,
        }
    }
}

impl std::fmt::Debug for McpOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("McpOptions").field("seal_key", &"[redacted]").finish_non_exhaustive()
    }
}

/// Which `Host` headers are accepted: the guard against pages whose name suddenly resolves to this machine.
#[derive(Debug, Clone)]
pub struct AllowedHosts(pub(crate) HostRule);

#[derive(Debug, Clone)]
pub(crate) enum HostRule {
    Any,
    Listed(Vec<String>),
}

impl AllowedHosts {
    /// `localhost`, `127.0.0.1` and `::1`, on any port.
    #[must_use]
    pub fn loopback() -> Self {
        Self(HostRule::Listed(["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec()))
    }

    /// What fits a listen address: loopback names for a loopback address, any host for an unspecified one such as
    /// `0.0.0.0` (the server cannot know its names, and every client needs a token), else that address and the loopback
    /// names.
    #[must_use]
    pub fn of_listen_address(address: SocketAddr) -> Self {
        let ip: IpAddr = address.ip();
        if ip.is_unspecified() {
            return Self::any();
        }
        if ip.is_loopback() { Self::loopback() } else { Self::loopback().and([ip.to_string()]) }
    }

    /// Every host. For a server that does not answer without a token.
    #[must_use]
    pub fn any() -> Self {
        Self(HostRule::Any)
    }

    /// These too: names or addresses, each with or without a port.
    #[must_use]
    pub fn and(self, hosts: impl IntoIterator<Item = impl Into<String>>) -> Self {
        match self.0 {
            HostRule::Any => self,
            HostRule::Listed(mut listed) => {
                listed.extend(hosts.into_iter().map(Into::into));
                Self(HostRule::Listed(listed))
            }
        }
    }
}

/// How the HTTP side of a server is set.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct McpHttpOptions {
    /// Which `Host` headers are accepted; others are answered with 403.
    pub allowed_hosts: AllowedHosts,
    /// Which `Origin` headers are accepted, as `https://app.example.com:443`, beside the server's own; others are
    /// answered with 403. A request without one, as programs send it, is accepted.
    pub allowed_origins: Vec<String>,
    /// The largest body of a request, in bytes. 1 MiB. A larger one is answered with 413.
    pub body_bytes_max: usize,
    /// How often an open stream gets a comment, so that proxies keep it open, in ms. 15,000.
    pub keep_alive_ms: u64,
}

impl McpHttpOptions {
    /// The defaults with these hosts and origins.
    #[must_use]
    pub fn new(allowed_hosts: AllowedHosts, allowed_origins: impl IntoIterator<Item = String>) -> Self {
        Self {
            allowed_hosts,
            allowed_origins: allowed_origins.into_iter().collect(),
            body_bytes_max: 1 << 20,
            keep_alive_ms: 15_000,
        }
    }

    pub(crate) fn keep_alive(&self) -> Duration {
        Duration::from_millis(self.keep_alive_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_printed() {
        assert_eq!(format!("{:?}", McpOptions::new([1; 32])), "McpOptions { seal_key: \"[redacted]\", .. }");
    }

    #[test]
    fn hosts_follow_from_the_listen_address() {
        let of = |address: &str| match AllowedHosts::of_listen_address(address.parse().unwrap()).0 {
            HostRule::Any => vec!["*".to_owned()],
            HostRule::Listed(hosts) => hosts,
        };
        assert_eq!(of("127.0.0.1:80"), ["localhost", "127.0.0.1", "::1"]);
        assert_eq!(of("[::]:80"), ["*"]);
        assert_eq!(of("10.0.0.7:80"), ["localhost", "127.0.0.1", "::1", "10.0.0.7"]);
    }
}
