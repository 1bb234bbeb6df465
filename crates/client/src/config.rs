//! Configs: what is in effect, what changed, a change, the way back.

use midflight_core::RevisionNumber;
use midflight_wire::config::{ConfigDiff, ConfigItem, EffectiveAnswer, MaskedAnswer, RollbackRequest};
use midflight_wire::edits::WriteAnswer;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::answer::Answer;
use crate::client::Client;
use crate::error::ClientError;
use crate::options::WriteOptions;
use crate::request::ApiRequest;

impl Client {
    fn config_request(&self, method: Method, name: &str) -> ApiRequest<'_> {
        self.request(method, &["api", "v1", "config"]).segment(name)
    }

    /// The configs that are served.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn configs(&self) -> Result<Vec<Answer<ConfigItem>>, ClientError> {
        self.list(usize::MAX, || self.request(Method::GET, &["api", "v1", "config"])).await
    }

    /// The config in effect, value by value, with the source of each. Secrets are not shown.
    ///
    /// # Errors
    /// [`ClientError::is_not_found`] when it is not there.
    pub async fn effective_config(&self, name: &str) -> Result<Answer<EffectiveAnswer>, ClientError> {
        self.config_request(Method::GET, name).segment("effective").send().await
    }

    /// Changes some keys: a JSON Merge Patch (RFC 7396).
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn patch_config(
        &self,
        name: &str,
        patch: &Value,
        options: &WriteOptions,
    ) -> Result<Answer<WriteAnswer>, ClientError> {
        self.config_request(Method::PATCH, name).write(options).json(patch).send().await
    }

    /// What changed, key by key; by default in the newest revision that changed it.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn config_diff(
        &self,
        name: &str,
        revision: Option<RevisionNumber>,
        against: Option<RevisionNumber>,
    ) -> Result<Answer<ConfigDiff>, ClientError> {
        let request = self.config_request(Method::GET, name).segment("diff");
        request.query("revision", revision).query("against", against).send().await
    }

    /// Rolls a config back to its content at a revision, as a new revision.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn roll_back_config(
        &self,
        name: &str,
        body: &RollbackRequest,
        options: &WriteOptions,
    ) -> Result<Answer<WriteAnswer>, ClientError> {
        self.config_request(Method::POST, name).segment("rollback").write(options).json(body).send().await
    }
}

/// What a reload of the server's own config came to.
#[derive(Debug, Clone, Deserialize)]
pub struct OwnConfigReport {
    /// `success`, `unchanged`, or in which way it failed.
    pub status: String,
    /// The digest of the desired config.
    pub hash: Option<String>,
    /// The digest of the config in effect.
    pub served_hash: Option<String>,
    /// The revision of the log.
    pub revision: u64,
    /// Why it was read.
    pub trigger: String,
    /// Who caused that.
    pub triggered_by: String,
    /// When.
    pub at: String,
    /// How long it took.
    pub took_ms: f64,
    /// The values that another source overrides.
    pub masked: Vec<MaskedAnswer>,
    /// The values that are in effect after the next start.
    pub restart_required: Vec<String>,
    /// What is wrong.
    pub problems: Vec<OwnConfigProblem>,
}

/// Something wrong with the server's own config.
#[derive(Debug, Clone, Deserialize)]
pub struct OwnConfigProblem {
    /// The file, or where else the value comes from.
    pub file: String,
    /// The line, from 1.
    pub line: Option<u64>,
    /// The column, from 1.
    pub column: Option<u64>,
    /// The place in the config, as a JSON Pointer.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl Client {
    /// Has the server read its own config again. A report of a failure is an answer too.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn reload_own_config(&self) -> Result<Answer<OwnConfigReport>, ClientError> {
        self.request(Method::POST, &["-", "reload"]).send_report().await
    }

    /// The last report on the server's own config. A report of a failure is an answer too.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn own_config(&self) -> Result<Answer<OwnConfigReport>, ClientError> {
        self.request(Method::GET, &["health", "reload"]).send_report().await
    }
}
