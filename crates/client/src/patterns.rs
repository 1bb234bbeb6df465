//! Patterns: queries classified, patterns listed, added, approved and disabled.

use midflight_core::Precondition;
use midflight_wire::edits::WriteAnswer;
use midflight_wire::patterns::{
    ClassificationAnswer, ClassifyBody, FeedbackBody, FeedbackDone, PatternItem, PerformanceAnswer,
    UsageBody, UsageTaken,
};
use reqwest::Method;
use serde::Serialize;

use crate::answer::Answer;
use crate::client::Client;
use crate::error::ClientError;
use crate::options::WriteOptions;

const PATTERNS: [&str; 3] = ["api", "v1", "patterns"];

/// Which patterns. An empty text selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PatternFilter {
    /// Only those with this text in their id or text.
    pub text: String,
    /// Only those of this status: `pending`, `approved` or `disabled`.
    pub status: String,
    /// Only those of this category.
    pub category: String,
    /// Only those with this match, as `exact`.
    pub matching: String,
    /// Only those of this profile.
    pub profile: String,
    /// Only those made by this: `llm`, `human` or `import`.
    pub created_by: String,
}

impl Client {
    /// Classifies a query. It may be learned, so it is sent once.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn classify(&self, body: &ClassifyBody) -> Result<Answer<ClassificationAnswer>, ClientError> {
        self.request(Method::POST, &[&PATTERNS[..], &["classify"]].concat()).json(body).send().await
    }

    /// Patterns; at most `max`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn patterns(
        &self,
        filter: &PatternFilter,
        max: usize,
    ) -> Result<Vec<Answer<PatternItem>>, ClientError> {
        let PatternFilter { text, status, category, matching, profile, created_by } = filter;
        let given = [
            ("q", text),
            ("status", status),
            ("category", category),
            ("match", matching),
            ("profile", profile),
            ("created_by", created_by),
        ];
        let request = || {
            given.into_iter().fold(self.request(Method::GET, &PATTERNS), |request, (name, value)| {
                request.query(name, Some(value).filter(|value| !value.is_empty()))
            })
        };
        self.list(max, request).await
    }

    /// Adds a pattern, under an id that is derived from its text or that is given and new.
    ///
    /// # Errors
    /// [`ClientError::Conflict`] when there is one of the id.
    pub async fn add_pattern(
        &self,
        id: Option<&str>,
        body: &impl Serialize,
        options: &WriteOptions,
    ) -> Result<Answer<WriteAnswer>, ClientError> {
        let request = match id {
            None => self.request(Method::POST, &PATTERNS),
            Some(id) => {
                self.request(Method::PUT, &[&PATTERNS[..], &[id]].concat()).when(Precondition::Absent)
            }
        };
        request.write(options).json(body).send().await
    }

    /// Has a pattern answer from now on.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn approve_pattern(
        &self,
        id: &str,
        options: &WriteOptions,
    ) -> Result<Answer<WriteAnswer>, ClientError> {
        self.request(Method::POST, &[&PATTERNS[..], &[id, "approve"]].concat()).write(options).send().await
    }

    /// Has a pattern answer no more.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn disable_pattern(
        &self,
        id: &str,
        options: &WriteOptions,
    ) -> Result<Answer<WriteAnswer>, ClientError> {
        self.request(Method::POST, &[&PATTERNS[..], &[id, "disable"]].concat()).write(options).send().await
    }

    /// Gives feedback on the answer to a query.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn give_feedback(&self, body: &FeedbackBody) -> Result<Answer<FeedbackDone>, ClientError> {
        self.request(Method::POST, &[&PATTERNS[..], &["feedback"]].concat()).json(body).send().await
    }

    /// The patterns with the best figures, at most `max`, and what they save.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn pattern_performance(&self, max: usize) -> Result<Answer<PerformanceAnswer>, ClientError> {
        let path = [&PATTERNS[..], &["performance"]].concat();
        self.request(Method::GET, &path).query("limit", Some(max)).send().await
    }

    /// Takes over how often patterns were used elsewhere. What was taken before is not counted again.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn take_pattern_usage(&self, body: &UsageBody) -> Result<Answer<UsageTaken>, ClientError> {
        self.request(Method::POST, &[&PATTERNS[..], &["usage"]].concat()).json(body).safe().send().await
    }
}
