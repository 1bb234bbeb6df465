//! The state of a server and of its replicas; reloads.

use midflight_wire::directories::{ConfirmLossBody, DirectoryAnswer};
use midflight_wire::health::ReadyAnswer;
use midflight_wire::reload::{ReloadRequest, ReloadedAnswer};
use midflight_wire::replicas::ReplicaAnswer;
use midflight_wire::status::StatusAnswer;
use reqwest::Method;

use crate::answer::Answer;
use crate::client::Client;
use crate::error::ClientError;

impl Client {
    /// The desired, the served and the last refused revision, and what each kind serves.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn status(&self) -> Result<Answer<StatusAnswer>, ClientError> {
        self.request(Method::GET, &["api", "v1", "status"]).send().await
    }

    /// Whether requests should be sent to the server.
    ///
    /// # Errors
    /// [`ClientError::Unavailable`] when they should not.
    pub async fn ready(&self) -> Result<Answer<ReadyAnswer>, ClientError> {
        self.request(Method::GET, &["health", "ready"]).send().await
    }

    /// The replicas that follow the log.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn replicas(&self) -> Result<Vec<Answer<ReplicaAnswer>>, ClientError> {
        self.list(usize::MAX, || self.request(Method::GET, &["api", "v1", "replicas"])).await
    }

    /// Reads the sources and the log again, and applies what changed.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn reload(&self, request: &ReloadRequest) -> Result<Answer<ReloadedAnswer>, ClientError> {
        self.request(Method::POST, &["api", "v1", "reload"]).json(request).send().await
    }

    /// Applies a watched directory of the server to the log, once: deletes the documents that it no longer has, and
    /// replaces newer versions.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn confirm_loss(&self, body: &ConfirmLossBody) -> Result<Answer<DirectoryAnswer>, ClientError> {
        self.request(Method::POST, &["api", "v1", "directories", "confirm-loss"]).json(body).send().await
    }
}
