//! Documents and their versions; one document edited.

use midflight_core::{DocumentId, KindName, Precondition, RevisionNumber};
use midflight_wire::documents::{DocumentAnswer, VersionAnswer};
use midflight_wire::edits::WriteAnswer;
use reqwest::Method;
use serde_json::Value;

use crate::answer::Answer;
use crate::client::Client;
use crate::error::ClientError;
use crate::options::WriteOptions;
use crate::request::ApiRequest;

/// How often an update of a document is computed again when other writers are first.
const UPDATE_TRIES_MAX: usize = 8;

impl Client {
    /// A document as the log has it now.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when it is not there.
    pub async fn document(&self, id: &DocumentId) -> Result<Answer<DocumentAnswer>, ClientError> {
        self.of_document(Method::GET, id).send().await
    }

    /// A document as it was at a revision.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when it was not there; `compacted` when that revision is not kept.
    pub async fn document_at(
        &self,
        id: &DocumentId,
        revision: RevisionNumber,
    ) -> Result<Answer<DocumentAnswer>, ClientError> {
        self.of_document(Method::GET, id).query("at", Some(revision)).send().await
    }

    /// The documents of a kind whose names start with `prefix`, by name, as they are or were at a revision; at most
    /// `max`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn documents(
        &self,
        kind: &KindName,
        prefix: &str,
        at: Option<RevisionNumber>,
        max: usize,
    ) -> Result<Vec<Answer<DocumentAnswer>>, ClientError> {
        let prefix = Some(prefix).filter(|prefix| !prefix.is_empty());
        let path = ["api", "v1", "documents", kind.as_str()];
        self.list(max, || self.request(Method::GET, &path).query("prefix", prefix).query("at", at)).await
    }

    /// The versions of a document, newest first; at most `max`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn versions(
        &self,
        id: &DocumentId,
        max: usize,
    ) -> Result<Vec<Answer<VersionAnswer>>, ClientError> {
        let path = ["api", "v1", "documents", id.kind.as_str(), id.name.as_str(), "versions"];
        self.list(max, || self.request(Method::GET, &path)).await
    }

    /// Puts a document, as one revision.
    ///
    /// # Errors
    /// [`ClientError::Conflict`] when the precondition is not met, [`ClientError::Refused`] when the document is
    /// invalid.
    pub async fn put_document(
        &self,
        id: &DocumentId,
        body: &Value,
        precondition: Precondition,
        options: &WriteOptions,
    ) -> Result<Answer<WriteAnswer>, ClientError> {
        self.of_document(Method::PUT, id).write(options).when(precondition).json(body).send().await
    }

    /// Deletes a document, as one revision.
    ///
    /// # Errors
    /// [`ClientError::Conflict`] when the precondition is not met.
    pub async fn delete_document(
        &self,
        id: &DocumentId,
        precondition: Precondition,
        options: &WriteOptions,
    ) -> Result<Answer<WriteAnswer>, ClientError> {
        self.of_document(Method::DELETE, id).write(options).when(precondition).send().await
    }

    /// Changes a document that exists, whatever other writers do meanwhile: reads it, has `change` compute the new
    /// body, and writes it if no other writer was first; else again, at most eight times.
    ///
    /// # Errors
    /// [`ClientError::Conflict`] when other writers were first each time.
    pub async fn update_document(
        &self,
        id: &DocumentId,
        options: &WriteOptions,
        mut change: impl FnMut(Value) -> Value,
    ) -> Result<Answer<WriteAnswer>, ClientError> {
        let mut tries = 1;
        loop {
            let current = self.document(id).await?;
            let body = serde_json::from_str(current.body.get())
                .map_err(|error| self.not_understood(format!("{id} has an invalid body: {error}")))?;
            let precondition = current.version.map_or(Precondition::Present, Precondition::Version);
            match self.put_document(id, &change(body), precondition, options).await {
                Err(ClientError::Conflict(_)) if tries < UPDATE_TRIES_MAX => tries += 1,
                done => return done,
            }
        }
    }

    fn of_document(&self, method: Method, id: &DocumentId) -> ApiRequest<'_> {
        self.request(method, &["api", "v1", "documents", id.kind.as_str(), id.name.as_str()])
    }
}
