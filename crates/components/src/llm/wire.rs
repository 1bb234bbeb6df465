//! What is asked and answered: in the program, and on the wire of the OpenAI API (`POST /chat/completions`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is asked of an [`Llm`](crate::Llm). Which model answers is a setting.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ChatRequest {
    /// The messages so far, oldest first.
    pub messages: Vec<ChatMessage>,
    /// How freely it answers, 0 to 2; the server's own when there is none.
    pub temperature: Option<f32>,
    /// How many tokens the answer may have; the server's own bound when there is none.
    pub tokens_max: Option<u32>,
    /// What its answer must be; any text when there is none.
    pub schema: Option<ChatSchema>,
}

/// That an answer must be JSON of a schema, which the server sees to (`response_format`, strict). The content of the
/// answer is still a text, and one that ended by `length` is truncated: the reader validates it.
#[derive(Debug, Clone, PartialEq)]
pub struct ChatSchema {
    /// Its name: 1 to 64 letters, digits, `_` and `-`.
    pub name: String,
    /// The JSON Schema. Servers take a part of it only, as objects that require all their properties and take no
    /// others.
    pub schema: Value,
}

impl ChatRequest {
    /// One question of a user.
    pub fn ask(content: impl Into<String>) -> Self {
        let message = ChatMessage { role: "user".to_owned(), content: content.into() };
        Self { messages: vec![message], ..Self::default() }
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChatMessage {
    /// Its role: `system`, `user` or `assistant`.
    pub role: String,
    /// What.
    pub content: String,
}

/// What it answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatAnswer {
    /// The answer.
    pub content: String,
    /// The model that was asked.
    pub model: String,
    /// Why it ended, in the server's word: `stop`, `length`.
    pub finish_reason: Option<String>,
    /// How many tokens the question had, if the server reports it.
    pub tokens_asked: Option<u64>,
    /// How many the answer had.
    pub tokens_answered: Option<u64>,
    /// How often it was sent.
    pub tries: u32,
}

#[derive(Serialize)]
pub(super) struct CompletionBody<'a> {
    model: &'a str,
    messages: &'a [ChatMessage],
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<ResponseFormat<'a>>,
}

#[derive(Serialize)]
struct ResponseFormat<'a> {
    r#type: &'static str,
    json_schema: ResponseSchema<'a>,
}

#[derive(Serialize)]
struct ResponseSchema<'a> {
    name: &'a str,
    strict: bool,
    schema: &'a Value,
}

impl<'a> ResponseFormat<'a> {
    fn new(ChatSchema { name, schema }: &'a ChatSchema) -> Self {
        Self { r#type: "json_schema", json_schema: ResponseSchema { name, strict: true, schema } }
    }
}

impl<'a> CompletionBody<'a> {
    pub(super) fn new(request: &'a ChatRequest, model: &'a str) -> Self {
        let ChatRequest { messages, temperature, tokens_max, schema } = request;
        let response_format = schema.as_ref().map(ResponseFormat::new);
        Self { model, messages, temperature: *temperature, max_tokens: *tokens_max, response_format }
    }
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
    usage: Option<TokenUsage>,
}

#[derive(Deserialize)]
struct Choice {
    message: CompletionMessage,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct CompletionMessage {
    content: Option<String>,
}

#[derive(Deserialize)]
struct TokenUsage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

/// Reads the first answer of a body; none when it has none that can be read.
pub(super) fn answer(body: &[u8], model: &str, tries: u32) -> Option<ChatAnswer> {
    let completion: Completion = serde_json::from_slice(body).ok()?;
    let choice = completion.choices.into_iter().next()?;
    let usage = completion.usage.unwrap_or(TokenUsage { prompt_tokens: None, completion_tokens: None });
    Some(ChatAnswer {
        content: choice.message.content.unwrap_or_default(),
        model: model.to_owned(),
        finish_reason: choice.finish_reason,
        tokens_asked: usage.prompt_tokens,
        tokens_answered: usage.completion_tokens,
        tries,
    })
}
