//! What happened: an event as it is sent.

use std::fmt;

use jiff::Timestamp;
use midflight_core::{DocumentId, KindName};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What the ids of all events begin with. The id is signed, so a receiver cannot replace it: a server knows by it an
/// event, its own or that of another one, among the signed requests that it takes.
pub const EVENT_ID_PREFIX: &str = "midflight_";

/// What sort of event it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookEventType {
    /// A revision is served, and was verified.
    RevisionLive,
    /// A reload or an edit failed; the old is served.
    ReloadFailed,
    /// A revision was live, did not verify, and was rolled back.
    RolledBack,
    /// A revision of the log is invalid on a replica, which serves without it.
    Quarantined,
    /// The log is not the one that a replica followed.
    Diverged,
    /// The audit has a new entry.
    Audit,
}

impl WebhookEventType {
    /// Each of them.
    pub const ALL: [Self; 6] = [
        Self::RevisionLive,
        Self::ReloadFailed,
        Self::RolledBack,
        Self::Quarantined,
        Self::Diverged,
        Self::Audit,
    ];

    /// Whether it is about documents, so that a webhook can be limited to some of them.
    #[must_use]
    pub const fn is_of_documents(self) -> bool {
        match self {
            Self::RevisionLive | Self::ReloadFailed | Self::RolledBack | Self::Quarantined => true,
            Self::Diverged | Self::Audit => false,
        }
    }

    /// Its word in documents and requests.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RevisionLive => "revision.live",
            Self::ReloadFailed => "reload.failed",
            Self::RolledBack => "reload.rolled_back",
            Self::Quarantined => "revision.quarantined",
            Self::Diverged => "log.diverged",
            Self::Audit => "audit.recorded",
        }
    }
}

impl fmt::Display for WebhookEventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Something that happened, and what filters look at.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookEvent {
    /// Begins with [`EVENT_ID_PREFIX`]. The same for the same event, whichever replica reports it and however often.
    pub id: String,
    /// What sort of event it is.
    pub event: WebhookEventType,
    /// When it happened.
    pub at: Timestamp,
    /// The kinds that it is about; none for one that is not about documents.
    pub kinds: Vec<KindName>,
    /// The documents that it is about, as far as they are known one by one.
    pub documents: Vec<DocumentId>,
    /// Whether it is about more than those.
    pub has_more: bool,
    /// How it ended.
    pub outcome: Option<String>,
    /// What is sent about it. A webhook for some documents gets of `changes` (`kind` and `name`), `documents` and `errors`
    /// (`document`) those of its documents.
    pub data: Value,
}

impl WebhookEvent {
    /// An id that only events of the same sort with the same parts have.
    #[must_use]
    pub fn id(event: WebhookEventType, parts: &[&str]) -> String {
        let mut hash = Sha256::new();
        for part in [event.as_str()].iter().chain(parts) {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let digest = hash.finalize();
        let digits: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("{EVENT_ID_PREFIX}{digits}")
    }

    /// The body of the requests that report it with this data.
    pub(crate) fn payload(&self, data: &Value) -> String {
        json!({ "type": self.event.as_str(), "timestamp": self.at.to_string(), "data": data }).to_string()
    }
}
