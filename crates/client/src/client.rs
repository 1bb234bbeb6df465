//! A client, and how one is made.

use std::path::PathBuf;
use std::time::Duration;

use reqwest::{Method, StatusCode, Url};

use crate::address;
use crate::error::ClientError;
use crate::event::{ClientEvent, EventObserver};
use crate::request::ApiRequest;
use crate::retry::RetryPolicy;
use crate::tls::ClientTlsFiles;

/// How long a connection may take to come about.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long a request may take by default; a large import is compiled and checked before it is answered.
const REQUEST_MAX: Duration = Duration::from_secs(300);

/// Talks to one server. Cloning is cheap, and clones share their connections.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) http: reqwest::Client,
    base: Url,
    pub(crate) token: Option<String>,
    pub(crate) retry: RetryPolicy,
    pub(crate) request_max: Duration,
    pub(crate) observer: EventObserver,
}

/// How a [`Client`] connects. Made by [`Client::builder`].
#[derive(Debug)]
pub struct ClientBuilder {
    address: String,
    token: Option<String>,
    tls: ClientTlsFiles,
    retry: RetryPolicy,
    request_max: Duration,
    observer: EventObserver,
}

impl Client {
    /// A client of the server at an address: `http://host:port`, `https://host:port`, or `host:port` for http.
    #[must_use]
    pub fn builder(address: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            address: address.into(),
            token: None,
            tls: ClientTlsFiles::default(),
            retry: RetryPolicy::default(),
            request_max: REQUEST_MAX,
            observer: EventObserver::none(),
        }
    }

    /// The address of the server.
    #[must_use]
    pub fn address(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// Whether requests carry a token.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// A request of any path, for what has no method of its own. Segments are escaped; the slashes in one stay.
    pub fn request(&self, method: Method, segments: &[&str]) -> ApiRequest<'_> {
        ApiRequest::new(self, method, self.url(segments))
    }

    /// A request of an address of the server, which may have a query.
    pub fn request_at(&self, method: Method, url: Url) -> ApiRequest<'_> {
        ApiRequest::new(self, method, url)
    }

    /// The error that an answer with a status that is no success reports, by its text.
    #[must_use]
    pub fn error_of(&self, status: StatusCode, text: &str) -> ClientError {
        ClientError::of_answer(self.address(), status, text)
    }

    /// The address of a path. Segments are escaped; the slashes in one stay.
    #[must_use]
    pub fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        // The scheme is http or https, so there is a path.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty();
            for segment in segments {
                path.extend(segment.split('/'));
            }
        }
        url
    }
}

impl ClientBuilder {
    /// The API token. An empty one is none.
    #[must_use]
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into()).filter(|token| !token.is_empty());
        self
    }

    /// A file with certificate authorities to trust beside the public ones, as PEM.
    #[must_use]
    pub fn ca_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.tls.authorities = Some(file.into());
        self
    }

    /// A file with a client certificate to present, and one with its private key, as PEM.
    #[must_use]
    pub fn client_certificate(mut self, file: impl Into<PathBuf>, key_file: impl Into<PathBuf>) -> Self {
        self.tls.certificate = Some((file.into(), key_file.into()));
        self
    }

    /// How often failed requests are sent again; [`RetryPolicy::default`] by default.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How long one attempt of a request may take; 300 s by default. Streams have no such bound.
    #[must_use]
    pub fn request_timeout(mut self, max: Duration) -> Self {
        self.request_max = max;
        self
    }

    /// Reports what happens beside the results of requests.
    #[must_use]
    pub fn on_event(mut self, observer: impl Fn(ClientEvent<'_>) + Send + Sync + 'static) -> Self {
        self.observer = EventObserver::new(observer);
        self
    }

    /// Makes the client. It connects with the first request.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] for an address, a token or a file of certificates that cannot be used.
    pub fn build(self) -> Result<Client, ClientError> {
        let base = address::parse(&self.address)?;
        if self.token.as_ref().is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            let message = "the token has invalid characters; copy it again";
            return Err(ClientError::Invalid(message.to_owned()));
        }
        // Another part of the process may have chosen already; that is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_MAX)
            .tls_backend_preconfigured(self.tls.config()?)
            .build()
            .map_err(|error| ClientError::Invalid(format!("cannot start the HTTP client: {error}")))?;
        let Self { token, retry, request_max, observer, .. } = self;
        Ok(Client { http, base, token, retry, request_max, observer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_of_escaped_segments() {
        let client = Client::builder("http://host:1/base/").build().unwrap();
        let url = client.url(&["api", "v1", "documents", "rules", "loans/R 1"]);
        assert_eq!(url.as_str(), "http://host:1/base/api/v1/documents/rules/loans/R%201");
        assert_eq!(client.address(), "http://host:1/base");
    }

    #[test]
    fn a_token_that_no_header_can_have_is_refused() {
        assert!(Client::builder("host").token("a\nb").build().is_err());
        assert!(!Client::builder("host").token("").build().unwrap().has_token());
    }
}
