//! A client of an LLM that is swapped under load.

mod breaker;
mod client;
mod counts;
mod settings;
mod wire;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use midflight_core::Problems;
use midflight_engine::Criticality;
use midflight_outbound::OutboundPolicy;

pub use breaker::BreakerState;
pub use counts::LlmCounts;
pub use settings::{BreakerSettings, LlmSettings};
pub use wire::{ChatAnswer, ChatMessage, ChatRequest, ChatSchema};

use crate::{ComponentFactory, ComponentRole, CurrentComponent, ManagedComponent, SettingsSource};
use client::{LlmClient, LlmProbe};
use counts::CallCounter;

/// A handle on an LLM that follows its swaps. Cloning it is cheap.
///
/// ```no_run
/// # async fn ask(llm: midflight_components::Llm) -> Result<String, midflight_components::LlmError> {
/// use midflight_components::ChatRequest;
///
/// let answer = llm.chat(&ChatRequest::ask("What is a revision?")).await?;
/// # Ok(answer.content)
/// # }
/// ```
#[derive(Clone)]
pub struct Llm {
    follow: CurrentComponent<LlmFactory>,
    counter: Arc<CallCounter>,
}

/// Which LLM is in use at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LlmStatus {
    /// Who it is.
    pub provider: String,
    /// Where.
    pub base_url: String,
    /// Which model answers.
    pub model: String,
    /// Whether calls are let through.
    pub breaker: BreakerState,
    /// How many calls are under way; those that wait for room are not counted.
    pub in_flight: usize,
}

/// Why an [`Llm`] did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LlmError {
    /// The settings have no LLM.
    #[error("no LLM is configured")]
    NotConfigured,
    /// The server could not be reached, or the connection broke.
    #[error("the LLM cannot be reached: {why}")]
    Unreachable {
        /// The message, without secrets.
        why: String,
    },
    /// It asked to wait for longer than there is time, or more often than it is tried.
    #[error("the LLM is busy; try again later")]
    Busy {
        /// For how long it asked not to be called, in milliseconds, if it did.
        retry_after_ms: Option<u64>,
    },
    /// It refused.
    #[error("the LLM answered {status}: {why}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The beginning of its message, without secrets.
        why: String,
    },
    /// It failed too often and the circuit is open: nothing was sent.
    #[error("the LLM failed too often (circuit open); try again in {retry_after_ms} ms")]
    Resting {
        /// For how long no call is let through at the most, in milliseconds.
        retry_after_ms: u64,
    },
    /// It did not answer in time.
    #[error("the LLM did not answer within {timeout_ms} ms, in {tries} tries")]
    Late {
        /// The time it had, in milliseconds.
        timeout_ms: u64,
        /// How often it was asked; 0 when others had all the room until then.
        tries: u32,
    },
    /// Its answer cannot be read.
    #[error("the response of the LLM is not a chat completion")]
    Malformed,
    /// Its answer is longer than any that is read.
    #[error("the LLM's answer has more than {bytes_max} bytes")]
    TooLong {
        /// The bound, in bytes.
        bytes_max: usize,
    },
}

impl Llm {
    /// The part for an engine, and the handle for the program: `llm`, order 50, critical.
    #[must_use]
    pub fn new(place: SettingsSource<LlmSettings>) -> (ManagedComponent<LlmFactory>, Self) {
        Self::within(OutboundPolicy::default(), place)
    }

    /// The same, for an LLM that a policy has to allow: settings with another one are refused.
    #[must_use]
    pub fn within(
        policy: OutboundPolicy,
        place: SettingsSource<LlmSettings>,
    ) -> (ManagedComponent<LlmFactory>, Self) {
        let role = ComponentRole { name: "llm".to_owned(), order: 50, criticality: Criticality::Critical };
        let (part, follow) = ManagedComponent::new(LlmFactory { policy }, place, role);
        (part, Self { follow, counter: Arc::default() })
    }

    /// Asks. The whole call, with all its tries, is by the settings of one moment: a swap is for the next one.
    ///
    /// Tried again are: a server that cannot be reached, 429 and 5xx, after a pause that doubles from 0.2 to 5 s or is
    /// that of `Retry-After`. What may have been answered already is not asked again. Bounds: `timeout_ms` for all of
    /// it, 4 MiB of answer, `concurrency_max` calls at the same time; further callers wait, within `timeout_ms` too.
    ///
    /// Calls that fail one after the other ([`LlmError::Unreachable`], [`LlmError::Busy`], [`LlmError::Late`],
    /// [`LlmError::Malformed`], a status from 500 on) open the breaker: as long as it is open, calls are refused at
    /// once. It belongs to what is in use, so a swap starts with one that is closed.
    ///
    /// # Errors
    /// [`LlmError`].
    pub async fn chat(&self, request: &ChatRequest) -> Result<ChatAnswer, LlmError> {
        let made = self.follow.now().ok_or(LlmError::NotConfigured)?;
        let begun = self.counter.begin();
        let answered = made.0.chat(request).await;
        self.counter.end(begun, &answered);
        answered
    }

    /// The results of all calls so far, over all swaps. Cost: some loads, which may be of different moments.
    #[must_use]
    pub fn counts(&self) -> LlmCounts {
        self.counter.read()
    }

    /// Which LLM is in use, and how it is; none when there is none. Cost: a load and two locks.
    #[must_use]
    pub fn status(&self) -> Option<LlmStatus> {
        let made = self.follow.now()?;
        let settings = made.0.settings.clone();
        let (provider, base_url, model) = (settings.provider, settings.base_url, settings.model);
        let (breaker, in_flight) = (made.0.breaker.state(), made.0.in_flight());
        Some(LlmStatus { provider, base_url, model, breaker, in_flight })
    }
}

impl fmt::Debug for Llm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Llm").field("status", &self.status()).finish()
    }
}

/// How clients are made: asked for their models with the key, beside the old. Calls of the old one continue to their
/// end.
#[derive(Debug)]
pub struct LlmFactory {
    policy: OutboundPolicy,
}

/// A client. Only its handle looks into it.
pub struct BuiltLlm(LlmClient);

#[async_trait]
impl ComponentFactory for LlmFactory {
    type Settings = LlmSettings;
    type Built = BuiltLlm;

    fn build(
        &self,
        settings: &LlmSettings,
        place: &SettingsSource<LlmSettings>,
    ) -> Result<BuiltLlm, Problems> {
        let target = settings.target(place)?;
        let client = LlmClient::new(settings.clone(), target, self.policy.clone());
        client.map(BuiltLlm).map_err(|why| place.problem("no_client", "base_url", why).into())
    }

    async fn probe(&self, made: &Arc<BuiltLlm>, place: &SettingsSource<LlmSettings>) -> Result<(), Problems> {
        let settings = &made.0.settings;
        if !settings.verify {
            return Ok(());
        }
        let LlmSettings { provider, base_url, .. } = settings;
        let problem = match made.0.probe().await {
            LlmProbe::Well => return Ok(()),
            LlmProbe::Key(status) => {
                let message = format!("{provider} at {base_url} rejected the key ({status}); check api_key");
                place.problem("access_denied", "api_key", message)
            }
            LlmProbe::Server(why) => {
                let cure = "check the address, or set verify: false if the server does not run yet";
                let message = format!("cannot use {provider} at {base_url}: {why}; {cure}");
                place.problem("unreachable", "base_url", message)
            }
        };
        Err(problem.into())
    }
}
