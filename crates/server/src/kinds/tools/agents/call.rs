//! Calls of agents: functions of this server, and tools of the catalogue that are forwarded to their endpoints.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use midflight_core::RevisionNumber;
use midflight_engine::{DocumentWriter, Environment};
use midflight_http::agent_function::AgentFunction;
use midflight_http::app::AppState;
use midflight_http::principal::Principal;
use midflight_http::problem::ApiError;
use midflight_mcp::forward::{ForwardOptions, Forwarder, ResolveReference};
use midflight_mcp::{
    Computation, McpCaller, OwnTool, ToolCall, ToolCaller, ToolFailure, ToolOutcome, ToolOutput, ToolTarget,
    UserQuestion,
};
use midflight_tools::Tool;
use serde_json::Value;

use super::AgentContext;
use super::audited::AuditedCall;
use crate::kinds::tools::app::{ToolsApp, ToolsParts};
use crate::kinds::tools::compute::{ComputeBounds, computed};

/// The failures of calls that were not sent to their endpoint.
const NOT_SENT: [&str; 6] = [
    "address_not_allowed",
    "host_not_allowed",
    "invalid_arguments",
    "invalid_endpoint",
    "invalid_header",
    "not_forwarded",
];
/// The key under which a person agrees to a call.
const APPROVAL: &str = "approval";

/// How agents are served.
#[derive(Clone)]
pub(crate) struct AgentSettings {
    /// The key of what they hand back.
    pub(crate) seal_key: [u8; 32],
    /// What calls may be forwarded to.
    pub(crate) forward: ForwardOptions,
    /// The variables and files that documents may refer to.
    pub(crate) environment: Arc<dyn Environment>,
}

/// Calls tools for agents.
pub(super) struct AgentToolCaller {
    app: ToolsApp,
    functions: Vec<AgentFunction>,
    /// None where TLS cannot be set up.
    forwarder: Option<Forwarder>,
}

impl AgentToolCaller {
    pub(super) fn new(app: &AppState, parts: &ToolsParts) -> Self {
        let settings = &parts.agents;
        let references = Arc::new(ToolReferences(Arc::clone(&settings.environment)));
        let forwarder = Forwarder::new(settings.forward.clone(), references);
        if let Err(error) = &forwarder {
            tracing::error!(%error, "cannot forward calls of agents");
        }
        let functions = app.kinds.iter().flat_map(|kind| kind.functions(app)).collect();
        Self { app: ToolsApp::new(app.clone(), parts.clone()), functions, forwarder: forwarder.ok() }
    }

    async fn own(&self, tool: &OwnTool, principal: &Principal, call: ToolCall) -> ToolOutcome {
        let Some(function) = self.functions.iter().find(|function| *function.name == *tool.name) else {
            return ToolOutcome::failed(
                "tool_unknown",
                format!("unknown tool `{}`; list the tools again", tool.name),
            );
        };
        match function.call(principal.clone(), call.arguments).await {
            Ok(value) => {
                let revision = value.get("revision").and_then(Value::as_u64).map(RevisionNumber::new);
                let quarantined = value.get("quarantined").and_then(Value::as_array);
                let quarantined = quarantined.into_iter().flatten().filter_map(Value::as_u64);
                let quarantined = quarantined.map(RevisionNumber::new).collect();
                let output = ToolOutput::structured(value);
                ToolOutcome::Done(match revision {
                    Some(revision) => output.of_revision(revision, quarantined),
                    None => output,
                })
            }
            Err(error) => ToolOutcome::Failed(failed(&error)),
        }
    }

    async fn forward(&self, tool: &Tool, call: &ToolCall, audited: &AuditedCall) -> ToolOutcome {
        if tool.forward().is_none() {
            let place = tool.platform().map_or_else(String::new, |platform| format!(" ({platform})"));
            let message = format!(
                "`{}` is described by this catalogue and not run by it: its document has no `forward`; run it where it is \
                 installed{place}",
                tool.mcp_name()
            );
            return ToolOutcome::failed("not_forwarded", message);
        }
        // The endpoint is called with the secrets of the operator, and may change something.
        if audited.principal().is_anonymous() {
            let message = format!(
                "the call of `{}` is forwarded, which needs a token: configure this server with the header `Authorization: Bearer \
                 mf_...`",
                tool.mcp_name()
            );
            let outcome = ToolOutcome::failed("unauthenticated", message);
            audited.keep_refusal(&outcome);
            return outcome;
        }
        if needs_approval(tool) && !call.answers.contains_key(APPROVAL) {
            let message = format!("Allow the call of {}? {}", tool.mcp_name(), tool.description());
            let otherwise = format!(
                "`{}` needs the approval of a person, and this client cannot ask for it; ask your user to run it, or use a tool \
                 that needs none",
                tool.mcp_name()
            );
            return ToolOutcome::Asks(UserQuestion::approval(message, otherwise));
        }
        match &self.forwarder {
            Some(forwarder) => {
                let (begun, sent) = (Instant::now(), audited.forwarding());
                let outcome = forwarder.call(call).await;
                sent.ended(&outcome);
                self.count(tool, call, begun.elapsed(), &outcome);
                outcome
            }
            None => ToolOutcome::failed("not_forwarded", "this server cannot forward calls; see its log"),
        }
    }
}

impl AgentToolCaller {
    /// Counts a call that was sent to its endpoint.
    fn count(&self, tool: &Tool, call: &ToolCall, took: Duration, outcome: &ToolOutcome) {
        let is_success = match outcome {
            ToolOutcome::Done(_) => true,
            ToolOutcome::Failed(failure) if !NOT_SENT.contains(&failure.code) => false,
            _ => return,
        };
        let ToolsParts { metrics, telemetry, .. } = &self.app.parts;
        metrics.forwarded(took, is_success);
        if telemetry.forwarded(tool, &call.arguments, took, is_success) {
            metrics.used(&self.app.metrics, tool.id(), is_success);
        }
    }
}

/// Whether some way to use a tool needs the approval of a person. It does not name the pattern of a call.
fn needs_approval(tool: &Tool) -> bool {
    let patterns = tool.capabilities().iter().flat_map(|capability| &capability.patterns);
    patterns.into_iter().any(|pattern| pattern.policy.requires_approval)
}

fn failed(error: &ApiError) -> ToolFailure {
    let body = error.body();
    let mut message = body.detail.clone();
    for item in &body.errors {
        message += &format!("; at {}: {}", item.path, item.message);
    }
    ToolFailure::new(error.code(), message)
}

#[async_trait]
impl ToolCaller for AgentToolCaller {
    fn own_tools(&self) -> Vec<OwnTool> {
        let tool = |function: &AgentFunction| {
            OwnTool::new(function.name, function.description, function.input_schema.clone())
        };
        self.functions.iter().map(tool).collect()
    }

    async fn call(&self, call: ToolCall) -> ToolOutcome {
        let audited = AuditedCall::new(&self.app, &call);
        match call.target.clone() {
            ToolTarget::Own(tool) => {
                let outcome = self.own(&tool, audited.principal(), call).await;
                audited.keep_refusal(&outcome);
                outcome
            }
            ToolTarget::Catalogue(tool) => self.forward(&tool, &call, &audited).await,
            _ => ToolOutcome::failed(
                "tool_unknown",
                "this server does not know such tools; list the tools again",
            ),
        }
    }

    /// As the searches and selections of the API: what is brief at once, the rest in the pool as work of the caller.
    async fn compute(&self, caller: &McpCaller, computation: Computation) -> Result<(), ToolFailure> {
        let principal = AgentContext::principal_of(caller);
        let bounds = ComputeBounds::of_list(&self.app, "ask for less at once");
        let is_tried = computation.is_brief();
        let done = computed(&self.app, &principal, bounds, is_tried, move |work| computation.run(work)).await;
        done.map_err(|error| failed(&error))
    }
}

/// What documents may refer to, as configs may.
struct ToolReferences(Arc<dyn Environment>);

impl ResolveReference for ToolReferences {
    fn resolve(&self, reference: &str) -> Result<String, String> {
        match reference.split_once(':') {
            Some(("env", name)) => {
                let value = self.0.variable(name, DocumentWriter::Log)?;
                value.ok_or_else(|| format!("the variable {name} is not set on this replica"))
            }
            Some(("file", path)) => self.0.file(path, DocumentWriter::Log),
            _ => Err(format!("invalid reference {reference:?}: expected env:NAME or file:PATH")),
        }
    }
}
