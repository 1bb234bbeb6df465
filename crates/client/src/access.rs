//! API tokens, who a request comes from, and the audit.

use midflight_wire::audit::AuditItem;
use midflight_wire::tokens::{CreatedToken, RotateBody, TokenAnswer, TokenBody, Whoami};
use reqwest::Method;

use crate::answer::Answer;
use crate::client::Client;
use crate::download::Download;
use crate::error::ClientError;
use crate::request::ApiRequest;

const TOKENS: [&str; 3] = ["api", "v1", "tokens"];

/// Which entries of the audit. An empty text selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Only of who has this name.
    pub actor: String,
    /// Only of this method and route, as `PUT /api/v1/documents/{kind}/{name}`.
    pub action: String,
    /// Only those that ended so: `success`, `refused` or `failed`.
    pub outcome: String,
    /// Only from this time on, as `2026-01-31T03:00:00Z`.
    pub since: String,
    /// Only from before this time.
    pub until: String,
}

impl AuditFilter {
    fn of<'c>(&self, request: ApiRequest<'c>) -> ApiRequest<'c> {
        let Self { actor, action, outcome, since, until } = self;
        let given =
            [("actor", actor), ("action", action), ("outcome", outcome), ("since", since), ("until", until)];
        given.into_iter().fold(request, |request, (name, value)| {
            request.query(name, Some(value).filter(|value| !value.is_empty()))
        })
    }
}

impl Client {
    /// Who the requests of this client come from, and what they may do.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn whoami(&self) -> Result<Answer<Whoami>, ClientError> {
        self.request(Method::GET, &["api", "v1", "whoami"]).send().await
    }

    /// The API tokens, without the tokens themselves.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn tokens(&self) -> Result<Vec<Answer<TokenAnswer>>, ClientError> {
        self.list(usize::MAX, || self.request(Method::GET, &TOKENS)).await
    }

    /// Makes a token. The answer is the only place that has it.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when there is one of the name (`token_exists`).
    pub async fn create_token(&self, token: &TokenBody) -> Result<Answer<CreatedToken>, ClientError> {
        self.request(Method::POST, &TOKENS).json(token).send().await
    }

    /// Makes a token again under its name; the one of before stays valid for a while.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn rotate_token(
        &self,
        name: &str,
        overlap: &RotateBody,
    ) -> Result<Answer<CreatedToken>, ClientError> {
        self.request(Method::POST, &TOKENS).segment(name).segment("rotate").json(overlap).send().await
    }

    /// Refuses a token from now on, on every replica.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn revoke_token(&self, name: &str) -> Result<(), ClientError> {
        self.request(Method::DELETE, &TOKENS).segment(name).send_only().await
    }

    /// What was done and refused, newest first; at most `max`.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        max: usize,
    ) -> Result<Vec<Answer<AuditItem>>, ClientError> {
        self.list(max, || filter.of(self.request(Method::GET, &["api", "v1", "audit"]))).await
    }

    /// The same as JSON lines.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn audit_export(&self, filter: &AuditFilter) -> Result<Download, ClientError> {
        filter.of(self.request(Method::GET, &["api", "v1", "audit", "export"])).open().await
    }
}
