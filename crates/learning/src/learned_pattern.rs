//! From what could be learned to its document.

use std::sync::Arc;

use midflight_core::{Digest, DocumentId, DocumentName, KindName};
use midflight_engine::Kind as _;
use midflight_patterns::{
    Action, LearningProposal as Rules, NotLearned, PatternStatus, Patterns, PatternsSnapshot,
    limits::PATTERN_CHARS_MAX,
};
use serde_json::{Map, Value, json};

use crate::ask::LlmVerdict;

/// What could be learned of a query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LearnedPattern {
    pub(crate) profile: Arc<str>,
    /// The query as it came.
    pub(crate) query: String,
    pub(crate) category: Arc<str>,
    pub(crate) confidence: f64,
    pub(crate) action: Action,
    pub(crate) direct_response: Option<Arc<str>>,
}

/// A pattern that is to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PatternDraft {
    pub(crate) id: DocumentId,
    pub(crate) body: Value,
    pub(crate) status: PatternStatus,
}

impl LearnedPattern {
    /// What an LLM teaches of a query; none when the prompt that is live has no such category any more.
    pub(crate) fn of(
        llm_verdict: &LlmVerdict,
        patterns: &PatternsSnapshot,
        profile: Arc<str>,
        query: String,
    ) -> Option<Self> {
        let category = patterns.prompt(&profile)?.category(&llm_verdict.category)?;
        Some(Self {
            profile,
            query,
            category: Arc::clone(&llm_verdict.category),
            confidence: llm_verdict.confidence,
            action: category.action,
            direct_response: category.direct_response.as_deref().map(Into::into),
        })
    }

    /// The pattern to be made of it, by the live policy.
    ///
    /// # Errors
    /// Why nothing is to be made of it.
    pub(crate) fn draft(&self, patterns: &PatternsSnapshot) -> Result<PatternDraft, NotLearned> {
        let policy = patterns.learning(&self.profile).ok_or(NotLearned::Off)?;
        let profile = patterns.profile(&self.profile).ok_or(NotLearned::Off)?;
        let text = profile.text(&self.query);
        let key = profile.key(&text);
        let rules = Rules {
            query: &self.query,
            text: &text,
            key: &key,
            category: &self.category,
            confidence: self.confidence,
        };
        let status = policy.verdict(profile, &rules)?;
        let query = self.query.trim();
        // What people see is what was asked; the key is made of it again, and is the same.
        let written = if query.chars().count() <= PATTERN_CHARS_MAX { query } else { &key };
        let mut body = Map::new();
        body.insert("pattern".to_owned(), json!(written));
        body.insert("match".to_owned(), json!("exact"));
        body.insert("profile".to_owned(), json!(&*self.profile));
        body.insert("category".to_owned(), json!(&*self.category));
        body.insert("confidence".to_owned(), json!(self.confidence));
        body.insert("action".to_owned(), json!(self.action.as_str()));
        if let Some(direct_response) = &self.direct_response {
            body.insert("direct_response".to_owned(), json!(&**direct_response));
        }
        body.insert("status".to_owned(), json!(status.as_str()));
        body.insert("order".to_owned(), json!(policy.order));
        body.insert("created_by".to_owned(), json!("llm"));
        let id = learned_id(&self.profile, &key).ok_or(NotLearned::TooShort)?;
        Ok(PatternDraft { id, body: Value::Object(body), status })
    }
}

/// How the names of all that is learned begin.
pub(crate) const LEARNED_PREFIX: &str = "learned-";

/// The document of what is learned of a key: the same on every replica, so that it is made once.
pub(crate) fn learned_id(profile: &str, key: &str) -> Option<DocumentId> {
    let digest = Digest::of_bytes(format!("{profile}\0{key}").as_bytes()).to_string();
    document(&format!("{LEARNED_PREFIX}{}", &digest[..16]))
}

/// A document of the patterns.
pub(crate) fn document(name: &str) -> Option<DocumentId> {
    DocumentName::new(name).ok().map(|name| DocumentId { kind: kind(), name })
}

pub(crate) fn kind() -> KindName {
    Patterns.name()
}
