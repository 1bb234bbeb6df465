//! Requests over HTTP: each on a connection of its own, bounded in time and in bytes, without following redirects.

use std::io;
use std::time::Duration;

use ureq::config::{AutoHeaderValue, Config};
use ureq::http::Response;
use ureq::{Agent, Body, Error};

/// The most bytes of an answer that is read for the app's word.
const WORD_BYTES_MAX: u64 = 1 << 20;

/// Makes requests.
#[derive(Debug)]
pub(crate) struct HttpClient(Agent);

/// What was answered.
#[derive(Debug)]
pub(crate) struct HttpResponse {
    pub(crate) status: u16,
    pub(crate) etag: Option<String>,
    pub(crate) body: Vec<u8>,
}

impl HttpResponse {
    pub(crate) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl HttpClient {
    pub(crate) fn new() -> Self {
        let agent = AutoHeaderValue::Provided(
            concat!("midflight-sidecar/", env!("CARGO_PKG_VERSION")).to_owned().into(),
        );
        let config = Config::builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // A connection that is kept is one that the app's restart breaks in the middle of a request.
            .max_idle_connections(0)
            // The app is on this machine; proxies of the environment do not apply to it.
            .proxy(None)
            .user_agent(agent);
        Self(config.build().new_agent())
    }

    pub(crate) fn post(&self, url: &str, patience: Duration) -> Result<HttpResponse, Error> {
        let request = self.0.post(url).config().timeout_global(Some(patience)).build();
        answer(request.send_empty()?, WORD_BYTES_MAX)
    }

    pub(crate) fn get(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        patience: Duration,
    ) -> Result<HttpResponse, Error> {
        self.get_large(url, headers, patience, WORD_BYTES_MAX)
    }

    pub(crate) fn get_large(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        patience: Duration,
        bytes_max: u64,
    ) -> Result<HttpResponse, Error> {
        let mut request = self.0.get(url).config().timeout_global(Some(patience)).build();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.call()?, bytes_max)
    }

    /// Opens an endless answer. `answered` bounds the wait for its beginning, `silence` that for each further piece.
    pub(crate) fn open(
        &self,
        url: &str,
        headers: &[(&str, &str)],
        answered: Duration,
        silence: Duration,
    ) -> Result<Response<Body>, Error> {
        let timeouts =
            self.0.get(url).config().timeout_connect(Some(answered)).timeout_resolve(Some(answered));
        let timeouts = timeouts.timeout_recv_response(Some(answered)).timeout_per_read(Some(silence));
        let mut request = timeouts.build();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.call()
    }
}

fn answer(mut response: Response<Body>, bytes_max: u64) -> Result<HttpResponse, Error> {
    let etag = response.headers().get("etag").and_then(|tag| tag.to_str().ok()).map(str::to_owned);
    let body = response.body_mut().with_config().limit(bytes_max).read_to_vec()?;
    Ok(HttpResponse { status: response.status().as_u16(), etag, body })
}

/// Whether the server may have received the request although there is no answer.
pub(super) fn may_have_arrived(error: &Error) -> bool {
    match error {
        Error::Timeout(_) | Error::Protocol(_) | Error::BodyExceedsLimit(_) => true,
        Error::Io(error) => matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::UnexpectedEof
        ),
        _ => false,
    }
}

/// An error in words that do not depend on how often it happened.
pub(crate) fn show_error(error: &Error) -> String {
    match error {
        Error::Io(error) => error.to_string(),
        Error::BodyExceedsLimit(bytes) => format!("the answer is larger than {} MiB", bytes >> 20),
        Error::Timeout(_) => "no answer in time".into(),
        error => error.to_string(),
    }
}
