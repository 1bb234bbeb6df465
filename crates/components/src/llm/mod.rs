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

pub use breaker::BreakerState;
pub use counts::LlmCounts;
pub use settings::{BreakerSettings, LlmSettings};
pub use wire::{ChatAnswer, ChatMessage, ChatRequest, ChatSchema};

use crate::{Follow, Make, Part, Place, Role};
use client::{Client, Proved};
use counts::Counter;

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
    follow: Follow<MakeLlm>,
    counter: Arc<Counter>,
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
    /// The settings say nothing of an LLM.
    #[error("no LLM is configured")]
    NotConfigured,
    /// The server could not be reached, or the connection broke.
    #[error("the LLM cannot be reached: {why}")]
    Unreachable {
        /// What was said, without secrets.
        why: String,
    },
    /// It asked to be left alone for longer than there is time, or more often than it is tried.
    #[error("the LLM is busy; try again later")]
    Busy {
        /// For how long it asked to be left alone, in milliseconds, if it said so.
        retry_after_ms: Option<u64>,
    },
    /// It refused.
    #[error("the LLM answered {status}: {why}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The beginning of what it said, without secrets.
        why: String,
    },
    /// It failed too often and is left alone: nothing was sent.
    #[error("the LLM failed too often and is left alone; try again in {retry_after_ms} ms")]
    Resting {
        /// For how long nobody is let through at the most, in milliseconds.
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
    #[error("the LLM's answer is not one of a chat")]
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
    pub fn new(place: Place<LlmSettings>) -> (Part<MakeLlm>, Self) {
        let role = Role { name: "llm".to_owned(), order: 50, criticality: Criticality::Critical };
        let (part, follow) = Part::new(MakeLlm, place, role);
        (part, Self { follow, counter: Arc::default() })
    }

    /// Asks. The whole call, with all its tries, is by the settings of one moment: a swap is for the next one.
    ///
    /// Tried again are: a server that cannot be reached, 429 and 5xx, after a pause that doubles from 0.2 to 5 s or is what
    /// `Retry-After` says. What may have been answered already is not asked again. Bounds: `timeout_ms` for all of it,
    /// 4 MiB of answer, `concurrency_max` calls at the same time; whoever comes then waits, within `timeout_ms` too.
    ///
    /// Calls that fail one after the other ([`LlmError::Unreachable`], [`LlmError::Busy`], [`LlmError::Late`],
    /// [`LlmError::Malformed`], a status from 500 on) open the breaker: as long as it is open, calls are refused at once. It
    /// belongs to what is in use, so a swap starts with one that is closed.
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

    /// What came of all calls so far, whatever was in use. Cost: some loads, which may be of different moments.
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

/// How clients are made: asked for their models with the key, beside the old. What the old one is asked goes on to its end.
#[derive(Debug)]
pub struct MakeLlm;

/// A client. Only its handle looks into it.
pub struct MadeLlm(Client);

#[async_trait]
impl Make for MakeLlm {
    type Settings = LlmSettings;
    type Made = MadeLlm;

    fn make(&self, settings: &LlmSettings, place: &Place<LlmSettings>) -> Result<MadeLlm, Problems> {
        let target = settings.target(place)?;
        let client = Client::new(settings.clone(), target);
        client.map(MadeLlm).map_err(|why| place.problem("no_client", "base_url", why).into())
    }

    async fn prove(&self, made: &Arc<MadeLlm>, place: &Place<LlmSettings>) -> Result<(), Problems> {
        let settings = &made.0.settings;
        if !settings.verify {
            return Ok(());
        }
        let LlmSettings { provider, base_url, .. } = settings;
        let problem = match made.0.prove().await {
            Proved::Well => return Ok(()),
            Proved::Key(status) => {
                let message =
                    format!("{provider} at {base_url} does not take the key ({status}); look at api_key");
                place.problem("not_let_in", "api_key", message)
            }
            Proved::Server(why) => {
                let cure = "look whether that is its address, or say verify: false if it is not there yet";
                let message = format!("{provider} at {base_url} cannot be used: {why}; {cure}");
                place.problem("unreachable", "base_url", message)
            }
        };
        Err(problem.into())
    }
}
