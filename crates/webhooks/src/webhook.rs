//! A webhook, and which events it wants.

use midflight_core::{DocumentId, KindName, matches_wildcard};
use midflight_engine::EnvironmentInput;
use serde_json::Value;
use url::Url;

use crate::{PAUSE_MS_MAX, SigningKey, WebhookEvent, WebhookEventType};

/// A webhook: where events are sent, and which.
#[derive(Debug, Clone)]
pub struct Webhook {
    /// Where.
    pub url: Url,
    /// What requests are signed with.
    pub key: SigningKey,
    /// Whether events are sent. What happens while they are not is never sent.
    pub is_active: bool,
    /// How long an attempt may take, in ms.
    pub timeout_ms: u64,
    /// How often it is tried before an event becomes a dead letter.
    pub attempts_max: u32,
    /// The pause after the first attempt, in ms; each one after it is four times as long, up to [`PAUSE_MS_MAX`].
    pub retry_ms: u64,
    pub(crate) events: Vec<WebhookEventType>,
    pub(crate) documents: Vec<String>,
    pub(crate) outcomes: Vec<String>,
    /// What the secret was read from.
    pub(crate) input: EnvironmentInput,
}

impl Webhook {
    /// Whether it wants an event.
    #[must_use]
    pub fn wants(&self, event: &WebhookEvent) -> bool {
        self.is_active
            && self.wants_type(event.event)
            && self.wants_documents(event)
            && event.outcome.as_ref().is_none_or(|outcome| {
                self.outcomes.is_empty() || self.outcomes.iter().any(|wanted| wanted == outcome)
            })
    }

    /// Whether it wants some events of a sort.
    #[must_use]
    pub fn wants_type(&self, event: WebhookEventType) -> bool {
        self.events.contains(&event)
    }

    /// The body of the requests that report an event, with nothing of documents that it is not for.
    #[must_use]
    pub fn payload(&self, event: &WebhookEvent) -> String {
        if self.documents.is_empty() {
            return event.payload(&event.data);
        }
        let mut data = event.data.clone();
        self.keep(&mut data, "changes", |change| {
            DocumentId::new(change.get("kind")?.as_str()?, change.get("name")?.as_str()?).ok()
        });
        self.keep(&mut data, "documents", |document| document.as_str()?.parse().ok());
        // Of a problem that names no document it is not known what its text is about.
        self.keep(&mut data, "errors", |error| error.get("document")?.as_str()?.parse().ok());
        event.payload(&data)
    }

    /// Leaves of a list the items about its documents.
    fn keep(&self, data: &mut Value, list: &str, id: impl Fn(&Value) -> Option<DocumentId>) {
        if let Some(items) = data.get_mut(list).and_then(Value::as_array_mut) {
            items.retain(|item| id(item).is_some_and(|id| self.is_for(&id)));
        }
    }

    /// Whether a document is one of those that it is for.
    fn is_for(&self, id: &DocumentId) -> bool {
        self.documents.iter().any(|pattern| is_of(pattern, id))
    }

    /// How long to wait after so many attempts, in ms.
    #[must_use]
    pub fn pause_ms(&self, attempts: u32) -> u64 {
        let times = 4_u64.saturating_pow(attempts.saturating_sub(1));
        self.retry_ms.saturating_mul(times).min(PAUSE_MS_MAX)
    }

    fn wants_documents(&self, event: &WebhookEvent) -> bool {
        // An event that is not about documents cannot be filtered by them.
        if self.documents.is_empty() || event.kinds.is_empty() {
            return true;
        }
        let wants_kind = |kind: &KindName| {
            self.documents.iter().any(|pattern| {
                let of_kind = pattern.split_once('/').map_or(pattern.as_str(), |(kind, _)| kind);
                matches_wildcard(of_kind, kind.as_str())
            })
        };
        let is_complete = !event.has_more && !event.documents.is_empty();
        event.documents.iter().any(|id| self.is_for(id))
            || (!is_complete && event.kinds.iter().any(wants_kind))
    }
}

/// Whether a document is meant by a pattern: `KIND`, or `KIND/NAME` in which `*` stands for any text.
fn is_of(pattern: &str, id: &DocumentId) -> bool {
    match pattern.contains('/') {
        true => matches_wildcard(pattern, &id.to_string()),
        false => matches_wildcard(pattern, id.kind.as_str()),
    }
}
