//! The HTTP client of everything that a server calls.

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Method, RequestBuilder, Url};
use rustls::{ClientConfig, RootCertStore};

use crate::{OutboundPolicy, OutboundRefused};

/// How a client connects.
#[derive(Debug, Clone, Default)]
pub struct OutboundOptions {
    /// The most redirects of a call, within the same origin; none by default. Another one is answered as it came.
    pub redirects_max: usize,
    /// The authorities that servers are trusted by; those of the web by default.
    pub authorities: Option<RootCertStore>,
    /// How long a connection may take.
    pub connect_timeout: Option<Duration>,
    /// How long a call may take.
    pub timeout: Option<Duration>,
    /// Whether a proxy that the environment names (`HTTPS_PROXY`) is used. Names are resolved by the proxy then, so
    /// their addresses are not checked here: only for destinations that the operator writes or lists
    /// ([`OutboundPolicy::lists`]).
    pub may_use_proxy: bool,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[error("cannot make an HTTP client: {0}")]
pub struct OutboundClientError(String);

/// A client that calls what a policy allows, and nothing else. Cheap to clone.
#[derive(Debug, Clone)]
pub struct OutboundClient {
    http: Client,
    policy: OutboundPolicy,
}

impl OutboundClient {
    /// A client with a connection pool of its own.
    ///
    /// # Errors
    /// [`OutboundClientError`] when TLS cannot be set up.
    pub fn new(policy: OutboundPolicy, options: OutboundOptions) -> Result<Self, OutboundClientError> {
        // The roots come along: there may be none where the program runs.
        let roots = options
            .authorities
            .unwrap_or_else(|| RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let tls = tls.map_err(|error| OutboundClientError(error.to_string()))?;
        let mut http = Client::builder()
            .tls_backend_preconfigured(tls.with_root_certificates(roots).with_no_client_auth())
            .redirect(redirects(options.redirects_max))
            .dns_resolver(Arc::new(CheckedResolver(policy.clone())));
        if !options.may_use_proxy {
            http = http.no_proxy();
        }
        if let Some(timeout) = options.connect_timeout {
            http = http.connect_timeout(timeout);
        }
        if let Some(timeout) = options.timeout {
            http = http.timeout(timeout);
        }
        let http = http.build().map_err(|error| OutboundClientError(error.without_url().to_string()))?;
        Ok(Self { http, policy })
    }

    /// A request to a URL that may be called.
    ///
    /// # Errors
    /// [`OutboundRefused`]. A name that leads to an address which may not be called is refused when the request is
    /// sent: see [`OutboundRefused::of`].
    pub fn request(&self, method: Method, url: Url) -> Result<RequestBuilder, OutboundRefused> {
        self.policy.check(&url)?;
        let request = self.http.request(method, url);
        #[cfg(feature = "traces")]
        let request = request.headers(crate::traces::headers_of_current_span());
        Ok(request)
    }
}

impl OutboundRefused {
    /// The refusal that an error of a request comes from, if it does.
    #[must_use]
    pub fn of(error: &reqwest::Error) -> Option<&Self> {
        let mut source: Option<&(dyn StdError + 'static)> = Some(error);
        while let Some(cause) = source {
            if let Some(refused) = cause.downcast_ref::<Self>() {
                return Some(refused);
            }
            source = cause.source();
        }
        None
    }
}

/// What an error of a request comes from, in words without the URL, which may have a secret in it.
#[must_use]
pub fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut source: &dyn StdError = &error;
    while let Some(deeper) = source.source() {
        source = deeper;
    }
    source.to_string()
}

/// Resolves names, and gives the addresses that may be called: what is connected to is what was checked.
struct CheckedResolver(OutboundPolicy);

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0.clone();
        Box::pin(async move {
            let host = name.as_str();
            let found: Vec<SocketAddr> = tokio::net::lookup_host((host, 0)).await?.collect();
            let allowed = policy.allowed_addresses(host, found, SocketAddr::ip)?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// Follows redirects within the origin of the first request only: another one would get its headers, and has no say in
/// what the first one answers.
fn redirects(max: usize) -> Policy {
    if max == 0 {
        return Policy::none();
    }
    Policy::custom(move |attempt: Attempt<'_>| {
        let is_same =
            attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
        match attempt.previous().len() {
            hops if hops <= max && is_same => attempt.follow(),
            _ => attempt.stop(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    /// Answers every connection with a redirect, and reports its port.
    async fn redirecting(location: &'static str) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 1024];
                let length = stream.read(&mut request).await.unwrap();
                let first = String::from_utf8_lossy(&request[..length]).into_owned();
                let head = match first.starts_with("GET /there ") {
                    true => "HTTP/1.1 200 OK".to_owned(),
                    false => format!("HTTP/1.1 302 Found\r\nlocation: {location}"),
                };
                let answer = format!("{head}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        port
    }

    async fn status(policy: OutboundPolicy, port: u16, redirects_max: usize) -> u16 {
        let options = OutboundOptions { redirects_max, ..OutboundOptions::default() };
        let client = OutboundClient::new(policy, options).unwrap();
        let url = format!("http://127.0.0.1:{port}/").parse().unwrap();
        client.request(Method::GET, url).unwrap().send().await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn redirects_stay_within_the_origin() {
        let same = redirecting("/there").await;
        assert_eq!(status(OutboundPolicy::default(), same, 1).await, 200);
        assert_eq!(status(OutboundPolicy::default(), same, 0).await, 302);
        for elsewhere in ["http://localhost:1/there", "http://169.254.169.254/", "//127.0.0.1:1/there"] {
            let other = redirecting(elsewhere).await;
            assert_eq!(status(OutboundPolicy::default(), other, 3).await, 302, "{elsewhere}");
        }
    }

    #[tokio::test]
    async fn a_name_is_checked_by_the_addresses_that_it_has() {
        let port = redirecting("/there").await;
        let localhost: crate::HostPattern = "localhost".parse().unwrap();
        let url: Url = format!("http://localhost:{port}/").parse().unwrap();
        let public_only = OutboundPolicy::default().restricted([localhost.clone()], []);
        let client = OutboundClient::new(public_only, OutboundOptions::default()).unwrap();
        let error = client.request(Method::GET, url.clone()).unwrap().send().await.unwrap_err();
        let refused = OutboundRefused::of(&error);
        assert_eq!(refused, Some(&OutboundRefused::Private { host: "localhost".to_owned() }), "{error:?}");
        assert!(reason(error).contains("private, loopback"));
        let may = OutboundPolicy::default().restricted([localhost.clone()], [localhost]);
        let client = OutboundClient::new(may, OutboundOptions::default()).unwrap();
        assert_eq!(client.request(Method::GET, url).unwrap().send().await.unwrap().status().as_u16(), 302);
    }
}
