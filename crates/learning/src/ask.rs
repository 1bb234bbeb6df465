//! Asks an LLM what a query is.

use std::sync::Arc;

use midflight_components::{ChatMessage, ChatRequest, ChatSchema, Llm, LlmError};
use midflight_patterns::Prompt;

/// The classification of a query by an LLM; or that there is none.
pub(crate) type LlmResult = Result<LlmVerdict, NoAnswer>;

/// The answer of an LLM.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LlmVerdict {
    pub(crate) category: Arc<str>,
    pub(crate) confidence: f64,
    pub(crate) model: Arc<str>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoAnswer {
    pub(crate) why: Arc<str>,
    /// Whether an LLM was asked all the same.
    pub(crate) was_asked: bool,
}

impl NoAnswer {
    /// An LLM was asked, and its answer does not help.
    pub(crate) fn asked(why: impl ToString) -> Self {
        Self { why: why.to_string().into(), was_asked: true }
    }
}

/// Asks. Nothing of the query can come back but a category of the prompt.
pub(crate) async fn ask(llm: &Llm, prompt: &Prompt, query: &str) -> LlmResult {
    let message = |role: &str, content: String| ChatMessage { role: role.to_owned(), content };
    #[expect(clippy::cast_possible_truncation, reason = "a temperature needs no more digits")]
    let temperature = prompt.temperature as f32;
    let request = ChatRequest {
        messages: vec![message("system", prompt.system()), message("user", prompt.user(query))],
        temperature: Some(temperature),
        tokens_max: Some(prompt.tokens_max),
        schema: prompt
            .structured
            .then(|| ChatSchema { name: "classification".to_owned(), schema: prompt.reply_schema() }),
    };
    let chat = llm
        .chat(&request)
        .await
        .map_err(|error| NoAnswer { why: error.to_string().into(), was_asked: was_sent(&error) })?;
    let reply = prompt.read(&chat.content).map_err(NoAnswer::asked)?;
    Ok(LlmVerdict { category: reply.name.into(), confidence: reply.confidence, model: chat.model.into() })
}

fn was_sent(error: &LlmError) -> bool {
    let stayed_here =
        matches!(error, LlmError::NotConfigured | LlmError::Resting { .. } | LlmError::Late { tries: 0, .. });
    !stayed_here
}
