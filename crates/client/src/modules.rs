//! Modules: listed, called, reloaded and rolled back; their components and states.

use bytes::Bytes;
use midflight_wire::modules::{
    BlobAnswer, CallAnswer, CallBody, ModuleAnswer, ModuleItem, ModuleReloadAnswer, ModuleReloadBody,
    ModuleReloadItem, ModuleRollbackBody,
};
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};

use crate::answer::Answer;
use crate::client::Client;
use crate::download::Download;
use crate::error::ClientError;
use crate::request::ApiRequest;

const STATE_SCHEMA: HeaderName = HeaderName::from_static("midflight-state-schema");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

impl Client {
    fn module_request(&self, method: Method, segments: &[&str]) -> ApiRequest<'_> {
        self.request(method, &[&["api", "v1", "modules"], segments].concat())
    }

    /// The modules, with what answers.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn modules(&self) -> Result<Vec<Answer<ModuleItem>>, ClientError> {
        self.list(usize::MAX, || self.module_request(Method::GET, &[])).await
    }

    /// A module with its manifest, its limits and its last reload.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when it is not there.
    pub async fn module(&self, name: &str) -> Result<Answer<ModuleAnswer>, ClientError> {
        self.module_request(Method::GET, &[name]).send().await
    }

    /// Calls an operation of a module. It is sent once: an operation may change the state.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn call_module(&self, name: &str, body: &CallBody) -> Result<Answer<CallAnswer>, ClientError> {
        self.module_request(Method::POST, &[name, "call"]).json(body).send().await
    }

    /// Reloads a module on this server, from its live manifest.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn reload_module(
        &self,
        name: &str,
        body: &ModuleReloadBody,
    ) -> Result<Answer<ModuleReloadAnswer>, ClientError> {
        self.module_request(Method::POST, &[name, "reload"]).json(body).send().await
    }

    /// Goes back to the version before, exactly, or to a generation as it ended.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn roll_back_module(
        &self,
        name: &str,
        body: &ModuleRollbackBody,
    ) -> Result<Answer<ModuleReloadAnswer>, ClientError> {
        self.module_request(Method::POST, &[name, "rollback"]).json(body).send().await
    }

    /// The reloads of a module on this server, newest first; at most `max`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn module_reloads(
        &self,
        name: &str,
        max: usize,
    ) -> Result<Vec<Answer<ModuleReloadItem>>, ClientError> {
        self.list(max, || self.module_request(Method::GET, &[name, "reloads"])).await
    }

    /// The state of a module, as it saves it between two messages. Its schema is in the headers of the answer.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn export_module_state(&self, name: &str) -> Result<Download, ClientError> {
        self.module_request(Method::GET, &[name, "state"]).open().await
    }

    /// Loads a state into the live version; this undoes what was acknowledged in its generation.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn import_module_state(
        &self,
        name: &str,
        schema: u32,
        state: Bytes,
        reason: &str,
    ) -> Result<Answer<ModuleReloadAnswer>, ClientError> {
        self.module_request(Method::PUT, &[name, "state"])
            .query("reason", Some(reason))
            .header(STATE_SCHEMA, &schema.to_string())
            .bytes(BYTES, state)
            .send()
            .await
    }

    /// The bytes of a component.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when the store does not have them.
    pub async fn blob(&self, digest: &str) -> Result<Bytes, ClientError> {
        self.request(Method::GET, &["api", "v1", "blobs", digest]).open().await?.all().await
    }

    /// Puts the bytes of a component into the store.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn put_blob(&self, digest: &str, bytes: Bytes) -> Result<Answer<BlobAnswer>, ClientError> {
        // The same bytes under their digest, however often.
        self.request(Method::PUT, &["api", "v1", "blobs", digest]).bytes(BYTES, bytes).safe().send().await
    }
}
