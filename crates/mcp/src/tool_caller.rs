//! How a tool is called: what the server implements.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use midflight_core::RevisionNumber;
use midflight_engine::{Interrupted, Work};
use midflight_tools::Tool;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::McpCaller;

/// Calls tools. Its answer is for a model: a failure has what to do about it.
///
/// The common mistake is to answer a failure of the tool as a panic or to wait without a bound: a call that takes
/// longer than `call_ms_max` is dropped where it waits, and its result is lost.
#[async_trait]
pub trait ToolCaller: Send + Sync + 'static {
    /// The tools of the server itself, beside those of the catalogue. Called once; a name that two have is the first
    /// one's.
    fn own_tools(&self) -> Vec<OwnTool> {
        Vec::new()
    }

    /// Calls a tool. The arguments fit its input schema. Dropping the future is a cancellation.
    async fn call(&self, call: ToolCall) -> ToolOutcome;

    /// Runs a computation for a caller: a search, a selection, a validation of values. By default it runs on a thread for
    /// blocking work, without a bound on its time. A server that bounds what a caller may compute runs it in that bound,
    /// and a brief one at once.
    ///
    /// # Errors
    /// The failure that a model gets where the computation did not end.
    async fn compute(&self, _: &McpCaller, computation: Computation) -> Result<(), ToolFailure> {
        let run = tokio::task::spawn_blocking(move || computation.run(&Work::unbounded()));
        match run.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(interrupted)) => Err(ToolFailure::new("too_expensive", interrupted.to_string())),
            Err(_) => Err(ToolFailure::new("internal", "the computation failed with an internal error")),
        }
    }
}

/// A computation for a caller. It may be run again when it was interrupted, and has its result when it was not.
pub struct Computation {
    is_brief: bool,
    run: ComputationRun,
}

type ComputationRun = Box<dyn Fn(&Work) -> Result<(), Interrupted> + Send>;

impl Computation {
    pub(crate) fn new(
        is_brief: bool,
        run: impl Fn(&Work) -> Result<(), Interrupted> + Send + 'static,
    ) -> Self {
        Self { is_brief, run: Box::new(run) }
    }

    /// Whether it nearly always ends within some ms, so that it may be tried on an async thread, within a budget.
    #[must_use]
    pub fn is_brief(&self) -> bool {
        self.is_brief
    }

    /// Runs it within a budget.
    ///
    /// # Errors
    /// When `work` is interrupted, which is asked in every loop.
    pub fn run(&self, work: &Work) -> Result<(), Interrupted> {
        (self.run)(work)
    }
}

impl fmt::Debug for Computation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Computation").field("is_brief", &self.is_brief).finish_non_exhaustive()
    }
}

/// A tool of the server itself, as `execute_rules`: always offered, whatever the catalogue has.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct OwnTool {
    /// Its name, `^[A-Za-z0-9_-]{1,64}$`.
    pub name: Arc<str>,
    /// What it does, for a model.
    pub description: String,
    /// The JSON Schema of its arguments, an object.
    pub input_schema: Map<String, Value>,
    /// The JSON Schema of its structured result, if it has one.
    pub output_schema: Option<Map<String, Value>>,
    /// Whether it changes nothing.
    pub is_read_only: bool,
}

impl OwnTool {
    /// A tool that changes nothing, without a schema of its result. A schema that is no object takes any object.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, description: impl Into<String>, input_schema: Value) -> Self {
        let input_schema = match input_schema {
            Value::Object(schema) => schema,
            _ => Map::from_iter([("type".to_owned(), json!("object"))]),
        };
        Self {
            name: name.into(),
            description: description.into(),
            input_schema,
            output_schema: None,
            is_read_only: true,
        }
    }
}

/// Which tool is called.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ToolTarget {
    /// One of the catalogue, by its document.
    Catalogue(Arc<Tool>),
    /// One of [`ToolCaller::own_tools`].
    Own(Arc<OwnTool>),
}

impl ToolTarget {
    /// The name by which agents know it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Catalogue(tool) => tool.mcp_name(),
            Self::Own(tool) => &tool.name,
        }
    }
}

/// A call of a tool.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ToolCall {
    /// Which tool.
    pub target: ToolTarget,
    /// Its arguments.
    pub arguments: Map<String, Value>,
    /// Who calls.
    pub caller: McpCaller,
    /// The revision of the catalogue that the call began with.
    pub revision: RevisionNumber,
    /// What was answered to questions of this call so far, by their keys. Only accepted answers; the content is what a
    /// client sent, so check it.
    pub answers: BTreeMap<String, UserAnswer>,
}

/// What a user answered to a question and accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct UserAnswer {
    /// The fields of the form.
    pub content: Map<String, Value>,
}

/// The result of a call.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ToolOutcome {
    /// The tool answered.
    Done(ToolOutput),
    /// It failed in a way that a model can act on.
    Failed(ToolFailure),
    /// A person has to agree or to choose first. The tool is called again with the answer.
    Asks(UserQuestion),
}

impl ToolOutcome {
    /// A text as the answer.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self::Done(ToolOutput::text(text))
    }

    /// A value as the answer.
    #[must_use]
    pub fn structured(value: Value) -> Self {
        Self::Done(ToolOutput::structured(value))
    }

    /// A failure with its code and what to do about it.
    #[must_use]
    pub fn failed(code: &'static str, message: impl Into<String>) -> Self {
        Self::Failed(ToolFailure::new(code, message))
    }
}

/// The answer of a tool.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ToolOutput {
    /// The answer as text.
    pub text: String,
    /// The answer as a value.
    pub structured: Option<Value>,
    /// The revision that the answer was computed from, where it is another than the one that the call began with.
    pub revision: Option<RevisionNumber>,
    /// The revisions that are left out of that one on this replica, ascending.
    pub quarantined: Vec<RevisionNumber>,
}

impl ToolOutput {
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), structured: None, revision: None, quarantined: Vec::new() }
    }

    /// A value, and the same as text for clients that read no values.
    #[must_use]
    pub fn structured(value: Value) -> Self {
        let text = value.to_string();
        Self { structured: Some(value), ..Self::text(text) }
    }

    /// The same answer, computed from another revision, out of which `quarantined` is left on this replica.
    #[must_use]
    pub fn of_revision(mut self, revision: RevisionNumber, quarantined: Vec<RevisionNumber>) -> Self {
        self.revision = Some(revision);
        self.quarantined = quarantined;
        self
    }
}

/// A failure that a model can act on.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ToolFailure {
    /// A stable word for it.
    pub code: &'static str,
    /// What happened, and what to do about it.
    pub message: String,
    /// Details as a value.
    pub structured: Option<Value>,
}

impl ToolFailure {
    /// A failure without details.
    #[must_use]
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), structured: None }
    }

    /// The same failure with details.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.structured = Some(details);
        self
    }
}

/// A question to the user of a client: a form, where the client can show one; else a tool error with the text
/// `otherwise`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct UserQuestion {
    /// Distinguishes the questions of one call; the answer has this key.
    pub key: String,
    /// What is asked.
    pub message: String,
    /// The form, a JSON Schema of an object of texts, numbers, booleans and choices, as MCP limits it. Without
    /// properties, the question is to be accepted or declined.
    pub schema: Value,
    /// What a model gets when no user can be asked: the alternatives.
    pub otherwise: String,
}

impl UserQuestion {
    /// Asks whether to continue. The answer comes under `approval`.
    #[must_use]
    pub fn approval(message: impl Into<String>, otherwise: impl Into<String>) -> Self {
        Self {
            key: "approval".to_owned(),
            message: message.into(),
            schema: json!({"type": "object", "properties": {}}),
            otherwise: otherwise.into(),
        }
    }

    /// Asks which one of several. The answer comes under `key`, as its member `choice`; check that it is one of them.
    #[must_use]
    pub fn choice(
        key: impl Into<String>,
        message: impl Into<String>,
        options: &[String],
        otherwise: impl Into<String>,
    ) -> Self {
        Self {
            key: key.into(),
            message: message.into(),
            schema: json!({
                "type": "object",
                "properties": {"choice": {"type": "string", "enum": options}},
                "required": ["choice"],
            }),
            otherwise: otherwise.into(),
        }
    }
}
