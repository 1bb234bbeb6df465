//! The one HTTP client of the command line.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, Url};
use serde_json::Value;

use super::client_tls::ClientTlsArgs;
use super::fail::{Failure, ServerProblem};
use super::output::eprint_status;
use super::progress::upload;

/// How long a connection may take to come about.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How long a request may take; a large import is compiled and checked before it is answered.
const REQUEST_MAX: Duration = Duration::from_secs(300);
/// The header of an answer from the local copy of a server.
const FROM_COPY: &str = "x-midflight-from-copy";
/// How much of an answer that is not a problem document is shown.
const SHOWN_CHARS: usize = 400;

/// Talks to one server.
#[derive(Debug)]
pub(super) struct ServerClient {
    http: reqwest::Client,
    base: Url,
    token: Option<String>,
    /// Whether it was reported that answers are from the server's local copy.
    has_reported_copy: AtomicBool,
}

/// A successful answer.
#[derive(Debug)]
pub(super) struct ServerAnswer {
    /// The `ETag`, as it is in the header.
    pub(super) etag: Option<String>,
    pub(super) body: Value,
}

/// What is sent.
#[derive(Debug)]
pub(super) enum RequestBody {
    None,
    Json(Value),
    /// Bytes of a media type, shown on their way when there are many.
    Bytes(&'static str, Bytes),
}

impl ServerClient {
    /// A client of the server at `url`.
    ///
    /// # Errors
    /// [`Failure::Usage`] when that is no address of one, or a file of `tls` cannot be used.
    pub(super) fn new(url: &str, token: Option<String>, tls: &ClientTlsArgs) -> Result<Self, Failure> {
        let base = address(url)?;
        // Another part of the process may have chosen already; that is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder().connect_timeout(CONNECT_MAX);
        let http = http.tls_backend_preconfigured(tls.config()?).build();
        let http = http.map_err(|error| Failure::failed(format!("cannot start the HTTP client: {error}")))?;
        let token = token.filter(|token| !token.is_empty());
        if token.as_ref().is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(Failure::usage("the token has invalid characters; copy it again"));
        }
        Ok(Self { http, base, token, has_reported_copy: AtomicBool::new(false) })
    }

    /// The server's address, for people.
    pub(super) fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// The address of a path and a query. Segments are escaped; a name's slashes stay.
    pub(super) fn url(&self, segments: &[&str], query: &[(&str, String)]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty();
            for segment in segments {
                path.extend(segment.split('/'));
            }
        }
        let given: Vec<_> = query.iter().filter(|(_, value)| !value.is_empty()).collect();
        if !given.is_empty() {
            url.query_pairs_mut().extend_pairs(given);
        }
        url
    }

    /// Reads.
    pub(super) async fn get(
        &self,
        segments: &[&str],
        query: &[(&str, String)],
    ) -> Result<ServerAnswer, Failure> {
        self.send(Method::GET, self.url(segments, query), RequestBody::None, &[]).await
    }

    /// Reads all pages of a list into one list of items.
    pub(super) async fn all(
        &self,
        segments: &[&str],
        query: &[(&str, String)],
    ) -> Result<Vec<Value>, Failure> {
        self.up_to(segments, query, usize::MAX).await
    }

    /// Reads pages of a list until there are `max` items.
    pub(super) async fn up_to(
        &self,
        segments: &[&str],
        query: &[(&str, String)],
        max: usize,
    ) -> Result<Vec<Value>, Failure> {
        let (mut items, mut cursor, mut of) = (Vec::new(), String::new(), None);
        loop {
            let limit = (max - items.len()).min(500);
            let mut query = query.to_vec();
            query.extend([("limit", limit.to_string()), ("cursor", cursor)]);
            let mut page = self.get(segments, &query).await?.body;
            // A list is of the log or of the local copy, never of both.
            let source = page.get("from_copy").cloned();
            if of.replace(source.clone()).is_some_and(|before| before != source) {
                (items, cursor, of) = (Vec::new(), String::new(), None);
                continue;
            }
            if let Some(Value::Array(found)) = page.get_mut("items").map(Value::take) {
                items.extend(found);
            }
            cursor = page.get("next_cursor").and_then(Value::as_str).unwrap_or_default().to_owned();
            if cursor.is_empty() || items.len() >= max {
                return Ok(items);
            }
        }
    }

    /// Sends, and reads the whole answer.
    pub(super) async fn send(
        &self,
        method: Method,
        url: Url,
        body: RequestBody,
        headers: &[(HeaderName, String)],
    ) -> Result<ServerAnswer, Failure> {
        let mut more = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value)
                .map_err(|_| Failure::usage(format!("cannot send {value:?} as {name}")))?;
            more.insert(name, value);
        }
        let request = self.request(method, url).headers(more).timeout(REQUEST_MAX);
        let request = match body {
            RequestBody::None => request,
            RequestBody::Json(value) => request.json(&value),
            RequestBody::Bytes(kind, bytes) => {
                let length = bytes.len();
                request
                    .header(CONTENT_TYPE, kind)
                    .header(reqwest::header::CONTENT_LENGTH, length)
                    .body(upload(bytes))
            }
        };
        let response = self.checked(request.send().await).await?;
        let etag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let bytes = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&bytes).map_err(|_| {
                Failure::failed(format!("{} does not respond like a Midflight server", self.base()))
            })?
        };
        Ok(ServerAnswer { etag, body })
    }

    /// Queries the state of a config. Such an answer counts, whatever its status.
    pub(super) async fn report(&self, method: Method, url: Url) -> Result<Value, Failure> {
        let response = self.request(method, url).timeout(REQUEST_MAX).send().await;
        let response = response.map_err(|error| self.unreachable(&error))?;
        let (status, bytes) = (response.status(), response.bytes().await);
        let bytes = bytes.map_err(|error| self.unreachable(&error))?;
        let body = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
        if body.get("status").is_some_and(Value::is_string) {
            return Ok(body);
        }
        Err(self.refusal(status, &String::from_utf8_lossy(&bytes)))
    }

    /// Opens an answer that comes bit by bit.
    pub(super) async fn open(
        &self,
        url: Url,
        headers: &[(&'static str, String)],
    ) -> Result<Response, Failure> {
        let mut request = self.request(Method::GET, url);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        self.checked(request.send().await).await
    }

    /// Sends a message and answers what came, whatever its status. The caller sets how long that may take.
    pub(super) async fn exchange(
        &self,
        method: Method,
        url: Url,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Response, Failure> {
        let sent = self.request(method, url).headers(headers).body(body).send().await;
        sent.map_err(|error| self.unreachable(&error))
    }

    fn request(&self, method: Method, url: Url) -> reqwest::RequestBuilder {
        let request = self.http.request(method, url);
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Makes a failure of an answer that is none.
    async fn checked(&self, answer: Result<Response, reqwest::Error>) -> Result<Response, Failure> {
        let response = answer.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if status.is_success() {
            if let Some(revision) = response.headers().get(FROM_COPY) {
                self.report_copy(revision);
            }
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        Err(self.refusal(status, &text))
    }

    fn report_copy(&self, revision: &HeaderValue) {
        if !self.has_reported_copy.swap(true, Ordering::Relaxed) {
            let revision = revision.to_str().unwrap_or("?");
            eprint_status(&format!(
                "log unavailable; showing revision {revision} of the local copy of {}",
                self.base()
            ));
        }
    }

    /// The failure that an answer of the server reports, by its status and its text.
    pub(super) fn refusal(&self, status: reqwest::StatusCode, text: &str) -> Failure {
        let problem = serde_json::from_str::<ServerProblem>(text);
        match problem.ok().filter(|problem| !problem.code.is_empty()) {
            Some(problem) => Failure::Refused(Box::new(problem)),
            None => {
                let shown: String = text.trim().chars().take(SHOWN_CHARS).collect();
                Failure::failed(format!("{} answered {status}: {shown}", self.base()))
            }
        }
    }

    /// What is to be done about a server that does not answer.
    pub(super) fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let base = self.base();
        let deepest = {
            let mut source: &dyn std::error::Error = error;
            while let Some(deeper) = source.source() {
                source = deeper;
            }
            source.to_string()
        };
        Failure::Unreachable(if error.is_connect() {
            format!(
                "cannot connect to {base} ({deepest})\nStart a server with `midflight serve`, or give the \
                 address of another with --url or MIDFLIGHT_URL."
            )
        } else if error.is_timeout() {
            format!("{base} did not respond in time; run `midflight doctor`")
        } else {
            format!("the connection to {base} failed: {deepest}; run `midflight doctor`, then try again")
        })
    }
}

/// An address as http://host:port; without a scheme it is one of http.
fn address(url: &str) -> Result<Url, Failure> {
    let whole = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
    let wrong = |why: &str| Failure::usage(format!("invalid --url {url:?}: {why}; write http://host:port"));
    let parsed = Url::parse(&whole).map_err(|error| wrong(&error.to_string()))?;
    match parsed.scheme() {
        "http" | "https" if parsed.has_host() => Ok(parsed),
        scheme => Err(wrong(&format!("{scheme} is neither http nor https"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn addresses_are_made_of_escaped_segments() {
        let client = ServerClient::new("http://host:1/base/", None, &ClientTlsArgs::default()).unwrap();
        let url = client.url(
            &["api", "v1", "documents", "rules", "loans/R 1"],
            &[("a", "x&y".to_owned()), ("b", String::new())],
        );
        assert_eq!(url.as_str(), "http://host:1/base/api/v1/documents/rules/loans/R%201?a=x%26y");
        assert_eq!(client.base(), "http://host:1/base");
        for (typed, base) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("https://host", "https://host"),
            ("host", "http://host"),
        ] {
            assert_eq!(ServerClient::new(typed, None, &ClientTlsArgs::default()).unwrap().base(), base);
        }
        for (wrong, messages) in
            [("ftp://x", "neither http nor https"), ("http://", "empty host"), ("a b", "invalid")]
        {
            let failure = ServerClient::new(wrong, None, &ClientTlsArgs::default()).unwrap_err();
            assert!(matches!(&failure, Failure::Usage(message) if message.contains(messages)), "{failure:?}");
        }
        let file = Path::new("/no/such/file.pem").to_owned();
        let tls = ClientTlsArgs { ca_file: Some(file), ..ClientTlsArgs::default() };
        let missing = ServerClient::new("https://host", None, &tls).unwrap_err();
        assert!(missing.text().contains("cannot read --ca-file /no/such/file.pem"), "{missing:?}");
        assert!(ServerClient::new("http://x", Some("a\nb".to_owned()), &ClientTlsArgs::default()).is_err());
    }
}
