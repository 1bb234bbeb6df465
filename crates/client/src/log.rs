//! Revisions: the entries of the log.

use midflight_core::{KindName, RevisionNumber};
use midflight_wire::log::{AdoptRequest, RevisionAnswer, RevisionDiff};
use midflight_wire::reload::ReloadAnswer;
use reqwest::Method;

use crate::answer::Answer;
use crate::client::Client;
use crate::error::ClientError;

impl Client {
    /// Revisions, newest first, of one kind or of all; at most `max`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn revisions(
        &self,
        kind: Option<&KindName>,
        max: usize,
    ) -> Result<Vec<Answer<RevisionAnswer>>, ClientError> {
        self.list(max, || self.request(Method::GET, &["api", "v1", "revisions"]).query("kind", kind)).await
    }

    /// A page of what differs between the states of the log at two revisions; by default from the one before. `cursor`
    /// is that of the page before.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn revision_diff(
        &self,
        revision: RevisionNumber,
        against: Option<RevisionNumber>,
        cursor: Option<&str>,
    ) -> Result<Answer<RevisionDiff>, ClientError> {
        let number = revision.to_string();
        self.request(Method::GET, &["api", "v1", "revisions", number.as_str(), "diff"])
            .query("against", against)
            .query("text", Some(true))
            .query("cursor", cursor)
            .send()
            .await
    }

    /// Has the server follow its log as it is now, although that is not the one that it followed (`log_diverged`).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn adopt_log(&self, request: &AdoptRequest) -> Result<Answer<ReloadAnswer>, ClientError> {
        self.request(Method::POST, &["api", "v1", "log", "adopt"]).json(request).send().await
    }

    pub(crate) fn not_understood(&self, why: String) -> ClientError {
        ClientError::NotUnderstood { address: self.address().to_owned(), why }
    }
}
