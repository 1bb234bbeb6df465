//! What a client of an LLM is made from.

use std::time::Duration;

use midflight_config::{DurationText, Redactor, Secret};
use midflight_core::Problems;
use reqwest::Url;
use reqwest::header::HeaderValue;
use serde::{Deserialize, Serialize};

use crate::SettingsSource;
use crate::bounds::{DAY_MS, within};

/// The settings of an [`Llm`](crate::Llm).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LlmSettings {
    /// Who it is, in a word; `openai`. Any will do that speaks as OpenAI does.
    pub provider: String,
    /// Where `/models` and `/chat/completions` lie; `https://api.openai.com/v1`.
    pub base_url: String,
    /// The key, sent as a bearer token; none when it is empty.
    pub api_key: Secret,
    /// Which model answers.
    pub model: String,
    /// How long a chat may take, in milliseconds, with all its tries and the pauses between them; 30,000.
    pub timeout_ms: u64,
    /// The same as a text, as `30s`; instead of the number.
    pub timeout: Option<DurationText>,
    /// How often it is tried again when the server cannot be reached, is busy (429) or fails (5xx); 2, at most 10.
    pub retries: u32,
    /// How many calls there may be at the same time; 8, from 1 to 1,000. Those past it wait, within `timeout_ms`. While
    /// a client is swapped there may be as many as the old and the new one together may have.
    pub concurrency_max: u32,
    /// When the circuit opens.
    pub breaker: BreakerSettings,
    /// Whether the server is asked with the key before the client is used; true.
    pub verify: bool,
    /// Whether `base_url` is by an editor and not by the operator of the process. Then a proxy of the environment is used
    /// only for a destination that the policy lists: a proxy resolves names, so their addresses are not checked. No
    /// config says it: the program that reads the settings sets it.
    #[serde(skip)]
    pub is_url_of_editor: bool,
}

impl Default for LlmSettings {
    fn default() -> Self {
        Self {
            provider: "openai".to_owned(),
            base_url: "https://api.openai.com/v1".to_owned(),
            api_key: Secret::default(),
            model: String::new(),
            timeout_ms: 30_000,
            timeout: None,
            retries: 2,
            concurrency_max: 8,
            breaker: BreakerSettings::default(),
            verify: true,
            is_url_of_editor: false,
        }
    }
}

/// When the circuit opens for an LLM that fails: calls are refused at once then, and neither keep their callers
/// waiting nor the server busy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakerSettings {
    /// After how many calls that failed one after the other; 5, at most 1,000, and 0 is never.
    pub failures: u32,
    /// For how long, in milliseconds; 30,000, at most a day. Then one call is let through: when it is answered all are,
    /// and when it fails the time starts again.
    pub open_ms: u64,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures: 5, open_ms: 30_000 }
    }
}

/// Settings that can be, ready to be asked by. It cannot be printed: the key is in it.
pub(super) struct LlmTarget {
    pub(super) models: Url,
    pub(super) chat: Url,
    pub(super) authorization: Option<HeaderValue>,
    pub(super) secrets: Redactor,
}

impl LlmSettings {
    /// Everything that cannot be in these settings.
    ///
    /// A kind can ask this when it validates, so that such settings are refused before anything is prepared.
    ///
    /// # Errors
    /// All of it, each with its place and its cure.
    pub fn check(&self, place: &SettingsSource<Self>) -> Result<(), Problems> {
        self.target(place).map(drop)
    }

    pub(super) fn target(&self, place: &SettingsSource<Self>) -> Result<LlmTarget, Problems> {
        let mut problems = Problems::default();
        let (key, timeout_ms) = match self.timeout {
            Some(timeout) => ("timeout", timeout.ms()),
            None => ("timeout_ms", self.timeout_ms),
        };
        within(&mut problems, place, key, &timeout_ms, &(1..=DAY_MS));
        if self.timeout.is_some() && self.timeout_ms != Self::default().timeout_ms {
            let message = "timeout and timeout_ms are both set; set one of them";
            problems.add(place.problem("conflict", "timeout", message));
        }
        within(&mut problems, place, "retries", &self.retries, &(0..=10));
        within(&mut problems, place, "concurrency_max", &self.concurrency_max, &(1..=1000));
        let breaker = place.under("breaker");
        within(&mut problems, &breaker, "failures", &self.breaker.failures, &(0..=1000));
        within(&mut problems, &breaker, "open_ms", &self.breaker.open_ms, &(1..=DAY_MS));
        for (setting, text) in [("model", &self.model), ("provider", &self.provider)] {
            if text.is_empty() {
                problems.add(place.problem("missing", setting, format!("{setting} is missing; set it")));
            }
        }
        let authorization = self.authorization();
        if authorization.is_err() {
            let message = "the key has a character that cannot be sent; check it for line breaks and blanks";
            problems.add(place.problem("invalid_key", "api_key", message));
        }
        let Some((models, chat)) = self.urls() else {
            let message = "invalid base_url: expected the URL of an API, as https://api.openai.com/v1; put the key \
                 into api_key";
            problems.add(place.problem("invalid_url", "base_url", message));
            return Err(problems);
        };
        let secrets = Redactor::default();
        secrets.hide(self.api_key.expose());
        let authorization = authorization.ok().flatten();
        problems.or(LlmTarget { models, chat, authorization, secrets })
    }

    /// Without anything in it that may be a secret: a user, a password, a query.
    fn urls(&self) -> Option<(Url, Url)> {
        let base = self.base_url.trim_end_matches('/');
        let under = |path: &str| Url::parse(&format!("{base}{path}")).ok();
        let (models, chat) = (under("/models")?, under("/chat/completions")?);
        let is_http = matches!(models.scheme(), "http" | "https") && models.has_host();
        let is_plain = models.username().is_empty() && models.password().is_none();
        let is_whole = models.query().is_none() && models.fragment().is_none();
        (is_http && is_plain && is_whole).then_some((models, chat))
    }

    fn authorization(&self) -> Result<Option<HeaderValue>, reqwest::header::InvalidHeaderValue> {
        if self.api_key.is_empty() {
            return Ok(None);
        }
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.api_key.expose()))?;
        value.set_sensitive(true);
        Ok(Some(value))
    }

    /// How long a chat may take, in milliseconds.
    pub(super) fn timeout_ms(&self) -> u64 {
        self.timeout.map_or(self.timeout_ms, DurationText::ms)
    }

    pub(super) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms())
    }
}
