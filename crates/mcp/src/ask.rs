//! Questions to the user of a client: a form elicitation in either era, or none.

use std::collections::BTreeMap;

use midflight_core::{Digest, RevisionNumber};
use rmcp::model::{
    ClientCapabilities, ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction,
    ElicitationSchema, InputRequest, InputRequiredResult, InputResponses, JsonObject, MetaObject,
    ProtocolVersion,
};
use rmcp::service::{Peer, RequestContext};
use rmcp::{ErrorData, RoleServer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::seal::SealPurpose;
use crate::shared::McpShared;
use crate::{McpCaller, ToolFailure, UserAnswer, UserQuestion};

/// The key of the one question that an answer asks.
const INPUT: &str = "ask";

/// How the user of a client can be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AskingWay {
    /// By an answer that asks, and a call that is repeated with what was answered (since 2026-07-28).
    ByResult,
    /// By a request to the client, while the call waits (until 2025-11-25).
    ByRequest,
    /// Not at all.
    None,
}

impl AskingWay {
    pub(crate) fn of(context: &RequestContext<RoleServer>) -> Self {
        let shows_forms = context.client_capabilities().is_some_and(|client| shows_forms(&client));
        match (shows_forms, is_modern(context)) {
            (false, _) => Self::None,
            (true, true) => Self::ByResult,
            (true, false) => Self::ByRequest,
        }
    }
}

/// Whether a client shows forms. One that declares neither forms nor URLs shows forms: it is of the time before URLs.
pub(crate) fn shows_forms(client: &ClientCapabilities) -> bool {
    client
        .elicitation
        .as_ref()
        .is_some_and(|elicitation| elicitation.form.is_some() || elicitation.url.is_none())
}

/// Whether a request is of the new era.
pub(crate) fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

/// What a call that asked has so far.
#[derive(Default)]
pub(crate) struct CallProgress {
    /// The revision that the call began with; none when it begins.
    pub(crate) revision: Option<RevisionNumber>,
    pub(crate) answers: BTreeMap<String, UserAnswer>,
    /// How many questions were asked.
    pub(crate) asked: usize,
}

/// The same, as the client carries it.
#[derive(Serialize, Deserialize)]
struct CallState {
    revision: u64,
    key: String,
    answers: BTreeMap<String, UserAnswer>,
    asked: usize,
}

/// What a user did with a question.
pub(crate) enum UserAction {
    Accepted(UserAnswer),
    /// They declined or cancelled; or the client failed.
    Not(ToolFailure),
}

/// What a call is bound to: its caller, its tool and its arguments.
fn context_of(name: &str, arguments: &JsonObject) -> [String; 2] {
    [name.to_owned(), Digest::of_body(&Value::Object(arguments.clone())).to_string()]
}

/// Asks by an answer. `progress` is of the call, with the revision it began with.
pub(crate) fn by_result(
    shared: &McpShared,
    caller: &McpCaller,
    (name, arguments): (&str, &JsonObject),
    ask: &UserQuestion,
    progress: CallProgress,
    meta: JsonObject,
) -> Result<InputRequiredResult, ErrorData> {
    let state = CallState {
        revision: progress.revision.map_or(0, RevisionNumber::get),
        key: ask.key.clone(),
        answers: progress.answers,
        asked: progress.asked + 1,
    };
    let [name, digest] = context_of(name, arguments);
    let context = [&*caller.name, &name, &digest];
    let sealed = shared.sealer.seal(SealPurpose::Question, &context, &state, shared.ask_ttl());
    let request = InputRequest::Elicitation(ElicitRequest::new(form(ask)?));
    let requests = BTreeMap::from([(INPUT.to_owned(), request)]);
    Ok(InputRequiredResult::new(Some(requests), sealed).with_meta(MetaObject(meta)))
}

/// What the repeated call of a client has so far.
pub(crate) fn resume(
    shared: &McpShared,
    caller: &McpCaller,
    (name, arguments): (&str, &JsonObject),
    sealed: &str,
    responses: Option<InputResponses>,
) -> Result<Result<CallProgress, ToolFailure>, ErrorData> {
    let [name, digest] = context_of(name, arguments);
    let context = [&*caller.name, &name, &digest];
    let opened = shared.sealer.open::<CallState>(SealPurpose::Question, &context, sealed);
    let state = opened.map_err(|_| {
        ErrorData::invalid_params(
            "invalid requestState: it expired or is not of this call; call again without it",
            None,
        )
    })?;
    let mut progress = CallProgress {
        revision: Some(RevisionNumber::new(state.revision)),
        answers: state.answers,
        asked: state.asked,
    };
    let response = responses.and_then(|mut responses| responses.remove(INPUT));
    // Without an answer the question is asked again.
    let Some(response) = response else { return Ok(Ok(progress)) };
    let result: ElicitResult = serde_json::from_value(response).map_err(|error| {
        ErrorData::invalid_params(format!("invalid inputResponses[\"{INPUT}\"]: {error}"), None)
    })?;
    Ok(match answered(result) {
        UserAction::Accepted(answer) => {
            progress.answers.insert(state.key, answer);
            Ok(progress)
        }
        UserAction::Not(failure) => Err(failure),
    })
}

/// Asks by a request, and waits for the answer.
pub(crate) async fn by_request(
    shared: &McpShared,
    peer: &Peer<RoleServer>,
    ask: &UserQuestion,
) -> Result<UserAction, ErrorData> {
    let asked = peer.create_elicitation_with_timeout(form(ask)?, Some(shared.ask_ttl())).await;
    Ok(match asked {
        Ok(result) => answered(result),
        Err(error) => {
            let message = format!("the user could not be asked ({error}): {}", ask.otherwise);
            UserAction::Not(ToolFailure::new("not_answered", message))
        }
    })
}

fn answered(result: ElicitResult) -> UserAction {
    match result.action {
        ElicitationAction::Accept => {
            let content = match result.content {
                Some(Value::Object(content)) => content,
                _ => Map::new(),
            };
            UserAction::Accepted(UserAnswer { content })
        }
        ElicitationAction::Decline => UserAction::Not(ToolFailure::new(
            "declined",
            "the user declined; do not call the tool again without a new reason",
        )),
        _ => UserAction::Not(ToolFailure::new(
            "cancelled",
            "the user cancelled the question; nothing was done",
        )),
    }
}

fn form(ask: &UserQuestion) -> Result<ElicitRequestParams, ErrorData> {
    let requested_schema: ElicitationSchema =
        serde_json::from_value(ask.schema.clone()).map_err(|error| {
            tracing::error!(%error, key = ask.key, "form of a question is invalid");
            ErrorData::internal_error(format!("the form of the question {:?} is invalid", ask.key), None)
        })?;
    Ok(ElicitRequestParams::FormElicitationParams {
        meta: None,
        message: ask.message.clone(),
        requested_schema,
    })
}
