//! One coherent client: a URL, a key and a model that belong together, and how it tries again.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use midflight_outbound::{OutboundClient, OutboundOptions, OutboundPolicy};
use reqwest::header::{AUTHORIZATION, RETRY_AFTER};
use reqwest::{Method, Response, StatusCode};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};

use super::LlmError;
use super::breaker::Breaker;
use super::settings::{LlmSettings, LlmTarget};
use super::wire::{ChatAnswer, ChatRequest, CompletionBody, answer};

/// The longest answer that is read, in bytes: 4 MiB, far beyond any answer of a model.
const ANSWER_BYTES_MAX: usize = 4 << 20;
/// The longest part of a refusal that is reported, in characters.
const REFUSAL_CHARS_MAX: usize = 300;
/// The longest pause before it is tried again, if the server does not ask for a longer one.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// The first such pause is up to 200 ms, and each up to twice as long as the one before. They are drawn between this
/// and twice as much, so that those who failed together do not come back together.
const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(100))
    .with_max_delay(Duration::from_millis(2500))
    .with_jitter()
    .without_max_times();
/// How long proving may take, whatever a chat may.
const PROVE_MAX: Duration = Duration::from_secs(10);

/// A client made from one set of settings.
pub(super) struct LlmClient {
    pub(super) settings: LlmSettings,
    pub(super) breaker: Breaker,
    /// Room for as many calls as there may be at the same time.
    room: Semaphore,
    target: LlmTarget,
    http: OutboundClient,
}

/// The result of one try.
enum TryResult {
    Answered(Vec<u8>),
    Again { error: LlmError, after: Option<Duration> },
    Failed(LlmError),
}

/// The result of probing the server.
pub(super) enum LlmProbe {
    Well,
    /// It does not take the key.
    Key(String),
    /// It cannot be reached, or does not do what it should.
    Server(String),
}

impl LlmClient {
    pub(super) fn new(
        settings: LlmSettings,
        target: LlmTarget,
        policy: OutboundPolicy,
    ) -> Result<Self, String> {
        policy.check(&target.chat).map_err(|refused| refused.to_string())?;
        // No redirect: it would take the key elsewhere.
        let may_use_proxy = !settings.is_url_of_editor || policy.lists(&target.chat);
        let how = OutboundOptions { may_use_proxy, ..OutboundOptions::default() };
        let http = OutboundClient::new(policy, how);
        let http = http.map_err(|error| target.secrets.redact(&error.to_string()).into_owned())?;
        let (breaker, room) =
            (Breaker::new(settings.breaker), Semaphore::new(settings.concurrency_max as usize));
        Ok(Self { settings, breaker, room, target, http })
    }

    /// Asks whether the server is there and takes the key.
    pub(super) async fn probe(&self) -> LlmProbe {
        let deadline = Instant::now() + self.settings.timeout().min(PROVE_MAX);
        let mut request = match self.http.request(Method::GET, self.target.models.clone()) {
            Ok(request) => request,
            Err(refused) => return LlmProbe::Server(refused.to_string()),
        };
        if let Some(authorization) = &self.target.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let response = match timeout_at(deadline, request.send()).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return LlmProbe::Server(self.address(error)),
            Err(_) => return LlmProbe::Server("it did not answer in time".to_owned()),
        };
        match response.status() {
            // Some have no list of models: they are there all the same.
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => LlmProbe::Well,
            status if status.is_success() => LlmProbe::Well,
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => LlmProbe::Key(status.to_string()),
            status => LlmProbe::Server(format!("it answered {status}")),
        }
    }

    /// How many calls are under way.
    pub(super) fn in_flight(&self) -> usize {
        (self.settings.concurrency_max as usize).saturating_sub(self.room.available_permits())
    }

    /// Asks when there is room and the circuit is closed, all in the time that the settings give.
    pub(super) async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer, LlmError> {
        let deadline = Instant::now() + self.settings.timeout();
        // A refused call is refused at once; and again later, when the breaker opened while others used the capacity.
        self.breaker.look()?;
        let room = timeout_at(deadline, self.room.acquire()).await;
        // What can only be late is not sent.
        let Some(Ok(_room)) = room.ok().filter(|_| Instant::now() < deadline) else {
            return Err(self.late(0));
        };
        let admitted = self.breaker.admit(deadline)?;
        let answered = self.ask(request, deadline).await;
        admitted.ended(answered.as_ref().is_err_and(is_failure));
        answered
    }

    /// Asks, and retries as often as the settings allow.
    async fn ask(&self, request: &ChatRequest, deadline: Instant) -> Result<ChatAnswer, LlmError> {
        let (mut tries, mut pauses) = (0, PAUSES.build());
        loop {
            tries += 1;
            let tried = timeout_at(deadline, self.send(request)).await;
            let (error, after) = match tried.unwrap_or_else(|_| TryResult::Failed(self.late(tries))) {
                TryResult::Answered(body) => {
                    return answer(&body, &self.settings.model, tries).ok_or(LlmError::Malformed);
                }
                TryResult::Failed(error) => return Err(error),
                TryResult::Again { error, after } => (error, after),
            };
            let next = pauses.next().unwrap_or(PAUSE_MAX);
            let pause = after.unwrap_or(next);
            // What would only be late is not waited for.
            if tries > self.settings.retries || Instant::now() + pause >= deadline {
                return Err(error);
            }
            sleep(pause).await;
        }
    }

    async fn send(&self, request: &ChatRequest) -> TryResult {
        let body = CompletionBody::new(request, &self.settings.model);
        let mut sent = match self.http.request(Method::POST, self.target.chat.clone()) {
            Ok(request) => request.json(&body),
            Err(refused) => return TryResult::Failed(LlmError::Unreachable { why: refused.to_string() }),
        };
        if let Some(authorization) = &self.target.authorization {
            sent = sent.header(AUTHORIZATION, authorization.clone());
        }
        let response = match sent.send().await {
            Ok(response) => response,
            Err(error) => {
                let was_sent = !error.is_connect();
                let error = LlmError::Unreachable { why: self.address(error) };
                // What may have been answered elsewhere is not paid for twice.
                return if was_sent {
                    TryResult::Failed(error)
                } else {
                    TryResult::Again { error, after: None }
                };
            }
        };
        let (status, after) = (response.status(), retry_after(&response));
        let body = match self.read(response).await {
            Ok(body) => body,
            Err(error) => return TryResult::Failed(error),
        };
        if status.is_success() {
            return TryResult::Answered(body);
        }
        let why = self.refusal(&body);
        match status {
            StatusCode::TOO_MANY_REQUESTS => {
                let retry_after_ms = after.map(|after| after.as_millis().try_into().unwrap_or(u64::MAX));
                TryResult::Again { error: LlmError::Busy { retry_after_ms }, after }
            }
            status if status.is_server_error() => {
                TryResult::Again { error: LlmError::Refused { status: status.as_u16(), why }, after }
            }
            status => TryResult::Failed(LlmError::Refused { status: status.as_u16(), why }),
        }
    }

    async fn read(&self, mut response: Response) -> Result<Vec<u8>, LlmError> {
        let mut body = Vec::new();
        loop {
            match response.chunk().await {
                Ok(None) => return Ok(body),
                Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_BYTES_MAX => {
                    body.extend_from_slice(&chunk)
                }
                Ok(Some(_)) => return Err(LlmError::TooLong { bytes_max: ANSWER_BYTES_MAX }),
                Err(error) => return Err(LlmError::Unreachable { why: self.address(error) }),
            }
        }
    }

    fn refusal(&self, body: &[u8]) -> String {
        // Before it is cut: of a secret that the cut goes through, a part would be left.
        let text = String::from_utf8_lossy(body);
        self.target.secrets.redact(&text).chars().take(REFUSAL_CHARS_MAX).collect()
    }

    /// The error of the library, down to the reason, without the URL.
    fn address(&self, error: reqwest::Error) -> String {
        let error = error.without_url();
        let mut address = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(reason) = source {
            address = format!("{address}: {reason}");
            source = reason.source();
        }
        self.target.secrets.redact(&address).into_owned()
    }

    fn late(&self, tries: u32) -> LlmError {
        LlmError::Late { timeout_ms: self.settings.timeout_ms(), tries }
    }
}

/// Whether the server does not do what it is there for. One that does not like the question does.
fn is_failure(error: &LlmError) -> bool {
    match error {
        LlmError::Unreachable { .. }
        | LlmError::Busy { .. }
        | LlmError::Late { .. }
        | LlmError::Malformed => true,
        LlmError::Refused { status, .. } => *status >= 500,
        LlmError::NotConfigured | LlmError::TooLong { .. } | LlmError::Resting { .. } => false,
    }
}

/// How long the server asks to wait, in seconds (RFC 9110, 10.2.3); a date is not heeded.
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SettingsSource;
    use crate::llm::BreakerSettings;

    fn client(breaker: BreakerSettings) -> LlmClient {
        let defaults = LlmSettings { model: "one".to_owned(), ..LlmSettings::default() };
        let settings = LlmSettings { timeout_ms: 20, concurrency_max: 2, breaker, ..defaults };
        let target = settings.target(&SettingsSource::named("/llm")).unwrap();
        LlmClient::new(settings, target, OutboundPolicy::default()).unwrap()
    }

    #[tokio::test]
    async fn a_call_without_capacity_in_time_asks_nothing() {
        let client = client(BreakerSettings { failures: 1, open_ms: 3_600_000 });
        let others = client.room.acquire_many(2).await.unwrap();
        assert_eq!(client.in_flight(), 2);
        let late = client.chat(&ChatRequest::ask("what?")).await;
        assert_eq!(late, Err(LlmError::Late { timeout_ms: 20, tries: 0 }));
        drop(others);
        assert_eq!(client.in_flight(), 0);
        assert_eq!(client.breaker.look(), Ok(()), "the server is not to blame for that");
    }

    #[tokio::test]
    async fn a_refused_call_does_not_wait_for_capacity() {
        let client = client(BreakerSettings { failures: 1, open_ms: 3_600_000 });
        let _others = client.room.acquire_many(2).await.unwrap();
        client.breaker.admit(Instant::now()).unwrap().ended(true);
        let refused = client.chat(&ChatRequest::ask("what?")).await;
        assert!(matches!(refused, Err(LlmError::Resting { .. })), "{refused:?}");
    }
}
