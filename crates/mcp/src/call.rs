//! `tools/call`: finds the tool, compares its arguments with its schema, has it called, and asks where someone has to
//! agree.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use midflight_core::{Digest, RevisionNumber, clip, hint};
use midflight_engine::{Interrupted, Work};
use midflight_tools::Tool;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorCode, JsonObject, MetaObject,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer};
use serde_json::{Map, Value, json};
use tokio::time::timeout;

use crate::arguments::SchemaSide;
use crate::ask::{self, AskingWay, CallProgress, UserAction};
use crate::compute::computed;
use crate::meta_tools::{self, CALL_TOOL, DESCRIBE_TOOL, SEARCH_TOOLS, SELECT_TOOL};
use crate::meter::{CallClass, McpCounts};
use crate::shared::{McpShared, no_room, past_error, revision_meta};
use crate::views::CatalogueView;
use crate::{
    CODE_KEY, McpCaller, REVISION_KEY, ToolCall, ToolFailure, ToolOutcome, ToolOutput, ToolTarget, UserAnswer,
};

/// With so many tools or patterns a search or a selection is nearly always brief.
const BRIEF_ITEMS_MAX: usize = 1_000;

/// A call under way.
struct Calling<'a> {
    shared: &'a McpShared,
    caller: &'a McpCaller,
    /// The catalogue that it began with.
    view: CatalogueView,
    /// The revision of the catalogue that the client works from, if it names an older one.
    known: Option<RevisionNumber>,
}

/// Answers a call, and counts how it ended.
pub(crate) async fn call(
    shared: &McpShared,
    caller: &McpCaller,
    request: CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let answer = answer(shared, caller, request, context).await;
    // The errors of the protocol have no code of their own: the tool is not there, or the catalogue is not.
    if let Err(error) = &answer {
        let is_unknown = error.code == ErrorCode::INVALID_PARAMS;
        shared.counts.call(if is_unknown { CallClass::UnknownTool } else { CallClass::Failed });
    }
    answer
}

async fn answer(
    shared: &McpShared,
    caller: &McpCaller,
    request: CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let name = request.name.into_owned();
    let arguments = request.arguments.unwrap_or_default();
    let mut progress = match &request.request_state {
        None => CallProgress::default(),
        Some(sealed) => {
            let resumed = ask::resume(shared, caller, (&name, &arguments), sealed, request.input_responses)?;
            match resumed {
                Ok(progress) => progress,
                Err(failure) => {
                    let view = shared.views.of(caller).await.map_err(|error| past_error(&error))?;
                    return Ok(failed(&shared.counts, &failure, &view).into());
                }
            }
        }
    };
    let view = match progress.revision {
        Some(revision) => shared.views.at(revision, caller).await,
        None => shared.views.of(caller).await,
    };
    let view = view.map_err(|error| past_error(&error))?;
    progress.revision = Some(view.revision());
    let known = known_revision(&view, context);
    let calling = Calling { shared, caller, view, known };
    let way = AskingWay::of(context);
    loop {
        let view = &calling.view;
        let ask = match calling.run(&name, &arguments, &progress.answers).await? {
            ToolOutcome::Done(output) => return Ok(done(&shared.counts, output, view).into()),
            ToolOutcome::Failed(failure) => return Ok(failed(&shared.counts, &failure, view).into()),
            ToolOutcome::Asks(ask) => ask,
        };
        if progress.asked >= shared.options.asks_per_call_max {
            let max = shared.options.asks_per_call_max;
            let message = format!("the call asked {max} questions, which is the maximum: {}", ask.otherwise);
            let failure = ToolFailure::new("too_many_questions", message);
            return Ok(failed(&shared.counts, &failure, view).into());
        }
        match way {
            AskingWay::None => {
                let failure = ToolFailure::new("needs_user", ask.otherwise);
                return Ok(failed(&shared.counts, &failure, view).into());
            }
            AskingWay::ByResult => {
                let meta = revision_meta(view, None);
                let asks = ask::by_result(shared, caller, (&name, &arguments), &ask, progress, meta)?;
                shared.counts.call(CallClass::NeedsUser);
                return Ok(asks.into());
            }
            AskingWay::ByRequest => match ask::by_request(shared, &context.peer, &ask).await? {
                UserAction::Accepted(answer) => {
                    progress.answers.insert(ask.key, answer);
                    progress.asked += 1;
                }
                UserAction::Not(failure) => return Ok(failed(&shared.counts, &failure, view).into()),
            },
        }
    }
}

/// The revision that the client works from, if it names one that is older than what it is answered from.
fn known_revision(view: &CatalogueView, context: &RequestContext<RoleServer>) -> Option<RevisionNumber> {
    let revision = context.meta.get(REVISION_KEY).and_then(Value::as_u64).map(RevisionNumber::new)?;
    (revision < view.revision()).then_some(revision)
}

impl Calling<'_> {
    async fn run(
        &self,
        name: &str,
        arguments: &JsonObject,
        answers: &BTreeMap<String, UserAnswer>,
    ) -> Result<ToolOutcome, ErrorData> {
        let _permit = match self.shared.calls.acquire(&self.caller.name) {
            Ok(permit) => permit,
            Err(refused) => {
                let (message, details) = no_room("calls in flight", refused);
                return Ok(ToolOutcome::Failed(ToolFailure::new("busy", message).with_details(details)));
            }
        };
        let Some(schema) = meta_tools::input_schema(name) else {
            return match self.target(name).await {
                Ok(target) => Ok(self.call_target(target, arguments.clone(), answers).await),
                Err(MissingTool::Gone(failure)) => Ok(ToolOutcome::Failed(failure)),
                Err(MissingTool::Unknown(message)) => Err(ErrorData::invalid_params(message, None)),
            };
        };
        let digest = Digest::of_bytes(name.as_bytes());
        let arguments = match self.fitting(name, digest, &Arc::new(schema), arguments.clone(), None).await {
            Ok(arguments) => arguments,
            Err(failure) => return Ok(ToolOutcome::Failed(failure)),
        };
        let text = |key: &str| arguments.get(key).and_then(Value::as_str).unwrap_or_default();
        Ok(match name {
            SEARCH_TOOLS => {
                let (view, is_brief) = (self.view.clone(), self.view.tool_count() <= BRIEF_ITEMS_MAX);
                self.computed(is_brief, move |work| meta_tools::search(&view, &arguments, work)).await
            }
            SELECT_TOOL => match meta_tools::read_request(self.caller, arguments) {
                Ok(request) => {
                    let (view, is_brief) = (self.view.clone(), self.view.pattern_count() <= BRIEF_ITEMS_MAX);
                    let answers = answers.clone();
                    self.computed(is_brief, move |work| meta_tools::select(&view, &request, &answers, work))
                        .await
                }
                Err(problems) => ToolOutcome::failed("invalid_arguments", problems.to_string()),
            },
            DESCRIBE_TOOL => match self.target(text("name")).await {
                Ok(ToolTarget::Catalogue(tool)) => meta_tools::describe(&tool),
                Ok(ToolTarget::Own(tool)) => {
                    let defined = json!(crate::definition::of_own(&tool));
                    ToolOutcome::structured(json!({"tool": defined}))
                }
                Err(missing) => ToolOutcome::Failed(missing.into_failure()),
            },
            CALL_TOOL => {
                let inner = match arguments.get("arguments") {
                    Some(Value::Object(inner)) => inner.clone(),
                    _ => Map::new(),
                };
                match self.target(text("name")).await {
                    Ok(target) => self.call_target(target, inner, answers).await,
                    Err(missing) => ToolOutcome::Failed(missing.into_failure()),
                }
            }
            _ => ToolOutcome::failed("unknown_tool", format!("unknown tool {:?}", clip(name))),
        })
    }

    /// What is computed for the caller, or why it is not.
    async fn computed(
        &self,
        is_brief: bool,
        job: impl Fn(&Work) -> Result<ToolOutcome, Interrupted> + Send + 'static,
    ) -> ToolOutcome {
        let done = computed(&*self.shared.caller, self.caller, is_brief, job).await;
        done.unwrap_or_else(ToolOutcome::Failed)
    }

    /// The tool of a name: one of the server itself, or of the catalogue.
    async fn target(&self, name: &str) -> Result<ToolTarget, MissingTool> {
        if let Some(own) = self.shared.own.get(name) {
            return Ok(ToolTarget::Own(Arc::clone(&own.tool)));
        }
        if let Some(tool) = self.view.by_mcp_name(name).filter(|tool| tool.is_offered()) {
            return Ok(ToolTarget::Catalogue(Arc::clone(tool)));
        }
        // The catalogue that the client works from only makes the error clearer, so nothing else reads it.
        let known = match self.known {
            Some(revision) => self.shared.views.at(revision, self.caller).await.ok(),
            None => None,
        };
        if let Some(failure) = self.shared.history.why_missing(name, &self.view, known.as_ref()) {
            return Err(MissingTool::Gone(failure));
        }
        let offered = self.view.offered(None).map(|tool| tool.mcp_name());
        let own = self.shared.own.keys().map(|name| &**name);
        let near = hint(name, own.chain(offered));
        Err(MissingTool::Unknown(format!("unknown tool {:?}{near}", clip(name))))
    }

    async fn call_target(
        &self,
        target: ToolTarget,
        arguments: JsonObject,
        answers: &BTreeMap<String, UserAnswer>,
    ) -> ToolOutcome {
        let name = target.name().to_owned();
        let (digest, input, output, tool) = match &target {
            ToolTarget::Catalogue(tool) => (
                tool.digest(),
                Arc::new(tool.input_schema().clone()),
                tool.output_schema().cloned().map(Arc::new),
                Some(Arc::clone(tool)),
            ),
            ToolTarget::Own(own) => (
                self.shared.own.get(&own.name).map_or(Digest::of_bytes(name.as_bytes()), |own| own.digest),
                Arc::new(Value::Object(own.input_schema.clone())),
                own.output_schema.clone().map(|schema| Arc::new(Value::Object(schema))),
                None,
            ),
        };
        let arguments = match self.fitting(&name, digest, &input, arguments, tool.as_deref()).await {
            Ok(arguments) => arguments,
            Err(failure) => return ToolOutcome::Failed(failure),
        };
        let call = ToolCall {
            target,
            arguments,
            caller: self.caller.clone(),
            revision: self.view.revision(),
            answers: answers.clone(),
        };
        let ms_max = self.shared.options.call_ms_max;
        // Made inside of the guarded future, so that a panic before the first wait is one of the call too.
        let called = AssertUnwindSafe(async move { self.shared.caller.call(call).await }).catch_unwind();
        let outcome = timeout(Duration::from_millis(ms_max), called).await;
        match outcome {
            Ok(Ok(ToolOutcome::Done(output_of_tool))) => {
                self.checked(&name, digest, output.as_ref(), output_of_tool).await
            }
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => {
                tracing::error!(tool = name, "call of a tool panicked");
                ToolOutcome::failed(
                    "internal",
                    format!("`{name}` failed with an internal error; the arguments are not the cause"),
                )
            }
            Err(_) => ToolOutcome::failed(
                "timed_out",
                format!("`{name}` did not answer within {ms_max} ms; ask for less, or try again later"),
            ),
        }
    }

    /// The arguments, if they fit the schema.
    async fn fitting(
        &self,
        name: &str,
        digest: Digest,
        schema: &Arc<Value>,
        arguments: JsonObject,
        tool: Option<&Tool>,
    ) -> Result<JsonObject, ToolFailure> {
        let value = Value::Object(arguments);
        let host = (&*self.shared.caller, self.caller);
        let (value, problems) =
            self.shared.schemas.problems(host, digest, SchemaSide::Input, schema, value).await?;
        if problems.is_empty() {
            return Ok(match value {
                Value::Object(arguments) => arguments,
                _ => Map::new(),
            });
        }
        let mut message = format!("invalid arguments of `{name}`: {}", problems.join("; "));
        if let Some(change) = tool.and_then(|tool| self.shared.history.of(tool, &self.view)) {
            message.push_str(&format!(
                ". It changed in revision {}: {}",
                change.revision,
                change.messages.join("; ")
            ));
        }
        let details = json!({"problems": problems, "inputSchema": **schema});
        Err(ToolFailure::new("invalid_arguments", message).with_details(details))
    }

    /// The output of a tool, if it fits the schema that the tool declares: a client refuses one that does not.
    async fn checked(
        &self,
        name: &str,
        digest: Digest,
        schema: Option<&Arc<Value>>,
        mut output: ToolOutput,
    ) -> ToolOutcome {
        let Some(schema) = schema else { return ToolOutcome::Done(output) };
        let Some(value) = output.structured.take() else {
            let message =
                format!("`{name}` answered without the structured content that its outputSchema declares");
            return ToolOutcome::failed("invalid_output", message);
        };
        let host = (&*self.shared.caller, self.caller);
        let compared = self.shared.schemas.problems(host, digest, SchemaSide::Output, schema, value).await;
        let (value, problems) = match compared {
            Ok(compared) => compared,
            // The code of the failure would say that nothing was done, and the tool was called.
            Err(ToolFailure { message, .. }) => {
                let message = format!(
                    "`{name}` was called, and its answer could not be compared with its outputSchema: {message}"
                );
                return ToolOutcome::failed("invalid_output", message);
            }
        };
        if problems.is_empty() {
            output.structured = Some(value);
            return ToolOutcome::Done(output);
        }
        let problems = problems.join("; ");
        ToolOutcome::failed(
            "invalid_output",
            format!("the answer of `{name}` does not match its outputSchema: {problems}"),
        )
    }
}

/// Why a name is of no tool that can be called.
enum MissingTool {
    /// It was one, and what to do instead is known.
    Gone(ToolFailure),
    /// Nothing is known of it.
    Unknown(String),
}

impl MissingTool {
    fn into_failure(self) -> ToolFailure {
        match self {
            Self::Gone(failure) => failure,
            Self::Unknown(message) => {
                ToolFailure::new("unknown_tool", format!("{message}; find tools with search_tools"))
            }
        }
    }
}

fn done(counts: &McpCounts, output: ToolOutput, view: &CatalogueView) -> CallToolResult {
    counts.call(CallClass::Success);
    let mut result = CallToolResult::success(vec![ContentBlock::text(output.text)]);
    result.structured_content = output.structured;
    let basis = output.revision.map(|revision| (revision, output.quarantined.as_slice()));
    result.with_meta(Some(MetaObject(revision_meta(view, basis))))
}

fn failed(counts: &McpCounts, failure: &ToolFailure, view: &CatalogueView) -> CallToolResult {
    counts.call(CallClass::of_failure(failure.code));
    let mut result = CallToolResult::error(vec![ContentBlock::text(failure.message.clone())]);
    result.structured_content = failure.structured.clone();
    let mut meta = revision_meta(view, None);
    meta.insert(CODE_KEY.to_owned(), json!(failure.code));
    result.with_meta(Some(MetaObject(meta)))
}
