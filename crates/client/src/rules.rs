//! Rules: rulesets listed, inputs executed.

use midflight_wire::rules::{ExecuteBody, ExecutionAnswer, RulesetInfoAnswer};
use reqwest::Method;

use crate::answer::Answer;
use crate::client::Client;
use crate::error::ClientError;

impl Client {
    /// Executes a ruleset on an input.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when the ruleset is unknown or the input cannot be executed.
    pub async fn execute(&self, body: &ExecuteBody) -> Result<Answer<ExecutionAnswer<'static>>, ClientError> {
        self.request(Method::POST, &["api", "v1", "rules", "execute"]).json(body).safe().send().await
    }

    /// The rulesets.
    ///
    /// # Errors
    /// See [`ClientError`].
    pub async fn rulesets(&self) -> Result<Vec<Answer<RulesetInfoAnswer>>, ClientError> {
        self.list(usize::MAX, || self.request(Method::GET, &["api", "v1", "rulesets"])).await
    }
}
