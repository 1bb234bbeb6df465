//! The state of a config: what was last wanted, the result, and what is served.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use midflight_config::{ConfigEntry, Masked};
use midflight_core::{ComponentTime, Digest, JsonPointer, Outcome, RevisionNumber, Trigger};
use midflight_source::FileProblem;
use serde_json::{Value, json};

/// The result of one check of a config.
#[derive(Debug, Clone)]
pub(crate) struct CheckAttempt {
    /// Of the content that it was about; none when that could not be read.
    pub(crate) hash: Option<Digest>,
    pub(crate) outcome: Outcome,
    pub(crate) trigger: Trigger,
    pub(crate) by: String,
    pub(crate) at: Timestamp,
    pub(crate) took: Duration,
    pub(crate) components: Vec<ComponentTime>,
    pub(crate) problems: Vec<FileProblem>,
}

/// The content that is served: the digest of the file's bytes, and of its contents.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServedContent {
    pub(crate) hash: Digest,
    pub(crate) body: Digest,
}

/// What was seen last, and what is served of the file.
#[derive(Debug, Clone)]
pub(crate) struct CheckState {
    pub(crate) attempt: CheckAttempt,
    pub(crate) served: Option<ServedContent>,
}

impl CheckState {
    pub(crate) fn is_live(&self) -> bool {
        self.attempt.outcome.is_live()
    }
}

/// The state of a config. Values are in none of it but where an error quotes one that is no secret.
#[derive(Debug, Clone)]
pub struct Report {
    /// How the last look ended.
    pub status: Outcome,
    /// The SHA-256 of the content that `status` is about: of the file's bytes, or of the document without a file. None
    /// when it could not be read.
    pub hash: Option<Digest>,
    /// The SHA-256 of the content that is served. None when that came from nowhere but defaults and variables, or was
    /// changed past the file.
    pub served_hash: Option<Digest>,
    /// The revision that is served.
    pub revision: RevisionNumber,
    /// What asked for the last look.
    pub trigger: Trigger,
    /// Who asked for it.
    pub triggered_by: String,
    /// When it began.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// The components that took part in it.
    pub components: Vec<ComponentTime>,
    /// Those that stayed on an older value, or have none yet.
    pub behind: Vec<String>,
    /// The keys that are in effect after the next start only, and whose value is another now.
    pub restart_required: Vec<JsonPointer>,
    /// The keys of the document that have no effect.
    pub masked: Vec<Masked>,
    /// What was wrong in the last look.
    pub problems: Vec<FileProblem>,
}

impl Report {
    pub(crate) fn new(
        attempt: CheckAttempt,
        served: Option<ServedContent>,
        entry: Option<&Arc<ConfigEntry>>,
        running: &ConfigEntry,
        engine: &midflight_engine::EngineStatus,
    ) -> Self {
        let digest = entry.and_then(|entry| entry.digest());
        let of_file = served.filter(|served| Some(served.body) == digest);
        Self {
            status: attempt.outcome,
            hash: attempt.hash,
            served_hash: of_file.map(|served| served.hash),
            revision: engine.served,
            trigger: attempt.trigger,
            triggered_by: attempt.by,
            at: attempt.at,
            took: attempt.took,
            components: attempt.components,
            behind: engine.behind.iter().cloned().collect(),
            restart_required: entry.map_or_else(Vec::new, |entry| entry.restart_required(running)),
            masked: entry.map_or_else(Vec::new, |entry| entry.masked().to_vec()),
            problems: attempt.problems,
        }
    }

    /// Whether what was wanted is what is served.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.status.is_live()
    }

    /// The body of `GET /health/reload` and `POST /-/reload`: what a sidecar reads to believe a reload.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let hex = |digest: Option<Digest>| digest.map(|digest| digest.to_string());
        let ms = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        let component =
            |it: &ComponentTime| json!({"name": it.name, "state": it.state.as_str(), "took_ms": ms(it.took)});
        let problem = |it: &FileProblem| {
            json!({
                "path": it.path.as_str(), "message": it.message,
                "file": &*it.file, "line": it.line, "column": it.column
            })
        };
        let masked = |it: &Masked| json!({"path": it.path.as_str(), "by": it.by.to_string()});
        json!({
            "status": self.status.as_str(),
            "hash": hex(self.hash),
            "served_hash": hex(self.served_hash),
            "revision": self.revision.get(),
            "trigger": self.trigger.as_str(),
            "triggered_by": self.triggered_by,
            "at": self.at.to_string(),
            "took_ms": ms(self.took),
            "components": self.components.iter().map(component).collect::<Vec<_>>(),
            "behind": self.behind,
            "restart_required": self.restart_required.iter().map(JsonPointer::as_str).collect::<Vec<_>>(),
            "masked": self.masked.iter().map(masked).collect::<Vec<_>>(),
            "problems": self.problems.iter().map(problem).collect::<Vec<_>>(),
        })
    }
}
