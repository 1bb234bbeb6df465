//! Asks an LLM what a query is.

use std::sync::Arc;

use midflight_components::{ChatMessage, ChatRequest, ChatSchema, Llm};
use midflight_patterns::{Action, Prompt};

/// What an LLM makes of a query; or why it says nothing.
pub(crate) type Opinion = Result<Opined, Arc<str>>;

/// What an LLM says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Opined {
    pub(crate) category: Arc<str>,
    pub(crate) confidence: f64,
    pub(crate) action: Action,
    pub(crate) direct_response: Option<Arc<str>>,
    pub(crate) model: Arc<str>,
}

/// Asks. Nothing of the query can come back but a category of the prompt.
pub(crate) async fn ask(llm: &Llm, prompt: &Prompt, query: &str) -> Opinion {
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
    let chat = llm.chat(&request).await.map_err(|error| Arc::<str>::from(error.to_string()))?;
    let reply = prompt.read(&chat.content).map_err(|error| Arc::<str>::from(error.to_string()))?;
    Ok(Opined {
        category: reply.name.into(),
        confidence: reply.confidence,
        action: reply.category.action,
        direct_response: reply.category.direct_response.as_deref().map(Into::into),
        model: chat.model.into(),
    })
}
