//! Edits of several documents, whole files, and the way back.

use bytes::Bytes;
use midflight_core::{KindName, RevisionNumber};
use midflight_wire::edits::{ApplyRequest, ValidateRequest, ValidatedAnswer, WriteAnswer};
use midflight_wire::log::RestoreRequest;
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};

use crate::answer::Answer;
use crate::client::Client;
use crate::download::Download;
use crate::error::ClientError;
use crate::options::WriteOptions;

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// What an import does with invalid documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InvalidDocuments {
    /// Nothing is changed when there are any.
    #[default]
    Refuse,
    /// They are left out and reported (`skipped`).
    Skip,
}

impl Client {
    /// Makes several changes as one revision, or none.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with all that is wrong, each with its document and place.
    pub async fn apply(
        &self,
        request: &ApplyRequest,
        options: &WriteOptions,
    ) -> Result<Answer<WriteAnswer>, ClientError> {
        self.request(Method::POST, &["api", "v1", "apply"]).write(options).json(request).send().await
    }

    /// Puts the documents of a text, as one revision: a JSON list of `{kind, name, body}`.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with all that is wrong, each with its document and place.
    pub async fn import(
        &self,
        documents: Bytes,
        invalid: InvalidDocuments,
        options: &WriteOptions,
    ) -> Result<Answer<WriteAnswer>, ClientError> {
        let request = self.request(Method::POST, &["api", "v1", "import"]).write(options);
        let request = match invalid {
            InvalidDocuments::Refuse => request,
            InvalidDocuments::Skip => request.header(PREFER, "handling=lenient"),
        };
        request.bytes(HeaderValue::from_static("application/json"), documents).send().await
    }

    /// All documents but schedules as YAML, or those of a kind, of one revision.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn export(&self, kind: Option<&KindName>) -> Result<Download, ClientError> {
        self.request(Method::GET, &["api", "v1", "export"]).query("kind", kind).open().await
    }

    /// Validates changes, or the whole log, and reports what is wrong. Nothing is changed.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn validate(&self, request: &ValidateRequest) -> Result<Answer<ValidatedAnswer>, ClientError> {
        self.request(Method::POST, &["api", "v1", "validate"]).json(request).safe().send().await
    }

    /// Restores an earlier state, or the part of it that the request names, as a new revision.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when that state is not valid any more, or is not kept.
    pub async fn restore(
        &self,
        revision: RevisionNumber,
        request: &RestoreRequest,
        options: &WriteOptions,
    ) -> Result<Answer<WriteAnswer>, ClientError> {
        let number = revision.to_string();
        let path = ["api", "v1", "revisions", number.as_str(), "restore"];
        self.request(Method::POST, &path).write(options).json(request).send().await
    }
}
