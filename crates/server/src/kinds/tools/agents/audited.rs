//! Calls of agents in the audit. The request itself is answered with 200 whatever came of the call.

use midflight_http::app::AppState;
use midflight_http::audit::{ActionOutcome, AuditOrigin, CallerAction};
use midflight_http::principal::Principal;
use midflight_mcp::{ToolCall, ToolOutcome};

use super::{AgentContext, PATH};

/// The codes of refusals by this server.
const REFUSED: [&str; 2] = ["forbidden", "unauthenticated"];

/// Who calls which tool.
pub(super) struct AuditedCall {
    app: AppState,
    principal: Principal,
    origin: Option<AuditOrigin>,
    tool: String,
}

impl AuditedCall {
    pub(super) fn new(app: &AppState, call: &ToolCall) -> Self {
        Self {
            app: app.clone(),
            principal: AgentContext::principal_of(&call.caller),
            origin: AgentContext::of(&call.caller).map(|context| context.origin.clone()),
            tool: call.target.name().to_owned(),
        }
    }

    pub(super) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Keeps an outcome that is a refusal. Of a call that was not sent anywhere the audit has nothing else.
    pub(super) fn keep_refusal(&self, outcome: &ToolOutcome) {
        if let ToolOutcome::Failed(failure) = outcome
            && REFUSED.contains(&failure.code)
        {
            self.keep(ActionOutcome::Refused(failure.code));
        }
    }

    /// The call, which is being sent to its endpoint.
    pub(super) fn forwarding(&self) -> ForwardedCall<'_> {
        ForwardedCall { call: self, is_open: true }
    }

    fn keep(&self, outcome: ActionOutcome<'_>) {
        self.app.audit_action(&CallerAction {
            principal: &self.principal,
            origin: self.origin.as_ref(),
            action: &format!("POST {PATH} tools/call"),
            target: &format!("{PATH}/{}", self.tool),
            outcome,
        });
    }
}

/// A call that is being sent to its endpoint. Dropped before it was answered, it comes to an entry too: the endpoint may
/// have done what was asked for.
pub(super) struct ForwardedCall<'a> {
    call: &'a AuditedCall,
    is_open: bool,
}

impl ForwardedCall<'_> {
    /// Keeps what came of it.
    pub(super) fn ended(mut self, outcome: &ToolOutcome) {
        self.is_open = false;
        match outcome {
            ToolOutcome::Done(_) => self.call.keep(ActionOutcome::Success),
            ToolOutcome::Failed(failure) => self.call.keep(ActionOutcome::Failed(failure.code)),
            // Nothing was done: it is called again with the answer.
            _ => {}
        }
    }
}

impl Drop for ForwardedCall<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.call.keep(ActionOutcome::Unknown);
        }
    }
}
