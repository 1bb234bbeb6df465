//! One request: what is sent, how often, and what is made of the answer.

use std::convert::Infallible;
use std::time::Duration;

use backon::ExponentialBackoff;
use bytes::Bytes;
use futures_util::stream;
use reqwest::header::{
    CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_NONE_MATCH, RETRY_AFTER,
};
use reqwest::{Body, Method, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use midflight_core::Precondition;

use crate::answer::Answer;
use crate::client::Client;
use crate::download::Download;
use crate::error::{ClientError, FailedAttempt};
use crate::event::ClientEvent;
use crate::retry::Repeatable;

/// The header of an answer from the local copy of a server.
const FROM_COPY: &str = "x-midflight-from-copy";
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// From how many bytes on the progress of a body is reported.
const OBSERVED_BYTES_MIN: usize = 1 << 20;
/// How many bytes of an observed body are sent at once.
const CHUNK_BYTES: usize = 64 << 10;

/// A request under construction. Made by [`Client::request`]; nothing is sent before one of its last methods.
#[derive(Debug)]
#[must_use = "nothing is sent before `send`"]
pub struct ApiRequest<'c> {
    client: &'c Client,
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Option<Bytes>,
    repeatable: Repeatable,
    /// What is wrong with the arguments.
    invalid: Option<String>,
}

impl<'c> ApiRequest<'c> {
    pub(crate) fn new(client: &'c Client, method: Method, url: Url) -> Self {
        let repeatable = if method == Method::GET { Repeatable::Safe } else { Repeatable::Unsent };
        Self { client, method, url, headers: HeaderMap::new(), body: None, repeatable, invalid: None }
    }

    /// One more segment of the path, whose slashes are escaped too.
    pub fn segment(mut self, segment: &str) -> Self {
        if let Ok(mut path) = self.url.path_segments_mut() {
            path.push(segment);
        }
        self
    }

    /// A parameter of the query; one without a value is not sent.
    pub fn query(mut self, name: &str, value: Option<impl ToString>) -> Self {
        if let Some(value) = value {
            self.url.query_pairs_mut().append_pair(name, &value.to_string());
        }
        self
    }

    /// A header.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::from_str(value) {
            Ok(value) => drop(self.headers.insert(name, value)),
            Err(_) => self.invalid = Some(format!("cannot send {value:?} as {name}")),
        }
        self
    }

    /// Headers.
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// What must be so of the document; else the request fails with [`ClientError::Conflict`].
    pub fn when(self, precondition: Precondition) -> Self {
        match precondition {
            Precondition::None => self,
            Precondition::Absent => self.header(IF_NONE_MATCH, "*"),
            Precondition::Present => self.header(IF_MATCH, "*"),
            Precondition::Version(version) => self.header(IF_MATCH, &format!("\"{version}\"")),
            Precondition::UnchangedSince(revision) => self.header(IF_MATCH, &format!("\"r{revision}\"")),
        }
    }

    /// A body as JSON.
    pub fn json(mut self, body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => self.bytes(JSON, body),
            Err(error) => {
                self.invalid = Some(format!("cannot write the request as JSON: {error}"));
                self
            }
        }
    }

    /// A body of a media type.
    pub fn bytes(mut self, media_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        self.headers.insert(CONTENT_TYPE, media_type);
        self.body(body)
    }

    /// A body, whose media type is in the headers.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// It changes nothing, although its method does not say so: it is sent again when its result is not known.
    pub fn safe(mut self) -> Self {
        self.repeatable = Repeatable::Safe;
        self
    }

    /// The server makes it once, however often it is sent, within 24 hours: it has a key (`Idempotency-Key`), which is
    /// generated unless one is given. It is sent again when its result is not known.
    pub fn once(mut self, key: Option<&str>) -> Self {
        self.repeatable = key.map_or_else(Repeatable::keyed, |key| Repeatable::Keyed(key.to_owned()));
        self
    }

    /// Sends it, and reads the answer.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn send<T: DeserializeOwned>(self) -> Result<Answer<T>, ClientError> {
        let client = self.client;
        let text = self.text(Some(client.request_max)).await?;
        serde_json::from_slice(&text).map_err(|error| ClientError::NotUnderstood {
            address: client.address().to_owned(),
            why: format!("cannot read its answer: {error}"),
        })
    }

    /// Sends it; the answer has nothing to read.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn send_only(self) -> Result<(), ClientError> {
        let max = self.client.request_max;
        self.text(Some(max)).await.map(drop)
    }

    /// Sends it, and opens an answer that comes bit by bit. It may take any time.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn open(self) -> Result<Download, ClientError> {
        let client = self.client;
        self.succeed(None).await.map(|response| Download::new(client.address().to_owned(), response))
    }

    /// Sends it once, and gives the answer as it is, whatever its status. It may take any time.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] and [`ClientError::Unreachable`].
    pub async fn send_raw(self) -> Result<Response, ClientError> {
        let request = self.checked()?;
        let answer = request.attempt(None).await;
        answer.map_err(|error| ClientError::of_connection(request.client.address(), &error))
    }

    /// Sends it once, and reads a report, which is an answer whatever its status.
    pub(crate) async fn send_report<T: DeserializeOwned>(self) -> Result<Answer<T>, ClientError> {
        let request = self.checked()?;
        let address = request.client.address();
        let broken = |error| ClientError::of_connection(address, &error);
        let response = request.attempt(Some(request.client.request_max)).await.map_err(broken)?;
        let status = response.status();
        let text = response.bytes().await.map_err(broken)?;
        serde_json::from_slice(&text)
            .map_err(|_| ClientError::of_answer(address, status, &String::from_utf8_lossy(&text)))
    }

    async fn text(self, max: Option<Duration>) -> Result<Bytes, ClientError> {
        let request = self.checked()?;
        let mut pauses = request.client.retry.pauses();
        loop {
            match request.read(max).await {
                Ok(text) => return Ok(text),
                Err(failed) => request.pause(&mut pauses, failed).await?,
            }
        }
    }

    async fn succeed(self, max: Option<Duration>) -> Result<Response, ClientError> {
        let request = self.checked()?;
        let mut pauses = request.client.retry.pauses();
        loop {
            match request.success(max).await {
                Ok(response) => return Ok(response),
                Err(failed) => request.pause(&mut pauses, failed).await?,
            }
        }
    }

    fn checked(mut self) -> Result<Self, ClientError> {
        if let Some(invalid) = self.invalid.take() {
            return Err(ClientError::Invalid(invalid));
        }
        if let Repeatable::Keyed(key) = &self.repeatable {
            let key = HeaderValue::from_str(key)
                .map_err(|_| ClientError::Invalid(format!("cannot send {key:?} as {IDEMPOTENCY_KEY}")))?;
            self.headers.insert(IDEMPOTENCY_KEY, key);
        }
        Ok(self)
    }

    /// Waits before another attempt.
    ///
    /// # Errors
    /// The error of the attempt when another one would not help, might do harm, or would be one too many.
    async fn pause(&self, pauses: &mut ExponentialBackoff, failed: FailedAttempt) -> Result<(), ClientError> {
        let FailedAttempt { error, was_sent, is_transient, retry_after } = failed;
        let may_repeat = is_transient && (!was_sent || self.repeatable != Repeatable::Unsent);
        let Some(pause) = may_repeat.then(|| pauses.next()).flatten() else { return Err(error) };
        let after = retry_after.map_or(pause, |asked| asked.min(self.client.retry.delay_max));
        self.client.observer.notify(ClientEvent::Retrying { error: &error, after });
        tokio::time::sleep(after).await;
        Ok(())
    }

    /// One attempt, with the whole of its answer.
    async fn read(&self, max: Option<Duration>) -> Result<Bytes, FailedAttempt> {
        let response = self.success(max).await?;
        let address = self.client.address();
        response.bytes().await.map_err(|error| FailedAttempt::of_connection(address, &error))
    }

    /// One attempt, whose answer must be a success.
    async fn success(&self, max: Option<Duration>) -> Result<Response, FailedAttempt> {
        let address = self.client.address();
        let broken = |error| FailedAttempt::of_connection(address, &error);
        let response = self.attempt(max).await.map_err(broken)?;
        let status = response.status();
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        if status.is_success() {
            if let Some(revision) = header(FROM_COPY) {
                self.client.observer.notify(ClientEvent::FromCopy { revision });
            }
            return Ok(response);
        }
        let retry_after =
            header(RETRY_AFTER.as_str()).and_then(|it| it.parse().ok()).map(Duration::from_secs);
        let text = response.text().await.unwrap_or_default();
        Err(FailedAttempt::of_answer(address, status, &text, retry_after))
    }

    async fn attempt(&self, max: Option<Duration>) -> Result<Response, reqwest::Error> {
        let mut request = self.client.http.request(self.method.clone(), self.url.clone());
        request = request.headers(self.headers.clone());
        if let Some(token) = &self.client.token {
            request = request.bearer_auth(token);
        }
        if let Some(max) = max {
            request = request.timeout(max);
        }
        match &self.body {
            None => request,
            Some(body) if body.len() >= OBSERVED_BYTES_MIN && self.client.observer.is_some() => {
                request.header(CONTENT_LENGTH, body.len()).body(self.observed(body.clone()))
            }
            Some(body) => request.body(body.clone()),
        }
        .send()
        .await
    }

    /// A body that reports how much of it was sent.
    fn observed(&self, body: Bytes) -> Body {
        let (observer, total) = (self.client.observer.clone(), body.len() as u64);
        let chunks = stream::unfold(body, move |mut rest| {
            let sent = total - rest.len() as u64;
            observer.notify(ClientEvent::Uploading { sent, total });
            let chunk = rest.split_to(CHUNK_BYTES.min(rest.len()));
            let next = (!chunk.is_empty()).then_some((Ok::<_, Infallible>(chunk), rest));
            std::future::ready(next)
        });
        Body::wrap_stream(chunks)
    }
}
